//! Settings that differ from those of `defaults`.

use std::time::Duration;

use crate::config::advice;
use crate::config::plan::{Given, Plan, Timeouts};
use crate::config::report::Report;

type Timeout = Option<Given<Duration>>;

/// Timeouts by name.
const TIMEOUTS: &[(&str, fn(&Timeouts) -> Timeout)] = &[
    ("timeout client", |it| it.client),
    ("timeout server", |it| it.server),
    ("timeout connect", |it| it.connect),
    ("timeout queue", |it| it.queue),
    ("timeout tunnel", |it| it.tunnel),
    ("timeout http-request", |it| it.http_request),
    ("timeout http-keep-alive", |it| it.http_keep_alive),
    ("timeout client-fin", |it| it.client_fin),
    ("timeout server-fin", |it| it.server_fin),
    ("timeout tarpit", |it| it.tarpit),
    ("timeout check", |it| it.check),
];

/// A proxy's own timeout that is another than the one it would have inherited.
pub fn timeouts(plan: &Plan, report: &mut Report) {
    for proxy in &plan.proxies {
        let Some(base) = proxy.from.and_then(|index| plan.defaults.get(index)) else { continue };
        for (name, get) in TIMEOUTS {
            let (own, inherited) = (get(&proxy.settings.timeouts), get(&base.settings.timeouts));
            let (Some(own), Some(inherited)) = (own, inherited) else { continue };
            if own.value == inherited.value || own.span == inherited.span {
                continue;
            }
            let message = format!(
                "`{name}` {} in `{} {}` overrides the {} of `defaults`",
                words(own.value),
                proxy.section.word(),
                proxy.name,
                words(inherited.value),
            );
            report
                .advise(&advice::OVERRIDES, own.span, message)
                .label("this one holds here")
                .also(inherited.span, "this one holds elsewhere");
        }
    }
}

/// A time in the largest unit that writes it whole: `15m`, `90s`, `1500ms`.
fn words(time: Duration) -> String {
    let ms = time.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    match units.iter().find(|(each, _)| ms >= *each && ms.is_multiple_of(*each)) {
        Some((each, unit)) => format!("{}{unit}", ms / each),
        None => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_an_operator_would() {
        let written = |ms| words(Duration::from_millis(ms));
        assert_eq!(
            [900_000, 90_000, 1_500, 0, 86_400_000].map(written),
            ["15m", "90s", "1500ms", "0ms", "1d"]
        );
    }
}
