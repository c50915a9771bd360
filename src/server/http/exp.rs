//! `/api/query/exp` and `/api/query/gexp`: requests that compute with series.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::{context, error, globals, refused, tagk_uids, write_nan};
use crate::query::answer::{self, Extras};
use crate::query::calculate;
use crate::query::request::exp::read;
use crate::query::request::{compile, post, uri};
use crate::tsd::Tsd;
use std::time::Instant;

/// `/api/query/exp`, whatever the method.
pub fn exp(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let asked = read(&request.body).map_err(refused)?;
    let plan = asked.plan(&context(tsd)?).map_err(refused)?;
    let answer = calculate::exp(&tsd.engine, &tsd.uids, &asked, &plan, &request.cancel).map_err(error)?;
    Ok(ApiResponse::json(calculate::answer::write(&answer, &asked.show())))
}

/// `/api/query/gexp`. Functions stand in the URI only.
pub fn gexp(tsd: &Tsd, request: &ApiRequest, started: Instant) -> Result<ApiResponse, ApiError> {
    if request.method == "POST" {
        // The body is read as that of a query first.
        post::parse(&request.body).map_err(refused)?;
        let why = "functions are given in the URI: GET /api/query/gexp?start=...&exp=scale(sum:metric,2)";
        return Err(ApiError::bad(why).details(why));
    }
    if request.method == "DELETE" {
        return Err(ApiError::bad("functions delete nothing").details("points are deleted by DELETE /api/query with m= or tsuid="));
    }
    let mut parsed = uri::parse_calls(&request.params).map_err(refused)?;
    parsed.request.flags.arrays = request.has_param("arrays");
    let (plan, output) = compile(parsed.request, &context(tsd)?).map_err(refused)?;
    let parse_ms = started.elapsed().as_secs_f64() * 1e3;
    let running = Instant::now();
    let mut done = calculate::gexp(&tsd.engine, &tsd.uids, &plan, &parsed.shifts_ms, &parsed.calls, &request.cancel).map_err(error)?;
    write_nan(tsd, &mut done.groups);
    let engine_ms = running.elapsed().as_secs_f64() * 1e3;
    let (tagk_uids, globals) = (tagk_uids(tsd, &output)?, globals(tsd, &output)?);
    let extras = Extras { tagk_uids, engine_ms, parse_ms, globals, joined: done.joined, ..Extras::default() };
    Ok(ApiResponse::json(answer::write(&done.groups, &output, &extras)))
}
