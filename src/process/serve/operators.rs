//! The thread that serves operators: clients of the runtime socket.
//!
//! In: open sockets, before privileges go; later those that a reload opens, and those it closes. Out: answers
//! to commands. It is a worker of its own, so that no command makes a request wait, and goes on while the
//! others end gracefully, as operators then want to look. Without sockets there is no thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::command_sockets;
use super::everywhere::everywhere;
use super::ports::{Held, Opened, Port, PortId};
use super::switch::Kept;
use super::workers::Shared;
use crate::admin::office::Office;
use crate::admin::socket::{self, Room, Terms};
use crate::config::plan::Plan;
use crate::worker::{Choice, Group, GroupConfig, ListenerRef, Local, PoolConfig};

/// The thread and its sockets. Dropping it ends the thread.
#[derive(Debug)]
pub struct Operators {
    ring: Choice,
    group: Option<Group>,
    held: Vec<Held>,
    /// What commands look at.
    office: Arc<Office>,
}

/// What is to be done about sockets.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Those that stay.
    pub kept: Vec<Kept>,
    /// The same, as they are held from now on.
    pub held: Vec<Held>,
    /// Those that were opened.
    pub opened: Opened,
    /// Those that go.
    pub gone: Vec<PortId>,
}

impl Drop for Operators {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            group.stop(Duration::ZERO);
            group.join();
        }
    }
}

impl Operators {
    /// Begins to serve them, beside workers that run already.
    ///
    /// # Errors
    /// The thread cannot be had, or cannot listen.
    pub fn start(
        ring: Choice,
        shared: &Shared,
        workers: &Group,
        opened: Opened,
    ) -> Result<Operators, String> {
        let office = Office::new(command_sockets::running(shared));
        office.set_workers(workers.addresses());
        let mut operators = Operators { ring, group: None, held: Vec::new(), office };
        operators.change(&shared.plan, Sockets { opened, ..Sockets::default() })?;
        Ok(operators)
    }

    /// What it listens on.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// Commands are about this from now on.
    pub fn follow(&self, shared: &Shared) {
        self.office.replace(command_sockets::running(shared));
    }

    /// Listens as a plan says.
    ///
    /// # Errors
    /// Why it does not: then it listens on what it could.
    pub fn change(&mut self, plan: &Plan, sockets: Sockets) -> Result<(), String> {
        let Sockets { kept, mut held, opened, gone } = sockets;
        let ports: Vec<Port> = opened.shares.into_iter().flatten().collect();
        held.extend(opened.held);
        let lines = kept.iter().map(|it| (it.id, it.bind));
        let lines = lines.chain(ports.iter().map(|it| (it.id, it.bind)));
        let terms: BTreeMap<PortId, Terms> =
            lines.map(|(id, line)| (id, command_sockets::terms(plan, line))).collect();
        let places = held
            .iter()
            .filter_map(|it| Some(command_sockets::shown(&it.place, terms.get(&it.id)?)));
        self.office.set_places(places.collect());
        self.held = held;
        if self.group.is_none() {
            if ports.is_empty() {
                return Ok(());
            }
            self.group = Some(self.thread()?);
        }
        let Some(group) = &self.group else { return Ok(()) };
        let most = command_sockets::clients(plan);
        let backlogs = kept.iter().filter_map(|it| Some((it.id, it.backlog?))).collect();
        let mut change = Some(Change { ports, terms, backlogs, gone, most });
        let done = everywhere(group, |_| {
            let change = change.take();
            Box::new(move |_| change.map_or(Ok(()), change_here))
        })?;
        done.into_iter().collect()
    }

    fn thread(&self) -> Result<Group, String> {
        let config = GroupConfig {
            workers: 1,
            cores: Vec::new(),
            ring: self.ring,
            pool: PoolConfig::default(),
            name: "operators",
            ..GroupConfig::default()
        };
        let office = self.office.clone();
        let group = Group::start(&config, move |_, local| {
            let (local, office) = (local.clone(), office.clone());
            local.spawn(leave(local.clone()));
            let (room, open) = (Room::new(0), BTreeMap::new());
            COUNTER.set(Some(Counter { local, office, room, open }));
            Ok(())
        });
        group.map_err(|error| error.to_string())
    }
}

/// What the thread has.
struct Counter {
    local: Local,
    office: Arc<Office>,
    room: Rc<Room>,
    open: BTreeMap<PortId, (ListenerRef, Rc<Cell<Terms>>)>,
}

/// What is new for it.
#[derive(Debug)]
struct Change {
    ports: Vec<Port>,
    /// Of all sockets.
    terms: BTreeMap<PortId, Terms>,
    backlogs: Vec<(PortId, i32)>,
    gone: Vec<PortId>,
    /// Clients at a time.
    most: usize,
}

thread_local! {
    static COUNTER: RefCell<Option<Counter>> = const { RefCell::new(None) };
}

/// What it has is dropped when it stops.
async fn leave(local: Local) {
    local.stopping().await;
    drop(COUNTER.take());
}

fn change_here(change: Change) -> Result<(), String> {
    COUNTER.with_borrow_mut(|counter| counter.as_mut().map_or(Ok(()), |it| it.change(change)))
}

impl Counter {
    fn change(&mut self, change: Change) -> Result<(), String> {
        let Change { ports, terms, backlogs, gone, most } = change;
        self.room.resize(most);
        for (id, (_, held)) in &self.open {
            terms.get(id).into_iter().for_each(|terms| held.set(*terms));
        }
        for (id, backlog) in backlogs {
            self.open.get(&id).into_iter().for_each(|(socket, _)| socket.set_backlog(backlog));
        }
        for id in gone {
            self.open.remove(&id).into_iter().for_each(|(socket, _)| socket.close());
        }
        for Port { id, socket, backlog, .. } in ports {
            let Some(terms) = terms.get(&id) else { continue };
            let listener = self.local.adopt_listener(socket, backlog);
            let listener =
                listener.map_err(|error| format!("the runtime socket cannot listen: {error}"))?;
            let terms = Rc::new(Cell::new(*terms));
            self.open.insert(id, (listener.reference(), terms.clone()));
            let (room, office) = (self.room.clone(), self.office.clone());
            self.local.spawn(socket::serve(self.local.clone(), listener, terms, room, office));
        }
        Ok(())
    }
}
