use super::*;
use crate::config::environment::Environment;
use crate::config::read::read;
use crate::config::source::MemoryFiles;

/// The rules' own advice and errors: name (or `error`) and line, in order.
fn told(text: &str) -> Vec<(String, usize)> {
    let mut files = MemoryFiles::default();
    files.0.insert("t.cfg".into(), text.into());
    let mut report = Report::default();
    let plan = read(&["t.cfg".into()], &files, &mut Environment::default(), &mut report);
    let before = report.faults.len();
    compile(&plan, &files, &mut report);
    let faults = report.faults.iter().skip(before);
    let told = faults.map(|it| {
        let line = it.span.map_or(0, |span| plan.sources.line(span));
        (it.advice.unwrap_or("error").to_owned(), line)
    });
    told.collect()
}

/// The same for the lines of a frontend, counted from its first.
fn front(lines: &str) -> Vec<(String, usize)> {
    let text = format!(
        "backend b\n mode http\n server s 192.0.2.9:80\nbackend b2\n mode http\n \
         server s 192.0.2.9:80\nfrontend f\n mode http\n bind :80\n {lines}\n"
    );
    told(&text).into_iter().map(|(name, line)| (name, line.saturating_sub(9))).collect()
}

fn is(all: &[(&str, usize)]) -> Vec<(String, usize)> {
    all.iter().map(|(name, line)| ((*name).to_owned(), *line)).collect()
}

#[test]
fn rules_that_run_before_rules_above_them_are_told() {
    let never = "if { path /never }";
    let order = |first: &str, second: &str| front(&format!("{first} {never}\n {second} {never}"));
    let order_of = is(&[("rule-order", 2)]);
    for (first, second) in [
        ("use_backend b", "http-request deny"),
        ("use_backend b", "redirect location /"),
        ("use_backend b", "tcp-request content accept"),
        ("use_backend b", "monitor fail"),
        ("redirect location /", "http-request deny"),
        ("http-request deny", "tcp-request content accept"),
        ("http-request deny", "monitor fail"),
        ("redirect location /", "tcp-request content accept"),
    ] {
        assert_eq!(order(first, second), order_of, "{first}, {second}");
        assert_eq!(order(second, first), [], "{second}, {first}");
    }
    assert_eq!(order("http-response deny", "http-request deny").len(), 1, "only the unknown path");
    let connection = "tcp-request session accept\n tcp-request connection accept";
    assert_eq!(front(connection), order_of);
}

#[test]
fn rules_that_are_never_reached_are_told() {
    let unreachable = is(&[("unreachable", 2)]);
    assert_eq!(front("http-request deny\n http-request allow"), unreachable);
    assert_eq!(front("use_backend b\n use_backend b2 if { path /a }"), unreachable);
    let same = "use_backend b if { path /a }\n use_backend b2 if { path /a }";
    assert_eq!(front(same), unreachable);
    let other = "use_backend b if { path /a }\n use_backend b2 unless { path /a }";
    assert_eq!(front(other), []);
    // The rule in between may change what the condition sees.
    let changed = "http-request deny if { path /a }\n http-request set-path /a\n http-request deny if { path /a }";
    assert_eq!(front(changed), []);
    assert_eq!(
        front("http-request redirect location %[hdr(a)] ignore-empty\n http-request deny"),
        []
    );
}

#[test]
fn acls_that_nothing_names_are_told() {
    assert_eq!(
        front("acl a path /a\n acl b path /b\n http-request deny if b"),
        is(&[("unused-acl", 1)])
    );
    assert_eq!(front("acl a path /a\n use_backend b if !a"), []);
}

#[test]
fn rules_that_a_mode_never_runs_are_told_once() {
    let text =
        "frontend f\n bind :80\n http-request deny\n http-request deny\n redirect location /\n";
    let names: Vec<String> = told(text).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.iter().filter(|name| *name == "mode").count(), 2, "{names:?}");
    let switching =
        "frontend f\n bind :80\n tcp-request content switch-mode http\n http-request deny\n";
    assert_eq!(told(switching), []);
}

