//! Alerts in this worker's memory, and how they get into the table: a verdict becomes a state and messages, both are
//! written down in one record, and only then is anything sent.
//!
//! All groups that were seen are here, also the normal ones; in the table stand those that are open or unsettled.

use super::alert::{Action, Level, Moment, Silence, Verdict, silence, step};
use super::evaluate::Judged;
use super::ids;
use super::messages::{Author, Plan};
use super::records::{ALERT, Alert, Event, Pending, alert_id, all, bytes, one, put_alert, remember};
use crate::desk::{Desk, DeskError};
use std::collections::BTreeMap;

/// A record in the table follows values that change this often, seconds; levels and incidents at once.
const VALUE_AGE_S: i64 = 60;
/// Groups of one rule that are remembered.
pub const GROUPS_MAX: usize = 100_000;
/// Messages of one alert that may wait: a receiver that is away for hours.
const OUTBOX_MAX: usize = 1_000;

/// One alert.
#[derive(Clone, Debug, Default)]
struct Entry {
    alert: Alert,
    /// What stands in the table, if anything does.
    stored: Option<Vec<u8>>,
    /// When it was put last.
    put_at: i64,
    /// Jumps of the clock that it knows of.
    jumps: i64,
}

/// What surrounds a change.
pub struct Scene<'a> {
    /// The table.
    pub desk: &'a Desk,
    /// Our name.
    pub worker: &'a str,
    /// Seconds since the epoch.
    pub now: i64,
    /// All jumps of the clock so far, seconds.
    pub jumps: i64,
    /// The clock jumped just now: ages say nothing yet.
    pub settling: bool,
    /// Silences in force.
    pub silences: &'a [Silence],
    /// Silence by a maintenance window of the rule files.
    pub quiet: &'a dyn Fn(&str, &BTreeMap<String, String>) -> bool,
    /// Writes messages.
    pub author: &'a Author,
}

/// What came of a round for one rule.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Messages that are written down and can be sent: record and message.
    pub messages: Vec<(String, Pending)>,
    /// What happened.
    pub events: Vec<(Event, Vec<String>)>,
    /// The table did not answer: the rest is tried again with the next check.
    pub away: Option<String>,
}

/// All alerts of this worker.
#[derive(Default)]
pub struct Book {
    rules: BTreeMap<String, BTreeMap<String, Entry>>,
}

impl Book {
    /// Takes in what stands in the table: what others changed, and what they left. Gives every record with messages that
    /// wait.
    ///
    /// # Errors
    /// The table is away.
    pub fn sync(&mut self, desk: &Desk, jumps: i64) -> Result<Vec<(String, Alert)>, DeskError> {
        let mut waiting = Vec::new();
        let mut there: BTreeMap<String, ()> = BTreeMap::new();
        for (id, alert, stored) in all::<Alert>(desk, ALERT, "")? {
            if !alert.outbox.is_empty() {
                waiting.push((id.clone(), alert.clone()));
            }
            there.insert(id.clone(), ());
            let entry = self.rules.entry(alert.rule.clone()).or_default().entry(id).or_default();
            if entry.stored.as_deref() != Some(&stored) {
                // Seen by us or by another one: the later counts.
                let seen = entry.alert.state.seen.max(alert.state.seen);
                *entry = Entry { alert, stored: Some(stored), put_at: entry.put_at, jumps };
                entry.alert.state.seen = seen;
            }
        }
        for (id, entry) in self.rules.values_mut().flatten() {
            if entry.stored.is_some() && !there.contains_key(id) {
                // Forgotten by a person or over by another one's word.
                let Alert { rule, tags, metric, state, .. } = std::mem::take(&mut entry.alert);
                let state = super::alert::State { seen: state.seen, ..Default::default() };
                *entry = Entry { alert: Alert { rule, tags, metric, state, ..Alert::default() }, jumps, ..Entry::default() };
            }
        }
        Ok(waiting)
    }

