//! What the families of proxy keywords share: rows of their tables, and how settings are kept.

use crate::config::advice;
use crate::config::args::{Args, shown};
use crate::config::keyword::{Feature, Keyword, Parse, Prefix, Status};
use crate::config::plan::{Given, Proxy, RuleLine};
use crate::config::section::{Section, Sections};
use crate::config::source::Span;
use crate::config::word::Word;

/// `defaults`, `frontend`, `listen`.
pub const FRONTS: Sections = Sections::DEFAULTS.or(Sections::FRONTS);
/// `defaults`, `backend`, `listen`.
pub const BACKS: Sections = Sections::DEFAULTS.or(Sections::BACKS);
/// `frontend`, `backend`, `listen`.
pub const SERVING: Sections = Sections::FRONTEND.or(Sections::BACKS);

/// A row for a supported keyword of proxies that takes no prefix.
pub const fn row(
    name: &'static str,
    sections: Sections,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Proxy),
) -> Keyword {
    let (status, prefix, parse) = (Status::Supported, Prefix::None, Parse::Proxy(parse));
    Keyword { name, sections, status, prefix, syntax, about, example, parse }
}

/// A row for a keyword that is refused.
pub const fn refused(
    name: &'static str,
    sections: Sections,
    why: &'static str,
    instead: &'static str,
    about: &'static str,
    example: &'static str,
) -> Keyword {
    Keyword {
        name,
        sections,
        status: Status::Refused { why, instead },
        prefix: Prefix::None,
        syntax: "...",
        about,
        example,
        parse: Parse::Any,
    }
}

impl Keyword {
    /// The same, for what is not built yet.
    pub const fn later(self, feature: Feature) -> Keyword {
        Keyword { status: Status::Later(feature), ..self }
    }

    /// The same, for what changes nothing here.
    pub const fn without_effect(self, why: &'static str) -> Keyword {
        Keyword { status: Status::NoEffect(why), ..self }
    }

    /// The same, with a prefix.
    pub const fn with(self, prefix: Prefix) -> Keyword {
        Keyword { prefix, ..self }
    }
}

/// Whether a place lies in the section that `proxy` stands for, not in a `defaults` before it.
pub fn in_section(proxy: Span, place: Span) -> bool {
    place.file == proxy.file && place.start > proxy.start
}

/// Puts a setting into its place; says so if an earlier line of the section set it already.
///
/// `proxy` is the place of the section's header.
pub fn set<T>(args: &mut Args<'_>, proxy: Span, slot: &mut Option<Given<T>>, value: Given<T>) {
    if let Some(earlier) = slot {
        replaced(args, proxy, earlier.span);
    }
    *slot = Some(value);
}

/// Says that this line replaces what stands at `earlier`, if that is in the same section.
pub fn replaced(args: &mut Args<'_>, proxy: Span, earlier: Span) {
    if !in_section(proxy, earlier) {
        return;
    }
    let message = format!("`{}` is set a second time in this section", args.keyword.name);
    let span = args.keyword_span();
    let fault = args.report.advise(&advice::DUPLICATE, span, message);
    fault.label("this line holds").also(earlier, "this one does not");
}

/// A value with the place of the whole keyword.
pub fn here<T>(args: &Args<'_>, value: T) -> Given<T> {
    Given { value, span: args.keyword_span() }
}

/// Takes what is left of the line, which HAProxy reads past without a word.
pub fn surplus(args: &mut Args<'_>) {
    let rest = args.rest();
    let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return };
    let message = format!("nobody reads `{}` behind `{}`", shown(first), args.keyword.name);
    let fault = args.report.advise(&advice::EXTRA_WORDS, first.span.to(last.span), message);
    fault.label("these words do nothing").help("remove them");
}

/// The next word, which must not be empty.
pub fn text(args: &mut Args<'_>, expected: &str) -> Option<Given<Box<str>>> {
    let word = word(args, expected)?;
    Some(Given { value: word.text.clone(), span: word.span })
}

/// The next word, which must not be empty.
pub fn word<'a>(args: &mut Args<'a>, expected: &str) -> Option<&'a Word> {
    let word = args.word(expected)?;
    if word.is_empty() {
        empty(args, word, expected);
        return None;
    }
    Some(word)
}

/// Reports that a word is empty: a pair of quotes, or a variable that is not set.
pub fn empty(args: &mut Args<'_>, word: &Word, expected: &str) {
    args.error(word.span, format!("`{}` needs {expected}, not an empty word", args.keyword.name))
        .label(format!("expected {expected}"))
        .help("is there a variable in it that is not set?");
}

/// The name of a header field: a token of RFC 9110 §5.6.2.
pub fn field_name(args: &mut Args<'_>, expected: &str) -> Option<Given<Box<str>>> {
    let word = word(args, expected)?;
    let good = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if let Some(at) = word.find(|c| !good(c)) {
        let length = word[at..].chars().next().map_or(1, char::len_utf8);
        args.error(word.part(at..at + length), "this character cannot stand in a field's name")
            .label("letters, digits, - and _ can");
        return None;
    }
    Some(Given { value: word.text.clone(), span: word.span })
}

/// The rest of the line as a rule line, behind the keyword.
pub fn rule_line(args: &mut Args<'_>) -> RuleLine {
    let (keyword, span) = (args.keyword.name, args.line.span);
    RuleLine { keyword, words: args.rest().into(), span }
}

/// A rule line of these words only.
pub fn rule_of(args: &Args<'_>, words: &[Word]) -> RuleLine {
    RuleLine { keyword: args.keyword.name, words: words.into(), span: args.line.span }
}

