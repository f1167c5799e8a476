//! A line of the runtime socket, taken apart.
//!
//! In: a line. Out: its commands, each as words, and whether a payload follows. `;` divides commands, blanks
//! divide words, a backslash takes the meaning from the character behind it. A last word `<<` announces
//! lines up to an empty one, `<<END` lines up to one that is `END`.
//!
//! Limits: [`WORDS_MAX`] words in a command, [`COMMANDS_MAX`] commands in a line.

/// Words in a command.
pub const WORDS_MAX: usize = 64;

/// Commands in a line.
pub const COMMANDS_MAX: usize = 256;

/// A command as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Its words.
    pub words: Vec<String>,
    /// The line that ends its payload, if it has one.
    pub payload_end: Option<String>,
}

/// Why a line is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// More than [`WORDS_MAX`] words.
    Words,
    /// More than [`COMMANDS_MAX`] commands.
    Commands,
}

impl Fault {
    /// As the client reads it.
    pub fn message(self) -> String {
        match self {
            Fault::Words => format!("A command has at most {WORDS_MAX} words; nothing was done."),
            Fault::Commands => {
                format!("A line has at most {COMMANDS_MAX} commands; nothing was done.")
            }
        }
    }
}

/// Takes a line apart. Commands of no word are left out.
///
/// # Errors
/// See `Fault`.
pub fn split(line: &str) -> Result<Vec<Request>, Fault> {
    let mut all = Vec::new();
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    loop {
        let next = chars.next();
        match next {
            Some('\\') => word.get_or_insert_default().extend(chars.next()),
            Some(' ' | '\t' | ';' | '\r') | None => {
                if let Some(word) = word.take() {
                    if words.len() == WORDS_MAX {
                        return Err(Fault::Words);
                    }
                    words.push(word);
                }
            }
            Some(other) => word.get_or_insert_default().push(other),
        }
        if matches!(next, Some(';') | None) {
            let words = std::mem::take(&mut words);
            if !words.is_empty() {
                if all.len() == COMMANDS_MAX {
                    return Err(Fault::Commands);
                }
                all.push(request(words));
            }
        }
        if next.is_none() {
            return Ok(all);
        }
    }
}

fn request(mut words: Vec<String>) -> Request {
    let payload_end = words.last().and_then(|last| last.strip_prefix("<<")).map(str::to_owned);
    if payload_end.is_some() {
        words.pop();
    }
    Request { words, payload_end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<String>> {
        split(line).expect("a line").into_iter().map(|it| it.words).collect()
    }

    #[test]
    fn commands_and_words_are_divided() {
        assert_eq!(words("show info;  show\tstat "), [vec!["show", "info"], vec!["show", "stat"]]);
        assert_eq!(
            words(r"add map #1 a\;b c\ d \\"),
            [vec!["add", "map", "#1", "a;b", "c d", "\\"]]
        );
        assert!(words(" ;; ;").is_empty() && words("").is_empty());
        assert_eq!(words("a\\"), [vec!["a"]]);
        assert_eq!(words("help\r"), [vec!["help"]]);
    }

    #[test]
    fn a_payload_is_announced() {
        let all = split("show info; set ssl cert a.pem <<").expect("a line");
        assert_eq!(all[0].payload_end, None);
        assert_eq!(all[1].payload_end.as_deref(), Some(""));
        assert_eq!(all[1].words, ["set", "ssl", "cert", "a.pem"]);
        let all = split("add map #0 <<END").expect("a line");
        assert_eq!(all[0].payload_end.as_deref(), Some("END"));
    }

    #[test]
    fn there_are_limits() {
        assert!(split(&"a ".repeat(WORDS_MAX)).is_ok());
        assert_eq!(split(&"a ".repeat(WORDS_MAX + 1)), Err(Fault::Words));
        assert!(split(&"a;".repeat(COMMANDS_MAX)).is_ok());
        assert_eq!(split(&"a;".repeat(COMMANDS_MAX + 1)), Err(Fault::Commands));
    }
}
