use super::*;

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn read(bytes: &[u8]) -> Header {
    parse(bytes).expect("a header").expect("all of it")
}

#[test]
fn version_1_as_the_specification_shows_it() {
    let line = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n";
    let header = read(line);
    assert_eq!(header.addresses, Some((at("192.168.0.1:56324"), at("192.168.0.11:443"))));
    assert_eq!(&line[header.length..], b"GET / HTTP/1.1\r\n");
    // The longest lines of §2.1.
    let longest = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                   ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert!(read(longest.as_bytes()).addresses.is_some());
    let unknown = format!("PROXY UNKNOWN {}\r\n", &longest[11..longest.len() - 2]);
    assert_eq!(unknown.len(), V1_MAX);
    assert_eq!(read(unknown.as_bytes()).addresses, None);
    assert_eq!(read(b"PROXY UNKNOWN\r\n").length, 15);
}

#[test]
fn version_1_is_read_strictly() {
    for line in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.5 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.5 1\r\n",
        "PROXY TCP4 1.2.3.4  1.2.3.5 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.5 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.5 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.5 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.5 1 65536\r\n",
        "PROXY TCP4 01.2.3.4 1.2.3.5 1 2\r\n",
        "PROXY TCP4 ::1 ::2 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.5 1 2\r\n",
        "PROXY TCP6 fe80::1%2 ::2 1 2\r\n",
        "PROXY tcp4 1.2.3.4 1.2.3.5 1 2\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.5 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(Fault::Malformed), "{line:?}");
    }
    let endless = [&b"PROXY UNKNOWN "[..], &[b'a'; V1_MAX]].concat();
    assert_eq!(parse(&endless[..V1_MAX - 1]), Ok(None));
    assert_eq!(parse(&endless), Err(Fault::Malformed));
    for other in ["PROXX", "proxy TCP4 ", "GET / HTTP/1.1\r\n", "\r\n\r\nQ", "\x16\x03\x01"] {
        assert_eq!(parse(other.as_bytes()), Err(Fault::NotOne), "{other:?}");
    }
    assert_eq!(parse(b""), Ok(None));
}

#[test]
fn mapped_addresses_are_ipv4() {
    let header = read(b"PROXY TCP6 ::ffff:10.0.0.1 ::ffff:a00:2 1 2\r\n");
    assert_eq!(header.addresses, Some((at("10.0.0.1:1"), at("10.0.0.2:2"))));
    let mut out = Vec::new();
    write_v1(at("[::ffff:10.0.0.1]:1"), at("10.0.0.2:2"), &mut out);
    assert_eq!(out, b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
    out.clear();
    write_v1(at("10.0.0.1:1"), at("[2001:db8::1]:2"), &mut out);
    assert_eq!(out, b"PROXY TCP6 ::ffff:10.0.0.1 2001:db8::1 1 2\r\n");
}

/// `\r\n\r\n\0\r\nQUIT\n`, command, family, length, body.
fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("short");
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length.to_be_bytes(), body].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];

#[test]
fn version_2_gives_addresses_and_fields() {
    let body = [&V4[..], &[tlv::AUTHORITY, 0, 3], b"a.b", &[tlv::NOOP, 0, 2, 9, 9]].concat();
    let mut bytes = binary(0x21, 0x11, &body);
    let whole = bytes.len();
    bytes.extend_from_slice(b"more");
    let header = read(&bytes);
    assert_eq!(header.addresses, Some((at("192.0.2.1:56324"), at("198.51.100.2:443"))));
    assert_eq!(header.tlvs, [(tlv::AUTHORITY, b"a.b"[..].into())]);
    assert_eq!(header.length, whole);
    // Nothing of it counts for the proxy's own connections.
    for family in [0x00, 0x11, 0x31, 0xff] {
        let header = read(&binary(0x20, family, &body));
        assert_eq!((header.addresses, header.tlvs.len()), (None, 0), "{family:x}");
    }
}

#[test]
fn version_2_is_read_strictly() {
    let tlvs = |tlvs: &[u8]| binary(0x21, 0x11, &[&V4[..], tlvs].concat());
    for bytes in [
        binary(0x11, 0x11, &V4),
        binary(0x22, 0x11, &V4),
        binary(0x21, 0x00, &V4),
        binary(0x21, 0x12, &V4),
        binary(0x21, 0x31, &[0; 216]),
        binary(0x21, 0x41, &V4),
        binary(0x21, 0x11, &V4[..11]),
        binary(0x21, 0x21, &V4),
        tlvs(&[1]),
        tlvs(&[1, 0, 2, 0]),
        tlvs(&[tlv::CRC32C, 0, 4, 0, 0, 0, 0]),
        tlvs(&[tlv::CRC32C, 0, 3, 0, 0, 0]),
        tlvs(&[7, 0, 0].repeat(TLVS_MAX + 1)),
        binary(0x21, 0x11, &vec![0; V2_MAX - v2::FIXED + 1]),
    ] {
        assert_eq!(parse(&bytes), Err(Fault::Malformed), "{bytes:?}");
    }
    assert_eq!(read(&tlvs(&[7, 0, 0].repeat(TLVS_MAX))).tlvs.len(), TLVS_MAX);
    let long = [&[7, 4, 1][..], &[0; TLV_MAX + 1]].concat();
    assert_eq!(parse(&tlvs(&long)), Err(Fault::Malformed));
    let long = [&[7, 4, 0][..], &[0; TLV_MAX]].concat();
    assert_eq!(read(&tlvs(&long)).tlvs.len(), 1);
}

