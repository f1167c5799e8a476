//! The connections of client and server (HAProxy 3.0, configuration.txt §7.3.3).

use std::ops::ControlFlow;

use core::net::SocketAddr;

use super::lookup::{self, Timeout};
use super::places::{BACKEND, CHOSEN, CLIENT, KEPT, REPLIED, RUNNING, SESSION, STREAM};
use super::time::{self, OPTIONAL_UNIT};
use super::{Each, Fetch, Get};
use crate::config::args::shown_text;
use crate::config::keyword::Feature;
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, must};
use crate::rules::compiler::{Compiler, Scope};
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// Where the client is, as far as rules have not said otherwise.
pub fn source(context: &Context<'_>) -> SocketAddr {
    context.exchange.source(context.connection)
}

fn destination(context: &Context<'_>) -> SocketAddr {
    context.exchange.destination.unwrap_or(context.connection.destination)
}

fn address<'a>(address: SocketAddr) -> Option<Value<'a>> {
    Some(Value::Addr(address.ip().to_canonical()))
}

fn port<'a>(address: SocketAddr) -> Option<Value<'a>> {
    Some(Value::Int(address.port().into()))
}

fn src<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    address(source(context))
}

fn src_port<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    port(source(context))
}

fn dst<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    address(destination(context))
}

fn dst_port<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    port(destination(context))
}

/// Source and destination of the connection itself, whatever a PROXY header says.
fn ends(context: &Context<'_>) -> (SocketAddr, SocketAddr) {
    let connection = context.connection;
    match &connection.proxy_protocol {
        Some(said) => (said.source, said.destination),
        None => (connection.source, connection.destination),
    }
}

fn fc_src<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    address(ends(context).0)
}

fn fc_src_port<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    port(ends(context).0)
}

fn fc_dst<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    address(ends(context).1)
}

fn fc_dst_port<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    port(ends(context).1)
}

fn bc_src<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    address(context.server_connection?.source)
}

fn bc_src_port<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    port(context.server_connection?.source)
}

fn bc_dst<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    address(context.server_connection?.destination)
}

fn bc_dst_port<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    port(context.server_connection?.destination)
}

/// The version that is spoken: what is not HTTP/2 counts as 1.
fn major<'a>(http_major: u8) -> Option<Value<'a>> {
    Some(Value::Int(if http_major == 2 { 2 } else { 1 }))
}

fn fc_http_major<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    major(context.connection.http_major)
}

fn bc_http_major<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    major(context.server_connection?.http_major)
}

fn fc_rcvd_proxy<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(context.connection.proxy_protocol.is_some()))
}

/// The types of the PROXY protocol's TLVs by name (proxy-protocol.txt §2.2).
const TLV_TYPES: &[(&str, u8)] = &[
    ("ALPN", 0x01),
    ("AUTHORITY", 0x02),
    ("CRC32C", 0x03),
    ("NOOP", 0x04),
    ("UNIQUE_ID", 0x05),
    ("SSL", 0x20),
    ("SSL_VERSION", 0x21),
    ("SSL_CN", 0x22),
    ("SSL_CIPHER", 0x23),
    ("SSL_SIG_ALG", 0x24),
    ("SSL_KEY_ALG", 0x25),
    ("NETNS", 0x30),
];

fn tlv_type(text: &str) -> Option<u8> {
    let named = TLV_TYPES.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    named.or_else(|| match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        // `fc_pp_tlv()` is the same as `fc_pp_tlv(0)`.
        None if text.is_empty() => Some(0),
        None => text.parse().ok(),
    })
}

fn tlvs<'a>(context: &Context<'a>, kind: u8) -> impl Iterator<Item = &'a [u8]> {
    let tlvs = context.connection.proxy_protocol.as_ref().map(|facts| facts.tlvs.as_slice());
    let of_kind = move |tlv: &&'a (u8, Box<[u8]>)| tlv.0 == kind;
    tlvs.unwrap_or_default().iter().filter(of_kind).map(|(_, value)| &**value)
}

