//! All enabled trees, kept ready for series as they come.
//!
//! OpenTSDB reads its trees when the first series needs them, and again when they are older than 300 seconds; so a tree made
//! or changed in between is not built until then (recorded `tree_late/root`). The same here.

use super::builder::{Builder, Series};
use super::building::{Known, Outcome};
use super::definition::Tree;
use super::rows::Failed;
use super::{TreeError, Trees};
use crate::meta::{MetaError, NewSeries, TsMeta};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long trees are kept before they are read again.
const TREES_AGE_MAX: Duration = Duration::from_secs(300);

/// An enabled tree, ready to build.
pub struct Planted {
    /// Its rules.
    pub builder: Builder,
    /// Whether it wants series without a leaf recorded.
    pub store_failures: bool,
}

/// The enabled trees of a list. A tree without rules has nothing to build.
pub fn plant(trees: &[Tree]) -> Vec<Planted> {
    let enabled = trees.iter().filter(|tree| tree.definition.enabled);
    let planted = enabled.map(|tree| Planted { builder: Builder::new(tree), store_failures: tree.definition.store_failures });
    planted.filter(|tree| tree.builder.has_rules()).collect()
}

impl NewSeries for Forest {
    fn created(&self, meta: &TsMeta) -> Result<(), MetaError> {
        self.grow(&meta.into()).map_err(|e| match e {
            TreeError::Store(e) => MetaError::Store(e),
            other => MetaError::Illegal(other.to_string()),
        })
    }
}

/// Trees for new series.
pub struct Forest {
    trees: Trees,
    /// Whether collisions and series not matched are recorded, in trees that ask for it. OpenTSDB does not while points
    /// come in, whatever its documentation says (recorded `storage/tree_collision`).
    record_failures: bool,
    planted: Mutex<Option<(Instant, Arc<Vec<Planted>>)>>,
}

impl Forest {
    /// Over a table. Reads nothing yet.
    pub fn new(trees: Trees, record_failures: bool) -> Forest {
        Forest { trees, record_failures, planted: Mutex::default() }
    }

    /// Puts a series into every enabled tree. One tree's trouble does not keep it out of the next, unless the table cannot
    /// be reached; the first is returned.
    pub fn grow(&self, series: &Series) -> Result<(), TreeError> {
        let mut trouble = Ok(());
        for tree in self.planted()?.iter() {
            match self.grow_one(tree, series) {
                Err(e @ TreeError::Store(_)) => return Err(e),
                done => trouble = trouble.and(done),
            }
        }
        trouble
    }

    fn grow_one(&self, tree: &Planted, series: &Series) -> Result<(), TreeError> {
        let id = tree.builder.tree;
        let (kind, why) = match self.trees.place(&tree.builder, series, &mut Known::default())? {
            Outcome::Placed => return Ok(()),
            Outcome::NoPlace => {
                tracing::debug!(tree = %id, tsuid = series.tsuid, "the rules give no place below the root");
                return Ok(());
            }
            Outcome::NotMatched(rules) => (Failed::NotMatched, rules),
            Outcome::Collision(other) => (Failed::Collision, other),
        };
        tracing::debug!(tree = %id, tsuid = series.tsuid, ?kind, "no leaf: {why}");
        if self.record_failures && tree.store_failures {
            self.trees.record(kind, id, &[(series.tsuid.clone(), why)])?;
        }
        Ok(())
    }

    /// The trees, read again if they are too old. Who comes while they are read waits: they are few.
    fn planted(&self) -> Result<Arc<Vec<Planted>>, TreeError> {
        let mut planted = self.planted.lock();
        if let Some((read, trees)) = planted.as_ref()
            && read.elapsed() <= TREES_AGE_MAX
        {
            return Ok(trees.clone());
        }
        let trees = Arc::new(plant(&self.trees.all()?));
        *planted = Some((Instant::now(), trees.clone()));
        Ok(trees)
    }
}
