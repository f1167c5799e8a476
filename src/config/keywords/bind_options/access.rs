//! Permissions of Unix sockets, and names that several options share.

use crate::config::args::shown;
use crate::config::keywords::option::Opt;
use crate::config::plan::{Bind, Given};

/// How long an id that is unique in the whole configuration may be.
const GUID_MAX: usize = 127;
/// How long an interface's name may be (`IF_NAMESIZE` without its NUL).
const INTERFACE_MAX: usize = 15;

/// `mode`: octal digits.
pub(super) fn mode(opt: &mut Opt<'_, '_>, bind: &mut Bind) {
    let Some(word) = opt.value("a mode") else { return };
    let octal = word.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u16::from_str_radix(word, 8).ok().filter(|_| octal) {
        Some(mode) if mode <= 0o7777 => {
            bind.unix.mode = Some(Given { value: mode, span: word.span });
        }
        _ => {
            opt.args
                .error(word.span, format!("`{}` is not a mode", shown(word)))
                .label("expected octal digits, as in 660");
        }
    }
}

/// `interface`.
pub(in crate::config::keywords) fn interface(opt: &mut Opt<'_, '_>) -> Option<Given<Box<str>>> {
    let name = opt.text("an interface")?;
    if name.value.len() > INTERFACE_MAX {
        opt.args
            .error(name.span, "no interface has so long a name")
            .label(format!("at most {INTERFACE_MAX} bytes"));
        return None;
    }
    Some(name)
}

/// `guid`, `guid-prefix`.
pub(in crate::config::keywords) fn guid(opt: &mut Opt<'_, '_>) -> Option<Given<Box<str>>> {
    let word = opt.value("an id")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if let Some((at, c)) = word.char_indices().find(|&(_, c)| !legal(c)) {
        opt.args
            .error(word.part(at..at + c.len_utf8()), format!("{c:?} cannot stand in an id"))
            .label("ids are made of letters, digits, and - _ . :");
        return None;
    }
    if word.len() > GUID_MAX {
        opt.args
            .error(word.span, format!("an id of {} bytes", word.len()))
            .label(format!("at most {GUID_MAX} are possible"));
        return None;
    }
    Some(Given { value: word.text.clone(), span: word.span })
}
