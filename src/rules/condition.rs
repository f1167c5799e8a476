//! Conditions: `if { path /a } or is_api !{ src 192.0.2.0/24 }` (HAProxy 3.0, configuration.txt §7.2).
//!
//! In: the words of a rule from `if` or `unless` on, and the proxy's ACLs. Out: a [`Condition`]: terms
//! that must all hold, in branches of which one must. Evaluating stops as soon as the answer is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::acl::{Shared, Test, joined};
use super::builtin;
use super::compiler::{Compiler, Scope, Words};
use super::context::Context;
use super::pattern::Pattern;
use super::value::Value;
use crate::config::advice;
use crate::config::args::shown;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::RuleLine;
use crate::config::report::Report;
use crate::config::source::Span;
use crate::config::word::Word;

/// The named ACLs of one proxy, and which of them were used.
///
/// An ACL is known in its own section only: rules inherited from a `defaults` section see that
/// section's ACLs, the proxy's rules the proxy's. It is known from its first line on.
#[derive(Debug, Default)]
pub struct Acls {
    /// By the section it stands in and its name.
    named: BTreeMap<(Section, Box<str>), Named>,
    /// Built-in ones, once they were used.
    built_in: BTreeMap<&'static str, Arc<Test>>,
    /// The words that opened the proxy's section and those it inherits from.
    sections: Vec<Span>,
    shared: Shared,
}

/// The words that open a section.
type Section = Span;

/// The ACL lines of one name.
#[derive(Debug)]
struct Named {
    tests: Vec<Arc<Test>>,
    /// The name on its first line.
    span: Span,
    used: bool,
    /// A line had a fault, which was reported.
    broken: bool,
}

impl Acls {
    /// Compiles the `acl` lines of the compiler's proxy.
    pub fn compile(compiler: &mut Compiler<'_>) -> Acls {
        let mut acls = Acls::default();
        let Some(proxy) = compiler.proxy else { return acls };
        acls.sections.push(proxy.span);
        let mut from = proxy.from;
        // Each is based on an earlier one, so this ends.
        while let Some((index, defaults)) =
            from.and_then(|index| Some((index, compiler.plan.defaults.get(index)?)))
        {
            acls.sections.push(defaults.span);
            from = defaults.from.filter(|next| *next < index);
        }
        acls.sections.sort_unstable();
        for line in &proxy.rules.acls {
            acls.line(line, compiler);
        }
        acls
    }

    fn line(&mut self, line: &RuleLine, compiler: &mut Compiler<'_>) {
        let Some((name, words)) = line.words.split_first() else {
            let fault = compiler.report.error(line.span.after(), "an ACL needs a name");
            fault.label("expected a name").help("it is written: acl <name> <fetch> [<value>]...");
            return;
        };
        if !legal(name, compiler.report) {
            return;
        }
        let words = up_to_empty(words, "the list of patterns", compiler.report);
        let test = Test::parse(words, name.span, &mut self.shared, compiler);
        if let Some(test) = &test {
            self.note(test);
        }
        let named = self.named.entry((self.section(line.span), name.text.clone()));
        let named = named.or_insert_with(|| Named {
            tests: Vec::new(),
            span: name.span,
            used: false,
            broken: false,
        });
        named.broken |= test.is_none();
        named.tests.extend(test.map(Arc::new));
    }

    /// The section that a place lies in.
    fn section(&self, place: Span) -> Section {
        let behind = self.sections.partition_point(|section| *section <= place);
        behind.checked_sub(1).and_then(|at| self.sections.get(at)).copied().unwrap_or_default()
    }

    /// Marks what a test asks for by name: `acl(a,b)`.
    fn note(&mut self, test: &Test) {
        if test.expr.fetch.name == "acl" {
            for name in test.expr.args.iter().filter_map(|arg| arg.text()) {
                self.mark_used(name.trim_start_matches('!'));
            }
        }
    }

    /// Says that an ACL is used by something that is no condition.
    pub fn mark_used(&mut self, name: &str) {
        for ((_, other), named) in &mut self.named {
            named.used |= **other == *name;
        }
    }

