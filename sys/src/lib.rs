//! Koi's operating system interface.

pub mod guard;
pub mod net;
