//! A check: a connection to a server, what the script says on it, and the verdict.
//!
//! Every wait has a limit: connecting takes `timeout connect` or `inter` at most; then, if `timeout check`
//! is set, everything else that long, or else all of it `inter`.

use std::cell::Cell;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::expect;
use super::script::{Act, Form, Line, Script, Step};
use crate::config::plan::{CheckBytes, CheckConnect, CheckRequest, CheckText, Location, Server};
use crate::exchange::server::NO_ADDRESS;
use crate::exchange::site::Site;
use crate::exchange::transport::Transport;
use crate::proto::check::preset::{Next, Talk as Conversation};
use crate::proto::check::reply::Reply;
use crate::proto::check::{REPLY_MAX, Status, Verdict};
use crate::proto::head::View;
use crate::proto::proxy_protocol::{Command, write_v1, write_v2};
use crate::rules::context::{Connection, Context, Exchange, Moment, Variables};
use crate::rules::program::Compiled;
use crate::tls::HandshakeFault;
use crate::worker::{ConnectError, DialOptions, SocketAddress, Time};

/// The most that a step sends.
const SEND_MAX: usize = 16_384;

/// Asks a server once.
pub(super) async fn check(site: &Rc<Site>, backend: usize, server: usize) -> Verdict {
    // The plan is kept for as long as the check runs, whatever is reloaded meanwhile.
    let (plan, program) = (site.plan.clone(), site.program.clone());
    let Some(proxy) = plan.proxies.get(backend) else { return Verdict::plain(Status::Unknown) };
    let Some(line) = proxy.servers.get(server) else { return Verdict::plain(Status::Unknown) };
    let script = Script::new(proxy, program.proxy(backend));
    let mut talk = Talk::new(site, (backend, server), line, &script);
    match talk.run().await {
        Ok(verdict) | Err(verdict) => {
            talk.close();
            verdict
        }
    }
}

/// Where a check is, for what a timeout means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connect,
    Handshake,
    Talk,
}

