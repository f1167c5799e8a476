//! TLS to servers.

use super::Target;
use crate::config::keyword::Feature;
use crate::config::keywords::bind_options::{ALPN_MAX, tls_option};
use crate::config::keywords::option::Opt;
use crate::config::plan::{Given, ServerVerify};

pub(super) fn ssl(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let value = opt.name() == "ssl";
    target.settings.tls.enabled = Some(Given { value, span: opt.word.span });
}

pub(super) fn check_ssl(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let value = opt.name() == "check-ssl";
    target.settings.health.ssl = Some(Given { value, span: opt.word.span });
}

pub(super) fn reuse(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let value = opt.name() == "ssl-reuse";
    target.settings.tls.reuse = Some(Given { value, span: opt.word.span });
}

pub(super) fn word(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    tls_option(opt, &mut target.settings.tls.options);
}

/// `verify`: its place is both words, for the warning about `none`.
pub(super) fn verify(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let modes = [("none", ServerVerify::None), ("required", ServerVerify::Required)];
    if let Some(mode) = opt.one_of(&modes) {
        target.settings.tls.verify = Some(Given { value: mode.value, span: opt.span() });
    }
}

pub(super) fn alpn(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    if let Some(names) = protocols(opt) {
        target.settings.tls.alpn = Some(names);
    }
}

pub(super) fn check_alpn(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    if let Some(names) = protocols(opt) {
        target.settings.health.alpn = Some(names);
    }
}

fn protocols(opt: &mut Opt<'_, '_>) -> Option<Given<Box<[Box<str>]>>> {
    let names = opt.names("a list of protocols", ALPN_MAX)?;
    if names.value.iter().any(|name| &**name == "h2") {
        opt.args.later(Feature::Http2, opt.word.span);
    }
    Some(names)
}
