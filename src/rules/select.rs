//! Which rule of a list is next: the first whose condition holds.
//!
//! In: the conditions of a list of rules, in order. Out: [`Select::next`], which gives the same as
//! trying them one after the other.
//!
//! Lists of rules mostly ask the same thing again and again: `use_backend A if { hdr(host) -i a }`,
//! `use_backend B if { hdr(host) -i b }`... Rules in a row that each need one of a few exact strings of
//! the same expression make a run: the expression is evaluated once, its samples are looked up in
//! one table, and only the rules that stand there are tried, without the term that led to them.
//!
//! Limits: a request whose samples lead to more than `GROUPS_MAX` entries of a table walks the rules
//! one by one, so that nobody can make a run dearer than that.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::acl::Test;
use super::condition::{Condition, Term};
use super::context::Context;
use super::pattern::{FoldMap, Method, as_text};

/// How many entries of a run's table one request may lead to.
pub const GROUPS_MAX: usize = 8;

/// A shorter run is not worth its table.
const RUN_MIN: usize = 2;

/// The conditions of a list of rules.
#[derive(Debug, Default)]
pub struct Select {
    conditions: Vec<Option<Condition>>,
    /// The list in pieces, in order, without gaps.
    stretches: Vec<Stretch>,
}

/// A piece of the list.
#[derive(Debug)]
struct Stretch {
    /// Behind its last rule.
    end: usize,
    /// How it is looked through; without it, rule by rule.
    run: Option<Run>,
}

/// Rules in a row that each need a string of the same expression.
#[derive(Debug)]
struct Run {
    /// One of the tests, for its expression.
    test: Arc<Test>,
    keys: FoldMap<Spellings>,
    /// What each entry leads to, in the order of the rules.
    groups: Vec<Vec<Candidate>>,
}

/// The strings that differ in case only, each with the place of its group.
#[derive(Clone, Debug, Default)]
struct Spellings {
    /// These spellings.
    only: Vec<(Box<[u8]>, usize)>,
    /// All others.
    any: Option<usize>,
}

/// A branch of a rule's condition of which one term holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    rule: usize,
    branch: usize,
    /// The term that holds.
    term: usize,
    /// Whether the branch has no other.
    alone: bool,
}

/// What tells two expressions apart.
type Samples<'t> = (&'t str, &'t str);

impl Select {
    /// Takes the conditions of a list in; `None` always holds.
    pub fn new(conditions: Vec<Option<Condition>>) -> Select {
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut at = 0;
        while at < conditions.len() {
            let run = longest_run(&conditions, at);
            let end = run.as_ref().map_or(at + 1, |(end, _)| *end);
            let run = run.map(|(_, run)| run);
            match (stretches.last_mut(), run) {
                (Some(last), None) if last.run.is_none() => last.end = end,
                (_, run) => stretches.push(Stretch { end, run }),
            }
            at = end;
        }
        Select { conditions, stretches }
    }

