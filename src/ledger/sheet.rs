//! The cells of one frontend, bind, backend or server: a row of them for each worker.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Count {
    /// Sessions (of clients), or requests and connections that came so far (a backend's, a server's).
    Sessions,
    /// Bytes from clients.
    BytesIn,
    /// Bytes to clients.
    BytesOut,
    /// Requests of HTTP.
    Requests,
    /// Responses with an interim status.
    Status1,
    /// Responses that say all is well.
    Status2,
    /// Responses that lead elsewhere.
    Status3,
    /// Responses that blame the client.
    Status4,
    /// Responses that blame the server.
    Status5,
    /// Exchanges without a response that was understood.
    StatusOther,
    /// Requests for which a server was chosen by the balance.
    Balanced,
    /// Connections made to servers.
    Connects,
    /// Requests that took an idle connection.
    Reuses,
    /// Connections accepted.
    Connections,
    /// Exchanges answered by the proxy itself: pages, redirections.
    Intercepted,
    /// Requests that a rule refused.
    DeniedRequests,
    /// Responses that a rule refused.
    DeniedResponses,
    /// Connections that a rule refused.
    DeniedConnections,
    /// Sessions that a rule refused.
    DeniedSessions,
    /// Requests that never came whole, or were none.
    RequestErrors,
    /// Requests that got no connection to a server.
    ConnectErrors,
    /// Responses that never came whole, or were none.
    ResponseErrors,
    /// Attempts that were repeated.
    Retries,
    /// Requests that went to another server than the first choice.
    Redispatches,
    /// Exchanges that the client gave up.
    ClientAborts,
    /// Exchanges that the server gave up.
    ServerAborts,
    /// Exchanges that ended for want of something of ours.
    InternalErrors,
    /// Connections with TLS.
    TlsSessions,
    /// Of those the ones that resumed a session.
    TlsResumed,
    /// TLS handshakes that failed.
    TlsFailed,
}

/// The time of which spans are averaged and the longest is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Span {
    /// In queues.
    Queue,
    /// Connecting.
    Connect,
    /// Waiting for the response.
    Response,
    /// Everything.
    Total,
}

/// How many spans an average is of.
const WINDOW: u64 = 1024;

const SPANS: usize = 4;
const COUNTS: usize = Count::TlsFailed as usize + 1;
/// How many exchanges were timed; stands among the counts, but is never cleared.
const TIMED: usize = COUNTS;
const SUMS: usize = TIMED + 1;
const LONGEST: usize = SUMS + SPANS;
const LAST: usize = LONGEST + SPANS;
const IDLE: usize = LAST + 1;

/// Cells of a worker's row, a multiple of a cache line.
pub const CELLS: usize = (IDLE + 1).next_multiple_of(LINE);

/// Cells of a cache line.
const LINE: usize = 8;

/// One worker's row, on cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Row([AtomicU64; CELLS]);

impl Default for Row {
    fn default() -> Row {
        Row([const { AtomicU64::new(0) }; CELLS])
    }
}

/// A row for each worker.
#[derive(Debug)]
pub struct Sheets {
    rows: Box<[Row]>,
    /// What the sums were when they were cleared last.
    cleared: Box<[AtomicU64; COUNTS]>,
}

impl Sheets {
    pub(super) fn new(workers: usize) -> Sheets {
        Sheets {
            rows: (0..workers).map(|_| Row::default()).collect(),
            cleared: Box::new([const { AtomicU64::new(0) }; COUNTS]),
        }
    }

    /// Only worker `worker` may do this: nobody else writes its row.
    #[inline]
    pub(super) fn add(&self, worker: usize, count: Count, more: u64) {
        if let Some(cell) = self.rows.get(worker).and_then(|row| row.0.get(count as usize)) {
            cell.store(cell.load(Relaxed).wrapping_add(more), Relaxed);
        }
    }

