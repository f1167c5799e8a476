//! The lines of `log`: one per exchange (or connection in TCP mode).
//!
//! In: an exchange that ended, as rules see it. Out: a line in the format of the frontend, to its
//! targets, batched per worker and sent once a turn; dropped with a count rather than stall.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use super::batch::Batch;
use super::frame::{self, Clock};
use super::targets::Voice;
use crate::config::plan::{LogLevel, LogSettings, Plan, SyslogFormat, is_on};
use crate::rules::action::setting::Level;
use crate::rules::context::{Context, Exchange, Failure};
use crate::rules::ending::{Cause, Ending, Stage};
use crate::rules::format::{Format, date};
use crate::rules::program::Program;
use crate::worker::{Local, TaskRef};

pub use super::targets::Targets;

/// How soon a target that was full is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// How soon the last dropped lines are told of.
const TELL: Duration = Duration::from_secs(1);

/// A worker's log.
#[derive(Clone)]
pub struct Sink(Rc<Inner>);

struct Inner {
    targets: Arc<Targets>,
    local: Local,
    /// The task that sends at each turn; once it has ended, lines go at once.
    task: Cell<Option<TaskRef>>,
    work: RefCell<Work>,
}

/// What lines are made in and wait in.
#[derive(Debug)]
struct Work {
    line: Vec<u8>,
    structured: Vec<u8>,
    clock: Clock,
    /// By outlet.
    batches: Vec<Batch>,
}

/// What became of what waited.
#[derive(Clone, Copy, Debug, Default)]
struct Flushed {
    lost: u64,
    /// Something is left for later.
    full: bool,
}

impl Sink {
    /// A worker's sink. Its task, which sends what has gathered at each turn of the worker, is spawned
    /// on `local`.
    pub fn new(targets: Arc<Targets>, local: &Local) -> Sink {
        let batches = targets.outlets.iter().map(|_| Batch::default()).collect();
        let work =
            Work { line: Vec::new(), structured: Vec::new(), clock: Clock::default(), batches };
        let logs = !targets.loggers.is_empty();
        let (task, work) = (Cell::new(None), RefCell::new(work));
        let inner = Rc::new(Inner { targets, local: local.clone(), task, work });
        if logs {
            local.spawn(run(Rc::downgrade(&inner), local.clone()));
        }
        Sink(inner)
    }

    /// An exchange ended: writes its line, if its frontend logs (`log`, `option httplog`,
    /// `dontlog-normal`, `dontlognull`, sampling, levels). Cheap when it does not. `level` is what
    /// `set-log-level` asked for; its inner `None` is `silent`.
    pub fn exchange(
        &self,
        plan: &Plan,
        program: &Program,
        context: &Context<'_>,
        level: Option<Option<Level>>,
    ) {
        let frontend = context.connection.frontend;
        let Some(voice) = self.voice(frontend) else { return };
        let Some(logging) = plan.proxies.get(frontend).map(|proxy| &proxy.logging) else { return };
        let Some(level) = severity(logging, context.exchange, level) else { return };
        let formats = &program.proxy(frontend).log;
        // What never became a request is told as failed connections are.
        let is_bad = context.connection.http_major > 0 && context.exchange.line.is_none();
        let format = match (&formats.error, &formats.line) {
            (Some(error), _) if is_bad => error,
            (None, _) if is_bad && logging.format.is_none() => return,
            (_, Some(line)) => line,
            (_, None) => return,
        };
        if formats.counted {
            context.exchange.log_number.set(voice.count.fetch_add(1, Ordering::Relaxed));
        }
        self.0.write(
            voice,
            level,
            context.moment.unix_us,
            formats.structured.as_ref(),
            context,
            |line| {
                format.write(context, line);
            },
        );
    }

    /// Says something of a proxy to its targets, or to the operator if it has none: "Server b/s is DOWN".
    /// At once; not for the path of a request.
    pub fn announce(&self, proxy: usize, level: LogLevel, text: &str) {
        if self.0.targets.listen(proxy) {
            self.0.targets.announce(Some(proxy), level, text);
        } else if level <= LogLevel::Warning {
            super::warning(format_args!("{text}"));
        } else {
            super::notice(format_args!("{text}"));
        }
    }

    /// Whether lines of a frontend go anywhere: if not, nothing needs to be kept for them.
    pub fn wants(&self, frontend: usize) -> bool {
        self.voice(frontend).is_some()
    }

