//! The process: who it is, how it stops, what it takes on, the environment.

use super::super::entry::{global, later, with_no};
use super::super::lenient::{extra_words, filled, first, last};
use super::super::rules::line;
use super::{INT_MAX, account_id, account_name, number, on_off, wanted};
use crate::config::args::{Args, shown};
use crate::config::environment::Base;
use crate::config::keyword::{Feature, Keyword};
use crate::config::plan::{Capability, CaseAdjust, CodeChange, CodeChanges, Given, Global};
use crate::config::word::Word;

/// A name and a value for the environment.
fn variable(args: &mut Args<'_>) -> Option<(Box<str>, Box<str>)> {
    let name = args.word("a name and a value")?;
    let value = args.word("a value")?;
    if name.is_empty() || name.contains('=') {
        args.error(name.span, format!("`{}` is no name of a variable", shown(name)))
            .label("expected a name");
        return None;
    }
    Some((name.text.clone(), value.text.clone()))
}

fn setenv(args: &mut Args<'_>, _: &mut Global) {
    if let Some((name, value)) = variable(args) {
        args.environment.set(&name, &value);
    }
}

fn presetenv(args: &mut Args<'_>, _: &mut Global) {
    if let Some((name, value)) = variable(args) {
        args.environment.preset(&name, &value);
    }
}

fn unsetenv(args: &mut Args<'_>, _: &mut Global) {
    if args.peek().is_none() {
        args.missing("the name of a variable");
    }
    for name in args.rest() {
        args.environment.unset(name);
    }
}

fn resetenv(args: &mut Args<'_>, _: &mut Global) {
    let names: Vec<&str> = args.rest().iter().map(|word| &*word.text).collect();
    args.environment.reset(&names);
}

fn default_path(args: &mut Args<'_>, _: &mut Global) {
    let choices = [("current", 0), ("config", 1), ("parent", 2), ("origin", 3)];
    let Some(mode) = args.one_of("a way to find files", &choices) else { return };
    let base = match mode.value {
        0 => Base::Current,
        1 => Base::Config,
        2 => Base::Parent,
        _ => match filled(args, "a folder") {
            Some(folder) => Base::Origin(folder.value),
            None => return,
        },
    };
    args.environment.set_base(base);
    extra_words(args);
}

fn close_spread_time(args: &mut Args<'_>, global: &mut Global) {
    let infinite = args.peek().filter(|word| &*word.text == "infinite");
    let time = match infinite {
        Some(word) => {
            args.take();
            Some(Given { value: None, span: word.span })
        }
        None => args.time("a time").map(|time| Given { value: Some(time.value), span: time.span }),
    };
    last(&mut global.process.close_spread, time, args);
    extra_words(args);
}

fn setcap(args: &mut Args<'_>, global: &mut Global) {
    const CAPABILITIES: &[(&str, Capability)] = &[
        ("cap_net_admin", Capability::NetAdmin),
        ("cap_net_bind_service", Capability::NetBindService),
        ("cap_net_raw", Capability::NetRaw),
        ("cap_sys_admin", Capability::SysAdmin),
    ];
    let Some(word) = args.word("the name of a capability") else { return };
    let mut start = 0;
    for name in word.split(',') {
        let name = word.cut(start..start + name.len());
        start += name.len() + 1;
        match CAPABILITIES.iter().find(|(known, _)| *known == &*name.text) {
            Some(&(_, value)) => {
                global.process.capabilities.push(Given { value, span: name.span });
            }
            None => {
                let known = CAPABILITIES.iter().map(|(known, _)| *known);
                args.unknown(&name, "a capability", known);
            }
        }
    }
    extra_words(args);
}

fn unix_bind(args: &mut Args<'_>, global: &mut Global) {
    const OPTIONS: &[&str] = &["gid", "group", "mode", "prefix", "uid", "user"];
    let bind = &mut global.process.unix_bind;
    while let Some(option) = args.take() {
        let read = match &*option.text {
            "prefix" => filled(args, "a path").map(|it| bind.prefix = Some(it)),
            "mode" => octal(args).map(|it| bind.mode = Some(it)),
            "user" => account_name(args, "a user").map(|it| bind.user = Some(it)),
            "uid" => account_id(args, "a user's number").map(|it| bind.user = Some(it)),
            "group" => account_name(args, "a group").map(|it| bind.group = Some(it)),
            "gid" => account_id(args, "a group's number").map(|it| bind.group = Some(it)),
            _ => {
                args.unknown(option, "an option", OPTIONS.iter().copied());
                None
            }
        };
        if read.is_none() {
            args.rest();
        }
    }
}

