//! Stick tables: `show table`, `set table`, `clear table`.
//!
//! Entries are read a few at a time, while the client reads what was read before.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::balance::Live;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{CommandLevel, DataKind, KeyKind, TableId};
use crate::stick::{Change, Cursor, Identity, Key, Removed, Row, Slot, Table};

/// Entries that are read at once.
const TOGETHER: usize = 100;

/// Conditions of one command, as in HAProxy.
const FILTERS_MAX: usize = 4;

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "show table",
        usage: "<table> [<filter>]*",
        about: "report table usage stats or dump this table's contents (filter: data/key)",
        level: CommandLevel::Operator,
        run: show,
    },
    Command {
        name: "set table",
        usage: "<table> key <k> [data.* <v>]*",
        about: "update or create a table entry's data",
        level: CommandLevel::Admin,
        run: |call, _| Answer::of(set(call)),
    },
    Command {
        name: "clear table",
        usage: "<table> [<filter>]*",
        about: "remove an entry from a table (filter: data/key)",
        level: CommandLevel::Operator,
        run: clear,
    },
];

/// A table, and which.
type Named = (TableId, Arc<Table>);

fn table(call: &Call) -> Result<Named, String> {
    let name = call.word(0).unwrap_or_default();
    let tables = call.running.live.tables();
    if let Some((id, table)) = tables.named(name) {
        return Ok((id, table.clone()));
    }
    let near = did_you_mean(&nearest(name, tables.all().map(|(_, table)| &*table.name)));
    Err(match near {
        Some(near) => format!("No such table ({near})"),
        None => "No such table".to_owned(),
    })
}

/// A condition that entries have to meet: `data.<type> <operator> <value>`.
#[derive(Clone, Copy, Debug)]
struct Filter {
    kind: DataKind,
    index: usize,
    operator: Operator,
    value: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Le,
    Ge,
    Lt,
    Gt,
}

impl Operator {
    fn named(word: &str) -> Option<Operator> {
        Some(match word {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "le" => Operator::Le,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "gt" => Operator::Gt,
            _ => return None,
        })
    }

    fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Operator::Eq => left == right,
            Operator::Ne => left != right,
            Operator::Le => left <= right,
            Operator::Ge => left >= right,
            Operator::Lt => left < right,
            Operator::Gt => left > right,
        }
    }
}

