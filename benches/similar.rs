//! Search for similar series in an index of 100,000 series of 60 points.
//!
//! `cargo bench --bench similar`. Queries with many words, with few, and with so few that most series have them. The bar: 1 s
//! a search once the index is there.

use std::time::Instant;
use tsdb::worker::similar::{Entry, Index, Method, Search};

const SERIES: usize = 100_000;
const POINTS: usize = 60;

fn series(at: usize, seed: &mut u64) -> Vec<f64> {
    let mut random = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let (mut walk, step) = (0.0, at / 4 % POINTS);
    let value = |i: usize| -> f64 {
        let noise = random();
        walk += noise;
        match at % 4 {
            0 => noise,
            1 => (i as f64 / 9.0 + at as f64).sin() * 10.0 + noise,
            2 => walk,
            _ => {
                if i < step {
                    1.0
                } else {
                    40.0 + noise
                }
            }
        }
    };
    (0..POINTS).map(value).collect()
}

/// Milliseconds that this thread has been on a core: what else the machine does must not count (0 where that is not told).
fn on_core() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0.0) / 1e6
}

fn main() {
    let mut seed = 7;
    let all: Vec<Vec<f64>> = (0..SERIES).map(|at| series(at, &mut seed)).collect();
    let begun = Instant::now();
    let entries =
        all.iter().enumerate().map(|(i, values)| Entry { id: i.to_string(), name: format!("m{{host=h{i}}}"), values: values.clone() });
    let index = Index::build(entries);
    eprintln!("index of {SERIES} series of {POINTS} points: {:.2} s, {} MB", begun.elapsed().as_secs_f64(), index.bytes() >> 20);
    let rise: Vec<f64> = (0..POINTS).map(|i| if i < 30 { 0.0 } else { 10.0 }).collect();
    let bump: Vec<f64> = (0..POINTS).map(|i| if (20..40).contains(&i) { 10.0 } else { 0.0 }).collect();
    let pick = |at: usize| all.get(at).cloned().unwrap_or_default();
    let queries = [("noise", pick(1_000)), ("wave", pick(1_001)), ("walk", pick(1_002)), ("one rise", rise), ("rise and fall", bump)];
    for (name, query) in queries {
        for method in [Method::FastDtw, Method::Euclidian] {
            let search = Search { method, ..Search::default() };
            let (begun, busy) = (Instant::now(), on_core());
            let results = index.search(&query, &search);
            let (core, ms) = (on_core() - busy, begun.elapsed().as_secs_f64() * 1e3);
            let begun = Instant::now();
            index.search(&query, &Search { threads: 2, ..search });
            let two = begun.elapsed().as_secs_f64() * 1e3;
            let total = results.total;
            eprintln!("{name}, {method:?}: {core:.0} ms of a core ({ms:.0} ms), {two:.0} ms with two threads, {total} have the phrase");
        }
    }
}
