//! Skyline's nine algorithms with consensus over 100,000 series of 1,440 points.
//!
//! `cargo bench --bench detect`. A thousand series of six kinds are judged a hundred times over, first by one thread for the
//! cost of a series, then by two. `BENCH_ROUNDS` makes it more or fewer than a hundred. With `BENCH_STORED=100000` so many
//! series are also put into an embedded store, read back by two threads, a metric each, and judged as they come. The bar:
//! 60 s on two cores, reading included.

#[path = "support/house.rs"]
mod house;

use house::Failure;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tsdb::codec::{Layout, SeriesKey};
use tsdb::point::{Number, PointTime, Value};
use tsdb::query::engine::windows::{Next, WindowQuery};
use tsdb::query::engine::{Cancel, Engine};
use tsdb::query::plan::{Source, SubQuery};
use tsdb::uid::UidKind;
use tsdb::worker::detect::{Catalogue, Detector, Scratch, Settings, Window};

const SERIES: usize = 1_000;
const POINTS: usize = 1_440;
const NOW: f64 = 1_700_000_000.0;

fn series(kind: usize, seed: &mut u64) -> Vec<f64> {
    let mut random = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let mut walk = 0.0;
    let value = |i: usize| -> f64 {
        let (x, noise) = (i as f64, random());
        walk += noise;
        match kind % 6 {
            0 => 100.0 + 5.0 * noise,
            1 => 50.0 + 20.0 * (x / POINTS as f64 * std::f64::consts::TAU).sin() + noise,
            2 => walk,
            3 => (4.0 * noise + 2.0).floor(),
            4 => 1_000.0 * x + 100.0 * noise,
            _ => 100.0 + noise + if i + 3 >= POINTS { 40.0 } else { 0.0 },
        }
    };
    (0..POINTS).map(value).collect()
}

/// Seconds that this thread has been on a core: what else the machine does must not count (0 where that is not told).
fn on_core() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0.0) / 1e9
}

/// Seconds by the clock, seconds of all cores, series that were found anomalous.
fn run(detector: &Detector, times: &[f64], all: &[Vec<f64>], rounds: usize, threads: usize) -> (f64, f64, usize) {
    let (next, found, busy) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut scratch = Scratch::default();
                while next.fetch_add(1, Ordering::Relaxed) < rounds {
                    for values in all {
                        let judged = detector.judge(Window { times, values: black_box(values) }, NOW, &mut scratch);
                        let anomalous = judged.is_ok_and(|j| j.anomalous);
                        found.fetch_add(usize::from(anomalous), Ordering::Relaxed);
                    }
                }
                busy.fetch_add((on_core() * 1e6) as usize, Ordering::Relaxed);
            });
        }
    });
    (begun.elapsed().as_secs_f64(), busy.into_inner() as f64 / 1e6, found.into_inner())
}

const METRICS: [&str; 2] = ["m.a", "m.b"];

/// `count` series, half of them of each metric, in an embedded store, as `import` would pack them.
fn stored(dir: &std::path::Path, all: &[Vec<f64>], count: usize) -> Result<Engine, Failure> {
    let (store, uids) = house::store(dir)?;
    let host = uids.id_or_create(UidKind::Tagk, "host")?.as_bytes().to_vec();
    let first = NOW as u32 - 60 * (POINTS as u32 - 1);
    for metric in METRICS {
        let metric = uids.id_or_create(UidKind::Metric, metric)?.as_bytes().to_vec();
        let mut rows = Vec::new();
        for n in 0..count / METRICS.len() {
            // Names are not needed to read whole metrics; giving them would take longer than everything else.
            let host_value = (n as u32 + 1).to_be_bytes();
            let key = SeriesKey::new(&Layout::default(), &metric, [(host.as_slice(), host_value.get(1..).unwrap_or_default())]);
            let values = all.get(n % all.len().max(1)).ok_or("no series")?;
            let points: Vec<(u32, f64)> = values.iter().enumerate().map(|(i, v)| (first + 60 * i as u32, *v)).collect();
            for hour in points.chunk_by(|a, b| a.0 / 3_600 == b.0 / 3_600) {
                let base = hour.first().map_or(0, |p| p.0 / 3_600 * 3_600);
                let points: Vec<_> = hour.iter().map(|(t, v)| (PointTime::Seconds(*t), Value::Double(*v))).collect();
                rows.push(house::packed_row(&key, base, &points)?);
            }
            if rows.len() > 20_000 {
                store.write("tsdb", &std::mem::take(&mut rows))?;
            }
        }
        store.write("tsdb", &rows)?;
    }
    store.sync()?;
    Ok(house::engine(store, uids, 2))
}

