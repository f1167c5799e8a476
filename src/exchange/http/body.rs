//! A body, from one connection to the other.
//!
//! In: bytes of one connection, and how its body is framed. Out: the same body, framed as the other
//! side is to have it. The bytes of the body are not copied, unless it is a short one that goes out together
//! with its head; framing is written anew, and what came in several chunks of the coding at once goes out
//! as one.
//!
//! Limits: what was received at once is under way at once, and nothing else is received until it is
//! sent; at most [`RUNS`] runs go in one send.

use std::cell::Cell;
use std::time::Duration;

use super::splice::{self, Spliced};
use super::wait::{self, Alarm, Unsent, Waited};
use crate::exchange::inbox::Inbox;
use crate::exchange::splice::SPLICE_FROM;
use crate::exchange::transport::Transport;
use crate::proto::h1::encode::{CHUNK_END, LAST_CHUNK, chunk_head};
use crate::proto::h1::{BodyReader, Framing, Reject, Step};
use crate::worker::{Chunk, Class, Local, Payload, Pool, ReceiveError};

/// Runs of bytes in one send: chunks of a chunked body can be a byte long each.
const RUNS: usize = 64;

/// How much of a body that nobody wants is read, so that the connection can be kept.
pub(super) const DRAIN_BYTES: u64 = 256 * 1024;

/// So many bytes of a head and its body are sent as one run: to copy them costs less than two runs do.
const SHORT: u64 = 2048;

/// Room for the framing of one send: a size of 16 digits and its line's end, the chunk's end, the last
/// chunk.
const FRAMING: usize = 64;

/// Chunks to send together. Mostly there are one or two, and those need no vector.
#[derive(Debug, Default)]
pub(super) enum Gather {
    /// None.
    #[default]
    Nothing,
    /// One.
    One(Chunk),
    /// Two: a head and its body.
    Two([Chunk; 2]),
    /// Several.
    Many(Vec<Chunk>),
}

impl Gather {
    /// Adds one behind.
    pub(super) fn push(&mut self, chunk: Chunk) {
        if chunk.is_empty() {
            return;
        }
        *self = match std::mem::take(self) {
            Gather::Nothing => Gather::One(chunk),
            Gather::One(first) => Gather::Two([first, chunk]),
            Gather::Two([first, second]) => Gather::Many(vec![first, second, chunk]),
            Gather::Many(mut chunks) => {
                chunks.push(chunk);
                Gather::Many(chunks)
            }
        };
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Gather::Nothing => 0,
            Gather::One(chunk) => chunk.len(),
            Gather::Two([first, second]) => first.len() + second.len(),
            Gather::Many(chunks) => chunks.iter().map(|chunk| chunk.len()).sum(),
        }
    }

    /// Shows its runs, in order.
    pub(super) fn bytes(&self, mut show: impl FnMut(&[u8])) {
        match self {
            Gather::Nothing => {}
            Gather::One(chunk) => show(chunk),
            Gather::Two(chunks) => chunks.iter().for_each(|chunk| show(chunk)),
            Gather::Many(chunks) => chunks.iter().for_each(|chunk| show(chunk)),
        }
    }

    /// What to send, and how many bytes that is; then there is nothing.
    pub(super) fn take(&mut self, pool: &Pool) -> Option<(Payload, u64)> {
        let bytes = self.len() as u64;
        match std::mem::take(self) {
            Gather::Nothing => None,
            Gather::One(chunk) => Some((chunk.into(), bytes)),
            Gather::Two([first, second]) => {
                let joined = (bytes <= SHORT).then(|| pool.join(&first, &second)).flatten();
                let payload = joined.map_or_else(|| [first, second].into(), Payload::from);
                Some((payload, bytes))
            }
            Gather::Many(chunks) => Some((chunks.into(), bytes)),
        }
    }
}

