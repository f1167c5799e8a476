//! `option httpchk` and its like: what a health check is.
//!
//! The steps of `http-check` and `tcp-check` are read by [`steps`](super::check_steps).

use super::check_steps as steps;
use super::common::{BACKS, here, refused, row, text};
use crate::config::args::Args;
use crate::config::keyword::{Keyword, Parse};
use crate::config::plan::{CheckKind, Proxy};
use crate::config::section::Sections;
use crate::config::word::Word;

/// The last `option` of this family holds.
fn kind(args: &Args<'_>, proxy: &mut Proxy, kind: CheckKind) {
    proxy.back.checks.kind = Some(here(args, kind));
}

fn httpchk(args: &mut Args<'_>, proxy: &mut Proxy) {
    let mut words = Vec::new();
    while words.len() < 3
        && let Some(word) = args.take()
    {
        words.push(word);
    }
    let owned = |at: usize| words.get(at).map(|word| word.text.clone());
    let (method, uri, version) = match words.len() {
        1 => (None, owned(0), None),
        _ => (owned(0), owned(1), owned(2)),
    };
    if let (Some(word), Some(method)) = (words.first(), &method)
        && method.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        args.error(word.span, "this is no method").label("a word like GET or OPTIONS is expected");
        return args.skip();
    }
    let hidden = |word: &&&Word| word.contains(['\r', '\n']);
    if let Some(word) = words.get(2).filter(hidden) {
        args.error(word.span, "fields cannot hide behind the version")
            .label("only a version is expected here, like HTTP/1.1")
            .help("write `http-check send ver HTTP/1.1 hdr Host www.example.net`");
        return args.skip();
    }
    kind(args, proxy, CheckKind::Http { method, uri, version });
}

fn smtpchk(args: &mut Args<'_>, proxy: &mut Proxy) {
    let (hello, domain) = match (args.take(), args.take()) {
        (Some(hello), Some(domain)) if matches!(&*hello.text, "EHLO" | "HELO") => {
            (hello.text.clone(), domain.text.clone())
        }
        // Anything else is HAProxy's default.
        _ => ("HELO".into(), "localhost".into()),
    };
    kind(args, proxy, CheckKind::Smtp { hello, domain });
}

fn mysql(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = args.take() else {
        return kind(args, proxy, CheckKind::Mysql { user: None, pre_41: false });
    };
    if &*word.text != "user" {
        args.unknown(word, "an argument", ["user"]);
        return args.skip();
    }
    let Some(user) = text(args, "a user") else { return args.skip() };
    let mut pre_41 = false;
    if args.peek().is_some() {
        let choices = [("post-41", false), ("pre-41", true)];
        let Some(choice) = args.one_of("`post-41` or `pre-41`", &choices) else {
            return args.skip();
        };
        pre_41 = choice.value;
    }
    kind(args, proxy, CheckKind::Mysql { user: Some(user.value), pre_41 });
}

fn pgsql(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = args.word("`user` and a user") else { return };
    if &*word.text != "user" {
        args.unknown(word, "an argument", ["user"]);
        return args.skip();
    }
    let Some(user) = text(args, "a user") else { return args.skip() };
    kind(args, proxy, CheckKind::Postgres { user: user.value });
}

/// A program, or where it finds others: the word is checked.
fn external(args: &mut Args<'_>) {
    if text(args, "a path").is_none() {
        args.rest();
    }
}

const fn option(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Proxy),
) -> Keyword {
    row(name, BACKS, syntax, about, example, parse)
}

