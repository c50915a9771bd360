//! The HBase engine on a real HBase: `scripts/test` starts one and names its gateway in `TSDB_TEST_THRIFT` (host:port).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

#[path = "support/random.rs"]
mod random;
#[path = "support/store_suite.rs"]
mod suite;

use random::Random;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tsdb::store::hbase::{HbaseOptions, HbaseStore};
use tsdb::store::{Columns, Mutation, Prefilter, RowBatch, RowMutation, Scan, Store, StoreError, TableSpec, TagBytes};

fn options() -> HbaseOptions {
    let Ok(gateways) = std::env::var("TSDB_TEST_THRIFT") else {
        panic!("TSDB_TEST_THRIFT=host:port of a Thrift gateway is missing: run scripts/test, which starts a real HBase");
    };
    let mut options = HbaseOptions::new(HbaseOptions::parse_gateways(&gateways).unwrap());
    // For gateways started with -f or -c.
    let word = |key: &str| std::env::var(key).ok();
    options.transport = word("TSDB_TEST_TRANSPORT").map_or(options.transport, |text| text.parse().unwrap());
    options.protocol = word("TSDB_TEST_PROTOCOL").map_or(options.protocol, |text| text.parse().unwrap());
    options
}

fn store() -> HbaseStore {
    HbaseStore::connect(options()).unwrap()
}

/// A new table of its own with family `t`.
fn table(store: &HbaseStore) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let name = format!("hbase-test-{now}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    store.create_table(&TableSpec::plain(&name, &["t"]), &[]).unwrap();
    name
}

fn put(row: &[u8], qualifier: &[u8], value: &[u8]) -> RowMutation {
    let mutations = vec![Mutation::Put { family: "t", qualifier: qualifier.to_vec(), value: value.to_vec() }];
    RowMutation { row: row.to_vec(), mutations, time: None }
}

fn delete(row: &[u8], qualifier: &[u8]) -> RowMutation {
    RowMutation { row: row.to_vec(), mutations: vec![Mutation::Delete { family: "t", qualifier: qualifier.to_vec() }], time: None }
}

fn at(time: i64, row: RowMutation) -> RowMutation {
    RowMutation { time: Some(time), ..row }
}

type Plain = Vec<(Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>)>;

fn plain(batch: &RowBatch) -> Plain {
    batch.rows().map(|row| (row.key().to_vec(), row.cells().map(|c| (c.qualifier.to_vec(), c.value.to_vec())).collect())).collect()
}

fn all(store: &HbaseStore, table: &str, scan: Scan) -> Plain {
    let (mut scanner, mut batch, mut rows) = (store.scan(table, scan).unwrap(), RowBatch::default(), Vec::new());
    while scanner.next(&mut batch).unwrap() {
        rows.extend(plain(&batch));
    }
    assert!(batch.is_empty());
    rows
}

fn keys(rows: &Plain) -> Vec<String> {
    rows.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
}

fn stat(store: &HbaseStore, name: &str) -> u64 {
    let mut found = None;
    store.stats(&mut |key, value| found = if key == name { Some(value) } else { found });
    found.unwrap_or_else(|| panic!("no statistic {name}"))
}

/// What every store must do: the same cases as the embedded engine's.
#[test]
fn suite_of_every_store() {
    let store = store();
    let data = table(&store);
    let names = format!("{data}-uid");
    store.create_table(&TableSpec::plain(&names, &["id", "name"]), &[]).unwrap();
    for (name, case) in suite::CASES {
        println!("{name}");
        case(&suite::Place { store: &store, data: data.clone(), names: names.clone() });
    }
}

