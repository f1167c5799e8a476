//! What TLS starts from: certificates' folders, ciphers, options.

use super::super::entry::{global, idle};
use super::super::lenient::{extra_words, filled, last, only};
use super::number;
use crate::config::args::{Args, shown};
use crate::config::keyword::{Keyword, Parse};
use crate::config::keywords::bind_options::SIGNATURES;
use crate::config::plan::{ExtraFiles, Given, Global};
use crate::config::word::Word;

fn extra_files(args: &mut Args<'_>, global: &mut Global) {
    const KINDS: &[&str] = &["all", "bundle", "issuer", "key", "none", "ocsp", "sctl"];
    let Some(first) = args.word("which files") else { return };
    args.next -= 1;
    let words = args.rest();
    let mut files = ExtraFiles::default();
    for word in words {
        match &*word.text {
            "none" | "all" if words.len() > 1 => {
                args.error(word.span, format!("`{}` must stand alone", shown(word)));
                return;
            }
            "none" => {}
            "all" => {
                files =
                    ExtraFiles { bundle: true, sctl: true, ocsp: true, issuer: true, key: true };
            }
            "bundle" => files.bundle = true,
            "sctl" => files.sctl = true,
            "ocsp" => files.ocsp = true,
            "issuer" => files.issuer = true,
            "key" => files.key = true,
            _ => {
                args.unknown(word, "a kind of file", KINDS.iter().copied());
                return;
            }
        }
    }
    let span = words.last().map_or(first.span, |last| first.span.to(last.span));
    last(&mut global.tls.extra_files, Some(Given { value: files, span }), args);
}

fn issuers(args: &mut Args<'_>, global: &mut Global) {
    let Some(folder) = filled(args, "a folder") else { return };
    let path = args.environment.path(&folder.value);
    if let Err(error) = args.files.list(&path) {
        args.error(folder.span, format!("cannot read the folder: {error}")).label("this folder");
        return;
    }
    only(&mut global.tls.issuers, Some(folder), args);
}

fn options(args: &mut Args<'_>, kept: &mut Vec<Word>) {
    if args.peek().is_none() {
        args.missing("an option");
    }
    kept.extend(args.rest().iter().cloned());
}

fn security_level(args: &mut Args<'_>) {
    if let Some(level) = args.number("a security level", 0..=5u8).filter(|level| level.value > 2) {
        args.error(level.span, format!("security level {} cannot be promised", level.value))
            .label("from 0 to 2 is possible")
            .help("choose ciphers and curves by `ssl-default-bind-ciphers` and its relatives");
    }
    extra_words(args);
}

/// The words of `ssl-default-*-sigalgs`.
fn signatures(args: &mut Args<'_>) {
    filled(args, "signature algorithms");
}

