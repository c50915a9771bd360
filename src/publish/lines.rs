//! Points, histograms and annotations as lines of JSON. The part of a line that its series decides is kept.

use super::Waiting;
use crate::codec::{Decoders, Note, to_hex};
use crate::point::{Number, PointTime, write_f32, write_i64, write_number};
use crate::uid::{UidError, UidKind, Uids};
use rustc_hash::FxHashMap;

/// Series whose part of the line is kept.
const SERIES_MAX: usize = 100_000;

/// Writes lines; keeps its buffer.
pub struct Lines<'a> {
    uids: &'a Uids,
    decoders: Decoders,
    series: FxHashMap<Box<[u8]>, Option<String>>,
    out: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub fn new(uids: &'a Uids, decoders: Decoders) -> Lines<'a> {
        Lines { uids, decoders, series: FxHashMap::default(), out: Vec::new() }
    }

    /// The lines of these. A series whose names cannot be had is left out, with a line in the log.
    pub fn write(&mut self, news: &[Waiting]) -> &[u8] {
        self.out.clear();
        for one in news {
            match one {
                Waiting::Point { tsuid, time, value } => self.point(tsuid, *time, *value),
                Waiting::Histogram { tsuid, ms, cell } => self.histogram(tsuid, *ms, cell),
                Waiting::Note(line) => self.out.extend_from_slice(line),
            }
        }
        &self.out
    }

    fn point(&mut self, tsuid: &[u8], time: PointTime, value: Number) {
        let Some(tail) = tail(&mut self.series, self.uids, tsuid) else { return };
        self.out.extend_from_slice(b"{\"timestamp\":");
        write_i64(&mut self.out, time.millis());
        self.out.extend_from_slice(b",\"value\":");
        write_number(&mut self.out, value);
        self.out.extend_from_slice(tail.as_bytes());
    }

    /// With the members of `POST /api/histogram`: a line can be sent there as it is.
    fn histogram(&mut self, tsuid: &[u8], ms: i64, cell: &[u8]) {
        let (Some(histogram), Some(id)) = (self.decoders.decode(cell), cell.first()) else { return };
        let Some(tail) = tail(&mut self.series, self.uids, tsuid) else { return };
        let out = &mut self.out;
        out.extend_from_slice(b"{\"type\":\"histogram\"");
        let number = |out: &mut Vec<u8>, name: &str, value: i64| {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            write_i64(out, value);
        };
        number(out, "timestamp", ms);
        number(out, "id", i64::from(*id));
        number(out, "underflow", histogram.underflow);
        number(out, "overflow", histogram.overflow);
        out.extend_from_slice(b",\"buckets\":{");
        for (place, (range, count)) in histogram.ranges().iter().enumerate() {
            out.extend_from_slice(if place == 0 { &b"\""[..] } else { b",\"" });
            write_f32(out, range.lower);
            out.push(b',');
            write_f32(out, range.upper);
            out.extend_from_slice(b"\":");
            write_i64(out, *count);
        }
        out.push(b'}');
        out.extend_from_slice(tail.as_bytes());
    }
}

/// Appends the line of a note.
pub fn write_note(note: &Note, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"annotation\",");
    let mut fields = Vec::new();
    note.push_json(&mut fields);
    out.extend_from_slice(fields.strip_prefix(b"{").unwrap_or(&fields));
    out.push(b'\n');
}

/// What follows the value in each line of a series. `None`, with a line in the log: its names cannot be had.
fn tail<'s>(series: &'s mut FxHashMap<Box<[u8]>, Option<String>>, uids: &Uids, tsuid: &[u8]) -> Option<&'s str> {
    if series.len() >= SERIES_MAX {
        series.clear();
    }
    if !series.contains_key(tsuid) {
        let tail = made_tail(uids, tsuid);
        if let Err(e) = &tail {
            tracing::warn!("points of series {} are not published: {e}", to_hex(tsuid));
        }
        series.insert(tsuid.into(), tail.ok());
    }
    series.get(tsuid)?.as_deref()
}

/// `,"metric":...,"tags":{...},"tsuid":"..."}` and the line's end.
fn made_tail(uids: &Uids, tsuid: &[u8]) -> Result<String, UidError> {
    let width = |kind| usize::from(uids.width(kind));
    let (metric, pairs) = tsuid.split_at_checked(width(UidKind::Metric)).unwrap_or((tsuid, &[]));
    let mut tags = serde_json::Map::new();
    for pair in pairs.chunks(width(UidKind::Tagk) + width(UidKind::Tagv)) {
        let (key, value) = pair.split_at_checked(width(UidKind::Tagk)).unwrap_or((pair, &[]));
        tags.insert(uids.name(UidKind::Tagk, key)?.to_string(), uids.name(UidKind::Tagv, value)?.to_string().into());
    }
    let metric = uids.name(UidKind::Metric, metric)?;
    let line = serde_json::json!({ "metric": &*metric, "tags": tags, "tsuid": to_hex(tsuid) }).to_string();
    Ok(format!(",{}\n", line.trim_start_matches('{')))
}
