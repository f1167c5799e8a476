//! The listening sockets, opened before privileges go and workers start.
//!
//! In: the `bind` lines of the plan. Out: for each worker, the sockets it shall accept on; or what
//! cannot be opened, at the words that ask for it. An internet address has one socket a worker
//! (`SO_REUSEPORT`, FreeBSD's `SO_REUSEPORT_LB`), among which the kernel spreads connections. Unix
//! sockets, inherited descriptors and `noreuseport` have one socket, which the workers share.

use std::os::fd::OwnedFd;

use super::accounts;
use super::address::{self, Names, Place};
use super::predecessors;
use crate::config::plan::{Bind, Given, Plan, Proxy, is_on};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::log;
use crate::process::options::Predecessor;
use crate::worker::{ListenOptions, SocketAddress};
use koi_sys::net::{self, AdoptError, BindError, KeepAlive, Naming, UnixPermissions};

/// Connections that wait for accept where neither a backlog nor a `maxconn` says how many.
const BACKLOG: u32 = 4096;

/// One address to listen on.
#[derive(Debug)]
pub struct Wanted {
    /// The frontend, an index into `Plan::proxies`.
    pub frontend: usize,
    /// The `bind` line in it.
    pub bind: usize,
    /// The word that asks for it.
    pub span: Span,
    /// Where.
    pub place: Place,
    /// How.
    pub options: ListenOptions,
}

/// A listening address by number, whatever plan it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortId(u64);

/// An address that the process listens on.
#[derive(Debug)]
pub struct Held {
    /// Its number.
    pub id: PortId,
    /// Its frontend in the plan that holds, an index into `Plan::proxies`.
    pub frontend: usize,
    /// Where.
    pub place: Place,
    /// How.
    pub options: ListenOptions,
}

/// What was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// For each worker.
    pub shares: Vec<Vec<Port>>,
    /// Each address once.
    pub held: Vec<Held>,
    /// Unix sockets that listen, but whose names others may have until [`publish`].
    pub naming: Vec<Naming>,
}

/// A listening socket of a worker.
#[derive(Debug)]
pub struct Port {
    /// Its address's number.
    pub id: PortId,
    /// The frontend, an index into `Plan::proxies`.
    pub frontend: usize,
    /// The `bind` line in it.
    pub bind: usize,
    /// The socket.
    pub socket: OwnedFd,
    /// Connections that may wait in it.
    pub backlog: usize,
}

/// Why an address cannot be listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFault {
    /// It cannot be bound to.
    Bind(BindError),
    /// The inherited descriptor cannot be used.
    Adopt(AdoptError),
    /// No descriptor for a worker's share of it.
    Share,
}

impl OpenFault {
    /// Whether somebody else has the address.
    pub fn is_occupied(self) -> bool {
        self == OpenFault::Bind(BindError::AddressInUse)
    }
}

/// Everything that the plan wants to listen on. Names that have no address, users that do not exist
/// go to the report.
pub fn wanted(plan: &Plan, names: &mut Names, report: &mut Report) -> Vec<Wanted> {
    let mut all = Vec::new();
    let prefix = plan.global.process.unix_bind.prefix.as_ref().map_or("", |it| &**it);
    for (frontend, proxy) in plan.proxies.iter().enumerate() {
        if proxy.disabled || !proxy.has_frontend() {
            continue;
        }
        for (number, bind) in proxy.binds.iter().enumerate() {
            let options = listen_options(plan, proxy, bind, report);
            for endpoint in &bind.endpoints {
                let span = endpoint.span;
                match address::listening(endpoint, prefix, names) {
                    Ok(places) => all.extend(places.into_iter().map(|place| {
                        let options = options.clone();
                        Wanted { frontend, bind: number, span, place, options }
                    })),
                    Err(fault) => fault.tell(span, report),
                }
            }
        }
    }
    all
}

