//! Faults and advice, collected while a configuration is read and checked.
//!
//! In: what is wrong, where, and what to do. Out: an ordered list. Nothing here prints; `render`
//! does.
//!
//! Limits: [`FAULTS_MAX`] of each level are kept; the rest is counted.

use std::collections::{BTreeMap, BTreeSet};

use super::advice::Advice;
use super::keyword::Feature;
use super::source::Span;

/// How many faults of a level a report keeps. More are counted, not kept.
pub const FAULTS_MAX: usize = 10_000;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The configuration cannot be used.
    Error,
    /// It can, but it probably does not do what its author thinks.
    Warning,
    /// Good to know.
    Note,
}

/// One fault, or one piece of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Error, warning or note.
    pub level: Level,
    /// The advice's name, by which it can be silenced; errors have none.
    pub advice: Option<&'static str>,
    /// What is wrong: one sentence, lower-case, no full stop.
    pub message: String,
    /// The exact words. `None` for what stands nowhere (a file that cannot be read).
    pub span: Option<Span>,
    /// What stands beside the caret: what was expected here.
    pub label: String,
    /// Other places that matter, each with what it is.
    pub related: Vec<(Span, String)>,
    /// Other places that have the very same flaw.
    pub same: Vec<Span>,
    /// What to do, one line each.
    pub help: Vec<String>,
}

impl Fault {
    /// What stands beside the caret.
    pub fn label(&mut self, text: impl Into<String>) -> &mut Fault {
        self.label = text.into();
        self
    }

    /// Another place that matters.
    pub fn also(&mut self, span: Span, text: impl Into<String>) -> &mut Fault {
        self.related.push((span, text.into()));
        self
    }

    /// What to do.
    pub fn help(&mut self, text: impl Into<String>) -> &mut Fault {
        self.help.push(text.into());
        self
    }
}

/// What a run found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order they were found.
    pub faults: Vec<Fault>,
    /// How many there were of each level, those beyond [`FAULTS_MAX`] included.
    counts: [usize; 3],
    /// What the files ask for that is not built yet: where first, and on how many lines.
    pub missing: BTreeMap<Feature, (Span, usize)>,
    /// Names of advice that nobody wants to hear.
    silenced: BTreeSet<String>,
    /// What the callers of [`Report::error`] write into when the list is full.
    spare: Option<Box<Fault>>,
}

impl Report {
    /// A report that leaves out the advice of these names.
    pub fn silencing(names: impl IntoIterator<Item = String>) -> Report {
        Report { silenced: names.into_iter().collect(), ..Report::default() }
    }

    /// Leaves out this advice, also what was given before.
    pub fn silence(&mut self, name: &str) {
        if !self.silenced.insert(name.to_owned()) {
            return;
        }
        let counts = &mut self.counts;
        self.faults.retain(|fault| {
            let stays = fault.advice != Some(name);
            counts[fault.level as usize] -= usize::from(!stays);
            stays
        });
    }

    /// Takes back those of the faults from the `from`-th on that are not `wanted`.
    pub fn retain_from(&mut self, from: usize, wanted: impl Fn(&Fault) -> bool) {
        let counts = &mut self.counts;
        let mut index = 0;
        self.faults.retain(|fault| {
            let stays = index < from || wanted(fault);
            index += 1;
            counts[fault.level as usize] -= usize::from(!stays);
            stays
        });
    }

    /// Whether there is an error.
    pub fn failed(&self) -> bool {
        self.count(Level::Error) > 0
    }

    /// How many faults of a level there are, dropped ones included.
    pub fn count(&self, level: Level) -> usize {
        self.counts[level as usize]
    }

    /// How many errors there are, dropped ones included.
    pub fn errors(&self) -> usize {
        self.count(Level::Error)
    }

    /// How many faults there are that were counted but not kept.
    pub fn dropped(&self) -> usize {
        self.counts.iter().sum::<usize>() - self.faults.len()
    }

    /// Adds an error at `span`.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Fault {
        self.push(Level::Error, None, Some(span), message.into())
    }

    /// Adds an error that stands in no file's text.
    pub fn error_nowhere(&mut self, message: impl Into<String>) -> &mut Fault {
        self.push(Level::Error, None, None, message.into())
    }

    /// Adds a piece of advice at `span`, with the level of its table entry.
    pub fn advise(
        &mut self,
        advice: &Advice,
        span: Span,
        message: impl Into<String>,
    ) -> &mut Fault {
        self.push(advice.level, Some(advice.name), Some(span), message.into())
    }

    /// Adds a piece of advice that stands in no file's text.
    pub fn advise_nowhere(&mut self, advice: &Advice, message: impl Into<String>) -> &mut Fault {
        self.push(advice.level, Some(advice.name), None, message.into())
    }

    /// Remembers that `span` asks for what is not built yet.
    pub fn later(&mut self, feature: Feature, span: Span) {
        let entry = self.missing.entry(feature).or_insert((span, 0));
        entry.0 = entry.0.min(span);
        entry.1 += 1;
    }

    fn push(
        &mut self,
        level: Level,
        advice: Option<&'static str>,
        span: Option<Span>,
        message: String,
    ) -> &mut Fault {
        let fault = Fault {
            level,
            advice,
            message,
            span,
            label: String::new(),
            related: Vec::new(),
            same: Vec::new(),
            help: Vec::new(),
        };
        let silenced = advice.is_some_and(|name| self.silenced.contains(name));
        let count = &mut self.counts[level as usize];
        *count += usize::from(!silenced);
        if silenced || *count > FAULTS_MAX {
            return self.spare.insert(Box::new(fault));
        }
        self.faults.push(fault);
        let last = self.faults.len() - 1;
        &mut self.faults[last]
    }
}
