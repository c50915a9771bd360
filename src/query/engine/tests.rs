//! What no recorded case shows: explicit tags as tried on the real one, limits, damage, duplicates, waiting rows.

use super::*;
use crate::codec::{SeriesKey, base_time, encode_point};
use crate::point::{Number, PointTime, Value};
use crate::query::filter::{TagFilter, TagTest};
use crate::query::plan::{Aggregator, Source};
use crate::store::memory::MemoryStore;
use crate::store::{Mutation, RowMutation};
use crate::uid::UidOptions;
use std::sync::atomic::Ordering;

const T: u32 = 1_356_998_400;

/// Stores one point as a cell of its own, assigning names as needed.
pub fn put(store: &MemoryStore, uids: &Uids, layout: &Layout, metric: &str, time: PointTime, value: Value, tags: &[(&str, &str)]) {
    let id = |kind, name| uids.id_or_create(kind, name).unwrap();
    let tags: Vec<_> = tags.iter().map(|(k, v)| (id(UidKind::Tagk, *k), id(UidKind::Tagv, *v))).collect();
    let key = SeriesKey::new(layout, id(UidKind::Metric, metric).as_bytes(), tags.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())));
    let (qualifier, bytes) = encode_point(time, value);
    let put = Mutation::Put { family: "t", qualifier: qualifier.encode().as_bytes().to_vec(), value: bytes.as_bytes().to_vec() };
    store.write("tsdb", &[RowMutation { row: key.row(base_time(time)), mutations: vec![put], time: None }]).unwrap();
}

/// An engine without limits, over plain tables.
pub(super) fn options() -> EngineOptions {
    EngineOptions {
        rollups: None,
        layout: Layout::default(),
        data_table: "tsdb".to_string(),
        histograms: crate::codec::Decoders::default(),
        repair_appends: false,
        decode: DecodeOptions::default(),
        skip_unresolved_tagvs: false,
        threads: 2,
        max_points: 0,
        overrides: None,
        max_bytes: 0,
        timeout_ms: 0,
        memory_bytes: 0,
    }
}

struct World {
    store: Arc<MemoryStore>,
    waiting: Arc<MemoryStore>,
    uids: Arc<Uids>,
    options: EngineOptions,
}

impl World {
    fn new() -> World {
        let store = Arc::new(MemoryStore::default());
        let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
        World { store, waiting: Arc::default(), uids, options: options() }
    }

    fn put(&self, second: u32, value: Value, tags: &[(&str, &str)]) {
        put(&self.store, &self.uids, &Layout::default(), "m", PointTime::Seconds(T + second), value, tags);
    }

    fn put_waiting(&self, second: u32, value: Value, tags: &[(&str, &str)]) {
        put(&self.waiting, &self.uids, &Layout::default(), "m", PointTime::Seconds(T + second), value, tags);
    }

    fn ask(&self, sub: SubQuery) -> Result<Vec<Group>, QueryError> {
        self.ask_until(&Cancel::default(), sub)
    }

    fn ask_until(&self, cancel: &Cancel, sub: SubQuery) -> Result<Vec<Group>, QueryError> {
        let start_ms = i64::from(T) * 1000;
        let query = Query { start_ms, end_ms: start_ms + 100_000, subs: vec![sub], unlimited: Default::default() };
        let engine = Engine::new(self.store.clone(), Some(self.waiting.clone()), self.uids.clone(), self.options.clone());
        engine.run(&query, cancel)
    }

    /// Tag values and points of each group, as text.
    fn check(&self, sub: SubQuery, want: &[&str]) {
        let groups = self.ask(sub).unwrap();
        let number = |value: &Number| match value {
            Number::Int(v) => v.to_string(),
            Number::Float(v) => format!("{v:?}"),
        };
        let point = |(ms, value): &(i64, Number)| format!("{}:{}", ms / 1000 - i64::from(T), number(value));
        let text = |group: &Group| {
            let tags: Vec<_> = group.tags.iter().map(|(_, value)| value.as_str()).collect();
            let points: Vec<_> = group.points.iter().map(point).collect();
            format!("{}{{{}}} {}", group.metric, tags.join(","), points.join(" "))
        };
        assert_eq!(groups.iter().map(text).collect::<Vec<_>>(), want);
    }
}

