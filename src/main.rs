//! The command line: what it says is `koi::process`'s business.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Result<Vec<String>, _> =
        std::env::args_os().skip(1).map(std::ffi::OsString::into_string).collect();
    match words {
        Ok(words) => koi::process::run(&words),
        Err(word) => {
            eprintln!("koi: the argument {word:?} is not UTF-8");
            ExitCode::FAILURE
        }
    }
}
