//! `histogram metric time [id] value tag...`: with an id the value is base64, without one it is text of ranges and counts.
//!
//! Recorded in `histogram_on`; what it leaves open was tried on the real one. What is wrong in a value or a name is found
//! when the point is stored, so the original calls it an error of HBase, and says nothing at all of a text that it cannot
//! read: it fails again while it reports the failure.

use crate::codec::histogram::base64;
use crate::codec::{Decoders, Histogram};
use crate::point::number::parse_telnet_time;
use crate::point::{PointError, TagBuf};

/// Words that a line needs behind the command.
const WORDS_MIN: usize = 4;

/// A line that was read.
pub struct Line<'a> {
    /// Metric name.
    pub metric: &'a str,
    /// Above 0.
    pub time: i64,
    /// The cell's value.
    pub value: Vec<u8>,
}

/// Why a line is refused.
#[derive(Debug, PartialEq)]
pub enum Refused {
    /// A mistake in the line.
    Line(PointError),
    /// A mistake that the original finds when it stores.
    Stored(String),
    /// A mistake that the original does not tell; only for the log.
    Silent(String),
}

/// Reads what stands behind the command. `None`: histograms are not configured.
pub fn parse<'a>(words: Option<&'a str>, decoders: Option<&Decoders>, tags: &mut TagBuf<'a>) -> Result<Line<'a>, Refused> {
    let illegal = |words: String| Refused::Line(PointError::Illegal(words));
    let decoders = decoders.ok_or_else(|| illegal(crate::server::http::histogram::NOT_ENABLED.to_owned()))?;
    let words: Vec<&str> = words.map(|words| words.split(' ').collect()).unwrap_or_default();
    let (&[metric, time, first, ref rest @ ..], true) = (words.as_slice(), words.len() >= WORDS_MIN) else {
        return Err(illegal(format!("not enough arguments (need least 5, got {})", words.len())));
    };
    if metric.is_empty() {
        return Err(illegal("empty metric name".into()));
    }
    let time = parse_telnet_time(time).map_err(Refused::Line)?;
    if time <= 0 {
        return Err(illegal(format!("invalid timestamp: {time}")));
    }
    let id = first.parse::<i32>().ok();
    let (value, rest) = match (id, rest.split_first()) {
        (Some(_), Some((value, rest))) => (*value, rest),
        _ => (first, rest),
    };
    let simple = if id.is_none() { Some(decoders.simple_id().map_err(illegal)?) } else { None };
    if value.is_empty() {
        return Err(illegal("empty histogram value".into()));
    }
    for word in rest.iter().filter(|word| !word.is_empty()) {
        tags.parse_word(word).map_err(Refused::Line)?;
    }
    let (id, histogram) = match (simple, id) {
        (None, Some(id)) => {
            let id = decoders.known_id(i64::from(id)).map_err(Refused::Stored)?;
            let histogram = base64(value).and_then(|bytes| Histogram::decode(&bytes));
            (id, histogram.map_err(|e| Refused::Stored(e.to_string()))?)
        }
        (simple, _) => (simple.unwrap_or_default(), Histogram::parse(value).map_err(|e| Refused::Silent(e.to_string()))?),
    };
    Ok(Line { metric, time, value: histogram.encode(id) })
}