/// Which entries are meant.
enum Meant {
    All(Vec<Filter>),
    One(Key<'static>),
}

fn meant(call: &Call, table: &Table) -> Result<Meant, String> {
    if call.word(1) == Some("key") {
        let text = call.word(2).ok_or_else(|| "Key value expected".to_owned())?;
        return key(table.kind(), text).map(Meant::One).ok_or_else(|| "Invalid key".to_owned());
    }
    let words = call.words.get(1..).unwrap_or_default();
    let mut filters = Vec::new();
    for (at, words) in words.chunks(3).enumerate() {
        let fault = |text: &str| format!("Filter entry #{}: {text}", at + 1);
        let name = words.first().and_then(|word| word.strip_prefix("data."));
        let name = name.ok_or_else(|| {
            "Optional argument only supports \"data.<store_data_type>\" or \"key\"".to_owned()
        })?;
        if filters.len() >= FILTERS_MAX {
            return Err(fault(&format!("there are at most {FILTERS_MAX}")));
        }
        let (kind, index) = data(table, name).map_err(|message| fault(&message))?;
        let operator = words.get(1).and_then(|word| Operator::named(word)).ok_or_else(|| {
            fault("Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"")
        })?;
        let value = words.get(2).and_then(|word| word.parse().ok());
        let value =
            value.ok_or_else(|| fault("Require a valid integer value to compare against"))?;
        filters.push(Filter { kind, index, operator, value });
    }
    Ok(Meant::All(filters))
}

/// What a word behind `data.` means: `gpc0`, or `gpc3_rate` for an element of an array.
fn data(table: &Table, name: &str) -> Result<(DataKind, usize), String> {
    let stored = |kind: DataKind| table.layout().slot(kind).is_some();
    let plain = DataKind::ALL.iter().copied().find(|kind| kind.word() == name);
    if let Some(kind) = plain.filter(|kind| stored(*kind)) {
        return Ok((kind, 0));
    }
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    let array: String = name.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    let array = DataKind::ALL.iter().copied().find(|kind| kind.is_array() && kind.word() == array);
    if let (Some(kind), Ok(index)) = (array, digits.parse::<usize>())
        && table.layout().slot(kind).is_some_and(|slot| index < usize::from(slot.count))
    {
        return Ok((kind, index));
    }
    match plain.is_some() || array.is_some() {
        true => Err("Data type not stored in this table".to_owned()),
        false => Err("Unknown data type".to_owned()),
    }
}

/// A key as people write it.
fn key(kind: KeyKind, text: &str) -> Option<Key<'static>> {
    match kind {
        KeyKind::Ip | KeyKind::Ipv6 => Key::address(kind, text.parse::<IpAddr>().ok()?),
        KeyKind::Integer => text.parse::<u32>().ok().map(|number| Key::number(number.into())),
        KeyKind::Text(_) => Key::bytes(kind, text.as_bytes().to_vec()),
        KeyKind::Binary(_) => {
            let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
            Key::bytes(kind, bytes)
        }
    }
}

fn shown_key(kind: KeyKind, bytes: &[u8]) -> String {
    let address = |bytes: &[u8]| -> Option<IpAddr> {
        match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|it| Ipv4Addr::from(it).into()),
            _ => <[u8; 16]>::try_from(bytes).ok().map(|it| Ipv6Addr::from(it).into()),
        }
    };
    match kind {
        KeyKind::Ip | KeyKind::Ipv6 => address(bytes).map_or_else(String::new, |it| it.to_string()),
        KeyKind::Integer => <[u8; 4]>::try_from(bytes)
            .map_or_else(|_| String::new(), |it| u32::from_be_bytes(it).to_string()),
        KeyKind::Text(_) => bytes.escape_ascii().to_string(),
        KeyKind::Binary(_) => data_encoding::HEXUPPER.encode(bytes),
    }
}

fn head(table: &Table) -> String {
    let kind = match table.kind() {
        KeyKind::Ip => "ip",
        KeyKind::Ipv6 => "ipv6",
        KeyKind::Integer => "integer",
        KeyKind::Text(_) => "string",
        KeyKind::Binary(_) => "binary",
    };
    format!("# table: {}, type: {kind}, size:{}, used:{}\n", table.name, table.size(), table.used())
}

fn show(call: &mut Call, _: &mut Session) -> Answer {
    let live = call.running.live.clone();
    if call.words.is_empty() {
        return Answer::Text(live.tables().all().map(|(_, table)| head(table)).collect());
    }
    let (id, table) = match table(call) {
        Ok(found) => found,
        Err(message) => return Answer::error(message),
    };
    match meant(call, &table) {
        Err(message) => Answer::error(message),
        Ok(Meant::One(key)) => {
            let mut text = head(&table);
            if let Some(row) = table.row(&key, live.tables().now_ms()) {
                line(&mut text, &row, id, &table, &live);
            }
            Answer::Text(text)
        }
        Ok(Meant::All(filters)) => {
            let mut cursor = None;
            Answer::Pieces(Box::new(move |piece| {
                let from = match cursor {
                    None => {
                        piece.push_str(&head(&table));
                        Cursor::default()
                    }
                    Some(from) => from,
                };
                let (rows, next) = table.rows(from, TOGETHER, live.tables().now_ms());
                for row in rows.iter().filter(|row| fits(row, &filters, id, &table, &live)) {
                    line(piece, row, id, &table, &live);
                }
                cursor = next;
                next.is_some()
            }))
        }
    }
}

fn fits(row: &Row, filters: &[Filter], id: TableId, table: &Table, live: &Live) -> bool {
    filters.iter().all(|filter| {
        let slot = table.layout().slot(filter.kind);
        let value =
            slot.and_then(|slot| value(row, filter.kind, slot, filter.index, (id, table, live)));
        value.is_some_and(|value| filter.operator.holds(value, filter.value))
    })
}

