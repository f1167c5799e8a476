//! Connections of clients: `show sess`, `shutdown session`, `shutdown sessions server`.
//!
//! Each worker is asked for some of its own at a time, so that none stops for long and nothing has to hold
//! them all.

use std::fmt::Write;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Call, Command, Parts};
use crate::admin::office::Office;
use crate::admin::socket::Session;
use crate::config::plan::{CommandLevel, Plan};
use crate::exchange::sessions::{self, Step};
use crate::rules::ending::Cause;
use crate::worker::Local;

/// Sessions that a worker tells of at once.
const TOGETHER: usize = 500;

/// Bits of a session's number that tell the worker.
const WORKER_BITS: u32 = 10;

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "show sess",
        usage: "[<id>|all|older <age>]",
        about: "report the list of current sessions or dump this exact session",
        level: CommandLevel::Operator,
        run: show,
    },
    Command {
        name: "shutdown session",
        usage: "[id]",
        about: "kill a specific session",
        level: CommandLevel::Admin,
        run: shut,
    },
    Command {
        name: "shutdown sessions server",
        usage: "<bk>/<srv>",
        about: "kill sessions on a server",
        level: CommandLevel::Admin,
        run: shut_all,
    },
];

/// What a worker tells of a session.
#[derive(Clone, Debug)]
struct Row {
    plan: Arc<Plan>,
    serial: u64,
    source: SocketAddr,
    frontend: usize,
    server: Option<(u32, u32)>,
    age_us: u64,
    step: Step,
    exchanges: u32,
}

/// Which sessions are wanted.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    All,
    One(u64),
    Older(Duration),
}

fn number(worker: usize, serial: u64) -> u64 {
    serial << WORKER_BITS | u64::try_from(worker).unwrap_or(0)
}

/// The number of a session as it was written: `0x...`; its worker and its own number there.
fn read_number(text: &str) -> Option<(usize, u64)> {
    let number = u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()?;
    let worker = usize::try_from(number & ((1 << WORKER_BITS) - 1)).ok()?;
    Some((worker, number >> WORKER_BITS))
}

fn show(call: &mut Call, _: &mut Session) -> Answer {
    let wanted = match (call.word(0), call.word(1)) {
        (None | Some("all"), _) => Wanted::All,
        (Some("older"), Some(age)) => match super::general::duration(age, Duration::from_secs(1)) {
            Some(age) => Wanted::Older(age),
            None => return Answer::error("Invalid age: a number, or one with s, m, h or d."),
        },
        (Some("older"), None) => return Answer::error("'show sess older' expects an age."),
        (Some(text), _) => match read_number(text) {
            Some((worker, serial)) => Wanted::One(number(worker, serial)),
            None => return Answer::error("No such session (use 'show sess')."),
        },
    };
    let (office, local) = (call.office.clone(), call.local.clone());
    Answer::Parts(Box::new(Listing { office, local, wanted, worker: 0, place: 0 }))
}

struct Listing {
    office: Arc<Office>,
    local: Local,
    wanted: Wanted,
    worker: usize,
    place: usize,
}

impl Parts for Listing {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<String>> + '_>> {
        Box::pin(async move {
            if self.worker >= self.office.workers().len() {
                return None;
            }
            let (worker, place) = (self.worker, self.place);
            let told = self.office.ask(&self.local, worker, move |sites| {
                let mut rows = Vec::new();
                let Some(current) = sites.last() else { return (rows, None) };
                let now_us = current.now_us();
                let row = |it: &sessions::Session| {
                    // Names are those of the plan that it is served under.
                    let site = sites.iter().find(|site| site.tenure.number == it.plan);
                    rows.push(Row {
                        plan: site.unwrap_or(current).plan.clone(),
                        serial: it.serial,
                        source: it.source.get(),
                        frontend: it.frontend,
                        server: it.server.get(),
                        age_us: now_us.saturating_sub(it.since_us),
                        step: it.step.get(),
                        exchanges: it.exchanges.get(),
                    });
                };
                let next = current.sessions.some(place, TOGETHER, row);
                (rows, next)
            });
            let (rows, next) = told.await.unwrap_or_default();
            let mut text = String::new();
            rows.iter().for_each(|row| self.line(&mut text, row));
            match next {
                Some(next) => self.place = next,
                None => (self.worker, self.place) = (worker + 1, 0),
            }
            Some(text)
        })
    }
}

