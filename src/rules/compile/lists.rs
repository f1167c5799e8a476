//! `http-request` and its relatives, and `redirect`.

use crate::config::advice;
use crate::config::keyword::Status;
use crate::config::plan::{Mode, Proxy, RuleLine};
use crate::config::section::Section;
use crate::rules::action::line::Line;
use crate::rules::action::redirect::{self, Redirect};
use crate::rules::action::verdict::Verdict;
use crate::rules::action::{self, Action, ActionEntry, Ruleset, Rulesets};
use crate::rules::compiler::{Compiler, Words};
use crate::rules::condition::{Acls, Condition};
use crate::rules::program::{List, ProxyProgram, Rule};

/// Compiles the lists of a proxy.
pub fn compile(
    proxy: &Proxy,
    program: &mut ProxyProgram,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) {
    let both = both_sides(proxy);
    for ruleset in Ruleset::ALL {
        let lines = lines_of(proxy, ruleset);
        let mut rules = Vec::with_capacity(lines.len());
        for line in lines {
            let inherited = line.span < proxy.span || line.span.file != proxy.span.file;
            let compiler = &mut Compiler {
                plan: compiler.plan,
                proxy: if inherited { both.as_ref() } else { Some(proxy) },
                report: &mut *compiler.report,
                files: compiler.files,
                lists: compiler.lists,
            };
            rules.extend(rule(line, ruleset, acls, compiler));
        }
        unreachable(&rules, compiler);
        if let (true, Some(first)) = (ruleset.is_http(), lines.first()) {
            mode(proxy, first, ruleset.keyword(), compiler);
        }
        *program.list_mut(ruleset) = List::new(rules);
    }
    let lines = &proxy.rules.redirect;
    let rules = lines.iter().filter_map(|line| redirection(line, acls, compiler)).collect();
    if let Some(first) = lines.first() {
        mode(proxy, first, "redirect", compiler);
    }
    program.redirects = List::new(rules);
}

/// The proxy as rules of its `defaults` see it, if it has any: they were written for either side.
fn both_sides(proxy: &Proxy) -> Option<Proxy> {
    proxy.from?;
    let section = match proxy.section {
        Section::Defaults => Section::Defaults,
        _ => Section::Listen,
    };
    let settings = proxy.settings.clone();
    Some(Proxy { settings, ..Proxy::new(section, proxy.name.clone(), proxy.span) })
}

/// The lines of a list.
pub fn lines_of(proxy: &Proxy, ruleset: Ruleset) -> &[RuleLine] {
    match ruleset {
        Ruleset::TcpConnection => &proxy.rules.tcp_connection,
        Ruleset::TcpSession => &proxy.rules.tcp_session,
        Ruleset::TcpContent => &proxy.rules.tcp_content,
        Ruleset::TcpResponse => &proxy.rules.tcp_response,
        Ruleset::HttpRequest => &proxy.rules.http_request,
        Ruleset::HttpResponse => &proxy.rules.http_response,
        Ruleset::HttpAfterResponse => &proxy.rules.http_after_response,
    }
}

fn rule(
    line: &RuleLine,
    ruleset: Ruleset,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) -> Option<Rule<Action>> {
    let mut words = Words::new(&line.words, line.span);
    let action = action::parse(&mut words, ruleset, compiler)?;
    let place = ruleset.place();
    let condition = Condition::parse(&mut words, acls, ruleset.scope(), &place, compiler)?;
    Some(Rule { condition, action, span: line.span })
}

/// `redirect` is parsed as the action is.
const REDIRECT: ActionEntry = ActionEntry {
    name: "redirect",
    rulesets: Rulesets::REQUEST,
    syntax: "{ location | prefix | scheme } <to> [code <status>] [<option>]... [{ if | unless } <condition>]",
    about: "",
    example: "",
    status: Status::Supported,
    experimental: false,
    parse: |_| None,
};

fn redirection(
    line: &RuleLine,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) -> Option<Rule<Redirect>> {
    let mut words = Words::new(&line.words, line.span);
    let word = crate::config::word::Word {
        span: line.span,
        ..crate::config::word::Word::synthetic("redirect")
    };
    let place = "`redirect` rules";
    let ruleset = Ruleset::HttpRequest;
    let entry: &'static ActionEntry = &REDIRECT;
    let action = redirect::parse(
        &mut Line { entry, ruleset, place, word: &word, words: &mut words, compiler },
        false,
    )?;
    let condition = Condition::parse(&mut words, acls, ruleset.scope(), place, compiler)?;
    Some(Rule { condition, action, span: line.span })
}

