//! `/api/query`: from the request to the plan, through the engine, to the answer. Errors of queries become answers here.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::{exp, last, reply};
use crate::codec::Note;
use crate::desk::DeskError;
use crate::query::answer::{self, Extras};
use crate::query::engine::QueryError;
use crate::query::ledger::{Entry, Outcome, Running};
use crate::query::plan::{Group, Query};
use crate::query::request::{Context, Output, Request, RequestError, compile, post, show, uri};
use crate::store::StoreError;
use crate::tsd::{self, Tsd};
use crate::uid::{UidError, UidKind};
use std::time::{Duration, Instant};

/// Answers it. Below `query`, only paths that mean another question are not answered here (`options/other-sub`).
pub fn query(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let started = Instant::now();
    let answered = answer(tsd, request, started).map_err(|e| stopped(request, e));
    let stats = &tsd.stats.query;
    match &answered {
        Ok(_) => stats.success.inc(),
        Err(e) if e.status == STOPPED || request.cancel.was_stopped_by_hand() => stats.cancelled.inc(),
        Err(e) if e.status < 500 => stats.invalid.inc(),
        Err(_) => stats.exceptions.inc(),
    }
    stats.latency.record(started.elapsed());
    answered
}

/// How long a delete waits until the points that wait in memory are stored.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// The status of a query whose client went away; nobody reads it.
const STOPPED: u16 = 499;

fn answer(tsd: &Tsd, request: &ApiRequest, started: Instant) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST", "DELETE"])?;
    let may_delete = tsd.settings.http_query_allow_delete;
    if request.method == "DELETE" && !may_delete {
        return Err(ApiError::bad("Bad request").details("Deleting data is not enabled (tsd.http.query.allow_delete=false)"));
    }
    let other = ["exp", "gexp", "last"].contains(&reply::below(request));
    let _running = other.then(|| entered(tsd, request)).transpose()?;
    match reply::below(request) {
        "exp" => return exp::exp(tsd, request),
        "gexp" => return exp::gexp(tsd, request, started),
        "last" => return last::last(tsd, request),
        _ => {}
    }
    let mut parsed = if request.method == "POST" { post::parse(&request.body) } else { uri::parse(&request.params) }.map_err(refused)?;
    parsed.flags.arrays = request.has_param("arrays");
    let meant = reply::method(request)?;
    parsed.flags.delete = may_delete && (meant == "DELETE" || parsed.flags.delete);
    run(tsd, request, parsed, started)
}

fn run(tsd: &Tsd, request: &ApiRequest, parsed: Request, started: Instant) -> Result<ApiResponse, ApiError> {
    let (start, end, timezone) = (parsed.start.clone(), parsed.end.clone(), parsed.timezone.clone());
    let (mut plan, output) = compile(parsed, &context(tsd)?).map_err(refused)?;
    plan.unlimited.bytes &= tsd.settings.query_limits_bytes_allow_override;
    plan.unlimited.points &= tsd.settings.query_limits_data_points_allow_override;
    let shown = show::query_json(start.as_deref(), end.as_deref(), timezone.as_deref(), &output);
    let (host, remote) = who(request);
    let running = tsd.queries.begin(Entry::new(host, remote, shown, &request.headers, &request.cancel)).map_err(ApiError::bad)?;
    let answered = read(tsd, request, &plan, &output, started).map_err(|e| stopped(request, e));
    running.done(match &answered {
        Ok((_, stats)) => Outcome { status: 200, exception: None, stats: stats.clone() },
        Err(e) => Outcome { status: e.status, exception: Some(e.message.clone()), stats: serde_json::json!({}) },
    });
    Ok(ApiResponse::json(answered?.0))
}

/// The address of the client, and the same with its port as it is shown.
fn who(request: &ApiRequest) -> (String, String) {
    request.peer.map_or_else(Default::default, |peer| (peer.ip().to_string(), format!("/{peer}")))
}

/// Enters a question that `/api/stats/query` does not tell of, so that it can be seen and stopped on the pages.
pub(super) fn entered<'a>(tsd: &'a Tsd, request: &ApiRequest) -> Result<Running<'a>, ApiError> {
    let body = (!request.body.is_empty()).then(|| serde_json::from_slice(&request.body).ok()).flatten();
    let asked = body.unwrap_or_else(|| serde_json::Value::from(request.target.as_str()));
    let (host, remote) = who(request);
    tsd.queries.begin(Entry::new(host, remote, asked, &request.headers, &request.cancel).unlisted()).map_err(ApiError::bad)
}

/// The answer to a client that still waits for a query which somebody stopped. Not one that it would repeat by itself.
fn stopped(request: &ApiRequest, e: ApiError) -> ApiError {
    if e.status == STOPPED && request.cancel.was_stopped_by_hand() {
        return ApiError::new(409, "The query was stopped").details("Somebody stopped it on the status page of this TSD");
    }
    e
}

