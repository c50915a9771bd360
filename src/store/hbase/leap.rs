//! Where the rows that hold a tag can stand: row keys order their tag pairs by the tag's name, so those rows are runs of
//! keys, and what lies between two runs need not be read.
//!
//! Bytes only, no calls: [`super::skip`] walks with it.

use crate::store::{Prefilter, TagBytes};

/// Values of the tag that are looked for, at most: each is a run of its own behind every stem.
const VALUES_MAX: usize = 32;
/// Bytes of the time in a row key.
pub(super) const TIME_BYTES: usize = 4;

/// The lowest tag of a prefilter.
#[derive(Debug)]
pub(super) struct Leap {
    skip: usize,
    tagk_width: usize,
    pair_width: usize,
    key: Vec<u8>,
    /// Ascending.
    values: Vec<Vec<u8>>,
    /// No tag's name has a lower UID.
    lowest: bool,
}

/// An hour of rows as it is thought to be.
#[derive(Debug)]
pub(super) struct Hour {
    /// All keys of the hour: start, and key to stop before. `None`: the hour cannot be otherwise.
    pub(super) look: Option<(Vec<u8>, Vec<u8>)>,
    /// Where the rows with the tag stand, if the hour is so.
    pub(super) runs: Vec<(Vec<u8>, Vec<u8>)>,
    stem: Vec<u8>,
}

/// What a row tells about the keys that follow it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Runs in ascending order, from the row on: start, and key to stop before (empty: the end of the table).
    pub(super) runs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The first key behind them that has to be looked at; `None`: there is none.
    pub(super) after: Option<Vec<u8>>,
}

impl Leap {
    /// `None` where skipping gains nothing: without a list of values, or with a long one.
    pub(super) fn new(prefilter: &Prefilter) -> Option<Leap> {
        let TagBytes { key, values } = prefilter.tags.first()?;
        let fits = key.len() == prefilter.tagk_width && values.iter().all(|value| value.len() == prefilter.tagv_width);
        if !fits || key.is_empty() || values.is_empty() || values.len() > VALUES_MAX {
            return None;
        }
        let mut values = values.clone();
        values.sort_unstable();
        values.dedup();
        let pair_width = prefilter.tagk_width + prefilter.tagv_width;
        // UIDs count from 1.
        let lowest = key.split_last().is_some_and(|(last, head)| *last <= 1 && head.iter().all(|byte| *byte == 0));
        Some(Leap { skip: prefilter.skip, tagk_width: prefilter.tagk_width, pair_width, key: key.clone(), values, lowest })
    }

    /// Hours from `start` on, `most` at most, up to `stop`, if the four bytes before the tags are a time that goes by `step`.
    ///
    /// Together they look at every key from `start` up to the end of the last one; that each is as it is thought to be (rows
    /// without tags below this one, at its own time) is told by the first key in it: see [`Leap::holds`]. Nothing stands
    /// below the lowest tag, often the host; rows at other times than whole ones, which no TSD writes, are not looked for
    /// there. `None` where `start` is no whole time.
    pub(super) fn hours(&self, start: &[u8], stop: &[u8], step: u32, most: usize) -> Option<Vec<Hour>> {
        let (head, time) = start.split_at_checked(self.skip.checked_sub(TIME_BYTES)?)?;
        let mut time = u32::from_be_bytes(time.try_into().ok()?).checked_next_multiple_of(step.max(1))?;
        let (mut hours, mut from) = (Vec::new(), start.to_vec());
        while hours.len() < most && from.as_slice() < stop {
            let stem = [head, &time.to_be_bytes()].concat();
            time = time.checked_add(step)?;
            let end = [head, &time.to_be_bytes()].concat();
            let runs = self.values.iter().map(|value| {
                let start = [&stem, self.key.as_slice(), value].concat();
                let stop = successor(&start).unwrap_or_default();
                (start, stop)
            });
            let runs = runs.filter(|(start, _)| start.as_slice() < stop).map(|(start, end)| (start, end.min(stop.to_vec()))).collect();
            let after = successor(&stem)?;
            let look = (!self.lowest).then(|| (from, end.min(stop.to_vec())));
            hours.push(Hour { look, stem, runs });
            from = after;
        }
        Some(hours)
    }

    /// How many scanners an hour takes.
    pub(super) fn scanners(&self) -> usize {
        self.values.len() + usize::from(!self.lowest)
    }

