//! Intervals of the calendar: where a bucket of days, weeks, months begins, and where the next one does.
//!
//! OpenTSDB steps a Java `GregorianCalendar`, and the steps, not a grid, decide: two weeks count from the first point, days
//! are stepped from the first of the month, and a midnight that daylight saving leaves out moves the days after it too.
//! So the same steps are made here. Recorded cases: `calendar/`.

use crate::query::plan::CalendarUnit;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

const DAY_MS: i64 = 86_400_000;

/// After every point there can be, in milliseconds: where an interval ends that is longer than the calendar (its last
/// year is 9999).
const NEVER: i64 = 1 << 60;

/// So many of a unit, in a time zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    count: i64,
    unit: CalendarUnit,
    zone: TimeZone,
}

impl Calendar {
    /// `count` is at least 1.
    pub fn new(count: u32, unit: CalendarUnit, zone: TimeZone) -> Calendar {
        Calendar { count: i64::from(count.max(1)), unit, zone }
    }

    /// The start of the interval that holds `ms`, by OpenTSDB's steps from the start of the unit above.
    pub fn floor(&self, ms: i64) -> i64 {
        let anchor = self.anchor(ms);
        if anchor == ms {
            return ms;
        }
        if let Some(length) = self.fixed_ms() {
            let steps = if anchor <= ms { (ms - anchor) / length + 1 } else { 0 };
            return anchor + (steps - 1) * length;
        }
        // Weeks are found one by one, whatever the count.
        let count = if self.unit == CalendarUnit::Week { 1 } else { self.count };
        let mut at = anchor;
        while at <= ms {
            at = match self.step(at, count) {
                NEVER => return at,
                next => next,
            };
        }
        self.add(at, -count)
    }

    /// The start of the interval after the one that starts at `ms`; [`NEVER`] beyond the end of the calendar.
    pub fn next(&self, ms: i64) -> i64 {
        self.step(ms, self.count)
    }

    /// A step forwards. One that does not get on would be tried for ever: it leads to [`NEVER`].
    fn step(&self, ms: i64, count: i64) -> i64 {
        let next = self.add(ms, count);
        if next > ms && next < NEVER { next } else { NEVER }
    }

    /// The start of the interval before the one that starts at `ms`.
    pub fn previous(&self, ms: i64) -> i64 {
        self.add(ms, -self.count)
    }

    /// Steps from `end` (the end of an interval) until the interval that holds `ms`; gives its start and end.
    pub fn advance(&self, start: i64, end: i64, ms: i64) -> (i64, i64) {
        let (mut start, mut end) = (start, end);
        if let (Some(length), true) = (self.fixed_ms(), ms >= end) {
            let steps = (ms - end) / length;
            (start, end) = (end + (steps - 1) * length, end + steps * length);
        }
        while ms >= end {
            (start, end) = (end, self.next(end));
        }
        (start, end)
    }

    /// The length, for units that are never longer or shorter.
    fn fixed_ms(&self) -> Option<i64> {
        let unit = match self.unit {
            CalendarUnit::Millisecond => 1,
            CalendarUnit::Second => 1_000,
            CalendarUnit::Minute => 60_000,
            CalendarUnit::Hour => 3_600_000,
            CalendarUnit::Day | CalendarUnit::Week | CalendarUnit::Month | CalendarUnit::Year => return None,
        };
        Some(self.count * unit)
    }

    /// Where the steps towards `ms` begin: the start of the next larger unit if the count divides it, else of one larger still.
    fn anchor(&self, ms: i64) -> i64 {
        let local = self.local(ms);
        let day = local.div_euclid(DAY_MS);
        let divides = |whole: i64| whole % self.count == 0;
        let floor_to = |length: i64| self.instant(local - local.rem_euclid(length));
        let year = || self.instant(first_of_year(day) * DAY_MS);
        let month = || self.instant(first_of_month(day) * DAY_MS);
        match self.unit {
            CalendarUnit::Millisecond if divides(1_000) => floor_to(1_000),
            CalendarUnit::Millisecond => floor_to(60_000),
            CalendarUnit::Second if divides(60) => floor_to(60_000),
            CalendarUnit::Second => floor_to(3_600_000),
            CalendarUnit::Minute if divides(60) => floor_to(3_600_000),
            CalendarUnit::Minute => floor_to(DAY_MS),
            CalendarUnit::Hour if divides(24) => floor_to(DAY_MS),
            CalendarUnit::Hour => month(),
            CalendarUnit::Day if self.count == 1 => month(),
            CalendarUnit::Week if divides_two(self.count) => self.instant((day - weekday(day)) * DAY_MS),
            CalendarUnit::Week => self.instant(same_week_of_january(day) * DAY_MS),
            CalendarUnit::Day | CalendarUnit::Month | CalendarUnit::Year => year(),
        }
    }

