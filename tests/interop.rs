//! Side by side on one HBase: the real OpenTSDB 2.4.1 reads, compacts and checks what we wrote, we read what it wrote,
//! and both give out UIDs at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use support::http::Client;
use support::kit;
use support::random::Random;
use support::real::{RealTsd, command, create_tables};
use support::server::{Engine, Server};
use support::tables::dump;

const T0: i64 = 1_400_000_000;
const COMMON: [(&str, &str); 2] = [("tsd.core.auto_create_metrics", "true"), ("tsd.storage.fix_duplicates", "true")];

fn fresh(what: &str) -> (Engine, String) {
    let engine = Engine::fresh_hbase(what);
    let Engine::Hbase { prefix } = &engine else { unreachable!() };
    let prefix = prefix.clone();
    create_tables(&prefix);
    (engine, prefix)
}

/// Points of every kind: widths, floats, milliseconds, several hours and series, later overwrites out of order.
fn points(metric: &str) -> Vec<Value> {
    let mut r = Random::new(11);
    let mut out = Vec::new();
    for host in 0..5 {
        let tags = json!({"host": format!("h{host}"), "dc": "lga"});
        let mut put = |stamp: i64, value: Value| out.push(json!({"metric": metric, "timestamp": stamp, "value": value, "tags": tags}));
        for i in 0..200 {
            let stamp = T0 + i * 47 + host;
            match i % 6 {
                0 => put(stamp, r.range(-100, 100).into()),
                1 => put(stamp, r.range(-40_000, 40_000).into()),
                2 => put(stamp, (r.range(1, 1 << 50) * 3).into()),
                3 => put(stamp, (r.unit() * 1e6).into()),
                4 => put(stamp * 1000 + 250, (r.range(0, 9) as f64 + 0.5).into()),
                _ => put(stamp, 0.1.into()),
            }
        }
        for i in [150, 3, 77] {
            put(T0 + i * 47 + host, r.range(0, 1000).into());
        }
    }
    out
}

fn put(client: &mut Client, points: &[Value]) {
    for chunk in points.chunks(100) {
        let r = client.post("/api/put?sync&details", &Value::from(chunk.to_vec()).to_string()).unwrap();
        assert_eq!(r.status, 200, "{}", r.text());
    }
}

fn queries(metric: &str) -> Vec<Value> {
    let base = |sub: Value| json!({"start": T0 - 10, "end": T0 + 20_000, "msResolution": true, "queries": [sub]});
    vec![
        base(json!({"aggregator": "none", "metric": metric})),
        base(json!({"aggregator": "sum", "metric": metric})),
        base(json!({"aggregator": "avg", "metric": metric, "downsample": "5m-avg", "tags": {"host": "*"}})),
        base(json!({"aggregator": "max", "metric": metric, "rate": true, "tags": {"host": "h3"}})),
    ]
}

/// Both servers must answer these queries alike.
fn same_answers(what: &str, a: &mut Client, b: &mut Client, metric: &str) {
    for q in queries(metric) {
        let (x, y) = (a.post("/api/query", &q.to_string()).unwrap(), b.post("/api/query", &q.to_string()).unwrap());
        assert_eq!((x.status, y.status), (200, 200), "{what}: {q}\n{}\n{}", x.text(), y.text());
        let parse = |r: &support::http::Response| support::json::parse(&r.text()).unwrap();
        assert!(!parse(&x).as_array().unwrap().is_empty(), "{what}: {q}: no series");
        let diff = kit::compare_bodies(&parse(&x), &parse(&y), "series-unordered", &[]);
        assert!(diff.is_empty(), "{what}: {q}: {diff:?}");
    }
}

fn java_reads(cells: &'static str) {
    let (engine, prefix) = fresh(&format!("jr-{cells}"));
    let mut settings = COMMON.to_vec();
    settings.push(("tsd.storage.cells", cells));
    let mut ours = Server::start(&engine, &settings);
    put(&mut ours.client(), &points("interop.a"));
    // With compaction on it merges our cells while we look.
    let compaction = [
        ("tsd.storage.enable_compaction", "true"),
        ("tsd.storage.compaction.flush_interval", "1"),
        ("tsd.storage.compaction.min_flush_threshold", "0"),
    ];
    let real = RealTsd::start(&prefix, &[COMMON.as_slice(), &compaction].concat());
    for _ in 0..3 {
        same_answers(cells, &mut real.client(), &mut ours.client(), "interop.a");
        std::thread::sleep(Duration::from_millis(1500));
    }
    real.stop();
    same_answers("after it compacted", &mut ours.client(), &mut ours.client(), "interop.a");
    ours.stop();
    let (code, said) = command(&prefix, &["fsck", "--full-scan", "--threads=1"]);
    assert_eq!(code, 0, "fsck of what we wrote ({cells}):\n{said}");
}

#[test]
fn java_reads_compacts_and_checks_our_single_cells() {
    java_reads("single");
}

#[test]
fn java_reads_compacts_and_checks_our_packed_cells() {
    java_reads("packed");
}

/// Writes with the real one under some settings, then both read.
fn we_read(what: &str, settings: &[(&str, &str)], ours_too: &[(&str, &str)], ready: impl Fn(&Engine) -> bool) {
    let (engine, prefix) = fresh(what);
    let real = RealTsd::start(&prefix, &[COMMON.as_slice(), settings, ours_too].concat());
    put(&mut real.client(), &points("interop.b"));
    // How far it is in this time decides what is read, not whether it can be.
    let end = Instant::now() + Duration::from_secs(8);
    while !ready(&engine) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(200));
    }
    let ours = Server::start(&engine, &[COMMON.as_slice(), ours_too].concat());
    same_answers(what, &mut real.client(), &mut ours.client(), "interop.b");
}

