//! Requests, to a server.

use crate::h1::message;
use crate::h1::oracle::{self, Strict};
use crate::onward::{Body, Change, Expected, add_field, write_head};
use crate::responses;
use crate::site::Site;
use koi::proto::h1::encode::{self, ConnectionField, Outgoing};
use koi::proto::h1::request::{self, Request};
use koi::proto::h1::{Framing, Limits, Scan};
use koi::proto::head::View;
use koi::rules::context::Variables;
use koi::rules::walk::{self, Decision, Message, Quiet};
use koi::stick::Local;

/// Sends on what the stream has, and reads it back.
pub fn check(stream: &[u8], change: Change) {
    let (mut sent, mut rest) = (Sent::default(), stream);
    while !rest.is_empty() {
        let scan = &mut Scan::default();
        let Ok(Some(mut found)) = request::parse(rest, scan, &Limits::default(), Vec::new()) else {
            break;
        };
        let (base, behind) = rest.split_at(found.length);
        let body = Body::read(found.framing, behind, found.length % 61 + 1);
        if let Some(length) = body.length {
            let received = message::received_request(rest).expect("good").expect("whole");
            assert_eq!(received.length, base.len() + length);
            assert_eq!(received.body, body.data());
        }
        request::prepare(&mut found, base);
        if change == Change::Field {
            add_field(&mut found.head, behind);
        }
        forward(found, base, &body, change, &mut sent);
        let Some(length) = body.length else { break };
        rest = &behind[length..];
    }
    sent.check();
}

/// Sends a prepared request on, unless a rule answers it or makes it unfit to be sent.
fn forward(found: Request, base: &[u8], body: &Body, change: Change, sent: &mut Sent) {
    let (framing, upgrades) = (found.framing, found.connection.upgrade);
    let is_head = found.head.view(base).method() == b"HEAD";
    let (variables, tables) = (Variables::default(), Local::default());
    let mut walk = Site::get().walk(&variables, &tables, Message { head: found.head, base });
    if change == Change::Rules {
        match walk::request(&mut walk, &mut Quiet) {
            Decision::Forward { .. } => {}
            Decision::Answer(answer) => return responses::check_answer(&answer, is_head),
            other => panic!("{other:?}"),
        }
    }
    let Some(request) = &walk.request else { panic!("it was not answered") };
    let view = request.view();
    if change == Change::None {
        let received = message::received_request_head(base).expect("good").expect("whole");
        check_same(view, &received);
    }
    if view.method() == b"CONNECT" {
        // Refused, even if a rule wants it.
        return;
    }
    let had_length = view.values(b"content-length").next().is_some();
    let protocol = view.values(b"upgrade").next().filter(|_| upgrades);
    let how = Outgoing {
        framing,
        length_field: (framing == Framing::None && had_length).then_some(0),
        connection: protocol.map_or(ConnectionField::None, ConnectionField::Upgrade),
    };
    let Some(head) = write_head(view, &how, encode::request) else { return };
    sent.bytes.extend(head);
    body.write(framing, &mut sent.bytes);
    if body.length.is_some() {
        let line = [view.method().to_vec(), target(view)];
        sent.expected.push(Expected::new(line, view, body.data()));
    } else {
        sent.is_cut = true;
    }
}

/// Method, target and host are what the client sent. An absolute target is for whom it names.
fn check_same(view: View<'_>, received: &Strict) {
    let [method, target, _] = &received.start;
    assert_eq!(view.method(), &method[..]);
    let hosts: Vec<&[u8]> = view.values(b"host").collect();
    assert!(hosts.iter().all(|host| message::is_host(host)), "{hosts:?}");
    match message::absolute(target) {
        None => assert_eq!((view.target(), hosts), (&target[..], received.values("host"))),
        Some(parts) => {
            let path = if parts.path.is_empty() { b"/" } else { parts.path };
            assert_eq!(view.target(), [parts.scheme, parts.authority, path].concat());
            let plain = |host| message::plain_host(parts.scheme, host);
            assert_eq!((hosts.len(), plain(hosts[0])), (1, plain(parts.authority)));
        }
    }
}

/// The target that has to go out: an absolute one follows the host.
fn target(view: View<'_>) -> Vec<u8> {
    let target = view.target();
    let parts = message::absolute(target);
    let (Some(parts), Some(host)) = (parts, view.values(b"host").next()) else {
        return target.to_vec();
    };
    let plain = |host| message::plain_host(parts.scheme, host);
    let is_same = plain(host) == plain(parts.authority);
    [parts.scheme, if is_same { parts.authority } else { host }, parts.path].concat()
}

/// What went to the server.
#[derive(Default)]
struct Sent {
    bytes: Vec<u8>,
    /// The whole requests in it.
    expected: Vec<Expected>,
    /// Behind them is one that is not whole.
    is_cut: bool,
}

impl Sent {
    fn check(self) {
        let mut rest = &self.bytes[..];
        for expected in &self.expected {
            let mut request = message::request(rest).expect("good").expect("whole");
            assert_eq!(request.head.start[..2], expected.line);
            expected.check(&request);
            // A rule may have made something of the target that no client may send.
            request.head.start[1] = b"/".to_vec();
            oracle::check_request(&request.head).expect("one host, one framing");
            rest = &rest[request.length..];
        }
        match self.is_cut {
            true => assert_eq!(message::request(rest), Ok(None)),
            false => assert_eq!(rest, b"", "one request too many"),
        }
    }
}
