//! Points and annotations as lines of JSON. The part of a point's line that its series decides is kept.

use super::Waiting;
use crate::codec::{Note, to_hex};
use crate::point::{Number, write_f64, write_i64};
use crate::uid::{UidError, UidKind, Uids};
use rustc_hash::FxHashMap;

/// Series whose part of the line is kept.
const SERIES_MAX: usize = 100_000;

/// Writes lines; keeps its buffer.
pub struct Lines<'a> {
    uids: &'a Uids,
    series: FxHashMap<Box<[u8]>, Option<String>>,
    out: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub fn new(uids: &'a Uids) -> Lines<'a> {
        Lines { uids, series: FxHashMap::default(), out: Vec::new() }
    }

    /// The lines of these. A series whose names cannot be had is left out, with a line in the log.
    pub fn write(&mut self, news: &[Waiting]) -> &[u8] {
        self.out.clear();
        for one in news {
            let (tsuid, time, value) = match one {
                Waiting::Point { tsuid, time, value } => (tsuid, time, *value),
                Waiting::Note(line) => {
                    self.out.extend_from_slice(line);
                    continue;
                }
            };
            if self.series.len() >= SERIES_MAX {
                self.series.clear();
            }
            if !self.series.contains_key(&**tsuid) {
                let tail = tail(self.uids, tsuid);
                if let Err(e) = &tail {
                    tracing::warn!("points of series {} are not published: {e}", to_hex(tsuid));
                }
                self.series.insert(tsuid.clone(), tail.ok());
            }
            let Some(Some(tail)) = self.series.get(&**tsuid) else { continue };
            self.out.extend_from_slice(b"{\"timestamp\":");
            write_i64(&mut self.out, time.millis());
            self.out.extend_from_slice(b",\"value\":");
            match value {
                Number::Int(n) => write_i64(&mut self.out, n),
                Number::Float(x) => write_f64(&mut self.out, x),
            }
            self.out.extend_from_slice(tail.as_bytes());
        }
        &self.out
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

/// What follows the value in each line of a series: `,"metric":...,"tags":{...},"tsuid":"..."}` and the line's end.
fn tail(uids: &Uids, tsuid: &[u8]) -> Result<String, UidError> {
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