fn fc_pp_authority<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    tlvs(context, 0x02).next().map(Value::str)
}

fn fc_pp_unique_id<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    tlvs(context, 0x05).next().map(Value::str)
}

fn wanted_tlv(args: &[Arg]) -> Option<u8> {
    tlv_type(args.first()?.text()?)
}

fn fc_pp_tlv<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    tlvs(context, wanted_tlv(args)?).next().map(Value::str)
}

fn fc_pp_tlv_each<'a>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    let Some(kind) = wanted_tlv(args) else { return ControlFlow::Continue(()) };
    tlvs(context, kind).map(Value::str).try_for_each(each)
}

fn check_tlv(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    if wanted_tlv(args).is_none() {
        let shown = shown_text(args.first().and_then(Arg::text).unwrap_or_default());
        let names: Vec<&str> = TLV_TYPES.iter().map(|(name, _)| *name).collect();
        compiler
            .report
            .error(span, format!("`{shown}` is not a type of TLV"))
            .label("expected 0 to 255, or a name")
            .help(format!("names are {}", names.join(", ")));
        return None;
    }
    Some(())
}

fn fe_name<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let frontend = lookup::proxy(context.plan, context.connection.frontend)?;
    Some(Value::str(frontend.name.as_bytes()))
}

fn fe_id<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    lookup::proxy_id(context.plan, context.connection.frontend).map(Value::Int)
}

fn fe_defbe<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let name = lookup::default_backend(context.plan, context.connection.frontend)?;
    Some(Value::str(name.as_bytes()))
}

/// The backend chosen; the frontend if none is.
fn backend(context: &Context<'_>) -> usize {
    context.backend.unwrap_or(context.connection.frontend)
}

fn be_name<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::str(lookup::proxy(context.plan, backend(context))?.name.as_bytes()))
}

fn be_id<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    lookup::proxy_id(context.plan, backend(context)).map(Value::Int)
}

fn srv_name<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let server = lookup::server(context.plan, context.backend?, context.server?)?;
    Some(Value::str(server.name.value.as_bytes()))
}

fn srv_id<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    lookup::server_id(context.plan, context.backend?, context.server?).map(Value::Int)
}

fn so_name<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let connection = context.connection;
    let name = lookup::bind_name(context.plan, connection.frontend, connection.bind)?;
    Some(Value::str(name.as_bytes()))
}

fn so_id<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let connection = context.connection;
    lookup::bind_id(context.plan, connection.frontend, connection.bind).map(Value::Int)
}

fn dst_conn<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let connection = context.connection;
    let count = context.counters.bind_connections(connection.frontend, connection.bind);
    Some(Value::Int(count))
}

/// What a rule set, or what the proxy has.
fn timeout<'a>(
    context: &Context<'a>,
    set_ms: Option<u64>,
    proxy: usize,
    which: Timeout,
) -> Option<Value<'a>> {
    let set_ms = set_ms.and_then(|set_ms| i64::try_from(set_ms).ok());
    set_ms.or_else(|| lookup::timeout_ms(context.plan, proxy, which)).map(Value::Int)
}

fn fe_client_timeout<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    timeout(context, None, context.connection.frontend, Timeout::Client)
}

fn be_server_timeout<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    timeout(context, None, backend(context), Timeout::Server)
}

fn be_tunnel_timeout<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    timeout(context, None, backend(context), Timeout::Tunnel)
}

fn cur_client_timeout<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let set_ms = context.exchange.client_timeout_ms;
    timeout(context, set_ms, context.connection.frontend, Timeout::Client)
}

fn cur_server_timeout<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    timeout(context, context.exchange.server_timeout_ms, backend(context), Timeout::Server)
}

fn cur_tunnel_timeout<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    timeout(context, context.exchange.tunnel_timeout_ms, backend(context), Timeout::Tunnel)
}

fn accept_date<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let unit = args.first().and_then(Arg::text);
    Some(Value::Int(time::in_unit(context.connection.accepted_us, unit)))
}

fn request_date<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let unit = args.first().and_then(Arg::text);
    Some(Value::Int(time::in_unit(context.exchange.started_us, unit)))
}

