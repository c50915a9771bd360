//! `POST /api/query`: the JSON body. Unknown fields are ignored but in `rateOptions`; the order of `tags` and `filters`
//! counts: tags after filters replace them and the reverse (`filter/tags-and-filters`).

use super::json::{self, Json, JsonError};
use super::{Request, RequestError, SubRequest, without_repeats};
use crate::query::filter::FilterSpec;
use crate::query::plan::RateOptions;

/// Reads a body. `arrays` is a parameter of the URL, not of the body.
pub fn parse(body: &[u8]) -> Result<Request, RequestError> {
    if body.is_empty() {
        return Err(RequestError::new("Missing message content").details("Supply valid JSON formatted data in the body of your request"));
    }
    let unreadable = |e: JsonError| RequestError::new("Unable to parse the given JSON").details(e.0);
    let value = json::parse(body).map_err(unreadable)?;
    if value == Json::Null {
        return Err(RequestError::new("Missing queries").details("The body is null where an object must be"));
    }
    let mut request = request(value).map_err(unreadable)?;
    request.subs = request.subs.map(without_repeats);
    Ok(request)
}

fn request(value: Json) -> Result<Request, JsonError> {
    let mut request = Request::default();
    for (key, value) in value.object("the query")? {
        let flags = &mut request.flags;
        let switch = match key.as_str() {
            "padding" => &mut flags.padding,
            "noAnnotations" => &mut flags.no_annotations,
            "globalAnnotations" => &mut flags.global_annotations,
            "showTSUIDs" => &mut flags.show_tsuids,
            "msResolution" => &mut flags.ms_resolution,
            "showQuery" => &mut flags.show_query,
            "showStats" => &mut flags.show_stats,
            "showSummary" => &mut flags.show_summary,
            "delete" => &mut flags.delete,
            "useCalendar" => &mut flags.use_calendar,
            "overrideByteLimit" => &mut flags.override_byte_limit,
            "overrideDataPointLimit" => &mut flags.override_point_limit,
            _ => {
                plain_field(&mut request, &key, value)?;
                continue;
            }
        };
        *switch = value.switch(&key)?;
    }
    Ok(request)
}

fn plain_field(request: &mut Request, key: &str, value: Json) -> Result<(), JsonError> {
    match key {
        "start" => request.start = value.text(key)?,
        "end" => request.end = value.text(key)?,
        "timezone" => request.timezone = value.text(key)?,
        "options" => request.options = options(value)?,
        "queries" => {
            request.subs = match value.array(key)? {
                None => None,
                Some(items) => Some(items.into_iter().map(sub_query).collect::<Result<_, _>>()?),
            }
        }
        _ => {}
    }
    Ok(())
}

fn options(value: Json) -> Result<Vec<(String, Vec<String>)>, JsonError> {
    if value == Json::Null {
        return Ok(Vec::new());
    }
    value.object("options")?.into_iter().map(|(key, list)| Ok((key, texts("options", list)?.unwrap_or_default()))).collect()
}

/// A list of texts; `null` elements read as empty ones.
fn texts(name: &str, value: Json) -> Result<Option<Vec<String>>, JsonError> {
    let Some(items) = value.array(name)? else { return Ok(None) };
    items.into_iter().map(|item| Ok(item.text(name)?.unwrap_or_default())).collect::<Result<_, _>>().map(Some)
}

fn sub_query(value: Json) -> Result<SubRequest, JsonError> {
    let mut sub = SubRequest::default();
    for (key, value) in value.object("queries")? {
        match key.as_str() {
            "aggregator" => sub.aggregator = value.text(&key)?,
            "metric" => sub.metric = value.text(&key)?,
            "tsuids" => sub.tsuids = texts(&key, value)?,
            "downsample" => sub.downsample = value.text(&key)?,
            "rate" => sub.rate = value.switch(&key)?,
            "rateOptions" => sub.rate_options = rate_options(value)?,
            "tags" => tags(&mut sub, value)?,
            "filters" => sub.filters = filters(value)?,
            "explicitTags" => sub.extra.explicit_tags = value.switch(&key)?,
            "preAggregate" => sub.extra.pre_aggregate = value.switch(&key)?,
            "rollupUsage" => sub.extra.rollup_usage = value.text(&key)?,
            "percentiles" => sub.extra.percentiles = percentiles(value)?,
            "showHistogramBuckets" => sub.extra.show_histogram_buckets = value.switch(&key)?,
            "useFuzzyFilter" => sub.extra.use_fuzzy_filter = value.switch(&key)?,
            "useMultiGets" => sub.extra.use_multi_gets = value.switch(&key)?,
            "index" => {
                value.integer(&key)?; // given anew anyway
            }
            _ => {}
        }
    }
    Ok(sub)
}

fn tags(sub: &mut SubRequest, value: Json) -> Result<(), JsonError> {
    sub.filters.clear();
    for (tagk, value) in value.object("tags")? {
        let value = value.text("tags")?.unwrap_or_default();
        FilterSpec::from_value(&tagk, &value).map_err(|e| JsonError(e.0))?.add_grouping(&mut sub.filters);
    }
    Ok(())
}

