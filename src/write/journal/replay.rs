//! Reading segments back: after a kill, and for `tsdb journal list|replay`.
//!
//! A bad group at the end of the last segment is a torn write: it was never acknowledged and is cut off. A bad group
//! anywhere else is damage: it is reported with file and offset, the rest of the segment is read on where its frames
//! still hold, and the file is kept under another name when it would be freed.

use super::record::{self, Frame, Group, Item, Note};
use super::{Disk, NamedPoint, NewCell, Segment, Stored, segment_seq};
use crate::point::PointTime;
use crate::write::WriteError;
use std::sync::Arc;

/// A damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// File name of the segment.
    pub file: String,
    /// Where the bad group begins.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments read.
    pub segments: usize,
    /// Points handed on, those by name included.
    pub points: u64,
    /// Points left out because a later note says that they are stored.
    pub done: u64,
    /// Points of series whose name was lost to damage.
    pub nameless: u64,
    /// Bytes of a torn write at the end that were cut off.
    pub torn: u64,
    /// Damaged places.
    pub damage: Vec<Damage>,
}

/// Takes what is read, in the order in which it was accepted.
pub trait Sink {
    /// What a series is here.
    type Series;
    /// A segment, before anything in it. Its file exists as long as somebody holds it.
    fn segment(&mut self, segment: &Arc<Segment>);
    /// A series by its TSUID.
    fn series(&mut self, tsuid: &[u8]) -> Self::Series;
    /// A point of a series. `told`: the hooks have done their work for it.
    fn point(&mut self, segment: &Arc<Segment>, accepted: i64, series: &Self::Series, time: PointTime, value: &Stored, told: bool);
    /// A cell of a series; `told` as above.
    fn cell(&mut self, segment: &Arc<Segment>, accepted: i64, series: &Self::Series, cell: NewCell, told: bool);
    /// A point or cell by name.
    fn named(&mut self, segment: &Arc<Segment>, accepted: i64, point: NamedPoint);
    /// A group has ended: a good moment to wait for room.
    fn breathe(&mut self) {}
}

/// Names of the segments in order.
pub fn list(disk: &dyn Disk) -> Result<Vec<String>, WriteError> {
    let names = disk.list().map_err(|e| failed(disk, "cannot be listed", &e))?;
    let mut names: Vec<_> = names.into_iter().filter_map(|n| Some((segment_seq(&n)?, n))).collect();
    names.sort();
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// Reads the segments of `names` (as [`list`] gives them). `identity`: what their headers must say; `None`: whatever they
/// say. Returns what was found.
pub fn read<S: Sink>(disk: &dyn Disk, names: &[String], identity: Option<&str>, sink: &mut S) -> Result<Report, WriteError> {
    let mut report = Report::default();
    let notes = find_notes(disk, names)?;
    for (at, name) in names.iter().enumerate() {
        let last = at + 1 == names.len();
        let bytes = disk.read(name).map_err(|e| failed(disk, name, &e))?;
        let seq = segment_seq(name).unwrap_or(0);
        let start = match record::read_header(&bytes) {
            Ok((found, start)) => {
                check_identity(disk, name, identity, found)?;
                start
            }
            // The power went while the file was being begun: nothing in it was acknowledged.
            Err(_) if last && is_begun(&bytes) => {
                report.torn += bytes.len() as u64;
                disk.cut(name, 0).and_then(|()| disk.remove(name)).map_err(|e| failed(disk, name, &e))?;
                continue;
            }
            Err(what) => {
                return Err(WriteError::Failed(format!("{}: {what}; move the file away to start without it", place(disk, name, 0))));
            }
        };
        let (done_to, told_to) = (covered_to(notes.done, seq), covered_to(notes.told, seq));
        let mut reader = Reader::<S::Series> { disk, name, bytes: &bytes, last, done_to, told_to, series: Vec::new(), report: &mut report };
        let (end, damaged) = reader.scan(start);
        reader.bytes = bytes.get(..end).unwrap_or(&bytes);
        if end < bytes.len() && last && !damaged {
            reader.report.torn += (bytes.len() - end) as u64;
            disk.cut(name, end as u64).map_err(|e| failed(disk, name, &e))?;
        }
        let segment = Segment::new(seq, name.clone(), end as u64, damaged);
        sink.segment(&segment);
        reader.replay(start, &segment, sink);
        report.segments += 1;
    }
    for damage in &report.damage {
        tracing::error!("journal damaged: {} at offset {}: {}", damage.file, damage.offset, damage.what);
    }
    Ok(report)
}

/// True if the bytes can be the beginning of a header that was never finished.
fn is_begun(bytes: &[u8]) -> bool {
    let shared = bytes.len().min(record::MAGIC.len());
    (bytes.len() < 4096
        && bytes.get(..shared.min(7)) == record::MAGIC.get(..shared.min(7))
        && matches!(record::read_header(bytes), Err("shorter than a header")))
        || bytes.iter().all(|&b| b == 0)
}

fn check_identity(disk: &dyn Disk, name: &str, want: Option<&str>, found: &str) -> Result<(), WriteError> {
    match want {
        Some(want) if want != found => Err(WriteError::Failed(format!(
            "{} was written with other settings and cannot be replayed to these: it says `{found}`, this TSD has `{want}`",
            place(disk, name, 0)
        ))),
        _ => Ok(()),
    }
}

/// The places of the last note of each kind.
#[derive(Default)]
struct Notes {
    done: Option<(u64, u64)>,
    told: Option<(u64, u64)>,
}

fn find_notes(disk: &dyn Disk, names: &[String]) -> Result<Notes, WriteError> {
    let mut notes = Notes::default();
    for name in names {
        let bytes = disk.read(name).map_err(|e| failed(disk, name, &e))?;
        let Ok((_, mut at)) = record::read_header(&bytes) else { continue };
        while let Some((found, next)) = record::peek_note(&bytes, at) {
            match found {
                Some((Note::Done, place)) => notes.done = Some(place),
                Some((Note::Told, place)) => notes.told = Some(place),
                None => {}
            }
            at = next;
        }
    }
    Ok(notes)
}

/// Up to which offset of a segment a note speaks of everything.
fn covered_to(noted: Option<(u64, u64)>, seq: u64) -> u64 {
    match noted {
        Some((segment, _)) if seq < segment => u64::MAX,
        Some((segment, offset)) if seq == segment => offset,
        _ => 0,
    }
}

fn place(disk: &dyn Disk, name: &str, offset: u64) -> String {
    format!("the journal segment {}/{name} at offset {offset}", disk.describe())
}

fn failed(disk: &dyn Disk, name: &str, error: &std::io::Error) -> WriteError {
    WriteError::Failed(format!("the journal {}, {name}: {error}", disk.describe()))
}

/// What the notes say of a group.
#[derive(Clone, Copy)]
struct Covered {
    done: bool,
    told: bool,
}

struct Reader<'r, T> {
    disk: &'r dyn Disk,
    name: &'r str,
    bytes: &'r [u8],
    last: bool,
    done_to: u64,
    told_to: u64,
    series: Vec<Option<T>>,
    report: &'r mut Report,
}

