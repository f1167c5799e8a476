//! The state of servers in HAProxy's words (management.txt §9.1, column `status`).

use super::rows::{Sight, seconds_since};
use super::table::{Column, Row, Value};
use crate::balance::checkup::Count;
use crate::balance::figures::ServerFigures;
use crate::balance::{Admin, Health};
use crate::proto::check::Status;

/// How healthy a checked server is: `level` of `rise + fall - 1`, DOWN below `rise`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitality {
    /// The level.
    pub level: u32,
    /// `rise`.
    pub rise: u32,
    /// `fall`.
    pub fall: u32,
}

impl Vitality {
    fn steps_from_down(self) -> u32 {
        self.level.saturating_add(1).saturating_sub(self.rise)
    }

    fn is_whole(self) -> bool {
        self.level.saturating_add(1) >= self.rise.saturating_add(self.fall)
    }
}

/// The word for a server's state. `vitality` is that of a checked server, or of the one it tracks.
pub fn word(
    admin: Admin,
    health: Health,
    vitality: Option<Vitality>,
    tracked: Option<&str>,
) -> Box<str> {
    if admin.has(Admin::MAINT) {
        let own = Admin(Admin::FORCED_MAINT.0 | Admin::CONFIG_MAINT.0);
        return match tracked {
            Some(tracked) if !admin.has(own) && admin.has(Admin::INHERITED_MAINT) => {
                format!("MAINT (via {tracked})").into()
            }
            _ if !admin.has(own) && admin.has(Admin::UNRESOLVED) => "MAINT (resolution)".into(),
            _ => "MAINT".into(),
        };
    }
    let up = match health {
        Health::Stopped => {
            return match vitality {
                Some(it) if it.level > 0 => format!("DOWN {}/{}", it.level, it.rise).into(),
                _ => "DOWN".into(),
            };
        }
        _ if admin.has(Admin::DRAIN) => "DRAIN",
        Health::Stopping => "NOLB",
        Health::Starting | Health::Running => "UP",
    };
    match vitality {
        Some(it) if !it.is_whole() => format!("{up} {}/{}", it.steps_from_down(), it.fall).into(),
        Some(_) => up.into(),
        // Nobody looks: it is believed to be UP.
        None if up == "UP" => "no check".into(),
        None => up.into(),
    }
}

/// What the state of a server adds to its row.
pub(super) fn describe(row: &mut Row, sight: &Sight<'_>, (proxy, place): (usize, usize)) {
    let Some(figures) = sight.live.server(proxy, place) else { return };
    let tracking = sight.live.tracking();
    let tracked = tracking.leader((proxy, place)).and_then(|(backend, server)| {
        let of = sight.plan.proxies.get(backend)?;
        Some(format!("{}/{}", of.name, of.servers.get(server)?.name.value))
    });
    let (backend, server) = tracking.root((proxy, place));
    let vitality = vitality(sight.live.server(backend, server).unwrap_or(figures));
    let state = word(figures.admin(), figures.health(), vitality, tracked.as_deref());
    row.set(Column::Status, Value::Str(state));
    if let Some(tracked) = tracked {
        row.set(Column::Tracked, Value::text(tracked));
    }
    let checkup = figures.checkup();
    if checkup.changed_us > 0 {
        row.set(Column::LastChange, Value::U32(seconds_since(sight, checkup.changed_us)));
    }
    if checkup.check.configured {
        row.set(Column::CheckFailures, Value::U64(checkup.check.failures));
        row.set(Column::Downs, Value::U64(checkup.downs));
        row.set(Column::Downtime, Value::U64(checkup.down_seconds(sight.unix_us)));
        result(row, &checkup.check, &HEALTH);
    }
    if checkup.agent.configured {
        result(row, &checkup.agent, &AGENT);
    }
}

/// Where the facts of one kind of check stand.
struct Places {
    status: Column,
    code: Column,
    duration: Column,
    words: Column,
    said: Column,
    health: Column,
    rise: Column,
    fall: Column,
}

const HEALTH: Places = Places {
    status: Column::CheckStatus,
    code: Column::CheckCode,
    duration: Column::CheckDuration,
    words: Column::CheckWords,
    said: Column::LastCheck,
    health: Column::CheckHealth,
    rise: Column::CheckRise,
    fall: Column::CheckFall,
};

