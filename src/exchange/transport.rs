//! A connection, in the clear or by TLS: what an exchange reads from and writes to.

use std::future::poll_fn;
use std::task::Poll;

use crate::tls::TlsStream;
use crate::worker::{Chunk, How, Payload, ReceiveError, SendError, SocketAddress, Stream};

/// One side of an exchange.
pub enum Transport {
    /// In the clear.
    Plain(Stream),
    /// By TLS.
    Tls(Box<TlsStream>),
}

impl Transport {
    /// The socket below.
    pub fn stream(&self) -> &Stream {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(tls) => tls.stream(),
        }
    }

    /// The socket, if bytes may pass it as they are (and be spliced).
    pub fn plain(&self) -> Option<&Stream> {
        match self {
            Transport::Plain(stream) => Some(stream),
            Transport::Tls(_) => None,
        }
    }

    /// Bytes, at least one; `None` at the end. A caller that stops polling loses nothing: the next one
    /// has what came.
    ///
    /// # Errors
    /// Why nothing more will come.
    pub async fn receive(&self) -> Result<Option<Chunk>, ReceiveError> {
        poll_fn(|_| self.poll_receive()).await
    }

    /// The same for a task that polls by itself. The task that asked last is woken.
    #[inline]
    pub fn poll_receive(&self) -> Poll<Result<Option<Chunk>, ReceiveError>> {
        match self {
            Transport::Plain(stream) => stream.poll_receive(),
            Transport::Tls(tls) => tls.poll_receive(),
        }
    }

    /// Whether a receive begun earlier would give something at once: an idle connection has none.
    pub fn has_news(&self) -> bool {
        match self {
            Transport::Plain(stream) => stream.has_news(),
            Transport::Tls(tls) => tls.has_news(),
        }
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// Why it could not be sent, or not all of it.
    pub async fn send(&self, payload: impl Into<Payload>) -> Result<(), SendError> {
        match self {
            Transport::Plain(stream) => stream.send(payload).await.map_err(|failure| failure.error),
            Transport::Tls(tls) => tls.send(payload.into()).await,
        }
    }

    /// Tells the peer that nothing more comes.
    pub async fn finish(&self) {
        match self {
            Transport::Plain(stream) => stream.shutdown(How::Write).await,
            Transport::Tls(tls) => tls.finish().await,
        }
    }

    /// Closes at once; the peer gets a reset.
    pub fn abort(&self) {
        self.stream().abort();
    }

    /// The peer's address; `None` once it is gone.
    pub fn peer_address(&self) -> Option<SocketAddress> {
        self.stream().peer_address()
    }

    /// Our own address of this connection.
    pub fn local_address(&self) -> Option<SocketAddress> {
        self.stream().local_address()
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.plain().is_some() { "Plain" } else { "Tls" };
        write!(f, "{how}({:?})", self.stream())
    }
}
