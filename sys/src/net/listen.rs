//! Listening sockets.
//!
//! In: a resolved address and the options of a `bind` line. Out: a listening descriptor, or one
//! [`BindError`] that says which step failed.

use super::options::{bind_any, clamp, keep_alive, set_bytes, set_int};
use super::socket::new_socket;
use super::{BindError, Family, KeepAlive, Naming, SocketAddress, bind, unix};
use nix::errno::Errno;
use nix::sys::socket::SockType;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How to listen. What an accepted connection shall have is set here once, because it inherits it
/// (`TCP_NODELAY`, keep-alive, buffer sizes); that saves a system call per connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Connections that may wait to be accepted. The kernel cuts it to `net.core.somaxconn` (Linux,
    /// 4096 by default) or `kern.ipc.soacceptqueue` (FreeBSD, 128 by default).
    pub backlog: i32,
    /// Several sockets listen at one address and the kernel spreads connections over them:
    /// `SO_REUSEPORT` on Linux (socket(7)), `SO_REUSEPORT_LB` on FreeBSD (setsockopt(2)).
    pub reuse_port: bool,
    /// Bind even if no interface holds the address; see [`set_bind_any`](super::set_bind_any).
    pub bind_any: bool,
    /// Whether an IPv6 listener leaves IPv4 alone (`IPV6_V6ONLY`); `None` is the system's default.
    pub v6only: Option<bool>,
    /// Take connections from this interface only (`SO_BINDTODEVICE`; Linux only, elsewhere
    /// refused).
    pub interface: Option<String>,
    /// Hand over a connection when its first bytes are there (`TCP_DEFER_ACCEPT`, for a second;
    /// FreeBSD: the accept filter "dataready", which needs the module accf_data).
    pub defer_accept: bool,
    /// Largest segment to announce, in bytes (`TCP_MAXSEG`). FreeBSD lets a listener only lower it,
    /// and from `net.inet.tcp.mssdflt`, which is 536: it refuses most values.
    pub max_segment: Option<u16>,
    /// Milliseconds that sent bytes may stay unacknowledged before the connection ends
    /// (`TCP_USER_TIMEOUT`; Linux only, elsewhere without effect).
    pub user_timeout_ms: Option<u32>,
    /// Send small pieces at once (`TCP_NODELAY`).
    pub no_delay: bool,
    /// Probe silent peers.
    pub keep_alive: Option<KeepAlive>,
    /// Size of the receive buffer in bytes (`SO_RCVBUF`); the system adjusts it itself if `None`.
    pub receive_buffer_bytes: Option<u32>,
    /// Size of the send buffer in bytes (`SO_SNDBUF`).
    pub send_buffer_bytes: Option<u32>,
    /// Who may connect to a Unix socket in the file system.
    pub unix: UnixPermissions,
}

impl Default for ListenOptions {
    /// A backlog of 4096 (Linux's own limit, unless configured), `TCP_NODELAY`, and nothing else.
    fn default() -> Self {
        Self {
            backlog: 4096,
            reuse_port: false,
            bind_any: false,
            v6only: None,
            interface: None,
            defer_accept: false,
            max_segment: None,
            user_timeout_ms: None,
            no_delay: true,
            keep_alive: None,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
            unix: UnixPermissions::default(),
        }
    }
}

impl ListenOptions {
    /// Whether a socket that listens like this can listen like `other` without being opened again: what
    /// its connections inherit can be set anew ([`change_connections`]), its backlog too ([`set_backlog`]);
    /// nothing else, and not everything goes back to what the system would have taken.
    pub fn can_become(&self, other: &ListenOptions) -> bool {
        let rest = ListenOptions {
            backlog: other.backlog,
            max_segment: other.max_segment,
            user_timeout_ms: other.user_timeout_ms,
            keep_alive: other.keep_alive,
            receive_buffer_bytes: other.receive_buffer_bytes,
            send_buffer_bytes: other.send_buffer_bytes,
            ..self.clone()
        };
        rest == *other
            && stays_said(self, other)
            && (cfg!(target_os = "linux") || self.max_segment == other.max_segment)
    }
}

