//! From the words of a request to the plan, checked in OpenTSDB's order so that the first error is the same one.

use super::date::{Clock, parse_date};
use super::names::rollup_usage;
use super::post::DEFAULT_RATE;
use super::show::{Output, dump};
use super::{Request, RequestError, SubRequest, downsample, names};
use crate::codec::id_from_hex;
use crate::point::{PointTime, write_f32};
use crate::query::filter::TagTest;
use crate::query::plan::{Aggregator, HistogramQuery, Query, RollupChoice, Source, SubQuery, Unlimited};

/// What a request is compiled against.
#[derive(Clone, Debug)]
pub struct Context {
    /// This moment and the zone of dates.
    pub clock: Clock,
    /// Bytes of a metric's UID.
    pub metric_width: u8,
}

/// Sub queries checked so far: what the text dump of a refused query shows of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    pub interval_ms: i64,
    pub index: usize,
}

/// Checks a request and gives what to ask the engine and how to write the answer.
pub fn compile(request: Request, context: &Context) -> Result<(Query, Output), RequestError> {
    let mut checked = vec![Checked::default(); request.subs.as_ref().map_or(0, Vec::len)];
    let (start_ms, end_ms, plans) = match check(&request, context, &mut checked) {
        Ok(done) => done,
        Err(e) => {
            let details = e.details.unwrap_or_else(|| dump(&request, &checked));
            return Err(RequestError { message: e.message, details: Some(details) });
        }
    };
    for moment in [start_ms, end_ms] {
        if !(0..=PointTime::MILLIS_MAX).contains(&moment) {
            return Err(RequestError::new(format!("Invalid timestamp: {moment}")));
        }
    }
    let requests = request.subs.unwrap_or_default();
    let mut subs = Vec::with_capacity(requests.len());
    for (sub, (aggregator, spec, zone)) in requests.iter().zip(plans) {
        let index = subs.len();
        let downsample = match spec {
            Some(spec) => Some(spec.plan(request.flags.use_calendar, zone)?),
            None => None,
        };
        let source = source(sub, context.metric_width)?;
        let by_metric = matches!(source, Source::Metric(_));
        if by_metric {
            check_literals(sub)?;
        }
        let filters = if by_metric { sub.filters.iter().map(|f| f.filter.clone()).collect() } else { Vec::new() };
        subs.push(SubQuery {
            index,
            source,
            explicit_tags: by_metric && sub.extra.explicit_tags,
            filters,
            aggregator,
            downsample,
            rate: sub.rate.then(|| sub.rate_options.unwrap_or(DEFAULT_RATE)),
            rollup: RollupChoice { usage: rollup_usage(sub.extra.rollup_usage.as_deref()), pre_aggregate: sub.extra.pre_aggregate },
            histogram: histogram(sub),
        });
    }
    let unlimited = Unlimited { bytes: request.flags.override_byte_limit, points: request.flags.override_point_limit };
    let output = Output { start_ms, end_ms, flags: request.flags, subs: requests };
    Ok((Query { start_ms, end_ms, subs, unlimited }, output))
}

type SubPlan = (Aggregator, Option<downsample::Spec>, Option<jiff::tz::TimeZone>);

fn check(request: &Request, context: &Context, checked: &mut [Checked]) -> Result<(i64, i64, Vec<SubPlan>), RequestError> {
    let Some(start) = request.start.as_deref().filter(|s| !s.is_empty()) else {
        return Err(RequestError::new("Missing start time"));
    };
    let timezone = request.timezone.as_deref();
    let start_ms = parse_date(start, timezone, &context.clock)?;
    let end_ms = match request.end.as_deref().filter(|s| !s.is_empty()) {
        Some(end) => parse_date(end, timezone, &context.clock)?,
        None => context.clock.now_ms,
    };
    if end_ms <= start_ms {
        return Err(RequestError::new(format!("End time [{end_ms}] must be greater than the start time [{start_ms}]")));
    }
    let subs = request.subs.as_deref().unwrap_or_default();
    if subs.is_empty() {
        return Err(RequestError::new("Missing queries"));
    }
    let mut plans = Vec::with_capacity(subs.len());
    for ((index, sub), checked) in subs.iter().enumerate().zip(checked) {
        let (aggregator, spec) = check_sub(sub)?;
        checked.interval_ms = spec.as_ref().map_or(0, downsample::Spec::interval_ms);
        check_histogram(sub, aggregator)?;
        let zone = if spec.is_some() { downsample::calendar_zone(timezone)? } else { None };
        checked.index = index;
        plans.push((aggregator, spec, zone));
    }
    Ok((start_ms, end_ms, plans))
}

