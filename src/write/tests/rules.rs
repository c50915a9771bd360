//! The nine rules that keep tables right which other TSDs, Java ones too, write and compact at the same time.

use super::*;
use crate::store::memory::Fault;
use crate::store::{Mutation, RowMutation};
use std::sync::atomic::Ordering::SeqCst;

const HOUR: u32 = (START / 1000) as u32;

fn packed(options: &mut WriteOptions) {
    options.cells = Cells::Packed;
}

fn times(writes: &[Vec<RowMutation>]) -> Vec<Option<i64>> {
    writes.iter().flatten().map(|r| r.time).collect()
}

#[test]
fn rule_1_live_flushes_carry_no_time_of_ours() {
    let rig = Rig::new(false);
    rig.put("a", HOUR + 1, 7);
    rig.put("a", HOUR + 2, 300);
    *rig.store.fault.lock() = Fault::Unavailable;
    assert!(rig.writer.flush(Duration::from_millis(100)).is_err());
    *rig.store.fault.lock() = Fault::None;
    rig.flush(); // the immediate retry
    assert!(times(&rig.store.writes.lock()).iter().all(Option::is_none));
    assert_eq!(rig.cells(), [("0010".into(), "07".into()), ("0021".into(), "012c".into())]);
    assert_eq!(rig.stat("flush.rows_read"), 0);
}

#[test]
fn rule_1_use_otsdb_timestamp_writes_the_points_time() {
    let rig = Rig::with(false, |o| o.use_otsdb_timestamp = true);
    rig.put("a", HOUR + 1, 7);
    rig.put("a", HOUR + 2, 8);
    rig.flush();
    assert_eq!(times(&rig.store.writes.lock()), [Some(START + 1000), Some(START + 2000)]);
    assert_eq!(rig.stat("flush.cells"), 2);
}

#[test]
fn rule_2_late_writes_read_first() {
    let rig = Rig::new(false);
    rig.put("a", HOUR + 1, 1); // will be in the store already
    rig.put("a", HOUR + 2, 2); // another TSD will write a newer value
    rig.put("a", HOUR + 3, 3); // the store will have an older value
    rig.put("a", HOUR + 4, 4); // the store will have nothing
    let row = rig.row(1, HOUR);
    rig.store.put(&row, &[0x00, 0x10], &[1], START + 50);
    rig.store.put(&row, &[0x00, 0x20], &[99], START + 50);
    rig.store.put(&row, &[0x00, 0x30], &[98], START - 50);
    rig.tick(60_000);
    let rig = rig.restart();
    assert_eq!(rig.writer.replayed().points, 4);
    rig.flush();
    assert_eq!(rig.values(), [(1, 1), (2, 99), (3, 3), (4, 4)]);
    assert_eq!(rig.stat("flush.rows_read"), 1);
    assert_eq!(rig.stat("flush.late_skipped"), 2);
    let written: usize = rig.store.writes.lock().iter().flatten().map(|r| r.mutations.len()).sum();
    assert_eq!(written, 2);
}

#[test]
fn rule_2_after_an_outage_too_and_packed_cells_alike() {
    for cells in [Cells::Single, Cells::Packed] {
        let rig = Rig::with(false, |o| {
            o.cells = cells;
            o.flush_interval = 1_000;
        });
        rig.put("a", HOUR + 9, 9);
        rig.flush();
        *rig.store.fault.lock() = Fault::Unavailable;
        rig.put("a", HOUR + 1, 1);
        rig.put("a", HOUR + 2, 2);
        assert!(rig.writer.flush(Duration::from_millis(50)).is_err());
        rig.store.put(&rig.row(1, HOUR), &[0x00, 0x10], &[77], START + 20_000);
        rig.tick(30_000);
        *rig.store.fault.lock() = Fault::None;
        rig.flush();
        assert_eq!(rig.values(), [(1, 77), (2, 2), (9, 9)], "{cells:?}");
    }
}

#[test]
fn rule_2_answered_flushes_are_recorded_as_done() {
    let rig = Rig::new(false);
    rig.put("a", HOUR + 1, 1);
    rig.flush();
    rig.put("a", HOUR + 2, 2);
    let rig = rig.restart();
    let report = rig.writer.replayed();
    assert_eq!((report.points, report.done), (1, 1));
}

