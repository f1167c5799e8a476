//! What the tests of this folder share: waiting for a descriptor, and connected sockets on
//! loopback.
#![allow(clippy::unwrap_used)]

use super::*;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Long enough for the slowest machine; nothing waits so long unless it is broken.
const PATIENCE_MS: u16 = 20_000;

fn wait(fd: BorrowedFd<'_>, events: PollFlags) {
    let ready = poll(&mut [PollFd::new(fd, events)], PollTimeout::from(PATIENCE_MS));
    assert_eq!(ready, Ok(1), "nothing came");
}

pub(super) fn wait_readable(fd: &OwnedFd) {
    wait(fd.as_fd(), PollFlags::POLLIN);
}

pub(super) fn wait_writable(fd: &OwnedFd) {
    wait(fd.as_fd(), PollFlags::POLLOUT);
}

pub(super) fn address(text: &str) -> SocketAddress {
    text.parse::<std::net::SocketAddr>().unwrap().into()
}

/// A name in the abstract namespace, padded as `abns@` is.
#[cfg(target_os = "linux")]
pub(super) fn abstract_address(name: &str) -> SocketAddress {
    SocketAddress::padded_abstract(name).unwrap()
}

/// Says why, and says no, where the machine has no IPv6 loopback.
pub(super) fn has_ipv6() -> bool {
    let listened = listen(&address("[::1]:0"), &ListenOptions::default());
    if let Err(error) = &listened {
        eprintln!("skipped: no IPv6 loopback: {error}");
    }
    listened.is_ok()
}

/// A connection to a listener: our end, the accepted end, and the peer that accept reported.
pub(super) fn connected(listener: &OwnedFd) -> (OwnedFd, OwnedFd, SocketAddress) {
    let to = local_address(listener.as_fd()).unwrap();
    connected_to(listener, &to)
}

/// The same, by an address that is not the listener's own.
pub(super) fn connected_to(
    listener: &OwnedFd,
    to: &SocketAddress,
) -> (OwnedFd, OwnedFd, SocketAddress) {
    let client = stream_socket(to.family()).unwrap();
    if connect(client.as_fd(), &to.to_raw().unwrap()).unwrap() == Connected::InProgress {
        wait_writable(&client);
        assert_eq!(connect_outcome(client.as_fd()), Ok(Connected::Done));
    }
    wait_readable(listener);
    let (server, peer) = accept(listener.as_fd()).unwrap();
    (client, server, peer)
}

/// A TCP connection over IPv4 loopback.
pub(super) fn tcp_pair() -> (OwnedFd, OwnedFd) {
    let listener = listen(&address("127.0.0.1:0"), &ListenOptions::default()).unwrap();
    let (client, server, _) = connected(&listener);
    (client, server)
}

/// Waits for bytes, or the end, or an error, and returns what came.
pub(super) fn receive_some(fd: &OwnedFd) -> Result<Vec<u8>, Attempt<ReceiveError>> {
    wait_readable(fd);
    let mut buffer = [0u8; 4096];
    let count = receive(fd.as_fd(), &mut buffer)?;
    Ok(buffer[..count].to_vec())
}

pub(super) fn send_all(fd: &OwnedFd, bytes: &[u8]) {
    let sent = send_vectored(fd.as_fd(), &[std::io::IoSlice::new(bytes)], false);
    assert_eq!(sent, Ok(bytes.len()));
}

/// A new empty directory, gone with this value.
pub(super) struct Directory(pub(super) std::path::PathBuf);

impl Directory {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("koi-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn entries(&self) -> usize {
        std::fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
