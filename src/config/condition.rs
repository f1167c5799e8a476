//! The conditions of `.if` and `-cc` (HAProxy 3.0, configuration.txt §2.4).

use std::ops::Range;

use super::environment::Environment;

/// Whether a condition holds.
///
/// # Errors
/// What is wrong with it, and which bytes of it.
pub fn evaluate(text: &str, _environment: &Environment) -> Result<bool, (String, Range<usize>)> {
    match text.parse::<i64>() {
        Ok(number) => Ok(number != 0),
        Err(_) => Err(("not a condition".to_owned(), 0..text.len())),
    }
}