/// Whether the one says everything that the other said of what cannot be unset.
fn stays_said(before: &ListenOptions, behind: &ListenOptions) -> bool {
    let said = |options: &ListenOptions| {
        let probes = options.keep_alive;
        [
            options.receive_buffer_bytes,
            options.send_buffer_bytes,
            probes.and_then(|it| it.idle_s),
            probes.and_then(|it| it.interval_s),
            probes.and_then(|it| it.count),
        ]
    };
    said(before)
        .iter()
        .zip(said(behind))
        .all(|(before, behind)| before.is_none() || behind.is_some())
}

/// Owner and mode of a Unix socket's file; what is `None` is left as the process makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnixPermissions {
    /// Permission bits, as in chmod(2).
    pub mode: Option<u32>,
    /// The owner's number.
    pub uid: Option<u32>,
    /// The group's number.
    pub gid: Option<u32>,
}

/// Listens at an address. For Unix sockets only `backlog` and `unix` count.
pub fn listen(address: &SocketAddress, options: &ListenOptions) -> Result<OwnedFd, BindError> {
    let (fd, naming) = listen_unnamed(address, options)?;
    if let Some(mut naming) = naming {
        naming.take()?;
        naming.settle();
    }
    Ok(fd)
}

/// The same; a Unix socket in the file system does not have its name yet, and whoever has that name
/// goes on.
pub fn listen_unnamed(
    address: &SocketAddress,
    options: &ListenOptions,
) -> Result<(OwnedFd, Option<Naming>), BindError> {
    if let SocketAddress::Unix(path) = address {
        let (fd, naming) = unix::listen(path, options.backlog, options.unix)?;
        return Ok((fd, Some(naming)));
    }
    Ok((listen_elsewhere(address, options)?, None))
}

/// Where no file stands for the socket.
fn listen_elsewhere(
    address: &SocketAddress,
    options: &ListenOptions,
) -> Result<OwnedFd, BindError> {
    match address {
        SocketAddress::Unix(_) => return Err(BindError::Invalid),
        SocketAddress::Abstract(_) | SocketAddress::Unnamed => {
            let fd = new_socket(Family::Unix, SockType::Stream)?;
            bind(fd.as_fd(), address)?;
            start(fd.as_fd(), options.backlog)?;
            return Ok(fd);
        }
        SocketAddress::V4(_) | SocketAddress::V6(_) => {}
    }
    let fd = new_socket(address.family(), SockType::Stream)?;
    prepare_socket(fd.as_fd(), address.family(), options)?;
    prepare_connections(fd.as_fd(), options)?;
    bind(fd.as_fd(), address)?;
    start(fd.as_fd(), options.backlog)?;
    if options.defer_accept {
        defer_accept(fd.as_fd())?;
    }
    Ok(fd)
}

/// Options that bear on the listener itself; they go before bind(2).
fn prepare_socket(
    fd: BorrowedFd<'_>,
    family: Family,
    options: &ListenOptions,
) -> Result<(), BindError> {
    // Without it a restart waits for connections of the process before (TIME_WAIT).
    set_int(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)
        .map_err(BindError::option("SO_REUSEADDR"))?;
    if options.reuse_port {
        reuse_port(fd)?;
    }
    if options.bind_any {
        bind_any(fd, family).map_err(BindError::option("IP_BINDANY or IP_TRANSPARENT"))?;
    }
    if let Some(interface) = &options.interface {
        bind_to_interface(fd, interface)?;
    }
    if let (Family::V6, Some(v6only)) = (family, options.v6only) {
        set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, i32::from(v6only))
            .map_err(BindError::option("IPV6_V6ONLY"))?;
    }
    Ok(())
}

/// Options that accepted connections inherit; the buffers go before listen(2), because they decide
/// the window scale of the handshake (tcp(7)).
fn prepare_connections(fd: BorrowedFd<'_>, options: &ListenOptions) -> Result<(), BindError> {
    let mut ints = Vec::with_capacity(5);
    if options.no_delay {
        ints.push((libc::IPPROTO_TCP, libc::TCP_NODELAY, 1, "TCP_NODELAY"));
    }
    if let Some(bytes) = options.max_segment {
        ints.push((libc::IPPROTO_TCP, libc::TCP_MAXSEG, i32::from(bytes), "TCP_MAXSEG"));
    }
    #[cfg(target_os = "linux")]
    if let Some(time) = options.user_timeout_ms {
        ints.push((libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, clamp(time), "TCP_USER_TIMEOUT"));
    }
    if let Some(bytes) = options.receive_buffer_bytes {
        ints.push((libc::SOL_SOCKET, libc::SO_RCVBUF, clamp(bytes), "SO_RCVBUF"));
    }
    if let Some(bytes) = options.send_buffer_bytes {
        ints.push((libc::SOL_SOCKET, libc::SO_SNDBUF, clamp(bytes), "SO_SNDBUF"));
    }
    for (level, option, value, name) in ints {
        set_int(fd, level, option, value).map_err(BindError::option(name))?;
    }
    if let Some(values) = options.keep_alive {
        keep_alive(fd, values).map_err(BindError::option("SO_KEEPALIVE"))?;
    }
    Ok(())
}

