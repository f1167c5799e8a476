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
usage: koi -f FILE [-f FILE|FOLDER]...       serve (HAProxy's language, 3.0)
       koi -c [--here] -f FILE               check a configuration
       koi explain -f FILE 'GET https://www.example.net/ from 192.0.2.1'
                                             what the configuration does with a request
       koi help [CLASS] [NAME]               what a keyword means, where it is legal
       koi demo [--port N] [--tls-port N] [--ring auto|uring|poll|kqueue] [--requests N] [--once]
                                             the main job at work, with origins of its own
       koi -v | -vv | -cc CONDITION | -dKCLASS[,CLASS...]

  -f FILE|FOLDER    read this file, or the folder's *.cfg files in the order of their names
  -C FOLDER         go to this folder before files are read
  -L NAME           the local peer's name ($HAPROXY_LOCALPEER; else the host's name)
  -q                print errors only
  -V                print what was read, too
  -dW               warnings count as errors
  --silence NAME    leave out the advice of this name (`koi help advice` lists them)

serving:
  -D                in the background, once everything listens; exit 1 if it cannot start
  -db               in the foreground, whatever the file says
  -d                the same, and say more
  -W                under a master process, which passes signals on and ends with its worker
  -Ws               the same, in the foreground, and tell systemd when it is ready (Type=notify)
  -p FILE           write the process's number there (with -D or -W)
  -n NUMBER         maxconn of the process
  -N NUMBER         maxconn of frontends that say nothing else
  -sf PID...        take over: once everything listens, these finish what they do and end
  -st PID...        the same, and these end at once
  -dR               workers share one socket an address (noreuseport)
  SIGUSR1 stops gracefully, SIGTERM and SIGINT stop at once, SIGHUP and SIGUSR2 read the files again.

checking:
  -c                check and exit: 0 valid, 1 errors, 2 valid but without a listener
  --here            and try what a start needs on this machine: names, certificates, ports, users
  -cc CONDITION     evaluate a condition as behind .if: exit 0 true, 1 false, 2 wrong
  -dKCLASS          list keywords (-dKhelp: the classes)
  -v, -vv           version; -vv: and what is built in
  -h, --help        this text

HAProxy's -m -S -x -dM -de -dp and the like are accepted and change nothing here.
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

/// How files are checked, and served.
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
    /// `--here`.
    pub here: bool,
    /// How to serve.
    pub serving: Serving,
}

/// How to serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// `-D`.
    pub daemon: bool,
    /// `-db`, `-d` or `-Ws`: not in the background, even if the file says so.
    pub foreground: bool,
    /// `-d`.
    pub debug: bool,
    /// `-W`, `-Ws`.
    pub master: Option<Master>,
    /// `-p`.
    pub pidfile: Option<String>,
    /// `-n`.
    pub connections: Option<u32>,
    /// `-N`.
    pub proxy_connections: Option<u32>,
    /// `-sf`, `-st`.
    pub predecessors: Vec<Predecessor>,
    /// `-dR`.
    pub shared_sockets: bool,
    /// `-dS`.
    pub no_splice: bool,
    /// Options that are accepted and that somebody should know to change nothing.
    pub idle: Vec<&'static str>,
}

/// `-W` or `-Ws`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    /// Whether systemd is told when everything listens.
    pub notify: bool,
}

/// A process that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// Its number.
    pub pid: i32,
    /// Whether it ends at once (`-st`), or finishes what it does (`-sf`).
    pub at_once: bool,
}

/// What stands behind an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// More letters in the same word (`-dMtag`).
    Letters,
}

/// HAProxy's options that change nothing here.
const IDLE: &[(&str, Takes)] = &[
    ("-dD", Takes::Nothing),
    ("-dF", Takes::Nothing),
    ("-dG", Takes::Nothing),
    ("-dI", Takes::Nothing),
    ("-dL", Takes::Nothing),
    ("-dM", Takes::Letters),
    ("-dV", Takes::Nothing),
    ("-dZ", Takes::Nothing),
    ("-de", Takes::Nothing),
    ("-dk", Takes::Nothing),
    ("-dp", Takes::Nothing),
    ("-dr", Takes::Nothing),
    ("-dt", Takes::Letters),
    ("-S", Takes::Value),
    ("-m", Takes::Value),
    ("-x", Takes::Value),
];