const CONNECT: &str = "[default] [port { <port> | <expression> }] [addr <address>] [send-proxy] [via-socks4] [ssl] [sni <name>] [alpn <protocols>] [linger] [proto { h1 | h2 }] [comment <text>]";

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    option(
        "option httpchk",
        "[<uri> | <method> <uri> [<version>]]",
        "Checks servers by a request; see `http-check`.",
        "option httpchk GET /health",
        httpchk,
    ),
    option(
        "option tcp-check",
        "",
        "Checks servers by the steps of `tcp-check`, or just by a connection.",
        "option tcp-check",
        |args, proxy| kind(args, proxy, CheckKind::Tcp),
    ),
    option(
        "option ssl-hello-chk",
        "",
        "Checks servers by the first message of a TLS handshake.",
        "option ssl-hello-chk",
        |args, proxy| kind(args, proxy, CheckKind::TlsHello),
    ),
    option(
        "option smtpchk",
        "[{ EHLO | HELO } <domain>]",
        "Checks mail servers by a greeting.",
        "option smtpchk EHLO proxy.example.net",
        smtpchk,
    ),
    option(
        "option mysql-check",
        "[user <user> [post-41 | pre-41]]",
        "Checks MySQL servers by a greeting, or by a log-in without a password.",
        "option mysql-check user proxy",
        mysql,
    ),
    option(
        "option pgsql-check",
        "user <user>",
        "Checks PostgreSQL servers by the start of a log-in.",
        "option pgsql-check user proxy",
        pgsql,
    ),
    option(
        "option redis-check",
        "",
        "Checks Redis servers by PING.",
        "option redis-check",
        |args, proxy| kind(args, proxy, CheckKind::Redis),
    ),
    option(
        "option ldap-check",
        "",
        "Checks LDAP servers by an anonymous bind.",
        "option ldap-check",
        |args, proxy| kind(args, proxy, CheckKind::Ldap),
    ),
    refused(
        "option spop-check",
        BACKS,
        "Koi does not speak to SPOE agents",
        "check them by `option tcp-check`",
        "Checks servers as agents of SPOE.",
        "option spop-check",
    ),
    refused(
        "option external-check",
        BACKS,
        "Koi starts no programs",
        "check servers by `option httpchk` or `option tcp-check`",
        "Checks servers by a program.",
        "option external-check",
    ),
    Keyword {
        parse: Parse::Check(external),
        ..row(
            "external-check command",
            Sections::PROXIES,
            "<program>",
            "In HAProxy: the program that checks servers.",
            "external-check command /bin/true",
            |_, _| {},
        )
        .without_effect("only `option external-check` asks for it, which Koi refuses")
    },
    Keyword {
        parse: Parse::Check(external),
        ..row(
            "external-check path",
            Sections::PROXIES,
            "<path>",
            "In HAProxy: where that program finds others.",
            "external-check path /usr/bin",
            |_, _| {},
        )
        .without_effect("only `option external-check` asks for it, which Koi refuses")
    },
    option(
        "http-check disable-on-404",
        "",
        "Takes a server out that answers 404, without ending what it serves.",
        "http-check disable-on-404",
        |_, proxy| proxy.back.checks.disable_on_404 = true,
    ),
    option(
        "http-check send-state",
        "",
        "Tells servers in the check's request how Koi sees them.",
        "http-check send-state",
        |_, proxy| proxy.back.checks.send_state = true,
    ),
    option(
        "http-check comment",
        "<text>",
        "What the next steps are for; shown where a check failed.",
        "http-check comment login",
        steps::http_step,
    ),
    option(
        "http-check connect",
        CONNECT,
        "Connects, or connects once more.",
        "http-check connect port 8080",
        steps::http_step,
    ),
    option(
        "http-check expect",
        "[!] { status <statuses> | rstatus <regex> | string <text> | rstring <regex> | string-lf <format> | hdr <...> | fhdr <...> } [<option>]...",
        "What the answer must be.",
        "http-check expect status 200-399",
        steps::http_step,
    ),
    option(
        "http-check send",
        "[meth <method>] [{ uri <uri> | uri-lf <format> }] [ver <version>] [hdr <name> <format>]... [{ body <text> | body-lf <format> }] [comment <text>]",
        "What the request is.",
        "http-check send meth GET uri /health hdr Host example.net",
        steps::http_step,
    ),
    option(
        "http-check",
        "{ set-var(<name>) <expression> | set-var-fmt(<name>) <format> | unset-var(<name>) }",
        "Keeps a value for later steps.",
        "http-check set-var(check.port) int(8080)",
        steps::http_check,
    ),
    option(
        "tcp-check comment",
        "<text>",
        "What the next steps are for; shown where a check failed.",
        "tcp-check comment greeting",
        steps::tcp_step,
    ),
    option(
        "tcp-check connect",
        CONNECT,
        "Connects, or connects once more.",
        "tcp-check connect port 6379",
        steps::tcp_step,
    ),
    option(
        "tcp-check expect",
        "[!] { string <text> | rstring <regex> | string-lf <format> | binary <hex> | rbinary <regex> | binary-lf <format> } [<option>]...",
        "What the server must send.",
        "tcp-check expect string +PONG",
        steps::tcp_step,
    ),
    option(
        "tcp-check send",
        "<text> [comment <text>]",
        "Sends text.",
        "tcp-check send PING\\r\\n",
        steps::tcp_step,
    ),
    option(
        "tcp-check send-lf",
        "<format> [comment <text>]",
        "Sends what a log format makes.",
        "tcp-check send-lf %[dst]",
        steps::tcp_step,
    ),
    option(
        "tcp-check send-binary",
        "<hex> [comment <text>]",
        "Sends bytes, written as hexadecimal digits.",
        "tcp-check send-binary 50494e470d0a",
        steps::tcp_step,
    ),
    option(
        "tcp-check send-binary-lf",
        "<format> [comment <text>]",
        "Sends bytes that a log format writes as hexadecimal digits.",
        "tcp-check send-binary-lf 50494e47",
        steps::tcp_step,
    ),
    option(
        "tcp-check",
        "{ set-var(<name>) <expression> | set-var-fmt(<name>) <format> | unset-var(<name>) }",
        "Keeps a value for later steps.",
        "tcp-check set-var(check.port) int(6379)",
        steps::tcp_check,
    ),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, good};
    use super::*;

    fn given(line: &str) -> CheckKind {
        good(line).back.checks.kind.expect("given").value
    }

    #[test]
    fn kinds_of_checks() {
        let http = |method: Option<&str>, uri: &str, version: Option<&str>| CheckKind::Http {
            method: method.map(Into::into),
            uri: Some(uri.into()),
            version: version.map(Into::into),
        };
        assert_eq!(given("option httpchk /x"), http(None, "/x", None));
        assert_eq!(given("option httpchk GET /x"), http(Some("GET"), "/x", None));
        assert_eq!(
            given("option httpchk GET /x HTTP/1.1"),
            http(Some("GET"), "/x", Some("HTTP/1.1"))
        );
        let smtp = CheckKind::Smtp { hello: "EHLO".into(), domain: "a.b".into() };
        assert_eq!(given("option smtpchk EHLO a.b"), smtp);
        let mysql = CheckKind::Mysql { user: Some("u".into()), pre_41: true };
        assert_eq!(given("option mysql-check user u pre-41"), mysql);
        assert_eq!(given("option httpchk\noption redis-check"), CheckKind::Redis);
    }

    #[test]
    fn faults_point_at_the_word() {
        assert_eq!(bad("option httpchk GET / HTTP/1.1 x"), ["x"]);
        let hidden = "HTTP/1.1\\r\\nHost:\\ a";
        assert_eq!(bad(&format!("option httpchk GET /x {hidden}")), [hidden]);
        assert_eq!(bad("option mysql-check root"), ["root"]);
        assert_eq!(bad("option mysql-check user u new"), ["new"]);
        assert_eq!(bad("option pgsql-check"), [""]);
        assert_eq!(bad("option pgsql-check user"), [""]);
        assert_eq!(bad("option smtpchk EHLO a b"), ["b"]);
        assert_eq!(bad("option external-check"), ["option external-check"]);
        assert_eq!(bad("external-check comand x"), ["comand"]);
        assert_eq!(bad("no option httpchk"), ["no"]);
        assert_eq!(bad("http-check disable-on-404 x"), ["x"]);
        assert_eq!(advice_in("frontend f", "option httpchk"), ["other-side"]);
    }
}
