//! Simulated sockets: their states, and what an arriving parcel does to them.

use super::super::system::Ready;
use super::wire::Parcel;
use super::{BACKLOG, State};
use crate::clock::Time;
use crate::net::SocketAddress;
use crate::table::Key;
use std::collections::VecDeque;
use std::time::Duration;

/// All sockets that ever were: an index names one for good.
#[derive(Default)]
pub(super) struct Sockets(Vec<Socket>);

pub(super) struct Socket {
    pub(super) host: usize,
    /// The engine's key, once it watches.
    pub(super) key: Option<Key>,
    pub(super) open: bool,
    pub(super) local: Option<SocketAddress>,
    pub(super) remote: Option<SocketAddress>,
    pub(super) state: SocketState,
}

pub(super) enum SocketState {
    Idle,
    Listening { waiting: VecDeque<usize> },
    Connecting,
    Refused,
    Stream(Stream),
}

/// One end of a connection.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) peer: usize,
    pub(super) inbox: VecDeque<u8>,
    /// Bytes sent by the peer and not arrived yet.
    pub(super) coming: usize,
    /// The peer's end has arrived.
    pub(super) ended: bool,
    /// A reset has arrived; `reported` once a call has returned it.
    pub(super) reset: bool,
    pub(super) reported: bool,
    pub(super) read_shut: bool,
    pub(super) write_shut: bool,
    /// Our last send found no room.
    pub(super) blocked: bool,
    /// When what we sent last arrives: nothing sent later may overtake it.
    pub(super) last_arrival: Time,
}

impl Sockets {
    pub(super) fn add(&mut self, host: usize, state: SocketState) -> usize {
        self.0.push(Socket { host, key: None, open: true, local: None, remote: None, state });
        self.0.len() - 1
    }

    pub(super) fn get(&mut self, id: usize) -> &mut Socket {
        &mut self.0[id]
    }

    pub(super) fn stream(&mut self, id: usize) -> Option<&mut Stream> {
        match &mut self.0[id].state {
            SocketState::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// The open listener at an address; a wildcard one takes any IP address.
    pub(super) fn listener(&self, at: &SocketAddress) -> Option<usize> {
        self.0.iter().position(|socket| {
            let Some(local) = &socket.local else { return false };
            let wildcard = local.ip().is_some_and(|ip| ip.is_unspecified());
            socket.open
                && matches!(socket.state, SocketState::Listening { .. })
                && (local == at || wildcard && local.port() == at.port())
        })
    }
}

impl State {
    /// Puts a parcel on the wire after a random delay, behind what this socket sent before.
    pub(super) fn post(&mut self, from: usize, parcel: Parcel) {
        let delay = self.random.below(self.faults.delay_max.as_nanos() as u64 + 1);
        let mut at = self.now + Duration::from_nanos(delay);
        if let Some(stream) = self.sockets.stream(from) {
            at = at.max(stream.last_arrival);
            stream.last_arrival = at;
        }
        self.wire.send(at, parcel);
    }

    /// News for the socket's host, if its engine watches it.
    pub(super) fn notify(&mut self, id: usize, readable: bool, writable: bool, hangup: bool) {
        let socket = self.sockets.get(id);
        if let (Some(key), true) = (socket.key, socket.open) {
            let host = socket.host;
            self.news[host].push(Ready { key, readable, writable, hangup, failed: 0 });
        }
    }

    pub(super) fn receive_parcel(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Syn { from, to } => self.receive_syn(from, to),
            Parcel::Answer { to, peer } => self.receive_answer(to, peer),
            Parcel::Bytes { to, bytes } => self.receive_bytes(to, bytes),
            Parcel::Fin { to } => {
                if let Some(stream) = self.sockets.stream(to) {
                    stream.ended = true;
                    self.notify(to, true, false, true);
                }
            }
            Parcel::Reset { to } => {
                if let Some(stream) = self.sockets.stream(to) {
                    stream.reset = true;
                    self.notify(to, true, true, true);
                }
            }
            Parcel::Edge { to, readable, writable } => self.notify(to, readable, writable, false),
        }
    }

    fn receive_syn(&mut self, from: usize, to: usize) {
        let listener = self.sockets.get(to);
        let (host, local, open) = (listener.host, listener.local.clone(), listener.open);
        let full = match &listener.state {
            SocketState::Listening { waiting } => waiting.len() >= BACKLOG,
            _ => true,
        };
        if !open || full || self.random.chance(self.faults.refused_connects) {
            return self.post(from, Parcel::Answer { to: from, peer: None });
        }
        let remote = self.sockets.get(from).local.clone();
        let stream = Stream { peer: from, ..Stream::default() };
        let accepted = self.sockets.add(host, SocketState::Stream(stream));
        let socket = self.sockets.get(accepted);
        (socket.local, socket.remote) = (local, remote);
        if let SocketState::Listening { waiting } = &mut self.sockets.get(to).state {
            waiting.push_back(accepted);
        }
        self.notify(to, true, false, false);
        self.post(accepted, Parcel::Answer { to: from, peer: Some(accepted) });
    }

    fn receive_answer(&mut self, to: usize, peer: Option<usize>) {
        let socket = self.sockets.get(to);
        if !socket.open {
            // Given up while the request travelled.
            if let Some(peer) = peer {
                self.post(to, Parcel::Reset { to: peer });
            }
            return;
        }
        socket.state = match peer {
            Some(peer) => SocketState::Stream(Stream { peer, ..Stream::default() }),
            None => SocketState::Refused,
        };
        self.notify(to, false, true, peer.is_none());
    }

    fn receive_bytes(&mut self, to: usize, bytes: Vec<u8>) {
        let open = self.sockets.get(to).open;
        let Some(stream) = self.sockets.stream(to) else { return };
        stream.coming -= bytes.len();
        let peer = stream.peer;
        if !open {
            return self.post(to, Parcel::Reset { to: peer });
        }
        // After shutdown(SHUT_RD) bytes are thrown away, as Linux does.
        if !stream.read_shut {
            stream.inbox.extend(bytes);
        }
        self.notify(to, true, false, false);
    }
}
