//! Hostile and unlucky input at the real binary: a clear error, nothing lost, still serving others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use support::http::gzip;
use support::scenario::Telnet;
use support::server::{Engine, Server};

const AUTO: (&str, &str) = ("tsd.core.auto_create_metrics", "true");

fn server() -> Server {
    Server::start(&Engine::Embedded, &[AUTO])
}

/// The server still takes and returns a point.
fn still_serves(server: &Server) {
    let mut c = server.client();
    let r = c
        .post("/api/put?details", &json!({"metric": "alive", "timestamp": 1400000000, "value": 1, "tags": {"a": "b"}}).to_string())
        .unwrap();
    assert_eq!(r.status, 200, "{}", r.text());
    let r = c.get("/api/query?start=1399999999&end=1400000001&m=sum:alive").unwrap();
    assert_eq!((r.status, r.text().contains("\"1400000000\":1")), (200, true), "{}", r.text());
}

/// Runs a command that should end by itself, whether it succeeded, and its standard error.
fn run_short(args: &[&str], dir: &std::path::Path) -> (bool, String) {
    let out = support::server::run_for(support::server::PATIENCE, args, dir);
    (out.code == Some(0), out.stderr)
}

#[test]
fn a_body_over_the_limit_is_413_and_names_the_limit() {
    let s = Server::start(&Engine::Embedded, &[AUTO, ("tsd.http.request.max_body", "100000")]);
    let r = s.client().post("/api/put", &format!("[{}]", " ".repeat(200_000))).unwrap();
    assert_eq!(r.status, 413, "{}", r.text());
    assert!(r.text().contains("tsd.http.request.max_body"), "{}", r.text());
    still_serves(&s);
}

#[test]
fn a_gzip_bomb_is_refused() {
    let s = server();
    let headers = [("Content-Encoding".to_string(), "gzip".to_string())];
    // One that would stay below the bytes that a body may have, and one that would not.
    for (mib, limit) in [(60, "BODY_RATIO_MAX"), (300, "tsd.http.request.max_inflated")] {
        let bomb = gzip(&vec![b' '; mib << 20]);
        let r = s.client().request("POST", "/api/put", &headers, Some(&bomb)).unwrap();
        assert_eq!(r.status, 413, "{}", r.text());
        assert!(r.text().contains(limit), "{}", r.text());
    }
    still_serves(&s);
}

#[test]
fn json_of_silly_depth_is_refused() {
    let s = server();
    for path in ["/api/put", "/api/query", "/api/suggest", "/api/uid/assign"] {
        let r = s.client().post(path, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).unwrap();
        assert_eq!(r.status, 400, "{path}: {}", r.text());
        let r = s.client().post(path, &"{\"a\":".repeat(100_000)).unwrap();
        assert_eq!(r.status, 400, "{path}: {}", r.text());
    }
    still_serves(&s);
}

#[test]
fn values_that_are_no_numbers_are_refused_and_named() {
    let s = server();
    for value in ["\"NaN\"", "\"Infinity\"", "1e999", "true", "[]", "null", "\"\""] {
        let body = format!("[{{\"metric\":\"m\",\"timestamp\":1400000000,\"value\":{value},\"tags\":{{\"a\":\"b\"}}}}]");
        let r = s.client().post("/api/put?details", &body).unwrap();
        assert_eq!(r.status, 400, "{value}: {}", r.text());
    }
    let mut t = Telnet::open(&s.addr);
    for word in ["NaN", "nan", "Infinity", "-inf", "1e999", "0x1p3"] {
        t.send(format!("put m 1400000000 {word} a=b\n").as_bytes());
        let got = t.read_to("\n");
        assert!(got.starts_with("put: "), "{word}: {got:?}");
    }
    still_serves(&s);
}

#[test]
fn invalid_utf8_and_control_bytes_are_refused() {
    let s = server();
    let r = s
        .client()
        .request("POST", "/api/put", &[], Some(b"{\"metric\":\"\xff\xfe\",\"timestamp\":1,\"value\":1,\"tags\":{\"a\":\"b\"}}"))
        .unwrap();
    assert_eq!(r.status, 400, "{}", r.text());
    let mut t = Telnet::open(&s.addr);
    t.send(b"put \xff\xfe\x00 1400000000 1 a=b\nversion\n");
    let got = t.read_to("net.opentsdb");
    assert!(got.starts_with("put: "), "{got:?}");
    still_serves(&s);
}

