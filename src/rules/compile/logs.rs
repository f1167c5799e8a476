//! The formats of a frontend's log lines: its own, or one of those that have a name.

use crate::config::environment::{HTTP_LOG_FORMAT, HTTPS_LOG_FORMAT, TCP_LOG_FORMAT};
use crate::config::plan::{Given, LogFormat, Mode, Proxy};
use crate::config::report::Report;
use crate::config::word::Word;
use crate::rules::compiler::{Compiler, Scope};
use crate::rules::format::{Format, Item, Source, Style, Use};
use crate::rules::program::{Compiled, LogFormats, ProxyProgram};

/// `option httplog clf` (§8.2.3).
const COMMON: &str = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc \
                      %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";

/// Without any format (§8.2.1).
const SHORT_HTTP: &str = "Connect from %ci:%cp to %fi:%fp (%f/HTTP)";
const SHORT_TCP: &str = "Connect from %ci:%cp to %fi:%fp (%f/TCP)";

/// Finds or makes them; the frontend's own are compiled already.
pub fn compile(proxy: &Proxy, program: &mut ProxyProgram, compiler: &mut Compiler<'_>) {
    if !proxy.has_frontend() {
        return;
    }
    let logging = &proxy.logging;
    let line = match logging.format.map(|given| given.value) {
        Some(LogFormat::Custom(index)) => own(program, Some(index)),
        Some(LogFormat::Tcp) => named(TCP_LOG_FORMAT, compiler),
        Some(LogFormat::Http) => named(HTTP_LOG_FORMAT, compiler),
        Some(LogFormat::Https) => named(HTTPS_LOG_FORMAT, compiler),
        Some(LogFormat::CommonLog) => named(COMMON, compiler),
        None if proxy.mode() == Mode::Http => named(SHORT_HTTP, compiler),
        None => named(SHORT_TCP, compiler),
    };
    let index = |given: Option<Given<usize>>| given.map(|given| given.value);
    let error = own(program, index(logging.error_format));
    let structured = own(program, index(logging.structured_data));
    let counts = |item: &Item| matches!(&item.source, Source::Alias(alias) if alias.name == "lc");
    let counted = line.as_ref().is_some_and(|line| line.items().any(counts));
    program.log = LogFormats { line, counted, error, structured };
}

fn own(program: &ProxyProgram, index: Option<usize>) -> Option<Format> {
    match program.formats.get(index?)? {
        Some(Compiled::Format(format)) => Some(format.clone()),
        _ => None,
    }
}

/// Whatever a named format asks for that is not there is no fault of the configuration's.
fn named(text: &str, compiler: &Compiler<'_>) -> Option<Format> {
    let word = Word { verbatim: true, ..Word::synthetic(text) };
    let of = Use { style: Style::Log, scope: Scope::LOG, place: "log lines" };
    let mut report = Report::default();
    let mut compiler = Compiler {
        plan: compiler.plan,
        proxy: compiler.proxy,
        report: &mut report,
        files: compiler.files,
        lists: compiler.lists,
    };
    Format::parse(&word, of, &mut compiler)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::World;

    #[test]
    fn every_named_format_is_one() {
        let world = World::new().plan("frontend f\n");
        let of_options = [TCP_LOG_FORMAT, HTTP_LOG_FORMAT, HTTPS_LOG_FORMAT, COMMON];
        for text in of_options.into_iter().chain([SHORT_HTTP, SHORT_TCP]) {
            let (format, _) = world.compile("", |_, compiler| named(text, compiler));
            assert!(format.is_some(), "{text}");
        }
    }
}
