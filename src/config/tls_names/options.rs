//! The words that binds, servers and `ssl-default-bind-options`, `ssl-default-server-options` share.

use crate::config::args::shown;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Given, TlsOptions, TlsVersion};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::config::word::Word;

/// Whose options they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `ssl-default-bind-options`.
    Bind,
    /// `ssl-default-server-options`.
    Server,
}

/// The versions, as they are written.
pub const VERSIONS: &[(&str, TlsVersion)] = &[
    ("SSLv3", TlsVersion::Ssl3),
    ("TLSv1.0", TlsVersion::Tls10),
    ("TLSv1.1", TlsVersion::Tls11),
    ("TLSv1.2", TlsVersion::Tls12),
    ("TLSv1.3", TlsVersion::Tls13),
];

/// The words of `ssl-default-*-options`; `prefer-client-ciphers` is for binds only.
pub const OPTIONS: &[&str] = &[
    "ssl-min-ver",
    "ssl-max-ver",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "no-sslv3",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "no-tls-tickets",
    "prefer-client-ciphers",
];

/// The version in a word like `force-tlsv12` or `no-sslv3`.
fn version_in(name: &str) -> Option<TlsVersion> {
    Some(match name {
        "sslv3" => TlsVersion::Ssl3,
        "tlsv10" => TlsVersion::Tls10,
        "tlsv11" => TlsVersion::Tls11,
        "tlsv12" => TlsVersion::Tls12,
        "tlsv13" => TlsVersion::Tls13,
        _ => return None,
    })
}

/// Applies an option of one word; `false` if it is none.
pub fn set_option(options: &mut TlsOptions, name: &str, span: Span) -> bool {
    let given = |value| Given { value, span };
    if let Some(version) = name.strip_prefix("force-").and_then(version_in) {
        options.versions.min = Some(given(version));
        options.versions.max = Some(given(version));
    } else if let Some(version) = name.strip_prefix("no-").and_then(version_in) {
        options.versions.excluded.push(given(version));
    } else {
        match name {
            "no-tls-tickets" => options.tickets = Some(Given { value: false, span }),
            "tls-tickets" => options.tickets = Some(Given { value: true, span }),
            "prefer-client-ciphers" => options.prefer_client_ciphers = Some(span),
            _ => return false,
        }
    }
    true
}

/// Whether an option has a version behind it.
pub fn takes_version(name: &str) -> bool {
    matches!(name, "ssl-min-ver" | "ssl-max-ver")
}

/// Reads the words behind `ssl-default-bind-options` or `ssl-default-server-options`; what is wrong
/// is reported.
pub fn read_options(words: &[Word], side: Side, report: &mut Report) -> TlsOptions {
    let mut options = TlsOptions::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let wrong_side = side == Side::Server && &*word.text == "prefer-client-ciphers";
        if takes_version(word) {
            let version = version_behind(word, words.next(), report);
            match &*word.text {
                "ssl-min-ver" => options.versions.min = version.or(options.versions.min),
                _ => options.versions.max = version.or(options.versions.max),
            }
        } else if wrong_side
            || &*word.text == "tls-tickets"
            || !set_option(&mut options, word, word.span)
        {
            let near = did_you_mean(&nearest(word, OPTIONS.iter().copied()));
            let message = format!("`{}` is not an option here", shown(word));
            let fault = report.error(word.span, message);
            fault.label("expected a version, `no-tls-tickets` and the like");
            match near.filter(|_| !wrong_side) {
                Some(meant) => fault.help(meant),
                None => fault.help(format!("there are: {}", OPTIONS.join(", "))),
            };
        }
    }
    options
}

fn version_behind(
    option: &Word,
    word: Option<&Word>,
    report: &mut Report,
) -> Option<Given<TlsVersion>> {
    let Some(word) = word else {
        report
            .error(option.span.after(), format!("`{}` needs a version", &option.text))
            .label("a version is missing here")
            .help("write TLSv1.2 or TLSv1.3");
        return None;
    };
    match VERSIONS.iter().find(|(name, _)| *name == &*word.text) {
        Some(&(_, value)) => Some(Given { value, span: word.span }),
        None => {
            report
                .error(word.span, format!("`{}` is not a version of TLS", shown(word)))
                .label("expected SSLv3, TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3");
            None
        }
    }
}
