//! Runs plans: select series, fetch and decode their rows, downsample, group, take rates, aggregate.
//!
//! It knows no dialect of questions and prints nothing. The numbers are made by [`super::downsample`], [`super::rate`] and
//! [`super::aggregate`]; here is decided what they are made of.

mod abreast;
mod budget;
mod count;
mod delete;
mod fetch;
mod group;
mod habit;
mod range;
pub mod raw;
mod repair;
pub mod rollup;
mod run;
mod select;
mod slices;
mod watch;
pub mod windows;

use super::limits::{Limit, Overrides};
use super::plan::{Group, Query, Source, SubQuery, Unlimited};
use crate::codec::{DecodeOptions, Decoders, Layout};
use crate::stats::Counter;
use crate::store::{Overlay, Store, StoreError};
use crate::uid::{UidError, UidKind, Uids};
use abreast::abreast;
pub use budget::Used;
use budget::{Allowance, Budget};
pub use delete::AtRest;
use habit::Habits;
use repair::Repairs;
use rollup::RollupSettings;
use run::{Reach, Run};
use select::Selection;
use std::sync::Arc;
pub use watch::Watch;

/// Why a query has no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The question is wrong: 400 with this message.
    #[error("{message}")]
    Bad {
        /// What is wrong.
        message: String,
        /// OpenTSDB's `details`, where it gives any.
        details: Option<String>,
    },
    /// A name or id is unknown: 400.
    #[error(transparent)]
    Uid(#[from] UidError),
    /// A limit was hit; the message names it. The status is 413 or 504.
    #[error("{message}")]
    Limit {
        /// The limit's key and value.
        message: String,
        /// HTTP status.
        status: u16,
    },
    /// The caller went away or stopped the query.
    #[error("the query was cancelled")]
    Cancelled,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored cell cannot be read and OpenTSDB would fail the query too: 400 or 500 with the row key.
    #[error("{0}")]
    Data(String),
}

/// Set from outside to stop a running query; looked at between batches of rows.
pub type Cancel = Arc<Watch>;

/// What a query needs of the settings.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Widths of row keys.
    pub layout: Layout,
    /// Name of the data table.
    pub data_table: String,
    /// Rollups, if they are configured.
    pub rollups: Option<RollupSettings>,
    /// `tsd.storage.repair_appends`: columns of appends that are out of order are put right when they are read.
    pub repair_appends: bool,
    /// Which of two points of one instant is read.
    pub decode: DecodeOptions,
    /// Which histograms can be read.
    pub histograms: Decoders,
    /// `tsd.query.skip_unresolved_tagvs`.
    pub skip_unresolved_tagvs: bool,
    /// Threads for slices of one query.
    pub threads: usize,
    /// Most points read by one query; 0: no limit.
    pub max_points: u64,
    /// Limits of metrics by their names, which go before those.
    pub overrides: Option<Arc<Overrides>>,
    /// Most bytes read by one query; 0: no limit.
    pub max_bytes: u64,
    /// Most milliseconds a query may take; 0: no limit.
    pub timeout_ms: u64,
    /// Most bytes of memory one query may hold.
    pub memory_bytes: u64,
}

/// Answers plans over one store.
pub struct Engine {
    store: Arc<dyn Store>,
    overlay: Option<Arc<dyn Overlay>>,
    uids: Arc<Uids>,
    options: EngineOptions,
    counters: Counters,
    repairs: Option<Repairs>,
    habits: Habits,
}

/// What queries did so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Sub queries begun.
    pub queries: Counter,
    /// Rows that came from the store, wanted or not: tells how well prefilters work.
    pub rows_read: Counter,
    /// Bytes of those rows.
    pub bytes_read: Counter,
    /// Points of the series that were wanted.
    pub points_read: Counter,
    /// Points given out.
    pub points_answered: Counter,
    /// Points deleted.
    pub points_deleted: Counter,
}

/// The column family of points.
const FAMILY: &str = "t";
/// The last instant OpenTSDB takes, in milliseconds.
const MILLIS_MAX: i64 = 9_999_999_999_999;

impl Engine {
    /// `overlay`: rows that wait in this process.
    pub fn new(store: Arc<dyn Store>, overlay: Option<Arc<dyn Overlay>>, uids: Arc<Uids>, options: EngineOptions) -> Engine {
        let repairs = options.repair_appends.then(|| Repairs::start(store.clone(), options.data_table.clone()));
        Engine { store, overlay, uids, options, counters: Counters::default(), repairs, habits: Habits::default() }
    }

    /// Answers every sub query, in their order.
    pub fn run(&self, query: &Query, cancel: &Cancel) -> Result<Vec<Group>, QueryError> {
        self.run_counted(query, cancel).map(|(groups, _)| groups)
    }

    /// The same, and what was read for it.
    pub fn run_counted(&self, query: &Query, cancel: &Cancel) -> Result<(Vec<Group>, Used), QueryError> {
        self.each_sub(query, Reach::Shown, cancel)
    }