/// Keeps a line whose words hold an expression or a log format; its index in the list.
pub fn keep(lines: &mut Vec<RuleLine>, line: RuleLine) -> usize {
    lines.push(line);
    lines.len() - 1
}

/// Whether the line may stand here: rules stand in no `defaults` without a name.
pub fn named(args: &mut Args<'_>, proxy: &Proxy) -> bool {
    if proxy.section != Section::Defaults || !proxy.name.is_empty() {
        return true;
    }
    let message = format!("`{}` has no place in a `defaults` without a name", args.keyword.name);
    args.rest();
    args.error(args.keyword_span(), message)
        .also(proxy.span, "this section has no name")
        .help("give it one: `defaults NAME`, and write `from NAME` behind the proxies that use it");
    false
}

/// What follows must be `if` or `unless`, and is left for the compiler.
pub fn condition(args: &mut Args<'_>) -> bool {
    match args.peek() {
        Some(word) if matches!(&*word.text, "if" | "unless") => true,
        Some(word) => {
            args.unknown(word, "`if` or `unless`", ["if", "unless"]);
            args.rest();
            false
        }
        None => {
            args.missing("`if` or `unless` and a condition");
            false
        }
    }
}

#[cfg(test)]
pub mod testing {
    //! For the families' tests: small texts to plans.

    use std::collections::BTreeMap;

    use crate::config::environment::Environment;
    use crate::config::plan::{Plan, Proxy};
    use crate::config::read::read;
    use crate::config::report::{Level, Report};
    use crate::config::source::MemoryFiles;

    /// Reads a text; the file `/empty` is empty and `/503` an answer.
    pub fn plan(text: &str) -> (Plan, Report) {
        let answer = b"HTTP/1.1 503 Busy\r\nContent-Type: text/html\r\n\r\n<p>busy".to_vec();
        let files = MemoryFiles(BTreeMap::from([
            ("a.cfg".to_owned(), text.as_bytes().to_vec()),
            ("/empty".to_owned(), Vec::new()),
            ("/dev/null".to_owned(), Vec::new()),
            ("/503".to_owned(), answer),
        ]));
        let mut report = Report::default();
        let paths = ["a.cfg".to_owned()];
        let plan = read(&paths, &files, &mut Environment::default(), &mut report);
        (plan, report)
    }

    /// The proxy of lines in a `listen`, which must have no errors.
    pub fn good(lines: &str) -> Proxy {
        good_in("listen l", lines)
    }

    /// The proxy of lines in a section, which must have no errors.
    pub fn good_in(header: &str, lines: &str) -> Proxy {
        let (mut plan, report) = plan(&format!("{header}\n{lines}\n"));
        assert_eq!(errors_of(&plan, &report), Vec::<String>::new(), "{lines}");
        plan.proxies.append(&mut plan.defaults);
        plan.proxies.pop().expect("a proxy")
    }

    /// The words that the errors of lines in a `listen` point at.
    pub fn bad(lines: &str) -> Vec<String> {
        bad_in("listen l", lines)
    }

    /// The words that the errors of lines in a section point at.
    pub fn bad_in(header: &str, lines: &str) -> Vec<String> {
        let (plan, report) = plan(&format!("{header}\n{lines}\n"));
        let spans = report.faults.iter().filter(|fault| fault.level == Level::Error);
        spans.map(|fault| plan.sources.slice(fault.span.expect("a place")).to_owned()).collect()
    }

    /// The names of the advice for lines in a section.
    pub fn advice_in(header: &str, lines: &str) -> Vec<&'static str> {
        let (_, report) = plan(&format!("{header}\n{lines}\n"));
        report.faults.iter().filter_map(|fault| fault.advice).collect()
    }

    /// The features that lines in a `listen` ask for and this build does not have.
    pub fn missing(lines: &str) -> Vec<String> {
        let (_, report) = plan(&format!("listen l\n{lines}\n"));
        report.missing.keys().map(|feature| format!("{feature:?}")).collect()
    }

    fn errors_of(_plan: &Plan, report: &Report) -> Vec<String> {
        let errors = report.faults.iter().filter(|fault| fault.level == Level::Error);
        errors.map(|fault| fault.message.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::bad_in;
    use crate::config::keyword::{Prefix, Status};
    use crate::config::keywords::all;
    use crate::config::section::{Section, Sections};

    /// Examples stand in the first section that the table names; `defaults` needs a name for rules.
    fn header(sections: Sections) -> &'static str {
        match sections.iter().next() {
            Some(Section::Defaults) => "defaults d",
            Some(Section::Frontend) => "frontend f",
            _ => "backend b",
        }
    }

    #[test]
    fn examples_say_what_the_table_says() {
        let proxies = all().filter(|keyword| keyword.sections.has(Section::Listen));
        for keyword in proxies {
            let lines = format!("{}\nhttp-errors mysite", keyword.example);
            let faults = bad_in(header(keyword.sections), &lines);
            let refused = matches!(keyword.status, Status::Refused { .. });
            assert_eq!(!faults.is_empty(), refused, "{}: {faults:?}", keyword.example);
            assert!(keyword.example.starts_with(keyword.name), "{}", keyword.name);
            let negated = bad_in(header(keyword.sections), &format!("no {}", keyword.example));
            let rejected = negated.first().is_some_and(|word| word == "no");
            assert_eq!(rejected, keyword.prefix == Prefix::None, "no {}", keyword.example);
        }
    }
}
