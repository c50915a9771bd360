//! The same minute of earlier days, weeks or years: series that have a habit.

use super::sums::{self, Moments};
use super::{Finding, Numbers, Sight, Verdict, Window};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Most earlier seasons that are asked for.
const SEASONS_MAX: usize = 1_000;

/// Which earlier moments the newest points are compared with, and how far they may lie from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Seasons {
    /// How long before the newest point each earlier moment lies, in seconds.
    pub shifts: Vec<f64>,
    /// Points of so many seconds up to a moment are averaged.
    pub width: f64,
    /// Fewest earlier moments with points: with less nothing is found.
    pub least: usize,
    /// The present must lie more than so many standard deviations (robust) from the median of the earlier moments…
    pub deviations: f64,
    /// …and further than this part of that median…
    pub relative: f64,
    /// …and further than this, in the unit of the series.
    pub absolute: f64,
}

impl Seasons {
    /// `count` moments, `period` seconds apart. Clocks are not asked: see [`Seasons::calendar`].
    pub fn every(period: f64, count: usize) -> Seasons {
        let shifts = (1..=count.min(SEASONS_MAX)).map(|k| k as f64 * period).collect();
        Seasons { shifts, width: 300.0, least: 3, deviations: 3.0, relative: 0.1, absolute: 0.0 }
    }

    /// The same time of the `count` days before.
    pub fn days(count: usize) -> Seasons {
        Seasons::every(86_400.0, count)
    }

    /// The same time and day of the `count` weeks before.
    pub fn weeks(count: usize) -> Seasons {
        Seasons::every(7.0 * 86_400.0, count)
    }

    /// The same time on the clocks of `zone`, one to `count` times `step` (days, weeks, months, years) before `now`
    /// (seconds since the epoch). What the calendar does not have is left out.
    pub fn calendar(now: f64, zone: &TimeZone, step: Span, count: usize) -> Seasons {
        let mut seasons = Seasons::every(0.0, 0);
        let Ok(at) = Timestamp::from_second(now as i64) else { return seasons };
        let here = at.to_zoned(zone.clone());
        let earlier = |k: i64| Some(here.checked_sub(step.checked_mul(k).ok()?).ok()?.timestamp().as_second());
        let whole = at.as_second();
        seasons.shifts = (1..=count.min(SEASONS_MAX)).filter_map(|k| earlier(k as i64)).map(|then| (whole - then) as f64).collect();
        seasons
    }

    /// Is the present out of the habit? Times of the window must not fall; it must reach back to the earlier moments.
    pub fn judge(&self, sight: &mut Sight<'_>) -> Finding {
        let window = sight.window;
        let Some(&newest) = window.times.last() else { return Finding::new(false, &[]) };
        let now = mean_before(window, newest, self.width).mean;
        let buffer = &mut sight.scratch.values;
        buffer.clear();
        let then = self.shifts.iter().map(|shift| mean_before(window, newest - shift, self.width));
        buffer.extend(then.filter(|m| m.count > 0).map(|m| m.mean));
        let seasons = buffer.len();
        let (usual, std) = sums::usual(buffer);
        let limit = (self.deviations * std).max(self.relative * usual.abs()).max(self.absolute);
        let change = now - usual;
        let numbers = [("now", now), ("usual", usual), ("change", change), ("std", std), ("limit", limit), ("seasons", seasons as f64)];
        Finding::new(seasons >= self.least && change.abs() > limit, &numbers)
    }
}

/// The mean of what lies in `width` seconds up to `end`, `end` included.
fn mean_before(window: Window<'_>, end: f64, width: f64) -> Moments {
    let from = window.times.partition_point(|t| *t <= end - width);
    let to = window.times.partition_point(|t| *t <= end);
    Moments::of(window.values.get(from..to).unwrap_or_default())
}

