//! The built-in pages in a real Chromium, over the real binary: `tests/browser/*.test.mjs`, each file with a server of its
//! own data, on both engines. The pages' modules that need no browser are tested by `tests/ui/*.test.mjs`.
//!
//! Needs node, Debian's `chromium` and `npm ci` in `tests/browser`; `scripts/test` sees to all three.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};
use support::server::{Engine, Server, long};

/// Longest time for a file, on a machine that does much else: what hangs is to end, nothing is proven by it.
const FILE_MAX: Duration = Duration::from_secs(600);

/// What is run on HBase in the short form: files, and which of their tests, as a pattern of names. Those whose pages read tables in
/// ways of their own are run whole, of the others the main path of each page.
const ON_HBASE: [(&str, &str); 7] = [
    ("explore.test.mjs", ""),
    ("frame.test.mjs", ""),
    ("graph.test.mjs", "two actions|by keyboard alone|another window|heat map"),
    ("screens.test.mjs", ""),
    ("status.test.mjs", ""),
    ("trees.test.mjs", ""),
    ("worker.test.mjs", "^Anomalies|acknowledged|^Similar"),
];

/// Settings of the server under test. What is markup may stand in names.
const SETTINGS: [(&str, &str); 4] = [
    ("tsd.core.auto_create_metrics", "true"),
    ("tsd.core.tag.allow_specialchars", "<>'\"&"),
    ("tsd.core.histograms.config", r#"{"net.opentsdb.core.SimpleHistogramDecoder": 42}"#),
    ("tsd.core.timezone", "UTC"),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Files that need a server with a worker, and one that sorts series into a tree.
const OF_THE_WORKER: [&str; 2] = ["trees.test.mjs", "worker.test.mjs"];
const TREES: [(&str, &str); 3] = [
    ("tsd.core.meta.enable_realtime_ts", "true"),
    ("tsd.core.meta.enable_tsuid_tracking", "true"),
    ("tsd.core.tree.enable_processing", "true"),
];

/// What that worker watches: one rule for the history that the tests write, one that does not parse.
const RULES: &str = r#"
[notify.log]
type = "file"
path = "FOLDER/alerts.log"

[rule.cpu_busy]
note = "look at the <b>top</b> of {{ name }}"
query = "avg:1m-avg:worker.cpu{host=*}"
judge = { critical = "all(#3) > 90" }
every = "1s"
notify = "log"
close = false

[rule.broken]
query = "avg:worker.cpu{host=*}"
judge = { critical = "any(#3) > 60" }
"#;

/// The test files of a folder in order; with `TSDB_TEST_BROWSER` only those whose names hold it.
fn test_files(name: &str) -> Vec<PathBuf> {
    let only = std::env::var("TSDB_TEST_BROWSER").unwrap_or_default();
    let entries = std::fs::read_dir(folder(name)).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_test = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.ends_with(".test.mjs") && n.contains(&only));
    let mut files: Vec<PathBuf> = entries.filter(is_test).collect();
    files.sort();
    files
}

/// Which tests of a file are run on an engine: a flag for node, or `None` if the file is left out.
fn part(engine: &Engine, file: &Path) -> Option<Option<String>> {
    if long() || matches!(engine, Engine::Embedded) {
        return Some(None);
    }
    let (_, pattern) = ON_HBASE.iter().find(|(name, _)| file.ends_with(name))?;
    Some((!pattern.is_empty()).then(|| format!("--test-name-pattern={pattern}")))
}

/// Runs the part of a file that an engine is for.
fn run(engine: &Engine, file: PathBuf, address: &str) -> Result<(), String> {
    let Some(pattern) = part(engine, &file) else { return Ok(()) };
    let flags: Vec<&str> = ["--test", "--test-reporter=tap"].into_iter().chain(pattern.as_deref()).collect();
    node(FILE_MAX, &flags, &[file], address)
}

/// A file that failed is run once more, alone: a browser on a busy machine is no clockwork. Green then is green, and is told on the
/// test's own output, which is not captured, with what failed at first: it is a cause to be found.
fn once_more(engine: &Engine, file: PathBuf, first: String, address: &str) -> Option<String> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match run(engine, file, address) {
        Ok(()) => {
            let _ = writeln!(std::io::stderr(), "flaky: {name} failed at first: {first}");
            None
        }
        Err(second) => Some(format!("{first}\nand once more, alone:\n{second}")),
    }
}

