//! How this exchange is treated: its log level, addresses, timeouts, priority, captures.

use std::time::Duration;

use super::line::{Amount, Line};
use super::{Action, ActionEntry, Ruleset, Rulesets, action, no_effect};
use crate::config::args::shown;
use crate::config::keyword::Status;
use crate::config::value;
use crate::rules::expr::Expr;
use crate::rules::value::Type;

/// A setting of one exchange.
#[derive(Clone, Debug)]
pub enum Setting {
    /// `set-log-level`; `None` is `silent`.
    LogLevel(Option<Level>),
    /// `set-nice`, -1024 to 1024.
    Nice(i16),
    /// `set-fc-tos`, `set-bc-tos`: the whole byte of IP's TOS field.
    Tos(Side, Amount),
    /// `set-fc-mark`, `set-bc-mark`.
    Mark(Side, Amount),
    /// `set-src`, `set-src-port`, `set-dst`, `set-dst-port`.
    Address(End, Expr),
    /// `set-timeout`.
    Timeout(Timeout, Amount),
    /// `set-priority-class`, -2047 to 2047.
    PriorityClass(Expr),
    /// `set-priority-offset`, milliseconds, -524287 to 524287.
    PriorityOffset(Expr),
    /// `capture`.
    Capture(Capture),
    /// `strict-mode`: whether a change that fails ends the exchange.
    Strict(bool),
    /// `disable-l7-retry`.
    NoRetry,
}

/// The side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Of the client.
    Client,
    /// Of the server.
    Server,
}

/// An end of the client's connection, and a piece of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client's address.
    Source,
    /// The client's port.
    SourcePort,
    /// The address it connected to.
    Destination,
    /// The port it connected to.
    DestinationPort,
}

/// A timeout that a rule may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// `timeout client`.
    Client,
    /// `timeout server`.
    Server,
    /// `timeout tunnel`.
    Tunnel,
}

/// A level of syslog (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// 0.
    Emergency,
    /// 1.
    Alert,
    /// 2.
    Critical,
    /// 3.
    Error,
    /// 4.
    Warning,
    /// 5.
    Notice,
    /// 6.
    Info,
    /// 7.
    Debug,
}

/// `capture`.
#[derive(Clone, Debug)]
pub struct Capture {
    /// What is kept, as text.
    pub value: Expr,
    /// In which slot.
    pub slot: Slot,
    /// Whether it is one of the response's slots.
    pub response: bool,
}

/// A slot of captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `len`: one of its own, behind those that are declared, for so many bytes. Which one is known
    /// once all rules are compiled.
    Own {
        /// Its place among the rules' own slots.
        index: usize,
        /// How many bytes it keeps.
        length: usize,
    },
    /// `id`: one that is declared.
    Declared(usize),
}

/// The largest `len` of a capture: what one request may make the proxy keep.
pub const CAPTURE_MAX: i64 = 65_536;

const LEVELS: &[(&str, Option<Level>)] = &[
    ("emerg", Some(Level::Emergency)),
    ("alert", Some(Level::Alert)),
    ("crit", Some(Level::Critical)),
    ("err", Some(Level::Error)),
    ("warning", Some(Level::Warning)),
    ("notice", Some(Level::Notice)),
    ("info", Some(Level::Info)),
    ("debug", Some(Level::Debug)),
    ("silent", None),
];

fn log_level(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let word = line.text("a log level")?;
    if let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == &*word.text) {
        return Some(Action::Setting(Setting::LogLevel(*level)));
    }
    let all: Vec<&str> = LEVELS.iter().map(|(name, _)| *name).collect();
    line.error(word.span, format!("`{}` is not a log level", shown(word)))
        .label("expected a log level")
        .help(format!("levels are {}", all.join(", ")));
    None
}

/// Values beyond the range are cut to it, as HAProxy does.
fn nice(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let word = line.text("a number")?;
    let given = line.number_of(word, word.span, word, "a number", i64::MIN..=i64::MAX)?;
    let nice = given.clamp(-1024, 1024);
    if nice != given {
        no_effect(line, word, "what lies beyond -1024 and 1024 has no effect: it is cut off");
    }
    Some(Action::Setting(Setting::Nice(i16::try_from(nice).unwrap_or_default())))
}

