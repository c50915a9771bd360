//! Recorded command lines (`tests/golden/cli`) through the real binary, on the embedded store: exit code, standard output,
//! and standard error where OpenTSDB prints a usage text there.
//!
//! `TSDB_KIT` names another folder of the same layout. Each file starts from an empty store, as it was recorded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Cases that end differently on purpose, with the reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("misc.1", "our own version"),
    ("misc.2", "our own version"),
    ("misc.15", "starts: static root and cache folder are not needed"),
    ("misc.18", "the bad port is named; nothing else is missing"),
    ("uid.62", "uid fsck is not there yet"),
    ("query.18", "--graph is not there yet, which crashes in the original"),
    ("import.5", "points of a series may come in any order"),
    ("import.17", "points of a series may come twice"),
];

/// One recorded command.
#[derive(Default, Debug)]
struct Case {
    id: String,
    line: String,
    /// `None`: held back.
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

/// What stands in a file, in order.
enum Step {
    /// Files to make before the next command.
    File(String, String),
    /// A remark.
    Remark(String),
    Run(Case),
}

fn folder() -> PathBuf {
    match std::env::var_os("TSDB_KIT") {
        Some(kit) => PathBuf::from(kit).join("cli"),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cli"),
    }
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut case: Option<Case> = None;
    let mut file: Option<(String, String)> = None;
    let mut part = "";
    for line in text.lines() {
        let finish =
            |case: &mut Option<Case>, steps: &mut Vec<Step>| steps.extend(case.take().filter(|c| !c.line.is_empty()).map(Step::Run));
        if let Some((_, content)) = &mut file {
            if let Some(rest) = line.strip_prefix("#   ") {
                content.push_str(rest);
                content.push('\n');
                continue;
            }
            if line.trim_end() == "#" {
                content.push('\n');
                continue;
            }
            let (name, content) = file.take().unwrap();
            steps.push(Step::File(name, content));
        }
        if let Some(id) = line.strip_prefix("=== ") {
            finish(&mut case, &mut steps);
            case = Some(Case { id: id.into(), ..Case::default() });
            part = "head";
        } else if let Some(name) = line.strip_prefix("# file ").and_then(|rest| rest.strip_suffix(':')) {
            finish(&mut case, &mut steps);
            file = Some((name.into(), String::new()));
        } else if let Some(remark) = line.strip_prefix("# ").filter(|_| case.as_ref().is_none_or(|c| !c.line.is_empty())) {
            finish(&mut case, &mut steps);
            steps.push(Step::Remark(remark.into()));
        } else if let Some(case) = &mut case {
            match line {
                _ if part == "head" && line.starts_with("$ tsdb ") => case.line = line["$ tsdb ".len()..].into(),
                _ if line.starts_with("--- exit ") => case.exit = line["--- exit ".len()..].parse().ok(),
                _ if line.starts_with("--- ") => part = &line[4..],
                _ if part == "stdout" => case.stdout += &format!("{line}\n"),
                _ if part == "stderr" => case.stderr += &format!("{line}\n"),
                _ => {}
            }
        }
    }
    steps.extend(case.filter(|c| !c.line.is_empty()).map(Step::Run));
    steps
}

/// Words of a command line; `'...'` keeps blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut any) = (false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any {
                    words.push(String::new());
                }
                any = false;
            }
            c => {
                words.last_mut().unwrap().push(c);
                any = true;
            }
        }
    }
    words
}

struct Bench {
    folder: tempfile::TempDir,
    auto_metric: bool,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap(), auto_metric: true };
        bench.configure();
        bench
    }

    fn configure(&self) {
        let text = format!(
            "tsd.core.auto_create_metrics = {}\ntsd.storage.hbase.data_table = kit-data\ntsd.storage.hbase.uid_table = kit-uid\n\
             tsd.storage.hbase.tree_table = kit-tree\ntsd.storage.hbase.meta_table = kit-meta\ntsd.core.timezone = UTC\n",
            self.auto_metric
        );
        fs::write(self.folder.path().join("tsd.conf"), text).unwrap();
    }

    fn run(&self, line: &str, input: &str) -> Output {
        let mut args = words(line);
        if args[0] == "mkmetric" {
            args.insert(1, "--config=tsd.conf".into()); // as the recording script did
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_tsdb"))
            .args(&args)
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The points that a remark `  put metric time value tags` says were put.
fn setup(bench: &Bench, remark: &str) {
    if let Some(point) = remark.trim_start().strip_prefix("put ") {
        let output = bench.run("import --config=tsd.conf -", &format!("{point}\n"));
        assert!(output.status.success(), "{remark}: {output:?}");
    }
}

fn difference(case: &Case, output: &Output) -> Option<String> {
    let different: HashMap<&str, &str> = DIFFERENT.iter().copied().collect();
    let want = case.exit?;
    if different.contains_key(case.id.as_str()) {
        return None;
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // The recording shows a NUL byte as a blank.
    let stdout = stdout.replace('\0', " ");
    let code = output.status.code();
    if code != Some(want) {
        return Some(format!("exit {code:?}, recorded {want}; {stderr}"));
    }
    if stdout.trim_end() != case.stdout.replace('\0', " ").trim_end() {
        return Some(format!("stdout\n{stdout}recorded\n{}", case.stdout));
    }
    let says_usage =
        case.stderr.contains("Usage: ") || case.stderr.starts_with("Invalid usage.") || case.stderr.contains("too large to fit");
    if says_usage && stderr.trim_end() != case.stderr.trim_end() {
        return Some(format!("stderr\n{stderr}recorded\n{}", case.stderr));
    }
    None
}

fn replay(name: &str) {
    let mut bench = Bench::new();
    let text = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
    let (mut run, mut failed) = (0, Vec::new());
    for step in parse(&text) {
        match step {
            Step::File(name, content) if name.ends_with(".gz") => fs::write(bench.folder.path().join(name), gzip(&content)).unwrap(),
            Step::File(name, content) => fs::write(bench.folder.path().join(name), content).unwrap(),
            Step::Remark(remark) if remark.contains("auto_create_metrics=false") => {
                bench.auto_metric = false;
                bench.configure();
            }
            Step::Remark(remark) => setup(&bench, &remark),
            // These would serve until they are stopped.
            Step::Run(case) if case.line.starts_with("tsd") && !case.line.contains("extra") && !case.line.contains("--help") => {}
            Step::Run(case) => {
                let output = bench.run(&case.line, "");
                run += u32::from(case.exit.is_some());
                failed.extend(difference(&case, &output).map(|why| format!("{} $ tsdb {}\n{why}", case.id, case.line)));
            }
        }
    }
    assert!(run >= 5, "only {run} cases in {name}.txt");
    assert!(failed.is_empty(), "{} of {run} cases differ:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn misc() {
    replay("misc");
}

#[test]
fn uid() {
    replay("uid");
}

#[test]
fn query() {
    replay("query");
}

#[test]
fn import() {
    replay("import");
}
