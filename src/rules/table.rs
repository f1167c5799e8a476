//! Stick tables as rules see them: keys from samples, values of entries.
//!
//! In: a context, and whose entry is meant. Out: counts and rates, as HAProxy's fetches and converters
//! give them: nothing where nothing is tracked or stored, zero where a key has no entry.

use std::sync::Arc;

use super::arg::Arg;
use super::context::Context;
use super::fetch::source;
use super::value::Value;
use crate::config::plan::{DataKind, KeyKind, TableId};
use crate::stick::{Entry, Key, Slot, Table};

/// The key that a sample is in a table; `None` if it cannot be one.
pub fn key<'a>(kind: KeyKind, value: Value<'a>) -> Option<Key<'a>> {
    match kind {
        KeyKind::Ip | KeyKind::Ipv6 => Key::address(kind, value.to_addr()?),
        KeyKind::Integer => value.to_int().map(Key::number),
        KeyKind::Text(_) => Key::bytes(kind, value.into_text()),
        KeyKind::Binary(_) => Key::bytes(kind, value.into_bytes()),
    }
}

/// What is asked of an entry.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// A count or a rate.
    Get(DataKind),
    /// The same in units of 1024.
    Kilo(DataKind),
    /// An element of an array, by the first argument.
    Element(DataKind),
    /// Adds one to a counter, and to its rate.
    Increase(Counter),
    /// Sets a counter to zero; its value before.
    Clear(Counter),
    /// Whether there is one.
    Tracked,
    /// How many count in it.
    Trackers,
    /// Adds one to the connections.
    Connected,
}

/// A general counter.
#[derive(Clone, Copy, Debug)]
pub enum Counter {
    /// `gpc0` or `gpc1`.
    Old(u8),
    /// One of the array, by the first argument.
    Element,
}

/// Whose entry is meant.
#[derive(Clone, Copy, Debug)]
pub enum Whose {
    /// The one that the counter of this number tracks.
    Counter(usize),
    /// The one that the counter tracks whose number is the next argument.
    Numbered,
    /// The one of the client's address.
    Source,
}

/// A value for a fetch. Arguments are the index of an array, the counter's number, the table: what of them
/// the fetch has, in this order.
pub fn fetch<'v>(context: &Context<'_>, args: &[Arg], whose: Whose, ask: Ask) -> Option<Value<'v>> {
    let indexed = matches!(
        ask,
        Ask::Element(_) | Ask::Increase(Counter::Element) | Ask::Clear(Counter::Element)
    );
    let (index, args) = match args {
        [index, rest @ ..] if indexed => (index_of(index)?, rest),
        _ => (0, args),
    };
    let found = find(context, args, whose, ask);
    if let Ask::Tracked = ask {
        // As in HAProxy, even if a table that is named has no entry of the tracked key.
        return Some(Value::Bool(found.is_some()));
    }
    let (table, entry) = found?;
    let Some(entry) = entry else { return Some(Value::Int(0)) };
    answer(context, &table, &entry, ask, index)
}

fn index_of(arg: &Arg) -> Option<usize> {
    usize::try_from(arg.int()?).ok()
}

/// The table, and the entry if it has one. For an address, what changes an entry makes it.
fn find(
    context: &Context<'_>,
    args: &[Arg],
    whose: Whose,
    ask: Ask,
) -> Option<(Arc<Table>, Option<Entry>)> {
    let tables = context.tables;
    let (number, args) = match (whose, args) {
        (Whose::Numbered, [number, rest @ ..]) => (index_of(number)?, rest),
        (Whose::Counter(number), _) => (number, args),
        _ => (0, args),
    };
    let table = args.iter().find_map(|arg| match arg {
        Arg::Table(id) => Some(*id),
        _ => None,
    });
    if let Whose::Source = whose {
        let table = tables.get(table?)?;
        let key = Key::address(table.kind(), source(context).ip())?;
        let changes = matches!(ask, Ask::Increase(_) | Ask::Clear(_) | Ask::Connected);
        let entry = match changes {
            true => Some(tables.obtain(table, &key)?),
            false => tables.find(table, &key),
        };
        return Some((table.clone(), entry));
    }
    let (own, entry) = context.variables.tracks().get(number)?;
    let Some(other) = table.and_then(|id| tables.get(id)) else { return Some((own, Some(entry))) };
    // The same key in another table.
    let key = Key::same(other.kind(), entry.key_bytes(own.layout()))?;
    Some((other.clone(), tables.find(other, &key)))
}

fn answer<'v>(
    context: &Context<'_>,
    table: &Table,
    entry: &Entry,
    ask: Ask,
    index: usize,
) -> Option<Value<'v>> {
    let now_ms = context.tables.now_ms();
    let get = |(slot, index): Place<'_>| entry.get(slot, index, now_ms);
    let value = match ask {
        Ask::Get(kind) => get(slot(table, kind)?)?,
        Ask::Kilo(kind) => get(slot(table, kind)?)? >> 10,
        Ask::Element(kind) => get((table.layout().slot(kind)?, index))?,
        Ask::Increase(counter) => increase(table, entry, counter, index, 1, now_ms)?,
        Ask::Clear(counter) => {
            let (count, _) = counter_slots(table, counter, index);
            let (slot, index) = count?;
            entry.set(slot, index, 0, now_ms)?
        }
        Ask::Trackers => entry.uses().into(),
        Ask::Connected => entry.add(table.layout().slot(DataKind::ConnCnt)?, 0, 1, now_ms)?,
        Ask::Tracked => return Some(Value::Bool(true)),
    };
    Some(Value::Int(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// Where a count or rate is: its slot, and the element there.
type Place<'t> = (&'t Slot, usize);

/// Where a kind is: the old single counters may be elements of the arrays.
fn slot(table: &Table, kind: DataKind) -> Option<Place<'_>> {
    let layout = table.layout();
    let (array, index) = match kind {
        DataKind::Gpc0 => (DataKind::Gpc, 0),
        DataKind::Gpc1 => (DataKind::Gpc, 1),
        DataKind::Gpc0Rate => (DataKind::GpcRate, 0),
        DataKind::Gpc1Rate => (DataKind::GpcRate, 1),
        DataKind::Gpt0 => (DataKind::Gpt, 0),
        _ => return Some((layout.slot(kind)?, 0)),
    };
    let single = layout.slot(kind).map(|slot| (slot, 0));
    single.or_else(|| Some((layout.slot(array)?, index)))
}

