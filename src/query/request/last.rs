//! `/api/query/last`: which series' last points are wanted. Source: recorded cases `last/*`.

use super::RequestError;
use crate::point::json::{self, Json, JsonError};

/// A question for last points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastRequest {
    /// Metrics and tags are told as well.
    pub resolve: bool,
    /// Hours to look back from now; 0: the hour of the last write, by the counter of the series.
    pub back_scan: i64,
    /// Which series.
    pub subs: Vec<LastSub>,
}

/// Series of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastSub {
    /// Those of a metric that have these tags.
    Metric(String, Vec<(String, String)>),
    /// By their ids, in hex.
    Tsuids(Vec<String>),
}

/// Reads the parameters of a query string.
pub fn of_params(params: &[(String, String)]) -> Result<LastRequest, RequestError> {
    let named = |name: &'static str| params.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str());
    let back_scan = match named("back_scan").next_back().map(str::parse::<i32>) {
        None => 0,
        Some(Ok(hours)) => hours.into(),
        Some(Err(_)) => return Err(RequestError::new("Unable to parse back_scan parameter")),
    };
    let mut subs = Vec::new();
    for text in named("timeseries") {
        let (metric, tags) = metric_and_tags(text).map_err(RequestError::new)?;
        subs.push(LastSub::Metric(metric, tags));
    }
    subs.extend(named("tsuids").map(|text| LastSub::Tsuids(ids(text))));
    some(LastRequest { resolve: named("resolve").next().is_some(), back_scan, subs })
}

/// Reads a body. Unknown members are refused (recorded cases `last/post-extra`, `last/post-tsuids-upper`).
pub fn of_body(body: &[u8]) -> Result<LastRequest, RequestError> {
    if body.is_empty() {
        return Err(RequestError::new("Missing message content").details("Supply valid JSON formatted data in the body of your request"));
    }
    let read = || -> Result<LastRequest, JsonError> {
        let mut request = LastRequest::default();
        for (key, value) in json::parse(body)?.object("the query")? {
            match key.as_str() {
                "resolveNames" => request.resolve = value.switch(&key)?,
                "backScan" => request.back_scan = value.integer(&key)?,
                "queries" => request.subs = value.array(&key)?.unwrap_or_default().into_iter().map(sub_query).collect::<Result<_, _>>()?,
                _ => return Err(unknown(&key, "resolveNames, backScan, queries")),
            }
        }
        Ok(request)
    };
    some(read().map_err(|e| RequestError::new("Unable to parse the given JSON").details(e.0))?)
}

fn some(request: LastRequest) -> Result<LastRequest, RequestError> {
    if request.subs.is_empty() { Err(RequestError::new("Missing sub queries")) } else { Ok(request) }
}

fn unknown(key: &str, known: &str) -> JsonError {
    JsonError(format!("Unrecognized field \"{key}\"; known are: {known}"))
}

/// Ids go before a metric in the same sub query.
fn sub_query(value: Json) -> Result<LastSub, JsonError> {
    let (mut metric, mut tags, mut tsuids) = (None, Vec::new(), Vec::new());
    for (key, value) in value.object("queries")? {
        match key.as_str() {
            "metric" => metric = value.text(&key)?,
            "tsuids" => {
                let items = value.array(&key)?.unwrap_or_default().into_iter();
                tsuids = items.map(|id| Ok(id.text(&key)?.unwrap_or_default())).collect::<Result<_, JsonError>>()?;
            }
            "tags" if value == Json::Null => tags.clear(),
            "tags" => {
                let members = value.object(&key)?.into_iter();
                tags =
                    members.map(|(name, value)| Ok((name, value.text("tags")?.unwrap_or_default()))).collect::<Result<_, JsonError>>()?;
            }
            _ => return Err(unknown(&key, "metric, tags, tsuids")),
        }
    }
    Ok(if tsuids.is_empty() { LastSub::Metric(metric.unwrap_or_default(), tags) } else { LastSub::Tsuids(tsuids) })
}

/// Parts between commas; empty ones at the end do not count, as in Java.
fn ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = text.split(',').map(str::to_string).collect();
    while ids.len() > 1 && ids.last().is_some_and(String::is_empty) {
        ids.pop();
    }
    ids
}

type MetricAndTags = (String, Vec<(String, String)>);

/// `metric{name=value,...}`: values are plain, a wildcard is a name like any other (surprise 79).
fn metric_and_tags(text: &str) -> Result<MetricAndTags, String> {
    let Some((metric, inside)) = text.split_once('{') else { return Ok((text.to_string(), Vec::new())) };
    let Some(inside) = inside.strip_suffix('}') else { return Err(format!("Missing '}}' at the end of: {text}")) };
    let mut tags: Vec<(String, String)> = Vec::new();
    for tag in inside.split(',').filter(|_| !inside.is_empty()) {
        let fail = |why: &str| Err(format!("When parsing tag '{tag}': {why}: {tag}"));
        let Some((name, value)) = tag.split_once('=').filter(|(k, v)| !k.is_empty() && !v.is_empty() && !v.contains('=')) else {
            return fail("invalid tag");
        };
        match tags.iter().find(|(known, _)| known == name) {
            Some((_, known)) if known == value => {}
            Some(_) => return fail("duplicate tag"),
            None => tags.push((name.to_string(), value.to_string())),
        }
    }
    Ok((metric.to_string(), tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_question() {
        type Want<'w> = Result<(&'w str, &'w [(&'w str, &'w str)]), &'w str>;
        let check = |text: &str, want: Want<'_>| {
            let want = want.map(|(m, t)| (m.to_string(), t.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()));
            assert_eq!(metric_and_tags(text), want.map_err(str::to_string), "{text}");
        };
        check("m", Ok(("m", &[])));
        check("m{}", Ok(("m", &[])));
        check("m{a=b,c=*}", Ok(("m", &[("a", "b"), ("c", "*")])));
        check("m{a=b,a=b}", Ok(("m", &[("a", "b")])));
        check("m{a=b", Err("Missing '}' at the end of: m{a=b"));
        check("m{a}", Err("When parsing tag 'a': invalid tag: a"));
        check("m{a=b,a=c}", Err("When parsing tag 'a=c': duplicate tag: a=c"));
        assert_eq!(ids("1,2,,"), ["1", "2"]);
        assert_eq!(ids(""), [""]);
    }
}
