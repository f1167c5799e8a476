//! What the plan's expressions do: samples, ACLs, conditions, actions.
//!
//! `compile` turns the words of a plan's rules into a program, reporting faults
//! with their places; evaluating it is a pure function of the request, the connection's facts and the
//! tables that are passed in.
//!
//! A *sample* is a [`value::Value`]; an [`expr::Expr`] is a fetch and its converters; fetches,
//! converters and actions stand in tables with their types and documentation.

pub mod acl;
pub mod action;
pub mod address_text;
pub mod answer;
pub mod arg;
mod ascii;
mod builtin;
pub mod compile;
pub mod compiler;
pub mod condition;
pub mod context;
pub mod convert;
pub mod cookie;
pub mod ending;
pub mod explain;
pub mod expr;
pub mod fetch;
pub mod format;
pub mod lists;
pub mod map;
pub mod pattern;
mod pcre;
pub mod program;
pub mod select;
pub mod table;
pub mod target;
#[cfg(test)]
pub mod testing;
pub mod value;
pub mod walk;
