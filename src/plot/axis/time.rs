//! The time axis: which instants are written, and how. Right in every zone at every instant: local times come from the zone's
//! rules at that very instant, so days of 23 and 25 hours have their midnights where they are.
//!
//! A tick has one line of text, and where the day (or the year) changes a second one that says which it is.

use super::format::Pattern;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// Ticks on one axis, at most; a bound of the loops below.
const TICKS_MAX: usize = 200;
const DAY_MS: i64 = 86_400_000;

/// A mark on the time axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeTick {
    /// Milliseconds since the epoch.
    pub ms: i64,
    /// Its text.
    pub text: String,
    /// The day or year that begins here, or in which the axis begins.
    pub below: Option<String>,
}

/// Distance of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Milliseconds that divide a day, counted from local midnight.
    Clock(i64),
    Days(i64),
    /// Mondays.
    Weeks,
    Months(i64),
    Years(i64),
}

const STEPS: [(i64, Step); 35] = {
    use Step::{Clock, Days, Months, Weeks, Years};
    const S: i64 = 1000;
    const M: i64 = 60 * S;
    const H: i64 = 60 * M;
    const D: i64 = DAY_MS;
    const Y: i64 = 366 * D;
    [
        (1, Clock(1)),
        (10, Clock(10)),
        (100, Clock(100)),
        (500, Clock(500)),
        (S, Clock(S)),
        (2 * S, Clock(2 * S)),
        (5 * S, Clock(5 * S)),
        (10 * S, Clock(10 * S)),
        (15 * S, Clock(15 * S)),
        (30 * S, Clock(30 * S)),
        (M, Clock(M)),
        (2 * M, Clock(2 * M)),
        (5 * M, Clock(5 * M)),
        (10 * M, Clock(10 * M)),
        (15 * M, Clock(15 * M)),
        (30 * M, Clock(30 * M)),
        (H, Clock(H)),
        (2 * H, Clock(2 * H)),
        (3 * H, Clock(3 * H)),
        (6 * H, Clock(6 * H)),
        (12 * H, Clock(12 * H)),
        (D, Days(1)),
        (2 * D, Days(2)),
        (7 * D, Weeks),
        (15 * D, Days(15)),
        (31 * D, Months(1)),
        (61 * D, Months(2)),
        (92 * D, Months(3)),
        (183 * D, Months(6)),
        (Y, Years(1)),
        (2 * Y, Years(2)),
        (5 * Y, Years(5)),
        (10 * Y, Years(10)),
        (50 * Y, Years(50)),
        (100 * Y, Years(100)),
    ]
};

/// The ticks of an axis, at most about so many.
pub fn ticks(start_ms: i64, end_ms: i64, zone: &TimeZone, about: usize, pattern: Option<&Pattern>) -> Vec<TimeTick> {
    let raw = (end_ms.saturating_sub(start_ms)) / about.clamp(1, TICKS_MAX / 2) as i64;
    let step = STEPS.iter().find(|(ms, _)| *ms >= raw).map_or(Step::Years(1000), |(_, step)| *step);
    let instants = match step {
        Step::Clock(ms) => clock(start_ms, end_ms, zone, ms),
        _ => calendar(start_ms, end_ms, zone, step),
    };
    match pattern {
        Some(pattern) => instants.into_iter().map(|at| TimeTick { ms: ms(&at), text: pattern.time(&at), below: None }).collect(),
        None => texts(&instants, step),
    }
}

fn ms(at: &Zoned) -> i64 {
    at.timestamp().as_millisecond()
}

fn local(ms: i64, zone: &TimeZone) -> Option<Zoned> {
    Timestamp::from_millisecond(ms).ok().map(|at| at.to_zoned(zone.clone()))
}

/// Instants whose local time of day is a multiple of the step.
fn clock(start_ms: i64, end_ms: i64, zone: &TimeZone, step: i64) -> Vec<Zoned> {
    let mut out = Vec::new();
    let mut at = start_ms;
    for _ in 0..TICKS_MAX * 4 {
        if at > end_ms || out.len() >= TICKS_MAX {
            break;
        }
        let Some(zoned) = local(at, zone) else { break };
        let since_midnight = at.saturating_add(i64::from(zoned.offset().seconds()) * 1000).rem_euclid(DAY_MS);
        let over = since_midnight % step;
        let next = at.saturating_add(step - over);
        // Where the clocks are changed before that, it is looked again: local times jump there.
        let changed = zone.following(zoned.timestamp()).next().map(|change| change.timestamp().as_millisecond());
        at = changed.filter(|change| *change > at).map_or(next, |change| change.min(next));
        if over == 0 {
            out.push(zoned);
        }
    }
    out
}

