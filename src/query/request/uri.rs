//! `GET /api/query?start=...&m=sum:5m-avg:rate{counter}:metric{host=a|b}{dc=lga}&tsuid=...`.
//!
//! Source: recorded cases `error/get-*`, `rate/counter-*`, `options/get-*`. Flags are true by being there, whatever their value.

use super::gexp::{self, Asked};
use super::{Flags, Request, RequestError, SubRequest};
use crate::query::expression::function::Call;
use crate::query::filter::FilterSpec;
use crate::query::filter::parse::FilterError;
use crate::query::plan::RateOptions;

/// Reads the parameters of a query string, decoded, in order. `exp=` is asked as if its queries stood in `m=`, without its
/// functions (recorded case `gexp/on-query`).
pub fn parse(params: &[(String, String)]) -> Result<Request, RequestError> {
    let WithCalls { mut request, shifts_ms, .. } = parse_calls(params)?;
    // Here nothing is shifted, so what differed only by that is one question.
    if shifts_ms.iter().any(|ms| *ms != 0) {
        request.subs = request.subs.map(super::without_repeats);
    }
    Ok(request)
}

/// A request with functions over its sub queries.
#[derive(Clone, Debug, Default)]
pub struct WithCalls {
    /// The sub queries: `tsuid=`, then `m=`, then those that stand in functions; equal ones once.
    pub request: Request,
    /// How much earlier each sub query is asked than the request says, in milliseconds.
    pub shifts_ms: Vec<i64>,
    /// What stands in `exp=`. Arguments count the queries in all functions from 0, whatever stands in `m=` before them
    /// (recorded case `gexp/exp-and-m`).
    pub calls: Vec<Call>,
}

/// Reads the parameters of a query string, and its functions.
pub fn parse_calls(params: &[(String, String)]) -> Result<WithCalls, RequestError> {
    let has = |name: &str| params.iter().any(|(k, _)| k == name);
    let last = |name: &str| params.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.clone());
    let start = last("start").filter(|s| !s.is_empty());
    if start.is_none() {
        return Err(RequestError::new("Missing parameter <code>start</code>"));
    }
    let flags = Flags {
        padding: has("padding"),
        no_annotations: has("no_annotations"),
        global_annotations: has("global_annotations"),
        show_tsuids: has("show_tsuids"),
        ms_resolution: has("ms"),
        show_query: has("show_query"),
        show_stats: has("show_stats"),
        show_summary: has("show_summary"),
        arrays: has("arrays"),
        ..Flags::default()
    };
    let mut subs = Vec::new();
    for (_, text) in params.iter().filter(|(k, _)| k == "tsuid") {
        subs.push(tsuid_query(text)?);
    }
    for (_, text) in params.iter().filter(|(k, _)| k == "m") {
        subs.push(metric_query(text)?);
    }
    let (mut asked, mut calls) = (vec![0; subs.len()], Vec::new());
    let mut within: Vec<Asked> = Vec::new();
    for (_, text) in params.iter().filter(|(k, _)| k == "exp") {
        calls.push(gexp::parse(text, &mut within)?);
    }
    for one in &within {
        subs.push(metric_query(&one.text)?);
        asked.push(one.shift_ms);
    }
    if subs.is_empty() {
        return Err(RequestError::new("Missing sub queries"));
    }
    let mut seen = std::collections::HashSet::new();
    let both = subs.into_iter().zip(asked).filter(|(sub, ms)| seen.insert((sub.key(), *ms)));
    let (subs, shifts_ms) = both.unzip();
    let request = Request { start, end: last("end"), flags, subs: Some(subs), ..Request::default() };
    Ok(WithCalls { request, shifts_ms, calls })
}

/// One `m=`: function, parts in any order, metric and filters.
pub fn metric_query(text: &str) -> Result<SubRequest, RequestError> {
    if text.is_empty() {
        return Err(RequestError::new("The query string was empty"));
    }
    let (aggregator, parts, metric) = split(text)?;
    let mut sub = SubRequest { aggregator: Some(aggregator.to_string()), ..SubRequest::default() };
    sub.metric = Some(metric_and_filters(metric, &mut sub.filters)?);
    for part in parts {
        let lower = part.to_lowercase();
        if common_part(&mut sub, part, &lower, text)? {
            continue;
        }
        if lower == "pre-agg" {
            sub.extra.pre_aggregate = true;
        } else if lower.starts_with("rollup_") {
            sub.extra.rollup_usage = Some(part.to_string());
        } else if lower.starts_with("explicit_tags") {
            sub.extra.explicit_tags = true;
        }
    }
    Ok(sub)
}

