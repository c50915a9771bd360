//! Rules: those of files, which are read only here, and those of the table, which are written here.

use super::{ApiError, ApiRequest, ApiResponse, answer, body, refused, text};
use crate::clock;
use crate::point::PointTime;
use crate::query::request::date::{Clock, parse_date};
use crate::tsd::{self, Tsd};
use crate::worker::asked;
use crate::worker::house::Tables;
use crate::worker::loader;
use crate::worker::messages::Author;
use crate::worker::notify::{Templates, Wrong};
use crate::worker::open::desk_of;
use crate::worker::options::Options;
use crate::worker::preview::{self, Sample};
use crate::worker::records::{self, RULE, StoredRule, Tags, bytes};
use crate::worker::replay::{ReplayError, replay};
use crate::worker::rule::calendar::{Maintenance, MaintenanceAction};
use crate::worker::rule::file::{self, SourceFile};
use crate::worker::rule::model::{Condition, Fault, Rule, RuleSet};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Longest text of a stored rule.
const TEXT_BYTES_MAX: usize = 256 << 10;
/// Longest name of a stored rule.
const NAME_BYTES_MAX: usize = 100;
/// Stored rules at most.
const RULES_MAX: usize = 10_000;
/// The last second that a point can have.
const SECONDS_MAX: i64 = PointTime::MILLIS_MAX / 1_000;
/// Seconds that a test replays if nothing is said.
const TEST_S: i64 = 3_600;

/// The files of `tsd.worker.rules` as this TSD sees them, and the table; `other` stands in for one of the table.
pub(super) fn sources(tsd: &Tsd, other: Option<SourceFile>) -> Result<Vec<SourceFile>, ApiError> {
    let (mut files, _) = loader::read(Path::new(&tsd.settings.worker_rules));
    let stored = loader::stored(&desk_of(tsd)).map_err(refused)?;
    files.extend(stored.into_iter().filter(|file| other.as_ref().is_none_or(|other| other.name != file.name)));
    files.extend(other);
    Ok(files)
}

fn faults(faults: &[Fault]) -> Value {
    let one = |fault: &Fault| json!({"file": &*fault.place.file, "line": fault.place.line, "column": fault.place.column, "message": fault.message});
    Value::Array(faults.iter().map(one).collect())
}

fn shown(rule: &Rule) -> Value {
    let kind = match rule.condition {
        Condition::Judge(_) => "judge",
        Condition::Expression { .. } => "expression",
        Condition::Skyline(_) => "skyline",
        Condition::NoData { .. } => "nodata",
        Condition::Seasonal(_) => "seasonal",
        Condition::Rise(_) => "rise",
        Condition::Fall(_) => "fall",
        Condition::Forecast(_) => "forecast",
    };
    json!({
        "name": rule.name, "place": rule.place.to_string(), "condition": kind, "query": rule.query.as_ref().map(|query| &query.text),
        "every": rule.schedule.every.as_secs(), "window": rule.schedule.window.as_secs(), "enabled": rule.enabled,
        "priority": rule.priority, "note": rule.note, "labels": rule.labels,
    })
}

pub fn list(tsd: &Tsd) -> Result<ApiResponse, ApiError> {
    let set = file::load(&sources(tsd, None)?);
    let stored = records::all::<StoredRule>(&desk_of(tsd), RULE, "").map_err(refused)?;
    let stored = stored
        .into_iter()
        .map(|(name, rule, _)| json!({"name": name, "version": rule.version, "text": rule.text, "user": rule.user, "at": rule.at}));
    let rules: Vec<Value> = set.rules.values().map(|rule| shown(rule)).collect();
    let channels: Vec<&String> = set.channels.keys().collect();
    let now = clock::now_s();
    let window = |window: &Maintenance| {
        let action = if window.action == MaintenanceAction::Skip { "skip" } else { "silence" };
        json!({"name": window.name, "place": window.place.to_string(), "action": action, "note": window.note, "now": window.is_on(now)})
    };
    let maintenance: Vec<Value> = set.maintenance.values().map(window).collect();
    Ok(answer(&json!({
        "rules": rules, "stored": stored.collect::<Vec<_>>(), "channels": channels, "maintenance": maintenance,
        "faults": faults(&set.faults),
    })))
}

