//! A row of the statistics as the page shows it: a state, and texts in the order of the page's columns.
//!
//! In: a row. Out: texts. HTML and the figures that the page's script asks for are made of the same ones.

use crate::admin::table::{Column, Kind, Row, Value};

/// The page's columns behind name and state, in groups.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("Sessions", &["Now", "Most", "Limit", "Per\u{a0}s", "Total"]),
    ("Bytes", &["In", "Out"]),
    ("Queue", &["Waiting (most)"]),
    ("Refused and failed", &["Denied", "Errors", "Retries +\u{a0}moves"]),
    ("Responses", &["2xx", "4xx", "5xx"]),
    ("Time", &["Mean\u{a0}ms"]),
    ("Server", &["Weight", "Down", "Last check"]),
];

/// How a state looks: a class, a sign. The sign and the word say it without colour.
pub fn look(row: &Row) -> (&'static str, &'static str) {
    let status = row.text(Column::Status);
    match status.split(' ').next().unwrap_or_default() {
        // On its way down, or up.
        "UP" if status.contains('/') => ("warn", "△"),
        "UP" | "OPEN" => ("up", "▲"),
        "DOWN" if status.contains('/') => ("down", "▽"),
        "DOWN" => ("down", "▼"),
        "no" => ("idle", "○"),
        "FULL" => ("warn", "■"),
        "DRAIN" | "NOLB" => ("warn", "◆"),
        _ => ("idle", "■"),
    }
}

/// The texts behind name and state.
pub fn texts(row: &Row) -> Vec<String> {
    let number = |column| row.get(column).map_or_else(String::new, |value| value.to_string());
    let bytes = |column| bytes(row.number(column));
    let errors = [Column::RequestErrors, Column::ConnectErrors, Column::ResponseErrors];
    let denied = [
        Column::DeniedRequests,
        Column::DeniedResponses,
        Column::DeniedConnections,
        Column::DeniedSessions,
    ];
    let sum = |columns: &[Column]| columns.iter().map(|it| row.number(*it)).sum::<i128>();
    let retries = match row.get(Column::Retries) {
        Some(retries) => format!("{retries} + {}", row.number(Column::Redispatches)),
        None => String::new(),
    };
    let queue = match row.get(Column::QueueNow) {
        Some(now) => format!("{now} ({})", row.number(Column::QueueMax)),
        None => String::new(),
    };
    vec![
        number(Column::SessionsNow),
        number(Column::SessionsMax),
        // No limit is none of 0.
        row.get(Column::SessionsLimit)
            .filter(|it| it.number() != Some(0))
            .map_or_else(String::new, Value::to_string),
        number(Column::Rate),
        number(Column::SessionsTotal),
        bytes(Column::BytesIn),
        bytes(Column::BytesOut),
        queue,
        sum(&denied).to_string(),
        sum(&errors).to_string(),
        retries,
        number(Column::Status2),
        number(Column::Status4),
        number(Column::Status5),
        number(Column::TotalTime),
        weight(row),
        down(row),
        check(row),
    ]
}

fn weight(row: &Row) -> String {
    let weight = row.get(Column::Weight).map_or_else(String::new, |it| it.to_string());
    match (row.kind, row.number(Column::Backup) > 0) {
        (Kind::Server, true) => format!("{weight} backup"),
        (Kind::Backend, _) => {
            format!("{weight} ({} + {})", row.number(Column::Active), row.number(Column::Backup))
        }
        _ => weight,
    }
}

/// How often it was down, and for how long.
fn down(row: &Row) -> String {
    match (row.get(Column::Downs), row.get(Column::Downtime)) {
        (Some(times), Some(_)) => format!("{times} × {}", span(row.number(Column::Downtime))),
        (Some(times), None) => times.to_string(),
        _ => String::new(),
    }
}

/// What the last check came to.
fn check(row: &Row) -> String {
    let status = row.text(Column::CheckStatus);
    if status.is_empty() {
        return String::new();
    }
    let mut text = status.to_owned();
    if let Some(code) = row.get(Column::CheckCode) {
        text.push_str(&format!("/{code}"));
    }
    if let Some(duration) = row.get(Column::CheckDuration) {
        text.push_str(&format!(" in {duration} ms"));
    }
    for more in [Column::CheckWords, Column::LastCheck] {
        if !row.text(more).is_empty() {
            text.push_str(": ");
            text.push_str(row.text(more));
        }
    }
    text
}

/// `12.3 MB`.
pub fn bytes(bytes: i128) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return bytes.to_string();
    }
    let mut tenths = bytes / 100;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if tenths < 10_000 {
            break;
        }
        tenths /= 1000;
        unit = larger;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// `3h05m`, of seconds.
pub fn span(seconds: i128) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_text_for_each_column() {
        let row = Row::new(Kind::Server, 0, 0);
        let columns: usize = GROUPS.iter().map(|(_, columns)| columns.len()).sum();
        assert_eq!(texts(&row).len(), columns);
    }

    #[test]
    fn figures_are_short() {
        let cases = [(999, "999"), (1_000, "1.0 kB"), (12_345, "12.3 kB"), (9_999_999, "9.9 MB")];
        for (number, text) in cases {
            assert_eq!(bytes(number), text);
        }
        assert_eq!(bytes(5_000_000_000_000_000), "5000.0 TB");
        assert_eq!([59, 61, 3_725, 90_000].map(span), ["59s", "1m01s", "1h02m", "1d01h"]);
    }

    #[test]
    fn states_differ_without_colour() {
        let with = |status: &str| {
            let mut row = Row::new(Kind::Server, 0, 0);
            row.set(Column::Status, Value::text(status));
            look(&row)
        };
        let signs = ["UP", "UP 1/3", "DOWN", "DOWN 1/2", "no check", "MAINT", "DRAIN"];
        let mut signs: Vec<_> = signs.iter().map(|status| with(status).1).collect();
        signs.sort_unstable();
        signs.dedup();
        assert_eq!(signs.len(), 7);
    }
}
