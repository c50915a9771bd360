//! Functions that take one point after the other.

use super::super::{ExpressionError, data};
use super::{Alias, Curve};
use crate::point::Number;
use crate::query::points::as_f64;

fn each(mut curves: Vec<Curve>, change: impl Fn(Number) -> Number) -> Vec<Curve> {
    curves.iter_mut().flat_map(|curve| &mut curve.points).for_each(|(_, value)| *value = change(*value));
    curves
}

/// `scale(series, factor)`: integers stay integers for a whole factor. `1e3` is no number to it
/// (recorded case `gexp/06-scale_ints_khost=___1e3_`).
pub fn scale(curves: Vec<Curve>, words: &[&str]) -> Result<Vec<Curve>, ExpressionError> {
    let Some(word) = words.first() else { return data("Missing scaling factor") };
    if !word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.')) {
        return data("Unparseable scale factor value: 0.0");
    }
    let Ok(factor) = word.parse::<f64>() else { return data("Invalid parameter, must be an integer or floating point") };
    let whole = factor == factor.floor() && factor.is_finite();
    Ok(each(curves, |value| match value {
        Number::Int(v) if whole => Number::Int((factor as i64).wrapping_mul(v)),
        other => Number::Float(factor * as_f64(other)),
    }))
}

fn magnitude(value: Number) -> Number {
    match value {
        Number::Int(v) => Number::Int(v.wrapping_abs()),
        Number::Float(v) => Number::Float(v.abs()),
    }
}

/// `absolute(series)`.
pub fn absolute(curves: Vec<Curve>) -> Vec<Curve> {
    each(curves, magnitude)
}

/// `alias(series, name)`: several words are one name with commas. The values lose their signs, as OpenTSDB's do
/// (recorded case `gexp/52-alias_ex.c_neg_`).
pub fn alias(curves: Vec<Curve>, words: &[&str]) -> Result<Vec<Curve>, ExpressionError> {
    if words.is_empty() {
        return data("Missing the alias");
    }
    let text = words.join(",");
    let mut curves = absolute(curves);
    curves.iter_mut().for_each(|curve| curve.alias = Some(Alias { text: text.clone(), knows_tags: curve.alias.is_none() }));
    Ok(curves)
}

/// `timeShift(series, '1day')`: the points of a day before, as if they were of today. They were asked for in that range.
pub fn shift(mut curves: Vec<Curve>, ms: i64) -> Vec<Curve> {
    curves.iter_mut().flat_map(|curve| &mut curve.points).for_each(|(at, _)| *at += ms);
    curves
}

/// How far `timeShift` shifts, in milliseconds: `'10min'`.
pub fn shift_ms(words: &[&str]) -> Result<i64, ExpressionError> {
    let Some(word) = words.first() else { return data("Need amount of timeshift to perform timeshift") };
    let Some(text) = word.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) else {
        return data("Invalid timeshift parameter: eg '10min'");
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or_default();
    if number.is_empty() {
        return data(format!("Invalid Parameter: {word}"));
    }
    let Ok(number) = number.parse::<i32>() else { return data(format!("For input string: \"{number}\"")) };
    let seconds: i64 = match unit.trim() {
        "sec" => 1,
        "min" => 60,
        "hr" => 3_600,
        "day" | "days" => 86_400,
        "week" | "weeks" => 7 * 86_400,
        other => return data(format!("unknown time unit={other}'")),
    };
    match i64::from(number) * seconds * 1_000 {
        0 => data("timeshift <= 0"),
        ms => Ok(ms),
    }
}
