//! Whole numbers in as few bits as their spread needs. Lossless, the same input always gives the same bytes.
//!
//! A list is kept by the cheapest of three views: distances from its least value; steps, less the least step; steps with
//! their sign folded in. Numbers go in blocks of 64, each block at the width of its widest (or all at one width, told once).
//! Nothing here knows what the numbers mean.

/// Numbers that share one width.
const BLOCK: usize = 64;
/// Distances from the least value.
const FROM_MIN: u8 = 0;
/// Steps from one value to the next, less the least step.
const STEPS: u8 = 1;
/// Steps, sign in the lowest bit.
const SIGNED_STEPS: u8 = 2;
/// Set in the first byte: one width for the whole list.
const ONE_WIDTH: u8 = 0x10;

/// Appends a number in 7-bit groups, lowest first.
pub fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number written by [`push_varint`] off the front.
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Takes one byte off the front.
pub fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

/// Sign into the lowest bit: small distances from zero give small numbers.
pub fn fold_sign(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`fold_sign`].
pub fn unfold_sign(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Bits that a number needs.
pub fn width_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// Writes numbers of given widths one after the other, lowest bits first.
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u128,
    bits: u32,
}

impl<'a> BitWriter<'a> {
    /// Starts at a byte's beginning.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        BitWriter { out, held: 0, bits: 0 }
    }

    /// Appends the lowest `width` bits (0 to 64) of `value`, which has none above them.
    pub fn push(&mut self, value: u64, width: u32) {
        self.held |= u128::from(value) << self.bits;
        self.bits += width;
        if self.bits >= 64 {
            self.out.extend_from_slice(&(self.held as u64).to_le_bytes());
            self.held >>= 64;
            self.bits -= 64;
        }
    }

    /// Fills the last byte with zeros.
    pub fn finish(self) {
        let bytes = self.bits.div_ceil(8) as usize;
        self.out.extend(self.held.to_le_bytes().iter().take(bytes));
    }
}

/// Reads what [`BitWriter`] wrote.
pub struct BitReader<'a> {
    rest: &'a [u8],
    held: u128,
    bits: u32,
}

impl<'a> BitReader<'a> {
    /// Starts at a byte's beginning.
    pub fn new(rest: &'a [u8]) -> Self {
        BitReader { rest, held: 0, bits: 0 }
    }

    /// The next `width` bits (0 to 64). Past the end there are zeros: callers check lengths first.
    #[inline]
    pub fn take(&mut self, width: u32, mask: u64) -> u64 {
        if self.bits < width {
            let word = match self.rest.split_first_chunk::<8>() {
                Some((word, rest)) => {
                    self.rest = rest;
                    u64::from_le_bytes(*word)
                }
                None => {
                    let mut word = [0; 8];
                    word.iter_mut().zip(self.rest).for_each(|(to, from)| *to = *from);
                    self.rest = &[];
                    u64::from_le_bytes(word)
                }
            };
            self.held |= u128::from(word) << self.bits;
            self.bits += 64;
        }
        let value = self.held as u64 & mask;
        self.held >>= width;
        self.bits -= width;
        value
    }
}

/// The lowest `width` bits set.
pub fn mask_of(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

/// Takes the bytes of `count` numbers of `width` bits off the front.
pub fn take_packed<'a>(bytes: &mut &'a [u8], count: usize, width: u32) -> Option<BitReader<'a>> {
    if width > 64 {
        return None;
    }
    let (packed, rest) = bytes.split_at_checked((count * width as usize).div_ceil(8))?;
    *bytes = rest;
    Some(BitReader::new(packed))
}

/// Appends a list of at least one number. Its length is the reader's business.
pub fn push_ints(out: &mut Vec<u8>, values: &[i64]) {
    let Some((&first, _)) = values.split_first() else { return };
    let steps = || values.iter().zip(values.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a));
    let (min, min_step) = (values.iter().copied().min().unwrap_or_default(), steps().min().unwrap_or_default());
    let views: [(u8, Vec<u64>); 3] = [
        (FROM_MIN, values.iter().map(|v| v.wrapping_sub(min) as u64).collect()),
        (STEPS, steps().map(|s| s.wrapping_sub(min_step) as u64).collect()),
        (SIGNED_STEPS, steps().map(fold_sign).collect()),
    ];
    let best = views.iter().min_by_key(|(_, view)| packed_len(view));
    let Some((kind, view)) = best else { return };
    let (one, split) = lens(view);
    let one_width = one <= split;
    out.push(kind | if one_width { ONE_WIDTH } else { 0 });
    push_varint(out, fold_sign(if *kind == FROM_MIN { min } else { first }));
    if *kind == STEPS {
        push_varint(out, fold_sign(min_step));
    }
    push_blocks(out, view, if one_width { view.len().max(1) } else { BLOCK });
}

