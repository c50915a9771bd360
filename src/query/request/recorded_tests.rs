//! Every recorded request of the query areas, parsed: what the real TSD answered decides what must come out here.

use super::date::Clock;
use super::*;
use crate::fuzz;
use serde_json::Value;

const AREAS: [&str; 11] = ["agg", "downsample", "fill", "calendar", "rate", "filter", "time", "options", "tsuid", "error", "strict"];

/// A fixed series id in the place of `{{tsuid:metric|...}}`, with the metric's part by the metric's name.
fn with_tsuids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{tsuid:") {
        let (name, after) = after.split_once("}}").expect("a placeholder is closed");
        let metric = name.split('|').next().unwrap();
        let number = if metric == "kit.floats" { 8 } else { 1 };
        out.push_str(before);
        out.push_str(&format!("{number:06X}000001000001"));
        rest = after;
    }
    out + rest
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| first == b'%').and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok());
        bytes.push(code.unwrap_or(if first == b'+' { b' ' } else { first }));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn params(path: &str) -> Vec<(String, String)> {
    let query = path.split_once('?').map_or("", |(_, q)| q);
    let pairs = query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")));
    pairs.map(|(k, v)| (percent_decoded(k), percent_decoded(v))).collect()
}

fn run(case: &Value) -> Option<Result<(), RequestError>> {
    let request = &case["request"];
    let path = with_tsuids(request["path"].as_str()?);
    let endpoint = path.split('?').next()?.to_lowercase();
    let method = request["method"].as_str()?;
    if !(endpoint.starts_with("/api/query") || endpoint.starts_with("/api/v1/query"))
        || endpoint.contains("last")
        || !["GET", "POST"].contains(&method)
    {
        return None;
    }
    let context = Context { clock: Clock { now_ms: 1_795_000_000_000, zone: jiff::tz::TimeZone::UTC }, metric_width: 3 };
    let parsed = if method == "POST" {
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        post::parse(with_tsuids(&body).as_bytes())
    } else {
        uri::parse(&params(&path))
    };
    Some(parsed.and_then(|r| compile(r, &context)).map(|_| ()))
}

#[test]
fn recorded_requests() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for area in AREAS {
        let file = format!("{}/tests/golden/query/cases/{area}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
        for line in text.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let Some(got) = run(&case) else { continue };
            seen += 1;
            if let Some(difference) = difference(&case, got) {
                wrong.push(format!("{}: {difference}", case["id"].as_str().unwrap()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 700, "only {seen} requests were found");
}

fn difference(case: &Value, got: Result<(), RequestError>) -> Option<String> {
    let status = case["response"]["status"].as_u64().unwrap();
    let error = &case["response"]["body"]["error"];
    let message = error["message"].as_str().unwrap_or_default();
    // Not to be seen in the text of a query: names, stored data, API versions, serializers.
    let later = ["No such name for", "Duplicate timestamp", "Requested serializer"].iter().any(|m| message.starts_with(m)) || status == 501;
    match got {
        Ok(()) => (status != 200 && !later).then(|| format!("accepted, but recorded {status} {message}")),
        Err(e) if status == 200 || later => Some(format!("refused: {} {:?}", e.message, e.details)),
        Err(_) if status == 500 => None,
        Err(e) => {
            let compare = case["compare"].as_str().unwrap_or_default();
            let details = (compare == "json").then(|| error["details"].as_str().map(str::to_string));
            let same_message = matches!(compare, "status" | "status-and-shape") || e.message == message;
            let same_details = details.is_none_or(|d| d == e.details);
            (!same_message || !same_details)
                .then(|| format!("{} {:?}\n   recorded: {message} {:?}", e.message, e.details, error["details"]))
        }
    }
}

/// What matters inside requests of every kind.
const PARTS: [&str; 22] =
    ["{", "}", ":", ",", "=", "-", "/", "\"", "\\u", "é", "9999999999", "0", "[", "]", "*", "(", ")", "ms", " ", "\u{0}", "all", "1n"];

fn context() -> Context {
    Context { clock: Clock { now_ms: 1_795_000_000_000, zone: jiff::tz::TimeZone::UTC }, metric_width: 3 }
}

#[test]
fn mutated_dates() {
    const SOUND: [&str; 8] =
        ["2013/01/01-00:05:30", "2013/03/31 02:30", "1356998400.500", "1356998400500", "10m-ago", "1y-ago", "now", "2012/12/31"];
    let clock = context().clock;
    fuzz::run(|dice| {
        let sound = dice.pick(&SOUND);
        let text = dice.mutate_text(sound, &PARTS);
        let zone = [None, Some("Europe/Berlin"), Some("America/New_York"), Some("Asia/Kabul"), Some("nowhere")][dice.below(5)];
        let _ = date::parse_date(&text, zone, &clock);
    });
}

#[test]
fn mutated_expressions() {
    const SOUND: [&str; 6] = [
        "sum:5m-avg-nan:rate{counter,100,5}:kit.ints{host=a|b,dc=regexp(k.*)}{own=wildcard(x*)}",
        "sum:1dc-sum:explicit_tags:m{h=literal_or(a)}",
        "p99:m",
        "tsuid=none:0000010000010000FF,00",
        "sum:0000010000010000FF",
        "5m-avg-nan",
    ];
    let context = context();
    fuzz::run(|dice| {
        let sound = dice.pick(&SOUND);
        let text = dice.mutate_text(sound, &PARTS);
        let pairs = |name: &str| [("start", "1h-ago"), ("end", "now"), (name, &text)].map(|(k, v)| (k.to_string(), v.to_string())).to_vec();
        let uri = uri::parse(&pairs("m")).and_then(|r| compile(r, &context));
        let ids = uri::parse(&pairs("tsuid")).and_then(|r| compile(r, &context));
        let args: Vec<String> = text.split(',').map(str::to_string).collect();
        let line = command::parse(&args, &context.clock);
        let spec = downsample::parse(&text).and_then(|s| s.plan(true, None));
        drop((uri, ids, line, spec));
    });
}

#[test]
fn mutated_query_bodies() {
    const SOUND: [&str; 2] = [
        r#"{"start":"1h-ago","end":1356998400.5,"timezone":"America/New_York","queries":[{"aggregator":"sum","metric":"m","tags":{"h":"*"},"downsample":"1dc-sum","rateOptions":{"counter":true,"counterMax":"9"}}]}"#,
        r#"{"start":1356998400,"queries":[{"aggregator":"none","tsuids":["0000010000010000FF"],"filters":[{"type":"regexp","tagk":"h","filter":"w.*","groupBy":true}]}]}"#,
    ];
    let context = context();
    fuzz::run(|dice| {
        let sound = dice.pick(&SOUND);
        let _ = post::parse(dice.mutate_text(sound, &PARTS).as_bytes()).and_then(|r| compile(r, &context));
    });
}
