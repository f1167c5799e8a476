//! The variables that `"$NAME"` and `"${NAME-default}"` stand for.
//!
//! In: what the process was started with, and what `setenv` and its relatives change while a file
//! is read (HAProxy 3.0, configuration.txt §2.3). Out: values.

use std::collections::BTreeMap;

/// Variables by name.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    now: BTreeMap<String, String>,
    /// As it was at the start, for `resetenv`.
    first: BTreeMap<String, String>,
}

impl Environment {
    /// The variables of a starting process.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Environment {
        let now: BTreeMap<_, _> = variables.into_iter().collect();
        Environment { first: now.clone(), now }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.now.get(name).map(String::as_str)
    }

    /// `setenv`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.now.insert(name.to_owned(), value.to_owned());
    }

    /// `presetenv`: only if it is not set.
    pub fn preset(&mut self, name: &str, value: &str) {
        self.now.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// `unsetenv`.
    pub fn unset(&mut self, name: &str) {
        self.now.remove(name);
    }

    /// `resetenv`: keeps those of `names` that the process was started with, and nothing else.
    pub fn reset(&mut self, names: &[&str]) {
        self.now = self
            .first
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
    }
}
