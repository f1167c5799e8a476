//! Converters: what makes another sample of a sample.
//!
//! One file a family, each with a `CONVERTERS` table beside its functions.

mod address;
mod bytes;
mod date;
pub mod hash;
mod json;
mod later;
mod map;
mod number;
mod proxy;
#[cfg(test)]
mod recorded;
mod table;
mod text;
mod variable;

use std::collections::BTreeMap;
use std::sync::OnceLock;

pub use text::substitute;
pub use variable::{condition_holds, is_condition};

use super::arg::{Arg, Param};
use super::compiler::Compiler;
use super::context::Context;
use super::value::{Type, Value};
use crate::config::keyword::Status;
use crate::config::source::Span;

/// A converter.
pub struct Converter {
    /// Its name.
    pub name: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// What it takes; the sample is cast to it before.
    pub input: Type,
    /// What it gives.
    pub output: Type,
    /// What Koi does with it.
    pub status: Status,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// An expression that must parse.
    pub example: &'static str,
    /// Checks arguments beyond their types when the configuration is read, and loads what they name;
    /// `None` means that it has reported a fault.
    pub check: Option<Check>,
    /// Converts. The sample is `None` if there is none, or if the cast failed; nearly all converters
    /// then give `None`.
    pub apply: Apply,
}

const TABLES: &[&[Converter]] = &[
    address::CONVERTERS,
    bytes::CONVERTERS,
    date::CONVERTERS,
    hash::CONVERTERS,
    json::CONVERTERS,
    later::CONVERTERS,
    map::STR,
    map::BEG,
    map::END,
    map::SUB,
    map::DIR,
    map::DOM,
    map::REG,
    map::INT,
    map::IP,
    map::OTHERS,
    number::CONVERTERS,
    proxy::CONVERTERS,
    table::CONVERTERS,
    text::CONVERTERS,
    variable::CONVERTERS,
];

/// How a converter checks its arguments when the configuration is read.
pub type Check = fn(&mut [Arg], Span, &mut Compiler<'_>) -> Option<()>;

/// How a converter converts.
pub type Apply = for<'a> fn(&Context<'a>, Option<Value<'a>>, &'a [Arg]) -> Option<Value<'a>>;

/// A supported converter without a check of its own.
const fn converter(
    name: &'static str,
    params: &'static [Param],
    input: Type,
    output: Type,
    about: &'static str,
    example: &'static str,
    apply: Apply,
) -> Converter {
    let status = Status::Supported;
    Converter { name, params, input, output, status, about, example, check: None, apply }
}

/// The same converter with a check of its arguments.
const fn checked(converter: Converter, check: Check) -> Converter {
    Converter { check: Some(check), ..converter }
}

/// Every converter.
pub fn all() -> impl Iterator<Item = &'static Converter> {
    TABLES.iter().copied().flatten()
}

/// Every name.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|converter| converter.name)
}

/// The converter of this name.
pub fn find(name: &str) -> Option<&'static Converter> {
    static INDEX: OnceLock<BTreeMap<&'static str, &'static Converter>> = OnceLock::new();
    INDEX.get_or_init(|| all().map(|it| (it.name, it)).collect()).get(name).copied()
}
