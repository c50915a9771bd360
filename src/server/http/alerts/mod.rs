//! `/api/alerts`: what is open, what was, what people do about it, and rules. Documented in docs/API.md.
//!
//! Alerts are records that workers write; an act of a person is a change of the same record, and the worker that has the
//! rule sees it in its next round.

mod acts;
mod expression;
mod rules;
mod silences;

use super::api::{ApiError, ApiRequest, ApiResponse};
pub(super) use super::query::desk_error as refused;
use super::ui::may_write;
use crate::clock;
use crate::tsd::Tsd;
use crate::worker::alert::silence::longest;
use crate::worker::messages::series_name;
use crate::worker::open::desk_of;
use crate::worker::records::{self, ALERT, Alert, Event, HISTORY, Status, WORKER, history_from};
use crate::worker::share::{LEASE, Lease};
use serde_json::{Map, Value, json};

/// Events of one answer.
const EVENTS_MAX: usize = 1_000;
/// Events that are looked through for one answer.
const EVENTS_READ_MAX: usize = 20_000;

/// Answers all of it.
pub fn alerts(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let mut below = request.endpoint.split('/').skip(1).filter(|part| !part.is_empty());
    let path = (below.next().unwrap_or_default(), below.next().unwrap_or_default());
    // The method as it was sent: a link to another method's work could be put into a page of another site.
    if request.method != "GET" && path != ("rules", "check") && !["test", "expression"].contains(&path.0) {
        may_write(tsd, request)?;
    }
    match (request.method.as_str(), path) {
        ("GET", ("", "")) => open(tsd, request),
        ("GET", ("detail", "")) => detail(tsd, request),
        ("GET", ("history", "")) => history(tsd, request),
        ("GET", ("workers", "")) => workers(tsd),
        ("GET", ("silences", "")) => silences::list(tsd),
        ("POST", ("silence", "")) => silences::silence(tsd, request),
        ("POST", ("unsilence", "")) => silences::unsilence(tsd, request),
        ("POST", ("test", "")) => rules::test(tsd, request),
        ("POST", ("expression", "")) => expression::evaluate(tsd, request),
        ("POST", ("preview", "")) => rules::preview(tsd, request),
        ("GET", ("rules", "")) => rules::list(tsd),
        ("POST", ("rules", "check")) => rules::check(tsd, request),
        ("PUT", ("rules", "")) => rules::put(tsd, request),
        ("DELETE", ("rules", "")) => rules::delete(tsd, request),
        ("POST", (act, "")) if acts::is_act(act) => acts::act(tsd, request, act),
        (method, _) if ["GET", "POST", "PUT", "DELETE"].contains(&method) => Err(ApiError::nowhere()),
        (method, _) => Err(ApiError::method_not_allowed(method)),
    }
}

pub(super) fn answer(value: &Value) -> ApiResponse {
    ApiResponse::json(value.to_string())
}

/// The body as a JSON object.
fn body(request: &ApiRequest) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::bad("The body must be a JSON object")),
        Err(error) => Err(ApiError::bad("Unable to parse the given JSON").details(error.to_string())),
    }
}

