//! `/api/similar`: series of the shape of one, or of a drawing, over a window of time; and saved collections of series.
//! Documented in docs/API.md.
//!
//! All series of all metrics that have points in the window are read once, series by series, into an index that later
//! searches of the window share, see `window.rs`; windows of the present are read anew by rounds, see `refresh.rs`. Nothing
//! of it is written.

mod collections;
mod refresh;
mod window;

pub use refresh::Refresh;

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::{context, error, refused};
use super::reply;
use crate::codec::from_hex;
use crate::query::request::date;
use crate::stats::Sample;
use crate::tsd::Tsd;
use crate::worker::similar::{Hit, Method, Results, Search, drawn, fingerprint};
use serde_json::{Map, Value, json};
use window::{Described, Held, Pace, Span, Windows};

/// Hits of a page when nobody says how many, and at most.
const SIZE: (usize, usize) = (20, 200);
/// Largest slop; no shape is longer.
const SLOP_MAX: usize = 100_000;
/// Largest radius of FastDTW: the time of a search grows with it.
const RADIUS_MAX: usize = 100;
/// Most parts of names to leave out.
const FILTERS_MAX: usize = 100;
/// Threads of a search.
const THREADS: usize = 2;

/// Answers all of it.
pub fn similar(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let mut below = request.endpoint.split('/').skip(1).filter(|part| !part.is_empty());
    match (below.next(), below.next(), below.next()) {
        (None, ..) => search(tsd, request),
        (Some("collections"), id, None) => collections::collections(tsd, request, id),
        _ => Err(ApiError::new(404, "There is no such endpoint")),
    }
}

fn search(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET"])?;
    let span = span(tsd, request)?;
    let search = asked(request)?;
    let mut asked_for = query(tsd, request, &span)?;
    let saved = collections::index(tsd)?;
    let indexed = tsd.kept.of::<Windows>().get(tsd, &span, &request.cancel)?;
    // The series as the index has it, which may be that of the last round. One that began since then is looked for as it is.
    if indexed.span != span
        && let Ok(same_time) = query(tsd, request, &indexed.span)
    {
        asked_for = same_time;
    }
    let span = indexed.span;
    let (query, values) = asked_for;
    let begun = std::time::Instant::now();
    let found = indexed.index.search(&values, &search);
    let from_saved = saved.search(&values, &Search { page: 1, ..search.clone() });
    let took = begun.elapsed().as_millis() as u64;
    let out = json!({
        "start": span.start_ms / 1000,
        "end": span.end_ms / 1000,
        "query": query,
        "method": search.method,
        "slop": search.slop,
        "radius": search.radius,
        "page": search.page,
        "total": found.total,
        "hits": hits(tsd, &found),
        "collections": {"total": from_saved.total, "hits": from_saved.hits.iter().map(saved_hit).collect::<Vec<_>>()},
        "index": {
            "series": indexed.index.len(), "limited": indexed.limited, "bytes": indexed.index.bytes(),
            "built": indexed.built_ms / 1000, "build_ms": indexed.took_ms, "search_ms": took,
        },
    });
    Ok(ApiResponse::json(out.to_string()))
}

/// The numbers of `/api/stats`.
pub fn samples(tsd: &Tsd, all: &mut Vec<Sample>) {
    let windows = tsd.kept.of::<Windows>();
    let (Held { windows: kept, series, bytes, age_s }, counts) = (windows.held(), &windows.counts);
    all.push(Sample::gauge("tsd.similar.windows", None, kept as u64));
    all.push(Sample::gauge("tsd.similar.series", None, series as u64));
    all.push(Sample::gauge("tsd.similar.bytes", None, bytes as u64));
    all.push(Sample::gauge("tsd.similar.age_s", None, age_s));
    all.push(Sample::counter("tsd.similar.searches", Some(("type", "all")), counts.searches.get()));
    all.push(Sample::counter("tsd.similar.searches", Some(("type", "older")), counts.older.get()));
    all.push(Sample::counter("tsd.similar.reads", Some(("type", "request")), counts.asked.get()));
    all.push(Sample::counter("tsd.similar.reads", Some(("type", "round")), counts.rounds.get()));
    all.push(Sample::counter("tsd.similar.reads", Some(("type", "failed")), counts.failed.get()));
    all.push(Sample::counter("tsd.similar.read_ms", None, counts.read_ms.get()));
}

