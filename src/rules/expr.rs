//! Sample expressions: a fetch and its converters, `req.hdr(host),lower,field(1,:)`.
//!
//! In: words, and the compiler. Out: an [`Expr`] whose types fit together; evaluated against a
//! [`Context`] it gives one sample (the last of many) or each of them.

use std::ops::{ControlFlow, Range};

use super::arg::{self, Arg};
use super::compiler::{Compiler, Scope, Words};
use super::context::Context;
use super::convert::{self, Converter};
use super::fetch::{self, Fetch, Get};
use super::value::{Type, Value, castable};
use crate::config::advice;
use crate::config::args::shown_text;
use crate::config::keyword::Status;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::config::word::Word;

/// How many converters an expression may have.
pub const CONVERTERS_MAX: usize = 64;

/// A converter with its arguments.
#[derive(Clone)]
pub struct Step {
    /// Its table entry.
    pub converter: &'static Converter,
    /// Its arguments, as many as it has parameters.
    pub args: Box<[Arg]>,
}

/// A compiled expression.
#[derive(Clone)]
pub struct Expr {
    /// The fetch's table entry.
    pub fetch: &'static Fetch,
    /// Its arguments, as many as it has parameters.
    pub args: Box<[Arg]>,
    /// What is done to the sample, in order.
    pub steps: Box<[Step]>,
    /// Where it stands.
    pub span: Span,
    /// Where rules of the proxy it stands in can run.
    pub sides: Scope,
    /// As it was written: for explanations, and to see that two expressions are the same.
    pub text: Box<str>,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expr({})", self.text)
    }
}

impl Expr {
    /// Parses an expression that begins with the next word; converters may follow in words of their
    /// own. Faults are reported.
    pub fn parse(words: &mut Words<'_>, compiler: &mut Compiler<'_>) -> Option<Expr> {
        let word = words.word("an expression", compiler)?;
        let (mut expr, end) = Expr::parse_in(word, 0, compiler)?;
        if end < word.len() {
            trailing(word, end, compiler.report);
            return None;
        }
        let mut steps = expr.steps.into_vec();
        while let Some(next) = words.peek().filter(|next| begins_converter(next)) {
            words.take();
            let end = converters(next, 0, expr.fetch, &mut steps, compiler)?;
            if end < next.len() {
                trailing(next, end, compiler.report);
                return None;
            }
            expr.span = expr.span.to(next.span);
            expr.text = format!("{},{}", expr.text, next.text).into();
        }
        Some(Expr { steps: steps.into(), ..expr })
    }

    /// Parses converters alone, for a text that is there anyway: the fetch of the expression is `str`.
    /// Faults are reported.
    pub fn of_text(word: &Word, compiler: &mut Compiler<'_>) -> Option<Expr> {
        let fetch = fetch::find("str")?;
        let mut steps = Vec::new();
        let end = converters(word, 0, fetch, &mut steps, compiler)?;
        if end < word.len() {
            trailing(word, end, compiler.report);
            return None;
        }
        Some(Expr {
            fetch,
            args: [Arg::Str("".into())].into(),
            steps: steps.into(),
            span: word.span,
            sides: compiler.proxy.map_or(Scope::ALL, Scope::of),
            text: word.text.clone(),
        })
    }

    /// Parses an expression from byte `at` of `word` on, as far as it goes; gives where it ended.
    /// Faults are reported.
    pub fn parse_in(word: &Word, at: usize, compiler: &mut Compiler<'_>) -> Option<(Expr, usize)> {
        let name = name_at(word, at);
        let Some(fetch) = fetch::find(&word[name.clone()]) else {
            let span = word.part(name.clone());
            unknown("fetch", &word[name], span, fetch::names(), compiler.report);
            return None;
        };
        Expr::parse_of(fetch, word, name, compiler)
    }

    /// The same where `name`, the bytes of the fetch's name, already was looked up: ACLs have names of
    /// their own for some fetches.
    pub fn parse_of(
        fetch: &'static Fetch,
        word: &Word,
        name: Range<usize>,
        compiler: &mut Compiler<'_>,
    ) -> Option<(Expr, usize)> {
        let (at, span) = (name.start, word.part(name.clone()));
        usable(fetch.name, fetch.status, span, compiler.report)?;
        let (mut args, mut end) =
            arguments(word, name.clone(), fetch.params, lone_text(fetch.params), compiler)?;
        if let Some(check) = fetch.check {
            check(&mut args, word.part(at..end), compiler)?;
        }
        let mut steps = Vec::new();
        if word[end..].starts_with(',') {
            end = converters(word, end + 1, fetch, &mut steps, compiler)?;
        }
        let expr = Expr {
            fetch,
            args,
            steps: steps.into(),
            span: word.part(at..end),
            sides: compiler.proxy.map_or(Scope::ALL, Scope::of),
            text: word[at..end].into(),
        };
        Some((expr, end))
    }

