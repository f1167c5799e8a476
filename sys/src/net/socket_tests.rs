#![allow(clippy::unwrap_used)]
use super::super::testing::*;
use super::super::*;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use std::io::IoSlice;
use std::os::fd::AsFd;

fn plain() -> ListenOptions {
    ListenOptions::default()
}

fn assert_non_blocking_and_close_on_exec(fd: &impl AsFd) {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap());
    assert!(flags.contains(OFlag::O_NONBLOCK));
    let flags = FdFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFD).unwrap());
    assert!(flags.contains(FdFlag::FD_CLOEXEC));
}

#[test]
fn every_descriptor_is_non_blocking_and_close_on_exec() {
    let listener = listen(&address("127.0.0.1:0"), &plain()).unwrap();
    let (client, server, _) = connected(&listener);
    let (left, right) = socket_pair().unwrap();
    let datagrams = datagram_socket(Family::V4).unwrap();
    for fd in [&listener, &client, &server, &left, &right, &datagrams] {
        assert_non_blocking_and_close_on_exec(fd);
    }
}

#[test]
fn a_connection_carries_bytes_both_ways_and_ends() {
    let listener = listen(&address("127.0.0.1:0"), &plain()).unwrap();
    let (client, server, peer) = connected(&listener);
    assert_eq!(Ok(peer), local_address(client.as_fd()));
    assert_eq!(peer_address(client.as_fd()), local_address(server.as_fd()));
    let slices = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
    assert_eq!(send_vectored(client.as_fd(), &slices, true), Ok(7));
    assert_eq!(send_vectored(client.as_fd(), &[IoSlice::new(b"!")], false), Ok(1));
    shutdown(client.as_fd(), How::Write).unwrap();
    let mut got = Vec::new();
    loop {
        match receive_some(&server).unwrap() {
            bytes if bytes.is_empty() => break,
            bytes => got.extend(bytes),
        }
    }
    assert_eq!(got, b"one two!");
    send_all(&server, b"back");
    assert_eq!(receive_some(&client).unwrap(), b"back");
}

#[test]
fn nothing_there_would_block() {
    let listener = listen(&address("127.0.0.1:0"), &plain()).unwrap();
    assert!(matches!(accept(listener.as_fd()), Err(Attempt::WouldBlock)));
    let (client, _server, _) = connected(&listener);
    let mut buffer = [0u8; 8];
    assert_eq!(receive(client.as_fd(), &mut buffer), Err(Attempt::WouldBlock));
}

#[test]
fn a_full_socket_would_block() {
    let (client, _server) = tcp_pair();
    let block = [0; 65536];
    let mut sent = 0;
    loop {
        match send_vectored(client.as_fd(), &[IoSlice::new(&block)], false) {
            Ok(count) => sent += count,
            Err(attempt) => break assert_eq!(attempt, Attempt::WouldBlock),
        }
    }
    assert!(sent > 0);
}

#[test]
fn more_slices_than_the_kernel_takes_are_sent_in_part() {
    let (client, server) = tcp_pair();
    let slices = vec![IoSlice::new(b"x"); 2000];
    assert_eq!(send_vectored(client.as_fd(), &slices, false), Ok(1024));
    assert!(!receive_some(&server).unwrap().is_empty());
}

#[test]
fn ipv6_loopback_works() {
    if !has_ipv6() {
        return;
    }
    let listener = listen(&address("[::1]:0"), &plain()).unwrap();
    let (_client, _server, peer) = connected(&listener);
    assert_eq!(peer.family(), Family::V6);
}

#[test]
fn an_ipv4_client_of_an_ipv6_listener_is_reported_as_ipv4() {
    if !has_ipv6() {
        return;
    }
    let options = ListenOptions { v6only: Some(false), ..plain() };
    let listener = listen(&address("[::]:0"), &options).unwrap();
    let port = local_address(listener.as_fd()).unwrap().port().unwrap();
    let (client, server, peer) = connected_to(&listener, &address(&format!("127.0.0.1:{port}")));
    assert_eq!(peer.family(), Family::V4);
    assert_eq!(Ok(peer), local_address(client.as_fd()));
    assert_eq!(local_address(server.as_fd()).unwrap().to_string(), format!("127.0.0.1:{port}"));
}

