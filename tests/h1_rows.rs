//! What is ambiguous about where a message ends or who it is for is refused: a test for each row of the
//! table of hostile input that HTTP/1.1's parser and encoder decide (1-44 and some of 61-76), named by
//! the row's number. Every payload is also read in two parts, cut anywhere, and byte by byte.

#[path = "common/h1.rs"]
mod oracle;

use koi::proto::h1::encode::{self, ConnectionField, EncodeError, Outgoing};
use koi::proto::h1::request::{self, Expect, Prepared, Request};
use koi::proto::h1::response::{self, Asked, Response};
use koi::proto::h1::{BodyReader, Framing, Limits, Reason, Reject, Scan, Step};
use koi::proto::head::{Start, Version};
use oracle::Unchunked;

const HOST: &str = "Host: a.example\r\n";

/// Gives `parse` the bytes up to each end in turn, until it makes up its mind.
fn feed<T>(
    bytes: &[u8],
    ends: impl Iterator<Item = usize>,
    parse: impl Fn(&[u8], &mut Scan) -> Result<Option<T>, Reject>,
) -> Option<Result<T, Reject>> {
    let mut scan = Scan::default();
    ends.map(|end| parse(&bytes[..end], &mut scan)).find_map(Result::transpose)
}

/// What the bytes give at once, in two parts cut anywhere, and byte by byte; these must not differ.
fn parse_split<T>(
    bytes: &[u8],
    same: impl Fn(&T) -> String,
    parse: impl Fn(&[u8], &mut Scan) -> Result<Option<T>, Reject>,
) -> Option<Result<T, Reject>> {
    let whole = feed(bytes, std::iter::once(bytes.len()), &parse);
    let show = |result: &Option<Result<T, Reject>>| match result {
        None => "more".to_owned(),
        Some(Ok(head)) => same(head),
        Some(Err(reject)) => reject.to_string(),
    };
    // A fault may show before the head is complete, and later if that comes in parts.
    let long = [bytes, b"\r\n\r\n"].concat();
    let bytes = if matches!(whole, Some(Err(_))) { &long } else { bytes };
    for at in 0..bytes.len() {
        let cut = feed(bytes, [at, bytes.len()].into_iter(), &parse);
        assert_eq!(show(&cut), show(&whole), "cut at {at} of {:?}", String::from_utf8_lossy(bytes));
    }
    let drops = feed(bytes, 0..=bytes.len(), &parse);
    assert_eq!(show(&drops), show(&whole), "in drops: {:?}", String::from_utf8_lossy(bytes));
    whole
}

fn try_request(bytes: &[u8]) -> Option<Result<Request, Reject>> {
    let limits = Limits::default();
    parse_split(
        bytes,
        |request| format!("{request:?}"),
        |bytes, scan| request::parse(bytes, scan, &limits, Vec::new()),
    )
}

fn good(bytes: impl AsRef<[u8]>) -> Request {
    let bytes = bytes.as_ref();
    match try_request(bytes) {
        Some(Ok(request)) => request,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(bytes)),
    }
}

fn bad(bytes: impl AsRef<[u8]>) -> Reason {
    let bytes = bytes.as_ref();
    match try_request(bytes) {
        Some(Err(reject)) => reject.reason,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(bytes)),
    }
}

/// A POST with these field lines.
fn post(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\n{HOST}{lines}\r\n")
}

fn try_response(bytes: &[u8], asked: Asked) -> Option<Result<Response, Reject>> {
    let limits = Limits::default();
    parse_split(
        bytes,
        |response| format!("{response:?}"),
        |bytes, scan| response::parse(bytes, scan, &limits, asked, Vec::new()),
    )
}

fn good_response(bytes: impl AsRef<[u8]>) -> Response {
    asked_response(bytes, Asked::default())
}

fn asked_response(bytes: impl AsRef<[u8]>, asked: Asked) -> Response {
    let bytes = bytes.as_ref();
    match try_response(bytes, asked) {
        Some(Ok(response)) => response,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(bytes)),
    }
}

fn bad_response(bytes: impl AsRef<[u8]>) -> Reason {
    let bytes = bytes.as_ref();
    match try_response(bytes, Asked::default()) {
        Some(Err(reject)) => reject.reason,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(bytes)),
    }
}

/// A 200 with these field lines.
fn ok(lines: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n")
}

/// The body, and the bytes that carried it; the bytes come in parts that end so.
fn read_body(
    framing: Framing,
    bytes: &[u8],
    ends: impl Iterator<Item = usize>,
) -> Result<(Vec<u8>, Option<usize>), Reject> {
    let mut reader = BodyReader::new(framing);
    let (mut body, mut at) = (Vec::new(), 0);
    for end in ends {
        loop {
            match reader.handle_bytes(&bytes[at..end])? {
                Step::More => break,
                Step::Data { skip, data } => {
                    assert!(skip + data > 0);
                    body.extend_from_slice(&bytes[at + skip..at + skip + data]);
                    at += skip + data;
                }
                Step::End { skip } => {
                    assert!(reader.is_done() && reader.handle_end().is_ok());
                    return Ok((body, Some(at + skip)));
                }
            }
        }
    }
    assert_eq!(at, bytes.len());
    Ok((body, None))
}

/// The body in chunks: in any fragmentation, and by the oracle.
fn chunked(bytes: impl AsRef<[u8]>) -> Result<(Vec<u8>, Option<usize>), Reason> {
    let bytes = bytes.as_ref();
    let read = |ends: &mut dyn Iterator<Item = usize>| {
        read_body(Framing::Chunked, bytes, ends).map_err(|reject| reject.reason)
    };
    let whole = read(&mut std::iter::once(bytes.len()));
    for at in 0..=bytes.len() {
        assert_eq!(read(&mut [at, bytes.len()].into_iter()), whole, "cut at {at}");
    }
    assert_eq!(read(&mut (0..=bytes.len())), whole);
    let limits = [Reason::ChunkExtensionTooLong, Reason::TrailersTooLarge];
    match (&whole, oracle::unchunk(bytes)) {
        (Ok((body, Some(end))), Unchunked::Whole(data, length)) => {
            assert_eq!((body, *end), (&data, length));
        }
        (Ok((body, None)), Unchunked::More(data)) => assert_eq!(*body, data),
        (Err(_), Unchunked::Bad(_)) => {}
        (Err(reason), _) if limits.contains(reason) => {}
        (ours, theirs) => panic!("{ours:?}, {theirs:?}: {:?}", String::from_utf8_lossy(bytes)),
    }
    whole
}

fn bad_chunk(bytes: impl AsRef<[u8]>) -> Reason {
    let bytes = bytes.as_ref();
    chunked(bytes).expect_err(&String::from_utf8_lossy(bytes))
}

