//! What people do about alerts: `POST /api/alerts/ACT` with `{"ids":[...],"user":"...","message":"..."}`.

use super::{ApiError, ApiRequest, ApiResponse, EVENTS_MAX, answer, body, refused, text};
use crate::clock;
use crate::tsd::Tsd;
use crate::worker::alert::{Act, Action, Kind, Mark, Policy, act as apply};
use crate::worker::messages::series_name;
use crate::worker::notify::{Kind as NoticeKind, Notice};
use crate::worker::open::desk_of;
use crate::worker::records::{Alert, Event, HISTORY, Pending, change_alert, remember};
use serde_json::{Map, Value, json};

/// Alerts of one request.
const IDS_MAX: usize = 1_000;
/// Deletes the history of the alert beside what `forceclose` does.
const PURGE: &str = "purge";

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
    let (mut done, mut failed) = (Vec::new(), Map::new());
    for id in ids {
        let result = match of(name, &members) {
            Some(act) => one(tsd, &id, act, &mark, tell),
            None => purge(tsd, &id, &mark),
        };
        match result? {
            Ok(()) => done.push(id),
            Err(why) => drop(failed.insert(id, Value::String(why))),
        }
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

/// Closes it and deletes what is written about it.
fn purge(tsd: &Tsd, id: &str, mark: &Mark) -> Result<Result<(), String>, ApiError> {
    let desk = desk_of(tsd);
    let Some((alert, _)) = crate::worker::records::one::<Alert>(&desk, crate::worker::records::ALERT, id).map_err(refused)? else {
        return Ok(Err("there is no such alert".to_owned()));
    };
    let (rule, tags) = (alert.rule.clone(), alert.tags.clone());
    if alert.state.incident.is_some()
        && let Err(why) = one(tsd, id, Act::ForceClose, mark, false)?
    {
        return Ok(Err(why));
    }
    let mut after = None;
    loop {
        let page = desk.list(HISTORY, "", after.as_deref(), EVENTS_MAX).map_err(refused)?;
        for record in &page.records {
            let of_it = |event: &Event| event.rule == rule && event.tags == tags;
            if serde_json::from_slice::<Event>(&record.value).is_ok_and(|event| of_it(&event)) {
                desk.delete(HISTORY, &record.id).map_err(refused)?;
            }
        }
        after = page.more_after;
        if after.is_none() {
            return Ok(Ok(()));
        }
    }
}