    /// The ACLs of the proxy's own section that nothing used, and where each is named first.
    pub fn unused(&self) -> impl Iterator<Item = (&str, Span)> {
        let own = self.sections.last().copied().unwrap_or_default();
        self.named
            .iter()
            .filter(move |((section, _), named)| *section == own && !named.used && !named.broken)
            .map(|((_, name), named)| (&**name, named.span))
    }

    /// The tests of a name. `None` is a fault, which is reported.
    fn find(&mut self, word: &Word, name: &str, compiler: &mut Compiler<'_>) -> Option<Tests> {
        let span = end_of(word, name);
        let section = self.section(word.span);
        if let Some(named) = self.named.get_mut(&(section, Box::from(name))) {
            named.used = true;
            if named.span > word.span {
                compiler
                    .report
                    .error(span, format!("the ACL `{name}` is not known yet"))
                    .label("used here")
                    .also(named.span, "its first line stands below")
                    .help("move the `acl` line in front of the rule");
                return None;
            }
            // With a line missing it would be another ACL.
            return (!named.broken).then(|| named.tests.clone());
        }
        if let Some((name, words)) = builtin::find(name) {
            if let Some(test) = self.built_in.get(name) {
                return Some(vec![Arc::clone(test)]);
            }
            let words: Vec<Word> = words
                .split(' ')
                .map(|text| Word { text: text.into(), span, verbatim: false })
                .collect();
            let test = Arc::new(Test::parse(&words, span, &mut self.shared, compiler)?);
            self.built_in.insert(name, Arc::clone(&test));
            return Some(vec![test]);
        }
        self.unknown(word, name, span, compiler.report);
        None
    }

    fn unknown(&self, word: &Word, name: &str, span: Span, report: &mut Report) {
        let shown_name = crate::config::args::shown_text(name);
        let mut error = |message: String, label: &str, help: &str| {
            report.error(span, message).label(label).help(help);
        };
        match name {
            "&&" | "and" => error(
                format!("`{name}` is not needed: terms side by side must all hold"),
                "expected the name of an ACL, `{`, `or` or `!`",
                "leave it out",
            ),
            "if" | "unless" => error(
                format!("`{name}` in the middle of a condition"),
                "expected the name of an ACL, `{`, `or` or `!`",
                "a rule has one condition; negate a term with `!`",
            ),
            "}" => error(
                "no brace is open that this one closes".to_owned(),
                "expected the name of an ACL, `{`, `or` or `!`",
                "write { <test> } with spaces around both braces",
            ),
            _ if name.starts_with('{') => error(
                "a brace must be a word of its own".to_owned(),
                "a space is missing behind `{`",
                "write { <test> } with spaces around both braces",
            ),
            _ => {
                let section = self.section(word.span);
                let own = self.named.keys().filter(|(other, _)| *other == section);
                let names = own.map(|(_, name)| &**name);
                let names = names.chain(builtin::BUILT_IN.iter().map(|(name, _)| *name));
                let near = did_you_mean(&nearest(name, names));
                let fault = report.error(span, format!("there is no ACL `{shown_name}`"));
                fault.label("expected the name of an ACL");
                match near {
                    Some(near) => fault.help(near),
                    None => fault.help("a test without a name stands between braces: { path /a }"),
                };
            }
        }
    }
}

/// The tests of a name: any of them.
type Tests = Vec<Arc<Test>>;

/// Whether an ACL may have this name; reports why not.
fn legal(name: &Word, report: &mut Report) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if let Some((at, wrong)) = name.char_indices().find(|(_, c)| !legal(*c)) {
        report
            .error(
                name.part(at..at + wrong.len_utf8()),
                format!("`{}` cannot stand in the name of an ACL", wrong.escape_debug()),
            )
            .label("letters, digits and - _ . : are possible");
        return false;
    }
    if name.is_empty() {
        report.error(name.span, "the name of an ACL is empty").label("expected a name");
        return false;
    }
    if name.eq_ignore_ascii_case("or") {
        report
            .error(name.span, format!("no ACL can have the name `{}`", name.text))
            .label("a condition would take it for the operator");
        return false;
    }
    true
}

/// The words in front of an empty one, at which HAProxy stops reading.
fn up_to_empty<'w>(words: &'w [Word], what: &str, report: &mut Report) -> &'w [Word] {
    let Some(at) = words.iter().position(|word| word.is_empty()) else { return words };
    let fault = report.advise(
        &advice::EMPTY_WORD,
        words[at].span,
        format!("this empty word ends {what}; what follows is not read"),
    );
    fault.label("ends here").help("to compare with the empty text, write -m len 0");
    &words[..at]
}

