//! The way in: nanoseconds and allocations a point, journal bytes a point, end to end on the embedded store, replay after
//! a kill. `cargo bench --bench write [-- POINTS]`. With `-- POINTS hbase HOST:PORT PREFIX` points of distinct rows go
//! through a gateway as single cells instead, into the tables `PREFIXtsdb` and `PREFIXtsdb-uid`.
//!
//! One thread hands points over, in time order over 1,000 series; syncing and flushing run beside it.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark ends where something fails")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tsdb::point::{Point, PointTime, Rules, TagBuf, Value, line_text, parse_put};
use tsdb::store::embedded::{EmbeddedOptions, EmbeddedStore};
use tsdb::store::hbase::{HbaseOptions, HbaseStore};
use tsdb::store::{FamilySpec, Store, TableSpec};
use tsdb::uid::{UidOptions, Uids};
use tsdb::write::{WriteOptions, Writer};

#[path = "../tests/support/counting.rs"]
mod counting;

use counting::{ALLOCATIONS, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SERIES: usize = 1_000;
const BATCH: usize = 1_000;
const START: u32 = 1_699_999_200;

fn embedded(folder: &Path) -> Arc<dyn Store> {
    let store = EmbeddedStore::open(folder.join("store"), EmbeddedOptions::default()).expect("store");
    for (name, families) in [("tsdb", &["t"][..]), ("tsdb-uid", &["id", "name"])] {
        let family = |&name| FamilySpec { name, compression: "NONE".into(), bloom: "ROW".into(), versions: 1, ttl: None };
        let spec = TableSpec { name: name.into(), families: families.iter().map(family).collect() };
        if !store.tables().expect("tables").iter().any(|t| t == name) {
            store.create_table(&spec, &[]).expect("table");
        }
    }
    Arc::new(store)
}

fn open(store: Arc<dyn Store>, folder: &Path, prefix: &str) -> Arc<Writer> {
    let mut options = WriteOptions::new(folder.join("journal"), store.is_private());
    options.auto_create.metric = true;
    options.table = format!("{prefix}tsdb");
    options.backpressure = 600_000;
    let uids = Uids::new(store.clone(), UidOptions { table: format!("{prefix}tsdb-uid"), ..UidOptions::default() });
    Writer::open(store, Arc::new(uids), options).expect("writer")
}

fn hosts() -> Vec<(String, &'static str)> {
    (0..SERIES).map(|at| (format!("host{at:04}"), ["lga", "fra", "sin", "gru"][at % 4])).collect()
}

/// Point number `at` in time order: ten seconds a round.
fn nth(at: usize, step: u32) -> (usize, PointTime, Value) {
    let x = (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let value = if at.is_multiple_of(2) { Value::Int((x % 1_000) as i64) } else { Value::Double((x % 100_000) as f64 / 1_000.0) };
    (at % SERIES, PointTime::Seconds(START + (at / SERIES) as u32 * step), value)
}

fn stat(writer: &Writer, name: &str) -> u64 {
    let mut found = 0;
    writer.stats(&mut |n, v| found = if n == name { v } else { found });
    found
}

fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let fields: Vec<&str> = text.rsplit_once(')').expect("stat").1.split_whitespace().collect();
    (fields[11].parse::<f64>().expect("user") + fields[12].parse::<f64>().expect("system")) / 100.0
}

/// Hands `points` over; returns the time until the last is on disk, and CPU seconds.
fn load(writer: &Arc<Writer>, points: usize, step: u32) -> (Duration, f64) {
    let hosts = hosts();
    let (start, before) = (Instant::now(), cpu());
    let mut batch = writer.batch();
    let mut last = None;
    for at in 0..points {
        let (host, time, value) = nth(at, step);
        let tags = [("host", hosts[host].0.as_str()), ("dc", hosts[host].1)];
        let point = Point { metric: "sys.cpu.user", time, value, tags: &tags };
        match batch.add_known(&point) {
            Some(result) => result.expect("point"),
            None => batch.add(&point).expect("point"),
        }
        if batch.len() == BATCH {
            last = Some(batch.commit().expect("commit"));
        }
    }
    last = batch.commit().ok().or(last);
    writer.wait(last.expect("a point")).expect("on disk");
    (start.elapsed(), cpu() - before)
}

/// Warm series: a few hundred thousand points into open rows, in rounds.
fn warm(writer: &Arc<Writer>) {
    let hosts = hosts();
    let lines: Vec<Vec<u8>> = (0..SERIES)
        .map(|at| format!("put sys.cpu.user {} {} host={} dc={}", START + 3_000, at % 1_000, hosts[at].0, hosts[at].1).into_bytes())
        .collect();
    let rules = Rules::new(8, "");
    for (what, parse) in [("add_known + commit", false), ("telnet parse + add_known + commit", true)] {
        let mut best = (f64::MAX, f64::MAX, 0.0);
        for round in 0..6 {
            let mut batch = writer.batch();
            let (mut adding, mut total) = (Duration::ZERO, Duration::ZERO);
            let before = ALLOCATIONS.load(Relaxed);
            for second in 0..100u32 {
                let from = Instant::now();
                let mut scratch = String::new();
                for at in 0..SERIES {
                    if parse {
                        let mut buffer = TagBuf::new();
                        let point = parse_put(line_text(&lines[at], &mut scratch), &mut buffer, &rules).expect("line");
                        let point = Point { time: PointTime::Seconds(START + 600 + round * 100 + second), ..point };
                        batch.add_known(&point).expect("known").expect("taken");
                    } else {
                        let tags = [("host", hosts[at].0.as_str()), ("dc", hosts[at].1)];
                        let time = PointTime::Seconds(START + round * 100 + second);
                        batch
                            .add_known(&Point { metric: "sys.cpu.user", time, value: Value::Int(at as i64), tags: &tags })
                            .expect("known")
                            .expect("taken");
                    }
                }
                adding += from.elapsed();
                batch.commit().expect("commit");
                total += from.elapsed();
            }
            let points = (SERIES * 100) as f64;
            let each = |d: Duration| d.as_nanos() as f64 / points;
            if each(total) < best.0 {
                best = (each(total), each(adding), (ALLOCATIONS.load(Relaxed) - before) as f64 / points);
            }
        }
        println!("{what:<36} {:>6.1} ns/point (before the commit {:.1}), {:.4} allocations/point", best.0, best.1, best.2);
    }
}

fn on_embedded(points: usize) {
    let folder = tempfile::tempdir().expect("folder");
    let store = embedded(folder.path());
    let writer = open(store.clone(), folder.path(), "");
    load(&writer, SERIES, 1);
    warm(&writer);
    drop(writer);

    let folder = tempfile::tempdir().expect("folder");
    let store = embedded(folder.path());
    let writer = open(store.clone(), folder.path(), "");
    let (time, cpu) = load(&writer, points, 10);
    let rate = |t: Duration| points as f64 / t.as_secs_f64() / 1e6;
    println!(
        "embedded, on disk: {:.2} M points/s, {:.0} ns CPU a point, {} fsyncs",
        rate(time),
        cpu * 1e9 / points as f64,
        stat(&writer, "journal.fsyncs")
    );
    println!(
        "journal: {:.2} bytes a point; head {} MB",
        stat(&writer, "journal.written") as f64 / points as f64,
        stat(&writer, "head.bytes") >> 20
    );
    let from = Instant::now();
    writer.shutdown().expect("shutdown");
    let cells = stat(&writer, "flush.cells");
    println!(
        "shutdown {:.2} s; {:.1} points a cell; table {:.2} bytes a point",
        from.elapsed().as_secs_f64(),
        points as f64 / cells as f64,
        table_bytes(folder.path()) / points as f64
    );
    drop((writer, store));

    let folder = tempfile::tempdir().expect("folder");
    let store = embedded(folder.path());
    let writer = open(store.clone(), folder.path(), "");
    load(&writer, points, 10);
    drop(writer); // without a flush, as a kill
    let from = Instant::now();
    let writer = open(store, folder.path(), "");
    let found = writer.replayed().points;
    println!(
        "replay of {found} points, {} MB: {:.2} s, {:.2} M points/s",
        stat(&writer, "journal.bytes") >> 20,
        from.elapsed().as_secs_f64(),
        found as f64 / from.elapsed().as_secs_f64() / 1e6
    );
}

fn table_bytes(folder: &Path) -> f64 {
    let mut sum = 0;
    let mut folders = vec![folder.join("store")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("folder") {
            let entry = entry.expect("entry");
            let meta = entry.metadata().expect("meta");
            if meta.is_dir() { folders.push(entry.path()) } else { sum += meta.len() }
        }
    }
    sum as f64
}

fn on_hbase(points: usize, gateway: &str, prefix: &str) {
    let folder = tempfile::tempdir().expect("folder");
    let (host, port) = gateway.split_once(':').expect("HOST:PORT");
    let options = HbaseOptions::new(vec![(host.to_owned(), port.parse().expect("port"))]);
    let store: Arc<dyn Store> = Arc::new(HbaseStore::connect(options).expect("gateway"));
    let writer = open(store, folder.path(), prefix);
    load(&writer, SERIES, 1);
    writer.flush(Duration::from_secs(60)).expect("flush");
    // An hour a round: every point has a row of its own.
    let (from, before) = (Instant::now(), cpu());
    load(&writer, points, 3_600);
    writer.flush(Duration::from_secs(600)).expect("flush");
    let time = from.elapsed().as_secs_f64();
    println!(
        "HBase, single cells, distinct rows: {:.1} k points/s stored, {:.2} us CPU a point",
        points as f64 / time / 1e3,
        (cpu() - before) * 1e6 / points as f64
    );
    writer.shutdown().expect("shutdown");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let points = arguments.first().and_then(|p| p.parse().ok()).unwrap_or(8_640_000);
    match arguments.get(1..) {
        Some([engine, gateway, prefix]) if engine == "hbase" => on_hbase(points, gateway, prefix),
        _ => on_embedded(points),
    }
}
