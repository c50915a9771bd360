//! Messages on their way: from alerts' records to channels, and back to the records when they are sent.
//!
//! | moment of a kill | what stands in the table | what the next worker does |
//! | --- | --- | --- |
//! | before the record is put | the state of before | judges again |
//! | between the record and sending | state and message | sends it |
//! | between sending and taking it out | state and message | sends it once more, with the same id |
//!
//! Several messages in one have a record of their own ([`Claim`]) with the id and all parts before they go, so that they
//! are repeated as the same message too.

use super::alert::merge::{Batch, Merging, Waiting};
use super::messages::Author;
use super::notify::{Dispatcher, Notice, Outcome, Refused};
use super::records::{ALERT, Alert, CLAIM, Claim, Pending, all, bytes, change_alert};
use crate::desk::{Desk, DeskError};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::BTreeSet;

/// Messages that wait in memory; others stay in their records until there is room.
const WAITING_MAX: usize = 100_000;
/// Seconds until a message that its channel did not take is offered again, and until the table that was away is asked again.
const AGAIN_S: i64 = 5;
/// Seconds after which a message of a living worker is sent by another all the same: it may have been forgotten there.
const ABANDONED_S: i64 = 7_200;
/// For tests: the process ends at this point as by a kill. See [`fault`].
const FAULT: &str = "TSDB_TEST_WORKER_FAULT";

/// A message and the record it stands in.
#[derive(Clone, Debug)]
struct Item {
    record: String,
    notice: Notice,
}

/// What was sent: its channel, the messages in it, and the claim if there were several.
#[derive(Clone, Debug)]
struct Parcel {
    channel: String,
    parts: Vec<(String, String)>,
    claim: Option<String>,
    notice: Notice,
}

/// What became of a parcel.
struct Settled(Parcel, Outcome);

/// Messages on their way.
pub struct Post {
    worker: String,
    waiting: Vec<Waiting<Item>>,
    /// Channel and message id of all that waits or is being sent.
    known: BTreeSet<(String, String)>,
    /// Not taken by their channel: offered again at that second.
    again: Vec<(i64, Parcel)>,
    /// Sent, and not taken out of their records yet.
    unrecorded: Vec<Parcel>,
    /// The table was away: until then nothing is taken out of records, and no claim is put.
    record_after: i64,
    claim_after: i64,
    settled: (Sender<Settled>, Receiver<Settled>),
    merging: Merging,
    /// Messages that were sent and that were given up.
    pub counts: (u64, u64),
}

