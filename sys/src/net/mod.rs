//! Sockets and addresses.
//!
//! In: addresses as the kernel knows them ([`SocketAddress`]), descriptors, buffers. Out: descriptors that are non-blocking and
//! close-on-exec, byte counts, and one closed error enum per operation.
//!
//! Limits: nothing here waits. What would wait says [`Attempt::WouldBlock`]; who waits, and for how
//! long, is the ring's business. Host names are not resolved here.

mod accept;
mod adopt;
mod attempt;
mod bind;
mod connect;
mod error;
mod interface;
mod listen;
mod options;
mod raw_address;
mod socket;
mod socket_address;
mod splice;
#[cfg(test)]
mod testing;
mod transfer;
mod unix;

pub use accept::accept;
pub use adopt::{adopt_listener, adopt_output};
pub use attempt::Attempt;
pub use bind::{BindError, bind, bind_source};
pub use connect::{Connected, connect, connect_outcome, take_error};
pub use error::{
    AcceptError, AdoptError, ConnectError, NameError, OptionError, PipeError, ReceiveError,
    SendError, ShutdownError,
};
pub use interface::interface_index;
pub use listen::{
    ListenOptions, UnixPermissions, change_connections, listen, listen_unnamed, set_backlog,
};
pub use options::{
    KeepAlive, set_bind_any, set_hops, set_keep_alive, set_linger_zero, set_mark, set_no_delay,
    set_receive_buffer, set_send_buffer, set_silent_close, set_tos,
};
pub use raw_address::RawAddress;
pub use socket::{
    How, datagram_socket, local_address, peer_address, set_nonblocking, shutdown, socket_pair,
    stream_socket,
};
pub use socket_address::{Family, SocketAddress};
pub use splice::{CAN_SPLICE, Pipe};
pub use transfer::{DATAGRAMS_MAX, receive, send, send_many, send_to, send_vectored};
pub use unix::Naming;
