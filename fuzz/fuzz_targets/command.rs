//! What is said on the runtime socket: nothing panics or hangs, whatever the words, and every command that
//! exists can be found by its own name.
#![no_main]

use std::sync::Arc;

use koi::admin::commands::{self, Answer, Call};
use koi::admin::info::Process;
use koi::admin::office::{Office, Running};
use koi::admin::socket::{Session, split};
use koi::balance::Live;
use koi::config::environment::Environment;
use koi::config::plan::{CommandLevel, SeverityOutput};
use koi::config::read::read;
use koi::config::report::Report;
use koi::config::source::MemoryFiles;
use koi::exchange::server::{Destination, Destinations};
use koi::ledger::{Capture, Ledger, Refused};
use koi::rules::compile::compile;
use koi::worker::{Pool, PoolConfig, Worker};
use koi_sys::ring::sim::{Faults, Network};

const PLAN: &str = "\
frontend f
    mode http
    bind 127.0.0.1:1
    http-request set-header X %[path,map_beg(m)]
    http-request set-header Y %[src,map_ip_int(i)]
    http-request deny if { path_reg -f l } or { src -f n } or { path /inline }
    default_backend b
backend b
    mode http
    server s 127.0.0.1:2 weight 10
    server t 127.0.0.1:3 disabled
";

/// Answers are made as far as this; they have to end before.
const PIECES_MAX: usize = 100_000;

fn office() -> Arc<Office> {
    let mut files = MemoryFiles::default();
    for (name, text) in [
        ("f", PLAN),
        ("m", "/a one\n/b two\n"),
        ("i", "10.0.0.0/8 1\n"),
        ("l", "^/x\n"),
        ("n", "10.0.0.1\n"),
    ] {
        files.0.insert(name.into(), text.into());
    }
    let mut report = Report::default();
    let plan = read(&["f".to_owned()], &files, &mut Environment::default(), &mut report);
    let program = compile(&plan, &files, &mut report);
    assert!(!report.failed(), "{:?}", report.faults);
    let at = |port| Destination {
        address: Some(([127, 0, 0, 1], port).into()),
        unix: None,
        port_offset: 0,
        tls: None,
        moved: Default::default(),
    };
    let ledger = Arc::new(Ledger::new(&plan, 1));
    for (proxy, which) in [(0, Refused::Request), (1, Refused::Response)] {
        ledger.clerk(0).refuse(proxy, which, refused());
    }
    let servers =
        plan.proxies.iter().map(|proxy| (2..).map(at).take(proxy.servers.len()).collect());
    Office::new(Running {
        live: Arc::new(Live::new(&plan)),
        ledger,
        process: Process::default(),
        destinations: Arc::new(Destinations::new(servers.collect())),
        tls: Arc::new(plan.proxies.iter().map(|_| Vec::new()).collect()),
        program: Arc::new(program),
        plan: Arc::new(plan),
        control: Default::default(),
    })
}

/// Something for `show errors`.
fn refused() -> Capture {
    Capture {
        frontend: ("f".into(), 1),
        backend: Some(("b".into(), 2)),
        server: None,
        source: ([127, 0, 0, 1], 1).into(),
        at_us: 1_700_000_000_000_000,
        bytes: Capture::cut(&(0..=255).cycle().take(5_000).collect::<Vec<u8>>()),
        position: 3,
        reason: "bad",
        section: "RFC 9112",
        event: 0,
    }
}

fn drain(answer: Answer) {
    match answer {
        Answer::Text(text) => assert!(text.is_empty() || text.ends_with('\n'), "{text:?}"),
        Answer::Message(_, text) => assert!(!text.is_empty()),
        Answer::Pieces(mut more) => {
            let mut piece = String::new();
            let pieces = (0..PIECES_MAX).take_while(|_| more(&mut piece)).count();
            assert!(pieces < PIECES_MAX, "it does not end");
        }
        // They wait for workers, of which there are none.
        Answer::Nothing | Answer::Parts(_) | Answer::Later(_) => {}
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let pool = Pool::new(PoolConfig::default());
    let worker = Worker::new(Network::new(0, Faults::default()).ring(&pool), pool);
    let office = office();
    let mut session = Session {
        level: CommandLevel::Admin,
        prompt: true,
        timed: false,
        severity: SeverityOutput::None,
        patience: std::time::Duration::from_secs(1),
        leaving: false,
    };
    for command in commands::all() {
        let words: Vec<String> = command.name.split(' ').map(str::to_owned).collect();
        assert_eq!(commands::named(&words), Some(command.name));
    }
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Ok(requests) = split(line) else { continue };
        for request in requests {
            let payload = request.payload_end.map(|end| {
                lines
                    .by_ref()
                    .take_while(|line| *line != end)
                    .map(|line| format!("{line}\n"))
                    .collect()
            });
            let call = Call {
                running: office.running(),
                office: office.clone(),
                local: worker.local().clone(),
                words: request.words,
                payload,
            };
            drain(commands::run(call, &mut session));
        }
    }
});