/// An access mode.
fn octal(args: &mut Args<'_>) -> Option<Given<u32>> {
    let word = args.word("a mode")?;
    match u32::from_str_radix(word, 8) {
        Ok(value) if value <= 0o7777 && !word.starts_with('+') => {
            Some(Given { value, span: word.span })
        }
        _ => {
            args.error(word.span, format!("`{}` is no access mode", shown(word)))
                .label("expected an octal number, as chmod has it");
            None
        }
    }
}

fn set_variable(args: &mut Args<'_>, global: &mut Global) {
    let Some(name) = args.word("a variable and an expression") else { return };
    match name.split_once('.') {
        Some(("proc", rest)) if !rest.is_empty() => {}
        _ => {
            args.error(name.span, format!("`{}` is no variable of the process", shown(name)))
                .label("only `proc.` and a name can be set in `global`");
            return;
        }
    }
    if args.word("an expression").is_none() {
        return;
    }
    args.next = args.first;
    global.variables.push(line(args));
}

fn case_adjust(args: &mut Args<'_>, global: &mut Global) {
    let Some(from) = filled(args, "a name and its new form") else { return };
    let Some(to) = filled(args, "the new form") else { return };
    if !from.value.eq_ignore_ascii_case(&to.value) {
        args.error(to.span, "the new form is another name")
            .label("only lower and upper case may differ")
            .also(from.span, "from this");
        return;
    }
    let double = global.case_adjust.iter().find(|it| it.from.eq_ignore_ascii_case(&from.value));
    if let Some(double) = double {
        let span = double.from.span;
        args.error(from.span, format!("`{}` was adjusted before", from.value)).also(span, "here");
        return;
    }
    global.case_adjust.push(CaseAdjust { from, to });
}

fn case_adjust_file(args: &mut Args<'_>, global: &mut Global) {
    let Some(word) = args.word("a file") else { return };
    let Some(content) = args.file(word) else { return };
    let text = String::from_utf8_lossy(&content);
    let mut names: Vec<(Box<str>, Box<str>)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let fault = match words[..] {
            [from, to] if !from.eq_ignore_ascii_case(to) => "has two different names",
            [from, _] if names.iter().any(|(name, _)| name.eq_ignore_ascii_case(from)) => {
                "adjusts a name a second time"
            }
            [from, to] => {
                names.push((from.into(), to.into()));
                continue;
            }
            _ => "does not hold two words: a name and its new form",
        };
        args.error(word.span, format!("line {} of `{}` {fault}", index + 1, shown(word)));
    }
    global.case_adjust_file = Some(Given { value: names.into(), span: word.span });
}

/// `500-599`, `+429`, `-404,410`
fn codes(args: &mut Args<'_>, changes: &mut CodeChanges) {
    if args.peek().is_none() {
        args.missing("status codes");
    }
    for word in args.rest() {
        let Some(mut ranges) = code_ranges(args, word) else { return };
        changes.0.append(&mut ranges);
    }
}

