//! Changes of cells: encoded, put in order, decided against what is stored.
//!
//! One version of a cell is kept, the one with the highest time; at equal times the later write. A write or delete
//! without a time gets the engine's clock, which only rises, so it wins without a look at what is there; one with a time
//! of the caller's has to look. A delete leaves no mark behind: a put with an older time that comes after it is seen
//! (HBase hides it until its next major compaction).

use super::cell::{self, CellCoder};
use super::key;
use super::table::Table;
use crate::store::{Mutation, Result, RowMutation};

/// A change of one cell.
pub struct Change {
    /// Key in the tree.
    pub key: Vec<u8>,
    /// What the tree keeps; `None`: delete.
    pub kept: Option<Vec<u8>>,
    /// Time of the change.
    pub time: i64,
    /// The time may be below that of the stored cell.
    pub looks: bool,
}

/// Encodes the changes of all rows. `now` is the engine's clock.
pub fn encode(table: &Table, rows: &[RowMutation], now: i64) -> Result<Vec<Change>> {
    let mut coder = CellCoder::default();
    let mut changes = Vec::with_capacity(rows.iter().map(|r| r.mutations.len()).sum());
    for row in rows {
        let prefix = Table::row_key(&row.row);
        let (time, looks) = row.time.map_or((now, false), |t| (t, true));
        for mutation in &row.mutations {
            let (Mutation::Put { family, qualifier, .. } | Mutation::Delete { family, qualifier }) = mutation;
            let mut at = Vec::with_capacity(prefix.len() + 16);
            at.extend_from_slice(&prefix);
            let packed = coder.push_column(table.family(family)?, qualifier, &mut at);
            key::check_size(&row.row, &at)?;
            let kept = match mutation {
                Mutation::Put { value, .. } => {
                    let mut kept = Vec::with_capacity(16 + value.len());
                    coder.push_value(packed, time, value, &mut kept);
                    Some(kept)
                }
                Mutation::Delete { .. } => None,
            };
            changes.push(Change { key: at, kept, time, looks });
        }
    }
    Ok(changes)
}

/// Sorts by key and leaves one change a cell: the one that wins, by time and then by order of arrival, also against the
/// stored cell, whose time `stored` reads.
pub fn settle(mut changes: Vec<Change>, mut stored: impl FnMut(&[u8]) -> Result<Option<i64>>) -> Result<Vec<Change>> {
    if !changes.is_sorted_by(|a, b| a.key < b.key) {
        changes.sort_by(|a, b| a.key.cmp(&b.key)); // stable: changes of one cell stay in order of arrival
    }
    let mut out: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let before = out.last().filter(|last| last.key == change.key);
        let wins = match before {
            // A delete that came before stands for whatever it removed: nothing older is left to compare with.
            Some(before) => !change.looks || before.kept.is_none() || before.time <= change.time,
            None => !change.looks || stored(&change.key)?.is_none_or(|time| time <= change.time),
        };
        if !wins {
            continue;
        }
        if before.is_some() {
            out.pop();
        }
        out.push(change);
    }
    Ok(out)
}

/// The time of a stored cell.
pub fn stored_time(table: &Table, at: &[u8]) -> fjall::Result<Option<i64>> {
    Ok(table.tree.get(at)?.and_then(|kept| cell::time_of(&kept)))
}