/// The place of `name`, with which `word` ends.
fn end_of(word: &Word, name: &str) -> Span {
    word.part(word.len().saturating_sub(name.len())..word.len())
}

/// A condition's term: an ACL, perhaps negated.
#[derive(Clone, Debug)]
pub struct Term {
    /// Whether `!` stands before it.
    pub negated: bool,
    /// The ACL's name, unless it stands between braces.
    pub name: Option<Box<str>>,
    /// What is tested: any of them. Tests that are not known where the rule runs are not among them.
    pub tests: Box<[Arc<Test>]>,
    /// Tests that are not known where the rule runs, so never match.
    pub lost: Box<[Arc<Test>]>,
    /// Where it stands.
    pub span: Span,
    /// As it was written.
    pub text: Box<str>,
}

impl Term {
    /// Whether it holds.
    pub fn holds(&self, context: &Context<'_>) -> bool {
        self.tests.iter().any(|test| test.holds(context)) != self.negated
    }
}

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// `unless`.
    unless: bool,
    /// Of these one must hold; within one, every term.
    branches: Box<[Box<[Term]>]>,
    /// From `if` or `unless` on.
    span: Span,
}

/// What [`Condition::explain`] says of a term.
#[derive(Debug)]
pub struct TermReport<'r> {
    /// The branch (counted from 0) it stands in; branches are divided by `or`.
    pub branch: usize,
    /// The term: text, place, name, negation.
    pub term: &'r Term,
    /// Its tests.
    pub tests: Vec<TestReport<'r>>,
    /// Whether it holds, negation included.
    pub holds: bool,
    /// Whether evaluating the condition gets to it: no term before it settled the matter.
    pub reached: bool,
}

/// What [`Condition::explain`] says of a test.
#[derive(Debug)]
pub struct TestReport<'r> {
    /// The test: text, place, method.
    pub test: &'r Test,
    /// Whether what it tests is known where the rule runs.
    pub known: bool,
    /// Every sample.
    pub values: Vec<Value<'static>>,
    /// The first sample that matches (its place in `values`), and the pattern, if the method has any.
    pub matched: Option<(usize, Option<Pattern>)>,
}

impl Condition {
    /// Parses `{ if | unless } <condition>` up to the end of the words, if it begins here. The outer
    /// `None` is a fault, which is reported; the inner one is a rule without a condition. `scope` and
    /// `place` say where it will be evaluated.
    pub fn parse(
        words: &mut Words<'_>,
        acls: &mut Acls,
        scope: Scope,
        place: &str,
        compiler: &mut Compiler<'_>,
    ) -> Option<Option<Condition>> {
        let Some(first) = words.peek() else { return Some(None) };
        if !words.at_condition() {
            let last = words.rest().last().map_or(first.span, |last| last.span);
            compiler
                .report
                .error(first.span.to(last), format!("unexpected `{}`", shown(first)))
                .label("expected `if`, `unless` or the end of the line");
            return None;
        }
        let rest = words.rest();
        let span = rest.last().map_or(first.span, |last| first.span.to(last.span));
        let terms = up_to_empty(&rest[1..], "the condition", compiler.report);
        let mut parser = Parser { acls, scope, place, compiler, faulty: false };
        let branches = parser.branches(terms, first);
        let unless = &*first.text == "unless";
        (!parser.faulty).then_some(Some(Condition { unless, branches, span }))
    }

    /// Whether it holds.
    pub fn holds(&self, context: &Context<'_>) -> bool {
        let all = |terms: &[Term]| terms.iter().all(|term| term.holds(context));
        self.branches.iter().any(|terms| all(terms)) != self.unless
    }

    /// Where it stands, from `if` or `unless` on.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether it begins with `unless`.
    pub fn unless(&self) -> bool {
        self.unless
    }

    /// Its terms: within a branch all must hold, and one branch is enough.
    pub fn branches(&self) -> &[Box<[Term]>] {
        &self.branches
    }