/// Runs node with flags on files; ended by force, its browsers too, after `limit`. What failed, if something did.
fn node(limit: Duration, flags: &[&str], files: &[PathBuf], address: &str) -> Result<(), String> {
    let mut command = Command::new("node");
    command.args(flags).args(files).current_dir(folder("browser")).process_group(0);
    command.env("TSDB_URL", format!("http://{address}")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|e| format!("node cannot be started ({e}): apt-get install nodejs npm, or run scripts/test"))?;
    let (group, began) = (format!("-{}", child.id()), Instant::now());
    let (done, ended) = mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
    });
    let out = child.wait_with_output().expect("wait for node");
    drop(done);
    let _ = guard.join();
    let (said, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    said.lines().filter(|line| line.contains("measured:")).for_each(|line| println!("{}", line.trim_start_matches(['#', ' '])));
    if out.status.success() {
        return Ok(());
    }
    Err(format!("node {flags:?} {files:?}: {} after {:?}\n{}\n{errors}", out.status, began.elapsed(), failures(&said)))
}

/// The failed tests of a report in TAP, each with its error; all of it if none is found.
fn failures(report: &str) -> String {
    let blocks: Vec<&str> = report.split("\nnot ok ").skip(1).map(|block| block.split("\n  ...").next().unwrap_or(block)).collect();
    if blocks.is_empty() { report.to_string() } else { blocks.join("\n") }
}

