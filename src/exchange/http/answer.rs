//! Our own answers: a head and a body that no server sent.
//!
//! Limits: a body goes out in pieces of [`PIECE`].

use super::body::{Gather, Rest};
use super::connection::Next;
use super::decide::{Ask, Side, client_timeout, closes_client};
use super::wait;
use crate::proto::h1::Framing;
use crate::proto::h1::encode::{self, ConnectionField, EncodeError, Outgoing};
use crate::proto::head::{Head, Piece, Start, Version, View};
use crate::rules::action::start::reason;
use crate::rules::answer::Answer;
use crate::rules::ending::{Cause, Ending, Stage};
use crate::rules::walk::Walk;
use crate::worker::{Chunk, Class, Pool};

/// The largest piece of a body in one send.
const PIECE: usize = 64 * 1024;

/// Why a head could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// It is too large, or has a control byte.
    Bad(EncodeError),
    /// No buffers.
    Starved,
}

/// Writes a head into a block of its own.
pub(super) fn write(
    pool: &Pool,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<Chunk, Unwritten> {
    for class in [Class::Small, Class::Bulk] {
        let mut lease = pool.lease(class).ok_or(Unwritten::Starved)?;
        match encode(&mut lease) {
            Ok(length) => return Ok(lease.freeze(length)),
            Err(EncodeError::Full) => {}
            Err(error) => return Err(Unwritten::Bad(error)),
        }
    }
    Err(Unwritten::Bad(EncodeError::Full))
}

/// What `Connection` says to the client.
pub(super) fn connection_field(ask: &Ask, keep: bool) -> ConnectionField<'static> {
    match (keep, ask.version) {
        (false, _) => ConnectionField::Close,
        (true, Version::Http10) => ConnectionField::KeepAlive,
        (true, _) => ConnectionField::None,
    }
}

/// Sends an answer of our own. How the exchange ended is said here unless that is known already; it is
/// logged by the caller.
pub(super) async fn own(
    side: &mut Side<'_>,
    walk: &mut Walk<'_>,
    ask: &Ask,
    answer: Answer,
) -> Next {
    let status = answer.status();
    // A rule may have made an interim response of it: the client would wait for another one.
    if answer.silent || status < 200 {
        return Next::Close;
    }
    let local = &side.site.local;
    let rest = side.body.skip(side.inbox);
    let readable = match rest {
        Rest::Nothing => true,
        Rest::Little => !ask.expects,
        Rest::Much => false,
    };
    let (frontend, bind) = (walk.connection.frontend, walk.connection.bind);
    let keep = readable && ask.keeps() && !closes_client(walk) && side.site.keeps(frontend, bind);
    let empty = encode::is_bodiless(status);
    let length = answer.body.len() as u64;
    let bodiless = empty || ask.asked.head || length == 0;
    let how = Outgoing {
        framing: if bodiless { Framing::None } else { Framing::Length(length) },
        length_field: (bodiless && !empty).then_some(length),
        connection: connection_field(ask, keep),
    };
    walk.exchange.status = Some(status);
    let head = write(local.pool(), |out| encode::response(answer.head.view(b""), &how, out));
    let Ok(head) = head else {
        walk.exchange.ending = Ending { cause: Cause::Resource, stage: Stage::Headers };
        return Next::Close;
    };
    let body: &[u8] = if bodiless { b"" } else { &answer.body };
    let limit = client_timeout(walk);
    let mut out = Gather::Nothing;
    out.push(head);
    let mut pieces = body.chunks(PIECE);
    loop {
        let piece = pieces.next();
        if let Some(piece) = piece {
            let Some(chunk) = local.pool().copy_from(piece) else { return Next::Abort };
            out.push(chunk);
        }
        let Some((payload, bytes)) = out.take(local.pool()) else { break };
        if wait::send(local, side.transport, payload, limit).await.is_err() {
            return Next::Close;
        }
        walk.exchange.bytes_out += bytes;
        if piece.is_none() {
            break;
        }
    }
    next(keep, rest)
}

/// What becomes of the client's connection, by whether it is kept and what is left of the
/// request.
pub(super) fn next(keep: bool, rest: Rest) -> Next {
    match (keep, rest) {
        (true, Rest::Nothing) => Next::Again,
        (true, Rest::Little) => Next::Drain,
        (false, Rest::Nothing) => Next::Close,
        (_, Rest::Little | Rest::Much) => Next::Linger,
    }
}

/// `early-hint`: a 103 with what the rules gave.
pub(super) async fn hints(side: &Side<'_>, walk: &mut Walk<'_>) {
    let local = &side.site.local;
    let mut head = Head::new(
        Start::Response { status: 103, reason: Piece::default() },
        Version::Http11,
        Vec::new(),
    );
    let reason = head.add(reason(103).as_bytes());
    head.start = Start::Response { status: 103, reason };
    for (name, value) in std::mem::take(&mut walk.effects.hints) {
        head.append(name.as_bytes(), &value);
    }
    // A hint that cannot be sent is no loss: the answer comes next, or fails as well.
    if let Ok(chunk) = interim(local.pool(), head.view(b"")) {
        let bytes = chunk.len() as u64;
        if wait::send(local, side.transport, chunk.into(), client_timeout(walk)).await.is_ok() {
            walk.exchange.bytes_out += bytes;
        }
    }
}

/// Writes the head of an interim response.
pub(super) fn interim(pool: &Pool, head: View<'_>) -> Result<Chunk, Unwritten> {
    let how =
        Outgoing { framing: Framing::None, length_field: None, connection: ConnectionField::None };
    write(pool, |out| encode::response(head, &how, out))
}
