//! When the steps of an exchange happened, and how it ended: what log lines tell.
//!
//! The exchange fills it in; `%TR`, `%Tw`, `%ts` and their relatives read it (HAProxy 3.0,
//! configuration.txt §8.4 "Timing events", §8.5 "Session state at disconnection").

/// When each step happened, in microseconds of a clock that never goes back; `None` if it did not.
///
/// For a connection's first request `accepted` and `greeted` are the connection's; for each later one
/// both are the moment when the response before it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The connection was accepted, or the response before was over.
    pub accepted: Option<u64>,
    /// The handshakes (PROXY protocol, TLS) were done, or the response before was over.
    pub greeted: Option<u64>,
    /// The request's first byte came.
    pub begun: Option<u64>,
    /// The request's head was there.
    pub requested: Option<u64>,
    /// The request left the queues; a server is assigned.
    pub assigned: Option<u64>,
    /// The connection to the server was established (or taken from the pool).
    pub connected: Option<u64>,
    /// The response's head was there.
    pub answered: Option<u64>,
    /// Everything was over.
    pub ended: Option<u64>,
}

/// The spans between the steps, in whole milliseconds, -1 where a step did not happen. Each step is
/// rounded down as counted from the first, so spans add up to their totals.
impl Times {
    /// Milliseconds from the first step to `at`.
    fn since_start(&self, at: Option<u64>) -> Option<i64> {
        let us = at?.saturating_sub(self.accepted?);
        i64::try_from(us / 1000).ok()
    }

    /// From one step to another.
    fn span(&self, from: Option<u64>, to: Option<u64>) -> i64 {
        match (self.since_start(from), self.since_start(to)) {
            (Some(from), Some(to)) => to.saturating_sub(from).max(0),
            _ => -1,
        }
    }

    /// The end; before it, the last step known.
    fn last(&self) -> Option<u64> {
        let steps = [self.answered, self.connected, self.assigned, self.requested, self.begun];
        let latest = || steps.into_iter().flatten().max().or(self.greeted).or(self.accepted);
        self.ended.or_else(latest)
    }

    /// When the handshakes were done; without any, at the start.
    fn ready(&self) -> Option<u64> {
        self.greeted.or(self.accepted)
    }

    /// `Th`: the handshakes.
    pub fn handshake_ms(&self) -> i64 {
        self.span(self.accepted, self.ready()).max(0)
    }

    /// `Ti`: idle before the request's first byte.
    pub fn idle_ms(&self) -> i64 {
        self.span(self.ready(), self.begun)
    }

    /// `TR`: from the request's first byte to the end of its head.
    pub fn request_ms(&self) -> i64 {
        self.span(self.begun, self.requested)
    }

    /// `Tq`: from the start to the end of the request's head.
    pub fn until_request_ms(&self) -> i64 {
        self.span(self.accepted, self.requested)
    }

    /// `Tw`: in queues.
    pub fn queue_ms(&self) -> i64 {
        self.span(self.requested.or(self.ready()), self.assigned)
    }

    /// `Tc`: connecting to the server.
    pub fn connect_ms(&self) -> i64 {
        self.span(self.assigned, self.connected)
    }

    /// `Tr`: until the response's head was there.
    pub fn response_ms(&self) -> i64 {
        self.span(self.connected, self.answered)
    }

    /// `Td`: the transfer of data, which in TCP mode begins when the server is connected.
    pub fn data_ms(&self) -> i64 {
        let http = self.requested.is_some();
        let from = if http { self.answered } else { self.answered.or(self.connected) };
        self.span(from, from.and(self.last()))
    }

    /// `Ta`: from the request's first byte to the end. Never negative.
    pub fn active_ms(&self) -> i64 {
        self.span(self.begun.or(self.accepted), self.last()).max(0)
    }

    /// `Tt`: from the start to the end. Never negative.
    pub fn total_ms(&self) -> i64 {
        self.span(self.accepted, self.last()).max(0)
    }

    /// `Tu`: the total without the idle time. Never negative.
    pub fn user_ms(&self) -> i64 {
        self.total_ms().saturating_sub(self.idle_ms().max(0))
    }
}

/// What is known of the cookie that keeps a client on its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CookieState {
    /// What the request brought.
    pub request: OfRequest,
    /// What the response brings.
    pub response: OfResponse,
    /// When the client was seen last, by its cookie: seconds since 1970-01-01 UTC.
    pub last_s: Option<u64>,
    /// When it got its cookie.
    pub first_s: Option<u64>,
}

/// What a request brought as its cookie: the third letter of a termination state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfRequest {
    /// `N`: none.
    #[default]
    None,
    /// `I`: one that names no server.
    Invalid,
    /// `D`: one of a server that is down.
    Down,
    /// `V`: one of a server that is up.
    Valid,
    /// `E`: one that was not used for too long.
    Expired,
    /// `O`: one that is too old.
    Old,
    /// `U`: one that was not looked at, since something else chose the server.
    Unused,
}

/// What becomes of the cookie in a response: the fourth letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfResponse {
    /// `N`: there is none.
    #[default]
    None,
    /// `P`: the server's passes.
    Passive,
    /// `D`: the server's was removed.
    Deleted,
    /// `I`: one was inserted.
    Inserted,
    /// `R`: the server's was changed.
    Replaced,
    /// `U`: one was inserted for its date only.
    Updated,
}

