//! Tests that change or measure the process they run in: in a process of their own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

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
    let inner = command(test, argument);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""));
    command.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// A process that answers questions: lines on its standard input, lines with `@` on its output.
pub struct Process {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    pub fn start(mut command: Command) -> Process {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("a child process");
        let questions = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Process { process, questions, answers }
    }

    /// What follows the next `@`; the rest is the test harness's.
    pub fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.answers.read_line(&mut line).expect("a line"), 0, "it has ended");
            if let Some((_, told)) = line.split_once('@') {
                return told.trim_end().to_owned();
            }
        }
    }

    /// The answer to the only question there is, as numbers.
    pub fn ask<const N: usize>(&mut self) -> [u64; N] {
        self.questions.write_all(b"\n").expect("it reads");
        let told = self.hear();
        let numbers: Vec<u64> = told.split(' ').map(|n| n.parse().expect("a number")).collect();
        numbers.try_into().unwrap_or_else(|_| panic!("{told}"))
    }

    /// Waits for its end after the last question.
    pub fn stop(mut self) {
        drop(self.questions);
        assert!(self.process.wait().expect("its end").success());
    }
}

/// Says something in such a process.
pub fn tell(words: &str) {
    println!("\n@{words}");
}

/// Answers each question until there are no more.
pub fn answer<const N: usize>(mut numbers: impl FnMut() -> [u64; N]) {
    for question in std::io::stdin().lines() {
        question.expect("a line");
        tell(&numbers().map(|number| number.to_string()).join(" "));
    }
}
