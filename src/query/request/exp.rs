//! `POST /api/query/exp`: the JSON body, checked in OpenTSDB's order.
//!
//! Nearly every mistake here is a 500 of OpenTSDB's (recorded cases `exp/no-time`, `exp/bad-agg`, ...); here it is a 400 with
//! its words and, where those say little, the reason.

use super::compile::{Context, compile};
use super::date::{parse_date, parse_duration};
use super::json::{self, Json, JsonError};
use super::{Request, RequestError, SubRequest, names, post};
use crate::point::java_map;
use crate::query::expression::join::{Join, Operator};
use crate::query::expression::parse::{Parsed, parse};
use crate::query::filter::FilterSpec;
use crate::query::plan::{Fill, Query};
use std::collections::HashSet;

/// Most metrics, expressions, filters or outputs of a request.
pub const EXP_PARTS_MAX: usize = 1_024;

/// A request as it was written. What nobody sent is what OpenTSDB repeats in its answer.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct ExpRequest {
    pub name: Option<String>,
    pub time: Time,
    pub filters: Option<Vec<Filter>>,
    pub metrics: Vec<Metric>,
    pub expressions: Option<Vec<Expression>>,
    pub outputs: Option<Vec<Output>>,
}

/// When, and what is done to all metrics.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Time {
    pub start: Option<String>,
    pub end: Option<String>,
    pub timezone: Option<String>,
    pub downsampler: Option<Downsampler>,
    pub aggregator: Option<String>,
    pub rate: bool,
}

/// Buckets of time. The fill policy is repeated in the answer and does nothing, as in OpenTSDB (`exp/fill-ds-null`).
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Downsampler {
    pub interval: Option<String>,
    pub aggregator: Option<String>,
    pub fill: Option<Fill>,
}

/// Filters by a name.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Filter {
    pub id: Option<String>,
    pub tags: Option<Vec<FilterSpec>>,
    pub explicit_tags: bool,
}

/// A metric by the name of a variable.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Metric {
    pub metric: Option<String>,
    pub id: Option<String>,
    pub filter: Option<String>,
    pub aggregator: Option<String>,
    /// Taken and not used, as in OpenTSDB (`exp/offset`).
    pub time_offset: Option<String>,
    pub fill: Option<Fill>,
}

/// An expression by the name of a variable.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Expression {
    pub id: Option<String>,
    pub expr: Option<String>,
    /// `None`: no `join` was sent. The operator may be missing.
    pub join: Option<(Option<Operator>, bool, bool)>,
    pub fill: Option<Fill>,
}

/// What is shown.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Output {
    pub id: Option<String>,
    pub alias: Option<String>,
}

/// A request that makes sense.
#[derive(Clone, Debug)]
pub struct ExpPlan {
    /// What to ask the engine: a sub query a metric, in their order.
    pub query: Query,
    /// For each metric, whose sub query answers it: equal ones get the answer of the one that comes last in OpenTSDB's map,
    /// and filters are equal whether they group or not.
    pub answered_by: Vec<usize>,
    /// The expressions, in their order.
    pub expressions: Vec<(Parsed, Join)>,
}

/// Reads a body.
pub fn read(body: &[u8]) -> Result<ExpRequest, RequestError> {
    if body.is_empty() {
        return Err(RequestError::new("Incoming data was null or empty"));
    }
    let unreadable = |e: JsonError| RequestError::new(format!("Unable to parse the given JSON: {}", e.0));
    let mut out = ExpRequest::default();
    let (mut time, mut metrics) = (None, None);
    for (key, value) in json::parse(body).and_then(|value| value.object("the query")).map_err(unreadable)? {
        match key.as_str() {
            "name" => value.text(&key).map(|name| out.name = name),
            "time" if value == Json::Null => Ok(()),
            "time" => self::time(value).map(|read| time = Some(read)),
            "filters" => list(value, &key, filter).map(|read| out.filters = read),
            "metrics" => list(value, &key, metric).map(|read| metrics = read),
            "expressions" => list(value, &key, expression).map(|read| out.expressions = read),
            "outputs" => list(value, &key, output).map(|read| out.outputs = read),
            _ => Ok(()),
        }
        .map_err(unreadable)?;
    }
    let Some(time) = time else { return Err(RequestError::new("missing time")) };
    out.time = time;
    out.metrics = metrics.unwrap_or_default();
    Ok(out)
}