    /// Whether `row`, the first key of an hour, of which this was found, stands in one that is as it is thought to be.
    pub(super) fn is_even(&self, row: &[u8], found: &Found) -> bool {
        found.after.is_some() && found.after == row.get(..self.skip).and_then(successor)
    }

    /// Where the next hours begin.
    pub(super) fn behind(&self, hour: &Hour) -> Option<Vec<u8>> {
        successor(&hour.stem)
    }

    /// Whether an hour is as it was thought to be, by the first key from its beginning on, if there is one.
    pub(super) fn holds(&self, hour: &Hour, first: Option<&[u8]>) -> bool {
        first.is_none_or(|row| self.find(row).after == successor(&hour.stem))
    }

    /// The tag's name.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// `row` is the first key of the table from some place on.
    ///
    /// Its pairs below the tag are a stem. Behind one stem, rows with the tag are one run for each value; rows whose next
    /// pair is above the tag do not have it, and all rows of the stem whose next pair is below it stand before `row`.
    pub(super) fn find(&self, row: &[u8]) -> Found {
        let pairs = row.get(self.skip..).unwrap_or_default().chunks_exact(self.pair_width);
        let below = pairs.clone().take_while(|pair| pair.get(..self.tagk_width) < Some(self.key.as_slice())).count();
        if below == pairs.len() {
            // No pair at or above the tag: rows with more pairs of any kind may follow.
            return Found { runs: Vec::new(), after: Some([row, &[0]].concat()) };
        }
        let stem = row.get(..self.skip + below * self.pair_width).unwrap_or_default();
        let run = |value: &Vec<u8>| {
            let start = [stem, &self.key, value].concat();
            let stop = successor(&start);
            let ends_before = stop.as_deref().is_some_and(|stop| stop <= row);
            (!ends_before).then(|| (start.max(row.to_vec()), stop.unwrap_or_default()))
        };
        Found { runs: self.values.iter().filter_map(run).collect(), after: successor(stem) }
    }
}

