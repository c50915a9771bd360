//! The prefilter, exactly, on row keys: does a row match, and if not, which is the least row after it that could?
//!
//! Tag pairs stand in a row key in ascending order of tag names. So when a pair is past what a filter asks for, no row
//! with the same beginning can match any more, and when it is before it, the scan can go on at the wanted value.

use crate::store::Prefilter;

/// A prefilter with its values sorted.
pub struct RowFilter {
    filter: Prefilter,
}

/// What is known of a row.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It matches, or cannot be judged.
    Match,
    /// It does not, nor does any row before this one (which is above it).
    NotBefore(Vec<u8>),
    /// It does not, nor does any row above it.
    NothingAfter,
}

impl RowFilter {
    /// Takes a filter; tags that are named twice must satisfy both lists. `None`: it asks for nothing that rows can tell.
    pub fn new(mut filter: Prefilter) -> Option<RowFilter> {
        filter.tags.retain(|t| t.key.len() == filter.tagk_width);
        if filter.tags.is_empty() || filter.tagk_width == 0 || filter.tagv_width == 0 {
            return None;
        }
        filter.tags.sort_by(|a, b| a.key.cmp(&b.key));
        filter.tags.iter_mut().for_each(|t| t.values.sort());
        filter.tags.dedup_by(|later, first| {
            // A tag twice: keeping the first list alone lets a few rows more through, which callers test again.
            let same = later.key == first.key;
            if same && first.values.is_empty() {
                first.values = std::mem::take(&mut later.values);
            }
            same
        });
        Some(RowFilter { filter })
    }

    /// Judges a row.
    pub fn judge(&self, row: &[u8]) -> Verdict {
        let (head, width) = (self.filter.skip, self.filter.tagk_width + self.filter.tagv_width);
        let Some(tags) = row.get(head..).filter(|t| t.len() % width == 0) else { return Verdict::Match };
        let mut wanted = self.filter.tags.iter();
        let Some(mut want) = wanted.next() else { return Verdict::Match };
        for (pair, at) in tags.chunks_exact(width).zip((head..).step_by(width)) {
            let (tag, value) = pair.split_at(self.filter.tagk_width);
            let before = row.get(..at).unwrap_or_default();
            match tag.cmp(want.key.as_slice()) {
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Greater => return after_all(before),
                std::cmp::Ordering::Equal => {}
            }
            if !want.values.is_empty() && want.values.binary_search_by(|v| v.as_slice().cmp(value)).is_err() {
                let next = want.values.iter().find(|v| v.as_slice() > value);
                return next.map_or_else(|| after_all(before), |v| Verdict::NotBefore([before, tag, v].concat()));
            }
            match wanted.next() {
                Some(next) => want = next,
                None => return Verdict::Match,
            }
        }
        // Longer rows may match, whatever stands before the wanted tag in them.
        Verdict::NotBefore([row, &[0]].concat())
    }
}

/// The least row above every row that begins with `prefix`.
fn after_all(prefix: &[u8]) -> Verdict {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < 0xff {
            next.push(last + 1);
            return Verdict::NotBefore(next);
        }
    }
    Verdict::NothingAfter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TagBytes;

    fn filter(tags: &[(u8, &[u8])]) -> RowFilter {
        let tags = tags.iter().map(|(k, v)| TagBytes { key: vec![*k], values: v.iter().map(|v| vec![*v]).collect() }).collect();
        RowFilter::new(Prefilter { skip: 2, tagk_width: 1, tagv_width: 1, tags }).expect("filter")
    }

    fn check(tags: &[(u8, &[u8])], row: &[u8], want: Verdict) {
        assert_eq!(filter(tags).judge(row), want, "{tags:?} {row:?}");
    }

    #[test]
    fn rows_are_judged() {
        use Verdict::{Match, NotBefore, NothingAfter};
        check(&[(5, &[7])], &[1, 1, 5, 7], Match);
        check(&[(5, &[])], &[1, 1, 5, 9, 6, 1], Match);
        check(&[(5, &[7, 3])], &[1, 1, 4, 1, 5, 3], Match);
        check(&[(5, &[7, 3])], &[1, 1, 5, 1], NotBefore(vec![1, 1, 5, 3]));
        check(&[(5, &[7, 3])], &[1, 1, 5, 4], NotBefore(vec![1, 1, 5, 7]));
        check(&[(5, &[7, 3])], &[1, 1, 5, 8], NotBefore(vec![1, 2])); // the next hour
        check(&[(5, &[7])], &[1, 1, 6, 7], NotBefore(vec![1, 2]));
        check(&[(5, &[7])], &[1, 0xff, 6, 7], NotBefore(vec![2]));
        check(&[(5, &[7])], &[0xff, 0xff, 6, 7], NothingAfter);
        check(&[(5, &[7])], &[1, 1, 4, 2], NotBefore(vec![1, 1, 4, 2, 0]));
        check(&[(5, &[7])], &[1, 1, 4, 2, 5, 8], NotBefore(vec![1, 1, 4, 3])); // the next value of the tag before
        check(&[(5, &[7]), (6, &[])], &[1, 1, 5, 7], NotBefore(vec![1, 1, 5, 7, 0]));
        check(&[(5, &[7])], &[1, 1], NotBefore(vec![1, 1, 0]));
        check(&[(5, &[7])], &[1], Match); // too short to judge
        check(&[(5, &[7])], &[1, 1, 5], Match);
    }

    #[test]
    fn hints_never_jump_over_a_match() {
        // All rows of up to three tags out of four, with four values.
        let mut rows = vec![];
        for base in [[1u8, 1], [1, 255], [2, 0]] {
            for set in 0u32..625 {
                let digits = [set % 5, set / 5 % 5, set / 25 % 5, set / 125];
                let tags = digits.iter().zip(1u8..).filter(|(d, _)| **d > 0).flat_map(|(d, k)| [k * 60, *d as u8 * 63]);
                rows.push([base.to_vec(), tags.collect()].concat());
            }
        }
        rows.sort();
        let values: [&[u8]; 4] = [&[], &[63], &[126, 252], &[64]];
        for first in 1u8..=4 {
            for second in first..=4 {
                for (a, b) in (0..16).map(|i| (values[i % 4], values[i / 4])) {
                    let filter = if first == second { filter(&[(first * 60, a)]) } else { filter(&[(first * 60, a), (second * 60, b)]) };
                    let verdicts: Vec<_> = rows.iter().map(|r| filter.judge(r)).collect();
                    for (row, verdict) in rows.iter().zip(&verdicts) {
                        let lost = |next: Option<&Vec<u8>>| {
                            rows.iter().zip(&verdicts).any(|(r, v)| r > row && next.is_none_or(|n| r < n) && *v == Verdict::Match)
                        };
                        match verdict {
                            Verdict::Match => {}
                            Verdict::NothingAfter => assert!(!lost(None)),
                            Verdict::NotBefore(next) => assert!(next > row && !lost(Some(next)), "{row:?} {next:?}"),
                        }
                    }
                }
            }
        }
    }
}
