//! Text looked through once for many patterns: pieces, parts between delimiters, regular expressions.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex::bytes::{Regex, RegexSet, RegexSetBuilder};

use crate::rules::pcre::{regex, translated};

type Texts = Vec<(Box<[u8]>, bool)>;

/// How many regular expressions run as one: more make an automaton that no cache holds.
const REGEXES_TOGETHER: usize = 64;

/// How many bytes such a set may take before it is halved: what the library takes for one.
const SET_MAX: usize = 10 << 20;

/// The automaton of the patterns that keep case, or of those that ignore it.
fn automaton(texts: &Texts, fold: bool) -> Result<Option<AhoCorasick>, String> {
    let texts: Vec<&[u8]> =
        texts.iter().filter(|(_, other)| *other == fold).map(|(text, _)| &**text).collect();
    if texts.is_empty() {
        return Ok(None);
    }
    let mut builder = AhoCorasickBuilder::new();
    builder.match_kind(MatchKind::Standard).ascii_case_insensitive(fold);
    builder.build(texts).map(Some).map_err(|error| error.to_string())
}

/// Text that contains one of a few pieces.
#[derive(Clone, Debug)]
pub struct Pieces {
    exact: Option<AhoCorasick>,
    folded: Option<AhoCorasick>,
}

impl Pieces {
    /// # Errors
    /// The pieces are too many or too long.
    pub fn new(texts: impl Iterator<Item = (Box<[u8]>, bool)>) -> Result<Pieces, String> {
        let texts: Texts = texts.collect();
        Ok(Pieces { exact: automaton(&texts, false)?, folded: automaton(&texts, true)? })
    }

    /// Whether the text contains one of them.
    pub fn has(&self, text: &[u8]) -> bool {
        let has = |it: &Option<AhoCorasick>| it.as_ref().is_some_and(|it| it.is_match(text));
        has(&self.exact) || has(&self.folded)
    }
}

/// Text of which one of a few pieces is a whole part, or several in a row, between delimiters.
#[derive(Clone, Debug)]
pub struct Parts {
    pieces: Pieces,
    delimiters: &'static [u8],
}

impl Parts {
    /// Delimiters around a piece are not part of it; a piece of nothing else matches nothing.
    ///
    /// # Errors
    /// The pieces are too many or too long.
    pub fn new(
        texts: impl Iterator<Item = (Box<[u8]>, bool)>,
        delimiters: &'static [u8],
    ) -> Result<Parts, String> {
        let inside = |byte: &u8| !delimiters.contains(byte);
        let texts = texts.filter_map(|(text, fold)| {
            let start = text.iter().position(inside)?;
            let end = text.iter().rposition(inside)?;
            Some((Box::from(&text[start..=end]), fold))
        });
        Ok(Parts { pieces: Pieces::new(texts)?, delimiters })
    }

    /// Whether one of them is a part of the text.
    pub fn has(&self, text: &[u8]) -> bool {
        let delimiter = |byte: Option<&u8>| byte.is_none_or(|byte| self.delimiters.contains(byte));
        let whole = |start: usize, end: usize| {
            delimiter(start.checked_sub(1).and_then(|before| text.get(before)))
                && delimiter(text.get(end))
        };
        let has = |it: &Option<AhoCorasick>| {
            it.as_ref().is_some_and(|it| {
                it.find_overlapping_iter(text).any(|found| whole(found.start(), found.end()))
            })
        };
        has(&self.pieces.exact) || has(&self.pieces.folded)
    }
}

/// Regular expressions over bytes.
#[derive(Clone, Debug)]
pub struct Regexes {
    /// One by itself is quicker than as a set.
    single: Option<Regex>,
    sets: Vec<RegexSet>,
}

