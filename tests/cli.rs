//! The recorded command lines of OpenTSDB 2.4.1, run with our binary: exit codes, standard output and usage texts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::path::Path;
use std::time::Duration;
use support::damage;
use support::kit;
use support::server::{Engine, PATIENCE, Server, run_for, run_ok, write_config};

/// One block of a transcript.
#[derive(Debug, Default)]
struct Block {
    id: String,
    command: String,
    /// `None`: kept aside; the command still runs, later blocks may depend on what it did.
    exit: Option<String>,
    stdout: String,
    stderr: String,
    /// What was said before the block: files to write, a change of settings.
    notes: Vec<String>,
}

fn blocks(name: &str) -> Vec<Block> {
    let bytes = std::fs::read(kit::root().join("cli").join(format!("{name}.txt"))).expect("transcript");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (mut all, mut notes) = (Vec::<Block>::new(), Vec::new());
    let mut part = "";
    for line in text.split('\n') {
        if let Some(id) = line.strip_prefix("=== ") {
            all.push(Block { id: id.into(), notes: std::mem::take(&mut notes), ..Block::default() });
            part = "";
        } else if line.starts_with('#') && (part.is_empty() || all.last().is_some_and(|_| line.starts_with("# "))) {
            notes.push(line.trim_start_matches('#').strip_prefix(' ').unwrap_or_default().to_string());
        } else if let Some(block) = all.last_mut() {
            if let Some(command) = line.strip_prefix("$ tsdb ") {
                block.command = command.into();
            } else if let Some(exit) = line.strip_prefix("--- exit ") {
                block.exit = Some(exit.into());
            } else if ["--- stdout", "--- stderr", "--- log"].contains(&line) {
                part = match line {
                    "--- stdout" => "out",
                    "--- stderr" => "err",
                    _ => "log",
                };
            } else if part == "out" {
                block.stdout.push_str(&format!("{line}\n"));
            } else if part == "err" {
                block.stderr.push_str(&format!("{line}\n"));
            }
        }
    }
    all
}

/// Writes the files that the notes before a block list: `file NAME:` and then their lines, indented by two.
fn write_files(notes: &[String], dir: &Path) {
    let mut file: Option<String> = None;
    let mut text = String::new();
    let flush = |file: &mut Option<String>, text: &mut String| {
        if let Some(name) = file.take() {
            let bytes = if name.ends_with(".gz") { support::http::gzip(text.as_bytes()) } else { text.clone().into_bytes() };
            std::fs::write(dir.join(name), bytes).expect("write a file");
        }
        text.clear();
    };
    for note in notes {
        if let Some(name) = note.strip_prefix("file ").and_then(|n| n.strip_suffix(':')) {
            flush(&mut file, &mut text);
            file = Some(name.to_string());
        } else if let (Some(_), Some(line)) = (&file, note.strip_prefix("  ")) {
            text.push_str(&format!("{line}\n"));
        }
    }
    flush(&mut file, &mut text);
}

fn config(dir: &Path, engine: &Engine, auto: bool) {
    write_config(dir, engine, &[("tsd.core.auto_create_metrics", if auto { "true" } else { "false" })]);
    std::fs::rename(dir.join("opentsdb.conf"), dir.join("tsd.conf")).expect("rename");
}

/// The tables of the real tools beside those of ours: their prefix, and the folder of their files.
struct Twin<'a> {
    engine: &'a Engine,
    dir: &'a Path,
    /// A setting was changed that `scripts/hbase` does not give to the real tools: they are asked no more.
    ended: std::cell::Cell<bool>,
}

