//! A worker at work: rounds of rules, looks of the detectors, beats of its lease. One thread changes alerts and sends
//! messages; others read and judge.

use super::alert::{Change, Level, NoData, Policy, Silence, Verdict};
use super::anomalies::{self, Watch};
use super::book::{Applied, Book, Scene};
use super::clusters;
use super::evaluate::{Check, Judged, Trouble};
use super::house::{House, OwnNote, OwnPoint};
use super::loader::{Loaded, Loader};
use super::messages::{Author, Plan, series_name};
use super::notify::{Channel, DeadLetters, Dispatcher, Inside, Notice, SendError};
use super::options::Options;
use super::post::Post;
use super::records::{Event, Status, Tags, WORKER, bytes, forget_history, forget_workers, silences};
use super::rounds::{Round, Rounds};
use super::rule::calendar::MaintenanceAction;
use super::rule::expression::{AlertStates, SourceError};
use super::rule::model::Rule;
use super::share::{Look, Share};
use crate::desk::Desk;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often messages are looked after between rounds.
const TICK: Duration = Duration::from_millis(100);
/// Events of the history that are deleted at a time.
const FORGET_AT_ONCE: usize = 1_000;
/// Series of an incident that get a note.
const NOTES_MAX: usize = 10;
/// Rounds after a jump of the clock in which ages say nothing.
const SETTLING_ROUNDS: u32 = 2;
/// The worker's own alerts.
const SOURCE: &str = "tsdb.worker.source";
const RULE: &str = "tsdb.worker.rule";
const RULESET: &str = "tsdb.worker.ruleset";

/// What a worker works with.
pub struct Worker {
    /// Where series are.
    pub house: Arc<dyn House>,
    /// Where alerts are.
    pub desk: Desk,
    /// Settings.
    pub options: Options,
    /// This machine, for names and tags.
    pub host: String,
    /// Set from outside to end it.
    pub stop: Arc<AtomicBool>,
}

/// Notes and points of channels.
struct Hands(Arc<dyn House>);

impl Inside for Hands {
    fn annotate(&self, notice: &Notice) -> Result<(), SendError> {
        for event in &notice.events {
            let Some(tsuid) = &event.tsuid else { continue };
            let note =
                OwnNote { tsuid: tsuid.clone(), start: event.at, end: 0, description: notice.title.clone(), incident: notice.id.clone() };
            self.0.note(&note).map_err(sent)?;
        }
        Ok(())
    }

    fn point(&self, notice: &Notice) -> Result<(), SendError> {
        let word = |text: &str| if text.is_empty() { "several".to_owned() } else { text.replace(|c: char| !is_plain(c), "_") };
        let tags = [("rule".to_owned(), word(&notice.rule)), ("level".to_owned(), word(&notice.level))].into();
        let value = notice.events.len() as f64;
        self.0.put(&[OwnPoint { metric: "tsdb.worker.notice".to_owned(), at: notice.at, value, tags }]).map_err(sent)
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./".contains(c)
}

fn sent(error: SourceError) -> SendError {
    match error {
        SourceError::Away(why) => SendError::Later(why),
        SourceError::Refused(why) => SendError::Never(why),
    }
}

fn unix_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

impl Worker {
    /// Works until it is told to stop.
    ///
    /// # Errors
    /// A thread cannot be had, or a setting is wrong.
    pub fn run(self) -> std::io::Result<()> {
        // A table that is missing will not come by itself; one that cannot be reached may.
        if matches!(self.desk.is_there(), Ok(false)) {
            let table = self.desk.table();
            return Err(std::io::Error::other(format!(
                "there is no table {table}, where workers keep alerts: make it with `tsdb create-tables`, or name one that exists by \
                 tsd.storage.worker.table"
            )));
        }
        let name = Share::name(&self.host, std::process::id(), unix_ms());
        let share = Arc::new(Mutex::new(Share::new(name.clone(), self.options.interval, unix_ms() / 1_000)));
        let (looks, looked) = unbounded::<Result<Look, String>>();
        let (finds, found) = bounded::<anomalies::Found>(1);
        let watch = Watch::new(self.options.detect.clone()).map_err(std::io::Error::other)?;
        tracing::info!("worker {name} on {}", self.house.describe());
        std::thread::scope(|scope| {
            let builder = |name: &str| std::thread::Builder::new().name(name.to_owned());
            builder("worker beat").spawn_scoped(scope, || self.beats(&share, &looks))?;
            if !self.options.detect.metrics.is_empty() {
                builder("worker detect").spawn_scoped(scope, || self.looks(watch, &share, &finds))?;
            }
            let result = Rules::new(&self, &share, &name).and_then(|mut rules| rules.work(&looked, &found));
            // The others end with this one, also when it failed.
            self.stop.store(true, Relaxed);
            result
        })?;
        if let Err(error) = share.lock().leave(&self.desk) {
            tracing::warn!("the lease stays until others see that it is silent: {error}");
        }
        Ok(())
    }

