//! A server's state at run time: what operators decided, what checks found, its weight.
//!
//! In: changes, from any thread. Out: whether requests may go there. The numbers are those that HAProxy
//! prints (`show servers state`), so that they can be shown and read back as they are. Nothing here
//! tells the balance that something changed: changes go through [`super::Live`], which does.

use std::sync::atomic::{AtomicU8, AtomicU16, Ordering::Relaxed, Ordering::SeqCst};

use crate::config::plan::Server;

/// The weight of a server that says nothing.
const WEIGHT: u16 = 1;

/// In how many parts a weight is reckoned, so that a server of weight 1 can have a part of its share
/// (`slowstart`). (HAProxy: `BE_WEIGHT_SCALE`.)
pub(crate) const WEIGHT_PARTS: u16 = 16;

/// A server that has all of its share, in per cent.
const WHOLE: u8 = 100;

/// What was decided about a server: bits, of which any may be set together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admin(pub u8);

impl Admin {
    /// Maintenance, by a command.
    pub const FORCED_MAINT: Admin = Admin(0x01);
    /// Maintenance, because the server that is tracked has it.
    pub const INHERITED_MAINT: Admin = Admin(0x02);
    /// Maintenance, by `disabled` in the configuration.
    pub const CONFIG_MAINT: Admin = Admin(0x04);
    /// Drained, by a command: only who is bound to it still goes there.
    pub const FORCED_DRAIN: Admin = Admin(0x08);
    /// Drained, because the server that is tracked is.
    pub const INHERITED_DRAIN: Admin = Admin(0x10);
    /// Maintenance, because its name has no address.
    pub const UNRESOLVED: Admin = Admin(0x20);
    /// What a server has only because the one that it tracks does.
    pub const INHERITED: Admin = Admin(0x02 | 0x10);
    /// Any maintenance.
    pub const MAINT: Admin = Admin(0x01 | 0x02 | 0x04 | 0x20);
    /// Any draining.
    pub const DRAIN: Admin = Admin(0x08 | 0x10);

    /// Whether any of these is set.
    #[inline]
    pub fn has(self, any: Admin) -> bool {
        self.0 & any.0 != 0
    }
}

/// What checks found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// It does not answer.
    Stopped = 0,
    /// It came back and takes a growing share (`slowstart`).
    Starting = 1,
    /// It answers, or nobody checks.
    Running = 2,
    /// It asks for no new clients (404 with `http-check disable-on-404`, an agent's `drain`).
    Stopping = 3,
}

impl Health {
    fn from_number(number: u8) -> Health {
        match number {
            0 => Health::Stopped,
            1 => Health::Starting,
            3 => Health::Stopping,
            _ => Health::Running,
        }
    }
}

/// A server's state.
#[derive(Debug)]
pub(crate) struct State {
    admin: AtomicU8,
    health: AtomicU8,
    /// What the configuration says.
    initial_weight: AtomicU16,
    /// What it says, or a command or agent said since.
    weight: AtomicU16,
    /// How much of its share it gets (`slowstart`), in per cent.
    ramp: AtomicU8,
}

/// The largest weight.
pub const WEIGHT_MAX: u16 = 256;

/// So many per cent of a weight, as commands and agents say it.
pub fn weight_of_percent(initial: u16, percent: u32) -> u16 {
    let weight = u64::from(initial) * u64::from(percent) / u64::from(WHOLE);
    u16::try_from(weight).unwrap_or(WEIGHT_MAX).min(WEIGHT_MAX)
}

fn weight_of(server: &Server) -> u16 {
    server.settings.weight.map_or(WEIGHT, |given| given.value)
}

impl State {
    pub(crate) fn new(server: &Server) -> State {
        let weight = weight_of(server);
        let disabled = server.settings.disabled.is_some();
        let admin = if disabled { Admin::CONFIG_MAINT } else { Admin::default() };
        State {
            admin: AtomicU8::new(admin.0),
            health: AtomicU8::new(Health::Running as u8),
            initial_weight: AtomicU16::new(weight),
            weight: AtomicU16::new(weight),
            ramp: AtomicU8::new(WHOLE),
        }
    }

    #[inline]
    pub(crate) fn admin(&self) -> Admin {
        Admin(self.admin.load(Relaxed))
    }

    #[inline]
    pub(crate) fn health(&self) -> Health {
        Health::from_number(self.health.load(Relaxed))
    }

    /// Sets or clears these bits; gives what there was.
    pub(crate) fn set_admin(&self, bits: Admin, on: bool) -> Admin {
        Admin(match on {
            true => self.admin.fetch_or(bits.0, SeqCst),
            false => self.admin.fetch_and(!bits.0, SeqCst),
        })
    }

    /// Gives the last one.
    pub(crate) fn set_health(&self, health: Health) -> Health {
        Health::from_number(self.health.swap(health as u8, SeqCst))
    }

    pub(crate) fn initial_weight(&self) -> u16 {
        self.initial_weight.load(Relaxed)
    }

    /// The configuration was read again: see [`super::figures::ServerFigures::follow`].
    pub(crate) fn follow(&self, old: &Server, new: &Server) {
        if weight_of(old) != weight_of(new) {
            self.initial_weight.store(weight_of(new), Relaxed);
            self.set_weight(weight_of(new));
        }
        let disabled = |server: &Server| server.settings.disabled.is_some();
        if disabled(old) != disabled(new) {
            self.set_admin(Admin::CONFIG_MAINT, disabled(new));
        }
    }

    #[inline]
    pub(crate) fn weight(&self) -> u16 {
        self.weight.load(Relaxed)
    }

    /// Gives the last one.
    pub(crate) fn set_weight(&self, weight: u16) -> u16 {
        self.weight.swap(weight, SeqCst)
    }

    /// How much of its share the server gets, in per cent.
    #[inline]
    pub(crate) fn ramp(&self) -> u8 {
        self.ramp.load(Relaxed)
    }

    /// Gives the last one.
    pub(crate) fn set_ramp(&self, percent: u8) -> u8 {
        self.ramp.swap(percent.clamp(1, WHOLE), SeqCst)
    }

    /// The weight in [`WEIGHT_PARTS`], less what the ramp takes away: zero only if the weight is.
    pub(crate) fn effective_weight(&self) -> u16 {
        let whole = u32::from(self.weight()) * u32::from(WEIGHT_PARTS);
        let share = (whole * u32::from(self.ramp())).div_ceil(u32::from(WHOLE));
        u16::try_from(share).unwrap_or(u16::MAX)
    }
}
