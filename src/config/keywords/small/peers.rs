//! `peers`.

use super::super::entry::{later, supported, with_no};
use super::super::lenient::{extra_words, filled, last};
use super::super::log_line::{self, log_target};
use super::super::server_options::{self, Target};
use super::super::{bind_options, stick};
use super::name;
use crate::config::address::Allowed;
use crate::config::advice;
use crate::config::args::{Args, Negation};
use crate::config::keyword::{Feature, Keyword, Parse};
use crate::config::plan::{Peer, PeerTable, Peers, ServerSettings};
use crate::config::section::Sections;
use crate::config::source::Span;

fn peer(args: &mut Args<'_>, peers: &mut Peers) {
    let Some(name) = name(args, "a name and an address") else { return };
    let Some(address) = args.take() else {
        args.report
            .advise(&advice::NO_SERVER, args.line.span, "a peer without an address is no peer")
            .label("ignored")
            .help("write an address and a port behind the name, or `server` instead of `peer`");
        return;
    };
    let Some(address) = args.address(address, &Allowed::PEER) else { return };
    let settings = settings(args, peers);
    let span = args.line.span;
    if let Some(bind) = &peers.bind {
        mixed(args, span, bind.span);
    }
    peers.peers.push(Peer { name, span, old_style: true, address: Some(address), settings });
}

fn server(args: &mut Args<'_>, peers: &mut Peers) {
    let Some(name) = name(args, "a name") else { return };
    // A name alone is this process, whose address stands in `bind`.
    let address = match args.take() {
        Some(word) => match args.address(word, &Allowed::PEER) {
            Some(address) => Some(address),
            None => return,
        },
        None => None,
    };
    let settings = settings(args, peers);
    let span = args.line.span;
    peers.peers.push(Peer { name, span, old_style: false, address, settings });
}

/// The options that are left, on top of those of `default-server`.
fn settings(args: &mut Args<'_>, peers: &Peers) -> ServerSettings {
    let mut settings = peers.default_server.clone();
    server_options::read(args, &mut Target::new(&mut settings, false));
    settings
}

fn default_server(args: &mut Args<'_>, peers: &mut Peers) {
    server_options::read(args, &mut Target::new(&mut peers.default_server, true));
}

fn mixed(args: &mut Args<'_>, here: Span, there: Span) {
    args.error(here, "`peer` and `bind` cannot stand in one `peers` section")
        .label("one of the two must go")
        .also(there, "the other one")
        .help("with `bind`, write `server` instead of `peer`, and no address for this process");
}

fn bind(args: &mut Args<'_>, peers: &mut Peers) {
    if args.peek().is_none() {
        return;
    }
    let Some(bind) = super::super::bind::read_from(args, peers.default_bind.clone()) else {
        return;
    };
    if let Some(earlier) = &peers.bind {
        let span = earlier.span;
        args.error(bind.span, "a `peers` section listens on one address")
            .label("one of the two must go")
            .also(span, "the other one");
        return;
    }
    if let Some(old) = peers.peers.iter().find(|peer| peer.old_style) {
        mixed(args, bind.span, old.span);
    }
    peers.bind = Some(bind);
}

fn default_bind(args: &mut Args<'_>, peers: &mut Peers) {
    bind_options::read(args, &mut peers.default_bind);
}

fn table(args: &mut Args<'_>, peers: &mut Peers) {
    let Some(name) = filled(args, "a name") else { return };
    if let Some(earlier) = peers.tables.iter().find(|table| *table.name == *name) {
        let span = earlier.name.span;
        args.error(name.span, format!("two tables are called `{}`", name.value))
            .label("choose another name")
            .also(span, "the other one");
    }
    if let Some(table) = stick::table(args) {
        peers.tables.push(PeerTable { name, table });
    }
}

fn log(args: &mut Args<'_>, peers: &mut Peers) {
    if args.negation == Negation::No {
        peers.logs.clear();
        peers.log_global = None;
    } else if args.peek().is_some_and(|word| &*word.text == "global") {
        args.take();
        peers.log_global = Some(args.line.span);
    } else {
        peers.logs.extend(log_target(args));
    }
}

fn shards(args: &mut Args<'_>, peers: &mut Peers) {
    last(&mut peers.shards, args.number("a number of peers", 1..=u32::MAX), args);
    extra_words(args);
}

fn switch(args: &mut Args<'_>, peers: &mut Peers, disabled: bool) {
    peers.disabled = disabled;
    extra_words(args);
}

const fn row(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Peers),
) -> Keyword {
    let keyword = supported(Sections::PEERS, name, syntax, about, example, Parse::Peers(parse));
    later(Feature::Peers, keyword)
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "peer",
        "<name> <address>:<port> [<server option>]...",
        "A process to share with; this one too, under its own name, with where it listens.",
        "peer proxy1 192.0.2.1:10000",
        peer,
    ),
    row(
        "server",
        "<name> [<address>:<port>] [<server option>]...",
        "The same; without an address it is this process, whose address `bind` says.",
        "server proxy2 192.0.2.2:10000",
        server,
    ),
    row(
        "bind",
        "<address>:<port> [<bind option>]...",
        "Where this process listens for others.",
        "bind 192.0.2.1:10000",
        bind,
    ),
    row(
        "default-bind",
        "[<bind option>]...",
        "Options for `bind`.",
        "default-bind v4v6",
        default_bind,
    ),
    row(
        "default-server",
        "[<server option>]...",
        "Options for the peers behind it.",
        "default-server ssl verify none",
        default_server,
    ),
    row(
        "table",
        "<name> type <type> size <size> [<option>]...",
        "A stick table of this section, written as behind `stick-table`.",
        "table clients type ip size 10k expire 10m store http_req_rate(10s)",
        table,
    ),
    with_no(row(
        "log",
        log_line::SYNTAX,
        "Where messages about connections of peers go; `global` stands for the lines there.",
        "log 127.0.0.1:514 local0",
        log,
    )),
    row(
        "shards",
        "<number>",
        "Shares entries out among so many peers, instead of sending all to each.",
        "shards 3",
        shards,
    ),
    row("disabled", "", "Switches the section off.", "disabled", |args, peers| {
        switch(args, peers, true)
    }),
    row("enabled", "", "Switches it on again.", "enabled", |args, peers| {
        switch(args, peers, false)
    }),
];
