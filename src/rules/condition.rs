//! Conditions: `if { path /a } or is_api !{ src 192.0.2.0/24 }`.

use super::compiler::{Compiler, Scope, Words};
use super::context::Context;

/// The named ACLs of one proxy, and which of them were used.
#[derive(Debug, Default)]
pub struct Acls {}

impl Acls {
    /// Compiles the `acl` lines of the compiler's proxy.
    pub fn compile(_compiler: &mut Compiler<'_>) -> Acls {
        Acls {}
    }
}

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {}

impl Condition {
    /// Parses `{ if | unless } <condition>` up to the end of the words, if it begins here. The outer
    /// `None` is a fault, which is reported; the inner one is a rule without a condition. `scope` and
    /// `place` say where it will be evaluated.
    pub fn parse(
        words: &mut Words<'_>,
        _acls: &mut Acls,
        _scope: Scope,
        _place: &str,
        compiler: &mut Compiler<'_>,
    ) -> Option<Option<Condition>> {
        words.end(compiler.report);
        Some(None)
    }

    /// Whether it holds.
    pub fn holds(&self, _context: &Context<'_>) -> bool {
        true
    }
}
