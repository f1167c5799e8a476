//! One request and its response, from first byte to log line.
//!
//! So far: [`tunnel`], the bytes of TCP mode and of an upgraded connection.

pub mod tunnel;
