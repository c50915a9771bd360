//! `/api/search/lookup`: series by metric and tags. Source: recorded scenarios `search_lookup_meta`, `search_lookup_nometa`.
//! The other searches have no recorded answers: OpenTSDB leaves them to plug-ins.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::store_error;
use super::reply;
use crate::meta::lookup::{LookupError, Places, Wanted, parse_tag};
use crate::meta::search::{Page, RESULTS_MAX, SearchError, Terms, Told};
use crate::point::json::{self, Json, JsonError, push_string};
use crate::store::Overlay;
use crate::tsd::{self, Tsd};
use crate::uid::UidError;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Results when nobody says how many.
const DEFAULT_LIMIT: i32 = 25;

/// What `type` in a body may be, in the order of their numbers.
const KINDS: [&str; 6] = ["TSMETA", "TSMETA_SUMMARY", "TSUIDS", "UIDMETA", "ANNOTATION", "LOOKUP"];

/// A question as it was sent; the answer repeats it.
#[derive(Debug)]
struct Search {
    query: Option<String>,
    metric: Option<String>,
    tags: Option<Vec<(Option<String>, Option<String>)>>,
    use_meta: bool,
    limit: i32,
    start_index: i32,
}

impl Default for Search {
    fn default() -> Search {
        Search { query: None, metric: Some("*".to_string()), tags: None, use_meta: true, limit: DEFAULT_LIMIT, start_index: 0 }
    }
}

/// Answers everything below `/api/search`.
pub fn search(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let method = reply::method(request)?;
    if !["GET", "POST"].contains(&method.as_str()) {
        return Err(ApiError::bad(format!("Unsupported method: {method}"))); // not 405: surprise 5
    }
    let begun = Instant::now();
    match reply::below(request) {
        "" => Err(ApiError::bad("Invalid search query type supplied").details("Type provided was null or empty")),
        "lookup" => lookup(tsd, request, begun),
        "tsmeta" => stored(tsd, request, begun, "TSMETA"),
        "tsmeta_summary" => stored(tsd, request, begun, "TSMETA_SUMMARY"),
        "tsuids" => stored(tsd, request, begun, "TSUIDS"),
        "uidmeta" => stored(tsd, request, begun, "UIDMETA"),
        "annotation" => stored(tsd, request, begun, "ANNOTATION"),
        other => {
            // As it was written.
            let written = request.path.split('/').find(|part| part.eq_ignore_ascii_case(other)).unwrap_or(other);
            Err(ApiError::bad("Invalid search query type supplied").details(format!("Unknown type: {written}")))
        }
    }
}

fn lookup(tsd: &Tsd, request: &ApiRequest, begun: Instant) -> Result<ApiResponse, ApiError> {
    let search = if request.body.is_empty() { lookup_of_params(request)? } else { of_body(request)? };
    if search.metric.is_none() && search.tags.as_ref().is_none_or(Vec::is_empty) {
        return Err(ApiError::bad("Missing metric and tags. Please supply at least one value."));
    }
    let wanted = Wanted {
        metric: search.metric.clone(),
        tags: search.tags.clone().unwrap_or_default(),
        limit: usize::try_from(search.limit).ok().filter(|limit| *limit > 0),
        literal: false,
    };
    let overlay = tsd.writer.overlay();
    let places = places(tsd, overlay.as_ref(), &request.cancel);
    let found = if search.use_meta { places.in_meta(&wanted) } else { places.in_points(&wanted) };
    let series = found.and_then(|series| places.named(series)).map_err(refused)?;
    let mut results = Vec::with_capacity(series.len() * 128);
    for (at, one) in series.iter().enumerate() {
        if at > 0 {
            results.push(b',');
        }
        one.push_json(&mut results);
    }
    Ok(answer("LOOKUP", &search, &results, series.len(), begun))
}

/// The kinds of search that OpenTSDB leaves to a plug-in: here from the tables.
fn stored(tsd: &Tsd, request: &ApiRequest, begun: Instant, kind: &'static str) -> Result<ApiResponse, ApiError> {
    let search = if request.body.is_empty() { search_of_params(request)? } else { of_body(request)? };
    let text =
        search.query.as_deref().filter(|text| !text.is_empty()).ok_or_else(|| ApiError::bad("Missing parameter <code>query</code>"))?;
    let terms = Terms::parse(text).map_err(|why| ApiError::bad("Unable to parse query").details(why))?;
    let limit = usize::try_from(search.limit).ok().filter(|limit| *limit > 0).unwrap_or(RESULTS_MAX);
    let mut page = Page::new(usize::try_from(search.start_index).unwrap_or(0), limit);
    let overlay = tsd.writer.overlay();
    let places = places(tsd, overlay.as_ref(), &request.cancel);
    let found = match kind {
        "TSMETA" => places.search_series(&tsd.meta, &terms, Told::Meta, &mut page),
        "TSMETA_SUMMARY" => places.search_series(&tsd.meta, &terms, Told::Summary, &mut page),
        "TSUIDS" => places.search_series(&tsd.meta, &terms, Told::Id, &mut page),
        "UIDMETA" => places.search_ids(&terms, &mut page),
        _ => places.search_notes(&terms, &mut page),
    };
    found.map_err(|e| match e {
        SearchError::Lookup(e) => refused(e),
        SearchError::Slow => ApiError::new(504, e.to_string()),
        other => ApiError::new(500, other.to_string()),
    })?;
    Ok(answer(kind, &search, &page.results, page.total, begun))
}

