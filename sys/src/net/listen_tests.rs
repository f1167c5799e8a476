#![allow(clippy::unwrap_used)]
use super::super::testing::*;
use super::super::*;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn plain() -> ListenOptions {
    ListenOptions::default()
}

#[test]
fn accepted_connections_inherit_what_the_listener_has() {
    let keep_alive = KeepAlive { idle_s: Some(77), interval_s: None, count: Some(4) };
    let options = ListenOptions { keep_alive: Some(keep_alive), ..plain() };
    let listener = listen(&address("127.0.0.1:0"), &options).unwrap();
    let (_client, server, _) = connected(&listener);
    let get = |level, name| options::get_int(server.as_fd(), level, name).unwrap();
    assert_ne!(get(libc::IPPROTO_TCP, libc::TCP_NODELAY), 0);
    assert_ne!(get(libc::SOL_SOCKET, libc::SO_KEEPALIVE), 0);
    assert_eq!(get(libc::IPPROTO_TCP, libc::TCP_KEEPIDLE), 77);
    assert_eq!(get(libc::IPPROTO_TCP, libc::TCP_KEEPCNT), 4);
}

#[test]
fn a_taken_address_is_in_use_unless_shared() {
    let first = listen(&address("127.0.0.1:0"), &plain()).unwrap();
    let taken = local_address(first.as_fd()).unwrap();
    assert_eq!(listen(&taken, &plain()).unwrap_err(), BindError::AddressInUse);
    let shared = ListenOptions { reuse_port: true, ..plain() };
    let first = listen(&address("127.0.0.1:0"), &shared).unwrap();
    let same = local_address(first.as_fd()).unwrap();
    assert!(listen(&same, &shared).is_ok());
}

#[test]
fn an_address_of_nobodys_needs_bind_any() {
    // RFC 5737: for documentation, on no interface.
    let foreign = address("198.51.100.7:0");
    assert_eq!(listen(&foreign, &plain()).unwrap_err(), BindError::AddressNotAvailable);
    let options = ListenOptions { bind_any: true, ..plain() };
    match listen(&foreign, &options) {
        Ok(fd) => assert_eq!(local_address(fd.as_fd()).unwrap().ip(), foreign.ip()),
        // FreeBSD without the privilege.
        Err(BindError::Option { errno: libc::EPERM, .. }) => {
            return eprintln!("skipped: not privileged");
        }
        Err(error) => panic!("{error}"),
    }
    if has_ipv6() {
        let foreign = address("[2001:db8::7]:0");
        assert!(listen(&foreign, &options).is_ok());
    }
}

#[test]
fn v6only_leaves_the_port_to_ipv4() {
    if !has_ipv6() {
        return;
    }
    let options = ListenOptions { v6only: Some(true), ..plain() };
    let v6 = listen(&address("[::]:0"), &options).unwrap();
    let only = options::get_int(v6.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY);
    assert_eq!(only, Ok(1));
}

#[test]
fn options_that_the_kernel_refuses_are_named() {
    let options = ListenOptions { interface: Some("nosuch0".into()), ..plain() };
    match listen(&address("127.0.0.1:0"), &options) {
        Err(BindError::Option { name, .. }) => assert_eq!(name, "SO_BINDTODEVICE"),
        other => panic!("{other:?}"),
    }
    let error = BindError::Option { name: "TCP_MAXSEG", errno: libc::EINVAL };
    assert!(error.to_string().contains("TCP_MAXSEG"));
}

#[test]
fn segment_size_and_buffers_are_taken() {
    let options = ListenOptions {
        max_segment: Some(500),
        user_timeout_ms: Some(5000),
        receive_buffer_bytes: Some(65536),
        send_buffer_bytes: Some(65536),
        ..plain()
    };
    let listener = listen(&address("127.0.0.1:0"), &options).unwrap();
    let (client, server, _) = connected(&listener);
    send_all(&client, b"x");
    assert_eq!(receive_some(&server).unwrap(), b"x");
    assert!(options::get_int(server.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF).unwrap() >= 65536);
}

