//! `/api/ui/estimate`: what a query would read, before it is run.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::query::{context, refused};
use super::super::reply;
use super::asked::error;
use crate::query::request::{compile, post};
use crate::tsd::Tsd;
use serde_json::json;

/// The body is that of `/api/query`.
pub fn estimate(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["POST"])?;
    let parsed = post::parse(&request.body).map_err(refused)?;
    let (plan, _) = compile(parsed, &context(tsd)?).map_err(refused)?;
    let found = tsd.catalog.estimate(&tsd.engine, &plan, &request.cancel).map_err(error)?;
    let out = json!({"series": found.series, "points": found.points, "limited": found.limited});
    Ok(ApiResponse::json(out.to_string()))
}
