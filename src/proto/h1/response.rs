//! Heads of responses (RFC 9112 §4).

use super::bytes;
use super::facts::{self, Facts};
use super::reject::Stop;
use super::request::version;
use super::{Connection, Framing, Limits, Reason, Reject, Scan, lines};
use crate::proto::head::{Field, Head, Piece, Start, Version};

/// A response's head, read and found good.
#[derive(Debug)]
pub struct Response {
    /// Its parts; fields that `Connection` names are removed, but protected ones (row 71).
    pub head: Head,
    /// Bytes of the head, the empty line included.
    pub length: usize,
    /// How its body is framed, the request's method and the status taken into account.
    pub framing: Framing,
    /// `Content-Length`, even if there is no body (a response to HEAD, a 304); not of a 1xx or a 204,
    /// which must not have one (RFC 9110 §8.6).
    pub content_length: Option<u64>,
    /// What it says about the connection; `close` also if the body ends with it.
    pub connection: Connection,
}

/// What a response answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Asked {
    /// By HEAD.
    pub head: bool,
    /// By CONNECT.
    pub connect: bool,
    /// The request asked for an upgrade.
    pub upgrade: bool,
}

/// Looks for a head at the beginning of `bytes`; `None` if more has to come. 1xx heads are found, too:
/// the caller counts them.
///
/// # Errors
/// Why it is refused.
pub fn parse(
    bytes: &[u8],
    scan: &mut Scan,
    limits: &Limits,
    asked: Asked,
    fields: Vec<Field>,
) -> Result<Option<Response>, Reject> {
    let window = bytes.get(..limits.head_bytes).unwrap_or(bytes);
    let full = window.len() == limits.head_bytes;
    if !full && !scan.is_ready(window) {
        return Ok(None);
    }
    match read(window, limits, asked, fields) {
        Ok(response) => {
            *scan = Scan::default();
            Ok(Some(response))
        }
        Err(Stop::Wrong(reject)) => Err(reject),
        Err(Stop::More) if full => {
            Err(Reject { reason: Reason::HeadTooLarge, at: limits.head_bytes })
        }
        Err(Stop::More) => {
            scan.wait(window);
            Ok(None)
        }
    }
}

fn read(
    bytes: &[u8],
    limits: &Limits,
    asked: Asked,
    mut fields: Vec<Field>,
) -> Result<Response, Stop> {
    let line = status_line(bytes)?;
    let status = line.status;
    if status == 101 && !asked.upgrade {
        return Err(Stop::wrong(Reason::UnaskedUpgrade, 0));
    }
    let mut facts = Facts::response(line.version);
    let length = lines::read(bytes, line.next, limits.fields, &mut fields, &mut facts)?;
    let framing = framing(status, asked, &facts);
    let start = Start::Response { status, reason: line.reason };
    let mut head = Head::new(start, line.version, fields);
    if facts.notes.names {
        facts::remove_named(&mut head, bytes);
    }
    let Connection { close, keep_alive, upgrade } = facts.connection;
    let until_close = framing == Framing::UntilClose;
    Ok(Response {
        head,
        length,
        framing,
        content_length: facts.length.filter(|_| status >= 200 && status != 204),
        connection: Connection {
            close: close || until_close,
            keep_alive: keep_alive && !until_close,
            upgrade: upgrade && facts.upgrade && !facts.notes.h2c,
        },
    })
}

/// RFC 9112 §6.3.
fn framing(status: u16, asked: Asked, facts: &Facts) -> Framing {
    let tunnel = asked.connect && (200..300).contains(&status);
    if asked.head || tunnel || status < 200 || status == 204 || status == 304 {
        return Framing::None;
    }
    facts.framing().unwrap_or(Framing::UntilClose)
}

/// A status line, read.
struct Line {
    version: Version,
    status: u16,
    reason: Piece,
    next: usize,
}

fn status_line(bytes: &[u8]) -> Result<Line, Stop> {
    let (version, at) = version(bytes, 0).map_err(as_status_line)?;
    if *bytes.get(at).ok_or(Stop::More)? != b' ' {
        return Err(Stop::wrong(Reason::StatusLine, at));
    }
    let mut status = 0;
    for place in at + 1..at + 4 {
        let byte = *bytes.get(place).ok_or(Stop::More)?;
        if !byte.is_ascii_digit() {
            return Err(Stop::wrong(Reason::StatusLine, place));
        }
        status = status * 10 + u16::from(byte - b'0');
    }
    if status < 100 {
        return Err(Stop::wrong(Reason::StatusLine, at + 1));
    }
    // The blank before an empty reason is often left out; HAProxy does not mind either.
    let start = match bytes.get(at + 4) {
        None => return Err(Stop::More),
        Some(b' ') => at + 5,
        Some(b'\r' | b'\n') => at + 4,
        Some(_) => return Err(Stop::wrong(Reason::StatusLine, at + 4)),
    };
    let end = bytes::skip_value(bytes, start);
    let next = lines::end_of_line(bytes, end)?;
    Ok(Line { version, status, reason: Piece::base(start, end), next })
}

/// What does not begin like a status line is none, whatever it is.
fn as_status_line(stop: Stop) -> Stop {
    match stop {
        Stop::Wrong(Reject { reason: Reason::RequestLine, at }) => {
            Stop::wrong(Reason::StatusLine, at)
        }
        other => other,
    }
}
