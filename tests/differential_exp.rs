//! Random expressions over random data, `/api/query/exp` and `/api/query/gexp`, asked of the real OpenTSDB 2.4.1 and of our
//! binary on both engines: no answer may differ.
//!
//! 120 requests of each kind in the short form, 1,000 of each for each engine in the long one. What is different on purpose
//! (docs/COMPATIBILITY.md) is not asked: calls and assignments within expressions, doubled brackets, an expression without a
//! value within another, series without points in the range, an alias for joined series, time shifts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use support::http::Client;
use support::random::Random;
use support::server::long;
use support::trio::{Trio, differences};

const T0: i64 = 1_356_998_400;
const HOSTS: [&str; 5] = ["kr00", "kr01", "kr02", "kr03", "kr04"];
const CENTRES: [&str; 2] = ["klga", "kphx"];
const IDS: [&str; 9] = ["a", "b", "c", "cpu", "mem", "zz", "q1", "in2", "out"];
const AGGREGATORS: [&str; 10] = ["sum", "avg", "min", "max", "zimsum", "count", "none", "dev", "median", "p90"];

/// Metrics whose series cover three hours without long holes, on one grid or out of step.
fn data(r: &mut Random, seed: u64) -> (Vec<String>, Vec<Value>) {
    let (mut metrics, mut points) = (Vec::new(), Vec::new());
    for m in 0..5 {
        let metric = format!("dexp.s{seed}.m{m}");
        let shift = if r.chance(0.7) { 0 } else { *r.pick(&[1, 30, 59]) };
        for host in HOSTS {
            if r.chance(0.35) {
                continue;
            }
            let mut tags = json!({"khost": host});
            if r.chance(0.75) {
                tags["kdc"] = (*r.pick(&CENTRES)).into();
            }
            let kind = *r.pick(&["int", "float", "mixed", "int"]);
            let holes = *r.pick(&[0.0, 0.0, 0.05, 0.2]);
            let step = *r.pick(&[60, 60, 60, 120, 45]);
            for at in (T0 + shift..T0 + 3 * 3600).step_by(step) {
                // Never two in a row are left out, so that no bucket is empty.
                if r.chance(holes) && at / step as i64 % 2 == 1 {
                    continue;
                }
                let value = match kind {
                    "int" => Value::from(r.range(-50, 50)),
                    "mixed" if r.chance(0.5) => Value::from(r.range(-5, 5)),
                    _ => Value::from((r.unit() * 2000.0).round() / 16.0 - 60.0),
                };
                points.push(json!({"metric": metric, "timestamp": at, "value": value, "tags": tags}));
            }
        }
        metrics.push(metric);
    }
    (metrics, points)
}

fn time(r: &mut Random) -> (i64, i64) {
    let start = T0 + *r.pick(&[0, 0, 0, 60, 90, 1_800, 3_000, 3_600]);
    (start, start + *r.pick(&[300, 601, 1_800, 3_600, 5_000]))
}

const INTERVALS: [&str; 7] = ["1m", "2m", "5m", "7m", "10m", "30s", "1h"];

fn filter(r: &mut Random, id: &str) -> Value {
    let group = r.chance(0.8);
    let one = |tagk: &str, kind: &str, text: &str| json!({"type": kind, "tagk": tagk, "filter": text, "groupBy": group});
    let tags = match r.range(0, 5) {
        0 => vec![one("kdc", "wildcard", "*")],
        1 => vec![one("khost", "wildcard", "*"), one("kdc", "wildcard", "*")],
        2 => vec![one("khost", "literal_or", "kr00|kr02|kr03")],
        3 => vec![one("khost", "regexp", "kr0[1-3]")],
        _ => vec![one("khost", "wildcard", "*")],
    };
    json!({"id": id, "tags": tags, "explicitTags": r.chance(0.1)})
}

