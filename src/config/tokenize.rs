//! A line's text to words (HAProxy 3.0, configuration.txt §2.2 and §2.3).
//!
//! In: the text of one line without its end, and the environment. Out: the words, unquoted,
//! unescaped and expanded, each with its place; or the fault, with its place.
//!
//! Limits: [`WORDS_MAX`] words a line.

use std::fmt;
use std::ops::Range;

/// HAProxy's `MAX_LINE_ARGS`.
pub const WORDS_MAX: usize = 64;

/// How many bytes the variables of a line may bring: what a line may have. Without a limit, a few
/// lines `setenv A "$A$A"` would fill the memory.
pub const EXPANSION_MAX: usize = 128 << 10;

/// A word before it knows its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word.
    pub text: String,
    /// Bytes of the line.
    pub range: Range<usize>,
}

/// Why a line has no words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A quote that nothing closes.
    OpenQuote(char),
    /// `\x` without two hexadecimal digits behind it.
    Hex,
    /// `\x..` that makes no character: a byte above 0x7f, or a NUL.
    Byte(u8),
    /// `$` in double quotes that no name follows.
    VariableName,
    /// `${` without `}`.
    OpenBrace,
    /// `${NAME[` that is not `${NAME[*]}`.
    Expansion,
    /// More than [`WORDS_MAX`] words.
    TooManyWords,
    /// Variables that bring more than [`EXPANSION_MAX`] bytes.
    Expanded,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::OpenQuote('\'') => f.write_str("this single quote is never closed"),
            Fault::OpenQuote(_) => f.write_str("this double quote is never closed"),
            Fault::Hex => f.write_str("`\\x` needs two hexadecimal digits"),
            Fault::Byte(0) => f.write_str("`\\x00` cannot stand in a word"),
            Fault::Byte(byte) => write!(f, "`\\x{byte:02x}` is no character of its own"),
            Fault::VariableName => f.write_str("`$` in double quotes needs the name of a variable"),
            Fault::OpenBrace => f.write_str("`${` needs a `}` behind the variable's name"),
            Fault::Expansion => f.write_str("only `[*]` may stand behind a variable's name"),
            Fault::TooManyWords => write!(f, "more than {WORDS_MAX} words on one line"),
            Fault::Expanded => {
                write!(f, "the variables of this line bring more than {EXPANSION_MAX} bytes")
            }
        }
    }
}

impl Fault {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Fault::OpenQuote(_) => {
                "close it on the same line, or write a backslash before it if it is meant literally"
            }
            Fault::Hex => "write a backslash as `\\\\`",
            Fault::Byte(_) => "write the character itself, in UTF-8",
            Fault::VariableName | Fault::Expansion => {
                "write `\\$` for a dollar sign, or use single quotes"
            }
            Fault::OpenBrace => "close the brace",
            Fault::Expanded => "set the variable to less",
            Fault::TooManyWords => "divide the line, or move the values into a file (`-f`)",
        }
    }
}

