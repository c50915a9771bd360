//! The table of trees: definitions, rules, branches read and changed. Building new branches is `building.rs`.
//!
//! Cells that several TSDs may change are written by check-and-put against the bytes that were read, and read again where
//! that fails.

use super::branch::{Branch, Leaf};
use super::definition::{Definition, Edit, Tree};
use super::rows::{self, FAMILY, Failed};
use super::rule::{Rule, Rules};
use super::{TreeError, TreeId};
use crate::codec::{id_from_hex, to_hex};
use crate::point::json::{self, Json, JsonError};
use crate::store::{Columns, Mutation, RowBatch, RowMutation, RowView, Scan, Store};
use crate::uid::from_latin_1;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// How often a cell that others change is read and written again.
const ATTEMPTS: usize = 16;
/// Rows of one batch where children are looked for among all that is below them.
const CHILDREN_BATCH: usize = 64;

/// The trees of a table. Cheap to copy.
#[derive(Clone)]
pub struct Trees {
    pub(super) store: Arc<dyn Store>,
    pub(super) table: String,
}

impl Trees {
    /// Over a table (`tsd.storage.hbase.tree_table`). Reads nothing yet.
    pub fn new(store: Arc<dyn Store>, table: impl Into<String>) -> Trees {
        Trees { store, table: table.into() }
    }

    /// Name of the table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// A tree with its rules. A row that has anything in it counts as a tree, if nameless.
    pub fn tree(&self, id: TreeId) -> Result<Option<Tree>, TreeError> {
        let mut batch = RowBatch::default();
        self.store.get(&self.table, &[id.bytes().to_vec()], &Columns::Family(FAMILY), &mut batch)?;
        let Some(row) = batch.row(0) else { return Ok(None) };
        let tree = read_tree(id, row)?;
        Ok(Some(tree.unwrap_or_else(|rules| Tree { id, definition: Definition::default(), rules })))
    }

    /// All trees that have a definition, by their ids. One short scan a tree: what was built of it is jumped over.
    pub fn all(&self) -> Result<Vec<Tree>, TreeError> {
        let mut trees = Vec::new();
        let mut start = vec![0; rows::TREE_WIDTH];
        while !start.is_empty() {
            let scan = Scan { columns: Columns::Family(FAMILY), batch_rows: 1, ..Scan::range(start, []) };
            let mut batch = RowBatch::default();
            self.store.scan(&self.table, scan)?.next(&mut batch)?;
            let Some(row) = batch.row(0) else { break };
            let Some(number) = row.key().first_chunk::<{ rows::TREE_WIDTH }>() else { break };
            if let Some(id) = TreeId::new(u16::from_be_bytes(*number).into()).filter(|id| row.key() == id.bytes()) {
                trees.extend(read_tree(id, row)?.ok());
            }
            start = prefix_end(number);
        }
        Ok(trees)
    }

    /// Makes a tree under the id after the highest there is; ids of deleted trees below it stay unused.
    pub fn create(&self, edit: &Edit) -> Result<Tree, TreeError> {
        let definition = edit.new_tree()?;
        for _ in 0..ATTEMPTS {
            let highest = self.all()?.last().map_or(0, |tree| i64::from(tree.id.get()));
            let id = TreeId::new(highest + 1).ok_or_else(|| TreeError::Invalid("Exhausted all Tree IDs".to_owned()))?;
            if self.put_if(&id.bytes(), rows::TREE, None, &definition.to_json())? {
                let rules = self.tree(id)?.map(|tree| tree.rules).unwrap_or_default();
                return Ok(Tree { id, definition, rules });
            }
        }
        Err(TreeError::Busy("the list of trees".to_owned()))
    }

