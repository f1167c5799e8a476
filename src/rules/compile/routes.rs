//! Where requests go: `use_backend`, `default_backend`, `use-server`, persistence, stickiness.

use super::lists::{Ends, unreachable};
use crate::config::args::{shown, shown_text};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Mode, Proxy, RuleLine, TableId};
use crate::config::report::Fault;
use crate::config::source::Span;
use crate::config::word::Word;
use crate::rules::compiler::{Compiler, Scope, Words};
use crate::rules::condition::{Acls, Condition};
use crate::rules::expr::Expr;
use crate::rules::format::{Format, Style, Use};
use crate::rules::program::{
    List, Persistence, ProxyProgram, Route, Rule, ServerChoice, Stick, StickKind,
};

/// Compiles what chooses backends and servers.
pub fn compile(
    proxy: &Proxy,
    program: &mut ProxyProgram,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) {
    let rules = &proxy.rules;
    let routes = each(&rules.use_backend, |line| route(line, proxy, acls, compiler));
    unreachable(&routes, compiler);
    program.routes = List::new(routes);
    program.default_backend = default_backend(proxy, compiler);
    program.servers =
        List::new(each(&rules.use_server, |line| server(line, proxy, acls, compiler)));
    program.persistence = List::new(each(&rules.persist, |line| persist(line, acls, compiler)));
    program.stickiness = List::new(each(&rules.stick, |line| stick(line, proxy, acls, compiler)));
}

fn each<A>(lines: &[RuleLine], compile: impl FnMut(&RuleLine) -> Option<Rule<A>>) -> Vec<Rule<A>> {
    lines.iter().filter_map(compile).collect()
}

impl Ends for Route {
    fn is_final(&self) -> bool {
        true
    }

    fn changes(&self) -> bool {
        false
    }
}

fn route(
    line: &RuleLine,
    proxy: &Proxy,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) -> Option<Rule<Route>> {
    let mut words = Words::new(&line.words, line.span);
    let name = name(&mut words, "the name of a backend", compiler)?;
    let place = "`use_backend` rules";
    let of = Use { style: Style::Text, scope: Scope::FRONT, place };
    let format = Format::parse(name, of, compiler);
    let condition = Condition::parse(&mut words, acls, Scope::FRONT, place, compiler);
    let format = format?;
    let action = match format.constant() {
        Some(text) => Route::Backend(backend(text, name, proxy, compiler)?),
        None => Route::Named(format),
    };
    Some(Rule { condition: condition?, action, span: line.span })
}

/// The first word, which must be there.
fn name<'w>(
    words: &mut Words<'w>,
    expected: &str,
    compiler: &mut Compiler<'_>,
) -> Option<&'w Word> {
    match words.take() {
        Some(word) if !word.is_empty() => Some(word),
        _ => {
            words.missing(expected, compiler.report);
            None
        }
    }
}

/// The backend of this name, if this proxy can send requests there.
fn backend(name: &str, word: &Word, proxy: &Proxy, compiler: &mut Compiler<'_>) -> Option<usize> {
    let plan = compiler.plan;
    let Some(index) = plan.backend(name) else {
        let near = did_you_mean(&nearest(name, plan.backends_by_name.keys().map(|it| &**it)));
        let message = format!("there is no backend `{}`", shown_text(name));
        let fault = compiler.report.error(word.span, message);
        fault.label("expected the name of a `backend` or `listen`");
        match plan.frontend(name).and_then(|index| plan.proxies.get(index)) {
            Some(frontend) => fault.also(frontend.span, "this one has no servers"),
            None => help(fault, near),
        };
        return None;
    };
    let target = plan.proxies.get(index)?;
    if target.span == proxy.span {
        compiler
            .report
            .error(word.span, format!("`{}` would send requests to itself", proxy.name))
            .label("expected another backend");
        return None;
    }
    fits(proxy, target, word.span, compiler).then_some(index)
}

/// Whether a frontend's mode goes with a backend's; HTTP may follow TCP, nothing else differs.
fn fits(proxy: &Proxy, target: &Proxy, span: Span, compiler: &mut Compiler<'_>) -> bool {
    let modes = (proxy.mode(), target.mode());
    if modes.0 == modes.1 || modes == (Mode::Tcp, Mode::Http) {
        return true;
    }
    let word = |mode| match mode {
        Mode::Tcp => "tcp",
        Mode::Http => "http",
        Mode::Log => "log",
    };
    let message = format!(
        "`{}` is in `mode {}`, the backend `{}` in `mode {}`",
        proxy.name,
        word(modes.0),
        target.name,
        word(modes.1)
    );
    let fault = compiler.report.error(span, message);
    fault.label("the modes do not fit");
    fault.also(target.mode.map_or(target.span, |mode| mode.span), "the backend's");
    fault.also(proxy.mode.map_or(proxy.span, |mode| mode.span), "the frontend's");
    false
}

fn help(fault: &mut Fault, text: Option<String>) -> &mut Fault {
    match text {
        Some(text) => fault.help(text),
        None => fault,
    }
}

