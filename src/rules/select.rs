//! Which rule of a list is next: the first whose condition holds.
//!
//! In: the conditions of a list of rules, in order. Out: [`Select::next`], which gives the same as
//! trying them one after the other.

use super::condition::Condition;
use super::context::Context;

/// The conditions of a list of rules.
#[derive(Debug, Default)]
pub struct Select {
    conditions: Vec<Option<Condition>>,
}

impl Select {
    /// Takes the conditions of a list in; `None` always holds.
    pub fn new(conditions: Vec<Option<Condition>>) -> Select {
        Select { conditions }
    }

    /// The first rule from `from` on whose condition holds.
    pub fn next(&self, from: usize, context: &Context<'_>) -> Option<usize> {
        let rest = self.conditions.get(from..)?;
        let holds = |it: &Option<Condition>| it.as_ref().is_none_or(|it| it.holds(context));
        rest.iter().position(holds).map(|index| from + index)
    }
}
