//! What every store must do, as functions over `&dyn Store`: both engines pass the same ones.
//!
//! A test of an engine takes it in with `#[path = "support/store_suite.rs"] mod suite;` and runs [`CASES`]. Rows
//! begin with bytes of the run, so that tables of an earlier run do no harm. The rules are HBase's own, for tables that keep
//! one version.

use crate::random::Random;
use std::time::{SystemTime, UNIX_EPOCH};
use tsdb::store::{Columns, Mutation, Prefilter, RowBatch, RowMutation, Scan, Store, StoreError, TableSpec, TagBytes};

/// A store under test.
pub struct Place<'a> {
    /// The engine.
    pub store: &'a dyn Store,
    /// A table with the family `t`.
    pub data: String,
    /// A table with the families `id` and `name`.
    pub names: String,
}

/// A test of a store.
pub type Case = fn(&Place);

/// Every case: its name and what to run.
pub const CASES: &[(&str, Case)] = &[
    ("cells_come_back_in_order", cells_come_back_in_order),
    ("cells_carry_the_time_of_their_write", cells_carry_the_time_of_their_write),
    ("missing_rows_are_left_out", missing_rows_are_left_out),
    ("columns_restrict", columns_restrict),
    ("binary_rows_sort_bytewise", binary_rows_sort_bytewise),
    ("scans_have_bounds_and_batches", scans_have_bounds_and_batches),
    ("scans_of_nothing_are_empty", scans_of_nothing_are_empty),
    ("scans_run_backwards", scans_run_backwards),
    ("newest_time_wins", newest_time_wins),
    ("deletes_respect_times", deletes_respect_times),
    ("rows_vanish_with_their_cells", rows_vanish_with_their_cells),
    ("prefilter_loses_nothing", prefilter_loses_nothing),
    ("prefilter_takes_odd_rows", prefilter_takes_odd_rows),
    ("packed_and_single_cells_mix", packed_and_single_cells_mix),
    ("damaged_packed_cells_come_back", damaged_packed_cells_come_back),
    ("big_rows_are_whole", big_rows_are_whole),
    ("big_batches_are_complete", big_batches_are_complete),
    ("increments_count", increments_count),
    ("increments_of_threads_add_up", increments_of_threads_add_up),
    ("check_and_put_checks", check_and_put_checks),
    ("one_of_many_wins", one_of_many_wins),
    ("appends_extend", appends_extend),
    ("missing_tables_are_named", missing_tables_are_named),
    ("missing_families_are_refused", missing_families_are_refused),
    ("tables_are_made_and_listed", tables_are_made_and_listed),
];

type Cell = (String, Vec<u8>, Vec<u8>);

/// Rows of this run and case begin with this.
fn fresh(name: &str) -> Vec<u8> {
    static RUN: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let run = RUN.get_or_init(|| now() as u64 ^ (u64::from(std::process::id()) << 44));
    let mut row = run.to_be_bytes().to_vec();
    row.extend_from_slice(name.as_bytes());
    row.push(b'/');
    row
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn row(prefix: &[u8], rest: impl AsRef<[u8]>) -> Vec<u8> {
    [prefix, rest.as_ref()].concat()
}

fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    *end.last_mut().unwrap() += 1; // '/' to '0'
    end
}

