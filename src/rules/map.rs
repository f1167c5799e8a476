//! Map files: patterns and the values they stand for (HAProxy 3.0, configuration.txt §2.7 and the
//! converter `map`).
//!
//! In: a file's lines, `key value`. Out: [`Map::find`]. Exact strings and addresses are looked up,
//! the longest prefix of `beg` wins; every other method tries the lines in order.
//!
//! Limits: what a file of [`FILE_MAX`](crate::config::source::FILE_MAX) bytes holds.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use core::net::{IpAddr, Ipv6Addr};

use regex::bytes::{Captures, Regex};

use super::compiler::Compiler;
use super::pcre;
use super::value::Value;
use crate::config::args::shown_text;
use crate::config::source::Span;

/// How keys are compared with samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The whole text.
    Str,
    /// Its beginning.
    Beg,
    /// Its end.
    End,
    /// Anywhere in it.
    Sub,
    /// A part between slashes.
    Dir,
    /// A part between dots.
    Dom,
    /// A regular expression.
    Reg,
    /// A regular expression whose groups the value may name.
    Regm,
    /// A number or a range.
    Int,
    /// An address or a network.
    Ip,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Any text.
    Str,
    /// A number.
    Int,
    /// An address.
    Ip,
    /// The key that matched.
    Key,
}

/// A line of a map.
#[derive(Debug)]
pub struct Entry {
    /// As written.
    pub key: Box<str>,
    /// As written; empty if there is none.
    pub value: Box<str>,
}

/// A map, loaded.
#[derive(Debug)]
pub struct Map {
    matching: Matching,
    output: Output,
    entries: Vec<Entry>,
    /// For `Str` and `Beg`: the first entry of each key.
    exact: BTreeMap<Box<[u8]>, usize>,
    /// For `Ip`: by prefix length (longest first when walked backwards), the first entry of each network.
    networks: BTreeMap<u8, BTreeMap<u128, usize>>,
    regexes: Vec<Regex>,
    ranges: Vec<RangeInclusive<i64>>,
}

impl Map {
    /// Loads what `name` names; faults are reported at `span`.
    pub fn load(
        name: &str,
        matching: Matching,
        output: Output,
        span: Span,
        compiler: &mut Compiler<'_>,
    ) -> Option<Map> {
        let content = content(name, span, compiler)?;
        let mut map = Map {
            matching,
            output,
            entries: Vec::new(),
            exact: BTreeMap::new(),
            networks: BTreeMap::new(),
            regexes: Vec::new(),
            ranges: Vec::new(),
        };
        for (number, line) in content.lines().enumerate() {
            if let Err(message) = map.line(line) {
                compiler
                    .report
                    .error(span, format!("{name}:{}: {message}", number + 1))
                    .label("this file");
                return None;
            }
        }
        Some(map)
    }

