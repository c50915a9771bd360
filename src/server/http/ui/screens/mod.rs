//! `/api/ui/screens`: dashboards, kept on the desk as one record each. Documented in docs/API.md.
//!
//! A record is `{"version":N,"updated":MS,"screen":{...}}`. A change names the version that it was made to; the record is
//! then replaced by check-and-put, so that of two people who save at the same time one is told.

mod form;

use super::super::api::{ApiError, ApiRequest, ApiResponse};
use super::super::query::desk_error as refused;
use super::may_write;
use crate::clock;
use crate::desk::Record;
use crate::tsd::Tsd;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::hash::{BuildHasher, Hasher, RandomState};

/// The kind of these records.
const KIND: &str = "screen";
/// Screens at most.
const SCREENS_MAX: usize = 2000;
/// Screens read at once.
const PAGE: usize = 200;
/// Longest id.
const ID_BYTES_MAX: usize = 64;
/// Bytes of the screen's name that go into its id.
const SLUG_BYTES: usize = 40;
/// How often a change is tried when others change the screen at the same time, without a version to go by.
const ATTEMPTS: usize = 5;

/// A record, its screen unread.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    version: u64,
    updated: i64,
    screen: Box<RawValue>,
}

/// What the list shows of a screen.
#[derive(serde::Deserialize)]
struct Head {
    name: String,
    #[serde(default)]
    folder: String,
    panels: Vec<serde::de::IgnoredAny>,
}

/// Answers all of it.
pub fn screens(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let mut below = request.endpoint.split('/').skip(2).filter(|part| !part.is_empty());
    let path = (below.next(), below.next(), below.next());
    // The method as it was sent: a link to another method's work could be put into a page of another site.
    if request.method != "GET" {
        may_write(tsd, request)?;
    }
    match (request.method.as_str(), path) {
        ("GET", (None, ..)) => list(tsd),
        ("POST", (None, ..)) => create(tsd, request),
        ("GET", (Some(id), None, _)) => get(tsd, id),
        ("PUT", (Some(id), None, _)) => replace(tsd, request, id),
        ("DELETE", (Some(id), None, _)) => delete(tsd, request, id),
        ("POST", (Some(id), Some("clone"), None)) => clone(tsd, request, id),
        ("GET" | "PUT" | "DELETE" | "POST", _) => Err(ApiError::new(404, "There is no such endpoint")),
        (other, _) => Err(ApiError::method_not_allowed(other)),
    }
}

fn list(tsd: &Tsd) -> Result<ApiResponse, ApiError> {
    let mut heads = Vec::new();
    each(tsd, |record| {
        // A record that is no screen must not hide the others; asking for it says what is wrong.
        let (version, updated, head) = match read(&record).and_then(|kept| Ok((kept.version, kept.updated, head(&kept)?))) {
            Ok(known) => known,
            Err(_) => (0, record.time, Head { name: record.id.clone(), folder: String::new(), panels: Vec::new() }),
        };
        heads.push((head, record.id, version, updated));
    })?;
    heads.sort_by(|(a, id_a, ..), (b, id_b, ..)| (&a.folder, &a.name, id_a).cmp(&(&b.folder, &b.name, id_b)));
    let list: Vec<Value> = heads
        .into_iter()
        .map(|(head, id, version, updated)| {
            let (name, folder, panels) = (head.name, head.folder, head.panels.len());
            serde_json::json!({"id": id, "name": name, "folder": folder, "panels": panels, "version": version, "updated": updated})
        })
        .collect();
    Ok(ApiResponse::json(Value::Array(list).to_string()))
}

/// Every record, page by page.
fn each(tsd: &Tsd, mut take: impl FnMut(Record)) -> Result<(), ApiError> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = tsd.desk.list(KIND, "", after.as_deref(), PAGE).map_err(refused)?;
        count += page.records.len();
        page.records.into_iter().for_each(&mut take);
        match page.more_after {
            Some(last) if count < SCREENS_MAX => after = Some(last),
            _ => return Ok(()),
        }
    }
}

