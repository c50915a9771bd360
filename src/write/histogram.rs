//! Admission of histograms: the checks of a point in OpenTSDB's order and words, then a loose cell.

use super::{Batch, CellPoint, WriteError};
use crate::codec::{base_time, histogram_column, java_bytes};
use crate::point::{PointTime, Rules, TagBuf};

/// A histogram as it came in.
#[derive(Clone, Copy, Debug)]
pub struct HistogramPoint<'a> {
    /// Metric name.
    pub metric: &'a str,
    /// Seconds or milliseconds since the epoch, above 0.
    pub time: i64,
    /// The cell's value: the decoder's id and the histogram.
    pub value: &'a [u8],
    /// Tags in the order given; keys are unique.
    pub tags: &'a [(&'a str, &'a str)],
}

impl Batch {
    /// Takes a histogram, assigning or looking up its names: may block on the store.
    pub fn add_histogram(&mut self, point: &HistogramPoint<'_>, rules: &Rules) -> Result<(), WriteError> {
        let &HistogramPoint { metric, time, value, tags } = point;
        let Some(at) = PointTime::from_number(time) else {
            let (bytes, shown) = (java_bytes(value), TagBuf::show(tags, true));
            return Err(WriteError::Illegal(format!(
                "bad timestamp={time} when trying to add value={bytes}/0 to metric={metric}, tags={shown}"
            )));
        };
        rules.check_names(metric, tags, true).map_err(|e| WriteError::Illegal(e.to_string()))?;
        let column = histogram_column(at);
        self.add_cell(&CellPoint { table: None, metric, tags, base: base_time(at), qualifier: column.as_bytes(), value })
    }
}
