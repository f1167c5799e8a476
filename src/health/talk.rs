//! What the steps of a check share: the connection, what came on it, the time that is left.
//!
//! Every wait has a limit: connecting takes `timeout connect` or `inter` at most; then, if `timeout check`
//! is set, everything else that long, or else all of it `inter`.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use super::expect;
use super::script::{Act, Form, Script, Step};
use crate::config::plan::{CheckConnect, Given, Server};
use crate::exchange::server::NO_ADDRESS;
use crate::exchange::site::Site;
use crate::exchange::transport::Transport;
use crate::proto::check::reply::Reply;
use crate::proto::check::{REPLY_MAX, Status, Verdict};
use crate::proto::head::View;
use crate::rules::context::{Connection, Context, Exchange, Moment, Variables};
use crate::rules::program::Compiled;
use crate::worker::Time;

/// The most that a step sends.
const SEND_MAX: usize = 16_384;

/// Where a check is, for what a timeout means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Connect,
    Handshake,
    Talk,
}

/// A check that runs: what its steps share.
pub(super) struct Talk<'t> {
    pub(super) site: &'t Rc<Site>,
    pub(super) of: (usize, usize),
    pub(super) line: &'t Server,
    pub(super) script: &'t Script<'t>,
    pub(super) facts: Connection,
    pub(super) exchange: Exchange,
    pub(super) variables: Variables,
    pub(super) moment: Moment,
    pub(super) transport: Option<Transport>,
    pub(super) phase: Cell<Phase>,
    pub(super) deadline: Time,
    /// What came since the last step that sent: for bytes.
    pub(super) bytes: Vec<u8>,
    /// What came: for HTTP.
    pub(super) reply: Option<Reply>,
    /// The server sends nothing more.
    pub(super) ended: bool,
}

/// A check ends with this.
pub(super) type Judged<T> = Result<T, Verdict>;

