//! The real HAProxy: where it is, and what it says of a file.
//!
//! Goes in: the environment's `KOI_HAPROXY`, or the `haproxy` on the path. Comes out: verdicts, each
//! with the message that decided it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::Folder;
use super::run::run;
use super::verdict::Verdict;

/// The version whose language Koi reads.
const LANGUAGE: (u32, u32) = (3, 0);

/// Its exit status for a file without a fault in which nothing listens.
const NO_LISTENER: i32 = 2;

/// A HAProxy that can be run.
pub struct Haproxy {
    program: PathBuf,
    version: String,
}

/// What it said of one file.
pub struct Ruling {
    pub verdict: Verdict,
    /// Of a refusal: the first alert, on one line; without one, the last line that was printed.
    pub message: String,
}

impl Haproxy {
    /// The one that `KOI_HAPROXY` names, 3.0 or newer; else the one on the path if it is a 3.0
    /// (newer ones read a newer language). Otherwise why there is none.
    pub fn find() -> Result<Haproxy, String> {
        let named = std::env::var_os("KOI_HAPROXY");
        let is_named = named.is_some();
        let program = PathBuf::from(named.unwrap_or_else(|| OsString::from("haproxy")));
        let shown = program.display();
        let output = Command::new(&program)
            .arg("-v")
            .output()
            .map_err(|why| format!("`{shown} -v` does not run: {why}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = said
            .split_whitespace()
            .nth(2)
            .ok_or_else(|| format!("`{shown} -v` names no version: {said}"))?;
        let number = number_of(version).ok_or_else(|| format!("{shown}: `{version}`?"))?;
        if number == LANGUAGE || (is_named && number > LANGUAGE) {
            Ok(Haproxy { program, version: version.to_owned() })
        } else {
            Err(format!("{shown} is version {version}; KOI_HAPROXY may name a 3.0"))
        }
    }

    /// Has it read the file, which lies in the folder.
    pub fn judge(&self, folder: &Folder, file: &Path) -> Ruling {
        let ended = run(&mut folder.check(&self.program, file), &file.with_extension("haproxy"));
        let status = ended.status.and_then(|status| status.code());
        let (line, message) = first_alert(&ended.said, file);
        let (verdict, message) = match status {
            Some(0) => (Verdict::Accepts, String::new()),
            Some(1 | NO_LISTENER) => (Verdict::Refuses(line), message),
            _ => panic!("HAProxy ended oddly on {}: {}", file.display(), ended.said),
        };
        Ruling { verdict, message }
    }
}

impl fmt::Display for Haproxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HAProxy {}", self.version)
    }
}

/// `3.0.11-1+deb13u4` is 3.0.
fn number_of(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The line that the first alert names of the file, 0 if none, and the message.
fn first_alert(said: &str, file: &Path) -> (u32, String) {
    let Some(start) = said.find("[ALERT]") else {
        return (0, said.lines().last().unwrap_or_default().to_owned());
    };
    let mut lines = said[start..].lines();
    let first = lines.next().unwrap_or_default();
    let rest = lines.take_while(|line| !line.starts_with('['));
    let alert = [first].into_iter().chain(rest).map(str::trim).collect::<Vec<_>>().join(" ");
    let place = format!("{}:", file.display());
    let line = alert.split_once(&place).map_or(0, |(_, after)| leading_number(after));
    let text = alert.split_once(") : ").map_or(alert.as_str(), |(_, text)| text);
    (line, text.replace(&file.display().to_string(), "FILE"))
}

fn leading_number(text: &str) -> u32 {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().unwrap_or(0)
}
