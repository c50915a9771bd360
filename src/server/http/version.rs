//! `/api/version` and `/version`.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::tsd::Tsd;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Answers it: JSON, and two lines of text on the old path unless the URL ends in `json`.
pub fn version(_tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST"])?;
    let wants_json = request.version > 0 || request.target.ends_with("json");
    if !wants_json {
        return Ok(ApiResponse { content_type: "text/plain", ..ApiResponse::json(text()) });
    }
    let members = [
        ("short_revision", VERSION),
        ("repo", ""),
        ("host", ""),
        ("version", VERSION),
        ("full_revision", VERSION),
        ("repo_status", "MINT"),
        ("user", ""),
        ("branch", ""),
        ("timestamp", "0"),
    ];
    Ok(ApiResponse::json(reply::strings(members)))
}

/// The two lines of telnet's `version`. Collectors look for the first words.
pub fn text() -> String {
    format!("net.opentsdb.tools BuildData built at revision {VERSION}\nBuilt on {} by tsdb\n", std::env::consts::OS)
}
