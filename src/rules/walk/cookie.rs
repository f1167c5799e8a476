//! `cookie`: the server that a request's cookie names, and the cookie of its response.
//!
//! In: the heads, behind all rules but `http-after-response`; which servers are up. Out: the server that
//! the client is bound to, the heads as the client and the server are to see them, and what the log says
//! of it (HAProxy 3.0, configuration.txt §8.5, the last two letters). Backends without `cookie` cost one
//! look.

use std::borrow::Cow;
use std::time::Duration;

use super::Walk;
use crate::config::plan::{Cookie, CookieMode, Proxy};
use crate::rules::context::RequestLine;
use crate::rules::cookie::{Fate, SetCookie, Token, edit, write_moment};
use crate::rules::ending::{OfRequest, OfResponse};
use crate::rules::program::Persistence;

/// How far into the future a cookie's moment may lie (clocks differ): a day.
const AHEAD_S: u64 = 86_400;

/// Which statuses may be kept without anything being said about it (RFC 9110 §15.1).
const KEPT: &[u16] = &[200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501];

/// What a cache may do with a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cacheable {
    /// Keep it.
    response: bool,
    /// Its cookies, too.
    cookies: bool,
}

impl Walk<'_> {
    fn cookie(&self) -> Option<&Cookie> {
        let back = &self.plan.proxies.get(self.backend?)?.back;
        back.cookie.as_ref().map(|given| &given.value)
    }

    /// Looks for the cookie in a request: it binds to its server, unless something else did before.
    pub(super) fn cookie_of_request(&mut self) {
        if self.cookie().is_some() {
            self.find_cookie();
        }
    }

    #[inline(never)]
    fn find_cookie(&mut self) {
        let plan = self.plan;
        let Some(backend) = self.backend else { return };
        let Some(proxy) = plan.proxies.get(backend) else { return };
        let Some(cookie) = proxy.back.cookie.as_ref().map(|it| &it.value) else { return };
        let Some(mut request) = self.request.take() else { return };
        let hides = cookie.mode == Some(CookieMode::Insert) && cookie.indirect;
        request.head.edit(request.base, b"cookie", |value| {
            edit(value, |name, value| {
                if name != cookie.name.as_bytes() {
                    return Fate::Keep;
                }
                let prefix = value.iter().position(|&byte| byte == b'~');
                if cookie.mode == Some(CookieMode::Prefix) {
                    let end = prefix.unwrap_or(value.len());
                    self.bind((proxy, backend), &value[..end]);
                    return prefix.map_or(Fate::Keep, |at| Fate::Behind(at + 1));
                }
                let token = Token::of(value);
                let server = if self.is_current(cookie, &token) { token.server } else { b"" };
                self.bind((proxy, backend), server);
                if hides { Fate::Drop } else { Fate::Keep }
            })
        });
        self.request = Some(request);
    }

    /// Whether a cookie is neither too old nor unused for too long; and keeps its moments.
    fn is_current(&mut self, cookie: &Cookie, token: &Token<'_>) -> bool {
        let now_s = self.moment.unix_us / 1_000_000;
        let over = |moment: Option<u64>, limit: Option<Duration>| match (moment, limit) {
            (Some(moment), Some(limit)) if !limit.is_zero() => {
                now_s.saturating_sub(moment) > limit.as_secs()
                    || moment.saturating_sub(now_s) > AHEAD_S
            }
            _ => false,
        };
        let state = &mut self.exchange.cookie;
        let ends = if over(token.first_s, cookie.max_life) {
            OfRequest::Old
        } else if over(token.last_s, cookie.max_idle) {
            OfRequest::Expired
        } else {
            state.last_s = token.last_s.or(state.last_s);
            state.first_s = token.first_s.or(state.first_s);
            return true;
        };
        (state.request, state.last_s, state.first_s) = (ends, None, None);
        false
    }

    /// Binds to the first server of this cookie that is up. An empty one names nobody, so that clients
    /// do not stay on backups that have none.
    fn bind(&mut self, (proxy, backend): (&Proxy, usize), value: &[u8]) {
        let persistence = self.effects.persistence;
        let unused = self.exchange.bound.is_some() || persistence == Some(Persistence::Ignore);
        let stays = persistence == Some(Persistence::Force)
            || proxy.settings.options.persist.is_some_and(|it| it.value);
        if !value.is_empty() && !unused {
            for server in 0..proxy.servers.len() {
                if self.server_cookie(backend, server).as_deref() != Some(value) {
                    continue;
                }
                let up = self.counters.server_up(backend, server);
                self.exchange.cookie.request = if up { OfRequest::Valid } else { OfRequest::Down };
                if up || stays {
                    self.exchange.bound = Some(server);
                    self.server = Some(server);
                    return;
                }
            }
        }
        if self.exchange.cookie.request == OfRequest::None {
            self.exchange.cookie.request =
                if unused { OfRequest::Unused } else { OfRequest::Invalid };
        }
    }

    /// The cookie of a server: what it says, or, with `dynamic`, what its address and the secret make.
    fn server_cookie(&self, backend: usize, server: usize) -> Option<Cow<'_, [u8]>> {
        let proxy = self.plan.proxies.get(backend)?;
        if let Some(cookie) = &proxy.servers.get(server)?.settings.cookie {
            return Some(Cow::Borrowed(cookie.value.as_bytes()));
        }
        let cookie = proxy.back.cookie.as_ref()?;
        let secret = proxy.back.dynamic_cookie_key.as_ref().filter(|_| cookie.value.dynamic)?;
        let address = self.counters.server_address(backend, server)?;
        let mut text = secret.value.as_bytes().to_vec();
        match address.ip() {
            core::net::IpAddr::V4(ip) => text.extend_from_slice(&ip.octets()),
            core::net::IpAddr::V6(ip) => text.extend_from_slice(&ip.octets()),
        }
        text.extend_from_slice(&u32::from(address.port()).to_be_bytes());
        let hash = xxhash_rust::xxh64::xxh64(&text, 0);
        Some(Cow::Owned(format!("{hash:016x}").into_bytes()))
    }

    /// Takes the cookie out of a response, changes it, or puts it in. False if the response must not pass
    /// (`option checkcache`).
    pub(super) fn cookie_of_response(&mut self) -> bool {
        let back = self.backend.and_then(|backend| self.plan.proxies.get(backend));
        let checks =
            back.is_some_and(|it| it.settings.options.check_cache.is_some_and(|it| it.value));
        if self.cookie().is_none() && !checks {
            return true;
        }
        self.answer_cookie(checks)
    }

    #[inline(never)]
    fn answer_cookie(&mut self, checks: bool) -> bool {
        let plan = self.plan;
        let (Some(backend), Some(mut response)) = (self.backend, self.response.take()) else {
            return true;
        };
        let cookie = plan.proxies.get(backend).and_then(|it| it.back.cookie.as_ref());
        let cookie = cookie.map(|it| &it.value);
        let sets = response.view().values(b"set-cookie").next().is_some();
        let mut cacheable = Cacheable::default();
        if checks || cookie.is_some_and(|it| it.no_cache) {
            cacheable = self.cacheable(&response.view());
        }
        let ignores = self.effects.persistence == Some(Persistence::Ignore);
        if let Some(cookie) = cookie.filter(|_| !ignores) {
            let server = self.server.and_then(|server| self.server_cookie(backend, server));
            let server = server.map(Cow::into_owned);
            let (mut state, of) = (OfResponse::None, (self.is_direct(), self.server.is_some()));
            response.head.edit(response.base, b"set-cookie", |field| {
                change(cookie, field, server.as_deref(), of, &mut state)
            });
            self.exchange.cookie.response = state;
            if self.server.is_some() && self.is_due(cookie) {
                let value = self.new_cookie(cookie, server.as_deref());
                response.head.append(b"set-cookie", &value);
                self.exchange.cookie.response = match server.is_some() && self.is_direct() {
                    true => OfResponse::Updated,
                    false => OfResponse::Inserted,
                };
                if cookie.no_cache && cacheable.response {
                    cacheable = Cacheable::default();
                    response.head.append(b"cache-control", b"private");
                }
            }
        }
        self.response = Some(response);
        !(checks && sets && cacheable.response && cacheable.cookies)
    }

    /// Whether the request went where it was bound to.
    fn is_direct(&self) -> bool {
        self.exchange.bound.is_some() && self.exchange.bound == self.server
    }

    /// Whether the client needs a cookie, or a new one.
    fn is_due(&self, cookie: &Cookie) -> bool {
        let state = &self.exchange.cookie;
        let now_s = self.moment.unix_us / 1_000_000;
        let lasts = |limit: Option<Duration>| limit.is_some_and(|it| !it.is_zero());
        let seen = lasts(cookie.max_idle) || state.last_s.is_some();
        let is_post = || {
            let line = self.exchange.line.as_ref();
            line.is_some_and(|line| line.method() == b"POST")
        };
        cookie.mode == Some(CookieMode::Insert)
            && !(cookie.preserve && state.response == OfResponse::Passive)
            && (!self.is_direct()
                || (seen && state.last_s.is_none_or(|last_s| last_s < now_s))
                || lasts(cookie.max_life) != state.first_s.is_some())
            && (!cookie.post_only || is_post())
    }

    /// What `Set-Cookie` says. A server without a cookie (some backups are) has it removed.
    fn new_cookie(&self, cookie: &Cookie, server: Option<&[u8]>) -> Vec<u8> {
        let mut out = cookie.name.as_bytes().to_vec();
        out.push(b'=');
        let now_s = self.moment.unix_us / 1_000_000;
        let lasts = |limit: Option<Duration>| limit.is_some_and(|it| !it.is_zero());
        match server {
            None => out.extend_from_slice(b"; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"),
            Some(server) => {
                out.extend_from_slice(server);
                if lasts(cookie.max_idle) || lasts(cookie.max_life) {
                    write_moment(now_s, &mut out);
                }
                if lasts(cookie.max_life) {
                    write_moment(self.exchange.cookie.first_s.unwrap_or(now_s), &mut out);
                }
                out.extend_from_slice(b"; path=/");
            }
        }
        for domain in &cookie.domains {
            out.extend_from_slice(b"; domain=");
            out.extend_from_slice(domain.as_bytes());
        }
        if cookie.http_only {
            out.extend_from_slice(b"; HttpOnly");
        }
        if cookie.secure {
            out.extend_from_slice(b"; Secure");
        }
        for attribute in &cookie.attributes {
            out.extend_from_slice(b"; ");
            out.extend_from_slice(attribute.as_bytes());
        }
        out
    }

    /// Whether a cache may keep the response, and its cookies.
    fn cacheable(&self, response: &crate::proto::head::View<'_>) -> Cacheable {
        let line = self.exchange.line.as_ref();
        let method = line.map(RequestLine::method).unwrap_or_default();
        let safe = matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE");
        let kept = self.exchange.server_status.is_some_and(|status| KEPT.contains(&status));
        let mut may = Cacheable { response: safe && kept, cookies: safe && kept };
        let is = |value: &[u8], word: &str| value.eq_ignore_ascii_case(word.as_bytes());
        let begins = |value: &[u8], word: &str| {
            value.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()))
        };
        if response.values(b"pragma").next().is_some_and(|value| is(value, "no-cache")) {
            return Cacheable::default();
        }
        let (mut fresh, mut stale) = (false, false);
        let values = response.values(b"cache-control");
        for value in values.flat_map(crate::rules::fetch::list::parts) {
            let forbids = ["private", "no-cache", "no-store"].iter().any(|word| {
                is(value, word) || (begins(value, word) && value.get(word.len()) == Some(&b'='))
            });
            if is(value, "public") {
                may = Cacheable { response: true, cookies: true };
            } else if is(value, "max-age=0") {
                stale = true;
            } else if is(value, "no-cache=\"set-cookie\"") {
                may.cookies = false;
            } else if forbids || is(value, "s-maxage=0") {
                may = Cacheable::default();
            } else if begins(value, "s-maxage") {
                (fresh, stale) = (true, false);
            } else if begins(value, "max-age") {
                fresh = true;
            }
        }
        if stale {
            may = Cacheable::default();
        }
        let names: [&[u8]; 3] = [b"expires", b"etag", b"last-modified"];
        let tells = names.iter().any(|name| response.values(name).next().is_some());
        may.response &= fresh || tells;
        may
    }
}

