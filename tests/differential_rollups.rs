//! Random rollups and pre-aggregates, written to the real OpenTSDB 2.4.1 and to our binary on both engines, and random
//! queries over them: no answer and no stored cell may differ.
//!
//! 100 queries and writes in the short form; 1,000 of each over 5 seeds in the long one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Map, Value, json};
use support::http::Client;
use support::kit::{self, Context};
use support::random::Random;
use support::real::{RealTsd, create_tables_for};
use support::scenario::hex;
use support::server::{Engine, Server, long, rollup_config};
use support::tables::dump;

/// Midnight, and the first of a month and year.
const T0: i64 = 1_356_998_400;
const CONFIG: &str = r#"{"aggregationIds":{"sum":0,"count":1,"min":2,"max":3,"avg":4},"intervals":[
    {"table":"tsdb","preAggregationTable":"pre","interval":"1m","rowSpan":"1h","defaultInterval":true},
    {"table":"r10m","preAggregationTable":"r10mp","interval":"10m","rowSpan":"6h"},
    {"table":"r1h","preAggregationTable":"r1hp","interval":"1h","rowSpan":"1d"},
    {"table":"r1d","preAggregationTable":"r1dp","interval":"1d","rowSpan":"1n"},
    {"table":"r7d","preAggregationTable":"r7dp","interval":"7d","rowSpan":"1y"}]}"#;
const TABLES: [&str; 10] = ["tsdb", "pre", "r10m", "r10mp", "r1h", "r1hp", "r1d", "r1dp", "r7d", "r7dp"];
const INTERVALS: [(&str, i64); 4] = [("10m", 600), ("1h", 3600), ("1d", 86_400), ("7d", 604_800)];
const STORED: [&str; 4] = ["sum", "count", "min", "max"];
const HOSTS: [&str; 4] = ["ra", "rb", "rc", "rd"];
const DCS: [&str; 2] = ["d1", "d2"];

fn tags(r: &mut Random) -> Map<String, Value> {
    let mut tags = Map::new();
    tags.insert("host".into(), (*r.pick(&HOSTS)).into());
    if r.chance(0.5) {
        tags.insert("dc".into(), (*r.pick(&DCS)).into());
    }
    tags
}

fn number(r: &mut Random) -> Value {
    match r.range(0, 5) {
        0 => json!(r.range(-300, 300) as f64 / 8.0),
        1 => json!(r.range(-300, 300) as f64 / 7.0),
        2 => json!(r.range(-5_000_000_000, 5_000_000_000)),
        _ => json!(r.range(-1000, 1000)),
    }
}

/// Plain points, and values of every interval and kind, in the order in which they are written. An instant of a series gets
/// one value of each function: two in one call have no order in the store.
fn data(r: &mut Random, seed: u64) -> (Vec<String>, Vec<Value>, Vec<Value>) {
    let (mut metrics, mut points, mut rollups) = (Vec::new(), Vec::new(), Vec::new());
    for m in 0..4 {
        let metric = format!("roll.s{seed}.m{m}");
        let mut seen = std::collections::HashSet::new();
        let mut put = |rollups: &mut Vec<Value>, value: Value| {
            let key = ["timestamp", "tags", "interval", "aggregator", "groupByAggregator"].map(|k| value[k].to_string()).join(" ");
            if seen.insert(key) {
                rollups.push(value);
            }
        };
        for _ in 0..r.range(1, 4) {
            let tags = tags(r);
            for at in 0..r.range(0, 60) {
                let stamp = T0 + 3600 * r.range(0, 2) + at * 60;
                let point = json!({"metric": metric, "timestamp": stamp, "value": number(r), "tags": tags});
                if !points
                    .iter()
                    .any(|p: &Value| p["timestamp"] == point["timestamp"] && p["tags"] == point["tags"] && p["metric"] == point["metric"])
                {
                    points.push(point);
                }
            }
            for (interval, seconds) in INTERVALS {
                if r.chance(0.35) {
                    continue;
                }
                let group_by = r.chance(0.25).then(|| *r.pick(&["sum", "max", "Min"]));
                let few: [&[&str]; 3] = [&["sum"], &["count"], &["min", "max"]];
                let functions: &[&str] = if r.chance(0.8) { &STORED } else { r.pick::<&[&str]>(&few) };
                let whole_counts = r.chance(0.8);
                let first = r.range(-20, 4);
                for step in 0..r.range(1, 40) {
                    if r.chance(0.1) {
                        continue;
                    }
                    let stamp = (T0 / seconds + first + step) * seconds + if r.chance(0.1) { r.range(0, seconds - 1) } else { 0 };
                    let stamp = stamp / seconds * seconds + if stamp % seconds > 0 { seconds / 3 } else { 0 };
                    for function in functions {
                        let value = match *function {
                            "count" if whole_counts => json!(r.range(0, 60)),
                            "count" => json!(r.range(0, 600) as f64 / 8.0),
                            _ => number(r),
                        };
                        let mut one = json!({"metric": metric, "timestamp": stamp, "value": value, "tags": tags, "interval": interval, "aggregator": function});
                        if let Some(by) = group_by {
                            one["groupByAggregator"] = by.into();
                        }
                        put(&mut rollups, one);
                    }
                }
            }
            if r.chance(0.5) {
                let by = *r.pick(&["sum", "count"]);
                for at in 0..r.range(1, 30) {
                    put(
                        &mut rollups,
                        json!({"metric": metric, "timestamp": T0 + at * 77, "value": number(r), "tags": tags, "groupByAggregator": by}),
                    );
                }
            }
        }
        metrics.push(metric);
    }
    (metrics, points, rollups)
}

