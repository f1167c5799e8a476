//! `koi explain`: what a configuration does with a request that somebody describes.
//!
//! In: `-f FILE... [options] 'GET https://www.example.net/ from 192.0.2.1'`. Out: a [`Question`], or
//! what is wrong with the description, with a caret under it.

use std::net::IpAddr;

use super::options::USAGE;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::render::{self, Style};
use crate::config::report::Report;
use crate::config::source::{FileId, Sources, Span};

mod ask;
pub mod phrase;

use phrase::{Method, Target, Version};

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// `-f`: the configuration.
    pub paths: Vec<String>,
    /// `--frontend`: where the request arrives; else the only one, or what `to` fits.
    pub frontend: Option<String>,
    /// The request's method.
    pub method: Method,
    /// What it asks for.
    pub target: Target,
    /// The version it is written in.
    pub version: Version,
    /// Its headers in order, `Host` from the target included.
    pub headers: Vec<(String, String)>,
    /// Where it comes from.
    pub from: Option<Endpoint>,
    /// Which address of ours it was sent to.
    pub to: Option<Endpoint>,
    /// The TLS of the client's connection; `None` in the clear.
    pub tls: Option<Tls>,
    /// What the server answers, for the rules that look at responses.
    pub response: Option<Response>,
}

/// An address and perhaps a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port, if one was given.
    pub port: Option<u16>,
}

/// What is known of a client's TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The name it asked for (`--sni`; else the target's host name).
    pub sni: Option<String>,
    /// `--tls-version`: `TLSv1.3`.
    pub version: Option<String>,
    /// `--tls-cipher`: `TLS_AES_128_GCM_SHA256`.
    pub cipher: Option<String>,
    /// `--alpn`: `h2`.
    pub alpn: Option<String>,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status, from 100 to 999.
    pub status: u16,
    /// Its headers in order.
    pub headers: Vec<(String, String)>,
}

const OPTIONS: &[&str] = &[
    "-f",
    "-H",
    "--frontend",
    "--tls",
    "--sni",
    "--tls-version",
    "--tls-cipher",
    "--alpn",
    "--response",
    "--response-header",
];

/// Answers `koi explain WORDS`.
///
/// # Errors
/// What is wrong with the words, or with the configuration.
pub fn run(words: &[String]) -> Result<String, String> {
    ask::answer(&Question::parse(words)?)
}

/// The words of the command line, sorted.
#[derive(Default)]
struct Given {
    question: Question,
    phrase: Vec<String>,
    tls: bool,
    facts: Tls,
    status: Option<u16>,
    response_headers: Vec<(String, String)>,
}

impl Question {
    /// Reads the words behind `koi explain`.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub fn parse(words: &[String]) -> Result<Question, String> {
        let mut given = Given::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                let value = words.next().map(String::as_str);
                value.ok_or_else(|| format!("explain: `{word}` needs a value behind it"))
            };
            match word.as_str() {
                "-f" => given.question.paths.push(value()?.to_owned()),
                "-H" => given.question.headers.push(header("-H", value()?)?),
                "--frontend" => given.question.frontend = Some(value()?.to_owned()),
                "--tls" => given.tls = true,
                "--sni" => given.facts.sni = Some(value()?.to_owned()),
                "--tls-version" => given.facts.version = Some(value()?.to_owned()),
                "--tls-cipher" => given.facts.cipher = Some(value()?.to_owned()),
                "--alpn" => given.facts.alpn = Some(value()?.to_owned()),
                "--response" => given.status = Some(status(value()?)?),
                "--response-header" => {
                    given.response_headers.push(header("--response-header", value()?)?);
                }
                option if option.starts_with('-') => return Err(unknown(option)),
                _ => given.phrase.push(word.clone()),
            }
        }
        given.finish()
    }
}

impl Given {
    fn finish(mut self) -> Result<Question, String> {
        if self.phrase.is_empty() {
            return Err(format!("explain: what request?\n\n{USAGE}"));
        }
        if self.question.paths.is_empty() {
            return Err("explain: which configuration? Name it by -f FILE".to_owned());
        }
        let phrase = self.phrase.join(" ");
        let request = phrase::parse(&phrase).map_err(|fault| fault.shown(&phrase))?;
        let question = &mut self.question;
        (question.method, question.version) = (request.method, request.version);
        (question.from, question.to) = (request.from, request.to);
        let host = match &request.target {
            Target::Absolute { authority, .. } => Some(authority.clone()),
            _ => None,
        };
        let named = |(name, _): &(String, String)| name.eq_ignore_ascii_case("host");
        if let (Some(host), false) = (&host, question.headers.iter().any(named)) {
            question.headers.insert(0, ("Host".to_owned(), host.clone()));
        }
        let https = matches!(&request.target, Target::Absolute { https: true, .. });
        question.target = request.target;
        if https || self.tls || self.facts != Tls::default() {
            let name = || host.as_deref().map(phrase::host_name).map(str::to_owned);
            // An address is never a server name (RFC 6066 §3).
            let name = || name().filter(|name| name.parse::<IpAddr>().is_err());
            let sni = self.facts.sni.take().or_else(name);
            question.tls = Some(Tls { sni, ..self.facts });
        }
        if !self.response_headers.is_empty() || self.status.is_some() {
            let status = self.status.unwrap_or(200);
            question.response = Some(Response { status, headers: self.response_headers });
        }
        Ok(self.question)
    }
}

fn unknown(option: &str) -> String {
    let near = did_you_mean(&nearest(option, OPTIONS.iter().copied()));
    let help = near.unwrap_or_else(|| format!("there are: {}", OPTIONS.join(" ")));
    format!("explain: there is no option `{option}`; {help}")
}

/// `Name: value` (RFC 9110 §5.1, §5.5).
fn header(option: &str, text: &str) -> Result<(String, String), String> {
    let wrong = |why: &str| Err(format!("explain: {option} '{text}': {why}"));
    let Some((name, value)) = text.split_once(':') else {
        return wrong("a header is written 'Name: value'");
    };
    let value = value.trim_matches([' ', '\t']);
    match () {
        () if name.is_empty() => wrong("the name is missing before the colon"),
        () if !name.bytes().all(phrase::is_token) => {
            wrong("a header's name has letters, digits and !#$%&'*+-.^_`|~ only")
        }
        () if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) => {
            wrong("a header's value has no line ends")
        }
        () => Ok((name.to_owned(), value.to_owned())),
    }
}

fn status(text: &str) -> Result<u16, String> {
    let status = text.parse().ok().filter(|status| (100..=999).contains(status));
    status.ok_or_else(|| format!("explain: --response {text}: a status from 100 to 999 is needed"))
}

impl phrase::Fault {
    /// The fault with the phrase and a caret.
    fn shown(&self, phrase: &str) -> String {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let file: FileId = sources.add("request", format!("{phrase}\n")).unwrap_or_default();
        let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let span = Span { file, start: at(self.range.start), end: at(self.range.end) };
        let fault = report.error(span, &*self.message);
        fault.label(self.label);
        fault.help(phrase::FORM);
        let style = Style { colour: false, errors_only: true };
        format!("explain:\n{}", render::report(&report, &sources, style).trim_end())
    }
}
