//! What the page Status asks for: `/api/ui/status`, `queries` with their stop, `logs`, `config`; on both engines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::http::{Client, Response};
use support::server::{Engine, Server, write_config};

const T: i64 = 1_400_000_000;
const SETTINGS: [(&str, &str); 3] =
    [("tsd.core.auto_create_metrics", "true"), ("hbase.zookeeper.password", "hush"), ("tsd.query.limits.bytes.default", "0")];

fn get(client: &mut Client, path: &str) -> Value {
    let r = client.get(path).unwrap();
    assert_eq!(r.status, 200, "{path}: {}", r.text());
    serde_json::from_slice(&r.body).unwrap()
}

/// Some points of four series, and a query of them.
fn use_it(server: &Server) {
    let mut client = server.client();
    for host in ["a", "b", "c", "d"] {
        let points: Vec<Value> =
            (0..5000).map(|i| json!({"metric": "s.m", "timestamp": T + i, "value": i, "tags": {"host": host}})).collect();
        let r = client.post("/api/put", &json!(points).to_string()).unwrap();
        assert_eq!(r.status, 204, "{}", r.text());
    }
    get(&mut client, &format!("/api/query?start={T}&end={}&m=sum:s.m", T + 5000));
    let refused = client.get("/api/query?start=1h-ago&m=sum:no.such.metric").unwrap();
    assert_eq!(refused.status, 400);
}

