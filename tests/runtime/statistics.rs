//! `show stat`, `show info`, `clear counters`.

use crate::client::{Stage, ask};
use crate::koi::{answers, until};

const HELLO: &str = "    http-request return status 200 content-type text/plain string hello\n";

fn stage() -> Stage {
    let sections = "backend app\n    server a 127.0.0.1:9 disabled\n    server b 127.0.0.1:9\n";
    Stage::new("    stats socket unix@op.sock\n", HELLO, sections, &[])
}

/// The value of a column in a row.
pub fn cell(table: &str, row: (&str, &str), column: &str) -> String {
    let (head, rows) = table.split_once('\n').expect("a header");
    let names = head.strip_prefix("# ").expect("a header").split(',');
    let at = names.into_iter().position(|name| name == column).expect("a column");
    let row = rows.lines().find(|line| line.starts_with(&format!("{},{},", row.0, row.1)));
    row.expect("a row").split(',').nth(at).expect("a cell").to_owned()
}

#[test]
fn figures_are_shown_in_haproxys_columns() {
    let stage = stage();
    (0..7).for_each(|_| answers(stage.port));
    // Beside these there is the connection that found out that it listens.
    until("all are counted", || {
        cell(&stage.ask("show stat"), ("web", "FRONTEND"), "hrsp_2xx") == "7"
    });
    let table = stage.ask("show stat");
    assert_eq!(cell(&table, ("web", "FRONTEND"), "hrsp_2xx"), "7");
    assert_eq!(cell(&table, ("app", "a"), "status"), "MAINT");
    assert_eq!(cell(&table, ("app", "b"), "status"), "no check");
    let rows = |command: &str| -> Vec<String> {
        let text = stage.ask(command);
        let names = text.lines().skip(1).filter(|line| !line.is_empty());
        names.map(|line| line.split(',').take(2).collect::<Vec<_>>().join("/")).collect()
    };
    assert_eq!(rows("show stat"), ["web/FRONTEND", "app/a", "app/b", "app/BACKEND"]);
    assert_eq!(rows("show stat no-maint"), ["web/FRONTEND", "app/b", "app/BACKEND"]);
    assert_eq!(rows("show stat app 4 -1"), ["app/a", "app/b"]);
    assert_eq!(rows("show stat app 4 2"), ["app/b"]);
    assert_eq!(rows("show stat -1 1 -1"), ["web/FRONTEND"]);
    assert_eq!(stage.ask("show stat nope"), "No such proxy.\n");
    let typed = stage.ask("show stat typed");
    assert!(
        typed.lines().any(|line| line.ends_with(":str:web") && line.starts_with("F.")),
        "{typed}"
    );
    let json: serde_json::Value = serde_json::from_str(&stage.ask("show stat json")).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(4));
    let json: serde_json::Value = serde_json::from_str(&stage.ask("show info json")).expect("JSON");
    assert!(json.is_array());
    let info = stage.ask("show info");
    let pid = format!("Pid: {}", stage.pid());
    assert!(info.starts_with("Name: ") && info.lines().any(|line| line == pid), "{info}");
    assert!(info.contains("\nNbthread: 2\n"), "{info}");
}

#[test]
fn counters_are_cleared() {
    let stage = stage();
    (0..3).for_each(|_| answers(stage.port));
    let total = || cell(&stage.ask("show stat"), ("web", "FRONTEND"), "hrsp_2xx");
    until("all are counted", || total() == "3");
    let operator = stage.folder.path().join("op.sock");
    assert_eq!(ask(&operator, "clear counters"), "");
    assert_eq!(total(), "3", "only the maxima went");
    assert_eq!(ask(&operator, "clear counters all"), "Permission denied\n");
    assert_eq!(stage.ask("clear counters all"), "");
    assert_eq!(total(), "0");
}
