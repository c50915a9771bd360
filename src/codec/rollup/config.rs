//! `tsd.rollups.config`: the JSON that names functions, intervals and tables. Every check of OpenTSDB's, in its words, and
//! one of ours: a table that serves two intervals would mix their rows.

use super::{OFFSETS_READABLE, RollupColumn, RollupInterval, RowSpan};
use crate::point::duration::parse_duration;
use serde_json::Value;
use std::sync::Arc;

/// Most and fewest intervals of a row.
const INTERVALS_MAX: i64 = 7_774;
const INTERVALS_MIN: i64 = 12;

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RollupConfigError(String);

type Checked<T> = Result<T, RollupConfigError>;

fn wrong<T>(why: impl Into<String>) -> Checked<T> {
    Err(RollupConfigError(why.into()))
}

/// Functions and intervals of a cluster's rollups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupConfig {
    intervals: Vec<RollupInterval>,
    /// Names in lower case, with their numbers.
    functions: Vec<(String, u8)>,
    default: usize,
}

impl RollupConfig {
    /// Reads and checks the JSON. `is_function`: whether there is an aggregation function of that name.
    pub fn parse(json: &str, is_function: impl Fn(&str) -> bool) -> Checked<RollupConfig> {
        let json: Value = serde_json::from_str(json).map_err(|e| RollupConfigError(format!("not valid JSON: {e}")))?;
        if !json.is_object() {
            return wrong("not a JSON object");
        }
        let mut intervals: Vec<RollupInterval> = Vec::new();
        for given in list(&json, "intervals")? {
            intervals.push(interval(given)?);
        }
        if intervals.is_empty() {
            return wrong("Rollup config given but no intervals were found.");
        }
        let Some(ids) = json.get("aggregationIds").and_then(Value::as_object).filter(|ids| !ids.is_empty()) else {
            return wrong("Rollup config given but no aggegation ID mappings found.");
        };
        for (at, one) in intervals.iter().enumerate() {
            let before = intervals.get(..at).unwrap_or_default();
            check_beside(one, before)?;
        }
        let functions = functions(ids, is_function)?;
        let Some(default) = intervals.iter().position(|one| one.is_default) else {
            return wrong("None of the rollup intervals were marked as the \"default\".");
        };
        Ok(RollupConfig { intervals, functions, default })
    }

    /// What an operator should know although it works.
    pub fn warnings(&self) -> Vec<String> {
        let many = self.intervals.iter().filter(|one| one.intervals > OFFSETS_READABLE);
        many.map(|one| {
            format!("interval {} has {} values a row; OpenTSDB cannot read those beyond {OFFSETS_READABLE}", one.name, one.intervals)
        })
        .collect()
    }

    /// All intervals.
    pub fn intervals(&self) -> &[RollupInterval] {
        &self.intervals
    }

    /// The interval of plain points.
    pub fn default_interval(&self) -> Option<&RollupInterval> {
        self.intervals.get(self.default)
    }

    /// The interval of a name.
    pub fn interval(&self, name: &str) -> Option<&RollupInterval> {
        self.intervals.iter().find(|one| &*one.name == name)
    }

    /// The intervals that divide a length in seconds, the longest first.
    pub fn dividing(&self, seconds: i64) -> Vec<&RollupInterval> {
        let mut found: Vec<&RollupInterval> = self.intervals.iter().filter(|one| seconds % i64::from(one.seconds) == 0).collect();
        found.sort_by_key(|one| std::cmp::Reverse(one.seconds));
        found.dedup_by_key(|one| one.seconds);
        found
    }

    /// The number of a function. The error is OpenTSDB's text.
    pub fn id(&self, function: &str) -> Result<u8, String> {
        if function.is_empty() {
            return Err("Aggregator cannot be null or empty.".to_owned());
        }
        let lower = function.to_lowercase();
        let found = self.functions.iter().find(|(name, _)| *name == lower);
        found.map(|(_, id)| *id).ok_or_else(|| format!("No ID found mapping to aggregator: {function}"))
    }

    /// The columns of a function.
    pub fn column(&self, function: &str) -> Result<RollupColumn, String> {
        Ok(RollupColumn::new(self.id(function)?, function))
    }
}

fn list<'v>(json: &'v Value, key: &str) -> Checked<&'v [Value]> {
    match json.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => wrong(format!("{key} must be a list")),
    }
}

/// A text field; numbers count as their text.
fn text<'v>(given: &'v Value, key: &str) -> std::borrow::Cow<'v, str> {
    match given.get(key) {
        Some(Value::String(text)) => text.as_str().into(),
        Some(other @ (Value::Number(_) | Value::Bool(_))) => other.to_string().into(),
        _ => "".into(),
    }
}

