//! C4. Line and field grammar: rows 33 to 44.

use super::lane::{Lane, lines};

const BAD: &[u16] = &[400];

/// A GET with this line among its fields.
fn with_line(line: &[u8]) -> Vec<u8> {
    [b"GET /x HTTP/1.1\r\nHost: a.example\r\n", line, b"\r\nX-Z: 1\r\n\r\n"].concat()
}

fn refuses_lines(row: u32, bad: &[&[u8]], statuses: &[u16]) {
    let lane = Lane::new(row);
    for line in bad {
        lane.refuses(with_line(line), statuses);
    }
}

#[test]
fn row_33_lf_ends_a_line() {
    let lane = Lane::new(33);
    lane.refuses("GET /x HTTP/1.1\nHost: a.example\n\n", BAD);
    lane.refuses("GET /x HTTP/1.1\r\nHost: a.example\nX-A: 1\r\n\r\n", BAD);
    lane.refuses("GET /x HTTP/1.1\r\nHost: a.example\r\n\n", BAD);
    lane.refuses("GET /x HTTP/1.1\nHost: a.example\r\n\r\n", BAD);
    lane.refuses("GET /x HTTP/1.1\r\nHost: a.example\n\r\n", BAD);
}

#[test]
fn row_34_cr_alone() {
    refuses_lines(
        34,
        &[b"X-A: 1\r2", b"X-A: 1\rX-B: 2", b"X-A: \r", b"\rX-A: 1", b"X-A\r: 1"],
        BAD,
    );
    let lane = Lane::new(34);
    lane.refuses("GET /x HTTP/1.1\r\nHost: a.example\r\n\rX", BAD);
    lane.refuses("GET /x HTTP/1.1\rHost: a.example\r\r", BAD);
}

#[test]
fn row_35_nul() {
    refuses_lines(
        35,
        &[b"X-A: 1\x002", b"X-A: \x00", b"X\x00A: 1", b"\x00X-A: 1", b"X-A\x00: 1"],
        BAD,
    );
}

#[test]
fn row_36_blanks() {
    refuses_lines(
        36,
        &[b"X-A : 1", b"X-A\t: 1", b" X-A: 1", b"X-A: 1\r\n 2", b"X-A: 1\r\n\t2"],
        BAD,
    );
    let lane = Lane::new(36);
    lane.refuses("GET /x HTTP/1.1\r\n Host: a.example\r\n\r\n", BAD);
    lane.refuses("GET /x HTTP/1.1\r\n X-A: 1\r\nHost: a.example\r\n\r\n", BAD);
    lane.refuses("GET /x HTTP/1.1\r\nHost: a.example\r\n \r\n\r\n", BAD);
}

#[test]
fn row_37_no_colon() {
    refuses_lines(37, &[b"X-A", b"X-A 1", b"Transfer-Encoding chunked", b"GET /y HTTP/1.1"], BAD);
}

#[test]
fn row_38_empty_name() {
    refuses_lines(38, &[b": 1", b":", b" : 1", b":Content-Length: 5"], BAD);
}

#[test]
fn row_39_long_names() {
    let large = &[400, 431];
    for length in [270, 4_000, 20_000, 65_600] {
        let line = [&b"X".repeat(length)[..], b": 1"].concat();
        let lane = Lane::new(39);
        if length < 10_000 {
            // One that fits is a field like any other.
            for got in lane.accepts(with_line(&line), &[("GET", "/x", "")]) {
                assert_eq!(got[0].value(&"x".repeat(length)), Some("1"));
                assert_eq!(got[0].value("content-length"), None);
            }
        } else {
            lane.refuses(with_line(&line), large);
        }
    }
    // The form of CVE-2021-40346.
    let name = [b"Content-Length0", &b"a".repeat(255)[..], b":"].concat();
    let payload = [
        b"POST /x HTTP/1.1\r\nHost: a.example\r\n",
        &name[..],
        b"\r\nContent-Length: 5\r\n\r\nhello",
    ];
    for got in Lane::new(39).accepts(payload.concat(), &[("POST", "/x", "hello")]) {
        assert_eq!(got[0].value("content-length").or(Some("5")), Some("5"));
    }
}

#[test]
fn row_40_odd_names() {
    refuses_lines(
        40,
        &[
            b"X(A: 1",
            b"X)A: 1",
            b"X/A: 1",
            b"X@A: 1",
            b"X[A]: 1",
            b"X{A}: 1",
            b"\"X\": 1",
            b"X,A: 1",
            b"X;A: 1",
            b"X<A>: 1",
            b"X=A: 1",
            b"X?A: 1",
            b"X\\A: 1",
            b"X\x85: 1",
            b"X\xa0: 1",
            b"X\xc3\xa9: 1",
            b"X\x7f: 1",
            b"X\x01: 1",
            b"X A: 1",
        ],
        BAD,
    );
}