fn sub(aggregator: Aggregator, filters: &[(&str, &str, bool)], explicit_tags: bool) -> SubQuery {
    let filters = filters.iter().map(|&(tagk, values, group_by)| {
        let test = match values {
            "*" => TagTest::Wildcard { pattern: "*".to_string(), ignore_case: false },
            list => TagTest::LiteralOr { values: list.split('|').map(str::to_string).collect(), ignore_case: false },
        };
        TagFilter { tagk: tagk.to_string(), group_by, test }
    });
    let source = Source::Metric("m".to_string());
    SubQuery {
        index: 0,
        source,
        filters: filters.collect(),
        explicit_tags,
        aggregator,
        downsample: None,
        rate: None,
        rollup: Default::default(),
        histogram: None,
    }
}

#[test]
fn explicit_tags_as_the_real_one_answers() {
    let world = World::new();
    for (n, (a, b)) in [("x", "p"), ("x", "q"), ("y", "p"), ("y", "q")].into_iter().enumerate() {
        world.put(0, Value::Int(n as i64), &[("a", a), ("b", b)]);
    }
    world.put(5, Value::Int(9), &[("a", "x")]);
    // Series that differ from the first values in both tags are lost there.
    world.check(sub(Aggregator::None, &[("a", "x|y", false), ("b", "p|q", false)], true), &["m{x,p} 0:0", "m{x,q} 0:1", "m{y,p} 0:2"]);
    world.check(sub(Aggregator::None, &[("a", "x", false), ("b", "*", false)], true), &["m{x,p} 0:0", "m{x,q} 0:1"]);
    world.check(sub(Aggregator::None, &[("a", "*", false)], true), &["m{x} 5:9"]);
    world.check(sub(Aggregator::None, &[], true), &["m{x} 5:9", "m{x,p} 0:0", "m{x,q} 0:1", "m{y,p} 0:2", "m{y,q} 0:3"]);
}

#[test]
fn explicit_tags_read_one_row_more() {
    let world = World::new();
    world.put(10, Value::Int(5), &[("a", "x")]);
    world.put(3_610, Value::Double(5.5), &[("a", "x")]);
    world.put(3_700, Value::Int(9), &[("a", "z")]);
    world.check(sub(Aggregator::Sum, &[("a", "*", true)], false), &["m{x} 10:5"]);
    // The float an hour later is held, and the series of that hour alone makes a group without a name.
    world.check(sub(Aggregator::Sum, &[("a", "*", true)], true), &["m{x} 10:5.0", "{} "]);
}

#[test]
fn several_filters_on_one_tag() {
    let world = World::new();
    for (n, (a, b)) in [("x", "p"), ("x", "q"), ("y", "q"), ("y", "r")].into_iter().enumerate() {
        world.put(0, Value::Int(n as i64), &[("a", a), ("b", b)]);
    }
    // Of the lowest key literal lists are joined, of others the last list counts.
    world.check(sub(Aggregator::Sum, &[("a", "x", false), ("a", "y", false)], false), &["m{} 0:6"]);
    world.check(sub(Aggregator::None, &[("b", "p|q", false), ("b", "q", false), ("a", "x", false)], false), &["m{x,q} 0:1"]);
    world.check(
        sub(Aggregator::None, &[("b", "q", false), ("b", "p|q", false), ("a", "*", false)], false),
        &["m{x,p} 0:0", "m{x,q} 0:1", "m{y,q} 0:2"],
    );
    // Alone b is the lowest key.
    world.check(sub(Aggregator::None, &[("b", "p", false), ("b", "r", false)], false), &["m{x,p} 0:0", "m{y,r} 0:3"]);
}