/// Why a body did not arrive whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Its source failed, or ended before its end.
    Source(Option<ReceiveError>),
    /// Its source sent nothing for too long.
    SourceTimeout,
    /// It is not as HTTP has it.
    Bad(Reject),
    /// Who gets it is gone.
    Destination,
    /// Who gets it took nothing for too long.
    DestinationTimeout,
    /// No buffers.
    Starved,
}

impl From<Unsent> for Broken {
    fn from(unsent: Unsent) -> Broken {
        match unsent {
            Unsent::Failed(_) => Broken::Destination,
            Unsent::Expired => Broken::DestinationTimeout,
        }
    }
}

/// How far a body got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is all there, and its end is written.
    Done,
    /// There is more where this came from.
    Cut,
    /// More has to come.
    Wanting,
}

/// What is left of a body that nobody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It was read whole.
    Nothing,
    /// Not so much that its connection should not be kept.
    Little,
    /// More than that, or nobody can tell what.
    Much,
}

/// A body on its way: what was read of it, and how it is written.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    reader: BodyReader,
    to: Framing,
    done: bool,
    /// Bytes of it pass by uncounted.
    unseen: bool,
}

impl Flow {
    /// A body that comes framed as `from` says and goes as `to` says.
    pub(super) fn new(from: Framing, to: Framing) -> Flow {
        Flow { reader: BodyReader::new(from), to, done: from == Framing::None, unseen: false }
    }

    /// Whether all of it was read.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// How many bytes may pass by as they are; `None` where each has to be looked at.
    pub(super) fn unframed(&self) -> Option<u64> {
        self.reader.unframed().filter(|_| self.to != Framing::Chunked)
    }

    /// Bytes pass by from now on, nobody knows how many.
    pub(super) fn lose_sight(&mut self) {
        self.unseen = true;
    }

    /// It was so many.
    pub(super) fn see_again(&mut self, bytes: u64) {
        self.unseen = false;
        self.reader.pass(bytes);
    }

    /// Moves what there is of the body from the inbox to `out`, framed.
    pub(super) fn cut(
        &mut self,
        inbox: &mut Inbox,
        pool: &Pool,
        out: &mut Gather,
    ) -> Result<Progress, Broken> {
        if self.done {
            return Ok(Progress::Done);
        }
        if self.to != Framing::Chunked {
            let (progress, _) = self.cut_runs(inbox, out)?;
            return Ok(progress);
        }
        let mut runs = Gather::Nothing;
        let (progress, bytes) = self.cut_runs(inbox, &mut runs)?;
        frame(bytes, progress == Progress::Done, runs, pool, out)?;
        Ok(progress)
    }

    /// The same without framing; how far it got, and with how many bytes.
    fn cut_runs(
        &mut self,
        inbox: &mut Inbox,
        out: &mut Gather,
    ) -> Result<(Progress, usize), Broken> {
        let mut bytes = 0;
        for _ in 0..RUNS {
            if self.reader.is_done() {
                self.done = true;
                return Ok((Progress::Done, bytes));
            }
            match self.reader.handle_bytes(inbox.bytes()).map_err(Broken::Bad)? {
                Step::Data { skip, data } => {
                    inbox.advance(skip);
                    if let Some(run) = inbox.take(data).filter(|_| data > 0) {
                        bytes += run.len();
                        out.push(run);
                    }
                }
                Step::End { skip } => {
                    inbox.advance(skip);
                    self.done = true;
                    return Ok((Progress::Done, bytes));
                }
                Step::More => {
                    drop(inbox.take_all());
                    return Ok((Progress::Wanting, bytes));
                }
            }
        }
        Ok((Progress::Cut, bytes))
    }

    /// Drops what there is of the body in the inbox.
    pub(super) fn skip(&mut self, inbox: &mut Inbox) -> Rest {
        if self.unseen {
            return Rest::Much;
        }
        let mut dropped = Gather::Nothing;
        while let Ok((progress, _)) = self.cut_runs(inbox, &mut dropped) {
            match progress {
                Progress::Done => return Rest::Nothing,
                Progress::Cut => dropped = Gather::Nothing,
                Progress::Wanting if self.is_small() => return Rest::Little,
                Progress::Wanting => return Rest::Much,
            }
        }
        Rest::Much
    }

