//! The nearest words to a misspelt one.

use std::borrow::Cow;

/// How many are offered.
pub const NEAREST_MAX: usize = 3;

/// The words of `all` that `word` may have been meant to be, nearest first.
///
/// A word is near if a third of its characters, at least one, turns it into the other; a word that
/// contains the whole of `word`, or is contained in it, is near too.
pub fn nearest<'a>(word: &str, all: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word: String = word.chars().take(64).collect::<String>().to_ascii_lowercase();
    let mut near: Vec<(usize, &str)> = all
        .into_iter()
        .filter_map(|other| distance(&word, other).map(|distance| (distance, other)))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(NEAREST_MAX).map(|(_, other)| other).collect()
}

fn distance(word: &str, other: &str) -> Option<usize> {
    let length = word.chars().count();
    let limit = (length.max(3) / 3).min(4);
    let other = match other.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(other.to_ascii_lowercase()),
        false => Cow::Borrowed(other),
    };
    // Each edit changes the length by one at most: most words need not be compared.
    let close = length.abs_diff(other.chars().count()) <= limit;
    let edits = close.then(|| strsim::damerau_levenshtein(word, &other));
    let holds =
        word.len() >= 4 && other.len() >= 4 && (other.contains(word) || word.contains(&*other));
    match edits {
        Some(edits) if edits <= limit => Some(edits),
        _ if holds => Some(limit + 1),
        _ => None,
    }
}

/// "did you mean `a`, `b` or `c`?", or nothing.
pub fn did_you_mean(near: &[&str]) -> Option<String> {
    let quoted: Vec<String> = near.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last()? {
        (only, []) => Some(format!("did you mean {only}?")),
        (last, first) => Some(format!("did you mean {} or {last}?", first.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_comes_first_and_strangers_do_not() {
        let all = ["maxconn", "mode", "monitor-uri", "maxqueue"];
        assert_eq!(nearest("maxcon", all), ["maxconn"]);
        assert_eq!(nearest("moed", all), ["mode"]);
        assert!(nearest("server", all).is_empty());
        assert_eq!(did_you_mean(&["a", "b"]).as_deref(), Some("did you mean `a` or `b`?"));
        assert_eq!(did_you_mean(&[]), None);
    }
}
