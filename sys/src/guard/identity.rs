//! Giving privileges up, for good.
//!
//! In: a folder, a user, a group, capabilities to keep. Out: a process that has no more than that.
//! Order at the start: [`chroot`], then [`become_user`], before the first thread.

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, getresgid, getresuid, setgroups, setresgid, setresuid};
use std::fmt;
use std::io;

/// A capability that may be kept (Linux, capabilities(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `CAP_NET_BIND_SERVICE`: ports below 1024.
    NetBindService,
    /// `CAP_NET_ADMIN`: foreign source addresses, marks.
    NetAdmin,
    /// `CAP_NET_RAW`: foreign source addresses, interfaces.
    NetRaw,
    /// `CAP_SYS_ADMIN`: name spaces.
    SysAdmin,
}

/// Who the process shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user's number.
    pub uid: Option<u32>,
    /// The group's number.
    pub gid: Option<u32>,
    /// Capabilities that it keeps all the same; Linux only.
    pub capabilities: Vec<Capability>,
}

/// Why privileges could not be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// Only the superuser may take this step.
    Denied(Step),
    /// The privileges could be taken back.
    NotForGood,
    /// An error number that the step is not known to give.
    Unexpected(Step, i32),
}

/// A step of giving privileges up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Leaving the supplementary groups.
    Groups,
    /// Taking the group.
    Group,
    /// Taking the user.
    User,
    /// Keeping capabilities.
    Capabilities,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Groups => "leave the supplementary groups",
            Step::Group => "become the group",
            Step::User => "become the user",
            Step::Capabilities => "keep the capabilities",
        })
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(step) => write!(f, "cannot {step}: only the superuser may"),
            Self::NotForGood => f.write_str("the superuser's privileges could be taken back"),
            Self::Unexpected(step, errno) => {
                write!(f, "cannot {step}: {}", io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for IdentityError {}

fn at(step: Step) -> impl Fn(Errno) -> IdentityError {
    move |errno| match errno {
        Errno::EPERM => IdentityError::Denied(step),
        other => IdentityError::Unexpected(step, other as i32),
    }
}

/// Whether this process has the superuser's privileges.
pub fn is_superuser() -> bool {
    Uid::effective().is_root()
}

/// The numbers of this process's user and group, those that count.
pub fn user_and_group() -> (u32, u32) {
    (Uid::effective().as_raw(), Gid::effective().as_raw())
}

/// Shuts the process into a folder (chroot(2), chdir(2)).
///
/// # Errors
/// What the system said.
pub fn chroot(folder: &str) -> io::Result<()> {
    nix::unistd::chroot(folder)?;
    // The folder that the process was in lies outside: a way out.
    Ok(nix::unistd::chdir("/")?)
}

/// Becomes a user and a group, real, effective and saved, without supplementary groups, and makes
/// sure that there is no way back.
///
/// # Errors
/// See [`IdentityError`]. Then the process is in between, and should end.
pub fn become_user(identity: &Identity) -> Result<(), IdentityError> {
    let was_superuser = is_superuser();
    let keeps = was_superuser && identity.uid.is_some() && !identity.capabilities.is_empty();
    if keeps {
        capabilities::survive_change().map_err(at(Step::Capabilities))?;
    }
    if was_superuser && (identity.uid.is_some() || identity.gid.is_some()) {
        setgroups(&[]).map_err(at(Step::Groups))?;
    }
    if let Some(gid) = identity.gid.map(Gid::from_raw) {
        setresgid(gid, gid, gid).map_err(at(Step::Group))?;
    }
    if let Some(uid) = identity.uid.map(Uid::from_raw) {
        setresuid(uid, uid, uid).map_err(at(Step::User))?;
    }
    if keeps {
        capabilities::keep(&identity.capabilities).map_err(at(Step::Capabilities))?;
    }
    verify(identity)
}

/// That the process is who it should be, and cannot become the superuser again.
fn verify(identity: &Identity) -> Result<(), IdentityError> {
    if let Some(uid) = identity.uid.map(Uid::from_raw) {
        let ids = getresuid().map_err(at(Step::User))?;
        if [ids.real, ids.effective, ids.saved] != [uid; 3] {
            return Err(IdentityError::NotForGood);
        }
        let root = Uid::from_raw(0);
        if !uid.is_root() && setresuid(root, root, root).is_ok() {
            return Err(IdentityError::NotForGood);
        }
    }
    if let Some(gid) = identity.gid.map(Gid::from_raw) {
        let ids = getresgid().map_err(at(Step::Group))?;
        if [ids.real, ids.effective, ids.saved] != [gid; 3] {
            return Err(IdentityError::NotForGood);
        }
    }
    Ok(())
}

/// Programs that this process might start gain nothing by set-user-ID bits or file capabilities
/// (Linux, prctl(2), `PR_SET_NO_NEW_PRIVS`). It starts none.
pub fn gain_nothing_by_programs() {
    #[cfg(target_os = "linux")]
    // Every Linux that Koi runs on has it; without it nothing is less safe than it was.
    let _ = nix::sys::prctl::set_no_new_privs();
}

#[cfg(target_os = "linux")]
mod capabilities {
    use super::Capability;
    use nix::errno::Errno;

    /// `_LINUX_CAPABILITY_VERSION_3`: two words of 32 bits a set (capget(2)).
    const VERSION: u32 = 0x2008_0522;

    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }

    fn bit(capability: Capability) -> u32 {
        // linux/capability.h
        1 << match capability {
            Capability::NetBindService => 10,
            Capability::NetAdmin => 12,
            Capability::NetRaw => 13,
            Capability::SysAdmin => 21,
        }
    }

    /// The permitted set outlives the change of user.
    pub(super) fn survive_change() -> Result<(), Errno> {
        nix::sys::prctl::set_keepcaps(true)
    }

    /// Keeps these, and no others.
    pub(super) fn keep(wanted: &[Capability]) -> Result<(), Errno> {
        let set = wanted.iter().fold(0, |set, &capability| set | bit(capability));
        let header = Header { version: VERSION, pid: 0 };
        let none = Sets { effective: 0, permitted: 0, inheritable: 0 };
        let sets = [Sets { effective: set, permitted: set, inheritable: 0 }, none];
        // SAFETY: both are laid out as capset(2) wants them, version 3 has two of the second, and
        // both live through the call, which only reads them.
        let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) };
        Errno::result(result).map(drop)
    }
}

#[cfg(not(target_os = "linux"))]
mod capabilities {
    use super::Capability;
    use nix::errno::Errno;

    pub(super) fn survive_change() -> Result<(), Errno> {
        Ok(())
    }

    /// Only Linux has them.
    pub(super) fn keep(_wanted: &[Capability]) -> Result<(), Errno> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_wanted_changes_nothing() {
        let before = (Uid::effective(), Gid::effective());
        assert_eq!(become_user(&Identity::default()), Ok(()));
        assert_eq!((Uid::effective(), Gid::effective()), before);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(chroot("/no/such/folder").is_err());
    }
}
