//! Every counter once: a fixed list of atomics in small groups, shown as `/api/stats`, as telnet `stats` and as `/metrics`.
//!
//! Names are OpenTSDB's where it counts the same thing. Whoever does the work counts; [`Stats::samples`] only reads.

use std::borrow::Cow;
use std::sync::Arc;
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

/// How long things took: counts by powers of the square root of two, from 1 ms to about 16 minutes.
#[derive(Debug)]
pub struct Latency {
    steps: [Counter; LATENCY_STEPS],
}

impl Default for Latency {
    fn default() -> Latency {
        Latency { steps: std::array::from_fn(|_| Counter::default()) }
    }
}

/// Steps of a [`Latency`]: two for each doubling.
const LATENCY_STEPS: usize = 40;

impl Latency {
    /// Counts one that took so long.
    pub fn record(&self, took: std::time::Duration) {
        let ms = took.as_secs_f64() * 1e3;
        let step = if ms <= 1.0 { 0 } else { (ms.log2() * 2.0).ceil() as usize };
        if let Some(counter) = self.steps.get(step.min(LATENCY_STEPS - 1)) {
            counter.inc();
        }
    }

    /// The milliseconds that so many percent of all stayed below, rounded up to a step; 0 with none.
    pub fn percentile(&self, percent: u64) -> u64 {
        let counts: Vec<u64> = self.steps.iter().map(Counter::get).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total * percent).div_ceil(100);
        let mut seen = 0;
        for (step, count) in counts.iter().enumerate() {
            seen += count;
            if total > 0 && seen >= wanted {
                return 2f64.powf(step as f64 / 2.0).ceil() as u64;
            }
        }
        0
    }
}

/// The port: connections and what comes in over them.
#[derive(Debug, Default)]
pub struct ServerStats {
    /// Connections taken.
    pub connections: Counter,
    /// Connections ended.
    pub connections_closed: Counter,
    /// Connections closed at once because of the limit.
    pub connections_rejected: Counter,
    /// Accepts that failed.
    pub accept_errors: Counter,
    /// Telnet lines.
    pub telnet_lines: Counter,
    /// Requests by HTTP.
    pub http_requests: Counter,
    /// Requests that failed by our fault (5xx).
    pub exceptions: Counter,
    /// How long HTTP requests took.
    pub http_latency: Latency,
}

/// Points that come in.
#[derive(Debug, Default)]
pub struct PutStats {
    /// Telnet `put` lines and HTTP put requests.
    pub received: Counter,
    /// Points taken by telnet.
    pub points_telnet: Counter,
    /// Points taken by HTTP.
    pub points_http: Counter,
    /// Points that the store refused or could not take.
    pub store_errors: Counter,
    /// Points whose value is no number.
    pub invalid_values: Counter,
    /// Points that break another rule.
    pub illegal_arguments: Counter,
    /// Points of a name that is unknown and may not be created.
    pub unknown_metrics: Counter,
}

/// Answers of `/q`.
#[derive(Debug, Default)]
pub struct GraphStats {
    /// Those that were made before.
    pub from_disk: Counter,
    /// Those that were made.
    pub made: Counter,
    /// How long answers took.
    pub latency: Latency,
    /// How long drawing took.
    pub drawing: Latency,
}

/// Queries.
#[derive(Debug, Default)]
pub struct QueryStats {
    /// Answered.
    pub success: Counter,
    /// Refused as wrong (4xx).
    pub invalid: Counter,
    /// Failed (5xx).
    pub exceptions: Counter,
    /// Stopped because the client went away.
    pub cancelled: Counter,
    /// How long queries took.
    pub latency: Latency,
}

/// A bounded line of work: how many are done and wait right now.
#[derive(Debug, Default)]
pub struct Line {
    /// Being done.
    pub running: AtomicU64,
    /// Waiting for their turn.
    pub waiting: AtomicU64,
    /// Bounds of both; 0 before the server starts.
    pub running_max: AtomicU64,
    /// Bound of those that wait.
    pub waiting_max: AtomicU64,
}

