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

#[test]
fn the_page_shows_what_there_is_and_escapes_it() {
    let stage = Stage::koi(
        "description \"<script>alert(1)</script> & 'more'\"",
        "server two 127.0.0.1:9 disabled weight 7\nstats show-legends\nstats enable",
    );
    stage.serve(2);
    let answer = stage.get("/report");
    let policy = answer.value("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"));
    let page = String::from_utf8(answer.body).expect("text");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "{page}");
    assert!(page.contains("data-refresh=\"30\""), "{page}");
    assert!(page.contains("<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;more&#39;"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("onclick"), "{page}");
    assert!(page.contains("<b aria-hidden=\"true\">■</b> <span>MAINT</span>"), "{page}");
    assert!(!page.contains("type=\"checkbox\""), "nobody may change anything");
    assert!(!stage.text("/report;norefresh").contains("http-equiv"));
    for (file, kind) in [("style.css", "text/css"), ("script.js", "text/javascript")] {
        let answer = stage.get(&format!("/report;{file};v=1"));
        assert!(answer.value("content-type").expect("a type").starts_with(kind));
        assert!(answer.body.len() > 1000);
    }
    let json: serde_json::Value =
        serde_json::from_str(&stage.text("/report;figures")).expect("JSON");
    for row in json["rows"].as_array().expect("rows") {
        let id = row[0].as_str().expect("an id");
        assert!(page.contains(&format!("<tr id=\"{id}\"")), "{id}");
    }
}

#[test]
fn scope_version_node_and_description() {
    let own = "stats enable\nstats uri /mine\nstats scope back\nstats hide-version\n\
               stats show-node here\nstats show-desc what <it> is";
    let stage = Stage::new(&Program::koi(), "defaults\ntimeout connect 5s\n", own, "");
    let page = stage.text("/mine");
    assert!(page.contains("data-name=\"back\"") && !page.contains("data-name=\"front\""), "{page}");
    assert!(page.contains("<h1>Koi  · here</h1><p>what &lt;it&gt; is</p>"), "{page}");
    assert!(!page.contains(env!("CARGO_PKG_VERSION")), "{page}");
    let csv = stage.text("/mine;csv");
    assert!(csv.contains("\nback,BACKEND") && !csv.contains("\nfront,"), "{csv}");
    assert!(!stage.text("/mine;csv;scope=xyz").contains("BACKEND"));
}

