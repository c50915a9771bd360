//! Putting a series into a tree: its branches, its leaf, or the record of why it has none.

use super::branch::{Branch, Leaf};
use super::builder::{Builder, Built, Series};
use super::rows::{self, FAMILY, Failed};
use super::table::{Trees, hex, parsed};
use super::{TreeError, TreeId};
use crate::store::{Mutation, RowMutation};
use crate::uid::to_latin_1;
use std::collections::HashSet;

/// Branches that a run remembers; then it forgets them all and asks the table again.
const KNOWN_BRANCHES_MAX: usize = 100_000;

/// What became of a series in one tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its leaf is there, new or from an earlier time.
    Placed,
    /// The rules gave it no leaf below the root.
    NoPlace,
    /// A level got no name, and the tree is strict: the rules that failed.
    NotMatched(String),
    /// Another series has its leaf: that one's TSUID in hex.
    Collision(String),
}

/// Branches known to be in the table, for one run over many series.
#[derive(Default)]
pub struct Known(HashSet<Vec<u8>>);

impl Trees {
    /// Puts a series into a tree and says what became of it. The root is made in any case, as OpenTSDB makes it. May be
    /// repeated; branches are written before the leaf, so that a stop between leaves no leaf without its branch.
    pub fn place(&self, builder: &Builder, series: &Series, known: &mut Known) -> Result<Outcome, TreeError> {
        let built = builder.build(series)?;
        self.ensure(&Branch::root(builder.tree), known)?;
        if let Some(failed) = built.not_matched.as_ref().filter(|_| builder.refuses(&built)) {
            return Ok(Outcome::NotMatched(failed.clone()));
        }
        self.hang(builder.tree, &built, series, known)
    }

    fn hang(&self, tree: TreeId, built: &Built, series: &Series, known: &mut Known) -> Result<Outcome, TreeError> {
        let chain = built.chain(tree);
        let (Some(parent), Some(name)) = (chain.last(), &built.leaf) else { return Ok(Outcome::NoPlace) };
        for branch in &chain {
            self.ensure(branch, known)?;
        }
        let (row, leaf) = (parent.id(), Leaf::new(name, &series.tsuid));
        if self.put_if(&row, &leaf.qualifier(), None, &leaf.to_json())? {
            return Ok(Outcome::Placed);
        }
        let Some(there) = self.cell(&row, &leaf.qualifier())? else {
            return Err(TreeError::Busy(format!("leaf '{name}'"))); // deleted since
        };
        let there = parsed(&row, &leaf.qualifier(), &there, Leaf::from_json)?;
        Ok(if there.tsuid == series.tsuid { Outcome::Placed } else { Outcome::Collision(there.tsuid) })
    }

    fn ensure(&self, branch: &Branch, known: &mut Known) -> Result<(), TreeError> {
        let row = branch.id();
        if known.0.contains(&row) {
            return Ok(());
        }
        self.put_if(&row, rows::BRANCH, None, &branch.to_json())?;
        if known.0.len() >= KNOWN_BRANCHES_MAX {
            known.0.clear();
        }
        known.0.insert(row);
        Ok(())
    }

    /// Records series that have no leaf: TSUID in hex and why.
    pub fn record(&self, kind: Failed, id: TreeId, failed: &[(String, String)]) -> Result<(), TreeError> {
        let put = |(tsuid, why): &(String, String)| -> Result<Mutation, TreeError> {
            let qualifier = [kind.prefix(), &hex(tsuid)?].concat();
            Ok(Mutation::Put { family: FAMILY, qualifier, value: to_latin_1(why) })
        };
        let mutations: Vec<Mutation> = failed.iter().map(put).collect::<Result<_, _>>()?;
        if mutations.is_empty() {
            return Ok(());
        }
        Ok(self.store.write(&self.table, &[RowMutation { row: kind.row(id), mutations, time: None }])?)
    }
}
