//! The main thread while the workers serve: signals, certificates on disk, and the end.
//!
//! SIGTERM and SIGINT stop at once. SIGUSR1 stops gracefully: after `grace` the listeners close,
//! connections in progress end by themselves, after `hard-stop-after` they are cut off. SIGHUP looks at
//! certificates at once; otherwise that is done every `RELOAD`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use super::workers::Shared;
use crate::config::plan::Process;
use crate::log;
use crate::tls::Reload;
use crate::worker::{Group, Time};
use koi_sys::guard::{self, Signal, SignalError};

/// How long a signal is waited for before the main thread looks around.
const TURN: Duration = Duration::from_millis(500);
/// The same while the workers end.
const LAST_TURN: Duration = Duration::from_millis(10);
/// How often certificates are looked at.
const RELOAD: Duration = Duration::from_secs(10);
/// How long connections in progress may take if nobody says.
const FOR_EVER: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// How it goes.
enum Phase {
    /// As it should.
    Serving,
    /// Listeners close at this moment (`grace`).
    Leaving(Time),
    /// The workers are told to end.
    Ending,
}

/// What the main thread watches over.
pub struct Watch {
    group: Group,
    shared: Shared,
    phase: Phase,
    reload_at: Time,
    /// Certificates cannot be read again: they lie outside of the `chroot`.
    shut_in: bool,
    /// The process above, which may go away without a word.
    master: Option<u32>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As asked for.
    Stopped,
    /// A worker was gone that nobody had asked to.
    WorkerLost,
}

impl Watch {
    /// Watches over running workers. `master` is the process above, if there is one.
    pub fn new(group: Group, shared: Shared, master: Option<u32>) -> Watch {
        let shut_in = shared.plan.global.process.chroot.is_some();
        let reload_at = Time::monotonic() + RELOAD;
        Watch { group, shared, phase: Phase::Serving, reload_at, shut_in, master }
    }

    /// Runs until the workers have ended.
    ///
    /// # Errors
    /// Signals cannot be waited for.
    pub fn run(mut self) -> Result<End, SignalError> {
        let mut end = End::Stopped;
        while self.group.ended() < self.group.size() {
            let turn = if matches!(self.phase, Phase::Serving) { TURN } else { LAST_TURN };
            match guard::wait_signal_for(turn)? {
                Some(signal) => self.handle(signal),
                None => self.look_around(),
            }
            if self.group.ended() > 0 && !matches!(self.phase, Phase::Ending) {
                log::warning(format_args!("a worker has ended that nobody stopped: ending all"));
                end = End::WorkerLost;
                self.stop(Duration::ZERO);
            }
        }
        for (number, left) in self.group.join().into_iter().enumerate() {
            if left.is_none() {
                log::warning(format_args!("worker {number} panicked"));
                end = End::WorkerLost;
            }
        }
        Ok(end)
    }

    fn handle(&mut self, signal: Signal) {
        match signal {
            Signal::Terminate | Signal::Interrupt => self.stop(Duration::ZERO),
            Signal::User1 => self.leave(),
            Signal::Hangup if self.shut_in => log::warning(format_args!(
                "SIGHUP: certificates lie outside of the `chroot` and cannot be read again; start \
                 another process with -sf {}",
                std::process::id()
            )),
            Signal::Hangup => {
                log::notice(format_args!(
                    "SIGHUP: looking at certificates; the configuration is not read again yet"
                ));
                self.reload();
            }
            Signal::User2 => log::warning(format_args!(
                "SIGUSR2: reloading is not built yet; start another process with -sf {}",
                std::process::id()
            )),
            Signal::Quit | Signal::StopListening | Signal::ListenAgain => {
                log::notice(format_args!("{signal} changes nothing"));
            }
        }
    }

    fn look_around(&mut self) {
        let now = Time::monotonic();
        if let Phase::Leaving(at) = self.phase
            && now >= at
        {
            self.stop(self.process().hard_stop_after.map_or(FOR_EVER, |it| it.value));
        }
        if matches!(self.phase, Phase::Serving) && now >= self.reload_at {
            self.reload();
        }
        if self.master.is_some_and(|master| master != std::os::unix::process::parent_id()) {
            log::warning(format_args!("the master process is gone: stopping gracefully"));
            self.master = None;
            self.leave();
        }
    }

    fn process(&self) -> &Process {
        &self.shared.plan.global.process
    }

    /// Begins a graceful stop.
    fn leave(&mut self) {
        if matches!(self.phase, Phase::Serving) {
            self.shared.live.stop();
            let grace = self.process().grace.map_or(Duration::ZERO, |it| it.value);
            self.phase = Phase::Leaving(Time::monotonic() + grace);
            self.look_around();
        }
    }

    fn stop(&mut self, grace: Duration) {
        self.phase = Phase::Ending;
        self.shared.live.stop();
        self.group.stop(grace);
    }

    /// Has certificates that have changed on disk read again. Several lines may name one file: what is
    /// the same of them is told once.
    fn reload(&mut self) {
        self.reload_at = Time::monotonic() + RELOAD;
        if self.shut_in {
            return;
        }
        let plan = &self.shared.plan;
        let mut told = Told::default();
        for (proxy, binds) in plan.proxies.iter().zip(&*self.shared.tls) {
            for tls in binds.iter().flatten() {
                told.add(&proxy.name, tls.reload());
            }
        }
        for (proxy, servers) in plan.proxies.iter().zip(&self.shared.destinations.servers) {
            for (server, destination) in proxy.servers.iter().zip(servers) {
                if let Some(tls) = &destination.tls {
                    told.add(
                        &format!("{}/{}", proxy.name, server.name.value),
                        tls.reload(plan, server),
                    );
                }
            }
        }
        for (text, who) in told.faults {
            log::warning(format_args!("{who}: {text}"));
        }
        for (text, who) in told.changes {
            log::notice(format_args!("{who}: {text}"));
        }
    }
}

/// What is to be told, and whose it is.
#[derive(Default)]
struct Told {
    faults: BTreeMap<String, String>,
    changes: BTreeMap<String, String>,
}

impl Told {
    fn add(&mut self, who: &str, reload: Reload) {
        for (lines, into) in
            [(reload.faults, &mut self.faults), (reload.changes, &mut self.changes)]
        {
            for line in lines {
                match into.entry(line) {
                    Entry::Vacant(free) => drop(free.insert(who.to_owned())),
                    Entry::Occupied(mut held) if !held.get().split(", ").any(|it| it == who) => {
                        *held.get_mut() += &format!(", {who}");
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
    }
}