fn list<T>(value: Json, key: &str, one: impl Fn(Json) -> Result<T, JsonError>) -> Result<Option<Vec<T>>, JsonError> {
    let Some(items) = value.array(key)? else { return Ok(None) };
    if items.len() > EXP_PARTS_MAX {
        return Err(JsonError(format!("'{key}' has {} elements, at most {EXP_PARTS_MAX} are taken (EXP_PARTS_MAX)", items.len())));
    }
    items.into_iter().map(one).collect::<Result<_, _>>().map(Some)
}

fn time(value: Json) -> Result<Time, JsonError> {
    let mut out = Time::default();
    for (key, value) in value.object("time")? {
        match key.as_str() {
            "start" => out.start = value.text(&key)?,
            "end" => out.end = value.text(&key)?,
            "timezone" => out.timezone = value.text(&key)?,
            "aggregator" => out.aggregator = value.text(&key)?,
            "rate" => out.rate = value.switch(&key)?,
            "downsampler" if value != Json::Null => out.downsampler = Some(downsampler(value)?),
            _ => {}
        }
    }
    Ok(out)
}

fn downsampler(value: Json) -> Result<Downsampler, JsonError> {
    let mut out = Downsampler::default();
    for (key, value) in value.object("downsampler")? {
        match key.as_str() {
            "interval" => out.interval = value.text(&key)?,
            "aggregator" => out.aggregator = value.text(&key)?,
            "fillPolicy" => out.fill = fill(value)?,
            _ => {}
        }
    }
    Ok(out)
}

fn filter(value: Json) -> Result<Filter, JsonError> {
    let mut out = Filter::default();
    for (key, value) in value.object("filters")? {
        match key.as_str() {
            "id" => out.id = value.text(&key)?,
            "tags" if value != Json::Null => out.tags = Some(post::filters(value)?),
            "explicitTags" => out.explicit_tags = value.switch(&key)?,
            _ => {}
        }
    }
    Ok(out)
}

fn metric(value: Json) -> Result<Metric, JsonError> {
    let mut out = Metric::default();
    for (key, value) in value.object("metrics")? {
        match key.as_str() {
            "metric" => out.metric = value.text(&key)?,
            "id" => out.id = value.text(&key)?,
            "filter" => out.filter = value.text(&key)?,
            "aggregator" => out.aggregator = value.text(&key)?,
            "timeOffset" => out.time_offset = value.text(&key)?,
            "fillPolicy" => out.fill = fill(value)?,
            _ => {}
        }
    }
    Ok(out)
}

fn expression(value: Json) -> Result<Expression, JsonError> {
    let mut out = Expression::default();
    for (key, value) in value.object("expressions")? {
        match key.as_str() {
            "id" => out.id = value.text(&key)?,
            "expr" => out.expr = value.text(&key)?,
            "join" if value != Json::Null => out.join = Some(join(value)?),
            "fillPolicy" => out.fill = fill(value)?,
            _ => {}
        }
    }
    Ok(out)
}

fn join(value: Json) -> Result<(Option<Operator>, bool, bool), JsonError> {
    let default = Join::default();
    let mut out = (None, default.use_query_tags, default.include_agg_tags);
    for (key, value) in value.object("join")? {
        match key.as_str() {
            "operator" => {
                out.0 = match value.text(&key)? {
                    None => None,
                    Some(name) if name.eq_ignore_ascii_case("union") => Some(Operator::Union),
                    Some(name) if name.eq_ignore_ascii_case("intersection") => Some(Operator::Intersection),
                    Some(name) => return Err(JsonError(format!("Unrecognized set operator: {name} (known are union, intersection)"))),
                }
            }
            "useQueryTags" => out.1 = value.switch(&key)?,
            "includeAggTags" => out.2 = value.switch(&key)?,
            _ => {}
        }
    }
    Ok(out)
}

