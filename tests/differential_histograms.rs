//! Random histograms, and random questions for them, of the real OpenTSDB 2.4.1 and of our binary: no answer may differ.
//!
//! A thousand in the long form, a part of them in the short one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Map, Value, json};
use std::time::Duration;
use support::alike::{Asked, alike};
use support::http::Client;
use support::random::Random;
use support::scenario::Telnet;
use support::server::long;
use support::trio::Trio;

const T0: i64 = 1_356_998_400;
const HOSTS: [&str; 4] = ["h0", "h1", "h2", "h3"];
const CENTRES: [&str; 2] = ["lga", "phx"];
const BOUNDS: [&str; 9] = ["-1.5", "0", "1", "1.75", "3.5", "7", "14", "1e3", "12345678.9"];

/// The metric's name tells how its times are given: a row holds one kind, as the original does not sort the two.
const METRICS: [(&str, i64); 3] = [("diff.h.s", 1), ("diff.h.ms", 1_000), ("diff.h.one", 1)];

fn count(r: &mut Random) -> i64 {
    match r.range(0, 19) {
        0 => 0,
        1 => -r.range(1, 5),
        2 => r.range(1, 1 << 40),
        _ => r.range(0, 300),
    }
}

/// Not from 0 to 0: where a histogram has no such range, the original shows the count below all ranges for it.
fn bounds(r: &mut Random) -> String {
    let at = r.range(0, 7) as usize;
    let upper = if r.chance(0.9) { at + 1 } else { r.range(0, 8) as usize };
    let upper = if (BOUNDS[at], BOUNDS[upper]) == ("0", "0") { at + 1 } else { upper };
    format!("{},{}", BOUNDS[at], BOUNDS[upper])
}

fn buckets(r: &mut Random) -> Map<String, Value> {
    (0..r.range(1, 6)).map(|_| (bounds(r), json!(count(r)))).collect()
}

fn tags(r: &mut Random) -> Value {
    let mut tags = json!({"host": *r.pick(&HOSTS)});
    if r.chance(0.5) {
        tags["dc"] = json!(*r.pick(&CENTRES));
    }
    tags
}

fn time(r: &mut Random, unit: i64) -> i64 {
    let step = *r.pick(&[60, 60, 60, 61, 900]);
    (T0 + r.range(0, 120) * step) * unit + if unit > 1 { r.range(0, 3) * 250 } else { 0 }
}

/// A histogram that is stored.
fn histogram(r: &mut Random) -> Value {
    let (metric, unit) = *r.pick(&METRICS[..2]);
    let mut point = json!({"metric": metric, "timestamp": time(r, unit), "buckets": buckets(r), "tags": tags(r)});
    for key in ["underflow", "overflow"] {
        if r.chance(0.5) {
            point[key] = json!(count(r));
        }
    }
    point
}

/// A request with histograms of which some are wrong.
fn write(r: &mut Random) -> Asked {
    let mut points: Vec<Value> = (0..r.range(1, 3)).map(|_| histogram(r)).collect();
    for point in &mut points {
        match r.range(0, 15) {
            0 => point["buckets"] = json!({}),
            1 => point["buckets"] = json!({"1,2,3": 1}),
            2 => point["buckets"] = json!({"a,2": 1}),
            3 => point["buckets"] = json!({" 1 , 2f ": "7"}),
            4 => point["buckets"] = json!({"NaN,Infinity": null}),
            5 => point["tags"] = json!({}),
            6 => point["metric"] = json!("a b"),
            7 => point["timestamp"] = json!(*r.pick(&[0, -1, 14_000_000_000_000i64])),
            8 => point["value"] = json!(*r.pick(&["AAAA", "AAEAAAAAP4AAAAUAAA==", "AAEAAAAAP4AA", "@@@@", ""])),
            9 => {
                point["id"] = json!(*r.pick(&[42, 7, 300, -1]));
                point["value"] = json!(*r.pick(&["AAAA", "AAEAAAAAP4AAAAUAAA==", "AAEAAAAAP4AAAAU!AAA=="]));
            }
            10 => point["overflow"] = json!("x"),
            11 => point["buckets"] = json!([1]),
            _ => {}
        }
        point["metric"] = if point["metric"] == json!("a b") { json!("a b") } else { json!("diff.h.one") };
        if point["timestamp"].as_i64().is_some_and(|t| t > 9_999_999_999 && t < 10_000_000_000_000) {
            point["timestamp"] = json!(T0 + r.range(0, 100));
        }
    }
    let path = *r.pick(&["/api/histogram?details", "/api/histogram?summary", "/api/histogram", "/api/histogram?details&sync"]);
    Asked::new("POST", path, Some(if points.len() == 1 && r.chance(0.5) { points.remove(0) } else { json!(points) }))
}

