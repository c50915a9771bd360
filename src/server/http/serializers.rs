//! `/api/serializers`, as OpenTSDB documents it (2.4.1 itself answers 404): the one format there is.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::tsd::Tsd;
use serde_json::json;

/// Answers it.
pub fn serializers(_tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST"])?;
    let list = json!([{
        "serializer": "json",
        "class": "built in",
        "request_content_type": "application/json",
        "response_content_type": "application/json; charset=UTF-8",
        "formatters": ["Aggregators", "Config", "DropCaches", "Error", "NotFound", "Put", "Query", "Serializers", "Stats", "Suggest", "UidAssign", "UidRename", "Version"],
        "parsers": ["Put", "Query", "Suggest", "UidAssign", "UidRename"],
    }]);
    Ok(ApiResponse::json(list.to_string()))
}
