//! Where text came from.
//!
//! In: files by name and content. Out: a [`Span`] for every word, and from a span its file, line,
//! column and text again.
//!
//! Limits: a file has at most [`FILE_MAX`] bytes, a run at most 65,535 files.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

/// How large a file may be. Reading stops there, so that `/dev/zero` costs no more than this.
pub const FILE_MAX: usize = 64 << 20;

/// A file of one run, by its place in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(u16);

/// A piece of a file: bytes `start..end`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Which file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if super::content::is_placeless() {
            return f.write_str("Span");
        }
        let Span { file, start, end } = self;
        f.debug_struct("Span").field("file", file).field("start", start).field("end", end).finish()
    }
}

impl Span {
    /// The piece from the start of `self` to the end of `last`, which stands behind it in the file.
    pub fn to(self, last: Span) -> Span {
        Span { end: last.end.max(self.end), ..self }
    }

    /// The empty piece behind this one: where something is missing.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }

    /// The bytes `range` of this piece, cut to what it has.
    pub fn part(self, range: Range<usize>) -> Span {
        let at = |offset: usize| {
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            self.start.saturating_add(offset).min(self.end)
        };
        Span { file: self.file, start: at(range.start), end: at(range.end) }
    }
}

/// Where a span stands, as an editor counts: from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file's name, as it was given.
    pub file: &'a str,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

#[derive(Debug, Default, Clone)]
struct File {
    name: String,
    text: Arc<str>,
    /// Offsets of the first byte of each line.
    lines: Vec<u32>,
}

/// The files of one run: what spans point into.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    files: Vec<File>,
}

impl Sources {
    /// Takes a file in. `None` if it is one of more than 65,535, or too large for a span.
    pub fn add(&mut self, name: impl Into<String>, text: String) -> Option<FileId> {
        let id = FileId(u16::try_from(self.files.len()).ok()?);
        u32::try_from(text.len()).ok()?;
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at as u32 + 1)).collect();
        self.files.push(File { name: name.into(), text: text.into(), lines });
        Some(id)
    }

    /// The name a file was given under.
    pub fn name(&self, file: FileId) -> &str {
        self.files.get(usize::from(file.0)).map_or("", |file| &file.name)
    }

    /// The whole text of a file.
    pub fn text(&self, file: FileId) -> &str {
        self.files.get(usize::from(file.0)).map_or("", |file| &file.text)
    }

    /// The text of a file, to hold on to while the sources are borrowed elsewhere.
    pub fn shared(&self, file: FileId) -> Arc<str> {
        self.files.get(usize::from(file.0)).map_or_else(|| "".into(), |file| file.text.clone())
    }

    /// How many lines a file has.
    pub fn lines(&self, file: FileId) -> usize {
        let Some(file) = self.files.get(usize::from(file.0)) else { return 0 };
        file.lines.len() - usize::from(file.text.is_empty() || file.text.ends_with('\n'))
    }

    /// The files in the order they were read.
    pub fn files(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.files.len()).map(|at| FileId(at as u16))
    }

    /// The text of a span; empty if it does not lie on characters.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// File, line and column of a span's start.
    pub fn place(&self, span: Span) -> Place<'_> {
        let line = self.line(span);
        let start = self.line_range(span.file, line).start;
        let before = self.text(span.file).get(start..span.start as usize).unwrap_or("");
        Place { file: self.name(span.file), line, column: before.chars().count() + 1 }
    }

    /// The number of the line that a span starts on, from 1.
    pub fn line(&self, span: Span) -> usize {
        let Some(file) = self.files.get(usize::from(span.file.0)) else { return 1 };
        file.lines.partition_point(|&start| start <= span.start).max(1)
    }

    /// The bytes of line `line` (from 1) of `file`, without its end.
    pub fn line_range(&self, file: FileId, line: usize) -> Range<usize> {
        let Some(file) = self.files.get(usize::from(file.0)) else { return 0..0 };
        let start = file.lines.get(line.saturating_sub(1)).copied().unwrap_or_default() as usize;
        let end = file.lines.get(line).map_or(file.text.len(), |&next| next as usize);
        let line = file.text.get(start..end).unwrap_or("");
        start..start + line.trim_end_matches(['\n', '\r']).len()
    }
}

/// Where the reader gets files from: the disk, or a test's memory.
pub trait Files {
    /// The content of a file.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::FileTooLarge`] beyond [`FILE_MAX`].
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// The names (without the folder) of the files in a folder, in any order.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::NotADirectory`] for anything but a folder.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
}

/// Files in memory, for tests, `koi demo` and fuzzing.
#[derive(Debug, Default, Clone)]
pub struct MemoryFiles(pub BTreeMap<String, Vec<u8>>);

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let names: Vec<String> = self
            .0
            .keys()
            .filter_map(|name| name.strip_prefix(&prefix))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect();
        match names.is_empty() {
            true if self.0.contains_key(path) => Err(io::ErrorKind::NotADirectory.into()),
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(names),
        }
    }
}

/// The file system.
#[derive(Debug, Default, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
        match bytes.len() > FILE_MAX {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(bytes),
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if entry.path().is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }
}

/// Why a file cannot be read, in words and without the system's number.
pub fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::FileTooLarge => format!("it has more than {} MiB", FILE_MAX >> 20),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}
