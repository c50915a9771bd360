//! The built-in pages in a real Chromium, over the real binary: `tests/browser/*.test.mjs`, each file with a server of its
//! own data, on both engines. The pages' modules that need no browser are tested by `tests/ui/*.test.mjs`.
//!
//! Needs node, Debian's `chromium` and `npm ci` in `tests/browser`; `scripts/test` sees to all three.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::server::{Engine, Server, long, signal};

/// Longest time for all files of one engine.
const SUITE_MAX: Duration = Duration::from_secs(420);

/// Files that are run on HBase in the short form: those whose pages read tables in ways of their own.
const ON_HBASE: [&str; 4] = ["explore.test.mjs", "frame.test.mjs", "screens.test.mjs", "status.test.mjs"];

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

/// The test files of a folder in order; with `TSDB_TEST_BROWSER` only those whose names hold it.
fn test_files(name: &str) -> Vec<PathBuf> {
    let only = std::env::var("TSDB_TEST_BROWSER").unwrap_or_default();
    let entries = std::fs::read_dir(folder(name)).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_test = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.ends_with(".test.mjs") && n.contains(&only));
    let mut files: Vec<PathBuf> = entries.filter(is_test).collect();
    files.sort();
    files
}

/// Runs node with flags on files; ended by force after `limit`. What it printed is shown if it fails.
fn node(limit: Duration, flags: &[&str], files: &[PathBuf], address: &str) {
    let mut command = Command::new("node");
    command.args(flags).args(files).current_dir(folder("browser"));
    command.env("TSDB_URL", format!("http://{address}")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|e| panic!("node cannot be started ({e}): apt-get install nodejs npm, or run scripts/test"));
    let (pid, began) = (child.id(), Instant::now());
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if ended.recv_timeout(limit).is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Timeout) {
            signal(pid, "KILL");
        }
    });
    let out = child.wait_with_output().expect("wait for node");
    drop(done);
    let _ = guard.join();
    let (said, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "node {flags:?} {files:?} failed after {:?}: {}\n{said}\n{errors}", began.elapsed(), out.status);
    // The measurements that the tests print.
    said.lines().filter(|line| line.contains("measured:")).for_each(|line| println!("{}", line.trim_start_matches(['#', ' ', 'ℹ'])));
}

/// All pages on one engine.
fn pages(engine: &Engine, wanted: impl Fn(&Path) -> bool) {
    let modules = folder("browser").join("node_modules");
    assert!(
        modules.join("playwright-core").is_dir() && modules.join("axe-core").is_dir(),
        "run `npm ci` in tests/browser, or scripts/test"
    );
    let files: Vec<PathBuf> = test_files("browser").into_iter().filter(|file| wanted(file)).collect();
    assert!(!files.is_empty(), "no test files");
    let ui = std::env::var("TSDB_TEST_UI").unwrap_or_default();
    let mut settings = SETTINGS.to_vec();
    if !ui.is_empty() {
        settings.push(("tsd.ui.path", &ui));
    }
    let server = Server::start(engine, &settings);
    node(Duration::from_secs(60), &[], &[folder("browser").join("data.mjs")], &server.addr);
    node(SUITE_MAX, &["--test"], &files, &server.addr);
    let log = server.log();
    assert!(!log.contains("panicked"), "the server panicked:\n{log}");
}

#[test]
fn pages_on_the_embedded_store() {
    pages(&Engine::Embedded, |_| true);
}

#[test]
fn pages_on_hbase() {
    let in_short = |file: &Path| ON_HBASE.iter().any(|name| file.ends_with(name));
    pages(&Engine::fresh_hbase("browser"), |file| long() || in_short(file));
}

#[test]
fn modules_without_a_browser() {
    let files = test_files("ui");
    if files.is_empty() {
        return; // none of them has a test yet
    }
    node(Duration::from_secs(120), &["--test"], &files, "127.0.0.1:9");
}
