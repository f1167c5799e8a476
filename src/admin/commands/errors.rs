//! `show errors`: the last request of each frontend and the last response of each backend that was refused.
//!
//! In: what the ledger keeps of them. Out: HAProxy's lines (management.txt §9.3), a message at a time, each
//! line at most 79 letters wide. Where HAProxy prints flags of its own, the reason stands.

use std::fmt::Write;
use std::sync::Arc;

use super::{Answer, Call, Command};
use crate::admin::office::Running;
use crate::admin::socket::Session;
use crate::config::plan::CommandLevel;
use crate::ledger::{CAPTURE_MAX, Capture, Named, Refused};
use crate::rules::fetch::lookup;
use crate::rules::format::date;

/// The widest line.
const WIDTH: usize = 79;

/// The table.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "show errors",
    usage: "[<px>] [request|response]",
    about: "report last request and/or response errors for each proxy",
    level: CommandLevel::Operator,
    run: show,
}];

fn show(call: &mut Call, _: &mut Session) -> Answer {
    let only = match call.word(0).map(|word| proxy_of(&call.running, word)) {
        None => None,
        Some(Ok(only)) => only,
        Some(Err(message)) => return Answer::error(message),
    };
    let kinds: &'static [Refused] = match call.word(1) {
        Some("request") => &[Refused::Request],
        Some("response") => &[Refused::Response],
        _ => &[Refused::Request, Refused::Response],
    };
    let running: Arc<Running> = call.running.clone();
    let (mut proxies, mut begun) = (0..running.plan.proxies.len(), false);
    Answer::Pieces(Box::new(move |piece| {
        if !std::mem::replace(&mut begun, true) {
            let (now, count) = (moment(running.sight().unix_us), running.ledger.refused_count());
            let _ = writeln!(piece, "Total events captured on [{now}] : {count}");
        }
        let Some(proxy) = proxies.next() else { return false };
        let found =
            kinds.iter().filter_map(|&kind| Some((kind, running.ledger.refused(proxy, kind)?)));
        for (kind, capture) in found.filter(|(_, it)| only.is_none_or(|only| concerns(it, only))) {
            put(piece, kind, &capture);
        }
        true
    }))
}

/// The number of the proxy that a word names; all of them have `-1`.
fn proxy_of(running: &Running, word: &str) -> Result<Option<i64>, String> {
    if let Ok(number) = word.parse::<i64>() {
        return Ok((number >= 0).then_some(number));
    }
    let plan = &running.plan;
    let index = plan.frontend(word).or_else(|| plan.backend(word));
    let number = index.and_then(|index| lookup::proxy_id(plan, index));
    number.map(Some).ok_or_else(|| "No such proxy.".to_owned())
}

/// Whether a proxy has to do with it.
fn concerns(capture: &Capture, proxy: i64) -> bool {
    let backend = capture.backend.as_ref().map(|(_, number)| *number);
    capture.frontend.1 == proxy || backend == Some(proxy)
}

/// `04/Mar/2009:15:46:56.081`.
fn moment(unix_us: u64) -> String {
    let mut out = Vec::new();
    // No moment that can be is beyond the calendar.
    let _ = date::local_ms(unix_us, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// `app (#2)`.
fn shown(named: Option<&Named>) -> String {
    let (name, number) = named.map_or(("<NONE>", -1), |(name, number)| (name, *number));
    format!("{name} (#{number})")
}

fn put(out: &mut String, kind: Refused, capture: &Capture) {
    let Capture { source, bytes, position, .. } = capture;
    let (frontend, backend) = (shown(Some(&capture.frontend)), shown(capture.backend.as_ref()));
    let what = match kind {
        Refused::Request => format!("frontend {frontend}: invalid request\n  backend {backend}"),
        Refused::Response => format!("backend {backend}: invalid response\n  frontend {frontend}"),
    };
    let server = shown(capture.server.as_ref());
    let _ = write!(
        out,
        " \n[{}] {what}, server {server}, event #{}, src {}:{}\n  \
         buffer starts at 0 (including 0 out), {} free,\n  \
         len {}, wraps at {CAPTURE_MAX}, error at position {position}\n  \
         refused: {} ({}) :\n  \n",
        moment(capture.at_us),
        capture.event,
        source.ip(),
        source.port(),
        CAPTURE_MAX - bytes.len(),
        bytes.len(),
        capture.reason,
        capture.section,
    );
    dump(out, bytes);
}

/// The bytes: a line for each of theirs, or several, each with its place in front.
fn dump(out: &mut String, bytes: &[u8]) {
    let (mut at, mut continues) = (0, false);
    while at < bytes.len() {
        let mark = if continues { '+' } else { ' ' };
        let mut line = format!("  {at:05}{mark} ");
        continues = true;
        while let Some(&byte) = bytes.get(at) {
            let shown = escaped(byte);
            if line.len() + shown.len() > WIDTH {
                break;
            }
            line.push_str(&shown);
            at += 1;
            if byte == b'\n' {
                continues = false;
                break;
            }
        }
        out.push_str(&line);
        out.push('\n');
    }
}

fn escaped(byte: u8) -> String {
    match byte {
        b'\t' => "\\t".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        0x1b => "\\e".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As HAProxy 3.0.11 printed the same bytes.
    #[test]
    fn bytes_are_printed_as_by_haproxy() {
        let message = format!("A: \tx\x1b\\y\x01\r\nLong: {}\r\n\r\n", "x".repeat(150));
        let mut out = String::new();
        dump(&mut out, message.as_bytes());
        let expected = format!(
            "  00000  A: \\tx\\e\\\\y\\x01\\r\\n\n  00011  Long: {}\n  00081+ {}\n  00151+ {}\\r\\n\n  \
             00169  \\r\\n\n",
            "x".repeat(64),
            "x".repeat(70),
            "x".repeat(16)
        );
        assert_eq!(out, expected);
        assert!(out.lines().all(|line| line.len() <= WIDTH));
    }
}
