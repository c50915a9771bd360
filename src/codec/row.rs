//! A row's cells into columns of times and values.
//!
//! Rows whose cells come in order of time, which is nearly all, are decoded straight into the columns. Rows that mix
//! seconds and milliseconds, late points or duplicates are joined first (`merge.rs`).

use super::merge::join;
use super::{Cell, CellError, CellFault, CellKind, CellPoints, Qualifier, cell_kind, java_bytes, to_hex};
use crate::point::Number;

/// Points in columns, ascending in time within a row. Kept from row to row and reused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Milliseconds since the epoch.
    pub times: Vec<i64>,
    /// The values, one a time.
    pub values: Vec<Number>,
}

impl Points {
    /// Forgets the points and keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Adds a point.
    #[inline]
    pub fn push(&mut self, time: i64, value: Number) {
        self.times.push(time);
        self.values.push(value);
    }

    fn truncate(&mut self, len: usize) {
        self.times.truncate(len);
        self.values.truncate(len);
    }
}

/// Settings that decide which of two points of an instant is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// `tsd.storage.use_otsdb_timestamp`: cells carry the time of the point, so the value decides and not the cell's age.
    pub use_otsdb_timestamp: bool,
    /// `tsd.storage.use_max_value`: with the above, the larger value is read, else the smaller.
    pub use_max_value: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        DecodeOptions { use_otsdb_timestamp: false, use_max_value: true }
    }
}

/// Two cells of a row that hold other values for one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Milliseconds since the row's base time.
    pub offset_ms: u32,
    /// Bytes of the value that is read.
    pub kept: Vec<u8>,
    /// Bytes of the other.
    pub dropped: Vec<u8>,
}

impl Duplicate {
    /// What OpenTSDB answers (400) to a query that meets such a row without `tsd.storage.fix_duplicates` (recorded case
    /// `strict/dups-query`).
    pub fn message(&self, row: &[u8]) -> String {
        format!(
            "Duplicate timestamp for key={}, ms_offset={}, older={}, newer={}; set tsd.storage.fix_duplicates=true to fix automatically or run Fsck",
            java_bytes(row),
            self.offset_ms,
            java_bytes(&self.kept),
            java_bytes(&self.dropped)
        )
    }
}

/// What was met beside points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowReport {
    /// Instants that were there twice with the same bytes.
    pub same_duplicates: u32,
    /// Instants that were there twice with other bytes; never counted with `use_otsdb_timestamp`.
    pub other_duplicates: u32,
    /// The first of those.
    pub first_duplicate: Option<Box<Duplicate>>,
    /// Cells without points: annotations, histograms and what is unknown.
    pub skipped_cells: u32,
    /// Damaged cells.
    pub errors: Vec<CellError>,
}

impl RowReport {
    /// The first damaged cell that a query of OpenTSDB would fail on.
    pub fn failure(&self) -> Option<&CellError> {
        self.errors.iter().find(|e| e.fault.fails_in_opentsdb())
    }
}

/// Appends the points of a row to `out`, ascending in time, each instant once: the newest cell's value.
///
/// `row` is the key (for messages), `base` its base time in seconds. `cells` gives the row's cells in order of their
/// qualifiers and may be called twice. Never fails: damage and duplicates are reported.
pub fn decode_row<'a, I: Iterator<Item = Cell<'a>>>(
    row: &[u8],
    base: u32,
    cells: impl Fn() -> I,
    options: &DecodeOptions,
    out: &mut Points,
) -> RowReport {
    let mut report = RowReport::default();
    let start = out.len();
    let base_ms = i64::from(base) * 1000;
    let mut in_order = true;
    let mut last = i64::MIN;
    for cell in cells() {
        let before = out.len();
        let fault = match cell_kind(cell.qualifier) {
            CellKind::Packed => decode_packed(&cell, base_ms, out),
            CellKind::Point if decode_plain(&cell, base_ms, out) => None,
            CellKind::Point | CellKind::Append => decode_points(&cell, base_ms, out),
            _ => {
                report.skipped_cells += 1;
                None
            }
        };
        if let Some(fault) = fault {
            report.errors.push(CellError { row: to_hex(row), qualifier: to_hex(cell.qualifier), fault });
            if fault.fails_in_opentsdb() {
                out.truncate(before);
            }
        }
        for &time in out.times.get(before..).unwrap_or_default() {
            in_order &= time > last;
            last = time;
        }
    }
    if !in_order {
        out.truncate(start);
        let joined = join(cells(), options, |_, _| {}); // faults are in the report already
        (report.same_duplicates, report.other_duplicates) = (joined.same, joined.different);
        report.first_duplicate = joined.first_different;
        for point in joined.points {
            if let Some(value) = point.qualifier.read(point.value) {
                out.push(base_ms + i64::from(point.qualifier.offset_ms()), value);
            }
        }
    }
    report
}

/// A point of a whole second whose flags tell the length of its value, which is nearly every one that stands alone.
#[inline]
fn decode_plain(cell: &Cell<'_>, base_ms: i64, out: &mut Points) -> bool {
    if cell.qualifier.len() != 2 {
        return false;
    }
    let Some((qualifier, _)) = Qualifier::split_first(cell.qualifier).filter(|(q, _)| q.value_len() == cell.value.len()) else {
        return false;
    };
    let Some(value) = qualifier.read(cell.value) else { return false };
    out.push(base_ms + i64::from(qualifier.offset_ms()), value);
    true
}

fn decode_points(cell: &Cell<'_>, base_ms: i64, out: &mut Points) -> Option<CellFault> {
    for point in CellPoints::new(cell) {
        let point = match point {
            Ok(point) => point,
            Err(fault) => return Some(fault),
        };
        let Some(value) = point.qualifier.read(point.value) else { return Some(CellFault::Length) };
        out.push(base_ms + i64::from(point.qualifier.offset_ms()), value);
    }
    None
}

/// The same as `decode_points` for packed cells, without the checks that only other cells need.
fn decode_packed(cell: &Cell<'_>, base_ms: i64, out: &mut Points) -> Option<CellFault> {
    let (mut qualifiers, mut values) = (cell.qualifier, cell.value);
    if qualifiers.is_empty() {
        return Some(CellFault::QualifierCut);
    }
    out.times.reserve(qualifiers.len() / 2);
    out.values.reserve(qualifiers.len() / 2);
    while !qualifiers.is_empty() && !values.is_empty() {
        let Some((qualifier, rest)) = Qualifier::split_first(qualifiers) else { return Some(CellFault::QualifierCut) };
        let Some((value, behind)) = values.split_at_checked(qualifier.value_len()) else { return Some(CellFault::ValueCut) };
        let Some(value) = qualifier.read(value) else { return Some(CellFault::Length) };
        out.push(base_ms + i64::from(qualifier.offset_ms()), value);
        (qualifiers, values) = (rest, behind);
    }
    (!qualifiers.is_empty() || values.len() != 1).then_some(CellFault::Uneven)
}
