//! `/api/ui/hosts`, `/api/ui/counters`: hosts (or the values of another tag), and which metrics they have.

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::reply;
use super::asked::{TEXT_BYTES_MAX, error, get, page, tags, text, words, words_of};
use crate::catalog::roll::{Host, HostMetric};
use crate::tsd::Tsd;
use serde_json::json;

/// The tag that names hosts.
const HOST: &str = "host";
/// Hosts when nobody says how many, and at most.
const HOSTS: (usize, usize) = (50, 1_000);
/// Metrics when nobody says how many, and at most.
const METRICS: (usize, usize) = (100, 10_000);
/// Most hosts whose metrics are asked for at once.
const CHOSEN_MAX: usize = 1_000;

/// Hosts by parts of their names and by tags (`web dc=lga`).
pub fn hosts(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    get(request)?;
    let (pairs, parts): (Vec<&str>, Vec<&str>) = text(request, "q")?.split_whitespace().partition(|part| part.contains('='));
    let filter = tags(&pairs.join(","))?;
    let found = tsd.catalog.hosts(tag(request)?, &words_of(&parts.join(" "))?, &filter, page(request, HOSTS.0, HOSTS.1)?).map_err(error)?;
    let hit = |host: &Host| json!({"name": host.name, "series": host.series, "metrics": host.metrics});
    let hits: Vec<_> = found.hits.iter().map(hit).collect();
    let out = json!({"total": found.total, "loading": found.loading, "limited": found.limited, "hits": hits});
    Ok(ApiResponse::json(out.to_string()))
}

/// The metrics of some hosts: `host`, once for each, or `{"hosts":[...]}` in the body of a POST where they are many.
pub fn counters(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST"])?;
    let mut hosts: Vec<String> = request.params_named("host").filter(|host| !host.is_empty()).map(str::to_owned).collect();
    if request.method == "POST" {
        let body = reply::object(request)?.into_iter().filter(|(name, _)| name == "hosts");
        for value in body.filter_map(|(_, value)| value.array("hosts").transpose()) {
            let texts = value.map_err(reply::unreadable)?.into_iter().map(|host| host.text("hosts").map_err(reply::unreadable));
            hosts.extend(texts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten());
        }
    }
    if hosts.is_empty() || hosts.len() > CHOSEN_MAX {
        return Err(ApiError::bad(format!("'host' must be given once for each host, {CHOSEN_MAX} times at most (CHOSEN_MAX)")));
    }
    if hosts.iter().any(|host| host.len() > TEXT_BYTES_MAX) {
        return Err(ApiError::bad(format!("a host's name is longer than {TEXT_BYTES_MAX} bytes (TEXT_BYTES_MAX)")));
    }
    let found = tsd.catalog.host_metrics(tag(request)?, &hosts, &words(request)?, page(request, METRICS.0, METRICS.1)?).map_err(error)?;
    let hit = |metric: &HostMetric| json!({"name": metric.name, "series": metric.series, "hosts": metric.hosts});
    let hits: Vec<_> = found.hits.iter().map(hit).collect();
    let out = json!({"total": found.total, "loading": found.loading, "limited": found.limited, "hits": hits});
    Ok(ApiResponse::json(out.to_string()))
}

/// `tag`: another tag than `host`.
fn tag(request: &ApiRequest) -> Result<&str, ApiError> {
    Ok(Some(text(request, "tag")?).filter(|tag| !tag.is_empty()).unwrap_or(HOST))
}
