//! Meta data on the embedded store, as a store of our own and, behind a thin wall, as one that others write to.

use super::live::{Listeners, LiveMeta, NewSeries, Tracking};
use super::sync::MetaSync;
use super::tables::{MetaTables, put};
use super::{MetaError, TsMeta};
use crate::codec::{Layout, row_from_tsuid, to_hex};
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::*;
use crate::uid::{UidKind, UidOptions, Uids};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// A store that says it is not ours alone, and that can be away.
struct Shared {
    inner: EmbeddedStore,
    private: bool,
    away: AtomicBool,
}

impl Shared {
    fn there(&self) -> Result<()> {
        if self.away.load(SeqCst) { Err(StoreError::Unavailable("away".into())) } else { Ok(()) }
    }
}

impl Store for Shared {
    fn write(&self, table: &str, rows: &[RowMutation]) -> Result<()> {
        self.there().and_then(|()| self.inner.write(table, rows))
    }
    fn get(&self, table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()> {
        self.there().and_then(|()| self.inner.get(table, keys, columns, batch))
    }
    fn scan(&self, table: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        self.inner.scan(table, scan)
    }
    fn increment(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        self.there().and_then(|()| self.inner.increment(table, row, family, qualifier, by))
    }
    fn check_and_put(&self, t: &str, row: &[u8], f: &'static str, q: &[u8], old: Option<&[u8]>, new: &[u8]) -> Result<bool> {
        self.inner.check_and_put(t, row, f, q, old, new)
    }
    fn append(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], value: &[u8]) -> Result<()> {
        self.inner.append(table, row, family, qualifier, value)
    }
    fn tables(&self) -> Result<Vec<String>> {
        self.inner.tables()
    }
    fn create_table(&self, spec: &TableSpec, splits: &[Vec<u8>]) -> Result<()> {
        self.inner.create_table(spec, splits)
    }
    fn sync(&self) -> Result<()> {
        self.inner.sync()
    }
    fn describe(&self) -> String {
        self.inner.describe()
    }
    fn is_private(&self) -> bool {
        self.private
    }
    fn stats(&self, emit: &mut dyn FnMut(&str, u64)) {
        self.inner.stats(emit);
    }
}

struct Rig {
    store: Arc<Shared>,
    tables: Arc<MetaTables>,
    _folder: tempfile::TempDir,
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl NewSeries for Heard {
    fn created(&self, meta: &TsMeta) -> std::result::Result<(), MetaError> {
        self.0.lock().push(format!("{} {}", to_hex(&meta.tsuid), meta.metric.as_ref().unwrap().name));
        Ok(())
    }
}

/// Metric `m`, tag `h` and four values have ids.
fn rig(private: bool) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let inner = EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).unwrap();
    for (name, families) in [("tsdb", &["t"][..]), ("tsdb-uid", &["id", "name"]), ("tsdb-meta", &["name"])] {
        inner.create_table(&TableSpec::plain(name, families), &[]).unwrap();
    }
    let store = Arc::new(Shared { inner, private, away: AtomicBool::new(false) });
    let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
    uids.id_or_create(UidKind::Metric, "m").unwrap();
    uids.id_or_create(UidKind::Tagk, "h").unwrap();
    ["a", "b", "c", "d"].iter().for_each(|value| _ = uids.id_or_create(UidKind::Tagv, value).unwrap());
    let tables = Arc::new(MetaTables::new(store.clone(), uids, Layout::default(), "tsdb-meta"));
    Rig { store, tables, _folder: folder }
}

fn tsuid(value: u8) -> Vec<u8> {
    vec![0, 0, 1, 0, 0, 1, 0, 0, value]
}

impl Rig {
    fn live(&self, tracking: Tracking) -> (LiveMeta, Arc<Heard>) {
        let heard = Arc::new(Heard::default());
        let listeners = Arc::new(Listeners(vec![heard.clone()]));
        (LiveMeta::new(self.tables.clone(), tracking, listeners, 100), heard)
    }

    fn total(&self, value: u8) -> Option<i64> {
        self.tables.ts_meta(&tsuid(value)).unwrap().map(|meta| meta.total_points)
    }

    fn set(&self, value: u8, column: &[u8], bytes: &[u8]) {
        self.store.write("tsdb-meta", &[put(&tsuid(value), column, bytes.to_vec())]).unwrap();
    }

    fn cells(&self) -> Vec<String> {
        let (mut batch, mut all) = (RowBatch::default(), Vec::new());
        let mut scanner = self.store.scan("tsdb-meta", Scan::range([], [])).unwrap();
        while scanner.next(&mut batch).unwrap() {
            for row in batch.rows() {
                let last = row.key().last().copied().unwrap();
                all.extend(row.cells().map(|c| format!("{last} {} {}", String::from_utf8_lossy(c.qualifier), c.value.len())));
            }
        }
        all
    }
}

fn round(live: &LiveMeta) -> std::result::Result<(), MetaError> {
    live.cut();
    live.settle()
}

