//! A worker's work on the embedded store: Skyline's nine detectors over a day of many series with one scan of each row, and
//! rules by the thousand.
//!
//! `cargo bench --bench worker [-- SERIES [RULES]]`: 2,000 series of 1,440 points in ten metrics and 1,000 rules if nothing
//! is said. Values are noise around a level, so that no detector ends early. The memory is the highest of the process.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark ends where something fails")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tsdb::codec::{PackedCell, pack, scan_key};
use tsdb::config::Settings;
use tsdb::point::{PointTime, Value};
use tsdb::store::{Mutation, RowMutation};
use tsdb::tsd::{Tsd, layout};
use tsdb::uid::UidKind;
use tsdb::worker::anomalies::Watch;
use tsdb::worker::evaluate::Check;
use tsdb::worker::house::{House, Tables};
use tsdb::worker::options::Options;
use tsdb::worker::rule::file::{self, SourceFile};

const METRICS: u32 = 10;
/// A whole hour.
const START: u32 = 1_699_999_200;
const POINTS: u32 = 1_440;
const THREADS: usize = 2;

fn noise(series: u64, k: u64) -> f64 {
    let mut x = series.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(k.wrapping_mul(0x94D0_49BB_1331_11EB));
    x ^= x >> 31;
    x = x.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^= x >> 32;
    100.0 + (x % 10_000) as f64 / 1_000.0
}

fn fill(tsd: &Tsd, series: u32) {
    let layout = layout(&tsd.settings);
    let key = tsd.uids.id_or_create(UidKind::Tagk, "host").unwrap();
    let mut cell = PackedCell::default();
    let hosts = series.div_ceil(METRICS);
    let values: Vec<_> = (0..hosts).map(|host| tsd.uids.id_or_create(UidKind::Tagv, &format!("h{host}")).unwrap()).collect();
    for metric in 0..METRICS {
        let id = tsd.uids.id_or_create(UidKind::Metric, &format!("bench.m{metric}")).unwrap();
        for (host, value) in values.iter().enumerate() {
            let number = u64::from(metric) << 32 | host as u64;
            let rows: Vec<RowMutation> = (0..POINTS / 60)
                .map(|hour| {
                    let base = START + hour * 3_600;
                    let point = |minute: u32| {
                        let at = u64::from(hour * 60 + minute);
                        (PointTime::Seconds(base + minute * 60), Value::Double(noise(number, at)))
                    };
                    let points: Vec<_> = (0..60).map(point).collect();
                    pack(&points, &mut cell).expect("points of one row");
                    let row = [&scan_key(&layout, 0, id.as_bytes(), base), key.as_bytes(), value.as_bytes()].concat();
                    let put = Mutation::Put { family: "t", qualifier: cell.qualifier.clone(), value: cell.value.clone() };
                    RowMutation { row, mutations: vec![put], time: None }
                })
                .collect();
            tsd.store.write(&tsd.settings.storage_hbase_data_table, &rows).unwrap();
        }
    }
    tsd.store.sync().unwrap();
}

/// Highest memory of this process, in MB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

fn main() {
    let args: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (series, rules) = (args.first().copied().unwrap_or(2_000), args.get(1).copied().unwrap_or(1_000));
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        storage_engine: "embedded".into(),
        storage_embedded_path: folder.path().join("data").display().to_string(),
        worker_detect_metrics: "bench.*".into(),
        ..Settings::default()
    };
    let tsd = Arc::new(Tsd::open(settings).unwrap());
    let begun = Instant::now();
    fill(&tsd, series as u32);
    println!("{series} series of {POINTS} points written in {:.1} s; memory {} MB", begun.elapsed().as_secs_f64(), memory());
    let house = Tables::new(tsd.clone());
    let (from, now) = (i64::from(START), i64::from(START + POINTS * 60));
    let begun = Instant::now();
    let (mut seen, mut points) = (0_usize, 0_usize);
    for metric in 0..METRICS {
        let mut count = |window: &tsdb::worker::house::Seen<'_>| {
            (seen, points) = (seen + 1, points + window.times.len());
            true
        };
        house.windows(&format!("bench.m{metric}"), &[0], (from, now), &mut count).unwrap();
    }
    let took = begun.elapsed().as_secs_f64();
    println!("read: {seen} series, {points} points in {took:.2} s, {:.1} M points/s on one core", points as f64 / took / 1e6);
    let options = Options::of(&tsd.settings);
    let mut watch = Watch::new(options.detect.clone()).unwrap();
    let begun = Instant::now();
    let found = watch.look(&house, now, THREADS, &|_, _| true, &AtomicBool::new(false), &mut |_, _, _| {});
    let took = begun.elapsed().as_secs_f64();
    println!(
        "nine detectors, {THREADS} threads: {} series in {took:.2} s, {:.0} series/s, {} anomalous; memory {} MB",
        found.list.looked_at,
        found.list.looked_at as f64 / took,
        found.list.series.len(),
        memory()
    );
    let mut text = String::new();
    for n in 0..rules {
        text.push_str(&format!(
            "[rule.r{n}]\nquery = \"sum:bench.m{}{{host=h{}}}\"\njudge.critical = \"all(#3) > 90\"\nwindow = \"10m\"\n",
            n as u32 % METRICS,
            n % series.div_ceil(METRICS as usize)
        ));
    }
    let set = file::load(&[SourceFile { name: "bench".into(), text, channels: true }]);
    assert_eq!(set.rules.len(), rules, "{:?}", set.faults.first());
    let habits = tsdb::worker::habits::Habits::default();
    let check = Check { house: &house, set: &set, skyline: &options.detect.skyline, habits: &habits, alerts: None, now };
    let begun = Instant::now();
    let judged: usize = set.rules.values().map(|rule| check.run(rule).unwrap().len()).sum();
    let took = begun.elapsed().as_secs_f64();
    println!(
        "rules: {} checked, {judged} groups in {took:.2} s, {:.0} rules a minute on one core",
        set.rules.len(),
        rules as f64 / took * 60.0
    );
}
