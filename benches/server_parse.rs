//! How fast lines and JSON become admitted points, without what happens to them after: nanoseconds a point on one core.

use std::time::Instant;
use tsdb::config::Settings;
use tsdb::point::{Point, Rules, TagBuf, admit_http};
use tsdb::server::http::put_json::{self, Fields, Taker};
use tsdb::server::limits::Limits;
use tsdb::server::telnet::command::Commands;
use tsdb::server::telnet::session::{Session, Sink};
use tsdb::write::{HistogramPoint, RolledUp, RollupError, WriteError};

const POINTS: usize = 1000;
const ROUNDS: usize = 2000;

/// Counts points.
#[derive(Default)]
struct Counted(u64);

impl Sink for Counted {
    fn known(&mut self, point: &Point<'_>) -> Option<Result<(), WriteError>> {
        self.0 += u64::from(point.tags.len() == 2);
        Some(Ok(()))
    }
    fn unknown(&mut self, _: &Point<'_>) -> Result<(), WriteError> {
        Ok(())
    }
    fn rollup(&mut self, _: &RolledUp<'_>, _: &Rules) -> Result<(), RollupError> {
        Ok(())
    }
    fn histogram(&mut self, _: &HistogramPoint<'_>, _: &Rules) -> Result<(), WriteError> {
        Ok(())
    }
}

struct Admitted(u64, Rules);

impl<'de> Taker<'de> for Admitted {
    fn take(&mut self, point: Option<&Fields<'de>>) {
        let Some(fields) = point else { return };
        let mut tags = TagBuf::new();
        for (name, value) in &fields.tags {
            tags.set(name, value.as_deref());
        }
        let point = admit_http(fields.metric.as_deref(), fields.timestamp, fields.value.as_deref(), &tags, &self.1);
        self.0 += u64::from(point.is_ok());
    }
}

fn main() {
    let settings = Settings::default();
    let line = |i: usize| format!("put sys.cpu.user {} {}.5 host=web{:04} cpu={}\n", 1_400_000_000 + i, i % 100, i % 500, i % 8);
    let lines: String = (0..POINTS).map(line).collect();
    let object = |i: usize| {
        format!(
            "{{\"metric\":\"sys.cpu.user\",\"timestamp\":{},\"value\":{}.5,\"tags\":{{\"host\":\"web{:04}\",\"cpu\":\"{}\"}}}}",
            1_400_000_000 + i,
            i % 100,
            i % 500,
            i % 8
        )
    };
    let json = format!("[{}]", (0..POINTS).map(object).collect::<Vec<_>>().join(","));

    let mut session = Session::new(Commands::new(&settings), Rules::default(), true, &Limits::new(&settings));
    let mut counted = Counted::default();
    let best = best(|| drop(session.run(lines.as_bytes(), &mut counted)));
    assert_eq!(counted.0 as usize, POINTS * ROUNDS);
    report("telnet", best, lines.len());

    let mut admitted = Admitted(0, Rules::default());
    let best = self::best(|| assert!(put_json::read(&json, 32, &mut admitted).is_ok()));
    assert_eq!(admitted.0 as usize, POINTS * ROUNDS);
    report("http", best, json.len());
}

/// Seconds of the fastest tenth.
fn best(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.iter().take(ROUNDS / 10).sum::<f64>() / (ROUNDS / 10) as f64
}

fn report(name: &str, seconds: f64, bytes: usize) {
    let ns = seconds * 1e9 / POINTS as f64;
    println!("{name}: {ns:.0} ns a point, {:.2} M points/s, {:.0} MB/s", 1e3 / ns, bytes as f64 / seconds / 1e6);
}
