//! `disable frontend`, `enable frontend`: connections wait in the kernel's queue meanwhile. `shutdown
//! frontend`: its ports are closed until the next reload or start.

use super::reload::NO_WORKER;
use super::{Answer, Call, Command, Severity};
use crate::admin::socket::Session;
use crate::config::plan::CommandLevel;
use crate::exchange::control::{self, Order};

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
    Command {
        name: "shutdown frontend",
        usage: "<frontend>",
        about: "stop a specific frontend",
        level: CommandLevel::Admin,
        run: shut,
    },
];

/// The main thread does it, as it holds the sockets. Connections go on.
fn shut(call: &mut Call, _: &mut Session) -> Answer {
    let frontend = match call.frontend(0) {
        Ok(frontend) => frontend,
        Err(message) => return Answer::error(message),
    };
    if call.running.live.is_shut(frontend) {
        return Answer::Message(Severity::Notice, "Frontend was already shut down.".to_owned());
    }
    let name = call.proxy(frontend).map_or_else(Default::default, |proxy| proxy.name.clone());
    let (control, local) = (call.running.control.clone(), call.local.clone());
    Answer::Later(Box::pin(async move {
        match control.ask(&local, NO_WORKER, Order::ShutFrontend(name)).await {
            Ok(control::Answer { done: true, .. }) => Answer::Nothing,
            Ok(control::Answer { text, .. }) => Answer::error(text),
            Err(why) => Answer::error(why.to_string()),
        }
    }))
}

fn pause(call: &Call, paused: bool) -> Result<(), String> {
    let frontend = call.frontend(0)?;
    if call.running.live.is_shut(frontend) {
        let verb = if paused { "disable" } else { "enable" };
        return Err(format!("Frontend was previously shut down, cannot {verb}."));
    }
    if call.running.live.pause_frontend(frontend, paused) != paused {
        return Ok(());
    }
    let state = if paused { "disabled" } else { "enabled" };
    Err(format!("All sockets are already {state}."))
}