/// One `tsuid=`: function, parts, series by their ids.
fn tsuid_query(text: &str) -> Result<SubRequest, RequestError> {
    if text.is_empty() {
        return Err(RequestError::new("The tsuid query string was empty"));
    }
    let (aggregator, parts, ids) = split(text)?;
    let mut ids: Vec<String> = ids.split(',').map(str::to_string).collect();
    while ids.len() > 1 && ids.last().is_some_and(String::is_empty) {
        ids.pop();
    }
    let mut sub = SubRequest { aggregator: Some(aggregator.to_string()), tsuids: Some(ids), ..SubRequest::default() };
    for part in parts {
        common_part(&mut sub, part, &part.to_lowercase(), text)?;
    }
    Ok(sub)
}

/// Function, what stands between, and the last part.
fn split(text: &str) -> Result<(&str, Vec<&str>, &str), RequestError> {
    let mut parts: Vec<&str> = text.split(':').collect();
    let wrong = |how: &str| Err(RequestError::new(format!("Invalid parameter m={text} ({how} :-separated parts)")));
    if parts.len() > 5 {
        return wrong("too many");
    }
    if parts.len() < 2 {
        return wrong("not enough");
    }
    let last = parts.pop().unwrap_or_default();
    Ok((parts.remove(0), parts, last))
}

