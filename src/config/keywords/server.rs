//! `server`, `default-server`, `server-template` (HAProxy 3.0, configuration.txt §4.2).
//!
//! A `server` line starts from a copy of what `default-server` said before it. What needs the whole
//! proxy or other sections (names that are taken, ports of checks, whom `track` means) is checked by
//! [`crate::config::line_checks`].

use std::sync::Arc;

use super::option::pieces;
use super::server_options::{self, Target};
use crate::config::address::Allowed;
use crate::config::args::{Args, shown};
use crate::config::keyword::{Keyword, Parse, Prefix, Status};
use crate::config::plan::{Endpoint, Given, Proxy, Server, ServerSettings};
use crate::config::section::Sections;
use crate::config::source::Span;
use crate::config::word::Word;

/// How many servers one `server-template` makes at most. HAProxy has no limit, and needs minutes for
/// a million.
pub const TEMPLATE_MAX: u32 = 10_000;

fn server(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = name(args, "a name") else { return };
    let Some(endpoint) = endpoint(args) else { return };
    let mut settings = proxy.default_server.clone();
    let Target { id, guid, .. } = options(args, &mut settings, false);
    let Some(endpoint) = endpoint.value else { return };
    let name = Given { value: name.text.clone(), span: name.span };
    let (span, settings) = (args.line.span, Arc::new(settings));
    proxy.servers.push(Server { name, span, endpoint, id, guid, template: None, settings });
}

fn default_server(args: &mut Args<'_>, proxy: &mut Proxy) {
    options(args, &mut proxy.default_server, true);
}

fn server_template(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(prefix) = name(args, "a prefix") else { return };
    let Some(numbers) = args.word("a number or a range") else { return };
    let range = range(args, numbers);
    let Some(endpoint) = endpoint(args) else { return };
    let mut settings = proxy.default_server.clone();
    let Target { id, guid, .. } = options(args, &mut settings, false);
    let (Some((first, last)), Some(endpoint)) = (range, endpoint.value) else { return };
    let settings = Arc::new(settings);
    for number in first..=last {
        let name = format!("{}{number}", &prefix.text).into();
        let only_first = number == first;
        proxy.servers.push(Server {
            name: Given { value: name, span: prefix.span },
            span: args.line.span,
            endpoint: endpoint.clone(),
            id: id.filter(|_| only_first),
            guid: guid.clone().filter(|_| only_first),
            template: Some(number - first),
            settings: Arc::clone(&settings),
        });
    }
}

fn options<'s>(args: &mut Args<'_>, settings: &'s mut ServerSettings, default: bool) -> Target<'s> {
    let mut target = Target::new(settings, default);
    server_options::read(args, &mut target);
    target
}

/// The name, checked; a faulty one is reported, and the line read all the same.
fn name<'a>(args: &mut Args<'a>, expected: &str) -> Option<&'a Word> {
    let word = args.word(expected)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if let Some((at, c)) = word.char_indices().find(|&(_, c)| !legal(c)) {
        let span = word.part(at..at + c.len_utf8());
        args.error(span, format!("{c:?} cannot stand in the name of a server"))
            .label("names are made of letters, digits, and - _ . :");
    } else if word.is_empty() {
        args.error(word.span, "the name is empty").label(format!("expected {expected}"));
    }
    Some(word)
}

/// What came of an address.
struct Address {
    /// `None` if it was faulty, which is reported.
    value: Option<Given<Endpoint>>,
}

/// The address; `None` if there is none, so that there can be no options either.
fn endpoint(args: &mut Args<'_>) -> Option<Address> {
    let word = args.word("an address")?;
    Some(Address { value: args.address(word, &Allowed::SERVER) })
}

/// `<number>` or `<first>-<last>`.
fn range(args: &mut Args<'_>, word: &Word) -> Option<(u32, u32)> {
    let number = |word: &Word| {
        let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse::<u32>().ok().filter(|_| digits)
    };
    let pieces = pieces(word, '-');
    let found = match &pieces[..] {
        [count] => number(count).filter(|count| *count > 0).map(|count| (1, count)),
        [first, last] => number(first).zip(number(last)).filter(|(first, last)| first <= last),
        _ => None,
    };
    let Some((first, last)) = found else {
        args.error(word.span, format!("`{}` is not a number of servers", shown(word)))
            .label("expected a number, or a range like 1-3");
        return None;
    };
    if last - first >= TEMPLATE_MAX {
        too_many(args, word.span);
        return None;
    }
    Some((first, last))
}

fn too_many(args: &mut Args<'_>, span: Span) {
    args.error(span, format!("more than {TEMPLATE_MAX} servers"))
        .label(format!("a template makes at most {TEMPLATE_MAX}"))
        .help("divide them among several backends");
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    Keyword {
        name: "server",
        sections: Sections::BACKS,
        status: Status::Supported,
        prefix: Prefix::None,
        syntax: "<name> <address>[:<port>] [<option>]...",
        about: "A server; see `koi help server` for options.",
        example: "server web1 192.0.2.1:80 check",
        parse: Parse::Proxy(server),
    },
    Keyword {
        name: "default-server",
        sections: Sections::DEFAULTS.or(Sections::BACKS),
        status: Status::Supported,
        prefix: Prefix::None,
        syntax: "[<option>]...",
        about: "Options of the `server` lines that follow.",
        example: "default-server inter 3s rise 2 fall 3",
        parse: Parse::Proxy(default_server),
    },
    Keyword {
        name: "server-template",
        sections: Sections::BACKS,
        status: Status::Supported,
        prefix: Prefix::None,
        syntax: "<prefix> <number>[-<number>] <address>[:<port>] [<option>]...",
        about: "Several servers of one address, named by a prefix and a number.",
        example: "server-template web 3 app.example:80 check",
        parse: Parse::Proxy(server_template),
    },
];
