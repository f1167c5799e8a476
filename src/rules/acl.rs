//! Tests: an expression and the patterns that its samples are compared with.
//!
//! In: the words of an `acl` line behind its name, or what stands between braces in a condition. Out:
//! a [`Test`]; or faults with their places (HAProxy 3.0, configuration.txt §7.1).

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::compiler::Compiler;
use super::context::Context;
use super::expr::{Expr, begins_converter, name_at, trailing, unknown};
use super::fetch::acl_names::{self, acl_name};
use super::fetch::{self, in_group};
use super::pattern::{
    self, FilePatterns, Method, Operator, Origin, Parsed, Path, Pattern, Patterns, Shapes, as_text,
};
use super::value::Value;
use crate::config::advice;
use crate::config::args::{shown, shown_text};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::config::word::Word;

/// An expression and the patterns it is compared with.
#[derive(Clone, Debug)]
pub struct Test {
    /// Where the samples come from.
    pub expr: Expr,
    /// What they are compared with.
    pub patterns: Patterns,
    /// Where it stands.
    pub span: Span,
    /// As it was written.
    pub text: Box<str>,
}

/// What the tests of one proxy must agree on.
#[derive(Debug, Default)]
pub struct Shared {
    /// The lists of patterns they use.
    lists: Shapes,
    /// The numbers that `-u` gives.
    ids: BTreeSet<i64>,
}

impl Test {
    /// Reads a test; `before` is what stands in front of its words. Faults are reported.
    pub fn parse(
        words: &[Word],
        before: Span,
        shared: &mut Shared,
        compiler: &mut Compiler<'_>,
    ) -> Option<Test> {
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            let fault = compiler.report.error(before.after(), "an expression is missing");
            fault.label("expected what to test: path, hdr(host), src ...");
            return None;
        };
        let (expr, named) = expression(first, compiler)?;
        let method = match named {
            Some(method) if expr.steps.is_empty() => Some(method),
            _ => Method::of(expr.output()),
        };
        if let Some(next) = words.get(1).filter(|next| named.is_none() && begins_converter(next)) {
            both_pattern_and_converter(next, compiler.report);
            return None;
        }
        let mut parser = Parser {
            method,
            fold: false,
            strict: false,
            map: false,
            list: Vec::new(),
            parsed: Vec::new(),
            files: Vec::new(),
            from_file: false,
            meant: false,
            shared,
            compiler,
        };
        let rest = parser.flags(&expr, words.get(1..).unwrap_or_default())?;
        let method = parser.method(&expr)?;
        parser.patterns(method, rest)?;
        let Parser { list, parsed, files, from_file, meant, compiler, .. } = parser;
        if method.has_patterns() && list.is_empty() && !from_file && !meant {
            no_patterns(&expr, compiler.report);
        }
        let span = first.span.to(last.span);
        match Patterns::new(method, list, parsed) {
            Ok(patterns) => {
                note_written(&patterns, &expr, span, compiler);
                let patterns = patterns.with_files(files);
                Some(Test { expr, patterns, span, text: joined(words) })
            }
            Err(reason) => {
                compiler.report.error(span, format!("these patterns are too much: {reason}"));
                None
            }
        }
    }

    /// Whether a sample matches a pattern.
    pub fn holds(&self, context: &Context<'_>) -> bool {
        let mut holds = false;
        self.expr.each(context, &mut |value| {
            holds = self.matches(&value, context);
            if holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        holds
    }

    /// Whether this sample matches a pattern.
    pub fn matches(&self, value: &Value<'_>, context: &Context<'_>) -> bool {
        match self.patterns.method() {
            Method::Group => self.groups(value, context).next().is_some(),
            _ => self.patterns.matches(value),
        }
    }

    /// The first pattern, in the order written, that this sample matches. Slow.
    pub fn first(&self, value: &Value<'_>, context: &Context<'_>) -> Option<Pattern> {
        match self.patterns.method() {
            Method::Group => self.groups(value, context).next().cloned(),
            _ => self.patterns.first(value),
        }
    }

    /// The patterns that are groups of the user that a sample names.
    fn groups<'t>(
        &'t self,
        user: &Value<'_>,
        context: &Context<'_>,
    ) -> impl Iterator<Item = &'t Pattern> {
        self.patterns.list().iter().filter(move |group| {
            as_text(user, |user| in_group(context, &self.expr.args, user, &group.text))
        })
    }

    /// Hands every sample to `each`.
    pub fn values(&self, context: &Context<'_>, mut each: impl FnMut(&Value<'_>)) {
        self.expr.each(context, &mut |value| {
            each(&value);
            ControlFlow::Continue(())
        });
    }

    /// What says that two tests look at the same samples: the fetch, and what was written behind it.
    pub fn samples(&self) -> (&'static str, &str) {
        let text = &*self.expr.text;
        let name = text.find(['(', ',']).unwrap_or(text.len());
        (self.expr.fetch.name, &text[name..])
    }
}

