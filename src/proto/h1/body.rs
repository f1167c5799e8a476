//! Bodies: which bytes of what came are the body's, and where it ends (RFC 9112 §6, §7).
//!
//! In: how the body is framed, bytes in any fragmentation. Out: runs of framing and of data. Chunk
//! extensions and trailers are checked and dropped. Limits: a chunk's size has at most 16 digits;
//! extensions may take [`EXTENSION_BYTES_MAX`] bytes more than the data; trailers have
//! [`TRAILER_BYTES_MAX`] bytes and [`TRAILER_FIELDS_MAX`] lines.

use super::bytes::{TOKEN, VALUE, is};
use super::facts::LENGTH_MAX;
use super::{Framing, Reason, Reject};

/// Bytes of chunk extensions that are read without data to pay for them; each byte of data pays for
/// one of extension, up to this many.
pub const EXTENSION_BYTES_MAX: u16 = 1024;
/// Bytes of trailers.
pub const TRAILER_BYTES_MAX: u16 = 8192;
/// Lines of trailers.
pub const TRAILER_FIELDS_MAX: u16 = 64;
/// Digits of a chunk's size.
const SIZE_DIGITS_MAX: u8 = 16;

/// Reads one body.
#[derive(Clone, Debug)]
pub struct BodyReader {
    state: State,
    /// Bytes of extensions that may come.
    extension_left: u16,
    /// Bytes and lines of trailers that may come.
    trailer_bytes_left: u16,
    trailer_fields_left: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    Length(u64),
    UntilClose,
    /// Within a chunked body.
    Chunked(Chunked),
}

/// What the next byte of a chunked body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunked {
    /// A digit of a size, or what ends it if there is one.
    Size { size: u64, digits: u8 },
    /// Of an extension.
    Extension { size: u64, part: Extension },
    /// The LF of a size line.
    SizeLf { size: u64 },
    /// Data: so many bytes.
    Data { left: u64 },
    /// The CR behind data.
    DataCr,
    /// The LF behind data.
    DataLf,
    /// Of the trailers.
    Trailer(Trailer),
}

/// Parts of an extension: `;name=value` or `;name="value"`, or `;name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    /// The first byte of a name.
    NameFirst,
    Name,
    /// The first byte of a value.
    ValueFirst,
    Value,
    Quoted,
    /// Behind a backslash within quotes.
    Escaped,
    /// Behind the closing quote.
    QuotedEnd,
}

/// Parts of trailers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trailer {
    LineFirst,
    Name,
    Value,
    Lf,
    /// The LF of the empty line.
    LastLf,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `skip` bytes of framing, then `data` bytes of body; both may be zero, their sum is not. What
    /// follows is not looked at yet.
    Data {
        /// Bytes of chunk heads and ends.
        skip: usize,
        /// Bytes of body.
        data: usize,
    },
    /// The body ended after `skip` bytes of framing; what follows belongs to the next message.
    End {
        /// Bytes of framing (and trailers, which are checked and dropped).
        skip: usize,
    },
    /// All bytes are used up (or none were given).
    More,
}

