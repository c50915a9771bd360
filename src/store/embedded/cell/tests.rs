//! Values of the embedded store: every kind of cell comes back as it went in.

use super::*;

/// A point's flags and value as bytes.
fn int(number: i64) -> (u8, Vec<u8>) {
    let (flags, mut out) = (int_flags(number), Vec::new());
    write_int(&mut out, number, flags);
    (flags, out)
}

fn float(number: f64) -> (u8, Vec<u8>) {
    match float_flags(number) {
        f if f & 7 == 3 => (f, (number as f32).to_be_bytes().to_vec()),
        f => (f, number.to_be_bytes().to_vec()),
    }
}

fn cell(points: &[(u8, Vec<u8>)], last: u8) -> (Vec<u8>, Vec<u8>) {
    let qualifier = points.iter().zip(0u16..).flat_map(|((flags, _), i)| ((i * 10) << 4 | u16::from(*flags)).to_be_bytes()).collect();
    let mut value: Vec<u8> = points.iter().flat_map(|(_, v)| v.clone()).collect();
    value.push(last);
    (qualifier, value)
}

/// The cell comes back, in at most `most` bytes of column and value, and no cut of it panics.
fn check(qualifier: &[u8], value: &[u8], most: usize) {
    let (mut coder, mut key, mut kept) = (CellCoder::default(), Vec::new(), Vec::new());
    let packed = coder.push_column(3, qualifier, &mut key);
    coder.push_value(packed, 1_700_000_000_123, value, &mut kept);
    assert_eq!(key[0], 6 | u8::from(packed));
    assert!(key.len() + kept.len() <= most, "{} + {} bytes, {most} allowed", key.len(), kept.len());
    assert_eq!(CellCoder::default().read(packed, &key[1..], &kept), Some((1_700_000_000_123, qualifier, value)));
    for cut in 0..kept.len() {
        let _ = coder.read(packed, &key[1..], &kept[..cut]);
    }
    for at in 0..kept.len() * 8 {
        let mut bad = kept.clone();
        bad[at / 8] ^= 1 << (at % 8);
        let _ = coder.read(packed, &key[1..], &bad);
    }
}

#[test]
fn plain_cells() {
    check(b"", b"", 7);
    check(&[0, 0x0b], &[1, 2, 3, 4], 13);
    check(&[5, 0, 0], &[0; 300], 310);
}

#[test]
fn packed_cells() {
    let points = |n: usize, f: &dyn Fn(i64) -> (u8, Vec<u8>)| (0..n as i64).map(f).collect::<Vec<_>>();
    let check = |points: Vec<(u8, Vec<u8>)>, last: u8, most: usize| {
        let (qualifier, value) = cell(&points, last);
        check(&qualifier, &value, most);
    };
    check(points(2, &|i| int(i)), 0, 25);
    check(points(3, &|i| int(i)), 0, 25);
    check(points(240, &|_| int(42)), 0, 24); // constant
    check(points(240, &|i| int(i * 7919 % 1000)), 0, 325); // 10 bits each, though some take one byte and some two
    check(points(240, &|i| float((i * 7919 % 100_000) as f64 / 1000.0)), 0, 540); // 17 bits each
    check(points(240, &|i| if i % 3 == 0 { int(i) } else { float(i as f64 + 0.5) }), 0, 340);
    check(points(240, &|i| float(1.0 / (i + 1) as f64)), 0, 2100);
    check(points(9, &|i| int(i64::MIN + i)), 1, 60);
    check(points(8, &|i| (FLOAT | 3, f32::from_bits(0x7f80_0001 + i as u32).to_be_bytes().to_vec())), 0, 100); // NaNs of 4 bytes
    check(points(8, &|i| (7, i.to_be_bytes().to_vec())), 0, 60); // wider than needed
    check(points(8, &|i| (FLOAT | 7, (i as f64).to_be_bytes().to_vec())), 0, 60);
    check(points(7, &|i| (2, vec![1, 2, i as u8])), 0, 70); // a width that is none
    check(points(7, &|i| (FLOAT | 3, (i as f64).to_be_bytes().to_vec())), 0, 100); // the old fault: 8 bytes, flags say 4
}

#[test]
fn flags_tell_cells_apart() {
    let column = |flags: [u8; 2]| {
        let mut key = Vec::new();
        CellCoder::default().push_column(0, &[0, flags[0], 0, 0x10 | flags[1]], &mut key);
        key
    };
    let columns: std::collections::HashSet<_> = (0..=255u8).map(|f| column([f >> 4, f & 0xf])).collect();
    assert_eq!(columns.len(), 256);
}

#[test]
fn values_that_end_too_early_or_late() {
    let (qualifier, value) = cell(&[int(1), int(2), int(300)], 0);
    check(&qualifier, &value[..value.len() - 1], 40);
    check(&qualifier, &[&value[..], b"x"].concat(), 40);
    check(&qualifier, b"", 40);
}
