//! Limits of the process and of frontends: `set maxconn`, `set rate-limit`.

use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::config::plan::CommandLevel;

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "set maxconn global",
        usage: "<value>",
        about: "change the per-process maxconn setting",
        level: CommandLevel::Admin,
        run: |call, _| Answer::of(set_global(call)),
    },
    Command {
        name: "set maxconn frontend",
        usage: "<frontend> <value>",
        about: "change a frontend's maxconn setting",
        level: CommandLevel::Admin,
        run: |call: &mut Call, _: &mut Session| Answer::of(set_frontend(call)),
    },
    Command {
        name: "set rate-limit",
        usage: "<setting> <value>",
        about: "change a rate limiting value",
        level: CommandLevel::Admin,
        run: |call, _| Answer::of(set_rate(call)),
    },
];

/// What is answered to other rates than those that there are: HAProxy's, less compression.
const RATES: &str = "'set rate-limit' only supports :\n   \
     - 'connections global' to set the per-process maximum connection rate\n   \
     - 'sessions global' to set the per-process maximum session rate\n   \
     - 'ssl-sessions global' to set the per-process maximum SSL session rate\n";

fn number(text: Option<&str>, expected: &str) -> Result<u32, String> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| expected.to_owned())
}

/// No more than the process was started for; 0 is that.
fn set_global(call: &Call) -> Result<(), String> {
    let most = number(call.word(0), "Expects an integer value.")?;
    let hard = call.running.plan.global.limits.connections.map_or(0, |it| it.value);
    if hard > 0 && most > hard {
        return Err("Value out of range.".to_owned());
    }
    call.running.live.set_limit(if most == 0 { hard } else { most });
    Ok(())
}

/// Holds at once, for all frontends together; 0 is no limit.
fn set_rate(call: &Call) -> Result<(), String> {
    let rates = call.running.live.rate_limits();
    let rate = match (call.word(0), call.word(1)) {
        (Some("connections"), Some("global")) => &rates.connections,
        (Some("sessions"), Some("global")) => &rates.sessions,
        (Some("ssl-sessions"), Some("global")) => &rates.tls,
        (Some("http-compression"), Some("global")) => {
            return Err("This build does not compress: there is no rate to limit.".to_owned());
        }
        _ => return Err(RATES.to_owned()),
    };
    let text = call.word(2).ok_or_else(|| "Expects an integer value.".to_owned())?;
    match text.parse::<u32>() {
        Ok(limit) => rate.set(limit),
        Err(_) if text.starts_with('-') => return Err("Value out of range.".to_owned()),
        Err(_) => return Err("Expects an integer value.".to_owned()),
    }
    Ok(())
}

fn set_frontend(call: &Call) -> Result<(), String> {
    let frontend = call.frontend(0)?;
    let most = number(call.word(1), "Integer value expected.")?;
    call.running.live.set_frontend_limit(frontend, most);
    Ok(())
}
