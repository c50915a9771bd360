//! The answer of `/api/query/exp` as bytes: rows of a time and one value a series, always floating point numbers.

use super::exp::{Column, ExpAnswer, ExpOutput};
use crate::point::json::push_string;
use crate::point::{write_f64, write_i64};

/// Writes the answer; `query` is the request as it is repeated.
pub fn write(answer: &ExpAnswer, query: &serde_json::Value) -> Vec<u8> {
    let size: usize = answer.outputs.iter().map(|output| 24 * output.table.values.len() + 1024).sum();
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(b"{\"outputs\":[");
    for (place, output) in answer.outputs.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_output(&mut out, output, answer.range);
    }
    out.extend_from_slice(b"],\"query\":");
    out.extend_from_slice(query.to_string().as_bytes());
    out.push(b'}');
    out
}

fn write_output(out: &mut Vec<u8>, output: &ExpOutput, range: (i64, i64)) {
    out.extend_from_slice(b"{\"id\":");
    push_string(out, &output.id);
    if let Some(alias) = &output.alias {
        out.extend_from_slice(b",\"alias\":");
        push_string(out, alias);
    }
    out.extend_from_slice(b",\"dps\":[");
    let mut times = Times::default();
    for (ms, row) in output.table.rows().filter(|(ms, _)| !output.is_expression || (range.0..=range.1).contains(ms)) {
        if times.count > 0 {
            out.push(b',');
        }
        times.add(ms);
        out.push(b'[');
        write_i64(out, ms);
        for value in row {
            out.push(b',');
            write_double(out, *value);
        }
        out.push(b']');
    }
    out.extend_from_slice(b"],\"dpsMeta\":{\"firstTimestamp\":");
    let (first, last) = times.shown(output.is_expression);
    write_i64(out, first);
    for (name, value) in [("lastTimestamp", last), ("setCount", times.count), ("series", output.columns.len() as i64)] {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        write_i64(out, value);
    }
    out.push(b'}');
    if !output.columns.is_empty() {
        write_meta(out, output);
    }
    out.push(b'}');
}

#[derive(Default)]
struct Times {
    first: Option<i64>,
    last: Option<i64>,
    count: i64,
}

impl Times {
    fn add(&mut self, ms: i64) {
        self.first = self.first.or(Some(ms));
        self.last = Some(ms);
        self.count += 1;
    }

    /// Without a point OpenTSDB says 0, or for a metric the end of time. An expression's only point is no last one.
    fn shown(&self, is_expression: bool) -> (i64, i64) {
        let first = self.first.unwrap_or(if is_expression { 0 } else { i64::MAX });
        (first, self.last.filter(|_| !is_expression || self.count > 1).unwrap_or(0))
    }
}

fn write_double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        return write_f64(out, value);
    }
    let text: &[u8] = if value.is_nan() {
        b"\"NaN\""
    } else if value > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    };
    out.extend_from_slice(text);
}

fn write_meta(out: &mut Vec<u8>, output: &ExpOutput) {
    out.extend_from_slice(b",\"meta\":[{\"index\":0,\"metrics\":[\"timestamp\"]}");
    for (place, Column { tags, aggregated }) in output.columns.iter().enumerate() {
        out.extend_from_slice(b",{\"index\":");
        write_i64(out, place as i64 + 1);
        out.extend_from_slice(b",\"metrics\":[");
        strings(out, output.metrics.iter());
        out.extend_from_slice(b"],\"commonTags\":{");
        for (place, (key, value)) in tags.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            push_string(out, key);
            out.push(b':');
            push_string(out, value);
        }
        out.extend_from_slice(b"},\"aggregatedTags\":[");
        strings(out, aggregated.iter());
        out.extend_from_slice(b"]}");
    }
    out.push(b']');
}

fn strings<'a>(out: &mut Vec<u8>, all: impl Iterator<Item = &'a String>) {
    for (place, text) in all.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_string(out, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::expression::series::{Labels, Table};

    #[track_caller]
    fn check(times: &[i64], values: &[f64], is_expression: bool, want: &str) {
        let width = if times.is_empty() { 0 } else { values.len() / times.len() };
        let table = Table { labels: vec![Labels::default(); width], times: times.to_vec(), values: values.to_vec() };
        let columns = vec![Column { tags: vec![("host".into(), "a".into())], aggregated: vec!["dc".into()] }; width];
        let output = ExpOutput { id: "e".into(), alias: None, table, metrics: vec!["m".into()], columns, is_expression };
        let answer = ExpAnswer { range: (10, 20), outputs: vec![output] };
        let got = String::from_utf8(write(&answer, &serde_json::Value::Null)).unwrap();
        let inner = got.strip_prefix("{\"outputs\":[{\"id\":\"e\",").and_then(|t| t.strip_suffix("}],\"query\":null}"));
        assert_eq!(inner, Some(want));
    }

    #[test]
    fn outputs() {
        let meta = r#","meta":[{"index":0,"metrics":["timestamp"]},{"index":1,"metrics":["m"],"commonTags":{"host":"a"},"aggregatedTags":["dc"]}]"#;
        let of = |text: &str| format!("{text}{meta}");
        let cut = r#""dps":[[10,1.0],[20,"NaN"]],"dpsMeta":{"firstTimestamp":10,"lastTimestamp":20,"setCount":2,"series":1}"#;
        check(&[9, 10, 20, 21], &[0.0, 1.0, f64::NAN, 0.0], true, &of(cut));
        let one = r#""dps":[[15,"-Infinity"]],"dpsMeta":{"firstTimestamp":15,"lastTimestamp":0,"setCount":1,"series":1}"#;
        check(&[15], &[f64::NEG_INFINITY], true, &of(one));
        let whole = r#""dps":[[9,1.0E10]],"dpsMeta":{"firstTimestamp":9,"lastTimestamp":9,"setCount":1,"series":1}"#;
        check(&[9], &[1e10], false, &of(whole));
        check(&[], &[], true, r#""dps":[],"dpsMeta":{"firstTimestamp":0,"lastTimestamp":0,"setCount":0,"series":0}"#);
        check(&[], &[], false, r#""dps":[],"dpsMeta":{"firstTimestamp":9223372036854775807,"lastTimestamp":0,"setCount":0,"series":0}"#);
    }
}
