//! Annotations: notes at an instant of a series, or of no series at all (global ones), as JSON in the data table.
//!
//! | qualifier | meaning |
//! | --- | --- |
//! | `01` and 2 bytes | seconds since the row's base time |
//! | `01` and 4 bytes | milliseconds since the row's base time |
//!
//! A note of a series stands in the series' row of that hour, a global one under a key of zeros (salt and metric), the base
//! time and no tags. Source: recorded scenarios `storage/annotations` and `annotation`; the arithmetic of start times that
//! divide by 1,000 was tried on the real one.

use super::{Layout, ROW_SECONDS, SeriesKey, Short};
use crate::point::json::{self, Json, JsonError, push_string};
use crate::point::write_i64;
use std::collections::BTreeMap;

/// First byte of a note's qualifier.
const PREFIX: u8 = 1;
/// A start below it is seconds, from it on milliseconds.
const MILLIS_FROM: i64 = 1 << 32;

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The series in hex as the caller wrote it; empty for global notes.
    pub tsuid: String,
    /// When it begins, in seconds or milliseconds since the epoch, as the caller gave it.
    pub start: i64,
    /// When it ends; 0: nobody said.
    pub end: i64,
    /// A short text; `None` if the caller sent `null`.
    pub description: Option<String>,
    /// A long text; `None` if the caller sent `null`.
    pub notes: Option<String>,
    /// Further fields by name; a value may be `null`.
    pub custom: Option<BTreeMap<String, Option<String>>>,
}

impl Default for Note {
    fn default() -> Note {
        Note { tsuid: String::new(), start: 0, end: 0, description: Some(String::new()), notes: Some(String::new()), custom: None }
    }
}

impl Note {
    /// Reads what a cell holds.
    ///
    /// # Errors
    /// The text is no JSON object, or a field has another type than a note's.
    pub fn parse(value: &[u8]) -> Result<Note, JsonError> {
        let mut note = Note::default();
        for (key, value) in json::parse(value)?.object("an annotation")? {
            note.set(&key, value)?;
        }
        Ok(note)
    }

    /// Sets a field by its name in JSON; unknown names are passed over.
    ///
    /// # Errors
    /// The value has another type than the field.
    pub fn set(&mut self, key: &str, value: Json) -> Result<(), JsonError> {
        match key {
            "tsuid" => self.tsuid = value.text(key)?.unwrap_or_default(),
            "startTime" => self.start = value.integer(key)?,
            "endTime" => self.end = value.integer(key)?,
            "description" => self.description = value.text(key)?,
            "notes" => self.notes = value.text(key)?,
            "custom" if value == Json::Null => self.custom = None,
            "custom" => {
                let members = value.object(key)?.into_iter().map(|(name, value)| Ok((name, value.text(key)?)));
                self.custom = Some(members.collect::<Result<_, JsonError>>()?);
            }
            _ => {}
        }
        Ok(())
    }

    /// The bytes of its cell.
    pub fn to_cell(&self) -> Vec<u8> {
        let mut out = vec![b'{'];
        if !self.tsuid.is_empty() {
            member(&mut out, "tsuid");
            push_string(&mut out, &self.tsuid);
        }
        self.push_times(&mut out);
        for (key, text) in [("description", &self.description), ("notes", &self.notes)] {
            member(&mut out, key);
            push_optional(&mut out, text.as_deref());
        }
        member(&mut out, "custom");
        match &self.custom {
            Some(custom) => push_custom(&mut out, custom),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
        out
    }

    /// Appends it as answers show it: fields without a value are left out.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        member(out, "tsuid");
        push_string(out, &self.tsuid);
        for (key, text) in [("description", &self.description), ("notes", &self.notes)] {
            if let Some(text) = text {
                member(out, key);
                push_string(out, text);
            }
        }
        if let Some(custom) = &self.custom {
            member(out, "custom");
            push_custom(out, custom);
        }
        self.push_times(out);
        out.push(b'}');
    }

    fn push_times(&self, out: &mut Vec<u8>) {
        for (key, time) in [("startTime", self.start), ("endTime", self.end)] {
            member(out, key);
            write_i64(out, time);
        }
    }

    /// When it begins, in milliseconds since the epoch.
    pub fn start_ms(&self) -> i64 {
        note_millis(self.start)
    }

    /// Bytes of memory it takes, about.
    pub fn bytes(&self) -> u64 {
        let texts = [Some(&self.tsuid), self.description.as_ref(), self.notes.as_ref()];
        let custom = self.custom.iter().flatten().map(|(key, value)| 64 + key.len() + value.as_ref().map_or(0, String::len));
        (size_of::<Note>() + texts.into_iter().flatten().map(String::len).sum::<usize>() + custom.sum::<usize>()) as u64
    }
}

/// Appends notes as an array.
pub fn push_notes<'n>(out: &mut Vec<u8>, notes: impl IntoIterator<Item = &'n Note>) {
    out.push(b'[');
    for (place, note) in notes.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        note.push_json(out);
    }
    out.push(b']');
}

fn member(out: &mut Vec<u8>, key: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    push_string(out, key);
    out.push(b':');
}

fn push_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

fn push_custom(out: &mut Vec<u8>, custom: &BTreeMap<String, Option<String>>) {
    out.push(b'{');
    for (key, value) in custom {
        member(out, key);
        push_optional(out, value.as_deref());
    }
    out.push(b'}');
}

/// A note's time in milliseconds: what fits 32 bits is seconds.
pub fn note_millis(time: i64) -> i64 {
    if (0..MILLIS_FROM).contains(&time) { time * 1000 } else { time }
}

