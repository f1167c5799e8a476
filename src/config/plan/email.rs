//! Mail about servers that go down or come up.

use super::Given;

/// `email-alert ...`. Mail is sent only if `from`, `to` and `mailers` are all there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailAlert {
    /// `from`.
    pub from: Option<Given<Box<str>>>,
    /// `to`.
    pub to: Option<Given<Box<str>>>,
    /// `mailers`: the section that says where mail goes.
    pub mailers: Option<Given<Box<str>>>,
    /// `myhostname`: how Koi introduces itself.
    pub host_name: Option<Given<Box<str>>>,
    /// `level`: this or worse; `alert` if not said.
    pub level: Option<Given<SyslogLevel>>,
}

/// Syslog's severities, worst first (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyslogLevel {
    /// 0.
    Emergency,
    /// 1.
    Alert,
    /// 2.
    Critical,
    /// 3.
    Error,
    /// 4.
    Warning,
    /// 5.
    Notice,
    /// 6.
    Info,
    /// 7.
    Debug,
}
