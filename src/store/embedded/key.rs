//! Keys of the LSM tree: (row, family, qualifier) as one byte string that sorts as HBase sorts rows.
//!
//! | part | bytes |
//! | --- | --- |
//! | row | the row key, runs of zero bytes counted, with an end mark (below) |
//! | column | family's place in the table's sorted families × 2, plus 1 if the qualifier is packed |
//! | qualifier | as it is, or its times ([`super::times`]) if it joins many points |
//!
//! Rows differ in length and may be prefixes of each other, so a row needs an end that sorts below any byte that could
//! follow. A run of `n` zero bytes (1 to 120) becomes `00` and one byte: `n` when the row ends there, `255 - n` when
//! another byte follows, so that ends sort first and longer runs sort before shorter ones. `00 00` ends a row that has no
//! zero at its end, `00 86` stands for 121 zeros with anything after them. UIDs have zeros in runs: a usual row key of 19
//! bytes takes 21. No encoded row is the beginning of another.
//!
//! Qualifiers of one row need not come in HBase's order when packed and plain cells mix: the reader sorts them.

use crate::store::{Result, StoreError};

/// Longest run of zeros that one pair of bytes tells.
const ZERO_RUN_MAX: usize = 120;
/// Second byte of a pair that stands for [`ZERO_RUN_MAX`] + 1 zeros and says nothing of what follows.
const ZERO_RUN_MORE: u8 = 134;
/// Longest key that the LSM tree takes, in bytes.
const KEY_BYTES_MAX: usize = 65_535;
/// Longest row key, in bytes: HBase's own limit.
const ROW_BYTES_MAX: usize = 32_767;

/// Appends `row` in its sortable form.
pub fn push_row(out: &mut Vec<u8>, row: &[u8]) {
    let mut rest = row;
    while let Some(at) = memchr::memchr(0, rest) {
        let (plain, zeros) = rest.split_at(at);
        out.extend_from_slice(plain);
        let mut run = zeros.iter().take_while(|b| **b == 0).count();
        rest = zeros.get(run..).unwrap_or_default();
        while run > ZERO_RUN_MAX {
            out.extend_from_slice(&[0, ZERO_RUN_MORE]);
            run -= ZERO_RUN_MAX + 1;
        }
        let run = run as u8;
        match (rest.is_empty(), run) {
            (true, n) => return out.extend_from_slice(&[0, n]),
            (false, 0) => {}
            (false, n) => out.extend_from_slice(&[0, 255 - n]),
        }
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[0, 0]);
}

/// Length of the encoded row at the beginning of `key`; `None` if it has no end.
pub fn row_len(key: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr(0, key.get(at..)?)? + 2;
        if usize::from(*key.get(at - 1)?) <= ZERO_RUN_MAX {
            return Some(at);
        }
    }
}

/// Replaces `out` with the row key that `encoded` (a whole encoded row) stands for. False if it stands for none.
pub fn read_row(encoded: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut rest = encoded;
    loop {
        let Some(at) = memchr::memchr(0, rest) else { return false };
        let (plain, pair) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&[_, code], tail)) = pair.split_first_chunk::<2>() else { return false };
        let (zeros, ends) = match code {
            n if usize::from(n) <= ZERO_RUN_MAX => (usize::from(n), true),
            ZERO_RUN_MORE => (ZERO_RUN_MAX + 1, false),
            n if n > ZERO_RUN_MORE => (usize::from(255 - n), false),
            _ => return false,
        };
        out.resize(out.len() + zeros, 0);
        if ends {
            return tail.is_empty();
        }
        rest = tail;
    }
}

/// The smallest key above every cell of the encoded row: no column byte is `ff`.
pub fn after_row(mut encoded: Vec<u8>) -> Vec<u8> {
    encoded.push(0xff);
    encoded
}

/// Refuses rows and keys that HBase or the LSM tree cannot hold.
pub fn check_size(row: &[u8], key: &[u8]) -> Result<()> {
    if row.is_empty() || row.len() > ROW_BYTES_MAX {
        return Err(StoreError::Rejected(format!("a row key has 1 to {ROW_BYTES_MAX} bytes, this one has {}", row.len())));
    }
    if key.len() > KEY_BYTES_MAX {
        let over = key.len() - KEY_BYTES_MAX;
        return Err(StoreError::Rejected(format!("row key and qualifier are {over} bytes too long for the embedded store")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(row: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_row(&mut out, row);
        out
    }

    #[test]
    fn rows_of_zeros_and_letters() {
        let check = |row: &[u8], want: &[u8]| assert_eq!(encode(row), want, "{row:?}");
        check(b"", &[0, 0]);
        check(b"ab", &[b'a', b'b', 0, 0]);
        check(b"ab\0\0", &[b'a', b'b', 0, 2]);
        check(b"a\0\0b", &[b'a', 0, 253, b'b', 0, 0]);
        check(&[0; 120], &[0, 120]);
        check(&[0; 121], &[0, 134, 0, 0]);
        check(&[0; 125], &[0, 134, 0, 4]);
    }

    #[test]
    fn order_and_content_survive() {
        // Every string of up to 3 of these bytes, and runs around the limit of a pair with and without a byte after them.
        let letters = [0u8, 1, 2, 119, 120, 121, 133, 134, 135, 254, 255];
        let mut rows: Vec<Vec<u8>> = vec![vec![]];
        for a in letters {
            rows.push(vec![a]);
            for b in letters {
                rows.push(vec![a, b]);
                rows.extend(letters.iter().map(|c| vec![a, b, *c]));
            }
        }
        for n in [118, 119, 120, 121, 122, 240, 241, 242, 243, 363] {
            rows.push(vec![0; n]);
            rows.extend(letters.iter().map(|c| [vec![0; n], vec![*c]].concat()));
            rows.push([vec![7], vec![0; n], vec![1, 0, 0]].concat());
        }
        rows.sort();
        rows.dedup();
        let encoded: Vec<_> = rows.iter().map(|r| encode(r)).collect();
        assert!(encoded.is_sorted_by(|a, b| a < b));
        for (row, enc) in rows.iter().zip(&encoded) {
            let mut back = Vec::new();
            let key = [enc.as_slice(), &[3, 0, 0, 9]].concat();
            assert_eq!(row_len(&key), Some(enc.len()), "{row:?}");
            assert!(read_row(enc, &mut back) && back == *row, "{row:?}");
        }
    }

    #[test]
    fn damaged_rows_are_told() {
        let mut out = Vec::new();
        for bad in [&b""[..], b"abc", b"a\0", &[0, 130, 0, 0], &[0, 0, 1]] {
            assert!(!read_row(bad, &mut out), "{bad:?}");
        }
    }
}