fn tos(line: &mut Line<'_, '_, '_>, side: Side) -> Option<Action> {
    line.amount("a TOS value", 0xff).map(|it| Action::Setting(Setting::Tos(side, it)))
}

fn mark(line: &mut Line<'_, '_, '_>, side: Side) -> Option<Action> {
    line.amount("a mark", 0xffff_ffff).map(|it| Action::Setting(Setting::Mark(side, it)))
}

fn address(line: &mut Line<'_, '_, '_>, end: End) -> Option<Action> {
    let wanted = match end {
        End::Source | End::Destination => Type::Addr,
        End::SourcePort | End::DestinationPort => Type::Int,
    };
    Some(Action::Setting(Setting::Address(end, line.expr_of(wanted)?)))
}

fn timeout(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let which = line.text("client, server or tunnel")?;
    let (timeout, frontend) = match &*which.text {
        "client" => (Timeout::Client, true),
        "server" => (Timeout::Server, false),
        "tunnel" => (Timeout::Tunnel, false),
        _ => {
            line.error(which.span, format!("`{}` is no timeout of this action", shown(which)))
                .label("expected client, server or tunnel");
            return None;
        }
    };
    // In `defaults` either side may inherit the rule.
    if let Some(proxy) = line.without(frontend) {
        let side = if frontend { "clients" } else { "servers" };
        line.error(which.span, format!("{proxy} has no side of {side}"))
            .label(format!("`timeout {}` does not exist here", which.text));
        return None;
    }
    let amount = match line.words.peek() {
        Some(word) if word.starts_with(|c: char| c.is_ascii_digit()) => {
            let span = word.span;
            let time = line.time("a time")?;
            if time == Duration::ZERO {
                line.error(span, "a timeout of zero is not possible here");
                return None;
            }
            Amount::Fixed(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
        }
        _ => Amount::Expr(line.expr_of(Type::Int)?),
    };
    Some(Action::Setting(Setting::Timeout(timeout, amount)))
}

fn priority_class(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    line.expr_of(Type::Int).map(Setting::PriorityClass).map(Action::Setting)
}

fn priority_offset(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    line.expr_of(Type::Int).map(Setting::PriorityOffset).map(Action::Setting)
}

fn capture(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let value = line.expr_of(Type::Str)?;
    let response = matches!(line.ruleset, Ruleset::HttpResponse | Ruleset::HttpAfterResponse);
    let kind = line.text(if response { "`id`" } else { "`len` or `id`" })?;
    let slot = match &*kind.text {
        "len" if response => {
            line.error(kind.span, "`len` is for rules of requests")
                .label("expected `id`")
                .help("declare a slot in the frontend: declare capture response len 32");
            return None;
        }
        "len" => {
            if let Some(proxy) = line.without(true) {
                line.error(
                    kind.span,
                    format!("{proxy} has no side of clients to keep a capture for"),
                )
                .label("only `id` is possible here")
                .help("declare a slot in the frontend and name it by `id`");
                return None;
            }
            let length = line.number("a length", 1..=CAPTURE_MAX)?;
            Slot::Own { index: 0, length: usize::try_from(length).ok()? }
        }
        "id" => Slot::Declared(usize::try_from(line.number("a slot", 0..=65_535)?).ok()?),
        _ => {
            line.error(kind.span, format!("`{}` says nothing here", shown(kind)))
                .label(if response { "expected `id`" } else { "expected `len` or `id`" });
            return None;
        }
    };
    Some(Action::Setting(Setting::Capture(Capture { value, slot, response })))
}

fn strict(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let word = line.text("on or off")?;
    match &*word.text {
        "on" => Some(Action::Setting(Setting::Strict(true))),
        "off" => Some(Action::Setting(Setting::Strict(false))),
        _ => {
            line.error(word.span, format!("`{}` is neither on nor off", shown(word)))
                .label("expected on or off");
            None
        }
    }
}

const BACK: Rulesets = Rulesets::CONTENT.or(Rulesets::REQUEST);
const FRONT: Rulesets = Rulesets::TCP_ALL.or(Rulesets::HTTP);
const ADDRESS: Rulesets = Rulesets::TCP_REQUEST.or(Rulesets::REQUEST);
const STREAM: Rulesets = Rulesets::CONTENT.or(Rulesets::TCP_RESPONSE);

/// The milliseconds that a time of a rule may have at most.
pub const TIMEOUT_MAX: Duration = value::TIME_MAX;

/// The table.
pub const ACTIONS: &[ActionEntry] = &[
    action(
        "set-log-level",
        STREAM.or(Rulesets::HTTP_ALL),
        "<level>",
        "Sets the level of this exchange's log line; `silent` leaves it out.",
        "set-log-level silent",
        log_level,
    ),
    ActionEntry {
        status: Status::NoEffect("Koi treats all exchanges alike"),
        ..action(
            "set-nice",
            STREAM.or(Rulesets::HTTP),
            "<number>",
            "Sets how willing this exchange is to wait for others, -1024 to 1024.",
            "set-nice 100",
            nice,
        )
    },
    action(
        "set-fc-tos",
        FRONT,
        "<number or expression>",
        "Sets the TOS byte of packets to the client.",
        "set-fc-tos 0x10",
        |line| tos(line, Side::Client),
    ),
    action(
        "set-tos",
        FRONT,
        "<number or expression>",
        "The old name of `set-fc-tos`.",
        "set-tos 0x10",
        |line| tos(line, Side::Client),
    ),
    action(
        "set-bc-tos",
        BACK,
        "<number or expression>",
        "Sets the TOS byte of packets to the server.",
        "set-bc-tos 0x10",
        |line| tos(line, Side::Server),
    ),
    action(
        "set-fc-mark",
        FRONT,
        "<number or expression>",
        "Sets the firewall's mark of packets to the client.",
        "set-fc-mark 20",
        |line| mark(line, Side::Client),
    ),
    action(
        "set-mark",
        FRONT,
        "<number or expression>",
        "The old name of `set-fc-mark`.",
        "set-mark 20",
        |line| mark(line, Side::Client),
    ),
    action(
        "set-bc-mark",
        BACK,
        "<number or expression>",
        "Sets the firewall's mark of packets to the server.",
        "set-bc-mark 20",
        |line| mark(line, Side::Server),
    ),
    action(
        "set-src",
        ADDRESS,
        "<expression>",
        "Sets the client's address, as later rules, logs and servers see it.",
        "set-src src,ipmask(24)",
        |line| address(line, End::Source),
    ),
    action(
        "set-src-port",
        ADDRESS,
        "<expression>",
        "Sets the client's port, as later rules, logs and servers see it.",
        "set-src-port int(4000)",
        |line| address(line, End::SourcePort),
    ),
    action(
        "set-dst",
        ADDRESS,
        "<expression>",
        "Sets the address the client connected to; servers at 0.0.0.0 are dialled there.",
        "set-dst dst,ipmask(24)",
        |line| address(line, End::Destination),
    ),
    action(
        "set-dst-port",
        ADDRESS,
        "<expression>",
        "Sets the port the client connected to; servers with port 0 are dialled there.",
        "set-dst-port int(4000)",
        |line| address(line, End::DestinationPort),
    ),
    action(
        "set-timeout",
        Rulesets::HTTP,
        "{ client | server | tunnel } <time or expression>",
        "Sets a timeout of this exchange; an expression gives milliseconds.",
        "set-timeout tunnel 5s",
        timeout,
    ),
    action(
        "set-priority-class",
        BACK,
        "<expression>",
        "Sets the class in queues, -2047 to 2047; lower ones go first.",
        "set-priority-class int(1)",
        priority_class,
    ),
    action(
        "set-priority-offset",
        BACK,
        "<expression>",
        "Sets how many milliseconds later (or, negative, earlier) it counts as queued.",
        "set-priority-offset int(-500)",
        priority_offset,
    ),
    action(
        "capture",
        Rulesets::CONTENT.or(Rulesets::HTTP_ALL),
        "<expression> { len <length> | id <slot> }",
        "Keeps a value for the log and for `capture.req.hdr`, in a new slot or a declared one.",
        "capture req.hdr(user-agent) len 64",
        capture,
    ),
    action(
        "strict-mode",
        Rulesets::HTTP_ALL,
        "{ on | off }",
        "Whether a change that fails in the rules behind ends the exchange; it does at first.",
        "strict-mode off",
        strict,
    ),
    action(
        "disable-l7-retry",
        Rulesets::REQUEST,
        "",
        "This request is only sent again if the server could not be reached.",
        "disable-l7-retry if { method POST }",
        |_| Some(Action::Setting(Setting::NoRetry)),
    ),
];
