//! `/api/annotation`, `/api/annotations` and everything below them that ends in `bulk`.
//!
//! Source: recorded scenarios `annotation`, `annotation_global`, `annotation_bulk`; what they leave open was tried on the
//! real one. Its 500s for a client's mistakes are 400s here.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::{context, store_error};
use super::reply;
use crate::codec::{Note, push_notes};
use crate::meta::annotation::{Draft, NoteError, check_hex, check_range};
use crate::point::json::{self, Json, JsonError, push_string};
use crate::query::request::date::{Clock, parse_date};
use crate::tsd::Tsd;

/// Most notes in one bulk request.
const BULK_NOTES_MAX: usize = 100_000;

/// Answers all of it.
pub fn annotation(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let method = reply::method(request)?;
    if reply::below(request).ends_with("bulk") {
        return match method.as_str() {
            "POST" => update_bulk(tsd, request, false),
            "PUT" => update_bulk(tsd, request, true),
            "DELETE" => delete_bulk(tsd, request),
            other => Err(ApiError::method_not_allowed(other)),
        };
    }
    // What is wrong with the note is told before what is wrong with the method; `null` is none, and crashes who looks at it.
    if reply::is_null(request) && !["GET", "POST", "PUT", "DELETE"].contains(&method.as_str()) {
        return Err(ApiError::method_not_allowed(&method));
    }
    let draft = draft(tsd, request)?;
    let (tsuid, start) = (&draft.note.tsuid, draft.note.start);
    match method.as_str() {
        "GET" if is_list(request) => list(tsd, &draft.note),
        "GET" => match tsd.annotations.get(tsuid, start).map_err(error)? {
            Some(note) => Ok(one(&note)),
            None => Err(ApiError::new(404, "Unable to locate annotation in storage")),
        },
        "DELETE" => {
            tsd.annotations.delete(tsuid, start).map_err(|e| match e {
                NoteError::NoStart | NoteError::BadTsuid(_) => {
                    ApiError::bad("Unable to delete Annotation information").details(e.to_string())
                }
                other => error(other),
            })?;
            Ok(reply::empty(204))
        }
        replacing @ ("POST" | "PUT") => match tsd.annotations.put(&draft, replacing == "PUT") {
            Ok(note) => Ok(one(&note)),
            Err(NoteError::NoChanges) => Ok(reply::empty(304)),
            Err(e) => Err(error(e)),
        },
        other => Err(ApiError::method_not_allowed(other)),
    }
}

/// Alone among the names of endpoints, this one must be in lower case: else one note is asked for.
fn is_list(request: &ApiRequest) -> bool {
    request.endpoint.split('/').next() == Some("annotations") && request.path.split('/').any(|part| part == "annotations")
}

fn one(note: &Note) -> ApiResponse {
    let mut out = Vec::new();
    note.push_json(&mut out);
    ApiResponse::json(out)
}

fn many(notes: &[Note]) -> ApiResponse {
    let mut out = Vec::new();
    push_notes(&mut out, notes);
    ApiResponse::json(out)
}

/// The note that a request speaks of: its body, or else its parameters.
fn draft(tsd: &Tsd, request: &ApiRequest) -> Result<Draft, ApiError> {
    if !request.body.is_empty() {
        let note = json::parse(&request.body).and_then(of_json);
        return note.map_err(|e| reply::crash(request, reply::unreadable(e)));
    }
    let clock = context(tsd)?.clock;
    let time = |name: &str| date(request.param(name), &clock).map_err(|e| reply::crash(request, e));
    let start = time("start_time")?;
    if start < 1 {
        return Err(ApiError::bad("Missing start time"));
    }
    let mut draft = Draft::default();
    let mut set = |key: &str, value: Json| draft.set(key, value).map_err(reply::unreadable);
    // Times in the query string are cut to seconds (surprise 23).
    set("startTime", Json::Number((start / 1000).to_string()))?;
    set("endTime", Json::Number((time("end_time")? / 1000).to_string()))?;
    for (key, name) in [("tsuid", "tsuid"), ("description", "description"), ("notes", "notes")] {
        if let Some(text) = request.param(name) {
            set(key, Json::String(text.to_owned()))?;
        }
    }
    Ok(draft)
}

