use super::*;
use crate::config::plan::Plan;
use crate::config::report::Report;
use crate::rules::condition::{Acls, Condition};
use crate::rules::testing::World;

/// What examples name: tables, caches, name servers, filters, users.
const WORLD: &str = "\
global
 expose-experimental-directives
userlist staff
 user a insecure-password b
cache static
 total-max-size 4
resolvers dns
 nameserver n 192.0.2.53:53
http-errors site
 errorfile 403 /403.http
listen l
 mode http
 bind :80
 declare capture request len 32
 declare capture response len 32
 stick-table type ip size 1k store gpc(2),gpt(2)
 filter bwlim-in slow default-limit 1m default-period 1s
 server s1 192.0.2.9:80
";

fn world() -> World {
    let mut world = World::new();
    let files = &mut world.files.0;
    files.insert("/403.http".into(), b"HTTP/1.0 403 No\r\n\r\n".to_vec());
    files.insert("/text".into(), b"hello %[src]\n".to_vec());
    files.insert("/empty".into(), Vec::new());
    files.insert("/large".into(), vec![b'x'; 20_000]);
    files.insert("/bad.http".into(), b"hello\n".to_vec());
    world.plan(WORLD)
}

fn parsed(world: &World, ruleset: Ruleset, text: &str) -> (Option<Action>, Report) {
    world.compile(text, |words, compiler| {
        let action = parse(words, ruleset, compiler)?;
        let mut acls = Acls::default();
        let (scope, place) = (ruleset.scope(), ruleset.place());
        Condition::parse(words, &mut acls, scope, &place, compiler)?;
        Some(action)
    })
}

/// The first error of a rule.
#[track_caller]
fn fault(ruleset: Ruleset, text: &str) -> String {
    let (_, report) = parsed(&world(), ruleset, text);
    let first = report.faults.into_iter().find(|it| it.advice.is_none());
    first.unwrap_or_else(|| panic!("{text}: fine")).message
}

#[track_caller]
fn good(ruleset: Ruleset, text: &str) -> Action {
    let (action, report) = parsed(&world(), ruleset, text);
    action.unwrap_or_else(|| panic!("{text}: {:?}", report.faults))
}

#[test]
fn every_example_parses_where_it_is_legal_and_refusals_say_why() {
    let world = world();
    for entry in all() {
        for ruleset in entry.rulesets.iter() {
            // These read requests, or answer in HTTP.
            let needs_http = ["use-service", "do-resolve", "set-bandwidth-limit", "capture"];
            if !ruleset.is_http() && needs_http.contains(&entry.name) {
                continue;
            }
            let text = match (entry.name, ruleset) {
                ("capture", Ruleset::HttpResponse | Ruleset::HttpAfterResponse) => {
                    "capture res.hdr(server) id 0"
                }
                ("redirect" | "set-bandwidth-limit", Ruleset::HttpResponse) => continue,
                ("return", Ruleset::HttpResponse) => "return status 200",
                _ => entry.example,
            };
            let (action, report) = parsed(&world, ruleset, text);
            match entry.status {
                Status::Refused { why, .. } => {
                    assert!(report.faults[0].message.contains(why), "{text}");
                }
                _ => assert!(action.is_some(), "{} {text}: {:?}", ruleset.keyword(), report.faults),
            }
        }
        assert!(!entry.about.is_empty() && entry.about.ends_with(|c: char| c != ' '));
    }
    let mut names: Vec<&str> = all().map(|entry| entry.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "no name twice");
}

#[test]
fn unknown_and_misplaced_actions_say_where_to_go() {
    use Ruleset::{HttpRequest, HttpResponse, TcpConnection};
    let (_, report) = parsed(&world(), HttpRequest, "set-heder X y");
    assert_eq!(report.faults[0].message, "`set-heder` is no action of `http-request`");
    assert_eq!(report.faults[0].help, ["did you mean `set-header` or `del-header`?"]);
    let (_, report) = parsed(&world(), HttpRequest, "accept");
    assert_eq!(report.faults[0].message, "`accept` has no place in `http-request`");
    assert_eq!(report.faults[0].help, ["in `http-request` it is called `allow`"]);
    assert_eq!(fault(HttpResponse, "set-path /a"), "`set-path` has no place in `http-response`");
    assert_eq!(fault(TcpConnection, "deny"), "`deny` has no place in `tcp-request connection`");
    assert_eq!(fault(HttpRequest, "lua.foo"), "`lua.foo` is not possible: Koi runs no Lua");
    assert_eq!(fault(HttpRequest, ""), "an action is missing");
    assert_eq!(fault(HttpRequest, "deny(3)"), "`deny` takes no parentheses");
}

