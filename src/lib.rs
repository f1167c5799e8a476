//! Koi: a reverse proxy that reads HAProxy's configuration and moves its own addresses by CARP.
//!
//! - [`config`]: HAProxy's language: text to a checked, immutable plan.
//! - [`proto`]: sans-IO cores; so far the head of a message.
//! - [`rules`]: fetches, converters, ACLs, actions: compiled from the plan, evaluated without I/O.
//! - [`worker`]: the thread-per-core shell: executor, timers, mailboxes, listeners, streams.
//! - [`exchange`]: what happens on connections; so far the tunnel of TCP mode.
//! - [`log`]: lines for the operator.
//! - [`process`]: what the command line starts: the check, help, explaining, the demonstration.
//!
//! The operating system is behind `koi-sys`; nothing here is unsafe.
#![forbid(unsafe_code)]

pub mod balance;
pub mod config;
pub mod exchange;
pub mod log;
pub mod process;
pub mod proto;
pub mod rules;
pub mod tls;
pub mod worker;
