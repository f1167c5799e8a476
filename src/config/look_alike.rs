//! Characters that look like something of the language, or like nothing at all, and are neither.
//!
//! They come from word processors and web pages. The language takes them as letters, so a word that
//! holds one is seldom the word that its author sees.

/// What is known of such a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookAlike {
    /// What it is called.
    pub name: &'static str,
    /// What it does not do, or should not.
    pub problem: &'static str,
    /// What to write.
    pub help: &'static str,
    /// Whether it looks like a blank or like nothing.
    pub unseen: bool,
    /// Whether it may well be meant between quotes.
    pub fine_in_quotes: bool,
}

const BLANK: LookAlike = LookAlike {
    name: "a blank of another kind",
    problem: "does not divide words",
    help: "write a plain space, or quotes around the word if it is meant",
    unseen: true,
    fine_in_quotes: true,
};

const INVISIBLE: LookAlike = LookAlike {
    name: "an invisible character",
    problem: "is part of this word",
    help: "delete it",
    unseen: true,
    fine_in_quotes: false,
};

const QUOTE: LookAlike = LookAlike {
    name: "a typographic quote",
    problem: "does not quote",
    help: "write a plain \" or '",
    unseen: false,
    fine_in_quotes: true,
};

/// Whether a character is such a one, and which.
pub fn find(character: char) -> Option<LookAlike> {
    Some(match character {
        _ if character.is_ascii() => return None,
        '\u{a0}' => LookAlike { name: "a no-break space", ..BLANK },
        '\u{feff}' => LookAlike { name: "a byte-order mark", ..INVISIBLE },
        '\u{ad}' => LookAlike { name: "a soft hyphen", ..INVISIBLE },
        '\u{200b}'..='\u{200d}' | '\u{2060}' => INVISIBLE,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            LookAlike { name: "a mark that changes the direction of writing", ..INVISIBLE }
        }
        '\u{2018}'..='\u{201f}' => QUOTE,
        _ if character.is_whitespace() => BLANK,
        _ => return None,
    })
}
