//! `/metrics`: the same numbers as `/api/stats` in Prometheus' text form.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::{reply, stats};
use crate::stats::{Kind, Sample};
use crate::tsd::Tsd;

/// Answers it.
pub fn metrics(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET"])?;
    let body = render(&stats::samples(tsd));
    Ok(ApiResponse { content_type: "text/plain; version=0.0.4; charset=utf-8", ..ApiResponse::json(body) })
}

/// Samples of one name must stand together, and they do.
fn render(samples: &[Sample]) -> String {
    let mut out = String::new();
    let mut last = "";
    for sample in samples {
        // A name with counters and gauges under one roof can only be untyped.
        let mut kinds = samples.iter().filter(|s| s.name == sample.name).map(|s| s.kind);
        let kind = match kinds.next() {
            Some(first) if kinds.all(|k| k == first) => {
                if first == Kind::Counter {
                    "counter"
                } else {
                    "gauge"
                }
            }
            _ => "untyped",
        };
        let name = sample.name.replace(['.', '-'], "_");
        if last != sample.name {
            out.push_str(&format!("# TYPE {name} {kind}\n"));
            last = &sample.name;
        }
        let tag = sample.tag.as_ref().map(|(k, v)| format!("{{{k}=\"{v}\"}}")).unwrap_or_default();
        out.push_str(&format!("{name}{tag} {}\n", sample.value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        let samples = [
            Sample::counter("tsd.rpc.received", Some(("type", "telnet")), 3),
            Sample::counter("tsd.rpc.received", Some(("type", "http")), 4),
            Sample::gauge("tsd.uid.cache-size", None, 5),
            Sample::gauge("tsd.connections", Some(("type", "open")), 1),
            Sample::counter("tsd.connections", Some(("type", "total")), 2),
        ];
        let want = "# TYPE tsd_rpc_received counter\ntsd_rpc_received{type=\"telnet\"} 3\ntsd_rpc_received{type=\"http\"} 4\n\
                    # TYPE tsd_uid_cache_size gauge\ntsd_uid_cache_size 5\n\
                    # TYPE tsd_connections untyped\ntsd_connections{type=\"open\"} 1\ntsd_connections{type=\"total\"} 2\n";
        assert_eq!(render(&samples), want);
    }
}
