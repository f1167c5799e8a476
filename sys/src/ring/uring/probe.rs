//! Whether this kernel's io_uring will do: tried, not looked up, because sandboxes claim versions.
//!
//! Needed: `SINGLE_ISSUER` and `DEFER_TASKRUN` (6.1), `EXT_ARG`, `NODROP`, provided buffer rings
//! (5.19), multishot accept (5.19) and receive (6.0).

use super::super::OpenError;
use super::buffers::Group;
use super::{build, enter, request};
use crate::buf::{Class, Pool, PoolConfig};
use crate::net;
use crate::table::Key;
use io_uring::{IoUring, cqueue};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::OnceLock;
use std::time::Duration;

/// The verdict, found once per process.
pub(in crate::ring) fn probe() -> Result<(), OpenError> {
    static VERDICT: OnceLock<Result<(), OpenError>> = OnceLock::new();
    *VERDICT.get_or_init(try_it)
}

fn try_it() -> Result<(), OpenError> {
    let mut ring = build(8).map_err(|error| {
        match error.raw_os_error() {
            // An unknown set-up flag: older than 6.1.
            Some(libc::EINVAL) => OpenError::Missing("DEFER_TASKRUN (Linux 6.1)"),
            errno => OpenError::from_errno(errno.unwrap_or(libc::EINVAL)),
        }
    })?;
    let params = ring.params();
    if !params.is_feature_ext_arg() {
        return Err(OpenError::Missing("EXT_ARG"));
    }
    if !params.is_feature_nodrop() {
        return Err(OpenError::Missing("NODROP"));
    }
    let pool = Pool::new(PoolConfig { small_max: 2, bulk_max: 0, small_keep: 0, bulk_keep: 0 });
    let mut group = Group::register(&ring.submitter(), 0, Class::Small, 2)
        .map_err(|_| OpenError::Missing("provided buffer rings"))?;
    group.refill(&pool);
    let verdict = receive_twice(&mut ring);
    // The multishot request ends with its ring; nothing writes to the pair any more.
    drop(ring);
    drop(group);
    verdict.map_err(|_| OpenError::Missing("multishot receive"))
}

/// One multishot request must bring two messages in two completions.
fn receive_twice(ring: &mut IoUring) -> io::Result<()> {
    let (ours, theirs) = net::socket_pair().map_err(io::Error::other)?;
    let entry = request::receive_stream(ours.as_raw_fd(), Key::NONE, 0);
    // SAFETY: the request names a buffer group, not memory; group and descriptor outlive the ring.
    unsafe { ring.submission().push(&entry) }.map_err(io::Error::other)?;
    for _ in 0..2 {
        net::send(theirs.as_fd(), b"?").map_err(|_| io::ErrorKind::Other)?;
        enter(ring, 1, Some(Duration::from_secs(2)))?;
        let Some(completion) = ring.completion().next() else {
            return Err(io::ErrorKind::TimedOut.into());
        };
        let more = cqueue::more(completion.flags());
        if completion.result() != 1 || !more || cqueue::buffer_select(completion.flags()).is_none()
        {
            return Err(io::ErrorKind::Unsupported.into());
        }
    }
    // Gone before its buffers are: the end of the stream ends the request.
    drop(theirs);
    enter(ring, 1, Some(Duration::from_secs(2)))?;
    Ok(())
}