/// Where a counter and its rate are.
fn counter_slots(
    table: &Table,
    counter: Counter,
    index: usize,
) -> (Option<Place<'_>>, Option<Place<'_>>) {
    let layout = table.layout();
    match counter {
        Counter::Old(0) => (slot(table, DataKind::Gpc0), slot(table, DataKind::Gpc0Rate)),
        Counter::Old(_) => (slot(table, DataKind::Gpc1), slot(table, DataKind::Gpc1Rate)),
        Counter::Element => (
            layout.slot(DataKind::Gpc).map(|slot| (slot, index)),
            layout.slot(DataKind::GpcRate).map(|slot| (slot, index)),
        ),
    }
}

/// Adds to a general counter and its rate; the counter then, or what came in the period that runs.
fn increase(
    table: &Table,
    entry: &Entry,
    counter: Counter,
    index: usize,
    by: u64,
    now_ms: u64,
) -> Option<u64> {
    let (count, rate) = counter_slots(table, counter, index);
    let rate = rate.and_then(|(slot, index)| entry.add(slot, index, by, now_ms));
    let count = count.and_then(|(slot, index)| entry.add(slot, index, by, now_ms));
    count.or(rate)
}

/// `sc-inc-gpc` and its relatives: adds to a counter of what is tracked.
pub fn add_to_tracked(
    context: &Context<'_>,
    number: u8,
    counter: Counter,
    index: usize,
    by: u64,
) -> Option<()> {
    let (table, entry) = context.variables.tracks().get(number.into())?;
    let now_ms = context.tables.now_ms();
    increase(&table, &entry, counter, index, by, now_ms).map(drop)
}

/// `sc-set-gpt` and its relative: sets a tag of what is tracked.
pub fn tag_tracked(
    context: &Context<'_>,
    number: u8,
    index: Option<usize>,
    value: u64,
) -> Option<()> {
    let (table, entry) = context.variables.tracks().get(number.into())?;
    let (slot, index) = match index {
        Some(index) => (table.layout().slot(DataKind::Gpt)?, index),
        None => slot(&table, DataKind::Gpt0)?,
    };
    entry.set(slot, index, value, context.tables.now_ms()).map(drop)
}

/// What a converter asks of an entry.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// A count or a rate; zero without an entry.
    Get(DataKind),
    /// The same in units of 1024.
    Kilo(DataKind),
    /// An element of an array, by the first argument.
    Element(DataKind),
    /// The number of the server.
    Server,
    /// How many count in it.
    Trackers,
    /// Whether there is one.
    Known,
    /// Milliseconds until it expires, or the default.
    Expire,
    /// Milliseconds since it was used, or the default.
    Idle,
}

/// A value for a converter, whose arguments are the index of an array, the table, the default: what of
/// them it has.
pub fn convert<'v>(
    context: &Context<'_>,
    value: Value<'_>,
    args: &[Arg],
    of: Of,
) -> Option<Value<'v>> {
    let tables = context.tables;
    let id = args.iter().find_map(|arg| match arg {
        Arg::Table(id) => Some(*id),
        _ => None,
    })?;
    let table = tables.get(id)?;
    let now_ms = tables.now_ms();
    let entry = tables.find(table, &key(table.kind(), value)?);
    if let Of::Known = of {
        return Some(Value::Bool(entry.is_some()));
    }
    let Some(entry) = entry else {
        return match of {
            Of::Expire | Of::Idle => args.last()?.int().map(Value::Int),
            _ => Some(Value::Int(0)),
        };
    };
    let value = match of {
        Of::Get(kind) => {
            let (slot, index) = slot(table, kind)?;
            entry.get(slot, index, now_ms)?
        }
        Of::Kilo(kind) => entry.get(table.layout().slot(kind)?, 0, now_ms)? >> 10,
        Of::Element(kind) => {
            entry.get(table.layout().slot(kind)?, index_of(args.first()?)?, now_ms)?
        }
        Of::Server => server_number(context, id, table, &entry)?,
        Of::Trackers => entry.uses().into(),
        Of::Known => 1,
        Of::Expire => {
            let idle = entry.idle_ms(now_ms);
            table.expire_ms().map_or(0, |expire| expire.saturating_sub(idle))
        }
        Of::Idle => match table.expire_ms() {
            Some(_) => entry.idle_ms(now_ms),
            None => 0,
        },
    };
    Some(Value::Int(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn server_number(context: &Context<'_>, id: TableId, table: &Table, entry: &Entry) -> Option<u64> {
    let tables = context.tables;
    let stored = entry.get(table.layout().slot(DataKind::ServerId)?, 0, 0)?;
    let server = tables.resolve(id, table, crate::stick::Identity(stored));
    Some(server.and_then(|it| tables.number(it)).map_or(0, u64::from))
}
