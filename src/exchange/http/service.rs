//! Answers about Koi itself: carries a request to the site's service, and its answer to the client.
//!
//! Limits: a request's body has at most [`BODY_MAX`] bytes; an answer that is made while it is sent goes
//! out in pieces of [`PIECE`] or a little more, the next made once the one before is sent.

use std::cell::Cell;

use super::answer::{self, connection_field};
use super::body::{Flow, Gather, Progress, Rest};
use super::connection::Next;
use super::decide::{Ask, Side, client_timeout, closes_client};
use super::wait::{self, Waited};
use crate::exchange::service::{Call, Pieces, Reply, Subject};
use crate::proto::h1::Framing;
use crate::proto::h1::encode::{self, CHUNK_END, LAST_CHUNK, Outgoing};
use crate::proto::head::Version;
use crate::rules::answer::{self as answers, Answer};
use crate::rules::ending::{Cause, Ending, Stage};
use crate::rules::walk::{self, Quiet, Walk};

/// The longest body of a request: forms of the page are shorter.
const BODY_MAX: usize = 64 * 1024;

/// How much of an answer is made at a time.
const PIECE: usize = 16 * 1024;

/// Answers; how the exchange ended is logged by the caller.
pub(super) async fn serve(
    side: &mut Side<'_>,
    walk: &mut Walk<'_>,
    ask: &Ask,
    subject: Subject<'_>,
) -> Next {
    let site = side.site;
    let body = match receive(side, walk, ask).await {
        Ok(body) => body,
        Err(status) => return refuse(side, walk, ask, status).await,
    };
    let (Some(service), Some(request)) = (&site.service, &walk.request) else {
        return refuse(side, walk, ask, 501).await;
    };
    let tls = walk.connection.tls.is_some();
    let call = Call { subject, head: request.view(), body: &body, tls, site };
    let Reply { answer, pieces } = service.answer(&call);
    let answer = walk::own_answer(walk, answer, &mut Quiet);
    match pieces {
        None => answer::own(side, walk, ask, answer).await,
        Some(pieces) => stream(side, walk, ask, answer, pieces).await,
    }
}

async fn refuse(side: &mut Side<'_>, walk: &mut Walk<'_>, ask: &Ask, status: u16) -> Next {
    let answer = answers::default(status, walk.program, &walk.context());
    let answer = walk::own_answer(walk, answer, &mut Quiet);
    answer::own(side, walk, &ask.closing(status != 501), answer).await
}

/// The request's body.
///
/// # Errors
/// The status that answers one that is too long, did not come in time, or is none.
async fn receive(side: &mut Side<'_>, walk: &Walk<'_>, ask: &Ask) -> Result<Vec<u8>, u16> {
    let (mut body, local) = (Vec::new(), &side.site.local);
    if side.body.is_done() {
        return Ok(body);
    }
    if ask.expects {
        let invitation = local.pool().copy_from(b"HTTP/1.1 100 Continue\r\n\r\n").ok_or(500_u16)?;
        let sent = wait::send(local, side.transport, invitation.into(), client_timeout(walk));
        sent.await.map_err(|_| 400_u16)?;
    }
    // Taken out of its framing, whichever that is.
    *side.body = Flow::new(ask.framing, Framing::UntilClose);
    let deadline = Cell::new(wait::deadline(local, client_timeout(walk)));
    loop {
        let mut out = Gather::Nothing;
        let progress = side.body.cut(side.inbox, local.pool(), &mut out).map_err(|_| 400_u16)?;
        if out.len() > BODY_MAX.saturating_sub(body.len()) {
            return Err(413);
        }
        out.bytes(|run| body.extend_from_slice(run));
        match progress {
            Progress::Done => return Ok(body),
            Progress::Cut => {}
            Progress::Wanting => {
                match wait::receive(local, side.alarm, side.transport, &deadline).await {
                    Waited::Bytes(chunk) => {
                        side.inbox.push(chunk, local.pool()).map_err(|_| 500_u16)?;
                    }
                    Waited::Expired => return Err(408),
                    Waited::End | Waited::Failed(_) => return Err(400),
                }
            }
        }
    }
}

/// Sends an answer whose body is made meanwhile.
async fn stream(
    side: &mut Side<'_>,
    walk: &mut Walk<'_>,
    ask: &Ask,
    answer: Answer,
    mut pieces: Box<dyn Pieces>,
) -> Next {
    let local = &side.site.local;
    let rest = side.body.skip(side.inbox);
    let framing = match ask.version {
        _ if ask.asked.head => Framing::None,
        Version::Http10 => Framing::UntilClose,
        _ => Framing::Chunked,
    };
    let keep = rest == Rest::Nothing
        && framing != Framing::UntilClose
        && ask.keeps()
        && !closes_client(walk)
        && !local.is_stopping();
    let how = Outgoing { framing, length_field: None, connection: connection_field(ask, keep) };
    walk.exchange.status = Some(answer.status());
    let head =
        answer::write(local.pool(), |out| encode::response(answer.head.view(b""), &how, out));
    let Ok(head) = head else {
        walk.exchange.ending = Ending { cause: Cause::Resource, stage: Stage::Headers };
        return Next::Close;
    };
    let limit = client_timeout(walk);
    let (mut head, mut more) = (Some(head), framing != Framing::None);
    loop {
        let mut made = Vec::new();
        while more && made.len() < PIECE {
            more = pieces.next(&mut made);
        }
        let mut out = Gather::Nothing;
        head.take().into_iter().for_each(|head| out.push(head));
        let framed = frame(made, framing, more);
        for run in framed.chunks(local.pool().max(crate::worker::Class::Bulk).max(1)) {
            let Some(chunk) = local.pool().copy_from(run) else { return Next::Abort };
            out.push(chunk);
        }
        let Some((payload, bytes)) = out.take(local.pool()) else { break };
        if wait::send(local, side.transport, payload, limit).await.is_err() {
            walk.exchange.ending = Ending { cause: Cause::Client, stage: Stage::Data };
            return Next::Abort;
        }
        walk.exchange.bytes_out += bytes;
        if !more {
            break;
        }
    }
    answer::next(keep, rest)
}

/// A piece in the framing that the client understands; `more` follow.
fn frame(made: Vec<u8>, framing: Framing, more: bool) -> Vec<u8> {
    if framing != Framing::Chunked {
        return made;
    }
    let mut framed = Vec::with_capacity(made.len() + 32);
    if !made.is_empty() {
        framed.extend_from_slice(format!("{:x}\r\n", made.len()).as_bytes());
        framed.extend_from_slice(&made);
        framed.extend_from_slice(CHUNK_END);
    }
    if !more {
        framed.extend_from_slice(LAST_CHUNK);
    }
    framed
}
