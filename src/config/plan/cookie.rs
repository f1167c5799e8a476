//! Persistence by cookie.

use std::time::Duration;

/// `cookie`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: Box<str>,
    /// Who makes it; `None`: the application, and Koi only reads it.
    pub mode: Option<CookieMode>,
    /// `indirect`: the server does not see it.
    pub indirect: bool,
    /// `nocache`: answers that set it are marked private.
    pub no_cache: bool,
    /// `postonly`: only answers to POST set it.
    pub post_only: bool,
    /// `preserve`: one that the server sets stays.
    pub preserve: bool,
    /// `httponly`.
    pub http_only: bool,
    /// `secure`.
    pub secure: bool,
    /// `dynamic`: servers' values are made of their addresses and the secret.
    pub dynamic: bool,
    /// `domain`, each.
    pub domains: Vec<Box<str>>,
    /// `attr`, each.
    pub attributes: Vec<Box<str>>,
    /// `maxidle`: a cookie not seen for so long is ignored.
    pub max_idle: Option<Duration>,
    /// `maxlife`: a cookie older than this is ignored.
    pub max_life: Option<Duration>,
}

/// Who makes the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieMode {
    /// The server; Koi writes the server's name into it.
    Rewrite,
    /// Koi.
    Insert,
    /// The server; Koi puts the server's name before its value.
    Prefix,
}
