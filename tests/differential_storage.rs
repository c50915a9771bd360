//! Random points, written to the real OpenTSDB 2.4.1 and to our binary under random settings of the storage: no cell of any
//! table may differ.
//!
//! Two settings in the short form, 24 in the long one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;
use support::http::Client;
use support::random::Random;
use support::real::{RealTsd, create_tables_for};
use support::scenario::{Telnet, hex};
use support::server::{Engine, PATIENCE, Server, long};
use support::tables::dump;

const T0: i64 = 1_400_000_000;
const TABLES: [&str; 3] = ["tsdb", "tsdb-uid", "tsdb-meta"];

type Settings = Vec<(&'static str, String)>;

fn settings(r: &mut Random) -> Settings {
    let mut all: Settings = vec![("tsd.core.auto_create_metrics", "true".into()), ("tsd.storage.enable_compaction", "false".into())];
    if r.chance(0.5) {
        all.push(("tsd.storage.salt.width", r.pick(&["1", "1", "2"]).to_string()));
        all.push(("tsd.storage.salt.buckets", r.pick(&["2", "7", "20", "255", "256"]).to_string()));
    }
    if r.chance(0.5) {
        for key in ["tsd.storage.uid.width.metric", "tsd.storage.uid.width.tagk", "tsd.storage.uid.width.tagv"] {
            all.push((key, r.range(2, 6).to_string()));
        }
    }
    if r.chance(0.35) {
        all.push(("tsd.storage.enable_appends", "true".into()));
    }
    if r.chance(0.3) {
        all.push(("tsd.core.meta.enable_tsuid_tracking", "true".into()));
    }
    if r.chance(0.2) {
        all.push(("tsd.core.auto_create_tagvs", "false".into()));
    }
    if r.chance(0.2) {
        all.push(("tsd.storage.use_max_value", "false".into()));
    }
    all
}

fn word(r: &mut Random) -> String {
    let letters = ["a", "Z", "é", "0", "-", "_", ".", "/", "host", "dc", "q", "9x"];
    (0..r.range(1, 4)).map(|_| *r.pick(&letters)).collect()
}

fn value(r: &mut Random) -> String {
    match r.range(0, 11) {
        0 => r.range(-3, 3).to_string(),
        1 => r.range(-130, 130).to_string(),
        2 => r.range(-40_000, 40_000).to_string(),
        3 => r.range(-3_000_000_000, 3_000_000_000).to_string(),
        4 => (r.next() as i64).to_string(),
        5 => (r.range(-400, 400) as f64 / 8.0).to_string(),
        6 => format!("{:.2}", r.unit() * 100.0),
        7 => format!("{:e}", r.unit() * 1e30),
        8 => format!("{}.0", r.range(-20, 20)),
        9 => (*r.pick(&["0.0", "-0.0", "1e0", "1E-7", "+5", "+2.5", "3.4028235E38", "1e300", "4.9E-324", ".5", "5.", "007", "-0"]))
            .to_string(),
        10 => (*r.pick(&[
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "x",
            "",
            "NaN",
            "1,5",
            "Infinity",
            "0x1",
            "1f",
        ]))
        .to_string(),
        _ => r.range(0, 60).to_string(),
    }
}

fn stamp(r: &mut Random) -> String {
    let second = T0 + r.range(0, 9_000);
    match r.range(0, 9) {
        0..=5 => second.to_string(),
        6 => (second * 1000 + r.range(0, 999)).to_string(),
        7 => (second * 1000).to_string(),
        8 => format!("{second}.{:03}", r.range(0, 999)),
        _ => (*r.pick(&["1400000000.5", "0", "-1", "1400003600", "1399999999999", "1400003600000", "1", "x"])).to_string(),
    }
}

/// What one client sends, over telnet and HTTP by turns.
enum Sent {
    Lines(String),
    Body(Value),
}

fn sent(r: &mut Random, count: i64) -> Vec<Sent> {
    let metrics: Vec<String> = (0..4).map(|_| word(r)).collect();
    let keys: Vec<String> = (0..9).map(|_| word(r)).collect();
    let values: Vec<String> = (0..6).map(|_| word(r)).collect();
    let mut series = Vec::new();
    for _ in 0..8 {
        let tags: BTreeMap<String, String> = (0..r.range(1, 7)).map(|_| (r.pick(&keys).clone(), r.pick(&values).clone())).collect();
        let mut tags: Vec<(String, String)> = tags.into_iter().collect();
        let by = r.range(0, tags.len() as i64 - 1) as usize;
        tags.rotate_left(by);
        series.push((r.pick(&metrics).clone(), tags));
    }
    let mut out = Vec::new();
    for _ in 0..count {
        if r.chance(0.6) {
            let mut lines = String::new();
            for _ in 0..r.range(1, 12) {
                let (metric, tags) = r.pick(&series);
                let tags: Vec<String> = tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
                let _ = writeln!(lines, "put {metric} {} {} {}", stamp(r), value(r), tags.join(" "));
            }
            out.push(Sent::Lines(lines));
        } else {
            let mut points = Vec::new();
            for _ in 0..r.range(1, 12) {
                let (metric, tags) = r.pick(&series);
                let tags: serde_json::Map<String, Value> = tags.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
                let text = value(r);
                let number = serde_json::from_str(&text).ok().filter(|v: &Value| v.is_number() && r.chance(0.8));
                let stamp = stamp(r).parse::<i64>().unwrap_or(T0);
                points.push(json!({"metric": metric, "timestamp": stamp, "value": number.unwrap_or_else(|| text.into()), "tags": tags}));
            }
            out.push(Sent::Body(points.into()));
        }
    }
    out
}

/// Sends all, one after the other; what was answered.
fn send(addr: &str, all: &[Sent]) -> Vec<String> {
    let (mut telnet, mut http) = (Telnet::open(addr), Client::new(addr));
    let mut answers = Vec::new();
    for one in all {
        match one {
            Sent::Lines(lines) => {
                telnet.send(lines.as_bytes());
                telnet.send(b"end_of_round\n");
                let mut got = String::new();
                // The refusals of points may come after the answer to the last line.
                while !got.contains("end_of_round") {
                    let more = telnet.read(1, Duration::from_millis(100), PATIENCE);
                    assert!(!more.is_empty(), "no answer to {lines}");
                    got.push_str(&String::from_utf8_lossy(&more));
                }
                let mut told: Vec<String> = got.lines().map(str::to_string).collect();
                told.sort();
                answers.push(told.join("\n"));
            }
            Sent::Body(body) => {
                let got = http.post("/api/put?summary&sync", &body.to_string()).unwrap();
                answers.push(format!("{} {}", got.status, got.text()));
            }
        }
    }
    answers
}

type Cells = BTreeSet<(String, String, String)>;

fn cells(engine: &Engine, table: &str) -> Cells {
    let all = dump(engine, std::path::Path::new("."), table).into_iter();
    all.map(|c| (hex(&c.row), format!("{}:{}", c.family, hex(&c.qualifier)), hex(&c.value))).collect()
}

fn fresh(what: &str, settings: &[(&str, &str)]) -> (Engine, String) {
    let engine = Engine::fresh_hbase(what);
    let Engine::Hbase { prefix } = &engine else { unreachable!() };
    let prefix = prefix.clone();
    create_tables_for(&engine, settings);
    (engine, prefix)
}

fn round(seed: u64, wrong: &mut Vec<String>) {
    let mut r = Random::new(seed * 7_919 + 17);
    // Small seeds begin alike.
    for _ in 0..20 {
        let _ = r.next();
    }
    let settings = settings(&mut r);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let all = sent(&mut r, 40);
    let (their_engine, prefix) = fresh("ds-real", &settings);
    let (our_engine, _) = fresh("ds-ours", &settings);
    let theirs = RealTsd::start(&prefix, &settings);
    let single = [settings.as_slice(), &[("tsd.storage.cells", "single")]].concat();
    let mut ours = Server::start(&our_engine, &single);
    let (said, we_said) = (send(&theirs.addr, &all), send(&ours.addr, &all));
    theirs.stop();
    ours.stop();
    for ((a, b), one) in said.iter().zip(&we_said).zip(&all) {
        let what = match one {
            Sent::Lines(lines) => lines.clone(),
            Sent::Body(body) => body.to_string(),
        };
        if a != b {
            wrong.push(format!("seed {seed} {settings:?}: {what}\n  theirs {a:?}\n  ours   {b:?}"));
        }
    }
    let mut count = 0;
    for table in TABLES {
        let (want, got) = (cells(&their_engine, table), cells(&our_engine, table));
        count += want.len();
        wrong.extend(want.difference(&got).take(5).map(|c| format!("seed {seed} {settings:?} {table}: missing {c:?}")));
        wrong.extend(got.difference(&want).take(5).map(|c| format!("seed {seed} {settings:?} {table}: not theirs {c:?}")));
    }
    println!("seed {seed}: {count} cells, {} differences so far, {settings:?}", wrong.len());
}

#[test]
fn tables_are_equal() {
    let mut wrong = Vec::new();
    let rounds = if long() { 24 } else { 2 };
    for seed in 0..rounds {
        round(seed, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
