//! What can be wrong with a written address, and what to write instead.

use crate::net::raw_address::PATH_CAPACITY;
use std::fmt;

/// A faulty address: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressError {
    /// What is wrong.
    pub fault: AddressFault,
    /// The byte of the text at which the fault lies; the text's length if something is missing at
    /// its end. Always a character boundary.
    pub at: usize,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for AddressError {}

impl AddressFault {
    /// This fault at that byte.
    pub(super) fn at(self, at: usize) -> AddressError {
        AddressError { fault: self, at }
    }
}

/// One thing that can be wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFault {
    /// No text at all.
    Empty,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// A word before `@` that is no prefix.
    UnknownPrefix,
    /// A prefix of HAProxy's for a transport that Koi does not have.
    UnsupportedPrefix,
    /// `[` without `]`.
    UnclosedBracket,
    /// `[` or `]` in the wrong place.
    StrayBracket,
    /// Something other than a port after `]`.
    AfterBracket,
    /// What is between the brackets, or has several colons, is no IPv6 address.
    NotV6,
    /// An IPv6 address whose last group would be taken for the port.
    BareV6,
    /// Digits and dots that are no IPv4 address.
    NotV4,
    /// A number alone.
    PortAlone,
    /// An address of the other family than the prefix says.
    WrongFamily,
    /// `%` with nothing after it, or with what cannot be an interface's name.
    Scope,
    /// A character that no host name has.
    HostCharacter,
    /// A host name of more than 253 bytes (RFC 1035 §2.3.4).
    HostTooLong,
    /// A label of a host name that is empty or longer than 63 bytes (RFC 1035 §2.3.4).
    HostLabel,
    /// A port that is not made of digits.
    PortCharacter,
    /// A port, or an offset, above 65535.
    PortTooLarge,
    /// A range that runs backwards.
    RangeReversed,
    /// A prefix with no path or name behind it.
    MissingName,
    /// A NUL byte in a path.
    Nul,
    /// A Unix path or abstract name longer than the kernel's field.
    NameTooLong,
    /// `fd@` without a descriptor number.
    NotDescriptor,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NameTooLong {
            let max = PATH_CAPACITY - 1;
            return write!(f, "the socket's name is too long; write at most {max} bytes");
        }
        f.write_str(self.text())
    }
}

impl AddressFault {
    fn text(self) -> &'static str {
        match self {
            Self::Empty => "the address is empty; write address:port, as in 127.0.0.1:80",
            Self::NotUtf8 => "the address is not UTF-8; write it in ASCII",
            Self::UnknownPrefix => {
                "not a prefix that stands before '@'; \
                 write ipv4@, ipv6@, tcp@, udp@, unix@, abns@ or fd@"
            }
            Self::UnsupportedPrefix => {
                "this transport is not supported; write ipv4@, ipv6@ or unix@ for a stream"
            }
            Self::UnclosedBracket => "the bracket is not closed; write [address]:port",
            Self::StrayBracket => {
                "a bracket in the wrong place; write [address]:port for IPv6, no brackets otherwise"
            }
            Self::AfterBracket => "only a port can follow ']'; write [address]:port",
            Self::NotV6 => "not an IPv6 address; write one like [2001:db8::1]:80",
            Self::BareV6 => {
                "an IPv6 address without brackets needs a port after its last colon; \
                 write [address] or [address]:port"
            }
            Self::NotV4 => {
                "not an IPv4 address; write four numbers from 0 to 255 without leading zeros"
            }
            Self::PortAlone => "a number alone is no address; write ':' before a port, as in :80",
            Self::WrongFamily => {
                "the address is of the other family; write ipv4@ before IPv4, ipv6@ before IPv6"
            }
            Self::Scope => "not an interface; write its name after '%', as in [fe80::1%em0]:80",
            Self::HostCharacter => {
                "no host name has this character; write letters, digits, '-', '_' and '.' \
                 (other scripts in their xn-- form)"
            }
            Self::HostTooLong => "the host name is too long; write at most 253 bytes",
            Self::HostLabel => {
                "the host name's part is empty or too long; write 1 to 63 bytes between dots"
            }
            Self::PortCharacter => "not a port; write a number from 0 to 65535 after the last ':'",
            Self::PortTooLarge => "the port is too large; write at most 65535",
            Self::RangeReversed => "the port range runs backwards; write the smaller port first",
            Self::MissingName => "the name is missing; write a path or a name after '@'",
            Self::Nul => "a path cannot hold a NUL; write the path without it",
            // Only for exhaustiveness: Display adds the number.
            Self::NameTooLong => "the socket's name is too long",
            Self::NotDescriptor => "not a descriptor; write its number, as in fd@3",
        }
    }
}