#[test]
fn names_and_modes_of_backends_are_checked() {
    assert_eq!(front("use_backend nope"), is(&[("error", 1)]));
    assert_eq!(front("use_backend f"), is(&[("error", 1)]));
    assert_eq!(front("use_backend %[bogus]"), is(&[("error", 1)]));
    assert_eq!(front("use_backend b x"), is(&[("error", 1)]));
    let tcp = "frontend f\n mode http\n bind :1\n use_backend b\nbackend b\n mode tcp\n";
    assert_eq!(told(tcp), is(&[("error", 4)]));
    let upgrade = "frontend f\n mode tcp\n bind :1\n use_backend b\nbackend b\n mode http\n";
    assert_eq!(told(upgrade), []);
}

#[test]
fn faults_of_inherited_rules_are_told_once() {
    let text = "defaults d\n mode http\n http-request set-header a %[bogus]\n\
                frontend f from d\n bind :1\nfrontend g from d\n bind :2\n";
    assert_eq!(told(text), is(&[("error", 3)]));
    let either = "defaults d\n mode http\n http-request set-header a %[be_name]\nfrontend f from d\n bind :1\n";
    assert_eq!(told(either), []);
}

#[test]
fn who_may_inherit_rules() {
    let rules = "defaults d\n mode http\n http-request deny if { path /a }\n";
    assert_eq!(
        told(&format!("{rules}frontend f from d\n bind :1\nfrontend g from d\n bind :2\n")),
        []
    );
    assert_eq!(told(&format!("{rules}listen l from d\n bind :1\n")), is(&[("error", 4)]));
    assert_eq!(
        told(&format!("{rules}frontend f from d\n bind :1\nbackend b from d\n")),
        is(&[("error", 6)])
    );
    assert_eq!(told(&format!("{rules}defaults e from d\n mode http\n")), is(&[("error", 4)]));
}

#[test]
fn captures_have_slots_in_the_order_of_their_lines() {
    let text = "frontend f\n mode http\n bind :1\n http-request capture path len 3\n \
                capture request header Host len 10\n http-request capture path len 5\n";
    let mut files = MemoryFiles::default();
    files.0.insert("t.cfg".into(), text.into());
    let mut report = Report::default();
    let plan = read(&["t.cfg".into()], &files, &mut Environment::default(), &mut report);
    let program = compile(&plan, &files, &mut report);
    let lengths: Vec<usize> =
        program.proxy(0).request_captures.iter().map(|it| it.length).collect();
    assert_eq!(lengths, [3, 10, 5]);
    assert_eq!(front("http-request capture path id 0"), is(&[("error", 1)]));
    assert_eq!(front("http-request capture path id 0\n declare capture request len 3"), []);
}

#[test]
fn other_lines_are_compiled() {
    for (line, errors) in [
        ("log-format %ci\\ %bogus", 1),
        ("log-format %[src]", 0),
        ("unique-id-format %[status]", 1),
        ("http-error status 503 content-type text/plain lf-string %[bogus]", 1),
        ("http-error status 503 content-type text/plain lf-string %[src]", 0),
        ("monitor fail if { nbsrv(nope) lt 1 }", 1),
        ("stats http-request bogus", 1),
        ("stats http-request auth realm x if { src 192.0.2.1 }", 0),
    ] {
        let told = front(line);
        assert_eq!(told.iter().filter(|it| it.0 == "error").count(), errors, "{line}: {told:?}");
    }
    for (line, errors) in [
        ("balance hash bogus", 1),
        ("balance hash res.hdr(a)", 1),
        ("balance hash src", 0),
        ("option httpchk\n http-check send uri-lf %[bogus]", 1),
        ("option httpchk\n http-check expect rstring (", 1),
        ("option httpchk\n http-check set-var(check.a) int(3)", 0),
        ("option forwarded for-expr bogus", 1),
        ("stick on src", 1),
        ("stick-table type ip size 1k\n stick on src", 0),
        ("stick-table type ip size 1k\n stick on res.hdr(a)", 1),
        ("use-server s", 1),
        ("use-server nope if { src 192.0.2.1 }", 1),
        ("force-persist", 1),
        ("tcp-request connection accept", 1),
    ] {
        let text = format!("backend b\n mode http\n server s 192.0.2.9:80\n {line}\n");
        let mut files = MemoryFiles::default();
        files.0.insert("t.cfg".into(), text.into());
        let mut report = Report::default();
        let plan = read(&["t.cfg".into()], &files, &mut Environment::default(), &mut report);
        compile(&plan, &files, &mut report);
        assert_eq!(report.count(Level::Error), errors, "{line}: {:?}", report.faults);
    }
    assert_eq!(told("global\n set-var proc.a int(3)\n set-var proc.b src\n"), is(&[("error", 3)]));
}
