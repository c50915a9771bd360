//! `/api/dropcaches`: empties the caches of names, by GET or DELETE. Below `/api/v0` the answer is telnet's.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::tsd::Tsd;

/// Answers it.
pub fn dropcaches(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "DELETE"])?;
    tsd.drop_caches();
    if request.version == 0 {
        return Ok(ApiResponse { content_type: "text/plain", ..ApiResponse::json("Caches dropped.\n") });
    }
    Ok(ApiResponse::json(reply::strings([("message", "Caches dropped"), ("status", "200")])))
}
