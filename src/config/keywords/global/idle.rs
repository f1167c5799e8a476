//! Keywords of `global` that are read, checked, and change nothing.

use super::super::entry::{global, idle, with_no};
use super::super::lenient::{extra_words, filled};
use super::{INT_MAX, number, on_off};
use crate::config::args::Args;
use crate::config::keyword::{Keyword, Parse, Status};
use crate::config::plan::Global;

const KERNEL: &str = "Koi takes the best way to wait that the system has";
const NO_CLIENT: &str = "Koi has no HTTP client of its own";
const NO_QUIC: &str = "Koi does not speak QUIC";
const NO_LUA: &str = "Koi has no Lua";
const NO_OCSP: &str = "Koi fetches no OCSP answers; one that lies beside a certificate is used";
const OWN_WAY: &str = "Koi manages this by itself";
const ONE_PROCESS: &str = "there is one process, which reloads in place";
const STATE_STAYS: &str = "what Koi knows of servers stays in memory when it reloads";
const NO_PROGRAMS: &str = "the proxy never starts programs";
const NO_SECRETS: &str = "Koi keeps nothing of a handshake beyond it";
const STRICT: &str = "Koi always keeps to the strict rule";

fn switch(args: &mut Args<'_>) {
    on_off(args);
}

fn switch_lenient(args: &mut Args<'_>) {
    on_off(args);
    extra_words(args);
}

fn auto_switch(args: &mut Args<'_>) {
    args.one_of("`on`, `auto` or `off`", &[("on", ()), ("auto", ()), ("off", ())]);
}

fn any_number(args: &mut Args<'_>) {
    number(args);
}

fn any_number_lenient(args: &mut Args<'_>) {
    number(args);
    extra_words(args);
}

fn within(args: &mut Args<'_>, least: u32, most: u32) {
    args.number("a number", least..=most);
}

fn any_time(args: &mut Args<'_>) {
    args.time("a time");
}

fn any_time_lenient(args: &mut Args<'_>) {
    args.time("a time");
    extra_words(args);
}

fn one_filled(args: &mut Args<'_>) {
    filled(args, "a name");
    extra_words(args);
}

fn anonkey(args: &mut Args<'_>) {
    args.number("a number", 0..=u32::MAX);
    extra_words(args);
}

fn hot_size(args: &mut Args<'_>) {
    args.number("a number", 1..=u64::MAX);
    extra_words(args);
}

fn master_worker(args: &mut Args<'_>) {
    if args.peek().is_some() {
        args.one_of("an option", &[("no-exit-on-failure", ())]);
    }
}

fn verify(args: &mut Args<'_>) {
    args.one_of("`none` or `required`", &[("none", ()), ("required", ())]);
}

fn ip_version(args: &mut Args<'_>) {
    args.one_of("`ipv4` or `ipv6`", &[("ipv4", ()), ("ipv6", ())]);
}

fn shards(args: &mut Args<'_>) {
    let choices = [("by-process", ()), ("by-thread", ()), ("by-group", ())];
    args.one_of("a way to share out", &choices);
}

fn multi_queue(args: &mut Args<'_>) {
    args.one_of("`on`, `fair` or `off`", &[("on", ()), ("fair", ()), ("off", ())]);
}

fn socket_owner(args: &mut Args<'_>) {
    args.one_of("an owner", &[("connection", ()), ("listener", ())]);
}

fn epoll_events(args: &mut Args<'_>) {
    const EVENTS: &[&str] = &["err", "hup", "rdhup"];
    let Some(word) = args.word("events") else { return };
    let mut start = 0;
    for event in word.split(',') {
        if !EVENTS.contains(&event) {
            args.unknown(&word.cut(start..start + event.len()), "an event", EVENTS.iter().copied());
        }
        start += event.len() + 1;
    }
}

/// A time of so many milliseconds.
fn time_within(args: &mut Args<'_>, least: u128, most: u128) {
    let Some(time) = args.time("a time") else { return };
    if !(least..=most).contains(&time.as_millis()) {
        args.error(time.span, "this time is out of range")
            .label(format!("from {least}ms to {most}ms is possible"));
    }
}

