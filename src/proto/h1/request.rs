//! Heads of requests (RFC 9112 §3).

use super::bytes::{self, TARGET, TOKEN};
use super::facts::{self, Facts, Notes};
use super::host::same_authority;
use super::reject::Stop;
use super::{Connection, Framing, Limits, Reason, Reject, Scan, lines, target};
use crate::proto::head::{Field, Head, Piece, Start, Version};

/// A request's head, read and found good.
#[derive(Debug)]
pub struct Request {
    /// Its parts, as they came; [`prepare`] has not been applied.
    pub head: Head,
    /// Bytes of the head, a leading empty line and the empty line at its end included.
    pub length: usize,
    /// How its body is framed.
    pub framing: Framing,
    /// `Content-Length`, even if it is zero.
    pub content_length: Option<u64>,
    /// What it says about the connection.
    pub connection: Connection,
    /// What it expects; nothing of a request without a body.
    pub expect: Expect,
    absolute: bool,
    notes: Notes,
}

/// `Expect` (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Nothing,
    /// `100-continue`.
    Continue,
}

/// What [`prepare`] did that is worth counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Fields dropped that look like framing but for an underscore.
    pub disguised: usize,
}

/// Looks for a head at the beginning of `bytes`; `None` if more has to come. `fields` is an empty
/// vector to use (recycled from the last request). A fault may be reported before the head is
/// complete; which one does not depend on how the bytes come.
///
/// # Errors
/// Why it is refused.
pub fn parse(
    bytes: &[u8],
    scan: &mut Scan,
    limits: &Limits,
    fields: Vec<Field>,
) -> Result<Option<Request>, Reject> {
    let window = bytes.get(..limits.head_bytes).unwrap_or(bytes);
    let full = window.len() == limits.head_bytes;
    if !full && !scan.is_ready(window) {
        return Ok(None);
    }
    match read(window, limits, fields) {
        Ok(request) => {
            *scan = Scan::default();
            Ok(Some(request))
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

fn read(bytes: &[u8], limits: &Limits, mut fields: Vec<Field>) -> Result<Request, Stop> {
    let line = request_line(bytes)?;
    let mut facts = Facts::request(line.version);
    let length = lines::read(bytes, line.next, limits.fields, &mut fields, &mut facts)?;
    if !facts.host && line.version != Version::Http10 {
        return Err(Stop::wrong(Reason::HostMissing, length));
    }
    // RFC 9112 §6.3: a request that does not say has no body.
    let framing = facts.framing().unwrap_or(Framing::None);
    let upgradable = line.get && framing == Framing::None && line.version == Version::Http11;
    let upgrade = facts.connection.upgrade && facts.upgrade && !facts.notes.h2c && upgradable;
    let expect = facts.expect && framing != Framing::None;
    let start = Start::Request { method: line.method, target: line.target };
    Ok(Request {
        head: Head::new(start, line.version, fields),
        length,
        framing,
        content_length: facts.length,
        connection: Connection { upgrade, ..facts.connection },
        expect: if expect { Expect::Continue } else { Expect::Nothing },
        absolute: line.absolute,
        notes: facts.notes,
    })
}

/// A request line, read.
struct Line {
    method: Piece,
    get: bool,
    target: Piece,
    absolute: bool,
    version: Version,
    next: usize,
}

fn request_line(bytes: &[u8]) -> Result<Line, Stop> {
    let start = after_empty_line(bytes)?;
    let method_end = bytes::skip(bytes, start, TOKEN);
    match bytes.get(method_end) {
        None => return Err(Stop::More),
        Some(b' ') if method_end > start => {}
        Some(b'\r' | b'\n') => return Err(Stop::wrong(Reason::RequestLine, method_end)),
        Some(_) => return Err(Stop::wrong(Reason::Method, method_end)),
    }
    let method = bytes.get(start..method_end).unwrap_or_default();
    if method == b"CONNECT" {
        return Err(Stop::wrong(Reason::Connect, start));
    }
    let target_start = method_end + 1;
    let mut target_end = bytes::skip_plain_target(bytes, target_start);
    let encoded = bytes.get(target_end) == Some(&b'%');
    if encoded {
        target_end = bytes::skip(bytes, target_end, TARGET);
    }
    match bytes.get(target_end) {
        None => return Err(Stop::More),
        Some(b' ') if target_end > target_start => {}
        Some(b' ' | b'\t' | b'\r' | b'\n') => {
            return Err(Stop::wrong(Reason::RequestLine, target_end));
        }
        Some(_) => return Err(Stop::wrong(Reason::Target, target_end)),
    }
    let target = bytes.get(target_start..target_end).unwrap_or_default();
    let absolute = target::check(method, target, encoded)
        .map_err(|(reason, at)| Stop::wrong(reason, target_start + at))?;
    let (version, next) = version_and_end(bytes, target_end + 1)?;
    Ok(Line {
        method: Piece::base(start, method_end),
        get: method == b"GET",
        target: Piece::base(target_start, target_end),
        absolute,
        version,
        next,
    })
}

/// The version, and where the next line begins.
fn version_and_end(bytes: &[u8], at: usize) -> Result<(Version, usize), Stop> {
    const USUAL: &[u8] = b"HTTP/1.1\r\n";
    if bytes.get(at..at + USUAL.len()) == Some(USUAL) {
        return Ok((Version::Http11, at + USUAL.len()));
    }
    let (version, end) = version(bytes, at)?;
    match lines::end_of_line(bytes, end) {
        Err(Stop::Wrong(Reject { reason: Reason::Control, at })) => {
            Err(Stop::wrong(Reason::RequestLine, at))
        }
        other => Ok((version, other?)),
    }
}

/// One empty line may stand before a request (RFC 9112 §2.2).
fn after_empty_line(bytes: &[u8]) -> Result<usize, Stop> {
    match bytes.first() {
        Some(b'\r') => {}
        Some(b'\n') => return Err(Stop::wrong(Reason::BareLf, 0)),
        _ => return Ok(0),
    }
    let next = lines::end_of_line(bytes, 0)?;
    match bytes.get(next) {
        Some(b'\r' | b'\n') => Err(Stop::wrong(Reason::EmptyLines, next)),
        _ => Ok(next),
    }
}

/// Reads the version at `at`; gives where it ends. A higher minor version is served as 1.1
/// (RFC 9110 §2.5).
pub(super) fn version(bytes: &[u8], at: usize) -> Result<(Version, usize), Stop> {
    let mut text = [0; 8];
    for (offset, place) in text.iter_mut().enumerate() {
        let byte = *bytes.get(at + offset).ok_or(Stop::More)?;
        let good = match offset {
            5 | 7 => byte.is_ascii_digit(),
            _ => Some(&byte) == b"HTTP/1.1".get(offset),
        };
        if !good {
            let blank = offset == 0 && matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let reason = if blank { Reason::RequestLine } else { Reason::Version };
            return Err(Stop::wrong(reason, at + offset));
        }
        *place = byte;
    }
    // `HTTP/1.32` is no version at all, whatever its major one.
    match bytes.get(at + 8) {
        None => return Err(Stop::More),
        Some(byte) if byte.is_ascii_digit() => return Err(Stop::wrong(Reason::Version, at + 8)),
        Some(_) => {}
    }
    match text {
        [.., b'1', b'.', b'0'] => Ok((Version::Http10, at + 8)),
        [.., b'1', b'.', _] => Ok((Version::Http11, at + 8)),
        _ => Err(Stop::wrong(Reason::MajorVersion, at + 5)),
    }
}

/// Makes a head fit for rules: an absolute target's authority replaces `Host`, fields that
/// `Connection` names are removed (row 71; `Connection` and `Upgrade` themselves stay for rules to
/// see), underscored disguises of framing fields go (row 21), `Upgrade: h2c` and `HTTP2-Settings` go
/// (row 63), and an `Expect` that does not count. `base` is what it was parsed from.
pub fn prepare(request: &mut Request, base: &[u8]) -> Prepared {
    let mut done = Prepared::default();
    let Request { head, notes, .. } = request;
    if notes.disguised {
        done.disguised = facts::remove_disguised(head, base);
    }
    if notes.h2c {
        head.remove(base, |name, _| {
            name.eq_ignore_ascii_case(b"upgrade") || name.eq_ignore_ascii_case(b"http2-settings")
        });
    }
    if notes.names {
        facts::remove_named(head, base);
    }
    if notes.expect && request.expect == Expect::Nothing {
        head.remove(base, |name, _| name.eq_ignore_ascii_case(b"expect"));
    }
    if request.absolute {
        prepare_absolute(head, base);
    }
    done
}

/// RFC 9112 §3.2.2: the target's authority is the host. It stays in the form it came in, as HAProxy
/// leaves it, but for a path of its own.
fn prepare_absolute(head: &mut Head, base: &[u8]) {
    let view = head.view(base);
    let target = view.target();
    let Some(parts) = target::absolute(target) else { return };
    let authority = target.get(parts.authority..parts.path).unwrap_or_default();
    let port = target::default_port(target);
    let same = view.values(b"host").any(|host| same_authority(host, authority, port));
    let bare = parts.path == target.len();
    if !same {
        let (host, authority) = (b"Host", authority.to_vec());
        head.remove(base, |name, _| name.eq_ignore_ascii_case(host));
        let field = Field { name: head.add(host), value: head.add(&authority) };
        head.fields.insert(0, field);
    }
    if bare {
        let mut whole = head.view(base).target().to_vec();
        whole.push(b'/');
        let added = head.add(&whole);
        if let Start::Request { target, .. } = &mut head.start {
            *target = added;
        }
    }
}
