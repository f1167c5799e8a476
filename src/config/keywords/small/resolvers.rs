//! `resolvers`.

use super::super::entry::{later, supported};
use super::super::lenient::{extra_words, last};
use super::super::server_options::{self, Target};
use super::name;
use crate::config::address::Allowed;
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword, Parse};
use crate::config::plan::{Nameserver, Resolvers, ServerSettings, Transport};
use crate::config::section::Sections;

fn nameserver(args: &mut Args<'_>, resolvers: &mut Resolvers) {
    let Some(name) = name(args, "a name and an address") else { return };
    let Some(word) = args.word("an address") else { return };
    let Some(at) = args.address(word, &Allowed::NAMESERVER) else { return };
    if let Some(earlier) = resolvers.servers.iter().find(|server| *server.name == *name) {
        let span = earlier.name.span;
        args.error(name.span, format!("two name servers are called `{}`", name.value))
            .label("choose another name")
            .also(span, "the other one");
    }
    let settings = match at.transport {
        Some(Transport::Stream) => {
            let mut settings = ServerSettings::default();
            server_options::read(args, &mut Target::new(&mut settings, false));
            settings
        }
        _ => {
            extra_words(args);
            ServerSettings::default()
        }
    };
    resolvers.servers.push(Nameserver { name, span: args.line.span, at, settings });
}

fn hold(args: &mut Args<'_>, resolvers: &mut Resolvers) {
    const STATES: &[&str] = &["nx", "obsolete", "other", "refused", "timeout", "valid"];
    let Some(state) = args.word("a status and a time") else { return };
    let hold = &mut resolvers.hold;
    let slot = match &*state.text {
        "nx" => &mut hold.nx,
        "obsolete" => &mut hold.obsolete,
        "other" => &mut hold.other,
        "refused" => &mut hold.refused,
        "timeout" => &mut hold.timeout,
        "valid" => &mut hold.valid,
        _ => {
            args.unknown(state, "a status", STATES.iter().copied());
            return;
        }
    };
    last(slot, args.time("a time"), args);
    extra_words(args);
}

const fn row(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Resolvers),
) -> Keyword {
    let parse = Parse::Resolvers(parse);
    later(Feature::Resolvers, supported(Sections::RESOLVERS, name, syntax, about, example, parse))
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "nameserver",
        "<name> <address>:<port> [<server option>]...",
        "A name server to ask, by datagrams, or with `tcp@` by a stream.",
        "nameserver dns1 192.0.2.53:53",
        nameserver,
    ),
    row(
        "parse-resolv-conf",
        "",
        "Asks the name servers of /etc/resolv.conf too.",
        "parse-resolv-conf",
        |args, resolvers| {
            resolvers.system = true;
            extra_words(args);
        },
    ),
    row(
        "hold",
        "{ nx | obsolete | other | refused | timeout | valid } <time>",
        "How long the last good answer holds when such an answer comes.",
        "hold nx 30s",
        hold,
    ),
    row(
        "resolve_retries",
        "<number>",
        "How often to ask before giving up.",
        "resolve_retries 3",
        |args, resolvers| {
            last(&mut resolvers.retries, args.number("a number", 0..=u32::MAX), args);
            extra_words(args);
        },
    ),
    row(
        "timeout resolve",
        "<time>",
        "How long until a name is looked up again.",
        "timeout resolve 1s",
        |args, resolvers| {
            last(&mut resolvers.interval, args.time("a time"), args);
            extra_words(args);
        },
    ),
    row(
        "timeout retry",
        "<time>",
        "How long to wait for an answer.",
        "timeout retry 1s",
        |args, resolvers| {
            last(&mut resolvers.timeout, args.time("a time"), args);
            extra_words(args);
        },
    ),
    row(
        "accepted_payload_size",
        "<bytes>",
        "How large answers may be.",
        "accepted_payload_size 8192",
        |args, resolvers| {
            last(&mut resolvers.payload, args.number("a size in bytes", 12..=u16::MAX), args);
            extra_words(args);
        },
    ),
];
