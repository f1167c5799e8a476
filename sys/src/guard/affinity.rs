//! Which core a thread runs on.
//!
//! Linux: sched_setaffinity(2) with a mask of 1024 cores. FreeBSD: cpuset_setaffinity(2) with a
//! mask as large as the kernel's, which is 1024 cores from FreeBSD 14 on and 256 before.

use nix::errno::Errno;
use std::fmt;

/// Why a thread could not be pinned, or the cores not be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AffinityError {
    /// There is no such core, or this process may not use it (container, jail, cpuset).
    NoSuchCore,
    /// Permission denied.
    Denied,
    /// An error number that affinity is not known to give.
    Unexpected(i32),
}

impl From<Errno> for AffinityError {
    fn from(errno: Errno) -> Self {
        match errno {
            // Linux: EINVAL for a mask without an allowed core. FreeBSD: EDEADLK for a core outside
            // the thread's cpuset, EINVAL for one that the machine does not have.
            Errno::EINVAL | Errno::EDEADLK => Self::NoSuchCore,
            Errno::EPERM => Self::Denied,
            other => Self::Unexpected(other as i32),
        }
    }
}

impl fmt::Display for AffinityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchCore => f.write_str("there is no such core, or it is not ours to use"),
            Self::Denied => f.write_str("permission denied"),
            Self::Unexpected(errno) => {
                write!(f, "unexpected: {}", std::io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for AffinityError {}

/// Keeps the calling thread on one core, counted as the kernel does. Threads that it starts later
/// inherit that.
pub fn pin_to_core(core: usize) -> Result<(), AffinityError> {
    system::pin(core)
}

/// The cores that the calling thread may use, in ascending order. Ask before pinning.
pub fn cores() -> Result<Vec<usize>, AffinityError> {
    system::cores()
}

#[cfg(target_os = "linux")]
mod system {
    use super::AffinityError;
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    /// The calling thread.
    const SELF: Pid = Pid::from_raw(0);

    pub(super) fn pin(core: usize) -> Result<(), AffinityError> {
        let mut set = CpuSet::new();
        set.set(core)?;
        Ok(sched_setaffinity(SELF, &set)?)
    }

    pub(super) fn cores() -> Result<Vec<usize>, AffinityError> {
        let set = sched_getaffinity(SELF)?;
        Ok((0..CpuSet::count()).filter(|&core| set.is_set(core) == Ok(true)).collect())
    }
}

#[cfg(target_os = "freebsd")]
mod system {
    use super::AffinityError;
    use super::mask::{self, Mask};
    use nix::errno::Errno;

    /// The calling thread.
    const SELF: libc::id_t = -1;

    pub(super) fn pin(core: usize) -> Result<(), AffinityError> {
        let mask = mask::only(core).ok_or(AffinityError::NoSuchCore)?;
        Ok(with_size(|size| set(&mask, size))?)
    }

    pub(super) fn cores() -> Result<Vec<usize>, AffinityError> {
        let mut mask = mask::EMPTY;
        with_size(|size| get(&mut mask, size))?;
        Ok(mask::members(&mask))
    }

    /// Asks with each size in bytes that a kernel may have; another one's answer is `ERANGE`. The
    /// type in the libc crate is of no use: it has the size that FreeBSD had at build time.
    fn with_size(mut ask: impl FnMut(usize) -> Result<(), Errno>) -> Result<(), Errno> {
        match ask(size_of::<Mask>()) {
            Err(Errno::ERANGE) => ask(size_of::<Mask>() / 4),
            other => other,
        }
    }

    fn set(mask: &Mask, size: usize) -> Result<(), Errno> {
        // SAFETY: `size` is at most the size of `mask`, which is borrowed for the call and only
        // read.
        let result = unsafe {
            libc::cpuset_setaffinity(
                libc::CPU_LEVEL_WHICH,
                libc::CPU_WHICH_TID,
                SELF,
                size,
                mask.as_ptr().cast(),
            )
        };
        Errno::result(result).map(drop)
    }

    fn get(mask: &mut Mask, size: usize) -> Result<(), Errno> {
        // SAFETY: `size` is at most the size of `mask`, which is borrowed for the call; the kernel
        // writes no more than `size` bytes.
        let result = unsafe {
            libc::cpuset_getaffinity(
                libc::CPU_LEVEL_WHICH,
                libc::CPU_WHICH_TID,
                SELF,
                size,
                mask.as_mut_ptr().cast(),
            )
        };
        Errno::result(result).map(drop)
    }
}

/// FreeBSD's mask (`sys/bitset.h`): core n is bit n modulo the word of word n divided by the word.
/// Compiled for tests everywhere, because only FreeBSD runs it.
#[cfg(any(test, target_os = "freebsd"))]
mod mask {
    const WORD_BITS: usize = usize::BITS as usize;

    /// Room for 1024 cores, in C's `long`, which has `usize`'s width on every FreeBSD.
    pub(super) type Mask = [usize; 1024 / WORD_BITS];

    pub(super) const EMPTY: Mask = [0; 1024 / WORD_BITS];

    pub(super) fn only(core: usize) -> Option<Mask> {
        let mut mask = EMPTY;
        *mask.get_mut(core / WORD_BITS)? = 1 << (core % WORD_BITS);
        Some(mask)
    }

    pub(super) fn members(mask: &Mask) -> Vec<usize> {
        let set = |&core: &usize| mask[core / WORD_BITS] >> (core % WORD_BITS) & 1 == 1;
        (0..1024).filter(set).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_thread_pinned_to_a_core_has_that_one_only() {
        let last = *cores().unwrap().last().unwrap();
        let pinned = std::thread::spawn(move || {
            pin_to_core(last).unwrap();
            cores().unwrap()
        });
        assert_eq!(pinned.join().unwrap(), [last]);
    }

    #[test]
    fn a_core_that_is_not_there_is_an_error() {
        assert_eq!(pin_to_core(1023), Err(AffinityError::NoSuchCore));
        assert_eq!(pin_to_core(usize::MAX), Err(AffinityError::NoSuchCore));
    }

    #[test]
    fn freebsds_mask_holds_what_was_put_in() {
        for core in [0, 1, 31, 32, 63, 64, 255, 1023] {
            assert_eq!(mask::members(&mask::only(core).unwrap()), [core]);
        }
        assert_eq!(mask::only(1024), None);
    }
}
