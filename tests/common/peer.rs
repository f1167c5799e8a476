//! Peers on a worker: what a client or a server does with its end of a connection.

use super::random::Random;
use koi::exchange::tunnel::tunnel;
use koi::worker::future::join;
use koi::worker::{
    How, ListenOptions, Listener, Local, Pool, PoolConfig, ReceiveError, SendError, SocketAddress,
    Stream,
};
use koi_sys::buf::{BULK_BYTES, Chunk, Class, SMALL_BYTES};
use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

pub use super::relay::Ends;

/// A pool for what peers send, so that the worker's own counts only what the relay does.
pub fn store() -> Pool {
    Pool::new(PoolConfig { small_max: 1 << 16, bulk_max: 1 << 12, small_keep: 64, bulk_keep: 8 })
}

/// These bytes as a chunk; at most a bulk block of them.
pub fn chunk(store: &Pool, bytes: &[u8]) -> Chunk {
    let class = if bytes.len() <= SMALL_BYTES { Class::Small } else { Class::Bulk };
    let mut lease = store.lease(class).expect("the store is large");
    lease[..bytes.len()].copy_from_slice(bytes);
    lease.freeze(bytes.len())
}

/// Sends in pieces of random sizes.
pub async fn send_all(
    to: &Stream,
    store: &Pool,
    bytes: &[u8],
    random: &mut Random,
) -> Result<(), SendError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = rest.len().min(BULK_BYTES);
        let (piece, after) = rest.split_at(1 + random.length(most - 1));
        to.send(chunk(store, piece)).await.map_err(|failure| failure.error)?;
        rest = after;
    }
    Ok(())
}

/// Sends everything and says that no more comes.
pub async fn say(
    to: &Stream,
    store: &Pool,
    bytes: &[u8],
    random: &mut Random,
) -> Result<(), SendError> {
    send_all(to, store, bytes, random).await?;
    to.shutdown(How::Write).await;
    Ok(())
}

/// What came, and how it ended.
pub async fn hear(from: &Stream) -> (Vec<u8>, Result<(), ReceiveError>) {
    let mut bytes = Vec::new();
    loop {
        match from.receive().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, Ok(())),
            Err(error) => return (bytes, Err(error)),
        }
    }
}

/// Says one thing and hears another at the same time.
pub async fn talk(
    stream: &Stream,
    store: &Pool,
    bytes: &[u8],
    random: &mut Random,
) -> (Result<(), SendError>, (Vec<u8>, Result<(), ReceiveError>)) {
    join(pin!(say(stream, store, bytes, random)), pin!(hear(stream))).await
}

/// A relay on this worker, and the server behind it.
pub struct LocalRelay {
    pub local: Local,
    pub address: SocketAddress,
    pub server: Listener,
    ends: Rc<RefCell<Vec<Ends>>>,
}

impl LocalRelay {
    /// Starts one: the relay and the server listen at these addresses.
    pub fn start(
        local: &Local,
        relay: &SocketAddress,
        server: &SocketAddress,
        splice: bool,
    ) -> LocalRelay {
        let options = ListenOptions::default();
        let server = local.listen(server, &options).expect("a server");
        let listener = local.listen(relay, &options).expect("a relay");
        let address = listener.local_address().expect("an address");
        let to = server.local_address().expect("an address");
        let ends: Rc<RefCell<Vec<Ends>>> = Rc::default();
        let told = ends.clone();
        local.spawn(listener.serve(move |local, client| {
            let (to, told) = (to.clone(), told.clone());
            async move {
                match local.connect(&to).await {
                    Ok(server) => {
                        let ends = tunnel(&client, &server, splice).await;
                        told.borrow_mut().push(ends);
                    }
                    // Not an orderly end: nobody has heard what the client said.
                    Err(_) => client.abort(),
                }
            }
        }));
        LocalRelay { local: local.clone(), address, server, ends }
    }

    /// A connection through it: the client's end and the server's.
    pub async fn connect(&mut self) -> (Stream, Stream) {
        let client = self.local.connect(&self.address).await.expect("a connection");
        (client, self.server.accept().await.expect("a connection"))
    }

    /// How the next tunnel ended, once one has.
    pub async fn ends(&self) -> Ends {
        loop {
            let ends = self.ends.borrow_mut().pop();
            match ends {
                Some(ends) => return ends,
                None => self.local.sleep(Duration::from_millis(1)).await,
            }
        }
    }
}
