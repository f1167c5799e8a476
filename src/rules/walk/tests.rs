//! Whole small configurations, and what they decide. What HAProxy 3.0.11 answers was asked of it.

use super::*;
use crate::config::environment::Environment;
use crate::config::read::read;
use crate::config::report::{Level, Report};
use crate::config::source::MemoryFiles;
use crate::rules::compile::compile;
use crate::rules::explain::Seen;
use crate::rules::testing::{Message as TestMessage, Still, World};

/// A frontend `f` with these lines, a backend `b` with those, and a backend `b2`.
struct Site {
    plan: Plan,
    program: Program,
}

const REQUEST: &str = "GET /a/b?x=1&y=2 HTTP/1.1\nHost: Ex.com\nX-A: one, two\n";

impl Site {
    fn new(front: &str, back: &str) -> Site {
        Site::of(&format!(
            "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n\
             frontend f\n bind :80\n {front}\n default_backend b\nbackend b\n {back}\n \
             server s 192.0.2.9:80\n server t 192.0.2.9:81\nbackend b2\n server s 192.0.2.9:80\n"
        ))
    }

    fn of(text: &str) -> Site {
        let mut files = MemoryFiles::default();
        files.0.insert("t.cfg".into(), text.into());
        files.0.insert("/503.http".into(), "HTTP/1.0 503 Busy\r\nX-F: 1\r\n\r\nbusy".into());
        files.0.insert("/empty".into(), "".into());
        let mut report = Report::default();
        let plan = read(&["t.cfg".into()], &files, &mut Environment::default(), &mut report);
        let program = compile(&plan, &files, &mut report);
        let errors: Vec<_> = report.faults.iter().filter(|it| it.level == Level::Error).collect();
        assert!(errors.is_empty(), "{text}: {errors:?}");
        Site { plan, program }
    }

