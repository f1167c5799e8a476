//! Keywords of sections that Koi does not have. The header of such a section is the error; its lines
//! say nothing more.

use super::super::entry::refused;
use crate::config::keyword::{Keyword, Parse, Prefix, Status};
use crate::config::section::Sections;

const NO_RELAY: &str = "Koi relays no log messages";
const RELAY: &str = "let a syslog daemon relay messages";
const NO_FCGI: &str = "Koi does not speak FastCGI";
const FCGI: &str = "put a web server that speaks FastCGI behind Koi";
const NO_PROGRAM: &str = "Koi runs no other programs";
const PROGRAM: &str = "let the system's service manager run it";
const NO_TRACE: &str = "traces show the inside of HAProxy";
const TRACE: &str = "remove it";

const fn relay(name: &'static str, syntax: &'static str, example: &'static str) -> Keyword {
    let about = "A setting of a relay of log messages.";
    refused(Sections::LOG_FORWARD, name, NO_RELAY, RELAY, syntax, about, example)
}

const fn fcgi(name: &'static str, syntax: &'static str, example: &'static str) -> Keyword {
    let about = "A setting for FastCGI applications.";
    refused(Sections::FCGI_APP, name, NO_FCGI, FCGI, syntax, about, example)
}

const fn program(name: &'static str, syntax: &'static str, example: &'static str) -> Keyword {
    let about = "A setting of a program to run.";
    refused(Sections::PROGRAM, name, NO_PROGRAM, PROGRAM, syntax, about, example)
}

/// An option of such a section, which `no` may stand before.
const fn option(keyword: Keyword) -> Keyword {
    Keyword { prefix: Prefix::No, ..keyword }
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    relay("backlog", "<number>", "backlog 100"),
    relay("bind", "<address> [<bind option>]...", "bind 127.0.0.1:1514"),
    relay("dgram-bind", "<address> [<bind option>]...", "dgram-bind 127.0.0.1:1514"),
    relay("log", super::super::log_line::SYNTAX, "log 127.0.0.1:514 local0"),
    relay("maxconn", "<number>", "maxconn 10"),
    relay("timeout client", "<time>", "timeout client 10s"),
    fcgi("acl", "<name> <expression>", "acl is_php path_end .php"),
    fcgi("docroot", "<folder>", "docroot /var/www"),
    fcgi("index", "<file>", "index index.php"),
    fcgi("log-stderr", "<target> ...", "log-stderr 127.0.0.1:514 local0"),
    option(fcgi("option get-values", "", "option get-values")),
    option(fcgi("option keep-conn", "", "option keep-conn")),
    option(fcgi("option max-reqs", "<number>", "option max-reqs 10")),
    option(fcgi("option mpxs-conns", "", "option mpxs-conns")),
    fcgi("pass-header", "<name> [{ if | unless } <condition>]", "pass-header X-User"),
    fcgi("path-info", "<regex>", "path-info ^(/.+\\.php)(/.*)?$"),
    fcgi("set-param", "<name> <format> [{ if | unless } <condition>]", "set-param A b"),
    program("command", "<program> [<argument>]...", "command /usr/local/bin/exporter"),
    program("user", "<name>", "user www"),
    program("group", "<name>", "group www"),
    option(program("option start-on-reload", "", "option start-on-reload")),
    Keyword {
        name: "trace",
        sections: Sections::TRACES,
        status: Status::Refused { why: NO_TRACE, instead: TRACE },
        prefix: Prefix::None,
        syntax: "<argument>...",
        about: "Switches traces on.",
        example: "trace h2 sink buf0",
        parse: Parse::Any,
    },
];
