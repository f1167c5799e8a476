//! The table of fetches: every example parses, and HAProxy has the same fetches with the same types,
//! arguments and places.
//!
//! HAProxy is asked if there is one of 3.0 (`KOI_HAPROXY`, or `haproxy` in the path); otherwise that
//! half is left out, and says so.

use std::collections::BTreeMap;
use std::process::Command;

use koi::config::environment::Environment;
use koi::config::keyword::Status;
use koi::config::plan::Plan;
use koi::config::read::read;
use koi::config::report::Report;
use koi::config::source::{MemoryFiles, Span};
use koi::config::word::Word;
use koi::rules::arg::{Kind, Param};
use koi::rules::compiler::{Compiler, Scope, Words};
use koi::rules::expr::Expr;
use koi::rules::fetch::{self, Fetch, acl_names};
use koi::rules::value::Type;

/// A proxy in which every example has what it names.
const WORLD: &str = "
userlist admins
listen l
  bind :8080
  acl a path /
  stick-table type ip size 100 store gpc0
  server s1 192.0.2.1:80
";

/// A plan out of what this build can read.
fn plan() -> Plan {
    let mut files = MemoryFiles::default();
    files.0.insert("test.cfg".into(), WORLD.into());
    let mut report = Report::default();
    read(&["test.cfg".into()], &files, &mut Environment::default(), &mut report)
}

fn parse(text: &str, plan: &Plan) -> (Option<Expr>, Report) {
    let mut report = Report::default();
    let files = MemoryFiles::default();
    let proxy = plan.frontend("l").and_then(|index| plan.proxies.get(index));
    let words = [Word::synthetic(text)];
    let mut compiler =
        Compiler { plan, proxy, report: &mut report, files: &files, lists: &Default::default() };
    let expr = Expr::parse(&mut Words::new(&words, Span::default()), &mut compiler);
    (expr, report)
}

fn needs_server(fetch: &Fetch) -> bool {
    fetch.params.iter().any(|param| param.kind == Kind::Server)
}

#[test]
fn every_example_parses() {
    let plan = plan();
    let has_server = plan.proxies.iter().any(|proxy| !proxy.servers.is_empty());
    for fetch in fetch::all() {
        // Until `server` lines are read.
        if needs_server(fetch) && !has_server {
            continue;
        }
        let (expr, report) = parse(fetch.example, &plan);
        let refused = matches!(fetch.status, Status::Refused { .. });
        assert_eq!(expr.is_none(), refused, "{}: {:?}", fetch.example, report.faults);
        if let Some(expr) = expr {
            assert_eq!(expr.fetch.name, fetch.name, "{}", fetch.example);
            assert_eq!(expr.output(), fetch.output, "{}", fetch.example);
            assert!(expr.fits(fetch.scopes), "{}", fetch.example);
        }
    }
}

#[test]
fn every_fetch_is_described() {
    let mut names = BTreeMap::new();
    for fetch in fetch::all() {
        assert!(fetch.about.ends_with('.'), "{}: {}", fetch.name, fetch.about);
        assert!(fetch.scopes.0 != 0, "{} is known nowhere", fetch.name);
        assert!(names.insert(fetch.name, ()).is_none(), "{} stands twice", fetch.name);
        let must_after_may = fetch.params.windows(2).any(|two| two[0].optional && !two[1].optional);
        assert!(!must_after_may, "{}", fetch.name);
    }
}