fn check_unit(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    time::check_unit(args.first().and_then(Arg::text), span, compiler)
}

fn check_rtt_unit(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    time::check(args.first().and_then(Arg::text), &["ms", "us"], span, compiler)
}

fn bytes_in<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    i64::try_from(context.exchange.bytes_in).ok().map(Value::Int)
}

fn bytes_out<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    i64::try_from(context.exchange.bytes_out).ok().map(Value::Int)
}

fn conn_retries<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.exchange.retries))
}

fn redispatched<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(context.exchange.redispatched))
}

times! { handshake_ms total_ms connect_ms data_ms user_ms }

/// HAProxy's number; zero if nothing did.
fn client_failure<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.exchange.failure.as_ref().map_or(0, |failure| failure.number)))
}

fn client_failure_text<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = context.exchange.failure.as_ref().map_or("Success", |failure| &failure.text);
    Some(Value::str(text.as_bytes()))
}

const fn known(
    name: &'static str,
    output: Type,
    at: Scope,
    get: for<'a> fn(&Context<'a>, &'a [Arg]) -> Option<Value<'a>>,
    about: &'static str,
) -> Fetch {
    Fetch::new(name, output, at, Get::One(get), about)
}

/// A figure of the queues.
const fn queue(name: &'static str, at: Scope, about: &'static str) -> Fetch {
    Fetch::later(name, Type::Int, at, Feature::Logs, about)
}

/// A figure that the kernel keeps for a connection.
const fn kernel(name: &'static str, about: &'static str) -> Fetch {
    Fetch::later(name, Type::Int, STREAM, Feature::KernelFigures, about)
        .takes(&[OPTIONAL_UNIT], name)
}

const FAILED: &str = "What failed on the connection, for error logs.";

/// What failed on a connection.
const fn failure(name: &'static str, output: Type, at: Scope) -> Fetch {
    Fetch::later(name, output, at, Feature::Logs, FAILED)
}

const fn multiplexer(name: &'static str, output: Type, at: Scope, about: &'static str) -> Fetch {
    Fetch::later(name, output, at, Feature::Http2, about)
}

const TLV: &[Param] = &[must("id", Kind::Str)];
const DEBUG: &[Param] = &[crate::rules::arg::may("flags", Kind::Int)];

/// Whether an address is one of the host's own.
const fn local(name: &'static str) -> Fetch {
    let about = "Whether the address is one of this host.";
    Fetch::later(name, Type::Bool, STREAM, Feature::KernelFigures, about)
}

