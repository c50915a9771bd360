//! A value axis: its range, linear or logarithmic, its ticks and their texts.

use super::format::Pattern;
use crate::plot::options::Axis as Wanted;

/// The range shown where there is nothing to show.
const EMPTY: (f64, f64) = (0.0, 10.0);
/// Decades with ticks between the powers of ten.
const DECADES_WITH_MINOR: f64 = 9.0;

/// From values to places: 0 at the lower end, 1 at the upper.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// Lowest value shown.
    pub min: f64,
    /// Highest value shown; above the lowest.
    pub max: f64,
    /// Logarithmic; then both are above 0.
    pub log: bool,
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where.
    pub value: f64,
    /// Its text; none: a small mark.
    pub text: Option<String>,
}

impl Scale {
    /// The range that shows these values (lowest, highest; none without any) as the options want it, ends rounded to ticks.
    pub fn new(seen: Option<(f64, f64)>, wanted: &Wanted, ticks: usize) -> Scale {
        if wanted.log { Scale::log(seen, wanted) } else { Scale::linear(seen, wanted, ticks) }
    }

    fn linear(seen: Option<(f64, f64)>, wanted: &Wanted, ticks: usize) -> Scale {
        let (low, high) = seen.unwrap_or(EMPTY);
        let (mut min, mut max) = (wanted.min.unwrap_or(low), wanted.max.unwrap_or(high));
        if min >= max {
            // One value only, or an end that lies beyond all of them: show its surroundings.
            let around = if max == 0.0 { 1.0 } else { (max.abs() * 0.1).max(f64::MIN_POSITIVE) };
            match (wanted.min, wanted.max) {
                (Some(fixed), _) => max = up(fixed + fixed.abs().max(around), fixed),
                (None, Some(fixed)) => min = -up(-fixed + fixed.abs().max(around), -fixed),
                (None, None) => (min, max) = (-up(-min + around, -min), up(max + around, max)),
            }
        }
        let step = step(min, max, ticks);
        if wanted.min.is_none() && step > 0.0 {
            let rounded = multiple((min / step + 1e-9).floor(), step);
            // A range that nearly touches zero begins there.
            let rounded = if rounded > 0.0 && rounded <= (max - min) * 0.25 { 0.0 } else { rounded };
            min = if rounded.is_finite() { rounded } else { min };
        }
        if wanted.max.is_none() && step > 0.0 {
            let rounded = multiple((max / step - 1e-9).ceil(), step);
            max = if rounded.is_finite() { rounded } else { max };
        }
        Scale { min, max, log: false }
    }

    fn log(seen: Option<(f64, f64)>, wanted: &Wanted) -> Scale {
        let positive = |x: &f64| *x > 0.0;
        let (low, high) = seen.filter(|(low, _)| *low > 0.0).unwrap_or((1.0, 10.0));
        let mut min = wanted.min.filter(positive).unwrap_or_else(|| decade(low, f64::floor));
        let mut max = wanted.max.filter(positive).unwrap_or_else(|| decade(high, f64::ceil));
        if min >= max {
            (min, max) = if wanted.min.is_some_and(|m| m > 0.0) { (min, min * 10.0) } else { (max / 10.0, max) };
        }
        if !max.is_finite() {
            max = f64::MAX;
        }
        if min <= 0.0 {
            min = f64::from_bits(1);
        }
        Scale { min, max, log: true }
    }

