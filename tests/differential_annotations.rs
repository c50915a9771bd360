//! Random requests for annotations, asked of the real OpenTSDB 2.4.1 and of our binary in one order: no answer may differ.
//!
//! A thousand in the long form, a part of them in the short one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Map, Value, json};
use support::alike::{Asked, alike};
use support::random::Random;
use support::server::long;
use support::trio::Trio;

const T0: i64 = 1_399_996_800;
/// Seconds that annotations begin at: few, so that requests meet; some divide by 1,000, two share a cell because of it.
const TIMES: [i64; 10] = [0, 1, 100, 200, 3_200, 3_201, 3_599, 3_600, 4_200, 6_801];
const METRIC: &str = "diff.notes";

/// Series by their ids: two with points, one of known names without, one of a metric alone, unknown ones, a broken one.
const SERIES: [&str; 7] =
    ["000001000001000001", "000001000001000002", "000001000001000003", "000001", "0000FF000001000001", "0000ff0000010000010000", "zz"];

fn tsuid(r: &mut Random) -> Option<&'static str> {
    match r.range(0, 7) {
        0 => None,
        1 => Some(""),
        2 => Some(*r.pick(&SERIES)),
        _ => Some(*r.pick(&SERIES[..4])),
    }
}

fn start(r: &mut Random) -> i64 {
    let seconds = T0 + r.pick(&TIMES);
    match r.range(0, 9) {
        0 => seconds * 1000,
        1 => seconds * 1000 + 500,
        _ => seconds,
    }
}

/// A note with some of its fields, now and then odd ones.
fn note(r: &mut Random) -> Value {
    let mut note = Map::new();
    let mut put = |key: &str, value: Value| drop(note.insert(key.to_owned(), value));
    match r.range(0, 24) {
        0 => {}
        1 => put("startTime", json!(null)),
        2 => put("startTime", json!(start(r).to_string())),
        3 => put("startTime", json!(-5)),
        _ => put("startTime", json!(start(r))),
    }
    if let Some(tsuid) = tsuid(r) {
        put("tsuid", json!(tsuid));
    }
    for key in ["description", "notes"] {
        match r.range(0, 9) {
            0 => put(key, json!(null)),
            1 => put(key, json!("")),
            2 => put(key, json!(7)),
            3..=6 => put(key, json!(format!("{key} {} <ü>\"\\\n", r.range(0, 5)))),
            _ => {}
        }
    }
    match r.range(0, 9) {
        0 => put("custom", json!(null)),
        1 => put("custom", json!({})),
        2 | 3 => put("custom", json!({"a": r.range(0, 3).to_string(), "b": null})),
        4 => put("custom", json!({"zz": true, "n": 1.5})),
        _ => {}
    }
    match r.range(0, 5) {
        0 => put("endTime", json!(start(r) + 10)),
        1 => put("endTime", json!(0)),
        _ => {}
    }
    if r.chance(0.05) {
        put("unknown", json!([1]));
    }
    Value::Object(note)
}

/// The same in a query string.
fn note_params(r: &mut Random) -> String {
    let mut out = format!("start_time={}", start(r));
    if let Some(tsuid) = tsuid(r) {
        out.push_str(&format!("&tsuid={tsuid}"));
    }
    for key in ["description", "notes"] {
        if r.chance(0.4) {
            out.push_str(&format!("&{key}={key}%20{}", r.range(0, 5)));
        }
    }
    if r.chance(0.2) {
        out.push_str(&format!("&end_time={}", start(r)));
    }
    out
}

/// Notes of which no two are in one cell: the original answers 500 to those when they overtake each other. Only the first
/// may be wrong: those before a wrong one are stored there while the answer is on its way.
fn bulk(r: &mut Random) -> Value {
    let mut seconds = vec![0, 1, 100, 3_599, 3_600];
    let mut notes: Vec<Value> = (0..r.range(0, 4)).map(|_| note(r)).filter(|note| note["tsuid"] != json!("zz")).collect();
    for (place, note) in notes.iter_mut().enumerate() {
        if place > 0 || r.chance(0.8) {
            note["startTime"] = json!(T0 + seconds.swap_remove(r.range(0, seconds.len() as i64 - 1) as usize));
        }
    }
    Value::Array(notes)
}