#[cfg(target_os = "linux")]
#[test]
fn what_connections_inherit_is_set_anew_while_it_listens() {
    let keep_alive = Some(KeepAlive { idle_s: None, interval_s: None, count: None });
    let full = ListenOptions {
        max_segment: Some(500),
        user_timeout_ms: Some(5000),
        keep_alive,
        ..plain()
    };
    let listener = listen(&address("127.0.0.1:0"), &plain()).unwrap();
    let got = |listener: &std::os::fd::OwnedFd| {
        let (_client, server, _) = connected(listener);
        let get = |level, name| options::get_int(server.as_fd(), level, name).unwrap();
        (
            get(libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
            get(libc::SOL_SOCKET, libc::SO_KEEPALIVE) != 0,
            get(libc::IPPROTO_TCP, libc::TCP_MAXSEG) <= 500,
        )
    };
    assert_eq!(got(&listener), (0, false, false));
    assert!(plain().can_become(&full) && full.can_become(&plain()));
    change_connections(listener.as_fd(), &full).unwrap();
    assert_eq!(got(&listener), (5000, true, true));
    change_connections(listener.as_fd(), &plain()).unwrap();
    assert_eq!(got(&listener), (0, false, false));
}

#[test]
fn not_everything_can_be_set_anew() {
    let buffers = ListenOptions { receive_buffer_bytes: Some(65536), ..plain() };
    assert!(plain().can_become(&buffers) && !buffers.can_become(&plain()));
    let idle = Some(KeepAlive { idle_s: Some(7), interval_s: None, count: None });
    let probing = ListenOptions { keep_alive: idle, ..plain() };
    assert!(plain().can_become(&probing) && !probing.can_become(&plain()));
    let only = ListenOptions { v6only: Some(true), ..plain() };
    assert!(!plain().can_become(&only));
    assert!(plain().can_become(&ListenOptions { backlog: 7, ..plain() }));
}

#[cfg(target_os = "linux")]
#[test]
fn interface_and_deferred_accept_work_on_linux() {
    let options = ListenOptions { defer_accept: true, ..plain() };
    let listener = listen(&address("127.0.0.1:0"), &options).unwrap();
    let get = |name| options::get_int(listener.as_fd(), libc::IPPROTO_TCP, name).unwrap();
    assert!(get(libc::TCP_DEFER_ACCEPT) >= 1);
    let options = ListenOptions { interface: Some("lo".into()), ..plain() };
    match listen(&address("127.0.0.1:0"), &options) {
        Ok(listener) => drop(connected(&listener)),
        // Kernels before 5.7 want CAP_NET_RAW.
        Err(error) => {
            assert_eq!(error, BindError::Option { name: "SO_BINDTODEVICE", errno: libc::EPERM })
        }
    }
}

#[test]
fn a_unix_listener_replaces_a_stale_socket_and_a_live_one() {
    let directory = Directory::new("replace");
    let at = SocketAddress::Unix(directory.0.join("koi.sock"));
    let first = listen(&at, &plain()).unwrap();
    assert_eq!(connected_to(&first, &at).2, SocketAddress::Unnamed);
    let second = listen(&at, &plain()).unwrap();
    connected_to(&second, &at);
    drop((first, second));
    let third = listen(&at, &plain()).unwrap();
    connected_to(&third, &at);
    assert_eq!(directory.entries(), 1, "no temporary file is left");
}

#[test]
fn a_unix_socket_has_the_mode_asked_for() {
    let directory = Directory::new("mode");
    let path = directory.0.join("koi.sock");
    let unix = UnixPermissions { mode: Some(0o620), ..UnixPermissions::default() };
    let options = ListenOptions { unix, ..plain() };
    let _listener = listen(&SocketAddress::Unix(path.clone()), &options).unwrap();
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o620);
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let directory = Directory::new("taken");
    let path = directory.0.join("precious");
    std::fs::write(&path, "data").unwrap();
    let listened = listen(&SocketAddress::Unix(path.clone()), &plain());
    assert_eq!(listened.unwrap_err(), BindError::PathTaken);
    assert_eq!(std::fs::read(&path).unwrap(), b"data");
}

