//! What people are told: one message about one alert, or about several that were merged.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a notice is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A rule is broken, or worse than before.
    Alert,
    /// What was broken is well again.
    Recovery,
    /// Nobody took care in time.
    Escalation,
    /// The state cannot be told: the store or the series is away.
    Unknown,
    /// A series behaves strangely.
    Anomaly,
    /// A person did something: acknowledged, closed, silenced.
    Action,
    /// Sent by hand to try a channel.
    Test,
}

impl Kind {
    /// The word for it in texts and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Alert => "alert",
            Kind::Recovery => "recovery",
            Kind::Escalation => "escalation",
            Kind::Unknown => "unknown",
            Kind::Anomaly => "anomaly",
            Kind::Action => "action",
            Kind::Test => "test",
        }
    }
}

/// One of the things that a notice tells of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What it is about, for people: `sys.cpu.user{host=web01}`.
    pub name: String,
    /// The tags of the group.
    pub tags: BTreeMap<String, String>,
    /// `critical`, `warning`, `unknown`, `normal`.
    pub level: String,
    /// The number that was judged, if there was one.
    pub value: Option<f64>,
    /// In words: the condition and what was found.
    pub text: String,
    /// Seconds of the point that was judged.
    pub at: i64,
    /// TSUID of the series in upper-case hex, if the event is about one series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tsuid: Option<String>,
}

/// A message, before it is written for a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Names this notice for ever: `Message-ID` of the mail, field `id` of the JSON. A repeated delivery carries the same.
    pub id: String,
    /// The incident it belongs to: mails of one incident form a thread.
    pub incident: String,
    /// Why it is sent.
    pub kind: Kind,
    /// The worst level among the events.
    pub level: String,
    /// Name of the rule.
    pub rule: String,
    /// One line.
    pub title: String,
    /// Some lines.
    pub text: String,
    /// What the rule's author wants to be known with it.
    pub note: String,
    /// The HTML part of its mail, if the rule's author wrote one: values in it are escaped already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Free pairs of the rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Seconds since when it has been so.
    pub since: i64,
    /// Seconds of this notice.
    pub at: i64,
    /// How many notices of this incident there have been, this one included, and how many there may be (0: any number).
    pub step: u32,
    /// See `step`.
    pub max_step: u32,
    /// Address of a page that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What happened: one event, or several merged ones.
    pub events: Vec<Event>,
}

impl Notice {
    /// The value and tags of the first event: what most templates want.
    #[must_use]
    pub fn first(&self) -> Option<&Event> {
        self.events.first()
    }

    /// A notice by which a channel is tried.
    #[must_use]
    pub fn test(channel: &str, at: i64) -> Notice {
        let event = Event {
            name: "tsdb.worker.test{channel=this}".to_owned(),
            tags: BTreeMap::from([("channel".to_owned(), channel.to_owned())]),
            level: "warning".to_owned(),
            value: Some(42.0),
            text: "a test of this channel: nothing is wrong".to_owned(),
            at,
            tsuid: None,
        };
        Notice {
            id: format!("test-{channel}-{at}"),
            incident: format!("test-{channel}"),
            kind: Kind::Test,
            level: "warning".to_owned(),
            rule: "test".to_owned(),
            title: format!("test of the channel {channel}"),
            text: "If you read this, notices of the tsdb worker reach you here.".to_owned(),
            note: String::new(),
            html: None,
            labels: BTreeMap::new(),
            since: at,
            at,
            step: 1,
            max_step: 1,
            link: None,
            events: vec![event],
        }
    }
}
