//! Keys: the bytes that an entry is found by.
//!
//! In: what a sample was cast to. Out: bytes, the same for the same key wherever it comes from. An
//! IPv4-mapped IPv6 address is an IPv4 address, and in a table of `type ipv6` an IPv4 address is a mapped
//! one. Limits: text is cut at the table's length; bytes are cut, or filled up with zeros.

use std::borrow::Cow;
use std::hash::Hasher;

use core::net::IpAddr;

use crate::config::plan::KeyKind;

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<'a>(Bytes<'a>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bytes<'a> {
    /// Addresses and numbers: so many of them.
    Short([u8; 16], usize),
    Long(Cow<'a, [u8]>),
}

impl<'a> Key<'a> {
    /// Of an address; `None` if the table's keys are none, or it does not fit.
    #[inline]
    pub fn address(kind: KeyKind, address: IpAddr) -> Option<Key<'a>> {
        match (kind, address.to_canonical()) {
            (KeyKind::Ip, IpAddr::V4(it)) => Some(Key::four(it.octets())),
            (KeyKind::Ipv6, IpAddr::V4(it)) => {
                Some(Key(Bytes::Short(it.to_ipv6_mapped().octets(), 16)))
            }
            (KeyKind::Ipv6, IpAddr::V6(it)) => Some(Key(Bytes::Short(it.octets(), 16))),
            _ => None,
        }
    }

    fn four([a, b, c, d]: [u8; 4]) -> Key<'a> {
        Key(Bytes::Short([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4))
    }

    /// Of a number: its low 32 bits, as in HAProxy.
    pub fn number(number: i64) -> Key<'a> {
        let [_, _, _, _, low @ ..] = number.to_be_bytes();
        Key::four(low)
    }

    /// Of text or bytes, for a table whose keys are such; `None` for another one.
    pub fn bytes(kind: KeyKind, bytes: impl Into<Cow<'a, [u8]>>) -> Option<Key<'a>> {
        let mut bytes = bytes.into();
        let (length, fills) = match kind {
            KeyKind::Text(length) => (length, false),
            KeyKind::Binary(length) => (length, true),
            KeyKind::Ip | KeyKind::Ipv6 | KeyKind::Integer => return None,
        };
        let length = usize::try_from(length).ok()?;
        if bytes.len() > length {
            match &mut bytes {
                Cow::Borrowed(it) => *it = it.get(..length).unwrap_or_default(),
                Cow::Owned(it) => it.truncate(length),
            }
        } else if fills && bytes.len() < length {
            bytes.to_mut().resize(length, 0);
        }
        Some(Key(Bytes::Long(bytes)))
    }

    /// The bytes of a key of another table, if this one's keys are of that form.
    pub fn same(kind: KeyKind, bytes: Vec<u8>) -> Option<Key<'static>> {
        let fits = match kind {
            KeyKind::Ip | KeyKind::Integer => bytes.len() == 4,
            KeyKind::Ipv6 => bytes.len() == 16,
            KeyKind::Text(_) | KeyKind::Binary(_) => return Key::bytes(kind, bytes),
        };
        fits.then(|| Key::short(&bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(bytes, length) => bytes.get(..*length).unwrap_or_default(),
            Bytes::Long(bytes) => bytes,
        }
    }

    /// Its bytes in words of eight, the rest of the last one zero, for keys that have two at most.
    #[inline]
    pub(super) fn short_words(&self) -> Option<(usize, [u64; 2])> {
        let Bytes::Short(bytes, length) = &self.0 else { return None };
        let [low @ .., _, _, _, _, _, _, _, _] = *bytes;
        let [_, _, _, _, _, _, _, _, high @ ..] = *bytes;
        Some((*length, [u64::from_ne_bytes(low), u64::from_ne_bytes(high)]))
    }

    /// Into a hash.
    pub(super) fn hash_into(&self, hasher: &mut impl Hasher) {
        match self.short_words() {
            Some((_, [low, high])) => {
                hasher.write_u64(low);
                hasher.write_u64(high);
            }
            None => hasher.write(self.as_bytes()),
        }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Key<'static> {
        Key(match self.0 {
            Bytes::Short(bytes, length) => Bytes::Short(bytes, length),
            Bytes::Long(bytes) => Bytes::Long(Cow::Owned(bytes.into_owned())),
        })
    }

    fn short(bytes: &[u8]) -> Key<'a> {
        let mut room = [0; 16];
        let length = bytes.len().min(room.len());
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Key(Bytes::Short(room, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(kind: KeyKind, text: &str) -> Option<Vec<u8>> {
        let key = Key::address(kind, text.parse().expect("an address"))?;
        Some(key.as_bytes().to_vec())
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        assert_eq!(address(KeyKind::Ip, "192.0.2.1"), Some(vec![192, 0, 2, 1]));
        assert_eq!(address(KeyKind::Ip, "::ffff:192.0.2.1"), Some(vec![192, 0, 2, 1]));
        assert_eq!(address(KeyKind::Ip, "2001:db8::1"), None);
        assert_eq!(address(KeyKind::Ipv6, "192.0.2.1"), address(KeyKind::Ipv6, "::ffff:192.0.2.1"));
        assert_eq!(address(KeyKind::Ipv6, "192.0.2.1").map(|it| it.len()), Some(16));
        assert_eq!(address(KeyKind::Integer, "192.0.2.1"), None);
    }

    #[test]
    fn numbers_are_their_low_bits_and_text_is_cut() {
        assert_eq!(Key::number(258).as_bytes(), [0, 0, 1, 2]);
        assert_eq!(Key::number(-1).as_bytes(), Key::number(0xffff_ffff).as_bytes());
        let of =
            |kind, text: &'static [u8]| Key::bytes(kind, text).map(|key| key.as_bytes().to_vec());
        assert_eq!(of(KeyKind::Text(3), b"abcd").as_deref(), Some(&b"abc"[..]));
        assert_eq!(of(KeyKind::Text(3), b"a").as_deref(), Some(&b"a"[..]));
        assert_eq!(of(KeyKind::Binary(3), b"a").as_deref(), Some(&b"a\0\0"[..]));
        assert_eq!(of(KeyKind::Binary(3), b"abcd").as_deref(), Some(&b"abc"[..]));
        assert_eq!(of(KeyKind::Ip, b"abcd"), None);
    }
}
