//! Table entries, one constructor for each of the things that can become of a keyword.

use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword, Parse, Prefix, Status};
use crate::config::plan::Global;
use crate::config::section::Sections;

/// A keyword that does what the manual says.
pub const fn supported(
    sections: Sections,
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: Parse,
) -> Keyword {
    let (status, prefix) = (Status::Supported, Prefix::None);
    Keyword { name, sections, status, prefix, syntax, about, example, parse }
}

/// The same, of `global`.
pub const fn global(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Global),
) -> Keyword {
    supported(Sections::GLOBAL, name, syntax, about, example, Parse::Global(parse))
}

/// A keyword that will do what the manual says.
pub const fn later(feature: Feature, keyword: Keyword) -> Keyword {
    Keyword { status: Status::Later(feature), ..keyword }
}

/// A keyword of `global` without effect.
pub const fn idle(
    name: &'static str,
    why: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: Parse,
) -> Keyword {
    let keyword = supported(Sections::GLOBAL, name, syntax, about, example, parse);
    Keyword { status: Status::NoEffect(why), ..keyword }
}

/// A keyword that is an error.
pub const fn refused(
    sections: Sections,
    name: &'static str,
    why: &'static str,
    instead: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
) -> Keyword {
    let keyword = supported(sections, name, syntax, about, example, Parse::Any);
    Keyword { status: Status::Refused { why, instead }, ..keyword }
}

/// A keyword that may stand behind `no`.
pub const fn with_no(keyword: Keyword) -> Keyword {
    Keyword { prefix: Prefix::No, ..keyword }
}