    /// Java's `add`: units up to an hour count elapsed time, longer ones keep the time of day.
    fn add(&self, ms: i64, count: i64) -> i64 {
        match self.unit {
            CalendarUnit::Millisecond => ms + count,
            CalendarUnit::Second => ms + count * 1_000,
            CalendarUnit::Minute => ms + count * 60_000,
            CalendarUnit::Hour => ms + count * 3_600_000,
            CalendarUnit::Day => self.add_days(ms, count),
            CalendarUnit::Week => self.add_days(ms, count * 7),
            CalendarUnit::Month => self.add_months(ms, count),
            CalendarUnit::Year => self.add_months(ms, count * 12),
        }
    }

    /// Keeps the time of day. If that does not exist on the day, the hour after it; it stays so for further steps.
    fn add_days(&self, ms: i64, days: i64) -> i64 {
        let offset = self.offset(ms);
        let moved = ms + days * DAY_MS;
        let change = offset - self.offset(moved);
        let adjusted = moved + change;
        let want_day = (ms + offset).div_euclid(DAY_MS) + days;
        if change != 0 && self.local(adjusted).div_euclid(DAY_MS) != want_day { moved } else { adjusted }
    }

    fn add_months(&self, ms: i64, months: i64) -> i64 {
        let local = self.local(ms);
        let (day, time) = (local.div_euclid(DAY_MS), local.rem_euclid(DAY_MS));
        let date = date_of(day);
        let month0 = i64::from(date.year()) * 12 + i64::from(date.month()) - 1 + months;
        let (Ok(year), Ok(month)) = (i16::try_from(month0.div_euclid(12)), i8::try_from(month0.rem_euclid(12) + 1)) else { return ms };
        let Ok(first) = Date::new(year, month, 1) else { return ms };
        let day_of_month = date.day().min(first.days_in_month());
        self.instant((days_of(first) + i64::from(day_of_month) - 1) * DAY_MS + time)
    }

    fn offset(&self, ms: i64) -> i64 {
        Timestamp::from_millisecond(ms).map_or(0, |at| i64::from(self.zone.to_offset(at).seconds()) * 1_000)
    }

    fn local(&self, ms: i64) -> i64 {
        ms + self.offset(ms)
    }

    /// The instant of a wall clock time; of two the later, and for one that does not exist as much later as the gap is long.
    fn instant(&self, local: i64) -> i64 {
        let later = || -> Option<i64> {
            let wall: DateTime = Offset::UTC.to_datetime(Timestamp::from_millisecond(local).ok()?);
            Some(self.zone.to_ambiguous_timestamp(wall).later().ok()?.as_millisecond())
        };
        later().unwrap_or(local)
    }
}

fn divides_two(count: i64) -> bool {
    2 % count == 0
}

/// Days since 1970-01-01 to a date; dates out of range give that day itself.
fn date_of(day: i64) -> Date {
    Timestamp::from_second(day.saturating_mul(86_400)).map_or(Date::constant(1970, 1, 1), |at| Offset::UTC.to_datetime(at).date())
}

fn days_of(date: Date) -> i64 {
    Offset::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).map_or(0, |at| at.as_second().div_euclid(86_400))
}

fn first_of_month(day: i64) -> i64 {
    day + 1 - i64::from(date_of(day).day())
}

fn first_of_year(day: i64) -> i64 {
    day + 1 - i64::from(date_of(day).day_of_year())
}

/// Days since Sunday: weeks begin on Sunday (recorded case `calendar/1wc-count-UTC`). 1970-01-01 was a Thursday.
fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

/// The Sunday of January's week that has the same number within the month as the week of `day`: what Java makes of setting
/// the month and the weekday and nothing else.
fn same_week_of_january(day: i64) -> i64 {
    let first = first_of_month(day);
    let weeks = (day - first + weekday(first)) / 7;
    let january = first_of_year(day);
    january - weekday(january) + 7 * weeks
}

#[cfg(test)]
mod tests {
    use super::*;
    use CalendarUnit::*;

