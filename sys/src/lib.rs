//! Koi's operating system: the only crate that names libc, nix, io-uring, kqueue or mio, and the
//! only one with `unsafe`.
//!
//! - [`ring`]: operations in, completions out, over io_uring, kqueue, mio or a simulation.
//! - [`buf`]: the pool of buffers that operations borrow.
//! - [`net`]: sockets, addresses, options; calls that never block.
//! - [`guard`]: cores, limits, signals.
//! - [`clock`], [`table`]: monotonic time, and the slab with generations that tokens come from.

pub mod buf;
pub mod clock;
pub mod guard;
pub mod net;
pub mod ring;
pub mod table;