    /// Whether the line of a frontend's exchange is due as soon as the response's head (in TCP mode: the
    /// connection to the server) is there, and not at its end: `option logasap`.
    pub fn is_early(&self, plan: &Plan, frontend: usize) -> bool {
        let proxy = plan.proxies.get(frontend);
        self.wants(frontend) && proxy.is_some_and(|proxy| is_on(proxy.logging.early))
    }

    /// Something happened that is no exchange (a handshake failed, a connection without a request).
    /// Goes to the frontend's targets in the manner of `error-log-format`.
    ///
    /// `what` is HAProxy's phrase: `Connection closed during SSL handshake`. With `option dontlognull`
    /// a connection that ended before anything came leaves no line, which is seen by the phrase.
    pub fn connection(&self, plan: &Plan, program: &Program, context: &Context<'_>, what: &str) {
        let frontend = context.connection.frontend;
        let Some(voice) = self.voice(frontend) else { return };
        let Some(proxy) = plan.proxies.get(frontend) else { return };
        let logging = &proxy.logging;
        let number = number_of(what);
        if is_on(logging.skip_empty) && matches!(number, 11 | 13 | 24 | 26) {
            return;
        }
        let is_error = is_on(logging.separate_errors);
        let level = if is_error { LogLevel::Error } else { LogLevel::Info };
        let formats = &program.proxy(frontend).log;
        let unix_us = context.moment.unix_us;
        let Some(format) = &formats.error else {
            self.0.write(voice, level, unix_us, None, context, |line| {
                short_error(proxy, context, what, line);
            });
            return;
        };
        let ending = Ending { cause: Cause::Proxy, stage: Stage::Request };
        let failure = Some(Failure { number, text: what.into() });
        let exchange = Exchange { status: Some(0), ending, failure, ..context.exchange.clone() };
        let context = Context { exchange: &exchange, ..*context };
        self.0.write(voice, level, unix_us, formats.structured.as_ref(), &context, |line| {
            format.write(&context, line);
        });
    }

    /// Sends what waits, now: for the end of the worker.
    pub fn flush(&self) {
        self.0.flush();
    }

    /// Who speaks for a frontend; `None` if nobody listens.
    fn voice(&self, frontend: usize) -> Option<&Voice> {
        let voice = self.0.targets.proxies.get(frontend)?;
        (!voice.loggers.is_empty()).then_some(voice)
    }
}

/// The level of an exchange's line; `None` if there is no line.
fn severity(
    logging: &LogSettings,
    exchange: &Exchange,
    asked: Option<Option<Level>>,
) -> Option<LogLevel> {
    let wrong = !exchange.ending.is_normal()
        || exchange.retries > 0
        || exchange.redispatched
        || exchange.status.is_some_and(|status| status >= 500);
    if is_on(logging.errors_only) && !wrong {
        return None;
    }
    let nothing =
        exchange.bytes_in == 0 && exchange.line.is_none() && exchange.times.begun.is_none();
    if is_on(logging.skip_empty) && nothing {
        return None;
    }
    match asked {
        Some(None) => None,
        Some(Some(level)) => Some(severity_of(level)),
        None if wrong && is_on(logging.separate_errors) => Some(LogLevel::Error),
        None => Some(LogLevel::Info),
    }
}

fn severity_of(level: Level) -> LogLevel {
    match level {
        Level::Emergency => LogLevel::Emergency,
        Level::Alert => LogLevel::Alert,
        Level::Critical => LogLevel::Critical,
        Level::Error => LogLevel::Error,
        Level::Warning => LogLevel::Warning,
        Level::Notice => LogLevel::Notice,
        Level::Info => LogLevel::Info,
        Level::Debug => LogLevel::Debug,
    }
}

/// HAProxy's number for what it says of a failed connection (`fc_err`); that of a failed handshake for
/// anything else.
fn number_of(what: &str) -> i64 {
    const NUMBERS: [(&str, i64); 6] = [
        ("Connection closed while waiting for PROXY protocol header", 11),
        ("Timeout while waiting for PROXY protocol header", 13),
        ("Truncated PROXY protocol header received", 14),
        ("Received something which does not look like a PROXY protocol header", 15),
        ("Connection closed during SSL handshake", 24),
        ("Timeout during SSL handshake", 26),
    ];
    NUMBERS.iter().find(|(text, _)| what == *text).map_or(34, |(_, number)| *number)
}

