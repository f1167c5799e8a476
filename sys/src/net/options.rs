//! Socket options.
//!
//! In: a descriptor and a value. Out: nothing, or an [`OptionError`]. Each function is one
//! setsockopt(2), except [`set_keep_alive`], which has four values to set.

use super::{Family, OptionError};
use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// When the kernel asks a silent peer whether it lives (tcp(7), tcp(4)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Seconds of silence before the first probe; the system's default if `None`.
    pub idle_s: Option<u32>,
    /// Seconds between probes; the system's default if `None`.
    pub interval_s: Option<u32>,
    /// Probes without an answer before the connection is dropped; the system's default if `None`.
    pub count: Option<u32>,
}

/// Sends small pieces at once instead of waiting for more to join them (`TCP_NODELAY`).
pub fn set_no_delay(fd: BorrowedFd<'_>, on: bool) -> Result<(), OptionError> {
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, i32::from(on)).map_err(sort)
}

/// Has the kernel probe silent peers. An accepted connection inherits this from its listener.
pub fn set_keep_alive(fd: BorrowedFd<'_>, values: KeepAlive) -> Result<(), OptionError> {
    keep_alive(fd, values).map_err(sort)
}

pub(super) fn keep_alive(fd: BorrowedFd<'_>, values: KeepAlive) -> Result<(), Errno> {
    let times = [
        (libc::TCP_KEEPIDLE, values.idle_s),
        (libc::TCP_KEEPINTVL, values.interval_s),
        (libc::TCP_KEEPCNT, values.count),
    ];
    for (name, value) in times {
        if let Some(value) = value {
            set_int(fd, libc::IPPROTO_TCP, name, clamp(value))?;
        }
    }
    set_int(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)
}

/// Makes the coming close(2) reset the connection and drop what is unsent (`SO_LINGER` of 0 s).
pub fn set_linger_zero(fd: BorrowedFd<'_>) -> Result<(), OptionError> {
    // struct linger { int l_onoff; int l_linger; } on both systems.
    const _: () = assert!(size_of::<libc::linger>() == 2 * size_of::<i32>());
    let mut linger = [0; 2 * size_of::<i32>()];
    linger[..size_of::<i32>()].copy_from_slice(&1_i32.to_ne_bytes());
    set_bytes(fd, libc::SOL_SOCKET, libc::SO_LINGER, &linger).map_err(sort)
}

/// Makes the coming close(2) say nothing to the peer: Linux's `TCP_REPAIR` (CAP_NET_ADMIN), in which a
/// connection only vanishes.
#[cfg(target_os = "linux")]
pub fn set_silent_close(fd: BorrowedFd<'_>) -> Result<(), OptionError> {
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_REPAIR, 1).map_err(sort)
}

/// Other systems have nothing like it.
#[cfg(not(target_os = "linux"))]
pub fn set_silent_close(_: BorrowedFd<'_>) -> Result<(), OptionError> {
    Err(sort(Errno::EOPNOTSUPP))
}

/// Lets packets live for so many hops (`IP_TTL`, `IPV6_UNICAST_HOPS`).
pub fn set_hops(fd: BorrowedFd<'_>, hops: u8) -> Result<(), OptionError> {
    let hops = i32::from(hops);
    let of_v4 = set_int(fd, libc::IPPROTO_IP, libc::IP_TTL, hops);
    let of_v6 = set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, hops);
    of_v4.or(of_v6).map_err(sort)
}

/// Sets the type of service of packets (`IP_TOS`, `IPV6_TCLASS`).
pub fn set_tos(fd: BorrowedFd<'_>, tos: u8) -> Result<(), OptionError> {
    let tos = i32::from(tos);
    let of_v4 = set_int(fd, libc::IPPROTO_IP, libc::IP_TOS, tos);
    let of_v6 = set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, tos);
    of_v4.or(of_v6).map_err(sort)
}

