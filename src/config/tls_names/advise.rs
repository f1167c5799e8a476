//! What the lists and versions of a plan come to, told.

use std::collections::BTreeSet;

use super::{Dropped, Reading, Reason, ciphers, ciphersuites, curves};
use crate::config::advice;
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Curve, Given, Plan, Suite12, Suite13, TlsOptions, TlsVersion};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::config::word::Word;

/// How many names a message lists.
const NAMES_MAX: usize = 100;

/// What `global` says: the words of `ssl-default-bind-options`, `ssl-default-server-options`, read
/// by [`super::read_options`].
#[derive(Clone, Copy, Debug)]
pub struct Bases<'a> {
    /// For binds.
    pub bind: &'a TlsOptions,
    /// For servers.
    pub server: &'a TlsOptions,
}

/// Tells about lists that stand alone: those of `global`.
pub fn advise_lists(
    cipher_lists: &[&Word],
    suite_lists: &[&Word],
    curve_lists: &[&Word],
    report: &mut Report,
) {
    for word in cipher_lists {
        cipher_list(word, report);
    }
    for word in suite_lists {
        suite_list(word, report);
    }
    for word in curve_lists {
        curve_list(word, report);
    }
}

/// Tells about the binds and servers of a plan that use TLS, each list once, and about the versions
/// of `global`.
pub fn advise_plan(plan: &Plan, bases: Bases<'_>, report: &mut Report) {
    let mut told = BTreeSet::new();
    versions(bases.bind, &TlsOptions::default(), &mut told, report);
    versions(bases.server, &TlsOptions::default(), &mut told, report);
    for proxy in &plan.proxies {
        for bind in proxy.binds.iter().filter(|bind| bind.tls.enabled.is_some()) {
            options(&bind.tls.options, bases.bind, &mut told, report);
        }
        for server in proxy.servers.iter().filter(|server| server.settings.uses_tls()) {
            options(&server.settings.tls.options, bases.server, &mut told, report);
        }
    }
}

fn options(own: &TlsOptions, base: &TlsOptions, told: &mut BTreeSet<Span>, report: &mut Report) {
    if let Some(list) = own.ciphers.as_ref().filter(|list| told.insert(list.word.span)) {
        cipher_list(&list.word, report);
    }
    if let Some(list) = own.ciphersuites.as_ref().filter(|list| told.insert(list.word.span)) {
        suite_list(&list.word, report);
    }
    if let Some(list) = own.curves.as_ref().filter(|list| told.insert(list.word.span)) {
        curve_list(&list.word, report);
    }
    versions(own, base, told, report);
}

fn versions(own: &TlsOptions, base: &TlsOptions, told: &mut BTreeSet<Span>, report: &mut Report) {
    let merged = own.versions.or(&base.versions);
    let spans = merged.min.iter().chain(&merged.max).chain(&merged.excluded).map(|it| it.span);
    if let (Some(span), false) = (spans.max(), merged.leave_any()) {
        if told.insert(span) {
            report
                .error(span, "no version of TLS is left")
                .label("with this")
                .help("Koi speaks TLSv1.2 and TLSv1.3: allow one of them");
        }
        return;
    }
    let old = merged.min.filter(|min| min.value < TlsVersion::Tls12);
    if let Some(min) = old.filter(|min| told.insert(min.span)) {
        let message = format!("`{}` and other versions before TLSv1.2 are not spoken", min.name());
        report
            .advise(&advice::TLS_DROPPED, min.span, message)
            .label("in effect, this is TLSv1.2")
            .help("only TLSv1.2 and TLSv1.3 are spoken; write TLSv1.2 to say so");
    }
    if merged.min.is_some() || merged.max.is_some() {
        ignored(&merged.excluded, told, report);
    }
}