    fn beats(&self, share: &Mutex<Share>, looks: &Sender<Result<Look, String>>) {
        let pause = share.lock().pause();
        while !self.stop.load(Relaxed) {
            let look = share.lock().beat(&self.desk, unix_ms() / 1_000, Instant::now());
            let _ = looks.send(look.map_err(|error| error.to_string()));
            self.sleep(pause);
        }
    }

    fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.stop.load(Relaxed) && Instant::now() < until {
            std::thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// The detectors' rounds.
    fn looks(&self, mut watch: Watch, share: &Mutex<Share>, finds: &Sender<anomalies::Found>) {
        let mut rounds = Rounds::new(self.options.detect.interval);
        if let Err(error) = watch.remember(&self.desk, unix_ms() / 1_000) {
            tracing::warn!("what was anomalous before is not known: {error}");
        }
        while !self.stop.load(Relaxed) {
            let Some(round) = rounds.due(unix_ms(), Instant::now()) else {
                self.sleep(rounds.pause(unix_ms()).min(Duration::from_secs(1)));
                continue;
            };
            if round.skipped > 0 {
                tracing::warn!("{} looks of the detectors are left out: the last one took too long", round.skipped);
            }
            let begun = Instant::now();
            let ring = share.lock().ring().clone();
            let me = share.lock().me().to_owned();
            let mine = |metric: &str| ring.owner(metric) == Some(me.as_str());
            let now = round.now - self.options.delay_s;
            let mut found = watch.look(self.house.as_ref(), now, self.options.threads, &mine, &self.stop, &mut |_, _, _| {});
            found.list.round = rounds.length_s();
            if let Some(why) = &found.away {
                tracing::warn!("the detectors cannot look: {why}");
            }
            for (metric, why) in &found.troubles {
                tracing::warn!("the detectors cannot look at {metric}: {why}");
            }
            if let Err(error) = anomalies::publish(&self.desk, &me, &found.list) {
                tracing::warn!("what is anomalous is not written down: {error}");
            }
            let number = |name: &str, value: f64| self.own(&format!("tsdb.worker.detect.{name}"), round.now, value);
            let (run, total) = (begun.elapsed().as_secs_f64(), found.list.looked_at as f64);
            self.put(&[number("run_time", run), number("total_analyzed", total), number("anomalies", found.list.series.len() as f64)]);
            if finds.send(found).is_err() {
                return;
            }
        }
    }

    fn own(&self, metric: &str, at: i64, value: f64) -> OwnPoint {
        let host = self.host.replace(|c: char| !is_plain(c), "_");
        OwnPoint { metric: metric.to_owned(), at, value, tags: [("host".to_owned(), host)].into() }
    }

    fn put(&self, points: &[OwnPoint]) {
        if self.options.points
            && let Err(error) = self.house.put(points)
        {
            tracing::debug!("own points are not written: {error}");
        }
    }
}

/// Groups of rules that are unknown, as they were when a round began.
struct States(BTreeMap<String, Vec<Tags>>);

impl AlertStates for States {
    fn unknown_and_unevaluated(&self, rule: &str) -> (Vec<Tags>, Vec<Tags>) {
        (self.0.get(rule).cloned().unwrap_or_default(), Vec::new())
    }
}

/// The thread that changes alerts.
struct Rules<'w> {
    worker: &'w Worker,
    share: &'w Mutex<Share>,
    name: String,
    rounds: Rounds,
    loader: Loader,
    loaded: Loaded,
    plans: BTreeMap<String, Plan>,
    dispatcher: Option<Dispatcher>,
    channels: BTreeMap<String, Channel>,
    author: Author,
    book: Book,
    post: Post,
    silences: Vec<Silence>,
    /// Which check of each rule was made last.
    checked: BTreeMap<String, i64>,
    /// All jumps of the clock so far.
    jumps: i64,
    settling: u32,
    /// Why rules cannot be checked.
    troubles: BTreeMap<String, String>,
    /// Why the store does not answer.
    away: Option<String>,
    different: Vec<(String, String)>,
    forgotten_at: i64,
}

impl<'w> Rules<'w> {
    fn new(worker: &'w Worker, share: &'w Mutex<Share>, name: &str) -> std::io::Result<Rules<'w>> {
        std::fs::create_dir_all(&worker.options.path)?;
        Ok(Rules {
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
            post: Post::new(name),
            silences: Vec::new(),
            checked: BTreeMap::new(),
            jumps: 0,
            settling: 0,
            troubles: BTreeMap::new(),
            away: None,
            different: Vec::new(),
            forgotten_at: 0,
        })
    }