/// The text of a request, as the stored rule of a name.
fn source(members: &Map<String, Value>, name: &str) -> Result<SourceFile, ApiError> {
    let text = text(members, "text");
    if text.len() > TEXT_BYTES_MAX {
        return Err(ApiError::new(413, format!("a rule's text has at most {TEXT_BYTES_MAX} bytes")));
    }
    Ok(loader::of_table(name, text))
}

/// What is wrong with a text, beside all other rules.
fn faults_of(tsd: &Tsd, file: SourceFile) -> Result<(RuleSet, Vec<Fault>), ApiError> {
    let name = file.name.clone();
    let set = file::load(&sources(tsd, Some(file))?);
    let own = set.faults.iter().filter(|fault| fault.place.file == name).cloned().collect();
    Ok((set, own))
}

/// The name of the stored text that a text stands in for; `new` if it is none of them.
fn stands_for(members: &Map<String, Value>) -> String {
    Some(text(members, "name")).filter(|name| !name.is_empty()).unwrap_or_else(|| "new".to_owned())
}

pub fn check(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let members = body(request)?;
    let file = source(&members, &stands_for(&members))?;
    let place = file.name.clone();
    let (set, faults_found) = faults_of(tsd, file)?;
    let rules: Vec<Value> = set.rules.values().filter(|rule| rule.place.file == place).map(|rule| shown(rule)).collect();
    Ok(answer(&json!({"rules": rules, "faults": faults(&faults_found)})))
}

/// The name of a stored rule, from the query string.
fn name(request: &ApiRequest) -> Result<String, ApiError> {
    let name = request.param("name").unwrap_or_default();
    let plain = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
        return Err(ApiError::bad(format!("name must be 1 to {NAME_BYTES_MAX} letters, digits, blanks and -_.")));
    }
    Ok(name.to_owned())
}

fn version_of(given: Option<i64>, there: u64) -> Result<(), ApiError> {
    match given {
        Some(given) if u64::try_from(given) != Ok(there) => {
            Err(ApiError::new(409, "Somebody else has changed this rule").details(format!("version {there} is there, not {given}")))
        }
        _ => Ok(()),
    }
}

pub fn put(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (name, members) = (name(request)?, body(request)?);
    let file = source(&members, &name)?;
    let text_of = file.text.clone();
    let (_, found) = faults_of(tsd, file)?;
    if !found.is_empty() {
        return Err(ApiError::bad("The rule has faults: it is not stored").details(faults(&found).to_string()));
    }
    let desk = desk_of(tsd);
    let there = records::one::<StoredRule>(&desk, RULE, &name).map_err(refused)?;
    let version = there.as_ref().map_or(0, |(rule, _)| rule.version);
    version_of(members.get("version").and_then(Value::as_i64), version)?;
    if there.is_none() && records::all::<StoredRule>(&desk, RULE, "").map_err(refused)?.len() >= RULES_MAX {
        return Err(ApiError::bad(format!("there are {RULES_MAX} rules already")));
    }
    let rule = StoredRule { version: version + 1, text: text_of, user: text(&members, "user"), at: clock::now_s() };
    let value = bytes(&rule).map_err(refused)?;
    if !desk.check_and_put(RULE, &name, there.as_ref().map(|(_, read)| read.as_slice()), &value).map_err(refused)? {
        return Err(ApiError::new(409, "Somebody else has changed this rule"));
    }
    Ok(answer(&json!({"name": name, "version": rule.version})))
}

pub fn delete(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (name, desk) = (name(request)?, desk_of(tsd));
    let Some((rule, _)) = records::one::<StoredRule>(&desk, RULE, &name).map_err(refused)? else {
        return Err(ApiError::new(404, "There is no such rule in the table").details(name));
    };
    version_of(super::number(request, "version")?, rule.version)?;
    desk.delete(RULE, &name).map_err(refused)?;
    Ok(ApiResponse::no_content())
}

/// Seconds, of a number or a date: a time that a point can have.
pub(super) fn time(members: &Map<String, Value>, key: &str, clock: &Clock) -> Result<Option<i64>, ApiError> {
    let seconds = match members.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(other) => {
            let ms =
                parse_date(other.as_str().unwrap_or_default(), None, clock).map_err(|e| ApiError::bad(format!("{key}: {}", e.message)))?;
            Some(ms / 1_000)
        }
    };
    let there = seconds.filter(|seconds| (0..=SECONDS_MAX).contains(seconds));
    there.map(Some).ok_or_else(|| ApiError::bad(format!("{key}: must be a date, or whole seconds from 0 to {SECONDS_MAX}")))
}

