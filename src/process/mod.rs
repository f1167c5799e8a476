//! Starting and ending the process: the command line, the roles, signals.
//!
//! [`options`] reads the command line; each command is a module: [`check`] (`-c`), [`keywords`]
//! (`-dK`), [`version`] (`-v`), [`help`], [`explain`], and [`demo`].

use std::process::ExitCode;

pub mod check;
pub mod demo;
pub mod explain;
pub mod help;
pub mod keywords;
pub mod options;
pub mod output;
pub mod serve;
pub mod summary;
pub mod version;

use options::Command;

/// Runs what a command line asks for. `words` are the arguments behind the program's name.
pub fn run(words: &[String]) -> ExitCode {
    let command = match options::parse(words) {
        Ok(command) => command,
        Err(fault) => {
            output::error(&format!("koi: {fault}\n"));
            return ExitCode::FAILURE;
        }
    };
    match command {
        Command::Check(options) => check::run(&options),
        Command::Serve(options) => serve::run(&options),
        Command::Condition(condition) => check::condition(&condition),
        Command::Keywords(classes) => done(keywords::list(&classes)),
        Command::Version => done(Ok(version::short())),
        Command::VersionAndFeatures => done(Ok(version::long())),
        Command::Usage => done(Ok(options::USAGE.to_owned())),
        Command::Help(words) => done(help::about(&words)),
        Command::Explain(words) => done(explain::run(&words)),
        Command::Demo(options) => done(demo::run(&options).map(|()| String::new())),
    }
}

/// Prints what came out of a command.
fn done(outcome: Result<String, String>) -> ExitCode {
    match outcome {
        Ok(text) => {
            output::print(&text);
            ExitCode::SUCCESS
        }
        Err(fault) => {
            output::error(&format!("koi: {fault}\n"));
            ExitCode::FAILURE
        }
    }
}
