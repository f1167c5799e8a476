//! A check's connection: where it goes, its PROXY header, its handshake.
//!
//! In: the server's line, what `connect` says, what commands changed. Out: a transport to speak on, or the verdict.

use std::net::{IpAddr, SocketAddr};

use super::script::Step;
use super::talk::{Judged, Phase, Talk};
use crate::config::plan::{CheckConnect, Location};
use crate::exchange::server::{self, internet};
use crate::exchange::transport::Transport;
use crate::proto::check::{Status, Verdict};
use crate::proto::proxy_protocol::{Command, write_v1, write_v2};
use crate::rules::program::Compiled;
use crate::tls::HandshakeFault;
use crate::worker::{ConnectError, DialOptions, SocketAddress};

impl Talk<'_> {
    pub(super) async fn connect(
        &mut self,
        step: &Step<'_>,
        connect: Option<&CheckConnect>,
    ) -> Judged<()> {
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
            source: server::source(&self.site.plan, self.of),
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
        let server = server::place(self.site, self.of);
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

    /// The protocols to offer, if not those that requests do: those of the step, or `check-alpn`.
    fn protocols<'c>(&'c self, connect: Option<&'c CheckConnect>) -> Option<&'c [Box<str>]> {
        let own = connect.map(|it| &*it.alpn).filter(|names| !names.is_empty());
        let of_line = self.line.settings.health.alpn.as_ref().map(|it| &*it.value);
        own.or(of_line.filter(|_| connect.is_none_or(|it| it.as_server)))
    }

    async fn shake(&mut self, step: &Step<'_>, connect: Option<&CheckConnect>) -> Judged<()> {
        self.phase.set(Phase::Handshake);
        let tls = server::tls_of(self.site, self.of);
        let Some(Transport::Plain(stream)) = self.transport.take() else {
            return Err(Verdict::plain(Status::SocketError).at(self, step));
        };
        let Some(tls) = tls else {
            let why = "the server's line has neither `ssl` nor `check-ssl`";
            return Err(Verdict::with(Status::SocketError, why).at(self, step));
        };
        let named =
            connect.and_then(|it| it.sni.as_ref()).or(self.line.settings.health.sni.as_ref());
        let spoken = self.protocols(connect);
        let shaken = tls.connect_offering(stream, named.map(|it| &*it.value), spoken);
        let shaken = self.within(step, shaken).await?;
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
}

/// An address that is written as one.
pub(super) fn literal(location: &Location) -> Option<IpAddr> {
    match location {
        Location::V4(ip) => Some((*ip).into()),
        Location::V6 { ip, .. } => Some((*ip).into()),
        _ => None,
    }
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