/// What goes to the server for these bytes, checked by the oracle, and how it was prepared.
fn onward(bytes: impl AsRef<[u8]>) -> (oracle::Strict, Prepared) {
    let bytes = bytes.as_ref();
    let mut request = good(bytes);
    let prepared = request::prepare(&mut request, bytes);
    let how = Outgoing {
        framing: request.framing,
        length_field: request.content_length,
        connection: ConnectionField::None,
    };
    let mut out = vec![0; 64 * 1024];
    let length = encode::request(request.head.view(bytes), &how, &mut out).expect("a head");
    let head = oracle::split(&out[..length]).expect("a head");
    assert_eq!(head.length, length, "one message");
    oracle::check_request(&head).expect("a request");
    (head, prepared)
}

fn view_values(request: &Request, bytes: &str, name: &str) -> Vec<String> {
    let view = request.head.view(bytes.as_bytes());
    view.values(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

// C1. Length conflicts.

#[test]
fn row_01_cl_te() {
    let (cl, te) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
    for lines in [format!("{cl}{te}"), format!("{te}{cl}"), format!("{te}X: y\r\n{cl}")] {
        assert_eq!(bad(post(&lines)), Reason::LengthAndCoding);
        assert_eq!(bad_response(ok(&lines)), Reason::LengthAndCoding);
    }
}

#[test]
fn row_02_two_lengths() {
    let lines = "Content-Length: 5\r\nContent-Length: 6\r\n";
    assert_eq!(bad(post(lines)), Reason::LengthRepeated);
    assert_eq!(bad_response(ok(lines)), Reason::LengthRepeated);
}

#[test]
fn row_03_equal_lengths() {
    let lines = "Content-Length: 5\r\ncontent-length: 5\r\n";
    assert_eq!(bad(post(lines)), Reason::LengthRepeated);
    assert_eq!(bad_response(ok(lines)), Reason::LengthRepeated);
    assert_eq!(bad(post("Content-Length: 5, 5\r\n")), Reason::Length);
    assert_eq!(bad_response(ok("Content-Length: 5,5\r\n")), Reason::Length);
}

#[test]
fn row_04_empty_length() {
    for lines in ["Content-Length:\r\n", "Content-Length: \t\r\nContent-Length: 5\r\n"] {
        assert_eq!(bad(post(lines)), Reason::Length);
        assert_eq!(bad_response(ok(lines)), Reason::Length);
    }
}

#[test]
fn row_05_length_no_number() {
    let values: [&[u8]; 13] = [
        b"+5",
        b"-0",
        b"-48",
        b"0x10",
        b"1_0",
        b"1 0",
        b"5Z",
        b"5.0",
        b"\xef\xbc\x95",
        b"\xa05",
        b"5\x85",
        b"'5'",
        b"5;",
    ];
    for value in values {
        let line = [b"Content-Length: ", value, b"\r\n\r\n"].concat();
        let start = format!("POST / HTTP/1.1\r\n{HOST}");
        assert_eq!(bad([start.as_bytes(), &line].concat()), Reason::Length);
        assert_eq!(bad_response([b"HTTP/1.1 200 OK\r\n", &line[..]].concat()), Reason::Length);
    }
}

#[test]
fn row_06_leading_zeros() {
    for (value, length) in [("010", 10), ("0200", 200), ("0000000000000000000000000000005", 5)] {
        let bytes = post(&format!("Content-Length:{value}\r\n"));
        assert_eq!(good(&bytes).framing, Framing::Length(length));
        assert_eq!(onward(&bytes).0.body(), Some(length));
    }
    let bytes = post("Content-Length: 00\r\n");
    assert_eq!((good(&bytes).framing, good(&bytes).content_length), (Framing::None, Some(0)));
    assert_eq!(onward(&bytes).0.value("content-length"), Some(&b"0"[..]));
}

#[test]
fn row_07_length_overflow() {
    let largest = i64::MAX as u64;
    for value in [largest + 1, u64::MAX] {
        let line = format!("Content-Length: {value}\r\n");
        assert_eq!(bad(post(&line)), Reason::LengthTooLarge);
        assert_eq!(bad_response(ok(&line)), Reason::LengthTooLarge);
        assert_eq!(bad_chunk(format!("{value:x}\r\n")), Reason::LengthTooLarge);
    }
    for value in ["18446744073709551616", "18446744073709551621", "99999999999999999999999999"] {
        assert_eq!(bad(post(&format!("Content-Length: {value}\r\n"))), Reason::LengthTooLarge);
    }
    assert_eq!(bad_chunk("10000000000000000\r\n"), Reason::ChunkSize);
    assert_eq!(bad_chunk("00000000000000001\r\n"), Reason::ChunkSize);
    let bytes = post(&format!("Content-Length: {largest}\r\n"));
    assert_eq!(good(&bytes).framing, Framing::Length(largest));
    assert_eq!(onward(&bytes).0.body(), Some(largest));
    for size in [u64::from(u32::MAX) + 5, largest] {
        let mut reader = BodyReader::new(Framing::Length(size));
        assert_eq!(reader.handle_bytes(b"abc"), Ok(Step::Data { skip: 0, data: 3 }));
        assert_eq!(reader.remaining(), Some(size - 3));
        let (body, end) = chunked(format!("{size:x}\r\nabc")).expect("a chunk");
        assert_eq!((&body[..], end), (&b"abc"[..], None));
    }
}

#[test]
fn row_08_bodies_that_are_none() {
    let head = Asked { head: true, ..Asked::default() };
    for lines in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", ""] {
        let response = asked_response(ok(lines), head);
        assert_eq!(response.framing, Framing::None);
        assert!(!response.connection.close);
    }
    assert_eq!(asked_response(ok("Content-Length: 5\r\n"), head).content_length, Some(5));
    for (status, length) in [(204, None), (304, Some(5)), (100, None), (103, None)] {
        let bytes = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
        let response = good_response(&bytes);
        assert_eq!((response.framing, response.content_length), (Framing::None, length));
    }
    let upgrade = Asked { upgrade: true, ..Asked::default() };
    let bytes = "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: a\r\nContent-Length: 5\r\n\r\n";
    let response = asked_response(bytes, upgrade);
    assert_eq!((response.framing, response.content_length), (Framing::None, None));
    assert!(response.connection.upgrade);
    assert_eq!(good_response(ok("Content-Length: 5\r\n")).framing, Framing::Length(5));
}

#[test]
fn row_09_get_with_body() {
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE"] {
        let start = format!("{method} / HTTP/1.1\r\n{HOST}");
        let bytes = format!("{start}Content-Length: 5\r\n\r\n");
        assert_eq!(good(&bytes).framing, Framing::Length(5));
        assert_eq!(onward(&bytes).0.body(), Some(5));
        let bytes = format!("{start}Transfer-Encoding: chunked\r\n\r\n");
        assert_eq!(good(&bytes).framing, Framing::Chunked);
        assert_eq!(onward(&bytes).0.body(), None);
    }
}

