//! The life of an alert: from the first broken check to the last word about it.
//!
//! | part | what it says |
//! | --- | --- |
//! | [`state`] | what is remembered of one rule and one group between two checks |
//! | [`policy`] | what a rule wants: repeats, recovery, acknowledging, escalation, damping |
//! | [`step`] | one check: state and verdict give the next state and what is to be done |
//! | [`act`] | what a person does: acknowledge, close, forget, note |
//! | [`silence`] | silences and maintenance windows |
//! | [`merge`] | many low messages become one |
//!
//! Pure: no clock, no table, no network. One principle decides what is sent: people are told when what they were last
//! told is no longer so, and nothing holds them back from hearing it (silence, damping, a dependency).
//! Sources: kit worker SPEC c.3 to c.5 (open-falcon), d.1 and d.2 (Bosun), a.4 (Skyline).

pub mod act;
pub mod merge;
pub mod policy;
pub mod silence;
pub mod state;
pub mod step;

pub use act::{Act, ActError, act};
pub use policy::{Escalation, Flap, NoData, Policy};
pub use silence::Silence;
pub use state::{Incident, Mark, State};
pub use step::{Moment, step};

use serde::{Deserialize, Serialize};

/// How bad it is. Unknown is above critical: who does not know must assume the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing is wrong.
    #[default]
    Normal,
    /// Somebody should look.
    Warning,
    /// Somebody must look.
    Critical,
    /// A group that was there is gone.
    Unknown,
}

impl Level {
    /// As it is written in messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Level::Normal => "normal",
            Level::Warning => "warning",
            Level::Critical => "critical",
            Level::Unknown => "unknown",
        }
    }
}

/// What one check says of one group.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The condition was decided.
    Decided {
        /// How bad it is.
        level: Level,
        /// The number behind it, if there is one.
        value: Option<f64>,
        /// Time of the newest point that was judged, seconds.
        at: i64,
        /// Time of the oldest point of the window; a repeat needs it to be newer than the last message
        /// (open-falcon: no point is used twice). `None`: repeats go by time alone.
        oldest: Option<i64>,
    },
    /// The group was there before and is not in the answer now.
    Gone,
    /// Too few points to say anything: nothing changes.
    Undecided,
    /// Not to be judged now (a dependency is broken, maintenance, outside the rule's hours): frozen.
    Unevaluated,
    /// Nothing could be read: the store is away, or the rule failed. Frozen; the one message about it is the runner's.
    Blind,
}

impl Verdict {
    /// A decided verdict without a window.
    pub fn decided(level: Level, value: f64, at: i64) -> Verdict {
        Verdict::Decided { level, value: Some(value), at, oldest: None }
    }
}

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something is wrong, became worse, or still is.
    Alert,
    /// It is over.
    Recovery,
    /// A group is gone.
    Unknown,
    /// Nobody took care in time: others are told.
    Escalation,
    /// It comes and goes; messages stop until it settles.
    Flapping,
    /// A person did something that others should hear of.
    Action,
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum To {
    /// Those that the rule names for this level.
    Level(Level),
    /// These, by name.
    Named(Vec<String>),
}

/// A message that is to be sent. What it says is made of the state it comes with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Stable: the same message sent again has the same id.
    pub id: String,
    /// Why.
    pub kind: Kind,
    /// The level it is about: that of the trouble, also for a recovery.
    pub level: Level,
    /// Which message about this level, from 1.
    pub step: u32,
    /// The number behind it.
    pub value: Option<f64>,
    /// Time of the newest point, or of the act, seconds.
    pub at: i64,
    /// Receivers.
    pub to: To,
}

/// What happened, for the history and for notes on the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// An incident began.
    Opened,
    /// The level rose.
    Worse,
    /// The level fell and is not normal yet.
    Better,
    /// Back to normal.
    Normal,
    /// The incident ended.
    Closed,
    /// A person took it.
    Acknowledged,
    /// It will close when it is normal.
    CloseAsked,
    /// It will not.
    CloseCancelled,
    /// A person wrote something.
    Noted,
    /// The group was dropped.
    Forgotten,
}

/// What is to be done after a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send a message.
    Notify(Call),
    /// Write down what happened.
    Record {
        /// What.
        change: Change,
        /// Of which incident.
        incident: String,
        /// The level then.
        level: Level,
        /// When, seconds.
        at: i64,
        /// By whom and why, if it was a person.
        mark: Option<Mark>,
        /// When the incident began.
        start: i64,
    },
}

#[cfg(test)]
mod tests;