/// How a `bind` line listens.
pub(super) fn listen_options(
    plan: &Plan,
    proxy: &Proxy,
    bind: &Bind,
    report: &mut Report,
) -> ListenOptions {
    let set = |value: Option<Given<u32>>| value.map(|given| given.value).filter(|&value| value > 0);
    // As in HAProxy: what may wait is as much as may be served.
    let backlog = set(bind.backlog)
        .or(set(proxy.front.backlog))
        .or(set(bind.maxconn))
        .or(set(proxy.front.max_connections))
        .unwrap_or(BACKLOG);
    let v6only = match (bind.v6only, bind.v4v6) {
        (Some(_), _) => Some(true),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    };
    if let Some(mss) = bind.mss.filter(|mss| mss.value < 0) {
        let place = plan.sources.place(mss.span);
        log::warning(format_args!(
            "{}:{}: a negative mss changes nothing yet: write the size itself",
            place.file, place.line
        ));
    }
    let tuning = &plan.global.tuning;
    ListenOptions {
        backlog: i32::try_from(backlog).unwrap_or(i32::MAX),
        reuse_port: !plan.global.process.no_reuse_port,
        bind_any: bind.transparent.is_some(),
        v6only,
        interface: bind.interface.as_ref().map(|it| it.value.to_string()),
        user_timeout_ms: bind.tcp_user_timeout.map(|it| milliseconds(it.value)),
        max_segment: bind.mss.and_then(|mss| u16::try_from(mss.value).ok()),
        keep_alive: is_on(proxy.settings.options.client_keepalive).then(|| keep_alive(proxy)),
        receive_buffer_bytes: set(tuning.client_receive),
        send_buffer_bytes: set(tuning.client_send),
        unix: unix_permissions(plan, bind, report),
        ..ListenOptions::default()
    }
}

fn milliseconds(time: std::time::Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn keep_alive(proxy: &Proxy) -> KeepAlive {
    let probes = &proxy.front.keepalive;
    let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    KeepAlive {
        idle_s: probes.idle.map(|it| seconds(it.value)),
        interval_s: probes.interval.map(|it| seconds(it.value)),
        count: probes.count.map(|it| it.value),
    }
}

/// Owner and mode of a bind's Unix sockets: its own, or else those of `unix-bind`.
fn unix_permissions(plan: &Plan, bind: &Bind, report: &mut Report) -> UnixPermissions {
    let default = &plan.global.process.unix_bind;
    let own_mode = bind.unix.mode.map(|it| u32::from(it.value));
    UnixPermissions {
        mode: own_mode.or(default.mode.map(|it| it.value)),
        uid: accounts::owner(bind.unix.user.as_ref(), default.user.as_ref(), report),
        gid: accounts::owning_group(bind.unix.group.as_ref(), default.group.as_ref(), report),
    }
}

/// Opens a place for so many workers. A Unix socket takes its name later.
///
/// # Errors
/// The first thing that went wrong; nothing stays open then.
pub fn open(wanted: &Wanted, workers: usize) -> Result<(Vec<OwnedFd>, Option<Naming>), OpenFault> {
    let options = &wanted.options;
    let mut name = None;
    let first = match &wanted.place {
        Place::Address(address) => {
            let (first, naming) = net::listen_unnamed(address, options).map_err(OpenFault::Bind)?;
            name = naming;
            if is_internet(address) && options.reuse_port {
                let others = (1..workers).map(|_| net::listen(address, options));
                let mut all = vec![first];
                for other in others {
                    all.push(other.map_err(OpenFault::Bind)?);
                }
                return Ok((all, None));
            }
            first
        }
        Place::Descriptor(number) => {
            net::adopt_listener(*number, options.backlog).map_err(OpenFault::Adopt)?
        }
    };
    let mut all = Vec::with_capacity(workers);
    for _ in 1..workers {
        all.push(first.try_clone().map_err(|_| OpenFault::Share)?);
    }
    all.push(first);
    Ok((all, name))
}

/// Has Unix sockets take their names: all of them, or none.
///
/// # Errors
/// The first that cannot be had, in words.
pub fn publish(mut naming: Vec<Naming>) -> Result<(), String> {
    for name in &mut naming {
        let taken = name.take();
        taken
            .map_err(|error| format!("cannot listen on unix@{}: {error}", name.path().display()))?;
    }
    naming.into_iter().for_each(Naming::settle);
    Ok(())
}

pub(super) fn is_internet(address: &SocketAddress) -> bool {
    address.port().is_some()
}

/// Those that another process listens on and may let us share (`SO_REUSEPORT`). Of what this one holds,
/// nobody can tell.
pub fn held_by_others<'a>(wanted: &'a [Wanted], held: &[Held]) -> Vec<&'a Wanted> {
    let is_held = |wanted: &&Wanted| {
        let Place::Address(address) = &wanted.place else { return false };
        if held.iter().any(|held| meets(&held.place, address)) {
            return false;
        }
        let options = ListenOptions { reuse_port: false, ..wanted.options.clone() };
        wanted.options.reuse_port
            && is_internet(address)
            && matches!(net::listen(address, &options), Err(BindError::AddressInUse))
    };
    wanted.iter().filter(is_held).collect()
}

/// Whether a socket at a place keeps an address from others.
fn meets(place: &Place, address: &SocketAddress) -> bool {
    let Place::Address(other) = place else { return false };
    let any = |it: &SocketAddress| it.ip().is_some_and(|ip| ip.is_unspecified());
    other.port() == address.port() && (other.ip() == address.ip() || any(other) || any(address))
}