    /// Where a value lies: 0 to 1 within the range, beyond outside of it. `None`: nowhere.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = if self.log {
            if value <= 0.0 {
                return None;
            }
            (value.log10() - self.min.log10()) / (self.max.log10() - self.min.log10())
        } else if (self.max - self.min).is_finite() {
            (value - self.min) / (self.max - self.min)
        } else {
            (value / 2.0 - self.min / 2.0) / (self.max / 2.0 - self.min / 2.0)
        };
        place.is_finite().then_some(place)
    }

    /// The value at a place.
    pub fn value(&self, place: f64) -> f64 {
        if self.log {
            return 10f64.powf(self.min.log10() + place * (self.max.log10() - self.min.log10()));
        }
        self.min * (1.0 - place) + self.max * place
    }

    /// About so many marks, in ascending order.
    pub fn ticks(&self, about: usize, pattern: Option<&Pattern>) -> Vec<Tick> {
        let mut ticks = if self.log { self.log_ticks(about) } else { self.linear_ticks(about) };
        if let Some(pattern) = pattern {
            for tick in ticks.iter_mut().filter(|tick| tick.text.is_some()) {
                tick.text = Some(pattern.number(tick.value));
            }
        }
        ticks
    }

    fn linear_ticks(&self, about: usize) -> Vec<Tick> {
        let step = step(self.min, self.max, about);
        let first = (self.min / step - 1e-9).ceil();
        if step <= 0.0 || !step.is_finite() || !first.is_finite() {
            let both = [self.min, self.max];
            return both.map(|value| Tick { value, text: Some(number(value, 0.0)) }).into();
        }
        let most = about.max(2) * 4;
        let values = (0..most).map(|i| multiple(first + i as f64, step));
        let values: Vec<f64> = values.take_while(|v| *v <= self.max + step * 1e-9).filter(|v| v.is_finite()).collect();
        let unit = Unit::of(values.iter().fold(0.0, |m: f64, v| m.max(v.abs())), step);
        values.into_iter().map(|value| Tick { value, text: Some(unit.text(value)) }).collect()
    }

    fn log_ticks(&self, about: usize) -> Vec<Tick> {
        let (low, high) = (self.min.log10(), self.max.log10());
        let decades = high - low;
        let stride = (decades / about.max(1) as f64).ceil().max(1.0) as i32;
        // Powers are read as text: computed ones are off by a digit here and there.
        let power = |mantissa: i32, exponent: i32| format!("{mantissa}e{exponent}").parse::<f64>().unwrap_or(0.0);
        let mut ticks = Vec::new();
        let first = (low + 1e-9).floor() as i32;
        for exponent in first..=(high + 1e-9).ceil() as i32 {
            let major = (exponent - first) % stride == 0;
            let fine = decades <= DECADES_WITH_MINOR && stride == 1;
            for mantissa in 1..=(if fine { 9 } else { 1 }) {
                let value = power(mantissa, exponent);
                let within = value >= self.min * (1.0 - 1e-9) && value <= self.max * (1.0 + 1e-9) && value > 0.0 && value.is_finite();
                if !within || !(major || fine) {
                    continue;
                }
                // Where a decade is long, its middle is written as well.
                let written = major && (mantissa == 1 || (decades <= 2.5 && [2, 5].contains(&mantissa)) || decades <= 0.7);
                ticks.push(Tick { value, text: written.then(|| number(value, value)) });
            }
        }
        ticks
    }
}

/// The next value above `least` if rounding left the sum where it was.
fn up(sum: f64, least: f64) -> f64 {
    let next = if sum > least { sum } else { least.next_up() };
    if next.is_finite() { next } else { f64::MAX }
}

/// The power of ten at or below (`floor`), at or above (`ceil`).
fn decade(value: f64, round: fn(f64) -> f64) -> f64 {
    let log = value.log10();
    // A whole power is its own decade, whatever the logarithm's last digit says.
    let near = if (log - log.round()).abs() < 1e-9 { log.round() } else { round(log) };
    format!("1e{}", near as i32).parse().unwrap_or(value)
}

/// 1, 2 or 5 times a power of ten, so that the range has at most about so many steps. 0: there is none.
fn step(min: f64, max: f64, about: usize) -> f64 {
    let parts = about.max(1) as f64;
    let raw = if (max - min).is_finite() { (max - min) / parts } else { max / parts - min / parts };
    if raw.is_nan() || raw < f64::MIN_POSITIVE {
        return 0.0;
    }
    let exponent = raw.log10().floor();
    let part = raw / 10f64.powf(exponent);
    let nice = [1, 2, 5].into_iter().find(|n| part <= f64::from(*n) * 1.0001);
    let (mantissa, exponent) = nice.map_or((1, exponent + 1.0), |n| (n, exponent));
    format!("{mantissa}e{}", exponent as i32).parse().ok().filter(|step: &f64| step.is_finite()).unwrap_or(0.0)
}

