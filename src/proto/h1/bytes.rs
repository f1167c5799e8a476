//! Bytes by class, and how far a run of one class goes.
//!
//! In: bytes and a place in them. Out: the place of the first byte that is not of the class.

/// A byte of a token: field names, methods, codings (RFC 9110 §5.6.2).
pub const TOKEN: u8 = 1;
/// A byte of a field value: visible, obs-text, blank or tab (RFC 9110 §5.5).
pub const VALUE: u8 = 1 << 1;
/// A byte of a target: visible ASCII but `#` and `\` (RFC 9112 §3.2; the rest of what RFC 3986
/// excludes is sent by browsers and passed on by HAProxy).
pub const TARGET: u8 = 1 << 2;
/// A byte of a registered name or an IPv4 address (RFC 3986 §3.2.2), without the comma, which joins
/// two values.
pub const HOST: u8 = 1 << 3;
/// Neither a control byte nor a blank.
pub const VISIBLE: u8 = 1 << 4;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let alphanumeric = byte.is_ascii_alphanumeric();
        if alphanumeric || has(b"!#$%&'*+-.^_`|~", byte) {
            table[at] |= TOKEN;
        }
        if byte == b'\t' || (byte >= b' ' && byte != 0x7f) {
            table[at] |= VALUE;
        }
        if byte > b' ' && byte != 0x7f {
            table[at] |= VISIBLE;
        }
        if byte.is_ascii_graphic() && byte != b'#' && byte != b'\\' {
            table[at] |= TARGET;
        }
        if alphanumeric || has(b"-._~%!$&'()*+;=", byte) {
            table[at] |= HOST;
        }
        at += 1;
    }
    table
}

const fn has(set: &[u8], byte: u8) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

/// Whether a byte is of the class.
pub fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Whether all bytes are of the class.
pub fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|byte| is(*byte, class))
}

/// Where the run of bytes of this class that begins at `from` ends.
pub fn skip(bytes: &[u8], from: usize, class: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !is(*byte, class)).unwrap_or(rest.len())
}

/// Whether two names are equal but for case; `lower` is in lower case. The name has token bytes only,
/// so that setting the bit of lower case makes no two different ones equal.
pub fn same_name<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    let Ok(name) = <&[u8; N]>::try_from(name) else { return false };
    name.iter().zip(lower).fold(0, |wrong, (a, b)| wrong | ((a | 0x20) ^ b)) == 0
}

/// Without blanks and tabs around it.
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Where the first LF from `from` on is.
pub fn find_lf(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    Some(from + rest.iter().position(|byte| *byte == b'\n')?)
}