/// Warns that another process gets some of the connections, and answers them by another file, perhaps.
/// As in HAProxy that is no error.
pub fn warn_of_others(plan: &Plan, held: &[&Wanted]) {
    for wanted in held {
        let Place::Address(address) = &wanted.place else { continue };
        let place = plan.sources.place(wanted.span);
        log::warning(format_args!(
            "{}:{}: another process listens on {address}, too, and gets some of the connections \
             (-sf PID replaces it)",
            place.file, place.line
        ));
    }
}

/// Opens all of it, for each worker its own. Ports that predecessors hold are asked for, and tried
/// again. What stays occupied, and what else cannot be opened, goes to the report. `ids` is the last number
/// that was given to an address.
pub fn open_all(
    wanted: &[Wanted],
    workers: usize,
    predecessors: &[Predecessor],
    ids: &mut u64,
    report: &mut Report,
) -> Opened {
    let shares = (0..workers).map(|_| Vec::new()).collect();
    let mut opened = Opened { shares, ..Opened::default() };
    let mut attempts = if predecessors.is_empty() { 1 } else { predecessors::ATTEMPTS };
    for wanted in wanted {
        let fault = loop {
            attempts = attempts.saturating_sub(1);
            match open(wanted, workers) {
                Ok((sockets, name)) => {
                    *ids = ids.wrapping_add(1);
                    opened.naming.extend(name);
                    opened.add(PortId(*ids), wanted, sockets);
                    break None;
                }
                Err(fault) if fault.is_occupied() && attempts > 0 => {
                    predecessors::ask_for_ports(predecessors);
                    std::thread::sleep(predecessors::PAUSE);
                }
                Err(fault) => break Some(fault),
            }
        };
        if let Some(fault) = fault {
            tell(wanted, fault, report);
        }
    }
    opened
}

impl Opened {
    fn add(&mut self, id: PortId, wanted: &Wanted, sockets: Vec<OwnedFd>) {
        let Wanted { frontend, bind, place, options, .. } = wanted;
        let backlog = usize::try_from(options.backlog).unwrap_or(0);
        for (share, socket) in self.shares.iter_mut().zip(sockets) {
            share.push(Port { id, frontend: *frontend, bind: *bind, socket, backlog });
        }
        let (frontend, place, options) = (*frontend, place.clone(), options.clone());
        self.held.push(Held { id, frontend, place, options });
    }
}

/// Tells of an address that could not be opened.
pub fn tell(wanted: &Wanted, fault: OpenFault, report: &mut Report) {
    let place = match &wanted.place {
        Place::Address(address) => address.to_string(),
        Place::Descriptor(number) => format!("fd@{number}"),
    };
    let (reason, label, help) = match fault {
        OpenFault::Bind(error) => explain(error, &wanted.place),
        OpenFault::Adopt(error) => (
            error.to_string(),
            "inherited from the parent",
            "the parent has to open it, and listen",
        ),
        OpenFault::Share => (
            "no descriptor left".to_owned(),
            "opened once for every worker",
            "raise the limit: ulimit-n in global, or `ulimit -n`",
        ),
    };
    let message = format!("cannot listen on {place}: {reason}");
    report.error(wanted.span, message).label(label).help(help);
}

const LISTENERS: &str = if cfg!(target_os = "linux") {
    "`ss -ltnp` shows which process it is; a running HAProxy or Koi is replaced by -sf PID"
} else {
    "`sockstat -l` shows which process it is; a running HAProxy or Koi is replaced by -sf PID"
};

fn explain(error: BindError, place: &Place) -> (String, &'static str, &'static str) {
    let privileged = matches!(place, Place::Address(address)
        if address.port().is_some_and(|port| port < 1024));
    match error {
        BindError::AddressInUse => {
            ("address already in use".to_owned(), "another process listens on it", LISTENERS)
        }
        BindError::AddressNotAvailable => (
            "no interface of this machine has the address".to_owned(),
            "not an address of ours",
            "write another one, or `transparent` to listen before the address is there",
        ),
        BindError::Denied if privileged => (
            "permission denied".to_owned(),
            "ports below 1024 are the superuser's",
            "start as root and let `user` and `group` in global give the privilege up",
        ),
        BindError::Denied => (
            "permission denied".to_owned(),
            "not for this user",
            "start as root, or choose a place that this user may write to",
        ),
        BindError::NoDirectory => {
            (error.to_string(), "its directory is missing", "make the directory, or mend the path")
        }
        BindError::DescriptorLimit => {
            (error.to_string(), "one socket a worker", "raise `ulimit-n` in global, or `ulimit -n`")
        }
        BindError::Option { .. } => {
            (error.to_string(), "opened with this line's options", "leave the option out here")
        }
        other => (other.to_string(), "cannot be opened", "mend the address"),
    }
}
