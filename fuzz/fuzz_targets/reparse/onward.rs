//! From a message that was accepted to bytes, as the exchange does it; and what the oracle has to find
//! in them.

use crate::h1::message::Message;
use crate::h1::oracle::is_token;
use koi::proto::h1::encode::{
    CHUNK_END, CHUNK_HEAD_MAX, ConnectionField, EncodeError, LAST_CHUNK, Outgoing, chunk_head,
};
use koi::proto::h1::{BodyReader, Framing, Step};
use koi::proto::head::{Head, View};

/// Room for any head that the limits allow, and for what rules add.
const HEAD_MAX: usize = 256 * 1024;

/// What is done to a message on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// What rules do because its own fields say so.
    Rules,
    /// It gets a field of the bytes behind its head.
    Field,
}

/// Bytes of such a field's parts at most.
const PART_MAX: usize = 40;

/// Adds a field of any bytes; the name ends at a colon. It is no second `Host`: an operator who adds one
/// gets two.
pub fn add_field(head: &mut Head, bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
    let (name, value) = bytes.split_at(end);
    let first = |part: &[u8]| part[..part.len().min(PART_MAX)].to_vec();
    let (name, value) = (first(name), first(value.strip_prefix(b":").unwrap_or_default()));
    // Names are compared as tokens, so that one with a control byte may pass for one of the hop's.
    let is_like = |of_hop: &&[u8]| name.iter().map(|byte| byte | 0x20).eq(of_hop.iter().copied());
    if !OF_HOP.iter().any(is_like) && !name.eq_ignore_ascii_case(b"host") {
        head.append(&name, &value);
    }
}

/// Fields that are never passed on as they came.
const OF_HOP: [&[u8]; 9] = [
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"content-length",
    b"upgrade",
    b"http2-settings",
];

/// A body as it came.
pub struct Body {
    /// What came at once.
    runs: Vec<Vec<u8>>,
    /// Bytes that carried it; nothing if it did not come whole, or is refused.
    pub length: Option<usize>,
}

impl Body {
    /// The body in front, in pieces of so many bytes.
    pub fn read(framing: Framing, bytes: &[u8], piece: usize) -> Body {
        let mut reader = BodyReader::new(framing);
        let (mut runs, mut at) = (Vec::new(), 0);
        let mut end = 0;
        loop {
            let mut run = Vec::new();
            let progress = loop {
                match reader.handle_bytes(&bytes[at..end]) {
                    Ok(Step::Data { skip, data }) => {
                        run.extend_from_slice(&bytes[at + skip..at + skip + data]);
                        at += skip + data;
                    }
                    Ok(Step::End { skip }) => break Some(Some(at + skip)),
                    Ok(Step::More) if end < bytes.len() => break None,
                    Ok(Step::More) => break Some(reader.handle_end().is_ok().then_some(at)),
                    Err(_) => break Some(None),
                }
            };
            runs.push(run);
            if let Some(length) = progress {
                return Body { runs, length };
            }
            end = (end + piece).min(bytes.len());
        }
    }

    /// Its bytes.
    pub fn data(&self) -> Vec<u8> {
        self.runs.concat()
    }

    /// Writes it behind its head.
    pub fn write(&self, framing: Framing, out: &mut Vec<u8>) {
        for run in &self.runs {
            if framing != Framing::Chunked {
                out.extend_from_slice(run);
            } else if !run.is_empty() {
                let mut head = [0; CHUNK_HEAD_MAX];
                let length = chunk_head(run.len(), &mut head).expect("room");
                out.extend([&head[..length], run, CHUNK_END].concat());
            }
        }
        if framing == Framing::Chunked && self.length.is_some() {
            out.extend_from_slice(LAST_CHUNK);
        }
    }
}

/// Writes a head, if it can be written; it must be unless a rule spoilt it.
pub fn write_head(
    view: View<'_>,
    how: &Outgoing<'_>,
    encode: impl Fn(View<'_>, &Outgoing<'_>, &mut [u8]) -> Result<usize, EncodeError>,
) -> Option<Vec<u8>> {
    let mut out = vec![0; HEAD_MAX];
    match encode(view, how, &mut out) {
        Ok(length) => {
            out.truncate(length);
            Some(out)
        }
        Err(error) => {
            assert_eq!(error, EncodeError::Control);
            assert!(is_spoilt(view, how), "refused for nothing: {:?}", view.head);
            None
        }
    }
}

/// Whether there is a byte that would end its part of the head.
fn is_spoilt(view: View<'_>, how: &Outgoing<'_>) -> bool {
    let is_no_token = |part: &[u8]| part.is_empty() || !part.iter().all(|byte| is_token(*byte));
    let is_broken = |part: &[u8]| part.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    let has_blank = |part: &[u8]| part.iter().any(|byte| byte.is_ascii_control() || *byte == b' ');
    let line = match view.status() {
        0 => is_no_token(view.method()) || view.target().is_empty() || has_blank(view.target()),
        _ => false,
    };
    // The host goes into an absolute target.
    let host = !view.target().starts_with(b"/") && view.values(b"host").any(has_blank);
    let upgrade = matches!(how.connection, ConnectionField::Upgrade(it) if is_broken(it));
    let fields = view.fields().any(|(name, value)| is_no_token(name) || is_broken(value));
    line || host || upgrade || fields
}

/// What the oracle has to find.
pub struct Expected {
    /// Method and target, or status and reason.
    pub line: [Vec<u8>; 2],
    /// The fields that pass from hop to hop, in order.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Expected {
    /// With the fields of this head.
    pub fn new(line: [Vec<u8>; 2], view: View<'_>, body: Vec<u8>) -> Expected {
        let lower = |(name, value): (&[u8], &[u8])| {
            (name.to_ascii_lowercase(), value.trim_ascii().to_vec())
        };
        let fields = view.fields().map(lower).filter(|field| !OF_HOP.contains(&&field.0[..]));
        Expected { line, fields: fields.collect(), body }
    }

    /// Fields and body; behind those fields stands only what frames the message and says what becomes
    /// of its connection.
    pub fn check(&self, message: &Message) {
        let fields = &message.head.fields;
        let (same, ours) = fields.split_at(self.fields.len().min(fields.len()));
        assert_eq!(same, self.fields);
        for (name, value) in ours {
            let is_ours = match &name[..] {
                b"content-length" | b"transfer-encoding" | b"upgrade" => true,
                b"connection" => [&b"close"[..], b"keep-alive", b"Upgrade"].contains(&&value[..]),
                _ => false,
            };
            assert!(is_ours, "from nowhere: {:?}", message.head);
        }
        // Asserts that it is one framing, and canonical.
        message.head.body();
        assert_eq!(message.body, self.body);
    }
}
