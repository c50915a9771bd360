//! Points from a JSON body: the rules behind `/api/put`. Reading the JSON itself is the server's.

use super::{Point, PointError, Rules, TagBuf, Value, line};

/// Admits one point of a JSON body. Absent and `null` fields are `None`; numbers and booleans come as their text, as
/// they stand in the body. `time` is 0 if absent.
///
/// The checks come in OpenTSDB's order and words (recorded cases `put/v-*`). A value that is no number is
/// [`PointError::InvalidValue`]: use [`PointError::http_text`] for the answer.
pub fn admit_http<'t, 'a: 't>(
    metric: Option<&'a str>,
    time: i64,
    value: Option<&str>,
    tags: &'t TagBuf<'a>,
    rules: &Rules,
) -> Result<Point<'t>, PointError> {
    let (metric, value) = present_http(metric, time, value, tags)?;
    let value = Value::parse_http(value)?;
    line::admit(metric, time, value, tags, rules, true)
}

/// That nothing is missing. Gives metric and value.
pub fn present_http<'a, 'v>(
    metric: Option<&'a str>,
    time: i64,
    value: Option<&'v str>,
    tags: &TagBuf<'_>,
) -> Result<(&'a str, &'v str), PointError> {
    let refuse = |words: &str| Err(PointError::Illegal(words.into()));
    let Some(metric) = metric.filter(|m| !m.is_empty()) else {
        return refuse("Metric name was empty");
    };
    if time <= 0 {
        return refuse("Invalid timestamp");
    }
    let Some(value) = value.filter(|v| !v.is_empty()) else {
        return refuse("Empty value");
    };
    if tags.as_slice().is_empty() {
        return refuse("Missing tags");
    }
    Ok((metric, value))
}

/// A timestamp given as a JSON string: digits with an optional sign, blanks around them; empty counts as 0. `None`: the
/// body is refused as bad JSON (recorded case `put/v-dotted-string-ts`).
pub fn http_timestamp_text(text: &str) -> Option<i64> {
    let text = text.trim_matches(|c| c <= ' ');
    if text.is_empty() || text == "null" {
        return Some(0);
    }
    text.parse().ok()
}

/// A timestamp given as a JSON number with a point or exponent: what stands behind the point is cut off. `None`: too
/// large for 64 bits, the body is refused (recorded case `put/v-float-ts`).
pub fn http_timestamp_number(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_807.0;
    (-LIMIT..=LIMIT).contains(&number).then_some(number as i64)
}
