//! Asking for a reload, and waiting until it is over.

use std::time::Instant;

use koi_sys::guard::Signal;

use crate::folder::Folder;
use crate::koi::{Koi, LOOK, PATIENCE};

/// How often this was said.
fn count(koi: &Koi, text: &str) -> usize {
    koi.told().matches(text).count()
}

/// Writes the configuration anew and has it read; what was said of it.
pub fn reload(koi: &Koi, folder: &Folder, text: &str) -> String {
    folder.file("a.cfg", text);
    signal(koi, Signal::Hangup)
}

/// Has the files read; what was said of it.
pub fn signal(koi: &Koi, signal: Signal) -> String {
    let over = |koi: &Koi| count(koi, "reload: plan ") + count(koi, "reload: refused");
    let (before, length) = (over(koi), koi.told().len());
    koi.signal(signal);
    let asked = Instant::now();
    while over(koi) == before {
        assert!(asked.elapsed() < PATIENCE, "no answer to {signal}; it said:\n{}", koi.told());
        std::thread::sleep(LOOK);
    }
    // What is said of it comes in one go.
    std::thread::sleep(std::time::Duration::from_millis(20));
    koi.told().split_off(length)
}

/// Asserts that it was done.
pub fn done(koi: &Koi, folder: &Folder, text: &str) -> String {
    let said = reload(koi, folder, text);
    assert!(said.contains(" holds: "), "{said}");
    said
}
