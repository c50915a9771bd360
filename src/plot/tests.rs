//! Whole pictures: known lines are where they should be, nothing hides anything, and no input takes memory or time without end.
//!
//! With `TSDB_PICTURES=folder` the pictures are written there, to be looked at.

use super::*;
use jiff::tz::TimeZone;
use std::time::{Duration, Instant};

const START: i64 = 1_764_028_800_000; // 2025-11-25 00:00 UTC
const HOUR: i64 = 3_600_000;

fn options(query: &str) -> Options {
    let pairs = query.split('&').map(|p| p.split_once('=').unwrap_or((p, "")));
    Options::parse(&pairs.map(|(k, v)| (k.to_string(), v.to_string())).collect::<Vec<_>>()).expect(query)
}

fn empty(hours: i64) -> Picture {
    Picture { start_ms: START, end_ms: START + hours * HOUR, zone: TimeZone::UTC, series: Vec::new(), marks: Vec::new(), heat: None }
}

/// Noise that is the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }
}

fn waves(count: usize, points: i64, hours: i64) -> Picture {
    let mut picture = empty(hours);
    let mut noise = Noise(7);
    for n in 0..count {
        let tags = vec![("dc".to_owned(), "lga".to_owned()), ("host".to_owned(), format!("web{n:02}"))];
        let height = 20.0 + 7.0 * (n % 10) as f64;
        let value = |i: i64| height + 6.0 * ((i as f64 / points as f64) * 12.0 + n as f64).sin() + 3.0 * noise.next();
        let values: Vec<f64> = (0..points).map(value).collect();
        let points = values.into_iter().enumerate().map(|(i, v)| (START + i as i64 * hours * HOUR / points, v)).collect();
        picture.series.push(Series { name: "sys.cpu.user".into(), tags, right: false, points });
    }
    picture
}

/// Draws it both ways; the PNG as pixels.
fn drawn(name: &str, picture: &Picture, query: &str) -> Vec<[u8; 3]> {
    let options = options(query);
    let png = draw(picture, &options).expect(name);
    let svg = draw_svg(picture, &options).expect(name);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"), "{name}");
    if let Ok(folder) = std::env::var("TSDB_PICTURES") {
        std::fs::write(format!("{folder}/{name}.png"), &png).expect("written");
        std::fs::write(format!("{folder}/{name}.svg"), &svg).expect("written");
    }
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(png)).read_info().expect(name);
    let mut bytes = vec![0; reader.output_buffer_size().expect("size")];
    let info = reader.next_frame(&mut bytes).expect(name);
    assert_eq!((info.width, info.height), options.size, "{name}");
    let channels = info.color_type.samples();
    bytes.chunks_exact(channels).map(|c| [c[0], c[1], c[2]]).collect()
}

fn near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 60)
}

const BLUE: [u8; 3] = [0x00, 0x72, 0xB2];
const ORANGE: [u8; 3] = [0xD5, 0x5E, 0x00];

/// Rows of a column in which a colour is.
fn rows(pixels: &[[u8; 3]], width: usize, x: usize, color: [u8; 3]) -> Vec<usize> {
    pixels.iter().skip(x).step_by(width).enumerate().filter(|(_, p)| near(**p, color)).map(|(y, _)| y).collect()
}

