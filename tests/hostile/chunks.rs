//! C3. Chunk grammar: rows 23 to 32.

use super::lane::{Lane, PIECES, assert_closed, latin, post, read, send};

fn chunked(body: &[u8]) -> Vec<u8> {
    post(&[b"Transfer-Encoding: chunked"], body)
}

fn refuses(row: u32, bodies: &[&[u8]]) {
    let lane = Lane::new(row);
    for body in bodies {
        lane.refuses_body(chunked(body), &[400]);
    }
}

#[test]
fn row_23_odd_sizes() {
    refuses(
        23,
        &[
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"5_\r\nhello\r\n0\r\n\r\n",
            b"_5\r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"\t5\r\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b"5\t\r\nhello\r\n0\r\n\r\n",
            b"1zzz\r\nhello\r\n0\r\n\r\n",
            b"g\r\nhello\r\n0\r\n\r\n",
            b"5h\r\nhello\r\n0\r\n\r\n",
            b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
        ],
    );
}

#[test]
fn row_24_lf_behind_the_size() {
    refuses(24, &[b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello\r\n0\n\n"]);
}

#[test]
fn row_25_cr_behind_the_size() {
    refuses(
        25,
        &[
            b"5\rhello\r\n0\r\n\r\n",
            b"5\r\r\nhello\r\n0\r\n\r\n",
            b"5\rXhello\r\n0\r\n\r\n",
            b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\rX0\r\n\r\n",
        ],
    );
}

#[test]
fn row_26_lf_in_an_extension() {
    refuses(26, &[b"5;a\nb\r\nhello\r\n0\r\n\r\n", b"5;\n\r\nhello\r\n0\r\n\r\n"]);
}

#[test]
fn row_27_quotes_in_extensions() {
    refuses(
        27,
        &[
            b"5;a=\"b\r\nhello\r\n0\r\n\r\n",
            b"5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
            b"5;a=\"\x00\"\r\nhello\r\n0\r\n\r\n",
        ],
    );
    // Good extensions are read and not passed on.
    let lane = Lane::new(27);
    let good = chunked(b"5;a=b;c=\"d;e\"\r\nhello\r\n0;last\r\n\r\n");
    lane.accepts(&good, &[("POST", "/post", "hello")]);
    for heard in lane.origins().end().heard {
        assert!(!latin(&heard.bytes).contains(';'));
    }
}

#[test]
fn row_28_data_of_another_length() {
    refuses(
        28,
        &[
            b"5\r\nhello!\r\n0\r\n\r\n",
            b"5\r\nhell\r\n0\r\n\r\n",
            b"5\r\nhelloXX0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\r0\r\n\r\n",
        ],
    );
}

#[test]
fn row_29_empty_lines() {
    refuses(
        29,
        &[
            b"\r\n5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n\r\n0\r\n\r\n",
            b";ext\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n;\r\n\r\n",
        ],
    );
}

#[test]
fn row_30_endless_extension() {
    let lane = Lane::new(30);
    let endless = [b"5;", &b"x".repeat(64 * 1024)[..], b"\r\nhello\r\n0\r\n\r\n"].concat();
    lane.refuses_body(chunked(&endless), &[400, 413]);
    let many = b"1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(4000);
    lane.refuses_body(chunked(&[&many[..], b"0\r\n\r\n"].concat()), &[400, 413]);
}

/// Trailers are dropped or refused; they never come to be fields.
#[test]
fn row_31_trailers() {
    let lane = Lane::new(31);
    for trailer in [
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
        "Host: b.example",
        "Authorization: Basic eDp5",
        "Connection: close",
        "X-Forwarded-For: 192.0.2.1",
        "X-Fine: 1",
    ] {
        let payload = chunked(format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n").as_bytes());
        for pieces in PIECES {
            lane.origins().begin(Vec::new());
            let mut client = lane.connect();
            send(&mut client, &payload, pieces);
            let status = client.response(false).expect("an answer").status();
            assert!(matches!(status, 200 | 400), "{trailer}: {status}");
            drop(client);
            let record = lane.origins().end();
            let reading = read(&record, trailer);
            let name = trailer.split(':').next().unwrap_or_default();
            for heard in &record.heard {
                let text = latin(&heard.bytes);
                let fields = text.matches("\r\n").filter(|_| text.contains(trailer)).count();
                assert_eq!(fields, 0, "{trailer}: {text:?}");
                assert!(!text.contains(&format!("{name}: b.example")), "{text:?}");
            }
            assert_eq!(reading.requests.len(), usize::from(status == 200), "{trailer}");
            for request in &reading.requests {
                assert_eq!(request.body, b"hello");
                assert_eq!(request.value("host"), Some("a.example"));
            }
        }
    }
    // What is no field is refused; trailers have limits, too.
    refuses(31, &[b"5\r\nhello\r\n0\r\nno colon\r\n\r\n", b"5\r\nhello\r\n0\r\nX : 1\r\n\r\n"]);
    let many = [b"0\r\n", &b"X-A: 1\r\n".repeat(10_000)[..], b"\r\n"].concat();
    lane.refuses_body(chunked(&many), &[400, 413, 431]);
}

#[test]
fn row_32_junk_behind_the_last_chunk() {
    let lane = Lane::new(32);
    for junk in [&b"X"[..], b"junk\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"\x00\r\n\r\n"] {
        for pieces in PIECES {
            lane.origins().begin(Vec::new());
            let mut client = lane.connect();
            let payload = [&chunked(b"5\r\nhello\r\n0\r\n\r\n")[..], junk].concat();
            send(&mut client, &payload, pieces);
            assert_eq!(client.response(false).expect("an answer").status(), 200);
            client.wire.finish();
            let (rest, _) = client.drain();
            assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 "), "{}", latin(&rest));
            assert_closed(&mut client, "row 32");
            let reading = read(&lane.origins().end(), "row 32");
            assert_eq!((reading.requests.len(), reading.is_cut), (1, false), "{junk:?}");
        }
    }
}
