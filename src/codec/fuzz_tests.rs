//! Mutated cells and keys from fixed seeds: nothing panics, and what is read stays in order.

use super::*;

/// Marsaglia's xorshift: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(4) {
                0 => bytes.insert(at, self.next() as u8),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                _ => {
                    let bit = 1 << self.below(8);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= bit;
                    }
                }
            }
        }
    }
}

/// A sound cell: single, packed or appended.
fn sound(random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let mut cell = PackedCell::default();
    let mut appended = Vec::new();
    for _ in 0..1 + random.below(6) {
        let number = if random.below(2) == 0 { random.below(3600) as i64 } else { 4_296_000_000 + random.below(3_600_000) as i64 };
        let time = crate::point::PointTime::from_number(number.max(1)).unwrap();
        let value = match random.below(3) {
            0 => crate::point::Value::Int(random.next() as i64 >> random.below(64)),
            1 => crate::point::Value::Single(1.5),
            _ => crate::point::Value::Double(0.1),
        };
        let (qualifier, bytes) = encode_point(time, value);
        let _later = cell.push(qualifier, bytes.as_bytes());
        append_point(time, value, &mut appended);
    }
    cell.finish().unwrap();
    if random.below(5) == 0 { (APPEND_QUALIFIER.to_vec(), appended) } else { (cell.qualifier, cell.value) }
}

#[test]
fn mutated_rows() {
    let options = [DecodeOptions::default(), DecodeOptions { use_otsdb_timestamp: true, use_max_value: false }];
    for seed in 1..=20_000u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut cells: Vec<(Vec<u8>, Vec<u8>, i64)> = Vec::new();
        for _ in 0..1 + random.below(5) {
            let (mut qualifier, mut value) = if random.below(8) == 0 { (random.bytes(6), random.bytes(12)) } else { sound(&mut random) };
            random.mutate(&mut qualifier);
            random.mutate(&mut value);
            cells.push((qualifier, value, random.below(3) as i64));
        }
        cells.sort();
        let views: Vec<Cell> = cells.iter().map(|(q, v, t)| Cell { qualifier: q, value: v, time: *t }).collect();
        for options in &options {
            let mut out = Points::default();
            let report = decode_row(b"row", 0, || views.iter().copied(), options, &mut out);
            assert_eq!(out.times.len(), out.values.len());
            assert!(out.times.is_sorted_by(|a, b| a < b), "seed {seed}: {:?}", out.times);
            if let Some(merged) = merge_cells(&views, options) {
                // The merged cell reads as the row did.
                let cell = Cell { qualifier: &merged.cell.qualifier, value: &merged.cell.value, time: 1 };
                let mut again = Points::default();
                let clean = decode_row(b"row", 0, || std::iter::once(cell), options, &mut again);
                assert_eq!((clean.errors, report.errors.len()), (vec![], 0), "seed {seed}");
                let bits = |p: &Points| p.values.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>();
                assert_eq!((&again.times, bits(&again)), (&out.times, bits(&out)), "seed {seed}");
            }
        }
    }
}

#[test]
fn mutated_keys() {
    for seed in 1..=20_000u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let layout = Layout {
            salt_width: random.below(10) as u8,
            salt_buckets: random.below(4) as u32,
            metric_width: random.below(10) as u8,
            tagk_width: random.below(10) as u8,
            tagv_width: random.below(10) as u8,
        };
        let bytes = random.bytes(64);
        if let Ok(key) = RowKey::parse(&layout, &bytes) {
            let tags: usize = key.tags().map(|(k, v)| k.len() + v.len()).sum();
            assert_eq!(tags, key.tag_bytes().len());
        }
        let _any = row_from_tsuid(&layout, &bytes, random.next() as u32);
    }
}