/// The lowest key above all that begin with `prefix`; `None` if there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let (last, head) = prefix.get(..=kept)?.split_last()?;
    Some([head, &[last + 1]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leap(key: u8, values: &[u8]) -> Option<Leap> {
        let tag = TagBytes { key: vec![key], values: values.iter().map(|v| vec![*v]).collect() };
        Leap::new(&Prefilter { skip: 2, tagk_width: 1, tagv_width: 1, tags: vec![tag] })
    }

    fn check(row: &[u8], runs: &[(&[u8], &[u8])], after: Option<&[u8]>) {
        let found = leap(5, &[7, 3]).unwrap().find(row);
        let want = runs.iter().map(|(start, stop)| (start.to_vec(), stop.to_vec())).collect();
        assert_eq!(found, Found { runs: want, after: after.map(<[u8]>::to_vec) }, "{row:02x?}");
    }

    #[test]
    fn rows() {
        check(b"mt\x05\x01", &[(b"mt\x05\x03", b"mt\x05\x04"), (b"mt\x05\x07", b"mt\x05\x08")], Some(b"mu"));
        check(b"mt\x05\x03\x09\x01", &[(b"mt\x05\x03\x09\x01", b"mt\x05\x04"), (b"mt\x05\x07", b"mt\x05\x08")], Some(b"mu"));
        check(b"mt\x05\x05", &[(b"mt\x05\x07", b"mt\x05\x08")], Some(b"mu"));
        check(b"mt\x05\x08", &[], Some(b"mu"));
        check(b"mt\x09\x01", &[], Some(b"mu")); // every pair above the tag
        check(b"mt\x02\x01\x05\x05", &[(b"mt\x02\x01\x05\x07", b"mt\x02\x01\x05\x08")], Some(b"mt\x02\x02"));
        check(b"mt\x02\xff\x06\x05", &[], Some(b"mt\x03"));
        check(b"mt\x02\x01", &[], Some(b"mt\x02\x01\0")); // a longer row of the same stem may follow
        check(b"mt", &[], Some(b"mt\0"));
        check(b"m", &[], Some(b"m\0"));
        check(b"mt\x02\x01\x09", &[], Some(b"mt\x02\x01\x09\0")); // half a pair is none
        check(b"\xff\xff\x09\x01", &[], None);
    }

    #[test]
    fn only_short_lists() {
        assert!(leap(5, &[]).is_none());
        assert!(leap(5, &[1; VALUES_MAX + 1]).is_none());
        assert!(Leap::new(&Prefilter { skip: 2, tagk_width: 1, tagv_width: 1, tags: vec![] }).is_none());
    }

    #[test]
    fn hours() {
        let tag = TagBytes { key: vec![5], values: vec![vec![3]] };
        let leap = Leap::new(&Prefilter { skip: 5, tagk_width: 1, tagv_width: 1, tags: vec![tag] }).unwrap();
        let got = leap.hours(b"m\0\0\0\x0b", b"m\0\0\0\x28", 10, 9).unwrap();
        let key = |time: u8, rest: &[u8]| [b"m\0\0\0", &[time][..], rest].concat();
        let looks: Vec<_> = got.iter().map(|hour| hour.look.clone().unwrap()).collect();
        assert_eq!(looks, [(key(11, b""), key(30, b"")), (key(21, b""), key(40, b"")), (key(31, b""), key(40, b""))]);
        assert_eq!(got[1].runs, [(key(30, b"\x05\x03"), key(30, b"\x05\x04"))]);
        assert!(got[2].runs.is_empty());
        assert_eq!(leap.behind(&got[0]), Some(key(21, b"")));
        assert!(leap.holds(&got[0], None));
        assert!(leap.holds(&got[0], Some(&key(20, b"\x05\x01"))));
        assert!(leap.holds(&got[0], Some(&key(20, b"\x06\x01"))));
        assert!(!leap.holds(&got[0], Some(&key(20, b"\x04\x01")))); // a tag below this one
        assert!(!leap.holds(&got[0], Some(&key(11, b"\x05\x03")))); // another time
        assert!(!leap.holds(&got[0], Some(&key(20, b"")))); // no tags
        assert_eq!(leap.hours(b"m\0\0\0\x14", b"n", 10, 2).unwrap().len(), 2);
        assert!(leap.hours(b"m\0\0\0\x14\x05", b"n", 10, 2).is_none());
        assert!(leap.hours(b"m", b"n", 10, 2).is_none());
        assert!(leap.hours(b"m\xff\xff\xff\xff", b"n", 10, 2).is_none());
        assert_eq!(leap.scanners(), 2);
        let is_even = |row: &[u8]| leap.is_even(row, &leap.find(row));
        assert!(is_even(&key(20, b"\x06\x01")) && !is_even(&key(20, b"\x04\x01")) && !is_even(b"m"));
    }

    #[test]
    fn nothing_stands_below_the_lowest_tag() {
        for (key, lowest) in [(&[0, 1][..], true), (&[0, 2], false), (&[1, 1], false)] {
            let tag = TagBytes { key: key.to_vec(), values: vec![vec![0, 3]] };
            let leap = Leap::new(&Prefilter { skip: 5, tagk_width: 2, tagv_width: 2, tags: vec![tag] }).unwrap();
            assert_eq!(leap.scanners(), if lowest { 1 } else { 2 });
            let got = leap.hours(b"m\0\0\0\x14", b"n", 10, 2).unwrap();
            assert!(got.iter().all(|hour| hour.look.is_none() == lowest && hour.runs.len() == 1), "{key:?}");
        }
    }

    /// Walks random tables with it and finds exactly the rows with the tag.
    #[test]
    fn no_row_is_lost() {
        let mut seed = 1u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for round in 0..500 {
            let mut table = std::collections::BTreeSet::new();
            for _ in 0..random(60) {
                let mut row = vec![b'm', 0xfd + random(3) as u8];
                for key in 1..=4u8 {
                    if random(2) == 0 {
                        row.extend([key * 60, 0xfc + random(4) as u8]);
                    }
                }
                table.insert(row);
            }
            let values: Vec<u8> = (0..=random(2)).map(|_| 0xfc + random(4) as u8).collect();
            let tag = (1 + random(4) as u8) * 60;
            let leap = leap(tag, &values).unwrap();
            let has = |row: &&Vec<u8>| row[2..].chunks(2).any(|pair| pair[0] == tag && values.contains(&pair[1]));
            let want: Vec<_> = table.iter().filter(has).cloned().collect();
            let (mut got, mut at) = (Vec::new(), Some(Vec::new()));
            while let Some(row) = at.take().and_then(|from: Vec<u8>| table.range(from..).next()) {
                let found = leap.find(row);
                for (start, stop) in found.runs {
                    got.extend(table.range(start..).take_while(|row| stop.is_empty() || **row < stop).cloned());
                }
                at = found.after;
            }
            assert_eq!(got, want, "round {round}");
        }
    }
}
