//! How fast cells go through one Thrift gateway, and what that costs this process.
//!
//! `TSDB_TEST_THRIFT=host:port cargo bench --bench thrift [seconds]`; without a gateway it says so and measures only our
//! encoder and decoder. Rates depend on the machine; compare them within one run only.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a benchmark fails loudly")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tsdb::store::hbase::{HbaseOptions, HbaseStore};
use tsdb::store::{FamilySpec, Mutation, Prefilter, RowBatch, RowMutation, Scan, Store, TableSpec, TagBytes};

const SERIES: usize = 1_000;
const HOURS: usize = 24;

/// CPU time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10) // a tick is 10 ms
}

/// Runs `work`, which returns how many cells it did, and prints rates.
fn measure(what: &str, points_a_cell: usize, work: impl FnOnce() -> usize) {
    let (begun, before) = (Instant::now(), cpu());
    let cells = work();
    let (took, used) = (begun.elapsed().as_secs_f64(), (cpu() - before).as_secs_f64());
    let rate = cells as f64 / took;
    let points = rate * points_a_cell as f64;
    println!("{what:44} {rate:>11.0} cells/s {points:>11.0} points/s {:>8.3} us/cell here", used * 1e6 / cells as f64);
}

/// `metric, hour, host tag, dc tag`, as a data table has it.
fn key(series: usize, hour: usize) -> Vec<u8> {
    let mut key = vec![0, 0, 1];
    key.extend((1_700_000_000u32 / 3_600 * 3_600 + hour as u32 * 3_600).to_be_bytes());
    key.extend([0, 0, 1, 0, (series >> 8) as u8, series as u8, 0, 0, 2, 0, 0, (series % 7) as u8]);
    key
}

fn put(series: usize, hour: usize, second: usize, length: usize, joined: usize) -> RowMutation {
    let mut qualifier = Vec::new();
    (0..joined).for_each(|n| qualifier.extend((((second + n * 10) as u16) << 4 | 7).to_be_bytes()));
    let value = vec![second as u8; length * joined + usize::from(joined > 1)];
    RowMutation { row: key(series, hour), mutations: vec![Mutation::Put { family: "t", qualifier, value }], time: None }
}

/// Writes batches from several threads for a while.
fn write(store: &HbaseStore, table: &str, seconds: f64, threads: usize, batch: usize, joined: usize) -> usize {
    let (next, cells) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while Instant::now() < until {
                    let at = next.fetch_add(batch, Ordering::Relaxed);
                    let one = |n: usize| put(n % SERIES, n / SERIES % HOURS, n / SERIES / HOURS % 360 * 10, 8, joined);
                    store.write(table, &(at..at + batch).map(one).collect::<Vec<_>>()).unwrap();
                    cells.fetch_add(batch, Ordering::Relaxed);
                }
            });
        }
    });
    cells.into_inner()
}

fn scan(store: &HbaseStore, table: &str, scan: Scan) -> (usize, usize) {
    let (mut scanner, mut batch, mut rows, mut cells) = (store.scan(table, scan).unwrap(), RowBatch::default(), 0, 0);
    while scanner.next(&mut batch).unwrap() {
        rows += batch.len();
        cells += batch.rows().map(|row| row.cells().len()).sum::<usize>();
    }
    (rows, cells)
}

fn table(store: &HbaseStore, kind: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let name = format!("hbase-bench-{now}-{kind}");
    let family = FamilySpec { name: "t", compression: "NONE".into(), bloom: "ROW".into(), versions: 1, ttl: None };
    store.create_table(&TableSpec { name: name.clone(), families: vec![family] }, &[]).unwrap();
    name
}

/// One host's rows by a prefilter, and by reading all and choosing here.
fn prefilter(store: &HbaseStore, table: &str, what: &str) {
    let time = |prefilter: Option<Prefilter>| {
        let begun = Instant::now();
        let rows = scan(store, table, Scan { prefilter, ..Scan::range("", "") }).0;
        (begun.elapsed().as_secs_f64(), rows)
    };
    let host = |host: usize| {
        let tags = vec![TagBytes { key: vec![0, 0, 1], values: vec![vec![0, (host >> 8) as u8, host as u8]] }];
        Some(Prefilter { skip: 7, tagk_width: 3, tagv_width: 3, tags })
    };
    let mut plain: Vec<_> = (0..3).map(|_| time(None)).collect();
    plain.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Among them those whose UIDs end in a byte beyond ASCII: more rows look like theirs.
    let mut hosts: Vec<_> = (0..20).map(|n| time(host(n * 389 % SERIES))).collect();
    hosts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (all, median, worst) = (plain[1], hosts[10], hosts[19]);
    println!(
        "one host of {SERIES}, {what}: median {:.0} ms ({} rows), worst {:.0} ms ({} rows); all {:.0} ms ({} rows): {:.1} and {:.1} times faster",
        median.0 * 1e3,
        median.1,
        worst.0 * 1e3,
        worst.1,
        all.0 * 1e3,
        all.1,
        all.0 / median.0,
        all.0 / worst.0
    );
}

fn main() {
    let seconds = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(4.0);
    let Ok(gateways) = std::env::var("TSDB_TEST_THRIFT") else {
        eprintln!("TSDB_TEST_THRIFT=host:port is missing: start a gateway with scripts/hbase up");
        std::process::exit(2);
    };
    let store = HbaseStore::connect(HbaseOptions::new(HbaseOptions::parse_gateways(&gateways).unwrap())).unwrap();
    let (single, packed) = (table(&store, "single"), table(&store, "packed"));
    for (threads, batch) in [(64, 1), (64, 50), (4, 1_000), (1, 1_000)] {
        let what = format!("write single cells, {threads} threads x {batch}");
        measure(&what, 1, || write(&store, &single, seconds, threads, batch, 1));
    }
    measure("write packed cells of 360, 4 threads x 250", 360, || write(&store, &packed, seconds, 4, 250, 360));
    measure("scan single cells", 1, || scan(&store, &single, Scan::range("", "")).1);
    measure("scan packed cells", 360, || scan(&store, &packed, Scan::range("", "")).1);
    let keys: Vec<_> = (0..SERIES).map(|series| key(series, 3)).collect();
    let mut batch = RowBatch::default();
    let mut get = |table: &str| {
        store.get(table, &keys, &tsdb::store::Columns::All, &mut batch).unwrap();
        batch.rows().map(|row| row.cells().len()).sum::<usize>()
    };
    measure("multi-get of 1,000 rows of single cells", 1, || get(&single));
    measure("multi-get of 1,000 packed rows", 360, || get(&packed));
    prefilter(&store, &single, "single cells");
    prefilter(&store, &packed, "packed cells");
    store.stats(&mut |name, value| println!("{name} {value}"));
}
