//! A configuration whose rules do to a message what its own fields say: `X-Path: %0d%0a` is a path that
//! the client chose, decoded by a rule. So the bytes that rules bring are as arbitrary as the input.

use super::rules::Nothing;
use koi::config::environment::Environment;
use koi::config::plan::Plan;
use koi::config::read::read;
use koi::config::report::Report;
use koi::config::source::MemoryFiles;
use koi::rules::compile::compile;
use koi::rules::context::{Connection, Exchange, Moment, ProcessFacts, RequestLine, Variables};
use koi::rules::program::Program;
use koi::rules::walk::{Effects, Message, Walk};
use koi::stick::Local;
use std::fmt::Write;
use std::sync::OnceLock;

/// The field that has it done and the action, for requests. `@` is what the field says, decoded.
const REQUEST: &[(&str, &str)] = &[
    ("x-redirect", "redirect location @"),
    ("x-return", "return status 200 content-type text/plain hdr X-Returned @ lf-string @"),
    ("x-deny", "deny status 403 hdr X-Denied @"),
    ("x-method", "set-method @"),
    ("x-uri", "set-uri @"),
    ("x-path", "set-path @"),
    ("x-pathq", "set-pathq @"),
    ("x-query", "set-query @"),
    ("x-replace", "replace-uri ^(.*)/(.*)$ \\\\1/@\\\\2"),
    ("x-normal", "normalize-uri path-merge-slashes"),
    ("x-dots", "normalize-uri path-strip-dotdot full"),
    ("x-host", "set-header Host @"),
    ("x-set", "set-header X-Set @"),
    ("x-add", "add-header X-Add @"),
    ("x-length", "set-header Content-Length @"),
    ("x-coding", "add-header Transfer-Encoding @"),
    ("x-connection", "add-header Connection @"),
    ("x-upgrade", "set-header Upgrade @"),
    ("x-value", "replace-value X-Set , @"),
    ("x-line", "replace-header Cookie (.*) @\\\\1"),
    ("x-del", "del-header x- -m beg"),
];

/// The same for responses.
const RESPONSE: &[(&str, &str)] = &[
    ("x-set", "set-header X-Set @"),
    ("x-add", "add-header Set-Cookie @"),
    ("x-length", "set-header Content-Length @"),
    ("x-coding", "add-header Transfer-Encoding @"),
    ("x-connection", "set-header Connection @"),
    ("x-line", "replace-header Location (.*) @\\\\1"),
    ("x-204", "set-status 204"),
    ("x-304", "set-status 304"),
    ("x-200", "set-status 200"),
    ("x-del", "del-header x- -m beg"),
];

/// The configuration, ready.
pub struct Site {
    plan: Plan,
    program: Program,
    connection: Connection,
    process: ProcessFacts,
}

impl Site {
    pub fn get() -> &'static Site {
        static SITE: OnceLock<Site> = OnceLock::new();
        SITE.get_or_init(Site::read)
    }

    fn read() -> Site {
        let mut files = MemoryFiles::default();
        files.0.insert("t.cfg".into(), text().into());
        let mut report = Report::default();
        let plan = read(&["t.cfg".into()], &files, &mut Environment::default(), &mut report);
        let program = compile(&plan, &files, &mut report);
        assert!(!report.failed(), "{:?}", report.faults);
        let connection = Connection {
            source: "192.0.2.1:40000".parse().expect("an address"),
            destination: "[2001:db8::1]:80".parse().expect("an address"),
            tls: None,
            frontend: 0,
            bind: 0,
            accepted_us: 1_700_000_000_000_000,
            serial: 1,
            http_major: 1,
            proxy_protocol: None,
        };
        Site { plan, program, connection, process: ProcessFacts::default() }
    }

    /// An exchange whose request's head, prepared, is this.
    pub fn walk<'a>(
        &'a self,
        variables: &'a Variables,
        tables: &'a Local,
        request: Message<'a>,
    ) -> Walk<'a> {
        let view = request.view();
        let version = request.head.version.number();
        let line = RequestLine::new(view.method(), view.target(), version);
        Walk {
            plan: &self.plan,
            program: &self.program,
            connection: &self.connection,
            counters: &Nothing,
            tables,
            moment: Moment { unix_us: 1_700_000_000_123_456, random: 7 },
            process: &self.process,
            variables,
            request: Some(request),
            response: None,
            exchange: Exchange { line: Some(line), ..Exchange::default() },
            server_connection: None,
            proxy: 0,
            backend: None,
            server: None,
            effects: Effects::default(),
        }
    }
}

fn text() -> String {
    let mut text = String::from(
        "global\n expose-experimental-directives\ndefaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n\
         frontend f\n bind :80\n default_backend b\n unique-id-header X-Unique\n \
         unique-id-format %[req.hdr(x-id),url_dec]\n",
    );
    for (kind, fetch, rules) in [("request", "req", REQUEST), ("response", "res", RESPONSE)] {
        for (field, action) in rules {
            let said = format!("%[{fetch}.hdr({field}),url_dec]");
            let action = action.replace('@', &said);
            let _ = writeln!(text, " http-{kind} {action} if {{ {fetch}.hdr({field}) -m found }}");
        }
    }
    text + "backend b\n option forwardfor if-none\n server s 192.0.2.9:80\n"
}
