//! Signals as values.
//!
//! The signals below are blocked in every thread, and the main thread takes them one at a time with
//! sigwait(3). So no code of ours ever runs inside a signal handler, and no system call of a worker
//! is interrupted. Order at the start: [`block_signals`] before the first thread, since threads
//! inherit the mask; then [`wait_signal`] in a loop.

use nix::errno::Errno;
use nix::sys::signal::{self, SigHandler, SigSet};
use std::fmt;

/// What the outside asks of the process. What each one does is `process`'s business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
    /// SIGHUP.
    Hangup,
    /// SIGUSR1.
    User1,
    /// SIGUSR2.
    User2,
}

const SIGNALS: [(Signal, signal::Signal); 5] = [
    (Signal::Terminate, signal::Signal::SIGTERM),
    (Signal::Interrupt, signal::Signal::SIGINT),
    (Signal::Hangup, signal::Signal::SIGHUP),
    (Signal::User1, signal::Signal::SIGUSR1),
    (Signal::User2, signal::Signal::SIGUSR2),
];

/// A signal call failed, which it does only for wrong arguments: the error number, to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalError(pub i32);

impl From<Errno> for SignalError {
    fn from(errno: Errno) -> Self {
        Self(errno as i32)
    }
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unexpected: {}", std::io::Error::from_raw_os_error(self.0))
    }
}

impl std::error::Error for SignalError {}

/// Blocks every [`Signal`] in the calling thread and in those that it starts from now on.
///
/// Their dispositions go back to the default first: FreeBSD drops a signal that is ignored even
/// while it is blocked, and nohup(1) leaves us SIGHUP ignored. Blocked, the default never comes to
/// act.
pub fn block_signals() -> Result<(), SignalError> {
    let set = set();
    set.thread_block()?;
    for (_, number) in SIGNALS {
        handle(number, SigHandler::SigDfl)?;
    }
    Ok(())
}

/// Ignores SIGPIPE in the whole process, so that writing to a closed connection is only an error.
/// Rust's runtime does so too, but not for a library's sake.
pub fn ignore_broken_pipe() -> Result<(), SignalError> {
    handle(signal::Signal::SIGPIPE, SigHandler::SigIgn)
}

/// Waits until one of the signals is pending and takes it (sigwait(3)). [`block_signals`] first.
pub fn wait_signal() -> Result<Signal, SignalError> {
    let set = set();
    loop {
        let number = wait(&set)?;
        if let Some((signal, _)) = SIGNALS.iter().find(|(_, known)| *known as i32 == number) {
            return Ok(*signal);
        }
    }
}

fn set() -> SigSet {
    SIGNALS.iter().map(|(_, number)| *number).collect()
}

/// nix's own `SigSet::wait` reads the error from errno, where sigwait(3) does not put it.
fn wait(set: &SigSet) -> Result<i32, SignalError> {
    let mut number = 0;
    loop {
        // SAFETY: both pointers are to values on this stack or borrowed, alive through the call.
        let error = unsafe { libc::sigwait(set.as_ref(), &raw mut number) };
        match error {
            0 => return Ok(number),
            libc::EINTR => {}
            errno => return Err(SignalError(errno)),
        }
    }
}

fn handle(number: signal::Signal, handler: SigHandler) -> Result<(), SignalError> {
    // SAFETY: the handler is the default or "ignore" (the callers are above): no code of ours can
    // come to run in a signal's context.
    unsafe { signal::signal(number, handler) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// In a thread of its own, because the mask is the thread's; raise(3) signals just this thread.
    #[test]
    fn blocked_signals_come_out_as_values() {
        let waiting = std::thread::spawn(|| {
            block_signals().unwrap();
            for (expected, number) in SIGNALS {
                signal::raise(number).unwrap();
                assert_eq!(wait_signal(), Ok(expected));
            }
        });
        waiting.join().unwrap();
    }

    #[test]
    fn a_broken_pipe_is_an_error_and_no_death() {
        ignore_broken_pipe().unwrap();
        signal::raise(signal::Signal::SIGPIPE).unwrap();
    }
}