/// An expression over these names; each in brackets has an operator in it.
fn expression(r: &mut Random, names: &[&str], depth: u32) -> String {
    if depth == 0 || r.chance(0.2) {
        let literal = *r.pick(&["1", "2", "0.5", "3.25", "100", "0", "-2", "1.5d", "1e3"]);
        return if r.chance(0.8) || literal == "1e3" { r.pick(names).to_string() } else { literal.to_string() };
    }
    let side = |r: &mut Random| expression(r, names, depth - 1);
    let bracket = |text: String| if text.contains(' ') && !text.starts_with('(') { format!("({text})") } else { text };
    match r.range(0, 13) {
        0 => format!("-{}", bracket(side(r))),
        1 => format!("{} {} {}", bracket(side(r)), r.pick(&[">", "<", ">=", "<=", "==", "!=", "lt", "ge"]), bracket(side(r))),
        2 => format!("{} {} {}", bracket(side(r)), r.pick(&["&&", "||", "and", "or"]), bracket(side(r))),
        3 => format!("{} ? {} : {}", bracket(side(r)), bracket(side(r)), bracket(side(r))),
        4 => format!("{} {} {}", bracket(side(r)), r.pick(&["&", "|", "^"]), bracket(side(r))),
        5 => format!("!{}", bracket(side(r))),
        6 => format!("{} ?: {}", bracket(side(r)), bracket(side(r))),
        n => {
            let (left, right) = (side(r), side(r));
            let operator = *r.pick(&["+", "-", "*", "/", "%", "+", "-"]);
            if n < 10 { format!("{left} {operator} {right}") } else { format!("{} {operator} {}", bracket(left), bracket(right)) }
        }
    }
}

fn exp(r: &mut Random, metrics: &[String]) -> Value {
    let (start, end) = time(r);
    let mut time = json!({"start": start.to_string(), "end": end.to_string(), "aggregator": *r.pick(&AGGREGATORS[..8])});
    if r.chance(0.35) {
        time["downsampler"] = json!({"interval": *r.pick(&INTERVALS), "aggregator": *r.pick(&["sum", "avg", "max", "count"])});
    }
    // A rate needs two buckets.
    if r.chance(0.2) && time["downsampler"]["interval"] != "1h" {
        time["rate"] = true.into();
    }
    let nested = r.chance(0.4);
    let count = r.range(1, 3) as usize;
    let first = r.range(0, IDS.len() as i64 - 1) as usize;
    let mut names: Vec<&str> = (0..count).map(|i| IDS[(first + i * 4) % IDS.len()]).collect();
    let variables: Vec<Value> = names
        .iter()
        .map(|id| {
            let mut metric = json!({"id": id, "metric": r.pick(metrics)});
            if r.chance(0.85) {
                metric["filter"] = (*r.pick(&["f1", "f1", "f1", "f2"])).into();
            }
            if r.chance(0.15) {
                metric["aggregator"] = (*r.pick(&AGGREGATORS)).into();
            }
            if r.chance(0.3) {
                metric["fillPolicy"] = match r.range(0, 3) {
                    0 if !nested => json!({"policy": "nan"}),
                    1 => json!({"policy": "scalar", "value": 7.5}),
                    2 => json!({"value": -1}),
                    _ => json!({"policy": "zero"}),
                };
            }
            metric
        })
        .collect();
    let mut body = json!({"time": time, "metrics": variables, "filters": [filter(r, "f1"), filter(r, "f2")]});
    let mut expressions = Vec::new();
    for id in ["e", "g", "h1"].iter().take(if nested { r.range(2, 3) as usize } else { r.range(0, 2) as usize }) {
        let depth = r.range(1, 3) as u32;
        let mut one = json!({"id": id, "expr": expression(r, &names, depth)});
        if r.chance(0.6) {
            let mut join = json!({"operator": *r.pick(&["union", "intersection"])});
            for (key, share) in [("useQueryTags", 0.5), ("includeAggTags", 0.5)] {
                if r.chance(share) {
                    join[key] = r.chance(0.5).into();
                }
            }
            one["join"] = join;
        }
        expressions.push(one);
        if nested {
            names.push(id);
        }
    }
    if !expressions.is_empty() {
        body["expressions"] = expressions.into();
    }
    if r.chance(0.2) {
        body["outputs"] = ["e", "g", names[0], "nosuch"].iter().map(|id| json!({"id": id, "alias": "x"})).collect();
    }
    body
}

fn question(r: &mut Random, metrics: &[String], fills: bool) -> String {
    let mut out = format!("{}:", r.pick(&AGGREGATORS));
    if r.chance(if fills { 1.0 } else { 0.4 }) {
        let fill = if fills { "-zero" } else { *r.pick(&["", "", "-nan", "-zero", "-null"]) };
        out.push_str(&format!("{}-{}{fill}:", r.pick(&INTERVALS[..6]), r.pick(&["sum", "avg", "max"])));
    }
    if r.chance(0.2) {
        out.push_str("rate:");
    }
    out.push_str(r.pick(metrics).as_str());
    out.push_str(r.pick::<&str>(&["", "{khost=*}", "{khost=*}", "{kdc=*}", "{khost=*,kdc=*}", "{khost=kr01}", "{khost=kr00|kr02}"]));
    out
}