fn query(r: &mut Random) -> Asked {
    let (metric, _) = *r.pick(&METRICS[..2]);
    let mut sub = json!({"aggregator": *r.pick(&["sum", "sum", "none", "avg"]), "metric": metric});
    if sub["aggregator"] == json!("avg") && r.chance(0.8) {
        sub["aggregator"] = json!("sum");
    }
    let percents = [0.0, 0.5, 1.0, 10.0, 25.0, 33.3, 50.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0];
    if r.chance(0.75) {
        sub["percentiles"] = (0..r.range(1, 3)).map(|_| json!(*r.pick(&percents))).collect();
    }
    if r.chance(0.5) {
        sub["showHistogramBuckets"] = json!(true);
    }
    if r.chance(0.5) {
        let buckets = ["1m-sum", "5m-sum", "7m-sum-zero", "90s-sum", "1h-sum-nan", "3h-sum", "0all-sum", "1dc-sum", "1hc-sum", "5m-avg"];
        sub["downsample"] = json!(*r.pick(&buckets));
    }
    match r.range(0, 5) {
        0 => sub["tags"] = json!({"host": "*"}),
        1 => sub["tags"] = json!({"dc": "*"}),
        2 => sub["filters"] = json!([{"type": "literal_or", "tagk": "host", "filter": "h0|h2", "groupBy": r.chance(0.5)}]),
        3 => sub["filters"] = json!([{"type": "regexp", "tagk": "host", "filter": "h[1-3]", "groupBy": r.chance(0.5)}]),
        _ => {}
    }
    if r.chance(0.1) {
        sub["rate"] = json!(true);
    }
    let start = T0 + *r.pick(&[0, 0, 1, 17, 60, 333, 3_600, -100]);
    let mut body = json!({"start": start, "end": start + *r.pick(&[60, 601, 3_600, 7_200, 100_000]), "queries": [sub]});
    for (key, share) in [("msResolution", 0.5), ("showTSUIDs", 0.3), ("noAnnotations", 0.1)] {
        if r.chance(share) {
            body[key] = json!(true);
        }
    }
    if r.chance(0.15) {
        body["timezone"] = json!(*r.pick(&["Europe/Berlin", "Asia/Kathmandu"]));
    }
    Asked::new("POST", if r.chance(0.2) { "/api/query?arrays" } else { "/api/query" }, Some(body)).in_any_order()
}

/// The same names, points and notes everywhere: histograms over HTTP and telnet, in rows that hold plain points and notes too.
fn fill(addr: &str, points: &[Value]) {
    let mut client = Client::new(addr);
    for (kind, names) in [("metric", &METRICS.map(|(name, _)| name)[..]), ("tagk", &["host", "dc"]), ("tagv", &HOSTS), ("tagv", &CENTRES)] {
        for name in names {
            let r = client.post("/api/uid/assign", &json!({kind: [name]}).to_string()).unwrap();
            assert_eq!(r.status, 200, "{}", r.text());
        }
    }
    let mut telnet = Telnet::open(addr);
    for (place, points) in points.chunks(40).enumerate() {
        if place % 3 == 0 {
            points.iter().for_each(|point| telnet.send(line(point).as_bytes()));
            continue;
        }
        let r = client.post("/api/histogram?sync&details", &json!(points).to_string()).unwrap();
        assert_eq!(r.status, 200, "{}", r.text());
    }
    telnet.send(b"version\n");
    let said = telnet.read_to("Built on");
    assert!(said.starts_with("net.opentsdb"), "{said}");
    let plain: Vec<Value> =
        (0..30).map(|i| json!({"metric": "diff.h.s", "timestamp": T0 + i * 61, "value": i, "tags": {"host": "h0"}})).collect();
    assert_eq!(client.post("/api/put?sync", &json!(plain).to_string()).unwrap().status, 204);
    for (tsuid, at) in [("000001000001000001", 70), ("000001000001000002", 3_700), ("000001000001000006", 100)] {
        let note = json!({"startTime": T0 + at, "tsuid": tsuid, "description": "beside"});
        assert_eq!(client.post("/api/annotation", &note.to_string()).unwrap().status, 200);
    }
    // What the original has taken by telnet it stores a little later.
    std::thread::sleep(Duration::from_millis(1_500));
}

fn line(point: &Value) -> String {
    let mut parts: Vec<String> = point["buckets"].as_object().unwrap().iter().map(|(bounds, count)| format!("{bounds}={count}")).collect();
    parts.extend(point["underflow"].as_i64().map(|n| format!("u={n}")));
    parts.extend(point["overflow"].as_i64().map(|n| format!("o={n}")));
    let tags: Vec<String> = point["tags"].as_object().unwrap().iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap())).collect();
    format!("histogram {} {} {} {}\n", point["metric"].as_str().unwrap(), point["timestamp"], parts.join(":"), tags.join(" "))
}

#[test]
fn random_histograms_against_the_real_one() {
    let settings = [
        ("tsd.core.auto_create_metrics", "true"),
        ("tsd.storage.fix_duplicates", "true"),
        ("tsd.storage.flush_interval", "50"),
        ("tsd.http.request.enable_chunked", "true"),
        ("tsd.http.request.max_chunk", "1048576"),
        ("tsd.http.show_stack_trace", "false"),
        ("tsd.core.histograms.config", r#"{"net.opentsdb.core.SimpleHistogramDecoder": 42}"#),
    ];
    let trio = Trio::start("diffhist", &settings);
    let mut random = Random::new(96_97);
    let mut seen = std::collections::HashSet::new();
    let points: Vec<Value> = (0..600).map(|_| histogram(&mut random)).collect();
    let points: Vec<Value> =
        points.into_iter().filter(|p| seen.insert(format!("{} {} {}", p["metric"], p["timestamp"], p["tags"]))).collect();
    for addr in [&trio.real.addr, &trio.embedded.addr, &trio.hbase.addr] {
        fill(addr, &points);
    }
    let mut clients = trio.clients();
    let count = if long() { 1_000 } else { 250 };
    let ask = |r: &mut Random| if r.chance(0.25) { write(r) } else { query(r) };
    let wrong: Vec<String> = (0..count).flat_map(|i| alike(&mut clients, &ask(&mut random), i)).collect();
    println!("{count} requests on each engine, {} answers differ", wrong.len());
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}
