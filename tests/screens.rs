//! `/api/ui/screens`: making, changing, copying and deleting screens on both engines, and everything that is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use support::http::Client;
use support::server::{Engine, Server};

const PATH: &str = "/api/ui/screens";

struct Pages(Client);

impl Pages {
    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let headers: Vec<(String, String)> = headers.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let answer = self.0.request(method, path, &headers, (!body.is_empty()).then_some(body.as_bytes())).unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    fn call(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send(method, path, &[], &if body.is_null() { String::new() } else { body.to_string() })
    }

    fn made(&mut self, screen: &Value) -> String {
        let (status, answer) = self.call("POST", PATH, screen.clone());
        assert_eq!((status, &answer["version"]), (200, &json!(1)), "{answer}");
        format!("{PATH}/{}", answer["id"].as_str().unwrap())
    }

    fn refused(&mut self, method: &str, path: &str, body: Value, status: u16, words: &str) {
        let (got, answer) = self.call(method, path, body);
        assert_eq!(got, status, "{answer}");
        let text = format!("{} {}", answer["error"]["message"].as_str().unwrap(), answer["error"]["details"].as_str().unwrap_or_default());
        assert!(text.contains(words), "{words}: {text}");
        assert_eq!(answer["error"]["code"], status);
    }
}

fn screen(name: &str) -> Value {
    json!({"name": name, "folder": "Tests", "columns": 2, "panels": [{"kind": "line", "queries": [{"m": "sum:sys.cpu{host=*}"}]}]})
}

/// Stands for nobody's page: names are text, whatever is in them.
const EVIL: &str = "<img src=x onerror=alert(1)> \" ' \u{202E} \n &";

fn start(engine: &Engine, settings: &[(&str, &str)]) -> (Server, Pages) {
    let mut all = vec![("tsd.http.show_stack_trace", "false")];
    all.extend(settings);
    let server = Server::start(engine, &all);
    let pages = Pages(server.client());
    (server, pages)
}

fn lives(engine: &Engine) {
    let (mut server, mut pages) = start(engine, &[]);
    assert_eq!(pages.call("GET", PATH, Value::Null), (200, json!([])));
    let first = pages.made(&screen("Web servers"));
    assert!(first.starts_with("/api/ui/screens/web-servers-"), "{first}");
    let evil = pages.made(&screen(EVIL));
    let (status, got) = pages.call("GET", &evil, Value::Null);
    assert_eq!((status, got["name"].as_str().unwrap()), (200, EVIL));

    // A change names the version that it was made to.
    let (_, mut got) = pages.call("GET", &first, Value::Null);
    assert_eq!((&got["version"], &got["panels"], &got["folder"]), (&json!(1), &screen("")["panels"], &json!("Tests")));
    got["name"] = json!("Database");
    let (status, answer) = pages.call("PUT", &first, got.clone());
    assert_eq!((status, &answer["version"]), (200, &json!(2)), "{answer}");
    pages.refused("PUT", &first, got.clone(), 409, "it is at version 2, the change was made to 1");
    let mut blind = screen("x");
    pages.refused("PUT", &first, blind.clone(), 400, "version: must be there");
    blind["version"] = json!(3);
    pages.refused("PUT", &first, blind.clone(), 409, "it is at version 2");
    pages.refused("PUT", &format!("{PATH}/nobody"), blind.clone(), 404, "no screen \"nobody\"");
    // Version 0 makes one under an id of the caller's choice, once.
    blind["version"] = json!(0);
    assert_eq!(pages.call("PUT", &format!("{PATH}/given-id"), blind.clone()).0, 200);
    pages.refused("PUT", &format!("{PATH}/given-id"), blind, 409, "it is at version 1");

    // A copy has everything but the name.
    let (status, copy) = pages.call("POST", &format!("{first}/clone"), Value::Null);
    assert_eq!(status, 200, "{copy}");
    let copied = format!("{PATH}/{}", copy["id"].as_str().unwrap());
    let (_, got) = pages.call("GET", &copied, Value::Null);
    assert_eq!((&got["name"], &got["version"], &got["panels"]), (&json!("Copy of Database"), &json!(1), &screen("")["panels"]));
    let (_, named) = pages.call("POST", &format!("{first}/clone"), json!({"name": "Named", "folder": ""}));
    assert!(named["id"].as_str().unwrap().starts_with("named-"), "{named}");
    pages.refused("POST", &format!("{first}/clone"), json!({"panels": []}), 400, "can be given a name and a folder");
    pages.refused("POST", &format!("{first}/clone"), json!({"name": ""}), 400, "a screen must have one");

    // The list is by folder and name, and survives the TSD.
    server.stop();
    server.restart();
    let mut pages = Pages(server.client());
    let (_, list) = pages.call("GET", PATH, Value::Null);
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Named", EVIL, "Copy of Database", "Database", "x"]);
    let database = &list[3];
    assert_eq!((&database["folder"], &database["panels"], &database["version"]), (&json!("Tests"), &json!(1), &json!(2)));
    assert!(database["updated"].as_i64().unwrap() > 1_400_000_000_000);

    pages.refused("DELETE", &format!("{first}?version=1"), Value::Null, 409, "it is at version 2");
    assert_eq!(pages.call("DELETE", &format!("{first}?version=2"), Value::Null), (204, Value::Null));
    assert_eq!(pages.call("DELETE", &copied, Value::Null).0, 204);
    pages.refused("GET", &first, Value::Null, 404, "There is no screen");
    pages.refused("DELETE", &first, Value::Null, 404, "There is no screen");
    assert_eq!(pages.call("GET", PATH, Value::Null).1.as_array().unwrap().len(), 3);
}

