//! A connection's bytes: heads with their bodies, one behind the other. In pieces of any size (the first
//! line's: what was asked, then sizes, see `h1::ends`) and byte by byte they give the same as at once:
//! the same heads, bodies and ends, the same fault at the same byte. Read as requests and as responses.
#![no_main]

#[path = "h1/mod.rs"]
mod h1;

use koi::proto::h1::response::{self, Asked};
use koi::proto::h1::{BodyReader, Framing, Limits, Reject, Scan, Step, request};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((line, bytes)) = h1::after_line(input) else { return };
    let Some((&choice, sizes)) = line.split_first() else { return };
    check(bytes, sizes, Side::Client);
    check(bytes, sizes, Side::Server(h1::asked(choice)));
});

/// Whose bytes these are.
#[derive(Clone, Copy)]
enum Side {
    /// Requests.
    Client,
    /// Responses, each to a request like this.
    Server(Asked),
}

fn check(bytes: &[u8], sizes: &[u8], side: Side) {
    let whole = read(bytes, &[bytes.len()], side);
    // A fault in a head may show before its end has come, and later if it comes in pieces.
    let more = [bytes, b"\r\n\r\n"].concat();
    let bytes = if matches!(whole.last(), Some(Event::Fault(_))) { &more } else { bytes };
    let drops: Vec<usize> = (0..=bytes.len()).collect();
    for ends in [vec![bytes.len()], h1::ends(sizes, bytes.len()), drops] {
        assert_eq!(read(bytes, &ends, side), whole, "{ends:?}");
    }
}

/// What is found; places count from the first byte.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    /// A head, with all that is known of it, behind so many bytes.
    Head(usize, String),
    /// Bytes of the body.
    Data(Vec<u8>),
    /// The body ended before this place.
    End(usize),
    /// It is refused.
    Fault(Reject),
}

/// Reads what comes in pieces that end so.
fn read(bytes: &[u8], ends: &[usize], side: Side) -> Vec<Event> {
    let mut reader = Reader { side, at: 0, scan: Scan::default(), body: None, events: Vec::new() };
    for end in ends {
        while let Some(more) = reader.step(&bytes[..*end]).transpose() {
            if let Err(reject) = more {
                let at = reader.at + reject.at;
                reader.events.push(Event::Fault(Reject { at, ..reject }));
                return reader.events;
            }
        }
    }
    reader.events
}

struct Reader {
    side: Side,
    /// Bytes used up.
    at: usize,
    scan: Scan,
    body: Option<BodyReader>,
    events: Vec<Event>,
}

impl Reader {
    /// Takes one thing from the bytes there are; nothing if more must come.
    fn step(&mut self, bytes: &[u8]) -> Result<Option<()>, Reject> {
        let rest = &bytes[self.at..];
        match &mut self.body {
            Some(body) => match body.handle_bytes(rest)? {
                Step::More => return Ok(None),
                Step::Data { skip, data } => {
                    self.data(&rest[skip..skip + data]);
                    self.at += skip + data;
                }
                Step::End { skip } => {
                    self.at += skip;
                    self.events.push(Event::End(self.at));
                    self.body = None;
                }
            },
            // Nobody looks for a head in nothing.
            None if rest.is_empty() => return Ok(None),
            None => {
                let Some((head, length, framing)) = self.head(rest)? else { return Ok(None) };
                self.events.push(Event::Head(self.at, head));
                self.at += length;
                self.body = Some(BodyReader::new(framing));
            }
        }
        Ok(Some(()))
    }

    fn head(&mut self, bytes: &[u8]) -> Result<Option<(String, usize, Framing)>, Reject> {
        let (scan, limits) = (&mut self.scan, &Limits::default());
        Ok(match self.side {
            Side::Client => request::parse(bytes, scan, limits, Vec::new())?
                .map(|it| (format!("{it:?}"), it.length, it.framing)),
            Side::Server(asked) => response::parse(bytes, scan, limits, asked, Vec::new())?
                .map(|it| (format!("{it:?}"), it.length, it.framing)),
        })
    }

    /// Runs of data are one.
    fn data(&mut self, run: &[u8]) {
        match self.events.last_mut() {
            Some(Event::Data(data)) => data.extend_from_slice(run),
            _ if run.is_empty() => {}
            _ => self.events.push(Event::Data(run.to_vec())),
        }
    }
}
