use super::*;
use crate::config::plan::KeyKind;
use crate::stick::{Change, Cursor, Level, Local, Removed, Tables, Tracked, Tracks};
use std::collections::BTreeSet;

fn data(kind: DataKind) -> DataType {
    DataType { kind, count: 1, period: None }
}

fn declared(size: u32, expire_ms: Option<u64>, no_purge: bool) -> Declaration {
    Declaration {
        kind: KeyKind::Integer,
        size,
        expire_ms,
        no_purge,
        server_key: ServerKey::Name,
        data: vec![data(DataKind::ServerId), data(DataKind::ConnCur), data(DataKind::HttpReqCnt)],
    }
}

fn table(size: u32, expire_ms: Option<u64>, no_purge: bool) -> Arc<Table> {
    Arc::new(Table::new("t".into(), declared(size, expire_ms, no_purge), Arc::default()))
}

/// Held by a worker that has no handle of it.
fn hold(table: &Arc<Table>, number: i64, now_ms: u64) -> Option<Tracked> {
    Tracked::begin(&Local::new(Arc::new(Tables::at(now_ms))), table, &Key::number(number))
}

fn keys(table: &Table, now_ms: u64) -> BTreeSet<u32> {
    let (mut cursor, mut keys) = (Some(Cursor::default()), BTreeSet::new());
    while let Some(at) = cursor {
        let (rows, next) = table.rows(at, 3, now_ms);
        for row in rows {
            let bytes: [u8; 4] = row.key.as_slice().try_into().expect("four bytes");
            assert!(keys.insert(u32::from_be_bytes(bytes)), "no row comes twice");
        }
        cursor = next;
    }
    keys
}

#[test]
fn a_full_table_drops_the_oldest_that_is_not_in_use() {
    let table = table(4, None, false);
    let held = hold(&table, 0, 1).expect("room");
    for number in 1..4 {
        table.obtain(&Key::number(number), 1 + number as u64).expect("room");
    }
    table.touch(&Key::number(1), 10).expect("there");
    table.obtain(&Key::number(4), 11).expect("room is made");
    assert_eq!(keys(&table, 11), BTreeSet::from([0, 1, 3, 4]), "2 was the oldest");
    assert_eq!(table.used(), 4);
    drop(held);
    for number in 5..100 {
        table.obtain(&Key::number(number), 20).expect("room is made");
        assert_eq!(table.used(), 4);
    }
    assert_eq!(keys(&table, 20), BTreeSet::from([96, 97, 98, 99]));
}

#[test]
fn nopurge_takes_no_more_until_something_expires() {
    let table = table(2, Some(100), true);
    assert!(table.obtain(&Key::number(1), 0).is_some());
    assert!(table.obtain(&Key::number(2), 50).is_some());
    assert!(table.obtain(&Key::number(3), 60).is_none());
    assert!(table.obtain(&Key::number(1), 60).is_some(), "what is there is used");
    assert!(table.obtain(&Key::number(3), 149).is_none());
    assert!(table.obtain(&Key::number(3), 150).is_some());
    assert_eq!(keys(&table, 150), BTreeSet::from([1, 3]));
}

#[test]
fn entries_expire_unless_they_are_used_or_in_use() {
    let table = table(10, Some(100), false);
    let held = hold(&table, 1, 0).expect("room");
    table.obtain(&Key::number(2), 0).expect("room");
    table.obtain(&Key::number(3), 0).expect("room");
    table.touch(&Key::number(3), 90).expect("there");
    assert!(table.find(&Key::number(2), 99).is_some());
    assert!(table.find(&Key::number(2), 100).is_none(), "on the dot, before any purge");
    table.purge(0, 1, 150);
    assert_eq!((keys(&table, 150), table.used()), (BTreeSet::from([1, 3]), 2));
    drop(held);
    table.purge(0, 1, 100_000);
    assert_eq!(table.used(), 0);
}

#[test]
fn whoever_tracks_counts_in_the_one_entry() {
    let table = table(10, None, false);
    let tracks = Tracks::default();
    let begin = |number| hold(&table, number, 5).expect("room");
    tracks.set(0, Level::Connection, begin(1));
    let other = begin(1);
    let slot = table.layout().slot(DataKind::ConnCur).expect("stored");
    let (_, entry) = tracks.get(0).expect("tracked");
    assert!(entry.is(&other.entry));
    assert_eq!((entry.get(slot, 0, 5), entry.uses()), (Some(2), 2));
    drop(other);
    assert_eq!((entry.get(slot, 0, 5), entry.uses()), (Some(1), 1));
    tracks.set(0, Level::Exchange, begin(2));
    tracks.count(&[DataKind::HttpReqCnt], 3, 5);
    let of = |number| {
        let entry = table.find(&Key::number(number), 5).expect("there");
        entry.get(table.layout().slot(DataKind::HttpReqCnt).expect("stored"), 0, 5)
    };
    assert_eq!((of(1), of(2)), (Some(0), Some(3)), "the exchange's hides the connection's");
    tracks.end_exchange();
    assert!(!tracks.is_taken(0, Level::Exchange) && tracks.is_taken(0, Level::Connection));
    tracks.end_connection();
    assert!(tracks.is_empty());
    assert_eq!(entry.uses(), 0);
}

#[test]
fn entries_can_be_set_and_removed_from_outside() {
    let table = table(10, None, false);
    let change = Change { kind: DataKind::HttpReqCnt, index: 0, value: 7 };
    assert!(table.change(&Key::number(1), &[change], 1));
    let row = table.row(&Key::number(1), 1).expect("made");
    let slot = table.layout().slot(DataKind::HttpReqCnt).expect("stored");
    assert_eq!((row.entry.get(slot, 0, 1), row.uses), (Some(7), 0));
    let held = hold(&table, 1, 2);
    assert_eq!(table.remove(&Key::number(1)), Removed::InUse);
    drop(held);
    assert_eq!(table.remove(&Key::number(1)), Removed::Gone);
    assert_eq!((table.remove(&Key::number(1)), table.used()), (Removed::Unknown, 0));
}

#[test]
fn of_two_who_store_a_server_the_first_one_holds() {
    let table = table(10, None, false);
    let slot = table.layout().slot(DataKind::ServerId).expect("stored");
    let one = table.obtain(&Key::number(1), 1).expect("room");
    let other = table.obtain(&Key::number(1), 1).expect("there");
    assert_eq!(one.swap(slot, 0, 11), Ok(()));
    assert_eq!(other.swap(slot, 0, 12), Err(11));
    assert_eq!(other.swap(slot, 11, 12), Ok(()));
    assert_eq!(one.get(slot, 0, 1), Some(12));
}

#[test]
fn threads_never_exceed_the_size_and_leave_nothing_in_use() {
    let table = table(10_000, Some(1000), false);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let table = &table;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(thread);
                let mut held = Vec::new();
                let local = Local::new(Arc::new(Tables::at(0)));
                for now in 0..20_000 {
                    local.tell_time(now);
                    let key = Key::number(random.i64(0..20_000));
                    match random.u8(0..4) {
                        0 => held.extend(Tracked::begin(&local, table, &key)),
                        1 if !held.is_empty() => {
                            drop(held.swap_remove(random.usize(0..held.len())))
                        }
                        2 => drop(table.remove(&key)),
                        _ => drop(local.obtain(table, &key)),
                    }
                    assert!(table.used() <= table.size());
                }
            });
        }
    });
    let now = 1_000_000;
    for _ in 0..1000 {
        table.purge(0, 1, now);
    }
    assert_eq!((table.used(), keys(&table, now).len()), (0, 0));
}
