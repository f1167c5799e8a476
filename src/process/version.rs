//! `koi -v` and `koi -vv`.

use crate::config::LANGUAGE_BRANCH;
use crate::config::keyword::{Feature, Status};
use crate::config::keywords;

/// One line.
pub fn short() -> String {
    format!(
        "Koi version {} - HAProxy's configuration language, version {LANGUAGE_BRANCH}\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// And what is built in, and what is not yet.
pub fn long() -> String {
    let count = |wanted: fn(Status) -> bool| {
        keywords::all().filter(|keyword| wanted(keyword.status)).count()
    };
    let mut out = short();
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    out.push_str(&format!(
        "built for {} on {}, {profile}\n\n",
        std::env::consts::OS,
        std::env::consts::ARCH
    ));
    out.push_str(&format!(
        "keywords: {} known: {} supported, {} read and checked but not built yet, {} without \
         effect, {} refused\n",
        keywords::all().count(),
        count(|status| status == Status::Supported),
        count(|status| matches!(status, Status::Later(_))),
        count(|status| matches!(status, Status::NoEffect(_))),
        count(|status| matches!(status, Status::Refused { .. })),
    ));
    out.push_str("not built yet:\n");
    for feature in Feature::ALL {
        out.push_str(&format!("  {}\n", feature.words()));
    }
    out
}