#[test]
fn rule_3_a_packed_flush_never_makes_a_second_entry() {
    let rig = Rig::with(false, packed);
    let row = rig.row(1, HOUR);
    // A Java TSD has written a compacted cell (1 s, 2 s) and a single cell (5 s).
    rig.store.put(&row, &[0x00, 0x10, 0x00, 0x20], &[1, 2, 0], START - 10);
    rig.store.put(&row, &[0x00, 0x50], &[5], START - 10);
    rig.put("a", HOUR + 2, 22); // in the compacted cell
    rig.put("a", HOUR + 5, 55); // in the single one
    rig.put("a", HOUR + 7, 7);
    rig.put("a", HOUR + 6, 6); // out of order, both new
    rig.tick(10);
    rig.flush();
    let want = [("00100020", "011600"), ("0050", "37"), ("00600070", "060700")];
    assert_eq!(rig.cells(), want.map(|(q, v)| (q.to_owned(), v.to_owned())));
    assert_eq!(rig.stat("flush.rows_read"), 1);

    // Newer than everything there: no read. Not newer: a read, and the cell is rewritten in place.
    rig.put("a", HOUR + 8, 8);
    rig.tick(10);
    rig.flush();
    assert_eq!(rig.stat("flush.rows_read"), 1);
    rig.put("a", HOUR + 6, 66);
    rig.tick(10);
    rig.flush();
    assert_eq!(rig.stat("flush.rows_read"), 2);
    let want = [("00100020", "011600"), ("0050", "37"), ("00600070", "420700"), ("0080", "08")];
    assert_eq!(rig.cells(), want.map(|(q, v)| (q.to_owned(), v.to_owned())));
    assert!(read_all(&rig.store, &RowBatch::default()).values().all(|(_, duplicates)| *duplicates == 0));
}

#[test]
fn rule_3_other_widths_and_kinds_of_an_instant() {
    let rig = Rig::with(false, packed);
    let row = rig.row(1, HOUR);
    rig.store.put(&row, &[0x00, 0x11, 0x00, 0x20], &[1, 0, 2, 0], START - 10);
    rig.put("a", HOUR + 1, 3); // fits the two bytes that are there: same column
    rig.tick(10);
    rig.flush();
    assert_eq!(rig.cells(), [("00110020".into(), "00030200".into())]);
    rig.put("a", HOUR + 2, 70_000); // does not fit: the old column goes, in the same change of the row
    rig.tick(10);
    rig.flush();
    assert_eq!(rig.cells(), [("00110023".into(), "00030001117000".into())]);
    // A second and its millisecond .000 are one instant.
    rig.try_put("a", PointTime::Millis(START + 2000), Value::Int(4)).unwrap();
    rig.tick(10);
    rig.flush();
    assert_eq!(rig.cells(), [("00110023".into(), "00030000000400".into())]);
    assert_eq!(rig.values(), [(1, 3), (2, 4)]);
}

#[test]
fn rule_3_a_rewritten_cell_does_not_bring_back_old_values() {
    let rig = Rig::with(false, packed);
    let row = rig.row(1, HOUR);
    rig.store.put(&row, &[0x00, 0x10, 0x00, 0x20], &[1, 2, 0], START - 20);
    rig.store.put(&row, &[0x00, 0x20], &[9], START - 10); // a Java TSD overtook 2 s
    rig.put("a", HOUR + 1, 5);
    rig.tick(10);
    rig.flush();
    assert_eq!(rig.values(), [(1, 5), (2, 9)]);
}

#[test]
fn rule_3_our_own_store_ends_with_one_cell_a_row() {
    let rig = Rig::new(true);
    for second in [10, 20, 30] {
        rig.put("a", HOUR + second, i64::from(second));
        rig.flush();
    }
    assert_eq!(rig.cells().len(), 3, "parts while the hour runs");
    rig.tick(3_700_000);
    rig.put("a", HOUR + 20, 21);
    rig.flush();
    assert_eq!(rig.cells(), [("00a0014001e0".into(), "0a151e00".into())]);
}

