//! A process that is killed at random moments, on the real file layer: nothing acknowledged is lost.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const FOLDER: &str = "TSDB_TEST_KILL_FOLDER";
const ROUNDS: u32 = 12;
/// Points that a round must have acknowledged before it is killed.
const LEAST: u64 = 1_000;

fn open(folder: &std::path::Path) -> (Arc<MemoryStore>, Arc<Writer>) {
    let store = Arc::new(MemoryStore::in_file(folder.join("store.json"), Arc::new(AtomicI64::new(START))));
    let mut options = WriteOptions::new(folder.join("journal"), true);
    options.auto_create.metric = true;
    options.flush_interval = 50;
    options.journal.max_bytes = 2 << 20;
    let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
    (store.clone(), Writer::open(store, uids, options).unwrap())
}

/// Point number `n`: one of 50 series.
fn place(n: u64) -> (String, PointTime) {
    (format!("h{}", n % 50), PointTime::Seconds((START / 1000) as u32 + (n / 50) as u32))
}

/// Not a test by itself: the process that the test below kills.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = std::path::Path::new(&folder);
    let from: u64 = std::env::var("TSDB_TEST_KILL_FROM").unwrap().parse().unwrap();
    let (_store, writer) = open(folder);
    let mut batch = writer.batch();
    let mut out = std::io::stdout().lock();
    for n in from.. {
        let (host, time) = place(n);
        batch.add(&Point { metric: "m", time, value: Value::Int(n as i64), tags: &[("h", &host)] }).unwrap();
        if n % 100 == 99 {
            writeln!(out, "sent {n}").unwrap();
            let ticket = batch.commit().unwrap();
            writer.wait(ticket).unwrap();
            writeln!(out, "acknowledged {n}").unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn kill_9_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sent, mut acknowledged) = (0u64, 0u64);
    // Sent and not answered before a kill: may be there or not.
    let mut open_ended = Vec::new();
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    for round in 0..ROUNDS {
        let from = sent;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "write::tests::kill::child", "--nocapture"])
            .env(FOLDER, folder.path())
            .env("TSDB_TEST_KILL_FROM", from.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let until = LEAST + (seed >> 33) % 20_000;
        let mut killed = false;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let number = |prefix| line.split_once(prefix).and_then(|(_, n)| n.parse::<u64>().ok());
            // The test runner's own words may stand before the first line.
            if let Some(n) = number("acknowledged ") {
                acknowledged = n + 1;
            } else if let Some(n) = number("sent ") {
                sent = n + 1;
            }
            if !killed && acknowledged.saturating_sub(from) >= until {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        open_ended.push(acknowledged..sent);
        assert!(acknowledged >= from + LEAST, "round {round}: {} acknowledged since the start", acknowledged - from);
    }
    let (store, writer) = open(folder.path());
    let pinned = writer.overlay().pin("tsdb", &[], &[]);
    let mut seen = BTreeMap::new();
    for ((tsuid, ms), (value, _)) in read_all(&store, &pinned) {
        assert!((value as u64) < sent, "alien {value}");
        assert_eq!(place(value as u64).1, PointTime::Seconds((ms / 1000) as u32), "alien {value} at {ms}");
        seen.insert(value as u64, tsuid);
    }
    assert!(open_ended.iter().all(|gap| gap.end - gap.start <= 100));
    for n in 0..acknowledged {
        assert!(seen.contains_key(&n) || open_ended.iter().any(|gap| gap.contains(&n)), "{n} of {acknowledged} is lost");
    }
}