/// Cuts a line into words. `lookup` gives the value of a variable.
///
/// # Errors
/// The first fault, and the bytes of the line it lies in.
pub fn tokenize(
    line: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Token>, (Fault, Range<usize>)> {
    let mut tokenizer = Tokenizer {
        line,
        at: 0,
        quote: None,
        word: None,
        words: Vec::new(),
        expanded: 0,
        lookup: &lookup,
    };
    tokenizer.run()?;
    Ok(tokenizer.words)
}

/// What divides words: C's blanks but for the ends of lines.
const BLANKS: [char; 4] = [' ', '\t', '\x0b', '\x0c'];

struct Tokenizer<'a> {
    line: &'a str,
    at: usize,
    /// The quote that is open, and where it stands.
    quote: Option<(char, usize)>,
    /// The word being made: text and start.
    word: Option<(String, usize)>,
    words: Vec<Token>,
    /// How many bytes variables brought.
    expanded: usize,
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

type Result1 = Result<(), (Fault, Range<usize>)>;

impl Tokenizer<'_> {
    fn run(&mut self) -> Result1 {
        while let Some(next) = self.line[self.at..].chars().next() {
            let inside = self.quote.map(|(quote, _)| quote);
            match (next, inside) {
                ('\'', Some('\'')) | ('"', Some('"')) => self.close(),
                ('\'' | '"', None) => self.open(next),
                ('\\', None | Some('"')) => self.escape()?,
                ('$', Some('"')) => self.variable()?,
                (blank, None) if BLANKS.contains(&blank) => {
                    self.end_word()?;
                    self.at += 1;
                }
                ('#', None) => break,
                _ => {
                    self.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
        if let Some((quote, at)) = self.quote {
            return Err((Fault::OpenQuote(quote), at..at + 1));
        }
        self.end_word()
    }

    fn current(&mut self) -> &mut String {
        let at = self.at;
        &mut self.word.get_or_insert_with(|| (String::new(), at)).0
    }

    fn push(&mut self, character: char) {
        self.current().push(character);
    }

    fn open(&mut self, quote: char) {
        self.current();
        self.quote = Some((quote, self.at));
        self.at += 1;
    }

    fn close(&mut self) {
        self.quote = None;
        self.at += 1;
    }

    fn end_word(&mut self) -> Result1 {
        let Some((text, start)) = self.word.take() else { return Ok(()) };
        if self.words.len() == WORDS_MAX {
            return Err((Fault::TooManyWords, start..self.at));
        }
        self.words.push(Token { text, range: start..self.at });
        Ok(())
    }

    /// A backslash outside single quotes. One that begins no escape stands for itself.
    fn escape(&mut self) -> Result1 {
        let (character, length) = match self.line.as_bytes().get(self.at + 1) {
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'x') => (self.hex()?, 4),
            Some(&byte @ (b' ' | b'\t' | b'#' | b'\\' | b'\'' | b'"' | b'$')) => {
                (char::from(byte), 2)
            }
            _ => ('\\', 1),
        };
        self.push(character);
        self.at += length;
        Ok(())
    }

    fn hex(&self) -> Result<char, (Fault, Range<usize>)> {
        let digits = self.line.get(self.at + 2..self.at + 4);
        let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|text| u8::from_str_radix(text, 16).ok());
        let range = self.at..(self.at + 4).min(self.line.len());
        match byte {
            Some(byte @ 1..=0x7f) => Ok(char::from(byte)),
            Some(byte) => Err((Fault::Byte(byte), range)),
            None => Err((Fault::Hex, self.at..self.at + 2)),
        }
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}` inside double quotes.
    fn variable(&mut self) -> Result1 {
        let start = self.at;
        let brace = self.line[start + 1..].starts_with('{');
        let name_at = start + 1 + usize::from(brace);
        let name = variable_name(&self.line[name_at..]);
        if name.is_empty() {
            return Err((Fault::VariableName, start..start + 1));
        }
        let mut end = name_at + name.len();
        let (mut default, mut split) = (None, false);
        if brace {
            if self.line[end..].starts_with('[') {
                if !self.line[end..].starts_with("[*]") {
                    return Err((Fault::Expansion, start..end + 1));
                }
                (split, end) = (true, end + 3);
            }
            let close = self.line[end..].find('}').map(|at| end + at);
            let close = close.ok_or((Fault::OpenBrace, start..name_at))?;
            match self.line[end..close].strip_prefix('-') {
                Some(text) => default = Some(text.to_owned()),
                None if close == end => {}
                None => return Err((Fault::OpenBrace, start..close)),
            }
            end = close + 1;
        }
        let value = (self.lookup)(name).or(default).unwrap_or_default();
        self.expanded += value.len();
        if self.expanded > EXPANSION_MAX {
            return Err((Fault::Expanded, start..end));
        }
        self.current();
        if split {
            self.insert_words(&value, end)?;
        } else {
            self.current().push_str(&value);
        }
        self.at = end;
        Ok(())
    }

    /// Every space of the value ends a word.
    fn insert_words(&mut self, value: &str, end: usize) -> Result1 {
        let start = self.at;
        for (index, part) in value.split(' ').filter(|part| !part.is_empty()).enumerate() {
            if index > 0 {
                self.at = end;
                self.end_word()?;
                self.at = start;
            }
            self.current().push_str(part);
        }
        Ok(())
    }
}

/// The longest name at the start of `text`; pseudo-variables begin with a dot.
fn variable_name(text: &str) -> &str {
    let rest = text.strip_prefix('.').unwrap_or(text);
    if !rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return "";
    }
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = rest.find(|c| !name(c)).unwrap_or(rest.len());
    &text[..text.len() - rest.len() + end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let lookup = |name: &str| match name {
            "A" => Some("x y".to_owned()),
            "EMPTY" => Some(String::new()),
            ".LINE" => Some("7".to_owned()),
            _ => None,
        };
        tokenize(line, lookup).expect(line).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn quotes_and_escapes_are_taken_off() {
        assert_eq!(words("a  b\tc\x0c\x0bd # e"), ["a", "b", "c", "d"]);
        assert_eq!(
            words(r#"log-format "%{+Q}o %t"' %s'\ %{-Q}r"#),
            ["log-format", "%{+Q}o %t %s %{-Q}r"]
        );
        assert_eq!(words(r#"\x41\n\#\"\'\\\d"#), ["A\n#\"'\\\\d"]);
        assert_eq!(words(r#"'\x41' "" ''"#), ["\\x41", "", ""]);
        assert_eq!(words("#"), [""; 0]);
    }

    #[test]
    fn variables_are_expanded_in_double_quotes_only() {
        assert_eq!(words(r#"$A '$A' "$A" "${A}b""#), ["$A", "$A", "x y", "x yb"]);
        assert_eq!(
            words(r#""${A[*]}" "${B-d e}" "${EMPTY-d}" "${.LINE}" "\$A""#),
            ["x", "y", "d e", "", "7", "$A"]
        );
    }

    #[test]
    fn faults_have_places() {
        let fault = |line| tokenize(line, |_| None).expect_err("a fault");
        assert_eq!(fault("a 'b"), (Fault::OpenQuote('\''), 2..3));
        assert_eq!(fault("a \"b c"), (Fault::OpenQuote('"'), 2..3));
        assert_eq!(fault("a \\xg0"), (Fault::Hex, 2..4));
        assert_eq!(fault("a \\xff"), (Fault::Byte(0xff), 2..6));
        assert_eq!(fault("a \"$\""), (Fault::VariableName, 3..4));
        assert_eq!(fault("a \"${B\""), (Fault::OpenBrace, 3..5));
        assert_eq!(fault(&"a ".repeat(65)).0, Fault::TooManyWords);
        let long = |_: &str| Some("x".repeat(EXPANSION_MAX / 2));
        assert!(tokenize("\"$A$A\"", long).is_ok());
        let fault = tokenize("a \"$A$A$A\"", long).expect_err("a fault");
        assert_eq!(fault, (Fault::Expanded, 7..9));
    }
}
