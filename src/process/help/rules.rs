//! Entries of `koi help` for what rules are made of.

use super::{status, wrap};
use crate::rules::action::ActionEntry;
use crate::rules::arg::{Param, signature};
use crate::rules::convert::Converter;
use crate::rules::fetch::Fetch;
use crate::rules::fetch::acl_names::AclName;

/// `name(a[,b])`.
fn called(name: &str, params: &[Param]) -> String {
    match params {
        [] => name.to_owned(),
        params => format!("{name}({})", signature(params)),
    }
}

/// A fetch.
pub fn fetch(fetch: &Fetch) -> String {
    format!(
        "{}\n{}  gives:   {}\n  known:   {}\n{}  example: {}\n",
        called(fetch.name, fetch.params),
        wrap(fetch.about),
        fetch.output,
        fetch.known().trim_start_matches("it is known "),
        status(fetch.status),
        fetch.example
    )
}

/// A name that only ACLs have.
pub fn acl_name(name: &AclName) -> String {
    format!("{}\n  In ACLs: `{}` compared by `-m {}`.\n", name.name, name.fetch, name.method.name())
}

/// A converter.
pub fn converter(converter: &Converter) -> String {
    format!(
        "{}\n{}  takes:   {}\n  gives:   {}\n{}  example: {}\n",
        called(converter.name, converter.params),
        wrap(converter.about),
        converter.input,
        converter.output,
        status(converter.status),
        converter.example
    )
}

/// An action.
pub fn action(action: &ActionEntry) -> String {
    let rulesets: Vec<&str> = action.rulesets.iter().map(|ruleset| ruleset.keyword()).collect();
    let glue = if action.syntax.starts_with('(') { "" } else { " " };
    format!(
        "{}{glue}{}\n{}  in:      {}\n{}  example: {} {}\n",
        action.name,
        action.syntax,
        wrap(action.about),
        rulesets.join(", "),
        status(action.status),
        rulesets.first().copied().unwrap_or_default(),
        action.example
    )
}