#[test]
fn what_is_written_reads_back() {
    let pairs = [("192.0.2.1:1", "198.51.100.2:65535"), ("[2001:db8::1]:1", "[2001:db8::2]:2")];
    for (source, destination) in pairs.map(|(a, b)| (at(a), at(b))) {
        let mut out = b"x".to_vec();
        write_v1(source, destination, &mut out);
        assert_eq!(read(&out[1..]).addresses, Some((source, destination)));
        let ssl = ssl_value(client::SSL, 1, &[(tlv::SSL_VERSION, b"TLSv1.3")]);
        assert_eq!(ssl, b"\x01\0\0\0\x01\x21\0\x07TLSv1.3");
        for crc32c in [false, true] {
            let mut out = b"x".to_vec();
            let fields = [(tlv::SSL, &ssl[..]), (tlv::UNIQUE_ID, b"id")];
            write_v2(Command::Proxy(Some((source, destination))), &fields, crc32c, &mut out);
            let header = read(&out[1..]);
            assert_eq!(header.addresses, Some((source, destination)));
            assert_eq!(header.length, out.len() - 1);
            let kinds: Vec<u8> = header.tlvs.iter().map(|(kind, _)| *kind).collect();
            let sum = crc32c.then_some(tlv::CRC32C);
            assert_eq!(
                kinds,
                [tlv::SSL, tlv::UNIQUE_ID].into_iter().chain(sum).collect::<Vec<_>>()
            );
            // A bit that turned is noticed.
            let last = out.len() - 8;
            out[last] ^= 1;
            assert_eq!(parse(&out[1..]).is_err(), crc32c);
        }
    }
}

#[test]
fn checks_say_local_and_what_is_too_long_is_left_out() {
    let mut out = Vec::new();
    write_v2(Command::Local, &[], false, &mut out);
    assert_eq!(out, binary(0x20, 0, b""));
    out.clear();
    write_v2(Command::Proxy(None), &[(7, &[0; 65_536]), (8, b"y")], false, &mut out);
    assert_eq!(out, binary(0x21, 0, b"\x08\0\x01y"));
}

/// The answer about a beginning is that about all of it, or none yet.
fn same_in_pieces(bytes: &[u8]) {
    let all = parse(bytes);
    for end in 0..bytes.len() {
        let part = parse(&bytes[..end]);
        assert!(part == Ok(None) || part == all, "{end} of {bytes:?}: {part:?}, then {all:?}");
    }
    if let Ok(Some(header)) = &all {
        assert!(header.length <= bytes.len());
        assert_eq!(parse(&bytes[..header.length]), all);
    }
}

/// Numbers that look random and come again in every run: no room that is pure rolls real dice.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // xorshift64 (Marsaglia, 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn between(&mut self, low: usize, high: usize) -> usize {
        low + usize::try_from(self.next() >> 16).expect("64 bits") % (high - low)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[2]
    }
}

#[test]
fn pieces_change_nothing() {
    let mut random = Dice(7);
    let mut examples = vec![
        b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET".to_vec(),
        b"PROXY TCP6 ::1 2001:db8::1 1 2\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
    ];
    for crc32c in [false, true] {
        let mut out = Vec::new();
        let addresses = (at("[2001:db8::1]:1"), at("[2001:db8::2]:2"));
        let fields = [(tlv::AUTHORITY, &b"example.net"[..]), (tlv::NOOP, b"")];
        write_v2(Command::Proxy(Some(addresses)), &fields, crc32c, &mut out);
        out.extend_from_slice(b"behind");
        examples.push(out);
    }
    for example in examples {
        same_in_pieces(&example);
        for _ in 0..2000 {
            let mut bytes = example.clone();
            for _ in 0..random.between(1, 4) {
                let place = random.between(0, bytes.len());
                match random.between(0, 3) {
                    0 => bytes[place] = random.byte(),
                    1 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, b" \r\n\0\x03\xff:0"[random.between(0, 8)]),
                }
            }
            same_in_pieces(&bytes);
        }
    }
}
