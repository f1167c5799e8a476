//! All lists of a program, by name and number.
//!
//! A program that follows another one (a reload) takes over its lists, with all that was changed in them,
//! where the file on the disk is what it was when the list was read. Where the file has changed, it is what
//! the operator wants.

use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use super::{Entries, Figures, List, State};

/// Where patterns come from that stand on lines of the configuration: they do not change.
#[derive(Clone, Debug)]
pub struct Origins {
    /// Their number, as lists have one.
    pub id: u32,
    /// Where they stand, in words.
    pub about: String,
    /// The patterns.
    pub patterns: Arc<[Box<str>]>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Lists {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    lists: Vec<Arc<List>>,
    fixed: Vec<Origins>,
    /// Those of the program before.
    before: Vec<Arc<List>>,
    next: u32,
}

impl Lists {
    /// Lists of a program that follows another one.
    pub fn after(before: &Lists) -> Lists {
        let lists = before.all();
        let next = lists.iter().map(|list| list.id + 1).max().unwrap_or(0);
        Lists { book: Mutex::new(Book { before: lists, next, ..Book::default() }) }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Book) -> T) -> T {
        look(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The list of a file: the one there is, or a new one with these lines (number, key, value).
    pub fn open(
        &self,
        name: &str,
        is_map: bool,
        lines: impl Iterator<Item = (usize, String, String)>,
    ) -> Arc<List> {
        let same = |it: &&Arc<List>| *it.name == *name && it.is_map == is_map;
        if let Some(list) = self.with(|book| book.lists.iter().find(same).cloned()) {
            return list;
        }
        let lines: Vec<_> = lines.collect();
        let digest = digest(&lines);
        self.with(|book| {
            let old = book.before.iter().find(|it| same(it) && it.digest == digest).cloned();
            let list = old.unwrap_or_else(|| {
                let id = book.next;
                book.next += 1;
                Arc::new(List {
                    id,
                    name: name.into(),
                    is_map,
                    digest,
                    state: Mutex::new(state(lines)),
                })
            });
            book.lists.push(list.clone());
            list
        })
    }

    /// Notes patterns that stand on a line of the configuration.
    pub fn note_fixed(&self, about: String, patterns: Arc<[Box<str>]>) {
        self.with(|book| {
            if !book.fixed.iter().any(|it| it.about == about && it.patterns == patterns) {
                let id = book.next;
                book.next += 1;
                book.fixed.push(Origins { id, about, patterns });
            }
        });
    }

    /// All lists, in the order of their numbers.
    pub fn all(&self) -> Vec<Arc<List>> {
        let mut all = self.with(|book| book.lists.clone());
        all.sort_unstable_by_key(|list| list.id);
        all
    }

    /// All patterns that do not change.
    pub fn fixed(&self) -> Vec<Origins> {
        self.with(|book| book.fixed.clone())
    }

    /// The list of a file's name: a map, or patterns.
    pub fn named(&self, name: &str, is_map: bool) -> Option<Arc<List>> {
        let same = |it: &&Arc<List>| {
            let bare = it.name.strip_prefix("virt@").unwrap_or(&it.name);
            it.is_map == is_map && (*it.name == *name || *bare == *name)
        };
        self.with(|book| book.lists.iter().find(same).cloned())
    }

    /// What there is of each, for who wants to tell of lists that a reload dropped: those that were changed
    /// at run time, and whose file is another now.
    pub fn left_behind(&self) -> Vec<(Box<str>, Figures)> {
        let (before, now) = self.with(|book| (book.before.clone(), book.lists.clone()));
        let lost = |old: &&Arc<List>| {
            let goes_on = now.iter().any(|new| Arc::ptr_eq(old, new));
            let is_named = now.iter().any(|new| new.name == old.name && new.is_map == old.is_map);
            !goes_on && is_named && old.lock().changed
        };
        before.iter().filter(lost).map(|old| (old.name.clone(), old.figures())).collect()
    }

    /// Forgets the program before, once this one is in its place.
    pub fn forget_before(&self) {
        self.with(|book| book.before.clear());
    }
}

fn digest(lines: &[(usize, String, String)]) -> u64 {
    let mut text = Vec::new();
    for (_, key, value) in lines {
        text.extend_from_slice(key.as_bytes());
        text.push(b' ');
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
    xxh3_64(&text)
}

fn state(lines: Vec<(usize, String, String)>) -> State {
    let mut entries = Entries::new();
    for (id, (line, key, value)) in (0_u64..).zip(lines) {
        let (key, value) = (key.into(), value.into());
        entries.insert(id, Arc::new(super::Entry { id, key, value, line }));
    }
    let next_id = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    State { entries, next_id, ..State::default() }
}
