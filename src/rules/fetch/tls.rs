//! TLS of the client's connection (`ssl_fc_*`), of the server's (`ssl_bc_*`), and the certificates of
//! client, frontend and server (`ssl_c_*`, `ssl_f_*`, `ssl_s_*`) (HAProxy 3.0, configuration.txt §7.3.4).

use std::borrow::Cow;

use super::certificate;
use super::places::{REPLIED, SESSION};
use super::{Fetch, Get};
use crate::config::args::shown_text;
use crate::config::keyword::{Feature, Status};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, may};
use crate::rules::compiler::{Compiler, Scope};
use crate::rules::context::{Context, TlsFacts};
use crate::rules::value::{Type, Value};

fn front<'a>(context: &Context<'a>) -> Option<&'a TlsFacts> {
    context.connection.tls.as_ref()
}

fn back<'a>(context: &Context<'a>) -> Option<&'a TlsFacts> {
    context.server_connection?.tls.as_ref()
}

fn text(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then(|| Value::str(text.as_bytes()))
}

/// The bits of the cipher's key, out of the suite's name.
fn key_bits(cipher: &str) -> Option<i64> {
    let names = [("AES_128", 128), ("AES128", 128), ("AES_256", 256), ("AES256", 256)];
    let names = names.into_iter().chain([("CHACHA20", 256), ("3DES", 168), ("DES-CBC3", 168)]);
    names.into_iter().find(|(name, _)| cipher.contains(name)).map(|(_, bits)| bits)
}

fn bytes<'a>(der: Option<&'a [u8]>) -> Option<Value<'a>> {
    der.map(|der| Value::Bin(Cow::Borrowed(der)))
}

fn ssl_fc<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(front(context).is_some()))
}

fn fc_has_sni<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(front(context).is_some_and(|facts| facts.sni.is_some())))
}

fn fc_sni<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    front(context)?.sni.as_deref().map(|sni| Value::str(sni.as_bytes()))
}

fn fc_alpn<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    front(context)?.alpn.as_deref().map(|alpn| Value::str(alpn.as_bytes()))
}

fn fc_protocol<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    text(&front(context)?.version)
}

fn fc_cipher<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    text(&front(context)?.cipher)
}

fn fc_keysize<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    key_bits(&front(context)?.cipher).map(Value::Int)
}

fn fc_is_resumed<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(front(context).is_some_and(|facts| facts.resumed)))
}

fn fc_has_early<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(front(context)?.early))
}

/// In this very handshake: a resumed session has none.
fn fc_has_crt<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let facts = front(context)?;
    Some(Value::Bool(facts.client_certificate && !facts.resumed))
}

fn c_used<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(front(context)?.client_certificate))
}

fn c_verify<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(front(context)?.verify_result))
}

/// A connection that serves requests has had no error: one with an error was closed.
fn no_error<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    front(context).map(|_| Value::Int(0))
}

fn c_der<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    bytes(client_der(context))
}

fn f_der<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    bytes(own_der(context))
}

fn s_der<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    bytes(server_der(context))
}

fn ssl_bc<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(back(context).is_some()))
}

fn bc_alpn<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    back(context)?.alpn.as_deref().map(|alpn| Value::str(alpn.as_bytes()))
}

fn bc_protocol<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    text(&back(context)?.version)
}

fn bc_cipher<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    text(&back(context)?.cipher)
}

fn bc_keysize<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    key_bits(&back(context)?.cipher).map(Value::Int)
}

fn bc_is_resumed<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(back(context).is_some_and(|facts| facts.resumed)))
}

fn check_dn(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.get(2).and_then(Arg::text) {
        None | Some("" | "rfc2253") => Some(()),
        Some(other) => {
            let message = format!("`{}` is not a format of names", shown_text(other));
            compiler.report.error(span, message).label("only rfc2253 is possible");
            None
        }
    }
}

const NAME: &[Param] =
    &[may("entry", Kind::Str), may("occurrence", Kind::Int), may("format", Kind::Str)];
const FILTER: &[Param] = &[may("filter", Kind::Int)];

const fn known(
    name: &'static str,
    output: Type,
    at: Scope,
    get: for<'a> fn(&Context<'a>, &'a [Arg]) -> Option<Value<'a>>,
    about: &'static str,
) -> Fetch {
    Fetch::new(name, output, at, Get::One(get), about)
}

