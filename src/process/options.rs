//! The command line: HAProxy's options, and Koi's own commands.
//!
//! In: the words behind the program's name. Out: a [`Command`], or what is wrong and what to write
//! instead. Options stand apart (`-c -f FILE`, never `-cf FILE`), as in HAProxy, which reads the
//! first letters of a word and drops the rest in silence; here the rest is an error.

use std::str::FromStr;

use super::demo;
use crate::config::advice;
use crate::config::nearest::{did_you_mean, nearest};

/// How the program is called.
pub const USAGE: &str = "\
usage: koi -c -f FILE [-f FILE|FOLDER]...    check a configuration (HAProxy's language, 3.0)
       koi explain -f FILE 'GET https://www.example.net/ from 192.0.2.1'
                                             what the configuration does with a request
       koi help [CLASS] [NAME]               what a keyword means, where it is legal
       koi demo [--port N] [--ring auto|uring|poll|kqueue] [--requests N] [--once]
                                             the I/O core at work
       koi -v | -vv | -cc CONDITION | -dKCLASS[,CLASS...]

  -f FILE|FOLDER    read this file, or the folder's *.cfg files in the order of their names
  -c                check and exit: 0 valid, 1 errors, 2 valid but without a listener
  -q                print errors only
  -V                print what was read, too
  -C FOLDER         go to this folder before files are read
  -L NAME           the local peer's name ($HAPROXY_LOCALPEER; else the host's name)
  -dW               warnings count as errors
  --silence NAME    leave out the advice of this name (`koi help advice` lists them)
  -cc CONDITION     evaluate a condition as behind .if: exit 0 true, 1 false, 2 wrong
  -dKCLASS          list keywords (-dKhelp: the classes)
  -v, -vv           version; -vv: and what is built in
  -h, --help        this text

HAProxy's options for serving (-D -W -db -p -sf -n ...) are accepted beside -c and change nothing;
this build checks and explains, and does not serve yet.
";

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `-c`.
    Check(Options),
    /// Files without `-c`: what HAProxy would start with.
    Serve(Options),
    /// `-cc`.
    Condition(String),
    /// `-dK` without files: its classes.
    Keywords(String),
    /// `-v`.
    Version,
    /// `-vv`.
    VersionAndFeatures,
    /// `-h`.
    Usage,
    /// `help` and what stands behind it.
    Help(Vec<String>),
    /// `explain` and what stands behind it.
    Explain(Vec<String>),
    /// `demo`.
    Demo(demo::Options),
}

/// How files are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-f`, in order.
    pub paths: Vec<String>,
    /// `-q`.
    pub quiet: bool,
    /// `-V`.
    pub verbose: bool,
    /// `-C`.
    pub folder: Option<String>,
    /// `-L`.
    pub local_peer: Option<String>,
    /// `--silence`.
    pub silence: Vec<String>,
    /// `-dW`.
    pub strict: bool,
    /// `-dK`.
    pub keywords: Option<String>,
}

/// What stands behind an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// Words up to the next option (`-sf PID...`).
    Words,
    /// More letters in the same word (`-dKcfg`).
    Letters,
}

/// HAProxy's options that say how to serve: legal, and of no use to a check.
const SERVING: &[(&str, Takes)] = &[
    ("-D", Takes::Nothing),
    ("-W", Takes::Nothing),
    ("-Ws", Takes::Nothing),
    ("-d", Takes::Nothing),
    ("-db", Takes::Nothing),
    ("-dD", Takes::Nothing),
    ("-dF", Takes::Nothing),
    ("-dG", Takes::Nothing),
    ("-dI", Takes::Nothing),
    ("-dL", Takes::Nothing),
    ("-dM", Takes::Letters),
    ("-dR", Takes::Nothing),
    ("-dS", Takes::Nothing),
    ("-dV", Takes::Nothing),
    ("-dZ", Takes::Nothing),
    ("-de", Takes::Nothing),
    ("-dk", Takes::Nothing),
    ("-dp", Takes::Nothing),
    ("-dr", Takes::Nothing),
    ("-dt", Takes::Letters),
    ("-S", Takes::Value),
    ("-m", Takes::Value),
    ("-n", Takes::Value),
    ("-N", Takes::Value),
    ("-p", Takes::Value),
    ("-x", Takes::Value),
    ("-sf", Takes::Words),
    ("-st", Takes::Words),
];

/// The options that mean something here.
const OPTIONS: &[&str] = &[
    "-c",
    "-cc",
    "-f",
    "-q",
    "-V",
    "-v",
    "-vv",
    "-C",
    "-L",
    "-dW",
    "-dK",
    "-h",
    "--help",
    "--version",
    "--silence",
];

const COMMANDS: &[&str] = &["help", "explain", "demo"];

/// Reads a command line.
///
/// # Errors
/// What is wrong, in words for the operator.
pub fn parse(words: &[String]) -> Result<Command, String> {
    let (first, rest) = match words.split_first() {
        Some((first, rest)) => (&**first, rest),
        None => return Err(format!("what shall it do?\n\n{USAGE}")),
    };
    match first {
        "help" => Ok(Command::Help(rest.to_vec())),
        "explain" => Ok(Command::Explain(rest.to_vec())),
        "demo" => demo_options(rest).map(Command::Demo),
        _ if first.starts_with('-') => flags(words),
        other => {
            let near = did_you_mean(&nearest(other, COMMANDS.iter().copied()));
            let help = near.unwrap_or_else(|| "files are named by -f: koi -c -f FILE".to_owned());
            Err(format!("`{other}` is no command; {help}"))
        }
    }
}

