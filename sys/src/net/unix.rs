//! Unix listeners in the file system.
//!
//! A stale socket file is no obstacle, and a live one is replaced without a moment in which
//! connecting fails: the new socket is bound under a temporary name beside the old one, given its
//! permissions and set listening, and only then renamed over it (rename(2) is atomic). If any step
//! fails, the old file is as it was. HAProxy does the same, but starts to listen after the rename.
//!
//! Limit: the path and its suffix `.<pid>.tmp` must fit the kernel's field (107 bytes on Linux, 103
//! on FreeBSD).

use super::bind::bind_raw;
use super::raw_address::RawAddress;
use super::socket::new_socket;
use super::{BindError, Family, UnixPermissions, listen::start};
use nix::sys::socket::SockType;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Listens at `path`. A file there that is not a socket is never replaced.
pub(super) fn listen(
    path: &Path,
    backlog: i32,
    permissions: UnixPermissions,
) -> Result<OwnedFd, BindError> {
    check_replaceable(path)?;
    let temporary = temporary_name(path);
    let raw = RawAddress::from_path(temporary.as_os_str().as_bytes());
    let raw = raw.ok_or(BindError::PathTooLong)?;
    // A process of our number may have died between bind and rename.
    remove(&temporary).map_err(sort)?;
    let fd = new_socket(Family::Unix, SockType::Stream)?;
    bind_raw(fd.as_fd(), &raw)?;
    if let Err(error) = publish(fd.as_fd(), &temporary, path, backlog, permissions) {
        // The first error is the one to report.
        let _ = remove(&temporary);
        return Err(error);
    }
    Ok(fd)
}

/// Everything between bind and the final name.
fn publish(
    fd: BorrowedFd<'_>,
    temporary: &Path,
    path: &Path,
    backlog: i32,
    permissions: UnixPermissions,
) -> Result<(), BindError> {
    if permissions.uid.is_some() || permissions.gid.is_some() {
        chown(temporary, permissions.uid, permissions.gid).map_err(sort)?;
    }
    if let Some(mode) = permissions.mode {
        fs::set_permissions(temporary, fs::Permissions::from_mode(mode)).map_err(sort)?;
    }
    start(fd, backlog)?;
    fs::rename(temporary, path).map_err(sort)
}

fn check_replaceable(path: &Path) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => Ok(()),
        Ok(_) => Err(BindError::PathTaken),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(sort(error)),
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{}.tmp", std::process::id()));
    PathBuf::from(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sort(error: io::Error) -> BindError {
    match error.raw_os_error() {
        Some(errno) => BindError::from_errno(errno),
        // std refuses a path with a NUL without asking the kernel.
        None => BindError::Invalid,
    }
}
