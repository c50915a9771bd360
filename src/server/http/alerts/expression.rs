//! `/api/alerts/expression`: an expression of the rules' language over stored points, before it is a rule.

use super::rules::{sources, time};
use super::{ApiError, ApiRequest, ApiResponse, answer, body, text};
use crate::query::engine::Cancel;
use crate::query::request::json_number;
use crate::tsd::{self, Tsd};
use crate::worker::asked::each_once;
use crate::worker::house::Tables;
use crate::worker::rule::expression::{Cell, Expression, ExpressionError, TEXT_MOST, Table};
use crate::worker::rule::file;
use crate::worker::trial::{Group, Moments, STEPS, STEPS_MAX, Trial, TrialError, trial};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longest time that an expression is worked at.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Between two looks whether that is over, or nobody waits any more.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Evaluates `expression` at `end`, or at moments from `start` to `end`.
pub fn evaluate(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let members = body(request)?;
    let written = text(&members, "expression");
    if written.trim().is_empty() {
        return Err(ApiError::bad("Missing the expression"));
    }
    if written.len() > TEXT_MOST {
        return Err(ApiError::new(413, format!("an expression has at most {TEXT_MOST} bytes")));
    }
    let clock = tsd::clock(&tsd.settings).map_err(|why| ApiError::new(500, why))?;
    let end = time(&members, "end", &clock)?.unwrap_or(clock.now_ms / 1_000);
    let start = time(&members, "start", &clock)?;
    if start.is_some_and(|start| start >= end) {
        return Err(ApiError::bad("start: must be before end"));
    }
    let steps = match members.get("steps") {
        None | Some(Value::Null) => STEPS,
        Some(steps) => steps
            .as_u64()
            .and_then(|steps| usize::try_from(steps).ok())
            .filter(|steps| (2..=STEPS_MAX).contains(steps))
            .ok_or_else(|| ApiError::bad(format!("steps: must be a whole number from 2 to {STEPS_MAX}")))?,
    };
    let unjoined_ok = members.get("unjoined_ok").and_then(Value::as_bool).unwrap_or(false);
    let set = file::load(&sources(tsd, None)?);
    let expression = Expression::parse(&written, &set).map_err(|error| wrong(&[error]))?;
    let faults = expression.faults();
    if !faults.is_empty() {
        return Err(wrong(&faults));
    }
    let moments = Moments { start, end, steps };
    let queries = each_once(expression.queries());
    let found = within(request, |cancel| trial(&Tables::until(tsd, cancel), &set, &expression, unjoined_ok, moments))?;
    Ok(answer(&json!({
        "expression": expression.text(), "gives": expression.gives().name(), "tags": expression.keys().as_ref().ok(),
        "queries": queries, "start": start, "end": end, "result": shown(&found),
    })))
}

/// Runs something that stops when it is asked to; it is asked after a while, and when nobody waits any more.
fn within(request: &ApiRequest, run: impl FnOnce(Cancel) -> Result<Trial, TrialError>) -> Result<Trial, ApiError> {
    let (cancel, late, began) = (Cancel::default(), AtomicBool::new(false), Instant::now());
    let (done, ended) = channel::<()>();
    let look = || {
        late.store(began.elapsed() > TIME_MAX, Ordering::Relaxed);
        if late.load(Ordering::Relaxed) || request.cancel.load(Ordering::Relaxed) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let found = std::thread::scope(|scope| {
        let look = &look;
        scope.spawn(move || {
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                look()
            }
        });
        let found = run(cancel.clone());
        drop(done);
        found
    });
    found.map_err(|error| match error {
        _ if late.load(Ordering::Relaxed) => ApiError::new(504, format!("The expression takes longer than {} s", TIME_MAX.as_secs())),
        TrialError::Away(why) => ApiError::new(503, why),
        TrialError::Wrong { line, column, message } => wrong(&[ExpressionError { offset: 0, line, column, message }]),
    })
}

/// 400 with the places in `details`, as faults of rules have them.
fn wrong(faults: &[ExpressionError]) -> ApiError {
    let first = faults.first().map(ToString::to_string).unwrap_or_default();
    let places: Vec<Value> =
        faults.iter().map(|fault| json!({"line": fault.line, "column": fault.column, "message": fault.message})).collect();
    ApiError::bad(format!("expression: {first}")).details(Value::Array(places).to_string())
}

fn shown(found: &Trial) -> Value {
    let points = |group: &Group| group.points.iter().map(|(at, value)| json!([at, json_number(*value)])).collect::<Vec<_>>();
    let group =
        |group: &Group| json!({"tags": group.tags, "value": group.value.map(json_number), "text": group.text, "points": points(group)});
    json!({
        "moments": found.moments, "failed": found.failed, "why": found.why, "cut": found.cut,
        "groups": found.groups.iter().map(group).collect::<Vec<_>>(), "table": found.table.as_ref().map(rows),
    })
}

fn rows(table: &Table) -> Value {
    let cell = |cell: &Option<Cell>| match cell {
        None => Value::Null,
        Some(Cell::Text(text)) => json!(text),
        Some(Cell::Number(value)) => json_number(*value),
    };
    json!({"columns": table.columns, "rows": table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>()).collect::<Vec<_>>()})
}
