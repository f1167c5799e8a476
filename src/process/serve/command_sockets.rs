//! The runtime socket's own sockets, and the thread that serves them.
//!
//! In: `stats socket` lines. Out: open sockets, before privileges go; then a worker of their own, so that no
//! command makes a request wait. It goes on while the others end gracefully, as operators then want to look.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::address::{self, Names, Place};
use super::ports::{self, Wanted};
use super::workers::Shared;
use crate::admin::office::{self, Office, Running};
use crate::admin::socket::{self, Room, Terms};
use crate::config::plan::{CommandLevel, Given, Plan, Proxy, SeverityOutput};
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::source::Span;
use crate::worker::{Group, GroupConfig, PoolConfig, SocketAddress, StartError};

/// How long a client may be silent if nobody says (`stats timeout`).
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients at a time if nobody says (`stats maxconn`).
const CLIENTS: u32 = 10;

/// Bytes of a line, if nobody says (`tune.bufsize`).
const LINE: u32 = 16_384;

/// A socket that is to be opened.
#[derive(Debug)]
pub struct Socket {
    wanted: Wanted,
    level: CommandLevel,
    severity: SeverityOutput,
}

/// An open one.
#[derive(Debug)]
pub struct Open {
    socket: OwnedFd,
    backlog: usize,
    terms: Terms,
    place: office::Place,
}

/// The thread that serves them. Dropping it ends it.
#[derive(Debug)]
pub struct Operators {
    group: Option<Group>,
    /// What commands look at: to be told of reloads.
    pub office: Arc<Office>,
}

impl Drop for Operators {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            group.stop(Duration::ZERO);
            group.join();
        }
    }
}

/// Everything that `stats socket` lines want to listen on.
pub fn wanted(plan: &Plan, names: &mut Names, report: &mut Report) -> Vec<Socket> {
    // What a proxy says of its binds: here nothing.
    let proxy = Proxy::new(Section::Frontend, "GLOBAL".into(), Span::default());
    let mut all = Vec::new();
    for (bind, line) in plan.global.stats.sockets.iter().enumerate() {
        let options = ports::listen_options(plan, &proxy, line, report);
        let level = line.level.map_or(CommandLevel::Operator, |it| it.value);
        let severity = line.severity_output.map_or(SeverityOutput::None, |it| it.value);
        for endpoint in &line.endpoints {
            let span = endpoint.span;
            match address::listening(endpoint, "", names) {
                Ok(places) => all.extend(places.into_iter().map(|place| {
                    let options = options.clone();
                    let wanted = Wanted { frontend: 0, bind, span, place, options };
                    Socket { wanted, level, severity }
                })),
                Err(fault) => fault.tell(span, report),
            }
        }
    }
    all
}

/// Opens them; what cannot be opened goes to the report.
pub fn open(sockets: Vec<Socket>, plan: &Plan, report: &mut Report) -> Vec<Open> {
    let stats = &plan.global.stats;
    let patience = stats.timeout.map_or(PATIENCE, |it| it.value);
    let line = plan.global.tuning.buffer.map_or(LINE, |it: Given<u32>| it.value);
    let line_max = usize::try_from(line).unwrap_or(usize::MAX);
    let mut all = Vec::new();
    for Socket { wanted, level, severity } in sockets {
        match ports::open(&wanted, 1) {
            Ok(opened) => all.extend(opened.into_iter().map(|socket| Open {
                socket,
                backlog: usize::try_from(wanted.options.backlog).unwrap_or(0),
                terms: Terms { level, severity, patience, line_max },
                place: office::Place { address: shown(&wanted.place), level },
            })),
            Err(fault) => ports::tell(&wanted, fault, report),
        }
    }
    all
}

fn shown(place: &Place) -> String {
    match place {
        Place::Address(SocketAddress::Unix(path)) => format!("unix@{}", path.display()),
        Place::Address(address) => address.to_string(),
        Place::Descriptor(number) => format!("fd@{number}"),
    }
}

/// Begins to serve them, beside workers that run already.
///
/// # Errors
/// The thread cannot be had.
pub fn start(
    workers: &GroupConfig,
    shared: &Shared,
    group: &Group,
    sockets: Vec<Open>,
) -> Result<Operators, StartError> {
    let office = Office::new(running(shared));
    office.set_workers(group.addresses());
    office.set_places(sockets.iter().map(|open| open.place.clone()).collect());
    if sockets.is_empty() {
        return Ok(Operators { group: None, office });
    }
    let most = shared.plan.global.stats.connections.map_or(CLIENTS, |it| it.value);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let config = GroupConfig {
        workers: 1,
        cores: Vec::new(),
        ring: workers.ring,
        pool: PoolConfig::default(),
        name: "operators",
        ..GroupConfig::default()
    };
    let (sockets, of_office) = (Mutex::new(sockets), office.clone());
    let group = Group::start(&config, move |_, local| {
        let room = Room::new(most);
        let sockets = std::mem::take(&mut *sockets.lock().unwrap_or_else(PoisonError::into_inner));
        for Open { socket, backlog, terms, .. } in sockets {
            let listener = local
                .adopt_listener(socket, backlog)
                .map_err(|error| format!("the runtime socket cannot listen: {error}"))?;
            let office = of_office.clone();
            local.spawn(socket::serve(local.clone(), listener, terms, room.clone(), office));
        }
        Ok(())
    })?;
    Ok(Operators { group: Some(group), office })
}

/// What commands look at.
pub fn running(shared: &Shared) -> Running {
    Running {
        plan: shared.plan.clone(),
        program: shared.program.clone(),
        live: shared.live.clone(),
        ledger: shared.ledger.clone(),
        process: shared.desk.process().clone(),
        destinations: shared.destinations.clone(),
        tls: shared.tls.clone(),
        control: shared.control.clone(),
    }
}
