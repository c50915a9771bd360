//! open-falcon: judge functions, and the events with their literal JSON.

use super::cases::{none, number, read};
use serde_json::Value;
use std::collections::BTreeMap;
use tsdb::worker::rule::judge::event::{Clock, Definition, Item, Judge, Owner, Status};
use tsdb::worker::rule::judge::{Function, History, Operator, Test};

#[test]
fn functions() {
    let cases = read("falcon", "judge-func");
    let wrong: Vec<String> = cases.iter().filter_map(|case| function(case).err().map(|e| format!("{}: {e}", case["name"]))).collect();
    none("falcon functions", cases.len(), &wrong);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn same(what: &str, got: &impl std::fmt::Debug, want: &impl std::fmt::Debug) -> Result<(), String> {
    let (got, want) = (format!("{got:?}"), format!("{want:?}"));
    if got == want { Ok(()) } else { Err(format!("{what} {got}, not {want}")) }
}

fn function(case: &Value) -> Result<(), String> {
    let parsed = Function::parse(text(&case["func"]));
    let bad = |key: &str| case[key].as_bool().unwrap_or_else(|| !case[key].is_null());
    if bad("parse_error") || bad("panics") {
        return same("refused", &parsed.is_err(), &true);
    }
    let function = parsed.map_err(|e| e.to_string())?;
    let test = Test { function, operator: Operator::of(text(&case["operator"])), right: number(&case["right_value"]) };
    let rate = !text(&case["judge_type"]).starts_with(['G', 'g']);
    let mut history = History::new(case["remain"].as_u64().unwrap() as usize);
    let mut rejected = Vec::new();
    for (i, point) in case["pushed"].as_array().unwrap().iter().enumerate() {
        if !history.push(point[0].as_i64().unwrap(), number(&point[1])) {
            rejected.push(i as u64);
        }
    }
    let want: Vec<u64> = case["rejected_indexes"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    same("rejected", &rejected, &want)?;
    let expected = &case["expected"];
    let verdict = history.judge(&test, rate).map(|(verdict, _)| verdict);
    same("enough", &verdict.is_some(), &expected["enough"].as_bool().unwrap())?;
    same("triggered", &verdict.is_some_and(|v| v.triggered), &expected["triggered"].as_bool().unwrap())?;
    same("left value", &verdict.map_or(0.0, |v| v.left), &number(&expected["left_value"]))?;
    if let Some(window) = expected["window_newest_first"].as_array()
        && function.points() > 0
    {
        let want: Vec<(i64, f64)> = window.iter().map(|p| (p[0].as_i64().unwrap(), number(&p[1]))).collect();
        same("window", &history.window(function.points(), rate), &want)?;
    }
    Ok(())
}

#[test]
fn events() {
    let cases = read("falcon", "judge-events");
    let wrong: Vec<String> = cases.iter().flat_map(life).collect();
    none("falcon events", cases.len(), &wrong);
}

fn tags(value: &Value) -> BTreeMap<String, String> {
    value.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), text(v).to_string())).collect()
}

fn definition(case: &Value) -> Definition {
    let (of, whole) = (&case["strategy"], |v: &Value| v.as_i64().unwrap_or_default());
    let tpl = &of["tpl"];
    // The recording of an expression keeps its definition as a strategy's; its action was always 9.
    let owner = if case["is_expression"] == true {
        Owner::Expression { action: 9 }
    } else {
        Owner::Template {
            id: whole(&tpl["id"]),
            name: text(&tpl["name"]).to_string(),
            parent: whole(&tpl["parentId"]),
            action: whole(&tpl["actionId"]),
            creator: text(&tpl["creator"]).to_string(),
        }
    };
    Definition {
        id: whole(&of["id"]),
        metric: text(&of["metric"]).to_string(),
        tags: tags(&of["tags"]),
        function: text(&of["func"]).to_string(),
        operator: text(&of["operator"]).to_string(),
        right: number(&of["rightValue"]),
        max_step: whole(&of["maxStep"]),
        priority: whole(&of["priority"]),
        note: text(&of["note"]).to_string(),
        owner,
    }
}

fn life(case: &Value) -> Vec<String> {
    let definition = definition(case);
    let test = definition.test().unwrap();
    let mut judge = Judge::default();
    let mut wrong = Vec::new();
    let steps = case["steps"].as_array().unwrap();
    for (i, step) in steps.iter().enumerate() {
        let tags = tags(&step["tags"]);
        let item = Item { endpoint: text(&step["endpoint"]), tags: &tags, timestamp: step["ts"].as_i64().unwrap() };
        let clock = Clock {
            now: step["now"].as_i64().unwrap(),
            min_interval: case["min_interval"].as_i64().unwrap(),
            remain: case["remain"].as_u64().unwrap() as usize,
            rate: false,
        };
        // A strategy is bound to the host of the recording.
        let bound = case["is_expression"] == true || item.endpoint == text(&steps[0]["endpoint"]);
        let event = if bound { judge.point(&definition, &test, &item, number(&step["value"]), clock) } else { None };
        let got: Vec<_> = event.iter().filter_map(|e| Some((definition.queue(), e, definition.json(e, &item)?))).collect();
        let want = step["events"].as_array().unwrap();
        let equal = got.len() == want.len()
            && got.iter().zip(want).all(|((queue, event, json), want)| {
                let status = if event.status == Status::Problem { "PROBLEM" } else { "OK" };
                text(&want["queue"]) == queue
                    && text(&want["id"]) == event.id
                    && text(&want["json"]) == json
                    && text(&want["status"]) == status
                    && want["currentStep"] == event.step
                    && want["eventTime"] == event.time
                    && number(&want["leftValue"]) == event.left
            });
        if !equal {
            wrong.push(format!("{} step {i}: {got:?}, not {want:?}", case["name"]));
        }
    }
    wrong
}
