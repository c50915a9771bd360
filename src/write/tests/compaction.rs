//! Background compaction, and appends: what the rules 5 and 9 ask of them.

use super::*;
use crate::store::memory::Fault;
use std::sync::atomic::Ordering::SeqCst;

const HOUR: u32 = (START / 1000) as u32;

fn rules(now: i64, fix_duplicates: bool) -> CompactRules {
    CompactRules { quiet_since: now - 3_600_000, fix_duplicates, decode: DecodeOptions::default() }
}

fn compact(rig: &Rig, row: &[u8], fix_duplicates: bool) -> Compactions {
    let rules = rules(START + 4 * 3_600_000, fix_duplicates);
    compact_rows(&*rig.store, ("tsdb", &rig.options.layout), &[row.to_vec()], &rules).unwrap()
}

#[test]
fn a_queued_row_is_compacted_once_it_is_quiet() {
    let rig = Rig::with(false, |o| {
        o.compaction = CompactionOptions { enabled: true, interval: 1, min_rows: 0, ..CompactionOptions::default() };
        o.flush_interval = 1_000;
    });
    rig.put("a", HOUR + 1, 1);
    rig.put("a", HOUR + 2, 2);
    rig.put("b", HOUR + 2, 3);
    rig.flush();
    rig.tick(2 * 3_600_000);
    std::thread::sleep(Duration::from_millis(1_300));
    assert_eq!((rig.cells().len(), rig.writer.compaction().queue), (3, 2), "an hour and the flush interval after its hour");
    rig.tick(10_000);
    let until = std::time::Instant::now() + LONG;
    while rig.writer.compaction().queue > 0 && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    while rig.writer.compaction().deletes < 2 && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let want = [("00100020", "010200"), ("0020", "03")];
    assert_eq!(rig.cells(), want.map(|(q, v)| (q.to_owned(), v.to_owned())));
    let stats = rig.writer.compaction();
    assert_eq!((stats.count, stats.writes, stats.deletes, stats.queue), (1, 1, 2, 0));
}

#[test]
fn a_row_that_is_written_to_late_waits_again() {
    let rig = Rig::with(false, |o| {
        o.compaction = CompactionOptions { enabled: true, interval: 1, min_rows: 0, ..CompactionOptions::default() };
        o.flush_interval = 1_000;
    });
    rig.put("a", HOUR + 1, 1);
    rig.flush();
    rig.tick(2 * 3_600_000 + 2_000);
    // Another TSD writes to it just before this one looks.
    rig.store.put(&rig.row(1, HOUR), &[0, 0x20], &[2], START + 2 * 3_600_000);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!((rig.cells().len(), rig.writer.compaction().queue), (2, 1));
}

#[test]
fn what_must_stay_stays() {
    let rig = Rig::new(false);
    let row = rig.row(1, HOUR);
    rig.store.put(&row, &[0, 0x10], &[1], START);
    rig.store.put(&row, &[0, 0x20], &[2], START);
    rig.store.put(&row, &[1, 0, 5], b"{}", START); // an annotation
    assert_eq!(compact(&rig, &row, true).rows, [Compacted::Left]);
    let row = rig.row(2, HOUR);
    rig.store.put(&row, &[0, 0x10], &[1], START);
    rig.store.put(&row, &[0, 0x11], &[0, 9], START + 5); // the same second in another width
    assert_eq!(compact(&rig, &row, false).rows, [Compacted::Left], "without fix_duplicates");
    let done = compact(&rig, &row, true);
    assert_eq!((done.rows, done.different, done.writes, done.deletes), (vec![Compacted::Merged], 1, 0, 1));
    let row = rig.row(3, HOUR);
    rig.store.put(&row, &[5, 0, 0], &[0, 0x10, 1], START); // appends
    rig.store.put(&row, &[0, 0x20], &[2], START);
    assert_eq!(compact(&rig, &row, true).rows, [Compacted::Left]);
    assert_eq!(compact(&rig, &row[..5], true).rows, [Compacted::Left], "no row key");
}

#[test]
fn a_merged_cell_that_a_former_delete_hides_takes_nothing_with_it() {
    let rig = Rig::new(false);
    let row = rig.row(1, HOUR);
    rig.store.put(&row, &[0, 0x10], &[1], START);
    rig.store.put(&row, &[0, 0x20], &[2], START);
    // Somebody deleted the compacted form of just these points, at a later time.
    let mutations = vec![crate::store::Mutation::Delete { family: "t", qualifier: vec![0, 0x10, 0, 0x20] }];
    rig.store.write("tsdb", &[crate::store::RowMutation { row: row.clone(), mutations, time: Some(START + 100) }]).unwrap();
    assert_eq!(compact(&rig, &row, true).rows, [Compacted::Left]);
    assert_eq!(rig.values(), [(1, 1), (2, 2)]);
}

fn appends(options: &mut WriteOptions) {
    options.cells = Cells::Append;
}

#[test]
fn points_are_appended_in_the_order_they_came() {
    for private in [false, true] {
        let rig = Rig::with(private, appends);
        for (second, value) in [(5, 1), (6, 300), (5, 2), (5, 2)] {
            rig.put("a", HOUR + second, value);
        }
        rig.flush();
        rig.put("a", HOUR + 1, 7);
        rig.flush();
        assert_eq!(rig.cells(), [("050000".to_owned(), "0050010061012c0050020050020010 07".replace(' ', ""))]);
        assert_eq!(rig.values(), [(1, 7), (5, 2), (6, 300)]);
        assert_eq!(rig.stat("flush.cells"), 2);
    }
}

#[test]
fn rule_9_an_append_is_not_repeated_blindly() {
    let rig = Rig::with(false, appends);
    rig.put("a", HOUR + 1, 1);
    rig.put("a", HOUR + 2, 2);
    *rig.store.fault.lock() = Fault::LostAnswer;
    assert!(rig.writer.flush(Duration::from_millis(50)).is_err());
    *rig.store.fault.lock() = Fault::None;
    rig.put("a", HOUR + 3, 3);
    rig.flush();
    assert_eq!(rig.cells(), [("050000".into(), "001001002002003003".into())]);
    assert_eq!(rig.stat("flush.late_skipped"), 2);
    // Nothing reached the store: nothing is read, and nothing is left out.
    *rig.store.fault.lock() = Fault::Unavailable;
    rig.put("a", HOUR + 3, 4);
    assert!(rig.writer.flush(Duration::from_millis(50)).is_err());
    *rig.store.fault.lock() = Fault::None;
    rig.flush();
    assert_eq!(rig.values(), [(1, 1), (2, 2), (3, 4)]);
    assert_eq!(rig.stat("flush.rows_read"), 1);
}

#[test]
fn rule_9_a_replay_appends_only_what_is_not_there() {
    for private in [false, true] {
        let rig = Rig::with(private, appends);
        rig.put("a", HOUR + 1, 1);
        // The append is in the store, the process dies before the journal notes it.
        rig.store.append("tsdb", &rig.row(1, HOUR), "t", &[5, 0, 0], &[0, 0x10, 1]).unwrap();
        rig.put("a", HOUR + 2, 2);
        let rig = rig.restart();
        rig.flush();
        assert_eq!(rig.cells(), [("050000".into(), "001001002002".into())]);
        assert_eq!(rig.clock.load(SeqCst), START);
    }
}
