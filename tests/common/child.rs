//! Tests that change or measure the process they run in: in a process of their own.

use std::process::Command;

const CHILD: &str = "KOI_TEST_CHILD";
const ARGUMENT: &str = "KOI_TEST_ARGUMENT";

/// What the process made for this test was given; `None` in any other.
pub fn argument(test: &str) -> Option<String> {
    let child = std::env::var(CHILD).is_ok_and(|name| name == test);
    child.then(|| std::env::var(ARGUMENT).unwrap_or_default())
}

/// The same binary, with only this test.
pub fn command(test: &str, argument: &str) -> Command {
    let binary = std::env::current_exe().expect("the path of this test");
    let mut command = Command::new(binary);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, test).env(ARGUMENT, argument);
    command
}

/// The same under a limit on descriptors, which is only ever lowered by a shell.
pub fn command_limited(test: &str, argument: &str, descriptors: u32) -> Command {
    let mut inner = command(test, argument);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""));
    command.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    inner.env_clear();
    command
}

/// Runs it and fails if it fails; what it printed.
pub fn run(mut command: Command) -> String {
    let output = command.output().expect("a child process");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "in the child:\n{said}\n{complained}");
    assert!(said.contains("1 passed"), "the child ran no test:\n{said}");
    said
}
