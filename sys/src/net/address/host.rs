//! What a host name and an interface name may look like.

use super::{AddressError, AddressFault};

/// Checks a host name as HAProxy does (letters, digits, `-`, `_`, labels up to 63 bytes), and by
/// RFC 1035 §2.3.4 for the whole. One final dot is allowed.
pub(super) fn check(name: &str, at: usize) -> Result<(), AddressError> {
    if let Some(bad) = name.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))) {
        return Err(AddressFault::HostCharacter.at(at + bad));
    }
    let labels = name.strip_suffix('.').unwrap_or(name);
    if labels.len() > 253 {
        return Err(AddressFault::HostTooLong.at(at));
    }
    let mut label_at = at;
    for label in labels.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err(AddressFault::HostLabel.at(label_at));
        }
        label_at += label.len() + 1;
    }
    Ok(())
}

/// Checks an interface's name: what fits the kernel's field (`IF_NAMESIZE`, with its NUL), without
/// the characters that Linux refuses (dev_valid_name: `/`, white space) or that would not read
/// back.
pub(super) fn check_interface(name: &str, at: usize) -> Result<(), AddressError> {
    let forbidden = |c: char| !c.is_ascii_graphic() || "/%[]@".contains(c);
    if let Some(bad) = name.find(forbidden) {
        return Err(AddressFault::Scope.at(at + bad));
    }
    if name.is_empty() || name.len() >= libc::IF_NAMESIZE {
        return Err(AddressFault::Scope.at(at));
    }
    Ok(())
}
