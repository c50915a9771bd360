//! Skyline's nine algorithms with consensus over 100,000 series of 1,440 points.
//!
//! `cargo bench --bench detect`. A thousand series of six kinds are judged a hundred times over, first by one thread for the
//! cost of a series, then by two. `BENCH_ROUNDS` makes it more or fewer than a hundred. The bar: 60 s on two cores.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tsdb::worker::detect::{Catalogue, Detector, Scratch, Settings, Window};

const SERIES: usize = 1_000;
const POINTS: usize = 1_440;
const NOW: f64 = 1_700_000_000.0;

type Failure = Box<dyn std::error::Error>;

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
    let names: Vec<String> = Catalogue::default().names().map(str::to_string).collect();
    for name in names {
        let settings = Settings { algorithms: vec![name.clone()], consensus: 1, ..Settings::default() };
        let one = Detector::new(settings, &Catalogue::default())?;
        let (_, busy, _) = run(&one, &times, &all, rounds.div_ceil(10), 1);
        eprintln!("  {name} alone: {:.2} us of a core a series", busy * 1e6 / (SERIES * rounds.div_ceil(10)) as f64);
    }
    Ok(())
}
