//! Silences (nobody is told) and maintenance windows (nothing is judged).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// For a time, some alerts are quiet. Times are seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Silence {
    /// Made of what it says; see [`Silence::with_id`].
    pub id: String,
    /// From when.
    pub start: i64,
    /// Until when, not included.
    pub end: i64,
    /// Rules by name, `*` stands for anything, `|` between several; empty: all.
    pub rule: String,
    /// Tags that the group must have: patterns like those of `rule`.
    pub tags: BTreeMap<String, String>,
    /// A maintenance window: nothing is judged, states stay as they are.
    pub maintenance: bool,
    /// Groups that go unknown meanwhile are dropped.
    pub forget: bool,
    /// Comes again every so many seconds (a day, a week); 0: once.
    pub every: i64,
    /// Who.
    pub user: String,
    /// Why.
    pub message: String,
}

/// Why a silence is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SilenceError {
    /// It ends before it begins.
    #[error("the end ({end}) must be after the start ({start})")]
    Reversed {
        /// Seconds.
        start: i64,
        /// Seconds.
        end: i64,
    },
    /// It would come again while it lasts.
    #[error("it lasts {lasts} s and comes again every {every} s")]
    Overlaps {
        /// Seconds.
        lasts: i64,
        /// Seconds.
        every: i64,
    },
}

impl Silence {
    /// Checked, and with the id that belongs to it: the same silence asked for twice is one.
    pub fn with_id(mut self) -> Result<Silence, SilenceError> {
        let lasts = self.end.saturating_sub(self.start);
        if lasts <= 0 {
            return Err(SilenceError::Reversed { start: self.start, end: self.end });
        }
        if self.every < 0 || self.every > 0 && self.every < lasts {
            return Err(SilenceError::Overlaps { lasts, every: self.every });
        }
        let tags: String = self.tags.iter().map(|(key, value)| format!("{key}={value},")).collect();
        let text = format!("{}|{}|{}|{tags}|{}|{}", self.start, self.end, self.rule, self.every, self.maintenance);
        self.id = crate::worker::ids::short(&text);
        Ok(self)
    }

    /// Until when it is in force at `now`; `None`: it is not.
    pub fn until(&self, now: i64) -> Option<i64> {
        let since = now.checked_sub(self.start).filter(|since| *since >= 0)?;
        let lasts = self.end.saturating_sub(self.start);
        let within = if self.every > 0 { since % self.every } else { since };
        (within < lasts).then(|| now.saturating_add(lasts - within))
    }

    /// Whether it will never be in force again.
    pub fn is_past(&self, now: i64) -> bool {
        self.every == 0 && self.end <= now
    }

    /// Whether it is meant for this rule and group.
    pub fn covers<'a>(&self, rule: &str, tag: impl Fn(&str) -> Option<&'a str>) -> bool {
        (self.rule.is_empty() || any_glob(&self.rule, rule))
            && self.tags.iter().all(|(key, pattern)| tag(key).is_some_and(|value| any_glob(pattern, value)))
    }
}

/// Of the silences in force for a group that which lasts longest.
pub fn longest<'s, 'a>(
    silences: impl IntoIterator<Item = &'s Silence>,
    now: i64,
    rule: &str,
    tag: impl Fn(&str) -> Option<&'a str>,
) -> Option<&'s Silence> {
    let live = silences.into_iter().filter_map(|silence| Some((silence.until(now)?, silence)));
    live.filter(|(_, silence)| silence.covers(rule, &tag)).max_by_key(|(until, _)| *until).map(|(_, silence)| silence)
}

/// Whether one of the patterns, `|` between them, matches.
pub fn any_glob(patterns: &str, text: &str) -> bool {
    patterns.split('|').any(|pattern| glob(pattern, text))
}

/// `*` stands for any run of bytes, `?` for one.
pub fn glob(pattern: &str, text: &str) -> bool {
    crate::point::glob::glob(pattern.as_bytes(), text.as_bytes())
}
