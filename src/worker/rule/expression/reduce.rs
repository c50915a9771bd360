//! Functions from a series to a number.

use super::evaluate::{Arguments, Evaluator, Fail};
use super::library::Call;
use super::value::{Item, Results, Value, overlaps};

/// A reduction: points in order of time, never none; further numbers; now in milliseconds.
pub(super) type Reduction = fn(&[(i64, f64)], &[f64], i64) -> f64;

/// The reduction that a function is, if it is one.
pub(super) fn of(call: Call) -> Option<Reduction> {
    Some(match call {
        Call::Avg => |points, _, _| avg(points),
        Call::Sum => |points, _, _| points.iter().map(|(_, v)| v).sum(),
        Call::Min => |points, _, _| percentile(points, 0.0),
        Call::Max => |points, _, _| percentile(points, 1.0),
        Call::Median => |points, _, _| percentile(points, 0.5),
        Call::Percentile => |points, numbers, _| percentile(points, first(numbers)),
        Call::Len => |points, _, _| points.len() as f64,
        Call::First => |points, _, _| points.first().map_or(0.0, |(_, v)| *v),
        Call::Last => |points, _, _| points.last().map_or(0.0, |(_, v)| *v),
        Call::Diff => |points, _, _| points.last().map_or(0.0, |(_, v)| *v) - points.first().map_or(0.0, |(_, v)| *v),
        Call::Dev => |points, _, _| dev(points),
        Call::CCount => |points, _, _| changes(points),
        Call::Streak => |points, _, _| streak(points),
        Call::Since => |points, _, now| points.last().map_or(0.0, |(t, _)| (now - t) as f64 / 1_000.0),
        Call::Forecast => |points, numbers, now| forecast(points, first(numbers), now),
        _ => return None,
    })
}

fn first(numbers: &[f64]) -> f64 {
    numbers.first().copied().unwrap_or(f64::NAN)
}

fn avg(points: &[(i64, f64)]) -> f64 {
    points.iter().map(|(_, v)| v).sum::<f64>() / points.len() as f64
}

/// The sample's deviation; of one point 0.
fn dev(points: &[(i64, f64)]) -> f64 {
    if points.len() == 1 {
        return 0.0;
    }
    let mean = avg(points);
    (points.iter().map(|(_, v)| (v - mean) * (v - mean)).sum::<f64>() / (points.len() as f64 - 1.0)).sqrt()
}

fn changes(points: &[(i64, f64)]) -> f64 {
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs.filter(|((_, a), (_, b))| a != b).count() as f64
}

fn streak(points: &[(i64, f64)]) -> f64 {
    let runs = points.split(|(_, v)| *v == 0.0);
    runs.map(<[_]>::len).max().unwrap_or(0) as f64
}

/// The value at a part of the sorted values, rounded up to the next one. NaN sorts below everything.
pub(super) fn percentile(points: &[(i64, f64)], part: f64) -> f64 {
    let mut values: Vec<f64> = points.iter().map(|(_, v)| *v).collect();
    values.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)));
    let last = values.len().saturating_sub(1);
    let at = if part <= 0.0 {
        0
    } else if part >= 1.0 {
        last
    } else {
        (part * last as f64).ceil() as usize
    };
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// Slope and intercept over whole seconds, by the plain sums of the original: with times of today they lose digits, and
/// its results have to be met.
pub(super) fn line(points: &[(i64, f64)]) -> (f64, f64) {
    let (mut n, mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (time, y) in points {
        let x = time.div_euclid(1_000) as f64;
        n += 1.0;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    let slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
    (slope, (sy - slope * sx) / n)
}

/// Ten years of 365 days, in seconds: no forecast goes farther.
const FORECAST_MOST: f64 = 315_360_000.0;
/// The original's clock counts from the year 1.
const YEAR_ONE: i64 = 62_135_596_800;

/// Seconds until the line reaches `y`. A line that is already past it gives a negative number.
///
/// The original adds up plain sums of times of today, in the random order of its map: its own results differ by a few per
/// cent from run to run. Here the sums begin at the first point, which loses nothing.
///
/// A level line that never does: the original's clock wraps around, so that every instant too far away lies ten years
/// back. Level on `y` itself, or of one point: 0.
fn forecast(points: &[(i64, f64)], y: f64, now: i64) -> f64 {
    let Some((start, base)) = points.first().copied() else { return 0.0 };
    let start = start.div_euclid(1_000);
    let moved: Vec<(i64, f64)> = points.iter().map(|(t, v)| (t - start * 1_000, v - base)).collect();
    let (slope, intercept) = line(&moved);
    let at = (y - base - intercept) / slope;
    let seconds = if at.is_nan() { now.div_euclid(1_000) } else { (at + start as f64) as i64 };
    let since_year_one = i128::from(seconds.wrapping_add(YEAR_ONE));
    let ahead = (since_year_one - i128::from(YEAR_ONE)) as f64 - now as f64 / 1_000.0;
    ahead.clamp(-FORECAST_MOST, FORECAST_MOST)
}

impl<'a> Evaluator<'a> {
    /// Each series with the numbers that belong to its group, one of each set. A series that lacks one is an error, unless
    /// the set says that such are left out.
    pub fn matched(
        &mut self,
        mut set: Results,
        numbers: &[Results],
        mut each: impl FnMut(Item, &[f64]) -> Result<Option<Item>, Fail>,
    ) -> Result<Results, Fail> {
        for item in std::mem::take(&mut set.items) {
            let mut found = Vec::with_capacity(numbers.len());
            for other in numbers {
                self.spend(other.items.len())?;
                let partner = other.items.iter().find(|n| n.group.is_empty() || overlaps(&item.group, &n.group));
                found.extend(partner.and_then(|n| n.value.number()));
            }
            if found.len() == numbers.len() {
                set.items.extend(each(item, &found)?);
            } else if !set.ignore_unjoined {
                return Err(format!("no number belongs to the group {}", super::value::group_text(&item.group)).into());
            }
        }
        Ok(set)
    }

    /// A reduction over each series of the first argument. Series without points are left out.
    pub fn reduction(&mut self, call: Call, mut arguments: Arguments<'a>) -> Result<Results, Fail> {
        let set = arguments.set()?;
        let mut numbers = Vec::new();
        while !arguments.is_empty() {
            numbers.push(arguments.set()?);
        }
        self.reduced(call, set, &numbers)
    }

    pub fn reduced(&mut self, call: Call, set: Results, numbers: &[Results]) -> Result<Results, Fail> {
        let reduce = of(call).ok_or_else(|| "this is no reduction".to_string())?;
        let now = self.context.now.saturating_mul(1_000);
        let touched = set.items.iter().map(|item| if let Value::Series(points) = &item.value { points.len() } else { 0 }).sum();
        self.spend(touched)?;
        self.matched(set, numbers, |item, numbers| match item.value {
            Value::Series(points) if points.is_empty() => Ok(None),
            Value::Series(points) => Ok(Some(Item { group: item.group, value: Value::Number(reduce(&points, numbers, now)) })),
            _ => Err("expected series".to_string().into()),
        })
    }
}
