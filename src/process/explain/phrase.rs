//! The phrase that describes a request: `GET https://www.example.net/ from 192.0.2.1`.
//!
//! In: text. Out: its parts, or the fault with its place.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use super::Endpoint;

/// How the phrase is written.
pub const FORM: &str = "it is written: METHOD TARGET [HTTP/1.1] [from ADDRESS[:PORT]] [to ADDRESS[:PORT]], \
                        as in GET https://www.example.net/ from 192.0.2.1";

/// A method (RFC 9110 §9): case matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(pub String);

impl Default for Method {
    fn default() -> Self {
        Method("GET".to_owned())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request asks for (RFC 9112 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `/path?query`.
    Origin(String),
    /// `https://host:port/path?query`.
    Absolute {
        /// Whether the scheme is `https`; else it is `http`.
        https: bool,
        /// `host` or `host:port`.
        authority: String,
        /// From the slash on; `/` if there is none.
        path: String,
    },
    /// `host:port`, of CONNECT.
    Authority(String),
    /// `*`, of OPTIONS.
    Asterisk,
}

impl Default for Target {
    fn default() -> Self {
        Target::Origin("/".to_owned())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Origin(path) => f.write_str(path),
            Target::Absolute { https, authority, path } => {
                let scheme = if *https { "https" } else { "http" };
                write!(f, "{scheme}://{authority}{path}")
            }
            Target::Authority(authority) => f.write_str(authority),
            Target::Asterisk => f.write_str("*"),
        }
    }
}

/// The version a request is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// `HTTP/1.0`.
    Http10,
    /// `HTTP/1.1`.
    #[default]
    Http11,
    /// `HTTP/2`.
    Http2,
}

/// What a phrase says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub target: Target,
    /// Its version.
    pub version: Version,
    /// Behind `from`.
    pub from: Option<Endpoint>,
    /// Behind `to`.
    pub to: Option<Endpoint>,
}

/// What is wrong with a phrase, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// What was expected there.
    pub label: &'static str,
    /// Bytes of the phrase.
    pub range: Range<usize>,
}

fn fault<T>(message: impl Into<String>, label: &'static str, at: Range<usize>) -> Result<T, Fault> {
    Err(Fault { message: message.into(), label, range: at })
}

/// A word and its bytes in the phrase.
type Word<'a> = (&'a str, Range<usize>);

/// Reads a phrase.
///
/// # Errors
/// The first fault.
pub fn parse(phrase: &str) -> Result<Request, Fault> {
    let end = phrase.len()..phrase.len();
    let mut words = words(phrase);
    let Some(method) = words.next() else {
        return fault("there is no request", "expected a method", end);
    };
    let method_word = method.0;
    let method = self::method(method)?;
    let Some(word) = words.next() else {
        return fault("the target is missing", "expected a path or a URL", end);
    };
    let target = target(word, method_word)?;
    let mut request = Request { method, target, version: Version::default(), from: None, to: None };
    while let Some((word, at)) = words.next() {
        let slot = match word {
            "from" => &mut request.from,
            "to" => &mut request.to,
            _ if word.starts_with("HTTP/") => {
                request.version = version(word, at)?;
                continue;
            }
            _ => {
                let message = format!("unexpected `{word}`");
                return fault(message, "expected HTTP/1.1, `from` or `to`", at);
            }
        };
        let Some(address) = words.next() else {
            return fault(format!("`{word}` needs an address"), "expected an address", end);
        };
        if slot.replace(endpoint(address)?).is_some() {
            return fault(format!("`{word}` stands here twice"), "the second one", at);
        }
    }
    Ok(request)
}

fn words(phrase: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    phrase.split(char::is_whitespace).filter_map(move |word| {
        // Every blank is a character of its own; its length shows in what is left.
        let start = at;
        let behind = phrase[start + word.len()..].chars().next();
        at = start + word.len() + behind.map_or(0, char::len_utf8);
        (!word.is_empty()).then(|| (word, start..start + word.len()))
    })
}

/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn method((word, at): Word<'_>) -> Result<Method, Fault> {
    if !word.bytes().all(is_token) {
        return fault(format!("`{word}` is no method"), "expected GET, POST ...", at);
    }
    Ok(Method(word.to_owned()))
}