/// A check that runs.
pub(super) struct Talk<'t> {
    site: &'t Rc<Site>,
    pub(super) of: (usize, usize),
    line: &'t Server,
    script: &'t Script<'t>,
    facts: Connection,
    exchange: Exchange,
    variables: Variables,
    moment: Moment,
    transport: Option<Transport>,
    phase: Cell<Phase>,
    deadline: Time,
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
    fn new(
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

    async fn run(&mut self) -> Judged<Verdict> {
        let mut passed = match &self.script.form {
            Form::Plain => Verdict::plain(Status::L4Passed),
            _ => Verdict { code: Some(0), ..Verdict::plain(Status::L7Passed) },
        };
        for step in &self.script.steps {
            match &step.act {
                Act::Connect(connect) => self.connect(step, *connect).await?,
                Act::Request(request, line) => self.ask(step, *request, *line).await?,
                Act::Bytes(bytes) => self.send_bytes(step, bytes).await?,
                Act::Expect(expect) => {
                    if let Some(verdict) = expect::wait(self, step, expect).await? {
                        passed = verdict;
                    }
                }
                Act::ExpectSuccess => passed = expect::success(self).await?,
                Act::Variable => {
                    if let Some(Compiled::Variable(edit)) = step.compiled.first() {
                        edit.apply(&self.context());
                    }
                }
            }
        }
        match &self.script.form {
            Form::Plain if self.is_secure() => Ok(Verdict::plain(Status::L6Passed)),
            Form::Preset(kind) => {
                let (conversation, first) = Conversation::new(kind.clone());
                self.converse(conversation, first).await
            }
            Form::Tcp if passed.info.is_empty() => {
                Ok(Verdict { info: "(tcp-check)".into(), ..passed })
            }
            _ => Ok(passed),
        }
    }

    /// A connection ends without waiting for anybody: checks are many, and ports few.
    fn close(&mut self) {
        if let Some(transport) = self.transport.take()
            && self.script.form == Form::Plain
        {
            transport.abort();
        }
    }

    pub(super) fn disable_on_404(&self) -> bool {
        self.script.disable_on_404
    }

    fn is_secure(&self) -> bool {
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
            tables: &self.site.tables,
            moment: self.moment,
            process: &self.site.process,
            plan: &self.site.plan,
        }
    }

    // --- waiting ---

    fn connect_time(&self) -> Duration {
        let inter = self.inter();
        let proxy = self.site.plan.proxies.get(self.of.0);
        let timeouts = proxy.map(|proxy| &proxy.settings.timeouts);
        let set = |given: Option<crate::config::plan::Given<Duration>>| {
            given.map(|it| it.value).filter(|it| !it.is_zero())
        };
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
    fn is_connected(&mut self) {
        let proxy = self.site.plan.proxies.get(self.of.0);
        if let Some(check) =
            proxy.and_then(|it| it.settings.timeouts.check).filter(|it| !it.value.is_zero())
        {
            self.deadline = self.site.local.now() + check.value;
        }
    }

    async fn within<T>(&self, step: &Step<'_>, future: impl Future<Output = T>) -> Judged<T> {
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

    // --- the steps ---

    async fn connect(&mut self, step: &Step<'_>, connect: Option<&CheckConnect>) -> Judged<()> {
        self.transport = None;
        (self.ended, self.reply) = (false, None);
        self.bytes.clear();
        self.phase.set(Phase::Connect);
        let port = connect.and_then(|it| it.port_expression.as_ref()).and_then(|_| {
            let Some(Compiled::Expr(expr)) = step.compiled.first() else { return None };
            let context = self.context();
            let text = expr.last(&context)?.into_text();
            std::str::from_utf8(&text).ok()?.parse().ok()
        });
        let Some(to) = self.target(connect, port) else {
            return Err(
                Verdict::with(Status::SocketError, "the server has no address").at(self, step)
            );
        };
        let options = DialOptions {
            source: crate::exchange::server::source(&self.site.plan, self.of),
            ..DialOptions::default()
        };
        let dialled = self.within(step, self.site.local.dial(&to, &options)).await?;
        let stream = dialled.map_err(|error| unreachable(error).at(self, step))?;
        self.is_connected();
        (self.facts.source, self.facts.destination) =
            (internet(stream.local_address()), internet(Some(to)));
        let transport = Transport::Plain(stream);
        if self.sends_proxy(connect) {
            let header = self.proxy_header();
            self.transport = Some(transport);
            self.send(step, &header).await?;
        } else {
            self.transport = Some(transport);
        }
        if self.wants_tls(connect) {
            self.shake(step, connect).await?;
        }
        self.phase.set(Phase::Talk);
        Ok(())
    }

    /// Where it connects to.
    fn target(&self, connect: Option<&CheckConnect>, port: Option<u16>) -> Option<SocketAddress> {
        let settings = &self.line.settings;
        let figures = self.site.live.server(self.of.0, self.of.1)?;
        let (address, changed_port) = {
            let checkup = figures.checkup();
            (checkup.check_address, checkup.check_port)
        };
        let other = connect.and_then(|it| it.address).map(|it| it.value).or(address);
        let of_line = settings.health.addr.as_ref().and_then(|it| literal(&it.location));
        let port = connect.and_then(|it| it.port).map(|it| it.value).or(port).or(changed_port);
        let port = port.or(settings.health.port.map(|it| it.value));
        let port = port.or(settings.health.addr.as_ref().and_then(|it| it.fixed_port()));
        let server = crate::exchange::server::place(self.site, self.of);
        let ip = other.or(of_line);
        match (server, ip) {
            (Some(SocketAddress::Unix(path)), None) => Some(SocketAddress::Unix(path)),
            (Some(server @ SocketAddress::Abstract(_)), None) => Some(server),
            (server, ip) => {
                let server = server.map(|it| internet(Some(it)));
                let ip = ip.or(server.map(|it| it.ip()))?;
                let port = port.or(server.map(|it| it.port())).filter(|&port| port > 0)?;
                Some(SocketAddr::new(ip, port).into())
            }
        }
    }

    /// Whether checks go where requests go: what the line says about connections then holds for them.
    fn goes_elsewhere(&self) -> bool {
        self.line.settings.health.addr.is_some() || self.line.settings.health.port.is_some()
    }

    fn wants_tls(&self, connect: Option<&CheckConnect>) -> bool {
        let settings = &self.line.settings;
        let own = settings.tls.enabled.is_some_and(|it| it.value) && !self.goes_elsewhere();
        let as_server = settings.health.ssl.map_or(own, |it| it.value);
        match connect {
            None => as_server,
            Some(connect) => connect.tls || (connect.as_server && as_server),
        }
    }

    fn sends_proxy(&self, connect: Option<&CheckConnect>) -> bool {
        let settings = &self.line.settings;
        let protocol = &settings.proxy_protocol;
        let own = (protocol.v1.is_some() || protocol.v2.is_some()) && !self.goes_elsewhere();
        let as_server = settings.health.send_proxy.is_some() || own;
        match connect {
            None => as_server,
            Some(connect) => connect.send_proxy || (connect.as_server && as_server),
        }
    }

    fn proxy_header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.line.settings.proxy_protocol.v2 {
            Some(_) => {
                let (from, to) = (self.facts.source, self.facts.destination);
                let command = match self.site.plan.global.proxy_never_local {
                    true => Command::Proxy(Some((from, to))),
                    false => Command::Local,
                };
                write_v2(command, &[], false, &mut out);
            }
            None => write_v1(self.facts.source, self.facts.destination, &mut out),
        }
        out
    }

    async fn shake(&mut self, step: &Step<'_>, connect: Option<&CheckConnect>) -> Judged<()> {
        self.phase.set(Phase::Handshake);
        let tls = crate::exchange::server::tls_of(self.site, self.of);
        let Some(Transport::Plain(stream)) = self.transport.take() else {
            return Err(Verdict::plain(Status::SocketError).at(self, step));
        };
        let Some(tls) = tls else {
            let why = "the server's line has neither `ssl` nor `check-ssl`";
            return Err(Verdict::with(Status::SocketError, why).at(self, step));
        };
        let named =
            connect.and_then(|it| it.sni.as_ref()).or(self.line.settings.health.sni.as_ref());
        let shaken = self.within(step, tls.connect(stream, named.map(|it| &*it.value))).await?;
        match shaken {
            Ok((stream, _)) => {
                self.transport = Some(Transport::Tls(Box::new(stream)));
                Ok(())
            }
            Err(fault) => {
                let why = match fault {
                    HandshakeFault::Tls(error) => format!("SSL handshake failure: {error}"),
                    HandshakeFault::Gone => "Connection closed during SSL handshake".to_owned(),
                    HandshakeFault::UnknownName => "SSL handshake failure".to_owned(),
                    HandshakeFault::Starved => "no buffers".to_owned(),
                };
                Err(Verdict::with(Status::L6Response, &why).at(self, step))
            }
        }
    }

    async fn send(&self, step: &Step<'_>, bytes: &[u8]) -> Judged<()> {
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

    async fn ask(
        &mut self,
        step: &Step<'_>,
        request: Option<&CheckRequest>,
        line: Line<'_>,
    ) -> Judged<()> {
        let (method, bytes) = self.request(step, request, line);
        self.reply = Some(Reply::new(method.as_bytes()));
        self.ended = false;
        self.send(step, &bytes).await
    }

    /// The bytes of a request, and its method.
    fn request(
        &self,
        step: &Step<'_>,
        request: Option<&CheckRequest>,
        line: Line<'_>,
    ) -> (String, Vec<u8>) {
        let mut formats = step.compiled.iter();
        let mut text = |text: &CheckText| match text {
            CheckText::Plain(text) => text.as_bytes().to_vec(),
            CheckText::Format(_) => self.format(formats.next()),
        };
        let method = request.and_then(|it| it.method.as_deref()).unwrap_or(line.method).to_owned();
        let uri = match request.and_then(|it| it.uri.as_ref()) {
            Some(uri) => text(uri),
            None => line.uri.as_bytes().to_vec(),
        };
        let said = request.and_then(|it| it.version.as_deref()).unwrap_or(line.version);
        let (version, old_fields) = said.split_once("\r\n").unwrap_or((said, ""));
        let mut fields = Vec::new();
        for (name, value) in request.map_or(&[][..], |it| &it.fields) {
            let value = match step.compiled.is_empty() {
                true => value.text.as_bytes().to_vec(),
                false => text(&CheckText::Format(value.clone())),
            };
            fields.push((name.text.to_ascii_lowercase(), value));
        }
        let body = request.and_then(|it| it.body.as_ref()).map(text);
        let mut out = [method.as_bytes(), b" ", &uri, b" ", version.as_bytes(), b"\r\n"].concat();
        for line in old_fields.split("\r\n").filter(|line| !line.is_empty()) {
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if self.script.send_state {
            fields.push(("x-haproxy-server-state".to_owned(), self.state().into_bytes()));
        }
        if let Some(body) = &body {
            fields.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
        }
        if request.is_some() && !fields.iter().any(|(name, _)| name == "connection") {
            fields.push(("connection".to_owned(), b"close".to_vec()));
        }
        for (name, value) in fields {
            // A value that would end its line is no value.
            let value: Vec<u8> =
                value.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect();
            out.extend_from_slice(&[name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body.unwrap_or_default());
        (method, out)
    }

    /// `http-check send-state`: `UP 3/3; address=192.0.2.1; port=80; name=b/s; node=host; weight=1/3;
    /// scur=0/0; qcur=0`.
    fn state(&self) -> String {
        let (backend, server) = self.of;
        let Some(figures) = self.site.live.server(backend, server) else { return String::new() };
        let (up, (done, needed)) = {
            let checkup = figures.checkup();
            (checkup.check.is_up(), checkup.check.score())
        };
        let place = internet(crate::exchange::server::place(self.site, self.of));
        let servers = self.site.live.servers(backend);
        let (weights, current): (u64, u64) =
            servers.iter().filter(|it| it.is_usable()).fold((0, 0), |sum, it| {
                (sum.0 + u64::from(it.weight()), sum.1 + u64::from(it.current()))
            });
        format!(
            "{} {done}/{needed}; address={}; port={}; name={}/{}; node={}; weight={}/{weights}; scur={}/{current}; qcur={}",
            if up { "UP" } else { "DOWN" },
            place.ip(),
            place.port(),
            self.site.plan.proxies.get(backend).map_or("", |it| &it.name),
            self.line.name.value,
            self.site.process.hostname,
            figures.weight(),
            figures.current(),
            figures.waiting(),
        )
    }

    async fn send_bytes(&mut self, step: &Step<'_>, bytes: &CheckBytes) -> Judged<()> {
        let bytes = match bytes {
            CheckBytes::Text(text) => text.as_bytes().to_vec(),
            CheckBytes::Binary(bytes) => bytes.to_vec(),
            CheckBytes::Format(_) => self.format(step.compiled.first()),
            CheckBytes::HexFormat(_) => {
                let digits = self.format(step.compiled.first()).to_ascii_uppercase();
                data_encoding::HEXUPPER.decode(&digits).unwrap_or_default()
            }
        };
        self.bytes.clear();
        self.send(step, &bytes).await
    }

    /// What a format gives.
    pub(super) fn format(&self, compiled: Option<&Compiled>) -> Vec<u8> {
        match compiled {
            Some(Compiled::Format(format)) => format.bytes(&self.context()).into_owned(),
            _ => Vec::new(),
        }
    }

    async fn converse(
        &mut self,
        mut talk: Conversation,
        first: Option<Vec<u8>>,
    ) -> Judged<Verdict> {
        let step = Step { act: Act::ExpectSuccess, number: 0, comment: None, compiled: &[] };
        if let Some(first) = first {
            self.send(&step, &first).await?;
        }
        loop {
            self.bytes.clear();
            if !self.receive(&step).await? {
                return Err(Verdict::with(Status::L7Response, "Connection closed by the server"));
            }
            match talk.handle_bytes(&self.bytes) {
                Next::Wait => {}
                Next::Send(bytes) => self.send(&step, &bytes).await?,
                Next::Done(verdict, farewell) => {
                    if !farewell.is_empty() {
                        // It has said what there was to say.
                        let _ = self.send(&step, farewell).await;
                    }
                    return Ok(verdict);
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

/// An address that is written as one.
pub(super) fn literal(location: &Location) -> Option<IpAddr> {
    match location {
        Location::V4(ip) => Some((*ip).into()),
        Location::V6 { ip, .. } => Some((*ip).into()),
        _ => None,
    }
}

pub(super) fn internet(address: Option<SocketAddress>) -> SocketAddr {
    match address {
        Some(SocketAddress::V4(v4)) => v4.into(),
        Some(SocketAddress::V6(v6)) => v6.into(),
        _ => NO_ADDRESS,
    }
}

/// The connection broke.
pub(super) fn gone() -> Verdict {
    Verdict::with(Status::SocketError, "ECONNRESET returned by OS (Connection reset by peer)")
}

/// Why there is no connection, in the system's words.
pub(super) fn unreachable(error: ConnectError) -> Verdict {
    let text = match error {
        ConnectError::TimedOut => return Verdict::plain(Status::L4Timeout),
        ConnectError::DescriptorLimit | ConnectError::Memory => {
            return Verdict::with(Status::SocketError, &error.to_string());
        }
        ConnectError::Refused => "Connection refused",
        ConnectError::HostUnreachable => "No route to host",
        ConnectError::NetworkUnreachable => "Network is unreachable",
        ConnectError::AddressNotAvailable => "Cannot assign requested address",
        ConnectError::Denied => "Permission denied",
        ConnectError::NotFound => "No such file or directory",
        ConnectError::Reset => "Connection reset by peer",
        other => return Verdict::with(Status::L4Connect, &other.to_string()),
    };
    Verdict::with(Status::L4Connect, text)
}
