//! Maps and files of patterns: `show`, `get`, `add`, `set`, `del`, `clear`, `prepare`, `commit`.
//!
//! A list is named by its file or by `#<number>`, an entry by its key or by `#0x<number>`, as `show` prints
//! them. `@<version>` in front of a list means a version that was prepared.

use std::fmt::Write;
use std::sync::Arc;

use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::CommandLevel;
use crate::rules::lists::{Entry, Fault, List, Origins, Place, Which};

/// Lines of a payload that are added at once: in between, rules of requests may change the list, too.
const TOGETHER: usize = 1000;

/// What is listed: maps or ACLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Map,
    Acl,
}

use Kind::{Acl, Map};

impl Kind {
    fn word(self) -> &'static str {
        if self == Map { "map" } else { "acl" }
    }

    fn named(self) -> &'static str {
        if self == Map { "map" } else { "ACL" }
    }

    fn unknown(self) -> String {
        format!("Unknown {} identifier. Please use #<id> or <file>.", self.named())
    }
}

macro_rules! command {
    ($name:literal, $usage:literal, $about:literal, $level:ident, $run:expr) => {
        Command {
            name: $name,
            usage: $usage,
            about: $about,
            level: CommandLevel::$level,
            run: $run,
        }
    };
}

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    command!(
        "show map",
        "[@ver] [map]",
        "report available maps or dump a map's contents",
        Operator,
        |call, _| show(call, Map)
    ),
    command!(
        "show acl",
        "[@<ver>] <acl>]",
        "report available acls or dump an acl's contents",
        Operator,
        |call, _| show(call, Acl)
    ),
    command!(
        "get map",
        "<acl> <value>",
        "report the keys and values matching a sample for a map",
        Operator,
        |call, _| get(call, Map)
    ),
    command!(
        "get acl",
        "<acl> <value>",
        "report the patterns matching a sample for an ACL",
        Operator,
        |call, _| get(call, Acl)
    ),
    command!(
        "add map",
        "[@<ver>] <map> <key> <val>",
        "add a map entry (payload supported instead of key/val)",
        Operator,
        add_map
    ),
    command!("add acl", "[@<ver>] <acl> <pattern>", "add an acl entry", Operator, add_acl),
    command!("set map", "<map> [<key>|#<ref>] <value>", "modify a map entry", Operator, set),
    command!(
        "del map",
        "<map> [<key>|#<ref>]",
        "delete map entries matching <key>",
        Operator,
        |call, _| remove(call, Map)
    ),
    command!(
        "del acl",
        "<acl> [<key>|#<ref>]",
        "delete acl entries matching <key>",
        Operator,
        |call, _| remove(call, Acl)
    ),
    command!(
        "clear map",
        "[@<ver>] <map>",
        "clear the contents of this map",
        Operator,
        |call, _| clear(call, Map)
    ),
    command!(
        "clear acl",
        "[@<ver>] <acl>",
        "clear the contents of this acl",
        Operator,
        |call, _| clear(call, Acl)
    ),
    command!(
        "prepare map",
        "<acl>",
        "prepare a new version for atomic map replacement",
        Operator,
        |call, _| prepare(call, Map)
    ),
    command!(
        "prepare acl",
        "<acl>",
        "prepare a new version for atomic ACL replacement",
        Operator,
        |call, _| prepare(call, Acl)
    ),
    command!(
        "commit map",
        "@<ver> <map>",
        "commit the map at this version",
        Operator,
        |call, _| commit(call, Map)
    ),
    command!(
        "commit acl",
        "@<ver> <acl>",
        "commit the ACL at this version",
        Operator,
        |call, _| commit(call, Acl)
    ),
];

/// Takes `@<version>` off.
fn version(call: &mut Call) -> Result<Option<u32>, String> {
    let Some(text) = call.word(0).and_then(|word| word.strip_prefix('@')) else { return Ok(None) };
    let version = text.parse().map_err(|_| "Invalid version number.".to_owned())?;
    call.words.remove(0);
    Ok(Some(version))
}

