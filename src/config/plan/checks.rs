//! Health checks.

use core::net::IpAddr;

use super::Given;
use crate::config::source::Span;
use crate::config::word::Word;

/// How the servers of a proxy are checked (those whose `server` line says `check`).
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// The last of `option httpchk`, `option tcp-check`, ...; a plain connection if not said.
    pub kind: Option<Given<CheckKind>>,
    /// `http-check disable-on-404`: 404 takes a server out without killing what it serves.
    pub disable_on_404: bool,
    /// `http-check send-state`: servers are told what Koi thinks of them.
    pub send_state: bool,
    /// `http-check ...`, in the order written.
    pub http_steps: Vec<CheckStep>,
    /// `tcp-check ...`, in the order written.
    pub tcp_steps: Vec<CheckStep>,
}

impl Checks {
    /// Whether a step connects by TLS by itself.
    pub fn uses_tls(&self) -> bool {
        self.http_steps.iter().chain(&self.tcp_steps).any(|step| match &step.action {
            CheckAction::Connect(connect) => connect.tls,
            _ => false,
        })
    }
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// `option httpchk`; the steps of `http-check` follow its request line.
    Http {
        /// The method, `OPTIONS` if not said.
        method: Option<Box<str>>,
        /// The target, `/` if not said.
        uri: Option<Box<str>>,
        /// `HTTP/1.0` if not said; old files put fields behind it.
        version: Option<Box<str>>,
    },
    /// `option tcp-check`: the steps of `tcp-check`.
    Tcp,
    /// `option ssl-hello-chk`.
    TlsHello,
    /// `option smtpchk`.
    Smtp {
        /// `EHLO` or `HELO`.
        hello: Box<str>,
        /// What Koi calls itself.
        domain: Box<str>,
    },
    /// `option mysql-check`.
    Mysql {
        /// Whom to log in as; `None`: only the server's greeting is read.
        user: Option<Box<str>>,
        /// `pre-41`: the protocol before 4.1.
        pre_41: bool,
    },
    /// `option pgsql-check`.
    Postgres {
        /// Whom to log in as.
        user: Box<str>,
    },
    /// `option redis-check`.
    Redis,
    /// `option ldap-check`.
    Ldap,
}

/// An `http-check` or `tcp-check` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckStep {
    /// The whole line.
    pub span: Span,
    /// What is done.
    pub action: CheckAction,
    /// The index in `RuleLines::checks` of the line, if a word of it is an expression, a log format
    /// or a regular expression: the `rules` room compiles those.
    pub line: Option<usize>,
    /// `comment`.
    pub comment: Option<Box<str>>,
}

/// What a step of a check does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckAction {
    /// `comment`: nothing.
    Comment,
    /// `connect`.
    Connect(CheckConnect),
    /// `send` of `http-check`.
    SendRequest(CheckRequest),
    /// `send`, `send-lf`, `send-binary`, `send-binary-lf` of `tcp-check`.
    SendBytes(CheckBytes),
    /// `expect`.
    Expect(CheckExpect),
    /// `set-var`, `set-var-fmt`, `unset-var`: in the rule line.
    Variable,
}

/// `connect`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckConnect {
    /// `default`: as the server's line says, apart from what follows.
    pub as_server: bool,
    /// `port`, if it is a number.
    pub port: Option<Given<u16>>,
    /// `port`, if it is an expression.
    pub port_expression: Option<Word>,
    /// `addr`: another address.
    pub address: Option<Given<IpAddr>>,
    /// `send-proxy`.
    pub send_proxy: bool,
    /// `via-socks4`.
    pub via_socks4: bool,
    /// `ssl`.
    pub tls: bool,
    /// `linger`: closed politely, not by a reset.
    pub linger: bool,
    /// `sni`.
    pub sni: Option<Given<Box<str>>>,
    /// `alpn`, in the order of preference.
    pub alpn: Vec<Box<str>>,
    /// `proto`: `h1` or `h2`.
    pub protocol: Option<Given<Box<str>>>,
}

/// Text, or a log format that makes text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckText {
    /// Text.
    Plain(Box<str>),
    /// A log format.
    Format(Word),
}

/// `http-check send`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckRequest {
    /// `meth`.
    pub method: Option<Box<str>>,
    /// `uri`, `uri-lf`.
    pub uri: Option<CheckText>,
    /// `ver`.
    pub version: Option<Box<str>>,
    /// `hdr`, each: name, and log format of the value.
    pub fields: Vec<(Word, Word)>,
    /// `body`, `body-lf`.
    pub body: Option<CheckText>,
}

/// What a `tcp-check` sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckBytes {
    /// `send`.
    Text(Box<str>),
    /// `send-binary`.
    Binary(Box<[u8]>),
    /// `send-lf`: a log format.
    Format(Word),
    /// `send-binary-lf`: a log format that makes hexadecimal digits.
    HexFormat(Word),
}

/// `expect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckExpect {
    /// `!`: it must not be so.
    pub not: bool,
    /// `min-recv`: so many bytes are waited for.
    pub min_received: Option<u32>,
    /// What must be there.
    pub pattern: CheckPattern,
    /// `ok-status`, `error-status`, `tout-status`, by their HAProxy names.
    pub ok_status: Option<Box<str>>,
    /// See `ok_status`.
    pub error_status: Option<Box<str>>,
    /// See `ok_status`.
    pub timeout_status: Option<Box<str>>,
    /// `on-success`: a log format.
    pub on_success: Option<Word>,
    /// `on-error`: a log format.
    pub on_error: Option<Word>,
    /// `status-code`: an expression.
    pub status_code: Option<Word>,
}

/// What an answer is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckPattern {
    /// `status`: these ranges.
    Statuses(Vec<(u16, u16)>),
    /// `rstatus`: a regular expression for the status.
    StatusRegex(Word),
    /// `string`: the body, or the bytes so far, contain it.
    Text(Word),
    /// `rstring`: a regular expression.
    Regex(Word),
    /// `string-lf`: a log format that makes the text.
    Format(Word),
    /// `binary`.
    Binary(Box<[u8]>),
    /// `rbinary`: a regular expression for the bytes as hexadecimal digits.
    BinaryRegex(Word),
    /// `binary-lf`: a log format that makes hexadecimal digits.
    HexFormat(Word),
    /// `hdr`: a field, its values one by one.
    Field(CheckField),
    /// `fhdr`: a field, its values as one.
    FullField(CheckField),
    /// `custom`: whatever `on-success` and its like say.
    Custom,
}

/// A field that an answer must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckField {
    /// How the name is compared, and with what.
    pub name: (CheckMatch, Word),
    /// Whether the name is a log format (`name-lf`).
    pub name_format: bool,
    /// How the value is compared, and with what; `None`: any.
    pub value: Option<(CheckMatch, Word)>,
    /// Whether the value is a log format (`value-lf`).
    pub value_format: bool,
}

/// `-m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckMatch {
    /// The same.
    Exact,
    /// Begins with it.
    Beginning,
    /// Ends with it.
    End,
    /// Contains it.
    Contains,
    /// Fits the regular expression.
    Regex,
}
