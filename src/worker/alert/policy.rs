//! What a rule wants to happen with its alerts.

use super::Level;
use serde::{Deserialize, Serialize};

/// How alerts of a rule live. The defaults are those of open-falcon and Bosun where they agree, else the quieter.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// It must be bad for so many seconds before anybody is told.
    pub hold_s: i64,
    /// Most messages about one level of one incident. 0: the rule is mute, also about its end. 1: once.
    pub max_step: u32,
    /// Seconds between two messages about the same level.
    pub min_interval_s: i64,
    /// Seconds between two checks, for default deadlines.
    pub every_s: i64,
    /// A group that was not seen for so long is gone. 0: never.
    pub unknown_after_s: i64,
    /// What a gone group is.
    pub no_data: NoData,
    /// Tell when it is over.
    pub recovery: bool,
    /// An incident ends with its trouble. Otherwise a person closes it.
    pub auto_close: bool,
    /// Incidents wait for somebody who takes them; escalation needs it.
    pub need_ack: bool,
    /// Who hears of it when nobody takes it, in order of time.
    pub escalations: Vec<Escalation>,
    /// When coming and going counts as flapping.
    pub flap: Option<Flap>,
    /// Never an incident: a message for each broken check, at most one in so many seconds.
    pub log_every_s: Option<i64>,
}

impl Policy {
    /// Whether something is said about groups that are gone: then they must be known.
    pub fn misses_groups(&self) -> bool {
        self.unknown_after_s > 0 && matches!(self.no_data, NoData::Level(_) | NoData::Silent)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            hold_s: 0,
            max_step: 1,
            min_interval_s: 300,
            every_s: 60,
            unknown_after_s: 0,
            no_data: NoData::Keep,
            recovery: true,
            auto_close: true,
            need_ack: false,
            escalations: Vec::new(),
            flap: None,
            log_every_s: None,
        }
    }
}

/// What a group that is gone is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoData {
    /// Nothing: its state stays.
    Keep,
    /// Normal (Bosun's `unknownIsNormal`).
    Normal,
    /// A level of its own, with messages.
    Level(Level),
    /// Unknown, shown and without messages (Bosun's `ignoreUnknown`).
    Silent,
}

/// Others are told after a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Seconds since people were first told of its worst level, not acknowledged.
    pub after_s: i64,
    /// Receivers, by name.
    pub to: Vec<String>,
}

/// Coming and going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flap {
    /// So many changes between normal and not normal ...
    pub changes: usize,
    /// ... within so many seconds.
    pub within_s: i64,
    /// It has settled after so many seconds without a change.
    pub quiet_s: i64,
}
