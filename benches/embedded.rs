//! The embedded store: 1,000 series x 24 hours x 10 s in packed cells, written, merged, scanned, read.
//!
//! `cargo bench --bench embedded [-- DIRECT_BYTES [HOSTS]]`. Values are those of a load generator: half the metrics whole numbers
//! below 1,000, half decimals with three places below 100, all without order. One core does the work that is timed, but
//! for merges in the background; CPU is that of the whole process.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark ends where something fails")]

use std::time::{Duration, Instant};
use tsdb::store::embedded::{EmbeddedOptions, EmbeddedStore};
use tsdb::store::{Columns, FamilySpec, Mutation, Prefilter, RowBatch, RowMutation, Scan, Store, TableSpec, TagBytes};

const METRICS: u32 = 10;
const HOURS: u32 = 24;
/// Points of a host: metrics x hours x 360.
const HOST_POINTS: u64 = 86_400;
const START: u32 = 1_699_999_200;

/// Row key of a series' hour: metric, base time, dc, host (dc's UID is the lower one, so hosts are not in front).
fn row_key(host: u32, metric: u32, hour: u32) -> Vec<u8> {
    let uid = |n: u32| n.to_be_bytes().into_iter().skip(1);
    let mut key: Vec<u8> = uid(metric + 1).collect();
    key.extend((START + hour * 3600).to_be_bytes());
    for n in [1, host % 4 + 1, 2, host + 5] {
        key.extend(uid(n));
    }
    key
}

fn value(host: u64, metric: u64, k: u64) -> u64 {
    let mut x = host.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(metric.wrapping_mul(0xBF58_476D_1CE4_E5B9));
    x = x.wrapping_add(k.wrapping_mul(0x94D0_49BB_1331_11EB));
    x ^= x >> 31;
    x = x.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^ (x >> 32)
}

fn packed_cell(host: u32, metric: u32, first: u32, count: u32, hour: u32) -> Mutation {
    let (mut qualifier, mut bytes) = (Vec::new(), Vec::new());
    for i in first..first + count {
        let x = value(u64::from(host), u64::from(metric), u64::from(hour * 360 + i));
        let flags: u16 = if metric % 2 == 1 {
            let number = (x % 100_000) as f64 / 1000.0;
            let single = number as f32;
            if f64::from(single) == number {
                bytes.extend(single.to_be_bytes());
                0xb
            } else {
                bytes.extend(number.to_be_bytes());
                0xf
            }
        } else if x % 1000 < 128 {
            bytes.push((x % 1000) as u8);
            0
        } else {
            bytes.extend(((x % 1000) as u16).to_be_bytes());
            1
        };
        qualifier.extend((((i * 10) as u16) << 4 | flags).to_be_bytes());
    }
    bytes.push(0);
    Mutation::Put { family: "t", qualifier, value: bytes }
}

/// Rows of one hour, sorted, each with the points of `count` steps from `first`.
fn hour_of(hosts: u32, hour: u32, first: u32, count: u32) -> Vec<RowMutation> {
    let series = (0..METRICS).flat_map(|m| (0..hosts).map(move |h| (m, h)));
    let mut rows: Vec<_> = series
        .map(|(m, h)| RowMutation { row: row_key(h, m, hour), mutations: vec![packed_cell(h, m, first, count, hour)], time: None })
        .collect();
    rows.sort_by(|a, b| a.row.cmp(&b.row));
    rows
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> = stat.rsplit(") ").next().unwrap_or_default().split(' ').filter_map(|f| f.parse().ok()).collect();
    Duration::from_millis(fields.iter().skip(10).take(2).sum::<u64>() * 10)
}

fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|l| l.strip_prefix("wchar: ")).and_then(|n| n.parse().ok()).unwrap_or_default()
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).map(|l| l.trim().trim_end_matches(" kB").to_owned());
    peak.and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() / 1024
}

fn write_all(store: &EmbeddedStore, hosts: u32, parts: u32) {
    let points = u64::from(hosts) * HOST_POINTS;
    let (mut wall, mut busy) = (Duration::ZERO, Duration::ZERO);
    let mut raw = 0;
    let before = written_bytes();
    for hour in 0..HOURS {
        for part in 0..parts {
            let rows = hour_of(hosts, hour, part * (360 / parts), 360 / parts);
            raw += rows.iter().map(|r| r.row.len() as u64).sum::<u64>();
            let (start, cpu_start) = (Instant::now(), cpu());
            store.write("tsdb", &rows).expect("write");
            store.sync().expect("sync");
            wall += start.elapsed();
            busy += cpu() - cpu_start;
        }
    }
    let merge = Instant::now();
    let before_merge = written_bytes();
    let unmerged = store.table_bytes("tsdb").expect("bytes");
    store.merge_all().expect("merge");
    let bytes = store.table_bytes("tsdb").expect("bytes");
    println!(
        "write, {parts} cells a row: {:.2} M points/s, {:.3} us CPU a point; files {:.3} -> {:.3} B a point after a full merge of {:.2} s",
        points as f64 / wall.as_secs_f64() / 1e6,
        busy.as_secs_f64() * 1e6 / points as f64,
        unmerged as f64 / points as f64,
        bytes as f64 / points as f64,
        merge.elapsed().as_secs_f64()
    );
    let amplification = (before_merge - before) as f64 / bytes as f64;
    println!("  bytes written {amplification:.2} times the merged files, without the last merge; row keys alone {raw} bytes");
}

