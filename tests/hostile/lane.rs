//! One process for all tests; each row has a port and an origin of its own in it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::end_to_end::client::Client;
use super::end_to_end::escape;
use super::end_to_end::message::Message;
use super::end_to_end::origin::{Origins, Record, Reply};
use super::end_to_end::proxy::{Folder, Program, Proxy};
use super::end_to_end::strict::{self, Reading, Request};
use super::end_to_end::wire::End;
use super::end_to_end::{free_ports, loopback};

/// Rows that have a lane.
const ROWS: std::ops::RangeInclusive<u32> = 1..=76;

/// Lines that a row's `listen` section has besides.
const RULES: &[(u32, &str)] = &[
    (
        8,
        "http-request set-var(txn.path) path\n    \
         http-request set-method GET if { path /as-get }\n    \
         http-request set-method HEAD if { path /as-head }\n    \
         http-response set-status 204 if { var(txn.path) -m str /204 }\n    \
         http-response set-status 304 if { var(txn.path) -m str /304 }",
    ),
    (57, "http-request set-method CONNECT if { path /connect }"),
    (65, "http-request return status 200 content-type text/plain string rule if { path /rule }"),
    (
        68,
        "http-request set-var(txn.path) path\n    \
         http-request del-header Upgrade if { path /no-upgrade }\n    \
         http-request return status 200 if { path /own }\n    \
         http-response set-status 100 if { var(txn.path) -m str /100 }\n    \
         http-response set-status 101 if { var(txn.path) -m str /101 }\n    \
         http-response set-status 200 if { var(txn.path) -m str /200 }\n    \
         http-after-response set-status 101 if { var(txn.path) -m str /own }",
    ),
    (71, "option forwardfor\n    http-request set-header X-Ours yes"),
    (72, "http-request deny if { path_beg /admin }"),
    (
        74,
        "http-request set-header X-Value %[url_param(v),url_dec]\n    \
          http-request set-path %[url_param(p),url_dec] if { url_param(p) -m found }",
    ),
    (
        75,
        "http-request set-header X-Any yes if { req.hdr(x-role) admin }\n    \
          http-request set-header X-Last %[req.hdr(x-role)]\n    \
          http-request set-header X-First %[req.hdr(x-role,1)]\n    \
          http-request set-header X-Whole %[req.fhdr(x-role)]\n    \
          http-request set-header X-Number %[req.hdr_cnt(x-role)]",
    ),
    (76, "http-request deny if { path_beg /admin }\n    http-request set-header X-Path %[path]"),
];

/// What is sent in front of a payload.
const GOOD: &[u8] = b"GET /good HTTP/1.1\r\nHost: good.example\r\n\r\n";

/// The process with its origins.
struct Site {
    // Before the origins: it goes first.
    _proxy: Proxy,
    lanes: BTreeMap<u32, (u16, Origins)>,
}

fn site() -> Arc<Site> {
    static SITE: Mutex<Weak<Site>> = Mutex::new(Weak::new());
    let mut shared = SITE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(site) = shared.upgrade() {
        return site;
    }
    let site = Arc::new(Site::start());
    *shared = Arc::downgrade(&site);
    site
}

impl Site {
    fn start() -> Site {
        let mut text = String::from(
            "defaults\n    mode http\n    timeout connect 10s\n    timeout client 15s\n    \
             timeout server 15s\n    timeout http-request 15s\n    timeout tunnel 15s\n",
        );
        let mut lanes = BTreeMap::new();
        for (row, port) in ROWS.zip(free_ports(ROWS.count())) {
            let origins = Origins::start(&["origin"]);
            let server = origins.port("origin");
            let _ = writeln!(text, "listen row_{row}\n    bind 127.0.0.1:{port}");
            for (_, rules) in RULES.iter().filter(|rules| rules.0 == row) {
                let _ = writeln!(text, "    {rules}");
            }
            let _ = writeln!(text, "    server origin 127.0.0.1:{server}");
            lanes.insert(row, (port, origins));
        }
        let ready: Vec<_> = lanes.values().map(|lane| loopback(lane.0)).collect();
        let proxy = Proxy::start(&Program::koi(), Folder::new("hostile"), &text, &ready);
        Site { _proxy: proxy, lanes }
    }
}

/// A row's port and origin.
pub struct Lane {
    site: Arc<Site>,
    row: u32,
}

/// How a payload is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    Whole,
    Bytes,
}

/// Both.
pub const PIECES: [Pieces; 2] = [Pieces::Whole, Pieces::Bytes];

impl Lane {
    pub fn new(row: u32) -> Lane {
        Lane { site: site(), row }
    }

    pub fn origins(&self) -> &Origins {
        &self.site.lanes[&self.row].1
    }

    pub fn connect(&self) -> Client {
        Client::connect(loopback(self.site.lanes[&self.row].0))
    }

    /// The head is refused with one of these statuses; nothing of it reaches the origin.
    pub fn refuses(&self, payload: impl AsRef<[u8]>, statuses: &[u16]) {
        let payload = payload.as_ref();
        for pieces in PIECES {
            let said = format!("row {}, {pieces:?}: {}", self.row, escape::show(payload));
            let (answer, reading) = self.send(payload, pieces, &said);
            assert!(statuses.contains(&answer.status()), "{said}: {answer}");
            assert_eq!(reading, Reading::default(), "{said}: it reached the origin");
            self.refuses_behind_a_good_one(payload, pieces, statuses, &said);
        }
    }