fn sub_query(r: &mut Random, metrics: &[String]) -> Value {
    let aggregators = ["sum", "avg", "min", "max", "zimsum", "count", "none", "dev", "mimmax", "p90"];
    let mut q = json!({"aggregator": *r.pick(&aggregators), "metric": r.pick(metrics)});
    if r.chance(0.95) {
        let intervals = [
            "1m", "5m", "10m", "10m", "20m", "90m", "1h", "1h", "1h", "2h", "3h", "6h", "1d", "1d", "2d", "7d", "7d", "14d", "25m", "30s",
            "0all", "500ms", "1hc", "1dc", "1wc", "1nc", "100m", "5h",
        ];
        let functions = ["sum", "sum", "count", "min", "max", "avg", "avg", "zimsum", "mimmin", "mimmax", "dev", "median", "first"];
        let interval = *r.pick(&intervals);
        let fill = if interval == "0all" { "" } else { *r.pick(&["", "", "", "-none", "-nan", "-null", "-zero"]) };
        q["downsample"] = format!("{interval}-{}{fill}", r.pick(&functions)).into();
    }
    if r.chance(0.6) {
        let words = ["ROLLUP_RAW", "rollup_fallback", "ROLLUP_FALLBACK", "ROLLUP_FALLBACK_RAW", "rollup_nofallback", "what"];
        q["rollupUsage"] = (*r.pick(&words)).into();
    }
    if r.chance(0.2) {
        q["preAggregate"] = true.into();
    }
    if r.chance(0.25) {
        q["rate"] = true.into();
        if r.chance(0.3) {
            q["rateOptions"] = json!({"counter": true, "counterMax": 65_535, "resetValue": *r.pick(&[0, 50])});
        }
    }
    match r.range(0, 9) {
        0..=2 => q["tags"] = json!({"host": *r.pick(&["*", "*", "ra", "ra|rb", "r*"])}),
        3 => q["tags"] = json!({"dc": *r.pick(&["*", "d1"])}),
        4 => q["tags"] = json!({"_aggregate": *r.pick(&["SUM", "MAX", "RAW", "*", "SUM|MIN"])}),
        5 => {
            let kind = *r.pick(&["literal_or", "iliteral_or", "not_literal_or", "wildcard", "regexp"]);
            q["filters"] = json!([{"type": kind, "tagk": *r.pick(&["host", "dc", "_aggregate"]), "filter": *r.pick(&["ra", "SUM", "r.*", "*"]), "groupBy": r.chance(0.5)}]);
            if kind == "regexp" {
                q["filters"][0]["filter"] = ".*".into();
            }
        }
        _ => {}
    }
    if r.chance(0.08) {
        q["explicitTags"] = true.into();
    }
    q
}

