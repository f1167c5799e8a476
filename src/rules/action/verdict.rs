//! What ends a list of rules, or the exchange.

use super::line::Line;
use super::redirect::{self, Redirect};
use super::reply::{self, For, Reply};
use super::{Action, ActionEntry, Rulesets, action};
use crate::config::args::shown;
use crate::config::nearest::{did_you_mean, nearest};

/// What ends a list of rules.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// `allow`, `accept`: no more rules of this list.
    Allow,
    /// `deny`.
    Deny(Reply),
    /// `tarpit`: the same, after `timeout tarpit`.
    Tarpit(Reply),
    /// `return`.
    Return(Reply),
    /// `auth`: asks for a password; `None` names the proxy.
    Auth {
        /// What browsers show.
        realm: Option<Box<str>>,
    },
    /// `redirect`.
    Redirect(Redirect),
    /// `reject`: closes the connection without an answer.
    Reject,
    /// `close`: closes the connection to the server.
    Close,
    /// `silent-drop`: forgets the connection so that the client does not learn of it.
    SilentDrop {
        /// `rst-ttl`: resets it with a packet that lives for so many hops.
        ttl: Option<u8>,
    },
    /// `use-service`.
    Service(Box<str>),
    /// `switch-mode http`: goes on as HTTP.
    SwitchToHttp {
        /// `proto`: the protocol spoken, if it is given.
        protocol: Option<Box<str>>,
    },
}

impl Verdict {
    /// Whether no rule behind it is reached when it runs.
    pub fn is_final(&self) -> bool {
        !matches!(self, Verdict::Redirect(redirect) if redirect.ignore_empty)
    }
}

fn verdict(verdict: Verdict) -> Option<Action> {
    Some(Action::Verdict(verdict))
}

fn deny(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    verdict(Verdict::Deny(reply::parse(line, For::Deny)?))
}

fn tarpit(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    verdict(Verdict::Tarpit(reply::parse(line, For::Tarpit)?))
}

fn answer(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    verdict(Verdict::Return(reply::parse(line, For::Return)?))
}

fn auth(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let realm = line.option("realm", "a realm")?.map(|word| word.text.clone());
    verdict(Verdict::Auth { realm })
}

fn silent_drop(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let ttl = match line.words.flag("rst-ttl") {
        true => Some(u8::try_from(line.number("a number of hops", 1..=255)?).ok()?),
        false => None,
    };
    verdict(Verdict::SilentDrop { ttl })
}

const SERVICES: &[&str] = &["prometheus-exporter"];

fn service(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let name = line.text("the name of a service")?;
    if name.starts_with("lua.") {
        line.error(name.span, format!("`{}` is not possible: Koi runs no Lua", shown(name)))
            .label("refused");
        return None;
    }
    if !SERVICES.contains(&&*name.text) {
        let near = did_you_mean(&nearest(name, SERVICES.iter().copied()));
        let help = near.unwrap_or_else(|| format!("there is: {}", SERVICES.join(", ")));
        line.error(name.span, format!("there is no service `{}`", shown(name)))
            .label("expected a service")
            .help(help);
        return None;
    }
    if !line.ruleset.is_http() {
        line.error(name.span, format!("`{}` answers requests of HTTP", name.text))
            .label("it belongs in `http-request` rules");
        return None;
    }
    verdict(Verdict::Service(name.text.clone()))
}

/// The protocols that can be named.
const PROTOCOLS: &[&str] = &["h1", "h2"];

fn switch_mode(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let mode = line.text("`http`")?;
    if &*mode.text != "http" {
        line.error(mode.span, format!("`{}` is no mode to switch to", shown(mode)))
            .label("expected `http`");
        return None;
    }
    if let Some(proxy) = line.without(true) {
        line.error(line.word.span, format!("{proxy} has no side of clients"))
            .label("only a frontend can switch");
        return None;
    }
    let protocol = line.option("proto", "a protocol")?;
    if let Some(word) = protocol.filter(|word| !PROTOCOLS.contains(&&*word.text)) {
        line.error(word.span, format!("`{}` is no protocol to switch to", shown(word)))
            .label("expected h1 or h2");
        return None;
    }
    verdict(Verdict::SwitchToHttp { protocol: protocol.map(|word| word.text.clone()) })
}

const REPLY: &str = "[status <status>] [content-type <type>] [{ default-errorfiles | errorfile <file> | errorfiles <section> | file <file> | lf-file <file> | string <text> | lf-string <format> }] [hdr <name> <format>]...";

/// The table.
pub const ACTIONS: &[ActionEntry] = &[
    action(
        "accept",
        Rulesets::TCP_ALL,
        "",
        "Ends this list of rules; the connection goes on.",
        "accept if { src 192.0.2.0/24 }",
        |_| verdict(Verdict::Allow),
    ),
    action(
        "allow",
        Rulesets::HTTP_ALL,
        "",
        "Ends this list of rules; the request or response goes on.",
        "allow if { src 192.0.2.0/24 }",
        |_| verdict(Verdict::Allow),
    ),
    action(
        "deny",
        Rulesets::HTTP,
        REPLY,
        "Answers 403 to a request, 502 instead of a response, or what is given.",
        "deny deny_status 429 if { src 192.0.2.0/24 }",
        deny,
    ),
    action(
        "tarpit",
        Rulesets::REQUEST,
        REPLY,
        "Lets the client wait for `timeout tarpit`, then answers 500 or what is given.",
        "tarpit if { src 192.0.2.0/24 }",
        tarpit,
    ),
    action(
        "return",
        Rulesets::HTTP,
        REPLY,
        "Answers 200, or what is given.",
        "return status 200 content-type text/plain string pong if { path /ping }",
        answer,
    ),
    action(
        "auth",
        Rulesets::REQUEST,
        "[realm <text>]",
        "Answers 401: asks for a name and a password.",
        "auth realm Internal unless { http_auth(staff) }",
        auth,
    ),
    action(
        "redirect",
        Rulesets::HTTP,
        "{ location | prefix | scheme } <format> [code <status>] [drop-query] [append-slash] [ignore-empty] [set-cookie <cookie>] [clear-cookie <cookie>]",
        "Sends the client elsewhere; for responses only by `location`.",
        "redirect scheme https code 301 unless { ssl_fc }",
        redirect::action,
    ),
    action(
        "reject",
        Rulesets::TCP_ALL.or(Rulesets::REQUEST),
        "",
        "Closes the connection without an answer.",
        "reject if { src 192.0.2.0/24 }",
        |_| verdict(Verdict::Reject),
    ),
    action(
        "close",
        Rulesets::TCP_RESPONSE,
        "",
        "Closes the connection to the server.",
        "close",
        |_| verdict(Verdict::Close),
    ),
    action(
        "silent-drop",
        Rulesets::TCP_ALL.or(Rulesets::HTTP),
        "[rst-ttl <hops>]",
        "Forgets the connection so that the client believes it is still there.",
        "silent-drop if { src 192.0.2.0/24 }",
        silent_drop,
    ),
    action(
        "use-service",
        Rulesets::CONTENT.or(Rulesets::REQUEST),
        "<service>",
        "Lets a service of Koi's own answer: prometheus-exporter.",
        // Stands behind `tcp-request content` first, where there is no service yet.
        "use-service prometheus-exporter if { path /metrics }",
        service,
    ),
    action(
        "switch-mode",
        Rulesets::CONTENT,
        "http [proto { h1 | h2 }]",
        "Goes on as HTTP on a connection of a TCP frontend.",
        "switch-mode http if HTTP",
        switch_mode,
    ),
];
