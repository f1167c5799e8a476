//! HTTP/1.1 messages: bytes to heads and bodies, heads to bytes (RFC 9112).
//!
//! In: bytes as they came, in any fragmentation. Out: places in them ([`super::head::Head`]), how the
//! body is framed, runs of body bytes; or a [`Reject`]. The other way: a head and how it goes on, into
//! bytes. Nothing here does I/O, keeps a clock, or copies what came in.
//!
//! The rule of the house: what is ambiguous about where a message ends or who it is for is refused,
//! never repaired (hostile-input.md, part 2).

pub mod body;
mod bytes;
pub mod encode;
mod facts;
mod host;
mod lines;
pub mod reject;
pub mod request;
pub mod response;
mod target;

pub use body::{BodyReader, Step};
pub use reject::{Reason, Reject};

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, start line to empty line. HAProxy's: `tune.bufsize` less `tune.maxrewrite`.
    pub head_bytes: usize,
    /// `tune.http.maxhdr`. Like HAProxy, which counts the end of the head, a head may have one field
    /// line less.
    pub fields: usize,
}

impl Default for Limits {
    /// 15 360 bytes and 100 field lines.
    fn default() -> Limits {
        Limits { head_bytes: 15 * 1024, fields: 101 }
    }
}

/// How a body is framed (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none, or it has no bytes.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunked coding.
    Chunked,
    /// Up to the end of the connection; responses only.
    UntilClose,
}

/// Where the search for a head's end got to, so that a head that comes in drops costs no more than one
/// that comes at once. Begins anew with each head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Bytes that hold no end of a head.
    pub seen: usize,
    /// The start line is among them.
    started: bool,
}

impl Scan {
    /// Whether it is worth reading the head: its end is there, its start line has just become
    /// complete, or a line ends wrongly. What was seen before is not looked at again.
    fn is_ready(&mut self, bytes: &[u8]) -> bool {
        if self.seen == 0 {
            return !bytes.is_empty();
        }
        let before = |at: usize, back: usize| at.checked_sub(back).and_then(|at| bytes.get(at));
        // A CR that no LF follows is wrong wherever it stands; nobody has to wait for more to say so.
        let fresh = bytes.get(self.seen - 1..).unwrap_or_default();
        if fresh.windows(2).any(|pair| matches!(pair, [b'\r', next] if *next != b'\n')) {
            return true;
        }
        let mut at = self.seen;
        while let Some(found) = bytes::find_lf(bytes, at) {
            let (one, two) = (before(found, 1), before(found, 2));
            if !self.started || one != Some(&b'\r') || two == Some(&b'\n') {
                return true;
            }
            at = found + 1;
        }
        self.seen = bytes.len();
        false
    }

    /// The head is not complete.
    fn wait(&mut self, bytes: &[u8]) {
        self.seen = bytes.len();
        // An empty line may stand before a start line.
        self.started = bytes::find_lf(bytes, 2).is_some();
    }
}

/// What a head says about its connection and upgrades (RFC 9110 §7.6.1, §7.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `close`.
    pub close: bool,
    /// `keep-alive`.
    pub keep_alive: bool,
    /// `upgrade`, and an `Upgrade` field that does not name `h2c`. In requests only of a GET in
    /// HTTP/1.1 without a body: others may not be upgraded (RFC 9110 §7.8 lets us ignore it).
    pub upgrade: bool,
}