#[test]
fn lines_are_where_their_values_are() {
    let mut picture = empty(1);
    let line = |name: &str, points: Vec<(i64, f64)>, right| Series { name: name.into(), tags: Vec::new(), right, points };
    picture.series.push(line("flat", vec![(START, 25.0), (START + HOUR, 25.0)], false));
    picture.series.push(line("rising", vec![(START, 0.0), (START + HOUR, 1000.0)], true));
    let query = "nokey&style=lines&yrange=[0:100]&y2range=[0:1000]&o=&o=axis x1y2&wxh=640x400";
    let sheet = Sheet::new(&picture, &options(query));
    let pixels = drawn("known", &picture, query);
    for part in [0.1, 0.33, 0.9] {
        let x = (sheet.plot.x + sheet.plot.w * part) as usize;
        let flat = rows(&pixels, 640, x, BLUE);
        let want = sheet.plot.y + sheet.plot.h * 0.75;
        assert!(!flat.is_empty() && flat.iter().all(|y| (*y as f32 + 0.5 - want).abs() <= 1.5), "{flat:?} at {want}");
        let rising = rows(&pixels, 640, x, ORANGE);
        let want = sheet.plot.y + sheet.plot.h * (1.0 - part);
        assert!(!rising.is_empty() && rising.iter().all(|y| (*y as f32 + 0.5 - want).abs() <= 2.5), "{rising:?} at {want}");
    }
    assert_eq!((sheet.x(START as f64), sheet.x((START + HOUR) as f64)), (sheet.plot.x, sheet.plot.right()));
    assert_eq!((sheet.y(false, 0.0), sheet.y(true, 1000.0)), (sheet.plot.bottom(), sheet.plot.y));
}

#[test]
fn gaps_are_gaps() {
    let mut picture = empty(1);
    let points = (0..=60).map(|m| (START + m * 60_000, if (20..40).contains(&m) { f64::NAN } else { 5.0 })).collect();
    picture.series.push(Series { name: "m".into(), points, ..Series::default() });
    let query = "nokey&style=lines&wxh=640x400&yrange=[0:10]";
    let sheet = Sheet::new(&picture, &options(query));
    let pixels = drawn("gap", &picture, query);
    let line = |minute: i64| rows(&pixels, 640, sheet.x((START + minute * 60_000) as f64) as usize, BLUE).len();
    assert!(line(10) > 0 && line(50) > 0);
    assert_eq!((line(22), line(30), line(38)), (0, 0, 0));
}

#[test]
fn a_logarithmic_axis_tells_what_it_cannot_show() {
    let mut picture = empty(1);
    let points = (0..=60).map(|m| (START + m * 60_000, if m % 10 == 0 { 0.0 } else { 10f64.powf(m as f64 / 12.0) })).collect();
    picture.series.push(Series { name: "m".into(), points, ..Series::default() });
    let sheet = Sheet::new(&picture, &options("ylog"));
    assert_eq!(sheet.notes, ["7 values at or below 0 cannot be shown on a logarithmic axis"]);
    drawn("log", &picture, "ylog&ylabel=requests per second&title=Log axis");
}

#[test]
fn a_legend_hides_no_data() {
    // The legend's corner is where the data is, in each of the nine places inside.
    for place in
        ["top left", "top center", "top right", "center left", "center", "center right", "bottom left", "bottom center", "bottom right"]
    {
        let picture = waves(4, 300, 6);
        let query = format!("key={place} box&wxh=800x500&style=lines");
        let sheet = Sheet::new(&picture, &options(&query));
        let legend = sheet.legend.as_ref().expect("a legend").rect;
        let options = options(&query);
        for series in &picture.series {
            let points = lines::runs(series, &options, sheet.time.span).concat();
            let spots = points.into_iter().map(|(at, value)| (sheet.x(at), sheet.y(false, value)));
            let hidden = spots.filter(|(x, y)| (legend.x..legend.right()).contains(x) && (legend.y..legend.bottom()).contains(y)).count();
            assert_eq!(hidden, 0, "{place}: {legend:?} {:?}", sheet.plot);
        }
        drawn(&format!("key-{}", place.replace(' ', "-")), &picture, &query);
    }
    for place in [
        "out left top",
        "out center top",
        "out right top",
        "out center left",
        "out center right",
        "out bottom left",
        "out bottom center",
        "out bottom right",
    ] {
        let picture = waves(4, 300, 6);
        let query = format!("key={place}&wxh=800x500");
        let sheet = Sheet::new(&picture, &options(&query));
        let (legend, plot) = (sheet.legend.as_ref().expect("a legend").rect, sheet.plot);
        let apart = legend.right() <= plot.x || legend.x >= plot.right() || legend.bottom() <= plot.y || legend.y >= plot.bottom();
        assert!(apart, "{place}: {legend:?} {plot:?}");
        assert!(legend.x >= 0.0 && legend.y >= 0.0 && legend.right() <= 800.0 && legend.bottom() <= 500.0, "{place}: {legend:?}");
        drawn(&format!("key-{}", place.replace(' ', "-")), &picture, &query);
    }
}

