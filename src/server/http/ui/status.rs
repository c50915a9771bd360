//! `/api/ui/status`: what this TSD is and does, for the page Status. Counters only grow: the page makes rates of them.

use crate::clock;
use crate::server::http::api::{ApiError, ApiRequest, ApiResponse};
use crate::server::http::{reply, stats};
use crate::server::limits::Limits;
use crate::stats::{Line, Sample};
use crate::tsd::{self, StoreKind, Tsd};
use crate::uid::UidKind;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

/// Answers it.
pub fn status(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET"])?;
    let numbers = Numbers::new(stats::samples(tsd));
    let body = json!({
        "about": about(tsd),
        "writes": writes(&numbers),
        "reads": reads(&numbers),
        "http": {
            "requests": numbers.of("tsd.rpc.received", "http"), "telnet_lines": numbers.of("tsd.rpc.received", "telnet"),
            "failures": numbers.one("tsd.rpc.exceptions"), "latency_ms": numbers.percentiles("tsd.http.latency", "all"),
        },
        "connections": {
            "open": numbers.of("tsd.connectionmgr.connections", "open"), "total": numbers.of("tsd.connectionmgr.connections", "total"),
            "rejected": numbers.of("tsd.connectionmgr.connections", "rejected"), "max": Limits::new(&tsd.settings).connections,
        },
        "journal": journal(&numbers),
        "head": {
            "bytes": numbers.one("tsd.write.head.bytes"), "max_bytes": tsd.settings.storage_head_max_bytes,
            "rows": numbers.one("tsd.write.head.rows"), "loose_rows": numbers.one("tsd.write.head.loose_rows"),
            "named_points": numbers.one("tsd.write.head.named_points"), "lag_ms": numbers.one("tsd.write.flush.lag_ms"),
        },
        "queues": queues(tsd, &numbers),
        "store": store(tsd, &numbers),
        "caches": caches(tsd, &numbers),
        "ids": ids(tsd),
        "process": {
            "resident_bytes": numbers.one("tsd.process.resident_bytes"), "cpu_ms": cpu_ms(),
            "threads": std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count),
        },
        "limits": limits(tsd),
        "warnings": warnings(tsd, &numbers),
    });
    Ok(ApiResponse::json(body.to_string()))
}

/// The numbers of `/api/stats` by name and value of the tag.
struct Numbers(HashMap<(String, String), u64>);

impl Numbers {
    fn new(samples: Vec<Sample>) -> Numbers {
        let named =
            |sample: Sample| ((sample.name.into_owned(), sample.tag.map(|(_, v)| v.into_owned()).unwrap_or_default()), sample.value);
        Numbers(samples.into_iter().map(named).collect())
    }

    fn of(&self, name: &str, tag: &str) -> u64 {
        self.0.get(&(name.to_owned(), tag.to_owned())).copied().unwrap_or(0)
    }

    fn one(&self, name: &str) -> u64 {
        self.of(name, "")
    }

    fn percentiles(&self, name: &str, tag: &str) -> Value {
        let at = |percent: u32| self.of(&format!("{name}_{percent}pct"), tag);
        json!({ "p50": at(50), "p75": at(75), "p90": at(90), "p95": at(95) })
    }

    /// All whose names begin so, without that beginning.
    fn below(&self, prefix: &str) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0.iter().filter_map(move |((name, tag), value)| Some((name.strip_prefix(prefix)?, tag.as_str(), *value)))
    }
}

fn about(tsd: &Tsd) -> Value {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (now, started) = (clock::now_ms(), tsd.stats.started.0);
    json!({
        "version": env!("CARGO_PKG_VERSION"), "host": host.trim(), "mode": tsd.settings.mode, "now": now, "started": started,
        "uptime_ms": (now - started).max(0), "settings": tsd.settings.origin(),
    })
}

fn writes(numbers: &Numbers) -> Value {
    json!({
        "points": numbers.one("tsd.write.points"), "telnet": numbers.of("tsd.datapoints.added", "telnet"),
        "http": numbers.of("tsd.datapoints.added", "http"), "refused": numbers.one("tsd.write.refused"),
        "stored_points": numbers.one("tsd.write.flush.points"), "stored_cells": numbers.one("tsd.write.flush.cells"),
        "failed_passes": numbers.one("tsd.write.flush.failed_passes"), "rejected": numbers.one("tsd.write.flush.rejected"),
        "errors": {
            "store": numbers.of("tsd.rpc.errors", "hbase_errors"), "invalid_values": numbers.of("tsd.rpc.errors", "invalid_values"),
            "illegal_arguments": numbers.of("tsd.rpc.errors", "illegal_arguments"),
            "unknown_metrics": numbers.of("tsd.rpc.errors", "unknown_metrics"),
        },
    })
}

