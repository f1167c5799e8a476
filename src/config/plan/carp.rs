//! Virtual addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Given, RuleLine, Secret};
use crate::config::source::Span;

/// A `carp` section: one virtual host.
#[derive(Clone, Debug, Default)]
pub struct Carp {
    /// Its name.
    pub name: Box<str>,
    /// The words `carp NAME`.
    pub span: Span,
    /// `interface`: where it speaks and where its addresses lie.
    pub interface: Option<Given<Box<str>>>,
    /// `vhid`: its number on the network, from 1.
    pub vhid: Option<Given<u8>>,
    /// `advbase`: seconds between advertisements, from 1; 1 if nothing.
    pub base: Option<Given<u8>>,
    /// `advskew`: 256ths of a second on top; the smallest wins. 0 if nothing.
    pub skew: Option<Given<u8>>,
    /// `pass`, `pass-file` or `key-hex`.
    pub key: Option<Given<CarpKey>>,
    /// `address`: what moves; no address twice.
    pub addresses: Vec<Given<CarpAddress>>,
    /// `preempt`: takes over from a master that is worse, not only from a silent one.
    pub preempt: Option<Span>,
    /// `preempt-delay`: not before this time after the start.
    pub preempt_delay: Option<Given<Duration>>,
    /// `peer`: whom to tell, instead of everyone on the network, by IPv4.
    pub peer: Option<Given<Ipv4Addr>>,
    /// `peer6`: the same by IPv6.
    pub peer6: Option<Given<Ipv6Addr>>,
    /// `demote`: conditions that make it worse.
    pub demotions: Vec<CarpDemotion>,
    /// `on-change`: a program to run when the state changes.
    pub hook: Option<Given<Box<str>>>,
}

/// What proves that an advertisement comes from one of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CarpKey {
    /// A password; its first [`CARP_PASSWORD_MAX`] bytes count.
    Password(Secret),
    /// The key itself, in hexadecimal: [`CARP_KEY_DIGITS`] digits.
    Raw(Secret),
}

/// How many bytes of a password reach the key in the kernels that Koi speaks with.
pub const CARP_PASSWORD_MAX: usize = 19;
/// The digits of a key of 20 bytes.
pub const CARP_KEY_DIGITS: usize = 40;

/// A virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarpAddress {
    /// The address.
    pub address: IpAddr,
    /// The length of its network's prefix.
    pub prefix: u8,
}

/// `demote`.
#[derive(Clone, Debug)]
pub struct CarpDemotion {
    /// What is added to `advskew` while the condition holds.
    pub by: Given<u8>,
    /// `if` or `unless`, and the condition.
    pub condition: RuleLine,
}