#[test]
fn counters_end_right_and_meta_data_is_made_once() {
    for private in [true, false] {
        let rig = rig(private);
        let (live, heard) = rig.live(Tracking::Counted);
        live.came(&tsuid(1), 3);
        live.came(&tsuid(2), 1);
        assert!(live.is_pressing());
        round(&live).unwrap();
        live.came(&tsuid(1), 4);
        assert!(!live.is_pressing());
        rig.store.away.store(true, SeqCst);
        assert!(round(&live).is_err());
        live.came(&tsuid(1), 2);
        assert!(round(&live).is_err());
        rig.store.away.store(false, SeqCst);
        round(&live).unwrap();
        assert_eq!((rig.total(1), rig.total(2)), (Some(9), Some(1)), "private: {private}");
        // Deleted meta data does not come back while the counter goes on, as in OpenTSDB.
        rig.tables.delete_ts_meta(&tsuid(2)).unwrap();
        live.forget(&tsuid(2));
        live.came(&tsuid(2), 1);
        round(&live).unwrap();
        assert_eq!(rig.total(2), None);
        let mut heard = heard.0.lock().clone();
        heard.sort();
        assert_eq!(heard, ["000001000001000001 m", "000001000001000002 m"]);
    }
}

#[test]
fn what_was_made_by_hand_is_kept_and_what_is_broken_is_left() {
    for private in [true, false] {
        let rig = rig(private);
        let change = super::TsChange { notes: Some(Some("mine".into())), ..Default::default() };
        rig.tables.create_ts_meta(&tsuid(1), &change).unwrap();
        rig.set(2, b"ts_ctr", b"abc");
        let (live, _) = rig.live(Tracking::Counted);
        [1, 2, 3].iter().for_each(|value| live.came(&tsuid(*value), 5));
        round(&live).unwrap();
        assert_eq!(rig.tables.ts_meta(&tsuid(1)).unwrap().unwrap().notes.as_deref(), Some("mine"));
        assert_eq!((rig.total(1), rig.total(3)), (Some(5), Some(5)), "private: {private}");
        assert!(rig.cells().contains(&"2 ts_ctr 3".to_string()));
    }
}

#[test]
fn cells_by_settings() {
    for (settings, want) in [
        ((false, true, true), vec![]),
        ((true, false, true), vec!["1 ts_ctr 8"]),
        ((true, true, false), vec!["1 ts_meta 173"]),
        ((true, true, true), vec!["1 ts_ctr 8", "1 ts_meta 173"]),
    ] {
        let rig = rig(true);
        let tracking = Tracking::of(settings.0, settings.1, settings.2);
        if tracking != Tracking::Off {
            let (live, _) = rig.live(tracking);
            live.came(&tsuid(1), 2);
            round(&live).unwrap();
            live.came(&tsuid(1), 2);
            round(&live).unwrap();
        }
        assert_eq!(rig.cells(), want, "{settings:?}");
    }
}

#[test]
fn meta_data_that_is_no_json_says_where_and_fails_no_other() {
    let rig = rig(true);
    for value in 1..=3 {
        rig.tables.put_ts_meta(&TsMeta::new(&tsuid(value), 5)).unwrap();
    }
    rig.set(2, b"ts_meta", b"\xffnot json");
    let error = rig.tables.ts_meta(&tsuid(2)).unwrap_err().to_string();
    assert!(error.starts_with("table tsdb-meta, row 000001000001000002, column name:ts_meta: "), "{error}");
    assert!(rig.tables.change_ts_meta(&tsuid(2), &Default::default(), true).is_err());
    let found: Vec<u8> = rig.tables.ts_metas("m", &[]).unwrap().iter().map(|meta| *meta.tsuid.last().unwrap()).collect();
    assert_eq!(found, [1, 3]);
    // An id whose meta data is broken fails what shows it, and nothing else.
    rig.store.write("tsdb-uid", &[put(&[0, 0, 3], b"tagv_meta", b"[]".to_vec())]).unwrap();
    let error = rig.tables.uid_meta(UidKind::Tagv, &[0, 0, 3]).unwrap_err().to_string();
    assert!(error.starts_with("table tsdb-uid, row 000003, column name:tagv_meta: "), "{error}");
    assert_eq!(rig.tables.ts_metas("m", &[]).unwrap().len(), 1);
}

#[test]
fn sync_makes_what_is_missing_and_leaves_what_is_broken() {
    let rig = rig(false);
    let rows: Vec<RowMutation> = (1..=4)
        .flat_map(|value| [7_200, 3_600].map(|time| row_from_tsuid(&Layout::default(), &tsuid(value), time)))
        .map(|row| RowMutation { row, mutations: vec![Mutation::Put { family: "t", qualifier: vec![0, 0], value: vec![1] }], time: None })
        .collect();
    rig.store.write("tsdb", &rows).unwrap();
    rig.set(2, b"ts_meta", b"{");
    rig.set(3, b"ts_ctr", &7i64.to_be_bytes());
    rig.tables.put_ts_meta(&TsMeta::new(&tsuid(4), 1_000_000)).unwrap();
    let run = || {
        let sync = MetaSync::new(rig.tables.clone(), "tsdb", Arc::default());
        sync.parts().unwrap().iter().for_each(|(bucket, metric)| sync.part(*bucket, metric).unwrap());
        sync.counts.line()
    };
    assert_eq!(run(), "8 rows, 4 series; meta data made: 6 ids, 2 series; changed: 0 ids, 1 series; left out: 1");
    assert_eq!(run(), "8 rows, 4 series; meta data made: 0 ids, 0 series; changed: 0 ids, 0 series; left out: 1");
    let created = |value| rig.tables.ts_meta(&tsuid(value)).unwrap().map(|meta| (meta.created, meta.total_points));
    assert_eq!((created(1), created(3), created(4)), (Some((3_600, 1)), Some((3_600, 7)), Some((3_600, 0))));
    assert_eq!(rig.tables.uid_meta(UidKind::Metric, &[0, 0, 1]).unwrap().created, 3_600);
}
