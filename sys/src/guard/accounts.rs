//! Users and groups by name (getpwnam(3), getgrnam(3)).

use nix::unistd::{Group, Uid, User as Entry};

/// A user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The user's own group; `None` for a number that is nobody's.
    pub gid: Option<u32>,
}

/// The user of this name; `None` if there is none, or the system's lists cannot be read.
pub fn user_by_name(name: &str) -> Option<User> {
    let entry = Entry::from_name(name).ok().flatten()?;
    Some(User { uid: entry.uid.as_raw(), gid: Some(entry.gid.as_raw()) })
}

/// The user of this number, who need not be in the system's lists.
pub fn user_by_number(uid: u32) -> User {
    let entry = Entry::from_uid(Uid::from_raw(uid)).ok().flatten();
    User { uid, gid: entry.map(|entry| entry.gid.as_raw()) }
}

/// The number of the group of this name.
pub fn group_by_name(name: &str) -> Option<u32> {
    Some(Group::from_name(name).ok().flatten()?.gid.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_and_nobody_else_of_no_name() {
        assert_eq!(user_by_name("root"), Some(User { uid: 0, gid: Some(0) }));
        assert_eq!(user_by_number(0), User { uid: 0, gid: Some(0) });
        assert_eq!(user_by_number(3_999_999_999).gid, None);
        assert_eq!(user_by_name("no such user"), None);
        assert_eq!(group_by_name("no such group"), None);
        let name = if cfg!(target_os = "linux") { "root" } else { "wheel" };
        assert_eq!(group_by_name(name), Some(0));
    }
}