#[test]
fn what_goes_wrong_with_a_path_is_named() {
    let directory = Directory::new("paths");
    let listen_at = |path: &Path| listen(&SocketAddress::Unix(path.into()), &plain()).unwrap_err();
    assert_eq!(listen_at(&directory.0.join("no/koi.sock")), BindError::NoDirectory);
    let long = directory.0.join("x".repeat(100));
    assert_eq!(listen_at(&long), BindError::PathTooLong);
    assert_eq!(listen_at(Path::new("/a\0b")), BindError::Invalid);
}

#[test]
fn a_unix_socket_that_is_not_named_leaves_the_old_one() {
    let directory = Directory::new("failed");
    let path = directory.0.join("koi.sock");
    let at = SocketAddress::Unix(path.clone());
    let first = listen(&at, &plain()).unwrap();
    // Two at a time are wanted here, and neither comes to hold.
    let (_second, naming) = listen_unnamed(&at, &plain()).unwrap();
    let (_third, other) = listen_unnamed(&at, &plain()).unwrap();
    assert_eq!(directory.entries(), 3);
    connected_to(&first, &at);
    drop((naming, other));
    connected_to(&first, &at);
    assert_eq!(directory.entries(), 1, "no temporary file is left");
    // Something else took the name meanwhile.
    let (_fourth, mut naming) = listen_unnamed(&at, &plain()).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "data").unwrap();
    assert_eq!(naming.as_mut().unwrap().take(), Err(BindError::PathTaken));
    drop(naming);
    assert_eq!(std::fs::read(path).unwrap(), b"data");
    assert_eq!(directory.entries(), 1);
}

#[test]
fn a_name_that_is_not_settled_goes_back() {
    let directory = Directory::new("back");
    let at = SocketAddress::Unix(directory.0.join("koi.sock"));
    let new = SocketAddress::Unix(directory.0.join("new.sock"));
    let first = listen(&at, &plain()).unwrap();
    let (second, naming) = listen_unnamed(&at, &plain()).unwrap();
    let (_third, of_new) = listen_unnamed(&new, &plain()).unwrap();
    let mut both = [naming.unwrap(), of_new.unwrap()];
    both.iter_mut().for_each(|naming| naming.take().unwrap());
    connected_to(&second, &at);
    drop(both);
    connected_to(&first, &at);
    assert_eq!(directory.entries(), 1, "neither a new name nor the old one's second is left");
    let (second, naming) = listen_unnamed(&at, &plain()).unwrap();
    let mut naming = naming.unwrap();
    naming.take().unwrap();
    naming.settle();
    connected_to(&second, &at);
    assert_eq!(directory.entries(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_listen() {
    let name = format!("koi-test-{}", std::process::id());
    let listener = listen(&abstract_address(&name), &plain()).unwrap();
    let (_client, _server, peer) = connected(&listener);
    assert_eq!(peer, SocketAddress::Unnamed);
    assert_eq!(local_address(listener.as_fd()).unwrap(), abstract_address(&name));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_unix_queue_says_so() {
    let name = format!("koi-full-{}", std::process::id());
    let options = ListenOptions { backlog: 0, ..plain() };
    let _listener = listen(&abstract_address(&name), &options).unwrap();
    let to = abstract_address(&name).to_raw().unwrap();
    let first = stream_socket(Family::Unix).unwrap();
    assert_eq!(connect(first.as_fd(), &to), Ok(Connected::Done));
    let second = stream_socket(Family::Unix).unwrap();
    assert_eq!(connect(second.as_fd(), &to), Err(ConnectError::Full));
}