fn bulk_delete(r: &mut Random) -> Asked {
    let (from, to) = (T0 + r.range(-10, 3_700), T0 + r.range(0, 8_000));
    let ids: Vec<&str> = (0..r.range(0, 2)).map(|_| *r.pick(&SERIES[..3])).collect();
    if r.chance(0.5) {
        let mut path = format!("/api/annotation/bulk?start_time={from}&end_time={to}");
        if !ids.is_empty() {
            path.push_str(&format!("&tsuids={}", ids.join(",")));
        }
        if r.chance(0.5) {
            path.push_str("&global=false");
        }
        return Asked::new("DELETE", path, None);
    }
    let mut body = json!({"startTime": from.to_string(), "endTime": (to * 1000).to_string(), "global": r.chance(0.5)});
    if !ids.is_empty() {
        body["tsuids"] = json!(ids);
    }
    Asked::new("DELETE", "/api/annotation/bulk", Some(body))
}

fn query(r: &mut Random) -> Asked {
    let from = T0 + r.range(-100, 4_000);
    let mut sub = json!({"aggregator": *r.pick(&["sum", "none", "max"]), "metric": METRIC});
    if r.chance(0.4) {
        sub["downsample"] = json!(*r.pick(&["1m-sum", "30m-avg-zero", "1h-count"]));
    }
    match r.range(0, 4) {
        0 => sub["tags"] = json!({"host": "*"}),
        1 => sub["filters"] = json!([{"type": "literal_or", "tagk": "host", "filter": "a|c", "groupBy": r.chance(0.5)}]),
        2 => sub = json!({"aggregator": "sum", "tsuids": [SERIES[0], SERIES[2]]}),
        _ => {}
    }
    let mut body = json!({"start": from, "end": from + r.range(1, 5_000), "queries": [sub]});
    for (key, share) in [("globalAnnotations", 0.6), ("noAnnotations", 0.15), ("showTSUIDs", 0.2), ("msResolution", 0.2)] {
        if r.chance(share) {
            body[key] = json!(true);
        }
    }
    Asked::new("POST", if r.chance(0.2) { "/api/query?arrays" } else { "/api/query" }, Some(body)).in_any_order()
}

fn request(r: &mut Random) -> Asked {
    let one = |r: &mut Random, method: &'static str| {
        if r.chance(0.75) {
            Asked::new(method, "/api/annotation", Some(note(r)))
        } else {
            Asked::new(method, format!("/api/annotation?{}", note_params(r)), None)
        }
    };
    match r.range(0, 19) {
        0..=5 => one(r, "POST"),
        6 => one(r, "PUT"),
        7 | 8 => one(r, "GET"),
        9 => one(r, "DELETE"),
        10 => Asked::new(
            "GET",
            format!("/api/annotation?{}&method_override={}", note_params(r), r.pick(&["post", "put", "Delete", "x"])),
            None,
        ),
        11 => Asked::new(if r.chance(0.7) { "POST" } else { "PUT" }, "/api/annotation/bulk", Some(bulk(r))),
        12 => bulk_delete(r),
        13 | 14 => {
            let from = T0 + r.range(-100, 4_000);
            Asked::new("GET", format!("/api/annotations?start_time={from}&end_time={}", from + r.range(-50, 5_000)), None)
        }
        _ => query(r),
    }
}

#[test]
fn random_annotations_against_the_real_one() {
    let settings = [
        ("tsd.core.auto_create_metrics", "true"),
        ("tsd.storage.flush_interval", "50"),
        ("tsd.http.request.enable_chunked", "true"),
        ("tsd.http.show_stack_trace", "false"),
    ];
    let trio = Trio::start("diffnotes", &settings);
    let mut clients = trio.clients();
    for client in &mut clients {
        client.post("/api/uid/assign", &json!({"metric": [METRIC], "tagk": ["host"]}).to_string()).unwrap();
        for tagv in ["a", "b", "c"] {
            client.post("/api/uid/assign", &json!({"tagv": [tagv]}).to_string()).unwrap();
        }
        let point = |host: &str, at: i64| json!({"metric": METRIC, "timestamp": T0 + at, "value": at, "tags": {"host": host}});
        let points: Vec<Value> = (0..60).map(|i| point("a", i * 90)).chain((0..10).map(|i| point("b", 5 + i * 60))).collect();
        for points in points.chunks(40) {
            let r = client.post("/api/put?sync&details", &json!(points).to_string()).unwrap();
            assert_eq!(r.status, 200, "{}", r.text());
        }
    }
    let count = if long() { 1_000 } else { 250 };
    let mut random = Random::new(20_260);
    let wrong: Vec<String> = (0..count).flat_map(|i| alike(&mut clients, &request(&mut random), i)).collect();
    println!("{count} requests on each engine, {} answers differ", wrong.len());
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}
