//! What goes into a ring and what comes out: plain data, the same for every back-end.

use crate::buf::Chunk;
use crate::net::{AcceptError, ConnectError, How, Pipe, ReceiveError, SendError, SocketAddress};
use crate::table::Key;

/// A descriptor that a ring owns. A handle kept after [`super::Ring::close`] is stale: operations
/// on it end with the error `Closed`, even when the kernel has given its number to somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(pub Key);

/// The caller's name for an operation, unique among those in flight: a slot of the caller's table
/// and its generation. The ring only carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub Key);

impl Token {
    /// The token of [`Outcome::Woken`], which nobody submits.
    pub const WAKE: Token = Token(Key::NONE);
}

/// How far the bytes under way on a socket are: two that are equal tell that none of them moved
/// between the one and the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// The send or drain.
    pub(crate) token: Token,
    /// Bytes that the kernel has not taken yet.
    pub(crate) bytes: usize,
}

impl Unsent {
    /// Bytes that the kernel has not taken yet.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What a ring can be asked to do. A socket carries at most one operation in each direction at a
/// time: accept, receive and fill read; connect, send, drain and shutdown write. One too many is
/// refused with [`Refused::Busy`].
#[derive(Debug)]
pub enum Op {
    /// Take connections until cancelled: one [`Outcome::Accepted`] each.
    Accept(Handle),
    /// Connect a socket made by [`super::Ring::stream_socket`]. After a connect that failed or was
    /// cancelled, the socket is good for nothing but closing.
    Connect(Handle, Box<SocketAddress>),
    /// Read what is there, once. The chunk is taken from the pool only when bytes are there.
    Receive(Handle),
    /// Send all of it; completes once, whole or with an error.
    Send(Handle, Payload),
    /// Send one datagram on an unconnected socket, now or not at all: without room for it the error
    /// is `SendError::Memory`.
    SendTo(Handle, Box<(SocketAddress, Chunk)>),
    /// Move bytes from the socket into an empty pipe, up to its limit, without their passing user space.
    Fill(Handle, Box<Pipe>),
    /// Move what the pipe holds to the socket. Completes once the socket is full, if a byte was taken:
    /// who waits sees that the peer lives.
    Drain(Handle, Box<Pipe>),
    /// Close one direction, or both, for the peer to see.
    Shutdown(Handle, How),
}

/// The bytes of a send. Made from a chunk, a pair, or a vector of them.
#[derive(Debug)]
pub enum Payload {
    /// One run of bytes.
    One(Chunk),
    /// Several, sent in order as if they were one.
    Many(Box<Runs>),
}

/// Several runs of bytes.
#[derive(Debug)]
pub enum Runs {
    /// A head and a body, say: they need no vector.
    Two([Chunk; 2]),
    /// Any number.
    Any(Vec<Chunk>),
}

impl From<Chunk> for Payload {
    fn from(chunk: Chunk) -> Payload {
        Payload::One(chunk)
    }
}

impl From<[Chunk; 2]> for Payload {
    fn from(chunks: [Chunk; 2]) -> Payload {
        Payload::Many(Box::new(Runs::Two(chunks)))
    }
}

impl From<Vec<Chunk>> for Payload {
    fn from(chunks: Vec<Chunk>) -> Payload {
        Payload::Many(Box::new(Runs::Any(chunks)))
    }
}

// What every operation in flight carries, idle connections' receives included.
const _: () = assert!(size_of::<Payload>() == 16 && size_of::<Op>() <= 32);
const _: () = assert!(size_of::<Event>() <= 64);

impl Payload {
    /// The chunks, in order.
    pub fn chunks(&self) -> &[Chunk] {
        match self {
            Payload::One(chunk) => std::slice::from_ref(chunk),
            Payload::Many(runs) => match &**runs {
                Runs::Two(chunks) => chunks,
                Runs::Any(chunks) => chunks,
            },
        }
    }

    /// All bytes in it.
    pub fn len(&self) -> usize {
        self.chunks().iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.chunks().iter().all(|chunk| chunk.is_empty())
    }
}

/// Why an operation never started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The socket already carries an operation in that direction.
    Busy,
    /// The handle is stale.
    Closed,
    /// The back-end cannot do this ([`super::Caps`] says so).
    Unsupported,
}

/// What became of an operation.
#[derive(Debug)]
pub enum Outcome {
    /// A connection, or why no more come; after an error the operation has ended.
    Accepted(Result<Handle, AcceptError>),
    /// The connection stands, or not.
    Connected(Result<(), ConnectError>),
    /// Bytes; `None` at the end of the stream, as often as it is asked.
    Received(Result<Option<Chunk>, ReceiveError>),
    /// Whether all of the payload went to the kernel.
    Sent(Result<(), SendError>),
    /// Whether the pipe was filled; a pipe that holds nothing after this is the end of the stream.
    Filled(Result<(), ReceiveError>),
    /// Whether bytes were taken; those that were not are still in the pipe.
    Drained(Result<(), SendError>),
    /// The direction is closed. A connection already gone is no error here.
    ShutDown,
    /// The operation never started.
    Refused(Refused),
    /// Somebody called [`super::Waker::wake`] since the last turn.
    Woken,
}

