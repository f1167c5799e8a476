//! The response to the client: rules, its head written afresh, its body behind it.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use super::answer::{self, Unwritten};
use super::body::{Broken, Flow, Gather, Rest, Way, relay};
use super::capture;
use super::connection::Next;
use super::decide::{Ask, client_timeout, closes_client, log};
use super::ending;
use super::forward::{note_junk, server_timeout};
use super::spare;
use super::splice::{self, Part};
use super::upload::Upload;
use super::wait::Alarm;
use crate::exchange::inbox::Inbox;
use crate::exchange::server::Link;
use crate::exchange::site::Site;
use crate::exchange::transport::Transport;
use crate::proto::h1::Framing;
use crate::proto::h1::encode::{self, ConnectionField, EncodeError, Outgoing};
use crate::proto::h1::response::Response;
use crate::proto::head::{Version, View};
use crate::rules::answer::{self as answers, Answer};
use crate::rules::ending::{Cause, Ending, Stage};
use crate::rules::walk::{self, Message, Passage, Quiet, Walk};

/// A response's head and where its body comes from.
pub(super) struct Reply<'a, 'b> {
    /// What was read of it.
    pub(super) response: Response,
    /// The bytes it points into.
    pub(super) base: &'a [u8],
    /// What came behind it.
    pub(super) inbox: &'b mut Inbox,
    /// Where it comes from.
    pub(super) link: &'b Link,
    /// The timer.
    pub(super) alarm: &'b Alarm,
}

/// What became of a response.
pub(super) struct Done {
    /// What is to be done for the client.
    pub(super) end: End,
    /// Whether the connection to the server may carry another exchange, as far as the response says.
    pub(super) lasts: bool,
    /// Whether that connection is the client's from now on: it was authenticated, not a request.
    pub(super) private: bool,
}

/// What is to be done for the client.
pub(super) enum End {
    /// It got the response; its connection is kept or not.
    Complete {
        /// Whether it is.
        keep: bool,
    },
    /// Its connection goes on like this.
    Next(Next),
    /// Koi answers instead of the server.
    Answer(Answer),
    /// The connections are the new protocol's.
    Upgraded,
}

impl From<Next> for Done {
    fn from(next: Next) -> Done {
        Done { end: End::Next(next), lasts: false, private: false }
    }
}

