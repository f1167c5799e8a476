//! The lines that open sections, and what happens when one ends.

use super::{Current, Reader};
use crate::config::advice;
use crate::config::args::{shown, shown_text};
use crate::config::keyword::Feature;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{self, Proxy};
use crate::config::section::{Section, Sections};
use crate::config::word::{Line, Word};

/// What a proxy's header may hold.
const FROM: &str = "only `from` and the name of a `defaults` section may stand behind the name";

impl Reader<'_> {
    /// Puts the section that was open into the plan.
    pub(super) fn end_section(&mut self) {
        match std::mem::take(&mut self.current) {
            Current::None | Current::Global | Current::Other => {}
            Current::Proxy(proxy) if proxy.section == Section::Defaults => {
                let index = self.plan.defaults.len();
                self.defaults_by_name.entry(proxy.name.clone()).or_default().push(index);
                self.plan.defaults.push(*proxy);
            }
            Current::Proxy(proxy) => self.plan.proxies.push(*proxy),
            Current::Userlist(it) => self.plan.userlists.push(it),
            Current::Resolvers(it) => self.plan.resolvers.push(it),
            Current::Peers(it) => self.plan.peers.push(*it),
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
        let span = line.span;
        if let (false, Some(extra)) = (Sections::PROXIES.has(section), line.words.get(2..)) {
            match section {
                Section::Resolvers | Section::Mailers | Section::Ring | Section::HttpErrors => {
                    self.unread(extra);
                }
                _ => self.superfluous(extra, "only a name may stand behind it"),
            }
        }
        if section == Section::Userlist
            && let Some(again) = self.reopen_userlist(&name, line)
        {
            self.current = Current::Userlist(again);
            return;
        }
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
            Section::Peers => {
                Current::Peers(Box::new(plan::Peers { name, span, ..Default::default() }))
            }
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

    /// The user list of this name, if there is one: HAProxy goes on with it (or with a later one of
    /// another name, which is nobody's wish).
    fn reopen_userlist(&mut self, name: &str, line: &Line) -> Option<plan::Userlist> {
        let index = self.plan.userlists.iter().position(|list| &*list.name == name)?;
        let again = self.plan.userlists.remove(index);
        self.report
            .advise(
                &advice::SAME_NAME,
                line.span,
                format!("a `userlist` is named `{}` already", shown_text(name)),
            )
            .label("these users are added to it")
            .also(again.span, "the first one");
        Some(again)
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
                // Of these, HAProxy takes any name.
                if !matches!(section, Section::Defaults | Section::Cache | Section::CrtStore) {
                    self.check_name(word);
                }
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
                self.superfluous(extra, FROM);
                self.defaults_named(base)
            }
            [from] if &*from.text == "from" => {
                self.report
                    .error(from.span.after(), "`from` needs the name of a `defaults` section")
                    .label("a name is missing here");
                None
            }
            extra if section == Section::Defaults => {
                self.unread(extra);
                None
            }
            extra => {
                self.superfluous(extra, FROM);
                None
            }
        };
        match base.and_then(|index| self.plan.defaults.get(index).map(|base| (index, base))) {
            Some((index, base)) => base.inherit(index, section, name, line.span),
            None => Proxy::new(section, name, line.span),
        }
    }

    /// Words that HAProxy takes and does not look at.
    fn unread(&mut self, words: &[Word]) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let message = format!("nobody reads `{}`", shown(first));
        let span = first.span.to(last.span);
        self.report.advise(&advice::EXTRA_WORDS, span, message).label("this changes nothing");
    }

    fn superfluous(&mut self, words: &[Word], help: &str) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        self.report
            .error(first.span.to(last.span), format!("unexpected `{}`", shown(first)))
            .help(help);
    }

    /// The `defaults` of a name, which must be the only one so far.
    fn defaults_named(&mut self, word: &Word) -> Option<usize> {
        let named = self.defaults_by_name.get(&word.text).map_or(&[][..], Vec::as_slice);
        let Some(&index) = named.last() else {
            let names = self.defaults_by_name.keys().map(|name| &**name);
            let near = did_you_mean(&nearest(word, names.filter(|name| !name.is_empty())));
            let fault = self
                .report
                .error(word.span, format!("no `defaults` section is named `{}`", shown(word)));
            fault.label("it must stand before this line");
            if let Some(near) = near {
                fault.help(near);
            }
            return None;
        };
        if let [.., other, _] = *named {
            let place = |index: usize| self.plan.defaults.get(index).map(|base| base.span);
            let (other, last) =
                (place(other).unwrap_or_default(), place(index).unwrap_or_default());
            self.report
                .error(word.span, format!("two `defaults` sections are named `{}`", shown(word)))
                .label("which of them?")
                .also(other, "this one")
                .also(last, "or this one");
        }
        Some(index)
    }
}