const fn detail(name: &'static str, output: Type, at: Scope, about: &'static str) -> Fetch {
    Fetch::later(name, output, at, Feature::TlsDetails, about)
}

/// A protocol that TLS 1.3 and rustls do not have.
const fn npn(name: &'static str, at: Scope) -> Fetch {
    let fetch = Fetch::new(name, Type::Str, at, Get::Never, "The protocol agreed on by NPN.");
    let why = "NPN was replaced by ALPN; it gives no sample";
    Fetch { status: Status::NoEffect(why), ..fetch }
}

/// What the three kinds of certificate have alike.
macro_rules! certificates {
    (@get $der:ident $ask:ident) => {{
        fn get<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
            certificate::ask($der(context)?, args, certificate::$ask)
        }
        get
    }};
    ($($who:literal $at:ident $der:ident $whose:literal,)*) => {
        &[$(
            known(concat!($who, "_i_dn"), Type::Str, $at, certificates!(@get $der issuer),
                concat!("The issuer's name in the certificate of ", $whose, ", or an entry of it."))
                .takes(NAME, concat!($who, "_i_dn(CN)"))
                .checked(check_dn),
            known(concat!($who, "_s_dn"), Type::Str, $at, certificates!(@get $der subject),
                concat!("The subject's name in the certificate of ", $whose, ", or an entry of it."))
                .takes(NAME, concat!($who, "_s_dn(CN)"))
                .checked(check_dn),
            known(concat!($who, "_key_alg"), Type::Str, $at, certificates!(@get $der key_alg),
                concat!("The kind of key in the certificate of ", $whose, ".")),
            known(concat!($who, "_sig_alg"), Type::Str, $at, certificates!(@get $der sig_alg),
                concat!("How the certificate of ", $whose, " is signed.")),
            known(concat!($who, "_notafter"), Type::Str, $at, certificates!(@get $der not_after),
                concat!("When the certificate of ", $whose, " ends: YYMMDDhhmmssZ.")),
            known(concat!($who, "_notbefore"), Type::Str, $at, certificates!(@get $der not_before),
                concat!("When the certificate of ", $whose, " begins: YYMMDDhhmmssZ.")),
            known(concat!($who, "_serial"), Type::Bin, $at, certificates!(@get $der serial),
                concat!("The serial number of the certificate of ", $whose, ".")),
            known(concat!($who, "_sha1"), Type::Bin, $at, certificates!(@get $der sha1),
                concat!("The SHA-1 of the certificate of ", $whose, ".")),
            known(concat!($who, "_version"), Type::Int, $at, certificates!(@get $der version),
                concat!("The version of the certificate of ", $whose, ".")),
        )*]
    };
}

fn client_der<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    front(context)?.client_der.as_deref()
}

fn own_der<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    front(context)?.own_der.as_deref()
}

fn server_der<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    back(context)?.client_der.as_deref()
}

/// What is in certificates.
pub const CERTIFICATES: &[Fetch] = certificates! {
    "ssl_c" SESSION client_der "the client",
    "ssl_f" SESSION own_der "the frontend",
    "ssl_s" SESSION server_der "the server",
};

/// The secrets of a connection, for key logs, and its random numbers.
macro_rules! secrets {
    ($($who:literal $at:ident $whose:literal,)*) => {
        &[$(
            secrets!(@log $who "client_early_traffic_secret" $whose),
            secrets!(@log $who "client_handshake_traffic_secret" $whose),
            secrets!(@log $who "client_traffic_secret_0" $whose),
            secrets!(@log $who "early_exporter_secret" $whose),
            secrets!(@log $who "exporter_secret" $whose),
            secrets!(@log $who "server_handshake_traffic_secret" $whose),
            secrets!(@log $who "server_traffic_secret_0" $whose),
            detail(concat!($who, "_client_random"), Type::Bin, $at,
                concat!("The client's random number on the connection ", $whose, ".")),
            detail(concat!($who, "_server_random"), Type::Bin, $at,
                concat!("The server's random number on the connection ", $whose, ".")),
            detail(concat!($who, "_session_id"), Type::Bin, $at,
                concat!("The session's ID on the connection ", $whose, ".")),
            detail(concat!($who, "_session_key"), Type::Bin, $at,
                concat!("The session's key on the connection ", $whose, ".")),
            detail(concat!($who, "_unique_id"), Type::Bin, $at,
                concat!("The channel's binding (RFC 5929 §3) of the connection ", $whose, ".")),
            detail(concat!($who, "_curve"), Type::Str, $at,
                concat!("The group of the key agreement on the connection ", $whose, ".")),
            detail(concat!($who, "_err_str"), Type::Str, $at,
                concat!("What failed in TLS on the connection ", $whose, ".")),
        )*]
    };
    (@log $who:literal $name:literal $whose:literal) => {
        detail(concat!($who, "_", $name), Type::Str, SESSION,
            concat!("A secret for key logs, of the connection ", $whose, "."))
    };
}

