//! Dates as text: the one parser of the house. Lengths of time are `point`'s.
//!
//! | text | meaning |
//! | --- | --- |
//! | `1356998400` | up to ten characters: seconds; longer: milliseconds |
//! | `1356998400.5` | ten digits, a dot, up to three digits; the dot is dropped, the rest read as above |
//! | `1356998400500ms` | milliseconds, however long |
//! | `1h-ago`, `now` | before this moment |
//! | `2013/01/01`, `2013/01/01-00:05[:30]`, `2013/01/01 00:05[:30]` | in a time zone; month 13 and day 45 roll over |
//!
//! Source: recorded cases `time/*`; the calendar's leniency was compared with Java's `SimpleDateFormat`.

use super::RequestError;
use crate::point::duration;
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

const SECOND: i64 = 1_000;

/// What dates are relative to.
#[derive(Clone, Debug)]
pub struct Clock {
    /// This moment, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Zone of dates without one (`tsd.core.timezone`).
    pub zone: TimeZone,
}

/// A moment in milliseconds since the epoch. It may lie before the epoch.
pub fn parse_date(text: &str, zone_name: Option<&str>, clock: &Clock) -> Result<i64, RequestError> {
    if let Some(digits) = text.strip_suffix("ms").filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit())) {
        return parse_long(digits).map_err(RequestError::new);
    }
    let lower = text.to_lowercase();
    if lower == "now" {
        return Ok(clock.now_ms);
    }
    if lower.ends_with("-ago") {
        let length = text.get(..text.len() - 4).unwrap_or_default();
        return Ok(clock.now_ms.saturating_sub(parse_duration(length)?));
    }
    if text.contains(['/', ':']) { absolute(text, zone_name, clock) } else { epoch(text) }
}

fn epoch(text: &str) -> Result<i64, RequestError> {
    let invalid = |why: &str| RequestError::new(format!("Invalid time: {text}. {why}"));
    let mut digits = text.to_string();
    if let Some((seconds, millis)) = text.split_once('.') {
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if seconds.len() != 10 || !(1..=3).contains(&millis.len()) || !all_digits(seconds) || !all_digits(millis) {
            return Err(invalid(
                "Millisecond timestamps must be in the format <seconds>.<ms> where the milliseconds are limited to 3 digits",
            ));
        }
        digits = format!("{seconds}{millis}");
    }
    let time = parse_long(&digits).map_err(|why| invalid(&why))?;
    if time < 0 {
        return Err(invalid("Negative timestamps are not supported."));
    }
    Ok(if text.encode_utf16().count() <= 10 { time * SECOND } else { time })
}

/// A 64-bit integer with OpenTSDB's words for what is wrong.
fn parse_long(text: &str) -> Result<i64, String> {
    crate::point::number::parse_long(text).map_err(|e| e.to_string())
}

fn absolute(text: &str, zone_name: Option<&str>, clock: &Clock) -> Result<i64, RequestError> {
    let pattern: &[Mark] = match (text.encode_utf16().count(), text.contains('-')) {
        (10, _) => &DAY,
        (16, true) => {
            &[Mark::Field, Mark::Is('/'), Mark::Field, Mark::Is('/'), Mark::Field, Mark::Is('-'), Mark::Field, Mark::Is(':'), Mark::Field]
        }
        (16, false) => {
            &[Mark::Field, Mark::Is('/'), Mark::Field, Mark::Is('/'), Mark::Field, Mark::Is(' '), Mark::Field, Mark::Is(':'), Mark::Field]
        }
        (19, true) => &SECONDS_DASH,
        (19, false) => &SECONDS_BLANK,
        _ => return Err(RequestError::new(format!("Invalid absolute date: {text}"))),
    };
    let zone = match zone_name.filter(|name| !name.is_empty()) {
        Some(name) => zone(name).ok_or_else(|| RequestError::new(format!("Invalid timezone name: {name}")))?,
        None => clock.zone.clone(),
    };
    let unparseable = || RequestError::new(format!("Invalid date: {text}. Unparseable date: \"{text}\""));
    let fields = fields(text, pattern).ok_or_else(unparseable)?;
    let [year, month, day, hour, minute, second] = fields;
    instant(year, month, day, hour * 3_600 + minute * 60 + second, &zone).ok_or_else(unparseable)
}

#[derive(Clone, Copy)]
enum Mark {
    Field,
    Is(char),
}