#[test]
fn waiting_points_win_and_are_counted_once() {
    let world = World::new();
    world.put(1, Value::Int(1), &[("a", "x")]);
    world.put(2, Value::Int(2), &[("a", "x")]);
    world.put_waiting(2, Value::Double(2.5), &[("a", "x")]); // other width, other column
    world.put_waiting(3, Value::Int(3), &[("a", "x")]);
    world.put_waiting(3, Value::Int(4), &[("a", "w")]);
    world.check(sub(Aggregator::None, &[], false), &["m{x} 1:1.0 2:2.5 3:3", "m{w} 3:4"]);
    assert_eq!(world.ask(sub(Aggregator::Count, &[], false)).unwrap()[0].points.last(), Some(&(i64::from(T + 3) * 1000, Number::Int(2))));
}

#[test]
fn the_newest_of_two_values_is_read() {
    let world = World::new();
    world.put(1, Value::Int(1_000), &[("a", "x")]);
    world.put(1, Value::Int(7), &[("a", "x")]); // 1 byte: a column of its own
    world.check(sub(Aggregator::None, &[], false), &["m{x} 1:7"]);
}

#[test]
fn a_damaged_cell_fails_with_its_row() {
    let world = World::new();
    world.put(1, Value::Int(1), &[("a", "x")]);
    let row = [&[0, 0, 1][..], &T.to_be_bytes(), &[0, 0, 1, 0, 0, 1]].concat();
    let mutations = vec![Mutation::Put { family: "t", qualifier: vec![0, 0x2B, 0, 0x3B], value: vec![1] }];
    world.store.write("tsdb", &[RowMutation { row, mutations, time: None }]).unwrap();
    let error = world.ask(sub(Aggregator::None, &[], false)).unwrap_err();
    assert!(matches!(error, QueryError::Data(_)), "{error:?}");
    assert!(error.to_string().to_lowercase().contains("00000150e22700000001000001"), "{error}");
}

#[test]
fn limits_name_their_keys() {
    let mut world = World::new();
    (0..100).for_each(|second| world.put(second, Value::Int(1), &[("a", "x")]));
    let mut check = |set: fn(&mut EngineOptions), key: &str, status: u16| {
        let old = world.options.clone();
        set(&mut world.options);
        match world.ask(sub(Aggregator::None, &[], false)) {
            Err(QueryError::Limit { message, status: got }) => assert!(message.contains(key) && got == status, "{message} {got}"),
            other => panic!("{key}: {other:?}"),
        }
        world.options = old;
    };
    check(|o| o.max_points = 99, "tsd.query.limits.data_points.default", 413);
    check(|o| o.max_bytes = 100, "tsd.query.limits.bytes.default", 413);
    check(|o| o.memory_bytes = 1_000, "tsd.query.memory", 413);
    world.options.max_points = 100;
    assert!(world.ask(sub(Aggregator::None, &[], false)).is_ok());
    let cancel = Cancel::default();
    cancel.store(true, Ordering::Relaxed);
    assert!(matches!(world.ask_until(&cancel, sub(Aggregator::None, &[], false)), Err(QueryError::Cancelled)));
}

#[test]
fn infinity_is_refused() {
    let world = World::new();
    world.put(1, Value::Double(1e200), &[("a", "x")]);
    let error = world.ask(sub(Aggregator::SquareSum, &[], false)).unwrap_err();
    assert!(error.to_string().starts_with("Got Infinity: Infinity"), "{error}");
}

#[test]
fn series_ids_are_checked() {
    let world = World::new();
    world.put(1, Value::Int(1), &[("a", "x")]);
    let of =
        |ids: &[&[u8]]| SubQuery { source: Source::Tsuids(ids.iter().map(|id| id.to_vec()).collect()), ..sub(Aggregator::Sum, &[], false) };
    world.check(of(&[&[0, 0, 1, 0, 0, 1, 0, 0, 1]]), &["m{x} 1:1"]);
    assert_eq!(world.ask(of(&[&[0, 0, 1, 0, 0, 1, 0, 0, 9]])).unwrap().len(), 0);
    let message = |ids| world.ask(of(ids)).unwrap_err().to_string();
    assert_eq!(message(&[&[0, 0, 1], &[0, 0, 8]]), "One or more TSUIDs did not share the same metric [000001] [000008]");
    assert_eq!(message(&[&[0, 1]]), "The TSUID '0001' is too short: a metric's UID has 3 bytes");
}