impl Twin<'_> {
    /// Does to these tables what the notes before a block say, and runs it with the real tool; keeps its outcome if it was
    /// kept aside. Blocks that never ended there, or need settings that `scripts/hbase` does not give, keep what they have.
    fn ask(&self, name: &str, block: &mut Block) {
        write_files(&block.notes, self.dir);
        notes_of(name, &block.notes, self.engine, self.dir);
        follow(&block.notes, self.engine, self.dir);
        let Engine::Hbase { prefix } = self.engine else { return };
        self.ended.set(self.ended.get() || block.notes.iter().any(|note| note.contains("auto_create_metrics=false")));
        let mut words = words(&block.command);
        words.retain(|word| word != "--config=tsd.conf");
        let known = ["import", "query", "scan", "fsck", "search", "uid", "mkmetric"].contains(&words[0].as_str());
        if self.ended.get() || !known || block.exit.as_deref() == Some("timeout") {
            return;
        }
        let Some((code, stdout, stderr)) = support::real::run(prefix, &words, self.dir, Duration::from_secs(40)) else { return };
        if block.exit.is_none() {
            (block.exit, block.stdout, block.stderr) = (Some(code.to_string()), stdout, stderr);
        }
    }
}

/// Damage that notes tell of.
fn notes_of(name: &str, notes: &[String], engine: &Engine, dir: &Path) {
    for note in notes {
        match name {
            "fsck" => drop(damage::data(note, engine, dir)),
            "uid_fsck" => damage::names(note, engine, dir),
            _ => {}
        }
    }
}

/// Runs a transcript. What differs, one line each, and how many agree. `twin`: where the real tools are asked for what was
/// kept aside.
fn replay(name: &str, engine: &Engine, dir: &Path, twin: Option<&Twin<'_>>) -> (usize, Vec<String>) {
    config(dir, engine, true);
    if let Engine::Hbase { .. } = engine {
        run_ok(&["create-tables", &format!("--config={}", dir.join("tsd.conf").display())]);
    }
    let deviations = kit::deviations();
    let (mut good, mut wrong) = (0, Vec::new());
    for mut block in blocks(name) {
        if let Some(twin) = twin {
            twin.ask(name, &mut block);
        }
        write_files(&block.notes, dir);
        if let Some(want) = damage::listed(&block.notes) {
            let got = damage::cells(engine, dir);
            if got != want {
                wrong.push(format!("the table before cli/{}: {got:?}, expected {want:?}", block.id));
            }
        }
        notes_of(name, &block.notes, engine, dir);
        if block.notes.iter().any(|n| n.contains("auto_create_metrics=false")) {
            config(dir, engine, false);
        }
        wrong.extend(follow(&block.notes, engine, dir).map(|why| format!("before cli/{}: {why}", block.id)));
        if block.exit.as_deref() == Some("timeout") {
            continue;
        }
        let mut words = words(&block.command);
        if words.first().is_some_and(|w| w == "mkmetric") {
            // OpenTSDB's script rewrites this command and adds the file, which the transcript does not show.
            words.insert(1, "--config=tsd.conf".into());
        }
        let out = run_for(PATIENCE, &words, dir);
        let Some(exit) = &block.exit else { continue };
        let mut why = Vec::new();
        let code = out.code.map_or_else(|| "timeout".to_string(), |c| c.to_string());
        if code != *exit {
            why.push(format!("exit {code}, expected {exit}; stderr {:?}", out.stderr));
        }
        let stdout = out.stdout;
        if stdout.trim_end() != block.stdout.trim_end() {
            why.push(format!("stdout {stdout:?}, expected {:?}", block.stdout.trim_end()));
        }
        let stderr = out.stderr;
        if block.stderr.contains("Usage:") && stderr.trim_end() != block.stderr.trim_end() {
            why.push(format!("stderr {stderr:?}, expected {:?}", block.stderr.trim_end()));
        }
        let id = format!("cli/{}", block.id);
        match (why.is_empty(), deviations.contains_key(&id)) {
            (true, false) => good += 1,
            (false, true) => {}
            (true, true) => wrong.push(format!("{id}: a stale deviation")),
            (false, false) => wrong.push(format!("{id} (tsdb {}): {}", block.command, why.join("; "))),
        }
    }
    (good, wrong)
}

