//! The columns of a row joined in order of time, as OpenTSDB's compaction joins them.
//!
//! Of points of one instant (a second and its millisecond .000 are one) the column written last wins. If two were written
//! in the same millisecond, the winner follows from the order in which Java's `PriorityQueue` gives out equal entries, so
//! that queue is rebuilt here step by step.

use super::row::{DecodeOptions, Duplicate};
use super::{Cell, CellFault, CellKind, CellPoints, PackedCell, RawPoint, cell_kind};
use crate::point::Number;

/// Points of a row, in order, each instant once.
#[derive(Debug, Default)]
pub(super) struct Joined<'a> {
    pub points: Vec<RawPoint<'a>>,
    pub same: u32,
    pub different: u32,
    pub first_different: Option<Box<Duplicate>>,
}

/// A column's points (a run in one list) and how far they are taken.
struct Column {
    at: usize,
    end: usize,
    time: i64,
}

/// Java's binary heap over columns: by the instant they stand at, then the newer first.
struct Queue<'p, 'a> {
    points: &'p [RawPoint<'a>],
    columns: Vec<Column>,
    heap: Vec<usize>,
}

impl<'a> Queue<'_, 'a> {
    fn key(&self, column: usize) -> (u32, std::cmp::Reverse<i64>) {
        let Some(column) = self.columns.get(column) else { return (u32::MAX, std::cmp::Reverse(0)) };
        let offset = self.points.get(column.at).map_or(u32::MAX, |p| p.qualifier.offset_ms());
        (offset, std::cmp::Reverse(column.time))
    }

    fn entry(&self, at: usize) -> usize {
        self.heap.get(at).copied().unwrap_or(usize::MAX)
    }

    fn put(&mut self, at: usize, column: usize) {
        if let Some(place) = self.heap.get_mut(at) {
            *place = column;
        }
    }

    fn add(&mut self, column: usize) {
        let mut at = self.heap.len();
        self.heap.push(column);
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.key(column) >= self.key(self.entry(parent)) {
                break;
            }
            self.put(at, self.entry(parent));
            at = parent;
        }
        self.put(at, column);
    }

    fn remove(&mut self) -> Option<usize> {
        let first = *self.heap.first()?;
        let moved = self.heap.pop()?;
        let len = self.heap.len();
        let mut at = 0;
        while at < len / 2 {
            let mut child = 2 * at + 1;
            if child + 1 < len && self.key(self.entry(child)) > self.key(self.entry(child + 1)) {
                child += 1;
            }
            if self.key(moved) <= self.key(self.entry(child)) {
                break;
            }
            self.put(at, self.entry(child));
            at = child;
        }
        self.put(at, moved);
        Some(first)
    }

    /// The point that `column` stands at, then moves it on and puts it back if it has more.
    fn take(&mut self, column: usize) -> Option<RawPoint<'a>> {
        let entry = self.columns.get_mut(column)?;
        let point = self.points.get(entry.at).copied();
        entry.at += 1;
        if entry.at < entry.end {
            self.add(column);
        }
        point
    }
}

/// Joins the points of all sound cells. A fault that OpenTSDB fails on leaves its cell out; all are told to `fault`.
pub(super) fn join<'a>(
    cells: impl Iterator<Item = Cell<'a>>,
    options: &DecodeOptions,
    mut fault: impl FnMut(&Cell<'a>, CellFault),
) -> Joined<'a> {
    let mut points = Vec::new();
    let mut columns = Vec::new();
    for cell in cells {
        let start = points.len();
        for point in CellPoints::new(&cell) {
            match point {
                Ok(point) => points.push(point),
                Err(wrong) => {
                    fault(&cell, wrong);
                    if wrong.fails_in_opentsdb() {
                        points.truncate(start);
                    }
                }
            }
        }
        if cell_kind(cell.qualifier) == CellKind::Append {
            sort_appended(&mut points, start);
        }
        if points.len() > start {
            columns.push(Column { at: start, end: points.len(), time: cell.time });
        }
    }
    let mut queue = Queue { points: &points, heap: Vec::with_capacity(columns.len()), columns };
    for column in 0..queue.columns.len() {
        queue.add(column);
    }
    let mut joined = Joined { points: Vec::with_capacity(points.len()), ..Joined::default() };
    while let Some(column) = queue.remove() {
        let Some(point) = queue.take(column) else { break };
        if options.use_otsdb_timestamp {
            joined.take_extreme(point, options.use_max_value);
        } else {
            joined.take_first(point);
        }
    }
    joined.put_in_order();
    joined
}

/// The sound form of a column of appends: its points in order of time, of one instant the one appended last. `None`: it is
/// in that form already, or damaged. Recorded in `storage/appends_repair`.
pub fn repaired_append(value: &[u8]) -> Option<Vec<u8>> {
    let cell = Cell { qualifier: &super::APPEND_QUALIFIER, value, time: 0 };
    let mut points = CellPoints::new(&cell).collect::<Result<Vec<_>, _>>().ok()?;
    if points.is_sorted_by(|a, b| a.qualifier.offset_ms() < b.qualifier.offset_ms()) {
        return None;
    }
    sort_appended(&mut points, 0);
    Some(points.iter().flat_map(|p| [p.qualifier.encode().as_bytes(), p.value].concat()).collect())
}

