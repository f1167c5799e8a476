//! Heads written afresh from their parsed form; chunk heads.
//!
//! Hop-by-hop fields (`Connection`, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`,
//! `Transfer-Encoding`, `Content-Length`, `Upgrade`, `HTTP2-Settings`) of the head are never written:
//! what goes out is what [`Outgoing`] says. Field names are written in the case they have (HAProxy
//! writes them in lower case: see `option h1-case-adjust`; peers must not care, RFC 9110 §5.1).

use std::ops::Range;

use super::bytes::{TOKEN, VALUE, VISIBLE, are};
use super::facts::is_hop_by_hop;
use super::host::same_authority;
use super::response::Asked;
use super::{Framing, target};
use crate::proto::head::{Field, Piece, Start, Version, View};

/// How a message goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// How its body is framed.
    pub framing: Framing,
    /// `Content-Length` is written although there is no body (a response to HEAD, a 304: the length
    /// that the server told; a POST without a body: 0). Counts with [`Framing::None`] only.
    pub length_field: Option<u64>,
    /// The `Connection` field.
    pub connection: ConnectionField<'a>,
}

/// What `Connection` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionField<'a> {
    /// There is none.
    None,
    /// `close`.
    Close,
    /// `keep-alive`, for HTTP/1.0.
    KeepAlive,
    /// `Upgrade`, with this `Upgrade` field.
    Upgrade(&'a [u8]),
}

/// Why a head cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// It does not fit.
    Full,
    /// A byte that would end its part of the head, whatever brought it there: a control byte in a value
    /// or the target, a blank in the target, something else than a token as name or method. Also a
    /// part that is empty and must not be.
    Control,
}

