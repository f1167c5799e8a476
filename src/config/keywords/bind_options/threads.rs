//! `thread` and `shards`: checked, but every worker listens on every bind.

use crate::config::args::shown;
use crate::config::keywords::option::{Opt, pieces};
use crate::config::plan::{Bind, Given};
use crate::config::word::Word;

/// The most threads HAProxy can be built for.
const THREADS_MAX: u16 = 4096;
/// The most shards.
const SHARDS_MAX: u16 = 256;

/// `thread [<group>/]<set>[,...]`.
pub(super) fn thread(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let Some(word) = opt.value("a set of threads") else { return };
    let all = pieces(word, ',');
    let grouped = |piece: &Word| piece.contains('/');
    for piece in &all {
        if all.first().is_some_and(grouped) != grouped(piece) {
            opt.args
                .error(piece.span, "sets with a group and without cannot be mixed")
                .label("unlike the first one");
        } else if let Some(first) = first_of(piece) {
            let least = bind.first_thread.map_or(first, |it| it.value.min(first));
            bind.first_thread = Some(Given { value: least, span: word.span });
        } else {
            opt.args
                .error(piece.span, format!("`{}` is not a set of threads", shown(piece)))
                .label(
                    "expected all, odd, even, a number or a range, perhaps behind a group and `/`",
                );
        }
    }
}

/// The least thread of a set; `None` if it is none.
fn first_of(text: &str) -> Option<u16> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|n| digits && (1..=THREADS_MAX).contains(n))
    };
    let set = match text.split_once('/') {
        Some((group, set)) => number(group).map(|_| set)?,
        None => text,
    };
    match set {
        "all" | "odd" => return Some(1),
        "even" => return Some(2),
        _ => {}
    }
    let end = |text: &str| if text.is_empty() { Some(1) } else { number(text) };
    match set.split_once('-') {
        Some((first, last)) => end(last).and(end(first)),
        None => number(set),
    }
}

/// `shards <number> | by-thread | by-group`.
pub(super) fn shards(opt: &mut Opt<'_, '_>, _bind: &mut Bind) {
    match opt.args.peek() {
        Some(word) if matches!(&*word.text, "by-thread" | "by-group") => {
            opt.args.take();
        }
        _ => {
            opt.number("a number of sockets", 1..=SHARDS_MAX);
        }
    }
}
