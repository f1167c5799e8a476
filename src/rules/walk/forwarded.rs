//! The field `Forwarded` (RFC 7239): `option forwarded`.
//!
//! In: the backend's option, the connection, the request. Out: one field appended to the request. What
//! an expression gives that may not stand in the field is written as `unknown` (a node, §6.2) or left
//! out (a port), as in HAProxy; a host is quoted whatever it is.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Walk;
use crate::config::plan::{Forwarded, ForwardedFrom};
use crate::rules::address_text::AddressText;
use crate::rules::program::Compiled;
use crate::rules::value::Value;

const NAME: &[u8] = b"Forwarded";

/// The longest port that an obfuscated one may be: what HAProxy sends is shorter.
const PORT_MAX: u64 = 65_535;

/// Appends the field if the backend wants it.
pub(super) fn send(walk: &mut Walk<'_>, backend: usize) {
    let plan = walk.plan;
    let options = plan.proxies.get(backend).map(|proxy| &proxy.settings.options);
    let Some(given) = options.and_then(|options| options.forwarded.as_ref()) else { return };
    let Some(field) = field(walk, backend, &given.value) else { return };
    if let Some(request) = &mut walk.request {
        request.head.append(NAME, &field);
    }
}

/// The field's value; `None` if nothing would stand in it.
fn field(walk: &Walk<'_>, backend: usize, given: &Forwarded) -> Option<Vec<u8>> {
    if given.off {
        return None;
    }
    let source = walk.exchange.source(walk.connection);
    let destination = walk.exchange.destination.unwrap_or(walk.connection.destination);
    let fill = Fill { walk, backend };
    let mut parts: Vec<Vec<u8>> = Vec::new();
    if given.proto {
        let secure = walk.connection.tls.is_some();
        parts.push(if secure { b"proto=https".to_vec() } else { b"proto=http".to_vec() });
    }
    if let Some(from) = &given.host {
        parts.push([b"host=\"", &*fill.host(from), b"\""].concat());
    }
    for (name, node, port, address) in [
        (&b"by="[..], &given.by, &given.by_port, destination),
        (&b"for="[..], &given.forwarded_for, &given.for_port, source),
    ] {
        if let Some(node) = node {
            parts.push([name, &*fill.node(node, port.as_ref(), address)].concat());
        }
    }
    (!parts.is_empty()).then(|| parts.join(&b';'))
}

struct Fill<'a> {
    walk: &'a Walk<'a>,
    backend: usize,
}

impl Fill<'_> {
    /// What an expression gives.
    fn value<T>(&self, index: usize, read: impl FnOnce(Value<'_>) -> Option<T>) -> Option<T> {
        let program = self.walk.program;
        let Some(Some(Compiled::Expr(expr))) = program.proxy(self.backend).formats.get(index)
        else {
            return None;
        };
        expr.last(&self.walk.context()).and_then(read)
    }

    /// The host, fit to stand in quotes (RFC 9110 §5.6.4).
    fn host(&self, from: &ForwardedFrom) -> Vec<u8> {
        let host = match from {
            ForwardedFrom::Connection => {
                let request = self.walk.request.as_ref();
                request.and_then(|it| it.view().values(b"host").next().map(<[u8]>::to_vec))
            }
            ForwardedFrom::Expression(index) => self.value(*index, |value| Some(text(value))),
        };
        let mut host = host.unwrap_or_default();
        host.retain(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        host
    }

    /// A node: an address or a name, with its port if that is wanted and there is one. What has a
    /// colon in it is quoted.
    fn node(
        &self,
        from: &ForwardedFrom,
        port: Option<&ForwardedFrom>,
        address: SocketAddr,
    ) -> Vec<u8> {
        let name = match from {
            ForwardedFrom::Connection => Some(node_of(address.ip())),
            ForwardedFrom::Expression(index) => self.value(*index, node_name),
        };
        let mut node = name.unwrap_or_else(|| b"unknown".to_vec());
        let number = match port {
            None => None,
            Some(ForwardedFrom::Connection) => Some(address.port().to_string().into_bytes()),
            Some(ForwardedFrom::Expression(index)) => self.value(*index, node_port),
        };
        if let Some(number) = number {
            node.push(b':');
            node.extend_from_slice(&number);
        }
        if port.is_some() || node.contains(&b':') {
            node = [b"\"", &*node, b"\""].concat();
        }
        node
    }
}

fn text(value: Value<'_>) -> Vec<u8> {
    value.into_text().into_owned()
}

/// `192.0.2.1`, `[2001:db8::1]`.
fn node_of(address: IpAddr) -> Vec<u8> {
    let address = address.to_canonical();
    let written = AddressText::of(address);
    match address {
        IpAddr::V4(_) => written.to_vec(),
        IpAddr::V6(_) => [b"[", &*written, b"]"].concat(),
    }
}

/// A node's name out of a value: an address, `[IPv6]`, `unknown`, or a name of our own making, which
/// begins with `_` (RFC 7239 §6.3).
fn node_name(value: Value<'_>) -> Option<Vec<u8>> {
    let value = match value {
        Value::Addr(address) => return Some(node_of(address)),
        value => text(value),
    };
    let written = core::str::from_utf8(&value).ok()?;
    let inside = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if written == "unknown"
        || written.parse::<core::net::Ipv4Addr>().is_ok()
        || inside.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok())
    {
        return Some(value);
    }
    obfuscated(&value)
}

/// A port out of a value: a number, or a name of our own making.
fn node_port(value: Value<'_>) -> Option<Vec<u8>> {
    let value = text(value);
    let number = core::str::from_utf8(&value).ok().and_then(|written| written.parse::<u64>().ok());
    if number.is_some_and(|number| number <= PORT_MAX) {
        return Some(value);
    }
    obfuscated(&value)
}

/// `_` and letters, digits, `.`, `_`, `-`.
fn obfuscated(value: &[u8]) -> Option<Vec<u8>> {
    let is_good = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    if value.is_empty() || !value.iter().all(is_good) {
        return None;
    }
    let begin: &[u8] = if value.starts_with(b"_") { b"" } else { b"_" };
    Some([begin, value].concat())
}
