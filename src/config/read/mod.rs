//! Files to plan: line by line, section by section.
//!
//! In: the `-f` arguments, the environment, and where files come from. Out: a [`Plan`], complete as
//! far as the text allows, and a [`Report`]. A plan whose report holds errors is good for looking at,
//! not for running.
//!
//! Limits: [`FILE_MAX`](super::source::FILE_MAX) bytes a file, [`LINE_MAX`] bytes a line,
//! [`NESTING_MAX`] levels of `.if`.

use std::collections::BTreeMap;

use super::advice;
use super::args::{Args, Negation, shown, shown_text};
use super::condition;
use super::environment::Environment;
use super::keyword::{Keyword, Parse, Prefix, Status};
use super::keywords::{self, Found};
use super::look_alike;
use super::nearest::{did_you_mean, nearest};
use super::plan::{self, Plan, Proxy};
use super::report::{Level, Report};
use super::section::Section;
use super::source::{Files, Span};
use super::tokenize::{Token, tokenize};
use super::word::{Line, Word};

mod header;
mod preprocess;
mod text;

use preprocess::Blocks;
pub use text::LINE_MAX;

/// How deep `.if` may be nested.
pub const NESTING_MAX: usize = 100;

/// Where the lines of a section go.
#[derive(Clone, Debug, Default)]
enum Current {
    /// Before the first section.
    #[default]
    None,
    /// `global`.
    Global,
    /// A section of a kind with a name: the thing itself, until the section ends.
    Proxy(Box<Proxy>),
    Userlist(plan::Userlist),
    Resolvers(plan::Resolvers),
    Peers(Box<plan::Peers>),
    HttpErrors(plan::HttpErrors),
    Cache(plan::Cache),
    Ring(plan::Ring),
    CrtStore(plan::CrtStore),
    Mailers(plan::Mailers),
    Carp(plan::Carp),
    /// A section whose lines only pass through the keyword table.
    Other,
}

/// Reads files (or folders of `*.cfg` files) in order.
pub fn read(
    paths: &[String],
    files: &dyn Files,
    environment: &mut Environment,
    report: &mut Report,
) -> Plan {
    let mut reader = Reader {
        plan: Plan::default(),
        report,
        files,
        environment,
        section: None,
        section_name: String::new(),
        current: Current::None,
        defaults_by_name: BTreeMap::new(),
        blocks: Blocks::default(),
    };
    let texts = reader.load(paths);
    for text in texts {
        reader.file(&text);
    }
    reader.end_section();
    let mut plan = reader.plan;
    plan.environment = environment.clone();
    super::resolve::resolve(&mut plan, report);
    plan
}

struct Reader<'a> {
    plan: Plan,
    report: &'a mut Report,
    files: &'a dyn Files,
    environment: &'a mut Environment,
    section: Option<Section>,
    section_name: String,
    current: Current,
    /// Indexes into the plan's `defaults`; several sections may have one name.
    defaults_by_name: BTreeMap<Box<str>, Vec<usize>>,
    blocks: Blocks,
}

