//! What every dialect compiles to, and what an answer holds. Types only.

use super::filter::TagFilter;
use crate::codec::Note;
use crate::point::Number;

/// One request: a time range and its sub queries.
#[derive(Clone, Debug)]
pub struct Query {
    /// Milliseconds since the epoch, included.
    pub start_ms: i64,
    /// Milliseconds since the epoch, included.
    pub end_ms: i64,
    /// The questions, each answered for itself.
    pub subs: Vec<SubQuery>,
    /// Limits that do not hold for it.
    pub unlimited: Unlimited,
}

/// Limits that a request may ask to be without (`tsd.query.limits.*.allow_override`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlimited {
    /// Bytes read.
    pub bytes: bool,
    /// Points read.
    pub points: bool,
}

/// One question: which series, and what to do with them.
#[derive(Clone, Debug)]
pub struct SubQuery {
    /// Place in the request, for `index` in answers.
    pub index: usize,
    /// Which series.
    pub source: Source,
    /// Tests on tags; some of them group.
    pub filters: Vec<TagFilter>,
    /// Only series whose tag keys are exactly those of the filters.
    pub explicit_tags: bool,
    /// How the series of a group become one; [`Aggregator::None`]: they stay apart.
    pub aggregator: Aggregator,
    /// Buckets of time, before the rate.
    pub downsample: Option<Downsample>,
    /// Rate of change, after downsampling.
    pub rate: Option<RateOptions>,
    /// Which tables may answer.
    pub rollup: RollupChoice,
    /// Histograms are read instead of points.
    pub histogram: Option<HistogramQuery>,
}

impl SubQuery {
    /// All series of `source`, each as it is stored.
    #[must_use]
    pub fn plain(source: Source) -> SubQuery {
        SubQuery {
            index: 0,
            source,
            filters: Vec::new(),
            explicit_tags: false,
            aggregator: Aggregator::None,
            downsample: None,
            rate: None,
            rollup: RollupChoice::default(),
            histogram: None,
        }
    }
}

/// What is shown of histograms, each as a series of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramQuery {
    /// Percentiles, ascending.
    pub percentiles: Vec<f32>,
    /// The counts of their ranges.
    pub ranges: bool,
}

/// Which tables may answer a sub query. By default only that of plain points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupChoice {
    /// Whether rolled-up values are read.
    pub usage: RollupUsage,
    /// Read values that were aggregated over tags. A filter on the aggregate tag asks for them as well.
    pub pre_aggregate: bool,
}

/// Whether rolled-up values are read where the interval of the buckets allows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollupUsage {
    /// Never: plain points only.
    #[default]
    Raw,
    /// Those of the longest interval that divides the buckets, and nothing else.
    NoFallback,
    /// If that has no series at all: the next shorter interval, down to plain points.
    Fallback,
    /// If that has no series at all: plain points.
    FallbackRaw,
}

/// Which series a sub query reads.
#[derive(Clone, Debug)]
pub enum Source {
    /// All series of a metric (by name) that pass the filters.
    Metric(String),
    /// These series (metric UID and tag UIDs, without salt and time), all of one metric.
    Tsuids(Vec<Vec<u8>>),
}

/// OpenTSDB's aggregation functions, for groups and for buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Aggregator {
    Sum,
    Min,
    Max,
    Avg,
    None,
    Median,
    Mult,
    Dev,
    Diff,
    Count,
    Zimsum,
    Mimmin,
    Mimmax,
    First,
    Last,
    Pfsum,
    SquareSum,
    /// `p999` ... and `ep999r3`, `ep999r7` ...
    Percentile(Percentile),
}

/// A percentile and how it is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Percentile {
    /// In tenths of a percent: 999, 990, 950, 900, 750, 500.
    pub per_mille: u16,
    /// The estimation, which OpenTSDB honours for groups of integers only.
    pub estimation: Estimation,
}

/// Estimation types of Hyndman and Fan that OpenTSDB offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Estimation {
    Legacy,
    R3,
    R7,
}

/// Buckets of time.
#[derive(Clone, Debug)]
pub struct Downsample {
    /// How long a bucket is.
    pub interval: Interval,
    /// How the points of a bucket become one.
    pub function: Aggregator,
    /// What an empty bucket holds.
    pub fill: Fill,
}

/// The length of a bucket.
#[derive(Clone, Debug)]
pub enum Interval {
    /// One bucket over the whole range (`0all`).
    All,
    /// Multiples of so many milliseconds since the epoch.
    Fixed {
        /// Its length.
        ms: i64,
    },
    /// So many of a unit of the calendar, in a time zone.
    Calendar {
        /// How many.
        count: u32,
        /// Of what.
        unit: CalendarUnit,
        /// Where.
        zone: jiff::tz::TimeZone,
    },
}

/// Units of calendar intervals, by OpenTSDB's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CalendarUnit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What an empty bucket holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// Nothing: the bucket is left out (and interpolated by the aggregator).
    None,
    /// NaN, printed as the string "NaN".
    Nan,
    /// NaN, printed as `null`.
    Null,
    /// 0.
    Zero,
    /// This value (`exp` only).
    Scalar(f64),
}

/// Rate of change per second, and how counters wrap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateOptions {
    /// The values only grow, until they wrap at `counter_max`.
    pub counter: bool,
    /// Highest value before a wrap; unset: 2^63 - 1.
    pub counter_max: i64,
    /// A rate above it, at a wrap, counts as 0; 0: off.
    pub reset_value: i64,
    /// Leave a wrap out instead of correcting it.
    pub drop_resets: bool,
}

/// One series of an answer.
#[derive(Clone, Debug)]
pub struct Group {
    /// `index` of the sub query.
    pub index: usize,
    /// Metric name.
    pub metric: String,
    /// Tags common to the group (those without two values), by name.
    pub tags: Vec<(String, String)>,
    /// Tag keys with several values, by name.
    pub aggregate_tags: Vec<String>,
    /// The series in it, in order of their bytes.
    pub tsuids: Vec<Vec<u8>>,
    /// Milliseconds since the epoch and value, in time order; instants of one second are not merged.
    pub points: Vec<(i64, Number)>,
    /// NaN prints as `null` (fill `null`).
    pub nan_is_null: bool,
    /// Annotations of its series, in order of their starts; also some outside the query's range.
    pub notes: Vec<Note>,
    /// Interval of the rollups that answered; `None`: plain points.
    pub rollup: Option<std::sync::Arc<str>>,
}