fn query(r: &mut Random, metrics: &[String]) -> (String, Value) {
    let start = T0 + *r.pick(&[0, 0, 0, -3600, 600, 1234, 3600, 7200, 43_200, 86_400, -86_400 * 5, -86_400 * 40]);
    let end = start + *r.pick(&[3599, 3600, 7200, 21_600, 86_400, 86_400 * 3, 86_400 * 20, 86_400 * 100]);
    let subs: Vec<Value> = (0..*r.pick(&[1, 1, 1, 2])).map(|_| sub_query(r, metrics)).collect();
    let stamp = |r: &mut Random, s: i64| if r.chance(0.7) { s } else { s * 1000 + r.range(0, 999) };
    let mut body = json!({"start": stamp(r, start), "end": stamp(r, end), "queries": subs});
    if r.chance(0.2) {
        body["timezone"] = (*r.pick(&["UTC", "America/Los_Angeles", "Asia/Kathmandu"])).into();
        if r.chance(0.5) {
            body["useCalendar"] = true.into();
        }
    }
    for (key, share) in [("showQuery", 0.4), ("msResolution", 0.3), ("showTSUIDs", 0.1)] {
        if r.chance(share) {
            body[key] = true.into();
        }
    }
    (if r.chance(0.25) { "/api/query?arrays" } else { "/api/query" }.to_string(), body)
}

/// A value that something may be wrong with. Those that are right stay in the tables and must be the same there.
fn odd_value(r: &mut Random, metrics: &[String], stamp: i64) -> Value {
    let mut one = json!({"metric": r.pick(metrics), "timestamp": stamp, "value": number(r), "tags": tags(r)});
    for (key, words) in [
        ("interval", &["1h", "1h", "10m", "7d", "2h", "", "1m"][..]),
        ("aggregator", &["sum", "SUM", "count", "avg", "dev", "foo", ""]),
        ("groupByAggregator", &["sum", "MAX", "avg", "foo", ""]),
    ] {
        if r.chance(if key == "groupByAggregator" { 0.4 } else { 0.85 }) {
            one[key] = (*r.pick(words)).into();
        }
    }
    if r.chance(0.1) {
        one["value"] = (*r.pick(&["1.5", "NaN", "x", "1e400", "-0.0", "99999999999999999999", ""])).into();
    }
    if r.chance(0.1) {
        one["timestamp"] = json!(*r.pick(&[0, -5, 1_356_998_400_123i64, 4_294_967_296, 1_356_998_401]));
    }
    if r.chance(0.15) {
        one["tags"]["_aggregate"] = (*r.pick(&["SUM", "max", "RAW"])).into();
    }
    if r.chance(0.05) {
        one["tags"]["bad$"] = "x".into();
    }
    one
}

