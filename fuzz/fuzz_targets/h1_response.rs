//! Any bytes as a response's head, whatever was asked. What Koi accepts, httparse accepts as well and
//! finds the same in it, and so does the oracle of the tests, which is strict; its body has one end; its
//! places lie within it; the limits are kept.
//!
//! Where Koi refuses nothing is said: others may be more lenient.
#![no_main]

#[path = "h1/mod.rs"]
mod h1;

use h1::message;
use h1::oracle::Strict;
use koi::proto::h1::response::{self, Asked, Response};
use koi::proto::h1::{Framing, Limits, Reason, Reject, Scan};
use koi::proto::head::Version;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for asked in (0..8).map(h1::asked) {
        check(input, asked);
    }
});

fn check(input: &[u8], asked: Asked) {
    let limits = Limits::default();
    let response = match parse(input, limits, asked) {
        Ok(Some(response)) => response,
        Ok(None) => return assert!(input.len() < limits.head_bytes),
        Err(reject) => return assert!(reject.at <= input.len(), "{reject}"),
    };
    assert!(response.length <= limits.head_bytes && response.head.fields.len() < limits.fields);
    let bytes = &input[..response.length];
    h1::assert_within(&response.head, bytes.len());
    agree_with_httparse(&response, bytes);
    keep_limits(&response, bytes, asked);
    let head = agree_with_oracle(&response, bytes);
    check_meaning(&response, &head, asked);
}

fn parse(bytes: &[u8], limits: Limits, asked: Asked) -> Result<Option<Response>, Reject> {
    response::parse(bytes, &mut Scan::default(), &limits, asked, Vec::new())
}

/// httparse knows no minor version above 1, and gives a reason that is not ASCII as none.
fn agree_with_httparse(response: &Response, bytes: &[u8]) {
    let view = response.head.view(bytes);
    let mut known = bytes.to_vec();
    if response.head.version == Version::Http11 {
        known[b"HTTP/1.".len()] = b'1';
    }
    // Koi may have taken some away: those that `Connection` names.
    let mut room = vec![httparse::EMPTY_HEADER; Limits::default().fields];
    let mut theirs = httparse::Response::new(&mut room);
    let read = theirs.parse(&known);
    assert_eq!(read, Ok(httparse::Status::Complete(response.length)));
    let version = if response.head.version == Version::Http10 { 0 } else { 1 };
    assert_eq!((theirs.code, theirs.version), (Some(view.status()), Some(version)));
    if let koi::proto::head::Start::Response { reason, .. } = response.head.start
        && view.bytes(reason).is_ascii()
    {
        assert_eq!(theirs.reason.map(str::as_bytes), Some(view.bytes(reason)));
    }
    let mut others = theirs.headers.iter().map(|field| (field.name.as_bytes(), field.value));
    assert!(view.fields().all(|field| others.any(|it| it == field)), "{:?}", theirs.headers);
}

/// What is behind the head is not looked at; the head fits its own size and not one byte less.
fn keep_limits(response: &Response, bytes: &[u8], asked: Asked) {
    let length = bytes.len();
    let with = |head_bytes| {
        let found = parse(bytes, Limits { head_bytes, ..Limits::default() }, asked);
        found.map(|found| format!("{found:?}")).map_err(|reject| reject.reason)
    };
    assert_eq!(with(length), Ok(format!("{:?}", Some(response))));
    assert_eq!(with(length - 1), Err(Reason::HeadTooLarge));
}

fn agree_with_oracle(response: &Response, bytes: &[u8]) -> Strict {
    let view = response.head.view(bytes);
    let head = message::received_response_head(bytes).expect("a good head").expect("a whole one");
    let [version, status, reason] = &head.start;
    let is_old = response.head.version == Version::Http10;
    assert_eq!(&version[..], if is_old { b"HTTP/1.0" } else { b"HTTP/1.1" });
    assert_eq!(status[..], *view.status().to_string().as_bytes());
    assert!((100..1000).contains(&view.status()));
    if let koi::proto::head::Start::Response { reason: place, .. } = response.head.start {
        assert_eq!(reason[..], *view.bytes(place));
    }
    assert_eq!(head.length, response.length);
    let mut gone = Vec::new();
    let mut ours = view.fields().peekable();
    for (name, value) in &head.fields {
        let is_same =
            |field: &(&[u8], &[u8])| field.0.eq_ignore_ascii_case(name) && field.1 == value;
        if ours.next_if(is_same).is_none() {
            gone.push(name);
        }
    }
    assert_eq!(ours.next(), None, "made up");
    let options = message::members(&head, "connection");
    for name in gone {
        assert!(options.contains(name), "{:?} went", String::from_utf8_lossy(name));
        let is_kept = matches!(&name[..], b"content-length" | b"transfer-encoding" | b"set-cookie");
        assert!(!is_kept, "{:?} went", String::from_utf8_lossy(name));
    }
    head
}

/// What Koi makes of the fields is what they say; none says two things.
fn check_meaning(response: &Response, head: &Strict, asked: Asked) {
    let said = message::framing(head).expect("one framing");
    let status = response.head.view(b"").status();
    let is_tunnel = asked.connect && (200..300).contains(&status);
    let is_bodiless = asked.head || is_tunnel || matches!(status, 100..200 | 204 | 304);
    let framing = match said {
        _ if is_bodiless => Framing::None,
        said => said.unwrap_or(Framing::UntilClose),
    };
    assert_eq!(response.framing, framing);
    assert!(status != 101 || asked.upgrade);
    let told = match said {
        Some(Framing::Length(length)) => Some(length),
        Some(Framing::None) => Some(0),
        _ => None,
    };
    assert_eq!(response.content_length, told.filter(|_| status >= 200 && status != 204));

    let options = message::members(head, "connection");
    let has = |option: &[u8]| options.iter().any(|it| it == option);
    let ends = framing == Framing::UntilClose;
    assert_eq!(response.connection.close, ends || has(b"close"));
    assert_eq!(response.connection.keep_alive, !ends && has(b"keep-alive"));
    if response.connection.upgrade {
        let protocols = message::members(head, "upgrade");
        assert!(
            has(b"upgrade") && !protocols.is_empty() && protocols.iter().all(|it| it != b"h2c")
        );
    }
}
