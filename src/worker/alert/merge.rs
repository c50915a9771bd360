//! Many messages become few. What is pressing goes out at once, each for itself; the rest is collected for a minute and
//! goes out together. Messages about gone groups are collected longer, because they come in swarms.
//!
//! Sources: kit worker SPEC c.5 (open-falcon: by priority, status, receiver and metric), d.2 (Bosun: unknown messages by a
//! common tag, at most so many mails, the rest in one).

use super::Kind;
use std::collections::BTreeMap;

/// How messages are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merging {
    /// So many gone groups with a tag in common are one message.
    pub group_min: usize,
    /// Most messages about gone groups at a time; the rest is one more.
    pub unknown_max: usize,
}

impl Default for Merging {
    fn default() -> Self {
        Merging { group_min: 5, unknown_max: 5 }
    }
}

/// A message that waits to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting<T> {
    /// Why it is sent.
    pub kind: Kind,
    /// One receiver.
    pub receiver: String,
    /// 0 is the highest.
    pub priority: u8,
    /// What it is about, for a person: a metric or a rule.
    pub subject: String,
    /// Tags of the group.
    pub tags: BTreeMap<String, String>,
    /// Since when it waits, seconds.
    pub since: i64,
    /// How long it waits for others, seconds; 0: it goes at once, alone.
    pub wait: i64,
    /// What belongs to it.
    pub item: T,
}

/// Messages that go out as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<T> {
    /// For whom.
    pub receiver: String,
    /// What they have in common, for a person.
    pub about: String,
    /// At least one; several are one message.
    pub messages: Vec<Waiting<T>>,
}

impl Merging {
    /// Takes what is due out of `waiting`. A group is due when one of its messages is; then all of it goes.
    pub fn take<T>(&self, waiting: &mut Vec<Waiting<T>>, now: i64) -> Vec<Batch<T>> {
        let (mut at_once, mut low, mut unknown) = (Vec::new(), BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for message in waiting.drain(..) {
            if message.wait <= 0 {
                at_once.push(message);
            } else if message.kind == Kind::Unknown {
                unknown.entry(message.receiver.clone()).or_default().push(message);
            } else {
                let key = (message.priority, message.kind.name(), message.receiver.clone(), message.subject.clone());
                low.entry(key).or_default().push(message);
            }
        }
        // A clock that went back must not hold messages for ever.
        let due = |message: &Waiting<T>| now - message.since >= message.wait || message.since > now;
        let mut out: Vec<Batch<T>> = at_once.into_iter().map(single).collect();
        for (key, messages) in low {
            if messages.iter().any(due) {
                out.push(Batch { receiver: key.2, about: key.3, messages });
            } else {
                waiting.extend(messages);
            }
        }
        for (receiver, messages) in unknown {
            if messages.iter().any(due) {
                out.extend(self.unknown(&receiver, messages));
            } else {
                waiting.extend(messages);
            }
        }
        out
    }

    /// Gone groups: those with the most common tag together while there are enough of them, then one by one up to the
    /// bound, then the rest.
    fn unknown<T>(&self, receiver: &str, mut left: Vec<Waiting<T>>) -> Vec<Batch<T>> {
        let mut out = Vec::new();
        while out.len() + 1 < self.unknown_max {
            let mut counts = BTreeMap::<(&String, &String), usize>::new();
            left.iter().flat_map(|message| &message.tags).for_each(|tag| *counts.entry(tag).or_default() += 1);
            let most = counts.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count >= self.group_min);
            let Some(((key, value), _)) = most.map(|((key, value), count)| ((key.clone(), value.clone()), count)) else { break };
            let (with, without) = left.into_iter().partition(|message| message.tags.get(&key) == Some(&value));
            left = without;
            out.push(Batch { receiver: receiver.to_owned(), about: format!("{key}={value}"), messages: with });
        }
        let room = self.unknown_max.saturating_sub(out.len());
        if left.len() <= room {
            out.extend(left.into_iter().map(single));
        } else if !left.is_empty() {
            let rest = left.split_off(room.saturating_sub(1));
            out.extend(left.into_iter().map(single));
            let about = format!("{} groups", rest.len());
            out.push(Batch { receiver: receiver.to_owned(), about, messages: rest });
        }
        out
    }
}

fn single<T>(message: Waiting<T>) -> Batch<T> {
    Batch { receiver: message.receiver.clone(), about: message.subject.clone(), messages: vec![message] }
}

impl Kind {
    /// As it is written in messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Alert => "alert",
            Kind::Recovery => "recovery",
            Kind::Unknown => "unknown",
            Kind::Escalation => "escalation",
            Kind::Flapping => "flapping",
            Kind::Action => "action",
        }
    }
}
