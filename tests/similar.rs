//! `/api/similar`: series of the same shape, drawings, saved collections.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use support::server::{Engine, Server};

const START: i64 = 1_400_000_400;

fn get(server: &Server, what: &str) -> (u16, Value) {
    server.client().ask(&format!("/api/similar{what}"))
}

fn put(server: &Server, id: &str, body: &Value) -> (u16, Value) {
    let r = server.client().request("PUT", &format!("/api/similar/collections/{id}"), &[], Some(body.to_string().as_bytes())).unwrap();
    (r.status, serde_json::from_slice(&r.body).unwrap_or(Value::Null))
}

/// A value by the minute.
type Shape = fn(i64) -> f64;

/// An hour at 60 s of four series: a step up in the middle, the same a little later and larger, a step down, a flat line.
fn world(engine: &Engine) -> Server {
    let server = Server::start(engine, &[("tsd.core.auto_create_metrics", "true")]);
    let shapes: [(&str, &str, Shape); 4] = [
        ("sys.cpu", "web01", |i| if i < 30 { 1.0 } else { 9.0 }),
        ("sys.load", "web02", |i| if i < 32 { 100.0 } else { 900.5 }),
        ("sys.idle", "web01", |i| if i < 30 { 9.0 } else { 1.0 }),
        ("sys.flat", "web01", |_| 5.0),
    ];
    let point = |m: &str, h: &str, i: i64, v: f64| json!({"metric": m, "timestamp": START + 60 * i, "value": v, "tags": {"host": h}});
    for (metric, host, value) in shapes {
        let points: Vec<Value> = (0..60).map(|i| point(metric, host, i, value(i))).collect();
        assert_eq!(server.client().post("/api/put?sync", &json!(points).to_string()).unwrap().status, 204);
    }
    server
}

fn finds(engine: &Engine) {
    let server = world(engine);
    let window = format!("start={START}&end={}", START + 3600);
    let cpu = "000001000001000001";
    let metrics = |answer: &Value| -> Vec<String> {
        answer["hits"].as_array().unwrap().iter().map(|hit| hit["metric"].as_str().unwrap().to_string()).collect()
    };
    let (status, found) = get(&server, &format!("?tsuid={cpu}&{window}"));
    assert_eq!((status, metrics(&found)), (200, vec!["sys.cpu".to_string(), "sys.load".to_string()]), "{found}");
    assert_eq!(found["hits"][0]["score"], 0.0);
    assert_eq!((&found["query"]["metric"], &found["query"]["tags"]["host"]), (&json!("sys.cpu"), &json!("web01")));
    assert_eq!((found["query"]["values"].as_array().unwrap().len(), &found["index"]["series"]), (60, &json!(4)));
    // Both scorers; a filter; a page; a drawing.
    let (_, euclidian) = get(&server, &format!("?tsuid={cpu}&{window}&method=Euclidian"));
    assert_eq!((euclidian["hits"][1]["score"].as_f64(), &euclidian["method"]), (Some(1250.0), &json!("euclidian")));
    assert_eq!(metrics(&get(&server, &format!("?tsuid={cpu}&{window}&filters=load")).1), ["sys.cpu"]);
    assert_eq!(metrics(&get(&server, &format!("?tsuid={cpu}&{window}&filters=web01")).1), ["sys.load"]);
    assert_eq!(metrics(&get(&server, &format!("?tsuid={cpu}&{window}&max=1&page=2")).1), ["sys.load"]);
    let (_, drawing) = get(&server, &format!("?draw_values=5,5,1,1&{window}"));
    assert_eq!((metrics(&drawing), &drawing["query"]["shape"]), (vec!["sys.idle".to_owned()], &json!("sdec")));
    assert_eq!(get(&server, &format!("?draw_values=5,5&{window}")).1["query"]["shape"], "");
    // Nothing was written: a window whose index is there is searched again.
    assert_eq!(get(&server, &format!("?draw_values=1,2&{window}")).1["index"]["built"], found["index"]["built"]);
    for (what, code, why) in [
        ("?start=1&end=2", 400, "tsuid"),
        ("?tsuid=xyz", 400, "no TSUID"),
        ("?tsuid=000001", 400, "no TSUID"),
        ("?draw_values=1,x", 400, "value 2"),
        ("?draw_values=1,2&slop=-1", 400, "'slop'"),
        ("?draw_values=1,2&start=5&end=4", 400, "start"),
        ("?draw_values=1,2&start=1400000000&end=1500000000", 400, "7 days"),
        ("?tsuid=000001000001000001&start=100000&end=100600", 404, "no points"),
        ("/nothing", 404, "endpoint"),
    ] {
        let (status, answer) = get(&server, what);
        assert!(status == code && answer.to_string().contains(why), "{what}: {status} {answer}");
    }
    collections(&server, &window, cpu);
}

