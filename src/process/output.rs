//! What a command prints.
//!
//! A reader that goes away (`koi -dKall | head`) is no fault of ours: what cannot be written is
//! dropped, not panicked about as `println!` does.

use std::io::{IsTerminal, Write};

/// Text to the standard output.
pub fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Text to the standard error.
pub fn error(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Whether the standard error takes colours: a terminal, and `NO_COLOR` is not set
/// (<https://no-color.org>).
pub fn error_in_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::io::stderr().is_terminal()
}
