//! `stick-table` and `stick ...`.
//!
//! Limits: an array has at most [`ARRAY_MAX`] elements (HAProxy's own).

use std::time::Duration;

use super::common::{SERVING, row, rule_line, text};
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword};
use crate::config::plan::{
    DataKind, DataType, Given, KeyKind, Proxy, RuleLine, ServerKey, StickTable,
};
use crate::config::section::Sections;
use crate::config::word::Word;

/// How many elements an array of a table's entry may have.
pub const ARRAY_MAX: u16 = 100;

/// How long a key of text or bytes may be if nothing is said.
const LENGTH_DEFAULT: u32 = 32;

/// What the words of a `stick-table` line have said so far.
#[derive(Default)]
struct Draft {
    kind: Option<Given<KeyKind>>,
    size: Option<Given<u32>>,
    expire: Option<Given<Duration>>,
    no_purge: bool,
    peers: Option<Given<Box<str>>>,
    server_key: ServerKey,
    write_to: Option<Given<Box<str>>>,
    store: Vec<Given<DataType>>,
}

fn stick_table(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(table) = table(args) else { return args.skip() };
    if let Some(earlier) = &proxy.settings.stick_table {
        let (span, earlier) = (args.keyword_span(), earlier.span);
        args.error(span, "a proxy has one stick table")
            .label("a second one")
            .also(earlier, "the first one")
            .help("declare it in a `backend` of its own and name that: `table <backend>`");
        return;
    }
    proxy.settings.stick_table = Some(table);
}

/// Reads the words of a `stick-table` (a `table` of `peers` has the same behind its name).
pub fn table(args: &mut Args<'_>) -> Option<StickTable> {
    let mut draft = Draft::default();
    while let Some(word) = args.take() {
        option(args, &mut draft, word)?;
    }
    let Some(kind) = draft.kind else {
        args.missing("`type` and the type of its keys");
        return None;
    };
    let Some(size) = draft.size else {
        args.missing("`size` and a number of entries");
        return None;
    };
    Some(StickTable {
        span: args.line.span,
        kind,
        size,
        expire: draft.expire,
        no_purge: draft.no_purge,
        peers: draft.peers,
        server_key: draft.server_key,
        write_to: draft.write_to,
        store: draft.store,
    })
}

const OPTIONS: &[&str] =
    &["type", "size", "expire", "nopurge", "peers", "srvkey", "write-to", "store"];

fn option(args: &mut Args<'_>, draft: &mut Draft, word: &Word) -> Option<()> {
    match &*word.text {
        "type" => draft.kind = Some(kind(args)?),
        "size" => draft.size = Some(size(args)?),
        "expire" => draft.expire = Some(args.time("a time")?),
        "nopurge" => draft.no_purge = true,
        "peers" => {
            args.later(Feature::Peers, word.span);
            draft.peers = Some(text(args, "the name of a `peers` section")?);
        }
        "srvkey" => {
            let keys = [("name", ServerKey::Name), ("addr", ServerKey::Address)];
            draft.server_key = args.one_of("`name` or `addr`", &keys)?.value;
        }
        "write-to" => {
            args.later(Feature::Peers, word.span);
            draft.write_to = Some(text(args, "the name of a table")?);
        }
        // HAProxy takes `store` at the end of the line without a word.
        "store" => {
            if let Some(list) = args.take() {
                store(args, draft, list)?;
            }
        }
        _ => {
            args.unknown(word, "an option", OPTIONS.iter().copied());
            return None;
        }
    }
    Some(())
}

fn kind(args: &mut Args<'_>) -> Option<Given<KeyKind>> {
    let kinds = [
        ("ip", KeyKind::Ip),
        ("ipv6", KeyKind::Ipv6),
        ("integer", KeyKind::Integer),
        ("string", KeyKind::Text(LENGTH_DEFAULT)),
        ("binary", KeyKind::Binary(LENGTH_DEFAULT)),
    ];
    let kind = args.one_of("a type of keys", &kinds)?;
    let made: fn(u32) -> KeyKind = match kind.value {
        KeyKind::Text(_) => KeyKind::Text,
        KeyKind::Binary(_) => KeyKind::Binary,
        _ => return Some(kind),
    };
    if !args.flag("len") {
        return Some(kind);
    }
    let length = args.number("a length", 1..=i32::MAX as u32)?;
    Some(Given { value: made(length.value), span: kind.span })
}

