//! Bytes of files to text that has lines: what cannot be a configuration at all is found here.

use super::Reader;
use crate::config::report::Report;
use crate::config::source::{FileId, Span};

/// How large a file may be.
pub const FILE_MAX: usize = 256 << 20;
/// How long a line may be.
pub const LINE_MAX: usize = 128 << 10;

/// A file taken in.
pub(super) struct Text {
    pub file: FileId,
    /// Offsets of bytes that were not UTF-8, and stand as U+FFFD in the text.
    broken: Vec<u32>,
}

impl Text {
    /// Whether a span holds bytes that were not UTF-8.
    pub fn broken(&self, span: Span) -> bool {
        let at = self.broken.partition_point(|&at| at < span.start);
        self.broken.get(at).is_some_and(|&at| at < span.end)
    }
}

impl Reader<'_> {
    /// Reads what the `-f` arguments name; faults are reported.
    pub(super) fn load(&mut self, paths: &[String]) -> Vec<Text> {
        let mut texts = Vec::new();
        for path in paths {
            for name in self.expand(path) {
                match self.files.read(&name) {
                    Ok(bytes) => texts.extend(self.take_in(&name, &bytes)),
                    Err(error) => {
                        self.report.error_nowhere(format!("cannot read `{name}`: {error}"));
                    }
                }
            }
        }
        texts
    }

    /// A folder's `*.cfg` files in the order of their names, or the file itself.
    fn expand(&mut self, path: &str) -> Vec<String> {
        let Ok(names) = self.files.list(path) else { return vec![path.to_owned()] };
        let mut names: Vec<String> = names
            .into_iter()
            .filter(|name| name.ends_with(".cfg") && !name.starts_with('.'))
            .collect();
        names.sort();
        if names.is_empty() {
            self.report
                .error_nowhere(format!("the folder `{path}` has no configuration"))
                .help("files in a folder count if their names end in .cfg and begin with no dot");
        }
        let folder = path.trim_end_matches('/');
        names.into_iter().map(|name| format!("{folder}/{name}")).collect()
    }

    fn take_in(&mut self, name: &str, bytes: &[u8]) -> Option<Text> {
        if bytes.len() > FILE_MAX {
            self.report.error_nowhere(format!(
                "`{name}` has {} bytes; {FILE_MAX} are possible",
                bytes.len()
            ));
            return None;
        }
        let (text, broken) = decode(bytes);
        let first_nul = bytes.iter().position(|&byte| byte == 0);
        let Some(file) = self.plan.sources.add(name, text) else {
            self.report.error_nowhere(format!("too many files: `{name}` does not fit"));
            return None;
        };
        self.remarks(file, first_nul, bytes)?;
        Some(Text { file, broken })
    }

    /// Remarks about the file as a whole; `None` if it is no text.
    fn remarks(&mut self, file: FileId, nul: Option<usize>, bytes: &[u8]) -> Option<()> {
        let text = self.plan.sources.text(file);
        let start = |at: usize| Span { file, start: at as u32, end: at as u32 };
        if nul.is_some() {
            let at = text.find('\0').unwrap_or_default();
            binary(self.report, start(at), bytes.len());
            return None;
        }
        if text.starts_with('\u{feff}') {
            self.report
                .error(start(0), "the file begins with a byte-order mark")
                .label("these bytes (EF BB BF) are no part of the language")
                .help("save the file as UTF-8 without a byte-order mark");
            return None;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            let at = text.len();
            self.report
                .error(start(at), "the last line does not end: the file may have been cut off")
                .label("a line feed is missing here")
                .help("add an empty line if the file is complete");
        }
        Some(())
    }
}

fn binary(report: &mut Report, at: Span, length: usize) {
    report
        .error(at, "this is no text file: it holds a NUL byte")
        .label(format!("the first one, of {length} bytes in all"))
        .help("a compressed file, a certificate in DER form, or UTF-16? A configuration is UTF-8 text");
}

/// Text, and the offsets in it of what was not UTF-8.
fn decode(bytes: &[u8]) -> (String, Vec<u32>) {
    let mut text = String::with_capacity(bytes.len());
    let mut broken = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            broken.push(text.len() as u32);
            text.push('\u{fffd}');
        }
    }
    (text, broken)
}
