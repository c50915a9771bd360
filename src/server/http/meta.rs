//! `/api/uid/uidmeta` and `/api/uid/tsmeta`: meta data of names and of series.
//!
//! Source: recorded scenarios `uid_uidmeta`, `uid_uidmeta_off`, `uid_tsmeta`, `uid_tsmeta_tracking`; what they leave open was
//! tried on the real one. Its 500s for a client's mistakes are 400s here.

use super::api::{ApiError, ApiRequest, ApiResponse};
use super::query::store_error;
use super::reply;
use crate::meta::tables::id_from_hex;
use crate::meta::uid_meta::given;
use crate::meta::{MetaError, TsChange, TsMeta, UidChange};
use crate::point::json::{self, Json, push_list};
use crate::tsd::Tsd;
use crate::uid::UidKind;

/// Meta data of a name.
pub fn uidmeta(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let method = reply::method(request)?;
    let found = match method.as_str() {
        "GET" => {
            let uid = required(request, "uid")?;
            let kind = kind(required(request, "type")?)?;
            tsd.meta.uid_meta(kind, &id_from_hex(uid).map_err(bad)?)
        }
        "POST" | "PUT" => {
            let change = uid_change(request)?;
            let (kind, uid) = named(&change).map_err(|text| ApiError::bad(text).details(text))?;
            if !change.is_any() {
                return Ok(reply::empty(304));
            }
            tsd.meta.change_uid_meta(kind, &id_from_hex(uid).map_err(bad)?, &change, method == "PUT")
        }
        "DELETE" => {
            let change = uid_change(request)?;
            let refused = |text: String| ApiError::bad("Unable to delete UIDMeta information").details(text);
            let (kind, uid) = named(&change).map_err(|text| refused(text.to_owned()))?;
            let uid = id_from_hex(uid).map_err(|e| refused(e.to_string()))?;
            tsd.meta.delete_uid_meta(kind, &uid).map_err(|e| failed(e, UNKNOWN_UID))?;
            return Ok(reply::empty(204));
        }
        other => return Err(ApiError::method_not_allowed(other)),
    };
    let mut out = Vec::new();
    found.map_err(|e| failed(e, UNKNOWN_UID))?.write_answer(&mut out);
    Ok(ApiResponse::json(out))
}

