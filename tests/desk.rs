//! Records in the table of our own: the same on both engines, and what is said where the table is missing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::server::{Engine, run_ok};
use support::tables::open;
use tsdb::desk::{Desk, DeskError, FAMILY, Record};
use tsdb::store::{Store, TableSpec};

/// A table of records, made if asked for.
fn desk(engine: &Engine, dir: &std::path::Path, made: bool) -> Desk {
    let (store, table): (Arc<dyn Store>, String) = open(engine, dir, "tsdb-worker");
    if made {
        store.create_table(&TableSpec::plain(&table, &[FAMILY]), &[]).unwrap();
    }
    Desk::new(store, &table)
}

fn value(found: Option<Record>) -> Option<String> {
    found.map(|record| String::from_utf8(record.value).unwrap())
}

fn ids(desk: &Desk, kind: &str, prefix: &str) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = desk.list(kind, prefix, after.as_deref(), 3).unwrap();
        assert!(page.records.len() <= 3);
        all.extend(page.records.into_iter().map(|record| record.id));
        match page.more_after {
            Some(id) => after = Some(id),
            None => return all,
        }
    }
}

fn records_are_kept(desk: &Desk) {
    assert_eq!(desk.get("screen", "a").unwrap(), None);
    desk.delete("screen", "a").unwrap(); // it need not be there
    desk.put("screen", "a", b"1").unwrap();
    desk.put("screen", "a", b"2").unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let record = desk.get("screen", "a").unwrap().unwrap();
    assert_eq!((record.id.as_str(), record.value.as_slice()), ("a", b"2".as_slice()));
    assert!((record.time - now).abs() < 10_000, "{} beside {now}", record.time);
    // A delete is seen at once, and so is a put right after it.
    for _ in 0..5 {
        desk.delete("screen", "a").unwrap();
        assert_eq!(desk.get("screen", "a").unwrap(), None);
        desk.put("screen", "a", b"3").unwrap();
        assert_eq!(value(desk.get("screen", "a").unwrap()).as_deref(), Some("3"));
    }
    desk.delete("screen", "a").unwrap();
}

fn pages_hold_what_begins_with(desk: &Desk) {
    let all = ["", "b", "b/", "b/1", "b/2", "b/2/x", "b/ü", "b0", "c"];
    for id in all.iter().filter(|id| !id.is_empty()) {
        desk.put("alert", id, id.as_bytes()).unwrap();
    }
    desk.put("alert-b", "1", b"another kind").unwrap();
    desk.put("aler", "t/b/1", b"another kind").unwrap();
    assert_eq!(ids(desk, "alert", ""), all[1..]);
    assert_eq!(ids(desk, "alert", "b/"), ["b/", "b/1", "b/2", "b/2/x", "b/ü"]);
    assert_eq!(ids(desk, "alert", "b/2"), ["b/2", "b/2/x"]);
    assert_eq!(ids(desk, "alert", "z"), Vec::<String>::new());
    assert_eq!(ids(desk, "claim", ""), Vec::<String>::new());
    let page = desk.list("alert", "b/", Some("a"), 10).unwrap(); // before the first: from the first
    assert_eq!(page.records.len(), 5);
    assert_eq!(desk.list("alert", "b/", Some("c"), 10).unwrap().records.len(), 0);
    // A page is bounded by bytes as well.
    for id in 0..12 {
        desk.put("large", &format!("{id:02}"), &vec![b'x'; tsdb::desk::VALUE_BYTES_MAX]).unwrap();
    }
    let page = desk.list("large", "", None, 100).unwrap();
    assert!(page.records.len() < 12, "{}", page.records.len());
    let rest = desk.list("large", "", page.more_after.as_deref(), 100).unwrap();
    assert_eq!((page.records.len() + rest.records.len(), rest.more_after), (12, None));
}

