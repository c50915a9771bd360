//! Bytes of the journal: a header, then groups. A segment explains itself: each series is named by its TSUID
//! before the first point that refers to it by number.
//!
//! | part | bytes |
//! | --- | --- |
//! | header | `TSDBJRN2`, length of the identity (u16), identity, CRC-32 of all that (u32) |
//! | group | length of the payload (u32), CRC-32 of the payload (u32), payload |
//! | payload | kind: 0 points, 1 done, 2 told |
//! | done | segment (varint), offset in it (varint): every point before that place is in the store |
//! | told | the same: the hooks have done their work for every point before that place |
//! | points | accepted, ms (varint), then items until the end |
//! | item 0 | series: number, length (varints), TSUID |
//! | item 1 | point by name: time, flags, value, then metric and tags as length + text |
//! | item 2 | cell of a series: series number, cell |
//! | item 3 | cell by name: cell, then metric and tags as above |
//! | cell | table as length + text (empty: the data table), base time (varint), length + qualifier, length + value |
//! | item 0x10-0x3f | point: bits 0-3 flags, bit 5 milliseconds; series number, time (zigzag, from the last of its unit), value |
//!
//! Numbers are big-endian or LEB128 varints. `TSDBJRN1` is the same without items 2 and 3; it is read, and no longer written.

use crate::codec::encode_value;
use crate::point::{PointTime, Value};
use std::sync::Arc;

/// First bytes of a segment; the last character is the version of the format.
pub const MAGIC: &[u8; 8] = b"TSDBJRN2";
/// The version before, whose items are a part of today's.
const MAGIC_1: &[u8; 8] = b"TSDBJRN1";
/// Bytes before a group's payload.
pub const FRAME: usize = 8;

const KIND_POINTS: u8 = 0;
const KIND_DONE: u8 = 1;
const KIND_TOLD: u8 = 2;
const ITEM_SERIES: u8 = 0;
const ITEM_NAMED: u8 = 1;
const ITEM_CELL: u8 = 2;
const ITEM_NAMED_CELL: u8 = 3;
const ITEM_POINT: u8 = 0x10;
const ITEM_MILLIS: u8 = 0x20;

/// A value in its stored form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Bit 3: floating point; bits 0-2: bytes minus one.
    pub flags: u8,
    /// The bytes, left-aligned.
    pub bytes: [u8; 8],
}

impl Stored {
    /// From a point's value.
    #[inline]
    pub fn new(value: Value) -> Stored {
        let (short, flags) = encode_value(value);
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(short.as_bytes()) {
            *to = *from;
        }
        Stored { flags, bytes }
    }

    /// The bytes as they stand in a cell.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.flags & 7) + 1).unwrap_or_default()
    }

    /// From flags and bytes of a cell.
    pub fn of(flags: u8, value: &[u8]) -> Stored {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(value) {
            *to = *from;
        }
        Stored { flags, bytes }
    }

    /// An integer in the width of these flags; `None` if it does not fit.
    pub fn widened(value: i64, flags: u8) -> Option<Stored> {
        let width = usize::from(flags & 7) + 1;
        let narrow = usize::from(Stored::new(Value::Int(value)).flags & 7) + 1;
        let all = value.to_be_bytes();
        let bytes = all.get(8usize.checked_sub(width)?..)?;
        (narrow <= width).then(|| Stored::of(flags & 7, bytes))
    }
}

/// A cell that is no plain point: a rolled-up or pre-aggregated value, a histogram. Complete but for its row's ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCell {
    /// Its table; empty: the data table.
    pub table: Arc<str>,
    /// Base time of its row, in seconds.
    pub base: u32,
    /// Column qualifier.
    pub qualifier: Box<[u8]>,
    /// The bytes.
    pub value: Box<[u8]>,
}

/// What waits for its names' ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A plain point.
    Point(PointTime, Stored),
    /// Anything else.
    Cell(NewCell),
}

/// A point whose names have no ids yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPoint {
    /// Metric.
    pub metric: String,
    /// Tags in the order given.
    pub tags: Vec<(String, String)>,
    /// When and what.
    pub what: What,
}

