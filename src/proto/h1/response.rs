//! Heads of responses.

use super::{Connection, Framing, Limits, Reject, Scan};
use crate::proto::head::{Field, Head};

/// A response's head, read and found good.
#[derive(Debug)]
pub struct Response {
    /// Its parts.
    pub head: Head,
    /// Bytes of the head, the empty line included.
    pub length: usize,
    /// How its body is framed, the request's method and the status taken into account.
    pub framing: Framing,
    /// What it says about the connection.
    pub connection: Connection,
}

/// What a response answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Asked {
    /// By HEAD.
    pub head: bool,
    /// By CONNECT.
    pub connect: bool,
    /// The request asked for an upgrade.
    pub upgrade: bool,
}

/// Looks for a head at the beginning of `bytes`; `None` if more has to come. 1xx heads are found, too:
/// the caller counts them.
///
/// # Errors
/// Why it is refused.
pub fn parse(
    _bytes: &[u8],
    _scan: &mut Scan,
    _limits: &Limits,
    _asked: Asked,
    _fields: Vec<Field>,
) -> Result<Option<Response>, Reject> {
    unimplemented!()
}
