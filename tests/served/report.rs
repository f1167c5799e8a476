//! What the seed's file says beyond serving: the page at `/report`, health checks, stickiness.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Site, Way, get, servers};

/// `stats auth haproxy:very-secure-password`.
const USER: &str = "haproxy:very-secure-password";

/// `fall 3` at `inter 3s` and `rise 2`, with room for a machine that stalls.
const CHECKS: Duration = Duration::from_secs(90);

/// A server that is checked and has one that is not beside it.
const CHECKED: (&str, &str) = ("GITEA", "gitea");

/// The rows of the CSV, by proxy and server.
type Rows = BTreeMap<(String, String), BTreeMap<String, String>>;

fn ask(site: &Site, path: &str, user: Option<&str>) -> super::Message {
    let authorization = user.map_or(String::new(), |user| {
        format!("Authorization: Basic {}\r\n", data_encoding::BASE64.encode(user.as_bytes()))
    });
    let host = "example.net";
    let mut client = site.connect(site.secure[0], host);
    client.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n"))
}

fn rows(site: &Site) -> Rows {
    let answer = ask(site, "/report;csv", Some(USER));
    assert_eq!(answer.status(), 200, "{answer}");
    let text = String::from_utf8(answer.body.clone()).expect("text");
    let mut lines = text.lines();
    let names: Vec<_> =
        lines.next().expect("a line of names").trim_start_matches("# ").split(',').collect();
    let row = |line: &str| {
        let values = names.iter().zip(line.split(','));
        let row: BTreeMap<_, _> = values.map(|(k, v)| ((*k).to_owned(), v.to_owned())).collect();
        ((row["pxname"].clone(), row["svname"].clone()), row)
    };
    lines.filter(|line| !line.is_empty()).map(row).collect()
}

fn figure(rows: &Rows, proxy: &str, server: &str, name: &str) -> u64 {
    let value = &rows[&(proxy.to_owned(), server.to_owned())][name];
    value.parse().unwrap_or_else(|_| panic!("{proxy}/{server} {name} is `{value}`"))
}

fn wait(site: &Site, what: &str, is_so: impl Fn(&Rows) -> bool) -> Rows {
    let start = Instant::now();
    loop {
        let rows = rows(site);
        if is_so(&rows) {
            return rows;
        }
        assert!(start.elapsed() < CHECKS, "never: {what}\n{}", site.proxy.said());
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn status<'r>(rows: &'r Rows, backend: &str, server: &str) -> &'r str {
    &rows[&(backend.to_owned(), server.to_owned())]["status"]
}

/// Servers that were not there yet when the first check came are up again.
pub fn all_servers_are_up(site: &Site) {
    let servers = servers();
    wait(site, "all servers are up", |rows| {
        let of_file =
            rows.iter().filter(|((_, name), _)| servers.iter().any(|it| it.name == *name));
        of_file.clone().count() == servers.len()
            && of_file.into_iter().all(|((_, name), row)| match &**name {
                // It has no `check`.
                "mineos" => row["status"] == "no check",
                _ => row["status"].starts_with("UP"),
            })
    });
}

pub fn the_report_asks_for_the_password(site: &Site) {
    for user in [None, Some("haproxy:wrong"), Some("other:very-secure-password")] {
        let answer = ask(site, "/report", user);
        assert_eq!(answer.status(), 401, "{user:?}: {answer}");
        assert!(answer.value("www-authenticate").is_some_and(|it| it.starts_with("Basic realm=")));
        assert!(!String::from_utf8_lossy(&answer.body).contains("GITEA"));
    }
    let answer = ask(site, "/report", Some(USER));
    assert_eq!(answer.status(), 200);
    let page = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(["HTTP_frontend", "GITEA", "mineos"].iter().all(|name| page.contains(name)), "{page}");
    let refresh = answer.value("refresh").is_some_and(|it| it.starts_with("30"));
    assert!(refresh || page.contains("http-equiv=\"refresh\" content=\"30"), "{answer}");
}

pub fn the_report_shows_true_figures(site: &Site) {
    const REQUESTS: u64 = 7;
    let before = rows(site);
    for _ in 0..REQUESTS {
        let host = "gitea.example.net";
        let (answer, _) = site.ask(site.secure[0], host, &get(host, ""));
        assert_eq!(answer.status(), 200);
    }
    let after = wait(site, "the requests are counted", |rows| {
        let of = |rows| figure(rows, "GITEA", "gitea", "stot");
        of(rows) >= of(&before) + REQUESTS
    });
    let grown = |proxy: &str, server: &str, name: &str| {
        figure(&after, proxy, server, name) - figure(&before, proxy, server, name)
    };
    assert_eq!(grown("GITEA", "gitea", "stot"), REQUESTS);
    assert_eq!(grown("GITEA", "gitea", "hrsp_2xx"), REQUESTS);
    assert_eq!(grown("GITEA", "BACKEND", "stot"), REQUESTS);
    assert_eq!(grown("HEIMDALL", "heimdall", "stot"), 0);
    // Each look at the figures is a request, too.
    assert!(grown("HTTP_frontend", "FRONTEND", "req_tot") > REQUESTS);
}

/// A server whose address is gone is marked after three checks, and comes back after two; only in a
/// namespace of our own can an address go.
pub fn a_killed_server_is_down_and_up_again(site: &Site, way: Way) {
    if way != Way::Namespace {
        println!("no address can be taken away here: a killed server is tested by tests/health.rs");
        return;
    }
    let servers = servers();
    let address = |name: &str| {
        servers.iter().find(|it| it.name == name).expect("a server of the file").address.ip()
    };
    let (backend, server) = CHECKED;
    let change = |what: &str, name: &str| {
        let line = format!("ip -6 addr {what} {}/128 dev lo", address(name));
        let done = Command::new("sh").args(["-c", &line]).status().expect("sh runs");
        assert!(done.success(), "{line}");
    };
    change("del", server);
    change("del", "mineos");
    let rows =
        wait(site, "the server is down", |rows| status(rows, backend, server).starts_with("DOWN"));
    assert_eq!(status(&rows, "MINEOS", "mineos"), "no check", "it is never marked");
    let host = "gitea.example.net";
    let (answer, taken) = site.ask(site.secure[0], host, &get(host, ""));
    assert_eq!((answer.status(), taken.len()), (503, 0), "{answer}");
    change("replace", server);
    change("replace", "mineos");
    wait(site, "the server is up", |rows| status(rows, backend, server) == "UP");
    let (answer, taken) = site.ask(site.secure[0], host, &get(host, ""));
    assert_eq!((answer.status(), taken.len()), (200, 1), "{answer}");
}
