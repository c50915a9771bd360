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
    let labels: Vec<Vec<Labels>> = sides.iter().map(|side| side.iter().map(|curve| curve.labels.clone()).collect()).collect();
    let joined = Join { operator: Operator::Union, use_query_tags: false, include_agg_tags: false }
        .join(&labels.iter().map(|labels| Side { labels, query_tags: None }).collect::<Vec<_>>())?;
    let mut out = Vec::with_capacity(joined.labels.len());
    for (place, labels) in joined.labels.into_iter().enumerate() {
        let of = |(side, slots): (&'_ usize, &Vec<Option<usize>>)| {
            let curve = slots.get(place).copied().flatten()?;
            Some(sides.get(*side)?.get(curve)?.points.as_slice())
        };
        let members: Vec<Option<&[(i64, Number)]>> = joined.slots.iter().enumerate().map(|(side, slots)| of((&side, slots))).collect();
        let points = by_place(operator(function), &members)?;
        limits.hold(size_of_val(points.as_slice()) as u64)?;
        out.push(Curve { labels, points, joined: true, ..Curve::default() });
    }
    Ok(out)
}

fn operator(function: Function) -> Binary {
    match function {
        Function::Difference => Binary::Subtract,
        Function::Multiply => Binary::Multiply,
        Function::Divide => Binary::Divide,
        _ => Binary::Add,
    }
}

fn by_place(operator: Binary, members: &[Option<&[(i64, Number)]>]) -> Result<Vec<(i64, Number)>, ExpressionError> {
    let lengths: Vec<usize> = members.iter().flatten().map(|points| points.len()).collect();
    let length = lengths.first().copied().unwrap_or(0);
    if lengths.iter().any(|other| *other != length) {
        return data("No more elements");
    }
    let value = |points: &Option<&[(i64, Number)]>, at: usize| {
        let value = points.and_then(|points| points.get(at)).map_or(0.0, |point| as_f64(point.1));
        if value.is_nan() { 0.0 } else { value }
    };
    let point = |at: usize| {
        let ms = members.iter().flatten().filter_map(|points| points.get(at)).map(|point| point.0).min()?;
        let values = members.iter().map(|points| value(points, at));
        Some((ms, Number::Float(values.reduce(|left, right| operator.doubles(left, right))?)))
    };
    Ok((0..length).filter_map(point).collect())
}
