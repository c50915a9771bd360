//! `/q`: the old page of graphs, asked for a picture (`png`, `svg`), for `json` (what is drawn) or for `ascii` (the points as
//! text).
//!
//! Without one of the formats it leads to the page that draws, as bookmarks and links in wikis expect. Answers are kept on disk
//! ([`crate::plot::cache`]) by OpenTSDB's rules, with two differences: the key is a real hash, and an answer whose times move with
//! the clock is never older than its `max-age`. Source: recorded scenario `old_q`.

use super::answer;
use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::{context, entered, error, globals, refused};
use super::{pages, reply};
use crate::clock;
use crate::plot::cache::{Name, sha256};
use crate::plot::{self, Options, Picture, groups, smooth};
use crate::point::{Number, java_map, write_i64, write_number};
use crate::query::engine::Used;
use crate::query::plan::{Group, Query};
use crate::query::request::{Output, compile, date, uri};
use crate::tsd::{self, Tsd};
use jiff::tz::TimeZone;
use serde_json::json;
use std::time::Instant;

/// Milliseconds in which points may still be written to the rows of an hour that is over.
const MAY_CHANGE_MS: i64 = 3_600_000;
/// Seconds that an answer over old points may be kept.
const OLD_MAX_AGE: i64 = 86_400;
/// Parameters that do not change what is drawn.
const NOT_ASKED: [&str; 6] = ["png", "svg", "json", "ascii", "ignore", "nocache"];

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Ascii,
    Json,
    Svg,
    Png,
}

impl Form {
    /// The form that is asked for; `None`: the page.
    fn of(request: &ApiRequest) -> Option<Form> {
        let all = [("ascii", Form::Ascii), ("json", Form::Json), ("svg", Form::Svg), ("png", Form::Png)];
        all.into_iter().find(|(name, _)| request.has_param(name)).map(|(_, form)| form)
    }

    fn ending(self) -> &'static str {
        match self {
            Form::Ascii => "txt",
            Form::Json => "json",
            Form::Svg => "svg",
            Form::Png => "png",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Form::Ascii => "text/plain",
            Form::Json => ApiResponse::JSON,
            Form::Svg => "image/svg+xml",
            Form::Png => "image/png",
        }
    }
}

/// A question that was read and is right.
struct Question {
    form: Form,
    plan: Query,
    output: Output,
    options: Options,
    zone: TimeZone,
    /// One of its times moves with the clock.
    relative: bool,
    now_ms: i64,
}

/// Answers it.
pub fn graph(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let Some(form) = Form::of(request) else { return Ok(to_page(&request.target)) };
    let begun = Instant::now();
    let stats = &tsd.stats.graph;
    let question = question(tsd, request, form)?;
    let asked = question_bytes(tsd, request);
    let name = Name::of(&asked, form.ending());
    let answered = match kept(tsd, request, &question, &name) {
        Some((body, age)) => {
            stats.from_disk.inc();
            let body = if form == Form::Json { told_again(&body, begun) } else { body };
            respond(&question, request, body, age)
        }
        None => {
            stats.made.inc();
            let body = made(tsd, request, &question, &asked, begun)?;
            tsd.pictures.cache.put(&name, &body);
            respond(&question, request, body, 0)
        }
    };
    stats.latency.record(begun.elapsed());
    Ok(answered)
}

fn question(tsd: &Tsd, request: &ApiRequest, form: Form) -> Result<Question, ApiError> {
    let context = context(tsd)?;
    let timezone = request.param("tz").filter(|zone| !zone.is_empty());
    // What is wrong with the times is told before what is wrong with the rest.
    for time in ["start", "end"].iter().filter_map(|name| request.param(name)).filter(|text| !text.is_empty()) {
        date::parse_date(time, timezone, &context.clock).map_err(refused)?;
    }
    // `exp` belongs to /api/query alone.
    let params: Vec<(String, String)> = request.params.iter().filter(|(name, _)| name != "exp").cloned().collect();
    let mut parsed = uri::parse(&params).map_err(refused)?;
    parsed.timezone = timezone.map(str::to_owned);
    let now = |text: &str| text.to_lowercase().ends_with("-ago") || text.eq_ignore_ascii_case("now");
    let relative =
        parsed.end.as_deref().is_none_or(str::is_empty) || [&parsed.start, &parsed.end].into_iter().flatten().any(|time| now(time));
    let zone = parsed.timezone.as_deref().and_then(date::zone).unwrap_or_else(|| context.clock.zone.clone());
    let (mut plan, output) = compile(parsed, &context).map_err(refused)?;
    // Only whole seconds count.
    plan.start_ms -= plan.start_ms % 1000;
    plan.end_ms -= plan.end_ms % 1000;
    let options = Options::parse(&request.params).map_err(|e| ApiError::bad(e.to_string()))?;
    Ok(Question { form, plan, output, options, zone, relative, now_ms: context.clock.now_ms })
}