/// What handshakes leave behind.
pub const SECRETS: &[Fetch] = secrets! {
    "ssl_fc" SESSION "of the client",
    "ssl_bc" REPLIED "to the server",
};

/// The table.
pub const FETCHES: &[Fetch] = &[
    known("ssl_fc", Type::Bool, SESSION, ssl_fc, "Whether the client's connection has TLS."),
    known(
        "ssl_fc_has_sni",
        Type::Bool,
        SESSION,
        fc_has_sni,
        "Whether the client named a host in TLS.",
    ),
    known("ssl_fc_sni", Type::Str, SESSION, fc_sni, "The host that the client named in TLS."),
    known("ssl_fc_alpn", Type::Str, SESSION, fc_alpn, "The protocol agreed on by ALPN."),
    known("ssl_fc_protocol", Type::Str, SESSION, fc_protocol, "The version of TLS: TLSv1.3."),
    known(
        "ssl_fc_cipher",
        Type::Str,
        SESSION,
        fc_cipher,
        "The cipher suite, in OpenSSL's spelling.",
    ),
    known("ssl_fc_alg_keysize", Type::Int, SESSION, fc_keysize, "The bits of the cipher's key."),
    known(
        "ssl_fc_use_keysize",
        Type::Int,
        SESSION,
        fc_keysize,
        "The bits of the cipher's key in use.",
    ),
    known(
        "ssl_fc_is_resumed",
        Type::Bool,
        SESSION,
        fc_is_resumed,
        "Whether the session was resumed.",
    ),
    known("ssl_fc_has_early", Type::Bool, SESSION, fc_has_early, "Whether this is early data."),
    known(
        "ssl_fc_has_crt",
        Type::Bool,
        SESSION,
        fc_has_crt,
        "Whether the client showed a certificate in this handshake.",
    ),
    known(
        "ssl_c_used",
        Type::Bool,
        SESSION,
        c_used,
        "Whether the session has a client's certificate, from this handshake or an earlier one.",
    ),
    known(
        "ssl_c_verify",
        Type::Int,
        SESSION,
        c_verify,
        "What verifying the client's certificate came to, OpenSSL's number; 0 is success.",
    ),
    known("ssl_c_der", Type::Bin, SESSION, c_der, "The client's certificate, DER."),
    known("ssl_f_der", Type::Bin, SESSION, f_der, "The frontend's certificate, DER."),
    known("ssl_s_der", Type::Bin, SESSION, s_der, "The server's certificate, DER."),
    known("ssl_bc", Type::Bool, REPLIED, ssl_bc, "Whether the server's connection has TLS."),
    known("ssl_bc_alpn", Type::Str, REPLIED, bc_alpn, "The protocol agreed on with the server."),
    known("ssl_bc_protocol", Type::Str, REPLIED, bc_protocol, "The version of TLS to the server."),
    known("ssl_bc_cipher", Type::Str, REPLIED, bc_cipher, "The cipher suite to the server."),
    known("ssl_bc_alg_keysize", Type::Int, REPLIED, bc_keysize, "The bits of its key."),
    known("ssl_bc_use_keysize", Type::Int, REPLIED, bc_keysize, "The bits of its key in use."),
    known(
        "ssl_bc_is_resumed",
        Type::Bool,
        REPLIED,
        bc_is_resumed,
        "Whether the session was resumed.",
    ),
    npn("ssl_fc_npn", SESSION),
    npn("ssl_bc_npn", REPLIED),
    detail("ssl_c_chain_der", Type::Bin, SESSION, "The client's whole chain, DER."),
    detail("ssl_s_chain_der", Type::Bin, SESSION, "The server's whole chain, DER."),
    known(
        "ssl_c_err",
        Type::Int,
        SESSION,
        c_verify,
        "What is wrong with the client's certificate.",
    ),
    known("ssl_c_ca_err", Type::Int, SESSION, no_error, "What is wrong with the chain above it."),
    known("ssl_fc_err", Type::Int, SESSION, no_error, "What failed in TLS, by OpenSSL's number."),
    detail("ssl_bc_err", Type::Int, REPLIED, "What failed in TLS to the server, by number."),
    detail("ssl_c_ca_err_depth", Type::Int, SESSION, "Where in the chain something is wrong."),
    detail("ssl_c_r_dn", Type::Str, SESSION, "The root's name, or an entry of it.")
        .takes(NAME, "ssl_c_r_dn(CN)")
        .checked(check_dn),
    detail(
        "ssl_fc_cipherlist_bin",
        Type::Str,
        SESSION,
        "The cipher suites that the client offered.",
    )
    .takes(FILTER, "ssl_fc_cipherlist_bin(1)"),
    detail("ssl_fc_cipherlist_hex", Type::Bin, SESSION, "The same, in hexadecimal digits.")
        .takes(FILTER, "ssl_fc_cipherlist_hex"),
    detail("ssl_fc_cipherlist_str", Type::Str, SESSION, "The same, by name.")
        .takes(FILTER, "ssl_fc_cipherlist_str"),
    detail("ssl_fc_cipherlist_xxh", Type::Int, SESSION, "A hash of the same."),
    detail("ssl_fc_extlist_bin", Type::Str, SESSION, "The extensions that the client sent.")
        .takes(FILTER, "ssl_fc_extlist_bin(1)"),
    detail("ssl_fc_eclist_bin", Type::Str, SESSION, "The groups that the client offered.")
        .takes(FILTER, "ssl_fc_eclist_bin(1)"),
    detail(
        "ssl_fc_ecformats_bin",
        Type::Str,
        SESSION,
        "The point formats that the client offered.",
    ),
    detail("ssl_fc_protocol_hello_id", Type::Int, SESSION, "The version in the client's hello."),
];

