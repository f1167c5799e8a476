//! Other lines that hold something to evaluate: formats, answers, checks, the statistics page, the
//! monitor, `global` and `carp`.

use crate::config::keyword::Status;
use crate::config::plan::{
    CheckAction, CheckBytes, CheckField, CheckMatch, CheckPattern, CheckText, Proxy, RuleLine,
};
use crate::config::word::Word;
use crate::rules::action::line::Line;
use crate::rules::action::reply::{self, For, Reply};
use crate::rules::action::variable::{self, VariableEdit};
use crate::rules::action::{self, Action, ActionEntry, Ruleset, Rulesets};
use crate::rules::arg::{self, Arg};
use crate::rules::compiler::{Compiler, Scope, Words};
use crate::rules::condition::{Acls, Condition};
use crate::rules::expr::Expr;
use crate::rules::format::{Format, Style, Use};
use crate::rules::program::{Compiled, List, ProxyProgram, Rule};

/// Compiles them.
pub fn compile(
    proxy: &Proxy,
    program: &mut ProxyProgram,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) {
    let rules = &proxy.rules;
    let monitor = rules.monitor_fail.iter();
    program.monitor_fail = List::new(
        monitor.filter_map(|line| condition(line, acls, Scope::FRONT, compiler)).collect(),
    );
    let (admin, stats): (Vec<_>, Vec<_>) =
        rules.stats.iter().partition(|line| line.keyword == "stats admin");
    let admin = admin.into_iter();
    program.stats_admin = List::new(
        admin.filter_map(|line| condition(line, acls, Scope::REQUEST, compiler)).collect(),
    );
    let stats = stats.into_iter();
    program.stats_rules =
        List::new(stats.filter_map(|line| stats_rule(line, acls, compiler)).collect());
    let answers = rules.http_errors.iter();
    program.answers = answers.filter_map(|line| answer(line, compiler)).collect();
    program.formats = rules.formats.iter().map(|line| format(line, compiler)).collect();
    program.checks = rules.checks.iter().map(|_| Vec::new()).collect();
    let checks = &proxy.back.checks;
    for step in checks.http_steps.iter().chain(&checks.tcp_steps) {
        let Some(index) = step.line else { continue };
        let words = rules.checks.get(index).map_or(&[][..], |line| &line.words);
        let compiled = check(&step.action, words, compiler);
        if let Some(slot) = program.checks.get_mut(index) {
            *slot = compiled;
        }
    }
}

/// A line that is only a condition, which it must have.
fn condition(
    line: &RuleLine,
    acls: &mut Acls,
    scope: Scope,
    compiler: &mut Compiler<'_>,
) -> Option<Rule<()>> {
    let mut words = Words::new(&line.words, line.span);
    if words.peek().is_none() {
        let expected = "`if` or `unless`, and a condition,";
        words.missing(expected, compiler.report);
        return None;
    }
    let place = format!("`{}` rules", line.keyword);
    let condition = Condition::parse(&mut words, acls, scope, &place, compiler)?;
    Some(Rule { condition, action: (), span: line.span })
}

/// `stats http-request`: an `http-request` rule for the page.
fn stats_rule(
    line: &RuleLine,
    acls: &mut Acls,
    compiler: &mut Compiler<'_>,
) -> Option<Rule<Action>> {
    let mut words = Words::new(&line.words, line.span);
    let action = action::parse(&mut words, Ruleset::HttpRequest, compiler)?;
    let scope = Ruleset::HttpRequest.scope();
    let place = "`stats http-request` rules";
    let condition = Condition::parse(&mut words, acls, scope, place, compiler)?;
    Some(Rule { condition, action, span: line.span })
}

/// `http-error` is parsed as the action `return` is.
static HTTP_ERROR: ActionEntry = ActionEntry {
    name: "http-error",
    rulesets: Rulesets::RESPONSE,
    syntax: "status <status> [content-type <type>] [<body>] [hdr <name> <format>]...",
    about: "",
    example: "",
    status: Status::Supported,
    experimental: false,
    parse: |_| None,
};

