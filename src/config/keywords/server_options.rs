//! The options of `server`, `default-server` and `server-template` (HAProxy 3.0, configuration.txt
//! §5.2).
//!
//! In: the words behind the address. Out: fields of [`ServerSettings`]. [`read`] walks the words of a
//! line; every option is an entry of [`OPTIONS`].

use super::option::{Opt, skip_to_known};
use crate::config::advice;
use crate::config::args::{Args, shown};
use crate::config::keyword::Status;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Given, ServerSettings};
use crate::config::word::Word;

mod health;
mod naming;
mod proxy_protocol;
mod source;
mod table;
mod tls;

pub use table::OPTIONS;

/// One option.
pub struct ServerOption {
    /// Its word; for one with something in parentheses, what stands before them.
    pub name: &'static str,
    /// What Koi does with it.
    pub status: Status,
    /// How its values are written. Empty if it takes none.
    pub syntax: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// The option with its values: what may stand behind `server s 192.0.2.1:80`.
    pub example: &'static str,
    /// Whether `default-server` takes it; HAProxy warns there, and goes on without it.
    pub in_default: bool,
    /// Reads its values.
    pub parse: fn(&mut Opt<'_, '_>, &mut Target<'_>),
}

/// What a line's options go into.
pub struct Target<'s> {
    /// The settings that `default-server` has too.
    pub settings: &'s mut ServerSettings,
    /// `id`.
    pub id: Option<Given<u32>>,
    /// `guid`.
    pub guid: Option<Given<Box<str>>>,
    /// Whether the line is a `default-server`.
    pub default: bool,
}

impl<'s> Target<'s> {
    /// Nothing but settings.
    pub fn new(settings: &'s mut ServerSettings, default: bool) -> Target<'s> {
        Target { settings, id: None, guid: None, default }
    }
}

/// The option of this word.
pub fn find(word: &str) -> Option<&'static ServerOption> {
    let (name, parentheses) = match word.split_once('(') {
        Some((name, rest)) => (name, rest.ends_with(')')),
        None => (word, false),
    };
    let fits = |option: &&ServerOption| {
        option.name == name && (parentheses == option.syntax.starts_with('('))
    };
    OPTIONS.iter().find(fits)
}

/// Reads the options up to the end of the line.
pub fn read(args: &mut Args<'_>, target: &mut Target<'_>) {
    while let Some(word) = args.take() {
        let Some(option) = find(word) else {
            unknown(args, word, target.default);
            continue;
        };
        let mut opt = Opt { args, word, syntax: option.syntax };
        if target.default && !option.in_default {
            not_in_default(&mut opt);
        } else if opt.accept(option.status) {
            (option.parse)(&mut opt, target);
        } else if !option.syntax.is_empty() {
            opt.args.take();
        }
    }
}

fn not_in_default(opt: &mut Opt<'_, '_>) {
    if !opt.syntax.is_empty() {
        opt.args.take();
    }
    let (span, name) = (opt.span(), opt.name());
    opt.args
        .report
        .advise(&advice::NO_EFFECT, span, format!("`{name}` has no effect in `default-server`"))
        .help("write it on the `server` lines");
}

fn unknown(args: &mut Args<'_>, word: &Word, default: bool) {
    let near = did_you_mean(&nearest(word, OPTIONS.iter().map(|option| option.name)));
    let name = args.keyword.name;
    let fault = args.error(word.span, format!("`{}` is not an option of `{name}`", shown(word)));
    fault.label("expected an option");
    match near {
        Some(meant) => fault.help(meant),
        None if default => fault.help("`default-server` has options only, no name and no address"),
        None => fault.help("see `koi help server` for its options"),
    };
    skip_to_known(args, |word| find(word).is_some());
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
