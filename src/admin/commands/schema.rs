//! `show schema json`: what `show info json` and `show stat json` look like, as a JSON schema.

use serde_json::{Value, json};

use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::config::plan::CommandLevel;

/// The table.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "show schema json",
    usage: "",
    about: "report schema used for stats",
    level: CommandLevel::User,
    run: show,
}];

fn show(_: &mut Call, _: &mut Session) -> Answer {
    Answer::Text(format!("{}\n", schema()))
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn from(least: i64) -> Value {
    json!({ "type": "integer", "minimum": least })
}

fn definition(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// A value of a type, with the range of that.
fn value(kind: &str, range: Value) -> Value {
    object(&json!({ "type": words(&[kind]), "value": range }), &["type", "value"])
}

/// What both tables have in a cell, and more.
fn cell(more: Value) -> Value {
    let mut properties = more;
    for name in ["field", "processNum", "tags"] {
        properties[name] = definition(name);
    }
    properties["value"] = definition("typedValue");
    let names: Vec<String> =
        properties.as_object().into_iter().flatten().map(|it| it.0.clone()).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    object(&properties, &names)
}

fn schema() -> Value {
    let of_row = cell(json!({
        "objType": words(&["Frontend", "Backend", "Listener", "Server", "Unknown"]),
        "proxyId": from(0),
        "id": from(0),
    }));
    let number =
        |least: i64, most: u64| json!({ "type": "integer", "minimum": least, "maximum": most });
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "oneOf": [
            { "title": "Info", "type": "array", "items": cell(json!({})) },
            { "title": "Stat", "type": "array", "items": { "type": "array", "items": of_row } },
            {
                "title": "Error",
                "type": "object",
                "properties": { "errorStr": { "type": "string" } },
                "required": ["errorStr"],
            },
        ],
        "definitions": {
            "field": object(&json!({ "pos": from(0), "name": { "type": "string" } }), &["pos", "name"]),
            "processNum": from(1),
            "tags": object(
                &json!({
                    "origin": words(&["Metric", "Status", "Key", "Config", "Product", "Unknown"]),
                    "nature": words(&[
                        "Age", "Avg", "Counter", "Duration", "Gauge", "Limit", "Max", "Min", "Name",
                        "Output", "Rate", "Time", "Unknown",
                    ]),
                    "scope": words(&["Cluster", "Process", "Service", "System", "Unknown"]),
                }),
                &["origin", "nature", "scope"],
            ),
            "typedValue": {
                "oneOf": [
                    value("s32", number(i32::MIN.into(), 0x7fff_ffff)),
                    value("u32", number(0, u32::MAX.into())),
                    value("u64", number(0, u64::MAX)),
                    value("str", json!({ "type": "string" })),
                ],
            },
        },
    })
}
