//! Which server gets a request: algorithms, and what is known of the servers.
//!
//! In: the plan, and figures of the running proxies. Out: an index into a backend's servers.
//!
//! - [`live`]: figures that the workers share: connections, rates, states; [`figures`]: what they are
//!   made of; [`state`]: what operators and checks say of a server; `fullness`: when a backend counts as
//!   fully loaded; `outage`: since when it has or lacks a server; [`tracking`]: who tracks whom; `saved`:
//!   the states of an earlier process; [`rates`]: limits of what comes in a second.
//! - [`checkup`]: what checks found so far.
//! - [`choose`]: the algorithms: `turns` for `roundrobin`, `table` for `static-rr` and hashes,
//!   `ring` for consistent hashes, `draw` for `random`; [`hash`]: what of a request is hashed, and how.

pub mod checkup;
pub mod choose;
mod draw;
pub mod figures;
mod fullness;
pub mod hash;
pub mod live;
mod outage;
pub mod rates;
mod ring;
mod saved;
pub mod state;
mod table;
#[cfg(test)]
pub(crate) mod testing;
pub mod tracking;
mod turns;

pub use choose::{Choice, Chooser, Key};
pub use live::{BackFigures, FrontFigures, Live, ProcessFigures};
pub use outage::Condition;
pub use saved::Restored;
pub use state::{Admin, Health};
