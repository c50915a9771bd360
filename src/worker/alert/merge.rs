//! Many messages become few. What is pressing goes out at once, each for itself; the rest is collected for a minute and
//! goes out together. Messages about gone groups are collected longer, because they come in swarms.
//!
//! Sources: kit worker SPEC c.5 (open-falcon: by priority, status, receiver and metric), d.2 (Bosun: unknown messages by a
//! common tag, at most so many mails, the rest in one).

use super::{Call, Kind};
use std::collections::BTreeMap;

/// How messages are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merging {
    /// Priorities below it (0 is the highest) are sent at once.
    pub low_from: u8,
    /// Seconds that a low message waits for others.
    pub wait_s: i64,
    /// Seconds that a message about a gone group waits.
    pub unknown_wait_s: i64,
    /// So many gone groups with a tag in common are one message.
    pub group_min: usize,
    /// Most messages about gone groups at a time; the rest is one more.
    pub unknown_max: usize,
}

impl Default for Merging {
    fn default() -> Self {
        Merging { low_from: 3, wait_s: 60, unknown_wait_s: 120, group_min: 5, unknown_max: 5 }
    }
}

/// A message that waits to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting<T> {
    /// The message.
    pub call: Call,
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
    /// How long this message waits for others, seconds.
    pub fn wait_of(&self, kind: Kind, priority: u8) -> i64 {
        match kind {
            Kind::Unknown => self.unknown_wait_s,
            Kind::Escalation | Kind::Action => 0,
            _ if priority < self.low_from => 0,
            _ => self.wait_s,
        }
    }

    /// Takes what is due out of `waiting`. A group is due when its oldest message is; then all of it goes.
    pub fn take<T>(&self, waiting: &mut Vec<Waiting<T>>, now: i64) -> Vec<Batch<T>> {
        let (mut at_once, mut low, mut unknown) = (Vec::new(), BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for message in waiting.drain(..) {
            match message.call.kind {
                Kind::Unknown => unknown.entry(message.receiver.clone()).or_default().push(message),
                kind if self.wait_of(kind, message.priority) == 0 => at_once.push(message),
                kind => {
                    let key = (message.priority, kind.name(), message.receiver.clone(), message.subject.clone());
                    low.entry(key).or_default().push(message);
                }
            }
        }
        let is_due = |messages: &[Waiting<T>], wait: i64| messages.iter().any(|message| now - message.since >= wait);
        let mut out: Vec<Batch<T>> = at_once.into_iter().map(single).collect();
        for (key, messages) in low {
            if is_due(&messages, self.wait_s) {
                out.push(Batch { receiver: key.2, about: key.3, messages });
            } else {
                waiting.extend(messages);
            }
        }
        for (receiver, messages) in unknown {
            if is_due(&messages, self.unknown_wait_s) {
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
