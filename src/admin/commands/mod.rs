//! What can be said on the runtime socket: one table, a file per family.
//!
//! In: words, perhaps a payload, who says it. Out: an [`Answer`]. Names, formats and messages are HAProxy's
//! (3.0, management.txt §9.3), so that what reads HAProxy's socket reads this one. A command that does not
//! exist is answered with those it may have been meant to be.

mod certificate_store;
mod certificates;
mod checks;
mod crt_lists;
mod errors;
mod frontends;
mod general;
mod help;
mod limits;
mod lists;
mod process;
mod reload;
mod schema;
mod server;
mod server_tables;
mod sessions;
mod statistics;
mod tables;

pub(super) use certificates::Transactions;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use super::office::{Office, Running};
use super::socket::Session;
use crate::config::plan::{CommandLevel, Proxy};
use crate::exchange::server::state_changed;
use crate::exchange::site::Site;
use crate::rules::fetch::lookup;
use crate::worker::Local;

/// A command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its words, divided by single blanks: `show servers state`.
    pub name: &'static str,
    /// What may stand behind them.
    pub usage: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// Who may say it.
    pub level: CommandLevel,
    /// What it does.
    run: fn(&mut Call, &mut Session) -> Answer,
}

impl Command {
    /// One that only level `admin` may say.
    const fn admin(
        name: &'static str,
        usage: &'static str,
        about: &'static str,
        run: fn(&mut Call, &mut Session) -> Answer,
    ) -> Command {
        Command { name, usage, about, level: CommandLevel::Admin, run }
    }
}

/// A server: its backend's index, and its own in it.
type Which = (usize, usize);

/// A command that was said.
#[derive(Debug)]
pub struct Call {
    /// What it looks at or changes.
    pub running: Arc<Running>,
    /// Where more of that is.
    pub office: Arc<Office>,
    /// The worker that it runs on.
    pub local: Local,
    /// Its words; [`run`] leaves those behind the command's name.
    pub words: Vec<String>,
    /// The lines that came with it.
    pub payload: Option<String>,
}

/// How bad an answer is (RFC 5424).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Severity {
    /// Nothing was done.
    Error = 3,
    /// Something was done, but look.
    Warning = 4,
    /// As it should be.
    Notice = 5,
    /// For information.
    Info = 6,
}

impl Severity {
    /// Its name, as syslog has it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "err",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
            Severity::Info => "info",
        }
    }
}

/// Makes the next part of a long answer at the end of the text; false once there is no more.
pub type Pieces = Box<dyn FnMut(&mut String) -> bool>;

/// An answer of many parts, each of which has to be waited for.
pub trait Parts {
    /// The next one; nothing once there is no more.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<String>> + '_>>;
}

/// What a command answers.
pub enum Answer {
    /// It is done; there is nothing to say.
    Nothing,
    /// A table or list.
    Text(String),
    /// A sentence, which `set severity-output` marks.
    Message(Severity, String),
    /// A long table, made while the client reads it.
    Pieces(Pieces),
    /// A long table, made of what workers tell.
    Parts(Box<dyn Parts>),
    /// An answer that has to be waited for.
    Later(Pin<Box<dyn Future<Output = Answer>>>),
}

impl Answer {
    /// Nothing was done, and this is why.
    pub fn error(text: impl Into<String>) -> Answer {
        Answer::Message(Severity::Error, text.into())
    }

    /// It was done; this is to be known.
    pub fn info(text: impl Into<String>) -> Answer {
        Answer::Message(Severity::Info, text.into())
    }

    /// Nothing, or why it was not done.
    fn of(done: Result<(), String>) -> Answer {
        match done {
            Ok(()) => Answer::Nothing,
            Err(message) => Answer::error(message),
        }
    }
}

/// All commands, by their names.
pub fn all() -> impl Iterator<Item = &'static Command> {
    const FAMILIES: &[&[Command]] = &[
        general::COMMANDS,
        help::COMMANDS,
        server::COMMANDS,
        server_tables::COMMANDS,
        lists::COMMANDS,
        reload::COMMANDS,
        sessions::COMMANDS,
        statistics::COMMANDS,
        tables::COMMANDS,
        frontends::COMMANDS,
        process::COMMANDS,
        limits::COMMANDS,
        certificates::COMMANDS,
        certificate_store::COMMANDS,
        crt_lists::COMMANDS,
        checks::COMMANDS,
        errors::COMMANDS,
        schema::COMMANDS,
    ];
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Runs what was said.
pub fn run(mut call: Call, session: &mut Session) -> Answer {
    if let Err(message) = to_this_process(&mut call.words) {
        return Answer::error(message);
    }
    if call.words.is_empty() {
        return Answer::Nothing;
    }
    let Some((command, length)) = find(&call.words) else {
        return Answer::error(help::unknown(&call.words));
    };
    if session.level < command.level {
        return Answer::error("Permission denied");
    }
    call.words.drain(..length);
    (command.run)(&mut call, session)
}