/// `no-*` beside `ssl-min-ver` or `ssl-max-ver`: HAProxy ignores it.
fn ignored(excluded: &[Given<TlsVersion>], told: &mut BTreeSet<Span>, report: &mut Report) {
    for word in excluded.iter().filter(|it| it.value >= TlsVersion::Tls12) {
        if told.insert(word.span) {
            report
                .advise(
                    &advice::NO_EFFECT,
                    word.span,
                    format!("no effect on {}: a lowest or highest version is set", word.name()),
                )
                .help("choose the versions with ssl-min-ver and ssl-max-ver only");
        }
    }
}

fn cipher_list(word: &Word, report: &mut Report) {
    let Reading { kept, dropped } = ciphers(word);
    let all = Suite12::ALL.iter().map(|suite| suite.name());
    tell(report, word, "cipher suites", names(&kept, Suite12::name), &dropped, all);
}

fn suite_list(word: &Word, report: &mut Report) {
    let Reading { kept, dropped } = ciphersuites(word);
    let all = Suite13::ALL.iter().map(|suite| suite.name());
    tell(report, word, "cipher suites", names(&kept, Suite13::name), &dropped, all);
}

fn curve_list(word: &Word, report: &mut Report) {
    let Reading { kept, dropped } = curves(word);
    let unknown = dropped.iter().find(|it| it.reason == Reason::Unknown);
    let all = || curves::NAMES.iter().map(|(name, _)| *name);
    if let Some(unknown) = unknown {
        let near = did_you_mean(&nearest(&unknown.name, all()));
        let span = word.part(unknown.range.clone());
        let fault = report.error(span, format!("`{}` is not a curve", shown_text(&unknown.name)));
        fault.label("expected the name of a curve; they are divided by colons");
        fault.help(near.unwrap_or_else(|| format!("there are: {}", join(all()))));
        return;
    }
    tell(report, word, "curves", names(&kept, Curve::name), &dropped, all());
}

fn names<T: Copy>(kept: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    kept.iter().map(|one| name(*one)).collect()
}

fn join<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// The names of what is dropped, up to [`NAMES_MAX`].
fn listed<'a>(dropped: impl Iterator<Item = &'a Dropped> + Clone) -> String {
    let names: Vec<String> =
        dropped.clone().take(NAMES_MAX).map(|it| shown_text(&it.name)).collect();
    match dropped.count().saturating_sub(NAMES_MAX) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// One warning a list, which names what is left out and what remains; an error if nothing does.
fn tell<'a>(
    report: &mut Report,
    word: &Word,
    what: &str,
    kept: Vec<&str>,
    dropped: &[Dropped],
    all: impl Iterator<Item = &'a str>,
) {
    if kept.is_empty() {
        let all: Vec<&str> = all.collect();
        let near = match dropped {
            [only] => did_you_mean(&nearest(&only.name, all.iter().copied())),
            _ => None,
        };
        let fault = report.error(word.span, format!("none of these {what} is available"));
        fault.label("nothing is left of this list");
        for line in by_reason(dropped) {
            fault.help(line);
        }
        fault.help(near.unwrap_or_else(|| format!("available are: {}", join(all))));
        return;
    }
    let (Some(first), Some(last)) = (dropped.first(), dropped.last()) else { return };
    let span = word.part(first.range.start..last.range.end);
    let list = listed(dropped.iter());
    let fault = report.advise(
        &advice::TLS_DROPPED,
        span,
        format!("{what} that Koi's TLS does not have are left out: {list}"),
    );
    match dropped.iter().all(|it| it.reason == first.reason) {
        true => {
            fault.label(first.reason.text());
        }
        false => {
            for line in by_reason(dropped) {
                fault.help(line);
            }
        }
    }
    fault.help(format!("what remains, in this order: {}", join(kept)));
}

/// A line for each reason, with the names it is about.
fn by_reason(dropped: &[Dropped]) -> Vec<String> {
    let reasons: BTreeSet<Reason> = dropped.iter().map(|it| it.reason).collect();
    let line = |reason: Reason| {
        let of_it = listed(dropped.iter().filter(|it| it.reason == reason));
        format!("{of_it}: {}", reason.text())
    };
    reasons.into_iter().map(line).collect()
}
