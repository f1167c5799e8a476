//! `koi -f FILE...`: serving, from start to end.
//!
//! In: the command line. Out: an exit status, when it is over. The order of a start: the files are
//! read and checked; limits are raised; names are resolved, certificates loaded, log targets opened;
//! ports are opened; privileges are given up; workers start. Whatever fails, nothing stays behind,
//! and the message says at which words.

pub mod accounts;
pub mod address;
pub mod ports;
pub mod prepare;
pub mod workers;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use self::address::Names;
use self::ports::Port;
use super::check::{self, Checked};
use super::options::Options;
use super::output;
use crate::balance::Live;
use crate::config::render::{self, Style};
use crate::config::report::Report;
use crate::log;
use crate::worker::{Choice, Group};
use koi_sys::guard::{self, Signal};

/// Why a start ended; it has been told.
struct Told;

/// `koi -f FILE...`.
pub fn run(options: &Options) -> ExitCode {
    let checked = match check::checked(options) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    match serve(options, checked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Told) => ExitCode::FAILURE,
    }
}

fn serve(options: &Options, checked: Checked) -> Result<(), Told> {
    if !check::listens(&checked.plan) {
        return Err(fatal("nothing would listen: no frontend has a `bind` line"));
    }
    guard::block_signals().map_err(|error| fatal(&error.to_string()))?;
    guard::ignore_broken_pipe().map_err(|error| fatal(&error.to_string()))?;
    let group = start(options, checked)?;
    until_the_end(group)
}

/// From the plan to running workers.
fn start(options: &Options, checked: Checked) -> Result<Group, Told> {
    let Checked { plan, program, .. } = checked;
    let mut config = workers::group_config(&plan.global.process);
    config.ring = Choice::from_environment().map_err(|fault| fatal(&fault))?;
    let mut report = Report::default();
    let names = &mut Names::default();
    let wanted = ports::wanted(&plan, names, &mut report);
    let destinations = prepare::destinations(&plan, names, &mut report);
    let tls = prepare::binds_tls(&plan, &mut report);
    let targets = prepare::log_targets(&plan, &mut report);
    let mut shares: Vec<Vec<Port>> = (0..config.workers).map(|_| Vec::new()).collect();
    if !report.failed() {
        for wanted in &wanted {
            match ports::open(wanted, config.workers) {
                Ok(sockets) => ports::deal(&mut shares, wanted, sockets),
                Err(fault) => ports::tell(wanted, fault, &mut report),
            }
        }
    }
    let (false, Some(targets)) = (report.failed(), targets) else {
        let style = Style { colour: output::error_in_colour(), errors_only: options.quiet };
        output::error(&render::report(&report, &plan.sources, style));
        return Err(Told);
    };
    let live = Arc::new(Live::new(&plan));
    let destinations = Arc::new(destinations);
    let shared = workers::Shared {
        live,
        destinations: destinations.clone(),
        tls: Arc::new(tls),
        targets,
        plan: Arc::new(plan),
        program: Arc::new(program),
    };
    let group = workers::start(&config, shared, shares);
    let group = group.map_err(|error| fatal(&error.to_string()))?;
    destinations.set_workers(group.addresses());
    Ok(group)
}

/// Waits for signals, and for the workers' end.
fn until_the_end(group: Group) -> Result<(), Told> {
    loop {
        match guard::wait_signal().map_err(|error| fatal(&error.to_string()))? {
            Signal::Terminate | Signal::Interrupt => break group.stop(Duration::ZERO),
            Signal::User1 => break group.stop(Duration::MAX),
            signal => log::notice(format_args!("{signal:?} means nothing yet")),
        }
    }
    group.join();
    Ok(())
}

fn fatal(message: &str) -> Told {
    output::error(&format!("koi: {message}\n"));
    Told
}
