//! Looks in from outside: shows and steers what the others do.
//!
//! - [`table`]: the columns of the statistics, and rows of them; [`rows`]: what they say; [`state`]: the
//!   words for servers' states; [`info`]: the same for the process;
//! - [`csv`]: rows as CSV and typed text; `json`, `prometheus`: as JSON and metrics;
//! - [`desk`]: who answers requests about all of this; [`query`]: what they ask for.

pub mod csv;
pub mod desk;
pub mod info;
pub mod json;
pub mod query;
pub mod rows;
pub mod state;
pub mod table;
