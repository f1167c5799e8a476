//! A TLS connection without its socket: ciphertext in, plaintext and records to send out.
//!
//! In: chunks as they came from the peer, plaintext to seal. Out: plaintext as slices of the blocks
//! that the records came in, sealed records, what was wrong. rustls is used by its unbuffered
//! interface, a record at a time, so that it is known where in the block each plaintext lies.
//!
//! Limits: a record or handshake message that arrives in pieces takes one block of the pool until it
//! is whole (rustls bounds messages at 64 KiB, records at 18 KiB); [`QUIET_MAX`] records in a row of
//! [`QUIET_PER_BYTES`] may carry no data (key updates and the like, RFC 8446 §4.6).

use std::collections::VecDeque;
use std::ops::Range;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, ReadTraffic, UnbufferedStatus};
use rustls::{CommonState, Error, ProtocolVersion};

use crate::worker::{Chunk, Class, Lease, Pool};

/// Bytes in a record's header (RFC 8446 §5.1).
const HEADER: usize = 5;

/// The longest content of a record that any version allows (RFC 5246 §6.2.3).
const CONTENT_MAX: usize = 16_384 + 2048;

/// The longest plaintext of a record.
pub(super) const PLAIN_MAX: usize = 16_384;

/// What a record takes besides its plaintext at most, with a key update that rustls may put before it.
pub(super) const OVERHEAD_MAX: usize = 96;

/// Records without data that may come for each [`QUIET_PER_BYTES`] of plaintext that came, begun
/// ones included. Each key update costs as much as sealing several kilobytes.
const QUIET_MAX: u32 = 64;

/// See [`QUIET_MAX`].
const QUIET_PER_BYTES: usize = 1 << 20;

/// Bytes of tickets that may wait for the first data.
const WAITING_MAX: usize = 2048;

/// How many bytes at both ends of a plaintext are compared with what rustls gives out.
const SAMPLE: usize = 16;

/// rustls's connection, of either side. They are large, so boxed.
enum Session {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

/// Runs an expression on the connection, whichever it is.
macro_rules! either {
    ($session:expr, $connection:ident => $run:expr) => {
        match $session {
            Session::Server($connection) => $run,
            Session::Client($connection) => $run,
        }
    };
}

/// Why a machine cannot go on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// What rustls said, or we on its behalf.
    Tls(Error),
    /// No block of the pool is free.
    Starved,
}

/// See the module.
pub(super) struct Machine {
    session: Session,
    /// Plaintext that nobody took yet.
    pub ready: VecDeque<Chunk>,
    /// What came of a record, or of a handshake message, that is not whole.
    partial: Option<Partial>,
    /// Records to send before any other.
    control: Vec<u8>,
    fault: Option<Fault>,
    /// The peer has said that nothing more comes (close_notify).
    peer_closed: bool,
    /// Bytes before the plaintext in an opened record.
    lead: usize,
    quiet: u32,
    plain_bytes: usize,
    /// Where the plaintexts of the chunk at hand lie.
    ranges: Vec<Range<usize>>,
}

/// Bytes that wait for more of their kind.
struct Partial {
    lease: Lease,
    len: usize,
    /// How many of them, from the front, rustls has seen.
    held: usize,
}

/// What a call of rustls came to.
enum Turn {
    /// A plaintext of this length, which begins and ends like this.
    Plain(Sample),
    /// It wants to be called again.
    Again,
    /// It wants another record.
    More,
    /// The peer has said that nothing more comes.
    Closed,
    /// It is at odds with the peer.
    Failed(Error),
}

struct Sample {
    len: usize,
    first: [u8; SAMPLE],
    last: [u8; SAMPLE],
}

impl Sample {
    fn of(bytes: &[u8]) -> Sample {
        let mut sample = Sample { len: bytes.len(), first: [0; SAMPLE], last: [0; SAMPLE] };
        match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => (sample.first, sample.last) = (*first, *last),
            _ => sample.first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from),
        }
        sample
    }

    fn fits(&self, bytes: &[u8]) -> bool {
        let other = Sample::of(bytes);
        self.len == other.len && self.first == other.first && self.last == other.last
    }
}