#[test]
fn cells_come_back_in_order_with_their_times() {
    let store = store();
    let table = table(&store);
    let odd: [&[u8]; 6] = [b"", b"\x00\x01", b"\x7f", b"\x80", b"\xff\xff", b"a:b'c\\"];
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let mutations = odd.iter().rev().map(|q| Mutation::Put { family: "t", qualifier: q.to_vec(), value: [b"v", *q].concat() }).collect();
    store.write(&table, &[RowMutation { row: b"r\xff\x00".to_vec(), mutations, time: None }, put(b"z", b"q", b"")]).unwrap();
    let mut want: Vec<_> = odd.iter().map(|q| (q.to_vec(), [b"v", *q].concat())).collect();
    want.sort();
    let mut batch = RowBatch::default();
    let asked = [b"z".to_vec(), b"missing".to_vec(), b"r\xff\x00".to_vec(), b"z".to_vec()];
    store.get(&table, &asked, &Columns::All, &mut batch).unwrap();
    let z = (b"z".to_vec(), vec![(b"q".to_vec(), b"".to_vec())]);
    assert_eq!(plain(&batch), [z.clone(), (b"r\xff\x00".to_vec(), want.clone()), z.clone()]);
    for cell in batch.rows().flat_map(|row| row.cells().collect::<Vec<_>>()) {
        assert_eq!(cell.family, b"t");
        assert!((cell.time - before).abs() < 60_000, "{cell:?}");
    }
    assert_eq!(all(&store, &table, Scan::range("", "")), [(b"r\xff\x00".to_vec(), want), z]);
    let only = Columns::Only(vec![("t", b"\x80".to_vec()), ("t", b"nothing".to_vec())]);
    store.get(&table, &asked, &only, &mut batch).unwrap();
    assert_eq!(plain(&batch), [(b"r\xff\x00".to_vec(), vec![(b"\x80".to_vec(), b"v\x80".to_vec())])]);
    store.get(&table, &asked, &Columns::Family("t"), &mut batch).unwrap();
    assert_eq!(batch.len(), 3);
    store.get(&table, &[], &Columns::All, &mut batch).unwrap();
    assert!(batch.is_empty());
    store.write(&table, &[]).unwrap();
}

#[test]
fn times_and_deletes() {
    let store = store();
    let table = table(&store);
    let value = |row: &[u8]| {
        let mut batch = RowBatch::default();
        store.get(&table, &[row.to_vec()], &Columns::All, &mut batch).unwrap();
        batch.row(0).and_then(|r| r.cells().next().map(|c| (c.value.to_vec(), c.time)))
    };
    // One call with three times.
    store.write(&table, &[at(1_000, put(b"a", b"q", b"old")), at(2_000, put(b"b", b"q", b"two")), put(b"c", b"q", b"now")]).unwrap();
    assert_eq!(value(b"a"), Some((b"old".to_vec(), 1_000)));
    assert_eq!(value(b"b"), Some((b"two".to_vec(), 2_000)));
    // An older put does not hide a newer one; a delete takes what is not newer than its time.
    store.write(&table, &[at(500, put(b"a", b"q", b"older"))]).unwrap();
    assert_eq!(value(b"a"), Some((b"old".to_vec(), 1_000)));
    store.write(&table, &[at(999, delete(b"a", b"q"))]).unwrap();
    assert_eq!(value(b"a"), Some((b"old".to_vec(), 1_000)));
    store.write(&table, &[at(1_000, delete(b"a", b"q"))]).unwrap();
    assert_eq!(value(b"a"), None);
    // A put and a delete of one row, by the clock.
    let mut both = put(b"b", b"new", b"n");
    both.mutations.extend(delete(b"b", b"q").mutations);
    store.write(&table, &[both, delete(b"c", b"q")]).unwrap();
    assert_eq!(value(b"b").map(|(v, _)| v), Some(b"n".to_vec()));
    assert_eq!(value(b"c"), None);
}

#[test]
fn all_versions_up_to_the_time_are_deleted() {
    let store = store();
    let name = table(&store) + "-v";
    let mut spec = TableSpec::plain(&name, &["t"]);
    spec.families[0].versions = 5;
    store.create_table(&spec, &[]).unwrap();
    for time in [10, 20, 30] {
        store.write(&name, &[at(time, put(b"r", b"q", time.to_string().as_bytes()))]).unwrap();
    }
    store.write(&name, &[at(20, delete(b"r", b"q"))]).unwrap();
    assert_eq!(all(&store, &name, Scan::range("", "")), [(b"r".to_vec(), vec![(b"q".to_vec(), b"30".to_vec())])]);
    store.write(&name, &[at(30, delete(b"r", b"q"))]).unwrap();
    assert!(all(&store, &name, Scan::range("", "")).is_empty());
}

