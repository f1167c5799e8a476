//! The statistics page of a proxy.

use std::time::Duration;

use super::Given;
use crate::config::content::Hidden;
use crate::config::source::Span;

/// `stats ...`. Its `stats admin` and `stats http-request` lines are rule lines.
///
/// A section that has a `stats` line of its own takes over nothing from the `stats` lines of its
/// `defaults`: this is HAProxy's way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsPage {
    /// The first line that asked for it.
    pub span: Span,
    /// `uri`: where it is; `/haproxy?stats` if not said.
    pub uri: Option<Given<Box<str>>>,
    /// `realm`: what a browser shows when it asks for a password.
    pub realm: Option<Given<Box<str>>>,
    /// `auth`, each: who may see it. Nobody means everybody.
    pub auth: Vec<Given<StatsUser>>,
    /// `scope`, each: the proxies it shows; none means all, `.` the proxy itself.
    pub scope: Vec<Given<Box<str>>>,
    /// `refresh`: how often the page reloads itself; zero is never.
    pub refresh: Option<Given<Duration>>,
    /// `hide-version`.
    pub hide_version: bool,
    /// `show-legends`.
    pub show_legends: bool,
    /// `show-modules`.
    pub show_modules: bool,
    /// `show-node`; `None` inside: the host's name.
    pub show_node: Option<Given<Option<Box<str>>>>,
    /// `show-desc`; `None` inside: the description of `global`.
    pub show_description: Option<Given<Option<Box<str>>>>,
}

/// A user of the statistics page.
#[derive(Clone, PartialEq, Eq)]
pub struct StatsUser {
    /// The name.
    pub name: Box<str>,
    /// The password, in the clear.
    pub password: Box<str>,
}

/// Without the password: plans are printed.
impl std::fmt::Debug for StatsUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let password = Hidden(&self.password);
        f.debug_struct("StatsUser").field("name", &self.name).field("password", &password).finish()
    }
}
