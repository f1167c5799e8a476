//! Lines for the operator, on standard error.
//!
//! In: text. Out: `koi: level: text`. Limits: [`limited`] writes one line a second at most and
//! counts the rest for the next one, so that a fault that repeats cannot fill a disk.

pub mod access;
mod batch;
mod datagram;
mod frame;
pub mod ring;
mod targets;
mod writer;

use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something worth knowing that needs nobody.
pub fn notice(text: Arguments<'_>) {
    write("notice", text);
}

/// Something that somebody should look at.
pub fn warning(text: Arguments<'_>) {
    write("warning", text);
}

/// A warning that may come again and again.
pub fn limited(text: Arguments<'_>) {
    static LAST_S: AtomicU64 = AtomicU64::new(0);
    static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
    // Second zero is "never", so the clock starts at one.
    let now = koi_sys::clock::Time::monotonic().as_millis() / 1000 + 1;
    if LAST_S.fetch_max(now, Ordering::Relaxed) >= now {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        return;
    }
    match LEFT_OUT.swap(0, Ordering::Relaxed) {
        0 => warning(text),
        n => warning(format_args!("{text} ({n} lines like this or another left out)")),
    }
}

fn write(level: &str, text: Arguments<'_>) {
    // Nothing can be done about a standard error that is gone.
    let _ = writeln!(std::io::stderr().lock(), "koi: {level}: {text}");
}