fn flags(words: &[String]) -> Result<Command, String> {
    let mut options = Options::default();
    let mut check = false;
    let mut words = Words { words, next: 0 };
    while let Some(word) = words.take() {
        match word {
            "-c" => check = true,
            "-q" => options.quiet = true,
            "-V" => options.verbose = true,
            "-dW" => options.strict = true,
            "-f" => options.paths.push(words.value(word, "a file or folder")?),
            "-C" => options.folder = Some(words.value(word, "a folder")?),
            "-L" => options.local_peer = Some(words.value(word, "a name")?),
            "--silence" => options.silence.push(advice_name(words.value(word, "a name")?)?),
            "--" => {
                while let Some(path) = words.take() {
                    options.paths.push(path.to_owned());
                }
            }
            "-cc" => return words.condition().map(Command::Condition),
            "-v" | "--version" => return Ok(Command::Version),
            "-vv" => return Ok(Command::VersionAndFeatures),
            "-h" | "--help" => return Ok(Command::Usage),
            _ => match word.strip_prefix("-dK") {
                Some(classes) => options.keywords = Some(classes.to_owned()),
                None => words.skip_serving(word)?,
            },
        }
    }
    match (&options.keywords, check, options.paths.is_empty()) {
        (Some(classes), _, true) => Ok(Command::Keywords(classes.clone())),
        (_, true, true) => Err("`-c` needs a file: koi -c -f FILE".to_owned()),
        (_, true, false) => Ok(Command::Check(options)),
        (_, false, true) => Err(format!("what shall it do?\n\n{USAGE}")),
        (_, false, false) => Ok(Command::Serve(options)),
    }
}

fn advice_name(name: String) -> Result<String, String> {
    if advice::find(&name).is_some() {
        return Ok(name);
    }
    let near = did_you_mean(&nearest(&name, advice::names()));
    let help = near.unwrap_or_else(|| "`koi help advice` lists the names".to_owned());
    Err(format!("--silence: no advice is named `{name}`; {help}"))
}

/// A cursor over the command line.
struct Words<'a> {
    words: &'a [String],
    next: usize,
}

impl<'a> Words<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.next)?;
        self.next += 1;
        Some(word)
    }

    fn value(&mut self, option: &str, what: &str) -> Result<String, String> {
        match self.take() {
            Some(value) if value.len() < 2 || !value.starts_with('-') => Ok(value.to_owned()),
            Some(value) => Err(format!("`{option}` needs {what}, and `{value}` is an option")),
            None => Err(format!("`{option}` needs {what} behind it")),
        }
    }

    /// The condition of `-cc`, which may begin with anything.
    fn condition(&mut self) -> Result<String, String> {
        match self.take() {
            Some(condition) => Ok(condition.to_owned()),
            None => Err("`-cc` needs a condition: koi -cc 'version_atleast(3.0)'".to_owned()),
        }
    }

    /// Steps over an option of HAProxy's that a check has no use for.
    fn skip_serving(&mut self, word: &str) -> Result<(), String> {
        let fits = |&&(name, takes): &&(&str, Takes)| match takes {
            Takes::Letters => word.starts_with(name),
            _ => word == name,
        };
        match SERVING.iter().find(fits) {
            Some((_, Takes::Nothing | Takes::Letters)) => Ok(()),
            Some((name, Takes::Value)) => self.value(name, "a value").map(|_| ()),
            Some((_, Takes::Words)) => {
                while self.words.get(self.next).is_some_and(|word| !word.starts_with('-')) {
                    self.next += 1;
                }
                Ok(())
            }
            None => Err(unknown(word)),
        }
    }
}

fn unknown(word: &str) -> String {
    if !word.starts_with('-') {
        return format!("unexpected `{word}`; each file needs a -f of its own: -f {word}");
    }
    // `-cf`, `-fhaproxy.cfg`: a known letter and more.
    let glued = |option: &&&str| option.len() == 2 && word.starts_with(**option);
    let near =
        || nearest(word, OPTIONS.iter().copied().chain(SERVING.iter().map(|(name, _)| *name)));
    let help = match OPTIONS.iter().find(glued) {
        Some(&"-f") => format!("write it apart: -f {}", &word[2..]),
        Some(option) if OPTIONS.contains(&&*format!("-{}", &word[2..])) => {
            format!("options stand apart: {option} -{}", &word[2..])
        }
        _ => did_you_mean(&near()).unwrap_or_else(|| "koi --help lists the options".to_owned()),
    };
    format!("there is no option `{word}`; {help}")
}

/// The options behind `demo`.
fn demo_options(words: &[String]) -> Result<demo::Options, String> {
    let ring = crate::worker::Choice::from_environment()?;
    let mut options = demo::Options { ring, ..Default::default() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--once" => options.once = true,
            "--ring" => options.ring = value()?.parse()?,
            "--port" => options.port = number(word, value()?)?,
            "--requests" => options.requests = number(word, value()?)?,
            other => return Err(format!("'{other}' is not an option of demo\n\n{USAGE}")),
        }
    }
    Ok(options)
}

fn number<N: FromStr>(option: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{option} {value}: not a number that fits"))
}
