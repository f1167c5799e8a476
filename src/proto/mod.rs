//! Sans-IO cores: bytes and time in, events and bytes out.
//!
//! - [`head`]: the head of a message, which HTTP/1.1 and HTTP/2 both fill and rules read and edit.
//! - [`check`]: what answers to health checks mean.
//! - [`h1`]: messages of HTTP, version 1.1.
//! - [`proxy_protocol`]: the PROXY protocol, versions 1 and 2.

pub mod check;
pub mod h1;
pub mod head;
pub mod proxy_protocol;
