//! Silences: tried first (what would it hit?), made with `"confirm": true`.

use super::{ApiError, ApiRequest, ApiResponse, answer, body, refused, text};
use crate::clock;
use crate::tsd::Tsd;
use crate::worker::alert::Silence;
use crate::worker::messages::series_name;
use crate::worker::open::desk_of;
use crate::worker::records::{self, ALERT, Alert, SILENCE, bytes};
use serde_json::{Value, json};

/// Silences at most.
const SILENCES_MAX: usize = 10_000;
/// Alerts that are listed as hit.
const HITS_MAX: usize = 1_000;

pub fn list(tsd: &Tsd) -> Result<ApiResponse, ApiError> {
    let now = clock::now_s();
    let silences = records::silences(&desk_of(tsd), now).map_err(refused)?;
    let list = silences.iter().map(|silence| {
        let mut shown = json!(silence);
        if let Some(members) = shown.as_object_mut() {
            members.insert("until".into(), json!(silence.until(now)));
        }
        shown
    });
    Ok(answer(&Value::Array(list.collect())))
}

/// What a silence would hit; with `confirm` it is made.
pub fn silence(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let mut members = body(request)?;
    let confirm = members.remove("confirm").is_some_and(|confirm| confirm == Value::Bool(true));
    let now = clock::now_s();
    // For a while from now, or from when to when.
    if let Some(length) = members.remove("for").and_then(|length| length.as_i64()) {
        let start = members.get("start").and_then(Value::as_i64).unwrap_or(now);
        members.insert("start".into(), json!(start));
        members.insert("end".into(), json!(start.saturating_add(length)));
    }
    members.entry("start").or_insert(json!(now));
    let wrong = |error: serde_json::Error| ApiError::bad(format!("This is no silence: {error}"));
    let silence: Silence = serde_json::from_value(Value::Object(members)).map_err(wrong)?;
    let silence = silence.with_id().map_err(|error| ApiError::bad(error.to_string()))?;
    let desk = desk_of(tsd);
    let alerts = records::all::<Alert>(&desk, ALERT, "").map_err(refused)?;
    let hit = alerts.iter().filter(|(_, alert, _)| silence.covers(&alert.rule, |key| alert.tags.get(key).map(String::as_str)));
    let hits = hit.map(|(id, alert, _)| json!({"id": id, "rule": alert.rule, "name": series_name(&alert.metric, &alert.tags)}));
    let hits: Vec<Value> = hits.take(HITS_MAX).collect();
    if confirm {
        if records::silences(&desk, now).map_err(refused)?.len() >= SILENCES_MAX {
            return Err(ApiError::bad(format!("there are {SILENCES_MAX} silences already")));
        }
        desk.put(SILENCE, &silence.id, &bytes(&silence).map_err(refused)?).map_err(refused)?;
    }
    Ok(answer(&json!({"silence": silence, "made": confirm, "hits": hits})))
}

pub fn unsilence(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let id = text(&body(request)?, "id");
    let desk = desk_of(tsd);
    if id.is_empty() || desk.get(SILENCE, &id).map_err(refused)?.is_none() {
        return Err(ApiError::new(404, "There is no such silence").details(id));
    }
    desk.delete(SILENCE, &id).map_err(refused)?;
    Ok(ApiResponse::no_content())
}
