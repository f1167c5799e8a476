//! What a map looks things up in: an index of its list's entries, swapped as a whole.
//!
//! Trees that share what two of them have in common: a changed copy costs a few nodes, not the whole.

use core::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::OrdMap;
use regex::bytes::{Captures, Regex};

use super::{Matching, Output, value_of};
use crate::config::args::shown_text;
use crate::rules::lists::{Change, Entries, Entry, Place, Prepared, Use};
use crate::rules::pcre;
use crate::rules::value::Value;

/// A map's way to its list's entries.
#[derive(Debug)]
pub(super) struct Index {
    matching: Matching,
    output: Output,
    now: ArcSwap<Tables>,
}

/// What it is just now.
#[derive(Clone, Debug, Default)]
struct Tables {
    /// For `Str` and `Beg`: the entries of each key.
    exact: OrdMap<Box<[u8]>, Same>,
    /// For `Ip`: by prefix length (longest first when walked backwards), the entries of each network.
    networks: OrdMap<u8, OrdMap<u128, Same>>,
    /// For the methods that try one entry after the other.
    rows: OrdMap<u64, (Arc<Entry>, Row)>,
}

/// Entries of one key, in order.
#[derive(Clone, Debug)]
struct Same {
    first: Arc<Entry>,
    more: Vec<Arc<Entry>>,
}

/// What a sample is tried with.
#[derive(Clone, Debug)]
enum Row {
    Text,
    Regex(Regex),
    Range(RangeInclusive<i64>),
}

impl Same {
    fn new(first: Arc<Entry>) -> Same {
        Same { first, more: Vec::new() }
    }

    fn add(mut self, entry: Arc<Entry>) -> Same {
        self.more.push(entry);
        self
    }

    /// Without this one; nothing if there was no other.
    fn without(&self, id: u64) -> Option<Same> {
        let mut left = self.all().into_iter().filter(|it| it.id != id);
        Some(Same { first: left.next()?, more: left.collect() })
    }

    fn replaced(&self, new: &Arc<Entry>) -> Same {
        let or_new = |it: &Arc<Entry>| if it.id == new.id { new.clone() } else { it.clone() };
        Same { first: or_new(&self.first), more: self.more.iter().map(or_new).collect() }
    }

    fn all(&self) -> Vec<Arc<Entry>> {
        std::iter::once(&self.first).chain(&self.more).cloned().collect()
    }
}

impl Tables {
    fn add(&mut self, matching: Matching, entry: &Arc<Entry>) -> Result<(), String> {
        let key = &*entry.key;
        let joined = |old: Option<Same>| match old {
            None => Some(Same::new(entry.clone())),
            Some(old) => Some(old.add(entry.clone())),
        };
        let row = match matching {
            Matching::Str | Matching::Beg => {
                self.exact = self.exact.alter(joined, key.as_bytes().into());
                return Ok(());
            }
            Matching::Ip => {
                let (network, length) = network(key).ok_or_else(|| unusable(key, "address"))?;
                let of_length = self.networks.entry(length).or_default();
                *of_length = of_length.alter(joined, network);
                return Ok(());
            }
            Matching::Reg | Matching::Regm => {
                let regex = pcre::regex(key, false);
                Row::Regex(regex.map_err(|_| unusable(key, "regular expression"))?)
            }
            Matching::Int => Row::Range(range(key).ok_or_else(|| unusable(key, "number"))?),
            Matching::End | Matching::Sub | Matching::Dir | Matching::Dom => Row::Text,
        };
        self.rows.insert(entry.id, (entry.clone(), row));
        Ok(())
    }

    fn remove(&mut self, matching: Matching, entry: &Entry) {
        let left = |old: Option<Same>| old.and_then(|old| old.without(entry.id));
        self.change(matching, entry, left);
        self.rows.remove(&entry.id);
    }

    fn set(&mut self, matching: Matching, new: &Arc<Entry>) {
        self.change(matching, new, |old| old.map(|old| old.replaced(new)));
        if let Some((entry, _)) = self.rows.get_mut(&new.id) {
            *entry = new.clone();
        }
    }

    fn change(
        &mut self,
        matching: Matching,
        entry: &Entry,
        change: impl FnOnce(Option<Same>) -> Option<Same>,
    ) {
        match matching {
            Matching::Str | Matching::Beg => {
                self.exact = self.exact.alter(change, entry.key.as_bytes().into());
            }
            Matching::Ip => {
                if let Some((network, length)) = network(&entry.key)
                    && let Some(of_length) = self.networks.get(&length)
                {
                    self.networks.insert(length, of_length.alter(change, network));
                }
            }
            _ => {}
        }
    }

