//! `mailers`.

use super::super::entry::{later, supported};
use super::super::lenient::{extra_words, last};
use super::name;
use crate::config::address::Allowed;
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword, Parse};
use crate::config::plan::{Mailer, Mailers};
use crate::config::section::Sections;

fn mailer(args: &mut Args<'_>, mailers: &mut Mailers) {
    let Some(name) = name(args, "a name and an address") else { return };
    let Some(word) = args.word("an address") else { return };
    let Some(at) = args.address(word, &Allowed::MAILER) else { return };
    mailers.mailers.push(Mailer { name, at });
    extra_words(args);
}

fn timeout(args: &mut Args<'_>, mailers: &mut Mailers) {
    last(&mut mailers.timeout, args.time("a time"), args);
    extra_words(args);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    later(
        Feature::Mail,
        supported(
            Sections::MAILERS,
            "mailer",
            "<name> <address>:<port>",
            "A mail server to hand alerts to.",
            "mailer smtp1 192.0.2.25:587",
            Parse::Mailers(mailer),
        ),
    ),
    later(
        Feature::Mail,
        supported(
            Sections::MAILERS,
            "timeout mail",
            "<time>",
            "How long handing over an alert may take.",
            "timeout mail 20s",
            Parse::Mailers(timeout),
        ),
    ),
];
