//! A new plan beside the running one: read, checked, made ready, and put in its place; or refused, and
//! then nothing has changed.
//!
//! In: the same files as at the start, read anew. Out: what changed, or what is wrong, for the log and for
//! whoever asked. The order of things is that of a start: the files are read and checked; names are
//! resolved, certificates loaded, log targets opened; new ports are opened while the old ones stay; each
//! worker takes its new sockets; those in the file system take their names; only then each worker gets the
//! new plan in one message. Up to there nothing that serves has been touched.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use super::address::Names;
use super::carried;
use super::changes;
use super::command_sockets;
use super::diff::{self, Difference};
use super::everywhere::{Owed, everywhere, insist};
use super::operators::{Operators, Sockets};
use super::ports::{self, Held, Opened};
use super::prepare;
use super::switch::{self, Change};
use super::workers::Shared;
use super::{amend, limits};
use crate::config::plan::Plan;
use crate::config::render::{self, Style};
use crate::config::report::{Level, Report};
use crate::config::source::Disk;
use crate::config::succession::Succession;
use crate::exchange::control::{Answer, Facts};
use crate::log;
use crate::process::check::{self, Checked};
use crate::process::options::Options;
use crate::worker::Group;
use koi_sys::guard;

/// A worker has not been sent the plan before yet.
const BUSY: &str = "a worker is too busy to take any plan: try again";

/// Reads the files again.
pub struct Reloader {
    options: Options,
    /// The plan that holds.
    pub shared: Shared,
    held: Vec<Held>,
    /// The last number given to an address.
    ids: u64,
    workers: usize,
    /// Plans that may still be used.
    plans: Vec<Weak<Plan>>,
    /// The files lie outside of the `chroot`.
    shut_in: bool,
    /// Who runs commands.
    operators: Option<Operators>,
    /// What workers have to be told before another reload.
    owed: Owed,
}

/// A plan that is ready.
struct Ready {
    shared: Shared,
    heirs: Arc<Succession>,
    difference: Difference,
    opened: Opened,
    /// The runtime socket's.
    commands: Sockets,
    /// What holds only after a restart.
    later: Vec<String>,
    /// What was changed at run time and is not carried over.
    forgotten: Vec<String>,
    /// Warnings of the check.
    warnings: usize,
}

impl Reloader {
    /// For a process that serves `shared`, listening on what is `held`.
    pub fn new(options: &Options, shared: Shared, held: Vec<Held>, workers: usize) -> Reloader {
        let shut_in = shared.plan.global.process.chroot.is_some();
        let (plans, ids) = (vec![Arc::downgrade(&shared.plan)], held.len() as u64);
        let (options, operators, owed) = (options.clone(), None, Owed::default());
        let reloader =
            Reloader { options, shared, held, ids, workers, plans, shut_in, operators, owed };
        reloader.shared.control.facts().plans.store(1, Relaxed);
        reloader
    }

    /// Commands are run about the new plan, too.
    pub fn telling(self, operators: Operators) -> Reloader {
        // Numbers of both kinds of sockets are given by one hand from now on.
        let ids = self.ids.saturating_add(operators.held().len() as u64);
        Reloader { operators: Some(operators), ids, ..self }
    }

    /// Whether files cannot be read again.
    pub fn is_shut_in(&self) -> bool {
        self.shut_in
    }

    /// Tells workers what they could not be told when it was due; whether they know all by now.
    pub fn catch_up(&mut self, group: &Group) -> bool {
        self.owed.deliver(&group.addresses())
    }

    /// Counts the plans that connections still use.
    pub fn count_plans(&mut self) {
        self.plans.retain(|plan| plan.strong_count() > 0);
        let count = u64::try_from(self.plans.len()).unwrap_or(u64::MAX);
        self.shared.control.facts().plans.store(count, Relaxed);
    }

    /// Reads the files again, and has them hold if they can.
    pub fn reload(&mut self, group: &Group) -> Answer {
        self.count_plans();
        let earlier = self.plans.len().saturating_sub(1);
        let outcome = match self.catch_up(group) {
            true => self.ready().and_then(|ready| self.put_in_place(ready, group)),
            false => Err(BUSY.to_owned()),
        };
        let facts = self.shared.control.facts();
        Facts::note(if outcome.is_ok() { &facts.reloads } else { &facts.refused });
        self.count_plans();
        match outcome {
            Ok(mut text) => {
                if earlier > 0 {
                    text += &format!("; connections still use {earlier} earlier plans");
                }
                Answer { done: true, text }
            }
            Err(text) => {
                let number = self.shared.number;
                let text = format!(
                    "reload: refused, and plan {number} holds as before:\n{}",
                    text.trim_end()
                );
                Answer { done: false, text }
            }
        }
    }

