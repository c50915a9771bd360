//! Trees through the real binary: `treesync`, `treepurge`, what is recorded of series without a leaf, and Java and Rust on
//! the same trees. What the API answers is in `conformance.rs`, the rows in `storage.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use support::http::Client;
use support::real::{RealTsd, create_tables};
use support::server::{Engine, META, PATIENCE, Server, binary, run_for, until, write_config};

const PROCESSING: (&str, &str) = ("tsd.core.tree.enable_processing", "true");

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    META.iter().chain(more).copied().collect()
}

/// Tree 1: data centre, host, metric; tree 2 the same without the metric, so that series collide.
fn make_trees(client: &mut Client, strict: bool) {
    let rules = [("dc", 0), ("host", 1)];
    for (tree, last) in [(1, Some("METRIC")), (2, None)] {
        let body = json!({"name": "T", "enabled": true, "storeFailures": true, "strictMatch": strict});
        client.tell("/api/tree", &body);
        for (field, level) in rules {
            client.tell("/api/tree/rule", &json!({"treeId": tree, "level": level, "order": 0, "type": "TAGK", "field": field}));
        }
        if let Some(kind) = last {
            client.tell("/api/tree/rule", &json!({"treeId": tree, "level": 2, "order": 0, "type": kind}));
        }
    }
}

fn put(client: &mut Client, metric: &str, tags: Value) {
    client.tell("/api/put?details", &json!([{"metric": metric, "timestamp": 1_400_000_000, "value": 1, "tags": tags}]));
}

/// Three series: two on one host, one without a data centre.
fn put_three(client: &mut Client) {
    put(client, "cpu", json!({"dc": "lga", "host": "web01"}));
    put(client, "mem", json!({"dc": "lga", "host": "web01"}));
    put(client, "app", json!({"host": "db01"}));
    for tsuid in ["000001000001000001000002000002", "000002000001000001000002000002", "000003000001000003"] {
        until("meta data", || client.ask(&format!("/api/uid/tsmeta?tsuid={tsuid}")).0 == 200);
    }
}

/// Names of the leaves of a branch by the way down to it; none if there is no such branch.
fn leaves(client: &mut Client, tree: u32, way: &[&str]) -> Vec<String> {
    let (_, mut at) = client.ask(&format!("/api/tree/branch?treeid={tree}"));
    for step in way {
        let next = at["branches"].as_array().into_iter().flatten().find(|b| b["displayName"] == *step).cloned();
        let Some(next) = next else { return Vec::new() };
        at = client.ask(&format!("/api/tree/branch?branch={}", next["branchId"].as_str().unwrap())).1;
    }
    at["leaves"].as_array().into_iter().flatten().map(|l| l["displayName"].as_str().unwrap().to_string()).collect()
}

fn tool(dir: &Path, words: &str) -> (Option<i32>, String) {
    let mut args = vec!["uid", "--config=opentsdb.conf"];
    args.extend(words.split(' '));
    let out = run_for(PATIENCE, &args, dir);
    assert_eq!(out.stdout, "");
    (out.code, out.stderr)
}

fn tools(engine: &Engine) {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(dir.path(), engine, &META, &[]);
    make_trees(&mut server.client(), true);
    put_three(&mut server.client());
    assert_eq!(server.client().ask("/api/tree/branch?treeid=1").0, 404, "not while processing is off");
    server.stop();
    let (code, said) = tool(dir.path(), "treesync");
    assert!(code == Some(0) && said.contains("Tree processing is disabled"), "{code:?} {said}");
    write_config(dir.path(), engine, &with(&[PROCESSING]));
    for _twice in 0..2 {
        assert_eq!(tool(dir.path(), "treesync").0, Some(0));
        server.restart();
        let client = &mut server.client();
        assert_eq!(leaves(client, 1, &["lga", "web01"]), ["cpu", "mem"]);
        assert_eq!(leaves(client, 2, &["lga"]), ["web01"]);
        let collisions = client.ask("/api/tree/collisions?treeid=2").1;
        let pair = ["000001000001000001000002000002", "000002000001000001000002000002"];
        assert!(collisions == json!({pair[1]: pair[0]}) || collisions == json!({pair[0]: pair[1]}), "{collisions}");
        assert_eq!(client.ask("/api/tree/notmatched?treeid=1").1, json!({"000003000001000003": "[1:0:0:TAGK]"}));
        assert_eq!(client.ask("/api/tree/collisions?treeid=1").1, json!({}));
        server.stop();
    }
    for (words, code) in [("treepurge", 2), ("treepurge abc", 3), ("treepurge 0", 3), ("treepurge 65536", 3), ("treepurge 7", 0)] {
        assert_eq!(tool(dir.path(), words).0, Some(code), "{words}");
    }
    assert_eq!(tool(dir.path(), "treepurge 1").0, Some(0));
    assert_eq!(tool(dir.path(), "treepurge 2 TRUE").0, Some(0));
    server.restart();
    let client = &mut server.client();
    assert_eq!(client.ask("/api/tree/branch?treeid=1").0, 404);
    assert_eq!(client.ask("/api/tree/notmatched?treeid=1").1, json!({}));
    assert_eq!(client.ask("/api/tree?treeid=1").1["rules"].as_object().map(|r| r.len()), Some(3));
    assert_eq!(client.ask("/api/tree?treeid=2").0, 404);
}

