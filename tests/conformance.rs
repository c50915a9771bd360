//! The answers of OpenTSDB 2.4.1, replayed against our real binary on both engines.
//!
//! `cargo test --test conformance` needs the binary only; the tests named `hbase_*` need a real HBase (`scripts/test`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use support::kit::{self, Context};
use support::scenario;
use support::server::{Engine, Server, long};

/// What this TSD does not answer yet: areas of `query/cases`, scenarios of `api/` and `telnet/`, single cases. Everything
/// else is replayed, also cases of other kinds that `TSDB_KIT` brings.
const LATER: &[&str] = &[
    // scenarios
    // cases
];

fn profile(name: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(kit::root().join(format!("query/profiles/{name}.conf"))).expect("profile");
    let pairs = text.lines().filter_map(|l| l.split_once('='));
    pairs.map(|(k, v)| (k.trim().to_string(), v.trim().to_string())).collect()
}

#[derive(Default)]
struct Tally {
    passed: BTreeMap<String, usize>,
    failed: Vec<String>,
    deviated: usize,
}

impl Tally {
    fn add(&mut self, id: &str, why: Option<String>, deviations: &BTreeMap<String, String>) {
        if deviations.contains_key(id) {
            self.deviated += 1;
            if why.is_none() {
                self.failed.push(format!("{id}: a stale deviation, the answer equals the recorded one"));
            }
        } else if let Some(why) = why {
            self.failed.push(format!("{id}: {why}"));
        } else {
            *self.passed.entry(id.split('/').next().unwrap_or_default().to_string()).or_default() += 1;
        }
    }

    fn finish(self, what: &str) {
        let all: usize = self.passed.values().sum();
        println!("{what}: {all} passed, {} failed, {} deviations; {:?}", self.failed.len(), self.deviated, self.passed);
        assert!(all > 0, "no case was run");
        assert!(self.failed.is_empty(), "{} failed:\n{}", self.failed.len(), self.failed.join("\n"));
    }
}

fn query_cases(engine: &Engine, profile_name: &str, wanted: impl Fn(&str, &serde_json::Value) -> bool) {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(kit::root().join("query/cases")).expect("cases").map(|e| e.expect("entry").path()).collect();
    files.sort();
    let all = files.iter().flat_map(|f| kit::read_lines(f));
    let cases: Vec<_> = all
        .filter(|c| c["profile"].as_str().unwrap_or("default") == profile_name)
        .filter(|c| wanted(c["id"].as_str().unwrap_or_default(), c))
        .collect();
    let settings = profile(profile_name);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    // `TSDB_SUBJECT=host:port` asks a server that runs already (the real OpenTSDB, to test these tests).
    let server = std::env::var("TSDB_SUBJECT").is_err().then(|| Server::start(engine, &settings));
    let addr = server.as_ref().map_or_else(|| std::env::var("TSDB_SUBJECT").expect("set"), |s| s.addr.clone());
    let mut client = support::http::Client::new(&addr);
    let mut ctx = Context::default();
    kit::assign_all(&mut client);
    let mut loaded: Vec<String> = Vec::new();
    for name in cases.iter().flat_map(|c| c["datasets"].as_array().into_iter().flatten()).filter_map(|d| d.as_str()) {
        if !loaded.iter().any(|l| l == name) {
            loaded.push(name.to_string());
            kit::load(&mut client, name, &mut ctx).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    let deviations = kit::deviations();
    let mut tally = Tally::default();
    for case in &cases {
        std::thread::sleep(std::time::Duration::from_secs_f64(case["wait"].as_f64().unwrap_or(0.0)));
        let why = match kit::send(&mut client, &case["request"], &ctx) {
            Ok(got) => kit::compare(case, &got, &ctx),
            Err(e) => vec![e],
        };
        let why = (!why.is_empty()).then(|| why.into_iter().take(3).collect::<Vec<_>>().join("; "));
        tally.add(case["id"].as_str().unwrap_or_default(), why, &deviations);
    }
    tally.finish(&format!("{profile_name} on {engine:?}"));
}

fn area(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

fn built(id: &str, _: &serde_json::Value) -> bool {
    !LATER.contains(&area(id)) && !LATER.contains(&id)
}

#[test]
fn embedded_query_cases() {
    query_cases(&Engine::Embedded, "default", built);
}

#[test]
fn embedded_strict_cases() {
    query_cases(&Engine::Embedded, "strict", built);
}

#[test]
fn embedded_extended_cases() {
    query_cases(&Engine::Embedded, "extended", built);
}

#[test]
fn hbase_extended_cases() {
    query_cases(&Engine::fresh_hbase("extended"), "extended", built);
}

/// In the short form every fifth case (and all puts and groups of cases, which build on each other); in the long form all.
#[test]
fn hbase_query_cases() {
    let engine = Engine::fresh_hbase("conf");
    let mut n = 0;
    let mut turn = move || {
        n += 1;
        n % 5 == 0
    };
    let picked = std::cell::RefCell::new(&mut turn);
    let together = |id: &str, case: &serde_json::Value| area(id) == "put" || case["group"].is_string();
    query_cases(&engine, "default", |id, case| built(id, case) && (long() || together(id, case) || (picked.borrow_mut())()));
}

#[test]
fn hbase_strict_cases() {
    query_cases(&Engine::fresh_hbase("strict"), "strict", built);
}

fn scenario_cases(engine: &Engine, wanted: impl Fn(&str) -> bool) {
    let deviations = kit::deviations();
    let mut tally = Tally::default();
    // Besides the kit's, scenarios of ours that were recorded in the same way.
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/own/api");
    for folder in [kit::root().join("api"), kit::root().join("telnet"), own] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder).expect("scenarios").map(|e| e.expect("entry").path()).collect();
        files.sort();
        for file in files {
            let name = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_string();
            if wanted(&name) {
                for (id, why) in scenario::run(&file, engine) {
                    if !LATER.contains(&id.as_str()) {
                        tally.add(&id, why, &deviations);
                    }
                }
            }
        }
    }
    tally.finish(&format!("scenarios on {engine:?}"));
}

fn in_scope(name: &str) -> bool {
    !LATER.contains(&name)
}

#[test]
fn embedded_scenarios() {
    scenario_cases(&Engine::Embedded, in_scope);
}

#[test]
fn hbase_scenarios() {
    let recorded =
        |name: &&str| kit::root().join(format!("api/{name}.jsonl")).exists() || kit::root().join(format!("telnet/{name}.jsonl")).exists();
    let names = ["histogram_on", "put_bad", "rollup_on", "suggest", "uid_assign", "uid_tsmeta", "uid_tsmeta_tracking", "uid_uidmeta"];
    for name in names.into_iter().filter(|name| recorded(name)) {
        scenario_cases(&Engine::fresh_hbase(name), |n| n == name);
    }
}
