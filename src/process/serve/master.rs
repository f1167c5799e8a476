//! The master process (`-W`, `-Ws`): starts a worker process, passes signals on to it, ends with it.
//!
//! It opens nothing and reads nothing from the network. Its exit status is HAProxy's master's: zero
//! after a stop in order, the worker's otherwise, 128 and the signal for one that was killed.

use std::process::ExitCode;

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
pub fn run(child: Child, start: Start, telling: Telling) -> ExitCode {
    let pid = child.pid();
    if start.wait() {
        if let Err(fault) = started(telling) {
            log::warning(format_args!("{fault}"));
        }
        log::notice(format_args!("worker process {pid} serves"));
    }
    // This thread waits for the child; signals need one of their own.
    let passing = std::thread::Builder::new().name("signals".to_owned());
    if let Err(error) = passing.spawn(move || pass_signals(pid)) {
        log::warning(format_args!("signals are not passed on: {error}"));
    }
    ended(child.wait())
}

fn started(telling: Telling) -> Result<(), String> {
    let Telling { notifier, pidfile, ready } = telling;
    if let Some(pidfile) = pidfile {
        pidfile.write().map_err(|error| format!("the pidfile cannot be written: {error}"))?;
    }
    notifier.say(&format!("READY=1\nMAINPID={}\nSTATUS=Ready.\n", std::process::id()));
    ready.say()
}

fn pass_signals(pid: i32) {
    loop {
        let signal = match guard::wait_signal() {
            Ok(signal) => signal,
            Err(error) => return log::warning(format_args!("no signals: {error}")),
        };
        match signal {
            Signal::User2 => log::warning(format_args!(
                "{signal}: reloading is not built yet; start another process with -sf {}",
                std::process::id()
            )),
            _ => {
                if let Signal::Terminate | Signal::Interrupt | Signal::User1 = signal {
                    Notifier::from_environment().say("STOPPING=1\nSTATUS=Stopping.\n");
                }
                if let Err(error) = guard::send_signal(pid, signal) {
                    log::warning(format_args!("the worker process gets no {signal}: {error}"));
                }
            }
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
