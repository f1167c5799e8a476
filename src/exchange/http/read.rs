//! Heads, as they come.
//!
//! In: a connection and what came on it. Out: a head and the bytes it points into, taken out of the
//! inbox; or why there is none.

use std::cell::Cell;

use super::ending::{Fault, Unread};
use super::spare;
use super::wait::{self, Alarm, Waited};
use crate::exchange::inbox::Inbox;
use crate::exchange::site::Site;
use crate::exchange::transport::Transport;
use crate::proto::h1::request::{self, Request};
use crate::proto::h1::response::{self, Asked, Response};
use crate::proto::h1::{Limits, Scan};
use crate::worker::{Chunk, Time};

/// Reads a request's head, up to a moment.
pub(super) async fn request(
    site: &Site,
    client: &Transport,
    alarm: &Alarm,
    inbox: &mut Inbox,
    deadline: Option<Time>,
) -> Result<(Request, Chunk), Unread> {
    let mut scan = Scan::default();
    let deadline = Cell::new(deadline);
    loop {
        if let Some(read) = parse_request(inbox, &mut scan, &site.limits)? {
            return Ok(read);
        }
        match wait::receive(&site.local, alarm, client, &deadline).await {
            Waited::Bytes(chunk) => {
                inbox.push(chunk, site.local.pool()).map_err(|_| Unread::Starved)?;
            }
            Waited::End | Waited::Failed(_) => return Err(Unread::Gone),
            Waited::Expired => return Err(Unread::Late),
        }
    }
}

/// A request's head, if it is there.
fn parse_request(
    inbox: &mut Inbox,
    scan: &mut Scan,
    limits: &Limits,
) -> Result<Option<(Request, Chunk)>, Unread> {
    if inbox.is_empty() {
        return Ok(None);
    }
    let found =
        request::parse(inbox.bytes(), scan, limits, spare::fields()).map_err(Unread::Bad)?;
    let Some(mut request) = found else { return Ok(None) };
    request.head.keep_room(spare::bytes());
    let bytes = inbox.take(request.length).ok_or(Unread::Gone)?;
    Ok(Some((request, bytes)))
}

/// Reads a response's head, up to the moment that `due` says by then.
pub(super) async fn response(
    site: &Site,
    server: &Transport,
    alarm: &Alarm,
    inbox: &mut Inbox,
    asked: Asked,
    due: &Cell<Option<Time>>,
) -> Result<(Response, Chunk), Fault> {
    let mut scan = Scan::default();
    loop {
        if let Some(read) = parse_response(inbox, &mut scan, &site.limits, asked)? {
            return Ok(read);
        }
        match wait::receive(&site.local, alarm, server, due).await {
            Waited::Bytes(chunk) => {
                inbox.push(chunk, site.local.pool()).map_err(|_| Fault::Starved)?;
            }
            Waited::End | Waited::Failed(_) if inbox.is_empty() => return Err(Fault::Empty),
            Waited::End | Waited::Failed(_) => return Err(Fault::Short),
            Waited::Expired => return Err(Fault::Silence),
        }
    }
}

/// A response's head, if it is there.
fn parse_response(
    inbox: &mut Inbox,
    scan: &mut Scan,
    limits: &Limits,
    asked: Asked,
) -> Result<Option<(Response, Chunk)>, Fault> {
    if inbox.is_empty() {
        return Ok(None);
    }
    let found = response::parse(inbox.bytes(), scan, limits, asked, spare::fields());
    let Some(response) = found.map_err(Fault::Junk)? else { return Ok(None) };
    let bytes = inbox.take(response.length).ok_or(Fault::Short)?;
    Ok(Some((response, bytes)))
}