fn search_of_params(request: &ApiRequest) -> Result<Search, ApiError> {
    let query =
        request.param("query").filter(|text| !text.is_empty()).ok_or_else(|| ApiError::bad("Missing parameter <code>query</code>"))?;
    let start_index = match request.param("start_index").map(str::parse) {
        None => 0,
        Some(Ok(index)) => index,
        Some(Err(_)) => return Err(ApiError::bad("Unable to convert 'start_index' to a valid number")),
    };
    Ok(Search { query: Some(query.to_string()), limit: limit(request)?, start_index, ..Search::default() })
}

/// The tables, for lookups.
pub(super) fn places<'a>(tsd: &'a Tsd, overlay: &'a dyn Overlay, cancel: &'a AtomicBool) -> Places<'a> {
    Places {
        store: tsd.store.as_ref(),
        overlay: Some(overlay),
        uids: &tsd.uids,
        layout: tsd::layout(&tsd.settings),
        data_table: &tsd.settings.storage_hbase_data_table,
        meta_table: &tsd.settings.storage_hbase_meta_table,
        cancel,
    }
}

/// `start_index` and `use_meta` in the query string are not read for a lookup (surprise 21).
fn lookup_of_params(request: &ApiRequest) -> Result<Search, ApiError> {
    let text = request.param("m").filter(|text| !text.is_empty()).ok_or_else(|| ApiError::bad("Missing parameter <code>m</code>"))?;
    let (metric, tags) = metric_and_tags(text).map_err(|why| ApiError::bad("Unable to parse query").details(why))?;
    Ok(Search { metric, tags: Some(tags), limit: limit(request)?, ..Search::default() })
}

fn limit(request: &ApiRequest) -> Result<i32, ApiError> {
    match request.param("limit").map(str::parse) {
        None => Ok(DEFAULT_LIMIT),
        Some(Ok(limit)) => Ok(limit),
        Some(Err(_)) => Err(ApiError::bad("Unable to convert 'limit' to a valid number")),
    }
}

type MetricAndTags = (Option<String>, Vec<(Option<String>, Option<String>)>);

/// `metric{name=value,...}`, each part may be missing.
fn metric_and_tags(text: &str) -> Result<MetricAndTags, String> {
    let Some((metric, inside)) = text.split_once('{') else { return Ok((Some(text.to_string()), Vec::new())) };
    let Some(inside) = inside.strip_suffix('}') else { return Err(format!("Missing '}}' at the end of: {text}")) };
    let metric = (!metric.is_empty()).then(|| metric.to_string());
    if inside.is_empty() {
        return if metric.is_some() { Ok((metric, Vec::new())) } else { Err(format!("Missing metric and tags: {text}")) };
    }
    let tag = |tag: &str| parse_tag(tag).map_err(|why| format!("When parsing tag '{tag}': {why}"));
    Ok((metric, inside.split(',').map(tag).collect::<Result<_, _>>()?))
}

/// Unknown members are ignored (recorded case `search_lookup_meta/post_unknown_field`), but not those of a tag; those that
/// an answer has are read and not used.
fn of_body(request: &ApiRequest) -> Result<Search, ApiError> {
    let read = || -> Result<Search, JsonError> {
        let mut search = Search::default();
        let body = json::parse(&request.body)?;
        if let Json::String(metric) = body {
            search.metric = Some(metric); // a bare text is a metric: the original's questions can be made of one
            return Ok(search);
        }
        for (key, value) in body.object("the body")? {
            let beyond = |n| JsonError(format!("'{key}' must have 32 bits, not {n}"));
            let number = |value: Json| value.integer(&key).and_then(|n| i32::try_from(n).map_err(|_| beyond(n)));
            match key.as_str() {
                "query" => search.query = value.text(&key)?,
                "metric" => search.metric = value.text(&key)?,
                "tags" => search.tags = value.array(&key)?.map(|tags| tags.into_iter().map(tag).collect()).transpose()?,
                "useMeta" => search.use_meta = value.switch(&key)?,
                "limit" => search.limit = number(value)?,
                "startIndex" => search.start_index = number(value)?,
                "totalResults" => drop(number(value)?),
                "results" => drop(value.array(&key)?),
                "time" if !is_float(&value) => return Err(JsonError("'time' must be a number".to_owned())),
                "type" if !is_kind(&value) => return Err(JsonError(format!("'type' must be one of {}", KINDS.join(", ")))),
                _ => {}
            }
        }
        Ok(search)
    };
    read().map_err(reply::unreadable)
}

