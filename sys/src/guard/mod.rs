//! What surrounds the work: cores, limits, signals, users, processes, the machine's name.
//!
//! In: numbers and wishes from the start of the process. Out: threads on their cores, a limit
//! raised as far as allowed, signals as values, privileges given up. Nothing here is on the path of
//! a request.

mod accounts;
mod affinity;
mod fork;
mod host;
mod identity;
mod limits;
mod signals;

pub use accounts::{User, group_by_name, user_by_name, user_by_number};
pub use affinity::{AffinityError, cores, pin_to_core};
pub use fork::{Child, Ended, ForkError, Forked, fork, leave_terminal, replace_standard_streams};
pub use host::host_name;
pub use identity::{
    Capability, Identity, IdentityError, Step, become_user, chroot, gain_nothing_by_programs,
    is_superuser, user_and_group,
};
pub use limits::{DescriptorLimit, LimitError, descriptor_limit, raise_descriptor_limit};
pub use signals::{
    KillError, Signal, SignalError, block_signals, ignore_broken_pipe, send_signal, wait_signal,
    wait_signal_for,
};