impl Post {
    /// Of one worker.
    pub fn new(worker: &str) -> Post {
        Post {
            worker: worker.to_owned(),
            waiting: Vec::new(),
            known: BTreeSet::new(),
            again: Vec::new(),
            unrecorded: Vec::new(),
            record_after: 0,
            claim_after: 0,
            settled: unbounded(),
            merging: Merging::default(),
            counts: (0, 0),
        }
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.again.len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a message that is written down.
    pub fn take(&mut self, record: &str, tags: &super::records::Tags, message: Pending) {
        if self.waiting.len() >= WAITING_MAX || !self.known.insert((message.channel.clone(), message.notice.id.clone())) {
            return;
        }
        let Pending { channel, notice, kind, priority, subject, since, wait, .. } = message;
        let item = Item { record: record.to_owned(), notice };
        self.waiting.push(Waiting { kind, receiver: channel, priority, subject, tags: tags.clone(), since, wait, item });
    }

    /// Takes what others left: messages of our rules that no living worker sends. `lives`: whether a worker lives.
    pub fn adopt(&mut self, records: Vec<(String, Alert)>, now: i64, mine: impl Fn(&str) -> bool, lives: impl Fn(&str) -> bool) {
        for (record, alert) in records.into_iter().filter(|(_, alert)| mine(&alert.rule)) {
            for message in alert.outbox {
                let other = message.by != self.worker && lives(&message.by);
                if !other || now - message.since > ABANDONED_S {
                    self.take(&record, &alert.tags, message);
                }
            }
        }
    }

    /// The same for claims.
    ///
    /// # Errors
    /// The table is away.
    pub fn adopt_claims(&mut self, desk: &Desk, lives: impl Fn(&str) -> bool) -> Result<(), DeskError> {
        for (id, claim, _) in all::<Claim>(desk, CLAIM, "")? {
            if claim.by != self.worker && lives(&claim.by) || self.known.contains(&(claim.channel.clone(), id.clone())) {
                continue;
            }
            self.known.insert((claim.channel.clone(), id.clone()));
            // Its parts go with it and not by themselves.
            self.known.extend(claim.parts.iter().map(|(_, notice)| (claim.channel.clone(), notice.clone())));
            let parts = claim.parts.clone();
            self.waiting.retain(|w| w.receiver != claim.channel || !parts.iter().any(|(_, notice)| *notice == w.item.notice.id));
            self.again.push((0, Parcel { channel: claim.channel, parts: claim.parts, claim: Some(id), notice: claim.notice }));
        }
        Ok(())
    }

    /// Sends what is due.
    pub fn send(&mut self, desk: &Desk, dispatcher: &Dispatcher, author: &Author, now: i64) {
        let due: Vec<Parcel> = self.again.extract_if(.., |(at, _)| *at <= now).map(|(_, parcel)| parcel).collect();
        due.into_iter().for_each(|parcel| self.submit(parcel, dispatcher, now));
        if now < self.claim_after {
            return;
        }
        for batch in self.merging.take(&mut self.waiting, now) {
            match self.pack(batch, desk, author, now) {
                Ok(parcel) => self.submit(parcel, dispatcher, now),
                Err((messages, error)) => {
                    tracing::warn!("{} messages wait: {error}", messages.len());
                    self.waiting.extend(messages);
                    self.claim_after = now + AGAIN_S;
                }
            }
        }
    }

    /// Makes one parcel of a batch; of several messages only after that is written down.
    fn pack(&mut self, batch: Batch<Item>, desk: &Desk, author: &Author, now: i64) -> Result<Parcel, (Vec<Waiting<Item>>, DeskError)> {
        let parts: Vec<_> = batch.messages.iter().map(|w| (w.item.record.clone(), w.item.notice.id.clone())).collect();
        let notices: Vec<Notice> = batch.messages.iter().map(|w| w.item.notice.clone()).collect();
        let channel = batch.receiver.clone();
        if let [single] = notices.as_slice() {
            return Ok(Parcel { channel, parts, claim: None, notice: single.clone() });
        }
        let Some(notice) = author.merged(&batch.about, notices) else {
            return Err((batch.messages, DeskError::Invalid("nothing to send".to_owned())));
        };
        let claim = Claim { notice: notice.clone(), channel: channel.clone(), parts: parts.clone(), by: self.worker.clone(), at: now };
        let id = format!("{}/{channel}", notice.id);
        match bytes(&claim).and_then(|value| desk.put(CLAIM, &id, &value)) {
            Ok(()) => {
                self.known.insert((channel.clone(), id.clone()));
                Ok(Parcel { channel, parts, claim: Some(id), notice })
            }
            Err(error) => Err((batch.messages, error)),
        }
    }

    fn submit(&mut self, parcel: Parcel, dispatcher: &Dispatcher, now: i64) {
        fault(if parcel.claim.is_some() { "claimed" } else { "recorded" });
        let settled = self.settled.0.clone();
        let copy = parcel.clone();
        let done = Box::new(move |outcome: Outcome| {
            if outcome == Outcome::Delivered {
                fault("sent");
            }
            // Nobody listens any more: it stands in its record.
            let _ = settled.send(Settled(copy, outcome));
        });
        match dispatcher.submit(&parcel.channel, parcel.notice.clone(), done) {
            Ok(()) => {}
            Err(Refused::Full) => self.again.push((now + AGAIN_S, parcel)),
            Err(Refused::Unknown) => {
                tracing::error!("notice {} is given up: no channel is called {}", parcel.notice.id, parcel.channel);
                self.counts.1 += 1;
                self.unrecorded.push(parcel);
            }
        }
    }

    /// Sends one message that stands in no record, because there is no table to be had.
    pub fn unwritten(&mut self, message: Pending, dispatcher: &Dispatcher, now: i64) {
        let parcel = Parcel { channel: message.channel, parts: Vec::new(), claim: None, notice: message.notice };
        self.submit(parcel, dispatcher, now);
    }

    /// Takes what was sent out of its records.
    pub fn settle(&mut self, desk: &Desk, now: i64) {
        let settled: Vec<Settled> = self.settled.1.try_iter().collect();
        for Settled(parcel, outcome) in settled {
            match outcome {
                Outcome::Delivered => self.counts.0 += 1,
                Outcome::Dead(_) => self.counts.1 += 1,
                Outcome::Kept(_) => {
                    self.again.push((now + AGAIN_S, parcel));
                    continue;
                }
            }
            self.unrecorded.push(parcel);
        }
        if now < self.record_after {
            return;
        }
        let mut parcels = std::mem::take(&mut self.unrecorded).into_iter();
        while let Some(parcel) = parcels.next() {
            if let Err(error) = self.record(desk, &parcel) {
                tracing::warn!("that notice {} is sent cannot be written down yet: {error}", parcel.notice.id);
                self.record_after = now + AGAIN_S;
                // What is away for one is away for the next, and each question may take until its deadline. Last comes the
                // one that failed: it may be the only one.
                self.unrecorded.extend(parcels.by_ref());
                self.unrecorded.push(parcel);
            }
        }
    }

    /// The last of [`Post::settle`], when the worker stops.
    pub fn finish(&mut self, desk: &Desk, now: i64) {
        self.record_after = 0;
        self.settle(desk, now);
    }

    fn record(&mut self, desk: &Desk, parcel: &Parcel) -> Result<(), DeskError> {
        for (record, notice) in &parcel.parts {
            change_alert(desk, record, |alert| {
                let Some(mut alert) = alert else { return (None, ()) };
                let before = alert.outbox.len();
                alert.outbox.retain(|message| message.channel != parcel.channel || message.notice.id != *notice);
                ((alert.outbox.len() != before).then_some(alert), ())
            })?;
        }
        if let Some(claim) = &parcel.claim {
            desk.delete(CLAIM, claim)?;
            self.known.remove(&(parcel.channel.clone(), claim.clone()));
        }
        for (_, notice) in &parcel.parts {
            self.known.remove(&(parcel.channel.clone(), notice.clone()));
        }
        tracing::debug!(kind = ALERT, "notice {} to {} is done", parcel.notice.id, parcel.channel);
        Ok(())
    }
}

/// Ends the process as a kill would, where a test asks for it: between writing a message down and sending it
/// (`recorded`; `claimed` for several in one), or between sending it and taking it out of its record (`sent`).
fn fault(point: &str) {
    if std::env::var(FAULT).is_ok_and(|wanted| wanted == point) {
        tracing::error!("{FAULT}={point}: the process ends here");
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;
    use std::sync::Arc;

    fn sent(id: &str) -> Parcel {
        let notice = serde_json::json!({
            "id": id, "incident": "i", "kind": "alert", "level": "critical", "rule": "r", "title": "", "text": "", "note": "",
            "since": 0, "at": 0, "step": 1, "max_step": 0, "events": []
        });
        let parts = vec![(format!("record {id}"), id.to_owned())];
        Parcel { channel: "out".into(), parts, claim: None, notice: serde_json::from_value(notice).unwrap() }
    }

    #[test]
    fn a_table_that_is_away_is_asked_now_and_then() {
        let store = Arc::new(MemoryStore::default());
        let desk = Desk::new(store.clone(), "w");
        let mut post = Post::new("me");
        post.unrecorded = vec![sent("a"), sent("b")];
        let left = |post: &Post| post.unrecorded.iter().map(|parcel| parcel.notice.id.clone()).collect::<Vec<_>>().join(" ");
        store.away.store(true, std::sync::atomic::Ordering::SeqCst);
        post.settle(&desk, 100);
        // One question; the other one goes first next time.
        assert_eq!(left(&post), "b a");
        store.away.store(false, std::sync::atomic::Ordering::SeqCst);
        post.settle(&desk, 100 + AGAIN_S - 1);
        assert_eq!(left(&post), "b a");
        post.settle(&desk, 100 + AGAIN_S);
        assert_eq!(left(&post), "");
        post.unrecorded = vec![sent("c")];
        post.record_after = i64::MAX;
        post.finish(&desk, 200);
        assert_eq!(left(&post), "", "who stops does not wait");
    }
}
