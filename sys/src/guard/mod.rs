//! What surrounds the work: cores, limits, signals, the machine's name.
//!
//! In: numbers and wishes from the start of the process. Out: threads on their cores, a limit
//! raised as far as allowed, signals as values. Nothing here is on the path of a request.

mod accounts;
mod affinity;
mod host;
mod limits;
mod signals;

pub use accounts::{User, group_by_name, user_by_name, user_by_number};
pub use affinity::{AffinityError, cores, pin_to_core};
pub use host::host_name;
pub use limits::{DescriptorLimit, LimitError, descriptor_limit, raise_descriptor_limit};
pub use signals::{Signal, SignalError, block_signals, ignore_broken_pipe, wait_signal};