/// What an answer says of an id without a name: with this status, and these words.
type Unknown = (u16, &'static str);

const UNKNOWN_UID: Unknown = (404, "Could not find the requested UID");
const UNKNOWN_NAME: Unknown = (404, "Unable to find one of the UIDs");
/// OpenTSDB crashes into a 500 here, whose words say nothing.
const UNKNOWN_ID: Unknown = (400, "Unable to find one or more UIDs");

/// Meta data of a series.
pub fn tsmeta(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let method = reply::method(request)?;
    match method.as_str() {
        "GET" => match request.param("tsuid") {
            Some(tsuid) => {
                let found = tsd.meta.ts_meta(&id_from_hex(tsuid).map_err(bad)?).map_err(|e| failed(e, UNKNOWN_ID))?;
                found.map(|meta| one(&meta)).ok_or_else(|| ApiError::new(404, "Could not find Timeseries meta data"))
            }
            None => list(tsd, request),
        },
        "POST" | "PUT" => {
            let change = ts_change(request)?;
            match change.tsuid.as_deref().filter(|tsuid| !tsuid.is_empty()) {
                Some(tsuid) if change.is_any() => {
                    let tsuid = checked_tsuid(tsd, tsuid)?;
                    let changed = tsd.meta.change_ts_meta(&tsuid, &change, method == "PUT");
                    changed.map(|meta| one(&meta)).map_err(|e| failed(e, UNKNOWN_ID))
                }
                Some(_) => Ok(reply::empty(304)),
                None => change_by_name(tsd, request, &change, method == "PUT"),
            }
        }
        "DELETE" => {
            let change = ts_change(request)?;
            let refused = |text: String| ApiError::bad("Unable to delete TSMeta information").details(text);
            let tsuid = change.tsuid.as_deref().filter(|tsuid| !tsuid.is_empty());
            let tsuid = id_from_hex(tsuid.ok_or_else(|| refused("Missing UID".to_owned()))?).map_err(|e| refused(e.to_string()))?;
            tsd.meta.delete_ts_meta(&tsuid).map_err(|e| failed(e, UNKNOWN_ID))?;
            if let Some(live) = &tsd.live {
                live.forget(&tsuid);
            }
            Ok(reply::empty(204))
        }
        other => Err(ApiError::method_not_allowed(other)),
    }
}

fn list(tsd: &Tsd, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (metric, tags) = series_name(required(request, "m")?)?;
    let found = tsd.meta.ts_metas(&metric, &tags).map_err(|e| failed(e, UNKNOWN_NAME))?;
    let mut out = Vec::new();
    push_list(&mut out, &found, |out, meta| meta.write_answer(out));
    Ok(ApiResponse::json(out))
}

/// A change of the series that `m` names, made where it is missing with `create=true`.
fn change_by_name(tsd: &Tsd, request: &ApiRequest, change: &TsChange, replaced: bool) -> Result<ApiResponse, ApiError> {
    let (metric, tags) = series_name(required(request, "m")?)?;
    let unknown = |e: MetaError| failed(e, UNKNOWN_ID);
    let tsuid = tsd.meta.tsuid(&metric, &tags).map_err(|e| match e {
        MetaError::Unknown(e) => ApiError::bad(e.to_string()),
        other => unknown(other),
    })?;
    let changed = if tsd.meta.has_ts_meta(&tsuid).map_err(unknown)? {
        if !change.is_any() {
            return Ok(reply::empty(304));
        }
        tsd.meta.change_ts_meta(&tsuid, change, replaced)
    } else if request.param("create") == Some("true") {
        let created = tsd.meta.create_ts_meta(&tsuid, change);
        if let Ok(meta) = &created {
            tsd.new_series.tell_or_log(meta);
        }
        created
    } else {
        return Err(ApiError::bad("Could not find TSMeta, specify \"create=true\" to create a new one."));
    };
    changed.map(|meta| one(&meta)).map_err(unknown)
}

fn one(meta: &TsMeta) -> ApiResponse {
    let mut out = Vec::new();
    meta.write_answer(&mut out);
    ApiResponse::json(out)
}

fn required<'r>(request: &'r ApiRequest, name: &str) -> Result<&'r str, ApiError> {
    let missing = || ApiError::bad(format!("Missing parameter <code>{name}</code>"));
    request.param(name).filter(|value| !value.is_empty()).ok_or_else(missing)
}

fn kind(text: &str) -> Result<UidKind, ApiError> {
    UidKind::parse(text).ok_or_else(|| ApiError::bad(format!("Invalid type requested: {text}")))
}

/// Which name a change is of, or what it does not say.
fn named(change: &UidChange) -> Result<(UidKind, &str), &'static str> {
    let uid = change.uid.as_deref().filter(|uid| !uid.is_empty()).ok_or("Missing UID")?;
    Ok((change.kind.ok_or("Missing type")?, uid))
}

/// The body, or else the parameters.
fn uid_change(request: &ApiRequest) -> Result<UidChange, ApiError> {
    let mut change = UidChange::default();
    if !request.body.is_empty() {
        for (key, value) in reply::object(request)? {
            change.read(key, value).map_err(reply::unreadable)?;
        }
        return Ok(change);
    }
    let text = |name: &str| request.param(name).map(|text| Some(text.to_owned())).and_then(given);
    change.uid = Some(required(request, "uid")?.to_owned());
    change.kind = Some(kind(required(request, "type")?)?);
    (change.display_name, change.description, change.notes) = (text("display_name"), text("description"), text("notes"));
    Ok(change)
}

/// The body, or else the parameters, whose numbers are 32-bit floats.
fn ts_change(request: &ApiRequest) -> Result<TsChange, ApiError> {
    let mut change = TsChange::default();
    if let Ok(Json::String(tsuid)) = json::parse(&request.body) {
        change.tsuid = Some(tsuid); // a bare text is the id: the original's meta data can be made of one
        return Ok(change);
    }
    if !request.body.is_empty() {
        for (key, value) in reply::object(request)? {
            change.read(key, value).map_err(reply::unreadable)?;
        }
        return Ok(change);
    }
    let text = |name: &str| request.param(name).map(|text| Some(text.to_owned())).and_then(given);
    let number = |name: &str| request.param(name).filter(|text| !text.is_empty());
    let refused = |name: &str| ApiError::bad(format!("Unable to parse '{name}' value"));
    let float = |name: &str| match number(name) {
        Some(text) => crate::point::number::parse_single(text).map(|value| Some(f64::from(value))).map_err(|_| refused(name)),
        None => Ok(None),
    };
    change.tsuid = request.param("tsuid").map(str::to_owned);
    (change.display_name, change.description, change.notes) = (text("display_name"), text("description"), text("notes"));
    (change.units, change.data_type) = (text("units"), text("data_type"));
    if let Some(text) = number("retention") {
        change.retention = Some(text.parse().map_err(|_| refused("retention"))?).filter(|days| *days != 0);
    }
    (change.max, change.min) = (float("max")?, float("min")?);
    Ok(change)
}