#[test]
fn scans() {
    let store = store();
    let table = table(&store);
    let rows: Vec<_> = (0..1_000).map(|n| put(format!("row{n:04}").as_bytes(), b"q", b"v")).collect();
    store.write(&table, &rows).unwrap();
    let range = |start: &str, stop: &str| Scan::range(start, stop);
    assert_eq!(all(&store, &table, range("", "")).len(), 1_000);
    for batch_rows in [1, 7, 128, 499, 500, 1_000, 1_000_000] {
        let got = all(&store, &table, Scan { batch_rows, ..range("row0100", "row0600") });
        assert_eq!((got.len(), &got[0].0[..], &got[499].0[..]), (500, &b"row0100"[..], &b"row0599"[..]), "{batch_rows}");
    }
    let back = |start: &str, stop: &str, batch_rows| keys(&all(&store, &table, Scan { reverse: true, batch_rows, ..range(start, stop) }));
    assert_eq!(back("row0005", "row0002", 512), ["row0005", "row0004", "row0003", "row0002"]);
    assert_eq!(back("row0005", "row0002", 1), ["row0005", "row0004", "row0003", "row0002"]);
    assert_eq!(back("row0002x", "row0001x", 512), ["row0002"]);
    assert_eq!(back("", "row0998", 512), ["row0999", "row0998"]);
    assert_eq!(back("row0001", "", 512), ["row0001", "row0000"]);
    assert!(all(&store, &table, range("x", "")).is_empty());
    let only = Columns::Only(vec![("t", b"other".to_vec())]);
    assert!(all(&store, &table, Scan { columns: only, ..range("", "") }).is_empty());
    // A scanner dropped half-way does not disturb its connection.
    for _ in 0..20 {
        let (mut scanner, mut batch) = (store.scan(&table, Scan { batch_rows: 10, ..range("", "") }).unwrap(), RowBatch::default());
        assert!(scanner.next(&mut batch).unwrap());
        assert_eq!(batch.len(), 10);
    }
    assert_eq!(stat(&store, "hbase.errors"), 0);
    assert_eq!(stat(&store, "hbase.scanners_left"), 0);
}

#[test]
fn counters_checks_and_appends() {
    let store = store();
    let table = table(&store);
    assert_eq!(store.increment(&table, b"r", "t", b"n", 5).unwrap(), 5);
    assert_eq!(store.increment(&table, b"r", "t", b"n", -7).unwrap(), -2);
    assert_eq!(store.increment(&table, b"r", "t", b"n", 0).unwrap(), -2);
    assert!(store.check_and_put(&table, b"r", "t", b"q", None, b"one").unwrap());
    assert!(!store.check_and_put(&table, b"r", "t", b"q", None, b"two").unwrap());
    assert!(!store.check_and_put(&table, b"r", "t", b"q", Some(b"two"), b"three").unwrap());
    assert!(store.check_and_put(&table, b"r", "t", b"q", Some(b"one"), b"three").unwrap());
    store.append(&table, b"a", "t", b"q", b"12").unwrap();
    store.append(&table, b"a", "t", b"q", b"3\xff").unwrap();
    let rows = all(&store, &table, Scan::range("", ""));
    let want: Plain = vec![
        (b"a".to_vec(), vec![(b"q".to_vec(), b"123\xff".to_vec())]),
        (b"r".to_vec(), vec![(b"n".to_vec(), (-2i64).to_be_bytes().to_vec()), (b"q".to_vec(), b"three".to_vec())]),
    ];
    assert_eq!(rows, want);
    // A counter that is no number is refused for ever.
    let refused = store.increment(&table, b"a", "t", b"q", 1);
    assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
}

