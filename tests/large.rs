//! Large configurations: how long a check takes, and how much memory.
//!
//! What counts is the release build, at most one second and 200 MB:
//!
//! ```sh
//! cargo test --release --test large -- --nocapture
//! ```
//!
//! A debug build is only kept from being absurd. Each measurement runs in a process of its own, so
//! that its peak of memory is its own.

mod common;

use common::child::{self, Process};
use koi::config::environment::Environment;
use koi::config::read::{INHERITED_MAX, read};
use koi::config::render::{self, Style};
use koi::config::report::{Level, Report};
use koi::config::source::MemoryFiles;
use koi::process::check::{Checked, check};
use std::fmt::Write;
use std::time::Instant;

/// Backends, rules and faults.
const MANY: usize = 10_000;

const DEBUG: bool = cfg!(debug_assertions);

/// The bar for checking [`MANY`] backends and rules.
const SECONDS_MAX: f64 = if DEBUG { 30.0 } else { 1.0 };
const KIB_MAX: u64 = if DEBUG { 800_000 } else { 200_000_000 / 1024 };

/// The bar for printing [`MANY`] faults.
const PRINT_SECONDS_MAX: f64 = if DEBUG { 30.0 } else { 1.0 };

/// A text of a size.
type Shape = fn(usize) -> String;

fn check_text(text: String) -> Checked {
    let files = MemoryFiles([("large.cfg".to_owned(), text.into_bytes())].into());
    check(&["large.cfg".to_owned()], &files, &mut Environment::default(), &[])
}

/// A frontend with a rule for each of as many backends, each with two servers.
fn large() -> String {
    let mut text = "\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    default-server inter 3s rise 2 fall 3
frontend web
    bind 127.0.0.1:8080
"
    .to_owned();
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("memory");
    for n in 0..MANY {
        line(format_args!("    use_backend app{n} if {{ hdr(host) -i host{n}.example.net }}"));
    }
    for n in 0..MANY {
        let (a, b) = (n / 256, n % 256);
        line(format_args!("backend app{n}\n    balance leastconn\n    option httpchk"));
        line(format_args!(
            "    server one 10.1.{a}.{b}:80 check\n    server two 10.2.{a}.{b}:80 check"
        ));
    }
    text
}

/// The peak of this process's memory, where the system tells it.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Runs `measure` in a process of its own; microseconds, peak KiB, and a number.
fn measured(test: &str, measure: impl Fn() -> u64) -> Option<[u64; 3]> {
    if child::argument(test).is_some() {
        child::answer(|| {
            let start = Instant::now();
            let number = measure();
            let took = u64::try_from(start.elapsed().as_micros()).expect("no such time");
            [took, peak_kib(), number]
        });
        return None;
    }
    let mut process = Process::start(child::command(test, ""));
    let numbers: [u64; 3] = process.ask();
    process.stop();
    println!("{test}: {:.3} s, {} KiB", numbers[0] as f64 / 1e6, numbers[1]);
    Some(numbers)
}

#[test]
fn ten_thousand_backends_and_rules() {
    let text = large();
    let check = || {
        let Checked { plan, report, .. } = check_text(text.clone());
        let faults: Vec<_> = report.faults.iter().filter(|it| it.level == Level::Error).collect();
        assert!(faults.is_empty(), "{} errors: {:?}", faults.len(), faults[0]);
        assert_eq!(plan.backend("app9999"), Some(MANY));
        plan.proxies.len() as u64
    };
    let Some([us, kib, proxies]) = measured("ten_thousand_backends_and_rules", check) else {
        return;
    };
    assert_eq!(proxies, MANY as u64 + 1);
    assert!(us as f64 / 1e6 < SECONDS_MAX, "{us} us");
    assert!(kib < KIB_MAX, "{kib} KiB");
}

#[test]
fn ten_thousand_faults() {
    // Misspelt words, and names that are taken: both look for others.
    let mut text = String::new();
    for n in 0..MANY / 2 {
        writeln!(text, "backend app\n    use-srever app{n} if {{ path /{n} }}").expect("memory");
    }
    let print = || {
        let Checked { plan, report, .. } = check_text(text.clone());
        assert!(report.count(Level::Error) >= MANY - 1, "{}", report.count(Level::Error));
        render::report(&report, &plan.sources, Style::default()).len() as u64
    };
    let Some([us, kib, bytes]) = measured("ten_thousand_faults", print) else { return };
    assert!(us as f64 / 1e6 < PRINT_SECONDS_MAX, "{us} us");
    assert!(kib < KIB_MAX, "{kib} KiB");
    assert!(bytes < 10_000_000, "{bytes} bytes");
}

#[test]
fn sizes_that_could_be_squared() {
    // Each of these is read in a time that grows with its size, not with its square: ten times as
    // much may take fifteen times as long, and then some for a busy machine.
    let shapes: [(&str, Shape); 7] = [
        ("open blocks", |n| ".if 1\n".repeat(n)),
        ("skipped lines", |n| format!(".if 0\n{}.endif\n", "nonsense\n".repeat(n))),
        ("defaults", |n| {
            (0..n).map(|n| format!("defaults d{n}\nbackend b{n} from d{n}\n")).collect()
        }),
        ("one name", |n| "backend b\n".repeat(n)),
        ("user lists", |n| "userlist u\nuserlist v\n".repeat(n)),
        ("silenced", |n| "# koi: silence verify-none\n".repeat(n)),
        ("rules", |n| {
            let rule = "    http-request deny if TRUE\n";
            format!("defaults d\n    mode http\nbackend b from d\n{}", rule.repeat(n))
        }),
    ];
    for (name, shape) in shapes {
        let time = |n: usize| {
            let text = shape(n);
            let start = Instant::now();
            check_text(text);
            start.elapsed().as_secs_f64()
        };
        let (small, large) = (time(2_000), time(20_000));
        println!("{name}: {small:.4} s, {large:.4} s");
        assert!(large < small * 15.0 + 1.0, "{name}: {small} s, then {large} s");
    }
}

/// Every proxy has the rules it inherits for itself: there is a limit, and it is told once.
#[test]
fn inherited_rules_have_a_limit() {
    let mut text = "defaults d\n    mode http\n".to_owned();
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("memory");
    (0..1000).for_each(|n| line(format_args!("    http-request set-header x-{n} y")));
    (0..300).for_each(|n| line(format_args!("frontend f{n} from d\n    bind :{}", 10_000 + n)));
    let files = MemoryFiles([("large.cfg".to_owned(), text.into_bytes())].into());
    let mut report = Report::default();
    let names = ["large.cfg".to_owned()];
    let plan = read(&names, &files, &mut Environment::default(), &mut report);
    let [fault] = &report.faults[..] else { panic!("{:#?}", report.faults) };
    assert_eq!(fault.message, "too many rules are inherited");
    let inherited: usize = plan.proxies.iter().map(|proxy| proxy.rules.count()).sum();
    assert_eq!((inherited, INHERITED_MAX), (250_000, 250_000));
}