    /// Changes a tree's definition; `overwrite`: what the edit does not say becomes empty. Gives the tree as it is then.
    pub fn change(&self, id: TreeId, edit: &Edit, overwrite: bool) -> Result<Tree, TreeError> {
        edit.or_unchanged()?;
        for _ in 0..ATTEMPTS {
            let stored = self.cell(&id.bytes(), rows::TREE)?;
            let old = stored.as_deref().map(|bytes| definition(&id.bytes(), bytes)).transpose()?.unwrap_or_default();
            if self.put_if(&id.bytes(), rows::TREE, stored.as_deref(), &old.edited(edit, overwrite).to_json())? {
                return self.tree(id)?.ok_or_else(|| TreeError::Busy(format!("tree {id}")));
            }
        }
        Err(TreeError::Busy(format!("tree {id}")))
    }

    /// Makes or changes a rule (`overwrite`: what the edit does not say becomes empty). Gives the rule as it is then.
    pub fn change_rule(&self, id: TreeId, edit: &Rule, overwrite: bool) -> Result<Rule, TreeError> {
        if edit.place.order < 0 {
            return Err(TreeError::Invalid("Invalid rule order".to_owned()));
        }
        let column = rows::rule_column(edit.place.level, edit.place.order);
        for _ in 0..ATTEMPTS {
            let stored = self.cell(&id.bytes(), &column)?;
            let old = stored.as_deref().map(|bytes| rule(&id.bytes(), &column, bytes)).transpose()?;
            let new = Rule::edited(old.as_ref(), edit, overwrite)?;
            if self.put_if(&id.bytes(), &column, stored.as_deref(), &new.to_json())? {
                return Ok(new);
            }
        }
        Err(TreeError::Busy(format!("rule {edit}")))
    }

    /// Deletes a rule.
    pub fn delete_rule(&self, id: TreeId, level: i32, order: i32) -> Result<(), TreeError> {
        self.delete(&id.bytes(), vec![rows::rule_column(level, order)])
    }

    /// Deletes all rules of a tree; gives how many there were.
    pub fn delete_rules(&self, id: TreeId) -> Result<usize, TreeError> {
        let mut batch = RowBatch::default();
        self.store.get(&self.table, &[id.bytes().to_vec()], &Columns::Family(FAMILY), &mut batch)?;
        let cells = batch.row(0).into_iter().flat_map(|row| row.cells());
        let columns: Vec<Vec<u8>> = cells.map(|c| c.qualifier).filter(|q| q.starts_with(rows::RULE)).map(<[u8]>::to_vec).collect();
        let count = columns.len();
        self.delete(&id.bytes(), columns)?;
        Ok(count)
    }

