//! Histograms: counts by ranges of values, at an instant of a series, in odd columns of the data table.
//!
//! | qualifier | meaning |
//! | --- | --- |
//! | `06` and 2 bytes | seconds since the row's base time |
//! | `06` and 4 bytes | milliseconds since the row's base time |
//!
//! | value | bytes |
//! | --- | --- |
//! | id of the decoder | 1, as `tsd.core.histograms.config` gives it |
//! | number of ranges | 2 |
//! | of each range, in order: lower bound, upper bound, count | 4 and 4 (floats), 1 to 9 |
//! | count below all ranges, count above | 1 to 9 each |
//!
//! Counts are in groups of 7 bits, the lowest first, the high bit set but in the last; a ninth byte holds 8 bits.
//! Source: recorded scenario `storage/histograms`; what the codec takes was tried on the real one.

mod text;

pub use text::{TextError, base64};

use super::Short;
use crate::point::PointTime;
use crate::point::json;
use std::cmp::Ordering;

/// First byte of a histogram's qualifier.
const PREFIX: u8 = 6;
/// Fewer bytes are no histogram.
const BYTES_MIN: usize = 6;
/// Bytes of a count.
const COUNT_BYTES_MAX: usize = 9;

/// Why bytes are no histogram.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// Too few for any.
    #[error("Byte array shorter than 6 bytes detected: {0}")]
    Short(String),
    /// They end too early.
    #[error("Buffer underflow.")]
    Cut,
    /// Their base64 holds this character, as UTF-16, in Java's words.
    #[error("Index {0} out of bounds for length 128")]
    Beyond(u16),
}

/// A range of values. Ordered as Java orders floats: -0 before 0, NaN last.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Lower bound.
    pub lower: f32,
    /// Upper bound.
    pub upper: f32,
}

impl Range {
    fn key(self) -> (f32, f32) {
        let one = |bound: f32| if bound.is_nan() { f32::NAN } else { bound };
        (one(self.lower), one(self.upper))
    }
}

impl Ord for Range {
    fn cmp(&self, other: &Range) -> Ordering {
        let (a, b) = (self.key(), other.key());
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    }
}

impl PartialOrd for Range {
    fn partial_cmp(&self, other: &Range) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Range {
    fn eq(&self, other: &Range) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Range {}

/// Counts by ranges, and those outside all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// In order, each range once.
    ranges: Vec<(Range, i64)>,
    /// Values below all ranges.
    pub underflow: i64,
    /// Values above all ranges.
    pub overflow: i64,
}

impl Histogram {
    /// Without ranges yet.
    pub fn new(underflow: i64, overflow: i64) -> Histogram {
        Histogram { ranges: Vec::new(), underflow, overflow }
    }

    /// Reads a value behind its id. What follows the last count is passed over.
    pub fn decode(bytes: &[u8]) -> Result<Histogram, HistogramError> {
        if bytes.len() < BYTES_MIN {
            return Err(HistogramError::Short(text::pretty(bytes)));
        }
        Histogram::read(bytes)
    }

    fn read(bytes: &[u8]) -> Result<Histogram, HistogramError> {
        let mut reader = Reader(bytes);
        let count = i16::from_be_bytes(reader.take()?);
        let mut histogram = Histogram::default();
        for _ in 0..count {
            let (lower, upper) = (f32::from_be_bytes(reader.take()?), f32::from_be_bytes(reader.take()?));
            histogram.set(Range { lower, upper }, reader.count()?);
        }
        histogram.underflow = reader.count()?;
        histogram.overflow = reader.count()?;
        Ok(histogram)
    }

    /// A cell's value, with its id. Beyond 65,535 ranges the number of them wraps, as in Java.
    pub fn encode(&self, id: u8) -> Vec<u8> {
        let mut out = Vec::with_capacity(5 + self.ranges.len() * 10);
        out.push(id);
        out.extend_from_slice(&(self.ranges.len() as u16).to_be_bytes());
        for (range, count) in &self.ranges {
            out.extend_from_slice(&range.lower.to_be_bytes());
            out.extend_from_slice(&range.upper.to_be_bytes());
            push_count(&mut out, *count);
        }
        push_count(&mut out, self.underflow);
        push_count(&mut out, self.overflow);
        out
    }

