//! Where a worker reads and writes series: in the tables themselves ([`Tables`]), or of a TSD over HTTP ([`Remote`]),
//! which may be an OpenTSDB.

mod remote;
mod tables;

pub use remote::Remote;
pub use tables::Tables;

use super::records::Tags;
use super::rule::expression::{Source, SourceError};
use crate::codec::Note;
use crate::digest;
use crate::query::request::SubRequest;

/// Most points of one series that are looked at; of longer windows the newest count. 16 bytes each, one series at a time.
pub const SERIES_POINTS_MAX: usize = 2_000_000;

/// One result of a metric query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The metric.
    pub metric: String,
    /// Tags that its series share.
    pub tags: Tags,
    /// Its series, upper-case hex.
    pub tsuids: Vec<String>,
    /// Seconds since the epoch and values, oldest first.
    pub points: Vec<(i64, f64)>,
}

/// One whole series, raw.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Its id, upper-case hex only where it must be made anyway: see [`House::name`].
    pub series: Series<'a>,
    /// Seconds since the epoch.
    pub times: &'a [f64],
    /// As many values.
    pub values: &'a [f64],
    /// In which of the metric's parts: see [`House::parts`].
    pub part: u32,
}

/// How a series is known before anybody wants its name.
#[derive(Clone, Copy, Debug)]
pub enum Series<'a> {
    /// Metric and tags as UIDs.
    Ids(&'a [u8]),
    /// By name.
    Named {
        /// Upper-case hex.
        tsuid: &'a str,
        /// The tags.
        tags: &'a Tags,
    },
}

/// A metric query over a range of seconds, both ends included.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// As it was written: what `m=` takes.
    pub text: &'a str,
    /// The same, parsed.
    pub sub: &'a SubRequest,
    /// First and last second.
    pub range: (i64, i64),
}

/// A data point of the worker's own.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnPoint {
    /// Metric.
    pub metric: String,
    /// Seconds.
    pub at: i64,
    /// Value.
    pub value: f64,
    /// At least one tag.
    pub tags: Tags,
}

/// A note of the worker's own on a series.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnNote {
    /// Upper-case hex.
    pub tsuid: String,
    /// Seconds.
    pub start: i64,
    /// Seconds; 0: not over.
    pub end: i64,
    /// One line.
    pub description: String,
    /// Which incident: marks the note as ours.
    pub incident: String,
}

/// The custom field that marks a note as ours: its incident. Notes without it are people's and are never changed.
const NOTE_MARK: &str = "tsdb.worker";
/// The custom field that says what we wrote. Whoever writes at the same second changes the texts of our note and leaves its
/// other fields, so that the mark alone would make a person's words ours.
const NOTE_WRITTEN: &str = "tsdb.worker.written";
/// A person's note stands at this very second: ours goes to one of the next.
pub const NOTE_SHIFT_MAX: i64 = 10;

impl OwnNote {
    /// As it stands at a second.
    fn stored(&self, start: i64) -> Note {
        let written = digest::text(format!("{} {}", self.end, self.description).as_bytes());
        let custom = [(NOTE_MARK, self.incident.clone()), (NOTE_WRITTEN, written)];
        Note {
            tsuid: self.tsuid.clone(),
            start,
            end: self.end,
            description: Some(self.description.clone()),
            notes: Some(String::new()),
            custom: Some(custom.map(|(key, text)| (key.to_owned(), Some(text))).into()),
        }
    }

    /// Whether a note is one that we wrote of this incident, and that nobody has put a word to since.
    fn wrote(&self, there: &Note) -> bool {
        let Some(description) = &there.description else { return false };
        let before = OwnNote { end: there.end, description: description.clone(), ..self.clone() };
        there.notes.as_deref().unwrap_or_default().is_empty() && there.custom == before.stored(there.start).custom
    }
}

/// Where series are read and written.
pub trait House: Source + Send {
    /// The results of a metric query.
    ///
    /// # Errors
    /// Nobody answers, or the query was refused.
    fn answer(&self, ask: &Ask<'_>) -> Result<Vec<Found>, SourceError>;

    /// All metrics that a pattern matches, in order.
    ///
    /// # Errors
    /// Nobody answers.
    fn metrics(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, SourceError>;

    /// Parts of each metric's series that can be read by themselves: the buckets of a salted table, else 1. Without salt the
    /// rows of an hour stand in order of tags, so that who wants half of the series reads the rows of all.
    fn parts(&self) -> u32 {
        1
    }

    /// Hands over every series of some parts of a metric that has points in the range, one by one. `go_on` false ends it.
    ///
    /// # Errors
    /// Nobody answers, or there is no such metric.
    fn windows(&self, metric: &str, parts: &[u32], range: (i64, i64), visit: &mut dyn FnMut(&Seen<'_>) -> bool) -> Result<(), SourceError>;

    /// Id and tags of a series.
    ///
    /// # Errors
    /// A name cannot be read.
    fn name(&self, series: Series<'_>) -> Result<(String, Tags), SourceError>;

    /// Writes a note, or changes ours of the same incident; gives the second at which it stands. A person's note stays, and so
    /// does ours once a person has written into it.
    ///
    /// # Errors
    /// Nobody answers, or no second is free.
    fn note(&self, note: &OwnNote) -> Result<i64, SourceError>;

    /// Writes points.
    ///
    /// # Errors
    /// Nobody answers, or a point is refused.
    fn put(&self, points: &[OwnPoint]) -> Result<(), SourceError>;

    /// For messages.
    fn describe(&self) -> String;
}
