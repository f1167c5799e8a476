//! Whether two parts of plans say the same, wherever they stand in their files.
//!
//! In: two values of one type. Out: whether they are equal but for their places
//! ([`Span`](super::source::Span)). They are compared as they print for debugging, so that no part of
//! the plan can be forgotten here. Secrets print themselves then: what [`content`] gives is for comparing, not
//! for showing.

use std::cell::Cell;
use std::fmt::{self, Debug};

thread_local! {
    static PLACELESS: Cell<bool> = const { Cell::new(false) };
}

/// Whether both say the same.
pub fn same<T: Debug + ?Sized>(one: &T, other: &T) -> bool {
    content(one) == content(other)
}

/// What a part of a plan says, without its places: for those that are compared with many.
pub fn content<T: Debug + ?Sized>(part: &T) -> String {
    PLACELESS.set(true);
    let text = format!("{part:?}");
    PLACELESS.set(false);
    text
}

/// A secret, as it prints: only to be compared.
pub(super) struct Hidden<'a>(pub &'a str);

impl Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if is_placeless() { self.0 } else { "..." })
    }
}

/// Whether places are left out of what is printed just now.
pub(super) fn is_placeless() -> bool {
    PLACELESS.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::{Given, Secret, StatsUser};
    use crate::config::source::Span;

    #[test]
    fn places_do_not_count_and_everything_else_does() {
        let at = |start, value: &str| {
            let span = Span { start, end: start + 3, ..Span::default() };
            Some(Given { value: value.to_owned(), span })
        };
        assert!(same(&at(1, "a"), &at(700, "a")));
        assert!(!same(&at(1, "a"), &at(1, "b")));
        assert!(!same(&at(1, "a"), &None));
        assert!(format!("{:?}", at(1, "a")).contains("start: 1"), "places print as ever");
    }

    #[test]
    fn secrets_count_and_are_not_printed() {
        let secret = |text: &str| Secret(text.into());
        let user = |password: &str| StatsUser { name: "a".into(), password: password.into() };
        assert!(same(&secret("one"), &secret("one")) && !same(&secret("one"), &secret("two")));
        assert!(same(&user("one"), &user("one")) && !same(&user("one"), &user("two")));
        assert_eq!(format!("{:?}", secret("one")), "Secret(...)");
        assert!(!format!("{:?}", user("one")).contains("one"));
    }
}