/// What stands at the front of bytes.
#[derive(Debug, PartialEq, Eq)]
enum Front {
    /// A record of so many bytes, header included; not all of them need be there.
    Record(usize),
    /// Too few bytes to tell.
    Short,
    /// No record: rustls will say why.
    Garbage,
}

fn front(header: &[u8]) -> Front {
    let &[kind, _, _, high, low, ..] = header else { return Front::Short };
    let content = usize::from(u16::from_be_bytes([high, low]));
    match kind {
        20..=24 if content <= CONTENT_MAX => Front::Record(HEADER + content),
        _ => Front::Garbage,
    }
}

impl Machine {
    pub fn server(connection: UnbufferedServerConnection) -> Machine {
        Machine::new(Session::Server(Box::new(connection)))
    }

    pub fn client(connection: UnbufferedClientConnection) -> Machine {
        let mut machine = Machine::new(Session::Client(Box::new(connection)));
        machine.open(&mut [], 0);
        machine
    }

    fn new(session: Session) -> Machine {
        Machine {
            session,
            ready: VecDeque::new(),
            partial: None,
            control: Vec::new(),
            fault: None,
            peer_closed: false,
            lead: HEADER,
            quiet: 0,
            plain_bytes: 0,
            ranges: Vec::new(),
        }
    }

    /// What was agreed on so far.
    pub fn common(&self) -> &CommonState {
        either!(&self.session, connection => connection)
    }

    /// Why nothing more can be done.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Whether the peer has said that nothing more comes.
    pub fn peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Whether records wait to be sent.
    pub fn has_control(&self) -> bool {
        !self.control.is_empty()
    }

    /// Whether what it has to say may leave with the first data: that is true of nothing, and of a
    /// server's tickets, for which no client waits.
    pub fn may_wait(&self) -> bool {
        let tickets = matches!(self.session, Session::Server(_))
            && self.common().protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && self.control.len() <= WAITING_MAX;
        self.control.is_empty() || tickets
    }