fn check_sub(sub: &SubRequest) -> Result<(Aggregator, Option<downsample::Spec>), RequestError> {
    let Some(name) = sub.aggregator.as_deref().filter(|a| !a.is_empty()) else {
        return Err(RequestError::new("Missing the aggregation function"));
    };
    let Some(aggregator) = names::aggregator(name) else {
        return Err(RequestError::new(format!("No such aggregation function: {name}")));
    };
    let no_series = sub.tsuids.as_ref().is_none_or(Vec::is_empty);
    if no_series && sub.metric.as_deref().is_none_or(str::is_empty) {
        return Err(RequestError::new("Missing the metric or tsuids, provide at least one"));
    }
    let spec = match sub.downsample.as_deref().filter(|d| !d.is_empty()) {
        Some(text) => Some(downsample::parse(text)?),
        None => None,
    };
    Ok((aggregator, spec))
}

fn check_histogram(sub: &SubRequest, aggregator: Aggregator) -> Result<(), RequestError> {
    if !sub.is_histogram() {
        return Ok(());
    }
    if !matches!(aggregator, Aggregator::None | Aggregator::Sum) {
        return Err(RequestError::new("Only NONE or SUM aggregation function supported for histogram query"));
    }
    let function = sub.downsample.as_deref().and_then(|d| d.split('-').nth(1));
    if function.is_some_and(|f| !f.eq_ignore_ascii_case("sum")) {
        return Err(RequestError::new("Only SUM downsampling aggregation supported for histogram query"));
    }
    match sub.extra.percentiles.iter().flatten().find(|p| **p < 0.0 || **p > 100.0) {
        Some(p) => {
            let mut text = Vec::new();
            write_f32(&mut text, *p);
            Err(RequestError::new(format!("Invalid percentile parameters: {}", String::from_utf8_lossy(&text))))
        }
        None => Ok(()),
    }
}

fn histogram(sub: &SubRequest) -> Option<HistogramQuery> {
    let mut percentiles = sub.extra.percentiles.clone().unwrap_or_default();
    percentiles.sort_by(f32::total_cmp);
    sub.is_histogram().then_some(HistogramQuery { percentiles, ranges: sub.extra.show_histogram_buckets })
}

/// An empty name in a list can be no name's (`|web01`).
fn check_literals(sub: &SubRequest) -> Result<(), RequestError> {
    let empty = |test: &TagTest| matches!(test, TagTest::LiteralOr { values, ignore_case: false } if values.iter().any(String::is_empty));
    if sub.filters.iter().any(|f| empty(&f.filter.test)) {
        return Err(RequestError::new("Missing UID name").details("Missing UID name"));
    }
    Ok(())
}

/// Series ids go before the metric (`tsuid/metric-and-tsuids`).
fn source(sub: &SubRequest, metric_width: u8) -> Result<Source, RequestError> {
    let Some(texts) = sub.tsuids.as_ref().filter(|t| !t.is_empty()) else {
        return Ok(Source::Metric(sub.metric.clone().unwrap_or_default()));
    };
    let metric = shared_metric(texts, usize::from(metric_width) * 2)?;
    // The metric is read first and once, the tags for themselves and in order: mistakes are told of the part that has them.
    let read = |digits: &str| id_from_hex(digits).map_err(|message| RequestError::new(message.clone()).details(message));
    let metric_id = read(metric)?;
    let mut sorted: Vec<&String> = texts.iter().collect();
    sorted.sort();
    let tags = sorted.into_iter().map(|text| {
        let tags = read(text.get(metric.len()..).unwrap_or_default())?;
        if tags.is_empty() {
            return Err(RequestError::new("UID was empty").details("UID was empty"));
        }
        Ok([metric_id.as_slice(), &tags].concat())
    });
    tags.collect::<Result<_, _>>().map(Source::Tsuids)
}

