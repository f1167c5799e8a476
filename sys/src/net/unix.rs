//! Unix listeners in the file system.
//!
//! A stale socket file is no obstacle, and a live one is replaced without a moment in which
//! connecting fails: the new socket is bound under a temporary name beside the old one, given its
//! permissions and set listening; the caller has it renamed over the old one (rename(2) is atomic)
//! once nothing else can fail. Until then, and if it never comes to that, the old file is as it was.
//! HAProxy does the same, but starts to listen after the rename.
//!
//! Limit: the path and its suffix `.<pid>.<number>.tmp` (a number below 100) must fit the kernel's
//! field (107 bytes on Linux, 103 on FreeBSD).

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
use std::sync::atomic::{AtomicU32, Ordering};

/// The name of a Unix socket that listens under a temporary one. What is not named when this is
/// dropped is removed.
#[derive(Debug)]
pub struct Naming {
    path: PathBuf,
    temporary: PathBuf,
    /// Where the file that has the name lies meanwhile.
    former: PathBuf,
    stage: Stage,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Temporary,
    Named,
    Settled,
}

impl Naming {
    /// What it will be called.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has it take its name, at once for whoever connects. Dropped without [`Naming::settle`], the
    /// file before has it again, unless the system lets us have no second name of that one
    /// (link(2): on Linux not of another user's).
    pub fn take(&mut self) -> Result<(), BindError> {
        check_replaceable(&self.path)?;
        // A process of our number may have left it.
        remove(&self.former).map_err(sort)?;
        let _ = fs::hard_link(&self.path, &self.former);
        fs::rename(&self.temporary, &self.path).map_err(sort)?;
        self.stage = Stage::Named;
        Ok(())
    }

    /// It keeps the name.
    pub fn settle(mut self) {
        self.stage = Stage::Settled;
    }
}

impl Drop for Naming {
    fn drop(&mut self) {
        // Nobody is left to tell: a file that stays is replaced by the next one.
        if self.stage == Stage::Temporary {
            let _ = remove(&self.temporary);
        }
        if self.stage == Stage::Named && fs::rename(&self.former, &self.path).is_err() {
            let _ = remove(&self.path);
        }
        let _ = remove(&self.former);
    }
}

/// Listens under a temporary name beside `path`. A file there that is not a socket is never
/// replaced.
pub(super) fn listen(
    path: &Path,
    backlog: i32,
    permissions: UnixPermissions,
) -> Result<(OwnedFd, Naming), BindError> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    check_replaceable(path)?;
    // Two that are wanted at one path do not meet before they are named.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed) % 100;
    let temporary = beside(path, number, "tmp");
    let raw = RawAddress::from_path(temporary.as_os_str().as_bytes());
    let raw = raw.ok_or(BindError::PathTooLong)?;
    // A process of our number may have died between bind and rename.
    remove(&temporary).map_err(sort)?;
    let fd = new_socket(Family::Unix, SockType::Stream)?;
    bind_raw(fd.as_fd(), &raw)?;
    let former = beside(path, number, "old");
    let naming = Naming { path: path.to_owned(), temporary, former, stage: Stage::Temporary };
    open(fd.as_fd(), &naming.temporary, backlog, permissions)?;
    Ok((fd, naming))
}

/// Everything between bind and the final name.
fn open(
    fd: BorrowedFd<'_>,
    temporary: &Path,
    backlog: i32,
    permissions: UnixPermissions,
) -> Result<(), BindError> {
    if permissions.uid.is_some() || permissions.gid.is_some() {
        chown(temporary, permissions.uid, permissions.gid).map_err(sort)?;
    }
    if let Some(mode) = permissions.mode {
        fs::set_permissions(temporary, fs::Permissions::from_mode(mode)).map_err(sort)?;
    }
    start(fd, backlog).map_err(BindError::from)
}

fn check_replaceable(path: &Path) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => Ok(()),
        Ok(_) => Err(BindError::PathTaken),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(sort(error)),
    }
}

fn beside(path: &Path, number: u32, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{}.{number}.{suffix}", std::process::id()));
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