#[test]
fn rule_4_last_written_wins() {
    let rig = Rig::new(false);
    // Equal instants in columns of several widths, in one flush: the last that came is written in a later millisecond.
    rig.put("a", HOUR + 1, 1);
    rig.put("a", HOUR + 1, 1_000);
    rig.put("a", HOUR + 1, 2);
    assert_eq!(rig.values(), [(1, 2)], "while they wait");
    let clock = rig.clock.clone();
    let ticking = std::thread::spawn(move || {
        for _ in 0..200 {
            clock.fetch_add(1, SeqCst);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    rig.flush();
    ticking.join().unwrap();
    assert_eq!(rig.cells().len(), 2, "a column a width, as Java");
    assert_eq!(rig.values(), [(1, 2)], "in the store");
    // The head's value counts before the store's.
    rig.put("a", HOUR + 1, 3_000);
    assert_eq!(rig.values(), [(1, 3_000)]);
}

#[test]
fn rule_5_compaction_of_quiet_rows_only_and_at_the_time_read() {
    let rig = Rig::new(false);
    let row = rig.row(1, HOUR);
    rig.store.put(&row, &[0x00, 0x10], &[1], START + 1_000);
    rig.store.put(&row, &[0x00, 0x20], &[2], START + 2_000);
    let layout = rig.options.layout;
    let compact = |hours: i64| {
        let quiet_since = START + (hours - 1) * 3_600_000 - 30_000;
        let rules = CompactRules { quiet_since, fix_duplicates: true, decode: DecodeOptions::default() };
        compact_rows(&*rig.store, ("tsdb", &layout), std::slice::from_ref(&row), &rules).unwrap().rows[0]
    };
    assert_eq!(compact(2), Compacted::TooYoung(START + 3_600_000));
    assert_eq!(compact(3), Compacted::Merged);
    assert_eq!(rig.store.cells(), [(row.clone(), vec![0x00, 0x10, 0x00, 0x20], vec![1, 2, 0], START + 2_000)]);
    {
        let writes = rig.store.writes.lock();
        assert_eq!(times(&writes), [Some(START + 2_000); 2], "put and deletes are two calls at the newest time read");
        let deletes = |rows: &[RowMutation]| rows.iter().flat_map(|r| &r.mutations).any(|m| matches!(m, Mutation::Delete { .. }));
        assert_eq!(writes.iter().map(|w| deletes(w)).collect::<Vec<_>>(), [false, true]);
    }
    // A point rewritten while the compaction ran is newer than its delete and survives.
    rig.store.put(&row, &[0x00, 0x10], &[9], START + 3_000);
    assert_eq!(rig.values(), [(1, 9), (2, 2)]);
    assert_eq!(compact(3), Compacted::Merged);
    assert_eq!(rig.values(), [(1, 9), (2, 2)]);
    assert_eq!(compact(3), Compacted::Left);
}

#[test]
fn rule_6_head_and_store_are_one() {
    let rig = Rig::with(true, |o| o.cells = Cells::Packed);
    rig.put("a", HOUR + 1, 1);
    rig.flush();
    rig.put("a", HOUR + 1, 11);
    rig.put("a", HOUR + 2, 2);
    let pinned = rig.writer.overlay().pin("tsdb", &[], &[]);
    assert_eq!(pinned.rows().map(|r| r.cells().map(|c| c.time).collect::<Vec<_>>()).collect::<Vec<_>>(), [[i64::MAX]]);
    rig.flush(); // a pin made before stays as it was
    let seen: Vec<_> = read_all(&rig.store, &pinned).into_iter().map(|((_, ms), (v, _))| ((ms - START) / 1000, v)).collect();
    assert_eq!(seen, [(1, 11), (2, 2)]);
    assert_eq!(rig.writer.overlay().pin("tsdb", &[], &[]).len(), 0);
    // Key ranges and other tables.
    rig.put("a", HOUR + 3, 3);
    rig.put("b", HOUR + 3, 3);
    let pin = |start: &[u8], stop: &[u8]| rig.writer.overlay().pin("tsdb", start, stop).len();
    assert_eq!(pin(&rig.row(2, HOUR), &[]), 1);
    assert_eq!(pin(&[], &rig.row(2, HOUR)), 1);
    assert_eq!(pin(&rig.row(2, HOUR), &rig.row(1, HOUR)), 0);
    assert_eq!(rig.writer.overlay().pin("other", &[], &[]).len(), 0);
}

#[test]
fn rule_7_what_waits_is_stored_before_a_delete_and_comes_not_back() {
    let rig = Rig::new(true);
    rig.put("a", HOUR + 1, 1);
    rig.put("b", HOUR + 1, 2);
    rig.writer.settle(LONG).unwrap();
    assert_eq!(rig.store.cells().iter().map(|c| c.0.clone()).collect::<Vec<_>>(), [rig.row(1, HOUR), rig.row(2, HOUR)]);
    let rig = rig.restart();
    assert_eq!((rig.writer.replayed().points, rig.stat("head.rows")), (0, 0));
}

#[test]
fn rule_8_names_while_the_store_is_away() {
    let rig = Rig::with(false, |o| o.flush_interval = 1_000);
    rig.put("known", HOUR + 1, 1);
    rig.flush();
    rig.store.away.store(true, SeqCst);
    rig.put("known", HOUR + 2, 2); // by its cached row key
    rig.put("new", HOUR + 3, 3); // by name
    assert_eq!(rig.stat("head.named_points"), 1);
    let rig = rig.restart(); // both survive a restart during the outage
    assert_eq!(rig.stat("head.named_points"), 1);
    rig.store.away.store(false, SeqCst);
    rig.flush();
    let rows: Vec<_> = rig.store.cells().into_iter().map(|(row, q, v, _)| (row, q, v)).collect();
    let (known, new) = (rig.row(1, HOUR), rig.row(2, HOUR));
    assert_eq!(rows, [(known.clone(), vec![0, 0x10], vec![1]), (known, vec![0, 0x20], vec![2]), (new, vec![0, 0x30], vec![3])]);
}

#[test]
fn rule_8_without_auto_create_nobody_can_say() {
    let rig = Rig::with(false, |o| o.auto_create.metric = false);
    let unknown = rig.try_put("a", PointTime::Seconds(HOUR), Value::Int(1)).unwrap_err();
    assert_eq!(unknown.to_string(), "No such name for 'metrics': 'm'");
    rig.store.away.store(true, SeqCst);
    let away = rig.try_put("a", PointTime::Seconds(HOUR), Value::Int(1)).unwrap_err();
    assert!(matches!(&away, WriteError::Overloaded(text) if text.contains("'m'")), "{away}");
}

#[test]
fn rule_9_maybe_applied_puts_repeat_freely() {
    for cells in [Cells::Single, Cells::Packed] {
        let rig = Rig::with(false, |o| o.cells = cells);
        rig.put("a", HOUR + 1, 1);
        rig.put("a", HOUR + 2, 2);
        *rig.store.fault.lock() = Fault::LostAnswer;
        assert!(rig.writer.flush(Duration::from_millis(50)).is_err());
        assert_eq!(rig.stat("head.rows"), 1, "an unknown outcome stays in the head");
        *rig.store.fault.lock() = Fault::None;
        let before = rig.cells();
        rig.tick(10);
        rig.flush();
        assert_eq!(rig.cells(), before);
        assert_eq!(rig.values(), [(1, 1), (2, 2)]);
        assert_eq!(rig.stat("head.rows"), 0);
    }
}

#[test]
fn rule_9_a_lost_answer_makes_no_second_entry() {
    let rig = Rig::with(false, packed);
    rig.put("a", HOUR + 1, 1);
    rig.flush(); // from here on the row's newest stored instant is known
    rig.put("a", HOUR + 2, 2);
    *rig.store.fault.lock() = Fault::LostAnswer;
    assert!(rig.writer.flush(Duration::from_millis(50)).is_err());
    *rig.store.fault.lock() = Fault::None;
    rig.put("a", HOUR + 3, 3);
    rig.tick(10);
    rig.flush();
    assert!(read_all(&rig.store, &RowBatch::default()).values().all(|(_, duplicates)| *duplicates == 0), "{:?}", rig.cells());
    assert_eq!(rig.values(), [(1, 1), (2, 2), (3, 3)]);
}

#[test]
fn refused_rows_are_kept_aside_and_others_go_on() {
    let rig = Rig::new(false);
    for host in ["a", "b", "c", "d"] {
        rig.put(host, HOUR + 1, 5);
    }
    *rig.store.fault.lock() = Fault::Reject(&[0, 0, 1, 0, 0, 3]);
    rig.flush();
    assert_eq!(rig.store.cells().len(), 3);
    assert_eq!(rig.stat("flush.rejected"), 1);
    let kept = std::fs::read_to_string(rig.options.journal.path.join("refused.import")).unwrap();
    assert_eq!(kept, format!("m {} 5 h=c\n", HOUR + 1));
}