    /// Whether what is left of the body is worth reading only to keep a connection.
    fn is_small(&self) -> bool {
        self.reader.remaining().is_none_or(|left| left <= DRAIN_BYTES)
    }

    /// The source ended: a body that runs to the end of its connection is complete.
    fn handle_end(&mut self, pool: &Pool, out: &mut Gather) -> Result<(), Broken> {
        self.reader.handle_end().map_err(|_| Broken::Source(None))?;
        self.done = true;
        match self.to {
            Framing::Chunked => frame(0, true, Gather::Nothing, pool, out),
            _ => Ok(()),
        }
    }
}

/// Writes runs of so many bytes as one chunk of the coding, and its end if it ends here.
fn frame(
    bytes: usize,
    ends: bool,
    runs: Gather,
    pool: &Pool,
    out: &mut Gather,
) -> Result<(), Broken> {
    if bytes == 0 && !ends {
        return Ok(());
    }
    let mut lease = pool.lease(Class::Small).ok_or(Broken::Starved)?;
    let mut head = 0;
    let mut length = 0;
    if bytes > 0 {
        head = chunk_head(bytes, &mut lease).map_err(|_| Broken::Starved)?;
        length = head;
    }
    let pieces: [&[u8]; 2] = match (bytes > 0, ends) {
        (true, true) => [CHUNK_END, LAST_CHUNK],
        (true, false) => [CHUNK_END, b""],
        (false, _) => [LAST_CHUNK, b""],
    };
    for piece in pieces {
        if let Some(room) = lease.get_mut(length..length + piece.len()) {
            room.copy_from_slice(piece);
        }
        length += piece.len();
    }
    debug_assert!(length <= FRAMING);
    let framing = lease.freeze(length);
    out.push(framing.slice(0..head));
    match runs {
        Gather::Nothing => {}
        Gather::One(run) => out.push(run),
        Gather::Two(runs) => runs.into_iter().for_each(|run| out.push(run)),
        Gather::Many(runs) => runs.into_iter().for_each(|run| out.push(run)),
    }
    out.push(framing.slice(head..length));
    Ok(())
}

/// One direction of an exchange.
pub(super) struct Way<'a> {
    /// The worker.
    pub(super) local: &'a Local,
    /// The timer.
    pub(super) alarm: &'a Alarm,
    /// Where bytes come from.
    pub(super) from: &'a Transport,
    /// Where they go.
    pub(super) to: &'a Transport,
    /// How long to wait for bytes.
    pub(super) patience: Option<Duration>,
    /// How long to wait until bytes are taken.
    pub(super) stamina: Option<Duration>,
    /// Bytes sent.
    pub(super) sent: &'a Cell<u64>,
    /// Whether the kernel may pass them on.
    pub(super) splices: bool,
}

