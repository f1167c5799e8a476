//! Tests that change the process they run in: in a process of their own.

use std::process::Command;

const CHILD: &str = "KOI_TEST_CHILD";
const ARGUMENT: &str = "KOI_TEST_ARGUMENT";

/// Whether this is such a process.
pub fn is_any() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Whether this is the process made for this test. If not, makes it and fails if it fails.
pub fn is_child(test: &str) -> bool {
    let child = argument(test).is_some();
    if !child {
        run(test, "");
    }
    child
}

/// What the process made for this test was given; `None` in any other.
pub fn argument(test: &str) -> Option<String> {
    let child = std::env::var(CHILD).is_ok_and(|name| name == test);
    child.then(|| std::env::var(ARGUMENT).unwrap_or_default())
}

/// Runs the same binary, with only this test.
pub fn run(test: &str, argument: &str) {
    let binary = std::env::current_exe().expect("the path of this test");
    let output = Command::new(binary)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, test)
        .env(ARGUMENT, argument)
        .output()
        .expect("a child process");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "in the child:\n{said}\n{complained}");
    assert!(said.contains("1 passed"), "the child did not run {test}:\n{said}");
    if complained.contains("***") {
        super::say(complained.trim_end());
    }
}