    /// Sets the count of a range.
    pub fn set(&mut self, range: Range, count: i64) {
        // They mostly come in order.
        let place = match self.ranges.last() {
            Some((last, _)) if *last < range => Err(self.ranges.len()),
            None => Err(0),
            Some(_) => self.ranges.binary_search_by(|(known, _)| known.cmp(&range)),
        };
        match place {
            Ok(at) => self.ranges.get_mut(at).map_or((), |entry| entry.1 = count),
            Err(at) => self.ranges.insert(at, (range, count)),
        }
    }

    /// The ranges and their counts, in order.
    pub fn ranges(&self) -> &[(Range, i64)] {
        &self.ranges
    }

    /// The count of a range; 0 if it is not there.
    pub fn count(&self, range: Range) -> i64 {
        let found = self.ranges.binary_search_by(|(known, _)| known.cmp(&range)).ok();
        found.and_then(|at| self.ranges.get(at)).map_or(0, |(_, count)| *count)
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Histogram) {
        let mut ours = std::mem::take(&mut self.ranges).into_iter().peekable();
        let mut theirs = other.ranges.iter().copied().peekable();
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (Some(a), Some(b)) => a.0.cmp(&b.0),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let mine = if order == Ordering::Greater { None } else { ours.next() };
            let its = if order == Ordering::Less { None } else { theirs.next() };
            let merged = match (mine, its) {
                (Some((range, a)), Some((_, b))) => Some((range, a.wrapping_add(b))),
                (one, other) => one.or(other),
            };
            self.ranges.extend(merged);
        }
        self.underflow = self.underflow.wrapping_add(other.underflow);
        self.overflow = self.overflow.wrapping_add(other.overflow);
    }

    /// The middle of the range in which a percentile lies, counts below and above all ranges aside: -1 for less than 1 or
    /// more than 100, 0 if there is nothing. Java's arithmetic: counts are cut to 32 bits, the middle is a 4-byte float.
    pub fn percentile(&self, percent: f64) -> f64 {
        if !(1.0..=100.0).contains(&percent) {
            return -1.0;
        }
        let total = self.ranges.iter().fold(0i32, |sum, (_, count)| sum.wrapping_add(*count as i32));
        let mut below = 0i64;
        for (range, count) in &self.ranges {
            below = below.wrapping_add(i64::from(*count as i32));
            if below as f64 * 100.0 / f64::from(total) >= percent {
                return f64::from((range.lower + range.upper) / 2.0);
            }
        }
        0.0
    }

    /// Bytes of memory it takes.
    pub fn bytes(&self) -> u64 {
        (size_of::<Histogram>() + self.ranges.capacity() * size_of::<(Range, i64)>()) as u64
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], HistogramError> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(HistogramError::Cut)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn count(&mut self) -> Result<i64, HistogramError> {
        let mut value = 0u64;
        for place in 0..COUNT_BYTES_MAX {
            let [byte] = self.take()?;
            let last = place + 1 == COUNT_BYTES_MAX;
            value |= u64::from(if last { byte } else { byte & 0x7F }) << (7 * place);
            if last || byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value as i64)
    }
}

fn push_count(out: &mut Vec<u8>, count: i64) {
    let mut left = count as u64;
    for place in 1..=COUNT_BYTES_MAX {
        let last = place == COUNT_BYTES_MAX;
        if last || left < 0x80 {
            out.push(left as u8);
            return;
        }
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
}

/// The column of a histogram at a time.
pub fn histogram_column(time: PointTime) -> Short<5> {
    let base = i64::from(super::base_time(time));
    match time {
        PointTime::Seconds(seconds) => {
            let [.., a, b] = (i64::from(seconds) - base).to_be_bytes();
            Short::tail([0, 0, PREFIX, a, b], 3)
        }
        PointTime::Millis(ms) => {
            let [.., a, b, c, d] = (ms.rem_euclid(i64::from(super::ROW_SECONDS) * 1000)).to_be_bytes();
            Short::tail([PREFIX, a, b, c, d], 5)
        }
    }
}

/// When a histogram's column lies, in milliseconds since the epoch; `None` if this is no histogram's column.
pub fn histogram_time(qualifier: &[u8], base: u32) -> Option<i64> {
    let base_ms = i64::from(base) * 1000;
    match *qualifier {
        [PREFIX, a, b] => Some(base_ms + i64::from(u16::from_be_bytes([a, b])) * 1000),
        [PREFIX, a, b, c, d] => Some(base_ms + i64::from(u32::from_be_bytes([a, b, c, d]))),
        _ => None,
    }
}

/// Which ids of `tsd.core.histograms.config` have a decoder here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoders {
    /// Id of `SimpleHistogramDecoder`; `None`: it is not in the list.
    pub simple: Option<u8>,
}