/// Marks packets for the firewall: Linux's `SO_MARK` (CAP_NET_ADMIN), FreeBSD's `SO_USER_COOKIE`.
pub fn set_mark(fd: BorrowedFd<'_>, mark: u32) -> Result<(), OptionError> {
    #[cfg(target_os = "linux")]
    const NAME: i32 = libc::SO_MARK;
    #[cfg(target_os = "freebsd")]
    const NAME: i32 = libc::SO_USER_COOKIE;
    set_bytes(fd, libc::SOL_SOCKET, NAME, &mark.to_ne_bytes()).map_err(sort)
}

/// Asks for a send buffer of so many bytes; the kernel may give another size (`SO_SNDBUF`; Linux
/// doubles it) and stops adjusting it by itself.
pub fn set_send_buffer(fd: BorrowedFd<'_>, size_bytes: u32) -> Result<(), OptionError> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, clamp(size_bytes)).map_err(sort)
}

/// Asks for a receive buffer of so many bytes (`SO_RCVBUF`), like [`set_send_buffer`].
pub fn set_receive_buffer(fd: BorrowedFd<'_>, size_bytes: u32) -> Result<(), OptionError> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, clamp(size_bytes)).map_err(sort)
}

/// Lets the socket bind to an address that no interface holds: a virtual address while another node
/// is its MASTER, or a client's address (`usesrc`).
///
/// Linux: `IP_TRANSPARENT`, or where that needs a privilege we lack, `IP_FREEBIND` (ip(7)).
/// FreeBSD: `IP_BINDANY`, `IPV6_BINDANY`, with the privilege `PRIV_NETINET_BINDANY` (ip(4),
/// ip6(4)).
pub fn set_bind_any(fd: BorrowedFd<'_>, family: Family) -> Result<(), OptionError> {
    bind_any(fd, family).map_err(sort)
}

#[cfg(target_os = "linux")]
pub(super) fn bind_any(fd: BorrowedFd<'_>, family: Family) -> Result<(), Errno> {
    match family {
        Family::V4 => set_int(fd, libc::SOL_IP, libc::IP_TRANSPARENT, 1)
            .or_else(|_| set_int(fd, libc::SOL_IP, libc::IP_FREEBIND, 1)),
        Family::V6 => set_int(fd, libc::SOL_IPV6, libc::IPV6_TRANSPARENT, 1)
            .or_else(|_| set_int(fd, libc::SOL_IPV6, libc::IPV6_FREEBIND, 1)),
        Family::Unix => Err(Errno::EOPNOTSUPP),
    }
}

#[cfg(target_os = "freebsd")]
pub(super) fn bind_any(fd: BorrowedFd<'_>, family: Family) -> Result<(), Errno> {
    match family {
        Family::V4 => set_int(fd, libc::IPPROTO_IP, libc::IP_BINDANY, 1),
        Family::V6 => set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_BINDANY, 1),
        Family::Unix => Err(Errno::EOPNOTSUPP),
    }
}

fn sort(errno: Errno) -> OptionError {
    OptionError::from_errno(errno as i32)
}

/// The kernel's options are signed; no sensible value comes near the limit.
pub(super) fn clamp(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// Sets an option whose value is an int, which is nearly every one.
pub(super) fn set_int(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> Result<(), Errno> {
    set_bytes(fd, level, name, &value.to_ne_bytes())
}

/// setsockopt(2).
pub(super) fn set_bytes(
    fd: BorrowedFd<'_>,
    level: i32,
    name: i32,
    value: &[u8],
) -> Result<(), Errno> {
    // Option values are a few bytes to 256.
    let (start, len) = (value.as_ptr().cast(), value.len() as libc::socklen_t);
    // SAFETY: `value` is borrowed for the call and `len` is its length; the kernel copies it before
    // it returns and has no alignment demand on it.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, start, len) };
    Errno::result(result).map(drop)
}

/// getsockopt(2) for an option whose value is an int.
pub(super) fn get_int(fd: BorrowedFd<'_>, level: i32, name: i32) -> Result<i32, Errno> {
    let mut value = 0_i32;
    let mut len = size_of::<i32>() as libc::socklen_t;
    // SAFETY: `value` and `len` live on this stack through the call; `len` is the room at `value`,
    // and the kernel writes no more than that.
    let result = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len)
    };
    Errno::result(result).map(|_| value)
}
