//! Messages that were refused: of each frontend the last request, of each backend the last response.
//!
//! In: the bytes, where they are wrong, whose they are. Out: the same, for `show errors`. Made only when a
//! message is refused.
//!
//! Limits: two for each proxy, [`CAPTURE_MAX`] bytes of each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Clerk, Ledger};

/// How many bytes of a message are kept: `tune.bufsize` as it is where nobody says.
pub const CAPTURE_MAX: usize = 16_384;

/// A name and the number that goes with it.
pub type Named = (Box<str>, i64);

/// A message that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The frontend.
    pub frontend: Named,
    /// The backend, if there was one.
    pub backend: Option<Named>,
    /// The server, if there was one.
    pub server: Option<Named>,
    /// The client.
    pub source: SocketAddr,
    /// When, in microseconds since 1970-01-01 UTC.
    pub at_us: u64,
    /// What came, from the beginning of the message or of what was left of it.
    pub bytes: Box<[u8]>,
    /// Which of them is wrong.
    pub position: usize,
    /// Why, in a word.
    pub reason: &'static str,
    /// The section that says so.
    pub section: &'static str,
    /// How many were refused before, in the process.
    pub event: u32,
}

impl Capture {
    /// What of a message is kept.
    pub fn cut(bytes: &[u8]) -> Box<[u8]> {
        bytes.get(..CAPTURE_MAX).unwrap_or(bytes).into()
    }
}

/// Which message it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A client's.
    Request,
    /// A server's.
    Response,
}

/// The last one of a kind.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Option<Arc<Capture>>>);

impl Shelf {
    fn put(&self, capture: Capture) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(capture));
    }

    fn look(&self) -> Option<Arc<Capture>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How many messages were refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Events(Arc<AtomicU32>);

impl Ledger {
    /// The last message of a proxy that was refused.
    pub fn refused(&self, proxy: usize, which: Refused) -> Option<Arc<Capture>> {
        self.shelf(proxy, which)?.look()
    }

    /// How many messages were refused.
    pub fn refused_count(&self) -> u32 {
        self.events.0.load(Relaxed)
    }

    fn shelf(&self, proxy: usize, which: Refused) -> Option<&Shelf> {
        let sheets = self.proxies.get(proxy)?;
        Some(match which {
            Refused::Request => &sheets.refused_request,
            Refused::Response => &sheets.refused_response,
        })
    }
}

impl Clerk {
    /// A message was refused: it takes the place of the one before.
    pub fn refuse(&self, proxy: usize, which: Refused, capture: Capture) {
        let event = self.ledger.events.0.fetch_add(1, Relaxed);
        if let Some(shelf) = self.ledger.shelf(proxy, which) {
            shelf.put(Capture { event, ..capture });
        }
    }
}
