//! What stands in the tables, cell by cell, against what OpenTSDB 2.4.1 wrote for the same puts; and its rows read back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use support::kit;
use support::scenario::{hex, unhex};
use support::server::{Engine, Server, until};
use support::tables::{dump, fill};

/// Scenarios whose rows this TSD writes, beside those named `meta_*` and `tree_*`: plain points, appends, compactions, names,
/// annotations, rollups, histograms.
const WRITTEN: &[&str] = &[
    "annotations",
    "annotations_compaction",
    "appends",
    "appends_repair",
    "compaction",
    "compaction_dup",
    "compaction_dup_nofix",
    "compaction_late",
    "compaction_off",
    "floats",
    "floats_http",
    "histograms",
    "ints",
    "ints_http",
    "milliseconds",
    "mixed_s_ms",
    "otsdb_timestamp",
    "overwrite",
    "rollup_http",
    "rollup_preagg",
    "rollups",
    "salt",
    "salt2",
    "tags",
    "uid_table",
    "uid_width4",
    "uid_width",
];

/// Scenarios whose rows the Java TSD compacted or appended: we read them.
const READ: [&str; 7] =
    ["appends", "appends_repair", "compaction", "compaction_dup", "compaction_dup_nofix", "compaction_late", "compaction_off"];

struct Scenario {
    name: String,
    doc: Value,
}

fn scenarios(wanted: impl Fn(&str) -> bool) -> Vec<Scenario> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(kit::root().join("storage")).expect("storage").map(|e| e.expect("entry").path()).collect();
    files.sort();
    let all = files.into_iter().filter_map(|f| {
        let name = f.file_stem()?.to_str()?.to_string();
        let doc = serde_json::from_str(&std::fs::read_to_string(&f).ok()?).expect("scenario");
        wanted(&name).then_some(Scenario { name, doc })
    });
    all.collect()
}

fn settings(doc: &Value) -> Vec<(String, String)> {
    let config = doc["config"].as_object().into_iter().flatten();
    let mut all: Vec<(String, String)> = config.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_string())).collect();
    // The recorded rows hold single cells, as on HBase; the embedded store packs by default.
    all.push(("tsd.storage.cells".into(), "single".into()));
    // Rows are compacted at once, and the rounds come as fast as they can.
    all.retain(|(k, _)| k != "tsd.storage.compaction.flush_interval");
    all.push(("tsd.storage.compaction.flush_interval".into(), "1".into()));
    all.push(("tsd.storage.compaction.quiet".into(), "1".into()));
    all
}

/// Waits until all points are in the store and no row waits to be compacted, where compaction is on.
fn await_compaction(server: &Server) {
    let number = |name: &str| {
        let stats = server.client().ask("/api/stats").1;
        let found = stats.as_array().into_iter().flatten().find(|s| s["metric"] == name);
        found.and_then(|s| s["value"].as_str()?.parse::<u64>().ok()).unwrap_or(0)
    };
    // A row that has been stored is in the line of the compaction already, and stays in it until it is compacted.
    for waits in ["tsd.write.head.rows", "tsd.compaction.queue.size"] {
        until(&format!("the end of {waits}"), || number(waits) == 0);
    }
}

fn start(engine: &Engine, dir: &std::path::Path, doc: &Value) -> Server {
    let all = settings(doc);
    let all: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    Server::start_in(dir, engine, &all, &[])
}

fn play(server: &Server, steps: &Value) {
    for step in steps.as_array().into_iter().flatten() {
        if let Some(lines) = step["telnet"].as_str() {
            let got = server.client().line(lines).unwrap();
            let reply = step["reply"].as_str().unwrap_or_default();
            assert!(got.starts_with(reply), "{lines}: {got:?}, expected {reply:?}");
        } else if let Some(request) = step.get("http") {
            let sent = kit::send(&mut server.client(), request, &kit::Context::default()).expect("request");
            assert_eq!(u64::from(sent.status), step["status"].as_u64().unwrap_or(204), "{request}: {}", sent.text());
        } else if let Some(seconds) = step["wait_seconds"].as_f64() {
            std::thread::sleep(std::time::Duration::from_secs_f64(seconds.min(1.5)));
            await_compaction(server);
        } else {
            panic!("an unknown step: {step}");
        }
    }
}

type Cells = BTreeSet<(String, String, String)>;

/// Recorded tables and ours.
const TABLES: [(&str, &str); 4] = [("kit-data", "tsdb"), ("kit-uid", "tsdb-uid"), ("kit-tree", "tsdb-tree"), ("kit-meta", "tsdb-meta")];

/// A value to compare: hex; but JSON objects of meta data and trees as they parse, without their time of creation. The
/// order of their keys is not the same in two runs of the Java TSD.
fn comparable(table: &str, value: &str) -> String {
    if table == "tsdb" {
        return value.to_string();
    }
    match serde_json::from_slice::<BTreeMap<String, Value>>(&unhex(value)) {
        Ok(mut object) => {
            object.remove("created");
            serde_json::to_string(&object).unwrap()
        }
        Err(_) => value.to_string(),
    }
}

/// The recorded cells of one table: row, `family:qualifier`, value, in hex.
fn recorded(table: &Value) -> Cells {
    let text = |c: &Value, k: &str| c[k].as_str().unwrap_or_default().to_string();
    table.as_array().into_iter().flatten().map(|c| (text(c, "row"), text(c, "column"), text(c, "value"))).collect()
}

