//! Heads written afresh from their parsed form; chunk heads.
//!
//! Hop-by-hop fields (`Connection`, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`,
//! `Transfer-Encoding`, `Content-Length`, `Upgrade`, `HTTP2-Settings`) of the head are never written:
//! what goes out is what [`Outgoing`] says. Field names are written in the case they have (HAProxy
//! writes them in lower case: see `option h1-case-adjust`; peers must not care, RFC 9110 §5.1).

use super::Framing;
use crate::proto::head::View;

/// How a message goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// How its body is framed; [`Framing::Length`] is written even if zero where `explicit_length`.
    pub framing: Framing,
    /// `Content-Length` is written although there is no body (a response to HEAD, a 304: the length
    /// that the server told; a POST without a body: 0).
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
    /// A control byte (CR, LF, NUL) in a name, a value or the target, whatever brought it there.
    Control,
}

/// Writes a request's head, as HTTP/1.1, and gives its length.
///
/// # Errors
/// See [`EncodeError`].
pub fn request(
    _head: View<'_>,
    _how: &Outgoing<'_>,
    _out: &mut [u8],
) -> Result<usize, EncodeError> {
    unimplemented!()
}

/// Writes a response's head, as HTTP/1.1, and gives its length.
///
/// # Errors
/// See [`EncodeError`].
pub fn response(
    _head: View<'_>,
    _how: &Outgoing<'_>,
    _out: &mut [u8],
) -> Result<usize, EncodeError> {
    unimplemented!()
}

/// Writes the head of a chunk of so many bytes (`1a2b\r\n`) and gives its length; at most 18 bytes.
///
/// # Errors
/// [`EncodeError::Full`].
pub fn chunk_head(_bytes: usize, _out: &mut [u8]) -> Result<usize, EncodeError> {
    unimplemented!()
}

/// What ends a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// What ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