/// The table.
pub const FETCHES: &[Fetch] = &[
    known("src", Type::Addr, STREAM, src, "The client's address."),
    known("src_port", Type::Int, STREAM, src_port, "The client's port."),
    known("dst", Type::Addr, STREAM, dst, "The address that the client connected to."),
    known("dst_port", Type::Int, STREAM, dst_port, "The port that the client connected to."),
    known("fc_src", Type::Addr, STREAM, fc_src, "The client's address, whatever rules set since."),
    known("fc_src_port", Type::Int, STREAM, fc_src_port, "The client's port, whatever rules set."),
    known("fc_dst", Type::Addr, STREAM, fc_dst, "The address connected to, whatever rules set."),
    known(
        "fc_dst_port",
        Type::Int,
        STREAM,
        fc_dst_port,
        "The port connected to, whatever rules set.",
    ),
    known("bc_src", Type::Addr, REPLIED, bc_src, "Our address on the server's connection."),
    known("bc_src_port", Type::Int, REPLIED, bc_src_port, "Our port on the server's connection."),
    known("bc_dst", Type::Addr, REPLIED, bc_dst, "The server's address."),
    known("bc_dst_port", Type::Int, REPLIED, bc_dst_port, "The server's port."),
    local("src_is_local"),
    local("dst_is_local"),
    local("fc_src_is_local"),
    local("fc_dst_is_local"),
    known("fc_http_major", Type::Int, STREAM, fc_http_major, "1 or 2: the client's HTTP version."),
    known("bc_http_major", Type::Int, REPLIED, bc_http_major, "1 or 2: the server's HTTP version."),
    known("fc_rcvd_proxy", Type::Bool, STREAM, fc_rcvd_proxy, "Whether a PROXY header came."),
    known(
        "fc_pp_authority",
        Type::Str,
        STREAM,
        fc_pp_authority,
        "The host name in the PROXY header.",
    ),
    known("fc_pp_unique_id", Type::Str, STREAM, fc_pp_unique_id, "The ID in the PROXY header."),
    Fetch::new(
        "fc_pp_tlv",
        Type::Str,
        SESSION,
        Get::Many(fc_pp_tlv, fc_pp_tlv_each),
        "A value of the PROXY header, by number or name; in an ACL, each of that type.",
    )
    .takes(TLV, "fc_pp_tlv(AUTHORITY)")
    .checked(check_tlv),
    known("fe_name", Type::Str, CLIENT, fe_name, "The frontend's name."),
    known("fe_id", Type::Int, CLIENT, fe_id, "The frontend's number."),
    known("fe_defbe", Type::Str, CLIENT, fe_defbe, "The frontend's `default_backend`."),
    known("be_name", Type::Str, BACKEND, be_name, "The backend's name."),
    known("be_id", Type::Int, BACKEND, be_id, "The backend's number."),
    known("srv_name", Type::Str, CHOSEN, srv_name, "The server's name."),
    known("srv_id", Type::Int, CHOSEN, srv_id, "The server's number in its backend."),
    known("so_name", Type::Str, CLIENT, so_name, "The `name` of the bind."),
    known("so_id", Type::Int, CLIENT, so_id, "The number of the bind."),
    known("dst_conn", Type::Int, CLIENT, dst_conn, "Connections in progress on this bind."),
    known("fe_client_timeout", Type::Int, CLIENT, fe_client_timeout, "`timeout client` in ms."),
    known("be_server_timeout", Type::Int, BACKEND, be_server_timeout, "`timeout server` in ms."),
    known("be_tunnel_timeout", Type::Int, BACKEND, be_tunnel_timeout, "`timeout tunnel` in ms."),
    known(
        "cur_client_timeout",
        Type::Int,
        CLIENT,
        cur_client_timeout,
        "The client's timeout in ms.",
    ),
    known(
        "cur_server_timeout",
        Type::Int,
        BACKEND,
        cur_server_timeout,
        "The server's timeout in ms.",
    ),
    known(
        "cur_tunnel_timeout",
        Type::Int,
        BACKEND,
        cur_tunnel_timeout,
        "The tunnel's timeout in ms.",
    ),
    known(
        "accept_date",
        Type::Int,
        STREAM,
        accept_date,
        "When the connection was accepted: seconds since 1970, or in a unit.",
    )
    .takes(&[OPTIONAL_UNIT], "accept_date(ms)")
    .checked(check_unit),
    known(
        "request_date",
        Type::Int,
        KEPT,
        request_date,
        "When the request's first byte came: seconds since 1970, or in a unit.",
    )
    .takes(&[OPTIONAL_UNIT], "request_date(us)")
    .checked(check_unit),
    known("bytes_in", Type::Int, RUNNING, bytes_in, "Bytes from the client to the server."),
    known("bytes_out", Type::Int, RUNNING, bytes_out, "Bytes from the server to the client."),
    known(
        "txn.conn_retries",
        Type::Int,
        REPLIED,
        conn_retries,
        "How often a server was redialled.",
    ),
    known(
        "txn.redispatched",
        Type::Bool,
        REPLIED,
        redispatched,
        "Whether another server was taken after a failure.",
    ),
    known(
        "fc.timer.handshake",
        Type::Int,
        STREAM,
        handshake_ms,
        "How long the handshakes took, in ms.",
    ),
    known("fc.timer.total", Type::Int, Scope::LOG, total_ms, "How long the whole took, in ms."),
    known(
        "bc.timer.connect",
        Type::Int,
        REPLIED,
        connect_ms,
        "How long the connection to the server took, in ms.",
    ),
    known(
        "res.timer.data",
        Type::Int,
        Scope::LOG,
        data_ms,
        "How long the response's body took, in ms.",
    ),
    known("txn.timer.user", Type::Int, Scope::LOG, user_ms, "How long the user waited, in ms."),
    queue("bc_be_queue", REPLIED, "How many requests left the backend's queue before this one."),
    queue("bc_srv_queue", REPLIED, "How many requests left the server's queue before this one."),
    known("fc_err", Type::Int, STREAM, client_failure, FAILED),
    failure("fc_err_name", Type::Str, STREAM),
    known("fc_err_str", Type::Str, STREAM, client_failure_text, FAILED),
    failure("bc_err", Type::Int, REPLIED),
    failure("bc_err_name", Type::Str, REPLIED),
    failure("bc_err_str", Type::Str, REPLIED),
    multiplexer("fc_nb_streams", Type::Int, STREAM, "Streams open on the client's connection."),
    multiplexer("bc_nb_streams", Type::Int, REPLIED, "Streams open on the server's connection."),
    multiplexer("fc_glitches", Type::Int, STREAM, "How often the client misused HTTP/2."),
    multiplexer("bc_glitches", Type::Int, REPLIED, "How often the server misused HTTP/2."),
    multiplexer(
        "fc_settings_streams_limit",
        Type::Int,
        SESSION,
        "How many streams a client may open.",
    ),
    multiplexer(
        "bc_setting_streams_limit",
        Type::Int,
        REPLIED,
        "How many streams a server lets us open.",
    ),
    multiplexer("fs.id", Type::Str, SESSION, "The number of the client's stream."),
    multiplexer("bs.id", Type::Int, REPLIED, "The number of the server's stream."),
    multiplexer("fs.aborted", Type::Int, SESSION, "Whether the client reset its stream."),
    multiplexer("bs.aborted", Type::Int, REPLIED, "Whether the server reset its stream."),
    multiplexer(
        "fs.rst_code",
        Type::Int,
        SESSION,
        "The code that the client reset its stream with.",
    ),
    multiplexer(
        "bs.rst_code",
        Type::Int,
        REPLIED,
        "The code that the server reset its stream with.",
    ),
    multiplexer("fs.debug_str", Type::Str, SESSION, "The client's stream, for developers.")
        .takes(DEBUG, "fs.debug_str"),
    multiplexer("bs.debug_str", Type::Str, REPLIED, "The server's stream, for developers.")
        .takes(DEBUG, "bs.debug_str"),
    kernel("fc_rtt", "The client connection's round-trip time, in ms or a unit.")
        .checked(check_rtt_unit),
    kernel("fc_rttvar", "How much the client's round-trip time varies.").checked(check_rtt_unit),
    kernel("bc_rtt", "The server connection's round-trip time, in ms or a unit.")
        .checked(check_rtt_unit),
    kernel("bc_rttvar", "How much the server's round-trip time varies.").checked(check_rtt_unit),
    kernel("fc_fackets", "The kernel's count of forward-acknowledged segments."),
    kernel("fc_lost", "The kernel's count of lost segments."),
    kernel("fc_reordering", "The kernel's measure of reordering."),
    kernel("fc_retrans", "The kernel's count of segments sent again."),
    kernel("fc_sacked", "The kernel's count of selectively acknowledged segments."),
    kernel("fc_unacked", "The kernel's count of unacknowledged segments."),
];

