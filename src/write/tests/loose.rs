//! Loose cells: visible and on disk like points, replayed, stored once and in order.

use super::*;
use crate::store::memory::Fault;

const TABLE: &str = "rollup-1h";
const BASE: u32 = (START / 1000) as u32;

fn try_put(rig: &Rig, table: Option<&str>, host: &str, qualifier: &[u8], value: &[u8]) -> Result<(), WriteError> {
    let mut batch = rig.writer.batch();
    batch.add_cell(&CellPoint { table, metric: "m", tags: &[("h", host)], base: BASE, qualifier, value })?;
    let ticket = batch.commit()?;
    rig.writer.wait(ticket)
}

fn put(rig: &Rig, qualifier: &[u8], value: u8) {
    try_put(rig, Some(TABLE), "a", qualifier, &[value]).unwrap();
}

/// Row's last byte, qualifier, value.
type Shown = (u8, Vec<u8>, Vec<u8>);

fn stored(rig: &Rig, table: &str) -> Vec<Shown> {
    rig.store.cells_of(table).into_iter().map(|(row, q, v, _)| (row[row.len() - 1], q, v)).collect()
}

fn pinned(rig: &Rig, table: &str) -> Vec<Shown> {
    let batch = rig.writer.overlay().pin(table, &[], &[]);
    let cells =
        batch.rows().flat_map(|row| row.cells().map(move |c| (row.key()[row.key().len() - 1], c.qualifier.to_vec(), c.value.to_vec())));
    cells.collect()
}

fn shown(cells: &[(u8, &[u8], u8)]) -> Vec<Shown> {
    cells.iter().map(|(row, q, v)| (*row, q.to_vec(), vec![*v])).collect()
}

#[test]
fn they_wait_visibly_and_are_stored_as_they_are() {
    for private in [true, false] {
        let rig = Rig::new(private);
        put(&rig, &[0, 0x13, 0x00], 1);
        put(&rig, &[1, 0x13, 0x00], 2);
        put(&rig, &[0, 0x13, 0x00], 3);
        try_put(&rig, Some("tsdb"), "b", &[6, 0, 0x10], &[9]).unwrap();
        rig.put("b", BASE, 5);
        assert_eq!(pinned(&rig, TABLE), shown(&[(1, &[0, 0x13, 0x00], 3), (1, &[1, 0x13, 0x00], 2)]));
        // The data table's waiting rows hold points and loose cells.
        assert_eq!(pinned(&rig, "tsdb"), shown(&[(2, &[0, 0], 5), (2, &[6, 0, 0x10], 9)]));
        rig.flush();
        assert_eq!(stored(&rig, TABLE), shown(&[(1, &[0, 0x13, 0x00], 3), (1, &[1, 0x13, 0x00], 2)]));
        assert_eq!(stored(&rig, "tsdb"), shown(&[(2, &[0, 0], 5), (2, &[6, 0, 0x10], 9)]));
        assert_eq!((pinned(&rig, TABLE), pinned(&rig, "tsdb")), (vec![], vec![]));
        assert_eq!((rig.stat("head.bytes"), rig.stat("head.loose_rows")), (0, 0));
    }
}

#[test]
fn a_kill_before_the_flush_loses_none() {
    for private in [true, false] {
        let rig = Rig::new(private);
        put(&rig, &[0, 0x13, 0x00], 1);
        put(&rig, &[0, 0x13, 0x0b], 2);
        let rig = rig.restart();
        assert_eq!(rig.writer.replayed().points, 2);
        assert_eq!(pinned(&rig, TABLE), shown(&[(1, &[0, 0x13, 0x0b], 2)]));
        rig.flush();
        assert_eq!(stored(&rig, TABLE), shown(&[(1, &[0, 0x13, 0x00], 1), (1, &[0, 0x13, 0x0b], 2)]));
        // Noted as stored: the next start brings nothing back.
        let rig = rig.restart();
        assert_eq!(rig.writer.replayed().points, if private { rig.writer.replayed().points } else { 0 });
    }
}

