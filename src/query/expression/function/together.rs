//! `sumSeries`, `diffSeries`, `multiplySeries`, `divideSeries`: the series of several answers with equal tags become one.
//!
//! OpenTSDB combines their points **by place and not by time**: the first with the first, under the earlier time of the two, and
//! so on; series of different length are an error (recorded cases `gexp/56-sum_ex.c_ex.d_`,
//! `gexp/54-sumSeries_ex.a_khost=___ex.b_khost=___`). A downsampler with a fill policy gives both sides the same times.

use super::super::join::{Join, Operator, Side};
use super::super::series::Labels;
use super::super::value::Binary;
use super::super::{ExpressionError, Limits, data};
use super::{Curve, Function};
use crate::point::Number;
use crate::query::points::as_f64;

/// Fewest and most answers taken.
const SIDES: std::ops::RangeInclusive<usize> = 2..=26;

/// One curve for each set of tags that any side has. A side that lacks it counts as 0.
pub fn combine(function: Function, sides: &[Vec<Curve>], limits: &dyn Limits) -> Result<Vec<Curve>, ExpressionError> {
    if !SIDES.contains(&sides.len()) {
        return data(format!("Must have 2 to 26 series, got {} instead", sides.len()));
    }
    if sides.iter().flatten().any(|curve| curve.alias.is_some()) {
        return data("A series with an alias has no metric and cannot be combined with others: give the alias to the result");
    }
    // The first point of every series is looked at, also of those that nobody reads.
    if sides.iter().flatten().any(|curve| curve.broken && curve.points.is_empty()) {
        return data("No more elements");
    }
    let labels: Vec<Vec<Labels>> = sides.iter().map(|side| side.iter().map(|curve| curve.labels.clone()).collect()).collect();
    let joined = Join { operator: Operator::Union, use_query_tags: false, include_agg_tags: false }
        .join(&labels.iter().map(|labels| Side { labels, query_tags: None }).collect::<Vec<_>>())?;
    let mut out = Vec::with_capacity(joined.labels.len());
    for (place, labels) in joined.labels.into_iter().enumerate() {
        let members: Vec<Option<&Curve>> = sides.iter().zip(&joined.slots).map(|pair| of_side(pair, place)).collect();
        let (points, broken) = by_place(operator(function), &members);
        limits.hold(size_of_val(points.as_slice()) as u64)?;
        out.push(Curve { labels, points, joined: true, broken, ..Curve::default() });
    }
    Ok(out)
}

/// The curve that a side has in a joined place.
fn of_side<'c>((side, slots): (&'c Vec<Curve>, &Vec<Option<usize>>), place: usize) -> Option<&'c Curve> {
    side.get(slots.get(place).copied().flatten()?)
}

fn operator(function: Function) -> Binary {
    match function {
        Function::Difference => Binary::Subtract,
        Function::Multiply => Binary::Multiply,
        Function::Divide => Binary::Divide,
        _ => Binary::Add,
    }
}

/// The points as far as all have some, and whether one has fewer than another.
fn by_place(operator: Binary, members: &[Option<&Curve>]) -> (Vec<(i64, Number)>, bool) {
    let lengths = || members.iter().flatten().map(|curve| curve.points.len());
    let (shortest, longest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
    let value = |curve: &Option<&Curve>, at: usize| {
        let value = curve.and_then(|curve| curve.points.get(at)).map_or(0.0, |point| as_f64(point.1));
        if value.is_nan() { 0.0 } else { value }
    };
    let point = |at: usize| {
        let ms = members.iter().flatten().filter_map(|curve| curve.points.get(at)).map(|point| point.0).min()?;
        let values = members.iter().map(|curve| value(curve, at));
        Some((ms, Number::Float(values.reduce(|left, right| operator.doubles(left, right))?)))
    };
    let broken = shortest < longest || members.iter().flatten().any(|curve| curve.broken);
    ((0..shortest).filter_map(point).collect(), broken)
}
