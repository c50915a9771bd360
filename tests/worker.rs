//! Workers as processes: real servers, a real HBase, a real receiver of notices; kills at the worst moments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

#[path = "worker/house.rs"]
mod house;
#[path = "worker/kills.rs"]
mod kills;
#[path = "worker/notes.rs"]
mod notes;
mod support;

use house::{FAST, Proxy, Receiver, WorkerProcess, by_rule, channel, get, many_rules, now, put, put_all, until, write_rules};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use support::real::{RealTsd, create_tables};
use support::server::{Engine, PATIENCE, Server, run_for};

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let r = server.client().post(path, &body.to_string()).unwrap();
    (r.status, serde_json::from_slice(&r.body).unwrap_or(Value::Null))
}

#[test]
fn a_worker_inside_a_tsd() {
    let receiver = Receiver::start();
    let dir = tempfile::tempdir().unwrap();
    let rules = write_rules(dir.path(), &many_rules(&receiver.url(), 1));
    let own = [("tsd.worker.rules", rules.as_str()), ("tsd.worker.detect.metrics", "load.*"), ("tsd.worker.link", "http://pages/")];
    let settings = [&FAST[..], &own].concat();
    let server = Server::start_in(dir.path(), &Engine::Embedded, &settings, &["--worker"]);
    let calm = json!({"metric": "load.0", "timestamp": now() - 60, "value": 5.0, "tags": {"host": "a"}});
    assert_eq!(post(&server, "/api/put", &calm).0, 204);
    // People's notes at every second at which the incident may begin, but few enough for a free one behind them.
    let tsuid = get(&server, "/api/query?start=1h-ago&m=none:load.0&show_tsuids")[0]["tsuids"][0].as_str().unwrap().to_string();
    let begun = now();
    for second in begun..begun + 8 {
        let note = json!({"tsuid": tsuid, "startTime": second, "description": "people's"});
        assert_eq!(post(&server, "/api/annotation", &note).0, 200);
    }
    put(&server, "load.0", "a", 95.0);
    until("the alert", 15, || !receiver.notices().is_empty());
    until("the alert's record", 15, || get(&server, "/api/alerts")["alerts"][0]["level"] == "critical");
    let alerts = get(&server, "/api/alerts");
    assert_eq!(alerts["alerts"][0]["rule"], "r0", "{alerts}");
    // The first of at most one message.
    assert_eq!((&alerts["alerts"][0]["incident"]["step"], &alerts["alerts"][0]["max_step"]), (&json!(1), &json!(1)), "{alerts}");
    let id = alerts["alerts"][0]["id"].as_str().unwrap().to_string();
    // The link leads to the alert's own page, which draws what the rule asks of this group.
    assert_eq!(receiver.notices()[0]["link"], format!("http://pages/#/alerts/{id}"));
    let detail = get(&server, &format!("/api/alerts/detail?id={id}"));
    assert_eq!(detail["queries"], json!(["sum:load.0{host=*}{host=literal_or(a)}"]), "{detail}");
    let (status, done) = post(&server, "/api/alerts/ack", &json!({"ids": [id], "user": "ann", "message": "mine", "notify": true}));
    assert_eq!((status, done["done"][0].as_str()), (200, Some(id.as_str())), "{done}");
    let (status, again) = post(&server, "/api/alerts/ack", &json!({"ids": [id], "user": "bob"}));
    assert_eq!(status, 400);
    assert!(again["error"]["message"].as_str().unwrap().contains("ann"), "{again}");
    until("the word of the act", 15, || receiver.notices().iter().any(|notice| notice["kind"] == "action"));
    put(&server, "load.0", "a", 5.0);
    until("the end", 15, || receiver.notices().iter().any(|notice| notice["kind"] == "recovery"));
    std::thread::sleep(Duration::from_secs(3));
    let kinds: Vec<_> = receiver.notices().iter().map(|notice| notice["kind"].as_str().unwrap().to_string()).collect();
    assert_eq!(kinds, ["alert", "action", "recovery"]);
    until("its close", 15, || get(&server, "/api/alerts")["alerts"] == json!([]));
    let events = get(&server, "/api/alerts/history?rule=r0");
    let changes: Vec<_> = events["events"].as_array().unwrap().iter().rev().map(|event| event["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["opened", "acknowledged", "normal", "closed"], "{events}");
    // The notes of people stand as they were; ours beside them.
    let notes = get(&server, &format!("/api/query?start=1h-ago&end={}&m=none:load.0", begun + 60))[0]["annotations"].clone();
    let people = notes.as_array().unwrap().iter().filter(|note| note["description"] == "people's").count();
    let ours = notes.as_array().unwrap().iter().filter(|note| note["custom"]["tsdb.worker"].is_string()).count();
    assert_eq!((people, ours), (8, 1), "{notes}");
    // Its own numbers, and the addresses of Skyline's pages.
    assert!(!get(&server, "/api/query?start=1h-ago&m=none:tsdb.worker.rounds")[0]["dps"].as_object().unwrap().is_empty());
    let dump = server.client().get("/static/dump/anomalies.json").unwrap();
    assert!(dump.text().starts_with("handle_data(["), "{}", dump.text());
    assert_eq!(get(&server, "/api?metric=load.0%7Bhost=a%7D")["results"].as_array().unwrap().len(), 3);
    let unknown = server.client().get("/api?metric=no.such").unwrap();
    assert_eq!((unknown.status, unknown.text().trim()), (404, r#"{"results":"Error: No metric by that name"}"#));
    let workers = get(&server, "/api/alerts/workers");
    assert_eq!(workers["workers"].as_array().unwrap().len(), 1, "{workers}");
}

#[test]
fn silences_and_rules_over_http() {
    let receiver = Receiver::start();
    let dir = tempfile::tempdir().unwrap();
    let rules = write_rules(dir.path(), &channel(&receiver.url()));
    let settings = [&FAST[..], &[("tsd.worker.rules", rules.as_str())]].concat();
    let server = Server::start_in(dir.path(), &Engine::Embedded, &settings, &["--worker"]);
    put(&server, "load.0", "a", 95.0);
    let request = |method: &str, path: &str, headers: &[(&str, &str)], body: &Value| {
        let headers: Vec<_> = headers.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let r = server.client().request(method, path, &headers, Some(body.to_string().as_bytes())).unwrap();
        (r.status, serde_json::from_slice::<Value>(&r.body).unwrap_or(Value::Null))
    };
    // A silence is tried before it is made.
    let silence = json!({"rule": "r*", "tags": {"host": "a|b"}, "for": 600, "user": "ann", "message": "quiet"});
    let (status, tried) = request("POST", "/api/alerts/silence", &[], &silence);
    assert_eq!((status, tried["made"].as_bool()), (200, Some(false)), "{tried}");
    assert_eq!(get(&server, "/api/alerts/silences"), json!([]));
    let mut confirmed = silence;
    confirmed["confirm"] = json!(true);
    let (_, made) = request("POST", "/api/alerts/silence", &[], &confirmed);
    let id = made["silence"]["id"].clone();
    assert_eq!(get(&server, "/api/alerts/silences")[0]["id"], id);
    // Pages of other sites change nothing.
    assert_eq!(request("POST", "/api/alerts/unsilence", &[("Sec-Fetch-Site", "cross-site")], &json!({"id": id})).0, 403);
    // A rule with a fault says where and is not stored; a good one is in force a round later.
    let wrong = json!({"text": "[rule.r0]\nquery = \"sum:load.0{host=*}\"\njudge.critical = \"all(#1) >> 90\"\n"});
    let (status, refused) = request("PUT", "/api/alerts/rules?name=r0", &[], &wrong);
    let details: Value = serde_json::from_str(refused["error"]["details"].as_str().unwrap()).unwrap();
    assert_eq!((status, details[0]["line"].as_i64()), (400, Some(3)), "{refused}");
    let text = "[rule.r0]\nquery = \"sum:load.0{host=*}\"\njudge.critical = \"all(#1) > 90\"\nevery = \"1s\"\nwindow = \"10m\"\nnotify = { critical = [\"out\"] }\n";
    let (status, stored) = request("PUT", "/api/alerts/rules?name=r0", &[], &json!({"text": text, "user": "ann"}));
    assert_eq!((status, stored["version"].as_i64()), (200, Some(1)), "{stored}");
    assert_eq!(request("PUT", "/api/alerts/rules?name=r0", &[], &json!({"text": text, "version": 7})).0, 409);
    until("the silenced alert", 15, || get(&server, "/api/alerts")["alerts"][0]["silence"]["id"] == id);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(receiver.notices(), Vec::<Value>::new());
    assert_eq!(request("POST", "/api/alerts/unsilence", &[], &json!({"id": id})).0, 204);
    until("the alert after the silence", 15, || receiver.notices().len() == 1);
    // A test over history says the same as what happened, and changes nothing.
    let (status, test) = request("POST", "/api/alerts/test", &[], &json!({"rule": "r0", "start": now() - 30, "end": now()}));
    assert_eq!(status, 200, "{test}");
    let lines = test["result"]["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["what"] == "notice" && line["level"] == "critical"), "{test}");
    assert_eq!(test["queries"].as_array().map(Vec::len), Some(1), "{test}");
    expressions(&|body| request("POST", "/api/alerts/expression", &[("Sec-Fetch-Site", "cross-site")], body));
    messages(text, lines, &|body| request("POST", "/api/alerts/preview", &[], body));
    assert_eq!(receiver.notices().len(), 1);
    assert_eq!(request("DELETE", "/api/alerts/rules?name=r0", &[], &json!({})).0, 204);
    assert_eq!(get(&server, "/api/alerts/rules")["stored"], json!([]));
}

/// A rule's messages as its channel would send them.
fn messages(text: &str, lines: &[Value], ask: &dyn Fn(&Value) -> (u16, Value)) {
    let line = lines.iter().find(|line| line["what"] == "notice").unwrap();
    let (status, preview) = ask(&json!({"rule": "r0", "sample": line}));
    let part = |preview: &Value| serde_json::from_str::<Value>(preview["channels"][0]["parts"][1]["text"].as_str().unwrap()).unwrap();
    assert_eq!((status, &preview["channels"][0]["name"], &preview["errors"]), (200, &json!("out"), &json!([])), "{preview}");
    assert_eq!((&part(&preview)["title"], &part(&preview)["events"][0]["value"]), (&json!("CRITICAL: r0 load.0{host=a}"), &json!(95.0)));
    let failing = format!("{text}message.text = \"{{{{ tags.host }}}}\\n{{{{ tags.no.such }}}}\"\n");
    let (_, preview) = ask(&json!({"name": "r0", "text": failing}));
    assert_eq!((&preview["errors"][0]["line"], &preview["errors"][0]["column"]), (&json!(2), &json!(8)), "{preview}");
    assert_eq!(ask(&json!({"rule": "r0", "sample": {"level": "loud"}})).0, 400);
    assert_eq!(ask(&json!({"rule": "nobody"})).0, 404);
}

/// Expressions over the points of `load.0{host=a}`: what each gives, and what is refused.
fn expressions(evaluate: &dyn Fn(&Value) -> (u16, Value)) {
    let last = r#"last(q("sum:load.0{host=*}", "1h", ""))"#;
    let (status, at_once) = evaluate(&json!({"expression": format!("{last} > 90 && {last} < 1e9")}));
    assert_eq!((status, &at_once["gives"], &at_once["tags"]), (200, &json!("number"), &json!(["host"])), "{at_once}");
    assert_eq!(at_once["queries"], json!(["sum:load.0{host=*}"]));
    assert_eq!(at_once["result"]["groups"], json!([{"tags": {"host": "a"}, "value": 1.0, "text": null, "points": []}]));
    let (status, over_time) = evaluate(&json!({"expression": "1 / 0", "start": "1h-ago", "steps": 4}));
    assert_eq!((status, over_time["result"]["moments"].as_i64()), (200, Some(4)), "{over_time}");
    assert_eq!(over_time["result"]["groups"][0]["points"][3][1], "Infinity", "{over_time}");
    assert_eq!(over_time["result"]["groups"][0]["points"][3][0].as_i64(), over_time["end"].as_i64().map(|end| end * 1_000));
    // Before there was a point there was no group, which is no error.
    let (status, before) = evaluate(&json!({"expression": last, "end": 1_000_000}));
    assert_eq!((status, &before["result"]["groups"]), (200, &json!([])), "{before}");
    let refused = |body: Value, message: &str| {
        let (status, answer) = evaluate(&body);
        assert_eq!((status, answer["error"]["message"].as_str()), (400, Some(message)), "{answer}");
        answer["error"]["details"].as_str().map(|details| serde_json::from_str::<Value>(details).unwrap()).unwrap_or_default()
    };
    let place =
        refused(json!({"expression": "1 +\n  avgg(2)"}), "expression: line 2, column 3: there is no function avgg (did you mean avg?)");
    assert_eq!(place, json!([{"line": 2, "column": 3, "message": "there is no function avgg (did you mean avg?)"}]));
    let unknown = r#"1 + avg(q("sum:no.such{host=*}", "1h", ""))"#;
    refused(json!({"expression": unknown}), "expression: line 1, column 9: No such name for 'metrics': 'no.such'");
    refused(json!({"expression": " "}), "Missing the expression");
    refused(json!({"expression": "1", "start": "now", "end": "1h-ago"}), "start: must be before end");
    refused(json!({"expression": "1", "start": "1h-ago", "steps": 201}), "steps: must be a whole number from 2 to 200");
}

#[test]
fn hbase_away_is_one_notice_and_no_storm() {
    let receiver = Receiver::start();
    let (dir, a) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::fresh_hbase("away");
    let server = Server::start_in(dir.path(), &engine, &FAST, &[]);
    put_all(&server, 3, 5.0);
    let text = many_rules(&receiver.url(), 3)
        + "[rule.silent]\nquery = \"sum:load.0{host=*}\"\nnodata.after = \"20m\"\nevery = \"1s\"\nwindow = \"1h\"\nunknown = { after = \"4s\", action = \"alert\" }\nnotify = { critical = [\"out\"], warning = [\"out\"], unknown = [\"out\"] }\n";
    let rules = write_rules(dir.path(), &text);
    let proxy = Proxy::start(&support::server::thrift_address());
    let address = proxy.address();
    let settings = [
        &FAST[..],
        &[("tsd.storage.hbase.thrift", address.as_str()), ("tsd.storage.hbase.thrift.deadline", "5000"), ("tsd.worker.notify", "out")],
    ]
    .concat();
    let worker = WorkerProcess::start(a.path(), &engine, &settings, &[format!("--rules={rules}")], None);
    until("a round", 40, || !get(&server, "/api/alerts/workers")["workers"][0]["status"]["checked"].is_null());
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(receiver.notices(), Vec::<Value>::new(), "{}", worker.log());
    proxy.cut(true);
    until("the one notice", 60, || !receiver.notices().is_empty());
    std::thread::sleep(Duration::from_secs(15));
    let rules_told: Vec<_> = receiver.notices().iter().map(|notice| notice["rule"].as_str().unwrap().to_string()).collect();
    assert_eq!(rules_told, ["tsdb.worker.source"], "{}", worker.log());
    proxy.cut(false);
    until("its end", 60, || receiver.notices().len() > 1);
    std::thread::sleep(Duration::from_secs(6));
    let told: Vec<_> = receiver.notices().iter().map(|notice| format!("{} {}", notice["rule"], notice["kind"])).collect();
    assert_eq!(told, ["\"tsdb.worker.source\" \"unknown\"", "\"tsdb.worker.source\" \"recovery\""], "{}", worker.log());
}

/// A rule that cannot be checked was said to be checked again by everybody who does not check it: by other workers, and by
/// one that had just started where another was killed.
#[test]
fn a_rule_that_cannot_be_checked_is_its_owners_to_tell() {
    let receiver = Receiver::start();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let engine = Engine::fresh_hbase("owners");
    let server = Server::start_in(dirs[0].path(), &engine, &FAST, &[]);
    put_all(&server, 1, 5.0);
    // So many that each of two workers has some, wherever they fall.
    const RULES: usize = 24;
    let refused: String = (0..RULES)
        .map(|n| format!("[rule.n{n}]\nquery = \"sum:no.such.{n}{{host=*}}\"\njudge.critical = \"all(#1) > 90\"\nevery = \"1s\"\n"))
        .collect();
    let text = channel(&receiver.url()) + &refused;
    let settings = [&FAST[..], &[("tsd.worker.notify", "out")]].concat();
    let start = |dir: &tempfile::TempDir| {
        let rules = write_rules(dir.path(), &text);
        WorkerProcess::start(dir.path(), &engine, &settings, &[format!("--rules={rules}")], None)
    };
    let told = |kind: &str| -> BTreeSet<String> { by_rule(&receiver.notices(), kind).into_values().flatten().collect() };
    let mut first = start(&dirs[1]);
    until("every trouble", 30, || told("alert").len() == RULES);
    let second = start(&dirs[2]);
    until("the second's checks", 30, || second.log().contains("cannot be checked"));
    // Some are well again: their owner says so, and who had them before does not say the contrary.
    let well = |range: std::ops::Range<usize>| range.for_each(|n| put(&server, &format!("no.such.{n}"), "a", 5.0));
    well(0..RULES / 2);
    until("some ends", 30, || told("recovery").len() >= RULES / 2);
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!((told("alert").len(), told("recovery").len()), (RULES, RULES / 2), "{}\n{}", first.log(), second.log());
    first.kill();
    until("the first's death", 30, || second.log().contains("is silent since"));
    let _third = start(&dirs[1]);
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!((told("alert").len(), told("recovery").len()), (RULES, RULES / 2), "{}", second.log());
    well(RULES / 2..RULES);
    until("every end", 30, || told("recovery").len() == RULES);
    assert_eq!(told("alert").len(), RULES, "{}", second.log());
}

#[test]
fn workers_with_other_rules_say_so() {
    let receiver = Receiver::start();
    let (dir, a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::fresh_hbase("other");
    let server = Server::start_in(dir.path(), &engine, &FAST, &[]);
    put_all(&server, 2, 5.0);
    let settings = [&FAST[..], &[("tsd.worker.notify", "out")]].concat();
    let rules = [write_rules(a.path(), &many_rules(&receiver.url(), 1)), write_rules(b.path(), &many_rules(&receiver.url(), 2))];
    let first = WorkerProcess::start(a.path(), &engine, &settings, &[format!("--rules={}", rules[0])], None);
    let _second = WorkerProcess::start(b.path(), &engine, &settings, &[format!("--rules={}", rules[1])], None);
    until("the word about it", 60, || receiver.notices().iter().any(|notice| notice["rule"] == "tsdb.worker.ruleset"));
    assert!(first.log().contains("has other rules"), "{}", first.log());
    // Every rule is checked all the same, and told once.
    put_all(&server, 2, 95.0);
    until("both rules", 30, || {
        by_rule(&receiver.notices(), "alert").contains_key("r1") && by_rule(&receiver.notices(), "alert").contains_key("r0")
    });
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(by_rule(&receiver.notices(), "alert")["r0"].len(), 1);
}

/// The rules of the test below: open-falcon's and Bosun's, a rate, and two that the original refuses.
fn rules_for_the_original(url: &str) -> String {
    let every = "every = \"1s\"\nwindow = \"10m\"\nnotify = \"out\"\n";
    let rule =
        |name: &str, query: &str, critical: &str| format!("[rule.{name}]\n{every}query = \"{query}\"\njudge.critical = \"{critical}\"\n");
    let bosun = "expression.critical = 'last(q(\"avg:load.1{host=*}{dc=x}\", \"10m\", \"\")) > 90'\n";
    [
        channel(url),
        rule("falcon", "sum:load.0{host=*}", "all(#1) > 90"),
        rule("rate", "sum:rate{counter}:count.up{host=*}", "all(#1) > 50"),
        format!("[rule.bosun]\n{every}{bosun}"),
        rule("nometric", "sum:no.such.metric{host=*}", "all(#1) > 90"),
        rule("notag", "sum:load.0{host=nosuch}", "all(#1) > 90"),
    ]
    .concat()
}

#[test]
fn over_a_real_opentsdb() {
    let (receiver, dir, other) = (Receiver::start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::fresh_hbase("original");
    let Engine::Hbase { prefix } = &engine else { panic!("not HBase") };
    create_tables(prefix);
    let real = RealTsd::start(prefix, &[]);
    let get = |path: &str| -> Value {
        let r = real.client().get(path).unwrap();
        assert_eq!(r.status, 200, "{path}: {}", r.text());
        serde_json::from_slice(&r.body).unwrap()
    };
    let put = |points: &[(&str, &str, i64, f64)]| {
        let point = |(metric, host, at, value): &(&str, &str, i64, f64)| json!({"metric": metric, "timestamp": at, "value": value, "tags": {"host": host, "dc": "x"}});
        let r = real.client().post("/api/put", &Value::from(points.iter().map(point).collect::<Vec<_>>()).to_string()).unwrap();
        assert_eq!(r.status, 204, "{}", r.text());
    };
    // A day of quiet noise and a leap of one of two series; what rules say, beside a group that is well.
    let start = now();
    for host in ["calm", "wild"] {
        let value = |n: i64| if host == "wild" && n >= 1_437 { 500.0 } else { 100.0 + (n * 7 % 5) as f64 };
        put(&(0..1_440).map(|n| ("strange.load", host, start - 86_400 + n * 60, value(n))).collect::<Vec<_>>());
    }
    put(&[("load.0", "a", start, 95.0), ("load.0", "b", start, 5.0), ("load.1", "a", start, 95.0), ("load.1", "b", start, 5.0)]);
    put(&[("count.up", "a", start - 10, 1_000.0), ("count.up", "a", start, 2_000.0)]);
    let rules = write_rules(dir.path(), &rules_for_the_original(&receiver.url()));
    let detect = [("tsd.worker.detect.metrics", "strange.*"), ("tsd.worker.detect.interval", "2"), ("tsd.worker.detect.notify", "out")];
    let settings = [&FAST[..], &detect, &[("tsd.worker.notify", "out")]].concat();
    let flags = [format!("--tsd=http://{}", real.addr), format!("--rules={rules}")];
    let mut worker = WorkerProcess::start(dir.path(), &Engine::Embedded, &settings, &flags, None);
    let told = |kind: &str| {
        let told = by_rule(&receiver.notices(), kind);
        // One that was sent and not yet taken out when the worker was killed comes twice, with one id.
        let count = |ids: Vec<String>| ids.into_iter().collect::<BTreeSet<_>>().len();
        told.into_iter().map(|(rule, ids)| format!("{rule} {}", count(ids))).collect::<Vec<_>>()
    };
    // Each once; the two that cannot be checked are named and hold up no other.
    let alerts = ["bosun 1", "falcon 1", "rate 1", "tsdb.worker.rule 2"];
    until("every alert", 60, || told("alert") == alerts);
    until("the anomaly", 60, || told("anomaly") == ["skyline 1"]);
    assert_eq!(receiver.notices().iter().filter(|notice| notice["kind"] == "anomaly").count(), 1, "{}", worker.log());
    let anomaly = receiver.notices().into_iter().find(|notice| notice["kind"] == "anomaly").unwrap();
    assert_eq!(anomaly["events"][0]["name"], "strange.load{dc=x,host=wild}", "{anomaly}");
    // What it writes stands in the original: its own numbers, and the incident on the series.
    until("its numbers", 20, || real.client().get("/api/query?start=1h-ago&m=none:tsdb.worker.rounds").unwrap().status == 200);
    let notes = get("/api/query?start=1h-ago&m=none:load.0%7Bhost=a%7D")[0]["annotations"].clone();
    assert!(notes[0]["custom"]["tsdb.worker"].is_string(), "{notes}");
    // Its states are in its folder and nowhere else: a new one goes on where it was killed.
    worker.kill();
    assert!(dir.path().join("own/states").is_dir());
    assert_eq!(support::tables::dump(&engine, dir.path(), "tsdb-worker").len(), 0);
    let worker = WorkerProcess::start(dir.path(), &Engine::Embedded, &settings, &flags, None);
    let later = now();
    put(&[("load.0", "a", later, 5.0), ("load.1", "a", later, 5.0), ("count.up", "a", later, 2_001.0)]);
    let ends = ["bosun 1", "falcon 1", "rate 1"];
    until("every end", 60, || told("recovery").len() >= ends.len());
    assert_eq!(told("recovery"), ends, "{}", worker.log());
    assert_eq!(told("alert"), alerts, "{}", worker.log());
    assert!(receiver.notices().iter().all(|notice| notice["rule"] != "tsdb.worker.source"), "{:?}", receiver.notices());
    // A rule's test over what the original has stored.
    let own = format!("--path={}", other.path().display());
    let args = ["worker".to_string(), "test".into(), "falcon".into(), flags[0].clone(), flags[1].clone(), own];
    let tested = run_for(PATIENCE, &args, other.path());
    assert_eq!(tested.code, Some(0), "{}", tested.stderr);
    assert!(tested.stdout.contains("notice alert critical load.0{dc=x,host=a}: all(#1) > 90: 95"), "{}", tested.stdout);
}

#[test]
fn receivers_that_are_down_or_slow_and_bad_input() {
    let receiver = Receiver::start();
    let slow = Receiver::start();
    slow.delay(Duration::from_secs(4));
    let dir = tempfile::tempdir().unwrap();
    let mut text = many_rules(&receiver.url(), 2);
    text.push_str(&format!("[notify.slow]\ntype = \"http\"\nurl = \"{}\"\ntimeout = 10\n", slow.url()));
    text.push_str("[rule.slow]\nquery = \"sum:load.0{host=*}\"\njudge.critical = \"all(#1) > 90\"\nevery = \"1s\"\nwindow = \"10m\"\nnotify = { critical = [\"slow\"] }\n");
    text.push_str("[rule.nometric]\nquery = \"sum:no.such.metric{host=*}\"\njudge.critical = \"all(#1) > 90\"\nevery = \"1s\"\n");
    text.push_str("[rule.few]\nquery = \"sum:load.1{host=*}\"\njudge.critical = \"all(#5) > 0\"\nevery = \"1s\"\nwindow = \"10m\"\nnotify = { critical = [\"out\"] }\n");
    text.push_str("[rule.broken]\nquery = 5\n");
    let rules = write_rules(dir.path(), &text);
    let settings = [&FAST[..], &[("tsd.worker.rules", rules.as_str())]].concat();
    let server = Server::start_in(dir.path(), &Engine::Embedded, &settings, &["--worker"]);
    receiver.down(true);
    put_all(&server, 2, 95.0);
    until("the slow one", 20, || slow.notices().len() == 1);
    let status = get(&server, "/api/alerts/workers")["workers"][0]["status"].clone();
    assert!(status["troubles"]["nometric"].as_str().unwrap().contains("no.such.metric"), "{status}");
    let faults = status["faults"].as_array().unwrap().iter().map(|fault| fault.as_str().unwrap());
    assert!(faults.clone().any(|fault| fault.contains("rules.toml:") && fault.contains(": query: expected a text")), "{status}");
    assert_eq!(receiver.notices(), Vec::<Value>::new());
    receiver.down(false);
    until("those that waited", 30, || by_rule(&receiver.notices(), "alert").len() == 2);
    std::thread::sleep(Duration::from_secs(3));
    let alerts = by_rule(&receiver.notices(), "alert");
    assert!(alerts.keys().all(|rule| rule == "r0" || rule == "r1") && alerts.values().all(|ids| ids.len() == 1), "{alerts:?}");
    assert_eq!(slow.notices().len(), 1);
}

#[test]
fn the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&Engine::Embedded, &FAST);
    for ago in 0..30 {
        let at = now() - 60 + ago;
        let value = if ago < 15 { 5.0 } else { 95.0 };
        let point = json!({"metric": "load.0", "timestamp": at, "value": value, "tags": {"host": "a"}});
        assert_eq!(post(&server, "/api/put", &point).0, 204);
    }
    let rules = write_rules(dir.path(), &many_rules("http://127.0.0.1:1/", 1));
    let run = |args: &[&str]| {
        let mut all = vec!["worker".to_string()];
        all.extend(args.iter().map(|arg| arg.to_string()));
        all.extend([
            format!("--tsd=http://{}", server.addr),
            format!("--rules={rules}"),
            format!("--path={}", dir.path().join("own").display()),
        ]);
        run_for(PATIENCE, &all, dir.path())
    };
    let checked = run(&["check"]);
    assert_eq!((checked.code, checked.stdout.trim()), (Some(0), "1 rules, 1 channels in 1 files"), "{}", checked.stderr);
    let at = now().to_string();
    let tested = run(&["test", "r0", "--at", &at]);
    assert_eq!(tested.code, Some(0), "{}", tested.stderr);
    assert!(tested.stdout.contains("notice alert critical load.0{host=a}: all(#1) > 90: 95"), "{}", tested.stdout);
    assert_eq!(run(&["test", "nosuch"]).code, Some(1));
    let none = format!("--path={}", dir.path().join("none").display());
    let none = ["worker".to_string(), "test".into(), "r0".into(), format!("--tsd=http://{}", server.addr), none];
    let none = run_for(PATIENCE, &none, dir.path());
    assert!(none.code == Some(1) && none.stderr.contains("--rules"), "{}", none.stderr);
    let start = (now() - 70).to_string();
    let filled = run(&["backfill", "--metrics=load.*", "--start", &start]);
    assert_eq!(filled.code, Some(0), "{}", filled.stderr);
    assert!(filled.stdout.contains(" looks, "), "{}", filled.stdout);
    assert_eq!(run(&["nonsense"]).code, Some(2));
}

#[test]
fn anomalies_and_metrics_over_a_group() {
    let receiver = Receiver::start();
    let dir = tempfile::tempdir().unwrap();
    let text = channel(&receiver.url())
        + "[group.all]\nmatch = { host = \"*\" }\n[cluster.busy]\ngroup = \"all\"\nmember = \"host\"\nnumerator = \"$(load.9)\"\ndenominator = \"$#\"\nmetric = \"load.mean\"\ntags = { group = \"all\" }\nevery = \"1s\"\n";
    let rules = write_rules(dir.path(), &text);
    let detectors = [
        ("tsd.worker.rules", rules.as_str()),
        ("tsd.worker.detect.metrics", "strange.*"),
        ("tsd.worker.detect.rate", "*.calls"),
        ("tsd.worker.detect.interval", "2"),
        ("tsd.worker.detect.notify", "out"),
    ];
    let settings = [&FAST[..], &detectors].concat();
    let server = Server::start_in(dir.path(), &Engine::Embedded, &settings, &["--worker"]);
    put(&server, "load.9", "a", 10.0);
    put(&server, "load.9", "b", 20.0);
    let start = now();
    // A day of quiet noise, and a leap in one of two series.
    for host in ["calm", "wild"] {
        let points: Vec<Value> = (0..1_440)
            .map(|n| {
                let leap = host == "wild" && n >= 1_437;
                let value = if leap { 500.0 } else { 100.0 + f64::from(n * 7 % 5) };
                json!({"metric": "strange.load", "timestamp": start - 86_000 + i64::from(n) * 60 - 400, "value": value, "tags": {"host": host}})
            })
            .collect();
        assert_eq!(post(&server, "/api/put", &Value::from(points)).0, 204);
    }
    // A counter of about ten a second that began anew once, and at the end counts a hundred times as fast.
    let count = |n: i64| n % 1_000 * 600 + n * 7 % 5 + (n - 1_436).max(0) * 59_400;
    let points: Vec<Value> = (0..1_440)
        .map(|n| json!({"metric": "strange.calls", "timestamp": start - 86_400 + n * 60, "value": count(n), "tags": {"host": "wild"}}))
        .collect();
    assert_eq!(post(&server, "/api/put", &Value::from(points)).0, 204);
    until("the anomalies", 30, || get(&server, "/api/anomalies")["anomalies"].as_array().unwrap().len() == 2);
    let found = get(&server, "/api/anomalies");
    let calls = &found["anomalies"][0];
    assert_eq!((calls["name"].as_str(), calls["rate"].as_bool()), (Some("strange.calls{host=wild}"), Some(true)), "{found}");
    assert!((999.0..1_001.0).contains(&calls["value"].as_f64().unwrap()), "{found}");
    assert_eq!((found["miniDuration"].as_f64(), found["fullDuration"].as_f64()), (Some(3_600.0), Some(86_400.0)), "{found}");
    let rates = get(&server, "/api?metric=strange.calls%7Bhost=wild%7D")["results"].as_array().unwrap().clone();
    assert!(rates.len() > 1_400 && rates.iter().all(|point| (9.0..1_001.0).contains(&point[1].as_f64().unwrap())), "{rates:?}");
    let one = &found["anomalies"][1];
    assert_eq!((one["name"].as_str(), one["value"].as_f64()), (Some("strange.load{host=wild}"), Some(500.0)), "{found}");
    assert!(one["votes"].as_array().unwrap().len() >= 6 && one["asked"] == 9, "{found}");
    assert!(one["numbers"]["grubbs"].is_object(), "{found}");
    let dump = server.client().get("/static/dump/anomalies.json").unwrap().text();
    assert!(dump.ends_with(", [500.0, 'strange.load{host=wild}']])"), "{dump}");
    until("the word of it", 20, || receiver.notices().iter().any(|notice| notice["kind"] == "anomaly"));
    // The first may have been computed when only one of the two points was there.
    let mean = || -> Value {
        let r = server.client().get("/api/query?start=1h-ago&m=none:load.mean").unwrap();
        if r.status == 200 { serde_json::from_slice::<Value>(&r.body).unwrap()[0].clone() } else { Value::Null }
    };
    until("the mean", 20, || mean()["dps"].as_object().is_some_and(|dps| dps.values().next_back() == Some(&json!(15.0))));
    let mean = mean();
    assert_eq!(mean["tags"]["group"], "all");
    // Once both are in it, it stays so.
    let later = mean["dps"].as_object().unwrap().values().skip_while(|value| **value != json!(15.0));
    assert!(later.into_iter().all(|value| *value == json!(15.0)), "{mean}");
}
