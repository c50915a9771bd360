//! `uid fsck`: whether names and ids agree both ways, and putting right what does not.
//!
//! Rules, counts and repairs are those of OpenTSDB's tool (recorded in `cli/uid_fsck`). A name without its id's name is an
//! error; an id without its name's id is not: it is what the loser of a race for a name leaves. Before anything is
//! removed it is read again, as a TSD that gives out an id writes the id's name first.

use super::admin::{delete, put};
use super::{ID_FAMILY, MAX_ID_ROW, NAME_FAMILY, UidError, UidKind, Uids, from_latin_1};
use crate::store::{RowBatch, Scan};
use std::collections::{BTreeMap, BTreeSet};

/// Columns beside names and ids: meta data of ids and series.
const META: [&str; 5] = ["ts_meta", "ts_ctr", "metric_meta", "tagk_meta", "tagv_meta"];
/// Rows of a batch.
const BATCH_ROWS: usize = 1_024;

/// Takes a level (`INFO`, `WARN`, `ERROR`) and a line.
pub type Tell<'f> = dyn FnMut(&str, &str) + 'f;

/// What is to be done about what is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Put it right.
    pub fix: bool,
    /// With the above: remove columns that nobody knows.
    pub delete_unknown: bool,
}

/// Everything of one kind.
#[derive(Default)]
struct Names {
    errors: u64,
    max_id: u64,
    max_found: u64,
    width: usize,
    names: BTreeMap<Vec<u8>, Vec<u8>>,
    ids: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// One kind while it is checked.
struct Check<'a, 'f> {
    uids: &'a Uids,
    kind: UidKind,
    fix: bool,
    of: Names,
    tell: &'a mut Tell<'f>,
}

impl Uids {
    /// Checks the whole table; the number of errors found.
    pub fn check(&self, options: CheckOptions, tell: &mut Tell<'_>) -> Result<u64, UidError> {
        let (cells, mut kinds) = self.read_all(options, tell)?;
        let mut errors = 0;
        for kind in UidKind::ALL {
            let Some(of) = kinds.remove(kind.qualifier()) else { continue };
            let mut check = Check { uids: self, kind, fix: options.fix, of, tell };
            check.names()?;
            check.ids()?;
            check.counter()?;
            let found = check.of.errors;
            if found > 0 {
                tell("ERROR", &format!("{}: Found {found} errors.", kind.qualifier()));
            }
            errors += found;
        }
        tell("INFO", &format!("{cells} KVs analyzed"));
        if errors == 0 {
            tell("INFO", "No errors found.");
        } else {
            tell("WARN", &format!("{errors} errors found."));
        }
        Ok(errors)
    }

    /// Reads the table into maps, by kind.
    fn read_all(&self, options: CheckOptions, tell: &mut Tell<'_>) -> Result<(u64, BTreeMap<&'static str, Names>), UidError> {
        let mut kinds: BTreeMap<&'static str, Names> = BTreeMap::new();
        let mut cells = 0;
        let mut scanner = self.store.scan(&self.table, Scan { batch_rows: BATCH_ROWS, ..Scan::range(Vec::new(), Vec::new()) })?;
        let mut batch = RowBatch::default();
        while scanner.next(&mut batch)? {
            for row in batch.rows() {
                for cell in row.cells() {
                    cells += 1;
                    let kind = UidKind::ALL.into_iter().find(|kind| kind.qualifier().as_bytes() == cell.qualifier);
                    let Some(kind) = kind else {
                        self.unknown(row.key(), cell.family, cell.qualifier, options, tell)?;
                        continue;
                    };
                    let of = kinds.entry(kind.qualifier()).or_default();
                    of.cell(kind, row.key(), cell.family, cell.value, tell);
                }
            }
        }
        Ok((cells, kinds))
    }