/// `joined`: out of several series, which takes no alias.
fn call(r: &mut Random, metrics: &[String], depth: u32, fills: bool) -> (String, bool) {
    let argument = |r: &mut Random| {
        if depth > 0 && r.chance(0.35) { call(r, metrics, depth - 1, fills) } else { (question(r, metrics, fills), false) }
    };
    let (inner, joined) = argument(r);
    match r.range(0, 9) {
        0 | 1 => (format!("scale({inner},{})", r.pick(&["2", "-1", "0.5", "0", "1.25"])), joined),
        2 => (format!("absolute({inner})"), joined),
        3 => (format!("movingAverage({inner},{})", r.pick(&["1", "3", "10", "'2min'", "'90sec'", "'1hr'"])), joined),
        4 => (format!("highestMax({inner},{})", r.pick(&["1", "2", "10"])), joined),
        5 => (format!("highestCurrent({inner},{})", r.pick(&["1", "2", "10"])), joined),
        6 if !joined && depth == 2 => (format!("alias({inner},{})", r.pick(&["x", "@khost.@kdc", "a,@kdc", "n@nosuch"])), joined),
        n => {
            let function = ["sum", "diffSeries", "multiply", "divideSeries"][n as usize % 4];
            let others: Vec<String> = (0..r.range(1, 2)).map(|_| argument(r).0).collect();
            (format!("{function}({inner},{})", others.join(",")), true)
        }
    }
}

fn gexp(r: &mut Random, metrics: &[String]) -> String {
    let (start, end) = time(r);
    // Long enough for a bucket that begins within it.
    let mut path = format!("/api/query/gexp?start={start}&end={}", end.max(start + 1_200));
    let fills = r.chance(0.5);
    for _ in 0..*r.pick(&[1, 1, 1, 2]) {
        path.push_str(&format!("&exp={}", call(r, metrics, 2, fills).0));
    }
    for (flag, share) in [("&ms", 0.2), ("&arrays", 0.2), ("&show_tsuids", 0.1), ("&no_annotations", 0.1)] {
        if r.chance(share) {
            path.push_str(flag);
        }
    }
    if r.chance(0.05) {
        path.push_str(&format!("&m=sum:{}", r.pick(metrics)));
    }
    path.replace('{', "%7B").replace('}', "%7D").replace('|', "%7C")
}

/// What was asked, and how many of the answers held values.
#[derive(Default)]
struct Tally {
    answered: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn compare(&mut self, real: &mut Client, ours: &mut Client, path: &str, body: Option<&Value>, name: &str) {
        let ask = |client: &mut Client| match body {
            Some(body) => client.post(path, &body.to_string()),
            None => client.get(path),
        };
        let a = ask(real).unwrap_or_else(|e| panic!("the real one: {e}: {path} {body:?}"));
        self.answered += usize::from(a.status == 200);
        let mode = match (a.status, body) {
            (200, Some(_)) => "json",
            (200, None) => "series-unordered",
            _ => "status-and-shape",
        };
        let differences = differences(&a, ask(ours), mode);
        if !differences.is_empty() {
            let shown = differences.join("; ");
            self.wrong.push(format!("{name}: {shown}\n    {path} {}", body.map(Value::to_string).unwrap_or_default()));
        }
    }
}

#[test]
fn random_expressions_against_the_real_one() {
    let settings = [
        ("tsd.core.auto_create_metrics", "true"),
        ("tsd.storage.fix_duplicates", "true"),
        ("tsd.storage.flush_interval", "50"),
        ("tsd.http.request.enable_chunked", "true"),
        ("tsd.http.request.max_chunk", "1048576"),
    ];
    let trio = Trio::start("dexp", &settings);
    let (seeds, count) = if long() { (5, 200) } else { (2, 60) };
    let mut tally = Tally::default();
    for seed in 1..=seeds {
        let (metrics, points) = data(&mut Random::new(seed), seed);
        trio.fill(&[("khost", &HOSTS), ("kdc", &CENTRES)], &points);
        for i in 0..count {
            for ours in trio.ours() {
                let body = exp(&mut Random::new(seed * 1_000_003 + i), &metrics);
                tally.compare(
                    &mut trio.real.client(),
                    &mut ours.client(),
                    "/api/query/exp",
                    Some(&body),
                    &format!("exp, seed {seed}, {i}"),
                );
                let path = gexp(&mut Random::new(seed * 1_000_033 + i), &metrics);
                tally.compare(&mut trio.real.client(), &mut ours.client(), &path, None, &format!("gexp, seed {seed}, {i}"));
            }
        }
    }
    let asked = (seeds * count) as usize;
    let Tally { answered, wrong } = tally;
    println!("{asked} requests of each kind on each engine; {answered} of {} with values; {} differ", asked * 4, wrong.len());
    assert!(answered > asked, "most requests fail: this shows little");
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}