fn fill(client: &mut Client, metrics: &[String], points: &[Value], rollups: &[Value]) {
    let names = [("tagk", vec!["host", "dc", "_aggregate"]), ("tagv", [&HOSTS[..], &DCS, &["SUM", "MAX", "MIN", "COUNT", "RAW"]].concat())];
    let metrics = ("metric", metrics.iter().map(String::as_str).collect());
    for (kind, names) in names.into_iter().chain([metrics]) {
        for name in names {
            let _ = client.post("/api/uid/assign", &json!({kind: [name]}).to_string());
        }
    }
    for (path, values) in [("/api/put", points), ("/api/rollup", rollups)] {
        for chunk in values.chunks(50) {
            let answer = client.post(&format!("{path}?sync&details"), &serde_json::to_string(chunk).unwrap()).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
}

/// Asks both the same; at most three differences.
fn differences(path: &str, body: &str, real: &mut Client, ours: &mut Client) -> Vec<String> {
    let a = real.post(path, body).unwrap_or_else(|e| panic!("the real one: {e}: {body}"));
    let whole = a.status == 200 || path.contains("rollup");
    let case = json!({
        "compare": if whole { "series-unordered" } else { "status-and-message" },
        "response": {"status": a.status, "content_type": a.header("content-type"), "body": support::json::parse(&a.text()).unwrap_or_default()},
    });
    let mut found = match ours.post(path, body) {
        Ok(b) => kit::compare(&case, &b, &Context::default()),
        Err(e) => vec![e],
    };
    found.truncate(3);
    found
}

struct Rig {
    real: RealTsd,
    real_engine: Engine,
    ours: Vec<(Engine, tempfile::TempDir, Server)>,
}

impl Rig {
    fn start() -> Rig {
        let common = [
            ("tsd.core.auto_create_metrics", "true"),
            ("tsd.storage.fix_duplicates", "true"),
            ("tsd.storage.flush_interval", "50"),
            ("tsd.storage.enable_compaction", "false"),
            ("tsd.storage.cells", "single"),
            ("tsd.http.request.enable_chunked", "true"),
            ("tsd.http.request.max_chunk", "1048576"),
            ("tsd.rollups.enable", "true"),
            ("tsd.rollups.config", CONFIG),
        ];
        let real_engine = Engine::fresh_hbase("rollreal");
        let Engine::Hbase { prefix } = &real_engine else { unreachable!() };
        create_tables_for(&real_engine, &common);
        let config = rollup_config(&real_engine, CONFIG);
        let java: Vec<(&str, &str)> =
            common.iter().filter(|(k, _)| *k != "tsd.storage.cells").map(|(k, v)| (*k, if *v == CONFIG { &config } else { *v })).collect();
        let real = RealTsd::start(prefix, &java);
        let start = |engine: Engine| {
            let dir = tempfile::tempdir().unwrap();
            let server = Server::start_in(dir.path(), &engine, &common, &[]);
            (engine, dir, server)
        };
        Rig { real, ours: vec![start(Engine::Embedded), start(Engine::fresh_hbase("rollours"))], real_engine }
    }
}

#[test]
fn random_rollups_against_the_real_one() {
    let mut rig = Rig::start();
    let (seeds, count) = if long() { (5, 200) } else { (2, 50) };
    let mut wrong = Vec::new();
    for seed in 1..=seeds {
        let (metrics, points, rollups) = data(&mut Random::new(seed), seed);
        let addresses: Vec<String> =
            std::iter::once(&rig.real.addr).chain(rig.ours.iter().map(|(_, _, server)| &server.addr)).cloned().collect();
        addresses.iter().for_each(|addr| fill(&mut Client::new(addr), &metrics, &points, &rollups));
        for i in 0..count {
            let (path, body) = query(&mut Random::new(seed * 1_000_003 + i), &metrics);
            for (engine, _, server) in &rig.ours {
                let found = differences(&path, &body.to_string(), &mut rig.real.client(), &mut server.client());
                if !found.is_empty() {
                    wrong.push(format!("seed {seed} query {i} on {engine:?}: {}\n    POST {path} {body}", found.join("; ")));
                }
            }
            // Instants of their own: other rows than the queries', and never twice.
            let stamp = T0 - 86_400 * 400 + i as i64 * 7 * 86_400;
            let value = odd_value(&mut Random::new(seed * 2_000_003 + i), &metrics, stamp).to_string();
            let first = differences("/api/rollup?details&sync", &value, &mut rig.real.client(), &mut rig.ours[0].2.client());
            let second = rig.ours[1].2.client().post("/api/rollup?details&sync", &value).map(|answer| answer.status);
            if !first.is_empty() || second.is_err() {
                wrong.push(format!("seed {seed} value {i}: {} {second:?}\n    POST /api/rollup?details {value}", first.join("; ")));
            }
        }
    }
    rig.ours.iter_mut().for_each(|(_, _, server)| server.stop());
    let cells = |engine: &Engine, dir: &std::path::Path, table: &str| -> Vec<String> {
        let cells = dump(engine, dir, table);
        cells.into_iter().map(|c| format!("{} {}:{} {}", hex(&c.row), c.family, hex(&c.qualifier), hex(&c.value))).collect()
    };
    let mut compared = 0;
    for table in TABLES {
        let want = cells(&rig.real_engine, std::path::Path::new("."), table);
        compared += want.len();
        for (engine, dir, _) in &rig.ours {
            let got = cells(engine, dir.path(), table);
            let missing: Vec<_> = want.iter().filter(|cell| !got.contains(cell)).take(3).collect();
            let more: Vec<_> = got.iter().filter(|cell| !want.contains(cell)).take(3).collect();
            if got != want {
                wrong.push(format!(
                    "table {table} on {engine:?}: {} cells, the real one has {}; missing {missing:?}, more {more:?}",
                    got.len(),
                    want.len()
                ));
            }
        }
    }
    println!("{} queries and values on each engine, {compared} cells in {} tables; {} differ", seeds * count, TABLES.len(), wrong.len());
    assert!(compared > 500, "hardly anything was stored");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
