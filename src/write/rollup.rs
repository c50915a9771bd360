//! Admission of rolled-up and pre-aggregated values: OpenTSDB's checks in its order and words, then a loose cell.
//!
//! A value with an interval goes to that interval's table; one that was aggregated over tags (`group by`) gets a tag that
//! says by which function and goes to the table of pre-aggregates, without an interval to the default interval's, where it
//! is stored like a plain point. Recorded in `storage/rollup*`, `rollup_on`, query cases `rollup/put-*`.

use super::{Batch, CellPoint, WriteError};
use crate::codec::{Qualifier, RollupConfig, base_time, encode_value};
use crate::point::{NULL, PointError, PointTime, Rules, TagBuf, Value, bad_time, not_finite};
use std::sync::Arc;

/// What the settings say about rollups.
#[derive(Clone, Debug)]
pub struct RollupOptions {
    /// Intervals, tables and functions.
    pub config: Arc<RollupConfig>,
    /// `tsd.rollups.agg_tag_key`
    pub tag_key: String,
    /// `tsd.rollups.raw_agg_tag_value`
    pub raw_tag_value: String,
    /// `tsd.rollups.tag_raw`
    pub tag_raw: bool,
    /// `tsd.rollups.block_derived`
    pub block_derived: bool,
    /// Whether there is an aggregation function of that name.
    pub is_function: fn(&str) -> bool,
}

/// A rolled-up or pre-aggregated value as it came in.
#[derive(Clone, Copy, Debug)]
pub struct RolledUp<'a> {
    /// Metric name.
    pub metric: &'a str,
    /// Seconds since the epoch, above 0; more than 32 bits are refused.
    pub time: i64,
    /// What.
    pub value: Value,
    /// Tags in the order given; keys are unique.
    pub tags: &'a [(&'a str, &'a str)],
    /// The interval's name.
    pub interval: Option<&'a str>,
    /// The function over time.
    pub function: Option<&'a str>,
    /// The function over tags; given, the value is a pre-aggregate.
    pub group_by: Option<&'a str>,
}

