//! Statistics as an operator sees them: the page that the first file asks for, figures after known
//! requests, CSV and JSON beside HAProxy's, metrics, and who may change what.
//!
//! `KOI_HAPROXY` names an HAProxy 3.0; where there is none, what is compared with it is skipped, which
//! is said.

mod end_to_end;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use end_to_end::client::Client;
use end_to_end::message::Message;
use end_to_end::origin::{Origins, ok};
use end_to_end::proxy::{Folder, Program, Proxy};
use end_to_end::{free_ports, loopback};

/// `haproxy:very-secure-password`.
const RIGHT: &str = "Authorization: Basic aGFwcm94eTp2ZXJ5LXNlY3VyZS1wYXNzd29yZA==\r\n";
/// `haproxy:x`.
const WRONG: &str = "Authorization: Basic aGFwcm94eTp4\r\n";

/// The `defaults` of the file that Koi starts from.
const SEED: &str = "defaults\nstats enable\nstats uri /report\nstats refresh 30s\n\
                    stats auth haproxy:very-secure-password\ntimeout connect 5s\ntimeout client 30s\n\
                    timeout server 30s\nretries 3\ndefault-server inter 3s rise 2 fall 3\n";

/// A proxy with the seed's statistics, a frontend, and a backend of these servers.
struct Stage {
    _proxy: Proxy,
    port: u16,
    origins: Origins,
}

impl Stage {
    fn new(program: &Program, defaults: &str, front: &str, back: &str) -> Stage {
        let origins = Origins::start(&["one"]);
        let port = free_ports(1)[0];
        let one = loopback(origins.port("one"));
        let text = format!(
            "{defaults}frontend front\nmode http\nbind 127.0.0.1:{port}\n{front}\n\
             default_backend back\nbackend back\nmode http\nserver one {one}\n{back}\n"
        );
        let proxy = Proxy::start(program, Folder::new("statistics"), &text, &[loopback(port)]);
        Stage { _proxy: proxy, port, origins }
    }

    fn koi(front: &str, back: &str) -> Stage {
        Stage::new(&Program::koi(), SEED, front, back)
    }

    /// Answers to so many requests.
    fn serve(&self, requests: usize) {
        self.origins.begin((0..requests).map(|_| ok("hello")).collect());
        let mut client = Client::connect(loopback(self.port));
        for _ in 0..requests {
            assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
        }
    }

    fn ask(&self, request: &str) -> Message {
        Client::connect(loopback(self.port)).ask(request)
    }

    fn get(&self, target: &str) -> Message {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n{RIGHT}\r\n"))
    }

    fn text(&self, target: &str) -> String {
        let answer = self.get(target);
        assert_eq!(answer.status(), 200, "{target}");
        String::from_utf8(answer.body).expect("text")
    }

    /// Rows of the CSV by proxy and part, until they are as wanted.
    fn rows_once(&self, is_so: impl Fn(&Rows) -> bool) -> Rows {
        let start = Instant::now();
        loop {
            let rows = rows(&self.text("/report;csv"));
            if is_so(&rows) {
                return rows;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{rows:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

type Rows = BTreeMap<String, BTreeMap<String, String>>;

/// CSV without quotes: by `proxy/part`, then by column.
fn rows(csv: &str) -> Rows {
    let mut lines = csv.lines().filter(|line| !line.is_empty());
    let header = lines.next().and_then(|line| line.strip_prefix("# ")).expect("a header");
    let names: Vec<&str> = header.split(',').collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), names.len(), "{line}");
        let cells =
            names.iter().zip(&cells).map(|(name, cell)| (name.to_string(), cell.to_string()));
        (line.split(',').take(2).collect::<Vec<_>>().join("/"), cells.collect())
    };
    lines.map(row).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> u64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {:?}", row[column]))
}

#[test]
fn the_page_asks_for_its_password() {
    let stage = Stage::koi("", "");
    for credentials in ["", WRONG] {
        let answer = stage.ask(&format!("GET /report HTTP/1.1\r\nHost: a\r\n{credentials}\r\n"));
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.value("www-authenticate"), Some("Basic realm=\"HAProxy Statistics\""));
    }
    assert_eq!(stage.get("/report").status(), 200);
    assert_eq!(
        stage.ask(&format!("HEAD /report HTTP/1.1\r\nHost: a\r\n{RIGHT}\r\n")).status(),
        200
    );
}

#[test]
fn figures_are_true_after_known_requests() {
    let stage = Stage::koi("option socket-stats", "");
    stage.serve(5);
    let rows = stage.rows_once(|rows| rows["back/BACKEND"]["req_tot"] == "5");
    for part in ["back/one", "back/BACKEND"] {
        let row = &rows[part];
        let seen = ["stot", "hrsp_2xx", "hrsp_5xx", "scur", "econ"].map(|name| &*row[name]);
        assert_eq!(seen, ["5", "5", "0", "0", "0"], "{part}");
        assert_eq!(row["lbtot"], "5", "{part}");
    }
    // One connection carried all of them, as HAProxy counts it.
    let back = &rows["back/BACKEND"];
    assert_eq!((&*back["connect"], &*back["reuse"]), ("1", "4"));
    assert_eq!(back["bin"], (5 * "GET / HTTP/1.1\r\nHost: a\r\n\r\n".len()).to_string());
    let front = &rows["front/FRONTEND"];
    assert_eq!(rows["front/sock-1"]["stot"], front["stot"]);
    let before = number(front, "hrsp_4xx");
    stage.ask("GET /report HTTP/1.1\r\nHost: a\r\n\r\n");
    let rows = stage.rows_once(|rows| number(&rows["front/FRONTEND"], "hrsp_4xx") == before + 1);
    assert!(number(&rows["front/FRONTEND"], "intercepted") >= 2);
}

#[test]
fn refusals_are_counted() {
    let stage = Stage::koi("http-request deny if { path /no }", "");
    // The connection that found out whether the proxy was there brought no request.
    let before = stage.rows_once(|rows| number(&rows["front/FRONTEND"], "ereq") == 1);
    assert_eq!(number(&before["front/FRONTEND"], "dreq"), 0);
    let faults = |rows: &Rows| ["dreq", "ereq"].map(|name| number(&rows["front/FRONTEND"], name));
    stage.ask("GET /no HTTP/1.1\r\nHost: a\r\n\r\n");
    stage.rows_once(|rows| faults(rows) == [1, 1]);
    let mut client = Client::connect(loopback(stage.port));
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert_eq!(client.response(false).expect("an answer").status(), 400);
    stage.rows_once(|rows| faults(rows) == [1, 2]);
}

#[test]
fn json_and_typed_text_say_the_same() {
    let stage = Stage::koi("", "");
    let json: serde_json::Value = serde_json::from_str(&stage.text("/report;json")).expect("JSON");
    let rows = json.as_array().expect("an array");
    assert_eq!(rows.len(), 3);
    let first = &rows[0][0];
    assert_eq!(first["objType"], "Frontend");
    assert_eq!(first["field"]["name"], "pxname");
    assert_eq!(first["value"]["value"], "front");
    let typed = stage.text("/report;typed");
    assert!(typed.contains("F.1.0.0.pxname.1:KNS:str:front\n"), "{typed}");
    assert!(typed.contains("S.2.1.17.status.1:SGP:str:no check\n"), "{typed}");
}
