//! Regular expressions: HAProxy's are PCRE's, Koi's run in linear time (the `regex` crate).
//!
//! In: an expression as it was written. Out: a compiled one, over bytes. What the crate does not have is
//! an error; what it would silently read otherwise than PCRE is rewritten first: in a class `[`, `&&`,
//! `~~` and `--` are characters, `\<` and `\>` are characters, and `$` stands before a last line feed too.
//!
//! Limits: [`SIZE_MAX`] for each expression.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};

/// How many bytes one compiled expression may take.
pub const SIZE_MAX: usize = 1 << 20;

/// Compiles an expression; `fold` ignores case.
///
/// # Errors
/// What is wrong with it.
pub fn regex(text: &str, fold: bool) -> Result<Regex, String> {
    let text = translated(text);
    let mut builder = RegexBuilder::new(&text);
    let built = builder.unicode(false).case_insensitive(fold).size_limit(SIZE_MAX).build();
    built.map_err(|error| {
        let error = error.to_string();
        error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

/// The expression as the crate must be given it to mean what PCRE means. Doing it twice changes nothing.
pub fn translated(text: &str) -> Cow<'_, str> {
    // Comments of the verbose mode may hold anything.
    if !text.contains(['[', '$', '\\']) || has_flag(text, 'x') {
        return Cow::Borrowed(text);
    }
    let lines = has_flag(text, 'm');
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '[' => class(rest, &mut out),
            '\\' => escape(rest, &mut out),
            '$' if !lines => {
                out.push_str(r"(?:\n?\z)");
                1
            }
            other => {
                out.push(other);
                other.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Cow::Owned(out)
}

/// Whether a group sets a flag: `(?m)`, `(?im:`.
fn has_flag(text: &str, flag: char) -> bool {
    text.split("(?").skip(1).any(|group| {
        let flags = group.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        flags.contains(flag) && group[flags.len()..].starts_with([')', ':', '-'])
    })
}

/// Copies the escape that `rest` begins with; gives its length.
fn escape(rest: &str, out: &mut String) -> usize {
    let length = escape_length(rest);
    let whole = rest.get(..length).unwrap_or(rest);
    // The crate takes these for the borders of words.
    out.push_str(if matches!(whole, r"\<" | r"\>") { &whole[1..] } else { whole });
    length
}

/// How many bytes an escape has: `\d`, `\x41`, `\x{41}`, `\p{Greek}`.
fn escape_length(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    let Some(kind) = chars.next() else { return rest.len() };
    let head = 1 + kind.len_utf8();
    let tail = rest.get(head..).unwrap_or_default();
    match kind {
        'x' | 'p' | 'P' if tail.starts_with('{') => {
            head + tail.find('}').map_or(tail.len(), |at| at + 1)
        }
        'x' => head + tail.bytes().take(2).take_while(u8::is_ascii_hexdigit).count(),
        _ => head,
    }
}

/// Copies the class that `rest` begins with; gives its length.
fn class(rest: &str, out: &mut String) -> usize {
    let mut at = 1;
    out.push('[');
    if rest[at..].starts_with('^') {
        out.push('^');
        at += 1;
    }
    let start = at;
    // Whether a hyphen now makes a range with what was copied last.
    let mut begins = false;
    while let Some(first) = rest[at..].chars().next() {
        if first == ']' && at > start {
            out.push(']');
            return at + 1;
        }
        if first != '-' || !begins || matches!(rest.as_bytes().get(at + 1), None | Some(b']')) {
            at += member(&rest[at..], out);
            begins = true;
            continue;
        }
        // A set (`\w`) at an end of a range is refused by PCRE, and by the crate.
        out.push('-');
        at += 1 + member(&rest[at + 1..], out);
        begins = false;
    }
    at
}

/// Copies one member of a class; gives its length.
fn member(rest: &str, out: &mut String) -> usize {
    if let Some(length) = named(rest) {
        out.push_str(&rest[..length]);
        return length;
    }
    match rest.chars().next() {
        Some('\\') => escape(rest, out),
        Some(special @ ('[' | ']' | '&' | '~' | '-' | '^')) => {
            out.push('\\');
            out.push(special);
            1
        }
        Some(other) => {
            out.push(other);
            other.len_utf8()
        }
        None => 0,
    }
}

/// The length of a named class, `[:alpha:]`.
fn named(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix("[:")?;
    let end = inner.find(|c: char| !c.is_ascii_alphabetic() && c != '^')?;
    inner[end..].starts_with(":]").then_some(end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(pattern: &str, text: &str) -> bool {
        let regex = regex(pattern, false).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let again = super::regex(regex.as_str(), false).expect("twice");
        assert_eq!(again.as_str(), regex.as_str(), "{pattern}");
        regex.is_match(text.as_bytes())
    }

    #[test]
    fn classes_are_read_as_pcre_reads_them() {
        for (pattern, yes, no) in [
            ("^[a[]$", "[", "]"),
            ("^[[a-c]+]$", "[b]", "b"),
            ("^[a&&b]$", "&", "c"),
            ("^[a-z&&[^b]]$", "&]", "b"),
            ("^[a~~b]$", "~", "c"),
            ("^[a-z--m]$", "/", "~"),
            ("^[+--]$", ",", "."),
            ("^[--/]$", ".", ","),
            ("^[a-]$", "-", "b"),
            ("^[-a]$", "-", "b"),
            ("^[]a]$", "]", "b"),
            ("^[^]a]$", "b", "]"),
            ("^[[:alpha:]_]$", "q", ":"),
            ("^[[:alpha]$", ":", "b"),
            (r"^[\w-]$", "-", "/"),
            (r"^[\x41-\x43-E]$", "-", "D"),
            (r"^[\]\[]$", "[", "a"),
            ("^[$]$", "$", "a"),
            ("^[.^]$", "^", "a"),
            (r"^[\<]$", "<", r"\"),
        ] {
            assert!(has(pattern, yes), "{pattern} {yes}: {}", translated(pattern));
            assert!(!has(pattern, no), "{pattern} {no}: {}", translated(pattern));
        }
    }

    #[test]
    fn ends_and_angles_are_pcres() {
        assert!(has(r"^\<a\>$", "<a>") && !has(r"\<a\>", "a"));
        assert!(has("a$", "a\n") && !has("a$", "a\n\n") && !has("a$", "a\nb"));
        assert!(has("(?m)a$", "a\nb") && has(r"a\$", "a$b") && has(r"\\$", "\\"));
        assert!(has("(?:a|b$)", "b\n") && has("(?x) a # [", "a"));
        assert!(has("(?P<name>a)$", "ba"));
    }

    #[test]
    fn an_expression_has_a_size() {
        assert!(regex("a{100}", false).is_ok());
        assert!(regex("((a{100}){100}){100}", false).expect_err("too large").contains("size"));
        for broken in [
            "[", "[a", "[^", "[]", "(", "\\", "[\\", "[a-", "[[:", r"\x", r"[\x{", r"[\w-.]",
            r"[a-\d]",
        ] {
            assert!(regex(broken, false).is_err(), "{broken}");
        }
    }
}
