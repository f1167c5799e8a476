//! The session, the process and its environment.

use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::config::plan::{CommandLevel, SeverityOutput};
use std::fmt::Write;
use std::time::Duration;

use CommandLevel::{Admin, Operator, User};

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "prompt",
        usage: "[timed]",
        about: "toggle interactive mode with prompt",
        level: User,
        run: prompt,
    },
    Command { name: "quit", usage: "", about: "disconnect", level: User, run: quit },
    Command {
        name: "operator",
        usage: "",
        about: "lower the level of the current CLI session to operator",
        level: Operator,
        run: |_, session| {
            session.level = session.level.min(Operator);
            Answer::Nothing
        },
    },
    Command {
        name: "user",
        usage: "",
        about: "lower the level of the current CLI session to user",
        level: User,
        run: |_, session| {
            session.level = User;
            Answer::Nothing
        },
    },
    Command {
        name: "show cli level",
        usage: "",
        about: "display the level of the current CLI session",
        level: User,
        run: |_, session| Answer::info(level_name(session.level)),
    },
    Command {
        name: "show cli sockets",
        usage: "",
        about: "dump list of cli sockets",
        level: Operator,
        run: sockets,
    },
    Command {
        name: "show version",
        usage: "",
        about: "show version of the current process",
        level: User,
        run: |_, _| Answer::info(env!("CARGO_PKG_VERSION")),
    },
    Command {
        name: "show env",
        usage: "[var]",
        about: "dump environment variables known to the process",
        level: Operator,
        run: environment,
    },
    Command {
        name: "set timeout",
        usage: "[cli] <delay>",
        about: "change a timeout setting",
        level: User,
        run: timeout,
    },
    Command {
        name: "set severity-output",
        usage: "[none|number|string]",
        about: "set presence of severity level in feedback information",
        level: User,
        run: severity,
    },
    Command {
        name: "wait",
        usage: "{-h|<delay_ms>}",
        about: "wait the specified delay (-h to see help)",
        level: User,
        run: wait,
    },
    Command {
        name: "expert-mode",
        usage: "[on|off]",
        about: "accepted: no command needs it",
        level: Admin,
        run: |_, _| Answer::Nothing,
    },
];

/// The longest that `wait` waits, and that a client may stay silent.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

fn prompt(call: &mut Call, session: &mut Session) -> Answer {
    match call.word(0) {
        Some("timed") => {
            session.timed = !session.timed;
            session.prompt = true;
        }
        _ => session.prompt = !session.prompt,
    }
    Answer::Nothing
}

fn quit(_: &mut Call, session: &mut Session) -> Answer {
    session.leaving = true;
    Answer::Nothing
}

fn level_name(level: CommandLevel) -> &'static str {
    match level {
        User => "user",
        Operator => "operator",
        Admin => "admin",
    }
}

fn sockets(call: &mut Call, _: &mut Session) -> Answer {
    let mut text = "# socket lvl processes\n".to_owned();
    for place in call.office.places() {
        let _ = writeln!(text, "{} {} all", place.address, level_name(place.level));
    }
    Answer::Text(text)
}

fn environment(call: &mut Call, _: &mut Session) -> Answer {
    let shown = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        format!("{}={}\n", name.to_string_lossy(), value.to_string_lossy())
    };
    let Some(wanted) = call.word(0) else {
        return Answer::Text(std::env::vars_os().map(shown).collect());
    };
    match std::env::vars_os().find(|(name, _)| name == wanted) {
        Some(found) => Answer::Text(shown(found)),
        None => Answer::error("Variable not found"),
    }
}

fn timeout(call: &mut Call, session: &mut Session) -> Answer {
    if call.word(0) != Some("cli") {
        return Answer::error("'set timeout' only supports 'cli'.");
    }
    match call.word(1).and_then(|text| duration(text, Duration::from_secs(1))) {
        Some(time) if !time.is_zero() => {
            session.patience = time.min(LONGEST);
            Answer::Nothing
        }
        _ => Answer::error("Invalid timeout value."),
    }
}

/// A number with or without a unit; `one` is what a number alone counts.
pub(super) fn duration(text: &str, one: Duration) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let micros = match unit {
        "" => u64::try_from(one.as_micros()).ok()?,
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    Some(Duration::from_micros(number.saturating_mul(micros)))
}

fn severity(call: &mut Call, session: &mut Session) -> Answer {
    session.severity = match call.word(0) {
        Some("none") => SeverityOutput::None,
        Some("number") => SeverityOutput::Number,
        Some("string") => SeverityOutput::String,
        _ => {
            return Answer::error("one of 'none', 'number', 'string' is a required argument");
        }
    };
    Answer::Nothing
}

fn wait(call: &mut Call, _: &mut Session) -> Answer {
    const USAGE: &str = "Usage: wait {-h|<duration>}\n  - '-h' displays this help\n  - <duration> is \
                         the wait time, optionally suffixed by the unit among\n    'us', 'ms', 's', \
                         'm', 'h', and 'd'; the default unit is milliseconds.\n";
    let time = call.word(0).and_then(|text| duration(text, Duration::from_millis(1)));
    let Some(time) = time else { return Answer::Text(USAGE.to_owned()) };
    let local = call.local.clone();
    Answer::Later(Box::pin(async move {
        local.sleep(time.min(LONGEST)).await;
        Answer::info("Done.")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let one = Duration::from_millis(1);
        assert_eq!(duration("10", one), Some(Duration::from_millis(10)));
        assert_eq!(duration("3s", one), Some(Duration::from_secs(3)));
        assert_eq!(duration("5us", one), Some(Duration::from_micros(5)));
        assert!(duration("x", one).is_none() && duration("3y", one).is_none());
        assert_eq!(duration("99999999999999d", one), Some(Duration::from_micros(u64::MAX)));
    }
}
