//! Addresses of the plan as the kernel takes them.
//!
//! In: an [`Endpoint`], as written. Out: where to listen, or where a server is. Host names are asked
//! of the system's resolver (getaddrinfo(3)), each once a start, one after the other.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::path::PathBuf;

use crate::config::plan::{Endpoint, IpFamily, Location, PortSpec};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::worker::SocketAddress;
use koi_sys::net::interface_index;

/// Why an address cannot be used: a sentence, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong, lower case.
    pub message: String,
    /// What stands beside the caret.
    pub label: &'static str,
    /// What to do.
    pub help: &'static str,
}

impl Unusable {
    /// As an error at the words that ask for it.
    pub fn tell(self, span: Span, report: &mut Report) {
        report.error(span, self.message).label(self.label).help(self.help);
    }
}

/// What a `bind` line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address to bind to.
    Address(SocketAddress),
    /// A descriptor that our parent left open.
    Descriptor(i32),
}

/// Host names that were asked for, with the answers.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<(Box<str>, Option<IpFamily>), Result<SocketAddr, String>>,
}

impl Names {
    /// The first address of a name (of a family), with port 0; as HAProxy's `libc`.
    fn resolve(&mut self, name: &str, family: Option<IpFamily>) -> Result<SocketAddr, Unusable> {
        let known = self.known.entry((name.into(), family));
        let answer = known.or_insert_with(|| ask(name, family));
        answer.clone().map_err(|reason| Unusable {
            message: format!("the host name `{name}` has no address: {reason}"),
            label: "cannot be resolved",
            help: "see /etc/hosts and /etc/resolv.conf, or write an IP address",
        })
    }
}

fn ask(name: &str, family: Option<IpFamily>) -> Result<SocketAddr, String> {
    let fits = |address: &SocketAddr| match family {
        None => true,
        Some(IpFamily::V4) => address.is_ipv4(),
        Some(IpFamily::V6) => address.is_ipv6(),
    };
    let mut addresses = (name, 0).to_socket_addrs().map_err(|error| {
        let text = error.to_string();
        // The standard library's own words in front of those of the resolver.
        text.trim_start_matches("failed to lookup address information: ").to_lowercase()
    })?;
    addresses.find(fits).ok_or_else(|| "it has none of the family asked for".to_owned())
}

/// The IP address of a location, with port 0; `None` for what is none.
fn ip(location: &Location, names: &mut Names) -> Result<Option<SocketAddr>, Unusable> {
    match location {
        Location::V4(ip) => Ok(Some((*ip, 0).into())),
        Location::V6 { ip, scope } => {
            let scope = match scope {
                None => 0,
                Some(name) => interface_index(name).ok_or_else(|| Unusable {
                    message: format!("there is no interface `{name}`"),
                    label: "unknown behind %",
                    help: "`ip link` (FreeBSD: `ifconfig -l`) lists the interfaces",
                })?,
            };
            Ok(Some(SocketAddrV6::new(*ip, 0, 0, scope).into()))
        }
        Location::Name { name, family } => names.resolve(name, *family).map(Some),
        Location::Unix(_) | Location::Abstract(_) | Location::Descriptor(_) => Ok(None),
    }
}

fn abstract_name(name: &str) -> Result<SocketAddress, Unusable> {
    SocketAddress::padded_abstract(name).ok_or_else(|| Unusable {
        message: "only Linux has abstract socket names".to_owned(),
        label: "not here",
        help: "write unix@ and a path",
    })
}

/// Where a `bind` listens: one place a port. `prefix` stands before paths (`unix-bind prefix`).
///
/// # Errors
/// What cannot be resolved.
pub fn listening(
    endpoint: &Endpoint,
    prefix: &str,
    names: &mut Names,
) -> Result<Vec<Place>, Unusable> {
    if let Some(address) = ip(&endpoint.location, names)? {
        let ports = match endpoint.port {
            PortSpec::None | PortSpec::Offset(_) => 0..=0,
            PortSpec::One(port) => port..=port,
            PortSpec::Range(first, last) => first..=last,
        };
        let at = |port| Place::Address(SocketAddress::from(address).with_port(port));
        return Ok(ports.map(at).collect());
    }
    Ok(vec![match &endpoint.location {
        Location::Unix(path) => {
            Place::Address(SocketAddress::Unix(PathBuf::from(format!("{prefix}{path}"))))
        }
        Location::Abstract(name) => Place::Address(abstract_name(name)?),
        Location::Descriptor(number) => {
            Place::Descriptor(i32::try_from(*number).unwrap_or(i32::MAX))
        }
        Location::V4(_) | Location::V6 { .. } | Location::Name { .. } => return Ok(Vec::new()),
    }])
}

