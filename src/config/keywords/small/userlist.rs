//! `userlist`.

use super::super::entry::supported;
use super::super::lenient::filled;
use crate::config::advice;
use crate::config::args::Args;
use crate::config::keyword::{Keyword, Parse};
use crate::config::plan::{Given, Group, Password, Secret, User, Userlist};
use crate::config::section::Sections;
use crate::config::source::Span;

/// `one,two`; empty names are none.
fn names(args: &mut Args<'_>, list: &mut Vec<Given<Box<str>>>) {
    let Some(word) = args.take() else { return };
    let mut start = 0;
    for name in word.split(',') {
        let name = word.cut(start..start + name.len());
        start += name.len() + 1;
        if !name.is_empty() {
            list.push(Given { span: name.span, value: name.text });
        }
    }
}

fn double(args: &mut Args<'_>, what: &str, name: &Given<Box<str>>, earlier: Span) {
    args.report
        .advise(&advice::DUPLICATE, name.span, format!("the {what} `{}` stands above", name.value))
        .label("this line is ignored")
        .also(earlier, "this one holds");
}

fn user(args: &mut Args<'_>, list: &mut Userlist) {
    let Some(name) = filled(args, "a name") else { return };
    let (mut password, mut groups) = (None, Vec::new());
    while let Some(option) = args.take() {
        let make: fn(Secret) -> Password = match &*option.text {
            "password" => Password::Hashed,
            "insecure-password" => Password::Plain,
            "groups" => {
                names(args, &mut groups);
                continue;
            }
            _ => {
                args.unknown(option, "an option", ["groups", "insecure-password", "password"]);
                return;
            }
        };
        let Some(text) = args.text("a password") else { return };
        password = Some(Given { value: make(Secret(text.value)), span: text.span });
    }
    match list.users.iter().find(|user| *user.name == *name) {
        Some(earlier) => double(args, "user", &name, earlier.name.span),
        None => list.users.push(User { name, password, groups }),
    }
}

fn group(args: &mut Args<'_>, list: &mut Userlist) {
    let Some(name) = filled(args, "a name") else { return };
    let mut users = Vec::new();
    while let Some(option) = args.take() {
        match &*option.text {
            "users" => names(args, &mut users),
            _ => {
                args.unknown(option, "an option", ["users"]);
                return;
            }
        }
    }
    match list.groups.iter().find(|group| *group.name == *name) {
        Some(earlier) => double(args, "group", &name, earlier.name.span),
        None => list.groups.push(Group { name, users }),
    }
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    supported(
        Sections::USERLIST,
        "user",
        "<name> [password <hash> | insecure-password <password>] [groups <group>[,<group>]...]",
        "A user, the password (hashed as crypt(3) does, or plain), and groups.",
        "user tiger password $5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1",
        Parse::Userlist(user),
    ),
    supported(
        Sections::USERLIST,
        "group",
        "<name> [users <user>[,<user>]...]",
        "A group, and users that belong to it.",
        "group admins",
        Parse::Userlist(group),
    ),
];
