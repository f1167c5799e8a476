//! `koi -c --here`: what a start would need, tried.

use std::net::TcpListener;

use crate::folder::Folder;
use crate::koi::*;

#[test]
fn what_can_start_is_valid_here() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", "    bind unix@here.sock\n    bind ipv6@::1:0\n"));
    let text = hello(port, "", "    bind unix@here.sock\n");
    folder.file("a.cfg", text);
    for _ in 0..2 {
        let said = folder.koi(&["-c", "--here", "-f", "a.cfg"]);
        said.exits(0);
        assert_eq!((&*said.out, &*said.err), ("Configuration file is valid\n", ""));
        assert!(is_closed(port));
    }
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let folder = Folder::new();
    let other = TcpListener::bind(loopback(0)).expect("a port");
    let port = other.local_addr().expect("its address").port();
    let global = "    user no-such-user\n    group no-such-group\n    chroot /no/such/folder\n";
    let text = hello(port, global, "");
    folder.file("a.cfg", format!("{text}backend b\n    server s no-such-host.invalid:80\n"));
    let said = folder.koi(&["-c", "--here", "-f", "a.cfg"]);
    said.exits(1).tells("5 errors");
    said.tells("--> a.cfg:3:10").tells("there is no user `no-such-user`");
    said.tells("--> a.cfg:4:11").tells("there is no group `no-such-group`");
    said.tells("--> a.cfg:5:12").tells("the folder `/no/such/folder` does not exist");
    said.tells("--> a.cfg:12:10").tells("address already in use");
    said.tells("--> a.cfg:15:14").tells("the host name `no-such-host.invalid` has no address");
    // Without it nothing of this machine is looked at.
    folder.koi(&["-c", "-f", "a.cfg"]).exits(0).keeps("error");
}

#[test]
fn a_port_that_is_shared_is_occupied_here() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let _koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    folder.koi(&["-c", "--here", "-f", "a.cfg"]).exits(1).tells("address already in use");
    answers(port);
}