#[test]
fn a_hundred_lines_are_all_named() {
    let sheet = Sheet::new(&waves(100, 100, 24), &options(""));
    let legend = sheet.legend.as_ref().expect("a legend");
    assert_eq!(legend.unnamed(), 0, "{:?}", legend.shape());
    assert!(sheet.plot.h > 350.0, "{:?}", sheet.plot);
    drawn("hundred", &waves(100, 100, 24), "");
}

#[test]
fn gallery() {
    let mut two = waves(2, 288, 24);
    two.series[1].right = true;
    two.series[1].name = "net.bytes".into();
    two.series[1].points.iter_mut().for_each(|p| p.1 *= 41_234.0);
    two.marks.push(Mark { at_ms: START + 7 * HOUR, text: "deploy 4711".into() });
    two.marks.push(Mark { at_ms: START + 7 * HOUR + 600_000, text: "部署完成 rollback of everything that was deployed before".into() });
    two.marks.push(Mark { at_ms: START + 23 * HOUR, text: "end of the day".into() });
    drawn("two-axes", &two, "o=&o=axis x1y2&title=Two axes, 温度 and 東京 서울&ylabel=percent&y2label=bytes per second");
    drawn("plain", &waves(3, 720, 12), "wxh=1024x768");
    drawn("ten", &waves(10, 2000, 24), "wxh=1280x600&style=lines");
    drawn("stacked", &waves(5, 300, 24), "style=stacked&wxh=800x500&title=Stacked");
    drawn("area", &waves(2, 300, 24), "style=area&wxh=800x500");
    drawn("steps", &waves(1, 24, 24), "style=steps&wxh=800x400");
    drawn("few-points", &waves(2, 30, 2), "wxh=800x400");
    drawn("points", &waves(3, 100, 24), "style=points&wxh=800x400&key=out right top");
    drawn("circles", &waves(2, 100, 24), "style=circles&wxh=600x300");
    drawn("dots", &waves(2, 3000, 24), "style=dots&wxh=600x300");
    drawn("splines", &waves(2, 20, 24), "smooth=csplines&wxh=800x400");
    drawn("bezier", &waves(2, 200, 24), "smooth=bezier&wxh=800x400");
    drawn("dark", &waves(5, 200, 24), "bgcolor=x14171A&fgcolor=xE8EAED&wxh=800x400&title=Dark");
    drawn("transparent", &waves(2, 200, 24), "bgcolor=transparent&wxh=800x400");
    drawn("small", &waves(1, 200, 24), "wxh=300x120&nokey&bgcolor=xFFFFFF&fgcolor=x666666");
    drawn("small-key", &waves(3, 200, 24), "wxh=300x200");
    drawn("tiny", &waves(3, 200, 24), "wxh=100x100&title=Tiny&ylabel=left");
    drawn("formats", &waves(1, 200, 24), "yformat=%.1s%cB&xformat=%H:%M&wxh=600x300");
    let mut year = waves(2, 365, 24 * 365);
    year.zone = TimeZone::get("Asia/Shanghai").unwrap();
    drawn("year", &year, "wxh=800x400");
    let mut week = waves(2, 365, 24 * 7);
    week.zone = TimeZone::get("Europe/Berlin").unwrap();
    drawn("week", &week, "wxh=1024x500");
    drawn("no-data", &empty(6), "wxh=800x400");
    let mut heat = empty(24);
    let mut noise = Noise(3);
    let mut row = |n: i32| {
        let mut count =
            |i: i64| (40.0 * (-((n as f64 - 8.0 - 4.0 * (i as f64 / 20.0).sin()) / 3.0).powi(2)).exp() * (0.5 + noise.next())).round();
        let points = (0..144).map(|i| (START + i * 600_000, count(i))).collect();
        HeatRow { lower: f64::from(n) * 5.0, upper: f64::from(n + 1) * 5.0, points }
    };
    heat.heat = Some(Heat { name: "latency".into(), rows: (0..20).map(&mut row).collect() });
    let pixels = drawn("heat", &heat, "wxh=800x400&ylabel=ms&title=Heat map");
    assert!(pixels.iter().any(|p| near(*p, [0x06, 0x26, 0x4A])));
}