fn output(value: Json) -> Result<Output, JsonError> {
    let mut out = Output::default();
    for (key, value) in value.object("outputs")? {
        match key.as_str() {
            "id" => out.id = value.text(&key)?,
            "alias" => out.alias = value.text(&key)?,
            _ => {}
        }
    }
    Ok(out)
}

/// A fill policy: a name, or a value that tells it.
fn fill(value: Json) -> Result<Option<Fill>, JsonError> {
    if value == Json::Null {
        return Ok(None);
    }
    let (mut policy, mut number) = (None, 0.0);
    for (key, value) in value.object("fillPolicy")? {
        match key.as_str() {
            "policy" => policy = value.text(&key)?,
            "value" => number = double(value)?,
            _ => {}
        }
    }
    let empty = number == 0.0 || number.is_nan();
    let of = |fill, allowed: bool, rule: &str| if allowed { Ok(Some(fill)) } else { Err(JsonError(rule.to_string())) };
    match policy.as_deref().map(str::to_lowercase).as_deref() {
        None if number == 0.0 => Ok(Some(Fill::Zero)),
        None if number.is_nan() => Ok(Some(Fill::Nan)),
        None | Some("scalar") => Ok(Some(Fill::Scalar(number))),
        Some("none") => of(Fill::None, empty, "The value for NONE and NAN must be NaN"),
        Some("nan") => of(Fill::Nan, empty, "The value for NONE and NAN must be NaN"),
        Some("null") => of(Fill::Null, empty, "The value for NULL must be 0"),
        Some("zero") => of(Fill::Zero, number == 0.0, "The value for ZERO must be 0"),
        Some(_) => Err(JsonError(format!("Unrecognized fill policy: {}", policy.unwrap_or_default()))),
    }
}

fn double(value: Json) -> Result<f64, JsonError> {
    let text = value.text("value")?.unwrap_or_default();
    match text.trim() {
        "" => Ok(0.0),
        "NaN" => Ok(f64::NAN),
        "Infinity" | "INF" | "+Infinity" | "+INF" => Ok(f64::INFINITY),
        "-Infinity" | "-INF" => Ok(f64::NEG_INFINITY),
        number => number.parse().map_err(|_| JsonError(format!("'value' must be a number, not '{number}'"))),
    }
}

/// The value that stands for a missing one: 0 where no policy was sent.
pub fn fill_value(fill: Option<Fill>) -> f64 {
    match fill {
        None | Some(Fill::Zero) => 0.0,
        Some(Fill::Scalar(value)) => value,
        Some(Fill::None | Fill::Nan | Fill::Null) => f64::NAN,
    }
}