/// One thing that a group tells.
#[allow(missing_docs, reason = "the fields are what the table above says")]
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// From here on `number` means this series.
    Series { number: u32, tsuid: &'a [u8] },
    /// A point of a series.
    Point { number: u32, time: PointTime, value: Stored },
    /// A cell of a series.
    Cell { number: u32, cell: NewCell },
    /// A point or cell by name.
    Named(NamedPoint),
}

/// A decoded group.
#[allow(missing_docs, reason = "the fields are what the table above says")]
pub enum Group<'a> {
    /// Points accepted at a time.
    Points { accepted: i64, items: Items<'a> },
    /// Everything before this place is stored, or told to the hooks.
    Note { note: Note, segment: u64, offset: u64 },
}

/// What a note says of everything before its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// It is in the store.
    Done,
    /// The hooks have done their work.
    Told,
}

impl Note {
    fn kind(self) -> u8 {
        match self {
            Note::Done => KIND_DONE,
            Note::Told => KIND_TOLD,
        }
    }

    fn of(kind: u8) -> Option<Note> {
        [Note::Done, Note::Told].into_iter().find(|note| note.kind() == kind)
    }
}

/// The header of a segment.
pub fn header(identity: &str) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&(identity.len() as u16).to_be_bytes());
    out.extend_from_slice(identity.as_bytes());
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// Reads a header: the identity and the header's length. `Err`: what is wrong with it.
pub fn read_header(bytes: &[u8]) -> Result<(&str, usize), &'static str> {
    let (magic, rest) = bytes.split_at_checked(8).ok_or("shorter than a header")?;
    if magic.get(..7) != MAGIC.get(..7) {
        return Err("not a journal segment");
    }
    if magic != MAGIC && magic != MAGIC_1 {
        return Err("a journal of another format version");
    }
    let (len, rest) = rest.split_at_checked(2).ok_or("shorter than a header")?;
    let len = usize::from(u16::from_be_bytes(len.try_into().unwrap_or_default()));
    let (identity, rest) = rest.split_at_checked(len).ok_or("shorter than a header")?;
    let crc = rest.get(..4).ok_or("shorter than a header")?;
    if crc32fast::hash(bytes.get(..10 + len).unwrap_or_default()).to_be_bytes() != *crc {
        return Err("the header's checksum is wrong");
    }
    let identity = std::str::from_utf8(identity).map_err(|_| "the header is not text")?;
    Ok((identity, 14 + len))
}

/// Writes groups into a buffer.
pub struct GroupWriter<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
    seconds: i64,
    millis: i64,
}

