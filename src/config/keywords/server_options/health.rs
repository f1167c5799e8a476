//! Checks, the agent, and what changes a server's state.

use super::Target;
use crate::config::address::Allowed;
use crate::config::args::shown;
use crate::config::keywords::option::Opt;
use crate::config::plan::{Given, Observe, OnError, Track};

const COUNT: core::ops::RangeInclusive<u32> = 1..=i32::MAX as u32;

pub(super) fn addr(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    if let Some(addr) = opt.endpoint("an address", &Allowed::CHECK) {
        target.settings.health.addr = Some(addr);
    }
}

pub(super) fn port(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let health = &mut target.settings.health;
    health.port = opt.number("a port", 1..=u16::MAX).or(health.port);
}

pub(super) fn rise(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let health = &mut target.settings.health;
    health.rise = opt.number("a number of checks", COUNT).or(health.rise);
}

pub(super) fn fall(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let health = &mut target.settings.health;
    health.fall = opt.number("a number of checks", COUNT).or(health.fall);
}

pub(super) fn error_limit(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let health = &mut target.settings.health;
    health.error_limit = opt.number("a number of errors", COUNT).or(health.error_limit);
}

pub(super) fn observe(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let modes =
        [("none", None), ("layer4", Some(Observe::Layer4)), ("layer7", Some(Observe::Layer7))];
    if let Some(mode) = opt.one_of(&modes) {
        target.settings.health.observe = mode.value.map(|value| Given { value, span: mode.span });
    }
}

pub(super) fn on_error(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let health = &mut target.settings.health;
    let found = opt.one_of(&[
        ("fastinter", OnError::FastInter),
        ("fail-check", OnError::FailCheck),
        ("sudden-death", OnError::SuddenDeath),
        ("mark-down", OnError::MarkDown),
    ]);
    health.on_error = found.or(health.on_error);
}

pub(super) fn on_marked_down(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    if opt.one_of(&[("shutdown-sessions", ())]).is_some() {
        target.settings.health.down_shuts_sessions = Some(opt.span());
    }
}

pub(super) fn on_marked_up(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    if opt.one_of(&[("shutdown-backup-sessions", ())]).is_some() {
        target.settings.health.up_shuts_backup_sessions = Some(opt.span());
    }
}

/// `track [<backend>/]<server>`.
pub(super) fn track(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let Some(word) = opt.value("a server") else { return };
    let (backend, server) = match word.split_once('/') {
        Some((backend, server)) => (Some(backend), server),
        None => (None, &*word.text),
    };
    if server.is_empty() || backend.is_some_and(str::is_empty) {
        opt.args
            .error(word.span, format!("`{}` names no server", shown(word)))
            .label("expected a server, or a backend, `/`, and a server");
        return;
    }
    let value = Track { backend: backend.map(Into::into), server: server.into() };
    target.settings.health.track = Some(Given { value, span: opt.span() });
}

pub(super) fn agent_addr(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    if let Some(addr) = opt.endpoint("an address", &Allowed::AGENT) {
        target.settings.agent.addr = Some(addr);
    }
}

pub(super) fn agent_port(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let agent = &mut target.settings.agent;
    agent.port = opt.number("a port", 1..=u16::MAX).or(agent.port);
}
