//! What comes before a connection's protocol: rules for connections, the PROXY protocol, TLS.
//!
//! In: a connection as it was accepted. Out: the same with what it said about itself; or nothing, if it
//! was refused or did not get that far, which is logged as HAProxy logs it.

use std::borrow::Cow;
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Client;
use crate::config::plan::{Bind, Proxy, is_on};
use crate::exchange::inbox::{Full, Inbox};
use crate::exchange::site::Site;
use crate::exchange::stick;
use crate::exchange::transport::Transport;
use crate::ledger::Count;
use crate::proto::proxy_protocol::{self, Fault, Header};
use crate::rules::action::Ruleset;
use crate::rules::context::{Connection, Exchange, ProxyFacts, Variables};
use crate::rules::ending::Times;
use crate::rules::walk::{self, Admission, Effects, Quiet, Walk};
use crate::tls::{BindTls, HandshakeFault};
use crate::worker::{Expired, Stream};

/// Whether anything is to be done before the protocol of a connection on this bind.
pub(super) fn is_needed(site: &Site, frontend: usize, bind: usize) -> bool {
    let rules = site.program.proxy(frontend);
    bind_of(site, frontend, bind).is_some_and(|bind| bind.accept_proxy.is_some())
        || tls_of(site, frontend, bind).is_some()
        || !rules.list(Ruleset::TcpConnection).is_empty()
        || !rules.list(Ruleset::TcpSession).is_empty()
}

/// Greets a client; `None` if there is nothing to serve.
pub(super) async fn greet(site: &Rc<Site>, client: Client, accepted_us: u64) -> Option<Client> {
    let (frontend, bind) = (client.connection.frontend, client.connection.bind);
    let mut greeting = Greeting { site, client, accepted_us };
    let expect = greeting.admit(Ruleset::TcpConnection)?.expect_proxy
        || bind_of(site, frontend, bind).is_some_and(|bind| bind.accept_proxy.is_some());
    let tls = tls_of(site, frontend, bind);
    if expect || tls.is_some() {
        greeting = greeting.shake_hands(expect, tls).await?;
    }
    greeting.admit(Ruleset::TcpSession)?;
    stick::begin_session(site, &greeting.client.variables);
    Some(greeting.client)
}

/// What a connection is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A PROXY header, of which something came or nothing did.
    ProxyProtocol { begun: bool },
    /// TLS.
    Tls,
}

/// Why there was no greeting.
enum Failure {
    /// The client ended the connection.
    Closed(Step),
    /// The connection failed.
    Reset,
    /// It took too long.
    Late(Step),
    /// The PROXY header is none, or wrong.
    Header(Fault),
    /// TLS.
    Tls(HandshakeFault),
    /// There was no buffer.
    Starved,
}

/// A client on its way.
struct Greeting<'a> {
    site: &'a Rc<Site>,
    client: Client,
    accepted_us: u64,
}

impl Greeting<'_> {
    /// Runs a list of rules; `None` if they refuse the connection.
    fn admit(&mut self, ruleset: Ruleset) -> Option<Effects> {
        let site = self.site;
        if site.program.proxy(self.client.connection.frontend).list(ruleset).is_empty() {
            return Some(Effects::default());
        }
        let Client { transport, connection, variables, .. } = &mut self.client;
        let mut walk = walk_of(site, connection, variables, self.accepted_us);
        let admission = walk::connection(&mut walk, ruleset, &mut Quiet);
        let Walk { exchange, effects, .. } = walk;
        transport.stream().set_packets(effects.client_tos, effects.client_mark);
        connection.source = exchange.source(connection);
        connection.destination = exchange.destination.unwrap_or(connection.destination);
        let refused = match ruleset {
            Ruleset::TcpConnection => Count::DeniedConnections,
            _ => Count::DeniedSessions,
        };
        let (frontend, bind) = (connection.frontend, connection.bind);
        match admission {
            Admission::Accept => return Some(effects),
            // As in HAProxy: by a reset before the handshakes.
            Admission::Close if ruleset == Ruleset::TcpConnection => transport.abort(),
            Admission::Close => {}
            Admission::Drop(ttl) => transport.stream().vanish(ttl),
        }
        site.ledger.count_front(frontend, bind, refused);
        None
    }

    /// PROXY protocol and TLS, within their time. A failure is logged.
    async fn shake_hands(self, expect: bool, tls: Option<&Arc<BindTls>>) -> Option<Self> {
        let Greeting { site, client, accepted_us } = self;
        let Client { transport, mut inbox, mut connection, variables } = client;
        // Nothing was done on it before: it is in the clear.
        let Transport::Plain(stream) = transport else { return None };
        let (frontend, bind) = (connection.frontend, connection.bind);
        let count = |count| site.ledger.count_front(frontend, bind, count);
        let limit = site.plan.proxies.get(frontend).and_then(limit);
        let first = if expect { Step::ProxyProtocol { begun: false } } else { Step::Tls };
        let step = Cell::new(first);
        let shaking = async {
            if expect {
                let header = receive_header(&stream, &mut inbox, &step).await?;
                let Connection { source, destination, .. } = connection;
                connection.proxy_protocol =
                    Some(ProxyFacts { source, destination, tlvs: header.tlvs });
                if let Some((source, destination)) = header.addresses {
                    (connection.source, connection.destination) = (source, destination);
                }
            }
            let Some(tls) = tls else { return Ok(Transport::Plain(stream)) };
            step.set(Step::Tls);
            let accepted = tls.accept(stream, inbox.take_all()).await;
            let (stream, facts) = accepted.map_err(Failure::Tls)?;
            connection.tls = Some(facts);
            Ok(Transport::Tls(Box::new(stream)))
        };
        let outcome = within(site, limit, shaking).await;
        match outcome.unwrap_or_else(|Expired| Err(Failure::Late(step.get()))) {
            Ok(transport) => {
                if let Some(tls) = &connection.tls {
                    count(Count::TlsSessions);
                    if tls.resumed {
                        count(Count::TlsResumed);
                    }
                }
                let client = Client { transport, inbox, connection, variables };
                Some(Greeting { site, client, accepted_us })
            }
            Err(failure) => {
                let walk = walk_of(site, &connection, &variables, accepted_us);
                if matches!(failure, Failure::Tls(_) | Failure::Late(Step::Tls)) {
                    count(Count::TlsFailed);
                }
                log(&walk, site, &failure);
                None
            }
        }
    }
}

