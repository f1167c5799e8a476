//! One host of the simulated network: the calls that the readiness engine makes.

use super::super::system::{Interest, Ready, System};
use super::super::{Waker, waker};
use super::stream::{SocketState, Stream};
use super::wire::Parcel;
use super::{BUFFER_BYTES, Network, State};
use crate::clock::Time;
use crate::net::{
    AcceptError, Attempt, BindError, ConnectError, Connected, How, Pipe, ReceiveError, SendError,
    SocketAddress,
};
use crate::table::Key;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a host with nothing to do waits, in real time, for another thread's wake.
const WAKE_LIMIT: Duration = Duration::from_secs(20);

/// A host's view of its network.
pub struct Host {
    network: Network,
    index: usize,
    wake: Arc<WakeFlag>,
}

#[derive(Default)]
struct WakeFlag {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl WakeFlag {
    fn take(&self) -> bool {
        std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take_within(&self, limit: Duration) -> bool {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(woken, limit, |woken| !*woken);
        let (mut woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *woken)
    }
}

impl waker::Wake for Arc<WakeFlag> {
    fn wake(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

impl Host {
    pub(super) fn new(network: Network, index: usize) -> Host {
        Host { network, index, wake: Arc::default() }
    }

    fn state(&self) -> std::cell::RefMut<'_, State> {
        self.network.0.borrow_mut()
    }

    pub(crate) fn now(&self) -> Time {
        self.network.now()
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker::new(self.wake.clone())
    }

    pub(crate) fn listen(&mut self, address: &SocketAddress) -> Result<usize, BindError> {
        let mut state = self.state();
        let address = match address.port() {
            Some(0) => {
                state.next_port += 1;
                address.clone().with_port(state.next_port)
            }
            _ => address.clone(),
        };
        if state.sockets.listener(&address).is_some() {
            return Err(BindError::from_errno(libc::EADDRINUSE));
        }
        let id = state.open_socket(self.index, SocketState::Listening { waiting: VecDeque::new() });
        let id = id.ok_or_else(|| BindError::from_errno(libc::EMFILE))?;
        state.sockets.get(id).local = Some(address);
        Ok(id)
    }

    pub(crate) fn stream_socket(&mut self) -> Result<usize, ConnectError> {
        let id = self.state().open_socket(self.index, SocketState::Idle);
        id.ok_or(ConnectError::DescriptorLimit)
    }

    pub(crate) fn local_address(&self, socket: usize) -> Option<SocketAddress> {
        self.state().sockets.get(socket).local.clone()
    }

    pub(crate) fn peer_address(&self, socket: usize) -> Option<SocketAddress> {
        self.state().sockets.get(socket).remote.clone()
    }

    fn take_news(&mut self, ready: &mut Vec<Ready>) -> bool {
        if self.wake.take() {
            ready.push(Ready::WOKEN);
        }
        let index = self.index;
        let mut state = self.state();
        state.deliver();
        ready.append(&mut state.news[index]);
        !ready.is_empty()
    }
}

impl State {
    fn open_socket(&mut self, host: usize, state: SocketState) -> Option<usize> {
        if self.faults.sockets_max > 0 && self.open[host] >= self.faults.sockets_max {
            return None;
        }
        self.open[host] += 1;
        Some(self.sockets.add(host, state))
    }

    /// Whether a call pretends to block; an edge follows, as it would after a real one.
    fn blocks_spuriously(&mut self, id: usize, readable: bool) -> bool {
        let blocks = self.random.chance(self.faults.spurious_blocks);
        if blocks {
            self.post(id, Parcel::Edge { to: id, readable, writable: !readable });
        }
        blocks
    }

    /// The error of a stream that the peer has reset: said once, as Linux's `sk_err`.
    fn take_reset(stream: &mut Stream) -> bool {
        stream.reset && !std::mem::replace(&mut stream.reported, true)
    }

    fn receive(&mut self, id: usize, into: &mut [u8]) -> Result<usize, Attempt<ReceiveError>> {
        if self.blocks_spuriously(id, true) {
            return Err(Attempt::WouldBlock);
        }
        let short = self.random.chance(self.faults.short_reads);
        let Some(stream) = self.sockets.stream(id) else {
            return Err(Attempt::Failed(ReceiveError::NotConnected));
        };
        let mut n = stream.inbox.len().min(into.len());
        if n == 0 {
            return if State::take_reset(stream) {
                Err(Attempt::Failed(ReceiveError::Reset))
            } else if stream.ended || stream.read_shut || stream.reset {
                Ok(0)
            } else {
                Err(Attempt::WouldBlock)
            };
        }
        let peer = stream.peer;
        if short && n > 1 {
            n = 1 + self.random.below(n as u64 - 1) as usize;
            // The rest is as if it arrived a moment later.
            self.post(id, Parcel::Edge { to: id, readable: true, writable: false });
        }
        let Some(stream) = self.sockets.stream(id) else { return Ok(0) };
        for (slot, byte) in into.iter_mut().zip(stream.inbox.drain(..n)) {
            *slot = byte;
        }
        self.make_room(peer);
        Ok(n)
    }

