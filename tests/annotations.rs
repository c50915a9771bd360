//! Annotations beside points: they stay whole while points are packed, compacted and checked, and a damaged one hurts nothing
//! but itself. The recorded answers are `tests/conformance.rs`'s.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use support::server::{Engine, Server};
use support::tables::{dump, fill};

const T: i64 = 1_400_000_000;
const SERIES: &str = "000001000001000001";

fn settings(cells: &str) -> Vec<(&'static str, String)> {
    [
        ("tsd.core.auto_create_metrics", "true"),
        ("tsd.storage.flush_interval", "50"),
        ("tsd.storage.cells", cells),
        ("tsd.http.show_stack_trace", "false"),
    ]
    .map(|(k, v)| (k, v.to_string()))
    .to_vec()
}

fn start(dir: &std::path::Path, engine: &Engine, cells: &str) -> Server {
    let settings = settings(cells);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    Server::start_in(dir, engine, &settings, &[])
}

fn put(server: &Server, from: i64, count: i64) {
    let points: Vec<Value> =
        (0..count).map(|i| json!({"metric": "n.m", "timestamp": T + from + i, "value": from + i, "tags": {"host": "a"}})).collect();
    let r = server.client().post("/api/put?sync", &Value::Array(points).to_string()).unwrap();
    assert_eq!(r.status, 204, "{}", r.text());
}

fn note(server: &Server, body: &Value) -> (u16, String) {
    let r = server.client().post("/api/annotation", &body.to_string()).unwrap();
    (r.status, r.text())
}

fn get(server: &Server, path: &str) -> (u16, Value) {
    let r = server.client().get(path).unwrap();
    (r.status, serde_json::from_slice(&r.body).unwrap_or(Value::Null))
}

fn query(server: &Server) -> Value {
    let (status, answer) = get(server, &format!("/api/query?start={T}&end={}&m=sum:n.m&global_annotations", T + 3_000));
    assert_eq!(status, 200, "{answer}");
    answer
}

fn texts(notes: &Value) -> Vec<&str> {
    notes.as_array().into_iter().flatten().filter_map(|n| n["description"].as_str()).collect()
}

/// Notes come between points, in rows that are flushed again and again; then the server is killed and started anew.
fn notes_live_beside_points(engine: &Engine, cells: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(dir.path(), engine, cells);
    for round in 0..4 {
        put(&server, round * 100, 100);
        let at = T + round * 100 + 7;
        assert_eq!(note(&server, &json!({"startTime": at, "tsuid": SERIES, "description": format!("n{round}")})).0, 200);
        assert_eq!(note(&server, &json!({"startTime": at * 1000 + 5, "tsuid": SERIES, "description": format!("m{round}")})).0, 200);
        assert_eq!(note(&server, &json!({"startTime": at, "description": format!("g{round}")})).0, 200);
        put(&server, round * 100 + 50, 20); // rewritten in place
    }
    let check = |server: &Server| {
        let answer = query(server);
        let one = &answer[0];
        assert_eq!(one["dps"].as_object().unwrap().len(), 400);
        assert_eq!(texts(&one["annotations"]), ["n0", "n1", "n2", "n3", "m0", "m1", "m2", "m3"]);
        assert_eq!(texts(&one["globalAnnotations"]), ["g0", "g1", "g2", "g3"]);
        assert_eq!(one["dps"][(T + 399).to_string()], 399);
    };
    check(&server);
    server.kill();
    server.restart();
    check(&server);
    let r = server.client().request("DELETE", &format!("/api/annotation/bulk?start_time={T}&global&tsuids={SERIES}"), &[], None).unwrap();
    let deleted: Value = serde_json::from_slice(&r.body).unwrap();
    assert_eq!((r.status, &deleted["totalDeleted"]), (200, &json!(12)));
    let answer = query(&server);
    assert_eq!(answer[0]["dps"].as_object().unwrap().len(), 400);
    assert_eq!((&answer[0]["annotations"], &answer[0]["globalAnnotations"]), (&Value::Null, &Value::Null));
}