#[test]
fn half_requests_and_slow_clients_hurt_nobody() {
    let s = server();
    let mut slow = Vec::new();
    for i in 0..200 {
        let mut c = TcpStream::connect(&s.addr).unwrap();
        let part: &[u8] = match i % 4 {
            0 => b"POST /api/put HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"met",
            1 => b"GET /api/ver",
            2 => b"put half 14000",
            _ => b"",
        };
        c.write_all(part).unwrap();
        slow.push(c);
    }
    still_serves(&s);
    drop(slow);
    still_serves(&s);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let s = server();
    let mut c = TcpStream::connect(&s.addr).unwrap();
    c.set_read_timeout(Some(support::server::PATIENCE)).unwrap();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    c.write_all(format!("{}{}{}", one("/api/version"), one("/api/nosuch"), one("/api/aggregators")).as_bytes()).unwrap();
    let mut got = Vec::new();
    let mut part = [0; 65536];
    while got.windows(6).filter(|w| *w == b"HTTP/1").count() < 3 || !String::from_utf8_lossy(&got).contains("mimmin") {
        let n = c.read(&mut part).unwrap();
        assert!(n > 0, "closed after {}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&part[..n]);
    }
    let text = String::from_utf8_lossy(&got);
    let order: Vec<usize> = ["short_revision", "404 Not Found", "mimmin"].iter().map(|w| text.find(w).unwrap()).collect();
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn telnet_lines_survive_any_cut() {
    let s = server();
    let mut t = Telnet::open(&s.addr);
    for byte in b"put cut.m 1400000000 5 a=b\nput cut.m 1400000001 6 a=b\nversion\n" {
        t.send(&[*byte]);
    }
    let got = t.read_to("net.opentsdb");
    assert!(got.starts_with("net.opentsdb"), "{got:?}");
    let r = s.client().get("/api/query?start=1399999999&end=1400000010&m=sum:cut.m").unwrap();
    assert!(r.text().contains("\"1400000000\":5,\"1400000001\":6"), "{}", r.text());
}

#[test]
fn a_second_process_on_the_same_folder_is_told_so() {
    let s = server();
    let conf = format!("--config={}", s.dir().join("opentsdb.conf").display());
    let (ok, said) = run_short(&["tsd", &conf], s.dir());
    assert!(!ok, "{said}");
    assert!(said.contains("tsdb-data") && said.contains("another process"), "{said}");
    still_serves(&s);
}

#[test]
fn a_folder_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Server::start_in(dir.path(), &Engine::Embedded, &[AUTO], &[]);
    still_serves(&s);
    s.stop();
    let file = dir.path().join("tsdb-data/FORMAT");
    let text = std::fs::read_to_string(&file).expect("the file that tells the format");
    std::fs::write(&file, text.replace("format 1", "format 999")).unwrap();
    let conf = format!("--config={}", dir.path().join("opentsdb.conf").display());
    let (ok, said) = run_short(&["tsd", &conf], dir.path());
    assert!(!ok && said.contains("999"), "{said}");
}

#[test]
fn settings_that_cannot_be_are_named() {
    let cases = [
        ("tsd.storage.flush_intervall = 5", "tsd.storage.flush_interval"),
        ("tsd.network.port = x", "tsd.network.port"),
        ("tsd.mode = sometimes", "tsd.mode"),
        ("tsd.core.authentication.enable = true", "tsd.core.authentication.enable"),
        ("tsd.storage.salt.width = 9", "tsd.storage.salt.width"),
    ];
    for (line, key) in cases {
        let dir = tempfile::tempdir().unwrap();
        let conf = dir.path().join("opentsdb.conf");
        std::fs::write(&conf, format!("# one\n{line}\n")).unwrap();
        let (ok, said) = run_short(&["tsd", &format!("--config={}", conf.display())], dir.path());
        assert!(!ok, "{line}: {said}");
        assert!(said.contains(key) && said.contains("opentsdb.conf"), "{line}: {said}");
    }
}

#[test]
fn the_whole_list_of_aggregators_and_filters_is_there() {
    let s = server();
    let list: Value = serde_json::from_slice(&s.client().get("/api/aggregators").unwrap().body).unwrap();
    assert_eq!(list.as_array().map(Vec::len), Some(35), "{list}");
    let filters: Value = serde_json::from_slice(&s.client().get("/api/config/filters").unwrap().body).unwrap();
    assert!(filters.as_object().is_some_and(|f| f.len() == 7), "{filters}");
}

#[test]
fn metrics_page_is_prometheus_text() {
    let s = server();
    still_serves(&s);
    let r = s.client().get("/metrics").unwrap();
    assert_eq!(r.status, 200);
    for line in r.text().lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(name.starts_with(|c: char| c.is_ascii_alphabetic()), "{line}");
    }
}
