//! Where the rows that hold a tag can stand: row keys order their tag pairs by the tag's name, so those rows are runs of
//! keys, and what lies between two runs need not be read.
//!
//! Bytes only, no calls: [`super::skip`] walks with it.

use crate::store::{Prefilter, TagBytes};

/// Values of the tag that are looked for, at most: each is a run of its own behind every stem.
const VALUES_MAX: usize = 8;

/// The lowest tag of a prefilter.
#[derive(Debug)]
pub(super) struct Leap {
    skip: usize,
    tagk_width: usize,
    pair_width: usize,
    key: Vec<u8>,
    /// Ascending.
    values: Vec<Vec<u8>>,
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
        Some(Leap { skip: prefilter.skip, tagk_width: prefilter.tagk_width, pair_width, key: key.clone(), values })
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
