//! The master process (`-W`, `-Ws`): starts a worker process, passes signals on to it, ends with it.
//!
//! It opens nothing and reads nothing from the network. Its exit status is HAProxy's master's: zero
//! after a stop in order, the worker's otherwise, 128 and the signal for one that was killed.

use std::process::ExitCode;

use std::sync::Arc;

use super::pidfile::Pidfile;
use super::split::{Ready, Start};
use super::systemd::Notifier;
use crate::log;
use koi_sys::guard::{self, Child, Ended, Signal};

/// What the master tells others.
pub struct Telling {
    /// systemd.
    pub notifier: Notifier,
    /// The file with its number.
    pub pidfile: Option<Pidfile>,
    /// Who waits for the start.
    pub ready: Ready,
}

/// Runs until the worker process has ended.
pub fn run(child: Child, mut start: Start, telling: Telling) -> ExitCode {
    let pid = child.pid();
    let Telling { notifier, pidfile, ready } = telling;
    if start.wait() {
        if let Err(fault) = started(&notifier, pidfile, ready) {
            log::warning(format_args!("{fault}"));
        }
        log::notice(format_args!("worker process {pid} serves"));
    }
    // This thread waits for the child; signals need one of their own, and so do reloads.
    let notifier = Arc::new(notifier);
    let to = notifier.clone();
    let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name(name.to_owned());
        if let Err(error) = thread.spawn(run) {
            log::warning(format_args!("no thread for {name}: {error}"));
        }
    };
    spawn("signals", Box::new(move || pass_signals(pid, &to)));
    spawn("reloads", Box::new(move || pass_reloads(start, &notifier)));
    ended(child.wait())
}

/// Tells systemd when a reload is over: what serves is ready in either case.
fn pass_reloads(mut start: Start, notifier: &Notifier) {
    while let Some(done) = start.reloaded() {
        let status = if done { "Ready." } else { "Ready; the last reload was refused." };
        notifier.say(&format!("READY=1\nSTATUS={status}\n"));
    }
}

fn started(notifier: &Notifier, pidfile: Option<Pidfile>, ready: Ready) -> Result<(), String> {
    if let Some(pidfile) = pidfile {
        pidfile.write().map_err(|error| format!("the pidfile cannot be written: {error}"))?;
    }
    notifier.say(&format!("READY=1\nMAINPID={}\nSTATUS=Ready.\n", std::process::id()));
    // Who waited for the start needs to hear no more.
    ready.say().map(drop)
}

fn pass_signals(pid: i32, notifier: &Notifier) {
    loop {
        let signal = match guard::wait_signal() {
            Ok(signal) => signal,
            Err(error) => return log::warning(format_args!("no signals: {error}")),
        };
        match signal {
            Signal::Terminate | Signal::Interrupt | Signal::User1 => {
                Notifier::from_environment().say("STOPPING=1\nSTATUS=Stopping.\n");
            }
            Signal::Hangup | Signal::User2 => {
                // systemd.service(5), Type=notify-reload: the moment tells its reload from others.
                let now_us = koi_sys::clock::Time::monotonic().as_micros();
                notifier.say(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}\nSTATUS=Reloading.\n"));
            }
            _ => {}
        }
        if let Err(error) = guard::send_signal(pid, signal) {
            log::warning(format_args!("the worker process gets no {signal}: {error}"));
        }
    }
}

fn ended(how: Result<Ended, i32>) -> ExitCode {
    let status = match how {
        Ok(Ended::Exit(status)) => status,
        Ok(Ended::Signal(signal)) => {
            log::warning(format_args!("the worker process was ended by signal {signal}"));
            128 + signal
        }
        Err(errno) => {
            let error = std::io::Error::from_raw_os_error(errno);
            log::warning(format_args!("the worker process cannot be waited for: {error}"));
            1
        }
    };
    ExitCode::from(u8::try_from(status).unwrap_or(1))
}