fn scan_all(store: &EmbeddedStore, hosts: u32) {
    for round in 0..3 {
        let start = Instant::now();
        let mut scanner = store.scan("tsdb", Scan::range("", "")).expect("scan");
        let (mut batch, mut rows, mut points) = (RowBatch::default(), 0u64, 0u64);
        while scanner.next(&mut batch).expect("rows") {
            rows += batch.len() as u64;
            points += batch.rows().flat_map(|r| r.cells().map(|c| c.qualifier.len() as u64 / 2)).sum::<u64>();
        }
        assert_eq!(points, u64::from(hosts) * HOST_POINTS);
        let rate = points as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!("scan {round}: {rate:.1} M points/s, {:.0} k rows/s", rows as f64 / start.elapsed().as_secs_f64() / 1e3);
    }
}

fn read_rows(store: &EmbeddedStore, hosts: u32) {
    let keys: Vec<_> = (0..5000u32).map(|i| row_key(i * 37 % hosts, i * 7 % METRICS, i * 11 % HOURS)).collect();
    let mut batch = RowBatch::default();
    let start = Instant::now();
    for key in &keys {
        store.get("tsdb", std::slice::from_ref(key), &Columns::All, &mut batch).expect("get");
        assert_eq!(batch.len(), 1);
    }
    println!("get of one row: {:.0} us", start.elapsed().as_secs_f64() * 1e6 / keys.len() as f64);
}

/// One host out of 100,000 by its tag, for an hour: behind a tag of four values (`dc`, in front in the key).
fn filter(store: &EmbeddedStore, hosts: u32) {
    let cell = packed_cell(1, 1, 0, 60, 0);
    for from in (0..hosts).step_by(10_000) {
        let mut rows: Vec<_> =
            (from..from + 10_000).map(|h| RowMutation { row: row_key(h, 500, 0), mutations: vec![cell.clone()], time: None }).collect();
        rows.sort_by(|a, b| a.row.cmp(&b.row));
        store.write("tsdb", &rows).expect("write");
    }
    store.merge_all().expect("merge");
    let (low, high) = ([0, 1, 0xf5], [0, 1, 0xf6]);
    let run = |prefilter: Option<Prefilter>| {
        let start = Instant::now();
        let mut scanner = store.scan("tsdb", Scan { prefilter, ..Scan::range(low, high) }).expect("scan");
        let (mut batch, mut rows) = (RowBatch::default(), 0);
        while scanner.next(&mut batch).expect("rows") {
            rows += batch.len();
        }
        (start.elapsed(), rows)
    };
    let plain = (0..3).map(|_| run(None).0).min().unwrap_or_default();
    let uid = |n: u32| n.to_be_bytes()[1..].to_vec();
    let by = |key: u32, value: u32| Prefilter {
        skip: 7,
        tagk_width: 3,
        tagv_width: 3,
        tags: vec![TagBytes { key: uid(key), values: vec![uid(value)] }],
    };
    let mut times: Vec<_> = (0..40).map(|i| run(Some(by(2, i * 2477 % hosts + 5)))).collect();
    assert!(times.iter().all(|t| t.1 == 1));
    times.sort();
    let none = run(Some(by(3, 1))).0;
    println!(
        "one of {hosts} hosts: plain {plain:.1?}, filtered median {:.1?} worst {:.1?}; a tag that no row has {none:.1?}",
        times[20].0, times[39].0
    );
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let hosts = numbers.get(1).map_or(100, |n| *n as u32);
    for parts in [1, 6] {
        let folder = tempfile::tempdir_in(".").expect("folder");
        let mut options = EmbeddedOptions::default();
        options.direct_bytes = numbers.first().copied().unwrap_or(options.direct_bytes);
        println!("direct from {} bytes", options.direct_bytes);
        let store = EmbeddedStore::open(folder.path(), options).expect("store");
        let family = FamilySpec { name: "t", compression: "NONE".into(), bloom: "ROW".into(), versions: 1, ttl: None };
        store.create_table(&TableSpec { name: "tsdb".into(), families: vec![family] }, &[]).expect("table");
        write_all(&store, hosts, parts);
        scan_all(&store, hosts);
        read_rows(&store, hosts);
        if parts == 1 {
            filter(&store, 100_000);
        }
        println!("peak resident {} MB", resident_mb());
    }
}
