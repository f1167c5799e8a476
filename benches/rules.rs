//! What choosing a rule costs: evaluates a list of `use_backend` rules for one request, so many times.
//!
//! `benches/rules.py` runs it under callgrind and prints instructions.
//!
//! ```text
//! rules --rules 11 --kind host|case|named|path --match first|last|none --times 1000
//! ```
//! Prints the rule that was found.

#[path = "../tests/common/rules.rs"]
mod rules;

use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;

use koi::config::source::MemoryFiles;
use koi::rules::select::Select;
use rules::{World, compile};

const USAGE: &str = "usage: rules --rules N --kind host|case|named|path --match first|last|none \
                     --times N";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let get = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let number = |name| get(name).and_then(|text| text.parse::<usize>().ok());
    let (Some(rules), Some(kind), Some(matching), Some(times)) =
        (number("--rules"), get("--kind"), get("--match"), number("--times"))
    else {
        // `cargo test --benches` runs this without arguments.
        eprintln!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    let Some(found) = run(rules, kind, matching, times) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    println!("{found:?}");
    ExitCode::SUCCESS
}

/// Evaluates; gives the rule found.
fn run(rules: usize, kind: &str, matching: &str, times: usize) -> Option<Option<usize>> {
    let mut text = String::new();
    for rule in 0..rules {
        let line = match kind {
            "host" => format!(" use_backend b{rule} if {{ hdr(host) -i name-{rule}.example }}"),
            "case" => format!(" use_backend b{rule} if {{ hdr(host) name-{rule}.example }}"),
            "named" => format!(
                " acl host_{rule} hdr(host) -i name-{rule}.example\n \
                 use_backend b{rule} if host_{rule}"
            ),
            "path" => format!(" use_backend b{rule} if {{ path_beg /part-{rule}/ }}"),
            _ => return None,
        };
        writeln!(text, "{line}").ok()?;
    }
    let at = match matching {
        "first" => 0,
        "last" => rules - 1,
        "none" => rules,
        _ => return None,
    };
    let compiled = compile(&text, MemoryFiles::default());
    for fault in &compiled.report.faults {
        eprintln!("{}", fault.message);
    }
    if compiled.report.failed() {
        return None;
    }
    let select = Select::new(compiled.conditions);
    let host = format!("name-{at}.example");
    let target = format!("/part-{at}/index.html?a=1");
    let fields = [
        ("Host", host.as_str()),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("Accept-Language", "de,en-US;q=0.7,en;q=0.3"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Connection", "keep-alive"),
        ("Cookie", "session=0123456789abcdef; theme=dark"),
        ("Upgrade-Insecure-Requests", "1"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Site", "none"),
    ];
    let world = World::new(&target, &fields, [192, 0, 2, 1].into(), false);
    let context = world.context(&compiled.plan);
    let mut found = None;
    for _ in 0..times {
        found = black_box(&select).next(0, black_box(&context));
    }
    Some(found)
}