/// Decides about a response, and sends it and its body to the client.
pub(super) async fn pass<'w>(
    site: &Rc<Site>,
    client: &Transport,
    walk: &mut Walk<'w>,
    ask: &Ask,
    reply: Reply<'w, '_>,
    upload: &mut Upload<'_>,
) -> Done {
    let Reply { response, base, inbox, link, alarm } = reply;
    let Response { head, framing, connection, .. } = response;
    walk.exchange.times.answered = Some(site.now_us());
    let server_status = head.view(base).status();
    walk.exchange.server_status = Some(server_status);
    walk.exchange.response_version = Some(head.version.number());
    let switched = server_status == 101;
    let lasts = match head.version {
        // What the server speaks from here on is no HTTP.
        _ if switched => false,
        Version::Http10 => connection.keep_alive && !connection.close,
        _ => !connection.close,
    };
    if let Some(request) = walk.request.take() {
        spare::give(request.head);
    }
    walk.moment = site.moment();
    walk.response = Some(Message { head, base });
    match walk::response(walk, &mut Quiet) {
        Passage::Forward => {}
        Passage::Answer(answer) => {
            return Done { end: End::Answer(answer), lasts: false, private: false };
        }
        Passage::Close => return Next::Close.into(),
        Passage::Drop(hops) => return Next::Vanish(hops).into(),
    }
    client.stream().set_packets(walk.effects.client_tos, walk.effects.client_mark);
    let Some(message) = &walk.response else { return Next::Abort.into() };
    let view = message.view();
    let status = view.status();
    walk.exchange.status = Some(status);
    let private = matches!(status, 401 | 407) && authenticates_connection(view);
    let upgraded = switched && status == 101;
    // Of rules that make an interim response of the final one.
    if status < 200 && !upgraded {
        return unwritable(walk, Unwritten::Bad(EncodeError::Control));
    }
    let goes_as = encode::response_framing(framing, status, ask.asked, ask.version);
    let keep = !upgraded
        && ask.keeps()
        && goes_as != Framing::UntilClose
        && (upload.is_complete() || !ask.expects || upload.is_invited())
        && !closes_client(walk)
        && site.keeps(walk.connection.frontend, walk.connection.bind);
    let protocol = view.values(b"upgrade").next().filter(|_| upgraded);
    let how = Outgoing {
        framing: goes_as,
        length_field: encode::response_length(view, ask.asked, goes_as),
        connection: match protocol {
            Some(protocol) => ConnectionField::Upgrade(protocol),
            None => answer::connection_field(ask, keep),
        },
    };
    let written = answer::write(site.local.pool(), |out| encode::response(view, &how, out));
    let chunk = match written {
        Ok(chunk) => chunk,
        Err(unwritten) => return unwritable(walk, unwritten),
    };
    let mut out = Gather::Nothing;
    out.push(chunk);
    let mut body = Flow::new(framing, goes_as);
    let mut lasts = lasts && framing != Framing::UntilClose;
    if goes_as == Framing::None {
        // A body that nobody gets: where it ends is known if it is there.
        lasts &= body.skip(inbox) == Rest::Nothing;
        body = Flow::new(Framing::None, Framing::None);
    }
    // What came along with the head is looked at before that is gone: it can still be answered.
    if let Err(Broken::Bad(reject)) = body.cut(inbox, site.local.pool(), &mut out) {
        note_junk(walk, reject);
        capture::response(site, walk, inbox.bytes(), reject);
        return unwritable(walk, Unwritten::Bad(EncodeError::Control));
    }
    if site.log.is_early(walk.plan, walk.connection.frontend) {
        // What leaves now counts, as with HAProxy.
        let before = walk.exchange.bytes_out;
        walk.exchange.bytes_out += out.len() as u64;
        log(site, walk);
        walk.exchange.bytes_out = before;
        walk.effects.log_level = Some(None);
    }
    let sent = Cell::new(walk.exchange.bytes_out);
    let way = Way {
        local: &site.local,
        alarm,
        from: &link.transport,
        to: client,
        patience: server_timeout(walk),
        stamina: client_timeout(walk),
        sent: &sent,
        splices: !body.is_done() && splice::is_wanted(walk, Part::Response),
    };
    let relayed = {
        let relaying = pin!(relay(way, &mut body, inbox, out));
        upload.beside(relaying).await
    };
    walk.exchange.bytes_out = sent.get();
    match relayed {
        Ok(Ok(())) if upgraded => Done { end: End::Upgraded, lasts: false, private: false },
        Ok(Ok(())) => Done { end: End::Complete { keep }, lasts, private },
        Ok(Err(broken)) => {
            walk.exchange.ending = ending::download(broken);
            if let Broken::Bad(reject) = broken {
                capture::response(site, walk, inbox.bytes(), reject);
            }
            cut_short(goes_as, broken).into()
        }
        Err(broken) => {
            walk.exchange.ending = ending::upload(broken);
            Next::Abort.into()
        }
    }
}

/// NTLM and Negotiate authenticate a connection (RFC 4559 §6): nobody else may use it.
fn authenticates_connection(view: View<'_>) -> bool {
    let challenges = view.values(b"www-authenticate").chain(view.values(b"proxy-authenticate"));
    challenges.into_iter().any(|challenge| {
        let scheme = challenge.split(|byte| *byte == b' ').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"negotiate") || scheme.eq_ignore_ascii_case(b"ntlm")
    })
}

/// A response that rules made unfit to be sent.
fn unwritable(walk: &mut Walk<'_>, unwritten: Unwritten) -> Done {
    let (status, cause) = match unwritten {
        Unwritten::Bad(_) => (502, Cause::Proxy),
        Unwritten::Starved => (500, Cause::Resource),
    };
    walk.exchange.ending = Ending { cause, stage: Stage::Headers };
    walk.response = None;
    let answer = answers::default(status, walk.program, &walk.context());
    Done {
        end: End::Answer(walk::own_answer(walk, answer, &mut Quiet)),
        lasts: false,
        private: false,
    }
}

/// A body that did not come whole: who cannot see that by its framing gets a reset.
fn cut_short(framing: Framing, broken: Broken) -> Next {
    match (framing, broken) {
        (_, Broken::Destination | Broken::DestinationTimeout) => Next::Abort,
        (Framing::UntilClose, _) => Next::Abort,
        _ => Next::Close,
    }
}
