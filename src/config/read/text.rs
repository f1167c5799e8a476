//! Bytes of files to text that has lines: what cannot be a configuration at all is found here.

use super::Reader;
use crate::config::advice;
use crate::config::source::{FILE_MAX, FileId, Span, why};
use std::io::ErrorKind;

/// How long a line may be.
pub const LINE_MAX: usize = 128 << 10;

/// How much of a file that is no text is kept, to show the place.
const BINARY_KEPT: usize = 128;

/// A file taken in.
pub(super) struct Text {
    pub file: FileId,
    /// Where its first line begins: behind a byte-order mark.
    pub start: usize,
    /// Bytes that were not UTF-8, and where they stand as U+FFFD in the text.
    broken: Vec<(u32, u8)>,
}

impl Text {
    /// The first byte of a span that was not UTF-8.
    pub fn broken(&self, span: Span) -> Option<u8> {
        let at = self.broken.partition_point(|&(at, _)| at < span.start);
        self.broken.get(at).filter(|&&(at, _)| at < span.end).map(|&(_, byte)| byte)
    }
}

impl Reader<'_> {
    /// Reads what the `-f` arguments name; faults are reported.
    pub(super) fn load(&mut self, paths: &[String]) -> Vec<Text> {
        let mut texts = Vec::new();
        for path in paths {
            for name in self.expand(path) {
                match self.files.read(&name) {
                    Ok(bytes) => texts.extend(self.take_in(&name, bytes)),
                    Err(error) => {
                        let message = format!("cannot read `{name}`: {}", why(&error));
                        self.report.error_nowhere(message);
                    }
                }
            }
        }
        texts
    }

    /// A folder's `*.cfg` files in the order of their names, or the file itself.
    fn expand(&mut self, path: &str) -> Vec<String> {
        let names = match self.files.list(path) {
            Ok(names) => names,
            // Of a file whose folder may not be entered, reading it says the same.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let message = format!("cannot read `{path}`: {}", why(&error));
                self.report.error_nowhere(message);
                return Vec::new();
            }
            Err(_) => return vec![path.to_owned()],
        };
        let mut names: Vec<String> = names
            .into_iter()
            .filter(|name| name.ends_with(".cfg") && !name.starts_with('.'))
            .collect();
        names.sort();
        if names.is_empty() {
            let message = format!("the folder `{path}` has no configuration");
            self.report
                .advise_nowhere(&advice::EMPTY_FOLDER, message)
                .help("files in a folder count if their names end in .cfg and begin with no dot");
        }
        let folder = path.trim_end_matches('/');
        names.into_iter().map(|name| format!("{folder}/{name}")).collect()
    }

    fn take_in(&mut self, name: &str, mut bytes: Vec<u8>) -> Option<Text> {
        let length = bytes.len();
        if length > FILE_MAX {
            let message = format!("`{name}` has {length} bytes; {FILE_MAX} are possible");
            self.report.error_nowhere(message);
            return None;
        }
        let binary = Binary::find(&bytes);
        if let Some(binary) = &binary {
            bytes.truncate(binary.at() + BINARY_KEPT);
        }
        let (text, broken) = decode(bytes);
        let Some(file) = self.plan.sources.add(name, text) else {
            self.report.error_nowhere(format!("too many files: `{name}` does not fit"));
            return None;
        };
        match binary {
            Some(binary) => {
                self.binary(file, binary, length);
                None
            }
            None => Some(Text { file, start: self.remarks(file), broken }),
        }
    }

    fn binary(&mut self, file: FileId, binary: Binary, length: usize) {
        let text = self.plan.sources.text(file);
        match binary {
            Binary::Utf16 => {
                let span = mark(file, text, 0);
                self.report
                    .error(span, "the file is UTF-16")
                    .label("these bytes say so")
                    .help("save it as UTF-8 without a byte-order mark");
            }
            Binary::Nul(_) => {
                let span = mark(file, text, text.find('\0').unwrap_or_default());
                self.report
                    .error(span, "this is no text file: it holds a NUL byte")
                    .label(format!("the first one, of {length} bytes in all"))
                    .help(
                        "a configuration is UTF-8 text; is this a compressed file, a certificate?",
                    );
            }
        }
    }

    /// Remarks about the file as a whole. Returns where its first line begins.
    fn remarks(&mut self, file: FileId) -> usize {
        let text = self.plan.sources.text(file);
        let mut start = 0;
        if text.starts_with('\u{feff}') {
            start = '\u{feff}'.len_utf8();
            self.report
                .error(mark(file, text, 0), "the file begins with a byte-order mark")
                .label("these bytes (EF BB BF) are no part of the language")
                .help("save the file as UTF-8 without a byte-order mark");
        }
        if let Some(at) = text.find("\r\n") {
            let lines = text.matches("\r\n").count();
            self.report
                .advise(&advice::LINE_ENDS, mark(file, text, at), "lines end in CR LF")
                .label(match lines {
                    1 => "on this line only".to_owned(),
                    _ => format!("here first, and on {lines} lines in all"),
                })
                .help("it does no harm; a line feed alone is usual");
        }
        if !text.is_empty() && !text.ends_with('\n') {
            self.report
                .error(
                    mark(file, text, text.len()),
                    "the last line does not end: the file may have been cut off",
                )
                .label("a line feed is missing here")
                .help("add a line feed at the end if the file is complete");
        }
        start
    }
}

/// The character at an offset.
fn mark(file: FileId, text: &str, at: usize) -> Span {
    let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Span { file, start: at as u32, end: (at + length) as u32 }
}

/// What makes bytes no text.
enum Binary {
    Utf16,
    /// A NUL at this byte.
    Nul(usize),
}

impl Binary {
    fn find(bytes: &[u8]) -> Option<Binary> {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Some(Binary::Utf16);
        }
        bytes.iter().position(|&byte| byte == 0).map(Binary::Nul)
    }

    fn at(&self) -> usize {
        match self {
            Binary::Utf16 => 0,
            Binary::Nul(at) => *at,
        }
    }
}

/// Text, and where in it stands what was not UTF-8.
fn decode(bytes: Vec<u8>) -> (String, Vec<(u32, u8)>) {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return (text, Vec::new()),
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len());
    let mut broken = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if let Some(&byte) = chunk.invalid().first() {
            broken.push((text.len() as u32, byte));
            text.push('\u{fffd}');
        }
    }
    (text, broken)
}
