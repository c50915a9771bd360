//! Settings that change answers or send points elsewhere, at the binary.
//!
//! `cargo test --test switches` needs the binary only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use support::server::{Engine, Server};

fn server(settings: &[(&str, &str)]) -> Server {
    let mut all = vec![("tsd.core.auto_create_metrics", "true")];
    all.extend(settings);
    Server::start(&Engine::Embedded, &all)
}

#[test]
fn nan_is_written_as_clients_can_read_it() {
    let path = "/api/query?start=1400000000&end=1400000010&m=sum:5s-avg-nan:m";
    for (setting, want) in [("string", r#""1400000005":"NaN""#), ("null", r#""1400000005":null"#)] {
        let server = server(&[("tsd.http.query.nan", setting)]);
        let mut client = server.client();
        let points = r#"[{"metric":"m","timestamp":1400000001,"value":1,"tags":{"a":"b"}},{"metric":"m","timestamp":1400000010,"value":2,"tags":{"a":"b"}}]"#;
        assert_eq!(client.post("/api/put", points).unwrap().status, 204);
        let text = client.get(path).unwrap().text();
        assert!(text.contains(want), "{setting}: {text}");
    }
}

#[test]
fn every_point_histogram_and_annotation_is_published_as_a_line_of_json() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", receiver.local_addr().unwrap());
    let decoders = r#"{"net.opentsdb.core.SimpleHistogramDecoder": 42}"#;
    let settings = [("tsd.rtpublisher.enable", "true"), ("tsd.rtpublisher.address", &address), ("tsd.core.histograms.config", decoders)];
    let server = server(&settings);
    let point = r#"{"metric":"m","timestamp":1400000001,"value":1.25,"tags":{"a":"b"}}"#;
    assert_eq!(server.client().post("/api/put", point).unwrap().status, 204);
    let (stream, _) = receiver.accept().unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert_eq!(
        lines.next().unwrap(),
        r#"{"timestamp":1400000001000,"value":1.25,"metric":"m","tags":{"a":"b"},"tsuid":"000001000001000001"}"#
    );
    // What was changed comes as it is now; what was deleted, or not changed, does not come.
    let mut client = server.client();
    for (method, body, status) in [
        ("POST", r#"{"startTime":1400000000,"tsuid":"000001000001000001","description":"d"}"#, 200),
        ("POST", r#"{"startTime":1400000000,"tsuid":"000001000001000001","notes":"n"}"#, 200),
        ("POST", r#"{"startTime":1400000000,"tsuid":"000001000001000001"}"#, 304),
        ("DELETE", r#"{"startTime":1400000000,"tsuid":"000001000001000001"}"#, 204),
    ] {
        assert_eq!(client.request(method, "/api/annotation", &[], Some(body.as_bytes())).unwrap().status, status, "{body}");
    }
    let global = r#"[{"startTime":1400000007,"description":"g"}]"#;
    assert_eq!(client.post("/api/annotation/bulk", global).unwrap().status, 200);
    for want in [
        r#"{"type":"annotation","tsuid":"000001000001000001","description":"d","notes":"","startTime":1400000000,"endTime":0}"#,
        r#"{"type":"annotation","tsuid":"000001000001000001","description":"d","notes":"n","startTime":1400000000,"endTime":0}"#,
        r#"{"type":"annotation","tsuid":"","description":"g","notes":"","startTime":1400000007,"endTime":0}"#,
    ] {
        assert_eq!(lines.next().unwrap(), want);
    }
    // A histogram's line is a body of `/api/histogram`.
    let histogram = r#"{"metric":"h","timestamp":1400000002,"tags":{"a":"b"},"overflow":3,"buckets":{"1.75,3.5":16,"0,1.75":12}}"#;
    assert_eq!(client.post("/api/histogram", histogram).unwrap().status, 204);
    let line = lines.next().unwrap();
    let counts = r#""id":42,"underflow":0,"overflow":3,"buckets":{"0.0,1.75":12,"1.75,3.5":16}"#;
    let names = r#""metric":"h","tags":{"a":"b"},"tsuid":"000002000001000001""#;
    assert_eq!(line, format!(r#"{{"type":"histogram","timestamp":1400000002000,{counts},{names}}}"#));
    assert_eq!(client.post("/api/histogram", &line).unwrap().status, 204);
    assert_eq!(lines.next().unwrap(), line);
}

#[test]
fn a_publisher_without_a_receiver_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("tsd.conf");
    std::fs::write(&conf, "tsd.network.port = 0\ntsd.rtpublisher.enable = true\ntsd.rtpublisher.plugin = a.B\n").unwrap();
    let done = std::process::Command::new(support::server::binary())
        .args(["tsd", &format!("--config={}", conf.display())])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && text.contains("tsd.rtpublisher.address is not set"), "{text}");
}

#[test]
fn the_last_lines_of_the_log_are_shown_and_its_level_stays() {
    let server = server(&[("tsd.http.header_tag", "")]);
    let mut client = server.client();
    let lines: Vec<String> = serde_json::from_slice(&client.get("/logs?json").unwrap().body).unwrap();
    let ready = lines.iter().find(|line| line.contains("ready on ")).unwrap();
    let fields: Vec<&str> = ready.split('\t').collect();
    assert!(fields.len() == 5 && fields[0].parse::<u64>().is_ok() && fields[1] == "INFO", "{lines:?}");
    let text = client.get("/logs").unwrap();
    assert!(text.header("content-type") == Some("text/plain") && text.text().lines().any(|line| *line == lines[0]));
    assert_eq!(client.get("/logs?level=DEBUG").unwrap().status, 400);
}

#[test]
fn a_request_header_tags_the_points_of_its_body() {
    let server = server(&[("tsd.http.header_tag", "X-CustomTag")]);
    let mut client = server.client();
    let put = |client: &mut support::http::Client, header: &str, tags: &str| {
        let body = format!(r#"{{"metric":"m","timestamp":1400000001,"value":1,"tags":{tags}}}"#);
        let headers = [("x-customtag".to_string(), header.to_string()), ("Content-Type".to_string(), "application/json".to_string())];
        let answer = client.request("POST", "/api/put?details", &headers, Some(body.as_bytes())).unwrap();
        (answer.status, answer.text())
    };
    assert_eq!(put(&mut client, "dc=lga", r#"{"a":"b"}"#).0, 200);
    assert_eq!(put(&mut client, "", r#"{"a":"c"}"#).0, 200);
    // The original fails the whole request with 500.
    let (status, text) = put(&mut client, "lga", r#"{"a":"b"}"#);
    assert!(status == 400 && text.contains("invalid tag: lga"), "{status} {text}");
    let (status, text) = put(&mut client, "a=x", r#"{"a":"b"}"#);
    assert!(status == 400 && text.contains("duplicate tag: a=x"), "{status} {text}");
    let text = client.get("/api/query?start=1400000000&end=1400000010&m=sum:m%7Ba=*%7D").unwrap().text();
    assert!(text.contains(r#""tags":{"a":"b","dc":"lga"}"#) && text.contains(r#""tags":{"a":"c"}"#), "{text}");
}
