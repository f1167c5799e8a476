//! Filters and compression.

use std::time::Duration;

use super::Given;
use crate::config::source::Span;

/// `compression ...`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compression {
    /// `algo-req`: how requests are compressed.
    pub request_algorithm: Option<Given<CompressionAlgorithm>>,
    /// `algo` and `algo-res`: how answers may be compressed, in the order of preference.
    pub algorithms: Vec<Given<CompressionAlgorithm>>,
    /// `type-req`: of which media types; none means all.
    pub request_types: Vec<Given<Box<str>>>,
    /// `type` and `type-res`.
    pub types: Vec<Given<Box<str>>>,
    /// `offload`: servers are not told that clients take compressed answers.
    pub offload: bool,
    /// `direction`: answers if not said.
    pub direction: Option<Given<Messages>>,
}

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionAlgorithm {
    /// None: for tests.
    Identity,
    /// gzip.
    Gzip,
    /// zlib (RFC 1950).
    Deflate,
    /// deflate without a wrapper (RFC 1951).
    RawDeflate,
}

/// Which messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    /// Requests.
    Request,
    /// Responses.
    Response,
    /// Both.
    Both,
}

/// `filter ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `compression`: where in the order it stands.
    Compression {
        /// The whole line.
        span: Span,
    },
    /// `cache`: keeps answers in this `cache` section.
    Cache {
        /// Its name.
        name: Given<Box<str>>,
    },
    /// `bwlim-in`, `bwlim-out`.
    Bandwidth(BandwidthLimit),
}

/// A limit of bandwidth, switched on by the action `set-bandwidth-limit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BandwidthLimit {
    /// Its name.
    pub name: Given<Box<str>>,
    /// Bytes from the client, or to it.
    pub direction: Messages,
    /// How the limit is shared.
    pub scope: BandwidthScope,
    /// `min-size`: pieces smaller than this are not sent alone.
    pub min_size: Option<Given<u64>>,
}

/// Who shares a limit of bandwidth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BandwidthScope {
    /// Each stream has its own: so many bytes in this time.
    Stream {
        /// `default-limit`, in bytes.
        limit: Given<u64>,
        /// `default-period`.
        period: Given<Duration>,
    },
    /// All streams of one key; the key's expression is a rule line of `formats`.
    Key {
        /// `limit`, in bytes; the time is that of the table's rate.
        limit: Given<u64>,
        /// `table`: which keeps the rate; the proxy's own if not said.
        table: Option<Given<Box<str>>>,
    },
}
