//! `/logs`: the last lines of the log, newest first, as text or as a JSON list. Read only.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::tsd::Tsd;

/// Answers it. OpenTSDB changes the level of its log by GET; here `tsd.log.level` decides.
pub fn logs(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let lines = tsd.logs.newest_first();
    if request.has_param("json") {
        return Ok(reply::list(lines.iter().map(String::as_str)));
    }
    if request.has_param("level") {
        return Err(ApiError::bad("The level of the log is not changed by a request: set tsd.log.level and start again"));
    }
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    Ok(ApiResponse { content_type: "text/plain", ..ApiResponse::json(text) })
}
