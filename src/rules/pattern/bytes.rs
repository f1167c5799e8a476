//! Samples as bytes, without allocating: numbers and addresses are written to the stack.

use std::fmt::{self, Write};

use core::net::IpAddr;

use crate::rules::value::Value;

/// More than the longest number or address has.
const SMALL: usize = 64;

/// Text on the stack.
struct Small {
    bytes: [u8; SMALL],
    length: usize,
}

impl Write for Small {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

fn written<R>(what: impl fmt::Display, read: impl FnOnce(&[u8]) -> R) -> R {
    let mut small = Small { bytes: [0; SMALL], length: 0 };
    // It fits: see SMALL. If it did not, the text would be cut.
    let _ = write!(small, "{what}");
    read(&small.bytes[..small.length])
}

/// The sample as text; binary is what it is.
pub fn as_text<R>(value: &Value<'_>, read: impl FnOnce(&[u8]) -> R) -> R {
    match value {
        Value::Str(it) | Value::Bin(it) | Value::Method(it) => read(it),
        Value::Bool(it) => read(if *it { b"1" } else { b"0" }),
        Value::Int(it) => written(it, read),
        Value::Addr(it) => written(it, read),
    }
}

/// The sample as bytes: numbers have eight, addresses four or sixteen.
pub fn as_bytes<R>(value: &Value<'_>, read: impl FnOnce(&[u8]) -> R) -> R {
    match value {
        Value::Str(it) | Value::Bin(it) | Value::Method(it) => read(it),
        Value::Bool(it) => read(&i64::from(*it).to_be_bytes()),
        Value::Int(it) => read(&it.to_be_bytes()),
        Value::Addr(IpAddr::V4(it)) => read(&it.octets()),
        Value::Addr(IpAddr::V6(it)) => read(&it.octets()),
    }
}
