//! The keywords of the small sections, a file each.

pub mod cache;
pub mod carp;
pub mod crt_store;
pub mod http_errors;
pub mod mailers;
pub mod peers;
pub mod refused;
pub mod resolvers;
pub mod ring;
pub mod userlist;

use crate::config::args::Args;
use crate::config::plan::Given;

use super::lenient::filled;

/// A name that HAProxy takes: letters, digits, and `-_.:`.
fn name(args: &mut Args<'_>, expected: &str) -> Option<Given<Box<str>>> {
    let at = args.next;
    let name = filled(args, expected)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let (Some(bad), Some(word)) = (name.value.find(|c| !legal(c)), args.line.words.get(at)) else {
        return Some(name);
    };
    let bad_char = name.value[bad..].chars().next().unwrap_or(' ');
    args.error(
        word.part(bad..bad + bad_char.len_utf8()),
        format!("{bad_char:?} cannot stand in a name"),
    )
    .label("names are made of letters, digits, and - _ . :");
    None
}
