//! The built-in search, which OpenTSDB leaves to plug-ins.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::Value;
use support::server::{Engine, Server, until};

/// The answer to a search.
fn search(server: &Server, what: &str) -> Value {
    let r = server.client().get(&format!("/api/search/{what}")).unwrap();
    assert_eq!(r.status, 200, "{what}: {}", r.text());
    serde_json::from_slice(&r.body).unwrap()
}

/// A member of each result.
fn members(answer: &Value, name: &str) -> Vec<String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_string);
    let mut all: Vec<String> =
        answer["results"].as_array().unwrap().iter().map(|r| text(if name.is_empty() { r } else { &r[name] })).collect();
    all.sort();
    all
}

fn searches(engine: &Engine) {
    let on = |key: &'static str| (key, "true");
    let server = Server::start(
        engine,
        &[
            on("tsd.core.auto_create_metrics"),
            on("tsd.core.meta.enable_realtime_uid"),
            on("tsd.core.meta.enable_realtime_ts"),
            on("tsd.core.meta.enable_tsuid_tracking"),
        ],
    );
    let body = r#"[{"metric":"sys.cpu","timestamp":1400000000,"value":1,"tags":{"host":"web01","dc":"lga"}},
        {"metric":"sys.cpu","timestamp":1400000000,"value":1,"tags":{"host":"web02","dc":"lga"}},
        {"metric":"sys.mem","timestamp":1400000000,"value":1,"tags":{"host":"web01"}}]"#;
    assert_eq!(server.client().post("/api/put?sync", body).unwrap().status, 204);
    let note = r#"{"startTime":1400000100,"tsuid":"000001000001000001000002000002","description":"New release","custom":{"owner":"ops"}}"#;
    assert_eq!(server.client().post("/api/annotation", note).unwrap().status, 200);
    // Meta data is written behind the put, names beside series.
    until("meta data of the series", || search(&server, "tsmeta?query=*")["totalResults"] == 3);
    until("meta data of the names", || search(&server, "uidmeta?query=*")["totalResults"] == 7);
    until("the index of series", || search(&server, "tsuids?query=*")["totalResults"] == 3);
    let ids = ["000001000001000001000002000002", "000001000001000003000002000002"];
    assert_eq!(members(&search(&server, "tsuids?query=metric:sys.cpu"), ""), ids);
    assert_eq!(members(&search(&server, "tsuids?query=sys.*+tagv:web01"), ""), [ids[0], "000002000001000001"]);
    assert_eq!(members(&search(&server, "tsmeta_summary?query=tags.dc:LGA+-web02"), "tsuid"), [ids[0]]);
    let full = search(&server, "tsmeta?query=web02");
    assert_eq!((&full["type"], &full["results"][0]["metric"]["name"]), (&Value::from("TSMETA"), &Value::from("sys.cpu")));
    assert_eq!(members(&search(&server, "uidmeta?query=type:tagv"), "name"), ["lga", "web01", "web02"]);
    assert_eq!(members(&search(&server, "annotation?query=release"), "description"), ["New release"]);
    assert_eq!(members(&search(&server, &format!("annotation?query=custom.owner:ops+tsuid:{}", ids[0])), "tsuid"), [ids[0]]);
    assert_eq!(members(&search(&server, "annotation?query=nothing"), "tsuid"), [""; 0]);
    let page = search(&server, "uidmeta?query=*&limit=2&start_index=1");
    assert_eq!((members(&page, "name").len(), &page["totalResults"], &page["startIndex"]), (2, &Value::from(7), &Value::from(1)));
    let posted = server.client().post("/api/search/tsuids", r#"{"query":"sys.mem","limit":5}"#).unwrap();
    assert!(posted.text().contains("000002000001000001"), "{}", posted.text());
    for (bad, why) in [("tsmeta", "Missing parameter"), ("tsmeta?query=a+OR+b", "'OR'"), ("tsmeta?query=*&limit=x", "'limit'")] {
        let r = server.client().get(&format!("/api/search/{bad}")).unwrap();
        assert!(r.status == 400 && r.text().contains(why), "{bad}: {}", r.text());
    }
}

#[test]
fn embedded_searches() {
    searches(&Engine::Embedded);
}

#[test]
fn hbase_searches() {
    searches(&Engine::fresh_hbase("search"));
}
