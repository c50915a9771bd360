//! What people do about alerts: `POST /api/alerts/ACT` with `{"ids":[...],"user":"...","message":"..."}`.

use super::{ApiError, ApiRequest, ApiResponse, EVENTS_MAX, answer, body, refused, text};
use crate::clock;
use crate::tsd::Tsd;
use crate::worker::alert::{Act, Action, Kind, Mark, Policy, act as apply};
use crate::worker::messages::series_name;
use crate::worker::notify::{Kind as NoticeKind, Notice};
use crate::worker::open::desk_of;
use crate::worker::records::{self, ALERT, Alert, Event, HISTORY, Pending, Tags, change_alert, remember};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// Alerts of one request.
const IDS_MAX: usize = 1_000;
/// Deletes the history of the alert beside what `forceclose` does.
const PURGE: &str = "purge";

/// Rule and group of an alert.
type Whose = (String, Tags);

/// Whether something can be done by that name.
pub fn is_act(name: &str) -> bool {
    name == PURGE || of(name, &Map::new()).is_some()
}

fn of(name: &str, members: &Map<String, Value>) -> Option<Act> {
    Some(match name {
        "ack" => Act::Ack,
        "close" => Act::Close { within_s: members.get("within").and_then(Value::as_i64) },
        "forceclose" => Act::ForceClose,
        "cancelclose" => Act::CancelClose,
        "forget" => Act::Forget,
        "note" => Act::Note,
        _ => return None,
    })
}

/// Does it to each alert; says which were done, and why others were not.
pub fn act(tsd: &Tsd, request: &ApiRequest, name: &str) -> Result<ApiResponse, ApiError> {
    let members = body(request)?;
    let ids: Vec<String> = match (members.get("ids"), members.get("id")) {
        (Some(Value::Array(ids)), _) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        (_, Some(Value::String(id))) => vec![id.clone()],
        _ => return Err(ApiError::bad("Missing ids: a list of alerts' ids")),
    };
    if ids.len() > IDS_MAX {
        return Err(ApiError::bad(format!("{} alerts at once, at most {IDS_MAX}", ids.len())));
    }
    let user = text(&members, "user");
    let user = if user.is_empty() { request.peer.map_or_else(String::new, |peer| peer.ip().to_string()) } else { user };
    let mark = Mark { user, at: clock::now_s(), message: text(&members, "message") };
    let tell = members.get("notify").and_then(Value::as_bool).unwrap_or(false);
    let (mut done, mut failed, mut purged) = (Vec::new(), Map::new(), BTreeSet::new());
    for id in ids {
        let result = match of(name, &members) {
            Some(act) => one(tsd, &id, act, &mark, tell)?,
            None => closed(tsd, &id, &mark)?.map(|whose| {
                purged.insert(whose);
            }),
        };
        match result {
            Ok(()) => done.push(id),
            Err(why) => drop(failed.insert(id, Value::String(why))),
        }
    }
    if !purged.is_empty() {
        forget(tsd, request, &purged)?;
    }
    if done.is_empty() && !failed.is_empty() {
        let why = failed.values().filter_map(Value::as_str).next().unwrap_or_default().to_owned();
        return Err(ApiError::bad(why).details(Value::Object(failed).to_string()));
    }
    Ok(answer(&json!({"done": done, "failed": failed})))
}

fn one(tsd: &Tsd, id: &str, act: Act, mark: &Mark, tell: bool) -> Result<Result<(), String>, ApiError> {
    let desk = desk_of(tsd);
    let (_, answer) = change_alert(&desk, id, |alert| {
        let Some(mut alert) = alert else { return (None, Err("there is no such alert".to_owned())) };
        let policy = Policy { every_s: alert.every.max(1), ..Policy::default() };
        match apply(alert.state.clone(), act, mark.clone(), &policy) {
            Ok((state, actions)) => {
                let events: Vec<Event> = actions.into_iter().filter_map(|action| event(action, &alert)).collect();
                if tell {
                    told(&mut alert, act, mark);
                }
                alert.state = state;
                (Some(alert), Ok(events))
            }
            Err(why) => (None, Err(why.to_string())),
        }
    })
    .map_err(refused)?;
    Ok(match answer {
        Ok(events) => {
            remember(&desk, &events).map_err(refused)?;
            Ok(())
        }
        Err(why) => Err(why),
    })
}

fn event(action: Action, alert: &Alert) -> Option<Event> {
    let Action::Record { change, incident, level, at, mark, start } = action else { return None };
    let (rule, tags, metric, text) = (alert.rule.clone(), alert.tags.clone(), alert.metric.clone(), alert.text.clone());
    Some(Event { at, change, incident, start, rule, tags, metric, level, value: alert.state.value, text, mark })
}

