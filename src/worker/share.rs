//! Who does what: any number of workers share rules and metrics, without talking to each other.
//!
//! Each worker has a lease in the table and beats in it several times a round. Who has not beaten for most of a round is
//! taken for dead, by the clock of who looks: clocks of machines are not compared. Everything that is to be done has a
//! name, and the name's place on a ring of all living workers says whose it is ([`Ring`]). For a moment two workers may
//! see different rings; then both do the work, and the compare-and-set on alerts lets one of them count.
//!
//! Workers with other rules than ours are no help: they may not know a rule at all. So the ring holds only workers with
//! our fingerprint, and that there are others is said.

use super::ids;
use crate::desk::{Desk, DeskError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Kind of the records.
pub const LEASE: &str = "lease";
/// Places of each worker on the ring: shares differ by about a tenth.
const PLACES: usize = 128;
/// Beats in a round: a worker's last one and the look that finds it dead lie less than a round apart.
const BEATS: u32 = 8;
/// Leases that are read.
const WORKERS_MAX: usize = 1_000;
/// A dead worker's lease is deleted after so many rounds.
const FORGET_ROUNDS: u32 = 20;

/// What a worker says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Unique: host, process and start.
    pub worker: String,
    /// Grows with each beat.
    pub beat: u64,
    /// Of its rules: who has the same reads the same files.
    pub rules: String,
    /// How many rules it knows.
    pub rule_count: usize,
    /// Seconds, by its own clock; for people.
    pub started: i64,
    /// Seconds, by its own clock; for people.
    pub at: i64,
    /// Length of its rounds in milliseconds.
    pub round_ms: u64,
    /// Rounds so far, and those that came too late and were left out.
    pub rounds: u64,
    /// See `rounds`.
    pub late: u64,
}

/// Places of workers: whose something is, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring(BTreeMap<u64, String>);

impl Ring {
    /// For these workers, in any order.
    pub fn new<'a>(workers: impl IntoIterator<Item = &'a str>) -> Ring {
        let mut places = BTreeMap::new();
        for worker in workers {
            for n in 0..PLACES {
                places.insert(ids::place(&format!("{n}/{worker}")), worker.to_owned());
            }
        }
        Ring(places)
    }

    /// The owner of a name: the first place behind its own.
    pub fn owner(&self, name: &str) -> Option<&str> {
        let at = ids::place(name);
        self.0.range(at..).next().or_else(|| self.0.first_key_value()).map(|(_, worker)| worker.as_str())
    }
}

/// What another worker's lease said, and since when it says the same.
struct Seen {
    lease: Lease,
    since: Instant,
    /// Our round at that time.
    round: u64,
}

/// A worker that was there before and is dead now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// Its name.
    pub worker: String,
    /// Our round in which it was last heard of.
    pub heard: u64,
}

/// One worker among the others.
pub struct Share {
    me: Lease,
    round: Duration,
    seen: BTreeMap<String, Seen>,
    /// Who lived at the last look.
    living: Vec<String>,
    ring: Ring,
    /// What stands in our own lease.
    written: Option<Vec<u8>>,
    /// The last successful look.
    looked: Option<Instant>,
}

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The ring is another than before: some work changed hands.
    pub changed: bool,
    /// Workers that were there before and are dead now.
    pub died: Vec<Death>,
    /// Living workers with other rules than ours: name and fingerprint.
    pub different: Vec<(String, String)>,
}

impl Share {
    /// A worker that has not looked yet: everything is its own.
    pub fn new(worker: String, round: Duration, started: i64) -> Share {
        let ring = Ring::new([worker.as_str()]);
        let round_ms = u64::try_from(round.as_millis()).unwrap_or(u64::MAX);
        let me = Lease { worker, started, round_ms, ..Lease::default() };
        Share { me, round, seen: BTreeMap::new(), living: Vec::new(), ring, written: None, looked: None }
    }

    /// A name for this process: where it runs, and a number that another start on the same machine does not have.
    pub fn name(host: &str, pid: u32, started_ms: i64) -> String {
        format!("{host}-{pid}-{}", ids::short(&format!("{host} {pid} {started_ms}")).get(..6).unwrap_or_default())
    }

    /// Our name.
    pub fn me(&self) -> &str {
        &self.me.worker
    }

