//! Points of one row that wait, nearly in the form in which they will be stored: qualifiers joined, values joined.

use crate::codec::Qualifier;
use crate::write::journal::{Segment, Stored};
use std::sync::Arc;

/// Points in the order they came.
#[derive(Clone, Debug, Default)]
pub struct Part {
    qualifiers: Vec<u8>,
    values: Vec<u8>,
    count: u32,
    last: u32,
    /// Instants do not ascend strictly.
    mixed: bool,
    /// From which point on (its place) points were accepted at which time. Kept only where other writers share the store.
    accepted: Vec<(u32, i64)>,
    /// Restored from the journal: the store may hold these points already, or newer ones.
    pub late: bool,
    /// When the first point came, in milliseconds.
    pub since: i64,
    /// The journal's segment with the oldest point: held as long as this lives.
    pub segment: Option<Arc<Segment>>,
}

/// A point of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When and what kind.
    pub qualifier: Qualifier,
    /// The bytes.
    pub value: &'a [u8],
    /// When it was accepted, in milliseconds; 0 where that is not kept.
    pub accepted: i64,
}

impl Part {
    /// Adds a point; returns the bytes it takes.
    #[inline]
    pub fn push(&mut self, qualifier: Qualifier, value: &Stored, accepted: Option<i64>) -> usize {
        let offset = qualifier.offset_ms();
        if self.count > 0 && offset <= self.last {
            self.mixed = true;
        }
        self.last = self.last.max(offset);
        if let Some(now) = accepted
            && self.accepted.last().is_none_or(|&(_, then)| then != now)
        {
            self.accepted.push((self.count, now));
        }
        let (column, bytes) = (qualifier.encode(), value.as_bytes());
        self.qualifiers.extend_from_slice(column.as_bytes());
        self.values.extend_from_slice(bytes);
        self.count += 1;
        column.as_bytes().len() + bytes.len()
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Number of points, duplicates included.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Bytes of the points.
    pub fn bytes(&self) -> usize {
        self.qualifiers.len() + self.values.len()
    }

    /// Highest instant, in milliseconds since the base time.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// Its points in the order they came.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let (mut qualifiers, mut values) = (self.qualifiers.as_slice(), self.values.as_slice());
        let mut runs = self.accepted.iter().copied().peekable();
        let (mut at, mut now) = (0u32, 0i64);
        std::iter::from_fn(move || {
            let (qualifier, rest) = Qualifier::split_first(qualifiers)?;
            let (value, behind) = values.split_at_checked(qualifier.value_len())?;
            (qualifiers, values) = (rest, behind);
            if let Some((_, then)) = runs.next_if(|&(from, _)| from == at) {
                now = then;
            }
            at += 1;
            Some(Entry { qualifier, value, accepted: now })
        })
    }

    /// Puts `later` behind this part, which keeps its segment and its age.
    pub fn join(&mut self, later: &Part) {
        if later.is_empty() {
            return;
        }
        let first = later.entries().next().map_or(0, |e| e.qualifier.offset_ms());
        self.mixed |= later.mixed || (self.count > 0 && first <= self.last);
        self.accepted.extend(later.accepted.iter().map(|&(at, then)| (at + self.count, then)));
        self.qualifiers.extend_from_slice(&later.qualifiers);
        self.values.extend_from_slice(&later.values);
        self.count += later.count;
        self.last = self.last.max(later.last);
        self.late |= later.late;
    }

    /// Each instant once, in order: of equal ones the last that came.
    pub fn instants(&self) -> Vec<Entry<'_>> {
        instants(self.entries(), self.count(), self.mixed)
    }

    /// Points of each column once, the last that came. Points of one instant in several columns (other widths) come in
    /// several rounds, in their order, so that the store can tell which was written last.
    pub fn rounds(&self) -> Vec<Vec<Entry<'_>>> {
        if !self.mixed {
            return vec![self.entries().collect()];
        }
        let mut all: Vec<_> = self.entries().enumerate().collect();
        all.sort_by_key(|(at, e)| (e.qualifier.offset_ms(), std::cmp::Reverse(*at)));
        let mut rounds: Vec<Vec<Entry<'_>>> = vec![Vec::new()];
        for instant in all.chunk_by(|(_, a), (_, b)| a.qualifier.offset_ms() == b.qualifier.offset_ms()) {
            let mut columns: Vec<Entry<'_>> = Vec::new(); // newest first
            for (_, entry) in instant {
                if !columns.iter().any(|c| c.qualifier == entry.qualifier) {
                    columns.push(*entry);
                }
            }
            for (round, entry) in columns.into_iter().rev().enumerate() {
                match rounds.get_mut(round) {
                    Some(round) => round.push(entry),
                    None => rounds.push(vec![entry]),
                }
            }
        }
        rounds
    }
}

