//! Whole messages, read by the oracle: what a peer that shares nothing with Koi makes of the bytes.

use super::oracle::{self, Strict, Unchunked};
use koi::proto::h1::Framing;

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub head: Strict,
    pub framing: Framing,
    pub body: Vec<u8>,
    /// Bytes that carried it.
    pub length: usize,
}

/// Where a status line has the blank before its reason.
const BEFORE_REASON: usize = b"HTTP/1.1 200".len();

/// What the bytes begin with; `None` if it is not whole.
pub type Reading = Result<Option<Message>, String>;

/// The request in front.
pub fn request(bytes: &[u8]) -> Reading {
    let Some(head) = head(bytes)? else { return Ok(None) };
    let framing = framing(&head)?.unwrap_or(Framing::None);
    whole(bytes, head, framing)
}

/// The response in front; `bodiless` if it answers HEAD. What runs to the end of the connection ends
/// with the bytes.
pub fn response(bytes: &[u8], bodiless: bool) -> Reading {
    let Some(head) = head(bytes)? else { return Ok(None) };
    let framing = response_framing(&head, bodiless)?;
    whole(bytes, head, framing)
}

/// [`request`] with the liberties that Koi grants a client: an empty line may stand in front, and a
/// higher minor version is taken for 1.1.
pub fn received_request(bytes: &[u8]) -> Reading {
    let Some(head) = received_request_head(bytes)? else { return Ok(None) };
    let framing = framing(&head)?.unwrap_or(Framing::None);
    whole(bytes, head, framing)
}

/// Its head.
pub fn received_request_head(bytes: &[u8]) -> Result<Option<Strict>, String> {
    let mut plain = bytes.strip_prefix(b"\r\n").unwrap_or(bytes).to_vec();
    let skipped = bytes.len() - plain.len();
    let end = plain.windows(2).position(|window| window == b"\r\n");
    lower_version(&mut plain, end.and_then(|end| end.checked_sub(1)));
    Ok(head(&plain)?.map(|it| Strict { length: it.length + skipped, ..it }))
}

/// [`response`] with the liberties that Koi grants a server: a higher minor version is taken for 1.1,
/// and the blank before a reason that is missing may be missing, too.
pub fn received_response(bytes: &[u8], bodiless: bool) -> Reading {
    let Some(head) = received_response_head(bytes)? else { return Ok(None) };
    let framing = response_framing(&head, bodiless)?;
    whole(bytes, head, framing)
}

/// Its head.
pub fn received_response_head(bytes: &[u8]) -> Result<Option<Strict>, String> {
    let mut plain = bytes.to_vec();
    lower_version(&mut plain, Some(b"HTTP/1.".len()));
    let is_bare = plain.get(BEFORE_REASON) == Some(&b'\r');
    if is_bare {
        plain.insert(BEFORE_REASON, b' ');
    }
    Ok(head(&plain)?.map(|it| Strict { length: it.length - usize::from(is_bare), ..it }))
}

fn lower_version(bytes: &mut [u8], digit: Option<usize>) {
    if let Some(digit) = digit.and_then(|at| bytes.get_mut(at)).filter(|it| it.is_ascii_digit()) {
        *digit = (*digit).min(b'1');
    }
}

/// The head in front.
fn head(bytes: &[u8]) -> Result<Option<Strict>, String> {
    match bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        true => oracle::split(bytes).map(Some),
        false => Ok(None),
    }
}

fn whole(bytes: &[u8], head: Strict, framing: Framing) -> Reading {
    let rest = &bytes[head.length..];
    let (body, length) = match framing {
        Framing::None => (Vec::new(), 0),
        Framing::UntilClose => (rest.to_vec(), rest.len()),
        Framing::Length(length) => {
            let length = usize::try_from(length).map_err(|error| error.to_string())?;
            let Some(body) = rest.get(..length) else { return Ok(None) };
            (body.to_vec(), length)
        }
        Framing::Chunked => match oracle::unchunk(rest) {
            Unchunked::Whole(data, length) => (data, length),
            Unchunked::More(_) => return Ok(None),
            Unchunked::Bad(_) => return Err("chunks that are none".to_owned()),
        },
    };
    let length = head.length + length;
    Ok(Some(Message { head, framing, body, length }))
}

/// How the fields frame the body (RFC 9112 §6.3); `None` if they do not say.
pub fn framing(head: &Strict) -> Result<Option<Framing>, String> {
    let (codings, lengths) = (head.values("transfer-encoding"), head.values("content-length"));
    match (&codings[..], &lengths[..]) {
        ([], []) => Ok(None),
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Framing::Chunked)),
        ([], [digits]) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let number = String::from_utf8_lossy(digits).parse::<i64>();
            let number = number.map_err(|error| error.to_string())?.unsigned_abs();
            Ok(Some(if number == 0 { Framing::None } else { Framing::Length(number) }))
        }
        other => Err(format!("framed as {other:?}")),
    }
}

fn response_framing(head: &Strict, bodiless: bool) -> Result<Framing, String> {
    let said = framing(head)?;
    Ok(match &head.start[1][..] {
        [b'1', ..] | b"204" | b"304" => Framing::None,
        _ if bodiless => Framing::None,
        _ => said.unwrap_or(Framing::UntilClose),
    })
}

/// Options of `Connection` and members of other lists, in lower case.
pub fn members(head: &Strict, name: &str) -> Vec<Vec<u8>> {
    let lists = head.values(name);
    let all = lists.iter().flat_map(|list| list.split(|byte| *byte == b','));
    all.map(|member| member.trim_ascii().to_ascii_lowercase()).collect()
}

/// An absolute target, cut.
#[derive(Debug, PartialEq, Eq)]
pub struct Absolute<'a> {
    /// With `://`.
    pub scheme: &'a [u8],
    pub authority: &'a [u8],
    /// With the query; may be empty.
    pub path: &'a [u8],
}

/// Cuts an absolute target.
pub fn absolute(target: &[u8]) -> Option<Absolute<'_>> {
    let colon = target.windows(3).position(|window| window == b"://")?;
    let (scheme, rest) = target.split_at(colon + 3);
    let is_ours = [&b"http://"[..], b"https://"].iter().any(|it| scheme.eq_ignore_ascii_case(it));
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    is_ours.then_some(Absolute { scheme, authority, path })
}

/// A host without the port that its scheme has anyway, in lower case.
pub fn plain_host(scheme: &[u8], host: &[u8]) -> Vec<u8> {
    let port: &[u8] = if scheme.len() == b"https://".len() { b":443" } else { b":80" };
    let plain = host.strip_suffix(port).or(host.strip_suffix(b":")).unwrap_or(host);
    plain.to_ascii_lowercase()
}

/// Whether it is a host and perhaps a port (RFC 9110 §7.2): what stands before the port's colon is an
/// address in brackets or has no byte that divides or ends anything.
pub fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.iter().rposition(|byte| b":]".contains(byte)) {
        Some(at) if host[at] == b':' => (&host[..at], &host[at + 1..]),
        _ => (host, &b""[..]),
    };
    let good_name = match name {
        [b'[', address @ .., b']'] => {
            address.iter().all(|it| it.is_ascii_hexdigit() || b":.".contains(it))
        }
        [] => false,
        _ => name
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !b"@/?#,:\\[]\"<>^`{|}".contains(byte)),
    };
    good_name && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}