/// Local midnights of certain days.
fn calendar(start_ms: i64, end_ms: i64, zone: &TimeZone, step: Step) -> Vec<Zoned> {
    let Some(start) = local(start_ms, zone) else { return Vec::new() };
    let mut day = first_day(start.date(), step);
    let mut out = Vec::new();
    for _ in 0..TICKS_MAX * 2 {
        // Where midnight does not exist, the day begins when the clocks have been put forward.
        let Ok(at) = day.to_zoned(zone.clone()) else { break };
        if ms(&at) > end_ms || out.len() >= TICKS_MAX {
            break;
        }
        if ms(&at) >= start_ms {
            out.push(at);
        }
        let Some(next) = next_day(day, step) else { break };
        day = next;
    }
    out
}

fn first_day(date: Date, step: Step) -> Date {
    let first = match step {
        Step::Months(months) => {
            let month = (i64::from(date.month()) - 1) / months * months + 1;
            Date::new(date.year(), month as i8, 1)
        }
        Step::Years(years) => Date::new((i64::from(date.year()) / years * years).max(1) as i16, 1, 1),
        Step::Weeks => date.checked_sub(SignedDuration::from_hours(24 * i64::from(date.weekday().to_monday_zero_offset()))),
        // Every second day of a month, or its 1st and 16th: each month begins anew.
        Step::Days(days) => Date::new(date.year(), date.month(), ((i64::from(date.day()) - 1) / days * days + 1) as i8),
        Step::Clock(_) => Ok(date),
    };
    first.unwrap_or(date)
}

fn next_day(day: Date, step: Step) -> Option<Date> {
    match step {
        Step::Clock(_) => day.tomorrow().ok(),
        Step::Weeks => day.checked_add(SignedDuration::from_hours(7 * 24)).ok(),
        Step::Months(months) => {
            let at = i64::from(day.year()) * 12 + i64::from(day.month()) - 1 + months;
            Date::new(i16::try_from(at / 12).ok()?, (at % 12 + 1) as i8, 1).ok()
        }
        Step::Years(years) => Date::new(i16::try_from(i64::from(day.year()) + years).ok()?, 1, 1).ok(),
        Step::Days(days) => {
            let next = day.checked_add(SignedDuration::from_hours(24 * days)).ok()?;
            let month_left = i64::from(day.days_in_month()) - i64::from(day.day());
            let too_near = month_left - days + 1 < days.min(2);
            if days > 1 && (next.month() != day.month() || too_near) { day.last_of_month().tomorrow().ok() } else { Some(next) }
        }
    }
}

fn texts(instants: &[Zoned], step: Step) -> Vec<TimeTick> {
    let mut last: Option<Date> = None;
    let mut out = Vec::with_capacity(instants.len());
    for at in instants {
        let date = at.date();
        let (text, below, changed) = match step {
            Step::Clock(step) => {
                let time = at.time();
                let mut text = format!("{:02}:{:02}", time.hour(), time.minute());
                if step < 60_000 {
                    text += &format!(":{:02}", time.second());
                }
                if step < 1000 {
                    text += &format!(".{:03}", time.millisecond());
                }
                (text, date.to_string(), last != Some(date))
            }
            Step::Days(_) | Step::Weeks => {
                let text = format!("{} {:02}-{:02}", weekday(date.weekday()), date.month(), date.day());
                let text = if matches!(step, Step::Days(15)) { format!("{:02}-{:02}", date.month(), date.day()) } else { text };
                (text, date.year().to_string(), last.is_none_or(|last| last.year() != date.year()))
            }
            Step::Months(_) => (format!("{:04}-{:02}", date.year(), date.month()), String::new(), false),
            Step::Years(_) => (format!("{:04}", date.year()), String::new(), false),
        };
        out.push(TimeTick { ms: ms(at), text, below: changed.then_some(below) });
        last = Some(date);
    }
    out
}

