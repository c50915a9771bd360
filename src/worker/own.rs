//! What a worker says of itself: alerts about the store, about rules that cannot be checked and about workers with other
//! rules; its status, and its own data points.

use super::alert::{Level, NoData, Policy, Verdict};
use super::evaluate::Judged;
use super::messages::Plan;
use super::records::{Status, Tags, WORKER, bytes};
use super::rounds::Round;
use super::rules::Rules;
use std::collections::BTreeSet;
use std::time::Instant;

/// The worker's own alerts.
const SOURCE: &str = "tsdb.worker.source";
const RULE: &str = "tsdb.worker.rule";
const RULESET: &str = "tsdb.worker.ruleset";

impl Rules<'_> {
    /// What is wrong with the worker itself.
    pub(super) fn own_alerts(&mut self, now: i64) {
        let notify = &self.worker.options.notify;
        let length = self.rounds.length_s();
        let policy = Policy { every_s: length, hold_s: length, no_data: NoData::Keep, ..Policy::default() };
        let plan = |name: &str| Plan::own(name, notify, policy.clone());
        let (source, rule, ruleset) = (plan(SOURCE), plan(RULE), plan(RULESET));
        let one = |name: &str, tags: Tags, level: Level, text: String| Judged {
            metric: name.to_owned(),
            tags,
            tsuids: Vec::new(),
            verdict: Verdict::Decided { level, value: None, at: now, oldest: None },
            text,
            queries: Vec::new(),
        };
        // Of all workers one speaks for the store.
        if self.share.lock().is_mine(SOURCE) {
            let (level, text) = match &self.away {
                Some(why) => (Level::Unknown, format!("nothing is known about any series: {why}")),
                None => (Level::Normal, "the store answers".to_owned()),
            };
            let applied = self.apply(&source, vec![one(SOURCE, Tags::new(), level, text)], false, now);
            if applied.away.is_some() {
                self.unwritten(&source, now);
            }
        }
        if self.away.is_some() {
            return;
        }
        let judged = self.rule_troubles().into_iter();
        let judged = judged.map(|(name, level, text)| one(RULE, group("rule", &name), level, text)).collect();
        self.apply(&rule, judged, false, now);
        let (level, text) = match self.different.as_slice() {
            [] => (Level::Normal, "all workers have the same rules".to_owned()),
            other => {
                let names: Vec<&str> = other.iter().map(|(worker, _)| worker.as_str()).collect();
                (Level::Warning, format!("{} has other rules than {}", self.name, names.join(", ")))
            }
        };
        if level > Level::Normal || self.book.is_known(RULESET, &Tags::new()) {
            self.apply(&ruleset, vec![one(RULESET, Tags::new(), level, text)], false, now);
        }
    }

    /// What can be said of rules and clusters that cannot be checked, or could not before: name, level and why.
    ///
    /// Only their owner knows. Who has just taken one over, as every worker does that starts where another was killed, says
    /// nothing of it before it has checked it; else each change of owners would end the alert and begin it again.
    fn rule_troubles(&self) -> Vec<(String, Level, String)> {
        let share = self.share.lock();
        let set = &self.loaded.set;
        let told = self.book.groups(RULE).filter_map(|tags| tags.get("rule"));
        let names: BTreeSet<&String> = self.troubles.keys().chain(told).filter(|name| share.is_mine(name)).collect();
        let verdict = |name: &String| {
            let on = set.rules.get(name).map(|rule| rule.enabled).or_else(|| set.clusters.get(name).map(|cluster| cluster.enabled));
            match (self.troubles.get(name), on) {
                (_, None) => Some((Level::Normal, "there is no such rule any more".to_owned())),
                (_, Some(false)) => Some((Level::Normal, "it is switched off".to_owned())),
                (Some(why), _) => Some((Level::Warning, why.clone())),
                (None, _) => self.is_checked(name).then(|| (Level::Normal, "it is checked again".to_owned())),
            }
        };
        names.into_iter().filter_map(|name| verdict(name).map(|(level, text)| (name.clone(), level, text))).collect()
    }

    /// The store is away and cannot take a record: the one message about it goes without.
    fn unwritten(&mut self, plan: &Plan, now: i64) {
        let Some(dispatcher) = &self.dispatcher else { return };
        let messages = self.book.unwritten(plan, &self.away.clone().unwrap_or_default(), &self.name, now, &self.author);
        messages.into_iter().for_each(|message| self.post.unwritten(message, dispatcher, now));
    }

    /// How the round went, for people and as points.
    pub(super) fn tell(&mut self, round: &Round, begun: Instant, checked: usize) {
        let took = begun.elapsed();
        tracing::debug!("round {}: {checked} rules checked in {took:?}", self.rounds.count);
        let (groups, open) = self.book.counts();
        let mut faults = self.loaded.faults.clone();
        faults.extend(self.different.iter().map(|(worker, _)| format!("worker {worker} has other rules than this one")));
        let status = Status {
            at: round.now,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            checked,
            groups,
            open,
            waiting: self.post.len(),
            faults,
            troubles: self.troubles.clone(),
        };
        self.share.lock().describe(&self.loaded.fingerprint, self.loaded.set.rules.len(), self.rounds.count, self.rounds.late);
        if let Err(error) = bytes(&status).and_then(|value| self.worker.desk.put(WORKER, &self.name, &value)) {
            tracing::debug!("the round is not written down: {error}");
        }
        let number = |name: &str, value: f64| self.worker.own(&format!("tsdb.worker.{name}"), round.now, value);
        self.worker.put(&[
            number("round_ms", took.as_secs_f64() * 1e3),
            number("rounds", self.rounds.count as f64),
            number("rounds_late", self.rounds.late as f64),
            number("rules", checked as f64),
            number("groups", groups as f64),
            number("open", open as f64),
            number("waiting", self.post.len() as f64),
            number("sent", self.post.counts.0 as f64),
            number("given_up", self.post.counts.1 as f64),
        ]);
    }
}

fn group(key: &str, value: &str) -> Tags {
    [(key.to_owned(), value.to_owned())].into()
}