    /// Takes a line in.
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.starts_with('#') {
            return Ok(());
        }
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            return Ok(());
        }
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let value = value.trim_start_matches([' ', '\t']);
        let typed = match self.output {
            Output::Str | Output::Key => true,
            Output::Int => value.parse::<i64>().is_ok(),
            Output::Ip => value.parse::<IpAddr>().is_ok(),
        };
        if !typed {
            let wanted = if self.output == Output::Int { "a number" } else { "an address" };
            return Err(format!("the value `{}` is not {wanted}", shown_text(value)));
        }
        self.index(key)?;
        self.entries.push(Entry { key: key.into(), value: value.into() });
        Ok(())
    }

    fn index(&mut self, key: &str) -> Result<(), String> {
        let index = self.entries.len();
        match self.matching {
            Matching::Str | Matching::Beg => {
                self.exact.entry(key.as_bytes().into()).or_insert(index);
            }
            Matching::Ip => {
                let (network, length) =
                    network(key).ok_or_else(|| format!("`{}` is no address", shown_text(key)))?;
                self.networks.entry(length).or_default().entry(network).or_insert(index);
            }
            Matching::Reg | Matching::Regm => {
                let regex = pcre::regex(key, false);
                self.regexes.push(
                    regex.map_err(|_| format!("`{}` is no regular expression", shown_text(key)))?,
                );
            }
            Matching::Int => {
                let range =
                    range(key).ok_or_else(|| format!("`{}` is no number", shown_text(key)))?;
                self.ranges.push(range);
            }
            Matching::End | Matching::Sub | Matching::Dir | Matching::Dom => {}
        }
        Ok(())
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value for a sample.
    pub fn find<'a>(&'a self, sample: &Value<'_>) -> Option<Value<'a>> {
        let index = self.position(sample)?;
        let entry = self.entries.get(index)?;
        if self.output == Output::Key {
            return Some(Value::str(entry.key.as_bytes()));
        }
        if self.matching == Matching::Regm {
            let text = sample.clone().into_text();
            let groups = self.regexes.get(index)?.captures(&text)?;
            return Some(Value::string(with_groups(entry.value.as_bytes(), &groups)));
        }
        value_of(&entry.value, self.output)
    }

    fn position(&self, sample: &Value<'_>) -> Option<usize> {
        match self.matching {
            Matching::Ip => return self.by_network(sample.to_addr()?),
            Matching::Int => {
                let number = sample.to_int()?;
                return self.ranges.iter().position(|range| range.contains(&number));
            }
            _ => {}
        }
        let text = sample.clone().into_text();
        let text = &*text;
        let first = |fits: &dyn Fn(&[u8]) -> bool| {
            self.entries.iter().position(|entry| fits(entry.key.as_bytes()))
        };
        match self.matching {
            Matching::Str => self.exact.get(text).copied(),
            Matching::Beg => {
                (0..=text.len()).rev().find_map(|end| self.exact.get(&text[..end]).copied())
            }
            Matching::End => first(&|key| text.ends_with(key)),
            Matching::Sub => first(&|key| contains(text, key)),
            Matching::Dir => first(&|key| contains_part(text, key, b"/?")),
            Matching::Dom => first(&|key| contains_part(text, key, b"/?.:")),
            Matching::Reg | Matching::Regm => self.regexes.iter().position(|it| it.is_match(text)),
            Matching::Int | Matching::Ip => None,
        }
    }

    /// The entry of the longest network that holds the address.
    fn by_network(&self, address: IpAddr) -> Option<usize> {
        let (bits, offset) = bits(address);
        let fitting = self.networks.iter().rev().filter(|(length, _)| **length >= offset);
        fitting
            .map(|(length, networks)| networks.get(&(bits & prefix_mask(*length))))
            .find_map(|it| it.copied())
    }
}

/// A map's value, typed.
pub fn value_of(text: &str, output: Output) -> Option<Value<'_>> {
    match output {
        Output::Str | Output::Key => Some(Value::str(text.as_bytes())),
        Output::Int => text.parse().ok().map(Value::Int),
        Output::Ip => text.parse().ok().map(|it: IpAddr| Value::Addr(it.to_canonical())),
    }
}

/// The text of a list that rules name: `path`, `file@path`, `opt@path`, `virt@name`.
pub fn content(name: &str, span: Span, compiler: &mut Compiler<'_>) -> Option<String> {
    if name.starts_with("virt@") {
        return Some(String::new());
    }
    let optional = name.strip_prefix("opt@");
    let path = optional.or_else(|| name.strip_prefix("file@")).unwrap_or(name);
    match compiler.files.read(path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if optional.is_some() && error.kind() == std::io::ErrorKind::NotFound => {
            Some(String::new())
        }
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", shown_text(path));
            compiler.report.error(span, message).label("this file");
            None
        }
    }
}

/// `\1` in a value is a group of the match.
fn with_groups(value: &[u8], groups: &Captures<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    super::convert::substitute(value, groups, &mut out);
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
