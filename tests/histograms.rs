//! Histograms keep the promises of points: seen here once acknowledged, on disk by then, beside points and annotations in
//! one row. The recorded answers are `tests/conformance.rs`'s.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use support::scenario::Telnet;
use support::server::{Engine, Server, run_for, write_config};

const T: i64 = 1_400_000_000;
const DECODERS: (&str, &str) = ("tsd.core.histograms.config", r#"{"net.opentsdb.core.SimpleHistogramDecoder": 42}"#);

/// Points, histograms and an annotation of one row; nothing of it needs to be in the store yet.
fn write(server: &Server) {
    let tags = json!({"host": "a"});
    let points: Vec<Value> = (0..50).map(|i| json!({"metric": "h.m", "timestamp": T + i, "value": i, "tags": tags})).collect();
    server.client().tell("/api/put", &json!(points));
    let histograms: Vec<Value> =
        (0..20).map(|i| json!({"metric": "h.m", "timestamp": T + i, "buckets": {"0,1": i, "1,2": 1}, "tags": tags})).collect();
    server.client().tell("/api/histogram", &json!(histograms));
    server.client().tell("/api/histogram", &json!({"metric": "h.m", "timestamp": T, "buckets": {"0,1": 100}, "tags": tags})); // the later counts
    server.client().tell("/api/annotation", &json!({"startTime": T + 7, "tsuid": "000001000001000001", "description": "beside"}));
    let mut telnet = Telnet::open(&server.addr);
    telnet.send(format!("histogram h.m {} 0,1=7:o=3 host=a\nversion\n", T + 30).as_bytes());
    let said = telnet.read_to("Built on");
    assert!(said.starts_with("net.opentsdb.tools"), "{said}");
}

fn ask(server: &Server, sub: &Value) -> Value {
    let body = json!({"start": T, "end": T + 3_000, "queries": [sub]});
    server.client().tell("/api/query", &body)
}

fn check(server: &Server, when: &str) {
    let points = ask(server, &json!({"aggregator": "sum", "metric": "h.m"}));
    assert_eq!(points[0]["dps"].as_object().map(|dps| dps.len()), Some(50), "{when}: {points}");
    assert_eq!(points[0]["annotations"][0]["description"], "beside", "{when}");
    let ranges = ask(server, &json!({"aggregator": "sum", "metric": "h.m", "showHistogramBuckets": true}));
    let names: Vec<&str> = ranges.as_array().unwrap().iter().map(|one| one["metric"].as_str().unwrap()).collect();
    assert_eq!(names, ["h.m_UNDERFLOW", "h.m_0.0_1.0", "h.m_OVERFLOW"], "{when}");
    let dps = ranges[1]["dps"].as_object().unwrap();
    let at = |second: i64| dps.get(&(T + second).to_string()).and_then(Value::as_i64).unwrap_or_else(|| panic!("{when}: {ranges}"));
    assert_eq!((dps.len(), at(0), at(1), at(19), at(30)), (21, 100, 1, 19, 7), "{when}");
    assert_eq!(ranges[2]["dps"][(T + 30).to_string()], 3, "{when}");
    assert_eq!(ranges[1]["annotations"][0]["description"], "beside", "{when}");
    let sum = ask(server, &json!({"aggregator": "sum", "metric": "h.m", "percentiles": [99], "downsample": "1h-sum"}));
    assert_eq!(sum[0]["metric"], "h.m_pct_99.0", "{when}");
}

/// They wait in memory first, and come from the journal after a kill; then they are stored.
fn histograms_are_kept(engine: &Engine, cells: &str) {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        DECODERS,
        ("tsd.core.auto_create_metrics", "true"),
        ("tsd.storage.flush_interval", "600000"),
        ("tsd.storage.cells", cells),
        ("tsd.http.query.allow_delete", "true"),
    ];
    let mut server = Server::start_in(dir.path(), engine, &settings, &[]);
    write(&server);
    check(&server, "acknowledged");
    server.kill();
    server.restart();
    check(&server, "after a kill");
    write(&server);
    server.stop();
    server.restart();
    check(&server, "stored");
    histograms_are_deleted_alone(&server);
}

/// A question for histograms deletes those that it asks for; points and annotations of the row stay, and the reverse.
fn histograms_are_deleted_alone(server: &Server) {
    let delete = |from: i64, to: i64, sub: Value| {
        let body = json!({"start": T + from, "end": T + to, "delete": true, "queries": [sub]});
        let r = server.client().post("/api/query", &body.to_string()).unwrap();
        assert_eq!(r.status, 200, "{}", r.text());
    };
    let ranges = json!({"aggregator": "sum", "metric": "h.m", "showHistogramBuckets": true});
    let points = json!({"aggregator": "sum", "metric": "h.m"});
    delete(1, 19, ranges.clone());
    let left = ask(server, &ranges);
    let times: Vec<&String> = left[1]["dps"].as_object().unwrap().keys().collect();
    assert_eq!(times, [&T.to_string(), &(T + 30).to_string()]);
    assert_eq!(ask(server, &points)[0]["dps"].as_object().map(|dps| dps.len()), Some(50));
    delete(0, 100, points.clone());
    assert_eq!(ask(server, &points)[0]["dps"], json!({}), "only the annotation is left");
    assert_eq!(ask(server, &ranges)[1]["dps"].as_object().map(|dps| dps.len()), Some(2));
}

#[test]
fn embedded_histograms_are_kept_beside_packed_points() {
    histograms_are_kept(&Engine::Embedded, "packed");
}

#[test]
fn hbase_histograms_are_kept_beside_single_points() {
    histograms_are_kept(&Engine::fresh_hbase("keephist"), "single");
}

#[test]
fn a_decoder_that_is_not_built_in_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    for (config, want) in [
        (r#"{"com.example.Sketch": 1}"#, "there is no decoder 'com.example.Sketch' here"),
        ("{", "tsd.core.histograms.config: "),
        ("nosuch.json", "cannot read "),
    ] {
        let conf = write_config(dir.path(), &Engine::Embedded, &[("tsd.core.histograms.config", config)]);
        let out = run_for(support::server::PATIENCE, &["tsd", &format!("--config={}", conf.display())], dir.path());
        assert_eq!(out.code, Some(1), "{config}: {}", out.stderr);
        assert!(out.stderr.contains("tsd.core.histograms.config") && out.stderr.contains(want), "{config}: {}", out.stderr);
    }
}
