//! Files of patterns (HAProxy 3.0, configuration.txt §2.7 and §7.1).
//!
//! In: the word behind `-f`, and where files come from. Out: the patterns, a line each.

use std::collections::BTreeMap;
use std::io;

use crate::config::source::Files;

/// What the word behind `-f` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path<'w> {
    /// A file that must be there.
    File(&'w str),
    /// A file that may be there.
    Optional(&'w str),
    /// No file: a list that is empty until somebody adds to it at run time.
    Virtual(&'w str),
}

impl<'w> Path<'w> {
    /// Takes off the prefix.
    pub fn new(word: &'w str) -> Path<'w> {
        if let Some(path) = word.strip_prefix("opt@") {
            Path::Optional(path)
        } else if word.starts_with("virt@") {
            Path::Virtual(word)
        } else {
            Path::File(word.strip_prefix("file@").unwrap_or(word))
        }
    }

    /// The name by which it is the same list elsewhere.
    pub fn name(self) -> &'w str {
        match self {
            Path::File(name) | Path::Optional(name) | Path::Virtual(name) => name,
        }
    }
}

/// The lists that were read, by name, and whether each has two columns (`-M`): a list cannot be both.
pub type Shapes = BTreeMap<String, bool>;

/// The lines of a list, each with its number from 1. With two columns (`map`) only the first counts.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read(path: Path<'_>, map: bool, files: &dyn Files) -> io::Result<Vec<(usize, String)>> {
    let bytes = match path {
        Path::File(name) => files.read(name)?,
        Path::Optional(name) => match files.read(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        },
        Path::Virtual(_) => Vec::new(),
    };
    let text = String::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let pattern = pattern(line, map)?;
        Some((index + 1, pattern.to_owned()))
    });
    Ok(lines.collect())
}

/// The pattern of a line, if it has one. Blanks at its end belong to it, unless a second column does.
fn pattern(line: &str, map: bool) -> Option<&str> {
    if line.starts_with('#') {
        return None;
    }
    let line = line.split('\r').next().unwrap_or_default().trim_start_matches([' ', '\t']);
    let line = match map {
        true => line.split([' ', '\t']).next().unwrap_or_default(),
        false => line,
    };
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::MemoryFiles;

    fn lines(word: &str, map: bool) -> io::Result<Vec<(usize, String)>> {
        let mut files = MemoryFiles::default();
        files.0.insert("a".into(), b"# c\n\n /a\r\n\t/b  c \n#/d\n /#x".to_vec());
        files.0.insert("latin".into(), b"\xe4".to_vec());
        read(Path::new(word), map, &files)
    }

    #[test]
    fn comments_and_blanks_are_left_out() {
        let owned = |texts: &[(usize, &str)]| -> Vec<(usize, String)> {
            texts.iter().map(|(line, text)| (*line, (*text).to_owned())).collect()
        };
        let all = owned(&[(3, "/a"), (4, "/b  c "), (6, "/#x")]);
        assert_eq!(lines("a", false).expect("a file"), all);
        assert_eq!(lines("file@a", false).expect("a file"), all);
        assert_eq!(
            lines("opt@a", true).expect("a file"),
            owned(&[(3, "/a"), (4, "/b"), (6, "/#x")])
        );
        assert_eq!(lines("opt@none", false).expect("nothing"), []);
        assert_eq!(lines("virt@none", false).expect("nothing"), []);
        assert_eq!(lines("none", false).expect_err("no file").kind(), io::ErrorKind::NotFound);
        assert_eq!(lines("latin", false).expect_err("latin").kind(), io::ErrorKind::InvalidData);
    }
}