#[test]
fn row_10_zero_length_and_more() {
    let head = post("Content-Length: 0\r\n");
    let request = good(format!("{head}GET /next HTTP/1.1\r\n"));
    assert_eq!((request.framing, request.length), (Framing::None, head.len()));
    let mut reader = BodyReader::new(request.framing);
    assert!(reader.is_done());
    assert_eq!(reader.handle_bytes(b"GET /next"), Ok(Step::End { skip: 0 }));
}

#[test]
fn row_11_fewer_bytes_than_told() {
    for framing in [Framing::Length(5), Framing::Chunked] {
        let mut reader = BodyReader::new(framing);
        assert_eq!(reader.handle_end().map_err(|it| it.reason), Err(Reason::Truncated));
        assert!(reader.handle_bytes(b"5\r\n").is_ok());
        assert_eq!(reader.handle_end().map_err(|it| it.reason), Err(Reason::Truncated));
        assert!(!reader.is_done());
    }
    let mut reader = BodyReader::new(Framing::UntilClose);
    assert_eq!(reader.handle_bytes(b"abc"), Ok(Step::Data { skip: 0, data: 3 }));
    assert_eq!(reader.handle_end(), Ok(()));
    assert!(reader.is_done());
}

// C2. Transfer-Encoding disguises.

fn bad_coding(value: &str) -> Reason {
    let line = format!("Transfer-Encoding: {value}\r\n");
    let reason = bad(post(&line));
    assert_eq!(bad_response(ok(&line)), reason);
    reason
}

#[test]
fn row_12_empty_members() {
    for value in [",chunked", "chunked,", ", ,chunked", "chunked , ", ","] {
        assert_eq!(bad_coding(value), Reason::Coding, "{value}");
    }
}

#[test]
fn row_13_chunked_twice() {
    assert_eq!(bad_coding("chunked, chunked"), Reason::CodingRepeated);
    let twice = "chunked\r\nTransfer-Encoding: chunked";
    assert_eq!(bad_coding(twice), Reason::CodingRepeated);
    assert_eq!(bad_coding("chunked\r\ntransfer-encoding: identity"), Reason::CodingRepeated);
}

#[test]
fn row_14_order_of_codings() {
    assert_eq!(bad_coding("chunked, gzip"), Reason::CodingOrder);
    assert_eq!(bad_coding("gzip, chunked"), Reason::CodingUnknown);
    assert_eq!(Reason::CodingOrder.status(), 400);
    assert_eq!(Reason::CodingUnknown.status(), 501);
}

#[test]
fn row_15_unknown_codings() {
    for value in ["xchunked", "identity", "chunkedx", "chunke", "gzip"] {
        assert_eq!(bad_coding(value), Reason::CodingUnknown, "{value}");
    }
}

#[test]
fn row_16_coding_with_parameter() {
    for value in ["chunked;ext=1", "chunked; q=0", "chunked q", "\"chunked\"", "chunked:"] {
        assert_eq!(bad_coding(value), Reason::Coding, "{value}");
    }
}

#[test]
fn row_17_control_bytes_in_coding() {
    let start = format!("POST / HTTP/1.1\r\n{HOST}");
    for (byte, reason) in [
        (b"\x0b", Reason::Control),
        (b"\x0c", Reason::Control),
        (b"\x00", Reason::Nul),
        (b"\x85", Reason::Coding),
        (b"\xa0", Reason::Coding),
        (b"\xff", Reason::Coding),
        (b"\x7f", Reason::Control),
    ] {
        for value in [[&byte[..], b"chunked"].concat(), [b"chunked", &byte[..]].concat()] {
            let line = [b"Transfer-Encoding: ", &value[..], b"\r\n\r\n"].concat();
            assert_eq!(bad([start.as_bytes(), &line].concat()), reason, "{value:?}");
            assert_eq!(bad_response([b"HTTP/1.1 200 OK\r\n", &line[..]].concat()), reason);
        }
    }
}

#[test]
fn row_18_empty_coding() {
    assert_eq!(bad_coding(""), Reason::Coding);
    assert_eq!(bad_coding("\t"), Reason::Coding);
    assert_eq!(bad_coding("\r\nTransfer-Encoding: chunked"), Reason::Coding);
}

#[test]
fn row_19_case_and_blanks() {
    for value in ["ChUnKeD", "\tchunked", "     chunked  \t "] {
        for name in ["Transfer-Encoding", "TRANSFER-ENCODING", "transfer-encoding"] {
            let bytes = post(&format!("{name}:{value}\r\n"));
            assert_eq!(good(&bytes).framing, Framing::Chunked);
            let (head, _) = onward(&bytes);
            assert_eq!(head.value("transfer-encoding"), Some(&b"chunked"[..]));
        }
        let line = format!("Transfer-Encoding:{value}\r\n");
        assert_eq!(good_response(ok(&line)).framing, Framing::Chunked);
    }
}

#[test]
fn row_20_coding_in_http_10() {
    let lines = "Transfer-Encoding: chunked\r\n\r\n";
    assert_eq!(bad(format!("POST / HTTP/1.0\r\n{HOST}{lines}")), Reason::CodingVersion);
    assert_eq!(bad_response(format!("HTTP/1.0 200 OK\r\n{lines}")), Reason::CodingVersion);
}

#[test]
fn row_21_underscores() {
    for name in ["Transfer_Encoding", "content_length", "Content_Length", "TRANSFER_ENCODING"] {
        let bytes = post(&format!("{name}: chunked\r\nX_y: z\r\nContent-Length: 3\r\n"));
        assert_eq!(good(&bytes).framing, Framing::Length(3));
        let (head, prepared) = onward(&bytes);
        assert_eq!(prepared, Prepared { disguised: 1 });
        let names: Vec<&[u8]> = head.fields.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, [&b"host"[..], b"x_y", b"content-length"]);
    }
    assert_eq!(onward(post("Transfer_Encodin: a\r\n")).1, Prepared::default());
}

#[test]
fn row_22_name_on_two_lines() {
    assert_eq!(bad(post("Transfer-\r\nEncoding: chunked\r\n")), Reason::NoColon);
    assert_eq!(bad(post("Transfer-\r\n Encoding: chunked\r\n")), Reason::NoColon);
    assert_eq!(bad(post("Transfer-Encoding\r\n: chunked\r\n")), Reason::NoColon);
    assert_eq!(bad(post("X: y\r\n: chunked\r\n")), Reason::EmptyName);
}

// C3. Chunk grammar.

#[test]
fn row_23_chunk_sizes() {
    for size in ["0x5", "+5", "-5", "5_0", " 5", "5 ", "5\t", "1zzz", "x", ";a", "5.", "5 ;a"] {
        assert_eq!(bad_chunk(format!("{size}\r\nhello\r\n")), Reason::ChunkSize, "{size:?}");
    }
    let (body, end) = chunked("00a;x\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n").expect("good");
    assert_eq!((body.len(), end), (20, Some(39)));
}

