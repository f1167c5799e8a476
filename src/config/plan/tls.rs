//! TLS settings of binds and servers.
