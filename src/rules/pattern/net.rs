//! Sets of networks.
//!
//! Networks are ranges of addresses; those that overlap are merged, so that one binary search answers,
//! however many there are. Masks with holes (`255.255.0.255`) make no range and are tried in turn.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network as it was written; the address may have bits outside the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// Address and mask.
    V4(Ipv4Addr, Ipv4Addr),
    /// Address and length of the prefix.
    V6(Ipv6Addr, u8),
}

/// A set of networks.
#[derive(Clone, Debug, Default)]
pub struct Nets {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
    /// Address and mask.
    holes: Box<[(u32, u32)]>,
}

impl Nets {
    /// The union of networks.
    pub fn new(nets: impl Iterator<Item = Net>) -> Nets {
        let (mut v4, mut v6, mut holes) = (Vec::new(), Vec::new(), Vec::new());
        for net in nets {
            match net {
                Net::V4(address, mask) => {
                    let (address, mask) = (u32::from(address), u32::from(mask));
                    match mask.leading_ones() + mask.trailing_zeros() >= u32::BITS {
                        true => v4.push((address & mask, address | !mask)),
                        false => holes.push((address & mask, mask)),
                    }
                }
                Net::V6(address, length) => {
                    let rest = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                    let address = u128::from(address);
                    v6.push((address & !rest, address | rest));
                }
            }
        }
        Nets { v4: merge(v4), v6: merge(v6), holes: holes.into() }
    }

    /// Whether the address lies in one of them.
    ///
    /// An IPv4 address is `::ffff:a.b.c.d` to an IPv6 network; an IPv6 address that holds an IPv4
    /// address (`::a.b.c.d`, `::ffff:a.b.c.d`, `2002:aabb:ccdd::`) is that to an IPv4 network.
    pub fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.has_v4(v4) || within(&self.v6, u128::from(v4.to_ipv6_mapped())),
            IpAddr::V6(v6) => {
                within(&self.v6, u128::from(v6)) || held(v6).is_some_and(|v4| self.has_v4(v4))
            }
        }
    }

    fn has_v4(&self, address: Ipv4Addr) -> bool {
        let address = u32::from(address);
        within(&self.v4, address) || self.holes.iter().any(|(net, mask)| address & mask == *net)
    }
}

fn merge<N: Ord + Copy>(mut ranges: Vec<(N, N)>) -> Box<[(N, N)]> {
    ranges.sort_unstable();
    let mut merged: Vec<(N, N)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged.into()
}

fn within<N: Ord + Copy>(ranges: &[(N, N)], address: N) -> bool {
    let behind = ranges.partition_point(|(first, _)| *first <= address);
    behind.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= *last)
}

/// The IPv4 address that an IPv6 address holds, if it does.
fn held(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = u128::from(address);
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] => Some(Ipv4Addr::from(bits as u32)),
        [0x2002, ..] => Some(Ipv4Addr::from((bits >> 80) as u32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[(&str, &str)]) -> Nets {
        Nets::new(texts.iter().map(|(address, mask)| match mask.parse::<u8>() {
            Ok(length) => Net::V6(address.parse().expect("v6"), length),
            Err(_) => Net::V4(address.parse().expect("v4"), mask.parse().expect("a mask")),
        }))
    }

    fn has(nets: &Nets, address: &str) -> bool {
        nets.has(address.parse().expect("an address"))
    }

    #[test]
    fn networks_overlap_and_nest() {
        let nets = nets(&[
            ("10.0.0.0", "255.0.0.0"),
            ("10.1.0.0", "255.255.0.0"),
            ("192.0.2.1", "255.255.255.255"),
            ("2001:db8::", "32"),
            ("2001:db8::1", "128"),
            ("1.2.3.4", "255.255.0.255"),
        ]);
        assert_eq!((nets.v4.len(), nets.v6.len(), nets.holes.len()), (2, 1, 1));
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.1", "2001:db8:ffff::", "1.2.77.4"] {
            assert!(has(&nets, inside), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.2", "2001:db9::", "1.2.3.5"] {
            assert!(!has(&nets, outside), "{outside}");
        }
    }

    #[test]
    fn the_families_meet() {
        let v4 = nets(&[("127.0.0.0", "255.0.0.0")]);
        for inside in ["::127.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::5"] {
            assert!(has(&v4, inside), "{inside}");
        }
        assert!(!has(&v4, "2003:7f00:1::") && !has(&v4, "64:ff9b::127.0.0.1"));
        let v6 = nets(&[("::ffff:127.0.0.0", "104")]);
        assert!(has(&v6, "127.9.9.9") && !has(&v6, "128.0.0.1"));
        assert!(has(&nets(&[("::", "0")]), "192.0.2.1"));
        assert!(!has(&nets(&[("::127.0.0.1", "120")]), "127.0.0.1"));
        assert!(has(&nets(&[("0.0.0.0", "0.0.0.0")]), "255.255.255.255"));
    }
}
