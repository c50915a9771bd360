//! The vocabulary: what a point is, how it is read from text and printed. Knows nobody else in the house.

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
