//! `koi -c`: reads a configuration and says what is wrong with it.
//!
//! In: paths, and where files come from. Out: the plan and the report; for the command, text and an
//! exit status as HAProxy's: 0 valid, 1 errors, 2 valid but nothing would listen.

use std::process::ExitCode;

use super::keywords;
use super::options::Options;
use super::output;
use super::serve::here;
use super::summary::summary;
use crate::config::across;
use crate::config::advice;
use crate::config::condition;
use crate::config::environment::Environment;
use crate::config::lint::lint;
use crate::config::plan::Plan;
use crate::config::read::read;
use crate::config::render::{self, Style};
use crate::config::report::{Fault, Level, Report};
use crate::config::resolve::not_yet;
use crate::config::source::{Disk, Files};
use crate::config::tokenize::tokenize;
use crate::rules::compile::compile_after;
use crate::rules::lists::Lists;
use crate::rules::program::Program;
use koi_sys::guard;

/// A configuration that was read, whatever is wrong with it.
#[derive(Debug)]
pub struct Checked {
    /// What it says; to be used only if the report holds no error.
    pub plan: Plan,
    /// What is wrong with it, and advice.
    pub report: Report,
    /// Its rules, compiled.
    pub program: Program,
}

/// Reads files (or folders) in order and checks them. `silence` names advice that is not wanted.
///
/// The same files, environment and names give the same plan and report.
pub fn check(
    paths: &[String],
    files: &dyn Files,
    environment: &mut Environment,
    silence: &[String],
) -> Checked {
    check_after(&Lists::default(), paths, files, environment, silence)
}

/// The same for a plan that follows another one, whose maps and files of patterns are `before`.
fn check_after(
    before: &Lists,
    paths: &[String],
    files: &dyn Files,
    environment: &mut Environment,
    silence: &[String],
) -> Checked {
    let mut report = Report::silencing(silence.iter().cloned());
    let plan = read(paths, files, environment, &mut report);
    // The stages, in order: what the text says (above), what lines say together, what the rules mean,
    // what the whole of it does that nobody wants (if it does anything), and last what this build
    // cannot do, which each stage adds to.
    across::check(&plan, files, &mut report);
    let program = compile_after(before, &plan, files, &mut report);
    if !report.failed() {
        lint(&plan, &mut report);
    }
    zero_warning(&plan, &mut report);
    not_yet::warn(&mut report);
    Checked { plan, report, program }
}

/// What `zero-warning` asks for. What this build cannot do yet does not count, nor do lines that are
/// good for HAProxy and have no effect here: nobody could write a file that both take.
fn zero_warning(plan: &Plan, report: &mut Report) {
    let counts = |fault: &&Fault| {
        fault.level == Level::Warning && fault.advice != Some(advice::NO_EFFECT.name)
    };
    let warnings = report.faults.iter().filter(counts).count();
    if let (Some(span), 1..) = (plan.global.zero_warning, warnings) {
        let message = match warnings {
            1 => "there is a warning, and `zero-warning` makes it an error".to_owned(),
            _ => format!("there are {warnings} warnings, and `zero-warning` makes them errors"),
        };
        report.error(span, message).help(
            "mend what they tell of, or silence those that you know: `# koi: silence <name>`",
        );
    }
}

/// Whether anything would listen. As in HAProxy, what `global` and `peers` open counts, too.
pub fn listens(plan: &Plan) -> bool {
    plan.proxies.iter().any(|proxy| !proxy.disabled && !proxy.binds.is_empty())
        || !plan.global.stats.sockets.is_empty()
        || plan.peers.iter().any(|peers| !peers.disabled && peers.bind.is_some())
}

/// `koi -c`.
pub fn run(options: &Options) -> ExitCode {
    let mut checked = match checked(options) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    if options.here {
        let mut report = Report::default();
        here::rehearse(&mut checked.plan, &mut report);
        if tell(options, &report, &checked.plan).is_err() {
            return ExitCode::FAILURE;
        }
    }
    if let Some(classes) = &options.keywords {
        match keywords::list(classes) {
            Ok(text) => output::print(&text),
            Err(fault) => output::error(&format!("koi: {fault}\n")),
        }
    }
    let spoken = options.verbose || !options.quiet;
    let (verdict, status) = match listens(&checked.plan) {
        true => ("Configuration file is valid\n", ExitCode::SUCCESS),
        false => (
            "Configuration file has no error but will not start (no listener) => exit(2).\n",
            ExitCode::from(2),
        ),
    };
    if spoken {
        output::print(verdict);
    }
    status
}

/// Reads, checks and prints what was found.
///
/// # Errors
/// The exit status, if that ends the run.
pub fn checked(options: &Options) -> Result<Checked, ExitCode> {
    if let Some(folder) = &options.folder
        && let Err(error) = std::env::set_current_dir(folder)
    {
        output::error(&format!("koi: -C: cannot go to `{folder}`: {error}\n"));
        return Err(ExitCode::FAILURE);
    }
    let mut environment = environment(options);
    let checked = check(&options.paths, &Disk, &mut environment, &options.silence);
    let (plan, report) = (&checked.plan, &checked.report);
    if tell(options, report, plan).is_err() {
        return Err(ExitCode::FAILURE);
    }
    if options.strict && report.count(Level::Warning) > 0 {
        output::error("koi: there are warnings, and -dW makes them errors\n");
        return Err(ExitCode::FAILURE);
    }
    if options.verbose || options.serving.debug {
        output::print(&summary(plan));
    }
    Ok(checked)
}

/// Reads and checks the same files once more, in the folder that the process went to at its start.
/// Maps and files of patterns that were changed at run time stay, unless their files are others now.
pub fn again(options: &Options, before: &Lists) -> Checked {
    check_after(before, &options.paths, &Disk, &mut environment(options), &options.silence)
}

/// Prints a report.
///
/// # Errors
/// There are errors in it; nothing more is to be said.
pub fn tell(options: &Options, report: &Report, plan: &Plan) -> Result<(), Option<String>> {
    let style = Style { colour: output::error_in_colour(), errors_only: options.quiet };
    output::error(&render::report(report, &plan.sources, style));
    if report.failed() { Err(None) } else { Ok(()) }
}

/// Checks files on the disk, with the variables of this process.
pub fn check_disk(paths: &[String]) -> Checked {
    let options = Options { paths: paths.to_vec(), ..Options::default() };
    check(paths, &Disk, &mut environment(&options), &[])
}

/// The process's variables, and those that HAProxy adds to them.
fn environment(options: &Options) -> Environment {
    let mut environment = started_with();
    let peer = options.local_peer.clone().or_else(guard::host_name);
    environment.provide(&options.paths, &peer.unwrap_or_else(|| "localhost".to_owned()));
    environment
}

fn started_with() -> Environment {
    let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    Environment::new(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
}

/// `koi -cc`: 0 if the condition holds, 1 if not, 2 if it is wrong.
pub fn condition(text: &str) -> ExitCode {
    let environment = started_with();
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    let words = match tokenize(text, lookup) {
        Ok(tokens) => tokens.into_iter().map(|token| token.text).collect::<Vec<_>>().join(" "),
        Err((fault, range)) => return wrong(&fault.to_string(), text.get(range)),
    };
    match condition::evaluate(&words, &environment) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err((message, range)) => wrong(&message, words.get(range)),
    }
}

fn wrong(message: &str, at: Option<&str>) -> ExitCode {
    let at = at.filter(|at| !at.is_empty());
    let place = at.map_or_else(String::new, |at| format!(", at `{at}`"));
    output::error(&format!("koi: -cc: {message}{place}\n"));
    ExitCode::from(2)
}