    /// How often to call [`Share::beat`].
    pub fn pause(&self) -> Duration {
        self.round / BEATS
    }

    /// Silence after which a worker is dead: five beats are missed.
    fn patience(&self) -> Duration {
        self.round * 7 / 10
    }

    /// What is ours is told with the next beat.
    pub fn describe(&mut self, rules: &str, rule_count: usize, rounds: u64, late: u64) {
        (self.me.rules, self.me.rule_count, self.me.rounds, self.me.late) = (rules.to_owned(), rule_count, rounds, late);
    }

    /// A round begins, the so-manieth.
    pub fn begin(&mut self, round: u64) {
        self.me.rounds = round;
    }

    /// Beats and looks around. `at`: seconds, for people; `now`: this process's own clock.
    ///
    /// # Errors
    /// The table is away. Nobody is taken for dead then: who cannot look does not know.
    pub fn beat(&mut self, desk: &Desk, at: i64, now: Instant) -> Result<Look, DeskError> {
        self.me.beat += 1;
        self.me.at = at;
        let value = serde_json::to_vec(&self.me).unwrap_or_default();
        let me = self.me.worker.clone();
        if !desk.check_and_put(LEASE, &me, self.written.as_deref(), &value)? {
            // Someone deleted it, taking us for dead (we slept long), or an answer got lost: what stands there decides.
            self.written = desk.get(LEASE, &me)?.map(|record| record.value);
            if !desk.check_and_put(LEASE, &me, self.written.as_deref(), &value)? {
                return Err(DeskError::Invalid(format!("another worker writes into the lease of {me}")));
            }
        }
        self.written = Some(value);
        let mut leases = Vec::new();
        let mut after = None;
        loop {
            let page = desk.list(LEASE, "", after.as_deref(), WORKERS_MAX)?;
            leases.extend(page.records.into_iter().filter_map(|record| serde_json::from_slice::<Lease>(&record.value).ok()));
            after = page.more_after;
            if after.is_none() || leases.len() >= WORKERS_MAX {
                break;
            }
        }
        let (look, forgotten) = self.look(leases, now);
        for worker in forgotten {
            desk.delete(LEASE, &worker)?;
        }
        Ok(look)
    }

    /// Takes in what the leases say. Gives what changed, and whose lease can go.
    fn look(&mut self, leases: Vec<Lease>, now: Instant) -> (Look, Vec<String>) {
        // After a time in which nothing could be read, silence before it does not count.
        if let Some(looked) = self.looked.replace(now) {
            let blind = now.saturating_duration_since(looked).saturating_sub(self.round / 2);
            self.seen.values_mut().for_each(|seen| seen.since += blind);
        }
        let mut there = BTreeMap::new();
        for lease in leases.into_iter().filter(|lease| lease.worker != self.me.worker) {
            let (since, round) = match self.seen.remove(&lease.worker) {
                Some(seen) if seen.lease.beat == lease.beat && seen.lease.started == lease.started => (seen.since, seen.round),
                _ => (now, self.me.rounds),
            };
            there.insert(lease.worker.clone(), Seen { lease, since, round });
        }
        self.seen = there;
        let patience = self.patience();
        let forgotten = self.round * FORGET_ROUNDS;
        let forgotten = self.seen.iter().filter(|(_, seen)| now.saturating_duration_since(seen.since) > forgotten);
        let forgotten: Vec<String> = forgotten.map(|(worker, _)| worker.clone()).collect();
        let alive = |seen: &Seen| now.saturating_duration_since(seen.since) <= patience;
        let living = self.seen.iter().filter(|(_, seen)| alive(seen)).map(|(worker, _)| worker.clone()).collect();
        let before = std::mem::replace(&mut self.living, living);
        let death = |worker: String| Death { heard: self.seen.get(&worker).map_or(0, |seen| seen.round), worker };
        let died = before.into_iter().filter(|worker| !self.living.contains(worker)).map(death).collect();
        let mut members = vec![self.me.worker.as_str()];
        let mut different = Vec::new();
        for seen in self.seen.values().filter(|seen| alive(seen)) {
            if seen.lease.rules.is_empty() {
                // It has not read its rules yet.
            } else if seen.lease.rules == self.me.rules {
                members.push(&seen.lease.worker);
            } else {
                different.push((seen.lease.worker.clone(), seen.lease.rules.clone()));
            }
        }
        let ring = Ring::new(members);
        let changed = ring != self.ring;
        self.ring = ring;
        (Look { changed, died, different }, forgotten)
    }

