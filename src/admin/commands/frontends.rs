//! `disable frontend`, `enable frontend`: connections wait in the kernel's queue meanwhile.

use super::{Answer, Call, Command};
use crate::config::plan::CommandLevel;

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "disable frontend",
        usage: "<frontend>",
        about: "temporarily disable specific frontend",
        level: CommandLevel::Admin,
        run: |call, _| Answer::of(pause(call, true)),
    },
    Command {
        name: "enable frontend",
        usage: "<frontend>",
        about: "re-enable specific frontend",
        level: CommandLevel::Admin,
        run: |call, _| Answer::of(pause(call, false)),
    },
];

fn pause(call: &Call, paused: bool) -> Result<(), String> {
    let frontend = call.frontend(0)?;
    if call.running.live.pause_frontend(frontend, paused) != paused {
        return Ok(());
    }
    let state = if paused { "disabled" } else { "enabled" };
    Err(format!("All sockets are already {state}."))
}
