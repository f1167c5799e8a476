//! The lines that open sections, and what happens when one ends.

use super::{Current, Reader};
use crate::config::advice;
use crate::config::args::shown;
use crate::config::keyword::Feature;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{self, Proxy};
use crate::config::section::Section;
use crate::config::word::{Line, Word};

impl Reader<'_> {
    /// Puts the section that was open into the plan.
    pub(super) fn end_section(&mut self) {
        match std::mem::take(&mut self.current) {
            Current::None | Current::Global | Current::Other => {}
            Current::Proxy(proxy) if proxy.section == Section::Defaults => {
                self.plan.defaults.push(*proxy);
            }
            Current::Proxy(proxy) => self.plan.proxies.push(*proxy),
            Current::Userlist(it) => self.plan.userlists.push(it),
            Current::Resolvers(it) => self.plan.resolvers.push(it),
            Current::Peers(it) => self.plan.peers.push(it),
            Current::HttpErrors(it) => self.plan.http_errors.push(it),
            Current::Cache(it) => self.plan.caches.push(it),
            Current::Ring(it) => self.plan.rings.push(it),
            Current::CrtStore(it) => self.plan.crt_stores.push(it),
            Current::Mailers(it) => self.plan.mailers.push(it),
            Current::Carp(it) => self.plan.carps.push(it),
        }
    }

    /// Opens the section of a header line.
    pub(super) fn begin_section(&mut self, section: Section, line: &Line) {
        self.section = Some(section);
        let name = self.name(section, line);
        self.section_name =
            if name.is_empty() { section.word().to_owned() } else { name.to_string() };
        self.nothing_behind_name(section, line);
        let span = line.span;
        self.current = match section {
            Section::Global => Current::Global,
            Section::Defaults | Section::Frontend | Section::Backend | Section::Listen => {
                Current::Proxy(Box::new(self.proxy(section, name, line)))
            }
            Section::Userlist => {
                Current::Userlist(plan::Userlist { name, span, ..Default::default() })
            }
            Section::Resolvers => {
                Current::Resolvers(plan::Resolvers { name, span, ..Default::default() })
            }
            Section::Peers => Current::Peers(plan::Peers { name, span, ..Default::default() }),
            Section::HttpErrors => {
                Current::HttpErrors(plan::HttpErrors { name, span, ..Default::default() })
            }
            Section::Cache => Current::Cache(plan::Cache { name, span, ..Default::default() }),
            Section::Ring => Current::Ring(plan::Ring { name, span, ..Default::default() }),
            Section::CrtStore => {
                Current::CrtStore(plan::CrtStore { name, span, ..Default::default() })
            }
            Section::Mailers => {
                Current::Mailers(plan::Mailers { name, span, ..Default::default() })
            }
            Section::Carp => {
                self.report.later(Feature::Carp, span);
                Current::Carp(plan::Carp { name, span, ..Default::default() })
            }
            Section::LogForward | Section::FcgiApp | Section::Program | Section::Traces => {
                self.refuse(section, line);
                Current::Other
            }
        };
    }

    /// A kind of section that Koi does not have.
    fn refuse(&mut self, section: Section, line: &Line) {
        let help = match section {
            Section::LogForward => "let a syslog daemon relay messages",
            Section::FcgiApp => "put a web server that speaks FastCGI behind Koi",
            Section::Program => "let the system's service manager run it",
            _ => "remove it: traces show the inside of HAProxy",
        };
        self.report
            .error(line.words[0].span, format!("`{}` sections are not possible", section.word()))
            .help(help);
    }

    /// The section's name, checked. Faults are reported; the section is read all the same.
    fn name(&mut self, section: Section, line: &Line) -> Box<str> {
        let mut words = line.words[1..].iter();
        let optional = matches!(
            section,
            Section::Global | Section::Defaults | Section::CrtStore | Section::Traces
        );
        let word = match words.next() {
            Some(word) if section == Section::Defaults && &*word.text == "from" => None,
            word => word,
        };
        match word {
            Some(extra) if matches!(section, Section::Global | Section::Traces) => {
                self.report.error(extra.span, format!("`{}` has no name", section.word()));
                Box::default()
            }
            Some(word) => {
                self.check_name(word);
                word.text.clone()
            }
            None if optional => Box::default(),
            None => {
                self.report
                    .error(line.span.after(), format!("`{}` needs a name", section.word()))
                    .label("a name is missing here");
                Box::default()
            }
        }
    }

    /// Words behind the name of a section that is no proxy: an error where HAProxy has one.
    fn nothing_behind_name(&mut self, section: Section, line: &Line) {
        let (Some(first), Some(last)) = (line.words.get(2), line.words.last()) else { return };
        let span = first.span.to(last.span);
        let message = format!("unexpected `{}` behind the name", shown(first));
        match section {
            Section::Userlist
            | Section::Peers
            | Section::Cache
            | Section::CrtStore
            | Section::Carp => {
                self.report.error(span, message).label("not expected here");
            }
            Section::Resolvers | Section::Mailers | Section::Ring | Section::HttpErrors => {
                self.report.advise(&advice::EXTRA_WORDS, span, message).label("ignored");
            }
            _ => {}
        }
    }

    fn check_name(&mut self, word: &Word) {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if let Some(at) = word.find(|c| !legal(c)) {
            let bad = word[at..].chars().next().unwrap_or(' ');
            self.report
                .error(
                    word.part(at..at + bad.len_utf8()),
                    format!("{bad:?} cannot stand in a name"),
                )
                .label("names are made of letters, digits, and - _ . :");
        }
    }

    /// A proxy, based on the `defaults` that its line names or that stands before it.
    fn proxy(&mut self, section: Section, name: Box<str>, line: &Line) -> Proxy {
        let rest = match name.is_empty() {
            true => &line.words[1..],
            false => &line.words[2..],
        };
        let base = match rest {
            [] if section == Section::Defaults => None,
            [] => self.plan.defaults.len().checked_sub(1),
            [from, base, extra @ ..] if &*from.text == "from" => {
                self.superfluous(extra);
                self.defaults_named(base)
            }
            [from] if &*from.text == "from" => {
                self.report
                    .error(from.span.after(), "`from` needs the name of a `defaults` section")
                    .label("a name is missing here");
                None
            }
            extra => {
                self.superfluous(extra);
                None
            }
        };
        match base.and_then(|index| self.plan.defaults.get(index).map(|base| (index, base))) {
            Some((index, base)) => base.inherit(index, section, name, line.span),
            None => Proxy::new(section, name, line.span),
        }
    }

    fn superfluous(&mut self, words: &[Word]) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        self.report
            .error(first.span.to(last.span), format!("unexpected `{}`", shown(first)))
            .help("only `from` and the name of a `defaults` section may stand behind the name");
    }

    fn defaults_named(&mut self, word: &Word) -> Option<usize> {
        let found = self.plan.defaults.iter().rposition(|base| base.name == word.text);
        if found.is_none() {
            let names = self.plan.defaults.iter().map(|base| &*base.name);
            let near = did_you_mean(&nearest(word, names));
            let fault = self
                .report
                .error(word.span, format!("no `defaults` section is named `{}`", shown(word)));
            fault.label("it must stand before this line");
            if let Some(near) = near {
                fault.help(near);
            }
        }
        found
    }
}