/// Up to 2^32 - 1 entries; zero is no size, as in HAProxy.
fn size(args: &mut Args<'_>) -> Option<Given<u32>> {
    let size = args.size("a number of entries")?;
    match u32::try_from(size.value) {
        Ok(value) if value > 0 => Some(Given { value, span: size.span }),
        _ => {
            args.error(size.span, "a table of this size is not possible")
                .label(format!("from 1 to {} entries are possible", u32::MAX));
            None
        }
    }
}

/// The list behind `store`: kinds, commas between them.
fn store(args: &mut Args<'_>, draft: &mut Draft, list: &Word) -> Option<()> {
    let mut at = 0;
    while at < list.len() {
        let end = list[at..].find(',').map_or(list.len(), |end| at + end);
        // A comma inside parentheses does not end a kind: `gpc_rate(2,10s)`.
        let end = match list[at..].find('(') {
            Some(open) if at + open < end => match list[at + open..].find(')') {
                Some(close) => {
                    let close = at + open + close;
                    list[close..].find(',').map_or(list.len(), |end| close + end)
                }
                None => list.len(),
            },
            _ => end,
        };
        let stored = data_type(args, list, at, end)?;
        add(args, draft, stored)?;
        at = end + 1;
    }
    Some(())
}

/// Puts a kind into the draft; one that is there already is told, and ignored as in HAProxy.
fn add(args: &mut Args<'_>, draft: &mut Draft, stored: Given<DataType>) -> Option<()> {
    let kind = stored.value.kind;
    if let Some(earlier) = draft.store.iter().find(|earlier| earlier.kind == kind) {
        let message = format!("`{}` is stored twice", kind.word());
        let fault = args.report.advise(&crate::config::advice::DUPLICATE, stored.span, message);
        fault.label("this one does nothing").also(earlier.span, "the first one holds");
        return Some(());
    }
    let foe = |earlier: &&Given<DataType>| conflicts(earlier.kind, kind);
    if let Some(earlier) = draft.store.iter().find(foe) {
        let (one, other) = (kind.word(), earlier.kind.word());
        args.error(stored.span, format!("`{one}` and `{other}` exclude each other"))
            .label("a table has either the array or the single ones")
            .also(earlier.span, "the other one");
        return None;
    }
    draft.store.push(stored);
    Some(())
}

/// Whether one is an array and the other an element of it.
fn conflicts(one: DataKind, other: DataKind) -> bool {
    use DataKind::{Gpc, Gpc0, Gpc0Rate, Gpc1, Gpc1Rate, GpcRate, Gpt, Gpt0};
    let pair =
        |array, single| (one == array && other == single) || (one == single && other == array);
    pair(Gpt, Gpt0)
        || pair(Gpc, Gpc0)
        || pair(Gpc, Gpc1)
        || pair(GpcRate, Gpc0Rate)
        || pair(GpcRate, Gpc1Rate)
}