impl World {
    /// Deletes the points of `m` from one second to another, both included.
    fn delete(&self, from: u32, to: u32, filters: &[(&str, &str, bool)]) -> Result<u64, QueryError> {
        let ms = |second: u32| i64::from(T + second) * 1000;
        let query =
            Query { start_ms: ms(from), end_ms: ms(to), subs: vec![sub(Aggregator::None, filters, false)], unlimited: Default::default() };
        let engine = Engine::new(self.store.clone(), None, self.uids.clone(), self.options.clone());
        engine.delete(&query, &Cancel::default(), &|work| work())
    }

    /// Writes a cell of the series a=x by hand.
    fn cell(&self, qualifier: &[u8], value: &[u8]) {
        let row = [&[0, 0, 1][..], &T.to_be_bytes(), &[0, 0, 1, 0, 0, 1]].concat();
        let mutations = vec![Mutation::Put { family: "t", qualifier: qualifier.to_vec(), value: value.to_vec() }];
        self.store.write("tsdb", &[RowMutation { row, mutations, time: None }]).unwrap();
    }
}

#[test]
fn only_the_points_asked_for_are_deleted() {
    let world = World::new();
    for second in [0, 10, 20, 30] {
        world.put(second, Value::Int(i64::from(second)), &[("a", "x")]);
        world.put(second, Value::Int(i64::from(second) + 1), &[("a", "y")]);
    }
    assert_eq!(world.delete(10, 20, &[("a", "x", false)]).unwrap(), 2);
    world.check(sub(Aggregator::None, &[], false), &["m{x} 0:0 30:30", "m{y} 0:1 10:11 20:21 30:31"]);
    assert_eq!(world.delete(11, 19, &[]).unwrap(), 0);
    assert_eq!(world.delete(0, 99, &[]).unwrap(), 6);
    world.check(sub(Aggregator::None, &[], false), &[]);
}

#[test]
fn what_is_left_of_a_cell_stays() {
    let world = World::new();
    world.put(1, Value::Int(9), &[("a", "x")]);
    // Seconds 1 to 3 compacted, newer than the single cell; then 2 and 4 appended, newer still.
    world.cell(&[0, 0x10, 0, 0x20, 0, 0x30], &[1, 2, 3, 0]);
    world.cell(&[5, 0, 0], &[0, 0x40, 40, 0, 0x20, 20]);
    world.check(sub(Aggregator::None, &[], false), &["m{x} 1:1 2:20 3:3 4:40"]);
    assert_eq!(world.delete(3, 4, &[]).unwrap(), 2);
    // The compacted cell's 2 was overtaken already: written anew it must not win.
    world.check(sub(Aggregator::None, &[], false), &["m{x} 1:1 2:20"]);
    assert_eq!(world.delete(1, 1, &[]).unwrap(), 1); // what was left of the compacted cell took the single one's place
    world.check(sub(Aggregator::None, &[], false), &["m{x} 2:20"]);
    assert_eq!(world.delete(2, 2, &[]).unwrap(), 1);
    world.check(sub(Aggregator::None, &[], false), &[]);
}

#[test]
fn damaged_cells_are_told_and_stay() {
    let world = World::new();
    world.put(9, Value::Int(1), &[("a", "x")]);
    world.cell(&[0, 0x10, 0, 0x20], &[1, 2, 3, 0]); // a value too many
    let error = world.delete(1, 1, &[]).unwrap_err();
    assert!(error.to_string().contains("00000150E22700000001000001"), "{error}");
    assert_eq!(world.delete(9, 9, &[]).unwrap(), 1); // nothing of the damaged cell is asked for
}

