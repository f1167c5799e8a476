//! Lists of certificates: `show`, `add` and `del ssl crt-list`.
//!
//! In: a list's name, a line of it. Out: every bind that names the list loads its certificates by the changed
//! list, or none does. A line that goes leaves an empty one, so that the others keep their numbers. The file
//! is not written; once it changes on the disk, it counts again.

use std::sync::Arc;

use super::certificates::{binds, files, said};
use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::config::crt_list::{self, Entry};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::CommandLevel;
use crate::tls::{BindTls, replace};

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "show ssl crt-list",
        usage: "[-n] [<list>]",
        about: "show the list of crt-lists or the content of a crt-list file <list>",
        level: CommandLevel::Operator,
        run: show,
    },
    Command {
        name: "add ssl crt-list",
        usage: "<list> <cert> [opts]*",
        about: "add to crt-list file <list> a line <cert> or a payload",
        level: CommandLevel::Admin,
        run: |call, _| match add(call) {
            Ok(text) => Answer::Text(text),
            Err(why) => Answer::error(why),
        },
    },
    Command {
        name: "del ssl crt-list",
        usage: "<list> <cert[:line]>",
        about: "delete a line <cert> from crt-list file <list>",
        level: CommandLevel::Admin,
        run: |call, _| said(delete(call)),
    },
];

/// The binds that name a list.
fn users<'c>(call: &'c Call, list: &'c str) -> impl Iterator<Item = &'c Arc<BindTls>> {
    binds(call).filter(move |bind| bind.lists().any(|it| it == list))
}

/// What a list holds now.
fn content(bind: &BindTls, list: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&bind.content(list)?).into_owned())
}

fn show(call: &mut Call, _: &mut Session) -> Answer {
    let mut lists: Vec<&str> = binds(call).flat_map(|bind| bind.lists()).collect();
    lists.sort_unstable();
    lists.dedup();
    let numbered = call.word(0) == Some("-n");
    let Some(wanted) = call.word(usize::from(numbered)) else {
        return match numbered {
            true => Answer::error("'show ssl crt-list -n' expects a filename or a directory"),
            false => Answer::Text(lists.iter().map(|list| format!("{list}\n")).collect()),
        };
    };
    let Some(content) = users(call, wanted).find_map(|bind| content(bind, wanted)) else {
        return Answer::error("didn't find the specified filename");
    };
    let lines = content.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let shown = lines.map(|(number, line)| match (numbered, line.split_once([' ', '\t'])) {
        (false, _) => format!("{line}\n"),
        (true, None) => format!("{line}:{number}\n"),
        (true, Some((file, rest))) => format!("{file}:{number} {rest}\n"),
    });
    Answer::Text(format!("# {wanted}\n{}", shown.collect::<String>()))
}

/// The list exists; otherwise, why nothing is done.
fn known(call: &Call, list: &str) -> Result<(), String> {
    if users(call, list).next().is_some() {
        return Ok(());
    }
    let lists: Vec<&str> = binds(call).flat_map(|bind| bind.lists()).collect();
    let near = did_you_mean(&nearest(list, lists));
    let near = near.map(|near| format!(" ({near})")).unwrap_or_default();
    Err(format!("crt-list '{list}' does not exist!{near}"))
}

fn add(call: &Call) -> Result<String, String> {
    let payload = call.payload.as_deref().map(str::trim);
    let (Some(list), Some(line)) = (call.word(0), payload.or(call.word(1))) else {
        return Err("'add ssl crtlist' expects a filename and a certificate name".to_owned());
    };
    let fail = |why: String| format!("Can't edit the crt-list: {why}");
    known(call, list).map_err(fail)?;
    let entry = only_line(line).map_err(fail)?;
    let mut ready = Vec::new();
    for bind in users(call, list) {
        ready.push(with_line(call, bind, list, line, &entry).map_err(fail)?);
    }
    let dots = ".".repeat(ready.len());
    ready.into_iter().for_each(replace::Replacement::publish);
    Ok(format!("Inserting certificate '{}' in crt-list '{list}'{dots}\nSuccess!\n", entry.path))
}

