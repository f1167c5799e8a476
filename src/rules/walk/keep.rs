//! What is kept of heads before any rule runs: captures and the request's identifier.

use super::Walk;
use crate::config::plan::{CookieCapture, Given};
use crate::proto::head::View;
use crate::rules::program::{CaptureSlot, Compiled};

type Kept = Option<Box<[u8]>>;

/// The longest piece of a cookie that is kept, whatever `capture cookie` says (HAProxy's
/// `tune.http.cookielen`, less one).
const COOKIE_MAX: usize = 63;

impl Walk<'_> {
    /// Of a request.
    pub(super) fn keep_of_request(&mut self) {
        let Some(request) = &self.request else { return };
        let frontend = self.connection.frontend;
        let view = request.view();
        let slots = &self.program.proxy(frontend).request_captures;
        if !slots.is_empty() && self.exchange.request_captures.is_empty() {
            self.exchange.request_captures = fields(view, slots);
        }
        if let Some(capture) = self.cookie_capture(frontend) {
            self.exchange.request_cookie = cookie(view, b"cookie", capture, |byte| byte == b';');
        }
        self.identify(frontend);
    }

    /// Of a response.
    pub(super) fn keep_of_response(&mut self) {
        let Some(response) = &self.response else { return };
        let frontend = self.connection.frontend;
        let view = response.view();
        let slots = &self.program.proxy(frontend).response_captures;
        if !slots.is_empty() && self.exchange.response_captures.is_empty() {
            self.exchange.response_captures = fields(view, slots);
        }
        if let Some(capture) = self.cookie_capture(frontend) {
            // Behind the first semicolon stand the cookie's attributes.
            self.exchange.response_cookie = cookie(view, b"set-cookie", capture, |_| false);
        }
    }

    fn cookie_capture(&self, frontend: usize) -> Option<&CookieCapture> {
        let front = &self.plan.proxies.get(frontend)?.front;
        front.cookie_capture.as_ref().map(|given: &Given<_>| &given.value)
    }

    /// `unique-id-format`.
    fn identify(&mut self, frontend: usize) {
        let index = self.plan.proxies.get(frontend).and_then(|proxy| proxy.logging.unique_id);
        let formats = &self.program.proxy(frontend).formats;
        let format = index.and_then(|index| formats.get(index.value)).and_then(Option::as_ref);
        if let (Some(Compiled::Format(format)), None) = (format, &self.exchange.unique_id) {
            self.exchange.unique_id = Some(format.bytes(&self.context()).into());
        }
    }
}

fn fields(view: View<'_>, slots: &[CaptureSlot]) -> Vec<Kept> {
    let kept = slots.iter().map(|slot| {
        let value = view.values(slot.field.as_deref()?.as_bytes()).next_back()?;
        Some(value.get(..slot.length).unwrap_or(value).into())
    });
    kept.collect()
}

/// The first `name=value` that begins with the name; the field's value holds several, divided where
/// `divides` says so.
fn cookie(
    view: View<'_>,
    field: &[u8],
    capture: &CookieCapture,
    divides: impl Fn(u8) -> bool,
) -> Kept {
    let length = usize::try_from(capture.length).unwrap_or(COOKIE_MAX).min(COOKIE_MAX);
    let name = capture.name.as_bytes();
    let mut pairs = view.values(field).flat_map(|value| value.split(|&byte| divides(byte)));
    let pair = pairs.find_map(|pair| {
        let pair = pair.trim_ascii_start();
        let end = pair.iter().position(|&byte| byte == b';').unwrap_or(pair.len());
        let pair = pair.get(..end)?.trim_ascii_end();
        pair.starts_with(name).then_some(pair)
    })?;
    Some(pair.get(..length).unwrap_or(pair).into())
}
