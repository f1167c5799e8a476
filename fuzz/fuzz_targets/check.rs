//! Any bytes as what a server or its agent answers to a check, in pieces of any size (the first line's, see
//! `h1::ends`): nothing panics; an answer of HTTP means the same however it comes, and so does an agent's
//! line; what is told of it is one short line without control characters.
#![no_main]

#[path = "h1/mod.rs"]
mod h1;

use koi::proto::check::preset::{Kind, Next, Talk};
use koi::proto::check::reply::Reply;
use koi::proto::check::{REPLY_MAX, agent, printable};

/// A character that takes the place of a bad byte has three; and the text may end with one.
const TOLD_MAX: usize = 3 * koi::proto::check::INFO_MAX;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((sizes, bytes)) = h1::after_line(input) else { return };
    if bytes.len() >= REPLY_MAX {
        return; // the rest is forgotten, and what that is depends on the pieces
    }
    let pieces = h1::ends(sizes, bytes.len());
    assert_told(&printable(bytes));
    check_agent(bytes, &pieces);
    for method in [&b"GET"[..], b"HEAD"] {
        let (cut, whole) = (reply(method, bytes, &pieces), reply(method, bytes, &[bytes.len()]));
        // A head that has no end yet may be refused sooner or later: that depends on the pieces.
        let waits = |it: &Result<(u16, Vec<u8>, bool), String>| matches!(it, Ok((0, _, false)));
        if !(waits(&cut) && whole.is_err() || waits(&whole) && cut.is_err()) {
            assert_eq!(cut, whole);
        }
    }
    let user = || Some("koi".into());
    for kind in [
        Kind::TlsHello,
        Kind::Smtp("EHLO".into(), "koi.example".into()),
        Kind::Mysql(None, false),
        Kind::Mysql(user(), false),
        Kind::Mysql(user(), true),
        Kind::Postgres("koi".into()),
        Kind::Redis,
        Kind::Ldap,
    ] {
        converse(kind, bytes, &pieces);
    }
});

fn assert_told(text: &str) {
    assert!(text.len() <= TOLD_MAX && !text.chars().any(char::is_control), "{text:?}");
}

/// What an agent says is clear once its line has an end, and what comes behind it changes nothing.
fn check_agent(bytes: &[u8], pieces: &[usize]) {
    let whole = agent::parse(bytes, true).expect("its end is the line's");
    assert_told(&whole.info);
    assert_told(whole.nonsense.as_deref().unwrap_or_default());
    let first = pieces.iter().find_map(|&end| agent::parse(&bytes[..end], false));
    assert!(first.is_none_or(|first| first == whole), "{whole:?}");
}

/// The status and the content, whether that is all; or why it is no answer.
fn reply(method: &[u8], bytes: &[u8], pieces: &[usize]) -> Result<(u16, Vec<u8>, bool), String> {
    let mut reply = Reply::new(method);
    let mut from = 0;
    for &end in pieces {
        // Where it is counted from depends on the pieces.
        reply.handle_bytes(&bytes[from..end]).map_err(|reject| format!("{:?}", reject.reason))?;
        from = end;
    }
    let status = reply.head().map_or(0, |head| head.head.view(reply.base()).status());
    Ok((status, reply.content().to_vec(), reply.is_whole()))
}

fn converse(kind: Kind, bytes: &[u8], pieces: &[usize]) {
    let (mut talk, _) = Talk::new(kind);
    let mut from = 0;
    for &end in pieces {
        match talk.handle_bytes(&bytes[from..end]) {
            Next::Done(verdict, _) => return assert_told(&verdict.info),
            Next::Send(says) => assert!(!says.is_empty()),
            Next::Wait => {}
        }
        from = end;
    }
}
