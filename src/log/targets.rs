//! The targets of a plan's `log` lines, opened: sockets, descriptors, rings; and who logs to which.
//!
//! In: the plan. Out: what workers' sinks send to. Made once, in the main thread, before privileges go
//! and before the process shuts itself into a folder.

use std::fs::File;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use koi_sys::clock::Time;
use koi_sys::guard::host_name;
use koi_sys::net::{self, SocketAddress};

use super::batch::Batch;
use super::datagram::{Datagrams, Sent};
use super::frame::{self, Clock, Header, Speaker};
use super::ring::{self, Ring};
use super::writer::Writer;
use crate::config::plan::{
    Endpoint, Facility, LOG_LENGTH, Location, LogLevel, LogLine, LogPlace, LogSample, LogTarget,
    Plan, Ring as PlanRing, SyslogFormat, Transport,
};
use crate::config::source::Span;

/// Syslog's port.
const PORT: u16 = 514;

/// Log targets of a plan, opened: made once, before privileges go, and shared by the workers.
#[derive(Debug)]
pub struct Targets {
    /// Where bytes go. Lines that name one place share it.
    pub(super) outlets: Vec<Outlet>,
    /// `log` lines.
    pub(super) loggers: Vec<Logger>,
    /// Of each proxy of the plan.
    pub(super) proxies: Vec<Voice>,
    /// `global`'s.
    pub(super) global: Voice,
    /// Of the header.
    pub(super) speaker: Speaker,
    rings: Vec<Arc<Ring>>,
    /// Lines that were dropped so far.
    lost: AtomicU64,
    /// Of those, how many the operator was told of.
    told: AtomicU64,
    /// The second in which that was, and one more.
    told_s: AtomicU64,
}

/// Who logs: a proxy, or the process.
#[derive(Debug, Default)]
pub(super) struct Voice {
    /// Indexes of its `log` lines.
    pub(super) loggers: Vec<usize>,
    /// `log-tag`.
    pub(super) tag: Box<str>,
    /// Lines so far.
    pub(super) count: AtomicU64,
}

/// A `log` line.
#[derive(Debug)]
pub(super) struct Logger {
    /// An index into the outlets.
    pub(super) outlet: usize,
    pub(super) format: SyslogFormat,
    facility: Facility,
    /// The least serious level it takes.
    level: LogLevel,
    /// The most serious level it says.
    floor: LogLevel,
    pub(super) length: usize,
    sample: Option<(LogSample, AtomicU64)>,
}

/// Where bytes go.
#[derive(Debug)]
pub(super) enum Outlet {
    Datagrams(Datagrams),
    Writer(Writer),
    Ring(Arc<Ring>),
}

/// What makes two `log` lines share an outlet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Socket(SocketAddress),
    Descriptor(u32),
    Ring(usize),
}

impl Logger {
    /// The header of a line of this level; `None` if the line is not for this target.
    pub(super) fn header<'a>(
        &self,
        level: LogLevel,
        tag: &'a str,
        structured: Option<&'a [u8]>,
    ) -> Option<Header<'a>> {
        if level > self.level || !self.is_sampled() {
            return None;
        }
        let (format, facility, level) = (self.format, self.facility, level.max(self.floor));
        Some(Header { format, facility, level, tag, structured })
    }

    fn is_sampled(&self) -> bool {
        let Some((sample, count)) = &self.sample else { return true };
        let size = u64::from(sample.size.max(1));
        let place = count.fetch_add(1, Ordering::Relaxed) % size + 1;
        let within =
            |&(low, high): &(u32, u32)| (u64::from(low)..=u64::from(high)).contains(&place);
        sample.ranges.iter().any(within)
    }
}

impl Outlet {
    /// Sends what waits.
    pub(super) fn send(&self, batch: &mut Batch) -> Sent {
        match self {
            Outlet::Datagrams(datagrams) => datagrams.send(batch),
            Outlet::Writer(writer) => {
                let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                let taken = writer.push(batch.take());
                Sent { lost: if taken { 0 } else { count }, full: false }
            }
            Outlet::Ring(ring) => {
                ring.push(batch.lines());
                batch.clear();
                Sent::default()
            }
        }
    }
}

impl Targets {
    /// Opens what the plan's `log` lines name.
    ///
    /// # Errors
    /// What cannot be opened, in words, with its place.
    pub fn open(plan: &Plan) -> Result<Arc<Targets>, Vec<(Span, String)>> {
        // While its file can still be read.
        crate::rules::format::date::zone();
        let mut opening = Opening::new(plan);
        let global = opening.loggers(&plan.global.logs.targets);
        let process_tag =
            plan.global.logs.tag.as_ref().map_or_else(program_name, |tag| tag.value.clone());
        let proxies = plan.proxies.iter().map(|proxy| {
            let mut loggers = Vec::new();
            for line in &proxy.logging.targets {
                match line {
                    // Anew for each proxy: samples are taken of each one's lines.
                    LogLine::Global(_) => {
                        loggers.extend(opening.loggers(&plan.global.logs.targets));
                    }
                    LogLine::Target(target) => loggers.extend(opening.logger(target)),
                }
            }
            let tag = proxy.logging.tag.as_ref().map_or(&process_tag, |tag| &tag.value).clone();
            Voice { loggers, tag, count: AtomicU64::new(0) }
        });
        let proxies = proxies.collect();
        let global = Voice { loggers: global, tag: process_tag, count: AtomicU64::new(0) };
        if !opening.faults.is_empty() {
            return Err(opening.faults);
        }
        Ok(Arc::new(Targets {
            outlets: opening.outlets,
            loggers: opening.loggers,
            proxies,
            global,
            speaker: Speaker { host: host(plan), pid: std::process::id() },
            rings: opening.rings,
            lost: AtomicU64::new(0),
            told: AtomicU64::new(0),
            told_s: AtomicU64::new(0),
        }))
    }