impl Listing {
    fn line(&self, text: &mut String, row: &Row) {
        let number = number(self.worker, row.serial);
        let wanted = match self.wanted {
            Wanted::All => true,
            Wanted::One(one) => one == number,
            Wanted::Older(age) => u128::from(row.age_us) > age.as_micros(),
        };
        if !wanted {
            return;
        }
        let proxies = &row.plan.proxies;
        let frontend = proxies.get(row.frontend).map_or("<none>", |it| &*it.name);
        let (backend, server) = match row.server {
            None => ("<NONE>", "<none>"),
            Some((backend, server)) => {
                let proxy = usize::try_from(backend).ok().and_then(|it| proxies.get(it));
                let server = proxy.zip(usize::try_from(server).ok());
                let server = server.and_then(|(proxy, at)| proxy.servers.get(at));
                (
                    proxy.map_or("<NONE>", |it| &*it.name),
                    server.map_or("<none>", |it| &*it.name.value),
                )
            }
        };
        let (proto, source) = match row.source {
            SocketAddr::V4(_) if row.source.ip().is_unspecified() => {
                ("unix_stream", "unix".to_owned())
            }
            SocketAddr::V4(it) => ("tcpv4", it.to_string()),
            SocketAddr::V6(it) => ("tcpv6", format!("{}:{}", it.ip(), it.port())),
        };
        let step = match row.step {
            Step::Idle => "idle",
            Step::Request => "request",
            Step::Server => "server",
        };
        let _ = writeln!(
            text,
            "0x{number:012x}: proto={proto} src={source} fe={frontend} be={backend} srv={server} \
             age={} calls={} step={step}",
            age(row.age_us),
            row.exchanges,
        );
    }
}

/// `3s`, `2m5s`, `1h2m`, `3d4h`: the two largest units, as HAProxy writes times.
fn age(age_us: u64) -> String {
    let seconds = age_us / 1_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, _, _) => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

fn shut(call: &mut Call, _: &mut Session) -> Answer {
    let Some(text) = call.word(0) else {
        return Answer::error("Session pointer expected (use 'show sess').");
    };
    let unknown = || Answer::error("No such session (use 'show sess').");
    let Some((worker, serial)) = read_number(text) else { return unknown() };
    let (office, local) = (call.office.clone(), call.local.clone());
    Answer::Later(Box::pin(async move {
        let done = office.ask(&local, worker, move |sites| {
            sites.iter().rev().any(|site| sessions::shut(site, serial, Cause::Killed))
        });
        if done.await == Some(true) { Answer::Nothing } else { unknown() }
    }))
}

fn shut_all(call: &mut Call, _: &mut Session) -> Answer {
    let (backend, server) = match call.server(0) {
        Ok(which) => which,
        Err(message) => return Answer::error(message),
    };
    call.on_site(move |site| sessions::shut_all_of(site, backend, server, Cause::Killed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tell_the_worker() {
        let text = format!("0x{:x}", number(3, 77));
        assert_eq!(read_number(&text), Some((3, 77)));
        assert_eq!((read_number("zz"), read_number("")), (None, None));
    }

    #[test]
    fn ages_have_two_units() {
        let s = |seconds: u64| age(seconds * 1_000_000);
        assert_eq!((s(0), s(59), s(125)), ("0s".to_owned(), "59s".to_owned(), "2m5s".to_owned()));
        assert_eq!((s(3720), s(90_000)), ("1h2m".to_owned(), "1d1h".to_owned()));
    }
}
