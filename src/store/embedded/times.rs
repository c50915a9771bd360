//! Packed qualifiers: when the points of a cell lie and how each is stored, split into a key part and the flags.
//!
//! A cell of many points has a qualifier of 2 or 4 bytes a point. Its *times* go into the key of the LSM tree (an even
//! step takes a few bytes); its *flags* mostly follow from the values, so the value's encoding ([`super::cell`]) tells
//! them, and the key holds a checksum of them, so that two cells of the same instants stay two cells.
//!
//! | part | bytes |
//! | --- | --- |
//! | first qualifier, its flags cleared | 2, or 4 for milliseconds |
//! | number of points - 2 | varint |
//! | `0` and the step (sign folded), or `1` and the steps | 1 + varint, or 1 + [`super::bits`] list |
//! | CRC-32 of the flags | 4 |
//!
//! Qualifiers that mix seconds and milliseconds, or use bits that OpenTSDB leaves empty, are kept as they are.

use super::bits::{fold_sign, push_ints, push_varint, take_byte, take_ints, take_varint, unfold_sign};

/// Most points that are packed: more than any row of an hour at 30 Hz needs.
const POINTS_MAX: usize = 1 << 17;
/// One step for all.
const EVEN: u8 = 0;
/// A list of steps.
const UNEVEN: u8 = 1;
/// Bytes of the flags' checksum.
const SUM_BYTES: usize = 4;

/// A qualifier taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Milliseconds (4 bytes a point) instead of seconds (2 bytes).
    pub millis: bool,
    /// Offsets from the row's base time, in the unit that `millis` tells.
    pub offsets: Vec<i64>,
    /// The four flag bits of each point.
    pub flags: Vec<u8>,
}

impl Times {
    /// Takes a qualifier of two points and more apart. False: it is none, keep it as it is.
    pub fn read_qualifier(&mut self, qualifier: &[u8]) -> bool {
        self.offsets.clear();
        self.flags.clear();
        self.millis = qualifier.first().is_some_and(|b| b >> 4 == 0xf);
        if self.millis {
            let (points, rest) = qualifier.as_chunks::<4>();
            let points = points.iter().map(|p| u32::from_be_bytes(*p));
            self.offsets.extend(points.clone().map(|p| i64::from(p >> 6 & 0x3f_ffff)));
            self.flags.extend(points.clone().map(|p| p as u8 & 0xf));
            rest.is_empty() && self.is_size_right() && points.into_iter().all(|p| p >> 28 == 0xf && p & 0x30 == 0)
        } else {
            let (points, rest) = qualifier.as_chunks::<2>();
            let points = points.iter().map(|p| u16::from_be_bytes(*p));
            self.offsets.extend(points.clone().map(|p| i64::from(p >> 4)));
            self.flags.extend(points.clone().map(|p| p as u8 & 0xf));
            rest.is_empty() && self.is_size_right() && points.into_iter().all(|p| p >> 12 != 0xf)
        }
    }

    fn is_size_right(&self) -> bool {
        (2..=POINTS_MAX).contains(&self.offsets.len())
    }

    /// Appends the key part.
    pub fn push_key(&self, out: &mut Vec<u8>) {
        let first = self.offsets.first().copied().unwrap_or_default();
        if self.millis {
            out.extend_from_slice(&(0xf000_0000 | (first as u32) << 6).to_be_bytes());
        } else {
            out.extend_from_slice(&((first as u16) << 4).to_be_bytes());
        }
        push_varint(out, self.offsets.len() as u64 - 2);
        let mut steps = self.offsets.iter().zip(self.offsets.iter().skip(1)).map(|(a, b)| b - a);
        let step = steps.next().unwrap_or_default();
        if steps.clone().all(|s| s == step) {
            out.push(EVEN);
            push_varint(out, fold_sign(step));
        } else {
            out.push(UNEVEN);
            let steps: Vec<i64> = std::iter::once(step).chain(steps).collect();
            push_ints(out, &steps);
        }
        out.extend_from_slice(&crc32fast::hash(&self.flags).to_be_bytes());
    }