    /// The ring of this name: what `ring@name` lines have left there.
    pub fn ring(&self, name: &str) -> Option<&Ring> {
        self.rings.iter().map(|ring| &**ring).find(|ring| *ring.name == *name)
    }

    /// All rings.
    pub fn rings(&self) -> impl Iterator<Item = &Ring> {
        self.rings.iter().map(|ring| &**ring)
    }

    /// Lines that were dropped so far, because a target was full or not there.
    pub fn dropped(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Says something to the targets of a proxy, or to those of `global`: "Proxy web started.". At
    /// once, from any thread; not for the path of a request.
    pub fn announce(&self, proxy: Option<usize>, level: LogLevel, text: &str) {
        let voice = match proxy {
            Some(index) => self.proxies.get(index),
            None => Some(&self.global),
        };
        let Some(voice) = voice else { return };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_us = u64::try_from(since.as_micros()).unwrap_or_default();
        let (mut clock, mut batch) = (Clock::default(), Batch::default());
        for logger in voice.loggers.iter().filter_map(|&index| self.loggers.get(index)) {
            let Some(header) = logger.header(level, &voice.tag, None) else { continue };
            let Some(outlet) = self.outlets.get(logger.outlet) else { continue };
            let (line, length) = (text.as_bytes(), logger.length);
            batch.push(|out| {
                frame::put(&header, &self.speaker, &mut clock, unix_us, line, length, out);
            });
            let sent = outlet.send(&mut batch);
            let left = u64::try_from(batch.clear()).unwrap_or(u64::MAX);
            self.lose(sent.lost.saturating_add(left));
        }
    }

    /// Whether anybody hears what is said of a proxy.
    pub(super) fn listen(&self, proxy: usize) -> bool {
        self.proxies.get(proxy).is_some_and(|voice| !voice.loggers.is_empty())
    }

    /// Counts lines that were dropped, and tells the operator; once a second.
    pub(super) fn lose(&self, count: u64) {
        if count > 0 {
            self.lost.fetch_add(count, Ordering::Relaxed);
            self.tell();
        }
    }

    /// Tells the operator of what was dropped, if a second has passed since the last time.
    pub(super) fn tell(&self) {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost == self.told.load(Ordering::Relaxed) {
            return;
        }
        let now = Time::monotonic().as_millis() / 1000 + 1;
        if self.told_s.fetch_max(now, Ordering::Relaxed) < now {
            let new = lost.saturating_sub(self.told.swap(lost, Ordering::Relaxed));
            super::warning(format_args!("{new} log lines dropped: a target is full or not there"));
        }
    }
}

/// Targets while they are opened.
struct Opening<'p> {
    plan: &'p Plan,
    places: Vec<Place>,
    outlets: Vec<Outlet>,
    loggers: Vec<Logger>,
    rings: Vec<Arc<Ring>>,
    faults: Vec<(Span, String)>,
}

