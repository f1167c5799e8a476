//! Looks in from outside: shows and steers what the others do.
//!
//! - [`office`]: what is shown and steered, for whoever asks;
//! - [`socket`]: the runtime socket: clients, lines, answers in pieces;
//! - [`commands`]: what can be said there;
//! - [`table`]: the columns of the statistics, and rows of them; [`rows`]: what they say; [`state`]: the
//!   words for servers' states; [`info`]: the same for the process;
//! - [`csv`]: rows as CSV and typed text; [`json`]: as JSON; [`prometheus`]: as metrics; [`page`]: as the page;
//! - [`desk`]: who answers requests about all of this; [`query`]: what they ask for.

pub mod commands;
pub mod csv;
pub mod desk;
pub mod info;
pub mod json;
pub mod office;
pub mod page;
pub mod prometheus;
pub mod query;
pub mod rows;
pub mod socket;
pub mod state;
pub mod table;
