//! Maps and ACLs that change while requests use them.

use crate::client::Stage;
use crate::koi::Client;

const RULES: &str = "    http-request deny if { path_beg -f bad.lst }\n    \
                     http-request set-map(seen.map) %[req.hdr(x-key)] %[path] if { req.hdr(x-key) -m found }\n    \
                     http-request del-map(seen.map) %[req.hdr(x-gone)] if { req.hdr(x-gone) -m found }\n    \
                     http-request return status 200 content-type text/plain \
                     lf-string %[path,map_beg(m.map,none)]:%[req.hdr(x-key),map(seen.map,none)]\n";

fn stage() -> Stage {
    let files = [("m.map", "/a one\n/b two words\n"), ("bad.lst", "/bad\n"), ("seen.map", "")];
    Stage::new("", RULES, "", &files)
}

/// The body of an answer; nothing if it is denied.
fn body(stage: &Stage, path: &str) -> String {
    let answer = Client::connect(stage.port).get(path).expect("an answer");
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => body.to_owned(),
        _ => String::new(),
    }
}

fn entries(stage: &Stage, list: &str) -> Vec<String> {
    let text = stage.ask(&format!("show {list}"));
    text.lines()
        .map(|line| line.split_once(' ').expect("a number and a key").1.to_owned())
        .collect()
}

#[test]
fn a_map_changes_for_all_workers_at_once() {
    let stage = stage();
    assert_eq!(body(&stage, "/a/x"), "one:");
    assert_eq!(stage.ask("set map m.map /a uno"), "");
    // Connections go to both workers; all of them see it.
    (0..20).for_each(|_| assert_eq!(body(&stage, "/a/x"), "uno:"));
    assert_eq!(stage.ask("add map m.map /c three and more"), "");
    assert_eq!(body(&stage, "/c"), "three and more:");
    assert_eq!(entries(&stage, "map m.map"), ["/a uno", "/b two words", "/c three and more"]);
    assert_eq!(stage.ask("del map m.map /c"), "");
    assert_eq!(stage.ask("del map m.map /c"), "Key not found.\n");
    assert_eq!(stage.ask("set map m.map /c x"), "entry not found.\n");
    let by_number = stage.ask("show map m.map").split(' ').next().expect("a number").to_owned();
    assert_eq!(stage.ask(&format!("del map m.map #{by_number}")), "");
    assert_eq!(entries(&stage, "map m.map"), ["/b two words"]);
    assert_eq!(stage.ask("add map m.map <<\n/d 4\n/e 5 5\n"), "");
    assert_eq!(stage.ask("add map m.map <<\n/f\n"), "Missing value for key '/f'.\n");
    assert_eq!(body(&stage, "/e"), "5 5:");
    let found =
        "type=beg, case=sensitive, found=yes, idx=tree, key=\"/e\", value=\"5 5\", type=\"str\"\n";
    assert_eq!(stage.ask("get map m.map /e/x"), found);
    assert_eq!(stage.ask("get map m.map /zz"), "type=beg, case=sensitive, found=no\n");
    assert_eq!(stage.ask("clear map m.map"), "");
    assert_eq!(body(&stage, "/e"), "none:");
    let unknown = "Unknown map identifier. Please use #<id> or <file>.";
    assert_eq!(stage.ask("show map nothing"), format!("{unknown}\n"));
    assert_eq!(stage.ask("show map m.mpa"), format!("{unknown} (did you mean `m.map`?)\n"));
}

#[test]
fn a_version_is_prepared_and_committed() {
    let stage = stage();
    assert_eq!(
        stage.ask("add map @1 m.map /a x"),
        "Version number in the future, please use 'prepare map' before.\n"
    );
    assert_eq!(stage.ask("prepare map m.map"), "New version created: 1\n");
    assert_eq!(stage.ask("add map @1 m.map /a new"), "");
    assert_eq!(body(&stage, "/a"), "one:");
    assert_eq!(stage.ask("commit map @1 m.map"), "");
    assert_eq!(body(&stage, "/a"), "new:");
    assert_eq!(stage.ask("commit map @9 m.map"), "Version number out of range.\n");
    let overview = stage.ask("show map");
    assert!(overview.contains("curr_ver=1 next_ver=1 entry_cnt=1"), "{overview}");
}

#[test]
fn acls_change_for_all_workers_at_once() {
    let stage = stage();
    assert_eq!((body(&stage, "/bad/x").as_str(), body(&stage, "/worse").as_str()), ("", "none:"));
    assert_eq!(stage.ask("add acl bad.lst /worse"), "");
    (0..20).for_each(|_| assert_eq!(body(&stage, "/worse"), ""));
    assert_eq!(
        stage.ask("get acl bad.lst /worse/x"),
        "type=beg, case=sensitive, match=yes, idx=tree, pattern=\"/worse\"\n"
    );
    assert_eq!(stage.ask("del acl bad.lst /bad"), "");
    assert_eq!(body(&stage, "/bad/x"), "two words:");
    assert_eq!(
        stage.ask("prepare acl bad.lst; add acl @1 bad.lst /a; commit acl @1 bad.lst"),
        "New version created: 1\n\n\n"
    );
    assert_eq!((body(&stage, "/worse").as_str(), body(&stage, "/a").as_str()), ("none:", ""));
    assert_eq!(stage.ask("clear acl bad.lst"), "");
    assert_eq!(body(&stage, "/a"), "one:");
}

#[test]
fn rules_of_requests_change_maps() {
    let stage = stage();
    let send = |path: &str, field: &str| {
        use std::io::Write;
        let mut client = Client::connect(stage.port);
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        client.0.write_all(head.as_bytes()).expect("a request");
        let answer = client.answer().expect("an answer");
        answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
    };
    assert_eq!(send("/q", "X-Key: k1"), "none:/q", "the same request sees it");
    assert_eq!(send("/r", "X-Key: k1"), "none:/r");
    assert_eq!(entries(&stage, "map seen.map"), ["k1 /r"]);
    send("/r", "X-Gone: k1");
    assert_eq!(stage.ask("show map seen.map"), "");
}
