//! `/api/uid/assign` and `/api/uid/rename`. Source: recorded scenario `uid_assign`. Meta data is `meta.rs`.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::store_error;
use super::reply;
use crate::point::json::{Json, push_string};
use crate::point::{Rules, java_map, validate_name};
use crate::tsd::{self, Tsd};
use crate::uid::{UidError, UidKind};
use std::collections::BTreeMap;

/// The kinds by the names that requests use.
const KINDS: [(&str, UidKind); 3] = [("metric", UidKind::Metric), ("tagk", UidKind::Tagk), ("tagv", UidKind::Tagv)];

/// Answers everything below `/api/uid`.
pub fn uid(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    match reply::below(request) {
        "assign" => assign(tsd, request),
        "rename" => rename(tsd, request),
        "uidmeta" => super::meta::uidmeta(tsd, request),
        "tsmeta" => super::meta::tsmeta(tsd, request),
        _ => Err(ApiError::new(501, "Other UID endpoints have not been implemented yet")),
    }
}

fn assign(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    reply::allow(request, &["GET", "POST"])?;
    let wanted = if request.method == "POST" { wanted_in_body(request)? } else { wanted_in_params(request) };
    if wanted.is_empty() {
        return Err(ApiError::bad("Missing values to assign UIDs"));
    }
    let rules = tsd::rules(&tsd.settings);
    let mut out = vec![b'{'];
    let mut failed = false;
    for (kind, names) in &wanted {
        let (mut done, mut errors) = (BTreeMap::new(), BTreeMap::new());
        for name in names {
            match assign_one(tsd, &rules, kind, name)? {
                Ok(id) => done.insert(name.as_str(), id),
                Err(message) => errors.insert(name.as_str(), message),
            };
        }
        push_member(&mut out, kind, &done);
        if !errors.is_empty() {
            push_member(&mut out, &format!("{kind}_errors"), &errors);
            failed = true;
        }
    }
    out.push(b'}');
    Ok(ApiResponse { status: if failed { 400 } else { 200 }, ..ApiResponse::json(out) })
}

/// The new id in hex, or why this name gets none. Fails as a whole only if the table cannot be reached.
fn assign_one(tsd: &Tsd, rules: &Rules, kind: &str, name: &str) -> Result<Result<String, String>, ApiError> {
    if let Err(e) = validate_name(rules, kind, name) {
        return Ok(Err(e.to_string()));
    }
    let Some((_, kind)) = KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(kind)) else {
        return Ok(Err("Unknown type name".to_string()));
    };
    match tsd.uids.assign(*kind, name) {
        Ok(id) => Ok(Ok(id.to_hex())),
        Err(UidError::Store(e)) => Err(store_error(&e)),
        Err(e) => Ok(Err(e.to_string())),
    }
}

fn push_member(out: &mut Vec<u8>, key: &str, members: &BTreeMap<&str, String>) {
    if out.len() > 1 {
        out.push(b',');
    }
    push_string(out, key);
    out.push(b':');
    out.extend_from_slice(&reply::strings(members));
}

type Wanted = Vec<(String, Vec<String>)>;

fn wanted_in_body(request: &ApiRequest) -> Result<Wanted, ApiError> {
    let mut given: Vec<(String, Option<Vec<Option<String>>>)> = Vec::new();
    for (kind, value) in reply::object(request)? {
        let texts = |items: Vec<Json>| items.into_iter().map(|item| item.text(&kind)).collect();
        let names = value.array(&kind).and_then(|items| items.map(texts).transpose()).map_err(reply::unreadable)?;
        given.retain(|(known, _)| *known != kind); // of equal keys the last one counts
        given.push((kind, names));
    }
    // What is `null` counts once the whole body is known: an equal key behind it takes its place.
    let there = |(kind, names): (String, Option<Vec<Option<String>>>)| {
        let names = names.ok_or_else(|| ApiError::bad(format!("'{kind}' must be an array of names, not null")))?;
        let names = names.into_iter().collect::<Option<_>>().ok_or_else(|| ApiError::bad(format!("'{kind}' must hold names, not null")))?;
        Ok((kind, names))
    };
    given.into_iter().map(there).collect()
}

fn wanted_in_params(request: &ApiRequest) -> Wanted {
    let names = |text: &str| text.trim_end_matches(',').split(',').map(str::to_string).collect();
    let given = KINDS.iter().filter_map(|(kind, _)| Some((*kind, request.param(kind)?)));
    given.filter(|(_, text)| !text.trim_end_matches(',').is_empty()).map(|(kind, text)| (kind.to_string(), names(text))).collect()
}

fn rename(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    if !["GET", "POST"].contains(&request.method.as_str()) {
        let details = format!("The HTTP method[{}] is not permitted for this endpoint", request.method); // without the blank
        return Err(ApiError::new(405, "Method not allowed").details(details));
    }
    let given = rename_given(request)?;
    let new = given.iter().find(|(key, _)| key == "name").and_then(|(_, name)| name.as_deref());
    // Of several kinds the last counts, in the order of a Java map.
    let keys: Vec<&str> = given.iter().map(|(key, _)| key.as_str()).collect();
    let places = java_map::order(&keys, if request.method == "POST" { 16 } else { 4 });
    let old = places.into_iter().filter_map(|place| given.get(place)).rfind(|(key, _)| key != "name");
    let (Some(new), Some((kind, Some(old)))) = (new, old) else {
        return Err(ApiError::bad("Missing necessary values to rename UID"));
    };
    let refused = |message: String| {
        let body = reply::strings([("result", "false"), ("error", message.as_str())]);
        Ok(ApiResponse { status: 400, ..ApiResponse::json(body) })
    };
    let rules = tsd::rules(&tsd.settings);
    if let Err(e) = validate_name(&rules, kind, old).and_then(|()| validate_name(&rules, kind, new)) {
        return refused(e.to_string());
    }
    let Some((_, kind)) = KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(kind)) else {
        return refused("Unknown type name".to_string());
    };
    match tsd.uids.rename(*kind, old, new) {
        Ok(()) => {
            // Points that come with the old name are of a new series from now on.
            tsd.writer.drop_caches();
            Ok(ApiResponse::json(reply::strings([("result", "true")])))
        }
        Err(UidError::NoSuchName { .. }) => refused(format!("Name(\"{old}\") does not exist")),
        Err(UidError::Store(e)) => Err(store_error(&e)),
        Err(e) => refused(e.to_string()),
    }
}

/// The members of a request to rename, each key once: of equal ones the last counts.
fn rename_given(request: &ApiRequest) -> Result<Vec<(String, Option<String>)>, ApiError> {
    let mut given: Vec<(String, Option<String>)> = Vec::new();
    if request.method == "POST" {
        for (key, value) in reply::object(request)? {
            let text = value.text(&key).map_err(reply::unreadable)?;
            match given.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = text,
                None => given.push((key, text)),
            }
        }
        return Ok(given);
    }
    let known = ["metric", "tagk", "tagv", "name"].into_iter();
    let present = known.filter_map(|key| Some((key, request.param(key).filter(|v| !v.is_empty())?)));
    given.extend(present.map(|(key, value)| (key.to_string(), Some(value.to_string()))));
    Ok(given)
}
