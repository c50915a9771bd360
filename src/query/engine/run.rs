//! One sub query: its tables tried in turn, and answers of two tables put together.

use super::budget::Budget;
use super::fetch::Fetch;
use super::group::Grouping;
use super::habit::Tally;
use super::range::RowRange;
use super::rollup::{self, Source};
use super::select::Selection;
use super::slices::slices;
use super::{Engine, QueryError};
use crate::clock;
use crate::query::downsample::Grid;
use crate::query::plan::{Downsample, Group, SubQuery};
use std::collections::BTreeMap;

/// Which points of the rows that are read are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those within the question's range.
    Shown,
    /// All.
    Rows,
    /// All; which rows these are, and where the one bucket over all lies, is reckoned in whole seconds, as `/q` does: no row more
    /// for a rounded end, and nothing in that bucket, because its ends are compared with times in milliseconds.
    RowsBySeconds,
}

/// A sub query that is being answered.
pub struct Run<'a> {
    /// Store, names, settings.
    pub engine: &'a Engine,
    /// The question.
    pub sub: &'a SubQuery,
    /// Its series' test.
    pub selection: &'a Selection,
    /// First and last instant to show, in milliseconds.
    pub shown: (i64, i64),
    /// What is given out.
    pub reach: Reach,
    /// Limits.
    pub budget: &'a Budget<'a>,
}

/// Groups by the bytes that tell them apart.
type Named = Vec<(Vec<u8>, Group)>;

impl Run<'_> {
    /// The groups in order.
    pub fn answer(&self) -> Result<Vec<Group>, QueryError> {
        let options = &self.engine.options;
        let sources = rollup::sources(self.sub, options)?;
        let now = clock::now_ms();
        let (start, end) = self.shown;
        let groups = match sources.first().and_then(|first| rollup::split_at(options, first, now, end)) {
            None => self.first_of(&sources, self.shown)?,
            Some(split) => {
                let plain = rollup::plain_source(self.sub, options)?;
                let rolled = if split < start { Vec::new() } else { self.first_of(&sources, (start, split))? };
                merge(rolled, self.read(&plain, (split.max(start), end))?)
            }
        };
        Ok(groups.into_iter().map(|(_, group)| group).collect())
    }

    /// Reads the first source that has any series.
    fn first_of(&self, sources: &[Source], asked: (i64, i64)) -> Result<Named, QueryError> {
        for source in sources {
            let groups = self.read(source, asked)?;
            if !groups.is_empty() {
                return Ok(groups);
            }
        }
        Ok(Vec::new())
    }

    /// Reads one source. `asked`: start and end, which decide about rows; shown is what the request wants to see.
    fn read(&self, source: &Source, asked: (i64, i64)) -> Result<Named, QueryError> {
        let Engine { store, overlay, uids, options, habits, .. } = self.engine;
        let asked = if self.reach == Reach::RowsBySeconds { (asked.0 / 1000, asked.1 / 1000) } else { asked };
        let spec = source.downsample.as_ref();
        let rows = match &source.rollup {
            None => RowRange::new(asked.0, asked.1, spec),
            Some(reading) => RowRange::of_rollups(asked.0, asked.1, &reading.interval, self.sub.rate.is_some()),
        };
        let grid = spec.map(|spec| match &source.rollup {
            None => Grid::new(spec, asked, rows.millis()),
            Some(reading) => {
                let function = reading.function(spec.function);
                Grid::new(&Downsample { function, ..spec.clone() }, asked, rows.millis())
            }
        });
        // Rows of rollups are long and few.
        let split_ms = if source.rollup.is_some() { None } else { grid.as_ref().map_or(Some(1), Grid::split_ms) };
        let selection = self.selection;
        let habit = habits.of(&source.table, &selection.metric);
        // Of rows that nobody has seen a slice for each thread.
        let worth = habit.slices(rows, selection.is_filtered()).or(u64::try_from(options.threads).ok());
        let slices = slices(&options.layout, &selection.metric, rows, (split_ms, worth), options.threads, selection.reads_end_row());
        let tally = Tally::default();
        let fetch = Fetch {
            store: store.as_ref(),
            overlay: overlay.as_deref(),
            uids,
            options,
            source,
            selection,
            grid: grid.as_ref(),
            budget: self.budget,
            repairs: self.engine.repairs.as_ref(),
            row_size: habit.row,
            tally: &tally,
        };
        let series = fetch.run(&slices)?;
        habits.learn(&source.table, &selection.metric, rows, selection.is_filtered(), &tally);
        let is_all = grid.as_ref().is_some_and(Grid::is_all);
        let fill = spec.and_then(|spec| grid.as_ref()?.fill(spec.fill, rows.millis()));
        let rollup = source.rollup.as_ref().map(|reading| reading.interval.name.clone());
        let rows = rows.millis();
        let shown = if self.reach == Reach::Shown { self.shown } else { rows };
        Grouping { uids, options, sub: self.sub, selection, fill, is_all, rows, shown, rollup, budget: self.budget }.answer(series)
    }
}

/// Groups of rollups and of plain points as one: where both have an instant the plain points count, as in an answer of
/// OpenTSDB, which shows both, the plain points last.
fn merge(rolled: Named, plain: Named) -> Named {
    let mut all: BTreeMap<Vec<u8>, Group> = rolled.into_iter().collect();
    for (name, later) in plain {
        let Some(group) = all.get_mut(&name) else {
            all.insert(name, later);
            continue;
        };
        let mut points: BTreeMap<i64, _> = group.points.drain(..).collect();
        points.extend(later.points);
        group.points = points.into_iter().collect();
        group.tags.retain(|(key, _)| later.tags.iter().all(|(other, _)| other != key));
        group.tags.extend(later.tags);
        group.aggregate_tags.extend(later.aggregate_tags);
        group.aggregate_tags.sort();
        group.aggregate_tags.dedup();
        group.tsuids.extend(later.tsuids);
        group.tsuids.sort();
        group.tsuids.dedup();
        group.notes.extend(later.notes);
        group.rollup = None;
        if group.metric.is_empty() {
            group.metric = later.metric;
        }
    }
    all.into_iter().collect()
}
