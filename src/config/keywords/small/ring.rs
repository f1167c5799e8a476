//! `ring`.

use super::super::entry::{later, supported};
use super::super::lenient::{extra_words, filled, last};
use super::super::server_options::{self, Target};
use super::name;
use crate::config::address::Allowed;
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword, Parse};
use crate::config::plan::{Given, Ring, RingServer, ServerSettings, SyslogFormat};
use crate::config::section::Sections;

fn description(args: &mut Args<'_>, ring: &mut Ring) {
    last(&mut ring.description, filled(args, "a text"), args);
    extra_words(args);
}

fn format(args: &mut Args<'_>, ring: &mut Ring) {
    last(&mut ring.format, args.one_of("a log format", SyslogFormat::WORDS), args);
    extra_words(args);
}

/// A size of at least one byte that fits into 32 bits.
fn bytes(args: &mut Args<'_>) -> Option<Given<u32>> {
    let size = args.size("a size")?;
    match u32::try_from(size.value).ok().filter(|&size| size > 0) {
        Some(value) => Some(Given { value, span: size.span }),
        None => {
            let message = format!("{} bytes are not possible", size.value);
            args.error(size.span, message).label(format!("from 1 to {} is possible", u32::MAX));
            None
        }
    }
}

fn size(args: &mut Args<'_>, ring: &mut Ring) {
    last(&mut ring.size, bytes(args), args);
    extra_words(args);
}

fn length(args: &mut Args<'_>, ring: &mut Ring) {
    last(&mut ring.length, bytes(args), args);
    extra_words(args);
}

fn backing_file(args: &mut Args<'_>, ring: &mut Ring) {
    last(&mut ring.file, filled(args, "a file"), args);
    extra_words(args);
}

fn timeout_connect(args: &mut Args<'_>, ring: &mut Ring) {
    last(&mut ring.connect, args.time("a time"), args);
    extra_words(args);
}

fn timeout_server(args: &mut Args<'_>, ring: &mut Ring) {
    last(&mut ring.timeout, args.time("a time"), args);
    extra_words(args);
}

fn server(args: &mut Args<'_>, ring: &mut Ring) {
    let Some(name) = name(args, "a name and an address") else { return };
    let Some(address) = args.word("an address") else { return };
    if let Some(earlier) = ring.servers.iter().find(|server| *server.name == *name) {
        let span = earlier.name.span;
        args.error(name.span, format!("two servers are called `{}`", name.value))
            .label("choose another name")
            .also(span, "the other one");
    }
    let address = args.address(address, &Allowed::SERVER);
    let mut settings = ServerSettings::default();
    server_options::read(args, &mut Target::new(&mut settings, false));
    let (span, Some(address)) = (args.line.span, address) else { return };
    ring.servers.push(RingServer { name, span, address, settings });
}

const fn row(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Ring),
) -> Keyword {
    supported(Sections::RING, name, syntax, about, example, Parse::Ring(parse))
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row("description", "<text>", "A text for people.", "description \"My buffer\"", description),
    row("format", "<format>", "How messages are framed.", "format rfc3164", format),
    row("size", "<bytes>", "How much the ring holds.", "size 32764", size),
    row("maxlen", "<bytes>", "How long a message may be.", "maxlen 1200", length),
    later(
        Feature::Logs,
        row(
            "backing-file",
            "<file>",
            "A file behind the ring, which outlives the process.",
            "backing-file /var/db/koi/ring",
            backing_file,
        ),
    ),
    later(
        Feature::Logs,
        row(
            "timeout connect",
            "<time>",
            "How long connecting to a server may take.",
            "timeout connect 5s",
            timeout_connect,
        ),
    ),
    later(
        Feature::Logs,
        row(
            "timeout server",
            "<time>",
            "How long messages wait for a server.",
            "timeout server 10s",
            timeout_server,
        ),
    ),
    later(
        Feature::Logs,
        row(
            "server",
            "<name> <address>[:<port>] [<server option>]...",
            "Where the ring's messages are sent, by a stream.",
            "server syslog1 127.0.0.1:6514 log-proto octet-count",
            server,
        ),
    ),
];
