//! A TLS connection after its handshake, and the handshake itself.
//!
//! In: payloads to send, chunks from the socket. Out: the same on the other side, by way of
//! `Machine`. Sealed records leave in leased blocks: a small payload as one record in one block, a
//! large one as several records in large blocks, a system call for up to `BLOCKS_MAX` of them.

use std::cell::{Cell, RefCell};
use std::task::Poll;

use super::HandshakeFault;
use super::machine::{Fault, Machine, OVERHEAD_MAX, PLAIN_MAX};
use crate::worker::{Chunk, Class, How, Lease, Payload, Pool, ReceiveError, SendError, Stream};

/// Blocks of sealed records that a system call sends at most.
const BLOCKS_MAX: usize = 8;

/// Bytes at the end of a large block that are not worth a record.
const REST_MIN: usize = 1024 + OVERHEAD_MAX;

/// A connection that speaks TLS. One task may receive while it sends (methods take `&self`).
pub struct TlsStream {
    stream: Stream,
    machine: RefCell<Machine>,
    /// How the connection below ended for the receiver.
    ended: Cell<Option<ReceiveError>>,
    /// Sealed records are on their way, or were lost there: nothing may be sent behind them.
    sending: Cell<bool>,
    /// Bytes of plaintext in a record at most.
    record_max: usize,
}

impl TlsStream {
    /// Shakes hands. `first` came already.
    pub(super) async fn shake(
        stream: Stream,
        mut machine: Machine,
        first: Option<Chunk>,
        record_max: usize,
    ) -> Result<TlsStream, (HandshakeFault, Stream)> {
        if let Some(first) = first {
            machine.handle_chunk(first, stream.pool());
        }
        let fault = loop {
            let done = !machine.common().is_handshaking();
            if done && machine.fault().is_none() && machine.may_wait() {
                let (machine, ended) = (RefCell::new(machine), Cell::new(None));
                return Ok(TlsStream {
                    stream,
                    machine,
                    ended,
                    sending: Cell::new(false),
                    record_max,
                });
            }
            if let Err(fault) = say(&stream, &mut machine).await {
                break fault;
            }
            match machine.fault() {
                Some(fault) => break fault.into(),
                None if done => continue,
                None => {}
            }
            match stream.receive().await {
                Ok(Some(chunk)) => machine.handle_chunk(chunk, stream.pool()),
                Ok(None) | Err(_) => break HandshakeFault::Gone,
            }
        };
        Err((fault, stream))
    }

    /// The connection below.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What was wrong with what the peer sent, once [`ReceiveError::Reset`] was given out for it.
    pub fn fault(&self) -> Option<rustls::Error> {
        match self.machine.borrow().fault() {
            Some(Fault::Tls(error)) => Some(error.clone()),
            _ => None,
        }
    }

    pub(super) fn machine(&self) -> &RefCell<Machine> {
        &self.machine
    }

    /// Plaintext, at least a byte; `None` after close_notify. A connection that ends without one is
    /// [`ReceiveError::Reset`]: what came may be cut short (RFC 8446 §6.1). Nothing that was begun is
    /// lost if the caller stops polling. The task that asked last is woken.
    pub fn poll_receive(&self) -> Poll<Result<Option<Chunk>, ReceiveError>> {
        self.pump();
        self.take_ready().map_or(Poll::Pending, Poll::Ready)
    }

    fn take_ready(&self) -> Option<Result<Option<Chunk>, ReceiveError>> {
        let mut machine = self.machine.borrow_mut();
        if let Some(chunk) = machine.ready.pop_front() {
            return Some(Ok(Some(chunk)));
        }
        if machine.peer_closed() {
            return Some(Ok(None));
        }
        match machine.fault() {
            Some(Fault::Tls(_)) => Some(Err(ReceiveError::Reset)),
            Some(Fault::Starved) => Some(Err(ReceiveError::Memory)),
            None => self.ended.get().map(Err),
        }
    }

