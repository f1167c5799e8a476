//! Why a message is refused.

use std::fmt;

/// What is wrong and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// What.
    pub reason: Reason,
    /// The offset of the byte at which it showed, in the bytes given.
    pub at: usize,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) at byte {}", self.reason.code(), self.reason.section(), self.at)
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:literal $code:literal $section:literal,)+) => {
        /// What is wrong with a message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Reason] = &[$(Reason::$name,)+];

            /// The status that answers a request refused so. (A response refused is a 502.)
            pub fn status(self) -> u16 {
                match self {
                    $(Reason::$name => $status,)+
                }
            }

            /// A stable word for logs and counters.
            pub fn code(self) -> &'static str {
                match self {
                    $(Reason::$name => $code,)+
                }
            }

            /// The section that it offends.
            pub fn section(self) -> &'static str {
                match self {
                    $(Reason::$name => $section,)+
                }
            }
        }
    };
}

reasons! {
    // Sizes. HAProxy answers 400 to them, not 414 or 431.
    /// A head larger than the limit.
    HeadTooLarge = 400 "head-too-large" "RFC 9112 §3",
    /// More field lines than the limit.
    TooManyFields = 400 "too-many-fields" "RFC 9110 §5.4",
    /// More connection options than anybody needs.
    TooManyOptions = 400 "too-many-options" "RFC 9110 §7.6.1",

    // The start line.
    /// More than one empty line before a request.
    EmptyLines = 400 "empty-lines" "RFC 9112 §2.2",
    /// Something else than a token where the method belongs.
    Method = 400 "method" "RFC 9112 §3.1",
    /// CONNECT, which is not enabled.
    Connect = 405 "connect" "RFC 9110 §9.3.6",
    /// A byte that cannot be in a target.
    Target = 400 "target" "RFC 9112 §3.2",
    /// A target of a form that does not go with the method.
    TargetForm = 400 "target-form" "RFC 9112 §3.2",
    /// A path with `%00`.
    EncodedNul = 400 "encoded-nul" "RFC 3986 §7.3",
    /// A path with a character encoded in more bytes than it needs.
    OverlongUtf8 = 400 "overlong-utf8" "RFC 3629 §3",
    /// The parts of the request line are not separated by single blanks, or one is missing.
    RequestLine = 400 "request-line" "RFC 9112 §3",
    /// Something else than `HTTP/` and two digits where the version belongs.
    Version = 400 "version" "RFC 9112 §2.3",
    /// A major version that is not 1.
    MajorVersion = 505 "major-version" "RFC 9110 §15.6.6",
    /// The status line is none.
    StatusLine = 400 "status-line" "RFC 9112 §4",
    /// A 101 that nobody asked for.
    UnaskedUpgrade = 400 "unasked-upgrade" "RFC 9110 §15.2.2",

    // Lines.
    /// A line that ends with LF alone.
    BareLf = 400 "bare-lf" "RFC 9112 §2.2",
    /// A CR without LF behind it.
    BareCr = 400 "bare-cr" "RFC 9112 §2.2",
    /// NUL in a value.
    Nul = 400 "nul" "RFC 9110 §5.5",
    /// Another control byte in a value.
    Control = 400 "control" "RFC 9110 §5.5",
    /// A line that begins with a blank.
    Fold = 400 "fold" "RFC 9112 §5.2",
    /// A blank before the colon.
    BlankBeforeColon = 400 "blank-before-colon" "RFC 9112 §5.1",
    /// A line without a colon.
    NoColon = 400 "no-colon" "RFC 9112 §5",
    /// A field without a name.
    EmptyName = 400 "empty-name" "RFC 9110 §5.1",
    /// A byte that cannot be in a name.
    Name = 400 "name" "RFC 9110 §5.1",

    // Who it is for.
    /// HTTP/1.1 without `Host`.
    HostMissing = 400 "host-missing" "RFC 9112 §3.2",
    /// A second `Host`.
    HostRepeated = 400 "host-repeated" "RFC 9112 §3.2",
    /// A `Host`, or an authority in the target, that is none.
    Host = 400 "host" "RFC 9110 §7.2",
    /// An expectation that is not `100-continue`.
    Expectation = 417 "expectation" "RFC 9110 §10.1.1",

    // How long it is.
    /// `Content-Length` is not a number in decimal digits.
    Length = 400 "length" "RFC 9110 §8.6",
    /// `Content-Length` or a chunk's size of 2^63 or more.
    LengthTooLarge = 400 "length-too-large" "RFC 9110 §8.6",
    /// A second `Content-Length`.
    LengthRepeated = 400 "length-repeated" "RFC 9112 §6.3",
    /// `Content-Length` and `Transfer-Encoding`.
    LengthAndCoding = 400 "length-and-coding" "RFC 9112 §6.1",
    /// `Transfer-Encoding` is not a list of codings.
    Coding = 400 "coding" "RFC 9112 §6.1",
    /// `chunked` or `Transfer-Encoding` twice.
    CodingRepeated = 400 "coding-repeated" "RFC 9112 §6.1",
    /// `chunked` is not the last coding.
    CodingOrder = 400 "coding-order" "RFC 9112 §6.3",
    /// A coding other than `chunked`.
    CodingUnknown = 501 "coding-unknown" "RFC 9112 §6.1",
    /// `Transfer-Encoding` in HTTP/1.0.
    CodingVersion = 400 "coding-version" "RFC 9112 §6.1",

    // Bodies.
    /// A chunk's size is not a hexadecimal number of at most 16 digits.
    ChunkSize = 400 "chunk-size" "RFC 9112 §7.1",
    /// A chunk's extension is not well-formed.
    ChunkExtension = 400 "chunk-extension" "RFC 9112 §7.1.1",
    /// More bytes of chunk extensions than the data is worth.
    ChunkExtensionTooLong = 400 "chunk-extension-too-long" "RFC 9112 §7.1.1",
    /// A chunk's data is not followed by an end of line.
    ChunkEnd = 400 "chunk-end" "RFC 9112 §7.1",
    /// Trailers larger than the limit.
    TrailersTooLarge = 400 "trailers-too-large" "RFC 9112 §7.1.2",
    /// The connection ended within a body.
    Truncated = 400 "truncated" "RFC 9112 §8",
}

/// Why reading stops before a head is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// More has to come.
    More,
    /// It is refused.
    Wrong(Reject),
}

impl Stop {
    /// Refused for this reason, here.
    pub(super) fn wrong(reason: Reason, at: usize) -> Stop {
        Stop::Wrong(Reject { reason, at })
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;
    use std::collections::HashSet;

    #[test]
    fn codes_are_kebab_words_and_differ() {
        let codes: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let good =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(reason.code().bytes().all(good), "{}", reason.code());
            assert!([400, 405, 417, 501, 505].contains(&reason.status()));
            assert!(reason.section().starts_with("RFC "));
        }
    }
}