/// Does what notes of `uid_meta_tree` say: a tree made, its processing switched on, rows counted. What is wrong, if anything.
fn follow(notes: &[String], engine: &Engine, dir: &Path) -> Option<String> {
    let mut wrong = None;
    for note in notes {
        if note.starts_with("tree 1 with one rule (TAGK dc), enabled") {
            let server = Server::start_in(dir, engine, &[], &[]);
            for (path, body) in [
                ("/api/tree", r#"{"name": "T", "enabled": true}"#),
                ("/api/tree/rule", r#"{"treeId": 1, "level": 0, "order": 0, "type": "TAGK", "field": "dc"}"#),
            ] {
                assert_eq!(server.client().post(path, body).expect("post").status, 200, "{path}");
            }
        } else if note.contains("tsd.core.tree.enable_processing=true") {
            write_config(dir, engine, &[("tsd.core.tree.enable_processing", "true")]);
            std::fs::rename(dir.join("opentsdb.conf"), dir.join("tsd.conf")).expect("rename");
        } else if let Some(counts) = note.strip_prefix("rows now: ") {
            let want: std::collections::BTreeMap<String, usize> = serde_json::from_str(counts).expect("counts");
            for (table, want) in want {
                let cells = support::tables::dump(engine, dir, &format!("tsdb-{table}"));
                let rows: std::collections::BTreeSet<&Vec<u8>> = cells.iter().map(|cell| &cell.row).collect();
                if rows.len() != want {
                    wrong = Some(format!("{} rows in table {table}, expected {want}", rows.len()));
                }
            }
        }
    }
    wrong
}

/// A command line as a shell would split it; only quotes are used in the transcripts.
fn words(command: &str) -> Vec<String> {
    let (mut out, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    for c in command.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                any = true;
            }
            (None, ' ') => {
                if any || !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
                any = false;
            }
            (_, c) => word.push(c),
        }
    }
    if any || !word.is_empty() {
        out.push(word);
    }
    out
}

/// What is in the tables before a transcript begins.
fn prepare(name: &str, engine: &Engine, dir: &Path) {
    match name {
        "query" | "search" | "uid_meta_tree" => put_query_points(engine, dir),
        "scan" | "fsck" => put_listed_points(name, engine, dir),
        "uid_fsck" => {
            config(dir, engine, true);
            if let Engine::Hbase { .. } = engine {
                run_ok(&["create-tables", &format!("--config={}", dir.join("tsd.conf").display())]);
            }
            for command in ["mkmetric m1 m2 m3", "uid assign tagk k1 k2", "uid assign tagv v1"] {
                let mut words = words(command);
                words.insert(1, "--config=tsd.conf".into());
                assert_eq!(run_for(PATIENCE, &words, dir).code, Some(0), "{command}");
            }
        }
        _ => {}
    }
}

