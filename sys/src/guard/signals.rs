//! Signals as values.
//!
//! The signals below are blocked in every thread, and the main thread takes them one at a time with
//! sigwait(3). So no code of ours ever runs inside a signal handler, and no system call of a worker
//! is interrupted. Order at the start: [`block_signals`] before the first thread, since threads
//! inherit the mask; then [`wait_signal`] in a loop.

use nix::errno::Errno;
use nix::sys::signal::{self, SigHandler, SigSet};
use nix::unistd::Pid;
use std::fmt;
use std::time::Duration;

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
    /// SIGQUIT.
    Quit,
    /// SIGTTOU: a successor cannot have our ports.
    StopListening,
    /// SIGTTIN: the successor has failed.
    ListenAgain,
}

const SIGNALS: [Signal; 8] = [
    Signal::Terminate,
    Signal::Interrupt,
    Signal::Hangup,
    Signal::User1,
    Signal::User2,
    Signal::Quit,
    Signal::StopListening,
    Signal::ListenAgain,
];

impl Signal {
    fn number(self) -> signal::Signal {
        match self {
            Signal::Terminate => signal::Signal::SIGTERM,
            Signal::Interrupt => signal::Signal::SIGINT,
            Signal::Hangup => signal::Signal::SIGHUP,
            Signal::User1 => signal::Signal::SIGUSR1,
            Signal::User2 => signal::Signal::SIGUSR2,
            Signal::Quit => signal::Signal::SIGQUIT,
            Signal::StopListening => signal::Signal::SIGTTOU,
            Signal::ListenAgain => signal::Signal::SIGTTIN,
        }
    }
}

/// As the manuals have it: `SIGTERM`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number().as_str())
    }
}

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
    for signal in SIGNALS {
        handle(signal.number(), SigHandler::SigDfl)?;
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
        if let Some(signal) = of_number(number) {
            return Ok(signal);
        }
    }
}

/// The same, for so long at most (sigtimedwait(2)); `None` if none came.
pub fn wait_signal_for(limit: Duration) -> Result<Option<Signal>, SignalError> {
    let set = set();
    let limit = libc::timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    // SAFETY: both pointers are to values on this stack, alive through the call; a null pointer asks
    // for no details of the signal.
    let result =
        unsafe { libc::sigtimedwait(set.as_ref(), std::ptr::null_mut(), &raw const limit) };
    match Errno::result(result) {
        Ok(number) => Ok(of_number(number)),
        // Another signal, or a debugger, came between: as good as the end of the time.
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn of_number(number: i32) -> Option<Signal> {
    SIGNALS.into_iter().find(|signal| signal.number() as i32 == number)
}

/// Why a signal could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillError {
    /// There is no such process (any more).
    Gone,
    /// It is not ours to signal.
    Denied,
    /// Not the number of a process.
    Invalid,
}

impl fmt::Display for KillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "there is no such process",
            Self::Denied => "permission denied",
            Self::Invalid => "not the number of a process",
        })
    }
}

impl std::error::Error for KillError {}

/// Sends a signal to one process (kill(2)).
///
/// # Errors
/// See [`KillError`].
pub fn send_signal(pid: i32, signal: Signal) -> Result<(), KillError> {
    if pid <= 0 {
        // Zero and below are groups of processes, ourselves among them.
        return Err(KillError::Invalid);
    }
    signal::kill(Pid::from_raw(pid), signal.number()).map_err(|errno| match errno {
        Errno::EPERM => KillError::Denied,
        Errno::ESRCH => KillError::Gone,
        _ => KillError::Invalid,
    })
}

fn set() -> SigSet {
    SIGNALS.into_iter().map(Signal::number).collect()
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
            for expected in SIGNALS {
                signal::raise(expected.number()).unwrap();
                assert_eq!(wait_signal(), Ok(expected));
                signal::raise(expected.number()).unwrap();
                assert_eq!(wait_signal_for(Duration::from_secs(20)), Ok(Some(expected)));
            }
            assert_eq!(wait_signal_for(Duration::ZERO), Ok(None));
        });
        waiting.join().unwrap();
    }

    #[test]
    fn only_a_process_is_signalled() {
        assert_eq!(send_signal(0, Signal::Terminate), Err(KillError::Invalid));
        assert_eq!(send_signal(-1, Signal::Terminate), Err(KillError::Invalid));
        assert_eq!(send_signal(i32::MAX, Signal::Terminate), Err(KillError::Gone));
    }

    #[test]
    fn a_broken_pipe_is_an_error_and_no_death() {
        ignore_broken_pipe().unwrap();
        signal::raise(signal::Signal::SIGPIPE).unwrap();
    }
}