    /// The type of what it gives.
    pub fn output(&self) -> Type {
        output(self.fetch, &self.steps)
    }

    /// Whether it is known in (one of) these places. Where it is not it gives no sample.
    pub fn fits(&self, scope: Scope) -> bool {
        self.fetch.scopes.meets(Scope(scope.0 & self.sides.0))
    }

    /// Reports an expression that cannot be evaluated where it stands; `place` says where that is.
    pub fn check_scope(&self, scope: Scope, place: &str, report: &mut Report) -> bool {
        let fits = self.fits(scope);
        if !fits {
            report
                .error(self.span, format!("`{}` is not known in {place}", self.fetch.name))
                .label(self.fetch.known());
        }
        fits
    }

    /// The sample: of several, the one that the fetch is said to give, mostly the last.
    pub fn last<'a>(&'a self, context: &Context<'a>) -> Option<Value<'a>> {
        let value = match self.fetch.get {
            Get::One(get) | Get::Many(get, _) => get(context, &self.args),
            Get::Never => None,
        };
        self.convert(context, value?)
    }

    /// Every sample, in order, until `each` breaks or a converter fails.
    pub fn each<'a>(
        &'a self,
        context: &Context<'a>,
        each: &mut dyn FnMut(Value<'a>) -> ControlFlow<()>,
    ) {
        match self.fetch.get {
            Get::One(get) => {
                if let Some(value) =
                    get(context, &self.args).and_then(|it| self.convert(context, it))
                {
                    let _ = each(value);
                }
            }
            Get::Many(_, get) if self.steps.is_empty() => {
                let _ = get(context, &self.args, each);
            }
            Get::Many(_, get) => {
                let _ = get(context, &self.args, &mut |value| match self.convert(context, value) {
                    Some(value) => each(value),
                    // HAProxy looks no further: later samples are not tried.
                    None => ControlFlow::Break(()),
                });
            }
            Get::Never => {}
        }
    }

    fn convert<'a>(&'a self, context: &Context<'a>, value: Value<'a>) -> Option<Value<'a>> {
        self.steps.iter().try_fold(Some(value), |value, step| {
            let value = match value {
                Some(value) => value.cast(step.converter.input),
                None => None,
            };
            // A converter may have an answer for what is missing (`iif`, `default`...).
            Some((step.converter.apply)(context, value, &step.args))
        })?
    }
}

fn output(fetch: &Fetch, steps: &[Step]) -> Type {
    steps.iter().fold(fetch.output, |before, step| match step.converter.output {
        Type::Same => before,
        output => output,
    })
}

/// The bytes of the name that begins at `at`.
pub(super) fn name_at(word: &str, at: usize) -> Range<usize> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-+:".contains(c);
    let rest = word.get(at..).unwrap_or_default();
    at..at + rest.find(|c| !legal(c)).unwrap_or(rest.len())
}

pub(super) fn begins_converter(word: &Word) -> bool {
    let name = name_at(word, 0);
    convert::find(&word[name]).is_some()
}

/// A fetch that needs a text first takes an empty one if it has no parentheses.
fn lone_text(params: &[arg::Param]) -> Vec<arg::Raw> {
    match params.first() {
        Some(first) if first.kind == arg::Kind::Str && !first.optional => {
            vec![arg::Raw { text: String::new(), range: 0..0 }]
        }
        _ => Vec::new(),
    }
}

fn arguments(
    word: &Word,
    name: Range<usize>,
    params: &[arg::Param],
    without: Vec<arg::Raw>,
    compiler: &mut Compiler<'_>,
) -> Option<(Box<[Arg]>, usize)> {
    let (raw, end) = match word[name.end..].starts_with('(') {
        true => match arg::split(word, name.end) {
            Ok(found) => found,
            Err((message, range)) => {
                compiler.report.error(word.part(range), message);
                return None;
            }
        },
        false => (without, name.end),
    };
    let span = word.part(name.clone());
    let args = arg::check(&word[name], span, params, &raw, word, compiler)?;
    Some((args.into(), end))
}

/// Parses converters from byte `at` on; gives where they ended.
fn converters(
    word: &Word,
    mut at: usize,
    fetch: &Fetch,
    steps: &mut Vec<Step>,
    compiler: &mut Compiler<'_>,
) -> Option<usize> {
    loop {
        let name = name_at(word, at);
        let span = word.part(name.clone());
        let Some(converter) = convert::find(&word[name.clone()]) else {
            unknown("converter", &word[name], span, convert::names(), compiler.report);
            return None;
        };
        usable(converter.name, converter.status, span, compiler.report)?;
        let before = output(fetch, steps);
        if !castable(before, converter.input) {
            let message = format!("`{}` cannot take {before}", converter.name);
            compiler.report.error(span, message).label(format!("it wants {}", converter.input));
            return None;
        }
        if steps.len() == CONVERTERS_MAX {
            compiler.report.error(span, format!("more than {CONVERTERS_MAX} converters"));
            return None;
        }
        let (mut args, end) = arguments(word, name, converter.params, Vec::new(), compiler)?;
        if let Some(check) = converter.check {
            check(&mut args, word.part(at..end), compiler)?;
        }
        steps.push(Step { converter, args });
        if !word[end..].starts_with(',') {
            return Some(end);
        }
        at = end + 1;
    }
}

