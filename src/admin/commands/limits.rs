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
];

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

fn set_frontend(call: &Call) -> Result<(), String> {
    let frontend = call.frontend(0)?;
    let most = number(call.word(1), "Integer value expected.")?;
    call.running.live.set_frontend_limit(frontend, most);
    Ok(())
}
