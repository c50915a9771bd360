//! One change of one alert: a verdict becomes a state and messages, and both get into the table in one record.

use super::alert::{Action, Level, Moment, Verdict, silence, step};
use super::book::{Entry, Scene};
use super::evaluate::Judged;
use super::ids;
use super::messages::Plan;
use super::records::{Alert, Event, Pending, bytes, put_alert, remember};
use crate::desk::{DeskError, VALUE_BYTES_MAX};

/// A record in the table follows values that change this often, seconds; levels and incidents at once.
const VALUE_AGE_S: i64 = 60;
/// Messages of one alert that may wait: a receiver that is away for hours.
const OUTBOX_MAX: usize = 1_000;

/// What came of a change: the entry, messages, events.
pub(super) type Changed = (Entry, Vec<Pending>, Vec<Event>);

/// The next entry with the messages and events that came of it; `None`: the table holds something else by now.
pub(super) fn change(
    plan: &Plan,
    id: &str,
    entry: &Entry,
    judged: Option<&Judged>,
    verdict: Option<&Verdict>,
    scene: &Scene<'_>,
) -> Result<Option<Changed>, DeskError> {
    let mut next = entry.clone();
    let alert = &mut next.alert;
    if let Some(judged) = judged {
        (alert.rule, alert.tags, alert.metric) = (plan.name.clone(), judged.tags.clone(), judged.metric.clone());
        (alert.priority, alert.every, alert.max_step) = (plan.priority, plan.policy.every_s, Some(plan.policy.max_step));
        alert.tsuids.clone_from(&judged.tsuids);
        if !judged.queries.is_empty() {
            alert.queries.clone_from(&judged.queries);
        }
        if alert.text != judged.text && matches!(judged.verdict, Verdict::Decided { .. }) {
            alert.text.clone_from(&judged.text);
        }
    }
    let quiet = quiet(plan, alert, scene);
    let verdict = judged.map(|judged| &judged.verdict).or(verdict).unwrap_or(&Verdict::Undecided);
    let verdict = if quiet == Quiet::Skip { &Verdict::Unevaluated } else { verdict };
    let key = incident_key(plan, id);
    let moment = Moment { now: scene.now, jump: scene.jumps - entry.jumps, silenced: matches!(quiet, Quiet::Silent(_)), key: &key };
    if alert.state.incident.is_none() {
        alert.channels.clear();
    }
    let (state, actions) = step(std::mem::take(&mut alert.state), verdict, &moment, &plan.policy);
    alert.state = state;
    if quiet == Quiet::Silent(true) && alert.state.level == Level::Unknown {
        alert.state = super::alert::State { seen: alert.state.seen, ..Default::default() };
    }
    next.jumps = scene.jumps;
    let (messages, events) = take_actions(plan, alert, actions, scene);
    fit(id, alert)?;
    let same = same_but_for_time(&entry.alert, alert);
    let due = alert.state.is_worth_keeping() && scene.now - entry.put_at >= VALUE_AGE_S;
    if same && (entry.stored.is_none() || !due) {
        return Ok(Some((next, messages, events)));
    }
    alert.version = entry.alert.version + 1;
    if !put_alert(scene.desk, id, entry.stored.as_deref(), alert)? {
        return Ok(None);
    }
    let kept = alert.state.is_worth_keeping() || !alert.outbox.is_empty();
    next.stored = if kept { Some(bytes(&next.alert)?) } else { None };
    next.put_at = scene.now;
    if let Err(error) = remember(scene.desk, &events) {
        tracing::warn!("history is not written: {error}");
    }
    Ok(Some((next, messages, events)))
}

/// The oldest messages of an alert go where its record would hold too many of them: the receiver has been away for long.
pub(super) fn fit(id: &str, alert: &mut Alert) -> Result<(), DeskError> {
    let before = alert.outbox.len();
    alert.outbox.drain(..before.saturating_sub(OUTBOX_MAX));
    while !alert.outbox.is_empty() && bytes(alert)?.len() > VALUE_BYTES_MAX {
        alert.outbox.drain(..alert.outbox.len().div_ceil(4));
    }
    let surplus = before - alert.outbox.len();
    if surplus > 0 {
        tracing::error!(id, "{surplus} messages of one alert are given up: more wait than its record holds (OUTBOX_MAX, VALUE_BYTES_MAX)");
    }
    Ok(())
}

/// The same for every incident of a rule and a group.
pub(super) fn incident_key(plan: &Plan, id: &str) -> String {
    let short = |text: &str| ids::short(text).get(..8).unwrap_or_default().to_owned();
    format!("{}-{}", short(&plan.name), short(id))
}

/// Silences and maintenance windows over a group; of several silences the longest.
fn quiet(plan: &Plan, alert: &Alert, scene: &Scene<'_>) -> Quiet {
    let tags = &alert.tags;
    let tag = |key: &str| tags.get(key).map(String::as_str);
    match silence::longest(scene.silences.iter(), scene.now, &plan.name, tag) {
        Some(silence) if silence.maintenance => Quiet::Skip,
        Some(silence) => Quiet::Silent(silence.forget),
        None if (scene.quiet)(&plan.name, tags) => Quiet::Silent(false),
        None => Quiet::No,
    }
}

/// Messages go into the outbox; gives them, and what is to be remembered.
fn take_actions(plan: &Plan, alert: &mut Alert, actions: Vec<Action>, scene: &Scene<'_>) -> (Vec<Pending>, Vec<Event>) {
    let (first, mut events) = (alert.outbox.len(), Vec::new());
    for action in actions {
        match action {
            Action::Notify(call) => drop(plan.add(&call, alert, scene.worker, scene.now, scene.author)),
            Action::Record { change, incident, level, at, mark, start } => events.push(Event {
                at,
                change,
                incident,
                start,
                rule: plan.name.clone(),
                tags: alert.tags.clone(),
                metric: alert.metric.clone(),
                level,
                value: alert.state.value,
                text: alert.text.clone(),
                mark,
            }),
        }
    }
    (alert.outbox.get(first..).unwrap_or_default().to_vec(), events)
}

/// How quiet a group is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quiet {
    No,
    Skip,
    /// And whether unknown groups are forgotten.
    Silent(bool),
}

/// Whether nothing changed that somebody would want to know at once.
fn same_but_for_time(before: &Alert, after: &Alert) -> bool {
    let plain = |alert: &Alert| {
        let mut state = alert.state.clone();
        (state.seen, state.value, state.since, state.blind) = (0, None, 0, false);
        state
    };
    before.state.level == after.state.level && before.outbox == after.outbox && plain(before) == plain(after)
}