    fn ms(zone: &str, wall: &str) -> i64 {
        wall.parse::<DateTime>().unwrap().to_zoned(TimeZone::get(zone).unwrap()).unwrap().timestamp().as_millisecond()
    }

    /// The interval that holds `at`, by its ends.
    fn check(count: u32, unit: CalendarUnit, zone: &str, at: &str, want: (&str, &str)) {
        let calendar = Calendar::new(count, unit, TimeZone::get(zone).unwrap());
        let start = calendar.floor(ms(zone, at));
        let got = (start, calendar.next(start));
        assert_eq!(got, (ms(zone, want.0), ms(zone, want.1)), "{count} {unit:?} in {zone} at {at}");
    }

    #[test]
    fn intervals() {
        let la = "America/Los_Angeles";
        check(1, Day, la, "2013-03-10T12:00", ("2013-03-10T00:00", "2013-03-11T00:00")); // 23 hours
        check(1, Day, "Asia/Kolkata", "2013-03-10T00:00", ("2013-03-10T00:00", "2013-03-11T00:00"));
        check(2, Day, "UTC", "2013-01-04T01:00", ("2013-01-03T00:00", "2013-01-05T00:00")); // from the top of the year
        check(1, Week, "UTC", "2013-01-01T00:00", ("2012-12-30T00:00", "2013-01-06T00:00")); // Sunday: calendar/1wc-count-UTC
        check(2, Week, "UTC", "2013-01-09T00:00", ("2013-01-06T00:00", "2013-01-20T00:00")); // calendar/2wc-sum-UTC
        check(3, Week, "UTC", "2013-05-16T00:00", ("2013-05-12T00:00", "2013-06-02T00:00"));
        check(1, Month, la, "2013-02-28T23:59:59", ("2013-02-01T00:00", "2013-03-01T00:00"));
        check(3, Month, "UTC", "2013-12-31T00:00", ("2013-10-01T00:00", "2014-01-01T00:00"));
        check(1, Year, "UTC", "2013-12-31T00:00", ("2013-01-01T00:00", "2014-01-01T00:00"));
        check(6, Hour, "UTC", "2013-01-01T07:00", ("2013-01-01T06:00", "2013-01-01T12:00"));
        check(6, Hour, la, "2013-03-10T07:30", ("2013-03-10T07:00", "2013-03-10T13:00")); // elapsed time across the change
        check(7, Minute, "UTC", "2013-01-01T01:00", ("2013-01-01T00:56", "2013-01-01T01:03")); // from the top of the day
        check(30, Minute, "Asia/Kolkata", "2013-01-01T01:31", ("2013-01-01T01:30", "2013-01-01T02:00"));
        check(250, Millisecond, "UTC", "2013-01-01T00:00:00.3", ("2013-01-01T00:00:00.250", "2013-01-01T00:00:00.500"));
        check(1, Day, "America/Sao_Paulo", "2013-10-20T12:00", ("2013-10-20T01:00", "2013-10-21T01:00")); // no midnight: the days drift
    }

    #[test]
    fn intervals_longer_than_the_calendar_end() {
        let at = ms("UTC", "2013-05-16T00:00");
        for (count, unit) in [(2_000_000_000, Month), (99_999, Year), (u32::MAX, Year), (u32::MAX, Week), (u32::MAX, Day), (u32::MAX, Hour)]
        {
            let calendar = Calendar::new(count, unit, TimeZone::UTC);
            let start = calendar.floor(at);
            let (from, to) = calendar.advance(start, calendar.next(start), at + DAY_MS);
            assert!(start <= at && from <= at && to > at + DAY_MS, "{count} {unit:?}: {start} {from} {to}");
        }
    }

    #[test]
    fn advance_finds_the_interval_of_a_later_point() {
        let days = Calendar::new(1, Day, TimeZone::UTC);
        assert_eq!(days.advance(0, DAY_MS, 5 * DAY_MS + 1), (5 * DAY_MS, 6 * DAY_MS));
        let hours = Calendar::new(2, Hour, TimeZone::UTC);
        assert_eq!(hours.advance(0, 7_200_000, 86_400_000), (86_400_000, 93_600_000));
        assert_eq!(hours.advance(0, 7_200_000, 7_200_000), (7_200_000, 14_400_000));
        assert_eq!(hours.advance(0, 7_200_000, 7_199_999), (0, 7_200_000));
    }
}