#[test]
fn what_hbase_refuses_is_named() {
    let store = store();
    let table = table(&store);
    let check = |result: Result<(), StoreError>, want: &str| match result {
        Err(StoreError::Rejected(text)) => assert!(text.contains(want), "{text}, not {want}"),
        other => panic!("{other:?}, not {want}"),
    };
    let mut batch = RowBatch::default();
    check(store.write("hbase-test-none", &[put(b"r", b"q", b"v")]), "write to table hbase-test-none: HBase has no such table");
    check(
        store.get("hbase-test-none", &[b"r".to_vec()], &Columns::All, &mut batch),
        "read of table hbase-test-none: HBase has no such table",
    );
    let mut scanner = store.scan("hbase-test-none", Scan::range("", "")).unwrap();
    check(scanner.next(&mut batch).map(drop), "scan of table hbase-test-none: HBase has no such table");
    check(store.increment("hbase-test-none", b"r", "t", b"q", 1).map(drop), "increment in table hbase-test-none: HBase has no such");
    check(store.append("hbase-test-none", b"r", "t", b"q", b"v"), "append to table hbase-test-none: HBase has no such table");
    check(store.create_table(&TableSpec::plain(&table, &["t"]), &[]), "it exists already");
    let mut odd = TableSpec::plain("hbase-test-odd", &["t"]);
    odd.families[0].compression = "NOPE".into();
    check(store.create_table(&odd, &[]), "creation of table hbase-test-odd");
    let other = Mutation::Put { family: "nofamily", qualifier: b"q".to_vec(), value: b"v".to_vec() };
    check(store.write(&table, &[RowMutation { row: b"r".to_vec(), mutations: vec![other], time: None }]), "NoSuchColumnFamily");
    assert!(store.tables().unwrap().contains(&table));
    assert!(!store.tables().unwrap().contains(&String::from("hbase-test-none")));
    assert_eq!(stat(&store, "hbase.repeats"), 0);
}

#[test]
fn one_refused_write_does_not_fail_those_merged_with_it() {
    let mut options = options();
    options.connections = 1;
    let store = HbaseStore::connect(options).unwrap();
    let table = table(&store);
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for writer in 0..16 {
            let (store, table, refused) = (&store, &table, &refused);
            scope.spawn(move || {
                for n in 0..20 {
                    let mut row = put(format!("{writer}-{n}").as_bytes(), b"q", b"v");
                    let bad = writer == 7;
                    if bad && let Some(Mutation::Put { family, .. }) = row.mutations.first_mut() {
                        *family = "nofamily";
                    }
                    match store.write(table, &[row]) {
                        Ok(()) => assert!(!bad),
                        Err(StoreError::Rejected(_)) => assert!(bad && refused.fetch_add(1, Ordering::Relaxed) < 20),
                        Err(other) => panic!("{other}"),
                    }
                }
            });
        }
    });
    assert_eq!(refused.into_inner(), 20);
    assert_eq!(all(&store, &table, Scan::range("", "")).len(), 15 * 20);
    assert!(stat(&store, "hbase.merged_batches") > 20);
}

#[test]
fn large_rows_and_large_answers_are_cut_to_size() {
    let store = store();
    let table = table(&store);
    let value = vec![7u8; 1_000_000];
    let rows: Vec<_> = (0..150u8).map(|n| put(&[n], b"q", &value)).collect();
    store.write(&table, &rows).unwrap();
    let (mut scanner, mut batch, mut seen) = (store.scan(&table, Scan::range("", "")).unwrap(), RowBatch::default(), Vec::new());
    while scanner.next(&mut batch).unwrap() {
        assert!(batch.byte_len() < 70_000_000, "{} bytes", batch.byte_len());
        seen.extend(batch.rows().map(|row| row.key()[0]));
    }
    assert_eq!(seen, (0..150).collect::<Vec<u8>>());
    let keys: Vec<_> = (0..150u8).map(|n| vec![n]).collect();
    store.get(&table, &keys, &Columns::All, &mut batch).unwrap();
    assert_eq!(batch.len(), 150);
}

