//! What a person does about an alert.

use super::policy::Policy;
use super::state::{Closing, Mark, NOTES_MAX, State};
use super::{Action, Change, Level};
use serde::{Deserialize, Serialize};

/// Longest text of a note, bytes.
pub const MESSAGE_BYTES_MAX: usize = 4_096;

/// The things a person can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// I take it: no more repeats and no escalation.
    Ack,
    /// It is done. While it is still bad: close it when it is normal, at the deadline in any case.
    Close {
        /// Seconds from now; `None`: two checks.
        within_s: Option<i64>,
    },
    /// Do not close it after all.
    CancelClose,
    /// Close it whatever its level is.
    ForceClose,
    /// The group will not come back. Only for what is unknown.
    Forget,
    /// Write something beside it.
    Note,
}

/// Why that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// There is no incident.
    #[error("nothing is open here")]
    NotOpen,
    /// Somebody has it.
    #[error("{0} has acknowledged it already")]
    Acknowledged(String),
    /// Only unknown groups are forgotten.
    #[error("only an unknown group can be forgotten, this one is {0}")]
    NotUnknown(&'static str),
    /// No close waits.
    #[error("no close waits here")]
    NoClose,
    /// The text is too long, or missing where it is needed.
    #[error("a note needs a text of 1 to {MESSAGE_BYTES_MAX} bytes")]
    Text,
}

/// The next state, and what is to be recorded. `now` and the text are in the mark.
///
/// # Errors
/// The state does not allow it; nothing changes then.
pub fn act(mut state: State, act: Act, mark: Mark, policy: &Policy) -> Result<(State, Vec<Action>), ActError> {
    if mark.message.len() > MESSAGE_BYTES_MAX || act == Act::Note && mark.message.trim().is_empty() {
        return Err(ActError::Text);
    }
    let level = state.level;
    let Some(incident) = &mut state.incident else {
        // What is unknown and silent has no incident.
        return match act {
            Act::Forget if level == Level::Unknown => Ok((State::default(), Vec::new())),
            _ => Err(ActError::NotOpen),
        };
    };
    let (id, start, now) = (incident.id.clone(), incident.start, mark.at);
    let change = match act {
        Act::Ack => {
            if let Some(by) = &incident.acknowledged {
                return Err(ActError::Acknowledged(by.user.clone()));
            }
            incident.acknowledged = Some(mark.clone());
            incident.need_ack = false;
            // Who takes it knows of it, told or not.
            incident.told = Some(incident.told.unwrap_or(incident.worst));
            incident.step = incident.step.max(1);
            Change::Acknowledged
        }
        Act::Close { within_s } if level > Level::Normal => {
            let within = within_s.unwrap_or(2 * policy.every_s).max(0);
            incident.closing = Some(Closing { mark: mark.clone(), deadline: now.saturating_add(within) });
            Change::CloseAsked
        }
        Act::Close { .. } | Act::ForceClose => {
            state.incident = None;
            Change::Closed
        }
        Act::CancelClose => {
            incident.closing.take().ok_or(ActError::NoClose)?;
            Change::CloseCancelled
        }
        Act::Forget if level == Level::Unknown => {
            state = State::default();
            Change::Forgotten
        }
        Act::Forget => return Err(ActError::NotUnknown(level.name())),
        Act::Note => Change::Noted,
    };
    if let Some(incident) = state.incident.as_mut().filter(|_| !mark.message.is_empty()) {
        incident.notes.push(mark.clone());
        let surplus = incident.notes.len().saturating_sub(NOTES_MAX);
        incident.notes.drain(..surplus);
    }
    Ok((state, vec![Action::Record { change, incident: id, level, at: now, mark: Some(mark), start }]))
}