/// The rule that is meant, by its name or by its text, and all others.
fn chosen(tsd: &Tsd, members: &Map<String, Value>) -> Result<(RuleSet, Arc<Rule>), ApiError> {
    let wanted = text(members, "rule");
    if !members.contains_key("text") {
        let set = file::load(&sources(tsd, None)?);
        let rule = set.rules.get(&wanted).cloned();
        return rule.map(|rule| (set, rule)).ok_or_else(|| ApiError::new(404, "There is no such rule").details(wanted));
    }
    let file = source(members, &stands_for(members))?;
    let place = file.name.clone();
    let (set, found) = faults_of(tsd, file)?;
    if !found.is_empty() {
        return Err(ApiError::bad("The rule has faults").details(faults(&found).to_string()));
    }
    let rule = set.rules.values().find(|rule| rule.place.file == place && (wanted.is_empty() || rule.name == wanted)).cloned();
    rule.map(|rule| (set, rule)).ok_or_else(|| ApiError::bad("The text holds no such rule"))
}

/// A rule's message as it would be sent, for the event of a test or for an example. Nobody is told.
pub fn preview(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let members = body(request)?;
    let sample = members.get("sample").cloned().unwrap_or_else(|| json!({}));
    let sample: Sample = serde_json::from_value(sample).map_err(|e| ApiError::bad("sample cannot be read").details(e.to_string()))?;
    let (set, rule) = chosen(tsd, &members)?;
    let author = Author { templates: Templates::default(), link: Options::of(&tsd.settings).link };
    let shown = preview::preview(&set, &rule, sample, &author, clock::now_s());
    let wrong = |Wrong { field, error }: &Wrong| json!({"field": field, "line": error.line, "column": error.column, "message": error.text});
    let told = shown.told.iter().map(|told| {
        let parts: Vec<Value> = told.parts.iter().map(|(name, text)| json!({"name": name, "text": text})).collect();
        json!({"name": told.channel, "type": told.kind, "parts": parts, "error": told.wrong.as_ref().map(wrong)})
    });
    Ok(answer(&json!({
        "rule": rule.name, "notice": shown.notice, "errors": shown.wrong.iter().map(wrong).collect::<Vec<_>>(),
        "channels": told.collect::<Vec<_>>(), "cut": shown.cut,
    })))
}

/// Replays a rule, by its name or by its text, over stored history.
pub fn test(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let members = body(request)?;
    let clock = tsd::clock(&tsd.settings).map_err(|why| ApiError::new(500, why))?;
    let end = time(&members, "end", &clock)?.unwrap_or(clock.now_ms / 1_000);
    let start = time(&members, "start", &clock)?.unwrap_or(end - TEST_S);
    let (set, rule) = chosen(tsd, &members)?;
    // The engine, names and tables of this TSD; nothing is written.
    let house = Tables::new(tsd);
    let skyline = Options::of(&tsd.settings).detect.skyline;
    let mut stopped =
        |_: i64, _: i64| if request.cancel.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let done = replay(&house, &set, &skyline, &rule, (start, end), &mut stopped).map_err(|error| match error {
        ReplayError::TooLong { .. } => ApiError::bad(error.to_string()),
        ReplayError::Away(_) => ApiError::new(503, error.to_string()),
        ReplayError::Stopped => ApiError::new(400, error.to_string()),
    })?;
    Ok(answer(&json!({"rule": rule.name, "queries": asked::queries(&rule, &Tags::default()), "start": start, "end": end, "result": done})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_points() {
        let clock = Clock { now_ms: 1_400_000_000_000, zone: jiff::tz::TimeZone::UTC };
        let read = |value: Value| time(&Map::from_iter([("end".to_owned(), value)]), "end", &clock).map_err(|e| e.message);
        assert_eq!(read(Value::Null), Ok(None));
        assert_eq!(read(json!(1_400_000_000)), Ok(Some(1_400_000_000)));
        assert_eq!(read(json!("1h-ago")), Ok(Some(1_399_996_400)));
        assert_eq!(read(json!(0)), Ok(Some(0)));
        // Beyond it sums of times have no end; half a second was taken for no time at all.
        for wrong in [json!(i64::MIN), json!(i64::MAX), json!(u64::MAX), json!(-1), json!(1.4e9), json!(1e99), json!("9223372036854775807")]
        {
            assert_eq!(read(wrong.clone()), Err("end: must be a date, or whole seconds from 0 to 9999999999".to_owned()), "{wrong}");
        }
    }
}
