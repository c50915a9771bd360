//! Alerts in this worker's memory, and how they get into the table: a verdict becomes a state and messages, both are
//! written down in one record, and only then is anything sent.
//!
//! All groups that were seen are here, also the normal ones; in the table stand those that are open or unsettled, and of
//! rules that say something about gone groups the names of all ([`groups`]).

use super::alert::{Action, Level, Moment, Silence, Verdict, step};
use super::change::{change, incident_key};
use super::evaluate::Judged;
use super::groups::{self, Known};
use super::messages::{Author, Plan};
use super::records::{ALERT, Alert, Event, Pending, alert_id, all, one};
use crate::desk::{Desk, DeskError};
use std::collections::BTreeMap;

/// The names of a rule's groups are put again after a quarter of the time after which one is gone, between these, seconds.
const GROUPS_AGE_S: (i64, i64) = (60, 600);
/// Groups of one rule that are remembered.
pub const GROUPS_MAX: usize = 100_000;

/// One alert.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub alert: Alert,
    /// What stands in the table, if anything does.
    pub stored: Option<Vec<u8>>,
    /// When it was put last.
    pub put_at: i64,
    /// Jumps of the clock that it knows of.
    pub jumps: i64,
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
    /// Of rules whose groups stand in the table: which ones do, and since when.
    written: BTreeMap<String, Written>,
}

/// What was read or put last of a rule's groups.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    fingerprint: u64,
    at: i64,
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
        for entries in self.rules.values_mut() {
            // An unknown group whose record is gone was forgotten by a person: it is no group any more.
            entries.retain(|id, entry| entry.stored.is_none() || there.contains_key(id) || entry.alert.state.level != Level::Unknown);
            for entry in entries.iter_mut().filter(|(id, entry)| entry.stored.is_some() && !there.contains_key(*id)).map(|(_, entry)| entry)
            {
                // Over by another one's word.
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
        self.written.retain(|rule, _| keep(rule));
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
        let misses = complete && plan.policy.misses_groups();
        // Who does not know the groups of before cannot miss them.
        let complete = complete && (!misses || self.recall(plan, scene, &mut applied));
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
        if misses && complete {
            self.keep_groups(plan, scene);
        }
        applied
    }

    /// Takes over the groups that a rule had when it was checked last, by whomever. False: they cannot be read now.
    fn recall(&mut self, plan: &Plan, scene: &Scene<'_>, applied: &mut Applied) -> bool {
        if self.written.contains_key(&plan.name) {
            return true;
        }
        let known = match groups::read(scene.desk, &plan.name) {
            Ok(known) => known,
            Err(error) => {
                applied.away = Some(error.to_string());
                return false;
            }
        };
        let entries = self.rules.entry(plan.name.clone()).or_default();
        for Known { tags, metric, gone } in known.into_iter().take(GROUPS_MAX) {
            let fresh = || {
                let state = super::alert::State { seen: scene.now - gone, ..Default::default() };
                let alert = Alert { rule: plan.name.clone(), tags: tags.clone(), metric, state, ..Alert::default() };
                Entry { alert, jumps: scene.jumps, ..Entry::default() }
            };
            let there = entries.entry(alert_id(&plan.name, &tags)).or_insert_with(fresh);
            there.alert.state.seen = there.alert.state.seen.max(scene.now - gone);
        }
        let fingerprint = groups::fingerprint(entries.keys().map(String::as_str));
        self.written.insert(plan.name.clone(), Written { fingerprint, at: scene.now });
        true
    }

    /// Writes down which groups a rule has, when they are others than before or it is some time ago.
    fn keep_groups(&mut self, plan: &Plan, scene: &Scene<'_>) {
        let Some(entries) = self.rules.get(&plan.name) else { return };
        let fingerprint = groups::fingerprint(entries.keys().map(String::as_str));
        let before = self.written.get(&plan.name).copied().unwrap_or_default();
        let (least, most) = GROUPS_AGE_S;
        let fresh = 0..(plan.policy.unknown_after_s / 4).clamp(least, most);
        if fresh.contains(&(scene.now - before.at)) && fingerprint == before.fingerprint {
            return;
        }
        let known = |entry: &Entry| {
            let Alert { tags, metric, state, .. } = &entry.alert;
            Known { tags: tags.clone(), metric: metric.clone(), gone: (scene.now - state.seen).max(0) }
        };
        let all: Vec<Known> = entries.values().map(known).collect();
        match groups::write(scene.desk, &plan.name, &all, scene.now) {
            Ok(()) => {
                tracing::debug!("{} groups of {} are written down", all.len(), plan.name);
                self.written.insert(plan.name.clone(), Written { fingerprint, at: scene.now });
            }
            Err(error) => tracing::warn!("groups of {} are not written down: {error}", plan.name),
        }
    }

    /// Whether a group was seen before.
    pub fn is_known(&self, rule: &str, tags: &BTreeMap<String, String>) -> bool {
        self.rules.get(rule).is_some_and(|entries| entries.contains_key(&alert_id(rule, tags)))
    }

    /// The tags of a rule's groups that were seen before.
    pub fn groups(&self, rule: &str) -> impl Iterator<Item = &BTreeMap<String, String>> {
        self.rules.get(rule).into_iter().flat_map(BTreeMap::values).map(|entry| &entry.alert.tags)
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

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
