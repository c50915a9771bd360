//! What is wrong with a row, and what would put it right. Pure: cells in, findings and changes out.
//!
//! The rules are those of OpenTSDB's `fsck` (recorded in `cli/fsck`; what was not recorded, tried on the real one): the
//! same damage is found and counted, and a repaired row holds the same bytes. Different on purpose:
//!
//! - Changes carry the times of the cells they were made from (rule 5), so that a point which somebody writes meanwhile
//!   is newer than all of them.
//! - No cell is made that nobody could read: a float with a wrong length in its flags gets the right one when it is
//!   packed, a value of a length that no number has is bad.
//! - A column that ends in the middle of a point's qualifier is unknown. (OpenTSDB's thread ends at it.)

use super::Options;
use super::count::Counts;
use crate::codec::{APPEND_QUALIFIER, Cell, CellPoints, PackedCell, Qualifier, java_bytes, repaired_append, to_hex};
use crate::point::PointTime;
use std::fmt::Write;

/// A cell to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Column.
    pub qualifier: Vec<u8>,
    /// Its bytes.
    pub value: Vec<u8>,
    /// Its time.
    pub time: i64,
}

/// What is to be done to a row. Deletes come after the puts have been seen in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Cells to write.
    pub puts: Vec<Put>,
    /// Columns to delete, with the time up to which they go.
    pub deletes: Vec<(Vec<u8>, i64)>,
    /// Columns of appends to put in order: what is there, and what is to be.
    pub appends: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is put right by it.
    pub fixed: Counts,
}

impl Changes {
    /// Nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty() && self.appends.is_empty()
    }
}

/// A row, looked at.
#[derive(Debug, Default)]
pub struct Checked {
    /// What was found.
    pub found: Counts,
    /// Lines that tell it: `ERROR ...`.
    pub notes: Vec<String>,
    /// What the options say is to be done.
    pub changes: Changes,
}

/// A point and the cell it is in.
struct Dp<'a> {
    qualifier: &'a [u8],
    value: &'a [u8],
    offset: u32,
    /// Place of its cell.
    cell: usize,
    packed: bool,
    time: i64,
}

/// What is to be done with a point's value.
enum Verdict<'a> {
    Good,
    /// A float of 4 bytes in 8: the 4.
    OldFloat(&'a [u8], &'static str),
    /// An integer that takes fewer bytes.
    Short(Vec<u8>),
    Bad(String),
}

struct Row<'r, 'a> {
    key: &'r [u8],
    base: u32,
    cells: &'r [Cell<'a>],
    options: &'r Options,
    out: Checked,
    points: Vec<Dp<'a>>,
    /// Instants of appended points.
    appended: Vec<u32>,
    /// A packed cell is there: its row is always written anew as one cell.
    has_packed: bool,
    merged: PackedCell,
    duplicates: bool,
    uncorrected: bool,
    /// Repairs that count once the merged cell is written.
    pending: Counts,
}

