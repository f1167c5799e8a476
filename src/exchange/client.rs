//! A client's connection, from accept to its protocol.
//!
//! In: an accepted stream and the bind it came by. Then, in this order: `tcp-request connection` rules,
//! the PROXY protocol (`accept-proxy`), TLS, `tcp-request session` rules, and HTTP or TCP mode.
//! Out: served connections, counted and ended.
//!
//! Limits: PROXY protocol and TLS together take `timeout client-hs` at most, or `timeout client`.

mod greeting;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use super::inbox::Inbox;
use super::site::Site;
use super::transport::Transport;
use super::{http, tcp};
use crate::config::plan::Mode;
use crate::ledger::Count;
use crate::rules::context::{Connection, Variables};
use crate::worker::{SocketAddress, Stream};

/// What stands for the address of a Unix socket, which has none.
const NO_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Serves a connection that was accepted on a bind of a frontend (indexes into the plan). It has been
/// counted ([`crate::balance::Live::begin_connection`]); its end is counted here, however it comes.
/// `address` is where it came to, if that is known without asking.
pub async fn serve(
    site: Rc<Site>,
    frontend: usize,
    bind: usize,
    stream: Stream,
    address: Option<SocketAddr>,
) {
    let accepted_us = site.now_us();
    let source = stream.peer_address().map_or(NO_ADDRESS, |address| ip_address(&address));
    let here = (stream.id(), site.local.current());
    let serial = site.sessions.begin(source, (frontend, bind), accepted_us, here);
    let seat = Seat { site, frontend, bind, serial };
    let site = &seat.site;
    site.ledger.accepted(frontend, bind);
    let Some(proxy) = site.plan.proxies.get(frontend) else { return };
    let mode = proxy.mode();
    let ours = || stream.local_address().map_or(NO_ADDRESS, |address| ip_address(&address));
    let connection = Connection {
        source,
        destination: address.unwrap_or_else(ours),
        tls: None,
        frontend,
        bind,
        accepted_us: site.unix_us(site.local.now()),
        serial,
        http_major: u8::from(mode == Mode::Http),
        proxy_protocol: None,
    };
    let mut client = Client {
        transport: Transport::Plain(stream),
        inbox: Inbox::default(),
        connection,
        variables: Variables::default(),
    };
    if greeting::is_needed(site, frontend, bind) {
        // Boxed, so that a connection that is served does not keep the room for it.
        match Box::pin(greeting::greet(site, client, accepted_us)).await {
            Some(greeted) => client = greeted,
            None => return,
        }
    }
    let Client { transport, inbox, connection, variables } = client;
    site.ledger.count_front(frontend, bind, Count::Sessions);
    match mode {
        Mode::Http => {
            http::serve(seat, transport, inbox, connection, variables, accepted_us).await;
        }
        Mode::Tcp | Mode::Log => {
            tcp::serve(seat, transport, inbox, connection, variables, accepted_us).await;
        }
    }
}

/// A client's connection while it is greeted.
struct Client {
    transport: Transport,
    inbox: Inbox,
    connection: Connection,
    /// What rules set.
    variables: Variables,
}

/// A connection's place in the figures, which ends when this is dropped: its task may end anywhere.
pub(super) struct Seat {
    site: Rc<Site>,
    frontend: usize,
    bind: usize,
    serial: u64,
}

impl Seat {
    /// Where it is.
    pub(super) fn site(&self) -> &Rc<Site> {
        &self.site
    }

    /// Goes on under the worker's plan of now, in place of an earlier one; false if there is no place for
    /// it there. What lives on is counted once; its bind's figures may be another bind's now.
    pub(super) fn move_on(&mut self, connection: &mut Connection) -> bool {
        let Some((site, frontend, bind)) = self.site.next_for(self.frontend, self.bind) else {
            return false;
        };
        site.live.take_over(&self.site.live, (self.frontend, self.bind), (frontend, bind));
        site.sessions.takes_over(self.serial, (frontend, bind));
        (self.site, self.frontend, self.bind) = (site, frontend, bind);
        (connection.frontend, connection.bind) = (frontend, bind);
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.site.sessions.end(self.serial);
        self.site.live.end_connection(self.frontend, self.bind);
    }
}

/// An address as rules see it: IPv4-mapped ones are IPv4, Unix sockets have none.
pub fn ip_address(address: &SocketAddress) -> SocketAddr {
    match address {
        SocketAddress::V4(address) => SocketAddr::V4(*address),
        SocketAddress::V6(address) => match address.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(IpAddr::V4(ip), address.port()),
            None => SocketAddr::V6(*address),
        },
        SocketAddress::Unix(_) | SocketAddress::Abstract(_) | SocketAddress::Unnamed => NO_ADDRESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_ipv4_and_unix_sockets_have_none() {
        let shown = |text: &str| {
            let address: SocketAddr = text.parse().expect("an address");
            ip_address(&address.into()).to_string()
        };
        assert_eq!(shown("[::ffff:192.0.2.1]:80"), "192.0.2.1:80");
        assert_eq!(shown("[2001:db8::1]:80"), "[2001:db8::1]:80");
        assert_eq!(shown("192.0.2.1:80"), "192.0.2.1:80");
        assert_eq!(ip_address(&SocketAddress::Unnamed), NO_ADDRESS);
    }
}
