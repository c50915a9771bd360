//! Pictures: 1280x600 with 10 lines of 2,000 points, from the points to the file.
//!
//! `cargo bench --bench plot`. Bars: 15 ms plain, 30 ms smooth (gnuplot's process alone takes 70 to 140 ms). Kinds take turns,
//! so that whatever else the machine does meets all of them; the middle one of the rounds counts.

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
    let mut all: Vec<(Vec<f64>, usize)> = vec![(Vec::new(), 0); kinds.len()];
    let mut svg = Vec::new();
    for round in 0..ROUNDS {
        for ((_, picture, query, rounds), (times, size)) in kinds.iter().zip(&mut all) {
            if round >= *rounds {
                continue;
            }
            let options = options(query)?;
            let begun = Instant::now();
            *size = black_box(draw(picture, &options)?).len();
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let options = options("wxh=1280x600&style=lines")?;
        let begun = Instant::now();
        black_box(draw_svg(&ten, &options));
        svg.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let middle = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        (times.get(times.len() / 2).copied().unwrap_or(0.0), times.first().copied().unwrap_or(0.0))
    };
    for ((name, ..), (times, size)) in kinds.iter().zip(&mut all) {
        let (median, best) = middle(times);
        println!("{name:22} {median:7.2} ms (best {best:.2}), {} kB", *size / 1000);
    }
    let (median, best) = middle(&mut svg);
    println!("{:22} {median:7.2} ms (best {best:.2})", "plain, as SVG");
    Ok(())
}
