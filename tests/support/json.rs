//! Comparing JSON answers: 1 and 1.0 differ, floats agree to 1e-9, some arrays have no order.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Differences between `want` and `got`, at most `LIMIT`; `ignored(path)`: compare types only.
pub fn diff(want: &Value, got: &Value, ignored: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut out = Vec::new();
    walk(want, got, "$", ignored, &mut out);
    out
}

/// Parses JSON; half a surrogate pair (Java writes one where a text is cut in the middle of a character) reads U+FFFD.
pub fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text).or_else(|e| match mend_surrogates(text) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(e),
    })
}

fn mend_surrogates(text: &str) -> Option<String> {
    let unit = |at: usize| text.get(at..at + 6)?.strip_prefix("\\u").and_then(|h| u16::from_str_radix(h, 16).ok());
    let mut out = String::new();
    let (mut at, mut mended) = (0, false);
    while let Some(step) = text[at..].find("\\u").map(|s| s + at) {
        out.push_str(&text[at..step]);
        let (first, second) = (unit(step).unwrap_or(0), unit(step + 6).unwrap_or(0));
        let pair = (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second);
        let len = if pair { 12 } else { 6 };
        if !pair && (0xd800..0xe000).contains(&first) {
            out.push_str("\\ufffd");
            mended = true;
        } else {
            out.push_str(text.get(step..step + len)?);
        }
        at = step + len;
    }
    out.push_str(&text[at..]);
    mended.then_some(out)
}

const LIMIT: usize = 6;
const TOLERANCE: f64 = 1e-9;

fn walk(want: &Value, got: &Value, path: &str, ignored: &dyn Fn(&str) -> bool, out: &mut Vec<String>) {
    if out.len() >= LIMIT {
        return;
    }
    if ignored(path) {
        if kind(want) != kind(got) {
            out.push(format!("{path}: type {}, expected {}", kind(got), kind(want)));
        }
        return;
    }
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().filter(|k| !b.contains_key(*k)) {
                out.push(format!("{path}: missing key {key:?}"));
            }
            for key in b.keys().filter(|k| !a.contains_key(*k)) {
                out.push(format!("{path}: extra key {key:?} = {}", short(&b[key])));
            }
            for (key, value) in a {
                if let Some(other) = b.get(key) {
                    walk(value, other, &format!("{path}.{key}"), ignored, out);
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                out.push(format!("{path}: {} items, expected {}", b.len(), a.len()));
            }
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                walk(x, y, &format!("{path}[{i}]"), ignored, out);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            if a.is_f64() != b.is_f64() {
                out.push(format!("{path}: {b}, expected {a} (number type)"));
            } else if !same_number(a, b) {
                out.push(format!("{path}: {b}, expected {a}"));
            }
        }
        (a, b) if a == b => {}
        (a, b) => out.push(format!("{path}: {}, expected {}", short(b), short(a))),
    }
}

fn same_number(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    if !a.is_f64() {
        return a == b;
    }
    let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

pub fn kind(v: &Value) -> &'static str {
    match v {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

pub fn short(v: &Value) -> String {
    let mut text = v.to_string();
    if text.len() > 160 {
        let cut = (0..=160).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(cut);
        text.push_str("...");
    }
    text
}

/// Removes what depends on the UIDs a server happens to have given out, and sorts arrays without order.
pub fn canon(v: &Value, key: &str) -> Value {
    match v {
        Value::Object(map) => Value::Object(map.iter().map(|(k, x)| (k.clone(), canon(x, k))).collect()),
        Value::Array(list) if matches!(key, "aggregateTags" | "aggregatedTags" | "tsuids") => {
            let mut list: Vec<Value> = list.iter().map(|x| canon(x, "")).collect();
            list.sort_by_key(|x| x.to_string());
            Value::Array(list)
        }
        Value::Array(list) if key == "filterTagKs" => Value::Array(list.iter().map(|_| Value::from("uid")).collect()),
        Value::Array(list) => Value::Array(list.iter().map(|x| canon(x, "")).collect()),
        Value::String(s) if matches!(key, "message" | "details") => Value::from(canon_message(s)),
        other => other.clone(),
    }
}

/// `[00002A]` reads `[uid]`, `key=[0, 1]` reads `key=[bytes]`.
fn canon_message(s: &str) -> String {
    let mut out = String::new();
    let mut rest = s;
    while let Some(at) = rest.find('[') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = tail.find(']') else {
            out.push_str(tail);
            return out;
        };
        let inner = &tail[1..end];
        if inner.len() == 6 && inner.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) {
            out.push_str("[uid]");
        } else if before.ends_with("key=") && inner.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b',' | b' ')) {
            out.push_str("[bytes]");
        } else {
            out.push_str(&tail[..=end]);
        }
        rest = &tail[end + 1..];
    }
    out.push_str(rest);
    out
}

/// Series in any order.
pub fn canon_series(v: Value) -> Value {
    let Value::Array(mut list) = v else { return v };
    list.sort_by_cached_key(|s| {
        let index = s.get("query").and_then(|q| q.get("index"));
        let tags = s.get("tags").and_then(Value::as_object).map(sorted);
        format!("{:?} {:?} {:?} {:?}", s.get("metric"), tags, s.get("aggregateTags"), index)
    });
    Value::Array(list)
}

fn sorted(map: &Map<String, Value>) -> Vec<(String, String)> {
    let mut list: Vec<_> = map.iter().map(|(k, v)| (k.clone(), v.to_string())).collect();
    list.sort();
    list
}

/// Keeps only some keys of the error object.
pub fn strip_error(v: &Value, keep: &[&str]) -> Value {
    let Some(error) = v.get("error").and_then(Value::as_object) else { return v.clone() };
    let kept: Map<String, Value> = error.iter().filter(|(k, _)| keep.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect();
    serde_json::json!({ "error": kept })
}

pub fn drop_trace(v: Value) -> Value {
    let mut v = v;
    if let Some(error) = v.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("trace");
    }
    v
}

/// Keys of the error object, the trace aside.
pub fn error_keys(v: &Value) -> BTreeSet<String> {
    let keys = v.get("error").and_then(Value::as_object).map(|e| e.keys().cloned().collect::<BTreeSet<_>>());
    keys.unwrap_or_default().into_iter().filter(|k| k != "trace").collect()
}

/// True for an error body with code 400 and a message, or for a page of text: how a recorded 500 may be answered.
pub fn says_why(body: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Err(_) => !body.trim_ascii().is_empty(),
        Ok(v) => {
            let message = v.get("error").and_then(|e| e.get("message")).and_then(Value::as_str).unwrap_or_default();
            let code = v.get("error").and_then(|e| e.get("code")).and_then(Value::as_u64);
            (code == Some(400) && !message.trim().is_empty()) || v.get("err").and_then(Value::as_str).is_some_and(|e| !e.is_empty())
        }
    }
}