/// The one decoder that is built in, by its name in Java.
const SIMPLE: &str = "net.opentsdb.core.SimpleHistogramDecoder";

impl Decoders {
    /// Reads `tsd.core.histograms.config`: an object of ids by the names of decoders.
    ///
    /// # Errors
    /// It is no such object, an id is not from 0 to 255 or given twice, or a decoder is not built in.
    pub fn parse(text: &str) -> Result<Decoders, String> {
        let members = json::parse(text.as_bytes()).and_then(|value| value.object("the list of decoders")).map_err(|e| e.to_string())?;
        let mut decoders = Decoders::default();
        let mut ids: Vec<i64> = Vec::new();
        for (name, id) in members {
            let id = id.integer(&name).map_err(|e| e.to_string())?;
            if ids.contains(&id) {
                return Err(format!("Duplicate ID found for codec '{name}': {id}"));
            }
            ids.push(id);
            let byte = u8::try_from(id).map_err(|_| format!("ID for codec '{name}' must be from 0 to 255."))?;
            if name != SIMPLE {
                return Err(format!("there is no decoder '{name}' here, only '{SIMPLE}'"));
            }
            decoders.simple = Some(byte);
        }
        Ok(decoders)
    }

    /// The id for histograms that come as text or as ranges in JSON.
    pub fn simple_id(&self) -> Result<u8, String> {
        self.simple.ok_or_else(|| format!("No codec ID assigned to class class {SIMPLE}"))
    }

    /// That an id has a decoder.
    pub fn known_id(&self, id: i64) -> Result<u8, String> {
        self.simple.filter(|known| i64::from(*known) == id).ok_or_else(|| format!("No codec found mapped to ID {id}"))
    }

