//! `highestMax(series, 3)` and `highestCurrent(series, 3)`: the series with the greatest values, greatest first.
//!
//! Both look at the range of the question only, at each instant at which any series has a point, and interpolate the others.
//! OpenTSDB keeps the values of an instant in a list without gaps: while a series has not begun, or has ended, those
//! after it move up and stand in its place, and 0 stands in the last. So with series that do not cover the same time
//! the choice may be another than the names say; that choice is kept.

use super::super::ExpressionError;
use super::{Curve, Scope, count};
use crate::query::aggregate::cursor::Cursor;
use crate::query::aggregate::merge::{Merge, Values, Walk};
use crate::query::plan::Aggregator;
use crate::query::points::Points;

/// Instants between two looks at the limits.
const INSTANTS_A_CHECK: usize = 1_024;
/// Java's `Double.MIN_VALUE`, which is no minimum: nothing negative is above it.
const SMALLEST_POSITIVE: f64 = 5e-324;

/// By the greatest value of each series.
pub fn max(curves: Vec<Curve>, words: &[&str], scope: Scope<'_>) -> Result<Vec<Curve>, ExpressionError> {
    let wanted = count(words)?;
    highest(curves, wanted, scope, |seen, values| match values {
        Values::Integers(values) => {
            let longs = seen.integers.get_or_insert_with(|| vec![i64::MIN; seen.width]);
            longs.iter_mut().zip(values.iter().chain(std::iter::repeat(&0))).for_each(|(most, value)| *most = (*most).max(*value));
        }
        Values::Doubles(values) => {
            let doubles = seen.doubles.get_or_insert_with(|| vec![SMALLEST_POSITIVE; seen.width]);
            doubles.iter_mut().zip(values.iter().chain(std::iter::repeat(&0.0))).for_each(|(most, value)| *most = greater(*most, *value));
        }
    })
}

/// By the values at the last instant. Series without a point are left out.
pub fn current(mut curves: Vec<Curve>, words: &[&str], scope: Scope<'_>) -> Result<Vec<Curve>, ExpressionError> {
    let wanted = count(words)?;
    curves.retain(|curve| !curve.points.is_empty());
    highest(curves, wanted, scope, |seen, values| match values {
        Values::Integers(values) => {
            seen.integers = Some(values.iter().copied().chain(std::iter::repeat(0)).take(seen.width).collect());
        }
        Values::Doubles(values) => {
            seen.doubles = Some(values.iter().copied().chain(std::iter::repeat(0.0)).take(seen.width).collect());
        }
    })
}

/// What was seen, a value for each place. Instants of integers and those of doubles are kept apart.
struct Seen {
    width: usize,
    integers: Option<Vec<i64>>,
    doubles: Option<Vec<f64>>,
}

/// Java's `Math.max`: NaN wins.
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

fn highest(
    mut curves: Vec<Curve>,
    wanted: usize,
    scope: Scope<'_>,
    mut look: impl FnMut(&mut Seen, Values<'_>),
) -> Result<Vec<Curve>, ExpressionError> {
    let columns: Vec<Points> = curves.iter().map(|curve| curve.points.iter().copied().collect()).collect();
    let cursors = columns.iter().map(|points| Cursor::new(points, None, None)).collect();
    let walk = Walk { function: Aggregator::Sum, rate: false, rows: scope.range, shown: scope.range };
    let mut merge = Merge::new(walk, cursors);
    let mut seen = Seen { width: curves.len(), integers: None, doubles: None };
    let mut instants = 0;
    while let Some(values) = merge.next_values() {
        look(&mut seen, values);
        instants += 1;
        if instants % INSTANTS_A_CHECK == 0 {
            scope.limits.hold(0)?;
        }
    }
    let value = |place: usize| {
        let integer = seen.integers.as_ref().and_then(|all| all.get(place)).map(|&v| v as f64);
        let double = seen.doubles.as_ref().and_then(|all| all.get(place)).copied();
        match (integer, double) {
            (Some(integer), Some(double)) => greater(integer, double),
            (integer, double) => integer.or(double).unwrap_or(0.0),
        }
    };
    let mut places: Vec<(f64, usize)> = (0..curves.len()).map(|place| (value(place), place)).collect();
    places.sort_by(|a, b| rank(b.0).total_cmp(&rank(a.0)));
    places.truncate(wanted);
    Ok(places.into_iter().filter_map(|(_, place)| curves.get_mut(place).map(std::mem::take)).collect())
}

/// NaN is above everything, whatever its sign.
fn rank(value: f64) -> f64 {
    if value.is_nan() { f64::NAN.abs() } else { value }
}
