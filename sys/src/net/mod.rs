//! Sockets and addresses.
//!
//! In: addresses as an operator writes them ([`Address`]) or as the kernel knows them
//! ([`SocketAddress`]), descriptors, buffers. Out: descriptors that are non-blocking and
//! close-on-exec, byte counts, and one closed error enum per operation.
//!
//! Limits: nothing here waits. What would wait says [`Attempt::WouldBlock`]; who waits, and for how
//! long, is the ring's business. Host names are not resolved here.

mod address;
mod error;
mod raw_address;
mod socket_address;

pub use address::{
    Address, AddressError, AddressFault, Family, Place, PortSpec, ResolveError, Transport,
};
pub use error::{
    AcceptError, AdoptError, ConnectError, NameError, OptionError, PipeError, ReceiveError,
    SendError, ShutdownError,
};
pub use raw_address::RawAddress;
pub use socket_address::SocketAddress;