#[test]
fn embedded_tools() {
    tools(&Engine::Embedded);
}

#[test]
fn hbase_tools() {
    tools(&Engine::fresh_hbase("trees"));
}

/// As OpenTSDB nothing is recorded while points come in, unless a setting asks for what its documentation says.
#[test]
fn embedded_failures_while_points_come_in() {
    for (recorded, settings) in [(0, with(&[PROCESSING])), (1, with(&[PROCESSING, ("tsd.core.tree.record_failures", "true")]))] {
        let server = Server::start(&Engine::Embedded, &settings);
        let client = &mut server.client();
        make_trees(client, true);
        put_three(client);
        until("the leaf", || leaves(client, 1, &["lga", "web01"]) == ["cpu", "mem"]);
        let count = |client: &mut Client, path: &str| client.ask(path).1.as_object().unwrap().len();
        until("the record", || count(client, "/api/tree/notmatched?treeid=1") == recorded);
        until("the record", || count(client, "/api/tree/collisions?treeid=2") == recorded);
    }
}

/// Killed in the midst again and again, `treesync` gets to the same end.
#[test]
fn embedded_treesync_killed_and_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(dir.path(), &Engine::Embedded, &META, &[]);
    make_trees(&mut server.client(), false);
    let hosts = 100;
    let points: Vec<Value> = (0..hosts)
        .map(|n| json!({"metric": "cpu", "timestamp": 1_400_000_000, "value": 1, "tags": {"dc": "lga", "host": format!("h{n:03}")}}))
        .collect();
    server.client().tell("/api/put?details", &points.into());
    until("meta data", || server.client().ask("/api/uid/tsmeta?m=cpu").1.as_array().map(Vec::len) == Some(hosts));
    server.stop();
    write_config(dir.path(), &Engine::Embedded, &with(&[PROCESSING]));
    for pause in [20, 60, 120, 250] {
        let mut run = std::process::Command::new(binary());
        let mut run = run.args(["uid", "--config=opentsdb.conf", "treesync"]).current_dir(dir.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        run.kill().unwrap();
        run.wait().unwrap();
    }
    assert_eq!(tool(dir.path(), "treesync").0, Some(0));
    server.restart();
    let client = &mut server.client();
    assert_eq!(leaves(client, 2, &["lga"]).len(), hosts);
    assert_eq!(leaves(client, 1, &["lga", "h042"]), ["cpu"]);
}

/// Each edits and builds what the other made; check-and-put against stored bytes would fail if they differed by one.
#[test]
fn hbase_java_and_rust_share_trees() {
    let engine = Engine::fresh_hbase("trees-java");
    let Engine::Hbase { prefix } = &engine else { unreachable!() };
    create_tables(prefix);
    let settings = with(&[PROCESSING, ("tsd.storage.flush_interval", "50"), ("tsd.http.request.enable_chunked", "true")]);
    let server = Server::start(&engine, &settings);
    let ours = &mut server.client();
    make_trees(ours, false);
    let name = "\"quoted\" \\ tab\t bell\u{7} escape\u{1b} é €";
    ours.tell("/api/tree", &json!({"treeId": 1, "notes": name}));
    put_three(ours);
    until("the leaf", || leaves(ours, 1, &["lga", "web01"]) == ["cpu", "mem"]);
    let real = RealTsd::start(prefix, &settings);
    let theirs = &mut real.client();
    for path in ["/api/tree", "/api/tree?treeid=1", "/api/tree/rule?treeid=2&level=1&order=0", "/api/tree/branch?treeid=1"] {
        assert_eq!(theirs.ask(path), ours.ask(path), "{path}");
    }
    // They change what we wrote, we change what they wrote.
    theirs.tell("/api/tree", &json!({"treeId": 1, "description": "theirs"}));
    // The Java TSD compares stored rules with its own text of them, whose order of keys changes from run to run: then it
    // can edit nobody's rules, those of another Java TSD neither.
    let rule = "/api/tree/rule?treeid=1&level=2&order=0";
    let same_order = theirs.get(rule).unwrap().text() == ours.get(rule).unwrap().text();
    let edit = json!({"treeId": 1, "level": 2, "order": 0, "notes": name});
    let edited = theirs.post("/api/tree/rule", &edit.to_string()).unwrap().status;
    assert_eq!(edited, if same_order { 200 } else { 500 });
    ours.tell("/api/tree", &json!({"treeId": 1, "name": "ours"}));
    ours.tell("/api/tree/rule", &json!({"treeId": 1, "level": 2, "order": 0, "description": "ours"}));
    let tree = ours.ask("/api/tree?treeid=1").1;
    assert_eq!((&tree["name"], &tree["description"], &tree["notes"]), (&json!("ours"), &json!("theirs"), &json!(name)));
    assert_eq!(tree, theirs.ask("/api/tree?treeid=1").1);
    assert_eq!(tree["rules"]["2"]["0"]["notes"], json!(if same_order { name } else { "" }));
    // A new series by them, beside ours on one branch.
    put(theirs, "disk", json!({"dc": "lga", "host": "web01"}));
    until("their leaf", || leaves(ours, 1, &["lga", "web01"]) == ["cpu", "disk", "mem"]);
    until("their list", || leaves(theirs, 1, &["lga", "web01"]) == ["cpu", "disk", "mem"]);
}