    fn find(&self, matching: Matching, sample: &Value<'_>) -> Option<&Arc<Entry>> {
        match matching {
            Matching::Ip => return self.by_network(sample.to_addr()?),
            Matching::Int => {
                let number = sample.to_int()?;
                return self.first(|_, row| matches!(row, Row::Range(it) if it.contains(&number)));
            }
            _ => {}
        }
        let text = sample.clone().into_text();
        let text = &*text;
        let by_key =
            |fits: &dyn Fn(&[u8]) -> bool| self.first(|entry, _| fits(entry.key.as_bytes()));
        match matching {
            Matching::Str => self.exact.get(text).map(|same| &same.first),
            Matching::Beg => (0..=text.len())
                .rev()
                .find_map(|end| self.exact.get(&text[..end]))
                .map(|same| &same.first),
            Matching::End => by_key(&|key| text.ends_with(key)),
            Matching::Sub => by_key(&|key| contains(text, key)),
            Matching::Dir => by_key(&|key| contains_part(text, key, b"/?")),
            Matching::Dom => by_key(&|key| contains_part(text, key, b"/?.:")),
            Matching::Reg | Matching::Regm => {
                self.first(|_, row| matches!(row, Row::Regex(it) if it.is_match(text)))
            }
            Matching::Int | Matching::Ip => None,
        }
    }

    fn first(&self, fits: impl Fn(&Entry, &Row) -> bool) -> Option<&Arc<Entry>> {
        self.rows.values().find(|(entry, row)| fits(entry, row)).map(|(entry, _)| entry)
    }

    /// The entry of the longest network that holds the address.
    fn by_network(&self, address: IpAddr) -> Option<&Arc<Entry>> {
        let (bits, offset) = bits(address);
        let fitting = self.networks.iter().rev().filter(|(length, _)| **length >= offset);
        fitting
            .map(|(length, networks)| networks.get(&(bits & prefix_mask(*length))))
            .find_map(|it| it.map(|same| &same.first))
    }
}

fn unusable(key: &str, what: &str) -> String {
    format!("`{}` is no {what}", shown_text(key))
}

impl Index {
    pub fn new(matching: Matching, output: Output) -> Index {
        Index { matching, output, now: ArcSwap::default() }
    }

    /// The value for a sample.
    pub fn find(&self, sample: &Value<'_>) -> Option<Value<'static>> {
        let now = self.now.load();
        let entry = now.find(self.matching, sample)?;
        if self.output == Output::Key {
            return Some(Value::string(entry.key.as_bytes()));
        }
        if self.matching == Matching::Regm {
            let text = sample.clone().into_text();
            let Some((_, Row::Regex(regex))) = now.rows.get(&entry.id) else { return None };
            return Some(Value::string(with_groups(
                entry.value.as_bytes(),
                &regex.captures(&text)?,
            )));
        }
        value_of(&entry.value, self.output).map(Value::into_owned)
    }
}

impl Use for Index {
    fn check(&self, entry: &Entry) -> Result<(), String> {
        let typed = match self.output {
            Output::Str | Output::Key => true,
            Output::Int => entry.value.parse::<i64>().is_ok(),
            Output::Ip => entry.value.parse::<IpAddr>().is_ok(),
        };
        if !typed {
            let wanted = if self.output == Output::Int { "a number" } else { "an address" };
            return Err(format!("the value `{}` is not {wanted}", shown_text(&entry.value)));
        }
        let key = &*entry.key;
        match self.matching {
            Matching::Ip => network(key).map(drop).ok_or_else(|| unusable(key, "address")),
            Matching::Int => range(key).map(drop).ok_or_else(|| unusable(key, "number")),
            Matching::Reg | Matching::Regm => {
                pcre::regex(key, false).map(drop).map_err(|_| unusable(key, "regular expression"))
            }
            _ => Ok(()),
        }
    }