    /// Tells a sender that waits for room that there is some.
    fn make_room(&mut self, sender: usize) {
        if let Some(stream) = self.sockets.stream(sender)
            && std::mem::take(&mut stream.blocked)
        {
            self.notify(sender, false, true, false);
        }
    }

    fn send(&mut self, id: usize, runs: &[IoSlice<'_>]) -> Result<usize, Attempt<SendError>> {
        let offered: usize = runs.iter().map(|run| run.len()).sum();
        let Some(stream) = self.sockets.stream(id) else {
            return Err(Attempt::Failed(SendError::NotConnected));
        };
        if State::take_reset(stream) {
            return Err(Attempt::Failed(SendError::Reset));
        }
        if stream.reset || stream.write_shut {
            return Err(Attempt::Failed(SendError::Broken));
        }
        let peer = stream.peer;
        if self.random.chance(self.faults.resets) {
            self.post(id, Parcel::Reset { to: peer });
            self.receive_parcel(Parcel::Reset { to: id });
            return Err(Attempt::WouldBlock);
        }
        if self.blocks_spuriously(id, false) {
            return Err(Attempt::WouldBlock);
        }
        let short = self.random.chance(self.faults.short_writes);
        let used = self.sockets.stream(peer).map_or(0, |peer| peer.inbox.len() + peer.coming);
        let mut n = offered.min(BUFFER_BYTES.saturating_sub(used));
        if short && n > 1 {
            n = 1 + self.random.below(n as u64 - 1) as usize;
            self.post(id, Parcel::Edge { to: id, readable: false, writable: true });
        } else if n < offered
            && let Some(stream) = self.sockets.stream(id)
        {
            stream.blocked = true;
        }
        if n == 0 && offered > 0 {
            return Err(Attempt::WouldBlock);
        }
        let bytes: Vec<u8> = runs.iter().flat_map(|run| run.iter().copied()).take(n).collect();
        if let Some(peer) = self.sockets.stream(peer) {
            peer.coming += n;
        }
        self.post(id, Parcel::Bytes { to: peer, bytes });
        Ok(n)
    }

    fn close(&mut self, id: usize, abort: bool) {
        let socket = self.sockets.get(id);
        if !std::mem::replace(&mut socket.open, false) {
            return;
        }
        let host = socket.host;
        let waiting = match &mut socket.state {
            SocketState::Listening { waiting } => std::mem::take(waiting),
            _ => VecDeque::new(),
        };
        self.open[host] -= 1;
        for id in waiting {
            // Never accepted, so never counted.
            self.open[host] += 1;
            self.close(id, true);
        }
        let Some(stream) = self.sockets.stream(id) else { return };
        let peer = stream.peer;
        let unread = !stream.inbox.is_empty();
        if abort || unread {
            self.post(id, Parcel::Reset { to: peer });
        } else if !stream.write_shut {
            self.post(id, Parcel::Fin { to: peer });
        }
        if let Some(stream) = self.sockets.stream(id) {
            stream.inbox = VecDeque::new();
        }
        self.make_room(peer);
    }
}

impl System for Host {
    type Socket = usize;

    fn watch(&mut self, &socket: &usize, key: Key, interest: Interest) -> Result<(), i32> {
        let mut state = self.state();
        state.sockets.get(socket).key = Some(key);
        if interest == Interest::Stream {
            // As epoll and kqueue do: what is true already is news.
            if let Some(stream) = state.sockets.stream(socket) {
                let hangup = stream.ended || stream.reset;
                let readable = !stream.inbox.is_empty() || hangup;
                state.notify(socket, readable, true, hangup);
            }
        }
        Ok(())
    }

    fn select(&mut self, deadline: Option<Time>, ready: &mut Vec<Ready>) -> Result<(), i32> {
        loop {
            if self.take_news(ready) || deadline.is_some_and(|deadline| deadline <= self.now()) {
                return Ok(());
            }
            if self.state().news.len() > 1 {
                // Not ours to move the clock.
                return Ok(());
            }
            if !self.network.advance(deadline) {
                // Nothing travels: only another thread can change anything.
                return match self.wake.take_within(WAKE_LIMIT) {
                    true => {
                        ready.push(Ready::WOKEN);
                        Ok(())
                    }
                    false => Err(libc::EDEADLK),
                };
            }
        }
    }

