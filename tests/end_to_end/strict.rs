//! An independent, strict reader of what a proxy sends to origins (RFC 9112): anything that a careful
//! server would refuse is an error here.

use super::message::latin;

/// A request, read strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: String,
    /// Names in lower case.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The only value of this field.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }
}

/// What a connection carried: whole requests, and perhaps the beginning of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub requests: Vec<Request>,
    /// Whether bytes are left that are no whole request.
    pub is_cut: bool,
}

/// Reads everything that a connection carried.
///
/// # Errors
/// What no proxy may send.
pub fn read(mut bytes: &[u8]) -> Result<Reading, String> {
    let mut reading = Reading::default();
    while !bytes.is_empty() {
        match one(bytes)? {
            Some((request, rest)) => {
                reading.requests.push(request);
                bytes = rest;
            }
            None => {
                reading.is_cut = true;
                break;
            }
        }
    }
    Ok(reading)
}

/// The first request and what is behind it; `None` if it is not whole.
fn one(bytes: &[u8]) -> Result<Option<(Request, &[u8])>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, rest) = (latin(&bytes[..end]), &bytes[end + 4..]);
    let mut lines = head.split("\r\n");
    let (method, target) = request_line(lines.next().unwrap_or_default())?;
    let fields = lines.map(field).collect::<Result<Vec<_>, _>>()?;
    let values = |name: &str| -> Vec<&str> {
        fields.iter().filter(|field| field.0 == name).map(|field| field.1.as_str()).collect()
    };
    if values("host").len() != 1 {
        return Err(format!("not one Host: {head:?}"));
    }
    let body = match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Some((Vec::new(), rest)),
        ([length], []) => by_length(length, rest)?,
        ([], ["chunked"]) => chunked(rest)?,
        framing => return Err(format!("framed twice or oddly: {framing:?}")),
    };
    Ok(body.map(|(body, rest)| (Request { method, target, fields, body }, rest)))
}

fn request_line(line: &str) -> Result<(String, String), String> {
    let odd = || format!("a request line {line:?}");
    let [method, target, "HTTP/1.1"] = line.split(' ').collect::<Vec<_>>()[..] else {
        return Err(odd());
    };
    let is_target = target.starts_with('/') || target == "*";
    let is_plain =
        target.chars().all(|letter| matches!(letter, '!'..='~') && !"#\\".contains(letter));
    if method.is_empty() || !method.chars().all(is_token) || !is_target || !is_plain {
        return Err(odd());
    }
    Ok((method.to_owned(), target.to_owned()))
}

fn field(line: &str) -> Result<(String, String), String> {
    let odd = || format!("a field line {line:?}");
    let (name, value) = line.split_once(':').ok_or_else(odd)?;
    let is_name = !name.is_empty() && name.chars().all(is_token);
    let is_value =
        value.chars().all(|letter| letter == '\t' || (letter >= ' ' && letter != '\x7f'));
    if !is_name || !is_value {
        return Err(odd());
    }
    Ok((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()))
}

fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}

type Body<'a> = Option<(Vec<u8>, &'a [u8])>;

fn by_length<'a>(length: &str, rest: &'a [u8]) -> Result<Body<'a>, String> {
    let is_canonical = length.chars().all(|digit| digit.is_ascii_digit())
        && (length == "0" || !length.starts_with('0'));
    let number: Option<usize> = length.parse().ok().filter(|_| is_canonical);
    let number = number.ok_or_else(|| format!("a length {length:?}"))?;
    Ok(rest.split_at_checked(number).map(|(body, rest)| (body.to_vec(), rest)))
}

fn chunked(mut rest: &[u8]) -> Result<Body<'_>, String> {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else {
            return Ok(None);
        };
        let line = latin(&rest[..end]);
        rest = &rest[end + 2..];
        let is_size = !line.is_empty() && line.chars().all(|digit| digit.is_ascii_hexdigit());
        let size = usize::from_str_radix(&line, 16).ok().filter(|_| is_size);
        let size = size.ok_or_else(|| format!("a chunk's line {line:?}"))?;
        let Some((data, after)) = rest.split_at_checked(size) else { return Ok(None) };
        if size == 0 {
            return trailers(rest).map(|rest| rest.map(|rest| (body, rest)));
        }
        let Some((end, after)) = after.split_at_checked(2) else { return Ok(None) };
        if end != b"\r\n" {
            return Err(format!("behind a chunk: {end:?}"));
        }
        body.extend_from_slice(data);
        rest = after;
    }
}

fn trailers(mut rest: &[u8]) -> Result<Option<&[u8]>, String> {
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else {
            return Ok(None);
        };
        let line = latin(&rest[..end]);
        rest = &rest[end + 2..];
        if line.is_empty() {
            return Ok(Some(rest));
        }
        field(&line)?;
    }
}