fn of_json(value: Json) -> Result<Draft, JsonError> {
    let mut draft = Draft::default();
    for (key, value) in value.object("an annotation")? {
        draft.set(&key, value)?;
    }
    Ok(draft)
}

/// A moment in milliseconds; -1 without one.
fn date(text: Option<&str>, clock: &Clock) -> Result<i64, ApiError> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(-1),
        Some(text) => parse_date(text, None, clock).map_err(|e| ApiError::bad(e.message.clone()).details(e.message)),
    }
}

/// The global notes of a range. Without an end it reaches to this moment, as documented; the real one takes the moment in
/// milliseconds for seconds and mostly finds nothing (surprise 25).
fn list(tsd: &Tsd, range: &Note) -> Result<ApiResponse, ApiError> {
    let end = match range.end {
        0 => context(tsd)?.clock.now_ms / 1000,
        end => end,
    };
    Ok(many(&tsd.annotations.globals(range.start, end).map_err(error)?))
}

fn update_bulk(tsd: &Tsd, request: &ApiRequest, replace: bool) -> Result<ApiResponse, ApiError> {
    if request.body.is_empty() {
        return Err(ApiError::bad("Missing message content").details("Supply valid JSON formatted data in the body of your request"));
    }
    let items = json::parse(&request.body).and_then(|body| body.array("the body")).map_err(reply::unreadable)?;
    let items = items.ok_or_else(|| ApiError::bad("the body must be an array of annotations, not null"))?;
    if items.len() > BULK_NOTES_MAX {
        return Err(ApiError::new(413, "Too many annotations").details(format!("{BULK_NOTES_MAX} in one request at most")));
    }
    let drafts: Vec<Draft> = items.into_iter().map(of_json).collect::<Result<_, _>>().map_err(reply::unreadable)?;
    let stored = tsd.annotations.put_all(&drafts, replace).map_err(|(place, e)| match (drafts.get(place), &e) {
        (Some(draft), NoteError::NoStart | NoteError::BadTsuid(_)) => ApiError::bad(e.to_string()).details(describe(&draft.note)),
        (Some(draft), NoteError::Contended) => ApiError::new(500, "Failed to save an Annotation to storage")
            .details(format!("This may be caused by another process modifying storage data: {}", text(&draft.note))),
        _ => error(e),
    })?;
    Ok(many(&stored))
}

fn describe(note: &Note) -> String {
    format!("Annotation error: {}", text(note))
}

fn text(note: &Note) -> String {
    format!("TSUID: {} Start: {}  Description: {}", note.tsuid, note.start, note.description.as_deref().unwrap_or("null"))
}

/// What a bulk delete asks for.
#[derive(Default)]
struct Doomed {
    start: Option<String>,
    end: Option<String>,
    tsuids: Option<Vec<String>>,
    global: bool,
}

