//! A rule over stored history: what would have happened, and who would have been told.

use super::alert::{Action, Kind, Level, Moment, Policy, State, Verdict, step};
use super::detect::Settings as Skyline;
use super::evaluate::{Check, Judged, Trouble, policy};
use super::habits::Habits;
use super::house::House;
use super::messages::series_name;
use super::records::{Tags, alert_id};
use super::rule::model::{Rule, RuleSet};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Most checks of one replay.
pub const CHECKS_MAX: i64 = 100_000;
/// Most lines of one replay.
pub const LINES_MAX: usize = 10_000;

/// Something that would have happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Seconds.
    pub at: i64,
    /// The metric, or what stands for it, and the group.
    pub name: String,
    /// The group.
    pub tags: Tags,
    /// A change of the incident (`opened`, `worse`, `normal`, ...), or `notice`.
    pub what: String,
    /// The level then.
    pub level: Level,
    /// Why a notice would have been sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The number behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The condition and what was found.
    pub text: String,
}

/// What a replay gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Replay {
    /// Checks that were made.
    pub checks: i64,
    /// Checks that could not be made, and why the last of them could not.
    pub failed: i64,
    /// See `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// In order of time.
    pub lines: Vec<Line>,
    /// There are more lines than these.
    pub cut: bool,
    /// The groups as they were at the end: name, level, value, text.
    pub groups: Vec<Group>,
}

/// One group at the end of a replay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The metric and the group.
    pub name: String,
    /// The group.
    pub tags: Tags,
    /// The level; `None`: too few points to say.
    pub level: Option<Level>,
    /// The number behind it.
    pub value: Option<f64>,
    /// The condition and what was found.
    pub text: String,
}

/// Why there is no replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// Too many checks.
    #[error("from {start} to {end} the rule is checked {checks} times, at most {CHECKS_MAX} are replayed")]
    TooLong {
        /// Seconds.
        start: i64,
        /// Seconds.
        end: i64,
        /// How many.
        checks: i64,
    },
    /// Nobody answers.
    #[error("{0}")]
    Away(String),
    /// Nobody waits any more.
    #[error("the replay was stopped")]
    Stopped,
}

/// Replays a rule from `start` to `end`, seconds, at the times at which it would have been checked. `progress` is told
/// how many checks of how many are done, and may end it.
///
/// # Errors
/// Too many checks, or the store does not answer.
pub fn replay(
    house: &dyn House,
    set: &RuleSet,
    skyline: &Skyline,
    rule: &Rule,
    (start, end): (i64, i64),
    progress: &mut dyn FnMut(i64, i64) -> ControlFlow<()>,
) -> Result<Replay, ReplayError> {
    let policy = policy(rule);
    let every = policy.every_s;
    let first = start.div_euclid(every) * every + if start.rem_euclid(every) == 0 { 0 } else { every };
    let checks = if end < first { 0 } else { (end - first) / every + 1 };
    if checks > CHECKS_MAX {
        return Err(ReplayError::TooLong { start, end, checks });
    }
    let (mut out, habits) = (Replay::default(), Habits::default());
    let mut states: BTreeMap<String, (State, Judged)> = BTreeMap::new();
    for check in 0..checks {
        if progress(check, checks).is_break() {
            return Err(ReplayError::Stopped);
        }
        let now = first + check * every;
        let delay = i64::try_from(rule.schedule.delay.as_secs()).unwrap_or(0);
        if rule.schedule.active.as_ref().is_some_and(|hours| !hours.contains(now)) {
            continue;
        }
        out.checks += 1;
        match (Check { house, set, skyline, habits: &habits, alerts: None, now: now - delay }).run(rule) {
            Ok(judged) => round(&mut out, &mut states, judged, now, &policy, &rule.name),
            Err(Trouble::Away(why)) => return Err(ReplayError::Away(why)),
            Err(Trouble::Rule(why)) => (out.failed, out.why) = (out.failed + 1, Some(why)),
        }
    }
    let _ = progress(checks, checks);
    out.groups = states.into_values().map(|(_, judged)| group(judged)).collect();
    Ok(out)
}

fn group(judged: Judged) -> Group {
    let (level, value) = match judged.verdict {
        Verdict::Decided { level, value, .. } => (Some(level), value),
        _ => (None, None),
    };
    Group { name: series_name(&judged.metric, &judged.tags), tags: judged.tags, level, value, text: judged.text }
}

fn round(out: &mut Replay, states: &mut BTreeMap<String, (State, Judged)>, judged: Vec<Judged>, now: i64, policy: &Policy, rule: &str) {
    let mut judged: BTreeMap<String, Judged> = judged.into_iter().map(|one| (alert_id(rule, &one.tags), one)).collect();
    for (id, (_, last)) in states.iter() {
        if !judged.contains_key(id) {
            judged.insert(id.clone(), Judged { verdict: Verdict::Gone, ..last.clone() });
        }
    }
    for (id, one) in judged {
        let state = states.remove(&id).map(|(state, _)| state).unwrap_or_default();
        let (state, actions) = step(state, &one.verdict, &Moment { now, key: &id, ..Moment::default() }, policy);
        for action in actions {
            let (what, level, kind, value) = match action {
                Action::Notify(call) => ("notice".to_owned(), call.level, Some(call.kind), call.value),
                Action::Record { change, level, .. } => {
                    let word = serde_json::to_value(change).ok().and_then(|word| word.as_str().map(str::to_owned));
                    (word.unwrap_or_default(), level, None, state.value)
                }
            };
            if out.lines.len() == LINES_MAX {
                out.cut = true;
                break;
            }
            let (name, tags, text) = (series_name(&one.metric, &one.tags), one.tags.clone(), one.text.clone());
            out.lines.push(Line { at: now, name, tags, what, level, kind, value, text });
        }
        states.insert(id, (state, one));
    }
}
