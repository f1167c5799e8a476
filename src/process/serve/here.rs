//! `koi -c --here`: what a start would need on this machine, tried without starting.
//!
//! In: a configuration without errors. Out: what would fail, at the words that ask for it. Ports are
//! opened one after the other, without sharing, and closed again: one that a running process holds is
//! told of. Unix sockets do not take their names from one. Nobody is sent a byte.

use std::path::Path;

use super::address::Names;
use super::{command_sockets, identity, limits, ports, prepare, workers};
use crate::config::plan::{Given, Plan};
use crate::config::report::Report;
use crate::config::source::Disk;
use crate::worker::ListenOptions;
use koi_sys::guard;

/// Tries it.
pub fn rehearse(plan: &mut Plan, report: &mut Report) {
    let workers = workers::group_config(&plan.global.process).workers;
    limits::settle(plan, workers, report);
    let names = &mut Names::default();
    let mut wanted = ports::wanted(plan, names, report);
    wanted.extend(command_sockets::wanted(plan, names, report));
    drop(prepare::destinations(plan, names, report));
    drop(prepare::binds_tls(plan, &Disk, report));
    drop(prepare::log_targets(plan, report));
    for mut wanted in wanted {
        wanted.options = ListenOptions { reuse_port: false, ..wanted.options };
        if let Err(fault) = ports::open(&wanted, 1) {
            ports::tell(&wanted, fault, report);
        }
    }
    privileges(plan, report);
}

/// Users, groups, the `chroot`, and whether they can be had.
fn privileges(plan: &Plan, report: &mut Report) {
    let process = &plan.global.process;
    let identity = identity::wanted(plan, report);
    if let Some(Given { value: folder, span }) = &process.chroot {
        if !Path::new(&**folder).is_dir() {
            let told = report.error(*span, format!("the folder `{folder}` does not exist"));
            told.label("no such folder").help("make it: empty, and the superuser's own");
        } else if !guard::is_superuser() {
            let told = report.error(*span, "only the superuser may chroot".to_owned());
            told.label("not possible for this user").help("start as root, or remove the line");
        }
    }
    let user = process.user.as_ref().map(|it| it.span).zip(identity.uid);
    let group = process.group.as_ref().map(|it| it.span).zip(identity.gid);
    let (uid, gid) = guard::user_and_group();
    for (wanted, mine, what) in [(user, uid, "user"), (group, gid, "group")] {
        if let Some((span, number)) = wanted
            && number != mine
            && !guard::is_superuser()
        {
            let told = report.error(span, format!("only the superuser may become another {what}"));
            told.label("not possible for this user").help("start as root, or remove the line");
        }
    }
}
