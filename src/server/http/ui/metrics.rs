//! `/api/ui/metrics`, `/api/ui/names`, `/api/ui/prefixes`: names by their parts.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::asked::{error, get, needed, page, pattern, patterns, seconds, text, words};
use crate::catalog::patterns::Patterns;
use crate::tsd::Tsd;
use crate::uid::UidKind;
use serde_json::json;

/// Hits when nobody says how many, and at most.
const HITS: (usize, usize) = (30, 1_000);
/// Steps of a tree at most.
const BRANCHES_MAX: usize = 10_000;

/// Metrics with the number of their series and the time of their newest point, as far as that is known.
pub fn metrics(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    get(request)?;
    let found = tsd
        .catalog
        .metrics(text(request, "prefix")?, &words(request)?, &patterns(request)?, page(request, HITS.0, HITS.1)?)
        .map_err(error)?;
    let hit = |hit: &crate::catalog::metrics::MetricHit| {
        let mut out = json!({"name": hit.name, "series": hit.brief.series, "last": seconds(hit.brief.last)});
        if let (true, Some(out)) = (hit.brief.limited, out.as_object_mut()) {
            out.insert("limited".into(), true.into());
        }
        out
    };
    let hits: Vec<_> = found.hits.iter().map(hit).collect();
    let out = json!({"total": found.total, "loading": found.loading, "limited": found.limited, "hits": hits});
    Ok(ApiResponse::json(out.to_string()))
}

/// Names of a kind.
pub fn names(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    get(request)?;
    let kind = match needed(request, "type")? {
        "metrics" => UidKind::Metric,
        "tagk" => UidKind::Tagk,
        "tagv" => UidKind::Tagv,
        other => return Err(ApiError::bad(format!("'type' must be metrics, tagk or tagv, not '{other}'"))),
    };
    let found = tsd
        .catalog
        .find(
            kind,
            &words(request)?,
            &Patterns { metric: pattern(request, "regex")?, ..Patterns::default() },
            page(request, HITS.0, HITS.1)?,
        )
        .map_err(error)?;
    let hits: Vec<_> = found.hits.iter().map(|(name, id)| json!({"name": name, "uid": id.to_hex()})).collect();
    let out = json!({"total": found.total, "loading": found.loading, "limited": found.limited, "hits": hits});
    Ok(ApiResponse::json(out.to_string()))
}

/// The next steps of the names of metrics below a beginning.
pub fn prefixes(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    get(request)?;
    let prefix = text(request, "prefix")?;
    let mut separator = text(request, "separator")?.chars();
    let separator = match (separator.next(), separator.next()) {
        (None, _) => '.',
        (Some(one), None) => one,
        _ => return Err(ApiError::bad("'separator' must be one character")),
    };
    let (offset, max) = page(request, 1_000, BRANCHES_MAX)?;
    let (branches, loading) = tsd.catalog.branches(prefix, separator, &words(request)?, &patterns(request)?).map_err(error)?;
    let hit = |branch: &crate::catalog::Branch| {
        let path = format!("{prefix}{}", branch.name);
        json!({"name": branch.name, "path": path, "metrics": branch.metrics, "is_metric": branch.is_metric, "is_branch": branch.is_branch})
    };
    let hits: Vec<_> = branches.iter().skip(offset).take(max).map(hit).collect();
    Ok(ApiResponse::json(json!({"total": branches.len(), "loading": loading, "hits": hits}).to_string()))
}