#[cfg(test)]
mod tests {
    use crate::rules::context::TlsFacts;
    use crate::rules::testing::World;

    #[test]
    fn without_tls_there_are_few_samples() {
        let world = World::new();
        for (expr, wanted) in [
            ("ssl_fc", Some("0")),
            ("ssl_fc_has_sni", Some("0")),
            ("ssl_fc_is_resumed", Some("0")),
            ("ssl_bc", Some("0")),
            ("ssl_fc_has_early", None),
            ("ssl_fc_has_crt", None),
            ("ssl_c_used", None),
            ("ssl_c_verify", None),
            ("ssl_fc_sni", None),
        ] {
            assert_eq!(world.text(expr).as_deref(), wanted, "{expr}");
        }
    }

    #[test]
    fn tls_has_facts() {
        let world = World::new().tls(TlsFacts {
            sni: Some("h.example".into()),
            version: "TLSv1.3".into(),
            cipher: "TLS_AES_128_GCM_SHA256".into(),
            client_certificate: true,
            client_der: Some(b"\x30"[..].into()),
            verify_result: 10,
            ..TlsFacts::default()
        });
        for (expr, wanted) in [
            ("ssl_fc", Some("1")),
            ("ssl_fc_has_sni", Some("1")),
            ("ssl_fc_sni", Some("h.example")),
            ("ssl_fc_alpn", None),
            ("ssl_fc_protocol", Some("TLSv1.3")),
            ("ssl_fc_cipher", Some("TLS_AES_128_GCM_SHA256")),
            ("ssl_fc_use_keysize", Some("128")),
            ("ssl_c_used", Some("1")),
            ("ssl_fc_has_crt", Some("1")),
            ("ssl_c_verify", Some("10")),
            ("ssl_c_der,hex", Some("30")),
            ("ssl_fc_has_early", Some("0")),
        ] {
            assert_eq!(world.text(expr).as_deref(), wanted, "{expr}");
        }
        assert_eq!(world.faults("ssl_c_s_dn(CN,1,rfc1)").len(), 1);
    }
}