/// Appended points by time; of one instant the last appended stays.
fn sort_appended(points: &mut Vec<RawPoint<'_>>, start: usize) {
    let Some(run) = points.get_mut(start..) else { return };
    if run.is_sorted_by(|a, b| a.qualifier.offset_ms() < b.qualifier.offset_ms()) {
        return;
    }
    run.reverse();
    run.sort_by_key(|p| p.qualifier.offset_ms());
    let mut at = 0;
    let mut last = None;
    points.retain(|p| {
        at += 1;
        let offset = Some(p.qualifier.offset_ms());
        let keep = at <= start || offset != last;
        last = if at <= start { None } else { offset };
        keep
    });
}

impl<'a> Joined<'a> {
    fn take_first(&mut self, point: RawPoint<'a>) {
        let offset = point.qualifier.offset_ms();
        match self.points.last() {
            Some(kept) if kept.qualifier.offset_ms() == offset => {
                if kept.value == point.value {
                    self.same += 1;
                    return;
                }
                self.different += 1;
                if self.first_different.is_none() {
                    let (kept, dropped) = (kept.value.to_vec(), point.value.to_vec());
                    self.first_different = Some(Box::new(Duplicate { offset_ms: offset, kept, dropped }));
                }
            }
            _ => self.points.push(point),
        }
    }

    /// With `use_otsdb_timestamp` cells carry the point's time, so none is newer: the larger (or smaller) value stays.
    fn take_extreme(&mut self, point: RawPoint<'a>, larger: bool) {
        match self.points.last_mut() {
            Some(kept) if kept.qualifier.offset_ms() == point.qualifier.offset_ms() => {
                self.same += 1;
                let (old, new) = (as_double(kept), as_double(&point));
                if if larger { new > old } else { old > new } {
                    *kept = point;
                }
            }
            _ => self.points.push(point),
        }
    }

    /// Only a damaged cell, whose own points are out of order, leaves anything to do.
    fn put_in_order(&mut self) {
        if !self.points.is_sorted_by(|a, b| a.qualifier.offset_ms() < b.qualifier.offset_ms()) {
            self.points.sort_by_key(|p| p.qualifier.offset_ms());
            self.points.dedup_by_key(|p| p.qualifier.offset_ms());
        }
    }
}

fn as_double(point: &RawPoint<'_>) -> f64 {
    match point.qualifier.read(point.value) {
        Some(Number::Int(v)) => v as f64,
        Some(Number::Float(v)) => v,
        None => f64::NAN,
    }
}

/// What a compaction makes of a row.
#[derive(Debug, Default)]
pub struct Merged {
    /// The cell that holds all points.
    pub cell: PackedCell,
    /// False if that very cell is there already.
    pub write: bool,
    /// Qualifiers of the cells that are in it and can go, never the new cell's own.
    pub delete: Vec<Vec<u8>>,
    /// Time of the newest cell read, in milliseconds.
    pub newest: i64,
    /// A duplicate with another value, if there was one: OpenTSDB compacts such a row only with `fix_duplicates`.
    pub duplicate: Option<Box<Duplicate>>,
    /// Instants that were there twice with the same bytes.
    pub same: u32,
    /// Instants that were there twice with other bytes.
    pub different: u32,
}

/// The compacted form of a row, byte for byte as OpenTSDB writes it. `None`: nothing to do (no points, a single sound
/// cell, a column of appends) or nothing that may be done (a damaged cell: its points would be lost).
pub fn merge_cells(cells: &[Cell<'_>], options: &DecodeOptions) -> Option<Merged> {
    let with_points = |c: &&Cell| matches!(cell_kind(c.qualifier), CellKind::Point | CellKind::Packed);
    if cells.iter().any(|c| cell_kind(c.qualifier) == CellKind::Append) {
        return None;
    }
    let mut damaged = false;
    let joined = join(cells.iter().copied(), options, |_, _| damaged = true);
    if damaged || joined.points.is_empty() {
        return None;
    }
    let (same, different) = (joined.same, joined.different);
    let mut merged = Merged { write: true, newest: i64::MIN, duplicate: joined.first_different, same, different, ..Merged::default() };
    for point in &joined.points {
        merged.cell.push(point.qualifier, point.value).ok()?;
    }
    merged.cell.finish().ok()?;
    for cell in cells.iter().filter(with_points) {
        merged.newest = merged.newest.max(cell.time);
        if cell.qualifier == merged.cell.qualifier {
            merged.write = cell.value != merged.cell.value;
        } else {
            merged.delete.push(cell.qualifier.to_vec());
        }
    }
    (merged.write || !merged.delete.is_empty()).then_some(merged)
}