/// A part that both forms know. Unknown parts that begin with no digit are ignored (`error/get-unknown-part`).
fn common_part(sub: &mut SubRequest, part: &str, lower: &str, text: &str) -> Result<bool, RequestError> {
    if lower.starts_with("rate") {
        sub.rate = true;
        if part.contains('{') {
            sub.rate_options = Some(rate_options(part)?);
        }
    } else if part.is_empty() {
        return Err(RequestError::new(format!("Invalid parameter m={text} (a part between two colons is empty)")));
    } else if part.starts_with(|c: char| c.is_ascii_digit()) {
        sub.downsample = Some(part.to_string());
    } else if lower.starts_with("percentiles") {
        sub.extra.percentiles = Some(percentiles(part)?);
    } else if lower.starts_with("show-histogram-buckets") {
        sub.extra.show_histogram_buckets = true;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// `rate{counter,max,reset}`. What stands before the brace and the last character are cut off unseen, so `rate{counter`
/// is a plain rate (`rate/err-rate_counter`).
pub fn rate_options(part: &str) -> Result<RateOptions, RequestError> {
    let chars: Vec<char> = part.chars().collect();
    if chars.len() < 6 {
        return Err(RequestError::new(format!("Invalid rate options specification: {part}")));
    }
    let inner: String = chars.get(5..chars.len() - 1).unwrap_or_default().iter().collect();
    let parts: Vec<&str> = inner.split(',').collect();
    if parts.len() > 3 {
        return Err(RequestError::new(format!(
            "Incorrect number of values in rate options specification, must be counter[,counter max value,reset value], recieved: {} parts",
            parts.len()
        )));
    }
    let number = |at: usize, default: i64, name: &str| match parts.get(at).filter(|p| !p.is_empty()) {
        None => Ok(default),
        Some(text) => {
            text.parse::<i64>().map_err(|_| RequestError::new(format!("{name} value of counter was not a number, received '{text}'")))
        }
    };
    let kind = parts.first().copied().unwrap_or_default();
    Ok(RateOptions {
        counter: kind.ends_with("counter"),
        counter_max: number(1, i64::MAX, "Max")?,
        reset_value: number(2, 0, "Reset")?,
        drop_resets: kind == "dropcounter",
    })
}

/// `percentiles[50,99.9]`.
fn percentiles(part: &str) -> Result<Vec<f32>, RequestError> {
    let bad = || RequestError::new(format!("Malformated percentile query paramater: {part}"));
    let inner = part.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(inner, _)| inner).ok_or_else(bad)?;
    let mut list = Vec::new();
    for text in inner.split(',') {
        list.push(text.trim().parse::<f32>().map_err(|_| bad())?);
    }
    list.sort_by(f32::total_cmp);
    Ok(list)
}

/// `metric{tags}{filters}`: the first braces group, the last ones only filter. Gives the metric.
fn metric_and_filters(text: &str, filters: &mut Vec<FilterSpec>) -> Result<String, RequestError> {
    if text.is_empty() {
        return Err(RequestError::new("Metric cannot be null or empty"));
    }
    let Some((metric, braces)) = text.split_once('{') else { return Ok(text.to_string()) };
    let Some(inner) = braces.strip_suffix('}') else {
        return Err(RequestError::new(format!("Missing '}}' at the end of: {text}")));
    };
    if metric.contains('}') {
        return Err(RequestError::new(format!("A '}}' before the first '{{' in: {text}")));
    }
    if inner.is_empty() {
        return Ok(metric.to_string());
    }
    let (tags, second) = match inner.split_once('}') {
        Some((tags, _)) => (tags, inner.rsplit_once('{').map_or(inner, |(_, last)| last)),
        None => (inner, ""),
    };
    let two = inner.contains('}');
    for filter in second.split(',').take_while(|f| !f.is_empty()) {
        let parsed = one_filter(filter).map_err(|e| RequestError::new(format!("When parsing filter '{filter}': {e}")))?;
        filters.push(parsed);
    }
    for tag in tags.split(',') {
        if tag.is_empty() && two {
            break;
        }
        let parsed = one_filter(tag).map_err(|e| RequestError::new(format!("When parsing tag '{tag}': {e}")))?;
        parsed.add_grouping(filters);
    }
    Ok(metric.to_string())
}

/// `host=...`.
pub(super) fn one_filter(text: &str) -> Result<FilterSpec, FilterError> {
    match text.split_once('=') {
        Some((tagk, value)) if !tagk.is_empty() && !value.is_empty() && !value.contains('=') => FilterSpec::from_value(tagk, value),
        _ => Err(FilterError(format!("invalid tag: {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(sub: &SubRequest) -> String {
        let filters: Vec<String> = sub
            .filters
            .iter()
            .map(|f| format!("{}{}={}({})", if f.filter.group_by { "*" } else { "" }, f.filter.tagk, f.kind, f.text))
            .collect();
        let rate = sub.rate_options.map(|r| format!("{},{},{},{}", r.counter, r.counter_max, r.reset_value, r.drop_resets));
        format!(
            "{} {} [{}] ds={} rate={} {}",
            sub.aggregator.as_deref().unwrap_or("-"),
            sub.metric.as_deref().unwrap_or("-"),
            filters.join(" "),
            sub.downsample.as_deref().unwrap_or("-"),
            sub.rate,
            rate.unwrap_or_default()
        )
    }

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = metric_query(text).map(|sub| shape(&sub));
        assert_eq!(got.as_deref().map(str::trim_end).map_err(|e| e.message.as_str()), want, "{text}");
    }

    #[test]
    fn metric_queries() {
        check("sum:m", Ok("sum m [] ds=- rate=false"));
        check("sum:1m-avg:rate:m{host=a}", Ok("sum m [*host=literal_or(a)] ds=1m-avg rate=true"));
        check("sum:rate{counter,10,}:m", Ok("sum m [] ds=- rate=true true,10,0,false"));
        check("sum:RATE{dropcounter,,5}:m", Ok("sum m [] ds=- rate=true true,9223372036854775807,5,true"));
        check("sum:rate{counter:m", Ok("sum m [] ds=- rate=true false,9223372036854775807,0,false"));
        check("sum:m{host=a,dc=*}{own=regexp(x|y)}", Ok("sum m [own=regexp(x|y) *host=literal_or(a) *dc=wildcard(*)] ds=- rate=false"));
        check("sum:m{}{host=a}", Ok("sum m [host=literal_or(a)] ds=- rate=false"));
        check("sum:m{host=a}{}", Ok("sum m [*host=literal_or(a)] ds=- rate=false"));
        check("sum:m{}", Ok("sum m [] ds=- rate=false"));
        check("sum:m{host=a}{host=a}", Ok("sum m [*host=literal_or(a)] ds=- rate=false"));
        check("sum:foo:m", Ok("sum m [] ds=- rate=false"));
        check("m", Err("Invalid parameter m=m (not enough :-separated parts)"));
        check("a:b:c:d:e:f", Err("Invalid parameter m=a:b:c:d:e:f (too many :-separated parts)"));
        check("", Err("The query string was empty"));
        check("sum:", Err("Metric cannot be null or empty"));
        check("sum::m", Err("Invalid parameter m=sum::m (a part between two colons is empty)"));
        check("sum:m{host=a", Err("Missing '}' at the end of: m{host=a"));
        check("sum:m}{a=b}", Err("A '}' before the first '{' in: m}{a=b}"));
        check("sum:m{host=}", Err("When parsing tag 'host=': invalid tag: host="));
        check("sum:m{host=a,}", Err("When parsing tag '': invalid tag: "));
        check("sum:m{a=b}{c=d=e}", Err("When parsing filter 'c=d=e': invalid tag: c=d=e"));
        check("sum:m{host=foo(bar)}", Err("When parsing tag 'host=foo(bar)': Could not find a tag value filter of the type: foo"));
        check("sum:rate{:m", Err("Invalid rate options specification: rate{"));
        check("sum:rate{counter,abc}:m", Err("Max value of counter was not a number, received 'abc'"));
        check("sum:rate{counter,1,abc}:m", Err("Reset value of counter was not a number, received 'abc'"));
        check(
            "sum:rate{a,1,2,3}:m",
            Err(
                "Incorrect number of values in rate options specification, must be counter[,counter max value,reset value], recieved: 4 parts",
            ),
        );
    }
}
