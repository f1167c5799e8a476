//! What becomes of a reload that fails on its last steps.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::exchange::control::Control;
use crate::process::options::{self, Command};
use crate::process::serve;
use crate::process::serve::everywhere::insist_for;
use crate::rules::lists::Lists;
use crate::worker::{GroupConfig, Message, Time};

/// A file that changes, gone with its owner.
struct File(std::path::PathBuf);

impl File {
    fn new() -> File {
        let name = format!("koi-reload-{}-{}", std::process::id(), Time::monotonic().as_micros());
        File(std::env::temp_dir().join(name))
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).expect("a file among the temporary ones");
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_file(self.0.with_extension("sock"));
    }
}

fn reloader(file: &File) -> Reloader {
    let words = ["-f".to_owned(), file.0.display().to_string()];
    let Ok(Command::Serve(options)) = options::parse(&words) else {
        panic!("words that are known")
    };
    let Checked { plan, program, report } = check::again(&options, &Lists::default());
    assert!(!report.failed(), "{:?}", report.faults);
    let (names, report) = (&mut Names::default(), &mut Report::default());
    let destinations = prepare::destinations(&plan, names, report);
    let tls = prepare::binds_tls(&plan, &Disk, report);
    let targets = prepare::log_targets(&plan, report).expect("no targets");
    let shared = serve::shared(plan, program, destinations, tls, targets, (2, Control::default()));
    Reloader::new(&options, shared, Vec::new(), 2)
}

#[test]
fn one_that_workers_do_not_take_changes_nothing() {
    let file = File::new();
    let socket = file.0.with_extension("sock").display().to_string();
    let text = |weight, more: &str| {
        format!(
            "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    \
             timeout server 1s\nlisten l\n    bind unix@{socket}\n{more}    \
             server s 127.0.0.1:9 maxconn {weight} weight {weight}\n"
        )
    };
    file.write(&text(5, ""));
    let mut reloader = reloader(&file);
    let seen = |reloader: &Reloader| {
        let server = reloader.shared.live.server(0, 0).expect("it");
        let front = reloader.shared.live.front_figures(0).expect("it");
        (server.weight(), server.limits(), server.is_usable(), front.limit)
    };
    let before = seen(&reloader);
    // These have no sites: they take no sockets.
    let config = GroupConfig { workers: 2, cores: Vec::new(), ..GroupConfig::default() };
    let group = Group::start(&config, |_, _| Ok(())).expect("workers");
    file.write(&text(7, "    maxconn 3\n").replace("weight 7", "weight 7 disabled"));
    let answer = reloader.reload(&group);
    assert!(!answer.done && answer.text.contains("plan 1 holds as before"), "{}", answer.text);
    assert_eq!(seen(&reloader), before, "the running plan's figures are as they were");
    group.stop(Duration::ZERO);
    group.join();
}

/// A file with a frontend, and a reloader that listens for it.
fn listening(file: &File) -> Reloader {
    file.write(&format!(
        "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    \
         timeout server 1s\nfrontend l\n    bind unix@{}\n",
        file.0.with_extension("sock").display()
    ));
    let mut reloader = reloader(file);
    let (names, report) = (&mut Names::default(), &mut Report::default());
    let wanted = ports::wanted(&reloader.shared.plan, names, report);
    reloader.held = ports::open_all(&wanted, 1, &[], &mut 0, report).held;
    assert_eq!(reloader.held.len(), 1);
    reloader
}

#[test]
fn a_frontend_is_shut_whatever_workers_answer() {
    let file = File::new();
    let mut reloader = listening(&file);
    let config = GroupConfig { workers: 2, cores: Vec::new(), ..GroupConfig::default() };
    let group = Group::start(&config, |_, _| Ok(())).expect("workers");
    group.stop(Duration::ZERO);
    let begun = Time::monotonic();
    while group.ended() < 2 {
        assert!(Time::monotonic() < begun + Duration::from_secs(60), "they end");
        std::thread::sleep(Duration::from_millis(1));
    }
    let answer = reloader.shut_frontend(&group, "l");
    assert!(!answer.done && answer.text.starts_with("frontend l is shut down, but a worker"));
    assert!(reloader.shared.live.is_shut(0));
    assert!(reloader.held.is_empty(), "a reload opens it again");
    group.join();
}

#[test]
fn what_is_owed_comes_before_a_frontend_is_shut() {
    let file = File::new();
    let mut reloader = listening(&file);
    let config = GroupConfig { workers: 2, cores: Vec::new(), ..GroupConfig::default() };
    let group = Group::start(&config, |_, _| Ok(())).expect("workers");
    // The first one hangs, and then its mailbox is full.
    let (go_on, waits) = channel::<()>();
    let (hangs, hung) = channel::<()>();
    let hang = Message::Run(Box::new(move |_| {
        hangs.send(()).expect("heard");
        let _ = waits.recv_timeout(Duration::from_secs(60));
    }));
    let workers = group.addresses();
    assert!(workers[0].send(hang).is_ok());
    hung.recv_timeout(Duration::from_secs(60)).expect("it hangs");
    while workers[0].send(Message::Run(Box::new(|_| ()))).is_ok() {}
    let patience = Duration::from_millis(1);
    let plan = insist_for(patience, &group, &mut reloader.owed, |_| Box::new(|_| ()));
    assert!(plan.is_err());
    let answer = reloader.shut_frontend(&group, "l");
    assert!(!answer.done && answer.text == BUSY, "{}", answer.text);
    assert!(!reloader.shared.live.is_shut(0) && reloader.held.len() == 1);
    go_on.send(()).expect("it waits");
    let begun = Time::monotonic();
    while !reloader.catch_up(&group) {
        assert!(Time::monotonic() < begun + Duration::from_secs(60), "it takes them");
        std::thread::sleep(Duration::from_millis(1));
    }
    let answer = reloader.shut_frontend(&group, "l");
    assert!(answer.done && reloader.held.is_empty(), "{}", answer.text);
    group.stop(Duration::ZERO);
    group.join();
}