macro_rules! word {
    ($name:literal, $syntax:literal, $about:literal, $example:literal, $side:ident.$field:ident, $expected:literal) => {
        global($name, $syntax, $about, $example, |args, global| {
            last(&mut global.tls.$side.$field, filled(args, $expected), args);
        })
    };
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    global(
        "ca-base",
        "<folder>",
        "Where `ca-file` and `crl-file` look for files with relative names.",
        "ca-base /usr/local/etc/ssl",
        |args, global| only(&mut global.tls.ca_base, filled(args, "a folder"), args),
    ),
    global(
        "crt-base",
        "<folder>",
        "Where `crt` looks for files with relative names.",
        "crt-base /usr/local/etc/ssl/certs",
        |args, global| only(&mut global.tls.crt_base, filled(args, "a folder"), args),
    ),
    global(
        "key-base",
        "<folder>",
        "Where `key` looks for files with relative names.",
        "key-base /usr/local/etc/ssl/private",
        |args, global| only(&mut global.tls.key_base, filled(args, "a folder"), args),
    ),
    word!(
        "ssl-default-bind-ciphers",
        "<ciphers>",
        "Ciphers for clients with TLS 1.2, for `bind` lines without `ciphers`.",
        "ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        bind.ciphers,
        "ciphers"
    ),
    word!(
        "ssl-default-bind-ciphersuites",
        "<ciphersuites>",
        "Cipher suites for clients with TLS 1.3, for `bind` lines without `ciphersuites`.",
        "ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384",
        bind.ciphersuites,
        "cipher suites"
    ),
    word!(
        "ssl-default-bind-curves",
        "<curves>",
        "Curves for key exchange with clients, for `bind` lines without `curves`.",
        "ssl-default-bind-curves X25519:P-256",
        bind.curves,
        "curves"
    ),
    idle(
        "ssl-default-bind-sigalgs",
        SIGNATURES,
        "<algorithms>",
        "Signatures that may prove who we are, for `bind` lines without `sigalgs`.",
        "ssl-default-bind-sigalgs ECDSA+SHA256:RSA+SHA256",
        Parse::Check(signatures),
    ),
    idle(
        "ssl-default-bind-client-sigalgs",
        SIGNATURES,
        "<algorithms>",
        "Signatures that may prove who clients are, for `bind` lines without `client-sigalgs`.",
        "ssl-default-bind-client-sigalgs ECDSA+SHA256:RSA+SHA256",
        Parse::Check(signatures),
    ),
    global(
        "ssl-default-bind-options",
        "<option>...",
        "TLS options that every `bind` line starts from.",
        "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
        |args, global| options(args, &mut global.tls.bind.options),
    ),
    word!(
        "ssl-default-server-ciphers",
        "<ciphers>",
        "Ciphers to servers with TLS 1.2, for `server` lines without `ciphers`.",
        "ssl-default-server-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        server.ciphers,
        "ciphers"
    ),
    word!(
        "ssl-default-server-ciphersuites",
        "<ciphersuites>",
        "Cipher suites to servers with TLS 1.3, for `server` lines without `ciphersuites`.",
        "ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256",
        server.ciphersuites,
        "cipher suites"
    ),
    word!(
        "ssl-default-server-curves",
        "<curves>",
        "Curves for key exchange with servers, for `server` lines without `curves`.",
        "ssl-default-server-curves X25519:P-256",
        server.curves,
        "curves"
    ),
    idle(
        "ssl-default-server-sigalgs",
        SIGNATURES,
        "<algorithms>",
        "Signatures that may prove who servers are, for `server` lines without `sigalgs`.",
        "ssl-default-server-sigalgs ECDSA+SHA256",
        Parse::Check(signatures),
    ),
    idle(
        "ssl-default-server-client-sigalgs",
        SIGNATURES,
        "<algorithms>",
        "Signatures that may prove to servers who we are, for lines without `client-sigalgs`.",
        "ssl-default-server-client-sigalgs ECDSA+SHA256",
        Parse::Check(signatures),
    ),
    global(
        "ssl-default-server-options",
        "<option>...",
        "TLS options that every `server` line starts from.",
        "ssl-default-server-options ssl-min-ver TLSv1.2",
        |args, global| options(args, &mut global.tls.server.options),
    ),
    global(
        "ssl-server-verify",
        "{ none | required }",
        "Whether the certificates of servers are checked where `verify` is not written. They are, \
         unless this says `none`.",
        "ssl-server-verify required",
        |args, global| {
            let verify =
                args.one_of("`none` or `required`", &[("none", false), ("required", true)]);
            last(&mut global.tls.verify_servers, verify, args);
        },
    ),
    global(
        "issuers-chain-path",
        "<folder>",
        "Where intermediate certificates lie, to complete chains.",
        "issuers-chain-path /usr/local/etc/ssl/issuers",
        issuers,
    ),
    global(
        "ssl-load-extra-files",
        "{ none | all | { bundle | sctl | ocsp | issuer | key }... }",
        "Which files beside a certificate are looked for. All, unless this says otherwise.",
        "ssl-load-extra-files key",
        extra_files,
    ),
    global(
        "ssl-load-extra-del-ext",
        "",
        "Takes the extension off a certificate's name before `.key` and the like are put behind it.",
        "ssl-load-extra-del-ext",
        |args, global| {
            global.tls.extra_replace_extension = true;
            extra_words(args);
        },
    ),
    global(
        "ssl-skip-self-issued-ca",
        "",
        "Does not send roots along with chains.",
        "ssl-skip-self-issued-ca",
        |args, global| {
            global.tls.skip_self_issued = true;
            extra_words(args);
        },
    ),
    global(
        "tune.ssl.cachesize",
        "<number>",
        "How many TLS sessions are kept for clients that come back; none if 0.",
        "tune.ssl.cachesize 20000",
        |args, global| last(&mut global.tls.sessions, number(args), args),
    ),
    global(
        "tune.ssl.lifetime",
        "<time>",
        "For how long, in seconds unless a unit says otherwise.",
        "tune.ssl.lifetime 300",
        |args, global| {
            last(&mut global.tls.session_lifetime, args.seconds("a time"), args);
        },
    ),
    global(
        "tune.ssl.maxrecord",
        "<bytes>",
        "How large TLS records are once data flows.",
        "tune.ssl.maxrecord 16384",
        |args, global| last(&mut global.tls.record, number(args), args),
    ),
    global(
        "tune.ssl.hard-maxrecord",
        "<bytes>",
        "How large TLS records are at most.",
        "tune.ssl.hard-maxrecord 16384",
        |args, global| last(&mut global.tls.record_max, number(args), args),
    ),
    idle(
        "ssl-security-level",
        "Koi's TLS is at least as strong as level 2 asks for",
        "<level>",
        "OpenSSL's floor for keys and ciphers.",
        "ssl-security-level 2",
        Parse::Check(security_level),
    ),
    idle(
        "ssl-dh-param-file",
        "Koi's TLS exchanges keys on curves only",
        "<file>",
        "Parameters for the Diffie-Hellman key exchange.",
        "ssl-dh-param-file /usr/local/etc/ssl/dh.pem",
        Parse::Check(|args| {
            if let Some(word) = args.word("a file") {
                args.file(word);
            }
        }),
    ),
    idle(
        "tune.ssl.default-dh-param",
        "Koi's TLS exchanges keys on curves only",
        "<bits>",
        "How large made-up parameters for the Diffie-Hellman key exchange are.",
        "tune.ssl.default-dh-param 2048",
        Parse::Check(|args| {
            args.number("a number of bits", 1024..=u32::MAX);
        }),
    ),
];
