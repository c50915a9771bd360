//! Skyline: verdicts of the nine algorithms, consensus, the numbers behind them; the second order.

use super::cases::{near, none, number, numbers, read};
use serde_json::{Value, json};
use tsdb::worker::detect::{Catalogue, Detector, Finding, NULL, Scratch, Settings, Sight, Trigger, Verdict, Window, second_order};

#[test]
fn verdicts_and_numbers() {
    let cases = read("skyline", "vectors-");
    let mut scratch = Scratch::default();
    let wrong: Vec<String> = cases.iter().flat_map(|case| wrong_in(case, &mut scratch)).collect();
    none("skyline", cases.len(), &wrong);
}

fn wrong_in(case: &Value, scratch: &mut Scratch) -> Vec<String> {
    let (times, values) = points(case);
    let window = Window { times: &times, values: &values };
    let now = case["now"].as_f64().unwrap();
    let fragile = |name: &str| case["fragile"].as_array().is_some_and(|f| f.iter().any(|f| f == name));
    let full_duration = settings(case).full_duration;
    let mut wrong = Vec::new();
    for (name, want) in case["expected"].as_object().unwrap() {
        let mut sight = Sight::new(window, now, full_duration, scratch);
        if name == "tail_avg" {
            let got = sight.tail().map_or_else(|_| Value::from("error"), text_of);
            // The original hands a single null on, and fails a step later.
            let same = if want.is_number() { near(number(&got), number(want), 1e-15, 0.0) } else { got == *want || want.is_null() };
            if !same {
                wrong.push(format!("tail {got}, not {want}"));
            }
            continue;
        }
        let finding = alone(name, &mut sight);
        if json_of(&finding) != *want && !fragile(name) {
            wrong.push(format!("{name}: {:?}, not {want}", finding.verdict));
        }
        if !fragile(name)
            && let Some(all) = case["intermediates"].as_object()
        {
            wrong.extend(wrong_numbers(name, &finding, all));
        }
    }
    wrong.extend(wrong_consensus(case, window, now, &fragile, scratch));
    wrong.iter().map(|w| format!("{}: {w}", case["name"])).collect()
}

fn points(case: &Value) -> (Vec<f64>, Vec<f64>) {
    if let Some(series) = case["series"].as_array() {
        return series.iter().map(|p| (number(&p[0]), number(&p[1]))).unzip();
    }
    let values = case["values"].as_array().into_iter().flatten().enumerate().filter(|(_, v)| !v.is_null());
    values.map(|(i, v)| (number(&case["t0"]) + i as f64 * number(&case["step"]), number(v))).unzip()
}

/// Those that differ from the defaults, over the defaults.
fn settings(case: &Value) -> Settings {
    serde_json::from_value(case.get("settings").cloned().unwrap_or_else(|| json!({}))).unwrap()
}

/// One algorithm, found by its name, on its own.
fn alone(name: &str, sight: &mut Sight<'_>) -> Finding {
    Catalogue::default().get(name).unwrap_or_else(|| panic!("no algorithm {name}"))(sight)
}

fn json_of(finding: &Finding) -> Value {
    match finding.verdict {
        Verdict::Failed(_) => json!("error"),
        verdict => verdict.as_bool().map_or(Value::Null, Value::from),
    }
}

/// Numbers of a finding beside the recorded ones: ours, theirs.
fn pairs(name: &str) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match name {
        "first_hour_average" => ("first_hour", &[("points", "count"), ("mean", "mean"), ("std", "std")]),
        "stddev_from_average" => ("", &[("mean", "mean"), ("std", "std")]),
        "stddev_from_moving_average" => ("", &[("mean", "ewma50"), ("std", "ewmstd50")]),
        "mean_subtraction_cumulation" => ("msc", &[("value", "value"), ("std", "std")]),
        "least_squares" => ("least_squares", &[("residual", "t"), ("std", "std"), ("slope", "slope")]),
        "grubbs" => ("grubbs", &[("score", "z"), ("limit", "score")]),
        "histogram_bins" => ("histogram", &[("min", "min"), ("max", "max"), ("bin", "tail_bin")]),
        "median_absolute_deviation" => ("mad", &[("median", "median"), ("median_deviation", "median_deviation"), ("score", "statistic")]),
        _ => (
            "ks",
            &[
                ("reference", "reference"),
                ("probe", "probe"),
                ("d", "d"),
                ("p", "p"),
                ("adf", "adf"),
                ("adf_p", "adf_p"),
                ("adf_lag", "adf_lag"),
            ],
        ),
    }
}

