//! The command line, and which role to run.
#![forbid(unsafe_code)]

use koi::process::demo;
use koi::worker::Choice;
use std::process::ExitCode;

const USAGE: &str = "\
usage: koi demo [--port N] [--ring auto|uring|poll|kqueue] [--requests N] [--once]
       koi --version
       koi --help

Koi will read HAProxy's configuration (koi -f FILE). That is not built yet: so far there is the
I/O core, and `koi demo` shows it at work.

KOI_RING chooses the ring where --ring does not.
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        Some("demo") => demo_options(&words[1..]).and_then(|options| demo::run(&options)),
        Some("--version" | "-v") => {
            println!("Koi version {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Some("--help" | "-h") => {
            print!("{USAGE}");
            Ok(())
        }
        Some("-f") => {
            Err("configuration files cannot be read yet; `koi demo` shows what there is".into())
        }
        Some(other) => Err(format!("'{other}' is no command\n\n{USAGE}")),
        None => Err(format!("a command is missing\n\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("koi: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn demo_options(words: &[String]) -> Result<demo::Options, String> {
    let mut options = demo::Options { ring: Choice::from_environment()?, ..Default::default() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--once" => options.once = true,
            "--ring" => options.ring = value()?.parse()?,
            "--port" => options.port = number(word, value()?)?,
            "--requests" => options.requests = number(word, value()?)?,
            other => return Err(format!("'{other}' is not an option of demo\n\n{USAGE}")),
        }
    }
    Ok(options)
}

fn number<N: std::str::FromStr>(option: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{option} {value}: not a number that fits"))
}
