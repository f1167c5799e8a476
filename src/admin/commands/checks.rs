//! What changes a server's checks: on and off, where they go, what they found.

use core::net::IpAddr;

use super::{Answer, Call, Command, Which};
use crate::balance::Health;
use crate::balance::checkup::{Checkup, Count};
use crate::config::args::shown_text;
use crate::health::{force, force_agent};

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command::admin(
        "enable health",
        "<bk>/<srv>",
        "enable health checks (use 'set server' instead)",
        |call, _| switch(call, |it| &mut it.check, true),
    ),
    Command::admin(
        "disable health",
        "<bk>/<srv>",
        "disable health checks (use 'set server' instead)",
        |call, _| switch(call, |it| &mut it.check, false),
    ),
    Command::admin(
        "enable agent",
        "<bk>/<srv>",
        "enable agent checks (use 'set server' instead)",
        |call, _| switch(call, |it| &mut it.agent, true),
    ),
    Command::admin(
        "disable agent",
        "<bk>/<srv>",
        "disable agent checks (use 'set server' instead)",
        |call, _| switch(call, |it| &mut it.agent, false),
    ),
];

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

/// `set server b/s health|agent|check-addr|check-port|agent-addr|agent-port|agent-send`; `None` if it is
/// none of these.
pub(super) fn set(call: &Call, which: Which) -> Option<Answer> {
    let forced = match call.word(1)? {
        "health" => health(call, which),
        "agent" => agent(call, which),
        _ => return place(call, which).map(Answer::of),
    };
    Some(forced.unwrap_or_else(Answer::error))
}

/// Where checks go, and what the agent is told.
fn place(call: &Call, which: Which) -> Option<Result<(), String>> {
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

/// The server is so from now on; checks go on from there.
fn health(call: &Call, which: Which) -> Result<Answer, String> {
    if call.running.live.tracking().leader(which).is_some() {
        return Err("cannot change health on a tracking server.".to_owned());
    }
    let health = match call.word(2) {
        Some("up") => Health::Running,
        Some("stopping") => Health::Stopping,
        Some("down") => Health::Stopped,
        _ => {
            return Err("'set server <srv> health' expects 'up', 'stopping', or 'down'.".to_owned());
        }
    };
    Ok(call.on_site(move |site| force(site, which, health)))
}

/// The same, as if the agent had said so.
fn agent(call: &Call, which: Which) -> Result<Answer, String> {
    let up = match call.word(2) {
        Some("up") => true,
        Some("down") => false,
        _ => return Err("'set server <srv> agent' expects 'up' or 'down'.".to_owned()),
    };
    change(call, which, |it| match it.agent.configured && it.agent.enabled {
        true => Ok(()),
        false => Err("agent checks are not enabled on this server.".to_owned()),
    })?;
    Ok(call.on_site(move |site| force_agent(site, which, up)))
}