/// So many steps. Fractions of one are reached by dividing, which gives the number that people would write.
fn multiple(count: f64, step: f64) -> f64 {
    let parts = (1.0 / step).round();
    if step < 1.0 && parts.is_finite() { count / parts } else { count * step }
}

/// Prefixes of thousands and their powers of ten.
const PREFIXES: [(&str, i32); 7] = [("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

/// How the numbers of one axis are written: all with one prefix and the same digits.
struct Unit {
    prefix: &'static str,
    power: i32,
    digits: usize,
    scientific: bool,
}

impl Unit {
    fn of(largest: f64, step: f64) -> Unit {
        let power = if largest >= 9_999.5 { (largest.log10() + 1e-9).floor() as i32 / 3 * 3 } else { 0 };
        let (prefix, power) = PREFIXES.iter().rev().find(|(_, p)| *p <= power).copied().unwrap_or(("", 0));
        let exponent = (step.log10() + 1e-9).floor() as i32 - power;
        let scientific = largest >= 1e21 || (largest > 0.0 && largest < 1e-3) || exponent < -9;
        Unit { prefix, power, digits: usize::try_from(-exponent).unwrap_or(0), scientific }
    }

    fn text(&self, value: f64) -> String {
        if value == 0.0 {
            return "0".into();
        }
        if self.scientific {
            return number(value, 0.0);
        }
        format!("{:.*}{}", self.digits, value / 10f64.powi(self.power), self.prefix)
    }
}

/// One number by itself, short: `1.5k`, `0.05`, `2e-7`.
pub fn number(value: f64, near: f64) -> String {
    let size = value.abs().max(near.abs());
    if value == 0.0 || !value.is_finite() {
        return format!("{value}").replace("inf", "∞");
    }
    if !(1e-3..1e21).contains(&size) {
        let exponent = size.log10().floor();
        let text = format!("{:.3e}", value);
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = trim(mantissa);
        let _ = exponent;
        return format!("{mantissa}e{power}");
    }
    let power = if size >= 9_999.5 { (size.log10() + 1e-9).floor() as i32 / 3 * 3 } else { 0 };
    let (prefix, power) = PREFIXES.iter().rev().find(|(_, p)| *p <= power).copied().unwrap_or(("", 0));
    let scaled = value / 10f64.powi(power);
    let digits = (4 - (scaled.abs().max(1e-3).log10().floor() as i32 + 1)).clamp(0, 6) as usize;
    format!("{}{prefix}", trim(&format!("{scaled:.digits$}")))
}

/// Without zeros at the end of a fraction.
fn trim(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(min: Option<f64>, max: Option<f64>, log: bool) -> Wanted {
        Wanted { min, max, log, ..Wanted::default() }
    }

    #[track_caller]
    fn check(seen: (f64, f64), want: (f64, f64), texts: &[&str]) {
        let scale = Scale::new(Some(seen), &wanted(None, None, false), 6);
        assert_eq!((scale.min, scale.max), want, "{seen:?}");
        let got: Vec<String> = scale.ticks(6, None).into_iter().filter_map(|t| t.text).collect();
        assert_eq!(got, texts, "{seen:?}");
    }

    #[test]
    fn linear() {
        check((0.0, 10.0), (0.0, 10.0), &["0", "2", "4", "6", "8", "10"]);
        check((1.0, 97.0), (0.0, 100.0), &["0", "20", "40", "60", "80", "100"]);
        check((-1.2, 1.3), (-1.5, 1.5), &["-1.5", "-1.0", "-0.5", "0", "0.5", "1.0", "1.5"]);
        check((0.0, 123_456.0), (0.0, 150_000.0), &["0", "50k", "100k", "150k"]);
        check((2_000_000.0, 2_300_000.0), (2_000_000.0, 2_300_000.0), &["2.00M", "2.05M", "2.10M", "2.15M", "2.20M", "2.25M", "2.30M"]);
        check((1e-5, 3e-5), (1e-5, 3e-5), &["1e-5", "1.5e-5", "2e-5", "2.5e-5", "3e-5"]);
        check((0.31, 0.34), (0.31, 0.34), &["0.310", "0.315", "0.320", "0.325", "0.330", "0.335", "0.340"]);
    }

    #[test]
    fn one_value_has_surroundings() {
        for value in [5.0, -5.0, 0.0, 1e300, f64::MAX, f64::MIN, 5e-324, 1e-310, 123_456_789_012_345_680.0] {
            let scale = Scale::new(Some((value, value)), &wanted(None, None, false), 6);
            let place = scale.place(value).expect("a place");
            assert!(scale.min < scale.max && (0.0..=1.0).contains(&place), "{value}: {scale:?} {place}");
            assert!((1..=24).contains(&scale.ticks(6, None).len()), "{value}: {:?}", scale.ticks(6, None));
        }
    }

    #[test]
    fn any_range_has_a_scale() {
        let values = [f64::MIN, -1e308, -1.0, -5e-324, 0.0, 5e-324, 1e-300, 1.0, 1e300, 1e308, f64::MAX];
        for low in values {
            for high in values.into_iter().filter(|high| *high >= low) {
                for (min, max) in [(None, None), (Some(0.0), None), (None, Some(5.0)), (Some(-1e308), Some(1e308))] {
                    for log in [false, true] {
                        let scale = Scale::new(Some((low, high)), &wanted(min, max, log), 6);
                        assert!(scale.min < scale.max && scale.min.is_finite() && scale.max.is_finite(), "{low} {high}: {scale:?}");
                        let ticks = scale.ticks(6, None);
                        assert!(ticks.len() < 120 && ticks.is_sorted_by(|a, b| a.value <= b.value), "{low} {high} {scale:?}: {ticks:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn given_ends_stay() {
        let scale = Scale::new(Some((3.0, 97.0)), &wanted(Some(0.5), Some(50.0), false), 6);
        assert_eq!((scale.min, scale.max), (0.5, 50.0));
        let scale = Scale::new(Some((3.0, 97.0)), &wanted(Some(200.0), None, false), 6);
        assert!(scale.min == 200.0 && scale.max > 200.0);
        let scale = Scale::new(Some((3.0, 97.0)), &wanted(None, Some(-5.0), false), 6);
        assert!(scale.max == -5.0 && scale.min < -5.0);
    }

    #[test]
    fn logarithmic() {
        let texts = |low, high| {
            let scale = Scale::new(Some((low, high)), &wanted(None, None, true), 6);
            (scale.min, scale.max, scale.ticks(6, None).into_iter().filter_map(|t| t.text).collect::<Vec<_>>())
        };
        let owned = |texts: &[&str]| texts.iter().map(|t| t.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(3.0, 70_000.0), (1.0, 100_000.0, owned(&["1", "10", "100", "1000", "10k", "100k"])));
        assert_eq!(texts(2.0, 9.0), (1.0, 10.0, owned(&["1", "2", "5", "10"])));
        let scale = Scale { min: 1.0, max: 100.0, log: true };
        assert_eq!(scale.place(10.0), Some(0.5));
        assert_eq!((scale.place(0.0), scale.place(-3.0)), (None, None));
        assert_eq!(Scale::new(Some((-5.0, 0.0)), &wanted(Some(0.0), None, true), 6), Scale { min: 1.0, max: 10.0, log: true });
    }

    #[test]
    fn numbers() {
        for (value, want) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (1234.0, "1234"),
            (12_345.0, "12.35k"),
            (1e6, "1M"),
            (-2.5e9, "-2.5G"),
            (0.05, "0.05"),
            (2e-7, "2e-7"),
            (1e30, "1e30"),
            (99.999, "100"),
        ] {
            assert_eq!(number(value, 0.0), want);
        }
    }
}
