#![allow(clippy::unwrap_used)]
use super::*;
use crate::net::SocketAddress;
use crate::net::raw_address::PATH_CAPACITY;

/// What is written, and how it reads back: the grammar in one table.
const ACCEPTED: &[(&str, &str)] = &[
    (":443", "0.0.0.0:443"),
    ("*:80", "0.0.0.0:80"),
    ("*", "0.0.0.0"),
    ("0.0.0.0:80", "0.0.0.0:80"),
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.1:", "127.0.0.1"),
    ("ip@1.2.3.4:80", "1.2.3.4:80"),
    ("ipv4@1.2.3.4:80", "1.2.3.4:80"),
    ("ipv4@:80", "0.0.0.0:80"),
    ("ipv4@*:80", "0.0.0.0:80"),
    ("ipv6@:80", "[::]:80"),
    ("ipv6@*:80", "[::]:80"),
    ("ipv6@[::1]:80", "[::1]:80"),
    ("ipv6@:::80", "[::]:80"),
    ("[::1]", "[::1]"),
    ("[::1]:", "[::1]"),
    ("[2001:DB8::1]:443", "[2001:db8::1]:443"),
    ("::1:443", "[::1]:443"),
    (":::443", "[::]:443"),
    ("::1:", "[::1]"),
    ("2001:db8::1:80", "[2001:db8::1]:80"),
    ("::ffff:1.2.3.4:80", "[::ffff:1.2.3.4]:80"),
    ("fe80::1%em0:443", "[fe80::1%em0]:443"),
    ("[fe80::1%em0]:443", "[fe80::1%em0]:443"),
    ("[fe80::1%eth0:1]:443", "[fe80::1%eth0:1]:443"),
    ("[fe80::1%2]", "[fe80::1%2]"),
    (":8000-8010", "0.0.0.0:8000-8010"),
    (":80-80", "0.0.0.0:80"),
    (":0-65535", "0.0.0.0:0-65535"),
    ("10.0.0.1:+100", "10.0.0.1:+100"),
    ("10.0.0.1:-100", "10.0.0.1:-100"),
    ("10.0.0.1:-0", "10.0.0.1:+0"),
    ("example.com:80", "example.com:80"),
    ("ipv6@example.com:80", "ipv6@example.com:80"),
    ("ipv4@example.com.", "ipv4@example.com."),
    ("tcp4@my_host", "tcp4@my_host"),
    ("tcp@10.0.0.1:514", "tcp@10.0.0.1:514"),
    ("udp@127.0.0.1:514", "udp@127.0.0.1:514"),
    ("udp4@127.0.0.1:514", "udp@127.0.0.1:514"),
    ("udp6@[::1]:514", "udp@[::1]:514"),
    ("udp6@syslog:514", "udp6@syslog:514"),
    ("stream+ipv4@syslog:514", "tcp4@syslog:514"),
    ("dgram+:514", "udp@0.0.0.0:514"),
    ("/run/koi.sock", "/run/koi.sock"),
    ("/run/a@b:80", "/run/a@b:80"),
    ("unix@/run/koi.sock", "/run/koi.sock"),
    ("unix@koi.sock", "unix@koi.sock"),
    ("uxdg@/dev/log", "uxdg@/dev/log"),
    ("dgram+/dev/log", "uxdg@/dev/log"),
    ("uxst@/run/x", "uxst@/run/x"),
    ("abns@koi", "abns@koi"),
    ("abnsz@koi", "abnsz@koi"),
    ("stream+abns@koi", "stream+abns@koi"),
    ("dgram+abnsz@koi", "dgram+abnsz@koi"),
    ("fd@0", "fd@0"),
    ("stream+fd@3", "stream+fd@3"),
    ("dgram+fd@2147483647", "dgram+fd@2147483647"),
];

#[test]
fn what_is_accepted_reads_back_as_itself() {
    for (text, shown) in ACCEPTED {
        let address = Address::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(address.to_string(), *shown, "from {text}");
        assert_eq!(Address::parse(shown), Ok(address), "from {shown}");
    }
}

