//! `/api/query/exp` over two metrics of 1,000 series each beside the two queries alone, on the embedded store.
//!
//! `cargo bench --bench expression`. All from the plan to the bytes of the answer; rounds of both kinds take turns, so that
//! whatever else the machine does meets both. The bar: the expression takes no more than the two queries and 20 %.

#[path = "support/house.rs"]
mod house;

use house::Failure;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use tsdb::codec::{Layout, SeriesKey};
use tsdb::point::{PointTime, Value};
use tsdb::query::answer::{self, Extras};
use tsdb::query::calculate;
use tsdb::query::engine::Engine;
use tsdb::query::request::date::Clock;
use tsdb::query::request::{Context, compile, exp, post};
use tsdb::store::Store;
use tsdb::uid::{UidKind, Uids};

const START: u32 = 1_356_998_400;
const HOURS: u32 = 6;
const SECONDS: u32 = 10;
const SERIES: usize = 1_000;
const ROUNDS: usize = 7;

fn world(dir: &std::path::Path) -> Result<(Arc<dyn Store>, Arc<Uids>), Failure> {
    let (store, uids) = house::store(dir)?;
    let id = |kind, name: &str| uids.id_or_create(kind, name).map(|id| id.as_bytes().to_vec());
    let host = id(UidKind::Tagk, "host")?;
    let mut seed = 7u64;
    for metric in ["m.a", "m.b"] {
        let metric = id(UidKind::Metric, metric)?;
        for n in 0..SERIES {
            let value = id(UidKind::Tagv, &format!("h{n:04}"))?;
            let key = SeriesKey::new(&Layout::default(), &metric, [(host.as_slice(), value.as_slice())]);
            let mut rows = Vec::new();
            for base in (0..HOURS).map(|h| START + h * 3_600) {
                let mut point = |p: u32| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (PointTime::Seconds(base + p * SECONDS), Value::Int((seed >> 40) as i64 % 1_000))
                };
                let points: Vec<_> = (0..3_600 / SECONDS).map(&mut point).collect();
                rows.push(house::packed_row(&key, base, &points)?);
            }
            store.write("tsdb", &rows)?;
        }
    }
    store.sync()?;
    Ok((store, uids))
}

/// The parts of a request that both kinds share.
fn texts(end: u32, downsample: Option<(&str, &str)>) -> (String, String) {
    let filter = r#"{"type":"wildcard","tagk":"host","filter":"*","groupBy":true}"#;
    let suffix = downsample.map_or(String::new(), |(interval, function)| format!(r#","downsample":"{interval}-{function}""#));
    let sub = |metric: &str| format!(r#"{{"aggregator":"sum","metric":"{metric}","filters":[{filter}]{suffix}}}"#);
    let queries = format!(r#"{{"start":{START},"end":{end},"msResolution":true,"queries":[{},{}]}}"#, sub("m.a"), sub("m.b"));
    let sampler = downsample
        .map_or(String::new(), |(interval, function)| format!(r#","downsampler":{{"interval":"{interval}","aggregator":"{function}"}}"#));
    let expression = format!(
        r#"{{"time":{{"start":"{START}","end":"{end}","aggregator":"sum"{sampler}}},"filters":[{{"id":"f","tags":[{filter}]}}],
            "metrics":[{{"id":"a","metric":"m.a","filter":"f"}},{{"id":"b","metric":"m.b","filter":"f"}}],
            "expressions":[{{"id":"e","expr":"(a - b) / (a + b) * 100"}}]}}"#
    );
    (queries, expression)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default() * 1e3
}

fn case(name: &str, engine: &Engine, uids: &Uids, texts: &(String, String)) -> Result<(), Failure> {
    let context = Context { clock: Clock { now_ms: 1_400_000_000_000, zone: jiff::tz::TimeZone::UTC }, metric_width: 3 };
    let cancel = Default::default();
    let two = || -> Result<usize, Failure> {
        let (plan, output) = compile(post::parse(texts.0.as_bytes())?, &context)?;
        Ok(answer::write(&engine.run(&plan, &cancel)?, &output, &Extras::default()).len())
    };
    let one = || -> Result<usize, Failure> {
        let request = exp::read(texts.1.as_bytes())?;
        let plan = request.plan(&context)?;
        Ok(calculate::answer::write(&calculate::exp(engine, uids, &request, &plan, &cancel)?, &request.show()).len())
    };
    let (mut of_two, mut of_one, mut bytes) = (Vec::new(), Vec::new(), (0, 0));
    for _ in 0..ROUNDS {
        let started = Instant::now();
        bytes.0 = black_box(two()?);
        of_two.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        bytes.1 = black_box(one()?);
        of_one.push(started.elapsed().as_secs_f64());
    }
    let (of_two, of_one) = (median(of_two), median(of_one));
    println!(
        "{name:<24} two queries {of_two:>8.1} ms ({} kB)   expression {of_one:>8.1} ms ({} kB)   {:>5.2}x",
        bytes.0 / 1000,
        bytes.1 / 1000,
        of_one / of_two
    );
    Ok(())
}

fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let (store, uids) = world(dir.path())?;
    let engine = house::engine(store, uids.clone(), 2);
    println!("2 metrics x {SERIES} series x {HOURS} h x {SECONDS} s, medians of {ROUNDS}");
    let all = START + HOURS * 3_600 - 1;
    case("5m-avg", &engine, &uids, &texts(all, Some(("5m", "avg"))))?;
    case("1m-max", &engine, &uids, &texts(all, Some(("1m", "max"))))?;
    case("every point", &engine, &uids, &texts(all, None))?;
    Ok(())
}
