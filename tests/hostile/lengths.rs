//! C1. Length conflicts: rows 1 to 11.

use std::time::Duration;

use super::end_to_end::origin::{Step, ok, reply};
use super::end_to_end::wire::End;
use super::lane::{Lane, PIECES, assert_closed, post, read, send};

const BAD: &[u16] = &[400];

#[test]
fn row_01_length_and_chunked() {
    let lane = Lane::new(1);
    let smuggled = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
    lane.refuses(post(&[b"Content-Length: 5", b"Transfer-Encoding: chunked"], smuggled), BAD);
    lane.refuses(post(&[b"Transfer-Encoding: chunked", b"Content-Length: 5"], smuggled), BAD);
    lane.refuses(post(&[b"Transfer-Encoding: chunked", b"content-LENGTH: 0"], b"0\r\n\r\n"), BAD);
}

#[test]
fn row_02_lengths_that_differ() {
    let lane = Lane::new(2);
    lane.refuses(post(&[b"Content-Length: 3", b"Content-Length: 5"], b"hello"), BAD);
    lane.refuses(post(&[b"Content-Length: 5", b"X-A: 1", b"Content-Length: 0"], b"hello"), BAD);
    lane.refuses(post(&[b"Content-Length: 3, 5"], b"hello"), BAD);
}

#[test]
fn row_03_lengths_that_are_equal() {
    let lane = Lane::new(3);
    lane.refuses(post(&[b"Content-Length: 5", b"Content-Length: 5"], b"hello"), BAD);
    lane.refuses(post(&[b"Content-Length: 5, 5"], b"hello"), BAD);
}

#[test]
fn row_04_empty_length() {
    let lane = Lane::new(4);
    lane.refuses(post(&[b"Content-Length:"], b"hello"), BAD);
    lane.refuses(post(&[b"Content-Length: \t "], b""), BAD);
    lane.refuses(post(&[b"Content-Length:", b"Content-Length: 5"], b"hello"), BAD);
    lane.refuses(post(&[b"Content-Length: 5", b"Content-Length:"], b"hello"), BAD);
    lane.refuses(post(&[b"Content-Length: ,5"], b"hello"), BAD);
}

#[test]
fn row_05_odd_digits() {
    let lane = Lane::new(5);
    let odd: &[&[u8]] = &[
        b"+5",
        b"-0",
        b"-48",
        b"0x10",
        b"1_0",
        b"1 0",
        b"5Z",
        b"5.0",
        b"5;a=b",
        b"\xef\xbc\x95",
        b"\xa05",
        b"5\xa0",
        b"5\x0b",
        b"\"5\"",
        b"five",
        b"5e0",
    ];
    for value in odd {
        lane.refuses(post(&[&[b"Content-Length: ", *value].concat()], b"hello"), BAD);
    }
}

#[test]
fn row_06_leading_zeros() {
    let lane = Lane::new(6);
    for (value, canonical, body) in [
        ("0005", "5", "hello"),
        ("010", "10", "0123456789"),
        ("00", "0", ""),
        ("00000000000000000000000000000000000005", "5", "hello"),
    ] {
        let payload = post(&[format!("Content-Length: {value}").as_bytes()], body.as_bytes());
        for got in lane.accepts(payload, &[("POST", "/post", body)]) {
            assert_eq!(got[0].value("content-length"), Some(canonical), "{value}");
        }
    }
}

#[test]
fn row_07_lengths_beyond_the_largest() {
    let lane = Lane::new(7);
    for value in
        ["18446744073709551616", "18446744073709551621", "99999999999999999999999999999999999999"]
    {
        let field = format!("Content-Length: {value}");
        lane.refuses(post(&[field.as_bytes()], b"hello"), BAD);
    }
    for size in ["10000000000000005", "fffffffffffffffff", "100000000000000000000000000000005"] {
        let body = format!("{size}\r\nhello\r\n0\r\n\r\n");
        lane.refuses_body(post(&[b"Transfer-Encoding: chunked"], body.as_bytes()), BAD);
    }
}

