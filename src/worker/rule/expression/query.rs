//! Queries inside expressions: `agg:[interval-agg[-fill]:][rate[{counter,max,reset}]:]metric{tags}[{filters}]`, and the body
//! that asks a TSD for them.

use serde::Serialize;
use std::sync::LazyLock;

/// What is asked of `/api/query`: one query over whole seconds, both ends inside. Serialises to the body of the request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// Seconds since the epoch.
    pub start: i64,
    /// Seconds since the epoch.
    pub end: i64,
    /// The query; the body holds a list of one.
    #[serde(rename = "queries", serialize_with = "as_list")]
    pub query: Query,
}

fn as_list<S: serde::Serializer>(query: &Query, serializer: S) -> Result<S::Ok, S::Error> {
    [query].serialize(serializer)
}

/// One query.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Query {
    /// As it was written.
    #[serde(skip)]
    pub text: String,
    /// Function of the groups.
    pub aggregator: String,
    /// The metric.
    pub metric: String,
    /// Whether a rate is wanted.
    #[serde(skip_serializing_if = "is_false")]
    pub rate: bool,
    /// How.
    #[serde(rename = "rateOptions")]
    pub rate_options: RateOptions,
    /// `5m-avg`; empty when not wanted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub downsample: String,
    /// Filters of tags, in the order of the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
}

/// How a rate is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RateOptions {
    /// The values only rise, but for resets.
    #[serde(skip_serializing_if = "is_false")]
    pub counter: bool,
    /// Where the counter begins again; 0 when not given.
    #[serde(skip_serializing_if = "is_zero")]
    pub counter_max: i64,
    /// Rates above are resets; 0 when not given.
    #[serde(skip_serializing_if = "is_zero")]
    pub reset_value: i64,
    /// Points after a reset are left out.
    #[serde(skip_serializing_if = "is_false")]
    pub drop_resets: bool,
}

/// A filter of a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// `wildcard`, `literal_or`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The tag key.
    #[serde(rename = "tagk")]
    pub key: String,
    /// What the type takes.
    pub filter: String,
    /// Whether the values make groups.
    #[serde(rename = "groupBy")]
    pub group_by: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's shape")]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's shape")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Words are ASCII, as in the original. The two braces are groups and filters.
static SHAPE: LazyLock<Option<fancy_regex::Regex>> = LazyLock::new(|| {
    let word = "[0-9A-Za-z_]+";
    let shape = format!(
        r"\A({word}):(?:({word}-{word}(?:-{word})?):)?(?:(rate[^\n]*):)?([0-9A-Za-z_./-]+)(?:\{{([^}}]+)?\}})?(?:\{{([^}}]+)?\}})?\z"
    );
    fancy_regex::Regex::new(&shape).ok()
});

static FUNCTION: LazyLock<Option<fancy_regex::Regex>> = LazyLock::new(|| fancy_regex::Regex::new(r"([a-z_]+)\(([^\n]*)\)\z").ok());

impl Query {
    /// Reads a query; the error says what was expected.
    pub fn parse(text: &str) -> Result<Query, String> {
        let wrong = || {
            format!(
                "{text:?} is no query: expected AGGREGATOR:[INTERVAL-AGGREGATOR[-FILL]:][rate[{{counter,max,reset}}]:]METRIC[{{tag=value,…}}[{{tag=filter,…}}]]"
            )
        };
        let found = SHAPE.as_ref().and_then(|shape| shape.captures(text).ok().flatten()).ok_or_else(wrong)?;
        let part = |n: usize| found.get(n).map_or("", |m| m.as_str());
        let mut query = Query {
            text: text.to_string(),
            aggregator: part(1).to_string(),
            downsample: part(2).to_string(),
            rate: part(3).starts_with("rate"),
            metric: part(4).to_string(),
            ..Query::default()
        };
        if let Some(options) = part(3).strip_prefix("rate").filter(|options| !options.is_empty()) {
            query.rate_options = rate_options(options)?;
        }
        query.filters = filters(part(5), true)?;
        query.filters.extend(filters(part(6), false)?);
        Ok(query)
    }

    /// The tag keys that tell its results apart.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.filters.iter().filter(|f| f.group_by).map(|f| f.key.as_str())
    }
}

fn rate_options(text: &str) -> Result<RateOptions, String> {
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    let inner = inner.ok_or_else(|| format!("rate{text}: expected rate{{counter,max,reset}}"))?;
    let mut parts = inner.split(',');
    let kind = parts.next().unwrap_or_default();
    let mut options =
        RateOptions { counter: kind == "counter" || kind == "dropcounter", drop_resets: kind == "dropcounter", ..RateOptions::default() };
    let number = |part: &str| part.parse::<i64>().map_err(|_| format!("rate{text}: expected a whole number, found {part:?}"));
    if let Some(max) = parts.next().filter(|max| !max.is_empty()) {
        options.counter_max = number(max)?;
    }
    if let Some(reset) = parts.next() {
        options.reset_value = number(reset)?;
    }
    Ok(options)
}

fn filters(text: &str, group_by: bool) -> Result<Vec<Filter>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let one = |pair: &str| {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("{{{text}}}: expected tag=value, found {pair:?}"))?;
        let call = FUNCTION.as_ref().and_then(|shape| shape.captures(value).ok().flatten());
        let part = |n: usize| call.as_ref().and_then(|c| c.get(n)).map(|m| m.as_str().to_string());
        let (kind, filter) = match (part(1), part(2)) {
            (Some(kind), Some(filter)) => (kind, filter),
            _ if value == "*" => ("wildcard".to_string(), value.to_string()),
            _ if value.contains('*') => ("iwildcard".to_string(), value.to_string()),
            _ => ("literal_or".to_string(), value.to_string()),
        };
        Ok(Filter { kind, key: key.to_string(), filter, group_by })
    };
    text.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let got = Query::parse(text).map_or_else(|_| "refused".to_string(), |q| serde_json::to_string(&q).unwrap());
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn bodies() {
        check("sum:m", r#"{"aggregator":"sum","metric":"m","rateOptions":{}}"#);
        check(
            "sum:5m-avg-none:rate{dropcounter,,1}:a.b/c-d{x=a|b,y=web*}{z=regexp(^a)}",
            concat!(
                r#"{"aggregator":"sum","metric":"a.b/c-d","rate":true,"rateOptions":{"counter":true,"resetValue":1,"dropResets":true},"#,
                r#""downsample":"5m-avg-none","filters":[{"type":"literal_or","tagk":"x","filter":"a|b","groupBy":true},"#,
                r#"{"type":"iwildcard","tagk":"y","filter":"web*","groupBy":true},{"type":"regexp","tagk":"z","filter":"^a","groupBy":false}]}"#
            ),
        );
        check("sum:rate:m{}", r#"{"aggregator":"sum","metric":"m","rate":true,"rateOptions":{}}"#);
        for wrong in
            ["", "m", "sum:", "sum:m{x}", "sum:m{a=b", "sum:m{a=b}{c=d}{e=f}", "s um:m", "sum:m m", "sum:rate{x:m", "sum:rate{counter,x}:m"]
        {
            check(wrong, "refused");
        }
    }
}
