//! Looks in from outside: shows and steers what the others do.
//!
//! - [`office`]: what is shown and steered, for whoever asks;
//! - [`socket`]: the runtime socket: clients, lines, answers in pieces;
//! - [`commands`]: what can be said there.

pub mod commands;
pub mod office;
pub mod socket;
