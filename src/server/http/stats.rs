//! `/api/stats`, `/stats` and what lies below. Source: recorded scenario `stats`.
//!
//! Numbers of the Java TSD that have no meaning here (asynchbase's region clients, the JVM's pools) are
//! not shown. `/api/stats/jvm` and `threads` tell of this process, `region_clients` of none: gateways hold the regions.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::reply;
use crate::clock;
use crate::stats::Sample;
use crate::tsd::Tsd;
use crate::uid::{UidKind, UidStats};
use serde_json::{Value, json};

/// Answers all of them.
pub fn stats(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST"])?;
    if request.version == 0 {
        return Ok(old(tsd, request));
    }
    let body = match reply::below(request) {
        "jvm" => process(),
        "threads" => threads(),
        "region_clients" => json!([]),
        "query" => tsd.queries.to_json(),
        _ => lines(tsd),
    };
    Ok(ApiResponse::json(body.to_string()))
}

/// Text on the old path, a JSON array of the same lines with `json`.
fn old(tsd: &Tsd, request: &ApiRequest) -> ApiResponse {
    let text = text(tsd);
    if request.has_param("json") {
        return reply::list(text.lines());
    }
    ApiResponse { content_type: "text/plain", ..ApiResponse::json(text) }
}

/// All numbers: those of the front, of names, of the engine and of the process. Those of one name stand together.
pub fn samples(tsd: &Tsd) -> Vec<Sample> {
    let mut all = tsd.stats.samples();
    name_samples(tsd, &mut all);
    all.push(Sample::gauge("tsd.query.count", Some(("type", "running")), tsd.queries.running() as u64));
    let engine = tsd.engine.counters();
    all.push(Sample::counter("tsd.query.subqueries", None, engine.queries.get()));
    all.push(Sample::counter("tsd.query.rows_read", None, engine.rows_read.get()));
    all.push(Sample::counter("tsd.query.bytes_read", None, engine.bytes_read.get()));
    all.push(Sample::counter("tsd.query.points_read", None, engine.points_read.get()));
    all.push(Sample::counter("tsd.query.points_answered", None, engine.points_answered.get()));
    all.push(Sample::counter("tsd.query.points_deleted", None, engine.points_deleted.get()));
    compaction_samples(tsd, &mut all);
    tsd.writer.stats(&mut |name, value| all.push(part_sample("write", name, value)));
    if let Some(publisher) = &tsd.publisher {
        publisher.stats(&mut |name, value| all.push(part_sample("rtpublisher", name, value)));
    }
    if let Some(live) = &tsd.live {
        live.stats(&mut |name, value| all.push(part_sample("meta", name, value)));
    }
    super::similar::samples(tsd, &mut all);
    tsd.store.stats(&mut |name, value| all.push(part_sample("store", name, value)));
    if let Some(pages) = field("/proc/self/statm", 1) {
        all.push(Sample::gauge("tsd.process.resident_bytes", None, pages * PAGE_BYTES));
    }
    all
}

/// A number that a part of the house tells by its own name, with the part's name before it; `NAME table=TABLE` for one of
/// several tables. What only grows is a counter.
fn part_sample(part: &str, name: &str, value: u64) -> Sample {
    const GROWING: &str = "points refused misses lookups cells late_skipped rejected passes failed_passes created counted_points failed \
        published dropped failures written fsyncs calls errors repeats reconnects cells_written cells_read rows_read rows_returned \
        bytes_written seeks leaps merged_batches scanners_left batches_direct batches_journalled syncs merges merge_ms";
    let (name, table) = name.split_once(" table=").map_or((name, None), |(name, table)| (name, Some(("table", table.to_owned().into()))));
    let name_in_full = format!("tsd.{part}.{}", name.replace(':', "_"));
    let last = name.rsplit('.').next().unwrap_or(name);
    let make = if GROWING.split_whitespace().any(|growing| growing == last) { Sample::counter } else { Sample::gauge };
    Sample { tag: table, ..make(name_in_full, None, value) }
}

/// The background compaction, by OpenTSDB's names; the queue and what was done are shown while it is on.
fn compaction_samples(tsd: &Tsd, all: &mut Vec<Sample>) {
    let stats = tsd.writer.compaction();
    let counter = |name: &'static str, tag, value| Sample::counter(name, tag, value);
    all.push(counter("tsd.compaction.count", None, stats.count));
    all.push(counter("tsd.compaction.duplicates", Some(("type", "identical")), stats.same));
    all.push(counter("tsd.compaction.duplicates", Some(("type", "variant")), stats.different));
    if !stats.enabled {
        return;
    }
    all.push(Sample::gauge("tsd.compaction.queue.size", None, stats.queue));
    all.push(counter("tsd.compaction.queue.dropped", None, stats.dropped));
    all.push(counter("tsd.compaction.errors", Some(("rpc", "read")), stats.read_errors));
    all.push(counter("tsd.compaction.errors", Some(("rpc", "put")), stats.put_errors));
    all.push(counter("tsd.compaction.errors", Some(("rpc", "delete")), stats.delete_errors));
    all.push(counter("tsd.compaction.writes", None, stats.writes));
    all.push(counter("tsd.compaction.deletes", None, stats.deletes));
}

