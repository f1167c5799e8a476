//! What an action does to an exchange.

use core::net::{IpAddr, SocketAddr};

use super::{Decision, Did, Flow, Message, Walk, Watch};
use crate::config::keyword::Feature;
use crate::config::source::Span;
use crate::rules::action::Action;
use crate::rules::action::field::FieldEdit;
use crate::rules::action::line::Amount;
use crate::rules::action::other::Other;
use crate::rules::action::redirect::Redirect;
use crate::rules::action::setting::{Capture, End, Setting, Side, Slot, Timeout};
use crate::rules::action::start::{Outcome, StartEdit, follow_host};
use crate::rules::action::verdict::Verdict;
use crate::rules::answer;
use crate::rules::ending::{Cause, Ending, Stage};
use crate::rules::expr::Expr;

/// The bounds of `set-priority-class`.
const CLASS: (i64, i64) = (-2047, 2047);
/// The bounds of `set-priority-offset`, in milliseconds.
const OFFSET: (i64, i64) = (-524_287, 524_287);

impl Walk<'_> {
    /// Does what the rule at `span` says. `None`: the next rule is tried.
    pub(super) fn act<W: Watch>(
        &mut self,
        action: &Action,
        span: Span,
        watch: &mut W,
    ) -> Option<Flow> {
        match action {
            Action::Verdict(verdict) => return self.verdict(verdict, span, watch),
            Action::Field(edit) => self.edit_fields(edit),
            Action::Start(edit) => {
                if self.edit_start(edit) == Outcome::Broken {
                    self.exchange.last_rule = Some(span);
                    self.end_by(Cause::Proxy);
                    let answer = answer::default(400, self.program, &self.context());
                    return Some(Flow::End(Decision::Answer(answer)));
                }
            }
            Action::Variable(edit) => {
                let done = edit.apply(&self.context());
                watch.did(self, Did::Variable(edit.name(), done));
                return None;
            }
            Action::Setting(setting) => self.set(setting, watch),
            Action::Map(edit) => edit.run(&self.context()),
            Action::Counter(edit) => {
                let said = self.count_in(edit);
                if W::ACTIVE {
                    watch.did(self, Did::Set(said));
                }
                return None;
            }
            Action::Other(other) => self.other(other, watch),
        }
        if W::ACTIVE {
            watch.did(self, Did::Acted);
        }
        None
    }

    fn verdict<W: Watch>(&mut self, verdict: &Verdict, span: Span, watch: &mut W) -> Option<Flow> {
        if matches!(verdict, Verdict::Deny(_) | Verdict::Tarpit(_)) {
            self.count_refusal();
        }
        let decision = match verdict {
            Verdict::Redirect(redirect) => return self.redirect(redirect, span, watch),
            Verdict::Allow => {
                self.exchange.last_rule = Some(span);
                watch.did(self, Did::Allowed);
                return Some(Flow::Continue);
            }
            Verdict::Deny(reply) | Verdict::Return(reply) => {
                Decision::Answer(answer::reply(reply, self.program, &self.context()))
            }
            Verdict::Tarpit(reply) => {
                Decision::Tarpit(answer::reply(reply, self.program, &self.context()))
            }
            Verdict::Auth { realm } => {
                let proxy = self.plan.proxies.get(self.proxy).map_or("", |proxy| &proxy.name);
                let realm = realm.as_deref().unwrap_or(proxy);
                Decision::Answer(answer::challenge(realm, self.program, &self.context()))
            }
            Verdict::Reject | Verdict::Close => Decision::Close,
            Verdict::SilentDrop { ttl } => Decision::Drop(*ttl),
            Verdict::Service(name) => Decision::Service(name.clone()),
            // A connection that is HTTP already goes on.
            Verdict::SwitchToHttp { .. } if self.request.is_some() => return Some(Flow::Continue),
            Verdict::SwitchToHttp { .. } => {
                self.effects.switched = true;
                Decision::SwitchToHttp
            }
        };
        self.exchange.last_rule = Some(span);
        self.exchange.denied = matches!(
            verdict,
            Verdict::Deny(_) | Verdict::Tarpit(_) | Verdict::Reject | Verdict::SilentDrop { .. }
        );
        self.end_by(match verdict {
            Verdict::Return(_) | Verdict::Service(_) | Verdict::Auth { .. } => Cause::Local,
            _ => Cause::Proxy,
        });
        Some(Flow::End(decision))
    }

    /// A rule ends the exchange.
    pub(super) fn end_by(&mut self, cause: Cause) {
        let stage = if self.response.is_some() { Stage::Headers } else { Stage::Request };
        self.exchange.ending = Ending { cause, stage };
    }

    pub(super) fn redirect<W: Watch>(
        &mut self,
        redirect: &Redirect,
        span: Span,
        watch: &mut W,
    ) -> Option<Flow> {
        let Some(location) = redirect.location(&self.context()) else {
            watch.did(self, Did::EmptyLocation);
            return None;
        };
        self.exchange.last_rule = Some(span);
        self.end_by(Cause::Local);
        Some(Flow::End(Decision::Answer(answer::redirection(redirect, &location))))
    }

    /// The head that rules change now: the response's once it is there.
    fn message(&mut self) -> Option<(&mut crate::proto::head::Head, &[u8])> {
        let message = self.response.as_mut().or(self.request.as_mut())?;
        let Message { head, base } = message;
        Some((head, base))
    }

    fn edit_fields(&mut self, edit: &FieldEdit) {
        let value = edit.format().map(|format| format.bytes(&self.context()));
        let value = value.unwrap_or_default();
        if let FieldEdit::Hint { name, .. } = edit {
            self.effects.hints.push((name.clone(), value.into_owned()));
            return;
        }
        let sets_host =
            matches!(edit, FieldEdit::Set { name, .. } if name.eq_ignore_ascii_case("host"));
        let Some((head, base)) = self.message() else { return };
        if edit.apply(&value, head, base) && sets_host {
            follow_host(head, base);
        }
    }

    fn edit_start(&mut self, edit: &StartEdit) -> Outcome {
        let value = edit.format().map(|format| format.bytes(&self.context()));
        let value = value.unwrap_or_default();
        let Some((head, base)) = self.message() else { return Outcome::Same };
        edit.apply(&value, head, base)
    }

    fn other<W: Watch>(&mut self, other: &Other, watch: &mut W) {
        let feature = match other {
            Other::ExpectProxy => {
                self.effects.expect_proxy = true;
                return;
            }
            Other::WaitForBody { .. } => Feature::Bodies,
            Other::WaitForHandshake => return,
            Other::CacheUse(_) | Other::CacheStore(_) => Feature::Cache,
            Other::Bandwidth { .. } => Feature::Bandwidth,
            Other::Resolve { .. } => Feature::Resolvers,
        };
        watch.did(self, Did::NotBuilt(feature.words()));
    }

    pub(super) fn int(&self, expr: &Expr) -> Option<i64> {
        expr.last(&self.context())?.to_int()
    }

    pub(super) fn amount(&self, amount: &Amount) -> Option<i64> {
        match amount {
            Amount::Fixed(number) => Some(*number),
            Amount::Expr(expr) => self.int(expr),
        }
    }

    fn set<W: Watch>(&mut self, setting: &Setting, watch: &mut W) {
        match setting {
            Setting::LogLevel(level) => self.effects.log_level = Some(*level),
            Setting::Nice(_) => {}
            Setting::Tos(side, amount) => {
                // The byte is what the low eight bits are, as in HAProxy.
                let tos = self.amount(amount).map(|it| (it & 0xff) as u8);
                match side {
                    Side::Client => self.effects.client_tos = tos.or(self.effects.client_tos),
                    Side::Server => self.effects.server_tos = tos.or(self.effects.server_tos),
                }
            }
            Setting::Mark(side, amount) => {
                let mark = self.amount(amount).map(|it| (it & 0xffff_ffff) as u32);
                match side {
                    Side::Client => self.effects.client_mark = mark.or(self.effects.client_mark),
                    Side::Server => self.effects.server_mark = mark.or(self.effects.server_mark),
                }
            }
            Setting::Address(end, expr) => self.set_address(*end, expr),
            Setting::Timeout(which, amount) => {
                let ms = self.amount(amount).and_then(|it| u64::try_from(it).ok());
                let ms = ms.filter(|&ms| ms > 0);
                let slot = match which {
                    Timeout::Client => &mut self.effects.client_timeout_ms,
                    Timeout::Server => &mut self.effects.server_timeout_ms,
                    Timeout::Tunnel => &mut self.effects.tunnel_timeout_ms,
                };
                *slot = ms.or(*slot);
            }
            Setting::PriorityClass(expr) => {
                if let Some(class) = self.int(expr) {
                    self.exchange.priority_class = class.clamp(CLASS.0, CLASS.1);
                }
            }
            Setting::PriorityOffset(expr) => {
                if let Some(offset) = self.int(expr) {
                    self.exchange.priority_offset = offset.clamp(OFFSET.0, OFFSET.1);
                }
            }
            Setting::Capture(capture) => self.capture(capture),
            Setting::Strict(strict) => self.effects.lenient = !strict,
            Setting::NoRetry => self.effects.no_retry = true,
        }
        if W::ACTIVE {
            watch.did(self, Did::Set(self.said(setting)));
        }
    }

    /// The setting in words, for an explanation.
    fn said(&self, setting: &Setting) -> String {
        let number = |amount: &Amount| {
            self.amount(amount).map_or("nothing: there is no value".to_owned(), |it| it.to_string())
        };
        match setting {
            Setting::LogLevel(None) => "no log line".to_owned(),
            Setting::LogLevel(Some(level)) => format!("log level {level:?}").to_lowercase(),
            Setting::Nice(nice) => format!("nice {nice} (without effect)"),
            Setting::Tos(side, it) => {
                format!("TOS of packets to the {}: {}", side.word(), number(it))
            }
            Setting::Mark(side, it) => {
                format!("mark of packets to the {}: {}", side.word(), number(it))
            }
            Setting::Address(End::Source | End::SourcePort, _) => {
                let source = self.exchange.source.unwrap_or(self.connection.source);
                format!("client {source}")
            }
            Setting::Address(..) => {
                let end = self.exchange.destination.unwrap_or(self.connection.destination);
                format!("destination {end}")
            }
            Setting::Timeout(which, it) => {
                format!("timeout {} {} ms", format!("{which:?}").to_lowercase(), number(it))
            }
            Setting::PriorityClass(_) => {
                format!("class in queues {}", self.exchange.priority_class)
            }
            Setting::PriorityOffset(_) => {
                format!("offset in queues {} ms", self.exchange.priority_offset)
            }
            Setting::Capture(capture) => {
                let (slot, slots) = (capture.slot.index(), self.slots(capture.response));
                let kept = slots.get(slot).and_then(Option::as_deref).unwrap_or_default();
                format!("captured in slot {slot}: {}", String::from_utf8_lossy(kept))
            }
            Setting::Strict(strict) => {
                format!("strict mode {}", if *strict { "on" } else { "off" })
            }
            Setting::NoRetry => "no second try once the server was reached".to_owned(),
        }
    }

    fn slots(&self, response: bool) -> &[Option<Box<[u8]>>] {
        match response {
            true => &self.exchange.response_captures,
            false => &self.exchange.request_captures,
        }
    }

    /// Without a value, or with one of the wrong kind, everything stays.
    fn set_address(&mut self, end: End, expr: &Expr) {
        let value = expr.last(&self.context());
        let address: Option<IpAddr> = value.as_ref().and_then(|value| value.to_addr());
        let port = value.and_then(|value| value.to_int()).and_then(|it| u16::try_from(it).ok());
        let source = self.exchange.source.unwrap_or(self.connection.source);
        let destination = self.exchange.destination.unwrap_or(self.connection.destination);
        let new = match end {
            End::Source => address.map(|it| SocketAddr::new(it, source.port())),
            End::SourcePort => port.map(|port| SocketAddr::new(source.ip(), port)),
            End::Destination => address.map(|it| SocketAddr::new(it, destination.port())),
            End::DestinationPort => port.map(|port| SocketAddr::new(destination.ip(), port)),
        };
        let Some(new) = new else { return };
        match end {
            End::Source | End::SourcePort => self.exchange.source = Some(new),
            End::Destination | End::DestinationPort => self.exchange.destination = Some(new),
        }
    }

    /// Keeps the value's beginning. A slot that is not there keeps nothing.
    fn capture(&mut self, capture: &Capture) {
        let frontend = self.program.proxy(self.connection.frontend);
        let slots = match capture.response {
            true => &frontend.response_captures,
            false => &frontend.request_captures,
        };
        let index = capture.slot.index();
        let Some(slot) = slots.get(index) else { return };
        let value = capture.value.last(&self.context()).map(|value| value.into_text());
        let Some(value) = value else { return };
        let kept: Box<[u8]> = value.get(..slot.length).unwrap_or(&value).into();
        let count = slots.len();
        let all = match capture.response {
            true => &mut self.exchange.response_captures,
            false => &mut self.exchange.request_captures,
        };
        if all.len() < count {
            all.resize(count, None);
        }
        if let Some(place) = all.get_mut(index) {
            *place = Some(kept);
        }
    }
}

impl Slot {
    /// Its place among the frontend's slots.
    pub fn index(self) -> usize {
        match self {
            Slot::Own { index, .. } | Slot::Declared(index) => index,
        }
    }
}

impl Side {
    /// `client` or `server`.
    fn word(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Server => "server",
        }
    }
}