impl<T> Reader<'_, T> {
    /// Looks for damage: where reading must end, and whether anything before it is damaged.
    fn scan(&mut self, start: usize) -> (usize, bool) {
        let (mut at, mut damaged) = (start, false);
        while at < self.bytes.len() {
            match record::frame(self.bytes, at) {
                Frame::Good(_, next) => at = next,
                Frame::Bad(next) if self.reads_on(next) => {
                    self.damage(at, "a group's checksum is wrong; the groups behind it are read on");
                    (at, damaged) = (next, true);
                }
                _ if self.last && !self.good_group_behind(at) => return (at, damaged),
                _ => {
                    self.damage(at, "a group's length or checksum is wrong; what follows in this file cannot be read");
                    return (at, true);
                }
            }
        }
        (at, damaged)
    }

    fn reads_on(&self, next: usize) -> bool {
        matches!(record::frame(self.bytes, next), Frame::Good(..))
    }

    /// A torn write has no good group behind it. Only a bounded stretch is searched.
    fn good_group_behind(&self, at: usize) -> bool {
        const SEARCHED: usize = 1 << 16;
        let end = self.bytes.len().min(at + SEARCHED);
        // A group of points never begins with a length of zero, and its kind is 0, 1 or 2.
        (at + 1..end).any(
            |place| matches!(record::frame(self.bytes, place), Frame::Good(payload, _) if payload.first().is_some_and(|&kind| kind <= 2)),
        )
    }

    fn damage(&mut self, offset: usize, what: &str) {
        let file = format!("{}/{}", self.disk.describe(), self.name);
        self.report.damage.push(Damage { file, offset: offset as u64, what: what.to_owned() });
    }

    fn replay<S: Sink<Series = T>>(&mut self, start: usize, segment: &Arc<Segment>, sink: &mut S) {
        let mut at = start;
        loop {
            let (payload, next) = match record::frame(self.bytes, at) {
                Frame::Good(payload, next) => (payload, next),
                Frame::Bad(next) => {
                    at = next;
                    continue;
                }
                Frame::Torn => return,
            };
            if let Some(Group::Points { accepted, mut items }) = record::group(payload) {
                let covered = Covered { done: (at as u64) < self.done_to, told: (at as u64) < self.told_to };
                for item in items.by_ref() {
                    self.item(item, accepted, covered, segment, sink);
                }
                if items.rest() > 0 {
                    self.damage(at, "a group holds what this version cannot read");
                }
            }
            sink.breathe();
            at = next;
        }
    }

    fn item<S: Sink<Series = T>>(&mut self, item: Item<'_>, accepted: i64, covered: Covered, segment: &Arc<Segment>, sink: &mut S) {
        match item {
            Item::Series { number, tsuid } => {
                // Numbers count up from 0 in a segment; lost groups leave gaps, bounded by the groups that could be lost.
                let at = number as usize;
                if at >= self.series.len() && at <= self.series.len() + self.bytes.len() {
                    self.series.resize_with(at + 1, || None);
                }
                if let Some(slot) = self.series.get_mut(at) {
                    *slot = Some(sink.series(tsuid));
                }
            }
            Item::Point { .. } | Item::Cell { .. } | Item::Named(_) if covered.done => self.report.done += 1,
            Item::Point { number, time, value } => match self.series.get(number as usize) {
                Some(Some(series)) => {
                    self.report.points += 1;
                    sink.point(segment, accepted, series, time, &value, covered.told);
                }
                _ => self.report.nameless += 1,
            },
            Item::Cell { number, cell } => match self.series.get(number as usize) {
                Some(Some(series)) => {
                    self.report.points += 1;
                    sink.cell(segment, accepted, series, cell, covered.told);
                }
                _ => self.report.nameless += 1,
            },
            Item::Named(point) => {
                self.report.points += 1;
                sink.named(segment, accepted, point);
            }
        }
    }
}
