//! What a keyword table holds.
//!
//! Every keyword of HAProxy 3.0's manual, and Koi's own, is an entry of one of the tables in
//! `keywords/`: its name, the sections where it is legal, what Koi does with it, how it is written,
//! an example, and the function that reads its words into the plan.

use super::args::Args;
use super::plan;
use super::section::{Section, Sections};

/// What Koi does with a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// What the manual says.
    Supported,
    /// It is read, checked and kept in the plan, but what it asks for is not built yet: the check
    /// says so (advice `not-yet`).
    Later(Feature),
    /// It is read and has no effect, and why that is harmless.
    NoEffect(&'static str),
    /// It is an error.
    Refused {
        /// Why.
        why: &'static str,
        /// What to write or do instead.
        instead: &'static str,
    },
}

/// What is not built yet. Each has one warning a file, at the first line that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Serving at all: listening, HTTP/1.1, TLS.
    Serving,
    /// HTTP/2 to clients and to servers.
    Http2,
    /// Health checks and agent checks.
    Checks,
    /// Stick tables, stickiness, counters.
    StickTables,
    /// Cookies for persistence.
    Cookies,
    /// The statistics page and the runtime socket.
    Statistics,
    /// Log targets, formats.
    Logs,
    /// Name servers, changes of servers' addresses at run time.
    Resolvers,
    /// Sharing stick tables with other processes.
    Peers,
    /// Moving virtual addresses.
    Carp,
    /// Compression of answers.
    Compression,
    /// Limits of bandwidth.
    Bandwidth,
    /// Looking into bodies.
    Bodies,
    /// Keeping a copy of small answers.
    Cache,
    /// Mail alerts.
    Mail,
    /// Signatures and encryption in rules.
    Cryptography,
    /// Looking into the first bytes of a connection.
    Inspection,
    /// What the kernel counts for a connection, and which addresses are its own.
    KernelFigures,
    /// Details of TLS handshakes and certificates.
    TlsDetails,
    /// The fetch `acl`.
    AclSamples,
}

impl Feature {
    /// All of them.
    pub const ALL: &'static [Feature] = &[
        Feature::Serving,
        Feature::Http2,
        Feature::Checks,
        Feature::StickTables,
        Feature::Cookies,
        Feature::Statistics,
        Feature::Logs,
        Feature::Resolvers,
        Feature::Peers,
        Feature::Carp,
        Feature::Compression,
        Feature::Bandwidth,
        Feature::Bodies,
        Feature::Cache,
        Feature::Mail,
    ];

    /// The feature in words: "this build does not have ... yet".
    pub fn words(self) -> &'static str {
        match self {
            Feature::Serving => "serving: it reads, checks and explains, but does not listen",
            Feature::Http2 => "HTTP/2",
            Feature::Checks => "health checks",
            Feature::StickTables => "stick tables",
            Feature::Cookies => "cookies for persistence",
            Feature::Statistics => "the statistics page and the runtime socket",
            Feature::Logs => "logs",
            Feature::Resolvers => "name servers",
            Feature::Peers => "peers",
            Feature::Carp => "CARP",
            Feature::Compression => "compression",
            Feature::Bandwidth => "bandwidth limits",
            Feature::Bodies => "rules that look into bodies",
            Feature::Cache => "a cache",
            Feature::Mail => "mail alerts",
            Feature::Cryptography => "signatures and encryption in rules",
            Feature::Inspection => "rules that look into a connection's first bytes",
            Feature::KernelFigures => "the kernel's figures of a connection",
            Feature::AclSamples => "ACLs as samples (`acl(...)`)",
            Feature::TlsDetails => "these details of TLS handshakes and certificates",
        }
    }
}

/// How a keyword's words get into the plan.
#[derive(Clone, Copy)]
pub enum Parse {
    /// Nothing is kept and any words are fine (a refused keyword, or one without effect whose words
    /// do not matter).
    Any,
    /// Nothing is kept; there must be from `.0` to `.1` words behind the keyword.
    Count(usize, usize),
    /// Nothing is kept, but the words are checked.
    Check(fn(&mut Args<'_>)),
    /// In `global`.
    Global(fn(&mut Args<'_>, &mut plan::Global)),
    /// In `defaults`, `frontend`, `backend`, `listen`.
    Proxy(fn(&mut Args<'_>, &mut plan::Proxy)),
    /// In `userlist`.
    Userlist(fn(&mut Args<'_>, &mut plan::Userlist)),
    /// In `resolvers`.
    Resolvers(fn(&mut Args<'_>, &mut plan::Resolvers)),
    /// In `peers`.
    Peers(fn(&mut Args<'_>, &mut plan::Peers)),
    /// In `http-errors`.
    HttpErrors(fn(&mut Args<'_>, &mut plan::HttpErrors)),
    /// In `cache`.
    Cache(fn(&mut Args<'_>, &mut plan::Cache)),
    /// In `ring`.
    Ring(fn(&mut Args<'_>, &mut plan::Ring)),
    /// In `crt-store`.
    CrtStore(fn(&mut Args<'_>, &mut plan::CrtStore)),
    /// In `mailers`.
    Mailers(fn(&mut Args<'_>, &mut plan::Mailers)),
    /// In `carp`.
    Carp(fn(&mut Args<'_>, &mut plan::Carp)),
}

/// What stands before a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Nothing may.
    None,
    /// `no` may.
    No,
}

/// One keyword of the language.
pub struct Keyword {
    /// Its words: `maxconn`, `timeout client`, `option httplog`.
    pub name: &'static str,
    /// Where it is legal.
    pub sections: Sections,
    /// What Koi does with it.
    pub status: Status,
    /// Which prefixes it takes.
    pub prefix: Prefix,
    /// How its arguments are written: `<time>`, `{ tcp | http }`. Empty if it takes none.
    pub syntax: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// A whole line that must parse (or, if refused, must be refused) in its first section.
    pub example: &'static str,
    /// How its words are read.
    pub parse: Parse,
}

impl Keyword {
    /// Whether it may stand in `section`.
    pub fn legal_in(&self, section: Section) -> bool {
        self.sections.has(section)
    }
}