#[test]
fn row_41_request_lines() {
    let lane = Lane::new(41);
    for line in [
        "GET\t/x HTTP/1.1",
        "GET /x\tHTTP/1.1",
        "GET  /x HTTP/1.1",
        "GET /x  HTTP/1.1",
        " GET /x HTTP/1.1",
        "GET /x HTTP/1.1 ",
        "GET /x HTTP/1.32",
        "GET /x HTTP/1",
        "GET /x HTTP/1.",
        "GET /x HTTP/.1",
        "GET /x HTTP/1.1x",
        "GET /x HTTP/01.1",
        "GET /x http/1.1",
        "GET /x HTTPS/1.1",
        "GET /x HTCPCP/1.0",
        "GET /x",
        "GET",
        "GET HTTP/1.1",
        "/x HTTP/1.1",
        "G=\"a\" /x HTTP/1.1",
        "GE(T /x HTTP/1.1",
        "G\u{e9}T /x HTTP/1.1",
        "GET\u{b}/x HTTP/1.1",
        "GET /x y HTTP/1.1",
    ] {
        lane.refuses(lines(&[line, "Host: a.example", ""]), &[400, 505]);
    }
    for version in ["HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"] {
        let line = format!("GET /x {version}");
        lane.refuses(lines(&[&line, "Host: a.example", ""]), &[400, 505]);
    }
}

#[test]
fn row_42_targets() {
    let lane = Lane::new(42);
    for target in [
        &b"/a#b"[..],
        b"/#",
        b"/a\\b",
        b"\\",
        b"a",
        b"./a",
        b"?a=b",
        b"//\x00",
        b"/\x00",
        b"/\x7f",
        b"/\x01",
        b"/caf\xc3\xa9",
        b"/\xff",
        b"/a\x0bb",
    ] {
        let payload = [b"GET ", target, b" HTTP/1.1\r\nHost: a.example\r\n\r\n"].concat();
        lane.refuses(payload, BAD);
    }
}

#[test]
fn row_43_forms_of_targets() {
    let lane = Lane::new(43);
    for line in [
        "GET * HTTP/1.1",
        "POST * HTTP/1.1",
        "GET a.example:80 HTTP/1.1",
        "GET a.example HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET http://user@a.example/ HTTP/1.1",
        "GET http:/a.example/ HTTP/1.1",
        "OPTIONS *x HTTP/1.1",
    ] {
        lane.refuses(lines(&[line, "Host: a.example", ""]), BAD);
    }
    // The target's authority replaces Host, or the request is refused (as HAProxy does).
    for host in ["b.example", "a.example.evil.example"] {
        lane.origins().begin(Vec::new());
        let mut client = lane.connect();
        client.send(&lines(&["GET http://a.example/x HTTP/1.1", &format!("Host: {host}"), ""]));
        let answer = client.response(false).expect("an answer");
        drop(client);
        let record = lane.origins().end();
        match answer.status() {
            200 => {
                assert_eq!(record.requests.len(), 1);
                assert_eq!(record.requests[0].request.value("host"), Some("a.example"));
            }
            status => assert_eq!((status, record.requests.len()), (400, 0)),
        }
    }
}

#[test]
fn row_44_hosts() {
    let lane = Lane::new(44);
    let get = "GET /x HTTP/1.1";
    lane.refuses(lines(&[get, ""]), BAD);
    lane.refuses(lines(&[get, "X-A: 1", ""]), BAD);
    lane.refuses(lines(&[get, "Host: a.example", "Host: b.example", ""]), BAD);
    lane.refuses(lines(&[get, "Host: a.example", "Host: a.example", ""]), BAD);
    for host in [
        "",
        " ",
        "me@a.example",
        "a.example/x",
        "a.example,b.example",
        "a.example b.example",
        "a.example?x",
        "a.example#x",
        "a.example:x",
        "a.example:80:81",
        "a.example:99999",
        "[::1",
        "::1",
        "a\\b",
        "<a>",
        "http://a.example",
        "a.example\u{7f}",
    ] {
        lane.refuses(lines(&[get, &format!("Host: {host}"), ""]), BAD);
    }
    for host in [
        "a.example",
        "a.example:8080",
        "[::1]",
        "[::1]:80",
        "192.0.2.1",
        "a_b.example",
        "A.Example",
    ] {
        lane.accepts(lines(&[get, &format!("Host: {host}"), ""]), &[("GET", "/x", "")]);
    }
}