#[test]
fn row_24_lf_behind_size() {
    for bytes in ["5\nhello\r\n0\r\n\r\n", "0\n\r\n", "0\r\n\n", "\n"] {
        assert_eq!(bad_chunk(bytes), Reason::BareLf, "{bytes:?}");
    }
    assert_eq!(bad_chunk("5\r\nhello\n0\r\n\r\n"), Reason::ChunkEnd);
}

#[test]
fn row_25_cr_behind_size() {
    for bytes in ["5\rhello\r\n", "5\r\rhello", "5;a\rb\r\n", "0\r\n\rX", "5\rX"] {
        assert_eq!(bad_chunk(bytes), Reason::BareCr, "{bytes:?}");
    }
    assert_eq!(bad_chunk("5\r\nhello\rX"), Reason::ChunkEnd);
}

#[test]
fn row_26_lf_in_extension() {
    for bytes in ["5;\nhello", "5;a\nhello", "5;a=\nhello", "5;a=b\nhello", "5;a=\"\n\"\r\n"] {
        assert_eq!(bad_chunk(bytes), Reason::BareLf, "{bytes:?}");
    }
}

#[test]
fn row_27_quotes_in_extension() {
    for bytes in [
        "5;a=\"b\r\nhello\r\n",
        "5;a=\"\r\n\"\r\nhello\r\n",
        "5;a=\"\\\r\n\"\r\n",
        "5;a=\"b\"c\r\n",
        "5;a=\"\x00\"\r\n",
        "5;\"a\"\r\n",
        "5;=a\r\n",
        "5;a=\r\n",
        "5;a=b=c\r\n",
        "5;;a\r\n",
        "5; a\r\n",
        "5;\r\n",
    ] {
        assert_eq!(bad_chunk(bytes), Reason::ChunkExtension, "{bytes:?}");
    }
    let bytes = "5;a=\"x\\\"; y\";b=c;d\r\nhello\r\n0;e\r\n\r\n";
    assert_eq!(chunked(bytes), Ok((b"hello".to_vec(), Some(bytes.len()))));
}

#[test]
fn row_28_data_and_size_differ() {
    for bytes in ["5\r\nhellooo\r\n", "5\r\nhell\r\n0\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhelloXX"] {
        assert_eq!(bad_chunk(bytes), Reason::ChunkEnd, "{bytes:?}");
    }
}

#[test]
fn row_29_empty_size_line() {
    for bytes in ["\r\n", "5\r\nhello\r\n\r\n", "\r\n5\r\nhello\r\n"] {
        assert_eq!(bad_chunk(bytes), Reason::ChunkSize, "{bytes:?}");
    }
}

#[test]
fn row_30_long_extensions() {
    let long = format!("5;{}\r\nhello\r\n", "a".repeat(64 * 1024));
    let read = |bytes: &[u8]| {
        read_body(Framing::Chunked, bytes, [bytes.len()].into_iter()).map_err(|it| it.reason)
    };
    assert_eq!(read(long.as_bytes()), Err(Reason::ChunkExtensionTooLong));
    // Many that are short, on little data.
    let many = "1;aaaaaaaaa\r\nx\r\n".repeat(200);
    assert_eq!(read(many.as_bytes()), Err(Reason::ChunkExtensionTooLong));
    // Signatures of chunks of some size do no harm.
    let data = "x".repeat(256);
    let signed = format!("100;chunk-signature={}\r\n{data}\r\n", "0".repeat(64)).repeat(100);
    assert_eq!(read(signed.as_bytes()).map(|(body, _)| body.len()), Ok(25_600));
}

#[test]
fn row_31_trailers() {
    let bytes = "5\r\nhello\r\n0\r\nContent-Length: 7\r\nTransfer-Encoding: x\r\nHost: b\r\n\
                 Authorization: c\r\nConnection: d\r\nEmpty:\r\n\r\n";
    assert_eq!(chunked(bytes), Ok((b"hello".to_vec(), Some(bytes.len()))));
    for (line, reason) in [
        ("a\r\n", Reason::NoColon),
        (" a: b\r\n", Reason::Fold),
        (": b\r\n", Reason::EmptyName),
        ("a : b\r\n", Reason::BlankBeforeColon),
        ("a: b\n", Reason::BareLf),
        ("a: b\rc\r\n", Reason::BareCr),
        ("a: \0\r\n", Reason::Nul),
        ("a: \x0b\r\n", Reason::Control),
        ("a(: b\r\n", Reason::Name),
    ] {
        assert_eq!(bad_chunk(format!("0\r\n{line}\r\n")), reason, "{line:?}");
    }
    let read = |bytes: &[u8]| {
        read_body(Framing::Chunked, bytes, [bytes.len()].into_iter()).map_err(|it| it.reason)
    };
    let many = format!("0\r\n{}\r\n", "a: b\r\n".repeat(100));
    assert_eq!(read(many.as_bytes()), Err(Reason::TrailersTooLarge));
    let long = format!("0\r\na: {}\r\n\r\n", "b".repeat(10_000));
    assert_eq!(read(long.as_bytes()), Err(Reason::TrailersTooLarge));
}

#[test]
fn row_32_junk_behind_the_last_chunk() {
    let bytes = "0\r\n\r\n0\r\n\r\n";
    assert_eq!(chunked(bytes), Ok((vec![], Some(5))));
    assert_eq!(bad(&bytes[5..]), Reason::RequestLine);
    assert_eq!(bad(b"\xff\xff\r\n\r\n"), Reason::Method);
    assert_eq!(bad_chunk("0\r\nX\r\n\r\n"), Reason::NoColon);
}

// C4. Line and field grammar.