#[test]
fn the_width_that_came_last_is_written_last() {
    let rig = Rig::new(false);
    put(&rig, &[0, 0x13, 0x0b], 1);
    put(&rig, &[0, 0x13, 0x00], 2);
    rig.flush();
    let calls: Vec<usize> = rig.store.cells_of(TABLE).iter().map(|c| c.1.len()).collect();
    assert_eq!(calls, [3, 3]);
    assert_eq!(rig.stat("flush.cells"), 2);
}

#[test]
fn an_outage_keeps_them_in_order() {
    let rig = Rig::new(false);
    put(&rig, &[0, 0x13, 0x00], 1);
    *rig.store.fault.lock() = Fault::Unavailable;
    assert!(rig.writer.flush(Duration::from_millis(300)).is_err());
    put(&rig, &[0, 0x13, 0x00], 2);
    put(&rig, &[0, 0x23, 0x00], 3);
    *rig.store.fault.lock() = Fault::None;
    rig.flush();
    assert_eq!(stored(&rig, TABLE), shown(&[(1, &[0, 0x13, 0x00], 2), (1, &[0, 0x23, 0x00], 3)]));
    assert_eq!(rig.stat("head.bytes"), 0);
}

#[test]
fn what_comes_late_does_not_replace_what_is_newer() {
    let rig = Rig::new(false);
    put(&rig, &[0, 0x13, 0x00], 1);
    put(&rig, &[0, 0x23, 0x00], 2);
    // Another TSD writes the first one's instant, in another width, while this one is down.
    let key = rig.store.cells_of(TABLE);
    assert!(key.is_empty());
    rig.store.set(TABLE, &rig.row(1, BASE), "t", &[0, 0x13, 0x0b], &[7], START + 60_000);
    let rig = rig.restart();
    rig.tick(120_000);
    rig.flush();
    assert_eq!(stored(&rig, TABLE), shown(&[(1, &[0, 0x13, 0x0b], 7), (1, &[0, 0x23, 0x00], 2)]));
}

#[test]
fn names_without_ids_wait_in_the_journal() {
    let rig = Rig::new(false);
    rig.store.away.store(true, SeqCst);
    try_put(&rig, Some(TABLE), "new", &[0, 0x13, 0x00], &[1]).unwrap();
    assert_eq!(rig.stat("head.named_points"), 1);
    let rig = rig.restart();
    assert_eq!(rig.writer.replayed().points, 1);
    rig.store.away.store(false, SeqCst);
    rig.flush();
    assert_eq!(stored(&rig, TABLE), shown(&[(1, &[0, 0x13, 0x00], 1)]));
}

#[test]
fn clients_that_never_pause_do_not_keep_points_from_the_store() {
    let rig = Rig::new(false);
    put(&rig, &[0, 0x13, 0x00], 1);
    rig.put("a", BASE, 5);
    let (writer, calls) = (Arc::downgrade(&rig.writer), Arc::new(AtomicI64::new(0)));
    let counted = calls.clone();
    // While cells are written others come, for long enough.
    rig.store.set_fate(move |_, _| {
        if counted.fetch_add(1, SeqCst) < 100
            && let Some(writer) = writer.upgrade()
        {
            let mut batch = writer.batch();
            let (tags, qualifier) = (&[("h", "a")], &[1, 0x13, 0x00]);
            batch.add_cell(&CellPoint { table: Some(TABLE), metric: "m", tags, base: BASE, qualifier, value: &[2] }).unwrap();
            batch.commit().unwrap();
        }
        Fault::None
    });
    rig.flush();
    assert!(!rig.cells().is_empty() && calls.load(SeqCst) < 10, "{} calls", calls.load(SeqCst));
    rig.store.set_fate(|_, _| Fault::None);
    rig.flush();
    assert_eq!(stored(&rig, TABLE), shown(&[(1, &[0, 0x13, 0x00], 1), (1, &[1, 0x13, 0x00], 2)]));
}
