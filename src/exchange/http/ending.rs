//! What can go wrong in an exchange: which status answers it, and what the log says of it.
//!
//! The letters are HAProxy's (3.0, configuration.txt §8.5), so that what reads logs goes on reading
//! them.

use crate::exchange::server::Refusal;
use crate::proto::h1::Reject;
use crate::rules::ending::{Cause, Ending, Stage};

use super::body::Broken;

/// Why a request was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The connection ended or failed before the head's end.
    Gone,
    /// It took too long.
    Late,
    /// It is not as HTTP has it.
    Bad(Reject),
    /// No buffers.
    Starved,
}

impl Unread {
    /// The status that answers it.
    pub(super) fn status(self) -> u16 {
        match self {
            Unread::Gone => 400,
            Unread::Late => 408,
            Unread::Bad(reject) => reject.reason.status(),
            Unread::Starved => 500,
        }
    }

    /// What the log says.
    pub(super) fn ending(self) -> Ending {
        let cause = match self {
            Unread::Gone => Cause::Client,
            Unread::Late => Cause::ClientTimeout,
            Unread::Bad(_) => Cause::Proxy,
            Unread::Starved => Cause::Resource,
        };
        Ending { cause, stage: Stage::Request }
    }
}

/// Why a request has no response from its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no connection to a server.
    Refused(Refusal),
    /// The request's head cannot be written: it is too large, or holds what no head may hold.
    Unwritable,
    /// The server took nothing for too long.
    Stuck,
    /// The connection ended or failed before a byte of the response.
    Empty,
    /// It ended or failed within the response's head.
    Short,
    /// The response is not as HTTP has it.
    Junk(Reject),
    /// More interim responses than anybody needs, or one that was not asked for.
    Interim,
    /// The response did not come in time.
    Silence,
    /// The request's body did not come whole; the client is to blame.
    Upload(Broken),
    /// The client left while the response was awaited.
    Left,
    /// The client left before the request was sent.
    LeftQueue,
    /// No buffers.
    Starved,
}

impl Fault {
    /// The status that answers it; `None` where nobody is left to be answered.
    pub(super) fn status(self) -> Option<u16> {
        Some(match self {
            Fault::Refused(_) => 503,
            Fault::Unwritable | Fault::Upload(Broken::Bad(_) | Broken::SourceTimeout) => 400,
            Fault::Upload(_) => return None,
            Fault::Left | Fault::LeftQueue => 400,
            Fault::Stuck | Fault::Silence => 504,
            Fault::Empty | Fault::Short | Fault::Junk(_) | Fault::Interim => 502,
            Fault::Starved => 500,
        })
    }

    /// Whether the client's connection ends with the answer: where its next request begins is not
    /// certain.
    pub(super) fn closes(self) -> bool {
        matches!(self, Fault::Unwritable | Fault::Upload(_) | Fault::Left | Fault::LeftQueue)
    }

    /// What the log says.
    pub(super) fn ending(self) -> Ending {
        let (cause, stage) = match self {
            Fault::Refused(refusal) => return refused(refusal),
            Fault::Unwritable => (Cause::Proxy, Stage::Request),
            Fault::Stuck | Fault::Silence => (Cause::ServerTimeout, Stage::Headers),
            Fault::Empty => (Cause::Server, Stage::Headers),
            Fault::Short | Fault::Junk(_) | Fault::Interim => (Cause::Proxy, Stage::Headers),
            Fault::Upload(broken) => return Ending { stage: Stage::Headers, ..upload(broken) },
            Fault::Left => (Cause::Client, Stage::Headers),
            Fault::LeftQueue => (Cause::Client, Stage::Queue),
            Fault::Starved => (Cause::Resource, Stage::Headers),
        };
        Ending { cause, stage }
    }
}

/// How an exchange ends that gets no connection to a server.
pub(in crate::exchange) fn refused(refusal: Refusal) -> Ending {
    let (cause, stage) = match refusal {
        Refusal::NoServer | Refusal::Ended | Refusal::Connect | Refusal::Handshake => {
            (Cause::Server, Stage::Connect)
        }
        Refusal::QueueFull => (Cause::Server, Stage::Queue),
        Refusal::QueueTimeout => (Cause::ServerTimeout, Stage::Queue),
        Refusal::ConnectTimeout => (Cause::ServerTimeout, Stage::Connect),
        Refusal::Resource => (Cause::Resource, Stage::Connect),
    };
    Ending { cause, stage }
}

/// A request's body that did not arrive whole.
pub(super) fn upload(broken: Broken) -> Ending {
    let cause = match broken {
        Broken::Source(_) => Cause::Client,
        Broken::SourceTimeout => Cause::ClientTimeout,
        Broken::Bad(_) => Cause::Proxy,
        Broken::Destination => Cause::Server,
        Broken::DestinationTimeout => Cause::ServerTimeout,
        Broken::Starved => Cause::Resource,
    };
    Ending { cause, stage: Stage::Data }
}

/// A response's body that did not arrive whole.
pub(super) fn download(broken: Broken) -> Ending {
    let cause = match broken {
        Broken::Source(_) => Cause::Server,
        Broken::SourceTimeout => Cause::ServerTimeout,
        Broken::Bad(_) => Cause::Proxy,
        Broken::Destination => Cause::Client,
        Broken::DestinationTimeout => Cause::ClientTimeout,
        Broken::Starved => Cause::Resource,
    };
    Ending { cause, stage: Stage::Data }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(ending: Ending) -> String {
        [ending.cause.letter(), ending.stage.letter()].into_iter().collect()
    }

    /// What HAProxy 3.0.11 logged in the same situation.
    #[test]
    fn statuses_and_letters_are_haproxys() {
        let cases = [
            (Fault::Refused(Refusal::NoServer), Some(503), "SC"),
            (Fault::Refused(Refusal::QueueTimeout), Some(503), "sQ"),
            (Fault::Refused(Refusal::ConnectTimeout), Some(503), "sC"),
            (Fault::Empty, Some(502), "SH"),
            (Fault::Short, Some(502), "PH"),
            (Fault::Interim, Some(502), "PH"),
            (Fault::Silence, Some(504), "sH"),
            (Fault::Upload(Broken::Source(None)), None, "CH"),
            (Fault::Upload(Broken::SourceTimeout), Some(400), "cH"),
            (Fault::Unwritable, Some(400), "PR"),
            (Fault::Left, Some(400), "CH"),
        ];
        for (fault, status, ending) in cases {
            assert_eq!((fault.status(), &*letters(fault.ending())), (status, ending), "{fault:?}");
        }
        assert_eq!(letters(download(Broken::Source(None))), "SD");
        assert_eq!(letters(download(Broken::DestinationTimeout)), "cD");
        assert_eq!((Unread::Gone.status(), &*letters(Unread::Gone.ending())), (400, "CR"));
        assert_eq!((Unread::Late.status(), &*letters(Unread::Late.ending())), (408, "cR"));
    }
}