/// The lines of the server's threads.
#[derive(Debug, Default)]
pub struct Lines {
    /// Reads of points.
    pub queries: Arc<Line>,
    /// Writes of points.
    pub writes: Arc<Line>,
    /// Puts with `sync`, once their points are in the journal.
    pub syncs: Arc<Line>,
    /// All else.
    pub others: Arc<Line>,
}

/// When a process began to count, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub struct Started(pub i64);

impl Default for Started {
    fn default() -> Started {
        Started(crate::clock::now_ms())
    }
}

/// All counters of one TSD.
#[derive(Debug, Default)]
pub struct Stats {
    /// Since when.
    pub started: Started,
    /// Connections and requests.
    pub server: ServerStats,
    /// Points in.
    pub put: PutStats,
    /// Queries.
    pub query: QueryStats,
    /// What runs and waits on the server's threads.
    pub lines: Lines,
    /// Answers of `/q`.
    pub graph: GraphStats,
}

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One number with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// `tsd.rpc.received`, ...
    pub name: Cow<'static, str>,
    /// Tag and value, at most one.
    pub tag: Option<(&'static str, Cow<'static, str>)>,
    /// The number now.
    pub value: u64,
    /// Its kind.
    pub kind: Kind,
}

impl Sample {
    /// A counter's sample.
    pub fn counter(name: impl Into<Cow<'static, str>>, tag: Option<(&'static str, &'static str)>, value: u64) -> Sample {
        Sample { name: name.into(), tag: tag.map(|(key, value)| (key, value.into())), value, kind: Kind::Counter }
    }
    /// A gauge's sample.
    pub fn gauge(name: impl Into<Cow<'static, str>>, tag: Option<(&'static str, &'static str)>, value: u64) -> Sample {
        Sample { name: name.into(), tag: tag.map(|(key, value)| (key, value.into())), value, kind: Kind::Gauge }
    }
}

impl Stats {
    /// All numbers, those of one name together.
    pub fn samples(&self) -> Vec<Sample> {
        let mut out = Vec::with_capacity(64);
        self.server_samples(&mut out);
        self.put_samples(&mut out);
        self.query_samples(&mut out);
        self.line_samples(&mut out);
        out
    }

    fn server_samples(&self, out: &mut Vec<Sample>) {
        let (s, of) = (&self.server, |value| Some(("type", value)));
        let open = s.connections.get().saturating_sub(s.connections_closed.get() + s.connections_rejected.get());
        out.push(Sample::gauge("tsd.connectionmgr.connections", of("open"), open));
        out.push(Sample::counter("tsd.connectionmgr.connections", of("rejected"), s.connections_rejected.get()));
        out.push(Sample::counter("tsd.connectionmgr.connections", of("total"), s.connections.get()));
        out.push(Sample::counter("tsd.connectionmgr.exceptions", of("accept"), s.accept_errors.get()));
        out.push(Sample::counter("tsd.rpc.received", of("telnet"), s.telnet_lines.get()));
        out.push(Sample::counter("tsd.rpc.received", of("http"), s.http_requests.get()));
        out.push(Sample::counter("tsd.rpc.received", of("put"), self.put.received.get()));
        out.push(Sample::counter("tsd.rpc.exceptions", None, s.exceptions.get()));
        for one in HTTP_LATENCY {
            percentiles(out, [one], of("all"), &s.http_latency);
            percentiles(out, [one], of("graph"), &self.graph.latency);
            percentiles(out, [one], of("gnuplot"), &self.graph.drawing);
        }
        let cache = |value| Some(("cache", value));
        out.push(Sample::counter("tsd.http.graph.requests", cache("disk"), self.graph.from_disk.get()));
        out.push(Sample::counter("tsd.http.graph.requests", cache("miss"), self.graph.made.get()));
    }

