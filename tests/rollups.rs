//! Rollups through the real binary: what a start refuses, what a kill leaves, answers that join two tables.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use support::server::{Engine, PATIENCE, Server, run_for, write_config};

const CONFIG: &str = r#"{"aggregationIds":{"sum":0,"count":1,"min":2,"max":3},"intervals":[
    {"table":"tsdb","preAggregationTable":"pre","interval":"1m","rowSpan":"1h","defaultInterval":true},
    {"table":"r1h","preAggregationTable":"r1hp","interval":"1h","rowSpan":"1d","delaySla":"3h"}]}"#;

fn settings() -> Vec<(&'static str, &'static str)> {
    vec![("tsd.core.auto_create_metrics", "true"), ("tsd.rollups.enable", "true"), ("tsd.rollups.config", CONFIG)]
}

fn rollup(stamp: i64, value: i64) -> Value {
    json!({"metric": "m", "timestamp": stamp, "value": value, "tags": {"h": "a"}, "interval": "1h", "aggregator": "sum"})
}

#[test]
fn a_start_refuses_a_configuration_that_contradicts_itself() {
    let check = |config: &str, want: &str| {
        let dir = tempfile::tempdir().unwrap();
        let conf = write_config(dir.path(), &Engine::Embedded, &[("tsd.rollups.enable", "true"), ("tsd.rollups.config", config)]);
        let ended = run_for(PATIENCE, &["tsd".to_string(), format!("--config={}", conf.display())], dir.path());
        assert_ne!(ended.code, Some(0), "{config}");
        assert!(ended.stderr.contains(want) && ended.stderr.contains("tsd.rollups.config"), "{config}: {}", ended.stderr);
    };
    check("", "tsd.rollups.enable is on, and this is empty");
    check("{", "not valid JSON");
    check(&CONFIG.replace(r#""rowSpan":"1d""#, r#""rowSpan":"1h""#).replace('\n', ""), "Interval [3600] is too large for the span [h]");
    check(&CONFIG.replace(r#","defaultInterval":true"#, "").replace('\n', ""), "None of the rollup intervals were marked");
    check(&CONFIG.replace("r1hp", "pre").replace('\n', ""), "intervals 1m and 1h share the table pre");
}

#[test]
fn a_kill_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(dir.path(), &Engine::Embedded, &settings(), &[]);
    let ask = |server: &Server| {
        let body = json!({"start": 1_400_000_000, "end": 1_400_100_000, "queries": [{"aggregator": "sum", "metric": "m", "downsample": "1h-sum"}]});
        server.client().tell("/api/query?arrays", &body)[0]["dps"].clone()
    };
    let hour = 1_400_004_000 / 3600 * 3600;
    for round in 0..5 {
        server.client().tell("/api/rollup?details", &json!([rollup(hour + round * 3600, round)]));
        let want: Vec<Value> = (0..=round).map(|at| json!([hour + at * 3600, at as f64])).collect();
        assert_eq!(ask(&server), json!(want), "before the kill of round {round}");
        server.kill();
        server.restart();
        assert_eq!(ask(&server), json!(want), "after the kill of round {round}");
    }
}

#[test]
fn a_delete_takes_what_the_question_reads() {
    let mut all = settings();
    all.push(("tsd.http.query.allow_delete", "true"));
    let server = Server::start(&Engine::Embedded, &all);
    let day = 1_400_025_600;
    let mut rollups: Vec<Value> = (0..30).map(|hour| rollup(day + hour * 3600, hour)).collect();
    rollups.extend((0..30).map(|hour| {
        let mut max = rollup(day + hour * 3600, 500 + hour);
        max["aggregator"] = "max".into();
        max
    }));
    let points: Vec<Value> =
        (0..30).map(|hour| json!({"metric": "m", "timestamp": day + hour * 3600, "value": 7, "tags": {"h": "a"}})).collect();
    server.client().tell("/api/rollup?details", &json!(rollups));
    server.client().tell("/api/put?details", &json!(points));
    let ask = |downsample: &str, usage: &str, range: (i64, i64), delete: bool| {
        let sub = json!({"aggregator": "sum", "metric": "m", "downsample": downsample, "rollupUsage": usage});
        let body = json!({"start": day + range.0 * 3600, "end": day + range.1 * 3600, "queries": [sub], "delete": delete});
        server.client().tell("/api/query?arrays", &body)[0]["dps"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(ask("1h-sum", "ROLLUP_NOFALLBACK", (20, 26), true), 7);
    assert_eq!(ask("1h-sum", "ROLLUP_NOFALLBACK", (0, 40), false), 23);
    assert_eq!(ask("1h-max", "ROLLUP_NOFALLBACK", (0, 40), false), 30, "another function's values stay");
    assert_eq!(ask("1h-sum", "ROLLUP_RAW", (0, 40), false), 30, "plain points stay");
    assert_eq!(ask("1h-sum", "ROLLUP_RAW", (0, 9), true), 10);
    assert_eq!((ask("1h-sum", "ROLLUP_RAW", (0, 40), false), ask("1h-sum", "ROLLUP_NOFALLBACK", (0, 40), false)), (20, 23));
}

#[test]
fn recent_points_join_an_answer_of_rollups() {
    let mut all = settings();
    all.push(("tsd.rollups.split_query.enable", "true"));
    let server = Server::start(&Engine::Embedded, &all);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let hour = now / 3600 * 3600;
    // Rollups until two hours ago; plain points of the last five hours. The rollups may be three hours late.
    let rollups: Vec<Value> = (2..10).map(|back| rollup(hour - back * 3600, 1000 + back)).collect();
    let points: Vec<Value> =
        (1..=5).map(|back| json!({"metric": "m", "timestamp": hour - back * 3600 + 60, "value": back, "tags": {"h": "a"}})).collect();
    server.client().tell("/api/rollup?details", &json!(rollups));
    server.client().tell("/api/put?details", &json!(points));
    let ask = |usage: &str, aggregator: &str, end: i64| {
        let sub = json!({"aggregator": aggregator, "metric": "m", "downsample": "1h-sum", "rollupUsage": usage});
        let body = json!({"start": hour - 8 * 3600, "end": end, "queries": [sub], "showQuery": true, "showTSUIDs": true});
        server.client().tell("/api/query?arrays", &body)[0].clone()
    };
    let rolled = |back: i64| json!([hour - back * 3600, (1000 + back) as f64]);
    let plain = |back: i64| json!([hour - back * 3600, back as f64]);
    let joined = json!([rolled(8), rolled(7), rolled(6), rolled(5), rolled(4), plain(3), plain(2), plain(1)]);
    for aggregator in ["sum", "none"] {
        let answer = ask("ROLLUP_NOFALLBACK", aggregator, now);
        // The bucket in which the rollups may end comes from plain points, and so does what follows.
        assert_eq!(answer["dps"], joined, "{answer}");
        assert_eq!((answer["query"]["rollupTable"].as_str(), answer["tsuids"].as_array().unwrap().len()), (Some("raw"), 1));
    }
    // What ends before it is answered by rollups alone.
    let old = ask("ROLLUP_NOFALLBACK", "sum", hour - 4 * 3600 - 1);
    assert_eq!(
        (old["dps"].clone(), old["query"]["rollupTable"].as_str()),
        (json!([rolled(8), rolled(7), rolled(6), rolled(5)]), Some("1h"))
    );
    assert_eq!(ask("ROLLUP_RAW", "sum", now)["dps"], json!([plain(5), plain(4), plain(3), plain(2), plain(1)]));
}
