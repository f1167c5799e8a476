//! Cases as text: what a client sends, what the origins reply.
//!
//! ```text
//! == name                    a case
//! to NAME                    the frontend (`main` if not said)
//! > GET / HTTP/1.1           the client sends this line and CRLF; with a `\` at its end, no CRLF
//! await 2                    it reads two final responses (one, if nothing is said)
//! await head                 it reads one that has no body, as after HEAD
//! await text WORDS           it reads until these bytes came
//! await close                it reads until the connection ends
//! await 0                    it goes on at once
//! finish                     it says that nothing more comes
//! pause 100                  it waits for so many milliseconds
//! leave                      it closes; nothing is looked at any more
//! no probe                   whether the connection stays open is not looked at
//! < HTTP/1.1 200 OK          the origin sends this line and CRLF, when the request is there
//! ! early                    it does not wait for the request's body first
//! ! body | pause 100 | close | reset | hold | echo
//! ```
//!
//! Lines of `<` and `!` up to another line make the reply to one request. Lines with `#` are
//! comments. Escapes: see [`super::escape`].

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::escape;
use super::origin::{Reply, Step};

/// What the client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Send(Vec<u8>),
    Await { count: usize, bodiless: bool },
    AwaitText(Vec<u8>),
    AwaitClose,
    Finish,
    Pause(Duration),
    Leave,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub frontend: String,
    pub acts: Vec<Act>,
    pub replies: Vec<Reply>,
    pub probe: bool,
}

/// The cases of all `*.txt` files of a folder but `allowed.txt`.
pub fn read_folder(folder: &Path) -> Vec<Case> {
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    paths.retain(|path| path.file_name().is_some_and(|name| name != "allowed.txt"));
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let area = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&path).expect("a file of cases");
        cases.extend(read(&area, &text).unwrap_or_else(|why| panic!("{}: {why}", path.display())));
    }
    cases
}

/// The cases of one file; their names begin with the area's.
fn read(area: &str, text: &str) -> Result<Vec<Case>, String> {
    let mut reader = Reader::default();
    for (number, line) in text.lines().enumerate() {
        reader.line(area, line).map_err(|why| format!("line {}: {why}", number + 1))?;
    }
    reader.flush();
    Ok(reader.cases)
}

#[derive(Default)]
struct Reader {
    cases: Vec<Case>,
    /// What the client sends next.
    sending: Vec<u8>,
    /// What the origin does next, if a reply is being read.
    reply: Option<Reply>,
}

impl Reader {
    fn line(&mut self, area: &str, line: &str) -> Result<(), String> {
        if line.starts_with('#') {
            return Ok(());
        }
        let (mark, rest) = match line.split_once(' ') {
            Some((mark @ ("==" | ">" | "<" | "!"), rest)) => (mark, rest),
            None if matches!(line, ">" | "<") => (line, ""),
            _ => ("", line),
        };
        if mark != ">" && !line.starts_with("await") {
            self.flush_sending();
        }
        if !matches!(mark, "<" | "!") {
            self.flush_reply();
        }
        if mark == "==" {
            let name = format!("{area}/{}", rest.trim());
            if self.cases.iter().any(|case| case.name == name) {
                return Err(format!("`{name}` is there twice"));
            }
            let (acts, replies) = Default::default();
            self.cases.push(Case { name, frontend: "main".into(), acts, replies, probe: true });
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        let case = self.cases.last_mut().ok_or("no case begins before this")?;
        match mark {
            ">" => self.sending.extend(with_end(rest)?),
            "<" => {
                let reply = self.reply.get_or_insert_with(|| vec![Step::Body]);
                match reply.last_mut() {
                    Some(Step::Send(bytes)) => bytes.extend(with_end(rest)?),
                    _ => reply.push(Step::Send(with_end(rest)?)),
                }
            }
            "!" => match rest {
                "early" => self.reply = Some(Vec::new()),
                _ => self.reply.get_or_insert_with(|| vec![Step::Body]).push(step(rest)?),
            },
            _ => {
                let sent = std::mem::take(&mut self.sending);
                if !sent.is_empty() {
                    case.acts.push(Act::Send(sent));
                }
                case.direct(rest)?;
            }
        }
        Ok(())
    }

    /// The client sends, and reads one response.
    fn flush_sending(&mut self) {
        let sent = std::mem::take(&mut self.sending);
        if let Some(case) = self.cases.last_mut()
            && !sent.is_empty()
        {
            let bodiless = sent.starts_with(b"HEAD ");
            case.acts.push(Act::Send(sent));
            case.acts.push(Act::Await { count: 1, bodiless });
        }
    }

    fn flush_reply(&mut self) {
        if let (Some(case), Some(reply)) = (self.cases.last_mut(), self.reply.take()) {
            case.replies.push(reply);
        }
    }

    fn flush(&mut self) {
        self.flush_sending();
        self.flush_reply();
    }
}

impl Case {
    fn direct(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest) {
            ("to", name) => self.frontend = name.to_owned(),
            ("no", "probe") => self.probe = false,
            ("finish", "") => self.acts.push(Act::Finish),
            ("leave", "") => self.acts.push(Act::Leave),
            ("pause", time) => self.acts.push(Act::Pause(milliseconds(time)?)),
            ("await", "head") => self.acts.push(Act::Await { count: 1, bodiless: true }),
            ("await", "close") => self.acts.push(Act::AwaitClose),
            ("await", rest) => match rest.strip_prefix("text ") {
                Some(text) => self.acts.push(Act::AwaitText(escape::read(text)?)),
                None => {
                    let count = rest.parse().map_err(|_| format!("await {rest}?"))?;
                    self.acts.push(Act::Await { count, bodiless: false });
                }
            },
            _ => return Err(format!("`{line}` means nothing")),
        }
        Ok(())
    }
}

fn step(text: &str) -> Result<Step, String> {
    Ok(match text.split_once(' ').unwrap_or((text, "")) {
        ("body", "") => Step::Body,
        ("pause", time) => Step::Pause(milliseconds(time)?),
        ("close", "") => Step::Close,
        ("reset", "") => Step::Reset,
        ("hold", "") => Step::Hold,
        ("echo", "") => Step::Echo,
        _ => return Err(format!("`! {text}` means nothing")),
    })
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| format!("`{text}` is no number"))
}

/// A line's bytes: with CRLF, unless a backslash at its end says that it goes on.
fn with_end(line: &str) -> Result<Vec<u8>, String> {
    let slashes = line.len() - line.trim_end_matches('\\').len();
    match line.strip_suffix('\\') {
        Some(line) if slashes % 2 == 1 => escape::read(line),
        _ => Ok([escape::read(line)?, b"\r\n".to_vec()].concat()),
    }
}