impl BodyReader {
    /// For a body framed so.
    pub fn new(framing: Framing) -> BodyReader {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(left) => State::Length(left),
            Framing::Chunked => State::Chunked(Chunked::Size { size: 0, digits: 0 }),
            Framing::UntilClose => State::UntilClose,
        };
        BodyReader {
            state,
            extension_left: EXTENSION_BYTES_MAX,
            trailer_bytes_left: TRAILER_BYTES_MAX,
            trailer_fields_left: TRAILER_FIELDS_MAX,
        }
    }

    /// Looks at the bytes that follow what was taken so far. The caller removes `skip + data`.
    ///
    /// # Errors
    /// Why the body is refused.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Step, Reject> {
        match self.state {
            State::Done => Ok(Step::End { skip: 0 }),
            _ if bytes.is_empty() => Ok(Step::More),
            State::Length(left) => {
                let (data, left) = take(bytes.len(), left);
                self.state = if left == 0 { State::Done } else { State::Length(left) };
                Ok(Step::Data { skip: 0, data })
            }
            State::UntilClose => Ok(Step::Data { skip: 0, data: bytes.len() }),
            State::Chunked(chunked) => self.handle_chunked(bytes, chunked),
        }
    }

    fn handle_chunked(&mut self, bytes: &[u8], mut chunked: Chunked) -> Result<Step, Reject> {
        let mut skip = 0;
        loop {
            if let Chunked::Data { left } = chunked {
                let (data, left) = take(bytes.len().saturating_sub(skip), left);
                let paid = u16::try_from(data).unwrap_or(u16::MAX);
                let extension = self.extension_left.saturating_add(paid);
                self.extension_left = extension.min(EXTENSION_BYTES_MAX);
                self.state = State::Chunked(if left == 0 {
                    Chunked::DataCr
                } else {
                    Chunked::Data { left }
                });
                return Ok(Step::Data { skip, data });
            }
            let Some(byte) = bytes.get(skip) else { break };
            match self.next(chunked, *byte).map_err(|reason| Reject { reason, at: skip })? {
                Some(next) => chunked = next,
                None => {
                    self.state = State::Done;
                    return Ok(Step::End { skip: skip + 1 });
                }
            }
            skip += 1;
        }
        self.state = State::Chunked(chunked);
        Ok(Step::Data { skip, data: 0 })
    }

    /// What follows after this byte; nothing if the body ends with it.
    fn next(&mut self, chunked: Chunked, byte: u8) -> Result<Option<Chunked>, Reason> {
        let next = match (chunked, byte) {
            (Chunked::Size { size, digits }, _) => size_byte(size, digits, byte)?,
            (Chunked::Extension { size, part }, _) => {
                let left = self.extension_left.checked_sub(1);
                self.extension_left = left.ok_or(Reason::ChunkExtensionTooLong)?;
                match extension_byte(part, byte)? {
                    Some(part) => Chunked::Extension { size, part },
                    None => Chunked::SizeLf { size },
                }
            }
            (Chunked::SizeLf { size: 0 }, b'\n') => Chunked::Trailer(Trailer::LineFirst),
            (Chunked::SizeLf { size }, b'\n') => Chunked::Data { left: size },
            (Chunked::SizeLf { .. }, _) => return Err(Reason::BareCr),
            (Chunked::DataCr, b'\r') => Chunked::DataLf,
            (Chunked::DataLf, b'\n') => Chunked::Size { size: 0, digits: 0 },
            (Chunked::DataCr | Chunked::DataLf, _) => return Err(Reason::ChunkEnd),
            (Chunked::Data { left }, _) => Chunked::Data { left },
            (Chunked::Trailer(Trailer::LastLf), b'\n') => return Ok(None),
            (Chunked::Trailer(part), _) => Chunked::Trailer(self.trailer_byte(part, byte)?),
        };
        Ok(Some(next))
    }

    fn trailer_byte(&mut self, part: Trailer, byte: u8) -> Result<Trailer, Reason> {
        let left = self.trailer_bytes_left.checked_sub(1);
        self.trailer_bytes_left = left.ok_or(Reason::TrailersTooLarge)?;
        match (part, byte) {
            (Trailer::LineFirst, b'\r') => Ok(Trailer::LastLf),
            (Trailer::LineFirst, byte) if is(byte, TOKEN) => {
                let left = self.trailer_fields_left.checked_sub(1);
                self.trailer_fields_left = left.ok_or(Reason::TrailersTooLarge)?;
                Ok(Trailer::Name)
            }
            (Trailer::LineFirst, b' ' | b'\t') => Err(Reason::Fold),
            (Trailer::LineFirst, b':') => Err(Reason::EmptyName),
            (Trailer::Name, b':') => Ok(Trailer::Value),
            (Trailer::Name, byte) if is(byte, TOKEN) => Ok(Trailer::Name),
            (Trailer::Name, b' ' | b'\t') => Err(Reason::BlankBeforeColon),
            (Trailer::Name, b'\r') => Err(Reason::NoColon),
            (Trailer::Value, b'\r') => Ok(Trailer::Lf),
            (Trailer::Value, byte) if is(byte, VALUE) => Ok(Trailer::Value),
            (Trailer::Lf, b'\n') => Ok(Trailer::LineFirst),
            (Trailer::Lf | Trailer::LastLf, _) => Err(Reason::BareCr),
            (_, b'\n') => Err(Reason::BareLf),
            (_, 0) => Err(Reason::Nul),
            (Trailer::Value, _) => Err(Reason::Control),
            (Trailer::LineFirst | Trailer::Name, _) => Err(Reason::Name),
        }
    }

    /// How many bytes may pass by unseen, as they are the body's whatever they are: the rest of a known
    /// length, or all that come. Nothing of a chunked body.
    pub fn unframed(&self) -> Option<u64> {
        match self.state {
            State::Done | State::Chunked(_) => None,
            State::Length(left) => Some(left),
            State::UntilClose => Some(u64::MAX),
        }
    }

    /// So many of them have passed by.
    pub fn pass(&mut self, bytes: u64) {
        if let State::Length(left) = self.state {
            let left = left.saturating_sub(bytes);
            self.state = if left == 0 { State::Done } else { State::Length(left) };
        }
    }

    /// The connection ended.
    ///
    /// # Errors
    /// If the body had not ended (only one that runs to the end may end so).
    pub fn handle_end(&mut self) -> Result<(), Reject> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            State::Length(_) | State::Chunked(_) => {
                Err(Reject { reason: Reason::Truncated, at: 0 })
            }
        }
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes of a body of known length still to come.
    pub fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Done => Some(0),
            State::Length(left) => Some(left),
            State::UntilClose | State::Chunked(_) => None,
        }
    }
}