/// What an operation had been given, back with its final event on every path.
#[derive(Debug)]
pub enum Returned {
    /// It had been given nothing.
    Nothing,
    /// Of a send.
    Payload(Payload),
    /// Of a fill or a drain.
    Pipe(Box<Pipe>),
}

/// One completion.
#[derive(Debug)]
pub struct Event {
    /// Whose.
    pub token: Token,
    /// Whether this is the operation's final event. Only accepting has others.
    pub last: bool,
    /// What happened.
    pub outcome: Outcome,
    /// The buffers it had been given.
    pub returned: Returned,
}

impl Event {
    /// The final event of an operation that owned nothing (any more).
    pub(crate) fn last(token: Token, outcome: Outcome) -> Event {
        Event { token, last: true, outcome, returned: Returned::Nothing }
    }

    /// The final event of an operation, with what it had been given.
    #[inline]
    pub(crate) fn end(token: Token, op: Op, outcome: Outcome) -> Event {
        Event { token, last: true, outcome, returned: op.into_returned() }
    }

    pub(crate) fn accepted(token: Token, handle: Handle) -> Event {
        Event {
            token,
            last: false,
            outcome: Outcome::Accepted(Ok(handle)),
            returned: Returned::Nothing,
        }
    }
}

/// Moves all events to the caller's vector; into an empty one without touching them.
pub(crate) fn hand_over(done: &mut Vec<Event>, events: &mut Vec<Event>) {
    if events.is_empty() {
        std::mem::swap(done, events);
    } else {
        events.append(done);
    }
}

/// What receives must still be told when a send has been told this. A kernel reports the end of a
/// connection by error to whoever asks first; to the others it looks like the end of the stream.
pub(crate) fn loss(outcome: &Outcome) -> Option<ReceiveError> {
    match outcome {
        Outcome::Sent(Err(error)) | Outcome::Drained(Err(error)) => match error {
            SendError::Reset => Some(ReceiveError::Reset),
            SendError::TimedOut => Some(ReceiveError::TimedOut),
            _ => None,
        },
        _ => None,
    }
}

/// The direction of a socket that an operation occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

impl Op {
    #[inline]
    pub(crate) fn handle(&self) -> Handle {
        match self {
            Op::Accept(h) | Op::Connect(h, _) | Op::Receive(h) | Op::Send(h, _) => *h,
            Op::SendTo(h, _) | Op::Fill(h, _) | Op::Drain(h, _) | Op::Shutdown(h, _) => *h,
        }
    }

    #[inline]
    pub(crate) fn side(&self) -> Side {
        match self {
            Op::Accept(_) | Op::Receive(_) | Op::Fill(..) => Side::Read,
            _ => Side::Write,
        }
    }

    /// Whether it ends in the next turn whatever happens, with an outcome that knows no cancel.
    pub(crate) fn outruns_cancel(&self) -> bool {
        matches!(self, Op::Shutdown(..))
    }

    #[inline]
    fn into_returned(self) -> Returned {
        match self {
            Op::Send(_, payload) => Returned::Payload(payload),
            Op::SendTo(_, datagram) => Returned::Payload(Payload::One(datagram.1)),
            Op::Fill(_, pipe) | Op::Drain(_, pipe) => Returned::Pipe(pipe),
            Op::Accept(_) | Op::Connect(..) | Op::Receive(_) | Op::Shutdown(..) => {
                Returned::Nothing
            }
        }
    }

    /// The event of an operation that never started.
    pub(crate) fn refuse(self, token: Token, why: Refused) -> Event {
        Event::end(token, self, Outcome::Refused(why))
    }

    /// The outcome of an operation that failed with this errno.
    pub(crate) fn failure(&self, errno: i32) -> Outcome {
        match self {
            Op::Accept(_) => Outcome::Accepted(Err(AcceptError::from_errno(errno))),
            Op::Connect(..) => Outcome::Connected(Err(ConnectError::from_errno(errno))),
            Op::Receive(_) => Outcome::Received(Err(ReceiveError::from_errno(errno))),
            Op::Send(..) | Op::SendTo(..) => Outcome::Sent(Err(SendError::from_errno(errno))),
            Op::Fill(..) => Outcome::Filled(Err(ReceiveError::from_errno(errno))),
            Op::Drain(..) => Outcome::Drained(Err(SendError::from_errno(errno))),
            Op::Shutdown(..) => Outcome::ShutDown,
        }
    }

    /// The event of an operation cancelled before it could finish.
    pub(crate) fn canceled(self, token: Token) -> Event {
        let outcome = self.failure(libc::ECANCELED);
        Event::end(token, self, outcome)
    }
}
