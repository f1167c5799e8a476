//! Scripts: what to do, made from a seed without looking at what happens.

use crate::common::pattern::Random;
use std::fmt;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

impl Side {
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// One end of one connection.
pub type At = (usize, Side);

#[derive(Clone, Debug)]
pub enum Step {
    /// A new connection; goes on when both ends are there.
    Connect,
    /// A connect to where nobody listens.
    ConnectNowhere,
    /// A connect that is cancelled after so many turns, and closed.
    ConnectAndCancel(usize),
    /// The accept is cancelled and asked for again.
    AcceptAgain,
    /// So many bytes in so many chunks, behind what this end sends already.
    Send(At, usize, usize),
    /// Closes the sending direction behind what this end sends already.
    Shutdown(At),
    /// Whether this end receives.
    Read(At, bool),
    /// Cancels what this end sends at the moment.
    CancelSend(At),
    Close(At),
    Abort(At),
    /// Operations on an end that was closed.
    Stale(At),
    /// One receive more on an end that has one in flight; right after `Quiet`.
    Busy(At),
    /// So many turns without waiting.
    Glance(usize),
    /// Until everything that must happen has happened.
    Quiet,
}

pub struct Script(pub Vec<Step>);

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| writeln!(f, "    {step:?}"))
    }
}

/// What the generator knows of one end.
#[derive(Clone, Copy, Default)]
struct End {
    shut: bool,
    reading: bool,
    closed: bool,
}

/// A script of some sixty steps.
pub fn generate(seed: u64) -> Script {
    let mut random = Random(seed ^ 0x6b6f_6921);
    let mut steps = vec![Step::Connect];
    let mut ends = vec![[End::default(); 2]];
    for _ in 0..20 + random.below(80) {
        let conn = random.below(ends.len());
        let side = if random.once_in(2) { Side::Client } else { Side::Server };
        let at = (conn, side);
        let other = ends[conn][side.other().index()];
        let room = ends.len() < 6;
        let end = &mut ends[conn][side.index()];
        match random.below(36) {
            0 | 1 if room => {
                ends.push([End::default(); 2]);
                steps.push(Step::Connect);
            }
            2 => steps.push(Step::ConnectNowhere),
            3 => steps.push(Step::ConnectAndCancel(random.below(4))),
            4 => steps.push(Step::AcceptAgain),
            5 | 6 => steps.push(Step::Glance(1 + random.below(3))),
            7..=9 => {
                steps.push(Step::Quiet);
                // With the peer's end unsaid a receive is in flight for sure.
                if end.reading && !end.closed && !other.shut && !other.closed {
                    steps.push(Step::Busy(at));
                }
            }
            _ if end.closed => steps.push(Step::Stale(at)),
            10..=22 if !end.shut => {
                let most = [1, 100, 20_000, 200_000][random.below(4)];
                steps.push(Step::Send(at, random.below(most + 1), 1 + random.below(5)));
            }
            23 if !end.shut => {
                end.shut = true;
                steps.push(Step::Shutdown(at));
            }
            24..=30 => {
                end.reading = !end.reading;
                steps.push(Step::Read(at, end.reading));
            }
            31 | 32 => steps.push(Step::CancelSend(at)),
            33 => {
                *end = End { closed: true, ..*end };
                steps.push(Step::Close(at));
            }
            34 => {
                *end = End { closed: true, ..*end };
                steps.push(Step::Abort(at));
            }
            _ => {}
        }
    }
    Script(steps)
}