fn put(qualifier: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Mutation {
    Mutation::Put { family: "t", qualifier: qualifier.as_ref().to_vec(), value: value.as_ref().to_vec() }
}

fn delete(qualifier: impl AsRef<[u8]>) -> Mutation {
    Mutation::Delete { family: "t", qualifier: qualifier.as_ref().to_vec() }
}

fn change(row: impl AsRef<[u8]>, mutations: Vec<Mutation>) -> RowMutation {
    RowMutation { row: row.as_ref().to_vec(), mutations, time: None }
}

fn change_at(row: impl AsRef<[u8]>, mutations: Vec<Mutation>, time: i64) -> RowMutation {
    RowMutation { time: Some(time), ..change(row, mutations) }
}

impl Place<'_> {
    fn write(&self, rows: &[RowMutation]) {
        self.store.write(&self.data, rows).unwrap();
    }

    fn rows_of(batch: &RowBatch) -> Vec<(Vec<u8>, Vec<Cell>)> {
        let cell = |c: tsdb::store::CellView| (String::from_utf8_lossy(c.family).into_owned(), c.qualifier.to_vec(), c.value.to_vec());
        batch.rows().map(|r| (r.key().to_vec(), r.cells().map(cell).collect())).collect()
    }

    fn get_from(&self, table: &str, keys: &[Vec<u8>], columns: &Columns) -> Vec<(Vec<u8>, Vec<Cell>)> {
        let mut batch = RowBatch::default();
        self.store.get(table, keys, columns, &mut batch).unwrap();
        Self::rows_of(&batch)
    }

    fn get(&self, keys: &[Vec<u8>]) -> Vec<(Vec<u8>, Vec<Cell>)> {
        self.get_from(&self.data, keys, &Columns::All)
    }

    /// The value of column `q` of a row.
    fn value(&self, key: &[u8]) -> Option<Vec<u8>> {
        let rows = self.get_from(&self.data, &[key.to_vec()], &Columns::Only(vec![("t", b"q".to_vec())]));
        rows.first().map(|r| r.1[0].2.clone())
    }

    fn scan(&self, scan: Scan) -> Vec<(Vec<u8>, Vec<Cell>)> {
        let most = scan.batch_rows;
        let mut scanner = self.store.scan(&self.data, scan).unwrap();
        let (mut batch, mut rows) = (RowBatch::default(), Vec::new());
        while scanner.next(&mut batch).unwrap() {
            assert!(batch.len() <= most, "{} rows in a batch of {most}", batch.len());
            rows.extend(Self::rows_of(&batch));
        }
        assert!(batch.is_empty());
        rows
    }

    fn scan_all(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<Cell>)> {
        self.scan(Scan::range(prefix, after(prefix)))
    }
}

fn keys(rows: &[(Vec<u8>, Vec<Cell>)]) -> Vec<Vec<u8>> {
    rows.iter().map(|r| r.0.clone()).collect()
}