    /// Evaluates every term and reports it, those included that [`Condition::holds`] need not look at.
    /// Gives what that gives.
    pub fn explain(&self, context: &Context<'_>, each: &mut dyn FnMut(TermReport<'_>)) -> bool {
        let mut found = false;
        for (branch, terms) in self.branches.iter().enumerate() {
            let mut all = true;
            for term in terms {
                let known = term.tests.iter().map(|test| explain(test, true, context));
                let lost = term.lost.iter().map(|test| explain(test, false, context));
                let tests: Vec<_> = known.chain(lost).collect();
                let holds = tests.iter().any(|test| test.matched.is_some()) != term.negated;
                each(TermReport { branch, term, tests, holds, reached: all && !found });
                all &= holds;
            }
            found |= all;
        }
        found != self.unless
    }
}

fn explain<'r>(test: &'r Test, known: bool, context: &Context<'_>) -> TestReport<'r> {
    let (mut values, mut matched) = (Vec::new(), None);
    if known {
        test.values(context, |value| {
            if matched.is_none() && test.matches(value, context) {
                matched = Some((values.len(), test.first(value, context)));
            }
            values.push(value.clone().into_owned());
        });
    }
    TestReport { test, known, values, matched }
}

struct Parser<'p, 'c> {
    acls: &'p mut Acls,
    scope: Scope,
    place: &'p str,
    compiler: &'p mut Compiler<'c>,
    faulty: bool,
}

impl Parser<'_, '_> {
    /// Every branch that has terms; faults are reported, and reading goes on behind them.
    fn branches(&mut self, words: &[Word], opening: &Word) -> Box<[Box<[Term]>]> {
        let mut branches: Vec<Vec<Term>> = vec![Vec::new()];
        let mut negation: Option<Span> = None;
        let mut negated = false;
        let mut operator = opening.span;
        let mut at = 0;
        let mut bare = true;
        while let Some(word) = words.get(at) {
            at += 1;
            let name = word.trim_start_matches('!');
            let marks = word.len() - name.len();
            if marks > 0 {
                negated ^= marks % 2 == 1;
                negation = Some(word.part(0..marks));
            }
            if name.is_empty() {
                continue;
            }
            if name.eq_ignore_ascii_case("or") || name == "||" {
                self.dangling(negation, bare.then_some((operator, "in front of `or`")));
                branches.push(Vec::new());
                (negation, negated, bare, operator) = (None, false, true, end_of(word, name));
                continue;
            }
            let used = match name {
                "{" => self.anonymous(words, at - 1, negated),
                _ => (self.named(word, name, negated), at),
            };
            at = used.1;
            self.faulty |= used.0.is_none();
            if let (Some(term), Some(branch)) = (used.0, branches.last_mut()) {
                branch.push(term);
            }
            (negation, negated, bare) = (None, false, false);
        }
        self.dangling(negation, bare.then_some((operator, "behind it")));
        branches.into_iter().filter(|terms| !terms.is_empty()).map(Vec::into).collect()
    }

    /// Warns of a `!` before nothing, and of a branch without a term.
    fn dangling(&mut self, negation: Option<Span>, empty: Option<(Span, &str)>) {
        let report = &mut *self.compiler.report;
        if let Some(span) = negation {
            report
                .advise(&advice::EMPTY_CONDITION, span, "this `!` negates nothing")
                .label("expected an ACL behind it");
        } else if let Some((span, place)) = empty {
            report
                .advise(&advice::EMPTY_CONDITION, span, format!("nothing is tested {place}"))
                .label("expected an ACL behind it");
        }
    }

    /// The term `{ ... }` whose opening brace is at `open`, and where to go on.
    fn anonymous(&mut self, words: &[Word], open: usize, negated: bool) -> (Option<Term>, usize) {
        let brace = &words[open];
        let Some(length) = words[open + 1..].iter().position(|word| &*word.text == "}") else {
            let stuck = words[open + 1..].iter().find(|word| word.ends_with('}'));
            let span = end_of(brace, "{");
            let fault = self.compiler.report.error(span, "this brace is never closed");
            fault.label("expected a `}` behind it, as a word of its own");
            if let Some(stuck) = stuck {
                fault.also(end_of(stuck, "}"), "a space is missing in front of this one");
            }
            return (None, words.len());
        };
        let close = open + 1 + length;
        let inner = &words[open + 1..close];
        let test = match inner {
            [] => {
                let span = brace.span.to(words[close].span);
                let fault = self.compiler.report.error(span, "nothing is tested here");
                fault.label("expected a test between the braces: { path /a }");
                None
            }
            _ => Test::parse(inner, brace.span, &mut self.acls.shared, self.compiler),
        };
        let term = test.map(|test| {
            self.acls.note(&test);
            let text = format!("{{ {} }}", joined(inner)).into();
            let span = end_of(brace, "{").to(words[close].span);
            self.term(vec![Arc::new(test)], None, negated, span, text)
        });
        (term, close + 1)
    }

