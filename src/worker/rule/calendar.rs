//! When: hours of a day, days of a week, and maintenance windows.

use super::model::Place;
use super::scope::{Match, Pattern};
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Hours of some days of the week, in one zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    /// Minute of the day, from 0.
    pub from: u16,
    /// Minute of the day; this whole minute still belongs to it. Smaller than `from`: over midnight.
    pub to: u16,
    /// The days on which it begins; never empty.
    pub days: Vec<Weekday>,
    /// Whose hours.
    pub zone: TimeZone,
}

impl Hours {
    /// Whether the instant lies inside. Both ends are inside; over midnight, only what lies between both is out
    /// (open-falcon's run window).
    pub fn contains(&self, seconds: i64) -> bool {
        let Ok(instant) = Timestamp::from_second(seconds) else { return false };
        let local = instant.to_zoned(self.zone.clone());
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = local.weekday();
        let begins = |day: Weekday| self.days.contains(&day);
        if self.from <= self.to {
            return begins(today) && (self.from..=self.to).contains(&minute);
        }
        (begins(today) && minute >= self.from) || (begins(today.previous()) && minute <= self.to)
    }
}

/// When a maintenance window is.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Once: seconds, both ends inside.
    Once {
        /// First second.
        from: i64,
        /// Last second.
        to: i64,
    },
    /// Again and again.
    Weekly(Hours),
}

/// What is left out in a maintenance window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaintenanceAction {
    /// Rules are evaluated, and nobody is told.
    Silence,
    /// Nothing is evaluated; open alerts stay as they are.
    Skip,
}

/// A maintenance window.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    /// Unique over all files.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// When.
    pub when: When,
    /// Names of rules; all when empty.
    pub rules: Vec<Pattern>,
    /// Series of which one of these holds; all when empty.
    pub any: Vec<Match>,
    /// What is left out.
    pub action: MaintenanceAction,
    /// For people.
    pub note: String,
}

impl Maintenance {
    /// Whether a group of a rule is in maintenance now.
    pub fn covers(&self, rule: &str, tags: &BTreeMap<String, String>, now: i64) -> bool {
        self.is_on(now)
            && (self.rules.is_empty() || self.rules.iter().any(|p| p.matches(rule)))
            && (self.any.is_empty() || self.any.iter().any(|m| m.holds(tags)))
    }

    /// Whether the time is in it.
    pub fn is_on(&self, now: i64) -> bool {
        match &self.when {
            When::Once { from, to } => (*from..=*to).contains(&now),
            When::Weekly(hours) => hours.contains(now),
        }
    }
}

/// `08:00` as the minute of the day.
pub fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| part.parse::<u16>().ok().filter(|_| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()));
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// `mon`, `mon-fri`, `fri-mon`: the days that are meant, in order.
pub fn days_of(text: &str) -> Option<Vec<Weekday>> {
    let day = |name: &str| DAYS.iter().position(|(short, _)| name.eq_ignore_ascii_case(short));
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (day(first.trim())?, day(last.trim())?),
        None => (day(text)?, day(text)?),
    };
    let count = (last + 7 - first) % 7 + 1;
    Some(DAYS.iter().cycle().skip(first).take(count).map(|(_, day)| *day).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str, days: &str) -> Hours {
        Hours { from: minute_of(from).unwrap(), to: minute_of(to).unwrap(), days: days_of(days).unwrap(), zone: TimeZone::UTC }
    }

    fn check(h: &Hours, at: &str, want: bool) {
        assert_eq!(h.contains(at.parse::<Timestamp>().unwrap().as_second()), want, "{at}");
    }

    #[test]
    fn hours_of_days() {
        let day = hours("08:00", "20:00", "mon-fri");
        check(&day, "2026-11-25T08:00:00Z", true); // a Wednesday
        check(&day, "2026-11-25T20:00:59Z", true);
        check(&day, "2026-11-25T20:01:00Z", false);
        check(&day, "2026-11-28T12:00:00Z", false);
        let night = hours("22:00", "06:00", "fri");
        check(&night, "2026-11-27T22:00:00Z", true);
        check(&night, "2026-11-28T06:00:30Z", true);
        check(&night, "2026-11-28T06:01:00Z", false);
        check(&night, "2026-11-27T05:00:00Z", false);
    }

    #[test]
    fn texts() {
        assert_eq!(minute_of("23:59"), Some(1439));
        for wrong in ["24:00", "8:00", "0800", "08:60", "+8:00", ""] {
            assert_eq!(minute_of(wrong), None, "{wrong}");
        }
        assert_eq!(days_of("sat-mon").unwrap().len(), 3);
        assert_eq!(days_of("Sun"), Some(vec![Weekday::Sunday]));
        assert_eq!(days_of("someday"), None);
    }
}