impl Regexes {
    /// # Errors
    /// One of them is none, or they are too large.
    pub fn new<'t>(texts: impl Iterator<Item = (&'t str, bool)>) -> Result<Regexes, String> {
        let texts: Vec<_> = texts.collect();
        if let [(text, fold)] = *texts {
            return Ok(Regexes { single: Some(regex(text, fold)?), sets: Vec::new() });
        }
        let mut sets = Vec::new();
        for fold in [false, true] {
            let texts: Vec<&str> =
                texts.iter().filter(|(_, other)| *other == fold).map(|(text, _)| *text).collect();
            for texts in texts.chunks(REGEXES_TOGETHER) {
                build(texts, fold, SET_MAX, &mut sets)?;
            }
        }
        Ok(Regexes { single: None, sets })
    }

    /// Whether one of them matches somewhere in the text.
    pub fn has(&self, text: &[u8]) -> bool {
        self.single.as_ref().is_some_and(|it| it.is_match(text))
            || self.sets.iter().any(|set| set.is_match(text))
    }
}

/// Builds a set; one that is too large is halved.
fn build(
    texts: &[&str],
    fold: bool,
    size_max: usize,
    sets: &mut Vec<RegexSet>,
) -> Result<(), String> {
    let mut builder = RegexSetBuilder::new(texts.iter().map(|text| translated(text)));
    match builder.unicode(false).case_insensitive(fold).size_limit(size_max).build() {
        Ok(set) => {
            sets.push(set);
            Ok(())
        }
        Err(regex::Error::CompiledTooBig(_)) if texts.len() > 1 => {
            let (left, right) = texts.split_at(texts.len() / 2);
            build(left, fold, size_max, sets)?;
            build(right, fold, size_max, sets)
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'t>(texts: &'t [(&str, bool)]) -> impl Iterator<Item = (Box<[u8]>, bool)> + use<'t> {
        texts.iter().map(|(text, fold)| (text.as_bytes().into(), *fold))
    }

    #[test]
    fn parts_stand_between_delimiters() {
        let manual = "/images/png/logo/32x32.png";
        for (part, holds) in [
            ("/images", true),
            ("images/png", true),
            ("/png/logo", true),
            ("logo/32x32.png", true),
            ("32x32.png", true),
            ("png", true),
            ("32x32", false),
            ("logo/32x32", false),
            ("/", false),
        ] {
            let parts = Parts::new(texts(&[(part, false)]), b"/").expect("parts");
            assert_eq!(parts.has(manual.as_bytes()), holds, "{part}");
        }
        let url = b"http://www1.dc-eu.example.com:80/blah";
        let parts = |it: &[(&str, bool)]| Parts::new(texts(it), b".:/?").expect("parts");
        for part in ["http", ".www1", "dc-eu", "com", "80", "dc-eu.example", "blah", ":www1:"] {
            assert!(parts(&[(part, false)]).has(url), "{part}");
        }
        assert!(!parts(&[("eu", false), ("dc", true), ("BLAH", false)]).has(url));
        assert!(parts(&[("eu", false), ("BLAH", true)]).has(url));
        // A piece that overlaps another one which is no part.
        assert!(parts(&[("a.b", false), ("b.c", false)]).has(b"xa.b.c"));
    }

    #[test]
    fn pieces_and_regexes_keep_case_or_not() {
        let pieces = Pieces::new(texts(&[("ab", false), ("CD", true)])).expect("pieces");
        assert!(pieces.has(b"xabx") && pieces.has(b"xcDx") && !pieces.has(b"AB"));
        assert!(!Pieces::new(texts(&[])).expect("none").has(b""));
        let regexes = Regexes::new([("^a+$", false), ("b$", true)].into_iter()).expect("regexes");
        assert!(regexes.has(b"aa") && regexes.has(b"\xffB") && !regexes.has(b"A"));
        assert!(Regexes::new([("(", false)].into_iter()).is_err());
        assert!(!Regexes::new([].into_iter()).expect("none").has(b""));
    }

    #[test]
    fn sets_that_are_too_large_are_halved() {
        let texts = ["a{90}", "b{90}", "c{90}", "d{90}"];
        let mut sets = Vec::new();
        build(&texts, false, 10_000, &mut sets).expect("sets");
        assert!(sets.len() > 1, "{sets:?}");
        assert!(sets.iter().any(|set| set.is_match(&[b'c'; 90])));
        assert!(!sets.iter().any(|set| set.is_match(&[b'c'; 89])));
        assert!(build(&texts, false, 10, &mut sets).is_err());
    }
}