fn cell(qualifier: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Cell {
    ("t".into(), qualifier.as_ref().to_vec(), value.as_ref().to_vec())
}

fn cells_come_back_in_order(p: &Place) {
    let at = fresh("order");
    p.write(&[change(&at, vec![put("b", "2"), put("a", "1"), put("", "no qualifier"), put("ab", ""), put([0xff, 0], [0, 0xff])])]);
    let want = vec![cell("", "no qualifier"), cell("a", "1"), cell("ab", ""), cell("b", "2"), cell([0xff, 0], [0, 0xff])];
    assert_eq!(p.get(std::slice::from_ref(&at)), vec![(at.clone(), want.clone())]);
    assert_eq!(p.scan_all(&at), vec![(at.clone(), want)]);
    // Two families, in order of their names.
    for (family, value) in [("name", "1"), ("id", "2")] {
        let put = Mutation::Put { family, qualifier: b"metrics".to_vec(), value: value.into() };
        p.store.write(&p.names, &[change(&at, vec![put])]).unwrap();
    }
    let rows = p.get_from(&p.names, std::slice::from_ref(&at), &Columns::All);
    assert_eq!(rows[0].1.iter().map(|c| c.0.as_str()).collect::<Vec<_>>(), ["id", "name"]);
}

fn cells_carry_the_time_of_their_write(p: &Place) {
    let at = fresh("time");
    let before = now();
    p.write(&[change(row(&at, "1"), vec![put("q", "v")]), change_at(row(&at, "2"), vec![put("q", "v")], 1234)]);
    let mut batch = RowBatch::default();
    p.store.get(&p.data, &[row(&at, "1"), row(&at, "2")], &Columns::All, &mut batch).unwrap();
    let times: Vec<i64> = batch.rows().flat_map(|r| r.cells().map(|c| c.time)).collect();
    assert!(times[0] >= before - 1000 && times[0] <= now() + 1000, "{} around {before}", times[0]);
    assert_eq!(times[1], 1234);
}

fn missing_rows_are_left_out(p: &Place) {
    let at = fresh("missing");
    p.write(&[change(row(&at, "a"), vec![put("q", "1")]), change(row(&at, "c"), vec![put("q", "3")])]);
    let got = p.get(&[row(&at, "c"), row(&at, "b"), row(&at, "a"), row(&at, "aa")]);
    assert_eq!(keys(&got), [row(&at, "c"), row(&at, "a")]); // in order of the keys asked for
    assert!(p.get(&[]).is_empty());
    assert!(p.scan_all(&row(&at, "nothing/")).is_empty());
}

fn columns_restrict(p: &Place) {
    let at = fresh("columns");
    p.write(&[change(row(&at, "a"), vec![put("x", "1"), put("y", "2"), put("z", "3")]), change(row(&at, "b"), vec![put("y", "4")])]);
    let only = Columns::Only(vec![("t", b"x".to_vec()), ("t", b"z".to_vec()), ("t", b"none".to_vec())]);
    let want = vec![(row(&at, "a"), vec![cell("x", "1"), cell("z", "3")])];
    assert_eq!(p.get_from(&p.data, &[row(&at, "a"), row(&at, "b")], &only), want);
    assert_eq!(p.scan(Scan { columns: only, ..Scan::range(at.clone(), after(&at)) }), want);
    let family = Columns::Family("t");
    assert_eq!(p.scan(Scan { columns: family, ..Scan::range(at.clone(), after(&at)) }).len(), 2);
    for family in ["id", "name"] {
        let put = Mutation::Put { family, qualifier: b"tagk".to_vec(), value: family.into() };
        p.store.write(&p.names, &[change(&at, vec![put])]).unwrap();
    }
    let got = p.get_from(&p.names, std::slice::from_ref(&at), &Columns::Family("name"));
    assert_eq!(got[0].1, [("name".to_owned(), b"tagk".to_vec(), b"name".to_vec())]);
}

fn binary_rows_sort_bytewise(p: &Place) {
    let at = fresh("binary");
    let mut rows: Vec<Vec<u8>> = vec![at.clone()];
    for a in [0u8, 1, 0x7f, 0x80, 0xfe, 0xff] {
        rows.push(row(&at, [a]));
        for b in [0u8, 1, 0x85, 0xff] {
            rows.push(row(&at, [a, b]));
            rows.push(row(&at, [a, b, 0]));
            rows.push(row(&at, [a, 0, 0, b]));
        }
    }
    rows.push(row(&at, [0; 130]));
    rows.push(row(&at, [vec![0; 130], vec![1]].concat()));
    rows.sort();
    rows.dedup();
    let mut shuffled: Vec<_> = rows.iter().map(|r| change(r, vec![put("q", r)])).collect();
    shuffled.sort_by_key(|c| c.row.iter().rev().fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(*b))));
    p.write(&shuffled);
    let got = p.scan_all(&at);
    assert_eq!(keys(&got), rows);
    assert!(got.iter().all(|(key, cells)| cells[0].2 == *key));
    for (low, high) in [(0, 5), (3, 4), (7, rows.len() - 1)] {
        assert_eq!(keys(&p.scan(Scan::range(rows[low].clone(), rows[high].clone()))), rows[low..high], "{low}..{high}");
    }
    assert_eq!(keys(&p.get(&rows)), rows);
}

fn scans_have_bounds_and_batches(p: &Place) {
    let at = fresh("bounds");
    let rows: Vec<_> = (0..50).map(|i| row(&at, format!("{i:02}"))).collect();
    p.write(&rows.iter().map(|r| change(r, vec![put("a", "1"), put("b", "2")])).collect::<Vec<_>>());
    for batch_rows in [1, 7, 50, 1000] {
        let got = p.scan(Scan { batch_rows, ..Scan::range(at.clone(), after(&at)) });
        assert_eq!(keys(&got), rows);
        assert!(got.iter().all(|r| r.1.len() == 2));
    }
    assert_eq!(keys(&p.scan(Scan::range(row(&at, "095"), row(&at, "12")))), rows[10..12]); // bounds that are no rows
    assert!(p.scan(Scan::range(row(&at, "12"), row(&at, "11"))).is_empty());
    // Without a stop: to the end of the table.
    let mut scanner = p.store.scan(&p.data, Scan { batch_rows: 5, ..Scan::range(rows[48].clone(), "") }).unwrap();
    let mut batch = RowBatch::default();
    assert!(scanner.next(&mut batch).unwrap());
    assert_eq!(keys(&Place::rows_of(&batch))[..2], rows[48..]);
}

