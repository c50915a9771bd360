//! `/api/aggregators`: the names of all functions.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::query::request::names::AGGREGATORS;
use crate::tsd::Tsd;

/// Answers it.
pub fn aggregators(_tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST"])?;
    Ok(reply::list(AGGREGATORS))
}
