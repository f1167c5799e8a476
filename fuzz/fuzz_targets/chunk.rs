//! Any bytes as a body, framed in each way, in pieces of any size (the first line's, see `h1::ends`): the
//! data and the end are the same however they come, and the same as the oracle of the tests finds, which
//! takes chunks apart line by line; nothing behind the end is touched; chunk extensions and trailers are
//! refused beyond their limits and not before.
#![no_main]

#[path = "h1/mod.rs"]
mod h1;

use h1::oracle::{self, Unchunked};
use koi::proto::h1::body::{EXTENSION_BYTES_MAX, TRAILER_BYTES_MAX, TRAILER_FIELDS_MAX};
use koi::proto::h1::{BodyReader, Framing, Reason, Reject, Step};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((sizes, bytes)) = h1::after_line(input) else { return };
    let pieces = h1::ends(sizes, bytes.len());
    let drops: Vec<usize> = (0..=bytes.len()).collect();
    let read = |framing| {
        let whole = read(framing, bytes, &[bytes.len()]);
        for ends in [&pieces, &drops] {
            assert_eq!(read(framing, bytes, ends), whole, "{ends:?}");
        }
        whole
    };
    check_chunks(bytes, read(Framing::Chunked));
    let lengths = [0, 1, bytes.len() / 2, bytes.len(), bytes.len() + 1, usize::MAX >> 1];
    for length in lengths {
        let (data, end, fault) = read(Framing::Length(length as u64));
        assert_eq!((&data[..], fault), (&bytes[..length.min(bytes.len())], None));
        assert_eq!(end, (length <= bytes.len()).then_some(length));
    }
    assert_eq!(read(Framing::UntilClose), (bytes.to_vec(), None, None));
    assert_eq!(read(Framing::None), (Vec::new(), Some(0), None));
});

/// The data, where the body ended, and why it is refused and where that showed.
type Read = (Vec<u8>, Option<usize>, Option<Reject>);

/// Reads a body that comes in pieces which end so.
fn read(framing: Framing, bytes: &[u8], ends: &[usize]) -> Read {
    let mut reader = BodyReader::new(framing);
    let (mut data, mut at) = (Vec::new(), 0);
    for end in ends {
        loop {
            assert_eq!(reader.remaining() == Some(0), reader.is_done());
            match reader.handle_bytes(&bytes[at..*end]) {
                Err(Reject { reason, at: place }) => {
                    assert!(!reader.is_done() && at + place < *end);
                    return (data, None, Some(Reject { reason, at: at + place }));
                }
                Ok(Step::Data { skip, data: length }) => {
                    assert!(skip + length > 0, "it would spin");
                    data.extend_from_slice(&bytes[at + skip..at + skip + length]);
                    at += skip + length;
                    assert!(at <= *end);
                }
                Ok(Step::End { skip }) => {
                    assert!(reader.is_done() && reader.handle_end() == Ok(()));
                    assert!(at + skip <= *end);
                    return (data, Some(at + skip), None);
                }
                Ok(Step::More) => break,
            }
        }
        assert_eq!(at, *end, "bytes were left lying");
    }
    let ended = reader.handle_end();
    assert_eq!(ended.is_ok(), framing == Framing::UntilClose || reader.is_done());
    (data, None, None)
}

fn check_chunks(bytes: &[u8], (data, end, fault): Read) {
    let costs = Costs::of(bytes);
    match (fault.map(|it| it.reason), end, oracle::unchunk(bytes)) {
        (Some(Reason::ChunkExtensionTooLong), ..) => assert!(costs.extensions),
        (Some(Reason::TrailersTooLarge), ..) => assert!(costs.trailers),
        (None, Some(end), Unchunked::Whole(theirs, length)) => {
            assert_eq!((data, end), (theirs, length));
            assert!(!costs.extensions && !costs.trailers, "beyond the limits");
        }
        (None, None, Unchunked::More(theirs)) => {
            assert_eq!(data, theirs);
            assert!(!costs.extensions && !costs.trailers, "beyond the limits");
        }
        (Some(_), None, Unchunked::Bad(theirs)) => assert_eq!(data, theirs),
        (ours, _, theirs) => panic!("{ours:?}, {theirs:?}"),
    }
}

/// Whether extensions or trailers go beyond their limits, as far as the body is good.
#[derive(Default)]
struct Costs {
    extensions: bool,
    trailers: bool,
}

impl Costs {
    fn of(bytes: &[u8]) -> Costs {
        let most = i64::from(EXTENSION_BYTES_MAX);
        let (mut costs, mut left, mut rest) = (Costs::default(), most, bytes);
        loop {
            let (line, behind) = line(rest);
            let (size, extension) = match line.iter().position(|byte| *byte == b';') {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => (line, &b""[..]),
            };
            left -= extension.len() as i64;
            costs.extensions |= left < 0;
            let size = String::from_utf8_lossy(size);
            match i64::from_str_radix(size.trim_ascii_end(), 16) {
                Ok(0) => {
                    costs.trailers = are_too_many(behind);
                    return costs;
                }
                Ok(size) => {
                    // Data pays for extensions.
                    left = left.saturating_add(size).min(most);
                    let taken = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(2);
                    rest = behind.get(taken..).unwrap_or_default();
                }
                Err(_) => return costs,
            }
        }
    }
}

/// What stands in front of the first LF, and behind it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, b""),
    }
}

fn are_too_many(mut rest: &[u8]) -> bool {
    let (mut bytes, mut lines) = (0, 0);
    while !rest.is_empty() {
        let (line, behind) = line(rest);
        if matches!(line, b"" | b"\r") {
            // The last LF costs nothing.
            bytes += line.len();
            break;
        }
        (bytes, lines) = (bytes + rest.len() - behind.len(), lines + 1);
        rest = behind;
    }
    bytes > usize::from(TRAILER_BYTES_MAX) || lines > usize::from(TRAILER_FIELDS_MAX)
}