fn scans_of_nothing_are_empty(p: &Place) {
    let at = fresh("nothing");
    p.write(&["1", "2"].map(|r| change(row(&at, r), vec![put("q", "v")])));
    assert!(p.scan(Scan::range(row(&at, "2"), row(&at, "1"))).is_empty());
    // The row to stop before is not returned, also when the scan starts there (HBase itself would return it).
    assert!(p.scan(Scan::range(row(&at, "1"), row(&at, "1"))).is_empty());
}

fn scans_run_backwards(p: &Place) {
    let at = fresh("reverse");
    let rows: Vec<_> = (0..20).map(|i| row(&at, format!("{i:02}"))).collect();
    p.write(&rows.iter().map(|r| change(r, vec![put("a", "1"), put("b", "2")])).collect::<Vec<_>>());
    p.write(&[change(row(&at, "05x"), vec![put("a", "1")])]); // the next row's beginning is a whole row
    let scan = |start: &str, stop: &str, batch_rows| {
        let scan = Scan { reverse: true, batch_rows, ..Scan::range(row(&at, start), row(&at, stop)) };
        p.scan(scan)
            .into_iter()
            .map(|(key, cells)| (String::from_utf8_lossy(&key[at.len()..]).into_owned(), cells.len()))
            .collect::<Vec<_>>()
    };
    let list = |names: &[&str]| names.iter().map(|n| ((*n).to_owned(), if n.ends_with('x') { 1 } else { 2 })).collect::<Vec<_>>();
    assert_eq!(scan("06", "03", 512), list(&["06", "05x", "05", "04", "03"])); // both ends are included
    assert_eq!(scan("05", "03", 1), list(&["05", "04", "03"]));
    assert_eq!(scan("055", "035", 2), list(&["05", "04"]));
    assert_eq!(scan("99", "18", 2), list(&["19", "18"]));
    assert_eq!(scan("03", "05", 2), list(&[]));
}

fn newest_time_wins(p: &Place) {
    let at = fresh("newest");
    let check = |name: &str, writes: &[(&str, Option<i64>)], want: &str| {
        let key = row(&at, name);
        for (value, time) in writes {
            p.write(&[RowMutation { time: *time, ..change(&key, vec![put("q", value)]) }]);
        }
        assert_eq!(p.value(&key).as_deref(), Some(want.as_bytes()), "{name}");
    };
    let future = now() + 3_600_000;
    check("order", &[("a", None), ("b", None)], "b");
    check("older-later", &[("a", Some(2000)), ("b", Some(1000))], "a");
    check("newer-later", &[("a", Some(1000)), ("b", Some(2000))], "b");
    check("same", &[("a", Some(1000)), ("b", Some(1000))], "b");
    check("now-after-past", &[("a", Some(1000)), ("b", None)], "b");
    check("past-after-now", &[("a", None), ("b", Some(1000))], "a");
    check("now-after-future", &[("a", Some(future)), ("b", None)], "a");
    check("future-after-now", &[("a", None), ("b", Some(future))], "b");
    check("zero", &[("a", Some(1)), ("b", Some(0))], "a");
}