    fn refuses_behind_a_good_one(
        &self,
        payload: &[u8],
        pieces: Pieces,
        statuses: &[u16],
        said: &str,
    ) {
        self.origins().begin(Vec::new());
        let mut client = self.connect();
        send(&mut client, &[GOOD, payload].concat(), pieces);
        let good = client.responses(false).unwrap_or_else(|end| panic!("{said}: behind: {end:?}"));
        assert_eq!(good.len(), 1, "{said}");
        assert_eq!(good[0].status(), 200, "{said}: {}", good[0]);
        let answer = final_answer(&mut client, said);
        assert!(statuses.contains(&answer.status()), "{said}: behind a good one: {answer}");
        assert_closed(&mut client, said);
        let reading = read(&self.origins().end(), said);
        let targets: Vec<&str> = reading.requests.iter().map(|it| it.target.as_str()).collect();
        assert_eq!((targets, reading.is_cut), (vec!["/good"], false), "{said}");
    }

    /// The body is refused: the client is told by one of these statuses or by the close, and the
    /// origin never gets a whole request.
    pub fn refuses_body(&self, payload: impl AsRef<[u8]>, statuses: &[u16]) {
        let payload = payload.as_ref();
        for pieces in PIECES {
            let said = format!("row {}, {pieces:?}: {}", self.row, escape::show(payload));
            let (answer, reading) = self.send(payload, pieces, &said);
            assert!(statuses.contains(&answer.status()), "{said}: {answer}");
            assert_eq!(reading.requests, [], "{said}: it reached the origin whole");
        }
    }

    /// Sends a payload, wants an answer and the close, and says what reached the origin.
    fn send(&self, payload: &[u8], pieces: Pieces, said: &str) -> (Message, Reading) {
        self.origins().begin(Vec::new());
        let mut client = self.connect();
        send(&mut client, payload, pieces);
        let answer = final_answer(&mut client, said);
        assert_closed(&mut client, said);
        (answer, read(&self.origins().end(), said))
    }

    /// Each message of the payload is answered by a 200, and the origin gets exactly these: method,
    /// target, body. What it got is given back, for each way of sending.
    pub fn accepts(
        &self,
        payload: impl AsRef<[u8]>,
        expected: &[(&str, &str, &str)],
    ) -> Vec<Vec<Request>> {
        let payload = payload.as_ref();
        PIECES.map(|pieces| self.accepts_in(payload, pieces, expected)).to_vec()
    }

    fn accepts_in(
        &self,
        payload: &[u8],
        pieces: Pieces,
        expected: &[(&str, &str, &str)],
    ) -> Vec<Request> {
        let said = format!("row {}, {pieces:?}: {}", self.row, escape::show(payload));
        self.origins().begin(Vec::new());
        let mut client = self.connect();
        send(&mut client, payload, pieces);
        for (method, ..) in expected {
            let answers = client.responses(*method == "HEAD");
            let answers = answers.unwrap_or_else(|end| panic!("{said}: {end:?}"));
            let last = answers.last().expect("one at least");
            assert_eq!(last.status(), 200, "{said}: {last}");
        }
        drop(client);
        let reading = read(&self.origins().end(), &said);
        let got: Vec<_> = reading
            .requests
            .iter()
            .map(|it| (it.method.clone(), it.target.clone(), latin(&it.body)))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(method, target, body)| (method.to_owned(), target.to_owned(), body.to_owned()))
            .collect();
        assert_eq!((got, reading.is_cut), (expected, false), "{said}");
        reading.requests
    }

    /// One request with this reply of the origin: what the client gets, and what reached the origin.
    pub fn ask(&self, request: &str, replies: Vec<Reply>) -> (Message, Record) {
        self.origins().begin(replies);
        let mut client = self.connect();
        let answer = client.ask(request);
        drop(client);
        (answer, self.origins().end())
    }
}

pub fn send(client: &mut Client, payload: &[u8], pieces: Pieces) {
    match pieces {
        Pieces::Whole => client.send(payload),
        Pieces::Bytes => client.send_byte_by_byte(payload),
    }
}

/// The final answer; 100 Continue in front of it is no fault.
fn final_answer(client: &mut Client, said: &str) -> Message {
    let answers =
        client.responses(false).unwrap_or_else(|end| panic!("{said}: no answer: {end:?}"));
    answers.into_iter().next_back().expect("one at least")
}

/// Nothing more comes but the end.
pub fn assert_closed(client: &mut Client, said: &str) {
    let (rest, end) = client.drain();
    assert_ne!(end, End::Silent, "{said}: the connection is not closed");
    assert!(rest.is_empty(), "{said}: more came: {}", escape::show(&rest));
}

/// Everything that reached the origin, read strictly.
pub fn read(record: &Record, said: &str) -> Reading {
    assert_eq!(record.clinging, 0, "{said}: a server connection was not closed");
    let mut all = Reading::default();
    for heard in &record.heard {
        let reading = strict::read(&heard.bytes)
            .unwrap_or_else(|why| panic!("{said}: {why}: {}", escape::show(&heard.bytes)));
        all.requests.extend(reading.requests);
        all.is_cut |= reading.is_cut;
    }
    all
}

pub fn latin(bytes: &[u8]) -> String {
    super::end_to_end::message::latin(bytes)
}

/// A request to refuse or accept: lines with CRLF behind each.
pub fn lines(lines: &[&str]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    text.into_bytes()
}

/// A POST with these framing fields, and what follows the head.
pub fn post(fields: &[&[u8]], rest: &[u8]) -> Vec<u8> {
    let mut out = b"POST /post HTTP/1.1\r\nHost: a.example\r\n".to_vec();
    for field in fields {
        out.extend_from_slice(field);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(rest);
    out
}
