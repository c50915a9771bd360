//! Packed cells: the points of a row in one flush share a cell.
//!
//! On a shared store a cell that holds an instant is rewritten in place, so that no instant has two entries and a Java
//! TSD with `fix_duplicates=false` goes on reading (rule 3). On our own store, where rows are read for a flush, all
//! their parts are joined into one cell.

use super::rows::{Plan, put};
use super::single::{Stored, is_settled, newest};
use crate::codec::{Cell, CellKind, CellPoints, PackedCell, Qualifier, cell_kind};
use crate::point::{Number, PointTime, Value};
use crate::store::{Mutation, RowMutation};
use crate::write::head::{Entry, FAMILY, Taken};
use crate::write::journal::Stored as Bytes;

/// Points of a cell, at most: an hour of seconds. Rows of milliseconds have several cells.
const CELL_POINTS_MAX: usize = 3_600;

/// What a row needs. `cells`: what the store holds, `None` where that need not be known.
pub fn plan(private: bool, key: Vec<u8>, row: &Taken, cells: Option<&Vec<Cell<'_>>>, late: bool) -> Plan {
    let ours = row.part.instants();
    let mut newest_offset = row.newest_stored.unwrap_or(0).max(row.part.last());
    let mut plan = Plan { cells: row.cells + 1, ..Plan::default() };
    let mut mutations = Vec::new();
    match cells {
        Some(cells) if !cells.is_empty() => {
            let stored = newest(cells);
            newest_offset = stored.last().map_or(0, |s| s.point.qualifier.offset_ms()).max(newest_offset);
            let before = ours.len();
            let ours: Vec<_> = ours.into_iter().filter(|entry| !(late && is_settled(&stored, entry))).collect();
            plan.skipped = (before - ours.len()) as u64;
            if private {
                join(&ours, &stored, cells, &mut mutations);
                plan.cells = 1;
            } else {
                rewrite(&ours, &stored, cells, &mut mutations);
            }
        }
        _ => new_cells(ours.iter().map(|e| (e.qualifier, e.value)), &mut mutations),
    }
    plan.newest = Some(newest_offset);
    if !mutations.is_empty() {
        plan.push(0, RowMutation { row: key, mutations, time: None });
    }
    plan
}

/// New cells for points in order of time.
fn new_cells<'a>(points: impl Iterator<Item = (Qualifier, &'a [u8])>, mutations: &mut Vec<Mutation>) {
    let mut cell = PackedCell::default();
    for (qualifier, value) in points {
        if cell.count() >= CELL_POINTS_MAX {
            end_cell(&mut cell, mutations);
        }
        // Instants ascend, so the cell takes every one.
        let _ = cell.push(qualifier, value);
    }
    end_cell(&mut cell, mutations);
}

fn end_cell(cell: &mut PackedCell, mutations: &mut Vec<Mutation>) {
    if cell.finish().is_ok() {
        mutations.push(put(&cell.qualifier, &cell.value));
    }
    cell.clear();
}

/// Our own store: everything in the row becomes one cell (or a few), the others go. Damaged cells are left alone.
fn join(ours: &[Entry<'_>], stored: &[Stored<'_>], cells: &[Cell<'_>], mutations: &mut Vec<Mutation>) {
    let sound = |cell: &Cell<'_>| is_points(cell) && CellPoints::new(cell).all(|p| p.is_ok());
    let kept = stored.iter().filter(|s| cells.get(s.cell).is_some_and(sound)).map(|s| (s.point.qualifier, s.point.value));
    new_cells(merge(kept, ours.iter().map(|e| (e.qualifier, e.value))), mutations);
    let made: Vec<Vec<u8>> =
        mutations.iter().filter_map(|m| if let Mutation::Put { qualifier, .. } = m { Some(qualifier.clone()) } else { None }).collect();
    for cell in cells.iter().filter(|c| sound(c)) {
        if !made.iter().any(|q| q == cell.qualifier) {
            mutations.push(Mutation::Delete { family: FAMILY, qualifier: cell.qualifier.to_vec() });
        }
    }
}

fn is_points(cell: &Cell<'_>) -> bool {
    matches!(cell_kind(cell.qualifier), CellKind::Point | CellKind::Packed | CellKind::Append)
}

/// Two ascending runs in one; of one instant the second run's point.
fn merge<'a>(
    old: impl Iterator<Item = (Qualifier, &'a [u8])>,
    new: impl Iterator<Item = (Qualifier, &'a [u8])>,
) -> impl Iterator<Item = (Qualifier, &'a [u8])> {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    std::iter::from_fn(move || {
        let Some(&(fresh, _)) = new.peek() else { return old.next() };
        match old.peek() {
            Some(&(kept, _)) if kept.offset_ms() < fresh.offset_ms() => old.next(),
            Some(&(kept, _)) if kept.offset_ms() == fresh.offset_ms() => {
                old.next();
                new.next()
            }
            _ => new.next(),
        }
    })
}