    fn work(&mut self, looked: &Receiver<Result<Look, String>>, found: &Receiver<anomalies::Found>) -> std::io::Result<()> {
        self.reload()?;
        // The first look says who else is there.
        while !self.worker.stop.load(Relaxed) && looked.recv_timeout(TICK).is_err() {}
        while !self.worker.stop.load(Relaxed) {
            looked.try_iter().filter_map(Result::ok).for_each(|look| self.heard(look));
            if let Some(round) = self.rounds.due(unix_ms(), Instant::now()) {
                self.reload()?;
                self.round(round);
            }
            found.try_iter().for_each(|found| self.found(found));
            let now = unix_ms() / 1_000;
            self.post.settle(&self.worker.desk, now);
            if let Some(dispatcher) = &self.dispatcher {
                self.post.send(&self.worker.desk, dispatcher, &self.author, now);
            }
            std::thread::sleep(TICK.min(self.rounds.pause(unix_ms())));
        }
        // What was sent meanwhile is taken out of its records; the rest stays there.
        self.dispatcher = None;
        self.post.settle(&self.worker.desk, unix_ms() / 1_000);
        Ok(())
    }

    fn heard(&mut self, look: Look) {
        for worker in &look.died {
            tracing::warn!("worker {worker} is silent: its share is taken over");
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
            let dead = DeadLetters::at(self.worker.options.path.join("dead-letters.jsonl"));
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
        if round.skipped > 0 {
            tracing::warn!("{} rounds are left out: the last one took too long", round.skipped);
        }
        if round.jump != 0 {
            tracing::warn!("the clock jumped by {} s: ages count from now", round.jump);
            (self.jumps, self.settling) = (self.jumps + round.jump, SETTLING_ROUNDS);
        }
        self.settling = self.settling.saturating_sub(u32::from(round.jump == 0));
        self.away = None;
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
        let share = self.share.lock();
        if let Err(error) = self.post.adopt_claims(desk, |worker| share.lives(worker)) {
            self.away = Some(error.to_string());
        }
        self.post.adopt(records, now, |rule| share.is_mine(rule), |worker| share.lives(worker));
        if now - self.forgotten_at > 3_600 {
            self.forgotten_at = now;
            let old = forget_history(desk, now - self.worker.options.history_s, FORGET_AT_ONCE).and_then(|_| forget_workers(desk, now));
            if let Err(error) = old {
                tracing::debug!("old records stay: {error}");
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
        let states = States(self.book.unknown());
        let (worker, options) = (self.worker, &self.worker.options);
        let (tasks, queue) = unbounded::<Arc<Rule>>();
        let (results, done) = unbounded::<(Arc<Rule>, Result<Vec<Judged>, Trouble>)>();
        let count = due.len();
        due.into_iter().for_each(|rule| drop(tasks.send(rule)));
        drop(tasks);
        std::thread::scope(|scope| {
            for _ in 0..options.threads.min(count) {
                let (queue, results, set, states) = (queue.clone(), results.clone(), set.clone(), &states);
                scope.spawn(move || {
                    for rule in queue {
                        let delay = i64::try_from(rule.schedule.delay.as_secs()).unwrap_or(0).max(options.delay_s);
                        let check = Check {
                            house: worker.house.as_ref(),
                            set: &set,
                            skyline: &options.detect.skyline,
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
            let (key, slot) = (format!("cluster {}", cluster.name), now.div_euclid(every));
            if self.checked.insert(key, slot) == Some(slot) {
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

    fn apply(&mut self, plan: &Plan, judged: Vec<Judged>, complete: bool, now: i64) -> Applied {
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
        self.apply(&plan, found.judged, false, unix_ms() / 1_000);
    }

    /// What is wrong with the worker itself.
    fn own_alerts(&mut self, now: i64) {
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
        let mut judged: Vec<Judged> =
            self.troubles.iter().map(|(name, why)| one(RULE, group("rule", name), Level::Warning, why.clone())).collect();
        judged.extend(self.plans.keys().filter(|name| !self.troubles.contains_key(*name)).filter_map(|name| {
            let tags = group("rule", name);
            self.book.is_known(RULE, &tags).then(|| one(RULE, tags, Level::Normal, "it is checked again".to_owned()))
        }));
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

    /// The store is away and cannot take a record: the one message about it goes without.
    fn unwritten(&mut self, plan: &Plan, now: i64) {
        let Some(dispatcher) = &self.dispatcher else { return };
        let messages = self.book.unwritten(plan, &self.away.clone().unwrap_or_default(), &self.name, now, &self.author);
        messages.into_iter().for_each(|message| self.post.unwritten(message, dispatcher, now));
    }

    /// How the round went, for people and as points.
    fn tell(&mut self, round: &Round, begun: Instant, checked: usize) {
        let took = begun.elapsed();
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
