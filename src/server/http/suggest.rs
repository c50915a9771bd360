//! `/api/suggest`: names that begin so. Source: recorded scenario `suggest`.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::query::engine::QueryError;
use crate::tsd::Tsd;
use crate::uid::UidKind;

/// Names when nobody says how many.
const DEFAULT_MAX: usize = 25;

struct Question {
    kind: String,
    prefix: String,
    max: Option<String>,
}

/// Answers it: from the query string, or from a JSON body below `/api`.
pub fn suggest(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST"])?;
    let question = if request.method == "POST" && request.version > 0 { from_body(request)? } else { from_params(request)? };
    // Of two mistakes the number's is told.
    let max = match question.max.as_deref().filter(|m| !m.is_empty()).map(str::parse::<i32>) {
        None => DEFAULT_MAX,
        Some(Ok(max)) => usize::try_from(max).ok().filter(|max| *max > 0).unwrap_or(DEFAULT_MAX),
        Some(Err(_)) => return Err(ApiError::bad("Unable to parse 'max' as a number")),
    };
    let kind = match question.kind.as_str() {
        "metrics" => UidKind::Metric,
        "tagk" => UidKind::Tagk,
        "tagv" => UidKind::Tagv,
        other => return Err(ApiError::bad(format!("Invalid 'type' parameter:{other}"))),
    };
    let names = tsd.uids.suggest(kind, &question.prefix, max).map_err(|e| super::query::error(QueryError::Uid(e)))?;
    Ok(reply::list(names.iter().map(String::as_str)))
}

fn from_params(request: &ApiRequest) -> Result<Question, ApiError> {
    let kind = request.param("type").filter(|t| !t.is_empty());
    let kind = kind.ok_or_else(|| ApiError::bad("Missing parameter <code>type</code>"))?.to_string();
    let text = |name: &str| request.param(name).map(str::to_string);
    Ok(Question { kind, prefix: text("q").unwrap_or_default(), max: text("max") })
}

fn from_body(request: &ApiRequest) -> Result<Question, ApiError> {
    let (mut kind, mut prefix, mut max) = (None, None, None);
    for (key, value) in reply::object(request)? {
        let value = value.text(&key).map_err(reply::unreadable)?;
        match key.as_str() {
            "type" => kind = value,
            "q" => prefix = value,
            "max" => max = value,
            _ => {}
        }
    }
    let kind = kind.filter(|k| !k.is_empty()).ok_or_else(|| ApiError::bad("Missing 'type' parameter"))?;
    Ok(Question { kind, prefix: prefix.unwrap_or_default(), max })
}
