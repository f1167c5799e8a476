//! Entries of `koi help` for the options of `bind` and `server`.

use super::{status, wrap};
use crate::config::keyword::Status;
use crate::config::keywords::bind_options::BindOption;
use crate::config::keywords::server_options::ServerOption;

/// An option of `bind` and of `stats socket`.
pub fn bind_option(option: &BindOption) -> String {
    let BindOption { name, syntax, about, example, .. } = *option;
    entry(name, syntax, about, "bind, stats socket", option.status, "bind :80", example)
}

/// An option of `server` and its relatives.
pub fn server_option(option: &ServerOption) -> String {
    let ServerOption { name, syntax, about, example, .. } = *option;
    let lines = match option.in_default {
        true => "server, server-template, default-server",
        false => "server, server-template",
    };
    entry(name, syntax, about, lines, option.status, "server s 192.0.2.1:80", example)
}

fn entry(
    name: &str,
    syntax: &str,
    about: &str,
    lines: &str,
    of: Status,
    before: &str,
    example: &str,
) -> String {
    let glue = if syntax.is_empty() || syntax.starts_with('(') { "" } else { " " };
    format!(
        "{name}{glue}{syntax}\n{}  in:      {lines}\n{}  example: {before} {example}\n",
        wrap(about),
        status(of)
    )
}
