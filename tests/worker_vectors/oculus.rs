//! Oculus: shape words, and the scores of its two scorers.

use super::cases::{near, none, number, numbers, read};
use serde_json::{Value, json};
use tsdb::worker::similar::{Method, Scorer, Warper, fingerprint, scaled};

#[test]
fn shapes() {
    let cases = read("oculus", "fingerprint");
    let mut wrong = Vec::new();
    for case in &cases {
        let values = numbers(&case["values"]);
        if json!(scaled(&values).collect::<Vec<_>>()) != case["scaled"] {
            wrong.push(format!("{}: scaled", case["name"]));
        }
        if case["fingerprint"] != fingerprint(&values) {
            wrong.push(format!("{}: {}, not {}", case["name"], fingerprint(&values), case["fingerprint"]));
        }
    }
    none("fingerprints", cases.len(), &wrong);
}

#[test]
fn scores() {
    let cases = read("oculus", "scores");
    let wrong: Vec<String> = cases.iter().flat_map(wrong_in).collect();
    none("scores", cases.len(), &wrong);
}

fn wrong_in(case: &Value) -> Vec<String> {
    let (query, candidate) = (numbers(&case["query"]), numbers(&case["candidate"]));
    let (radius, points) = (case["radius"].as_u64().unwrap() as usize, number(&case["scale_points"]));
    let mut wrong = Vec::new();
    for (name, method) in [("fastdtw", Method::FastDtw), ("euclidian", Method::Euclidian)] {
        let got = Scorer::new(&query, method, radius, points).score(&candidate);
        let want = &case["expected"][name];
        // The original raises where nothing is left of a side; here that is a series without values.
        let raised = want.as_str().is_some_and(|w| w.starts_with("error"));
        let same = if raised { got == tsdb::worker::similar::MISSING } else { near(got, number(want), 1e-9, 1e-9) };
        if !same {
            wrong.push(format!("{}: {name} {got}, not {want}", case["name"]));
        }
    }
    if let Some(path) = case["expected"].get("path").filter(|p| p.is_array()) {
        let scale = |values: &[f64]| -> Vec<f64> {
            let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            values.iter().skip(1).map(|v| points / (high - low) * (v - low)).collect()
        };
        let got = Warper::new(&scale(&query), radius).warp(&scale(&candidate)).map(|w| w.path);
        if json!(got) != *path {
            wrong.push(format!("{}: path {got:?}", case["name"]));
        }
    }
    wrong
}
