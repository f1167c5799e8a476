//! What changes a server: its state, weight, limit.

use std::net::{IpAddr, SocketAddr};

use super::{Answer, Call, Command, Which, checks};
use crate::admin::socket::Session;
use crate::balance::state::{WEIGHT_MAX, weight_of_percent};
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::CommandLevel;
use crate::health::decide;
use crate::proto::check::agent::Wish;

/// What `set server` can be told.
const SETTINGS: &[&str] = &[
    "addr",
    "agent",
    "agent-addr",
    "agent-port",
    "agent-send",
    "check-addr",
    "check-port",
    "fqdn",
    "health",
    "ssl",
    "state",
    "weight",
];

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command::admin(
        "set server",
        "<bk>/<srv> [opts]",
        "change a server's state, weight, address or ssl",
        set,
    ),
    Command::admin(
        "set weight",
        "<bk>/<srv>  (DEPRECATED)",
        "change a server's weight (use 'set server' instead)",
        |call, _| Answer::of(call.server(0).and_then(|server| set_weight(call, server, 1))),
    ),
    Command {
        level: CommandLevel::User,
        ..Command::admin("get weight", "<bk>/<srv>", "report a server's current weight", get_weight)
    },
    Command::admin(
        "disable server",
        "(DEPRECATED)",
        "disable a server for maintenance (use 'set server' instead)",
        |call, _| decided(call, Wish::Maint),
    ),
    Command::admin(
        "enable server",
        " (DEPRECATED)",
        "enable a disabled server (use 'set server' instead)",
        |call, _| decided(call, Wish::Ready),
    ),
    Command::admin(
        "set maxconn server",
        "<bk>/<srv>",
        "change a server's maxconn setting",
        set_limit,
    ),
];

fn set(call: &mut Call, _: &mut Session) -> Answer {
    let which = match call.server(0) {
        Ok(which) => which,
        Err(message) => return Answer::error(message),
    };
    if call.word(1) == Some("addr") {
        return match set_address(call, which) {
            Ok(changes) => Answer::info(changes),
            Err(message) => Answer::error(message),
        };
    }
    if let Some(answer) = checks::set(call, which) {
        return answer;
    }
    Answer::of(match call.word(1) {
        Some("weight") => set_weight(call, which, 2),
        Some("state") => return set_state(call, which),
        Some("fqdn") => Err("set server <b>/<s> fqdn failed because names of servers are resolved at the \
                             start only: this build has no resolvers yet; `set server <b>/<s> addr` \
                             takes an address."
            .to_owned()),
        Some("ssl") => Err("set server <b>/<s> ssl: TLS of a server is what its line says; change the line \
                            and reload."
            .to_owned()),
        other => Err(usage(other)),
    })
}

fn usage(said: Option<&str>) -> String {
    let near = said.and_then(|said| did_you_mean(&nearest(said, SETTINGS.iter().copied())));
    let known = SETTINGS.join(" | ");
    match (said, near) {
        (Some(said), Some(near)) => format!(
            "usage: set server <backend>/<server> {known}\n'{}' is none of them: {near}",
            shown_text(said)
        ),
        _ => format!("usage: set server <backend>/<server> {known}"),
    }
}

fn set_weight(call: &Call, (backend, server): Which, at: usize) -> Result<(), String> {
    let live = &call.running.live;
    let initial = live.server(backend, server).map_or(1, |figures| figures.initial_weight());
    let text = call.word(at).ok_or_else(|| "Require <weight> or <weight%>.".to_owned())?;
    let weight = read_weight(text, initial)?;
    if !live.takes_weight(backend, server, weight) {
        return Err(
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'."
                .to_owned(),
        );
    }
    live.set_weight(backend, server, weight);
    call.server_changed((backend, server));
    Ok(())
}

/// A weight, or a part of the initial one in per cent.
fn read_weight(text: &str, initial: u16) -> Result<u16, String> {
    let absolute = "Absolute weight can only be between 0 and 256 inclusive.";
    let Some(percent) = text.strip_suffix('%') else {
        let weight = text.parse().ok().filter(|weight| *weight <= WEIGHT_MAX);
        return weight.ok_or_else(|| absolute.to_owned());
    };
    let wrong = "Relative weight must be positive.";
    let percent: u32 = percent.parse().map_err(|_| wrong.to_owned())?;
    Ok(weight_of_percent(initial, percent))
}