/// The list that a word names.
fn list(call: &Call, kind: Kind) -> Result<Arc<List>, String> {
    let Some(name) = call.word(0) else {
        return Err(format!("Missing {} identifier.", kind.named()));
    };
    let lists = &call.running.program.lists;
    if let Some(number) = name.strip_prefix('#') {
        let number: u32 = number.parse().map_err(|_| kind.unknown())?;
        if kind == Acl && lists.fixed().iter().any(|it| it.id == number) {
            return Err(format!(
                "#{number} stands on a line of the configuration and does not change at run time: put \
                 the patterns into a file and name it with -f."
            ));
        }
        let found = lists.all().into_iter().find(|list| list.id == number);
        return found.filter(|list| list.is_map == (kind == Map)).ok_or_else(|| kind.unknown());
    }
    lists.named(name, kind == Map).ok_or_else(|| {
        let all = lists.all();
        let names = all.iter().filter(|it| it.is_map == (kind == Map)).map(|it| &*it.name);
        match did_you_mean(&nearest(name, names)) {
            Some(near) => format!("{} ({near})", kind.unknown()),
            None => kind.unknown(),
        }
    })
}

/// An entry: by its key, or by `#0x..`.
fn which(word: &str) -> Which<'_> {
    let number = word.strip_prefix("#0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    number.map_or(Which::Key(word), Which::Id)
}

fn show(call: &mut Call, kind: Kind) -> Answer {
    let version = match version(call) {
        Ok(version) => version,
        Err(message) => return Answer::error(message),
    };
    let Some(name) = call.word(0) else { return Answer::Text(overview(call, kind)) };
    if kind == Acl
        && let Some(number) = name.strip_prefix('#')
        && let Some(fixed) = fixed(call, number)
    {
        let lines = fixed.patterns.iter().enumerate();
        return Answer::Text(lines.map(|(id, text)| format!("0x{id:012x} {text}\n")).collect());
    }
    match list(call, kind) {
        Ok(list) => {
            // A copy of the tree's root: whatever changes meanwhile, the client reads one version.
            let entries = list.entries(version);
            let mut next = 0;
            Answer::Pieces(Box::new(move |piece| {
                let Some((&id, entry)) = entries.range(next..).next() else { return false };
                next = id + 1;
                line(piece, entry, kind);
                true
            }))
        }
        Err(message) => Answer::error(message),
    }
}

fn fixed(call: &Call, number: &str) -> Option<Origins> {
    let number: u32 = number.parse().ok()?;
    call.running.program.lists.fixed().into_iter().find(|it| it.id == number)
}

fn line(piece: &mut String, entry: &Entry, kind: Kind) {
    let _ = match kind {
        Map => writeln!(piece, "0x{:012x} {} {}", entry.id, entry.key, entry.value),
        Acl => writeln!(piece, "0x{:012x} {}", entry.id, entry.key),
    };
}

fn overview(call: &Call, kind: Kind) -> String {
    let lists = &call.running.program.lists;
    let mut rows: Vec<(u32, String)> = Vec::new();
    for list in lists.all().iter().filter(|list| list.is_map == (kind == Map)) {
        let it = list.figures();
        let row = format!(
            "{} ({}) pattern loaded from file '{}' used {}. curr_ver={} next_ver={} entry_cnt={}\n",
            list.id, list.name, list.name, it.about, it.current, it.newest, it.entries
        );
        rows.push((list.id, row));
    }
    for it in lists.fixed().iter().filter(|_| kind == Acl) {
        let count = it.patterns.len();
        let row = format!("{} () {}. curr_ver=0 next_ver=0 entry_cnt={count}\n", it.id, it.about);
        rows.push((it.id, row));
    }
    rows.sort_unstable();
    let rows: String = rows.into_iter().map(|(_, row)| row).collect();
    format!("# id (file) description\n{rows}")
}

fn get(call: &mut Call, kind: Kind) -> Answer {
    if call.words.len() < 2 {
        return Answer::error(format!("Missing {} identifier and/or key.", kind.named()));
    }
    let list = match list(call, kind) {
        Ok(list) => list,
        Err(message) => return Answer::error(message),
    };
    let (text, entries) = (call.word(1).unwrap_or_default(), list.entries(None));
    let uses = list.uses();
    if uses.is_empty() {
        return Answer::error(format!("No rule uses this {}.", kind.named()));
    }
    let places = uses.into_iter().map(|it| it.look_up(text, &entries));
    Answer::Text(places.map(|place| found(&place, kind)).collect())
}

/// What a sample leads to, as HAProxy writes it.
fn found(place: &Place, kind: Kind) -> String {
    let case = if place.fold { "insensitive" } else { "sensitive" };
    let mut text = format!("type={}, case={case}", place.method);
    let index = if place.tree { "tree" } else { "list" };
    let entry = place.entry.as_ref();
    let _ = match (kind, entry) {
        (Map, None) => write!(text, ", found=no"),
        (Map, Some(entry)) => write!(
            text,
            ", found=yes, idx={index}, key=\"{}\", value=\"{}\", type=\"{}\"",
            entry.key, entry.value, place.kind
        ),
        (Acl, None) => write!(text, ", match=no"),
        (Acl, Some(entry)) => write!(text, ", match=yes, idx={index}, pattern=\"{}\"", entry.key),
    };
    text + "\n"
}

