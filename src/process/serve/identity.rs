//! Who the process becomes once everything that needs privileges is done.

use super::accounts;
use crate::config::plan::{self, Given, Plan};
use crate::config::report::Report;
use crate::log;
use koi_sys::guard::{self, Capability, Identity, IdentityError};

/// The user and group that the plan wants. Those that do not exist go to the report.
///
/// A user without a group brings the user's own one. (HAProxy would stay in the group that started
/// it, which is mostly the superuser's.)
pub fn wanted(plan: &Plan, report: &mut Report) -> Identity {
    let process = &plan.global.process;
    let user = process.user.as_ref().and_then(|user| accounts::user(user, report));
    let group = process.group.as_ref().and_then(|group| accounts::group(group, report));
    let own = user.and_then(|user| user.gid).filter(|_| guard::is_superuser());
    Identity {
        uid: user.map(|user| user.uid),
        gid: group.or(own.filter(|_| process.group.is_none())),
        capabilities: process.capabilities.iter().map(|it| capability(it.value)).collect(),
    }
}

fn capability(wanted: plan::Capability) -> Capability {
    match wanted {
        plan::Capability::NetRaw => Capability::NetRaw,
        plan::Capability::NetAdmin => Capability::NetAdmin,
        plan::Capability::NetBindService => Capability::NetBindService,
        plan::Capability::SysAdmin => Capability::SysAdmin,
    }
}

/// Shuts the process into its folder and gives privileges up. What cannot be done goes to the report.
pub fn assume(plan: &Plan, identity: &Identity, report: &mut Report) {
    let process = &plan.global.process;
    if let Some(Given { value: folder, span }) = &process.chroot
        && let Err(error) = guard::chroot(folder)
    {
        let told = report.error(*span, format!("cannot chroot to `{folder}`: {error}"));
        told.label("not possible");
        told.help(if guard::is_superuser() {
            "make the folder (empty, and the superuser's own), or remove the line"
        } else {
            "only the superuser may; start as root and let `user` give the privilege up"
        });
        return;
    }
    if process.chroot.is_some() && identity.uid.is_none_or(|uid| uid == 0) && guard::is_superuser()
    {
        log::warning(format_args!("`chroot` without `user` and `group`: root finds ways out"));
    }
    if let Err(error) = guard::become_user(identity) {
        let group = process.group.as_ref().map(|it| it.span);
        let user = process.user.as_ref().map(|it| it.span);
        let span = match error {
            IdentityError::Denied(guard::Step::Group)
            | IdentityError::Unexpected(guard::Step::Group, _) => group.or(user),
            _ => user.or(group),
        };
        let told = match span {
            Some(span) => report.error(span, error.to_string()),
            None => report.error_nowhere(error.to_string()),
        };
        told.label("asked for here");
        told.help("start as root, or as this user and group, or remove the line");
        return;
    }
    guard::gain_nothing_by_programs();
}