    /// Runs the rules for a request twice, watched and not, and checks that it makes no difference.
    fn run<T>(&self, text: &str, look: impl Fn(&mut Walk<'_>, Decision) -> T) -> T
    where
        T: PartialEq + std::fmt::Debug,
    {
        let world = World::request(text);
        let message = TestMessage::parse(text);
        let once = |watched: bool| {
            let variables = Variables::default();
            let mut walk = Walk {
                plan: &self.plan,
                program: &self.program,
                connection: &world.connection,
                counters: &Still,
                tables: &world.tables,
                moment: world.moment,
                process: &world.process,
                variables: &variables,
                request: Some(Message { head: message.head.clone(), base: message.view().base }),
                response: None,
                exchange: world.exchange.clone(),
                server_connection: None,
                proxy: 0,
                backend: None,
                server: None,
                effects: Effects::default(),
            };
            let decision = match watched {
                true => request(&mut walk, &mut Everything),
                false => request(&mut walk, &mut Quiet),
            };
            look(&mut walk, decision)
        };
        let (quiet, watched) = (once(false), once(true));
        assert_eq!(quiet, watched, "whether somebody looks makes no difference");
        quiet
    }

    /// The request as the server gets it.
    fn sent(&self, text: &str) -> Seen {
        self.run(text, |walk, decision| {
            assert!(matches!(decision, Decision::Forward { .. }), "{decision:?}");
            Seen::of(walk.request.as_ref().expect("a request").view())
        })
    }

    /// The answer that Koi gives.
    fn answered(&self, text: &str) -> (Seen, Vec<u8>) {
        self.run(text, |_, decision| match decision {
            Decision::Answer(answer) | Decision::Tarpit(answer) => {
                (Seen::of(answer.head.view(b"")), answer.body.to_vec())
            }
            other => panic!("{other:?}"),
        })
    }
}

/// Somebody who looks at everything.
struct Everything;

impl Watch for Everything {
    const ACTIVE: bool = true;
}

fn value(seen: &Seen, name: &str) -> Vec<String> {
    let of_name = seen.fields.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
    of_name.map(|(_, value)| value.clone()).collect()
}

fn target(front: &str, request: &str) -> String {
    let sent = Site::new(front, "").sent(request);
    sent.start.split(' ').nth(1).expect("a target").to_owned()
}

#[test]
fn targets_are_rewritten_as_haproxy_does() {
    let plain = "GET /a HTTP/1.1\nHost: x\n";
    let absolute = "GET http://h.org/a?b HTTP/1.1\nHost: h.org\n";
    for (rule, request, expected) in [
        ("http-request set-pathq /zz", REQUEST, "/zz"),
        ("http-request set-path /n", REQUEST, "/n?x=1&y=2"),
        ("http-request set-path x", REQUEST, "x?x=1&y=2"),
        ("http-request set-path %[hdr(none)]", REQUEST, "?x=1&y=2"),
        ("http-request set-uri *", REQUEST, "*"),
        ("http-request set-uri /zz?q", REQUEST, "/zz?q"),
        ("http-request set-query z", plain, "/a?z"),
        ("http-request set-query %[hdr(none)]", REQUEST, "/a/b?"),
        ("http-request set-query %[hdr(none)]", plain, "/a"),
        ("http-request replace-path .* X", "OPTIONS * HTTP/1.1\nHost: h\n", "*"),
        ("http-request replace-pathq (.*) Y\\1", "OPTIONS * HTTP/1.1\nHost: h\n", "*"),
        ("http-request replace-uri .* /u", "OPTIONS * HTTP/1.1\nHost: h\n", "/u"),
        ("http-request set-path /new", absolute, "http://h.org/new?b"),
        ("http-request set-path /new", "OPTIONS * HTTP/1.1\nHost: h\n", "/new"),
        (r"http-request replace-path (/.)/(.) \2\0/\1\\\3", REQUEST, r"b/a/b//a\3?x=1&y=2"),
        (r"http-request replace-uri /a(.*) /Q\1", REQUEST, "/Q/b?x=1&y=2"),
        (r"http-request replace-pathq ([^?]*)(\?(.*))? \1/foo\2", REQUEST, "/a/b/foo?x=1&y=2"),
        (r"http-request replace-path /a/(.*) \1", REQUEST, "b?x=1&y=2"),
        ("http-request set-header Host new.org", absolute, "http://new.org/a?b"),
    ] {
        assert_eq!(target(rule, request), expected, "{rule}");
    }
    let sent = Site::new("http-request set-uri http://other.org/zz", "").sent(REQUEST);
    assert_eq!(value(&sent, "host"), ["other.org"]);
}

#[test]
fn fields_are_edited_as_haproxy_does() {
    for (rule, name, expected) in [
        ("http-request set-header x-a new", "x-a", &["new"][..]),
        ("http-request add-header x-a new", "x-a", &["one, two", "new"]),
        ("http-request set-header X-A %[req.hdr(x-a)]z", "x-a", &["twoz"]),
        ("http-request del-header x- -m beg", "x-a", &[]),
        ("http-request replace-header X-A one two", "x-a", &["two"]),
        (r"http-request replace-header X-A (o)ne.* <\1\0\9>", "x-a", &["<oone, two>"]),
        (r"http-request replace-value X-A (o.) [\1]", "x-a", &["[on], two"]),
        ("http-request set-header X-E %[hdr(none)]", "x-e", &[""]),
        ("http-request set-header X-B %[hdr(host),lower]-%HM", "x-b", &["ex.com-GET"]),
    ] {
        assert_eq!(value(&Site::new(rule, "").sent(REQUEST), name), expected, "{rule}");
    }
}

#[test]
fn redirections_are_built_as_haproxy_does() {
    let absolute = "GET http://abs.org/x?y HTTP/1.1\nHost: abs.org\n";
    for (rule, request, status, location) in [
        ("http-request redirect location /x code 301", REQUEST, 301, "/x"),
        (
            "http-request redirect location http://a/%[hdr(none)] ignore-empty",
            REQUEST,
            302,
            "http://a/",
        ),
        ("http-request redirect prefix /", REQUEST, 302, "/a/b?x=1&y=2"),
        (
            "http-request redirect prefix https://n.org drop-query append-slash code 308",
            REQUEST,
            308,
            "https://n.org/a/b/",
        ),
        (
            "http-request redirect prefix https://n.org/ drop-query",
            REQUEST,
            302,
            "https://n.org//a/b",
        ),
        ("http-request redirect prefix /p append-slash", REQUEST, 302, "/p/a/b?x=1&y=2/"),
        ("http-request redirect scheme https drop-query", REQUEST, 302, "https://Ex.com/a/b"),
        (
            "http-request redirect scheme https",
            "OPTIONS * HTTP/1.1\nHost: x:80\n",
            302,
            "https://x:80/",
        ),
        ("http-request redirect scheme https", "GET / HTTP/1.0\n", 302, "https:///"),
        ("http-request redirect scheme https", absolute, 302, "https://abs.org/x?y"),
        ("http-request redirect prefix /p code 303", absolute, 303, "/p/x?y"),
        ("redirect location /%[path] code 307", REQUEST, 307, "/%[path]"),
    ] {
        let (seen, _) = Site::new(rule, "").answered(request);
        assert!(seen.start.contains(&format!(" {status} ")), "{rule}: {}", seen.start);
        assert_eq!(value(&seen, "location"), [location], "{rule}");
        let cached = matches!(status, 301 | 308);
        assert_eq!(value(&seen, "cache-control").is_empty(), cached, "{rule}");
    }
    let rule = "http-request redirect location /l set-cookie A=1 clear-cookie B";
    let (seen, _) = Site::new(rule, "").answered(REQUEST);
    assert_eq!(value(&seen, "set-cookie"), ["B; path=/; Max-Age=0;"]);
    let skipped = "http-request redirect location %[hdr(none)] ignore-empty";
    assert_eq!(target(skipped, REQUEST), "/a/b?x=1&y=2");
}

#[test]
fn answers_have_what_was_given_or_the_proxys_own() {
    let answered = |front: &str| Site::new(front, "").answered(REQUEST);
    let line = "http-request return status 404 content-type text/plain lf-string \"no %[path]\" hdr X %[src]";
    let (seen, body) = answered(line);
    assert_eq!(seen.start, "HTTP/1.1 404 Not Found");
    let fields = [("X", "192.0.2.1"), ("Content-Type", "text/plain")];
    let owned = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((seen.fields, &body[..]), (owned.to_vec(), &b"no /a/b"[..]));
    let (seen, body) = answered("http-request deny");
    assert!(seen.start.contains(" 403 ") && body.starts_with(b"<!DOCTYPE html>"));
    let (seen, body) = answered("http-request deny status 418");
    assert_eq!((seen.start.as_str(), body.len()), ("HTTP/1.1 418 I'm a teapot", 0));
    let (seen, body) = answered("errorfile 503 /503.http\n http-request deny deny_status 503");
    assert_eq!((value(&seen, "x-f").len(), &body[..]), (1, &b"busy"[..]));
    // HAProxy's two names of the status differ in this: `status` alone is an empty answer.
    let (_, body) = answered("errorfile 503 /503.http\n http-request deny status 503");
    assert_eq!(body.len(), 0);
    // The later line holds.
    let both = "errorfile 503 /503.http\n http-error status 503 content-type text/plain string own\n http-request deny deny_status 503";
    assert_eq!(answered(both).1, b"own");
    let silent = Site::new("errorfile 403 /empty\n http-request deny", "");
    assert!(
        silent.run(REQUEST, |_, decision| matches!(decision, Decision::Answer(it) if it.silent))
    );
    let (seen, _) = answered("http-request auth realm \"a \\\"b\"");
    assert_eq!(value(&seen, "www-authenticate"), ["Basic realm=\"a \\\"b\""]);
    let (seen, _) = answered("http-request auth");
    assert_eq!(value(&seen, "www-authenticate"), ["Basic realm=\"f\""]);
}

#[test]
fn kinds_of_rules_run_in_haproxys_order() {
    // Whatever stands above: tcp-request, monitor-uri, http-request, redirect, use_backend.
    let front = "use_backend b2\n redirect location /late if { hdr(x-step) 2 }\n \
                 http-request set-header X-Step 2 if { var(txn.a) -m found }\n \
                 tcp-request content set-var(txn.a) src";
    let (seen, _) = Site::new(front, "").answered(REQUEST);
    assert_eq!(value(&seen, "location"), ["/late"]);
    // `allow` ends its own list only.
    let site =
        Site::new("http-request allow\n http-request deny", "http-request set-header X-Be 1");
    assert_eq!(value(&site.sent(REQUEST), "x-be"), ["1"]);
    let monitor = "http-request deny\n monitor-uri /mon\n monitor fail if { path /never }";
    let (seen, _) = Site::new(monitor, "").answered("GET /mon HTTP/1.1\nHost: a\n");
    assert!(seen.start.contains(" 200 "));
    let (seen, _) = Site::new(monitor, "").answered("GET /mon?x HTTP/1.1\nHost: a\n");
    assert!(seen.start.contains(" 403 "), "the query counts");
    let failing = "monitor-uri /mon\n monitor fail if { nbsrv(b) lt 9 }";
    let (seen, _) = Site::new(failing, "").answered("GET /mon HTTP/1.1\n");
    assert!(seen.start.contains(" 503 "));
    // A denial in the frontend sees the frontend's http-after-response only.
    let after = "http-request deny\n http-after-response set-header X-F %[status]";
    let (seen, _) = Site::new(after, "http-after-response set-header X-B 1").answered(REQUEST);
    assert_eq!((value(&seen, "x-f"), value(&seen, "x-b").len()), (vec!["403".to_owned()], 0));
}

#[test]
fn backends_and_servers_are_chosen() {
    let chosen = |front: &str, back: &str| {
        let site = Site::new(front, back);
        site.run(REQUEST, |_, decision| match decision {
            Decision::Forward { backend, server, persistence } => {
                (site.plan.proxies[backend].name.to_string(), server, persistence)
            }
            other => panic!("{other:?}"),
        })
    };
    let to = |name: &str| (name.to_owned(), None, None);
    assert_eq!(chosen("", ""), to("b"));
    assert_eq!(chosen("use_backend b2 if { path_beg /a }", ""), to("b2"));
    assert_eq!(chosen("use_backend b2 if { path_beg /x }", ""), to("b"));
    assert_eq!(chosen("use_backend b%[str(2)]\n use_backend b", ""), to("b2"));
    assert_eq!(chosen("use_backend nosuch%[str(2)]\n use_backend b2", ""), to("b"));
    let server = |name: &str, at| (name.to_owned(), Some(at), None);
    assert_eq!(chosen("", "use-server s if { path_beg /a }"), server("b", 0));
    // `t` is down in this world: the next rule is tried; `option persist` takes it all the same.
    assert_eq!(chosen("", "use-server t if TRUE\n use-server s if TRUE"), server("b", 0));
    assert_eq!(chosen("", "option persist\n use-server t if TRUE"), server("b", 1));
    let forced = ("b".to_owned(), Some(1), Some(Persistence::Force));
    assert_eq!(chosen("", "force-persist if TRUE\n use-server t if TRUE"), forced);
    assert_eq!(chosen("", "use-server %[str(nope)] if TRUE\n use-server s if TRUE"), to("b"));
    let alone = Site::of("frontend f\n mode http\n bind :80\n");
    assert!(alone.answered(REQUEST).0.start.contains(" 503 "));
}

#[test]
fn settings_reach_the_exchange() {
    let front = "http-request set-src hdr(x-ip)\n http-request set-src-port int(7)\n \
                 http-request capture path len 3\n http-request capture hdr(host) len 20\n \
                 http-request set-var(txn.a,ifnotexists) str(one)\n \
                 http-request set-var(txn.a,ifnotexists) str(two)\n \
                 http-request set-log-level silent\n http-request set-timeout client 5s\n \
                 http-request set-fc-tos 0x10\n http-request early-hint Link <a>\n \
                 http-request set-priority-class int(9999)\n http-request set-map(m) %[src] v\n \
                 http-request set-header V %[src]:%[src_port]-<%[var(txn.a)]>%hr";
    let site = Site::new(front, "");
    let request = "GET /a/b HTTP/1.1\nHost: Ex.com\nX-Ip: 10.1.2.3\n";
    assert_eq!(value(&site.sent(request), "v"), ["10.1.2.3:7-<one>{/a/|Ex.com}"]);
    site.run(request, |walk, _| {
        assert_eq!(walk.effects.log_level, Some(None));
        assert_eq!(walk.effects.client_timeout_ms, Some(5000));
        assert_eq!(walk.effects.client_tos, Some(16));
        assert_eq!(walk.effects.hints, [("Link".into(), b"<a>".to_vec())]);
        assert_eq!(walk.exchange.priority_class, 2047);
    });
    // What is no address changes nothing.
    let bogus = "GET /a/b HTTP/1.1\nHost: Ex.com\nX-Ip: bogus\n";
    assert!(value(&site.sent(bogus), "v")[0].starts_with("192.0.2.1:7"));
}

/// As HAProxy 3.0.11 does: there are no `res.` variables before the response, no `req.` ones after.
#[test]
fn variables_of_request_and_response_do_not_meet() {
    let front = "http-request set-var(res.early) str(x)\n http-request set-var(req.q) str(q)\n \
                 http-request set-method PUT\n \
                 http-request return status 200 hdr seen [%[var(res.early)]%[var(req.q)]%[method]]\n \
                 http-after-response set-var(req.late) str(y)\n \
                 http-after-response set-var(res.late) str(z)\n \
                 http-after-response set-header after \
                 [%[var(res.early)]%[var(req.q)]%[var(req.late)]%[var(res.late)]]";
    let (answer, _) = Site::new(front, "").answered(REQUEST);
    assert_eq!(value(&answer, "seen"), ["[qGET]"]);
    assert_eq!(value(&answer, "after"), ["[z]"]);
}

#[test]
fn methods_are_compared_as_they_are_written() {
    let front = "http-request set-header A 1 if { method get }\n \
                 http-request set-header B 1 if { method -i get }\n \
                 http-request set-header C 1 if METH_GET";
    let site = Site::new(front, "");
    let seen = |method: &str| {
        let sent = site.sent(&format!("{method} / HTTP/1.1\nHost: h\n"));
        ["a", "b", "c"].map(|name| value(&sent, name).len())
    };
    assert_eq!((seen("get"), seen("GET")), ([1, 1, 0], [0, 0, 1]));
}

#[test]
fn responses_pass_the_backend_then_the_frontend() {
    let front =
        "http-response set-header X-Order fe\n http-after-response set-header X-After %[status]";
    let back = "http-response set-header X-Order be\n http-response set-status 503 reason Slow if { status 418 }\n \
                http-response deny if { status 500 }\n http-response set-header X-R %[var(req.x)]|%[capture.req.method]\n \
                http-after-response set-header X-B 1";
    let site = Site::new(front, back);
    let answer = |status: &str| {
        let response = format!("HTTP/1.1 {status} x\nX-Resp: one, two\n");
        site.run(REQUEST, |walk, _| {
            let message = TestMessage::parse(&response);
            let base = message.view().base.to_vec();
            let mut own = Walk { response: None, ..reborrow(walk) };
            own.response = Some(Message { head: message.head.clone(), base: &base });
            own.variables.set("req.x", crate::rules::value::Value::Int(1));
            match super::response(&mut own, &mut Quiet) {
                Passage::Forward => Seen::of(own.response.as_ref().expect("one").view()),
                Passage::Answer(answer) => Seen::of(answer.head.view(b"")),
                other => panic!("{other:?}"),
            }
        })
    };
    let ok = answer("200");
    assert_eq!(value(&ok, "x-order"), ["fe"]);
    assert_eq!(
        (value(&ok, "x-after"), value(&ok, "x-b")),
        (vec!["200".into()], vec!["1".to_owned()])
    );
    assert_eq!(value(&ok, "x-r"), ["|GET"], "variables of the request are gone, its line is not");
    assert_eq!(answer("418").start, "HTTP/1.1 503 Slow");
    let denied = answer("500");
    assert!(denied.start.contains(" 502 "));
    assert_eq!(value(&denied, "x-after"), ["502"]);
}

/// The same walk with a shorter life, so that a test's response may be put into it.
fn reborrow<'s>(walk: &'s Walk<'_>) -> Walk<'s> {
    Walk {
        plan: walk.plan,
        program: walk.program,
        connection: walk.connection,
        counters: walk.counters,
        tables: walk.tables,
        moment: walk.moment,
        process: walk.process,
        variables: walk.variables,
        request: None,
        response: None,
        exchange: walk.exchange.clone(),
        server_connection: None,
        proxy: walk.proxy,
        backend: walk.backend,
        server: walk.server,
        effects: walk.effects.clone(),
    }
}

#[test]
fn connections_are_let_in_or_not() {
    let text = "frontend f\n mode tcp\n bind :80\n tcp-request connection reject if { src 192.0.2.1 }\n \
                tcp-request session silent-drop rst-ttl 3\n tcp-request content switch-mode http\n default_backend b\n\
                backend b\n mode http\n http-request set-header X 1\n server s 192.0.2.9:80\n";
    let site = Site::of(text);
    site.run(REQUEST, |walk, decision| {
        // The first request came as HTTP already.
        assert!(matches!(decision, Decision::Forward { .. }), "{decision:?}");
        let first = connection(walk, Ruleset::TcpConnection, &mut Quiet);
        assert!(matches!(first, Admission::Close));
        let second = connection(walk, Ruleset::TcpSession, &mut Quiet);
        assert!(matches!(second, Admission::Drop(Some(3))));
        walk.request = None;
        assert!(matches!(request(walk, &mut Quiet), Decision::SwitchToHttp));
        assert!(walk.exchange.last_rule.is_some());
    });
}

#[test]
fn unique_identifiers_are_made_and_sent() {
    let front = "unique-id-format %{+X}o%ci:%cp\n unique-id-header X-ID\n http-request set-header Seen %[unique-id]";
    let sent = Site::new(front, "").sent(REQUEST);
    assert_eq!(
        (value(&sent, "x-id"), value(&sent, "seen")),
        (vec!["C0000201:9C40".to_owned()], vec!["C0000201:9C40".to_owned()])
    );
}

/// `option forwarded` (RFC 7239), of the backend: as HAProxy 3.0 writes it.
#[test]
fn servers_are_told_of_addresses_by_one_field() {
    let request = "GET / HTTP/1.1\nHost: a.example:8080\n";
    let sent = |words: &str| {
        let back = format!("option forwarded {words}");
        value(&Site::new("", &back).sent(request), "forwarded").join(" | ")
    };
    for (words, field) in [
        ("", "proto=http;for=192.0.2.1"),
        ("host", "host=\"a.example:8080\""),
        ("for for_port", "for=\"192.0.2.1:40000\""),
        ("for_port", ""),
        ("for-expr str(_gazonk)", "for=_gazonk"),
        ("for-expr str(a.b)", "for=_a.b"),
        ("for-expr str(bad!)", "for=unknown"),
        ("for-expr str(::1)", "for=unknown"),
        ("for-expr str([::1])", "for=\"[::1]\""),
        ("for-expr src,ipmask(8)", "for=192.0.0.0"),
        ("for-expr req.hdr(none) for_port", "for=\"unknown:40000\""),
        ("for for_port-expr str(_x)", "for=\"192.0.2.1:_x\""),
        ("for for_port-expr str(99999)", "for=\"192.0.2.1:_99999\""),
        ("for for_port-expr str(bad!)", "for=\"192.0.2.1\""),
        ("host-expr str(x.y:80)", "host=\"x.y:80\""),
        ("host-expr req.hdr(none)", "host=\"\""),
    ] {
        assert_eq!(sent(words), field, "{words}");
    }
    let front = Site::new("option forwardfor", "no option forwarded").sent(request);
    assert_eq!(value(&front, "forwarded").len(), 0);
}

/// `option forwardfor` and `option originalto`, of the frontend and of the backend.
#[test]
fn servers_are_told_of_addresses() {
    let request = "GET / HTTP/1.1\nHost: x\nX-Forwarded-For: 198.51.100.9\n";
    let fields = |front: &str, back: &str, name: &str| {
        value(&Site::new(front, back).sent(request), name).join(" ")
    };
    let xff = |front: &str, back: &str| fields(front, back, "x-forwarded-for");
    assert_eq!(xff("", ""), "198.51.100.9");
    assert_eq!(xff("option forwardfor", ""), "198.51.100.9 192.0.2.1");
    assert_eq!(xff("option forwardfor if-none", ""), "198.51.100.9");
    // `if-none` counts only if nobody wants it always.
    let always = xff("option forwardfor if-none", "option forwardfor");
    assert_eq!(always, "198.51.100.9 192.0.2.1");
    assert_eq!(xff("option forwardfor except 192.0.2.0/24", ""), "198.51.100.9");
    assert_eq!(xff("option forwardfor except 192.0.3.0/24", ""), "198.51.100.9 192.0.2.1");
    // The backend's name goes before the frontend's.
    let (front, back) = ("option forwardfor header X-A", "option forwardfor header X-B");
    assert_eq!(fields(front, back, "x-b"), "192.0.2.1");
    assert_eq!(fields(front, back, "x-a"), "");
    assert_eq!(fields(front, "", "x-a"), "192.0.2.1");
    assert!(!fields("option originalto", "", "x-original-to").is_empty());
}
