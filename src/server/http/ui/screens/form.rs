//! What a screen may hold: every member with its bounds, in one table. What is not in it is refused by its place.

use serde_json::{Map, Value};

/// Longest screen, in bytes of JSON.
pub const SCREEN_BYTES_MAX: usize = 256 * 1024;

/// A member of an object.
struct Member {
    name: &'static str,
    shape: Shape,
    needed: bool,
}

/// What a value may be.
enum Shape {
    /// Text of at most so many characters.
    Text(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range.
    Whole(i64, i64),
    /// A finite number, or `null`.
    Number,
    /// `true` or `false`.
    Switch,
    /// An object.
    Object(&'static [Member]),
    /// At most so many objects.
    List(usize, &'static [Member]),
}

const fn may(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, needed: false }
}

const fn must(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, needed: true }
}

const SCREEN: &[Member] = &[
    must("name", Shape::Text(120)),
    may("folder", Shape::Text(120)),
    may("note", Shape::Text(2000)),
    may("columns", Shape::Whole(1, 4)),
    may("range", Shape::Object(&[may("start", Shape::Text(40)), may("end", Shape::Text(40))])),
    may("refresh", Shape::Whole(0, 86_400)),
    may("variables", Shape::List(12, VARIABLE)),
    must("panels", Shape::List(100, PANEL)),
];

const VARIABLE: &[Member] = &[
    must("tag", Shape::Text(256)),
    may("value", Shape::Text(2000)),
    may("label", Shape::Text(120)),
    may("metric", Shape::Text(4096)),
    may("everywhere", Shape::Switch),
];

const PANEL: &[Member] = &[
    may("title", Shape::Text(200)),
    must("kind", Shape::Word(&["line", "area", "stacked", "points", "heat", "top", "pie", "value", "table", "text"])),
    may("width", Shape::Whole(1, 4)),
    may("height", Shape::Whole(1, 8)),
    may("queries", Shape::List(20, QUERY)),
    may("left", Shape::Object(AXIS)),
    may("right", Shape::Object(AXIS)),
    may("lower", Shape::Object(AXIS)),
    may("sum", Shape::Word(&["none", "with", "only"])),
    may("thresholds", Shape::List(10, THRESHOLD)),
    may("legend", Shape::Switch),
    may("events", Shape::Switch),
    may("span", Shape::Text(40)),
    may("compare", Shape::Text(40)),
    may("limit", Shape::Whole(1, 200)),
    may("by", Shape::Word(&["last", "avg", "min", "max", "sum"])),
    may("decimals", Shape::Whole(0, 10)),
    may("text", Shape::Text(20_000)),
];

const QUERY: &[Member] = &[
    must("m", Shape::Text(8192)),
    may("alias", Shape::Text(300)),
    may("expression", Shape::Text(500)),
    may("axis", Shape::Word(&["left", "right"])),
    may("pane", Shape::Word(PANES)),
    may("hidden", Shape::Switch),
];

const AXIS: &[Member] = &[
    may("label", Shape::Text(100)),
    may("unit", Shape::Text(16)),
    may("min", Shape::Number),
    may("max", Shape::Number),
    may("log", Shape::Switch),
];

const THRESHOLD: &[Member] = &[
    may("from", Shape::Number),
    may("to", Shape::Number),
    must("level", Shape::Word(&["good", "warn", "bad"])),
    may("label", Shape::Text(100)),
    may("pane", Shape::Word(PANES)),
];

/// Plots of a panel of lines, one above the other.
const PANES: &[&str] = &["upper", "lower"];

/// Whether the members are those of a screen; else a sentence that names the place: `panels[2].kind: ...`.
pub fn check(screen: &Map<String, Value>) -> Result<(), String> {
    check_object(screen, SCREEN, "")?;
    let blank = screen.get("name").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty());
    if blank { Err("name: a screen must have one".to_owned()) } else { Ok(()) }
}

// No deeper than the table is.
fn check_object(object: &Map<String, Value>, members: &[Member], place: &str) -> Result<(), String> {
    for (name, value) in object {
        let at = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        match members.iter().find(|member| member.name == name) {
            Some(member) => check_value(value, &member.shape, &at)?,
            None => return Err(format!("{}: no such member", shortened(&at))),
        }
    }
    match members.iter().find(|member| member.needed && !object.contains_key(member.name)) {
        Some(missing) if place.is_empty() => Err(format!("{}: must be there", missing.name)),
        Some(missing) => Err(format!("{place}.{}: must be there", missing.name)),
        None => Ok(()),
    }
}