fn push_blocks(out: &mut Vec<u8>, view: &[u64], block: usize) {
    for block in view.chunks(block) {
        let width = width_of(block.iter().fold(0, |all, v| all | v));
        out.push(width as u8);
        let mut bits = BitWriter::new(out);
        block.iter().for_each(|v| bits.push(*v, width));
        bits.finish();
    }
}

/// Bytes of a view at one width, and at a width a block.
fn lens(view: &[u64]) -> (usize, usize) {
    let len = |block: &[u64]| 1 + (block.len() * width_of(block.iter().fold(0, |all, v| all | v)) as usize).div_ceil(8);
    (len(view), view.chunks(BLOCK).map(len).sum())
}

fn packed_len(view: &[u64]) -> usize {
    let (one, split) = lens(view);
    one.min(split)
}

/// Takes `count` (at least one) numbers off the front and appends them. `None`: they are not there.
pub fn take_ints(bytes: &mut &[u8], count: usize, out: &mut Vec<i64>) -> Option<()> {
    let kind = take_byte(bytes)?;
    let base = unfold_sign(take_varint(bytes)?);
    let (kind, one_width) = (kind & !ONE_WIDTH, kind & ONE_WIDTH != 0);
    let min_step = if kind == STEPS { unfold_sign(take_varint(bytes)?) } else { 0 };
    let mut left = if kind == FROM_MIN { count } else { count.checked_sub(1)? };
    let mut at = base;
    if kind != FROM_MIN {
        out.push(base);
    }
    while left > 0 {
        let len = if one_width { left } else { left.min(BLOCK) };
        let width = u32::from(take_byte(bytes)?);
        let mut bits = take_packed(bytes, len, width)?;
        let mask = mask_of(width);
        match kind {
            FROM_MIN => out.extend((0..len).map(|_| base.wrapping_add(bits.take(width, mask) as i64))),
            STEPS => out.extend((0..len).map(|_| {
                at = at.wrapping_add(min_step).wrapping_add(bits.take(width, mask) as i64);
                at
            })),
            SIGNED_STEPS => out.extend((0..len).map(|_| {
                at = at.wrapping_add(unfold_sign(bits.take(width, mask)));
                at
            })),
            _ => return None,
        }
        left -= len;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64], most: usize) {
        let mut bytes = Vec::new();
        push_ints(&mut bytes, values);
        assert!(bytes.len() <= most, "{} bytes, {most} allowed, for {:?}…", bytes.len(), &values[..values.len().min(5)]);
        bytes.push(0xee); // what follows is not touched
        let (mut rest, mut back) = (&bytes[..], Vec::new());
        assert_eq!(take_ints(&mut rest, values.len(), &mut back), Some(()));
        assert_eq!((back.as_slice(), rest), (values, &[0xee][..]));
        for cut in 0..bytes.len() - 1 {
            let _ = take_ints(&mut &bytes[..cut], values.len(), &mut Vec::new());
        }
    }

    #[test]
    fn lists_come_back() {
        check(&[0], 3);
        check(&[i64::MIN], 13);
        check(&[i64::MIN, i64::MAX, 0, -1, i64::MAX], 60);
        check(&[7; 1000], 4); // constant
        check(&(0..1000).map(|i| 1_700_000_000 + i * 10).collect::<Vec<_>>(), 10); // a steady counter
        check(&(0..360).map(|i| (i * 7919) % 1000).collect::<Vec<_>>(), 460); // noise of 10 bits
        let mut reset: Vec<i64> = (0..640).map(|i| 1_000_000_000 + i * 1000 + i % 7).collect();
        reset[320..].iter_mut().for_each(|v| *v -= 1_000_000_000); // a counter that starts again costs one wide block
        check(&reset, 1300);
    }

    #[test]
    fn random_lists_come_back() {
        let mut x = 1u64;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            x ^ (x >> 33)
        };
        for round in 0..2000 {
            let width = next() % 65;
            let len = 1 + (next() % 300) as usize;
            let values: Vec<i64> = (0..len).map(|_| if width == 0 { round } else { (next() >> (64 - width)) as i64 }).collect();
            check(&values, 40 + len * 9);
        }
    }
}
