//! Log formats: any bytes parse or have faults, every span lies in the word, and what parses can be
//! written for a request, for nothing at all and as a log line; HTTP never gets a line break.
#![no_main]

use koi::config::plan::Plan;
use koi::config::report::Report;
use koi::config::source::{MemoryFiles, Sources, Span};
use koi::config::word::Word;
use koi::proto::head::{Field, Head, Piece, Start, Version};
use koi::rules::compiler::{Compiler, Scope};
use koi::rules::context::{
    Connection, Context, Counters, Exchange, Moment, ProcessFacts, Rate, RequestLine, Variables,
};
use koi::rules::format::{Format, Part, Style, Use};
use koi::stick::Local;

const BASE: &[u8] = b"GET/a/b?x=1&y=%41Hostex.example:80Cookiea=1; b=\"2]\"";

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let style = match choice % 3 {
        0 => Style::Http,
        1 => Style::Text,
        _ => Style::Log,
    };
    let scope = if style == Style::Log { Scope::ALL } else { Scope::REQUEST };
    let mut sources = Sources::default();
    let Some(file) = sources.add("fuzz", text.to_string()) else { return };
    let span = Span { file, start: 0, end: text.len() as u32 };
    let word = Word { text: (&*text).into(), span, verbatim: true };
    let plan = Plan { sources, ..Plan::default() };
    let (mut report, files) = (Report::default(), MemoryFiles::default());
    let mut compiler = Compiler {
        plan: &plan,
        proxy: None,
        report: &mut report,
        files: &files,
        lists: &Default::default(),
    };
    let format = Format::parse(&word, Use { style, scope, place: "a test" }, &mut compiler);
    assert_eq!(format.is_none(), report.failed(), "{:?}", report.faults);
    for place in report.faults.iter().filter_map(|fault| fault.span) {
        assert!(place.start <= place.end && place.end <= span.end, "{place:?}");
        assert!(text.is_char_boundary(place.start as usize), "{place:?}");
        assert!(text.is_char_boundary(place.end as usize), "{place:?}");
    }
    if let Some(format) = format {
        write(&format, &plan, style);
    }
});

/// Evaluates with a request and without one.
fn write(format: &Format, plan: &Plan, style: Style) {
    let constant: usize = format
        .parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.matches(['\n', '\r']).count(),
            Part::Item(_) => 0,
        })
        .sum();
    let connection = Connection {
        source: "192.0.2.1:40000".parse().expect("an address"),
        destination: "[2001:db8::1]:443".parse().expect("an address"),
        tls: None,
        frontend: 0,
        bind: 0,
        accepted_us: 1_700_000_000_123_456,
        serial: 1,
        http_major: 1,
        proxy_protocol: None,
    };
    let field = |name: (usize, usize), value: (usize, usize)| Field {
        name: Piece::base(name.0, name.1),
        value: Piece::base(value.0, value.1),
    };
    let start = Start::Request { method: Piece::base(0, 3), target: Piece::base(3, 17) };
    let fields = vec![field((17, 21), (21, 34)), field((34, 40), (40, BASE.len()))];
    let head = Head::new(start, Version::Http11, fields);
    let line = RequestLine::new(b"GET", b"/\x01\"#\xff?\r\n", "1.1");
    let captured: Option<Box<[u8]>> = Some(b"x\"]|".as_slice().into());
    let exchange = Exchange {
        line: Some(line),
        request_captures: vec![captured, None],
        ..Exchange::default()
    };
    let (variables, process) = (Variables::default(), ProcessFacts::default());
    let tables = Local::default();
    for request in [None, Some(head.view(BASE))] {
        let context = Context {
            connection: &connection,
            request,
            response: None,
            exchange: &exchange,
            server_connection: None,
            proxy: 0,
            backend: None,
            server: None,
            variables: &variables,
            counters: &Nothing,
            tables: &tables,
            moment: Moment { unix_us: 1_700_000_000_123_456, random: 7 },
            process: &process,
            plan,
        };
        let bytes = format.bytes(&context);
        if style == Style::Http {
            let breaks = bytes.iter().filter(|byte| b"\r\n".contains(byte)).count();
            assert!(breaks <= constant, "a value brought a line break");
        }
        assert!(format.constant().is_none_or(|text| text.as_bytes() == &*bytes));
    }
}

/// Counters that are all zero.
struct Nothing;

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
