//! The points of one series as two columns: times and values, 16 bytes a point.
//!
//! Nothing here computes; [`super::downsample`] fills these columns and [`super::aggregate`] reads them.

use crate::point::Number;

/// Times and values in time order. A time is stored as milliseconds times two, plus one for a floating point value,
/// so that the kind of each value costs no memory of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    stamps: Vec<i64>,
    bits: Vec<u64>,
}

/// Bytes that one point takes in [`Points`].
pub const POINT_BYTES: u64 = 16;

impl Points {
    /// Adds a point after all others.
    #[inline]
    pub fn push(&mut self, ms: i64, value: Number) {
        let (flag, bits) = match value {
            Number::Int(v) => (0, v as u64),
            Number::Float(v) => (1, v.to_bits()),
        };
        self.stamps.push(ms * 2 + flag);
        self.bits.push(bits);
    }

    /// Adds points after all others, given as columns of one length.
    pub fn extend(&mut self, times: &[i64], values: &[Number]) {
        self.stamps.reserve(times.len());
        self.bits.reserve(times.len());
        times.iter().zip(values).for_each(|(&ms, &value)| self.push(ms, value));
    }

    /// Adds the points of the time after this one.
    pub fn append(&mut self, later: Points) {
        if self.stamps.is_empty() {
            *self = later;
            return;
        }
        self.stamps.extend_from_slice(&later.stamps);
        self.bits.extend_from_slice(&later.bits);
    }

    /// The point at a place.
    #[inline]
    pub fn get(&self, at: usize) -> Option<(i64, Number)> {
        let (stamp, bits) = (*self.stamps.get(at)?, *self.bits.get(at)?);
        let value = if stamp & 1 == 0 { Number::Int(bits as i64) } else { Number::Float(f64::from_bits(bits)) };
        Some((stamp >> 1, value))
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.stamps.len()
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }

    /// All points in order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, Number)> + '_ {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

impl FromIterator<(i64, Number)> for Points {
    fn from_iter<I: IntoIterator<Item = (i64, Number)>>(points: I) -> Points {
        let mut out = Points::default();
        points.into_iter().for_each(|(ms, value)| out.push(ms, value));
        out
    }
}

/// The value as OpenTSDB widens it for floating point arithmetic.
#[inline]
pub fn as_f64(value: Number) -> f64 {
    match value {
        Number::Int(v) => v as f64,
        Number::Float(v) => v,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_keep_time_value_and_kind() {
        let all = [
            (0, Number::Int(-1)),
            (1, Number::Float(-0.5)),
            (1_356_998_400_123, Number::Int(i64::MIN)),
            (i64::MAX / 4, Number::Float(1e300)),
        ];
        let mut points: Points = all[..2].iter().copied().collect();
        points.append(all[2..].iter().copied().collect());
        assert_eq!(points.iter().collect::<Vec<_>>(), all);
    }
}
