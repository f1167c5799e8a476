//! Rules and ACLs: kept as written, for the `rules` room.

use super::common::{SERVING, condition, named};
use crate::config::args::{Args, shown};
use crate::config::keyword::{Keyword, Parse, Prefix, Status};
use crate::config::plan::{Proxy, RuleLine};
use crate::config::section::{Section, Sections};

/// The line as it was written, behind its keyword.
pub fn line(args: &mut Args<'_>) -> RuleLine {
    let (keyword, span) = (args.keyword.name, args.line.span);
    RuleLine { keyword, words: args.rest().into(), span }
}

fn acl(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) && args.peek_or_missing("a name and a test") {
        proxy.rules.acls.push(line(args));
    }
}

fn http_request(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) && args.peek_or_missing("an action") {
        proxy.rules.http_request.push(line(args));
    }
}

fn http_response(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) && args.peek_or_missing("an action") {
        proxy.rules.http_response.push(line(args));
    }
}

fn http_after_response(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) && args.peek_or_missing("an action") {
        proxy.rules.http_after_response.push(line(args));
    }
}

fn tcp_connection(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) && args.peek_or_missing("an action") {
        proxy.rules.tcp_connection.push(line(args));
    }
}

fn tcp_session(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) && args.peek_or_missing("an action") {
        proxy.rules.tcp_session.push(line(args));
    }
}

fn tcp_content(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) && args.peek_or_missing("an action") {
        proxy.rules.tcp_content.push(line(args));
    }
}

fn tcp_response(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) && args.peek_or_missing("an action") {
        proxy.rules.tcp_response.push(line(args));
    }
}

fn redirect(args: &mut Args<'_>, proxy: &mut Proxy) {
    if args.peek_or_missing("`location`, `prefix` or `scheme`") {
        proxy.rules.redirect.push(line(args));
    }
}

fn use_backend(args: &mut Args<'_>, proxy: &mut Proxy) {
    if args.peek_or_missing("a backend's name") {
        proxy.rules.use_backend.push(line(args));
    }
}

fn use_server(args: &mut Args<'_>, proxy: &mut Proxy) {
    let first = args.next;
    if !args.peek_or_missing("a server's name") {
        return;
    }
    let name = args.take();
    if let (Some(name), Section::Frontend) = (name, proxy.section)
        && !name.contains('%')
    {
        args.error(name.span, format!("a frontend has no server `{}`", shown(name)))
            .label("no such server")
            .help("write this in the backend that has it");
    }
    if condition(args) {
        args.next = first;
        proxy.rules.use_server.push(line(args));
    }
}

fn persist(args: &mut Args<'_>, proxy: &mut Proxy) {
    if condition(args) {
        proxy.rules.persist.push(line(args));
    }
}

fn monitor_fail(args: &mut Args<'_>, proxy: &mut Proxy) {
    if condition(args) {
        proxy.rules.monitor_fail.push(line(args));
    }
}

/// A supported keyword without prefix.
const fn rule(
    name: &'static str,
    sections: Sections,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Proxy),
) -> Keyword {
    Keyword {
        name,
        sections,
        status: Status::Supported,
        prefix: Prefix::None,
        syntax,
        about,
        example,
        parse: Parse::Proxy(parse),
    }
}

const FRONTS: Sections = Sections::DEFAULTS.or(Sections::FRONTS);

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    rule(
        "acl",
        Sections::PROXIES,
        "<name> <fetch>[,<converter>]... [-<flag>]... [<operator>] [<value>]...",
        "Names a test, for the conditions of this section's rules. Several lines of one name: any of them.",
        "acl is_api path_beg /api/",
        acl,
    ),
    rule(
        "http-request",
        Sections::PROXIES,
        "<action> [<arguments>]... [{ if | unless } <condition>]",
        "A rule for requests; see `koi help action`.",
        "http-request deny if { path /private }",
        http_request,
    ),
    rule(
        "http-response",
        Sections::PROXIES,
        "<action> [<arguments>]... [{ if | unless } <condition>]",
        "A rule for the responses of servers; see `koi help action`.",
        "http-response del-header Server",
        http_response,
    ),
    rule(
        "http-after-response",
        Sections::PROXIES,
        "<action> [<arguments>]... [{ if | unless } <condition>]",
        "A rule for all responses, Koi's own included; see `koi help action`.",
        "http-after-response set-header X-Frame-Options DENY",
        http_after_response,
    ),
    rule(
        "tcp-request connection",
        FRONTS,
        "<action> [{ if | unless } <condition>]",
        "A rule for connections just accepted, before a byte was read.",
        "tcp-request connection reject if { src 192.0.2.0/24 }",
        tcp_connection,
    ),
    rule(
        "tcp-request session",
        FRONTS,
        "<action> [{ if | unless } <condition>]",
        "A rule for connections once the PROXY protocol and TLS handshake are done.",
        "tcp-request session reject if { src 192.0.2.0/24 }",
        tcp_session,
    ),
    rule(
        "tcp-request content",
        Sections::PROXIES,
        "<action> [{ if | unless } <condition>]",
        "A rule for the first bytes of a connection, or for a request.",
        "tcp-request content accept if { req.ssl_hello_type 1 }",
        tcp_content,
    ),
    rule(
        "tcp-response content",
        Sections::DEFAULTS.or(Sections::BACKS),
        "<action> [{ if | unless } <condition>]",
        "A rule for the first bytes that a server sends.",
        "tcp-response content accept",
        tcp_response,
    ),
    rule(
        "redirect",
        SERVING,
        "{ location | prefix | scheme } <to> [code <code>] [<option>]... [{ if | unless } <condition>]",
        "Redirects; like `http-request redirect`, but behind all `http-request` rules.",
        "redirect scheme https unless { ssl_fc }",
        redirect,
    ),
    rule(
        "use_backend",
        Sections::FRONTS,
        "<backend> [{ if | unless } <condition>]",
        "Sends requests to a backend; the first rule that holds decides. The name may be a log format.",
        "use_backend api if { path_beg /api/ }",
        use_backend,
    ),
    rule(
        "use-server",
        Sections::BACKS,
        "<server> [{ if | unless } <condition>]",
        "Sends requests to one server if it is up.",
        "use-server s1 if { path_beg /one/ }",
        use_server,
    ),
    rule(
        "force-persist",
        Sections::BACKS,
        "{ if | unless } <condition>",
        "Keeps clients on their server even when it is down.",
        "force-persist if { path_beg /test/ }",
        persist,
    ),
    rule(
        "ignore-persist",
        Sections::BACKS,
        "{ if | unless } <condition>",
        "Ignores the persistence of these requests.",
        "ignore-persist if { path_end .png }",
        persist,
    ),
    rule(
        "monitor fail",
        Sections::FRONTS,
        "{ if | unless } <condition>",
        "When `monitor-uri` answers 503.",
        "monitor fail if { nbsrv(dynamic) lt 2 }",
        monitor_fail,
    ),
];
