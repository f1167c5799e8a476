//! The same commands, given to HAProxy 3.0 and to Koi: the answers are the same, but for numbers that only the
//! process itself can know.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::client::{ask_whole, config};
use crate::folder::Folder;
use crate::koi::{Koi, free_port};

/// One after the other: what one changes the next ones show.
const COMMANDS: &[&str] = &[
    "show backend",
    "show cli level",
    "show map",
    "show acl",
    "show map m.map",
    "show acl bad.lst",
    "get map m.map /x/1",
    "get map m.map /q",
    "get acl bad.lst 10.1.2.3",
    "get acl bad.lst 10.2.2.3",
    "add map m.map",
    "add map m.map /k v w",
    "set map m.map /k v2",
    "set map m.map /nope v2",
    "del map m.map /nope",
    "del map m.map /k",
    "add map m.map <<\n/p1 v1\n/p2 v2 w2\n",
    "add map m.map <<\n/p3\n",
    "show map m.map",
    "prepare map m.map",
    "show map",
    "add map @1 m.map /new x",
    "add map @7 m.map /new x",
    "show map @1 m.map",
    "show map @7 m.map",
    "commit map m.map",
    "commit map @7 m.map",
    "commit map @1 m.map",
    "show map m.map",
    "clear map m.map",
    "show map m.map",
    "show map nothing",
    "show map #77",
    "add map nothing a b",
    "add acl bad.lst 10.9.9.9",
    "add acl bad.lst",
    "add acl nothing 1",
    "del acl bad.lst 10.9.9.9",
    "del acl bad.lst 10.9.9.9",
    "get acl bad.lst",
    "get map",
    "del map",
    "clear acl",
    "clear map",
    "set map m.map a",
    "show acl bad.lst",
    "get weight app/a",
    "set server app/a weight 50%",
    "get weight app/a",
    "set server app/a weight 300",
    "set server app/a weight",
    "set server app/zz weight 1",
    "set server zz/a weight 1",
    "set server app",
    "set server app/a state",
    "set server app/a state drain",
    "show servers state app",
    "set server app/a state maint",
    "show servers state app",
    "set server app/a state ready",
    "enable server app/c",
    "show servers state",
    "show servers conn",
    "show servers conn app",
    "set server app/a health foo",
    "disable server app",
    "disable server",
    "set weight app/a 5",
    "get weight app/zz",
    "get weight",
    "set maxconn server app/b 7",
    "set maxconn server app/b",
    "set maxconn server app/b x",
    "set maxconn frontend nope 1",
    "set maxconn frontend web",
    "set maxconn frontend web 55",
    "set maxconn global",
    "set server app/a addr 127.0.0.2 port 99",
    "set server app/a addr 127.0.0.2 port 99",
    "set server app/a addr nonsense",
    "show servers state app",
    "shutdown session",
    "shutdown session 0x1",
    "shutdown sessions server app/a",
    "shutdown sessions server",
    "show ssl cert",
    "show ssl cert nope",
    "show ssl crt-list",
    "show ssl crt-list nope",
    "commit ssl cert nope",
    "commit ssl cert",
    "abort ssl cert nope",
    "set ssl cert",
    "disable frontend web",
    "disable frontend web",
    "enable frontend web",
    "enable frontend web",
    "enable frontend",
    "disable frontend nope",
    "show env NO_SUCH_VARIABLE",
    "show cli level; operator; show cli level; user; show cli level; set weight app/a 1; show env",
    "set timeout",
    "set timeout cli 10",
    "set timeout cli foo",
    "show errors nope",
    "set rate-limit connections global",
    "set rate-limit connections global -1",
    "set rate-limit sessions global 100; set rate-limit ssl-sessions global 100",
    "new ssl cert",
    "new ssl cert foo",
    "new ssl cert foo",
    "show ssl cert",
    "show ssl cert foo",
    "del ssl cert",
    "del ssl cert foo",
    "del ssl cert foo",
    "add ssl crt-list",
    "add ssl crt-list nope foo",
    "del ssl crt-list",
    "del ssl crt-list nope foo",
    "shutdown frontend",
    "shutdown frontend nope",
    "shutdown frontend web",
    "shutdown frontend web",
    "enable frontend web",
    "disable frontend web",
    "set severity-output number; set weight app/zz 1; show map nothing; prepare acl bad.lst",
    "set severity-output string; set weight app/zz 1",
    "set severity-output foo",
    "quit",
    "",
];

