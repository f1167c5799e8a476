//! Map files: patterns and the values they stand for (HAProxy 3.0, configuration.txt §2.7 and the
//! converter `map`).
//!
//! In: a file's lines, `key value`. Out: [`Map::find`]. Exact strings and addresses are looked up,
//! the longest prefix of `beg` wins; every other method tries the lines in order.
//!
//! Limits: what a file of [`FILE_MAX`](crate::config::source::FILE_MAX) bytes holds.

mod index;

use core::net::IpAddr;
use std::sync::Arc;

use super::compiler::Compiler;
use super::lists::{List, Use};
use super::pattern::Path;
use super::value::Value;
use crate::config::args::shown_text;
use crate::config::source::Span;
use index::Index;

/// How keys are compared with samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The whole text.
    Str,
    /// Its beginning.
    Beg,
    /// Its end.
    End,
    /// Anywhere in it.
    Sub,
    /// A part between slashes.
    Dir,
    /// A part between dots.
    Dom,
    /// A regular expression.
    Reg,
    /// A regular expression whose groups the value may name.
    Regm,
    /// A number or a range.
    Int,
    /// An address or a network.
    Ip,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Any text.
    Str,
    /// A number.
    Int,
    /// An address.
    Ip,
    /// The key that matched.
    Key,
}

/// A map: how it is looked up in, and the index that it uses just now.
#[derive(Debug)]
pub struct Map {
    list: Arc<List>,
    index: Arc<Index>,
}

impl Map {
    /// Loads what `name` names; faults are reported at `span`.
    pub fn load(
        name: &str,
        matching: Matching,
        output: Output,
        span: Span,
        compiler: &mut Compiler<'_>,
    ) -> Option<Map> {
        let lines = content(name, span, compiler)?;
        let list = compiler.lists.open(Path::new(name).name(), true, lines.into_iter());
        let index = Arc::new(Index::new(matching, output));
        let place = compiler.plan.sources.place(span);
        let about = format!("by map at file '{}' line {}", place.file, place.line);
        let user: Arc<dyn Use> = index.clone();
        if let Err(message) = list.join(&user, &about) {
            compiler.report.error(span, format!("{name}:{message}")).label("this file");
            return None;
        }
        Some(Map { list, index })
    }

    /// The list that it looks things up in.
    pub fn list(&self) -> &Arc<List> {
        &self.list
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.list.figures().entries
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value for a sample. Texts are copied: the map may change meanwhile.
    pub fn find(&self, sample: &Value<'_>) -> Option<Value<'static>> {
        self.index.find(sample)
    }
}

/// A map's value, typed.
pub fn value_of(text: &str, output: Output) -> Option<Value<'_>> {
    match output {
        Output::Str | Output::Key => Some(Value::str(text.as_bytes())),
        Output::Int => text.parse().ok().map(Value::Int),
        Output::Ip => text.parse().ok().map(|it: IpAddr| Value::Addr(it.to_canonical())),
    }
}

/// The lines of a map that rules name (`path`, `file@path`, `opt@path`, `virt@name`): their numbers, keys and
/// values.
fn content(
    name: &str,
    span: Span,
    compiler: &mut Compiler<'_>,
) -> Option<Vec<(usize, String, String)>> {
    let path = Path::new(name);
    let bytes = match path {
        Path::Virtual(_) => Ok(Vec::new()),
        Path::File(file) => compiler.files.read(file),
        Path::Optional(file) => match compiler.files.read(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        },
    };
    match bytes {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            Some(text.lines().enumerate().filter_map(|(at, line)| pair(at + 1, line)).collect())
        }
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", shown_text(path.name()));
            compiler.report.error(span, message).label("this file");
            None
        }
    }
}

/// The key and the value of a line, if it has any.
fn pair(number: usize, line: &str) -> Option<(usize, String, String)> {
    let bare = line.trim_matches([' ', '\t', '\r']);
    if bare.is_empty() || line.starts_with('#') {
        return None;
    }
    let (key, value) = bare.split_once([' ', '\t']).unwrap_or((bare, ""));
    Some((number, key.to_owned(), value.trim_start_matches([' ', '\t']).to_owned()))
}