#[test]
fn what_is_refused_says_why_and_where() {
    use AddressFault::*;
    let table = [
        ("", Empty, 0),
        (":", Empty, 0),
        ("ipv4@:", Empty, 5),
        ("::", BareV6, 0),
        ("::1", BareV6, 0),
        ("2001:470:c:f56::2", BareV6, 0),
        ("ipv6@2001:db8::1", BareV6, 5),
        ("fe80::1%em0", BareV6, 0),
        ("[", UnclosedBracket, 0),
        ("[::1", UnclosedBracket, 0),
        ("[::1:80", UnclosedBracket, 0),
        ("::1]:80", StrayBracket, 3),
        ("a[b]:80", StrayBracket, 1),
        ("[]:80", NotV6, 1),
        ("[[::1]]:80", NotV6, 1),
        ("[1.2.3.4]:80", NotV6, 1),
        ("[::1]x", AfterBracket, 5),
        ("[::1]80", AfterBracket, 5),
        ("1.2.3.4:5:80", NotV6, 0),
        (":70000", PortTooLarge, 1),
        (":99999999999999999999", PortTooLarge, 1),
        (":80x", PortCharacter, 3),
        (":http", PortCharacter, 1),
        (":+", PortCharacter, 2),
        (":-", PortCharacter, 2),
        (":++1", PortCharacter, 2),
        (":80-", PortCharacter, 4),
        (":80-90-100", PortCharacter, 6),
        (":90-80", RangeReversed, 1),
        (":+65536", PortTooLarge, 2),
        ("127.0.0.1:\u{0661}\u{0662}", PortCharacter, 10),
        ("127.0.0.1: 80", PortCharacter, 10),
        ("1.2.3:80", NotV4, 0),
        ("256.1.1.1:80", NotV4, 0),
        ("010.0.0.1:80", NotV4, 0),
        ("8080", PortAlone, 0),
        ("ipv4@[::1]:80", WrongFamily, 6),
        ("ipv4@::1:80", WrongFamily, 5),
        ("ipv6@1.2.3.4:80", WrongFamily, 5),
        ("fe80::1%:80", Scope, 8),
        ("[fe80::1%]:80", Scope, 9),
        ("fe80::1%an-interface-too-long:80", Scope, 8),
        ("fe80::1%a/b:80", Scope, 9),
        ("fe80::1%a\0b:80", Scope, 9),
        ("ho st:80", HostCharacter, 2),
        ("ho\0st:80", HostCharacter, 2),
        ("m\u{fc}ller:80", HostCharacter, 1),
        ("a,b:80", HostCharacter, 1),
        ("a..b:80", HostLabel, 2),
        (".:80", NotV4, 0),
        ("foo@bar:80", UnknownPrefix, 0),
        ("@:80", UnknownPrefix, 0),
        ("quic4@:443", UnsupportedPrefix, 0),
        ("quic+ipv4@:443", UnsupportedPrefix, 0),
        ("stream+sockpair@3", UnsupportedPrefix, 7),
        ("unix@", MissingName, 5),
        ("abns@", MissingName, 5),
        ("/a\0b", Nul, 2),
        ("abns@\0", Nul, 5),
        ("fd@", NotDescriptor, 3),
        ("fd@-1", NotDescriptor, 3),
        ("fd@+1", NotDescriptor, 3),
        ("fd@3x", NotDescriptor, 3),
        ("fd@2147483648", NotDescriptor, 3),
        ("fd@\u{0663}", NotDescriptor, 3),
    ];
    for (text, fault, at) in table {
        assert_eq!(Address::parse(text), Err(AddressError { fault, at }), "from {text:?}");
    }
}

