//! What a health check comes to, in HAProxy's words, and what servers' replies to checks mean.
//!
//! In: bytes that a server or an agent sent. Out: a [`Verdict`], or what is still missing. No I/O: the
//! `health` room connects, waits and sends.
//!
//! - [`agent`]: what an agent says; [`reply`]: an answer of HTTP; [`preset`]: fixed questions (SMTP, MySQL,
//!   PostgreSQL, Redis, LDAP, a TLS hello) and what good answers to them look like.
//!
//! Limits: of an answer [`REPLY_MAX`] bytes are kept.

pub mod agent;
pub mod preset;
pub mod reply;

/// How much of an answer is kept: HAProxy's buffer.
pub const REPLY_MAX: usize = 16_384;

/// How much of what a server said is told.
pub const INFO_MAX: usize = 256;

macro_rules! statuses {
    ($($status:ident $code:literal $text:literal $passed:literal,)*) => {
        /// What a check comes to. The names are those of HAProxy's statistics (`check_status`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Status { $(#[doc = $text] $status,)* }

        impl Status {
            /// All of them.
            pub const ALL: &'static [Status] = &[$(Status::$status,)*];

            /// The short name: `L4OK`.
            pub fn code(self) -> &'static str {
                match self { $(Status::$status => $code,)* }
            }

            /// In words: "Layer4 check passed".
            pub fn text(self) -> &'static str {
                match self { $(Status::$status => $text,)* }
            }

            /// Whether the server is fine.
            pub fn is_passed(self) -> bool {
                match self { $(Status::$status => $passed,)* }
            }
        }
    };
}

statuses! {
    Unknown "UNK" "Unknown" false,
    Initial "INI" "Initializing" false,
    Analyzed "HANA" "Health analyze" false,
    SocketError "SOCKERR" "Socket error" false,
    L4Passed "L4OK" "Layer4 check passed" true,
    L4Timeout "L4TOUT" "Layer4 timeout" false,
    L4Connect "L4CON" "Layer4 connection problem" false,
    L6Passed "L6OK" "Layer6 check passed" true,
    L6Timeout "L6TOUT" "Layer6 timeout" false,
    L6Response "L6RSP" "Layer6 invalid response" false,
    L7Timeout "L7TOUT" "Layer7 timeout" false,
    L7Response "L7RSP" "Layer7 invalid response" false,
    L7Passed "L7OK" "Layer7 check passed" true,
    L7Conditional "L7OKC" "Layer7 check conditionally passed" true,
    L7Status "L7STS" "Layer7 wrong status" false,
}

impl Status {
    /// Whether a code (of HTTP, say) belongs to it.
    pub fn has_code(self) -> bool {
        matches!(self, Status::L7Passed | Status::L7Conditional | Status::L7Status)
    }

    /// By its short name, as `ok-status` and its relatives give it.
    pub fn named(code: &str) -> Option<Status> {
        Status::ALL.iter().copied().find(|it| it.code() == code)
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it comes to.
    pub status: Status,
    /// The code that the server answered, if it has one.
    pub code: Option<u16>,
    /// What else is known: what the server said, or what failed. Text without control characters.
    pub info: String,
}

impl Verdict {
    /// With nothing to add.
    pub fn plain(status: Status) -> Verdict {
        Verdict { status, code: None, info: String::new() }
    }

    /// With this to add.
    pub fn with(status: Status, info: &str) -> Verdict {
        Verdict { status, code: None, info: printable(info.as_bytes()) }
    }
}

/// What a peer said, fit for a log line: one line, no control characters, at most [`INFO_MAX`] bytes.
pub fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..INFO_MAX).unwrap_or(bytes));
    let shown = text.trim().chars().map(|it| match it {
        '"' => '\'',
        it if it.is_control() => ' ',
        it => it,
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_is_one_harmless_line() {
        assert_eq!(printable(b" a\x1b[1m \"b\"\r\nc\xff"), "a [1m 'b'  c\u{fffd}");
        assert_eq!(printable(&[b'x'; 5000]).len(), INFO_MAX);
    }

    #[test]
    fn statuses_are_found_by_their_names() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.code()), Some(*status));
        }
        assert_eq!(Status::named("L8OK"), None);
    }
}
