//! Every counter once: a fixed list of atomics, shown as `/api/stats` and as `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the server of a process counts.
#[derive(Debug, Default)]
pub struct Stats {
    /// Of sockets.
    pub connections: Connections,
    /// Of requests and lines.
    pub requests: Requests,
    /// Of points that came in.
    pub points: Points,
}

/// Sockets.
#[derive(Debug, Default)]
pub struct Connections {
    /// Taken since the start.
    pub total: Counter,
    /// Of those, ended.
    pub ended: Counter,
    /// Closed at once: too many were open.
    pub rejected: Counter,
    /// Ended by the other side's reset.
    pub reset: Counter,
    /// Ended because a deadline passed.
    pub timeout: Counter,
    /// Ended by another error.
    pub unknown: Counter,
}

/// Requests and lines.
#[derive(Debug, Default)]
pub struct Requests {
    /// Lines of telnet.
    pub telnet: Counter,
    /// Requests by HTTP, all paths.
    pub http: Counter,
    /// Of those, to `/api/put`.
    pub put: Counter,
    /// Answered with 500: a mistake of ours or of what lies below.
    pub exceptions: Counter,
    /// Refused because too much ran or waited (503).
    pub refused: Counter,
}

/// Points that came in.
#[derive(Debug, Default)]
pub struct Points {
    /// Taken, by telnet.
    pub telnet: Counter,
    /// Taken, by HTTP.
    pub http: Counter,
    /// Refused: no number.
    pub invalid_values: Counter,
    /// Refused: another rule.
    pub illegal_arguments: Counter,
    /// Refused: a name is unknown and may not be created.
    pub unknown_metrics: Counter,
    /// Not taken: journal or store failed, or had no room.
    pub storage_errors: Counter,
}

impl Stats {
    /// Calls `emit` with the name as OpenTSDB has it (without `tsd.`), the tags (`type=open`), and the value of each counter.
    pub fn each(&self, emit: &mut dyn FnMut(&str, &str, u64)) {
        let Stats { connections: c, requests: r, points: p } = self;
        emit("connectionmgr.connections", "type=open", c.total.get().saturating_sub(c.ended.get()));
        emit("connectionmgr.connections", "type=rejected", c.rejected.get());
        emit("connectionmgr.connections", "type=total", c.total.get());
        emit("connectionmgr.exceptions", "type=closed", 0); // Java counts writes to closed sockets; there are none here
        emit("connectionmgr.exceptions", "type=reset", c.reset.get());
        emit("connectionmgr.exceptions", "type=timeout", c.timeout.get());
        emit("connectionmgr.exceptions", "type=unknown", c.unknown.get());
        emit("rpc.received", "type=telnet", r.telnet.get());
        emit("rpc.received", "type=http", r.http.get());
        emit("rpc.received", "type=put", r.put.get());
        emit("rpc.exceptions", "", r.exceptions.get());
        emit("rpc.refused", "", r.refused.get());
        emit("rpc.errors", "type=hbase_errors", p.storage_errors.get());
        emit("rpc.errors", "type=invalid_values", p.invalid_values.get());
        emit("rpc.errors", "type=illegal_arguments", p.illegal_arguments.get());
        emit("rpc.errors", "type=unknown_metrics", p.unknown_metrics.get());
        emit("datapoints.added", "type=telnet", p.telnet.get());
        emit("datapoints.added", "type=http", p.http.get());
    }
}