fn target((word, at): Word<'_>, method: &str) -> Result<Target, Fault> {
    if let Some(bad) = word.find(|c: char| c.is_control() || c == '#') {
        let length = word[bad..].chars().next().map_or(0, char::len_utf8);
        let bad = at.start + bad..at.start + bad + length;
        return fault("this cannot stand in a target", "write it as %XX", bad);
    }
    if word.starts_with('/') {
        return Ok(Target::Origin(word.to_owned()));
    }
    let scheme =
        |name: &str| word.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
    for (name, https) in [("https://", true), ("http://", false)] {
        if scheme(name) {
            return absolute(&word[name.len()..], https, at.start + name.len());
        }
    }
    match (word, method) {
        ("*", "OPTIONS") => Ok(Target::Asterisk),
        (_, "CONNECT") if word.contains(':') => Ok(Target::Authority(word.to_owned())),
        _ => fault(
            format!("`{word}` is neither a path nor a URL"),
            "expected /path, http://host/path or https://host/path",
            at,
        ),
    }
}

/// What stands behind `https://`.
fn absolute(rest: &str, https: bool, start: usize) -> Result<Target, Fault> {
    let slash = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let at = start..start + slash;
    if let Some(user) = authority.rfind('@') {
        let at = start..start + user + 1;
        return fault("a request's URL names no user", "use -H 'Authorization: ...'", at);
    }
    if host_name(authority).is_empty() {
        return fault("the host is missing", "expected a host name or address", at);
    }
    let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    if let Some((host, port)) = port
        && port.parse::<u16>().is_err()
    {
        let at = start + host.len() + 1..at.end;
        return fault(format!("`{port}` is no port"), "expected a number up to 65535", at);
    }
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    };
    Ok(Target::Absolute { https, authority: authority.to_owned(), path })
}

/// The host in `host`, `host:port`, `[v6]` or `[v6]:port`, without brackets.
pub fn host_name(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    authority.split(':').next().unwrap_or(authority)
}

fn version(word: &str, at: Range<usize>) -> Result<Version, Fault> {
    match word {
        "HTTP/1.0" => Ok(Version::Http10),
        "HTTP/1.1" => Ok(Version::Http11),
        "HTTP/2" | "HTTP/2.0" => Ok(Version::Http2),
        _ => fault(
            format!("`{word}` is no version that can be asked about"),
            "expected HTTP/1.0, HTTP/1.1 or HTTP/2",
            at,
        ),
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn endpoint((word, at): Word<'_>) -> Result<Endpoint, Fault> {
    let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
    if let Ok(address) = bare.parse() {
        return Ok(Endpoint { address, port: None });
    }
    match word.parse::<SocketAddr>() {
        Ok(both) => Ok(Endpoint { address: both.ip(), port: Some(both.port()) }),
        Err(_) => fault(
            format!("`{word}` is no address"),
            "expected 192.0.2.1, 192.0.2.1:443, 2001:db8::1 or [2001:db8::1]:443",
            at,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_read() {
        let phrase =
            "POST https://www.example.net:8443?a=b HTTP/2 from [2001:db8::1]:5 to 192.0.2.1";
        let request = parse(phrase).expect("a request");
        assert_eq!(request.target.to_string(), "https://www.example.net:8443/?a=b");
        assert_eq!((&*request.method.0, request.version), ("POST", Version::Http2));
        let from = request.from.expect("a source");
        assert_eq!((from.address.to_string().as_str(), from.port), ("2001:db8::1", Some(5)));
        assert_eq!(request.to.expect("a destination").port, None);
        assert_eq!(parse("OPTIONS *").expect("a request").target, Target::Asterisk);
        assert_eq!(host_name("[::1]:80"), "::1");
    }

    #[test]
    fn faults_point_at_the_word() {
        for (phrase, at) in [
            ("", 0..0),
            ("GET", 3..3),
            ("G(T /", 0..3),
            ("GET www.example.net", 4..19),
            ("GET https:///x", 12..12),
            ("GET http://a:x/", 13..14),
            ("GET http://u@a/", 11..13),
            ("GET /\u{e4}#x", 7..8),
            ("GET / HTTP/3", 6..12),
            ("GET /\u{3000}form 192.0.2.1", 8..12),
            ("GET / from", 10..10),
            ("GET / from 192.0.2.256", 11..22),
            ("GET / from 192.0.2.1 from 192.0.2.2", 21..25),
        ] {
            let fault = parse(phrase).expect_err(phrase);
            assert_eq!(fault.range, at, "{phrase}: {}", fault.message);
        }
    }
}