#[test]
fn names_are_limited_by_the_kernels_field() {
    let fits = format!("/{}", "a".repeat(PATH_CAPACITY - 2));
    assert!(Address::parse(&fits).unwrap().resolve_literal().unwrap()[0].to_raw().is_some());
    let long = Address::parse(&format!("{fits}a"));
    assert_eq!(long, Err(AddressFault::NameTooLong.at(0)));
    let host = |length: usize| Address::parse(&format!("{}:80", "a".repeat(length)));
    assert!(host(63).is_ok());
    assert_eq!(host(64), Err(AddressFault::HostLabel.at(0)));
    let long = format!("{}b", "a.".repeat(127));
    assert_eq!(Address::parse(&long), Err(AddressFault::HostTooLong.at(0)));
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let error = Address::parse_bytes(b"ipv4@\xff:80").unwrap_err();
    assert_eq!(error, AddressFault::NotUtf8.at(5));
    assert_eq!(Address::parse_bytes(b":80"), Address::parse(":80"));
}

/// Every string of up to five pieces out of those that the grammar cares about: none panics, every
/// fault lies on a character boundary, and what is accepted reads back as itself.
#[test]
fn no_mixture_of_pieces_panics() {
    const PIECES: [&str; 19] = [
        ":", "::", "[", "]", "%", "@", "-", "+", "*", "/", ".", "1", "80", "fe80", "em0", "ipv6@",
        "fd@", "\0", "\u{e9}",
    ];
    let mut texts = vec![String::new()];
    for _ in 0..4 {
        let longer = texts.iter().flat_map(|t| PIECES.iter().map(move |p| format!("{t}{p}")));
        texts = longer.collect();
        for text in &texts {
            match Address::parse(text) {
                Ok(address) => assert_eq!(Address::parse(&address.to_string()), Ok(address)),
                Err(error) => assert!(text.is_char_boundary(error.at), "{text:?} {error:?}"),
            }
        }
    }
}

#[test]
fn literals_resolve() {
    let all = |text: &str| -> Vec<String> {
        let found = Address::parse(text).unwrap().resolve_literal().unwrap();
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(all(":8000-8002"), ["0.0.0.0:8000", "0.0.0.0:8001", "0.0.0.0:8002"]);
    assert_eq!(all("[::1]"), ["[::1]:0"]);
    assert_eq!(all(":0-65535").len(), 65536);
    assert_eq!(all("unix@a"), ["unix@a"]);
    assert_eq!(all("[fe80::1%4000000000]:80"), ["[fe80::1%4000000000]:80"]);
}

#[test]
fn what_is_no_literal_says_so() {
    let error = |text: &str| Address::parse(text).unwrap().resolve_literal().unwrap_err();
    assert_eq!(error("example.com:80"), ResolveError::HostName);
    assert_eq!(error("fd@3"), ResolveError::Descriptor);
    assert_eq!(error("10.0.0.1:+1"), ResolveError::RelativePort);
    assert_eq!(error("[fe80::1%nosuch0]:80"), ResolveError::NoInterface("nosuch0".into()));
    assert_eq!(error("[fe80::1%0]:80"), ResolveError::NoInterface("0".into()));
}

#[test]
fn a_scope_is_an_interfaces_index() {
    let loopback = if cfg!(target_os = "linux") { "lo" } else { "lo0" };
    let index = nix::net::if_::if_nametoindex(loopback).unwrap();
    let found = Address::parse(&format!("fe80::1%{loopback}:80")).unwrap().resolve_literal();
    match &found.unwrap()[0] {
        SocketAddress::V6(v6) => assert_eq!((v6.scope_id(), v6.port()), (index, 80)),
        other => panic!("{other}"),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_are_padded_like_haproxys() {
    let name = |text: &str| match &Address::parse(text).unwrap().resolve_literal().unwrap()[0] {
        SocketAddress::Abstract(name) => name.clone(),
        other => panic!("{other}"),
    };
    assert_eq!(name("abnsz@koi"), b"koi");
    let padded = name("abns@koi");
    assert_eq!((padded.len(), &padded[..4]), (107, &b"koi\0"[..]));
}