fn instants<'a>(entries: impl Iterator<Item = Entry<'a>>, count: usize, mixed: bool) -> Vec<Entry<'a>> {
    let mut all = Vec::with_capacity(count);
    all.extend(entries);
    if mixed {
        all.reverse();
        all.sort_by_key(|e| e.qualifier.offset_ms());
        all.dedup_by_key(|e| e.qualifier.offset_ms());
    }
    all
}

/// A row of a series with waiting points.
#[derive(Debug, Default)]
pub struct Row {
    /// Start of its hour, in seconds.
    pub base: u32,
    /// Points that no flush has taken yet.
    pub waiting: Part,
    /// Points on their way to the store.
    pub flushing: Option<Arc<Part>>,
    /// Highest instant known to be in the store; `None`: not known.
    pub newest_stored: Option<u32>,
    /// Cells written by this process.
    pub cells: u32,
    /// When the last point came, in milliseconds.
    pub touched: i64,
}

impl Row {
    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.flushing.is_none()
    }

    /// All points not yet stored, each instant once, in order.
    pub fn instants(&self) -> Vec<Entry<'_>> {
        match &self.flushing {
            None => self.waiting.instants(),
            Some(part) => {
                let count = part.count() + self.waiting.count();
                instants(part.entries().chain(self.waiting.entries()), count, true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::{PointTime, Value};

    fn part(points: &[(PointTime, Value)]) -> Part {
        let mut part = Part::default();
        for (at, &(time, value)) in points.iter().enumerate() {
            let stored = Stored::new(value);
            part.push(Qualifier::new(time, stored.flags), &stored, Some(at as i64 / 2));
        }
        part
    }

    fn show(entries: &[Entry<'_>]) -> Vec<(u32, i64, i64)> {
        let value = |e: &Entry<'_>| match e.qualifier.read(e.value) {
            Some(crate::point::Number::Int(v)) => v,
            _ => -1,
        };
        entries.iter().map(|e| (e.qualifier.offset_ms(), value(e), e.accepted)).collect()
    }

    #[test]
    fn the_last_of_an_instant_wins() {
        use PointTime::Seconds as S;
        use Value::Int as I;
        let check =
            |points: &[(PointTime, Value)], want: &[(u32, i64, i64)]| assert_eq!(show(&part(points).instants()), want, "{points:?}");
        check(&[(S(1), I(1)), (S(2), I(2))], &[(1000, 1, 0), (2000, 2, 0)]);
        check(&[(S(2), I(1)), (S(1), I(2)), (S(2), I(3))], &[(1000, 2, 0), (2000, 3, 1)]);
        check(&[(S(1), I(1)), (S(1), I(1000)), (S(1), I(2))], &[(1000, 2, 1)]);
        let millis = PointTime::Millis(4_294_969_200_000 + 1000); // an hour's start plus a second
        check(&[(S(1), I(1)), (millis, I(9))], &[(1000, 9, 0)]);
    }

    #[test]
    fn columns_of_an_instant_go_in_rounds() {
        use PointTime::Seconds as S;
        use Value::Int as I;
        let part = part(&[(S(1), I(1)), (S(2), I(5)), (S(1), I(1000)), (S(1), I(2)), (S(1), I(3000))]);
        let rounds: Vec<_> = part.rounds().iter().map(|r| show(r)).collect();
        assert_eq!(rounds, [vec![(1000, 2, 1), (2000, 5, 0)], vec![(1000, 3000, 2)]]);
    }

    #[test]
    fn a_part_taken_back_stands_before_the_rest() {
        use PointTime::Seconds as S;
        use Value::Int as I;
        let mut first = part(&[(S(3), I(1)), (S(4), I(2)), (S(5), I(3))]);
        first.join(&part(&[(S(4), I(9)), (S(6), I(4))]));
        assert_eq!(show(&first.instants()), [(3000, 1, 0), (4000, 9, 0), (5000, 3, 1), (6000, 4, 0)]);
    }
}
