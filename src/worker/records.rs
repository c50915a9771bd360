//! What workers keep in the table: alerts with their messages that wait, history, silences, and what is anomalous now.
//!
//! | kind | id | what |
//! | --- | --- | --- |
//! | `alert` | rule `/` group's hash | state, and messages that are not known to be sent ([`Alert`]) |
//! | `claim` | id of a merged message | which messages it stands for ([`Claim`]) |
//! | `history` | turned-round time `/` incident `/` number | what happened ([`Event`]), the newest first |
//! | `silence` | its id | [`Silence`] |
//! | `rule` | name | text of a rule that was written in the browser ([`StoredRule`]) |
//! | `anomaly` | worker `/` part | what is anomalous now ([`Anomalies`]) |
//! | `groups` | rule `/` part | see [`super::groups`] |
//! | `lease` | worker | see [`super::share`] |
//! | `worker` | worker | what it does and what it cannot do ([`Status`]) |
//!
//! A message is written down together with the state that caused it, in one record: a kill before it is sent leaves it
//! there, a kill after it repeats it with the same id.

use super::alert::{Change, Kind, Level, Mark, Silence, State};
use super::ids;
use super::notify::Notice;
use crate::desk::{Desk, DeskError, PAGE_RECORDS_MAX};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Kinds of records.
pub const ALERT: &str = "alert";
/// See [`ALERT`].
pub const CLAIM: &str = "claim";
/// See [`ALERT`].
pub const HISTORY: &str = "history";
/// See [`ALERT`].
pub const SILENCE: &str = "silence";
/// See [`ALERT`].
pub const RULE: &str = "rule";
/// See [`ALERT`].
pub const ANOMALY: &str = "anomaly";
/// See [`ALERT`].
pub const WORKER: &str = "worker";
/// Most records of one kind that are read at once.
pub const RECORDS_MAX: usize = 100_000;
/// Times of the history are counted down from here, so that the newest stand first: the year 33658.
const TIME_END: i64 = 999_999_999_999;
/// How often a change starts anew because another writer was faster.
const TRIES: usize = 8;

/// Tags of a group.
pub type Tags = BTreeMap<String, String>;

/// One rule and one group, as they stand in the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alert {
    /// Grows with each change, so that no two records are alike.
    pub version: u64,
    /// Name of the rule.
    pub rule: String,
    /// What tells the group apart.
    pub tags: Tags,
    /// The metric, or what stands for it.
    pub metric: String,
    /// The state.
    pub state: State,
    /// The condition and what was found, in words.
    pub text: String,
    /// What the rule's author wants to be known with it.
    pub note: String,
    /// 0 is the highest.
    pub priority: u8,
    /// Queries of the rule, for this group alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<String>,
    /// The series, in hex, if the group is one or a few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tsuids: Vec<String>,
    /// For default deadlines: seconds between two checks.
    pub every: i64,
    /// Most messages about one level of it; `None`: a record from before this was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_step: Option<u32>,
    /// Channels that were told of the incident.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// Messages that are not known to be sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Pending>,
}

/// A message for one channel that is not known to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The channel.
    pub channel: String,
    /// What is sent.
    pub notice: Notice,
    /// Why, for merging.
    pub kind: Kind,
    /// 0 is the highest.
    pub priority: u8,
    /// What it is about, for merging.
    pub subject: String,
    /// Seconds since when it waits.
    pub since: i64,
    /// Seconds that it waits for others like it.
    pub wait: i64,
    /// The worker that sends it.
    pub by: String,
}

