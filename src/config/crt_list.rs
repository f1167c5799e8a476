//! `crt-list` files: certificates with options and names (HAProxy 3.0, configuration.txt §5.1).
//!
//! In: the text. Out: an [`Entry`] a line, and what is wrong by line number.
//!
//! Limits: [`LINE_MAX`] bytes a line.

use super::args::shown_text;
use super::nearest::{did_you_mean, nearest};

/// How long a line may be (HAProxy's `CRT_LINESIZE`).
pub const LINE_MAX: usize = 65_536;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub line: usize,
    /// The certificate's path, as written.
    pub path: Box<str>,
    /// The words between the brackets: options and their values.
    pub options: Vec<Box<str>>,
    /// The names it is for; with `!` those it is not for. Empty: those in the certificate.
    pub names: Vec<Box<str>>,
}

impl Entry {
    /// Whether an option stands there.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|word| &**word == option)
    }

    /// The options that have a value, with it.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut words = self.options.iter();
        std::iter::from_fn(move || {
            loop {
                let option = words.next()?;
                if OPTIONS.iter().any(|(name, value)| *value && *name == &**option) {
                    return Some((&**option, &**words.next()?));
                }
            }
        })
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// The options of a line, and whether they have a value.
const OPTIONS: &[(&str, bool)] = &[
    ("allow-0rtt", false),
    ("alpn", true),
    ("ca-file", true),
    ("ca-verify-file", true),
    ("ciphers", true),
    ("ciphersuites", true),
    ("client-sigalgs", true),
    ("crl-file", true),
    ("curves", true),
    ("ecdhe", true),
    ("no-alpn", false),
    ("no-ca-names", false),
    ("npn", true),
    ("sigalgs", true),
    ("ssl-min-ver", true),
    ("ssl-max-ver", true),
    ("verify", true),
    ("crt", true),
    ("key", true),
    ("ocsp", true),
    ("issuer", true),
    ("sctl", true),
    ("ocsp-update", true),
];

/// Reads a whole file.
pub fn read(text: &str) -> (Vec<Entry>, Vec<LineFault>) {
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match entry(content, index + 1) {
            Ok(entry) => entries.push(entry),
            Err((message, help)) => faults.push(LineFault { line: index + 1, message, help }),
        }
    }
    (entries, faults)
}

fn entry(text: &str, line: usize) -> Result<Entry, (String, Option<String>)> {
    if text.len() > LINE_MAX {
        return Err((format!("a line of {} bytes", text.len()), None));
    }
    let (before, inside, behind) = match text.split_once('[') {
        None => (text, "", ""),
        Some((before, rest)) => match rest.split_once(']') {
            Some((inside, behind)) => (before, inside, behind),
            None => return Err(("the bracket is not closed".to_owned(), None)),
        },
    };
    let mut words = before.split_whitespace();
    let Some(path) = words.next() else {
        return Err(("there is no certificate before the bracket".to_owned(), None));
    };
    let mut names: Vec<Box<str>> = words.map(Into::into).collect();
    if !names.is_empty() && !inside.is_empty() {
        return Err((
            "the options stand behind the certificate, before the names".to_owned(),
            None,
        ));
    }
    names.extend(behind.split_whitespace().map(Into::<Box<str>>::into));
    let options: Vec<Box<str>> = inside.split_whitespace().map(Into::into).collect();
    check_options(&options)?;
    Ok(Entry { line, path: path.into(), options, names })
}

fn check_options(options: &[Box<str>]) -> Result<(), (String, Option<String>)> {
    let mut words = options.iter();
    while let Some(word) = words.next() {
        let Some((_, value)) = OPTIONS.iter().find(|(name, _)| *name == &**word) else {
            let near = nearest(word, OPTIONS.iter().map(|(name, _)| *name));
            let message = format!("`{}` is not an option of a certificate", shown_text(word));
            return Err((message, did_you_mean(&near)));
        };
        if *value && words.next().is_none() {
            return Err((format!("`{word}` needs a value"), None));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_list() {
        let text = "# comment\n\ncert1.pem !*\ncert2.pem [alpn h2,http/1.1]\n  \
                    certS.pem [curves X25519 verify none] a.example !b.example\n";
        let (entries, faults) = read(text);
        assert_eq!(faults, []);
        let paths: Vec<_> = entries.iter().map(|entry| (entry.line, &*entry.path)).collect();
        assert_eq!(paths, [(3, "cert1.pem"), (4, "cert2.pem"), (5, "certS.pem")]);
        assert_eq!(*entries[0].names, ["!*".into()]);
        assert!(entries[1].has("alpn") && entries[1].names.is_empty());
        assert_eq!(*entries[2].names, ["a.example".into(), "!b.example".into()]);
    }

    #[test]
    fn faults_have_their_line() {
        let text =
            "a.pem [alpn\nb.pem\nc.pem [aplpn h2]\nd.pem [alpn]\n[alpn h2] x\ne x [npn h2]\n";
        let (entries, faults) = read(text);
        assert_eq!(entries.len(), 1);
        let lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 6]);
        assert_eq!(faults[1].help.as_deref(), Some("did you mean `alpn`?"));
    }
}
