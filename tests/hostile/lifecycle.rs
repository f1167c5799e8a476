//! C6. Lifecycle: rows 61 to 76.

use std::time::Duration;

use super::end_to_end::client::Client;
use super::end_to_end::message::Message;
use super::end_to_end::origin::{Step, ok, reply};
use super::end_to_end::wire::End;
use super::lane::{Lane, PIECES, Pieces, assert_closed, latin, lines, read, send};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                      Upgrade: websocket\r\n\r\n";
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n";

fn targets(record: &super::end_to_end::origin::Record) -> Vec<String> {
    record.requests.iter().map(|taken| taken.request.target().to_owned()).collect()
}

fn answer(client: &mut Client) -> Message {
    let answers = client.responses(false).expect("an answer");
    answers.into_iter().next_back().expect("one at least")
}

/// CONNECT is refused (row 43), whoever wants it.
#[test]
fn row_57_connect_of_a_rule() {
    let lane = Lane::new(57);
    lane.origins().begin(Vec::new());
    let mut client = lane.connect();
    let answer = client.ask("GET /connect HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(answer.status(), 400, "{answer}");
    drop(client);
    assert!(lane.origins().end().requests.is_empty());
}

/// What follows an upgrade that is refused is the next request, seen by the rules like any other.
#[test]
fn row_61_pipelined_behind_an_upgrade() {
    let lane = Lane::new(61);
    for pieces in PIECES {
        lane.origins().begin(vec![ok("no upgrade"), ok("next")]);
        let mut client = lane.connect();
        send(&mut client, format!("{UPGRADE}{NEXT}").as_bytes(), pieces);
        assert_eq!(answer(&mut client).body, b"no upgrade");
        // Closing instead of going on is as safe.
        match client.responses(false) {
            Ok(next) => assert_eq!(next.last().expect("one").body, b"next"),
            Err(end) => assert_ne!(end, End::Silent),
        }
        drop(client);
        let record = lane.origins().end();
        let reading = read(&record, "row 61");
        assert!(!reading.is_cut);
        let targets = targets(&record);
        assert!(targets == ["/chat"] || targets == ["/chat", "/next"], "{targets:?}");
    }
}

#[test]
fn row_62_upgrade_with_a_body() {
    let lane = Lane::new(62);
    let request = "POST /x HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: own/1\r\n\
                   Content-Length: 5\r\n\r\nhello";
    for pieces in PIECES {
        lane.origins().begin(vec![reply(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: own/1\r\n\r\n",
        )]);
        let mut client = lane.connect();
        send(&mut client, request.as_bytes(), pieces);
        let answer = answer(&mut client);
        // Either it is refused, or it went on without the upgrade, so that 101 is no valid answer;
        // or else the tunnel begins behind the body.
        assert!(matches!(answer.status(), 101 | 400 | 502), "{answer}");
        drop(client);
        let record = lane.origins().end();
        let reading = read(&record, "row 62");
        for request in &reading.requests {
            assert_eq!(request.body, b"hello");
            if answer.status() == 502 {
                assert_eq!(request.value("upgrade"), None);
            }
        }
    }
}

#[test]
fn row_63_h2c() {
    let lane = Lane::new(63);
    for connection in ["Upgrade, HTTP2-Settings", "upgrade", "HTTP2-Settings , Upgrade"] {
        for protocol in ["h2c", "H2C", "h2c, own/1", "own/1, h2c", "h2c,h2"] {
            let request = format!(
                "GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: {connection}\r\n\
                 Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
            );
            let (answer, record) = lane.ask(&request, vec![ok("plain")]);
            assert!(matches!(answer.status(), 200 | 400), "{answer}");
            for request in read(&record, protocol).requests {
                let upgrade = request.value("upgrade").unwrap_or_default().to_ascii_lowercase();
                assert!(!upgrade.contains("h2"), "{protocol}: {request:?}");
                assert_eq!(request.value("http2-settings"), None, "{protocol}");
            }
        }
    }
}

/// Nothing goes on as tunnel bytes before the origin has agreed.
#[test]
fn row_64_early_data() {
    let lane = Lane::new(64);
    let early = "early bytes that are no request\r\n\r\n";
    // Agreed: they arrive, behind the head and whole.
    lane.origins().begin(vec![vec![
        Step::Pause(Duration::from_millis(50)),
        Step::Send(SWITCH.into()),
        Step::Echo,
    ]]);
    let mut client = lane.connect();
    client.send(format!("{UPGRADE}{early}").as_bytes());
    assert_eq!(answer(&mut client).status(), 101);
    assert_eq!(client.wire.take_through(b"\r\n\r\n").as_deref(), Ok(early.as_bytes()));
    drop(client);
    lane.origins().end();
    // Refused: they do not.
    for head in [UPGRADE, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"] {
        lane.origins().begin(vec![vec![
            Step::Pause(Duration::from_millis(50)),
            Step::Send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ]]);
        let mut client = lane.connect();
        client.send(format!("{head}{early}").as_bytes());
        let refusal = answer(&mut client);
        assert!(matches!(refusal.status(), 400..=599), "{refusal}");
        let (rest, end) = client.drain();
        assert_ne!(end, End::Silent);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 "), "{}", latin(&rest));
        for heard in lane.origins().end().heard {
            assert!(!latin(&heard.bytes).contains("early"), "{}", latin(&heard.bytes));
        }
    }
}

/// A rule answers although the body has not come: the body is never taken for a request.
#[test]
fn row_65_answered_with_the_body_unread() {
    let lane = Lane::new(65);
    let body = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let head =
        format!("POST /rule HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n", body.len());
    for pieces in PIECES {
        for late in [false, true] {
            lane.origins().begin(Vec::new());
            let mut client = lane.connect();
            if late {
                send(&mut client, head.as_bytes(), pieces);
                assert_eq!(answer(&mut client).body, b"rule");
                send(&mut client, format!("{body}{NEXT}").as_bytes(), pieces);
            } else {
                send(&mut client, format!("{head}{body}{NEXT}").as_bytes(), pieces);
                assert_eq!(answer(&mut client).body, b"rule");
            }
            let next = client.responses(false);
            drop(client);
            let record = lane.origins().end();
            match next {
                Ok(_) => assert_eq!(targets(&record), ["/next"]),
                Err(end) => {
                    assert_ne!(end, End::Silent);
                    assert!(targets(&record).is_empty(), "{record:?}");
                }
            }
        }
    }
    // The origin answers and leaves the body unread.
    lane.origins().begin(vec![vec![Step::Send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly".to_vec(),
    )]]);
    let mut client = lane.connect();
    client.send(head.replace("/rule", "/origin").as_bytes());
    assert_eq!(answer(&mut client).body, b"early");
    client.send(format!("{body}{NEXT}").as_bytes());
    let next = client.responses(false);
    drop(client);
    let record = lane.origins().end();
    assert!(!targets(&record).contains(&"/smuggled".to_owned()), "{record:?}");
    if let Ok(next) = next {
        assert_eq!(next.last().expect("one").value("x-origin"), Some("origin"));
    }
}

