//! What the detectors find anomalous: `/api/anomalies`, and the addresses of the original Skyline's web application
//! (kit worker SPEC a.5): `/static/dump/anomalies.json`, `/app_settings`, `/api?metric=`.

use super::alerts::{answer, events, refused};
use super::api::{ApiError, ApiRequest, ApiResponse};
use crate::clock;
use crate::query::engine::windows::{Next, SeriesWindow, WindowQuery};
use crate::query::filter::FilterSpec;
use crate::query::plan::{Source, SubQuery};
use crate::query::points::as_f64;
use crate::tsd::Tsd;
use crate::worker::anomalies::RULE;
use crate::worker::messages::series_name;
use crate::worker::open::desk_of;
use crate::worker::options::{Options, skyline};
use crate::worker::rates::per_second;
use crate::worker::records::{self, ANOMALY, Anomalies, Anomaly, Event};
use serde_json::{Value, json};

/// Rounds after which a worker's list is out of date: it is gone, and its share has been taken over.
const ROUNDS_MAX: i64 = 3;
/// Seconds that a look may be late beside.
const LATE_S: i64 = 60;
/// Events of one answer.
const EVENTS_MAX: usize = 1_000;
/// Most points of a series.
const POINTS_MAX: usize = 100_000;

/// Answers `GET /api/anomalies` and `GET /api/anomalies/history`.
pub fn anomalies(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    if request.method != "GET" {
        return Err(ApiError::method_not_allowed(&request.method));
    }
    match request.endpoint.split('/').nth(1).unwrap_or_default() {
        "" => now(tsd),
        "history" => {
            let metric = request.param("metric").unwrap_or_default();
            let wanted = |event: &Event| event.rule == RULE && (metric.is_empty() || event.metric == metric);
            let after = request.param("after").filter(|after| !after.is_empty()).map(str::to_owned);
            let (events, more) = events(tsd, &wanted, i64::MIN, after, EVENTS_MAX)?;
            Ok(answer(&json!({"events": events, "more": more})))
        }
        _ => Err(ApiError::nowhere()),
    }
}

/// All that is anomalous, in order of names; and what each worker says of its look.
fn listed(tsd: &Tsd) -> Result<(Vec<Anomalies>, Vec<Anomaly>), ApiError> {
    let now = clock::now_s();
    let lists = records::all::<Anomalies>(&desk_of(tsd), ANOMALY, "").map_err(refused)?;
    let (mut looks, mut series) = (Vec::new(), Vec::new());
    for (id, mut list, _) in lists.into_iter().filter(|(_, list, _)| now - list.at <= ROUNDS_MAX * list.round.max(1) + LATE_S) {
        series.append(&mut list.series);
        // A long list has several parts, of which each repeats the numbers.
        if id.ends_with("/0000") {
            looks.push(list);
        }
    }
    // While a share changes hands two workers may list a series: the newer counts.
    series.sort_by(|a, b| (&a.metric, &a.tags, b.last).cmp(&(&b.metric, &b.tags, a.last)));
    series.dedup_by(|a, b| a.tsuid == b.tsuid);
    Ok((looks, series))
}

fn now(tsd: &Tsd) -> Result<ApiResponse, ApiError> {
    let (looks, series) = listed(tsd)?;
    let windows = skyline(&tsd.settings);
    let sum = |number: fn(&Anomalies) -> u64| looks.iter().map(number).sum::<u64>();
    let shown = series.iter().map(|one| {
        let mut shown = json!(one);
        if let Some(members) = shown.as_object_mut() {
            members.insert("name".into(), json!(series_name(&one.metric, &one.tags)));
        }
        shown
    });
    Ok(answer(&json!({
        "at": looks.iter().map(|look| look.at).max(), "lookedAt": sum(|look| look.looked_at), "skipped": sum(|look| look.skipped),
        "cut": looks.iter().any(|look| look.cut), "miniDuration": windows.mini_duration, "fullDuration": windows.full_duration,
        "anomalies": shown.collect::<Vec<_>>(),
    })))
}

