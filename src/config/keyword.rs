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

macro_rules! features {
    ($($feature:ident $words:literal $about:literal,)*) => {
        /// What is not built yet. Each has one warning a file, at the first line that asks for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Feature { $(#[doc = $about] $feature,)* }

        impl Feature {
            /// All of them.
            pub const ALL: &'static [Feature] = &[$(Feature::$feature,)*];

            /// The feature in words: "this build does not have ... yet".
            pub fn words(self) -> &'static str {
                match self { $(Feature::$feature => $words,)* }
            }
        }
    };
}

features! {
    Http2 "HTTP/2" "HTTP/2 to clients and to servers.",
    StateFiles "files of servers' states" "The servers' states at the last run.",
    Logs "this part of logs" "Log messages over streams and to log servers, and some formats.",
    Resolvers "name servers" "Name servers, changes of servers' addresses at run time.",
    Peers "peers" "Sharing stick tables with other processes.",
    Carp "CARP" "Moving virtual addresses.",
    Compression "compression" "Compression of answers.",
    Bandwidth "bandwidth limits" "Limits of bandwidth.",
    Bodies "rules that look into bodies" "Looking into bodies.",
    Cache "a cache" "Keeping a copy of small answers.",
    Mail "mail alerts" "Mail alerts.",
    Cryptography "signatures and encryption in rules" "Signatures and encryption in rules.",
    Inspection "rules that look into a connection's first bytes" "Looking into the first bytes of a connection.",
    KernelFigures "the kernel's figures of a connection" "What the kernel counts for a connection, and which addresses are its own.",
    TlsDetails "these details of TLS handshakes and certificates" "Details of TLS handshakes and certificates.",
    LastServer "a preference for a client's last server" "`option prefer-last-server`.",
    OneWay "signs of life that count one way only" "`option independent-streams`.",
    AclSamples "ACLs as samples (`acl(...)`)" "The fetch `acl`.",
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
