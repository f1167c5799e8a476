//! `reload`: the files are read again.

use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::config::plan::CommandLevel;
use crate::exchange::control::Order;

/// Asked for by no worker that takes part in a reload: this thread looks for its answer by itself.
pub(super) const NO_WORKER: usize = usize::MAX;

/// The table.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "reload",
    usage: "",
    about: "read the configuration again, and have it hold if it can",
    level: CommandLevel::Admin,
    run: reload,
}];

/// As HAProxy's master answers: whether it was done, a line, and what was said about it.
fn reload(call: &mut Call, _: &mut Session) -> Answer {
    let (control, local) = (call.running.control.clone(), call.local.clone());
    Answer::Later(Box::pin(async move {
        match control.ask(&local, NO_WORKER, Order::Reload).await {
            Ok(answer) => {
                let success = u8::from(answer.done);
                Answer::Text(format!("Success={success}\n--\n{}\n", answer.text))
            }
            Err(why) => Answer::Text(format!("Success=0\n--\nreload: {why}\n")),
        }
    }))
}