/// Looks at the cells of a row whose key is sound.
pub fn check_row(key: &[u8], base: u32, cells: &[Cell<'_>], options: &Options) -> Checked {
    let mut row = Row {
        key,
        base,
        cells,
        options,
        out: Checked::default(),
        points: Vec::new(),
        appended: Vec::new(),
        has_packed: false,
        merged: PackedCell::default(),
        duplicates: false,
        uncorrected: false,
        pending: Counts::default(),
    };
    row.out.found.rows = 1;
    row.points.reserve(cells.len());
    for at in 0..cells.len() {
        row.cell(at);
    }
    row.points();
    row.finish();
    row.out
}

impl<'a> Row<'_, 'a> {
    fn note(&mut self, level: &str, text: &str, cell: Option<&Cell<'_>>) {
        let mut line = format!("{level} {text}");
        if let Some(cell) = cell {
            let _ = write!(line, "\n\t{}", show(self.key, cell));
        }
        self.out.notes.push(line);
    }

    /// Sorts a cell in.
    fn cell(&mut self, at: usize) {
        let Some(&cell) = self.cells.get(at) else { return };
        self.out.found.cells += 1;
        match cell.qualifier {
            [] | [_] => self.unknown(&cell, "Invalid qualifier, must be on 2 bytes or more."),
            [first, ..] if cell.qualifier.len() % 2 == 1 => self.object(*first, &cell),
            [first, _] if *first >= 0xF0 => self.unknown(&cell, "The qualifier ends in the middle of a point's."),
            [_, _] => self.single(at, &cell),
            [first, _, _, _] if *first >= 0xF0 => self.single(at, &cell),
            _ => self.packed(at, &cell),
        }
    }

    fn unknown(&mut self, cell: &Cell<'_>, why: &str) {
        self.out.found.unknown += 1;
        self.note("ERROR", why, Some(cell));
        if self.options.fix && self.options.delete_unknown {
            self.out.changes.deletes.push((cell.qualifier.to_vec(), cell.time));
            self.out.changes.fixed.unknown_fixed += 1;
        }
    }

    /// A column of odd length: an annotation, appends, or something that only its own version knows.
    fn object(&mut self, first: u8, cell: &Cell<'_>) {
        match (first, cell.qualifier.len()) {
            (1, 3 | 5) => self.out.found.annotations += 1,
            (5, 3 | 5) => self.appends(cell),
            (_, 3 | 5) => {
                self.out.found.future += 1;
                self.note("WARN", "Found an object possibly from a future version of OpenTSDB", Some(cell));
            }
            _ => self.unknown(cell, "Unknown qualifier, must be 2, 3, 5 or an even number of bytes."),
        }
    }

    fn appends(&mut self, cell: &Cell<'_>) {
        self.out.found.appends += 1;
        self.appended.extend(CellPoints::new(cell).flatten().map(|point| point.qualifier.offset_ms()));
        if let Some(fault) = CellPoints::new(cell).find_map(Result::err) {
            self.note("ERROR", &format!("Cannot read the appended points: {fault}"), Some(cell));
        } else if self.options.repair_appends
            && cell.qualifier == APPEND_QUALIFIER
            && let Some(value) = repaired_append(cell.value)
        {
            self.out.changes.appends.push((cell.value.to_vec(), value));
            self.out.changes.fixed.appends_fixed += 1;
        }
    }

    fn single(&mut self, at: usize, cell: &Cell<'a>) {
        let Some((qualifier, _)) = Qualifier::split_first(cell.qualifier) else { return };
        self.points.push(Dp {
            qualifier: cell.qualifier,
            value: cell.value,
            offset: qualifier.offset_ms(),
            cell: at,
            packed: false,
            time: cell.time,
        });
    }

    /// A cell of several points. One that cannot be taken apart is left as it is, but for what the options say.
    fn packed(&mut self, at: usize, cell: &Cell<'a>) {
        let start = self.points.len();
        // The last byte as Java sees it: one from 0x80 up is negative and passes.
        let (why, deletable) = match cell.value.last() {
            Some(&last) if last as i8 > 1 => {
                ("The last byte of a compacted cell should be 0 or 1. Either it is corrupted or a later version wrote it.", false)
            }
            Some(_) if self.take_apart(at, cell) => {
                self.has_packed = true;
                let Some(points) = self.points.get_mut(start..) else { return };
                if !points.is_sorted_by_key(|p| p.offset) {
                    points.sort_by_key(|p| p.offset);
                    if points.iter().flat_map(|p| p.qualifier).ne(cell.qualifier) {
                        self.out.found.fixable_compacts += 1;
                        self.note("ERROR", "Compacted column was out of order or requires a fixup", Some(cell));
                    }
                }
                return;
            }
            _ => ("Corrupted value: couldn't break down into individual values", true),
        };
        self.points.truncate(start);
        self.out.found.bad_compacts += 1;
        self.note("ERROR", why, Some(cell));
        if deletable && self.options.fix && self.options.delete_bad_compacts {
            self.out.changes.deletes.push((cell.qualifier.to_vec(), cell.time));
            self.out.changes.fixed.bad_compacts_deleted += 1;
        }
    }

    /// True if qualifiers and values end together, but for the last byte.
    fn take_apart(&mut self, at: usize, cell: &Cell<'a>) -> bool {
        let (mut qualifiers, mut values) = (cell.qualifier, cell.value);
        while !qualifiers.is_empty() {
            let Some((qualifier, rest)) = Qualifier::split_first(qualifiers) else { return false };
            let Some((value, behind)) = values.split_at_checked(qualifier.value_len()) else { return false };
            let Some((own, _)) = qualifiers.split_at_checked(qualifiers.len() - rest.len()) else { return false };
            self.points.push(Dp { qualifier: own, value, offset: qualifier.offset_ms(), cell: at, packed: true, time: cell.time });
            (qualifiers, values) = (rest, behind);
        }
        values.len() == 1
    }

    /// Goes through the instants.
    fn points(&mut self) {
        let mut points = std::mem::take(&mut self.points);
        if !points.is_sorted_by_key(|p| p.offset) {
            points.sort_by_key(|p| p.offset);
        }
        for instant in points.chunk_by_mut(|a, b| a.offset == b.offset) {
            self.out.found.valid += 1;
            if let [only] = instant {
                self.value(only);
                continue;
            }
            instant.sort_by_key(|p| p.time);
            self.several(instant);
        }
        self.points = points;
    }

    /// Several points of one instant, the oldest first.
    fn several(&mut self, instant: &[Dp<'a>]) {
        self.duplicates = true;
        let split = if self.options.last_write_wins { instant.split_last() } else { instant.split_first() };
        let Some((kept, dropped)) = split else { return };
        self.out.found.duplicates += dropped.len() as u64;
        let time = i64::from(self.base) * 1000 + i64::from(kept.offset);
        let mut line = format!("INFO More than one column had a value for the same timestamp: {time}\n    row key: {}", to_hex(self.key));
        for dp in instant {
            let mark = if std::ptr::eq(dp, kept) { " <--- kept" } else { "" };
            let _ = write!(
                line,
                "\n    write time: {} compacted: {} qualifier: {} value: {}{mark}",
                dp.time,
                dp.packed,
                java_bytes(dp.qualifier),
                java_bytes(dp.value)
            );
        }
        self.out.notes.push(line);
        self.value(kept);
        if !(self.options.fix && self.options.resolve_duplicates) {
            return;
        }
        for dp in dropped {
            if self.merges() {
                self.pending.duplicates_fixed += 1;
            } else if !dp.packed && dp.qualifier != kept.qualifier {
                self.out.changes.deletes.push((dp.qualifier.to_vec(), dp.time));
                self.out.changes.fixed.duplicates_fixed += 1;
            }
        }
    }

    /// The points are to be one cell.
    fn merges(&self) -> bool {
        self.options.fix && (self.has_packed || self.options.compact)
    }

    /// Looks at the value of a point that stays.
    fn value(&mut self, dp: &Dp<'a>) {
        let fix = self.options.fix;
        match judge(dp) {
            Verdict::Good => self.keep(dp.qualifier, dp.value),
            Verdict::OldFloat(value, why) => {
                self.out.found.encodings += 1;
                self.note("WARN", why, self.cells.get(dp.cell));
                match (fix, self.merges()) {
                    (false, _) => self.uncorrected = true,
                    (true, true) => {
                        self.keep(dp.qualifier, value);
                        self.pending.encodings_fixed += 1;
                    }
                    (true, false) => {
                        let put = Put { qualifier: dp.qualifier.to_vec(), value: value.to_vec(), time: dp.time };
                        self.out.changes.puts.push(put);
                        self.out.changes.fixed.encodings_fixed += 1;
                    }
                }
            }
            Verdict::Short(value) => {
                let mut qualifier = dp.qualifier.to_vec();
                if let Some(last) = qualifier.last_mut() {
                    *last = *last & 0xF8 | (value.len() as u8 - 1);
                }
                self.out.found.vle += 1;
                self.out.found.vle_bytes += (dp.value.len() - value.len()) as u64;
                match (fix, self.merges()) {
                    (false, _) => {}
                    (true, true) => {
                        self.keep(&qualifier, &value);
                        self.pending.vle_fixed += 1;
                    }
                    (true, false) => {
                        self.out.changes.puts.push(Put { qualifier, value, time: dp.time });
                        self.out.changes.deletes.push((dp.qualifier.to_vec(), dp.time));
                        self.out.changes.fixed.vle_fixed += 1;
                    }
                }
            }
            Verdict::Bad(why) => {
                self.out.found.bad_values += 1;
                self.note("ERROR", &why, self.cells.get(dp.cell));
                if fix && self.options.delete_bad_values && !dp.packed {
                    self.out.changes.deletes.push((dp.qualifier.to_vec(), dp.time));
                    self.out.changes.fixed.bad_values_deleted += 1;
                } else {
                    self.uncorrected = true;
                }
            }
        }
    }

    /// Adds a point to the merged cell.
    fn keep(&mut self, qualifier: &[u8], value: &[u8]) {
        if !self.merges() {
            return;
        }
        if let Some((qualifier, _)) = Qualifier::split_first(qualifier) {
            // Instants ascend, so the cell takes every one.
            let _ = self.merged.push(qualifier.with_value_len(value.len()), value);
        }
    }

    /// Writes the row as one cell, if that is asked for and nothing in it is left unresolved.
    fn finish(&mut self) {
        if self.duplicates && !self.options.resolve_duplicates || self.uncorrected {
            self.note("WARN", "One or more errors found in row that were not marked for repair", None);
            return;
        }
        if !self.merges() || self.merged.finish().is_err() {
            return;
        }
        // One cell gets the newest time of all in it: an older value would win over the one that was appended since.
        if self.points.iter().any(|point| self.appended.contains(&point.offset)) {
            self.note("WARN", "A point of the row was appended too, the row is left in its columns", None);
            return;
        }
        let mut merged: Vec<&Cell<'a>> = self.points.iter().filter_map(|p| self.cells.get(p.cell)).collect();
        merged.sort_by_key(|c| c.qualifier);
        merged.dedup_by_key(|c| c.qualifier);
        let newest = merged.iter().map(|c| c.time).max().unwrap_or(i64::MIN);
        let there = merged.iter().any(|c| c.qualifier == self.merged.qualifier && c.value == self.merged.value);
        let changes = &mut self.out.changes;
        if !there {
            let (qualifier, value) = (self.merged.qualifier.clone(), self.merged.value.clone());
            changes.puts.push(Put { qualifier, value, time: newest });
        }
        for cell in merged.iter().filter(|c| c.qualifier != self.merged.qualifier) {
            changes.deletes.retain(|(qualifier, _)| qualifier != cell.qualifier);
            changes.deletes.push((cell.qualifier.to_vec(), newest));
        }
        changes.fixed.add(&self.pending);
    }
}

/// Looks at one value.
fn judge<'a>(dp: &Dp<'a>) -> Verdict<'a> {
    let Some((qualifier, _)) = Qualifier::split_first(dp.qualifier) else { return Verdict::Good };
    let length = qualifier.value_len();
    let value = dp.value;
    if !qualifier.is_float() {
        if value.len() != length {
            return Verdict::Bad(format!("The integer value is {} bytes long but should be {length} bytes.", value.len()));
        }
        return match value {
            &[a, b, c, d, e, f, g, h] => shorter(i64::from_be_bytes([a, b, c, d, e, f, g, h])).map_or(Verdict::Good, Verdict::Short),
            [_] | [_, _] | [_, _, _, _] => Verdict::Good,
            _ => Verdict::Bad(format!("The integer value is {} bytes long: no number has so many.", value.len())),
        };
    }
    match (length, value) {
        (4, [0xFF, 0xFF, 0xFF, 0xFF, float @ ..]) if float.len() == 4 && dp.qualifier.len() == 2 => {
            Verdict::OldFloat(float, "Floating point value with 0xFF most significant bytes, from a bug of sign extension")
        }
        (4, [0, 0, 0, 0, float @ ..]) if float.len() == 4 => {
            Verdict::OldFloat(float, "Floating point value was marked as 4 bytes long but was actually 8 bytes long")
        }
        (4, value) if value.len() == 8 => Verdict::Bad(
            "Floating point value was marked as 4 bytes long but was actually 8 bytes long and the first four bytes were not zeroed".into(),
        ),
        (8, value) if value.len() == 4 => Verdict::Bad("This floating point value was marked as 8 bytes long but was only 4 bytes.".into()),
        (_, value) if value.len() != 4 && value.len() != 8 => {
            Verdict::Bad(format!("This floating point value must be encoded either on 4 or 8 bytes, but it's on {} bytes.", value.len()))
        }
        _ => Verdict::Good,
    }
}

/// An integer of 8 bytes in fewer, if it fits.
fn shorter(value: i64) -> Option<Vec<u8>> {
    let (bytes, flags) = crate::codec::encode_value(crate::point::Value::Int(value));
    (flags < 7).then(|| bytes.as_bytes().to_vec())
}

fn show(key: &[u8], cell: &Cell<'_>) -> String {
    let bytes = |bytes: &[u8]| match bytes.len() {
        0..=64 => java_bytes(bytes),
        len => format!("{len} bytes"),
    };
    format!(
        "row {}, column {}, value {}, written at {}",
        to_hex(key),
        bytes(cell.qualifier),
        bytes(cell.value),
        PointTime::Millis(cell.time).millis()
    )
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
