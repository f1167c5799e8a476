use super::*;
use crate::config::environment::Environment;
use crate::config::read::read;
use crate::config::report::{Level, Report};
use crate::config::source::MemoryFiles;
use crate::rules::compile::compile;

/// The plan and program of a configuration without errors.
fn compiled(text: &str) -> (Plan, Program) {
    let mut files = MemoryFiles::default();
    files.0.insert("koi.cfg".into(), text.into());
    files.0.insert("hosts.map".into(), "a.example alpha\nb.example beta\n".into());
    let mut report = Report::default();
    let plan = read(&["koi.cfg".into()], &files, &mut Environment::default(), &mut report);
    let program = compile(&plan, &files, &mut report);
    let errors: Vec<_> = report.faults.iter().filter(|it| it.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    (plan, program)
}

fn asked(method: &str, target: &str, fields: &[(&str, &str)]) -> Asked {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Asked {
        method: method.into(),
        target: target.into(),
        version: Version::Http11,
        fields: fields.iter().map(owned).collect(),
        source: "192.0.2.1:40000".parse().expect("an address"),
        destination: None,
        tls: None,
        frontend: None,
        response: None,
        moment: Moment { unix_us: 1_700_000_000_000_000, random: 7 },
    }
}

const SITE: &str = "\
defaults
 mode http
 timeout client 1s
 timeout connect 1s
 timeout server 1s
frontend web
 bind :80
 acl is_git hdr(host) -i git.example www.git.example
 http-request deny if { src 198.51.100.0/24 }
 http-request set-header X-Client %[src]
 http-request set-var(txn.path) path,lower if { path -m found }
 use_backend git if is_git !{ path_beg /static/ }
 default_backend site
frontend secure
 bind :443 ssl crt /x.pem
 http-response set-header Server koi
 default_backend site
backend git
 server g1 192.0.2.10:80
backend site
 http-request replace-path /old/(.*) /new/\\1
 http-response del-header X-Debug
 server s1 192.0.2.11:80
 server s2 192.0.2.12:80
";

#[test]
fn every_rule_is_told_with_what_its_expressions_gave() {
    let (plan, program) = compiled(SITE);
    let asked = asked("GET", "/Repo?x=1", &[("Host", "WWW.git.example")]);
    let it = explain(&plan, &program, &asked).expect("it arrives");
    assert_eq!(
        it.text(&plan),
        "\
GET /Repo?x=1 HTTP/1.1 from 192.0.2.1:40000 in the clear
  Host: WWW.git.example
arrives at frontend `web` (koi.cfg:6): its `bind` has the port

http-request, 3 rules of frontend `web`
  koi.cfg:9  http-request deny if { src 198.51.100.0/24 }
      no    { src 198.51.100.0/24 }
            src = \"192.0.2.1\": no match
      skipped: the condition does not hold
* koi.cfg:10  http-request set-header X-Client %[src]
      runs: always
      -> X-Client: \"192.0.2.1\" (new)
* koi.cfg:11  http-request set-var(txn.path) path,lower if { path -m found }
      yes   { path -m found }
            path = \"/Repo\": matches
      runs: the condition holds
      -> txn.path = \"/repo\"

use_backend, 1 rule of frontend `web`
* koi.cfg:12  use_backend git if is_git !{ path_beg /static/ }
      yes   is_git
            hdr(host) = \"WWW.git.example\": matches www.git.example
      yes   !{ path_beg /static/ }
            path_beg = \"/Repo\": no match
      runs: the condition holds
      -> backend `git` (koi.cfg:18)

=> goes to backend `git` (koi.cfg:18), server `g1`
   the server gets:
     GET /Repo?x=1 HTTP/1.1
     Host: WWW.git.example
   + X-Client: 192.0.2.1
"
    );
}

#[test]
fn a_response_is_walked_too() {
    let (plan, program) = compiled(SITE);
    let mut asked = asked("GET", "/old/a", &[("Host", "x")]);
    asked.tls = Some(TlsFacts::default());
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let fields = vec![field("X-Debug", "1"), field("Server", "s")];
    asked.response = Some(AskedResponse { status: 200, fields });
    let it = explain(&plan, &program, &asked).expect("it arrives");
    assert_eq!(plan.proxies[it.frontend].name, "secure".into());
    let sent = it.sent.as_ref().expect("it is sent");
    assert_eq!(sent.start, "GET /new/a HTTP/1.1");
    let answered = it.answered.as_ref().expect("it is answered");
    assert_eq!(answered.fields, [field("Server", "koi")]);
    let text = it.text(&plan);
    let order = ["http-response, 1 rule of backend `site`", "http-response, 1 rule of frontend"];
    let places: Vec<_> = order.iter().map(|part| text.find(part).expect(part)).collect();
    assert!(places[0] < places[1], "{text}");
    assert!(text.contains("   - X-Debug: 1\n"), "{text}");
    assert!(text.contains("-> X-Debug is removed; it was \"1\""), "{text}");
}

#[test]
fn outcomes_are_said_in_one_line() {
    let outcome = |rules: &str, path: &str| {
        let text = format!("listen l\n mode http\n bind :80\n {rules}\n server s 192.0.2.9:80\n");
        let (plan, program) = compiled(&text);
        let it = explain(&plan, &program, &asked("GET", path, &[("Host", "h")])).expect("arrives");
        let text = it.text(&plan);
        let line = text.lines().find(|line| line.starts_with("=> ")).expect("an outcome");
        line.trim_start_matches("=> ").to_owned()
    };
    assert_eq!(outcome("http-request deny deny_status 429", "/"), "Koi answers 429");
    assert_eq!(
        outcome("redirect scheme https code 301 unless { ssl_fc }", "/a?b"),
        "redirected (301) to https://h/a?b"
    );
    assert_eq!(
        outcome("http-request tarpit", "/"),
        "the client waits for `timeout tarpit`, then Koi answers 500"
    );
    assert_eq!(outcome("http-request reject", "/"), "the connection is closed without an answer");
    assert_eq!(
        outcome("tcp-request connection reject if { src 192.0.2.0/24 }", "/"),
        "the connection is closed before a request is read"
    );
    assert_eq!(outcome("monitor-uri /up", "/up"), "Koi answers 200");
    assert_eq!(outcome("http-request allow", "/"), "goes to listen `l` (koi.cfg:1), server `s`");
}

#[test]
fn a_frontend_is_found_or_asked_for() {
    let (plan, program) = compiled(SITE);
    let find = |change: fn(&mut Asked)| {
        let mut asked = asked("GET", "/", &[]);
        change(&mut asked);
        explain(&plan, &program, &asked).map(|it| it.because)
    };
    assert_eq!(find(|_| {}).as_deref(), Ok("its `bind` has the port"));
    assert_eq!(find(|it| it.frontend = Some("secure".into())).as_deref(), Ok("it was asked for"));
    let near = find(|it| it.frontend = Some("secur".into())).expect_err("no such");
    assert_eq!(near, "there is no frontend `secur`; did you mean `secure`?");
    let none = find(|it| it.destination = "192.0.2.5:8080".parse().ok()).expect_err("no port");
    assert!(none.contains("none of them fits"), "{none}");
}