    fn unknown(&self, row: &[u8], family: &[u8], qualifier: &[u8], options: CheckOptions, tell: &mut Tell<'_>) -> Result<(), UidError> {
        if META.iter().any(|known| known.as_bytes() == qualifier) {
            return Ok(());
        }
        let text = format!("qualifier {} in row {}", hex(qualifier), hex(row));
        tell("WARN", &format!("Unknown {text}"));
        let family = [ID_FAMILY, NAME_FAMILY].into_iter().find(|known| known.as_bytes() == family);
        if let (true, true, Some(family)) = (options.fix, options.delete_unknown, family) {
            self.write(&delete(row, family, &[qualifier]))?;
            tell("INFO", &format!("FIX: Removed unknown {text}"));
        }
        Ok(())
    }
}

impl Names {
    fn error(&mut self, text: &str, tell: &mut Tell<'_>) {
        tell("ERROR", text);
        self.errors += 1;
    }

    fn cell(&mut self, kind: UidKind, row: &[u8], family: &[u8], value: &[u8], tell: &mut Tell<'_>) {
        let kind = kind.qualifier();
        if row == MAX_ID_ROW {
            match value.try_into() {
                Ok(eight) => {
                    self.max_id = u64::from_be_bytes(eight);
                    tell("INFO", &format!("Maximum ID for {kind}: {}", self.max_id));
                }
                Err(_) => self.error(&format!("Invalid maximum ID for {kind}: should be on 8 bytes: {}", hex(value)), tell),
            }
            return;
        }
        let width = if family == ID_FAMILY.as_bytes() {
            self.max_found = self.max_found.max(number(value));
            self.names.insert(row.to_vec(), value.to_vec());
            value.len()
        } else {
            self.ids.insert(row.to_vec(), value.to_vec());
            row.len()
        };
        if self.width == 0 {
            self.width = width;
        } else if self.width != width {
            self.error(&format!("Invalid {kind} ID of length {width} (expected: {}) in row {}", self.width, hex(row)), tell);
        }
    }
}

impl Check<'_, '_> {
    fn error(&mut self, text: String) {
        self.of.error(&text, self.tell);
    }

    /// Names without the way back, or with another: harmful.
    fn names(&mut self) -> Result<(), UidError> {
        let kind = self.kind.qualifier();
        let mut shared: Option<BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>> = None;
        for (name, id) in self.of.names.clone() {
            let (shown, shown_id) = (from_latin_1(&name), hex(&id));
            let Some(found) = self.of.ids.get(&id).cloned() else {
                self.error(format!("Forward {kind} mapping is missing reverse mapping: {shown} -> {shown_id}"));
                self.restore(&name, &id)?;
                continue;
            };
            if found == name {
                continue;
            }
            let back = from_latin_1(&found);
            self.error(format!("Forward {kind} mapping {shown} -> {shown_id} is different than reverse mapping: {shown_id} -> {back}"));
            let Some(other) = self.of.names.get(&found).map(|id| hex(id)) else {
                self.error(format!("Duplicate forward {kind} mapping {shown} -> {shown_id} and {shown_id} -> {back}"));
                self.restore(&name, &id)?;
                continue;
            };
            self.error(format!("Inconsistent forward {kind} mapping {shown} -> {shown_id} vs {shown} -> {back} / {back} -> {other}"));
            if self.fix {
                // Either the way back is wrong, or several names have this id.
                let shared = shared.get_or_insert_with(|| by_id(&self.of.names));
                if shared.get(&id).is_none_or(|names| names.len() <= 1) {
                    self.restore(&name, &id)?;
                }
            }
        }
        for (id, names) in shared.unwrap_or_default() {
            if names.len() > 1 {
                self.part(&id, &names)?;
            }
        }
        Ok(())
    }

    /// The points of an id with several names are a mixture of all of them. It keeps them under a name made of all, and
    /// the names can have new ids.
    fn part(&mut self, id: &[u8], names: &BTreeSet<Vec<u8>>) -> Result<(), UidError> {
        let kind = self.kind.qualifier();
        let mut joined = b"fsck".to_vec();
        for name in names {
            joined.push(b'.');
            joined.extend_from_slice(name);
            self.uids.write(&delete(name, ID_FAMILY, &[kind.as_bytes()]))?;
            self.of.names.remove(name);
            (self.tell)("INFO", &format!("FIX: Removed forward {kind} mapping for {} -> {}", from_latin_1(name), hex(id)));
        }
        self.uids.write(&put(&joined, ID_FAMILY, kind, id))?;
        self.of.names.insert(joined.clone(), id.to_vec());
        self.restore(&joined, id)?;
        (self.tell)("ERROR", &format!("UID COLLISION DETECTED: corrupted UID [{}] renamed to [{}]", hex(id), from_latin_1(&joined)));
        Ok(())
    }