/// The digits that all series ids begin with.
fn shared_metric(texts: &[String], digits: usize) -> Result<&str, RequestError> {
    let mut first = "";
    for text in texts {
        let Some(metric) = text.get(..digits) else {
            return Err(RequestError::new(format!("The TSUID '{text}' is shorter than a metric's {digits} digits")));
        };
        if first.is_empty() {
            first = metric;
        } else if first.to_uppercase() != metric.to_uppercase() {
            let [first, metric] = [first, metric].map(str::to_uppercase);
            return Err(RequestError::new(format!("One or more TSUIDs did not share the same metric [{first}] [{metric}]")));
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::super::uri;
    use super::*;

    #[track_caller]
    fn check(kind: &str, text: &str, want: Result<&str, &str>) {
        let params = [("start", "1356998400"), ("end", "1356999000"), (kind, text)].map(|(k, v)| (k.to_string(), v.to_string()));
        let context = Context { clock: Clock { now_ms: 1_400_000_000_000, zone: jiff::tz::TimeZone::UTC }, metric_width: 3 };
        let got = uri::parse(&params).and_then(|request| compile(request, &context)).map(|(query, _)| {
            let subs = query.subs.iter().map(|s| format!("{:?} {} {}", s.source, s.filters.len(), s.explicit_tags));
            subs.collect::<Vec<_>>().join("; ")
        });
        assert_eq!(got.as_deref().map_err(|e| e.message.as_str()), want, "{text}");
    }

    #[test]
    fn plans() {
        check("m", "sum:explicit_tags:m{a=b}", Ok(r#"Metric("m") 1 true"#));
        check("tsuid", "sum:0000010000010000fF", Ok("Tsuids([[0, 0, 1, 0, 0, 1, 0, 0, 255]]) 0 false"));
        // An odd digit: a zero in front of the tags.
        check("tsuid", "sum:00000100000100000", Ok("Tsuids([[0, 0, 1, 0, 0, 0, 16, 0, 0]]) 0 false"));
        check("tsuid", "sum:0000", Err("The TSUID '0000' is shorter than a metric's 6 digits"));
        check("tsuid", "sum:000001", Err("UID was empty"));
        for (text, part) in [
            ("zzzzzz", "zzzzzz"),
            ("00000z0000010000zz", "00000z"),
            ("0000010000010000zz", "0000010000zz"),
            ("0000010000010zz", "00000010zz"),
        ] {
            check("tsuid", &format!("sum:{text}"), Err(&format!("contains illegal character for hexBinary: {part}")));
        }
        check("tsuid", "sum:000001zz,000001", Err("UID was empty"));
        check("tsuid", "sum:0000010000zz,000002", Err("One or more TSUIDs did not share the same metric [000001] [000002]"));
        check(
            "tsuid",
            "sum:000001000001000001,000002000001000001",
            Err("One or more TSUIDs did not share the same metric [000001] [000002]"),
        );
        check("m", "sum:m{a=|b}", Err("Missing UID name"));
        check("m", "sum:percentiles[50,99]:m", Ok(r#"Metric("m") 0 false"#));
        check("m", "avg:percentiles[50]:m", Err("Only NONE or SUM aggregation function supported for histogram query"));
        check("m", "sum:percentiles[101]:m", Err("Invalid percentile parameters: 101.0"));
        check("m", "sum:percentiles[1e20]:m", Err("Invalid percentile parameters: 1.0E20"));
    }
}
