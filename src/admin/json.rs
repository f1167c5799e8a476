//! Rows as JSON, in HAProxy's shape: an array for each row, an object for each cell.

use serde_json::{Value as Json, json};

use super::csv::part_id;
use super::table::{Column, Field, Row, Value, tag_words};

/// A row.
pub fn row(row: &Row, out: &mut String) {
    let (proxy, part) = (row.number(Column::ProxyId), part_id(row));
    let of = |(place, (field, value)): (usize, (&Field, Option<&Value>))| {
        let mut cell = cell(place, field, value?);
        if let Json::Object(cell) = &mut cell {
            cell.insert("objType".to_owned(), row.kind.word().into());
            cell.insert("proxyId".to_owned(), integer(proxy));
            cell.insert("id".to_owned(), integer(part));
        }
        Some(cell)
    };
    let cells: Vec<Json> = row.cells().enumerate().filter_map(of).collect();
    out.push_str(&Json::Array(cells).to_string());
}

/// A field and its value.
pub fn cell(place: usize, field: &Field, value: &Value) -> Json {
    let [origin, nature, scope] = tag_words(field.tags);
    let number = match value {
        Value::Str(text) => Json::from(&**text),
        number => integer(number.number().unwrap_or(0)),
    };
    json!({
        "field": { "pos": place, "name": field.name },
        "processNum": 1,
        "tags": { "origin": origin, "nature": nature, "scope": scope },
        "value": { "type": value.kind(), "value": number },
    })
}

fn integer(number: i128) -> Json {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        _ => Json::Null,
    }
}
