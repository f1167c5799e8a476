//! The process and its workers: `show activity`, `show pools`.

use std::fmt::Write;
use std::future::Future;

use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::config::plan::CommandLevel;
use crate::worker::{Class, Counters, Local, PoolStats};

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "show activity",
        usage: "",
        about: "show per-thread activity stats (for support/developers)",
        level: CommandLevel::Operator,
        run: activity,
    },
    Command {
        name: "show pools",
        usage: "",
        about: "report information about the memory pools usage",
        level: CommandLevel::Operator,
        run: pools,
    },
];

/// Asks every worker, one after the other.
fn of_workers<T: Send + 'static>(
    call: &Call,
    look: fn(&Local) -> T,
) -> impl Future<Output = Vec<T>> + 'static {
    let (office, local) = (call.office.clone(), call.local.clone());
    async move {
        let mut all = Vec::new();
        for worker in 0..office.workers().len() {
            let told =
                office.ask(&local, worker, move |sites| sites.last().map(|site| look(&site.local)));
            all.extend(told.await.flatten());
        }
        all
    }
}

/// A row: its name and how to read it.
type Row = (&'static str, fn(&Figures) -> u64);

/// What a worker has counted.
struct Figures {
    worker: Counters,
    ring: koi_sys::ring::Counters,
}

/// Names as HAProxy's where they mean the same.
const ACTIVITY: &[Row] = &[
    ("loops", |it| it.ring.turns),
    ("accepted", |it| it.worker.accepted),
    ("tasks", |it| it.worker.tasks),
    ("panics", |it| it.worker.panics),
    ("accept_pauses", |it| it.worker.accept_pauses),
    ("shed", |it| it.worker.shed),
    ("messages", |it| it.worker.messages),
    ("accepts_aborted", |it| it.ring.accepts_aborted),
    ("buf_wait", |it| it.ring.starved),
    ("stale_events", |it| it.ring.stale_events),
    ("unexpected_errno", |it| it.ring.unexpected),
];

fn activity(call: &mut Call, _: &mut Session) -> Answer {
    let up = call.office.uptime();
    let asked =
        of_workers(call, |local| Figures { worker: local.counters(), ring: local.ring_counters() });
    Answer::Later(Box::pin(async move {
        let all = asked.await;
        let mut text = format!("uptime_now: {}.{:06}\n", up.as_secs(), up.subsec_micros());
        for (name, read) in ACTIVITY {
            let each: Vec<u64> = all.iter().map(read).collect();
            let shown: Vec<String> = each.iter().map(u64::to_string).collect();
            let _ = writeln!(text, "{name}: {} [ {} ]", each.iter().sum::<u64>(), shown.join(" "));
        }
        Answer::Text(text)
    }))
}

fn pools(call: &mut Call, _: &mut Session) -> Answer {
    let asked = of_workers(call, |local| local.pool().stats());
    Answer::Later(Box::pin(async move { Answer::Text(pools_text(&asked.await)) }))
}

fn pools_text(all: &[PoolStats]) -> String {
    let mut text = "Dumping pools usage.\n".to_owned();
    let (mut allocated_bytes, mut used_bytes) = (0, 0);
    for (index, (name, class)) in
        [("buffer_small", Class::Small), ("buffer", Class::Bulk)].into_iter().enumerate()
    {
        let sum = |of: fn(&PoolStats) -> [usize; 2]| -> usize {
            all.iter().map(|stats| of(stats).get(index).copied().unwrap_or(0)).sum()
        };
        let (allocated, used) = (sum(|it| it.existing), sum(|it| it.leased));
        let most = sum(|it| it.leased_max);
        let bytes = class.bytes();
        allocated_bytes += allocated * bytes;
        used_bytes += used * bytes;
        let _ = writeln!(
            text,
            "  - Pool {name} ({bytes} bytes) : {allocated} allocated ({} bytes), {used} used, \
             at most {most} at once, {} workers",
            allocated * bytes,
            all.len(),
        );
    }
    let refused: u64 = all.iter().map(|stats| stats.refused).sum();
    let _ = writeln!(
        text,
        "Total: 2 pools, {allocated_bytes} bytes allocated, {used_bytes} used, {refused} refused."
    );
    text
}