/// Words as they would be written on a line.
pub fn joined(words: &[Word]) -> Box<str> {
    let texts: Vec<&str> = words.iter().map(|word| &*word.text).collect();
    texts.join(" ").into()
}

/// The expression a word holds, and the method its name implies if that is a name of ACLs.
fn expression(word: &Word, compiler: &mut Compiler<'_>) -> Option<(Expr, Option<Method>)> {
    let name = name_at(word, 0);
    let text = &word[name.clone()];
    let named = acl_name(text).and_then(|it| Some((fetch::find(it.fetch)?, Some(it.method))));
    let found = named.or_else(|| fetch::find(text).map(|fetch| (fetch, None)));
    let Some((fetch, method)) = found else {
        unknown_fetch(word, word.part(name.clone()), text, compiler.report);
        return None;
    };
    let (expr, end) = Expr::parse_of(fetch, word, name, compiler)?;
    if end < word.len() {
        trailing(word, end, compiler.report);
        return None;
    }
    Some((expr, method))
}

fn unknown_fetch(word: &Word, span: Span, name: &str, report: &mut Report) {
    match word.chars().next() {
        Some('{') => {
            report
                .error(word.span, "braces cannot stand within braces")
                .label("expected what to test")
                .help("terms side by side must all hold; put `or` between those of which one is enough");
        }
        Some('!') => {
            report
                .error(word.span, "`!` stands before the brace, not behind it")
                .label("expected what to test")
                .help("write !{ ... }");
        }
        _ => {
            let names = acl_names::all().map(|it| it.name).chain(fetch::names());
            unknown("fetch", name, span, names, report);
        }
    }
}

/// HAProxy 3.0 applies such a word as a converter and then compares with it too, so it cannot be read
/// either way.
fn both_pattern_and_converter(word: &Word, report: &mut Report) {
    let text = shown(word);
    report
        .error(word.span, format!("`{text}` is the name of a converter"))
        .label("a converter, or a pattern?")
        .help(format!("a converter stands behind a comma, without a space: ,{text}"))
        .help(format!("before a pattern of this name write `--`: -- {text}"));
}

fn no_patterns(expr: &Expr, report: &mut Report) {
    let message = format!("`{}` is compared with nothing, so this never matches", expr.text);
    let fault = report.advise(&advice::NEVER_MATCHES, expr.span, message);
    fault.label("patterns are missing behind it");
    fault.help("to test only whether it is there, add: -m found");
    fault.help("if this is meant, add: --");
}

/// Where reading a test has got to.
struct Parser<'p, 'c> {
    method: Option<Method>,
    fold: bool,
    strict: bool,
    map: bool,
    list: Vec<Pattern>,
    parsed: Vec<Parsed>,
    /// Patterns that may change.
    files: Vec<FilePatterns>,
    /// Patterns come from a file, be it empty.
    from_file: bool,
    /// `--` was written, which says that no patterns are meant.
    meant: bool,
    shared: &'p mut Shared,
    compiler: &'p mut Compiler<'c>,
}

