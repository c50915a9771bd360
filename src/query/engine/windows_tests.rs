//! Very long series, and parts of a metric.

use super::tests::{options, put};
use super::windows::{Next, WindowQuery};
use super::*;
use crate::point::{PointTime, Value};
use crate::store::memory::MemoryStore;
use crate::store::{Columns, Result as StoreResult, RowBatch, RowMutation, Scan, Scanner, StoreError, TableSpec};
use crate::uid::{UidKind, UidOptions};

const T: i64 = 1_699_999_200;
/// Hours of the long series.
const HOURS: i64 = 28;

/// One series with so many points in each hour, made while it is read.
struct Endless {
    tags: Vec<u8>,
    points: u32,
}

struct Hour {
    key: Vec<u8>,
    points: u32,
    given: bool,
}

impl Scanner for Hour {
    fn next(&mut self, batch: &mut RowBatch) -> StoreResult<bool> {
        batch.clear();
        if std::mem::replace(&mut self.given, true) {
            return Ok(false);
        }
        // Milliseconds since the hour began, one byte of an integer each; the zero at the end marks a cell of many points.
        let step = 3_600_000 / self.points;
        let qualifiers: Vec<u8> = (0..self.points).flat_map(|n| (0xF000_0000 | (n * step) << 6).to_be_bytes()).collect();
        let mut values: Vec<u8> = (0..self.points).map(|n| (n % 100) as u8).collect();
        values.push(0);
        batch.push_row(&self.key);
        batch.push_cell(b"t", &qualifiers, &values, 1);
        Ok(true)
    }
}

fn refused<T>() -> StoreResult<T> {
    Err(StoreError::Rejected("only scans here".into()))
}

impl Store for Endless {
    fn scan(&self, _: &str, scan: Scan) -> StoreResult<Box<dyn Scanner>> {
        Ok(Box::new(Hour { key: [scan.start, self.tags.clone()].concat(), points: self.points, given: false }))
    }
    fn write(&self, _: &str, _: &[RowMutation]) -> StoreResult<()> {
        refused()
    }
    fn get(&self, _: &str, _: &[Vec<u8>], _: &Columns, _: &mut RowBatch) -> StoreResult<()> {
        refused()
    }
    fn increment(&self, _: &str, _: &[u8], _: &'static str, _: &[u8], _: i64) -> StoreResult<i64> {
        refused()
    }
    fn check_and_put(&self, _: &str, _: &[u8], _: &'static str, _: &[u8], _: Option<&[u8]>, _: &[u8]) -> StoreResult<bool> {
        refused()
    }
    fn append(&self, _: &str, _: &[u8], _: &'static str, _: &[u8], _: &[u8]) -> StoreResult<()> {
        refused()
    }
    fn tables(&self) -> StoreResult<Vec<String>> {
        refused()
    }
    fn create_table(&self, _: &TableSpec, _: &[Vec<u8>]) -> StoreResult<()> {
        refused()
    }
    fn sync(&self) -> StoreResult<()> {
        refused()
    }
    fn describe(&self) -> String {
        "endless".into()
    }
    fn is_private(&self) -> bool {
        true
    }
    fn stats(&self, _: &mut dyn FnMut(&str, u64)) {}
}

/// Ten million points; a hundred in the long form of the suites.
#[test]
fn of_a_very_long_series_the_newest_points_are_given() {
    const MOST: usize = 2_000_000;
    let long = std::env::var("TSDB_TEST_LONG").is_ok_and(|text| text == "1");
    let points = if long { 3_600_000 } else { 360_000 };
    let names = Arc::new(MemoryStore::default());
    let uids = Arc::new(Uids::new(names, UidOptions::default()));
    let id = |kind, name: &str| uids.id_or_create(kind, name).unwrap().as_bytes().to_vec();
    id(UidKind::Metric, "m");
    let tags = [id(UidKind::Tagk, "host"), id(UidKind::Tagv, "a")].concat();
    let engine = Engine::new(Arc::new(Endless { tags, points }), None, uids, options());
    let sub = SubQuery::plain(Source::Metric("m".into()));
    let range_ms = (T * 1_000, (T + HOURS * 3_600) * 1_000 - 1);
    let query = WindowQuery { sub: &sub, range_ms, points_max: MOST, buckets: None };
    let mut seen = 0;
    let used = engine.windows(&query, &Cancel::default(), |window| {
        assert_eq!((window.times.len(), window.values.len(), window.cut), (MOST, MOST, true));
        assert!(window.times.is_sorted());
        let step = 3_600_000 / i64::from(points);
        assert_eq!(window.times.last(), Some(&((T + HOURS * 3_600) * 1_000 - step)), "the newest");
        seen += 1;
        Next::Go
    });
    assert!(seen == 1 && used.unwrap().rows >= HOURS as u64);
}

#[test]
fn buckets_are_read_by_themselves() {
    let store = Arc::new(MemoryStore::default());
    let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
    let layout = Layout { salt_width: 1, salt_buckets: 4, ..Layout::default() };
    for n in 0..40 {
        put(&store, &uids, &layout, "m", PointTime::Seconds(T as u32), Value::Int(n), &[("host", &format!("web{n}"))]);
    }
    let engine = Engine::new(store, None, uids, EngineOptions { layout, ..options() });
    assert_eq!(engine.buckets(), 4);
    let sub = SubQuery::plain(Source::Metric("m".into()));
    let read = |buckets: Option<&[u32]>| -> (Vec<Vec<u8>>, u64) {
        let query = WindowQuery { sub: &sub, range_ms: (T * 1_000, T * 1_000 + 60_000), points_max: 9, buckets };
        let mut out = Vec::new();
        let used = engine.windows(&query, &Cancel::default(), |window| {
            assert!(buckets.is_none_or(|wanted| wanted.contains(&window.bucket)));
            out.push(window.tsuid.to_vec());
            Next::Go
        });
        (out, used.unwrap().rows)
    };
    let (all, rows) = read(None);
    assert_eq!((all.len(), rows), (40, 40));
    // Two who share the work read each row once, together.
    let ((mut one, first), (other, second)) = (read(Some(&[0, 3])), read(Some(&[1, 2])));
    assert!(!one.is_empty() && !other.is_empty() && first + second == rows);
    one.extend(other);
    one.sort();
    let mut all = all;
    all.sort();
    assert_eq!(one, all);
    assert_eq!(read(Some(&[])).0, Vec::<Vec<u8>>::new());
}
