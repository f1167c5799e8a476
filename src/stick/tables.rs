//! The tables of a plan, and the servers that they lead to.
//!
//! In: a plan; the time, told by the workers. Out: tables by their place in the plan. A server is known by
//! a hash of its name (or of its address, if the table says so), so that it is still the same server when
//! the plan is another one.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::layout::Layout;
use super::table::{Declaration, Table};
use crate::config::plan::{Plan, Proxy, RuleLine, Server, ServerKey, StickTable, TableId};

/// The tables of a plan.
#[derive(Debug, Default)]
pub struct Tables {
    proxies: Vec<Option<Arc<Table>>>,
    peers: Vec<Vec<Arc<Table>>>,
    /// By proxy.
    servers: Vec<Servers>,
    clock_ms: Arc<AtomicU64>,
    /// There is no table, so that nobody has to know the time.
    is_empty: bool,
}

/// What the servers of a proxy are known by.
#[derive(Debug, Default)]
struct Servers {
    /// By server: its name and its address.
    identities: Vec<(Identity, Identity)>,
    by_name: BTreeMap<Identity, usize>,
    by_address: BTreeMap<Identity, usize>,
    /// Their numbers for people.
    numbers: Vec<u32>,
}

/// What a server is known by in entries; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(pub u64);

impl Identity {
    fn of(text: impl Hash) -> Identity {
        // Without a random key, so that it means the same in every table.
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Identity(hasher.finish().max(1))
    }
}

impl Servers {
    fn new(proxy: &Proxy) -> Servers {
        let mut servers = Servers::default();
        for (index, server) in proxy.servers.iter().enumerate() {
            let name = Identity::of(&*server.name.value);
            let address = Identity::of(address(server));
            servers.by_name.entry(name).or_insert(index);
            servers.by_address.entry(address).or_insert(index);
            servers.identities.push((name, address));
            let place = u32::try_from(index + 1).unwrap_or(u32::MAX);
            servers.numbers.push(server.id.map_or(place, |id| id.value));
        }
        servers
    }
}

/// The address as the configuration has it.
fn address(server: &Server) -> String {
    format!("{:?}", (&server.endpoint.value.location, &server.endpoint.value.port))
}

impl Tables {
    /// Empty ones.
    pub fn new(plan: &Plan) -> Tables {
        Tables::default().build(plan).0
    }

    /// No tables, at this time: for tests.
    #[cfg(test)]
    pub(super) fn at(now_ms: u64) -> Tables {
        Tables { clock_ms: Arc::new(now_ms.into()), ..Tables::default() }
    }

    /// The tables of the plan that follows, and what is to be said about it. A table of the same name and
    /// declaration is the same table.
    pub fn succeed(&self, plan: &Plan) -> (Tables, Vec<String>) {
        self.build(plan)
    }

    fn build(&self, plan: &Plan) -> (Tables, Vec<String>) {
        let mut said = Vec::new();
        let before: BTreeMap<&str, &Arc<Table>> =
            self.all().map(|(_, table)| (&*table.name, table)).collect();
        let mut table = |name: Box<str>, id: TableId, line: &StickTable| {
            let declaration = Declaration::new(line, sticks(plan, id));
            match before.get(&*name) {
                Some(old) if old.declaration == declaration => return (*old).clone(),
                Some(old) if old.used() > 0 => said.push(format!(
                    "stick table {name} is declared in another way: its {} entries are forgotten",
                    old.used()
                )),
                _ => {}
            }
            Arc::new(Table::new(name, declaration, self.clock_ms.clone()))
        };
        let of_proxy = |(index, proxy): (usize, &Proxy)| {
            let line = proxy.settings.stick_table.as_ref()?;
            Some(table(proxy.name.clone(), TableId::Proxy(index), line))
        };
        let proxies: Vec<_> = plan.proxies.iter().enumerate().map(of_proxy).collect();
        let mut peers: Vec<Vec<Arc<Table>>> = Vec::new();
        for (section, of_section) in plan.peers.iter().enumerate() {
            let tables = of_section.tables.iter().enumerate().map(|(number, line)| {
                let name = format!("{}/{}", of_section.name, line.name.value);
                table(name.into(), TableId::Peers { section, table: number }, &line.table)
            });
            peers.push(tables.collect());
        }
        let servers = plan.proxies.iter().map(Servers::new).collect();
        let is_empty = proxies.iter().flatten().chain(peers.iter().flatten()).next().is_none();
        (Tables { proxies, peers, servers, clock_ms: self.clock_ms.clone(), is_empty }, said)
    }

    /// A table.
    pub fn get(&self, id: TableId) -> Option<&Arc<Table>> {
        match id {
            TableId::Proxy(index) => self.proxies.get(index)?.as_ref(),
            TableId::Peers { section, table } => self.peers.get(section)?.get(table),
        }
    }