/// The kind in bytes `at..end` of the list.
fn data_type(args: &mut Args<'_>, list: &Word, at: usize, end: usize) -> Option<Given<DataType>> {
    let piece = list.cut(at..end);
    let (name, argument) = match piece.find('(') {
        Some(open) => (&piece[..open], Some(open + 1)),
        None => (&*piece.text, None),
    };
    let Some(&kind) = DataKind::ALL.iter().find(|kind| kind.word() == name) else {
        let all = DataKind::ALL.iter().map(|kind| kind.word());
        let word = piece.cut(0..name.len());
        args.unknown(&word, "a kind of data", all);
        return None;
    };
    let wanted = usize::from(kind.is_array()) + usize::from(kind.is_rate());
    let arguments = match argument {
        None if wanted == 0 => Vec::new(),
        None => {
            let what = if kind.is_array() { "how many" } else { "over how long" };
            args.error(piece.span, format!("`{name}` needs to know {what}"))
                .help(format!("it is written: {}", example(kind)));
            return None;
        }
        Some(open) => arguments(args, &piece, open)?,
    };
    if arguments.len() != wanted {
        args.error(piece.span, format!("`{name}` takes {}", count(wanted)))
            .help(format!("it is written: {}", example(kind)));
        return None;
    }
    let mut words = arguments.iter();
    let mut value = DataType { kind, count: 1, period: None };
    if kind.is_array()
        && let Some(word) = words.next()
    {
        value.count = args.number_of(word, "a number of elements", 1..=ARRAY_MAX)?.value;
    }
    if kind.is_rate()
        && let Some(word) = words.next()
    {
        value.period = Some(args.time_of(word, "the period of a rate, like 10s")?.value);
    }
    Some(Given { value, span: piece.span })
}

fn count(arguments: usize) -> &'static str {
    match arguments {
        0 => "nothing in parentheses",
        1 => "one thing in parentheses",
        _ => "two things in parentheses",
    }
}

fn example(kind: DataKind) -> String {
    let inside = match (kind.is_array(), kind.is_rate()) {
        (true, true) => "(<length>,<period>)",
        (true, false) => "(<length>)",
        (false, true) => "(<period>)",
        (false, false) => "",
    };
    format!("{}{inside}", kind.word())
}

/// The words between parentheses that open before byte `open` of `piece`.
fn arguments(args: &mut Args<'_>, piece: &Word, open: usize) -> Option<Vec<Word>> {
    let Some(length) = piece[open..].find(')') else {
        args.error(piece.part(open - 1..open), "this parenthesis is not closed");
        return None;
    };
    let close = open + length;
    if close + 1 < piece.len() {
        args.error(piece.part(close + 1..piece.len()), "a comma is missing before this");
        return None;
    }
    let mut words = Vec::new();
    let mut at = open;
    for part in piece[open..close].split(',') {
        words.push(piece.cut(at..at + part.len()));
        at += part.len() + 1;
    }
    Some(words)
}

/// `stick ...`: the expression is left for the compiler.
fn stick(args: &mut Args<'_>, proxy: &mut Proxy) {
    if args.peek().is_none_or(|word| word.is_empty()) {
        args.missing("an expression");
        return;
    }
    let line: RuleLine = rule_line(args);
    proxy.rules.stick.push(line);
}