impl<'t> Talk<'t> {
    pub(super) fn new(
        site: &'t Rc<Site>,
        of: (usize, usize),
        line: &'t Server,
        script: &'t Script<'t>,
    ) -> Talk<'t> {
        let facts = Connection {
            source: NO_ADDRESS,
            destination: NO_ADDRESS,
            tls: None,
            frontend: of.0,
            bind: 0,
            accepted_us: site.unix_us(site.local.now()),
            serial: 0,
            http_major: u8::from(script.form == Form::Http),
            proxy_protocol: None,
        };
        let mut talk = Talk {
            site,
            of,
            line,
            script,
            facts,
            exchange: Exchange::default(),
            variables: Variables::default(),
            moment: site.moment(),
            transport: None,
            phase: Cell::new(Phase::Connect),
            deadline: site.local.now(),
            bytes: Vec::new(),
            reply: None,
            ended: false,
        };
        talk.deadline = site.local.now() + talk.connect_time();
        talk
    }

    /// A connection ends without waiting for anybody: checks are many, and ports few.
    pub(super) fn close(&mut self) {
        if let Some(transport) = self.transport.take()
            && self.script.form == Form::Plain
        {
            transport.abort();
        }
    }

    pub(super) fn disable_on_404(&self) -> bool {
        self.script.disable_on_404
    }

    pub(super) fn is_secure(&self) -> bool {
        matches!(self.transport, Some(Transport::Tls(_)))
    }

    /// What expressions see.
    pub(super) fn context(&self) -> Context<'_> {
        let head = self.reply.as_ref().and_then(Reply::head);
        let base = self.reply.as_ref().map_or(&[][..], Reply::base);
        Context {
            connection: &self.facts,
            request: None,
            response: head.map(|head| View { head: &head.head, base }),
            exchange: &self.exchange,
            server_connection: None,
            proxy: self.of.0,
            backend: Some(self.of.0),
            server: Some(self.of.1),
            variables: &self.variables,
            counters: &*self.site.live,
            moment: self.moment,
            process: &self.site.process,
            plan: &self.site.plan,
        }
    }

    /// What a format gives.
    pub(super) fn format(&self, compiled: Option<&Compiled>) -> Vec<u8> {
        match compiled {
            Some(Compiled::Format(format)) => format.bytes(&self.context()).into_owned(),
            _ => Vec::new(),
        }
    }

    // --- waiting ---

    fn connect_time(&self) -> Duration {
        let inter = self.inter();
        let proxy = self.site.plan.proxies.get(self.of.0);
        let timeouts = proxy.map(|proxy| &proxy.settings.timeouts);
        let set =
            |given: Option<Given<Duration>>| given.map(|it| it.value).filter(|it| !it.is_zero());
        let connect = timeouts.and_then(|it| set(it.connect));
        // Without `timeout check` the interval is for all of it.
        match timeouts.and_then(|it| set(it.check)) {
            Some(_) => connect.map_or(inter, |it| it.min(inter)),
            None => inter,
        }
    }

    fn inter(&self) -> Duration {
        let figures = self.site.live.server(self.of.0, self.of.1);
        figures.map_or(Duration::from_secs(2), |it| it.checkup().pace.inter)
    }

    /// The connection is there: `timeout check` begins.
    pub(super) fn is_connected(&mut self) {
        let proxy = self.site.plan.proxies.get(self.of.0);
        if let Some(check) =
            proxy.and_then(|it| it.settings.timeouts.check).filter(|it| !it.value.is_zero())
        {
            self.deadline = self.site.local.now() + check.value;
        }
    }

    pub(super) async fn within<T>(
        &self,
        step: &Step<'_>,
        future: impl Future<Output = T>,
    ) -> Judged<T> {
        let left = self.deadline.since(self.site.local.now());
        match self.site.local.timeout(left, future).await {
            Ok(value) => Ok(value),
            Err(_) => {
                let status = match self.phase.get() {
                    Phase::Connect => Status::L4Timeout,
                    Phase::Handshake => Status::L6Timeout,
                    Phase::Talk => Status::L7Timeout,
                };
                Err(Verdict::plain(status).at(self, step))
            }
        }
    }

    // --- bytes ---

    pub(super) async fn send(&self, step: &Step<'_>, bytes: &[u8]) -> Judged<()> {
        let Some(transport) = &self.transport else {
            return Err(Verdict::plain(Status::SocketError).at(self, step));
        };
        let bytes = bytes.get(..SEND_MAX).unwrap_or(bytes);
        let Some(chunk) = self.site.local.pool().copy_from(bytes) else {
            return Err(Verdict::with(Status::SocketError, "no buffers").at(self, step));
        };
        let sent = self.within(step, transport.send(chunk)).await?;
        sent.map_err(|_| gone().at(self, step))
    }

    /// More of the answer: false once there is no more.
    pub(super) async fn receive(&mut self, step: &Step<'_>) -> Judged<bool> {
        let Some(transport) = &self.transport else {
            return Err(Verdict::plain(Status::SocketError).at(self, step));
        };
        if self.ended {
            return Ok(false);
        }
        match self.within(step, transport.receive()).await? {
            Ok(Some(chunk)) => {
                match &mut self.reply {
                    Some(reply) => {
                        if let Err(reject) = reply.handle_bytes(&chunk) {
                            let why =
                                format!("{} ({})", reject.reason.code(), reject.reason.section());
                            return Err(Verdict::with(Status::L7Response, &why).at(self, step));
                        }
                    }
                    None => {
                        let room = REPLY_MAX.saturating_sub(self.bytes.len());
                        self.bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                        self.ended |= self.bytes.len() >= REPLY_MAX;
                    }
                }
                Ok(true)
            }
            Ok(None) => {
                self.ended = true;
                if let Some(reply) = &mut self.reply {
                    reply.handle_end();
                }
                Ok(false)
            }
            Err(_) => {
                self.ended = true;
                match self.reply.as_ref().is_none_or(|it| it.head().is_none())
                    && self.bytes.is_empty()
                {
                    true => Err(gone().at(self, step)),
                    false => Ok(false),
                }
            }
        }
    }
}

impl Verdict {
    /// Says at which step of a `tcp-check` it was, as HAProxy does.
    pub(super) fn at(mut self, talk: &Talk<'_>, step: &Step<'_>) -> Verdict {
        if talk.script.form != Form::Tcp {
            return self;
        }
        let place = match step.number {
            0 => " at initial connection step of tcp-check".to_owned(),
            number => format!(" at step {number} of tcp-check ({})", step.act.words()),
        };
        self.info.push_str(&place);
        if let Some(comment) = step.comment {
            self.info.push_str(&format!(" comment: '{comment}'"));
        }
        self
    }
}

impl Act<'_> {
    /// In words: `connect port 80`, `expect string 'OK'`.
    fn words(&self) -> String {
        match self {
            Act::Connect(Some(CheckConnect { port: Some(port), .. })) => {
                format!("connect port {}", port.value)
            }
            Act::Connect(_) => "connect".to_owned(),
            Act::Request(..) | Act::Bytes(_) => "send".to_owned(),
            Act::Expect(expect) => expect::words(&expect.pattern),
            Act::ExpectSuccess => "expect".to_owned(),
            Act::Variable => "set-var".to_owned(),
        }
    }
}

/// The connection broke.
pub(super) fn gone() -> Verdict {
    Verdict::with(Status::SocketError, "ECONNRESET returned by OS (Connection reset by peer)")
}
