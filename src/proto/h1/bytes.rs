//! Bytes by class, and how far a run of one class goes.
//!
//! In: bytes and a place in them. Out: the place of the first byte that is not of the class.

use wide::u8x16;

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

/// Whether all bytes are of the class (one of the above). Looks at all of them: that takes a third of what
/// stopping at the first wrong one would.
pub fn are(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(class, |left, byte| left & CLASSES[usize::from(*byte)]) != 0
}

/// Where the run of bytes of this class that begins at `from` ends.
pub fn skip(bytes: &[u8], from: usize, class: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !is(*byte, class)).unwrap_or(rest.len())
}

/// Where the token that begins at `from` ends: [`skip`], fast for letters and dashes and a colon
/// behind them.
#[inline(always)]
pub fn skip_name(bytes: &[u8], from: usize) -> usize {
    let usual = |block: Block| {
        let letter = (block | all(0x20)) - all(b'a');
        letter.simd_lt(all(26)) | block.simd_eq(all(b'-'))
    };
    let end = skip_usual(bytes, from, usual);
    match bytes.get(end) {
        Some(b':') | None => end,
        Some(_) => skip(bytes, end, TOKEN),
    }
}

/// Where the value that begins at `from` ends, or is broken.
#[inline(always)]
pub fn skip_value(bytes: &[u8], from: usize) -> usize {
    let usual = |block: Block| !(block.simd_lt(all(b' ')) | block.simd_eq(all(0x7f)));
    let mut at = skip_usual(bytes, from, usual);
    while bytes.get(at) == Some(&b'\t') {
        at = skip_usual(bytes, at + 1, usual);
    }
    at
}

/// Where the target that begins at `from` ends, or is broken, or has a `%`.
#[inline(always)]
pub fn skip_plain_target(bytes: &[u8], from: usize) -> usize {
    skip_usual(bytes, from, |block: Block| {
        let visible = (block - all(b'!')).simd_lt(all(0x7f - b'!'));
        let excluded = block.simd_eq(all(b'#')) | block.simd_eq(all(b'\\'));
        visible & !(excluded | block.simd_eq(all(b'%')))
    })
}

/// Bytes that are looked at together.
type Block = u8x16;
const BLOCK: usize = 16;

/// The byte, in all places.
const fn all(byte: u8) -> Block {
    Block::new([byte; BLOCK])
}

/// Where the run of usual bytes that begins at `from` ends. `usual` marks them by ones.
#[inline(always)]
fn skip_usual(bytes: &[u8], from: usize, usual: impl Fn(Block) -> Block) -> usize {
    let unusual = |block: &[u8; BLOCK]| !usual(Block::new(*block)).to_bitmask() & 0xffff;
    let mut at = from;
    let mut rest = bytes.get(from..).unwrap_or_default();
    while let Some((block, behind)) = rest.split_first_chunk() {
        let found = unusual(block);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        (at, rest) = (at + BLOCK, behind);
    }
    // The last block overlaps what was looked at.
    match bytes.last_chunk() {
        Some(block) if !rest.is_empty() => {
            let found = unusual(block) >> (BLOCK - rest.len());
            at + rest.len().min(found.trailing_zeros() as usize)
        }
        Some(_) => at,
        None => short(bytes, from, usual),
    }
}

/// The same for bytes that make no block.
#[cold]
fn short(bytes: &[u8], from: usize, usual: impl Fn(Block) -> Block) -> usize {
    let one = |byte: &u8| usual(all(*byte)).to_bitmask() & 1 == 1;
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !one(byte)).unwrap_or(rest.len())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every place, behind and before usual ones.
    #[test]
    fn fast_is_the_same_as_slow() {
        type Skip = fn(&[u8], usize) -> usize;
        let plain = |bytes: &[u8], from: usize| {
            let end = skip(bytes, from, TARGET);
            let run = bytes.get(from..end).unwrap_or_default();
            run.iter().position(|byte| *byte == b'%').map_or(end, |at| from + at)
        };
        let cases: [(Skip, Skip, &[u8]); 3] = [
            (skip_name, |bytes, from| skip(bytes, from, TOKEN), b"Content-Lengthz-AZ"),
            (skip_value, |bytes, from| skip(bytes, from, VALUE), b"text/html; q=0.9,\xe4\t~"),
            (skip_plain_target, plain, b"/a/b.c?d=20&~!$\"["),
        ];
        for (fast, slow, usual) in cases {
            for length in 0..40 {
                let run: Vec<u8> = usual.iter().copied().cycle().take(length).collect();
                for byte in 0..=255 {
                    for behind in [&b""[..], b"\r\n", b": some more of it, and longer"] {
                        let bytes = [&run[..], &[byte], behind].concat();
                        for from in [0, length / 2, length] {
                            assert_eq!(fast(&bytes, from), slow(&bytes, from), "{bytes:?}");
                        }
                    }
                }
            }
            assert_eq!(fast(b"ab", 7), 7);
            assert_eq!(fast(&[b'a'; 20], 30), 30);
        }
    }
}