    fn take_in(&self, chunk: Chunk) {
        let mut machine = self.machine.borrow_mut();
        machine.handle_chunk(chunk, self.stream.pool());
        if machine.fault().is_none() || !machine.has_control() || self.sending.get() {
            return;
        }
        // The alert is the last that is sent; if the socket takes it not now, the peer does without.
        let alert = machine.take_control();
        self.sending.set(true);
        if let Some(alert) = self.stream.pool().copy_from(&alert) {
            drop(self.stream.start_send(alert));
        }
    }

    /// Whether a receive begun earlier would give something at once. Records without data (tickets,
    /// key updates) are nothing: behind them a new receive is begun, for the task that asks here.
    pub fn has_news(&self) -> bool {
        if !self.is_ready() && self.stream.has_news() {
            self.pump();
        }
        self.is_ready()
    }

    fn is_ready(&self) -> bool {
        let machine = self.machine.borrow();
        let over = machine.peer_closed() || machine.fault().is_some() || self.ended.get().is_some();
        over || !machine.ready.is_empty()
    }

    /// Takes in what comes until there is something to give out, or until nothing more is there.
    fn pump(&self) {
        while !self.is_ready() {
            match self.stream.poll_receive() {
                Poll::Pending => return,
                Poll::Ready(Ok(Some(chunk))) => self.take_in(chunk),
                Poll::Ready(Ok(None)) => self.ended.set(Some(ReceiveError::Reset)),
                Poll::Ready(Err(error)) => self.ended.set(Some(error)),
            }
        }
    }

    /// Sends all of it, in as few records and system calls as possible. One that is dropped before its
    /// end leaves the connection unable to send.
    ///
    /// # Errors
    /// As of the connection below; [`SendError::Broken`] once TLS has failed.
    pub async fn send(&self, payload: Payload) -> Result<(), SendError> {
        let mut pieces = Pieces { chunks: payload.chunks(), at: 0 };
        while !pieces.is_empty() {
            let sealed = self.seal(&mut pieces)?;
            self.transmit(sealed).await?;
        }
        Ok(())
    }

    /// Says close_notify and shuts the sending side down.
    pub async fn finish(&self) {
        if !self.sending.get()
            && let Some(last) = self.seal_end()
        {
            // A peer that is gone needs no goodbye.
            let _ = self.transmit(Payload::One(last)).await;
        }
        self.stream.shutdown(How::Write).await;
    }

    fn seal_end(&self) -> Option<Chunk> {
        let mut machine = self.machine.borrow_mut();
        let mut lease = self.stream.pool().lease(Class::Small)?;
        let len = control(&mut machine, &mut lease)?;
        let end = machine.seal_end(lease.get_mut(len..)?).unwrap_or(0);
        Some(lease.freeze(len + end))
    }

    /// As much as one system call shall send.
    fn seal(&self, pieces: &mut Pieces<'_>) -> Result<Payload, SendError> {
        if self.sending.get() {
            return Err(SendError::Broken);
        }
        let (mut machine, pool) = (self.machine.borrow_mut(), self.stream.pool());
        let mut blocks = Vec::new();
        loop {
            let block = seal_block(&mut machine, pieces, pool, self.record_max)?;
            match block {
                Some(block) if blocks.is_empty() && pieces.is_empty() => {
                    return Ok(Payload::One(block));
                }
                Some(block) => blocks.push(block),
                // Those that are on their way come back.
                None if blocks.is_empty() => return Err(SendError::Memory),
                None => return Ok(blocks.into()),
            }
            if pieces.is_empty() || blocks.len() == BLOCKS_MAX {
                return Ok(blocks.into());
            }
        }
    }

    async fn transmit(&self, sealed: Payload) -> Result<(), SendError> {
        // Stays if this future is dropped: half a record may have left.
        self.sending.set(true);
        self.stream.send(sealed).await.map_err(|failure| failure.error)?;
        self.sending.set(false);
        Ok(())
    }
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TlsStream({:?})", self.stream)
    }
}