/// How many of `have` bytes belong to `left`, and what is left then.
fn take(have: usize, left: u64) -> (usize, u64) {
    match usize::try_from(left) {
        Ok(all) if all <= have => (all, 0),
        _ => (have, left.saturating_sub(u64::try_from(have).unwrap_or(u64::MAX))),
    }
}

fn size_byte(size: u64, digits: u8, byte: u8) -> Result<Chunked, Reason> {
    if let Some(digit) = char::from(byte).to_digit(16) {
        if digits == SIZE_DIGITS_MAX {
            return Err(Reason::ChunkSize);
        }
        let size = size.checked_mul(16).and_then(|size| size.checked_add(u64::from(digit)));
        let size = size.filter(|size| *size <= LENGTH_MAX).ok_or(Reason::LengthTooLarge)?;
        return Ok(Chunked::Size { size, digits: digits + 1 });
    }
    match byte {
        b'\n' => Err(Reason::BareLf),
        _ if digits == 0 => Err(Reason::ChunkSize),
        b'\r' => Ok(Chunked::SizeLf { size }),
        b';' => Ok(Chunked::Extension { size, part: Extension::NameFirst }),
        _ => Err(Reason::ChunkSize),
    }
}

/// RFC 9112 §7.1.1, without the blanks that it calls bad. `None` is the CR at the end.
fn extension_byte(part: Extension, byte: u8) -> Result<Option<Extension>, Reason> {
    use Extension::{Escaped, Name, NameFirst, Quoted, QuotedEnd, Value, ValueFirst};
    match (part, byte) {
        (_, b'\n') => Err(Reason::BareLf),
        (Name | Value | QuotedEnd, b'\r') => Ok(None),
        (Name | Value | QuotedEnd, b';') => Ok(Some(NameFirst)),
        (Name, b'=') => Ok(Some(ValueFirst)),
        (NameFirst | Name, byte) if is(byte, TOKEN) => Ok(Some(Name)),
        (ValueFirst, b'"') => Ok(Some(Quoted)),
        (ValueFirst | Value, byte) if is(byte, TOKEN) => Ok(Some(Value)),
        (Quoted, b'"') => Ok(Some(QuotedEnd)),
        (Quoted, b'\\') => Ok(Some(Escaped)),
        (Quoted | Escaped, byte) if is(byte, VALUE) => Ok(Some(Quoted)),
        _ => Err(Reason::ChunkExtension),
    }
}
