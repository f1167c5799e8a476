//! What a program says of a configuration file, and how that is written down.

use std::fmt;
use std::str::FromStr;

/// Whether a file is a good configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file can be run, whatever warnings there are.
    Accepts,
    /// It cannot. The line, from 1, is that of the first error; 0 if that error names none.
    Refuses(u32),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Accepts => write!(f, "accepts"),
            Verdict::Refuses(line) => write!(f, "refuses {line}"),
        }
    }
}

impl FromStr for Verdict {
    type Err = String;

    fn from_str(text: &str) -> Result<Verdict, String> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["accepts"] => Ok(Verdict::Accepts),
            ["refuses", line] => match line.parse() {
                Ok(line) => Ok(Verdict::Refuses(line)),
                Err(why) => Err(format!("`{line}` is no line: {why}")),
            },
            _ => Err(format!("`{text}` is neither `accepts` nor `refuses LINE`")),
        }
    }
}

/// A configuration and what HAProxy says of it.
pub struct Case {
    /// `area/name`: what reports and `allowed.txt` call it.
    pub name: String,
    /// The file, byte for byte, once [`Folder::fill_in`](super::folder::Folder::fill_in) has
    /// replaced the placeholders.
    pub text: Vec<u8>,
    /// `None` until it has been recorded.
    pub recorded: Option<Verdict>,
}
