//! Beginnings and endings of text.
//!
//! A beginning that begins with another one adds nothing, so it is left out. Of what is left, sorted,
//! only the last one not behind the text can begin it: one binary search answers.

use std::cmp::Ordering;

/// A set of beginnings, or of endings.
#[derive(Clone, Debug)]
pub struct Affixes {
    /// As they are.
    exact: Side,
    /// In lower case.
    folded: Side,
}

#[derive(Clone, Debug)]
struct Side {
    /// Sorted, none a beginning of another; endings stand here backwards.
    sorted: Box<[Box<[u8]>]>,
    fold: bool,
    backward: bool,
}

impl Affixes {
    /// Text that begins with one of these; `true` ignores case.
    pub fn beginnings(texts: impl Iterator<Item = (Box<[u8]>, bool)>) -> Affixes {
        Affixes::new(texts, false)
    }

    /// Text that ends with one of these.
    pub fn endings(texts: impl Iterator<Item = (Box<[u8]>, bool)>) -> Affixes {
        Affixes::new(texts, true)
    }

    fn new(texts: impl Iterator<Item = (Box<[u8]>, bool)>, backward: bool) -> Affixes {
        let (mut exact, mut folded) = (Vec::new(), Vec::new());
        for (mut text, fold) in texts {
            if backward {
                text.reverse();
            }
            if fold {
                text.make_ascii_lowercase();
                folded.push(text);
            } else {
                exact.push(text);
            }
        }
        Affixes {
            exact: Side { sorted: shortest(exact), fold: false, backward },
            folded: Side { sorted: shortest(folded), fold: true, backward },
        }
    }

    /// Whether the text begins (or ends) with one of them.
    pub fn has(&self, text: &[u8]) -> bool {
        self.exact.has(text) || self.folded.has(text)
    }
}

/// Sorted, without those that begin with another one.
fn shortest(mut texts: Vec<Box<[u8]>>) -> Box<[Box<[u8]>]> {
    texts.sort_unstable();
    let mut kept: Vec<Box<[u8]>> = Vec::new();
    for text in texts {
        if !kept.last().is_some_and(|last| text.starts_with(last)) {
            kept.push(text);
        }
    }
    kept.into()
}

impl Side {
    fn has(&self, text: &[u8]) -> bool {
        let behind = self.sorted.partition_point(|affix| self.compare(affix, text).is_le());
        let last = behind.checked_sub(1).and_then(|at| self.sorted.get(at));
        last.is_some_and(|affix| self.affix_of(affix, text))
    }

    fn compare(&self, affix: &[u8], text: &[u8]) -> Ordering {
        match (self.backward, self.fold) {
            (false, false) => affix.cmp(text),
            (false, true) => affix.iter().copied().cmp(text.iter().map(u8::to_ascii_lowercase)),
            (true, false) => affix.iter().copied().cmp(text.iter().rev().copied()),
            (true, true) => {
                affix.iter().copied().cmp(text.iter().rev().map(u8::to_ascii_lowercase))
            }
        }
    }

    fn affix_of(&self, affix: &[u8], text: &[u8]) -> bool {
        if text.len() < affix.len() {
            return false;
        }
        let part = match self.backward {
            true => &text[text.len() - affix.len()..],
            false => &text[..affix.len()],
        };
        self.compare(affix, part).is_eq()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Texts = std::vec::IntoIter<(Box<[u8]>, bool)>;

    fn set(texts: &[(&str, bool)], make: fn(Texts) -> Affixes) -> Affixes {
        let texts: Vec<_> =
            texts.iter().map(|(text, fold)| (text.as_bytes().into(), *fold)).collect();
        make(texts.into_iter())
    }

    #[test]
    fn one_search_finds_what_trying_each_finds() {
        let affixes = ["a", "ab", "abc", "b/", "", "zz", "ba", "cab", "A", "Ba"];
        let texts = ["", "a", "abcd", "xab", "b", "b/c", "zzz", "BAB", "bab", "cb/", "Ba", "xzz"];
        for mask in 0_u32..1 << affixes.len() {
            let chosen = affixes.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
            // Every third ignores case.
            let chosen: Vec<(&str, bool)> = chosen.map(|(at, text)| (*text, at % 3 == 0)).collect();
            let (begin, end) = (set(&chosen, Affixes::beginnings), set(&chosen, Affixes::endings));
            for text in texts {
                let folded = |fold: bool, text: &str| match fold {
                    true => text.to_lowercase(),
                    false => text.to_owned(),
                };
                let begins =
                    chosen.iter().any(|(a, f)| folded(*f, text).starts_with(&folded(*f, a)));
                let ends = chosen.iter().any(|(a, f)| folded(*f, text).ends_with(&folded(*f, a)));
                assert_eq!(begin.has(text.as_bytes()), begins, "{text} begins with {chosen:?}");
                assert_eq!(end.has(text.as_bytes()), ends, "{text} ends with {chosen:?}");
            }
        }
    }
}
