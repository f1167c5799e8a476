use super::*;

fn server(text: &str) -> Result<Endpoint> {
    parse(text, &Allowed::SERVER)
}

/// What is written, and how it reads back, for `bind`.
const BINDS: &[(&str, &str)] = &[
    (":443", "0.0.0.0:443"),
    ("*:80", "0.0.0.0:80"),
    ("ipv4@:80", "0.0.0.0:80"),
    ("ipv6@:80", "[::]:80"),
    ("ipv6@*:80", "[::]:80"),
    ("ipv6@:::80", "[::]:80"),
    (":::80", "[::]:80"),
    ("::1:443", "[::1]:443"),
    ("[::1]:443", "[::1]:443"),
    ("[1.2.3.4]:80", "1.2.3.4:80"),
    ("2001:db8::1:80", "[2001:db8::1]:80"),
    ("::ffff:1.2.3.4:80", "[::ffff:1.2.3.4]:80"),
    ("fe80::1%em0:443", "[fe80::1%em0]:443"),
    ("[fe80::1%em0]:443", "[fe80::1%em0]:443"),
    (":8000-8010", "0.0.0.0:8000-8010"),
    (":80-80", "0.0.0.0:80"),
    ("localhost:80", "localhost:80"),
    ("ipv6@localhost:80", "ipv6@localhost:80"),
    ("tcp@:80", "stream+0.0.0.0:80"),
    ("stream+ipv4@:80", "stream+0.0.0.0:80"),
    ("/run/a@b:80", "/run/a@b:80"),
    ("unix@koi.sock", "unix@koi.sock"),
    ("uxst@/run/x", "stream+/run/x"),
    ("abns@koi", "abns@koi"),
    ("fd@3", "fd@3"),
];

#[test]
fn what_bind_takes_reads_back_as_itself() {
    for (text, shown) in BINDS {
        let endpoint = parse(text, &Allowed::BIND).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(endpoint.to_string(), *shown, "from {text}");
        assert_eq!(parse(shown, &Allowed::BIND), Ok(endpoint), "from {shown}");
    }
}

#[test]
fn what_bind_refuses_points_at_the_bytes() {
    let table: &[(&str, &str, &str)] = &[
        ("", "the address is empty", ""),
        ("80", "`80` is a number, not an address", "80"),
        ("1.2.3.4", "the port is missing", ""),
        ("[::1]", "the port is missing", ""),
        ("[::1]:", "the port is missing", ""),
        (":", "the port is missing", ""),
        ("::1", "an IPv6 address without brackets must end in a port", "::1"),
        ("[::1]x", "only a port can follow `]`", "x"),
        ("[::1", "this bracket is not closed", "["),
        ("::1]:80", "a bracket in the wrong place", "]"),
        (":0", "port 0 is not possible here", "0"),
        (":65536", "`65536` is too large for a port", "65536"),
        (":80x", "no port has the character 'x'", "x"),
        (":+5", "`+5` is no port", "+5"),
        (":8010-8000", "the range of ports runs backwards", "8010-8000"),
        (":80-", "the port is missing", ""),
        (":80-90-100", "no port has the character '-'", "-"),
        ("1.2.3:80", "`1.2.3` is not an IPv4 address", "1.2.3"),
        ("010.0.0.1:80", "`010.0.0.1` is not an IPv4 address", "010.0.0.1"),
        ("ipv4@[::1]:80", "an IPv6 address behind `ipv4@`", "::1"),
        ("ipv6@1.2.3.4:80", "an IPv4 address behind `ipv6@`", "1.2.3.4"),
        ("udp@:80", "datagrams are not possible here", "udp@"),
        ("dgram+:80", "datagrams are not possible here", "dgram+"),
        ("foo@:80", "`foo@` is not a prefix of addresses", "foo@"),
        ("quic4@:443", "`quic4@` is not possible: Koi does not speak QUIC", "quic4@"),
        (
            "stream+sockpair@3",
            "`sockpair@` is not possible: Koi does not speak passing connections over a socket pair",
            "sockpair@",
        ),
        ("unix@", "the name of the Unix socket is empty", ""),
        ("fd@x", "`x` is not a descriptor", "x"),
        ("fd@99999999999", "`99999999999` is not a descriptor", "99999999999"),
        ("a..b:80", "two dots of a host name have nothing between them", ""),
        ("m\u{fc}ller:80", "no host name has the character 'ü'", "\u{fc}"),
        ("fe80::1%:80", "`` is not an interface", ""),
        ("[x]:80", "`x` is not an IPv6 address", "x"),
    ];
    for (text, message, bytes) in table {
        let fault = parse(text, &Allowed::BIND).expect_err(text);
        assert_eq!(fault.message, *message, "from {text:?}");
        assert_eq!(text.get(fault.range.clone()), Some(*bytes), "from {text:?}: {fault:?}");
    }
}