impl From<&Fault> for HandshakeFault {
    fn from(fault: &Fault) -> HandshakeFault {
        match fault {
            Fault::Tls(error) => HandshakeFault::Tls(error.clone()),
            Fault::Starved => HandshakeFault::Starved,
        }
    }
}

/// Sends what the machine has to say.
pub(super) async fn say(stream: &Stream, machine: &mut Machine) -> Result<(), HandshakeFault> {
    let control = machine.take_control();
    let largest = Class::Bulk.bytes();
    for piece in control.chunks(largest) {
        let piece = stream.pool().copy_from(piece).ok_or(HandshakeFault::Starved)?;
        stream.send(piece).await.map_err(|_| HandshakeFault::Gone)?;
    }
    Ok(())
}

/// What is left of a payload.
struct Pieces<'a> {
    chunks: &'a [Chunk],
    /// Bytes of the first that are done.
    at: usize,
}

impl<'a> Pieces<'a> {
    /// Empty chunks are passed over.
    fn is_empty(&mut self) -> bool {
        self.front().is_none()
    }

    fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum::<usize>() - self.at
    }

    /// What is left of the first chunk.
    fn front(&mut self) -> Option<&'a [u8]> {
        while let Some((first, rest)) = self.chunks.split_first() {
            match first.get(self.at..) {
                Some(bytes) if !bytes.is_empty() => return Some(bytes),
                _ => (self.chunks, self.at) = (rest, 0),
            }
        }
        None
    }

    /// The next `len` bytes: where they lie, if that is in one chunk, else gathered in `scratch`.
    fn take<'s>(&mut self, len: usize, scratch: &'s mut [u8]) -> &'s [u8]
    where
        'a: 's,
    {
        if let Some(bytes) = self.front().and_then(|front| front.get(..len)) {
            self.at += len;
            return bytes;
        }
        let mut filled = 0;
        while let Some(front) = self.front()
            && let Some(room) = scratch.get_mut(filled..len)
            && !room.is_empty()
        {
            let n = front.len().min(room.len());
            if let (Some(to), Some(from)) = (room.get_mut(..n), front.get(..n)) {
                to.copy_from_slice(from);
            }
            self.at += n;
            filled += n;
        }
        scratch.get(..filled).unwrap_or_default()
    }
}

/// Puts what the machine has to say at the front of a block.
fn control(machine: &mut Machine, out: &mut [u8]) -> Option<usize> {
    if !machine.has_control() {
        return Some(0);
    }
    let control = machine.take_control();
    out.get_mut(..control.len())?.copy_from_slice(&control);
    Some(control.len())
}

/// A block of sealed records; `None` if there is no block.
fn seal_block(
    machine: &mut Machine,
    pieces: &mut Pieces<'_>,
    pool: &Pool,
    record_max: usize,
) -> Result<Option<Chunk>, SendError> {
    let Some(mut lease) = lease_for(pieces.len(), pool) else { return Ok(None) };
    let mut scratch = None;
    let mut len = control(machine, &mut lease).ok_or(SendError::Memory)?;
    while let Some(front) = pieces.front() {
        let room = lease.len().saturating_sub(len + OVERHEAD_MAX);
        let wanted = pieces.len().min(record_max);
        if room < wanted && room < REST_MIN {
            break;
        }
        let plain_len = wanted.min(room);
        let plain = if front.len() >= plain_len {
            pieces.take(plain_len, &mut [])
        } else {
            if scratch.is_none() {
                scratch = pool.lease(Class::Small);
            }
            match &mut scratch {
                Some(scratch) => pieces.take(plain_len, scratch),
                // Smaller records, but they leave.
                None => pieces.take(front.len(), &mut []),
            }
        };
        let out = lease.get_mut(len..).unwrap_or_default();
        len += machine.seal(plain, out).map_err(|_| SendError::Broken)?;
    }
    Ok(Some(lease.freeze(len)))
}

fn lease_for(len: usize, pool: &Pool) -> Option<Lease> {
    match len > PLAIN_MAX {
        true => pool.lease(Class::Bulk).or_else(|| pool.lease(Class::Small)),
        false => pool.lease(Class::Small),
    }
}