/// Caches and ids of each kind of names.
fn name_samples(tsd: &Tsd, all: &mut Vec<Sample>) {
    let kinds = [("metrics", UidKind::Metric), ("tagk", UidKind::Tagk), ("tagv", UidKind::Tagv)];
    let kinds = kinds.map(|(name, kind)| (Some(("kind", name)), tsd.uids.stats(kind)));
    let mut each = |name: &'static str,
                    sample: fn(&'static str, Option<(&'static str, &'static str)>, u64) -> Sample,
                    number: fn(&UidStats) -> u64| {
        all.extend(kinds.iter().map(|(tag, stats)| sample(name, *tag, number(stats))));
    };
    each("tsd.uid.cache-hit", Sample::counter, |s| s.cache_hits);
    each("tsd.uid.cache-miss", Sample::counter, |s| s.cache_misses);
    each("tsd.uid.cache-size", Sample::gauge, |s| s.cache_size);
    each("tsd.uid.random-collisions", Sample::counter, |s| s.random_collisions);
    each("tsd.uid.ids-used", Sample::gauge, |s| s.last_id);
    each("tsd.uid.ids-available", Sample::gauge, |s| s.max_possible.saturating_sub(s.last_id));
    if let Some(filter) = &tsd.whitelist {
        for (name, kind) in [("metrics", UidKind::Metric), ("tagk", UidKind::Tagk), ("tagv", UidKind::Tagv)] {
            let (accepted, rejected) = filter.asked(kind);
            all.push(Sample::counter("tsd.uid.filter.whitelist.accepted", Some(("type", name)), accepted));
            all.push(Sample::counter("tsd.uid.filter.whitelist.rejected", Some(("type", name)), rejected));
        }
    }
}

/// Bytes of a page of memory on Linux.
const PAGE_BYTES: u64 = 4096;

/// A number of a one-line file, by its place.
fn field(path: &str, place: usize) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.split_whitespace().nth(place)?.parse().ok()
}

/// The tag that tells machines apart: `host` and this machine's name, or, with `tsd.stats.canonical`, `fqdn` and its
/// name with its domain, where the system's file of hosts has one.
fn host(tsd: &Tsd) -> (&'static str, String) {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if name.trim().is_empty() { "localhost" } else { name.trim() };
    if !tsd.settings.stats_canonical {
        return ("host", name.to_owned());
    }
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    ("fqdn", canonical(name, &hosts).unwrap_or(name).to_owned())
}

/// The first name of the line of `hosts` that knows `name`; the first with a dot if several lines do.
fn canonical<'a>(name: &str, hosts: &'a str) -> Option<&'a str> {
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    let firsts: Vec<&str> = lines.filter(|names| names.clone().any(|n| n == name)).filter_map(|mut names| names.next()).collect();
    firsts.iter().find(|first| first.contains('.')).or(firsts.first()).copied()
}

/// Telnet's `stats`: `name time value tag=value host=name`, a line each.
pub fn text(tsd: &Tsd) -> String {
    let (now, (key, host)) = (clock::now_s(), host(tsd));
    let port = port(tsd);
    let mut out = String::new();
    for sample in samples(tsd) {
        let tag = sample.tag.as_ref().map(|(k, v)| format!(" {k}={v}")).unwrap_or_default();
        let port = port.as_ref().map(|p| format!(" port={p}")).unwrap_or_default();
        out.push_str(&format!("{} {now} {}{tag} {key}={host}{port}\n", sample.name, sample.value));
    }
    out
}

/// `tsd.core.stats_with_port` tells several TSDs of one host apart.
fn port(tsd: &Tsd) -> Option<String> {
    tsd.settings.core_stats_with_port.then(|| tsd.settings.network_port.to_string())
}

fn lines(tsd: &Tsd) -> Value {
    let (now, (key, host), port) = (clock::now_s(), host(tsd), port(tsd));
    let line = |sample: Sample| {
        let mut tags = serde_json::Map::new();
        tags.insert(key.to_string(), json!(host));
        if let Some(port) = &port {
            tags.insert("port".to_string(), json!(port));
        }
        if let Some((key, value)) = sample.tag {
            tags.insert(key.to_string(), json!(value));
        }
        json!({"metric": sample.name, "timestamp": now, "value": sample.value.to_string(), "tags": tags})
    };
    Value::Array(samples(tsd).into_iter().map(line).collect())
}

/// The process, in the shape of the JVM's page as far as it has a meaning.
fn process() -> Value {
    let resident = field("/proc/self/statm", 1).unwrap_or(0) * PAGE_BYTES;
    let total = field("/proc/self/statm", 0).unwrap_or(0) * PAGE_BYTES;
    let load: f64 = std::fs::read_to_string("/proc/loadavg").ok().and_then(|t| t.split(' ').next()?.parse().ok()).unwrap_or(-1.0);
    json!({
        "runtime": {"vmName": "none: native code", "vmVersion": env!("CARGO_PKG_VERSION")},
        "os": {"systemLoadAverage": load},
        "memory": {"heapMemoryUsage": {"used": resident, "committed": total}},
    })
}

/// The threads by name.
fn threads() -> Value {
    let tasks = std::fs::read_dir("/proc/self/task").map(|dir| dir.flatten().map(|e| e.path()).collect::<Vec<_>>()).unwrap_or_default();
    let thread = |path: &std::path::PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        let id: u64 = path.file_name().and_then(|n| n.to_str()?.parse().ok()).unwrap_or(0);
        json!({"threadID": id, "name": name.trim(), "state": "RUNNABLE", "interrupted": false, "priority": 5, "stack": []})
    };
    Value::Array(tasks.iter().map(thread).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_names() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1\tweb01 # own\n10.0.0.7 web01.example.com web01\n";
        assert_eq!(canonical("web01", hosts), Some("web01.example.com"));
        assert_eq!(canonical("localhost", hosts), Some("localhost"));
        assert_eq!(canonical("web02", hosts), None);
    }
}