/// Those that were told of the incident hear of the act; a worker sends it.
fn told(alert: &mut Alert, act: Act, mark: &Mark) {
    let Some(incident) = &mut alert.state.incident else { return };
    let (id, since) = (incident.next_id(), incident.start);
    let name = series_name(&alert.metric, &alert.tags);
    let word = match act {
        Act::Ack => "acknowledged",
        Act::Close { .. } | Act::ForceClose => "closed",
        Act::CancelClose => "not closed after all",
        Act::Forget => "forgotten",
        Act::Note => "noted",
    };
    let notice = Notice {
        id: format!("{id}.{}", mark.at),
        incident: incident.id.clone(),
        kind: NoticeKind::Action,
        level: alert.state.level.name().to_owned(),
        rule: alert.rule.clone(),
        title: format!("{word} by {}: {} {name}", mark.user, alert.rule),
        text: mark.message.clone(),
        note: alert.note.clone(),
        html: None,
        labels: Default::default(),
        since,
        at: mark.at,
        step: 1,
        max_step: 1,
        link: None,
        events: Vec::new(),
    };
    for channel in alert.channels.clone() {
        alert.outbox.push(Pending {
            channel,
            notice: notice.clone(),
            kind: Kind::Action,
            priority: alert.priority,
            subject: alert.metric.clone(),
            since: mark.at,
            wait: 0,
            by: String::new(),
        });
    }
}

/// Closes it; gives whose history is to be deleted.
fn closed(tsd: &Tsd, id: &str, mark: &Mark) -> Result<Result<Whose, String>, ApiError> {
    let Some((alert, _)) = records::one::<Alert>(&desk_of(tsd), ALERT, id).map_err(refused)? else {
        return Ok(Err("there is no such alert".to_owned()));
    };
    let whose = (alert.rule, alert.tags);
    if alert.state.incident.is_some()
        && let Err(why) = one(tsd, id, Act::ForceClose, mark, false)?
    {
        return Ok(Err(why));
    }
    Ok(Ok(whose))
}

/// Deletes what is written about alerts: the history is gone through once, however many they are, and no longer than
/// somebody waits.
fn forget(tsd: &Tsd, request: &ApiRequest, alerts: &BTreeSet<Whose>) -> Result<(), ApiError> {
    let desk = desk_of(tsd);
    let mut after = None;
    loop {
        let page = desk.list(HISTORY, "", after.as_deref(), EVENTS_MAX).map_err(refused)?;
        for record in &page.records {
            let event = serde_json::from_slice::<Event>(&record.value);
            if event.is_ok_and(|event| alerts.contains(&(event.rule, event.tags))) {
                desk.delete(HISTORY, &record.id).map_err(refused)?;
            }
        }
        after = page.more_after;
        if after.is_none() {
            return Ok(());
        }
        if request.cancel.load(Ordering::Relaxed) {
            return Err(ApiError::new(503, "The history is not deleted to its end: nobody waits any more"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::query::engine::Cancel;
    use crate::worker::alert::{Change, Level};
    use crate::worker::records::{alert_id, all, bytes};

    #[test]
    fn the_history_of_purged_alerts_goes_and_that_of_others_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let tsd = Tsd::open(Settings { storage_embedded_path: path, ..Settings::default() }).unwrap();
        let desk = desk_of(&tsd);
        let mut ids = Vec::new();
        for (at, host) in (1..).zip(["a", "b", "c"]) {
            let tags = Tags::from([("host".to_owned(), host.to_owned())]);
            let id = alert_id("r", &tags);
            let alert = Alert { rule: "r".to_owned(), tags: tags.clone(), ..Alert::default() };
            desk.put(ALERT, &id, &bytes(&alert).unwrap()).unwrap();
            ids.push(id);
            let (rule, incident, metric, text) = ("r".to_owned(), format!("i{at}"), "m".to_owned(), String::new());
            let (change, level, value, mark) = (Change::Opened, Level::Warning, None, None);
            remember(&desk, &[Event { at, change, incident, start: at, rule, tags, metric, level, value, text, mark }]).unwrap();
        }
        let body = json!({"ids": [&ids[0], &ids[1], "no such alert"], "user": "ann"}).to_string().into_bytes();
        let request = ApiRequest {
            method: "POST".to_owned(),
            path: "/api/alerts/purge".to_owned(),
            target: String::new(),
            endpoint: "alerts/purge".to_owned(),
            version: 1,
            params: Vec::new(),
            headers: Vec::new(),
            body,
            peer: None,
            cancel: Cancel::default(),
        };
        let answer: Value = serde_json::from_slice(&act(&tsd, &request, PURGE).unwrap().body).unwrap();
        assert_eq!(answer, json!({"done": ids[..2], "failed": {"no such alert": "there is no such alert"}}));
        let left: Vec<i64> = all::<Event>(&desk, HISTORY, "").unwrap().iter().map(|(_, event, _)| event.at).collect();
        assert_eq!(left, [3]);
    }
}