/// Recorded tables with their names here: the four, and those of rollups where they are on.
fn tables_of(doc: &Value) -> Vec<(String, String)> {
    let rollups = doc["config"]["tsd.rollups.config"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let intervals = rollups.iter().flat_map(|config| config["intervals"].as_array().into_iter().flatten());
    let names = intervals.flat_map(|interval| [&interval["table"], &interval["preAggregationTable"]]).filter_map(Value::as_str);
    let more = names.filter(|name| *name != "kit-data").map(|name| (name.to_string(), name.to_string()));
    TABLES.iter().map(|(recorded, ours)| (recorded.to_string(), ours.to_string())).chain(more).collect()
}

fn written_alike(engine_of: impl Fn(&str) -> Engine) {
    let mut wrong = Vec::new();
    let all = scenarios(|name| WRITTEN.contains(&name) || name.starts_with("meta_") || name.starts_with("tree_"));
    assert!(all.len() >= 8, "recorded scenarios are missing");
    for s in &all {
        let engine = engine_of(&s.name);
        let dir = tempfile::tempdir().unwrap();
        let mut server = start(&engine, dir.path(), &s.doc);
        play(&server, &s.doc["puts"]);
        play(&server, &s.doc["then"]);
        await_compaction(&server);
        server.stop();
        let width = s.doc["config"]["tsd.storage.salt.width"].as_str().is_some();
        // A table that was not recorded may hold anything.
        for (recorded_name, ours) in tables_of(&s.doc).into_iter().filter(|(name, _)| s.doc["tables"].get(name).is_some()) {
            let want: Cells = recorded(&s.doc["tables"][&recorded_name])
                .into_iter()
                .map(|(row, column, value)| (row, column, comparable(&ours, &value)))
                .collect();
            let got: Cells = dump(&engine, dir.path(), &ours)
                .into_iter()
                .map(|c| (hex(&c.row), format!("{}:{}", c.family, hex(&c.qualifier)), comparable(&ours, &hex(&c.value))))
                .collect();
            for (row, column, value) in want.difference(&got) {
                wrong.push(format!("{} {ours}: missing {row} {column} = {value} (salted: {width})", s.name));
            }
            for (row, column, value) in got.difference(&want) {
                wrong.push(format!("{} {ours}: not recorded: {row} {column} = {value}", s.name));
            }
        }
    }
    println!("{} scenarios on {:?}", all.len(), engine_of("x"));
    assert!(wrong.is_empty(), "{} cells differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn embedded_tables_are_equal_byte_for_byte() {
    written_alike(|_| Engine::Embedded);
}

#[test]
fn hbase_tables_are_equal_byte_for_byte() {
    written_alike(|name| Engine::fresh_hbase(&format!("st-{name}")));
}

/// Every telnet put of a scenario: series, milliseconds, value; the last one of an instant wins.
fn points_put(doc: &Value) -> BTreeMap<(String, i64), f64> {
    let mut out = BTreeMap::new();
    let steps = doc["puts"].as_array().into_iter().flatten().chain(doc["then"].as_array().into_iter().flatten());
    for line in steps.filter_map(|s| s["telnet"].as_str()).flat_map(|t| t.lines().map(str::to_string).collect::<Vec<_>>()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["put", metric, stamp, value, tags @ ..] = words.as_slice() else { continue };
        let (Ok(stamp), Ok(value)) = (stamp.parse::<i64>(), value.parse::<f64>()) else { continue };
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        let ms = if stamp > 9_999_999_999 { stamp } else { stamp * 1000 };
        out.insert((format!("{metric} {}", tags.join(" ")), ms), value);
    }
    out
}

#[test]
fn rows_that_java_compacted_or_appended_read_back() {
    let all = scenarios(|name| READ.contains(&name));
    assert!(all.len() >= 4, "recorded scenarios are missing");
    for s in &all {
        let want = points_put(&s.doc);
        let dir = tempfile::tempdir().unwrap();
        for (recorded_name, ours) in [("kit-data", "tsdb"), ("kit-uid", "tsdb-uid")] {
            let cells = recorded(&s.doc["tables"][recorded_name]);
            let cells = cells.iter().map(|(row, column, value)| {
                let (family, qualifier) = column.split_once(':').unwrap();
                (unhex(row), family.to_string(), unhex(qualifier), unhex(value))
            });
            fill(&Engine::Embedded, dir.path(), ours, cells.collect());
        }
        let server = start(&Engine::Embedded, dir.path(), &s.doc);
        let metrics: BTreeSet<&str> = want.keys().filter_map(|(series, _)| series.split(' ').next()).collect();
        let mut got = BTreeMap::new();
        for metric in metrics {
            let q = serde_json::json!({"start": 1, "end": 4102444800u32, "msResolution": true, "queries": [{"aggregator": "none", "metric": metric}]});
            let r = server.client().post("/api/query", &q.to_string()).unwrap();
            let answer: Value = serde_json::from_slice(&r.body).unwrap_or_else(|e| panic!("{}: {e}: {}", s.name, r.text()));
            for one in answer.as_array().unwrap_or_else(|| panic!("{}: {}", s.name, r.text())) {
                let mut tags: Vec<String> =
                    one["tags"].as_object().unwrap().iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap())).collect();
                tags.sort();
                for (ms, v) in one["dps"].as_object().unwrap() {
                    got.insert((format!("{metric} {}", tags.join(" ")), ms.parse().unwrap()), v.as_f64().unwrap());
                }
            }
        }
        assert_eq!(got, want, "{}", s.name);
    }
}