const DAY: [Mark; 5] = [Mark::Field, Mark::Is('/'), Mark::Field, Mark::Is('/'), Mark::Field];
const SECONDS_DASH: [Mark; 11] = with_time('-');
const SECONDS_BLANK: [Mark; 11] = with_time(' ');

const fn with_time(between: char) -> [Mark; 11] {
    let f = Mark::Field;
    [f, Mark::Is('/'), f, Mark::Is('/'), f, Mark::Is(between), f, Mark::Is(':'), f, Mark::Is(':'), f]
}

/// Year, month, day, hour, minute, second. As in Java blanks may stand before a number, a number may have a minus, and what
/// follows the pattern is not looked at.
fn fields(text: &str, pattern: &[Mark]) -> Option<[i64; 6]> {
    let mut rest = text;
    let mut fields = [0; 6];
    let mut places = fields.iter_mut();
    for mark in pattern {
        match mark {
            Mark::Is(c) => rest = rest.strip_prefix(*c)?,
            Mark::Field => {
                rest = rest.trim_start_matches([' ', '\t']);
                let sign = if let Some(after) = rest.strip_prefix('-') {
                    rest = after;
                    -1
                } else {
                    1
                };
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let number: i64 = rest.get(..digits)?.parse().ok()?;
                rest = rest.get(digits..)?;
                *places.next()? = sign * number;
            }
        }
    }
    Some(fields)
}

/// A wall clock's moment. Hours that a zone skips count on from before; of repeated ones the later is meant.
fn instant(year: i64, month: i64, day: i64, seconds: i64, zone: &TimeZone) -> Option<i64> {
    let months = year.checked_mul(12)?.checked_add(month - 1)?;
    let first = civil::Date::new(i16::try_from(months.div_euclid(12)).ok()?, i8::try_from(months.rem_euclid(12) + 1).ok()?, 1).ok()?;
    let span = jiff::SignedDuration::from_secs((day - 1).checked_mul(86_400)?.checked_add(seconds)?);
    let wall = first.to_datetime(civil::Time::midnight()).checked_add(span).ok()?;
    let offset = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } => before,
        AmbiguousOffset::Fold { after, .. } => after,
    };
    Some(offset.to_timestamp(wall).ok()?.as_millisecond())
}

/// A time zone by its name in Java: the names of the tz database in their own case, and the old short ones.
pub fn zone(name: &str) -> Option<TimeZone> {
    let region = match name {
        "ACT" => "Australia/Darwin",
        "AET" => "Australia/Sydney",
        "AGT" => "America/Argentina/Buenos_Aires",
        "ART" => "Africa/Cairo",
        "AST" => "America/Anchorage",
        "BET" => "America/Sao_Paulo",
        "BST" => "Asia/Dhaka",
        "CAT" => "Africa/Harare",
        "CNT" => "America/St_Johns",
        "CST" => "America/Chicago",
        "CTT" => "Asia/Shanghai",
        "EAT" => "Africa/Addis_Ababa",
        "ECT" => "Europe/Paris",
        "IET" => "America/Indiana/Indianapolis",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "MIT" => "Pacific/Apia",
        "NET" => "Asia/Yerevan",
        "NST" => "Pacific/Auckland",
        "PLT" => "Asia/Karachi",
        "PNT" => "America/Phoenix",
        "PRT" => "America/Puerto_Rico",
        "PST" => "America/Los_Angeles",
        "SST" => "Pacific/Guadalcanal",
        "VST" => "Asia/Ho_Chi_Minh",
        "UTC" => return Some(TimeZone::UTC),
        "Factory" => return None,
        other => other,
    };
    let zone = TimeZone::get(region).ok()?;
    (zone.iana_name() == Some(region)).then_some(zone)
}