const STICK_SYNTAX: &str = "<expression> [table <table>] [{ if | unless } <condition>]";

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "stick-table",
        SERVING,
        "type { ip | ipv6 | integer | string [len <length>] | binary [len <length>] } size <size> [expire <time>] [nopurge] [peers <peers>] [srvkey { name | addr }] [write-to <table>] [store <kind>[,<kind>]...]...",
        "Declares the table of this proxy: what its keys are, and what it remembers of them.",
        "stick-table type ip size 100k expire 30m store conn_rate(10s)",
        stick_table,
    ),
    row(
        "stick match",
        Sections::BACKS,
        STICK_SYNTAX,
        "Sends a request to the server that the table holds for a key.",
        "stick match src",
        stick,
    ),
    row(
        "stick on",
        Sections::BACKS,
        STICK_SYNTAX,
        "Both `stick match` and `stick store-request`.",
        "stick on src",
        stick,
    ),
    row(
        "stick store-request",
        Sections::BACKS,
        STICK_SYNTAX,
        "Remembers the server for a key of the request.",
        "stick store-request src",
        stick,
    ),
    row(
        "stick store-response",
        Sections::BACKS,
        STICK_SYNTAX,
        "Remembers the server for a key of the response.",
        "stick store-response res.cook(ID)",
        stick,
    ),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, bad_in, good};
    use super::*;

    fn given(words: &str) -> StickTable {
        good(&format!("stick-table {words}")).settings.stick_table.expect("given")
    }

    #[test]
    fn keys_sizes_and_options() {
        let table = given("type ip size 50k expire 30m nopurge srvkey addr");
        assert_eq!((table.kind.value, table.size.value), (KeyKind::Ip, 51_200));
        assert_eq!(table.expire.map(|time| time.value), Some(Duration::from_secs(1800)));
        assert!(table.no_purge);
        assert_eq!(table.server_key, ServerKey::Address);
        assert_eq!(given("type string size 1").kind.value, KeyKind::Text(32));
        assert_eq!(given("type binary len 8 size 1").kind.value, KeyKind::Binary(8));
        assert_eq!(given("size 1 type integer").kind.value, KeyKind::Integer);
    }

    #[test]
    fn stored_data() {
        let table =
            given("type ip size 1 store conn_cnt,gpc_rate(2,10s),gpc(3) store conn_rate(1m)");
        let kinds: Vec<_> = table.store.iter().map(|stored| stored.value).collect();
        let data = |kind, count, seconds: Option<u64>| DataType {
            kind,
            count,
            period: seconds.map(Duration::from_secs),
        };
        assert_eq!(
            kinds,
            [
                data(DataKind::ConnCnt, 1, None),
                data(DataKind::GpcRate, 2, Some(10)),
                data(DataKind::Gpc, 3, None),
                data(DataKind::ConnRate, 1, Some(60)),
            ]
        );
    }

    #[test]
    fn faults_point_at_the_piece() {
        assert_eq!(bad("stick-table size 10"), [""]);
        assert_eq!(bad("stick-table type ip"), [""]);
        assert_eq!(bad("stick-table type ipv4 size 10"), ["ipv4"]);
        assert_eq!(bad("stick-table type ip len 4 size 10"), ["len"]);
        assert_eq!(bad("stick-table type ip size 0"), ["0"]);
        assert_eq!(bad("stick-table type ip size 10x"), ["x"]);
        assert_eq!(bad("stick-table type ip size 4g"), ["4g"]);
        assert_eq!(bad("stick-table type string len 0 size 1"), ["0"]);
        let store = |list: &str| bad(&format!("stick-table type ip size 1 store {list}"));
        assert_eq!(store("conn_cnt,conn_rat(3s)"), ["conn_rat"]);
        assert_eq!(store("conn_rate"), ["conn_rate"]);
        assert_eq!(store("conn_rate()"), [""]);
        assert_eq!(store("conn_rate(soon)"), ["soon"]);
        assert_eq!(store("conn_rate(10s"), ["("]);
        assert_eq!(store("conn_cnt(3)"), ["conn_cnt(3)"]);
        assert_eq!(store("gpc(0)"), ["0"]);
        assert_eq!(store("gpc(101)"), ["101"]);
        assert_eq!(store("gpc(3),gpc1"), ["gpc1"]);
        assert_eq!(store("gpc_rate(2)"), ["gpc_rate(2)"]);
        assert_eq!(store("a,,b"), ["a"]);
        assert_eq!(store("conn_cnt,,gpc0"), [""]);
        let twice = "stick-table type ip size 1\nstick-table type ip size 2";
        assert_eq!(bad(twice), ["stick-table"]);
        assert_eq!(bad_in("defaults", "stick-table type ip size 1"), ["stick-table"]);
        let advice = advice_in("listen l", "stick-table type ip size 1 store gpc0,gpc0");
        assert_eq!(advice, ["duplicate"]);
    }

    #[test]
    fn stick_lines_are_kept() {
        let rules = good("stick on src table t if TRUE\nstick match src").rules.stick;
        assert_eq!((rules[0].keyword, rules[0].words.len()), ("stick on", 5));
        assert_eq!(rules[1].keyword, "stick match");
        assert_eq!(bad("stick on"), [""]);
        assert_eq!(bad("stick onto src"), ["onto"]);
    }
}