    fn prepare<'u>(&'u self, change: &Change, entries: &Entries) -> Result<Prepared<'u>, String> {
        let mut tables = match change {
            Change::All => Tables::default(),
            _ => Tables::clone(&self.now.load()),
        };
        match change {
            Change::All => {
                entries.values().try_for_each(|entry| tables.add(self.matching, entry))?;
            }
            Change::Added(added) => {
                added.iter().try_for_each(|entry| tables.add(self.matching, entry))?;
            }
            Change::Removed(removed) => {
                removed.iter().for_each(|entry| tables.remove(self.matching, entry));
            }
            Change::Set(entry) => tables.set(self.matching, entry),
        }
        let tables = Arc::new(tables);
        Ok(Prepared::new(move || self.now.store(tables)))
    }

    fn entries_of(&self, key: &str) -> Option<Vec<Arc<Entry>>> {
        matches!(self.matching, Matching::Str | Matching::Beg).then(|| {
            let now = self.now.load();
            now.exact.get(key.as_bytes()).map(Same::all).unwrap_or_default()
        })
    }

    fn look_up(&self, text: &str, _: &Entries) -> Place {
        let tree = matches!(self.matching, Matching::Str | Matching::Beg | Matching::Ip);
        Place {
            method: match self.matching {
                Matching::Str => "str",
                Matching::Beg => "beg",
                Matching::End => "end",
                Matching::Sub => "sub",
                Matching::Dir => "dir",
                Matching::Dom => "dom",
                Matching::Reg => "reg",
                Matching::Regm => "regm",
                Matching::Int => "int",
                Matching::Ip => "ip",
            },
            fold: false,
            tree,
            kind: match self.output {
                Output::Str | Output::Key => "str",
                Output::Int => "int",
                Output::Ip => "ip",
            },
            entry: self.now.load().find(self.matching, &Value::str(text.as_bytes())).cloned(),
        }
    }
}

/// `\1` in a value is a group of the match.
fn with_groups(value: &[u8], groups: &Captures<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    crate::rules::convert::substitute(value, groups, &mut out);
    out
}

fn contains(text: &[u8], key: &[u8]) -> bool {
    key.is_empty() || text.windows(key.len()).any(|window| window == key)
}

/// Whether `key` stands in `text` with delimiters, or the ends, on both sides.
fn contains_part(text: &[u8], key: &[u8], delimiters: &[u8]) -> bool {
    let trim = |bytes: &'_ [u8]| -> (usize, usize) {
        let start = bytes.iter().take_while(|byte| delimiters.contains(byte)).count();
        let end = bytes.iter().rev().take_while(|byte| delimiters.contains(byte)).count();
        (start, bytes.len().saturating_sub(end).max(start))
    };
    let (start, end) = trim(key);
    let key = &key[start..end];
    if key.is_empty() {
        return false;
    }
    let bound = |byte: Option<&u8>| byte.is_none_or(|byte| delimiters.contains(byte));
    text.windows(key.len()).enumerate().any(|(at, window)| {
        window == key
            && bound(at.checked_sub(1).and_then(|at| text.get(at)))
            && bound(text.get(at + key.len()))
    })
}

/// `5`, `5:7`, `:7`, `5:`, also with a minus sign.
fn range(text: &str) -> Option<RangeInclusive<i64>> {
    match text.split_once(':') {
        None => text.parse().ok().map(|number| number..=number),
        Some((low, high)) => {
            let low = if low.is_empty() { i64::MIN } else { low.parse().ok()? };
            let high = if high.is_empty() { i64::MAX } else { high.parse().ok()? };
            Some(low..=high)
        }
    }
}

/// An address in 128 bits, and how many of them all addresses of its family share.
fn bits(address: IpAddr) -> (u128, u8) {
    match address.to_canonical() {
        IpAddr::V4(it) => (u128::from(it.to_ipv6_mapped()), 96),
        IpAddr::V6(it) => (u128::from(it), 0),
    }
}

fn prefix_mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0)
}

/// `192.0.2.0/24`, `192.0.2.1`, `2001:db8::/32`: the network in 128 bits and its length there.
fn network(text: &str) -> Option<(u128, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most: u8 = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => most,
        Some(length) => match length.parse::<u8>() {
            Ok(length) if length <= most => length,
            Ok(_) => return None,
            Err(_) => {
                let mask: core::net::Ipv4Addr = length.parse().ok().filter(|_| most == 32)?;
                let ones = u32::from(mask).leading_ones();
                (u32::from(mask).count_ones() == ones).then_some(ones as u8)?
            }
        },
    };
    let (bits, length) = match address {
        IpAddr::V4(it) => (u128::from(it.to_ipv6_mapped()), length + 96),
        IpAddr::V6(it) => (u128::from(Ipv6Addr::from(u128::from(it))), length),
    };
    Some((bits & prefix_mask(length), length))
}
