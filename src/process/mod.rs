//! Starting and ending the process: roles, signals.
//!
//! So far: [`demo`].

pub mod demo;
