//! Field values that are lists: cut at commas outside double quotes.

use crate::rules::ascii;

/// The part of a value that has but one: nearly all values.
#[inline]
pub fn one(value: &[u8]) -> Option<&[u8]> {
    (!ascii::has(value, b',')).then(|| trim(value))
}

/// The parts of a field's value, without the blanks around them. An empty value has one empty part.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: Option<&'a [u8]>,
}

/// Cuts a value.
pub fn parts(value: &[u8]) -> Parts<'_> {
    Parts { rest: Some(value) }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (part, rest) = match end_of_part(rest) {
            Some(comma) => (&rest[..comma], Some(&rest[comma + 1..])),
            None => (rest, None),
        };
        // A comma at the very end has an empty part behind it.
        self.rest = rest;
        Some(trim(part))
    }
}

/// The last part.
pub fn last(value: &[u8]) -> &[u8] {
    one(value).unwrap_or_else(|| parts(value).last().unwrap_or_default())
}

/// Where the next comma stands that is outside quotes.
fn end_of_part(value: &[u8]) -> Option<usize> {
    end_at(value, |byte| byte == b',')
}

/// Where the first byte outside double quotes stands for which `is_end` holds. A backslash inside
/// quotes takes the next byte with it.
pub fn end_at(value: &[u8], is_end: impl Fn(u8) -> bool) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    value.iter().position(|&byte| {
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        } else if !quoted && is_end(byte) {
            return true;
        }
        false
    })
}

/// Without the blanks (space and tab) around it.
pub fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    // Nearly all values have none.
    if let (Some(first), Some(last)) = (text.first(), text.last())
        && !blank(first)
        && !blank(last)
    {
        return text;
    }
    let Some(start) = text.iter().position(|byte| !blank(byte)) else { return b"" };
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(value: &str) -> Vec<String> {
        parts(value.as_bytes()).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    #[test]
    fn commas_in_quotes_are_no_ends() {
        assert_eq!(cut("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(cut("\"a,b\",c"), ["\"a,b\"", "c"]);
        assert_eq!(cut("\"a\\\",b\",c"), ["\"a\\\",b\"", "c"]);
        assert_eq!(cut("a\"b,c\"d,e"), ["a\"b,c\"d", "e"]);
        assert_eq!(cut("'a,b'"), ["'a", "b'"]);
        assert_eq!(cut("\"open, b"), ["\"open, b"]);
    }

    #[test]
    fn empty_parts_count() {
        assert_eq!(cut(""), [""]);
        assert_eq!(cut(","), ["", ""]);
        assert_eq!(cut("a,"), ["a", ""]);
        assert_eq!(cut("a,,b"), ["a", "", "b"]);
        assert_eq!(last(b"a, b "), b"b");
        assert_eq!(last(b" \t"), b"");
    }
}