fn check_value(value: &Value, shape: &Shape, at: &str) -> Result<(), String> {
    let wanted = match (shape, value) {
        (Shape::Text(most), Value::String(text)) if text.chars().count() <= *most => None,
        (Shape::Text(most), _) => Some(format!("text of at most {most} characters")),
        (Shape::Word(words), Value::String(text)) if words.contains(&text.as_str()) => None,
        (Shape::Word(words), _) => Some(format!("one of {}", words.join(", "))),
        (Shape::Whole(least, most), Value::Number(n)) if n.as_i64().is_some_and(|n| (*least..=*most).contains(&n)) => None,
        (Shape::Whole(least, most), _) => Some(format!("a whole number from {least} to {most}")),
        (Shape::Number, Value::Null) => None,
        (Shape::Number, Value::Number(n)) if n.as_f64().is_some_and(f64::is_finite) => None,
        (Shape::Number, _) => Some("a number, or null".to_owned()),
        (Shape::Switch, Value::Bool(_)) => None,
        (Shape::Switch, _) => Some("true or false".to_owned()),
        (Shape::Object(members), Value::Object(object)) => return check_object(object, members, at),
        (Shape::Object(_), _) => Some("an object".to_owned()),
        (Shape::List(most, members), Value::Array(items)) if items.len() <= *most => return check_list(items, members, at),
        (Shape::List(most, _), _) => Some(format!("a list of at most {most} objects")),
    };
    wanted.map_or(Ok(()), |wanted| Err(format!("{at}: must be {wanted}")))
}

fn check_list(items: &[Value], members: &[Member], at: &str) -> Result<(), String> {
    items.iter().enumerate().try_for_each(|(n, item)| match item {
        Value::Object(object) => check_object(object, members, &format!("{at}[{n}]")),
        _ => Err(format!("{at}[{n}]: must be an object")),
    })
}

/// Names of a client's own making may be long.
fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(screen: Value) -> Result<(), String> {
        check(screen.as_object().expect("an object"))
    }

    fn panel(member: &str, value: Value) -> Value {
        let mut panel = json!({"kind": "line"});
        panel[member] = value;
        json!({"name": "n", "panels": [{"kind": "text"}, panel]})
    }

    #[test]
    fn whole_screens_pass() {
        assert_eq!(verdict(json!({"name": "n", "panels": []})), Ok(()));
        let panel = json!({
            "title": "<b>", "kind": "stacked", "width": 2, "height": 3, "legend": true, "events": false, "span": "1d", "compare": "1w",
            "queries": [{"m": "sum:1m-avg:sys.cpu{host=*}", "alias": "%(tags.host)s", "expression": "v * 100", "axis": "right", "pane": "lower", "hidden": false}],
            "left": {"label": "l", "unit": "bytes", "min": 0, "max": null, "log": false}, "right": {},
            "lower": {"unit": "%"}, "sum": "with",
            "thresholds": [{"from": 80.5, "to": null, "level": "bad", "label": "full", "pane": "upper"}], "limit": 10, "by": "max", "decimals": 2, "text": "t"
        });
        let screen = json!({
            "name": "n", "folder": "f", "note": "", "columns": 4, "range": {"start": "6h-ago", "end": ""}, "refresh": 60,
            "variables": [{"tag": "host", "value": "*", "label": "Host", "metric": "sys.cpu", "everywhere": true}], "panels": [panel]
        });
        assert_eq!(verdict(screen), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let check = |screen: Value, want: &str| assert_eq!(verdict(screen).expect_err(want), want);
        check(json!({"panels": []}), "name: must be there");
        check(json!({"name": "n"}), "panels: must be there");
        check(json!({"name": " ", "panels": []}), "name: a screen must have one");
        check(json!({"name": 7, "panels": []}), "name: must be text of at most 120 characters");
        check(json!({"name": "n", "panels": [], "script": 1}), "script: no such member");
        check(json!({"name": "n", "panels": {}}), "panels: must be a list of at most 100 objects");
        check(json!({"name": "n", "panels": [3]}), "panels[0]: must be an object");
        check(json!({"name": "n", "panels": [{}]}), "panels[0].kind: must be there");
        check(json!({"name": "n", "panels": vec![json!({"kind": "text"}); 101]}), "panels: must be a list of at most 100 objects");
        check(
            panel("kind", json!("gauge")),
            "panels[1].kind: must be one of line, area, stacked, points, heat, top, pie, value, table, text",
        );
        check(panel("width", json!(5)), "panels[1].width: must be a whole number from 1 to 4");
        check(panel("width", json!(1.5)), "panels[1].width: must be a whole number from 1 to 4");
        check(panel("queries", json!([{"m": "sum:x", "axis": "up"}])), "panels[1].queries[0].axis: must be one of left, right");
        check(panel("queries", json!([{"m": "sum:x", "pane": "left"}])), "panels[1].queries[0].pane: must be one of upper, lower");
        check(panel("sum", json!(true)), "panels[1].sum: must be one of none, with, only");
        check(panel("queries", json!([{}])), "panels[1].queries[0].m: must be there");
        check(panel("left", json!({"min": "0"})), "panels[1].left.min: must be a number, or null");
        check(panel("legend", json!("yes")), "panels[1].legend: must be true or false");
        check(panel("left", json!([[[[]]]])), "panels[1].left: must be an object");
        check(panel("title", json!("x".repeat(201))), "panels[1].title: must be text of at most 200 characters");
    }
}