impl Parser<'_, '_> {
    /// Reads the flags; gives the words behind them.
    fn flags<'w>(&mut self, expr: &Expr, mut words: &'w [Word]) -> Option<&'w [Word]> {
        while let [flag, rest @ ..] = words {
            if !flag.starts_with('-') {
                break;
            }
            words = rest;
            match &*flag.text {
                "-i" => self.fold = true,
                "-n" => self.strict = true,
                "-M" => self.map = true,
                "--" => {
                    self.meant = true;
                    break;
                }
                "-m" | "-f" | "-u" => {
                    let Some((value, rest)) = rest.split_first() else {
                        self.missing_value(flag);
                        return None;
                    };
                    words = rest;
                    match &*flag.text {
                        "-m" => self.named_method(expr, flag, value)?,
                        "-f" => self.file(expr, value)?,
                        _ => self.id(value)?,
                    }
                }
                _ => {
                    self.unknown_flag(flag);
                    return None;
                }
            }
        }
        Some(words)
    }

    fn missing_value(&mut self, flag: &Word) {
        let expected = match &*flag.text {
            "-m" => "the name of a method",
            "-f" => "the name of a file",
            _ => "a number",
        };
        let message = format!("`{}` needs {expected} behind it", flag.text);
        self.compiler
            .report
            .error(flag.span.after(), message)
            .label(format!("expected {expected}"));
    }

    fn unknown_flag(&mut self, flag: &Word) {
        self.compiler
            .report
            .error(flag.span, format!("`{}` is not a flag of an ACL", shown(flag)))
            .label("expected -i, -m, -f, -M, -n, -u or --")
            .help("before patterns that begin with `-` write `--`");
    }

    fn named_method(&mut self, expr: &Expr, flag: &Word, name: &Word) -> Option<()> {
        let Some(method) = Method::named(name) else {
            let all = pattern::NAMED.iter().map(|method| method.name());
            let near = did_you_mean(&nearest(name, all.clone()));
            let fault = self
                .compiler
                .report
                .error(name.span, format!("`{}` is not a method of matching", shown(name)));
            fault.label("expected a method");
            fault.help(
                near.unwrap_or_else(|| {
                    format!("there are: {}", all.collect::<Vec<_>>().join(", "))
                }),
            );
            return None;
        };
        if self.from_file {
            self.compiler
                .report
                .error(flag.span.to(name.span), "`-m` stands behind patterns")
                .label("too late: the file was read by another method")
                .help("move `-m` in front of `-f`");
            return None;
        }
        let kind = expr.output();
        if !method.takes(kind) {
            let fits = pattern::NAMED.iter().filter(|method| method.takes(kind));
            let fits: Vec<_> = fits.map(|method| method.name()).collect();
            self.compiler
                .report
                .error(name.span, format!("`-m {}` cannot compare `{}`", method.name(), expr.text))
                .label(format!("not for a sample of type {kind}"))
                .help(format!("there are: {}", fits.join(", ")));
            return None;
        }
        self.method = Some(method);
        Some(())
    }

    /// The method, which must be known by now.
    fn method(&mut self, expr: &Expr) -> Option<Method> {
        if self.method.is_none() {
            let message = format!("`{}` needs a method of matching", expr.text);
            self.compiler
                .report
                .error(expr.span, message)
                .label(format!("its type is {}, which implies none", expr.output()))
                .help("add one behind it: -m found, -m str, -m beg, -m reg, -m bin ...");
        }
        self.method
    }

    fn id(&mut self, word: &Word) -> Option<()> {
        let Ok(id) = word.parse::<i64>() else {
            let message = format!("`{}` is not a number", shown(word));
            self.compiler.report.error(word.span, message).label("expected the ACL's number");
            return None;
        };
        if !self.shared.ids.insert(id) {
            let message = format!("another ACL has the number {id}");
            self.compiler.report.error(word.span, message).label("expected a number of its own");
            return None;
        }
        Some(())
    }

    /// Loads a list of patterns.
    fn file(&mut self, expr: &Expr, word: &Word) -> Option<()> {
        let method = self.method(expr)?;
        let path = Path::new(word);
        let columns = *self.shared.lists.entry(path.name().to_owned()).or_insert(self.map);
        if columns != self.map {
            let (has, wants) = match self.map {
                true => ("one column", "two (`-M`)"),
                false => ("two columns (`-M`)", "one"),
            };
            let message = format!("`{}` is read elsewhere as a list of {has}", shown(word));
            self.compiler.report.error(word.span, message).label(format!("here it has {wants}"));
            return None;
        }
        let lines = match pattern::read(path, self.map, self.compiler.files) {
            Ok(lines) => lines,
            Err(error) => {
                self.unreadable(word, path, &error);
                return None;
            }
        };
        self.from_file = true;
        let name: Arc<str> = path.name().into();
        for (line, text) in &lines {
            let origin = Origin::Line(Arc::clone(&name), *line);
            self.pattern(method, text, Operator::Eq, origin, word.span)?;
        }
        if method.has_patterns() && method != Method::Group {
            // They were looked at for their faults; from here on they belong to the list.
            let kept = self.list.len() - lines.len();
            self.list.truncate(kept);
            self.parsed.truncate(kept);
            self.changeable(method, path, lines, word)?;
        }
        Some(())
    }

    /// Joins a list whose patterns may change.
    fn changeable(
        &mut self,
        method: Method,
        path: Path<'_>,
        lines: Vec<(usize, String)>,
        word: &Word,
    ) -> Option<()> {
        let lines = lines.into_iter().map(|(line, text)| (line, text, String::new()));
        let list = self.compiler.lists.open(path.name(), self.map, lines);
        let about = about(word.span, self.compiler);
        match FilePatterns::new(list, (method, self.fold, self.strict), &about) {
            Ok(file) => {
                self.files.push(file);
                Some(())
            }
            Err(reason) => {
                let message = format!("the list `{}`: {reason}", shown_text(path.name()));
                self.compiler.report.error(word.span, message).label("named here");
                None
            }
        }
    }

    fn unreadable(&mut self, word: &Word, path: Path<'_>, error: &io::Error) {
        let name = shown_text(path.name());
        let why = match error.kind() {
            io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => error.to_string(),
        };
        let fault = self
            .compiler
            .report
            .error(word.span, format!("the list `{name}` cannot be read: {why}"));
        fault.label("named here");
        if error.kind() == io::ErrorKind::NotFound {
            fault.help(format!("if it need not exist, write opt@{name}"));
        }
    }

    /// Takes the patterns that stand on the line.
    fn patterns(&mut self, method: Method, words: &[Word]) -> Option<()> {
        let mut operator = Operator::Eq;
        for word in words {
            if method.has_operators() {
                if let Some(other) = Operator::named(word) {
                    operator = other;
                    continue;
                }
                if &*word.text == "ne" {
                    not_equal(word, self.compiler.report);
                    return None;
                }
            }
            self.pattern(method, word, operator, Origin::Word(word.span), word.span)?;
        }
        Some(())
    }

    /// Takes a pattern; a fault is reported at `span`.
    fn pattern(
        &mut self,
        method: Method,
        text: &str,
        operator: Operator,
        origin: Origin,
        span: Span,
    ) -> Option<()> {
        match pattern::parse(method, text, operator, self.fold, self.strict) {
            Ok(parsed) => {
                if method == Method::Meth && pattern::misspelt_verb(text) {
                    misspelt(text, span, self.compiler.report);
                }
                if pattern::only_delimiters(method, text) {
                    delimiters(method, text, span, self.compiler.report);
                }
                self.list.push(Pattern { text: text.into(), operator, fold: self.fold, origin });
                self.parsed.push(parsed);
                Some(())
            }
            Err(fault) => {
                let place = match &origin {
                    Origin::Line(file, line) => format!(" (line {line} of `{}`)", shown_text(file)),
                    Origin::Word(_) => String::new(),
                };
                let message = format!("`{}` {}{place}", shown_text(text), fault.message);
                let fault_at = self.compiler.report.error(span, message);
                fault_at.label(match &origin {
                    Origin::Word(_) => format!("a pattern of the method {}", method.name()),
                    Origin::Line(..) => "in this file".to_owned(),
                });
                fault_at.help(fault.help);
                None
            }
        }
    }
}

