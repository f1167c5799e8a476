//! What a `log` line says (HAProxy 3.0, configuration.txt §3.1 and §4.2 "log").

use super::{Endpoint, Given};
use crate::config::source::Span;

/// A `log` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    /// The whole line.
    pub span: Span,
    /// Where messages go. Without a prefix internet addresses and paths take datagrams; the port is
    /// 514 unless given.
    pub to: Given<LogPlace>,
    /// `len`: how long a message may be, in bytes.
    pub length: Option<Given<u16>>,
    /// `format`: how a message is framed.
    pub format: Option<Given<SyslogFormat>>,
    /// `sample`: which messages of how many are sent.
    pub sample: Option<LogSample>,
    /// The facility that messages carry.
    pub facility: Given<Facility>,
    /// The least serious level that is sent.
    pub level: Option<Given<LogLevel>>,
    /// The most serious level a message is marked with; worse ones are lowered to it.
    pub floor: Option<Given<LogLevel>>,
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// An address, a socket in the file system or a descriptor.
    Address(Endpoint),
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A `ring` section.
    Ring(Box<str>),
    /// A `backend` of log servers.
    Backend(Box<str>),
}

/// How long a message is if nothing is said.
pub const LOG_LENGTH: u16 = 1024;

/// `sample 1-2,4:5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSample {
    /// Which messages, by their place from 1; sorted, apart from each other.
    pub ranges: Box<[(u32, u32)]>,
    /// Of how many.
    pub size: u32,
}

macro_rules! words {
    ($about:literal $kind:ident: $($variant:ident $word:literal $meaning:literal,)*) => {
        #[doc = $about]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $kind { $(#[doc = $meaning] $variant,)* }

        impl $kind {
            /// Each with its word.
            pub const WORDS: &'static [(&'static str, $kind)] = &[$(($word, $kind::$variant),)*];
        }
    };
}

words! { "How log messages are framed." SyslogFormat:
    Local "local" "RFC 3164 without the host name.",
    Rfc3164 "rfc3164" "RFC 3164.",
    Rfc5424 "rfc5424" "RFC 5424.",
    Priority "priority" "The level, and the text.",
    Short "short" "The level's number between `<` and `>`, and the text, for systemd.",
    Timed "timed" "The level, the time, and the text.",
    Iso "iso" "The time as RFC 3339 has it, and the text.",
    Raw "raw" "The text alone.",
}

words! { "How serious a message is, the worst first." LogLevel:
    Emergency "emerg" "The system cannot be used.",
    Alert "alert" "Somebody must act at once.",
    Critical "crit" "A critical condition.",
    Error "err" "An error.",
    Warning "warning" "A warning.",
    Notice "notice" "Normal, but significant.",
    Info "info" "Information.",
    Debug "debug" "For who looks for faults.",
}

words! { "Syslog's facilities, in the order of their numbers." Facility:
    Kern "kern" "0.",
    User "user" "1.",
    Mail "mail" "2.",
    Daemon "daemon" "3.",
    Auth "auth" "4.",
    Syslog "syslog" "5.",
    Lpr "lpr" "6.",
    News "news" "7.",
    Uucp "uucp" "8.",
    Cron "cron" "9.",
    Auth2 "auth2" "10.",
    Ftp "ftp" "11.",
    Ntp "ntp" "12.",
    Audit "audit" "13.",
    Alert "alert" "14.",
    Cron2 "cron2" "15.",
    Local0 "local0" "16.",
    Local1 "local1" "17.",
    Local2 "local2" "18.",
    Local3 "local3" "19.",
    Local4 "local4" "20.",
    Local5 "local5" "21.",
    Local6 "local6" "22.",
    Local7 "local7" "23.",
}
