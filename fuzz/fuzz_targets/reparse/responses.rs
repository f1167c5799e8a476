//! Responses, to a client: a server's, and Koi's own.

use crate::h1::message;
use crate::onward::{Body, Change, Expected, add_field, write_head};
use crate::site::Site;
use koi::proto::h1::encode::{self, ConnectionField, Outgoing};
use koi::proto::h1::response::{self, Asked};
use koi::proto::h1::{Framing, Limits, Scan};
use koi::proto::head::{Head, Piece, Start, Version, View};
use koi::rules::answer::Answer;
use koi::rules::context::Variables;
use koi::rules::walk::{self, Message, Passage, Quiet};
use koi::stick::Local;

/// Who gets them.
#[derive(Clone, Copy)]
pub struct Client {
    /// What it asked, each time.
    pub asked: Asked,
    /// What the server was asked: a rule may have changed the method.
    pub sent: Asked,
    pub version: Version,
}

/// Sends on what the stream has, and reads it back.
pub fn check(stream: &[u8], client: Client, change: Change) {
    let (mut sent, mut rest) = (Sent::new(client), stream);
    while !rest.is_empty() && !sent.is_last {
        let (scan, limits) = (&mut Scan::default(), &Limits::default());
        let Ok(Some(mut found)) = response::parse(rest, scan, limits, client.sent, Vec::new())
        else {
            break;
        };
        let (base, behind) = rest.split_at(found.length);
        let body = Body::read(found.framing, behind, found.length % 61 + 1);
        if let Some(length) = body.length {
            let received = message::received_response(rest, client.sent.head);
            let received = received.expect("good").expect("whole");
            assert_eq!(received.length, base.len() + length);
            assert_eq!(received.body, body.data());
        }
        if change == Change::Field {
            add_field(&mut found.head, behind);
        }
        sent.pass(found.head, base, found.framing, &body, change == Change::Rules);
        let Some(length) = body.length else { break };
        rest = &behind[length..];
    }
    sent.check();
}

/// What went to the client.
struct Sent {
    client: Client,
    bytes: Vec<u8>,
    /// The whole responses in it.
    expected: Vec<Expected>,
    /// Behind them is one that is not whole.
    is_cut: bool,
    /// Nothing comes behind: the connection ends, or it is another protocol's.
    is_last: bool,
}

impl Sent {
    fn new(client: Client) -> Sent {
        Sent { client, bytes: Vec::new(), expected: Vec::new(), is_cut: false, is_last: false }
    }

    /// Passes a response on, unless it cannot be written; interim ones without rules, and not to
    /// clients that do not know them.
    fn pass(&mut self, head: Head, base: &[u8], framing: Framing, body: &Body, with_rules: bool) {
        let status = head.view(base).status();
        let is_interim = status < 200 && status != 101;
        if is_interim && self.client.version == Version::Http10 {
            return;
        }
        let (variables, tables) = (Variables::default(), Local::default());
        let nothing = Start::Request { method: Piece::default(), target: Piece::default() };
        let nothing = Head::new(nothing, Version::Http11, Vec::new());
        let mut walk = Site::get().walk(&variables, &tables, Message { head: nothing, base: b"" });
        walk.response = Some(Message { head, base });
        if with_rules && !is_interim {
            assert!(matches!(walk::response(&mut walk, &mut Quiet), Passage::Forward));
        }
        let Some(response) = &walk.response else { panic!("it was not answered") };
        let view = response.view();
        let is_upgraded = status == 101 && view.status() == 101;
        let Client { asked, version, .. } = self.client;
        let goes_as = encode::response_framing(framing, view.status(), asked, version);
        let protocol = view.values(b"upgrade").next().filter(|_| is_upgraded);
        let how = Outgoing {
            framing: goes_as,
            length_field: encode::response_length(view, asked, goes_as),
            connection: match protocol {
                Some(protocol) => ConnectionField::Upgrade(protocol),
                None if goes_as == Framing::UntilClose => ConnectionField::Close,
                None => ConnectionField::None,
            },
        };
        let Some(head) = write_head(view, &how, encode::response) else { return };
        let is_whole = body.length.is_some();
        self.is_last = goes_as == Framing::UntilClose || status == 101;
        if self.is_last && !is_whole {
            // The client learns of it by a reset.
            return;
        }
        self.bytes.extend(head);
        if goes_as == Framing::None {
            // Nobody gets the body, and nobody minds how it ends.
            return self.expected.push(Expected::new(line(view), view, Vec::new()));
        }
        body.write(goes_as, &mut self.bytes);
        self.is_cut = !is_whole;
        if is_whole {
            self.expected.push(Expected::new(line(view), view, body.data()));
        }
    }

    fn check(self) {
        let mut rest = &self.bytes[..];
        for expected in &self.expected {
            let response = message::response(rest, self.client.asked.head);
            let response = response.expect("good").expect("whole");
            assert_eq!(response.head.start[1..], expected.line);
            assert_eq!(response.head.start[0], b"HTTP/1.1");
            expected.check(&response);
            rest = &rest[response.length..];
        }
        match self.is_cut {
            true => assert_eq!(message::response(rest, self.client.asked.head), Ok(None)),
            false => assert_eq!(rest, b"", "one response too many"),
        }
    }
}

/// Status and reason.
fn line(view: View<'_>) -> [Vec<u8>; 2] {
    let reason = match view.head.start {
        Start::Response { reason, .. } => view.bytes(reason).to_vec(),
        Start::Request { .. } => panic!("a request"),
    };
    [view.status().to_string().into_bytes(), reason]
}

/// An answer that rules gave is one response, with the body they gave.
pub fn check_answer(answer: &Answer, is_head: bool) {
    let view = answer.head.view(b"");
    let length = answer.body.len() as u64;
    let is_empty = encode::is_bodiless(answer.status());
    let is_bodiless = is_empty || is_head || length == 0;
    let how = Outgoing {
        framing: if is_bodiless { Framing::None } else { Framing::Length(length) },
        length_field: (is_bodiless && !is_empty).then_some(length),
        connection: ConnectionField::None,
    };
    let Some(mut bytes) = write_head(view, &how, encode::response) else { return };
    let body = if is_bodiless { Vec::new() } else { answer.body.to_vec() };
    bytes.extend(&body);
    let response = message::response(&bytes, is_head).expect("good").expect("whole");
    assert_eq!(response.length, bytes.len(), "one response");
    assert_eq!(response.head.start[1..], line(view));
    Expected::new(line(view), view, body).check(&response);
}