#[test]
fn no_data_has_an_axis_from_0_to_10() {
    let sheet = Sheet::new(&empty(6), &options(""));
    let scale = &sheet.left.as_ref().expect("an axis").scale;
    assert_eq!((scale.min, scale.max, sheet.points), (0.0, 10.0, 0));
}

#[test]
fn any_values_make_a_picture() {
    let odd = [f64::MIN, -1e308, -1.0, -5e-324, 0.0, 5e-324, 1e-300, 1.0, 1e308, f64::MAX, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let styles = ["linespoint", "lines", "points", "circles", "dots", "area", "stacked", "steps"];
    let smooths =
        ["", "&smooth=csplines", "&smooth=mcsplines", "&smooth=bezier", "&smooth=unique", "&smooth=cumulative", "&smooth=fnormal"];
    let mut n = 0;
    for first in odd {
        for second in odd {
            let mut picture = empty(1);
            let points = [(START, first), (START + 1, second), (START + 1, first), (START + HOUR / 2, second), (START + HOUR, first)];
            picture.series.push(Series { name: "m".into(), points: points.to_vec(), ..Series::default() });
            n += 1;
            let (style, smooth) = (styles[n % styles.len()], smooths[n % smooths.len()]);
            let log = if n % 3 == 0 { "&ylog" } else { "" };
            let range = ["", "&yrange=[0:]", "&yrange=[:5]", "&yrange=[-1e308:1e308]"][n % 4];
            drawn("odd", &picture, &format!("wxh=120x100&style={style}{smooth}{log}{range}"));
        }
    }
    let mut point = empty(1);
    point.series.push(Series { name: "one".into(), points: vec![(START + HOUR / 2, 42.0)], ..Series::default() });
    let pixels = drawn("one-point", &point, "wxh=400x300&nokey&style=lines");
    assert!(pixels.iter().any(|p| near(*p, BLUE)), "a single point is seen");
    let mut gone = empty(1);
    gone.series.push(Series { name: "nan".into(), points: vec![(START, f64::NAN), (START + HOUR, f64::NAN)], ..Series::default() });
    assert_eq!(Sheet::new(&gone, &options("")).points, 0);
    drawn("all-nan", &gone, "wxh=400x300");
    let mut backward = empty(0);
    backward.end_ms = START - 5;
    drawn("backward", &backward, "wxh=400x300");
    for (from, to) in [(0, 0), (i64::MIN, i64::MAX), (i64::MAX, i64::MAX), (-9_999_999_999_999, 9_999_999_999_999)] {
        let mut far = waves(1, 10, 1);
        (far.start_ms, far.end_ms) = (from, to);
        drawn("far", &far, "wxh=400x300");
    }
}

#[test]
fn ten_thousand_lines_take_seconds_at_most() {
    let begun = Instant::now();
    drawn("ten-thousand", &waves(10_000, 60, 24), "wxh=1024x768");
    // A year at the resolution of a second; the time is that of a build without optimisation.
    drawn("very-long", &waves(1, 2_000_000, 24 * 365), "wxh=1024x768&style=lines");
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}

#[test]
fn texts_of_any_kind_are_drawn() {
    let mut picture = waves(2, 50, 1);
    let wild = ["<script>alert(1)</script>", "\u{202e}evil", "a\nb\u{0}c", "🙂", "", "‏עברית", &"w".repeat(4096)];
    for (n, text) in wild.iter().enumerate() {
        picture.marks.push(Mark { at_ms: START + n as i64 * HOUR / 8, text: text.to_string() });
        picture.series[n % 2].tags.push((text.to_string(), text.to_string()));
    }
    drawn("wild", &picture, "wxh=800x400");
    let svg = draw_svg(&picture, &options("")).expect("drawn");
    assert!(!svg.contains("<script") && !svg.contains('\u{0}'));
}