fn reads(numbers: &Numbers) -> Value {
    json!({
        "queries": numbers.one("tsd.http.query.success"), "refused": numbers.one("tsd.http.query.invalid_requests"),
        "failed": numbers.one("tsd.http.query.exceptions"), "cancelled": numbers.one("tsd.http.query.cancelled"),
        "running": numbers.of("tsd.query.count", "running"), "rows": numbers.one("tsd.query.rows_read"),
        "bytes": numbers.one("tsd.query.bytes_read"), "points": numbers.one("tsd.query.points_read"),
        "answered": numbers.one("tsd.query.points_answered"), "latency_ms": numbers.percentiles("tsd.http.query.latency", ""),
    })
}

fn journal(numbers: &Numbers) -> Value {
    json!({
        "bytes": numbers.one("tsd.write.journal.bytes"), "max_bytes": numbers.one("tsd.write.journal.max_bytes"),
        "age_ms": numbers.one("tsd.write.journal.age_ms"), "segments": numbers.one("tsd.write.journal.segments"),
        "written": numbers.one("tsd.write.journal.written"), "fsyncs": numbers.one("tsd.write.journal.fsyncs"),
        "failing": numbers.one("tsd.write.journal.failing") > 0,
    })
}

/// What waits for something else: requests for a thread, rows for their compaction, lines for the publisher.
fn queues(tsd: &Tsd, numbers: &Numbers) -> Value {
    let lines = &tsd.stats.lines;
    let line = |name: &str, line: &Line| {
        json!({
            "name": name, "running": line.running.load(Relaxed), "running_max": line.running_max.load(Relaxed),
            "waiting": line.waiting.load(Relaxed), "waiting_max": line.waiting_max.load(Relaxed), "dropped": 0,
        })
    };
    let mut all = vec![
        line("queries", &lines.queries),
        line("writes", &lines.writes),
        line("other requests", &lines.others),
        line("puts that wait for the store", &lines.syncs),
    ];
    if tsd.writer.compaction().enabled {
        let (waiting, dropped) = (numbers.one("tsd.compaction.queue.size"), numbers.one("tsd.compaction.queue.dropped"));
        all.push(json!({ "name": "compaction of past hours", "waiting": waiting, "dropped": dropped }));
    }
    if tsd.publisher.is_some() {
        let (waiting, dropped) = (numbers.one("tsd.rtpublisher.waiting"), numbers.one("tsd.rtpublisher.dropped"));
        all.push(json!({ "name": "lines for the publisher", "waiting": waiting, "dropped": dropped }));
    }
    all.into()
}

/// The store: its gateways or its files, and what it counts itself.
fn store(tsd: &Tsd, numbers: &Numbers) -> Value {
    let kind = match tsd::store_kind(&tsd.settings) {
        StoreKind::Hbase => "hbase",
        StoreKind::Embedded => "embedded",
    };
    let mut gateways = Vec::new();
    let mut counters = Map::new();
    let mut own: Vec<_> = numbers.below("tsd.store.").collect();
    own.sort_unstable();
    for (name, tag, value) in own {
        match name.strip_prefix("hbase.gateway.").and_then(|rest| rest.strip_suffix(".up")) {
            // `host:port` was written with an underscore.
            Some(gateway) => gateways
                .push(json!({ "name": gateway.rsplit_once('_').map_or(gateway.to_owned(), |(h, p)| format!("{h}:{p}")), "up": value > 0 })),
            None if tag.is_empty() => drop(counters.insert(name.to_owned(), value.into())),
            None => {}
        }
    }
    json!({ "kind": kind, "text": tsd.store.describe(), "gateways": gateways, "tables": tables(tsd, numbers), "counters": counters })
}

fn tables(tsd: &Tsd, numbers: &Numbers) -> Value {
    let s = &tsd.settings;
    let named = [
        ("points", s.storage_hbase_data_table.clone()),
        ("names", s.storage_hbase_uid_table.clone()),
        ("meta data", s.storage_hbase_meta_table.clone()),
        ("trees", s.storage_hbase_tree_table.clone()),
        ("screens and workers", tsd::worker_table(s)),
    ];
    let size = |name: &str, table: &str| tsd.store.is_private().then(|| numbers.of(name, table));
    let table = |(role, name): &(&str, String)| json!({ "role": role, "name": name, "bytes": size("tsd.store.disk_bytes", name), "files": size("tsd.store.files", name) });
    named.iter().map(table).collect::<Vec<_>>().into()
}

