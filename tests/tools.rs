//! The tools and the background work beside the real OpenTSDB 2.4.1, on one HBase: `fsck` and `uid fsck` of both find,
//! count and repair the same; both compact the rows that both write, and nothing is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use support::http::Client;
use support::random::Random;
use support::real::{RealTsd, command, create_tables};
use support::scenario::{hex, unhex};
use support::server::{Ended, Engine, Server, run_for, write_config};
use support::tables::{dump, open};
use tsdb::store::{Mutation, RowMutation};

const T0: i64 = 1_400_000_400; // the start of an hour
const AUTO: (&str, &str) = ("tsd.core.auto_create_metrics", "true");
const LIMIT: Duration = support::server::PATIENCE;

fn fresh(what: &str) -> (Engine, String) {
    let engine = Engine::fresh_hbase(what);
    let Engine::Hbase { prefix } = &engine else { unreachable!() };
    let prefix = prefix.clone();
    create_tables(&prefix);
    (engine, prefix)
}

fn put(client: &mut Client, points: &[Value]) {
    let r = client.post("/api/put?sync&details", &Value::from(points.to_vec()).to_string()).unwrap();
    assert_eq!(r.status, 200, "{}", r.text());
}

fn point(metric: &str, time: i64, value: i64, host: &str) -> Value {
    json!({"metric": metric, "timestamp": time, "value": value, "tags": {"host": host}})
}

/// A command of ours over the tables of an engine.
fn ours(engine: &Engine, dir: &Path, args: &[&str]) -> Ended {
    let conf = write_config(dir, engine, &[AUTO]);
    let config = format!("--config={}", conf.display());
    let mut all = vec![args[0], &config];
    all.extend(&args[1..]);
    run_for(LIMIT, &all, dir)
}

/// `INFO Name: number` lines by name; the real tool says some with a blank before the colon.
fn counters(log: &str) -> BTreeMap<String, u64> {
    let lines = log.lines().filter_map(|l| l.split_once("INFO ")?.1.rsplit_once(": "));
    lines.filter_map(|(name, n)| Some((name.trim().to_string(), n.trim().parse().ok()?))).collect()
}

/// What both count. Left out is the number of rows: the real tool counts its last row only if it holds points.
fn compared(log: &str, names: &BTreeSet<String>) -> BTreeMap<String, u64> {
    counters(log).into_iter().filter(|(name, _)| names.contains(name) && name != "Rows Processed").collect()
}

/// A kind of damage: a row's cells as `qualifier=value@time`.
const DAMAGE: &[&str] = &[
    "0010=01@1 0020=02@2",
    "00100020=010200@1 0030=03@2",
    "2240=09@1 2253=0000000000000009@2 c800c8a0=010200@3",
    "0001020304=01@1 0010=01@1",
    "01020304050607=01@1 0010=01@1",
    "00=01@1 0010=01@1",
    "0010=05@7 0011=0006@7 2240=09@1",
    "0010=05@7 0011=0006@8 2240=09@9",
    "0010=05@9 0011=0006@8 00300040=010200@5",
    "00100020=050600@9 0010=07@8 0023=00000009@7",
    "0010=01@5 f0000000=02@5 f000fa00=03@6 f000fa01=0004@6", // .000 of no second, then one instant twice
    "002b=000000004048f5c3@1",
    "002b=000000004048f5c3@1 00300040=010200@2",
    "002b=ffffffff4048f5c3@1 0030=01@2",
    "002b=112233444048f5c3@1 0030=01@2",
    "002f=4048f5c3@1 0030=01@2",
    "002b=4048f5@1 0030=01@2",
    "00100020=0102@1 0030=01@2",
    "00100020=0102037f@1 0030=01@2",
    "00100020=01@1 0030=01@2",
    "00200010=020100@1",
    "00200010=020100@1 0030=04@2",
    "0017=0000000000000005@1",
    "0017=0000000000000005@1 0027=0000000000000fff@1 0037=00000000000fffff@1",
    "0017=0000000000000005@1 00300040=010200@2",
    "0017=0000000000000005@1 0010=05@2",
    "010005=7b7d@1 0010=01@1 0020=02@1",
    "050000=001001002002@1",
    "06000a=000102@1 0010=01@1",
    "f0004003=00000001@1 f0008000=02@2",
];

