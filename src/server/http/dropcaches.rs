//! `/api/dropcaches`: empties the caches of names, by GET or DELETE.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::tsd::Tsd;

/// Answers it.
pub fn dropcaches(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "DELETE"])?;
    tsd.drop_caches();
    Ok(ApiResponse::json(reply::strings([("message", "Caches dropped"), ("status", "200")])))
}