/// Reads the series of one metric and judges each. How many there were.
fn read_and_judge(engine: &Engine, metric: &str, detector: &Detector) -> Result<usize, String> {
    let sub = SubQuery::plain(Source::Metric(metric.to_string()));
    let now = NOW as i64 * 1_000;
    let query = WindowQuery { sub: &sub, range_ms: (now - 86_400_000, now), points_max: 100_000, buckets: None };
    let (mut times, mut values, mut scratch, mut count) = (Vec::new(), Vec::new(), Scratch::default(), 0);
    let visit = |window: &tsdb::query::engine::windows::SeriesWindow<'_>| {
        times.clear();
        times.extend(window.times.iter().map(|ms| *ms as f64 / 1e3));
        values.clear();
        values.extend(window.values.iter().map(|v| match v {
            Number::Int(n) => *n as f64,
            Number::Float(x) => *x,
        }));
        let _ = black_box(detector.judge(Window { times: &times, values: &values }, NOW, &mut scratch).is_ok());
        count += 1;
        Next::Go
    };
    engine.windows(&query, &Cancel::default(), visit).map_err(|e| e.to_string())?;
    Ok(count)
}

fn with_reading(all: &[Vec<f64>], count: usize, detector: &Detector) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let begun = Instant::now();
    let engine = stored(dir.path(), all, count)?;
    eprintln!("{count} series stored in {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let (mut judged, mut busy) = (0, 0.0);
    std::thread::scope(|scope| -> Result<(), String> {
        let look = |metric| {
            let judged = read_and_judge(&engine, metric, detector);
            (judged, on_core())
        };
        let threads = METRICS.map(|metric| scope.spawn(move || look(metric)));
        for thread in threads {
            let (one, core) = thread.join().map_err(|_| "a thread ended early".to_string())?;
            judged += one?;
            busy += core;
        }
        Ok(())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{judged} series of {POINTS} points read and judged by 2 threads: {seconds:.1} s, {busy:.1} s of cores");
    Ok(())
}

fn main() -> Result<(), Failure> {
    let rounds: usize = std::env::var("BENCH_ROUNDS").ok().and_then(|v| v.parse().ok()).unwrap_or(100);
    let mut seed = 7;
    let all: Vec<Vec<f64>> = (0..SERIES).map(|kind| series(kind, &mut seed)).collect();
    let times: Vec<f64> = (0..POINTS).map(|i| NOW - 60.0 * (POINTS - 1 - i) as f64).collect();
    let total = SERIES * rounds;
    let full = Detector::new(Settings::default(), &Catalogue::default())?;
    for threads in [1, 2] {
        let (seconds, busy, found) = run(&full, &times, &all, rounds, threads);
        let each = busy * 1e6 / total as f64;
        eprintln!(
            "{total} series of {POINTS} points, {threads} threads: {seconds:.2} s, {each:.1} us of a core a series, {found} anomalous"
        );
    }
    if let Some(count) = std::env::var("BENCH_STORED").ok().and_then(|v| v.parse().ok()) {
        with_reading(&all, count, &full)?;
    }
    let names: Vec<String> = Catalogue::default().names().map(str::to_string).collect();
    for name in names {
        let settings = Settings { algorithms: vec![name.clone()], consensus: 1, ..Settings::default() };
        let one = Detector::new(settings, &Catalogue::default())?;
        let (_, busy, _) = run(&one, &times, &all, rounds.div_ceil(10), 1);
        eprintln!("  {name} alone: {:.2} us of a core a series", busy * 1e6 / (SERIES * rounds.div_ceil(10)) as f64);
    }
    Ok(())
}