    fn named(&mut self, word: &Word, name: &str, negated: bool) -> Option<Term> {
        let tests = self.acls.find(word, name, self.compiler)?;
        Some(self.term(tests, Some(name.into()), negated, end_of(word, name), name.into()))
    }

    /// Puts a term together; tests that are not known in this place are warned of.
    fn term(
        &mut self,
        tests: Tests,
        name: Option<Box<str>>,
        negated: bool,
        span: Span,
        text: Box<str>,
    ) -> Term {
        let (known, lost): (Tests, Tests) =
            tests.into_iter().partition(|test| test.expr.fits(self.scope));
        // As long as another line can match, this is how one ACL serves requests and responses.
        if let (true, Some(first)) = (known.is_empty(), lost.first()) {
            let fetch = first.expr.fetch;
            let message = format!("`{}` is not known in {}", fetch.name, self.place);
            let fault = self.compiler.report.advise(&advice::NEVER_MATCHES, span, message);
            fault.label("never matches here");
            fault.help(fetch.known());
        }
        let text = if negated { format!("!{text}").into() } else { text };
        Term { negated, name, tests: known.into(), lost: lost.into(), span, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::report::Level;
    use crate::rules::testing::World;

    /// A frontend with these lines, and a request to evaluate against.
    fn world(lines: &str, request: &str) -> World {
        World::request(request).plan(&format!("frontend f\n{lines}\n"))
    }

    /// The condition, compiled with the ACLs of the plan's first proxy, as if it stood at the end of
    /// the file; and the ACLs.
    fn compiled(world: &World, text: &str) -> (Option<Option<Condition>>, Report, Acls) {
        let end = Span { start: 1 << 30, end: 1 << 30, ..Span::default() };
        let words = crate::rules::testing::words(text);
        let words: Vec<Word> = words.into_iter().map(|word| Word { span: end, ..word }).collect();
        let mut report = Report::default();
        let (plan, files) = (&world.plan, &world.files);
        let proxy = plan.proxies.first();
        let mut compiler =
            Compiler { plan, proxy, report: &mut report, files, lists: &Default::default() };
        let mut acls = Acls::compile(&mut compiler);
        let (place, mut words) = ("a rule for requests", Words::new(&words, end));
        let outer = Condition::parse(&mut words, &mut acls, Scope::REQUEST, place, &mut compiler);
        (outer, report, acls)
    }

    fn condition(world: &World, text: &str) -> (Option<Condition>, Report) {
        let (outer, report, _) = compiled(world, text);
        assert_eq!(outer.is_none(), report.failed(), "{text}: {:?}", report.faults);
        (outer.flatten(), report)
    }

    fn holds(world: &World, text: &str) -> bool {
        let (condition, report) = condition(world, text);
        let condition = condition.unwrap_or_else(|| panic!("{text}: {:?}", report.faults));
        let context = world.context();
        let holds = condition.holds(&context);
        let mut branches: BTreeMap<usize, bool> = BTreeMap::new();
        let explained = condition.explain(&context, &mut |report| {
            assert_eq!(report.holds, report.term.holds(&context), "{text}");
            let matched = report.tests.iter().any(|test| test.matched.is_some());
            assert_eq!(matched != report.term.negated, report.holds, "{text}");
            *branches.entry(report.branch).or_insert(true) &= report.holds;
        });
        assert_eq!(explained, holds, "{text}");
        assert_eq!(branches.values().any(|all| *all) != condition.unless, holds, "{text}");
        holds
    }

    #[track_caller]
    fn fault(text: &str) -> String {
        let world = world("acl known hdr(x) 1\nacl known2 hdr(x) 2", "GET / HTTP/1.1\n");
        let (_, report) = condition(&world, text);
        let errors = report.faults.iter().filter(|fault| fault.level == Level::Error);
        errors.map(|fault| fault.message.clone()).next().unwrap_or_else(|| panic!("{text}: fine"))
    }

    const REQUEST: &str = "GET / HTTP/1.1\nHost: a.example\nM: p, Q\nM: r\nE:\n";

    #[test]
    fn terms_are_and_branches_are_or() {
        let lines = "acl yes hdr(host) a.example\nacl no hdr(host) b.example";
        let world = world(lines, REQUEST);
        for (text, expected) in [
            ("if yes", true),
            ("if no", false),
            ("unless yes", false),
            ("unless no", true),
            ("if yes yes", true),
            ("if yes no", false),
            ("if yes no or yes", true),
            ("if no OR no || yes", true),
            ("if !no", true),
            ("if ! no", true),
            ("if !! no", false),
            ("if ! !no yes", false),
            ("unless no or no", true),
            ("unless no or yes", false),
            ("if !{ hdr(host) b.example } { src 192.0.2.0/24 }", true),
            ("if { hdr(host) -i A.example B.example }", true),
            // What HAProxy takes although nothing is tested.
            ("if", false),
            ("unless", true),
            ("if !", false),
            ("if or yes", true),
            ("if yes or", true),
            ("if ! or yes", true),
            ("if no !", false),
            ("if no !or yes", true),
        ] {
            assert_eq!(holds(&world, text), expected, "{text}");
        }
    }

    #[test]
    fn every_sample_is_tried() {
        let world = world("", REQUEST);
        for (text, expected) in [
            ("if { hdr(m) r }", true),
            ("if { hdr(m) q }", false),
            ("if { hdr(m) -i q }", true),
            ("if { hdr(m) \"p, Q\" }", false),
            ("if { hdr(m) -m beg Q r }", true),
            ("if { hdr(m),lower q }", true),
            ("if { hdr(m) -m len 2 }", false),
            ("if { hdr(m) -m len ge 1 }", true),
            ("if { hdr(none) -m found }", false),
            ("if { hdr(e) -m found }", true),
            ("if { hdr(e) -m len 0 }", true),
            ("if { hdr(m) -- }", false),
            ("if { hdr(host) -m sub -i EXAM }", true),
            ("if { hdr(host) -m dom example }", true),
            ("if { hdr_dom(host) example }", true),
            ("if { hdr_beg(host) -m end le }", true),
            ("if { hdr_beg(host),lower a.example }", true),
            ("if { hdr(host) -m reg -i ^A\\\\. }", true),
            ("if { src -m str 192.0.2.1 }", true),
            ("if { src -m bin c0000201 }", true),
            ("if { src -m len 9 }", true),
            ("if { ssl_fc }", false),
            ("if { ssl_fc -m str 0 }", true),
            ("if { ssl_fc -m int 0 }", true),
            ("if { ssl_fc -m bin 0000000000000000 }", true),
            ("if LOCALHOST", false),
        ] {
            assert_eq!(holds(&world, text), expected, "{text}");
        }
    }

    #[test]
    fn lines_of_one_name_are_or_and_hide_the_built_in() {
        let lines = "acl a hdr(host) x\nacl a src 192.0.2.1\nacl LOCALHOST hdr(host) a.example";
        let world = world(lines, REQUEST);
        assert!(holds(&world, "if a") && holds(&world, "if LOCALHOST"));
    }

    #[test]
    fn faults_say_what_was_expected() {
        assert_eq!(fault("if knowm"), "there is no ACL `knowm`");
        assert_eq!(fault("if { hdr(x) 1"), "this brace is never closed");
        assert_eq!(fault("if { hdr(x) 1}"), "this brace is never closed");
        assert_eq!(fault("if {hdr(x) 1 }"), "a brace must be a word of its own");
        assert_eq!(fault("if hdr(x) 1 }"), "there is no ACL `hdr(x)`");
        assert_eq!(fault("if known }"), "no brace is open that this one closes");
        assert_eq!(fault("if { }"), "nothing is tested here");
        assert_eq!(fault("if { { hdr(x) 1 } }"), "braces cannot stand within braces");
        assert_eq!(fault("if { ! hdr(x) 1 }"), "`!` stands before the brace, not behind it");
        assert!(fault("if known && known2").starts_with("`&&` is not needed"));
        assert!(fault("if known and known2").starts_with("`and` is not needed"));
        assert_eq!(fault("if known unless known2"), "`unless` in the middle of a condition");
        assert_eq!(fault("foo known"), "unexpected `foo`");
        assert_eq!(fault("if { hdr(x) -z 1 }"), "`-z` is not a flag of an ACL");
        assert_eq!(fault("if { hdr(x) -m }"), "`-m` needs the name of a method behind it");
        assert_eq!(fault("if { hdr(x) -m foo 1 }"), "`foo` is not a method of matching");
        assert_eq!(fault("if { src -m int 1 }"), "`-m int` cannot compare `src`");
        assert_eq!(fault("if { hdr(x) -m int ne 1 }"), "there is no operator `ne`");
        assert_eq!(fault("if { src localhost }"), "`localhost` is a host name, not an address");
        assert_eq!(fault("if { src lower }"), "`lower` is the name of a converter");
        assert_eq!(fault("if { hdr_bag(x) 1 }"), "unknown fetch `hdr_bag`");
        let (_, report) = condition(&world("", REQUEST), "if nope { hdr(x) -q } { src x } or also");
        assert_eq!(report.errors(), 4, "each is reported: {:?}", report.faults);
    }

    #[test]
    fn an_acl_is_known_in_its_section_from_its_line_on() {
        let text = "defaults d\n acl inherited hdr(x) 1\nfrontend f from d\n acl own hdr(x) 1\n \
                    use_backend b if own\n use_backend b if inherited\n use_backend b if late\n \
                    acl late hdr(x) 1\nbackend b\n";
        let world = World::new().plan(text);
        let (errors, report) = world.compile("", |_, compiler| {
            let mut acls = Acls::compile(compiler);
            let rules = &compiler.proxy.expect("a proxy").rules.use_backend;
            let errors: Vec<usize> = rules
                .iter()
                .map(|rule| {
                    let before = compiler.report.errors();
                    let mut words = Words::new(&rule.words[1..], rule.span);
                    Condition::parse(&mut words, &mut acls, Scope::FRONT, "a rule", compiler);
                    compiler.report.errors() - before
                })
                .collect();
            let unused: Vec<String> = acls.unused().map(|(name, _)| name.to_owned()).collect();
            assert!(unused.is_empty(), "{unused:?}");
            errors
        });
        assert_eq!(errors, [0, 1, 1], "{:?}", report.faults);
    }

    #[test]
    fn unused_acls_are_known() {
        let world = world("acl a hdr(x) 1\nacl b hdr(x) 1\nacl a hdr(x) 2", REQUEST);
        let (_, _, acls) = compiled(&world, "if b");
        let unused: Vec<&str> = acls.unused().map(|(name, _)| name).collect();
        assert_eq!(unused, ["a"]);
    }

    #[test]
    fn what_cannot_match_is_warned_of() {
        let world = world("", REQUEST);
        for text in [
            "if { hdr(x) }",
            "if { hdr(x) -m dir / }",
            "if { hdr(x) -m dom .:. }",
            "if { method get }",
            "if { res.hdr(x) a }",
            "if",
            "if !",
            "if { hdr(x) 1 } or",
            "if { hdr(x) 1 } \"\" x",
        ] {
            let (condition, report) = condition(&world, text);
            assert!(condition.is_some(), "{text}");
            assert_eq!(report.faults.len(), 1, "{text}: {:?}", report.faults);
        }
        for text in ["if { hdr(x) -- }", "if { hdr(x) -m found }", "if { ssl_fc }", "if ! METH_GET"]
        {
            assert!(condition(&world, text).1.faults.is_empty(), "{text}");
        }
    }

    #[test]
    fn names_have_few_characters() {
        for (name, good) in [
            ("a:b.c-d_e", true),
            ("a/b", false),
            ("or", false),
            ("OR", false),
            ("ä", false),
            ("", false),
        ] {
            let mut report = Report::default();
            assert_eq!(legal(&Word::synthetic(name), &mut report), good, "{name}");
            assert_eq!(report.errors(), usize::from(!good));
        }
    }
}