    fn put_samples(&self, out: &mut Vec<Sample>) {
        let (p, of) = (&self.put, |value| Some(("type", value)));
        out.push(Sample::counter("tsd.rpc.errors", of("hbase_errors"), p.store_errors.get()));
        out.push(Sample::counter("tsd.rpc.errors", of("invalid_values"), p.invalid_values.get()));
        out.push(Sample::counter("tsd.rpc.errors", of("illegal_arguments"), p.illegal_arguments.get()));
        out.push(Sample::counter("tsd.rpc.errors", of("unknown_metrics"), p.unknown_metrics.get()));
        out.push(Sample::counter("tsd.datapoints.added", of("all"), p.points_telnet.get() + p.points_http.get()));
        out.push(Sample::counter("tsd.datapoints.added", of("telnet"), p.points_telnet.get()));
        out.push(Sample::counter("tsd.datapoints.added", of("http"), p.points_http.get()));
    }

    fn line_samples(&self, out: &mut Vec<Sample>) {
        let Lines { queries, writes, syncs, others } = &self.lines;
        let lines = [("queries", queries), ("writes", writes), ("syncs", syncs), ("others", others)];
        for (name, line) in &lines {
            out.push(Sample::gauge("tsd.pool.running", Some(("type", name)), line.running.load(Ordering::Relaxed)));
        }
        for (name, line) in &lines {
            out.push(Sample::gauge("tsd.pool.waiting", Some(("type", name)), line.waiting.load(Ordering::Relaxed)));
        }
    }

    fn query_samples(&self, out: &mut Vec<Sample>) {
        let q = &self.query;
        out.push(Sample::counter("tsd.http.query.success", None, q.success.get()));
        out.push(Sample::counter("tsd.http.query.invalid_requests", None, q.invalid.get()));
        out.push(Sample::counter("tsd.http.query.exceptions", None, q.exceptions.get()));
        out.push(Sample::counter("tsd.http.query.cancelled", None, q.cancelled.get()));
        percentiles(out, QUERY_LATENCY, None, &q.latency);
    }
}

const HTTP_LATENCY: [(u64, &str); 4] =
    [(50, "tsd.http.latency_50pct"), (75, "tsd.http.latency_75pct"), (90, "tsd.http.latency_90pct"), (95, "tsd.http.latency_95pct")];
const QUERY_LATENCY: [(u64, &str); 4] = [
    (50, "tsd.http.query.latency_50pct"),
    (75, "tsd.http.query.latency_75pct"),
    (90, "tsd.http.query.latency_90pct"),
    (95, "tsd.http.query.latency_95pct"),
];

fn percentiles<const N: usize>(
    out: &mut Vec<Sample>,
    names: [(u64, &'static str); N],
    tag: Option<(&'static str, &'static str)>,
    latency: &Latency,
) {
    for (percent, name) in names {
        out.push(Sample::gauge(name, tag, latency.percentile(percent)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn percentiles_of_latency() {
        let latency = Latency::default();
        assert_eq!(latency.percentile(50), 0);
        for ms in 1..=100 {
            latency.record(Duration::from_millis(ms));
        }
        assert_eq!(latency.percentile(50), 64); // 50 lies in the step up to 64
        assert_eq!(latency.percentile(95), 128);
        latency.record(Duration::from_secs(1 << 30));
        assert!(latency.percentile(100) > 500_000);
    }

    #[test]
    fn samples_of_one_name_stand_together() {
        let stats = Stats::default();
        stats.put.points_http.add(3);
        stats.server.connections.inc();
        let samples = stats.samples();
        let mut names: Vec<&str> = samples.iter().map(|s| &*s.name).collect();
        names.dedup();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names.len(), sorted.len(), "{names:?}");
        let value =
            |name: &str, tag: &str| samples.iter().find(|s| s.name == name && s.tag.as_ref().is_none_or(|t| t.1 == tag)).unwrap().value;
        assert_eq!(value("tsd.datapoints.added", "all"), 3);
        assert_eq!(value("tsd.connectionmgr.connections", "open"), 1);
    }
}
