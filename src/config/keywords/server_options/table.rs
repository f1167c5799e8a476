//! The table of the options of `server`.

use super::*;
use crate::config::keyword::Feature;
use crate::config::keywords::bind_options::{ciphers, ciphersuites, curves, guid, read_proto};
use crate::config::plan::{HashKey, LogFraming, WebSocket};

const fn new(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Opt<'_, '_>, &mut Target<'_>),
) -> ServerOption {
    ServerOption {
        name,
        status: Status::Supported,
        syntax,
        about,
        example,
        in_default: true,
        parse,
    }
}

const fn with(status: Status, option: ServerOption) -> ServerOption {
    ServerOption { status, ..option }
}

const fn not_in_default(option: ServerOption) -> ServerOption {
    ServerOption { in_default: false, ..option }
}

/// An option whose values are read past.
fn ignore(opt: &mut Opt<'_, '_>, _target: &mut Target<'_>) {
    if !opt.syntax.is_empty() {
        opt.value("a value");
    }
}

/// A number; -1 for no limit.
fn unlimited(opt: &mut Opt<'_, '_>) -> Option<Given<Option<u32>>> {
    let number = opt.signed("a number, or -1", -1..=i32::MAX)?;
    Some(Given { value: u32::try_from(number.value).ok(), span: number.span })
}