/// The answer, and what was measured.
fn read(
    tsd: &Tsd,
    request: &ApiRequest,
    plan: &Query,
    output: &Output,
    started: Instant,
) -> Result<(Vec<u8>, serde_json::Value), ApiError> {
    if output.flags.delete {
        // Rule 7: what waits here is stored first, so that it is deleted with the rest.
        tsd.writer.settle(SETTLE_MAX).map_err(|e| ApiError::new(503, "Nothing was deleted").details(e.to_string()))?;
    }
    let parse_ms = started.elapsed().as_secs_f64() * 1e3;
    let running = Instant::now();
    let (mut groups, used) = tsd.engine.run_counted(plan, &request.cancel).map_err(error)?;
    write_nan(tsd, &mut groups);
    if output.flags.delete {
        let deleted = tsd.engine.delete(plan, &request.cancel, &|work| tsd.writer.at_rest(work)).map_err(error)?;
        tracing::info!(peer = ?request.peer, "{deleted} points deleted by a query");
    }
    let engine_ms = running.elapsed().as_secs_f64() * 1e3;
    let (tagk_uids, globals) = (tagk_uids(tsd, output)?, globals(tsd, output)?);
    let extras = Extras { tagk_uids, engine_ms, parse_ms, used, globals, ..Extras::default() };
    let (body, mut stats) = answer::write_measured(&groups, output, &extras);
    if let Some(stats) = stats.as_object_mut() {
        stats.insert("totalTime".to_string(), (started.elapsed().as_secs_f64() * 1e3).into());
    }
    Ok((body, stats))
}

/// The global annotations of the range, if they are asked for.
pub(super) fn globals(tsd: &Tsd, output: &Output) -> Result<Vec<Note>, ApiError> {
    let (start, end) = (output.start_ms / 1000, output.end_ms / 1000);
    if output.flags.no_annotations || !output.flags.global_annotations || end < 1 {
        return Ok(Vec::new());
    }
    let mut notes = tsd.annotations.globals(start, end).map_err(super::annotation::error)?;
    notes.sort_by_key(|note| note.start);
    Ok(notes)
}

/// `tsd.http.query.nan`: Grafana and Bosun read numbers and `null`, and fail on the text "NaN".
pub(super) fn write_nan(tsd: &Tsd, groups: &mut [Group]) {
    if tsd.settings.http_query_nan == "null" {
        groups.iter_mut().for_each(|group| group.nan_is_null = true);
    }
}

/// What texts of requests are read against, now.
pub fn context(tsd: &Tsd) -> Result<Context, ApiError> {
    let clock = tsd::clock(&tsd.settings).map_err(|why| ApiError::new(500, why))?;
    Ok(Context { clock, metric_width: tsd::layout(&tsd.settings).metric_width })
}

/// The UIDs of the filters' tag keys, which `showQuery` prints. The engine has just read them: they are in the cache.
pub(super) fn tagk_uids(tsd: &Tsd, output: &Output) -> Result<Vec<Vec<Vec<u8>>>, ApiError> {
    if !output.flags.show_query {
        return Ok(Vec::new());
    }
    let mut all = Vec::with_capacity(output.subs.len());
    for sub in &output.subs {
        let mut uids = Vec::new();
        for filter in &sub.filters {
            let uid = tsd.uids.id(UidKind::Tagk, &filter.filter.tagk).map_err(|e| error(QueryError::Uid(e)))?;
            uids.push(uid.as_bytes().to_vec());
        }
        uids.sort();
        uids.dedup();
        all.push(uids);
    }
    Ok(all)
}

/// A request that makes no sense, as an answer.
pub fn refused(e: RequestError) -> ApiError {
    ApiError { details: e.details, ..ApiError::bad(e.message) }
}

/// A query's error as an answer. Unknown names are 400 and repeat their message as details (`error/get-unknown-metric`).
pub fn error(e: QueryError) -> ApiError {
    let message = e.to_string();
    match e {
        QueryError::Bad { message, details } => ApiError { details, ..ApiError::bad(message) },
        QueryError::Limit { message, status } => ApiError::new(status, message),
        QueryError::Cancelled => ApiError::new(STOPPED, message),
        QueryError::Uid(UidError::Store(e)) | QueryError::Store(e) => store_error(&e),
        QueryError::Uid(_) | QueryError::Data(_) => ApiError::bad(message.clone()).details(message),
    }
}

/// What the desk did not do, as an answer. Without its table it alone is away: nothing else of this TSD is affected.
pub fn desk_error(e: DeskError) -> ApiError {
    match e {
        DeskError::Store(e) => store_error(&e),
        DeskError::Invalid(why) => ApiError::bad(why),
        DeskError::NoTable { .. } => ApiError::new(503, e.to_string()),
    }
}

/// A store's error as an answer: 503 if it may be there again soon.
pub fn store_error(e: &StoreError) -> ApiError {
    let status = match e {
        StoreError::Unavailable(_) => 503,
        StoreError::MaybeApplied { .. } => 504,
        _ => 500,
    };
    ApiError::new(status, e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors() {
        let unknown = UidError::NoSuchName { kind: "metrics", name: "kit.nosuch".into() };
        let text = "No such name for 'metrics': 'kit.nosuch'";
        assert_eq!(error(QueryError::Uid(unknown)), ApiError::bad(text).details(text));
        let limit = QueryError::Limit { message: "tsd.query.timeout=5".into(), status: 504 };
        assert_eq!(error(limit), ApiError::new(504, "tsd.query.timeout=5"));
        assert_eq!(error(QueryError::Cancelled).status, STOPPED);
    }
}
