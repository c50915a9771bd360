//! Single cells: a column a point, exactly as the Java TSD writes.

use super::rows::{Plan, put};
use crate::codec::{Cell, CellKind, CellPoints, RawPoint, cell_kind};
use crate::store::RowMutation;
use crate::write::WriteOptions;
use crate::write::head::{Entry, Taken};

/// A point in the store: the newest of its instant.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// It.
    pub point: RawPoint<'a>,
    /// Time of its cell.
    pub time: i64,
    /// Its cell holds no other point.
    pub alone: bool,
    /// Place of its cell in the row.
    pub cell: usize,
}

/// The newest point of each instant of a row, in order of time.
pub fn newest<'a>(cells: &[Cell<'a>]) -> Vec<Stored<'a>> {
    let mut all = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        let alone = cell_kind(cell.qualifier) == CellKind::Point;
        for point in CellPoints::new(cell).flatten() {
            all.push(Stored { point, time: cell.time, alone, cell: at });
        }
    }
    // Of one instant the newest first; within a cell of appends the one appended last.
    all.reverse();
    all.sort_by_key(|s| (s.point.qualifier.offset_ms(), std::cmp::Reverse(s.time)));
    all.dedup_by_key(|s| s.point.qualifier.offset_ms());
    all
}

/// Rule 2: is a late point stored already, or is the store's value newer?
pub fn is_settled(stored: &[Stored<'_>], entry: &Entry<'_>) -> bool {
    let offset = entry.qualifier.offset_ms();
    let Ok(at) = stored.binary_search_by_key(&offset, |s| s.point.qualifier.offset_ms()) else { return false };
    let Some(found) = stored.get(at) else { return false };
    let same = found.point.value == entry.value && found.point.qualifier.is_float() == entry.qualifier.is_float();
    same || (found.alone && found.time > entry.accepted)
}

/// What a row needs.
pub fn plan(options: &WriteOptions, key: Vec<u8>, row: &Taken, cells: &[Cell<'_>], late: bool) -> Plan {
    let mut plan = Plan::default();
    let stored = if late { newest(cells) } else { Vec::new() };
    let base_ms = i64::from(row.base) * 1000;
    for (round, entries) in row.part.rounds().into_iter().enumerate() {
        let mut puts = Vec::with_capacity(entries.len());
        for entry in entries {
            if late && is_settled(&stored, &entry) {
                plan.skipped += 1;
                continue;
            }
            let put = put(entry.qualifier.encode().as_bytes(), entry.value);
            if options.use_otsdb_timestamp {
                let time = Some(base_ms + i64::from(entry.qualifier.offset_ms()));
                plan.push(round, RowMutation { row: key.clone(), mutations: vec![put], time });
            } else {
                puts.push(put);
            }
        }
        if !puts.is_empty() {
            plan.push(round, RowMutation { row: key.clone(), mutations: puts, time: None });
        }
    }
    plan
}
