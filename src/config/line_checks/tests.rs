use super::*;
use crate::config::keywords::testing::{advice, errors, read_text};

/// Each error as the words it points at and the start of its message.
fn told(text: &str) -> Vec<(String, String)> {
    let (plan, report) = read_text(text);
    errors(&plan, &report)
}

fn one(text: &str, place: &str, message: &str) {
    assert_eq!(told(text), [(place.to_owned(), message.to_owned())], "{text}");
}

#[test]
fn names_and_ids_are_taken_once() {
    let s = "backend b\n  server s 192.0.2.1:80 id 5\n";
    one(&format!("{s}  server s 192.0.2.2:80\n"), "s", "another server is named `s`");
    one(&format!("{s}  server t 192.0.2.2:80 id 5\n"), "5", "the id 5 is taken");
    let text = "backend b\n  server-template s 3 a.example:80\n  server s2 192.0.2.1:80\n";
    one(text, "s2", "another server is named `s2`");
    one("frontend f\n  bind :80 id 5\n  bind :81 id 5\n", "5", "the id 5 is taken");
    let text =
        "backend b\n  server s 192.0.2.1:80 guid x\nbackend c\n  server s 192.0.2.1:80 guid x\n";
    one(text, "x", "the guid `x` is taken");
    assert_eq!(told("backend b\n  server s 192.0.2.1:80\n  server S 192.0.2.1:80\n"), []);
}

#[test]
fn tls_of_binds() {
    one("frontend f\n  bind :443 ssl\n", "ssl", "`ssl` needs a certificate");
    let text = "frontend f\n  bind :443 ssl crt a.pem verify required\n";
    one(text, "required", "clients' certificates cannot be checked without `ca-file`");
    let (plan, report) =
        read_text("frontend f\n  bind :443 ssl strict-sni\n  bind :80 crt a.pem\n");
    assert!(!report.failed());
    let given = [("no-certificate", "ssl".to_owned()), ("no-effect", "a.pem".to_owned())];
    assert_eq!(advice(&plan, &report), given);
}

#[test]
fn ports_of_checks() {
    let check = |words: &str| told(&format!("backend b\n  server s {words}\n"));
    let no_port = [("check".to_owned(), "the check of `s` has no port".to_owned())];
    assert_eq!(check("192.0.2.1 check"), no_port);
    assert_eq!(check("192.0.2.1:+5 check"), no_port);
    assert_eq!(check("192.0.2.1 check addr 192.0.2.9"), no_port);
    for good in [
        "192.0.2.1 check port 80",
        "192.0.2.1 check addr 192.0.2.9:80",
        "ipv4@ check",
        "/run/x check",
        ":80 check",
    ] {
        assert_eq!(check(good), [], "{good}");
    }
    let agent = "the agent of `s` has no port".to_owned();
    assert_eq!(check("192.0.2.1:80 agent-check"), [("agent-check".to_owned(), agent.clone())]);
    let text = "backend b\n  default-server agent-check\n  server s 192.0.2.1:80\n";
    assert_eq!(told(text), [("s".to_owned(), agent)]);
}

#[test]
fn authorities_are_needed_where_certificates_are_checked() {
    let message = "the server's certificate is checked, but there is no `ca-file`";
    let server = |words: &str| format!("backend b\n  server s 192.0.2.1:443 {words}\n");
    one(&server("ssl"), "ssl", message);
    one(&server("ssl verify required"), "verify required", message);
    one(&server("check check-ssl"), "check-ssl", message);
    for good in ["ssl verify none", "ssl ca-file x", "ssl no-ssl", "verify required"] {
        assert_eq!(told(&server(good)), [], "{good}");
    }
    let (plan, _) = read_text(&server("ssl"));
    let mut report = Report::default();
    check(&plan, true, &mut report);
    assert!(!report.failed());
}

#[test]
fn nobody_checks() {
    let text = "defaults\n  default-server verify none\nbackend b\n  \
                server a 192.0.2.1:443 ssl verify none check\n  server b 192.0.2.1:443 ssl\n  \
                server c 192.0.2.1:80\n  server d 192.0.2.1:443 ssl verify required ca-file x\n  \
                server-template e 3 app.example:443 ssl\n";
    let (plan, _) = read_text(text);
    let mut report = Report::default();
    verify_none(&plan.proxies, false, &mut report);
    assert_eq!(advice(&plan, &report), [("verify-none", "verify none".to_owned())]);
    let same = &report.faults[0].same;
    let same: Vec<_> = same.iter().map(|&span| plan.sources.slice(span)).collect();
    assert_eq!(same, ["b", "e"]);
    let (plan, _) = read_text("backend b\n  server a 192.0.2.1:443 ssl\n");
    let mut report = Report::default();
    verify_none(&plan.proxies, true, &mut report);
    assert_eq!(advice(&plan, &report), [("verify-none", "a".to_owned())]);
}

#[test]
fn tracking() {
    let b = |lines: &str| format!("backend b\n  server s 192.0.2.1:80 track {lines}\n");
    assert_eq!(told(&b("t\n  server t 192.0.2.1:81 check")), []);
    assert_eq!(
        told(&b("b/t\n  server-template t 3 a.example:81 check").replace("b/t", "b/t2")),
        []
    );
    let chain = "t\n  server t 192.0.2.1:81 track u\n  server u 192.0.2.1:82 check";
    assert_eq!(told(&b(chain)), []);
    one(&b("t"), "track t", "no server there is named `t`");
    one(&b("c/t"), "track c/t", "no backend is named `c`");
    one(&b("s"), "track s", "this chain of `track` leads back to where it began");
    let circle = "t\n  server t 192.0.2.1:81 track s";
    one(&b(circle), "track s", "this chain of `track` leads back to where it began");
    let unchecked = "t\n  server t 192.0.2.1:81";
    one(&b(unchecked), "track t", "nobody checks the server at the end of this chain");
    let both = "t check\n  server t 192.0.2.1:81 check";
    one(&b(both), "track t", "a server cannot be checked and follow another one");
}

#[test]
fn modes_and_sections() {
    let server = |words: &str| format!("backend b\n  server s {words}\n");
    one(&server("udp@192.0.2.1:80"), "udp@192.0.2.1:80", "backend `b` cannot send datagrams");
    let redir = "redirections are possible in `mode http` only";
    one(&server("192.0.2.1:80 redir http://x"), "http://x", redir);
    one(
        &server("192.0.2.1:80 proto h2"),
        "h2",
        "this protocol does not fit the mode of backend `b`",
    );
    one(&server("192.0.2.1:80 resolvers dns"), "dns", "no `resolvers` section is named `dns`");
    assert_eq!(told(&format!("resolvers dns\n{}", server("a.example:80 resolvers dns"))), []);
    let (plan, report) = read_text(&server("192.0.2.1:80 cookie a check observe layer7"));
    let given = [("mode", "a".to_owned()), ("mode", "layer7".to_owned())];
    assert_eq!(advice(&plan, &report), given);
}
