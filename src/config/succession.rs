//! What of a plan lives on in the plan that follows it.
//!
//! In: two plans. Out: for every frontend, bind, backend and server of the old one its place in the new
//! one, if it is still there, and the other way round. A proxy is known by its name (each of its two
//! sides by itself), a bind by its addresses, a server by its name, address and whether it speaks TLS:
//! one that is elsewhere now is another server.

use std::collections::BTreeMap;

use super::content::content;
use super::plan::{Bind, BindTls, Plan, Proxy, Server};

/// Where everything went. Indexes are into `Plan::proxies`, and there into its binds and servers.
#[derive(Debug, Default)]
pub struct Succession {
    /// By the old proxy.
    heirs: Vec<Heir>,
    /// By the new proxy: the old one of its frontend and of its backend.
    before: Vec<(Option<usize>, Option<usize>)>,
}

/// What an old proxy became.
#[derive(Debug, Default)]
struct Heir {
    frontend: Option<usize>,
    backend: Option<usize>,
    /// By the old bind.
    binds: Vec<Option<HeirBind>>,
    /// By the old server.
    servers: Vec<Option<usize>>,
    /// By the new server.
    servers_before: Vec<Option<usize>>,
}

/// What an old bind became.
#[derive(Clone, Copy, Debug)]
struct HeirBind {
    bind: usize,
    /// Connections that came by it may stay: what was agreed on with their clients still holds.
    keeps: bool,
}

impl Succession {
    /// From one plan to the next.
    pub fn new(old: &Plan, new: &Plan) -> Succession {
        let index = |name: &str, of: &BTreeMap<Box<str>, usize>| {
            let index = of.get(name).copied();
            index.filter(|&it| new.proxies.get(it).is_some_and(|proxy| !proxy.disabled))
        };
        let mut before = vec![(None, None); new.proxies.len()];
        let mut heirs = Vec::with_capacity(old.proxies.len());
        for (number, proxy) in old.proxies.iter().enumerate() {
            let frontend = index(&proxy.name, &new.frontends_by_name);
            let backend = index(&proxy.name, &new.backends_by_name);
            let frontend = frontend.filter(|_| proxy.has_frontend() && !proxy.disabled);
            let backend = backend.filter(|_| proxy.has_backend() && !proxy.disabled);
            let mut heir = Heir { frontend, backend, ..Heir::default() };
            if let Some(next) = frontend.and_then(|it| new.proxies.get(it)) {
                heir.binds = binds(proxy, next);
            }
            if let Some(next) = backend.and_then(|it| new.proxies.get(it)) {
                (heir.servers, heir.servers_before) = servers(proxy, next);
            }
            if let Some(place) = frontend.and_then(|it| before.get_mut(it)) {
                place.0 = Some(number);
            }
            if let Some(place) = backend.and_then(|it| before.get_mut(it)) {
                place.1 = Some(number);
            }
            heirs.push(heir);
        }
        Succession { heirs, before }
    }

    /// What an old frontend became.
    pub fn frontend(&self, old: usize) -> Option<usize> {
        self.heirs.get(old)?.frontend
    }

    /// What an old backend became.
    pub fn backend(&self, old: usize) -> Option<usize> {
        self.heirs.get(old)?.backend
    }

    /// What an old frontend's bind became.
    pub fn bind(&self, frontend: usize, bind: usize) -> Option<usize> {
        Some(self.heir_bind(frontend, bind)?.bind)
    }

    /// Where a client's connection goes on that came by a bind; `None` if nobody would have agreed to it
    /// as it is (its frontend is gone, or speaks another protocol).
    pub fn connection(&self, frontend: usize, bind: usize) -> Option<(usize, usize)> {
        let heir = self.heir_bind(frontend, bind).filter(|heir| heir.keeps)?;
        Some((self.frontend(frontend)?, heir.bind))
    }

    fn heir_bind(&self, frontend: usize, bind: usize) -> Option<HeirBind> {
        self.heirs.get(frontend)?.binds.get(bind).copied().flatten()
    }

    /// What an old backend's server became.
    pub fn server(&self, backend: usize, server: usize) -> Option<usize> {
        self.heirs.get(backend)?.servers.get(server).copied().flatten()
    }

    /// Which frontend a new one was.
    pub fn frontend_before(&self, new: usize) -> Option<usize> {
        self.before.get(new)?.0
    }

    /// Which backend a new one was.
    pub fn backend_before(&self, new: usize) -> Option<usize> {
        self.before.get(new)?.1
    }

