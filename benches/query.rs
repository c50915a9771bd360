//! Questions over 1,000 series x 24 h x 10 s in memory: what selecting, decoding, downsampling, grouping cost a point.
//!
//! `cargo bench --bench query`. The store hands out ready batches (a copy of their bytes), so that what remains is the
//! engine's own work; the line "scan only" is that copy alone.

#[path = "support/house.rs"]
mod house;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use tsdb::codec::{Layout, PackedCell, Qualifier, SeriesKey, encode_point, pack};
use tsdb::point::{PointTime, Value};
use tsdb::query::filter::{TagFilter, TagTest};
use tsdb::query::plan::{Aggregator, Downsample, Fill, Interval, Query, RateOptions, Source, SubQuery};
use tsdb::store::{Columns, Result, RowBatch, RowMutation, Scan, Scanner, Store, StoreError, TableSpec};
use tsdb::uid::{UidKind, UidOptions, Uids};

const START: u32 = 1_356_998_400;
const HOURS: u32 = 24;
const SECONDS: u32 = 10;
const ROUNDS: usize = 5;

type Key = (Vec<u8>, &'static str, Vec<u8>);

/// Data as batches by hour; names in a map.
#[derive(Default)]
struct Bench {
    hours: Vec<(u32, Vec<RowBatch>)>,
    names: parking_lot::Mutex<BTreeMap<Key, Vec<u8>>>,
}

struct Batches {
    left: std::vec::IntoIter<RowBatch>,
}

impl Scanner for Batches {
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool> {
        batch.clear();
        let next = self.left.next();
        let more = next.is_some();
        if let Some(next) = next {
            *batch = next;
        }
        Ok(more)
    }
}

fn refuse<T>() -> Result<T> {
    Err(StoreError::Rejected("not in this benchmark".to_string()))
}

impl Store for Bench {
    fn write(&self, _: &str, rows: &[RowMutation]) -> Result<()> {
        let mut names = self.names.lock();
        for row in rows {
            for mutation in &row.mutations {
                if let tsdb::store::Mutation::Put { family, qualifier, value } = mutation {
                    names.insert((row.row.clone(), family, qualifier.clone()), value.clone());
                }
            }
        }
        Ok(())
    }
    fn get(&self, _: &str, keys: &[Vec<u8>], _: &Columns, batch: &mut RowBatch) -> Result<()> {
        batch.clear();
        let names = self.names.lock();
        for key in keys {
            let mut begun = false;
            for ((_, family, qualifier), value) in names.iter().filter(|(k, _)| k.0 == *key) {
                if !begun {
                    batch.push_row(key);
                    begun = true;
                }
                batch.push_cell(family.as_bytes(), qualifier, value, 1);
            }
        }
        Ok(())
    }
    fn scan(&self, _: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        let hour = |key: &[u8]| key.get(3..7).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        let (from, to) = (hour(&scan.start), hour(&scan.stop));
        let wanted = self.hours.iter().filter(|(base, _)| (from..to).contains(base));
        let left: Vec<_> = wanted.flat_map(|(_, batches)| batches.iter().cloned()).collect();
        Ok(Box::new(Batches { left: left.into_iter() }))
    }
    fn increment(&self, _: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        let mut names = self.names.lock();
        let cell = names.entry((row.to_vec(), family, qualifier.to_vec())).or_insert_with(|| vec![0; 8]);
        let new = cell.as_slice().try_into().map_or(0, i64::from_be_bytes) + by;
        *cell = new.to_be_bytes().to_vec();
        Ok(new)
    }
    fn check_and_put(&self, _: &str, row: &[u8], family: &'static str, q: &[u8], expected: Option<&[u8]>, value: &[u8]) -> Result<bool> {
        let mut names = self.names.lock();
        let key = (row.to_vec(), family, q.to_vec());
        let holds = names.get(&key).map(Vec::as_slice) == expected;
        if holds {
            names.insert(key, value.to_vec());
        }
        Ok(holds)
    }
    fn append(&self, _: &str, _: &[u8], _: &'static str, _: &[u8], _: &[u8]) -> Result<()> {
        refuse()
    }
    fn tables(&self) -> Result<Vec<String>> {
        refuse()
    }
    fn create_table(&self, _: &TableSpec, _: &[Vec<u8>]) -> Result<()> {
        refuse()
    }
    fn sync(&self) -> Result<()> {
        Ok(())
    }
    fn describe(&self) -> String {
        "batches in memory".to_string()
    }
    fn is_private(&self) -> bool {
        true
    }
    fn stats(&self, _: &mut dyn FnMut(&str, u64)) {}
}

/// One row: its points in one cell, or each in its own.
fn push_row(batch: &mut RowBatch, key: &[u8], points: &[(PointTime, Value)], packed: bool) {
    batch.push_row(key);
    if packed {
        let mut cell = PackedCell::default();
        if pack(points, &mut cell).is_ok() {
            batch.push_cell(b"t", &cell.qualifier, &cell.value, 1);
        }
        return;
    }
    for &(time, value) in points {
        let (qualifier, bytes): (Qualifier, _) = encode_point(time, value);
        batch.push_cell(b"t", qualifier.encode().as_bytes(), bytes.as_bytes(), 1);
    }
}

fn world(series: usize, packed: bool) -> (Arc<Bench>, Arc<Uids>) {
    let names = Arc::new(Bench::default());
    let uids = new_uids(names.clone());
    let id = |kind, name: &str| uids.id_or_create(kind, name).map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    let (metric, host) = (id(UidKind::Metric, "m"), id(UidKind::Tagk, "host"));
    let hosts: Vec<_> = (0..series).map(|n| id(UidKind::Tagv, &format!("h{n:04}"))).collect();
    let keys: Vec<_> = hosts.iter().map(|h| SeriesKey::new(&Layout::default(), &metric, [(host.as_slice(), h.as_slice())])).collect();
    let mut seed = 0x2545_f491_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % 1_000) as i64
    };
    let mut hours = Vec::new();
    for base in (0..HOURS).map(|h| START + h * 3_600) {
        let mut batches = vec![RowBatch::default()];
        for (at, key) in keys.iter().enumerate() {
            if at % 500 == 499 {
                batches.push(RowBatch::default());
            }
            let points: Vec<_> = (0..3_600 / SECONDS).map(|p| (PointTime::Seconds(base + p * SECONDS), Value::Int(random()))).collect();
            if let Some(batch) = batches.last_mut() {
                push_row(batch, &key.row(base), &points, packed);
            }
        }
        hours.push((base, batches));
    }
    let known = names.names.lock().clone();
    (Arc::new(Bench { hours, names: parking_lot::Mutex::new(known) }), uids)
}

