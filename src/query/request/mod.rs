//! Dialects: the JSON body, the URI (`m=`, `tsuid=`), expressions and the command line all become one
//! [`plan::Query`](super::plan::Query).
//!
//! [`post`] and [`uri`] read a [`Request`] (the words of the client, nothing checked yet); [`compile`] checks it in OpenTSDB's
//! order and gives the plan and an [`Output`]. [`command`] is the command line's form, [`exp`] the body of
//! `/api/query/exp`, [`gexp`] functions in a URI. One parser each for dates ([`date`]), lengths of time and buckets
//! ([`downsample`]), names of functions ([`names`]). No clock and no table is read here.

pub mod command;
pub mod compile;
pub mod date;
pub mod downsample;
pub mod exp;
mod exp_show;
pub mod gexp;
pub mod last;
pub mod names;
pub mod post;
pub mod show;
pub mod uri;

use super::filter::FilterSpec;
use super::filter::parse::FilterKey;
use super::plan::RateOptions;
pub use crate::point::json;
use std::collections::HashSet;

pub use compile::{Context, compile};
pub use exp_show::json_number;
pub use show::Output;

/// A request that cannot be answered: 400, whatever 500 the original crashes into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// What is wrong, in OpenTSDB's words where it has some.
    pub message: String,
    /// OpenTSDB's `details`: the query as text for a query that was read but makes no sense.
    pub details: Option<String>,
}

impl RequestError {
    /// An error without details.
    pub fn new(message: impl Into<String>) -> RequestError {
        RequestError { message: message.into(), details: None }
    }
    /// Adds details.
    pub fn details(mut self, details: impl Into<String>) -> RequestError {
        self.details = Some(details.into());
        self
    }
}

/// A request as it was written. Nothing is checked but the shape.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// When it begins, as text.
    pub start: Option<String>,
    /// When it ends, as text; none or empty: now.
    pub end: Option<String>,
    /// Zone of the dates and of calendar buckets. JSON only.
    pub timezone: Option<String>,
    /// The switches.
    pub flags: Flags,
    /// Options for graphs, which `/api/query` only repeats in errors.
    pub options: Vec<(String, Vec<String>)>,
    /// The sub queries in order; none if the body has none at all.
    pub subs: Option<Vec<SubRequest>>,
}

/// The switches of a request.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Flags {
    pub padding: bool,
    pub no_annotations: bool,
    pub global_annotations: bool,
    pub show_tsuids: bool,
    pub ms_resolution: bool,
    pub show_query: bool,
    pub show_stats: bool,
    pub show_summary: bool,
    pub arrays: bool,
    pub delete: bool,
    pub use_calendar: bool,
    pub override_byte_limit: bool,
    pub override_point_limit: bool,
}

/// One sub query as it was written.
#[derive(Clone, Debug)]
pub struct SubRequest {
    /// The group's function.
    pub aggregator: Option<String>,
    /// Metric name.
    pub metric: Option<String>,
    /// Series by their ids in hex; they go before the metric.
    pub tsuids: Option<Vec<String>>,
    /// `5m-avg`, ...
    pub downsample: Option<String>,
    /// Whether a rate is wanted.
    pub rate: bool,
    /// How the rate is made.
    pub rate_options: Option<RateOptions>,
    /// Filters, in the order in which they count.
    pub filters: Vec<FilterSpec>,
    /// The rarely used rest.
    pub extra: SubExtra,
}

/// What a sub query carries for `showQuery`, histograms and rollups.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct SubExtra {
    pub explicit_tags: bool,
    pub pre_aggregate: bool,
    pub rollup_usage: Option<String>,
    pub percentiles: Option<Vec<f32>>,
    pub show_histogram_buckets: bool,
    pub use_fuzzy_filter: bool,
    pub use_multi_gets: bool,
}

impl Default for SubRequest {
    fn default() -> Self {
        let extra = SubExtra {
            explicit_tags: false,
            pre_aggregate: false,
            rollup_usage: None,
            percentiles: None,
            show_histogram_buckets: false,
            use_fuzzy_filter: true,
            use_multi_gets: true,
        };
        SubRequest {
            aggregator: None,
            metric: None,
            tsuids: None,
            downsample: None,
            rate: false,
            rate_options: None,
            filters: Vec::new(),
            extra,
        }
    }
}

/// What makes two sub queries one (recorded case `options/same-query-twice`).
#[derive(PartialEq, Eq, Hash)]
struct SubKey {
    texts: [Option<String>; 3],
    tsuids: Option<Vec<String>>,
    rate: (bool, Option<(bool, i64, i64, bool)>),
    filters: Vec<FilterKey>,
    switches: [bool; 5],
    percentiles: Option<Vec<u32>>,
}

impl SubRequest {
    fn key(&self) -> SubKey {
        let e = &self.extra;
        SubKey {
            texts: [self.aggregator.clone(), self.metric.clone(), self.downsample.clone()],
            tsuids: self.tsuids.clone(),
            rate: (self.rate, self.rate_options.map(|r| (r.counter, r.counter_max, r.reset_value, r.drop_resets))),
            filters: self.filters.iter().map(FilterSpec::key).collect(),
            switches: [e.explicit_tags, e.pre_aggregate, e.use_fuzzy_filter, e.show_histogram_buckets, e.use_multi_gets],
            percentiles: e.percentiles.as_ref().map(|p| p.iter().map(|x| x.to_bits()).collect()),
        }
    }

    /// Whether it asks for percentiles or buckets of histograms.
    pub fn is_histogram(&self) -> bool {
        self.extra.show_histogram_buckets || self.extra.percentiles.as_ref().is_some_and(|p| !p.is_empty())
    }
}

/// Sub queries of which no two are equal, in order.
fn without_repeats(subs: Vec<SubRequest>) -> Vec<SubRequest> {
    let mut seen = HashSet::new();
    subs.into_iter().filter(|sub| seen.insert(sub.key())).collect()
}

#[cfg(test)]
mod recorded_tests;
