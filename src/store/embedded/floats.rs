//! Floating point numbers in few bytes, each bit kept.
//!
//! Most measured values are decimals with a few places: if one power of ten turns all of them into whole numbers *and
//! back into the same bits*, the whole numbers are kept ([`super::bits`]). Else each number is XORed with the one before
//! it and the zeros that a block of 64 shares at both ends are dropped. Not a number, infinities and -0 take that way.

use super::bits::{BitWriter, mask_of, push_ints, push_varint, take_byte, take_ints, take_packed, take_varint};

/// Decimals of 8-byte numbers.
const DECIMAL: u8 = 0x00;
/// Decimals that were rounded to 4-byte numbers.
const DECIMAL_SINGLE: u8 = 0x20;
/// XOR with the number before.
const XOR: u8 = 0x40;
/// The kind within the first byte; the rest is the number of places.
const KIND_MASK: u8 = 0xe0;
/// Numbers that share their dropped zeros.
const BLOCK: usize = 64;
/// Above this whole numbers are not exact.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
/// Powers of ten that are tried: all are exact.
const POWERS: [f64; 13] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// Appends a list of at least one number. Its length is the reader's business.
pub fn push_floats(out: &mut Vec<u8>, values: &[f64]) {
    let single = || values.iter().all(|v| f64::from(*v as f32) == *v);
    if let Some((places, whole)) = decimals(values, to_double) {
        out.push(DECIMAL | places);
        push_ints(out, &whole);
    } else if let Some((places, whole)) = single().then(|| decimals(values, to_single)).flatten() {
        out.push(DECIMAL_SINGLE | places);
        push_ints(out, &whole);
    } else {
        out.push(XOR);
        push_xor(out, values);
    }
}

/// Takes `count` numbers off the front and appends them. `None`: they are not there.
pub fn take_floats(bytes: &mut &[u8], count: usize, out: &mut Vec<f64>) -> Option<()> {
    let head = take_byte(bytes)?;
    let places = usize::from(head & !KIND_MASK);
    match head & KIND_MASK {
        XOR => return take_xor(bytes, count, out),
        kind @ (DECIMAL | DECIMAL_SINGLE) => {
            let power = *POWERS.get(places)?;
            let mut whole = Vec::with_capacity(count);
            take_ints(bytes, count, &mut whole)?;
            if kind == DECIMAL {
                out.extend(whole.iter().map(|m| to_double(*m, power)));
            } else {
                out.extend(whole.iter().map(|m| to_single(*m, power)));
            }
        }
        _ => return None,
    }
    Some(())
}

fn to_double(whole: i64, power: f64) -> f64 {
    whole as f64 / power
}

fn to_single(whole: i64, power: f64) -> f64 {
    f64::from((whole as f64 / power) as f32)
}

/// The whole number that `back` turns into exactly these bits.
fn whole_of(value: f64, power: f64, back: fn(i64, f64) -> f64) -> Option<i64> {
    let scaled = (value * power).round();
    let whole = scaled as i64;
    (scaled.abs() <= WHOLE_MAX && back(whole, power).to_bits() == value.to_bits()).then_some(whole)
}

/// Places and whole numbers of a list of decimals.
fn decimals(values: &[f64], back: fn(i64, f64) -> f64) -> Option<(u8, Vec<i64>)> {
    let mut powers = POWERS.iter().zip(0u8..);
    let (mut power, mut places) = powers.next()?;
    for value in values {
        while whole_of(*value, *power, back).is_none() {
            (power, places) = powers.next()?;
        }
    }
    // A larger power may have pushed an earlier number over the limit, so all are tried again with the last one.
    let whole = values.iter().map(|v| whole_of(*v, *power, back)).collect::<Option<_>>()?;
    Some((places, whole))
}

fn push_xor(out: &mut Vec<u8>, values: &[f64]) {
    let mut before = 0;
    let mixed = values.iter().map(|v| v.to_bits() ^ std::mem::replace(&mut before, v.to_bits()));
    let (first, rest) = match mixed.collect::<Vec<_>>().split_first() {
        Some((first, rest)) => (*first, rest.to_vec()),
        None => return,
    };
    push_varint(out, first.reverse_bits());
    for block in rest.chunks(BLOCK) {
        let all = block.iter().fold(0, |all, v| all | v);
        let low = if all == 0 { 0 } else { all.trailing_zeros() };
        let width = super::bits::width_of(all >> low);
        out.extend_from_slice(&[low as u8, width as u8]);
        let mut bits = BitWriter::new(out);
        block.iter().for_each(|v| bits.push(v >> low, width));
        bits.finish();
    }
}

fn take_xor(bytes: &mut &[u8], count: usize, out: &mut Vec<f64>) -> Option<()> {
    let mut at = take_varint(bytes)?.reverse_bits();
    let mut left = count.checked_sub(1)?;
    out.push(f64::from_bits(at));
    while left > 0 {
        let len = left.min(BLOCK);
        let (low, width) = (u32::from(take_byte(bytes)?), u32::from(take_byte(bytes)?));
        let mut bits = take_packed(bytes, len, width)?;
        let mask = mask_of(width);
        for _ in 0..len {
            at ^= bits.take(width, mask).checked_shl(low)?;
            out.push(f64::from_bits(at));
        }
        left -= len;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], kind: u8, most: usize) {
        let mut bytes = Vec::new();
        push_floats(&mut bytes, values);
        assert_eq!(bytes[0] & KIND_MASK, kind, "{values:?}");
        assert!(bytes.len() <= most, "{} bytes, {most} allowed", bytes.len());
        let mut back = Vec::new();
        assert_eq!(take_floats(&mut &bytes[..], values.len(), &mut back), Some(()));
        let bits = |list: &[f64]| list.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
        for cut in 0..bytes.len() {
            assert_eq!(take_floats(&mut &bytes[..cut], values.len(), &mut Vec::new()), None, "cut at {cut}");
        }
    }

    #[test]
    fn numbers_come_back() {
        check(&[0.0], DECIMAL, 4);
        check(&[0.1, 12.345, -7.0, 99.999], DECIMAL, 16);
        check(&(0..360).map(|i| f64::from((i * 7919) % 100_000) / 1000.0).collect::<Vec<_>>(), DECIMAL, 775); // 17 bits each
        check(&[f64::from(0.1f32), f64::from(12.345f32)], DECIMAL_SINGLE, 10);
        check(&[-0.0, 1.0], XOR, 20);
        check(&[f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, -1.5, f64::from_bits(0x7ff0_0000_0000_0001)], XOR, 48);
        check(&[1.0 / 3.0, 2.0 / 3.0, std::f64::consts::PI], XOR, 36);
        check(&[1e300, 1e-300], XOR, 20);
        check(&[1e15, 0.001], XOR, 20); // no power fits both
    }

    #[test]
    fn random_bits_come_back() {
        let mut x = 7u64;
        for len in 1..300 {
            let values: Vec<f64> = (0..len)
                .map(|_| {
                    x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
                    f64::from_bits(x ^ (x >> 29))
                })
                .collect();
            check(&values, XOR, 20 + len * 9);
        }
    }
}
