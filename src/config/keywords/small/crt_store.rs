//! `crt-store`.

use super::super::entry::supported;
use super::super::lenient::{extra_words, filled, last};
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword, Parse};
use crate::config::plan::{Certificate, CrtStore, Given};
use crate::config::section::Sections;
use crate::config::source::Span;
use crate::config::word::Word;

/// What a `load` line can say; a file's name is kept with its place until the bases are known.
#[derive(Default)]
struct Load<'a> {
    crt: Option<&'a Word>,
    alias: Option<&'a Word>,
    key: Option<&'a Word>,
    ocsp: Option<&'a Word>,
    issuer: Option<&'a Word>,
    sctl: Option<&'a Word>,
    ocsp_update: Option<Given<bool>>,
}

fn load(args: &mut Args<'_>, store: &mut CrtStore) {
    const OPTIONS: &[&str] = &["alias", "crt", "issuer", "key", "ocsp", "ocsp-update", "sctl"];
    let mut load = Load::default();
    while let Some(option) = args.take() {
        if matches!(&*option.text, "ocsp" | "ocsp-update" | "sctl") {
            args.later(Feature::TlsDetails, option.span);
        }
        let slot = match &*option.text {
            "crt" => &mut load.crt,
            "alias" => &mut load.alias,
            "key" => &mut load.key,
            "ocsp" => &mut load.ocsp,
            "issuer" => &mut load.issuer,
            "sctl" => &mut load.sctl,
            "ocsp-update" => {
                let update = args.one_of("`on` or `off`", &[("on", true), ("off", false)]);
                if update.is_none() {
                    return;
                }
                load.ocsp_update = update;
                continue;
            }
            _ => {
                args.unknown(option, "an option", OPTIONS.iter().copied());
                return;
            }
        };
        *slot = args.word(&format!("something behind `{}`", &*option.text));
        if slot.is_none() {
            return;
        }
    }
    let Some(crt) = load.crt else {
        args.missing("`crt` and a file");
        return;
    };
    let certificate = certificate(args.line.span, store, &load, crt);
    store.certificates.push(certificate);
}

/// That the files are there is checked where the bases of `global` are known, too.
fn certificate(span: Span, store: &CrtStore, load: &Load<'_>, crt: &Word) -> Certificate {
    let file = |word: Option<&Word>, base: &Option<Given<Box<str>>>| {
        let word = word?;
        let name = joined(base.as_ref().map(|base| &*base.value), word);
        Some(Given { value: name.into(), span: word.span })
    };
    let certificate = file(Some(crt), &store.crt_base);
    let [ocsp, issuer, sctl] =
        [load.ocsp, load.issuer, load.sctl].map(|word| file(word, &store.crt_base));
    let key = file(load.key, &store.key_base);
    let given = |word: &Word| Given { value: word.text.clone(), span: word.span };
    Certificate {
        span,
        certificate: certificate.unwrap_or_else(|| given(crt)),
        alias: load.alias.map(given),
        key,
        ocsp,
        issuer,
        sctl,
        ocsp_update: load.ocsp_update,
    }
}

fn joined(base: Option<&str>, name: &str) -> String {
    match base {
        Some(base) if !name.starts_with('/') => format!("{}/{name}", base.trim_end_matches('/')),
        _ => name.to_owned(),
    }
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    supported(
        Sections::CRT_STORE,
        "crt-base",
        "<folder>",
        "Where `crt` looks for files with relative names in the lines behind.",
        "crt-base /usr/local/etc/ssl/certs",
        Parse::CrtStore(|args, store| {
            last(&mut store.crt_base, filled(args, "a folder"), args);
            extra_words(args);
        }),
    ),
    supported(
        Sections::CRT_STORE,
        "key-base",
        "<folder>",
        "Where `key` looks for files with relative names in the lines behind.",
        "key-base /usr/local/etc/ssl/private",
        Parse::CrtStore(|args, store| {
            last(&mut store.key_base, filled(args, "a folder"), args);
            extra_words(args);
        }),
    ),
    supported(
        Sections::CRT_STORE,
        "load",
        "crt <file> [alias <name>] [key <file>] [ocsp <file>] [issuer <file>] [sctl <file>] \
         [ocsp-update { on | off }]",
        "A certificate and the files that belong to it; `bind` lines call it `@<store>/<name>`.",
        "load crt /usr/local/etc/ssl/site.pem key /usr/local/etc/ssl/site.key alias site",
        Parse::CrtStore(load),
    ),
];