/// What rules and log lines see of a connection.
fn walk_of<'a>(
    site: &'a Site,
    connection: &'a Connection,
    variables: &'a Variables,
    accepted_us: u64,
) -> Walk<'a> {
    let times = Times { accepted: Some(accepted_us), ..Times::default() };
    Walk {
        plan: &site.plan,
        program: &site.program,
        connection,
        counters: &*site.live,
        tables: &site.tables,
        moment: site.moment(),
        process: &site.process,
        variables,
        request: None,
        response: None,
        exchange: Exchange { started_us: connection.accepted_us, times, ..Exchange::default() },
        server_connection: None,
        proxy: connection.frontend,
        backend: None,
        server: None,
        effects: Effects::default(),
    }
}

/// How long handshakes may take.
fn limit(proxy: &Proxy) -> Option<Duration> {
    let timeouts = &proxy.settings.timeouts;
    let given = timeouts.client_handshake.or(timeouts.client);
    given.map(|given| given.value).filter(|limit| !limit.is_zero())
}

async fn within<F: Future>(
    site: &Site,
    limit: Option<Duration>,
    future: F,
) -> Result<F::Output, Expired> {
    match limit {
        Some(limit) => site.local.timeout(limit, future).await,
        None => Ok(future.await),
    }
}

/// Reads a PROXY header; what came behind it stays in the inbox.
async fn receive_header(
    stream: &Stream,
    inbox: &mut Inbox,
    step: &Cell<Step>,
) -> Result<Header, Failure> {
    loop {
        if let Some(header) = proxy_protocol::parse(inbox.bytes()).map_err(Failure::Header)? {
            inbox.advance(header.length);
            return Ok(header);
        }
        match stream.receive().await {
            // The parser asks for so many bytes only, and no more.
            Ok(Some(chunk)) => inbox.push(chunk, stream.pool()).map_err(|Full| Failure::Starved)?,
            Ok(None) => return Err(Failure::Closed(step.get())),
            Err(_) => return Err(Failure::Reset),
        }
        step.set(Step::ProxyProtocol { begun: true });
    }
}

impl Failure {
    /// HAProxy's words; behind those about TLS stands what is wrong in the words of the library.
    fn words(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Failure::Closed(Step::ProxyProtocol { begun: false }) => {
                "Connection closed while waiting for PROXY protocol header"
            }
            Failure::Reset => "Connection error while waiting for PROXY protocol header",
            Failure::Late(Step::ProxyProtocol { begun: false }) => {
                "Timeout while waiting for PROXY protocol header"
            }
            Failure::Closed(Step::ProxyProtocol { .. })
            | Failure::Late(Step::ProxyProtocol { .. }) => {
                "Truncated PROXY protocol header received"
            }
            Failure::Header(Fault::NotOne) => {
                "Received something which does not look like a PROXY protocol header"
            }
            Failure::Header(Fault::Malformed) => "Received an invalid PROXY protocol header",
            Failure::Closed(Step::Tls) | Failure::Tls(HandshakeFault::Gone) => {
                "Connection closed during SSL handshake"
            }
            Failure::Late(Step::Tls) => "Timeout during SSL handshake",
            Failure::Tls(HandshakeFault::Starved) | Failure::Starved => "No buffer for a handshake",
            Failure::Tls(HandshakeFault::UnknownName) => {
                "SSL handshake failure (no certificate for the name asked for)"
            }
            Failure::Tls(HandshakeFault::Tls(error)) => {
                return Cow::Owned(format!("SSL handshake failure ({error})"));
            }
        })
    }

    /// Whether `option dontlognull` is about it.
    fn says_nothing(&self) -> bool {
        match self {
            Failure::Closed(step) | Failure::Late(step) => {
                *step != Step::ProxyProtocol { begun: true }
            }
            Failure::Tls(fault) => *fault == HandshakeFault::Gone,
            Failure::Reset => true,
            Failure::Header(_) | Failure::Starved => false,
        }
    }
}

fn log(walk: &Walk<'_>, site: &Site, failure: &Failure) {
    let proxy = walk.plan.proxies.get(walk.proxy);
    let skips = proxy.is_some_and(|proxy| is_on(proxy.logging.skip_empty));
    if !(skips && failure.says_nothing()) {
        site.log.connection(walk.plan, walk.program, &walk.context(), &failure.words());
    }
}

fn bind_of(site: &Site, frontend: usize, bind: usize) -> Option<&Bind> {
    site.plan.proxies.get(frontend)?.binds.get(bind)
}

fn tls_of(site: &Site, frontend: usize, bind: usize) -> Option<&Arc<BindTls>> {
    site.tls.get(frontend)?.get(bind)?.as_ref()
}
