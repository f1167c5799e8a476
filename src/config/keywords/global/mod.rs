//! The keywords of `global` (HAProxy 3.0, configuration.txt §3.1 to §3.3 and §3.11), by theme.

pub mod idle;
pub mod log;
pub mod process;
pub mod refused;
pub mod threads;
pub mod tls;
pub mod tuning;

use crate::config::args::{Args, Negation};
use crate::config::plan::{Account, Given};

use super::lenient::filled;

/// The largest number that HAProxy keeps in an `int`.
const INT_MAX: u32 = i32::MAX.unsigned_abs();

/// `on` or `off`.
fn on_off(args: &mut Args<'_>) -> Option<Given<bool>> {
    args.one_of("`on` or `off`", &[("on", true), ("off", false)])
}

/// A number from zero.
fn number(args: &mut Args<'_>) -> Option<Given<u32>> {
    args.number("a number", 0..=INT_MAX)
}

/// Whether a keyword stands without `no`.
fn wanted(args: &Args<'_>) -> Given<bool> {
    Given { value: args.negation != Negation::No, span: args.line.span }
}

/// The name of a user or group.
fn account_name(args: &mut Args<'_>, expected: &str) -> Option<Given<Account>> {
    let name = filled(args, expected)?;
    Some(Given { value: Account::Name(name.value), span: name.span })
}

/// The number of a user or group.
fn account_id(args: &mut Args<'_>, expected: &str) -> Option<Given<Account>> {
    let id = args.number(expected, 0..=u32::MAX)?;
    Some(Given { value: Account::Id(id.value), span: id.span })
}
