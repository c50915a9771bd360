//! What is remembered of one rule and one group.

use super::Level;
use serde::{Deserialize, Serialize};

/// Most changes that are remembered for damping.
pub const CHANGES_MAX: usize = 64;
/// Most notes of one incident.
pub const NOTES_MAX: usize = 100;

/// One rule and one group, between two checks. All times are seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// As the last decided check said.
    pub level: Level,
    /// The number behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Since when it has this level.
    pub since: i64,
    /// When it was last decided.
    pub seen: i64,
    /// What is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// When it went from normal to not normal or back, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<i64>,
    /// It comes and goes.
    #[serde(skip_serializing_if = "is_false")]
    pub flapping: bool,
    /// Nothing can be read at the moment: the level is that of before.
    #[serde(skip_serializing_if = "is_false")]
    pub blind: bool,
    /// Last message of a rule that only logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged: Option<i64>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// An incident: from the first broken check until it is closed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Incident {
    /// Stable and unique: rule and group as a hash, and the start.
    pub id: String,
    /// When it began.
    pub start: i64,
    /// The highest level so far.
    pub worst: Level,
    /// Since when it has been that bad; once people were told, since then.
    pub worst_since: i64,
    /// The last level that was not normal.
    pub last: Level,
    /// Messages about the worst level.
    pub step: u32,
    /// All messages, for their ids.
    pub messages: u32,
    /// Point time of the last message about its level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message: Option<i64>,
    /// What people were last told; `None`: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<Level>,
    /// Waits for somebody who takes it.
    pub need_ack: bool,
    /// Who took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Mark>,
    /// How many escalations were sent since the worst level was reached.
    pub escalated: usize,
    /// A person asked to close it when it is normal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
    /// It began in a silence, and nobody was told since.
    pub silenced: bool,
    /// People were told that it comes and goes.
    #[serde(skip_serializing_if = "is_false")]
    pub told_flapping: bool,
    /// What people wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Mark>,
}

impl Incident {
    /// The id of its next message.
    pub fn next_id(&mut self) -> String {
        self.messages += 1;
        format!("{}.{}", self.id, self.messages)
    }
}

/// Somebody did or said something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who, as they said.
    pub user: String,
    /// When.
    pub at: i64,
    /// Why.
    pub message: String,
}

/// A close that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Who asked.
    pub mark: Mark,
    /// Then it closes whatever its level is.
    pub deadline: i64,
}

impl State {
    /// Whether it must be kept: something is open, bad or unsettled.
    pub fn is_worth_keeping(&self) -> bool {
        self.level != Level::Normal || self.incident.is_some() || self.flapping || !self.changes.is_empty() || self.logged.is_some()
    }

    /// Every time is moved by what the clock jumped, and none may lie behind `now`: timers neither fire all at once nor
    /// wait for a time that was set by a wrong clock.
    pub fn anchor(&mut self, now: i64, jump: i64) {
        let fix = |time: &mut i64| *time = time.saturating_add(jump).min(now);
        fix(&mut self.since);
        fix(&mut self.seen);
        self.changes.iter_mut().for_each(fix);
        self.logged.iter_mut().for_each(fix);
        if let Some(incident) = &mut self.incident {
            fix(&mut incident.worst_since);
            incident.last_message.iter_mut().for_each(fix);
            if let Some(closing) = &mut incident.closing {
                closing.deadline = closing.deadline.saturating_add(jump);
            }
        }
    }
}
