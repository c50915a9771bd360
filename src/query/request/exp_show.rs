//! The request of `/api/query/exp` as its answer repeats it, with the defaults that nobody sent.

use super::exp::{Downsampler, ExpRequest, Expression, Filter, Metric, fill_value};
use crate::query::expression::join::{Join, Operator};
use crate::query::plan::Fill;
use serde_json::{Value, json};

impl ExpRequest {
    /// As JSON (recorded cases `exp/*`).
    pub fn show(&self) -> Value {
        let time = &self.time;
        let all = |items: Vec<Value>| Value::Array(items);
        json!({
            "name": self.name,
            "time": {
                "start": time.start, "end": time.end, "timezone": time.timezone,
                "downsampler": time.downsampler.as_ref().map(downsampler),
                "aggregator": time.aggregator, "rate": time.rate,
            },
            "filters": self.filters.as_ref().map(|filters| all(filters.iter().map(filter).collect())),
            "metrics": all(self.metrics.iter().map(metric).collect()),
            "expressions": self.expressions.as_ref().map(|list| all(list.iter().map(expression).collect())),
            "outputs": self.outputs.as_ref().map(|outputs| {
                all(outputs.iter().map(|output| json!({"id": output.id, "alias": output.alias})).collect())
            }),
        })
    }
}

fn downsampler(d: &Downsampler) -> Value {
    json!({"interval": d.interval, "aggregator": d.aggregator, "fillPolicy": fill(d.fill)})
}

fn filter(f: &Filter) -> Value {
    let tags = f.tags.as_ref().map(|tags| {
        let one = |t: &crate::query::filter::FilterSpec| {
            json!({"tagk": t.filter.tagk, "filter": t.text, "group_by": t.filter.group_by, "type": t.kind})
        };
        tags.iter().map(one).collect::<Vec<_>>()
    });
    json!({"id": f.id, "tags": tags, "explicitTags": f.explicit_tags})
}

fn metric(m: &Metric) -> Value {
    json!({
        "metric": m.metric, "id": m.id, "filter": m.filter, "aggregator": m.aggregator, "timeOffset": m.time_offset,
        "fillPolicy": fill(m.fill),
    })
}

fn expression(e: &Expression) -> Value {
    let default = Join::default();
    let (operator, use_query_tags, include_agg_tags) =
        e.join.unwrap_or((Some(default.operator), default.use_query_tags, default.include_agg_tags));
    let operator = operator.map(|operator| match operator {
        Operator::Union => "union",
        Operator::Intersection => "intersection",
    });
    let join = json!({"operator": operator, "useQueryTags": use_query_tags, "includeAggTags": include_agg_tags});
    json!({"id": e.id, "expr": e.expr, "join": join, "fillPolicy": fill(e.fill)})
}

fn fill(fill: Option<Fill>) -> Value {
    let Some(policy) = fill else { return Value::Null };
    let name = match policy {
        Fill::None => "none",
        Fill::Nan => "nan",
        Fill::Null => "null",
        Fill::Zero => "zero",
        Fill::Scalar(_) => "scalar",
    };
    json!({"policy": name, "value": json_number(fill_value(fill))})
}

/// A number; those that JSON has not are the words that `/api/query` has for them.
pub fn json_number(value: f64) -> Value {
    match value {
        value if value.is_nan() => json!("NaN"),
        value if value.is_infinite() => json!(if value > 0.0 { "Infinity" } else { "-Infinity" }),
        value => json!(value),
    }
}
