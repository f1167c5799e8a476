//! Whole strings, hashed.
//!
//! The hash has no seed that changes: the keys are the configuration's, so nobody outside chooses what
//! collides, and evaluating the same request twice does the same. Case is folded while hashing, in
//! registers.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::rules::ascii;

/// A map whose keys are text without case.
#[derive(Clone, Debug)]
pub struct FoldMap<T> {
    /// Keys in lower case.
    table: HashTable<(Box<[u8]>, T)>,
    /// The length of the longest key.
    longest: usize,
}

impl<T> Default for FoldMap<T> {
    fn default() -> FoldMap<T> {
        FoldMap { table: HashTable::new(), longest: 0 }
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    ascii::words(text, |word| hasher.write_u64(word));
    hasher.finish()
}

impl<T> FoldMap<T> {
    /// The value of a key, whatever its case.
    #[inline]
    pub fn get(&self, text: &[u8]) -> Option<&T> {
        if text.len() > self.longest {
            return None;
        }
        self.table.find(hash(text), |(key, _)| ascii::is(key, text)).map(|(_, value)| value)
    }

    /// The value of a key; a new one is made of nothing.
    pub fn entry(&mut self, text: &[u8]) -> &mut T
    where
        T: Default,
    {
        self.longest = self.longest.max(text.len());
        let entry =
            self.table.entry(hash(text), |(key, _)| ascii::is(key, text), |(key, _)| hash(key));
        let new = || (text.to_ascii_lowercase().into(), T::default());
        &mut entry.or_insert_with(new).into_mut().1
    }
}

/// The spellings of one key that a set has.
#[derive(Clone, Debug, Default)]
pub struct Spellings {
    any: bool,
    only: Vec<Box<[u8]>>,
}

/// A set of strings, each with or without case.
#[derive(Clone, Debug)]
pub enum Exact {
    /// One: compared at once.
    One(Box<[u8]>, bool),
    /// None or many.
    Many(FoldMap<Spellings>),
}

impl Exact {
    /// A set of these strings; `true` ignores case.
    pub fn new(strings: impl Iterator<Item = (Box<[u8]>, bool)>) -> Exact {
        let strings: Vec<_> = strings.collect();
        if let [(text, fold)] = &*strings {
            return Exact::One(text.clone(), *fold);
        }
        let mut map = FoldMap::<Spellings>::default();
        for (text, fold) in strings {
            let spellings = map.entry(&text);
            spellings.any |= fold;
            if !fold && !spellings.only.contains(&text) {
                spellings.only.push(text);
            }
        }
        Exact::Many(map)
    }

    /// Whether it has this text.
    #[inline]
    pub fn has(&self, text: &[u8]) -> bool {
        match self {
            Exact::One(only, false) => **only == *text,
            Exact::One(only, true) => only.eq_ignore_ascii_case(text),
            Exact::Many(map) => {
                map.get(text).is_some_and(|it| it.any || it.only.iter().any(|only| **only == *text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(strings: &[(&str, bool)]) -> Exact {
        Exact::new(strings.iter().map(|(text, fold)| (text.as_bytes().into(), *fold)))
    }

    #[test]
    fn case_counts_unless_it_is_ignored() {
        let set =
            exact(&[("a.example", false), ("B.example", true), ("A.Example", false), ("", false)]);
        for inside in ["a.example", "A.Example", "b.EXAMPLE", ""] {
            assert!(set.has(inside.as_bytes()), "{inside}");
        }
        for outside in ["A.example", "b.example.", "c", "b.example\0"] {
            assert!(!set.has(outside.as_bytes()), "{outside}");
        }
        assert!(exact(&[("a", true)]).has(b"A") && !exact(&[("a", false)]).has(b"A"));
        assert!(!exact(&[]).has(b"") && !exact(&[]).has(&[b'a'; 1000]));
    }

    #[test]
    fn long_strings_are_found_too() {
        let long = "x".repeat(300);
        let (most, longer) = (&long[1..], format!("{long}y"));
        let set = exact(&[(&long, true), (most, false), (&longer, false), (&long, false)]);
        assert!(set.has(long.to_uppercase().as_bytes()) && set.has(most.as_bytes()));
        assert!(set.has(longer.as_bytes()) && !set.has(longer.to_uppercase().as_bytes()));
        assert!(!set.has(most.to_uppercase().as_bytes()));
    }
}
