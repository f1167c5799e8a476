//! `log` and its relatives.

use super::{Given, LogTarget, Switch};

/// What is logged, how and where to. Formats that a line gives stand in `RuleLines::formats`.
#[derive(Clone, Debug, Default)]
pub struct LogSettings {
    /// `log` lines, in the order written.
    pub targets: Vec<LogLine>,
    /// `log-tag`.
    pub tag: Option<Given<Box<str>>>,
    /// The format of a request's line: the last of `option httplog` and its like, or `log-format`.
    pub format: Option<Given<LogFormat>>,
    /// `error-log-format`: the index of its rule line in `RuleLines::formats`.
    pub error_format: Option<Given<usize>>,
    /// `log-format-sd`: the index of its rule line.
    pub structured_data: Option<Given<usize>>,
    /// `unique-id-format`: the index of its rule line.
    pub unique_id: Option<Given<usize>>,
    /// `option dontlog-normal`: only what went wrong.
    pub errors_only: Switch,
    /// `option dontlognull`: nothing about connections without a byte.
    pub skip_empty: Switch,
    /// `option logasap`: as soon as the response's head is there.
    pub early: Switch,
    /// `option log-separate-errors`: errors one level up.
    pub separate_errors: Switch,
    /// `option log-health-checks`.
    pub health_checks: Switch,
}

/// A `log` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogLine {
    /// `log global`: the targets of `global`.
    Global(Given<()>),
    /// A target.
    Target(LogTarget),
}

/// Formats of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `option tcplog`.
    Tcp,
    /// `option httplog`.
    Http,
    /// `option httplog clf`.
    CommonLog,
    /// `option httpslog`.
    Https,
    /// `log-format`: the index of its rule line in `RuleLines::formats`.
    Custom(usize),
}