#[test]
fn a_metric_may_have_limits_of_its_own() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"[{"regex":"^m$","dataPointsLimit":5}]"#).unwrap();
    let mut world = World::new();
    (0..10).for_each(|second| world.put(second, Value::Int(1), &[("a", "x")]));
    world.options.max_points = 9;
    let overrides = super::super::limits::Overrides::new(file.path().into(), std::time::Duration::from_secs(60));
    world.options.overrides = Some(Arc::new(overrides));
    let points = |world: &World, source: Source| {
        let asked = world.ask(SubQuery { source, ..sub(Aggregator::None, &[], false) });
        asked.map(|groups| groups.iter().map(|group| group.points.len()).sum::<usize>()).map_err(|e| e.to_string())
    };
    let series = || Source::Tsuids(vec![vec![0, 0, 1, 0, 0, 1, 0, 0, 1]]);
    assert!(points(&world, Source::Metric("m".into())).unwrap_err().contains("our limit of 5 data points"));
    assert!(points(&world, series()).unwrap_err().contains("our limit of 5 data points"));
    world.options.overrides = None;
    assert!(points(&world, series()).unwrap_err().contains("our limit of 9 data points"));
    world.options.max_points = 10;
    assert_eq!(points(&world, series()), Ok(10));
}

/// Each series' last tag value and its points, as `windows` hands them out.
fn windows(world: &World, range: (u32, u32), points_max: usize, sub: &SubQuery) -> Vec<String> {
    let engine = Engine::new(world.store.clone(), Some(world.waiting.clone()), world.uids.clone(), world.options.clone());
    let ms = |second: u32| i64::from(T + second) * 1000;
    let query = windows::WindowQuery { sub, range_ms: (ms(range.0), ms(range.1)), points_max, buckets: None };
    let mut out = Vec::new();
    let used = engine.windows(&query, &Cancel::default(), |window| {
        let points = window.times.iter().zip(window.values);
        let points: Vec<_> =
            points.map(|(time, value)| format!("{}:{}", time / 1000 - i64::from(T), super::super::points::as_f64(*value))).collect();
        out.push(format!("{} {}{}", window.tsuid.last().unwrap(), points.join(" "), if window.cut { " cut" } else { "" }));
        windows::Next::Go
    });
    assert!(used.unwrap().rows > 0 || out.is_empty());
    out
}

#[test]
fn windows_come_series_by_series() {
    let mut world = World::new();
    let h = 3_600;
    world.put(5, Value::Int(1), &[("a", "x")]);
    world.put(h + 5, Value::Int(2), &[("a", "x")]);
    world.put(3 * h + 5, Value::Int(4), &[("a", "x")]);
    world.put(h, Value::Double(2.5), &[("a", "y")]);
    world.put_waiting(h + 5, Value::Int(20), &[("a", "x")]);
    world.put_waiting(3 * h + 6, Value::Int(5), &[("a", "y")]);
    world.put_waiting(2 * h, Value::Int(6), &[("a", "z")]);
    let all = sub(Aggregator::None, &[], false);
    assert_eq!(windows(&world, (0, 4 * h), 99, &all), ["1 5:1 3605:20 10805:4", "2 3600:2.5 10806:5", "3 7200:6"]);
    assert_eq!(windows(&world, (6, 3 * h + 5), 99, &all), ["1 3605:20 10805:4", "2 3600:2.5", "3 7200:6"]);
    assert_eq!(windows(&world, (0, 4 * h), 2, &all), ["1 3605:20 10805:4 cut", "2 3600:2.5 10806:5", "3 7200:6"]);
    assert_eq!(windows(&world, (0, 4 * h), 9, &sub(Aggregator::None, &[("a", "y|z", false)], false)), ["2 3600:2.5 10806:5", "3 7200:6"]);
    assert_eq!(windows(&world, (4 * h, 5 * h), 9, &all), [""; 0]);
    // A damaged row costs its points and not the series.
    world.cell(&[0, 0x2B, 0, 0x3B], &[1]);
    assert_eq!(windows(&world, (0, 4 * h), 99, &all)[0], "1 3605:20 10805:4");
    // Series of several salt buckets: the same, by bucket. (The rows above have no salt: other keys.)
    world.options.layout = Layout { salt_width: 1, salt_buckets: 3, ..Layout::default() };
    for tag in ["p", "q", "r", "s"] {
        put(&world.store, &world.uids, &world.options.layout, "m", PointTime::Seconds(T), Value::Int(1), &[("a", tag)]);
    }
    let mut got = windows(&world, (0, 60), 99, &all);
    got.sort();
    assert_eq!(got.len(), 4, "{got:?}");
}
