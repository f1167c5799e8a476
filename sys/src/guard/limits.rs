//! How many descriptors the process may open (getrlimit(2), `RLIMIT_NOFILE`).

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use std::fmt;

/// The limit on descriptors. "Unlimited" is the largest number that the system's type holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// What counts now.
    pub soft: u64,
    /// How far anybody may raise it.
    pub hard: u64,
}

/// Why the limit could not be read or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitError {
    /// Permission denied.
    Denied,
    /// An error number that limits are not known to give.
    Unexpected(i32),
}

impl From<Errno> for LimitError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EPERM => Self::Denied,
            other => Self::Unexpected(other as i32),
        }
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("permission denied"),
            Self::Unexpected(errno) => {
                write!(f, "unexpected: {}", std::io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for LimitError {}

/// The limit as it is.
pub fn descriptor_limit() -> Result<DescriptorLimit, LimitError> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(DescriptorLimit { soft: from_system(soft), hard: from_system(hard) })
}

/// Raises the limit to `wanted`, or as near as allowed: past the hard limit only with the privilege
/// for it, otherwise up to the hard limit. Never lowers it. The result is what holds afterwards;
/// whether that is enough is for the caller to say.
pub fn raise_descriptor_limit(wanted: u64) -> Result<DescriptorLimit, LimitError> {
    let now = descriptor_limit()?;
    if wanted <= now.soft {
        return Ok(now);
    }
    if wanted > now.hard && set(wanted, wanted).is_ok() {
        return descriptor_limit();
    }
    set(wanted.min(now.hard), now.hard)?;
    descriptor_limit()
}

fn set(soft: u64, hard: u64) -> Result<(), LimitError> {
    Ok(setrlimit(Resource::RLIMIT_NOFILE, to_system(soft), to_system(hard))?)
}

#[cfg(not(target_os = "freebsd"))]
fn from_system(value: rlim_t) -> u64 {
    value
}

#[cfg(not(target_os = "freebsd"))]
fn to_system(value: u64) -> rlim_t {
    value
}

/// FreeBSD's `rlim_t` is signed, and unlimited is its largest value.
#[cfg(target_os = "freebsd")]
fn from_system(value: rlim_t) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(target_os = "freebsd")]
fn to_system(value: u64) -> rlim_t {
    rlim_t::try_from(value).unwrap_or(rlim_t::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_limit_is_raised_and_never_lowered() {
        let before = descriptor_limit().unwrap();
        assert!(before.soft <= before.hard);
        assert_eq!(raise_descriptor_limit(1), Ok(before));
        let after = raise_descriptor_limit(before.hard).unwrap();
        assert_eq!(after.soft, before.hard);
        // More than any system allows, privileged or not: what could be had is reported.
        let most = raise_descriptor_limit(u64::MAX).unwrap();
        assert!(most.soft >= after.soft);
    }
}
