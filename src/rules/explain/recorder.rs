//! Who writes down what the walk does.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effect, Seen, Step, Term, Test};
use crate::config::source::Span;
use crate::rules::condition::{Condition, TermReport};
use crate::rules::value::Value;
use crate::rules::walk::{Did, Walk, Watch};

/// How many values of an expression are kept.
const VALUES_MAX: usize = 16;

/// The steps so far, and the message as it was after the last one.
#[derive(Default)]
pub struct Recorder {
    pub steps: Vec<Step>,
    seen: Seen,
}

impl Recorder {
    fn effect(&mut self, effect: Effect) {
        self.steps.push(Step::Effect(effect));
    }

    /// What is different in the message since the last look.
    fn compare(&mut self, walk: &Walk<'_>) {
        let now = now(walk);
        if now.start != self.seen.start {
            let (before, after) = (self.seen.start.clone(), now.start.clone());
            self.effect(Effect::StartLine { before, after });
        }
        if now.fields != self.seen.fields {
            let mut known = BTreeSet::new();
            let (old, new) = (by_name(&self.seen), by_name(&now));
            for (name, _) in self.seen.fields.iter().chain(&now.fields) {
                let key = name.to_ascii_lowercase();
                let (before, after) = (old.get(&key), new.get(&key));
                if before != after && known.insert(key) {
                    let owned = |values: Option<&Vec<&str>>| -> Vec<String> {
                        values.into_iter().flatten().map(|&value| value.to_owned()).collect()
                    };
                    let (before, after) = (owned(before), owned(after));
                    let field = Effect::Field { name: name.clone(), before, after };
                    self.steps.push(Step::Effect(field));
                }
            }
        }
        self.seen = now;
    }
}

/// The values of each name, in lower case.
fn by_name(seen: &Seen) -> BTreeMap<String, Vec<&str>> {
    let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, value) in &seen.fields {
        names.entry(name.to_ascii_lowercase()).or_default().push(value);
    }
    names
}

fn now(walk: &Walk<'_>) -> Seen {
    let message = walk.response.as_ref().or(walk.request.as_ref());
    message.map(|message| Seen::of(message.view())).unwrap_or_default()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn term(report: &TermReport<'_>) -> Term {
    let tests = report.tests.iter().map(|it| Test {
        text: it.test.text.to_string(),
        expression: it.test.expr.text.to_string(),
        known: it.known,
        values: it
            .values
            .iter()
            .take(VALUES_MAX)
            .cloned()
            .map(Value::into_text)
            .map(|text| shown(&text))
            .collect(),
        matched: it
            .matched
            .as_ref()
            .map(|(at, pattern)| (*at, pattern.as_ref().map(|it| it.text.to_string()))),
    });
    Term {
        branch: report.branch,
        text: report.term.text.to_string(),
        holds: report.holds,
        reached: report.reached,
        tests: tests.collect(),
    }
}

impl Watch for Recorder {
    const ACTIVE: bool = true;

    fn list(&mut self, walk: &Walk<'_>, keyword: &'static str, rules: usize) {
        self.steps.push(Step::List { keyword, proxy: walk.proxy, rules });
        self.seen = now(walk);
    }

    fn rule(&mut self, walk: &Walk<'_>, span: Span, condition: Option<&Condition>, held: bool) {
        let mut terms = Vec::new();
        if let Some(condition) = condition {
            condition.explain(&walk.context(), &mut |report| terms.push(term(&report)));
        }
        let unless = condition.map(Condition::unless);
        self.steps.push(Step::Rule { span, held, unless, terms });
    }

    fn did(&mut self, walk: &Walk<'_>, what: Did<'_>) {
        let said = match what {
            Did::Acted => return self.compare(walk),
            Did::Variable(name, false) => format!("{name} stays as it is"),
            Did::Variable(name, true) => {
                let value = walk.variables.get(name).map(|value| shown(&value.into_text()));
                return self.effect(Effect::Variable { name: name.to_owned(), value });
            }
            Did::Backend(backend, by) => return self.effect(Effect::Backend { backend, by }),
            Did::Server(server) => return self.effect(Effect::Server(server)),
            Did::Allowed => "no more rules of this list".to_owned(),
            Did::Unknown(name) => format!("`{}` is the name of none", shown(&name)),
            Did::EmptyLocation => "the location is empty: no redirection".to_owned(),
            Did::Monitor { up: true } => "monitor-uri: Koi answers that it is well".to_owned(),
            Did::Monitor { up: false } => "monitor-uri: Koi answers that it is not well".to_owned(),
            Did::NotBuilt(what) => format!("not done: this build does not have {what} yet"),
            Did::Set(text) => text,
        };
        self.effect(Effect::Said(said));
    }
}