/// Advice about rules that a proxy in TCP mode never runs.
fn mode(proxy: &Proxy, first: &RuleLine, keyword: &str, compiler: &mut Compiler<'_>) {
    let serves = proxy.has_frontend() || proxy.has_backend();
    if !serves || proxy.mode() == Mode::Http || switches(proxy) {
        return;
    }
    let name = format!("{} `{}`", proxy.section.word(), proxy.name);
    let message = format!("`{keyword}` rules have no effect here: {name} is not in `mode http`");
    let fault = compiler.report.advise(&advice::MODE, first.span, message);
    fault.label("never evaluated");
    match proxy.mode {
        Some(mode) => fault.also(mode.span, "the mode is set here"),
        None => fault.help("the mode is tcp unless a `mode` line says otherwise"),
    };
}

/// Whether a rule may turn connections to HTTP.
fn switches(proxy: &Proxy) -> bool {
    proxy
        .rules
        .tcp_content
        .iter()
        .any(|line| line.words.first().is_some_and(|word| &*word.text == "switch-mode"))
}

/// What a rule needs so that [`unreachable`] can look at it.
pub trait Ends {
    /// Whether no rule behind it is reached when it runs.
    fn is_final(&self) -> bool;
    /// Whether a condition behind it may come to another result than one before it.
    fn changes(&self) -> bool;
}

impl Ends for Action {
    fn is_final(&self) -> bool {
        Action::is_final(self)
    }

    fn changes(&self) -> bool {
        !matches!(self, Action::Verdict(Verdict::Redirect(_) | Verdict::Allow | Verdict::Deny(_)))
    }
}

/// Advice about the first rule of the section that is never reached: one without a condition ends the
/// list before it, or one with the very same condition does.
pub fn unreachable<A: Ends>(rules: &[Rule<A>], compiler: &mut Compiler<'_>) {
    let own = |rule: &Rule<A>| {
        compiler.proxy.is_none_or(|proxy| {
            rule.span.file == proxy.span.file && rule.span.start > proxy.span.start
        })
    };
    let unconditional = rules.iter().position(|it| it.condition.is_none() && it.action.is_final());
    let behind = unconditional.and_then(|at| Some((at, rules.get(at + 1)?, rules.len() - at - 1)));
    if let Some((at, rule, count)) = behind.filter(|(_, rule, _)| own(rule)) {
        let message = match count {
            1 => "this rule is never reached".to_owned(),
            _ => format!("this rule and the {} behind it are never reached", count - 1),
        };
        compiler
            .report
            .advise(&advice::UNREACHABLE, rule.span, message)
            .also(rules[at].span, "this one has no condition, and ends the list");
        return;
    }
    // In another section the same words may mean another ACL.
    let same = same_condition(rules, compiler);
    if let Some((rule, earlier)) = same.filter(|(rule, earlier)| own(rule) && own(earlier)) {
        compiler
            .report
            .advise(&advice::UNREACHABLE, rule.span, "this rule is never reached")
            .also(earlier.span, "this one has the same condition, and ends the list");
    }
}

/// How many rules before one are compared with it: every pair would be slow in long lists, and it is
/// among neighbours that it happens.
const NEIGHBOURS: usize = 32;

/// The first rule with the words of a condition that ended the list before, and that earlier rule.
fn same_condition<'r, A: Ends>(
    rules: &'r [Rule<A>],
    compiler: &Compiler<'_>,
) -> Option<(&'r Rule<A>, &'r Rule<A>)> {
    let text = |rule: &Rule<A>| {
        let span = rule.condition.as_ref().map(Condition::span)?;
        Some(compiler.plan.sources.slice(span))
    };
    for (index, rule) in rules.iter().enumerate() {
        let Some(condition) = text(rule) else { continue };
        for earlier in rules[..index].iter().rev().take(NEIGHBOURS) {
            if earlier.action.is_final() && text(earlier) == Some(condition) {
                return Some((rule, earlier));
            }
            if earlier.action.changes() {
                break;
            }
        }
    }
    None
}