impl<'b> GroupWriter<'b> {
    /// Begins a group of points.
    pub fn points(out: &'b mut Vec<u8>, accepted: i64) -> GroupWriter<'b> {
        let start = begin(out, KIND_POINTS);
        varint(out, accepted.max(0) as u64);
        GroupWriter { out, start, seconds: 0, millis: 0 }
    }

    /// Says what a number means.
    pub fn series(&mut self, number: u32, tsuid: &[u8]) {
        self.out.push(ITEM_SERIES);
        varint(self.out, u64::from(number));
        bytes(self.out, tsuid);
    }

    /// Adds a point.
    #[inline]
    pub fn point(&mut self, number: u32, time: PointTime, value: &Stored) {
        match time {
            PointTime::Seconds(s) => {
                self.out.push(ITEM_POINT | value.flags & 0xf);
                varint(self.out, u64::from(number));
                varint(self.out, zigzag(i64::from(s) - self.seconds));
                self.seconds = i64::from(s);
            }
            PointTime::Millis(ms) => {
                self.out.push(ITEM_MILLIS | ITEM_POINT | value.flags & 0xf);
                varint(self.out, u64::from(number));
                varint(self.out, zigzag(ms.wrapping_sub(self.millis)));
                self.millis = ms;
            }
        }
        self.out.extend_from_slice(value.as_bytes());
    }

    /// Adds a cell.
    pub fn cell(&mut self, number: u32, cell: &NewCell) {
        self.out.push(ITEM_CELL);
        varint(self.out, u64::from(number));
        self.cell_bytes(cell);
    }

    fn cell_bytes(&mut self, cell: &NewCell) {
        bytes(self.out, cell.table.as_bytes());
        varint(self.out, u64::from(cell.base));
        bytes(self.out, &cell.qualifier);
        bytes(self.out, &cell.value);
    }

    /// Adds a point or cell by name.
    pub fn named(&mut self, point: &NamedPoint) {
        match &point.what {
            What::Point(time, value) => {
                let (millis, raw) = match *time {
                    PointTime::Seconds(s) => (0, i64::from(s)),
                    PointTime::Millis(ms) => (ITEM_MILLIS, ms),
                };
                self.out.extend_from_slice(&[ITEM_NAMED, millis | value.flags & 0xf]);
                varint(self.out, zigzag(raw));
                self.out.extend_from_slice(value.as_bytes());
            }
            What::Cell(cell) => {
                self.out.push(ITEM_NAMED_CELL);
                self.cell_bytes(cell);
            }
        }
        bytes(self.out, point.metric.as_bytes());
        varint(self.out, point.tags.len() as u64);
        for (key, value) in &point.tags {
            bytes(self.out, key.as_bytes());
            bytes(self.out, value.as_bytes());
        }
    }

    /// Ends the group.
    pub fn end(self) {
        end(self.out, self.start);
    }
}

/// Writes a group that says something of all before this place.
pub fn note(out: &mut Vec<u8>, note: Note, segment: u64, offset: u64) {
    let start = begin(out, note.kind());
    varint(out, segment);
    varint(out, offset);
    end(out, start);
}

fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    out.push(kind);
    start
}

fn end(out: &mut [u8], start: usize) {
    let Some((frame, payload)) = out.get_mut(start..).and_then(|group| group.split_at_mut_checked(FRAME)) else { return };
    let (len, crc) = frame.split_at_mut(4);
    len.copy_from_slice(&(payload.len() as u32).to_be_bytes());
    crc.copy_from_slice(&crc32fast::hash(payload).to_be_bytes());
}

/// What stands at a place of a segment.
pub enum Frame<'a> {
    /// A group with the right checksum; the place after it.
    Good(&'a [u8], usize),
    /// A group with a wrong checksum; where the next one would begin.
    Bad(usize),
    /// Not a whole group: the end, or a length that cannot be.
    Torn,
}

/// Looks at the group that begins at `at`.
pub fn frame(segment: &[u8], at: usize) -> Frame<'_> {
    let Some((head, rest)) = segment.get(at..).and_then(|s| s.split_at_checked(FRAME)) else { return Frame::Torn };
    let (len, crc) = head.split_at(4);
    let len = u32::from_be_bytes(len.try_into().unwrap_or_default()) as usize;
    let crc = u32::from_be_bytes(crc.try_into().unwrap_or_default());
    match rest.get(..len) {
        Some(payload) if len > 0 && crc32fast::hash(payload) == crc => Frame::Good(payload, at + FRAME + len),
        Some(_) if len > 0 => Frame::Bad(at + FRAME + len),
        _ => Frame::Torn,
    }
}

/// A note with the place it speaks of.
pub type Noted = (Note, (u64, u64));

/// Only notes, without checking the rest: the note, if it is one, and the place after the group.
pub fn peek_note(segment: &[u8], at: usize) -> Option<(Option<Noted>, usize)> {
    let head = segment.get(at..)?;
    let len = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let next = at + FRAME + len;
    if head.get(FRAME).is_none_or(|kind| Note::of(*kind).is_none()) {
        return (len > 0 && next <= segment.len()).then_some((None, next));
    }
    match frame(segment, at) {
        Frame::Good(payload, next) => match group(payload) {
            Some(Group::Note { note, segment, offset }) => Some((Some((note, (segment, offset))), next)),
            _ => Some((None, next)),
        },
        Frame::Bad(next) => Some((None, next)),
        Frame::Torn => None,
    }
}