fn deletes_respect_times(p: &Place) {
    let at = fresh("deletes");
    let check = |name: &str, written: i64, deleted: Option<i64>, stays: bool| {
        let key = row(&at, name);
        p.write(&[change_at(&key, vec![put("q", "v"), put("other", "v")], written)]);
        p.write(&[RowMutation { time: deleted, ..change(&key, vec![delete("q")]) }]);
        assert_eq!(p.value(&key).is_some(), stays, "{name}");
        assert_eq!(p.get(&[key])[0].1.last(), Some(&if stays { cell("q", "v") } else { cell("other", "v") }));
    };
    check("older", 2000, Some(1000), true);
    check("same", 2000, Some(2000), false);
    check("newer", 2000, Some(3000), false);
    check("now", 2000, None, false);
    check("of-the-future", now() + 3_600_000, None, true);
    p.write(&[change(row(&at, "nothing"), vec![delete("q")])]); // no fault
    // A value put back after a delete is there.
    let key = row(&at, "back");
    p.write(&[change_at(&key, vec![put("q", "1")], 1000)]);
    p.write(&[change_at(&key, vec![delete("q")], 1000)]);
    assert_eq!(p.value(&key), None);
    p.write(&[change(&key, vec![put("q", "2")])]);
    assert_eq!(p.value(&key).as_deref(), Some(&b"2"[..]));
}

fn rows_vanish_with_their_cells(p: &Place) {
    let at = fresh("vanish");
    let rows = [row(&at, "a"), row(&at, "b"), row(&at, "c")];
    p.write(&rows.iter().map(|r| change_at(r, vec![put("q", "1"), put("r", "2")], 1000)).collect::<Vec<_>>());
    p.write(&[change(&rows[1], vec![delete("q"), delete("r")]), change(&rows[2], vec![delete("q"), put("s", "3")])]);
    let want = vec![(rows[0].clone(), vec![cell("q", "1"), cell("r", "2")]), (rows[2].clone(), vec![cell("r", "2"), cell("s", "3")])];
    assert_eq!(p.scan_all(&at), want);
    assert_eq!(p.get(&rows), want);
}

/// The pairs of a row key hold every tag of the filter.
fn matches(filter: &Prefilter, key: &[u8]) -> bool {
    let pairs: Vec<_> = key[filter.skip..].chunks(filter.tagk_width + filter.tagv_width).map(|p| p.split_at(filter.tagk_width)).collect();
    filter.tags.iter().all(|t| pairs.iter().any(|(k, v)| *k == t.key && (t.values.is_empty() || t.values.iter().any(|w| w == v))))
}

fn prefilter_loses_nothing(p: &Place) {
    let at = fresh("prefilter");
    let mut random = Random::new(1);
    let mut next = |end| random.below(end);
    let names: Vec<Vec<u8>> =
        (0..4).map(|_| next(1 << 24).to_be_bytes()[5..].to_vec()).chain([vec![0, 0, 1], vec![0xff, 0x27, 0x27]]).collect();
    let values: Vec<Vec<u8>> =
        (0..12).map(|_| next(1 << 24).to_be_bytes()[5..].to_vec()).chain([vec![0, 0, 0x5c], vec![0x80, 0xff, 0x0a]]).collect();
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for _ in 0..1500 {
        let mut tags: Vec<_> = names.iter().filter(|_| next(2) == 0).cloned().collect::<Vec<_>>();
        tags.sort();
        let base = 3600 * next(3) as u32;
        let pairs: Vec<u8> = tags.iter().flat_map(|k| [k.clone(), values[next(14) as usize].clone()].concat()).collect();
        if !pairs.is_empty() {
            rows.push([at.as_slice(), &base.to_be_bytes(), &pairs].concat());
        }
    }
    rows.sort();
    rows.dedup();
    p.write(&rows.iter().map(|r| change(r, vec![put("q", "v")])).collect::<Vec<_>>());
    for round in 0..60 {
        let mut tags: Vec<_> = names.iter().filter(|_| next(3) == 0).cloned().collect::<Vec<_>>();
        tags.sort();
        let tag = |key: Vec<u8>| {
            let values = (0..next(4)).map(|_| values[next(14) as usize].clone()).collect();
            TagBytes { key, values }
        };
        let filter = Prefilter { skip: at.len() + 4, tagk_width: 3, tagv_width: 3, tags: tags.into_iter().map(tag).collect() };
        let scan = Scan { prefilter: Some(filter.clone()), reverse: false, batch_rows: 100, ..Scan::range(at.clone(), after(&at)) };
        let mut got = keys(&p.scan(scan));
        got.retain(|r| matches(&filter, r)); // an engine may send more, never less
        let want: Vec<_> = rows.iter().filter(|r| matches(&filter, r)).cloned().collect();
        assert_eq!(got, want, "round {round}: {filter:?}");
    }
}