/// A length of time in milliseconds, as [`duration::parse_duration`] reads it.
pub fn parse_duration(text: &str) -> Result<i64, RequestError> {
    duration::parse_duration(text).map_err(RequestError::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_400_000_000_123;

    #[track_caller]
    fn check(text: &str, zone_name: &str, want: Result<i64, &str>) {
        let clock = Clock { now_ms: NOW, zone: TimeZone::UTC };
        let got = parse_date(text, Some(zone_name), &clock);
        assert_eq!(got.as_ref().copied().map_err(|e| e.message.as_str()), want, "{text}");
    }

    #[test]
    fn moments() {
        check("1356998400", "", Ok(1_356_998_400_000));
        check("13569984000", "", Ok(13_569_984_000));
        check("1356998400500", "", Ok(1_356_998_400_500));
        check("1356998400ms", "", Ok(1_356_998_400));
        check("1356998400.5", "", Ok(13_569_984_005));
        check("1356998400.500", "", Ok(1_356_998_400_500));
        check("+5", "", Ok(5_000));
        check("now", "", Ok(NOW));
        check("NOW", "", Ok(NOW));
        check("1h-ago", "", Ok(NOW - 3_600_000));
        check("30s-AGO", "", Ok(NOW - 30_000));
        check("500ms-ago", "", Ok(NOW - 500));
        check("1n-ago", "", Ok(NOW - 30 * 86_400_000));
        check("2y-ago", "", Ok(NOW - 730 * 86_400_000));
        check("2013/01/01", "", Ok(1_356_998_400_000));
        check("2013/01/01-00:05", "", Ok(1_356_998_700_000));
        check("2013/01/01 00:05", "", Ok(1_356_998_700_000));
        check("2013/01/01-00:05:30", "", Ok(1_356_998_730_000));
        check("2013/01/01 00:05:30", "", Ok(1_356_998_730_000));
        check("2013/13/45", "", Ok(1_392_336_000_000));
        check("2013/01/01-02:3x", "", Ok(1_357_005_780_000)); // what follows the pattern is not looked at
    }

    /// Java's `SimpleDateFormat` in America/New_York gave these.
    #[test]
    fn lenient_calendar() {
        let ny = "America/New_York";
        check("2013/01/01", ny, Ok(1_357_016_400_000));
        check("2013/1/01x", ny, Ok(1_357_016_400_000));
        check(" 2013/1/01", ny, Ok(1_357_016_400_000));
        check("2013/-1/01", ny, Ok(1_351_742_400_000));
        check("2013/ 1/01", ny, Ok(1_357_016_400_000));
        check("2013/1 /01", ny, Err("Invalid date: 2013/1 /01. Unparseable date: \"2013/1 /01\""));
        check("2013/01/-1", ny, Ok(1_356_843_600_000));
        check("2013/03/10-02:30", ny, Ok(1_362_900_600_000)); // skipped
        check("2013/11/03-01:30", ny, Ok(1_383_460_200_000)); // twice
        check("2013/01/01--1:30", ny, Ok(1_357_014_600_000));
        check("2013/01/01-00:00:-5", ny, Ok(1_357_016_395_000));
        check("2013/99/99-99:99:99", ny, Ok(1_623_400_839_000));
        check("2013/01/01 00:-1", ny, Err("Invalid date: 2013/01/01 00:-1. Unparseable date: \"2013/01/01 00:-1\""));
    }

    #[test]
    fn refused() {
        check("2013-01-01", "", Err("Invalid time: 2013-01-01. Invalid character '-' in 2013-01-01"));
        check("2013-01-01T00:00:00", "", Err("Invalid date: 2013-01-01T00:00:00. Unparseable date: \"2013-01-01T00:00:00\""));
        check("2013/1/1", "", Err("Invalid absolute date: 2013/1/1"));
        check("-5", "", Err("Invalid time: -5. Negative timestamps are not supported."));
        check("-", "", Err("Invalid time: -. Just a sign, no value: -"));
        check("12ab", "", Err("Invalid time: 12ab. Invalid character 'a' in 12ab"));
        check("99999999999999999999", "", Err("Invalid time: 99999999999999999999. Value too long: 99999999999999999999"));
        check("9999999999999999999", "", Err("Invalid time: 9999999999999999999. Overflow in 9999999999999999999"));
        check("0s-ago", "", Err("Zero or negative duration: 0s"));
        check("1x-ago", "", Err("Invalid duration (suffix): 1x"));
        check("5-ago", "", Err("Invalid duration, must have an integer and unit: 5"));
        check("-ago", "", Err("Cannot parse null or empty duration"));
        check("h-ago", "", Err("Invalid duration (number): h"));
        check("99999999999999999y-ago", "", Err("Duration must be < Long.MAX_VALUE ms: 99999999999999999y"));
        check("2013/01/01", "GMT+5", Err("Invalid timezone name: GMT+5"));
        check("2013/01/01", "america/new_york", Err("Invalid timezone name: america/new_york"));
    }

    #[test]
    fn zones() {
        for name in ["UTC", "Europe/Berlin", "Etc/GMT+5", "EST", "PST", "IST", "Asia/Kolkata", "US/Pacific", "GMT", "MST7MDT"] {
            assert!(zone(name).is_some(), "{name}");
        }
        for name in ["utc", "Nowhere/Land", "", "+05:00", "Factory", "../etc/passwd"] {
            assert!(zone(name).is_none(), "{name}");
        }
    }
}