/// What becomes of a `Set-Cookie` field of the server: its new value, or an empty one to remove it.
fn change(
    cookie: &Cookie,
    field: &[u8],
    server: Option<&[u8]>,
    (direct, known): (bool, bool),
    state: &mut OfResponse,
) -> Option<Vec<u8>> {
    let set = SetCookie::of(field)?;
    let plain = set.with(&[set.value]);
    let stripped = Some(plain).filter(|plain| plain.len() < trimmed(field).len());
    if set.name != cookie.name.as_bytes() {
        return stripped;
    }
    *state = OfResponse::Passive;
    match (cookie.mode, server) {
        _ if cookie.preserve => stripped,
        (Some(CookieMode::Insert), _) if known => {
            *state = OfResponse::Deleted;
            Some(Vec::new())
        }
        _ if direct && cookie.indirect => {
            *state = OfResponse::Deleted;
            Some(Vec::new())
        }
        (Some(CookieMode::Rewrite), Some(server)) => {
            *state = OfResponse::Replaced;
            Some(set.with(&[server]))
        }
        (Some(CookieMode::Prefix), Some(server)) => {
            *state = OfResponse::Replaced;
            Some(set.with(&[server, b"~", set.value]))
        }
        _ => stripped,
    }
}

fn trimmed(field: &[u8]) -> &[u8] {
    field.trim_ascii()
}