/// Writes a request's head, as HTTP/1.1, and gives its length. An absolute target goes with the `Host`
/// there is, as HAProxy does it: a rule may have changed it.
///
/// One that came as HTTP/1.0 without `Host`, and has none now, goes out as HTTP/1.0, for HTTP/1.1
/// demands it (RFC 9112 §3.2); it says `keep-alive` then, unless it says something else.
///
/// # Errors
/// See [`EncodeError`].
pub fn request(head: View<'_>, how: &Outgoing<'_>, out: &mut [u8]) -> Result<usize, EncodeError> {
    let Start::Request { method, target } = head.head.start else {
        return Err(EncodeError::Control);
    };
    let mut out = Writer { out, at: 0 };
    let host = head.values(b"host").next();
    put_token(&mut out, head, method)?;
    out.put(b" ")?;
    put_target(&mut out, head, target, host)?;
    let old = head.head.version == Version::Http10 && host.is_none();
    out.put(if old { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" })?;
    fields(&mut out, head)?;
    let mut how = *how;
    if old && how.connection == ConnectionField::None {
        how.connection = ConnectionField::KeepAlive;
    }
    end(&mut out, &how)
}

/// Writes a response's head, as HTTP/1.1, and gives its length.
///
/// # Errors
/// See [`EncodeError`].
pub fn response(head: View<'_>, how: &Outgoing<'_>, out: &mut [u8]) -> Result<usize, EncodeError> {
    let Start::Response { status, reason } = head.head.start else {
        return Err(EncodeError::Control);
    };
    let mut out = Writer { out, at: 0 };
    out.put(b"HTTP/1.1 ")?;
    out.decimal(u64::from(status))?;
    out.put(b" ")?;
    out.piece(head, reason, VALUE)?;
    out.put(b"\r\n")?;
    fields(&mut out, head)?;
    end(&mut out, how)
}

/// How the body of a response that came framed so goes to a client: as it came, unless the client does
/// not know chunks or there must be none. `status` is the one that goes out, `asked` what the client
/// asked: rules may have changed either on the way.
pub fn response_framing(framing: Framing, status: u16, asked: Asked, client: Version) -> Framing {
    match (framing, client) {
        _ if asked.head || is_bodiless(status) => Framing::None,
        (Framing::Chunked, Version::Http10) => Framing::UntilClose,
        (framing, _) => framing,
    }
}

/// The length that a response tells although no body follows (RFC 9110 §8.6): what the server told where
/// a body would have had it, else 0, which says that there is none.
pub fn response_length(head: View<'_>, asked: Asked, framing: Framing) -> Option<u64> {
    match head.status() {
        _ if framing != Framing::None => None,
        100..=199 | 204 => None,
        status if asked.head || status == 304 => {
            let told = head.values(b"content-length").next()?;
            std::str::from_utf8(told).ok()?.parse().ok()
        }
        _ => Some(0),
    }
}

/// Whether a response of this status has no body, whatever its fields say (RFC 9112 §6.3).
pub fn is_bodiless(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

/// Writes the head of a chunk of so many bytes (`1a2b\r\n`) and gives its length; at most
/// [`CHUNK_HEAD_MAX`].
///
/// # Errors
/// [`EncodeError::Full`].
pub fn chunk_head(bytes: usize, out: &mut [u8]) -> Result<usize, EncodeError> {
    let digits = (usize::BITS - bytes.leading_zeros()).div_ceil(4).max(1);
    let mut out = Writer { out, at: 0 };
    for digit in (0..digits).rev() {
        let value = (bytes >> (digit * 4)) & 15;
        out.put(b"0123456789abcdef".get(value..=value).unwrap_or_default())?;
    }
    out.put(b"\r\n")?;
    Ok(out.at)
}

/// Bytes of a chunk's head at most.
pub const CHUNK_HEAD_MAX: usize = 18;

/// What ends a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// What ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Where bytes go.
struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let end = self.at + bytes.len();
        self.out.get_mut(self.at..end).ok_or(EncodeError::Full)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    /// A piece; one of the base was checked when it was read, any other must be of the class.
    fn piece(&mut self, head: View<'_>, piece: Piece, class: u8) -> Result<(), EncodeError> {
        match piece.in_base() {
            Some(_) => self.put(head.bytes(piece)),
            None => self.checked(head.bytes(piece), class),
        }
    }

    /// Bytes that must be of a class.
    fn checked(&mut self, bytes: &[u8], class: u8) -> Result<(), EncodeError> {
        if !are(bytes, class) {
            return Err(EncodeError::Control);
        }
        self.put(bytes)
    }

    fn decimal(&mut self, number: u64) -> Result<(), EncodeError> {
        let mut digits = [b'0'; 20];
        let mut from = digits.len();
        let mut left = number;
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b"0123456789"[(left % 10) as usize];
            left /= 10;
            from = at;
            if left == 0 {
                break;
            }
        }
        self.put(digits.get(from..).unwrap_or_default())
    }
}

/// A method or name.
fn put_token(out: &mut Writer<'_>, head: View<'_>, piece: Piece) -> Result<(), EncodeError> {
    if piece.is_empty() {
        return Err(EncodeError::Control);
    }
    out.piece(head, piece, TOKEN)
}

fn put_target(
    out: &mut Writer<'_>,
    head: View<'_>,
    target: Piece,
    host: Option<&[u8]>,
) -> Result<(), EncodeError> {
    let whole = head.bytes(target);
    match (whole.first(), host) {
        (None, _) => Err(EncodeError::Control),
        (Some(b'/'), _) | (_, None) => out.piece(head, target, VISIBLE),
        (_, Some(host)) => put_absolute(out, whole, host),
    }
}

fn put_absolute(out: &mut Writer<'_>, whole: &[u8], host: &[u8]) -> Result<(), EncodeError> {
    let Some(parts) = target::absolute(whole) else { return out.checked(whole, VISIBLE) };
    let authority = whole.get(parts.authority..parts.path).unwrap_or_default();
    if same_authority(host, authority, target::default_port(whole)) {
        return out.checked(whole, VISIBLE);
    }
    out.put(whole.get(..parts.authority).unwrap_or_default())?;
    out.checked(host, VISIBLE)?;
    out.checked(whole.get(parts.path..).unwrap_or_default(), VISIBLE)
}

/// The fields that pass from hop to hop. Lines that lie together in the base go out together.
fn fields(out: &mut Writer<'_>, head: View<'_>) -> Result<(), EncodeError> {
    let mut run = 0..0;
    for field in &head.head.fields {
        if is_hop_by_hop(head.bytes(field.name)) {
            continue;
        }
        match line_in_base(head.base, field) {
            Some(line) if line.start == run.end => run.end = line.end,
            Some(line) => {
                out.put(head.base.get(run).unwrap_or_default())?;
                run = line;
            }
            None => {
                out.put(head.base.get(run).unwrap_or_default())?;
                run = 0..0;
                put_token(out, head, field.name)?;
                out.put(b": ")?;
                out.piece(head, field.value, VALUE)?;
                out.put(b"\r\n")?;
            }
        }
    }
    out.put(head.base.get(run).unwrap_or_default())
}

/// The whole line of a field, if it stands in the base as we would write it.
fn line_in_base(base: &[u8], field: &Field) -> Option<Range<usize>> {
    let (name, value) = (field.name.in_base()?, field.value.in_base()?);
    let good = base.get(name.end..name.end + 2)? == b": "
        && value.start == name.end + 2
        && base.get(value.end..value.end + 2)? == b"\r\n";
    good.then_some(name.start..value.end + 2)
}

/// The fields of this hop and the end of the head.
fn end(out: &mut Writer<'_>, how: &Outgoing<'_>) -> Result<usize, EncodeError> {
    let length = match how.framing {
        Framing::None => how.length_field,
        Framing::Length(length) => Some(length),
        Framing::Chunked => {
            out.put(b"transfer-encoding: chunked\r\n")?;
            None
        }
        Framing::UntilClose => None,
    };
    if let Some(length) = length {
        out.put(b"content-length: ")?;
        out.decimal(length)?;
        out.put(b"\r\n")?;
    }
    match how.connection {
        ConnectionField::None => {}
        ConnectionField::Close => out.put(b"connection: close\r\n")?,
        ConnectionField::KeepAlive => out.put(b"connection: keep-alive\r\n")?,
        ConnectionField::Upgrade(protocol) => {
            out.put(b"connection: Upgrade\r\nupgrade: ")?;
            out.checked(protocol, VALUE)?;
            out.put(b"\r\n")?;
        }
    }
    out.put(b"\r\n")?;
    Ok(out.at)
}