    /// Closes the ports of a frontend. A reload opens them again, as the configuration has them. A worker
    /// that does not answer has been told, or is owed it: they are closed for whoever looks.
    pub fn shut_frontend(&mut self, group: &Group, name: &str) -> Answer {
        let refused = |why: String| Answer { done: false, text: why };
        // By the number of the frontend, which is another one's in another plan.
        if !self.catch_up(group) {
            return refused(BUSY.to_owned());
        }
        let Some(frontend) = self.shared.plan.frontend(name) else {
            return refused("No such frontend.".to_owned());
        };
        self.shared.live.shut_frontend(frontend, true);
        self.held.retain(|held| held.frontend != frontend);
        let told = insist(group, &mut self.owed, |_| Box::new(move |_| switch::shut(frontend)));
        match told {
            Err(fault) => refused(format!("frontend {name} is shut down, but {fault}")),
            Ok(_) => {
                let text = format!("frontend {name} is shut down: its addresses are closed");
                log::notice(format_args!("{text} by a command"));
                Answer { done: true, text }
            }
        }
    }

    /// Makes everything ready that can be made without touching what serves.
    fn ready(&mut self) -> Result<Ready, String> {
        if self.shut_in {
            return Err(format!(
                "the files lie outside of the `chroot`; start another process with -sf {}",
                std::process::id()
            ));
        }
        let options = &self.options;
        let checked = check::again(options, &self.shared.program.lists);
        let Checked { mut plan, program, report } = checked;
        self.refuse(&report, &plan)?;
        let warnings = report.count(Level::Warning);
        if options.strict && warnings > 0 {
            return Err(format!("{}-dW makes warnings errors\n", self.rendered(&report, &plan)));
        }
        amend(&mut plan, &options.serving);
        if !check::listens(&plan) {
            return Err("nothing would listen: no frontend has a `bind` line\n".to_owned());
        }
        let old = self.shared.plan.clone();
        let report = &mut Report::default();
        limits::settle(&mut plan, self.workers, report);
        let later = diff::wants_restart(&old, &plan);
        diff::keep_what_holds(&old, &mut plan);
        let heirs = Arc::new(Succession::new(&old, &plan));
        let names = &mut Names::default();
        let wanted = ports::wanted(&plan, names, report);
        let last = carried::last_addresses(&self.shared, &heirs);
        let mut destinations = prepare::destinations_after(&plan, names, &last, report);
        drop(last);
        let mut tls = prepare::binds_tls(&plan, &Disk, report);
        let targets = carried::targets(&self.shared, &plan, report);
        let difference = diff::difference(&self.held, wanted, report);
        let commands = command_sockets::wanted(&plan, names, report);
        let listening = self.operators.as_ref().map_or(&[][..], Operators::held);
        let commands = diff::difference(listening, commands, report);
        self.refuse(report, &plan)?;
        let others = ports::held_by_others(&difference.fresh, &self.held);
        let opened = ports::open_all(&difference.fresh, self.workers, &[], &mut self.ids, report);
        self.refuse(report, &plan)?;
        let fresh = ports::open_all(&commands.fresh, 1, &[], &mut self.ids, report);
        self.refuse(report, &plan)?;
        let Difference { kept, held, gone, .. } = commands;
        let commands = Sockets { kept, held, opened: fresh, gone };
        let Some(targets) = targets else { return Err("no log targets\n".to_owned()) };
        ports::warn_of_others(&plan, &others);
        carried::keep_tls(&self.shared, &plan, &heirs, &mut tls, &mut destinations);
        destinations.succeed(&self.shared.destinations, &heirs);
        let forgotten = carried::certificates_from_files(&self.shared, &tls);
        let shared = Shared {
            // Figures are shared with the running plan, which what the new one says would change: that
            // has to wait until nothing can fail any more.
            live: self.shared.live.clone(),
            ledger: Arc::new(self.shared.ledger.succeed(&plan, &heirs)),
            desk: self.shared.desk.clone(),
            pace: Arc::new(self.shared.pace.succeed(&plan, &heirs)),
            destinations: Arc::new(destinations),
            tls: Arc::new(tls),
            targets,
            plan: Arc::new(plan),
            program: Arc::new(program),
            workers: self.shared.workers,
            number: self.shared.number.saturating_add(1),
            control: self.shared.control.clone(),
            started_us: self.shared.started_us,
        };
        drop(others);
        Ok(Ready { shared, heirs, difference, opened, commands, later, forgotten, warnings })
    }

