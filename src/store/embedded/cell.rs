//! Cells as the LSM tree keeps them: a column part for the key, and a value that begins with the write's time.
//!
//! | value | bytes |
//! | --- | --- |
//! | time of the write, ms since the epoch | varint |
//! | plain qualifier | the value |
//! | packed qualifier, `0` | flags, two a byte; the value as it is |
//! | packed qualifier, `1` + what follows from it | flags or kinds of the points if needed, whole numbers, floats |
//!
//! Head bits of a columnar value: 0 set; 1 whole numbers; 2 floats; 3 the flags do not follow from the values;
//! 4 the last byte of the cell is not 0. Both kinds of numbers: a bit a point says which. The same cell comes back byte
//! for byte; what does not parse as OpenTSDB's compacted form stays as it is.

use super::bits::{push_ints, push_varint, take_byte, take_ints, take_varint};
use super::floats::{push_floats, take_floats};
use super::times::Times;

const COLUMNAR: u8 = 1;
const HAS_INTS: u8 = 2;
const HAS_FLOATS: u8 = 4;
const OWN_FLAGS: u8 = 8;
const OWN_LAST_BYTE: u8 = 16;
/// Flag bit of a floating point value.
const FLOAT: u8 = 8;

/// Buffers for taking cells apart and putting them together, used again from cell to cell.
#[derive(Default)]
pub struct CellCoder {
    times: Times,
    ints: Vec<i64>,
    floats: Vec<f64>,
    qualifier: Vec<u8>,
    value: Vec<u8>,
}

impl CellCoder {
    /// Appends the column part of a key: family's place and the qualifier. True: it is packed.
    pub fn push_column(&mut self, family: u8, qualifier: &[u8], key: &mut Vec<u8>) -> bool {
        let packed = self.times.read_qualifier(qualifier);
        key.push(family << 1 | u8::from(packed));
        if packed {
            self.times.push_key(key);
        } else {
            key.extend_from_slice(qualifier);
        }
        packed
    }

    /// Appends the kept value of the cell whose column was pushed last.
    pub fn push_value(&mut self, packed: bool, time: i64, value: &[u8], out: &mut Vec<u8>) {
        push_varint(out, time as u64);
        if !packed {
            return out.extend_from_slice(value);
        }
        if !self.push_columns(value, out) {
            out.push(0);
            out.extend(self.times.flags.chunks(2).map(|two| two.iter().fold(0, |byte, f| byte << 4 | f)));
            out.extend_from_slice(value);
        }
    }