    /// A row to write several cells of.
    #[inline]
    pub(super) fn row(&self, worker: usize) -> Option<Writer<'_>> {
        self.rows.get(worker).map(|row| Writer(&row.0))
    }

    #[inline]
    pub(super) fn set_last(&self, worker: usize, unix_us: u64) {
        if let Some(row) = self.rows.get(worker) {
            row.0[LAST].store(unix_us, Relaxed);
        }
    }

    /// How many idle connections the worker holds now.
    pub(super) fn set_idle(&self, worker: usize, idle: u64) {
        if let Some(row) = self.rows.get(worker) {
            row.0[IDLE].store(idle, Relaxed);
        }
    }

    /// Idle connections of all workers, as of about a second ago.
    pub fn idle(&self) -> u32 {
        u32::try_from(self.sum(IDLE)).unwrap_or(u32::MAX)
    }

    /// What all workers have counted since it was cleared.
    pub fn total(&self, count: Count) -> u64 {
        let cleared = self.cleared.get(count as usize).map_or(0, |it| it.load(Relaxed));
        self.sum(count as usize).wrapping_sub(cleared)
    }

    /// The mean of the last spans, in microseconds: about `WINDOW` of each worker.
    pub fn mean_us(&self, span: Span) -> u64 {
        let (mut sum, mut timed) = (0_u64, 0_u64);
        for Row(cells) in &self.rows {
            sum = sum.saturating_add(cells[SUMS + span as usize].load(Relaxed));
            timed += cells[TIMED].load(Relaxed).min(WINDOW);
        }
        sum.checked_div(timed).unwrap_or(0)
    }

    /// The longest span, in microseconds.
    pub fn longest_us(&self, span: Span) -> u64 {
        self.latest(LONGEST + span as usize)
    }

    /// When the last session began, in microseconds since 1970-01-01 UTC; 0 if none has.
    pub fn last_us(&self) -> u64 {
        self.latest(LAST)
    }

    pub(super) fn clear(&self, all: bool) {
        for Row(cells) in &self.rows {
            for cell in &cells[LONGEST..LONGEST + SPANS] {
                // Its worker may write the old one once more: it is a maximum, and the next one mends it.
                cell.store(0, Relaxed);
            }
        }
        if all {
            for (count, cleared) in self.cleared.iter().enumerate() {
                cleared.store(self.sum(count), Relaxed);
            }
        }
    }

    fn sum(&self, cell: usize) -> u64 {
        let cells = self.rows.iter().filter_map(|row| row.0.get(cell));
        cells.fold(0, |sum, cell| sum.wrapping_add(cell.load(Relaxed)))
    }

    fn latest(&self, cell: usize) -> u64 {
        let cells = self.rows.iter().filter_map(|row| row.0.get(cell));
        cells.map(|cell| cell.load(Relaxed)).max().unwrap_or(0)
    }
}

/// One worker's row, to write. `Count`s and `Span`s are all within it, so that nothing is checked.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a>(&'a [AtomicU64; CELLS]);

impl Writer<'_> {
    #[inline]
    pub(super) fn add(self, count: Count, more: u64) {
        let cell = &self.0[count as usize];
        cell.store(cell.load(Relaxed).wrapping_add(more), Relaxed);
    }

    /// An exchange with these spans.
    #[inline]
    pub(super) fn time(self, spans_us: [u64; SPANS]) {
        let timed = self.0[TIMED].load(Relaxed);
        self.0[TIMED].store(timed.wrapping_add(1), Relaxed);
        for (span, us) in spans_us.into_iter().enumerate() {
            let sum = &self.0[SUMS + span];
            let before = sum.load(Relaxed);
            // From the first full window on each one takes the place of a mean one.
            let aged = if timed < WINDOW { before } else { before - before / WINDOW };
            sum.store(aged.wrapping_add(us), Relaxed);
            let longest = &self.0[LONGEST + span];
            if us > longest.load(Relaxed) {
                longest.store(us, Relaxed);
            }
        }
    }
}