/// `metric{tag=value,...}`, as `Tags.parseWithMetric` reads it.
fn series_name(text: &str) -> Result<(String, Vec<(String, String)>), ApiError> {
    let bad = |text: String| ApiError::bad(text.clone()).details(text);
    let Some((metric, tags)) = text.split_once('{') else { return Ok((text.to_owned(), Vec::new())) };
    let Some(tags) = tags.strip_suffix('}') else { return Err(bad(format!("Missing '}}' at the end of: {text}"))) };
    let mut found: Vec<(String, String)> = Vec::new();
    for tag in tags.split(',').filter(|_| !tags.is_empty()) {
        let pair = tag.split_once('=').filter(|(key, value)| !key.is_empty() && !value.is_empty() && !value.contains('='));
        let Some((key, value)) = pair else { return Err(bad(format!("When parsing tag '{tag}': invalid tag: {tag}"))) };
        match found.iter().find(|(known, _)| known == key) {
            Some((_, known)) if known == value => {}
            Some(_) => {
                let pairs: Vec<(&str, &str)> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                let shown = crate::point::TagBuf::show(&pairs, true);
                return Err(bad(format!("When parsing tag '{tag}': duplicate tag: {tag}, tags={shown}")));
            }
            None => found.push((key.to_owned(), value.to_owned())),
        }
    }
    Ok((metric.to_owned(), found))
}

/// A TSUID that a change names: it is taken apart as text and its tags are looked at first, as OpenTSDB does.
fn checked_tsuid(tsd: &Tsd, text: &str) -> Result<Vec<u8>, ApiError> {
    let layout = crate::tsd::layout(&tsd.settings);
    let (tag, pair) = (usize::from(layout.tagk_width) * 2, layout.pair_width() * 2);
    let (_, mut rest) = text.split_at_checked(usize::from(layout.metric_width) * 2).unwrap_or_default();
    if rest.is_empty() {
        return Err(bad(MetaError::Illegal("TSUID is too short, may be missing tags".to_owned())));
    }
    while !rest.is_empty() {
        let Some((ids, after)) = rest.split_at_checked(pair) else {
            return Err(bad(MetaError::Illegal("The TSUID appears to be malformed, improper tag width".to_owned())));
        };
        let (name, value) = ids.split_at_checked(tag).unwrap_or((ids, ids));
        [name, value].into_iter().try_for_each(|id| id_from_hex(id).map(drop)).map_err(bad)?;
        rest = after;
    }
    let tsuid = id_from_hex(text).map_err(bad)?;
    tsd.meta.split(&tsuid).map_err(bad)?;
    Ok(tsuid)
}

fn bad(error: MetaError) -> ApiError {
    let text = error.to_string();
    ApiError::bad(text.clone()).details(text)
}

fn failed(error: MetaError, unknown: Unknown) -> ApiError {
    match error {
        MetaError::Store(error) => store_error(&error),
        MetaError::Unknown(error) => ApiError::new(unknown.0, unknown.1).details(error.to_string()),
        MetaError::Illegal(_) => bad(error),
        MetaError::Contended => ApiError::new(500, "Failed to save meta data to storage").details(error.to_string()),
        other => ApiError::new(500, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = series_name(text).map(|(metric, tags)| format!("{metric} {tags:?}")).map_err(|e| e.message);
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
    }

    #[test]
    fn names_of_series() {
        check("m", Ok("m []"));
        check("m{}", Ok("m []"));
        check("m{a=b,c=d,a=b}", Ok(r#"m [("a", "b"), ("c", "d")]"#));
        check("m{a=b", Err("Missing '}' at the end of: m{a=b"));
        check("m{a}", Err("When parsing tag 'a': invalid tag: a"));
        check("m{a=b,}", Err("When parsing tag '': invalid tag: "));
        check("m{a=b=c}", Err("When parsing tag 'a=b=c': invalid tag: a=b=c"));
        check("m{a=b,a=c}", Err("When parsing tag 'a=c': duplicate tag: a=c, tags={a=b}"));
    }
}
