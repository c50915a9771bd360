//! Annotations in the table: read, written, deleted, listed. Their bytes are `codec`'s.
//!
//! What is written is on disk when the call returns. A change is a compare-and-set on the cell as it was read, so that two
//! writers of one note lose nothing of each other; only with `tsd.storage.use_otsdb_timestamp`, where cells carry the time
//! of what they hold, it is a plain put, because a gateway has no compare-and-set with a time.
//! Rules: recorded scenarios `annotation`, `annotation_global`, `annotation_bulk`.

use crate::codec::{self, Layout, Note, ROW_SECONDS, SeriesKey, id_from_hex, note_place, note_time, to_hex};
use crate::point::json::{Json, JsonError};
use crate::store::{Columns, Mutation, Prefilter, RowBatch, RowMutation, Scan, Scanner, Store, StoreError, TagBytes};
use std::sync::Arc;
use std::time::Duration;

const FAMILY: &str = "t";
/// How often a change starts anew because another writer was faster.
const TRIES: usize = 8;
/// Most bytes of notes that a list holds.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// Rows of a call that deletes.
const DELETE_ROWS: usize = 500;

/// Why a note could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The note has no start.
    #[error("The start timestamp has not been set")]
    NoStart,
    /// A range without an end.
    #[error("The end timestamp has not been set")]
    NoEnd,
    /// A range that ends before it begins.
    #[error("The end timestamp cannot be less than the start timestamp")]
    Reversed,
    /// Nothing in the request is to be changed.
    #[error("No changes detected in Annotation data")]
    NoChanges,
    /// The series is no TSUID.
    #[error("{0}")]
    BadTsuid(String),
    /// The cell holds something else than a note.
    #[error("The annotation in row {row}, column {column} cannot be read: {why}")]
    Unreadable {
        /// Row key in hex.
        row: String,
        /// Column qualifier in hex.
        column: String,
        /// What is wrong with the text.
        why: String,
    },
    /// Others change the note all the time.
    #[error("Failed to save the Annotation to storage")]
    Contended,
    /// There are too many notes for one list.
    #[error("the notes of this range take more than {} MB: ask for a shorter one", LIST_BYTES_MAX >> 20)]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `Result` of calls for notes.
pub type Result<T> = std::result::Result<T, NoteError>;

/// A note as a request gives it: with the fields that it changes.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The note, with defaults where the request says nothing.
    pub note: Note,
    end: bool,
    description: bool,
    notes: bool,
    custom: bool,
}

impl Draft {
    /// Sets a field by its name in JSON. Of a field that comes several times the last counts, and every change of it.
    ///
    /// # Errors
    /// The value has another type than the field.
    pub fn set(&mut self, key: &str, value: Json) -> std::result::Result<(), JsonError> {
        let before = match key {
            "endTime" | "description" | "notes" | "custom" => self.note.clone(),
            _ => return self.note.set(key, value),
        };
        self.note.set(key, value)?;
        self.end |= before.end != self.note.end;
        self.description |= before.description != self.note.description;
        self.notes |= before.notes != self.note.notes;
        // A map that is sent counts, also the one that is there already.
        self.custom |= key == "custom" && (before.custom.is_some() || self.note.custom.is_some());
        Ok(())
    }

    /// The note over what is stored: fields that the request does not change stay, unless it replaces the note.
    fn over(&self, stored: Option<&Note>, replace: bool) -> Note {
        let mut note = self.note.clone();
        let Some(stored) = stored else { return note };
        // The same moment in seconds and in milliseconds has one cell: the smaller number stays.
        if stored.start > 0 && stored.start < note.start {
            note.start = stored.start;
        }
        if replace {
            return note;
        }
        if !self.end {
            note.end = stored.end;
        }
        if !self.description {
            note.description.clone_from(&stored.description);
        }
        if !self.notes {
            note.notes.clone_from(&stored.notes);
        }
        if !self.custom {
            note.custom.clone_from(&stored.custom);
        }
        note
    }
}

/// What notes need of the settings.
#[derive(Clone, Debug)]
pub struct AnnotationOptions {
    /// Widths of row keys.
    pub layout: Layout,
    /// The data table.
    pub table: String,
    /// `tsd.storage.use_otsdb_timestamp`.
    pub use_otsdb_timestamp: bool,
}

/// Hears of notes: publishers.
pub trait NewNote: Send + Sync {
    /// The note was stored, as it is given. Called on the thread of who stored it: note and return.
    fn stored(&self, note: &Note);
}