/// What HAProxy prints with `-dK<what>`; `None` if there is none of 3.0.
fn haproxy(what: &str) -> Option<String> {
    let program = std::env::var("KOI_HAPROXY").unwrap_or_else(|_| "haproxy".into());
    let run = |args: &[&str]| {
        let output = Command::new(&program).args(args).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(version) = run(&["-v"]) else {
        println!("skipped: {program} cannot be run (set KOI_HAPROXY)");
        return None;
    };
    if !version.contains("version 3.0.") {
        println!("skipped: {program} is not HAProxy 3.0: {version}");
        return None;
    }
    run(&["-q", what, "-c", "-f", "/dev/null"])
}

/// The columns of `-dKsmp`: several of them are one of our places.
const COLUMNS: [Scope; 22] = [
    Scope::CONNECTION,
    Scope::SESSION,
    Scope::FRONT,
    Scope::FRONT,
    Scope::FRONT,
    Scope::FRONT,
    Scope::BACK,
    Scope::BACK,
    Scope::BACK,
    Scope::BACK,
    Scope::SERVER,
    Scope::RESPONSE,
    Scope::RESPONSE,
    Scope::RESPONSE,
    Scope::RESPONSE,
    Scope::RESPONSE,
    Scope::RESPONSE,
    Scope::RESPONSE,
    Scope::LOG,
    Scope::CHECK,
    Scope::START,
    Scope::COMMAND,
];

/// The type of an argument as HAProxy names it. Some arguments that are texts there are more here.
fn argument(fetch: &str, param: &Param) -> &'static str {
    match (fetch, param.kind) {
        ("ipv4", _) => "IPv4 address",
        ("ipv6", _) => "IPv6 address",
        (_, Kind::Str | Kind::Field | Kind::Variable) => "string",
        (_, Kind::Int) => "integer",
        (_, Kind::Frontend) => "frontend",
        (_, Kind::Backend) => "backend",
        (_, Kind::Server) => "server",
        (_, Kind::Table) => "table",
        (_, Kind::Userlist) => "user list",
        (_, other) => panic!("no fetch takes {other:?}"),
    }
}

fn type_name(output: Type) -> &'static str {
    match output {
        Type::Bool => "bool",
        Type::Int => "sint",
        Type::Addr => "addr",
        Type::Ipv4 => "ipv4",
        Type::Ipv6 => "ipv6",
        Type::Str => "str",
        Type::Bin => "bin",
        Type::Method => "meth",
        Type::Any => "any",
        Type::Same => panic!("a fetch has no input"),
    }
}

/// `name(string[,integer]): str`, without saying which arguments may be left out: HAProxy says that
/// only of those behind others, and of a proxy or table not at all.
fn signature(fetch: &Fetch) -> String {
    let arguments: Vec<_> = fetch.params.iter().map(|it| argument(fetch.name, it)).collect();
    let arguments = match arguments.is_empty() {
        true => String::new(),
        false => format!("({})", arguments.join(",")),
    };
    format!("{}{arguments}: {}", fetch.name, type_name(fetch.output))
}

#[test]
fn fetches_are_those_of_haproxy() {
    let Some(text) = haproxy("-dKsmp") else { return };
    let mut theirs = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("[ ")) {
        let (columns, signature) = line.split_once(" ] ").expect("columns and a signature");
        let marks = columns.split(' ').zip(COLUMNS);
        let places = marks.filter(|(mark, _)| *mark == "Y").map(|(_, place)| place);
        let places = places.fold(Scope(0), Scope::or);
        theirs.insert(signature.replace(['[', ']'], ""), places);
    }
    assert!(theirs.len() > 500, "{text}");
    let ours: BTreeMap<_, _> = fetch::all().map(|it| (signature(it), it.scopes)).collect();
    for (signature, places) in &theirs {
        match ours.get(signature) {
            None => panic!("HAProxy has {signature}"),
            Some(own) => assert_eq!(own, places, "{signature}"),
        }
    }
    for signature in ours.keys() {
        assert!(theirs.contains_key(signature), "HAProxy does not have {signature}");
    }
}

#[test]
fn acl_names_are_those_of_haproxy() {
    let Some(text) = haproxy("-dKacl") else { return };
    let theirs: Vec<_> = text.lines().filter(|line| line.contains(" = ")).collect();
    let mut ours: Vec<_> = acl_names::all()
        .map(|it| format!("{} = {} -m {}", it.name, it.fetch, it.method.name()))
        .collect();
    ours.sort();
    assert_eq!(ours, theirs);
}