fn status_tells_what_was_done(engine: &Engine) {
    let server = Server::start(engine, &SETTINGS);
    use_it(&server);
    let status = get(&mut server.client(), "/api/ui/status");
    assert_eq!(status["about"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["about"]["uptime_ms"].as_u64().is_some_and(|up| up < 600_000), "{}", status["about"]);
    assert_eq!((&status["writes"]["points"], &status["writes"]["http"]), (&json!(20_000), &json!(20_000)));
    assert_eq!((&status["reads"]["queries"], &status["reads"]["refused"]), (&json!(1), &json!(1)));
    assert_eq!(status["reads"]["points"], 20_000);
    assert_eq!((&status["journal"]["failing"], &status["warnings"]), (&json!(false), &json!([])));
    assert!(status["journal"]["bytes"].as_u64().unwrap() > 0 && status["journal"]["max_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(status["connections"]["open"].as_u64().unwrap() >= 1);
    let queues = status["queues"].as_array().unwrap();
    assert_eq!(queues[0]["name"], "queries");
    assert!(queues[0]["running_max"].as_u64().unwrap() > 0);
    assert_eq!(queues[2]["running"], 1, "this very request: {queues:?}");
    let caches = status["caches"].as_array().unwrap();
    assert_eq!((&caches[0]["size"], &caches[0]["misses"], &caches[0]["hits"]), (&json!(4), &json!(4), &json!(19_996)));
    let store = &status["store"];
    match engine {
        Engine::Embedded => {
            assert_eq!((&store["kind"], &store["gateways"]), (&json!("embedded"), &json!([])));
            assert!(store["tables"][0]["bytes"].is_u64() && store["counters"]["merges"].is_u64(), "{store}");
        }
        Engine::Hbase { prefix } => {
            assert_eq!(store["gateways"], json!([{"name": support::server::thrift_address(), "up": true}]));
            assert_eq!((&store["tables"][0]["name"], &store["tables"][0]["bytes"]), (&json!(format!("{prefix}tsdb")), &Value::Null));
            assert!(store["counters"]["hbase.calls"].as_u64().unwrap() > 0, "{store}");
        }
    }
}

#[test]
fn status_tells_what_was_done_embedded() {
    status_tells_what_was_done(&Engine::Embedded);
}

#[test]
fn status_tells_what_was_done_on_hbase() {
    status_tells_what_was_done(&Engine::fresh_hbase("status"));
}

/// A query that takes far longer than the test: thousands of sub queries over the same points, none like another (those
/// would be answered once).
fn long_query() -> String {
    let subs: Vec<Value> =
        (0..20_000).map(|i| json!({"metric": "s.m", "aggregator": "sum", "downsample": format!("{}s-avg", i + 1)})).collect();
    json!({"start": T, "end": T + 5000, "queries": subs}).to_string()
}

fn ask_long(server: &Server) -> std::thread::JoinHandle<Response> {
    let mut client = server.client();
    std::thread::spawn(move || client.post("/api/query", &long_query()).unwrap())
}

fn running(client: &mut Client) -> Value {
    let end = Instant::now() + support::server::PATIENCE;
    loop {
        let answer = get(client, "/api/ui/queries");
        if answer["queries"].as_array().unwrap().iter().any(|q| q["rows"].as_u64() > Some(0)) {
            return answer;
        }
        assert!(Instant::now() < end, "the query is not shown: {answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stop(client: &mut Client, id: &Value, headers: &[(&str, &str)]) -> Response {
    let headers: Vec<(String, String)> = headers.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    client.request("POST", &format!("/api/ui/queries/stop?id={id}"), &headers, Some(b"")).unwrap()
}

fn a_running_query_is_seen_and_stopped(engine: &Engine) {
    let server = Server::start(engine, &SETTINGS);
    use_it(&server);
    let asked = ask_long(&server);
    let mut client = server.client();
    let now = running(&mut client);
    assert_eq!(now["may_stop"], true);
    let query = &now["queries"][0];
    let (user, text) = (query["user"].as_str().unwrap(), query["query"].as_str().unwrap());
    // A query of this length is told by its length.
    assert!(user.starts_with("127.0.0.1:") && text.contains("tooLongToKeep") && query["cells"].as_u64() > Some(0), "{user} {text:.100}");
    // Not by another site's page, not from elsewhere, not by GET.
    assert_eq!(stop(&mut client, &query["id"], &[("Sec-Fetch-Site", "cross-site")]).status, 403);
    assert_eq!(stop(&mut client, &query["id"], &[("Origin", "http://evil.example")]).status, 403);
    let far = stop(&mut client, &query["id"], &[("X-Forwarded-For", "10.0.0.1")]);
    assert!(far.status == 403 && far.text().contains("tsd.http.query.allow_stop"), "{}", far.text());
    assert_eq!(client.get("/api/ui/queries/stop?id=1").unwrap().status, 405);
    assert_eq!(stop(&mut client, &json!(987_654), &[]).status, 404);
    let done = stop(&mut client, &query["id"], &[("Sec-Fetch-Site", "same-origin")]);
    assert_eq!(done.status, 200, "{}", done.text());
    let answer = asked.join().unwrap();
    assert!(answer.status == 409 && answer.text().contains("stopped"), "{} {}", answer.status, answer.text());
    let now = get(&mut client, "/api/ui/queries");
    assert_eq!(now["queries"], json!([]));
    let ended = &now["ended"][0];
    assert_eq!(
        (&ended["status"], &ended["times"], ended["end"].as_i64() >= ended["start"].as_i64()),
        (&json!(409), &json!(1), true),
        "{ended}"
    );
    assert_eq!(get(&mut client, "/api/ui/status")["reads"]["cancelled"], 1);
    // The TSD goes on.
    get(&mut client, &format!("/api/query?start={T}&end={}&m=sum:s.m", T + 5000));
}

#[test]
fn a_running_query_is_seen_and_stopped_embedded() {
    a_running_query_is_seen_and_stopped(&Engine::Embedded);
}

#[test]
fn a_running_query_is_seen_and_stopped_on_hbase() {
    a_running_query_is_seen_and_stopped(&Engine::fresh_hbase("stop"));
}

#[test]
fn a_setting_lets_everybody_stop_queries() {
    let server = Server::start(&Engine::Embedded, &[SETTINGS[0], ("tsd.http.query.allow_stop", "true")]);
    use_it(&server);
    let asked = ask_long(&server);
    let mut client = server.client();
    let id = running(&mut client)["queries"][0]["id"].clone();
    assert_eq!(stop(&mut client, &id, &[("X-Forwarded-For", "10.0.0.1")]).status, 200);
    assert_eq!(asked.join().unwrap().status, 409);
}

#[test]
fn logs_by_level_and_words() {
    let server = Server::start(&Engine::Embedded, &SETTINGS);
    let mut client = server.client();
    let all = get(&mut client, "/api/ui/logs");
    let lines = all["lines"].as_array().unwrap();
    assert!(!lines.is_empty() && all["kept"].as_u64() >= Some(lines.len() as u64), "{all}");
    assert!(lines.iter().all(|line| line["time"].is_i64() && line["level"].is_string() && line["message"].is_string()), "{all}");
    let times: Vec<i64> = lines.iter().map(|line| line["time"].as_i64().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first: {times:?}");
    let grave = get(&mut client, "/api/ui/logs?level=warn");
    assert!(grave["lines"].as_array().unwrap().iter().all(|line| ["WARN", "ERROR"].contains(&line["level"].as_str().unwrap())));
    let word = lines[0]["message"].as_str().unwrap().split(' ').next().unwrap().to_uppercase();
    assert!(!get(&mut client, &format!("/api/ui/logs?q={word}"))["lines"].as_array().unwrap().is_empty());
    assert_eq!(get(&mut client, "/api/ui/logs?q=surely.not.there")["lines"], json!([]));
    assert_eq!(get(&mut client, "/api/ui/logs?max=1")["lines"].as_array().unwrap().len(), 1);
    assert_eq!(client.get("/api/ui/logs?level=loud").unwrap().status, 400);

    // How much is logged is set by the older path, which OpenTSDB does for anybody and by GET.
    let set = client.post("/logs?level=Debug&logger=tsdb::server", "").unwrap();
    assert_eq!((set.status, set.text().as_str()), (200, "Set the log level to DEBUG on 1 logger.\n"));
    let found = get(&mut client, "/api/ui/logs?q=filter+tsdb::server=debug");
    assert_eq!(found["lines"].as_array().unwrap().len(), 1, "{found}");
    for (method, target, header, why) in [
        ("GET", "/logs?level=INFO", None, "set by POST"),
        ("POST", "/logs?level=INFO", Some(("X-Forwarded-For", "10.0.0.1")), "the machine of the TSD"),
        ("POST", "/logs?level=INFO", Some(("Sec-Fetch-Site", "cross-site")), "another site"),
        ("GET", "/logs?level=loud", None, "Invalid level: loud"),
        ("POST", "/logs?level=info&logger=net.opentsdb", None, "Invalid logger: net.opentsdb"),
    ] {
        let headers: Vec<(String, String)> = header.into_iter().map(|(k, v): (&str, &str)| (k.to_string(), v.to_string())).collect();
        let answer = client.request(method, target, &headers, None).unwrap();
        assert!(answer.status == 400 && answer.text().contains(why), "{method} {target}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn config_names_places_and_hides_secrets() {
    let server = Server::start(&Engine::Embedded, &SETTINGS);
    let answer = get(&mut server.client(), "/api/ui/config");
    let of = |key: &str| answer["settings"].as_array().unwrap().iter().find(|one| one["key"] == key).cloned().unwrap_or_default();
    let set = of("tsd.core.auto_create_metrics");
    assert_eq!((&set["value"], &set["default"]), (&json!("true"), &json!("false")));
    assert!(set["place"].as_str().unwrap().contains("opentsdb.conf:"), "{set}");
    assert_eq!(of("tsd.mode")["place"], Value::Null);
    let text = answer.to_string();
    assert!(!text.contains("hush"), "a secret is shown");
}

#[test]
fn nothing_of_it_is_there_without_the_pages() {
    let server = Server::start(&Engine::Embedded, &[("tsd.core.enable_ui", "false")]);
    for path in ["/api/ui/status", "/api/ui/logs", "/api/ui/config", "/api/ui/queries"] {
        assert_eq!(server.client().get(path).unwrap().status, 404, "{path}");
    }
}

#[test]
fn numbers_of_tables_are_lines_that_collectors_read() {
    let dir = tempfile::tempdir().unwrap();
    write_config(dir.path(), &Engine::Embedded, &[]);
    let server = Server::start_in(dir.path(), &Engine::Embedded, &[], &[]);
    let text = server.client().get("/stats").unwrap().text();
    for line in text.lines() {
        let mut words = line.split(' ');
        assert!(words.next().is_some_and(|name| name.starts_with("tsd.") && !name.contains('=')), "{line}");
        assert!(words.by_ref().take(2).all(|number| number.parse::<f64>().is_ok()), "{line}");
        assert!(words.all(|tag| tag.contains('=')), "{line}");
    }
    assert!(text.contains("tsd.store.disk_bytes "), "{text}");
    let metrics = server.client().get("/metrics").unwrap().text();
    let names: Vec<&str> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), names.len(), "samples of one name stand together");
    assert!(metrics.contains("tsd_store_disk_bytes{table=\"tsdb\"} "), "{metrics}");
}