fn wrong_numbers(name: &str, finding: &Finding, all: &serde_json::Map<String, Value>) -> Vec<String> {
    let (group, pairs) = pairs(name);
    let recorded = if group.is_empty() { Some(all) } else { all.get(group).and_then(Value::as_object) };
    let Some(recorded) = recorded else { return Vec::new() };
    let get = |name: &str| recorded.get(name).filter(|v| !v.is_null()).map(number);
    let std = get("std").unwrap_or_default();
    // The original's matrix of raw timestamps loses nine digits: residuals of less than a millionth of the values are noise.
    if name == "least_squares" && std < 1e-6 * all.get("mean").map_or(0.0, number).abs() {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for (ours, theirs) in pairs {
        let tolerance = if name == "least_squares" || ours.starts_with("adf") { 1e-6 } else { 1e-9 };
        // A residual is the small difference of large numbers: its error is measured by the spread.
        let scale = match (name, *ours) {
            ("least_squares", "slope") => std / 86_400.0,
            ("least_squares", _) => std,
            _ => 0.0,
        };
        let (got, want) = (finding.numbers.get(ours), get(theirs));
        match (got, want) {
            (Some(got), Some(want)) if !near(got, want, tolerance, scale) => wrong.push(format!("{name}.{theirs}: {got}, not {want}")),
            (None, Some(want)) => wrong.push(format!("{name}.{theirs}: nothing, not {want}")),
            _ => {}
        }
    }
    if let (Some(bin), Some(got)) = (finding.numbers.get("bin"), finding.numbers.get("count")) {
        let want = numbers(&recorded["counts"])[bin as usize];
        if got != want {
            wrong.push(format!("{name}: {got} in bin {bin}, not {want}"));
        }
    }
    wrong
}

/// A number as the recordings write it.
fn text_of(value: f64) -> Value {
    match value {
        v if v.to_bits() == NULL.to_bits() => Value::Null,
        v if v.is_nan() => json!("NaN"),
        v if v.is_infinite() => json!(if v > 0.0 { "Infinity" } else { "-Infinity" }),
        v => json!(v),
    }
}

fn wrong_consensus(case: &Value, window: Window<'_>, now: f64, fragile: &dyn Fn(&str) -> bool, scratch: &mut Scratch) -> Option<String> {
    let detector = Detector::new(settings(case), &Catalogue::default()).unwrap();
    // The verdicts of fragile algorithms may differ, and the count with them.
    if detector.settings().algorithms.iter().any(|a| fragile(a)) && case["consensus"].get("exception").is_none() {
        return None;
    }
    let got = match detector.judge(window, now, scratch) {
        Err(skip) => json!({ "exception": format!("{skip:?}") }),
        Ok(judged) => {
            let ensemble: Vec<Value> = judged.votes().map(|(_, finding)| json_of(finding)).collect();
            let count = |what: bool| ensemble.iter().filter(|v| v.as_bool() == Some(what)).count();
            let (yes, no) = (count(true), count(false));
            let datapoint = text_of(judged.datapoint);
            json!({"anomalous": judged.anomalous, "ensemble": ensemble, "datapoint": datapoint, "true_count": yes, "false_count": no})
        }
    };
    (got != case["consensus"]).then(|| format!("consensus {got}, not {}", case["consensus"]))
}

#[test]
fn second_order_of_triggers() {
    let cases = read("skyline", "second_order");
    let history = |v: &Value| -> Vec<Trigger> {
        v.as_array().into_iter().flatten().map(|t| Trigger { at: number(&t[0]), datapoint: number(&t[1]) }).collect()
    };
    let mut wrong = Vec::new();
    for case in &cases {
        let mut triggers = history(&case["history"]);
        let got = second_order(&mut triggers, number(&case["now"]), number(&case["datapoint"]));
        // As text: NaN is not equal to itself.
        let after = format!("{triggers:?}");
        if case["expected"] != got || after != format!("{:?}", history(&case["history_after"])) {
            wrong.push(format!("{}: {got}, {triggers:?}", case["name"]));
        }
    }
    none("second order", cases.len(), &wrong);
}
