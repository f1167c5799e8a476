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
    MODE "mode" Warning "A keyword that has no effect in the proxy's mode.",
    ACL_NAME "acl-name" Warning "An ACL whose name hides or resembles something else.",
    MESSAGE "message" Warning "What the file itself says by `.warning`.",
    OVERRIDES "overrides" Note "A setting that differs from the one inherited from `defaults`.",
    STICK_ONE_SERVER "stick-one-server" Note "Stickiness in a backend that has a single server.",
    NOTICE "notice" Note "What the file itself says by `.notice`.",
}

/// The advice of this name.
pub fn find(name: &str) -> Option<&'static Advice> {
    ADVICE.iter().find(|advice| advice.name == name)
}
