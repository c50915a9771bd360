//! What an answer shows of its request (`showQuery`), and the text of a refused one (`details`).

use super::compile::Checked;
use super::{Flags, Request, SubRequest, names};
use crate::query::plan::RollupUsage;
use std::fmt::Write;

/// How the answer is written, and to what.
#[derive(Clone, Debug)]
pub struct Output {
    /// Points before it are not shown; milliseconds since the epoch.
    pub start_ms: i64,
    /// Points after it are not shown.
    pub end_ms: i64,
    /// The request's switches.
    pub flags: Flags,
    /// The sub queries, by `index`.
    pub subs: Vec<SubRequest>,
}

/// A whole query, for the list of queries that run: its words, and the defaults that nobody sent.
pub fn query_json(start: Option<&str>, end: Option<&str>, timezone: Option<&str>, output: &Output) -> serde_json::Value {
    let flags = &output.flags;
    let subs: Vec<_> = output.subs.iter().enumerate().map(|(index, sub)| sub_query_json(sub, index, &[])).collect();
    serde_json::json!({
        "start": start, "end": end, "timezone": timezone, "options": null, "padding": flags.padding, "queries": subs,
        "delete": flags.delete, "noAnnotations": flags.no_annotations, "globalAnnotations": flags.global_annotations,
        "showTSUIDs": flags.show_tsuids, "msResolution": flags.ms_resolution, "showQuery": flags.show_query,
        "showStats": flags.show_stats, "showSummary": flags.show_summary, "useCalendar": flags.use_calendar,
    })
}

/// A sub query as `showQuery` prints it, with the defaults that nobody sent. `tagk_uids`: the UIDs of the filters' tag keys,
/// in the order of their bytes (recorded cases `options/show-query-*`).
pub fn sub_query_json(sub: &SubRequest, index: usize, tagk_uids: &[Vec<u8>]) -> serde_json::Value {
    use serde_json::{Map, Value, json};
    let filters: Vec<Value> = sub
        .filters
        .iter()
        .map(|f| json!({"tagk": f.filter.tagk, "filter": f.text, "group_by": f.filter.group_by, "type": f.kind}))
        .collect();
    let mut tags = Map::new();
    for f in sub.filters.iter().filter(|f| f.filter.group_by) {
        tags.insert(f.filter.tagk.clone(), Value::String(format!("{}({})", f.kind, f.text)));
    }
    let rate_options = sub
        .rate_options
        .map(|r| json!({"counter": r.counter, "counterMax": r.counter_max, "resetValue": r.reset_value, "dropResets": r.drop_resets}));
    let uids: Vec<String> = tagk_uids.iter().map(|uid| base64(uid)).collect();
    json!({
        "aggregator": sub.aggregator,
        "metric": sub.metric,
        "tsuids": sub.tsuids,
        "downsample": sub.downsample,
        "rate": sub.rate,
        "filters": filters,
        "percentiles": sub.extra.percentiles,
        "index": index,
        "rateOptions": rate_options,
        "filterTagKs": if sub.filters.is_empty() { Value::Null } else { json!(uids) },
        "explicitTags": sub.extra.explicit_tags,
        "useFuzzyFilter": sub.extra.use_fuzzy_filter,
        "preAggregate": sub.extra.pre_aggregate,
        "rollupUsage": sub.extra.rollup_usage.as_deref().map(rollup_usage),
        "rollupTable": "raw",
        "showHistogramBuckets": sub.extra.show_histogram_buckets,
        "useMultiGets": sub.extra.use_multi_gets,
        "tags": tags,
        "histogramQuery": sub.is_histogram(),
    })
}

/// How the usage that a word means is printed.
fn rollup_usage(word: &str) -> &'static str {
    match names::rollup_usage(Some(word)) {
        RollupUsage::Raw => "ROLLUP_RAW",
        RollupUsage::NoFallback => "ROLLUP_NOFALLBACK",
        RollupUsage::Fallback => "ROLLUP_FALLBACK",
        RollupUsage::FallbackRaw => "ROLLUP_FALLBACK_RAW",
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * place) & 63) as usize).copied();
            out.push(if place <= group.len() { char::from(letter.unwrap_or(b'=')) } else { '=' });
        }
    }
    out
}

/// A query as the Java TSD prints it in `details` of validation errors. Clients compare it as text (`error/get-unknown-agg`).
pub(super) fn dump(request: &Request, checked: &[Checked]) -> String {
    let null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_string());
    let subs = request.subs.as_deref().unwrap_or_default();
    let unchecked = Checked::default();
    let subs: Vec<String> = subs.iter().enumerate().map(|(i, sub)| dump_sub(sub, checked.get(i).unwrap_or(&unchecked))).collect();
    let flags = &request.flags;
    // The brackets of each option's values are never closed.
    let options: Vec<String> = request.options.iter().map(|(key, values)| format!("{key}=[{}", values.join(", "))).collect();
    format!(
        "TSQuery(start_time={}, end_time={}, subQueries[{}] padding={}, no_annotations={}, with_global_annotations={}, show_tsuids={}, \
         ms_resolution={}, options=[{}])",
        null(&request.start),
        null(&request.end),
        subs.join(", "),
        flags.padding,
        flags.no_annotations,
        flags.global_annotations,
        flags.show_tsuids,
        flags.ms_resolution,
        options.join(", "),
    )
}

fn dump_sub(sub: &SubRequest, checked: &Checked) -> String {
    let null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_string());
    let filters: Vec<String> = sub.filters.iter().map(|f| f.describe()).collect();
    let mut out = format!(
        "TSSubQuery(metric={}, filters=[{}], tsuids=[{}], agg={}, downsample={}, ds_interval={}, rate={}, rate_options=",
        sub.metric.as_deref().unwrap_or_default(),
        filters.join(", "),
        sub.tsuids.as_deref().unwrap_or_default().join(", "),
        null(&sub.aggregator),
        null(&sub.downsample),
        checked.interval_ms,
        sub.rate,
    );
    let rate = match &sub.rate_options {
        Some(r) => format!("{{{},{},{}}}", r.counter, r.counter_max, r.reset_value),
        None => "null".to_string(),
    };
    let percentiles = match &sub.extra.percentiles {
        Some(list) => format!("[{}]", list.iter().map(|p| format!("{p:?}")).collect::<Vec<_>>().join(", ")),
        None => "null".to_string(),
    };
    let written = write!(
        out,
        "{rate}, explicit_tags=explicit_tags, index={}, percentiles={percentiles}, show_histogram_buckets={})",
        checked.index, sub.extra.show_histogram_buckets
    );
    debug_assert!(written.is_ok(), "writing to a string");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_uids() {
        assert_eq!(base64(&[0, 0, 2]), "AAAC");
        assert_eq!(base64(&[0xff]), "/w==");
        assert_eq!(base64(&[0xff, 1]), "/wE=");
        assert_eq!(base64(&[1, 2, 3, 4]), "AQIDBA==");
    }
}
