//! Which server gets a request: algorithms, and what is known of the servers.
//!
//! In: the plan, and figures of the running proxies. Out: an index into a backend's servers.
//!
//! - [`live`]: figures that the workers share: connections, rates, states.
//! - [`choose`]: the algorithms.

pub mod choose;
pub mod live;

pub use choose::{Chooser, Key};
pub use live::Live;
