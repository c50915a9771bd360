//! The rows that a question reads, raw: for tools that print, check or delete them.

use super::range::RowRange;
use super::select::{Selection, SeriesTest};
use super::slices::slices;
use super::{Engine, QueryError};
use crate::query::plan::{Query, SubQuery};
use crate::store::{Columns, Scan};
use crate::uid::Uids;
use rustc_hash::FxHashMap;

/// Bytes of the time in a row key.
const TIME_WIDTH: usize = 4;

/// Series remembered, at most.
const KNOWN_MAX: usize = 1_000_000;

/// Scans that hold the rows of a sub query, and the test which of their rows those are.
pub struct RawRows<'e> {
    uids: &'e Uids,
    selection: Selection,
    /// Bytes before the tags.
    tags_at: usize,
    /// One a salt bucket.
    pub scans: Vec<Scan>,
}

/// Answers that a caller keeps from row to row: tags of series, and whether they are wanted.
pub type KnownSeries = FxHashMap<Vec<u8>, bool>;

impl Engine {
    /// The rows of the table that a sub query reads; what waits in memory is not among them.
    pub fn raw_rows(&self, query: &Query, sub: &SubQuery) -> Result<RawRows<'_>, QueryError> {
        let layout = &self.options.layout;
        let selection = Selection::resolve(sub, &self.uids, layout, self.options.skip_unresolved_tagvs)?;
        let rows = RowRange::new(query.start_ms, query.end_ms, sub.downsample.as_ref());
        let prefix = usize::from(layout.salt_width) + usize::from(layout.metric_width);
        let slices = slices(layout, &selection.metric, rows, (None, None), 1, selection.reads_end_row());
        let scan = |start, stop| Scan {
            columns: Columns::Family(super::FAMILY),
            prefilter: selection.prefilter(prefix + TIME_WIDTH),
            ..Scan::range(start, stop)
        };
        let scans = slices.into_iter().map(|slice| scan(slice.start, slice.stop)).collect();
        Ok(RawRows { uids: &self.uids, tags_at: prefix + TIME_WIDTH, scans, selection })
    }
}

impl RawRows<'_> {
    /// Whether a row of the scans is one of the sub query's.
    pub fn wants(&self, key: &[u8], known: &mut KnownSeries) -> Result<bool, QueryError> {
        let tags = key.get(self.tags_at..).unwrap_or_default();
        if let Some(wanted) = known.get(tags) {
            return Ok(*wanted);
        }
        let wanted = SeriesTest::new(&self.selection, self.uids).wanted(tags)?;
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(tags.to_vec(), wanted);
        Ok(wanted)
    }
}