    /// Has the workers take new sockets; if one cannot, none of them keeps any.
    fn adopt(&mut self, group: &Group, shares: Vec<Vec<ports::Port>>) -> Result<(), String> {
        let mut shares = shares.into_iter();
        let adopted = everywhere(group, |_| {
            let ports = shares.next().unwrap_or_default();
            Box::new(move |_| switch::adopt(ports))
        });
        let adopted = adopted.and_then(|all| all.into_iter().collect::<Result<(), _>>());
        adopted.map_err(|fault| self.forget(group, fault))
    }

    /// Has the workers give them up again; why, and what came of it.
    fn forget(&mut self, group: &Group, fault: String) -> String {
        let forgotten = insist(group, &mut self.owed, |_| Box::new(|_| switch::forget()));
        match forgotten.err().filter(|more| *more != fault) {
            Some(more) => format!("{fault}; {more}"),
            None => fault,
        }
    }

    /// Has the workers take it.
    fn put_in_place(&mut self, ready: Ready, group: &Group) -> Result<String, String> {
        let Ready { mut shared, heirs, difference, opened, .. } = ready;
        let Ready { mut commands, later, forgotten, warnings, .. } = ready;
        let Difference { kept, mut held, gone, anew, .. } = difference;
        let Opened { shares, held: new, mut naming } = opened;
        naming.append(&mut commands.opened.naming);
        shared.destinations.set_workers(group.addresses());
        if !new.is_empty() {
            self.adopt(group, shares)?;
        }
        ports::publish(naming).map_err(|fault| self.forget(group, fault))?;
        let (live, tables) = self.shared.live.succeed(&self.shared.plan, &shared.plan, &heirs);
        shared.live = Arc::new(live);
        let text = changes::of(&self.shared.plan, &shared, &heirs, (&new, &kept, &gone));
        let change = Change { shared: shared.clone(), heirs, kept: kept.into(), gone: gone.into() };
        let changed = insist(group, &mut self.owed, |_| {
            let change = change.clone();
            Box::new(move |local| switch::change(local, &change))
        });
        held.extend(new);
        self.held = held;
        // What a command had shut down listens again.
        (0..shared.plan.proxies.len()).for_each(|it| shared.live.shut_frontend(it, false));
        self.plans.push(Arc::downgrade(&shared.plan));
        self.shared = shared;
        log::follow_targets(&self.shared.targets);
        let mut text = text;
        if !anew.is_empty() {
            text += &format!(
                "; listens anew at {}: connections that were just being made may be reset",
                anew.join(", ")
            );
        }
        let (new, gone) = (commands.opened.held.len(), commands.gone.len());
        if new + gone > 0 {
            text += &format!("; stats socket: {new} opened, {gone} closed");
        }
        if let Some(operators) = &mut self.operators {
            operators.follow(&self.shared);
            if let Err(fault) = operators.change(&self.shared.plan, commands) {
                text += &format!("; {fault}");
            }
        }
        for (name, _) in self.shared.program.lists.left_behind() {
            text += &format!("; what was changed of {name} at run time is gone: its file is new");
        }
        if let Err(fault) = changed {
            text += &format!("; {fault}: it takes the new plan when it can");
        }
        if warnings > 0 {
            text += &format!("; {warnings} warnings (`koi -c` shows them)");
        }
        for what in tables.iter().chain(&forgotten) {
            text += &format!("\nreload: {what}");
        }
        if !later.is_empty() {
            text += &format!("\nreload: needs a restart: {}", later.join(", "));
        }
        Ok(text)
    }

    fn refuse(&self, report: &Report, plan: &Plan) -> Result<(), String> {
        if !report.failed() {
            return Ok(());
        }
        let mut text = self.rendered(report, plan);
        let process = &self.shared.plan.global.process;
        if (process.user.is_some() || process.group.is_some()) && !guard::is_superuser() {
            text += "this process gave up its privileges at the start (`user`, `group`): what needs \
                     them needs a restart\n";
        }
        Err(text)
    }

    fn rendered(&self, report: &Report, plan: &Plan) -> String {
        let style = Style { colour: false, errors_only: true };
        render::report(report, &plan.sources, style)
    }
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