fn prefilter_takes_odd_rows(p: &Place) {
    let at = fresh("odd");
    let tags = vec![TagBytes { key: b"'\n\\".to_vec(), values: vec![b"\x7f\x80\0".to_vec()] }];
    let filter = Prefilter { skip: at.len() + 4, tagk_width: 3, tagv_width: 3, tags };
    let hit = row(&at, b"0000'\n\\\x7f\x80\0");
    p.write(&[change(row(&at, "0000'\n\\\u{1}\u{2}\0"), vec![put("q", "1")]), change(&hit, vec![put("q", "2")])]);
    let mut got = keys(&p.scan(Scan { prefilter: Some(filter.clone()), ..Scan::range(at.clone(), after(&at)) }));
    got.retain(|r| matches(&filter, r));
    assert_eq!(got, [hit]);
}

/// Qualifier and value of a packed cell of `count` points: one a second from `first`, whole numbers of two bytes.
fn packed(first: u16, count: u16) -> (Vec<u8>, Vec<u8>) {
    let qualifier = (first..first + count).flat_map(|at| (at << 4 | 1).to_be_bytes()).collect();
    let mut value: Vec<u8> = (0..count).flat_map(|i| (1000 + i * 7).to_be_bytes()).collect();
    value.push(0);
    (qualifier, value)
}

fn packed_and_single_cells_mix(p: &Place) {
    let at = fresh("packed");
    let mut cells: Vec<(Vec<u8>, Vec<u8>)> = [(0, 360), (1, 2), (360, 100), (0, 2), (0, 3), (200, 700)].map(|(a, n)| packed(a, n)).to_vec();
    for at in [0u16, 5, 300, 1000] {
        cells.push(((at << 4).to_be_bytes().to_vec(), vec![1]));
        cells.push(((at << 4 | 0xb).to_be_bytes().to_vec(), vec![1, 2, 3, 4]));
        cells.push(((0xf000_0000 | (u32::from(at) * 1000) << 6).to_be_bytes().to_vec(), vec![7]));
    }
    let millis: Vec<u8> = (0..500u32).flat_map(|i| (0xf000_0000 | (i * 997) << 6 | 0xf).to_be_bytes()).collect();
    let doubles: Vec<u8> = (0..500).flat_map(|i| (f64::from(i) / 7.0).to_be_bytes()).chain([0]).collect();
    cells.push((millis, doubles));
    cells.push((vec![1, 0, 0], b"{}".to_vec())); // an annotation
    p.write(&[change(&at, cells.iter().map(|(q, v)| put(q, v)).collect())]);
    cells.sort();
    let want: Vec<_> = cells.iter().map(|(q, v)| cell(q, v)).collect();
    assert_eq!(p.get(std::slice::from_ref(&at))[0].1, want);
    assert_eq!(p.scan_all(&at)[0].1, want);
    // One packed column by its name, overwritten, deleted.
    let (qualifier, value) = packed(0, 360);
    let only = Columns::Only(vec![("t", qualifier.clone())]);
    assert_eq!(p.get_from(&p.data, std::slice::from_ref(&at), &only)[0].1, [cell(&qualifier, &value)]);
    let mut other = value.clone();
    other[5] ^= 1;
    p.write(&[change(&at, vec![put(&qualifier, &other)])]);
    assert_eq!(p.get_from(&p.data, std::slice::from_ref(&at), &only)[0].1, [cell(&qualifier, &other)]);
    p.write(&[change(&at, vec![delete(&qualifier)])]);
    assert_eq!(p.get(std::slice::from_ref(&at))[0].1.len(), want.len() - 1);
}

