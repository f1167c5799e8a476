//! A small world for tests: a request as text, and expressions as text evaluated against it.
//!
//! ```ignore
//! let world = World::request("GET /a?b=1 HTTP/1.1\nHost: x\n").from("192.0.2.7:5000");
//! assert_eq!(world.text("path,lower").as_deref(), Some("/a"));
//! ```

use std::ops::ControlFlow;

use super::compiler::{Compiler, Words};
use super::context::{
    Connection, Context, Counters, Exchange, Moment, ProcessFacts, Rate, RequestLine,
    ServerConnection, TlsFacts, Variables,
};
use super::expr::Expr;
use super::value::Value;
use crate::config::environment::Environment;
use crate::config::plan::Plan;
use crate::config::read::read;
use crate::config::report::Report;
use crate::config::source::{MemoryFiles, Span};
use crate::config::tokenize::tokenize;
use crate::config::word::Word;
use crate::proto::head::{Field, Head, Piece, Start, Version, View};
use crate::stick::Local;

/// A head and the text it was cut from.
#[derive(Clone, Debug)]
pub struct Message {
    base: Vec<u8>,
    /// The head, to edit.
    pub head: Head,
}

impl Message {
    /// Cuts `METHOD TARGET VERSION` or `VERSION STATUS REASON` and `Name: value` lines.
    pub fn parse(text: &str) -> Message {
        let place = |part: &str| {
            let start = part.as_ptr() as usize - text.as_ptr() as usize;
            Piece::base(start, start + part.len())
        };
        let mut lines = text.lines();
        let first = lines.next().expect("a start line");
        let words: Vec<&str> = first.splitn(3, ' ').collect();
        let version = |text: &str| match text {
            "HTTP/1.0" => Version::Http10,
            "HTTP/2.0" | "HTTP/2" => Version::Http2,
            _ => Version::Http11,
        };
        let (start, version) = match words[..] {
            [protocol, status, ref rest @ ..] if protocol.starts_with("HTTP/") => {
                let reason = place(rest.first().copied().unwrap_or(&first[first.len()..]));
                let status = status.parse().expect("a status");
                (Start::Response { status, reason }, version(protocol))
            }
            [method, target, ref rest @ ..] => {
                let start = Start::Request { method: place(method), target: place(target) };
                (start, version(rest.first().copied().unwrap_or("HTTP/1.1")))
            }
            _ => panic!("no start line: {first}"),
        };
        let fields = lines.filter(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(':').expect("a colon");
            Field { name: place(name), value: place(value.trim()) }
        });
        let head = Head::new(start, version, fields.collect());
        Message { head, base: text.as_bytes().to_vec() }
    }

    /// To read.
    pub fn view(&self) -> View<'_> {
        self.head.view(&self.base)
    }
}

/// Counters that never move.
pub struct Still;

impl Counters for Still {
    fn servers_up(&self, _: usize) -> i64 {
        2
    }

    fn backend_connections(&self, _: usize) -> i64 {
        5
    }

    fn frontend_connections(&self, _: usize) -> i64 {
        7
    }

    fn queue(&self, _: usize) -> i64 {
        3
    }

    fn server_up(&self, _: usize, server: usize) -> bool {
        server == 0
    }

    fn server_connections(&self, _: usize, _: usize) -> i64 {
        4
    }

    fn server_queue(&self, _: usize, _: usize) -> i64 {
        1
    }

    fn connections(&self) -> i64 {
        11
    }

    fn bind_connections(&self, _: usize, _: usize) -> i64 {
        6
    }

    fn rate(&self, _: Rate) -> i64 {
        9
    }

    fn stopping(&self) -> bool {
        false
    }
}

/// Everything a [`Context`] borrows from. The fields are there to be changed.
pub struct World {
    /// Empty unless [`World::plan`] read one.
    pub plan: Plan,
    /// From 192.0.2.1:40000 to 198.51.100.1:80.
    pub connection: Connection,
    /// The request, while it is there.
    pub request: Option<Message>,
    /// The response, once it is there.
    pub response: Option<Message>,
    /// What outlives them.
    pub exchange: Exchange,
    /// The connection to the server.
    pub server_connection: Option<ServerConnection>,
    /// The proxy whose rules run.
    pub proxy: usize,
    /// The backend chosen.
    pub backend: Option<usize>,
    /// The server chosen.
    pub server: Option<usize>,
    /// Variables.
    pub variables: Variables,
    /// No stick tables.
    pub tables: Local,
    /// 2023-11-14 22:13:20.123456 UTC, and a fixed number.
    pub moment: Moment,
    /// The process.
    pub process: ProcessFacts,
    /// Files that maps and ACLs read.
    pub files: MemoryFiles,
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

impl World {
    /// A connection over which nothing has come.
    pub fn new() -> World {
        World {
            plan: Plan::default(),
            connection: Connection {
                source: "192.0.2.1:40000".parse().expect("an address"),
                destination: "198.51.100.1:80".parse().expect("an address"),
                tls: None,
                frontend: 0,
                bind: 0,
                accepted_us: 1_700_000_000_000_000,
                serial: 1,
                http_major: 1,
                proxy_protocol: None,
            },
            request: None,
            response: None,
            exchange: Exchange::default(),
            server_connection: None,
            proxy: 0,
            backend: None,
            server: None,
            variables: Variables::default(),
            tables: Local::default(),
            moment: Moment { unix_us: 1_700_000_000_123_456, random: 0x0123_4567_89ab_cdef },
            process: ProcessFacts {
                hostname: "proxy1".into(),
                pid: 4711,
                started_us: 1_699_999_000_000_000,
                worker: 1,
            },
            files: MemoryFiles::default(),
        }
    }