fn blocked_after(args: &mut Args<'_>) {
    time_within(args, 1, 1000);
    extra_words(args);
}

fn idle_timer(args: &mut Args<'_>) {
    time_within(args, 0, 65_535);
}

/// A keyword that HAProxy takes only behind `expose-experimental-directives`.
const fn experimental(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Global),
) -> Keyword {
    Keyword { status: Status::NoEffect(OWN_WAY), ..global(name, syntax, about, example, parse) }
}

fn exposed(args: &mut Args<'_>, global: &Global) {
    if !global.experimental {
        let (span, name) = (args.keyword_span(), args.keyword.name);
        args.error(span, format!("`{name}` is an experiment"))
            .label("not allowed yet")
            .help("put the line `expose-experimental-directives` before it");
    }
}

fn fast_forward(args: &mut Args<'_>, global: &mut Global) {
    exposed(args, global);
    extra_words(args);
}

fn edge_triggered(args: &mut Args<'_>, global: &mut Global) {
    exposed(args, global);
    on_off(args);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    with_no(idle(
        "busy-polling",
        OWN_WAY,
        "",
        "Keeps the CPU spinning between events.",
        "busy-polling",
        Parse::Count(0, 0),
    )),
    with_no(idle(
        "insecure-fork-wanted",
        NO_PROGRAMS,
        "",
        "Lets the process start programs.",
        "insecure-fork-wanted",
        Parse::Count(0, 0),
    )),
    with_no(idle(
        "set-dumpable",
        OWN_WAY,
        "",
        "Lets the process leave core dumps.",
        "set-dumpable",
        Parse::Count(0, 0),
    )),
    idle(
        "insecure-setuid-wanted",
        NO_PROGRAMS,
        "",
        "Lets programs that the process starts change their user.",
        "insecure-setuid-wanted",
        Parse::Count(0, 0),
    ),
    idle(
        "h1-accept-payload-with-any-method",
        STRICT,
        "",
        "Lets HTTP/1.0 requests of any method have a body.",
        "h1-accept-payload-with-any-method",
        Parse::Count(0, 0),
    ),
    idle(
        "h1-do-not-close-on-insecure-transfer-encoding",
        STRICT,
        "",
        "Keeps connections open behind a message whose length is stated twice.",
        "h1-do-not-close-on-insecure-transfer-encoding",
        Parse::Count(0, 0),
    ),
    idle(
        "harden.reject-privileged-ports.quic",
        NO_QUIC,
        "{ on | off }",
        "Refuses QUIC clients whose source port is below 1024.",
        "harden.reject-privileged-ports.quic on",
        Parse::Check(switch_lenient),
    ),
    idle(
        "limited-quic",
        NO_QUIC,
        "",
        "Allows QUIC where the TLS library is not made for it.",
        "limited-quic",
        Parse::Count(0, 0),
    ),
    idle("no-quic", NO_QUIC, "", "Switches QUIC off.", "no-quic", Parse::Count(0, 0)),
    idle(
        "master-worker",
        ONE_PROCESS,
        "[no-exit-on-failure]",
        "Runs workers under a master process.",
        "master-worker",
        Parse::Check(master_worker),
    ),
    idle(
        "mworker-max-reloads",
        ONE_PROCESS,
        "<number>",
        "After how many reloads a worker is ended.",
        "mworker-max-reloads 3",
        Parse::Check(any_number),
    ),
    idle("noepoll", KERNEL, "", "Does not use epoll.", "noepoll", Parse::Count(0, 0)),
    idle("noevports", KERNEL, "", "Does not use event ports.", "noevports", Parse::Count(0, 0)),
    idle("nokqueue", KERNEL, "", "Does not use kqueue.", "nokqueue", Parse::Count(0, 0)),
    idle("nopoll", KERNEL, "", "Does not use poll.", "nopoll", Parse::Count(0, 0)),
    idle(
        "nogetaddrinfo",
        OWN_WAY,
        "",
        "Looks names up in an older way.",
        "nogetaddrinfo",
        Parse::Count(0, 0),
    ),
    idle(
        "maxzlibmem",
        OWN_WAY,
        "<megabytes>",
        "How much memory compression may take.",
        "maxzlibmem 64",
        Parse::Check(any_number),
    ),
    idle(
        "no-memory-trimming",
        OWN_WAY,
        "",
        "Does not give unused memory back.",
        "no-memory-trimming",
        Parse::Count(0, 0),
    ),
    idle(
        "prealloc-fd",
        OWN_WAY,
        "",
        "Makes the table of descriptors large at the start.",
        "prealloc-fd",
        Parse::Count(0, 0),
    ),
    idle("quick-exit", OWN_WAY, "", "Ends without tidying up.", "quick-exit", Parse::Count(0, 0)),
    idle("quiet", OWN_WAY, "", "Says nothing at the start.", "quiet", Parse::Count(0, 0)),
    idle(
        "anonkey",
        "Koi has no anonymised output",
        "<number>",
        "The key by which names are hidden in what is shown.",
        "anonkey 12345",
        Parse::Check(anonkey),
    ),
    idle(
        "profiling.memory",
        OWN_WAY,
        "{ on | off }",
        "Counts what memory is used for.",
        "profiling.memory off",
        Parse::Check(switch),
    ),
    idle(
        "profiling.tasks",
        OWN_WAY,
        "{ auto | on | off }",
        "Counts what time is spent on.",
        "profiling.tasks auto",
        Parse::Check(auto_switch),
    ),
    idle(
        "stats-file",
        STATE_STAYS,
        "<file>",
        "A file with the counters of an earlier process.",
        "stats-file /var/db/koi/counters",
        Parse::Check(one_filled),
    ),
    idle(
        "ssl-mode-async",
        OWN_WAY,
        "",
        "Lets an engine reckon in the background.",
        "ssl-mode-async",
        Parse::Check(extra_words),
    ),
    idle(
        "warn-blocked-traffic-after",
        OWN_WAY,
        "<time>",
        "When to report a thread that is stuck.",
        "warn-blocked-traffic-after 100",
        Parse::Check(blocked_after),
    ),
    idle(
        "httpclient.resolvers.disabled",
        NO_CLIENT,
        "{ on | off }",
        "Does not let the HTTP client look up names.",
        "httpclient.resolvers.disabled on",
        Parse::Check(switch),
    ),
    idle(
        "httpclient.resolvers.id",
        NO_CLIENT,
        "<name>",
        "The name servers that the HTTP client asks.",
        "httpclient.resolvers.id dns",
        Parse::Check(one_filled),
    ),
    idle(
        "httpclient.resolvers.prefer",
        NO_CLIENT,
        "{ ipv4 | ipv6 }",
        "Which addresses the HTTP client prefers.",
        "httpclient.resolvers.prefer ipv4",
        Parse::Check(ip_version),
    ),
    idle(
        "httpclient.retries",
        NO_CLIENT,
        "<number>",
        "How often the HTTP client tries again.",
        "httpclient.retries 3",
        Parse::Check(any_number),
    ),
    idle(
        "httpclient.ssl.ca-file",
        NO_CLIENT,
        "<file>",
        "What the HTTP client checks certificates against.",
        "httpclient.ssl.ca-file @system-ca",
        Parse::Check(one_filled),
    ),
    idle(
        "httpclient.ssl.verify",
        NO_CLIENT,
        "{ none | required }",
        "Whether the HTTP client checks certificates.",
        "httpclient.ssl.verify required",
        Parse::Check(verify),
    ),
    idle(
        "httpclient.timeout.connect",
        NO_CLIENT,
        "<time>",
        "How long the HTTP client waits for a connection.",
        "httpclient.timeout.connect 5s",
        Parse::Check(any_time),
    ),
    idle(
        "ocsp-update.disable",
        NO_OCSP,
        "{ on | off }",
        "Switches the fetching of OCSP answers off.",
        "ocsp-update.disable on",
        Parse::Check(switch_lenient),
    ),
    idle(
        "ocsp-update.mode",
        NO_OCSP,
        "{ on | off }",
        "Whether OCSP answers are fetched where nothing is said.",
        "ocsp-update.mode off",
        Parse::Check(switch_lenient),
    ),
    idle(
        "ocsp-update.httpproxy",
        NO_OCSP,
        "<address>[:<port>]",
        "A proxy to fetch OCSP answers through.",
        "ocsp-update.httpproxy 192.0.2.1:3128",
        Parse::Check(one_filled),
    ),
    idle(
        "ocsp-update.maxdelay",
        NO_OCSP,
        "<seconds>",
        "After how long OCSP answers are fetched again at the latest.",
        "ocsp-update.maxdelay 3600",
        Parse::Check(any_number_lenient),
    ),
    idle(
        "tune.ssl.ocsp-update.maxdelay",
        NO_OCSP,
        "<seconds>",
        "After how long OCSP answers are fetched again at the latest.",
        "tune.ssl.ocsp-update.maxdelay 3600",
        Parse::Check(any_number_lenient),
    ),
    idle(
        "ocsp-update.mindelay",
        NO_OCSP,
        "<seconds>",
        "After how long OCSP answers are fetched again at the earliest.",
        "ocsp-update.mindelay 300",
        Parse::Check(any_number_lenient),
    ),
    idle(
        "tune.ssl.ocsp-update.mindelay",
        NO_OCSP,
        "<seconds>",
        "After how long OCSP answers are fetched again at the earliest.",
        "tune.ssl.ocsp-update.mindelay 300",
        Parse::Check(any_number_lenient),
    ),
    idle(
        "tune.applet.zero-copy-forwarding",
        OWN_WAY,
        "{ on | off }",
        "Lets internal services write into the buffers of connections.",
        "tune.applet.zero-copy-forwarding off",
        Parse::Check(switch),
    ),
    idle(
        "tune.h1.zero-copy-fwd-recv",
        OWN_WAY,
        "{ on | off }",
        "Lets HTTP/1 connections be read into the buffers of others.",
        "tune.h1.zero-copy-fwd-recv off",
        Parse::Check(switch),
    ),
    idle(
        "tune.h1.zero-copy-fwd-send",
        OWN_WAY,
        "{ on | off }",
        "Lets HTTP/1 connections be written from the buffers of others.",
        "tune.h1.zero-copy-fwd-send off",
        Parse::Check(switch),
    ),
    idle(
        "tune.h2.zero-copy-fwd-send",
        OWN_WAY,
        "{ on | off }",
        "The same for HTTP/2.",
        "tune.h2.zero-copy-fwd-send off",
        Parse::Check(switch),
    ),
    idle(
        "tune.pt.zero-copy-forwarding",
        OWN_WAY,
        "{ on | off }",
        "The same for plain TCP.",
        "tune.pt.zero-copy-forwarding off",
        Parse::Check(switch),
    ),
    idle(
        "tune.idle-pool.shared",
        OWN_WAY,
        "{ on | off }",
        "Lets threads take idle connections of others.",
        "tune.idle-pool.shared off",
        Parse::Check(switch),
    ),
    idle(
        "tune.sched.low-latency",
        OWN_WAY,
        "{ on | off }",
        "Lets small tasks pass by large ones.",
        "tune.sched.low-latency off",
        Parse::Check(switch),
    ),
    idle(
        "tune.quic.zero-copy-fwd-send",
        NO_QUIC,
        "{ on | off }",
        "Lets QUIC connections be written from the buffers of others.",
        "tune.quic.zero-copy-fwd-send on",
        Parse::Check(switch),
    ),
    idle(
        "tune.disable-zero-copy-forwarding",
        OWN_WAY,
        "",
        "Switches all of that off.",
        "tune.disable-zero-copy-forwarding",
        Parse::Count(0, 0),
    ),
    experimental(
        "tune.disable-fast-forward",
        "",
        "Switches a short cut for bodies off.",
        "tune.disable-fast-forward",
        fast_forward,
    ),
    experimental(
        "tune.fd.edge-triggered",
        "{ on | off }",
        "Asks the kernel for changes only.",
        "tune.fd.edge-triggered on",
        edge_triggered,
    ),
    idle(
        "tune.buffers.limit",
        OWN_WAY,
        "<number>",
        "How many buffers there are.",
        "tune.buffers.limit 0",
        Parse::Check(any_number),
    ),
    idle(
        "tune.buffers.reserve",
        OWN_WAY,
        "<number>",
        "How many buffers are kept back.",
        "tune.buffers.reserve 2",
        Parse::Check(any_number),
    ),
    idle(
        "tune.maxaccept",
        OWN_WAY,
        "<number>",
        "How many connections are accepted in one go.",
        "tune.maxaccept 64",
        Parse::Check(any_number),
    ),
    idle(
        "tune.maxpollevents",
        OWN_WAY,
        "<number>",
        "How many events are taken in one go.",
        "tune.maxpollevents 200",
        Parse::Check(any_number),
    ),
    idle(
        "tune.pattern.cache-size",
        OWN_WAY,
        "<number>",
        "How many results of look-ups are kept.",
        "tune.pattern.cache-size 10000",
        Parse::Check(any_number),
    ),
    idle(
        "tune.recv_enough",
        OWN_WAY,
        "<number>",
        "How many bytes are enough to stop reading for now.",
        "tune.recv_enough 16384",
        Parse::Check(any_number),
    ),
    idle(
        "tune.runqueue-depth",
        OWN_WAY,
        "<number>",
        "How many tasks are run in one go.",
        "tune.runqueue-depth 200",
        Parse::Check(any_number),
    ),
    idle(
        "tune.events.max-events-at-once",
        OWN_WAY,
        "<number>",
        "How many notifications are handled in one go.",
        "tune.events.max-events-at-once 100",
        Parse::Check(|args| within(args, 1, 10_000)),
    ),
    idle(
        "tune.epoll.mask-events",
        KERNEL,
        "<event>[,<event>]...",
        "Which events of epoll are left out: `err`, `hup`, `rdhup`.",
        "tune.epoll.mask-events rdhup",
        Parse::Check(epoll_events),
    ),
    idle(
        "tune.fail-alloc",
        OWN_WAY,
        "<percent>",
        "How often memory fails, for tests.",
        "tune.fail-alloc 0",
        Parse::Check(|args| within(args, 0, 100)),
    ),
    idle(
        "tune.idletimer",
        OWN_WAY,
        "<time>",
        "When a connection counts as idle, for the size of what is sent.",
        "tune.idletimer 1000",
        Parse::Check(idle_timer),
    ),
    idle(
        "tune.listener.default-shards",
        OWN_WAY,
        "{ by-process | by-thread | by-group }",
        "How many sockets a `bind` line opens.",
        "tune.listener.default-shards by-thread",
        Parse::Check(shards),
    ),
    idle(
        "tune.listener.multi-queue",
        OWN_WAY,
        "{ on | fair | off }",
        "How connections are shared out among threads.",
        "tune.listener.multi-queue on",
        Parse::Check(multi_queue),
    ),
    idle(
        "tune.memory.hot-size",
        OWN_WAY,
        "<bytes>",
        "How much freed memory a thread keeps.",
        "tune.memory.hot-size 524288",
        Parse::Check(hot_size),
    ),
    idle(
        "tune.pool-high-fd-ratio",
        OWN_WAY,
        "<percent>",
        "Above which use of descriptors idle connections are closed.",
        "tune.pool-high-fd-ratio 25",
        Parse::Check(|args| within(args, 0, 100)),
    ),
    idle(
        "tune.pool-low-fd-ratio",
        OWN_WAY,
        "<percent>",
        "Above which use of descriptors no idle connections are kept.",
        "tune.pool-low-fd-ratio 20",
        Parse::Check(|args| within(args, 0, 100)),
    ),
    idle(
        "tune.rcvbuf.backend",
        "Koi has no datagram sockets that many clients share",
        "<bytes>",
        "The kernel's buffer of datagram sockets.",
        "tune.rcvbuf.backend 65536",
        Parse::Check(|args| within(args, 1, INT_MAX)),
    ),
    idle(
        "tune.rcvbuf.frontend",
        "Koi has no datagram sockets that many clients share",
        "<bytes>",
        "The kernel's buffer of datagram sockets.",
        "tune.rcvbuf.frontend 65536",
        Parse::Check(|args| within(args, 1, INT_MAX)),
    ),
    idle(
        "tune.sndbuf.backend",
        "Koi has no datagram sockets that many clients share",
        "<bytes>",
        "The kernel's buffer of datagram sockets.",
        "tune.sndbuf.backend 65536",
        Parse::Check(|args| within(args, 1, INT_MAX)),
    ),
    idle(
        "tune.sndbuf.frontend",
        "Koi has no datagram sockets that many clients share",
        "<bytes>",
        "The kernel's buffer of datagram sockets.",
        "tune.sndbuf.frontend 65536",
        Parse::Check(|args| within(args, 1, INT_MAX)),
    ),
    idle(
        "tune.ring.queues",
        OWN_WAY,
        "<number>",
        "How many queues stand before a ring.",
        "tune.ring.queues 1",
        Parse::Check(|args| within(args, 0, 63)),
    ),
    idle(
        "tune.ssl.capture-buffer-size",
        NO_SECRETS,
        "<bytes>",
        "How much of what clients offer in a handshake is kept.",
        "tune.ssl.capture-buffer-size 96",
        Parse::Check(any_number),
    ),
    idle(
        "tune.ssl.capture-cipherlist-size",
        NO_SECRETS,
        "<bytes>",
        "An old name of `tune.ssl.capture-buffer-size`.",
        "tune.ssl.capture-cipherlist-size 96",
        Parse::Check(any_number),
    ),
    idle(
        "tune.ssl.keylog",
        NO_SECRETS,
        "{ on | off }",
        "Keeps connections' secrets, to decrypt captured traffic.",
        "tune.ssl.keylog off",
        Parse::Check(switch),
    ),
    idle(
        "tune.ssl.force-private-cache",
        OWN_WAY,
        "",
        "Does not share TLS sessions among processes.",
        "tune.ssl.force-private-cache",
        Parse::Count(0, 0),
    ),
    idle(
        "tune.ssl.ssl-ctx-cache-size",
        "Koi makes no certificates of its own",
        "<number>",
        "How many generated certificates are kept.",
        "tune.ssl.ssl-ctx-cache-size 1000",
        Parse::Check(any_number),
    ),
    idle(
        "tune.zlib.memlevel",
        OWN_WAY,
        "<number>",
        "How much memory compression takes.",
        "tune.zlib.memlevel 8",
        Parse::Check(any_number),
    ),
    idle(
        "tune.zlib.windowsize",
        OWN_WAY,
        "<number>",
        "How much memory compression takes.",
        "tune.zlib.windowsize 15",
        Parse::Check(any_number),
    ),
    // Without `lua-load`, which is refused, it only says where nothing is looked for.
    idle(
        "lua-prepend-path",
        NO_LUA,
        "<path> [{ path | cpath }]",
        "Where Lua looks for modules.",
        "lua-prepend-path /usr/share/lua/?.lua",
        Parse::Count(1, 2),
    ),
    idle(
        "tune.lua.burst-timeout",
        NO_LUA,
        "<time>",
        "How long Lua may run.",
        "tune.lua.burst-timeout 1000",
        Parse::Check(any_time_lenient),
    ),
    idle(
        "tune.lua.service-timeout",
        NO_LUA,
        "<time>",
        "How long Lua may run.",
        "tune.lua.service-timeout 4s",
        Parse::Check(any_time_lenient),
    ),
    idle(
        "tune.lua.session-timeout",
        NO_LUA,
        "<time>",
        "How long Lua may run.",
        "tune.lua.session-timeout 4s",
        Parse::Check(any_time_lenient),
    ),
    idle(
        "tune.lua.task-timeout",
        NO_LUA,
        "<time>",
        "How long Lua may run.",
        "tune.lua.task-timeout 4s",
        Parse::Check(any_time_lenient),
    ),
    idle(
        "tune.lua.forced-yield",
        NO_LUA,
        "<number>",
        "After how many instructions Lua is interrupted.",
        "tune.lua.forced-yield 1000",
        Parse::Check(any_number_lenient),
    ),
    idle(
        "tune.lua.maxmem",
        NO_LUA,
        "<number>",
        "How much memory Lua may take.",
        "tune.lua.maxmem 1000",
        Parse::Check(any_number_lenient),
    ),
    idle(
        "tune.lua.log.loggers",
        NO_LUA,
        "{ on | off }",
        "Whether messages of Lua go to the logs.",
        "tune.lua.log.loggers on",
        Parse::Check(switch),
    ),
    idle(
        "tune.lua.log.stderr",
        NO_LUA,
        "{ on | auto | off }",
        "Whether messages of Lua go to the standard error output.",
        "tune.lua.log.stderr auto",
        Parse::Check(auto_switch),
    ),
    idle(
        "tune.quic.cc-hystart",
        NO_QUIC,
        "{ on | off }",
        "How QUIC connections start up.",
        "tune.quic.cc-hystart on",
        Parse::Check(switch),
    ),
    idle(
        "tune.quic.frontend.conn-tx-buffers.limit",
        NO_QUIC,
        "<number>",
        "A limit of QUIC connections.",
        "tune.quic.frontend.conn-tx-buffers.limit 30",
        Parse::Check(|args| within(args, 1, u32::MAX)),
    ),
    idle(
        "tune.quic.frontend.glitches-threshold",
        NO_QUIC,
        "<number>",
        "A limit of QUIC connections.",
        "tune.quic.frontend.glitches-threshold 100",
        Parse::Check(|args| within(args, 1, u32::MAX)),
    ),
    idle(
        "tune.quic.frontend.max-streams-bidi",
        NO_QUIC,
        "<number>",
        "A limit of QUIC connections.",
        "tune.quic.frontend.max-streams-bidi 100",
        Parse::Check(|args| within(args, 1, u32::MAX)),
    ),
    idle(
        "tune.quic.max-frame-loss",
        NO_QUIC,
        "<number>",
        "A limit of QUIC connections.",
        "tune.quic.max-frame-loss 10",
        Parse::Check(|args| within(args, 1, u32::MAX)),
    ),
    idle(
        "tune.quic.retry-threshold",
        NO_QUIC,
        "<number>",
        "A limit of QUIC connections.",
        "tune.quic.retry-threshold 100",
        Parse::Check(|args| within(args, 1, u32::MAX)),
    ),
    idle(
        "tune.quic.reorder-ratio",
        NO_QUIC,
        "<percent>",
        "When QUIC packets count as lost.",
        "tune.quic.reorder-ratio 50",
        Parse::Check(|args| within(args, 1, 100)),
    ),
    idle(
        "tune.quic.frontend.max-idle-timeout",
        NO_QUIC,
        "<time>",
        "How long idle QUIC connections stay.",
        "tune.quic.frontend.max-idle-timeout 30s",
        Parse::Check(any_time),
    ),
    idle(
        "tune.quic.socket-owner",
        NO_QUIC,
        "{ connection | listener }",
        "Which sockets QUIC connections use.",
        "tune.quic.socket-owner listener",
        Parse::Check(socket_owner),
    ),
];
