//! Random data and random queries, asked of the real OpenTSDB 2.4.1 and of our binary: no answer may differ.
//!
//! 300 queries in the short form, 2,000 over 5 seeds for each engine in the long one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use support::http::Client;
use support::random::Random;
use support::server::long;
use support::trio::{Trio, differences};

const T0: i64 = 1_356_998_400;
const AGGREGATORS: [&str; 35] = [
    "sum",
    "min",
    "max",
    "avg",
    "none",
    "median",
    "mult",
    "dev",
    "diff",
    "count",
    "zimsum",
    "mimmin",
    "mimmax",
    "first",
    "last",
    "pfsum",
    "squareSum",
    "p999",
    "p99",
    "p95",
    "p90",
    "p75",
    "p50",
    "ep999r3",
    "ep99r3",
    "ep95r3",
    "ep90r3",
    "ep75r3",
    "ep50r3",
    "ep999r7",
    "ep99r7",
    "ep95r7",
    "ep90r7",
    "ep75r7",
    "ep50r7",
];
const COMMON: [&str; 8] = ["sum", "avg", "min", "max", "zimsum", "count", "none", "dev"];
const ZONES: [&str; 6] = ["UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"];
const TAGS: [(&str, &[&str]); 3] = [
    ("khost", &["kr00", "kr01", "kr02", "kr03", "kr04", "kr05", "kr06", "kr07", "kr08", "kr09"]),
    ("kdc", &["klga", "kphx", "ksjc"]),
    ("kown", &["kann", "kbob", "KAnn"]),
];