#[test]
fn the_pages_rules_decide_who_sees_it() {
    let own = "stats enable\nstats uri /mine\nstats http-request deny if { hdr(x-no) 1 }\n\
               stats http-request auth realm them unless { http_auth(them) }";
    // `$6$`: the password is `pw`.
    let hash = "$6$saltsalt$pauPrmdmG4BTE9h2HPmywiw152IFch6BJCEsaY6D.PLTfpV8sqvXwWdyfsgVgozkYH9B80bAip/08R2BPH2xk/";
    let defaults =
        format!("userlist them\nuser joe password {hash}\ndefaults\ntimeout connect 5s\n");
    let stage = Stage::new(&Program::koi(), &defaults, own, "");
    let ask = |fields: &str| stage.ask(&format!("GET /mine HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let answer = ask("");
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.value("www-authenticate"), Some("Basic realm=\"them\""));
    assert_eq!(ask("Authorization: Basic am9lOnB3\r\nX-No: 1\r\n").status(), 403);
    assert_eq!(ask("Authorization: Basic am9lOnB3\r\n").status(), 200);
    assert_eq!(ask("Authorization: Basic am9lOnBX\r\n").status(), 401);
}

/// Which requests get the page is what HAProxy says.
#[test]
fn the_page_is_where_its_uri_says() {
    let own = "stats enable\nstats uri /report";
    let statuses = |program: &Program| {
        let defaults = "defaults\ntimeout connect 5s\ntimeout server 5s\ntimeout client 30s\n";
        let stage = Stage::new(program, defaults, own, "http-request return status 404");
        let mut all = Vec::new();
        for method in ["GET", "POST", "HEAD", "PUT", "OPTIONS"] {
            for target in [
                "/report",
                "/report;csv",
                "/report?x",
                "/report/",
                "/reporting",
                "/report.html",
                "/report%20",
                "http://a/report",
                "http://a/reporting;csv",
                "/Report",
                "/repor",
                "/a/report",
                "/",
            ] {
                let answer = stage.ask(&format!(
                    "{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                ));
                all.push(format!("{method} {target}: {}", answer.status()));
            }
        }
        all
    };
    let ours = statuses(&Program::koi());
    assert!(ours.contains(&"GET /reporting: 200".to_owned()), "{ours:?}");
    match Program::haproxy() {
        Ok(haproxy) => assert_eq!(ours, statuses(&haproxy)),
        Err(why) => println!("skipped: {why}"),
    }
}

/// A form of the page, sent as a browser would; where it leads.
fn post(stage: &Stage, body: &str, fields: &str) -> String {
    let length = body.len();
    let answer = stage.ask(&format!(
        "POST /mine HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n{fields}\r\n{body}"
    ));
    assert_eq!(answer.status(), 303);
    answer.value("location").expect("a place").to_owned()
}

fn token(page: &str) -> &str {
    let (_, behind) = page.split_once("name=\"token\" value=\"").expect("a form with a token");
    behind.split_once('"').expect("its end").0
}

#[test]
fn changes_need_the_pages_token() {
    let own = "stats enable\nstats uri /mine\nstats admin if { src 127.0.0.1 }";
    let stage = Stage::new(&Program::koi(), "defaults\ntimeout connect 5s\n", own, "");
    let status = |wanted: &str| {
        let start = Instant::now();
        while rows(&stage.text("/mine;csv"))["back/one"]["status"] != wanted {
            assert!(start.elapsed() < Duration::from_secs(20), "{wanted}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let page = stage.text("/mine");
    let token = token(&page);
    let form = |action: &str, token: &str| format!("s=one&b=back&action={action}&token={token}");
    // Another last digit than its own.
    let other = if token.ends_with('0') { '1' } else { '0' };
    for wrong in ["", "00", &token[2..], &format!("{}{other}", &token[..token.len() - 1])] {
        assert_eq!(post(&stage, &form("maint", wrong), ""), "/mine;st=DENY", "{wrong}");
    }
    let right = form("maint", token);
    assert_eq!(post(&stage, &right, "Origin: http://evil.example\r\n"), "/mine;st=DENY");
    assert_eq!(post(&stage, &right, "Sec-Fetch-Site: cross-site\r\n"), "/mine;st=DENY");
    status("no check");
    assert_eq!(post(&stage, &right, "Origin: http://a\r\n"), "/mine;st=DONE");
    status("MAINT");
    for (action, word) in [("drain", "DRAIN"), ("hdown", "DOWN"), ("hrunn", "DRAIN")] {
        assert_eq!(post(&stage, &form(action, token), ""), "/mine;st=DONE");
        status(word);
    }
    assert_eq!(post(&stage, &form("ready", token), ""), "/mine;st=DONE");
    status("no check");
    assert_eq!(post(&stage, &form("nonsense", token), ""), "/mine;st=ERRP");
    let some = format!("s=one&s=none&b=%232&action=ready&token={token}");
    assert_eq!(post(&stage, &some, ""), "/mine;st=PART");
    assert_eq!(post(&stage, &format!("b=back&action=ready&token={token}"), ""), "/mine;st=NONE");
    assert!(stage.text("/mine;st=PART").contains("some of the servers are not known"));
    let long = format!("{}&x={}", form("maint", token), "y".repeat(100_000));
    let length = long.len();
    let mut client = Client::connect(loopback(stage.port));
    client.send(
        format!("POST /mine HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
    );
    client.send(long.as_bytes());
    assert_eq!(client.response(false).expect("an answer").status(), 413);
}

#[test]
fn checks_and_agents_are_switched_on_the_page() {
    let own = "stats enable\nstats uri /mine\nstats admin if { src 127.0.0.1 }";
    // Checks so seldom that none comes meanwhile; an agent that nobody reaches says nothing.
    let checked = "default-server inter 1h fastinter 1h downinter 1h\n\
                   server two 127.0.0.1:9 check\nserver three 127.0.0.1:9 agent-check agent-port 9\n\
                   server four 127.0.0.1:9 track back/two";
    let stage = Stage::new(&Program::koi(), "defaults\ntimeout connect 5s\n", own, checked);
    let page = stage.text("/mine");
    for action in
        ["ehlth", "dhlth", "hrunn", "hnolb", "hdown", "eagent", "dagent", "arunn", "adown"]
    {
        assert!(page.contains(&format!("<option value=\"{action}\">")), "{action}");
    }
    let token = token(&page);
    let act = |server: &str, action: &str| {
        let form = format!("s={server}&b=back&action={action}&token={token}");
        post(&stage, &form, "").trim_start_matches("/mine;st=").to_owned()
    };
    let status =
        |server: &str| rows(&stage.text("/mine;csv"))[&format!("back/{server}")]["status"].clone();
    // Who has no such checks cannot be told.
    for action in ["dhlth", "ehlth", "dagent", "eagent", "arunn", "adown"] {
        assert_eq!(act("one", action), "ERRP", "{action}");
    }
    assert_eq!(act("four", "hdown"), "ERRP", "its state is another's");
    assert_eq!((act("two", "hdown"), status("two")), ("DONE".to_owned(), "DOWN".to_owned()));
    assert_eq!(status("four"), "DOWN", "it follows");
    assert_eq!((act("two", "dhlth"), status("two")), ("DONE".to_owned(), "DOWN".to_owned()));
    assert_eq!((act("two", "hrunn"), status("two")), ("DONE".to_owned(), "no check".to_owned()));
    assert_eq!((act("two", "ehlth"), status("two")), ("DONE".to_owned(), "UP".to_owned()));
    assert_eq!((act("three", "adown"), status("three")), ("DONE".to_owned(), "DOWN".to_owned()));
    assert_eq!((act("three", "arunn"), status("three")), ("DONE".to_owned(), "UP".to_owned()));
    assert_eq!(act("three", "dagent"), "DONE");
    assert_eq!(act("three", "adown"), "ERRP", "as it is off");
    assert_eq!(
        (act("three", "eagent"), act("three", "adown")),
        ("DONE".to_owned(), "DONE".to_owned())
    );
}

/// Since when a backend has a server, or none, beside HAProxy.
#[test]
fn a_backend_counts_its_changes() {
    let own = "stats enable\nstats uri /mine\nstats admin if { src 127.0.0.1 }";
    let stage = Stage::new(&Program::koi(), "defaults\ntimeout connect 5s\n", own, "");
    let row = || rows(&stage.text("/mine;csv"))["back/BACKEND"].clone();
    let page = stage.text("/mine");
    let form = |action: &str| format!("s=one&b=back&action={action}&token={}", token(&page));
    let seen = |row: &BTreeMap<String, String>| [row["chkdown"].clone(), row["downtime"].clone()];
    assert_eq!(seen(&row()), ["0", "0"]);
    assert!(row()["lastchg"].parse::<u32>().is_ok());
    let begun = Instant::now();
    assert_eq!(post(&stage, &form("maint"), ""), "/mine;st=DONE");
    while number(&row(), "downtime") < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", row());
        std::thread::sleep(Duration::from_millis(50));
    }
    let down = row();
    assert!(number(&down, "lastchg") <= begun.elapsed().as_secs() && down["status"] == "DOWN");
    assert_eq!(post(&stage, &form("ready"), ""), "/mine;st=DONE");
    let up = row();
    assert!(number(&up, "downtime") >= 2 && number(&up, "lastchg") <= 1, "{up:?}");
    assert_eq!((&*up["chkdown"], &*up["status"]), ("1", "UP"));
    let metrics = stage.text("/mine;metrics");
    assert!(!metrics.contains("haproxy_backend_downtime_seconds_total{proxy=\"back\"} NaN"));
    assert!(
        metrics.contains("haproxy_backend_check_up_down_total{proxy=\"back\"} 1\n"),
        "{metrics}"
    );
}

#[test]
fn who_may_not_change_anything_gets_no_form() {
    let own = "stats enable\nstats uri /mine\nstats admin if { hdr(x-admin) 1 }";
    let stage = Stage::new(&Program::koi(), "defaults\ntimeout connect 5s\n", own, "");
    assert!(!stage.text("/mine").contains("name=\"token\""));
    let page = stage.ask("GET /mine HTTP/1.1\r\nHost: a\r\nX-Admin: 1\r\n\r\n");
    let page = String::from_utf8(page.body).expect("text");
    let form = format!("s=one&b=back&action=maint&token={}", token(&page));
    assert_eq!(post(&stage, &form, ""), "/mine;st=DENY");
    assert_eq!(post(&stage, &form, "X-Admin: 1\r\n"), "/mine;st=DONE");
}

/// Samples by name and labels; every line must be one, or a comment of a known kind.
fn samples(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut typed = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(matches!(kind, "counter" | "gauge"), "{line}");
            assert!(!typed.contains(&name), "{name} comes twice");
            typed.push(name);
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        assert!(value == "NaN" || value.parse::<f64>().is_ok(), "{line}");
        let bare = name.split('{').next().expect("a name");
        assert_eq!(typed.last(), Some(&bare), "behind its type");
        assert!(!name.contains('{') || name.ends_with("\"}"), "{line}");
        let before = all.insert(name.to_owned(), value.to_owned());
        assert_eq!(before, None, "{name} comes twice");
    }
    all
}

#[test]
fn metrics_are_prometheus() {
    let front =
        "option socket-stats\nhttp-request use-service prometheus-exporter if { path /metrics }";
    let stage = Stage::koi(front, "");
    stage.serve(3);
    stage.rows_once(|rows| rows["back/BACKEND"]["req_tot"] == "3");
    let all = samples(&stage.text("/metrics"));
    let value = |name: &str| all.get(name).unwrap_or_else(|| panic!("{name} in {all:?}")).as_str();
    assert_eq!(value("haproxy_backend_http_responses_total{proxy=\"back\",code=\"2xx\"}"), "3");
    assert_eq!(value("haproxy_server_sessions_total{proxy=\"back\",server=\"one\"}"), "3");
    assert_eq!(value("haproxy_server_status{proxy=\"back\",server=\"one\",state=\"UP\"}"), "1");
    assert_eq!(value("haproxy_process_nbproc"), "1");
    let few = samples(&stage.text("/metrics?scope=server&metrics=haproxy_server_weight"));
    let names: Vec<_> = few.keys().map(String::as_str).collect();
    assert_eq!(names, ["haproxy_server_weight{proxy=\"back\",server=\"one\"}"]);
    assert_eq!(samples(&stage.text("/report;metrics")).len(), all.len());
}

/// Koi's and HAProxy's for the same file and requests.
#[test]
fn names_and_figures_are_haproxys() {
    let haproxy = match Program::haproxy() {
        Ok(haproxy) => haproxy,
        Err(why) => return println!("skipped: {why}"),
    };
    let front = "option socket-stats\nhttp-request deny if { path /no }\n\
                 http-request use-service prometheus-exporter if { path /metrics }";
    let figures = |program: &Program| {
        let stage = Stage::new(program, SEED, front, "server gone 127.0.0.1:9 disabled");
        stage.serve(4);
        for _ in 0..2 {
            stage.ask("GET /no HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        let rows = stage.rows_once(|rows| rows["front/FRONTEND"]["dreq"] == "2");
        let csv = stage.text("/report;csv");
        let header = csv.split("\n").next().expect("a line").to_owned();
        (header, rows, samples(&stage.text("/metrics")))
    };
    let (ours, theirs) = (figures(&Program::koi()), figures(&haproxy));
    let common = |line: &str| line.split_once(",-,").expect("the common part").0.to_owned();
    assert_eq!(common(&ours.0), common(&theirs.0));
    // By and large they are the same; these depend on the moment, the machine, or the program.
    let varies = [
        "rate",
        "rate_max",
        "req_rate",
        "req_rate_max",
        "conn_rate",
        "conn_rate_max",
        "lastsess",
        "lastchg",
        "slim",
        "bout",
        "bin",
        "iid",
        "qtime",
        "ctime",
        "rtime",
        "ttime",
        "qtime_max",
        "ctime_max",
        "rtime_max",
        "ttime_max",
        "scur",
        "smax",
        "stot",
        "conn_tot",
        "req_tot",
        "h1sess",
        "h1req",
        "intercepted",
        "hrsp_2xx",
        "need_conn_est",
        "srv_icur",
        "safe_conn_cur",
        "used_conn_cur",
        "idle_conn_cur",
        "ereq",
        "hrsp_4xx",
        "status_of_page",
    ];
    let mut differing = Vec::new();
    for (name, theirs) in &theirs.1 {
        let Some(ours) = ours.1.get(name) else { panic!("no row {name}") };
        for column in common(&theirs_header()).split(',') {
            let (our, their) = (&ours[column], &theirs[column]);
            if our != their && !varies.contains(&column) {
                differing.push(format!("{name} {column}: {our:?}, not {their:?}"));
            }
        }
    }
    let shared = |samples: &BTreeMap<String, String>| {
        let names = samples.keys().filter(|name| !name.starts_with("haproxy_resolver"));
        names.map(|it| it.replace('"', "'")).collect::<Vec<_>>()
    };
    let (mine, others) = (shared(&ours.2), shared(&theirs.2));
    let unknown: Vec<_> = mine.iter().filter(|name| !others.contains(name)).collect();
    assert!(
        unknown.iter().all(|name| name.starts_with("haproxy_process_build_info")),
        "metrics that HAProxy does not have: {unknown:?}"
    );
    let missing = others.iter().filter(|name| !mine.contains(name));
    let missing: Vec<_> = missing.filter(|name| !name.starts_with("haproxy_process_")).collect();
    println!("metrics of HAProxy's that Koi has not: {missing:#?}");
    assert!(differing.is_empty(), "{differing:#?}");
}

fn theirs_header() -> String {
    String::from(
        "pxname,svname,qcur,qmax,dreq,dresp,econ,eresp,wretr,wredis,status,weight,act,bck,pid,sid,\
         lbtot,type,rate_lim,chkdown,downtime,hrsp_1xx,hrsp_3xx,hrsp_5xx,hrsp_other,cli_abrt,srv_abrt,comp_in,mode,\
         algo,dcon,dses,wrew,connect,reuse,cache_lookups,eint,uweight,srid,addr,cookie,h2sess,h2req,proto,-,",
    )
}

/// The browser, if there is one.
fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| std::process::Command::new(name).arg("--version").output().is_ok())
}

#[test]
fn a_browser_runs_the_page() {
    let Some(browser) = chromium() else { return println!("skipped: there is no chromium") };
    let own = "stats enable\nstats uri /mine\nstats refresh 1s";
    let stage = Stage::new(&Program::koi(), "defaults\ntimeout connect 5s\n", own, "");
    stage.serve(3);
    let folder = Folder::new("browser");
    let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
    let url = format!("http://127.0.0.1:{}/mine", stage.port);
    // Three seconds of the page's own time: its script has put new figures into their places.
    let output = std::process::Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &profile])
        .args(["--virtual-time-budget=4000", "--dump-dom", &url])
        .output()
        .expect("the browser runs");
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(page.contains("Figures of "), "no fresh figures: {page}\n{said}");
    assert!(!said.contains("Content Security Policy"), "{said}");
}