    /// The table of a name.
    pub fn named(&self, name: &str) -> Option<(TableId, &Arc<Table>)> {
        self.all().find(|(_, table)| *table.name == *name)
    }

    /// All of them, in the plan's order.
    pub fn all(&self) -> impl Iterator<Item = (TableId, &Arc<Table>)> {
        let proxies = self.proxies.iter().enumerate();
        let proxies = proxies.filter_map(|(at, it)| Some((TableId::Proxy(at), it.as_ref()?)));
        let peers = self.peers.iter().enumerate().flat_map(|(section, tables)| {
            let of = move |(table, it)| (TableId::Peers { section, table }, it);
            tables.iter().enumerate().map(of)
        });
        proxies.chain(peers)
    }

    /// Tells what time it is: milliseconds of a clock that only goes on. Any worker may, often.
    pub fn tell_time(&self, now_ms: u64) {
        if !self.is_empty && self.clock_ms.load(Relaxed) != now_ms {
            self.clock_ms.store(now_ms, Relaxed);
        }
    }

    /// What time it is, as far as it was told.
    pub fn now_ms(&self) -> u64 {
        self.clock_ms.load(Relaxed)
    }

    /// What a table remembers a server by.
    pub fn identity(&self, table: &Table, backend: usize, server: usize) -> Option<Identity> {
        let (name, address) = self.servers.get(backend)?.identities.get(server)?;
        Some(match table.server_key() {
            ServerKey::Name => *name,
            ServerKey::Address => *address,
        })
    }

    /// The server of a backend that a table remembers by this.
    pub fn server(&self, table: &Table, backend: usize, identity: Identity) -> Option<usize> {
        let servers = self.servers.get(backend)?;
        let known = match table.server_key() {
            ServerKey::Name => &servers.by_name,
            ServerKey::Address => &servers.by_address,
        };
        known.get(&identity).copied()
    }

    /// Whom a table means by this: a proxy (the table's own, if it has that server) and a server.
    pub fn resolve(
        &self,
        id: TableId,
        table: &Table,
        identity: Identity,
    ) -> Option<(usize, usize)> {
        let own = match id {
            TableId::Proxy(index) => Some(index),
            TableId::Peers { .. } => None,
        };
        let mut candidates = own.into_iter().chain(0..self.servers.len());
        candidates.find_map(|proxy| Some((proxy, self.server(table, proxy, identity)?)))
    }

    /// The number of a server, for people.
    pub fn number(&self, (proxy, server): (usize, usize)) -> Option<u32> {
        self.servers.get(proxy)?.numbers.get(server).copied()
    }

    /// The server of this number, as a table remembers it.
    pub fn numbered(&self, id: TableId, table: &Table, number: u32) -> Option<Identity> {
        let own = match id {
            TableId::Proxy(index) => Some(index),
            TableId::Peers { .. } => None,
        };
        let mut candidates = own.into_iter().chain(0..self.servers.len());
        candidates.find_map(|proxy| {
            let numbers = &self.servers.get(proxy)?.numbers;
            let server = numbers.iter().position(|it| *it == number)?;
            self.identity(table, proxy, server)
        })
    }

    /// What each table of a plan takes at most: its name, bytes of an entry, bytes of all of them.
    pub fn bounds(plan: &Plan) -> Vec<(String, usize, u64)> {
        let bound = |name: String, id: TableId, line: &StickTable| {
            let declaration = Declaration::new(line, sticks(plan, id));
            let layout = Layout::new(declaration.kind, declaration.data.iter().copied());
            let entry = layout.entry_bytes();
            (name, entry, (entry as u64).saturating_mul(declaration.size.into()))
        };
        let proxies = plan.proxies.iter().enumerate().filter_map(|(index, proxy)| {
            let line = proxy.settings.stick_table.as_ref()?;
            Some(bound(proxy.name.to_string(), TableId::Proxy(index), line))
        });
        let peers = plan.peers.iter().enumerate().flat_map(|(section, of_section)| {
            of_section.tables.iter().enumerate().map(move |(table, line)| {
                let name = format!("{}/{}", of_section.name, line.name.value);
                bound(name, TableId::Peers { section, table }, &line.table)
            })
        });
        proxies.chain(peers).collect()
    }
}

/// Whether a `stick` line of any backend names this table.
fn sticks(plan: &Plan, id: TableId) -> bool {
    plan.proxies.iter().any(|proxy| {
        proxy.rules.stick.iter().any(|line| match named_table(line) {
            Some(name) => plan.table(name) == Some(id),
            None => plan.own_table(proxy) == Some(id),
        })
    })
}

/// What stands behind `table` in a `stick` line; conditions may have the word, too, behind `if`.
fn named_table(line: &RuleLine) -> Option<&str> {
    let words = line.words.iter().map(|word| &*word.text);
    let mut before = words.take_while(|word| !matches!(*word, "if" | "unless"));
    before.find(|word| *word == "table")?;
    before.next()
}
