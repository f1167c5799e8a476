//! How many descriptors the process needs, and may have.
//!
//! In: `maxconn`, `ulimit-n`, `fd-hard-limit`, `strict-limits`. Out: a raised limit, and a `maxconn`
//! that fits it, which is set in the plan if nobody said one, as HAProxy does.

use crate::config::plan::{Given, Plan};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::log;
use koi_sys::guard;

/// Descriptors of a connection: the client's side and the server's.
const OF_CONNECTION: u64 = 2;
/// Descriptors that a worker needs besides (ring, wake-up, spare), and the process (standard streams,
/// logs, files that are read again).
const OF_WORKER: u64 = 32;
const OF_PROCESS: u64 = 64;
/// The most descriptors that are used without being asked for: some systems would give a thousand
/// millions. HAProxy's bound.
const MOST: u64 = 1_048_576;

/// Raises the limit and settles `maxconn`.
pub fn settle(plan: &mut Plan, workers: usize, report: &mut Report) {
    let process = &plan.global.process;
    let sockets: usize =
        plan.proxies.iter().flat_map(|proxy| &proxy.binds).map(|bind| bind.sockets()).sum();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let workers = count(workers);
    let fixed = count(sockets).saturating_mul(workers) + workers * OF_WORKER + OF_PROCESS;
    let asked = plan.global.limits.connections.filter(|it| it.value > 0);
    let needed = |connections: u32| fixed + u64::from(connections) * OF_CONNECTION;
    let most = process.descriptors_max.map_or(MOST, |it| u64::from(it.value));
    let hard = guard::descriptor_limit().map_or(MOST, |limit| limit.hard);
    let (wanted, place) = match (process.descriptors, asked) {
        (Some(number), _) => (u64::from(number.value), Some(number.span)),
        (None, Some(number)) => (needed(number.value), Some(number.span)),
        (None, None) => (hard.min(most), None),
    };
    let has = match guard::raise_descriptor_limit(wanted) {
        Ok(limit) => limit.soft,
        Err(error) => {
            log::warning(format_args!("the limit on descriptors cannot be raised: {error}"));
            guard::descriptor_limit().map_or(0, |limit| limit.soft)
        }
    };
    let strict = process.strict_limits.is_none_or(|it| it.value);
    if let Some(place) = place.filter(|_| has < wanted) {
        too_few(place, wanted, has, strict, report);
    }
    let room = has.min(most).saturating_sub(fixed) / OF_CONNECTION;
    let room = u32::try_from(room.max(1)).unwrap_or(u32::MAX);
    let connections = match asked {
        Some(number) if number.value <= room => return,
        Some(number) => {
            log::warning(format_args!(
                "maxconn is {room} instead of {}: there are {} descriptors",
                number.value,
                has.min(most)
            ));
            Given { value: room, ..number }
        }
        None => Given { value: room, span: Span::default() },
    };
    plan.global.limits.connections = Some(connections);
}

fn too_few(place: Span, wanted: u64, has: u64, strict: bool, report: &mut Report) {
    let message = format!("{wanted} descriptors are needed, and the system allows {has}");
    if !strict || place == Span::default() {
        log::warning(format_args!("{message}"));
        return;
    }
    report
        .error(place, message)
        .label("more than this process may have")
        .help("raise the limit (`ulimit -Hn`, systemd: LimitNOFILE=), or lower the number here")
        .help("`no strict-limits` in global starts with what there is");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn maxconn_is_what_descriptors_allow() {
        let mut plan = Plan::default();
        plan.global.process.descriptors_max = Some(Given { value: 1000, span: Span::default() });
        let mut report = Report::default();
        settle(&mut plan, 2, &mut report);
        assert!(!report.failed());
        assert_eq!(plan.global.limits.connections.unwrap().value, (1000 - 64 - 64) / 2);
        let asked = Given { value: 10, span: Span::default() };
        plan.global.limits.connections = Some(asked);
        settle(&mut plan, 2, &mut report);
        assert_eq!(plan.global.limits.connections, Some(asked));
    }
}