/// That it exists is checked where names are resolved.
fn default_backend(proxy: &Proxy, compiler: &mut Compiler<'_>) -> Option<usize> {
    if !proxy.has_frontend() {
        return None;
    }
    let name = proxy.front.default_backend.as_ref()?;
    let index = compiler.plan.backend(&name.value)?;
    let target = compiler.plan.proxies.get(index)?;
    fits(proxy, target, name.span, compiler).then_some(index)
}

/// The condition that a line must have.
fn needed(
    words: &mut Words<'_>,
    acls: &mut Acls,
    scope: Scope,
    place: &str,
    compiler: &mut Compiler<'_>,
) -> Option<Condition> {
    if !words.at_condition() {
        match words.peek() {
            Some(word) => compiler
                .report
                .error(word.span, format!("unexpected `{}`", shown(word)))
                .label("expected `if` or `unless`, and a condition"),
            None => words.missing("`if` or `unless`, and a condition,", compiler.report),
        };
        return None;
    }
    Condition::parse(words, acls, scope, place, compiler)?
}

fn server(
    line: &RuleLine,
    proxy: &Proxy,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) -> Option<Rule<ServerChoice>> {
    let mut words = Words::new(&line.words, line.span);
    let name = name(&mut words, "the name of a server", compiler)?;
    let place = "`use-server` rules";
    let of = Use { style: Style::Text, scope: Scope::BACK, place };
    let format = Format::parse(name, of, compiler);
    let condition = needed(&mut words, acls, Scope::BACK, place, compiler);
    let format = format?;
    let action = match format.constant() {
        Some(text) => ServerChoice::Server(server_of(text, name, proxy, compiler)?),
        None => ServerChoice::Named(format),
    };
    Some(Rule { condition: Some(condition?), action, span: line.span })
}

fn server_of(name: &str, word: &Word, proxy: &Proxy, compiler: &mut Compiler<'_>) -> Option<usize> {
    let found = proxy.servers.iter().position(|server| *server.name.value == *name);
    if found.is_none() {
        let near = did_you_mean(&nearest(name, proxy.servers.iter().map(|it| &*it.name.value)));
        let message = format!("`{}` has no server `{}`", shown_text(&proxy.name), shown_text(name));
        let fault = compiler.report.error(word.span, message);
        fault.label("expected the name of a server of this section");
        help(fault, near);
    }
    found
}

fn persist(
    line: &RuleLine,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) -> Option<Rule<Persistence>> {
    let action = match line.keyword {
        "force-persist" => Persistence::Force,
        _ => Persistence::Ignore,
    };
    let mut words = Words::new(&line.words, line.span);
    let place = format!("`{}` rules", line.keyword);
    let condition = needed(&mut words, acls, Scope::BACK, &place, compiler)?;
    Some(Rule { condition: Some(condition), action, span: line.span })
}

fn stick(
    line: &RuleLine,
    proxy: &Proxy,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) -> Option<Rule<Stick>> {
    let (kind, scope) = match line.keyword {
        "stick match" => (StickKind::Match, Scope::BACK),
        "stick store-request" => (StickKind::StoreRequest, Scope::BACK),
        "stick store-response" => (StickKind::StoreResponse, Scope::RESPONSE),
        _ => (StickKind::On, Scope::BACK),
    };
    let mut words = Words::new(&line.words, line.span);
    let place = format!("`{}` rules", line.keyword);
    let key = Expr::parse(&mut words, compiler)?;
    let known = key.check_scope(scope, &place, compiler.report);
    let table = match words.flag("table") {
        true => table(words.word("the name of a table", compiler)?, compiler),
        false => own_table(line, proxy, compiler),
    };
    let condition = Condition::parse(&mut words, acls, scope, &place, compiler)?;
    let by_source = key.fetch.name == "src" && key.steps.is_empty();
    let action = Stick { kind, key, by_source, table: table.filter(|_| known)? };
    Some(Rule { condition, action, span: line.span })
}

/// The table that `word` names.
fn table(word: &Word, compiler: &mut Compiler<'_>) -> Option<TableId> {
    let plan = compiler.plan;
    let found = plan.table(word);
    if found.is_none() {
        let names = plan.table_names();
        let near = did_you_mean(&nearest(word, names.iter().map(String::as_str)));
        let message = format!("there is no stick table `{}`", shown(word));
        let fault = compiler.report.error(word.span, message);
        fault.label("expected the name of a section that has a `stick-table`");
        help(fault, near);
    }
    found
}

fn own_table(line: &RuleLine, proxy: &Proxy, compiler: &mut Compiler<'_>) -> Option<TableId> {
    let own = compiler.plan.own_table(proxy);
    if own.is_none() {
        compiler
            .report
            .error(line.span, format!("`{}` has no stick table", proxy.name))
            .label("nowhere to keep this")
            .help("add a `stick-table` line, or name another section's by `table`");
    }
    own
}