fn collections(server: &Server, window: &str, cpu: &str) {
    assert_eq!(get(server, "/collections"), (200, json!([])));
    let item = json!({"tsuid": cpu, "start": START, "end": START + 3600, "note": "the day it rose"});
    let new = json!({"name": "Rises", "description": "What a deploy does", "items": [item]});
    let (status, put_once) = put(server, "rises", &new);
    assert_eq!(status, 200, "{put_once}");
    // Somebody who has not read it does not replace it.
    assert_eq!(put(server, "rises", &new).0, 409);
    let (_, kept) = get(server, "/collections/rises");
    assert_eq!((kept["items"][0]["values"].as_array().unwrap().len(), &kept["items"][0]["name"]), (60, &json!("sys.cpu{host=web01}")));
    let mut changed = kept.clone();
    changed["description"] = json!("What every deploy does");
    assert_eq!(put(server, "rises", &changed).0, 200);
    assert_eq!(get(server, "/collections").1[0]["description"], "What every deploy does");
    let (_, found) = get(server, &format!("?tsuid={cpu}&{window}"));
    let hit = &found["collections"]["hits"][0];
    assert_eq!((&hit["collection"], &hit["item"], &hit["score"]), (&json!("rises"), &json!(0), &json!(0.0)));
    assert_eq!(put(server, "Not-an-id!", &new).0, 400);
    assert_eq!(put(server, "x", &json!({"name": ""})).0, 400);
    let foreign = [("Sec-Fetch-Site".to_string(), "cross-site".to_string())];
    let delete =
        |headers: &[(String, String)]| server.client().request("DELETE", "/api/similar/collections/rises", headers, None).unwrap().status;
    assert_eq!((delete(&foreign), delete(&[]), delete(&[])), (403, 204, 404));
}

#[test]
fn embedded() {
    finds(&Engine::Embedded);
}

#[test]
fn hbase() {
    finds(&Engine::fresh_hbase("similar"));
}

/// The numbers of `/api/stats` by name and value of their own tag.
fn stat(server: &Server, name: &str, kind: Option<&str>) -> u64 {
    let r = server.client().get("/api/stats").unwrap();
    let all: Value = serde_json::from_slice(&r.body).unwrap();
    let wanted = |line: &&Value| line["metric"] == name && kind.is_none_or(|kind| line["tags"]["type"] == kind);
    let found = all.as_array().unwrap().iter().find(wanted).unwrap_or_else(|| panic!("no {name}"));
    found["value"].as_str().unwrap().parse().unwrap()
}

/// Windows of the present are read by rounds: a search waits for none, and sees new points a round later.
#[test]
fn the_present_is_read_in_the_background() {
    let server = Server::start(&Engine::Embedded, &[("tsd.core.auto_create_metrics", "true"), ("tsd.worker.similar.interval", "2")]);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let rise = |metric: &str| {
        let begin = now() - 600;
        let points: Vec<Value> = (0..60)
            .map(|i| json!({"metric": metric, "timestamp": begin + 10 * i, "value": if i < 30 { 1 } else { 9 }, "tags": {"host": "a"}}))
            .collect();
        assert_eq!(server.client().post("/api/put?sync", &json!(points).to_string()).unwrap().status, 204);
    };
    rise("first");
    // The list of metrics may still be read when the first search comes.
    let series = || get(&server, "?draw_values=1,1,9,9").1["index"]["series"].as_u64();
    let until = |what: &str, is: &dyn Fn() -> bool| {
        let end = std::time::Instant::now() + support::server::PATIENCE;
        while !is() {
            assert!(std::time::Instant::now() < end, "{what} did not come");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    until("the first series", &|| series() == Some(1));
    rise("second");
    until("the second series", &|| series() == Some(2));
    assert!(stat(&server, "tsd.similar.reads", Some("round")) >= 1);
    assert_eq!(stat(&server, "tsd.similar.reads", Some("failed")), 0);
    assert_eq!((stat(&server, "tsd.similar.windows", None), stat(&server, "tsd.similar.series", None)), (1, 2));
    assert!(stat(&server, "tsd.similar.bytes", None) > 0 && stat(&server, "tsd.similar.age_s", None) < 180);
    // Once there is an index of the present, no search reads: what it finds is a round old.
    let asked = stat(&server, "tsd.similar.reads", Some("request"));
    for _ in 0..30 {
        assert_eq!(series(), Some(2));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(stat(&server, "tsd.similar.reads", Some("request")), asked);
    assert!(stat(&server, "tsd.similar.searches", Some("all")) >= 30);
    assert_eq!(stat(&server, "tsd.similar.windows", None), 1, "the older one goes");
}
