//! What a reload has to open and to close, and what it cannot change.
//!
//! In: the addresses that the process listens on, and those that the new plan wants. Out: which sockets
//! stay (the address and how it is listened on are the same), which are new, which go; and what has to
//! wait for a restart.

use std::sync::Arc;

use super::limits;
use super::ports::{self, Held, PortId, Wanted};
use super::switch::Kept;
use super::workers;
use crate::config::content::same;
use crate::config::plan::Plan;
use crate::config::report::Report;
use crate::worker::{ListenOptions, SocketAddress};

use super::address::Place;

/// What is to be done about addresses.
#[derive(Debug, Default)]
pub struct Difference {
    /// Sockets that stay.
    pub kept: Vec<Kept>,
    /// The same, as they are held from now on.
    pub held: Vec<Held>,
    /// To be opened.
    pub fresh: Vec<Wanted>,
    /// To be closed.
    pub gone: Vec<PortId>,
    /// Addresses that are closed and opened, as a socket cannot be had to listen like that.
    pub anew: Vec<String>,
}

/// Compares. What cannot be had while the process runs goes to the report.
pub fn difference(held: &[Held], wanted: Vec<Wanted>, report: &mut Report) -> Difference {
    let mut left: Vec<&Held> = held.iter().collect();
    let mut found = Difference::default();
    let mut others = Vec::new();
    for wanted in wanted {
        let is_it = |it: &&Held| it.place == wanted.place && listens_alike(it, &wanted);
        match left.iter().position(is_it) {
            Some(place) => found.keep(left.swap_remove(place), &wanted),
            None => others.push(wanted),
        }
    }
    for wanted in others {
        let other = left.iter().find(|it| it.place == wanted.place);
        match (&wanted.place, other) {
            (Place::Descriptor(number), _) => {
                report
                    .error(wanted.span, format!("fd@{number} can only be taken at the start"))
                    .label("inherited from the parent")
                    .help("restart to take it, or write an address");
            }
            (Place::Address(_), Some(other)) if !can_stand_beside(other, &wanted) => {
                report
                    .error(wanted.span, "a running process cannot change how it listens here")
                    .label("listened on with other options so far")
                    .help("restart, or leave the options of this address as they were");
            }
            (Place::Address(address), Some(_)) if ports::is_internet(address) => {
                found.anew.push(address.to_string());
                found.fresh.push(wanted);
            }
            _ => found.fresh.push(wanted),
        }
    }
    found.gone = left.iter().map(|it| it.id).collect();
    found
}

impl Difference {
    fn keep(&mut self, held: &Held, wanted: &Wanted) {
        let (id, options) = (held.id, wanted.options.clone());
        let backlog = (held.options.backlog != options.backlog).then_some(options.backlog);
        // To other sockets they do not apply.
        let is_internet = matches!(&held.place, Place::Address(it) if ports::is_internet(it));
        let other = ListenOptions { backlog: options.backlog, ..held.options.clone() } != options;
        let anew = (is_internet && other).then(|| Arc::new(options.clone()));
        let (frontend, bind) = (wanted.frontend, wanted.bind);
        self.kept.push(Kept { id, frontend, bind, backlog, options: anew });
        self.held.push(Held { id, frontend, place: held.place.clone(), options });
    }
}

/// Whether a socket is as it is wanted, or can be made so.
fn listens_alike(held: &Held, wanted: &Wanted) -> bool {
    held.options.can_become(&wanted.options)
}

/// Whether a socket can be opened while another one has its address.
fn can_stand_beside(held: &Held, wanted: &Wanted) -> bool {
    is_unix(&wanted.place) || (held.options.reuse_port && wanted.options.reuse_port)
}

fn is_unix(place: &Place) -> bool {
    matches!(place, Place::Address(SocketAddress::Unix(_)))
}

/// What the new plan says otherwise than the old one and does not hold before a restart.
pub fn wants_restart(old: &Plan, new: &Plan) -> Vec<String> {
    let (was, is) = (&old.global.process, &new.global.process);
    let threads = |plan: &Plan| workers::group_config(&plan.global.process);
    let (before, behind) = (threads(old), threads(new));
    let mut found = Vec::new();
    if before.workers != behind.workers {
        found.push(format!("nbthread ({} -> {})", before.workers, behind.workers));
    } else if before.cores != behind.cores {
        found.push("cpu-map".to_owned());
    }
    let pipes = (limits::pipes(old), limits::pipes(new));
    let rest = [
        ("user", same(&was.user, &is.user)),
        ("group", same(&was.group, &is.group)),
        ("chroot", same(&was.chroot, &is.chroot)),
        ("setcap", same(&was.capabilities, &is.capabilities)),
        ("daemon", was.daemon == is.daemon),
        ("pidfile", same(&was.pidfile, &is.pidfile)),
        ("noreuseport", was.no_reuse_port == is.no_reuse_port),
        ("maxpipes, nosplice or tune.pipesize", pipes.0 == pipes.1),
    ];
    found.extend(rest.iter().filter(|(_, same)| !same).map(|(what, _)| (*what).to_owned()));
    found
}

/// Has the new plan say what holds until then, where it matters.
pub fn keep_what_holds(old: &Plan, new: &mut Plan) {
    new.global.process.no_reuse_port = old.global.process.no_reuse_port;
    new.global.process.daemon = old.global.process.daemon;
}
