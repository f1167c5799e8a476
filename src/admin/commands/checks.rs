//! What changes a server's checks: on and off, where they go, what they found.

use core::net::IpAddr;

use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::balance::Health;
use crate::balance::checkup::{Checkup, Count};
use crate::config::args::shown_text;
use crate::config::plan::CommandLevel;

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    admin(
        "enable health",
        "<bk>/<srv>",
        "enable health checks (use 'set server' instead)",
        |call, _| switch(call, |it| &mut it.check, true),
    ),
    admin(
        "disable health",
        "<bk>/<srv>",
        "disable health checks (use 'set server' instead)",
        |call, _| switch(call, |it| &mut it.check, false),
    ),
    admin(
        "enable agent",
        "<bk>/<srv>",
        "enable agent checks (use 'set server' instead)",
        |call, _| switch(call, |it| &mut it.agent, true),
    ),
    admin(
        "disable agent",
        "<bk>/<srv>",
        "disable agent checks (use 'set server' instead)",
        |call, _| switch(call, |it| &mut it.agent, false),
    ),
];

const fn admin(
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&mut Call, &mut Session) -> Answer,
) -> Command {
    Command { name, usage, about, level: CommandLevel::Admin, run }
}

/// A server: its backend's index, and its own in it.
type Which = (usize, usize);

fn switch(call: &mut Call, of: fn(&mut Checkup) -> &mut Count, on: bool) -> Answer {
    Answer::of(call.server(0).and_then(|which| {
        change(call, which, |checkup| {
            let count = of(checkup);
            match count.configured {
                true => count.enabled = on,
                false => return Err("Such checks are not configured on this server.".to_owned()),
            }
            Ok(())
        })
    }))
}

fn change(
    call: &Call,
    (backend, server): Which,
    change: impl FnOnce(&mut Checkup) -> Result<(), String>,
) -> Result<(), String> {
    let figures = call.running.live.server(backend, server);
    let figures = figures.ok_or_else(|| "No such server.".to_owned())?;
    change(&mut figures.checkup())
}

/// `set server b/s check-addr|check-port|agent|agent-addr|agent-port|agent-send`; `None` if it is none of
/// these.
pub(super) fn set(call: &Call, which: Which) -> Option<Result<(), String>> {
    let value = || call.word(2).ok_or_else(|| "a value is missing.".to_owned());
    Some(match call.word(1)? {
        "check-port" => value().and_then(port).and_then(|port| {
            change(call, which, |it| {
                it.check_port = Some(port);
                Ok(())
            })
        }),
        "check-addr" => address(call).and_then(|(ip, port)| {
            change(call, which, |it| {
                (it.check_address, it.check_port) = (Some(ip), port.or(it.check_port));
                Ok(())
            })
        }),
        "agent-port" => value().and_then(port).and_then(|port| {
            change(call, which, |it| {
                it.agent_port = Some(port);
                Ok(())
            })
        }),
        "agent-addr" => address(call).and_then(|(ip, port)| {
            change(call, which, |it| {
                (it.agent_address, it.agent_port) = (Some(ip), port.or(it.agent_port));
                Ok(())
            })
        }),
        "agent-send" => value().and_then(|text| {
            change(call, which, |it| {
                it.agent_send = Some(text.into());
                Ok(())
            })
        }),
        "agent" => match call.word(2) {
            Some("up") => agent(call, which, true),
            Some("down") => agent(call, which, false),
            _ => Err("'set server <srv> agent' expects 'up' or 'down'.".to_owned()),
        },
        _ => return None,
    })
}

fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("provided port is not valid: '{}'", shown_text(text)))
}

/// `<ip> [port <port>]`.
fn address(call: &Call) -> Result<(IpAddr, Option<u16>), String> {
    let text = call.word(2).ok_or_else(|| "an address is missing.".to_owned())?;
    let ip: IpAddr = text.parse().map_err(|_| format!("Invalid addr '{}'", shown_text(text)))?;
    let given = match (call.word(3), call.word(4)) {
        (None, _) => None,
        (Some("port"), Some(text)) => Some(port(text)?),
        _ => return Err("expects `port` and a number behind the address.".to_owned()),
    };
    Ok((ip.to_canonical(), given))
}

fn agent(call: &Call, which: Which, up: bool) -> Result<(), String> {
    change(call, which, |it| match it.agent.configured && it.agent.enabled {
        true => {
            it.agent.set(up);
            Ok(())
        }
        false => Err("agent checks are not enabled on this server.".to_owned()),
    })?;
    force(call, which, if up { Health::Running } else { Health::Stopped }, false)
}

/// The server is so from now on; checks go on from there.
pub(super) fn force(call: &Call, which: Which, health: Health, checks: bool) -> Result<(), String> {
    let up = health != Health::Stopped;
    let now_us = call.running.sight().unix_us;
    change(call, which, |it| {
        if checks && it.check.configured {
            it.check.set(up);
        }
        it.note_change(up, now_us);
        Ok(())
    })?;
    call.running.live.set_health(which.0, which.1, health);
    call.server_changed(which);
    Ok(())
}
