//! The hot calls: what we send and what comes back, straight between our buffers and the socket's.
//!
//! Rare calls go through the generated client ([`super::rare`]), which also is the reference of the tests.

use super::failure::Failure;
use super::options::Protocol;
use super::reader::{Field, Message, Reader};
use super::writer::{Writer, kind};
use crate::store::{Columns, Mutation, RowBatch, RowMutation, Scan};
use std::io::Read;
use std::ops::Range;

/// Most cells taken in one answer: an empty one is 2 bytes on the wire and a hundred here.
const CELLS_MAX: usize = 4_000_000;

/// Encodes one row of `mutateRows` (a `BatchMutation`). Encoded rows can be joined in any order.
pub(super) fn encode_row(out: &mut Vec<u8>, protocol: Protocol, row: &RowMutation) {
    let mut batch = Writer::new(out, protocol);
    batch.string(1, &row.row);
    batch.list(2, kind::STRUCT, row.mutations.len());
    for mutation in &row.mutations {
        let mut one = batch.inner();
        match mutation {
            Mutation::Put { family, qualifier, value } => {
                one.column(2, family, qualifier);
                one.string(3, value);
            }
            Mutation::Delete { family, qualifier } => {
                one.true_field(1);
                one.column(2, family, qualifier);
            }
        }
        // `writeToWAL`: its default, but a promise to be on disk does not rest on a default.
        one.true_field(4);
        one.stop();
    }
    batch.stop();
}

/// Name of the call that writes rows: one time for all of them, or the region server's clock.
pub(super) fn mutate_name(time: Option<i64>) -> &'static str {
    if time.is_some() { "mutateRowsTs" } else { "mutateRows" }
}

/// Arguments of [`mutate_name`]'s call over rows from [`encode_row`].
pub(super) fn encode_mutate<'a>(
    mut call: Writer<'_>,
    table: &str,
    time: Option<i64>,
    rows: usize,
    encoded: impl Iterator<Item = &'a [u8]>,
) {
    call.string(1, table.as_bytes());
    call.list(2, kind::STRUCT, rows);
    encoded.for_each(|part| call.raw(part));
    match time {
        Some(time) => {
            call.i64(3, time);
            call.empty_map(4);
        }
        None => call.empty_map(3),
    }
    call.stop();
}

/// Arguments of `getRowsWithColumns`.
pub(super) fn encode_get(mut call: Writer<'_>, table: &str, keys: &[Vec<u8>], columns: &Columns) {
    call.string(1, table.as_bytes());
    call.list(2, kind::STRING, keys.len());
    keys.iter().for_each(|key| call.bytes(key));
    match columns {
        Columns::All => call.list(3, kind::STRING, 0),
        Columns::Family(family) => {
            // Without a colon: with one it would be the column without a qualifier.
            call.list(3, kind::STRING, 1);
            call.bytes(family.as_bytes());
        }
        Columns::Only(only) => {
            call.list(3, kind::STRING, only.len());
            only.iter().for_each(|(family, qualifier)| call.column_element(family, qualifier));
        }
    }
    call.empty_map(4);
    call.stop();
}

/// Arguments of `scannerOpenWithScan`.
pub(super) fn encode_open(mut call: Writer<'_>, table: &str, scan: &Scan, filter: Option<&str>) {
    call.string(1, table.as_bytes());
    let mut inner = call.structure(2);
    for (id, bound) in [(1, &scan.start), (2, &scan.stop)] {
        if !bound.is_empty() {
            inner.string(id, bound);
        }
    }
    match &scan.columns {
        Columns::All => {}
        Columns::Family(family) => {
            inner.list(4, kind::STRING, 1);
            inner.bytes(family.as_bytes());
        }
        Columns::Only(only) => {
            inner.list(4, kind::STRING, only.len());
            only.iter().for_each(|(family, qualifier)| inner.column_element(family, qualifier));
        }
    }
    inner.i32(5, i32::try_from(scan.batch_rows).unwrap_or(i32::MAX));
    if let Some(filter) = filter {
        inner.string(6, filter.as_bytes());
    }
    // Columns sorted by unsigned bytes, and cheaper for the gateway than its map.
    inner.truth(8, true);
    inner.truth(9, scan.reverse);
    inner.truth(10, true);
    inner.stop();
    call.empty_map(3);
    call.stop();
}