#[test]
fn answers_are_checked() {
    let said = |text: &str| fault(Ruleset::HttpRequest, text);
    assert_eq!(said("deny status 999"), "`999` is out of range for a status");
    assert_eq!(said("deny status abc"), "`abc` is not a status");
    assert_eq!(said("deny status"), "a status is missing");
    assert_eq!(said("deny string x"), "a body needs a `content-type` beside it");
    assert_eq!(said("return status 204 content-type a/b string x"), "a response 204 has no body");
    assert_eq!(said("deny content-type a/b string x string y"), "an answer has one body");
    assert_eq!(
        said("deny content-type a/b string x hdr X-A"),
        "a value is missing".replace("a value", "the field's value")
    );
    assert_eq!(said("deny bogus"), "`bogus` is no argument of `deny`");
    assert_eq!(said("return deny_status 403"), "`deny_status` is no argument of `return`");
    assert_eq!(said("deny errorfile /nowhere").split(':').next(), Some("cannot read `/nowhere`"));
    assert!(said("deny errorfile /bad.http").starts_with("`/bad.http` is no answer"));
    assert_eq!(said("deny content-type a/b file /large"), "`/large` has 20000 bytes");
    assert_eq!(said("deny errorfiles nope"), "there is no `http-errors` section `nope`");
    assert!(
        said("deny status 418 default-errorfiles")
            .starts_with("there is no answer for the status 418")
    );
    let reply = |text: &str| match good(Ruleset::HttpRequest, text) {
        Action::Verdict(verdict::Verdict::Deny(it) | verdict::Verdict::Return(it)) => it,
        other => panic!("{other:?}"),
    };
    assert!(matches!(reply("deny").body, reply::Body::Default));
    assert!(matches!(reply("deny status 418").body, reply::Body::Empty));
    assert!(matches!(reply("deny hdr A b").body, reply::Body::Empty));
    assert!(matches!(reply("return").body, reply::Body::Empty));
    assert!(matches!(reply("deny file /empty").body, reply::Body::Bytes(_)));
    assert!(matches!(reply("deny content-type a/b lf-file /text").body, reply::Body::Format(_)));
    assert_eq!((reply("deny").status, reply("return").status), (403, 200));
}

#[test]
fn redirections_are_checked() {
    let said = |text: &str| fault(Ruleset::HttpRequest, text);
    assert_eq!(said("redirect"), "location, prefix or scheme is missing");
    assert_eq!(said("redirect location"), "a location is missing");
    assert_eq!(said("redirect location / code 304"), "`304` is no status of a redirection");
    assert_eq!(said("redirect location / bogus"), "`bogus` is no option of `redirect`");
    assert_eq!(said("redirect location %[bogus]"), "unknown fetch `bogus`");
    assert_eq!(
        fault(Ruleset::HttpResponse, "redirect prefix /"),
        "a response can only be redirected by `location`"
    );
}

#[test]
fn arguments_of_other_actions_are_checked() {
    use Ruleset::{HttpRequest, HttpResponse, TcpConnection, TcpContent};
    for (ruleset, text, expected) in [
        (HttpRequest, "set-header X", "a value is missing"),
        (HttpRequest, "set-header X if TRUE", "a value is missing"),
        (HttpRequest, "set-header X: y", "`X:` is not the name of a field"),
        (HttpRequest, "set-header X ''", "a value cannot be empty"),
        (
            HttpRequest,
            "set-header X %[res.hdr(a)]",
            "`res.hdr` is not known in `http-request` rules",
        ),
        (HttpResponse, "set-header X %[path]", "`path` is not known in `http-response` rules"),
        (HttpRequest, "del-header X -m bogus", "`bogus` is no way to match a name"),
        (HttpRequest, "replace-header X a", "what comes instead is missing"),
        (HttpRequest, "set-method 'GE T'", "`GE T` is not a method"),
        (HttpRequest, "set-var(a) src", "`a` is not a variable"),
        (HttpRequest, "set-var(txn.a,bogus) src", "`bogus` is no condition of a variable"),
        (HttpRequest, "set-var(txn.a-b) src", "`a-b` is not a name for a variable"),
        (HttpRequest, "set-var(txn.a),lower src", "unexpected `,lower`"),
        (HttpRequest, "set-var txn.a src", "`set-var` needs arguments in parentheses"),
        (HttpRequest, "unset-var(txn.a,ifset)", "`unset-var` takes no conditions"),
        (HttpRequest, "set-log-level warn", "`warn` is not a log level"),
        (HttpRequest, "set-tos 0xzz", "unknown fetch `0xzz`"),
        (HttpRequest, "set-timeout client 0", "a timeout of zero is not possible here"),
        (HttpRequest, "set-timeout bogus 3s", "`bogus` is no timeout of this action"),
        (HttpRequest, "silent-drop rst-ttl 300", "`300` is out of range for a number of hops"),
        (HttpRequest, "capture path len 0", "`0` is out of range for a length"),
        (HttpResponse, "capture res.hdr(a) len 3", "`len` is for rules of requests"),
        (HttpRequest, "track-sc9 src", "`9` is out of range for a counter"),
        (HttpRequest, "track-sc0 src table nope", "there is no stick table `nope`"),
        (HttpRequest, "sc-inc-gpc(0,7)", "`7` is out of range for a tracked entry"),
        (HttpRequest, "sc-inc-gpc(0)", "`sc-inc-gpc` needs a counter's index and a tracked entry"),
        (HttpRequest, "use-service bogus", "there is no service `bogus`"),
        (HttpRequest, "cache-use nope", "there is no cache `nope`"),
        (HttpRequest, "do-resolve(txn.ip,nope) src", "there is no `resolvers` section `nope`"),
        (HttpRequest, "wait-for-body at-least 1k", "`time` and a time is missing"),
        (HttpRequest, "strict-mode x", "`x` is neither on nor off"),
        (HttpRequest, "normalize-uri bogus", "`bogus` is no normalizer"),
        (HttpResponse, "set-status 99", "`99` is out of range for a status"),
        (TcpConnection, "expect-proxy layer5", "`layer5` says nothing here"),
        (TcpContent, "switch-mode tcp", "`tcp` is no mode to switch to"),
        (TcpContent, "accept x", "unexpected `x`"),
    ] {
        assert_eq!(fault(ruleset, text), expected, "{text}");
    }
}

#[test]
fn experiments_must_be_exposed() {
    let world = World { plan: Plan::default(), ..world() };
    let (action, report) = parsed(&world, Ruleset::HttpRequest, "normalize-uri fragment-strip");
    assert!(action.is_none());
    assert_eq!(report.faults[0].message, "`normalize-uri` is an experiment in HAProxy 3.0");
}
