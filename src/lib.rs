//! Koi: a reverse proxy that reads HAProxy's configuration and moves its own addresses by CARP.
//!
//! - [`config`]: HAProxy's language: text to a checked, immutable plan.
//! - [`proto`]: sans-IO cores: the head of a message, HTTP/1.1.
//! - [`rules`]: fetches, converters, ACLs, actions: compiled from the plan, evaluated without I/O.
//! - [`tls`]: certificates and their names, OpenSSL's words for what rustls does, the pump around it.
//! - [`balance`]: which server is next, and figures of the running proxies.
//! - [`stick`]: stick tables: keys, entries, counters, one for all workers.
//! - [`ledger`]: what has happened in each proxy and server, counted by each worker for itself.
//! - [`exchange`]: one request and its response, from first byte to log line; the tunnel of TCP mode.
//! - [`health`]: checks of servers, and what their agents say.
//! - [`worker`]: the thread-per-core shell: executor, timers, mailboxes, listeners, streams.
//! - [`log`]: access logs and lines for the operator: formats, targets, batches.
//! - [`admin`]: the runtime socket and the statistics: what operators see and change while it serves.
//! - [`process`]: what the command line starts: serving, the check, help, explaining, the demonstration.
//!
//! The operating system is behind `koi-sys`; nothing here is unsafe.
#![forbid(unsafe_code)]

pub mod admin;
pub mod balance;
pub mod config;
pub mod exchange;
pub mod health;
pub mod ledger;
pub mod log;
pub mod process;
pub mod proto;
pub mod rules;
pub mod stick;
pub mod tls;
pub mod worker;
