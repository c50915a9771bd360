//! A cell without the points of some instants: what is left of it when they are deleted.

use super::{APPEND_QUALIFIER, Cell, CellFault, CellKind, CellPoints, PackedCell, RawPoint, cell_kind};

/// What becomes of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pruned {
    /// It holds none of the points.
    Untouched,
    /// It goes.
    Gone,
    /// A cell of the points that are left takes its place. Appended points keep their column, and their order.
    Left {
        /// Column qualifier.
        qualifier: Vec<u8>,
        /// The bytes.
        value: Vec<u8>,
    },
}

/// Takes the points whose instant (milliseconds since the row's base time) is `gone` out of a cell; of the others those
/// stay that are `kept` (another cell may hold a newer value). Also tells how many instants went.
///
/// # Errors
/// A damaged cell that holds such a point: nothing can be said about the rest of it.
pub fn prune(cell: &Cell<'_>, gone: impl Fn(u32) -> bool, kept: impl Fn(u32) -> bool) -> Result<(Pruned, u64), CellFault> {
    let (mut left, mut count, mut fault) = (Vec::new(), 0, None);
    for point in CellPoints::new(cell) {
        match point {
            Ok(point) if gone(point.qualifier.offset_ms()) => count += 1,
            Ok(point) => left.push(point),
            Err(wrong) => fault = Some(wrong),
        }
    }
    if count == 0 {
        return Ok((Pruned::Untouched, 0));
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    left.retain(|point| kept(point.qualifier.offset_ms()));
    if left.is_empty() {
        return Ok((Pruned::Gone, count));
    }
    let pruned = if cell_kind(cell.qualifier) == CellKind::Append { appended(&left) } else { packed(left) };
    Ok((pruned, count))
}

fn appended(points: &[RawPoint<'_>]) -> Pruned {
    let mut value = Vec::new();
    for point in points {
        value.extend_from_slice(point.qualifier.encode().as_bytes());
        value.extend_from_slice(point.value);
    }
    Pruned::Left { qualifier: APPEND_QUALIFIER.to_vec(), value }
}

fn packed(mut points: Vec<RawPoint<'_>>) -> Pruned {
    points.sort_by_key(|point| point.qualifier.offset_ms()); // a cell of another writer's need not ascend
    let mut cell = PackedCell::default();
    for point in points {
        // A second point of an instant is refused: the first one stands.
        let _ = cell.push(point.qualifier, point.value);
    }
    match cell.finish() {
        Ok(()) => Pruned::Left { qualifier: cell.qualifier, value: cell.value },
        Err(_) => Pruned::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::pack;
    use crate::point::{PointTime, Value};

    fn cell_of(points: &[(u32, i64)]) -> PackedCell {
        let points: Vec<_> = points.iter().map(|&(s, v)| (PointTime::Seconds(3_600 + s), Value::Int(v))).collect();
        let mut cell = PackedCell::default();
        pack(&points, &mut cell).expect("packs");
        cell
    }

    #[track_caller]
    fn check(points: &[(u32, i64)], gone: std::ops::Range<u32>, want: Option<&[(u32, i64)]>) {
        let packed = cell_of(points);
        let cell = Cell { qualifier: &packed.qualifier, value: &packed.value, time: 1 };
        let (pruned, count) = prune(&cell, |ms| gone.contains(&(ms / 1000)), |_| true).expect("sound");
        let want = match want {
            None => Pruned::Untouched,
            Some([]) => Pruned::Gone,
            Some(left) => {
                let left = cell_of(left);
                Pruned::Left { qualifier: left.qualifier, value: left.value }
            }
        };
        assert_eq!(pruned, want, "{points:?} without {gone:?}");
        assert_eq!(count, points.iter().filter(|(s, _)| gone.contains(s)).count() as u64);
    }

    #[test]
    fn cells_without_some_points() {
        check(&[(1, 10)], 1..2, Some(&[]));
        check(&[(1, 10)], 2..3, None);
        check(&[(1, 10), (2, 300), (3, 7)], 2..3, Some(&[(1, 10), (3, 7)]));
        check(&[(1, 10), (2, 300), (3, 7)], 1..3, Some(&[(3, 7)]));
        check(&[(1, 10), (2, 300)], 0..9, Some(&[]));
    }

    #[test]
    fn appended_points_keep_their_order() {
        let mut value = Vec::new();
        for (second, number) in [(5, 1), (3, 2), (5, 4), (9, 8)] {
            crate::codec::append_point(PointTime::Seconds(3_600 + second), Value::Int(number), &mut value);
        }
        let cell = Cell { qualifier: &APPEND_QUALIFIER, value: &value, time: 1 };
        let (pruned, count) = prune(&cell, |ms| ms == 3_000, |_| true).expect("sound");
        let want = [&value[..3], &value[6..]].concat();
        assert_eq!((pruned, count), (Pruned::Left { qualifier: APPEND_QUALIFIER.to_vec(), value: want }, 1));
    }

    #[test]
    fn damaged_cells_are_left_alone() {
        let packed = cell_of(&[(1, 10), (2, 300)]);
        let cell = Cell { qualifier: &packed.qualifier, value: &packed.value[..2], time: 1 };
        assert!(prune(&cell, |ms| ms == 1_000, |_| true).is_err());
        assert_eq!(prune(&cell, |ms| ms == 9_000, |_| true), Ok((Pruned::Untouched, 0)));
    }
}