/// Decodes a payload whose checksum was right. `None`: a kind that this version does not know.
pub fn group(payload: &[u8]) -> Option<Group<'_>> {
    let (kind, rest) = payload.split_first()?;
    let mut input = rest;
    match *kind {
        KIND_POINTS => {
            let accepted = read_varint(&mut input)? as i64;
            Some(Group::Points { accepted, items: Items { input, seconds: 0, millis: 0 } })
        }
        kind => Some(Group::Note { note: Note::of(kind)?, segment: read_varint(&mut input)?, offset: read_varint(&mut input)? }),
    }
}

/// The items of a group. Ends early at what it cannot read (`rest` is then not empty).
pub struct Items<'a> {
    input: &'a [u8],
    seconds: i64,
    millis: i64,
}

impl<'a> Items<'a> {
    /// Bytes not understood.
    pub fn rest(&self) -> usize {
        self.input.len()
    }

    fn read(&mut self) -> Option<Item<'a>> {
        let mut input = self.input;
        let (tag, rest) = input.split_first()?;
        input = rest;
        let item = match *tag {
            ITEM_SERIES => {
                let number = u32::try_from(read_varint(&mut input)?).ok()?;
                Item::Series { number, tsuid: read_bytes(&mut input)? }
            }
            ITEM_NAMED => Item::Named(read_named(&mut input)?),
            ITEM_CELL => {
                let number = u32::try_from(read_varint(&mut input)?).ok()?;
                Item::Cell { number, cell: read_cell(&mut input)? }
            }
            ITEM_NAMED_CELL => {
                let cell = read_cell(&mut input)?;
                let (metric, tags) = read_names(&mut input)?;
                Item::Named(NamedPoint { metric, tags, what: What::Cell(cell) })
            }
            tag if tag & !(ITEM_MILLIS | 0xf) == ITEM_POINT => {
                let number = u32::try_from(read_varint(&mut input)?).ok()?;
                let delta = unzigzag(read_varint(&mut input)?);
                let time = if tag & ITEM_MILLIS == 0 {
                    self.seconds = self.seconds.wrapping_add(delta);
                    PointTime::Seconds(u32::try_from(self.seconds).ok()?)
                } else {
                    self.millis = self.millis.wrapping_add(delta);
                    PointTime::Millis(self.millis)
                };
                let (value, rest) = input.split_at_checked(usize::from(tag & 7) + 1)?;
                input = rest;
                Item::Point { number, time, value: Stored::of(tag & 0xf, value) }
            }
            _ => return None,
        };
        self.input = input;
        Some(item)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;
    fn next(&mut self) -> Option<Item<'a>> {
        self.read()
    }
}

fn read_named(input: &mut &[u8]) -> Option<NamedPoint> {
    let (flags, rest) = input.split_first()?;
    *input = rest;
    let raw = unzigzag(read_varint(input)?);
    let time = if flags & ITEM_MILLIS == 0 { PointTime::Seconds(u32::try_from(raw).ok()?) } else { PointTime::Millis(raw) };
    let (value, rest) = input.split_at_checked(usize::from(flags & 7) + 1)?;
    *input = rest;
    let value = Stored::of(flags & 0xf, value);
    let (metric, tags) = read_names(input)?;
    Some(NamedPoint { metric, tags, what: What::Point(time, value) })
}

fn read_cell(input: &mut &[u8]) -> Option<NewCell> {
    let table = Arc::from(read_text(input)?);
    let base = u32::try_from(read_varint(input)?).ok()?;
    let (qualifier, value) = (read_bytes(input)?, read_bytes(input)?);
    Some(NewCell { table, base, qualifier: qualifier.into(), value: value.into() })
}

/// Metric and tags.
fn read_names(input: &mut &[u8]) -> Option<(String, Vec<(String, String)>)> {
    let metric = read_text(input)?;
    let count = read_varint(input)?;
    let mut tags = Vec::new();
    for _ in 0..count {
        tags.push((read_text(input)?, read_text(input)?));
    }
    Some((metric, tags))
}

