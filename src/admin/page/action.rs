//! Changes through the page: its forms, as HAProxy's (`s=` each server, `b=` the backend, `action=`), with a
//! token besides.
//!
//! In: a POST's body. Out: what was done, as the word that the page shows after it was redirected.

use std::rc::Rc;

use crate::balance::Health;
use crate::balance::checkup::{Checkup, Count};
use crate::config::plan::Plan;
use crate::exchange::server;
use crate::exchange::sessions;
use crate::exchange::site::Site;
use crate::health;
use crate::log;
use crate::proto::check::agent::Wish;
use crate::rules::ending::Cause;

/// What can be done with a server: the form's word, and what the page calls it.
pub const ACTIONS: &[(&str, &str)] = &[
    ("ready", "Take requests again (READY)"),
    ("drain", "Only who is bound to it (DRAIN)"),
    ("maint", "Maintenance (MAINT)"),
    ("ehlth", "Health checks: on"),
    ("dhlth", "Health checks: off"),
    ("hrunn", "Health: UP"),
    ("hnolb", "Health: NOLB"),
    ("hdown", "Health: DOWN"),
    ("eagent", "Agent checks: on"),
    ("dagent", "Agent checks: off"),
    ("arunn", "Agent: UP"),
    ("adown", "Agent: DOWN"),
    ("shutdown", "End its sessions"),
];

/// The fields of a form, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// `b`: the backend's name, or `#` and its number.
    pub backend: String,
    /// `s`, each.
    pub servers: Vec<String>,
    /// `action`.
    pub action: String,
    /// `token`.
    pub token: String,
}

impl Form {
    /// Of a body of `application/x-www-form-urlencoded`.
    pub fn parse(body: &[u8]) -> Form {
        let mut form = Form::default();
        for part in body.split(|&byte| byte == b'&') {
            let at = part.iter().position(|&byte| byte == b'=').unwrap_or(part.len());
            let value = decode(part.get(at + 1..).unwrap_or_default());
            match &part[..at] {
                b"b" => form.backend = value,
                b"s" => form.servers.push(value),
                b"action" => form.action = value,
                b"token" => form.token = value,
                _ => {}
            }
        }
        form
    }
}

fn decode(text: &[u8]) -> String {
    let spaced: Vec<u8> = text.iter().map(|&it| if it == b'+' { b' ' } else { it }).collect();
    percent_encoding::percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

/// What came of it: HAProxy's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was done.
    Done,
    /// Some of it.
    Part,
    /// Nothing: the names or the action are not known.
    Errors,
    /// Nothing was asked for.
    Nothing,
    /// It may not be done.
    Denied,
}

impl Outcome {
    /// The word behind `;st=`.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "DONE",
            Outcome::Part => "PART",
            Outcome::Errors => "ERRP",
            Outcome::Nothing => "NONE",
            Outcome::Denied => "DENY",
        }
    }
}

/// What the page says of an outcome's word.
pub fn says(word: &str) -> Option<&'static str> {
    Some(match word {
        "DONE" => "Done.",
        "PART" => "Not all of it could be done: some of the servers are not known.",
        "ERRP" => "Nothing was done: the servers or the action are not known.",
        "NONE" => "Nothing was done: no server was chosen.",
        "DENY" => "Nothing was done: you may not, or the page was too old. Try again from here.",
        _ => return None,
    })
}

fn backend_of(plan: &Plan, name: &str) -> Option<usize> {
    let number = name.strip_prefix('#').and_then(|it| it.parse::<u32>().ok());
    let has = |(index, it): (usize, &crate::config::plan::Proxy)| {
        let counted = u32::try_from(index).ok().and_then(|it| it.checked_add(1));
        it.has_backend() && number == it.settings.id.map(|id| id.value).or(counted)
    };
    match number {
        Some(_) => plan.proxies.iter().enumerate().position(has),
        None => plan.backend(name),
    }
}

/// Does what a form asks for.
pub fn apply(site: &Rc<Site>, form: &Form, shows: impl Fn(usize) -> bool) -> Outcome {
    let plan = &site.plan;
    if form.servers.is_empty() || form.action.is_empty() {
        return Outcome::Nothing;
    }
    let backend = backend_of(plan, &form.backend).filter(|&backend| shows(backend));
    let Some((backend, of)) = backend.and_then(|it| Some((it, plan.proxies.get(it)?))) else {
        return Outcome::Errors;
    };
    let mut done = 0;
    for name in &form.servers {
        let place = of.servers.iter().position(|it| *it.name.value == **name);
        let Some(place) = place.filter(|&place| act(site, backend, place, &form.action)) else {
            continue;
        };
        done += 1;
        server::state_changed(site, backend, place);
        log::notice(format_args!(
            "server {}/{name}: `{}` by the statistics page",
            of.name, form.action
        ));
    }
    match done {
        0 => Outcome::Errors,
        _ if done == form.servers.len() => Outcome::Done,
        _ => Outcome::Part,
    }
}

/// Does it; false if it is no action, or none that this server can be told.
fn act(site: &Rc<Site>, backend: usize, server: usize, action: &str) -> bool {
    let decide = |wish| {
        health::decide(site, (backend, server), wish);
        true
    };
    let tracks = site.live.tracking().leader((backend, server)).is_some();
    let health = |health| {
        if !tracks {
            health::force(site, (backend, server), health);
        }
        !tracks
    };
    let agent = |up| {
        let listens = has(site, backend, server, |it| it.agent.enabled);
        if listens {
            health::force_agent(site, (backend, server), up);
        }
        listens
    };
    match action {
        "ready" | "enable" | "start" => decide(Wish::Ready),
        "drain" => decide(Wish::Drain),
        "maint" | "disable" | "stop" => decide(Wish::Maint),
        "hrunn" => health(Health::Running),
        "hnolb" => health(Health::Stopping),
        "hdown" => health(Health::Stopped),
        "ehlth" | "dhlth" => switch(site, backend, server, |it| &mut it.check, action == "ehlth"),
        "eagent" | "dagent" => {
            switch(site, backend, server, |it| &mut it.agent, action == "eagent")
        }
        "arunn" | "adown" => agent(action == "arunn"),
        "shutdown" => {
            sessions::shut_all_of(site, backend, server, Cause::Killed);
            true
        }
        _ => false,
    }
}

fn has(site: &Site, backend: usize, server: usize, is_so: impl FnOnce(&Checkup) -> bool) -> bool {
    site.live.server(backend, server).is_some_and(|it| is_so(&it.checkup()))
}

/// Switches checks of one kind on or off; false if the server has none.
fn switch(
    site: &Site,
    backend: usize,
    server: usize,
    of: impl FnOnce(&mut Checkup) -> &mut Count,
    on: bool,
) -> bool {
    let Some(figures) = site.live.server(backend, server) else { return false };
    let mut checkup = figures.checkup();
    let count = of(&mut checkup);
    if count.configured {
        count.enabled = on;
    }
    count.configured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let form = Form::parse(b"s=a%20b&s=c+d&b=%232&action=drain&token=00&x&=");
        assert_eq!(form.servers, ["a b", "c d"]);
        assert_eq!((&*form.backend, &*form.action, &*form.token), ("#2", "drain", "00"));
        assert_eq!(Form::parse(b""), Form::default());
    }
}
