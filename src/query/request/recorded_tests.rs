//! Every recorded request of the query areas, parsed: what the real TSD answered decides what must come out here.

use super::date::Clock;
use super::*;
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

/// A mutator on fixed seeds: no text may panic or take long.
#[test]
fn hostile_requests() {
    const SEEDS: [&str; 6] = [
        "sum:5m-avg-nan:rate{counter,100,5}:kit.ints{host=a|b,dc=regexp(k.*)}{own=wildcard(x*)}",
        r#"{"start":"1h-ago","end":1356998400.5,"timezone":"America/New_York","queries":[{"aggregator":"sum","metric":"m","tags":{"h":"*"},"downsample":"1dc-sum","rateOptions":{"counter":true,"counterMax":"9"}}]}"#,
        "2013/01/01-00:05:30",
        "1356998400.500",
        "10m-ago",
        "tsuid=none:0000010000010000FF,00",
    ];
    const BITS: [&str; 20] =
        ["{", "}", ":", ",", "=", "-", "/", "\"", "\\u", "é", "9999999999", "0", "[", "]", "*", "(", ")", "ms", " ", "\u{0}"];
    let context = Context { clock: Clock { now_ms: 1_795_000_000_000, zone: jiff::tz::TimeZone::UTC }, metric_width: 3 };
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let started = std::time::Instant::now();
    for round in 0..20_000 {
        let mut text: Vec<char> = SEEDS[round % SEEDS.len()].chars().collect();
        for _ in 0..1 + random(5) {
            let at = random(text.len() + 1);
            if random(2) == 0 {
                text.splice(at..at, BITS[random(BITS.len())].chars());
            } else {
                text.truncate(at.max(1));
            }
        }
        let text: String = text.into_iter().collect();
        let date = date::parse_date(&text, Some("Europe/Berlin"), &context.clock);
        let body = post::parse(text.as_bytes()).and_then(|r| compile(r, &context));
        let pairs = |name: &str| {
            vec![("start".to_string(), text.clone()), ("end".to_string(), "now".to_string()), (name.to_string(), text.clone())]
        };
        let uri = uri::parse(&pairs("m")).and_then(|r| compile(r, &context));
        let ids = uri::parse(&pairs("tsuid")).and_then(|r| compile(r, &context));
        let args: Vec<String> = text.split(',').map(str::to_string).collect();
        let line = command::parse(&args, &context.clock);
        let spec = downsample::parse(&text).and_then(|s| s.plan(true, None));
        drop((date, body, uri, ids, line, spec));
    }
    assert!(started.elapsed().as_secs() < 60, "took {:?}", started.elapsed());
}
