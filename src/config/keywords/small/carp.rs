//! `carp`: Koi's own section. Limits are those of the protocol.

use core::net::IpAddr;
use core::str::FromStr;

use super::super::entry::supported;
use super::super::lenient::{filled, last, only};
use crate::config::advice;
use crate::config::args::{Args, shown};
use crate::config::keyword::{Keyword, Parse};
use crate::config::plan::{
    CARP_KEY_DIGITS, CARP_PASSWORD_MAX, Carp, CarpAddress, CarpDemotion, CarpKey, Given, RuleLine,
    Secret,
};
use crate::config::section::Sections;
use crate::config::source::Span;
use crate::config::word::Word;

/// The longest name of an interface (`IFNAMSIZ` less its NUL, on FreeBSD and Linux).
const INTERFACE_MAX: usize = 15;
/// An `advskew` above this acts like it, so no demotion adds more.
const DEMOTION_MAX: u8 = 240;

fn interface(args: &mut Args<'_>, carp: &mut Carp) {
    let Some(name) = filled(args, "an interface") else { return };
    let legal = |c: char| c.is_ascii_graphic() && c != '/';
    if name.value.len() > INTERFACE_MAX || !name.value.chars().all(legal) {
        args.error(name.span, format!("no interface is called `{}`", name.value)).label(format!(
            "names of interfaces have up to {INTERFACE_MAX} printable characters, without `/`"
        ));
        return;
    }
    only(&mut carp.interface, Some(name), args);
}

/// Takes a password that was written, or lay in a file.
fn password(args: &mut Args<'_>, carp: &mut Carp, text: &str, span: Span) {
    if text.is_empty() {
        args.error(span, "the password is empty").label("expected a password");
        return;
    }
    if text.len() > CARP_PASSWORD_MAX {
        args.report
            .advise(
                &advice::CARP_PASSWORD,
                span,
                format!("only the first {CARP_PASSWORD_MAX} bytes of a password count"),
            )
            .label(format!("this one has {}", text.len()))
            .help("kernels read no more, so all that speak CARP must leave the rest out");
    }
    let key = CarpKey::Password(Secret(text.into()));
    set_key(args, carp, key, span);
}

fn set_key(args: &mut Args<'_>, carp: &mut Carp, value: CarpKey, span: Span) {
    if let Some(earlier) = &carp.key {
        let earlier = earlier.span;
        args.error(span, "a password was given before")
            .label("one of the two must go")
            .also(earlier, "here");
        return;
    }
    carp.key = Some(Given { value, span });
}

fn pass(args: &mut Args<'_>, carp: &mut Carp) {
    if let Some(word) = args.word("a password") {
        password(args, carp, &word.text, word.span);
    }
}

