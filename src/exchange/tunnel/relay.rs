//! A tunnel between connections of which one at least speaks TLS.
//!
//! In: two transports. Out: what [`super::Tunnel`] gives, in the same manner. It is larger and does
//! more than that one; next to what TLS itself needs that does not count.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::watch::{Carrier, Due, Progress, Side, Standing, Taking};
use super::{Direction, Early, End};
use crate::exchange::transport::Transport;
use crate::worker::Chunk;

/// Both directions.
pub(super) struct Relay<'a> {
    client: &'a Transport,
    server: &'a Transport,
    up: Flow<'a>,
    down: Flow<'a>,
}

/// One direction.
struct Flow<'a> {
    future: Pin<Box<dyn Future<Output = End> + 'a>>,
    state: Rc<State>,
    end: Option<End>,
}

/// How far a direction is.
#[derive(Default)]
struct State {
    bytes: Cell<u64>,
    /// Whether the destination is waited for, not the source.
    sending: Cell<bool>,
    /// The source is not to be listened to any more.
    expired: Cell<bool>,
}

impl<'a> Relay<'a> {
    pub(super) fn new(client: &'a Transport, server: &'a Transport, early: Early) -> Relay<'a> {
        let up = Flow::new(client, server, early.client);
        let down = Flow::new(server, client, early.server);
        Relay { client, server, up, down }
    }
}

impl<'a> Flow<'a> {
    fn new(from: &'a Transport, to: &'a Transport, first: Option<Chunk>) -> Flow<'a> {
        let state = Rc::<State>::default();
        let future = Box::pin(pass(from, to, first, state.clone()));
        Flow { future, state, end: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Option<Direction> {
        if self.end.is_none()
            && let Poll::Ready(end) = self.future.as_mut().poll(cx)
        {
            self.end = Some(end);
        }
        self.end.map(|end| Direction { bytes: self.state.bytes.get(), end })
    }

    fn standing(&self) -> Standing {
        let sends = self.state.sending.get();
        match self.end {
            None => Standing { reads: !sends, sends },
            Some(_) => Standing::default(),
        }
    }
}

impl Carrier for Relay<'_> {
    fn poll_ends(&mut self, cx: &mut Context<'_>) -> Poll<(Direction, Direction)> {
        match (self.up.poll(cx), self.down.poll(cx)) {
            (Some(up), Some(down)) => Poll::Ready((up, down)),
            _ => Poll::Pending,
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            up: self.up.state.bytes.get(),
            down: self.down.state.bytes.get(),
            ended: self.up.end.is_some() || self.down.end.is_some(),
        }
    }

    fn standing(&self) -> (Standing, Standing) {
        (self.up.standing(), self.down.standing())
    }

    fn unsent(&self) -> Taking {
        let (client, server) = (self.client.stream(), self.server.stream());
        Taking { up: server.unsent(), down: client.unsent() }
    }

    fn expire(&mut self, due: Due) {
        let (flow, blocked) = match due {
            Due::Read(Side::Client) => (&mut self.up, false),
            Due::Read(Side::Server) => (&mut self.down, false),
            Due::Write(Side::Server) => (&mut self.up, true),
            Due::Write(Side::Client) => (&mut self.down, true),
        };
        match blocked {
            false => flow.state.expired.set(true),
            true => {
                flow.end = Some(End::Expired);
                self.client.abort();
                self.server.abort();
            }
        }
    }
}

/// Passes bytes one way until they end, and passes that on.
async fn pass(from: &Transport, to: &Transport, first: Option<Chunk>, state: Rc<State>) -> End {
    let end = pass_all(from, to, first, &state).await;
    match end {
        End::Finished | End::Expired => {
            state.sending.set(true);
            to.finish().await;
        }
        // Nobody may take half of something for all of it.
        End::Source(_) | End::Destination(_) => to.abort(),
    }
    end
}

async fn pass_all(from: &Transport, to: &Transport, first: Option<Chunk>, state: &State) -> End {
    let mut next = first;
    loop {
        if let Some(chunk) = next.take() {
            state.bytes.set(state.bytes.get() + chunk.len() as u64);
            state.sending.set(true);
            if let Err(error) = to.send(chunk).await {
                return End::Destination(error);
            }
            state.sending.set(false);
        }
        let received = poll_fn(|_| match state.expired.get() {
            true => Poll::Ready(None),
            false => from.poll_receive().map(Some),
        });
        match received.await {
            Some(Ok(Some(chunk))) => next = Some(chunk),
            Some(Ok(None)) => return End::Finished,
            Some(Err(error)) => return End::Source(error),
            None => return End::Expired,
        }
    }
}
