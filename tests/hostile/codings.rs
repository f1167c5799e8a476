//! C2. Transfer-Encoding disguises: rows 12 to 22.

use super::lane::{Lane, post};

const BODY: &[u8] = b"5\r\nhello\r\n0\r\n\r\n";

fn refuses(row: u32, values: &[&[u8]], statuses: &[u16]) {
    let lane = Lane::new(row);
    for value in values {
        lane.refuses(post(&[&[b"Transfer-Encoding:", *value].concat()], BODY), statuses);
    }
}

#[test]
fn row_12_empty_members() {
    refuses(12, &[b" ,chunked", b" chunked,", b" , ,chunked", b" chunked, ,"], &[400]);
}

#[test]
fn row_13_chunked_twice() {
    refuses(13, &[b" chunked, chunked", b" chunked,chunked"], &[400]);
    let twice: &[&[u8]] = &[b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"];
    Lane::new(13).refuses(post(twice, BODY), &[400]);
    let apart: &[&[u8]] =
        &[b"Transfer-Encoding: chunked", b"X-A: 1", b"transfer-encoding: identity"];
    Lane::new(13).refuses(post(apart, BODY), &[400, 501]);
}

#[test]
fn row_14_other_codings() {
    refuses(14, &[b" chunked, gzip"], &[400]);
    refuses(14, &[b" gzip, chunked"], &[501]);
}

#[test]
fn row_15_unknown_codings() {
    refuses(15, &[b" xchunked", b" identity", b" chunkedx", b" chunk", b" br"], &[501, 400]);
}

#[test]
fn row_16_a_parameter() {
    refuses(16, &[b" chunked;ext=1", b" chunked ; ext", b" chunked;"], &[400]);
}

#[test]
fn row_17_odd_bytes_near_the_value() {
    let values: &[&[u8]] = &[
        b" \x0bchunked",
        b" chunked\x0b",
        b" \x0cchunked",
        b" chunked\x0c",
        b" \x00chunked",
        b" chunked\x00",
        b" \x85chunked",
        b" \xa0chunked",
        b" chunked\xa0",
        b" chunked\xff",
        b" \"chunked\"",
        b" 'chunked'",
        b" chunked\x7f",
        b" chu\x08nked",
    ];
    refuses(17, values, &[400, 501]);
}

#[test]
fn row_18_empty() {
    refuses(18, &[b"", b" ", b" \t "], &[400]);
    let both: &[&[u8]] = &[b"Transfer-Encoding:", b"Content-Length: 5"];
    Lane::new(18).refuses(post(both, b"hello"), &[400]);
}

#[test]
fn row_19_case_and_blanks() {
    let lane = Lane::new(19);
    for value in [&b" ChUnKeD"[..], b"\tchunked", b"\t  \t chunked \t", b"CHUNKED"] {
        let payload = post(&[&[b"TRANSFER-encoding:", value].concat()], BODY);
        for got in lane.accepts(payload, &[("POST", "/post", "hello")]) {
            let framing = (got[0].value("transfer-encoding"), got[0].value("content-length"));
            assert!(matches!(framing, (Some("chunked"), None) | (None, Some("5"))), "{framing:?}");
        }
    }
}

#[test]
fn row_20_chunked_in_1_0() {
    let lane = Lane::new(20);
    let head = b"POST /x HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n";
    lane.refuses([&head[..], b"\r\n", BODY].concat(), &[400]);
    lane.refuses([&head[..], b"Connection: keep-alive\r\n\r\n", BODY].concat(), &[400]);
    lane.refuses([&head[..], b"Content-Length: 5\r\n\r\n", BODY].concat(), &[400]);
}

/// A server that takes `_` for `-` must not see another framing than we did.
#[test]
fn row_21_underscores() {
    let lane = Lane::new(21);
    for field in [&b"Transfer_Encoding: chunked"[..], b"TRANSFER_ENCODING: chunked"] {
        let payload = post(&[b"Content-Length: 5", field], b"hello");
        for got in lane.accepts(payload, &[("POST", "/post", "hello")]) {
            assert_eq!(got[0].value("transfer_encoding"), None);
        }
    }
    let payload = post(&[b"Content-Length: 5", b"Content_Length: 3"], b"hello");
    for got in lane.accepts(payload, &[("POST", "/post", "hello")]) {
        assert_eq!(got[0].value("content_length"), None);
    }
}

#[test]
fn row_22_a_name_on_two_lines() {
    let lane = Lane::new(22);
    lane.refuses(post(&[b"Transfer-\r\nEncoding: chunked"], BODY), &[400]);
    lane.refuses(post(&[b"Transfer-\r\n Encoding: chunked"], BODY), &[400]);
    lane.refuses(post(&[b"Transfer-Encoding\r\n: chunked"], BODY), &[400]);
    lane.refuses(post(&[b"Transfer-Encoding:\r\n chunked"], BODY), &[400]);
}
