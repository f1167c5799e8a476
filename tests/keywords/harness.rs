//! Configurations in memory, and a real HAProxy to compare with if there is one.

use std::collections::BTreeMap;
use std::io;
use std::process::{Command, Stdio};

use koi::config::across;
use koi::config::environment::Environment;
use koi::config::plan::Plan;
use koi::config::read::read;
use koi::config::report::{Fault, Level, Report};
use koi::config::source::Files;
use koi::rules::compile::compile;

/// A configuration, and any other file that it may name.
struct OneFile<'a>(&'a str);

const PATH: &str = "/koi/test.cfg";

impl Files for OneFile<'_> {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let text = match path {
            PATH => self.0,
            "/dev/null" => "",
            _ if path.contains("missing") => return Err(io::ErrorKind::NotFound.into()),
            _ if path.ends_with(".http") => "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n",
            _ if path.ends_with("case.txt") => "# names\ncontent-length Content-Length\n",
            _ => "sesame\n",
        };
        Ok(text.as_bytes().to_vec())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        match path {
            PATH => Err(io::ErrorKind::NotADirectory.into()),
            _ if path.contains("missing") => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(Vec::new()),
        }
    }
}

/// Reads `text` as a configuration.
pub fn check(text: &str) -> (Plan, Report) {
    let mut report = Report::default();
    let mut environment = Environment::new([("HOME".to_owned(), "/root".to_owned())]);
    let plan = read(&[PATH.to_owned()], &OneFile(text), &mut environment, &mut report);
    (plan, report)
}

/// The same, and checks what lines say together and the files they name.
pub fn checked(text: &str) -> (Plan, Report) {
    let (plan, mut report) = check(text);
    across::check(&plan, &OneFile(text), &mut report);
    (plan, report)
}

/// The same as [`check`], and compiles its rules.
pub fn compiled(text: &str) -> (Plan, Report) {
    let (plan, mut report) = check(text);
    compile(&plan, &OneFile(text), &mut report);
    (plan, report)
}

/// The errors of a report.
pub fn errors(report: &Report) -> Vec<&Fault> {
    report.faults.iter().filter(|fault| fault.level == Level::Error).collect()
}

/// The lines and messages of the errors.
pub fn messages(plan: &Plan, report: &Report) -> Vec<String> {
    let line = |fault: &Fault| fault.span.map_or(0, |span| plan.sources.line(span));
    errors(report).iter().map(|fault| format!("{}: {}", line(fault), fault.message)).collect()
}

/// A HAProxy of the language's version: `KOI_HAPROXY`, or `haproxy` on the path.
pub fn haproxy() -> Option<String> {
    let program = std::env::var("KOI_HAPROXY").unwrap_or_else(|_| "haproxy".to_owned());
    let output = Command::new(&program).arg("-v").stdin(Stdio::null()).output();
    let version = match &output {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => {
            eprintln!("skipped: cannot run `{program}` ({error}); set KOI_HAPROXY");
            return None;
        }
    };
    let version =
        version.split_whitespace().find(|word| word.contains('.')).unwrap_or("").to_owned();
    if !version.starts_with("3.0.") {
        eprintln!("skipped: `{program}` is version {version}, not 3.0");
        return None;
    }
    Some(program)
}

/// The output of HAProxy with these arguments: whether it succeeded, and what it wrote.
pub fn run(program: &str, arguments: &[&str]) -> (i32, String) {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

/// The lines of one of HAProxy's lists, without its comments.
pub fn list(program: &str, class: &str) -> Vec<String> {
    let (_, text) = run(program, &[&format!("-dK{class}"), "-q", "-c", "-f", "/dev/null"]);
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

/// The keywords that HAProxy lists, by section.
pub fn listed(program: &str) -> BTreeMap<String, Vec<String>> {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in list(program, "cfg") {
        match line.strip_prefix('\t') {
            None => section = line.trim().to_owned(),
            Some(keyword) => {
                sections.entry(section.clone()).or_default().push(keyword.to_owned());
            }
        }
    }
    sections
}
