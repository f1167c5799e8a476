//! Users and groups of the plan, as numbers.

use crate::config::plan::{Account, Given, Owner};
use crate::config::report::Report;
use crate::config::source::Span;
use koi_sys::guard;

/// The number of a user; one that does not exist goes to the report.
pub fn user(account: &Given<Account>, report: &mut Report) -> Option<guard::User> {
    match &account.value {
        Account::Id(number) => Some(guard::user_by_number(*number)),
        Account::Name(name) => named_user(name, account.span, report),
    }
}

/// The number of a group; one that does not exist goes to the report.
pub fn group(account: &Given<Account>, report: &mut Report) -> Option<u32> {
    match &account.value {
        Account::Id(number) => Some(*number),
        Account::Name(name) => named_group(name, account.span, report),
    }
}

/// The owner of a Unix socket: the bind's own, or else that of `unix-bind`.
pub fn owner(
    own: Option<&Given<Owner>>,
    default: Option<&Given<Account>>,
    report: &mut Report,
) -> Option<u32> {
    match own {
        None => default.and_then(|account| user(account, report)).map(|user| user.uid),
        Some(Given { value: Owner::Id(number), .. }) => Some(*number),
        Some(Given { value: Owner::Name(name), span }) => {
            named_user(name, *span, report).map(|user| user.uid)
        }
    }
}

/// The group of a Unix socket: the bind's own, or else that of `unix-bind`.
pub fn owning_group(
    own: Option<&Given<Owner>>,
    default: Option<&Given<Account>>,
    report: &mut Report,
) -> Option<u32> {
    match own {
        None => default.and_then(|account| group(account, report)),
        Some(Given { value: Owner::Id(number), .. }) => Some(*number),
        Some(Given { value: Owner::Name(name), span }) => named_group(name, *span, report),
    }
}

fn named_user(name: &str, span: Span, report: &mut Report) -> Option<guard::User> {
    let found = guard::user_by_name(name);
    if found.is_none() {
        report
            .error(span, format!("there is no user `{name}`"))
            .label("unknown to this system")
            .help("`getent passwd` lists the users");
    }
    found
}

fn named_group(name: &str, span: Span, report: &mut Report) -> Option<u32> {
    let found = guard::group_by_name(name);
    if found.is_none() {
        report
            .error(span, format!("there is no group `{name}`"))
            .label("unknown to this system")
            .help("`getent group` lists the groups");
    }
    found
}