    /// Whose is what, as of the last look.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Whether this is ours to do.
    pub fn is_mine(&self, name: &str) -> bool {
        self.ring.owner(name) == Some(self.me())
    }

    /// Whether a worker that left something unfinished still lives.
    pub fn lives(&self, worker: &str) -> bool {
        worker == self.me() || self.living.iter().any(|living| living == worker)
    }

    /// Leaves in order: others take over at their next look.
    ///
    /// # Errors
    /// The table is away.
    pub fn leave(&self, desk: &Desk) -> Result<(), DeskError> {
        desk.delete(LEASE, &self.me.worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Duration = Duration::from_secs(60);

    fn lease(worker: &str, beat: u64) -> Lease {
        Lease { worker: worker.into(), beat, rules: "r".into(), ..Lease::default() }
    }

    fn share() -> Share {
        let mut share = Share::new("a".into(), ROUND, 0);
        share.describe("r", 1, 0, 0);
        share
    }

    #[test]
    fn shares_are_even_and_stay_when_others_come() {
        let owners = |workers: &[&str]| -> Vec<String> {
            let ring = Ring::new(workers.iter().copied());
            (0..3_000).map(|n| ring.owner(&format!("rule{n}")).unwrap().to_string()).collect()
        };
        let (two, three) = (owners(&["a", "b"]), owners(&["a", "b", "c"]));
        for worker in ["a", "b", "c"] {
            let count = three.iter().filter(|owner| *owner == worker).count();
            assert!((700..1_300).contains(&count), "{worker} {count}");
        }
        assert!(two.iter().zip(&three).all(|(before, now)| before == now || now == "c"));
        assert_eq!(Ring::default().owner("x"), None);
    }

    #[test]
    fn who_is_silent_for_most_of_a_round_is_dead() {
        let mut share = share();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(share.look(vec![lease("a", 1), lease("b", 1)], at(0)).0.changed);
        assert!((0..99).any(|n| !share.is_mine(&format!("{n}"))));
        assert_eq!(share.look(vec![lease("b", 2)], at(15)).0, Look::default());
        // Killed right after that beat.
        assert_eq!(share.look(vec![lease("b", 2)], at(30)).0, Look::default());
        assert_eq!(share.look(vec![lease("b", 2)], at(45)).0, Look::default());
        let (look, _) = share.look(vec![lease("b", 2)], at(60));
        assert_eq!((look.changed, look.died), (true, vec![Death { worker: "b".to_string(), heard: 0 }]));
        assert!((0..99).all(|n| share.is_mine(&format!("{n}"))));
        assert!(!share.lives("b") && share.lives("a"));
        // The same name that beats again lives again; its lease is deleted when it stays silent.
        assert!(share.look(vec![lease("b", 3)], at(75)).0.changed);
        for n in 6..85 {
            share.look(vec![lease("b", 3)], at(n * 15));
        }
        assert_eq!(share.look(vec![lease("b", 3)], at(75 + 21 * 60)).1, ["b"]);
    }

    #[test]
    fn who_could_not_look_takes_nobody_for_dead() {
        let mut share = share();
        let start = Instant::now();
        share.look(vec![lease("b", 1)], start);
        let (look, _) = share.look(vec![lease("b", 1)], start + Duration::from_secs(600));
        assert_eq!(look, Look::default());
    }

    #[test]
    fn other_rules_are_said_and_share_nothing() {
        let mut share = share();
        let other = Lease { rules: "s".into(), ..lease("b", 1) };
        let fresh = Lease { rules: String::new(), ..lease("d", 1) };
        let (look, _) = share.look(vec![other, lease("c", 1), fresh], Instant::now());
        assert_eq!(look.different, [("b".to_string(), "s".to_string())]);
        let ring = Ring::new(["a", "c"]);
        assert!((0..99).all(|n| share.is_mine(&format!("{n}")) == (ring.owner(&format!("{n}")) == Some("a"))));
    }
}