/// The notes of the data table.
pub struct Annotations {
    store: Arc<dyn Store>,
    options: AnnotationOptions,
    listeners: Vec<Arc<dyn NewNote>>,
}

/// What a cell of a note holds, as bytes and as a note.
type Stored = Option<(Vec<u8>, std::result::Result<Note, JsonError>)>;

impl Annotations {
    /// Over a store. `listeners` are told of every note that is stored here; of deleted ones nobody is, as in OpenTSDB.
    pub fn new(store: Arc<dyn Store>, options: AnnotationOptions, listeners: Vec<Arc<dyn NewNote>>) -> Annotations {
        Annotations { store, options, listeners }
    }

    fn tell(&self, note: &Note) {
        self.listeners.iter().for_each(|listener| listener.stored(note));
    }

    /// The note of a series (none: a global one) that begins at `start`.
    pub fn get(&self, tsuid: &str, start: i64) -> Result<Option<Note>> {
        let (row, column) = self.place(tsuid, start)?;
        match self.read(&row, &column)? {
            None => Ok(None),
            Some((_, Ok(note))) => Ok(Some(note)),
            Some((_, Err(why))) => Err(unreadable(&row, &column, &why)),
        }
    }

    /// Stores a note and gives it back as it is now. `replace`: fields that are not in the draft get their defaults; this
    /// also puts a cell right that cannot be read.
    pub fn put(&self, draft: &Draft, replace: bool) -> Result<Note> {
        let note = self.change(draft, replace)?;
        self.settle()?;
        self.tell(&note);
        Ok(note)
    }

    /// Stores notes one after the other, up to the first that cannot be stored, whose place comes with the error. Those
    /// without changes are left out of the answer.
    pub fn put_all(&self, drafts: &[Draft], replace: bool) -> std::result::Result<Vec<Note>, (usize, NoteError)> {
        let mut stored = Vec::with_capacity(drafts.len());
        let mut outcome = Ok(());
        for (place, draft) in drafts.iter().enumerate() {
            match self.change(draft, replace) {
                Ok(note) => stored.push(note),
                Err(NoteError::NoChanges) => {}
                Err(error) => {
                    outcome = Err((place, error));
                    break;
                }
            }
        }
        self.settle().map_err(|error| (0, error.into()))?;
        stored.iter().for_each(|note| self.tell(note));
        outcome.map(|()| stored)
    }

    /// Deletes a note; that there is none is no error.
    pub fn delete(&self, tsuid: &str, start: i64) -> Result<()> {
        let (row, column) = self.place(tsuid, start)?;
        self.remove(vec![deletion(row, vec![column])])?;
        Ok(self.settle()?)
    }

    /// The global notes of a range, by start. The tests are the original's, on the numbers as they stand: a note is left
    /// out if it begins before `start` or *ends* after `end`, so one in milliseconds passes the first in every hour that
    /// is read. Notes that cannot be read are left out and logged.
    pub fn globals(&self, start: i64, end: i64) -> Result<Vec<Note>> {
        check_range(start, end)?;
        let layout = &self.options.layout;
        let (first, stop) = hours(codec::note_millis(start.max(0)) / 1000, codec::note_millis(end) / 1000);
        let scan = Scan::range(codec::global_row(layout, first), codec::global_row(layout, stop));
        let (mut notes, mut bytes) = (Vec::new(), 0);
        self.each_note(scan, |row, column, value| {
            match Note::parse(value) {
                Ok(note) if note.start < start || note.end > end => {}
                Ok(note) => {
                    bytes += note.bytes();
                    notes.push(note);
                }
                Err(why) => tracing::warn!("{}", unreadable(row, column, &why)),
            }
            if bytes > LIST_BYTES_MAX { Err(NoteError::TooMany) } else { Ok(()) }
        })?;
        Ok(notes)
    }