    /// Forgets rules that are not ours any more or are gone; what is open stays in the table for who has them now.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.rules.retain(|rule, _| keep(rule));
    }

    /// Groups that are known, and incidents that are open.
    pub fn counts(&self) -> (usize, usize) {
        let entries = || self.rules.values().flat_map(BTreeMap::values);
        (entries().count(), entries().filter(|entry| entry.alert.state.incident.is_some()).count())
    }

    /// Groups of each rule that are unknown.
    pub fn unknown(&self) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
        let unknown = |entries: &BTreeMap<String, Entry>| -> Vec<_> {
            let of = entries.values().filter(|entry| entry.alert.state.level == Level::Unknown);
            of.map(|entry| entry.alert.tags.clone()).collect()
        };
        let all = self.rules.iter().map(|(rule, entries)| (rule.clone(), unknown(entries)));
        all.filter(|(_, groups)| !groups.is_empty()).collect()
    }

    /// Takes in one check of a rule. `complete`: groups that are known and not judged are gone.
    pub fn apply(&mut self, plan: &Plan, judged: Vec<Judged>, complete: bool, scene: &Scene<'_>) -> Applied {
        let mut applied = Applied::default();
        let mut missing: BTreeMap<String, ()> = match self.rules.get(&plan.name) {
            Some(entries) if complete => entries.keys().map(|id| (id.clone(), ())).collect(),
            _ => BTreeMap::new(),
        };
        for one in judged {
            let id = alert_id(&plan.name, &one.tags);
            missing.remove(&id);
            self.one(plan, &id, Some(one), None, scene, &mut applied);
        }
        for id in missing.into_keys() {
            let verdict = if scene.settling { Verdict::Undecided } else { Verdict::Gone };
            self.one(plan, &id, None, Some(verdict), scene, &mut applied);
        }
        applied
    }

    /// Whether a group was seen before.
    pub fn is_known(&self, rule: &str, tags: &BTreeMap<String, String>) -> bool {
        self.rules.get(rule).is_some_and(|entries| entries.contains_key(&alert_id(rule, tags)))
    }

    /// The store is away: its one alert opens in memory, and its message is given out once, when it has held.
    pub fn unwritten(&mut self, plan: &Plan, why: &str, worker: &str, now: i64, author: &Author) -> Vec<Pending> {
        let tags = BTreeMap::new();
        let id = alert_id(&plan.name, &tags);
        let entry = self.rules.entry(plan.name.clone()).or_default().entry(id.clone()).or_default();
        let alert = &mut entry.alert;
        (alert.rule, alert.metric, alert.text) = (plan.name.clone(), plan.name.clone(), why.to_owned());
        let key = incident_key(plan, &id);
        let moment = Moment { now, key: &key, ..Moment::default() };
        let verdict = Verdict::Decided { level: Level::Unknown, value: None, at: now, oldest: None };
        let (state, actions) = step(std::mem::take(&mut alert.state), &verdict, &moment, &plan.policy);
        alert.state = state;
        let mut out = Vec::new();
        for call in actions.into_iter().filter_map(|action| if let Action::Notify(call) = action { Some(call) } else { None }) {
            plan.add(&call, alert, worker, now, author);
            out.append(&mut alert.outbox);
        }
        out
    }

    /// Nothing could be read for a rule: its groups keep their states.
    pub fn blind(&mut self, rule: &str, now: i64) {
        for entry in self.rules.get_mut(rule).into_iter().flatten().map(|(_, entry)| entry) {
            entry.alert.state.blind = true;
            entry.alert.state.seen = now;
        }
    }

    fn one(&mut self, plan: &Plan, id: &str, judged: Option<Judged>, verdict: Option<Verdict>, scene: &Scene<'_>, applied: &mut Applied) {
        let entries = self.rules.entry(plan.name.clone()).or_default();
        if entries.len() >= GROUPS_MAX && !entries.contains_key(id) {
            return;
        }
        let fresh = || Entry { jumps: scene.jumps, ..Entry::default() };
        let mut entry = entries.get(id).cloned().unwrap_or_else(fresh);
        // Once more when another worker or a person was faster.
        for _ in 0..2 {
            match change(plan, id, &entry, judged.as_ref(), verdict.as_ref(), scene) {
                Ok(Some((next, messages, events))) => {
                    applied.messages.extend(messages.into_iter().map(|message| (id.to_owned(), message)));
                    applied.events.extend(events.into_iter().map(|event| (event, next.alert.tsuids.clone())));
                    let drop = !next.alert.state.is_worth_keeping() && matches!(verdict, Some(Verdict::Gone)) && is_old(plan, &next, scene);
                    if drop {
                        entries.remove(id);
                    } else {
                        entries.insert(id.to_owned(), next);
                    }
                    return;
                }
                Ok(None) => match one::<Alert>(scene.desk, ALERT, id) {
                    Ok(read) => {
                        let (alert, stored) = read.map_or((None, None), |(alert, stored)| (Some(alert), Some(stored)));
                        entry = Entry { alert: alert.unwrap_or_default(), stored, put_at: scene.now, jumps: scene.jumps };
                        if entry.alert.state.seen + plan.policy.every_s / 2 > scene.now {
                            entries.insert(id.to_owned(), entry);
                            return; // Another one checked it just now.
                        }
                    }
                    Err(error) => {
                        applied.away = Some(error.to_string());
                        return;
                    }
                },
                Err(error) => {
                    applied.away = Some(error.to_string());
                    return;
                }
            }
        }
    }
}

/// A group that is gone for long and of which nothing is left to say.
fn is_old(plan: &Plan, entry: &Entry, scene: &Scene<'_>) -> bool {
    scene.now - entry.alert.state.seen > 2 * plan.policy.unknown_after_s + 10 * plan.policy.every_s
}

/// What came of a change: the entry, messages, events.
type Changed = (Entry, Vec<Pending>, Vec<Event>);

/// The next entry with the messages and events that came of it; `None`: the table holds something else by now.
fn change(
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
        (alert.priority, alert.every) = (plan.priority, plan.policy.every_s);
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
    let surplus = alert.outbox.len().saturating_sub(OUTBOX_MAX);
    if surplus > 0 {
        tracing::error!(id, "{surplus} messages of one alert are given up: {OUTBOX_MAX} wait (OUTBOX_MAX)");
        alert.outbox.drain(..surplus);
    }
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

/// The same for every incident of a rule and a group.
fn incident_key(plan: &Plan, id: &str) -> String {
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
