#![allow(clippy::unwrap_used)]
use super::*;
use std::path::PathBuf;

fn back(address: &SocketAddress) -> SocketAddress {
    SocketAddress::from_raw(&address.to_raw().unwrap()).unwrap()
}

#[test]
fn every_kind_comes_back_as_it_was() {
    let v6 = SocketAddrV6::new("fe80::1".parse().unwrap(), 443, 7, 3);
    let mut table = vec![
        SocketAddress::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 80)),
        SocketAddress::V6(v6),
        SocketAddress::Unix(PathBuf::from("/run/koi.sock")),
        SocketAddress::Unix(PathBuf::from("a".repeat(PATH_CAPACITY - 1))),
        SocketAddress::Unnamed,
    ];
    if cfg!(target_os = "linux") {
        table.push(SocketAddress::Abstract(b"koi\0\0".to_vec()));
        table.push(SocketAddress::Abstract(vec![b'x'; PATH_CAPACITY - 1]));
    }
    for address in table {
        assert_eq!(back(&address), address);
    }
}

#[test]
fn the_layout_is_what_std_makes() {
    let v4 = SocketAddrV4::new(Ipv4Addr::new(1, 2, 3, 4), 0x1234);
    let raw = RawAddress::from_v4(&v4);
    assert_eq!(raw.len() as usize, size_of::<sockaddr_in>());
    assert_eq!(raw.filled()[2..8], [0x12, 0x34, 1, 2, 3, 4]);
    assert_eq!(raw.family(), libc::AF_INET);
}

#[test]
fn what_does_not_fit_is_refused() {
    let long = SocketAddress::Unix(PathBuf::from("a".repeat(PATH_CAPACITY)));
    assert!(long.to_raw().is_none());
    assert!(SocketAddress::Unix(PathBuf::from("a\0b")).to_raw().is_none());
    assert!(SocketAddress::Abstract(vec![1; PATH_CAPACITY]).to_raw().is_none());
}

#[test]
fn unknown_and_short_addresses_are_none() {
    let mut raw = RawAddress::empty();
    assert!(SocketAddress::from_raw(&raw).is_none());
    raw = RawAddress::from_v4(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));
    raw.len = 5;
    assert!(SocketAddress::from_raw(&raw).is_none());
    raw.len = 0;
    assert!(raw.is_empty() && SocketAddress::from_raw(&raw).is_none());
    raw.len = socklen_t::MAX;
    assert!(SocketAddress::from_raw(&raw).is_some(), "a length beyond the storage is cut");
}

#[test]
fn a_path_that_fills_the_field_has_no_nul() {
    let mut raw = RawAddress::from_path(b"/x").unwrap();
    raw.put(PATH_AT, &[b'y'; PATH_CAPACITY]);
    raw.len = (PATH_AT + PATH_CAPACITY) as socklen_t;
    let expected = SocketAddress::Unix(PathBuf::from("y".repeat(PATH_CAPACITY)));
    assert_eq!(SocketAddress::from_raw(&raw), Some(expected));
}

#[test]
fn mapped_addresses_become_ipv4() {
    let mapped =
        SocketAddress::from("[::ffff:192.0.2.7]:80".parse::<std::net::SocketAddr>().unwrap());
    assert_eq!(mapped.canonical().to_string(), "192.0.2.7:80");
    let compatible = SocketAddress::from("[::1]:80".parse::<std::net::SocketAddr>().unwrap());
    assert_eq!(compatible.canonical().to_string(), "[::1]:80");
}
