//! The answer of `/api/query` as bytes, as OpenTSDB writes it: the order of keys, seconds that repeat as keys, arrays,
//! Java's number text, `"NaN"` or `null`.
//!
//! Source: recorded cases `options/*`, `fill/*`. Written straight into one buffer; nothing is computed here but the cut to the
//! request's range.

use super::engine::Used;
use super::plan::Group;
use super::request::{Output, show};
use crate::codec::{Note, push_notes};
use crate::point::json::push_string;
use crate::point::{Number, write_f64, write_i64};
use serde_json::json;

/// What the handler knows beside the groups.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// For `showQuery`: the UIDs of each sub query's tag keys, by `index`, in the order of their bytes.
    pub tagk_uids: Vec<Vec<Vec<u8>>>,
    /// How long the engine took, in milliseconds; for `showStats` and `showSummary`.
    pub engine_ms: f64,
    /// How long the request was read and checked, in milliseconds.
    pub parse_ms: f64,
    /// What was read for all sub queries.
    pub used: Used,
    /// Global annotations of the range, in order of their starts.
    pub globals: Vec<Note>,
    /// For functions over series, by the groups' places: those made of several series have a list of annotations, an empty
    /// one (recorded case `gexp/56-sum_ex.c_ex.d_`).
    pub joined: Vec<bool>,
}

/// Writes the answer. Groups come in the order in which they are written.
pub fn write(groups: &[Group], output: &Output, extras: &Extras) -> Vec<u8> {
    write_measured(groups, output, extras).0
}

/// The same, and what was measured, as `showSummary` has it but for the sub queries.
pub fn write_measured(groups: &[Group], output: &Output, extras: &Extras) -> (Vec<u8>, serde_json::Value) {
    let mut out = Vec::with_capacity(estimate(groups));
    let queries = query_texts(output, extras);
    let mut totals = vec![Emitted::default(); output.subs.len()];
    out.push(b'[');
    for (place, group) in groups.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let started = std::time::Instant::now();
        write_head(&mut out, group, output, queries.get(group.index).cloned());
        write_notes(&mut out, group, output, extras, place);
        let points = write_points(&mut out, group, output);
        let emitted = Emitted { points, ms: started.elapsed().as_secs_f64() * 1e3 };
        if output.flags.show_stats {
            out.extend_from_slice(b",\"stats\":");
            push_json(&mut out, &group_stats(group.index, &emitted, extras));
        }
        out.push(b'}');
        if let Some(total) = totals.get_mut(group.index) {
            total.points += emitted.points;
            total.ms += emitted.ms;
        }
    }
    if output.flags.show_summary {
        if !groups.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"statsSummary\":");
        push_json(&mut out, &summary(&totals, extras, true));
        out.push(b'}');
    }
    out.push(b']');
    (out, summary(&totals, extras, false))
}

#[derive(Clone, Copy, Debug, Default)]
struct Emitted {
    points: u64,
    ms: f64,
}

/// Bytes that hold most answers without growing.
fn estimate(groups: &[Group]) -> usize {
    groups.iter().map(|g| 160 + 32 * g.points.len()).sum::<usize>() + 2
}

fn query_texts(output: &Output, extras: &Extras) -> Vec<serde_json::Value> {
    if !output.flags.show_query {
        return Vec::new();
    }
    let text = |(index, sub)| {
        let uids = extras.tagk_uids.get(index).map(Vec::as_slice).unwrap_or_default();
        show::sub_query_json(sub, index, uids)
    };
    output.subs.iter().enumerate().map(text).collect()
}

fn write_head(out: &mut Vec<u8>, group: &Group, output: &Output, query: Option<serde_json::Value>) {
    out.extend_from_slice(b"{\"metric\":");
    push_string(out, &group.metric);
    out.extend_from_slice(b",\"tags\":{");
    for (place, (key, value)) in group.tags.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_string(out, key);
        out.push(b':');
        push_string(out, value);
    }
    out.extend_from_slice(b"},\"aggregateTags\":[");
    for (place, key) in group.aggregate_tags.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_string(out, key);
    }
    out.push(b']');
    if let Some(mut query) = query {
        if let (Some(interval), Some(table)) = (&group.rollup, query.get_mut("rollupTable")) {
            *table = interval.as_ref().into();
        }
        out.extend_from_slice(b",\"query\":");
        push_json(out, &query);
    }
    if output.flags.show_tsuids {
        let mut ids: Vec<&Vec<u8>> = group.tsuids.iter().collect();
        ids.sort();
        out.extend_from_slice(b",\"tsuids\":[");
        for (place, id) in ids.into_iter().enumerate() {
            out.extend_from_slice(if place > 0 { b",\"" } else { b"\"" });
            push_hex(out, id);
            out.push(b'"');
        }
        out.push(b']');
    }
}

