//! Choosing a back-end and opening it.

use super::engine::Engine;
use super::posix::Posix;
use super::{Backend, Ring, poll};
use crate::buf::Pool;
use std::fmt;
use std::str::FromStr;

/// The back-ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// io_uring (Linux).
    Uring,
    /// kqueue (FreeBSD).
    Kqueue,
    /// mio: epoll on Linux, kqueue elsewhere.
    Poll,
    /// The simulation.
    Sim,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Uring => "io_uring",
            Kind::Kqueue => "kqueue",
            Kind::Poll if cfg!(target_os = "linux") => "poll (epoll through mio)",
            Kind::Poll => "poll (mio)",
            Kind::Sim => "simulation",
        })
    }
}

/// Which back-end to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The best of this system.
    #[default]
    Auto,
    /// This one or an error.
    Forced(Kind),
}

impl FromStr for Choice {
    type Err = String;

    /// `auto`, `uring` (or `io_uring`), `kqueue`, `poll`.
    fn from_str(word: &str) -> Result<Choice, String> {
        match word {
            "auto" => Ok(Choice::Auto),
            "uring" | "io_uring" => Ok(Choice::Forced(Kind::Uring)),
            "kqueue" => Ok(Choice::Forced(Kind::Kqueue)),
            "poll" => Ok(Choice::Forced(Kind::Poll)),
            other => Err(format!("'{other}' is no ring: write auto, uring, kqueue or poll")),
        }
    }
}

impl Choice {
    /// What the environment variable `KOI_RING` says; unset or empty is [`Choice::Auto`].
    ///
    /// # Errors
    /// A word that names no back-end.
    pub fn from_environment() -> Result<Choice, String> {
        match std::env::var("KOI_RING") {
            Ok(word) if !word.is_empty() => {
                word.parse().map_err(|fault| format!("KOI_RING: {fault}"))
            }
            _ => Ok(Choice::Auto),
        }
    }
}

/// What an open ring is and can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The back-end.
    pub kind: Kind,
    /// Whether `Op::Fill` and `Op::Drain` work.
    pub splice: bool,
    /// The system's other back-end, if nobody asked for this one by name: whether it could be had.
    pub other: Option<(Kind, Result<(), OpenError>)>,
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match self.other {
            Some((kind, Ok(()))) => write!(f, "; {kind} could be had (KOI_RING)"),
            Some((kind, Err(why))) => write!(f, "; no {kind}: {why}"),
            None => Ok(()),
        }
    }
}

/// Why a back-end could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Not on this operating system.
    WrongSystem,
    /// The kernel refuses it to us: `kernel.io_uring_disabled`, a seccomp filter, a container.
    Denied,
    /// The kernel is too old for it: the first feature that is missing.
    Missing(&'static str),
    /// Another errno.
    Failed(i32),
}

impl OpenError {
    pub(crate) fn from_errno(errno: i32) -> OpenError {
        match errno {
            libc::EPERM | libc::EACCES => OpenError::Denied,
            libc::ENOSYS => OpenError::Missing("the system call"),
            other => OpenError::Failed(other),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::WrongSystem => f.write_str("this operating system does not have it"),
            OpenError::Denied => f.write_str(
                "the kernel refuses it (kernel.io_uring_disabled, or a seccomp filter as containers have)",
            ),
            OpenError::Missing(what) => write!(f, "this kernel lacks {what}"),
            OpenError::Failed(errno) => {
                write!(f, "{}", std::io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for OpenError {}

impl Ring {
    /// Opens a ring for this thread, with buffers from `pool`. The caller logs [`Ring::caps`].
    ///
    /// # Errors
    /// A forced back-end that cannot be had, or a system that gives not even the last resort.
    pub fn open(choice: Choice, pool: &Pool) -> Result<Ring, OpenError> {
        let (kind, other) = match choice {
            Choice::Forced(kind) => (kind, None),
            Choice::Auto => (PREFERRED, OTHER.map(|kind| (kind, probe(kind)))),
        };
        let backend = open_one(kind, pool)?;
        Ok(Ring { backend, caps: Caps { kind, splice: crate::net::CAN_SPLICE, other } })
    }
}

/// What is opened when nobody asks for anything else. On Linux that is a measurement's verdict
/// (README, "Which ring").
const PREFERRED: Kind = if cfg!(target_os = "freebsd") { Kind::Kqueue } else { Kind::Poll };

/// What is there beside it, and worth saying.
const OTHER: Option<Kind> = if cfg!(target_os = "linux") { Some(Kind::Uring) } else { None };

/// Whether a back-end could be had, without keeping it.
fn probe(kind: Kind) -> Result<(), OpenError> {
    match kind {
        #[cfg(target_os = "linux")]
        Kind::Uring => super::uring::probe(),
        _ => Err(OpenError::WrongSystem),
    }
}

fn open_one(kind: Kind, pool: &Pool) -> Result<Backend, OpenError> {
    match kind {
        #[cfg(target_os = "linux")]
        Kind::Uring => super::uring::Uring::open(pool.clone()).map(|r| Backend::Uring(Box::new(r))),
        #[cfg(target_os = "freebsd")]
        Kind::Kqueue => match super::kqueue::Kqueue::new() {
            Ok(selector) => {
                Ok(Backend::Kqueue(Box::new(Engine::new(Posix::new(selector), pool.clone()))))
            }
            Err(error) => Err(OpenError::from_errno(error.raw_os_error().unwrap_or(libc::EINVAL))),
        },
        Kind::Poll => match poll::Poll::new() {
            Ok(selector) => {
                Ok(Backend::Poll(Box::new(Engine::new(Posix::new(selector), pool.clone()))))
            }
            Err(error) => Err(OpenError::from_errno(error.raw_os_error().unwrap_or(libc::EINVAL))),
        },
        _ => Err(OpenError::WrongSystem),
    }
}