/// Why a value was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RollupError {
    /// A rule is broken.
    #[error(transparent)]
    Point(#[from] PointError),
    /// No such interval: telnet says so, HTTP only `Unexpected exception`.
    #[error("No rollups configured for the interval: {0}")]
    NoInterval(String),
    /// Neither an interval nor a function over tags: there is no table for it. OpenTSDB finds out when it stores.
    #[error("Interval cannot be null for a non-group by point")]
    NoTable,
    /// No rollups are configured: OpenTSDB's words, which name what its code ran into.
    #[error("{0}")]
    NotConfigured(PointError),
    /// As for plain points.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A refusal, and the aggregate tag that the value had got by then: OpenTSDB echoes it.
#[derive(Clone, Debug)]
pub struct RollupRefused {
    /// Why.
    pub why: RollupError,
    /// Key and value.
    pub tag: Option<(String, String)>,
}

impl<E: Into<RollupError>> From<E> for RollupRefused {
    fn from(why: E) -> RollupRefused {
        RollupRefused { why: why.into(), tag: None }
    }
}

/// Where a value goes.
#[derive(Debug, PartialEq)]
struct Placed {
    table: Arc<str>,
    base: u32,
    qualifier: Vec<u8>,
    value: Vec<u8>,
}

impl Batch {
    /// Takes a rolled-up or pre-aggregated value, assigning or looking up its names: may block on the store.
    pub fn add_rollup(&mut self, point: &RolledUp<'_>, rules: &Rules) -> Result<(), RollupRefused> {
        finite(point)?;
        let Some(options) = self.rollups() else { return Err(unconfigured(point, rules, self.is_function()).into()) };
        let mut tag = None;
        match self.add_placed(&options, point, rules, &mut tag) {
            Ok(()) => Ok(()),
            Err(why) => Err(RollupRefused { why, tag }),
        }
    }

    fn add_placed(
        &mut self,
        options: &RollupOptions,
        point: &RolledUp<'_>,
        rules: &Rules,
        tag: &mut Option<(String, String)>,
    ) -> Result<(), RollupError> {
        let (seconds, set) = options.aggregate_tag(point)?;
        *tag = set.map(|value| (options.tag_key.clone(), value));
        let mut tags: Vec<(&str, &str)> = point.tags.to_vec();
        if let Some((key, value)) = tag.as_ref() {
            match tags.iter_mut().find(|(known, _)| known == key) {
                Some(known) => known.1 = value,
                None => tags.push((key, value)),
            }
        }
        let placed = options.place(point, seconds, &tags, rules)?;
        let Placed { table, base, qualifier, value } = &placed;
        self.add_cell(&CellPoint { table: Some(table), metric: point.metric, tags: &tags, base: *base, qualifier, value })?;
        Ok(())
    }
}

/// What is said where no rollups are configured. Of a value that was aggregated over tags OpenTSDB finds that out late: the
/// tag that it is to get has no name yet.
fn unconfigured(point: &RolledUp<'_>, rules: &Rules, is_function: fn(&str) -> bool) -> RollupError {
    const WORDS: &str = "No rollup or aggregations were configured";
    let Some(function) = point.group_by.filter(|_| point.interval.is_none_or(str::is_empty)) else { return illegal(WORDS).into() };
    if let Err(refused) = aggregate_tag(point, (NULL, "", false)) {
        return refused.into();
    }
    let value = function.to_uppercase();
    let tags: Vec<(&str, &str)> = point.tags.iter().copied().chain([(NULL, value.as_str())]).collect();
    let words = check_function(point, &tags, is_function).and_then(|()| rules.check_names(point.metric, &tags, true)).err();
    RollupError::NotConfigured(words.unwrap_or_else(|| illegal(WORDS)))
}

fn illegal(words: impl Into<String>) -> PointError {
    PointError::Illegal(words.into())
}

fn finite(point: &RolledUp<'_>) -> Result<(), PointError> {
    if point.value.is_finite() { Ok(()) } else { Err(not_finite(point.metric, point.time, point.value)) }
}

/// The time, and the value that the aggregate tag gets; `None`: it gets none. `how`: the tag's name, its value on raw points, and
/// whether those get it.
fn aggregate_tag(point: &RolledUp<'_>, how: (&str, &str, bool)) -> Result<(u32, Option<String>), PointError> {
    let (tag_key, raw_tag_value, tag_raw) = how;
    let shown = || TagBuf::show(point.tags, true);
    let metric = point.metric;
    if point.group_by == Some("") {
        let words = "Cannot write a group by data point without specifying the aggregation function.";
        return Err(illegal(format!("{words} Metric={metric} tags={}", shown())));
    }
    let Ok(seconds) = u32::try_from(point.time) else {
        return Err(bad_time(metric, point.time, point.value, point.tags, true));
    };
    let given = point.tags.iter().find(|(key, value)| *key == tag_key && *value != NULL).map(|(_, value)| *value);
    let set = match (given, point.group_by) {
        (None, Some(function)) => Some(function.to_uppercase()),
        (None, None) => tag_raw.then(|| raw_tag_value.to_owned()),
        (Some(given), Some(function)) if given.to_lowercase() == function.to_lowercase() => Some(function.to_uppercase()),
        (Some(given), function) => {
            let function = function.unwrap_or("null");
            return Err(illegal(format!(
                "Given tag value for {tag_key} of {given} did not match the group by aggregator of {function} for {metric} {}",
                shown()
            )));
        }
    };
    Ok((seconds, set))
}

/// That the function over tags is one. `tags` has the aggregate tag.
fn check_function(point: &RolledUp<'_>, tags: &[(&str, &str)], is_function: fn(&str) -> bool) -> Result<(), PointError> {
    match point.group_by {
        Some(function) if !is_function(&function.to_lowercase()) => {
            let shown = TagBuf::show(tags, true);
            Err(illegal(format!("Invalid group by aggregator {function} with metric {} {shown}", point.metric)))
        }
        _ => Ok(()),
    }
}

impl RollupOptions {
    fn aggregate_tag(&self, point: &RolledUp<'_>) -> Result<(u32, Option<String>), PointError> {
        aggregate_tag(point, (&self.tag_key, &self.raw_tag_value, self.tag_raw))
    }

    /// The checks that follow the aggregate tag, and the place. `tags` has that tag.
    fn place(&self, point: &RolledUp<'_>, seconds: u32, tags: &[(&str, &str)], rules: &Rules) -> Result<Placed, RollupError> {
        let metric = point.metric;
        let derived = |function: &str| self.block_derived && ["AVG", "DEV"].contains(&function.to_uppercase().as_str());
        check_function(point, tags, self.is_function)?;
        if let Some(function) = point.group_by.filter(|function| derived(function)) {
            let (words, shown) = ("Derived group by aggregations are not allowed", TagBuf::show(tags, true));
            return Err(illegal(format!("{words} {function} with metric {metric} {shown}")).into());
        }
        rules.check_names(metric, tags, true)?;
        let interval = point.interval.filter(|name| !name.is_empty());
        let interval = match interval {
            Some(name) => Some(self.config.interval(name).ok_or_else(|| RollupError::NoInterval(name.to_owned()))?),
            None => None,
        };
        let id = match interval {
            Some(_) => self.config.id(point.function.unwrap_or_default()).map_err(illegal)?,
            None => 0,
        };
        if let Some(function) = point.function.filter(|function| derived(function)) {
            let (function, shown) = (function.to_uppercase(), TagBuf::show(tags, true));
            let words = "Derived rollup aggregations are not allowed";
            return Err(illegal(format!("{words} {function} with metric {metric} {shown}")).into());
        }
        let (value, flags) = encode_value(point.value);
        let value = value.as_bytes().to_vec();
        let Some(interval) = interval else {
            let default = self.config.default_interval().filter(|_| point.group_by.is_some()).ok_or(RollupError::NoTable)?;
            let time = PointTime::Seconds(seconds);
            let qualifier = Qualifier::new(time, flags).encode().as_bytes().to_vec();
            return Ok(Placed { table: default.preaggregates.clone(), base: base_time(time), qualifier, value });
        };
        let (base, qualifier) = interval.place(seconds, id, flags).map_err(illegal)?;
        let table = if point.group_by.is_some() { &interval.preaggregates } else { &interval.table };
        Ok(Placed { table: table.clone(), base, qualifier: qualifier.to_vec(), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> RollupOptions {
        let json = r#"{"aggregationIds": {"sum": 0, "count": 1, "avg": 4}, "intervals": [
            {"table": "t", "preAggregationTable": "p", "interval": "1m", "rowSpan": "1h", "defaultInterval": true},
            {"table": "t1h", "preAggregationTable": "p1h", "interval": "1h", "rowSpan": "1n"}]}"#;
        let is_function: fn(&str) -> bool = |name| ["sum", "count", "avg", "max", "dev"].contains(&name);
        RollupOptions {
            config: Arc::new(RollupConfig::parse(json, is_function).unwrap()),
            tag_key: "_aggregate".into(),
            raw_tag_value: "RAW".into(),
            tag_raw: false,
            block_derived: true,
            is_function,
        }
    }

    /// Interval, function, group by; tags; table and row of what is taken, or the words of the refusal.
    fn check_with(options: &RollupOptions, how: [Option<&str>; 3], tags: &[(&str, &str)], want: Result<(&str, u32, &[u8]), &str>) {
        let [interval, function, group_by] = how;
        let point = RolledUp { metric: "m", time: 1_400_000_000, value: Value::Int(5), tags, interval, function, group_by };
        let got = options.aggregate_tag(&point).map_err(RollupError::from).and_then(|(seconds, set)| {
            let mut all = tags.to_vec();
            if let Some(value) = &set {
                all.retain(|(key, _)| *key != options.tag_key);
                all.push((&options.tag_key, value));
            }
            options.place(&point, seconds, &all, &Rules::default())
        });
        let got = got.map_err(|e| e.to_string());
        let got = got.as_ref().map(|p| (&*p.table, p.base, p.qualifier.as_slice())).map_err(String::as_str);
        assert_eq!(got, want, "{how:?} {tags:?}");
    }

    #[test]
    fn values_find_their_table_or_words() {
        let check = |how, tags: &[(&str, &str)], want| check_with(&options(), how, tags, want);
        let (h, raw) = (&[("host", "a")][..], &[("_aggregate", "RAW"), ("host", "a")][..]);
        check([Some("1h"), Some("SUM"), None], h, Ok(("t1h", 1_398_902_400, &[0, 0x13, 0])));
        check([Some("1h"), Some("count"), Some("sum")], h, Ok(("p1h", 1_398_902_400, &[1, 0x13, 0])));
        check([None, Some("max"), Some("max")], h, Ok(("p", 1_399_996_800, &[0xc8, 0])));
        check([Some(""), None, Some("max")], h, Ok(("p", 1_399_996_800, &[0xc8, 0])));
        check([Some("1m"), Some("sum"), None], h, Ok(("t", 1_399_996_800, &[0, 0x03, 0x50])));
        check([Some(""), Some("sum"), None], h, Err("Interval cannot be null for a non-group by point"));
        check([Some("2h"), Some("sum"), None], h, Err("No rollups configured for the interval: 2h"));
        check([Some("1h"), Some("foo"), None], h, Err("No ID found mapping to aggregator: foo"));
        check([Some("1h"), None, Some("sum")], h, Err("Aggregator cannot be null or empty."));
        check([None, Some("1h"), Some("1h")], h, Err("Invalid group by aggregator 1h with metric m {_aggregate=1H, host=a}"));
        check(
            [None, None, Some("")],
            h,
            Err("Cannot write a group by data point without specifying the aggregation function. Metric=m tags={host=a}"),
        );
        check([Some("1h"), Some("avg"), None], h, Err("Derived rollup aggregations are not allowed AVG with metric m {host=a}"));
        check(
            [None, None, Some("avg")],
            h,
            Err("Derived group by aggregations are not allowed avg with metric m {_aggregate=AVG, host=a}"),
        );
        check(
            [Some("1h"), Some("sum"), None],
            raw,
            Err("Given tag value for _aggregate of RAW did not match the group by aggregator of null for m {_aggregate=RAW, host=a}"),
        );
        check([Some("1h"), Some("sum"), Some("Max")], &[("_aggregate", "mAX"), ("host", "a")], Ok(("p1h", 1_398_902_400, &[0, 0x13, 0])));
        check([Some("1h"), Some("sum"), None], &[("h$", "a")], Err("Invalid tag name with value [a] (\"h$\"): illegal character: $"));
        let derived = RollupOptions { block_derived: false, ..options() };
        check_with(&derived, [Some("1h"), Some("avg"), None], h, Ok(("t1h", 1_398_902_400, &[4, 0x13, 0])));
    }

    #[test]
    fn without_a_configuration() {
        let check = |interval, group_by, tags: &[(&str, &str)], time, want: &str| {
            let point = RolledUp { metric: "m", time, value: Value::Int(1), tags, interval, function: Some("sum"), group_by };
            assert_eq!(unconfigured(&point, &Rules::default(), |name| name == "sum").to_string(), want);
        };
        let (host, second) = (&[("host", "a")][..], 1_400_000_000);
        check(Some("1h"), None, host, second, "No rollup or aggregations were configured");
        check(Some("1h"), Some("sum"), host, second, "No rollup or aggregations were configured");
        check(None, Some("Sum"), host, second, "Invalid tag name with value [SUM]: null");
        check(None, Some("foo"), host, second, "Invalid group by aggregator foo with metric m {null=FOO, host=a}");
        check(None, Some("sum"), &[("b!", "b")], second, "Invalid tag name with value [SUM]: null");
        let late = "bad timestamp=14000000000000 when trying to add value=[1]/0 to metric=m, tags={host=a}";
        check(None, Some("sum"), host, 14_000_000_000_000, late);
    }

    #[test]
    fn times_beyond_32_bits_and_raw_tags() {
        let point = |time| RolledUp {
            metric: "m",
            time,
            value: Value::Int(1),
            tags: &[("host", "a")],
            interval: Some("1h"),
            function: Some("sum"),
            group_by: None,
        };
        let refused = options().aggregate_tag(&point(1_400_000_000_500)).unwrap_err().to_string();
        assert_eq!(refused, "bad timestamp=1400000000500 when trying to add value=[1]/0 to metric=m, tags={host=a}");
        let tagging = RollupOptions { tag_raw: true, ..options() };
        assert_eq!(tagging.aggregate_tag(&point(5)).unwrap(), (5, Some("RAW".into())));
    }
}