/// What is wrong, as HAProxy says it.
fn told(fault: Fault, kind: Kind) -> String {
    match fault {
        Fault::Refused(message) => message,
        Fault::Absent => "Key not found.".to_owned(),
        Fault::Past => "Version number out of range.".to_owned(),
        Fault::Future => {
            format!("Version number in the future, please use 'prepare {}' before.", kind.word())
        }
        Fault::Full => format!(
            "{} versions are prepared already: commit one first.",
            crate::rules::lists::PREPARED_MAX
        ),
    }
}

fn add_map(call: &mut Call, _: &mut Session) -> Answer {
    let version = match version(call) {
        Ok(version) => version,
        Err(message) => return Answer::error(message),
    };
    let expected = "'add map' expects three parameters (map identifier, key and value) or one \
                    parameter (map identifier) and a payload";
    if call.words.len() < if call.payload.is_some() { 1 } else { 3 } {
        return Answer::error(expected);
    }
    Answer::of(list(call, Map).and_then(|list| match &call.payload {
        Some(payload) => add_lines(&list, version, payload),
        None => {
            let (key, value) = (call.word(1).unwrap_or_default(), call.rest(2));
            list.add(version, key, &value).map_err(|fault| told(fault, Map))
        }
    }))
}

/// Adds lines of keys and values, some at once.
fn add_lines(list: &List, version: Option<u32>, payload: &str) -> Result<(), String> {
    let mut pairs = Vec::new();
    for line in payload.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let value = value.trim_start();
        if value.is_empty() {
            return Err(format!("Missing value for key '{}'.", shown_text(key)));
        }
        pairs.push((key, value));
    }
    for some in pairs.chunks(TOGETHER) {
        list.add_all(version, some.iter().copied()).map_err(|fault| told(fault, Map))?;
    }
    Ok(())
}

fn add_acl(call: &mut Call, _: &mut Session) -> Answer {
    let version = match version(call) {
        Ok(version) => version,
        Err(message) => return Answer::error(message),
    };
    if call.words.len() < 2 {
        return Answer::error("'add acl' expects two parameters: ACL identifier and pattern.");
    }
    Answer::of(list(call, Acl).and_then(|list| {
        let pattern = call.rest(1);
        list.add(version, &pattern, "").map_err(|fault| told(fault, Acl))
    }))
}

fn set(call: &mut Call, _: &mut Session) -> Answer {
    if call.words.len() < 3 {
        return Answer::error("'set map' expects three parameters: map identifier, key and value.");
    }
    Answer::of(list(call, Map).and_then(|list| {
        let which = which(call.word(1).unwrap_or_default());
        list.set(&which, &call.rest(2)).map_err(|fault| match fault {
            Fault::Absent => "entry not found.".to_owned(),
            other => told(other, Map),
        })
    }))
}

fn remove(call: &mut Call, kind: Kind) -> Answer {
    if call.words.len() < 2 {
        let list = kind.named();
        return Answer::error(format!(
            "This command expects two parameters: {list} identifier and key."
        ));
    }
    Answer::of(list(call, kind).and_then(|list| {
        let text = call.rest(1);
        list.remove(&which(&text)).map_err(|fault| told(fault, kind))
    }))
}

fn clear(call: &mut Call, kind: Kind) -> Answer {
    Answer::of(version(call).and_then(|version| {
        match list(call, kind)?.clear(version) {
            // A version that is not there is empty already.
            Ok(()) | Err(Fault::Past | Fault::Future) => Ok(()),
            Err(fault) => Err(told(fault, kind)),
        }
    }))
}

fn prepare(call: &mut Call, kind: Kind) -> Answer {
    match list(call, kind) {
        Ok(list) => match list.prepare() {
            Ok(version) => Answer::info(format!("New version created: {version}")),
            Err(fault) => Answer::error(told(fault, kind)),
        },
        Err(message) => Answer::error(message),
    }
}

fn commit(call: &mut Call, kind: Kind) -> Answer {
    Answer::of(version(call).and_then(|version| {
        let version = version.ok_or_else(|| "Missing version number.".to_owned())?;
        list(call, kind)?.commit(version).map_err(|fault| match fault {
            Fault::Future | Fault::Past => "Version number out of range.".to_owned(),
            other => told(other, kind),
        })
    }))
}