/// A few metrics with several series of one kind or of several.
fn data(r: &mut Random, seed: u64) -> (Vec<String>, Vec<Value>) {
    let (mut metrics, mut points) = (Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for m in 0..r.range(3, 5) {
        let metric = format!("diff.s{seed}.m{m}");
        let span = *r.pick(&[600, 3600, 9000, 90_000]);
        for _ in 0..r.range(1, 6) {
            let mut tags = serde_json::Map::new();
            tags.insert("khost".into(), (*r.pick(TAGS[0].1)).into());
            if r.chance(0.7) {
                tags.insert("kdc".into(), (*r.pick(TAGS[1].1)).into());
            }
            if r.chance(0.3) {
                tags.insert("kown".into(), (*r.pick(TAGS[2].1)).into());
            }
            series(r, span, |ms, value, in_ms| {
                if seen.insert(format!("{metric} {tags:?} {ms}")) {
                    let stamp = if in_ms { ms } else { ms / 1000 };
                    points.push(json!({"metric": metric, "timestamp": stamp, "value": value, "tags": tags}));
                }
            });
        }
        metrics.push(metric);
    }
    (metrics, points)
}

fn series(r: &mut Random, span: i64, mut put: impl FnMut(i64, Value, bool)) {
    let kind = *r.pick(&["int", "int", "float", "mixed", "counter", "big"]);
    let in_ms = r.chance(0.25);
    let step = if in_ms { *r.pick(&[250, 900, 1000, 7000]) } else { *r.pick(&[1, 10, 10, 30, 60, 60, 61, 300]) * 1000 };
    let count = r.range(1, 120).min((span * 1000 / step).max(1));
    let mut ms = (T0 + *r.pick(&[0, 0, 1, 13, 59, 600, 3599])) * 1000;
    let mut counter = r.range(-100, 1000);
    for _ in 0..count {
        ms += step * if r.chance(0.93) { 1 } else { r.range(2, 30) };
        if in_ms && r.chance(0.1) {
            ms += step * 2 / 5;
        }
        let value = match kind {
            "int" => Value::from(r.range(-1000, 1000)),
            "big" => Value::from(r.range(1 << 40, 1 << 62) * if r.chance(0.5) { 1 } else { -1 }),
            "float" => Value::from(decimal(r, 100.0)),
            "counter" => {
                counter = if r.chance(0.95) { counter + r.range(0, 500) } else { r.range(0, 50) };
                Value::from(counter)
            }
            _ if r.chance(0.5) => Value::from(r.range(-50, 50)),
            _ => Value::from(decimal(r, 50.0)),
        };
        put(ms, value, in_ms);
    }
}

fn decimal(r: &mut Random, limit: f64) -> f64 {
    let digits = 10f64.powi(r.range(0, 6) as i32);
    ((r.unit() * 2.0 - 1.0) * limit * digits).round() / digits
}

fn filter(r: &mut Random) -> Value {
    let (tagk, pool) = *r.pick(&[TAGS[0], TAGS[0], TAGS[1], TAGS[2]]);
    let kinds = ["literal_or", "iliteral_or", "not_literal_or", "not_iliteral_or", "wildcard", "wildcard", "iwildcard", "regexp"];
    let kind = *r.pick(&kinds);
    let text = if kind.contains("literal") {
        let mut names: Vec<&str> = (0..r.range(1, 3)).map(|_| *r.pick(pool)).collect();
        names.sort_unstable();
        names.dedup();
        let text = names.join("|");
        if kind.contains("iliteral") && r.chance(0.5) { text.to_uppercase() } else { text }
    } else if kind.contains("wild") {
        r.pick(&["*", "*", "k*", "*0*", "*a", "kr0*5", "K*"]).to_string()
    } else {
        r.pick(&[".*", "kr0[0-4]", "k.*a", "(?i)KANN", "kr\\d+", "[^k].*"]).to_string()
    };
    json!({"type": kind, "tagk": tagk, "filter": text, "groupBy": r.chance(0.5)})
}

/// A downsampler and whether its buckets are days or longer.
fn downsample(r: &mut Random) -> (String, bool) {
    let mut interval = *r.pick(&["1s", "7s", "10s", "30s", "1m", "1m", "5m", "90s", "1h", "2h", "1d", "500ms", "0all"]);
    let function = loop {
        let f = if r.chance(0.6) { *r.pick(&COMMON) } else { *r.pick(&AGGREGATORS) };
        if f != "none" {
            break f;
        }
    };
    let mut fill = *r.pick(&["", "", "", "-none", "-nan", "-null", "-zero"]);
    if interval == "0all" {
        fill = "";
    } else if r.chance(0.12) {
        interval = *r.pick::<&str>(&["1hc", "6hc", "1dc", "30mc", "1wc", "1nc"]);
    }
    (format!("{interval}-{function}{fill}"), matches!(interval, "1dc" | "1wc" | "1nc" | "1d"))
}

fn sub_query(r: &mut Random, metrics: &[String], end: &mut i64, start: i64) -> Value {
    let aggregator = if r.chance(0.6) { *r.pick(&COMMON) } else { *r.pick(&AGGREGATORS) };
    let mut q = json!({"aggregator": aggregator, "metric": r.pick(metrics)});
    if r.chance(0.6) {
        let (ds, days) = downsample(r);
        q["downsample"] = ds.into();
        if days {
            *end = start + *r.pick(&[7200, 90_000]);
        }
    }
    if r.chance(0.3) {
        q["rate"] = true.into();
        let x = r.unit();
        if x < 0.25 {
            q["rateOptions"] = json!({"counter": true});
        } else if x < 0.4 {
            q["rateOptions"] =
                json!({"counter": true, "counterMax": *r.pick(&[65_535i64, 4_294_967_295]), "resetValue": *r.pick(&[0, 1, 50, 1000])});
        } else if x < 0.5 {
            q["rateOptions"] = json!({"counter": true, "dropResets": true});
        }
    }
    let filters = *r.pick(&[0, 0, 0, 1, 1, 1, 2]);
    if filters > 0 {
        q["filters"] = (0..filters).map(|_| filter(r)).collect();
    } else if r.chance(0.4) {
        q["tags"] = json!({*r.pick(&["khost", "kdc"]): *r.pick(&["*", "*", "k*"])});
    }
    if r.chance(0.08) {
        q["explicitTags"] = true.into();
    }
    q
}

fn query(r: &mut Random, metrics: &[String]) -> (String, Value) {
    let start = T0 + *r.pick(&[0, 0, 0, -100, 1, 17, 60, 90, 333, 600, 3600]);
    let mut end = start + *r.pick(&[60, 601, 3600, 3600, 7200, 10_000]);
    let subs: Vec<Value> = (0..*r.pick(&[1, 1, 1, 2])).map(|_| sub_query(r, metrics, &mut end, start)).collect();
    let stamp = |r: &mut Random, s: i64| if r.chance(0.7) { s } else { s * 1000 + r.range(0, 999) };
    let mut body = json!({"start": stamp(r, start), "end": stamp(r, end), "queries": subs});
    if r.chance(0.5) {
        body["msResolution"] = true.into();
    }
    if r.chance(0.2) {
        body["timezone"] = (*r.pick(&ZONES)).into();
        if r.chance(0.5) {
            body["useCalendar"] = true.into();
        }
    }
    for (key, share) in [("showQuery", 0.1), ("padding", 0.1)] {
        if r.chance(share) {
            body[key] = true.into();
        }
    }
    (if r.chance(0.25) { "/api/query?arrays" } else { "/api/query" }.to_string(), body)
}

/// Asks both the same; the differences, at most three a query, each with what repeats it.
fn compare(seed: u64, count: u64, real: &mut Client, ours: &mut Client, metrics: &[String], out: &mut Vec<String>) {
    for i in 0..count {
        let (path, body) = query(&mut Random::new(seed * 1_000_003 + i), metrics);
        let a = real.post(&path, &body.to_string()).unwrap_or_else(|e| panic!("the real one: {e}: {body}"));
        let mode = if a.status == 200 { "series-unordered" } else { "status-and-message" };
        let differences = differences(&a, ours.post(&path, &body.to_string()), mode);
        if !differences.is_empty() {
            out.push(format!("seed {seed} query {i}: {}\n    POST {path} {body}", differences.join("; ")));
        }
    }
}

#[test]
fn random_queries_against_the_real_one() {
    let settings = [
        ("tsd.core.auto_create_metrics", "true"),
        ("tsd.storage.fix_duplicates", "true"),
        ("tsd.storage.flush_interval", "50"),
        ("tsd.http.request.enable_chunked", "true"),
        ("tsd.http.request.max_chunk", "1048576"),
    ];
    let trio = Trio::start("diff", &settings);
    let (seeds, count) = if long() { (5, 400) } else { (2, 75) };
    let mut wrong = Vec::new();
    for seed in 1..=seeds {
        let (metrics, points) = data(&mut Random::new(seed), seed);
        trio.fill(&TAGS, &points);
        for ours in trio.ours() {
            compare(seed, count, &mut trio.real.client(), &mut ours.client(), &metrics, &mut wrong);
        }
    }
    println!("{} queries on each engine, {} differ", seeds * count, wrong.len());
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}