fn reuse_port(fd: BorrowedFd<'_>) -> Result<(), BindError> {
    #[cfg(target_os = "freebsd")]
    let (option, name) = (libc::SO_REUSEPORT_LB, "SO_REUSEPORT_LB");
    #[cfg(not(target_os = "freebsd"))]
    let (option, name) = (libc::SO_REUSEPORT, "SO_REUSEPORT");
    set_int(fd, libc::SOL_SOCKET, option, 1).map_err(BindError::option(name))
}

#[cfg(target_os = "linux")]
fn bind_to_interface(fd: BorrowedFd<'_>, interface: &str) -> Result<(), BindError> {
    set_bytes(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, interface.as_bytes())
        .map_err(BindError::option("SO_BINDTODEVICE"))
}

#[cfg(not(target_os = "linux"))]
fn bind_to_interface(_fd: BorrowedFd<'_>, _interface: &str) -> Result<(), BindError> {
    Err(BindError::Option { name: "SO_BINDTODEVICE", errno: libc::ENOPROTOOPT })
}

#[cfg(target_os = "linux")]
fn defer_accept(fd: BorrowedFd<'_>) -> Result<(), BindError> {
    const SECONDS: i32 = 1;
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, SECONDS)
        .map_err(BindError::option("TCP_DEFER_ACCEPT"))
}

/// accept_filter(9): the socket has to listen first.
#[cfg(target_os = "freebsd")]
fn defer_accept(fd: BorrowedFd<'_>) -> Result<(), BindError> {
    const NAME: &[u8] = b"dataready";
    // struct accept_filter_arg { char af_name[16]; char af_arg[256 - 16]; }
    let mut filter = [0; 256];
    const _: () = assert!(size_of::<libc::accept_filter_arg>() == 256);
    filter[..NAME.len()].copy_from_slice(NAME);
    set_bytes(fd, libc::SOL_SOCKET, libc::SO_ACCEPTFILTER, &filter)
        .map_err(BindError::option("SO_ACCEPTFILTER"))
}

/// listen(2).
pub(super) fn start(fd: BorrowedFd<'_>, backlog: i32) -> Result<(), Errno> {
    // SAFETY: no memory is passed, and `fd` is open for the call.
    let result = unsafe { libc::listen(fd.as_raw_fd(), backlog) };
    Errno::result(result).map(drop)
}

/// Sets how many connections may wait in a socket that listens already.
pub fn set_backlog(fd: BorrowedFd<'_>, backlog: i32) -> Result<(), BindError> {
    start(fd, backlog).map_err(BindError::from)
}

/// Has a TCP socket that listens already give its connections what these options say, from now on.
pub fn change_connections(fd: BorrowedFd<'_>, options: &ListenOptions) -> Result<(), BindError> {
    // 0 is what the system would have taken (tcp(7); 'man tcp' of FreeBSD says nothing like it).
    #[cfg(target_os = "linux")]
    for (option, unset, name) in [
        (libc::TCP_MAXSEG, options.max_segment.is_none(), "TCP_MAXSEG"),
        (libc::TCP_USER_TIMEOUT, options.user_timeout_ms.is_none(), "TCP_USER_TIMEOUT"),
    ] {
        if unset {
            set_int(fd, libc::IPPROTO_TCP, option, 0).map_err(BindError::option(name))?;
        }
    }
    if options.keep_alive.is_none() {
        set_int(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 0)
            .map_err(BindError::option("SO_KEEPALIVE"))?;
    }
    prepare_connections(fd, options)
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
