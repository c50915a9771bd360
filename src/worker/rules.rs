//! The thread that changes alerts and sends messages: one round after the other, over the rules that are this worker's.

use super::alert::{Change, NoData, Policy, Silence};
use super::anomalies;
use super::book::{Applied, Book, Scene};
use super::clusters;
use super::evaluate::{Check, Judged, Trouble};
use super::groups;
use super::habits::Habits;
use super::hands::Hands;
use super::house::OwnNote;
use super::loader::{Loaded, Loader};
use super::messages::{Author, Plan, series_name};
use super::notify::{Channel, DeadLetters, Dispatcher, Inside};
use super::post::Post;
use super::records::{Event, Tags, forget_history, forget_silences, forget_workers, silences};
use super::rounds::{Round, Rounds};
use super::rule::calendar::MaintenanceAction;
use super::rule::expression::{AlertStates, SourceError};
use super::rule::model::Rule;
use super::run::{TICK, Worker};
use super::share::{Death, Look, Share};
use crate::clock;
use crossbeam_channel::{Receiver, unbounded};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Events of the history that are deleted at a time.
const FORGET_AT_ONCE: usize = 1_000;
/// Seconds from one deleting of old records to the next, and where more of them were left.
const FORGET_EVERY_S: i64 = 3_600;
const FORGET_AGAIN_S: i64 = 60;
/// Seconds that a silence is kept after its end.
const SILENCES_KEPT_S: i64 = 86_400;
/// Series of an incident that get a note.
const NOTES_MAX: usize = 10;
/// Rounds after a jump of the clock in which ages say nothing.
const SETTLING_ROUNDS: u32 = 2;

/// Groups of rules that are unknown, as they were when a round began.
struct States(BTreeMap<String, Vec<Tags>>);

impl AlertStates for States {
    fn unknown_and_unevaluated(&self, rule: &str) -> (Vec<Tags>, Vec<Tags>) {
        (self.0.get(rule).cloned().unwrap_or_default(), Vec::new())
    }
}

/// The thread that changes alerts.
pub(super) struct Rules<'w> {
    pub(super) worker: &'w Worker,
    pub(super) share: &'w Mutex<Share>,
    pub(super) name: String,
    pub(super) rounds: Rounds,
    loader: Loader,
    pub(super) loaded: Loaded,
    pub(super) plans: BTreeMap<String, Plan>,
    pub(super) dispatcher: Option<Dispatcher>,
    channels: BTreeMap<String, Channel>,
    pub(super) author: Author,
    pub(super) book: Book,
    habits: Arc<Habits>,
    pub(super) post: Post,
    silences: Vec<Silence>,
    /// Which check of each rule of ours was made last, and of each cluster.
    checked: BTreeMap<String, i64>,
    computed: BTreeMap<String, i64>,
    /// All jumps of the clock so far.
    jumps: i64,
    settling: u32,
    /// Why rules cannot be checked.
    pub(super) troubles: BTreeMap<String, String>,
    /// Why the store does not answer.
    pub(super) away: Option<String>,
    pub(super) different: Vec<(String, String)>,
    /// When old records are deleted next.
    forget_at: i64,
}

