//! Fetches: where samples come from.
//!
//! One file a family, each with a `FETCHES` table beside its functions.

/// Fetches of what `Times` tells.
macro_rules! times {
    ($($name:ident)*) => {
        $(fn $name<'a>(
            context: &$crate::rules::context::Context<'a>,
            _: &'a [$crate::rules::arg::Arg],
        ) -> Option<$crate::rules::value::Value<'a>> {
            Some($crate::rules::value::Value::Int(context.exchange.times.$name()))
        })*
    };
}

pub mod acl_names;
pub mod auth;
pub mod certificate;
mod connection;
mod content;
mod cookies;
mod fields;
mod http;
mod internal;
pub mod list;
pub mod lookup;
mod number;
mod places;
mod stick;
mod target;
mod time;
mod tls;

pub use auth::in_group;
pub use connection::source;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use super::arg::{Arg, Param};
use super::compiler::{Compiler, Scope};
use super::context::Context;
use super::value::{Type, Value};
use crate::config::keyword::{Feature, Status};
use crate::config::source::Span;

/// What a fetch hands its samples to.
pub type Each<'f, 'a> = &'f mut dyn FnMut(Value<'a>) -> ControlFlow<()>;

/// Gives a sample.
pub type One = for<'a> fn(&Context<'a>, &'a [Arg]) -> Option<Value<'a>>;

/// Hands over samples in order. Ends when the callback breaks.
pub type Many = for<'a> fn(&Context<'a>, &'a [Arg], Each<'_, 'a>) -> ControlFlow<()>;

/// How a fetch is evaluated. Its arguments are as many as its parameters.
#[derive(Clone, Copy)]
pub enum Get {
    /// At most one sample.
    One(One),
    /// Any number: the one that an expression gives, and, for ACLs, each of them.
    Many(One, Many),
    /// Not in this build: no sample.
    Never,
}

/// A fetch.
pub struct Fetch {
    /// Its name; names of one meaning are entries of their own.
    pub name: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// What it gives.
    pub output: Type,
    /// Where it is known: any of these.
    pub scopes: Scope,
    /// What Koi does with it.
    pub status: Status,
    /// What it gives, in a sentence or two.
    pub about: &'static str,
    /// An expression that must parse.
    pub example: &'static str,
    /// Checks arguments beyond their types when the configuration is read; `None` means that it has
    /// reported a fault.
    pub check: Option<Check>,
    /// How it is evaluated.
    pub get: Get,
}

/// What checks arguments beyond their types.
pub type Check = fn(&mut [Arg], Span, &mut Compiler<'_>) -> Option<()>;

impl Fetch {
    /// A fetch without arguments that is evaluated by `get`. Its example is its name.
    pub const fn new(
        name: &'static str,
        output: Type,
        scopes: Scope,
        get: Get,
        about: &'static str,
    ) -> Fetch {
        Fetch {
            name,
            params: &[],
            output,
            scopes,
            status: Status::Supported,
            about,
            example: name,
            check: None,
            get,
        }
    }

    /// The same, not in this build.
    pub const fn later(
        name: &'static str,
        output: Type,
        scopes: Scope,
        feature: Feature,
        about: &'static str,
    ) -> Fetch {
        let fetch = Fetch::new(name, output, scopes, Get::Never, about);
        Fetch { status: Status::Later(feature), ..fetch }
    }

    /// With parameters, and an example.
    pub const fn takes(self, params: &'static [Param], example: &'static str) -> Fetch {
        Fetch { params, example, ..self }
    }

    /// With a check of its arguments.
    pub const fn checked(self, check: Check) -> Fetch {
        Fetch { check: Some(check), ..self }
    }

    /// "known once the request's head is there": for messages.
    pub fn known(&self) -> String {
        let mut places = Vec::new();
        for (scope, words) in [
            (Scope::CONNECTION, "once a connection is accepted"),
            (Scope::SESSION, "once its handshakes are done"),
            (Scope::FRONT, "for requests in a frontend"),
            (Scope::BACK, "for requests in a backend"),
            (Scope::SERVER, "once a server is chosen"),
            (Scope::RESPONSE, "for responses"),
            (Scope::LOG, "in logs"),
            (Scope::CHECK, "in health checks"),
            (Scope::START, "while the configuration is read"),
        ] {
            if self.scopes.has(scope) {
                places.push(words);
            }
        }
        format!("it is known {}", places.join(", "))
    }
}

const TABLES: &[&[Fetch]] = &[
    internal::FETCHES,
    connection::FETCHES,
    tls::FETCHES,
    tls::CERTIFICATES,
    tls::SECRETS,
    content::FETCHES,
    http::FETCHES,
    target::FETCHES,
    fields::FETCHES,
    cookies::FETCHES,
    auth::FETCHES,
    stick::FETCHES,
    stick::ARRAYS,
    stick::COUNTERS,
];

/// Every fetch.
pub fn all() -> impl Iterator<Item = &'static Fetch> {
    TABLES.iter().copied().flatten()
}

/// Every name.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|fetch| fetch.name)
}

/// The fetch of this name.
pub fn find(name: &str) -> Option<&'static Fetch> {
    static INDEX: OnceLock<BTreeMap<&'static str, &'static Fetch>> = OnceLock::new();
    INDEX.get_or_init(|| all().map(|fetch| (fetch.name, fetch)).collect()).get(name).copied()
}