/// A server connection on which a request was not written whole serves no other.
#[test]
fn row_66_early_answer_of_the_origin() {
    let lane = Lane::new(66);
    lane.origins().begin(vec![vec![
        Step::Send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno".to_vec()),
        Step::Hold,
    ]]);
    let mut client = lane.connect();
    client.send(b"POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nbegin");
    assert_eq!(answer(&mut client).status(), 413);
    let mut other = lane.connect();
    assert_eq!(other.ask("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n").status(), 200);
    assert_eq!(other.ask("GET /3 HTTP/1.1\r\nHost: a.example\r\n\r\n").status(), 200);
    drop((client, other));
    let record = lane.origins().end();
    assert_eq!(targets(&record), ["/1", "/2", "/3"]);
    assert_ne!(record.requests[1].connection, record.requests[0].connection);
    assert_ne!(record.requests[2].connection, record.requests[0].connection);
    assert!(!latin(&record.heard[0].bytes).contains("/2"));
}

/// What an origin says without being asked reaches nobody.
#[test]
fn row_67_more_than_the_response() {
    let lane = Lane::new(67);
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
    for late in [false, true] {
        let mut first = vec![Step::Body, Step::Send(good.into())];
        match late {
            true => first.extend([Step::Pause(Duration::from_millis(50)), Step::Send(evil.into())]),
            false => first[1] = Step::Send(format!("{good}{evil}").into()),
        }
        lane.origins().begin(vec![first, ok("next"), ok("next")]);
        let mut client = lane.connect();
        assert_eq!(client.ask("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n").body, b"good");
        if late {
            std::thread::sleep(Duration::from_millis(150)); // for the evil to arrive
        }
        let next = client.ask("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(latin(&next.body), "next");
        let mut other = lane.connect();
        assert_eq!(latin(&other.ask(NEXT).body), "next");
        drop((client, other));
        let record = lane.origins().end();
        assert_ne!(record.requests[0].connection, record.requests[1].connection, "late: {late}");
    }
}

#[test]
fn row_68_interim_responses() {
    let lane = Lane::new(68);
    let request = "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n";
    // A storm of them ends.
    let storm = "HTTP/1.1 102 Processing\r\n\r\n".repeat(5000);
    lane.origins()
        .begin(vec![reply(format!("{storm}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))]);
    let mut client = lane.connect();
    client.send(request.as_bytes());
    let (said, end) = client.drain();
    assert_ne!(end, End::Silent);
    let interim = latin(&said).matches("HTTP/1.1 102").count();
    assert!(interim < 1000, "{interim} interim responses went through");
    assert!(!latin(&said).contains("HTTP/1.1 200"), "the storm went through");
    lane.origins().end();
    // 101 that nobody asked for.
    let (answer, _) = lane.ask(request, vec![reply(SWITCH)]);
    assert_eq!(answer.status(), 502, "{answer}");
    // 100 behind the final response is a response to nothing.
    let late = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 100 Continue\r\n\r\n";
    lane.origins().begin(vec![reply(late)]);
    let mut client = lane.connect();
    assert_eq!(client.ask(request).body, b"ok");
    assert_eq!(client.ask(NEXT).value("x-origin"), Some("origin"));
    drop(client);
    let record = lane.origins().end();
    assert_ne!(record.requests[0].connection, record.requests[1].connection);
    rules_make_no_interim_response(&lane);
}

/// A rule neither makes an interim response of a final one nor hides that the server changed the
/// protocol, and what was not asked of the server is no answer of its.
fn rules_make_no_interim_response(lane: &Lane) {
    for path in ["/100", "/101"] {
        let (answer, _) =
            lane.ask(&format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n"), vec![ok("x")]);
        assert_eq!(answer.status(), 502, "{path}: {answer}");
    }
    let (answer, _) = lane.ask(&UPGRADE.replace("/chat", "/no-upgrade"), vec![reply(SWITCH)]);
    assert_eq!(answer.status(), 502, "{answer}");
    let mut client = lane.connect();
    client.send(b"GET /own HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.drain(), (Vec::new(), End::Finished));
    // The server speaks another protocol from here on, whatever the client is told.
    lane.origins().begin(vec![reply(SWITCH), ok("next")]);
    let mut client = lane.connect();
    assert_eq!(client.ask(&UPGRADE.replace("/chat", "/200")).status(), 200);
    let mut other = lane.connect();
    assert_eq!(other.ask(NEXT).body, b"next");
    drop((client, other));
    let record = lane.origins().end();
    assert_ne!(record.requests[0].connection, record.requests[1].connection);
}

#[test]
fn row_69_expectations() {
    let lane = Lane::new(69);
    let head = |expect: &str| {
        format!(
            "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: {expect}\r\n\r\n"
        )
    };
    // With the body at once, with it later, in any case of letters: one request, whole.
    for expect in ["100-continue", "100-Continue"] {
        for wait in [false, true] {
            lane.origins().begin(vec![vec![
                Step::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
                Step::Body,
                Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()),
            ]]);
            let mut client = lane.connect();
            client.send(head(expect).as_bytes());
            if wait {
                assert_eq!(client.response(false).expect("100").status(), 100);
            }
            client.send(b"hello");
            assert_eq!(answer(&mut client).body, b"ok");
            drop(client);
            let record = lane.origins().end();
            let reading = read(&record, expect);
            assert_eq!((reading.requests.len(), &reading.requests[0].body[..]), (1, &b"hello"[..]));
        }
    }
    // An origin that never says 100 and waits for the body, a client that sends it at last.
    lane.origins().begin(vec![ok("done")]);
    let mut client = lane.connect();
    client.send(head("100-continue").as_bytes());
    std::thread::sleep(Duration::from_millis(50));
    client.send(b"hello");
    assert_eq!(answer(&mut client).body, b"done");
    drop(client);
    lane.origins().end();
    // Others are refused, or passed on as they are and in nobody's way.
    for expect in ["y", "200-ok", "100-continue, y", "y 100-continue", "100-continuee", ""] {
        for pieces in PIECES {
            lane.origins().begin(Vec::new());
            let mut client = lane.connect();
            send(&mut client, format!("{}hello", head(expect)).as_bytes(), pieces);
            let status = answer(&mut client).status();
            assert!(matches!(status, 200 | 400 | 417), "{expect}: {status}");
            drop(client);
            let reading = read(&lane.origins().end(), expect);
            assert_eq!(reading.requests.len(), usize::from(status == 200), "{expect}");
        }
    }
}

#[test]
fn row_70_behind_close() {
    let lane = Lane::new(70);
    let first = "GET /1 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    for pieces in [Pieces::Whole, Pieces::Bytes] {
        lane.origins().begin(Vec::new());
        let mut client = lane.connect();
        send(&mut client, format!("{first}{NEXT}{NEXT}").as_bytes(), pieces);
        let answer = answer(&mut client);
        assert_eq!((answer.status(), answer.value("connection")), (200, Some("close")));
        assert_closed(&mut client, "row 70");
        assert_eq!(targets(&lane.origins().end()), ["/1"]);
    }
}

/// What a client lists in Connection goes before our own fields are added, and some cannot be listed.
#[test]
fn row_71_our_fields_in_connection() {
    let lane = Lane::new(71);
    for listed in [
        "X-Forwarded-For",
        "x-forwarded-for, X-Ours",
        "close, X-Ours",
        "X-Ours",
        "Host",
        "Content-Length",
        "Cookie",
    ] {
        let request = format!(
            "POST /x HTTP/1.1\r\nHost: a.example\r\nConnection: {listed}\r\nCookie: a=1\r\n\
             X-Forwarded-For: 192.0.2.1\r\nContent-Length: 5\r\n\r\nhello"
        );
        let (answer, record) = lane.ask(&request, vec![]);
        assert!(matches!(answer.status(), 200 | 400), "{listed}: {answer}");
        for request in read(&record, listed).requests {
            let forwarded: Vec<_> =
                request.fields.iter().filter(|field| field.0 == "x-forwarded-for").collect();
            assert_eq!(forwarded.last().expect("ours").1, "127.0.0.1", "{listed}");
            assert_eq!(request.value("x-ours"), Some("yes"), "{listed}");
            assert_eq!(request.value("host"), Some("a.example"), "{listed}");
            assert_eq!(request.body, b"hello", "{listed}");
            let connection = request.value("connection").unwrap_or_default().to_ascii_lowercase();
            assert!(!connection.contains("x-"), "{listed}: {connection}");
        }
    }
}

/// Rules see every request of a connection.
#[test]
fn row_72_rules_for_each_request() {
    let lane = Lane::new(72);
    for pieces in PIECES {
        lane.origins().begin(Vec::new());
        let mut client = lane.connect();
        let all = "GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\nGET /admin HTTP/1.1\r\n\
                   Host: a.example\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a.example\r\n\
                   Content-Length: 3\r\n\r\nabcGET /admin/x HTTP/1.1\r\nHost: a.example\r\n\r\n";
        send(&mut client, all.as_bytes(), pieces);
        let statuses: Vec<u16> = (0..4).map(|_| answer(&mut client).status()).collect();
        assert_eq!(statuses, [200, 403, 200, 403]);
        drop(client);
        assert_eq!(targets(&lane.origins().end()), ["/1", "/2"]);
    }
}

#[test]
fn row_73_responses_that_are_ambiguous() {
    let lane = Lane::new(73);
    let bad: &[&str] = &[
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "HTTP/1.1 200 OK\r\nX-A: 1\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX-A: 1\0\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "<html>a page of HTTP/0.9</html>\r\n\r\n",
    ];
    for response in bad {
        let mut steps = reply(response);
        steps.push(Step::Hold);
        let (answer, record) = lane.ask("GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n", vec![steps]);
        assert_eq!(answer.status(), 502, "{response:?}: {answer}");
        assert!(record.heard[0].end.is_some(), "{response:?}");
    }
    // Without a length the response ends with the connection, and the client's ends, too.
    let mut steps =
        reply("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    steps.push(Step::Close);
    lane.origins().begin(vec![steps]);
    let mut client = lane.connect();
    let answer = client.ask("GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(latin(&answer.body), "HTTP/1.1 200 OK\r\n\r\n");
    assert_closed(&mut client, "row 73");
    lane.origins().end();
}

/// Control bytes that a rule decodes never become lines.
#[test]
fn row_74_injection_by_rules() {
    let lane = Lane::new(74);
    for query in [
        "v=a%0d%0aX-Injected:%20yes",
        "v=a%0aX-Injected:%20yes",
        "v=a%0d",
        "v=a%00b",
        "p=/x%20HTTP/1.1%0d%0aX-Injected:%20yes%0d%0a%0d%0a",
        "p=/x%0d%0aX-Injected:yes",
        "p=/x%20y",
    ] {
        let request = format!("GET /x?{query} HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let (answer, record) = lane.ask(&request, vec![]);
        assert!(matches!(answer.status(), 200 | 400 | 500), "{query}: {answer}");
        let reading = read(&record, query);
        assert_eq!(reading.requests.len(), usize::from(answer.status() == 200), "{query}");
        for request in reading.requests {
            assert_eq!(request.value("x-injected"), None, "{query}");
        }
    }
}

/// Which of several values a fetch means, as in HAProxy: a condition any of them, a fetch the last,
/// with a number that one, `req.fhdr` whole lines.
#[test]
fn row_75_several_values() {
    let lane = Lane::new(75);
    for pieces in PIECES {
        lane.origins().begin(Vec::new());
        let mut client = lane.connect();
        let request = lines(&[
            "GET /x HTTP/1.1",
            "Host: a.example",
            "X-Role: admin, user",
            "X-Role: guest",
            "",
        ]);
        send(&mut client, &request, pieces);
        assert_eq!(answer(&mut client).status(), 200);
        drop(client);
        let reading = read(&lane.origins().end(), "row 75");
        let request = &reading.requests[0];
        let values =
            ["x-any", "x-last", "x-first", "x-whole", "x-number"].map(|name| request.value(name));
        assert_eq!(values, [Some("yes"), Some("guest"), Some("admin"), Some("guest"), Some("3")]);
    }
}

/// Rules see the path that the origin gets, byte for byte.
#[test]
fn row_76_paths() {
    let lane = Lane::new(76);
    for path in [
        "//admin",
        "/./admin",
        "/x/../admin",
        "/%61dmin",
        "/x%2f..%2fadmin",
        "/admin",
        "/admin;x=1",
        "/x;/../admin",
        "/%2e/admin",
        "/%c0%ae%c0%ae/admin",
        "/x%00/admin",
        "/%5cadmin",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let (answer, record) = lane.ask(&request, vec![]);
        let reading = read(&record, path);
        match answer.status() {
            200 => {
                assert!(!path.starts_with("/admin"), "{path}");
                assert_eq!(reading.requests[0].target, path);
                assert_eq!(reading.requests[0].value("x-path"), Some(path));
            }
            status => assert!(matches!(status, 400 | 403) && reading.requests.is_empty(), "{path}"),
        }
    }
}