/// Reads the number of a scanner.
pub(super) fn decode_number<R: Read>(reader: &mut Reader<'_, R>, field: Field) -> Result<i32, Failure> {
    match field.kind {
        kind::I32 => reader.i32(),
        other => Err(Failure::Corrupt(format!("a scanner's number of type {other}"))),
    }
}

/// Arguments of `scannerClose`.
pub(super) fn encode_close(mut call: Writer<'_>, scanner: i32) {
    call.i32(1, scanner);
    call.stop();
}

/// Arguments of `scannerGetList`.
pub(super) fn encode_next(mut call: Writer<'_>, scanner: i32, rows: i32) {
    call.i32(1, scanner);
    call.i32(2, rows);
    call.stop();
}

/// Reads an answer up to its end: hands a result to `take`, turns exceptions into failures.
pub(super) fn decode_answer<R: Read>(
    reader: &mut Reader<'_, R>,
    name: &str,
    sequence: u32,
    mut take: impl FnMut(&mut Reader<'_, R>, Field) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let message = reader.message()?;
    check_message(reader, &message, name, sequence)?;
    if message.kind == 3 {
        let text = decode_text(reader)?;
        return Err(Failure::Internal(text));
    }
    let (mut last, mut exception) = (0, None);
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (0, _) => take(reader, field)?,
            // 1 is IOError, 2 IllegalArgument, in every call of the three.
            (id @ 1..=2, kind::STRUCT) => exception = Some((id == 2, decode_text(reader)?)),
            _ => reader.skip_field(field)?,
        }
    }
    match exception {
        Some((illegal, text)) => Err(Failure::Declared { illegal, text }),
        None => Ok(()),
    }
}

fn check_message<R: Read>(reader: &Reader<'_, R>, message: &Message, name: &str, sequence: u32) -> Result<(), Failure> {
    if message.kind != 2 && message.kind != 3 {
        return Err(Failure::Corrupt(format!("an answer of type {}", message.kind)));
    }
    if message.sequence != sequence || reader.inbox.slice(&message.name) != name.as_bytes() {
        return Err(Failure::Corrupt(format!("the answer to another call than {name} {sequence}")));
    }
    Ok(())
}

/// The text of an exception: field 1 of each that there is.
fn decode_text<R: Read>(reader: &mut Reader<'_, R>) -> Result<String, Failure> {
    let (mut last, mut text) = (0, String::new());
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (1, kind::STRING) => text = reader.text()?,
            _ => reader.skip_field(field)?,
        }
    }
    Ok(text)
}

/// Where a cell of the row being read stands in the inbox.
#[derive(Clone, Debug, Default)]
pub(super) struct CellPlace {
    column: Range<usize>,
    value: Range<usize>,
    time: i64,
}

/// Reads `list<TRowResult>` of at most `rows_max` rows into `batch` and returns the number of cells. `cells` is scratch memory.
pub(super) fn decode_rows<R: Read>(
    reader: &mut Reader<'_, R>,
    field: Field,
    rows_max: usize,
    batch: &mut RowBatch,
    cells: &mut Vec<CellPlace>,
) -> Result<usize, Failure> {
    if field.kind != kind::LIST {
        return Err(Failure::Corrupt(format!("rows of type {}", field.kind)));
    }
    let (element, count) = reader.list()?;
    if count > 0 && element != kind::STRUCT {
        return Err(Failure::Corrupt(format!("rows of type {element}")));
    }
    if count > rows_max {
        return Err(Failure::Corrupt(format!("{count} rows where {rows_max} were asked for")));
    }
    let mut seen = 0;
    for _ in 0..count {
        decode_row(reader, CELLS_MAX - seen, batch, cells)?;
        seen += cells.len();
    }
    Ok(seen)
}

fn decode_row<R: Read>(
    reader: &mut Reader<'_, R>,
    cells_max: usize,
    batch: &mut RowBatch,
    cells: &mut Vec<CellPlace>,
) -> Result<(), Failure> {
    cells.clear();
    let (mut last, mut key) = (0, 0..0);
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (1, kind::STRING) => key = reader.string()?,
            (2, kind::MAP) => decode_columns(reader, cells_max, cells)?,
            (3, kind::LIST) => decode_sorted_columns(reader, cells_max, cells)?,
            _ => reader.skip_field(field)?,
        }
    }
    push_row(reader, key, batch, cells);
    Ok(())
}

