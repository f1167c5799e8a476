//! Koi's operating system interface.

pub mod net;