fn only_line(line: &str) -> Result<Entry, String> {
    if line.lines().count() > 1 {
        return Err("only one line of payload is supported!".to_owned());
    }
    let (mut entries, faults) = crt_list::read(line);
    if let Some(fault) = faults.into_iter().next() {
        let help = fault.help.map(|help| format!(" ({help})")).unwrap_or_default();
        return Err(format!("{}{help}", fault.message));
    }
    let missing = "'add ssl crtlist' should contain the certificate name in the payload";
    entries.pop().ok_or_else(|| missing.to_owned())
}

/// A bind's certificates with one line more.
fn with_line(
    call: &Call,
    bind: &Arc<BindTls>,
    list: &str,
    line: &str,
    entry: &Entry,
) -> Result<replace::Replacement, String> {
    let absent = || format!("certificate '{}' does not exist!", entry.path);
    let place = bind.place_of(&entry.path).ok_or_else(absent)?;
    let stored = call.office.transactions.stored.get(&place);
    let pem = match stored {
        Some(None) => return Err(format!("certificate '{}' is empty!", entry.path)),
        Some(Some(pem)) => Some(pem),
        None if !files(call).contains(&place) => return Err(absent()),
        None => None,
    };
    let mut content =
        content(bind, list).ok_or_else(|| format!("cannot read '{list}' any more"))?;
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
    content.push_str(line);
    content.push('\n');
    let mut files: Vec<(&str, &[u8])> = vec![(list, content.as_bytes())];
    files.extend(pem.as_deref().map(|pem| (&*place, pem)));
    bind.with(&files)
}

fn delete(call: &Call) -> Result<String, String> {
    let (Some(list), Some(word)) = (call.word(0), call.word(1)) else {
        return Err("'del ssl crtlist' expects a filename and a certificate name".to_owned());
    };
    let fail = |why: String| format!("Can't delete the entry: {why}");
    let (name, line) = match word.rsplit_once(':') {
        None => (word, None),
        Some((name, line)) => match line.parse::<usize>() {
            Ok(line) => (name, Some(line)),
            Err(_) => return Err(fail(format!("wrong line number after colons in '{word}'!"))),
        },
    };
    known(call, list).map_err(fail)?;
    let mut ready = Vec::new();
    for bind in users(call, list) {
        ready.push(without_line(bind, list, name, line).map_err(fail)?);
    }
    ready.into_iter().for_each(replace::Replacement::publish);
    Ok(format!("Entry '{name}' deleted in crtlist '{list}'!"))
}

/// A bind's certificates without a line of a list.
fn without_line(
    bind: &Arc<BindTls>,
    list: &str,
    name: &str,
    line: Option<usize>,
) -> Result<replace::Replacement, String> {
    let text = content(bind, list).ok_or_else(|| format!("cannot read '{list}' any more"))?;
    let (entries, _) = crt_list::read(&text);
    let lines: Vec<usize> =
        entries.iter().filter(|it| *it.path == *name).map(|it| it.line).collect();
    let shown = || lines.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let line = match (&lines[..], line) {
        ([], _) => {
            return Err(format!("certificate '{name}' can't be found in crt-list '{list}'!"));
        }
        (lines, Some(line)) if lines.contains(&line) => line,
        (_, Some(_)) => {
            return Err(format!(
                "found a certificate '{name}' but the line number is incorrect, please specify a \
                 correct line number preceded by colons ({})!",
                shown()
            ));
        }
        (&[line], None) => line,
        _ => {
            return Err(format!(
                "found the certificate '{name}' in several entries, please specify a line number \
                 preceded by colons ({})!",
                shown()
            ));
        }
    };
    if bind.begins_with_list(list) && entries.first().is_some_and(|first| first.line == line) {
        return Err(format!(
            "certificate '{name}' cannot be deleted, it is used as default certificate"
        ));
    }
    let left = text.lines().enumerate().map(|(at, it)| if at + 1 == line { "" } else { it });
    let left: String = left.map(|line| format!("{line}\n")).collect();
    bind.with(&[(list, left.as_bytes())])
}
