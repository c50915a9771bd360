//! What is drawn: series, marks and counts of histograms over a span of time. Plain values; nothing here knows where they came
//! from.

use jiff::tz::TimeZone;

/// One picture's contents.
#[derive(Clone, Debug)]
pub struct Picture {
    /// First instant of the time axis, in milliseconds since the epoch.
    pub start_ms: i64,
    /// Last instant of the time axis. After the first; if it is not, the axis is a second long.
    pub end_ms: i64,
    /// Zone of the time axis.
    pub zone: TimeZone,
    /// Lines, in the order of their legend.
    pub series: Vec<Series>,
    /// Events over all lines.
    pub marks: Vec<Mark>,
    /// Counts of ranges, drawn as colours behind the lines.
    pub heat: Option<Heat>,
}

/// One line.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// What is measured.
    pub name: String,
    /// Which one of several, by tag name.
    pub tags: Vec<(String, String)>,
    /// Measured on the right axis.
    pub right: bool,
    /// Milliseconds since the epoch and value, in time order. NaN and infinities are gaps.
    pub points: Vec<(i64, f64)>,
}

/// An event: a line across the picture and its text.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What.
    pub text: String,
}

/// Counts of ranges over time.
#[derive(Clone, Debug, Default)]
pub struct Heat {
    /// What is counted.
    pub name: String,
    /// The ranges, ascending.
    pub rows: Vec<HeatRow>,
}

/// The counts of one range.
#[derive(Clone, Debug)]
pub struct HeatRow {
    /// From, included.
    pub lower: f64,
    /// To.
    pub upper: f64,
    /// Milliseconds since the epoch and count, in time order.
    pub points: Vec<(i64, f64)>,
}

impl Series {
    /// The name with all tags: `metric{a=1, b=2}`.
    pub fn title(&self) -> String {
        if self.tags.is_empty() {
            return self.name.clone();
        }
        let tags: Vec<String> = self.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{}{{{}}}", self.name, tags.join(", "))
    }
}
