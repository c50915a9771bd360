//! From a series to its lines: gaps, curves, steps, stacks; all in milliseconds and values.

use super::options::{Options, Smooth, Style};
use super::picture::{Picture, Series};
use super::smooth::{self, Run};
use std::borrow::Cow;

/// Lowest and highest value, and what cannot be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extent {
    /// Lowest and highest value shown; `None` without any.
    pub range: Option<(f64, f64)>,
    /// Points shown.
    pub points: usize,
    /// Values at or below 0 on a logarithmic axis.
    pub not_positive: usize,
}

impl Extent {
    /// Takes another value.
    pub fn add(&mut self, value: f64) {
        self.range = Some(self.range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
    }
}

/// Points of a series as they are drawn, those in the picture's range with one neighbour on either side.
fn visible<'a>(series: &'a Series, span: (i64, i64), smooth: Option<Smooth>) -> Cow<'a, [(i64, f64)]> {
    let from = series.points.partition_point(|(at, _)| *at < span.0).saturating_sub(1);
    let to = (series.points.partition_point(|(at, _)| *at <= span.1) + 1).min(series.points.len());
    smooth::values(series.points.get(from..to).unwrap_or_default(), smooth)
}

/// The range of the values on one axis between two instants.
pub fn extent(picture: &Picture, options: &Options, right: bool, span: (i64, i64)) -> Extent {
    let mut extent = Extent::default();
    let log = if right { options.y2.log } else { options.y.log };
    for series in picture.series.iter().filter(|series| series.right == right) {
        for &(at, value) in visible(series, span, options.smooth).iter() {
            if at < span.0 || at > span.1 || !value.is_finite() {
                continue;
            }
            if log && value <= 0.0 {
                extent.not_positive += 1;
                continue;
            }
            extent.points += 1;
            extent.add(value);
        }
    }
    if options.style == Style::Stacked {
        let mut sums = Stack::new(span, options.size.0 as usize);
        let mut tops = Extent { points: extent.points, not_positive: extent.not_positive, ..Extent::default() };
        tops.add(0.0);
        for series in picture.series.iter().filter(|series| series.right == right) {
            sums.add(series).iter().for_each(|(_, top)| tops.add(*top));
        }
        return if extent.points > 0 { tops } else { extent };
    }
    if options.style == Style::Area && !log && extent.range.is_some() {
        extent.add(0.0);
    }
    extent
}

/// The range of what is drawn on one axis between two instants, lines between points included.
pub fn reach(picture: &Picture, options: &Options, right: bool, span: (i64, i64)) -> Option<(f64, f64)> {
    let wide = |series: &Series| {
        let before = series.points.partition_point(|(at, _)| *at < span.0).checked_sub(1);
        let after = series.points.partition_point(|(at, _)| *at <= span.1);
        let time = |at: Option<usize>| at.and_then(|at| series.points.get(at)).map(|(at, _)| *at);
        (time(before).unwrap_or(span.0), time(Some(after)).unwrap_or(span.1))
    };
    let on_axis = || picture.series.iter().filter(|series| series.right == right);
    let from = on_axis().map(|series| wide(series).0).min()?.max(picture.start_ms);
    let to = on_axis().map(|series| wide(series).1).max()?.min(picture.end_ms);
    extent(picture, options, right, (from, to)).range
}

/// The pieces of a series between its gaps.
pub fn runs(series: &Series, options: &Options, span: (i64, i64)) -> Vec<Run> {
    let log = if series.right { options.y2.log } else { options.y.log };
    pieces(&visible(series, span, options.smooth), log)
}

fn pieces(points: &[(i64, f64)], log: bool) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    let mut open = false;
    for &(at, value) in points {
        let shown = value.is_finite() && (!log || value > 0.0);
        match out.last_mut().filter(|_| open && shown) {
            Some(run) => run.push((at as f64, value)),
            None if shown => out.push(vec![(at as f64, value)]),
            None => {}
        }
        open = shown;
    }
    out
}

/// The line through a piece that is drawn `width` pixels wide: a curve, steps, or straight from point to point.
pub fn line(run: Run, options: &Options, width: f64) -> Run {
    let run = smooth::curve(&run, options.smooth, width).unwrap_or(run);
    if options.style != Style::Steps {
        return run;
    }
    let corners = run.windows(2).flat_map(|pair| if let &[a, b] = pair { [a, (b.0, a.1)] } else { [(0.0, 0.0); 2] });
    corners.chain(run.last().copied()).collect()
}

/// The outline between a line and a value.
pub fn closed(line: &Run, base: f64) -> Run {
    let ends = line.last().into_iter().chain(line.first()).map(|(at, _)| (*at, base));
    line.iter().copied().chain(ends).collect()
}

/// Series on top of each other, at columns of equal width.
pub struct Stack {
    span: (i64, i64),
    sums: Vec<f64>,
}

