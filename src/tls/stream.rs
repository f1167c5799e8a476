//! A TLS connection after its handshake.

use std::task::Poll;

use crate::worker::{Chunk, Payload, ReceiveError, SendError, Stream};

/// A connection that speaks TLS. One task may receive while it sends (methods take `&self`).
pub struct TlsStream {
    stream: Stream,
}

impl TlsStream {
    /// The connection below.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Plaintext, at least a byte; `None` after close_notify. A connection that ends without one is
    /// [`ReceiveError::Reset`]: what came may be cut short (RFC 8446 §6.1). Nothing that was begun is
    /// lost if the caller stops polling. The task that asked last is woken.
    pub fn poll_receive(&self) -> Poll<Result<Option<Chunk>, ReceiveError>> {
        unimplemented!()
    }

    /// Whether a receive begun earlier would give something at once.
    pub fn has_news(&self) -> bool {
        unimplemented!()
    }

    /// Sends all of it, in as few records and system calls as possible.
    ///
    /// # Errors
    /// As of the connection below.
    pub async fn send(&self, _payload: Payload) -> Result<(), SendError> {
        unimplemented!()
    }

    /// Says close_notify and shuts the sending side down.
    pub async fn finish(&self) {
        unimplemented!()
    }
}