/// Reports a name that this build refuses or does not have yet; `None` if it is refused.
pub fn usable(name: &str, status: Status, span: Span, report: &mut Report) -> Option<()> {
    match status {
        Status::Supported => {}
        Status::Later(feature) => report.later(feature, span),
        Status::NoEffect(why) => {
            report.advise(&advice::NO_EFFECT, span, format!("`{name}` has no effect: {why}"));
        }
        Status::Refused { why, instead } => {
            report
                .error(span, format!("`{name}` is not possible: {why}"))
                .label("refused")
                .help(instead);
            return None;
        }
    }
    Some(())
}

/// Reports an unknown name of a fetch, converter or action, with the nearest ones.
pub fn unknown<'n>(
    what: &str,
    name: &str,
    span: Span,
    names: impl Iterator<Item = &'n str>,
    report: &mut Report,
) {
    let near = did_you_mean(&nearest(name, names));
    let message = match name.is_empty() {
        true => format!("the name of a {what} is missing"),
        false => format!("unknown {what} `{}`", shown_text(name)),
    };
    let fault = report.error(span, message);
    fault.label(format!("expected a {what}"));
    if let Some(near) = near {
        fault.help(near);
    }
}

pub(super) fn trailing(word: &Word, at: usize, report: &mut Report) {
    let rest = shown_text(&word[at..]);
    report
        .error(word.part(at..word.len()), format!("unexpected `{rest}` behind the expression"))
        .label("expected a comma and a converter, or the end");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::World;

    #[test]
    fn a_fetch_is_known_where_its_facts_are() {
        let fits = |world: &World, expr: &str, scope| world.expr(expr).fits(scope);
        let nowhere = World::new();
        assert!(fits(&nowhere, "path", Scope::REQUEST));
        assert!(!fits(&nowhere, "path", Scope::RESPONSE));
        assert!(!fits(&nowhere, "path", Scope::LOG));
        assert!(!fits(&nowhere, "ssl_fc", Scope::CONNECTION));
        assert!(fits(&nowhere, "ssl_fc", Scope::SESSION));
        assert!(fits(&nowhere, "hdr(a)", Scope::RESPONSE));
        assert!(fits(&nowhere, "method", Scope::LOG));
        assert!(!fits(&nowhere, "res.hdr(a)", Scope::LOG));
    }

    #[test]
    fn a_converter_that_fails_ends_the_list() {
        let world = World::request("GET / HTTP/1.1\nA: 1, 2\nA: x\nA: 3\n");
        assert_eq!(world.texts("hdr(a)"), ["1", "2", "x", "3"]);
        let world = World::request("GET / HTTP/1.1\nA: 10.0.0.1, x, 10.0.0.2\n");
        assert_eq!(world.texts("hdr(a),ipmask(8)"), ["10.0.0.0"]);
    }

    /// HAProxy refuses `http-request set-header x %[be_name]` in a `frontend`, not in a `listen`.
    #[test]
    fn a_proxy_has_the_places_of_its_sides() {
        for (section, known) in [("frontend p", false), ("backend p", true), ("listen p", true)] {
            let world = World::new().plan(&format!("{section}\n"));
            let (_, report) = world.compile("be_name", |words, compiler| {
                let expr = Expr::parse(words, compiler).expect("an expression");
                expr.check_scope(Scope::REQUEST, "an `http-request` rule", compiler.report)
            });
            assert_eq!(report.failed(), !known, "{section}");
        }
    }

    #[test]
    fn what_every_request_asks_for_allocates_nothing() {
        let text = "GET /a?b=1 HTTP/1.1\nHost: h.example\nCookie: a=1; b=2\nAccept: a, b\n";
        let world = World::request(text);
        let context = world.context();
        for text in [
            "hdr(host)",
            "req.hdr(accept,1)",
            "req.hdr_cnt(accept)",
            "path",
            "pathq",
            "query",
            "url",
            "method",
            "src",
            "dst_port",
            "ssl_fc",
            "req.cook(b)",
            "url_param(b)",
            "urlp_val(b)",
        ] {
            let expr = world.expr(text);
            let info = allocation_counter::measure(|| assert!(expr.last(&context).is_some()));
            assert_eq!(info.count_total, 0, "{text}");
        }
    }

    #[test]
    fn parentheses_without_text_may_be_left_out() {
        let world = World::request("GET /?a=1 HTTP/1.1\nHost: h\n");
        for expr in ["url_param", "url_param()", "path", "path()", "rand(1)"] {
            assert!(world.text(expr).is_some(), "{expr}");
        }
        assert_eq!(world.faults("path(1)").len(), 1);
    }
}
