//! HTTP/1.1 messages: bytes to heads and bodies, heads to bytes (RFC 9112).
//!
//! In: bytes as they came, in any fragmentation. Out: places in them ([`super::head::Head`]), how the
//! body is framed, runs of body bytes; or a [`Reject`]. The other way: a head and how it goes on, into
//! bytes. Nothing here does I/O, keeps a clock, or copies what came in.
//!
//! The rule of the house: what is ambiguous about where a message ends or who it is for is refused,
//! never repaired (hostile-input.md, part 2).

pub mod body;
pub mod encode;
pub mod reject;
pub mod request;
pub mod response;

pub use body::{BodyReader, Step};
pub use reject::{Reason, Reject};

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, start line to empty line. HAProxy's: `tune.bufsize` less `tune.maxrewrite`.
    pub head_bytes: usize,
    /// Field lines (`tune.http.maxhdr`).
    pub fields: usize,
}

impl Default for Limits {
    /// 15 360 bytes and 101 fields.
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
/// that comes at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Bytes that hold no end of a head.
    pub seen: usize,
}

/// What a head says about its connection and upgrades (RFC 9110 §7.6.1, §7.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `close`.
    pub close: bool,
    /// `keep-alive`.
    pub keep_alive: bool,
    /// `upgrade`, and an `Upgrade` field that names something else than `h2c`.
    pub upgrade: bool,
}
