//! The kinds of sections, and sets of them.

use std::fmt;
use std::ops::BitOr;

macro_rules! sections {
    ($($kind:ident $set:ident $word:literal $bit:literal $about:literal,)*) => {
        /// What a section is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Section { $(#[doc = $about] $kind,)* }

        impl Section {
            /// Every kind, in the manual's order.
            pub const ALL: &'static [Section] = &[$(Section::$kind,)*];

            /// The word that opens it.
            pub fn word(self) -> &'static str {
                match self { $(Section::$kind => $word,)* }
            }

            /// What it is for.
            pub fn about(self) -> &'static str {
                match self { $(Section::$kind => $about,)* }
            }

            /// The set of this one.
            pub fn set(self) -> Sections {
                match self { $(Section::$kind => Sections::$set,)* }
            }
        }

        impl Sections { $(#[doc = $about] pub const $set: Sections = Sections(1 << $bit);)* }
    };
}

sections! {
    Global GLOBAL "global" 0 "Settings of the process.",
    Defaults DEFAULTS "defaults" 1 "Settings that the proxies behind it start from.",
    Frontend FRONTEND "frontend" 2 "What clients connect to.",
    Backend BACKEND "backend" 3 "The servers that requests go to.",
    Listen LISTEN "listen" 4 "A frontend and a backend in one.",
    Userlist USERLIST "userlist" 5 "Users, groups and their passwords.",
    Resolvers RESOLVERS "resolvers" 6 "Name servers.",
    Peers PEERS "peers" 7 "Processes that share stick tables.",
    Mailers MAILERS "mailers" 8 "Where alerts are mailed.",
    Ring RING "ring" 9 "A log buffer in memory.",
    LogForward LOG_FORWARD "log-forward" 10 "A relay of syslog messages.",
    HttpErrors HTTP_ERRORS "http-errors" 11 "A set of error answers.",
    Cache CACHE "cache" 12 "A cache of small answers.",
    FcgiApp FCGI_APP "fcgi-app" 13 "How to speak to a FastCGI application.",
    Program PROGRAM "program" 14 "A program that the master process runs.",
    CrtStore CRT_STORE "crt-store" 15 "Certificates, by name.",
    Traces TRACES "traces" 16 "Debugging traces.",
    Carp CARP "carp" 17 "Virtual addresses that move with the proxy's health (Koi's own).",
}

/// A set of kinds of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sections(u32);

impl Sections {
    /// Everything that serves clients or reaches servers, and `defaults`.
    pub const PROXIES: Sections =
        Sections(Self::DEFAULTS.0 | Self::FRONTEND.0 | Self::BACKEND.0 | Self::LISTEN.0);
    /// `frontend` and `listen`.
    pub const FRONTS: Sections = Sections(Self::FRONTEND.0 | Self::LISTEN.0);
    /// `backend` and `listen`.
    pub const BACKS: Sections = Sections(Self::BACKEND.0 | Self::LISTEN.0);

    /// This set and that one.
    pub const fn or(self, other: Sections) -> Sections {
        Sections(self.0 | other.0)
    }

    /// Whether `section` is in it.
    pub fn has(self, section: Section) -> bool {
        self.0 & section.set().0 != 0
    }

    /// Its members, in the manual's order.
    pub fn iter(self) -> impl Iterator<Item = Section> {
        Section::ALL.iter().copied().filter(move |&section| self.has(section))
    }
}

impl BitOr for Sections {
    type Output = Sections;

    fn bitor(self, other: Sections) -> Sections {
        self.or(other)
    }
}

/// `defaults, frontend or listen`.
impl fmt::Display for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Section::word).collect();
        match words.split_last() {
            Some((last, [])) => f.write_str(last),
            Some((last, first)) => write!(f, "{} or {last}", first.join(", ")),
            None => f.write_str("nowhere"),
        }
    }
}