/// A number of an entry; of a server its number.
fn value(
    row: &Row,
    kind: DataKind,
    slot: &Slot,
    index: usize,
    (id, table, live): (TableId, &Table, &Live),
) -> Option<u64> {
    let value = row.entry.get(slot, index, live.tables().now_ms())?;
    match kind {
        DataKind::ServerId => {
            let tables = live.tables();
            let server = tables.resolve(id, table, Identity(value));
            Some(server.and_then(|server| tables.number(server)).unwrap_or(0).into())
        }
        _ => Some(value),
    }
}

/// `0x...: key=1.2.3.4 use=0 exp=1799993 shard=0 gpc0=5 http_req_rate(10000)=0`.
fn line(text: &mut String, row: &Row, id: TableId, table: &Table, live: &Live) {
    let key = shown_key(table.kind(), &row.key);
    let number = xxhash_rust::xxh3::xxh3_64(&row.key) >> 16;
    let expires = row.expires_ms.unwrap_or(0);
    let _ = write!(text, "0x{number:012x}: key={key} use={} exp={expires} shard=0", row.uses);
    for (kind, slot) in table.layout().stored() {
        if matches!(kind, DataKind::ServerName | DataKind::ServerKey) {
            continue;
        }
        for index in 0..usize::from(slot.count) {
            let Some(value) = value(row, kind, slot, index, (id, table, live)) else { continue };
            let name = match kind.is_array() {
                false => kind.word().to_owned(),
                true => match kind.word().split_once('_') {
                    Some((name, rest)) => format!("{name}{index}_{rest}"),
                    None => format!("{}{index}", kind.word()),
                },
            };
            let period = slot.period_ms.map(|it| format!("({it})")).unwrap_or_default();
            let _ = write!(text, " {name}{period}={value}");
        }
    }
    text.push('\n');
}

fn set(call: &Call) -> Result<(), String> {
    let (id, table) = table(call)?;
    let (Some("key"), Some(text)) = (call.word(1), call.word(2)) else {
        return Err(
            "Required arguments: <table> key <key> [data.<store_data_type> <value>]*".to_owned()
        );
    };
    let key = key(table.kind(), text).ok_or_else(|| "Invalid key".to_owned())?;
    let live = &call.running.live;
    let mut changes = Vec::new();
    for words in call.words.get(3..).unwrap_or_default().chunks(2) {
        let name = words.first().and_then(|word| word.strip_prefix("data."));
        let name = name.ok_or_else(|| "\"data.<type>\" followed by a value expected".to_owned())?;
        let (kind, index) = data(&table, name)?;
        let number: Option<u64> = words.get(1).and_then(|word| word.parse().ok());
        let number = number.ok_or_else(|| "Require a valid integer value to store".to_owned())?;
        let value = match kind {
            DataKind::ServerId => {
                let server = u32::try_from(number).ok();
                let server = server.and_then(|it| live.tables().numbered(id, &table, it));
                server.ok_or_else(|| format!("No server has the number {number}"))?.0
            }
            _ => number,
        };
        changes.push(Change { kind, index, value });
    }
    match table.change(&key, &changes, live.tables().now_ms()) {
        true => Ok(()),
        false => Err("Unable to allocate a new entry: the table is full".to_owned()),
    }
}

fn clear(call: &mut Call, _: &mut Session) -> Answer {
    let (id, table) = match table(call) {
        Ok(found) => found,
        Err(message) => return Answer::error(message),
    };
    let live = call.running.live.clone();
    match meant(call, &table) {
        Err(message) => Answer::error(message),
        Ok(Meant::One(key)) => match table.remove(&key) {
            Removed::InUse => Answer::error("Entry currently in use, cannot remove"),
            Removed::Gone | Removed::Unknown => Answer::Nothing,
        },
        Ok(Meant::All(filters)) => {
            let mut cursor = Cursor::default();
            Answer::Pieces(Box::new(move |_| {
                let (rows, next) = table.rows(cursor, TOGETHER, live.tables().now_ms());
                for row in rows.iter().filter(|row| fits(row, &filters, id, &table, &live)) {
                    if let Some(key) = Key::same(table.kind(), row.key.clone()) {
                        // One in use stays, as in HAProxy.
                        table.remove(&key);
                    }
                }
                cursor = next.unwrap_or_default();
                next.is_some()
            }))
        }
    }
}
