//! What messages say, and to whom they go.

use super::alert::{Call, Kind, Level, Policy, To};
use super::evaluate::{number, policy};
use super::ids;
use super::notify::{Event, Kind as NoticeKind, Notice, TemplateError, Templates, Wrong};
use super::records::{Alert, Pending, Tags, alert_id};
use super::rule::model::Rule;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything about a rule that its alerts need.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the rule.
    pub name: String,
    /// The life of its alerts.
    pub policy: Policy,
    /// 0 is the highest.
    pub priority: u8,
    /// Seconds that messages wait for others like them.
    pub wait: i64,
    /// Channels for critical alerts, warnings and gone groups.
    pub channels: [Vec<String>; 3],
    /// Channels for the end; `None`: those that were told.
    pub recovery: Option<Vec<String>>,
    /// Templates: a word from the rule's author, what to do, subject, text, HTML.
    pub texts: [String; 5],
    /// Free pairs, for templates.
    pub labels: BTreeMap<String, String>,
    /// Messages say that a series behaves strangely.
    pub anomaly: bool,
}

/// Longest text that a rule's template adds to a message, in bytes: a record of the table holds several messages.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// Priorities from here on are not pressing: their messages are collected (open-falcon's p3 to p6) ...
const LOW_FROM: u8 = 3;
/// ... for so long.
const MERGE: Duration = Duration::from_secs(60);

impl Plan {
    /// Of a rule.
    pub fn of(rule: &Rule) -> Plan {
        let notify = &rule.notify;
        let low = (rule.priority >= LOW_FROM).then_some(MERGE);
        Plan {
            name: rule.name.clone(),
            policy: policy(rule),
            priority: rule.priority,
            wait: rule.merge.or(low).map_or(0, |merge| i64::try_from(merge.as_secs()).unwrap_or(0)),
            channels: [notify.critical.clone(), notify.warning.clone(), notify.unknown.clone()],
            recovery: notify.recovery.clone(),
            texts: [&rule.note, &rule.runbook, &rule.message.subject, &rule.message.text, &rule.message.html].map(String::clone),
            labels: rule.labels.clone(),
            anomaly: false,
        }
    }

    /// One of the worker's own: everything goes to the same channels.
    pub fn own(name: &str, channels: &[String], policy: Policy) -> Plan {
        Plan {
            name: name.to_owned(),
            policy,
            priority: 0,
            wait: 0,
            channels: [channels.to_vec(), channels.to_vec(), channels.to_vec()],
            recovery: None,
            texts: Default::default(),
            labels: BTreeMap::new(),
            anomaly: false,
        }
    }

    /// Whom a call is for.
    pub fn receivers(&self, call: &Call, alert: &Alert) -> Vec<String> {
        let [critical, warning, unknown] = &self.channels;
        match (&call.to, call.kind) {
            (To::Named(names), _) => names.clone(),
            (_, Kind::Recovery) => self.recovery.clone().unwrap_or_else(|| alert.channels.clone()),
            (_, Kind::Unknown) => unknown.clone(),
            (To::Level(Level::Critical), _) => critical.clone(),
            (To::Level(Level::Unknown), _) => unknown.clone(),
            (To::Level(_), _) => warning.clone(),
        }
    }

    /// Adds a call's messages to an alert, one a channel. `by`: who will send them. Gives how many.
    pub fn add(&self, call: &Call, alert: &mut Alert, by: &str, now: i64, author: &Author) -> usize {
        let channels = self.receivers(call, alert);
        let notice = author.notice(self, call, alert);
        alert.note.clone_from(&notice.note);
        let wait = match call.kind {
            // Gone groups come in swarms.
            Kind::Unknown => 2 * self.policy.every_s,
            Kind::Escalation | Kind::Action => 0,
            _ => self.wait,
        };
        let subject = if alert.metric.is_empty() { self.name.clone() } else { alert.metric.clone() };
        for channel in &channels {
            if !alert.channels.contains(channel) {
                alert.channels.push(channel.clone());
            }
            alert.outbox.push(Pending {
                channel: channel.clone(),
                notice: notice.clone(),
                kind: call.kind,
                priority: self.priority,
                subject: subject.clone(),
                since: now,
                wait,
                by: by.to_owned(),
            });
        }
        channels.len()
    }
}

/// `metric{host=a,...}`. The detectors' groups have their metric among their tags; it is not said twice.
pub fn series_name(metric: &str, tags: &Tags) -> String {
    let other = tags.iter().filter(|(key, value)| *key != "metric" || *value != metric);
    let tags: Vec<String> = other.map(|(key, value)| format!("{key}={value}")).collect();
    format!("{metric}{{{}}}", tags.join(","))
}

/// Writes messages.
#[derive(Default)]
pub struct Author {
    /// The engine of templates.
    pub templates: Templates,
    /// Where the pages are: `http://host:4242`; empty: messages have no link.
    pub link: String,
}

impl Author {
    fn notice(&self, plan: &Plan, call: &Call, alert: &Alert) -> Notice {
        self.tried(plan, call, alert).0
    }

