//! What Koi says of a file: its exit status, and the errors that it prints.
//!
//! Errors look like the compiler's:
//!
//! ```text
//! error: message
//!   --> /path/file.cfg:LINE:COLUMN
//! ```

use std::path::{Path, PathBuf};

use super::folder::Folder;
use super::run::run;
use super::verdict::Verdict;

/// The exit status for a file without a fault in which nothing listens: recorded as `refuses 0`.
const NO_LISTENER: i32 = 2;

/// One error.
struct Fault {
    /// From 1; 0 if the error names no line of the file.
    line: u32,
    message: String,
}

/// How Koi ended on one file, and why.
pub struct Answer {
    /// 0, 1, [`NO_LISTENER`], or anything else if it fell over.
    status: Option<i32>,
    faults: Vec<Fault>,
    said: String,
}

/// Has Koi read the file, which lies in the folder. `KOI_PROGRAM` may name another executable.
pub fn ask(folder: &Folder, file: &Path) -> Answer {
    let named = std::env::var_os("KOI_PROGRAM");
    let program = named.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_koi")), PathBuf::from);
    let ended = run(&mut folder.check(&program, file), &file.with_extension("koi"));
    let faults = faults(&ended.said, file);
    let status = ended.status.and_then(|status| status.code());
    Answer { status, faults, said: ended.said }
}

impl Answer {
    /// In what Koi's verdict differs, if it does: for a refusal, one of its errors must be at that
    /// line.
    pub fn difference(&self, verdict: Verdict) -> Option<&'static str> {
        match (self.status, verdict) {
            (Some(0), Verdict::Accepts) | (Some(1 | NO_LISTENER), Verdict::Refuses(0)) => None,
            (Some(1), Verdict::Refuses(line)) => {
                let meets = self.faults.iter().any(|fault| fault.line == line);
                (!meets).then_some("refused at another line")
            }
            (Some(0), Verdict::Refuses(_)) => Some("wrongly accepted"),
            (Some(NO_LISTENER), Verdict::Refuses(_)) => Some("wrongly accepted"),
            (Some(1 | NO_LISTENER), Verdict::Accepts) => Some("wrongly refused"),
            _ => Some("fallen over"),
        }
    }

    /// In a few words, for one line of a report.
    pub fn brief(&self) -> String {
        match (self.status, self.faults.first()) {
            (Some(0), _) => "accepts".to_owned(),
            (Some(NO_LISTENER), _) => "finds no listener".to_owned(),
            (Some(1), Some(first)) => {
                let others: Vec<String> =
                    self.faults.iter().skip(1).map(|fault| fault.line.to_string()).collect();
                let also = if others.is_empty() { String::new() } else { " and ".to_owned() };
                format!("refuses {}{also}{}: {}", first.line, others.join(", "), first.message)
            }
            (Some(1), None) => format!("refuses without an error: {}", start_of(&self.said)),
            (status, _) => format!("ENDED ODDLY ({status:?}): {}", start_of(&self.said)),
        }
    }
}

fn start_of(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect()
}

/// Every `error` with the first place that follows it.
fn faults(said: &str, file: &Path) -> Vec<Fault> {
    let place = format!("--> {}:", file.display());
    let mut faults: Vec<Fault> = Vec::new();
    let mut in_error = false;
    for line in said.lines() {
        if let Some(message) = message_of(line, "error") {
            faults.push(Fault { line: 0, message: message.to_owned() });
            in_error = true;
        } else if message_of(line, "warning").is_some() {
            in_error = false;
        } else if let (true, Some(after)) = (in_error, line.trim_start().strip_prefix(&place)) {
            let number = after.split(':').next().and_then(|number| number.parse().ok());
            if let (Some(fault), Some(number)) = (faults.last_mut(), number) {
                fault.line = number;
            }
            in_error = false;
        }
    }
    faults
}

/// `error: message`, or `error[code]: message`.
fn message_of<'a>(line: &'a str, kind: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(kind)?;
    let rest = match rest.strip_prefix('[') {
        Some(code) => code.split_once(']')?.1,
        None => rest,
    };
    rest.strip_prefix(": ")
}