fn all_of(engine_of: impl Fn(&str) -> Engine, names: &[&str]) {
    let (mut good, mut wrong) = (0, Vec::new());
    for name in names {
        let dir = tempfile::tempdir().expect("temporary folder");
        let engine = engine_of(name);
        prepare(name, &engine, dir.path());
        let (g, w) = replay(name, &engine, dir.path(), None);
        good += g;
        wrong.extend(w);
    }
    println!("{good} agree, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{} blocks differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The points that the transcripts of `query`, `search` and `uid_meta_tree` begin with.
fn put_query_points(engine: &Engine, dir: &Path) {
    let mut server = Server::start_in(dir, engine, &[("tsd.core.auto_create_metrics", "true")], &[]);
    let point = |m: &str, t: i64, v: serde_json::Value, tags: serde_json::Value| serde_json::json!({"metric": m, "timestamp": t, "value": v, "tags": tags});
    let web01 = serde_json::json!({"host": "web01"});
    for p in [
        point("sys.cpu", 1400000000, 1.into(), web01.clone()),
        point("sys.cpu", 1400000010, 2.5.into(), web01.clone()),
        point("sys.cpu", 1400000020500, 300.into(), web01.clone()),
        point("sys.cpu", 1400000000, 70000.into(), serde_json::json!({"host": "web02"})),
        point("sys.mem", 1400003600, (-5).into(), serde_json::json!({"host": "web01", "dc": "lga"})),
    ] {
        let r = server.client().post("/api/put?sync", &p.to_string()).expect("put");
        assert_eq!(r.status, 204, "{}", r.text());
    }
    server.stop();
}

/// The points that the first notes of a transcript list. The rows were compacted when they were recorded, so they are
/// written as one cell each.
fn put_listed_points(name: &str, engine: &Engine, dir: &Path) {
    let packed = [("tsd.core.auto_create_metrics", "true"), ("tsd.storage.cells", "packed"), ("tsd.storage.flush_interval", "600000")];
    let mut server = Server::start_in(dir, engine, &packed, &[]);
    for line in blocks(name)[0].notes.iter().filter_map(|n| n.trim().strip_prefix("put ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let tags: serde_json::Map<_, _> =
            words[3..].iter().filter_map(|w| w.split_once('=')).map(|(k, v)| (k.to_string(), v.into())).collect();
        let value: serde_json::Value = serde_json::from_str(words[2]).expect("a number");
        let time: i64 = words[1].parse().expect("a time");
        let point = serde_json::json!({"metric": words[0], "timestamp": time, "value": value, "tags": tags});
        let r = server.client().post("/api/put", &point.to_string()).expect("put");
        assert_eq!(r.status, 204, "{}", r.text());
    }
    server.stop();
}

#[test]
fn embedded_command_lines() {
    all_of(|_| Engine::Embedded, &["misc", "uid", "query", "search", "import", "uid_meta_tree", "scan", "fsck", "uid_fsck"]);
}

#[test]
fn hbase_command_lines() {
    all_of(
        |name| Engine::fresh_hbase(&format!("cli-{name}")),
        &["uid", "query", "search", "import", "uid_meta_tree", "scan", "fsck", "uid_fsck"],
    );
}

/// The blocks whose outcome was kept aside, with the outcome of the real tools on tables of their own. Several minutes: each
/// command is a Java machine.
#[test]
fn lines_kept_aside_against_the_real_tools() {
    if !support::server::long() {
        return;
    }
    let (mut good, mut wrong) = (0, Vec::new());
    for name in ["uid", "query", "search", "import", "uid_meta_tree", "scan", "fsck", "uid_fsck"] {
        let (dir, twin_dir) = (tempfile::tempdir().expect("temporary folder"), tempfile::tempdir().expect("temporary folder"));
        let twin = Twin { engine: &Engine::fresh_hbase(&format!("clireal-{name}")), dir: twin_dir.path(), ended: false.into() };
        config(twin.dir, twin.engine, true);
        run_ok(&["create-tables", &format!("--config={}", twin.dir.join("tsd.conf").display())]);
        prepare(name, twin.engine, twin.dir);
        prepare(name, &Engine::Embedded, dir.path());
        let (g, w) = replay(name, &Engine::Embedded, dir.path(), Some(&twin));
        println!("{name}: {g} agree, {} differ", w.len());
        good += g;
        wrong.extend(w);
    }
    assert!(wrong.is_empty(), "{} blocks differ, {good} agree:\n{}", wrong.len(), wrong.join("\n"));
}

fn meta_data(engine_of: impl Fn() -> Engine) {
    use support::scenario::hex;
    let dir = tempfile::tempdir().expect("temporary folder");
    let engine = engine_of();
    config(dir.path(), &engine, true);
    if let Engine::Hbase { .. } = engine {
        run_ok(&["create-tables", &format!("--config={}", dir.path().join("tsd.conf").display())]);
    }
    put_query_points(&engine, dir.path());
    let run = |command: &str| {
        let out = run_for(PATIENCE, &words(&format!("uid --config=tsd.conf {command}")), dir.path());
        assert_eq!((out.code, out.stdout.as_str()), (Some(0), ""), "{command}: {}", out.stderr);
    };
    let cells = |table: &str| -> Vec<(String, String, String)> {
        let all = support::tables::dump(&engine, dir.path(), table).into_iter();
        all.map(|c| (hex(&c.row), String::from_utf8_lossy(&c.qualifier).into_owned(), String::from_utf8_lossy(&c.value).into_owned()))
            .collect()
    };
    let names = cells("tsdb-uid");
    run("metasync");
    let (uids, series) = (cells("tsdb-uid"), cells("tsdb-meta"));
    assert_eq!((uids.len() - names.len(), series.len()), (7, 6), "{series:?}");
    let holds = |cells: &[(String, String, String)], row: &str, column: &str, text: &str| {
        assert!(cells.iter().any(|(r, c, value)| r == row && c == column && value.contains(text)), "{row} {column} {text}: {cells:?}");
    };
    // Created at the start of the first row.
    holds(&series, "000001000001000001", "ts_meta", "\"created\":1399996800,");
    holds(&series, "000002000001000001000002000003", "ts_ctr", "\0\u{1}");
    holds(&uids, "000002", "metric_meta", "\"created\":1400000400,");
    // Metrics go side by side: of names that two of them have, the row that is met first counts, as with the real tool.
    for column in ["tagk_meta", "tagv_meta"] {
        let shared = uids.iter().find(|(r, c, _)| r == "000001" && c == column).map(|(.., value)| value.as_str()).unwrap_or_default();
        assert!(["\"created\":1399996800,", "\"created\":1400000400,"].iter().any(|time| shared.contains(time)), "{column} {shared}");
    }
    // A second run finds nothing to do.
    run("metasync");
    assert_eq!((cells("tsdb-uid"), cells("tsdb-meta")), (uids, series));
    run("metapurge");
    assert_eq!((cells("tsdb-uid"), cells("tsdb-meta")), (names, vec![]));
    run("metapurge");
}

#[test]
fn embedded_meta_data_is_made_and_deleted() {
    meta_data(|| Engine::Embedded);
}

#[test]
fn hbase_meta_data_is_made_and_deleted() {
    meta_data(|| Engine::fresh_hbase("cli-meta"));
}

/// What the transcripts do not hold, asked of the real tools: exit codes and standard output.
#[test]
fn odd_command_lines() {
    let dir = tempfile::tempdir().expect("temporary folder");
    config(dir.path(), &Engine::Embedded, true);
    put_query_points(&Engine::Embedded, dir.path());
    let check = |command: &str, exit: i32, stdout: &str| {
        let (name, rest) = command.split_once(' ').expect("words");
        let out = run_for(PATIENCE, &words(&format!("{name} --config=tsd.conf {rest}")), dir.path());
        assert_eq!((out.code, out.stdout.as_str()), (Some(exit), stdout), "{command}: {}", out.stderr);
    };
    check("uid rename metrics sys.cpu ''", 3, "");
    check("uid rename metrics '' x", 3, "");
    check("uid delete metrics ''", 3, "");
    check("uid delete foo x", 4, "");
    check("uid metrics 1", 0, "metrics sys.cpu: [0, 0, 1]\n");
    // Other spellings are kinds of their own.
    check("uid Metrics sys.cpu", 1, "");
    check("uid rename METRICS sys.cpu x", 1, "");
    check("uid assign Tagk x", 0, "Tagk x: [0, 0, 1]\n");
    check("uid tagk x", 1, "");
    check("uid --idwidth=0 metrics sys.cpu", 3, "");
    check("uid --idwidth=x metrics sys.cpu", 1, "");
    check("uid --idwidth=9 metrics 1", 1, "");
    // One unknown name, and nothing is printed.
    check("query 1399990000 1400010000 sum sys.cpu sum nosuch", 1, "");
    // Lines tell all points of the hours that are read.
    let hour = "sys.cpu 1400000000000 1.000000 {host=web01}\nsys.cpu 1400000010000 2.500000 {host=web01}\nsys.cpu 1400000020500 300 {host=web01}\n";
    check("query 1400000000 1400000001 sum sys.cpu host=web01", 0, hour);
    check("query 1400000011 1400000012 sum sys.cpu host=web01", 0, hour);
    // A row without tags is a series to queries: it is no damage, and not deleted as such.
    let row = |key: &str, qualifier: [u8; 2], value: &[u8]| {
        let put = tsdb::store::Mutation::Put { family: "t", qualifier: qualifier.to_vec(), value: value.to_vec() };
        damage::change(&Engine::Embedded, dir.path(), "tsdb", &support::scenario::unhex(key), vec![put]);
    };
    row("00000253724180", [0, 0x10], &[7]);
    check("fsck --full-scan --fix-all", 0, "");
    check("scan --import 1399990000 1400000000 sum sys.mem", 0, "sys.mem 1399996801 7\n");
    // Bytes that are no number, and names that are gone, are shown as what they are.
    row("00000253724180", [0, 0x22], &[0, 0, 1]);
    row("00000253724180000009000001", [0, 0x30], &[3]);
    let shown = "[0, 0, 2, 83, 114, 65, -128] sys.mem 1399996800 (Tue May 13 16:00:00 UTC 2014) {}\n  \
        [0, 16]\t[7]\t1\tl\t1399996801\t(Tue May 13 16:00:01 UTC 2014)\n  \
        [0, 34]\t[0, 0, 1]\t2\tl\t1399996802\t(Tue May 13 16:00:02 UTC 2014)\n\
        [0, 0, 2, 83, 114, 65, -128, 0, 0, 9, 0, 0, 1] sys.mem 1399996800 (Tue May 13 16:00:00 UTC 2014) \
        net.opentsdb.uid.NoSuchUniqueId: No such unique ID for 'tagk': [0, 0, 9]\n  \
        [0, 48]\t[3]\t3\tl\t1399996803\t(Tue May 13 16:00:03 UTC 2014)\n";
    check("scan 1399990000 1400000000 sum sys.mem", 0, shown);
}

/// A mistaken folder is no empty store: what is empty without a word is taken for a backup.
#[test]
fn commands_that_only_read_make_no_store() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let reading = [
        "export",
        "copy --to-embedded=backup",
        "query 1h-ago sum m",
        "scan 1h-ago sum m",
        "scan --delete 1h-ago sum m",
        "search lookup m",
        "search --use-data-table lookup m",
        "fsck --full-scan",
        "fsck 1h-ago sum m",
        "uid grep m",
        "uid metrics m",
        "uid m",
        "uid fsck",
        "uid rename metrics m n",
        "uid delete metrics m",
        "uid metasync",
        "uid metapurge",
        "uid treesync",
        "uid treepurge 1",
        "worker test r",
        "worker backfill --metrics=*",
    ];
    // Where there is no folder, and where there is one with nothing in it.
    for path in ["tsdb-data", "empty"] {
        std::fs::create_dir_all(dir.path().join("empty")).expect("folder");
        for command in reading {
            let mut words = words(command);
            words.insert(1, format!("--tsd.storage.embedded.path={path}"));
            let out = run_for(PATIENCE, &words, dir.path());
            assert_eq!((out.code, out.stdout.as_str()), (Some(1), ""), "{command}: {}", out.stderr);
            assert_eq!(out.stderr, format!("there is no embedded store in {path} (tsd.storage.embedded.path)\n"), "{command}");
        }
        std::fs::remove_dir(dir.path().join("empty")).expect("nothing in it");
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), 0);
    // Names can be given before there are points.
    assert_eq!(run_for(PATIENCE, &words("uid assign metrics m"), dir.path()).stdout, "metrics m: [0, 0, 1]\n");
    assert_eq!(run_for(PATIENCE, &words("uid metrics m"), dir.path()).stdout, "metrics m: [0, 0, 1]\n");
    let page = run_for(PATIENCE, &words("man uid"), dir.path()).stdout;
    assert!(page.contains(".TH tsdb-uid 1") && page.contains("\\fBtsdb uid\\fR"), "{page}");
}

/// What a new user is told of a slip: where to look, and what was meant.
#[test]
fn wrong_words_say_what_was_meant() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let check = |command: &str, exit: i32, stderr: &str| {
        let out = run_for(PATIENCE, &words(command), dir.path());
        assert_eq!((out.code, out.stdout.as_str(), out.stderr.trim_end()), (Some(exit), "", stderr), "{command}");
    };
    for command in ["query", "tsd"] {
        let told = format!("Invalid usage.  Unrecognized option --help\n`tsdb help {command}` tells what there is");
        check(&format!("{command} --help"), 2, &told);
    }
    check(
        "worker --ruels=x",
        2,
        "Invalid usage.  Unrecognized option --ruels=x\n`tsdb help worker` tells what there is (did you mean --rules?)",
    );
    check("worker --tsd", 2, "Invalid usage.  Missing argument for --tsd\n`tsdb help worker` tells what there is");
    // 2 would be an alarm.
    check("check -m", 3, "Invalid usage.  Missing argument for -m\n`tsdb help check` tells what there is");
    // It made a store, and said that all before the first line was in it.
    check("import nosuch.txt", 1, "nosuch.txt: No such file or directory (os error 2)");
    assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), 0);
}

