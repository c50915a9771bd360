//! `/q`: the old page of graphs, asked for `json` (what would be drawn) or `ascii` (the points as text).
//!
//! Without one of the formats it leads to the page that draws, as bookmarks and links in wikis expect. Source: recorded
//! scenario `old_q`.

use super::answer;
use super::api::{ApiError, ApiRequest, ApiResponse};
use super::pages;
use super::query::{context, entered, error, refused};
use crate::plot::Options;
use crate::point::{Number, TagBuf, write_f64, write_i64};
use crate::query::engine::Used;
use crate::query::plan::{Group, Query};
use crate::query::request::{compile, uri};
use crate::tsd::Tsd;
use serde_json::json;
use std::time::Instant;

/// Milliseconds in which points may still be written to the rows of an hour that is over.
const MAY_CHANGE_MS: i64 = 3_600_000;
/// Seconds that an answer over old points may be kept.
const OLD_MAX_AGE: i64 = 86_400;

/// Answers it.
pub fn graph(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let [json, ascii, png] = ["json", "ascii", "png"].map(|format| request.has_param(format));
    if !json && !ascii && !png {
        return Ok(to_page(&request.target));
    }
    let begun = Instant::now();
    let mut parsed = uri::parse(&request.params).map_err(refused)?;
    parsed.timezone = request.param("tz").filter(|zone| !zone.is_empty()).map(str::to_owned);
    let relative = [&parsed.start, &parsed.end].into_iter().flatten().any(|time| time.to_lowercase().ends_with("-ago"));
    let context = context(tsd)?;
    let (mut plan, _) = compile(parsed, &context).map_err(refused)?;
    // Only whole seconds count.
    plan.start_ms -= plan.start_ms % 1000;
    plan.end_ms -= plan.end_ms % 1000;
    Options::parse(&request.params).map_err(|e| ApiError::bad(e.to_string()))?;
    let _running = entered(tsd, request)?;
    let (groups, used) = tsd.engine.run_counted(&plan, &request.cancel).map_err(error)?;
    if ascii {
        let age = max_age(&plan, relative, context.clock.now_ms);
        return Ok(ApiResponse {
            status: 200,
            content_type: "text/plain",
            headers: vec![("Age", "0".to_owned()), ("Cache-Control", format!("max-age={age}"))],
            body: text(&groups),
        });
    }
    if !json {
        return Err(ApiError::new(501, "Pictures are not drawn yet: ask for json or ascii"));
    }
    Ok(ApiResponse::json(summary(&plan, &groups, used, begun).to_string()))
}

/// What would be drawn: points in range, milliseconds taken, names of aggregated tags for each query, points read.
fn summary(plan: &Query, groups: &[Group], used: Used, begun: Instant) -> serde_json::Value {
    let range = plan.start_ms..=plan.end_ms;
    let shown = |(time, value): &&(i64, Number)| range.contains(time) && !matches!(value, Number::Float(x) if x.is_nan());
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
        let tags: Vec<(&str, &str)> = group.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let tags: String = TagBuf::hash_order(&tags).iter().map(|(key, value)| format!(" {key}={value}")).collect();
        for (time, value) in &group.points {
            if matches!(value, Number::Float(x) if x.is_nan()) {
                continue;
            }
            out.extend_from_slice(group.metric.as_bytes());
            out.push(b' ');
            write_i64(&mut out, time / 1000);
            out.push(b' ');
            match value {
                Number::Int(n) => write_i64(&mut out, *n),
                Number::Float(x) => write_f64(&mut out, *x),
            }
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
    let question = target.split_once('?').map_or("", |(_, query)| query);
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
    fn a_link_cannot_put_markup_into_the_page() {
        let page = to_page("/q?m=\"><script>alert(1)</script>");
        assert!(!String::from_utf8_lossy(&page.body).contains("<script>"));
        assert_eq!(to_page("/q").headers, [("Location", "/".to_owned())]); // old_q/bare
        assert_eq!(to_page("/q?a=b&c").headers, [("Location", "/#a=b&c".to_owned())]);
    }
}
