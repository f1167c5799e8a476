//! The relay: forwards TCP from a listener to one server on Koi's worker, one task per connection.
//!
//! It parses nothing, so what it costs is what the I/O core costs. `benches/relay.py` runs it beside
//! a null relay in C.
//!
//! ```text
//! relay --listen 127.0.0.1:8080 --server 127.0.0.1:8000
//!       [--ring auto|uring|poll|kqueue] [--workers 1] [--core N] [--splice on|off]
//! ```
//! Prints `listening ADDRESS` when ready. On SIGTERM or SIGINT it stops and prints what its workers
//! left behind: nothing, or something leaked.

use koi::exchange::tunnel::tunnel;
use koi::worker::{Choice, Group, GroupConfig, ListenOptions, Local, SocketAddress};
use koi_sys::guard;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: relay --listen ADDRESS --server ADDRESS \
                     [--ring auto|uring|poll|kqueue] [--workers N] [--core N] [--splice on|off]";

struct Arguments {
    listen: SocketAddress,
    server: SocketAddress,
    ring: Choice,
    workers: usize,
    core: Option<usize>,
    splice: bool,
}

fn main() -> ExitCode {
    // `cargo bench` and `cargo test --benches` call it without a job.
    let words: Vec<String> = std::env::args().skip(1).filter(|w| w != "--bench").collect();
    if words.is_empty() {
        println!("{USAGE}\nNothing to relay: benches/relay.py measures it.");
        return ExitCode::SUCCESS;
    }
    match parse(&words).and_then(|arguments| serve(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("relay: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn parse(words: &[String]) -> Result<Arguments, String> {
    let (mut listen, mut server, mut core) = (None, None, None);
    let (mut ring, mut workers, mut splice) = (Choice::from_environment()?, 1, false);
    for pair in words.chunks(2) {
        let [name, value] = pair else { return Err(format!("{} needs a value\n{USAGE}", pair[0])) };
        match name.as_str() {
            "--listen" => listen = Some(literal(value)?),
            "--server" => server = Some(literal(value)?),
            "--ring" => ring = value.parse()?,
            "--workers" => workers = value.parse().map_err(|_| format!("'{value}' workers?"))?,
            "--core" => core = Some(value.parse().map_err(|_| format!("core '{value}'?"))?),
            "--splice" => splice = value == "on",
            other => return Err(format!("'{other}' is unknown\n{USAGE}")),
        }
    }
    let listen = listen.ok_or("--listen is missing")?;
    let server = server.ok_or("--server is missing")?;
    Ok(Arguments { listen, server, ring, workers, core, splice })
}

fn literal(text: &str) -> Result<SocketAddress, String> {
    let address: Result<std::net::SocketAddr, _> = text.parse();
    address.map(SocketAddress::from).map_err(|error| format!("'{text}': {error}"))
}

fn serve(arguments: &Arguments) -> Result<(), String> {
    guard::block_signals().map_err(|error| error.to_string())?;
    guard::ignore_broken_pipe().map_err(|error| error.to_string())?;
    let _ = guard::raise_descriptor_limit(u64::MAX);
    let config = GroupConfig {
        workers: arguments.workers,
        cores: arguments.core.into_iter().collect(),
        ring: arguments.ring,
        ..GroupConfig::default()
    };
    let (listen, server) = (arguments.listen.clone(), arguments.server.clone());
    let (reuse_port, splice) = (arguments.workers > 1, arguments.splice);
    let group =
        Group::start(&config, move |_, local| start(local, &listen, &server, reuse_port, splice))
            .map_err(|error| error.to_string())?;
    println!("listening {}", arguments.listen);
    guard::wait_signal().map_err(|error| error.to_string())?;
    group.stop(Duration::ZERO);
    for (number, left) in group.join().into_iter().enumerate() {
        println!("worker {number}: {left:?}");
    }
    Ok(())
}

fn start(
    local: &Local,
    listen: &SocketAddress,
    server: &SocketAddress,
    reuse_port: bool,
    splice: bool,
) -> Result<(), String> {
    let options = ListenOptions { reuse_port, ..ListenOptions::default() };
    let listener = local.listen(listen, &options).map_err(|error| format!("{listen}: {error}"))?;
    let server = std::rc::Rc::new(server.clone());
    local.spawn(listener.serve(move |local, client| {
        let server = server.clone();
        async move {
            // A server that refuses ends this connection; the client sees the close.
            if let Ok(server) = local.connect(&server).await {
                tunnel(&client, &server, splice).await;
            }
        }
    }));
    Ok(())
}
