//! Urgent data (tcp(7), RFC 6093): a read stops at its mark, and what lies behind must come all the
//! same. The urgent byte itself is nobody's here.

use crate::common::Bench;
use koi_sys::net::{How, Pipe};
use koi_sys::ring::{Handle, Kind, Op, Outcome, Returned};
use std::os::fd::AsRawFd;

/// Sends past the ring, as a hostile peer would.
fn send(bench: &Bench, from: Handle, bytes: &[u8], flags: i32) {
    let sent = bench.ring.with_fd(from, |fd| {
        // SAFETY: the bytes are borrowed for the call, which copies them before it returns.
        unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) }
    });
    assert_eq!(sent, Some(bytes.len() as isize));
}

/// All of it is in the socket before the first read.
fn send_around_a_mark(bench: &Bench, from: Handle, behind: &[u8]) {
    send(bench, from, b"before ", 0);
    send(bench, from, b"!", libc::MSG_OOB);
    send(bench, from, behind, 0);
}

pub fn bytes_behind_urgent_data_are_received(bench: &mut Bench) {
    if bench.kind == Kind::Sim {
        // The simulation has no urgent data.
        return;
    }
    let (client, server) = bench.pair();
    send_around_a_mark(bench, client, b"behind");
    let mut got = Vec::new();
    while got.len() < 13 {
        got.extend_from_slice(&bench.receive(server).expect("no error").expect("no end"));
    }
    assert_eq!(got, b"before behind");
}

pub fn bytes_behind_urgent_data_are_spliced(bench: &mut Bench) {
    if bench.kind == Kind::Sim || !bench.ring.caps().splice {
        return;
    }
    let (client, server) = bench.pair();
    let behind = [b'b'; 20_000];
    send_around_a_mark(bench, client, &behind);
    bench.shutdown(client, How::Write);
    let mut moved = 0;
    loop {
        let pipe = Box::new(Pipe::new(1 << 20).expect("a pipe"));
        let fill = bench.submit(Op::Fill(server, pipe));
        let event = bench.finish(fill);
        assert!(matches!(event.outcome, Outcome::Filled(Ok(()))), "{:?}", event.outcome);
        let Returned::Pipe(pipe) = event.returned else { panic!("no pipe came back") };
        if pipe.is_empty() {
            break;
        }
        moved += pipe.held();
    }
    assert_eq!(moved, 7 + behind.len());
}
