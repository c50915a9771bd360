//! Kills at the worst moments, on both engines: no message is lost, none is sent with two ids, and what a killed worker did
//! is done by another one two rounds later.

use super::house::{FAST, Receiver, WorkerProcess, by_rule, channel, get, many_rules, now, put, put_all, until, write_rules};
use super::support::server::{Engine, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// Three rules that tell at once, and one over three hosts whose messages go out as one.
fn rules(url: &str, name: &str) -> String {
    let common = "judge.critical = \"all(#1) > 90\"\nevery = \"1s\"\nwindow = \"10m\"\nnotify = { critical = [\"out\"] }\n";
    let mut text = channel(url);
    for n in 0..3 {
        text.push_str(&format!("[rule.{name}{n}]\nquery = \"sum:{name}.{n}{{host=*}}\"\n{common}"));
    }
    text + &format!("[rule.{name}m]\nquery = \"sum:{name}.m{{host=*}}\"\nmerge = \"1s\"\n{common}")
}

/// Ids of the messages about each group.
fn by_group(notices: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for notice in notices {
        for event in notice["events"].as_array().unwrap() {
            out.entry(event["name"].as_str().unwrap().into()).or_default().push(notice["id"].as_str().unwrap().into());
        }
    }
    out
}

/// One worker is killed at this point, another one goes on.
fn killed_at(fault: &str, server: &Server, engine: &Engine, dir: &Path) {
    let receiver = Receiver::start();
    let dir = dir.join(fault);
    std::fs::create_dir(&dir).unwrap();
    let rules = write_rules(&dir, &rules(&receiver.url(), fault));
    for n in 0..3 {
        put(server, &format!("{fault}.{n}"), "a", 95.0);
        put(server, &format!("{fault}.m"), ["a", "b", "c"][n], 95.0);
    }
    let mut flags = vec![format!("--rules={rules}"), "--interval=2".to_string()];
    if *engine == Engine::Embedded {
        flags.push(format!("--tsd=http://{}", server.addr));
    }
    let mut first = WorkerProcess::start(&dir, engine, &FAST, &flags, Some(fault));
    first.wait_for_abort();
    let before = by_group(&receiver.notices());
    assert!(if fault == "recorded" { before.is_empty() } else { fault == "claimed" || !before.is_empty() }, "{fault}: {before:?}");
    assert!(fault != "claimed" || before.keys().all(|group| !group.starts_with("claimed.m")), "{before:?}");
    let second = WorkerProcess::start(&dir, engine, &FAST, &flags, None);
    until("every group", 60, || by_group(&receiver.notices()).len() == 6);
    std::thread::sleep(Duration::from_secs(4));
    let told = by_group(&receiver.notices());
    for (group, ids) in &told {
        let same = ids.iter().all(|id| *id == ids[0]);
        assert!((1..=2).contains(&ids.len()) && same, "{fault}: {group} {ids:?}\n{}", second.log());
    }
    let twice = told.values().filter(|ids| ids.len() == 2).count();
    assert!(fault != "sent" || twice > 0, "{told:?}");
    assert!(fault != "recorded" || twice == 0, "{told:?}");
    // The merged ones are one message, whoever sent it.
    let merged: BTreeSet<&String> =
        told.iter().filter(|(group, _)| group.starts_with(&format!("{fault}.m"))).flat_map(|(_, ids)| ids).collect();
    assert_eq!(merged.len(), 1, "{told:?}");
}

fn killed(engine: &Engine) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), engine, &FAST, &[]);
    for fault in ["recorded", "claimed", "sent"] {
        killed_at(fault, &server, engine, dir.path());
    }
}

#[test]
fn killed_between_writing_down_sending_and_taking_out() {
    killed(&Engine::Embedded);
}

#[test]
fn killed_between_writing_down_sending_and_taking_out_on_hbase() {
    killed(&Engine::fresh_hbase("kills"));
}

/// The numbers before and after some words in a line of a log.
fn numbers(line: &str) -> Vec<u64> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter_map(|word| word.parse().ok()).collect()
}

/// `round 7: 24 rules checked`, in order.
fn rounds(log: &str) -> Vec<(u64, u64)> {
    let lines = log.lines().filter_map(|line| line.split_once("rules checked")?.0.rsplit_once("round "));
    lines.filter_map(|(_, numbers_of)| numbers(numbers_of).first_chunk::<2>().map(|[round, checked]| (*round, *checked))).collect()
}