    /// The records that are to be sent before any other.
    pub fn take_control(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.control)
    }

    /// Takes what the peer sent.
    pub fn handle_chunk(&mut self, mut chunk: Chunk, pool: &Pool) {
        while !chunk.is_empty() && self.fault.is_none() && !self.peer_closed {
            let done = match self.partial.take() {
                Some(partial) => self.complete(partial, &mut chunk, pool),
                None => self.handle_whole(&mut chunk, pool),
            };
            if done.is_none() {
                self.fault.get_or_insert(Fault::Starved);
            }
        }
    }

    /// Opens the records of a chunk in place, and keeps what is left of it. `None` without a buffer.
    fn handle_whole(&mut self, chunk: &mut Chunk, pool: &Pool) -> Option<()> {
        if chunk.bytes_mut().is_none() {
            *chunk = pool.copy_from(chunk)?;
        }
        let bytes = chunk.bytes_mut()?;
        let (seen, used) = self.open(bytes, 0);
        let len = bytes.len();
        if used < len && self.goes_on() {
            let mut partial = Partial::new(chunk.get(used..)?, pool)?;
            partial.held = seen - used;
            self.partial = Some(partial);
        }
        self.give_out(chunk);
        chunk.advance(len);
        Some(())
    }

    /// Adds to a record, or a message, as much of the chunk as it lacks, and opens it once it is whole.
    fn complete(&mut self, mut partial: Partial, chunk: &mut Chunk, pool: &Pool) -> Option<()> {
        let lacks = partial.lacks(chunk);
        partial.append(chunk.get(..lacks)?, pool)?;
        chunk.advance(lacks);
        let len = partial.len;
        let (seen, used) = self.open(partial.lease.get_mut(..len)?, partial.held);
        if used == 0 {
            partial.held = seen;
            self.partial = Some(partial);
            return Some(());
        }
        if used < len && self.goes_on() {
            let mut rest = Partial::new(partial.lease.get(used..len)?, pool)?;
            rest.held = seen - used;
            self.partial = Some(rest);
        }
        let whole = partial.lease.freeze(len);
        self.give_out(&whole);
        Some(())
    }

    fn goes_on(&self) -> bool {
        self.fault.is_none() && !self.peer_closed
    }

    fn give_out(&mut self, block: &Chunk) {
        for range in self.ranges.drain(..) {
            self.ready.push_back(block.slice(range));
        }
    }

    /// Opens whole records, of which rustls has seen the first `seen` bytes before. How many it has
    /// seen now, and how many of them it is done with. Where the plaintexts lie is in `ranges`.
    fn open(&mut self, bytes: &mut [u8], mut seen: usize) -> (usize, usize) {
        let mut used = 0;
        // Before the first byte of a connection rustls may have something to say.
        let mut again = bytes.is_empty();
        loop {
            if !again {
                match bytes.get(seen..).map(front) {
                    Some(Front::Record(len)) if seen + len <= bytes.len() => seen += len,
                    Some(Front::Garbage) => seen = bytes.len(),
                    _ => return (seen, used),
                }
            }
            let Some(window) = bytes.get_mut(used..seen) else { return (seen, used) };
            let (discard, turn) = either!(&mut self.session, connection => {
                take_in(connection.process_tls_records(window), &mut self.control)
            });
            let record = used;
            used += discard;
            again = false;
            match turn {
                Turn::Plain(sample) => {
                    self.note_plain(bytes, record..seen, &sample);
                    again = self.common().wants_write();
                }
                Turn::Again => again = true,
                Turn::More => self.note_quiet(),
                Turn::Closed => self.peer_closed = true,
                Turn::Failed(error) => self.fail(error),
            }
            if !self.goes_on() {
                return (seen, used);
            }
        }
    }

    /// Notes where a plaintext lies: rustls opens records in place, but gives out a copy.
    fn note_plain(&mut self, bytes: &[u8], record: Range<usize>, sample: &Sample) {
        self.learn_lead();
        self.plain_bytes += sample.len;
        if self.plain_bytes >= QUIET_PER_BYTES {
            (self.plain_bytes, self.quiet) = (0, 0);
        }
        let start = record.start + self.lead;
        let range = start..start + sample.len;
        let fits =
            range.end <= record.end && bytes.get(range.clone()).is_some_and(|it| sample.fits(it));
        match fits {
            true => self.ranges.push(range),
            false => self.fail(Error::General("a record was not opened in place".to_owned())),
        }
    }

    /// With AES-GCM in TLS 1.2 part of the nonce stands before the content (RFC 5288 §3).
    fn learn_lead(&mut self) {
        use rustls::CipherSuite as Suite;
        let suite = self.common().negotiated_cipher_suite().map(|suite| suite.suite());
        let gcm12 = matches!(
            suite,
            Some(
                Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                    | Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
                    | Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
                    | Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
            )
        );
        self.lead = if gcm12 { HEADER + 8 } else { HEADER };
    }

    /// A record without data came.
    fn note_quiet(&mut self) {
        self.quiet += 1;
        if self.quiet > QUIET_MAX && !self.common().is_handshaking() {
            self.fail(Error::General("too many records without data".to_owned()));
        }
    }

    /// Keeps the error, and the alert that rustls has for it.
    fn fail(&mut self, error: Error) {
        self.fault.get_or_insert(Fault::Tls(error));
        // As long as it has something to say it does not look at its input.
        while self.common().wants_write() {
            let turn = either!(&mut self.session, connection => {
                take_in(connection.process_tls_records(&mut []), &mut self.control).1
            });
            if !matches!(turn, Turn::Again) {
                return;
            }
        }
    }

    /// Seals up to [`PLAIN_MAX`] bytes behind what rustls has to say: how many bytes of `out` it takes.
    pub fn seal(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        self.write(Words::Data(plain), out)
    }

    /// Seals the words that nothing more comes.
    pub fn seal_end(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        self.write(Words::End, out)
    }

    fn write(&mut self, words: Words<'_>, out: &mut [u8]) -> Result<usize, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let mut len = 0;
        loop {
            // What it has seen of a message that is not whole it wants to see again.
            let held = match &mut self.partial {
                Some(partial) => partial.lease.get_mut(..partial.held).unwrap_or_default(),
                None => &mut [],
            };
            let room = out.get_mut(len..).unwrap_or_default();
            let said = either!(&mut self.session, connection => {
                utter(connection.process_tls_records(held), words, room)
            });
            match said {
                Ok((more, true)) => return Ok(len + more),
                Ok((more, false)) => len += more,
                Err(error) => {
                    self.fail(error.clone());
                    return Err(Fault::Tls(error));
                }
            }
        }
    }
}