fn get_weight(call: &mut Call, _: &mut Session) -> Answer {
    match call.server(0) {
        Ok((backend, server)) => match call.running.live.server(backend, server) {
            Some(it) => {
                Answer::Text(format!("{} (initial {})\n", it.weight(), it.initial_weight()))
            }
            None => Answer::error("No such server."),
        },
        Err(message) => Answer::error(message),
    }
}

/// The whole of `disable server b/s` and its like.
fn decided(call: &Call, wish: Wish) -> Answer {
    match call.server(0) {
        Ok(which) => call.on_site(move |site| decide(site, which, wish)),
        Err(message) => Answer::error(message),
    }
}

fn set_state(call: &Call, which: Which) -> Answer {
    let wish = match call.word(2) {
        Some("ready") => Wish::Ready,
        Some("drain") => Wish::Drain,
        Some("maint") => Wish::Maint,
        _ => {
            return Answer::error("'set server <srv> state' expects 'ready', 'drain' and 'maint'.");
        }
    };
    call.on_site(move |site| decide(site, which, wish))
}

/// `addr <ip> [port <port>]`; what has changed.
fn set_address(call: &Call, (backend, server): Which) -> Result<String, String> {
    let Some(destination) = call.running.destination(backend, server) else {
        return Err("No such server.".to_owned());
    };
    let text = call.word(2).ok_or_else(|| {
        "set server <b>/<s> addr requires an address and optionally a port.".to_owned()
    })?;
    if destination.unix.is_some() {
        return Err("a server on a Unix socket has no address that could be changed.".to_owned());
    }
    let ip: IpAddr = text.parse().map_err(|_| format!("Invalid addr '{}'", shown_text(text)))?;
    let old = destination.address();
    let port = match (call.word(3), call.word(4)) {
        (None, _) => old.map_or(0, |it| it.port()),
        (Some("port"), Some(text)) => {
            let port = text.parse().ok().filter(|port| *port > 0);
            port.ok_or_else(|| format!("provided port is not valid: '{}'", shown_text(text)))?
        }
        _ => {
            return Err("set server <b>/<s> addr expects `port` and a number behind the address."
                .to_owned());
        }
    };
    let new = SocketAddr::new(ip.to_canonical(), port);
    let mut changes = Vec::new();
    let old_ip = old.map_or("no address".to_owned(), |it| it.ip().to_string());
    if old_ip != new.ip().to_string() {
        changes.push(format!("IP changed from '{old_ip}' to '{}'", new.ip()));
    }
    let old_port = old.map_or(0, |it| it.port());
    if old_port != port {
        changes.push(format!("port changed from '{old_port}' to '{port}'"));
    }
    if changes.is_empty() {
        return Ok("nothing changed".to_owned());
    }
    destination.move_to(new);
    call.server_changed((backend, server));
    Ok(changes.join(", ") + " by 'stats socket command'")
}

fn set_limit(call: &mut Call, _: &mut Session) -> Answer {
    Answer::of(call.server(0).and_then(|(backend, server)| {
        let text = call.word(1).ok_or_else(|| "Require <maxconn>.".to_owned())?;
        let most: u32 =
            text.parse().map_err(|_| "maxconn string empty or preceded by garbage".to_owned())?;
        if let Some(figures) = call.running.live.server(backend, server) {
            figures.set_limit(most);
        }
        call.server_changed((backend, server));
        Ok(())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_absolute_or_parts_of_the_first() {
        assert_eq!(read_weight("50%", 10), Ok(5));
        assert_eq!(read_weight("4000000000%", 256), Ok(256));
        assert_eq!((read_weight("256", 1), read_weight("0", 1)), (Ok(256), Ok(0)));
        for wrong in ["257", "-1", "", "%", "-5%", "x", "99999999999999999999"] {
            assert!(read_weight(wrong, 1).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_answered_with_the_nearest() {
        assert!(usage(Some("wieght")).contains("did you mean `weight`?"));
        assert!(usage(None).starts_with("usage: set server <backend>/<server> "));
    }
}