fn get(tsd: &Tsd, id: &str) -> Result<ApiResponse, ApiError> {
    let kept = read(&existing(tsd, id)?)?;
    let mut screen = Map::new();
    screen.insert("id".into(), id.into());
    screen.insert("version".into(), kept.version.into());
    screen.insert("updated".into(), kept.updated.into());
    screen.extend(members(kept.screen.get())?);
    Ok(ApiResponse::json(Value::Object(screen).to_string()))
}

fn create(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (_, screen) = sent(request)?;
    make(tsd, screen)
}

/// A copy under another name: the body may say `name` and `folder`.
fn clone(tsd: &Tsd, request: &ApiRequest, id: &str) -> Result<ApiResponse, ApiError> {
    let changes = if request.body.is_empty() { Map::new() } else { body(request)? };
    if let Some(other) = changes.keys().find(|name| !["name", "folder"].contains(&name.as_str())) {
        return Err(ApiError::bad("A copy can be given a name and a folder").details(format!("{other:?} is neither")));
    }
    let mut screen = members(read(&existing(tsd, id)?)?.screen.get())?;
    let name = screen.get("name").and_then(Value::as_str).unwrap_or_default();
    let copy = format!("Copy of {}", name.chars().take(100).collect::<String>());
    screen.insert("name".into(), copy.into());
    screen.extend(changes);
    form::check(&screen).map_err(unfit)?;
    make(tsd, screen)
}

/// A new screen, under an id that begins like its name.
fn make(tsd: &Tsd, screen: Map<String, Value>) -> Result<ApiResponse, ApiError> {
    let mut count = 0;
    each(tsd, |_| count += 1)?;
    if count >= SCREENS_MAX {
        return Err(ApiError::new(403, "There are too many screens").details(format!("limit SCREENS_MAX: {SCREENS_MAX}")));
    }
    let slug = slug(screen.get("name").and_then(Value::as_str).unwrap_or_default());
    for _ in 0..ATTEMPTS {
        let number = RandomState::new().build_hasher().finish() & 0xff_ffff;
        let id = format!("{slug}-{number:06x}");
        if let Some(answer) = put(tsd, &id, None, 1, &screen)? {
            return Ok(answer);
        }
    }
    Err(ApiError::new(500, "No free id was found for the screen"))
}

/// Letters and digits of a name, in lower case, words joined by hyphens.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined: String = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let cut = joined.get(..SLUG_BYTES).unwrap_or(&joined).trim_end_matches('-');
    if cut.is_empty() { "screen".to_owned() } else { cut.to_owned() }
}

/// Replaces the version that the body names. Version 0: there must be none yet.
fn replace(tsd: &Tsd, request: &ApiRequest, id: &str) -> Result<ApiResponse, ApiError> {
    check_id(id)?;
    let (version, screen) = sent(request)?;
    let version = version.ok_or_else(|| ApiError::bad("version: must be there: the version that was changed, or 0 for a new screen"))?;
    let stored = tsd.desk.get(KIND, id).map_err(refused)?;
    let now = match &stored {
        Some(record) => read(record).map_or(0, |kept| kept.version),
        None if version > 0 => return Err(not_there(id)),
        None => 0,
    };
    // A record that cannot be read counts as version 0 and can be replaced.
    if now != version {
        return Err(conflict(now, version));
    }
    match put(tsd, id, stored.as_ref(), version + 1, &screen)? {
        Some(answer) => Ok(answer),
        None => match tsd.desk.get(KIND, id).map_err(refused)? {
            Some(record) => Err(conflict(read(&record).map_or(0, |kept| kept.version), version)),
            None => Err(not_there(id)),
        },
    }
}

/// With the parameter `version`, only if that is the version that is there.
fn delete(tsd: &Tsd, request: &ApiRequest, id: &str) -> Result<ApiResponse, ApiError> {
    let record = existing(tsd, id)?;
    if let Some(text) = request.param("version") {
        let version: u64 = text.parse().map_err(|_| ApiError::bad(format!("version: must be a whole number, not {text:?}")))?;
        let now = read(&record).map_or(0, |kept| kept.version);
        if now != version {
            return Err(conflict(now, version));
        }
    }
    tsd.desk.delete(KIND, id).map_err(refused)?;
    Ok(ApiResponse::no_content())
}

