//! Heads of requests.

use super::{Connection, Framing, Limits, Reject, Scan};
use crate::proto::head::{Field, Head};

/// A request's head, read and found good.
#[derive(Debug)]
pub struct Request {
    /// Its parts, as they came; [`prepare`] has not been applied.
    pub head: Head,
    /// Bytes of the head, leading empty lines and the empty line at its end included.
    pub length: usize,
    /// How its body is framed.
    pub framing: Framing,
    /// What it says about the connection.
    pub connection: Connection,
    /// What it expects.
    pub expect: Expect,
}

/// `Expect` (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Nothing,
    /// `100-continue`.
    Continue,
}

/// Looks for a head at the beginning of `bytes`; `None` if more has to come. `fields` is an empty
/// vector to use (recycled from the last request).
///
/// # Errors
/// Why it is refused.
pub fn parse(
    _bytes: &[u8],
    _scan: &mut Scan,
    _limits: &Limits,
    _fields: Vec<Field>,
) -> Result<Option<Request>, Reject> {
    unimplemented!()
}

/// Makes a head fit for rules: an absolute target's authority replaces `Host`, fields that
/// `Connection` names are removed (row 71; `Connection` and `Upgrade` themselves stay for rules to
/// see), underscored disguises of framing fields go (row 21). `base` is what it was parsed from.
pub fn prepare(_request: &mut Request, _base: &[u8]) {
    unimplemented!()
}
