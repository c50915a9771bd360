//! Series as the arithmetic sees them.

use crate::point::Number;
use std::collections::{BTreeMap, BTreeSet};

/// An id of a metric, a tag key or a tag value. The order of ids is the order of answers.
pub type Id = Vec<u8>;

/// What a series is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The metrics that went into it.
    pub metrics: BTreeSet<Id>,
    /// Tags, key to value.
    pub tags: BTreeMap<Id, Id>,
    /// Tag keys that were lost when series became one.
    pub aggregated: BTreeSet<Id>,
}

/// One series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What it is called.
    pub labels: Labels,
    /// Milliseconds since the epoch and value, in time order.
    pub points: Vec<(i64, Number)>,
}

/// Several series on common instants, floating point numbers only: what an expression gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// One for each column.
    pub labels: Vec<Labels>,
    /// Milliseconds since the epoch, ascending. Ending in one instant twice is possible where tables feed tables.
    pub times: Vec<i64>,
    /// Row by row: the values of all columns at the first instant, at the second ...
    pub values: Vec<f64>,
}

impl Table {
    /// Each instant with its row.
    pub fn rows(&self) -> impl Iterator<Item = (i64, &[f64])> {
        let width = self.labels.len();
        self.times.iter().enumerate().map(move |(row, &ms)| (ms, self.values.get(row * width..(row + 1) * width).unwrap_or_default()))
    }
}
