//! Lines for the operator, on standard error; in the background, where nobody reads that, to the
//! targets of `global`.
//!
//! In: text. Out: `koi: level: text`. Limits: [`limited`] writes one line a second at most and
//! counts the rest for the next one, so that a fault that repeats cannot fill a disk.

pub mod access;
mod batch;
mod datagram;
mod frame;
pub mod ring;
mod targets;
mod writer;

use std::fmt::Arguments;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use self::targets::Targets;
use crate::config::plan::LogLevel;

/// Where lines go once nobody reads standard error.
static BACKGROUND: RwLock<Option<Arc<Targets>>> = RwLock::new(None);

/// Whether notices are left out.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Leaves notices out, or no more: `-q`, until the process serves.
pub fn quiet(on: bool) {
    QUIET.store(on, Ordering::Relaxed);
}

/// From now on lines go to these targets of `global`: nobody reads standard error.
pub fn to_targets(targets: Arc<Targets>) {
    *BACKGROUND.write().unwrap_or_else(PoisonError::into_inner) = Some(targets);
}

/// A reload has opened other targets: if lines go to targets, they go to these.
pub fn follow_targets(targets: &Arc<Targets>) {
    let mut background = BACKGROUND.write().unwrap_or_else(PoisonError::into_inner);
    if background.is_some() {
        *background = Some(targets.clone());
    }
}

/// Has panics told of like anything else, with the place in the source: one a second at most, for a
/// client may be able to cause them.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        static PANICS: Limit = Limit::new();
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name");
        let text = panic.payload_as_str().unwrap_or("something that is no text");
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        PANICS.warning(format_args!("thread `{name}` panicked{place}: {text}"));
    }));
}

/// Something worth knowing that needs nobody.
pub fn notice(text: Arguments<'_>) {
    if !QUIET.load(Ordering::Relaxed) {
        write(LogLevel::Notice, "notice", text);
    }
}

/// Something that somebody should look at.
pub fn warning(text: Arguments<'_>) {
    write(LogLevel::Warning, "warning", text);
}

/// A warning that may come again and again.
pub fn limited(text: Arguments<'_>) {
    static ALL: Limit = Limit::new();
    ALL.warning(text);
}

/// One warning a second at most.
#[derive(Debug, Default)]
pub struct Limit {
    last_s: AtomicU64,
    left_out: AtomicU64,
}

impl Limit {
    /// Nothing was told yet.
    pub const fn new() -> Limit {
        Limit { last_s: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Tells it, or counts it for the next one.
    pub fn warning(&self, text: Arguments<'_>) {
        // Second zero is "never", so the clock starts at one.
        let now = koi_sys::clock::Time::monotonic().as_millis() / 1000 + 1;
        if self.last_s.fetch_max(now, Ordering::Relaxed) >= now {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match self.left_out.swap(0, Ordering::Relaxed) {
            0 => warning(text),
            n => warning(format_args!("{text} ({n} lines like this or another left out)")),
        }
    }
}

fn write(level: LogLevel, name: &str, text: Arguments<'_>) {
    let background = BACKGROUND.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(targets) = background {
        return targets.announce(None, level, &format!("{name}: {text}"));
    }
    // Nothing can be done about a standard error that is gone.
    let _ = writeln!(std::io::stderr().lock(), "koi: {name}: {text}");
}