    fn close(&mut self, socket: usize, abort: bool) {
        self.state().close(socket, abort);
    }

    fn shed(&mut self, &listener: &usize) -> bool {
        let mut state = self.state();
        let SocketState::Listening { waiting } = &mut state.sockets.get(listener).state else {
            return false;
        };
        let Some(shed) = waiting.pop_front() else { return false };
        let host = self.index;
        state.open[host] += 1;
        state.close(shed, false);
        true
    }

    fn accept(&mut self, &listener: &usize) -> Result<usize, Attempt<AcceptError>> {
        let mut state = self.state();
        let (full, aborts) = {
            let max = state.faults.sockets_max;
            let full = max > 0 && state.open[self.index] >= max;
            let rate = state.faults.aborted_accepts;
            (full, state.random.chance(rate))
        };
        let SocketState::Listening { waiting } = &mut state.sockets.get(listener).state else {
            return Err(Attempt::Failed(AcceptError::from_errno(libc::EINVAL)));
        };
        if waiting.is_empty() {
            return Err(Attempt::WouldBlock);
        }
        if full {
            return Err(Attempt::Failed(AcceptError::DescriptorLimit));
        }
        let Some(accepted) = waiting.pop_front() else { return Err(Attempt::WouldBlock) };
        state.open[self.index] += 1;
        if aborts {
            state.close(accepted, true);
            return Err(Attempt::Failed(AcceptError::Aborted));
        }
        Ok(accepted)
    }

    fn connect(&mut self, &socket: &usize, to: &SocketAddress) -> Result<Connected, ConnectError> {
        let mut state = self.state();
        match state.sockets.get(socket).state {
            SocketState::Stream(_) => return Ok(Connected::Done),
            SocketState::Connecting => return Ok(Connected::InProgress),
            _ => {}
        }
        state.next_port = state.next_port.wrapping_add(1).max(1024);
        let port = state.next_port;
        let target = state.sockets.listener(to);
        let from = state.sockets.get(socket);
        from.state = SocketState::Connecting;
        from.local = Some(to.clone().with_port(port));
        from.remote = Some(to.clone());
        match target {
            Some(listener) => state.post(socket, Parcel::Syn { from: socket, to: listener }),
            None => state.post(socket, Parcel::Answer { to: socket, peer: None }),
        }
        Ok(Connected::InProgress)
    }

    fn connect_outcome(&mut self, &socket: &usize) -> Result<Connected, ConnectError> {
        match self.state().sockets.get(socket).state {
            SocketState::Refused => Err(ConnectError::Refused),
            SocketState::Stream(_) => Ok(Connected::Done),
            _ => Ok(Connected::InProgress),
        }
    }

    fn receive(
        &mut self,
        &socket: &usize,
        into: &mut [u8],
    ) -> Result<usize, Attempt<ReceiveError>> {
        self.state().receive(socket, into)
    }

    fn send(&mut self, &socket: &usize, runs: &[IoSlice<'_>]) -> Result<usize, Attempt<SendError>> {
        self.state().send(socket, runs)
    }

    fn send_to(
        &mut self,
        _socket: &usize,
        _to: &SocketAddress,
        _datagram: &[u8],
    ) -> Result<(), SendError> {
        self.state().datagrams += 1;
        Ok(())
    }

    fn shutdown(&mut self, &socket: &usize, how: How) {
        let mut state = self.state();
        let Some(stream) = state.sockets.stream(socket) else { return };
        let peer = stream.peer;
        if how != How::Write {
            stream.read_shut = true;
            stream.inbox = VecDeque::new();
        }
        let ends = how != How::Read && !std::mem::replace(&mut stream.write_shut, true);
        if how != How::Write {
            state.notify(socket, true, false, true);
        }
        if ends {
            state.post(socket, Parcel::Fin { to: peer });
        }
    }

    fn can_splice(&self) -> bool {
        false
    }

    fn fill(&mut self, _: &usize, _: &mut Pipe) -> Result<usize, Attempt<ReceiveError>> {
        Err(Attempt::WouldBlock)
    }

    fn drain(&mut self, _: &usize, _: &mut Pipe) -> Result<usize, Attempt<SendError>> {
        Err(Attempt::WouldBlock)
    }
}
