//! Numbers as HAProxy reads them out of fields, cookies and parameters.

/// The number that text begins with, in 32 bits, for `hdr_val`, `cook_val` and `urlp_val`.
///
/// It is not `strtol`: reading ends at a character above `9`, while one below `0` counts as a negative
/// digit, and it wraps. So `1.5` is 85. That is worth keeping: rules that compare such values were
/// written against it.
pub fn loose(text: &[u8]) -> i64 {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        all => (1, all),
    };
    let mut sum = 0_i32;
    for &byte in digits {
        // As a signed character: bytes above 0x7f are negative too.
        let digit = i32::from(i8::from_ne_bytes([byte])) - i32::from(b'0');
        if digit > 9 {
            break;
        }
        sum = sum.wrapping_mul(10).wrapping_add(digit.wrapping_mul(sign));
    }
    i64::from(sum)
}

/// The number of a text that is nothing but digits.
pub fn port(text: &[u8]) -> Option<u16> {
    match text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        true => None,
        false => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What HAProxy 3.0.11 gives.
    #[test]
    fn loose_numbers_are_those_of_haproxy() {
        for (text, number) in [
            ("12abc", 12),
            ("", 0),
            ("-5", -5),
            ("+7", -43),
            ("010", 10),
            ("0x10", 0),
            ("1.2.3", 8183),
            ("1.2.3.4:80", 818_284),
            ("2001:db8::1", 2001),
            ("\"c", -14),
            ("99999999999999999999", 0x630f_ffff),
            ("-99999999999999999999", -0x630f_ffff),
            ("9223372036854775808", 0),
            ("256.1.1.1", 0x0f3f_5251),
        ] {
            assert_eq!(loose(text.as_bytes()), number, "{text}");
        }
    }
}
