//! Sans-IO cores: bytes and time in, events and bytes out.
//!
//! So far the head of a message, which HTTP/1.1 and HTTP/2 will both fill and rules read and edit.

pub mod head;
