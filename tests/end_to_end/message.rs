//! Messages as a peer reads them: lenient about everything but where they end.

use super::escape;
use super::wire::{End, Wire};

/// Bytes of a head after which it counts as endless.
const HEAD_MAX: usize = 256 * 1024;

/// A request or a response that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: String,
    /// Names in lower case, and values, in the order they came in.
    pub fields: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// The fields behind a chunked body.
    pub trailers: Vec<(String, String)>,
    /// What broke it off.
    pub cut: Option<End>,
}

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

impl Message {
    /// What a head says; each line behind the first is a field.
    pub fn from_head(head: &[u8]) -> Message {
        let text = latin(head);
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        Message { start, fields: lines.map(field).collect(), ..Message::default() }
    }

    /// The values of the fields of this name, in lower case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.fields.iter().filter(move |field| field.0 == name).map(|field| field.1.as_str())
    }

    /// The only value of this name.
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// The status of a response; 0 if there is none.
    pub fn status(&self) -> u16 {
        let mut words = self.start.split(' ');
        let version = words.next().unwrap_or_default();
        let status = words.next().and_then(|word| word.parse().ok());
        status.filter(|_| version.starts_with("HTTP/")).unwrap_or(0)
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The target of a request.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    fn is_chunked(&self) -> bool {
        self.values("transfer-encoding").any(|value| value.to_ascii_lowercase().contains("chunked"))
    }

    fn length(&self) -> Option<usize> {
        self.value("content-length").and_then(|value| value.parse().ok())
    }

    /// How the body behind a request's head is framed.
    pub fn request_framing(&self) -> Framing {
        match self.length() {
            _ if self.is_chunked() => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::None,
        }
    }

    /// The same for a response; `bodiless` is one to HEAD.
    pub fn response_framing(&self, bodiless: bool) -> Framing {
        match (self.status(), self.length()) {
            (100..=199 | 204 | 304, _) => Framing::None,
            _ if bodiless => Framing::None,
            _ if self.is_chunked() => Framing::Chunked,
            (_, Some(length)) => Framing::Length(length),
            (_, None) => Framing::UntilClose,
        }
    }

    /// Reads the body; `cut` says why it is not whole, if it is not.
    pub fn read_body(&mut self, wire: &mut Wire, framing: Framing) {
        let read = match framing {
            Framing::None => Ok(()),
            Framing::Length(length) => self.read_length(wire, length),
            Framing::Chunked => self.read_chunks(wire),
            Framing::UntilClose => {
                let (rest, end) = wire.take_rest();
                self.body = rest;
                if end == End::Finished { Ok(()) } else { Err(end) }
            }
        };
        self.cut = read.err();
    }

    fn read_length(&mut self, wire: &mut Wire, length: usize) -> Result<(), End> {
        match wire.take(length) {
            Ok(body) => self.body = body,
            Err(end) => {
                self.body = std::mem::take(&mut wire.waiting);
                return Err(end);
            }
        }
        Ok(())
    }

    fn read_chunks(&mut self, wire: &mut Wire) -> Result<(), End> {
        loop {
            let line = latin(&wire.take_through(b"\r\n")?);
            let digits = line.split(';').next().unwrap_or_default().trim();
            let Ok(size) = usize::from_str_radix(digits, 16) else { return Err(End::Broken) };
            if size == 0 {
                break;
            }
            let before = self.body.len();
            match wire.take(size) {
                Ok(data) => self.body.extend(data),
                Err(end) => {
                    self.body.append(&mut wire.waiting);
                    debug_assert!(self.body.len() - before < size);
                    return Err(end);
                }
            }
            wire.take(2)?;
        }
        loop {
            let line = latin(&wire.take_through(b"\r\n")?);
            match line.trim_end() {
                "" => return Ok(()),
                trailer => self.trailers.push(field(trailer)),
            }
        }
    }
}

/// The next head, with the empty lines in front of it.
///
/// # Errors
/// Why it did not come. What came instead waits.
pub fn read_head(wire: &mut Wire) -> Result<Vec<u8>, End> {
    loop {
        while wire.waiting.starts_with(b"\r\n") {
            wire.waiting.drain(..2);
        }
        if !wire.waiting.is_empty() {
            break;
        }
        wire.fill()?;
    }
    if wire.waiting.len() > HEAD_MAX {
        return Err(End::Broken);
    }
    wire.take_through(b"\r\n\r\n")
}

fn field(line: &str) -> (String, String) {
    match line.split_once(':') {
        Some((name, value)) => {
            (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned())
        }
        None => (format!("(no colon) {line}"), String::new()),
    }
}

/// Bytes as text, one letter each.
pub fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.start.escape_debug())?;
        for (name, value) in &self.fields {
            writeln!(f, "{}: {}", name.escape_debug(), escape::show(value.as_bytes()))?;
        }
        if !self.body.is_empty() {
            writeln!(f, "body of {}: {}", self.body.len(), escape::show(&self.body))?;
        }
        for (name, value) in &self.trailers {
            writeln!(f, "trailer {}: {}", name.escape_debug(), value.escape_debug())?;
        }
        match self.cut {
            Some(end) => writeln!(f, "cut: {end:?}"),
            None => Ok(()),
        }
    }
}
