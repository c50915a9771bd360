//! Cuts a question into scans that do not depend on each other: by salt bucket and by time.

use super::range::{ROW_SECONDS, RowRange};
use crate::codec::{Layout, scan_key};

/// Most time slices a salt bucket is cut into for each thread: more even out slow ones, but each has its own scanner.
const SLICES_A_THREAD: i64 = 4;

/// A run of row keys, and the place of its salt bucket among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Which salt bucket, from 0.
    pub bucket: usize,
    /// First row key.
    pub start: Vec<u8>,
    /// Row key to stop before.
    pub stop: Vec<u8>,
}

/// The scans of a question in order of salt bucket and time.
///
/// `split_ms`: buckets of a downsample begin at its multiples, so rows can be split there; `None`: not at all; 1: anywhere.
/// `worth`: how many slices the rows are worth, if that is known.
/// `end_row`: the row at the end of the range is read as well.
pub fn slices(
    layout: &Layout,
    metric: &[u8],
    rows: RowRange,
    (split_ms, worth): (Option<i64>, Option<u64>),
    threads: usize,
    end_row: bool,
) -> Vec<Slice> {
    let buckets = if layout.salt_width == 0 { 1 } else { layout.salt_buckets.max(1) };
    let most = worth.map_or(i64::MAX, |worth| i64::try_from(worth.div_ceil(buckets.into())).unwrap_or(i64::MAX));
    let times = cuts(rows, split_ms, threads.div_ceil(buckets as usize), most);
    let mut out = Vec::new();
    for bucket in 0..buckets {
        // Java hands 32 bits to HBase: a range beyond them wraps.
        let key = |seconds: i64| scan_key(layout, bucket, metric, seconds as u32);
        for (&from, &to) in times.iter().zip(times.iter().skip(1)) {
            let mut stop = key(to);
            if end_row && to == rows.end {
                stop.extend(std::iter::repeat_n(0xFF, usize::from(layout.tagk_width) + usize::from(layout.tagv_width)));
            }
            let start = key(from);
            if start < stop {
                out.push(Slice { bucket: bucket as usize, start, stop });
            }
        }
    }
    out
}

/// Times in seconds, start and end included, between which slices lie, about `most` at most. All inner ones are whole rows and whole buckets.
fn cuts(rows: RowRange, split_ms: Option<i64>, threads: usize, most: i64) -> Vec<i64> {
    let mut out = vec![rows.start];
    let fits = u32::try_from(rows.end).is_ok() && rows.end > rows.start;
    if let (Some(split_ms), true, true) = (split_ms, fits, threads > 1 && most > 1) {
        let unit_ms = common_multiple(split_ms.max(1), ROW_SECONDS * 1000);
        let slices = (threads as i64 * SLICES_A_THREAD).min(most);
        let unit = unit_ms.map(|ms| ms / 1000).filter(|&unit| unit < rows.end - rows.start);
        if let Some(unit) = unit {
            let step = ((rows.end - rows.start) / slices / unit).max(1) * unit;
            let first = rows.start / unit * unit + step;
            out.extend((0..slices * 2).map(|n| first + n * step).take_while(|&at| at < rows.end));
        }
    }
    out.push(rows.end);
    out
}

fn common_multiple(a: i64, b: i64) -> Option<i64> {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x).checked_mul(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = ROW_SECONDS;

    fn check(hours: (i64, i64), split_ms: Option<i64>, threads: usize, want: &[i64]) {
        let rows = RowRange { start: hours.0 * HOUR, end: hours.1 * HOUR };
        let want: Vec<_> = want.iter().map(|h| h * HOUR).collect();
        assert_eq!(cuts(rows, split_ms, threads, i64::MAX), want, "{hours:?} {split_ms:?} {threads}");
    }

    #[test]
    fn times_are_cut_at_whole_rows_and_buckets() {
        check((1, 25), None, 2, &[1, 25]);
        check((1, 25), Some(1), 1, &[1, 25]);
        check((1, 25), Some(300_000), 2, &[1, 4, 7, 10, 13, 16, 19, 22, 25]);
        check((1, 25), Some(7_200_000), 2, &[1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 25]);
        check((1, 25), Some(86_400_000), 2, &[1, 25]);
        check((1, 25), Some(420_000), 2, &[1, 7, 14, 21, 25]);
        check((5, 6), Some(1), 8, &[5, 6]);
    }

    #[test]
    fn no_more_than_they_are_worth() {
        let rows = RowRange { start: HOUR, end: 25 * HOUR };
        assert_eq!(cuts(rows, Some(1), 2, 1), [HOUR, 25 * HOUR]);
        assert_eq!(cuts(rows, Some(1), 2, 2), [HOUR, 13 * HOUR, 25 * HOUR]);
    }

    #[test]
    fn keys_have_salt_metric_and_time() {
        let layout = Layout { salt_width: 1, salt_buckets: 2, ..Layout::default() };
        let got = slices(&layout, b"abc", RowRange { start: 0, end: HOUR }, (Some(1), None), 2, false);
        let want = |bucket: u8| Slice {
            bucket: bucket.into(),
            start: [&[bucket], &b"abc\0\0\0\0"[..]].concat(),
            stop: [&[bucket], &b"abc\0\0\x0e\x10"[..]].concat(),
        };
        assert_eq!(got, [want(0), want(1)]);
        assert_eq!(slices(&Layout::default(), b"abc", RowRange { start: HOUR, end: 1 << 32 }, (Some(1), None), 2, false), []);
        let with_end = slices(&Layout::default(), b"abc", RowRange { start: 0, end: HOUR }, (Some(1), None), 1, true);
        assert_eq!(with_end[0].stop.len(), 13);
    }
}
