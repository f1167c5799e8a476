//! Any bytes as a request's head. What Koi accepts, httparse accepts as well and finds the same in it,
//! and so does the oracle of the tests, which is strict; it is for one host and framed in one way; its
//! places lie within it; the limits are kept; and `prepare` takes away only what it may.
//!
//! Where Koi refuses nothing is said: others may be more lenient.
#![no_main]

#[path = "h1/mod.rs"]
mod h1;

use h1::message;
use h1::oracle::{self, Strict};
use koi::proto::h1::request::{self, Expect, Request};
use koi::proto::h1::{Framing, Limits, Reason, Reject, Scan};
use koi::proto::head::Version;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let mut request = match parse(input, limits) {
        Ok(Some(request)) => request,
        Ok(None) => return assert!(input.len() < limits.head_bytes),
        Err(reject) => return assert!(reject.at <= input.len(), "{reject}"),
    };
    assert!(request.length <= limits.head_bytes && request.head.fields.len() < limits.fields);
    let bytes = &input[..request.length];
    h1::assert_within(&request.head, bytes.len());
    agree_with_httparse(&request, bytes);
    keep_limits(&request, bytes);
    let head = agree_with_oracle(&request, bytes);
    check_meaning(&request, &head);
    let before = fields(&request, bytes);
    request::prepare(&mut request, bytes);
    check_prepared(&request, bytes, &head, before);
});

