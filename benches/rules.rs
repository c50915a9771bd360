//! 10,000 rules over the embedded store, on one thread: read from text, then each evaluated once.
//!
//! `cargo bench --bench rules`. Half are judge functions over ten series, half expressions over two queries each. The bar:
//! a round of all of them in a minute on one core.

#[path = "support/house.rs"]
mod house;

use house::Failure;
use std::hint::black_box;
use std::time::Instant;
use tsdb::codec::{Layout, SeriesKey};
use tsdb::point::{Number, PointTime, Value};
use tsdb::query::engine::Engine;
use tsdb::query::request::date::Clock;
use tsdb::query::request::{self, SubRequest, compile, post};
use tsdb::uid::UidKind;
use tsdb::worker::rule::expression::{self, Answer, Context, Source, SourceError};
use tsdb::worker::rule::file::{SourceFile, load};
use tsdb::worker::rule::model::{Condition, Rule};

const START: u32 = 1_699_999_200;
const HOURS: u32 = 2;
const STEP: u32 = 60;
const METRICS: usize = 500;
const HOSTS: usize = 10;
const RULES: usize = 10_000;

fn world(dir: &std::path::Path) -> Result<Engine, Failure> {
    let (store, uids) = house::store(dir)?;
    let id = |kind, name: &str| uids.id_or_create(kind, name).map(|id| id.as_bytes().to_vec());
    let host = id(UidKind::Tagk, "host")?;
    let mut seed = 7u64;
    for metric in 0..METRICS {
        let metric = id(UidKind::Metric, &format!("m.{metric:03}"))?;
        let mut rows = Vec::new();
        for n in 0..HOSTS {
            let value = id(UidKind::Tagv, &format!("h{n:02}"))?;
            let key = SeriesKey::new(&Layout::default(), &metric, [(host.as_slice(), value.as_slice())]);
            for base in (0..HOURS).map(|h| START + h * 3_600) {
                let mut point = |p: u32| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (PointTime::Seconds(base + p * STEP), Value::Int((seed >> 40) as i64 % 1_000))
                };
                let points: Vec<_> = (0..3_600 / STEP).map(&mut point).collect();
                rows.push(house::packed_row(&key, base, &points)?);
            }
        }
        store.write("tsdb", &rows)?;
    }
    store.sync()?;
    Ok(house::engine(store, uids, 1))
}

struct Tables<'a>(&'a Engine);

impl Tables<'_> {
    fn answers(&self, subs: Vec<SubRequest>, start: i64, end: i64) -> Result<Vec<Answer>, Failure> {
        let request = request::Request {
            start: Some(start.to_string()),
            end: Some(end.to_string()),
            subs: Some(subs),
            flags: request::Flags { no_annotations: true, ..request::Flags::default() },
            ..request::Request::default()
        };
        let clock = Clock { now_ms: end * 1_000, zone: jiff::tz::TimeZone::UTC };
        let (query, _) = compile(request, &request::Context { clock, metric_width: 3 })?;
        let value = |number: &Number| match number {
            Number::Int(v) => *v as f64,
            Number::Float(v) => *v,
        };
        let answer = |group: tsdb::query::plan::Group| Answer {
            points: group.points.iter().map(|(ms, v)| (ms.div_euclid(1_000), value(v))).collect(),
            tags: group.tags.into_iter().collect(),
        };
        Ok(self.0.run(&query, &Default::default())?.into_iter().map(answer).collect())
    }
}

impl Source for Tables<'_> {
    fn query(&self, request: &expression::Request) -> Result<Vec<Answer>, SourceError> {
        let refused = |e: &dyn std::fmt::Display| SourceError::Refused(e.to_string());
        let body = serde_json::to_vec(request).map_err(|e| refused(&e))?;
        let parsed = post::parse(&body).map_err(|e| refused(&e))?;
        self.answers(parsed.subs.unwrap_or_default(), request.start, request.end).map_err(|e| refused(&e))
    }
}

fn texts() -> Vec<SourceFile> {
    let rule = |n: usize| {
        let metric = format!("m.{:03}", n % METRICS);
        let condition = if n.is_multiple_of(2) {
            format!(
                "query = \"avg:{metric}{{host=*}}\"\nwindow = \"15m\"\njudge = {{ critical = \"all(#5) > 900\", warning = \"avg(#10) > 700\" }}"
            )
        } else {
            format!(
                "expression.critical = '''\n  avg(q(\"avg:{metric}{{host=*}}\", \"15m\", \"\")) > 2 * avg(q(\"avg:{metric}{{host=*}}\", \"1h\", \"15m\")) + 3\n'''"
            )
        };
        format!("[rule.r{n}]\n{condition}\nnotify = \"ops\"\n")
    };
    let channel = SourceFile { name: "notify".into(), text: "[notify.ops]\ntype = \"file\"\npath = \"/tmp/n\"\n".into(), channels: true };
    let file =
        |k: usize| SourceFile { name: format!("rules{k}").into(), text: (k * 100..(k + 1) * 100).map(rule).collect(), channels: true };
    (0..RULES / 100).map(file).chain([channel]).collect()
}

/// How many groups were judged.
fn evaluate(rule: &Rule, tables: &Tables, now: i64) -> Result<usize, Failure> {
    match &rule.condition {
        Condition::Judge(judge) => {
            let query = rule.query.as_ref().ok_or("no query")?;
            let start = now - rule.schedule.window.as_secs() as i64;
            let answers = tables.answers(vec![query.sub.clone()], start, now)?;
            for answer in &answers {
                for test in judge.critical.iter().chain(&judge.warning) {
                    black_box(test.judge(&answer.points, judge.rate));
                }
            }
            Ok(answers.len())
        }
        Condition::Expression { critical: Some(expression), .. } => Ok(expression.evaluate(&Context::new(tables, now))?.items.len()),
        _ => Ok(0),
    }
}

fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let engine = world(dir.path())?;
    let files = texts();
    let bytes: usize = files.iter().map(|f| f.text.len()).sum();
    let started = Instant::now();
    let set = load(&files);
    let took = started.elapsed();
    if let Some(fault) = set.faults.first() {
        return Err(fault.to_string().into());
    }
    println!("read {} rules, {} kB: {:.2} s", set.rules.len(), bytes / 1_000, took.as_secs_f64());
    let tables = Tables(&engine);
    let now = i64::from(START + HOURS * 3_600);
    for kind in ["judge", "expression"] {
        let rules: Vec<_> = set.rules.values().filter(|r| matches!(r.condition, Condition::Judge(_)) == (kind == "judge")).collect();
        let started = Instant::now();
        let mut groups = 0;
        for rule in &rules {
            groups += evaluate(rule, &tables, now)?;
        }
        let took = started.elapsed().as_secs_f64();
        let minute = rules.len() as f64 / took * 60.0;
        println!("{kind:<10} {} rules, {groups} groups: {took:.2} s, {minute:.0} rules a minute on one thread", rules.len());
    }
    Ok(())
}
