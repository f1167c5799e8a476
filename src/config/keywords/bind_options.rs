//! The options of `bind` and `stats socket` (HAProxy 3.0, configuration.txt §5.1).
//!
//! In: the words behind the address. Out: fields of a [`Bind`]. [`read`] walks the words of a line;
//! every option is an entry of [`OPTIONS`].

use super::option::{Opt, skip_to_known};
use crate::config::args::{Args, shown};
use crate::config::keyword::{Feature, Status};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{
    Bind, CertificateKind, Certificates, Chosen, ClientVerify, CommandLevel, Curve, Given, Owner,
    Proto, SeverityOutput, TlsOptions,
};
use crate::config::tls_names;

mod access;
mod table;
mod threads;

pub(super) use access::{guid, interface};
pub use table::{OPTIONS, SIGNATURES};

/// How long the name of a protocol may be (RFC 7301 §3.1).
pub(super) const ALPN_MAX: usize = 255;

/// One option.
pub struct BindOption {
    /// Its word.
    pub name: &'static str,
    /// What Koi does with it.
    pub status: Status,
    /// How its values are written. Empty if it takes none.
    pub syntax: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// The option with its values: what may stand behind `bind :80`.
    pub example: &'static str,
    /// Reads its values.
    pub parse: fn(&mut Opt<'_, '_>, &mut Bind),
}

/// The option of this name.
pub fn find(name: &str) -> Option<&'static BindOption> {
    OPTIONS.iter().find(|option| option.name == name)
}

/// Reads the options up to the end of the line.
pub fn read(args: &mut Args<'_>, bind: &mut Bind) {
    while let Some(word) = args.take() {
        let Some(option) = find(word) else {
            unknown(args, word);
            continue;
        };
        let mut opt = Opt { args, word, syntax: option.syntax };
        if opt.accept(option.status) {
            (option.parse)(&mut opt, bind);
        } else if !option.syntax.is_empty() {
            opt.args.take();
        }
    }
}

fn unknown(args: &mut Args<'_>, word: &crate::config::word::Word) {
    let near = did_you_mean(&nearest(word, OPTIONS.iter().map(|option| option.name)));
    let name = args.keyword.name;
    let fault = args.error(word.span, format!("`{}` is not an option of `{name}`", shown(word)));
    fault.label("expected an option");
    match near {
        Some(meant) => fault.help(meant),
        None => fault.help(format!("see `koi help {name}` for its options")),
    };
    skip_to_known(args, |word| find(word).is_some());
}

/// Reads an option of the kind that binds and servers share; `false` if it is none.
pub(super) fn tls_option(opt: &mut Opt<'_, '_>, options: &mut TlsOptions) {
    let name = opt.name();
    if tls_names::takes_version(name) {
        let version = opt.one_of(tls_names::VERSIONS);
        match name {
            "ssl-min-ver" => options.versions.min = version.or(options.versions.min),
            _ => options.versions.max = version.or(options.versions.max),
        }
    } else {
        tls_names::set_option(options, name, opt.word.span);
    }
}

/// `ciphers`.
pub(super) fn ciphers(opt: &mut Opt<'_, '_>, options: &mut TlsOptions) {
    let Some(word) = opt.value("a list of cipher suites") else { return };
    let kept = tls_names::ciphers(word).kept.into();
    options.ciphers = Some(Chosen { kept, word: word.clone() });
}

/// `ciphersuites`.
pub(super) fn ciphersuites(opt: &mut Opt<'_, '_>, options: &mut TlsOptions) {
    let Some(word) = opt.value("a list of cipher suites of TLS 1.3") else { return };
    let kept = tls_names::ciphersuites(word).kept.into();
    options.ciphersuites = Some(Chosen { kept, word: word.clone() });
}

/// `curves`.
pub(super) fn curves(opt: &mut Opt<'_, '_>) -> Option<Chosen<Curve>> {
    let word = opt.value("a list of curves")?;
    Some(Chosen { kept: tls_names::curves(word).kept.into(), word: word.clone() })
}

fn flag(opt: &mut Opt<'_, '_>, field: &mut Option<crate::config::source::Span>) {
    *field = Some(opt.word.span);
}

/// An option whose values are read past.
fn ignore(opt: &mut Opt<'_, '_>, _bind: &mut Bind) {
    if !opt.syntax.is_empty() {
        opt.value("a value");
    }
}