#[test]
fn a_port_that_nobody_listens_on_refuses() {
    // Bound but not listening: nobody else can take the port meanwhile.
    let holder = stream_socket(Family::V4).unwrap();
    bind(holder.as_fd(), &address("127.0.0.1:0")).unwrap();
    let to = local_address(holder.as_fd()).unwrap().to_raw().unwrap();
    let client = stream_socket(Family::V4).unwrap();
    let outcome = connect(client.as_fd(), &to).and_then(|_| {
        wait_writable(&client);
        connect_outcome(client.as_fd())
    });
    assert_eq!(outcome, Err(ConnectError::Refused));
}

#[test]
fn a_socket_that_never_connected_is_not_connected() {
    let fd = stream_socket(Family::V4).unwrap();
    assert_eq!(connect_outcome(fd.as_fd()), Ok(Connected::InProgress));
    assert_eq!(take_error(fd.as_fd()), 0);
    assert_eq!(peer_address(fd.as_fd()), Err(NameError::NotConnected));
    assert_eq!(shutdown(fd.as_fd(), How::Write), Err(ShutdownError::NotConnected));
    let mut buffer = [0u8; 1];
    let error = receive(fd.as_fd(), &mut buffer).unwrap_err();
    assert_eq!(error.failure(), Some(ReceiveError::NotConnected));
}

#[test]
fn linger_zero_resets() {
    let (client, server) = tcp_pair();
    set_linger_zero(client.as_fd()).unwrap();
    drop(client);
    assert_eq!(receive_some(&server), Err(Attempt::Failed(ReceiveError::Reset)));
}

#[test]
fn sending_after_shutdown_is_broken_and_raises_no_signal() {
    let (client, _server) = tcp_pair();
    shutdown(client.as_fd(), How::Write).unwrap();
    let sent = send_vectored(client.as_fd(), &[IoSlice::new(b"x")], false);
    assert_eq!(sent, Err(Attempt::Failed(SendError::Broken)));
}

#[test]
fn datagrams_arrive_whole() {
    let receiver = datagram_socket(Family::V4).unwrap();
    bind(receiver.as_fd(), &address("127.0.0.1:0")).unwrap();
    let to = local_address(receiver.as_fd()).unwrap().to_raw().unwrap();
    let sender = datagram_socket(Family::V4).unwrap();
    assert_eq!(send_to(sender.as_fd(), b"<14>hello", &to), Ok(9));
    assert_eq!(receive_some(&receiver).unwrap(), b"<14>hello");
    let long = send_to(sender.as_fd(), &[0; 70_000], &to);
    assert_eq!(long, Err(Attempt::Failed(SendError::MessageTooLong)));
}

#[test]
fn options_are_set() {
    let (client, _server) = tcp_pair();
    let fd = client.as_fd();
    set_no_delay(fd, true).unwrap();
    set_send_buffer(fd, 65536).unwrap();
    set_receive_buffer(fd, 65536).unwrap();
    let values = KeepAlive { idle_s: Some(30), interval_s: Some(5), count: Some(3) };
    set_keep_alive(fd, values).unwrap();
    let tcp = |name| options::get_int(fd, libc::IPPROTO_TCP, name).unwrap();
    assert_ne!(tcp(libc::TCP_NODELAY), 0);
    assert_eq!(
        [tcp(libc::TCP_KEEPIDLE), tcp(libc::TCP_KEEPINTVL), tcp(libc::TCP_KEEPCNT)],
        [30, 5, 3]
    );
    assert!(options::get_int(fd, libc::SOL_SOCKET, libc::SO_SNDBUF).unwrap() >= 65536);
}

#[test]
fn a_source_address_is_kept() {
    let listener = listen(&address("127.0.0.1:0"), &plain()).unwrap();
    let to = local_address(listener.as_fd()).unwrap();
    let client = stream_socket(Family::V4).unwrap();
    bind_source(client.as_fd(), &address("127.0.0.2:0")).unwrap_or_else(|error| {
        // FreeBSD has only 127.0.0.1 unless configured otherwise.
        assert_eq!(error, BindError::AddressNotAvailable);
        bind_source(client.as_fd(), &address("127.0.0.1:0")).unwrap();
    });
    connect(client.as_fd(), &to.to_raw().unwrap()).unwrap();
    wait_readable(&listener);
    let (_server, peer) = accept(listener.as_fd()).unwrap();
    assert_eq!(Ok(peer), local_address(client.as_fd()));
}

#[test]
fn unnamed_unix_peers_are_unnamed() {
    let (left, _right) = socket_pair().unwrap();
    assert_eq!(peer_address(left.as_fd()), Ok(SocketAddress::Unnamed));
}