/// The row and the qualifier of the note that begins at `start` (seconds or milliseconds, above 0). An empty TSUID is the
/// global one.
///
/// A start that divides by 1,000 is divided before the qualifier is made, also when it is in seconds, so that a moment
/// has one cell however it is given. For every thousandth second the cell is then another second's of the same row: as
/// the Java TSD writes and looks for them.
pub fn note_place(layout: &Layout, tsuid: &[u8], start: i64) -> (Vec<u8>, Short<5>) {
    let base = base_seconds(start);
    let row = if tsuid.is_empty() { global_row(layout, base as u32) } else { SeriesKey::from_tsuid(layout, tsuid).row(base as u32) };
    let reduced = if start % 1000 == 0 { start / 1000 } else { start };
    // Only the low bits fit, as in Java.
    let (offset, width) =
        if reduced < MILLIS_FROM { (reduced % i64::from(ROW_SECONDS), 3) } else { (reduced - base_seconds(reduced) * 1000, 5) };
    let [.., a, b, c, d] = offset.to_be_bytes();
    let bytes = if width == 3 { [0, 0, PREFIX, c, d] } else { [PREFIX, a, b, c, d] };
    (row, Short::tail(bytes, width))
}

fn base_seconds(time: i64) -> i64 {
    let seconds = if time < MILLIS_FROM { time } else { time / 1000 };
    seconds - seconds % i64::from(ROW_SECONDS)
}

/// The row of the global notes of an hour. It is never salted.
pub fn global_row(layout: &Layout, base: u32) -> Vec<u8> {
    let mut row = vec![0; layout.time_at()];
    row.extend_from_slice(&base.to_be_bytes());
    row
}

/// When a note begins by its qualifier, in milliseconds since the epoch; `None` if this is no note's qualifier.
pub fn note_time(qualifier: &[u8], base: u32) -> Option<i64> {
    let base_ms = i64::from(base) * 1000;
    match *qualifier {
        [PREFIX, a, b] => Some(base_ms + i64::from(u16::from_be_bytes([a, b])) * 1000),
        [PREFIX, a, b, c, d] => Some(base_ms + i64::from(u32::from_be_bytes([a, b, c, d]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::to_hex;

    const SALTED: Layout = Layout { salt_width: 1, salt_buckets: 20, metric_width: 3, tagk_width: 3, tagv_width: 3 };
    const SERIES: [u8; 9] = [0, 0, 1, 0, 0, 1, 0, 0, 1];

    #[track_caller]
    fn check(layout: &Layout, tsuid: &[u8], start: i64, row: &str, qualifier: &str) {
        let (got, column) = note_place(layout, tsuid, start);
        assert_eq!((to_hex(&got).as_str(), to_hex(column.as_bytes()).as_str()), (row, qualifier), "{start}");
    }

    /// The cells of `storage/annotations`, and what the real one did with other times.
    #[test]
    fn places() {
        let plain = Layout::default();
        check(&plain, &SERIES, 1_400_000_000, "00000153724180000001000001", "010C80");
        check(&plain, &SERIES, 1_400_000_000_500, "00000153724180000001000001", "010030D5F4");
        check(&plain, &SERIES, 1_400_000_000_000, "00000153724180000001000001", "010C80");
        check(&plain, &SERIES, 1_400_001_000, "00000153724F90000001000001", "010C81"); // as if it were 1_400_003_601
        check(&plain, &SERIES, 1_400_003_599, "00000153724F90000001000001", "010C7F");
        check(&plain, &[], 1_400_000_000_250, "00000053724180", "010030D4FA");
        check(&plain, &[], 1_400_003_600, "00000053724F90", "010C80");
        check(&plain, &[0, 0, 1], 1_400_000_001, "00000153724180", "010C81");
        check(&SALTED, &[], 1_400_003_601, "0000000053724F90", "010C81");
        check(&SALTED, &SERIES, 1_400_000_001, "0800000153724180000001000001", "010C81");
    }

    #[test]
    fn times() {
        assert_eq!(note_time(&[1, 0x0c, 0x80], 1_399_996_800), Some(1_400_000_000_000));
        assert_eq!(note_time(&[1, 0, 0x30, 0xd5, 0xf4], 1_399_996_800), Some(1_400_000_000_500));
        for other in [&[1u8, 0][..], &[5, 0, 0], &[6, 0, 0], &[], &[1, 0, 0, 0]] {
            assert_eq!(note_time(other, 0), None, "{other:?}");
        }
    }

    #[test]
    fn cells_and_answers() {
        let cell = r#"{"tsuid":"000001000001000001","startTime":1400000000,"endTime":5,"description":"d","notes":"ü\n","custom":{"a":"1","b":null}}"#;
        let note = Note::parse(cell.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(note.to_cell()).unwrap(), cell);
        let mut shown = Vec::new();
        note.push_json(&mut shown);
        let want = r#"{"tsuid":"000001000001000001","description":"d","notes":"ü\n","custom":{"a":"1","b":null},"startTime":1400000000,"endTime":5}"#;
        assert_eq!(String::from_utf8(shown).unwrap(), want);
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let cell = r#"{"startTime":"7","endTime":0,"description":null,"notes":"","custom":null,"later":[1]}"#;
        let note = Note::parse(cell.as_bytes()).unwrap();
        let mut shown = Vec::new();
        push_notes(&mut shown, [&note, &note]);
        let one = r#"{"tsuid":"","notes":"","startTime":7,"endTime":0}"#;
        assert_eq!(String::from_utf8(shown).unwrap(), format!("[{one},{one}]"));
        assert_eq!(note.to_cell(), br#"{"startTime":7,"endTime":0,"description":null,"notes":"","custom":null}"#);
    }

    #[test]
    fn damaged_cells() {
        for bad in ["", "x", "[]", "{", r#"{"startTime":"x"}"#, r#"{"custom":[1]}"#, r#"{"custom":{"a":{}}}"#] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