    /// A request has come: start line and fields, one a line.
    pub fn request(text: &str) -> World {
        let message = Message::parse(text);
        let view = message.view();
        let line = RequestLine::new(view.method(), view.target(), message.head.version.number());
        let exchange = Exchange { line: Some(line), ..Exchange::default() };
        World { exchange, request: Some(message), ..World::new() }
    }

    /// The request was sent, and this response has come.
    pub fn response(mut self, text: &str) -> World {
        let message = Message::parse(text);
        self.exchange.server_status = Some(message.view().status());
        self.exchange.response_version = Some(message.head.version.number());
        self.request = None;
        self.response = Some(message);
        self
    }

    /// The client is `address:port`.
    pub fn from(mut self, source: &str) -> World {
        self.connection.source = source.parse().expect("an address");
        self
    }

    /// The connection has TLS.
    pub fn tls(mut self, facts: TlsFacts) -> World {
        self.connection.tls = Some(facts);
        self
    }

    /// Reads a configuration, which must have no error.
    pub fn plan(mut self, text: &str) -> World {
        let mut files = self.files.clone();
        files.0.insert("test.cfg".into(), text.into());
        let mut report = Report::default();
        let mut environment = Environment::default();
        self.plan = read(&["test.cfg".into()], &files, &mut environment, &mut report);
        assert!(!report.failed(), "{:?}", report.faults);
        self
    }

    /// What expressions see.
    pub fn context(&self) -> Context<'_> {
        Context {
            connection: &self.connection,
            request: self.request.as_ref().map(Message::view),
            response: self.response.as_ref().map(Message::view),
            exchange: &self.exchange,
            server_connection: self.server_connection.as_ref(),
            proxy: self.proxy,
            backend: self.backend,
            server: self.server,
            variables: &self.variables,
            counters: &Still,
            tables: &self.tables,
            moment: self.moment,
            process: &self.process,
            plan: &self.plan,
        }
    }

    /// Compiles something of the words of `text`, as the proxy's rules would.
    pub fn compile<T>(
        &self,
        text: &str,
        parse: impl FnOnce(&mut Words<'_>, &mut Compiler<'_>) -> T,
    ) -> (T, Report) {
        let words = words(text);
        let mut report = Report::default();
        let mut compiler = Compiler {
            plan: &self.plan,
            proxy: self.plan.proxies.get(self.proxy),
            report: &mut report,
            files: &self.files,
            lists: &Default::default(),
        };
        let mut cursor = Words::new(&words, Span::default());
        let done = parse(&mut cursor, &mut compiler);
        (done, report)
    }

    /// The expression; its faults fail the test.
    pub fn expr(&self, text: &str) -> Expr {
        let (expr, report) = self.compile(text, Expr::parse);
        expr.unwrap_or_else(|| panic!("{text}: {:?}", report.faults))
    }

    /// The messages of the faults that the expression has.
    pub fn faults(&self, text: &str) -> Vec<String> {
        let (_, report) = self.compile(text, Expr::parse);
        report.faults.into_iter().map(|fault| fault.message).collect()
    }

    /// The sample: the last of several.
    pub fn value(&self, text: &str) -> Option<Value<'static>> {
        self.expr(text).last(&self.context()).map(Value::into_owned)
    }

    /// The sample as text.
    pub fn text(&self, text: &str) -> Option<String> {
        let bytes = self.value(text)?.into_text().into_owned();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Every sample as text, as an ACL sees them.
    pub fn texts(&self, text: &str) -> Vec<String> {
        let mut all = Vec::new();
        self.expr(text).each(&self.context(), &mut |value| {
            all.push(String::from_utf8_lossy(&value.into_text()).into_owned());
            ControlFlow::Continue(())
        });
        all
    }
}

/// Words as the reader cuts them; quotes and escapes must be right.
pub fn words(text: &str) -> Vec<Word> {
    let tokens = tokenize(text, |_: &str| None).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    tokens.into_iter().map(|token| Word::synthetic(&token.text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_through_expressions() {
        let world = World::request("GET /a HTTP/1.1\nHost: X.example\nAccept: a, b\n")
            .from("[::ffff:192.0.2.7]:5000");
        assert_eq!(world.text("hdr(host),lower").as_deref(), Some("x.example"));
        assert_eq!(world.texts("hdr(accept)"), ["a", "b"]);
        assert_eq!(world.text("src").as_deref(), Some("192.0.2.7"));
        assert_eq!(world.faults("hdr(a"), ["this parenthesis is never closed"]);
    }
}