    /// Deletes the notes of a series (`None`: the global ones) whose cells lie from `start_ms` to `end_ms`; how many.
    pub fn delete_range(&self, tsuid: Option<&str>, start_ms: i64, end_ms: i64) -> Result<u64> {
        check_range(start_ms, end_ms)?;
        let (first, stop) = hours(start_ms / 1000, end_ms / 1000);
        let layout = self.options.layout;
        let series = tsuid.map(|text| self.tsuid(text)).transpose()?;
        let scan = match &series {
            Some(tsuid) => {
                let key = SeriesKey::from_tsuid(&layout, tsuid);
                let mut scan = Scan::range(key.row(first), key.row(stop));
                scan.prefilter = prefilter(&layout, tsuid.get(usize::from(layout.metric_width)..).unwrap_or_default());
                scan
            }
            None => Scan::range(codec::global_row(&layout, first), codec::global_row(&layout, stop)),
        };
        let (mut doomed, mut count): (Vec<RowMutation>, u64) = (Vec::new(), 0);
        self.each_note(scan, |row, column, _| {
            let (time, found) = time_and_series(&layout, row, column);
            if found != series.as_deref().unwrap_or_default() || time.is_none_or(|time| !(start_ms..=end_ms).contains(&time)) {
                return Ok(());
            }
            count += 1;
            match doomed.last_mut() {
                Some(last) if last.row == row => last.mutations.push(delete_cell(column.to_vec())),
                _ => doomed.push(deletion(row.to_vec(), vec![column.to_vec()])),
            }
            if doomed.len() >= DELETE_ROWS {
                self.remove(std::mem::take(&mut doomed))?;
            }
            Ok(())
        })?;
        self.remove(doomed)?;
        self.settle()?;
        Ok(count)
    }

    /// Checks the text of a TSUID; empty is refused.
    pub fn check_tsuid(&self, text: &str) -> Result<()> {
        if text.is_empty() { Err(NoteError::BadTsuid("UID was empty".into())) } else { self.tsuid(text).map(drop) }
    }

    /// Stores a whole note where none stands, or one that is `ours`. `false`: somebody else's stands there, and stays.
    pub fn put_own(&self, note: &Note, ours: impl Fn(&Note) -> bool) -> Result<bool> {
        if note.start < 1 {
            return Err(NoteError::NoStart);
        }
        let (row, column) = self.place(&note.tsuid, note.start)?;
        for _ in 0..TRIES {
            let stored = self.read(&row, &column)?;
            let expected = match &stored {
                Some((_, Ok(there))) if there == note => return Ok(true),
                Some((bytes, Ok(there))) if ours(there) => Some(bytes.as_slice()),
                Some(_) => return Ok(false),
                None => None,
            };
            if self.swap(&row, &column, expected, note)? {
                self.settle()?;
                self.tell(note);
                return Ok(true);
            }
        }
        Err(NoteError::Contended)
    }

    fn change(&self, draft: &Draft, replace: bool) -> Result<Note> {
        if draft.note.start < 1 {
            return Err(NoteError::NoStart);
        }
        if !(draft.end || draft.description || draft.notes || draft.custom) {
            return Err(NoteError::NoChanges);
        }
        let (row, column) = self.place(&draft.note.tsuid, draft.note.start)?;
        for _ in 0..TRIES {
            let stored = self.read(&row, &column)?;
            let known = match &stored {
                Some((_, Err(why))) if !replace => return Err(unreadable(&row, &column, why)),
                Some((_, note)) => note.as_ref().ok(),
                None => None,
            };
            let note = draft.over(known, replace);
            let expected = stored.as_ref().map(|(bytes, _)| bytes.as_slice());
            if self.swap(&row, &column, expected, &note)? {
                return Ok(note);
            }
        }
        Err(NoteError::Contended)
    }

    fn swap(&self, row: &[u8], column: &[u8], expected: Option<&[u8]>, note: &Note) -> Result<bool> {
        let value = note.to_cell();
        if !self.options.use_otsdb_timestamp {
            return Ok(self.store.check_and_put(&self.options.table, row, FAMILY, column, expected, &value)?);
        }
        let put = Mutation::Put { family: FAMILY, qualifier: column.to_vec(), value };
        let row = RowMutation { row: row.to_vec(), mutations: vec![put], time: Some(note.start_ms()) };
        self.store.write(&self.options.table, &[row])?;
        Ok(true)
    }

    fn read(&self, row: &[u8], column: &[u8]) -> Result<Stored> {
        let mut batch = RowBatch::default();
        let columns = Columns::Only(vec![(FAMILY, column.to_vec())]);
        self.store.get(&self.options.table, &[row.to_vec()], &columns, &mut batch)?;
        let cell = batch.rows().flat_map(|row| row.cells()).find(|cell| cell.qualifier == column);
        Ok(cell.map(|cell| (cell.value.to_vec(), Note::parse(cell.value))))
    }