fn one_of_many_changes(desk: &Desk) {
    assert!(!desk.check_and_put("lease", "1", Some(b"a"), b"b").unwrap());
    assert!(desk.check_and_put("lease", "1", None, b"a").unwrap());
    assert!(!desk.check_and_put("lease", "1", None, b"b").unwrap());
    assert!(desk.check_and_put("lease", "1", Some(b"a"), b"b").unwrap());
    let winners = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let winners = &winners;
            scope.spawn(move || {
                if desk.check_and_put("lease", "1", Some(b"b"), format!("c{n}").as_bytes()).unwrap() {
                    winners.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(winners.into_inner(), 1);
    desk.delete("lease", "1").unwrap();
    assert!(!desk.check_and_put("lease", "1", Some(b"b"), b"d").unwrap());
    assert!(desk.check_and_put("lease", "1", None, b"d").unwrap());
}

fn bounds_are_told(desk: &Desk) {
    let check = |result: Result<(), DeskError>, text: &str| match result {
        Err(DeskError::Invalid(found)) => assert!(found.contains(text), "{found}"),
        other => panic!("{text}: {other:?}"),
    };
    check(desk.put("Screen", "a", b"1"), "\"Screen\" is no kind of record");
    check(desk.put("a/b", "a", b"1"), "is no kind of record");
    check(desk.put("", "a", b"1"), "is no kind of record");
    check(desk.get("screen", "a\nb").map(drop), "no control characters");
    check(desk.get("screen", &"x".repeat(513)).map(drop), "at most 512 bytes");
    check(desk.put("screen", "a", b""), "cannot be empty");
    check(desk.check_and_put("screen", "a", None, b"").map(drop), "cannot be empty");
    check(desk.put("screen", "a", &vec![0; tsdb::desk::VALUE_BYTES_MAX + 1]), "too long");
}

fn everything(engine: &Engine) {
    let dir = tempfile::tempdir().unwrap();
    let missing = desk(engine, dir.path(), false);
    assert!(!missing.is_there().unwrap());
    let check = |result: Result<(), DeskError>| match result {
        Err(error @ DeskError::NoTable { .. }) => assert!(error.to_string().contains("make it with `tsdb create-tables`"), "{error}"),
        other => panic!("{other:?}"),
    };
    check(missing.get("screen", "a").map(drop));
    check(missing.put("screen", "a", b"1"));
    check(missing.check_and_put("screen", "a", None, b"1").map(drop));
    check(missing.delete("screen", "a"));
    check(missing.list("screen", "", None, 10).map(drop));
    drop(missing);
    let made = desk(engine, dir.path(), true);
    assert!(made.is_there().unwrap());
    records_are_kept(&made);
    pages_hold_what_begins_with(&made);
    one_of_many_changes(&made);
    bounds_are_told(&made);
}

#[test]
fn embedded() {
    everything(&Engine::Embedded);
}

#[test]
fn hbase() {
    everything(&Engine::fresh_hbase("desk"));
}

/// What was put is there after a kill: nothing waits in memory.
#[test]
fn embedded_records_are_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let first = desk(&Engine::Embedded, dir.path(), true);
    first.put("screen", "a", b"1").unwrap();
    // The files as they are now, as if the process were gone.
    let copied = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("cp").args(["-a"]).arg(dir.path().join("tsdb-data")).arg(copied.path()).status().unwrap();
    assert!(status.success());
    let second = desk(&Engine::Embedded, copied.path(), false);
    assert_eq!(value(second.get("screen", "a").unwrap()).as_deref(), Some("1"));
}

/// `create-tables` makes the table, and twice does no harm; `copy` takes its records along.
#[test]
fn made_and_copied() {
    let hbase = Engine::fresh_hbase("deskcopy");
    let dir = tempfile::tempdir().unwrap();
    let conf = support::server::write_config(dir.path(), &hbase, &[]);
    let config = format!("--config={}", conf.display());
    run_ok(&["create-tables", &config]);
    run_ok(&["create-tables", &config]);
    let there = desk(&hbase, dir.path(), false);
    assert!(there.is_there().unwrap());
    there.put("screen", "a", b"1").unwrap();
    run_ok(&["copy", &config, &format!("--to-embedded={}", dir.path().join("tsdb-data").display())]);
    let Engine::Hbase { prefix } = &hbase else { panic!() };
    let (store, _) = open(&Engine::Embedded, dir.path(), "");
    let copied = Desk::new(store, &format!("{prefix}tsdb-worker"));
    assert_eq!(value(copied.get("screen", "a").unwrap()).as_deref(), Some("1"));
}