/// A length in a response that has no body: the client must not wait for one, nor may a body follow.
#[test]
fn row_08_length_without_body() {
    let lane = Lane::new(8);
    for (request, status, head) in [
        ("HEAD", 200, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", 204, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
        ("GET", 304, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    ] {
        lane.origins().begin(vec![reply(head)]);
        let mut client = lane.connect();
        let request = format!("{request} /1 HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let answer = client.ask(&request);
        assert_eq!(answer.status(), status);
        if status == 204 {
            assert_eq!(answer.value("content-length"), None, "{answer}");
        }
        let next = client.ask("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!((next.status(), next.value("x-origin")), (200, Some("origin")), "{next}");
        drop(client);
        assert_eq!(lane.origins().end().requests.len(), 2);
    }
    let interim = "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLink: </a>\r\n\r\n\
                   HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    lane.origins().begin(vec![reply(interim)]);
    let mut client = lane.connect();
    client.send(b"GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let answers = client.responses(false).expect("answers");
    let last = answers.last().expect("one at least");
    assert!(matches!(last.status(), 200 | 502), "{last}");
    for interim in &answers[..answers.len() - 1] {
        assert_eq!(interim.value("content-length"), None, "{interim}");
    }
    drop(client);
    lane.origins().end();
    rules_set_the_method(&lane);
    rules_set_the_status(&lane);
}

/// What stands where a response's body is taken for the next response.
const EVIL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/// A status that a rule set forbids a body as one of the server's does.
fn rules_set_the_status(lane: &Lane) {
    let length = EVIL.len();
    let by_length = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{EVIL}");
    let by_chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{EVIL}\r\n0\r\n\r\n"
    );
    let to_the_end = vec![Step::Body, Step::Send(format!("HTTP/1.1 200 OK\r\n\r\n{EVIL}").into())];
    let in_parts = vec![
        Step::Body,
        Step::Send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into()),
        Step::Pause(Duration::from_millis(50)),
        Step::Send(EVIL.into()),
    ];
    let ended = [to_the_end, vec![Step::Close]].concat();
    for first in [reply(by_length), reply(by_chunks), in_parts, ended] {
        for status in [204, 304] {
            lane.origins().begin(vec![first.clone(), ok("next")]);
            let mut client = lane.connect();
            let answer = client.ask(&format!("GET /{status} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
            assert_eq!((answer.status(), &answer.body[..]), (status, &b""[..]));
            let framing = answer.value("content-length").or(answer.value("transfer-encoding"));
            assert!(status != 204 || framing.is_none(), "{answer}");
            let next = client.ask("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n");
            assert_eq!(next.body, b"next", "{next}");
            drop(client);
            assert_eq!(lane.origins().end().requests.len(), 2);
        }
    }
}

/// Whether a response has a body is decided by the method that the server was sent.
fn rules_set_the_method(lane: &Lane) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", EVIL.len());
    let with_body = vec![
        Step::Body,
        Step::Send(head.clone().into()),
        Step::Pause(Duration::from_millis(50)),
        Step::Send(EVIL.into()),
    ];
    for (request, first) in [("HEAD /as-get", with_body), ("GET /as-head", reply(head))] {
        lane.origins().begin(vec![first, ok("next")]);
        let mut client = lane.connect();
        let answer = client.ask(&format!("{request} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
        assert_eq!((answer.status(), &answer.body[..]), (200, &b""[..]), "{request}");
        let next = client.ask("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(next.body, b"next", "{request}: {next}");
        drop(client);
        assert_eq!(lane.origins().end().requests.len(), 2);
    }
}

#[test]
fn row_09_bodies_of_methods_that_have_none() {
    let lane = Lane::new(9);
    for method in ["GET", "HEAD", "OPTIONS", "DELETE"] {
        let by_length =
            format!("{method} /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello");
        lane.accepts(by_length, &[(method, "/x", "hello")]);
        let by_chunks = format!(
            "{method} /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nhello\r\n0\r\n\r\n"
        );
        lane.accepts(by_chunks, &[(method, "/x", "hello")]);
    }
}

#[test]
fn row_10_bytes_behind_an_empty_body() {
    let lane = Lane::new(10);
    let next = b"GET /next HTTP/1.1\r\nHost: b.example\r\n\r\n";
    let both = [("POST", "/post", ""), ("GET", "/next", "")];
    lane.accepts(post(&[b"Content-Length: 0"], next), &both);
    lane.accepts(post(&[], next), &both);
    // What is no request is refused when its turn comes.
    for pieces in PIECES {
        lane.origins().begin(Vec::new());
        let mut client = lane.connect();
        send(&mut client, &post(&[b"Content-Length: 0"], b"\x00\x01 x\r\n\r\n"), pieces);
        assert_eq!(client.response(false).expect("an answer").status(), 200);
        assert_eq!(client.response(false).expect("an answer").status(), 400);
        assert_closed(&mut client, "row 10");
        assert_eq!(read(&lane.origins().end(), "row 10").requests.len(), 1);
    }
}

#[test]
fn row_11_fewer_bytes_than_said() {
    let lane = Lane::new(11);
    for body in [&b"12345"[..], b""] {
        lane.origins().begin(vec![vec![Step::Body]]);
        let mut client = lane.connect();
        client.send(&post(&[b"Content-Length: 10"], body));
        lane.origins().wait_for("the head", |record| record.requests.len() == 1);
        client.wire.finish();
        let (said, end) = client.drain();
        assert_ne!(end, End::Silent);
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 400 "), "{said:?}");
        let record = lane.origins().wait_for("the end", |record| record.heard[0].end.is_some());
        let reading = read(&record, "row 11");
        assert_eq!((reading.requests, reading.is_cut), (vec![], true));
        lane.origins().end();
    }
}