impl<'p> Opening<'p> {
    fn new(plan: &'p Plan) -> Opening<'p> {
        let rings = plan.rings.iter().map(|ring| {
            let size = ring
                .size
                .map_or(ring::SIZE, |size| usize::try_from(size.value).unwrap_or(usize::MAX));
            Arc::new(Ring::new(&ring.name, size))
        });
        let (places, outlets, loggers) = (Vec::new(), Vec::new(), Vec::new());
        Opening { plan, places, outlets, loggers, rings: rings.collect(), faults: Vec::new() }
    }

    /// Opens a target; its index among the loggers. `None` for a fault, and for what this build does
    /// not have.
    fn logger(&mut self, target: &LogTarget) -> Option<usize> {
        let place = self.place(target)?;
        let ring = match place {
            Place::Ring(index) => self.plan.rings.get(index),
            _ => None,
        };
        let outlet = match self.places.iter().position(|known| *known == place) {
            Some(index) => index,
            None => match self.open(&place) {
                Ok(outlet) => {
                    self.places.push(place);
                    self.outlets.push(outlet);
                    self.outlets.len() - 1
                }
                Err(text) => {
                    self.faults.push((target.to.span, text));
                    return None;
                }
            },
        };
        let length = target.length.map(|length| usize::from(length.value));
        let (format, length) = match ring {
            Some(ring) => in_ring(ring, length),
            None => {
                let named = self.plan.global.logs.hostname.is_some();
                let usual = if named { SyslogFormat::Rfc3164 } else { SyslogFormat::Local };
                let format = target.format.map_or(usual, |format| format.value);
                (format, length.unwrap_or(LOG_LENGTH.into()))
            }
        };
        self.loggers.push(Logger {
            outlet,
            format,
            facility: target.facility.value,
            level: target.level.map_or(LogLevel::Debug, |level| level.value),
            floor: target.floor.map_or(LogLevel::Emergency, |floor| floor.value),
            length,
            sample: target.sample.clone().map(|sample| (sample, AtomicU64::new(0))),
        });
        Some(self.loggers.len() - 1)
    }

    fn loggers(&mut self, targets: &[LogTarget]) -> Vec<usize> {
        targets.iter().filter_map(|target| self.logger(target)).collect()
    }

    fn place(&mut self, target: &LogTarget) -> Option<Place> {
        match &target.to.value {
            LogPlace::Stdout => Some(Place::Descriptor(1)),
            LogPlace::Stderr => Some(Place::Descriptor(2)),
            LogPlace::Ring(name) => {
                // As in HAProxy, a line for a ring that there is not is for nobody.
                self.rings.iter().position(|ring| ring.name == *name).map(Place::Ring)
            }
            LogPlace::Backend(_) => None,
            LogPlace::Address(endpoint) => self.address(endpoint, target.to.span),
        }
    }

    fn address(&mut self, endpoint: &Endpoint, span: Span) -> Option<Place> {
        if endpoint.transport == Some(Transport::Stream) {
            return None;
        }
        let port = endpoint.fixed_port().unwrap_or(PORT);
        let text = match &endpoint.location {
            Location::Descriptor(number) => return Some(Place::Descriptor(*number)),
            Location::V4(ip) => {
                return Some(Place::Socket(std::net::SocketAddr::from((*ip, port)).into()));
            }
            Location::V6 { ip, scope: None } => {
                return Some(Place::Socket(std::net::SocketAddr::from((*ip, port)).into()));
            }
            Location::Unix(path) => {
                return Some(Place::Socket(SocketAddress::Unix(path.as_ref().into())));
            }
            Location::Abstract(name) => {
                return Some(Place::Socket(SocketAddress::Abstract(name.as_bytes().to_vec())));
            }
            Location::V6 { ip, scope: Some(scope) } => format!("{ip}%{scope}"),
            Location::Name { name, .. } => name.to_string(),
        };
        let found = (text.as_str(), port).to_socket_addrs();
        match found.map(|mut all| all.next()) {
            Ok(Some(address)) => Some(Place::Socket(address.into())),
            Ok(None) => {
                self.faults.push((span, format!("`{text}` has no address")));
                None
            }
            Err(error) => {
                self.faults.push((span, format!("`{text}` was not found: {error}")));
                None
            }
        }
    }

    fn open(&self, place: &Place) -> Result<Outlet, String> {
        match place {
            Place::Socket(to) => Datagrams::open(to)
                .map(Outlet::Datagrams)
                .map_err(|error| format!("no socket for {to}: {error}")),
            // In the background there are no standard streams. Who started the process waits for their
            // end, so they must not live on here.
            Place::Descriptor(1 | 2) if self.plan.global.process.daemon => {
                let null = File::options().write(true).open("/dev/null");
                let null = null.map_err(|error| format!("/dev/null: {error}"))?;
                Ok(Outlet::Writer(Writer::new(null.into())))
            }
            Place::Descriptor(number) => {
                let fd = i32::try_from(*number).map_err(|_| "no such descriptor".to_owned())?;
                let fd = net::adopt_output(fd)
                    .map_err(|error| format!("descriptor {number} cannot be used: {error}"))?;
                Ok(Outlet::Writer(Writer::new(fd)))
            }
            Place::Ring(index) => match self.rings.get(*index) {
                Some(ring) => Ok(Outlet::Ring(ring.clone())),
                None => Err("no such ring".to_owned()),
            },
        }
    }
}

/// How lines stand in a ring, whose own `format` and `maxlen` hold, and the latter without the line's
/// end.
fn in_ring(ring: &PlanRing, length: Option<usize>) -> (SyslogFormat, usize) {
    let format = ring.format.map_or(SyslogFormat::Raw, |format| format.value);
    let own = ring.length.map_or(usize::from(LOG_LENGTH), |length| {
        usize::try_from(length.value).unwrap_or(usize::MAX)
    });
    (format, length.unwrap_or(own).min(own).saturating_add(1))
}

/// `log-send-hostname`.
fn host(plan: &Plan) -> Option<Box<str>> {
    let given = plan.global.logs.hostname.as_ref()?;
    given.value.clone().or_else(|| host_name().map(Into::into))
}

/// As launched: what HAProxy calls itself unless `log-tag` says otherwise.
fn program_name() -> Box<str> {
    let first = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&first).file_name().and_then(|name| name.to_str());
    name.unwrap_or("koi").into()
}