fn parse(bytes: &[u8], limits: Limits) -> Result<Option<Request>, Reject> {
    request::parse(bytes, &mut Scan::default(), &limits, Vec::new())
}

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn fields(request: &Request, bytes: &[u8]) -> Fields {
    let view = request.head.view(bytes);
    view.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// httparse knows no minor version above 1.
fn agree_with_httparse(request: &Request, bytes: &[u8]) {
    let view = request.head.view(bytes);
    let mut known = bytes.to_vec();
    let line = 2 + bytes[2..].iter().position(|byte| *byte == b'\n').expect("a line");
    if request.head.version == Version::Http11 {
        known[line - 2] = b'1';
    }
    let mut room = vec![httparse::EMPTY_HEADER; request.head.fields.len()];
    let mut theirs = httparse::Request::new(&mut room);
    let read = theirs.parse(&known);
    assert_eq!(read, Ok(httparse::Status::Complete(request.length)));
    let version = if request.head.version == Version::Http10 { 0 } else { 1 };
    let line = (theirs.method.map(str::as_bytes), theirs.path.map(str::as_bytes), theirs.version);
    assert_eq!(line, (Some(view.method()), Some(view.target()), Some(version)));
    let others = theirs.headers.iter().map(|field| (field.name.as_bytes(), field.value));
    assert!(view.fields().eq(others), "{:?}", theirs.headers);
}

/// What is behind the head is not looked at; the head fits its own size and not one byte less.
fn keep_limits(request: &Request, bytes: &[u8]) {
    let (length, lines) = (bytes.len(), request.head.fields.len());
    let with = |head_bytes, fields| {
        let found = parse(bytes, Limits { head_bytes, fields });
        found.map(|found| format!("{found:?}")).map_err(|reject| reject.reason)
    };
    assert_eq!(with(length, lines + 1), Ok(format!("{:?}", Some(request))));
    assert_eq!(with(length - 1, lines + 1), Err(Reason::HeadTooLarge));
    if lines > 0 {
        assert_eq!(with(length, lines), Err(Reason::TooManyFields));
    }
}

fn agree_with_oracle(request: &Request, bytes: &[u8]) -> Strict {
    let view = request.head.view(bytes);
    let head = message::received_request_head(bytes).expect("a good head").expect("a whole one");
    let [method, target, version] = &head.start;
    assert_eq!((&method[..], &target[..]), (view.method(), view.target()));
    let is_old = request.head.version == Version::Http10;
    assert_eq!(&version[..], if is_old { b"HTTP/1.0" } else { b"HTTP/1.1" });
    let lower = |(name, value): (&[u8], &[u8])| (name.to_ascii_lowercase(), value.to_vec());
    assert!(view.fields().map(lower).eq(head.fields.iter().cloned()), "{head:?}");
    assert_eq!(head.length, request.length);
    head
}

/// What Koi makes of the fields is what they say; none says two things.
fn check_meaning(request: &Request, head: &Strict) {
    let [method, target, _] = &head.start;
    assert!(method.iter().all(|byte| oracle::is_token(*byte)) && method != b"CONNECT");
    assert!(target.iter().all(|byte| byte.is_ascii_graphic() && !b"#\\".contains(byte)));
    let parts = message::absolute(target);
    let path = parts.as_ref().map_or(&target[..], |parts| parts.path);
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    assert!(!path.windows(3).any(|window| window == b"%00"));
    match parts {
        _ if target.starts_with(b"/") => {}
        None => assert_eq!((&target[..], &method[..]), (&b"*"[..], &b"OPTIONS"[..])),
        Some(parts) => assert!(message::is_host(parts.authority) && !parts.path.starts_with(b"?")),
    }
    let is_old = request.head.version == Version::Http10;
    let hosts = head.values("host");
    assert!(hosts.len() == 1 || (is_old && hosts.is_empty()), "{hosts:?}");
    assert!(hosts.iter().all(|host| message::is_host(host)), "{hosts:?}");

    let framing = message::framing(head).expect("one framing");
    assert_eq!(request.framing, framing.unwrap_or(Framing::None));
    assert!(!is_old || request.framing != Framing::Chunked);
    let told = match framing {
        Some(Framing::Length(length)) => Some(length),
        Some(Framing::None) => Some(0),
        _ => None,
    };
    assert_eq!(request.content_length, told);

    let options = message::members(head, "connection");
    let has = |option: &[u8]| options.iter().any(|it| it == option);
    let connection = request.connection;
    assert_eq!(connection.close, has(b"close"));
    assert_eq!(connection.keep_alive, has(b"keep-alive"));
    let protocols = message::members(head, "upgrade");
    let is_h2c =
        protocols.iter().any(|it| it == b"h2c") || !head.values("http2-settings").is_empty();
    let may = method == b"GET" && !is_old && request.framing == Framing::None && !is_h2c;
    assert_eq!(connection.upgrade, may && has(b"upgrade") && !protocols.is_empty());

    let expected = head.values("expect");
    assert!(is_old || expected.iter().all(|it| it.eq_ignore_ascii_case(b"100-continue")));
    let waits = !is_old && !expected.is_empty() && request.framing != Framing::None;
    assert_eq!(request.expect == Expect::Continue, waits);
}

/// What is left was there before, but for the host that an absolute target brings; what went had to.
fn check_prepared(request: &Request, bytes: &[u8], head: &Strict, before: Fields) {
    let view = request.head.view(bytes);
    let after = fields(request, bytes);
    let mut old = before.iter().peekable();
    let mut gone: Vec<&[u8]> = Vec::new();
    let target = message::absolute(&head.start[1]);
    for (place, field) in after.iter().enumerate() {
        if place == 0 && target.as_ref().is_some_and(|it| field.1 == it.authority) {
            // It may be the client's own, as well.
            old.next_if(|it| *it == field);
            continue;
        }
        gone.extend(std::iter::from_fn(|| old.next_if(|it| *it != field)).map(|it| &it.0[..]));
        assert_eq!(old.next(), Some(field), "made up");
    }
    gone.extend(old.map(|it| &it.0[..]));
    for name in gone {
        check_removed(request, head, &name.to_ascii_lowercase());
    }

    let hosts: Vec<&[u8]> = view.values(b"host").collect();
    let Some(parts) = target else {
        assert_eq!(view.target(), &head.start[1][..]);
        return assert_eq!(hosts, head.values("host"));
    };
    let plain = |host| message::plain_host(parts.scheme, host);
    assert_eq!((hosts.len(), plain(hosts[0])), (1, plain(parts.authority)), "{hosts:?}");
    let path = if parts.path.is_empty() { b"/" } else { parts.path };
    assert_eq!(view.target(), [parts.scheme, parts.authority, path].concat());
}

/// A field went that had to: `Connection` names it, or it is a disguise, of h2c, an expectation that
/// does not count, or the host that the target replaces. Nobody gets rid of what says who it is.
fn check_removed(request: &Request, head: &Strict, name: &[u8]) {
    let is_named = message::members(head, "connection").iter().any(|it| it == name);
    let is_disguise = matches!(name, b"content_length" | b"transfer_encoding");
    let is_h2c = matches!(name, b"upgrade" | b"http2-settings");
    let is_idle = name == b"expect" && request.expect == Expect::Nothing;
    let is_host = name == b"host" && !head.start[1].starts_with(b"/");
    assert!(
        is_named || is_disguise || is_h2c || is_idle || is_host,
        "{:?} went",
        String::from_utf8_lossy(name)
    );
    let is_kept = matches!(name, b"authorization" | b"cookie" | b"content-length")
        || name == b"transfer-encoding"
        || name.starts_with(b"x-forwarded");
    assert!(!is_kept, "{:?} went", String::from_utf8_lossy(name));
}