    /// Ids whose name leads nowhere, or to another id: harmless.
    fn ids(&mut self) -> Result<(), UidError> {
        let kind = self.kind.qualifier();
        for (id, name) in self.of.ids.clone() {
            let (shown, shown_id) = (from_latin_1(&name), hex(&id));
            match self.of.names.get(&name).cloned() {
                Some(found) if found == id => continue,
                None => (self.tell)("WARN", &format!("Reverse {kind} mapping is missing forward mapping: {shown} -> {shown_id}")),
                Some(found) => {
                    let other = self.of.ids.get(&found).map(|name| from_latin_1(name));
                    let word = if other.is_some() { "Inconsistent" } else { "Duplicate" };
                    let (found, other) = (hex(&found), other.unwrap_or_else(|| "nothing".into()));
                    self.error(format!("{word} reverse {kind} mapping {shown_id} -> {shown} vs {found} -> {shown} / {found} -> {other}"));
                }
            }
            if self.fix && self.is_stray(&id, &name)? {
                self.uids.write(&delete(&id, NAME_FAMILY, &[kind.as_bytes(), self.kind.meta_qualifier().as_bytes()]))?;
                (self.tell)("INFO", &format!("FIX: Removed {kind} reverse mapping: {shown_id} -> {shown}"));
            }
        }
        Ok(())
    }

    /// Whether the name still leads elsewhere than to the id.
    fn is_stray(&self, id: &[u8], name: &[u8]) -> Result<bool, UidError> {
        if name.is_empty() {
            return Ok(true);
        }
        Ok(self.uids.read(name, ID_FAMILY, self.kind.qualifier())?.as_deref() != Some(id))
    }

    fn restore(&mut self, name: &[u8], id: &[u8]) -> Result<(), UidError> {
        if !self.fix || id.is_empty() {
            return Ok(());
        }
        let kind = self.kind.qualifier();
        self.uids.write(&put(id, NAME_FAMILY, kind, name))?;
        self.of.ids.insert(id.to_vec(), name.to_vec());
        (self.tell)("INFO", &format!("FIX: Restoring {kind} reverse mapping: {} -> {}", hex(id), from_latin_1(name)));
        Ok(())
    }

    /// The highest id given out.
    fn counter(&mut self) -> Result<(), UidError> {
        let kind = self.kind.qualifier();
        let entries = self.of.ids.len().max(self.of.names.len()) as u64;
        let (max_id, found) = (self.of.max_id, self.of.max_found);
        if max_id > entries {
            let gone = max_id - entries;
            let text = format!("Max ID for {kind} is {max_id} but only {entries} entries were found.  Maybe {gone} IDs were deleted?");
            (self.tell)("WARN", &text);
        } else if max_id < found {
            self.error(format!(
                "We found an ID of {found} for {kind} but the max ID is only {max_id}!  Future IDs may be double-assigned!"
            ));
            let by = i64::try_from(found - max_id).unwrap_or(0);
            if self.fix && by > 0 {
                // Another increment meanwhile wastes a few ids, which is better than giving one out twice.
                self.uids.store.increment(&self.uids.table, &MAX_ID_ROW, ID_FAMILY, kind.as_bytes(), by)?;
                (self.tell)("INFO", &format!("FIX: Updated max ID for {kind} to {found}"));
            }
        }
        Ok(())
    }
}

fn by_id(names: &BTreeMap<Vec<u8>, Vec<u8>>) -> BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> {
    let mut out: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (name, id) in names {
        out.entry(id.clone()).or_default().insert(name.clone());
    }
    out
}

fn number(id: &[u8]) -> u64 {
    id.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}
