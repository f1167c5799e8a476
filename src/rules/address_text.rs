//! An address as text, without the formatting machinery of `core::fmt` for IPv4: it is written once or
//! twice for each request (`X-Forwarded-For`, log lines), and that costs a tenth.

use core::fmt::{self, Write as _};
use core::net::IpAddr;
use core::ops::Deref;

/// The longest: eight groups with an IPv4 tail (RFC 4291 §2.2), as Rust prints none longer.
const BYTES_MAX: usize = 45;

/// The text of an address, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct AddressText {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl AddressText {
    /// Of this address, as `Display` writes it.
    pub fn of(address: IpAddr) -> AddressText {
        let mut text = AddressText { bytes: [0; BYTES_MAX], length: 0 };
        match address {
            IpAddr::V4(v4) => {
                for octet in v4.octets() {
                    text.push_octet(octet);
                }
                // Without the last full stop.
                text.length -= 1;
            }
            // What does not fit cannot exist.
            IpAddr::V6(v6) => drop(write!(text, "{v6}")),
        }
        text
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// An octet and a full stop behind it.
    fn push_octet(&mut self, octet: u8) {
        let (digits, length) = OCTETS[usize::from(octet)];
        if let Some(place) = self.bytes.get_mut(self.length..self.length + digits.len()) {
            place.copy_from_slice(&digits);
            self.length += length;
        }
    }
}

/// Each octet with a full stop, and how long that is.
static OCTETS: [([u8; 4], usize); 256] = octets();

const fn octets() -> [([u8; 4], usize); 256] {
    let mut table = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let (mut digits, mut length) = ([b'.'; 4], 0);
        let mut unit = if octet >= 100 {
            100
        } else if octet >= 10 {
            10
        } else {
            1
        };
        while unit > 0 {
            digits[length] = b'0' + (octet / unit % 10) as u8;
            length += 1;
            unit /= 10;
        }
        table[octet] = (digits, length + 1);
        octet += 1;
    }
    table
}

impl fmt::Write for AddressText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.push(byte));
        Ok(())
    }
}

impl Deref for AddressText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_display_writes() {
        let addresses = [
            "0.0.0.0",
            "1.20.255.100",
            "255.255.255.255",
            "9.10.99.101",
            "::",
            "2001:db8::1",
            "::ffff:192.0.2.1",
            "fd5e:d1c2:c9de:60:1234:5678:9abc:def0",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ];
        for address in addresses {
            let parsed: IpAddr = address.parse().expect("an address");
            assert_eq!(&*AddressText::of(parsed), parsed.to_string().as_bytes(), "{address}");
        }
    }
}