/// The words of `uid` were known to its usage text alone.
#[test]
fn completions_and_manual_know_the_words_of_commands() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let print = |command: &str| run_for(PATIENCE, &words(command), dir.path()).stdout;
    let uid = "grep assign rename delete fsck metrics tagk tagv metasync metapurge treesync treepurge";
    let (bash, zsh, fish) = (print("completions bash"), print("completions zsh"), print("completions fish"));
    for (command, all) in
        [("uid", uid), ("worker", "check test backfill resend test-channel"), ("search", "lookup"), ("bench", "put query")]
    {
        let page = print(&format!("man {command}"));
        for word in all.split(' ') {
            let joined = word.replace('-', "__subcmd__");
            assert!(bash.contains(&format!("tsdb__subcmd__{command}__subcmd__{joined}")), "bash: {command} {word}");
            assert!(zsh.contains(&format!("'{word}:")), "zsh: {command} {word}");
            assert!(fish.contains(&format!("__fish_seen_subcommand_from {command}")), "fish: {command} {word}");
            assert!(fish.contains(&format!("-a \"{word}\"")), "fish: {command} {word}");
            assert!(page.replace("\\-", "-").contains(word), "{page}");
        }
    }
    // Flags are known behind the word, too.
    let grep = zsh.split("(grep)").nth(1).expect("grep");
    assert!(grep.split(";;").next().is_some_and(|part| part.contains("--ignore-case")), "{grep}");
}

/// OpenTSDB's tool never ends when something matches, so what ours prints is recorded nowhere.
#[test]
fn series_are_listed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    config(dir.path(), &Engine::Embedded, true);
    put_query_points(&Engine::Embedded, dir.path());
    let check = |query: &[&str], want: &[&str]| {
        let words = [&["search", "--config=tsd.conf", "--use-data-table", "lookup"], query].concat();
        let out = run_for(PATIENCE, &words.iter().map(|w| w.to_string()).collect::<Vec<_>>(), dir.path());
        assert_eq!((out.code, out.stdout.lines().collect::<Vec<_>>()), (Some(0), want.to_vec()), "{query:?}: {}", out.stderr);
    };
    let (first, second) = ("000001000001000001 sys.cpu host=web01", "000001000001000002 sys.cpu host=web02");
    let third = "000002000001000001000002000003 sys.mem host=web01 dc=lga";
    check(&["sys.cpu"], &[first, second]);
    check(&["sys.cpu", "host=web02"], &[second]);
    check(&["host=web01"], &[first, third]);
    check(&["host="], &[first, second, third]);
    check(&["=lga"], &[third]);
    check(&["*"], &[first, second, third]);
    check(&["sys.cpu", "dc="], &[]);
}