/// Test files, two at a time, the longest first; those that measure come alone, at the end, and behind them what failed, once more.
fn two_at_a_time(engine: &Engine, files: &[PathBuf], address: &str) {
    let (alone, mut rest): (Vec<PathBuf>, Vec<PathBuf>) = files.iter().cloned().partition(|file| file.ends_with("budget.test.mjs"));
    rest.sort_by_key(|file| !file.ends_with("reload.test.mjs"));
    let run = |file: PathBuf| run(engine, file.clone(), address).err().map(|why| (file, why));
    let waiting = Mutex::new(rest.into_iter());
    let line =
        || std::iter::from_fn(|| waiting.lock().expect("nobody panics with it").next()).filter_map(run).collect::<Vec<(PathBuf, String)>>();
    let mut failed = std::thread::scope(|scope| {
        let threads = [scope.spawn(line), scope.spawn(line)];
        threads.map(|thread| thread.join().expect("a line of tests")).concat()
    });
    failed.extend(alone.into_iter().filter_map(run));
    let failed: Vec<String> = failed.into_iter().filter_map(|(file, why)| once_more(engine, file, why, address)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn is_of_the_worker(file: &Path) -> bool {
    OF_THE_WORKER.iter().any(|name| file.ends_with(name))
}

/// All pages on one engine.
fn pages(engine: &Engine) {
    let modules = folder("browser").join("node_modules");
    assert!(
        modules.join("playwright-core").is_dir() && modules.join("axe-core").is_dir(),
        "run `npm ci` in tests/browser, or scripts/test"
    );
    let files: Vec<PathBuf> =
        test_files("browser").into_iter().filter(|file| !is_of_the_worker(file) && part(engine, file).is_some()).collect();
    if files.is_empty() {
        assert!(std::env::var("TSDB_TEST_BROWSER").is_ok(), "no test files");
        return;
    }
    let ui = std::env::var("TSDB_TEST_UI").unwrap_or_default();
    let mut settings = SETTINGS.to_vec();
    if !ui.is_empty() {
        settings.push(("tsd.ui.path", &ui));
    }
    let server = Server::start(engine, &settings);
    node(FILE_MAX, &[], &[folder("browser").join("data.mjs")], &server.addr).expect("data for the pages");
    two_at_a_time(engine, &files, &server.addr);
    let log = server.log();
    assert!(!log.contains("panicked"), "the server panicked:\n{log}");
}

/// Makes a tree, by host and then by the parts of the metric. A server keeps its list of trees for minutes from the first series on: a
/// fresh one finds it.
fn plant(server: &mut Server) {
    for (path, body) in [
        ("/api/tree", r#"{"name": "by host", "description": "hosts, then metrics", "enabled": true}"#),
        ("/api/tree/rule", r#"{"treeId": 1, "level": 0, "order": 0, "type": "TAGK", "field": "host"}"#),
        ("/api/tree/rule", r#"{"treeId": 1, "level": 1, "order": 0, "type": "METRIC", "separator": "\\."}"#),
    ] {
        let answer = server.client().post(path, body).unwrap();
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text());
    }
    server.stop();
    server.restart();
}

/// The pages of a worker that runs inside the TSD.
fn worker_pages(engine: &Engine) {
    let files: Vec<PathBuf> = test_files("browser").into_iter().filter(|file| is_of_the_worker(file)).collect();
    if files.is_empty() {
        assert!(std::env::var("TSDB_TEST_BROWSER").is_ok(), "no test file");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(place("rules")).unwrap();
    std::fs::write(place("rules/cpu.toml"), RULES.replace("FOLDER", &folder.path().display().to_string())).unwrap();
    let (rules, own, ui) = (place("rules"), place("worker"), std::env::var("TSDB_TEST_UI").unwrap_or_default());
    let mut settings = SETTINGS.to_vec();
    settings.extend(TREES);
    settings.extend([("tsd.worker.enable", "true"), ("tsd.worker.interval", "1"), ("tsd.worker.delay", "1"), ("tsd.worker.rules", &rules)]);
    settings.extend([("tsd.worker.path", own.as_str()), ("tsd.worker.detect.metrics", "worker.*"), ("tsd.worker.detect.interval", "2")]);
    // Similar series are looked for in what is there now: a round before had seen nothing yet.
    settings.push(("tsd.worker.similar.interval", "0"));
    if !ui.is_empty() {
        settings.push(("tsd.ui.path", &ui));
    }
    let mut server = Server::start(engine, &settings);
    plant(&mut server);
    for file in &files {
        let failed = run(engine, file.clone(), &server.addr).err().and_then(|why| once_more(engine, file.clone(), why, &server.addr));
        assert!(failed.is_none(), "{}", failed.unwrap_or_default());
    }
    assert!(!server.log().contains("panicked"), "the server panicked:\n{}", server.log());
    let told = std::fs::read_to_string(place("alerts.log")).unwrap_or_default();
    let has_rules = files.iter().any(|file| file.ends_with("worker.test.mjs"));
    assert!(!has_rules || told.contains("cpu_busy"), "nobody was told: {told}");
}

#[test]
fn pages_of_the_worker() {
    worker_pages(&Engine::Embedded);
}

#[test]
fn pages_of_the_worker_on_hbase() {
    if !long() {
        return; // what the worker keeps in HBase has tests of its own; here it is the pages
    }
    worker_pages(&Engine::fresh_hbase("browserw"));
}

#[test]
fn pages_on_the_embedded_store() {
    pages(&Engine::Embedded);
}

#[test]
fn pages_on_hbase() {
    pages(&Engine::fresh_hbase("browser"));
}

#[test]
fn modules_without_a_browser() {
    let files = test_files("ui");
    if files.is_empty() {
        return; // none of them has a test yet
    }
    node(FILE_MAX, &["--test", "--test-reporter=tap"], &files, "127.0.0.1:9").expect("the modules");
}