    /// The first rule from `from` on whose condition holds.
    pub fn next(&self, from: usize, context: &Context<'_>) -> Option<usize> {
        let mut at = from;
        let first = match from {
            0 => 0,
            _ => self.stretches.partition_point(|stretch| stretch.end <= from),
        };
        for stretch in self.stretches.get(first..)? {
            let rules = at..stretch.end;
            let found = match &stretch.run {
                Some(run) => self.look_up(run, rules, context),
                None => self.walk(rules, context),
            };
            if found.is_some() {
                return found;
            }
            at = stretch.end;
        }
        None
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.conditions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The condition of a rule; `None` always holds.
    pub fn condition(&self, rule: usize) -> Option<&Condition> {
        self.conditions.get(rule)?.as_ref()
    }

    /// Tries rule by rule.
    fn walk(&self, mut rules: Range<usize>, context: &Context<'_>) -> Option<usize> {
        rules.find(|rule| self.condition(*rule).is_none_or(|it| it.holds(context)))
    }

    /// Tries the rules that the samples lead to.
    fn look_up(&self, run: &Run, rules: Range<usize>, context: &Context<'_>) -> Option<usize> {
        let mut found = [0; GROUPS_MAX];
        let mut count = 0;
        let mut too_many = false;
        run.test.expr.each(context, &mut |value| {
            let Some(group) = as_text(&value, |text| run.group(text)) else {
                return ControlFlow::Continue(());
            };
            if found[..count].contains(&group) {
                return ControlFlow::Continue(());
            }
            too_many = count == GROUPS_MAX;
            if too_many {
                return ControlFlow::Break(());
            }
            found[count] = group;
            count += 1;
            ControlFlow::Continue(())
        });
        match &found[..count] {
            _ if too_many => self.walk(rules, context),
            [] => None,
            [only] => {
                let mut candidates = run.candidates(*only, rules.start).iter();
                let found = candidates.find(|candidate| self.holds(**candidate, context))?;
                Some(found.rule)
            }
            many => self.try_groups(run, many, rules.start, context),
        }
    }

    /// Tries the candidates of a few groups in the order of the rules.
    fn try_groups(
        &self,
        run: &Run,
        groups: &[usize],
        from: usize,
        context: &Context<'_>,
    ) -> Option<usize> {
        let mut rest: [&[Candidate]; GROUPS_MAX] = [&[]; GROUPS_MAX];
        for (rest, group) in rest.iter_mut().zip(groups) {
            *rest = run.candidates(*group, from);
        }
        loop {
            let heads = rest.iter_mut().filter(|rest| !rest.is_empty());
            let next = heads.min_by_key(|rest| rest.first().map(|candidate| candidate.rule))?;
            let (candidate, behind) = next.split_first()?;
            *next = behind;
            if self.holds(*candidate, context) {
                return Some(candidate.rule);
            }
        }
    }

    /// Whether the other terms of the branch hold.
    #[inline]
    fn holds(&self, candidate: Candidate, context: &Context<'_>) -> bool {
        candidate.alone || self.others_hold(candidate, context)
    }

    fn others_hold(&self, candidate: Candidate, context: &Context<'_>) -> bool {
        let branches = self.condition(candidate.rule).map_or(&[][..], Condition::branches);
        let terms = branches.get(candidate.branch).map_or(&[][..], |terms| terms);
        terms.iter().enumerate().all(|(at, term)| at == candidate.term || term.holds(context))
    }
}

impl Run {
    /// The group of a string.
    fn group(&self, text: &[u8]) -> Option<usize> {
        let spellings = self.keys.get(text)?;
        let only = spellings.only.iter().find(|(only, _)| **only == *text);
        only.map(|(_, group)| *group).or(spellings.any)
    }

    /// What a group leads to, from rule `from` on.
    fn candidates(&self, group: usize, from: usize) -> &[Candidate] {
        let all = self.groups.get(group).map_or(&[][..], Vec::as_slice);
        match all.first() {
            // Mostly the run is asked from its start on.
            Some(first) if first.rule >= from => all,
            _ => &all[all.partition_point(|candidate| candidate.rule < from)..],
        }
    }

    /// Builds the table of these rules, each of which needs a string of `samples`.
    fn new(
        conditions: &[Option<Condition>],
        rules: Range<usize>,
        samples: Samples<'_>,
    ) -> Option<Run> {
        let mut test = None;
        let mut leads: Vec<Lead<'_>> = Vec::new();
        for rule in rules {
            let condition = conditions.get(rule)?.as_ref()?;
            for (branch, terms) in condition.branches().iter().enumerate() {
                let at = terms.iter().position(|term| exact(term) == Some(samples))?;
                let candidate = Candidate { rule, branch, term: at, alone: terms.len() == 1 };
                for other in &terms[at].tests {
                    test.get_or_insert(other);
                    let list = other.patterns.list();
                    leads.extend(list.iter().map(|it| (it.text.as_bytes(), it.fold, candidate)));
                }
            }
        }
        let mut run = Run { test: Arc::clone(test?), keys: FoldMap::default(), groups: Vec::new() };
        run.make_groups(&leads);
        run.fill(&leads);
        Some(run)
    }

