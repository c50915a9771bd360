//! A test of the new answer for each line of `tests/golden/deviations.tsv`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::kit;
use support::scenario::Telnet;
use support::server::{Engine, PATIENCE, Server, run_for, until, write_config};

const AUTO: (&str, &str) = ("tsd.core.auto_create_metrics", "true");

/// Every line, and the test that shows its answer.
const SHOWN_BY: &[(&str, &str)] = &[
    ("options/bigs-ds", "doubles_print_as_their_shortest_text"),
    ("options/bigs-rate", "doubles_print_as_their_shortest_text"),
    ("strict/dups-query", "the_value_written_last_is_read"),
    ("strict/dups-query-sum", "the_value_written_last_is_read"),
    ("delete/range-3get", "only_the_points_asked_for_are_deleted"),
    ("uid_tsmeta_tracking/lookup", "a_counter_is_enough_for_a_lookup"),
    ("serializers/get", "serializers_are_listed"),
    ("serializers/post", "serializers_are_listed"),
    ("serializers/v1", "serializers_are_listed"),
    ("stats/region_clients", "stats_tell_what_is_counted_here"),
    ("stats/old", "stats_tell_what_is_counted_here"),
    ("stats/old_sub", "stats_tell_what_is_counted_here"),
    ("commands/t11", "stats_tell_what_is_counted_here"),
    ("uid_assign/suggest_after", "names_that_the_table_cannot_tell_apart_fail_no_suggest"),
    ("suggest/old_bad_type", "old_pages_escape_what_the_caller_sent"),
    ("http_raw/t03", "http_as_the_rfc_has_it"),
    ("http_raw/t04", "http_as_the_rfc_has_it"),
    ("http_raw/t05", "http_as_the_rfc_has_it"),
    ("http_raw/t06", "http_as_the_rfc_has_it"),
    ("http_raw/t07", "http_as_the_rfc_has_it"),
    ("http_raw/t10", "http_as_the_rfc_has_it"),
    ("mode_ro/t05", "the_version_is_our_own"),
    ("cli/misc.1", "the_version_is_our_own"),
    ("cli/misc.2", "the_version_is_our_own"),
    ("cli/misc.15", "a_tsd_needs_no_static_root"),
    ("cli/misc.18", "a_bad_port_is_named"),
    ("cli/misc.20", "a_word_too_many_is_named"),
    ("cli/query.18", "a_graph_needs_no_options_of_its_series"),
    ("cli/import.5", "import_takes_points_in_any_order_and_twice"),
    ("cli/import.6", "import_takes_points_in_any_order_and_twice"),
    ("cli/import.17", "import_takes_points_in_any_order_and_twice"),
    ("rollup/get-m=sum_rollup_raw_1h-sum_kit.roll", "plain_points_are_read_without_pre_aggregates"),
    ("annotation_global/list_no_end", "annotations_without_an_end_reach_to_now"),
    ("gexp/37-shift_ex.a_khost=____1min__", "time_shifts_work"),
    ("gexp/41-timeShift_ex.a_khost=____10sec__", "time_shifts_work"),
    ("gexp/38-timeShift_ex.a_khost=____5min__", "time_shifts_work"),
    ("gexp/39-timeShift_ex.a_khost=____1hr__", "time_shifts_work"),
    ("gexp/40-timeShift_ex.a_khost=____1day__", "time_shifts_work"),
    ("gexp/43-timeShift_ex.a_khost=____0min__", "time_shifts_work"),
    ("gexp/46-shift_ex.c__2weeks__", "time_shifts_work"),
];

#[test]
fn every_deviation_has_its_test() {
    let listed: Vec<String> = kit::deviations().into_keys().collect();
    let mut shown: Vec<String> = SHOWN_BY.iter().map(|(id, _)| id.to_string()).collect();
    shown.sort();
    assert_eq!(listed, shown);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/COMPATIBILITY.md")).unwrap();
    let missing: Vec<&String> = listed.iter().filter(|id| !page.contains(&format!("`{id}`"))).collect();
    assert!(missing.is_empty(), "docs/COMPATIBILITY.md has no row for {missing:?}");
}

fn server() -> Server {
    Server::start(&Engine::Embedded, &[AUTO])
}

fn get(server: &Server, path: &str) -> (u16, String) {
    let r = server.client().get(path).unwrap();
    (r.status, r.text())
}

/// Sends raw bytes on a new connection and reads what comes, up to what ends it.
fn raw(server: &Server, bytes: &str, end: &str) -> String {
    let mut t = Telnet::open(&server.addr);
    t.send(bytes.as_bytes());
    t.read_to(end)
}

