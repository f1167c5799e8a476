//! Cookies that keep a client on its server: their text (HAProxy 3.0, configuration.txt, `cookie`).
//!
//! In: values of `Cookie` and `Set-Cookie` fields. Out: their pairs, and the values with a pair taken out
//! or changed. What is done with them is said in `walk::cookie`.
//!
//! A value is `NAME=SERVER[|LAST[|FIRST]]`, the moments being seconds in four-second steps, five digits
//! of base64; or, in prefix mode, `NAME=SERVER~VALUE`.

use super::fetch::list::end_at;

/// Digits of the moments.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// How many of them a moment has.
const MOMENT_DIGITS: usize = 5;

/// What becomes of a pair of a `Cookie` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Keep,
    /// It goes.
    Drop,
    /// It stays with what stands from this byte of its value on.
    Behind(usize),
}

/// One pair, or what stands in its place.
struct Piece<'a> {
    /// The byte in front of it, unless it is the first.
    delimiter: Option<u8>,
    /// All of it, with the blanks around.
    raw: &'a [u8],
    /// Where the `=` stands, if it has one.
    equal: Option<usize>,
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len())..]
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|byte| !is_blank(byte)).map_or(0, |at| at + 1)]
}

impl<'a> Piece<'a> {
    fn name(&self) -> &'a [u8] {
        trim_end(trim_start(&self.raw[..self.equal.unwrap_or(self.raw.len())]))
    }

    fn value(&self) -> &'a [u8] {
        trim_end(trim_start(self.equal.map_or(&[], |equal| &self.raw[equal + 1..])))
    }

    /// It with no blanks around the `=`, and its value from a byte on.
    fn write(&self, from: usize, out: &mut Vec<u8>) {
        let Some(equal) = self.equal else { return out.extend_from_slice(self.raw) };
        out.extend_from_slice(trim_end(&self.raw[..equal]));
        out.push(b'=');
        let value = trim_start(&self.raw[equal + 1..]);
        out.extend_from_slice(value.get(from..).unwrap_or_default());
    }
}

/// The pieces of a `Cookie` value: divided by semicolons and commas outside quotes.
fn pieces(value: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = (!value.is_empty()).then_some((None, value));
    std::iter::from_fn(move || {
        let (delimiter, text) = rest.take()?;
        let name = text.iter().position(|byte| matches!(byte, b'=' | b';' | b','));
        let equal = name.filter(|&at| text[at] == b'=');
        let end = match equal {
            Some(equal) => end_at(&text[equal + 1..], |byte| matches!(byte, b';' | b','))
                .map(|end| equal + 1 + end),
            None => name,
        };
        if let Some(end) = end {
            rest = Some((Some(text[end]), &text[end + 1..]));
        }
        let raw = &text[..end.unwrap_or(text.len())];
        Some(Piece { delimiter, raw, equal })
    })
}

/// Hands the pairs of a `Cookie` value, in order, to `fate`, and does what it says. Gives the new value;
/// `None` if it is as it was. An empty one is none: its field goes. Attributes (`$Path`) go with the pair
/// in front of them.
pub fn edit(value: &[u8], mut fate: impl FnMut(&[u8], &[u8]) -> Fate) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let (mut dropped, mut kept) = (false, false);
    for piece in pieces(value) {
        let is_attribute = trim_start(piece.raw).first() == Some(&b'$');
        let fate = match (is_attribute, piece.equal) {
            (true, _) if dropped => continue,
            (true, _) | (_, None) => Fate::Keep,
            (_, Some(_)) => fate(piece.name(), piece.value()),
        };
        if fate == Fate::Drop {
            dropped = true;
            continue;
        }
        let from = if let Fate::Behind(from) = fate { from } else { 0 };
        // Where something was taken out, one delimiter and one blank are left.
        let joint = std::mem::take(&mut dropped);
        let mut text = Vec::new();
        match is_attribute {
            true => text.extend_from_slice(piece.raw),
            false => piece.write(from, &mut text),
        }
        match (joint, piece.delimiter) {
            (true, Some(delimiter)) if kept => {
                out.truncate(trim_end(&out).len());
                out.push(delimiter);
                if !trim_start(&text).is_empty() {
                    out.push(b' ');
                }
                out.extend_from_slice(trim_start(&text));
            }
            (true, _) => out.extend_from_slice(trim_start(&text)),
            (false, delimiter) => {
                out.extend(delimiter);
                out.extend_from_slice(&text);
            }
        }
        kept = true;
    }
    (out != value).then_some(out)
}

/// The name and the value of a `Set-Cookie` field, and the bytes behind the value.
pub struct SetCookie<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// The attributes, from the first semicolon on.
    pub attributes: &'a [u8],
}

