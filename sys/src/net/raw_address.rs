//! A socket address in the kernel's own layout.
//!
//! In: a [`SocketAddress`], or bytes that the kernel wrote. Out: pointer and length for a system
//! call. The layout is written byte by byte at the offsets that libc declares, so that nothing here
//! needs `unsafe`; the offsets differ between the systems, because FreeBSD puts a length byte
//! first.

use super::SocketAddress;
use libc::{sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_un, socklen_t};
use std::mem::{offset_of, size_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

const CAPACITY: usize = size_of::<libc::sockaddr_storage>();
const PATH_AT: usize = offset_of!(sockaddr_un, sun_path);

/// Bytes of a Unix socket path, its final NUL included: 108 on Linux, 104 on FreeBSD (unix(7),
/// unix(4)).
pub(super) const PATH_CAPACITY: usize = size_of::<sockaddr_un>() - PATH_AT;

/// As large and as strictly aligned as `sockaddr_storage`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Storage([u8; CAPACITY]);

const _: () = assert!(align_of::<Storage>() >= align_of::<libc::sockaddr_storage>());
const _: () = assert!(size_of::<Storage>() == CAPACITY);

/// A socket address as connect(2), bind(2) and io_uring take it.
///
/// Whoever hands out [`as_ptr`](Self::as_ptr) keeps the value where it is until the kernel is done
/// with it; for io_uring that is the completion.
#[derive(Clone, Copy)]
pub struct RawAddress {
    storage: Storage,
    len: socklen_t,
}

impl RawAddress {
    /// An address for the kernel to fill: full capacity, all zero.
    pub fn empty() -> Self {
        Self { storage: Storage([0; CAPACITY]), len: CAPACITY as socklen_t }
    }

    /// Where the address starts. Valid while this value neither moves nor dies.
    pub fn as_ptr(&self) -> *const sockaddr {
        self.storage.0.as_ptr().cast()
    }

    /// Where the kernel may write an address, and where it reads the room for it and writes the
    /// length. Both valid like [`as_ptr`](Self::as_ptr). Call it on an [`empty`](Self::empty)
    /// value, else the room is only what the last address took.
    pub fn room(&mut self) -> (*mut sockaddr, *mut socklen_t) {
        (self.storage.0.as_mut_ptr().cast(), &raw mut self.len)
    }

    /// Bytes that count. The kernel may report more than fit (a truncated address).
    pub fn len(&self) -> socklen_t {
        self.len
    }

    /// Whether the kernel wrote no address at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn new(family: i32, len: usize) -> Self {
        let mut raw = Self::empty();
        raw.len = len as socklen_t;
        let at = offset_of!(sockaddr, sa_family);
        // Address families are small numbers on both systems.
        let family = (family as sa_family_t).to_ne_bytes();
        raw.put(at, &family);
        #[cfg(target_os = "freebsd")]
        raw.put(offset_of!(sockaddr, sa_len), &[len as u8]);
        raw
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.storage.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn get<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.storage.0[at..at + N]);
        bytes
    }

    /// The bytes that the kernel wrote or will read.
    fn filled(&self) -> &[u8] {
        &self.storage.0[..CAPACITY.min(self.len as usize)]
    }

    fn family(&self) -> i32 {
        i32::from(sa_family_t::from_ne_bytes(self.get(offset_of!(sockaddr, sa_family))))
    }

    pub(super) fn from_v4(address: &SocketAddrV4) -> Self {
        let mut raw = Self::new(libc::AF_INET, size_of::<sockaddr_in>());
        raw.put(offset_of!(sockaddr_in, sin_port), &address.port().to_be_bytes());
        raw.put(offset_of!(sockaddr_in, sin_addr), &address.ip().octets());
        raw
    }

    pub(super) fn from_v6(address: &SocketAddrV6) -> Self {
        let mut raw = Self::new(libc::AF_INET6, size_of::<sockaddr_in6>());
        raw.put(offset_of!(sockaddr_in6, sin6_port), &address.port().to_be_bytes());
        raw.put(offset_of!(sockaddr_in6, sin6_flowinfo), &address.flowinfo().to_ne_bytes());
        raw.put(offset_of!(sockaddr_in6, sin6_addr), &address.ip().octets());
        raw.put(offset_of!(sockaddr_in6, sin6_scope_id), &address.scope_id().to_ne_bytes());
        raw
    }

    /// `path` without its final NUL; `None` if it does not fit or holds a NUL.
    pub(super) fn from_path(path: &[u8]) -> Option<Self> {
        if path.len() >= PATH_CAPACITY || path.contains(&0) {
            return None;
        }
        let mut raw = Self::new(libc::AF_UNIX, PATH_AT + path.len() + 1);
        raw.put(PATH_AT, path);
        Some(raw)
    }

    /// `name` without the NUL in front that marks it (unix(7)); `None` if it does not fit, or where
    /// there are no such names.
    pub(super) fn from_abstract(name: &[u8]) -> Option<Self> {
        if name.len() >= PATH_CAPACITY || !cfg!(target_os = "linux") {
            return None;
        }
        let mut raw = Self::new(libc::AF_UNIX, PATH_AT + 1 + name.len());
        raw.put(PATH_AT + 1, name);
        Some(raw)
    }

    pub(super) fn unnamed() -> Self {
        Self::new(libc::AF_UNIX, PATH_AT)
    }

    pub(super) fn to_socket_address(self) -> Option<SocketAddress> {
        let filled = self.filled().len();
        match self.family() {
            libc::AF_INET if filled >= size_of::<sockaddr_in>() => Some(self.to_v4()),
            libc::AF_INET6 if filled >= size_of::<sockaddr_in6>() => Some(self.to_v6()),
            libc::AF_UNIX if filled >= PATH_AT => Some(self.to_unix()),
            _ => None,
        }
    }

    fn to_v4(self) -> SocketAddress {
        let ip = Ipv4Addr::from(self.get::<4>(offset_of!(sockaddr_in, sin_addr)));
        let port = u16::from_be_bytes(self.get(offset_of!(sockaddr_in, sin_port)));
        SocketAddress::V4(SocketAddrV4::new(ip, port))
    }

    fn to_v6(self) -> SocketAddress {
        let ip = Ipv6Addr::from(self.get::<16>(offset_of!(sockaddr_in6, sin6_addr)));
        let port = u16::from_be_bytes(self.get(offset_of!(sockaddr_in6, sin6_port)));
        let flow = u32::from_ne_bytes(self.get(offset_of!(sockaddr_in6, sin6_flowinfo)));
        let scope = u32::from_ne_bytes(self.get(offset_of!(sockaddr_in6, sin6_scope_id)));
        SocketAddress::V6(SocketAddrV6::new(ip, port, flow, scope))
    }

    /// A path ends at its first NUL or at the length. A NUL in front is an abstract name on Linux,
    /// and on FreeBSD, whose unnamed sockets come as 16 bytes with an empty path, no name at all.
    fn to_unix(self) -> SocketAddress {
        let bytes = &self.filled()[PATH_AT..];
        match bytes {
            [] => SocketAddress::Unnamed,
            [0, name @ ..] if cfg!(target_os = "linux") => SocketAddress::Abstract(name.into()),
            [0, ..] => SocketAddress::Unnamed,
            path => {
                let end = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
                SocketAddress::from_path_bytes(&path[..end])
            }
        }
    }
}

impl std::fmt::Debug for RawAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.to_socket_address() {
            Some(address) => write!(f, "RawAddress({address})"),
            None => write!(f, "RawAddress(family {}, {} bytes)", self.family(), self.len),
        }
    }
}

#[cfg(test)]
#[path = "raw_address_tests.rs"]
mod tests;
