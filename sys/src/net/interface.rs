//! Network interfaces by name.

/// The number of an interface (if_nametoindex(3)). A number that is no interface's name is taken as
/// the number itself. `None` if there is no such interface.
pub fn interface_index(name: &str) -> Option<u32> {
    match nix::net::if_::if_nametoindex(name) {
        Ok(index) => Some(index),
        Err(_) => name.parse().ok().filter(|&index| index > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_have_numbers() {
        let loopback = if cfg!(target_os = "linux") { "lo" } else { "lo0" };
        assert!(interface_index(loopback).is_some_and(|index| index > 0));
        assert_eq!(interface_index("7"), Some(7));
        assert_eq!(interface_index("0"), None);
        assert_eq!(interface_index("no-such-one"), None);
    }
}
