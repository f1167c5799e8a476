//! Sockets and addresses.