#[test]
fn row_33_bare_lf() {
    assert_eq!(bad("GET / HTTP/1.1\nHost: a\n\n"), Reason::BareLf);
    assert_eq!(bad("GET / HTTP/1.1\r\nHost: a\n\r\n"), Reason::BareLf);
    assert_eq!(bad("GET / HTTP/1.1\r\nHost: a\r\n\n"), Reason::BareLf);
    assert_eq!(bad("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"), Reason::BareLf);
    assert_eq!(bad("GET / HTTP/1.1\r\nHo\nst: a\r\n\r\n"), Reason::BareLf);
    assert_eq!(bad("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Reason::BareLf);
    assert_eq!(bad("GET / HTTP/1.1\r\nHost: a\r\nX:\n\r\n"), Reason::BareLf);
    assert_eq!(bad_response("HTTP/1.1 200 OK\nX: y\n\n"), Reason::BareLf);
}

#[test]
fn row_34_bare_cr() {
    for bytes in [
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\rGET",
        "GET / HTTP/1.1\r\nHo\rst: a\r\n\r\n",
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(bad(bytes), Reason::BareCr, "{bytes:?}");
    }
    assert_eq!(bad_response("HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n"), Reason::BareCr);
    assert_eq!(bad_response("HTTP/1.1 200 O\rK\r\n\r\n"), Reason::BareCr);
}

#[test]
fn row_35_nul() {
    assert_eq!(bad(post("X: a\0b\r\n")), Reason::Nul);
    assert_eq!(bad(post("X\0: b\r\n")), Reason::Nul);
    assert_eq!(bad(post("\0: b\r\n")), Reason::Nul);
    assert_eq!(bad_response(ok("X: a\0\r\n")), Reason::Nul);
}

#[test]
fn row_36_blanks_and_folds() {
    assert_eq!(bad(post("X : a\r\n")), Reason::BlankBeforeColon);
    assert_eq!(bad(post("Content-Length\t: 5\r\n")), Reason::BlankBeforeColon);
    assert_eq!(bad(post("X: a\r\n b\r\n")), Reason::Fold);
    assert_eq!(bad(post("X: a\r\n\tb: c\r\n")), Reason::Fold);
    assert_eq!(bad("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), Reason::Fold);
    assert_eq!(bad_response("HTTP/1.1 200 OK\r\n X: a\r\n\r\n"), Reason::Fold);
    assert_eq!(bad_response(ok("X : a\r\n")), Reason::BlankBeforeColon);
    assert_eq!(bad_response(ok("X: a\r\n b\r\n")), Reason::Fold);
}

#[test]
fn row_37_no_colon() {
    assert_eq!(bad(post("X\r\n")), Reason::NoColon);
    assert_eq!(bad(post("X y z\r\n")), Reason::Name);
    assert_eq!(bad(post("GET /admin HTTP/1.1\r\n")), Reason::Name);
    assert_eq!(bad_response(ok("X\r\n")), Reason::NoColon);
}

#[test]
fn row_38_empty_name() {
    assert_eq!(bad(post(": x\r\n")), Reason::EmptyName);
    assert_eq!(bad(post(":\r\n")), Reason::EmptyName);
    assert_eq!(bad_response(ok(": x\r\n")), Reason::EmptyName);
}

#[test]
fn row_39_long_name() {
    // Whole: cut everywhere it would take a minute.
    let limits = Limits::default();
    let parse = |bytes: &str| {
        request::parse(bytes.as_bytes(), &mut Scan::default(), &limits, Vec::new())
            .map(|request| request.map(|request| request.framing))
            .map_err(|reject| (reject.reason, reject.at))
    };
    for length in [255, 256, 257, 270, 4096, 15_000] {
        let name = format!("Content-Length0{}", "a".repeat(length));
        let bytes = post(&format!("{name}:\r\nContent-Length: 3\r\n"));
        assert_eq!(parse(&bytes), Ok(Some(Framing::Length(3))));
    }
    let bytes = post(&format!("{}: b\r\n", "a".repeat(70_000)));
    assert_eq!(parse(&bytes), Err((Reason::HeadTooLarge, 15 * 1024)));
    assert_eq!(parse(&post(&"X: y\r\n".repeat(99))), Ok(Some(Framing::None)));
    let many = parse(&post(&"X: y\r\n".repeat(100)));
    assert_eq!(many.map_err(|(reason, _)| reason), Err(Reason::TooManyFields));
}

#[test]
fn row_40_bytes_of_names() {
    let start = format!("POST / HTTP/1.1\r\n{HOST}");
    for byte in 0..=255_u8 {
        let bytes = [start.as_bytes(), b"X", &[byte], b"Y: 1\r\n\r\n"].concat();
        match try_request(&bytes) {
            Some(Ok(_)) => assert!(oracle::is_token(byte) || byte == b':', "{byte}"),
            Some(Err(_)) => assert!(!oracle::is_token(byte), "{byte}"),
            None => panic!("{byte}"),
        }
    }
    assert_eq!(bad([start.as_bytes(), b"X\x85: y\r\n\r\n"].concat()), Reason::Name);
    assert_eq!(bad([start.as_bytes(), b"\xa0X: y\r\n\r\n"].concat()), Reason::Name);
}

#[test]
fn row_41_request_lines() {
    let line = |line: &str| bad(format!("{line}\r\n{HOST}\r\n"));
    for text in ["GET\t/ HTTP/1.1", "G=\"a\" / HTTP/1.1", " GET / HTTP/1.1", "G(T / HTTP/1.1"] {
        assert_eq!(line(text), Reason::Method, "{text:?}");
    }
    for text in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.1 a",
        "GET /",
        "GET",
        "GET ",
        "GET / ",
    ] {
        assert_eq!(line(text), Reason::RequestLine, "{text:?}");
    }
    for text in ["HTTP/1.32", "http/1.1", "HTTP/11", "HTTP/1.a", "HTTP/01.1", "HTTX/1.1", "HTTP/1"]
    {
        assert_eq!(line(&format!("GET / {text}")), Reason::Version, "{text}");
    }
    for text in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.1"] {
        assert_eq!(line(&format!("GET / {text}")), Reason::MajorVersion, "{text}");
    }
    assert_eq!(Reason::MajorVersion.status(), 505);
    assert_eq!(bad("GET / HTTP/1.1\n"), Reason::BareLf);
    // A higher minor version is served as ours.
    let request = good(format!("GET / HTTP/1.2\r\n{HOST}\r\n"));
    assert_eq!(request.head.version, Version::Http11);
    // At most one empty line comes before.
    let bytes = format!("\r\nGET / HTTP/1.1\r\n{HOST}\r\n");
    assert_eq!(good(&bytes).length, bytes.len());
    assert_eq!(bad(format!("\r\n{bytes}")), Reason::EmptyLines);
    assert_eq!(bad(format!("\n{bytes}")), Reason::BareLf);
}

#[test]
fn row_42_targets() {
    let target = |target: &[u8]| bad([b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    for bytes in
        [&b"/\0"[..], b"/\xff", b"/\xc3\xa4", b"/#a", b"/a\\b", b"/\x7f", b"/?a\\", b"/\x01"]
    {
        assert_eq!(target(bytes), Reason::Target, "{bytes:?}");
    }
    assert_eq!(target(b"/a b"), Reason::Version);
    for bytes in [&b"index.html"[..], b"?a", b"a.example/b", b"ftp://a.example/", b"http:/a", b".."]
    {
        assert_eq!(target(bytes), Reason::TargetForm, "{bytes:?}");
    }
    let bytes = format!("GET //a?b=\"<>[]^`{{|}}~' HTTP/1.1\r\n{HOST}\r\n");
    assert_eq!(onward(&bytes).0.start[1], b"//a?b=\"<>[]^`{|}~'");
}

#[test]
fn row_43_forms_of_targets() {
    let line = |line: &str| bad(format!("{line} HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(line("GET *"), Reason::TargetForm);
    assert_eq!(line("OPTIONS **"), Reason::TargetForm);
    assert_eq!(line("GET a.example:80"), Reason::TargetForm);
    assert_eq!(line("GET http://"), Reason::Host);
    assert_eq!(line("GET http:///a"), Reason::Host);
    assert_eq!(line("GET http://u@a.example/"), Reason::Host);
    assert_eq!(line("GET http://a.example,b/"), Reason::Host);
    assert_eq!(line("GET http://a.example?b"), Reason::TargetForm);
    assert_eq!(line("CONNECT a.example:443"), Reason::Connect);
    assert_eq!(line("CONNECT /"), Reason::Connect);
    let (head, _) = onward(format!("OPTIONS * HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(head.start[1], b"*");

    // The target's authority is the host before any rule sees it.
    let bytes = "GET http://b.example:8080/c?d HTTP/1.1\r\nX: y\r\nHost: a.example\r\n\r\n";
    let mut request = good(bytes);
    request::prepare(&mut request, bytes.as_bytes());
    assert_eq!(view_values(&request, bytes, "host"), ["b.example:8080"]);
    let (head, _) = onward(bytes);
    assert_eq!(head.start[1], b"http://b.example:8080/c?d");
    assert_eq!(head.value("host"), Some(&b"b.example:8080"[..]));
    // The same host stays as it was written; a path is never missing; HTTP/1.0 gets a host.
    let (head, _) = onward("GET HTTPS://A.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(head.start[1], b"HTTPS://A.example:443/");
    assert_eq!(head.value("host"), Some(&b"a.example"[..]));
    let (head, _) = onward("GET http://a.example/ HTTP/1.0\r\n\r\n");
    assert_eq!(head.value("host"), Some(&b"a.example"[..]));
    assert_eq!(head.start[2], b"HTTP/1.1");
}

#[test]
fn row_44_hosts() {
    let lines = |lines: &str| bad(format!("GET / HTTP/1.1\r\n{lines}\r\n"));
    assert_eq!(lines(""), Reason::HostMissing);
    assert_eq!(lines("X: y\r\n"), Reason::HostMissing);
    assert_eq!(lines("Host: a\r\nhost: a\r\n"), Reason::HostRepeated);
    assert_eq!(lines("Host: a\r\nX: y\r\nHost: b\r\n"), Reason::HostRepeated);
    for value in ["", "u@a", "u:p@a", "a/b", "a,b", "a, b", "a b", "a?b", "a#b", "a:b", "http://a"]
    {
        assert_eq!(lines(&format!("Host: {value}\r\n")), Reason::Host, "{value}");
    }
    assert_eq!(bad("GET http://a/ HTTP/1.1\r\n\r\n"), Reason::HostMissing);
    for value in ["a", "a:80", "[::1]:80", "a_b", "127.0.0.1", "xn--a.example"] {
        good(format!("GET / HTTP/1.1\r\nHost:{value}\r\n\r\n"));
    }
    // HTTP/1.0 needs none, and goes on as it is then.
    let (head, _) = onward("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(head.start[2], b"HTTP/1.0");
    assert_eq!(head.value("connection"), Some(&b"keep-alive"[..]));
    assert_eq!(bad("GET / HTTP/1.0\r\nHost:\r\n\r\n"), Reason::Host);
    assert_eq!(bad("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), Reason::HostRepeated);
}

// C6. What of the lifecycle is grammar.

#[test]
fn row_62_upgrade_of_what_may_be_upgraded() {
    let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
    let connection = |bytes: String| good(bytes).connection;
    let get = format!("GET / HTTP/1.1\r\n{HOST}{upgrade}\r\n");
    assert!(connection(get).upgrade);
    assert!(!connection(post(upgrade)).upgrade);
    assert!(!connection(format!("GET / HTTP/1.0\r\n{HOST}{upgrade}\r\n")).upgrade);
    let body = format!("GET / HTTP/1.1\r\n{HOST}{upgrade}Content-Length: 5\r\n\r\n");
    assert!(!connection(body).upgrade);
    assert!(!connection(format!("GET / HTTP/1.1\r\n{HOST}Upgrade: a\r\n\r\n")).upgrade);
    assert!(!connection(format!("GET / HTTP/1.1\r\n{HOST}Connection: upgrade\r\n\r\n")).upgrade);
}

#[test]
fn row_63_h2c() {
    for upgrade in ["h2c", "websocket, H2C"] {
        let bytes = format!(
            "GET / HTTP/1.1\r\n{HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\n\
             HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
        );
        let mut request = good(&bytes);
        assert!(!request.connection.upgrade);
        request::prepare(&mut request, bytes.as_bytes());
        assert!(view_values(&request, &bytes, "upgrade").is_empty());
        assert!(view_values(&request, &bytes, "http2-settings").is_empty());
        assert_eq!(onward(&bytes).0.fields.len(), 1);
    }
}

#[test]
fn row_68_unasked_upgrade() {
    let bytes = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n";
    assert_eq!(bad_response(bytes), Reason::UnaskedUpgrade);
    asked_response(bytes, Asked { upgrade: true, ..Asked::default() });
}

#[test]
fn row_69_expectations() {
    let with = |value: &str| post(&format!("Content-Length: 5\r\nExpect: {value}\r\n"));
    assert_eq!(good(with("100-Continue")).expect, Expect::Continue);
    for value in ["200-maybe", "", "100-continue, 100-continue", "100-continue;a", "y 100-continue"]
    {
        assert_eq!(bad(with(value)), Reason::Expectation, "{value}");
    }
    assert_eq!(bad(with("100-continue\r\nExpect: 100-continue")), Reason::Expectation);
    assert_eq!(Reason::Expectation.status(), 417);
    // Without a body, or in HTTP/1.0, it does not count, and does not go on.
    let bytes = post("Expect: 100-continue\r\n");
    assert_eq!(good(&bytes).expect, Expect::Nothing);
    assert_eq!(onward(&bytes).0.value("expect"), None);
    let bytes = format!("POST / HTTP/1.0\r\n{HOST}Content-Length: 5\r\nExpect: 7\r\n\r\n");
    assert_eq!(good(&bytes).expect, Expect::Nothing);
    assert_eq!(onward(&bytes).0.value("expect"), None);
    assert_eq!(onward(with("100-continue")).0.value("expect"), Some(&b"100-continue"[..]));
}

#[test]
fn row_71_connection_names_fields() {
    let bytes = format!(
        "GET / HTTP/1.1\r\n{HOST}Connection: X-Foo, close, cookie,X-Forwarded-For\r\n\
         Connection: Host, x-bar, content-length\r\nx-foo: 1\r\nX-Bar: 2\r\nCookie: a=b\r\n\
         X-Forwarded-For: 192.0.2.1\r\nX-Other: 3\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
         Proxy-Connection: a\r\nTrailer: b\r\n\r\n"
    );
    let mut request = good(&bytes);
    assert!(request.connection.close && !request.connection.keep_alive);
    request::prepare(&mut request, bytes.as_bytes());
    assert_eq!(view_values(&request, &bytes, "connection").len(), 2);
    assert!(view_values(&request, &bytes, "x-foo").is_empty());
    let (head, _) = onward(&bytes);
    let names: Vec<&[u8]> = head.fields.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, [&b"host"[..], b"cookie", b"x-forwarded-for", b"x-other"]);
    let many = "a,".repeat(100);
    assert_eq!(bad(post(&format!("Connection: {many}\r\n"))), Reason::TooManyOptions);
    let bytes = ok("Connection: x-a, set-cookie\r\nX-A: b\r\nSet-Cookie: c\r\nX-B: d\r\n");
    let response = good_response(&bytes);
    let view = response.head.view(bytes.as_bytes());
    assert_eq!(view.values(b"x-a").count(), 0);
    assert_eq!(view.values(b"set-cookie").count() + view.values(b"x-b").count(), 2);
}

#[test]
fn row_73_responses() {
    for bytes in ["hello", "HTTP/1.1\r\n\r\n", "ICY 200 OK\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n"]
    {
        let reason = bad_response(bytes);
        assert!(matches!(reason, Reason::StatusLine | Reason::Version), "{bytes:?}: {reason:?}");
    }
    for status in ["20", "2000", "099", "2xx", " 200", "+20", "", "20 0"] {
        let bytes = format!("HTTP/1.1 {status} OK\r\n\r\n");
        assert_eq!(bad_response(&bytes), Reason::StatusLine, "{bytes:?}");
    }
    assert_eq!(bad_response("HTTP/2.0 200 OK\r\n\r\n"), Reason::MajorVersion);
    assert_eq!(bad_response("HTTP/1.1 200 O\0K\r\n\r\n"), Reason::Nul);
    assert_eq!(good_response("HTTP/1.1 200\r\n\r\n").head.view(b"").status(), 200);
    assert_eq!(good_response(b"HTTP/1.1 999 \xe4\r\n\r\n").head.view(b"").status(), 999);

    // Without a length it ends with the connection, whatever it says about that.
    let response = good_response(ok("Connection: keep-alive\r\n"));
    assert_eq!(response.framing, Framing::UntilClose);
    assert!(response.connection.close && !response.connection.keep_alive);
    let response =
        good_response("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\n");
    assert_eq!((response.framing, response.head.version), (Framing::Length(3), Version::Http10));
    assert!(response.connection.keep_alive && !response.connection.close);
    let connect = Asked { connect: true, ..Asked::default() };
    assert_eq!(asked_response(ok("Content-Length: 3\r\n"), connect).framing, Framing::None);
    let bytes = "HTTP/1.1 407 X\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(asked_response(bytes, connect).framing, Framing::Length(3));
}

#[test]
fn row_74_control_bytes_from_anywhere() {
    let bytes = format!("GET / HTTP/1.1\r\n{HOST}\r\n");
    let how =
        Outgoing { framing: Framing::None, length_field: None, connection: ConnectionField::None };
    let mut out = [0; 1024];
    for byte in [b'\r', b'\n', 0, 0x0b, 0x7f] {
        let injected = [b"a", &[byte][..], b"b"].concat();
        let mut request = good(&bytes);
        request.head.append(b"X", &injected);
        let view = request.head.view(bytes.as_bytes());
        assert_eq!(encode::request(view, &how, &mut out), Err(EncodeError::Control));
        let mut request = good(&bytes);
        request.head.append(&injected, b"y");
        let view = request.head.view(bytes.as_bytes());
        assert_eq!(encode::request(view, &how, &mut out), Err(EncodeError::Control));
        let upgrade = Outgoing { connection: ConnectionField::Upgrade(&injected), ..how };
        let request = good(&bytes);
        let view = request.head.view(bytes.as_bytes());
        assert_eq!(encode::request(view, &upgrade, &mut out), Err(EncodeError::Control));
        let bytes = ok("");
        let mut response = good_response(&bytes);
        let reason = response.head.add(&injected);
        response.head.start = Start::Response { status: 200, reason };
        let view = response.head.view(bytes.as_bytes());
        assert_eq!(encode::response(view, &how, &mut out), Err(EncodeError::Control));
    }
    for target in [&b"/a b"[..], b"/a\r\nX: y", b"", b"/\t"] {
        let mut request = good(&bytes);
        let Start::Request { method, .. } = request.head.start else { panic!() };
        let target = request.head.add(target);
        request.head.start = Start::Request { method, target };
        let view = request.head.view(bytes.as_bytes());
        assert_eq!(encode::request(view, &how, &mut out), Err(EncodeError::Control));
    }
    for method in [&b"G T"[..], b"", b"GET\r\n"] {
        let mut request = good(&bytes);
        let Start::Request { target, .. } = request.head.start else { panic!() };
        let method = request.head.add(method);
        request.head.start = Start::Request { method, target };
        let view = request.head.view(bytes.as_bytes());
        assert_eq!(encode::request(view, &how, &mut out), Err(EncodeError::Control));
    }
}

#[test]
fn row_76_paths() {
    let path = |path: &str| bad(format!("GET {path} HTTP/1.1\r\n{HOST}\r\n"));
    for target in ["/%00", "/a%00b", "http://a.example/%00", "/%2e/%00?"] {
        assert_eq!(path(target), Reason::EncodedNul, "{target}");
    }
    for target in
        ["/%c0%af", "/%C1%81", "/%e0%80%af", "/%E0%9f%bf", "/%f0%80%80%af", "/%F0%8f%bf%bf"]
    {
        assert_eq!(path(target), Reason::OverlongUtf8, "{target}");
    }
    for target in [
        "/%c3%a4",
        "/%c0%e0",
        "/%e0%a0%80",
        "/?%00",
        "/?a=%c0%af",
        "//a/./b/%2e%2f;c",
        "/%",
        "/%zz",
        "/%0",
    ] {
        let (head, _) = onward(format!("GET {target} HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(head.start[1], target.as_bytes());
    }
}

// The encoder.

#[test]
fn what_goes_on_says_what_outgoing_says() {
    let bytes = post("Connection: close\r\nContent-Length: 3\r\nKeep-Alive: 1\r\nX: y\r\n");
    let request = good(&bytes);
    let encode = |how: Outgoing<'_>| {
        let mut out = [0; 1024];
        let length = encode::request(request.head.view(bytes.as_bytes()), &how, &mut out);
        String::from_utf8_lossy(&out[..length.expect("a head")]).into_owned()
    };
    let start = format!("POST / HTTP/1.1\r\n{HOST}X: y\r\n");
    let none =
        Outgoing { framing: Framing::None, length_field: None, connection: ConnectionField::None };
    assert_eq!(encode(none), format!("{start}\r\n"));
    let how = Outgoing { length_field: Some(0), connection: ConnectionField::Close, ..none };
    assert_eq!(encode(how), format!("{start}content-length: 0\r\nconnection: close\r\n\r\n"));
    let how = Outgoing { framing: Framing::Chunked, length_field: Some(9), ..none };
    assert_eq!(encode(how), format!("{start}transfer-encoding: chunked\r\n\r\n"));
    let how = Outgoing {
        framing: Framing::Length(u64::MAX),
        connection: ConnectionField::KeepAlive,
        ..none
    };
    let end = "content-length: 18446744073709551615\r\nconnection: keep-alive\r\n\r\n";
    assert_eq!(encode(how), format!("{start}{end}"));
    let how = Outgoing { connection: ConnectionField::Upgrade(b"websocket"), ..none };
    assert_eq!(encode(how), format!("{start}connection: Upgrade\r\nupgrade: websocket\r\n\r\n"));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let bytes = post("Content-Length: 3\r\nX: y\r\n");
    let request = good(&bytes);
    let how = Outgoing {
        framing: Framing::Length(3),
        length_field: None,
        connection: ConnectionField::Close,
    };
    let view = request.head.view(bytes.as_bytes());
    let mut out = [0; 1024];
    let length = encode::request(view, &how, &mut out).expect("a head");
    for room in 0..length {
        assert_eq!(encode::request(view, &how, &mut out[..room]), Err(EncodeError::Full));
    }
    assert_eq!(encode::request(view, &how, &mut out[..length]), Ok(length));
}

#[test]
fn edits_go_on() {
    let bytes = format!("GET /a HTTP/1.1\r\n{HOST}A: 1\r\nB: \t2 \r\nC:3\r\nD: 4\r\nE: 5\r\n\r\n");
    let mut request = good(&bytes);
    let head = &mut request.head;
    head.remove(bytes.as_bytes(), |name, _| name == b"D");
    let (first, second) = (head.fields[1], head.fields[2]);
    head.fields[1].value = second.value;
    head.fields[2].value = first.value;
    head.append(b"F", b"6\t\xe4");
    let how =
        Outgoing { framing: Framing::None, length_field: None, connection: ConnectionField::None };
    let mut out = [0; 1024];
    let length = encode::request(head.view(bytes.as_bytes()), &how, &mut out).expect("a head");
    let head = oracle::split(&out[..length]).expect("a head");
    let fields: Vec<(&[u8], &[u8])> = head.fields.iter().map(|(a, b)| (&a[..], &b[..])).collect();
    let expected: [(&[u8], &[u8]); 6] = [
        (b"host", b"a.example"),
        (b"a", b"2"),
        (b"b", b"1"),
        (b"c", b"3"),
        (b"e", b"5"),
        (b"f", b"6\t\xe4"),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn an_absolute_target_goes_with_the_host_that_a_rule_set() {
    let bytes = "GET http://a.example/b HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut request = good(bytes);
    request::prepare(&mut request, bytes.as_bytes());
    request.head.remove(bytes.as_bytes(), |name, _| name == b"Host");
    request.head.append(b"host", b"c.example");
    let how =
        Outgoing { framing: Framing::None, length_field: None, connection: ConnectionField::None };
    let mut out = [0; 1024];
    let length = encode::request(request.head.view(bytes.as_bytes()), &how, &mut out);
    let head = oracle::split(&out[..length.expect("a head")]).expect("a head");
    assert_eq!(head.start[1], b"http://c.example/b");
}

#[test]
fn responses_go_on_as_ours() {
    let bytes = b"HTTP/1.0 404 N\xf6t f\tound\r\nServer: a\r\nKeep-Alive: 5\r\nTransfer_Encoding: x\r\n\r\n";
    let response = good_response(bytes);
    let how = Outgoing {
        framing: Framing::Chunked,
        length_field: None,
        connection: ConnectionField::None,
    };
    let mut out = [0; 1024];
    let length = encode::response(response.head.view(bytes), &how, &mut out).expect("a head");
    let expected = b"HTTP/1.1 404 N\xf6t f\tound\r\nServer: a\r\nTransfer_Encoding: x\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(&out[..length], expected);
}

#[test]
fn chunk_heads_are_read_back() {
    let mut out = [0; encode::CHUNK_HEAD_MAX];
    for size in [1, 9, 10, 15, 16, 255, 256, 4095, 65_536, usize::MAX >> 1] {
        let length = encode::chunk_head(size, &mut out).expect("room");
        assert_eq!(out[..length], format!("{size:x}\r\n").into_bytes());
        assert!(chunked(&out[..length]).is_ok());
        assert_eq!(encode::chunk_head(size, &mut out[..length - 1]), Err(EncodeError::Full));
    }
    assert_eq!(encode::chunk_head(usize::MAX, &mut out), Ok(18));
    assert_eq!(encode::chunk_head(0, &mut out), Ok(3));
    let body = [b"5\r\nhello", encode::CHUNK_END, encode::LAST_CHUNK].concat();
    assert_eq!(chunked(&body), Ok((b"hello".to_vec(), Some(body.len()))));
}

// Heads that come in parts.

#[test]
fn a_head_in_drops_costs_no_more_than_one_at_once() {
    let bytes = post(&format!("X: {}\r\n", "y".repeat(15_000)));
    let limits = Limits::default();
    let mut scan = Scan::default();
    for end in 1..bytes.len() {
        let part = &bytes.as_bytes()[..end];
        let request = request::parse(part, &mut scan, &limits, Vec::new());
        assert!(matches!(request, Ok(None)));
        assert_eq!(scan.seen, end);
    }
    let whole = request::parse(bytes.as_bytes(), &mut scan, &limits, Vec::new());
    assert!(matches!(whole, Ok(Some(_))));
    assert_eq!(scan, Scan::default());
}

#[test]
fn a_wrong_start_is_refused_at_once() {
    for (bytes, reason) in [
        (&b"\x16\x03\x01"[..], Reason::Method),
        (b"GET /\r\n", Reason::RequestLine),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", Reason::RequestLine),
        (b"GET / HTTP/1.1\n", Reason::BareLf),
    ] {
        let limits = Limits::default();
        let parse =
            |bytes: &[u8], scan: &mut Scan| request::parse(bytes, scan, &limits, Vec::new());
        let whole = feed(bytes, [bytes.len()].into_iter(), parse);
        let drops = feed(bytes, 0..=bytes.len(), parse);
        for result in [whole, drops] {
            assert_eq!(result.expect("a verdict").map_err(|it| it.reason).err(), Some(reason));
        }
    }
}

#[test]
fn a_head_is_as_large_as_the_limit_at_most() {
    let bytes = post("X: yyyyyyyyyy\r\n");
    let with = |head_bytes| {
        let limits = Limits { head_bytes, ..Limits::default() };
        parse_split(
            bytes.as_bytes(),
            |request| format!("{request:?}"),
            |bytes, scan| request::parse(bytes, scan, &limits, Vec::new()),
        )
    };
    assert!(matches!(with(bytes.len()), Some(Ok(_))));
    for limit in 1..bytes.len() {
        let reject = Reject { reason: Reason::HeadTooLarge, at: limit };
        assert_eq!(with(limit).expect("a verdict").err(), Some(reject));
    }
}