/// The options that mean something here.
const OPTIONS: &[&str] = &[
    "-c",
    "-cc",
    "--here",
    "-D",
    "-W",
    "-Ws",
    "-d",
    "-db",
    "-dR",
    "-dS",
    "-n",
    "-N",
    "-p",
    "-sf",
    "-st",
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
            "--here" => options.here = true,
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
                None if words.serving(word, &mut options.serving)? => {}
                None => words.idle(word, &mut options.serving)?,
            },
        }
    }
    if options.here && !check {
        return Err("`--here` belongs to a check: koi -c --here -f FILE".to_owned());
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

    /// An option that says how to serve; false if it is none.
    fn serving(&mut self, word: &str, serving: &mut Serving) -> Result<bool, String> {
        match word {
            "-D" => serving.daemon = true,
            "-db" => serving.foreground = true,
            "-d" => (serving.foreground, serving.debug) = (true, true),
            "-dR" => serving.shared_sockets = true,
            "-dS" => serving.no_splice = true,
            "-W" => {
                serving.master.get_or_insert(Master { notify: false });
            }
            // As in HAProxy in the foreground: systemd waits for this very process, and distributions'
            // files say `daemon`.
            "-Ws" => {
                serving.master = Some(Master { notify: true });
                serving.foreground = true;
            }
            "-p" => serving.pidfile = Some(self.value(word, "a file")?),
            "-n" => serving.connections = Some(number(word, &self.value(word, "a number")?)?),
            "-N" => serving.proxy_connections = Some(number(word, &self.value(word, "a number")?)?),
            "-sf" | "-st" => self.predecessors(word, serving)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The numbers of processes up to the next option; there may be none (`-sf $(cat FILE)`).
    fn predecessors(&mut self, option: &str, serving: &mut Serving) -> Result<(), String> {
        while let Some(word) = self.words.get(self.next).filter(|word| !word.starts_with('-')) {
            self.next += 1;
            let pid = word.parse().ok().filter(|&pid: &i32| pid > 0);
            let pid = pid.ok_or_else(|| format!("{option} {word}: not the number of a process"))?;
            serving.predecessors.push(Predecessor { pid, at_once: option == "-st" });
        }
        Ok(())
    }

    /// Steps over an option of HAProxy's that changes nothing here.
    fn idle(&mut self, word: &str, serving: &mut Serving) -> Result<(), String> {
        let fits = |&&(name, takes): &&(&str, Takes)| match takes {
            Takes::Letters => word.starts_with(name),
            _ => word == name,
        };
        let Some(&(name, takes)) = IDLE.iter().find(fits) else { return Err(unknown(word)) };
        serving.idle.push(name);
        match takes {
            Takes::Value => self.value(name, "a value").map(|_| ()),
            Takes::Nothing | Takes::Letters => Ok(()),
        }
    }
}

fn unknown(word: &str) -> String {
    if !word.starts_with('-') {
        return format!("unexpected `{word}`; each file needs a -f of its own: -f {word}");
    }
    // `-cf`, `-fhaproxy.cfg`: a known letter and more.
    let glued = |option: &&&str| option.len() == 2 && word.starts_with(**option);
    let near = || nearest(word, OPTIONS.iter().copied().chain(IDLE.iter().map(|(name, _)| *name)));
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
            "--tls-port" => options.tls_port = number(word, value()?)?,
            "--requests" => options.requests = number(word, value()?)?,
            other => return Err(format!("'{other}' is not an option of demo\n\n{USAGE}")),
        }
    }
    Ok(options)
}

fn number<N: FromStr>(option: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{option} {value}: not a number that fits"))
}