    /// False, and nothing appended: the value is not what the flags say.
    fn push_columns(&mut self, value: &[u8], out: &mut Vec<u8>) -> bool {
        let Some((last, own_flags)) = self.split_value(value) else { return false };
        let mixed = !self.ints.is_empty() && !self.floats.is_empty();
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        let head =
            [(!self.ints.is_empty(), HAS_INTS), (!self.floats.is_empty(), HAS_FLOATS), (own_flags, OWN_FLAGS), (last != 0, OWN_LAST_BYTE)];
        out.push(head.into_iter().fold(COLUMNAR, |head, (on, b)| head | bit(on, b)));
        if last != 0 {
            out.push(last);
        }
        let flags = &self.times.flags;
        if own_flags {
            for run in flags.chunk_by(|a, b| a == b) {
                push_varint(out, (run.len() as u64) << 4 | u64::from(run.first().copied().unwrap_or_default()));
            }
        } else if mixed {
            out.extend(flags.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, f| byte << 1 | f >> 3)));
        }
        if !self.ints.is_empty() {
            push_ints(out, &self.ints);
        }
        if !self.floats.is_empty() {
            push_floats(out, &self.floats);
        }
        true
    }

    /// Splits a value by the flags into whole numbers and floats: its last byte, and whether the flags are not those
    /// that the values would get by themselves.
    fn split_value(&mut self, value: &[u8]) -> Option<(u8, bool)> {
        self.ints.clear();
        self.floats.clear();
        let mut own_flags = false;
        let mut rest = value;
        for flags in &self.times.flags {
            let (bytes, tail) = rest.split_at_checked(usize::from(flags & 7) + 1)?;
            rest = tail;
            let usual = if flags & FLOAT == 0 {
                let number = read_int(bytes)?;
                self.ints.push(number);
                int_flags(number)
            } else {
                let number = read_float(bytes)?;
                self.floats.push(number);
                float_flags(number)
            };
            own_flags |= usual != *flags;
        }
        let [last] = rest else { return None };
        Some((*last, own_flags))
    }

    /// Puts qualifier and value of a cell together from the column part of its key (after the family's byte) and what
    /// was kept. `None`: damaged.
    pub fn read<'a>(&'a mut self, packed: bool, column: &'a [u8], kept: &'a [u8]) -> Option<(i64, &'a [u8], &'a [u8])> {
        let mut rest = kept;
        let time = take_varint(&mut rest)? as i64;
        if !packed {
            return Some((time, column, rest));
        }
        let sum = self.times.read_key(column)?;
        let head = take_byte(&mut rest)?;
        let plain = head & COLUMNAR == 0;
        if plain {
            let count = self.times.offsets.len();
            let (flags, value) = rest.split_at_checked(count.div_ceil(2))?;
            self.read_plain_flags(flags, count);
            rest = value;
        } else {
            self.read_columns(head, &mut rest)?;
        }
        if crc32fast::hash(&self.times.flags) != sum {
            return None;
        }
        self.times.write_qualifier(&mut self.qualifier);
        Some((time, &self.qualifier, if plain { rest } else { &self.value }))
    }

    fn read_plain_flags(&mut self, packed: &[u8], count: usize) {
        let odd = count % 2 == 1;
        self.times.flags.extend(packed.iter().flat_map(|b| [b >> 4, b & 0xf]).take(count));
        if odd && let (Some(last), Some(byte)) = (self.times.flags.last_mut(), packed.last()) {
            *last = byte & 0xf;
        }
    }

    fn read_columns(&mut self, head: u8, rest: &mut &[u8]) -> Option<()> {
        let count = self.times.offsets.len();
        let last = if head & OWN_LAST_BYTE == 0 { 0 } else { take_byte(rest)? };
        let flags = &mut self.times.flags;
        if head & OWN_FLAGS != 0 {
            while flags.len() < count {
                let run = take_varint(rest)?;
                let len = usize::try_from(run >> 4).ok().filter(|n| *n > 0 && *n <= count - flags.len())?;
                flags.resize(flags.len() + len, run as u8 & 0xf);
            }
        } else if head & HAS_INTS != 0 && head & HAS_FLOATS != 0 {
            let (kinds, tail) = rest.split_at_checked(count.div_ceil(8))?;
            *rest = tail;
            flags.extend(kinds.iter().flat_map(|byte| (0..8).map(move |i| byte >> i & 1).map(|f| f << 3)).take(count));
        } else {
            flags.resize(count, if head & HAS_FLOATS != 0 { FLOAT } else { 0 });
        }
        self.ints.clear();
        self.floats.clear();
        let floats = flags.iter().filter(|f| *f & FLOAT != 0).count();
        if head & HAS_INTS != 0 && floats < count {
            take_ints(rest, count - floats, &mut self.ints)?;
        }
        if head & HAS_FLOATS != 0 && floats > 0 {
            take_floats(rest, floats, &mut self.floats)?;
        }
        let right = rest.is_empty() && self.ints.len() + self.floats.len() == count;
        right.then(|| self.write_value(head & OWN_FLAGS != 0, last))
    }

    /// Fills `value` from the numbers, and the flags that follow from them.
    fn write_value(&mut self, own_flags: bool, last: u8) {
        self.value.clear();
        self.value.reserve(self.times.flags.len() * 8 + 1);
        let (mut ints, mut floats) = (self.ints.iter(), self.floats.iter());
        for flags in &mut self.times.flags {
            if *flags & FLOAT == 0 {
                let number = ints.next().copied().unwrap_or_default();
                if !own_flags {
                    *flags = int_flags(number);
                }
                write_int(&mut self.value, number, *flags);
            } else {
                let number = floats.next().copied().unwrap_or_default();
                if !own_flags {
                    *flags = float_flags(number);
                }
                match *flags & 7 {
                    3 => self.value.extend_from_slice(&(number as f32).to_be_bytes()),
                    _ => self.value.extend_from_slice(&number.to_be_bytes()),
                }
            }
        }
        self.value.push(last);
    }
}

/// The write's time alone.
pub fn time_of(mut kept: &[u8]) -> Option<i64> {
    take_varint(&mut kept).map(|t| t as i64)
}

fn read_int(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [a] => Some(i64::from(*a as i8)),
        [a, b] => Some(i64::from(i16::from_be_bytes([*a, *b]))),
        [a, b, c, d] => Some(i64::from(i32::from_be_bytes([*a, *b, *c, *d]))),
        _ => bytes.try_into().ok().map(i64::from_be_bytes),
    }
}

#[inline]
fn write_int(out: &mut Vec<u8>, number: i64, flags: u8) {
    match flags & 7 {
        0 => out.push(number as u8),
        1 => out.extend_from_slice(&(number as i16).to_be_bytes()),
        3 => out.extend_from_slice(&(number as i32).to_be_bytes()),
        _ => out.extend_from_slice(&number.to_be_bytes()),
    }
}

/// A 4-byte NaN has bits that do not survive the way through 8 bytes, so such a value stays as it is.
fn read_float(bytes: &[u8]) -> Option<f64> {
    match bytes {
        [a, b, c, d] => Some(f32::from_be_bytes([*a, *b, *c, *d])).filter(|v| !v.is_nan()).map(f64::from),
        _ => bytes.try_into().ok().map(f64::from_be_bytes),
    }
}

/// The flags that OpenTSDB gives a whole number: the shortest of 1, 2, 4 and 8 bytes.
#[inline]
fn int_flags(number: i64) -> u8 {
    match number {
        -0x80..=0x7f => 0,
        -0x8000..=0x7fff => 1,
        -0x8000_0000..=0x7fff_ffff => 3,
        _ => 7,
    }
}

/// The flags that OpenTSDB gives a float: 4 bytes if they lose nothing.
#[inline]
fn float_flags(number: f64) -> u8 {
    if f64::from(number as f32) == number { FLOAT | 3 } else { FLOAT | 7 }
}

#[cfg(test)]
mod tests;