/// Three letters.
pub fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &TimeZone) -> i64 {
        let civil: jiff::civil::DateTime = text.parse().unwrap();
        civil.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond()
    }

    #[track_caller]
    fn check(zone: &str, from: &str, to: &str, about: usize, want: &[&str]) {
        let zone = TimeZone::get(zone).unwrap();
        let ticks = ticks(at(from, &zone), at(to, &zone), &zone, about, None);
        let got: Vec<String> =
            ticks.iter().map(|t| format!("{}{}", t.text, t.below.as_ref().map_or(String::new(), |b| format!("|{b}")))).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn from_seconds_to_years() {
        check(
            "UTC",
            "2026-11-25T10:00:00",
            "2026-11-25T10:00:20",
            5,
            &["10:00:00|2026-11-25", "10:00:05", "10:00:10", "10:00:15", "10:00:20"],
        );
        check("UTC", "2026-11-25T10:02:00", "2026-11-25T11:02:00", 5, &["10:15|2026-11-25", "10:30", "10:45", "11:00"]);
        check("UTC", "2026-11-25T20:00:00", "2026-11-26T08:00:00", 5, &["21:00|2026-11-25", "00:00|2026-11-26", "03:00", "06:00"]);
        check("UTC", "2026-12-30T12:00:00", "2027-01-03T12:00:00", 5, &["Thu 12-31|2026", "Fri 01-01|2027", "Sat 01-02", "Sun 01-03"]);
        check("UTC", "2026-11-05T00:00:00", "2026-12-01T00:00:00", 5, &["Mon 11-09|2026", "Mon 11-16", "Mon 11-23", "Mon 11-30"]);
        check("UTC", "2026-01-20T00:00:00", "2026-03-20T00:00:00", 5, &["02-01|2026", "02-16", "03-01", "03-16"]);
        check("UTC", "2025-11-05T00:00:00", "2026-11-05T00:00:00", 5, &["2026-01", "2026-04", "2026-07", "2026-10"]);
        check("UTC", "1999-06-05T00:00:00", "2026-11-05T00:00:00", 4, &["2000", "2010", "2020"]);
        check(
            "UTC",
            "2026-11-25T10:00:00.000",
            "2026-11-25T10:00:00.400",
            4,
            &["10:00:00.000|2026-11-25", "10:00:00.100", "10:00:00.200", "10:00:00.300", "10:00:00.400"],
        );
    }

    #[test]
    fn days_of_23_and_25_hours() {
        // Clocks go forward at 02:00 and back at 03:00.
        check(
            "Europe/Berlin",
            "2026-03-28T18:00:00",
            "2026-03-29T12:00:00",
            3,
            &["18:00|2026-03-28", "00:00|2026-03-29", "06:00", "12:00"],
        );
        check(
            "Europe/Berlin",
            "2026-10-24T18:00:00",
            "2026-10-25T12:00:00",
            4,
            &["18:00|2026-10-24", "00:00|2026-10-25", "06:00", "12:00"],
        );
        check("Europe/Berlin", "2026-10-25T01:00:00", "2026-10-25T04:00:00", 4, &["01:00|2026-10-25", "02:00", "02:00", "03:00", "04:00"]);
        // Midnight did not exist in Sao Paulo on 2018-11-04: the day began at 01:00.
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let days = ticks(at("2018-11-03T00:00:00", &zone), at("2018-11-05T12:00:00", &zone), &zone, 3, None);
        let lengths: Vec<i64> = days.windows(2).map(|d| (d[1].ms - d[0].ms) / 3_600_000).collect();
        assert_eq!(lengths, [24, 23], "{days:?}");
        // Zones of half and quarter hours.
        check("Asia/Kathmandu", "2026-11-25T10:10:00", "2026-11-25T12:10:00", 4, &["10:30|2026-11-25", "11:00", "11:30", "12:00"]);
        // A zone that changed its offset for good: every instant has the offset of its own time.
        check(
            "Asia/Pyongyang",
            "2018-05-04T22:00:00",
            "2018-05-05T03:00:00",
            5,
            &["22:00|2018-05-04", "23:00", "00:00|2018-05-05", "01:00", "02:00", "03:00"],
        );
    }

    #[test]
    fn any_range_has_few_ticks() {
        for span in (0..44).map(|power| 1i64 << power) {
            for start in [0, 1, 1_356_998_400_000, 1_764_000_000_123] {
                for zone in ["UTC", "Australia/Lord_Howe", "America/St_Johns"] {
                    let zone = TimeZone::get(zone).unwrap();
                    let got = ticks(start, start + span, &zone, 8, None);
                    assert!(got.len() <= 20, "{span} {start}: {}", got.len());
                    assert!(span < 1000 * 60 || got.len() >= 2, "{span} {start}: {got:?}");
                    assert!(got.is_sorted_by(|a, b| a.ms < b.ms) && got.iter().all(|t| (start..=start + span).contains(&t.ms)));
                }
            }
        }
        assert!(ticks(i64::MAX - 5, i64::MAX, &TimeZone::UTC, 5, None).is_empty());
        assert!(ticks(5, -5, &TimeZone::UTC, 5, None).is_empty());
    }
}