    /// Makes an empty group for each spelling, and for each string whose case does not matter.
    fn make_groups(&mut self, leads: &[Lead<'_>]) {
        for (text, fold, _) in leads {
            let spellings = self.keys.entry(text);
            let group = self.groups.len();
            if *fold {
                if spellings.any.is_some() {
                    continue;
                }
                spellings.any = Some(group);
            } else {
                if spellings.only.iter().any(|(only, _)| **only == **text) {
                    continue;
                }
                spellings.only.push(((*text).into(), group));
            }
            self.groups.push(Vec::new());
        }
    }

    /// Fills the groups: what ignores case leads on from every spelling.
    fn fill(&mut self, leads: &[Lead<'_>]) {
        for (text, fold, candidate) in leads {
            let spellings = self.keys.entry(text);
            let only = spellings.only.iter().filter(|(only, _)| *fold || **only == **text);
            let any = spellings.any.filter(|_| *fold);
            for group in only.map(|(_, group)| *group).chain(any) {
                let group = &mut self.groups[group];
                // The leads come in the order of the rules.
                if group.last() != Some(candidate) {
                    group.push(*candidate);
                }
            }
        }
    }
}

/// A string, whether its case is ignored, and what it leads to.
type Lead<'t> = (&'t [u8], bool, Candidate);

/// The longest run from rule `start` on, and where it ends.
fn longest_run(conditions: &[Option<Condition>], start: usize) -> Option<(usize, Run)> {
    let mut shared = keys(conditions.get(start)?.as_ref()?);
    let mut end = start + 1;
    while let Some(Some(condition)) = conditions.get(end) {
        let both: BTreeSet<_> = shared.intersection(&keys(condition)).copied().collect();
        if both.is_empty() {
            break;
        }
        (shared, end) = (both, end + 1);
    }
    if end - start < RUN_MIN {
        return None;
    }
    // Of several, the one that tells most rules apart.
    let runs = shared.into_iter().filter_map(|it| Run::new(conditions, start..end, it));
    runs.max_by_key(|run| run.groups.len()).map(|run| (end, run))
}

/// The expressions of which a string is needed: there is such a term in every branch.
fn keys(condition: &Condition) -> BTreeSet<Samples<'_>> {
    let mut branches = condition.branches().iter();
    let Some(first) = branches.next().filter(|_| !condition.unless() && pure(condition)) else {
        return BTreeSet::new();
    };
    branches.fold(first.iter().filter_map(exact).collect(), |shared: BTreeSet<_>, terms| {
        let more: BTreeSet<_> = terms.iter().filter_map(exact).collect();
        shared.intersection(&more).copied().collect()
    })
}

/// The expression of which a term needs one of a few strings.
fn exact(term: &Term) -> Option<Samples<'_>> {
    let (first, more) = term.tests.split_first()?;
    // Patterns of files may change, and tables do not.
    let exact =
        |test: &Test| test.patterns.method() == Method::Str && test.patterns.files().is_empty();
    let same = |test: &Arc<Test>| exact(test) && test.samples() == first.samples();
    (!term.negated && exact(first) && more.iter().all(same)).then(|| first.samples())
}

/// Converters that do something besides converting, so cannot be left out.
const IMPURE: &[&str] =
    &["set-var", "set-var-fmt", "unset-var", "capture-req", "capture-res", "debug"];

/// Whether evaluating a condition changes nothing: only then some of it can be left out.
fn pure(condition: &Condition) -> bool {
    let mut tests = condition.branches().iter().flatten().flat_map(|term| &term.tests);
    tests.all(|test| {
        let name = test.expr.fetch.name;
        let changes = ["_inc_", "_clr_", "_updt_"].iter().any(|part| name.contains(part));
        !changes && !test.expr.steps.iter().any(|step| IMPURE.contains(&step.converter.name))
    })
}