fn is_float(value: &Json) -> bool {
    match value {
        Json::Null | Json::Number(_) => true,
        Json::String(text) => text.trim().is_empty() || text.trim().parse::<f64>().is_ok(),
        _ => false,
    }
}

/// A kind by its name, in capitals, or by its place. Which one does not matter: the path tells.
fn is_kind(value: &Json) -> bool {
    let is_place = |text: &str| text.parse::<usize>().is_ok_and(|place| place < KINDS.len());
    match value {
        Json::Null => true,
        Json::Number(text) => is_place(text),
        Json::String(text) => KINDS.contains(&text.as_str()) || is_place(text),
        _ => false,
    }
}

fn tag(value: Json) -> Result<(Option<String>, Option<String>), JsonError> {
    let (mut name, mut text) = (None, None);
    for (key, value) in value.object("tags")? {
        match key.as_str() {
            "key" => name = value.text(&key)?,
            "value" => text = value.text(&key)?,
            other => return Err(JsonError(format!("a tag has 'key' and 'value', not '{other}'"))),
        }
    }
    Ok((name, text))
}

/// Names that are not there are 404 (recorded case `search_lookup_meta/no_metric`).
fn refused(e: LookupError) -> ApiError {
    let message = e.to_string();
    match e {
        LookupError::Uid(UidError::Store(e)) | LookupError::Store(e) => store_error(&e),
        LookupError::Uid(UidError::NoSuchId { .. }) => {
            ApiError::new(404, "Unable to resolve one or more TSUIDs").details(message).in_json()
        }
        LookupError::Uid(UidError::NoSuchName { .. }) => {
            ApiError::new(404, "Unable to resolve one or more UIDs").details(message).in_json()
        }
        LookupError::TooMany => ApiError::new(413, message),
        _ => ApiError::bad(message),
    }
}

/// The question and what was found, in the order of keys that clients see today. `results` is the inside of the list.
fn answer(kind: &str, search: &Search, results: &[u8], total: usize, begun: Instant) -> ApiResponse {
    let mut out = Vec::with_capacity(results.len() + 200);
    out.extend_from_slice(format!("{{\"type\":\"{kind}\"").as_bytes());
    for (key, text) in [("query", &search.query), ("metric", &search.metric)] {
        if let Some(text) = text {
            out.extend_from_slice(format!(",\"{key}\":").as_bytes());
            push_string(&mut out, text);
        }
    }
    if let Some(tags) = &search.tags {
        out.extend_from_slice(b",\"tags\":[");
        for (at, (key, value)) in tags.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b",{\"key\":" } else { b"{\"key\":" });
            push_or_null(&mut out, key.as_deref());
            out.extend_from_slice(b",\"value\":");
            push_or_null(&mut out, value.as_deref());
            out.push(b'}');
        }
        out.push(b']');
    }
    // A float of whole milliseconds, as recorded: `"time":106.0`.
    out.extend_from_slice(format!(",\"limit\":{},\"time\":{}.0,\"results\":[", search.limit, begun.elapsed().as_millis()).as_bytes());
    out.extend_from_slice(results);
    out.extend_from_slice(format!("],\"startIndex\":{},\"totalResults\":{total}}}", search.start_index).as_bytes());
    ApiResponse::json(out)
}

fn push_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions() {
        let check = |text: &str, want: Result<(Option<&str>, usize), &str>| {
            let got = metric_and_tags(text).map(|(metric, tags)| (metric, tags.len()));
            assert_eq!(got, want.map(|(m, n)| (m.map(str::to_string), n)).map_err(str::to_string), "{text}");
        };
        check("sys.cpu", Ok((Some("sys.cpu"), 0)));
        check("sys.cpu{}", Ok((Some("sys.cpu"), 0)));
        check("{host=}", Ok((None, 1)));
        check("sys.cpu{host=web01,=lga}", Ok((Some("sys.cpu"), 2)));
        check("{}", Err("Missing metric and tags: {}"));
        check("sys.cpu{host", Err("Missing '}' at the end of: sys.cpu{host"));
        check("sys.cpu{host}", Err("When parsing tag 'host': invalid tag: host"));
        check("sys.cpu{=}", Err("When parsing tag '=': Missing tag pair"));
    }
}