fn damaged_packed_cells_come_back(p: &Place) {
    let at = fresh("damaged");
    let (qualifier, value) = packed(7, 30);
    let cells = [
        (qualifier.clone(), value[..20].to_vec()),
        (qualifier[..40].to_vec(), vec![]),
        (qualifier[..39].to_vec(), value.clone()),
        ([&qualifier[..8], &[0xf0, 0, 0, 0x3f]].concat(), value.clone()),
        (vec![0xff; 64], vec![0xff; 64]),
        (vec![0; 64], vec![0; 200]),
    ];
    p.write(&[change(&at, cells.iter().map(|(q, v)| put(q, v)).collect())]);
    let mut want: Vec<_> = cells.iter().map(|(q, v)| cell(q, v)).collect();
    want.sort();
    assert_eq!(p.get(&[at])[0].1, want);
}

fn big_rows_are_whole(p: &Place) {
    let at = fresh("big");
    let value = |i: u32| vec![i as u8; 100];
    p.write(&[change(row(&at, "1"), (0..5000u32).map(|i| put(i.to_be_bytes(), value(i))).collect())]);
    p.write(&[change(row(&at, "2"), vec![put("q", vec![7; 1 << 20])])]);
    let got = p.scan(Scan { batch_rows: 1, ..Scan::range(at.clone(), after(&at)) });
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].1.len(), 5000);
    assert!(got[0].1.iter().zip(0u32..).all(|(c, i)| c.1 == i.to_be_bytes() && c.2 == value(i)));
    assert_eq!(got[1].1[0].2.len(), 1 << 20);
}

fn big_batches_are_complete(p: &Place) {
    let at = fresh("batch");
    let rows: Vec<_> = (0..20_000u32).map(|i| change(row(&at, i.to_be_bytes()), vec![put("q", [i.to_le_bytes(); 8].concat())])).collect();
    p.write(&rows);
    // What is written later wins, whichever way the first batch took, and the other way round.
    p.write(&[change(&rows[77].row, vec![put("q", "later")])]);
    let got = p.scan_all(&at);
    assert_eq!(got.len(), rows.len());
    assert!(got.iter().zip(&rows).all(|(got, want)| got.0 == want.row));
    assert_eq!(got[77].1, [cell("q", "later")]);
    assert_eq!(got[78].1[0].2, [78u32.to_le_bytes(); 8].concat());
    p.write(&rows);
    assert_eq!(p.value(&rows[77].row), Some([77u32.to_le_bytes(); 8].concat()));
    p.write(&rows.iter().step_by(2).map(|r| change(&r.row, vec![delete("q")])).collect::<Vec<_>>());
    assert_eq!(p.scan_all(&at).len(), rows.len() / 2);
    p.store.sync().unwrap();
}

fn increments_count(p: &Place) {
    let at = fresh("increment");
    let add = |name: &str, by| p.store.increment(&p.names, &row(&at, name), "id", b"metrics", by);
    assert_eq!(add("a", 5).unwrap(), 5);
    assert_eq!(add("a", 0).unwrap(), 5);
    assert_eq!(add("a", -7).unwrap(), -2);
    assert_eq!(add("b", 1).unwrap(), 1);
    let stored = p.get_from(&p.names, &[row(&at, "a")], &Columns::All);
    assert_eq!(stored[0].1[0].2, (-2i64).to_be_bytes());
    let put = Mutation::Put { family: "id", qualifier: b"metrics".to_vec(), value: b"abc".to_vec() };
    p.store.write(&p.names, &[change(row(&at, "c"), vec![put])]).unwrap();
    assert!(add("c", 1).is_err()); // not a counter
}

