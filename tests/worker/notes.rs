//! The worker's notes on series, and people who write at the same second: their words stay.

use super::support::real::{RealTsd, create_tables};
use super::support::server::{Engine, Server};
use serde_json::{Value, json as object};
use std::sync::Arc;
use tsdb::config::Settings;
use tsdb::meta::annotation::Draft;
use tsdb::point::json;
use tsdb::tsd::Tsd;
use tsdb::worker::house::{House, OwnNote, Remote, Tables};

const TSUID: &str = "000001000001000001";
const BEGUN: i64 = 1_500_000_000;

/// What stands at a second: description, long text, end. `None`: nothing.
type Read<'a> = &'a dyn Fn(i64) -> Option<(String, String, i64)>;
/// Somebody writes at a second: further fields of the note's JSON.
type Write<'a> = &'a dyn Fn(i64, Value);

fn note(description: &str, end: i64) -> OwnNote {
    OwnNote { tsuid: TSUID.into(), start: BEGUN, end, description: description.into(), incident: "i-1".into() }
}

/// A person's note at the very second of the worker's had the worker's mark still in it, and the end of the incident was written
/// over the person's words.
fn a_persons_words_stay(house: &dyn House, write: Write<'_>, read: Read<'_>) {
    let at = |start: i64| read(start).unwrap_or_default();
    let text = |text: &str, end: i64| (text.to_string(), String::new(), end);
    assert_eq!(house.note(&note("r critical", 0)), Ok(BEGUN));
    // Nobody wrote: what is told again stands once, and what changes is changed there.
    assert_eq!(house.note(&note("r critical", 0)), Ok(BEGUN));
    assert_eq!(house.note(&note("r critical, worse", 0)), Ok(BEGUN));
    assert_eq!(at(BEGUN), text("r critical, worse", 0));
    write(BEGUN, object!({"description": "we moved the rack"}));
    assert_eq!(house.note(&note("r over", BEGUN + 60)), Ok(BEGUN + 1));
    assert_eq!((at(BEGUN), at(BEGUN + 1)), (text("we moved the rack", 0), text("r over", BEGUN + 60)));
    // The end once more, and a person who adds a long text to ours.
    assert_eq!(house.note(&note("r over", BEGUN + 60)), Ok(BEGUN + 1));
    write(BEGUN + 1, object!({"notes": "the rack again"}));
    assert_eq!(house.note(&note("r over", BEGUN + 90)), Ok(BEGUN + 2));
    assert_eq!((at(BEGUN), at(BEGUN + 2)), (text("we moved the rack", 0), text("r over", BEGUN + 90)));
    assert_eq!(at(BEGUN + 1), ("r over".to_string(), "the rack again".to_string(), BEGUN + 60));
    // One who adds a field of their own.
    write(BEGUN + 2, object!({"custom": {"tsdb.worker": "i-1", "ticket": "7"}}));
    assert_eq!(house.note(&note("r over", BEGUN + 95)), Ok(BEGUN + 3));
    assert_eq!(at(BEGUN + 2), text("r over", BEGUN + 90));
    // A note of another incident is no more ours to change.
    assert_eq!(house.note(&OwnNote { incident: "i-2".into(), ..note("r critical", 0) }), Ok(BEGUN + 4));
    assert_eq!(at(BEGUN + 3), text("r over", BEGUN + 95));
}

fn shown(note: &Value) -> (String, String, i64) {
    let text = |key: &str| note[key].as_str().unwrap_or_default().to_string();
    (text("description"), text("notes"), note["endTime"].as_i64().unwrap_or_default())
}

fn over_http(client: &dyn Fn() -> super::support::http::Client, url: &str) {
    let write = |start: i64, mut fields: Value| {
        fields["tsuid"] = TSUID.into();
        fields["startTime"] = start.into();
        let r = client().post("/api/annotation", &fields.to_string()).unwrap();
        assert_eq!(r.status, 200, "{}", r.text());
    };
    let read = |start: i64| {
        let r = client().get(&format!("/api/annotation?tsuid={TSUID}&start_time={start}")).unwrap();
        (r.status == 200).then(|| shown(&serde_json::from_slice(&r.body).unwrap()))
    };
    a_persons_words_stay(&Remote::new(url), &write, &read);
}

/// A series whose ids are those of `TSUID`.
const POINT: &str = r#"{"metric": "m", "timestamp": 1500000000, "value": 1, "tags": {"host": "a"}}"#;

#[test]
fn a_persons_note_at_the_second_of_the_workers_stays_in_the_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store").display().to_string();
    let tsd = Arc::new(Tsd::open(Settings { storage_embedded_path: path, ..Settings::default() }).unwrap());
    let write = |start: i64, mut fields: Value| {
        fields["tsuid"] = TSUID.into();
        fields["startTime"] = start.into();
        let mut draft = Draft::default();
        for (key, value) in json::parse(fields.to_string().as_bytes()).unwrap().object("a note").unwrap() {
            draft.set(&key, value).unwrap();
        }
        tsd.annotations.put(&draft, false).unwrap();
    };
    let read = |start: i64| {
        let note = tsd.annotations.get(TSUID, start).unwrap()?;
        Some((note.description.unwrap_or_default(), note.notes.unwrap_or_default(), note.end))
    };
    a_persons_words_stay(&Tables::new(tsd.clone()), &write, &read);
    tsd.writer.shutdown().unwrap();
}

#[test]
fn a_persons_note_at_the_second_of_the_workers_stays_over_http() {
    let server = Server::start(&Engine::Embedded, &[("tsd.core.auto_create_metrics", "true")]);
    assert_eq!(server.client().post("/api/put", POINT).unwrap().status, 204);
    over_http(&|| server.client(), &format!("http://{}", server.addr));
}

#[test]
fn a_persons_note_at_the_second_of_the_workers_stays_in_a_real_opentsdb() {
    let engine = Engine::fresh_hbase("notes");
    let Engine::Hbase { prefix } = &engine else { panic!("not HBase") };
    create_tables(prefix);
    let real = RealTsd::start(prefix, &[]);
    assert_eq!(real.client().post("/api/put", POINT).unwrap().status, 204);
    over_http(&|| real.client(), &format!("http://{}", real.addr));
}
