//! `cache`.

use super::super::entry::{later, supported};
use super::super::lenient::last;
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword, Parse};
use crate::config::plan::Cache;
use crate::config::section::Sections;

/// The largest cache, in megabytes: one that 32 bits can address.
const SIZE_MAX: u32 = 4095;

const fn row(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Cache),
) -> Keyword {
    let keyword = supported(Sections::CACHE, name, syntax, about, example, Parse::Cache(parse));
    later(Feature::Cache, keyword)
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "total-max-size",
        "<megabytes>",
        "How much the cache holds.",
        "total-max-size 4",
        |args, cache| last(&mut cache.size, args.number("a size", 1..=SIZE_MAX), args),
    ),
    row(
        "max-object-size",
        "<bytes>",
        "How large an answer may be that is kept; at most half of the cache.",
        "max-object-size 10000",
        |args, cache| last(&mut cache.object_size, args.number("a size", 0..=u32::MAX), args),
    ),
    row(
        "max-age",
        "<seconds>",
        "How long answers are kept at most.",
        "max-age 240",
        |args, cache| last(&mut cache.age, args.number("a number of seconds", 0..=u32::MAX), args),
    ),
    row(
        "process-vary",
        "{ on | off }",
        "Whether answers are kept that depend on headers of the request.",
        "process-vary on",
        |args, cache| {
            let vary = args.one_of("`on` or `off`", &[("on", true), ("off", false)]);
            last(&mut cache.vary, vary, args);
        },
    ),
    row(
        "max-secondary-entries",
        "<number>",
        "How many answers of one address are kept, where they depend on headers.",
        "max-secondary-entries 10",
        |args, cache| last(&mut cache.variants, args.number("a number", 1..=u32::MAX), args),
    ),
];