impl Stack {
    /// Nothing yet, at so many columns.
    pub fn new(span: (i64, i64), columns: usize) -> Stack {
        Stack { span, sums: vec![0.0; columns.max(2)] }
    }

    /// Puts a series on top: the sum below it and with it, column by column.
    pub fn add(&mut self, series: &Series) -> Vec<(f64, f64)> {
        let values = self.columns(series);
        let add = |(sum, value): (&mut f64, f64)| {
            let below = *sum;
            *sum += value;
            (below, *sum)
        };
        self.sums.iter_mut().zip(values).map(add).collect()
    }

    /// The columns from the first point of all to the last.
    pub fn filled(&self, series: &[&Series]) -> std::ops::RangeInclusive<usize> {
        let first = series.iter().filter_map(|one| one.points.first()).map(|(at, _)| *at).min().unwrap_or(self.span.0);
        let last = series.iter().filter_map(|one| one.points.last()).map(|(at, _)| *at).max().unwrap_or(self.span.1);
        let columns = (self.sums.len() - 1) as f64;
        let place = |at: i64| (at - self.span.0) as f64 / (self.span.1 - self.span.0) as f64 * columns;
        place(first).ceil().max(0.0) as usize..=place(last).floor().max(0.0) as usize
    }

    /// The instant of a column, in milliseconds.
    pub fn instant(&self, column: usize) -> f64 {
        let (from, to) = (self.span.0 as f64, self.span.1 as f64);
        from + (to - from) * column as f64 / (self.sums.len() - 1) as f64
    }

    /// The value at each column: the mean of the points in it, else between its neighbours; 0 where the series has nothing.
    fn columns(&self, series: &Series) -> Vec<f64> {
        let mut out = vec![(0.0, 0u32); self.sums.len()];
        let width = ((self.span.1 - self.span.0) as f64 / (self.sums.len() - 1) as f64).max(f64::MIN_POSITIVE);
        let place = |at: i64| (at - self.span.0) as f64 / width;
        let shown = series.points.iter().filter(|(_, value)| value.is_finite());
        for (at, value) in shown.clone() {
            let column = place(*at).round();
            if let Some((sum, count)) = out.get_mut(column.max(-1.0) as usize).filter(|_| column >= 0.0) {
                *sum += value;
                *count += 1;
            }
        }
        let mut values: Vec<f64> = out.iter().map(|(sum, count)| sum / f64::from(*count).max(1.0)).collect();
        let mut before: Option<(i64, f64)> = None;
        for &(at, value) in &series.points {
            if let Some((last, last_value)) = before.filter(|(_, last)| last.is_finite() && value.is_finite()) {
                let (from, to) = (place(last), place(at));
                let first = (from.ceil().max(0.0)) as usize;
                let until = (to.floor() + 1.0).clamp(0.0, values.len() as f64) as usize;
                let columns = values.iter_mut().zip(&out).enumerate().take(until).skip(first);
                for (column, (place, _)) in columns.filter(|(_, (_, (_, count)))| *count == 0) {
                    *place = last_value + (value - last_value) * (column as f64 - from) / (to - from);
                }
            }
            before = Some((at, value));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_end_lines() {
        let points = [(1, 1.0), (2, 2.0), (3, f64::NAN), (4, 4.0), (5, f64::INFINITY), (6, -1.0), (7, 1.0)];
        let lengths = |log| pieces(&points, log).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(false), [2, 1, 2]);
        assert_eq!(lengths(true), [2, 1, 1]);
        assert!(pieces(&[(1, f64::NAN)], false).is_empty());
    }

    #[test]
    fn steps_and_areas_have_corners() {
        let run: Run = vec![(1.0, 5.0), (2.0, 7.0), (3.0, 6.0)];
        let options = |style: &str| Options::parse(&[("style".into(), style.into())]).expect(style);
        assert_eq!(line(run.clone(), &options("steps"), 9.0), [(1.0, 5.0), (2.0, 5.0), (2.0, 7.0), (3.0, 7.0), (3.0, 6.0)]);
        assert_eq!(line(run.clone(), &options("area"), 9.0), run);
        assert_eq!(closed(&run, -1.0)[3..], [(3.0, -1.0), (1.0, -1.0)]);
    }

    #[test]
    fn stacks_are_sums() {
        let series = |points: &[(i64, f64)]| Series { points: points.to_vec(), ..Series::default() };
        let mut stack = Stack::new((0, 100), 11);
        let first = stack.add(&series(&[(0, 1.0), (100, 2.0)]));
        assert_eq!((first[0], first[5], first[10]), ((0.0, 1.0), (0.0, 1.5), (0.0, 2.0)));
        let second = stack.add(&series(&[(20, 10.0), (40, 10.0), (60, f64::NAN)]));
        assert_eq!((second[2], second[3], second[9]), ((1.2, 11.2), (1.3, 11.3), (1.9, 1.9)));
        assert_eq!(stack.instant(10), 100.0);
    }
}
