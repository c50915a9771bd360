//! Rolled-up values: which table and row one belongs to, its column, and such columns back to points.
//!
//! | bytes of the qualifier | meaning |
//! | --- | --- |
//! | 1 | which function made the value, by the numbers of the configuration (`aggregationIds`) |
//! | 2 | intervals since the row's base time (12 bits), flags (4 bits, as in plain qualifiers) |
//!
//! An older form has the function's name and a colon instead of the number: `sum:`; it is read and never written. A row
//! spans hours, a UTC day, month or year. Recorded in `storage/rollups`, `storage/rollup_preagg`, `storage/rollup_http`.

mod config;

pub use config::{RollupConfig, RollupConfigError};

use super::qualifier::read_value;
use super::{Cell, Points, ROW_SECONDS};
use crate::point::Number;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Bits of the flags behind an offset.
const FLAG_BITS: u32 = 4;
/// Offsets from here on look like milliseconds to OpenTSDB, which then cannot read the row.
pub const OFFSETS_READABLE: u32 = 0xF00;

/// How long a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSpan {
    /// So many hours, counted from the epoch.
    Hours(u32),
    /// A day, from midnight UTC.
    Day,
    /// A calendar month, UTC.
    Month,
    /// A calendar year, UTC.
    Year,
}

impl RowSpan {
    /// The base time of the row that holds a second, in seconds.
    pub fn base(self, seconds: i64) -> i64 {
        let date = match self {
            RowSpan::Hours(hours) => {
                let span = i64::from(hours.max(1)) * i64::from(ROW_SECONDS);
                return seconds - seconds.rem_euclid(span);
            }
            RowSpan::Day => return seconds - seconds.rem_euclid(86_400),
            RowSpan::Month => date_of(seconds).map(Date::first_of_month),
            RowSpan::Year => date_of(seconds).map(Date::first_of_year),
        };
        let start = date.and_then(|date| DateTime::from(date).to_zoned(TimeZone::UTC).ok());
        start.map_or(seconds, |start| start.timestamp().as_second())
    }

    /// Seconds that the longest such row spans, by OpenTSDB's count: a month has 32 days.
    pub fn longest(self) -> i64 {
        match self {
            RowSpan::Hours(hours) => i64::from(hours) * i64::from(ROW_SECONDS),
            RowSpan::Day => 86_400,
            RowSpan::Month => 32 * 86_400,
            RowSpan::Year => 366 * 86_400,
        }
    }
}

fn date_of(seconds: i64) -> Option<Date> {
    Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).date())
}

/// One interval of the configuration with its two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupInterval {
    /// Its name, as points give it: `1h`.
    pub name: Arc<str>,
    /// Table of rolled-up values of single series.
    pub table: Arc<str>,
    /// Table of values that were aggregated over tags, rolled up or (default interval) not.
    pub preaggregates: Arc<str>,
    /// Its length.
    pub seconds: u32,
    /// How long a row is.
    pub span: RowSpan,
    /// How many intervals a row holds.
    pub intervals: u32,
    /// The resolution of plain points, whose table they are read from.
    pub is_default: bool,
    /// Seconds by which the table may lag behind (`delaySla`); 0: not said.
    pub lag: u32,
}

impl RollupInterval {
    /// Base time of the row that holds a second, and the column of a value there. The error is OpenTSDB's text.
    pub fn place(&self, seconds: u32, function: u8, flags: u8) -> Result<(u32, [u8; 3]), String> {
        let base = u32::try_from(self.span.base(i64::from(seconds))).unwrap_or(0);
        let offset = seconds.saturating_sub(base) / self.seconds.max(1);
        if offset >= self.intervals {
            return Err(format!("Offset of {offset} was greater than the configured intervals {}", self.intervals));
        }
        let [_, _, high, low] = (offset << FLAG_BITS | u32::from(flags & 15)).to_be_bytes();
        Ok((base, [function, high, low]))
    }
}

/// The columns of one function: by its number, and by its name in the older form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupColumn {
    id: u8,
    name: Box<[u8]>,
}

impl RollupColumn {
    /// Of a function.
    pub fn new(id: u8, name: &str) -> RollupColumn {
        RollupColumn { id, name: format!("{name}:").into_bytes().into() }
    }

    /// Intervals since the base time, and flags; `None`: a column of something else.
    fn offset(&self, qualifier: &[u8]) -> Option<(u32, u8)> {
        let rest = match qualifier {
            [id, rest @ ..] if *id == self.id => rest,
            _ => qualifier.strip_prefix(self.name.as_ref())?,
        };
        let bits = u16::from_be_bytes(rest.try_into().ok()?);
        Some((u32::from(bits) >> FLAG_BITS, (bits & 15) as u8))
    }

    /// The instant of a column in milliseconds; `None`: a column of something else.
    pub fn instant(&self, base: u32, seconds: u32, qualifier: &[u8]) -> Option<i64> {
        let (offset, _) = self.offset(qualifier)?;
        Some((i64::from(base) + i64::from(offset) * i64::from(seconds)) * 1000)
    }

    /// Appends the function's values in a row, ascending in time. Of two values of one interval the newest is read. What
    /// cannot be read as a number is left out.
    pub fn decode<'a>(&self, base: u32, seconds: u32, cells: impl Iterator<Item = Cell<'a>>, out: &mut Points) {
        let mut found: Vec<(u32, i64, Number)> = Vec::new();
        for cell in cells {
            let Some((offset, flags)) = self.offset(cell.qualifier) else { continue };
            if let Some(value) = read_value(flags & 8 != 0, cell.value) {
                found.push((offset, cell.time, value));
            }
        }
        // Stable: of cells of one age the later column, as OpenTSDB has it.
        found.sort_by_key(|(offset, time, _)| (*offset, *time));
        for (at, (offset, _, value)) in found.iter().enumerate() {
            if found.get(at + 1).is_none_or(|next| next.0 != *offset) {
                out.push((i64::from(base) + i64::from(*offset) * i64::from(seconds)) * 1000, *value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
