//! Any sequence of operations on a simulated ring with faults: every operation has exactly one final
//! event, what is received is what was sent, in order, and nothing is left behind.
#![no_main]

use koi_sys::buf::{Pool, PoolConfig};
use koi_sys::net::{How, ListenOptions, SocketAddress};
use koi_sys::ring::sim::{Faults, Network};
use koi_sys::ring::{Event, Handle, Op, Outcome, Payload, Ring, Token};
use koi_sys::table::Table;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// One end of a connection: the place of the next byte it sends, and of the next it expects.
#[derive(Default)]
struct End {
    sent: u8,
    received: u8,
}

struct World {
    ring: Ring,
    pool: Pool,
    tokens: Table<Handle>,
    ends: HashMap<Handle, End>,
    handles: Vec<Handle>,
    listener: Handle,
    address: SocketAddress,
}

impl World {
    fn submit(&mut self, handle: Handle, op: Op) {
        let token = Token(self.tokens.insert(handle));
        self.ring.submit(op, token);
    }

    fn turn(&mut self) {
        let mut events = Vec::new();
        let deadline = self.ring.now() + Duration::from_millis(5);
        self.ring.wait(Some(deadline), &mut events).expect("a simulated wait");
        events.into_iter().for_each(|event| self.absorb(event));
    }

    fn absorb(&mut self, event: Event) {
        let handle = *self.tokens.get(event.token.0).expect("an event of an operation in flight");
        if event.last {
            self.tokens.remove(event.token.0);
        }
        match event.outcome {
            Outcome::Accepted(Ok(accepted)) => {
                assert!(!event.last);
                self.ends.insert(accepted, End::default());
                self.handles.push(accepted);
            }
            Outcome::Received(Ok(Some(chunk))) => {
                assert!(!chunk.is_empty());
                let end = self.ends.entry(handle).or_default();
                for &byte in &chunk[..] {
                    assert_eq!(byte, end.received, "a byte lost or out of place");
                    end.received = end.received.wrapping_add(1);
                }
            }
            _ => assert!(event.last),
        }
    }

    fn send(&mut self, handle: Handle, len: usize) {
        let end = self.ends.entry(handle).or_default();
        let bytes: Vec<u8> = (0..len).map(|i| end.sent.wrapping_add(i as u8)).collect();
        let Some(chunk) = self.pool.copy_from(&bytes) else { return };
        // Counted although it may fail: a connection that lost bytes receives nothing after them.
        end.sent = end.sent.wrapping_add(len as u8);
        self.submit(handle, Op::Send(handle, Payload::One(chunk)));
    }

    fn step(&mut self, code: u8, which: u8, size: u8) {
        let Some(&handle) = self.handles.get(usize::from(which) % self.handles.len().max(1)) else {
            return self.connect();
        };
        match code % 10 {
            0 => self.connect(),
            1 | 2 => self.send(handle, usize::from(size) * 60),
            3 | 4 => self.submit(handle, Op::Receive(handle)),
            5 => self.turn(),
            6 => self.ring.cancel(Token(koi_sys::table::Key { index: size.into(), generation: 0 })),
            7 => self.submit(handle, Op::Shutdown(handle, How::Write)),
            8 if size & 1 == 0 => self.ring.close(handle),
            8 => self.ring.abort(handle),
            _ => self.submit(self.listener, Op::Accept(self.listener)),
        }
    }

    fn connect(&mut self) {
        if self.handles.len() > 40 {
            return;
        }
        let Ok(handle) = self.ring.stream_socket(&self.address) else { return };
        self.handles.push(handle);
        let to = Box::new(self.address.clone());
        self.submit(handle, Op::Connect(handle, to));
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((head, steps)) = input.split_at_checked(8) else { return };
    let rate = |i: usize| u16::from(head[i]) / 2;
    let faults = Faults {
        short_reads: rate(0),
        short_writes: rate(1),
        spurious_blocks: rate(2),
        resets: rate(3) / 4,
        refused_connects: rate(4),
        aborted_accepts: rate(5),
        delay_max: Duration::from_micros(head[6].into()),
        sockets_max: 0,
    };
    let network = Network::new(head[7].into(), faults);
    let small_max = 4 + usize::from(head[0] % 16);
    let pool = Pool::new(PoolConfig { small_max, bulk_max: 1, small_keep: 4, bulk_keep: 1 });
    let mut ring = network.ring(&pool);
    let address = SocketAddress::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80));
    let listener = ring.listen(&address, &ListenOptions::default()).expect("a fresh network");
    let mut world = World {
        ring,
        pool,
        tokens: Table::default(),
        ends: HashMap::new(),
        handles: Vec::new(),
        listener,
        address,
    };
    for step in steps.chunks_exact(3) {
        world.step(step[0], step[1], step[2]);
    }
    for handle in std::mem::take(&mut world.handles) {
        world.ring.close(handle);
    }
    world.ring.close(listener);
    for _ in 0..3 {
        world.turn();
        for handle in std::mem::take(&mut world.handles) {
            world.ring.close(handle);
        }
    }
    assert_eq!(world.tokens.len(), 0, "operations without a final event");
    assert_eq!((world.ring.in_flight(), world.ring.descriptors()), (0, 0));
    drop(world.ring);
    assert_eq!(world.pool.stats().leased, [0, 0]);
});