fn new_uids(store: Arc<Bench>) -> Arc<Uids> {
    Arc::new(Uids::new(store, UidOptions::default()))
}

fn question(aggregator: Aggregator, downsample: Option<(i64, Aggregator)>, filter: Option<TagTest>, rate: bool) -> Query {
    let filters = filter.into_iter().map(|test| TagFilter { tagk: "host".to_string(), group_by: true, test }).collect();
    let sub = SubQuery {
        rollup: Default::default(),
        histogram: None,
        index: 0,
        source: Source::Metric("m".to_string()),
        filters,
        explicit_tags: false,
        aggregator,
        downsample: downsample.map(|(ms, function)| Downsample { interval: Interval::Fixed { ms }, function, fill: Fill::None }),
        rate: rate.then_some(RateOptions { counter: false, counter_max: i64::MAX, reset_value: 0, drop_resets: false }),
    };
    let start_ms = i64::from(START) * 1_000;
    Query { start_ms, end_ms: start_ms + i64::from(HOURS) * 3_600_000 - 1_000, subs: vec![sub], unlimited: Default::default() }
}

fn measure(name: &str, points: usize, mut work: impl FnMut() -> usize) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            black_box(work());
            started.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(ROUNDS / 2).copied().unwrap_or_default();
    println!("{name:<44} {:>8.1} ms  {:>6.1} ns/point", median * 1e3, median * 1e9 / points as f64);
}

/// A line of `/proc/self/status` in MiB; 0 where there is none.
fn status_mib(line: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = text.lines().find_map(|l| l.strip_prefix(line)?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    found.unwrap_or_default() / 1024.0
}

fn run(title: &str, series: usize, packed: bool, threads: usize) {
    let (store, uids) = world(series, packed);
    let points = series * (HOURS * 3_600 / SECONDS) as usize;
    println!("{title}: {series} series, {points} points, {threads} thread(s), {:.0} MiB resident", status_mib("VmRSS:"));
    let scan_store = store.clone();
    measure("  scan only", points, || {
        let mut rows = 0;
        let mut batch = RowBatch::default();
        if let Ok(mut scanner) = scan_store.scan("tsdb", Scan::range(vec![0; 7], vec![0xFF; 7])) {
            while scanner.next(&mut batch).unwrap_or(false) {
                rows += batch.len();
            }
        }
        rows
    });
    let engine = house::engine(store, uids, threads);
    let five = 300_000;
    let star = || Some(TagTest::Wildcard { pattern: "*".to_string(), ignore_case: false });
    let one = Some(TagTest::LiteralOr { values: vec!["h0042".to_string()], ignore_case: false });
    let cases = [
        ("  sum:5m-avg", question(Aggregator::Sum, Some((five, Aggregator::Avg)), None, false)),
        ("  sum:5m-avg by host", question(Aggregator::Sum, Some((five, Aggregator::Avg)), star(), false)),
        ("  sum:5m-max:rate", question(Aggregator::Sum, Some((five, Aggregator::Max)), None, true)),
        ("  p99:5m-p99", question(p99(), Some((five, p99())), None, false)),
        ("  sum (raw)", question(Aggregator::Sum, None, None, false)),
        ("  none (raw)", question(Aggregator::None, None, None, false)),
        ("  sum:5m-avg of one host", question(Aggregator::Sum, Some((five, Aggregator::Avg)), one, false)),
    ];
    for (name, query) in cases {
        // The highest resident size is counted anew; what was resident before is the data itself.
        let counted = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        let before = status_mib("VmRSS:");
        measure(name, points, || match engine.run(&query, &Default::default()) {
            Ok(groups) => groups.iter().map(|group| group.points.len()).sum(),
            Err(error) => {
                println!("{name}: {error}");
                0
            }
        });
        if counted {
            println!("{:<44} {:>8.1} MiB more at its peak", "", status_mib("VmHWM:") - before);
        }
    }
}

fn p99() -> Aggregator {
    use tsdb::query::plan::{Estimation, Percentile};
    Aggregator::Percentile(Percentile { per_mille: 990, estimation: Estimation::Legacy })
}

fn main() {
    run("packed rows", 1_000, true, 1);
    run("packed rows", 1_000, true, 2);
    run("single cells", 100, false, 1);
}