fn text(members: &Map<String, Value>, key: &str) -> String {
    members.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A number of the query string.
fn number(request: &ApiRequest, name: &str) -> Result<Option<i64>, ApiError> {
    let wrong = |_| ApiError::bad(format!("{name} must be a whole number"));
    request.param(name).filter(|text| !text.is_empty()).map(|text| text.parse().map_err(wrong)).transpose()
}

fn shown(id: &str, alert: &Alert) -> Value {
    json!({
        "id": id, "name": series_name(&alert.metric, &alert.tags), "rule": alert.rule, "metric": alert.metric, "tags": alert.tags,
        "level": alert.state.level, "value": alert.state.value, "since": alert.state.since, "seen": alert.state.seen,
        "text": alert.text, "note": alert.note, "priority": alert.priority, "tsuids": alert.tsuids,
        "queries": alert.queries, "max_step": alert.max_step,
        "blind": alert.state.blind, "flapping": alert.state.flapping, "incident": alert.state.incident,
        "waiting": alert.outbox.iter().map(|message| json!({"channel": message.channel, "id": message.notice.id, "since": message.since}))
            .collect::<Vec<_>>(),
    })
}

/// What is open, the worst first.
fn open(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (desk, now) = (desk_of(tsd), clock::now_s());
    let silences = records::silences(&desk, now).map_err(refused)?;
    let every = request.param("all").is_some_and(|all| all != "false");
    let wanted = |alert: &Alert| {
        let is = |name: &str, text: &str| request.param(name).is_none_or(|wanted| wanted.is_empty() || wanted == text);
        let words = request.param("q").unwrap_or_default().to_lowercase();
        let name = format!("{} {}", alert.rule, series_name(&alert.metric, &alert.tags)).to_lowercase();
        (every || alert.state.incident.is_some() || alert.state.level > crate::worker::alert::Level::Normal)
            && is("rule", &alert.rule)
            && is("level", alert.state.level.name())
            && words.split_whitespace().all(|word| name.contains(word))
    };
    let mut alerts: Vec<_> = records::all::<Alert>(&desk, ALERT, "").map_err(refused)?;
    alerts.retain(|(_, alert, _)| wanted(alert));
    alerts.sort_by_key(|(_, alert, _)| {
        let incident = alert.state.incident.as_ref();
        (std::cmp::Reverse(alert.state.level), alert.priority, std::cmp::Reverse(incident.map_or(alert.state.since, |i| i.start)))
    });
    let list = alerts.iter().map(|(id, alert, _)| {
        let mut shown = shown(id, alert);
        let silence = longest(&silences, now, &alert.rule, |key| alert.tags.get(key).map(String::as_str));
        if let (Some(silence), Some(members)) = (silence, shown.as_object_mut()) {
            members.insert("silence".into(), json!({"id": silence.id, "until": silence.until(now), "message": silence.message}));
        }
        shown
    });
    Ok(answer(&json!({"now": now, "alerts": list.collect::<Vec<_>>(), "silences": silences.len()})))
}

/// One alert and what happened in its incident.
fn detail(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let desk = desk_of(tsd);
    let id = request.param("id").ok_or_else(|| ApiError::bad("Missing the parameter id"))?;
    let Some((alert, _)) = records::one::<Alert>(&desk, ALERT, id).map_err(refused)? else {
        return Err(ApiError::new(404, "There is no such alert").details(id.to_owned()));
    };
    let events = match &alert.state.incident {
        Some(incident) => events(tsd, &|event| event.incident == incident.id, incident.start, None, EVENTS_MAX)?.0,
        None => Vec::new(),
    };
    let mut shown = shown(id, &alert);
    if let Some(members) = shown.as_object_mut() {
        members.insert("events".into(), json!(events));
    }
    Ok(answer(&shown))
}

/// Events, the newest first, and where to go on. None from before `since` (seconds): there the reading ends.
pub(super) fn events(
    tsd: &Tsd,
    wanted: &dyn Fn(&Event) -> bool,
    since: i64,
    from: Option<String>,
    max: usize,
) -> Result<(Vec<Event>, Option<String>), ApiError> {
    let desk = desk_of(tsd);
    let (mut after, mut found, mut read) = (from, Vec::new(), 0);
    loop {
        let page = desk.list(HISTORY, "", after.as_deref(), EVENTS_MAX).map_err(refused)?;
        for record in &page.records {
            read += 1;
            let event = serde_json::from_slice::<Event>(&record.value).ok();
            if event.as_ref().is_some_and(|event| event.at < since) {
                return Ok((found, None));
            }
            found.extend(event.filter(|event| wanted(event)));
            if found.len() >= max || read >= EVENTS_READ_MAX {
                return Ok((found, Some(record.id.clone())));
            }
        }
        after = page.more_after;
        if after.is_none() {
            return Ok((found, None));
        }
    }
}

fn history(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (start, end) = (number(request, "start")?, number(request, "end")?);
    let max = number(request, "max")?.and_then(|max| usize::try_from(max).ok()).unwrap_or(100).clamp(1, EVENTS_MAX);
    let after = request.param("after").filter(|after| !after.is_empty()).map(str::to_owned);
    let from = after.or_else(|| end.map(|end| history_from(end.saturating_add(1))));
    let is = |name: &str, text: &str| request.param(name).is_none_or(|wanted| wanted.is_empty() || wanted == text);
    let wanted = |event: &Event| is("rule", &event.rule) && is("incident", &event.incident) && is("level", event.level.name());
    let (events, more) = events(tsd, &wanted, start.unwrap_or(i64::MIN), from, max)?;
    Ok(answer(&json!({"events": events, "more": more})))
}

/// Workers as their leases say, and how their last rounds went.
fn workers(tsd: &Tsd) -> Result<ApiResponse, ApiError> {
    let desk = desk_of(tsd);
    let leases = records::all::<Lease>(&desk, LEASE, "").map_err(refused)?;
    let status = records::all::<Status>(&desk, WORKER, "").map_err(refused)?;
    let list = leases.iter().map(|(id, lease, _)| {
        let status = status.iter().find(|(of, ..)| of == id).map(|(_, status, _)| status);
        json!({"worker": id, "lease": lease, "status": status})
    });
    Ok(answer(&json!({"now": clock::now_s(), "workers": list.collect::<Vec<_>>()})))
}