/// What is to be sealed.
#[derive(Clone, Copy)]
enum Words<'a> {
    Data(&'a [u8]),
    End,
}

/// Has rustls say the next thing it has to say, or else `words`: how many bytes, and whether it was
/// those.
fn utter<D>(
    status: UnbufferedStatus<'_, '_, D>,
    words: Words<'_>,
    out: &mut [u8],
) -> Result<(usize, bool), Error> {
    let refused = |why: &dyn std::fmt::Display| Error::General(format!("cannot seal: {why}"));
    match status.state? {
        ConnectionState::EncodeTlsData(mut encode) => {
            Ok((encode.encode(out).map_err(|error| refused(&error))?, false))
        }
        ConnectionState::TransmitTlsData(transmit) => {
            transmit.done();
            Ok((0, false))
        }
        // The peer says no more, but listens.
        ConnectionState::PeerClosed => Ok((0, false)),
        ConnectionState::WriteTraffic(mut traffic) => {
            let written = match words {
                Words::Data(plain) => traffic.encrypt(plain, out),
                Words::End => traffic.queue_close_notify(out),
            };
            Ok((written.map_err(|error| refused(&error))?, true))
        }
        _ => Err(refused(&"not now")),
    }
}

impl Partial {
    fn new(bytes: &[u8], pool: &Pool) -> Option<Partial> {
        let small = bytes.len() <= Class::Small.bytes();
        let lease = pool.lease(if small { Class::Small } else { Class::Bulk })?;
        let mut partial = Partial { lease, len: 0, held: 0 };
        partial.append(bytes, pool)?;
        Some(partial)
    }

    /// How many bytes of `chunk` complete what is there.
    fn lacks(&self, chunk: &[u8]) -> usize {
        let tail = self.lease.get(self.held..self.len).unwrap_or_default();
        let mut header = [0; HEADER];
        let known = header.iter_mut().zip(tail.iter().chain(chunk));
        let known = known.map(|(to, from)| *to = *from).count();
        let whole = match front(header.get(..known).unwrap_or_default()) {
            Front::Record(len) => len,
            Front::Short | Front::Garbage => HEADER,
        };
        whole.saturating_sub(tail.len()).min(chunk.len())
    }

    fn append(&mut self, bytes: &[u8], pool: &Pool) -> Option<()> {
        let end = self.len + bytes.len();
        if end > self.lease.len() {
            let mut larger = pool.lease(Class::Bulk)?;
            larger.get_mut(..self.len)?.copy_from_slice(self.lease.get(..self.len)?);
            self.lease = larger;
        }
        self.lease.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }
}

/// Reads what a call of rustls came to. Records to send are added to `control`.
fn take_in<D>(status: UnbufferedStatus<'_, '_, D>, control: &mut Vec<u8>) -> (usize, Turn) {
    let turn = match status.state {
        Err(error) => Turn::Failed(error),
        Ok(ConnectionState::ReadTraffic(traffic)) => read(traffic),
        Ok(ConnectionState::EncodeTlsData(mut encode)) => {
            let start = control.len();
            let needed = match encode.encode(&mut []) {
                Err(EncodeError::InsufficientSize(size)) => size.required_size,
                _ => 0,
            };
            control.resize(start + needed, 0);
            let room = control.get_mut(start..).unwrap_or_default();
            match needed == 0 || encode.encode(room).is_ok() {
                true => Turn::Again,
                false => Turn::Failed(Error::General("a record cannot be encoded".to_owned())),
            }
        }
        Ok(ConnectionState::TransmitTlsData(transmit)) => {
            transmit.done();
            Turn::Again
        }
        Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => Turn::More,
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Turn::Closed,
        // Early data is never offered.
        Ok(_) => Turn::Failed(Error::General("an unknown state".to_owned())),
    };
    (status.discard, turn)
}

fn read<D>(mut traffic: ReadTraffic<'_, '_, D>) -> Turn {
    let sample = match traffic.next_record() {
        Some(Ok(record)) => Sample::of(record.payload),
        Some(Err(error)) => return Turn::Failed(error),
        None => return Turn::Again,
    };
    // It was given one record.
    match traffic.next_record() {
        None => Turn::Plain(sample),
        Some(_) => Turn::Failed(Error::General("two plaintexts in a record".to_owned())),
    }
}