const AGENT: Places = Places {
    status: Column::AgentStatus,
    code: Column::AgentCode,
    duration: Column::AgentDuration,
    words: Column::AgentWords,
    said: Column::LastAgent,
    health: Column::AgentHealth,
    rise: Column::AgentRise,
    fall: Column::AgentFall,
};

/// The last result of a check, and how it stands.
fn result(row: &mut Row, count: &Count, places: &Places) {
    let (health, rise, fall) = count.raw();
    row.set(places.health, Value::U32(health));
    row.set(places.rise, Value::U32(rise));
    row.set(places.fall, Value::U32(fall));
    let Some(last) = &count.last else {
        row.set(places.status, Value::text(Status::Initial.code()));
        row.set(places.words, Value::text(Status::Initial.text()));
        return;
    };
    let status = last.verdict.status;
    row.set(places.status, Value::text(status.code()));
    row.set(places.words, Value::text(status.text()));
    if status.has_code() {
        row.set(places.code, Value::U32(last.verdict.code.unwrap_or(0).into()));
    }
    row.set(places.duration, Value::U64(last.duration_ms));
    if !last.verdict.info.is_empty() {
        row.set(places.said, Value::text(&*last.verdict.info));
    }
}

/// How healthy a server is that is checked.
fn vitality(figures: &ServerFigures) -> Option<Vitality> {
    let checkup = figures.checkup();
    let count = Some(&checkup.check).filter(|it| it.configured && it.enabled);
    let count = count.or(Some(&checkup.agent).filter(|it| it.configured && it.enabled))?;
    let (level, rise, fall) = count.raw();
    Some(Vitality { level, rise, fall })
}

/// What the states of a backend's servers add to its row.
pub(super) fn sum_up(row: &mut Row, sight: &Sight<'_>, proxy: usize) {
    let servers = sight.live.servers(proxy);
    let usable = |backup: bool| {
        let usable = servers.iter().filter(move |it| it.is_usable() && it.is_backup() == backup);
        let count = u32::try_from(usable.clone().count()).unwrap_or(u32::MAX);
        let weight = usable.fold(0_u32, |sum, it| sum.saturating_add(it.weight().into()));
        (count, weight)
    };
    let ((active, of_active), (backup, of_backup)) = (usable(false), usable(true));
    let weight = if active > 0 { of_active } else { of_backup };
    let up = weight > 0 || servers.is_empty();
    row.set(Column::Status, Value::text(if up { "UP" } else { "DOWN" }));
    row.set(Column::Weight, Value::U32(weight));
    row.set(Column::UserWeight, Value::U32(weight));
    row.set(Column::Active, Value::U32(active));
    row.set(Column::Backup, Value::U32(backup));
    let condition = sight.live.condition(proxy);
    let since_change_s = u32::try_from(condition.since_change_s).unwrap_or(u32::MAX);
    row.set(Column::LastChange, Value::U32(since_change_s));
    row.set(Column::Downs, Value::U64(condition.downs));
    if !servers.is_empty() {
        row.set(Column::Downtime, Value::U64(condition.down_s));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_haproxys() {
        let at = |level| Some(Vitality { level, rise: 2, fall: 3 });
        let none = Admin::default();
        let cases = [
            (none, Health::Running, at(4), "UP"),
            (none, Health::Running, at(3), "UP 2/3"),
            (none, Health::Running, at(2), "UP 1/3"),
            (none, Health::Stopped, at(1), "DOWN 1/2"),
            (none, Health::Stopped, at(0), "DOWN"),
            (none, Health::Stopping, at(4), "NOLB"),
            (none, Health::Running, None, "no check"),
            (Admin::FORCED_DRAIN, Health::Running, at(4), "DRAIN"),
            (Admin::FORCED_DRAIN, Health::Running, at(3), "DRAIN 2/3"),
            (Admin::FORCED_MAINT, Health::Running, at(4), "MAINT"),
            (Admin::INHERITED_MAINT, Health::Running, at(4), "MAINT (via b/s)"),
            (Admin::UNRESOLVED, Health::Running, None, "MAINT (resolution)"),
        ];
        for (admin, health, vitality, expected) in cases {
            assert_eq!(&*word(admin, health, vitality, Some("b/s")), expected);
        }
    }
}