/// Where an ACL stands, for `show acl`.
fn about(span: Span, compiler: &Compiler<'_>) -> String {
    let place = compiler.plan.sources.place(span);
    format!("by acl at file '{}' line {}", place.file, place.line)
}

/// Has `show acl` list patterns that stand on a line, too.
fn note_written(patterns: &Patterns, expr: &Expr, span: Span, compiler: &Compiler<'_>) {
    if !patterns.list().is_empty() {
        let place = compiler.plan.sources.place(span);
        let name = expr.fetch.name;
        let about = format!("acl '{name}' file '{}' line {}", place.file, place.line);
        let texts = patterns.list().iter().map(|pattern| pattern.text.clone()).collect();
        compiler.lists.note_fixed(about, texts);
    }
}

/// HAProxy 3.0 reads `ne` and takes it for `eq`.
fn not_equal(word: &Word, report: &mut Report) {
    report
        .error(word.span, "there is no operator `ne`")
        .label("HAProxy would take it for `eq`")
        .help("negate the test instead: !{ ... eq ... }");
}

/// In HAProxy it depends on what lies in memory behind the sample.
fn delimiters(method: Method, text: &str, span: Span, report: &mut Report) {
    let message = format!("`{}` is nothing but delimiters", shown_text(text));
    report
        .advise(&advice::NEVER_MATCHES, span, message)
        .label(format!("never matches by the method {}", method.name()))
        .help("use -m sub, -m beg or -m end");
}

fn misspelt(text: &str, span: Span, report: &mut Report) {
    let upper = text.to_ascii_uppercase();
    let message = format!(
        "`{}` is not `{upper}`: only a request whose method is written so matches",
        shown_text(text)
    );
    report
        .advise(&advice::NEVER_MATCHES, span, message)
        .label("methods are written in capitals; `-i` changes nothing here")
        .help(format!("write {upper}"));
}
