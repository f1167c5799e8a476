//! Oracles for HTTP/1.1 that share nothing with Koi's parser: they split whole messages, slowly and
//! strictly. For `tests/h1_rows.rs` and the fuzz targets.

#![allow(dead_code, reason = "each of those uses its own part")]

/// A head, split.
#[derive(Debug, PartialEq, Eq)]
pub struct Strict {
    /// The three parts of the start line.
    pub start: [Vec<u8>; 3],
    /// Names in lower case, and values.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes of the head.
    pub length: usize,
}

impl Strict {
    /// The values of the fields of this name.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = |field: &&(Vec<u8>, Vec<u8>)| field.0 == name.as_bytes();
        self.fields.iter().filter(named).map(|(_, value)| &value[..]).collect()
    }

    /// The value of the only field of this name.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        let values = self.values(name);
        assert!(values.len() <= 1, "{name}: {values:?}");
        values.first().copied()
    }

    /// The framing: the number of bytes, or `None` for chunked.
    pub fn body(&self) -> Option<u64> {
        let coding = self.value("transfer-encoding");
        let length = self.value("content-length");
        if let Some(coding) = coding {
            assert_eq!((coding, length), (&b"chunked"[..], None));
            return None;
        }
        let length = length.map(|text| std::str::from_utf8(text).expect("digits"));
        if let Some(text) = length {
            assert!(text == "0" || !text.starts_with('0'), "not canonical: {text}");
        }
        Some(length.map_or(0, |text| text.parse().expect("a number")))
    }
}

/// Splits the head at the beginning of `bytes`.
pub fn split(bytes: &[u8]) -> Result<Strict, String> {
    let end = find(bytes, b"\r\n\r\n").ok_or("no end of head")?;
    let mut lines = Vec::new();
    let mut rest = &bytes[..end];
    while let Some(at) = find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    for line in &lines {
        if let Some(byte) = line.iter().find(|byte| (**byte < 32 && **byte != 9) || **byte == 127) {
            return Err(format!("control byte {byte} in {:?}", String::from_utf8_lossy(line)));
        }
    }
    let start: Vec<Vec<u8>> =
        lines[0].splitn(3, |byte| *byte == b' ').map(<[u8]>::to_vec).collect();
    let start = start.try_into().map_err(|parts| format!("start line of {parts:?}"))?;
    let mut fields = Vec::new();
    for line in &lines[1..] {
        let colon = find(line, b":").ok_or("a line without colon")?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(format!("name {:?}", String::from_utf8_lossy(name)));
        }
        fields.push((name.to_ascii_lowercase(), value.to_vec()));
    }
    Ok(Strict { start, fields, length: end + 4 })
}

/// Whether a request's head may go to a server: one message, for one host, framed in one way.
pub fn check_request(head: &Strict) -> Result<(), String> {
    let [method, target, version] = &head.start;
    let fail = |what: &str| Err(format!("{what} in {head:?}"));
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return fail("method");
    }
    if target.is_empty() || !target.iter().all(|byte| (33..127).contains(byte) && *byte != b'#') {
        return fail("target");
    }
    let hosts = head.values("host").len();
    match version.as_slice() {
        b"HTTP/1.1" if hosts == 1 => {}
        b"HTTP/1.0" if hosts == 0 && head.values("transfer-encoding").is_empty() => {}
        _ => return fail("version or host"),
    }
    let framings = head.values("content-length").len() + head.values("transfer-encoding").len();
    if framings > 1 {
        return fail("framing");
    }
    Ok(())
}

/// What [`unchunk`] finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Unchunked {
    /// The data, and how many bytes carried it.
    Whole(Vec<u8>, usize),
    /// There is more to come behind this data.
    More(Vec<u8>),
    /// It is refused, behind this data.
    Bad(Vec<u8>),
}

