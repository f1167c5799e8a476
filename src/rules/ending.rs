//! When the steps of an exchange happened, and how it ended: what log lines tell.
//!
//! The exchange fills it in; `%TR`, `%Tw`, `%ts` and their relatives read it (HAProxy 3.0,
//! configuration.txt §8.4 "Timing events", §8.5 "Session state at disconnection").

/// When each step happened, in microseconds of a clock that never goes back; `None` if it did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The connection was accepted.
    pub accepted: Option<u64>,
    /// The handshakes (PROXY protocol, TLS) were done.
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
