//! Requests of the recorded scenarios, and others of their kinds (`tests/golden/own/api`), each as it stands and then changed
//! in ways that clients get wrong (`support::mutate`), asked of the real OpenTSDB 2.4.1 and of our binary in one order: no
//! answer may differ.
//!
//! The short form asks the scenarios that share one kind of settings, on one pair of servers; the long one all of them, each
//! on servers and tables of its own. What is different on purpose (docs/COMPATIBILITY.md) is not asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::http::Client;
use support::kit;
use support::mutate::mutated;
use support::random::Random;
use support::real::{RealTsd, create_tables};
use support::server::{Engine, Server, long};
use support::{recorded, scenario};

/// Scenarios of the short form: they share settings, and stand no matter what was stored before them.
const SHORT: [&str; 6] = ["suggest", "uid_uidmeta", "own_uid_rename", "own_annotation_bulk", "search_lookup_meta", "tree_rules"];

/// Scenarios that are not asked: rollups name tables, graphs and statistics are compared by their own suites, an end of the
/// server is none of the others' business, and what a tree shows at once is chance in the original.
const LEFT_OUT: [&str; 9] = ["config", "mode_ro", "old_die", "old_q", "old_static", "serializers", "stats", "tree_build", "ui_off"];

/// Parts of requests whose answers differ on purpose: kinds of search that are left to plug-ins there, our version, formats,
/// names of functions that could do harm, statistics, charsets, and markup.
const ON_PURPOSE: [&str; 13] = [
    "search/tsmeta",
    "search/tsuids",
    "search/uidmeta",
    "search/annotation",
    "version",
    "serializers",
    "jsonp=",
    "stats",
    "/config",
    "metrics/",
    "charset",
    "/logs",
    "%3c",
];

/// How long a GET is asked again until both tell the same: what was stored a moment ago may be seen later there.
const SEEN: Duration = Duration::from_secs(20);

