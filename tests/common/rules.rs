//! Conditions compiled from a configuration's text, and requests to evaluate them against. Tests, benches
//! and fuzz targets use it.

use std::net::IpAddr;

use koi::config::environment::Environment;
use koi::config::plan::Plan;
use koi::config::read::read;
use koi::config::report::Report;
use koi::config::source::MemoryFiles;
use koi::proto::head::{Field, Head, Piece, Start, Version};
use koi::rules::compiler::{Compiler, Scope, Words};
use koi::rules::condition::{Acls, Condition};
use koi::rules::context::{
    Connection, Context, Counters, Exchange, Moment, ProcessFacts, Rate, TlsFacts, Variables,
};
use koi::stick::Local;

/// The conditions of the `use_backend` lines of the first proxy, and what was said of them.
pub struct Compiled {
    pub plan: Plan,
    pub conditions: Vec<Option<Condition>>,
    pub report: Report,
}

/// Reads `text` as the inside of a frontend. A faulty condition is left out.
pub fn compile(text: &str, mut files: MemoryFiles) -> Compiled {
    files.0.insert("rules.cfg".into(), format!("frontend f\n{text}\n").into());
    let mut report = Report::default();
    let plan = read(&["rules.cfg".into()], &files, &mut Environment::default(), &mut report);
    let mut conditions = Vec::new();
    if let Some(proxy) = plan.proxies.first() {
        let mut compiler = Compiler {
            plan: &plan,
            proxy: Some(proxy),
            report: &mut report,
            files: &files,
            lists: &Default::default(),
        };
        let mut acls = Acls::compile(&mut compiler);
        for rule in &proxy.rules.use_backend {
            let words = rule.words.get(1..).unwrap_or_default();
            let mut words = Words::new(words, rule.span);
            let place = "a rule for requests";
            conditions.extend(Condition::parse(
                &mut words,
                &mut acls,
                Scope::FRONT,
                place,
                &mut compiler,
            ));
        }
    }
    Compiled { plan, conditions, report }
}

/// A request and the connection it came over.
pub struct World {
    base: Vec<u8>,
    head: Head,
    connection: Connection,
    pub exchange: Exchange,
    variables: Variables,
    tables: Local,
    process: ProcessFacts,
}

impl World {
    pub fn new(target: &str, fields: &[(&str, &str)], source: IpAddr, tls: bool) -> World {
        let mut base = Vec::new();
        let mut put = |text: &str| {
            let start = base.len();
            base.extend_from_slice(text.as_bytes());
            Piece::base(start, base.len())
        };
        let start = Start::Request { method: put("GET"), target: put(target) };
        let fields =
            fields.iter().map(|(name, value)| Field { name: put(name), value: put(value) });
        let fields = fields.collect();
        World {
            head: Head::new(start, Version::Http11, fields),
            base,
            connection: Connection {
                source: (source, 40_000).into(),
                destination: ([198, 51, 100, 1], 80).into(),
                tls: tls.then(TlsFacts::default),
                frontend: 0,
                bind: 0,
                accepted_us: 1_700_000_000_000_000,
                serial: 1,
                http_major: 1,
                proxy_protocol: None,
            },
            exchange: Exchange::default(),
            variables: Variables::default(),
            tables: Local::default(),
            process: ProcessFacts::default(),
        }
    }

    pub fn context<'a>(&'a self, plan: &'a Plan) -> Context<'a> {
        Context {
            connection: &self.connection,
            request: Some(self.head.view(&self.base)),
            response: None,
            exchange: &self.exchange,
            server_connection: None,
            proxy: 0,
            backend: None,
            server: None,
            variables: &self.variables,
            counters: &Nothing,
            tables: &self.tables,
            moment: Moment { unix_us: 1_700_000_000_123_456, random: 7 },
            process: &self.process,
            plan,
        }
    }
}

/// Counters that stand at zero.
pub struct Nothing;

impl Counters for Nothing {
    fn servers_up(&self, _: usize) -> i64 {
        0
    }

    fn backend_connections(&self, _: usize) -> i64 {
        0
    }

    fn frontend_connections(&self, _: usize) -> i64 {
        0
    }

    fn queue(&self, _: usize) -> i64 {
        0
    }

    fn server_up(&self, _: usize, _: usize) -> bool {
        false
    }

    fn server_connections(&self, _: usize, _: usize) -> i64 {
        0
    }

    fn server_queue(&self, _: usize, _: usize) -> i64 {
        0
    }

    fn connections(&self) -> i64 {
        0
    }

    fn bind_connections(&self, _: usize, _: usize) -> i64 {
        0
    }

    fn rate(&self, _: Rate) -> i64 {
        0
    }

    fn stopping(&self) -> bool {
        false
    }
}