/// Annotations, if there are any; those outside the range are not shown (recorded cases `options/ann*`). The group at `place`.
fn write_notes(out: &mut Vec<u8>, group: &Group, output: &Output, extras: &Extras, place: usize) {
    let range = output.start_ms..=output.end_ms;
    let shown = |note: &&Note| range.contains(&note.start_ms());
    let joined = extras.joined.get(place) == Some(&true);
    let kinds =
        [(&b",\"annotations\":"[..], group.notes.as_slice(), joined), (b",\"globalAnnotations\":", extras.globals.as_slice(), false)];
    for (key, notes, always) in kinds {
        if (always || !notes.is_empty()) && !output.flags.no_annotations {
            out.extend_from_slice(key);
            push_notes(out, notes.iter().filter(shown));
        }
    }
}

/// Instants of one second stay apart: as an object the keys repeat (recorded case `options/sec-sum-kw01`).
fn write_points(out: &mut Vec<u8>, group: &Group, output: &Output) -> u64 {
    let arrays = output.flags.arrays;
    out.extend_from_slice(b",\"dps\":");
    let (open, between, close): (&[u8], &[u8], &[u8]) = if arrays { (b"[", b",", b"]") } else { (b"\"", b"\":", b"") };
    let range = output.start_ms..=output.end_ms;
    let mut count = 0;
    out.push(if arrays { b'[' } else { b'{' });
    for (time, value) in group.points.iter().filter(|(time, _)| range.contains(time)) {
        if count > 0 {
            out.push(b',');
        }
        count += 1;
        out.extend_from_slice(open);
        write_i64(out, if output.flags.ms_resolution { *time } else { *time / 1000 });
        out.extend_from_slice(between);
        match value {
            Number::Int(n) => write_i64(out, *n),
            Number::Float(x) if x.is_finite() => write_f64(out, *x),
            Number::Float(x) if x.is_nan() => out.extend_from_slice(if group.nan_is_null { b"null" } else { b"\"NaN\"" }),
            Number::Float(x) => out.extend_from_slice(if *x > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" }),
        }
        out.extend_from_slice(close);
    }
    out.push(if arrays { b']' } else { b'}' });
    count
}

/// Times are milliseconds. What the Java TSD measures apart and we do not is 0.
fn group_stats(index: usize, emitted: &Emitted, extras: &Extras) -> serde_json::Value {
    json!({
        "aggregationTime": 0.0,
        "emittedDPs": emitted.points,
        "groupByTime": 0.0,
        "queryIndex": index,
        "queryScanTime": extras.engine_ms,
        "saltScannerMergeTime": 0.0,
        "serializationTime": emitted.ms,
        "uidToStringTime": 0.0,
    })
}

fn summary(totals: &[Emitted], extras: &Extras, with_subs: bool) -> serde_json::Value {
    let emitted: u64 = totals.iter().map(|t| t.points).sum();
    let ms: f64 = totals.iter().map(|t| t.ms).sum();
    let longest = totals.iter().map(|t| t.ms).fold(0.0, f64::max);
    let mut all = json!({
        "avgAggregationTime": 0.0, "avgHBaseTime": 0.0, "avgQueryScanTime": extras.engine_ms,
        "avgScannerTime": 0.0, "avgScannerUidToStringTime": 0.0,
        "avgSerializationTime": ms / totals.len().max(1) as f64,
        "dpsPostFilter": extras.used.points, "dpsPreFilter": extras.used.points, "emittedDPs": emitted,
        "maxAggregationTime": 0.0, "maxHBaseTime": 0.0, "maxQueryScanTime": extras.engine_ms,
        "maxScannerUidToStringTime": 0.0, "maxSerializationTime": longest, "maxUidToStringTime": 0.0,
        "processingPreWriteTime": extras.parse_ms + extras.engine_ms,
        "rowsPostFilter": extras.used.rows, "rowsPreFilter": extras.used.rows, "successfulScan": totals.len(), "uidPairsResolved": 0,
    });
    if let Some(members) = all.as_object_mut().filter(|_| with_subs) {
        for (index, total) in totals.iter().enumerate() {
            members.insert(format!("queryIdx_{index:02}"), group_stats(index, total, extras));
        }
    }
    all
}

fn push_json(out: &mut Vec<u8>, value: &serde_json::Value) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::request::{Flags, SubRequest};

    fn group() -> Group {
        Group {
            index: 0,
            metric: "m\"é\u{1}".into(),
            tags: vec![("host".into(), "a".into())],
            aggregate_tags: vec!["dc".into(), "own".into()],
            tsuids: vec![vec![0, 0, 0xab], vec![0, 0, 1]],
            points: vec![
                (999, Number::Int(0)),
                (1_000, Number::Int(-5)),
                (1_500, Number::Float(1e10)),
                (2_000, Number::Float(f64::NAN)),
                (3_000, Number::Float(5.0)),
                (3_001, Number::Int(1)),
            ],
            nan_is_null: false,
            notes: Vec::new(),
            rollup: None,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Group, &mut Flags), want: &str) {
        let (mut group, mut flags) = (group(), Flags::default());
        change(&mut group, &mut flags);
        let output = Output { start_ms: 1_000, end_ms: 3_000, flags, subs: vec![SubRequest::default()] };
        let got = String::from_utf8(write(&[group], &output, &Extras::default())).unwrap();
        let head = r#"[{"metric":"m\"é\u0001","tags":{"host":"a"},"aggregateTags":["dc","own"]"#;
        assert_eq!(got.strip_prefix(head), Some(want), "{got}");
    }

    #[test]
    fn answers() {
        check(|_, _| (), r#","dps":{"1":-5,"1":1.0E10,"2":"NaN","3":5.0}}]"#);
        check(|g, _| g.nan_is_null = true, r#","dps":{"1":-5,"1":1.0E10,"2":null,"3":5.0}}]"#);
        check(|_, f| f.ms_resolution = true, r#","dps":{"1000":-5,"1500":1.0E10,"2000":"NaN","3000":5.0}}]"#);
        check(|_, f| f.arrays = true, r#","dps":[[1,-5],[1,1.0E10],[2,"NaN"],[3,5.0]]}]"#);
        check(|g, f| (g.points.clear(), f.show_tsuids = true).1, r#","tsuids":["000001","0000AB"],"dps":{}}]"#);
        check(|g, _| g.points = vec![(1_000, Number::Float(f64::INFINITY))], r#","dps":{"1":"Infinity"}}]"#);
        assert_eq!(write(&[], &Output { start_ms: 0, end_ms: 1, flags: Flags::default(), subs: vec![] }, &Extras::default()), b"[]");
    }

    #[test]
    fn statistics_have_the_recorded_keys() {
        let flags = Flags { show_stats: true, show_summary: true, ..Flags::default() };
        let output = Output { start_ms: 1_000, end_ms: 3_000, flags, subs: vec![SubRequest::default()] };
        let answer: serde_json::Value = serde_json::from_slice(&write(&[group()], &output, &Extras::default())).unwrap();
        let file = format!("{}/tests/golden/query/cases/options.jsonl", env!("CARGO_MANIFEST_DIR"));
        let cases = std::fs::read_to_string(file).unwrap();
        let case = cases.lines().find(|l| l.contains("\"options/get-show_stats_show_summary\"")).unwrap();
        let case: serde_json::Value = serde_json::from_str(case).unwrap();
        let recorded = case["response"]["body"].as_array().unwrap();
        let keys = |v: &serde_json::Value| {
            let mut keys: Vec<String> = v.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&answer[0]["stats"]), keys(&recorded[0]["stats"]));
        assert_eq!(keys(&answer[1]["statsSummary"]), keys(&recorded.last().unwrap()["statsSummary"]));
    }
}
