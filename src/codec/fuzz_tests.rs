//! Mutated cells and keys from fixed seeds: nothing panics, and what is read stays in order.

use super::*;
use crate::fuzz::{self, Dice};

/// A sound cell: single, packed or appended.
fn sound(dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
    let mut cell = PackedCell::default();
    let mut appended = Vec::new();
    for _ in 0..1 + dice.below(6) {
        let number = if dice.below(2) == 0 { dice.below(3600) as i64 } else { 4_296_000_000 + dice.below(3_600_000) as i64 };
        let time = crate::point::PointTime::from_number(number.max(1)).unwrap();
        let value = match dice.below(3) {
            0 => crate::point::Value::Int(dice.next() as i64 >> dice.below(64)),
            1 => crate::point::Value::Single(1.5),
            _ => crate::point::Value::Double(0.1),
        };
        let (qualifier, bytes) = encode_point(time, value);
        let _later = cell.push(qualifier, bytes.as_bytes());
        append_point(time, value, &mut appended);
    }
    cell.finish().unwrap();
    if dice.below(5) == 0 { (APPEND_QUALIFIER.to_vec(), appended) } else { (cell.qualifier, cell.value) }
}

#[test]
fn mutated_rows() {
    let options = [DecodeOptions::default(), DecodeOptions { use_otsdb_timestamp: true, use_max_value: false }];
    fuzz::run(|dice| {
        let mut cells: Vec<(Vec<u8>, Vec<u8>, i64)> = Vec::new();
        for _ in 0..1 + dice.below(5) {
            let (mut qualifier, mut value) = if dice.below(8) == 0 { (dice.bytes(6), dice.bytes(12)) } else { sound(dice) };
            dice.mutate(&mut qualifier, &[]);
            dice.mutate(&mut value, &[]);
            cells.push((qualifier, value, dice.below(3) as i64));
        }
        cells.sort();
        let views: Vec<Cell> = cells.iter().map(|(q, v, t)| Cell { qualifier: q, value: v, time: *t }).collect();
        for options in &options {
            let mut out = Points::default();
            let report = decode_row(b"row", 0, || views.iter().copied(), options, &mut out);
            assert_eq!(out.times.len(), out.values.len());
            assert!(out.times.is_sorted_by(|a, b| a < b), "{:?}", out.times);
            if let Some(merged) = merge_cells(&views, options) {
                // The merged cell reads as the row did.
                let cell = Cell { qualifier: &merged.cell.qualifier, value: &merged.cell.value, time: 1 };
                let mut again = Points::default();
                let clean = decode_row(b"row", 0, || std::iter::once(cell), options, &mut again);
                assert_eq!((clean.errors, report.errors.len()), (vec![], 0));
                let bits = |p: &Points| p.values.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>();
                assert_eq!((&again.times, bits(&again)), (&out.times, bits(&out)));
            }
        }
    });
}

#[test]
fn mutated_keys() {
    fuzz::run(|dice| {
        let layout = Layout {
            salt_width: dice.below(10) as u8,
            salt_buckets: dice.below(4) as u32,
            metric_width: dice.below(10) as u8,
            tagk_width: dice.below(10) as u8,
            tagv_width: dice.below(10) as u8,
        };
        let bytes = dice.bytes(64);
        if let Ok(key) = RowKey::parse(&layout, &bytes) {
            let tags: usize = key.tags().map(|(k, v)| k.len() + v.len()).sum();
            assert_eq!(tags, key.tag_bytes().len());
        }
        let _any = row_from_tsuid(&layout, &bytes, dice.next() as u32);
    });
}