#[cfg(test)]
mod tests {
    use crate::rules::context::{ProxyFacts, ServerConnection};
    use crate::rules::testing::World;

    const PLAN: &str = "frontend f\n  use_backend b\nbackend b\n";

    #[test]
    fn addresses_are_those_of_rules_or_of_the_connection() {
        let mut world = World::new().from("[::ffff:192.0.2.7]:5000");
        assert_eq!(world.text("src").as_deref(), Some("192.0.2.7"));
        assert_eq!(world.text("src_port").as_deref(), Some("5000"));
        assert_eq!(world.text("dst").as_deref(), Some("198.51.100.1"));
        assert_eq!(world.text("dst_port").as_deref(), Some("80"));
        assert_eq!(world.text("bc_dst"), None);
        world.exchange.source = Some("[2001:db8::1]:6".parse().expect("an address"));
        world.exchange.destination = Some("203.0.113.1:81".parse().expect("an address"));
        assert_eq!(world.text("src").as_deref(), Some("2001:db8::1"));
        assert_eq!(world.text("fc_src").as_deref(), Some("192.0.2.7"));
        assert_eq!(world.text("dst_port").as_deref(), Some("81"));
        assert_eq!(world.text("fc_dst_port").as_deref(), Some("80"));
        world.server_connection = Some(ServerConnection {
            source: "10.0.0.1:7".parse().expect("an address"),
            destination: "10.0.0.2:8080".parse().expect("an address"),
            tls: None,
            http_major: 2,
        });
        assert_eq!(world.text("bc_src_port").as_deref(), Some("7"));
        assert_eq!(world.text("bc_dst").as_deref(), Some("10.0.0.2"));
        assert_eq!(world.text("bc_http_major").as_deref(), Some("2"));
    }

