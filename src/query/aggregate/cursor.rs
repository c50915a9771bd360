//! One series as a group sees it: its points in time order, empty buckets filled, rates taken.

use crate::point::Number;
use crate::query::downsample::{FillPlan, FillStep};
use crate::query::points::Points;
use crate::query::rate::Rate;

/// Walks a series once.
pub struct Cursor<'a> {
    points: &'a Points,
    at: usize,
    fill: Option<Filling<'a>>,
    rate: Option<Rate>,
}

/// The next bucket to show.
struct Filling<'a> {
    plan: &'a FillPlan,
    next: i64,
    /// The bucket before `next`, for a calendar: stepped on its own, as OpenTSDB does.
    shown: i64,
}

impl<'a> Cursor<'a> {
    /// `fill`: every bucket of the plan is shown, those without a point hold its value.
    pub fn new(points: &'a Points, fill: Option<&'a FillPlan>, rate: Option<Rate>) -> Cursor<'a> {
        let fill = fill.map(|plan| {
            let shown = match &plan.step {
                FillStep::Fixed(_) => plan.start,
                FillStep::Calendar(calendar) => calendar.previous(plan.start),
            };
            Filling { plan, next: plan.start, shown }
        });
        Cursor { points, at: 0, fill, rate }
    }

    fn value(&mut self) -> Option<(i64, Number)> {
        let Some(filling) = &mut self.fill else {
            let point = self.points.get(self.at)?;
            self.at += 1;
            return Some(point);
        };
        let wanted = filling.next;
        if wanted >= filling.plan.end {
            return None;
        }
        let mut value = Number::Float(filling.plan.value);
        while let Some((ms, found)) = self.points.get(self.at).filter(|p| p.0 <= wanted) {
            self.at += 1;
            if ms == wanted {
                value = found;
            }
        }
        let shown = match &filling.plan.step {
            FillStep::Fixed(ms) => {
                filling.next += ms;
                wanted
            }
            FillStep::Calendar(calendar) => {
                filling.shown = calendar.next(filling.shown);
                filling.next = calendar.next(wanted);
                filling.shown
            }
        };
        Some((shown, value))
    }
}

impl Iterator for Cursor<'_> {
    type Item = (i64, Number);

    fn next(&mut self) -> Option<(i64, Number)> {
        loop {
            let (ms, value) = self.value()?;
            let Some(rate) = &mut self.rate else { return Some((ms, value)) };
            if let Some(rate) = rate.push(ms, value) {
                return Some((ms, Number::Float(rate)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filled_buckets() {
        let points: Points = [(10, Number::Float(1.0)), (30, Number::Float(3.0)), (90, Number::Float(9.0))].into_iter().collect();
        let plan = FillPlan { value: 0.0, start: 20, end: 50, step: FillStep::Fixed(10) };
        let got: Vec<_> = Cursor::new(&points, Some(&plan), None).collect();
        assert_eq!(got, [(20, Number::Float(0.0)), (30, Number::Float(3.0)), (40, Number::Float(0.0))]);
        assert_eq!(Cursor::new(&points, None, None).count(), 3);
    }
}