/// Sends `out` and then the rest of a body. Bytes behind its end stay in the inbox.
pub(super) async fn relay(
    way: Way<'_>,
    flow: &mut Flow,
    inbox: &mut Inbox,
    mut out: Gather,
) -> Result<(), Broken> {
    let pool = way.local.pool();
    // How much there will be is known, or shows.
    let mut bulk = way.splices && flow.reader.remaining().is_some();
    loop {
        let progress = flow.cut(inbox, pool, &mut out)?;
        if let Some((payload, bytes)) = out.take(pool) {
            wait::send(way.local, way.to, payload, way.stamina).await?;
            way.sent.set(way.sent.get() + bytes);
        }
        match progress {
            Progress::Done => return Ok(()),
            Progress::Cut => continue,
            Progress::Wanting => {}
        }
        if std::mem::take(&mut bulk)
            && let Some(offer) = splice::offer(&way, flow)
        {
            match Box::pin(splice::pass(&way, flow, offer)).await? {
                Spliced::Some => {}
                Spliced::Ended => flow.handle_end(pool, &mut out)?,
            }
            continue;
        }
        let deadline = Cell::new(wait::deadline(way.local, way.patience));
        match wait::receive(way.local, way.alarm, way.from, &deadline).await {
            Waited::Bytes(chunk) => {
                bulk = way.splices && chunk.len() >= SPLICE_FROM;
                inbox.push(chunk, pool).map_err(|_| Broken::Starved)?;
            }
            Waited::End => flow.handle_end(pool, &mut out)?,
            Waited::Failed(error) => return Err(Broken::Source(Some(error))),
            Waited::Expired => return Err(Broken::SourceTimeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::h1::encode::CHUNK_HEAD_MAX;
    use crate::worker::PoolConfig;

    fn pool() -> Pool {
        Pool::new(PoolConfig::default())
    }

    fn inbox(pool: &Pool, bytes: &[u8]) -> Inbox {
        Inbox::new(pool.copy_from(bytes))
    }

    fn bytes_of(out: &mut Gather) -> Vec<u8> {
        let Some((payload, _)) = out.take(&pool()) else { return Vec::new() };
        payload.chunks().iter().flat_map(|chunk| chunk.iter().copied()).collect()
    }

    #[test]
    fn chunks_that_came_together_go_on_as_one() {
        let pool = pool();
        let mut inbox = inbox(&pool, b"3\r\nabc\r\n2;e=1\r\nde\r\n0\r\nX-T: 1\r\n\r\nGET /");
        let copied = pool.stats().copied_bytes;
        let mut flow = Flow::new(Framing::Chunked, Framing::Chunked);
        let mut out = Gather::Nothing;
        assert_eq!(flow.cut(&mut inbox, &pool, &mut out), Ok(Progress::Done));
        assert_eq!(bytes_of(&mut out), b"5\r\nabcde\r\n0\r\n\r\n");
        assert_eq!(inbox.bytes(), b"GET /");
        assert_eq!(pool.stats().copied_bytes, copied, "a body is not copied");
        assert!(flow.is_done());
        assert_eq!(flow.cut(&mut inbox, &pool, &mut out), Ok(Progress::Done));
        assert_eq!(out.len(), 0);
    }

    #[test]
    fn pieces_of_any_size_make_the_same_body() {
        let pool = pool();
        let wire = b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
        for size in 1..wire.len() {
            let mut flow = Flow::new(Framing::Chunked, Framing::UntilClose);
            let mut body = Vec::new();
            let mut last = Progress::Wanting;
            for piece in wire.chunks(size) {
                let mut inbox = inbox(&pool, piece);
                let mut out = Gather::Nothing;
                last = flow.cut(&mut inbox, &pool, &mut out).expect("a good body");
                body.extend(bytes_of(&mut out));
            }
            assert_eq!((last, &body[..]), (Progress::Done, &b"abc0123456789abcdef"[..]), "{size}");
        }
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        let pool = pool();
        let mut inbox = inbox(&pool, b"helloGET /");
        let mut flow = Flow::new(Framing::Length(5), Framing::Length(5));
        let mut out = Gather::Nothing;
        assert_eq!(flow.cut(&mut inbox, &pool, &mut out), Ok(Progress::Done));
        assert!(matches!(out, Gather::One(_)), "nothing is written around it");
        assert_eq!((bytes_of(&mut out), inbox.bytes()), (b"hello".to_vec(), &b"GET /"[..]));
    }

    #[test]
    fn the_end_of_the_connection_is_an_end_only_where_nothing_else_says_it() {
        let pool = pool();
        let mut out = Gather::Nothing;
        let mut flow = Flow::new(Framing::UntilClose, Framing::UntilClose);
        let mut bytes = inbox(&pool, b"abc");
        assert_eq!(flow.cut(&mut bytes, &pool, &mut out), Ok(Progress::Wanting));
        assert_eq!(flow.handle_end(&pool, &mut out), Ok(()));
        assert!(flow.is_done());
        for framing in [Framing::Length(5), Framing::Chunked] {
            let mut flow = Flow::new(framing, framing);
            let end = flow.handle_end(&pool, &mut Gather::Nothing);
            assert_eq!(end, Err(Broken::Source(None)));
        }
    }

    #[test]
    fn chunks_of_a_byte_fill_no_send_beyond_its_limit() {
        let pool = pool();
        let mut wire = b"1\r\nx\r\n".repeat(RUNS * 3);
        wire.extend_from_slice(LAST_CHUNK);
        let mut inbox = inbox(&pool, &wire);
        let mut flow = Flow::new(Framing::Chunked, Framing::UntilClose);
        let (mut bytes, mut sends) = (0, 0);
        loop {
            let mut out = Gather::Nothing;
            let progress = flow.cut(&mut inbox, &pool, &mut out).expect("a good body");
            if let Gather::Many(runs) = &out {
                assert!(runs.len() <= RUNS);
            }
            (bytes, sends) = (bytes + out.len(), sends + 1);
            match progress {
                Progress::Cut => {}
                Progress::Done => break,
                Progress::Wanting => panic!("it is all there"),
            }
        }
        assert_eq!(bytes, RUNS * 3);
        assert!(sends > 3);
    }

    #[test]
    fn a_body_that_passes_unseen_is_counted_or_given_up() {
        let pool = pool();
        let mut inbox = inbox(&pool, b"GET /");
        for (from, to, most) in [
            (Framing::Length(9), Framing::Length(9), Some(9)),
            (Framing::UntilClose, Framing::UntilClose, Some(u64::MAX)),
            (Framing::UntilClose, Framing::Chunked, None),
            (Framing::Chunked, Framing::UntilClose, None),
            (Framing::None, Framing::None, None),
        ] {
            assert_eq!(Flow::new(from, to).unframed(), most, "{from:?} {to:?}");
        }
        let mut flow = Flow::new(Framing::Length(9), Framing::Length(9));
        flow.lose_sight();
        assert_eq!(flow.skip(&mut inbox), Rest::Much, "it may be over or not");
        flow.see_again(8);
        assert_eq!(flow.unframed(), Some(1));
        flow.see_again(1);
        assert_eq!((flow.skip(&mut inbox), inbox.bytes()), (Rest::Nothing, &b"GET /"[..]));
    }

    #[test]
    fn framing_fits_its_room() {
        assert!(CHUNK_HEAD_MAX + CHUNK_END.len() + LAST_CHUNK.len() <= FRAMING);
    }

    #[test]
    fn a_body_nobody_wants_is_read_only_as_far_as_it_pays() {
        let pool = pool();
        let rest = |framing, bytes: &[u8]| {
            let mut inbox = inbox(&pool, bytes);
            let rest = Flow::new(framing, framing).skip(&mut inbox);
            (rest, inbox.bytes().to_vec())
        };
        assert_eq!(rest(Framing::None, b"GET"), (Rest::Nothing, b"GET".to_vec()));
        assert_eq!(rest(Framing::Length(3), b"abcGET"), (Rest::Nothing, b"GET".to_vec()));
        assert_eq!(rest(Framing::Length(4), b"abc"), (Rest::Little, Vec::new()));
        assert_eq!(rest(Framing::Length(DRAIN_BYTES * 2), b"abc"), (Rest::Much, Vec::new()));
        assert_eq!(rest(Framing::Chunked, b"3\r\nab"), (Rest::Little, Vec::new()));
        assert_eq!(
            rest(Framing::Chunked, b"3\r\nabcd").0,
            Rest::Much,
            "nobody knows where it ends"
        );
    }
}