impl ExpRequest {
    /// Checks it and gives what to ask.
    pub fn plan(&self, context: &Context) -> Result<ExpPlan, RequestError> {
        self.check_time(context).map_err(|e| RequestError::new(format!("Invalid time: {}", e.message)))?;
        if self.metrics.is_empty() {
            return bad("missing or empty metrics");
        }
        let mut ids = HashSet::new();
        unique(self.metrics.iter().map(|m| &m.id), &mut ids, "duplicated metric id")?;
        unique(self.filters.iter().flatten().map(|f| &f.id), &mut HashSet::new(), "duplicated filter id")?;
        unique(self.expressions.iter().flatten().map(|e| &e.id), &mut ids, "Duplicated variable or expression id")?;
        each(&self.metrics, "metric", |metric| check_metric(metric, context))?;
        each(self.filters.iter().flatten(), "filter", |filter| match &filter.id {
            None => bad("Missing or empty id"),
            Some(id) => check_id(id),
        })?;
        let expressions = each(self.expressions.iter().flatten(), "expression", check_expression)?;
        self.check_filters()?;
        for parsed in &expressions {
            let missing = java_map::default_order(&parsed.names).into_iter().filter_map(|at| parsed.names.get(at));
            if let Some(name) = missing.into_iter().find(|name| !ids.contains(name.as_str())) {
                return bad(format!("Expression [{}] was missing input {name}", parsed.text));
            }
        }
        if expressions.iter().any(|parsed| parsed.names.is_empty()) {
            return bad("The expression didn't appear to have any variables");
        }
        let request = self.request();
        let answered_by = self.answered_by(request.subs.as_deref().unwrap_or_default());
        let (query, _) = compile(request, context).map_err(|e| RequestError::new(e.message))?;
        let joins = self.expressions.iter().flatten().map(|e| self.join(e)).collect::<Result<Vec<_>, _>>()?;
        Ok(ExpPlan { query, answered_by, expressions: expressions.into_iter().zip(joins).collect() })
    }

    fn answered_by(&self, subs: &[SubRequest]) -> Vec<usize> {
        let ids: Vec<&str> = self.metrics.iter().map(|metric| metric.id.as_deref().unwrap_or_default()).collect();
        let mut last = std::collections::HashMap::new();
        for at in java_map::order(&ids, ids.len()) {
            last.extend(subs.get(at).map(|sub| (sub.key(), at)));
        }
        subs.iter().enumerate().map(|(at, sub)| last.get(&sub.key()).copied().unwrap_or(at)).collect()
    }

    fn join(&self, expression: &Expression) -> Result<Join, RequestError> {
        match expression.join {
            None => Ok(Join::default()),
            Some((Some(operator), use_query_tags, include_agg_tags)) => Ok(Join { operator, use_query_tags, include_agg_tags }),
            Some((None, ..)) => bad("The set operator cannot be null"),
        }
    }

    fn check_time(&self, context: &Context) -> Result<(), RequestError> {
        let time = &self.time;
        let Some(start) = time.start.as_deref().filter(|s| !s.is_empty()) else { return bad("missing or empty start") };
        let zone = time.timezone.as_deref();
        parse_date(start, zone, &context.clock)?;
        if let Some(end) = time.end.as_deref().filter(|s| !s.is_empty()) {
            parse_date(end, zone, &context.clock)?;
        }
        if let Some(downsampler) = &time.downsampler {
            let Some(interval) = downsampler.interval.as_deref().filter(|i| !i.is_empty()) else { return bad("Missing or empty interval") };
            parse_duration(interval)?;
            check_aggregator(downsampler.aggregator.as_deref().unwrap_or_default())?;
        }
        check_aggregator(time.aggregator.as_deref().unwrap_or_default())
    }

    fn check_filters(&self) -> Result<(), RequestError> {
        let filters = self.filters.as_deref().unwrap_or_default();
        for metric in &self.metrics {
            let Some(wanted) = metric.filter.as_deref().filter(|f| !f.is_empty()) else { continue };
            if filters.is_empty() {
                return bad(format!("No filter defined: {wanted}"));
            }
            match filters.iter().find(|f| f.id.as_deref() == Some(wanted)) {
                Some(Filter { tags: Some(_), .. }) => {}
                Some(_) => return bad(format!("the filter {wanted} has no 'tags'")),
                None => return bad(format!("unrecognized filter id {wanted} in metric {}", metric.id.as_deref().unwrap_or_default())),
            }
        }
        Ok(())
    }

