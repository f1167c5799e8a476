//! HAProxy's configuration language: text in, [`plan::Plan`] out (its 3.0 manual is the definition).
//!
//! `source` holds the text, `tokenize` cuts lines into words, `condition` decides `.if`, `read` walks
//! the lines and hands each to the function of its entry in `keywords`, which fills the `plan`;
//! `resolve` joins names and checks across sections. Faults and advice go into a `report`, which
//! `render` prints.
//!
//! Nothing here knows what an expression means: rules stay words until the `rules` room compiles
//! them.

pub mod across;
pub mod address;
pub mod advice;
pub mod args;
pub mod condition;
pub mod content;
pub mod crt_list;
pub mod environment;
pub mod files;
pub mod finish;
pub mod keyword;
pub mod keywords;
pub mod line_checks;
pub mod links;
pub mod lint;
pub mod look_alike;
pub mod nearest;
pub mod plan;
pub mod read;
pub mod render;
pub mod report;
pub mod resolve;
pub mod section;
pub mod source;
pub mod succession;
pub mod tls_names;
pub mod tokenize;
pub mod value;
pub mod word;

/// The release of HAProxy whose language this is: what `version_atleast(...)` compares with.
///
/// Only "3.0" is the language; the last number says which release's verdicts Koi's are compared with,
/// so that a file that works around an older release's fault takes the right branch.
pub const LANGUAGE_VERSION: &str = "3.0.11";

/// The language's version without the release ($HAPROXY_BRANCH).
pub const LANGUAGE_BRANCH: &str = "3.0";