impl Reader<'_> {
    fn file(&mut self, text: &text::Text) {
        self.environment.enter(self.plan.sources.name(text.file));
        let whole = self.plan.sources.shared(text.file);
        let mut start = text.start;
        for (index, line) in whole[start..].split_inclusive('\n').enumerate() {
            let content = line.trim_end_matches(['\n', '\r']);
            self.line(text, content, start, index + 1);
            start += line.len();
        }
        self.end_section();
        self.section = None;
        self.blocks.end_of_file(self.report);
    }

    fn line(&mut self, text: &text::Text, content: &str, start: usize, number: usize) {
        let whole =
            Span { file: text.file, start: start as u32, end: (start + content.len()) as u32 };
        if content.len() > LINE_MAX {
            let first = content.chars().next().map_or(0, char::len_utf8);
            self.report
                .error(whole.part(0..first), format!("a line of {} bytes", content.len()))
                .label(format!("a line may have {LINE_MAX} bytes"))
                .help("divide it, or move its values into a file (`-f`)");
            return;
        }
        if let Some(at) = content.find('\r') {
            self.report
                .error(whole.part(at..at + 1), "a carriage return in the middle of a line")
                .label("HAProxy would read this line no further")
                .help("end lines with a line feed");
            return;
        }
        let Some(words) = self.words(text, content, whole, number) else { return };
        let comment = words.last().map_or(0, |last| (last.span.end - whole.start) as usize);
        self.comment(content, comment, whole);
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let span = first.span.to(last.span);
        let line = Line { words, span };
        if line.words[0].starts_with('.') {
            self.directive(&line);
        } else if self.blocks.active() {
            self.look_alikes(&line);
            self.statement(&line);
        }
    }

    /// The words of a line; `None` if it has a fault, which is reported.
    fn words(
        &mut self,
        text: &text::Text,
        content: &str,
        whole: Span,
        number: usize,
    ) -> Option<Vec<Word>> {
        let (environment, name) = (&*self.environment, self.plan.sources.name(text.file));
        let section = &self.section_name;
        let lookup = |variable: &str| match variable {
            ".FILE" => Some(name.to_owned()),
            ".LINE" => Some(number.to_string()),
            ".SECTION" => Some(section.clone()),
            _ => environment.get(variable).map(str::to_owned),
        };
        let tokens = match tokenize(content, lookup) {
            Ok(tokens) => tokens,
            Err((fault, range)) => {
                // Also where lines are skipped: HAProxy divides them before it skips them.
                self.report.error(whole.part(range), fault.to_string()).help(fault.help());
                return None;
            }
        };
        let words: Vec<Word> =
            tokens.into_iter().map(|token| word(token, content, whole)).collect();
        let broken = words.iter().find_map(|word| Some((word, text.broken(word.span)?)));
        if let (Some((word, byte)), true) = (broken, self.blocks.active()) {
            self.report
                .error(word.span, format!("`{}` is not UTF-8", shown(word)))
                .label(format!("the byte {byte:02X} begins no character"))
                .help("save the file as UTF-8");
            return None;
        }
        Some(words)
    }

    /// What follows the last word of a line: a comment may name advice that nobody wants to hear.
    fn comment(&mut self, content: &str, at: usize, whole: Span) {
        let Some((blanks, comment)) = content[at..].split_once('#') else { return };
        let Some(names) = comment.trim_start().strip_prefix("koi: silence ") else { return };
        if !self.blocks.active() || !blanks.trim().is_empty() {
            return;
        }
        let mut next = content.len() - names.len();
        for name in names.split([' ', ',', '\t']) {
            let start = next;
            next += name.len() + 1;
            if name.is_empty() {
                continue;
            }
            if advice::find(name).is_some() {
                self.report.silence(name);
                continue;
            }
            let fault = self.report.advise(
                &advice::SILENCE,
                whole.part(start..start + name.len()),
                format!("no advice is named `{}`", shown_text(name)),
            );
            if let Some(meant) = did_you_mean(&nearest(name, advice::names())) {
                fault.help(meant);
            }
        }
    }

    /// Warns of characters that look like blanks or quotes and are none.
    fn look_alikes(&mut self, line: &Line) {
        for word in line.words.iter().filter(|word| !word.is_ascii()) {
            let found = word.char_indices().find_map(|(at, character)| {
                let like = look_alike::find(character)?;
                (word.verbatim || !like.fine_in_quotes).then_some((at, character, like))
            });
            let Some((at, character, like)) = found else { continue };
            self.report
                .advise(
                    &advice::LOOK_ALIKE,
                    word.part(at..at + character.len_utf8()),
                    format!("{} (U+{:04X}) {}", like.name, u32::from(character), like.problem),
                )
                .label(format!("in `{}`", shown(word)))
                .help(like.help);
        }
    }

    /// A line that is no preprocessor directive.
    fn statement(&mut self, line: &Line) {
        let first = &line.words[0];
        if let Some(&section) = Section::ALL.iter().find(|section| section.word() == &*first.text) {
            self.end_section();
            self.begin_section(section, line);
            return;
        }
        let Some(section) = self.section else {
            let near = nearest(first, Section::ALL.iter().map(|section| section.word()));
            let fault =
                self.report.error(first.span, format!("`{}` stands in no section", shown(first)));
            fault.label(
                "a section must be opened first: global, defaults, frontend, backend, listen ...",
            );
            if let Some(meant) = did_you_mean(&near) {
                fault.help(meant);
            }
            return;
        };
        self.keyword_line(section, line);
    }

    fn keyword_line(&mut self, section: Section, line: &Line) {
        let negation = match &*line.words[0].text {
            "no" => Negation::No,
            // HAProxy 3.0 documents this prefix, and refuses every line that has it.
            "default" if line.words.len() > 1 => {
                self.report
                    .error(line.words[0].span, "`default` cannot stand before a keyword")
                    .label("HAProxy 3.0 refuses it, too")
                    .help("write the value itself, or `no` before a switch to turn it off");
                return;
            }
            _ => Negation::None,
        };
        let skip = usize::from(negation != Negation::None);
        let Some(first) = line.words.get(skip) else {
            let message = format!("`{}` needs a keyword behind it", line.words[0].text);
            self.report.error(line.words[0].span, message);
            return;
        };
        let texts = line.words[skip..].iter().map(|word| &*word.text);
        match keywords::find(section, texts) {
            Found::Keyword(keyword, length) => {
                if self.prefix_fits(keyword, negation, line) {
                    self.apply(keyword, section, negation, line, skip + length);
                }
            }
            Found::OtherSide(keyword, length) => {
                if self.prefix_fits(keyword, negation, line) {
                    self.apply_in_vain(keyword, section, negation, line, skip + length);
                }
            }
            Found::Elsewhere(sections, length) => {
                let span = first.span.to(line.words[skip + length - 1].span);
                let name = self.plan.sources.slice(span).to_owned();
                self.report
                    .error(
                        span,
                        format!("`{}` has no place in `{}`", shown_text(&name), section.word()),
                    )
                    .label(format!("it belongs in {sections}"));
            }
            Found::Second(seconds) => self.unknown_second(section, line, skip, &seconds),
            Found::Unknown => {
                let near = keywords::nearest_in(section, first);
                let message = format!("unknown keyword `{}` in `{}`", shown(first), section.word());
                let fault = self.report.error(first.span, message);
                fault.label(format!("not a keyword of `{}`", section.word()));
                if let Some(meant) = did_you_mean(&near) {
                    fault.help(meant);
                }
            }
        }
    }

    fn unknown_second(
        &mut self,
        section: Section,
        line: &Line,
        at: usize,
        seconds: &[&'static str],
    ) {
        let first = &line.words[at];
        let expected = seconds.join(", ");
        let Some(second) = line.words.get(at + 1) else {
            self.report
                .error(first.span.after(), format!("`{}` needs a word behind it", shown(first)))
                .help(format!("in `{}` there are: {expected}", section.word()));
            return;
        };
        let near = nearest(second, seconds.iter().copied());
        let fault = self.report.error(
            second.span,
            format!("unknown `{} {}` in `{}`", shown(first), shown(second), section.word()),
        );
        fault.label(format!("not a word that may follow `{}` here", shown(first)));
        match did_you_mean(&near) {
            Some(meant) => fault.help(meant),
            None => fault.help(format!("in `{}` there are: {expected}", section.word())),
        };
    }

    fn prefix_fits(&mut self, keyword: &Keyword, negation: Negation, line: &Line) -> bool {
        let fits = match negation {
            Negation::None => true,
            Negation::No => keyword.prefix != Prefix::None,
        };
        if !fits {
            let prefix = &line.words[0];
            let message = format!("`{}` cannot stand before `{}`", prefix.text, keyword.name);
            self.report.error(prefix.span, message);
        }
        fits
    }

    /// A keyword of the other side of a proxy: its words are checked, and nothing is kept.
    fn apply_in_vain(
        &mut self,
        keyword: &'static Keyword,
        section: Section,
        negation: Negation,
        line: &Line,
        first: usize,
    ) {
        let words = line.words.get(..first).unwrap_or_default();
        let span = words.first().map_or(line.span, |word| word.span);
        let span = words.last().map_or(span, |word| span.to(word.span));
        let side = if section == Section::Frontend { "servers'" } else { "clients'" };
        let message = format!("`{}` does nothing in a `{}`", keyword.name, section.word());
        let fault = self.report.advise(&advice::OTHER_SIDE, span, message);
        fault.label(format!("a keyword of the {side} side"));
        fault.help(format!("it belongs in {}", keyword.sections));
        let spare = Proxy::new(section, self.section_name.as_str().into(), line.span);
        let kept = std::mem::replace(&mut self.current, Current::Proxy(Box::new(spare)));
        self.apply(keyword, section, negation, line, first);
        self.current = kept;
    }

    fn apply(
        &mut self,
        keyword: &'static Keyword,
        section: Section,
        negation: Negation,
        line: &Line,
        first: usize,
    ) {
        let mut args = Args {
            line,
            keyword,
            section,
            negation,
            report: &mut *self.report,
            files: self.files,
            environment: &mut *self.environment,
            next: first,
            first,
        };
        let span = args.keyword_span();
        match keyword.status {
            // The section's header was refused: that is the error, and once is enough.
            Status::Refused { .. } if matches!(self.current, Current::Other) => return,
            // `no option X` asks for nothing.
            Status::Refused { .. } if negation != Negation::None => return args.end(),
            Status::Refused { why, instead } => {
                args.error(span, format!("`{}` is not possible: {why}", keyword.name))
                    .label("refused")
                    .help(instead);
                return;
            }
            Status::NoEffect(why) => {
                args.report.advise(
                    &advice::NO_EFFECT,
                    span,
                    format!("`{}` has no effect: {why}", keyword.name),
                );
            }
            Status::Later(feature) => args.later(feature, span),
            Status::Supported => {}
        }
        let errors = args.report.count(Level::Error);
        match (keyword.parse, &mut self.current) {
            (Parse::Any, _) => {
                args.rest();
            }
            (Parse::Count(least, most), _) => count(&mut args, least, most),
            (Parse::Check(check), _) => check(&mut args),
            (Parse::Global(parse), Current::Global) => parse(&mut args, &mut self.plan.global),
            (Parse::Proxy(parse), Current::Proxy(proxy)) => parse(&mut args, proxy),
            (Parse::Userlist(parse), Current::Userlist(it)) => parse(&mut args, it),
            (Parse::Resolvers(parse), Current::Resolvers(it)) => parse(&mut args, it),
            (Parse::Peers(parse), Current::Peers(it)) => parse(&mut args, it),
            (Parse::HttpErrors(parse), Current::HttpErrors(it)) => parse(&mut args, it),
            (Parse::Cache(parse), Current::Cache(it)) => parse(&mut args, it),
            (Parse::Ring(parse), Current::Ring(it)) => parse(&mut args, it),
            (Parse::CrtStore(parse), Current::CrtStore(it)) => parse(&mut args, it),
            (Parse::Mailers(parse), Current::Mailers(it)) => parse(&mut args, it),
            (Parse::Carp(parse), Current::Carp(it)) => parse(&mut args, it),
            // The table's own fault: a keyword of a section whose things it cannot fill. A test walks
            // the table, so it is not seen here.
            _ => {
                args.rest();
            }
        }
        // Behind a fault nobody knows what the rest was meant to be.
        if args.report.count(Level::Error) == errors {
            args.end();
        }
    }
}

/// Checks the number of words of a keyword that keeps none.
fn count(args: &mut Args<'_>, least: usize, most: usize) {
    for _ in 0..least {
        if args.word("an argument").is_none() {
            return;
        }
    }
    for _ in least..most {
        args.take();
    }
}

fn word(token: Token, content: &str, whole: Span) -> Word {
    let verbatim = content.get(token.range.clone()) == Some(&*token.text);
    Word { span: whole.part(token.range), text: token.text.into(), verbatim }
}
