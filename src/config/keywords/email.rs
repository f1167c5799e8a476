//! `email-alert ...`: mail about servers that go down or come up.

use super::common::{row, set, surplus};
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword};
use crate::config::plan::{EmailAlert, Given, Proxy, SyslogLevel};
use crate::config::section::Sections;

/// Syslog's severities by HAProxy's words.
pub const LEVELS: &[(&str, SyslogLevel)] = &[
    ("emerg", SyslogLevel::Emergency),
    ("alert", SyslogLevel::Alert),
    ("crit", SyslogLevel::Critical),
    ("err", SyslogLevel::Error),
    ("warning", SyslogLevel::Warning),
    ("notice", SyslogLevel::Notice),
    ("info", SyslogLevel::Info),
    ("debug", SyslogLevel::Debug),
];

type Place = fn(&mut EmailAlert) -> &mut Option<Given<Box<str>>>;

fn text(args: &mut Args<'_>, proxy: &mut Proxy, expected: &str, place: Place) {
    let Some(text) = super::common::text(args, expected) else { return args.skip() };
    surplus(args);
    let header = proxy.span;
    set(args, header, place(&mut proxy.settings.email_alert), text);
}

fn level(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(level) = args.one_of("a level", LEVELS) else { return args.skip() };
    surplus(args);
    set(args, proxy.span, &mut proxy.settings.email_alert.level, level);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "email-alert from",
        Sections::PROXIES,
        "<address>",
        "From whom alerts are.",
        "email-alert from proxy@example.net",
        |args, proxy| text(args, proxy, "an address", |alert| &mut alert.from),
    )
    .later(Feature::Mail),
    row(
        "email-alert to",
        Sections::PROXIES,
        "<address>",
        "To whom alerts go.",
        "email-alert to admin@example.net",
        |args, proxy| text(args, proxy, "an address", |alert| &mut alert.to),
    )
    .later(Feature::Mail),
    row(
        "email-alert mailers",
        Sections::PROXIES,
        "<name>",
        "The `mailers` section that says where alerts are mailed.",
        "email-alert mailers mymailers",
        |args, proxy| {
            text(args, proxy, "the name of a `mailers` section", |alert| &mut alert.mailers);
        },
    )
    .later(Feature::Mail),
    row(
        "email-alert myhostname",
        Sections::PROXIES,
        "<name>",
        "How Koi introduces itself to mail servers.",
        "email-alert myhostname proxy.example.net",
        |args, proxy| text(args, proxy, "a host's name", |alert| &mut alert.host_name),
    )
    .later(Feature::Mail),
    row(
        "email-alert level",
        Sections::PROXIES,
        "<level>",
        "How bad it must be: emerg, alert, crit, err, warning, notice, info, debug.",
        "email-alert level notice",
        level,
    )
    .later(Feature::Mail),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{bad, good};
    use super::SyslogLevel;

    #[test]
    fn alerts() {
        let alert = good("email-alert from a@b\nemail-alert level err").settings.email_alert;
        assert_eq!(alert.from.as_ref().map(|from| &*from.value), Some("a@b"));
        assert_eq!(alert.level.map(|level| level.value), Some(SyslogLevel::Error));
        assert_eq!(bad("email-alert level error"), ["error"]);
        assert_eq!(bad("email-alert form a@b"), ["form"]);
        assert_eq!(bad("email-alert mailers"), [""]);
    }
}
