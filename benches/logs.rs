//! What a log line costs: lines of `option httplog` by UDP to nobody in particular, so many a turn.
//!
//! ```text
//! perf stat -e instructions:u,instructions:k logs --lines 100000 --turn 16 --log yes|no
//! ```
//! The difference between `yes` and `no`, divided by the lines, is the price of one.

#[path = "../tests/common/rules.rs"]
#[allow(dead_code, reason = "only the world of it is needed")]
mod rules;

use std::future::poll_fn;
use std::hint::black_box;
use std::net::UdpSocket;
use std::process::ExitCode;
use std::task::Poll;

use koi::config::source::MemoryFiles;
use koi::log::access::{Sink, Targets};
use koi::rules::context::RequestLine;
use koi::worker::{Choice, Local, Pool, PoolConfig, Ring, Worker};
use rules::World;

const USAGE: &str = "usage: logs --lines N --turn N --log yes|no";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let get = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let number = |name| get(name).and_then(|text| text.parse::<usize>().ok());
    let (Some(lines), Some(turn), Some(log)) = (number("--lines"), number("--turn"), get("--log"))
    else {
        // `cargo test --benches` runs this without arguments.
        eprintln!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    run(lines, turn, log == "yes");
    ExitCode::SUCCESS
}

fn run(lines: usize, turn: usize, log: bool) {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = receiver.local_addr().expect("an address");
    let log = if log { format!(" log {to} local0\n") } else { String::new() };
    let mut files = MemoryFiles::default();
    let text = format!("frontend f\n mode http\n option httplog\n{log}");
    files.0.insert("logs.cfg".into(), text.into());
    let mut report = koi::config::report::Report::default();
    let mut environment = koi::config::environment::Environment::default();
    let names = ["logs.cfg".into()];
    let plan = koi::config::read::read(&names, &files, &mut environment, &mut report);
    let program = koi::rules::compile::compile(&plan, &files, &mut report);
    let targets = Targets::open(&plan).expect("targets");
    let pool = Pool::new(PoolConfig::default());
    let ring = Ring::open(Choice::Auto, &pool).expect("a ring");
    let worker = Worker::new(ring, pool);
    let sink = Sink::new(targets, worker.local());
    let fields = [("Host", "www.example.org"), ("User-Agent", "Mozilla/5.0")];
    let mut world =
        World::new("/a/path/like/others.html?a=1", &fields, [192, 0, 2, 1].into(), false);
    world.exchange.line = Some(RequestLine::new(b"GET", b"/a/path/like/others.html?a=1", "1.1"));
    world.exchange.status = Some(200);
    world.exchange.bytes_out = 12_345;
    world.exchange.times.accepted = Some(1_000);
    world.exchange.times.begun = Some(21_000);
    world.exchange.times.requested = Some(21_100);
    world.exchange.times.assigned = Some(21_200);
    world.exchange.times.connected = Some(22_000);
    world.exchange.times.answered = Some(40_000);
    world.exchange.times.ended = Some(41_000);
    let local = worker.local().clone();
    worker.block_on(async move {
        let mut context = world.context(&plan);
        for number in 0..lines {
            context.moment.unix_us += 10;
            sink.exchange(black_box(&plan), &program, black_box(&context), None);
            if number % turn == turn - 1 {
                next_turn(&local).await;
            }
        }
    });
    drop(receiver);
}

async fn next_turn(local: &Local) {
    let mut asked = false;
    poll_fn(|_| match std::mem::replace(&mut asked, true) {
        true => Poll::Ready(()),
        false => {
            local.wake(local.current());
            Poll::Pending
        }
    })
    .await;
}