#[test]
fn a_prefilter_loses_no_row() {
    let store = store();
    let table = table(&store);
    let mut dice = Random::new(1);
    // UIDs of bytes that are worst for text: high ones in all places of UTF-8, quotes, backslashes, NUL, line ends.
    let pool = [0, 1, b'\'', b'"', b'\\', b'\n', b'\r', b'a', b'[', 0x7f, 0x80, 0x85, 0xa9, 0xbf, 0xc3, 0xe1, 0xe2, 0xed, 0xf0, 0xf4, 0xff];
    let mut uid = |width: usize| -> Vec<u8> { (0..width).map(|_| pool[dice.below(pool.len() as u64) as usize]).collect() };
    let names: Vec<_> = (0..6).map(|_| uid(3)).collect();
    let values: Vec<_> = (0..12).map(|_| uid(3)).collect();
    let narrow: Vec<_> = (0..8).map(|_| uid(1)).collect();
    let bases: Vec<_> = (0..20).map(|_| uid(7)).collect();
    let mut dice = Random::new(2);
    let mut rows: Vec<TaggedRow> = Vec::new();
    for _ in 0..3_000 {
        let width = if dice.below(2) == 0 { 3 } else { 1 };
        let (tagks, tagvs) = if width == 3 { (&names, &values) } else { (&narrow, &narrow) };
        let mut tags = std::collections::BTreeMap::new();
        for _ in 0..1 + dice.below(4) {
            tags.insert(tagks[dice.below(tagks.len() as u64) as usize].clone(), tagvs[dice.below(tagvs.len() as u64) as usize].clone());
        }
        let mut key = bases[dice.below(20) as usize].clone();
        tags.iter().for_each(|(k, v)| key.extend(k.iter().chain(v)));
        rows.push((key, tags.into_iter().collect(), width));
    }
    store.write(&table, &rows.iter().map(|(key, ..)| put(key, b"q", b"v")).collect::<Vec<_>>()).unwrap();
    let mut left_out = 0;
    for trial in 0..trials() {
        let (_, tags, width) = &rows[dice.below(rows.len() as u64) as usize];
        let mut asked: Vec<TagBytes> = Vec::new();
        for (key, value) in tags {
            let mut values = vec![value.clone()];
            let pool = if *width == 3 { &values_of(&rows, 3) } else { &narrow };
            (0..dice.below(3)).for_each(|_| values.push(pool[dice.below(pool.len() as u64) as usize].clone()));
            match dice.below(4) {
                0 => {}
                1 => asked.push(TagBytes { key: key.clone(), values: Vec::new() }),
                _ => asked.push(TagBytes { key: key.clone(), values }),
            }
        }
        let matches = |tags: &[(Vec<u8>, Vec<u8>)]| {
            asked.iter().all(|tag| tags.iter().any(|(k, v)| *k == tag.key && (tag.values.is_empty() || tag.values.contains(v))))
        };
        let mut want: Vec<_> = rows.iter().filter(|(_, tags, w)| w == width && matches(tags)).map(|(key, ..)| key.clone()).collect();
        want.sort();
        want.dedup();
        let prefilter = Some(Prefilter { skip: 7, tagk_width: *width, tagv_width: *width, tags: asked.clone() });
        let got = all(&store, &table, Scan { prefilter, ..Scan::range("", "") });
        let got: std::collections::HashSet<_> = got.into_iter().map(|(key, _)| key).collect();
        let lost: Vec<_> = want.iter().filter(|key| !got.contains(*key)).collect();
        assert!(lost.is_empty(), "trial {trial}: {asked:02x?} lost {lost:02x?}");
        left_out += rows.len().saturating_sub(got.len());
    }
    assert!(left_out > rows.len() * trials() / 4, "the filter leaves almost nothing out: {left_out}");
}

/// Hours that are alike and hours that are not: empty ones, rows without tags, with a lower tag, between two hours.
#[test]
fn leaps_over_hours_lose_no_row() {
    leaps_over_hours(5);
}

/// Below the lowest tag there is nothing to look for.
#[test]
fn leaps_to_the_lowest_tag_lose_no_row() {
    leaps_over_hours(1);
}