/// `/static/dump/anomalies.json`: a script that calls `handle_data`, with values as Python writes them.
pub fn dump(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    if request.endpoint != "static/dump/anomalies.json" {
        return Ok(ApiResponse { status: 404, ..super::answer::html(super::pages::not_found()) });
    }
    let (_, series) = listed(tsd)?;
    let item = |one: &Anomaly| format!("[{}, '{}']", python(one.value), quoted(&series_name(&one.metric, &one.tags)));
    let items: Vec<String> = series.iter().map(item).collect();
    let body = format!("handle_data([{}])", items.join(", "));
    Ok(ApiResponse { content_type: "application/javascript; charset=UTF-8", ..ApiResponse::json(body) })
}

/// A float as Python's `repr` has it: the shortest digits, `.0` for a whole number, an exponent from 1e16 on.
fn python(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if value != 0.0 && !(1e-4..1e16).contains(&value.abs()) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = value.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('\'', "\\'").replace('<', "\\x3c")
}

/// `/app_settings`.
pub fn app_settings(_: &Tsd, _: &ApiRequest) -> Result<ApiResponse, ApiError> {
    Ok(answer(&json!({"GRAPH_URL": "/#start=1h-ago&m=none:%s", "OCULUS_HOST": "", "FULL_NAMESPACE": ""})))
}

/// `/api?metric=NAME`: the points of one series over the full duration, as Skyline's page asks for them. The name is that
/// of `anomalies.json`.
pub fn series(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let Some(name) = request.param("metric") else { return Err(ApiError::nowhere()) };
    let unknown = || ApiResponse { status: 404, ..answer(&json!({"results": "Error: No metric by that name"})) };
    let (metric, tags) = name.split_once('{').unwrap_or((name, "}"));
    let mut filters = Vec::new();
    for tag in tags.trim_end_matches('}').split(',').filter(|tag| !tag.is_empty()) {
        let Some((key, value)) = tag.split_once('=') else { return Ok(unknown()) };
        let Ok(spec) = FilterSpec::from_value(key, value) else { return Ok(unknown()) };
        filters.push(spec.filter);
    }
    let explicit_tags = !filters.is_empty();
    let sub = SubQuery { explicit_tags, filters, ..SubQuery::plain(Source::Metric(metric.to_owned())) };
    let counts = Options::of(&tsd.settings).detect.counts(metric);
    let end = clock::now_ms();
    let start = end - (skyline(&tsd.settings).full_duration * 1e3) as i64;
    let mut points: Option<Vec<Value>> = None;
    let query = WindowQuery { sub: &sub, range_ms: (start, end), points_max: POINTS_MAX, buckets: None };
    let read = tsd.engine.windows(&query, &request.cancel, |window: &SeriesWindow<'_>| {
        let mut times: Vec<f64> = window.times.iter().map(|ms| (ms / 1_000) as f64).collect();
        let mut values: Vec<f64> = window.values.iter().map(|value| as_f64(*value)).collect();
        if counts {
            let (all_times, all_values) = (std::mem::take(&mut times), std::mem::take(&mut values));
            per_second(&all_times, &all_values, &mut times, &mut values);
        }
        points = Some(times.iter().zip(&values).map(|(time, value)| json!([*time as i64, value])).collect());
        Next::Stop
    });
    match (read, points) {
        (Ok(_), Some(points)) => Ok(answer(&json!({"results": points}))),
        (Err(crate::query::engine::QueryError::Store(error)), _) => Err(super::query::store_error(&error)),
        _ => Ok(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_python_writes_them() {
        for (value, want) in [
            (1000.0, "1000.0"),
            (3.0, "3.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e16, "1e+16"),
            (123456789012345.0, "123456789012345.0"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (1e300, "1e+300"),
            (0.0, "0.0"),
        ] {
            assert_eq!(python(value), want);
        }
        assert_eq!(quoted("a'b\\</script>"), "a\\'b\\\\\\x3c/script>");
    }
}
