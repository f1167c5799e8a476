//! The small sections.

use crate::config::source::Span;

/// A section `Userlist`.
#[derive(Clone, Debug, Default)]
pub struct Userlist {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// `user` lines.
    pub users: Vec<User>,
}

/// A user of a `userlist`.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name.
    pub name: Box<str>,
    /// Its password, if it has one.
    pub password: Option<Secret>,
    /// The groups it is in, by its own line or by theirs.
    pub groups: Vec<Box<str>>,
}

/// A password as a `userlist` has it.
#[derive(Clone, Debug)]
pub enum Secret {
    /// `insecure-password`.
    Clear(Box<str>),
    /// `password`: a crypt(3) hash.
    Hash(Box<str>),
}

/// A section `Resolvers`.
#[derive(Clone, Debug, Default)]
pub struct Resolvers {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
}

/// A section `Peers`.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
}

/// A section `HttpErrors`.
#[derive(Clone, Debug, Default)]
pub struct HttpErrors {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
}

/// A section `Cache`.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
}

/// A section `Ring`.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
}

/// A section `CrtStore`.
#[derive(Clone, Debug, Default)]
pub struct CrtStore {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
}

/// A section `Mailers`.
#[derive(Clone, Debug, Default)]
pub struct Mailers {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
}
