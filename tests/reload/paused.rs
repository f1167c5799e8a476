//! A frontend that is paused lets nobody in, and keeps nobody waiting who waits in vain.

use std::io::Read;

use koi_sys::guard::Signal;

use crate::client::ask;
use crate::folder::Folder;
use crate::koi::*;
use crate::tell::{done, signal};

fn text(port: u16, bind: &str, more: &str) -> String {
    let socket = "    stats socket unix@k.sock mode 600 level admin\n";
    let bind = bind.replace("{port}", &port.to_string());
    hello(port, socket, more).replace(&format!("    bind 127.0.0.1:{port}\n"), &bind)
}

const BIND: &str = "    bind 127.0.0.1:{port}\n";

/// A paused frontend with clients that wait, one of them at every worker that has one.
fn paused(folder: &Folder, port: u16) -> (Koi, Vec<Client>) {
    folder.file("a.cfg", text(port, BIND, ""));
    let koi = Koi::start(folder, &["-f", "a.cfg"], port);
    assert_eq!(ask(&folder.path().join("k.sock"), "disable frontend web"), "");
    let clients = (0..8).map(|_| Client::connect(port)).collect();
    // All may have come to the same worker.
    until("a worker has one", || accepted(port) > 0);
    (koi, clients)
}

/// How many open connections to a port a program has taken out of the kernel's queue: they have an inode.
fn accepted(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
    let is_so = |line: &&str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (words[1], words[3], words[9]);
        local.ends_with(&format!(":{port:04X}")) && state == "01" && inode != "0"
    };
    table.lines().skip(1).filter(is_so).count()
}

/// Its connection ends, in whichever way.
fn is_turned_away(client: &mut Client) -> bool {
    !matches!(client.0.read(&mut [0]), Ok(1..))
}

#[test]
fn a_stop_does_not_wait_for_who_is_not_let_in() {
    let (folder, port) = (Folder::new(), free_port());
    let (mut koi, mut clients) = paused(&folder, port);
    koi.signal(Signal::User1);
    assert!(koi.ended().0.success());
    assert!(clients.iter_mut().all(is_turned_away));
}

#[test]
fn an_address_that_goes_takes_its_waiting_clients_along() {
    let (folder, port, other) = (Folder::new(), free_port(), free_port());
    let (koi, mut clients) = paused(&folder, port);
    let elsewhere = format!("    bind 127.0.0.1:{other}\n");
    let said = done(&koi, &folder, &text(port, &elsewhere, ""));
    assert!(said.contains("1 address closed"), "{said}");
    assert!(clients.iter_mut().all(is_turned_away));
    until("the port closes", || is_closed(port));
    until("earlier plans are gone", || !signal(&koi, Signal::User2).contains("earlier plans"));
    // Nobody is sent into a queue that nobody empties.
    done(&koi, &folder, &text(port, BIND, ""));
    assert_eq!(ask(&folder.path().join("k.sock"), "enable frontend web"), "");
    (0..50).for_each(|_| answers(port));
}
