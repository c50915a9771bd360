//! Qualifiers: when, inside its hour, a point lies, and how its value is stored.
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 2 | seconds since the row's base time (12 bits), flags (4 bits) |
//! | 4 | `1111`, milliseconds since the base time (22 bits), 2 unused bits, flags (4 bits) |
//!
//! Flags: bit 3 set = floating point; bits 0-2 = length of the value in bytes, minus one.
//! Recorded in `storage/ints`, `storage/floats`, `storage/milliseconds`. Joining them into cells is `pack.rs`.

use super::ROW_SECONDS;
use crate::point::{Number, PointTime, Value};

/// Flag of a floating point value.
const FLOAT: u8 = 8;
/// The half byte that tells a 4-byte qualifier.
const MILLIS: u32 = 0xF000_0000;

/// A few bytes on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Short<N> {
    /// The last `len` of `bytes`.
    pub(super) fn tail(bytes: [u8; N], len: usize) -> Short<N> {
        let mut all = [0; N];
        let kept = bytes.get(N - len.min(N)..).unwrap_or_default();
        for (to, from) in all.iter_mut().zip(kept) {
            *to = *from;
        }
        Short { bytes: all, len: kept.len() as u8 }
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// One point's qualifier, of 2 or 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qualifier {
    raw: u32,
    millis: bool,
}

impl Qualifier {
    /// For a time and a value's flags.
    #[inline]
    pub fn new(time: PointTime, flags: u8) -> Qualifier {
        let flags = u32::from(flags & 15);
        match time {
            PointTime::Seconds(s) => Qualifier { raw: (s % ROW_SECONDS) << 4 | flags, millis: false },
            PointTime::Millis(ms) => {
                let offset = ms.rem_euclid(i64::from(ROW_SECONDS) * 1000) as u32;
                Qualifier { raw: MILLIS | offset << 6 | flags, millis: true }
            }
        }
    }

    /// The first qualifier of `bytes` and what stands behind it; `None` if too few bytes are left for it.
    #[inline]
    pub fn split_first(bytes: &[u8]) -> Option<(Qualifier, &[u8])> {
        if *bytes.first()? >= 0xF0 {
            let (four, rest) = bytes.split_first_chunk::<4>()?;
            Some((Qualifier { raw: u32::from_be_bytes(*four), millis: true }, rest))
        } else {
            let (two, rest) = bytes.split_first_chunk::<2>()?;
            Some((Qualifier { raw: u32::from(u16::from_be_bytes(*two)), millis: false }, rest))
        }
    }

    /// Milliseconds since the row's base time.
    #[inline]
    pub fn offset_ms(self) -> u32 {
        if self.millis { (self.raw & 0x0FFF_FFC0) >> 6 } else { (self.raw >> 4) * 1000 }
    }

    /// True for the 4-byte form.
    pub fn is_millis(self) -> bool {
        self.millis
    }

    /// Kind and length of the value.
    pub fn flags(self) -> u8 {
        (self.raw & 15) as u8
    }

    /// True if the value is a floating point number.
    pub fn is_float(self) -> bool {
        self.flags() & FLOAT != 0
    }

    /// Length of the value as the flags tell it: 1 to 8.
    #[inline]
    pub fn value_len(self) -> usize {
        (self.raw & 7) as usize + 1
    }

    /// The same with the length put right: OpenTSDB once wrote floats of 4 bytes with the length of 8.
    pub fn with_value_len(self, len: usize) -> Qualifier {
        Qualifier { raw: self.raw & !7 | (len.wrapping_sub(1) & 7) as u32, ..self }
    }

    /// The time, in a row with this base time.
    pub fn time(self, base: u32) -> PointTime {
        let offset = self.offset_ms();
        match self.millis {
            false => PointTime::Seconds(base.wrapping_add(offset / 1000)),
            true => PointTime::Millis(i64::from(base) * 1000 + i64::from(offset)),
        }
    }

    /// Its bytes.
    #[inline]
    pub fn encode(self) -> Short<4> {
        Short::tail(self.raw.to_be_bytes(), if self.millis { 4 } else { 2 })
    }

    /// The value that these bytes are; `None` if no number has this many.
    #[inline]
    pub fn read(self, value: &[u8]) -> Option<Number> {
        read_value(self.is_float(), value)
    }
}

/// The number that a value's bytes are; `None` if no number has this many.
#[inline]
pub(super) fn read_value(is_float: bool, value: &[u8]) -> Option<Number> {
    Some(match (is_float, value) {
        (false, &[a]) => Number::Int(i64::from(a as i8)),
        (false, &[a, b]) => Number::Int(i64::from(i16::from_be_bytes([a, b]))),
        (false, &[a, b, c, d]) => Number::Int(i64::from(i32::from_be_bytes([a, b, c, d]))),
        (true, &[a, b, c, d]) => Number::Float(f64::from(f32::from_be_bytes([a, b, c, d]))),
        (is_float, _) => {
            let eight: [u8; 8] = value.try_into().ok()?;
            if is_float { Number::Float(f64::from_be_bytes(eight)) } else { Number::Int(i64::from_be_bytes(eight)) }
        }
    })
}

/// The start of the hour row that a point belongs to, in seconds.
///
/// Only 32 bits fit the row key: milliseconds from 2106 on lose the rest, as in OpenTSDB.
#[inline]
pub fn base_time(time: PointTime) -> u32 {
    match time {
        PointTime::Seconds(s) => s - s % ROW_SECONDS,
        PointTime::Millis(ms) => {
            let seconds = ms.div_euclid(1000);
            (seconds - seconds.rem_euclid(i64::from(ROW_SECONDS))) as u32
        }
    }
}

/// A value's bytes and flags: integers in the fewest of 1, 2, 4 or 8 bytes, floats in 4 or 8.
#[inline]
pub fn encode_value(value: Value) -> (Short<8>, u8) {
    let (bits, len, float) = match value {
        Value::Single(v) => (u64::from(v.to_bits()), 4, FLOAT),
        Value::Double(v) => (v.to_bits(), 8, FLOAT),
        Value::Int(v) => {
            let len = match v {
                -0x80..=0x7F => 1,
                -0x8000..=0x7FFF => 2,
                -0x8000_0000..=0x7FFF_FFFF => 4,
                _ => 8,
            };
            (v as u64, len, 0)
        }
    };
    (Short::tail(bits.to_be_bytes(), len), float | (len as u8 - 1))
}

/// A point's column and value, as a cell of its own.
#[inline]
pub fn encode_point(time: PointTime, value: Value) -> (Qualifier, Short<8>) {
    let (bytes, flags) = encode_value(value);
    (Qualifier::new(time, flags), bytes)
}