fn code_ranges(args: &mut Args<'_>, word: &Word) -> Option<Vec<CodeChange>> {
    let (mut change, mut start): (fn(u16, u16) -> CodeChange, _) = match word.chars().next() {
        Some('+') => (CodeChange::Add, 1),
        Some('-') => (CodeChange::Remove, 1),
        _ => (CodeChange::Only, 0),
    };
    let mut ranges = Vec::new();
    for text in word[start..].split(',') {
        let range = word.cut(start..start + text.len());
        start += text.len() + 1;
        let (low, high) = match range.find('-') {
            Some(at) => (range.cut(0..at), range.cut(at + 1..range.len())),
            None => (range.clone(), range.clone()),
        };
        let low = args.number_of(&low, "a status code", 100..=599)?.value;
        let high = args.number_of(&high, "a status code", 100..=599)?.value;
        if high < low {
            args.error(range.span, format!("`{}` runs backwards", shown(&range)))
                .label("the smaller code must stand first");
            return None;
        }
        ranges.push(change(low, high));
        // Only the first range replaces the set; those behind its comma belong to it.
        if !word.starts_with('-') {
            change = CodeChange::Add;
        }
    }
    Some(ranges)
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    global(
        "zero-warning",
        "",
        "Does not start when there are warnings.",
        "zero-warning",
        |args, global| global.zero_warning = Some(args.keyword_span()),
    ),
    global("daemon", "", "Sends the process to the background.", "daemon", |_, global| {
        global.process.daemon = true
    }),
    global(
        "user",
        "<name>",
        "The user that the process becomes once it has what only root can have.",
        "user www",
        |args, global| first(&mut global.process.user, account_name(args, "a user"), args),
    ),
    global("uid", "<number>", "The same by number.", "uid 80", |args, global| {
        first(&mut global.process.user, account_id(args, "a user's number"), args)
    }),
    global(
        "group",
        "<name>",
        "The group that the process changes to.",
        "group www",
        |args, global| first(&mut global.process.group, account_name(args, "a group"), args),
    ),
    global("gid", "<number>", "The same by number.", "gid 80", |args, global| {
        first(&mut global.process.group, account_id(args, "a group's number"), args);
    }),
    global(
        "chroot",
        "<folder>",
        "Shuts the process into a folder, which should be empty.",
        "chroot /var/empty",
        |args, global| first(&mut global.process.chroot, filled(args, "a folder"), args),
    ),
    global(
        "pidfile",
        "<file>",
        "Where the process's number is written.",
        "pidfile /var/run/koi.pid",
        |args, global| first(&mut global.process.pidfile, filled(args, "a file"), args),
    ),
    global(
        "cluster-secret",
        "<text>",
        "A secret that several processes share.",
        "cluster-secret sesame",
        |args, global| first(&mut global.process.cluster_secret, filled(args, "a secret"), args),
    ),
    global(
        "grace",
        "<time>",
        "How long listeners stay open once the process was asked to stop.",
        "grace 10s",
        |args, global| {
            last(&mut global.process.grace, args.time("a time"), args);
            extra_words(args);
        },
    ),
    global(
        "hard-stop-after",
        "<time>",
        "How long connections may take to end once the process was asked to stop.",
        "hard-stop-after 30s",
        |args, global| {
            last(&mut global.process.hard_stop_after, args.time("a time"), args);
            extra_words(args);
        },
    ),
    global(
        "close-spread-time",
        "{ <time> | infinite }",
        "Over which time idle connections are closed when the process stops; `infinite`: it waits \
         for their timeouts.",
        "close-spread-time 5s",
        close_spread_time,
    ),
    global(
        "ulimit-n",
        "<number>",
        "How many descriptors to ask the system for; reckoned from `maxconn` if unset.",
        "ulimit-n 20000",
        |args, global| last(&mut global.process.descriptors, number(args), args),
    ),
    global(
        "fd-hard-limit",
        "<number>",
        "The most descriptors to use, however many the system would give.",
        "fd-hard-limit 50000",
        |args, global| last(&mut global.process.descriptors_max, number(args), args),
    ),
    with_no(global(
        "strict-limits",
        "",
        "Not to start when the system does not give what was asked for. It is on unless `no` stands \
         before it.",
        "no strict-limits",
        |args, global| global.process.strict_limits = Some(wanted(args)),
    )),
    global(
        "setcap",
        "<name>[,<name>]...",
        "Linux capabilities to keep when the user changes.",
        "setcap cap_net_bind_service",
        setcap,
    ),
    global(
        "unix-bind",
        "[prefix <path>] [mode <mode>] [user <name>] [uid <number>] [group <name>] [gid <number>]",
        "What Unix sockets of `bind` lines start from.",
        "unix-bind prefix /var/run mode 660 group www",
        unix_bind,
    ),
    global(
        "noreuseport",
        "",
        "Workers share one listening socket, instead of one each.",
        "noreuseport",
        |_, global| global.process.no_reuse_port = true,
    ),
    global(
        "harden.reject-privileged-ports.tcp",
        "{ on | off }",
        "Refuses clients whose source port is below 1024.",
        "harden.reject-privileged-ports.tcp on",
        |args, global| {
            last(&mut global.process.reject_privileged_ports, on_off(args), args);
            extra_words(args);
        },
    ),
    global(
        "maxconn",
        "<number>",
        "How many connections of clients there may be at once; reckoned from the descriptors if 0.",
        "maxconn 10000",
        |args, global| first(&mut global.limits.connections, number(args), args),
    ),
    global(
        "maxconnrate",
        "<number>",
        "How many new connections a second are taken on.",
        "maxconnrate 1000",
        |args, global| first(&mut global.limits.connection_rate, number(args), args),
    ),
    global(
        "maxsessrate",
        "<number>",
        "How many new sessions a second are taken on.",
        "maxsessrate 1000",
        |args, global| first(&mut global.limits.session_rate, number(args), args),
    ),
    global(
        "maxsslconn",
        "<number>",
        "How many connections with TLS there may be at once.",
        "maxsslconn 5000",
        |args, global| last(&mut global.limits.tls_connections, number(args), args),
    ),
    global(
        "nosplice",
        "",
        "Does not let the kernel pass bytes on: bodies and tunnels are copied.",
        "nosplice",
        |_, global| global.process.no_splice = true,
    ),
    global(
        "maxpipes",
        "<number>",
        "How many pipes there are for that, each with two descriptors; a quarter of maxconn if not said.",
        "maxpipes 100",
        |args, global| first(&mut global.limits.pipes, number(args), args),
    ),
    global(
        "maxsslrate",
        "<number>",
        "How many TLS handshakes a second are taken on.",
        "maxsslrate 500",
        |args, global| first(&mut global.limits.tls_rate, number(args), args),
    ),
    later(
        Feature::Compression,
        global(
            "maxcomprate",
            "<number>",
            "How many kilobytes a second are compressed; what comes beyond passes as it is.",
            "maxcomprate 1024",
            |args, global| last(&mut global.limits.compression_rate, number(args), args),
        ),
    ),
    later(
        Feature::Compression,
        global(
            "maxcompcpuusage",
            "<percent>",
            "Above which use of the CPU nothing more is compressed.",
            "maxcompcpuusage 80",
            |args, global| {
                let percent = args.number("a percentage", 0..=100);
                last(&mut global.limits.compression_cpu, percent, args);
            },
        ),
    ),
    global(
        "setenv",
        "<name> <value>",
        "Sets a variable for the lines behind.",
        "setenv SITE example.org",
        setenv,
    ),
    global(
        "presetenv",
        "<name> <value>",
        "The same, unless the variable is set already.",
        "presetenv SITE example.org",
        presetenv,
    ),
    global("unsetenv", "<name>...", "Forgets variables.", "unsetenv SITE", unsetenv),
    global(
        "resetenv",
        "[<name>]...",
        "Forgets all variables but these.",
        "resetenv PATH HOME",
        resetenv,
    ),
    global(
        "default-path",
        "{ current | config | parent | origin <folder> }",
        "Where files with relative names lie: where the process was started, beside the \
         configuration, one folder higher, or in a given folder.",
        "default-path config",
        default_path,
    ),
    global(
        "set-var",
        "proc.<name> <expression>",
        "Sets a variable of the process at the start.",
        "set-var proc.site str(main)",
        set_variable,
    ),
    global(
        "set-var-fmt",
        "proc.<name> <format>",
        "Sets a variable of the process at the start, by a log format.",
        "set-var-fmt proc.site \"main-%H\"",
        set_variable,
    ),
    global(
        "expose-deprecated-directives",
        "",
        "Lets keywords pass that will go away.",
        "expose-deprecated-directives",
        |args, global| {
            global.deprecated = true;
            extra_words(args);
        },
    ),
    global(
        "expose-experimental-directives",
        "",
        "Lets keywords pass that are still experiments.",
        "expose-experimental-directives",
        |args, global| {
            global.experimental = true;
            extra_words(args);
        },
    ),
    global(
        "h1-case-adjust",
        "<name> <Name>",
        "How a header's name is written to HTTP/1 peers, in proxies with `option \
         h1-case-adjust-bogus-client` or `-server`.",
        "h1-case-adjust content-length Content-Length",
        case_adjust,
    ),
    global(
        "h1-case-adjust-file",
        "<file>",
        "A file of such pairs, one a line.",
        "h1-case-adjust-file /usr/local/etc/koi/case.txt",
        case_adjust_file,
    ),
    later(
        Feature::Http2,
        global(
            "h2-workaround-bogus-websocket-clients",
            "",
            "Does not tell HTTP/2 clients that they may open WebSockets.",
            "h2-workaround-bogus-websocket-clients",
            |_, global| global.hide_h2_websocket = true,
        ),
    ),
    global(
        "http-err-codes",
        "[+-]<codes>[,<codes>]... ...",
        "Which status codes count as errors of clients: 400 to 499, unless changed here.",
        "http-err-codes 400-499 -404",
        |args, global| codes(args, &mut global.error_codes),
    ),
    global(
        "http-fail-codes",
        "[+-]<codes>[,<codes>]... ...",
        "Which status codes count as failures of servers: 500 to 599, unless changed here.",
        "http-fail-codes -501,505",
        |args, global| codes(args, &mut global.fail_codes),
    ),
    global(
        "pp2-never-send-local",
        "",
        "Health checks announce themselves by PROXY, not LOCAL, in version 2 of that protocol.",
        "pp2-never-send-local",
        |_, global| global.proxy_never_local = true,
    ),
    global(
        "spread-checks",
        "<percent>",
        "By how much the intervals of health checks vary.",
        "spread-checks 5",
        |args, global| {
            last(&mut global.checks.spread_percent, args.number("a percentage", 0..=50), args);
        },
    ),
    global(
        "max-spread-checks",
        "<time>",
        "The longest time over which the first health checks are spread.",
        "max-spread-checks 10s",
        |args, global| last(&mut global.checks.spread_max, args.time("a time"), args),
    ),
    global(
        "tune.max-checks-per-thread",
        "<number>",
        "How many health checks a worker has under way at once; no limit if 0.",
        "tune.max-checks-per-thread 100",
        |args, global| last(&mut global.checks.at_once, args.number("a number", 0..=INT_MAX), args),
    ),
];