fn increments_of_threads_add_up(p: &Place) {
    let at = fresh("threads");
    let mut seen: Vec<i64> = std::thread::scope(|s| {
        let count = || (0..40).map(|_| p.store.increment(&p.names, &at, "id", b"tagk", 1).unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|_| s.spawn(count)).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    seen.sort_unstable();
    assert_eq!(seen, (1..=320).collect::<Vec<i64>>()); // no number twice, none left out
}

fn check_and_put_checks(p: &Place) {
    let at = fresh("check");
    let put = |expected: Option<&[u8]>, value: &[u8]| p.store.check_and_put(&p.names, &at, "name", b"tagv", expected, value).unwrap();
    let value = || p.get_from(&p.names, std::slice::from_ref(&at), &Columns::Family("name")).first().map(|r| r.1[0].2.clone());
    assert!(!put(Some(b"x"), b"y"));
    assert_eq!(value(), None);
    assert!(put(None, b"1"));
    assert!(!put(None, b"2"));
    assert!(!put(Some(b"x"), b"2"));
    assert_eq!(value().as_deref(), Some(&b"1"[..]));
    assert!(put(Some(b"1"), b"2"));
    assert_eq!(value().as_deref(), Some(&b"2"[..]));
}

fn one_of_many_wins(p: &Place) {
    for round in 0..10 {
        let at = fresh(&format!("race{round}"));
        let wins = std::thread::scope(|s| {
            let try_one = |i: u8| p.store.check_and_put(&p.names, &at, "id", b"metrics", None, &[i]).unwrap();
            let threads: Vec<_> = (1..=8).map(|i| s.spawn(move || (i, try_one(i)))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).filter(|(_, won)| *won).map(|(i, _)| i).collect::<Vec<_>>()
        });
        assert_eq!(wins.len(), 1, "{wins:?} won");
        assert_eq!(p.get_from(&p.names, &[at], &Columns::All)[0].1[0].2, wins);
    }
}

fn appends_extend(p: &Place) {
    let at = fresh("append");
    let append = |value: &[u8]| p.store.append(&p.data, &at, "t", b"q", value).unwrap();
    append(b"ab");
    append(b"");
    append(&[0, 0xff]);
    assert_eq!(p.value(&at).unwrap(), [b'a', b'b', 0, 0xff]);
    let other = row(&at, "threads");
    std::thread::scope(|s| {
        for i in 0..4u8 {
            let (store, table, other) = (p.store, &p.data, &other);
            s.spawn(move || (0..25).for_each(|_| store.append(table, other, "t", b"q", &[i]).unwrap()));
        }
    });
    let mut value = p.value(&other).unwrap();
    value.sort_unstable();
    assert_eq!(value, (0..4u8).flat_map(|i| [i; 25]).collect::<Vec<_>>());
}

fn missing_tables_are_named(p: &Place) {
    let name = format!("{}-is-not-there", p.data);
    let check = |what: &str, fault: Option<StoreError>| match fault {
        Some(StoreError::Rejected(text)) => assert!(text.contains(&name), "{what}: {text}"),
        other => panic!("{what}: {other:?}"),
    };
    let mut batch = RowBatch::default();
    let s = p.store;
    check("write", s.write(&name, &[change("r", vec![put("q", "v")])]).err());
    check("get", s.get(&name, &[b"r".to_vec()], &Columns::All, &mut batch).err());
    let scan = s.scan(&name, Scan::range("a", "b")).and_then(|mut s| s.next(&mut batch));
    check("scan", scan.err());
    check("increment", s.increment(&name, b"r", "t", b"q", 1).err());
    check("check_and_put", s.check_and_put(&name, b"r", "t", b"q", None, b"v").err());
    check("append", s.append(&name, b"r", "t", b"q", b"v").err());
}

fn missing_families_are_refused(p: &Place) {
    let at = fresh("family");
    let bad = Mutation::Put { family: "nosuch", qualifier: b"q".to_vec(), value: b"v".to_vec() };
    assert!(p.store.write(&p.data, &[change(&at, vec![bad])]).is_err());
    let mut batch = RowBatch::default();
    assert!(p.store.get(&p.data, &[at], &Columns::Family("nosuch"), &mut batch).is_err());
}

fn tables_are_made_and_listed(p: &Place) {
    let name = format!("{}-made", p.data);
    if !p.store.tables().unwrap().contains(&name) {
        p.store.create_table(&TableSpec::plain(&name, &["t"]), &[b"m".to_vec()]).unwrap();
    }
    let tables = p.store.tables().unwrap();
    assert!([&name, &p.data, &p.names].iter().all(|t| tables.contains(t)), "{tables:?}");
    let at = fresh("made");
    p.store.write(&name, &[change(&at, vec![put("q", "v")])]).unwrap();
    assert_eq!(p.get_from(&name, std::slice::from_ref(&at), &Columns::All).len(), 1);
}
