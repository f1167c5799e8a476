//! Figures: `show stat`, `show info`, `clear counters`, in HAProxy's columns, names and forms.
//!
//! Rows are made one by one, while the client reads.

use std::sync::Arc;

use super::{Answer, Call, Command};
use crate::admin::office::Running;
use crate::admin::rows::Cursor;
use crate::admin::socket::Session;
use crate::admin::table::{Column, Kind, Row};
use crate::admin::{csv, info, json};
use crate::config::plan::CommandLevel;

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "show stat",
        usage: "[desc|json|no-maint|typed|up]*",
        about: "report counters for each proxy and server",
        level: CommandLevel::User,
        run: stat,
    },
    Command {
        name: "show info",
        usage: "[desc|json|typed|float]*",
        about: "report information about the running process",
        level: CommandLevel::User,
        run: information,
    },
    Command {
        name: "clear counters",
        usage: "[all]",
        about: "clear max statistics counters (or all counters)",
        level: CommandLevel::Operator,
        run: clear,
    },
];

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Csv,
    Typed,
    Json,
}

/// Which rows, and how.
#[derive(Clone, Debug)]
struct Wanted {
    form: Form,
    described: bool,
    no_maint: bool,
    up: bool,
    /// `<proxy> <type> <sid>`; -1 is any.
    only: Option<(String, i64, i64)>,
}

/// Bits of `<type>`.
const FRONTENDS: i64 = 1;
const BACKENDS: i64 = 2;
const SERVERS: i64 = 4;
const SOCKETS: i64 = 8;

fn wanted(call: &Call) -> Result<Wanted, String> {
    let mut wanted =
        Wanted { form: Form::Csv, described: false, no_maint: false, up: false, only: None };
    let mut words = call.words.iter().peekable();
    let is_option =
        |word: &str| ["typed", "json", "desc", "no-maint", "up", "float"].contains(&word);
    if words.peek().is_some_and(|word| !is_option(word)) {
        let proxy = words.next().cloned().unwrap_or_default();
        let known = |name: &str| {
            let plan = &call.running.plan;
            plan.frontend(name).is_some() || plan.backend(name).is_some()
        };
        if proxy != "-1" && proxy.parse::<i64>().is_err() && !known(&proxy) {
            return Err("No such proxy.".to_owned());
        }
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(-1);
        let (kind, part) = (number(), number());
        wanted.only = Some((proxy, kind, part));
    }
    for word in words {
        match word.as_str() {
            "typed" => wanted.form = Form::Typed,
            "json" => wanted.form = Form::Json,
            "desc" => wanted.described = true,
            "no-maint" => wanted.no_maint = true,
            "up" => wanted.up = true,
            _ => {}
        }
    }
    Ok(wanted)
}

impl Wanted {
    fn shows(&self, row: &Row, running: &Running) -> bool {
        let status = row.text(Column::Status);
        let hidden = (self.up && status.starts_with("DOWN"))
            || ((self.no_maint || self.up) && status.starts_with("MAINT"));
        if row.kind == Kind::Server && hidden {
            return false;
        }
        let Some((proxy, kinds, part)) = &self.only else { return true };
        let bit = match row.kind {
            Kind::Frontend => FRONTENDS,
            Kind::Backend => BACKENDS,
            Kind::Server => SERVERS,
            Kind::Listener => SOCKETS,
        };
        let name = running.plan.proxies.get(row.proxy).map_or("", |it| &*it.name);
        let right_proxy = match proxy.parse::<i128>() {
            Ok(-1) => true,
            Ok(number) => number == row.number(Column::ProxyId),
            Err(_) => *proxy == *name,
        };
        right_proxy
            && (*kinds < 0 || kinds & bit != 0)
            && (*part < 0 || i128::from(*part) == row.number(Column::PartId))
    }
}

fn stat(call: &mut Call, _: &mut Session) -> Answer {
    let wanted = match wanted(call) {
        Ok(wanted) => wanted,
        Err(message) => return Answer::error(message),
    };
    let running: Arc<Running> = call.running.clone();
    let (mut cursor, mut begun) = (Cursor::default(), false);
    Answer::Pieces(Box::new(move |piece| {
        let first = !std::mem::replace(&mut begun, true);
        if first && wanted.form == Form::Csv {
            csv::header(piece);
        }
        let row = loop {
            match cursor.next(&running.sight()) {
                Some(row) if !wanted.shows(&row, &running) => {}
                found => break found,
            }
        };
        match (wanted.form, &row) {
            (Form::Json, Some(row)) => {
                piece.push(if first { '[' } else { ',' });
                json::row(row, piece);
            }
            (Form::Json, None) => piece.push_str(if first { "[]\n" } else { "]\n" }),
            (Form::Typed, Some(row)) => csv::typed(row, wanted.described, piece),
            (Form::Csv, Some(row)) => csv::row(row, piece),
            (_, None) => {}
        }
        row.is_some()
    }))
}

fn information(call: &mut Call, _: &mut Session) -> Answer {
    let running = &call.running;
    let has = |word: &str| call.words.iter().any(|it| it == word);
    let (sight, process, mut text) = (running.sight(), &running.process, String::new());
    match (has("json"), has("typed")) {
        (true, _) => info::json(&sight, process, &mut text),
        (_, true) => info::typed(&sight, process, has("desc"), &mut text),
        _ => info::text(&sight, process, has("desc"), &mut text),
    }
    Answer::Text(text)
}

/// The maxima are anybody's with the level of an operator; all of it takes an administrator, as in HAProxy.
fn clear(call: &mut Call, session: &mut Session) -> Answer {
    let all = call.word(0) == Some("all");
    if all && session.level < CommandLevel::Admin {
        return Answer::error("Permission denied");
    }
    call.running.ledger.clear(all);
    Answer::Nothing
}
