//! Targets of requests: their form, and what a path may not hold (RFC 9112 §3.2).

use super::Reason;
use super::host::is_authority;

/// Where the parts of an absolute target are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absolute {
    /// Where the authority begins.
    pub authority: usize,
    /// Where it ends and the path begins.
    pub path: usize,
}

/// Checks the form of a target of target bytes; gives whether it is absolute. `encoded` says that there
/// is a `%`. At fault: the reason, and where in the target.
#[inline(always)]
pub fn check(method: &[u8], target: &[u8], encoded: bool) -> Result<bool, (Reason, usize)> {
    if target.first() != Some(&b'/') {
        return check_other(method, target);
    }
    if encoded {
        check_path(target, 0)?;
    }
    Ok(false)
}

fn check_other(method: &[u8], target: &[u8]) -> Result<bool, (Reason, usize)> {
    // RFC 9112 §3.2.4
    if target == b"*" && method == b"OPTIONS" {
        return Ok(false);
    }
    let parts = absolute(target).ok_or((Reason::TargetForm, 0))?;
    let authority = target.get(parts.authority..parts.path).unwrap_or_default();
    if !is_authority(authority) {
        return Err((Reason::Host, parts.authority));
    }
    // A query right behind the authority is legal, but HAProxy refuses it, and so do we.
    if target.get(parts.path) == Some(&b'?') {
        return Err((Reason::TargetForm, parts.path));
    }
    check_path(target, parts.path)?;
    Ok(true)
}

/// Splits an absolute target of a scheme we serve.
pub fn absolute(target: &[u8]) -> Option<Absolute> {
    let scheme = |word: &'static [u8]| {
        let start = target.get(..word.len())?;
        start.eq_ignore_ascii_case(word).then_some(word.len())
    };
    let authority = scheme(b"http://").or_else(|| scheme(b"https://"))?;
    let rest = target.get(authority..)?;
    let length = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    Some(Absolute { authority, path: authority + length })
}

/// The default port of an absolute target's scheme.
pub fn default_port(target: &[u8]) -> &'static [u8] {
    match target.get(4) {
        Some(b's' | b'S') => b"443",
        _ => b"80",
    }
}

/// A NUL, or a character encoded longer than need be, passes as something else in what decodes it
/// later. Only the path is looked at: a query may carry bytes of anything.
fn check_path(target: &[u8], from: usize) -> Result<(), (Reason, usize)> {
    for (at, byte) in target.iter().enumerate().skip(from) {
        match byte {
            b'?' => break,
            b'%' => {}
            _ => continue,
        }
        match (encoded(target, at), encoded(target, at + 3)) {
            (Some(0), _) => return Err((Reason::EncodedNul, at)),
            // RFC 3629 §4: what UTF8-2, UTF8-3 and UTF8-4 leave out.
            (Some(0xc0 | 0xc1), Some(0x80..=0xbf))
            | (Some(0xe0), Some(0x80..=0x9f))
            | (Some(0xf0), Some(0x80..=0x8f)) => {
                return Err((Reason::OverlongUtf8, at));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The byte that is percent-encoded at `at`.
fn encoded(bytes: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low] = bytes.get(at..at + 3)? else { return None };
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? * 16 + digit(low)?)
}
