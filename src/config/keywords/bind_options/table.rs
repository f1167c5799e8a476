//! The table of the options of `bind`.

use super::access::{guid, interface, mode};
use super::threads::{shards, thread};
use super::*;

const QUIC: &str = "Koi has no QUIC listeners";
const RHTTP: Status = Status::Refused {
    why: "Koi does not speak reverse HTTP",
    instead: "let the clients' side connect directly, or through a VPN",
};
const ERRORS: Status = Status::Refused {
    why: "Koi does not accept certificates that are faulty",
    instead: "mend the certificates, or use `verify none`",
};
const FORGED: &str = "it serves `generate-certificates`, which is refused";
/// Why lists of signatures have no effect.
pub const SIGNATURES: &str = "Koi's TLS offers the signatures that are sound, and no others";

const fn new(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Opt<'_, '_>, &mut Bind),
) -> BindOption {
    BindOption { name, status: Status::Supported, syntax, about, example, parse }
}

const fn with(status: Status, option: BindOption) -> BindOption {
    BindOption { status, ..option }
}

/// Every option of `bind`.
pub const OPTIONS: &[BindOption] = &[
    with(
        Status::Refused {
            why: "Koi does not speak NetScaler's protocol",
            instead: "let the balancer in front send the PROXY protocol, and write `accept-proxy`",
        },
        new(
            "accept-netscaler-cip",
            "<number>",
            "Connections begin with a NetScaler header that says who the client is.",
            "accept-netscaler-cip 123",
            ignore,
        ),
    ),
    new(
        "accept-proxy",
        "",
        "Connections begin with a PROXY header (version 1 or 2) that says who the client is.",
        "accept-proxy",
        |opt, bind| flag(opt, &mut bind.accept_proxy),
    ),
    with(
        Status::NoEffect("Koi takes no early data; clients finish their handshake first"),
        new(
            "allow-0rtt",
            "",
            "Takes early data of TLS 1.3, which others can replay.",
            "ssl crt site.pem allow-0rtt",
            ignore,
        ),
    ),
    new(
        "alpn",
        "<protocol>[,<protocol>]...",
        "The protocols offered to TLS clients, in order. In HTTP mode h2,http/1.1 if nothing is said.",
        "ssl crt site.pem alpn h2,http/1.1",
        alpn,
    ),
    new(
        "backlog",
        "<number>",
        "How many connections may wait to be accepted. 0: the proxy's.",
        "backlog 1024",
        |opt, bind| {
            bind.backlog =
                opt.number("a number of connections", 0..=i32::MAX as u32).or(bind.backlog);
        },
    ),
    new(
        "ca-file",
        "<file>",
        "The authorities that clients' certificates are checked against: a file or a folder.",
        "ssl crt site.pem verify required ca-file clients.pem",
        |opt, bind| {
            if let Some(path) = opt.text("the path of a file") {
                bind.tls.ca_file = Some(path);
            }
        },
    ),
    with(
        ERRORS,
        new(
            "ca-ignore-err",
            "{ all | <error>[,<error>]... }",
            "Faults of authorities' certificates that do not matter.",
            "ssl crt site.pem ca-ignore-err all",
            ignore,
        ),
    ),
    with(
        Status::NoEffect(FORGED),
        new(
            "ca-sign-file",
            "<file>",
            "The authority that signs certificates made on the fly.",
            "ssl crt site.pem ca-sign-file authority.pem",
            ignore,
        ),
    ),
    with(
        Status::NoEffect(FORGED),
        new(
            "ca-sign-pass",
            "<text>",
            "The pass phrase of that authority's key.",
            "ssl crt site.pem ca-sign-pass secret",
            ignore,
        ),
    ),
    new(
        "ca-verify-file",
        "<file>",
        "More authorities, whose names clients are not told.",
        "ssl crt site.pem verify required ca-file clients.pem ca-verify-file root.pem",
        |opt, bind| {
            if let Some(path) = opt.text("the path of a file") {
                bind.tls.ca_verify_file = Some(path);
            }
        },
    ),
    new(
        "ciphers",
        "<list>",
        "The cipher suites of TLS 1.2, as OpenSSL writes them; what Koi does not have is left out.",
        "ssl crt site.pem ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        |opt, bind| ciphers(opt, &mut bind.tls.options),
    ),
    new(
        "ciphersuites",
        "<list>",
        "The cipher suites of TLS 1.3.",
        "ssl crt site.pem ciphersuites TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
        |opt, bind| ciphersuites(opt, &mut bind.tls.options),
    ),
    with(
        Status::NoEffect(SIGNATURES),
        new(
            "client-sigalgs",
            "<list>",
            "The signatures that clients may authenticate with.",
            "ssl crt site.pem client-sigalgs RSA+SHA256",
            ignore,
        ),
    ),
    new(
        "crl-file",
        "<file>",
        "Revoked certificates of clients.",
        "ssl crt site.pem verify required ca-file clients.pem crl-file revoked.pem",
        |opt, bind| {
            if let Some(path) = opt.text("the path of a file") {
                bind.tls.crl_file = Some(path);
            }
        },
    ),
    new(
        "crt",
        "<file>",
        "A certificate and its key (or a folder of such files). The first one is the default.",
        "ssl crt site.pem",
        |opt, bind| certificates(opt, bind, CertificateKind::Crt),
    ),
    with(
        ERRORS,
        new(
            "crt-ignore-err",
            "{ all | <error>[,<error>]... }",
            "Faults of clients' certificates that do not matter.",
            "ssl crt site.pem crt-ignore-err all",
            ignore,
        ),
    ),
    new(
        "crt-list",
        "<file>",
        "A file that lists certificates, each with options and the names it is for.",
        "ssl crt-list sites.txt",
        |opt, bind| certificates(opt, bind, CertificateKind::List),
    ),
    new(
        "curves",
        "<list>",
        "The curves for the exchange of keys, divided by colons.",
        "ssl crt site.pem curves X25519:P-256",
        |opt, bind| {
            if let Some(list) = curves(opt) {
                bind.tls.options.curves = Some(list);
            }
        },
    ),
    new(
        "default-crt",
        "<file>",
        "A certificate for clients whose name no other certificate has.",
        "ssl default-crt site.pem",
        |opt, bind| certificates(opt, bind, CertificateKind::DefaultCrt),
    ),
    with(
        Status::NoEffect("connections are accepted at once; nothing else changes"),
        new(
            "defer-accept",
            "",
            "Accepts a connection once it has sent something (Linux).",
            "defer-accept",
            ignore,
        ),
    ),
    new(
        "ecdhe",
        "<curve>",
        "One curve for the exchange of keys, where `curves` says nothing.",
        "ssl crt site.pem ecdhe prime256v1",
        ecdhe,
    ),
    with(
        Status::NoEffect("a reload keeps the process and its sockets"),
        new(
            "expose-fd",
            "listeners",
            "Lets a new process take over the listening sockets.",
            "expose-fd listeners",
            |opt, _| {
                opt.one_of(&[("listeners", ())]);
            },
        ),
    ),
    new("force-sslv3", "", "Only SSLv3, which Koi does not speak.", "force-sslv3", tls_word),
    new("force-tlsv10", "", "Only TLSv1.0, which Koi does not speak.", "force-tlsv10", tls_word),
    new("force-tlsv11", "", "Only TLSv1.1, which Koi does not speak.", "force-tlsv11", tls_word),
    new("force-tlsv12", "", "Only TLSv1.2.", "ssl crt site.pem force-tlsv12", tls_word),
    new("force-tlsv13", "", "Only TLSv1.3.", "ssl crt site.pem force-tlsv13", tls_word),
    with(
        Status::Refused {
            why: "Koi does not make certificates on the fly",
            instead: "list the certificates with `crt` or `crt-list`",
        },
        new(
            "generate-certificates",
            "",
            "Makes a certificate for whatever name a client asks for.",
            "ssl crt site.pem generate-certificates",
            ignore,
        ),
    ),
    new("gid", "<number>", "The group of the Unix socket, by number.", "gid 80", |opt, bind| {
        if let Some(group) = number(opt) {
            bind.unix.group = Some(group);
        }
    }),
    new("group", "<name>", "The group of the Unix socket.", "group www", |opt, bind| {
        if let Some(group) = user(opt) {
            bind.unix.group = Some(group);
        }
    }),
    new(
        "guid-prefix",
        "<text>",
        "What the ids of this line's sockets begin with, unique in the whole configuration.",
        "guid-prefix web",
        |opt, bind| {
            if let Some(prefix) = guid(opt) {
                bind.guid_prefix = Some(prefix);
            }
        },
    ),
    new("id", "<number>", "The id of the socket, for statistics.", "id 7", id),
    new(
        "interface",
        "<name>",
        "Takes only what arrives on this interface (Linux).",
        "interface em0",
        |opt, bind| {
            if let Some(name) = interface(opt) {
                bind.interface = Some(name);
            }
        },
    ),
    new(
        "level",
        "{ user | operator | admin }",
        "What may be asked through a statistics' socket.",
        "level operator",
        level,
    ),
    new(
        "maxconn",
        "<number>",
        "How many connections each socket takes at a time; more wait. 0: as many as the proxy.",
        "maxconn 1000",
        |opt, bind| {
            bind.maxconn =
                opt.number("a number of connections", 0..=i32::MAX as u32).or(bind.maxconn);
        },
    ),
    new("mode", "<octal>", "The permissions of the Unix socket.", "mode 660", mode),
    new(
        "mss",
        "<bytes>",
        "The largest TCP segment; a negative number is taken away from the usual one.",
        "mss 1460",
        mss,
    ),
    new(
        "name",
        "<name>",
        "What statistics call the sockets of this line.",
        "name public",
        |opt, bind| {
            if let Some(name) = opt.text("a name") {
                bind.name = Some(name);
            }
        },
    ),
    with(
        Status::Refused {
            why: "Koi does not change network namespaces",
            instead: "start Koi inside the namespace",
        },
        new(
            "namespace",
            "<name>",
            "Listens in another network namespace (Linux).",
            "namespace x",
            ignore,
        ),
    ),
    with(
        RHTTP,
        new("nbconn", "<number>", "How many connections reverse HTTP keeps.", "nbconn 2", ignore),
    ),
    with(
        Status::NoEffect("Koi serves connections in the order of their events"),
        new(
            "nice",
            "<number>",
            "Which connections come first under load, from -1024 to 1024.",
            "nice 10",
            |opt, _| {
                opt.signed("a number", -1024..=1024);
            },
        ),
    ),
    new("no-alpn", "", "Offers no protocols to TLS clients.", "ssl crt site.pem no-alpn", no_alpn),
    new(
        "no-ca-names",
        "",
        "Does not tell clients whose certificates are taken.",
        "ssl crt site.pem verify optional ca-file clients.pem no-ca-names",
        |opt, bind| flag(opt, &mut bind.tls.no_ca_names),
    ),
    new(
        "no-sslv3",
        "",
        "Without SSLv3, which Koi does not speak anyway.",
        "ssl crt site.pem no-sslv3",
        tls_word,
    ),
    new(
        "no-tls-tickets",
        "",
        "Without session tickets of TLS 1.2.",
        "ssl crt site.pem no-tls-tickets",
        tls_word,
    ),
    new(
        "no-tlsv10",
        "",
        "Without TLSv1.0, which Koi does not speak anyway.",
        "ssl crt site.pem no-tlsv10",
        tls_word,
    ),
    new(
        "no-tlsv11",
        "",
        "Without TLSv1.1, which Koi does not speak anyway.",
        "ssl crt site.pem no-tlsv11",
        tls_word,
    ),
    new("no-tlsv12", "", "Without TLSv1.2.", "ssl crt site.pem no-tlsv12", tls_word),
    new("no-tlsv13", "", "Without TLSv1.3.", "ssl crt site.pem no-tlsv13", tls_word),
    with(
        Status::NoEffect("clients of today use ALPN; write `alpn`"),
        new(
            "npn",
            "<protocol>[,<protocol>]...",
            "What came before ALPN.",
            "ssl crt site.pem npn h2",
            npn,
        ),
    ),
    new(
        "prefer-client-ciphers",
        "",
        "The client's order of cipher suites counts, not ours.",
        "ssl crt site.pem prefer-client-ciphers",
        tls_word,
    ),
    with(
        Status::Refused {
            why: "HAProxy 3.0 does not have it any more either",
            instead: "leave it out: every worker takes connections",
        },
        new("process", "<set>", "Which processes listen.", "process 1", ignore),
    ),
    new(
        "proto",
        "{ h1 | h2 | none }",
        "The protocol of connections that negotiate none: h2 for HTTP/2 in the clear.",
        "proto h2",
        proto,
    ),
    with(
        Status::NoEffect(QUIC),
        new(
            "quic-cc-algo",
            "{ cubic | newreno }[(<bytes>)]",
            "QUIC's congestion control.",
            "quic-cc-algo cubic",
            quic_cc_algo,
        ),
    ),
    with(
        Status::NoEffect(QUIC),
        new(
            "quic-force-retry",
            "",
            "QUIC clients prove their address first.",
            "quic-force-retry",
            ignore,
        ),
    ),
    with(
        Status::NoEffect(QUIC),
        new(
            "quic-socket",
            "{ connection | listener }",
            "How QUIC divides its sockets.",
            "quic-socket listener",
            |opt, _| {
                opt.one_of(&[("connection", ()), ("listener", ())]);
            },
        ),
    ),
    new(
        "severity-output",
        "{ none | number | string }",
        "How answers of a statistics' socket are marked.",
        "severity-output number",
        severity_output,
    ),
    with(
        Status::NoEffect("every worker has a socket of its own"),
        new(
            "shards",
            "{ <number> | by-thread | by-group }",
            "How many sockets share the address.",
            "shards by-thread",
            shards,
        ),
    ),
    with(
        Status::NoEffect(SIGNATURES),
        new(
            "sigalgs",
            "<list>",
            "The signatures of TLS.",
            "ssl crt site.pem sigalgs RSA+SHA256",
            ignore,
        ),
    ),
    new(
        "ssl",
        "",
        "TLS to clients; needs `crt` or `crt-list`.",
        "ssl crt site.pem",
        |opt, bind| flag(opt, &mut bind.tls.enabled),
    ),
    new(
        "ssl-max-ver",
        "<version>",
        "The newest version of TLS.",
        "ssl crt site.pem ssl-max-ver TLSv1.3",
        tls_word,
    ),
    new(
        "ssl-min-ver",
        "<version>",
        "The oldest version of TLS.",
        "ssl crt site.pem ssl-min-ver TLSv1.2",
        tls_word,
    ),
    new(
        "strict-sni",
        "",
        "Refuses clients whose name no certificate has.",
        "ssl crt site.pem strict-sni",
        |opt, bind| flag(opt, &mut bind.tls.strict_sni),
    ),
    new(
        "tcp-ut",
        "<time>",
        "Drops connections whose bytes stay unacknowledged for so long.",
        "tcp-ut 30s",
        |opt, bind| {
            bind.tcp_user_timeout = opt.time("a time").or(bind.tcp_user_timeout);
        },
    ),
    with(
        Status::NoEffect("connections are opened in the usual way; nothing else changes"),
        new("tfo", "", "TCP Fast Open.", "tfo", ignore),
    ),
    with(
        Status::NoEffect("every worker takes connections"),
        new(
            "thread",
            "[<group>/]<set>[,...]",
            "Which threads take connections.",
            "thread 1-4",
            thread,
        ),
    ),
    with(
        Status::Later(Feature::TlsDetails),
        new(
            "tls-ticket-keys",
            "<file>",
            "The keys of session tickets, to share them between machines.",
            "ssl crt site.pem tls-ticket-keys keys.txt",
            |opt, bind| {
                if let Some(path) = opt.text("the path of a file") {
                    bind.tls.ticket_keys = Some(path);
                }
            },
        ),
    ),
    new(
        "transparent",
        "",
        "Listens on addresses that are not ours (transparent proxying).",
        "transparent",
        |opt, bind| flag(opt, &mut bind.transparent),
    ),
    new("uid", "<number>", "The owner of the Unix socket, by number.", "uid 80", |opt, bind| {
        if let Some(owner) = number(opt) {
            bind.unix.user = Some(owner);
        }
    }),
    new("user", "<name>", "The owner of the Unix socket.", "user www", |opt, bind| {
        if let Some(owner) = user(opt) {
            bind.unix.user = Some(owner);
        }
    }),
    new("v4v6", "", "An IPv6 socket takes IPv4 too.", "v4v6", |opt, bind| {
        flag(opt, &mut bind.v4v6)
    }),
    new(
        "v6only",
        "",
        "An IPv6 socket takes IPv6 only; stronger than `v4v6`.",
        "v6only",
        |opt, bind| flag(opt, &mut bind.v6only),
    ),
    new(
        "verify",
        "{ none | optional | required }",
        "Whether clients show a certificate. Needs `ca-file` unless it is none.",
        "ssl crt site.pem verify optional ca-file clients.pem",
        verify,
    ),
];
