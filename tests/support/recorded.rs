//! An answer of the real OpenTSDB, made a recorded case: what is compared, what only by its type, what in any order.

use super::http::Response;
use super::json;
use serde_json::{Value, json};

/// Headers that clients read.
const HEADERS: [&str; 6] = [
    "location",
    "cache-control",
    "content-encoding",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
];
/// Members whose value is a moment or a length of time.
const TIMES: [&str; 5] = ["time", "created", "timing", "lastReceived", "timestamp"];
/// Lists whose order is chance.
const UNORDERED: [&str; 5] = ["results", "tsuids", "branches", "leaves", "aggregateTags"];
/// Words of texts by Java and its libraries, which are ours in our words.
const JAVA: [&str; 15] = [
    "com.fasterxml.",
    "java.",
    "Unrecognized token",
    "Cannot ",
    "Can not",
    "Unexpected ",
    "No content to map",
    "Index ",
    "Unable to parse the given JSON",
    "begin ",
    "String index",
    "Duplicate field",
    "For input string",
    "Numeric value",
    "Illegal ",
];

/// A case to compare our answer with. `prefix` begins the names of the real one's tables, which some messages tell.
pub fn case(answer: &Response, prefix: &str) -> Value {
    let body = answer.text().replace(prefix, "");
    let headers: serde_json::Map<String, Value> =
        HEADERS.iter().filter_map(|name| Some((name.to_string(), json!(answer.header(name)?)))).collect();
    let mut response = json!({"status": answer.status, "headers": headers, "body": body});
    if let Some(kind) = answer.header("content-type") {
        response["content_type"] = json!(kind);
    }
    let (callback, inner) = unwrapped(&body);
    let mut case = json!({"response": response, "compare": "exact"});
    if answer.status == 500 || answer.header("content-type").is_some_and(|kind| kind.starts_with("image/")) {
        case["compare"] = json!("status");
    } else if let Ok(value) = json::parse(inner) {
        let (mut any, mut unordered) = (Vec::new(), Vec::new());
        odd_places(&value, &mut Vec::new(), &mut any, &mut unordered);
        case["compare"] = json!("json");
        (case["any"], case["unordered"]) = (json!(any), json!(unordered));
        if let Some(callback) = callback {
            case["jsonp"] = json!(callback);
        }
    }
    case
}

/// The function and the JSON of `cb({...})`.
fn unwrapped(body: &str) -> (Option<&str>, &str) {
    let inner = body.split_once('(').and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
    match inner.filter(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.$[]".contains(&b))) {
        Some((name, rest)) => (Some(name), rest),
        None => (None, body),
    }
}

fn odd_places(value: &Value, path: &mut Vec<String>, any: &mut Vec<String>, unordered: &mut Vec<String>) {
    let (is_root, last) = (path.is_empty(), path.last().cloned().unwrap_or_default());
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            path.push(key.clone());
            odd_places(value, path, any, unordered);
            path.pop();
        }),
        Value::Array(items) => {
            if is_root || UNORDERED.contains(&last.as_str()) {
                unordered.push(if is_root { "$".to_string() } else { path.join(".") });
            }
            for (place, value) in items.iter().enumerate() {
                path.push(place.to_string());
                odd_places(value, path, any, unordered);
                path.pop();
            }
        }
        Value::String(text) => {
            let told = ["message", "details", "err", "error"].contains(&last.as_str());
            if told && JAVA.iter().any(|word| text.contains(word)) {
                any.push(path.join("."));
            }
        }
        _ => {}
    }
    if TIMES.contains(&last.as_str()) || is_now(value) {
        any.push(path.join("."));
    }
}

/// A number that is now, within a minute, in milliseconds: the end of a range that none was given for.
fn is_now(value: &Value) -> bool {
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis());
    value.as_u64().is_some_and(|at| now.abs_diff(u128::from(at)) < 60_000)
}
