//! The target of a request: scheme, authority, path, query, as places in its bytes (RFC 9112 §3.2).
//!
//! In: the bytes of the target. Out: its parts, and targets with a part replaced. Forms: `/path?query`,
//! `scheme://authority/path?query`, `*`, `authority` (of `CONNECT`).

/// A target, cut into its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    bytes: &'a [u8],
    /// Where the authority stands; `None` in a relative target.
    authority: Option<(usize, usize)>,
    /// Where the path begins: where the query does if there is none.
    path: usize,
    /// Where the question mark stands: the end if there is none.
    query: usize,
}

impl<'a> Target<'a> {
    /// Cuts a target.
    pub fn of(bytes: &'a [u8]) -> Target<'a> {
        let authority = scheme_end(bytes).map(|start| {
            let rest = &bytes[start..];
            let length = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
            (start, start + length)
        });
        let from = authority.map_or(0, |(_, end)| end);
        let rest = bytes.get(from..).unwrap_or_default();
        let query = rest.iter().position(|&byte| byte == b'?').map_or(bytes.len(), |at| from + at);
        // `*` and the authority of a CONNECT have no path.
        let path = match rest.first() {
            Some(b'/') => from,
            _ => query,
        };
        Target { bytes, authority, path, query }
    }

    /// Host and port of an absolute target.
    pub fn authority(&self) -> Option<&'a [u8]> {
        self.authority.and_then(|(start, end)| self.bytes.get(start..end))
    }

    /// The path, without the query; empty for `*`.
    pub fn path(&self) -> &'a [u8] {
        self.bytes.get(self.path..self.query).unwrap_or_default()
    }

    /// Path and query.
    pub fn path_and_query(&self) -> &'a [u8] {
        self.bytes.get(self.path..).unwrap_or_default()
    }

    /// What stands behind the question mark.
    pub fn query(&self) -> Option<&'a [u8]> {
        self.bytes.get(self.query + 1..).filter(|_| self.query < self.bytes.len())
    }

    /// The target with another path. One that has none (`*`) is replaced.
    pub fn with_path(&self, path: &[u8]) -> Vec<u8> {
        let tail = self.bytes.get(self.query..).unwrap_or_default();
        [self.before_path(), path, tail].concat()
    }

    /// The target with another path and query.
    pub fn with_path_and_query(&self, path: &[u8]) -> Vec<u8> {
        [self.before_path(), path].concat()
    }

    /// The target with another query. A question mark stays where there was one, and comes if there
    /// was none and the query is not empty.
    pub fn with_query(&self, query: &[u8]) -> Vec<u8> {
        let head = self.bytes.get(..self.query).unwrap_or_default();
        let had_mark = self.query < self.bytes.len();
        let mark: &[u8] = if had_mark || !query.is_empty() { b"?" } else { b"" };
        [head, mark, query].concat()
    }

    /// An absolute target with another authority; the same otherwise.
    pub fn with_authority(&self, authority: &[u8]) -> Vec<u8> {
        let Some((start, end)) = self.authority else { return self.bytes.to_vec() };
        let (head, tail) = (self.bytes.get(..start), self.bytes.get(end..));
        [head.unwrap_or_default(), authority, tail.unwrap_or_default()].concat()
    }

    /// Scheme and authority. Nothing where the whole target is no path at all.
    fn before_path(&self) -> &'a [u8] {
        match self.authority {
            Some((_, end)) => self.bytes.get(..end).unwrap_or_default(),
            None => b"",
        }
    }
}

/// The offset behind `scheme://`.
fn scheme_end(bytes: &[u8]) -> Option<usize> {
    let colon = bytes.iter().position(|&byte| byte == b':')?;
    let scheme = bytes.get(..colon)?;
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let begins = scheme.first().is_some_and(u8::is_ascii_alphabetic);
    (begins && scheme.iter().all(legal) && bytes.get(colon..)?.starts_with(b"://"))
        .then_some(colon + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(target: &str) -> (Option<&str>, &str, Option<&str>) {
        let text = |bytes| std::str::from_utf8(bytes).expect("text");
        let cut = Target::of(target.as_bytes());
        (cut.authority().map(text), text(cut.path()), cut.query().map(text))
    }

    #[test]
    fn every_form_of_a_target_is_cut() {
        assert_eq!(parts("/a/b?x=1"), (None, "/a/b", Some("x=1")));
        assert_eq!(parts("/a?"), (None, "/a", Some("")));
        assert_eq!(parts("http://h:80/a?b?c"), (Some("h:80"), "/a", Some("b?c")));
        assert_eq!(parts("https://h?b"), (Some("h"), "", Some("b")));
        assert_eq!(parts("*"), (None, "", None));
        assert_eq!(parts("h:443"), (None, "", None));
        assert_eq!(parts("/a://b"), (None, "/a://b", None));
        assert_eq!(parts(""), (None, "", None));
    }

    #[test]
    fn parts_are_replaced_and_the_rest_stays() {
        let with = |target: &str| {
            let cut = Target::of(target.as_bytes());
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
            (text(cut.with_path(b"/n")), text(cut.with_query(b"q")), text(cut.with_query(b"")))
        };
        let owned = |it: (&str, &str, &str)| (it.0.to_owned(), it.1.to_owned(), it.2.to_owned());
        assert_eq!(with("/a?x"), owned(("/n?x", "/a?q", "/a?")));
        assert_eq!(with("/a"), owned(("/n", "/a?q", "/a")));
        assert_eq!(with("http://h/a?x"), owned(("http://h/n?x", "http://h/a?q", "http://h/a?")));
        assert_eq!(with("*"), owned(("/n", "*?q", "*")));
        let host = Target::of(b"http://h/a").with_authority(b"n:1");
        assert_eq!(host, b"http://n:1/a");
    }
}
