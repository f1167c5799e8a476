//! `bind`: what a frontend listens on (HAProxy 3.0, configuration.txt §4.2).

use super::bind_options;
use crate::config::address::Allowed;
use crate::config::args::Args;
use crate::config::keyword::{Keyword, Parse, Prefix, Status};
use crate::config::plan::{Bind, Proxy};
use crate::config::section::Sections;

/// Reads addresses and options: the words behind `bind`, or behind `stats socket`. The line's other
/// limits (one socket for an `id`, a certificate for `ssl`) are checked by
/// [`crate::config::line_checks`]. `None` if the address is missing.
pub fn read(args: &mut Args<'_>) -> Option<Bind> {
    read_from(args, Bind::default())
}

/// The same, where `default-bind` gave options before.
pub fn read_from(args: &mut Args<'_>, default: Bind) -> Option<Bind> {
    let expected = "an address";
    let word = args.word(expected)?;
    if word.is_empty() {
        args.error(word.span, "the address is empty")
            .label("expected an address and a port")
            .help(format!("write it like {}", Allowed::BIND.example));
        args.rest();
        return None;
    }
    let endpoints = args.addresses(word, &Allowed::BIND);
    let mut bind = Bind { span: args.line.span, endpoints, ..default };
    bind_options::read(args, &mut bind);
    Some(bind)
}

fn bind(args: &mut Args<'_>, proxy: &mut Proxy) {
    if let Some(bind) = read(args) {
        proxy.binds.push(bind);
    }
}

/// In a `backend`, which HAProxy only warns about.
fn ignored(args: &mut Args<'_>) {
    read(args);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    Keyword {
        name: "bind",
        sections: Sections::FRONTS,
        status: Status::Supported,
        prefix: Prefix::None,
        syntax: "[<address>]:<port>[-<port>][,...] [<option>]...",
        about: "Listens on addresses and ports, or on a Unix socket; see `koi help bind` for options.",
        example: "bind :443 ssl crt /usr/local/etc/ssl/example.net.pem alpn h2,http/1.1",
        parse: Parse::Proxy(bind),
    },
    Keyword {
        name: "bind",
        sections: Sections::BACKEND,
        status: Status::NoEffect("clients do not connect to a backend"),
        prefix: Prefix::None,
        syntax: "[<address>]:<port>[-<port>][,...] [<option>]...",
        about: "Read past: a backend does not listen.",
        example: "bind :80",
        parse: Parse::Check(ignored),
    },
];