/// The caches of names and series: entries, bound, and how often they had the answer.
fn caches(tsd: &Tsd, numbers: &Numbers) -> Value {
    let options = tsd::uid_options(&tsd.settings);
    let names = |name: &str, kind: UidKind| {
        let stats = tsd.uids.stats(kind);
        json!({ "name": name, "size": stats.cache_size, "max": options.names_max + options.ids_max, "hits": stats.cache_hits, "misses": stats.cache_misses })
    };
    let (lookups, misses) = (numbers.one("tsd.write.series_cache.lookups"), numbers.one("tsd.write.series_cache.misses"));
    json!([
        { "name": "series being written", "size": numbers.one("tsd.write.series_cache.names"), "max": tsd.settings.storage_series_cache_max,
          "hits": lookups.saturating_sub(misses), "misses": misses },
        names("metrics", UidKind::Metric),
        names("tag keys", UidKind::Tagk),
        names("tag values", UidKind::Tagv),
    ])
}

fn ids(tsd: &Tsd) -> Value {
    let kinds = [("metrics", UidKind::Metric), ("tag keys", UidKind::Tagk), ("tag values", UidKind::Tagv)];
    let one = |(name, kind): (&str, UidKind)| {
        let stats = tsd.uids.stats(kind);
        // Read once, until this process has seen one: a store that is away must not hold the page up.
        let used = if stats.last_id > 0 { stats.last_id } else { tsd.uids.max_id(kind).unwrap_or(0) };
        json!({ "name": name, "used": used, "possible": stats.max_possible })
    };
    kinds.into_iter().map(one).collect::<Vec<_>>().into()
}

/// The settings that bound what a client may ask for.
fn limits(tsd: &Tsd) -> Value {
    const KEYS: [&str; 10] = [
        "tsd.query.timeout",
        "tsd.query.memory",
        "tsd.query.concurrent",
        "tsd.query.limits.data_points.default",
        "tsd.query.limits.bytes.default",
        "tsd.http.request.max_body",
        "tsd.network.line_bytes_max",
        "tsd.storage.max_tags",
        "tsd.storage.journal.max_bytes",
        "tsd.storage.head.max_bytes",
    ];
    let one = |key: &&str| Some(json!({ "key": key, "value": tsd.settings.get(key)?.to_string() }));
    KEYS.iter().filter_map(one).collect::<Vec<_>>().into()
}

/// What needs somebody's eye, in sentences.
fn warnings(tsd: &Tsd, numbers: &Numbers) -> Value {
    let mut all = Vec::new();
    if numbers.one("tsd.write.journal.failing") > 0 {
        all.push("The journal cannot be written: no points are taken.".to_owned());
    }
    if numbers.one("tsd.store.poisoned") > 0 {
        all.push("The embedded store failed to sync its files and takes nothing more until a restart.".to_owned());
    }
    let (bytes, max) = (numbers.one("tsd.write.journal.bytes"), numbers.one("tsd.write.journal.max_bytes"));
    if max > 0 && bytes > max / 10 * 8 {
        all.push(format!("The journal is {} % full: the store is away or too slow.", bytes.saturating_mul(100) / max));
    }
    let gateways: Vec<u64> = numbers.below("tsd.store.hbase.gateway.").map(|(_, _, up)| up).collect();
    let down = gateways.iter().filter(|up| **up == 0).count();
    if down > 0 {
        all.push(format!("{down} of {} HBase gateways do not answer.", gateways.len()));
    }
    for (name, kind) in [("metrics", UidKind::Metric), ("tag keys", UidKind::Tagk), ("tag values", UidKind::Tagv)] {
        let percent = tsd.uids.stats(kind).warned_percent;
        if percent > 0 {
            all.push(format!("More than {percent} % of the ids of {name} are used."));
        }
    }
    all.into()
}

/// Processor time of this process, in milliseconds.
fn cpu_ms() -> u64 {
    /// Ticks of the kernel's figures, a second.
    const TICKS: u64 = 100;
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything and ends with the last parenthesis, user and system time are 12th and 13th.
    let behind = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = behind.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    ticks * 1000 / TICKS
}
