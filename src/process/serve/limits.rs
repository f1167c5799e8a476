//! How many descriptors the process needs, and may have.
//!
//! In: `maxconn`, `maxpipes`, `ulimit-n`, `fd-hard-limit`, `strict-limits`. Out: a raised limit, and a
//! `maxconn` that fits it, which is set in the plan if nobody said one, as HAProxy does.

use crate::config::plan::{Given, Plan, is_on};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::log;
use crate::worker::PipeConfig;
use koi_sys::guard;

/// Descriptors of a connection: the client's side and the server's.
const OF_CONNECTION: u64 = 2;
/// Descriptors of a pipe.
const OF_PIPE: u64 = 2;
/// Connections for each pipe, if nobody says how many there are.
const PER_PIPE: u32 = 4;
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
    let pipes = |connections: u32| match splices(plan) {
        true => u64::from(pipes_of(plan, connections)) * OF_PIPE,
        false => 0,
    };
    let needed =
        |connections: u32| fixed + u64::from(connections) * OF_CONNECTION + pipes(connections);
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
    let room = connections_in(plan, has.min(most).saturating_sub(fixed));
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

/// How many connections so many descriptors suffice for.
fn connections_in(plan: &Plan, descriptors: u64) -> u32 {
    let most = match (splices(plan), plan.global.limits.pipes) {
        (true, Some(said)) => {
            descriptors.saturating_sub(u64::from(said.value) * OF_PIPE) / OF_CONNECTION
        }
        (true, None) => {
            let per_pipe = u64::from(PER_PIPE);
            descriptors.saturating_mul(per_pipe) / (OF_CONNECTION * per_pipe + OF_PIPE)
        }
        (false, _) => descriptors / OF_CONNECTION,
    };
    u32::try_from(most.max(1)).unwrap_or(u32::MAX)
}

/// Whether descriptors are set aside for pipes. Tunnels, which splice unasked, take what is there.
fn splices(plan: &Plan) -> bool {
    let asked =
        plan.proxies.iter().map(|proxy| &proxy.settings.options).any(|it| {
            is_on(it.splice_auto) || is_on(it.splice_request) || is_on(it.splice_response)
        });
    !plan.global.process.no_splice && (asked || plan.global.limits.pipes.is_some())
}

/// How many pipes there may be beside so many connections.
fn pipes_of(plan: &Plan, connections: u32) -> u32 {
    match plan.global.limits.pipes {
        _ if plan.global.process.no_splice => 0,
        Some(said) => said.value,
        None => (connections / PER_PIPE).max(1),
    }
}

/// The workers' pipes, of a plan that is settled.
pub fn pipes(plan: &Plan) -> PipeConfig {
    let default = PipeConfig::default();
    let connections = plan.global.limits.connections.map_or(u32::MAX, |it| it.value);
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let said = plan.global.tuning.pipe.filter(|it| it.value > 0);
    PipeConfig {
        bytes: said.map_or(default.bytes, |it| count(it.value)),
        max: count(pipes_of(plan, connections)),
    }
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
    use crate::config::plan::Proxy;
    use crate::config::section::Section;

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

    #[test]
    fn pipes_take_their_part() {
        let given = |value| Some(Given { value, span: Span::default() });
        let mut plan = Plan::default();
        plan.global.limits.connections = given(1000);
        assert_eq!(pipes(&plan), PipeConfig { max: 250, ..PipeConfig::default() });
        assert_eq!(connections_in(&plan, 1000), 500, "nobody asked for any");
        plan.global.limits.pipes = given(100);
        plan.global.tuning.pipe = given(65_536);
        assert_eq!(pipes(&plan), PipeConfig { bytes: 65_536, max: 100 });
        assert_eq!(connections_in(&plan, 1000), 400);
        plan.global.process.no_splice = true;
        assert_eq!((pipes(&plan).max, connections_in(&plan, 1000)), (0, 500));
        let mut plan = Plan::default();
        let mut proxy = Proxy::new(Section::Listen, "a".into(), Span::default());
        proxy.settings.options.splice_auto = Some(Given { value: true, span: Span::default() });
        plan.proxies.push(proxy);
        assert_eq!(connections_in(&plan, 1000), 400);
        assert_eq!(400 * OF_CONNECTION + u64::from(pipes_of(&plan, 400)) * OF_PIPE, 1000);
    }
}