/// Period on period (year on year, day on day): the mean of the newest `width` seconds against the same stretch `shift`
/// seconds before. Anomalous when it has changed by more than `percent`, up or down; nothing is said ("normal") where
/// there are no points then, and any change from 0 is more than any percentage.
pub fn period_on_period(window: Window<'_>, shift: f64, width: f64, percent: f64) -> Finding {
    let Some(&newest) = window.times.last() else { return Finding::new(false, &[]) };
    let (now, then) = (mean_before(window, newest, width).mean, mean_before(window, newest - shift, width).mean);
    let change = now - then;
    let ratio = if change == 0.0 { 0.0 } else { 100.0 * change / then.abs() };
    let numbers = Numbers::of(&[("now", now), ("then", then), ("change", change), ("percent", ratio), ("limit", percent)]);
    Finding { verdict: Verdict::from_bool(ratio.abs() > percent), numbers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::detect::Scratch;

    const DAY: usize = 86_400;

    /// Ten days at 300 s: by day 100, by night 10, a little more each day.
    fn daily() -> (Vec<f64>, Vec<f64>) {
        let times: Vec<f64> = (0..10 * DAY / 300).map(|i| (i * 300) as f64).collect();
        let value = |t: &f64| (if t % 86_400.0 < 43_200.0 { 10.0 } else { 100.0 }) + (t / 86_400.0).floor() % 3.0;
        let values = times.iter().map(value).collect();
        (times, values)
    }

    fn judge(seasons: &Seasons, times: &[f64], values: &[f64]) -> Finding {
        let mut scratch = Scratch::default();
        seasons.judge(&mut Sight::new(Window { times, values }, 0.0, 86_400.0, &mut scratch))
    }

    #[test]
    fn a_night_in_the_day() {
        let (times, mut values) = daily();
        let quiet = judge(&Seasons::days(7), &times, &values);
        assert_eq!((quiet.verdict, quiet.numbers.get("seasons")), (Verdict::Normal, Some(7.0)));
        *values.last_mut().unwrap() = 10.0;
        let strange = judge(&Seasons::days(7), &times, &values);
        assert_eq!(strange.verdict, Verdict::Anomalous);
        assert_eq!(strange.numbers.get("usual"), Some(101.0));
        // Two days of a past are no habit.
        assert_eq!(judge(&Seasons::days(2), &times, &values).verdict, Verdict::Normal);
        assert_eq!(judge(&Seasons::weeks(4), &times, &values).numbers.get("seasons"), Some(1.0));
        assert_eq!(judge(&Seasons::days(7), &[], &[]).verdict, Verdict::Normal);
    }

    #[test]
    fn the_clock_changes() {
        // Berlin, 2024-04-01 12:00 (UTC+2): the day before also had 12:00, the days before that were UTC+1.
        let now = "2024-04-01T10:00:00Z".parse::<Timestamp>().unwrap().as_second() as f64;
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(Seasons::calendar(now, &zone, Span::new().days(1), 3).shifts, [86_400.0, 169_200.0, 255_600.0]);
        assert_eq!(Seasons::calendar(now, &TimeZone::UTC, Span::new().years(1), 2).shifts, [366.0 * 86_400.0, 731.0 * 86_400.0]);
        assert!(Seasons::calendar(f64::INFINITY, &zone, Span::new().days(1), 3).shifts.is_empty());
    }

    #[test]
    fn periods() {
        let (times, values) = (vec![0.0, 60.0, 86_400.0, 86_460.0], vec![10.0, 20.0, 30.0, 24.0]);
        let window = Window { times: &times, values: &values };
        let found = period_on_period(window, 86_400.0, 120.0, 50.0);
        assert_eq!((found.verdict, found.numbers.get("percent")), (Verdict::Anomalous, Some(80.0)));
        assert_eq!(period_on_period(window, 86_400.0, 120.0, 80.0).verdict, Verdict::Normal);
        // Nothing was there then.
        assert_eq!(period_on_period(window, 40_000.0, 120.0, 1.0).verdict, Verdict::Normal);
        assert_eq!(period_on_period(Window { times: &[], values: &[] }, 1.0, 1.0, 1.0).verdict, Verdict::Normal);
    }
}