/// Of many who save the same version one wins, and the others are told.
fn one_of_many_saves(engine: &Engine) {
    let (server, mut pages) = start(engine, &[]);
    let path = pages.made(&screen("Contended"));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (server, path) = (&server, &path);
                scope.spawn(move || {
                    let mut change = screen(&format!("by {n}"));
                    change["version"] = json!(1);
                    Pages(server.client()).call("PUT", path, change).0
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
    assert_eq!(pages.call("GET", &path, Value::Null).1["version"], 2);
}

#[test]
fn embedded() {
    lives(&Engine::Embedded);
    one_of_many_saves(&Engine::Embedded);
}

#[test]
fn hbase() {
    lives(&Engine::fresh_hbase("screens"));
    one_of_many_saves(&Engine::fresh_hbase("screens"));
}

#[test]
fn what_is_no_screen_is_refused() {
    let (_server, mut pages) = start(&Engine::Embedded, &[]);
    pages.refused("POST", PATH, json!([]), 400, "not a JSON object");
    pages.refused("POST", PATH, json!({"panels": []}), 400, "name: must be there");
    pages.refused("POST", PATH, json!({"name": "n", "panels": [{"kind": "gauge"}]}), 400, "panels[0].kind: must be one of line, area");
    pages.refused("POST", PATH, json!({"name": "n", "panels": [], "onload": "x"}), 400, "onload: no such member");
    pages.refused("POST", PATH, json!({"name": "n", "panels": [], "version": -1}), 400, "version: must be a whole number");
    pages.refused("POST", PATH, Value::Null, 400, "Missing message content");
    let (status, answer) = pages.send("POST", PATH, &[], "{\"name\":");
    assert_eq!((status, answer["error"]["message"].as_str().unwrap()), (400, "The body is not a JSON object"));
    let (status, answer) = pages.send("POST", PATH, &[], &"[".repeat(5000));
    assert_eq!(status, 400, "{answer}");
    // Above what OpenTSDB takes without enable_chunked, and a whole screen all the same.
    let text = json!({"kind": "text", "text": "x".repeat(20_000)});
    pages.made(&json!({"name": "large", "panels": vec![text.clone(); 10]}));
    pages.refused("POST", PATH, json!({"name": "large", "panels": vec![text; 20]}), 413, "SCREEN_BYTES_MAX");
    pages.refused("GET", &format!("{PATH}/a_b"), Value::Null, 400, "letters, digits and hyphens");
    pages.refused("GET", &format!("{PATH}/{}", "x".repeat(65)), Value::Null, 400, "1 to 64");
    pages.refused("GET", &format!("{PATH}/a/b"), Value::Null, 404, "no such endpoint");
    pages.refused("POST", &format!("{PATH}/a/clone"), Value::Null, 404, "There is no screen");
    pages.refused("PATCH", PATH, Value::Null, 405, "Method not allowed");
    assert_eq!(pages.call("GET", PATH, Value::Null).1.as_array().unwrap().len(), 1);
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let (server, mut pages) = start(&Engine::Embedded, &[]);
    let own = format!("http://{}", server.addr);
    let body = screen("n").to_string();
    let mut check = |method: &str, path: &str, headers: &[(&str, &str)], want: u16| {
        let (status, answer) = pages.send(method, path, headers, if method == "GET" { "" } else { &body });
        assert_eq!(status, want, "{headers:?} {answer}");
    };
    check("POST", PATH, &[("Origin", "http://evil.example.com")], 403);
    check("POST", PATH, &[("Origin", "null")], 403);
    check("POST", PATH, &[("Origin", "http://127.0.0.1:1")], 403);
    check("POST", PATH, &[("Sec-Fetch-Site", "cross-site")], 403);
    check("POST", PATH, &[("Sec-Fetch-Site", "same-site"), ("Origin", &own)], 403);
    check("DELETE", &format!("{PATH}/x"), &[("Origin", "http://evil.example.com")], 403);
    check("PUT", &format!("{PATH}/x"), &[("Origin", "http://evil.example.com")], 403);
    check("POST", &format!("{PATH}/x/clone"), &[("Origin", "http://evil.example.com")], 403);
    check("POST", PATH, &[("Origin", &own)], 200);
    check("POST", PATH, &[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://behind.a.proxy")], 200);
    check("POST", PATH, &[("Sec-Fetch-Site", "none")], 200);
    // A link cannot stand for another method.
    let path = pages.made(&screen("kept"));
    assert_eq!(pages.call("GET", &format!("{path}?method_override=DELETE"), Value::Null).0, 200);
    assert_eq!(pages.call("GET", &path, Value::Null).0, 200);
}

#[test]
fn a_reading_tsd_shows_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(dir.path(), &Engine::Embedded, &[], &[]);
    let path = Pages(server.client()).made(&screen("n"));
    server.stop();
    let server = Server::start_in(dir.path(), &Engine::Embedded, &[("tsd.mode", "ro"), ("tsd.http.show_stack_trace", "false")], &[]);
    let mut pages = Pages(server.client());
    assert_eq!(pages.call("GET", PATH, Value::Null).1.as_array().unwrap().len(), 1);
    assert_eq!(pages.call("GET", &path, Value::Null).1["name"], "n");
    pages.refused("POST", PATH, screen("m"), 403, "tsd.mode = ro");
    pages.refused("PUT", &path, screen("m"), 403, "takes no changes");
    pages.refused("DELETE", &path, Value::Null, 403, "takes no changes");
}

/// On HBase without the fifth table everything else works, and this says what to do.
#[test]
fn without_the_table_the_command_is_named() {
    let engine = Engine::fresh_hbase("screensnone");
    let settings = [("tsd.core.auto_create_metrics", "true"), ("tsd.http.show_stack_trace", "false")];
    let (mut server, mut pages) = start(&engine, &settings);
    assert_eq!(pages.call("GET", PATH, Value::Null), (200, json!([])));
    server.stop();
    let missing = [settings[0], settings[1], ("tsd.storage.worker.table", "screens-is-not-there")];
    support::server::write_config(server.dir(), &engine, &missing);
    server.restart();
    let mut pages = Pages(server.client());
    let put = json!({"metric": "a.b", "timestamp": 1_400_000_000, "value": 1, "tags": {"h": "a"}});
    assert_eq!(server.client().post("/api/put?sync", &put.to_string()).unwrap().status, 204);
    for (method, path, body) in
        [("GET", PATH.to_owned(), Value::Null), ("POST", PATH.to_owned(), screen("n")), ("GET", format!("{PATH}/a"), Value::Null)]
    {
        pages.refused(method, &path, body, 503, "no table screens-is-not-there");
    }
}