/// An HAProxy, ended with this value.
struct Haproxy(Child);

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One of version 3.0, if there is any.
fn haproxy() -> Option<PathBuf> {
    let named = std::env::var_os("KOI_HAPROXY").map(PathBuf::from);
    let all = named.into_iter().chain([PathBuf::from("/work/haproxy-3.0/haproxy")]);
    let is_right = |path: &PathBuf| {
        let output = Command::new(path).arg("-v").output();
        output.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("version 3.0"))
    };
    all.into_iter().find(is_right)
}

fn files(folder: &Folder) -> (u16, String) {
    folder.file("m.map", "/x one\n/y two words\n# c\n");
    folder.file("bad.lst", "10.0.0.1\n10.1.0.0/16\n");
    let port = free_port();
    let rules = "    acl bad src -f bad.lst\n    http-request deny if bad\n    \
                 http-request set-header X %[path,map_beg(m.map,none)]\n    default_backend app\n";
    let sections = "backend app\n    server a 127.0.0.1:18081 weight 10\n    \
                    server b 127.0.0.1:18082 maxconn 5\n    server c unix@c.sock disabled\n\
                    backend other\n    id 77\n    server x 127.0.0.1:18083 backup id 9\n";
    (port, config("k.sock", port, "", rules, sections))
}

/// An answer without what only the process itself can know.
fn bare(answer: &str) -> String {
    let mut out = String::new();
    for line in answer.lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if words[0].starts_with("0x") {
            words[0] = "0x".to_owned();
        }
        // `show servers state`: ids that are places, the time of the last change; and of checks what HAProxy
        // says of a server in maintenance that has none.
        if words.len() == 25 && words[0].parse::<u32>().is_ok() {
            if words[15] == "0" {
                words[0] = "id".to_owned();
            }
            words[9] = "seconds".to_owned();
            words[13] = "paused".to_owned();
            words[12] = "rise".to_owned();
        }
        // `show servers conn`.
        if words.len() > 10 && words[0].contains('/') {
            words[1] = "ids".to_owned();
        }
        // `show map`, `show acl`: the configuration's own lists have other numbers.
        let text = words.join(" ");
        if let Some((_, rest)) = text.split_once(" (").filter(|_| text.contains(" curr_ver=")) {
            if rest.starts_with("bad.lst") || rest.starts_with("m.map") {
                out.push_str(&format!("({rest}\n"));
            }
            continue;
        }
        out.push_str(&(text + "\n"));
    }
    out
}

#[test]
fn answers_are_those_of_haproxy() {
    let Some(program) = haproxy() else {
        println!("*** SKIPPED: answers_are_those_of_haproxy: no HAProxy 3.0 (set KOI_HAPROXY) ***");
        return;
    };
    let (theirs, ours) = (Folder::new(), Folder::new());
    let (_, text) = files(&theirs);
    theirs.file("koi.cfg", text);
    let (port, text) = files(&ours);
    ours.file("koi.cfg", text);
    let mut command = Command::new(program);
    command.args(["-db", "-f", "koi.cfg"]).current_dir(theirs.path());
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let _haproxy = Haproxy(command.spawn().expect("it runs"));
    let _koi = Koi::start(&ours, &["-f", "koi.cfg"], port);
    let mut different = Vec::new();
    for command in COMMANDS {
        let theirs = bare(&ask_whole(&theirs.path().join("k.sock"), command));
        let ours = bare(&ask_whole(&ours.path().join("k.sock"), command));
        if theirs != ours {
            different.push(format!("### {command}\n--- HAProxy\n{theirs}--- Koi\n{ours}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
