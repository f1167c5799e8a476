//! `tune.*` that changes something.

use super::super::entry::{global, later};
use super::super::lenient::{extra_words, last};
use super::{INT_MAX, number};
use crate::config::keyword::{Feature, Keyword};

macro_rules! size {
    ($name:literal, $syntax:literal, $about:literal, $example:literal, $range:expr, $($field:ident).+) => {
        global($name, $syntax, $about, $example, |args, global| {
            let number = args.number("a number", $range);
            last(&mut global.$($field).+, number, args);
        })
    };
}

/// The size of the variables of one scope.
macro_rules! variables {
    ($name:literal, $about:literal, $example:literal, $field:ident) => {
        global($name, "<bytes>", $about, $example, |args, global| {
            last(&mut global.tuning.variables.$field, number(args), args);
            extra_words(args);
        })
    };
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    size!(
        "tune.bufsize",
        "<bytes>",
        "How large the buffer is that the head of a message must fit into.",
        "tune.bufsize 16384",
        BUFFER_MIN..=INT_MAX,
        tuning.buffer
    ),
    size!(
        "tune.maxrewrite",
        "<bytes>",
        "How much of that buffer is kept free for headers that rules add.",
        "tune.maxrewrite 1024",
        0..=INT_MAX,
        tuning.rewrite
    ),
    size!(
        "tune.http.cookielen",
        "<bytes>",
        "How much of a captured cookie is kept.",
        "tune.http.cookielen 63",
        0..=INT_MAX,
        tuning.cookie_length
    ),
    size!(
        "tune.http.logurilen",
        "<bytes>",
        "How much of a request line is logged.",
        "tune.http.logurilen 1024",
        0..=INT_MAX,
        tuning.log_uri_length
    ),
    size!(
        "tune.http.maxhdr",
        "<number>",
        "How many headers a message may have.",
        "tune.http.maxhdr 101",
        1..=HEADERS_MAX,
        tuning.headers_max
    ),
    size!(
        "tune.pipesize",
        "<bytes>",
        "How much a pipe holds through which the kernel passes bytes on; 1 MiB if not said.",
        "tune.pipesize 65536",
        0..=INT_MAX,
        tuning.pipe
    ),
    size!(
        "tune.rcvbuf.client",
        "<bytes>",
        "The kernel's receive buffer of connections of clients.",
        "tune.rcvbuf.client 65536",
        0..=INT_MAX,
        tuning.client_receive
    ),
    size!(
        "tune.sndbuf.client",
        "<bytes>",
        "The kernel's send buffer of connections of clients.",
        "tune.sndbuf.client 65536",
        0..=INT_MAX,
        tuning.client_send
    ),
    size!(
        "tune.rcvbuf.server",
        "<bytes>",
        "The kernel's receive buffer of connections to servers.",
        "tune.rcvbuf.server 65536",
        0..=INT_MAX,
        tuning.server_receive
    ),
    size!(
        "tune.sndbuf.server",
        "<bytes>",
        "The kernel's send buffer of connections to servers.",
        "tune.sndbuf.server 65536",
        0..=INT_MAX,
        tuning.server_send
    ),
    global(
        "tune.stick-counters",
        "<number>",
        "How many entries of stick tables a connection may track (`sc0`, `sc1`, ...).",
        "tune.stick-counters 5",
        |args, global| {
            last(&mut global.tuning.stick_counters, number(args), args);
            extra_words(args);
        },
    ),
    later(
        Feature::Peers,
        size!(
            "tune.peers.max-updates-at-once",
            "<number>",
            "How many entries are sent to a peer in one go.",
            "tune.peers.max-updates-at-once 200",
            1..=INT_MAX,
            tuning.peer_updates
        ),
    ),
    later(
        Feature::Compression,
        size!(
            "tune.comp.maxlevel",
            "<level>",
            "How hard compression tries, from 1 to 9.",
            "tune.comp.maxlevel 1",
            1..=9,
            tuning.compression_level
        ),
    ),
    variables!(
        "tune.vars.global-max-size",
        "How many bytes they may take: all variables together.",
        "tune.vars.global-max-size 1024",
        all
    ),
    variables!(
        "tune.vars.proc-max-size",
        "How many bytes they may take: variables of the process.",
        "tune.vars.proc-max-size 1024",
        process
    ),
    variables!(
        "tune.vars.sess-max-size",
        "How many bytes they may take: variables of a session, and of what lies within.",
        "tune.vars.sess-max-size 1024",
        session
    ),
    variables!(
        "tune.vars.txn-max-size",
        "How many bytes they may take: variables of a transaction, and of what lies within.",
        "tune.vars.txn-max-size 1024",
        transaction
    ),
    variables!(
        "tune.vars.reqres-max-size",
        "How many bytes they may take: variables of a request or a response.",
        "tune.vars.reqres-max-size 1024",
        message
    ),
    variables!(
        "tune.vars.check-max-size",
        "How many bytes they may take: variables of a health check.",
        "tune.vars.check-max-size 1024",
        check
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.header-table-size",
            "<bytes>",
            "How much of the headers a peer may refer back to.",
            "tune.h2.header-table-size 4096",
            4096..=65536,
            h2.header_table
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.max-frame-size",
            "<bytes>",
            "How large frames may be that peers send.",
            "tune.h2.max-frame-size 16384",
            16384..=16_777_215,
            h2.frame
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.initial-window-size",
            "<bytes>",
            "How much of a body a peer may send before it hears from us.",
            "tune.h2.initial-window-size 65536",
            0..=INT_MAX,
            h2.both.window
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.max-concurrent-streams",
            "<number>",
            "How many requests may be under way on a connection.",
            "tune.h2.max-concurrent-streams 100",
            0..=INT_MAX,
            h2.both.streams
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.fe.initial-window-size",
            "<bytes>",
            "How much of a body a client may send before it hears from us.",
            "tune.h2.fe.initial-window-size 65536",
            0..=INT_MAX,
            h2.front.window
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.fe.max-concurrent-streams",
            "<number>",
            "How many requests of a client may be under way on a connection.",
            "tune.h2.fe.max-concurrent-streams 100",
            0..=INT_MAX,
            h2.front.streams
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.fe.glitches-threshold",
            "<number>",
            "After how many oddities a connection to a client is closed; never if 0.",
            "tune.h2.fe.glitches-threshold 100",
            0..=INT_MAX,
            h2.front.glitches
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.be.initial-window-size",
            "<bytes>",
            "How much of a body a server may send before it hears from us.",
            "tune.h2.be.initial-window-size 65536",
            0..=INT_MAX,
            h2.back.window
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.be.max-concurrent-streams",
            "<number>",
            "How many requests to a server may be under way on a connection.",
            "tune.h2.be.max-concurrent-streams 100",
            0..=INT_MAX,
            h2.back.streams
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.be.glitches-threshold",
            "<number>",
            "After how many oddities a connection to a server is closed; never if 0.",
            "tune.h2.be.glitches-threshold 100",
            0..=INT_MAX,
            h2.back.glitches
        ),
    ),
    later(
        Feature::Http2,
        size!(
            "tune.h2.fe.max-total-streams",
            "<number>",
            "After how many requests a connection is closed; never if 0.",
            "tune.h2.fe.max-total-streams 10000",
            0..=INT_MAX,
            h2.front.total_streams
        ),
    ),
];

/// The smallest buffer that HAProxy's own answers fit into.
const BUFFER_MIN: u32 = 512;
/// HAProxy's largest number of headers.
const HEADERS_MAX: u32 = 32_767;