fn leaps_over_hours(tag: u8) {
    let store = HbaseStore::connect(HbaseOptions { leaps: Some(true), ..options() }).unwrap();
    let table = table(&store);
    let mut dice = Random::new(3);
    let mut rows = std::collections::BTreeMap::new();
    for hour in (0..200u32).filter(|hour| !(60..150).contains(hour)) {
        let mut add = |time: u32, tags: &[[u8; 2]]| {
            let key = [b"abc", &time.to_be_bytes()[..], &tags.concat()].concat();
            rows.insert(key, tags.to_vec());
        };
        let alike = hour < 30 || dice.below(3) > 0;
        for value in 0..40 {
            add(hour * 10, &[[tag, value]]);
            if value == 7 {
                (0..dice.below(12) as u8).for_each(|other| add(hour * 10, &[[tag, value], [6, other]]));
            }
        }
        match dice.below(4) {
            _ if alike => {}
            0 => add(hour * 10, &[]),
            _ if tag == 1 => {}
            1 => add(hour * 10, &[[4, 1], [5, 7]]),
            2 => add(hour * 10 + 3, &[[5, 7]]),
            _ => add(hour * 10, &[[4, 0xff], [6, 7]]),
        }
    }
    store.write(&table, &rows.keys().map(|key| put(key, b"q", b"v")).collect::<Vec<_>>()).unwrap();
    for trial in 0..60 {
        let (from, to) = (dice.below(200) as u32 * 10, dice.below(220) as u32 * 10);
        let (start, stop) = ([b"abc", &from.to_be_bytes()[..]].concat(), [b"abc", &to.to_be_bytes()[..]].concat());
        let mut tags = vec![TagBytes { key: vec![tag], values: (0..=dice.below(12)).map(|_| vec![7 * dice.below(6) as u8]).collect() }];
        tags.extend((dice.below(3) == 0).then(|| TagBytes { key: vec![6], values: Vec::new() }));
        let has = |of: &[[u8; 2]], tag: &TagBytes| {
            of.iter().any(|[k, v]| tag.key == [*k] && (tag.values.is_empty() || tag.values.contains(&vec![*v])))
        };
        let within = |key: &Vec<u8>| *key >= start && *key < stop;
        let want: Vec<_> =
            rows.iter().filter(|(key, of)| within(key) && tags.iter().all(|tag| has(of, tag))).map(|(key, _)| key.clone()).collect();
        let prefilter = Some(Prefilter { skip: 7, tagk_width: 1, tagv_width: 1, tags: tags.clone() });
        let scan = Scan { prefilter, time_step: Some(10), ..Scan::range(start.clone(), stop.clone()) };
        let got: Vec<_> = all(&store, &table, scan).into_iter().map(|(key, _)| key).collect();
        assert!(got.is_sorted_by(|a, b| a < b), "trial {trial}");
        // Of the second tag a filter lets more through than it must.
        let got: Vec<_> = got.into_iter().filter(|key| tags.iter().all(|tag| has(&rows[key], tag))).collect();
        assert_eq!(got, want, "trial {trial}: {tags:?} from {from} to {to}");
    }
    assert!(stat(&store, "hbase.leaps") > 500);
    assert_eq!((stat(&store, "hbase.errors"), stat(&store, "hbase.scanners_left")), (0, 0));
}

/// A row key, its tags (key and value ids) and the width of those ids.
type TaggedRow = (Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>, usize);

fn values_of(rows: &[TaggedRow], width: usize) -> Vec<Vec<u8>> {
    rows.iter().filter(|row| row.2 == width).take(40).flat_map(|row| row.1.iter().map(|(_, v)| v.clone())).collect()
}