fn answer(line: &RuleLine, compiler: &mut Compiler<'_>) -> Option<Rule<Reply>> {
    let mut words = Words::new(&line.words, line.span);
    let word = Word { span: line.span, ..Word::synthetic("http-error") };
    let mut parser = Line {
        entry: &HTTP_ERROR,
        ruleset: Ruleset::HttpResponse,
        place: "`http-error` lines",
        word: &word,
        words: &mut words,
        compiler,
    };
    let action = reply::parse(&mut parser, For::Error)?;
    words.end(compiler.report);
    Some(Rule { condition: None, action, span: line.span })
}

/// A line of `RuleLines::formats`.
fn format(line: &RuleLine, compiler: &mut Compiler<'_>) -> Option<Compiled> {
    let word = line.words.first()?;
    match line.keyword {
        "log-format" | "log-format-sd" | "error-log-format" => {
            format_of(word, Style::Log, Scope::LOG, "log lines", compiler)
        }
        "unique-id-format" => {
            let place = "`unique-id-format`";
            // A `backend` may have the line too, where it says nothing.
            format_of(word, Style::Http, Scope::REQUEST, place, compiler)
        }
        "balance" if &*word.text == "log-hash" => {
            Expr::of_text(line.words.get(1)?, compiler).map(Compiled::Expr)
        }
        "balance" => expr_of(line.words.get(1)?, Scope::BACK, "`balance hash`", compiler),
        "filter" => {
            let scope = Scope::REQUEST.or(Scope::RESPONSE);
            expr_of(word, scope, "filters for bandwidth", compiler)
        }
        "option forwarded" => {
            expr_of(line.words.get(1)?, Scope::BACK, "`option forwarded`", compiler)
        }
        // Nothing else keeps lines here.
        _ => None,
    }
}

fn format_of(
    word: &Word,
    style: Style,
    scope: Scope,
    place: &str,
    compiler: &mut Compiler<'_>,
) -> Option<Compiled> {
    Format::parse(word, Use { style, scope, place }, compiler).map(Compiled::Format)
}

fn expr_of(
    word: &Word,
    scope: Scope,
    place: &str,
    compiler: &mut Compiler<'_>,
) -> Option<Compiled> {
    let mut words = Words::new(std::slice::from_ref(word), word.span);
    let expr = Expr::parse(&mut words, compiler)?;
    expr.check_scope(scope, place, compiler.report).then_some(Compiled::Expr(expr))
}

fn check_format(word: &Word, compiler: &mut Compiler<'_>) -> Option<Compiled> {
    format_of(word, Style::Text, Scope::CHECK, CHECKS, compiler)
}

const CHECKS: &str = "health checks";

/// What a step of a check evaluates, in the order of its words.
fn check(action: &CheckAction, words: &[Word], compiler: &mut Compiler<'_>) -> Vec<Compiled> {
    let mut out = Vec::new();
    match action {
        CheckAction::Comment => {}
        CheckAction::Connect(connect) => {
            if let Some(word) = &connect.port_expression {
                out.extend(expr_of(word, Scope::CHECK, CHECKS, compiler));
            }
        }
        CheckAction::SendRequest(request) => {
            if let Some(CheckText::Format(word)) = &request.uri {
                out.extend(check_format(word, compiler));
            }
            for (_, value) in &request.fields {
                out.extend(check_format(value, compiler));
            }
            if let Some(CheckText::Format(word)) = &request.body {
                out.extend(check_format(word, compiler));
            }
        }
        CheckAction::SendBytes(CheckBytes::Format(word) | CheckBytes::HexFormat(word)) => {
            out.extend(check_format(word, compiler));
        }
        CheckAction::SendBytes(_) => {}
        CheckAction::Expect(expect) => {
            match &expect.pattern {
                CheckPattern::StatusRegex(word)
                | CheckPattern::Regex(word)
                | CheckPattern::BinaryRegex(word) => {
                    if let Some(Arg::Regex(regex)) = arg::regex(word, word.span, compiler) {
                        out.push(Compiled::Regex(regex));
                    }
                }
                CheckPattern::Format(word) | CheckPattern::HexFormat(word) => {
                    out.extend(check_format(word, compiler));
                }
                CheckPattern::Field(it) | CheckPattern::FullField(it) => {
                    field(it, &mut out, compiler)
                }
                _ => {}
            }
            for word in [&expect.on_success, &expect.on_error].into_iter().flatten() {
                out.extend(check_format(word, compiler));
            }
            if let Some(word) = &expect.status_code {
                out.extend(expr_of(word, Scope::CHECK, CHECKS, compiler));
            }
        }
        CheckAction::Variable => {
            out.extend(variable_step(words, compiler).map(Compiled::Variable));
        }
    }
    out
}

