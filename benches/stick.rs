//! What a look-up in a stick table costs: what `stick on src` does for a client that is known.
//!
//! ```text
//! stick --entries N --times N
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null stick --entries 100000 --times 100000
//! ```
//! Twice, with different `--times`: the difference of the instructions, divided by that of the times.

use std::hint::black_box;
use std::process::ExitCode;

use koi::config::environment::Environment;
use koi::config::plan::{DataKind, KeyKind, TableId};
use koi::config::source::MemoryFiles;
use koi::process::check::check;
use koi::stick::{Identity, Key, Tables};

const USAGE: &str = "usage: stick --entries N --times N";

const TEXT: &str = "listen l\n mode http\n bind :80\n stick-table type ip size 1m expire 1h\n \
    stick on src\n server a 192.0.2.1:80\n server b 192.0.2.2:80\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).and_then(|text| text.parse::<u32>().ok())
    };
    let (Some(entries), Some(times)) = (number("--entries"), number("--times")) else {
        // `cargo test --benches` runs this without arguments.
        eprintln!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    match run(entries.max(1), times) {
        Some(found) => println!("{found} of {times} led to a server"),
        None => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn run(entries: u32, times: u32) -> Option<usize> {
    let files = MemoryFiles([("t.cfg".into(), TEXT.into())].into());
    let checked = check(&["t.cfg".to_owned()], &files, &mut Environment::default(), &[]);
    let tables = Tables::new(&checked.plan);
    let table = tables.get(TableId::Proxy(0))?;
    let slot = table.layout().slot(DataKind::ServerId)?;
    let server = tables.identity(table, 0, 1)?;
    for source in 0..entries {
        table.obtain(&key(source)?, 1)?.set(slot, 0, server.0, 1)?;
    }
    let mut found = 0;
    for time in 0..times {
        let source = black_box(time.wrapping_mul(0x9e37_79b1) % entries);
        let entry = table.touch(&key(source)?, u64::from(time / 100))?;
        let seen = entry.get(slot, 0, 1)?;
        found += usize::from(black_box(tables.server(table, 0, Identity(seen))).is_some());
    }
    Some(found)
}

fn key(source: u32) -> Option<Key<'static>> {
    Key::address(KeyKind::Ip, core::net::Ipv4Addr::from_bits(source).into())
}
