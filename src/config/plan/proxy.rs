//! A `frontend`, `backend`, `listen` or `defaults`.

use super::{
    BackSettings, Bind, FrontSettings, Given, LogSettings, RuleLine, Server, ServerSettings,
    Settings,
};
use crate::config::section::Section;
use crate::config::source::Span;

/// What a proxy passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Bytes.
    #[default]
    Tcp,
    /// Requests and responses.
    Http,
    /// Log messages (a `backend` of servers that take syslog).
    Log,
}

/// A `frontend`, `backend`, `listen` or `defaults` section.
///
/// A proxy starts as a copy of the `defaults` it is based on, so a setting's place may lie in
/// another section.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Which of the four.
    pub section: Section,
    /// Its name; empty for an unnamed `defaults`.
    pub name: Box<str>,
    /// The words `frontend NAME`.
    pub span: Span,
    /// The index in `Plan::defaults` of the section it is based on.
    pub from: Option<usize>,
    /// `mode`.
    pub mode: Option<Given<Mode>>,
    /// `description`.
    pub description: Option<Given<Box<str>>>,
    /// `disabled`.
    pub disabled: bool,
    /// `bind` lines.
    pub binds: Vec<Bind>,
    /// `server` and `server-template` lines.
    pub servers: Vec<Server>,
    /// `default-server`.
    pub default_server: ServerSettings,
    /// Settings for both sides: timeouts, retries, errors, connections.
    pub settings: Settings,
    /// Settings for the side of the clients.
    pub front: FrontSettings,
    /// Settings for the side of the servers.
    pub back: BackSettings,
    /// `log` and its relatives.
    pub logging: LogSettings,
    /// Rules and ACLs, as written.
    pub rules: RuleLines,
}

/// The rule lines of a proxy, each kind in the order written; inherited ones stand first.
#[derive(Clone, Debug, Default)]
pub struct RuleLines {
    /// `acl`.
    pub acls: Vec<RuleLine>,
    /// `tcp-request connection`.
    pub tcp_connection: Vec<RuleLine>,
    /// `tcp-request session`.
    pub tcp_session: Vec<RuleLine>,
    /// `tcp-request content`.
    pub tcp_content: Vec<RuleLine>,
    /// `tcp-response content`.
    pub tcp_response: Vec<RuleLine>,
    /// `http-request`.
    pub http_request: Vec<RuleLine>,
    /// `http-response`.
    pub http_response: Vec<RuleLine>,
    /// `http-after-response`.
    pub http_after_response: Vec<RuleLine>,
    /// `redirect`: run behind all `http-request` rules.
    pub redirect: Vec<RuleLine>,
    /// `use_backend`.
    pub use_backend: Vec<RuleLine>,
    /// `use-server`.
    pub use_server: Vec<RuleLine>,
    /// `force-persist` and `ignore-persist`.
    pub persist: Vec<RuleLine>,
    /// `stick on`, `stick match`, `stick store-request`, `stick store-response`.
    pub stick: Vec<RuleLine>,
    /// `monitor fail`.
    pub monitor_fail: Vec<RuleLine>,
    /// `stats admin` and `stats http-request`.
    pub stats: Vec<RuleLine>,
    /// `http-check`, `tcp-check`.
    pub checks: Vec<RuleLine>,
    /// `http-error` and other lines whose words hold log formats: kept for the compiler.
    pub http_errors: Vec<RuleLine>,
    /// Keywords that hold an expression or a log format: `log-format`, `unique-id-format`,
    /// `balance hash`, `capture` and the like.
    pub formats: Vec<RuleLine>,
}

impl RuleLines {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.lists().map(Vec::len).iter().sum()
    }

    /// All of them.
    pub fn lines(&self) -> impl Iterator<Item = &RuleLine> {
        self.lists().into_iter().flatten()
    }

    fn lists(&self) -> [&Vec<RuleLine>; 18] {
        [
            &self.acls,
            &self.tcp_connection,
            &self.tcp_session,
            &self.tcp_content,
            &self.tcp_response,
            &self.http_request,
            &self.http_response,
            &self.http_after_response,
            &self.redirect,
            &self.use_backend,
            &self.use_server,
            &self.persist,
            &self.stick,
            &self.monitor_fail,
            &self.stats,
            &self.checks,
            &self.http_errors,
            &self.formats,
        ]
    }
}

impl Proxy {
    /// An empty one.
    pub fn new(section: Section, name: Box<str>, span: Span) -> Proxy {
        Proxy {
            section,
            name,
            span,
            from: None,
            mode: None,
            description: None,
            disabled: false,
            binds: Vec::new(),
            servers: Vec::new(),
            default_server: ServerSettings::default(),
            settings: Settings::default(),
            front: FrontSettings::default(),
            back: BackSettings::default(),
            logging: LogSettings::default(),
            rules: RuleLines::default(),
        }
    }

    /// A proxy that starts from this `defaults` section, the `index`-th.
    pub fn inherit(&self, index: usize, section: Section, name: Box<str>, span: Span) -> Proxy {
        Proxy { section, name, span, from: Some(index), ..self.clone() }
    }

    /// The mode that holds.
    pub fn mode(&self) -> Mode {
        self.mode.map_or(Mode::Tcp, |mode| mode.value)
    }

    /// Whether clients connect to it.
    pub fn has_frontend(&self) -> bool {
        matches!(self.section, Section::Frontend | Section::Listen)
    }

    /// Whether requests are sent to it.
    pub fn has_backend(&self) -> bool {
        matches!(self.section, Section::Backend | Section::Listen)
    }
}