impl<'w> Rules<'w> {
    pub fn new(worker: &'w Worker, share: &'w Mutex<Share>, name: &str) -> std::io::Result<Rules<'w>> {
        let path = &worker.options.path;
        let named =
            |error: std::io::Error| std::io::Error::new(error.kind(), format!("folder {} (tsd.worker.path): {error}", path.display()));
        std::fs::create_dir_all(path).map_err(named)?;
        let mut rules = Rules {
            worker,
            share,
            name: name.to_owned(),
            rounds: Rounds::new(worker.options.interval),
            loader: Loader::new(&worker.options.rules),
            loaded: Loaded::default(),
            plans: BTreeMap::new(),
            dispatcher: None,
            channels: BTreeMap::new(),
            author: Author { link: worker.options.link.clone(), ..Author::default() },
            book: Book::default(),
            habits: Arc::default(),
            post: Post::new(name),
            silences: Vec::new(),
            checked: BTreeMap::new(),
            computed: BTreeMap::new(),
            jumps: 0,
            settling: 0,
            troubles: BTreeMap::new(),
            away: None,
            different: Vec::new(),
            forget_at: 0,
        };
        // Before the first beat: a lease that does not say what its worker's rules are shares no work.
        rules.reload()?;
        Ok(rules)
    }

    /// Works until it is told to stop.
    pub fn work(&mut self, looked: &Receiver<Result<Look, String>>, found: &Receiver<anomalies::Found>) -> std::io::Result<()> {
        // The first look says who else is there.
        while !self.worker.stop.load(Relaxed) && looked.recv_timeout(TICK).is_err() {}
        while !self.worker.stop.load(Relaxed) {
            looked.try_iter().filter_map(Result::ok).for_each(|look| self.heard(look));
            if let Some(round) = self.rounds.due(clock::now_ms(), Instant::now()) {
                self.reload()?;
                self.round(round);
            }
            found.try_iter().for_each(|found| self.found(found));
            let now = clock::now_s();
            self.post.settle(&self.worker.desk, now);
            if let Some(dispatcher) = &self.dispatcher {
                self.post.send(&self.worker.desk, dispatcher, &self.author, now);
            }
            std::thread::sleep(TICK.min(self.rounds.pause(clock::now_ms())));
        }
        // What was sent meanwhile is taken out of its records; the rest stays there.
        self.dispatcher = None;
        self.post.finish(&self.worker.desk, clock::now_s());
        Ok(())
    }

    fn heard(&mut self, look: Look) {
        for Death { worker, heard } in &look.died {
            tracing::warn!("worker {worker} is silent since round {heard} of this one: its share is taken over");
        }
        if look.different != self.different {
            for (worker, rules) in &look.different {
                tracing::error!(
                    "worker {worker} has other rules ({rules}) than this one ({}): both check all of theirs",
                    self.loaded.fingerprint
                );
            }
        }
        self.different = look.different;
    }

    /// Rules and channels as the files have them now.
    fn reload(&mut self) -> std::io::Result<()> {
        let Some(loaded) = self.loader.load(Some(&self.worker.desk)) else { return Ok(()) };
        for fault in &loaded.faults {
            tracing::error!("{fault}");
        }
        tracing::info!("{} rules, {} channels, {} faults", loaded.set.rules.len(), loaded.set.channels.len(), loaded.faults.len());
        let channels: BTreeMap<String, Channel> =
            loaded.set.channels.iter().map(|(name, channel)| (name.clone(), channel.channel.clone())).collect();
        if self.dispatcher.is_none() || channels != self.channels {
            let inside: Arc<dyn Inside> = Arc::new(Hands(self.worker.house.clone()));
            let dead = DeadLetters::at(self.worker.options.dead_letters());
            // The old one gives back what it still has.
            self.dispatcher = None;
            self.dispatcher = Some(Dispatcher::start(&channels, &inside, &dead)?);
            self.channels = channels;
        }
        self.plans = loaded.set.rules.iter().map(|(name, rule)| (name.clone(), Plan::of(rule))).collect();
        let every = loaded.set.rules.values().map(|rule| rule.schedule.every).min().unwrap_or(self.worker.options.interval);
        self.rounds.set_length(every.min(self.worker.options.interval));
        self.share.lock().describe(&loaded.fingerprint, loaded.set.rules.len(), self.rounds.count, self.rounds.late);
        self.loaded = loaded;
        Ok(())
    }

    fn round(&mut self, round: Round) {
        let begun = Instant::now();
        self.share.lock().begin(self.rounds.count);
        if round.skipped > 0 {
            tracing::warn!("{} rounds are left out: the last one took too long", round.skipped);
        }
        if round.jump != 0 {
            tracing::warn!("the clock jumped by {} s: ages count from now", round.jump);
            (self.jumps, self.settling) = (self.jumps + round.jump, SETTLING_ROUNDS);
        }
        self.settling = self.settling.saturating_sub(u32::from(round.jump == 0));
        self.away = None;
        self.let_go();
        self.sync(round.now);
        let checked = self.check(&round);
        self.clusters(round.now);
        self.own_alerts(round.now);
        let mine = self.share.lock().ring().clone();
        let rules = &self.loaded.set.rules;
        let me = self.name.clone();
        self.book.retain(|rule| {
            !rules.contains_key(rule) && rule.starts_with("tsdb.worker.") || rule == anomalies::RULE || mine.owner(rule) == Some(&me)
        });
        self.tell(&round, begun, checked);
    }

    /// What was found of rules that others have now says nothing any more.
    fn let_go(&mut self) {
        let share = self.share.lock();
        self.troubles.retain(|name, _| share.is_mine(name));
        self.checked.retain(|name, _| share.is_mine(name));
        self.computed.retain(|name, _| share.is_mine(name));
    }

    /// Whether this worker has checked a rule or a cluster since it is its own.
    pub(super) fn is_checked(&self, name: &str) -> bool {
        self.checked.contains_key(name) || self.computed.contains_key(name)
    }

    /// What others changed in the table, and what they left.
    fn sync(&mut self, now: i64) {
        let desk = &self.worker.desk;
        self.post.settle(desk, now);
        let read = self.book.sync(desk, self.jumps).and_then(|records| {
            self.silences = silences(desk, now)?;
            Ok(records)
        });
        let records = match read {
            Ok(records) => records,
            Err(error) => {
                self.away = Some(error.to_string());
                return;
            }
        };
        // Not held while the table is asked: who cannot beat meanwhile is taken for dead.
        let share = self.share;
        let lives = |worker: &str| share.lock().lives(worker);
        if let Err(error) = self.post.adopt_claims(desk, lives) {
            self.away = Some(error.to_string());
        }
        self.post.adopt(records, now, |rule| share.lock().is_mine(rule), lives);
        if now >= self.forget_at {
            self.forget_at = now + self.forget(now);
        }
    }

    /// Deletes old records. Gives the seconds until the next time.
    fn forget(&self, now: i64) -> i64 {
        let (desk, before) = (&self.worker.desk, now - self.worker.options.history_s);
        let old = forget_history(desk, before, FORGET_AT_ONCE).and_then(|events| {
            forget_workers(desk, now)?;
            forget_silences(desk, now - SILENCES_KEPT_S)?;
            groups::forget(desk, before)?;
            Ok(events)
        });
        match old {
            // There is more: so much an hour alone would be less than comes in where much happens.
            Ok(FORGET_AT_ONCE..) => FORGET_AGAIN_S,
            Ok(_) => FORGET_EVERY_S,
            Err(error) => {
                tracing::debug!("old records stay: {error}");
                FORGET_EVERY_S
            }
        }
    }

    /// Checks the rules that are ours and due. Gives how many.
    fn check(&mut self, round: &Round) -> usize {
        let (ring, me) = (self.share.lock().ring().clone(), self.name.clone());
        let set = self.loaded.set.clone();
        let mut due: Vec<Arc<Rule>> = Vec::new();
        for rule in set.rules.values().filter(|rule| rule.enabled && ring.owner(&rule.name) == Some(&me)) {
            let every = i64::try_from(rule.schedule.every.as_secs()).unwrap_or(i64::MAX).max(1);
            let slot = round.now.div_euclid(every);
            let active = rule.schedule.active.as_ref().is_none_or(|hours| hours.contains(round.now));
            if active && self.checked.insert(rule.name.clone(), slot) != Some(slot) {
                due.push(rule.clone());
            }
        }
        let (states, habits) = (States(self.book.unknown()), self.habits.clone());
        let (worker, options) = (self.worker, &self.worker.options);
        let (tasks, queue) = unbounded::<Arc<Rule>>();
        let (results, done) = unbounded::<(Arc<Rule>, Result<Vec<Judged>, Trouble>)>();
        let count = due.len();
        due.into_iter().for_each(|rule| drop(tasks.send(rule)));
        drop(tasks);
        std::thread::scope(|scope| {
            for _ in 0..options.threads.min(count) {
                let (queue, results, set, states, habits) = (queue.clone(), results.clone(), set.clone(), &states, &habits);
                scope.spawn(move || {
                    for rule in queue {
                        let delay = i64::try_from(rule.schedule.delay.as_secs()).unwrap_or(0).max(options.delay_s);
                        let check = Check {
                            house: worker.house.as_ref(),
                            set: &set,
                            skyline: &options.detect.skyline,
                            habits,
                            alerts: Some(states),
                            now: round.now - delay,
                        };
                        let result = check.run(&rule);
                        if worker.stop.load(Relaxed) || results.send((rule, result)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(results);
            done.iter().for_each(|(rule, result)| self.checked(&rule, result, round.now));
        });
        count
    }

    /// Metrics over groups that are ours and due.
    fn clusters(&mut self, now: i64) {
        let ring = self.share.lock().ring().clone();
        let set = self.loaded.set.clone();
        for cluster in set.clusters.values().filter(|cluster| cluster.enabled && ring.owner(&cluster.name) == Some(&self.name)) {
            let every = i64::try_from(cluster.every.as_secs()).unwrap_or(i64::MAX).max(1);
            let slot = now.div_euclid(every);
            if self.computed.insert(cluster.name.clone(), slot) == Some(slot) {
                continue;
            }
            let house = self.worker.house.as_ref();
            let made = clusters::point(house, cluster, now - self.worker.options.delay_s);
            let result = made.and_then(|point| point.map_or(Ok(()), |point| house.put(&[point])));
            match result {
                Ok(()) => drop(self.troubles.remove(&cluster.name)),
                Err(SourceError::Away(why)) => self.away = Some(why),
                Err(SourceError::Refused(why)) => {
                    if self.troubles.get(&cluster.name) != Some(&why) {
                        tracing::warn!("{}: cluster {} cannot be computed: {why}", cluster.place, cluster.name);
                    }
                    self.troubles.insert(cluster.name.clone(), why);
                }
            }
        }
    }

    fn checked(&mut self, rule: &Rule, result: Result<Vec<Judged>, Trouble>, now: i64) {
        let Some(plan) = self.plans.get(&rule.name).cloned() else { return };
        match result {
            Ok(judged) => {
                self.troubles.remove(&rule.name);
                self.apply(&plan, judged, true, now);
            }
            Err(Trouble::Away(why)) => {
                self.book.blind(&rule.name, now);
                self.away = Some(why);
            }
            Err(Trouble::Rule(why)) => {
                if self.troubles.get(&rule.name) != Some(&why) {
                    tracing::warn!("{}: rule {} cannot be checked: {why}", rule.place, rule.name);
                }
                self.book.blind(&rule.name, now);
                self.troubles.insert(rule.name.clone(), why);
            }
        }
    }

    pub(super) fn apply(&mut self, plan: &Plan, judged: Vec<Judged>, complete: bool, now: i64) -> Applied {
        let maintenance = &self.loaded.set.maintenance;
        let quiet = |rule: &str, tags: &Tags| {
            maintenance.values().any(|window| window.action == MaintenanceAction::Silence && window.covers(rule, tags, now))
        };
        let scene = Scene {
            desk: &self.worker.desk,
            worker: &self.name,
            now,
            jumps: self.jumps,
            settling: self.settling > 0,
            silences: &self.silences,
            quiet: &quiet,
            author: &self.author,
        };
        let mut applied = self.book.apply(plan, judged, complete, &scene);
        for (record, message) in applied.messages.drain(..) {
            let tags = message.notice.events.first().map(|event| event.tags.clone()).unwrap_or_default();
            self.post.take(&record, &tags, message);
        }
        if let Some(why) = &applied.away {
            self.away = Some(why.clone());
        }
        if self.worker.options.annotations {
            applied.events.iter().for_each(|(event, tsuids)| self.note(event, tsuids));
        }
        applied
    }

    /// An incident as a note on its series.
    fn note(&self, event: &Event, tsuids: &[String]) {
        let end = match event.change {
            Change::Opened | Change::Worse => 0,
            Change::Normal | Change::Closed => event.at,
            _ => return,
        };
        for tsuid in tsuids.iter().take(NOTES_MAX) {
            let word = if end == 0 { event.level.name() } else { "over:" };
            let description = format!("{} {word} {}", event.rule, event.text);
            let (start, incident) = (event.start, event.incident.clone());
            let note = OwnNote { tsuid: tsuid.clone(), start, end, description, incident };
            if let Err(error) = self.worker.house.note(&note) {
                tracing::warn!("no note on {}: {error}", series_name(&event.metric, &event.tags));
            }
        }
    }

    /// What the detectors found.
    fn found(&mut self, found: anomalies::Found) {
        let detect = &self.worker.options.detect;
        if let Some(why) = found.away {
            self.away = Some(why);
        }
        let told = detect.skyline.enable_alerts;
        let policy = Policy {
            max_step: if told { u32::MAX } else { 0 },
            min_interval_s: detect.expiry_s,
            every_s: self.rounds.length_s(),
            no_data: NoData::Keep,
            ..Policy::default()
        };
        let plan = Plan { anomaly: true, priority: 3, ..Plan::own(anomalies::RULE, &detect.notify, policy) };
        self.apply(&plan, found.judged, false, clock::now_s());
    }
}
