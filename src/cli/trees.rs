//! `uid treesync` and `uid treepurge`: all series through the trees, and what was built of a tree deleted.
//!
//! Both can be stopped at any time and run again: what is there already is left as it is.

use super::Failure;
use super::long::{FAILED, failed, spinner, threads};
use crate::codec::to_hex;
use crate::config::Settings;
use crate::meta::{MetaError, ts_meta};
use crate::store::{Columns, RowBatch, Scan, Store};
use crate::tree::building::{Known, Outcome};
use crate::tree::forest::{Planted, plant};
use crate::tree::meta::SeriesReader;
use crate::tree::rows::Failed;
use crate::tree::{TreeError, TreeId, Trees};
use crate::tsd;
use crate::uid::NAME_FAMILY;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Batches of rows that wait for a thread.
const WAITING_MAX: usize = 2;
/// Rows of a batch.
const BATCH_ROWS: usize = 256;

/// Puts every series that has meta data into every enabled tree.
pub fn sync(settings: &Settings, store: &Arc<dyn Store>) -> Result<(), Failure> {
    if !settings.core_tree_enable_processing {
        tracing::warn!("Tree processing is disabled");
        return Ok(());
    }
    let trees = tsd::open_trees(store, settings);
    let planted = plant(&trees.all().map_err(failed)?);
    if planted.is_empty() {
        tracing::warn!("No enabled trees were found");
        return Ok(());
    }
    let uids = tsd::open_uids(store, settings).map_err(Failure::new)?;
    let tables = tsd::hooks::open_meta(store, &uids, settings);
    let run = Run {
        trees: &trees,
        planted: &planted,
        series: SeriesReader::new(&tables),
        counts: Counts::default(),
        stopped: AtomicBool::new(false),
    };
    let started = Instant::now();
    let result = run.all(store.as_ref(), &settings.storage_hbase_meta_table);
    store.sync().map_err(failed)?;
    result?;
    tracing::info!("{} in {:.1} s", run.counts.line(), started.elapsed().as_secs_f64());
    Ok(())
}

/// Deletes branches, leaves and records of a tree; with `definition` its rules and itself.
pub fn purge(settings: &Settings, store: &Arc<dyn Store>, id: &str, definition: bool) -> Result<(), Failure> {
    let wrong = || Failure::code(FAILED, format!("{id:?} is no tree: a number from 1 to 65535"));
    let tree = id.parse().ok().and_then(TreeId::new).ok_or_else(wrong)?;
    let progress = spinner();
    let mut tell = |rows: u64| {
        progress.set_message(format!("{rows} rows of tree {tree} deleted"));
        progress.tick();
        ControlFlow::Continue(())
    };
    let rows = tsd::open_trees(store, settings).purge(tree, definition, &mut tell).map_err(failed)?;
    progress.finish_and_clear();
    store.sync().map_err(failed)?;
    tracing::info!("{rows} rows of tree {tree} deleted");
    Ok(())
}

#[derive(Default)]
struct Counts {
    series: AtomicU64,
    collisions: AtomicU64,
    not_matched: AtomicU64,
    skipped: AtomicU64,
}

impl Counts {
    fn line(&self) -> String {
        let Counts { series, collisions, not_matched, skipped } = self;
        let [series, collisions, not_matched, skipped] = [series, collisions, not_matched, skipped].map(|count| count.load(Relaxed));
        format!("{series} series; no leaf: {collisions} collisions, {not_matched} not matched, {skipped} skipped")
    }
}

/// One run over the table of series.
struct Run<'a> {
    trees: &'a Trees,
    planted: &'a [Planted],
    series: SeriesReader<'a>,
    counts: Counts,
    stopped: AtomicBool,
}

impl Run<'_> {
    /// One thread reads, many build: building asks the store several times a series.
    fn all(&self, store: &dyn Store, table: &str) -> Result<(), Failure> {
        let (give, take) = crossbeam_channel::bounded::<RowBatch>(WAITING_MAX);
        let progress = spinner();
        std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..threads()).map(|_| (take.clone(), &self)).map(|(take, run)| scope.spawn(move || run.work(&take))).collect();
            drop(take);
            let columns = Columns::Only(vec![(NAME_FAMILY, ts_meta::META_QUALIFIER.to_vec())]);
            let mut scanner = store.scan(table, Scan { columns, batch_rows: BATCH_ROWS, ..Scan::range([], []) }).map_err(failed)?;
            loop {
                let mut batch = RowBatch::default();
                // Nobody takes a batch once all have failed.
                if self.stopped.load(Relaxed) || !scanner.next(&mut batch).map_err(failed)? || give.send(batch).is_err() {
                    break;
                }
                progress.set_message(self.counts.line());
                progress.tick();
            }
            drop(give);
            let ends = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(Failure::new("a thread ended early"))));
            let result = ends.collect::<Result<Vec<()>, Failure>>().map(drop);
            progress.finish_and_clear();
            result
        })
    }

    fn work(&self, batches: &crossbeam_channel::Receiver<RowBatch>) -> Result<(), Failure> {
        let mut known = Known::default();
        for batch in batches {
            let done = self.batch(&batch, &mut known);
            if done.is_err() {
                self.stopped.store(true, Relaxed);
                return done.map_err(failed);
            }
        }
        Ok(())
    }

    /// The series of one batch; those without a leaf are recorded together.
    fn batch(&self, batch: &RowBatch, known: &mut Known) -> Result<(), TreeError> {
        let mut failures: Vec<(&Planted, Failed, (String, String))> = Vec::new();
        for row in batch.rows() {
            let series = match self.series.series(row.key()) {
                Err(MetaError::Store(e)) => return Err(e.into()),
                Err(e) => {
                    self.skip(row.key(), &e.to_string());
                    continue;
                }
                Ok(series) => series,
            };
            self.counts.series.fetch_add(1, Relaxed);
            for tree in self.planted {
                let (kind, why) = match self.trees.place(&tree.builder, &series, known) {
                    Ok(Outcome::Placed | Outcome::NoPlace) => continue,
                    Ok(Outcome::Collision(other)) => (Failed::Collision, other),
                    Ok(Outcome::NotMatched(rules)) => (Failed::NotMatched, rules),
                    Err(TreeError::Store(e)) => return Err(e.into()),
                    Err(e) => {
                        self.skip(row.key(), &e.to_string());
                        continue;
                    }
                };
                let count = if kind == Failed::Collision { &self.counts.collisions } else { &self.counts.not_matched };
                count.fetch_add(1, Relaxed);
                failures.push((tree, kind, (series.tsuid.clone(), why)));
            }
        }
        self.record(&failures)
    }

    fn record(&self, failures: &[(&Planted, Failed, (String, String))]) -> Result<(), TreeError> {
        for tree in self.planted.iter().filter(|tree| tree.store_failures) {
            for kind in [Failed::Collision, Failed::NotMatched] {
                let of_tree = failures.iter().filter(|(planted, of, _)| planted.builder.tree == tree.builder.tree && *of == kind);
                let failed: Vec<(String, String)> = of_tree.map(|(.., failed)| failed.clone()).collect();
                self.trees.record(kind, tree.builder.tree, &failed)?;
            }
        }
        Ok(())
    }

    fn skip(&self, tsuid: &[u8], why: &str) {
        self.counts.skipped.fetch_add(1, Relaxed);
        tracing::warn!("series {} is left out: {why}", to_hex(tsuid));
    }
}
