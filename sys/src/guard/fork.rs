//! A second process: for the background, or under a master.
//!
//! In: the wish for one. Out: which of the two this is. Limits: only while the process has a single
//! thread; the other threads would be missing in the child, and their locks held for ever.

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use std::fmt;
use std::fs::File;
use std::io;

/// Which of the two this is.
#[derive(Debug)]
pub enum Forked {
    /// The one that there was.
    Parent(Child),
    /// The new one.
    Child,
}

/// The new process, seen from its parent.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

/// Why there is no second process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkError {
    /// The process has several threads already.
    Threads,
    /// The user has too many processes, or there is no memory.
    Limit,
    /// An error number that forking is not known to give.
    Unexpected(i32),
}

impl From<Errno> for ForkError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EAGAIN | Errno::ENOMEM => Self::Limit,
            other => Self::Unexpected(other as i32),
        }
    }
}

impl fmt::Display for ForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads => f.write_str("no second process beside running threads"),
            Self::Limit => f.write_str(
                "the system allows no process more; see `ulimit -u` and the memory's limits",
            ),
            Self::Unexpected(errno) => {
                write!(f, "unexpected: {}", io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for ForkError {}

/// Makes a second process (fork(2)).
///
/// # Errors
/// See [`ForkError`].
pub fn fork() -> Result<Forked, ForkError> {
    if threads().is_some_and(|threads| threads > 1) {
        return Err(ForkError::Threads);
    }
    // SAFETY: what makes fork(2) dangerous is a lock that another thread holds at that moment. This
    // process has no other thread: it was counted just now, and only this thread could start one.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(Child { pid: child })),
        ForkResult::Child => Ok(Forked::Child),
    }
}

impl Child {
    /// Its number.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Waits for its end (waitpid(2)). `Err` is the errno.
    pub fn wait(&self) -> Result<Ended, i32> {
        loop {
            match waitpid(self.pid, None) {
                Ok(WaitStatus::Exited(_, status)) => return Ok(Ended::Exit(status)),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Ended::Signal(signal as i32)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno as i32),
            }
        }
    }
}

/// Begins a session without a terminal (setsid(2)). Does nothing for one that leads its group.
pub fn leave_terminal() {
    // EPERM, the only error: the process leads a group, so it is on its own already.
    let _ = setsid();
}

/// Connects standard input, output and error to a file: `/dev/null`, opened before a chroot hides it.
///
/// # Errors
/// What the system said.
pub fn replace_standard_streams(by: &File) -> io::Result<()> {
    dup2_stdin(by)?;
    dup2_stdout(by)?;
    Ok(dup2_stderr(by)?)
}

/// How many threads this process has; `None` if the system does not say.
#[cfg(target_os = "linux")]
fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// How many threads this process has (sysctl(3), `KERN_PROC_PID`).
#[cfg(target_os = "freebsd")]
fn threads() -> Option<usize> {
    let name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, Pid::this().as_raw()];
    let mut info = std::mem::MaybeUninit::<libc::kinfo_proc>::zeroed();
    let mut len = size_of::<libc::kinfo_proc>();
    let count = name.len() as libc::c_uint;
    // SAFETY: the name has `count` numbers; `info` has room for `len` bytes; both live through the
    // call; nothing new is set.
    let result = unsafe {
        let old = info.as_mut_ptr().cast();
        libc::sysctl(name.as_ptr(), count, old, &raw mut len, std::ptr::null(), 0)
    };
    if result != 0 || len < size_of::<libc::kinfo_proc>() {
        return None;
    }
    // SAFETY: the kernel has filled all of it, and zeros would be a valid value, too.
    let info = unsafe { info.assume_init() };
    usize::try_from(info.ki_numthreads).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests run in threads of their own.
    #[test]
    fn a_process_with_threads_does_not_fork() {
        assert!(threads().is_some_and(|threads| threads > 1));
        assert_eq!(fork().err(), Some(ForkError::Threads));
    }
}
