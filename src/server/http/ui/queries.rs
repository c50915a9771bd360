//! `/api/ui/queries`: what is being read right now and what was read last; `POST /api/ui/queries/stop?id=N` ends one.

use super::writing::{from_own_page, is_local};
use crate::server::http::api::{ApiError, ApiRequest, ApiResponse};
use crate::server::http::reply;
use crate::tsd::Tsd;
use serde_json::{Value, json};

/// Longest text of a query that is shown, in characters.
const QUERY_CHARS_MAX: usize = 4096;

/// Ended queries that are told of.
const ENDED_MAX: usize = 30;

/// Answers both.
pub fn queries(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    match request.endpoint.split('/').nth(2) {
        None => running(tsd, request),
        Some("stop") => stop(tsd, request),
        Some(_) => Err(ApiError::new(404, "Below /api/ui/queries there is stop only")),
    }
}

fn running(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET"])?;
    let one = |now: crate::query::ledger::RunningNow| {
        json!({
            "id": now.id, "user": now.remote.trim_start_matches('/'), "query": shown(&now.query), "start": now.start_ms,
            "since_ms": now.elapsed.as_millis() as u64, "rows": now.used.rows, "cells": now.used.points, "bytes": now.used.bytes,
            "stopping": now.stopping,
        })
    };
    let all: Vec<Value> = tsd.queries.running_now().into_iter().map(one).collect();
    let one = |ended: crate::query::ledger::EndedLately| {
        json!({
            "query": ended.query, "status": ended.status, "exception": ended.exception, "times": ended.executed,
            "start": ended.start_ms, "end": ended.end_ms,
        })
    };
    let ended: Vec<Value> = tsd.queries.ended_lately(ENDED_MAX).into_iter().map(one).collect();
    Ok(ApiResponse::json(json!({ "may_stop": may_stop(tsd, request), "queries": all, "ended": ended }).to_string()))
}

/// A query on one line: the target of a GET, or the JSON of a body without what is empty in it.
fn shown(query: &Value) -> String {
    let text = match query {
        Value::String(target) => target.clone(),
        other => without_nothing(other).to_string(),
    };
    if text.chars().nth(QUERY_CHARS_MAX).is_none() { text } else { text.chars().take(QUERY_CHARS_MAX).chain(" ...".chars()).collect() }
}

/// Without members that are null, false or empty: what is left is what was asked.
fn without_nothing(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().map(|(name, value)| (name.clone(), without_nothing(value)));
            kept.filter(|(_, value)| !is_nothing(value)).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_nothing).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn may_stop(tsd: &Tsd, request: &ApiRequest) -> bool {
    is_local(request) || tsd.settings.http_query_allow_stop
}

fn stop(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["POST"])?;
    from_own_page(request)?;
    if !may_stop(tsd, request) {
        return Err(ApiError::new(403, "Queries are stopped from this machine only")
            .details("tsd.http.query.allow_stop = true lets every client stop queries"));
    }
    let id = request.param("id").ok_or_else(|| ApiError::bad("Missing parameter <code>id</code>"))?;
    let id: u64 = id.parse().map_err(|_| ApiError::bad(format!("id is no number: {id}")))?;
    let Some(asker) = tsd.queries.stop(id) else {
        return Err(ApiError::new(404, format!("No query {id} runs: it has ended")));
    };
    tracing::info!(peer = ?request.peer, "query {id} of {asker} is stopped by hand");
    Ok(ApiResponse::json(json!({ "id": id, "stopping": true }).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_shown_short() {
        let query = json!({"start": "1h-ago", "end": null, "tsuids": [], "queries": [{"metric": "m", "filters": [], "rate": false}]});
        assert_eq!(shown(&query), r#"{"start":"1h-ago","queries":[{"metric":"m"}]}"#);
        assert_eq!(shown(&json!("/q?start=1h-ago&png")), "/q?start=1h-ago&png");
        assert_eq!(shown(&json!("é".repeat(QUERY_CHARS_MAX + 1))).chars().count(), QUERY_CHARS_MAX + 4);
    }
}
