//! Hashes lead to the servers that HAProxy takes.

use super::beside::{servers, sides};
use std::fmt::Write;

const FOUR: &str = "server 1 127.0.0.1:@origin@ weight 2\nserver 2 127.0.0.2:@origin@ weight 1\n\
                    server 3 127.0.0.3:@origin@ weight 4\nserver 4 127.0.0.4:@origin@ weight 1 id 77\n";

fn configuration(backends: &[String]) -> String {
    let mut text = String::from(
        "global\nnbthread 1\nmaxconn 500\ndefaults\nmode http\ntimeout connect 5s\n\
         timeout client 60s\ntimeout server 60s\n\
         frontend f\nbind 127.0.0.1:@port@\nhttp-after-response set-header x-srv %[srv_name]\n\
         use_backend %[req.hdr(x-be)]\n",
    );
    for (number, lines) in backends.iter().enumerate() {
        writeln!(text, "backend b{number}\n{lines}").expect("a text");
    }
    text
}

fn requests(backend: usize) -> Vec<String> {
    let one = |number: usize| {
        let random = number * 7919 % 10_007;
        let (mut fields, target) = (
            String::new(),
            match number % 5 {
                0 => format!("/a/b{random}/c?id={random}"),
                1 => format!("/{random}/x/y/z?x=1&id={number}&id=9"),
                2 => format!("/img/{random}.png"),
                3 => format!("http://h{random}.example/a{number}?q={random}"),
                _ => format!("/p?other={random}&id="),
            },
        );
        let host = match number % 4 {
            _ if number % 5 == 3 => format!("h{random}.example"),
            0 => format!("www.example{random}.net"),
            1 => format!("a{random}.b.c:8080"),
            2 => format!("single{random}"),
            _ => format!("example{random}.net"),
        };
        if !number.is_multiple_of(3) {
            fields = format!("X-Key: k{random}, second\r\nX-Number: {}\r\n", random * 1_000_003);
        }
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Be: b{backend}\r\n{fields}\r\n")
    };
    (0..40).map(one).collect()
}

#[test]
fn the_same_request_goes_to_the_same_server() {
    let keys = [
        "uri",
        "uri whole",
        "uri len 6",
        "uri depth 2",
        "uri path-only whole",
        "url_param id",
        "hdr(x-key)",
        "hdr(host) use_domain_only",
        "hdr(x-none)",
        "hash req.hdr(x-key),lower",
        "hash req.hdr(x-number)",
        "hash src",
        "hash path,length",
        "source",
    ];
    let types = [
        "",
        "hash-type map-based djb2",
        "hash-type map-based wt6 avalanche",
        "hash-type map-based crc32",
        "hash-type map-based none",
        "hash-type consistent",
        "hash-type consistent sdbm avalanche",
        "hash-type consistent djb2",
        "hash-type consistent none avalanche",
        "hash-type consistent crc32 avalanche",
    ];
    let mut backends = Vec::new();
    for key in keys {
        backends.extend(types.map(|kind| format!("balance {key}\n{kind}\n{FOUR}")));
    }
    for by in ["id", "addr", "addr-port"] {
        let kind = "hash-type consistent wt6 avalanche";
        backends.push(format!("balance uri\n{kind}\ndefault-server hash-key {by}\n{FOUR}"));
    }
    let backup = FOUR.replace("weight 4", "backup").replace("weight 1", "disabled");
    backends.push(format!("balance uri\nhash-type consistent\n{backup}"));
    backends.push(format!("balance uri\n{backup}"));
    let mut sides = sides(&configuration(&backends));
    let mut spread = 0;
    let mut faults = String::new();
    for (number, lines) in backends.iter().enumerate() {
        let requests = requests(number);
        let taken: Vec<String> =
            sides.iter().map(|side| servers(&mut side.client(), &requests)).collect();
        assert!(!taken[0].contains("503"), "{lines}: {}", taken[0]);
        spread += usize::from("1234".chars().all(|it| taken[0].contains(it)));
        if let Some(theirs) = taken.get(1)
            && *theirs != taken[0]
        {
            let _ = writeln!(faults, "{lines}koi     {}\nhaproxy {theirs}\n", taken[0]);
        }
    }
    println!("{} backends, {spread} of them with all four servers", backends.len());
    assert!(spread > backends.len() / 2);
    assert!(faults.is_empty(), "{faults}");
    sides.iter_mut().for_each(super::beside::Side::assert_well);
}

#[test]
fn a_server_with_more_than_its_share_is_passed_over() {
    let backends = [
        format!("balance uri\nhash-type consistent\nhash-balance-factor 125\n{FOUR}"),
        format!("balance uri\nhash-type consistent\nhash-balance-factor 150\n{FOUR}"),
    ];
    for (number, lines) in backends.iter().enumerate() {
        let sides = sides(&configuration(&backends));
        let taken = sides.iter().map(|side| {
            let mut held = Vec::new();
            let mut all = String::new();
            for _ in 0..24 {
                let mut client = side.client();
                let request = format!("GET /hold HTTP/1.1\r\nHost: h\r\nX-Be: b{number}\r\n\r\n");
                client.send(request.as_bytes());
                let head = super::end_to_end::message::read_head(&mut client.wire).expect("a head");
                let head = super::end_to_end::message::Message::from_head(&head);
                all += head.value("x-srv").expect("the server's name");
                held.push(client);
            }
            all
        });
        let taken: Vec<String> = taken.collect();
        println!("{taken:?}");
        assert!(taken[0].chars().any(|it| it != taken[0].chars().next().expect("one")), "{lines}");
        if let Some(theirs) = taken.get(1) {
            assert_eq!(taken[0], *theirs, "{lines}");
        }
    }
}