fn tls_word(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    tls_option(opt, &mut bind.tls.options);
}

fn certificates(opt: &mut Opt<'_, '_>, bind: &mut Bind, kind: CertificateKind) {
    if let Some(path) = opt.text("the path of a file") {
        bind.tls.certificates.push(Certificates { kind, path });
    }
}

fn alpn(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let Some(names) = opt.names("a list of protocols", ALPN_MAX) else { return };
    if names.value.iter().any(|name| &**name == "h2") {
        opt.args.later(Feature::Http2, opt.word.span);
    }
    bind.tls.alpn = Some(names);
}

fn no_alpn(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    bind.tls.alpn = Some(Given { value: Box::default(), span: opt.word.span });
}

/// Where NPN is named, HAProxy no longer offers its usual list by ALPN.
fn npn(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    opt.names("a list of protocols", ALPN_MAX);
    if bind.tls.alpn.is_none() {
        no_alpn(opt, bind);
    }
}

fn ecdhe(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let curve = curves(opt);
    if bind.tls.options.curves.is_none() {
        bind.tls.options.curves = curve;
    }
}

/// `quic-cc-algo <name>[(<bytes>)]`.
fn quic_cc_algo(opt: &mut Opt<'_, '_>, _bind: &mut Bind) {
    let Some(word) = opt.value("an algorithm") else { return };
    let name = word.split('(').next().unwrap_or_default();
    if !matches!(name, "cubic" | "newreno" | "bbr" | "nocc") {
        opt.unknown(word, &["cubic", "newreno"]);
    }
}

fn proto(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    if let Some(proto) = read_proto(opt) {
        bind.proto = Some(proto);
    }
}

/// `h1`, `h2` or `none`.
pub(super) fn read_proto(opt: &mut Opt<'_, '_>) -> Option<Given<Proto>> {
    if opt.args.peek().is_some_and(|word| matches!(&*word.text, "fcgi" | "quic")) {
        let word = opt.value("a protocol")?;
        opt.args
            .error(word.span, format!("`{}` is not possible: Koi does not speak it", &word.text))
            .label("expected h1, h2 or none");
        return None;
    }
    let proto = opt.one_of(&[("h1", Proto::H1), ("h2", Proto::H2), ("none", Proto::None)])?;
    if proto.value == Proto::H2 {
        opt.args.later(Feature::Http2, proto.span);
    }
    Some(proto)
}

fn verify(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let found = opt.one_of(&[
        ("none", ClientVerify::None),
        ("optional", ClientVerify::Optional),
        ("required", ClientVerify::Required),
    ]);
    bind.tls.verify = found.or(bind.tls.verify);
}

fn level(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let found = opt.one_of(&[
        ("user", CommandLevel::User),
        ("operator", CommandLevel::Operator),
        ("admin", CommandLevel::Admin),
    ]);
    bind.level = found.or(bind.level);
}

fn severity_output(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let found = opt.one_of(&[
        ("none", SeverityOutput::None),
        ("number", SeverityOutput::Number),
        ("string", SeverityOutput::String),
    ]);
    bind.severity_output = found.or(bind.severity_output);
}

fn id(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let Some(id) = opt.number("an id", 1..=i32::MAX as u32) else { return };
    if bind.sockets() > 1 {
        let span = opt.span();
        opt.args
            .error(span, "`id` is for a single socket")
            .label("this line opens several")
            .help("divide the addresses among several `bind` lines");
        return;
    }
    bind.id = Some(id);
}

fn mss(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let Some(mss) = opt.signed("a segment size", -65535..=65535) else { return };
    if mss.value == 0 {
        opt.args.error(mss.span, "a segment size cannot be zero").label("bytes, up to 65535");
        return;
    }
    bind.mss = Some(mss);
}

fn user(opt: &mut Opt<'_, '_>) -> Option<Given<Owner>> {
    let name = opt.text("a name")?;
    Some(Given { value: Owner::Name(name.value), span: name.span })
}

fn number(opt: &mut Opt<'_, '_>) -> Option<Given<Owner>> {
    let id = opt.number("a number", 0..=u32::MAX - 1)?;
    Some(Given { value: Owner::Id(id.value), span: id.span })
}

#[cfg(test)]
#[path = "bind_tests.rs"]
mod tests;