#[test]
fn only_the_points_asked_for_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [AUTO, ("tsd.http.query.allow_delete", "true")];
    let query = "start=1400000000&end=1400000060&m=sum:del";
    let mut s = Server::start_in(dir.path(), &Engine::Embedded, &settings, &[]);
    let points: Vec<Value> =
        (0..12).map(|n| json!({"metric": "del", "timestamp": 1400000000 + n * 10, "value": n, "tags": {"a": "b"}})).collect();
    assert_eq!(s.client().post("/api/put?sync", &json!(points).to_string()).unwrap().status, 204);
    let (status, text) = get(&s, &format!("/api/query?{query}&method_override=delete"));
    assert!(status == 200 && text.contains(r#""1400000060":6}"#), "{status} {text}");
    let left = r#""dps":{"1400000070":7,"1400000080":8,"1400000090":9,"1400000100":10,"1400000110":11}"#;
    let all = "/api/query?start=1399999000&end=1400003600&m=sum:del";
    assert!(get(&s, all).1.contains(left), "{}", get(&s, all).1);
    // Neither a restart nor one after a kill brings them back from the journal.
    s.kill();
    let s = Server::start_in(dir.path(), &Engine::Embedded, &settings, &[]);
    assert!(get(&s, all).1.contains(left), "{}", get(&s, all).1);
}

#[test]
fn a_counter_is_enough_for_a_lookup() {
    let s = Server::start(&Engine::Embedded, &[AUTO, ("tsd.core.meta.enable_tsuid_tracking", "true")]);
    let body = r#"[{"metric":"m1","timestamp":1400000000,"value":1,"tags":{"k":"v"}}]"#;
    assert_eq!(s.client().post("/api/put?sync", body).unwrap().status, 204);
    // Counters are written behind the put.
    let found = || get(&s, "/api/search/lookup?m=m1").1.contains(r#"[{"tsuid":"000001000001000001","metric":"m1","tags":{"k":"v"}}]"#);
    until("the series", found);
}

#[test]
fn doubles_print_as_their_shortest_text() {
    let s = server();
    let body = r#"[{"metric":"d","timestamp":1400000000,"value":4.6116860184273879e18,"tags":{"a":"b"}}]"#;
    assert_eq!(s.client().post("/api/put?sync", body).unwrap().status, 204);
    let (_, text) = get(&s, "/api/query?start=1399999999&end=1400000001&m=sum:d");
    assert!(text.contains(r#""1400000000":4.611686018427388E18}"#), "{text}");
}

#[test]
fn the_value_written_last_is_read() {
    // Other widths make other columns: both stand in the row. `fix_duplicates` is off, as by default.
    let s = Server::start(&Engine::Embedded, &[AUTO, ("tsd.storage.cells", "single")]);
    for value in [json!(1), json!(300), json!(20.5)] {
        let body = json!({"metric": "dup", "timestamp": 1400000000, "value": value, "tags": {"a": "b"}});
        assert_eq!(s.client().post("/api/put?sync", &body.to_string()).unwrap().status, 204);
        std::thread::sleep(Duration::from_millis(3));
    }
    let (status, text) = get(&s, "/api/query?start=1399999999&end=1400000001&m=sum:dup");
    assert_eq!((status, text.contains(r#""1400000000":20.5}"#)), (200, true), "{text}");
}

#[test]
fn plain_points_are_read_without_pre_aggregates() {
    let config = r#"{"aggregationIds":{"sum":0},"intervals":[
        {"table":"tsdb","preAggregationTable":"pre","interval":"1m","rowSpan":"1h","defaultInterval":true}]}"#;
    let s = Server::start(&Engine::Embedded, &[AUTO, ("tsd.rollups.enable", "true"), ("tsd.rollups.config", config)]);
    let mut point = json!({"metric": "m", "timestamp": 1400000000, "value": 5, "tags": {"a": "b"}});
    assert_eq!(s.client().post("/api/put", &point.to_string()).unwrap().status, 204);
    point["groupByAggregator"] = "SUM".into();
    assert_eq!(s.client().post("/api/rollup", &point.to_string()).unwrap().status, 204);
    for (part, tags) in [("rollup_raw", r#"{"a":"b"}"#), ("pre-agg", r#"{"a":"b","_aggregate":"SUM"}"#)] {
        let (_, text) = get(&s, &format!("/api/query?start=1399999999&end=1400000001&m=sum:{part}:m"));
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&answer[0]["tags"], &answer[0]["dps"]["1400000000"]), (&serde_json::from_str(tags).unwrap(), &json!(5)), "{text}");
    }
}

#[test]
fn serializers_are_listed() {
    let s = server();
    for (method, path) in [("GET", "/api/serializers"), ("POST", "/api/serializers"), ("GET", "/api/v1/serializers")] {
        let r = s.client().request(method, path, &[], None).unwrap();
        let list: Value = serde_json::from_slice(&r.body).unwrap();
        assert_eq!((r.status, list[0]["serializer"].as_str()), (200, Some("json")), "{method} {path}: {list}");
    }
}

#[test]
fn stats_tell_what_is_counted_here() {
    let s = server();
    assert_eq!(get(&s, "/api/stats/region_clients"), (200, "[]".to_string()));
    let telnet = raw(&s, "stats\nversion\n", "Built on ");
    for text in [get(&s, "/stats").1, get(&s, "/stats/jvm").1, telnet] {
        for name in ["tsd.datapoints.added", "tsd.uid.cache-hit", "tsd.write.journal.bytes"] {
            assert!(text.lines().any(|l| l.starts_with(&format!("{name} "))), "{name} is missing: {text}");
        }
        assert!(!text.contains("tsd.jvm.") && !text.contains("tsd.hbase."), "{text}");
    }
}

#[test]
fn names_that_the_table_cannot_tell_apart_fail_no_suggest() {
    let s = server();
    for name in ["日本", "中国"] {
        let _ = s.client().post("/api/uid/assign", &json!({"metric": [name]}).to_string()).unwrap();
    }
    assert_eq!(get(&s, "/api/suggest?type=metrics&max=100").0, 200);
}

#[test]
fn old_pages_escape_what_the_caller_sent() {
    let (status, page) = get(&server(), "/suggest?type=%3Cscript%3Ealert(1)%3C/script%3E");
    assert_eq!(status, 400);
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
}

#[test]
fn http_as_the_rfc_has_it() {
    let s = server();
    let said = raw(&s, "GET nosuch HTTP/1.1\r\n\r\n", "\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{said}");
    let said = raw(&s, "GET http://h/api/suggest?type=metrics HTTP/1.1\r\nHost: h\r\n\r\n", "[]");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("[]"), "{said}");
    let said = raw(&s, "GET /api/suggest?type=metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "[]").to_lowercase();
    assert!(said.contains("content-length: 2") && said.contains("connection: close") && said.ends_with("[]"), "{said}");
    let mut t = Telnet::open(&s.addr);
    let mut ask = |bytes: &str, end: &str| {
        t.send(bytes.as_bytes());
        t.read_to(end)
    };
    let said = ask("POST /api/suggest HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 18\r\n\r\n", "\r\n\r\n");
    assert_eq!(said, "HTTP/1.1 100 Continue\r\n\r\n");
    let said = ask("{\"type\":\"metrics\"}", "[]");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("[]"), "{said}");
    let said = raw(&s, "GET /api/dropcaches HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "\r\n\r\n").to_lowercase();
    assert!(said.contains(" 200 ok\r\n") && said.contains("connection: keep-alive"), "{said}");
}

#[test]
fn the_version_is_our_own() {
    let s = Server::start(&Engine::Embedded, &[AUTO, ("tsd.mode", "ro")]);
    let said = raw(&s, "version\n", "Built on ");
    let version = env!("CARGO_PKG_VERSION");
    assert!(said.starts_with(&format!("net.opentsdb.tools BuildData built at revision {version}\nBuilt on ")), "{said}");
    for args in [&["version"][..], &["version", "--help"]] {
        let out = run_for(PATIENCE, args, s.dir());
        assert_eq!((out.code, out.stdout.contains(version)), (Some(0), true), "{}", out.stdout);
    }
}

#[test]
fn a_tsd_needs_no_static_root() {
    // `Server::start` sets neither static root nor cache folder.
    assert_eq!(get(&server(), "/api/version").0, 200);
}

#[test]
fn a_bad_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = run_for(PATIENCE, &["tsd", "--port=x"], dir.path());
    assert_eq!(out.code, Some(1), "{}", out.stderr);
    assert!(out.stderr.contains("--port") && out.stderr.contains("65535"), "{}", out.stderr);
}

#[test]
fn a_word_too_many_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = run_for(PATIENCE, &["tsd", "extra"], dir.path());
    assert!(out.code == Some(1) && out.stderr.starts_with("Unexpected argument: extra\nUsage: tsd "), "{}", out.stderr);
}

#[test]
fn import_takes_points_in_any_order_and_twice() {
    let dir = tempfile::tempdir().unwrap();
    let lines = "i.m 1400000010 1 host=a\ni.m 1400000000 2 host=a\ni.m 1400000000 2 host=a\n";
    std::fs::write(dir.path().join("points.txt"), lines).unwrap();
    let conf = write_config(dir.path(), &Engine::Embedded, &[AUTO]);
    let conf = format!("--config={}", conf.display());
    let out = run_for(PATIENCE, &["import", &conf, "points.txt"], dir.path());
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    let out = run_for(PATIENCE, &["query", &conf, "1399999999", "1400000020", "sum", "i.m"], dir.path());
    assert_eq!(out.stdout.trim_end(), "i.m 1400000000000 2 {host=a}\ni.m 1400000010000 1 {host=a}", "{}", out.stderr);
}

#[test]
fn annotations_without_an_end_reach_to_now() {
    let s = server();
    let r = s.client().post("/api/annotation", r#"{"startTime":1400000000,"description":"long ago"}"#).unwrap();
    assert_eq!(r.status, 200, "{}", r.text());
    let (status, text) = get(&s, "/api/annotations?start_time=1399990000");
    assert_eq!(status, 200);
    assert_eq!(text, r#"[{"tsuid":"","description":"long ago","notes":"","startTime":1400000000,"endTime":0}]"#);
}

#[test]
fn time_shifts_work() {
    let s = server();
    // A point an hour for fifteen days: its value is the hour.
    let points: Vec<Value> = (0..15 * 24)
        .map(|h| json!({"metric": "shift.m", "timestamp": 1_400_000_400 + h * 3_600, "value": h, "tags": {"a": "b"}}))
        .collect();
    assert_eq!(s.client().post("/api/put?sync", &Value::from(points).to_string()).unwrap().status, 204);
    let last = 1_400_000_400 + 14 * 86_400;
    let ask = |exp: &str| get(&s, &format!("/api/query/gexp?start={}&end={last}&exp={exp}", last - 3_600));
    let dps = |exp: &str| ask(exp).1.split_once("\"dps\":").unwrap().1.trim_end_matches("}]").to_string();
    let hours = |h: i64| format!("{{\"{}\":{},\"{last}\":{h}}}", last - 3_600, h - 1);
    let now = 14 * 24;
    assert_eq!(dps("scale(sum:shift.m,1)"), hours(now));
    assert_eq!(dps("timeShift(sum:shift.m,'60min')"), hours(now - 1));
    assert_eq!(dps("timeShift(sum:shift.m,'3600sec')"), hours(now - 1));
    assert_eq!(dps("shift(sum:shift.m,'60min')"), hours(now - 1));
    assert_eq!(dps("shift(sum:shift.m,'5hr')"), hours(now - 5));
    assert_eq!(dps("timeShift(sum:shift.m,'1day')"), hours(now - 24));
    assert_eq!(dps("shift(sum:shift.m,'2weeks')"), format!("{{\"{last}\":0}}"));
    assert_eq!(dps("shift(shift(sum:shift.m,'1day'),'1hr')"), hours(now - 25));
    let difference = dps("difference(sum:shift.m,timeShift(sum:shift.m,'1day'))");
    assert_eq!(difference, format!("{{\"{}\":24.0,\"{last}\":24.0}}", last - 3_600));
    assert_eq!(ask("timeShift(sum:shift.m,'0min')").0, 400);
    assert!(ask("timeShift(sum:shift.m,'0min')").1.contains("timeshift <= 0"));
    assert!(ask("timeShift(sum:shift.m,'5months')").1.contains("unknown time unit=months'"));
}

#[test]
fn a_graph_needs_no_options_of_its_series() {
    let dir = tempfile::tempdir().unwrap();
    let conf = format!("--config={}", write_config(dir.path(), &Engine::Embedded, &[("tsd.core.auto_create_metrics", "true")]).display());
    std::fs::write(dir.path().join("points"), "g.m 1400000000 1 host=a\ng.m 1400000060 2 host=a\n").unwrap();
    run_for(PATIENCE, &["import", &conf, "points"], dir.path());
    let out = run_for(PATIENCE, &["query", &conf, "--graph=out", "1399990000", "1400010000", "sum", "g.m"], dir.path());
    assert_eq!((out.code, out.stdout.as_str()), (Some(0), ""), "{}", out.stderr);
    assert!(std::fs::read(dir.path().join("out.png")).unwrap().starts_with(b"\x89PNG"));
}