/// Name and value of a field that an answer must have.
fn field(it: &CheckField, out: &mut Vec<Compiled>, compiler: &mut Compiler<'_>) {
    let name = Some((&it.name, it.name_format));
    let value = it.value.as_ref().map(|value| (value, it.value_format));
    for ((how, word), is_format) in [name, value].into_iter().flatten() {
        if is_format {
            out.extend(check_format(word, compiler));
        } else if *how == CheckMatch::Regex
            && let Some(Arg::Regex(regex)) = arg::regex(word, word.span, compiler)
        {
            out.push(Compiled::Regex(regex));
        }
    }
}

/// `set-var(name) expression` and its relatives.
fn variable_step(words: &[Word], compiler: &mut Compiler<'_>) -> Option<VariableEdit> {
    let (word, rest) = words.split_first()?;
    let line = rest.last().map_or(word.span, |last| word.span.to(last.span));
    let mut rest = Words::new(rest, line);
    variable::parse_for(word, &mut rest, Scope::CHECK, CHECKS, compiler)
}

/// `set-var` and `set-var-fmt` of `global`: the name stands in a word of its own.
pub fn process_variables(compiler: &mut Compiler<'_>) -> Vec<VariableEdit> {
    let lines = &compiler.plan.global.variables;
    lines.iter().filter_map(|line| process_variable(line, compiler)).collect()
}

fn process_variable(line: &RuleLine, compiler: &mut Compiler<'_>) -> Option<VariableEdit> {
    let mut words = Words::new(&line.words, line.span);
    let name = words.word("the name of a variable", compiler)?;
    let place = "`global`";
    let checked = arg::variable(name, name.span, compiler)?;
    let name = checked.text()?.into();
    let conditions = variable::Conditions::default();
    let edit = match line.keyword {
        "set-var-fmt" => {
            let word = words.word("a format", compiler)?;
            let of = Use { style: Style::Text, scope: Scope::START, place };
            VariableEdit::Format { name, conditions, value: Format::parse(word, of, compiler)? }
        }
        _ => {
            let value = Expr::parse(&mut words, compiler)?;
            if !value.check_scope(Scope::START, place, compiler.report) {
                return None;
            }
            VariableEdit::Set { name, conditions, value }
        }
    };
    words.end(compiler.report);
    Some(edit)
}

/// The conditions of `carp` sections.
pub fn demotions(compiler: &mut Compiler<'_>) -> Vec<Vec<Option<Condition>>> {
    let carps = &compiler.plan.carps;
    let all = carps.iter().map(|carp| {
        let mut acls = Acls::default();
        let demotions = carp.demotions.iter().map(|demotion| {
            let line = &demotion.condition;
            let mut words = Words::new(&line.words, line.span);
            let place = "`carp` sections";
            Condition::parse(&mut words, &mut acls, Scope::START, place, compiler).flatten()
        });
        demotions.collect()
    });
    all.collect()
}