/// The command whose whole name begins these words, the longest of several; and of how many words it is.
fn find(words: &[String]) -> Option<(&'static Command, usize)> {
    let begins = |command: &Command| {
        let length = command.name.split(' ').count();
        let same = words.len() >= length && command.name.split(' ').zip(words).all(|(a, b)| a == b);
        same.then_some(length)
    };
    all().filter_map(|command| Some((command, begins(command)?))).max_by_key(|(_, length)| *length)
}

/// The name of the command that these words begin with.
pub fn named(words: &[String]) -> Option<&'static str> {
    find(words).map(|(command, _)| command.name)
}

/// Takes `@1` and `@!<pid>` off, with which a master's clients choose a worker: there is this one.
fn to_this_process(words: &mut Vec<String>) -> Result<(), String> {
    let Some(whom) = words.first().and_then(|word| word.strip_prefix('@')) else { return Ok(()) };
    let own = format!("!{}", std::process::id());
    if whom != "1" && *whom != own {
        return Err(format!(
            "'@{whom}' is no process that this socket speaks for: write @1 or @{own}, or leave it out."
        ));
    }
    words.remove(0);
    Ok(())
}

impl Call {
    /// A word behind the command's name, by its place.
    fn word(&self, at: usize) -> Option<&str> {
        self.words.get(at).map(|word| &**word)
    }

    /// The words from a place on, as one text.
    fn rest(&self, from: usize) -> String {
        self.words.get(from..).unwrap_or_default().join(" ")
    }

    /// The backend of a name.
    fn backend(&self, name: &str) -> Result<usize, String> {
        self.running.plan.backend(name).ok_or_else(|| "No such backend.".to_owned())
    }

    fn proxy(&self, index: usize) -> Option<&Proxy> {
        self.running.plan.proxies.get(index)
    }

    /// The server that `backend/server` names: the backend's index, and its own in it.
    fn server(&self, at: usize) -> Result<Which, String> {
        let named = self.word(at).and_then(|word| word.split_once('/'));
        let (backend, server) = named.ok_or_else(|| "Require 'backend/server'.".to_owned())?;
        let backend = self.backend(backend)?;
        let servers = self.proxy(backend).map_or(&[][..], |proxy| &proxy.servers);
        let index = servers.iter().position(|it| *it.name.value == *server);
        Ok((backend, index.ok_or_else(|| "No such server.".to_owned())?))
    }

    /// The frontend of a name, or of a number behind `#`.
    fn frontend(&self, at: usize) -> Result<usize, String> {
        let name = self.word(at).ok_or_else(|| "A frontend name is expected.".to_owned())?;
        let plan = &self.running.plan;
        let numbered = name.strip_prefix('#').and_then(|number| number.parse().ok());
        let found = match numbered {
            Some(number) => (0..plan.proxies.len()).find(|&index| {
                plan.proxies.get(index).is_some_and(Proxy::has_frontend)
                    && lookup::proxy_id(plan, index) == Some(number)
            }),
            None => plan.frontend(name),
        };
        found.ok_or_else(|| "No such frontend.".to_owned())
    }

    /// Behind every change to a server's weight, address or limit: those who wait for it learn of it.
    fn server_changed(&self, (backend, server): Which) {
        let live = self.running.live.clone();
        self.office.tell_site(&self.local, live, move |site| state_changed(site, backend, server));
    }

    /// Has a worker's site do something; the answer comes when it is done.
    fn on_site(&self, run: impl FnOnce(&Rc<Site>) + Send + 'static) -> Answer {
        let (office, local) = (self.office.clone(), self.local.clone());
        let live = self.running.live.clone();
        Answer::Later(Box::pin(async move {
            match office.on_site(&local, live, run).await {
                Some(true) => Answer::Nothing,
                Some(false) => Answer::error(
                    "Nothing was done: the configuration was read again meanwhile. Say it once more.",
                ),
                None => Answer::error("Worker 0 does not answer: look whether it was done."),
            }
        }))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Answer::Nothing => f.write_str("Nothing"),
            Answer::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Answer::Message(severity, text) => write!(f, "Message({severity:?}, {text:?})"),
            Answer::Pieces(_) => f.write_str("Pieces"),
            Answer::Parts(_) => f.write_str("Parts"),
            Answer::Later(_) => f.write_str("Later"),
        }
    }
}
