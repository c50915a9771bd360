//! The vocabulary: what a point is, how it is read from text and printed. Knows nobody else in the house.
//!
//! Reading order: [`line`] splits and admits telnet and import lines, [`http`] admits what a JSON body held; both use
//! [`number`] (Java's idea of a number), [`name`] (which characters a name may have) and [`tags`] (a buffer that does not
//! allocate). [`text`] prints numbers as Java does; [`json`] and [`java_regex`] read JSON and patterns as Java does;
//! [`glob`] is the one matcher of `*` and `?`, [`duration`] the one reader of lengths of time. Assigning ids and storing is
//! not done here.

pub mod duration;
pub mod error;
pub mod glob;
pub mod http;
pub mod java_map;
pub mod java_regex;
pub mod json;
mod letters;
pub mod line;
pub mod name;
pub mod number;
pub mod tags;
pub mod text;

pub use error::PointError;
pub use http::{admit_http, http_timestamp_number, http_timestamp_text, present_http};
pub use line::{bad_time, import_line, line_text, not_finite, parse_put, split_words};
pub use name::{NULL, Rules, validate_name};
pub use tags::TagBuf;
pub use text::{write_f32, write_f64, write_i64, write_number};

/// When a point was measured, in the resolution it was given in: the two are stored differently
/// (2-byte and 4-byte qualifiers) although `Seconds(5)` and `Millis(5000)` are one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointTime {
    /// Whole seconds since the epoch.
    Seconds(u32),
    /// Milliseconds since the epoch; always above `u32::MAX`, the rule by which OpenTSDB tells the two apart.
    Millis(i64),
}

impl PointTime {
    /// Highest millisecond OpenTSDB takes, in the year 2286: 13 digits.
    pub const MILLIS_MAX: i64 = 9_999_999_999_999;

    /// By OpenTSDB's rule: what fits 32 bits is seconds, anything above is milliseconds, up to 13 digits.
    /// `None` for zero, negative and longer numbers.
    pub fn from_number(number: i64) -> Option<PointTime> {
        match u32::try_from(number) {
            Ok(0) => None,
            Ok(seconds) => Some(PointTime::Seconds(seconds)),
            Err(_) => (1..=Self::MILLIS_MAX).contains(&number).then_some(PointTime::Millis(number)),
        }
    }

    /// A telnet timestamp: dots are taken out before the number is read, so only three digits behind a dot mean
    /// milliseconds (recorded cases `put_bad/t27` to `t30`).
    pub fn parse(text: &str) -> Result<PointTime, PointError> {
        let number = number::parse_telnet_time(text)?;
        PointTime::from_number(number).ok_or_else(|| {
            let kind = if number <= 0 { "invalid timestamp: " } else { "bad timestamp=" };
            PointError::Illegal(format!("{kind}{number}"))
        })
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        match self {
            PointTime::Seconds(s) => i64::from(s) * 1000,
            PointTime::Millis(ms) => ms,
        }
    }
}

/// A value as it came in, which decides its bytes in the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Stored in the fewest of 1, 2, 4 or 8 bytes.
    Int(i64),
    /// Stored in 4 bytes (flags 0xB): a telnet float that survives the round trip.
    Single(f32),
    /// Stored in 8 bytes (flags 0xF).
    Double(f64),
}

impl Value {
    /// A telnet value: an integer unless it holds `.`, `e` or `E`; a float takes 4 bytes if it survives them
    /// (recorded in `storage/floats`). May be infinite: the caller refuses that with its own words.
    pub fn parse_telnet(text: &str) -> Result<Value, PointError> {
        if number::looks_like_integer(text) {
            return number::parse_long(text).map(Value::Int);
        }
        let value = number::parse_double(text)?;
        let single = value as f32;
        // Bits of infinity count as "survives", as in Java: the refusal then says `Infinity` all the same.
        Ok(if f64::from(single) == value { Value::Single(single) } else { Value::Double(value) })
    }

    /// An HTTP value: as over telnet, but every float takes 8 bytes (recorded in `put/store-floats-none`).
    pub fn parse_http(text: &str) -> Result<Value, PointError> {
        if number::looks_like_integer(text) {
            return number::parse_long(text).map(Value::Int);
        }
        number::parse_double(text).map(Value::Double)
    }

    /// What a reader gets back.
    pub fn number(self) -> Number {
        match self {
            Value::Int(v) => Number::Int(v),
            Value::Single(v) => Number::Float(f64::from(v)),
            Value::Double(v) => Number::Float(v),
        }
    }

    /// False for NaN and infinities, which are refused.
    pub fn is_finite(self) -> bool {
        match self {
            Value::Int(_) => true,
            Value::Single(v) => v.is_finite(),
            Value::Double(v) => v.is_finite(),
        }
    }
}

/// A value as it is read: OpenTSDB's arithmetic differs by kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// 64-bit integer.
    Int(i64),
    /// 64-bit floating point (4-byte floats are widened).
    Float(f64),
}

/// One point, borrowing its names from the input. Names are text; tables hold them as ISO-8859-1.
#[derive(Clone, Debug)]
pub struct Point<'a> {
    /// Metric name.
    pub metric: &'a str,
    /// When.
    pub time: PointTime,
    /// What.
    pub value: Value,
    /// Tags in the order given; keys are unique.
    pub tags: &'a [(&'a str, &'a str)],
}

#[cfg(test)]
mod tests;