/// A list of filters.
pub(super) fn filters(value: Json) -> Result<Vec<FilterSpec>, JsonError> {
    let mut filters = Vec::new();
    for item in value.array("filters")?.unwrap_or_default() {
        let (mut kind, mut tagk, mut text, mut group_by) = (None, None, None, false);
        for (key, value) in item.object("filters")? {
            match key.as_str() {
                "type" => kind = value.text(&key)?,
                "tagk" => tagk = value.text(&key)?,
                "filter" => text = value.text(&key)?,
                "groupBy" | "group_by" => group_by = value.switch(&key)?,
                _ => {}
            }
        }
        let [kind, tagk, text] = [kind, tagk, text].map(Option::unwrap_or_default);
        let mut filter = FilterSpec::new(&kind, &tagk, &text).map_err(|e| JsonError(e.0))?;
        filter.filter.group_by = group_by;
        filters.push(filter);
    }
    Ok(filters)
}

fn rate_options(value: Json) -> Result<Option<RateOptions>, JsonError> {
    if value == Json::Null {
        return Ok(None);
    }
    let mut options = DEFAULT_RATE;
    for (key, value) in value.object("rateOptions")? {
        match key.as_str() {
            "counter" | "isCounter" => options.counter = value.switch(&key)?,
            "counterMax" => options.counter_max = value.integer(&key)?,
            "resetValue" => options.reset_value = value.integer(&key)?,
            "dropResets" => options.drop_resets = value.switch(&key)?,
            other => {
                let known = "counter, counterMax, resetValue, dropResets";
                return Err(JsonError(format!("'rateOptions' has an unknown field '{other}' (known are {known})")));
            }
        }
    }
    Ok(Some(options))
}

/// A rate without options.
pub(super) const DEFAULT_RATE: RateOptions = RateOptions { counter: false, counter_max: i64::MAX, reset_value: 0, drop_resets: false };

fn percentiles(value: Json) -> Result<Option<Vec<f32>>, JsonError> {
    let Some(items) = value.array("percentiles")? else { return Ok(None) };
    let mut list = Vec::new();
    for item in items {
        let text = item.text("percentiles")?.unwrap_or_default();
        match text.trim().parse::<f32>() {
            Ok(n) => list.push(n),
            Err(_) => return Err(JsonError(format!("'percentiles' must be numbers, not '{text}'"))),
        }
    }
    list.sort_by(f32::total_cmp);
    Ok(Some(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, want: Result<&str, &str>) {
        let got = parse(body.as_bytes()).map(|r| {
            let subs = r.subs.unwrap_or_default();
            let filters =
                |s: &SubRequest| s.filters.iter().map(|f| format!("{}:{}", f.filter.tagk, f.filter.group_by)).collect::<Vec<_>>().join(",");
            subs.iter().map(|s| format!("{:?}[{}]", s.metric.as_deref().unwrap_or("-"), filters(s))).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(got.as_deref().map_err(|e| e.details.as_deref().unwrap_or(&e.message)), want, "{body}");
    }

    #[test]
    fn bodies() {
        check(r#"{"queries":[{"metric":"a"},{"metric":98765},{"metric":"a","foo":[{}]}],"x":{}} trailing"#, Ok(r#""a"[] "98765"[]"#));
        check(r#"{"queries":[{"tags":{"h":"*"},"filters":[{"type":"wildcard","tagk":"k","filter":"*","z":1}]}]}"#, Ok(r#""-"[k:false]"#));
        check(r#"{"queries":[{"filters":[{"type":"wildcard","tagk":"k","filter":"*"}],"tags":{"h":"*"}}]}"#, Ok(r#""-"[h:true]"#));
        check(r#"{"queries":[{"filters":null}]}"#, Ok(r#""-"[]"#));
        check(r#"{"queries":[{"rate":"true","rateOptions":{"counter":"true","counterMax":"65535"}}]}"#, Ok(r#""-"[]"#));
        check("{}", Ok(""));
        check("", Err("Supply valid JSON formatted data in the body of your request"));
        check("hello", Err("no value of JSON begins at line 1, column 1"));
        check("\"x\"", Err("'the query' must be an object, not 'x'"));
        check("[]", Err("'the query' must be an object, not an array"));
        check("null", Err("The body is null where an object must be"));
        check(r#"{"msResolution":"yes"}"#, Err("'msResolution' must be true or false, not 'yes'"));
        check(r#"{"queries":{}}"#, Err("'queries' must be an array, not an object"));
        check(r#"{"queries":[null]}"#, Err("'queries' must be an object, not null"));
        check(r#"{"queries":[{"tags":["h"]}]}"#, Err("'tags' must be an object, not an array"));
        check(r#"{"queries":[{"tags":{"h":""}}]}"#, Err("Filter cannot be null or empty"));
        check(
            r#"{"queries":[{"filters":[{"type":"Wildcard","tagk":"k","filter":"*"}]}]}"#,
            Err("Could not find a tag value filter of the type: Wildcard"),
        );
        check(r#"{"queries":[{"filters":[{"tagk":"k","filter":"*"}]}]}"#, Err("The filter type cannot be null or empty"));
        check(
            r#"{"queries":[{"rateOptions":{"max":1}}]}"#,
            Err("'rateOptions' has an unknown field 'max' (known are counter, counterMax, resetValue, dropResets)"),
        );
    }
}