/// Several messages that go out as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Its own id is that of the record.
    pub notice: Notice,
    /// The channel.
    pub channel: String,
    /// Records of the alerts, and ids of the messages in their outboxes.
    pub parts: Vec<(String, String)>,
    /// The worker that sends it.
    pub by: String,
    /// Seconds.
    pub at: i64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Seconds.
    pub at: i64,
    /// What.
    pub change: Change,
    /// Of which incident.
    pub incident: String,
    /// When that began.
    pub start: i64,
    /// Name of the rule.
    pub rule: String,
    /// The group.
    pub tags: Tags,
    /// The metric, or what stands for it.
    pub metric: String,
    /// The level then.
    pub level: Level,
    /// The number behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// In words.
    pub text: String,
    /// By whom and why, if it was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// A rule file that was written in the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRule {
    /// Grows with each change.
    pub version: u64,
    /// TOML.
    pub text: String,
    /// Who.
    pub user: String,
    /// When, seconds.
    pub at: i64,
}

/// What one worker finds anomalous now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Anomalies {
    /// When the round began, seconds.
    pub at: i64,
    /// Length of the rounds, seconds: older than some of them is out of date.
    pub round: i64,
    /// Series that were looked at, and those that were left out as too short, stale or boring.
    pub looked_at: u64,
    /// See `looked_at`.
    pub skipped: u64,
    /// There are more than are listed.
    pub cut: bool,
    /// The series.
    pub series: Vec<Anomaly>,
}

/// An anomalous series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Its id in hex.
    pub tsuid: String,
    /// Its metric.
    pub metric: String,
    /// Its tags.
    pub tags: Tags,
    /// In which part of its metric it stands.
    #[serde(default)]
    pub part: u32,
    /// Since when, seconds.
    pub since: i64,
    /// Time of the newest point, seconds.
    pub last: i64,
    /// The newest value; of a metric that counts up its newest change per second.
    pub value: f64,
    /// The metric counts up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rate: bool,
    /// Algorithms that said so.
    pub votes: Vec<String>,
    /// How many were asked.
    pub asked: usize,
    /// Their numbers, by name.
    pub numbers: BTreeMap<String, BTreeMap<String, f64>>,
}

/// What a worker says of its last round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// When that began, seconds.
    pub at: i64,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Rules that were checked in it.
    pub checked: usize,
    /// Groups that are known.
    pub groups: usize,
    /// Incidents that are open.
    pub open: usize,
    /// Messages that wait.
    pub waiting: usize,
    /// Faults in rule files, and workers with other rules.
    pub faults: Vec<String>,
    /// Rules that could not be checked, and why.
    pub troubles: BTreeMap<String, String>,
}

/// The id of an alert's record.
pub fn alert_id(rule: &str, tags: &Tags) -> String {
    let group: String = tags.iter().map(|(key, value)| format!("{key}={value},")).collect();
    format!("{rule}/{}", ids::short(&group))
}

/// The id of an event's record.
pub fn event_id(event: &Event, number: usize) -> String {
    format!("{:012}/{}/{}-{number}", TIME_END - event.at.clamp(0, TIME_END), event.incident, change_word(event.change))
}

/// The beginning of ids of events at a time: those of the same second and older come from there on.
pub fn history_from(at: i64) -> String {
    format!("{:012}", TIME_END - at.clamp(0, TIME_END))
}

