//! `movingAverage(series, 10)` and `movingAverage(series, '5min')`.

use super::super::{ExpressionError, data};
use super::{Curve, Scope};
use crate::point::Number;
use crate::query::points::as_f64;

/// Values added between two looks at the limits.
const SUMS_A_CHECK: usize = 1 << 20;

#[derive(Clone, Copy)]
enum Window {
    /// So many points that are no NaN.
    Points(usize),
    /// So many milliseconds: a point that lies back just so far is out (recorded case `gexp/15-movingAverage_ints_khost=____5min__`).
    Millis(i64),
}

/// The average of each point of the range and those before it. 0 until the window is full.
pub fn average(mut curves: Vec<Curve>, words: &[&str], scope: Scope<'_>) -> Result<Vec<Curve>, ExpressionError> {
    let window = window(words)?;
    let mut work = 0;
    for curve in &mut curves {
        let (first, last) = scope.range;
        let points: Vec<(i64, f64)> =
            curve.points.iter().filter(|(ms, _)| (first..=last).contains(ms)).map(|&(ms, value)| (ms, as_f64(value))).collect();
        curve.points.clear();
        // Where the window began last time: it never grows backwards.
        let mut oldest = 0;
        for (at, &(ms, _)) in points.iter().enumerate() {
            let (value, from) = match window {
                Window::Millis(_) if at == 0 => (0.0, 0),
                _ => mean(&points, oldest, at, window),
            };
            oldest = from;
            if value.is_infinite() {
                return data(format!("Got Infinity: the values of the window before {ms} ms are too large for an average"));
            }
            curve.points.push((ms, Number::Float(value)));
            work += at + 1 - from;
            if work > SUMS_A_CHECK {
                work = 0;
                scope.limits.hold(0)?;
            }
        }
    }
    Ok(curves)
}

/// From the newest point back, as the order of additions decides about the last digits. And the place of the oldest point that
/// is still of use.
fn mean(points: &[(i64, f64)], oldest: usize, newest: usize, window: Window) -> (f64, usize) {
    let (mut sum, mut count) = (0.0, 0);
    let newest_ms = points.get(newest).map_or(0, |point| point.0);
    for (place, &(ms, value)) in points.iter().enumerate().take(newest + 1).skip(oldest).rev() {
        if let Window::Millis(length) = window
            && newest_ms - ms >= length
        {
            return (if count == 0 { 0.0 } else { sum / f64::from(count) }, place);
        }
        if !value.is_nan() {
            sum += value;
            count += 1;
        }
        if matches!(window, Window::Points(length) if count as usize >= length) {
            return (sum / f64::from(count), place);
        }
    }
    (0.0, oldest)
}

fn window(words: &[&str]) -> Result<Window, ExpressionError> {
    let Some(word) = words.first() else { return data("Missing moving average window size") };
    let too_small = || data("Moving average window must be an integer greater than zero");
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return match word.parse::<i32>() {
            Ok(0) => too_small(),
            Ok(n) => Ok(Window::Points(n as usize)),
            Err(_) => data("Invalid parameter, must be an integer"),
        };
    }
    if !(word.starts_with('\'') && word.ends_with('\'')) {
        return data(format!("Unparseable window size: {word}"));
    }
    let text = word.strip_prefix('\'').unwrap_or_default();
    let text = text.strip_suffix('\'').unwrap_or_default();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or_default();
    if number.is_empty() {
        return data(format!("Invalid moving window parameter: {word}"));
    }
    let Ok(number) = number.parse::<i32>() else { return data(format!("Unable to parse moving window parameter: {word}")) };
    let seconds: i64 = match unit {
        "day" | "d" => 86_400,
        "hr" | "hour" | "h" => 3_600,
        "min" | "m" => 60,
        "sec" | "s" => 1,
        other => return data(format!("Unknown time unit={other} in window={word}")),
    };
    if number == 0 { too_small() } else { Ok(Window::Millis(i64::from(number) * seconds * 1_000)) }
}
