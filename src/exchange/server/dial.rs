//! One attempt to connect to a server.
//!
//! In: where it is and what the connection needs. Out: a transport after its handshakes, or why there
//! is none. All of it has to be done within `timeout connect`.

use core::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use super::acquire::Fault;
use super::recipe::{Recipe, WithPort};
use super::{Destination, Slot, header};
use crate::exchange::site::Site;
use crate::exchange::transport::Transport;
use crate::log;
use crate::rules::context::{ServerConnection, TlsFacts};
use crate::rules::program::Compiled;
use crate::rules::walk::Walk;
use crate::tls::{HandshakeFault, ServerTls};
use crate::worker::{ConnectError, SocketAddress, Stream};

/// What stands where a Unix socket has no address.
pub const NO_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), 0);

/// What makes connections to a server differ.
#[derive(Debug)]
pub(super) struct Wants {
    /// The address; it may depend on where the client connected to.
    to: SocketAddress,
    /// Our own address, if it is given.
    from: Option<SocketAddress>,
    /// The name to ask for.
    sni: Option<Box<str>>,
    /// A number that differs where any of these does.
    pub key: u64,
}

impl Wants {
    /// What this exchange wants of a server; `None` if it has no address.
    pub(super) fn new(
        walk: &Walk<'_>,
        destination: &Destination,
        recipe: &Recipe,
    ) -> Option<Wants> {
        let mut varies = Varies::default();
        let (to, depends) = address(walk, destination)?;
        if depends {
            varies.add(format!("{to}").as_bytes());
        }
        let mut from = recipe.dial.source.clone();
        if let Some(WithPort(port)) = recipe.pretend {
            let client = walk.exchange.source(walk.connection);
            let client = SocketAddress::from(client);
            from = Some(if port { client } else { client.with_port(0) });
        }
        let evaluate = |word| evaluate(walk, word);
        let sni = recipe.sni.filter(|_| recipe.tls).and_then(evaluate);
        if let Some(name) = recipe.name.map_or_else(|| sni.clone(), evaluate) {
            varies.add(name.as_bytes());
        }
        Some(Wants { to, from, sni, key: varies.0 })
    }
}

/// A number that differs where what was added differs (FNV-1a, with lengths).
struct Varies(u64);

impl Default for Varies {
    fn default() -> Varies {
        Varies(0xcbf2_9ce4_8422_2325)
    }
}

impl Varies {
    fn add(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes();
        for &byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Where a server is for this client, and whether another client's could be elsewhere.
fn address(walk: &Walk<'_>, destination: &Destination) -> Option<(SocketAddress, bool)> {
    if let Some(unix) = &destination.unix {
        return Some((unix.clone(), false));
    }
    let fixed = destination.address()?;
    let (any, mapped) = (fixed.ip().is_unspecified(), fixed.port() == 0);
    if !any && !mapped {
        // Idle connections to the address it had before are not used any more.
        return Some((fixed.into(), destination.is_moved()));
    }
    let wanted = walk.exchange.destination.unwrap_or(walk.connection.destination);
    let ip = if any { wanted.ip() } else { fixed.ip() };
    let port = match fixed.port() {
        // Ports go around, as in HAProxy.
        0 => (i32::from(wanted.port()) + destination.port_offset).rem_euclid(65_536),
        port => port.into(),
    };
    let port = u16::try_from(port).unwrap_or(0);
    Some((SocketAddr::new(ip, port).into(), true))
}

/// What an option of the server gives for this exchange.
fn evaluate(walk: &Walk<'_>, word: crate::config::source::Span) -> Option<Box<str>> {
    let backend = walk.backend.unwrap_or(walk.connection.frontend);
    let Some(Some(Compiled::Expr(expr))) = walk.program.proxy(backend).server_options.get(&word)
    else {
        return None;
    };
    let context = walk.context();
    let value = expr.last(&context)?.into_text();
    String::from_utf8(value.into_owned()).ok().filter(|it| !it.is_empty()).map(Into::into)
}

/// Connects, sends the PROXY header, shakes hands.
pub(super) async fn dial(
    site: &Rc<Site>,
    walk: &Walk<'_>,
    slot: &Slot,
    destination: &Destination,
    recipe: &Recipe,
    wants: &Wants,
) -> Result<(Transport, ServerConnection), Fault> {
    let mut options = None;
    if wants.from.is_some() {
        options =
            Some(crate::worker::DialOptions { source: wants.from.clone(), ..recipe.dial.clone() });
    }
    let options = options.as_ref().unwrap_or(&recipe.dial);
    let stream = site.local.dial(&wants.to, options).await.map_err(Fault::from)?;
    let (source, to) = (internet(stream.local_address()), internet(Some(wants.to.clone())));
    if let Some(says) = &recipe.header {
        let bytes = header::encode(walk, says);
        let payload = header::payload(site, &bytes).ok_or(Fault::Resource)?;
        stream.send(payload).await.map_err(|_| Fault::Refused)?;
    }
    let tls = destination.tls.as_ref().filter(|_| recipe.tls);
    let (transport, tls) = shake(site, slot, stream, tls, wants).await?;
    let facts = ServerConnection { source, destination: to, tls, http_major: recipe.http_major };
    Ok((transport, facts))
}

async fn shake(
    site: &Site,
    slot: &Slot,
    stream: Stream,
    tls: Option<&Arc<ServerTls>>,
    wants: &Wants,
) -> Result<(Transport, Option<TlsFacts>), Fault> {
    let Some(tls) = tls else { return Ok((Transport::Plain(stream), None)) };
    match tls.connect(stream, wants.sni.as_deref()).await {
        Ok((stream, facts)) => Ok((Transport::Tls(Box::new(stream)), Some(facts))),
        Err(HandshakeFault::Starved) => Err(Fault::Resource),
        Err(fault) => {
            note_handshake(site, slot, &fault);
            Err(Fault::Handshake)
        }
    }
}

/// Tells the operator why TLS with a server failed: `SC` in a line does not say.
fn note_handshake(site: &Site, slot: &Slot, why: &HandshakeFault) {
    static HANDSHAKES: log::Limit = log::Limit::new();
    let Some(proxy) = site.plan.proxies.get(slot.backend) else { return };
    let server = proxy.servers.get(slot.server).map_or("", |server| &server.name.value);
    let told = |why: std::fmt::Arguments<'_>| {
        HANDSHAKES.warning(format_args!("server {}/{server}: no TLS: {why}", proxy.name));
    };
    match why {
        HandshakeFault::Tls(error) => told(format_args!("{error}")),
        _ => told(format_args!("it closed the connection during the handshake")),
    }
}

/// An address of the Internet's; [`NO_ADDRESS`] for any other.
pub fn internet(address: Option<SocketAddress>) -> SocketAddr {
    match address {
        Some(SocketAddress::V4(v4)) => v4.into(),
        Some(SocketAddress::V6(v6)) => v6.into(),
        _ => NO_ADDRESS,
    }
}

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Fault {
        match error {
            ConnectError::DescriptorLimit
            | ConnectError::Memory
            | ConnectError::AddressInUse
            | ConnectError::AddressNotAvailable => Fault::Resource,
            ConnectError::TimedOut => Fault::Expired,
            _ => Fault::Refused,
        }
    }
}
