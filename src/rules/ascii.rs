//! Comparing and searching short text eight bytes at a time: names and values of fields, for every rule
//! of every request.
//!
//! The calls would cost as much as the work, so they are inlined always.
//!
//! In: bytes. Out: what the plain loops over bytes give, which the tests compare with.

/// A byte in all eight places.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// ASCII letters in lower case, in all eight places.
const fn lower(word: u64) -> u64 {
    let low = word & all(0x7f);
    // The top bit of a place says: at least `A`; more than `Z`.
    let from_a = low + all(0x80 - b'A');
    let behind_z = low + all(0x7f - b'Z');
    let letters = (from_a ^ behind_z) & !word & all(0x80);
    word | letters >> 2
}

/// A text's first and last eight bytes, which may overlap, and the steps between them.
type Steps<'t> = (&'t [u8; 8], &'t [u8; 8], &'t [[u8; 8]]);

/// Text of at least eight bytes in steps of eight; mostly there are none in the middle.
#[inline(always)]
fn steps(text: &[u8]) -> Option<Steps<'_>> {
    let (first, last) = (text.first_chunk()?, text.last_chunk()?);
    let middle = if text.len() > 16 { &text[8..text.len() - 1] } else { &[] };
    Some((first, last, middle.as_chunks().0))
}

/// Text of four to seven bytes as one word.
#[inline(always)]
fn short(text: &[u8]) -> Option<u64> {
    let half = |bytes: &[u8; 4]| u64::from(u32::from_ne_bytes(*bytes));
    Some(half(text.first_chunk()?) << 32 | half(text.last_chunk()?))
}

/// Whether `text` is `lowered`, which is in lower case, whatever the case of `text`.
#[inline(always)]
pub fn is(lowered: &[u8], text: &[u8]) -> bool {
    if lowered.len() != text.len() {
        return false;
    }
    let same = |a: &[u8; 8], b: &[u8; 8]| u64::from_ne_bytes(*a) == lower(u64::from_ne_bytes(*b));
    if let (Some(a), Some(b)) = (steps(lowered), steps(text)) {
        return same(a.0, b.0) && same(a.1, b.1) && a.2.iter().zip(b.2).all(|(a, b)| same(a, b));
    }
    if let (Some(a), Some(b)) = (short(lowered), short(text)) {
        return a == lower(b);
    }
    lowered.iter().zip(text).all(|(a, b)| *a == b.to_ascii_lowercase())
}

/// The text in lower case, as words: equal for texts of one length that differ in case only, and
/// different for others of that length.
#[inline(always)]
pub fn words(text: &[u8], mut each: impl FnMut(u64)) {
    if let Some((first, last, middle)) = steps(text) {
        each(lower(u64::from_ne_bytes(*first)));
        each(lower(u64::from_ne_bytes(*last)));
        middle.iter().for_each(|step| each(lower(u64::from_ne_bytes(*step))));
    } else if let Some(word) = short(text) {
        each(lower(word));
    } else {
        let put = |word: u64, byte: &u8| word << 8 | u64::from(byte.to_ascii_lowercase());
        each(text.iter().fold(0, put));
    }
}

/// Whether `byte` is in the text.
#[inline(always)]
pub fn has(text: &[u8], byte: u8) -> bool {
    let Some((first, last, middle)) = steps(text) else { return text.contains(&byte) };
    let found = |bytes: &[u8; 8]| {
        let word = u64::from_ne_bytes(*bytes) ^ all(byte);
        word.wrapping_sub(all(1)) & !word & all(0x80) != 0
    };
    found(first) || found(last) || middle.iter().any(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_eight_are_bytes() {
        for byte in 0..=u8::MAX {
            assert_eq!(lower(all(byte)), all(byte.to_ascii_lowercase()), "{byte}");
            let word = u64::from_ne_bytes([byte, b'A', 0xff, b'[', b'@', 0x80, b'Z', 0]);
            let bytes = word.to_ne_bytes().map(|byte| byte.to_ascii_lowercase());
            assert_eq!(lower(word), u64::from_ne_bytes(bytes), "{byte}");
        }
    }

    fn collected(text: &[u8]) -> Vec<u64> {
        let mut all = Vec::new();
        words(text, |word| all.push(word));
        all
    }

    #[test]
    fn every_place_counts() {
        let text: Vec<u8> = (0..40).map(|at| b"aZ0-\xc0Q"[at % 6]).collect();
        for length in 0..text.len() {
            let text = &text[..length];
            let lowered = text.to_ascii_lowercase();
            assert!(is(&lowered, text) && !has(text, b','));
            assert!(!is(&lowered, &[text, b"a"].concat()));
            for at in 0..length {
                for byte in [b',', b'A', b'z', 0, 0xff] {
                    let mut other = text.to_vec();
                    other[at] = byte;
                    let same = lowered.eq_ignore_ascii_case(&other);
                    assert_eq!(is(&lowered, &other), same);
                    assert_eq!(collected(&lowered) == collected(&other), same);
                    assert_eq!(has(&other, b','), other.contains(&b','));
                }
            }
        }
    }
}