/// All that decides about an answer, as bytes that no other question has. The order of different parameters does not count.
fn question_bytes(tsd: &Tsd, request: &ApiRequest) -> Vec<u8> {
    let mut params: Vec<(&str, &str)> =
        request.params.iter().map(|(k, v)| (k.as_str(), v.as_str())).filter(|(k, _)| !NOT_ASKED.contains(k)).collect();
    params.sort_by_key(|(name, _)| *name);
    let settings = &tsd.settings;
    let hbase = tsd::store_kind(settings) == tsd::StoreKind::Hbase;
    let tables = [&settings.storage_hbase_data_table, &settings.storage_hbase_uid_table, &settings.core_timezone];
    json!([env!("CARGO_PKG_VERSION"), hbase, tables, params]).to_string().into_bytes()
}

/// The answer that was made before, and its age in seconds, if it is still right.
fn kept(tsd: &Tsd, request: &ApiRequest, question: &Question, name: &Name) -> Option<(Vec<u8>, i64)> {
    if request.has_param("nocache") {
        return None;
    }
    let kept = tsd.pictures.cache.get(name)?;
    let made_ms = clock::millis(kept.made);
    let fresh = is_fresh(made_ms, &question.plan, question.relative, question.now_ms);
    fresh.then_some((kept.body, (question.now_ms - made_ms) / 1000))
}

fn is_fresh(made_ms: i64, plan: &Query, relative: bool, now_ms: i64) -> bool {
    if made_ms > now_ms {
        return false;
    }
    if !relative && plan.end_ms < now_ms {
        // It was made when all of its time was over.
        return made_ms > plan.end_ms;
    }
    now_ms - made_ms <= max_age(plan, relative, now_ms) * 1000
}

/// Reads the points and makes the answer of them.
fn made(tsd: &Tsd, request: &ApiRequest, question: &Question, asked: &[u8], begun: Instant) -> Result<Vec<u8>, ApiError> {
    let _running = entered(tsd, request)?;
    let (groups, used) = tsd.engine.run_wide(&question.plan, &request.cancel).map_err(error)?;
    match question.form {
        Form::Ascii => Ok(text(&groups)),
        Form::Svg | Form::Png => draw(tsd, question.form, &picture(tsd, question, groups)?, &question.options),
        Form::Json => {
            let mut summary = summary(&question.plan, &groups, used, begun);
            if let (Some(kind), Some(told)) = (question.options.smooth.filter(|kind| !smooth::is_drawn(*kind)), summary.as_object_mut()) {
                told.insert("info".into(), format!("smooth={} is drawn as plain lines", format!("{kind:?}").to_lowercase()).into());
            }
            // The page asks for the picture next: it is drawn of what has been read for this.
            if tsd.pictures.cache.keeps() {
                let picture = picture(tsd, question, groups)?;
                if let Ok(png) = draw(tsd, Form::Png, &picture, &question.options) {
                    tsd.pictures.cache.put(&Name::of(asked, Form::Png.ending()), &png);
                }
            }
            Ok(summary.to_string().into_bytes())
        }
    }
}

fn picture(tsd: &Tsd, question: &Question, mut answered: Vec<Group>) -> Result<Picture, ApiError> {
    if question.output.flags.no_annotations {
        answered.iter_mut().for_each(|group| group.notes.clear());
    }
    let mut picture = groups::picture(&question.plan, answered, question.zone.clone(), &question.options);
    picture.marks.extend(globals(tsd, &question.output)?.iter().map(groups::mark));
    groups::arrange(&mut picture.marks);
    Ok(picture)
}

fn draw(tsd: &Tsd, form: Form, picture: &Picture, options: &Options) -> Result<Vec<u8>, ApiError> {
    let turn = tsd.pictures.turns.take().map_err(|full| ApiError::new(503, full.to_string()).details(full.why))?;
    let begun = Instant::now();
    let drawn = match form {
        Form::Svg => plot::draw_svg(picture, options).map(String::into_bytes),
        _ => plot::draw(picture, options),
    };
    let drawn = drawn.map_err(|e| ApiError::new(500, e.to_string()));
    tsd.stats.graph.drawing.record(begun.elapsed());
    drop(turn);
    drawn
}

/// The answer with the headers of its age; nothing but them if the client has it already.
fn respond(question: &Question, request: &ApiRequest, body: Vec<u8>, age: i64) -> ApiResponse {
    if question.form == Form::Json {
        return ApiResponse::json(body);
    }
    let tag = format!("\"{}\"", sha256(&body).get(..32).unwrap_or_default());
    let max_age = max_age(&question.plan, question.relative, question.now_ms);
    let mut headers = vec![("Age", age.to_string()), ("Cache-Control", format!("max-age={max_age}"))];
    if question.form == Form::Svg {
        headers.push(("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'".to_owned()));
    }
    let known = reply::has_already(request, &tag);
    headers.push(("ETag", tag));
    if known {
        return ApiResponse { status: 304, content_type: "", headers, body: Vec::new() };
    }
    ApiResponse { status: 200, content_type: question.form.content_type(), headers, body }
}

