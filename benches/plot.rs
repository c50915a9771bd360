//! Pictures: 1280x600 with 10 lines of 2,000 points, from the points to the file.
//!
//! `cargo bench --bench plot`. Bars: 15 ms plain, 30 ms smooth (gnuplot's process alone takes 70 to 140 ms). Kinds take turns,
//! so that whatever else the machine does meets all of them; the middle one of the rounds counts. Beside the time that passed
//! stands the time that this thread had a core, which says more on a busy machine.

use jiff::tz::TimeZone;
use std::hint::black_box;
use std::time::Instant;
use tsdb::plot::{Options, Picture, Series, draw, draw_svg};

const START_MS: i64 = 1_764_028_800_000;
const DAY_MS: i64 = 86_400_000;
const ROUNDS: usize = 31;

type Failure = Box<dyn std::error::Error>;

/// Waves with noise.
fn picture(lines: usize, points: i64) -> Picture {
    let mut seed = 7u64;
    let mut noise = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / (1u64 << 31) as f64
    };
    let mut series = Vec::new();
    for n in 0..lines {
        let mut value = |i: i64| 20.0 + 7.0 * n as f64 + 6.0 * (i as f64 / points as f64 * 12.0 + n as f64).sin() + 3.0 * noise();
        let points = (0..points).map(|i| (START_MS + i * DAY_MS / points, value(i))).collect();
        series.push(Series { name: "sys.cpu.user".into(), tags: vec![("host".into(), format!("web{n:02}"))], right: false, points });
    }
    Picture { start_ms: START_MS, end_ms: START_MS + DAY_MS, zone: TimeZone::UTC, series, marks: Vec::new(), heat: None }
}

fn options(query: &str) -> Result<Options, Failure> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Ok(Options::parse(&pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>())?)
}

/// Milliseconds that this thread has had a core.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

/// Times of one kind: passed, and on a core.
#[derive(Default)]
struct Times {
    passed: Vec<f64>,
    on_core: Vec<f64>,
}

impl Times {
    fn take(&mut self, work: impl FnOnce() -> Result<usize, Failure>) -> Result<usize, Failure> {
        let (begun, core) = (Instant::now(), cpu());
        let done = work()?;
        self.passed.push(begun.elapsed().as_secs_f64() * 1e3);
        self.on_core.push(cpu() - core);
        Ok(done)
    }

    fn show(&mut self, name: &str, size: usize) {
        let middle = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 2).copied().unwrap_or(0.0)
        };
        let (passed, on_core) = (middle(&mut self.passed), middle(&mut self.on_core));
        println!("{name:22} {passed:8.2} ms passed, {on_core:8.2} ms on a core, {} kB", size / 1000);
    }
}

fn main() -> Result<(), Failure> {
    let ten = picture(10, 2_000);
    let hundred = picture(100, 2_000);
    let thousands = picture(10_000, 60);
    let long = picture(1, 2_000_000);
    let kinds = [
        ("plain", &ten, "wxh=1280x600&style=lines", ROUNDS),
        ("smooth (csplines)", &ten, "wxh=1280x600&style=lines&smooth=csplines", ROUNDS),
        ("area", &ten, "wxh=1280x600&style=area", ROUNDS),
        ("stacked", &ten, "wxh=1280x600&style=stacked", ROUNDS),
        ("logarithmic", &ten, "wxh=1280x600&style=lines&ylog", ROUNDS),
        ("300x120", &ten, "wxh=300x120&nokey", ROUNDS),
        ("100 lines", &hundred, "wxh=1280x600&style=lines", 5),
        ("10,000 lines of 60", &thousands, "wxh=1280x600&style=lines", 3),
        ("1 line of 2,000,000", &long, "wxh=1280x600&style=lines", 3),
    ];
    let mut all: Vec<(Times, usize)> = kinds.iter().map(|_| (Times::default(), 0)).collect();
    let mut svg = (Times::default(), 0);
    for round in 0..ROUNDS {
        for ((_, picture, query, rounds), (times, size)) in kinds.iter().zip(&mut all) {
            if round < *rounds {
                let options = options(query)?;
                *size = times.take(|| Ok(black_box(draw(picture, &options)?).len()))?;
            }
        }
        let options = options("wxh=1280x600&style=lines")?;
        svg.1 = svg.0.take(|| Ok(black_box(draw_svg(&ten, &options)?).len()))?;
    }
    for ((name, ..), (times, size)) in kinds.iter().zip(&mut all) {
        times.show(name, *size);
    }
    svg.0.show("plain, as SVG", svg.1);
    Ok(())
}