fn delete_bulk(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let doomed = if request.body.is_empty() { doomed_in_params(request)? } else { doomed_in_body(request)? };
    // A start of 0 deletes everything: it must be meant.
    let start = doomed.start.as_deref().filter(|text| !text.is_empty()).ok_or_else(|| ApiError::bad("Missing the start time value"))?;
    let tsuids = doomed.tsuids.as_deref().unwrap_or_default();
    if !doomed.global && tsuids.is_empty() {
        return Err(ApiError::bad("Missing the TSUIDs or global annotations flag"));
    }
    let repeated = |e: NoteError| match e {
        NoteError::NoEnd | NoteError::Reversed | NoteError::BadTsuid(_) => ApiError::bad(e.to_string()).details(e.to_string()),
        other => error(other),
    };
    if let Some(first) = tsuids.first().filter(|_| !doomed.global) {
        check_hex(first).map_err(repeated)?; // before the times; its length comes behind them
    }
    let clock = context(tsd)?.clock;
    let start = date(Some(start), &clock)?;
    let end = match doomed.end.as_deref() {
        None | Some("") => clock.now_ms,
        Some(text) => date(Some(text), &clock)?,
    };
    let of_series = |tsuid: &String| {
        // A metric's id alone has no tags to look for.
        let digits = usize::from(crate::tsd::layout(&tsd.settings).metric_width) * 2;
        tsd.annotations.check_tsuid(if tsuid.len().next_multiple_of(2) == digits { "" } else { tsuid })
    };
    check_range(start, end).map_err(repeated)?; // before the other series, and before what a first one lacks
    tsuids.iter().try_for_each(of_series).map_err(repeated)?;
    let series = doomed.global.then_some(None).into_iter().chain(tsuids.iter().map(|tsuid| Some(tsuid.as_str())));
    let mut total = 0;
    for tsuid in series {
        total += tsd.annotations.delete_range(tsuid, start, end).map_err(repeated)?;
    }
    let mut out = b"{\"tsuids\":".to_vec();
    match &doomed.tsuids {
        None => out.extend_from_slice(b"null"),
        Some(tsuids) => {
            for (place, tsuid) in tsuids.iter().enumerate() {
                out.push(if place == 0 { b'[' } else { b',' });
                push_string(&mut out, tsuid);
            }
            out.extend_from_slice(if tsuids.is_empty() { b"[]" } else { b"]" });
        }
    }
    let rest = format!(",\"global\":{},\"startTime\":{start},\"endTime\":{end},\"totalDeleted\":{total}}}", doomed.global);
    out.extend_from_slice(rest.as_bytes());
    Ok(ApiResponse::json(out))
}

/// The presence of `global` counts, whatever its value (surprise 27).
fn doomed_in_params(request: &ApiRequest) -> Result<Doomed, ApiError> {
    let start = request.param("start_time").filter(|text| !text.is_empty());
    let start = start.ok_or_else(|| ApiError::bad("Missing parameter <code>start_time</code>"))?;
    let tsuids = request.param("tsuids").map(|text| match text {
        "" => vec![String::new()],
        text => text.trim_end_matches(',').split(',').filter(|_| text.contains(|c| c != ',')).map(|id| id.trim().to_owned()).collect(),
    });
    let end = request.param("end_time").map(str::to_owned);
    Ok(Doomed { start: Some(start.to_owned()), end, tsuids, global: request.has_param("global") })
}

fn doomed_in_body(request: &ApiRequest) -> Result<Doomed, ApiError> {
    let mut doomed = Doomed::default();
    for (key, value) in reply::object(request)? {
        let outcome = match key.as_str() {
            "startTime" => value.text(&key).map(|text| doomed.start = text),
            "endTime" => value.text(&key).map(|text| doomed.end = text),
            "global" => value.switch(&key).map(|global| doomed.global = global),
            "totalDeleted" => value.integer(&key).map(drop),
            "tsuids" => tsuids(value).map(|tsuids| doomed.tsuids = tsuids),
            other => Err(JsonError(format!("unknown field '{other}'"))),
        };
        outcome.map_err(reply::unreadable)?;
    }
    Ok(doomed)
}

fn tsuids(value: Json) -> Result<Option<Vec<String>>, JsonError> {
    let Some(items) = value.array("tsuids")? else { return Ok(None) };
    items.into_iter().map(|item| Ok(item.text("tsuids")?.unwrap_or_default())).collect::<Result<_, _>>().map(Some)
}

/// What a note's error is as an answer.
pub(super) fn error(e: NoteError) -> ApiError {
    let message = e.to_string();
    match e {
        NoteError::Store(e) => store_error(&e),
        NoteError::TooMany => ApiError::new(413, message),
        NoteError::Unreadable { .. } => ApiError::new(500, message),
        NoteError::Contended => ApiError::new(500, message).details("This may be caused by another process modifying storage data"),
        _ => ApiError::bad(message.clone()).details(message),
    }
}
