//! From a series to the places of its line: gaps, curves, steps, stacks, and no more places than pixels can show.

use super::canvas::Spot;
use super::options::{Options, Smooth, Style};
use super::picture::{Picture, Series};
use super::sheet::Sheet;
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

/// The pieces of a line between its gaps, in milliseconds and values.
fn runs(points: &[(i64, f64)], log: bool) -> Vec<Run> {
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

/// What is drawn for one series.
#[derive(Debug, Default)]
pub struct Drawing {
    /// Lines.
    pub lines: Vec<Vec<Spot>>,
    /// Outlines to fill.
    pub areas: Vec<Vec<Spot>>,
    /// Points.
    pub points: Vec<Spot>,
}

/// The drawing of a series. `grain`: pixels of a column in which no more than four places of a line are kept. `marked`: its
/// points are drawn as well as its line.
pub fn drawing(series: &Series, sheet: &Sheet, options: &Options, grain: f32, marked: bool) -> Drawing {
    let points = visible(series, sheet.span, options.smooth);
    let log = if series.right { options.y2.log } else { options.y.log };
    let place = |(at, value): (f64, f64)| (sheet.x(at), sheet.y(series.right, value));
    let only_points = matches!(options.style, Style::Points | Style::Circles | Style::Dots);
    let mut out = Drawing::default();
    for run in runs(&points, log) {
        if only_points || marked || run.len() == 1 {
            out.points.extend(run.iter().map(|point| place(*point)).filter(|spot| sheet.is_inside(*spot)));
        }
        if only_points || run.len() == 1 {
            continue;
        }
        let curved = smooth::curve(&run, options.smooth, f64::from(sheet.plot.w));
        let run = curved.as_ref().unwrap_or(&run);
        let line = if options.style == Style::Steps {
            let corners = run.windows(2).flat_map(|pair| if let &[a, b] = pair { [a, (b.0, a.1)] } else { [(0.0, 0.0); 2] });
            thin(corners.chain(run.last().copied()).map(place), grain)
        } else {
            thin(run.iter().copied().map(place), grain)
        };
        if options.style == Style::Area {
            out.areas.push(closed(&line, sheet.floor(series.right)));
        }
        out.lines.push(line);
    }
    if only_points {
        distinct(&mut out.points);
    }
    out
}

/// The outline between a line and a level.
fn closed(line: &[Spot], level: f32) -> Vec<Spot> {
    let mut outline = line.to_vec();
    if let (Some(first), Some(last)) = (line.first(), line.last()) {
        outline.extend([(last.0, level), (first.0, level)]);
    }
    outline
}

/// One place for each half pixel: points that cover each other are drawn once.
fn distinct(spots: &mut Vec<Spot>) {
    let mut seen = rustc_hash::FxHashSet::default();
    spots.retain(|(x, y)| seen.insert(((x * 2.0) as i32, (y * 2.0) as i32)));
}

/// The first, lowest, highest and last place of each column of pixels: what is left out cannot be seen.
fn thin(spots: impl Iterator<Item = Spot>, grain: f32) -> Vec<Spot> {
    let mut out = Vec::new();
    let mut column = f32::NAN;
    let mut held: [(usize, Spot); 4] = [(0, (0.0, 0.0)); 4]; // first, lowest, highest, last
    let mut count = 0;
    let flush = |held: [(usize, Spot); 4], count: usize, out: &mut Vec<Spot>| {
        let mut kept = held;
        kept.sort_unstable_by_key(|(order, _)| *order);
        let mut last = None;
        for (order, spot) in kept.into_iter().filter(|_| count > 0) {
            if last != Some(order) {
                out.push(spot);
            }
            last = Some(order);
        }
    };
    for (order, spot) in spots.enumerate() {
        let at = (spot.0 / grain).floor();
        if at == column {
            let [_, low, high, last] = &mut held;
            if spot.1 > low.1.1 {
                *low = (order, spot);
            }
            if spot.1 < high.1.1 {
                *high = (order, spot);
            }
            *last = (order, spot);
            count += 1;
        } else {
            flush(held, count, &mut out);
            held = [(order, spot); 4];
            column = at;
            count = 1;
        }
    }
    flush(held, count, &mut out);
    out
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
        let lengths = |log| runs(&points, log).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(false), [2, 1, 2]);
        assert_eq!(lengths(true), [2, 1, 1]);
        assert!(runs(&[(1, f64::NAN)], false).is_empty());
    }

    #[test]
    fn no_more_places_than_pixels_show() {
        let many = (0..100_000).map(|i| {
            (
                i as f32 / 1000.0,
                if i == 50_500 {
                    99.0
                } else if i == 50_700 {
                    -99.0
                } else {
                    (i % 7) as f32
                },
            )
        });
        let kept = thin(many, 1.0);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert!(kept.contains(&(50.5, 99.0)) && kept.contains(&(50.7, -99.0)));
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0));
        let few: Vec<Spot> = vec![(0.0, 1.0), (0.5, 2.0), (3.0, 1.0), (9.0, 5.0)];
        assert_eq!(thin(few.iter().copied(), 1.0), few);
        assert!(thin(std::iter::empty(), 1.0).is_empty());
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
