//! Many names at once: suggestions, filling the cache at the start, and going through all of a kind.

use super::{ID_FAMILY, MAX_ID_ROW, NAME_FAMILY, Uid, UidError, UidKind, Uids, from_latin_1, to_latin_1};
use crate::store::{Columns, RowBatch, Scan, after_prefix};
use std::ops::ControlFlow;

/// Where a scan for every name begins and stops: the first and last printable character of ASCII, as OpenTSDB has it, so
/// names that begin with another letter are only found by typing it.
const FIRST_NAME: [u8; 1] = [b'!'];
const LAST_NAME: [u8; 1] = [b'~'];
/// Takes a name, its kind's qualifier and its id, as stored; tells whether to go on.
pub type EachId<'f> = dyn FnMut(&[u8], &[u8], &[u8]) -> ControlFlow<()> + 'f;

/// Rows of one batch at most.
const BATCH_ROWS: usize = 1_024;

impl Uids {
    /// Names that start with `prefix` in order, at most `max`, as `/api/suggest` lists them. They enter the cache.
    pub fn suggest(&self, kind: UidKind, prefix: &str, max: usize) -> Result<Vec<String>, UidError> {
        if max == 0 {
            return Err(UidError::Refused("Count must be greater than 0".into()));
        }
        let names = self.names(kind);
        let (start, stop) = if prefix.is_empty() {
            (FIRST_NAME.to_vec(), LAST_NAME.to_vec())
        } else {
            let start = to_latin_1(prefix);
            let stop = after_prefix(&start);
            (start, stop)
        };
        let mut found = Vec::new();
        self.scan_ids(start, stop, Some(kind), max.min(BATCH_ROWS), &mut |row, _, id| {
            if row == MAX_ID_ROW {
                return ControlFlow::Continue(());
            }
            let name = from_latin_1(row);
            if let Some(id) = Uid::new(id).filter(|_| id.len() == usize::from(names.width) && names.id(&name).is_none()) {
                names.remember(&name, id);
            }
            found.push(name);
            if found.len() >= max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// Fills the caches with up to `max_entries` names of all kinds (`tsd.core.preload_uid_cache`); tells how many.
    pub fn preload(&self, max_entries: usize) -> Result<usize, UidError> {
        let mut count = 0;
        if max_entries == 0 {
            return Ok(count);
        }
        self.scan_ids(FIRST_NAME.to_vec(), LAST_NAME.to_vec(), None, BATCH_ROWS, &mut |row, qualifier, id| {
            let names = UidKind::ALL.map(|kind| self.names(kind)).into_iter().find(|n| n.qualifier.as_bytes() == qualifier);
            if let (Some(names), Some(uid)) = (names, Uid::new(id))
                && id.len() == usize::from(names.width)
            {
                names.remember(&from_latin_1(row), uid);
                count += 1;
            }
            if count >= max_entries { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(count)
    }

    /// Goes through every cell of the family of ids in order of name, of one kind or of all: name, kind's qualifier and id
    /// as stored. The row of the counters comes too, as a name of one zero byte (`uid grep` lists it).
    pub fn each_id(&self, kind: Option<UidKind>, each: &mut EachId<'_>) -> Result<(), UidError> {
        self.scan_ids(Vec::new(), Vec::new(), kind, BATCH_ROWS, each)
    }

    /// The names of the ids from one number to another, both included, as far as they are written.
    pub fn each_name_between(&self, kind: UidKind, ids: (u64, u64), each: &mut dyn FnMut(Uid, String)) -> Result<(), UidError> {
        let names = self.names(kind);
        let (Some(first), Some(last)) = (Uid::from_number(ids.0, names.width), Uid::from_number(ids.1, names.width)) else { return Ok(()) };
        if ids.0 > ids.1 {
            return Ok(());
        }
        let columns = Columns::Only(vec![(NAME_FAMILY, names.qualifier.as_bytes().to_vec())]);
        let scan = Scan { columns, batch_rows: BATCH_ROWS, ..Scan::range(first.as_bytes(), [last.as_bytes(), &[0]].concat()) };
        let mut scanner = self.store.scan(&self.table, scan)?;
        let mut batch = RowBatch::default();
        while scanner.next(&mut batch)? {
            for row in batch.rows() {
                let id = Uid::new(row.key()).filter(|id| id.as_bytes().len() == usize::from(names.width));
                if let (Some(id), Some(name)) = (id, row.value(NAME_FAMILY, names.qualifier.as_bytes())) {
                    each(id, from_latin_1(name));
                }
            }
        }
        Ok(())
    }

    fn scan_ids(
        &self,
        start: Vec<u8>,
        stop: Vec<u8>,
        kind: Option<UidKind>,
        batch_rows: usize,
        each: &mut EachId<'_>,
    ) -> Result<(), UidError> {
        let columns = match kind {
            Some(kind) => Columns::Only(vec![(ID_FAMILY, self.names(kind).qualifier.as_bytes().to_vec())]),
            None => Columns::Family(ID_FAMILY),
        };
        let mut scanner = self.store.scan(&self.table, Scan { columns, batch_rows, ..Scan::range(start, stop) })?;
        let mut batch = RowBatch::default();
        while scanner.next(&mut batch)? {
            for row in batch.rows() {
                for cell in row.cells().filter(|c| c.family == ID_FAMILY.as_bytes()) {
                    if each(row.key(), cell.qualifier, cell.value).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}
