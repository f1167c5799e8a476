//! The small sections: users, name servers, mailers, rings, error answers, caches, certificates.

use std::time::Duration;

use super::{Endpoint, Given, Secret, ServerSettings, SyslogFormat};
use crate::config::source::Span;

/// A `userlist` section (HAProxy 3.0, configuration.txt §3.4).
#[derive(Clone, Debug, Default)]
pub struct Userlist {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// Its users; no name twice.
    pub users: Vec<User>,
    /// Its groups; no name twice.
    pub groups: Vec<Group>,
}

/// A user of a `userlist`.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: Given<Box<str>>,
    /// The password; nobody is let in under this name without one.
    pub password: Option<Given<Password>>,
    /// The groups that the `user` line names. A `group` line can name users too.
    pub groups: Vec<Given<Box<str>>>,
}

/// A user's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// `password`: as crypt(3) makes them.
    Hashed(Secret),
    /// `insecure-password`: itself.
    Plain(Secret),
}

/// A group of a `userlist`.
#[derive(Clone, Debug)]
pub struct Group {
    /// The name.
    pub name: Given<Box<str>>,
    /// The users that the `group` line names.
    pub users: Vec<Given<Box<str>>>,
}

/// A `resolvers` section (§5.3.2).
#[derive(Clone, Debug, Default)]
pub struct Resolvers {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// `nameserver` lines; no name twice.
    pub servers: Vec<Nameserver>,
    /// `parse-resolv-conf`: those of /etc/resolv.conf too, read at the start.
    pub system: bool,
    /// `hold`.
    pub hold: Holds,
    /// `resolve_retries`; 3 if nothing.
    pub retries: Option<Given<u32>>,
    /// `timeout resolve`: how long until a name is looked up again; a second if nothing.
    pub interval: Option<Given<Duration>>,
    /// `timeout retry`: how long an answer may take; a second if nothing.
    pub timeout: Option<Given<Duration>>,
    /// `accepted_payload_size`: how large answers may be, in bytes; 512 if nothing.
    pub payload: Option<Given<u16>>,
}

/// A `nameserver`.
#[derive(Clone, Debug)]
pub struct Nameserver {
    /// Its name.
    pub name: Given<Box<str>>,
    /// The whole line.
    pub span: Span,
    /// Where it is; datagrams unless its prefix says otherwise.
    pub at: Given<Endpoint>,
    /// Settings of one that is reached by a stream, as on a `server` line.
    pub settings: ServerSettings,
}

/// How long the last good answer holds in spite of what came since.
#[derive(Clone, Debug, Default)]
pub struct Holds {
    /// No such name; 30 seconds if nothing.
    pub nx: Option<Given<Duration>>,
    /// Refused; 30 seconds if nothing.
    pub refused: Option<Given<Duration>>,
    /// No answer; 30 seconds if nothing.
    pub timeout: Option<Given<Duration>>,
    /// Anything else; 30 seconds if nothing.
    pub other: Option<Given<Duration>>,
    /// A good answer that `do-resolve` asked for; 10 seconds if nothing.
    pub valid: Option<Given<Duration>>,
    /// A record that was in an earlier answer; no time if nothing.
    pub obsolete: Option<Given<Duration>>,
}

/// A `mailers` section (§3.6).
#[derive(Clone, Debug, Default)]
pub struct Mailers {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// `mailer` lines.
    pub mailers: Vec<Mailer>,
    /// `timeout mail`; 10 seconds if nothing.
    pub timeout: Option<Given<Duration>>,
}

/// A `mailer`.
#[derive(Clone, Debug)]
pub struct Mailer {
    /// Its name.
    pub name: Given<Box<str>>,
    /// Where it is.
    pub at: Given<Endpoint>,
}

/// A `ring` section (§3.9).
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// `description`.
    pub description: Option<Given<Box<str>>>,
    /// `format`; the message alone if nothing.
    pub format: Option<Given<SyslogFormat>>,
    /// `size`, in bytes; that of a buffer if nothing.
    pub size: Option<Given<u32>>,
    /// `maxlen`: how long a message may be, in bytes; 1024 if nothing.
    pub length: Option<Given<u32>>,
    /// `backing-file`: where the ring outlives the process.
    pub file: Option<Given<Box<str>>>,
    /// `timeout connect`.
    pub connect: Option<Given<Duration>>,
    /// `timeout server`.
    pub timeout: Option<Given<Duration>>,
    /// `server` lines; no name twice.
    pub servers: Vec<RingServer>,
}

/// Where a ring's messages are sent.
#[derive(Clone, Debug)]
pub struct RingServer {
    /// Its name.
    pub name: Given<Box<str>>,
    /// The whole line.
    pub span: Span,
    /// Where it is.
    pub address: Given<Endpoint>,
    /// Its settings.
    pub settings: ServerSettings,
}

/// An `http-errors` section (§3.8).
#[derive(Clone, Debug, Default)]
pub struct HttpErrors {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// `errorfile` lines. Of two for one status the later holds.
    pub files: Vec<ErrorFile>,
}

/// An `errorfile` line of an `http-errors` section.
#[derive(Clone, Debug)]
pub struct ErrorFile {
    /// The status that it is for.
    pub status: Given<u16>,
    /// The file.
    pub path: Given<Box<str>>,
    /// What it holds: a whole response, or nothing.
    pub content: Box<[u8]>,
}

/// A `cache` section (§6.2.1).
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// `total-max-size`, in megabytes.
    pub size: Option<Given<u32>>,
    /// `max-object-size`, in bytes; a 256th of the cache if nothing.
    pub object_size: Option<Given<u32>>,
    /// `max-age`, in seconds; 60 if nothing.
    pub age: Option<Given<u32>>,
    /// `process-vary`: whether answers with Vary are kept; off if nothing.
    pub vary: Option<Given<bool>>,
    /// `max-secondary-entries`: how many of one address; 10 if nothing.
    pub variants: Option<Given<u32>>,
}

/// A `crt-store` section (§3.12).
#[derive(Clone, Debug, Default)]
pub struct CrtStore {
    /// Its name; empty if it has none.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// `crt-base`.
    pub crt_base: Option<Given<Box<str>>>,
    /// `key-base`.
    pub key_base: Option<Given<Box<str>>>,
    /// `load` lines.
    pub certificates: Vec<Certificate>,
}

/// A `load` line: the files of a certificate. Relative names are joined to the bases that stood
/// before the line.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The whole line.
    pub span: Span,
    /// `crt`: the certificate, what it was signed by, perhaps its key.
    pub certificate: Given<Box<str>>,
    /// `alias`: another name for it.
    pub alias: Option<Given<Box<str>>>,
    /// `key`.
    pub key: Option<Given<Box<str>>>,
    /// `ocsp`.
    pub ocsp: Option<Given<Box<str>>>,
    /// `issuer`.
    pub issuer: Option<Given<Box<str>>>,
    /// `sctl`.
    pub sctl: Option<Given<Box<str>>>,
    /// `ocsp-update`.
    pub ocsp_update: Option<Given<bool>>,
}