    /// The same with the points of all rows that are read, whether within the range of the question or not, as `/q` has them.
    pub fn run_wide(&self, query: &Query, cancel: &Cancel) -> Result<(Vec<Group>, Used), QueryError> {
        self.each_sub(query, Reach::RowsBySeconds, cancel)
    }

    fn each_sub(&self, query: &Query, reach: Reach, cancel: &Cancel) -> Result<(Vec<Group>, Used), QueryError> {
        let allowance = Allowance::new(&self.options);
        let (mut groups, mut used) = (Vec::new(), Used::default());
        let range = (query.start_ms, query.end_ms);
        // Each waits for the store most of the time.
        let answers = abreast(&query.subs, self.options.threads, |_: &mut (), sub| {
            self.answer(range, reach, (sub, query.unlimited), cancel, &allowance)
        })?;
        for (answered, read) in answers {
            groups.extend(answered);
            used += read;
        }
        Ok((groups, used))
    }

    /// Answers one sub query.
    pub fn run_sub(&self, query: &Query, sub: &SubQuery, cancel: &Cancel) -> Result<Vec<Group>, QueryError> {
        let (range, allowance) = ((query.start_ms, query.end_ms), Allowance::new(&self.options));
        self.answer(range, Reach::Shown, (sub, query.unlimited), cancel, &allowance).map(|(groups, _)| groups)
    }

    /// One allowance of time and memory for several sub queries and what is computed of them.
    pub fn work(&self, cancel: &Cancel) -> Work<'_> {
        Work { engine: self, cancel: cancel.clone(), allowance: Allowance::new(&self.options) }
    }

    fn answer(
        &self,
        shown: (i64, i64),
        reach: Reach,
        (sub, unlimited): (&SubQuery, Unlimited),
        cancel: &Cancel,
        allowance: &Allowance,
    ) -> Result<(Vec<Group>, Used), QueryError> {
        if let Some(time) = [shown.0, shown.1].into_iter().find(|time| !(0..=MILLIS_MAX).contains(time)) {
            return Err(QueryError::Bad { message: format!("Invalid timestamp: {time}"), details: None });
        }
        self.counters.queries.inc();
        let options = &self.options;
        let selection = Selection::resolve(sub, &self.uids, &options.layout, options.skip_unresolved_tagvs)?;
        let budget = Budget::new(options, self.limit_of(sub, &selection, unlimited), cancel, allowance);
        let run = Run { engine: self, sub, selection: &selection, shown, reach, budget: &budget };
        let groups = run.answer();
        let used = budget.used();
        self.count(&used);
        let groups = groups?;
        self.counters.points_answered.add(groups.iter().map(|group| group.points.len() as u64).sum());
        Ok((groups, used))
    }

    /// What a sub query may read. Series asked for by their ids have the limit of their metric as well.
    fn limit_of(&self, sub: &SubQuery, selection: &Selection, unlimited: Unlimited) -> Limit {
        let options = &self.options;
        let general = Limit { points: options.max_points, bytes: options.max_bytes };
        let own = options.overrides.as_ref().and_then(|overrides| match &sub.source {
            Source::Metric(name) => overrides.of(name),
            // A metric without a name has no series to read.
            Source::Tsuids(_) => self.uids.name(UidKind::Metric, &selection.metric).ok().and_then(|name| overrides.of(&name)),
        });
        let limit = own.unwrap_or(general);
        Limit { bytes: if unlimited.bytes { 0 } else { limit.bytes }, points: if unlimited.points { 0 } else { limit.points } }
    }

    fn count(&self, used: &Used) {
        self.counters.rows_read.add(used.rows);
        self.counters.bytes_read.add(used.bytes);
        self.counters.points_read.add(used.points);
    }

    /// What queries did so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// What several steps of one request share.
pub struct Work<'e> {
    engine: &'e Engine,
    cancel: Cancel,
    allowance: Allowance,
}

impl Work<'_> {
    /// Answers sub queries side by side, each over its range in milliseconds, with the points of all rows that are read: what
    /// functions over series and expressions get to see (recorded case `exp/metrics-shifted`).
    pub fn all_read(&self, asked: &[((i64, i64), &SubQuery)]) -> Result<Vec<Vec<Group>>, QueryError> {
        abreast(asked, self.engine.options.threads, |_: &mut (), (range, sub)| {
            let answer = self.engine.answer(*range, Reach::Rows, (sub, Unlimited::default()), &self.cancel, &self.allowance);
            answer.map(|(groups, _)| groups)
        })
    }

    /// Called once a batch of work: so many bytes more are kept.
    pub fn hold(&self, bytes: u64) -> Result<(), QueryError> {
        let budget = Budget::new(&self.engine.options, Limit::default(), &self.cancel, &self.allowance);
        budget.check()?;
        budget.hold(bytes)
    }
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod windows_tests;