    /// The metrics as sub queries, each for itself.
    fn request(&self) -> Request {
        let time = &self.time;
        let downsample = time.downsampler.as_ref().map(|d| {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            format!("{}-{}", text(&d.interval), text(&d.aggregator))
        });
        let sub = |metric: &Metric| {
            let filter = self.filter_of(metric);
            let mut sub = SubRequest {
                aggregator: metric.aggregator.clone().or_else(|| time.aggregator.clone()),
                metric: metric.metric.clone(),
                downsample: downsample.clone(),
                rate: time.rate,
                filters: filter.and_then(|f| f.tags.clone()).unwrap_or_default(),
                ..SubRequest::default()
            };
            sub.extra.explicit_tags = filter.is_some_and(|f| f.explicit_tags);
            sub
        };
        Request {
            start: time.start.clone(),
            end: time.end.clone(),
            timezone: time.timezone.clone(),
            subs: Some(self.metrics.iter().map(sub).collect()),
            ..Request::default()
        }
    }

    /// The filter that a metric names.
    pub fn filter_of(&self, metric: &Metric) -> Option<&Filter> {
        let wanted = metric.filter.as_deref().filter(|f| !f.is_empty())?;
        self.filters.iter().flatten().find(|f| f.id.as_deref() == Some(wanted))
    }
}

fn bad<T>(message: impl Into<String>) -> Result<T, RequestError> {
    Err(RequestError::new(message))
}

fn unique<'a>(all: impl Iterator<Item = &'a Option<String>>, seen: &mut HashSet<&'a str>, what: &str) -> Result<(), RequestError> {
    for id in all {
        let id = id.as_deref().unwrap_or_default();
        if !seen.insert(id) {
            return bad(format!("{what}: {id}"));
        }
    }
    Ok(())
}

/// Checks one after the other and says which was wrong, and why.
fn each<'a, T: 'a, R>(
    all: impl IntoIterator<Item = &'a T>,
    what: &str,
    check: impl Fn(&'a T) -> Result<R, RequestError>,
) -> Result<Vec<R>, RequestError> {
    let named = |(index, one)| {
        check(one).map_err(|e| RequestError { message: format!("Invalid {what} at index {index}: {}", e.message), details: e.details })
    };
    all.into_iter().enumerate().map(named).collect()
}

/// Letters and digits, but not a digit alone.
fn check_id(id: &str) -> Result<(), RequestError> {
    if id.is_empty() {
        return bad("missing or empty id");
    }
    if let Some(c) = id.chars().find(|c| !c.is_alphanumeric()) {
        return bad(format!("Invalid id (\"{id}\"): illegal character: {c}"));
    }
    if id.chars().count() == 1 && id.chars().all(char::is_numeric) { bad("The ID cannot be an integer") } else { Ok(()) }
}

/// OpenTSDB looks for the name in lower case, so that `squareSum` is never found.
fn check_aggregator(name: &str) -> Result<(), RequestError> {
    if name.is_empty() {
        return bad("Missing or empty aggregator");
    }
    if names::aggregator(&name.to_lowercase()).is_none() { bad(format!("Invalid aggregator '{name}'")) } else { Ok(()) }
}

fn check_metric(metric: &Metric, context: &Context) -> Result<(), RequestError> {
    if metric.metric.as_deref().is_none_or(str::is_empty) {
        return bad("missing or empty metric");
    }
    check_id(metric.id.as_deref().unwrap_or_default())?;
    if let Some(offset) = &metric.time_offset {
        parse_date(offset, None, &context.clock)?;
    }
    metric.aggregator.as_deref().filter(|a| !a.is_empty()).map_or(Ok(()), check_aggregator)
}

fn check_expression(expression: &Expression) -> Result<Parsed, RequestError> {
    check_id(expression.id.as_deref().unwrap_or_default())?;
    let Some(text) = expression.expr.as_deref().filter(|e| !e.is_empty()) else { return bad("missing or empty expr") };
    match parse(text) {
        Ok(parsed) => Ok(parsed),
        // OpenTSDB finds some of this when it computes, and then gives details (`exp/op-18`).
        Err(why) => Err(RequestError::new(why.to_string()).details(why.to_string())),
    }
}

#[cfg(test)]
mod tests;
