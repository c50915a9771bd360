//! Nanoseconds a point of the hot paths of `point` and `codec`. `cargo bench --bench codec`
//!
//! Each figure is the best of five rounds: noise of a shared machine only ever adds.

use std::hint::black_box;
use std::time::Instant;
use tsdb::codec::{Cell, DecodeOptions, Layout, PackedCell, Points, SeriesKey, decode_row, encode_point, pack};
use tsdb::point::{PointTime, Rules, TagBuf, Value, line_text, parse_put, write_f64};

const ROUNDS: usize = 5;

/// Runs `work` on `points` points until it has taken 0.2 s, five times, and prints the best.
fn measure(what: &str, points: usize, mut work: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (start, mut runs) = (Instant::now(), 0);
        while start.elapsed().as_millis() < 200 {
            work();
            runs += 1;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (runs * points) as f64);
    }
    println!("{what:<44} {best:>8.1} ns/point {:>8.2} M/s", 1000.0 / best);
}

fn lines(tags: &str, value: impl Fn(usize) -> String) -> Vec<Vec<u8>> {
    (0..10_000).map(|n| format!("put sys.cpu.user {} {} {tags}", 1_400_000_000 + n, value(n)).into_bytes()).collect()
}

fn parsing() {
    let rules = Rules::default();
    let three = "host=web0123 cpu=3 dc=lga";
    let cases = [
        ("parse_put, int, 1 tag", lines("host=web0123", |n| n.to_string())),
        ("parse_put, int, 3 tags", lines(three, |n| n.to_string())),
        ("parse_put, float, 3 tags", lines(three, |n| format!("{}.{:02}", n, n % 100))),
        ("parse_put, int, 6 tags", lines("host=web0123 cpu=3 dc=lga rack=r12 role=api env=prod", |n| n.to_string())),
    ];
    for (what, lines) in cases {
        let mut scratch = String::new();
        measure(what, lines.len(), || {
            for line in &lines {
                let mut tags = TagBuf::new();
                let text = line_text(line, &mut scratch);
                let _point = black_box(parse_put(black_box(text), &mut tags, &rules));
            }
        });
    }
}

fn rows() {
    let points: Vec<(PointTime, Value)> =
        (0..360).map(|n| (PointTime::Seconds(1_400_000_400 + n * 10), Value::Int(i64::from(n) * 7))).collect();
    let floats: Vec<(PointTime, Value)> = points.iter().map(|&(t, _)| (t, Value::Double(t.millis() as f64 / 7.0))).collect();
    let points: Vec<_> = points.into_iter().filter(|(t, _)| tsdb::codec::base_time(*t) == 1_399_996_800 + 3600).collect();
    let floats: Vec<_> = floats.into_iter().filter(|(t, _)| tsdb::codec::base_time(*t) == 1_399_996_800 + 3600).collect();
    let mut cell = PackedCell::default();
    measure("pack, ints", points.len(), || {
        let _base = black_box(pack(black_box(&points), &mut cell));
    });
    let options = DecodeOptions::default();
    for (what, points) in [("ints", &points), ("doubles", &floats)] {
        let _base = pack(points, &mut cell);
        let mut out = Points::default();
        let packed = Cell { qualifier: &cell.qualifier, value: &cell.value, time: 1 };
        measure(&format!("decode, packed, {} {what}", points.len()), points.len(), || {
            out.clear();
            black_box(decode_row(b"row", 1_400_000_400, || std::iter::once(black_box(packed)), &options, &mut out));
        });
        let single: Vec<_> = points.iter().map(|&(t, v)| encode_point(t, v)).map(|(q, v)| (q.encode(), v)).collect();
        let cells = || single.iter().map(|(q, v)| Cell { qualifier: q.as_bytes(), value: v.as_bytes(), time: 1 });
        measure(&format!("decode, single cells, {} {what}", points.len()), points.len(), || {
            out.clear();
            black_box(decode_row(b"row", 1_400_000_400, || black_box(cells()), &options, &mut out));
        });
        let twice = || cells().chain(std::iter::once(packed));
        measure(&format!("decode, single and packed, {} {what}", points.len()), points.len(), || {
            out.clear();
            black_box(decode_row(b"row", 1_400_000_400, || black_box(twice()), &options, &mut out));
        });
    }
}

fn main() {
    parsing();
    rows();
    let series = SeriesKey::new(&Layout::default(), &[0, 0, 1], [(&[0, 0, 1][..], &[0, 0, 2][..]), (&[0, 0, 2], &[0, 0, 3])]);
    let mut row = Vec::new();
    measure("row key from template", 1, || {
        row.clear();
        series.write_row(black_box(1_400_000_400), &mut row);
        black_box(&row);
    });
    let mut text = Vec::new();
    measure("print a double as Java does", 1000, || {
        text.clear();
        for n in 0..1000 {
            write_f64(&mut text, black_box(f64::from(n) / 7.0));
        }
    });
}