/// Writes a version over the record that was read. `None`: somebody was faster.
fn put(tsd: &Tsd, id: &str, read: Option<&Record>, version: u64, screen: &Map<String, Value>) -> Result<Option<ApiResponse>, ApiError> {
    let updated = clock::now_ms();
    let text = serde_json::to_string(screen).and_then(RawValue::from_string);
    let kept = text.and_then(|screen| serde_json::to_vec(&Kept { version, updated, screen }));
    let kept = kept.map_err(|e| ApiError::new(500, format!("The screen cannot be written: {e}")))?;
    if !tsd.desk.check_and_put(KIND, id, read.map(|record| record.value.as_slice()), &kept).map_err(refused)? {
        return Ok(None);
    }
    let answer = serde_json::json!({"id": id, "version": version, "updated": updated});
    Ok(Some(ApiResponse::json(answer.to_string())))
}

/// The version and the screen of a body.
fn sent(request: &ApiRequest) -> Result<(Option<u64>, Map<String, Value>), ApiError> {
    let mut screen = body(request)?;
    // What `GET` adds may come back.
    screen.remove("id");
    screen.remove("updated");
    let version = match screen.remove("version") {
        None => None,
        Some(number) => Some(number.as_u64().ok_or_else(|| unfit("version: must be a whole number".to_owned()))?),
    };
    form::check(&screen).map_err(unfit)?;
    Ok((version, screen))
}

fn body(request: &ApiRequest) -> Result<Map<String, Value>, ApiError> {
    if request.body.len() > form::SCREEN_BYTES_MAX {
        let limit = format!("limit SCREEN_BYTES_MAX: {}", form::SCREEN_BYTES_MAX);
        return Err(ApiError::new(413, "The screen is too large").details(limit));
    }
    if request.body.is_empty() {
        return Err(ApiError::bad("Missing message content").details("Supply a screen as JSON in the body of your request"));
    }
    serde_json::from_slice(&request.body).map_err(|e| ApiError::bad("The body is not a JSON object").details(e.to_string()))
}

fn existing(tsd: &Tsd, id: &str) -> Result<Record, ApiError> {
    check_id(id)?;
    tsd.desk.get(KIND, id).map_err(refused)?.ok_or_else(|| not_there(id))
}

fn check_id(id: &str) -> Result<(), ApiError> {
    let fine = id.len() <= ID_BYTES_MAX && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fine { Ok(()) } else { Err(ApiError::bad(format!("An id of a screen has 1 to {ID_BYTES_MAX} letters, digits and hyphens"))) }
}

fn read(record: &Record) -> Result<Kept, ApiError> {
    serde_json::from_slice(&record.value).map_err(|e| damaged(&record.id, &e))
}

fn head(kept: &Kept) -> Result<Head, ApiError> {
    serde_json::from_str(kept.screen.get()).map_err(|e| damaged("", &e))
}

fn members(screen: &str) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_str(screen).map_err(|e| damaged("", &e))
}

fn damaged(id: &str, error: &serde_json::Error) -> ApiError {
    ApiError::new(500, format!("The record of screen {id:?} is damaged")).details(error.to_string())
}

fn not_there(id: &str) -> ApiError {
    ApiError::new(404, format!("There is no screen {id:?}"))
}

fn unfit(why: String) -> ApiError {
    ApiError::bad(format!("This is no screen: {why}"))
}

fn conflict(now: u64, version: u64) -> ApiError {
    ApiError::new(409, "Somebody else changed this screen meanwhile")
        .details(format!("it is at version {now}, the change was made to {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_begin_like_names() {
        for (name, want) in [("Web servers", "web-servers"), ("  a/b  C ", "a-b-c"), ("日本", "screen"), ("", "screen")] {
            assert_eq!(slug(name), want);
        }
        assert_eq!(slug(&"ab-".repeat(40)), "ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-a");
        assert!(check_id("web-servers-01ab9f").is_ok() && check_id("a/b").is_err() && check_id(&"x".repeat(65)).is_err());
    }
}