/// Every option of `server`.
pub const OPTIONS: &[ServerOption] = &[
    new(
        "addr",
        "<address>[:<port>]",
        "Where checks go instead of the server itself.",
        "check addr 192.0.2.9",
        health::addr,
    ),
    new(
        "agent-addr",
        "<address>",
        "Where the agent is, if not at the server.",
        "agent-check agent-port 8081 agent-addr 192.0.2.9",
        health::agent_addr,
    ),
    new(
        "agent-check",
        "",
        "Asks an agent at `agent-port` for the weight and state of the server.",
        "agent-check agent-port 8081",
        |opt, it| it.settings.agent.check = Some(opt.word.span),
    ),
    new(
        "agent-inter",
        "<time>",
        "How often the agent is asked; 2s if not set.",
        "agent-check agent-port 8081 agent-inter 5s",
        |opt, it| {
            let found = opt.time_above_zero("a time");
            it.settings.agent.inter = found.or(it.settings.agent.inter.take());
        },
    ),
    new(
        "agent-port",
        "<port>",
        "The port of the agent.",
        "agent-check agent-port 8081",
        health::agent_port,
    ),
    new(
        "agent-send",
        "<text>",
        "What the agent is sent first.",
        "agent-check agent-port 8081 agent-send web1",
        |opt, it| {
            let found = opt.text("a text");
            it.settings.agent.send = found.or(it.settings.agent.send.take());
        },
    ),
    with(
        Status::NoEffect("Koi sends no early data; it finishes the handshake first"),
        new(
            "allow-0rtt",
            "",
            "Sends early data of TLS 1.3, which others can replay.",
            "ssl verify none allow-0rtt",
            ignore,
        ),
    ),
    new(
        "alpn",
        "<protocol>[,<protocol>]...",
        "The protocols offered to the server, in order.",
        "ssl verify none alpn h2,http/1.1",
        tls::alpn,
    ),
    new("backup", "", "Used only when all other servers are down.", "backup", |opt, it| {
        it.settings.backup = Some(opt.word.span)
    }),
    new(
        "ca-file",
        "<file>",
        "The authorities that the server's certificate is checked against; @system-ca for the system's.",
        "ssl ca-file authorities.pem",
        |opt, it| {
            let found = opt.text("the path of a file");
            it.settings.tls.ca_file = found.or(it.settings.tls.ca_file.take());
        },
    ),
    new("check", "", "Checks whether the server works.", "check", |opt, it| {
        it.settings.health.check = Some(opt.word.span)
    }),
    new(
        "check-alpn",
        "<protocol>[,<protocol>]...",
        "The protocols that checks offer, if not those of `alpn`.",
        "ssl verify none check check-alpn http/1.1",
        tls::check_alpn,
    ),
    new(
        "check-proto",
        "{ h1 | h2 | none }",
        "The protocol of checks, if not that of `proto`.",
        "check check-proto none",
        |opt, it| {
            let found = read_proto(opt);
            it.settings.health.proto = found.or(it.settings.health.proto.take());
        },
    ),
    new(
        "check-send-proxy",
        "",
        "Checks begin with a PROXY header even where `addr` or `port` is set.",
        "check port 8080 check-send-proxy",
        |opt, it| it.settings.health.send_proxy = Some(opt.word.span),
    ),
    new(
        "check-sni",
        "<name>",
        "The name that checks ask for by TLS.",
        "ssl verify none check check-sni app.example",
        |opt, it| {
            let found = opt.text("a host name");
            it.settings.health.sni = found.or(it.settings.health.sni.take());
        },
    ),
    new(
        "check-ssl",
        "",
        "Checks use TLS even where `addr` or `port` is set.",
        "check port 8443 check-ssl verify none",
        tls::check_ssl,
    ),
    with(
        Status::Refused {
            why: "Koi does not dial through SOCKS proxies",
            instead: "route to the server, or relay its port",
        },
        new(
            "check-via-socks4",
            "",
            "Checks go through the SOCKS proxy too.",
            "check check-via-socks4",
            ignore,
        ),
    ),
    new(
        "ciphers",
        "<list>",
        "The cipher suites of TLS 1.2, as OpenSSL writes them; what Koi does not have is left out.",
        "ssl verify none ciphers ECDHE-RSA-AES128-GCM-SHA256",
        |opt, it| ciphers(opt, &mut it.settings.tls.options),
    ),
    new(
        "ciphersuites",
        "<list>",
        "The cipher suites of TLS 1.3.",
        "ssl verify none ciphersuites TLS_AES_128_GCM_SHA256",
        |opt, it| ciphersuites(opt, &mut it.settings.tls.options),
    ),
    with(
        Status::NoEffect("Koi's TLS offers the signatures that are sound, and no others"),
        new(
            "client-sigalgs",
            "<list>",
            "The signatures that we may authenticate with.",
            "ssl verify none client-sigalgs RSA+SHA256",
            ignore,
        ),
    ),
    new(
        "cookie",
        "<value>",
        "The value of the persistence cookie that means this server.",
        "cookie web1",
        |opt, it| {
            let found = opt.text("a value");
            it.settings.cookie = found.or(it.settings.cookie.take());
        },
    ),
    new(
        "crl-file",
        "<file>",
        "Revoked certificates of servers.",
        "ssl ca-file authorities.pem crl-file revoked.pem",
        |opt, it| {
            let found = opt.text("the path of a file");
            it.settings.tls.crl_file = found.or(it.settings.tls.crl_file.take());
        },
    ),
    new(
        "crt",
        "<file>",
        "The certificate and key that the server is shown if it asks.",
        "ssl verify none crt us.pem",
        |opt, it| {
            let found = opt.text("the path of a file");
            it.settings.tls.certificate = found.or(it.settings.tls.certificate.take());
        },
    ),
    new(
        "curves",
        "<list>",
        "The curves for the exchange of keys, divided by colons.",
        "ssl verify none curves X25519:P-256",
        |opt, it| {
            let found = curves(opt);
            it.settings.tls.options.curves = found.or(it.settings.tls.options.curves.take());
        },
    ),
    new("disabled", "", "Starts in maintenance.", "disabled", |opt, it| {
        it.settings.disabled = Some(opt.word.span)
    }),
    new(
        "downinter",
        "<time>",
        "How often a server that is down is checked.",
        "check downinter 10s",
        |opt, it| {
            let found = opt.time_above_zero("a time");
            it.settings.health.downinter = found.or(it.settings.health.downinter.take());
        },
    ),
    new("enabled", "", "Undoes `disabled`.", "enabled", |_, it| it.settings.disabled = None),
    new(
        "error-limit",
        "<number>",
        "After how many errors in use `on-error` happens; 10 if not set.",
        "check observe layer4 error-limit 5",
        health::error_limit,
    ),
    new(
        "fall",
        "<number>",
        "After how many failed checks the server is down; 3 if not set.",
        "check fall 3",
        health::fall,
    ),
    new(
        "fastinter",
        "<time>",
        "How often a server is checked whose state is about to change.",
        "check fastinter 1s",
        |opt, it| {
            let found = opt.time_above_zero("a time");
            it.settings.health.fastinter = found.or(it.settings.health.fastinter.take());
        },
    ),
    new("force-sslv3", "", "Only SSLv3, which Koi does not speak.", "force-sslv3", tls::word),
    new("force-tlsv10", "", "Only TLSv1.0, which Koi does not speak.", "force-tlsv10", tls::word),
    new("force-tlsv11", "", "Only TLSv1.1, which Koi does not speak.", "force-tlsv11", tls::word),
    new("force-tlsv12", "", "Only TLSv1.2.", "ssl verify none force-tlsv12", tls::word),
    new("force-tlsv13", "", "Only TLSv1.3.", "ssl verify none force-tlsv13", tls::word),
    not_in_default(new(
        "guid",
        "<text>",
        "An id that is unique in the whole configuration.",
        "guid web1",
        |opt, it| it.guid = guid(opt).or(it.guid.take()),
    )),
    new(
        "hash-key",
        "{ id | addr | addr-port }",
        "What consistent hashing hashes.",
        "hash-key addr",
        |opt, it| {
            let found = opt.one_of(&[
                ("id", HashKey::Id),
                ("addr", HashKey::Addr),
                ("addr-port", HashKey::AddrPort),
            ]);
            it.settings.hash_key = found.or(it.settings.hash_key.take());
        },
    ),
    not_in_default(new(
        "id",
        "<number>",
        "The id of the server, unique in its backend.",
        "id 7",
        |opt, it| it.id = opt.number("an id", 1..=i32::MAX as u32).or(it.id),
    )),
    new(
        "init-addr",
        "{ last | libc | none | <ip> }[,...]",
        "Where the first address of a name comes from; last,libc if not set.",
        "init-addr last,libc,none",
        naming::init_addr,
    ),
    new(
        "inter",
        "<time>",
        "How often the server is checked; 2s if not set.",
        "check inter 3s",
        |opt, it| {
            let found = opt.time_above_zero("a time");
            it.settings.health.inter = found.or(it.settings.health.inter.take());
        },
    ),
    with(
        Status::Later(Feature::Logs),
        new(
            "log-bufsize",
            "<bytes>",
            "How much waits for a slow log server (`mode log`).",
            "log-bufsize 64k",
            |opt, it| {
                let found = opt.size("a size");
                it.settings.log_buffer_bytes = found.or(it.settings.log_buffer_bytes.take());
            },
        ),
    ),
    with(
        Status::Later(Feature::Logs),
        new(
            "log-proto",
            "{ legacy | octet-count }",
            "How log messages are divided on a stream (`mode log`).",
            "log-proto octet-count",
            |opt, it| {
                let found = opt.one_of(&[
                    ("legacy", LogFraming::Legacy),
                    ("octet-count", LogFraming::OctetCount),
                ]);
                it.settings.log_framing = found.or(it.settings.log_framing.take());
            },
        ),
    ),
    new(
        "max-reuse",
        "<number>",
        "How often a connection to the server may be used again; -1 for any number.",
        "max-reuse 100",
        |opt, it| {
            let found = unlimited(opt);
            it.settings.pool.max_reuse = found.or(it.settings.pool.max_reuse);
        },
    ),
    new(
        "maxconn",
        "<number>",
        "How many connections (requests, in HTTP mode) the server gets at a time; more wait. 0: no limit.",
        "maxconn 100",
        |opt, it| {
            let found = opt.number("a number of connections", 0..=i32::MAX as u32);
            it.settings.maxconn = found.or(it.settings.maxconn.take());
        },
    ),
    new(
        "maxqueue",
        "<number>",
        "How many may wait for the server. 0: no limit.",
        "maxqueue 50",
        |opt, it| {
            let found = opt.number("a number of connections", 0..=i32::MAX as u32);
            it.settings.maxqueue = found.or(it.settings.maxqueue.take());
        },
    ),
    new(
        "minconn",
        "<number>",
        "The limit while the backend has little to do; it grows to `maxconn`.",
        "minconn 10 maxconn 100",
        |opt, it| {
            let found = opt.number("a number of connections", 0..=i32::MAX as u32);
            it.settings.minconn = found.or(it.settings.minconn.take());
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
            "Connects from another network namespace (Linux).",
            "namespace blue",
            ignore,
        ),
    ),
    new("no-agent-check", "", "Undoes `agent-check`.", "no-agent-check", |_, it| {
        it.settings.agent.check = None
    }),
    new("no-backup", "", "Undoes `backup`.", "no-backup", |_, it| it.settings.backup = None),
    new("no-check", "", "Undoes `check`.", "no-check", |_, it| it.settings.health.check = None),
    new("no-check-send-proxy", "", "Undoes `check-send-proxy`.", "no-check-send-proxy", |_, it| {
        it.settings.health.send_proxy = None
    }),
    new("no-check-ssl", "", "Undoes `check-ssl`.", "no-check-ssl", tls::check_ssl),
    new("no-send-proxy", "", "Undoes `send-proxy`.", "no-send-proxy", |_, it| {
        it.settings.proxy_protocol.v1 = None
    }),
    new(
        "no-send-proxy-v2",
        "",
        "Undoes `send-proxy-v2`.",
        "no-send-proxy-v2",
        proxy_protocol::no_v2,
    ),
    new(
        "no-send-proxy-v2-ssl",
        "",
        "Undoes `send-proxy-v2-ssl`.",
        "no-send-proxy-v2-ssl",
        proxy_protocol::no_v2,
    ),
    new(
        "no-send-proxy-v2-ssl-cn",
        "",
        "Undoes `send-proxy-v2-ssl-cn`.",
        "no-send-proxy-v2-ssl-cn",
        proxy_protocol::no_v2,
    ),
    new("no-ssl", "", "Undoes `ssl`.", "no-ssl", tls::ssl),
    new(
        "no-ssl-reuse",
        "",
        "Every connection begins with a full handshake.",
        "ssl verify none no-ssl-reuse",
        tls::reuse,
    ),
    not_in_default(new(
        "no-sslv3",
        "",
        "Without SSLv3, which Koi does not speak anyway.",
        "ssl verify none no-sslv3",
        tls::word,
    )),
    new("no-tfo", "", "Undoes `tfo`.", "no-tfo", ignore),
    new(
        "no-tls-tickets",
        "",
        "Without session tickets of TLS 1.2.",
        "ssl verify none no-tls-tickets",
        tls::word,
    ),
    not_in_default(new(
        "no-tlsv10",
        "",
        "Without TLSv1.0, which Koi does not speak anyway.",
        "ssl verify none no-tlsv10",
        tls::word,
    )),
    not_in_default(new(
        "no-tlsv11",
        "",
        "Without TLSv1.1, which Koi does not speak anyway.",
        "ssl verify none no-tlsv11",
        tls::word,
    )),
    not_in_default(new(
        "no-tlsv12",
        "",
        "Without TLSv1.2.",
        "ssl verify none no-tlsv12",
        tls::word,
    )),
    not_in_default(new(
        "no-tlsv13",
        "",
        "Without TLSv1.3.",
        "ssl verify none no-tlsv13",
        tls::word,
    )),
    new("no-verifyhost", "", "Undoes `verifyhost`.", "no-verifyhost", |_, it| {
        it.settings.tls.verify_host = None
    }),
    new(
        "non-stick",
        "",
        "Connections to this server are not remembered in stick tables.",
        "backup non-stick",
        |opt, it| it.settings.non_stick = Some(opt.word.span),
    ),
    with(
        Status::NoEffect("servers of today use ALPN; write `alpn`"),
        new(
            "npn",
            "<protocol>[,<protocol>]...",
            "What came before ALPN.",
            "ssl verify none npn h2",
            ignore,
        ),
    ),
    new(
        "observe",
        "{ none | layer4 | layer7 }",
        "Errors in use count like failed checks.",
        "check observe layer7",
        health::observe,
    ),
    new(
        "on-error",
        "{ fastinter | fail-check | sudden-death | mark-down }",
        "What `error-limit` errors in use do.",
        "check observe layer4 on-error mark-down",
        health::on_error,
    ),
    new(
        "on-marked-down",
        "shutdown-sessions",
        "Ends all connections when the server goes down.",
        "check on-marked-down shutdown-sessions",
        health::on_marked_down,
    ),
    new(
        "on-marked-up",
        "shutdown-backup-sessions",
        "Ends all connections to backup servers when the server comes up.",
        "check on-marked-up shutdown-backup-sessions",
        health::on_marked_up,
    ),
    new(
        "pool-conn-name",
        "<expression>",
        "What idle connections are told apart by.",
        "pool-conn-name req.hdr(host)",
        |opt, it| {
            it.settings.pool.connection_name =
                opt.value("an expression").cloned().or(it.settings.pool.connection_name.take())
        },
    ),
    new(
        "pool-low-conn",
        "<number>",
        "How many idle connections a worker keeps to itself.",
        "pool-low-conn 4",
        |opt, it| {
            let found = opt.number("a number of connections", 0..=i32::MAX as u32);
            it.settings.pool.low_idle = found.or(it.settings.pool.low_idle.take());
        },
    ),
    new(
        "pool-max-conn",
        "<number>",
        "How many idle connections are kept; -1 for any number.",
        "pool-max-conn 100",
        |opt, it| {
            let found = unlimited(opt);
            it.settings.pool.max_idle = found.or(it.settings.pool.max_idle);
        },
    ),
    new(
        "pool-purge-delay",
        "<time>",
        "How often half of the idle connections are closed; 5s if not set.",
        "pool-purge-delay 10s",
        |opt, it| {
            let found = opt.time("a time");
            it.settings.pool.purge_delay = found.or(it.settings.pool.purge_delay.take());
        },
    ),
    new("port", "<port>", "The port that checks go to.", "check port 8080", health::port),
    new(
        "proto",
        "{ h1 | h2 | none }",
        "The protocol of connections that negotiate none: h2 for HTTP/2 in the clear.",
        "proto h2",
        |opt, it| {
            let found = read_proto(opt);
            it.settings.proto = found.or(it.settings.proto.take());
        },
    ),
    new(
        "proxy-v2-options",
        "<option>[,<option>]...",
        "What a PROXY header of version 2 says besides.",
        "send-proxy-v2 proxy-v2-options ssl,authority",
        proxy_protocol::options,
    ),
    new(
        "redir",
        "<prefix>",
        "Answers GET and HEAD with a redirection to this prefix and the path.",
        "redir https://static.example",
        |opt, it| {
            let found = opt.text("a prefix");
            it.settings.redir = found.or(it.settings.redir.take());
        },
    ),
    new(
        "resolve-net",
        "<network>[,<network>]...",
        "The networks whose addresses are preferred.",
        "resolvers dns resolve-net 192.0.2.0/24",
        naming::networks,
    ),
    new(
        "resolve-opts",
        "<option>[,<option>]...",
        "allow-dup-ip, prevent-dup-ip, ignore-weight.",
        "resolvers dns resolve-opts allow-dup-ip",
        naming::options,
    ),
    new(
        "resolve-prefer",
        "{ ipv4 | ipv6 }",
        "The family that is preferred; ipv6 if not set.",
        "resolvers dns resolve-prefer ipv4",
        naming::prefer,
    ),
    with(
        Status::Later(Feature::Resolvers),
        new(
            "resolvers",
            "<name>",
            "The section of name servers that keeps the address up to date.",
            "resolvers dns",
            |opt, it| {
                let found = opt.text("the name of a section");
                it.settings.naming.resolvers = found.or(it.settings.naming.resolvers.take());
            },
        ),
    ),
    new(
        "rise",
        "<number>",
        "After how many good checks the server is up; 2 if not set.",
        "check rise 2",
        health::rise,
    ),
    new(
        "send-proxy",
        "",
        "Connections begin with a PROXY header of version 1.",
        "send-proxy",
        |opt, it| it.settings.proxy_protocol.v1 = Some(opt.word.span),
    ),
    new(
        "send-proxy-v2",
        "",
        "Connections begin with a PROXY header of version 2.",
        "send-proxy-v2",
        proxy_protocol::v2,
    ),
    new(
        "send-proxy-v2-ssl",
        "",
        "The same, and it says how the client spoke TLS.",
        "send-proxy-v2-ssl",
        proxy_protocol::v2,
    ),
    new(
        "send-proxy-v2-ssl-cn",
        "",
        "The same, with the common name of the client's certificate.",
        "send-proxy-v2-ssl-cn",
        proxy_protocol::v2,
    ),
    new(
        "set-proxy-v2-tlv-fmt",
        "(<id>) <format>",
        "A field of your own in PROXY headers of version 2.",
        "send-proxy-v2 set-proxy-v2-tlv-fmt(0x20) %[fc_pp_tlv(0x20)]",
        proxy_protocol::tlv,
    ),
    with(
        Status::NoEffect("only peers have shards"),
        new(
            "shard",
            "<number>",
            "Which updates of stick tables a peer gets.",
            "shard 1",
            |opt, _| {
                opt.number("a number", 0..=i32::MAX as u32);
            },
        ),
    ),
    with(
        Status::NoEffect("Koi's TLS offers the signatures that are sound, and no others"),
        new(
            "sigalgs",
            "<list>",
            "The signatures of TLS.",
            "ssl verify none sigalgs RSA+SHA256",
            ignore,
        ),
    ),
    new(
        "slowstart",
        "<time>",
        "How long a server that came back takes to get its full share.",
        "check slowstart 30s",
        |opt, it| {
            let found = opt.time("a time");
            it.settings.slowstart = found.or(it.settings.slowstart.take());
        },
    ),
    new(
        "sni",
        "<expression>",
        "The name that is asked for by TLS.",
        "ssl verify none sni req.hdr(host)",
        |opt, it| {
            it.settings.tls.sni = opt.value("an expression").cloned().or(it.settings.tls.sni.take())
        },
    ),
    with(
        Status::Refused {
            why: "Koi does not dial through SOCKS proxies",
            instead: "route to the server, or relay its port",
        },
        new(
            "socks4",
            "<address>:<port>",
            "Connects through a SOCKS proxy.",
            "socks4 192.0.2.1:1080",
            ignore,
        ),
    ),
    new(
        "source",
        "<address>[:<port>[-<port>]] [usesrc <whom>] [interface <name>]",
        "Where connections to the server come from.",
        "source 192.0.2.1 interface em0",
        source::source,
    ),
    new(
        "ssl",
        "",
        "TLS to the server; needs `ca-file`, or `verify none`.",
        "ssl verify none",
        tls::ssl,
    ),
    new(
        "ssl-max-ver",
        "<version>",
        "The newest version of TLS.",
        "ssl verify none ssl-max-ver TLSv1.3",
        tls::word,
    ),
    new(
        "ssl-min-ver",
        "<version>",
        "The oldest version of TLS.",
        "ssl verify none ssl-min-ver TLSv1.2",
        tls::word,
    ),
    new("ssl-reuse", "", "Undoes `no-ssl-reuse`.", "ssl verify none ssl-reuse", tls::reuse),
    new("stick", "", "Undoes `non-stick`.", "stick", |_, it| it.settings.non_stick = None),
    new(
        "tcp-ut",
        "<time>",
        "Drops connections whose bytes stay unacknowledged for so long.",
        "tcp-ut 30s",
        |opt, it| {
            let found = opt.time("a time");
            it.settings.tcp_user_timeout = found.or(it.settings.tcp_user_timeout.take());
        },
    ),
    with(
        Status::NoEffect("connections are opened in the usual way; nothing else changes"),
        new("tfo", "", "TCP Fast Open.", "tfo", ignore),
    ),
    new("tls-tickets", "", "Undoes `no-tls-tickets`.", "ssl verify none tls-tickets", tls::word),
    new(
        "track",
        "[<backend>/]<server>",
        "Takes over the state of another server, which is checked.",
        "track other/web1",
        health::track,
    ),
    new(
        "usesrc",
        "<whom>",
        "Only behind `source`.",
        "source 192.0.2.1 usesrc clientip",
        source::alone,
    ),
    new(
        "verify",
        "{ none | required }",
        "Whether the server's certificate is checked.",
        "ssl verify required ca-file authorities.pem",
        tls::verify,
    ),
    new(
        "verifyhost",
        "<name>",
        "The name that the certificate must have where `sni` says none.",
        "ssl ca-file authorities.pem verifyhost app.example",
        |opt, it| {
            let found = opt.text("a host name");
            it.settings.tls.verify_host = found.or(it.settings.tls.verify_host.take());
        },
    ),
    new(
        "weight",
        "<number>",
        "The share of the load, from 0 (none) to 256; 1 if not set.",
        "weight 10",
        |opt, it| {
            let found = opt.number("a weight", 0..=256);
            it.settings.weight = found.or(it.settings.weight.take());
        },
    ),
    new("ws", "{ auto | h1 | h2 }", "What WebSockets are spoken over.", "ws h1", |opt, it| {
        let found =
            opt.one_of(&[("auto", WebSocket::Auto), ("h1", WebSocket::H1), ("h2", WebSocket::H2)]);
        it.settings.ws = found.or(it.settings.ws.take());
    }),
];
