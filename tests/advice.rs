//! When advice is given, and when it is not: small configurations and the names of what they get.

use koi::config::environment::Environment;
use koi::config::report::Level;
use koi::config::source::MemoryFiles;
use koi::process::check::{Checked, check};

/// A frontend that everything else hangs on, with its timeouts.
const HEAD: &str = "\
defaults
    mode http
    timeout client 30s
    timeout connect 5s
    timeout server 30s
frontend web
    bind 127.0.0.1:8080
";

fn checked(text: &str) -> Checked {
    let files = MemoryFiles([("a.cfg".to_owned(), text.into())].into());
    let checked = check(&["a.cfg".to_owned()], &files, &mut Environment::default(), &[]);
    let errors = checked.report.faults.iter().filter(|fault| fault.level == Level::Error);
    assert_eq!(errors.count(), 0, "{text}{:#?}", checked.report.faults);
    checked
}

/// Name and line of each piece of advice about `HEAD` and what follows, but for what is not built yet.
fn advice(rest: &str) -> Vec<(&'static str, usize)> {
    let checked = checked(&format!("{HEAD}{rest}"));
    let mut found: Vec<_> = checked
        .report
        .faults
        .iter()
        .filter_map(|fault| {
            let line = fault.span.map_or(0, |span| checked.plan.sources.line(span));
            Some((fault.advice?, line))
        })
        .filter(|(name, _)| *name != "not-yet")
        .collect();
    found.sort_by_key(|&(name, line)| (line, name));
    found
}

#[track_caller]
fn assert_advice(rest: &str, expected: &[(&'static str, usize)]) {
    assert_eq!(advice(rest), expected, "{rest}");
}

#[test]
fn rules_behind_use_backend_run_before_it() {
    let backend = "backend b\n    server s 192.0.2.1:80\n";
    assert_advice(
        &format!("    use_backend b if TRUE\n    http-request deny if {{ path /x }}\n{backend}"),
        &[("rule-order", 9)],
    );
    assert_advice(
        &format!("    http-request deny if {{ path /x }}\n    use_backend b\n{backend}"),
        &[],
    );
}

#[test]
fn a_rule_that_is_never_reached() {
    let two = "backend b\n    server s 192.0.2.1:80\nbackend c\n    server s 192.0.2.2:80\n";
    assert_advice(
        &format!("    use_backend b\n    use_backend c if {{ path /x }}\n{two}"),
        &[("unreachable", 9)],
    );
    let same = "    use_backend b if { path /x }\n    use_backend c if { path /x }\n";
    assert_advice(&format!("{same}{two}"), &[("unreachable", 9)]);
    let other = "    use_backend b if { path /x }\n    use_backend c if { path /y }\n";
    assert_advice(&format!("{other}{two}"), &[]);
}

/// One name may mean two tests: that of `defaults` is not that of the frontend.
#[test]
fn the_same_words_are_not_always_the_same_condition() {
    let text = "\
defaults d
    mode http
    timeout client 1s
    acl x path /a
    http-request deny if x
frontend f from d
    bind 127.0.0.1:8081
    acl x path /b
    http-request redirect location /z if x
";
    let checked = checked(text);
    let names: Vec<_> = checked.report.faults.iter().filter_map(|fault| fault.advice).collect();
    assert!(!names.contains(&"unreachable"), "{names:?}");
}

#[test]
fn what_nobody_uses() {
    assert_advice("    acl a path /x\n", &[("unused-acl", 8)]);
    assert_advice("    acl a path /x\n    http-request deny if a\n", &[]);
    let backend = "backend b\n    server s 192.0.2.1:80 check\n";
    assert_advice(backend, &[("unused-backend", 8)]);
    assert_advice(&format!("    default_backend b\n{backend}"), &[]);
    assert_advice(&format!("    use_backend %[path,word(1,/)]\n{backend}"), &[]);
    // Counted, or tracked: it has its use.
    let monitor = "    monitor-uri /up\n    monitor fail if { nbsrv(b) lt 1 }\n";
    assert_advice(&format!("{monitor}{backend}"), &[]);
    let tracker = "    default_backend t\nbackend t\n    server s 192.0.2.2:80 track b/s\n";
    assert_advice(&format!("{tracker}{backend}"), &[]);
    // A disabled proxy uses nothing.
    let disabled = "listen off\n    disabled\n    bind 127.0.0.1:8081\n    use_backend b\n";
    assert_advice(&format!("{disabled}{backend}"), &[("unused-backend", 12)]);
}

#[test]
fn checks_that_nobody_runs() {
    let used = "    default_backend b\nbackend b\n    option httpchk\n";
    assert_advice(&format!("{used}    server s 192.0.2.1:80\n"), &[("httpchk-without-check", 10)]);
    assert_advice(&format!("{used}    server s 192.0.2.1:80 check\n"), &[]);
    let inherited = "    default-server check\n    server s 192.0.2.1:80\n";
    assert_advice(&format!("{used}{inherited}"), &[]);
}

#[test]
fn pages_and_logs() {
    let server = "    default_backend b\nbackend b\n    server s 192.0.2.1:80\n";
    assert_advice(&format!("    stats enable\n{server}"), &[("stats-everywhere", 8)]);
    // A page of its own is as it should be.
    let own = "listen stats\n    bind 127.0.0.1:8404\n    stats enable\n";
    assert_advice(&format!("{server}{own}"), &[]);
    assert_advice(&format!("    log global\n{server}"), &[("log-without-target", 8)]);
    let global = "global\n    log 127.0.0.1:514 local0\n";
    assert_advice(&format!("    log global\n{server}{global}"), &[]);
}

#[test]
fn stickiness() {
    let used = "    default_backend b\nbackend b\n    server s 192.0.2.1:80\n";
    let table = "    stick-table type ip size 1k\n    stick on src\n";
    assert_advice(&format!("{used}{table}"), &[("stick-table-ipv4", 11), ("stick-one-server", 12)]);
    let two = "    server t 192.0.2.2:80\n    stick-table type ipv6 size 1k\n    stick on src\n";
    assert_advice(&format!("{used}{two}"), &[]);
    let peers = "peers p\n    table t type ip size 1k\n";
    assert_advice(&format!("{used}{peers}"), &[("stick-table-ipv4", 12)]);
}

#[test]
fn timeouts() {
    let own =
        "    timeout client 15m\n    default_backend b\nbackend b\n    server s 192.0.2.1:80\n";
    assert_advice(own, &[("overrides", 8)]);
    let text = "frontend f\n    mode http\n    bind 127.0.0.1:8080\n";
    let names: Vec<_> = checked(text).report.faults.iter().filter_map(|it| it.advice).collect();
    assert!(names.contains(&"missing-timeout"), "{names:?}");
}

/// Consul's way: the port comes from the SRV record.
#[test]
fn a_service_needs_no_port_for_its_check() {
    let text = "    default_backend b\nresolvers r\n    nameserver n 127.0.0.1:8600\nbackend b\n    \
                server-template w 3 _web._tcp.service.consul resolvers r check\n";
    assert_advice(text, &[]);
}

/// The order of advice and its text do not change from run to run.
#[test]
fn the_same_file_gets_the_same_advice() {
    let text = format!("{HEAD}    stats enable\nbackend b\n    server s 192.0.2.1:80\n");
    let (first, second) = (checked(&text), checked(&text));
    assert_eq!(first.report.faults, second.report.faults);
}
