//! What an agent says about its server (HAProxy 3.0, configuration.txt, `agent-check`).
//!
//! In: one line of words, divided by blanks, tabs or commas, ended by CR or LF. Out: what it asks for. A
//! word that means nothing is told and changes nothing.

use super::{Status, printable};

/// What an agent asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// `up`, `down` and its synonyms: whether the server is fine, and what it said.
    pub health: Option<bool>,
    /// `ready`, `drain`, `maint`.
    pub admin: Option<Wish>,
    /// `75%`: its weight in per cent of the configured one (100 at most are usual, 25 600 the limit).
    pub weight_percent: Option<u32>,
    /// `maxconn:30`.
    pub maxconn: Option<u32>,
    /// What stands behind `down`, `fail`, `#`.
    pub info: String,
    /// The first word that means nothing.
    pub nonsense: Option<String>,
    /// The word that gave `health`.
    pub word: &'static str,
}

/// What becomes of the server's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It serves.
    Ready,
    /// Nobody new.
    Drain,
    /// Nobody.
    Maint,
}

/// The largest weight in per cent: 256 of a configured 1.
const PERCENT_MAX: u32 = 25_600;

/// Reads what came; `None` as long as the line has no end, unless `ended`.
pub fn parse(bytes: &[u8], ended: bool) -> Option<Advice> {
    let end = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r');
    let line = match end {
        Some(end) => bytes.get(..end)?,
        None if ended => bytes,
        None => return None,
    };
    let mut advice = Advice::default();
    let (words, said) = match line.iter().position(|&byte| byte == b'#') {
        Some(at) => line.split_at(at),
        None => (line, &[][..]),
    };
    advice.info = printable(said.get(1..).unwrap_or_default());
    for word in words.split(|&byte| matches!(byte, b' ' | b'\t' | b',')) {
        if !word.is_empty() {
            advice.take(word);
        }
    }
    Some(advice)
}

impl Advice {
    fn take(&mut self, word: &[u8]) {
        let lower = word.to_ascii_lowercase();
        let text = std::str::from_utf8(&lower).unwrap_or_default();
        match text {
            "up" => (self.health, self.word) = (Some(true), "up"),
            "down" => (self.health, self.word) = (Some(false), "down"),
            "fail" => (self.health, self.word) = (Some(false), "fail"),
            "failed" => (self.health, self.word) = (Some(false), "failed"),
            "stopped" => (self.health, self.word) = (Some(false), "stopped"),
            "ready" => self.admin = Some(Wish::Ready),
            "drain" => self.admin = Some(Wish::Drain),
            "maint" => self.admin = Some(Wish::Maint),
            _ => match (text.strip_suffix('%'), text.strip_prefix("maxconn:")) {
                (Some(number), _) if number.parse::<u32>().is_ok_and(|it| it <= PERCENT_MAX) => {
                    self.weight_percent = number.parse().ok();
                }
                (_, Some(number)) if number.parse::<u32>().is_ok() => {
                    self.maxconn = number.parse().ok();
                }
                _ if self.nonsense.is_none() => self.nonsense = Some(printable(word)),
                _ => {}
            },
        }
    }

    /// Whether it says anything at all that has a meaning.
    pub fn is_known(&self) -> bool {
        self.health.is_some()
            || self.admin.is_some()
            || self.weight_percent.is_some()
            || self.maxconn.is_some()
    }

    /// As the result of a check: HAProxy's status for it. What means nothing is an invalid
    /// response, which counts for nothing.
    pub fn status(&self) -> Status {
        match self.health {
            Some(false) => Status::L7Status,
            _ if self.is_known() => Status::L7Passed,
            _ => Status::L7Response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(text: &str) -> Advice {
        parse(text.as_bytes(), true).expect("a line")
    }

    #[test]
    fn words_of_the_manual_are_known() {
        assert_eq!(advice("up\n").health, Some(true));
        for word in ["down", "FAIL", "failed", "stopped"] {
            assert_eq!(advice(word).health, Some(false), "{word}");
        }
        let all = advice("ready, 75% up maxconn:30 # all is well\r\nignored");
        assert_eq!(all.admin, Some(Wish::Ready));
        assert_eq!((all.weight_percent, all.maxconn, all.health), (Some(75), Some(30), Some(true)));
        assert_eq!((&*all.info, all.status()), ("all is well", Status::L7Passed));
        assert_eq!(advice("drain").admin, Some(Wish::Drain));
        assert_eq!(advice("maint").admin, Some(Wish::Maint));
    }

    #[test]
    fn a_line_without_an_end_waits() {
        assert_eq!(parse(b"up", false), None);
        assert!(parse(b"up\n", false).is_some());
    }

    #[test]
    fn nonsense_changes_nothing() {
        for text in ["", "hello", "-5%", "999999%", "maxconn:", "maxconn:-1", "%", "\u{0}\u{1}"] {
            let advice = advice(text);
            assert!(!advice.is_known(), "{text:?}: {advice:?}");
            assert_eq!(advice.status(), Status::L7Response);
        }
        let mixed = advice("blah down");
        assert_eq!((mixed.health, mixed.nonsense.as_deref()), (Some(false), Some("blah")));
        assert!(!parse(&[0xff; 100], true).expect("a line").is_known());
    }
}