/// Writes the damage, a row each, and rows whose keys or names are wrong.
fn damage(engine: &Engine) {
    let (store, table) = open(engine, Path::new(""), "tsdb");
    let write = |row: Vec<u8>, cells: &str| {
        for cell in cells.split(' ') {
            let (cell, time) = cell.split_once('@').unwrap();
            let (qualifier, value) = cell.split_once('=').unwrap();
            let mutations = vec![Mutation::Put { family: "t", qualifier: unhex(qualifier), value: unhex(value) }];
            let time = Some(1_600_000_000_000 + time.parse::<i64>().unwrap());
            store.write(&table, &[RowMutation { row: row.clone(), mutations, time }]).unwrap();
        }
    };
    for (at, cells) in DAMAGE.iter().enumerate() {
        let base = u32::try_from(T0 + 3600 * (at as i64 + 10)).unwrap();
        write([&[0, 0, 1][..], &base.to_be_bytes(), &[0, 0, 1, 0, 0, 1]].concat(), cells);
    }
    write(unhex("0000ff5371f8f00000010000ff"), "0010=01@1"); // no such metric
    write(unhex("0000015371f8f00000010000ff"), "0010=01@1"); // no such value of a tag
    write(unhex("0000015371f8f0000001000001000001"), "0010=01@1"); // not a whole pair
    write(unhex("0001"), "0010=01@1");
}

/// The damaged table, and the names of its rows.
fn damaged(what: &str, dir: &Path) -> (Engine, String) {
    let (engine, prefix) = fresh(what);
    let mut server = Server::start_in(dir, &engine, &[AUTO], &[]);
    put(&mut server.client(), &[point("m", T0, 1, "a"), point("m", T0 + 1, 2, "b")]);
    server.stop();
    damage(&engine);
    (engine, prefix)
}

fn rows(engine: &Engine) -> Vec<String> {
    dump(engine, Path::new(""), "tsdb").iter().map(|c| format!("{} {} {}", hex(&c.row), hex(&c.qualifier), hex(&c.value))).collect()
}

/// Both look at one damaged table, then each repairs a copy of its own.
#[test]
fn fsck_finds_counts_and_repairs_what_the_real_one_does() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (engine, prefix) = damaged("fsck-a", here.path());
    let (other, other_prefix) = damaged("fsck-b", there.path());
    for flags in [&[][..], &["--fix"], &["--fix", "--resolve-duplicates", "--last-write-wins"], &["--fix-all"], &[]] {
        let mut args = vec!["fsck", "--full-scan", "--threads=1"];
        args.extend(flags);
        let (code, log) = command(&other_prefix, &args);
        let mine = ours(&engine, here.path(), &args);
        let names: BTreeSet<String> = counters(&mine.stderr).into_keys().collect();
        let (want, got) = (compared(&log, &names), compared(&mine.stderr, &names));
        assert!(want.len() > 15, "the real tool said {log}");
        let got: BTreeMap<_, _> = got.into_iter().filter(|(name, _)| want.contains_key(name)).collect();
        assert_eq!(got, want, "{flags:?}\n{}\nthe real one:\n{log}", mine.stderr);
        assert_eq!(mine.code, Some(code), "{flags:?}");
        let (mine, theirs) = (rows(&engine), rows(&other));
        let only = |a: &[String], b: &[String]| a.iter().filter(|c| !b.contains(c)).cloned().collect::<Vec<_>>();
        assert_eq!((only(&mine, &theirs), only(&theirs, &mine)), (vec![], vec![]), "ours alone, theirs alone after {flags:?}");
    }
    let parallel = ours(&engine, here.path(), &["fsck", "--full-scan"]);
    let one = ours(&engine, here.path(), &["fsck", "--full-scan", "--threads=1"]);
    assert_eq!(counters(&parallel.stderr), counters(&one.stderr), "threads count each row once");
    drop((prefix, other));
}