    /// Reads the times of a key part; the flags are cleared, their checksum is returned. `None`: damaged.
    pub fn read_key(&mut self, mut key: &[u8]) -> Option<u32> {
        self.offsets.clear();
        self.flags.clear();
        self.millis = key.first()? >> 4 == 0xf;
        let first = if self.millis {
            let (first, rest) = key.split_first_chunk::<4>()?;
            key = rest;
            i64::from(u32::from_be_bytes(*first) >> 6 & 0x3f_ffff)
        } else {
            let (first, rest) = key.split_first_chunk::<2>()?;
            key = rest;
            i64::from(u16::from_be_bytes(*first) >> 4)
        };
        let count = usize::try_from(take_varint(&mut key)?).ok()?.checked_add(2).filter(|n| *n <= POINTS_MAX)?;
        if take_byte(&mut key)? == EVEN {
            let step = unfold_sign(take_varint(&mut key)?);
            self.offsets.extend((0..count as i64).map(|i| first.wrapping_add(step.wrapping_mul(i))));
        } else {
            take_ints(&mut key, count - 1, &mut self.offsets)?;
            let mut at = first;
            self.offsets.iter_mut().for_each(|step| at = at.wrapping_add(std::mem::replace(step, at)));
            self.offsets.push(at);
        }
        let (sum, rest) = key.split_first_chunk::<SUM_BYTES>()?;
        rest.is_empty().then(|| u32::from_be_bytes(*sum))
    }

    /// Replaces `out` with the qualifier.
    pub fn write_qualifier(&self, out: &mut Vec<u8>) {
        out.clear();
        let points = self.offsets.iter().zip(&self.flags);
        if self.millis {
            out.extend(points.flat_map(|(at, flags)| (0xf000_0000 | (*at as u32) << 6 | u32::from(*flags)).to_be_bytes()));
        } else {
            out.extend(points.flat_map(|(at, flags)| ((*at as u16) << 4 | u16::from(*flags)).to_be_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(points: &[(u16, u8)]) -> Vec<u8> {
        points.iter().flat_map(|(at, flags)| (at << 4 | u16::from(*flags)).to_be_bytes()).collect()
    }

    fn millis(points: &[(u32, u8)]) -> Vec<u8> {
        points.iter().flat_map(|(at, flags)| (0xf000_0000 | at << 6 | u32::from(*flags)).to_be_bytes()).collect()
    }

    fn check(qualifier: &[u8], want: Option<usize>) {
        let mut times = Times::default();
        let Some(most) = want else {
            assert!(!times.read_qualifier(qualifier), "{qualifier:?}");
            return;
        };
        assert!(times.read_qualifier(qualifier), "{qualifier:?}");
        let mut key = Vec::new();
        times.push_key(&mut key);
        assert!(key.len() <= most, "{} bytes, {most} allowed", key.len());
        let mut back = Times::default();
        let sum = back.read_key(&key).expect("times");
        assert_eq!(sum, crc32fast::hash(&times.flags));
        back.flags.clone_from(&times.flags);
        assert_eq!(back, times);
        let mut out = vec![1];
        back.write_qualifier(&mut out);
        assert_eq!(out, qualifier);
        for cut in 0..key.len() {
            assert_eq!(back.read_key(&key[..cut]), None);
        }
    }

    #[test]
    fn qualifiers_come_back() {
        check(&seconds(&[(0, 0), (10, 1)]), Some(9));
        check(&seconds(&(0..360).map(|i| (i * 10, 0xb)).collect::<Vec<_>>()), Some(10)); // a whole hour
        check(&seconds(&(0..60).map(|i| (i * 60 + i % 3, i as u8 & 0xf)).collect::<Vec<_>>()), Some(28));
        check(&millis(&(0..360).map(|i| (i * 10_000 + i * i % 13, 7)).collect::<Vec<_>>()), Some(250));
        check(&seconds(&[(3839, 3), (0, 1), (0, 1)]), Some(14)); // out of order and twice: still the same bytes
        check(&millis(&[(0x3f_ffff, 15), (0, 0)]), Some(14));
    }

    #[test]
    fn others_stay_as_they_are() {
        check(b"", None);
        check(&seconds(&[(10, 1)]), None); // one point
        check(&[0, 0, 0], None);
        check(&[seconds(&[(1, 1)]), millis(&[(2000, 1)])].concat(), None);
        check(&[millis(&[(2000, 1)]), seconds(&[(1, 1)]), seconds(&[(2, 1)])].concat(), None);
        check(&[0xf0, 0, 0, 0x10, 0xf0, 0, 1, 0], None); // an unused bit is set
        check(b"ts_meta", None);
    }
}