#[test]
fn each_statement_has_its_own_rules() {
    assert_eq!(server("1.2.3.4:+5").map(|it| it.port), Ok(PortSpec::Offset(5)));
    assert_eq!(server("1.2.3.4:-5").map(|it| it.port), Ok(PortSpec::Offset(-5)));
    assert_eq!(server("1.2.3.4:").map(|it| it.port), Ok(PortSpec::None));
    assert_eq!(server("1.2.3.4:0").map(|it| it.port), Ok(PortSpec::One(0)));
    assert_eq!(server("udp@1.2.3.4:80").map(|it| it.transport), Ok(DATAGRAM));
    assert!(server("1.2.3.4:80-90").is_err());
    assert!(server("fd@3").is_err());
    assert!(parse("1.2.3.4:80-90", &Allowed::SOURCE).is_ok());
    assert!(parse("app.example", &Allowed::SOURCE).is_err());
    assert!(parse("::1", &Allowed::AGENT).is_ok());
    assert!(parse("app.example", &Allowed::AGENT).is_ok());
    let fault = parse("1.2.3.4:80", &Allowed::AGENT).expect_err("a port");
    assert_eq!((fault.range, &*fault.message), (7..10, "no port may stand here"));
    assert!(parse("/dev/log", &Allowed::LOG).is_ok());
    assert!(parse("1.2.3.4", &Allowed::NAMESERVER).is_err());
    assert!(parse("unix@/x", &Allowed::NAMESERVER).is_err());
    assert!(parse("fd@1", &Allowed::PEER).is_err());
}

#[test]
fn lists_keep_the_place_of_each_piece() {
    let mut report = Report::default();
    let word = Word { verbatim: true, ..Word::synthetic(":80,,:81x,") };
    let found = list(&mut report, &word, &Allowed::BIND);
    assert_eq!(found.len(), 1);
    assert_eq!(report.errors(), 2);
    assert_eq!(list(&mut report, &Word::synthetic(":80,:81"), &Allowed::BIND).len(), 2);
}

/// Every string of three pieces that the grammar cares about: none panics, and every fault lies on
/// character boundaries.
#[test]
fn no_mixture_of_pieces_panics() {
    const PIECES: [&str; 17] = [
        ":", "::", "[", "]", "%", "@", "-", "+", "*", "/", ".", "1", "80", "fe80", "ipv6@", "fd@",
        "\u{e9}",
    ];
    let mut texts = vec![String::new()];
    for _ in 0..3 {
        let longer = texts.iter().flat_map(|t| PIECES.iter().map(move |p| format!("{t}{p}")));
        texts = longer.collect();
    }
    for text in &texts {
        for allowed in [&Allowed::BIND, &Allowed::SERVER, &Allowed::AGENT] {
            match parse(text, allowed) {
                Ok(endpoint) => {
                    let shown = endpoint.to_string();
                    assert_eq!(parse(&shown, allowed), Ok(endpoint), "{text:?} as {shown:?}");
                }
                Err(fault) => assert!(text.get(fault.range).is_some(), "{text:?}"),
            }
        }
    }
}