    /// A message, and which of the rule's templates fail: what stands in for them is in it.
    pub fn tried(&self, plan: &Plan, call: &Call, alert: &Alert) -> (Notice, Vec<Wrong>) {
        let mut wrong = Vec::new();
        let name = series_name(&alert.metric, &alert.tags);
        let level = if call.kind == Kind::Recovery { Level::Normal } else { call.level };
        let incident = alert.state.incident.as_ref();
        let since = incident.map_or(alert.state.since, |incident| incident.start);
        let event = Event {
            name: name.clone(),
            tags: alert.tags.clone(),
            level: level.name().to_owned(),
            value: call.value,
            text: alert.text.clone(),
            at: call.at,
            tsuid: alert.tsuids.first().cloned(),
        };
        let mut notice = Notice {
            id: call.id.clone(),
            incident: call.id.rsplit_once('.').map_or_else(|| call.id.clone(), |(incident, _)| incident.to_owned()),
            kind: if plan.anomaly && call.kind == Kind::Alert { NoticeKind::Anomaly } else { kind(call.kind) },
            level: level.name().to_owned(),
            rule: plan.name.clone(),
            title: format!("{}: {} {name}", word(call), plan.name),
            text: lines(call, alert, since),
            note: String::new(),
            html: None,
            labels: plan.labels.clone(),
            since,
            at: call.at,
            step: call.step,
            max_step: plan.policy.max_step,
            link: (!self.link.is_empty()).then(|| format!("{}/#/alerts/{}", self.link, alert_id(&plan.name, &alert.tags))),
            events: vec![event],
        };
        let [note, runbook, subject, text, html] = &plan.texts;
        let mut filled = |field, template, notice: &Notice| self.filled((field, template), notice, &mut wrong);
        let hints = [filled("note", note, &notice), filled("runbook", runbook, &notice)];
        notice.note = hints.into_iter().flatten().collect::<Vec<_>>().join("\n");
        if let Some(subject) = filled("message.subject", subject, &notice) {
            notice.title = subject.lines().next().unwrap_or_default().to_owned();
        }
        if let Some(text) = filled("message.text", text, &notice) {
            notice.text = text;
        }
        if !html.is_empty() {
            match self.templates.html(html, &notice).map(bounded) {
                Ok(html) => notice.html = Some(html),
                // The usual HTML stands in, and says so.
                Err(error) => {
                    notice.note = format!("{}\n(html: {error})", notice.note).trim_start().to_owned();
                    wrong.push(Wrong { field: "message.html", error });
                }
            }
        }
        (notice, wrong)
    }

    /// A template's text; the error's text where it fails: better than no message.
    fn filled(&self, (field, template): (&'static str, &String), notice: &Notice, wrong: &mut Vec<Wrong>) -> Option<String> {
        let failed = |error: TemplateError| {
            let text = format!("({error})");
            wrong.push(Wrong { field, error });
            text
        };
        (!template.is_empty()).then(|| self.templates.text(template, notice).map_or_else(failed, bounded))
    }

    /// Several messages of one channel as one. Its id is made of theirs, in any order.
    pub fn merged(&self, about: &str, mut parts: Vec<Notice>) -> Option<Notice> {
        parts.sort_by(|a, b| a.id.cmp(&b.id));
        let all: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
        let id = format!("merged-{}", ids::short(&all.join(" ")));
        let mut notice = parts.first()?.clone();
        let rank = |level: &str| ["normal", "warning", "critical", "unknown"].iter().position(|known| *known == level);
        let worst = parts.iter().map(|part| part.level.as_str()).max_by_key(|level| rank(level)).unwrap_or_default().to_owned();
        let kind = notice.title.split(':').next().unwrap_or_default().to_owned();
        notice.title = format!("{kind}: {} x {about}", parts.len());
        notice.text = parts.iter().map(|part| part.title.as_str()).collect::<Vec<_>>().join("\n");
        (notice.since, notice.at) = (parts.iter().map(|p| p.since).min()?, parts.iter().map(|p| p.at).max()?);
        (notice.incident, notice.id, notice.level, notice.html) = (id.clone(), id, worst, None);
        notice.labels.retain(|key, value| parts.iter().all(|part| part.labels.get(key) == Some(value)));
        if parts.iter().any(|part| part.rule != notice.rule) {
            notice.rule = String::new();
        }
        notice.events = parts.into_iter().flat_map(|part| part.events).collect();
        Some(notice)
    }
}

/// A text that fits into a record; where it is cut, that is said.
pub fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push_str(&format!(" ... (cut after {TEXT_BYTES_MAX} bytes: TEXT_BYTES_MAX)"));
    }
    text
}

fn kind(kind: Kind) -> NoticeKind {
    match kind {
        Kind::Alert | Kind::Flapping => NoticeKind::Alert,
        Kind::Recovery => NoticeKind::Recovery,
        Kind::Unknown => NoticeKind::Unknown,
        Kind::Escalation => NoticeKind::Escalation,
        Kind::Action => NoticeKind::Action,
    }
}

fn word(call: &Call) -> String {
    let level = call.level.name().to_uppercase();
    match call.kind {
        Kind::Alert | Kind::Unknown => level,
        Kind::Recovery => format!("OK, was {level}"),
        Kind::Escalation => format!("NOBODY TOOK IT, {level}"),
        Kind::Flapping => format!("COMES AND GOES, {level}"),
        Kind::Action => "ACTION".to_owned(),
    }
}

fn lines(call: &Call, alert: &Alert, since: i64) -> String {
    let time = |seconds: i64| Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string());
    let mut lines = vec![alert.text.clone()];
    if let Some(value) = call.value {
        lines.push(format!("value {} at {}", number(value), time(call.at)));
    }
    lines.push(format!("since {}", time(since)));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