/// `start` (Skyline's short window before the end) and `end` (now).
fn span(tsd: &Tsd, request: &ApiRequest) -> Result<Span, ApiError> {
    let clock = context(tsd)?.clock;
    let date = |name: &str| match request.param(name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => date::parse_date(text, request.param("tz"), &clock).map(Some).map_err(refused),
    };
    let end = date("end")?.unwrap_or(clock.now_ms);
    let start = date("start")?.unwrap_or(end.saturating_sub(tsd.settings.worker_skyline_mini_duration.saturating_mul(1_000)));
    Span::new(start, end, clock.now_ms, Pace::of(&tsd.settings).step_ms)
}

fn asked(request: &ApiRequest) -> Result<Search, ApiError> {
    let plain = Search::default();
    let number = |name: &str, default: usize, (least, most): (usize, usize)| match request.param(name).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => {
            let fits = text.parse().ok().filter(|n: &usize| (least..=most).contains(n));
            fits.ok_or_else(|| ApiError::bad(format!("'{name}' must be a whole number from {least} to {most}, not {text:?}")))
        }
    };
    let text = request.param("filters").unwrap_or_default();
    let filters: Vec<String> = text.split(['.', ',', ' ']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    if filters.len() > FILTERS_MAX {
        return Err(ApiError::bad(format!("at most {FILTERS_MAX} filters (FILTERS_MAX)")));
    }
    Ok(Search {
        method: request.param("method").filter(|m| !m.is_empty()).map_or(plain.method, Method::parse),
        slop: number("slop", plain.slop as usize, (0, SLOP_MAX))? as u32,
        radius: number("radius", plain.radius, (0, RADIUS_MAX))?,
        filters,
        page: number("page", 1, (1, 1_000_000))?,
        size: number("max", SIZE.0, (1, SIZE.1))?,
        threads: THREADS,
    })
}

/// What is searched for: a drawing, or the values of a series in the window.
fn query(tsd: &Tsd, request: &ApiRequest, span: &Span) -> Result<(Value, Vec<f64>), ApiError> {
    let given = |name| request.param(name).filter(|text| !text.is_empty());
    if let Some(text) = given("draw_values") {
        let values = drawn(text).map_err(|e| ApiError::bad(e.to_string()))?;
        return Ok((json!({"values": values, "shape": fingerprint(&values)}), values));
    }
    let text = given("tsuid").ok_or_else(|| ApiError::bad("Missing parameter 'tsuid' or 'draw_values'"))?;
    let tsuid = from_hex(text).filter(|id| window::is_tsuid(tsd, id)).ok_or_else(|| ApiError::bad(format!("{text:?} is no TSUID")))?;
    let values = window::values_of(tsd, &tsuid, span, &request.cancel)?;
    let Described { metric, tags } = window::describe(tsd, &tsuid).map_err(error)?;
    let mut query = series(text, &metric, &tags);
    query.insert("values".into(), json!(values));
    query.insert("shape".into(), fingerprint(&values).into());
    Ok((query.into(), values))
}

fn series(tsuid: &str, metric: &str, tags: &[(String, String)]) -> Map<String, Value> {
    let tags: Map<String, Value> = tags.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    let mut out = Map::new();
    out.insert("tsuid".into(), tsuid.into());
    out.insert("metric".into(), metric.into());
    out.insert("tags".into(), tags.into());
    out
}

/// Series that are gone meanwhile are shown by their TSUID alone.
fn hits(tsd: &Tsd, found: &Results<'_>) -> Vec<Value> {
    let one = |hit: &Hit<'_>| {
        let known = from_hex(hit.id).and_then(|id| window::describe(tsd, &id).ok()).unwrap_or_default();
        let mut out = series(hit.id, &known.metric, &known.tags);
        out.insert("score".into(), json!(hit.score));
        Value::from(out)
    };
    found.hits.iter().map(one).collect()
}

fn saved_hit(hit: &Hit<'_>) -> Value {
    let (collection, item) = hit.id.rsplit_once('/').unwrap_or((hit.id, "0"));
    json!({"collection": collection, "item": item.parse::<usize>().unwrap_or_default(), "name": hit.name, "score": hit.score})
}