/// `(ours, theirs)`: exit codes of `uid fsck` with these words on tables of their own.
#[test]
fn uid_fsck_finds_and_repairs_what_the_real_one_does() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let make = |what: &str, dir: &Path| {
        let (engine, prefix) = fresh(what);
        for words in [&["mkmetric", "m1", "m2", "m3", "m4"][..], &["uid", "assign", "tagk", "k1", "k2"], &["uid", "assign", "tagv", "v1"]] {
            assert_eq!(ours(&engine, dir, words).code, Some(0));
        }
        let cell = |family, qualifier: &str, value: &[u8]| Mutation::Put { family, qualifier: qualifier.into(), value: value.into() };
        let gone = |family, qualifier: &str| Mutation::Delete { family, qualifier: qualifier.into() };
        for (row, mutation) in [
            (&b"m1"[..], gone("id", "metrics")),
            (&[0, 0, 2], gone("name", "metrics")),
            (&[0], cell("id", "tagk", &1u64.to_be_bytes())),
            (b"m9", cell("id", "metrics", &[0, 0, 3])),
            (b"odd", cell("id", "nobody", &[0, 0, 3])),
            (&[0, 0, 9], cell("name", "tagv", b"lost")),
        ] {
            support::damage::change(&engine, dir, "tsdb-uid", row, vec![mutation]);
        }
        (engine, prefix)
    };
    let ((engine, _), (other, prefix)) = (make("uid-a", here.path()), make("uid-b", there.path()));
    let table = |engine: &Engine| -> Vec<String> {
        let cells = dump(engine, Path::new(""), "tsdb-uid");
        cells.iter().map(|c| format!("{} {}:{} {}", hex(&c.row), c.family, hex(&c.qualifier), hex(&c.value))).collect()
    };
    for words in [&[][..], &["fix"], &[], &["fix", "delete_unknown"], &[]] {
        let mut args = vec!["uid", "fsck"];
        args.extend(words);
        let (code, log) = command(&prefix, &args);
        let mine = ours(&engine, here.path(), &args);
        assert_eq!(mine.code, Some(code), "{words:?}:\n{}\nthe real one:\n{log}", mine.stderr);
        assert_eq!(table(&engine), table(&other), "after {words:?}");
    }
}

#[test]
fn neither_has_anything_to_repair_after_the_others_load() {
    let (engine, prefix) = fresh("load");
    let dir = tempfile::tempdir().unwrap();
    let mut r = Random::new(5);
    let mut points = |metric: &str| -> Vec<Value> {
        (0..600).map(|i| point(metric, T0 + i * 20, r.range(-1 << 40, 1 << 40), ["a", "b", "c"][i as usize % 3])).collect()
    };
    let real = RealTsd::start(
        &prefix,
        &[AUTO, ("tsd.storage.compaction.flush_interval", "1"), ("tsd.storage.compaction.min_flush_threshold", "0")],
    );
    points("java.load").chunks(100).for_each(|chunk| put(&mut real.client(), chunk));
    for cells in ["single", "packed"] {
        let mut server = Server::start_in(dir.path(), &engine, &[AUTO, ("tsd.storage.cells", cells)], &[]);
        points(&format!("rust.{cells}")).chunks(100).for_each(|chunk| put(&mut server.client(), chunk));
        server.stop();
    }
    real.stop();
    for args in [&["fsck", "--full-scan", "--threads=1"][..], &["uid", "fsck"]] {
        let (code, log) = command(&prefix, args);
        assert_eq!(code, 0, "the real {args:?}:\n{log}");
        let mine = ours(&engine, dir.path(), args);
        assert_eq!(mine.code, Some(0), "our {args:?}:\n{}", mine.stderr);
    }
}

