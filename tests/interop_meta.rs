//! Meta data side by side on one HBase: the real OpenTSDB's `metasync` finds nothing to repair in what we wrote, ours
//! nothing in what it wrote, and each changes what the other made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::http::Client;
use support::real::{RealTsd, command, create_tables};
use support::server::{Engine, META, Server, run_ok, until, write_config};
use support::tables::dump;

type Cells = Vec<(String, Vec<u8>, Vec<u8>, Vec<u8>)>;

fn meta_cells(engine: &Engine) -> Cells {
    let dir = tempfile::tempdir().unwrap();
    let tables = ["tsdb-uid", "tsdb-meta"];
    let all = tables.into_iter().flat_map(|table| dump(engine, dir.path(), table).into_iter().map(move |c| (table, c)));
    all.map(|(table, c)| (table.to_string(), c.row, c.qualifier, c.value)).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Ten points of each of 40 series, all of this hour: both tools take a time of creation far from a row's for wrong.
fn put(client: &mut Client) {
    if now() % 3_600 > 3_540 {
        std::thread::sleep(Duration::from_secs(61));
    }
    for host in 0..40 {
        let points: Vec<Value> = (0..10)
            .map(|at| json!({"metric": "inter.meta", "timestamp": now() * 1_000 + at, "value": at, "tags": {"host": format!("h{host}"), "dc": format!("d{}", host % 3)}}))
            .collect();
        client.tell("/api/put", &points.into());
    }
}

/// Waits until every series is counted whole.
fn counted(client: &mut Client) {
    until("all counts", || {
        let all = client.ask("/api/uid/tsmeta?m=inter.meta").1;
        all.as_array().into_iter().flatten().filter(|meta| meta["totalDatapoints"] == 10).count() == 40
    });
}

#[test]
fn neither_tool_repairs_what_the_other_wrote() {
    for java in [false, true] {
        let engine = Engine::fresh_hbase(if java { "meta-java" } else { "meta-ours" });
        let Engine::Hbase { prefix } = &engine else { unreachable!() };
        create_tables(prefix);
        if java {
            let real = RealTsd::start(prefix, &META);
            put(&mut real.client());
            counted(&mut real.client());
            real.stop();
        } else {
            let mut ours = Server::start(&engine, &META);
            put(&mut ours.client());
            counted(&mut ours.client());
            ours.stop();
        }
        let before = meta_cells(&engine);
        // 45 names with three cells each and three highest ids; counters and meta data of 40 series.
        assert_eq!(before.len(), 46 * 3 + 3 + 2 * 40, "written by Java: {java}");
        if java {
            let dir = tempfile::tempdir().unwrap();
            let conf = write_config(dir.path(), &engine, &[]);
            run_ok(&["uid", &format!("--config={}", conf.display()), "metasync"]);
        } else {
            let (code, said) = command(prefix, &["uid", "metasync"]);
            assert_eq!(code, 0, "{said}");
        }
        assert_eq!(meta_cells(&engine), before, "written by Java: {java}");
    }
}

#[test]
fn each_changes_what_the_other_made() {
    let engine = Engine::fresh_hbase("meta-both");
    let Engine::Hbase { prefix } = &engine else { unreachable!() };
    create_tables(prefix);
    let mut ours = Server::start(&engine, &META);
    let real = RealTsd::start(prefix, &META);
    put(&mut ours.client());
    counted(&mut ours.client());
    let tsuid = "000001000001000001000002000002";
    let custom: Value = (0..20).map(|n| (format!("key{n}"), json!(format!("v{n}")))).collect::<serde_json::Map<_, _>>().into();
    // OpenTSDB compares the stored bytes with what it would write itself, so this fails if a byte is not its own.
    for round in 0..3 {
        let (first, second) =
            if round % 2 == 0 { (&mut ours.client(), &mut real.client()) } else { (&mut real.client(), &mut ours.client()) };
        let note = format!("round {round} \"quoted\" é\u{1}\n");
        first.tell("/api/uid/tsmeta", &json!({"tsuid": tsuid, "notes": note, "custom": custom, "max": 1e10, "retention": round + 1}));
        let seen = second.tell("/api/uid/tsmeta", &json!({"tsuid": tsuid, "displayName": format!("d{round}")}));
        assert_eq!((&seen["notes"], &seen["custom"], &seen["max"]), (&json!(note), &custom, &json!(1e10)), "round {round}");
        first.tell("/api/uid/uidmeta", &json!({"uid": "000001", "type": "metric", "custom": custom, "notes": note}));
        let seen = second.tell("/api/uid/uidmeta", &json!({"uid": "000001", "type": "metric", "description": format!("e{round}")}));
        assert_eq!((&seen["notes"], &seen["custom"]), (&json!(note), &custom), "round {round}");
    }
    // Both show the same, to the byte and in the same order of keys.
    for path in [&format!("/api/uid/tsmeta?tsuid={tsuid}"), "/api/uid/uidmeta?uid=000001&type=metric"] {
        let (a, b) = (ours.client().get(path).unwrap(), real.client().get(path).unwrap());
        assert_eq!((a.status, a.text()), (b.status, b.text()), "{path}");
    }
    // The Java TSD lists series in the order in which their answers came.
    let list = |client: &mut Client| {
        let text = client.get("/api/uid/tsmeta?m=inter.meta%7Bdc=d1%7D").unwrap().text();
        let mut parts: Vec<String> =
            text.trim_matches(['[', ']']).split(",{\"tsuid\"").map(|part| part.replace("{\"tsuid\"", "")).collect();
        parts.sort();
        parts
    };
    let (a, b) = (list(&mut ours.client()), list(&mut real.client()));
    assert_eq!((a.len(), a == b), (13, true));
    real.stop();
    ours.stop();
}