/// A shared store: cells that hold one of our instants are rewritten in place, the rest of ours shares a new cell.
fn rewrite(ours: &[Entry<'_>], stored: &[Stored<'_>], cells: &[Cell<'_>], mutations: &mut Vec<Mutation>) {
    let find = |entry: &Entry<'_>| {
        let offset = entry.qualifier.offset_ms();
        stored.binary_search_by_key(&offset, |s| s.point.qualifier.offset_ms()).ok().and_then(|at| stored.get(at))
    };
    let mut touched: Vec<usize> = Vec::new();
    let mut fresh = Vec::new();
    for entry in ours {
        match find(entry) {
            None => fresh.push((entry.qualifier, entry.value)),
            Some(s) if s.point.value == entry.value && s.point.qualifier == entry.qualifier => {} // it is there already
            Some(s) => touched.push(s.cell),
        }
    }
    touched.sort_unstable();
    touched.dedup();
    for cell in touched.iter().filter_map(|&at| cells.get(at)) {
        rewrite_cell(cell, ours, stored, mutations);
    }
    new_cells(fresh.into_iter(), mutations);
}

/// The cell's points with the values that count now: the write makes the cell the newest, so a value in it that another
/// cell has overtaken must not come back.
fn rewrite_cell(cell: &Cell<'_>, ours: &[Entry<'_>], stored: &[Stored<'_>], mutations: &mut Vec<Mutation>) {
    let mut points: Vec<(Qualifier, Bytes)> = Vec::new();
    for old in CellPoints::new(cell).flatten() {
        let offset = old.qualifier.offset_ms();
        let our = ours.binary_search_by_key(&offset, |e| e.qualifier.offset_ms()).ok().and_then(|at| ours.get(at));
        let other = stored.binary_search_by_key(&offset, |s| s.point.qualifier.offset_ms()).ok().and_then(|at| stored.get(at));
        let (qualifier, value) = match (our, other) {
            (Some(our), _) => (our.qualifier, our.value),
            (None, Some(other)) => (other.point.qualifier, other.point.value),
            (None, None) => (old.qualifier, old.value),
        };
        points.push(fit(old.qualifier, qualifier, value));
    }
    points.sort_by_key(|(q, _)| q.offset_ms());
    points.dedup_by_key(|(q, _)| q.offset_ms());
    if cell_kind(cell.qualifier) == CellKind::Append {
        let joined: Vec<u8> = points.iter().flat_map(|(q, v)| [q.encode().as_bytes(), v.as_bytes()].concat()).collect();
        mutations.push(put(cell.qualifier, &joined));
        return;
    }
    let at = mutations.len();
    new_cells(points.iter().map(|(q, v)| (*q, v.as_bytes())), mutations);
    let same =
        mutations.get(at..).unwrap_or_default().iter().any(|m| matches!(m, Mutation::Put { qualifier, .. } if qualifier == cell.qualifier));
    if !same {
        mutations.push(Mutation::Delete { family: FAMILY, qualifier: cell.qualifier.to_vec() });
    }
}

/// The new value in the old one's width, where it fits: then the column keeps its name.
fn fit(old: Qualifier, new: Qualifier, value: &[u8]) -> (Qualifier, Bytes) {
    let plain = Bytes::of(new.flags(), value);
    let time = if old.is_millis() { PointTime::Millis(i64::from(old.offset_ms())) } else { PointTime::Seconds(old.offset_ms() / 1000) };
    let number = new.read(value);
    let fitted = match number {
        Some(Number::Int(v)) if !old.is_float() => Bytes::widened(v, old.flags()),
        Some(Number::Float(v)) if old.is_float() && old.value_len() == 8 => Some(Bytes::new(Value::Double(v))),
        _ => None,
    };
    match fitted {
        Some(bytes) => (Qualifier::new(time, bytes.flags), bytes),
        None => (Qualifier::new(time, plain.flags), plain),
    }
}
