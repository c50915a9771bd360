//! Requests of recorded cases with something changed: another method, other parameters, other types in the JSON, text
//! that is no JSON. What comes out is often a mistake that a client could make.

use super::random::Random;
use serde_json::{Map, Value, json};

/// A request as the recorded cases hold it: `method`, `path`, `headers`, `body`.
pub type Request = Value;

/// Values that parameters get.
const TEXTS: [&str; 46] = [
    "",
    " ",
    "abc",
    "-1",
    "0",
    "1",
    "01",
    "+1",
    "1.5",
    "1e3",
    "99999999999",
    "99999999999999999999",
    "true",
    "TRUE",
    "null",
    "*",
    "a b",
    "Grüße",
    "温度",
    "a{b",
    "a=b",
    "a,b",
    "000001",
    "00001",
    "0000ZZ",
    "NaN",
    "\"",
    "'",
    "<b>",
    "1h-ago",
    "now",
    "1400000000",
    "1400000000000",
    "2014/05/13-16:53:20",
    "\t",
    "sys.cpu",
    "host",
    "web01",
    "metric",
    "tagk",
    "METRIC",
    "[]",
    "{}",
    "000001000001000001",
    "65536",
    "2147483648",
];
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
const EXTRA: [&str; 14] = [
    "json",
    "jsonp=cb",
    "serializer=json",
    "serializer=x",
    "foo=1",
    "limit=1",
    "max=2",
    "global",
    "nocache",
    "create=true",
    "definition=true",
    "method_override=post",
    "method_override=Delete",
    "method_override=x",
];
const BODIES: [&str; 12] = ["", " ", "{}", "[]", "null", "true", "1", "\"x\"", "[null]", "[{}]", "{{}", "abc"];

/// One or two changes.
pub fn mutated(r: &mut Random, request: &Request) -> Request {
    let mut out = request.clone();
    for _ in 0..if r.chance(0.75) { 1 } else { 2 } {
        let body = out["body"].is_string();
        match r.unit() {
            x if x < 0.12 => out["method"] = json!(r.pick(&METHODS)),
            x if x < 0.15 => {
                let (name, value) =
                    *r.pick(&[("Content-Type", "text/plain"), ("Accept-Encoding", "gzip"), ("Origin", "http://a.example.com")]);
                out["headers"][name] = json!(value);
            }
            x if x < if body { 0.7 } else { 0.2 } => change_body(r, &mut out),
            _ => out["path"] = json!(changed_path(r, out["path"].as_str().unwrap_or_default())),
        }
    }
    out
}

fn change_body(r: &mut Random, out: &mut Request) {
    let Some(text) = out["body"].as_str().map(str::to_string) else {
        out["method"] = json!(r.pick(&["POST", "PUT"]));
        out["body"] = json!(r.pick(&BODIES));
        return;
    };
    let parsed: Option<Value> = serde_json::from_str(&text).ok();
    let changed = match (r.range(0, 19), parsed) {
        (0..=13, Some(value)) => changed_json(r, value).to_string(),
        (14, Some(value)) => json!([value]).to_string(),
        (15, Some(Value::Object(members))) => return as_parameters(r, out, &members),
        (16, _) => text.chars().take(r.range(0, text.chars().count() as i64) as usize).collect(),
        (17, _) => format!("{text} x"),
        (18, _) => text.replacen('}', ",}", 1),
        _ => r.pick(&BODIES).to_string(),
    };
    out["body"] = json!(changed);
}

/// The members of a body as parameters, of the method itself or of a GET that means it.
fn as_parameters(r: &mut Random, out: &mut Request, members: &Map<String, Value>) {
    let mut path = out["path"].as_str().unwrap_or_default().to_string();
    for (key, value) in members {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        push_parameter(&mut path, &format!("{}={}", snake(key), escaped(&value)));
    }
    if r.chance(0.5) {
        push_parameter(&mut path, &format!("method_override={}", out["method"].as_str().unwrap_or_default().to_lowercase()));
        out["method"] = json!("GET");
    }
    out["path"] = json!(path);
    out.as_object_mut().map(|request| request.remove("body"));
}

fn push_parameter(path: &mut String, parameter: &str) {
    path.push(if path.contains('?') { '&' } else { '?' });
    path.push_str(parameter);
}

/// `startTime` to `start_time`.
fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        out
    })
}

/// `start_time` to `startTime`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |out, part| out + &part[..part.len().min(1)].to_uppercase() + &part[part.len().min(1)..])
}

fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"*{}=,.:/-_".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn changed_path(r: &mut Random, whole: &str) -> String {
    let (path, query) = whole.split_once('?').map_or((whole, None), |(path, query)| (path, Some(query)));
    if let Some(query) = query.filter(|_| r.chance(0.7)) {
        return format!("{path}?{}", changed_query(r, query));
    }
    let mut changed = whole.to_string();
    if r.chance(0.5) {
        push_parameter(&mut changed, r.pick::<&str>(&EXTRA));
        return changed;
    }
    let path = match r.range(0, 6) {
        0 => format!("{path}/"),
        1 => format!("{path}/{}", r.pick(&["foo", "bulk", "1"])),
        2 => path.to_uppercase(),
        3 => path.replacen("/api/", &format!("/api/{}/", r.pick(&["v1", "V1", "v0", "v2", "v", "v01", "v1.0"])), 1),
        4 => path.rsplit_once('/').map_or("/", |(before, _)| before).to_string(),
        5 => format!("{path}{}", r.pick(&["s", ".json", "%20"])),
        _ => path.replacen('/', "//", 1),
    };
    let path = if path.is_empty() { "/".to_string() } else { path };
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

fn changed_query(r: &mut Random, query: &str) -> String {
    let mut parameters: Vec<String> = query.split('&').map(str::to_string).collect();
    let at = r.range(0, parameters.len() as i64 - 1) as usize;
    let (key, value) = parameters[at].split_once('=').map_or((parameters[at].clone(), String::new()), |(k, v)| (k.into(), v.into()));
    let text = escaped(r.pick::<&str>(&TEXTS));
    match r.range(0, 11) {
        0 => drop(parameters.remove(at)),
        1 => parameters[at] = key,
        2 => parameters[at] = format!("{key}="),
        3 => parameters.push(format!("{key}={text}")),
        4 => parameters.insert(0, format!("{key}={text}")),
        5 => parameters[at] = format!("{}={value}", r.pick(&[key.to_uppercase(), camel(&key), key.replace('_', "")])),
        6 => parameters.push(r.pick(&EXTRA).to_string()),
        7 => {
            parameters[at] =
                format!("{key}={}", r.pick(&[value.to_uppercase(), format!("{value}%20"), format!("{value},"), format!("-{value}")]))
        }
        _ => parameters[at] = format!("{key}={text}"),
    }
    parameters.join("&")
}

/// One member or element is gone, has another name, another value or another type; or there is one more.
fn changed_json(r: &mut Random, mut value: Value) -> Value {
    let mut places = Vec::new();
    places_in(&value, String::new(), &mut places);
    if places.is_empty() {
        return other_value(r);
    }
    let place = r.pick(&places).clone();
    let (parent, last) = place.rsplit_once('/').unwrap_or_default();
    let (parent, last) = (parent.to_string(), last.replace("~1", "/").replace("~0", "~"));
    let old = value.pointer(&place).cloned().unwrap_or_default();
    let new = match r.range(0, 15) {
        0 | 1 => None,
        2 => Some(json!([old])),
        3 => Some(json!({"a": old})),
        4 | 5 => Some(json!(old.as_str().map_or_else(|| old.to_string(), str::to_uppercase))),
        6 => Some(old.as_str().and_then(|text| text.parse::<i64>().ok()).map_or(json!(format!("{old} ")), |number| json!(number))),
        7 => Some(old.as_f64().map_or(json!(1.5), |number| json!(number + 0.9))),
        8 => Some(old.as_i64().map_or(json!(null), |number| json!(number.wrapping_mul(1_000)))),
        9 | 10 => Some(json!(r.pick(&TEXTS))),
        11 => {
            let renamed = r.pick(&[last.to_uppercase(), snake(&last), camel(&last), format!("{last}s")]).clone();
            if let Some(Value::Object(members)) = value.pointer_mut(&parent) {
                members.remove(&last);
                members.insert(renamed, old);
            }
            return value;
        }
        _ => Some(other_value(r)),
    };
    match (value.pointer_mut(&parent), new) {
        (Some(Value::Object(members)), None) => drop(members.remove(&last)),
        (Some(Value::Object(members)), Some(new)) => drop(members.insert(last, new)),
        (Some(Value::Array(items)), None) => drop(last.parse::<usize>().map(|at| items.remove(at))),
        (Some(Value::Array(items)), Some(new)) => drop(last.parse::<usize>().map(|at| items[at] = new)),
        _ => {}
    }
    value
}

fn other_value(r: &mut Random) -> Value {
    let values = json!([
        null, true, false, 0, 1, -1, 1.5, 1.0, 1e20, 65_536, 2_147_483_648_u64, 9_223_372_036_854_775_808_u64, "", " ", "abc", "1", "true",
        [], {}, [1], ["a"], [null], {"a": 1}, {"a": "b"}, {"a": null}, [[]], [{}], "Grüße 😀", "*", 1_400_000_000
    ]);
    r.pick(values.as_array().map(Vec::as_slice).unwrap_or_default()).clone()
}

/// JSON pointers of everything inside.
fn places_in(value: &Value, at: String, out: &mut Vec<String>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in inside {
        let place = format!("{at}/{name}");
        out.push(place.clone());
        places_in(value, place, out);
    }
}