/// A kept summary: it tells where it comes from, and how long that took.
fn told_again(kept: &[u8], begun: Instant) -> Vec<u8> {
    let Ok(serde_json::Value::Object(mut summary)) = serde_json::from_slice(kept) else { return kept.to_vec() };
    summary.insert("timing".into(), (begun.elapsed().as_millis() as u64).into());
    summary.insert("cachehit".into(), "disk".into());
    serde_json::Value::Object(summary).to_string().into_bytes()
}

/// What would be drawn: points in range, milliseconds taken, names of aggregated tags for each query, points read.
fn summary(plan: &Query, groups: &[Group], used: Used, begun: Instant) -> serde_json::Value {
    // By whole seconds, whatever the points have.
    let range = plan.start_ms / 1000..=plan.end_ms / 1000;
    let shown = |(time, value): &&(i64, Number)| range.contains(&(time / 1000)) && !matches!(value, Number::Float(x) if x.is_nan());
    let plotted: usize = groups.iter().map(|group| group.points.iter().filter(shown).count()).sum();
    let tags: Vec<serde_json::Value> = (plan.subs.iter().enumerate())
        .map(|(place, sub)| match groups.iter().rfind(|group| group.index == sub.index) {
            Some(group) => group.aggregate_tags.clone().into(),
            None if place == 0 => json!([]),
            None => serde_json::Value::Null,
        })
        .collect();
    json!({ "plotted": plotted, "timing": begun.elapsed().as_millis() as u64, "etags": tags, "points": used.points })
}

/// A line a point, all points of the hours that were read, whether in range or not; NaN is left out.
fn text(groups: &[Group]) -> Vec<u8> {
    let mut out = Vec::new();
    for group in groups {
        // The original walks through a map that was made for so many tags.
        let keys: Vec<&str> = group.tags.iter().map(|(key, _)| key.as_str()).collect();
        let tags = java_map::order(&keys, keys.len()).into_iter().filter_map(|place| group.tags.get(place));
        let tags: String = tags.map(|(key, value)| format!(" {key}={value}")).collect();
        for (time, value) in &group.points {
            if matches!(value, Number::Float(x) if x.is_nan()) {
                continue;
            }
            out.extend_from_slice(group.metric.as_bytes());
            out.push(b' ');
            write_i64(&mut out, time / 1000);
            out.push(b' ');
            write_number(&mut out, *value);
            out.extend_from_slice(tags.as_bytes());
            out.push(b'\n');
        }
    }
    out
}

/// Seconds that an answer may be kept: none if points may still come, a day if they are old and the question names fixed
/// times, else a thousandth of the range.
fn max_age(plan: &Query, relative: bool, now_ms: i64) -> i64 {
    if plan.end_ms > now_ms {
        0
    } else if plan.end_ms < now_ms - MAY_CHANGE_MS && !relative {
        OLD_MAX_AGE
    } else {
        (plan.end_ms - plan.start_ms) / 1000 / 1024
    }
}

/// Leads to the page, with the question behind the hash sign.
fn to_page(target: &str) -> ApiResponse {
    // What stands behind `/q?`, three bytes, whatever they are.
    let question = target.get("/q?".len()..).unwrap_or_default();
    let place = if question.is_empty() { "/".to_owned() } else { format!("/#{question}") };
    let mut page = answer::html(pages::moved(&place));
    page.headers.push(("Location", place));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let hour = 3_600_000;
        let plan = |start, end| Query { start_ms: start * hour, end_ms: end * hour, subs: Vec::new(), unlimited: Default::default() };
        let now = 1000 * hour;
        assert_eq!(max_age(&plan(10, 12), false, now), 86_400);
        assert_eq!(max_age(&plan(10, 12), true, now), 7);
        assert_eq!(max_age(&plan(990, 1000), false, now), 35);
        assert_eq!(max_age(&plan(990, 1001), false, now), 0);
    }

    #[test]
    fn kept_answers_get_old() {
        let hour = 3_600_000;
        let plan = |start, end| Query { start_ms: start * hour, end_ms: end * hour, subs: Vec::new(), unlimited: Default::default() };
        let now = 1000 * hour;
        assert!(is_fresh(13 * hour, &plan(10, 12), false, now), "made when its time was over");
        assert!(!is_fresh(11 * hour, &plan(10, 12), false, now), "made before the end of its time");
        assert!(!is_fresh(13 * hour, &plan(10, 12), true, now), "its times move");
        assert!(is_fresh(now - 7_000, &plan(10, 12), true, now));
        assert!(is_fresh(now - 35_000, &plan(990, 1000), true, now) && !is_fresh(now - 36_000, &plan(990, 1000), true, now));
        assert!(!is_fresh(now + 1, &plan(10, 12), false, now), "made in the future");
        assert!(!is_fresh(now - 1, &plan(990, 1001), false, now));
    }

    #[test]
    fn a_link_cannot_put_markup_into_the_page() {
        let page = to_page("/q?m=\"><script>alert(1)</script>");
        assert!(!String::from_utf8_lossy(&page.body).contains("<script>"));
        assert_eq!(to_page("/q").headers, [("Location", "/".to_owned())]); // old_q/bare
        assert_eq!(to_page("/q?a=b&c").headers, [("Location", "/#a=b&c".to_owned())]);
    }
}
