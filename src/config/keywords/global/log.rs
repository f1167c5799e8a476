//! `log`, `stats` and what else speaks of the process to the outside.

use super::super::bind;
use super::super::entry::{global, later, refused, with_no};
use super::super::lenient::{extra_words, filled, last};
use super::super::log_line::{self, log_target};
use crate::config::args::{Args, Negation, shown};
use crate::config::keyword::{Feature, Keyword};
use crate::config::plan::{Given, Global};
use crate::config::section::Sections;

fn log(args: &mut Args<'_>, global: &mut Global) {
    if args.negation == Negation::No {
        global.logs.targets.clear();
        return;
    }
    if let Some(target) = log_target(args) {
        global.logs.targets.push(target);
    } else {
        args.rest();
    }
}

fn send_hostname(args: &mut Args<'_>, global: &mut Global) {
    let name = args.take();
    let span = name.map_or(args.line.span, |name| name.span);
    let value = name.filter(|name| !name.is_empty()).map(|name| name.text.clone());
    last(&mut global.logs.hostname, Some(Given { value, span }), args);
    extra_words(args);
}

fn stats_socket(args: &mut Args<'_>, global: &mut Global) {
    global.stats.sockets.extend(bind::read(args));
}

fn stats_timeout(args: &mut Args<'_>, global: &mut Global) {
    let time = args.time("a time");
    if let Some(zero) = time.filter(|time| time.is_zero()) {
        args.error(zero.span, "`stats timeout` cannot be zero").label("expected a time");
        return;
    }
    last(&mut global.stats.timeout, time, args);
    extra_words(args);
}

fn node(args: &mut Args<'_>, global: &mut Global) {
    let Some(word) = args.word("a name") else { return };
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if word.is_empty() || !word.chars().all(legal) {
        args.error(word.span, format!("`{}` is no name of a node", shown(word)))
            .label("such names are made of letters, digits, and - _ .");
        return;
    }
    let name = Some(Given { value: word.text.clone(), span: word.span });
    last(&mut global.process.node, name, args);
}

fn description(args: &mut Args<'_>, global: &mut Global) {
    let Some(first) = filled(args, "a text") else { return };
    let rest = args.rest();
    let span = rest.last().map_or(first.span, |last| first.span.to(last.span));
    let words = std::iter::once(&*first.value).chain(rest.iter().map(|word| &*word.text));
    let text = words.collect::<Vec<_>>().join(" ").into();
    last(&mut global.process.description, Some(Given { value: text, span }), args);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    with_no(global(
        "log",
        log_line::SYNTAX,
        "Where messages go; `log global` in a proxy stands for all such lines. `no log` forgets \
         those above.",
        "log 127.0.0.1:514 local0 notice",
        log,
    )),
    global(
        "log-send-hostname",
        "[<name>]",
        "Puts a host name into messages: the system's, or this one.",
        "log-send-hostname proxy1",
        send_hostname,
    ),
    global("log-tag", "<tag>", "The program's name in messages.", "log-tag koi", |args, global| {
        last(&mut global.logs.tag, filled(args, "a tag"), args)
    }),
    global(
        "stats socket",
        "<address> [<bind option>]...",
        "Where the runtime socket listens; options as on a `bind` line, among them `level` and \
         `mode`.",
        "stats socket /var/run/koi.sock mode 600 level admin",
        stats_socket,
    ),
    global(
        "stats timeout",
        "<time>",
        "How long an idle client of the runtime socket stays connected.",
        "stats timeout 30s",
        stats_timeout,
    ),
    global(
        "stats maxconn",
        "<number>",
        "How many clients the runtime socket takes at once.",
        "stats maxconn 10",
        |args, global| {
            let number = args.number("a number", 1..=super::INT_MAX);
            last(&mut global.stats.connections, number, args);
            extra_words(args);
        },
    ),
    refused(
        Sections::GLOBAL,
        "stats bind-process",
        "there is one process",
        "remove the line",
        "<process>",
        "Chose the process that the runtime socket belonged to.",
        "stats bind-process 1",
    ),
    global(
        "node",
        "<name>",
        "A name for this machine, shown by the statistics.",
        "node proxy-1",
        node,
    ),
    global(
        "description",
        "<text>",
        "A text that the statistics show.",
        "description \"The shop's proxy\"",
        description,
    ),
    later(
        Feature::Peers,
        global(
            "localpeer",
            "<name>",
            "This process's name among the peers of a `peers` section; the host name if unset.",
            "localpeer proxy1",
            |args, global| last(&mut global.process.localpeer, filled(args, "a name"), args),
        ),
    ),
];