    #[test]
    fn names_are_those_of_the_plan() {
        let mut world = World::new().plan(PLAN);
        assert_eq!(world.text("fe_name").as_deref(), Some("f"));
        assert_eq!(world.text("fe_id").as_deref(), Some("1"));
        assert_eq!(world.text("be_name").as_deref(), Some("f"));
        world.backend = Some(1);
        assert_eq!(world.text("be_name").as_deref(), Some("b"));
        assert_eq!(world.text("be_id").as_deref(), Some("2"));
        assert_eq!(world.text("srv_name"), None);
        assert_eq!(world.text("so_name"), None);
        assert_eq!(world.text("be_server_timeout").as_deref(), Some("0"));
        world.exchange.server_timeout_ms = Some(1500);
        assert_eq!(world.text("cur_server_timeout").as_deref(), Some("1500"));
    }

    #[test]
    fn proxy_headers_have_values() {
        let mut world = World::new();
        assert_eq!(world.text("fc_rcvd_proxy").as_deref(), Some("0"));
        let tlvs =
            vec![(2, b"h.example"[..].into()), (0xe0, b"a"[..].into()), (0xe0, b"b"[..].into())];
        let (source, destination) = ("203.0.113.9:5".parse(), "203.0.113.10:6".parse());
        let (source, destination) = (source.expect("one"), destination.expect("one"));
        world.connection.proxy_protocol = Some(ProxyFacts { source, destination, tlvs });
        assert_eq!(world.text("fc_src").as_deref(), Some("203.0.113.9"));
        assert_eq!(world.text("fc_dst_port").as_deref(), Some("6"));
        assert_eq!(world.text("src").as_deref(), Some("192.0.2.1"));
        assert_eq!(world.text("fc_rcvd_proxy").as_deref(), Some("1"));
        assert_eq!(world.text("fc_pp_authority").as_deref(), Some("h.example"));
        assert_eq!(world.text("fc_pp_tlv(AUTHORITY)").as_deref(), Some("h.example"));
        assert_eq!(world.texts("fc_pp_tlv(224)"), ["a", "b"]);
        assert_eq!(world.texts("fc_pp_tlv(0xe0)"), ["a", "b"]);
        assert_eq!(world.faults("fc_pp_tlv(256)").len(), 1);
    }

    #[test]
    fn dates_have_units() {
        let mut world = World::new();
        world.exchange.started_us = 1_700_000_001_234_567;
        assert_eq!(world.text("accept_date").as_deref(), Some("1700000000"));
        assert_eq!(world.text("request_date(ms)").as_deref(), Some("1700000001234"));
        assert_eq!(world.text("request_date(us)").as_deref(), Some("1700000001234567"));
        assert_eq!(world.faults("request_date(min)").len(), 1);
        assert_eq!(world.faults("fc_rtt(s)").len(), 1);
    }
}