    /// Which server a new backend's one was: the old backend, and the server in it.
    pub fn server_before(&self, backend: usize, server: usize) -> Option<(usize, usize)> {
        let old = self.backend_before(backend)?;
        let before = self.heirs.get(old)?.servers_before.get(server).copied().flatten()?;
        Some((old, before))
    }
}

fn binds(old: &Proxy, new: &Proxy) -> Vec<Option<HeirBind>> {
    let addresses = |bind: &Bind| bind.endpoints.iter().map(content).collect::<Vec<_>>();
    let all: Vec<Vec<String>> = new.binds.iter().map(addresses).collect();
    let heir = |bind: &Bind| {
        let wanted = addresses(bind);
        let shares = |other: &Vec<String>| other.iter().any(|it| wanted.contains(it));
        let place =
            all.iter().position(|it| *it == wanted).or_else(|| all.iter().position(shares))?;
        let next = new.binds.get(place)?;
        let keeps = old.mode() == new.mode() && admits_alike(&bind.tls, &next.tls);
        Some(HeirBind { bind: place, keeps })
    };
    old.binds.iter().map(heir).collect()
}

/// Whether who was let in by the one would have been let in by the other: with TLS or without, and with the
/// same certificates asked for. Which certificate was shown to them does not matter.
fn admits_alike(old: &BindTls, new: &BindTls) -> bool {
    let asked = |tls: &BindTls| {
        let files = [&tls.ca_file, &tls.ca_verify_file, &tls.crl_file];
        (tls.enabled.is_some(), content(&tls.verify), content(&files))
    };
    asked(old) == asked(new)
}

/// By the old server, and by the new one.
fn servers(old: &Proxy, new: &Proxy) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let places: BTreeMap<&str, usize> =
        new.servers.iter().enumerate().map(|(place, it)| (&*it.name.value, place)).collect();
    let mut before = vec![None; new.servers.len()];
    let mut heirs = Vec::with_capacity(old.servers.len());
    for (number, server) in old.servers.iter().enumerate() {
        let place = places.get(&*server.name.value).copied();
        let place = place.filter(|&it| new.servers.get(it).is_some_and(|next| is_it(server, next)));
        if let Some(before) = place.and_then(|it| before.get_mut(it)) {
            *before = Some(number);
        }
        heirs.push(place);
    }
    (heirs, before)
}

fn is_it(old: &Server, new: &Server) -> bool {
    old.endpoint.value == new.endpoint.value && old.settings.uses_tls() == new.settings.uses_tls()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Environment;
    use crate::config::read::read;
    use crate::config::report::Report;
    use crate::config::source::MemoryFiles;

    fn plan(text: &str) -> Plan {
        let files = MemoryFiles(BTreeMap::from([("a".to_owned(), text.as_bytes().to_vec())]));
        read(&["a".to_owned()], &files, &mut Environment::default(), &mut Report::default())
    }

    #[test]
    fn names_and_addresses_are_what_lives_on() {
        let old = plan(
            "frontend a\n bind :80\n bind :81,:82\n bind :443\n bind :90\n\
             backend b\n server x 192.0.2.1:80\n server y 192.0.2.2:80\n server z 192.0.2.3:80\n\
             listen c\n bind :83\n server s 192.0.2.4:80\n",
        );
        let new = plan(
            "listen c\n bind :83\n server s 192.0.2.4:80 weight 7\n\
             backend b\n server y 192.0.2.2:80\n server x 192.0.2.9:80\n\
             frontend a\n bind :82\n bind :443 ssl crt x\n bind :80\n",
        );
        let it = Succession::new(&old, &new);
        assert_eq!((it.frontend(0), it.backend(0)), (Some(2), None));
        assert_eq!((it.frontend(1), it.backend(1)), (None, Some(1)));
        assert_eq!((it.frontend(2), it.backend(2)), (Some(0), Some(0)));
        assert_eq!(it.connection(0, 0), Some((2, 2)));
        assert_eq!(it.connection(0, 1), Some((2, 0)), "one of its addresses is still there");
        assert_eq!((it.bind(0, 2), it.connection(0, 2)), (Some(1), None), "it speaks TLS now");
        assert_eq!((it.bind(0, 3), it.connection(0, 3)), (None, None));
        assert_eq!(it.server(1, 0), None, "it is elsewhere now");
        assert_eq!((it.server(1, 1), it.server(1, 2)), (Some(0), None));
        assert_eq!(it.server_before(1, 0), Some((1, 1)));
        assert_eq!(it.server_before(1, 1), None);
        assert_eq!(it.server_before(0, 0), Some((2, 0)));
        assert_eq!((it.frontend_before(2), it.backend_before(2)), (Some(0), None));
    }
}