/// `192.0.2.1:40000 [23/Nov/2026:23:50:31.643] web/bind: what`: without `error-log-format`
/// (configuration.txt §8.2.5).
fn short_error(
    proxy: &crate::config::plan::Proxy,
    context: &Context<'_>,
    what: &str,
    line: &mut Vec<u8>,
) {
    use std::io::Write;
    let source = context.exchange.source(context.connection);
    // Nothing can fail that writes to memory.
    let _ = write!(line, "{}:{} [", source.ip().to_canonical(), source.port());
    let _ = date::local_ms(context.connection.accepted_us, line);
    let place = context.connection.bind;
    let bind = proxy.binds.get(place);
    let _ = match bind.map(|bind| (&bind.name, bind.id)) {
        Some((Some(name), _)) => write!(line, "] {}/{}: {what}", proxy.name, name.value),
        Some((None, Some(id))) => write!(line, "] {}/{}: {what}", proxy.name, id.value),
        _ => write!(line, "] {}/{}: {what}", proxy.name, place.saturating_add(1)),
    };
}

impl Inner {
    /// Makes a line and puts it into the batches of those who want it.
    fn write(
        &self,
        voice: &Voice,
        level: LogLevel,
        unix_us: u64,
        structured: Option<&Format>,
        context: &Context<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut work = self.work.borrow_mut();
        let Work { line, structured: extra, clock, batches } = &mut *work;
        line.clear();
        write(line);
        extra.clear();
        let loggers = || voice.loggers.iter().filter_map(|&index| self.targets.loggers.get(index));
        if let Some(format) = structured
            && loggers().any(|logger| logger.format == SyslogFormat::Rfc5424)
        {
            format.write(context, extra);
        }
        let extra = (!extra.is_empty()).then_some(&**extra);
        let (speaker, mut lost) = (&self.targets.speaker, 0);
        for logger in loggers() {
            let Some(header) = logger.header(level, &voice.tag, extra) else { continue };
            let Some(batch) = batches.get_mut(logger.outlet) else { continue };
            let put = |out: &mut Vec<u8>| {
                frame::put(&header, speaker, clock, unix_us, line, logger.length, out);
            };
            if !batch.push(put) {
                lost += 1;
            }
        }
        drop(work);
        self.targets.lose(lost);
        match self.task.get() {
            Some(task) => self.local.wake(task),
            None => drop(self.flush()),
        }
    }

    /// Sends what waits, as far as there is room.
    fn flush(&self) -> Flushed {
        let mut flushed = Flushed::default();
        let mut work = self.work.borrow_mut();
        for (outlet, batch) in self.targets.outlets.iter().zip(&mut work.batches) {
            if batch.is_empty() {
                continue;
            }
            let sent = outlet.send(batch);
            flushed.lost += sent.lost;
            flushed.full |= sent.full;
        }
        drop(work);
        self.targets.lose(flushed.lost);
        flushed
    }
}

/// The task: sends once a turn, when there is something; ends when the sink is gone, or when the worker
/// stops, after which lines go at once.
async fn run(sink: Weak<Inner>, local: Local) {
    while !local.is_stopping() {
        let Some(inner) = sink.upgrade() else { return };
        inner.task.set(Some(local.current()));
        let flushed = inner.flush();
        // It must not keep what it waits for.
        drop(inner);
        if flushed.full {
            local.sleep(AGAIN).await;
        } else if flushed.lost > 0 {
            local.sleep(TELL).await;
            if let Some(inner) = sink.upgrade() {
                inner.targets.tell();
            }
        } else {
            woken(&local).await;
        }
    }
    if let Some(inner) = sink.upgrade() {
        inner.task.set(None);
        inner.flush();
    }
}

/// Ends when the task is woken, by a line or by the worker's stop.
async fn woken(local: &Local) {
    let mut stopping = pin!(local.stopping());
    let mut asked = false;
    poll_fn(|context| {
        if stopping.as_mut().poll(context).is_ready() || std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

impl Drop for Inner {
    fn drop(&mut self) {
        let left = self.flush();
        let mut work = self.work.borrow_mut();
        let kept: usize = work.batches.iter_mut().map(Batch::clear).sum();
        self.targets.lose(if left.full { u64::try_from(kept).unwrap_or(u64::MAX) } else { 0 });
        if let Some(task) = self.task.get() {
            self.local.wake(task);
        }
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sink({} targets)", self.0.targets.outlets.len())
    }
}
