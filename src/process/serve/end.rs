//! The main thread while the workers serve: signals, reloads, certificates on disk, and the end.
//!
//! SIGTERM and SIGINT stop at once. SIGUSR1 stops gracefully: after `grace` the listeners close,
//! connections in progress end by themselves, after `hard-stop-after` they are cut off. SIGHUP and SIGUSR2
//! have the files read again. Certificates that changed on disk are looked at every `CERTIFICATES`.
//!
//! Reloads go one after the other; those that are asked for before one begins are done by that one.

use std::time::Duration;

use super::certificates;
use super::news::{News, Newsroom};
use super::reload::Reloader;
use super::split::Teller;
use crate::config::plan::Process;
use crate::exchange::control::{Answer, Ask, Order};
use crate::log;
use crate::worker::{Group, Message, Time};
use koi_sys::guard::{Signal, SignalError};

/// How long news are waited for before the main thread looks around.
const TURN: Duration = Duration::from_millis(500);
/// The same while the workers end.
const LAST_TURN: Duration = Duration::from_millis(10);
/// How often certificates are looked at.
const CERTIFICATES: Duration = Duration::from_secs(10);
/// How long connections in progress may take if nobody says.
const FOR_EVER: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// How often a worker's mailbox that is full is tried for an answer: who asked looks by itself, too.
const TRIES: usize = 100;

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
    newsroom: Newsroom,
    reloader: Reloader,
    phase: Phase,
    certificates_at: Time,
    /// The process above, which may go away without a word.
    master: Option<u32>,
    /// Who hears that a reload is over.
    teller: Teller,
    /// What came while a reload was looked for.
    later: Vec<News>,
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
    pub fn new(
        group: Group,
        newsroom: Newsroom,
        reloader: Reloader,
        master: Option<u32>,
        teller: Teller,
    ) -> Watch {
        let certificates_at = Time::monotonic() + CERTIFICATES;
        let (phase, later) = (Phase::Serving, Vec::new());
        Watch { group, newsroom, reloader, phase, certificates_at, master, teller, later }
    }

    /// Runs until the workers have ended.
    ///
    /// # Errors
    /// Signals cannot be waited for.
    pub fn run(mut self) -> Result<End, SignalError> {
        let mut end = End::Stopped;
        while self.group.ended() < self.group.size() {
            let turn = if matches!(self.phase, Phase::Serving) { TURN } else { LAST_TURN };
            let news = match self.later.is_empty() {
                true => self.newsroom.next(turn),
                false => Some(self.later.remove(0)),
            };
            match news {
                Some(News::Signal(signal)) => self.handle(signal),
                Some(News::Asked(ask)) => self.obey(ask),
                Some(News::Deaf(error)) => return Err(error),
                None => {}
            }
            self.look_around();
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
            Signal::Hangup | Signal::User2 => self.reload(Vec::new()),
            Signal::Quit | Signal::StopListening | Signal::ListenAgain => {
                log::notice(format_args!("{signal} changes nothing"));
            }
        }
    }

    fn obey(&mut self, ask: Ask) {
        match &ask.order {
            Order::Reload => self.reload(vec![ask]),
            Order::Stop => {
                self.leave();
                self.answer(ask, Answer { done: true, text: "stopping".to_owned() });
            }
            Order::ShutFrontend(name) => {
                let answer = self.reloader.shut_frontend(&self.group, name);
                self.answer(ask, answer);
            }
        }
    }

    /// Reads the files again, for all that want it by now.
    fn reload(&mut self, mut asks: Vec<Ask>) {
        while let Some(news) = self.newsroom.at_once() {
            match news {
                News::Signal(Signal::Hangup | Signal::User2) => {}
                News::Asked(ask) if ask.order == Order::Reload => asks.push(ask),
                news => self.later.push(news),
            }
        }
        let answer = match self.phase {
            Phase::Serving => self.reloader.reload(&self.group),
            Phase::Leaving(_) | Phase::Ending => {
                let text = "reload: refused: the process is stopping".to_owned();
                Answer { done: false, text }
            }
        };
        for line in answer.text.lines() {
            match answer.done {
                true => log::notice(format_args!("{line}")),
                false => log::warning(format_args!("{line}")),
            }
        }
        if answer.done {
            self.look_at_certificates();
        }
        self.teller.tell(answer.done);
        for ask in asks {
            self.answer(ask, answer.clone());
        }
    }

    fn answer(&self, ask: Ask, answer: Answer) {
        let (worker, task) = ask.asker;
        ask.answer(answer);
        let Some(address) = self.group.addresses().into_iter().nth(worker) else { return };
        for _ in 0..TRIES {
            if address.send(Message::Run(Box::new(move |local| local.wake(task)))).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn look_around(&mut self) {
        let now = Time::monotonic();
        if let Phase::Leaving(at) = self.phase
            && now >= at
        {
            self.stop(self.process().hard_stop_after.map_or(FOR_EVER, |it| it.value));
        }
        // A reload says by itself what is owed.
        let _ = self.reloader.catch_up(&self.group);
        self.reloader.count_plans();
        if matches!(self.phase, Phase::Serving) && now >= self.certificates_at {
            self.look_at_certificates();
        }
        if self.master.is_some_and(|master| master != std::os::unix::process::parent_id()) {
            log::warning(format_args!("the master process is gone: stopping gracefully"));
            self.master = None;
            self.leave();
        }
    }

    fn process(&self) -> &Process {
        &self.reloader.shared.plan.global.process
    }

    /// Begins a graceful stop.
    fn leave(&mut self) {
        if matches!(self.phase, Phase::Serving) {
            self.reloader.shared.live.stop();
            let grace = self.process().grace.map_or(Duration::ZERO, |it| it.value);
            self.phase = Phase::Leaving(Time::monotonic() + grace);
            self.look_around();
        }
    }

    fn stop(&mut self, grace: Duration) {
        self.phase = Phase::Ending;
        self.reloader.shared.live.stop();
        self.group.stop(grace);
    }

    /// Has certificates that have changed on disk read again.
    fn look_at_certificates(&mut self) {
        self.certificates_at = Time::monotonic() + CERTIFICATES;
        if !self.reloader.is_shut_in() {
            certificates::look(&self.reloader.shared);
        }
    }
}