/// A change as it is written in ids.
fn change_word(change: Change) -> String {
    serde_json::to_value(change).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// All records of a kind whose ids begin with `prefix`, with the bytes they were read from. What cannot be read is left
/// out and logged: somebody else's version, or damage.
///
/// # Errors
/// The table is away.
pub fn all<T: DeserializeOwned>(desk: &Desk, kind: &str, prefix: &str) -> Result<Vec<(String, T, Vec<u8>)>, DeskError> {
    let mut out = Vec::new();
    let mut after = None;
    loop {
        let page = desk.list(kind, prefix, after.as_deref(), PAGE_RECORDS_MAX)?;
        for record in page.records {
            match serde_json::from_slice(&record.value) {
                Ok(value) => out.push((record.id, value, record.value)),
                Err(why) => tracing::warn!(kind, id = record.id, "a record cannot be read: {why}"),
            }
        }
        after = page.more_after;
        if after.is_none() || out.len() >= RECORDS_MAX {
            return Ok(out);
        }
    }
}

/// One record, with the bytes it was read from.
///
/// # Errors
/// The table is away, or the record is not what it should be.
pub fn one<T: DeserializeOwned>(desk: &Desk, kind: &str, id: &str) -> Result<Option<(T, Vec<u8>)>, DeskError> {
    let Some(record) = desk.get(kind, id)? else { return Ok(None) };
    let value = serde_json::from_slice(&record.value).map_err(|why| DeskError::Invalid(format!("{kind}/{id} cannot be read: {why}")))?;
    Ok(Some((value, record.value)))
}

/// A record as bytes.
///
/// # Errors
/// It cannot be written as JSON.
pub fn bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, DeskError> {
    serde_json::to_vec(value).map_err(|why| DeskError::Invalid(why.to_string()))
}

/// Writes down what happened.
///
/// # Errors
/// The table is away.
pub fn remember(desk: &Desk, events: &[Event]) -> Result<(), DeskError> {
    events.iter().enumerate().try_for_each(|(number, event)| desk.put(HISTORY, &event_id(event, number), &bytes(event)?))
}

/// Changes an alert's record as it stands now; starts anew when another writer was faster. `change` gives `None` to leave
/// it, and the answer. An alert that is not worth keeping is deleted.
///
/// # Errors
/// The table is away, or others change it all the time.
pub fn change_alert<A>(
    desk: &Desk,
    id: &str,
    mut change: impl FnMut(Option<Alert>) -> (Option<Alert>, A),
) -> Result<(Option<Alert>, A), DeskError> {
    for _ in 0..TRIES {
        let read = one::<Alert>(desk, ALERT, id)?;
        let version = read.as_ref().map_or(0, |(alert, _)| alert.version);
        let (alert, old) = read.map_or((None, None), |(alert, bytes)| (Some(alert), Some(bytes)));
        let (next, answer) = change(alert);
        let Some(mut next) = next else { return Ok((None, answer)) };
        next.version = version + 1;
        if put_alert(desk, id, old.as_deref(), &next)? {
            return Ok((Some(next), answer));
        }
    }
    Err(DeskError::Invalid(format!("{ALERT}/{id} is changed by others all the time")))
}

/// Puts an alert if it still is what was read. An alert that is not worth keeping is put and then deleted: who read it
/// before finds out.
///
/// # Errors
/// The table is away.
pub fn put_alert(desk: &Desk, id: &str, read: Option<&[u8]>, next: &Alert) -> Result<bool, DeskError> {
    let keep = next.state.is_worth_keeping() || !next.outbox.is_empty();
    if read.is_none() && !keep {
        return Ok(true);
    }
    let put = desk.check_and_put(ALERT, id, read, &bytes(next)?)?;
    if put && !keep {
        desk.delete(ALERT, id)?;
    }
    Ok(put)
}

/// Silences that are not over.
///
/// # Errors
/// The table is away.
pub fn silences(desk: &Desk, now: i64) -> Result<Vec<Silence>, DeskError> {
    let all = all::<Silence>(desk, SILENCE, "")?;
    Ok(all.into_iter().map(|(_, silence, _)| silence).filter(|silence| !silence.is_past(now)).collect())
}

/// Deletes silences that have been over since before a time, seconds.
///
/// # Errors
/// The table is away.
pub fn forget_silences(desk: &Desk, before: i64) -> Result<(), DeskError> {
    let all = all::<Silence>(desk, SILENCE, "")?;
    all.iter().filter(|(_, silence, _)| silence.is_past(before)).try_for_each(|(id, ..)| desk.delete(SILENCE, id))
}

/// Deletes up to `max` events older than a time. Gives how many.
///
/// # Errors
/// The table is away.
pub fn forget_history(desk: &Desk, before: i64, max: usize) -> Result<usize, DeskError> {
    let page = desk.list(HISTORY, "", Some(&history_from(before)), max)?;
    page.records.iter().try_for_each(|record| desk.delete(HISTORY, &record.id))?;
    Ok(page.records.len())
}

/// Deletes what workers said that have not said anything for a day.
///
/// # Errors
/// The table is away.
pub fn forget_workers(desk: &Desk, now: i64) -> Result<(), DeskError> {
    let old = |at: i64| now - at > 86_400;
    for (id, status, _) in all::<Status>(desk, WORKER, "")?.iter().filter(|(_, status, _)| old(status.at)) {
        tracing::debug!(worker = id, at = status.at, "forgotten");
        desk.delete(WORKER, id)?;
    }
    for (id, ..) in all::<Anomalies>(desk, ANOMALY, "")?.iter().filter(|(_, list, _)| old(list.at)) {
        desk.delete(ANOMALY, id)?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::alert::{Policy, Verdict, step};
    use super::*;
    use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
    use crate::store::{Store, TableSpec};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    pub fn desk(folder: &tempfile::TempDir) -> Desk {
        let store = Arc::new(EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).unwrap());
        store.create_table(&TableSpec::plain("w", &[crate::desk::FAMILY]), &[]).unwrap();
        Desk::new(store, "w")
    }

    #[test]
    fn alerts_live_in_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder);
        let id = alert_id("cpu/high", &[("host".to_string(), "a b".to_string())].into());
        let check = |at: i64, level: Level, there: bool| {
            let (next, _) = change_alert(&desk, &id, |alert| {
                let mut alert = alert.unwrap_or_default();
                let moment = super::super::alert::Moment { now: at, key: "k", ..Default::default() };
                (alert.state, _) = step(alert.state, &Verdict::decided(level, 1.0, at), &moment, &Policy::default());
                (Some(alert), ())
            })
            .unwrap();
            let stored = one::<Alert>(&desk, ALERT, &id).unwrap();
            assert_eq!(stored.is_some(), there, "{at}");
            assert!(!there || stored.unwrap().0 == next.unwrap());
        };
        check(100, Level::Normal, false);
        check(160, Level::Critical, true);
        check(220, Level::Critical, true);
        check(280, Level::Normal, false);
        check(340, Level::Warning, true);
        let read = one::<Alert>(&desk, ALERT, &id).unwrap().unwrap();
        let next = Alert { version: 99, ..read.0.clone() };
        assert!(put_alert(&desk, &id, Some(&read.1), &next).unwrap());
        assert!(!put_alert(&desk, &id, Some(&read.1), &next).unwrap(), "another one was faster");
    }

    #[test]
    fn the_newest_stand_first() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder);
        let event = |at| Event {
            at,
            change: Change::Opened,
            incident: "i".into(),
            start: at,
            rule: "r".into(),
            tags: Tags::new(),
            metric: "m".into(),
            level: Level::Warning,
            value: None,
            text: String::new(),
            mark: None,
        };
        remember(&desk, &[event(100), event(300), event(200)]).unwrap();
        let times = |from: &str| all::<Event>(&desk, HISTORY, from).unwrap().into_iter().map(|(_, event, _)| event.at).collect::<Vec<_>>();
        assert_eq!(times(""), [300, 200, 100]);
        assert_eq!(forget_history(&desk, 150, 10).unwrap(), 1);
        assert_eq!(times(""), [300, 200]);
    }

    #[test]
    fn silences_that_are_over_go_a_day_later() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder);
        for (start, end, every) in [(100, 200, 0), (100, 300, 0), (100, 200, 1_000)] {
            let silence = Silence { start, end, every, ..Silence::default() }.with_id().unwrap();
            desk.put(SILENCE, &silence.id, &bytes(&silence).unwrap()).unwrap();
        }
        let kept = || all::<Silence>(&desk, SILENCE, "").unwrap().into_iter().map(|(_, s, _)| (s.end, s.every)).collect::<BTreeSet<_>>();
        assert_eq!(silences(&desk, 250).unwrap().len(), 2);
        forget_silences(&desk, 199).unwrap();
        assert_eq!(kept().len(), 3);
        forget_silences(&desk, 250).unwrap();
        assert_eq!(kept(), [(200, 1_000), (300, 0)].into());
    }
}
