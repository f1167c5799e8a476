//! `source`, `usesrc`, `interface`: also behind the proxy's own `source`.

use super::Target;
use crate::config::address::Allowed;
use crate::config::args::shown;
use crate::config::keywords::bind_options::interface;
use crate::config::keywords::option::Opt;
use crate::config::plan::{Given, Pretend, Source};
use crate::config::word::Word;

/// `source <addr>[:<port>[-<port>]] [usesrc ...] [interface <name>]`.
pub(super) fn source(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    if let Some(source) = read(opt) {
        target.settings.source = Some(source);
    }
}

/// `usesrc` where no `source` stands before it.
pub(super) fn alone(opt: &mut Opt<'_, '_>, _target: &mut Target<'_>) {
    opt.args
        .error(opt.word.span, "`usesrc` without `source`")
        .label("it belongs directly behind `source <address>`");
    opt.args.take();
}

/// Reads what stands behind `source`.
pub fn read(opt: &mut Opt<'_, '_>) -> Option<Source> {
    let endpoint = opt.endpoint("an address", &Allowed::SOURCE);
    let (mut pretend, mut name) = (None, None);
    while let Some(word) = opt.args.peek() {
        match &*word.text {
            "usesrc" => {
                opt.args.take();
                let mut inner = Opt { args: opt.args, word, syntax: USESRC };
                pretend = whom(&mut inner).or(pretend);
            }
            "interface" => {
                opt.args.take();
                let mut inner = Opt { args: opt.args, word, syntax: "<name>" };
                name = interface(&mut inner).or(name);
            }
            _ => break,
        }
    }
    Some(Source { endpoint: endpoint?, pretend, interface: name })
}

const USESRC: &str = "{ client | clientip | <address>[:<port>] | hdr_ip(<header>[,<number>]) }";

fn whom(opt: &mut Opt<'_, '_>) -> Option<Given<Pretend>> {
    let word = opt.value("an address")?;
    let value = match &*word.text {
        "client" => Pretend::Client,
        "clientip" => Pretend::ClientIp,
        text if text.starts_with("hdr_ip(") => header(opt, word)?,
        _ => {
            let allowed = Allowed { unix: false, range: false, ..Allowed::SOURCE };
            Pretend::Address(opt.args.address(word, &allowed)?.value)
        }
    };
    Some(Given { value, span: word.span })
}

/// `hdr_ip(<header>[,<number>])`.
fn header(opt: &mut Opt<'_, '_>, word: &Word) -> Option<Pretend> {
    let inside = word.strip_prefix("hdr_ip(").and_then(|rest| rest.strip_suffix(')'));
    let found = inside.and_then(|inside| {
        let (name, number) = inside.split_once(',').unwrap_or((inside, "-1"));
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let named = !name.is_empty() && name.chars().all(token);
        let occurrence = number.trim().parse::<i32>().ok()?;
        named.then(|| Pretend::Header { name: name.into(), occurrence })
    });
    if found.is_none() {
        opt.args
            .error(word.span, format!("`{}` names no header", shown(word)))
            .label("expected hdr_ip(<header>) or hdr_ip(<header>,<number>)");
    }
    found
}
