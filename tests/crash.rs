//! `kill -9` at random moments: nothing that was acknowledged may be missing afterwards, on either engine.
//!
//! 20 kills an engine in the short form, 200 in the long one. Each round proves that at least 1,000 points were
//! acknowledged since the last start, by telnet `version` replies and by HTTP 2xx.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::http::Client;
use support::random::Random;
use support::server::{Engine, PATIENCE, Server, long};

const T0: u64 = 1_400_000_000;
const ACKNOWLEDGED_MIN: u64 = 1_000;

/// Points 0..acked of each writer are promised to be there. Point i of writer w in round r: metric `crash.rR`, tag `w=W`,
/// second T0 + i, value i * 7 + r.
struct Progress {
    telnet: AtomicU64,
    http: AtomicU64,
    stop: AtomicBool,
}

fn telnet_writer(addr: &str, round: u64, progress: &Progress) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut replies = BufReader::new(stream.try_clone()?);
    let (mut i, mut line) = (0u64, String::new());
    while !progress.stop.load(Ordering::Relaxed) {
        let mut text = String::new();
        for _ in 0..250 {
            text.push_str(&format!("put crash.r{round} {} {} w=telnet\n", T0 + i, i * 7 + round));
            i += 1;
        }
        text.push_str("version\n");
        stream.write_all(text.as_bytes())?;
        // Two lines answer `version`; anything else is a refused put.
        for part in ["net.opentsdb", "Built on"] {
            line.clear();
            // A line without its end is the server's own.
            replies.read_line(&mut line)?;
            if !line.ends_with('\n') {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            assert!(line.contains(part), "a put was refused: {line}");
        }
        progress.telnet.store(i, Ordering::SeqCst);
    }
    Ok(())
}

fn http_writer(addr: &str, round: u64, progress: &Progress) -> Result<(), String> {
    let mut client = Client::new(addr);
    let mut i = 0u64;
    while !progress.stop.load(Ordering::Relaxed) {
        let points: Vec<Value> = (i..i + 100)
            .map(|i| serde_json::json!({"metric": format!("crash.r{round}"), "timestamp": T0 + i, "value": i * 7 + round, "tags": {"w": "http"}}))
            .collect();
        let r = client.post("/api/put", &Value::from(points).to_string())?;
        assert_eq!(r.status, 204, "{}", r.text());
        i += 100;
        progress.http.store(i, Ordering::SeqCst);
    }
    Ok(())
}

/// Writes until at least the minimum is acknowledged and a random moment has come, kills, and tells what was acknowledged.
fn one_round(server: &mut Server, round: u64, random: &mut Random) -> (u64, u64) {
    let progress = Arc::new(Progress { telnet: AtomicU64::new(0), http: AtomicU64::new(0), stop: AtomicBool::new(false) });
    let refused = Arc::new(Mutex::new(None::<String>));
    let workers: Vec<_> = [true, false]
        .into_iter()
        .map(|telnet| {
            let (progress, refused, addr) = (progress.clone(), refused.clone(), server.addr.clone());
            std::thread::spawn(move || {
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    let _ = if telnet {
                        telnet_writer(&addr, round, &progress).map_err(|e| e.to_string())
                    } else {
                        http_writer(&addr, round, &progress)
                    };
                }));
                if let Err(e) = done {
                    let text = e.downcast_ref::<String>().cloned().unwrap_or_default();
                    refused.lock().unwrap().get_or_insert(text);
                }
            })
        })
        .collect();
    let end = Instant::now() + PATIENCE;
    while progress.telnet.load(Ordering::SeqCst) + progress.http.load(Ordering::SeqCst) < ACKNOWLEDGED_MIN {
        assert!(Instant::now() < end, "round {round}: {ACKNOWLEDGED_MIN} points were not acknowledged in {PATIENCE:?}: {refused:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(random.range(0, 150) as u64));
    let acked = (progress.telnet.load(Ordering::SeqCst), progress.http.load(Ordering::SeqCst));
    server.kill();
    progress.stop.store(true, Ordering::Relaxed);
    for w in workers {
        let _ = w.join();
    }
    assert!(refused.lock().unwrap().is_none(), "round {round}: {refused:?}");
    acked
}

fn check(server: &Server, round: u64, acked: (u64, u64)) {
    let url = format!("/api/query?start={}&end={}&m=none:crash.r{round}", T0 - 1, T0 + 10_000_000);
    let r = server.client().get(&url).unwrap();
    assert_eq!(r.status, 200, "round {round}: {}", r.text());
    let answer: Value = serde_json::from_slice(&r.body).unwrap();
    for (writer, count) in [("telnet", acked.0), ("http", acked.1)] {
        let series = answer.as_array().unwrap().iter().find(|s| s["tags"]["w"] == writer);
        let dps = series.and_then(|s| s["dps"].as_object());
        let have = dps.map_or(0, serde_json::Map::len);
        assert!(count == 0 || have as u64 >= count, "round {round}, {writer}: {count} acknowledged, {have} there");
        for (at, value) in dps.into_iter().flatten() {
            let i = at.parse::<u64>().unwrap() - T0;
            assert_eq!(value.as_u64(), Some(i * 7 + round), "round {round}, {writer}, point {i}: not what was put");
        }
        for i in 0..count {
            assert!(dps.is_some_and(|d| d.contains_key(&(T0 + i).to_string())), "round {round}, {writer}: point {i} of {count} is lost");
        }
    }
}

fn kills(engine: &Engine) {
    let rounds = if long() { 200 } else { 20 };
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(dir.path(), engine, &[("tsd.core.auto_create_metrics", "true")], &[]);
    let mut random = Random::new(7);
    let (mut total, mut before) = (0, Vec::new());
    for round in 0..rounds {
        let acked = one_round(&mut server, round, &mut random);
        assert!(acked.0 + acked.1 >= ACKNOWLEDGED_MIN);
        total += acked.0 + acked.1;
        before.push((round, acked));
        server.restart();
        check(&server, round, acked);
        // An older round as well: what was there must stay.
        let (old, acked) = *random.pick(&before);
        check(&server, old, acked);
    }
    for (round, acked) in before {
        check(&server, round, acked);
    }
    println!("{rounds} kills on {engine:?}: {total} points acknowledged, all there");
}

#[test]
fn embedded_kills_lose_nothing_acknowledged() {
    kills(&Engine::Embedded);
}

#[test]
fn hbase_kills_lose_nothing_acknowledged() {
    kills(&Engine::fresh_hbase("crash"));
}