fn pass_file(args: &mut Args<'_>, carp: &mut Carp) {
    let Some(word) = args.word("a file") else { return };
    let Some(content) = args.file(word) else { return };
    match std::str::from_utf8(&content) {
        // The line's end is not part of it; anything else is, blanks too.
        Ok(text) => {
            let text = text.strip_suffix('\n').unwrap_or(text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.contains('\n') {
                args.error(word.span, "the file has more than one line")
                    .label("it must hold the password and nothing else");
                return;
            }
            password(args, carp, text, word.span);
        }
        Err(_) => {
            args.error(word.span, "the password in this file is not UTF-8")
                .help("write a key of any bytes as `key-hex`");
        }
    }
}

fn key_hex(args: &mut Args<'_>, carp: &mut Carp) {
    let Some(word) = args.word("a key") else { return };
    let hexadecimal = word.chars().all(|c| c.is_ascii_hexdigit());
    if !hexadecimal || word.len() != CARP_KEY_DIGITS {
        args.error(word.span, "this is no key")
            .label(format!("expected {CARP_KEY_DIGITS} hexadecimal digits"));
        return;
    }
    set_key(args, carp, CarpKey::Raw(Secret(word.text.clone())), word.span);
}

fn address(args: &mut Args<'_>, carp: &mut Carp) {
    let Some(word) = args.word("an address and the length of its prefix") else { return };
    let Some(value) = network(args, word) else { return };
    if let Some(earlier) = carp.addresses.iter().find(|it| it.address == value.address) {
        let span = earlier.span;
        args.error(word.span, format!("`{}` stands here twice", value.address))
            .label("one of the two must go")
            .also(span, "the other one");
        return;
    }
    carp.addresses.push(Given { value, span: word.span });
}

/// `192.0.2.1/24`, `2001:db8::1/64`
fn network(args: &mut Args<'_>, word: &Word) -> Option<CarpAddress> {
    let slash = word.find('/').unwrap_or(word.len());
    let address = one_address::<IpAddr>(args, &word.cut(0..slash))?;
    if slash == word.len() {
        args.error(word.span.after(), "the length of the prefix is missing")
            .label("expected `/` and a number")
            .help("write /32 behind an IPv4 address, /128 behind an IPv6 address, if in doubt");
        return None;
    }
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = word.cut(slash + 1..word.len());
    let prefix = args.number_of(&prefix, "the length of a prefix", 1..=most)?.value;
    Some(CarpAddress { address, prefix })
}

/// An address that one machine can have.
fn one_address<A: FromStr + Copy + Into<IpAddr>>(args: &mut Args<'_>, word: &Word) -> Option<A> {
    let address = word.parse::<A>().ok();
    let usable = address.map(Into::into).filter(|address: &IpAddr| {
        let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
        !address.is_unspecified() && !address.is_multicast() && !broadcast
    });
    if usable.is_none() {
        args.error(word.span, format!("`{}` is no address of a machine", shown(word)))
            .label("expected an address");
        return None;
    }
    address
}

fn peer(args: &mut Args<'_>, carp: &mut Carp) {
    let Some(word) = args.word("an IPv4 address") else { return };
    let Some(value) = one_address(args, word) else { return };
    only(&mut carp.peer, Some(Given { value, span: word.span }), args);
}

fn peer6(args: &mut Args<'_>, carp: &mut Carp) {
    let Some(word) = args.word("an IPv6 address") else { return };
    let Some(value) = one_address(args, word) else { return };
    only(&mut carp.peer6, Some(Given { value, span: word.span }), args);
}

fn demote(args: &mut Args<'_>, carp: &mut Carp) {
    let Some(by) = args.number("a number", 1..=DEMOTION_MAX) else { return };
    let Some(word) = args.peek() else {
        args.missing("`if` or `unless`, and a condition");
        return;
    };
    if !matches!(&*word.text, "if" | "unless") {
        args.unknown(word, "`if` or `unless`", ["if", "unless"]);
        return;
    }
    let words = args.rest();
    if words.len() < 2 {
        args.missing("a condition");
        return;
    }
    let (keyword, span) = (args.keyword.name, args.line.span);
    let condition = RuleLine { keyword, words: words.into(), span };
    carp.demotions.push(CarpDemotion { by, condition });
}

fn on_change(args: &mut Args<'_>, carp: &mut Carp) {
    let Some(path) = filled(args, "a program") else { return };
    if !path.value.starts_with('/') {
        args.error(path.span, "the program's name must begin with `/`")
            .label("expected an absolute path");
        return;
    }
    only(&mut carp.hook, Some(path), args);
}

const fn row(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Carp),
) -> Keyword {
    // The section's header says that CARP is not built yet, so its lines need not.
    supported(Sections::CARP, name, syntax, about, example, Parse::Carp(parse))
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "interface",
        "<name>",
        "The network interface that the addresses belong to.",
        "interface vnet0",
        interface,
    ),
    row(
        "vhid",
        "<number>",
        "The number of this virtual host on the network, from 1 to 255; the same on all machines.",
        "vhid 1",
        |args, carp| only(&mut carp.vhid, args.number("a vhid", 1..=u8::MAX), args),
    ),
    row(
        "advbase",
        "<seconds>",
        "The time between advertisements, from 1 to 255; the same on all machines.",
        "advbase 1",
        |args, carp| only(&mut carp.base, args.number("a number of seconds", 1..=u8::MAX), args),
    ),
    row(
        "advskew",
        "<number>",
        "The rank, from 0 to 254, in 256ths of a second on top: the smallest is the master.",
        "advskew 100",
        |args, carp| only(&mut carp.skew, args.number("a rank", 0..=254), args),
    ),
    row(
        "pass",
        "<password>",
        "The password that all machines of this virtual host share.",
        "pass sesame",
        pass,
    ),
    row(
        "pass-file",
        "<file>",
        "A file with that password.",
        "pass-file /usr/local/etc/koi/carp.pass",
        pass_file,
    ),
    row(
        "key-hex",
        "<digits>",
        "The key itself: 20 bytes, in hexadecimal.",
        "key-hex 000102030405060708090a0b0c0d0e0f10111213",
        key_hex,
    ),
    row(
        "address",
        "<address>/<prefix>",
        "An address that moves; there may be several, of both families.",
        "address 192.0.2.10/32",
        address,
    ),
    row(
        "preempt",
        "",
        "Takes over from a master of a lower rank, not only from one that fell silent.",
        "preempt",
        |args, carp| carp.preempt = Some(args.line.span),
    ),
    row(
        "preempt-delay",
        "<time>",
        "Does so only when this time has passed since the start.",
        "preempt-delay 30s",
        |args, carp| last(&mut carp.preempt_delay, args.time("a time"), args),
    ),
    row(
        "peer",
        "<address>",
        "Tells this machine only, instead of everyone on the network, by IPv4.",
        "peer 192.0.2.2",
        peer,
    ),
    row("peer6", "<address>", "The same by IPv6.", "peer6 2001:db8::2", peer6),
    row(
        "demote",
        "<number> { if | unless } <condition>",
        "Lowers the rank by so much, from 1 to 240, while a condition holds.",
        "demote 240 if { nbsrv(web) eq 0 }",
        demote,
    ),
    row(
        "on-change",
        "<program>",
        "A program to run when this machine becomes master or stops being it.",
        "on-change /usr/local/etc/koi/notify",
        on_change,
    ),
];
