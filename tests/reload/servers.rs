//! What is known of servers lives on: places on them, queues.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

use crate::folder::Folder;
use crate::koi::*;
use crate::origin::{answer, defaults, request};
use crate::tell::done;

fn full(port: u16, at: std::net::SocketAddr, maxconn: u32, more: &str) -> String {
    defaults(&format!(
        "listen web\n    bind 127.0.0.1:{port}\n    timeout queue 20s\n    \
         server s {at} maxconn {maxconn}{more}\n"
    ))
}

#[test]
fn a_full_server_is_full_across_a_reload_and_its_queue_moves() {
    let (folder, port) = (Folder::new(), free_port());
    let origin = TcpListener::bind("127.0.0.1:0").expect("an origin");
    let at = origin.local_addr().expect("its address");
    folder.file("a.cfg", full(port, at, 1, ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut first = Client::connect(port);
    first.ask("/first");
    let mut held = request(&origin);
    let mut waiting = Client::connect(port);
    waiting.ask("/waits-under-the-old-plan");
    sleep(Duration::from_millis(100));
    done(&koi, &folder, &full(port, at, 1, " weight 3"));
    let mut behind = Client::connect(port);
    behind.ask("/waits-under-the-new-plan");
    origin.set_nonblocking(true).expect("an option");
    sleep(Duration::from_millis(200));
    assert!(origin.accept().is_err(), "there is one place, whatever the plan");
    origin.set_nonblocking(false).expect("an option");
    answer(&mut held, "first");
    assert!(first.answer().expect("an answer").ends_with("first"));
    drop(held);
    let mut second = request(&origin);
    answer(&mut second, "second");
    drop(second);
    let mut third = request(&origin);
    answer(&mut third, "third");
    let (old, new) = (waiting.answer().expect("an answer"), behind.answer().expect("an answer"));
    assert!(old.ends_with("second") && new.ends_with("third"), "first come, first served");
}

/// Who waits under the old plan gets a place that a request of the new plan gives back.
#[test]
fn a_place_goes_from_the_new_plan_to_a_waiter_of_the_old_one() {
    let (folder, port) = (Folder::new(), free_port());
    let origin = TcpListener::bind("127.0.0.1:0").expect("an origin");
    let at = origin.local_addr().expect("its address");
    folder.file("a.cfg", full(port, at, 2, ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(port)).collect();
    clients.iter_mut().for_each(|it| it.ask("/"));
    let mut held: Vec<_> = (0..2).map(|_| request(&origin)).collect();
    let mut waiting = Client::connect(port);
    waiting.ask("/old");
    sleep(Duration::from_millis(100));
    done(&koi, &folder, &full(port, at, 3, ""));
    // There is a place more now: somebody under the new plan takes or passes it.
    let mut new = Client::connect(port);
    new.ask("/new");
    let mut third = request(&origin);
    answer(&mut third, "x");
    drop(third);
    let mut fourth = request(&origin);
    answer(&mut fourth, "x");
    waiting.answer().expect("an answer");
    new.answer().expect("an answer");
    for held in &mut held {
        answer(held, "x");
    }
    clients.iter_mut().for_each(|it| drop(it.answer().expect("an answer")));
}

/// `set server addr` holds across a reload that says the same address as before.
#[test]
fn a_server_that_was_moved_stays_where_it_is() {
    let (folder, port) = (Folder::new(), free_port());
    let [old, new] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("an origin"));
    let at = |origin: &TcpListener| origin.local_addr().expect("its address");
    let path = folder.path().join("s");
    let text = |more: &str| {
        format!("global\n    stats socket {} level admin\n", path.display())
            + &full(port, at(&old), 4, more)
    };
    folder.file("a.cfg", text(""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut socket = UnixStream::connect(&path).expect("the runtime socket");
    let command = format!("set server web/s addr 127.0.0.1 port {}\n", at(&new).port());
    socket.write_all(command.as_bytes()).expect("it is read");
    let mut said = String::new();
    socket.read_to_string(&mut said).expect("an answer");
    assert!(said.contains("port changed"), "{said}");
    done(&koi, &folder, &text(" weight 3"));
    let mut client = Client::connect(port);
    client.ask("/");
    answer(&mut request(&new), "moved");
    assert!(client.answer().expect("an answer").ends_with("moved"));
}