    fn remove(&self, rows: Vec<RowMutation>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.store.write(&self.options.table, &rows)?;
        if !self.store.is_private() {
            // The store orders by the millisecond: a note put there in the same one would go too.
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// What was written is on disk when this returns.
    fn settle(&self) -> std::result::Result<(), StoreError> {
        self.store.sync()
    }

    /// Calls `take` for each cell of a scan that is a note's, with row key, qualifier and value.
    fn each_note(&self, mut scan: Scan, mut take: impl FnMut(&[u8], &[u8], &[u8]) -> Result<()>) -> Result<()> {
        scan.columns = Columns::Family(FAMILY);
        let mut scanner: Box<dyn Scanner> = self.store.scan(&self.options.table, scan)?;
        let mut batch = RowBatch::default();
        while scanner.next(&mut batch)? {
            for row in batch.rows() {
                for cell in row.cells().filter(|cell| note_time(cell.qualifier, 0).is_some()) {
                    take(row.key(), cell.qualifier, cell.value)?;
                }
            }
        }
        Ok(())
    }

    fn place(&self, tsuid: &str, start: i64) -> Result<(Vec<u8>, Vec<u8>)> {
        if start < 1 {
            return Err(NoteError::NoStart);
        }
        let tsuid = if tsuid.is_empty() { Vec::new() } else { self.tsuid(tsuid)? };
        let (row, column) = note_place(&self.options.layout, &tsuid, start);
        Ok((row, column.as_bytes().to_vec()))
    }

    /// A TSUID's bytes. Whether the series exists is not asked, and its tags may be broken (surprise `post_short_tsuid`).
    fn tsuid(&self, text: &str) -> Result<Vec<u8>> {
        let bytes = id_from_hex(text).map_err(NoteError::BadTsuid)?;
        let width = usize::from(self.options.layout.metric_width);
        if bytes.len() < width {
            return Err(NoteError::BadTsuid(format!("The TSUID '{text}' is too short: a metric's UID has {width} bytes")));
        }
        Ok(bytes)
    }
}

/// Whether a TSUID is spelt in hexadecimal digits.
pub fn check_hex(tsuid: &str) -> Result<()> {
    id_from_hex(tsuid).map(drop).map_err(NoteError::BadTsuid)
}

/// Whether there is a range from the start to the end.
pub fn check_range(start: i64, end: i64) -> Result<()> {
    if end < 1 {
        return Err(NoteError::NoEnd);
    }
    if end < start { Err(NoteError::Reversed) } else { Ok(()) }
}

/// Base times of the first row of a range in seconds and of the row behind its last. Beyond 2106 there are no rows.
fn hours(start: i64, end: i64) -> (u32, u32) {
    let base = |time: i64| u32::try_from(time.max(0)).map_or(u32::MAX, |time| time - time % ROW_SECONDS);
    (base(start), base(end).saturating_add(ROW_SECONDS))
}

/// When the cell's note begins, and its series (empty: global).
fn time_and_series(layout: &Layout, row: &[u8], column: &[u8]) -> (Option<i64>, Vec<u8>) {
    let base = row.get(layout.time_at()..).and_then(|rest| rest.first_chunk::<4>()).map(|base| u32::from_be_bytes(*base));
    let metric = row.get(usize::from(layout.salt_width)..layout.time_at()).unwrap_or_default();
    let tags = row.get(layout.tags_at()..).unwrap_or_default();
    let is_global = tags.is_empty() && metric.iter().all(|b| *b == 0);
    let series = if is_global { Vec::new() } else { [metric, tags].concat() };
    (base.and_then(|base| note_time(column, base)), series)
}

/// Rows with these tags; `None` if they are no whole pairs, or not in the order in which a prefilter looks for them.
fn prefilter(layout: &Layout, tags: &[u8]) -> Option<Prefilter> {
    let (tagk_width, tagv_width) = (usize::from(layout.tagk_width), usize::from(layout.tagv_width));
    let pairs = tags.chunks_exact(layout.pair_width().max(1));
    if tags.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    let tags: Vec<TagBytes> = pairs
        .map(|pair| pair.split_at_checked(tagk_width).unwrap_or_default())
        .map(|(key, value)| TagBytes { key: key.to_vec(), values: vec![value.to_vec()] })
        .collect();
    let in_order = tags.is_sorted_by(|a, b| a.key < b.key);
    in_order.then_some(Prefilter { skip: layout.tags_at(), tagk_width, tagv_width, tags })
}

fn delete_cell(qualifier: Vec<u8>) -> Mutation {
    Mutation::Delete { family: FAMILY, qualifier }
}

fn deletion(row: Vec<u8>, columns: Vec<Vec<u8>>) -> RowMutation {
    RowMutation { row, mutations: columns.into_iter().map(delete_cell).collect(), time: None }
}

fn unreadable(row: &[u8], column: &[u8], why: &JsonError) -> NoteError {
    NoteError::Unreadable { row: to_hex(row), column: to_hex(column), why: why.to_string() }
}