/// Takes a chunked body apart, line by line.
pub fn unchunk(bytes: &[u8]) -> Unchunked {
    let (mut at, mut data) = (0, Vec::new());
    loop {
        let (line, next) = match line(bytes, at) {
            Ok(Some(line)) => line,
            Ok(None) if may_be_size_line(&bytes[at..]) => return Unchunked::More(data),
            Ok(None) | Err(()) => return Unchunked::Bad(data),
        };
        let Some(size) = size_line(line) else { return Unchunked::Bad(data) };
        at = next;
        if size == 0 {
            break;
        }
        let left = usize::try_from(size).unwrap_or(usize::MAX);
        if bytes.len() - at < left {
            data.extend_from_slice(&bytes[at..]);
            return Unchunked::More(data);
        }
        data.extend_from_slice(&bytes[at..at + left]);
        at += left;
        match &bytes[at..] {
            [] | [b'\r'] => return Unchunked::More(data),
            [b'\r', b'\n', ..] => at += 2,
            _ => return Unchunked::Bad(data),
        }
    }
    loop {
        match line(bytes, at) {
            Ok(Some(([], next))) => return Unchunked::Whole(data, next),
            Ok(Some((line, next))) if is_field_line(line) => at = next,
            Ok(None) if may_be_field_line(&bytes[at..]) => return Unchunked::More(data),
            _ => return Unchunked::Bad(data),
        }
    }
}

/// A line and where the next one begins; `None` if its end has not come.
#[allow(clippy::type_complexity)]
fn line(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, ()> {
    let rest = &bytes[at..];
    match rest.iter().position(|byte| *byte == b'\n') {
        None => Ok(None),
        Some(end) if end > 0 && rest[end - 1] == b'\r' => {
            Ok(Some((&rest[..end - 1], at + end + 1)))
        }
        Some(_) => Err(()),
    }
}

/// The size that a size line without its end tells.
fn size_line(line: &[u8]) -> Option<u64> {
    let text = line.split(|byte| *byte == b';').next().unwrap_or_default();
    if text.is_empty() || text.len() > 16 || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()?;
    let mut rest = &line[text.len()..];
    while !rest.is_empty() {
        rest = extension(rest)?;
    }
    (size <= i64::MAX as u64).then_some(size)
}

/// What is left behind `;name`, `;name=value` or `;name="value"`.
fn extension(bytes: &[u8]) -> Option<&[u8]> {
    let rest = token(bytes.strip_prefix(b";")?)?;
    let Some(value) = rest.strip_prefix(b"=") else { return Some(rest) };
    let Some(mut quoted) = value.strip_prefix(b"\"") else { return token(value) };
    loop {
        match quoted {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] if is_text(*byte) => quoted = rest,
            _ => return None,
        }
    }
}

/// What is left behind a token of at least a byte.
fn token(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| !is_token(*byte)).unwrap_or(bytes.len());
    (end > 0).then(|| &bytes[end..])
}

fn is_field_line(line: &[u8]) -> bool {
    matches!(token(line), Some([b':', value @ ..]) if value.iter().all(|byte| is_text(*byte)))
}

/// Whether something behind these bytes could make a size line of them.
fn may_be_size_line(bytes: &[u8]) -> bool {
    let endings: [&[u8]; 6] = [b"", b"0", b"a", b"=a", b"\"", b"a\""];
    may_be(bytes, &endings, |line| size_line(line).is_some())
}

/// Whether something behind these bytes could make a field line, or the empty one, of them.
fn may_be_field_line(bytes: &[u8]) -> bool {
    may_be(bytes, &[b"", b":", b"a:"], |line| line.is_empty() || is_field_line(line))
}

fn may_be(bytes: &[u8], endings: &[&[u8]], good: impl Fn(&[u8]) -> bool) -> bool {
    let (bytes, ended) = match bytes {
        [rest @ .., b'\r'] => (rest, true),
        _ => (bytes, false),
    };
    endings
        .iter()
        .filter(|ending| !ended || ending.is_empty())
        .any(|ending| good(&[bytes, ending].concat()))
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 127)
}

pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