/// `TSDB_TEST_TRIALS` prefilters, 300 by default.
fn trials() -> usize {
    std::env::var("TSDB_TEST_TRIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

#[test]
fn threads_end_with_the_store() {
    let threads = || {
        let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        names.filter(|t| std::fs::read_to_string(t.path().join("comm")).is_ok_and(|n| n.trim() == "hbase-9")).count()
    };
    let mut options = options();
    let gateway = options.gateways[0].clone();
    // The tenth gateway's threads have a name that no other test's have; the first nine refuse.
    options.gateways = (0..9).map(|_| ("127.0.0.1".to_owned(), 1)).chain([gateway]).collect();
    let store = HbaseStore::connect(options).unwrap();
    store.tables().unwrap();
    assert_eq!(threads(), 4);
    drop(store);
    let until = Instant::now() + Duration::from_secs(120);
    while threads() > 0 {
        assert!(Instant::now() < until, "{} threads are left", threads());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The project's own script, for gateways of a test's own.
fn script(arguments: &[&str]) {
    script_said(arguments).unwrap_or_else(|why| panic!("{why}"));
}

fn script_said(arguments: &[&str]) -> std::result::Result<(), String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/hbase");
    let output = std::process::Command::new(script).args(arguments).output().unwrap();
    let why = || format!("scripts/hbase {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(why()) }
}

/// A second gateway, ended with the test.
struct OwnGateway(u16);

impl OwnGateway {
    fn start() -> OwnGateway {
        // Between choosing a port and listening on it somebody else may take it.
        for attempt in 1.. {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            match script_said(&["gateway", &port.to_string()]) {
                Ok(()) => return OwnGateway(port),
                Err(why) => assert!(attempt < 3, "{why}"),
            }
        }
        unreachable!()
    }

    fn name(&self) -> String {
        format!("gateway-{}", self.0)
    }
}

impl Drop for OwnGateway {
    fn drop(&mut self) {
        script(&["kill", &self.name()]);
    }
}

#[test]
fn a_stopped_gateway_loses_nothing_and_keeps_nobody_waiting() {
    const STOPPED: Duration = Duration::from_secs(8);
    let (one, two) = (OwnGateway::start(), OwnGateway::start());
    let mut options = HbaseOptions::new(vec![("127.0.0.1".into(), one.0), ("127.0.0.1".into(), two.0)]);
    options.deadline = Duration::from_secs(5);
    let store = HbaseStore::connect(options).unwrap();
    let table = table(&store);
    let (stop, start) = (std::sync::atomic::AtomicBool::new(false), Instant::now());
    let writer = |writer: usize| {
        let (mut acknowledged, mut took) = (Vec::new(), Vec::new());
        for n in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let row = format!("{writer}-{n:06}");
            let begun = Instant::now();
            store.write(&table, &[put(row.as_bytes(), b"q", b"v")]).unwrap();
            took.push(begun.elapsed());
            acknowledged.push(row);
        }
        (acknowledged, took)
    };
    let (mut acknowledged, mut took) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..16)
            .map(|n| {
                let writer = &writer;
                scope.spawn(move || writer(n))
            })
            .collect();
        std::thread::sleep(Duration::from_secs(2));
        script(&["pause", &two.name()]);
        std::thread::sleep(STOPPED);
        script(&["resume", &two.name()]);
        std::thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            let (rows, times) = writer.join().unwrap();
            acknowledged.extend(rows);
            took.extend(times);
        }
    });
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "{} writes in {:?}: p50 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
        took.len(),
        start.elapsed(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    // Nobody waited for the stopped one to go on.
    assert!(at(0.99) < STOPPED / 2, "p99 {:?}", at(0.99));
    assert!(at(1.0) < STOPPED, "the longest took {:?}", at(1.0));
    let stored: std::collections::HashSet<_> = keys(&all(&store, &table, Scan::range("", ""))).into_iter().collect();
    let lost: Vec<_> = acknowledged.iter().filter(|row| !stored.contains(*row)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged rows are lost", lost.len(), acknowledged.len());
    let until = Instant::now() + Duration::from_secs(120);
    while stat(&store, &format!("hbase.gateway.127.0.0.1:{}.up", two.0)) != 1 {
        assert!(Instant::now() < until, "the resumed gateway is not used again");
        store.write(&table, &[put(b"later", b"q", b"v")]).unwrap();
    }
}