fn is_asked(request: &Value) -> bool {
    let path = request["path"].as_str().unwrap_or_default();
    let lower = path.to_lowercase();
    let is_list = lower.contains("/annotations");
    // An end of 0 is none.
    let body = request["body"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
    let no_end = is_list && !lower.contains("end_time=1") && body["endTime"].as_f64().unwrap_or(0.0) == 0.0;
    // PUT of rules to a tree without any, HEAD with a body that is a 500 there: its reason cannot be told.
    let rules = lower.contains("tree/rules") && (request["method"] == "PUT" || lower.contains("method_override=put"));
    let head = request["method"] == "HEAD" && request["body"].is_string();
    !(no_end || rules || head || lower.contains("diediedie") || ON_PURPOSE.iter().any(|part| lower.contains(part)))
}

struct Scenario {
    name: String,
    config: Vec<(String, String)>,
    cases: Vec<Value>,
}

fn scenarios() -> Vec<Scenario> {
    let folders = [kit::root().join("api"), PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/own/api")];
    let mut files: Vec<PathBuf> = folders.iter().flat_map(|f| std::fs::read_dir(f).unwrap()).map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let lines = kit::read_lines(file);
        let (head, cases) = lines.split_first().expect("a scenario has a head");
        let config = scenario::config(head).into_iter().filter(|(key, _)| !key.ends_with("_table")).collect();
        Scenario { name: head["scenario"].as_str().unwrap().to_string(), config, cases: cases.to_vec() }
    };
    files.iter().map(read).filter(|s| !LEFT_OUT.contains(&s.name.as_str())).collect()
}

/// The two servers, and what was found.
struct Pair {
    real: RealTsd,
    ours: Server,
    prefix: String,
    asked: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Pair {
    fn start(config: &[(String, String)]) -> Pair {
        let Engine::Hbase { prefix } = Engine::fresh_hbase("diffapi") else { unreachable!() };
        create_tables(&prefix);
        let mut settings: Vec<(&str, &str)> = config.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        settings.push(("tsd.http.show_stack_trace", "false"));
        Pair {
            real: RealTsd::start(&prefix, &settings),
            ours: Server::start(&Engine::Embedded, &settings),
            prefix,
            asked: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Asks every case, and `changes` changed forms of each.
    fn run(&mut self, scenario: &Scenario, changes: usize, random: &mut Random) {
        let mut kept = HashMap::new();
        for case in &scenario.cases {
            let request = scenario::substitute(&case["request"], &kept);
            let forms = std::iter::once(request.clone()).chain((0..changes).map(|_| mutated(random, &request)));
            for (place, form) in forms.collect::<Vec<_>>().iter().enumerate().filter(|(_, form)| is_asked(form)) {
                let answer = self.ask(&scenario.name, form);
                if let Some(answer) = answer.filter(|_| place == 0) {
                    scenario::capture(case, &answer, &mut kept);
                    let pause = case["pause_ms"].as_u64().unwrap_or(0).max(case["retry_ms"].as_u64().map_or(0, |_| 300));
                    std::thread::sleep(Duration::from_millis(pause));
                }
            }
        }
    }

    /// Asks both. What was stored a moment ago may be seen later there: a GET is asked again until the answers are the same.
    fn ask(&mut self, scenario: &str, request: &Value) -> Option<support::http::Response> {
        *self.asked.entry(scenario.to_string()).or_default() += 1;
        let path = request["path"].as_str().unwrap_or_default();
        let repeats = request["method"] == "GET" && !path.contains("method_override");
        let until = Instant::now() + if repeats { SEEN } else { Duration::ZERO };
        loop {
            let (real, ours) = match (scenario::call(&self.real.addr, request), scenario::call(&self.ours.addr, request)) {
                (Ok(real), Ok(ours)) => (real, ours),
                // An empty body that is said to be packed, as a HEAD of an odd path gets: neither can be read.
                (Err(real), Err(ours)) if real == ours => return None,
                (real, ours) => {
                    self.wrong.push(format!("{scenario}: {request}: {:?} {:?}", real.err(), ours.err()));
                    return None;
                }
            };
            let why = scenario::compare(&recorded::case(&real, &self.prefix), &ours);
            match why {
                Some(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(200)),
                Some(why) => {
                    let clip = |text: String| text.chars().take(300).collect::<String>();
                    self.wrong.push(format!("{scenario}: {why}\n    {request}\n    wanted {} {}", real.status, clip(real.text())));
                    return Some(real);
                }
                None => return Some(real),
            }
        }
    }
}

#[test]
fn changed_requests_against_the_real_one() {
    let all = scenarios();
    let mut random = Random::new(7_411);
    let (mut asked, mut wrong): (BTreeMap<String, usize>, Vec<String>) = Default::default();
    if long() {
        for scenario in &all {
            let mut pair = Pair::start(&scenario.config);
            pair.run(scenario, 8, &mut random);
            // Many minutes: what is found is told as it comes.
            println!("{}: {:?}, {} answers differ\n{}", scenario.name, pair.asked.values(), pair.wrong.len(), pair.wrong.join("\n"));
            asked.extend(pair.asked);
            wrong.extend(pair.wrong);
        }
    } else {
        let short: Vec<&Scenario> = SHORT.iter().filter_map(|name| all.iter().find(|s| s.name == *name)).collect();
        let mut pair = Pair::start(&short.last().expect("a scenario").config);
        short.iter().for_each(|scenario| pair.run(scenario, 2, &mut random));
        (asked, wrong) = (pair.asked, pair.wrong);
    }
    println!("{} requests, {} answers differ; {asked:?}", asked.values().sum::<usize>(), wrong.len());
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Lines that are commands, nearly: each as recorded and then with words changed.
#[test]
fn changed_lines_against_the_real_one() {
    let mut random = Random::new(7_412);
    let mut wrong = Vec::new();
    let mut count = 0;
    for name in if long() { &["put_bad", "commands", "put_no_auto", "put_no_auto_tags", "histogram_on"][..] } else { &["put_bad"][..] } {
        let lines = kit::read_lines(&kit::root().join(format!("telnet/{name}.jsonl")));
        let config: Vec<_> = scenario::config(&lines[0]).into_iter().filter(|(key, _)| !key.ends_with("_table")).collect();
        let pair = Pair::start(&config);
        let (mut real, mut ours) = (Client::new(&pair.real.addr), Client::new(&pair.ours.addr));
        for case in &lines[1..] {
            let Some(line) = case["send"].as_str().and_then(|text| text.strip_suffix('\n')) else { continue };
            for line in std::iter::once(line.to_string()).chain((0..if long() { 20 } else { 6 }).map(|_| line_of(&mut random, line))) {
                // What tells of the program, ends the connection or the server, or is no line of telnet's.
                let odd = ["version", "stats", "exit", "diediedie"].iter().any(|word| line.starts_with(word));
                if odd || line.contains('\n') || line.len() > 900 || line.starts_with(|c: char| c.is_uppercase()) {
                    continue;
                }
                count += 1;
                let told = [&mut real, &mut ours].map(|client| client.line(&line).unwrap_or_else(|e| panic!("{line:?}: {e}")));
                let [want, got] = told.map(|text| text.replace(&pair.prefix, ""));
                if want != got {
                    wrong.push(format!("{name}: {line:?}: {got:?}, expected {want:?}"));
                }
            }
        }
    }
    println!("{count} lines, {} answers differ", wrong.len());
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Words that lines get.
const WORDS: [&str; 40] = [
    "",
    "m1",
    "host=a",
    "host=",
    "=a",
    "host",
    "a=b=c",
    "1",
    "-1",
    "0",
    "1.5",
    ".5",
    "5.",
    "+5",
    "-",
    "1e3",
    "1.2.3",
    "1e999",
    "NaN",
    "0x10",
    "1f",
    "-0.0",
    "9223372036854775808",
    "1400000000",
    "1400000000000",
    "1400000000.5",
    "1400000000.1234",
    "14000000000000",
    "4294967296",
    "abc",
    "\t",
    "é",
    "m!1",
    "a:b",
    "1h-sum",
    "42",
    "AAAABjP/uMI=",
    "1.0,2.0=5:u=0:o=1",
    "2.0,1.0=5",
    "u=1",
];

fn line_of(r: &mut Random, line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_string).collect();
    let at = r.range(0, words.len() as i64 - 1) as usize;
    match r.range(0, 9) {
        0 => drop(words.remove(at)),
        1 => words.insert(at, String::new()),
        2 => words.insert(at, r.pick(&WORDS).to_string()),
        3 => words.truncate(at + 1),
        4 => words.push(words[at].clone()),
        5 => words.swap(at, 0),
        6 => words[at] = words[at].to_uppercase(),
        7 => words[at].push_str(r.pick::<&str>(&["x", ".", "=", "-", "é", "\t", " "])),
        _ => words[at] = r.pick(&WORDS).to_string(),
    }
    words.join(" ")
}