    /// Reads a cell's value. `None`: its id is nobody's, or it is damaged.
    pub fn decode(&self, value: &[u8]) -> Option<Histogram> {
        let (id, bytes) = value.split_first()?;
        // The id counts among the bytes that there must be.
        (self.simple == Some(*id) && value.len() >= BYTES_MIN).then(|| Histogram::read(bytes).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{from_hex, to_hex};

    fn sample() -> Histogram {
        let mut histogram = Histogram { underflow: 1, overflow: 300, ..Histogram::default() };
        histogram.set(Range { lower: 1.75, upper: 3.5 }, 16);
        histogram.set(Range { lower: 0.0, upper: 1.75 }, 12);
        histogram
    }

    /// The cells of `storage/histograms`.
    #[test]
    fn recorded_cells() {
        for (cell, ranges, outside) in [
            ("2a00013f80000040000000050102", 1, (1, 2)),
            ("2a0002000000003fe000000c3fe0000040600000100000", 2, (0, 0)),
            ("2a0001000000003f800000010000", 1, (0, 0)),
        ] {
            let bytes = from_hex(cell).unwrap();
            let histogram = Decoders { simple: Some(42) }.decode(&bytes).unwrap();
            assert_eq!((histogram.ranges().len(), (histogram.underflow, histogram.overflow)), (ranges, outside), "{cell}");
            assert_eq!(histogram.encode(42), bytes, "{cell}");
        }
        assert_eq!(Decoders { simple: Some(7) }.decode(&from_hex("2a00013f80000040000000050102").unwrap()), None);
        assert_eq!(Decoders { simple: Some(42) }.decode(&[42, 0, 0, 0, 0]), None); // five bytes are none, six are
        assert_eq!(Decoders { simple: Some(42) }.decode(&[42, 0, 0, 1, 2, 9]).map(|h| (h.underflow, h.overflow)), Some((1, 2)));
    }

    #[test]
    fn decoders() {
        assert_eq!(Decoders::parse(r#"{"net.opentsdb.core.SimpleHistogramDecoder": 42}"#), Ok(Decoders { simple: Some(42) }));
        assert_eq!(Decoders::parse("{}").map(|d| d.simple_id().is_err()), Ok(true));
        for (text, want) in [
            ("x", "no value of JSON begins at line 1, column 1"),
            (
                r#"{"net.opentsdb.core.SimpleHistogramDecoder": 256}"#,
                "ID for codec 'net.opentsdb.core.SimpleHistogramDecoder' must be from 0 to 255.",
            ),
            (r#"{"net.opentsdb.core.SimpleHistogramDecoder": 1, "a.b": 1}"#, "Duplicate ID found for codec 'a.b': 1"),
            (r#"{"a.b": 1}"#, "there is no decoder 'a.b' here, only 'net.opentsdb.core.SimpleHistogramDecoder'"),
        ] {
            assert_eq!(Decoders::parse(text).unwrap_err(), want);
        }
        assert_eq!(Decoders { simple: Some(42) }.known_id(7).unwrap_err(), "No codec found mapped to ID 7");
    }

    #[test]
    fn columns() {
        let check = |time, want: &str| {
            let column = histogram_column(time);
            assert_eq!(to_hex(column.as_bytes()), want);
            assert_eq!(histogram_time(column.as_bytes(), super::super::base_time(time)), Some(time.millis()));
        };
        check(PointTime::Seconds(1_400_000_000), "060C80");
        check(PointTime::Seconds(1_400_001_000), "060258"); // unlike an annotation's, seconds stay seconds
        check(PointTime::Millis(1_400_000_002_500), "060030DDC4");
        assert_eq!(histogram_time(&[1, 0, 0], 0), None);
        assert_eq!(histogram_time(&[6, 0, 0, 0], 0), None);
    }

    #[test]
    fn counts() {
        for count in [0, 1, 127, 128, 300, 1 << 20, 1 << 55, 1 << 56, i64::MAX, i64::MIN, -1] {
            let histogram = Histogram { overflow: count, ..Histogram::default() };
            let bytes = histogram.encode(0);
            assert_eq!(Histogram::read(bytes.get(1..).unwrap()), Ok(histogram));
        }
        assert_eq!(to_hex(&Histogram { overflow: -1, ..Histogram::default() }.encode(42)), "2A000000FFFFFFFFFFFFFFFFFF");
    }

    #[test]
    fn damage_is_an_error() {
        assert_eq!(Histogram::decode(&[0, 0, 0]).unwrap_err().to_string(), "Byte array shorter than 6 bytes detected: [0, 0, 0]");
        assert_eq!(Histogram::decode(&[0, 1, 0, 0, 0, 0]), Err(HistogramError::Cut));
        assert_eq!(Histogram::decode(&[0xFF, 0xFF, 1, 2, 0, 0]).map(|h| h.overflow), Ok(2)); // a negative number is none
        crate::fuzz::run(|dice| {
            let mut bytes = sample().encode(42);
            dice.mutate(&mut bytes, &[]);
            if let Ok(histogram) = Histogram::read(&bytes) {
                assert_eq!(Histogram::read(histogram.encode(0).get(1..).unwrap()), Ok(histogram));
            }
        });
    }

    #[test]
    fn sums() {
        let mut sum = sample();
        let mut other = Histogram { underflow: 2, ..Histogram::default() };
        other.set(Range { lower: 1.75, upper: 3.5 }, 4);
        other.set(Range { lower: -1.0, upper: 0.0 }, 5);
        other.set(Range { lower: 9.0, upper: 10.0 }, 6);
        sum.add(&other);
        let counts: Vec<i64> = sum.ranges().iter().map(|(_, count)| *count).collect();
        assert_eq!((counts, sum.underflow, sum.overflow), (vec![5, 12, 20, 6], 3, 300));
        assert_eq!(sum.count(Range { lower: 9.0, upper: 10.0 }), 6);
        assert_eq!(sum.count(Range { lower: 9.0, upper: 11.0 }), 0);
    }

    /// Cases `histogram/q-00`, `histogram/q-10` and what the real one answered.
    #[test]
    fn percentiles() {
        let histogram = sample();
        for (percent, want) in [(50.0, 2.625), (42.0, 0.875), (43.0, 2.625), (100.0, 2.625), (1.0, 0.875), (0.5, -1.0), (100.1, -1.0)] {
            assert_eq!(histogram.percentile(percent), want, "{percent}");
        }
        assert_eq!(Histogram::default().percentile(50.0), 0.0);
        let mut zero = Histogram::default();
        zero.set(Range { lower: 1.0, upper: 2.0 }, 0);
        assert_eq!(zero.percentile(50.0), 0.0);
    }
}