#[test]
fn embedded_notes_live_beside_packed_points() {
    notes_live_beside_points(&Engine::Embedded, "packed");
}

#[test]
fn embedded_notes_live_beside_single_points() {
    notes_live_beside_points(&Engine::Embedded, "single");
}

#[test]
fn hbase_notes_live_beside_packed_points() {
    notes_live_beside_points(&Engine::fresh_hbase("notes"), "packed");
}

/// Text that is no note stands in the cells of two notes: of a series and a global one.
fn damage_stays_where_it_is(engine: &Engine) {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(dir.path(), engine, "single");
    put(&server, 0, 10);
    for body in [json!({"startTime": T, "tsuid": SERIES, "description": "whole"}), json!({"startTime": T, "description": "whole"})] {
        assert_eq!(note(&server, &body).0, 200);
    }
    server.stop();
    let rows = dump(engine, dir.path(), "tsdb").into_iter().filter(|c| c.qualifier == [1, 0x0c, 0x80]);
    let damaged = rows.map(|c| (c.row, "t".to_string(), vec![1, 0x0c, 0x81], b"no note".to_vec())).collect();
    fill(engine, dir.path(), "tsdb", damaged);
    server.restart();
    let answer = query(&server);
    assert_eq!(answer[0]["dps"].as_object().unwrap().len(), 10);
    assert_eq!((texts(&answer[0]["annotations"]), texts(&answer[0]["globalAnnotations"])), (vec!["whole"], vec!["whole"]));
    let (status, list) = get(&server, &format!("/api/annotations?start_time={T}&end_time={}", T + 10));
    assert_eq!((status, texts(&list)), (200, vec!["whole"]));
    let place = format!("/api/annotation?start_time={}&tsuid={SERIES}", T + 1);
    let (status, error) = get(&server, &place);
    let message = error["error"]["message"].as_str().unwrap();
    assert_eq!(status, 500);
    assert!(message.starts_with("The annotation in row 00000153724180000001000001, column 010C81 cannot be read: "), "{message}");
    let change = json!({"startTime": T + 1, "tsuid": SERIES, "description": "new"});
    assert_eq!(note(&server, &change).0, 500, "what cannot be read cannot be merged");
    assert_eq!(server.client().request("PUT", "/api/annotation", &[], Some(change.to_string().as_bytes())).unwrap().status, 200);
    assert_eq!(get(&server, &place).1["description"], "new");
}

#[test]
fn embedded_damage_stays_where_it_is() {
    damage_stays_where_it_is(&Engine::Embedded);
}

#[test]
fn hbase_damage_stays_where_it_is() {
    damage_stays_where_it_is(&Engine::fresh_hbase("badnotes"));
}

/// Several clients add fields to one note at once: none is lost.
fn changes_of_one_note_are_merged(engine: &Engine) {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), engine, "single");
    put(&server, 0, 1);
    for round in 0..10 {
        let start = T + 1 + round;
        let bodies = [
            json!({"startTime": start, "tsuid": SERIES, "description": "d"}),
            json!({"startTime": start, "tsuid": SERIES, "notes": "n"}),
            json!({"startTime": start, "tsuid": SERIES, "endTime": 5}),
            json!({"startTime": start, "tsuid": SERIES, "custom": {"a": "b"}}),
        ];
        std::thread::scope(|scope| {
            for body in &bodies {
                scope.spawn(|| assert_eq!(note(&server, body).0, 200));
            }
        });
        let (_, found) = get(&server, &format!("/api/annotation?start_time={start}&tsuid={SERIES}"));
        let want = json!({"tsuid": SERIES, "description": "d", "notes": "n", "custom": {"a": "b"}, "startTime": start, "endTime": 5});
        assert_eq!(found, want);
    }
}

#[test]
fn embedded_changes_of_one_note_are_merged() {
    changes_of_one_note_are_merged(&Engine::Embedded);
}

#[test]
fn hbase_changes_of_one_note_are_merged() {
    changes_of_one_note_are_merged(&Engine::fresh_hbase("mergenotes"));
}