/// Where a server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its address, if it has one by now.
    pub address: Option<SocketAddr>,
    /// Its Unix socket.
    pub unix: Option<SocketAddress>,
    /// What to add to the client's port if the address has none.
    pub port_offset: i32,
}

/// Where a server is.
///
/// # Errors
/// What cannot be resolved.
pub fn connecting(endpoint: &Endpoint, names: &mut Names) -> Result<Target, Unusable> {
    if let Some(address) = ip(&endpoint.location, names)? {
        return Ok(with_port(address, endpoint.port));
    }
    let unix = match &endpoint.location {
        Location::Unix(path) => Some(SocketAddress::Unix(PathBuf::from(&**path))),
        Location::Abstract(name) => Some(abstract_name(name)?),
        _ => None,
    };
    Ok(Target { unix, ..Target::default() })
}

/// A server without an address of its own (`init-addr none`, or an address given there).
pub fn without_name(address: Option<IpAddr>, port: PortSpec) -> Target {
    let target = with_port((address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), 0).into(), port);
    Target { address: target.address.filter(|_| address.is_some()), ..target }
}

fn with_port(mut address: SocketAddr, port: PortSpec) -> Target {
    let mut port_offset = 0;
    match port {
        PortSpec::None => {}
        PortSpec::One(port) | PortSpec::Range(port, _) => address.set_port(port),
        PortSpec::Offset(offset) => port_offset = offset,
    }
    Target { address: Some(address), unix: None, port_offset }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::address::{Allowed, parse};

    fn bind(text: &str) -> Vec<String> {
        let endpoint = parse(text, &Allowed::BIND).unwrap();
        let places = listening(&endpoint, "/pre", &mut Names::default()).unwrap();
        let shown = |place: &Place| match place {
            Place::Address(address) => address.to_string(),
            Place::Descriptor(number) => format!("fd {number}"),
        };
        places.iter().map(shown).collect()
    }

    #[test]
    fn binds_are_one_place_a_port() {
        assert_eq!(bind("*:80"), ["0.0.0.0:80"]);
        assert_eq!(bind("[::1]:80-82"), ["[::1]:80", "[::1]:81", "[::1]:82"]);
        assert_eq!(bind("/run/koi.sock"), ["/pre/run/koi.sock"]);
        assert_eq!(bind("fd@7"), ["fd 7"]);
        assert_eq!(bind("ipv4@localhost:443"), ["127.0.0.1:443"]);
    }

    #[test]
    fn a_server_may_leave_its_port_to_the_client() {
        let server = |text: &str| {
            let endpoint = parse(text, &Allowed::SERVER).unwrap();
            connecting(&endpoint, &mut Names::default()).unwrap()
        };
        assert_eq!(server("192.0.2.1:80").address, Some("192.0.2.1:80".parse().unwrap()));
        let offset = server("192.0.2.1:+1000");
        assert_eq!(offset.address, Some("192.0.2.1:0".parse().unwrap()));
        assert_eq!(offset.port_offset, 1000);
        let unix = server("unix@rel/ative");
        assert_eq!(unix.unix, Some(SocketAddress::Unix("rel/ative".into())));
        assert_eq!(unix.address, None);
    }

    #[test]
    fn a_server_may_start_without_an_address() {
        assert_eq!(without_name(None, PortSpec::One(80)), Target::default());
        let given = without_name(Some([192, 0, 2, 9].into()), PortSpec::One(80));
        assert_eq!(given.address, Some("192.0.2.9:80".parse().unwrap()));
    }

    #[test]
    fn what_is_not_there_is_told() {
        let endpoint = parse("[fe80::1%no-such-one]:80", &Allowed::BIND).unwrap();
        let fault = listening(&endpoint, "", &mut Names::default()).unwrap_err();
        assert_eq!(fault.message, "there is no interface `no-such-one`");
        let endpoint = parse("no-such-host.invalid:80", &Allowed::SERVER).unwrap();
        let fault = connecting(&endpoint, &mut Names::default()).unwrap_err();
        assert!(fault.message.starts_with("the host name `no-such-host.invalid` has no address: "));
    }
}