/// Each writes seconds of its own into the same rows, while both compact these rows as fast as they can.
#[test]
fn both_compact_the_rows_that_both_write_and_nothing_is_lost() {
    let (engine, prefix) = fresh("both");
    let pace = [
        AUTO,
        ("tsd.storage.fix_duplicates", "true"),
        ("tsd.storage.flush_interval", "50"),
        ("tsd.storage.compaction.flush_interval", "1"),
        ("tsd.storage.compaction.min_flush_threshold", "0"),
        ("tsd.storage.compaction.flush_speed", "10000"),
    ];
    let real = RealTsd::start(&prefix, &pace);
    let ours = Server::start(&engine, &[&pace[..], &[("tsd.storage.compaction.quiet", "1000")]].concat());
    let hosts = ["a", "b", "c", "d"];
    let mut client = ours.client();
    put(&mut client, &hosts.map(|host| point("both", T0, 0, host)));
    let seconds = if support::server::long() { 120 } else { 25 };
    let end = Instant::now() + Duration::from_secs(seconds);
    let write = |addr: &str, parity: i64| {
        let mut client = Client::new(addr);
        let mut written = Vec::new();
        for at in 0.. {
            if Instant::now() > end || at >= 1_700 {
                break;
            }
            let second = 2 + at * 2 + parity;
            let host = hosts[at as usize % hosts.len()];
            put(&mut client, &[point("both", T0 + second, second * 100 + parity, host)]);
            written.push((host.to_string(), second, second * 100 + parity));
            // Gaps in which rows become quiet.
            if at % 40 == 39 {
                std::thread::sleep(Duration::from_millis(2_500));
            }
        }
        written
    };
    let mut want: BTreeSet<(String, i64, i64)> = std::thread::scope(|scope| {
        let java = scope.spawn(|| write(&real.addr, 1));
        let rust = scope.spawn(|| write(&ours.addr, 0));
        java.join().unwrap().into_iter().chain(rust.join().unwrap()).collect()
    });
    want.extend(hosts.map(|host| (host.to_string(), 0, 0)));
    // What is still under way, there and here.
    std::thread::sleep(Duration::from_secs(6));
    let stat = |name: &str| {
        let stats: Value = serde_json::from_slice(&ours.client().get("/api/stats").unwrap().body).unwrap();
        stats.as_array().unwrap().iter().find(|s| s["metric"] == name).map(|s| s["value"].clone())
    };
    support::server::until("a compaction of ours", || stat("tsd.compaction.writes").is_some_and(|n| n != "0"));
    println!("{} points; ours wrote {:?} cells, deleted {:?}", want.len(), stat("tsd.compaction.writes"), stat("tsd.compaction.deletes"));
    for (who, mut client) in [("ours", ours.client()), ("the real one", real.client())] {
        let q = json!({"start": T0, "end": T0 + 3600, "queries": [{"aggregator": "none", "metric": "both"}]});
        let r = client.post("/api/query", &q.to_string()).unwrap();
        let answer: Value = serde_json::from_slice(&r.body).unwrap_or_else(|e| panic!("{who}: {e}: {}", r.text()));
        let got: BTreeSet<(String, i64, i64)> = answer
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|s| {
                let host = s["tags"]["host"].as_str().unwrap().to_string();
                let dps = s["dps"].as_object().unwrap();
                dps.iter().map(|(t, v)| (host.clone(), t.parse::<i64>().unwrap() - T0, v.as_i64().unwrap())).collect::<Vec<_>>()
            })
            .collect();
        let lost: Vec<_> = want.difference(&got).collect();
        assert!(lost.is_empty(), "{who} does not see {} of {} points: {lost:?}", lost.len(), want.len());
    }
}

/// The real tool ends at the first such row, which is the table's first, and reports that all is well.
#[test]
fn a_global_annotation_does_not_end_the_check() {
    let (engine, prefix) = fresh("notes");
    let dir = tempfile::tempdir().unwrap();
    let note = Mutation::Put { family: "t", qualifier: vec![1, 0, 5], value: b"{}".to_vec() };
    let row = [&[0, 0, 0][..], &u32::try_from(T0).unwrap().to_be_bytes()].concat();
    support::damage::change(&engine, dir.path(), "tsdb", &row, vec![note]);
    damage(&engine);
    let before = rows(&engine).len();
    let mine = ours(&engine, dir.path(), &["fsck", "--full-scan"]);
    let found = counters(&mine.stderr);
    assert_eq!((mine.code, found["Annotations"], found["Orphaned UID Rows"] > 20), (Some(1), 1, true), "{}", mine.stderr);
    let (code, log) = command(&prefix, &["fsck", "--full-scan", "--threads=1"]);
    assert_eq!((code, counters(&log)["Key Values Processed"]), (0, 0), "the real one has learnt it:\n{log}");
    assert_eq!(rows(&engine).len(), before);
}

/// The real tool leaves them out when it makes a row one cell, and deletes them with the rest.
#[test]
fn integers_that_need_eight_bytes_survive_a_repair() {
    let value = json!(1i64 << 40);
    for real in [false, true] {
        let (engine, prefix) = fresh("eight");
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::start_in(dir.path(), &engine, &[AUTO, ("tsd.storage.cells", "single")], &[]);
        put(&mut server.client(), &[point("m", T0, 1, "a"), point("m", T0 + 1, 1 << 40, "a"), point("m", T0 + 2, 3, "a")]);
        if real {
            assert_eq!(command(&prefix, &["fsck", "--full-scan", "--threads=1", "--fix-all"]).0, 0);
        } else {
            assert_eq!(ours(&engine, dir.path(), &["fsck", "--full-scan", "--fix-all"]).code, Some(0));
        }
        let r = server.client().get(&format!("/api/query?start={T0}&end={}&m=none:m", T0 + 10)).unwrap();
        let answer: Value = serde_json::from_slice(&r.body).unwrap();
        let dps = answer[0]["dps"].as_object().unwrap();
        let kept = dps.get(&(T0 + 1).to_string()) == Some(&value);
        assert_eq!((dps.len(), kept), if real { (2, false) } else { (3, true) }, "real: {real}: {answer}");
        server.stop();
    }
}