fn interval(given: &Value) -> Checked<RollupInterval> {
    if !given.is_object() {
        return wrong(format!("an interval must be an object, and is: {given}"));
    }
    let span = span(&text(given, "rowSpan"))?;
    let (table, preaggregates) = (text(given, "table"), text(given, "preAggregationTable"));
    if table.is_empty() {
        return wrong("The rollup table cannot be null or empty");
    }
    if preaggregates.is_empty() {
        return wrong("The pre-aggregate rollup table cannot be null or empty");
    }
    if let RowSpan::Hours(hours) = span
        && hours > 1
        && hours % 2 != 0
    {
        return wrong("The multiplier must be 1 or an even value");
    }
    let name = text(given, "interval");
    let seconds = duration_ms(&name)? / 1000;
    if seconds >= i64::from(i32::MAX) {
        return wrong(format!("Interval is too big: {seconds}"));
    }
    if seconds == 0 {
        return wrong(format!("Milliseconds are not supported: {name}"));
    }
    let sla = text(given, "delaySla");
    let lag = if sla.is_empty() { 0 } else { duration_ms(&sla)? / 1000 };
    if lag < 1 && !sla.is_empty() {
        return wrong("Milliseconds are not supported as the maximum delay");
    }
    let unit = unit_of(span);
    if seconds >= span.longest() {
        return wrong(format!("Interval [{seconds}] is too large for the span [{unit}]"));
    }
    let intervals = span.longest() / seconds;
    if intervals > INTERVALS_MAX {
        let max = INTERVALS_MAX;
        return wrong(format!("Too many intervals [{intervals}] in the span. Must be smaller than [{max}] to fit in 14 bits"));
    }
    if intervals < INTERVALS_MIN {
        return wrong(format!("Not enough intervals [{intervals}] for the span. Must be at least [{INTERVALS_MIN}]"));
    }
    let is_default = match given.get("defaultInterval") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is)) => *is,
        Some(other) => return wrong(format!("defaultInterval must be true or false, and is: {other}")),
    };
    Ok(RollupInterval {
        name: Arc::from(name.as_ref()),
        table: Arc::from(table.as_ref()),
        preaggregates: Arc::from(preaggregates.as_ref()),
        seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
        span,
        intervals: u32::try_from(intervals).unwrap_or(u32::MAX),
        is_default,
        lag: u32::try_from(lag).unwrap_or(u32::MAX),
    })
}

/// Checks of an interval against those before it.
fn check_beside(one: &RollupInterval, before: &[RollupInterval]) -> Checked<()> {
    let RollupInterval { name, .. } = one;
    if before.iter().any(|other| other.name == *name) {
        return wrong(format!("Only one interval of each type can be configured: {name}"));
    }
    if one.is_default && before.iter().any(|other| other.is_default) {
        return wrong(format!("Multiple default intervals configured. Only one is allowed: {name}"));
    }
    let tables = |of: &RollupInterval| [of.table.clone(), of.preaggregates.clone()];
    for other in before {
        if let Some(shared) = tables(one).into_iter().find(|table| tables(other).contains(table)) {
            return wrong(format!("intervals {} and {name} share the table {shared}: their rows would be mixed", other.name));
        }
    }
    Ok(())
}

fn functions(ids: &serde_json::Map<String, Value>, is_function: impl Fn(&str) -> bool) -> Checked<Vec<(String, u8)>> {
    let mut functions: Vec<(String, u8)> = Vec::new();
    for (name, given) in ids {
        let number = given.as_i64().or_else(|| given.as_str()?.trim().parse().ok());
        let Some(id) = number.filter(|id| (0..=127).contains(id)).and_then(|id| u8::try_from(id).ok()) else {
            return wrong(format!("ID for aggregator must be between 0 and 127: {name}={given}"));
        };
        if functions.iter().any(|(_, other)| *other == id) {
            return wrong(format!("Multiple mappings for the ID '{id}' are not allowed."));
        }
        let lower = name.to_lowercase();
        if !is_function(&lower) {
            return wrong(format!("No such aggregator found for {lower}"));
        }
        functions.push((lower, id));
    }
    Ok(functions)
}

/// `1h`, `6h`, `1d`, `1n`, `1y`.
fn span(text: &str) -> Checked<RowSpan> {
    if text.is_empty() {
        return wrong("Duration cannot be null or empty");
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let unit = unit.to_lowercase();
    match unit.as_str() {
        "s" | "m" | "h" | "d" | "w" | "n" | "y" => {}
        "ms" => return wrong("Milliseconds are not supported"),
        _ => return wrong(format!("Invalid units in the duration: {unit}")),
    }
    let Ok(number) = number.parse::<i32>() else { return wrong(format!("Invalid duration (number): {text}")) };
    let Ok(number @ 1..) = u32::try_from(number) else { return wrong(format!("Zero or negative duration: {text}")) };
    if unit != "h" && number > 1 {
        return wrong("Multipliers are only usable with the 'h' unit");
    }
    match unit.as_str() {
        "h" => Ok(RowSpan::Hours(number)),
        "d" => Ok(RowSpan::Day),
        "n" => Ok(RowSpan::Month),
        "y" => Ok(RowSpan::Year),
        _ => wrong(format!("Unrecogznied span '{unit}'")),
    }
}

fn unit_of(span: RowSpan) -> char {
    match span {
        RowSpan::Hours(_) => 'h',
        RowSpan::Day => 'd',
        RowSpan::Month => 'n',
        RowSpan::Year => 'y',
    }
}

fn duration_ms(text: &str) -> Checked<i64> {
    parse_duration(text).map_err(RollupConfigError)
}