fn push_row<R: Read>(reader: &Reader<'_, R>, key: Range<usize>, batch: &mut RowBatch, cells: &mut [CellPlace]) {
    let inbox = &*reader.inbox;
    // The gateway's map orders bytes as if they were signed.
    if !cells.is_sorted_by(|a, b| inbox.slice(&a.column) <= inbox.slice(&b.column)) {
        cells.sort_by(|a, b| inbox.slice(&a.column).cmp(inbox.slice(&b.column)));
    }
    batch.push_row(inbox.slice(&key));
    for cell in cells {
        let column = inbox.slice(&cell.column);
        let at = column.iter().position(|byte| *byte == b':').unwrap_or(column.len());
        let (family, rest) = column.split_at_checked(at).unwrap_or((column, &[]));
        batch.push_cell(family, rest.get(1..).unwrap_or_default(), inbox.slice(&cell.value), cell.time);
    }
}

fn decode_columns<R: Read>(reader: &mut Reader<'_, R>, cells_max: usize, cells: &mut Vec<CellPlace>) -> Result<(), Failure> {
    let (key, value, count) = reader.map()?;
    if count > 0 && (key, value) != (kind::STRING, kind::STRUCT) {
        return Err(Failure::Corrupt(format!("columns of types {key} and {value}")));
    }
    check_cells(count, cells_max)?;
    for _ in 0..count {
        let mut cell = CellPlace { column: reader.string()?, ..CellPlace::default() };
        decode_cell(reader, &mut cell)?;
        cells.push(cell);
    }
    Ok(())
}

fn decode_sorted_columns<R: Read>(reader: &mut Reader<'_, R>, cells_max: usize, cells: &mut Vec<CellPlace>) -> Result<(), Failure> {
    let (element, count) = reader.list()?;
    if count > 0 && element != kind::STRUCT {
        return Err(Failure::Corrupt(format!("columns of type {element}")));
    }
    check_cells(count, cells_max)?;
    for _ in 0..count {
        if let Some((cell, len)) = reader.ahead().and_then(|bytes| usual_column(bytes, reader.inbox.position())) {
            reader.inbox.skip(len)?;
            cells.push(cell);
            continue;
        }
        let (mut last, mut cell) = (0, CellPlace::default());
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.kind) {
                (1, kind::STRING) => cell.column = reader.string()?,
                (2, kind::STRUCT) => decode_cell(reader, &mut cell)?,
                _ => reader.skip_field(field)?,
            }
        }
        cells.push(cell);
    }
    Ok(())
}

/// A `TColumn` as every gateway writes it in the binary protocol, read in one step: the way of nearly all cells. `at`: the
/// place of `bytes` in the inbox. Also tells its length; `None` for any other form, and where not all of it has arrived.
#[inline]
fn usual_column(bytes: &[u8], at: usize) -> Option<(CellPlace, usize)> {
    const COLUMN: &[u8] = &[kind::STRING, 0, 1];
    const CELL: &[u8] = &[kind::STRUCT, 0, 2, kind::STRING, 0, 1];
    const TIME: &[u8] = &[kind::I64, 0, 2];
    let (column, rest) = string_ahead(bytes.strip_prefix(COLUMN)?)?;
    let (value, rest) = string_ahead(rest.strip_prefix(CELL)?)?;
    let (time, rest) = rest.strip_prefix(TIME)?.split_first_chunk::<8>()?;
    let rest = rest.strip_prefix(&[kind::STOP, kind::STOP])?;
    let column_at = at + COLUMN.len() + 4;
    let value_at = column_at + column.len() + CELL.len() + 4;
    let (column, value) = (column_at..column_at + column.len(), value_at..value_at + value.len());
    Some((CellPlace { column, value, time: i64::from_be_bytes(*time) }, bytes.len() - rest.len()))
}

#[inline]
fn string_ahead(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(i32::from_be_bytes(*length)).ok()?)
}

fn check_cells(count: usize, cells_max: usize) -> Result<(), Failure> {
    if count > cells_max {
        return Err(Failure::TooLarge(format!("an answer of more than {CELLS_MAX} cells (CELLS_MAX)")));
    }
    Ok(())
}

fn decode_cell<R: Read>(reader: &mut Reader<'_, R>, cell: &mut CellPlace) -> Result<(), Failure> {
    let mut last = 0;
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (1, kind::STRING) => cell.value = reader.string()?,
            (2, kind::I64) => cell.time = reader.i64()?,
            _ => reader.skip_field(field)?,
        }
    }
    Ok(())
}