impl<'a> SetCookie<'a> {
    /// Cuts a field's value; `None` if it holds no pair.
    pub fn of(field: &'a [u8]) -> Option<SetCookie<'a>> {
        let equal = field.iter().position(|byte| matches!(byte, b'=' | b';'))?;
        if field[equal] != b'=' {
            return None;
        }
        let behind = &field[equal + 1..];
        let end = end_at(behind, |byte| matches!(byte, b';' | b',')).unwrap_or(behind.len());
        let value = trim_start(&behind[..end]);
        let attributes = &behind[end - (value.len() - trim_end(value).len())..];
        let name = trim_end(trim_start(&field[..equal]));
        Some(SetCookie { name, value: trim_end(value), attributes })
    }

    /// The field with another value.
    pub fn with(&self, value: &[&[u8]]) -> Vec<u8> {
        [&[self.name, b"="], value, &[self.attributes]].concat().concat()
    }
}

/// A persistence cookie's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What names the server.
    pub server: &'a [u8],
    /// When the client was seen last, in seconds since 1970-01-01 UTC.
    pub last_s: Option<u64>,
    /// When the cookie was made.
    pub first_s: Option<u64>,
}

impl<'a> Token<'a> {
    /// Of a value in any mode but prefix.
    pub fn of(value: &'a [u8]) -> Token<'a> {
        let mut parts = value.splitn(3, |&byte| byte == b'|');
        let server = parts.next().unwrap_or_default();
        let last_s = parts.next().and_then(|_| moment(&value[server.len() + 1..]));
        let first_s = parts.next().filter(|it| it.len() >= MOMENT_DIGITS).and_then(moment);
        Token { server, last_s, first_s }
    }
}

/// The moment that digits begin with.
fn moment(text: &[u8]) -> Option<u64> {
    let digits = text.get(..MOMENT_DIGITS)?;
    let value = digits.iter().try_fold(0_u64, |value, digit| {
        let digit = DIGITS.iter().position(|it| it == digit)?;
        Some((value << 6) | u64::try_from(digit).ok()?)
    })?;
    Some(value << 2).filter(|&value| value > 0)
}

/// Appends a bar and a moment, rounded up to its four seconds.
pub fn write_moment(seconds: u64, out: &mut Vec<u8>) {
    let quarters = seconds.saturating_add(3) >> 2;
    out.push(b'|');
    for place in (0..MOMENT_DIGITS).rev() {
        let digit = usize::try_from((quarters >> (6 * place)) & 63).unwrap_or(0);
        out.push(DIGITS.get(digit).copied().unwrap_or(b'A'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(value: &str, name: &str) -> Option<String> {
        let fate = |it: &[u8], _: &[u8]| match it == name.as_bytes() {
            true => Fate::Drop,
            false => Fate::Keep,
        };
        edit(value.as_bytes(), fate).map(|it| String::from_utf8(it).expect("text"))
    }

    #[test]
    fn a_pair_is_taken_out_wherever_it_stands() {
        let cases = [
            ("S=a", ""),
            ("S=a; b=1", "b=1"),
            ("b=1; S=a", "b=1"),
            ("b=1; S=a; c=2", "b=1; c=2"),
            ("b=1;S=a;c=2;d=3", "b=1; c=2;d=3"),
            ("S=a; S=b", ""),
            ("S=a; $Path=/; b=1; $Path=/x", "b=1; $Path=/x"),
            ("b=1; S=\"a;x\"; c=2", "b=1; c=2"),
            ("S=a; flag", "flag"),
            ("S=a;", ""),
        ];
        for (value, left) in cases {
            assert_eq!(without(value, "S").as_deref(), Some(left), "{value}");
        }
        assert_eq!(without("b=1; XS=2; s=3", "S"), None);
        assert_eq!((without("", "S"), without(";;", "S")), (None, None));
        assert_eq!(without("a = 1 ;b= 2", "S").as_deref(), Some("a=1 ;b=2"));
    }

    #[test]
    fn a_prefix_is_taken_off() {
        let fate = |name: &[u8], value: &[u8]| match name {
            b"S" => Fate::Behind(value.iter().position(|it| *it == b'~').map_or(0, |at| at + 1)),
            _ => Fate::Keep,
        };
        assert_eq!(edit(b"a=1; S=srv~x=y; b=2", fate).as_deref(), Some(&b"a=1; S=x=y; b=2"[..]));
        assert_eq!(edit(b"S=srv", fate), None);
    }

    #[test]
    fn set_cookies_are_cut_and_put_together() {
        let cut = SetCookie::of(b"S = v w ; Path=/; Expires=Thu, 01-Jan").expect("a pair");
        assert_eq!((cut.name, cut.value), (&b"S"[..], &b"v w"[..]));
        assert_eq!(cut.with(&[b"a~", cut.value]), b"S=a~v w ; Path=/; Expires=Thu, 01-Jan");
        assert!(SetCookie::of(b"Secure; S=v").is_none() && SetCookie::of(b"").is_none());
        assert_eq!(SetCookie::of(b"S=").expect("a pair").value, b"");
    }

    #[test]
    fn moments_come_back() {
        for seconds in [4_u64, 1_800_000_000, 1_800_000_001] {
            let mut text = b"srv".to_vec();
            write_moment(seconds, &mut text);
            let last = Token::of(&text).last_s.expect("a moment");
            assert!(last >= seconds && last < seconds + 4);
            write_moment(seconds, &mut text);
            let token = Token::of(&text);
            assert_eq!((token.server, token.first_s), (&b"srv"[..], Some(last)));
        }
        assert_eq!(Token::of(b"srv|ab$de"), Token { server: b"srv", last_s: None, first_s: None });
        assert_eq!(Token::of(b"|").server, b"");
        assert_eq!(Token::of(b"srv||AAAB").first_s, None);
    }
}