#[test]
fn a_killed_workers_share_is_taken_over_within_two_rounds_on_hbase() {
    const RULES: usize = 24;
    let receiver = Receiver::start();
    let (dir, a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::fresh_hbase("worker");
    let settings: Vec<_> = FAST.into_iter().map(|(key, value)| (key, if key == "tsd.worker.interval" { "4" } else { value })).collect();
    let server = Server::start_in(dir.path(), &engine, &settings, &[]);
    put_all(&server, RULES, 5.0);
    // Each rule is checked in each round.
    let text = many_rules(&receiver.url(), RULES).replace("every = \"1s\"", "every = \"4s\"");
    let flags = [format!("--rules={}", write_rules(dir.path(), &text))];
    let mut first = WorkerProcess::start(a.path(), &engine, &settings, &flags, None);
    let second = WorkerProcess::start(b.path(), &engine, &settings, &flags, None);
    let workers = || get(&server, "/api/alerts/workers")["workers"].as_array().unwrap().clone();
    until("both workers with a share", 60, || {
        let checked = |worker: &Value| worker["status"]["checked"].as_u64().unwrap_or(0);
        workers().len() == 2 && workers().iter().all(|worker| (1..RULES as u64).contains(&checked(worker)))
    });
    put_all(&server, RULES, 95.0);
    until("every alert", 60, || by_rule(&receiver.notices(), "alert").len() == RULES);
    std::thread::sleep(Duration::from_secs(3));
    let alerts = by_rule(&receiver.notices(), "alert");
    assert!(alerts.values().all(|ids| ids.len() == 1), "each alert is told once: {alerts:?}\n{}\n{}", first.log(), second.log());
    first.kill();
    put_all(&server, RULES, 5.0);
    until("every end", 120, || by_rule(&receiver.notices(), "recovery").len() == RULES);
    // By the survivor's own count: it heard of the other one last in round `heard`, and with the second round after that at
    // the latest it checks all rules.
    until("the word about it", 20, || second.log().contains("is silent since round "));
    let log = second.log();
    // The last word about it: a busy machine may have been slow to hear of one that was alive.
    let silent = log.lines().rev().find_map(|line| line.split_once("is silent since round "));
    let heard = silent.and_then(|(_, rest)| numbers(rest).first().copied());
    let heard = heard.unwrap_or_else(|| panic!("{log}"));
    let rounds = rounds(&log);
    let whole = |checked: u64| checked == RULES as u64;
    assert!(rounds.iter().any(|(round, checked)| *round <= heard && *checked > 0 && !whole(*checked)), "{rounds:?}");
    let taken = rounds.iter().find(|(round, checked)| *round > heard && whole(*checked)).unwrap_or_else(|| panic!("{rounds:?}")).0;
    assert!(taken <= heard + 2, "heard in round {heard}, all rules in round {taken}\n{log}");
    assert!(rounds.iter().all(|(round, checked)| *round < taken || whole(*checked)), "{rounds:?}");
    for (rule, ids) in by_rule(&receiver.notices(), "recovery") {
        assert!(ids.iter().all(|id| *id == ids[0]) && ids.len() <= 2, "{rule} {ids:?}");
    }
}

#[test]
fn a_group_that_vanishes_while_no_worker_runs_is_missed() {
    let receiver = Receiver::start();
    let (dir, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start_in(dir.path(), &Engine::Embedded, &FAST, &[]);
    let text = channel(&receiver.url())
        + "[rule.gone]\nquery = \"sum:alive{host=*}\"\njudge.critical = \"all(#1) > 90\"\nevery = \"1s\"\nwindow = \"4s\"\nunknown = { after = \"3s\", action = \"alert\" }\nnotify = [\"out\"]\n";
    let flags = [format!("--tsd=http://{}", server.addr), format!("--rules={}", write_rules(dir.path(), &text))];
    let alive = |hosts: &[&str]| hosts.iter().for_each(|host| put(&server, "alive", host, 1.0));
    let mut first = WorkerProcess::start(own.path(), &Engine::Embedded, &FAST, &flags, None);
    until("that both are known", 20, || {
        alive(&["a", "b"]);
        first.log().contains("2 groups of gone are written down")
    });
    first.kill();
    // Until the last points of b are out of the window.
    for _ in 0..6 {
        alive(&["a"]);
        std::thread::sleep(Duration::from_secs(1));
    }
    let second = WorkerProcess::start(own.path(), &Engine::Embedded, &FAST, &flags, None);
    until("the word about b", 30, || {
        alive(&["a"]);
        !receiver.notices().is_empty()
    });
    let told = receiver.notices();
    let of: Vec<_> =
        told.iter().flat_map(|notice| notice["events"].as_array().unwrap()).map(|event| event["tags"]["host"].clone()).collect();
    assert_eq!((told[0]["kind"].as_str(), of), (Some("unknown"), vec![json!("b")]), "{told:?}\n{}", second.log());
}

/// In a salted table the series of one metric are the work of several: each looks at its buckets, and each row is read once.
#[test]
fn the_series_of_one_metric_are_shared_on_a_salted_hbase() {
    const SERIES: u64 = 40;
    let (dir, a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::fresh_hbase("salted");
    let settings = [
        &FAST[..],
        &[
            ("tsd.storage.salt.width", "1"),
            ("tsd.storage.salt.buckets", "16"),
            ("tsd.worker.detect.metrics", "wide.*"),
            ("tsd.worker.detect.interval", "2"),
            ("tsd.worker.skyline.full_duration", "600"),
        ],
    ]
    .concat();
    let server = Server::start_in(dir.path(), &engine, &settings, &[]);
    let at = now();
    let points: Vec<Value> =
        (0..SERIES).map(|n| json!({"metric": "wide.load", "timestamp": at, "value": n, "tags": {"host": format!("web{n}")}})).collect();
    assert_eq!(server.client().post("/api/put", &Value::from(points).to_string()).unwrap().status, 204);
    let first = WorkerProcess::start(a.path(), &engine, &settings, &[], None);
    let second = WorkerProcess::start(b.path(), &engine, &settings, &[], None);
    // `looked at 23 series`: the last look of each.
    let looked = |worker: &WorkerProcess| -> u64 {
        let log = worker.log();
        let last = log.lines().rev().find_map(|line| line.split_once("looked at "));
        last.and_then(|(_, rest)| numbers(rest).first().copied()).unwrap_or(0)
    };
    until("that both have a share of the metric", 60, || {
        let (one, other) = (looked(&first), looked(&second));
        one > 0 && other > 0 && one + other == SERIES
    });
}
