//! Cells of a row to points. (Stands in until the codec's own decoder is here.)
use crate::point::Number;
use crate::store::CellView;

/// Decodes the cells of one row in time order; of equal instants the newest cell's value stays.
pub fn decode_row<'a>(base_ms: i64, cells: impl Iterator<Item = CellView<'a>>, out: &mut Vec<(i64, Number)>) -> Result<(), String> {
    out.clear();
    let mut found: Vec<(i64, i64, Number)> = Vec::new();
    for cell in cells {
        if cell.qualifier.len() % 2 != 0 {
            continue;
        }
        let (mut q, mut v) = (cell.qualifier, cell.value);
        while let [a, b, rest @ ..] = q {
            let (offset, flags);
            if a & 0xF0 == 0xF0 {
                let [c, d, rest @ ..] = rest else { return Err("short qualifier".into()) };
                let bits = u32::from_be_bytes([*a, *b, *c, *d]);
                offset = i64::from((bits & 0x0FFF_FFC0) >> 6);
                flags = d & 0xF;
                q = rest;
            } else {
                offset = i64::from(u16::from_be_bytes([*a, *b]) >> 4) * 1000;
                flags = b & 0xF;
                q = rest;
            }
            let length = usize::from(flags & 7) + 1;
            let (value, rest) = v.split_at_checked(length).ok_or("short value")?;
            v = rest;
            let mut wide = [0; 8];
            wide.iter_mut().rev().zip(value.iter().rev()).for_each(|(w, b)| *w = *b);
            let raw = u64::from_be_bytes(wide);
            let number = match (flags & 8, length) {
                (0, _) => Number::Int((raw << (64 - 8 * length)) as i64 >> (64 - 8 * length)),
                (_, 4) => Number::Float(f64::from(f32::from_bits(raw as u32))),
                (_, 8) => Number::Float(f64::from_bits(raw)),
                _ => return Err("bad float length".into()),
            };
            found.push((base_ms + offset, cell.time, number));
        }
    }
    found.sort_by_key(|p| (p.0, p.1));
    for (ms, _, number) in found {
        match out.last_mut() {
            Some(last) if last.0 == ms => last.1 = number,
            _ => out.push((ms, number)),
        }
    }
    Ok(())
}