#[inline]
fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

#[inline]
fn read_varint(input: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn read_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(read_varint(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

fn read_text(input: &mut &[u8]) -> Option<String> {
    String::from_utf8(read_bytes(input)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_back() {
        let value = Stored { flags: 0xb, bytes: [1, 2, 3, 4, 0, 0, 0, 0] };
        let byte = Stored { flags: 0, bytes: [7, 0, 0, 0, 0, 0, 0, 0] };
        let named = NamedPoint {
            metric: "m".into(),
            tags: vec![("a".into(), "b".into()), ("é".into(), "".into())],
            what: What::Point(PointTime::Millis(1_500_000_000_123), value),
        };
        let cell = NewCell { table: "r".into(), base: u32::MAX, qualifier: [1, 2, 3].into(), value: [9; 300].into() };
        let named_cell = NamedPoint { what: What::Cell(NewCell { table: "".into(), ..cell.clone() }), ..named.clone() };
        let mut out = Vec::new();
        let mut group_out = GroupWriter::points(&mut out, 77);
        group_out.series(300, b"tsuid");
        group_out.point(300, PointTime::Seconds(u32::MAX), &value);
        group_out.point(300, PointTime::Seconds(0), &byte);
        group_out.point(2, PointTime::Millis(5_000_000_000), &byte);
        group_out.cell(300, &cell);
        group_out.named(&named);
        group_out.named(&named_cell);
        group_out.end();
        note(&mut out, Note::Done, 9, 1 << 40);
        let told = out.len();
        note(&mut out, Note::Told, 8, 7);

        let Frame::Good(payload, next) = frame(&out, 0) else { panic!("frame") };
        let Some(Group::Points { accepted: 77, mut items }) = group(payload) else { panic!("group") };
        let want = [
            Item::Series { number: 300, tsuid: b"tsuid" },
            Item::Point { number: 300, time: PointTime::Seconds(u32::MAX), value },
            Item::Point { number: 300, time: PointTime::Seconds(0), value: byte },
            Item::Point { number: 2, time: PointTime::Millis(5_000_000_000), value: byte },
            Item::Cell { number: 300, cell },
            Item::Named(named),
            Item::Named(named_cell),
        ];
        assert_eq!(items.by_ref().collect::<Vec<_>>(), want);
        assert_eq!(items.rest(), 0);
        assert_eq!(peek_note(&out, 0), Some((None, next)));
        assert_eq!(peek_note(&out, next), Some((Some((Note::Done, (9, 1 << 40))), told)));
        assert_eq!(peek_note(&out, told), Some((Some((Note::Told, (8, 7))), out.len())));
    }

    #[test]
    fn every_cut_and_flip_is_seen() {
        let mut out = Vec::new();
        let mut group_out = GroupWriter::points(&mut out, 1);
        group_out.series(0, b"abcdefgh");
        group_out.end();
        for cut in 0..out.len() {
            assert!(!matches!(frame(out.get(..cut).unwrap(), 0), Frame::Good(..)), "cut at {cut}");
        }
        for at in 0..out.len() {
            let mut flipped = out.clone();
            *flipped.get_mut(at).unwrap() ^= 0x10;
            assert!(!matches!(frame(&flipped, 0), Frame::Good(..)), "flip at {at}");
        }
        let header = header("engine=x");
        assert_eq!(read_header(&header), Ok(("engine=x", header.len())));
        let mut first = header[..header.len() - 4].to_vec();
        first[..8].copy_from_slice(MAGIC_1);
        first.extend_from_slice(&crc32fast::hash(&first).to_be_bytes());
        assert_eq!(read_header(&first), Ok(("engine=x", header.len())), "the version before is read");
        for at in 0..header.len() {
            let mut flipped = header.clone();
            *flipped.get_mut(at).unwrap() ^= 0x10;
            assert!(read_header(&flipped).is_err(), "flip at {at}");
        }
    }
}