impl CookieState {
    /// The two letters, as the log has them.
    pub fn letters(self, redispatched: bool) -> [u8; 2] {
        let request = match self.request {
            OfRequest::None => b'N',
            OfRequest::Invalid => b'I',
            OfRequest::Valid if redispatched => b'D',
            OfRequest::Valid => b'V',
            OfRequest::Down => b'D',
            OfRequest::Expired => b'E',
            OfRequest::Old => b'O',
            OfRequest::Unused => b'U',
        };
        let response = match self.response {
            OfResponse::None => b'N',
            OfResponse::Passive => b'P',
            OfResponse::Deleted => b'D',
            OfResponse::Inserted => b'I',
            OfResponse::Replaced => b'R',
            OfResponse::Updated => b'U',
        };
        [request, response]
    }
}

/// Who or what ended an exchange: the first letter of a termination state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// `-`: a normal end.
    #[default]
    Normal,
    /// `C`: the client aborted the connection.
    Client,
    /// `S`: the server aborted it, or refused it.
    Server,
    /// `P`: we refused or ended it: a rule, a limit, an invalid message.
    Proxy,
    /// `L`: we answered ourselves (redirections, statistics).
    Local,
    /// `R`: a resource was exhausted.
    Resource,
    /// `I`: an internal fault.
    Internal,
    /// `D`: the server went down.
    Down,
    /// `U`: the server came up and the backup was left.
    Up,
    /// `K`: an operator.
    Killed,
    /// `c`: the client's timeout.
    ClientTimeout,
    /// `s`: the server's timeout (or the connect timeout).
    ServerTimeout,
}

/// What was going on: the second letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// `R`: waiting for a valid request.
    Request,
    /// `Q`: waiting in a queue.
    Queue,
    /// `C`: connecting to the server.
    Connect,
    /// `H`: waiting for the response's head.
    Headers,
    /// `D`: transferring data.
    Data,
    /// `L`: the last data to the client.
    Last,
    /// `T`: tarpitted.
    Tarpit,
    /// `-`: after the end of data.
    #[default]
    Done,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Who.
    pub cause: Cause,
    /// When.
    pub stage: Stage,
}

impl Ending {
    /// Whether nothing went wrong: a normal end, or an answer of our own.
    pub fn is_normal(self) -> bool {
        matches!(self.cause, Cause::Normal | Cause::Local)
    }

    /// The two letters of `%ts`.
    pub fn letters(self) -> [u8; 2] {
        // All letters are ASCII.
        [self.cause.letter() as u8, self.stage.letter() as u8]
    }
}

impl Cause {
    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Cause::Normal => '-',
            Cause::Client => 'C',
            Cause::Server => 'S',
            Cause::Proxy => 'P',
            Cause::Local => 'L',
            Cause::Resource => 'R',
            Cause::Internal => 'I',
            Cause::Down => 'D',
            Cause::Up => 'U',
            Cause::Killed => 'K',
            Cause::ClientTimeout => 'c',
            Cause::ServerTimeout => 's',
        }
    }
}

impl Stage {
    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Stage::Request => 'R',
            Stage::Queue => 'Q',
            Stage::Connect => 'C',
            Stage::Headers => 'H',
            Stage::Data => 'D',
            Stage::Last => 'L',
            Stage::Tarpit => 'T',
            Stage::Done => '-',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times() -> Times {
        Times {
            accepted: Some(1_000_900),
            greeted: Some(1_002_000),
            begun: Some(1_010_000),
            requested: Some(1_013_100),
            assigned: Some(1_013_900),
            connected: Some(1_020_000),
            answered: Some(1_050_000),
            ended: Some(1_090_899),
        }
    }

    #[test]
    fn spans_add_up() {
        let it = times();
        let of_http = [it.idle_ms(), it.request_ms(), it.queue_ms(), it.connect_ms()];
        assert_eq!((it.handshake_ms(), of_http), (1, [8, 3, 1, 6]));
        assert_eq!((it.response_ms(), it.data_ms(), it.until_request_ms()), (30, 40, 12));
        assert_eq!((it.active_ms(), it.total_ms(), it.user_ms()), (80, 89, 81));
        let sum = of_http.iter().sum::<i64>() + it.handshake_ms() + it.response_ms() + it.data_ms();
        assert_eq!(sum, it.total_ms());
    }

    #[test]
    fn a_step_that_did_not_happen_is_minus_one() {
        let it = Times { accepted: Some(5), ended: Some(9_005), ..Times::default() };
        let spans = [it.idle_ms(), it.request_ms(), it.queue_ms(), it.connect_ms()];
        assert_eq!(spans, [-1; 4]);
        assert_eq!([it.response_ms(), it.data_ms(), it.until_request_ms()], [-1; 3]);
        assert_eq!([it.handshake_ms(), it.active_ms(), it.total_ms(), it.user_ms()], [0, 9, 9, 9]);
        let none = Times::default();
        assert_eq!([none.handshake_ms(), none.active_ms(), none.total_ms()], [0; 3]);
    }

    #[test]
    fn before_the_end_the_last_step_counts() {
        let it = Times { ended: None, ..times() };
        assert_eq!((it.total_ms(), it.active_ms(), it.data_ms()), (49, 40, 0));
        let tcp = Times { begun: None, requested: None, answered: None, ..times() };
        assert_eq!((tcp.queue_ms(), tcp.connect_ms(), tcp.data_ms()), (12, 6, 70));
    }
}