    /// Deletes what was built of a tree (branches, leaves, collisions, series not matched); `definition`: the rest as well.
    /// May be stopped and run again: the row of the tree itself comes last. `progress` is told the rows deleted from so far,
    /// and may stop it.
    pub fn purge(&self, id: TreeId, definition: bool, progress: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<u64, TreeError> {
        let below = Scan::range([&id.bytes()[..], &[0]].concat(), prefix_end(&id.bytes()));
        let mut scanner = self.store.scan(&self.table, Scan { columns: Columns::Family(FAMILY), ..below })?;
        let (mut batch, mut done) = (RowBatch::default(), 0);
        while scanner.next(&mut batch)? {
            done += self.purge_rows(&batch, definition)?;
            if progress(done).is_break() {
                return Ok(done);
            }
        }
        self.store.get(&self.table, &[id.bytes().to_vec()], &Columns::Family(FAMILY), &mut batch)?;
        Ok(done + self.purge_rows(&batch, definition)?)
    }

    fn purge_rows(&self, batch: &RowBatch, definition: bool) -> Result<u64, TreeError> {
        let doomed: Vec<RowMutation> = batch.rows().filter_map(|row| purged(row, definition)).collect();
        self.store.write(&self.table, &doomed)?;
        Ok(doomed.len() as u64)
    }

    /// A branch with its leaves and the branches right below it, by its row; names of leaves are not looked up.
    pub fn branch(&self, id: &[u8]) -> Result<Option<Branch>, TreeError> {
        let mut batch = RowBatch::default();
        self.store.get(&self.table, &[id.to_vec()], &Columns::Family(FAMILY), &mut batch)?;
        let Some(row) = batch.row(0) else { return Ok(None) };
        let Some(mut branch) = branch_of(row)? else { return Ok(None) };
        for cell in row.cells().filter(|cell| cell.qualifier.starts_with(rows::LEAF)) {
            let leaf = parsed(row.key(), cell.qualifier, cell.value, Leaf::from_json)?;
            if leaf.tsuid.is_empty() {
                tracing::warn!(row = to_hex(row.key()), "a leaf without a TSUID is left out");
                continue;
            }
            branch.add_leaf(leaf);
        }
        for (start, stop) in below(id) {
            self.each_child(&start, &stop, id.len() + rows::LEVEL_WIDTH, &mut |row| {
                branch_of(row)?.into_iter().for_each(|child| branch.add_branch(child));
                Ok(())
            })?;
        }
        Ok(Some(branch))
    }

    /// Series without a leaf and why: all of a tree, or those asked for. Both in hex; why as it was recorded.
    pub fn failed(&self, kind: Failed, id: TreeId, tsuids: &[Vec<u8>]) -> Result<BTreeMap<String, String>, TreeError> {
        let column = |tsuid: &Vec<u8>| (FAMILY, [kind.prefix(), tsuid].concat());
        let columns = if tsuids.is_empty() { Columns::Family(FAMILY) } else { Columns::Only(tsuids.iter().map(column).collect()) };
        let mut batch = RowBatch::default();
        self.store.get(&self.table, &[kind.row(id)], &columns, &mut batch)?;
        let cells = batch.row(0).into_iter().flat_map(|row| row.cells());
        let found = cells.filter_map(|cell| Some((to_hex(cell.qualifier.strip_prefix(kind.prefix())?), from_latin_1(cell.value))));
        Ok(found.collect())
    }

    /// Visits rows whose key has `length` bytes. Longer ones, which can be many more, are jumped over: once a batch ends in
    /// the midst of them, the scan goes on behind them.
    fn each_child(
        &self,
        start: &[u8],
        stop: &[u8],
        length: usize,
        visit: &mut dyn FnMut(RowView<'_>) -> Result<(), TreeError>,
    ) -> Result<(), TreeError> {
        let mut start = start.to_vec();
        let mut batch = RowBatch::default();
        while stop.is_empty() || start.as_slice() < stop {
            let scan = Scan { columns: Columns::Family(FAMILY), batch_rows: CHILDREN_BATCH, ..Scan::range(start, stop) };
            let mut scanner = self.store.scan(&self.table, scan)?;
            start = loop {
                if !scanner.next(&mut batch)? {
                    return Ok(());
                }
                for row in batch.rows().filter(|row| row.key().len() == length) {
                    visit(row)?;
                }
                let last = batch.rows().last().map(|row| row.key()).unwrap_or_default();
                if last.len() > length {
                    break prefix_end(last.get(..length).unwrap_or_default());
                }
            };
            if start.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) fn cell(&self, row: &[u8], column: &[u8]) -> Result<Option<Vec<u8>>, TreeError> {
        let mut batch = RowBatch::default();
        self.store.get(&self.table, &[row.to_vec()], &Columns::Only(vec![(FAMILY, column.to_vec())]), &mut batch)?;
        Ok(batch.row(0).and_then(|row| row.value(FAMILY, column)).map(<[u8]>::to_vec))
    }

    /// Writes a cell if it holds `expected` (`None`: if it is not there). An unknown outcome is read back.
    pub(super) fn put_if(&self, row: &[u8], column: &[u8], expected: Option<&[u8]>, value: &[u8]) -> Result<bool, TreeError> {
        match self.store.check_and_put(&self.table, row, FAMILY, column, expected, value) {
            Err(crate::store::StoreError::MaybeApplied { .. }) => Ok(self.cell(row, column)?.as_deref() == Some(value)),
            done => Ok(done?),
        }
    }

    fn delete(&self, row: &[u8], columns: Vec<Vec<u8>>) -> Result<(), TreeError> {
        if columns.is_empty() {
            return Ok(());
        }
        let mutations = columns.into_iter().map(|qualifier| Mutation::Delete { family: FAMILY, qualifier }).collect();
        Ok(self.store.write(&self.table, &[RowMutation { row: row.to_vec(), mutations, time: None }])?)
    }
}

/// The first key behind all that begin with `prefix`; empty: the end of the table.
fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// Where the rows below a branch are. Below the root they are in three pieces, around the rows of series without a leaf,
/// which may be long.
fn below(id: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let end = prefix_end(id);
    let mut begin = [id, &[0]].concat();
    let mut pieces = Vec::new();
    if let Some(tree) = id.first_chunk::<{ rows::TREE_WIDTH }>().filter(|_| id.len() == rows::TREE_WIDTH)
        && let Some(tree) = TreeId::new(u16::from_be_bytes(*tree).into())
    {
        for kind in [Failed::Collision, Failed::NotMatched] {
            let row = kind.row(tree);
            pieces.push((begin, row.clone()));
            begin = [row, vec![0]].concat();
        }
    }
    pieces.push((begin, end));
    pieces
}

fn purged(row: RowView<'_>, definition: bool) -> Option<RowMutation> {
    let columns = row.cells().map(|cell| cell.qualifier).filter(|column| rows::is_purged(column, definition));
    let mutations: Vec<Mutation> = columns.map(|c| Mutation::Delete { family: FAMILY, qualifier: c.to_vec() }).collect();
    (!mutations.is_empty()).then(|| RowMutation { row: row.key().to_vec(), mutations, time: None })
}

/// The tree of a row, or the rules alone if it has no definition.
fn read_tree(id: TreeId, row: RowView<'_>) -> Result<Result<Tree, Rules>, TreeError> {
    let mut found = None;
    let mut rules = Rules::new();
    for cell in row.cells() {
        if cell.qualifier == rows::TREE {
            found = Some(definition(row.key(), cell.value)?);
        } else if cell.qualifier.starts_with(rows::RULE) {
            let mut rule = rule(row.key(), cell.qualifier, cell.value)?;
            rule.place.tree = id.get().into();
            rules.entry(rule.place.level).or_default().insert(rule.place.order, rule);
        }
    }
    Ok(match found {
        Some(definition) => Ok(Tree { id, definition, rules }),
        None => Err(rules),
    })
}

fn branch_of(row: RowView<'_>) -> Result<Option<Branch>, TreeError> {
    let Some(tree) = row.key().first_chunk::<2>() else { return Ok(None) };
    let Some(value) = row.value(FAMILY, rows::BRANCH) else { return Ok(None) };
    parsed(row.key(), rows::BRANCH, value, |json| Branch::from_json(u16::from_be_bytes(*tree), json)).map(Some)
}

fn definition(row: &[u8], value: &[u8]) -> Result<Definition, TreeError> {
    parsed(row, rows::TREE, value, Definition::from_json)
}

/// A rule of the table. Patterns are kept as they are: a bad one shows when the rule is tried.
fn rule(row: &[u8], column: &[u8], value: &[u8]) -> Result<Rule, TreeError> {
    parsed(row, column, value, |json| Rule::stored(json).map_err(|e| JsonError(e.to_string())))
}

pub(super) fn parsed<T>(row: &[u8], column: &[u8], value: &[u8], read: impl FnOnce(Json) -> Result<T, JsonError>) -> Result<T, TreeError> {
    json::parse(value).and_then(read).map_err(|e| TreeError::Corrupt { row: to_hex(row), column: from_latin_1(column), why: e.0 })
}

/// A branch's row from text; an odd number of digits gets a 0 in front. The texts are OpenTSDB's.
pub fn branch_id(text: &str) -> Result<Vec<u8>, TreeError> {
    if text.chars().count() < 2 * rows::TREE_WIDTH {
        return Err(TreeError::Invalid("Branch ID was too short".to_owned()));
    }
    hex(text)
}

/// The bytes of an id in hex.
pub fn hex(text: &str) -> Result<Vec<u8>, TreeError> {
    id_from_hex(text).map_err(TreeError::Invalid)
}
