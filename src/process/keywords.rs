//! `koi -dK`: the words of the language, class by class, one a line, so that lists can be compared.

use crate::config::keyword::Status;
use crate::config::keywords::{self, bind_options, server_options};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::section::Section;
use crate::rules::arg::signature;
use crate::rules::fetch::acl_names;
use crate::rules::{convert, fetch};

/// A class of words, named as HAProxy names it.
struct Class {
    name: &'static str,
    about: &'static str,
    list: fn(&mut String),
}

/// The classes. One whose words are not built yet lists nothing, and says so.
const CLASSES: &[Class] = &[
    Class { name: "acl", about: "ACL keywords", list: acl_names },
    Class { name: "bind-option", about: "options of bind", list: bind_options },
    Class { name: "cfg", about: "configuration keywords", list: configuration },
    Class { name: "cli", about: "commands of the runtime socket", list: nothing },
    Class { name: "cnv", about: "converters", list: converters },
    Class { name: "flt", about: "filters", list: nothing },
    Class { name: "server-option", about: "options of server", list: server_options },
    Class { name: "smp", about: "sample fetches", list: fetches },
    Class { name: "svc", about: "services", list: nothing },
];

/// The lists of these classes, divided by commas: names, `all`, or `help` for the names.
///
/// # Errors
/// Which class there is not.
pub fn list(classes: &str) -> Result<String, String> {
    let mut out = String::new();
    for name in classes.split(',').filter(|name| !name.is_empty()) {
        let before = out.len();
        for class in CLASSES.iter().filter(|class| name == "all" || name == class.name) {
            out.push_str(&format!("# List of {}:\n", class.about));
            (class.list)(&mut out);
        }
        if name == "help" {
            help(&mut out);
        } else if out.len() == before {
            let names = CLASSES.iter().map(|class| class.name).chain(["all", "help"]);
            let near = did_you_mean(&nearest(name, names));
            let help = near.unwrap_or_else(|| "-dKhelp lists the classes".to_owned());
            return Err(format!("-dK: there is no class `{name}`; {help}"));
        }
    }
    if classes.is_empty() {
        help(&mut out);
    }
    Ok(out)
}

fn help(out: &mut String) {
    out.push_str("# The classes:\nall: every class\n");
    for class in CLASSES {
        out.push_str(&format!("{}: {}\n", class.name, class.about));
    }
}

fn nothing(out: &mut String) {
    out.push_str("# (none in this build)\n");
}

fn acl_names(out: &mut String) {
    for name in acl_names::all() {
        out.push_str(&format!("{} = {} -m {}\n", name.name, name.fetch, name.method.name()));
    }
}

fn fetches(out: &mut String) {
    let known = fetch::all().filter(|fetch| !matches!(fetch.status, Status::Refused { .. }));
    for fetch in known {
        let params = signature(fetch.params);
        let params = if params.is_empty() { params } else { format!("({params})") };
        out.push_str(&format!("{}{params}: {}\n", fetch.name, fetch.output));
    }
}

fn converters(out: &mut String) {
    let known = convert::all().filter(|it| !matches!(it.status, Status::Refused { .. }));
    for it in known {
        let params = signature(it.params);
        let params = if params.is_empty() { params } else { format!("({params})") };
        out.push_str(&format!("{}{params}: {} => {}\n", it.name, it.output, it.input));
    }
}

fn bind_options(out: &mut String) {
    for option in bind_options::OPTIONS {
        one_option("bind <addr>", option.name, option.syntax, option.status, out);
    }
}

fn server_options(out: &mut String) {
    for option in server_options::OPTIONS {
        one_option("server <name> <addr>", option.name, option.syntax, option.status, out);
    }
}

/// A line for an option, unless it is refused.
fn one_option(before: &str, name: &str, syntax: &str, status: Status, out: &mut String) {
    if !matches!(status, Status::Refused { .. }) {
        let glue = if syntax.is_empty() || syntax.starts_with('(') { "" } else { " " };
        out.push_str(&format!("{before} {name}{glue}{syntax}\n"));
    }
}

/// Section by section, what may stand in it; what is refused is left out.
fn configuration(out: &mut String) {
    for &section in Section::ALL {
        let legal = keywords::all().filter(|keyword| keyword.legal_in(section));
        let known = legal.filter(|keyword| !matches!(keyword.status, Status::Refused { .. }));
        let mut names: Vec<&str> = known.map(|keyword| keyword.name).collect();
        names.sort_unstable();
        out.push_str(&format!("{}\n", section.word()));
        for name in names {
            out.push_str(&format!("\t{name}\n"));
        }
    }
}
