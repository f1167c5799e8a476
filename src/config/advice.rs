//! The advice that the check gives, by name.
//!
//! Advice is what no error is: the configuration works, but probably not as its author thinks. Each
//! piece has a name, printed with it, by which it is silenced: `--silence NAME` on the command line,
//! or in the file a comment `# koi: silence NAME` (other programs read past it).

use super::report::Level;

/// A kind of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// By what it is silenced.
    pub name: &'static str,
    /// Warning or note.
    pub level: Level,
    /// What it is about, for `koi help advice`.
    pub about: &'static str,
}

macro_rules! advice {
    ($($constant:ident $name:literal $level:ident $about:literal,)*) => {
        $(#[doc = $about] pub const $constant: Advice =
            Advice { name: $name, level: Level::$level, about: $about };)*

        /// All of it.
        pub const ADVICE: &[Advice] = &[$($constant,)*];
    };
}

advice! {
    NOT_YET "not-yet" Warning "The file asks for something that this build does not do yet.",
    NO_EFFECT "no-effect" Warning "A keyword that is read but changes nothing here.",
    DEPRECATED "deprecated" Warning "An old spelling, and the new one.",
    STICK_TABLE_IPV4 "stick-table-ipv4" Warning "A stick table of `type ip` cannot hold IPv6 clients.",
    TLS_DROPPED "tls-dropped" Warning "Cipher suites, curves or versions that Koi's TLS does not have.",
    NO_CERTIFICATE "no-certificate" Warning "TLS without a certificate: every handshake fails.",
    STATS_EVERYWHERE "stats-everywhere" Warning "The statistics page answers under every host name.",
    LOG_WITHOUT_TARGET "log-without-target" Warning "`log global` where `global` has no `log` line.",
    VERIFY_NONE "verify-none" Warning "TLS to a server whose certificate nobody checks.",
    RULE_ORDER "rule-order" Warning "A rule that runs before a rule that stands above it.",
    CHECK_WITHOUT_CHECK "httpchk-without-check" Warning "`option httpchk` where no server has `check`.",
    UNUSED_BACKEND "unused-backend" Warning "A backend that nothing sends requests to.",
    UNUSED_ACL "unused-acl" Warning "A named ACL that no rule uses.",
    UNREACHABLE "unreachable" Warning "A rule that can never be reached.",
    NO_TIMEOUT "missing-timeout" Warning "A proxy without `timeout client`, `connect` or `server`.",
    NO_LISTENER "no-listener" Warning "A frontend without `bind`.",
    NO_SERVER "no-server" Warning "A backend without servers.",
    DUPLICATE "duplicate" Warning "A setting that a later line of the same section replaces.",
    CARP_PASSWORD "carp-password" Warning "A CARP password that is longer than kernels read.",
    MODE "mode" Warning "A keyword that has no effect in the proxy's mode.",
    COOKIE_DOMAIN "cookie-domain" Warning "A cookie's domain that browsers refuse.",
    STATS_WITHOUT_DEFAULTS "stats-defaults" Warning "A `stats` line that drops the `stats` lines of the `defaults`, passwords included.",
    STATS_PASSWORD "stats-password" Warning "A user of the statistics page without a password.",
    CAPTURE_LENGTH "capture-length" Warning "A capture that asks for more than is kept.",
    TIME_TAIL "time-tail" Warning "Characters behind the unit of a time, which nobody reads.",
    OTHER_SIDE "other-side" Warning "A keyword of the clients' side in a backend, or of the servers' side in a frontend.",
    EXTRA_WORDS "extra-words" Warning "Words behind a keyword that nobody reads.",
    ACL_NAME "acl-name" Warning "An ACL whose name hides or resembles something else.",
    SAME_NAME "same-name" Warning "Two sections of one name, where the first one counts or both are joined.",
    LOOK_ALIKE "look-alike" Warning "A character that looks like a blank or a quote, and is none.",
    SILENCE "silence" Warning "A comment that silences advice of a name that does not exist.",
    NEVER_MATCHES "never-matches" Warning "A test that cannot match: it has no patterns, or what it tests is not known there.",
    EMPTY_CONDITION "empty-condition" Warning "A condition, or a part of one, that tests nothing.",
    EMPTY_WORD "empty-word" Warning "An empty word, which ends a condition or a list of patterns.",
    MESSAGE "message" Warning "What the file itself says by `.warning`.",
    OVERRIDES "overrides" Note "A setting that differs from the one inherited from `defaults`.",
    STICK_ONE_SERVER "stick-one-server" Note "Stickiness in a backend that has a single server.",
    LITERAL_FORMAT "literal-format" Warning "What looks like a log format where none is evaluated.",
    SLASH_BEHIND_QUERY "slash-behind-query" Warning "A redirection that puts its slash behind the query.",
    ROOM "no-room" Warning "An answer so large that rules can add no fields to it.",
    LINE_ENDS "line-ends" Note "A file whose lines end in CR LF.",
    EMPTY_FOLDER "empty-folder" Note "A folder that holds no `*.cfg` file.",
    NOTICE "notice" Note "What the file itself says by `.notice`.",
}

/// Every name there is.
pub fn names() -> impl Iterator<Item = &'static str> {
    ADVICE.iter().map(|advice| advice.name)
}

/// The advice of this name.
pub fn find(name: &str) -> Option<&'static Advice> {
    ADVICE.iter().find(|advice| advice.name == name)
}