#[test]
fn we_read_what_java_wrote_plain() {
    we_read("wr-plain", &[("tsd.storage.enable_compaction", "false")], &[], |_| true);
}

#[test]
fn we_read_what_java_compacted() {
    let settings = [
        ("tsd.storage.compaction.flush_interval", "1"),
        ("tsd.storage.compaction.min_flush_threshold", "0"),
        ("tsd.storage.compaction.flush_speed", "10000"),
    ];
    // One cell a row.
    let all_compacted = |engine: &Engine| {
        let rows: Vec<Vec<u8>> = dump(engine, Path::new(""), "tsdb").into_iter().map(|cell| cell.row).collect();
        rows.iter().collect::<BTreeSet<_>>().len() == rows.len()
    };
    we_read("wr-comp", &settings, &[], all_compacted);
}

#[test]
fn we_read_what_java_appended() {
    we_read("wr-app", &[("tsd.storage.enable_appends", "true")], &[], |_| true);
}

#[test]
fn we_read_what_java_salted() {
    we_read("wr-salt", &[], &[("tsd.storage.salt.width", "1"), ("tsd.storage.salt.buckets", "7")], |_| true);
}

/// Two Java and six Rust TSDs are told the same 500 names at the same moment, each in another order.
#[test]
fn eight_processes_assign_the_same_names() {
    const NAMES: usize = 500;
    let (engine, prefix) = fresh("race");
    let java: Vec<RealTsd> = (0..2).map(|_| RealTsd::start(&prefix, &COMMON)).collect();
    let rust: Vec<Server> = (0..6).map(|_| Server::start(&engine, &COMMON)).collect();
    let addrs: Vec<String> = java.iter().map(|j| j.addr.clone()).chain(rust.iter().map(|r| r.addr.clone())).collect();
    let names: Vec<String> = (0..NAMES).map(|i| format!("race.{i}")).collect();
    std::thread::scope(|scope| {
        for (n, addr) in addrs.iter().enumerate() {
            let mut mine = names.clone();
            let mut r = Random::new(n as u64 + 1);
            scope.spawn(move || {
                for i in (1..mine.len()).rev() {
                    mine.swap(i, r.range(0, i as i64) as usize);
                }
                let mut client = Client::new(addr);
                for chunk in mine.chunks(10) {
                    let body = json!({"metric": chunk, "tagk": chunk, "tagv": chunk});
                    let r = client.post("/api/uid/assign", &body.to_string()).unwrap();
                    assert!(r.status == 200 || r.status == 400, "{addr}: {}", r.text());
                }
            });
        }
    });
    drop(java);
    drop(rust);
    let cells = dump(&engine, Path::new(""), "tsdb-uid");
    for kind in ["metrics", "tagk", "tagv"] {
        let of = |family: &str| -> BTreeMap<Vec<u8>, Vec<u8>> {
            let mine = cells.iter().filter(|c| c.family == family && c.qualifier == kind.as_bytes() && c.row != [0]);
            mine.map(|c| (c.row.clone(), c.value.clone())).collect()
        };
        let (forward, reverse) = (of("id"), of("name"));
        let ids: BTreeSet<&Vec<u8>> = names.iter().filter_map(|n| forward.get(n.as_bytes())).collect();
        assert_eq!(ids.len(), NAMES, "{kind}: a name without an id, or two names with one");
        for name in &names {
            let id = &forward[name.as_bytes()];
            assert_eq!(reverse.get(id).map(Vec::as_slice), Some(name.as_bytes()), "{kind}: id {id:?} of {name} leads elsewhere");
        }
    }
}

/// While we rewrite points of packed rows, a Java TSD without `fix_duplicates` and with compaction on goes on reading.
#[test]
fn java_without_fix_duplicates_reads_while_we_rewrite_packed_rows() {
    let (engine, prefix) = fresh("rewrite");
    let settings = [("tsd.core.auto_create_metrics", "true"), ("tsd.storage.cells", "packed"), ("tsd.storage.flush_interval", "50")];
    let ours = Server::start(&engine, &settings);
    let write = |round: i64| {
        let points: Vec<Value> = (0..60)
            .map(|i| json!({"metric": "rewrite", "timestamp": T0 + i * 10, "value": i * 1000 + round, "tags": {"host": "a"}}))
            .collect();
        let r = ours.client().post("/api/put?sync", &Value::from(points).to_string()).unwrap();
        assert_eq!(r.status, 204, "{}", r.text());
    };
    write(0);
    let java = [
        ("tsd.storage.fix_duplicates", "false"),
        ("tsd.storage.enable_compaction", "true"),
        ("tsd.storage.compaction.flush_interval", "1"),
        ("tsd.storage.compaction.min_flush_threshold", "0"),
    ];
    let real = RealTsd::start(&prefix, &java);
    let url = format!("/api/query?start={T0}&end={}&m=none:rewrite", T0 + 600);
    let end = Instant::now() + Duration::from_secs(12);
    let (mut round, mut reads) = (0, 0);
    while Instant::now() < end || round < 10 {
        round += 1;
        write(round % 900);
        for _ in 0..3 {
            let r = real.client().get(&url).unwrap();
            assert_eq!(r.status, 200, "round {round}: {}", r.text());
            let answer = support::json::parse(&r.text()).unwrap();
            assert_eq!(answer[0]["dps"].as_object().map(|d| d.len()), Some(60), "round {round}: {answer}");
            reads += 1;
        }
    }
    println!("{round} rewrites, {reads} reads, none failed");
    let last = ours.client().get(&url).unwrap();
    let answer = support::json::parse(&last.text()).unwrap();
    assert_eq!(answer[0]["dps"][T0.to_string()], json!(round % 900));
}
