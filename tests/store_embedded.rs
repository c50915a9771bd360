//! The embedded store: the shared suite, its folder, kills, damage, a full disk.

#![cfg(test)]

#[path = "support/random.rs"]
mod random;
#[path = "support/store_suite.rs"]
mod suite;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use tsdb::store::copy::{CopyReport, copy_rows, copy_table};
use tsdb::store::embedded::{EmbeddedOptions, EmbeddedStore};
use tsdb::store::{Columns, Mutation, RowBatch, RowMutation, Scan, Store, StoreError, TableSpec};

/// Set in the child process that writes until it is killed: the folder.
const CHILD: &str = "TSDB_TEST_KILL_FOLDER";

/// Set in the child process whose files may not grow: the folder.
const LIMITED: &str = "TSDB_TEST_LIMITED_FOLDER";

fn open_with(path: &Path, options: EmbeddedOptions) -> Result<EmbeddedStore, StoreError> {
    let store = EmbeddedStore::open(path, options)?;
    store.create_table(&TableSpec::plain("tsdb", &["t"]), &[])?;
    store.create_table(&TableSpec::plain("tsdb-uid", &["id", "name"]), &[])?;
    Ok(store)
}

fn open(path: &Path) -> EmbeddedStore {
    open_with(path, EmbeddedOptions::default()).unwrap()
}

fn put(row: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> RowMutation {
    let cell = Mutation::Put { family: "t", qualifier: b"q".to_vec(), value: value.as_ref().to_vec() };
    RowMutation { row: row.as_ref().to_vec(), mutations: vec![cell], time: None }
}

/// Every row with its cells and their times.
fn dump(store: &dyn Store, table: &str) -> Result<Vec<String>, StoreError> {
    let mut scanner = store.scan(table, Scan::range("", ""))?;
    let (mut batch, mut out) = (RowBatch::default(), Vec::new());
    while scanner.next(&mut batch)? {
        out.extend(batch.rows().map(|r| format!("{:?} {:?}", r.key(), r.cells().collect::<Vec<_>>())));
    }
    Ok(out)
}

fn rejected(found: Result<EmbeddedStore, StoreError>, words: &[&str]) {
    match found.map(|_| ()) {
        Err(StoreError::Rejected(text)) => assert!(words.iter().all(|w| text.contains(w)), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// The whole suite, three times: batches as they come, all of them straight into table files, none of them.
#[test]
fn suite() {
    for direct_bytes in [EmbeddedOptions::default().direct_bytes, 0, usize::MAX] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_with(folder.path(), EmbeddedOptions { direct_bytes, ..Default::default() }).unwrap();
        for (name, case) in suite::CASES {
            println!("{name}, direct from {direct_bytes} bytes");
            case(&suite::Place { store: &store, data: "tsdb".into(), names: "tsdb-uid".into() });
        }
        let before = (dump(&store, "tsdb").unwrap(), dump(&store, "tsdb-uid").unwrap());
        drop(store);
        let store = open(folder.path());
        assert_eq!((dump(&store, "tsdb").unwrap(), dump(&store, "tsdb-uid").unwrap()), before);
        store.merge_all().unwrap();
        assert_eq!((dump(&store, "tsdb").unwrap(), dump(&store, "tsdb-uid").unwrap()), before);
    }
}

#[test]
fn one_process_owns_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let id = std::process::id().to_string();
    rejected(EmbeddedStore::open(folder.path(), EmbeddedOptions::default()), &[&folder.path().display().to_string(), &id]);
    drop(store);
    open(folder.path());
}

#[test]
fn foreign_folders_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letters.txt"), "dear").unwrap();
    rejected(EmbeddedStore::open(folder.path(), EmbeddedOptions::default()), &["letters.txt", "not an embedded store"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    std::fs::write(folder.path().join("FORMAT"), "tsdb embedded store\nformat 7\n").unwrap();
    rejected(EmbeddedStore::open(folder.path(), EmbeddedOptions::default()), &["format 7", "format 1"]);
    std::fs::write(folder.path().join("FORMAT"), "\0\0\0").unwrap();
    let damaged = EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).map(|_| ());
    assert!(matches!(damaged, Err(StoreError::Corrupt(_))), "{damaged:?}");
}

#[test]
fn an_interrupted_start_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("MAKING"), "").unwrap();
    std::fs::create_dir(folder.path().join("lsm")).unwrap();
    std::fs::write(folder.path().join("lsm/0.jnl"), "half").unwrap();
    assert_eq!(open(folder.path()).tables().unwrap(), ["tsdb", "tsdb-uid"]);
    assert!(!folder.path().join("MAKING").exists());
}

#[test]
fn scans_see_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let rows: Vec<_> = (0..2000u32).map(|i| put(i.to_be_bytes(), [0; 300])).collect();
    store.write("tsdb", &rows).unwrap();
    let mut scanner = store.scan("tsdb", Scan { batch_rows: 10, ..Scan::range("", "") }).unwrap();
    let (mut batch, mut seen) = (RowBatch::default(), 0);
    assert!(scanner.next(&mut batch).unwrap());
    let later: Vec<_> = (0..4000u32).map(|i| put(i.to_be_bytes(), [1; 300])).collect();
    store.write("tsdb", &later).unwrap();
    store.merge_all().unwrap();
    loop {
        seen += batch.len();
        assert!(batch.rows().all(|r| r.value("t", b"q") == Some(&[0; 300])));
        if !scanner.next(&mut batch).unwrap() {
            break;
        }
    }
    assert_eq!(seen, 2000);
}

#[test]
fn the_last_of_one_batch_wins() {
    let folder = tempfile::tempdir().unwrap();
    for direct_bytes in [0, usize::MAX] {
        let store = open_with(folder.path(), EmbeddedOptions { direct_bytes, ..Default::default() }).unwrap();
        let at = |time, row| RowMutation { time, ..row };
        let gone =
            RowMutation { row: b"d".to_vec(), mutations: vec![Mutation::Delete { family: "t", qualifier: b"q".to_vec() }], time: None };
        let rows =
            [put("a", "1"), put("b", "1"), put("a", "2"), at(Some(9), put("c", "1")), at(Some(8), put("c", "2")), put("d", "1"), gone];
        store.write("tsdb", &rows).unwrap();
        let mut batch = RowBatch::default();
        store.get("tsdb", &[b"a".to_vec(), b"b".to_vec(), b"c".to_vec(), b"d".to_vec()], &Columns::All, &mut batch).unwrap();
        let values: Vec<_> = batch.rows().map(|r| r.value("t", b"q").unwrap().to_vec()).collect();
        assert_eq!(values, [b"2", b"1", b"1"], "direct from {direct_bytes}");
    }
}

#[test]
fn a_full_disk_is_told_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write("tsdb", &[put("a", "1")]).unwrap();
    store.sync().unwrap();
    drop(store);
    let full = EmbeddedOptions { reserve_bytes: Some(u64::MAX), ..Default::default() };
    let store = EmbeddedStore::open(folder.path(), full).unwrap();
    match store.write("tsdb", &[put("b", "2")]) {
        Err(StoreError::Unavailable(text)) => assert!(text.contains("full") && text.contains("nothing was written"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(store.increment("tsdb-uid", &[0], "id", b"metrics", 1).is_err());
    assert_eq!(dump(&store, "tsdb").unwrap().len(), 1); // reading goes on
    drop(store);
    open(folder.path()).write("tsdb", &[put("b", "2")]).unwrap();
}

/// Not a test of its own: a process whose files may not grow beyond 1 MB, so that writes fail in the middle.
#[test]
fn limited_child() {
    let Ok(folder) = std::env::var(LIMITED) else { return };
    let store = EmbeddedStore::open(&folder, EmbeddedOptions { direct_bytes: 512 << 10, ..Default::default() }).unwrap();
    // Incompressible, and above the limit: straight into table files. It fails, and the store goes on.
    let noise = |n: u64, bytes: usize| -> Vec<u8> {
        let mut x = n | 1;
        (0..bytes).map(|_| (x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1), (x >> 56) as u8).1).collect()
    };
    let big: Vec<_> = (0..300u64).map(|i| put([b"big", &i.to_be_bytes()[..]].concat(), noise(i, 10_000))).collect();
    println!("@direct {:?}", store.write("tsdb", &big).map_err(|e| e.to_string()));
    store.write("tsdb", &[put("small", "1")]).unwrap();
    store.sync().unwrap();
    // Through the journal, until that is above the limit.
    let fault = (0..100u64).find_map(|i| store.write("tsdb", &[put(i.to_be_bytes(), noise(i, 100_000))]).and_then(|()| store.sync()).err());
    println!("@journal {}", fault.unwrap());
    // The failed batch was never acknowledged, so the trees are opened again. Small writes fail at the sync: that is the end.
    let late = (0..1000u64).find_map(|i| store.write("tsdb", &[put(i.to_le_bytes(), noise(i, 700))]).and_then(|()| store.sync()).err());
    println!("@late {}", late.unwrap());
    println!("@after {}", store.write("tsdb", &[put("late", "1")]).unwrap_err());
    println!("@increment {}", store.increment("tsdb-uid", b"r", "id", b"metrics", 1).unwrap_err());
    println!("@sync {}", store.sync().unwrap_err());
    println!("@rows {}", dump(&store, "tsdb").unwrap().len());
    std::process::exit(0);
}

#[test]
fn failed_writes_are_told_and_end_the_writing() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let line = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" --exact limited_child --nocapture"; // blocks of 512 bytes
    let run = Command::new("sh").args(["-c", line]).arg(std::env::current_exe().unwrap()).env(LIMITED, folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let said = |word: &str| text.lines().find_map(|l| l.split_once(word)).unwrap_or_else(|| panic!("{word}: {text}")).1.to_owned();
    let name = folder.path().display().to_string();
    assert!(said("@direct ").contains(&name) && said("@direct ").contains("File too large"), "{text}");
    assert!(said("@journal ").contains(&name), "{text}");
    assert!(said("@late ").contains("a sync failed"), "{text}");
    for word in ["@after ", "@increment ", "@sync "] {
        assert!(said(word).contains("takes no more writes until it is opened again"), "{word}: {text}");
    }
    let store = open(folder.path());
    let rows = dump(&store, "tsdb").unwrap();
    assert!(rows.iter().any(|r| r.contains("115, 109, 97, 108, 108")), "the row `small` was synced");
    assert!(rows.len() > 3 && !rows.iter().any(|r| r.contains("98, 105, 103")), "{} rows, and none of the failed batch", rows.len());
    store.write("tsdb", &[put("late", "1")]).unwrap();
}

#[test]
fn copies_keep_times_and_go_on() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (open(a.path()), open(b.path()));
    let rows: Vec<_> =
        (0..30_000u32).map(|i| RowMutation { time: (i % 3 > 0).then_some(i64::from(i)), ..put(i.to_be_bytes(), [7; 200]) }).collect();
    from.write("tsdb", &rows).unwrap();
    from.write("tsdb", &[RowMutation { time: Some(5), ..put([0, 0, 0, 1], "x") }]).unwrap();
    let mut calls = 0;
    let report = copy_table(&from, &to, "tsdb", &mut |_, _, _| calls += 1).unwrap();
    assert_eq!((report.rows, report.cells), (30_000, 30_000));
    assert!(calls > 2);
    assert_eq!(dump(&to, "tsdb").unwrap(), dump(&from, "tsdb").unwrap());
    // In two parts, into a third store, with a row that is newer there already.
    let c = tempfile::tempdir().unwrap();
    let to = open(c.path());
    to.write("tsdb", &[put([0, 0, 0, 1], "newer")]).unwrap();
    let mut report = CopyReport::default();
    copy_rows(&from, &to, "tsdb", &9_000u32.to_be_bytes(), &mut report, &mut |_| {}).unwrap();
    assert_eq!(report.rows, 9_000);
    copy_rows(&from, &to, "tsdb", &[], &mut report, &mut |_| {}).unwrap();
    assert_eq!(report.rows, 30_000);
    let (want, mut got) = (dump(&from, "tsdb").unwrap(), dump(&to, "tsdb").unwrap());
    assert_ne!(got[1], want[1]);
    got[1].clone_from(&want[1]);
    assert_eq!(got, want);
}

/// Not a test of its own: what the killed process does.
#[test]
fn kill_child() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let store = open_with(Path::new(&folder), EmbeddedOptions { memtable_bytes: 256 << 10, direct_bytes: 256 << 10, ..Default::default() })
        .unwrap();
    let out = Mutex::new(std::io::stdout());
    let first: u64 = std::env::var("TSDB_TEST_KILL_FIRST").unwrap().parse().unwrap();
    std::thread::scope(|s| {
        // Batches, small and large in turn; each row says which batch it is of.
        s.spawn(|| {
            for batch in first.. {
                let count = if batch % 4 == 3 { 3000u32 } else { 20 };
                let rows: Vec<_> =
                    (0..count).map(|i| put([&batch.to_be_bytes()[..], &i.to_be_bytes()].concat(), row_value(batch, i))).collect();
                store.write("tsdb", &rows).unwrap();
                store.write("tsdb", &[put("last", batch.to_be_bytes())]).unwrap();
                store.sync().unwrap();
                writeln!(out.lock().unwrap(), "@batch {batch} {count}").unwrap();
            }
        });
        for name in ["a", "b"] {
            let (store, out) = (&store, &out);
            s.spawn(move || {
                loop {
                    let count = store.increment("tsdb-uid", name.as_bytes(), "id", b"metrics", 1).unwrap();
                    let key = [name.as_bytes(), &count.to_be_bytes()].concat();
                    assert!(store.check_and_put("tsdb-uid", &key, "name", b"metrics", None, b"here").unwrap());
                    writeln!(out.lock().unwrap(), "@count {name} {count}").unwrap();
                }
            });
        }
    });
}

fn row_value(batch: u64, i: u32) -> Vec<u8> {
    let x = (batch ^ u64::from(i) << 20).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [x.to_be_bytes(); 20].concat()
}

/// What the killed process said was on disk.
#[derive(Default)]
struct Acknowledged {
    batches: Vec<(u64, u32)>,
    counts: [i64; 2],
}

impl Acknowledged {
    /// Reads lines until the process is killed, at a random moment after its first acknowledgement.
    fn run(&mut self, folder: &Path, round: u64) {
        let first = self.batches.last().map_or(1, |b| b.0 + 2); // the next one may be there in part
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill_child", "--nocapture"])
            .env(CHILD, folder)
            .env("TSDB_TEST_KILL_FIRST", first.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).filter(|l| l.contains('@'));
        let mut acknowledged = 0;
        let mut note = |line: String, all: &mut Acknowledged| {
            let words: Vec<_> = line[line.find('@').unwrap()..].split(' ').map(str::to_owned).collect();
            let [kind, a, b] = words.as_slice() else { return };
            let Ok(number) = b.parse::<i64>() else { return };
            acknowledged += 1;
            match kind.as_str() {
                "@batch" => all.batches.push((a.parse().unwrap(), number as u32)),
                _ => all.counts[usize::from(a == "b")] = number,
            }
        };
        note(lines.next().expect("the child acknowledges something"), self);
        let pause = Duration::from_micros(round.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 150_000);
        std::thread::scope(|s| {
            s.spawn(|| {
                std::thread::sleep(pause);
                child.kill().unwrap();
            });
            lines.for_each(|line| note(line, self));
        });
        child.wait().unwrap();
        assert!(acknowledged > 0, "round {round} acknowledged nothing");
    }

    fn check(&self, store: &EmbeddedStore, round: u64) {
        let mut batch = RowBatch::default();
        for (number, count) in &self.batches {
            let keys: Vec<_> = (0..*count).map(|i| [&number.to_be_bytes()[..], &i.to_be_bytes()].concat()).collect();
            store.get("tsdb", &keys, &Columns::All, &mut batch).unwrap();
            assert_eq!(batch.len(), keys.len(), "round {round}: batch {number}");
            assert!(
                batch.rows().zip(0..).all(|(r, i)| r.value("t", b"q") == Some(&row_value(*number, i))),
                "round {round}: batch {number}"
            );
        }
        if let Some((last, _)) = self.batches.last() {
            store.get("tsdb", &[b"last".to_vec()], &Columns::All, &mut batch).unwrap();
            let stored = u64::from_be_bytes(batch.row(0).unwrap().value("t", b"q").unwrap().try_into().unwrap());
            assert!(stored >= *last, "round {round}: {stored} stands for {last}");
        }
        for (name, count) in ["a", "b"].iter().zip(self.counts) {
            let keys: Vec<_> = (1..=count).map(|i| [name.as_bytes(), &i.to_be_bytes()].concat()).collect();
            store.get("tsdb-uid", &keys, &Columns::All, &mut batch).unwrap();
            // A count whose check-and-put was cut off leaves a hole: at most one a round.
            assert!(batch.len() as u64 + round + 1 >= keys.len() as u64, "round {round}: {} of {} of {name}", batch.len(), keys.len());
            if count > 0 {
                assert!(batch.rows().any(|r| r.key() == keys.last().unwrap().as_slice()), "round {round}: the last of {name}");
            }
            assert!(store.increment("tsdb-uid", name.as_bytes(), "id", b"metrics", 0).unwrap() >= count, "round {round}: {name}");
        }
    }
}

#[test]
fn kills_lose_nothing() {
    let rounds = if std::env::var("TSDB_TEST_LONG").is_ok_and(|v| v == "1") { 200 } else { 20 };
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for round in 0..rounds {
        acknowledged.run(folder.path(), round);
        // The store that the next round opens was last closed by a kill, in every second round.
        if round % 2 == 1 || round + 1 == rounds {
            acknowledged.check(&open(folder.path()), round);
        }
    }
    assert!(acknowledged.batches.len() as u64 >= rounds, "{} batches", acknowledged.batches.len());
    println!("{rounds} kills, {} batches, {:?} counts", acknowledged.batches.len(), acknowledged.counts);
}

/// Bytes flipped and ends cut off, one file at a time: what is read is right, or there is an error that names the folder.
#[test]
fn damage_is_told() {
    let whole = tempfile::tempdir().unwrap();
    let store = open(whole.path());
    for hour in 0..4u32 {
        store
            .write(
                "tsdb",
                &(0..3000u32)
                    .map(|i| put([hour.to_be_bytes(), i.to_be_bytes()].concat(), row_value(u64::from(hour), i)))
                    .collect::<Vec<_>>(),
            )
            .unwrap();
    }
    store.write("tsdb", &[put("last", "1")]).unwrap();
    store.increment("tsdb-uid", &[0], "id", b"metrics", 1).unwrap();
    let want: std::collections::BTreeSet<_> = dump(&store, "tsdb").unwrap().into_iter().collect();
    drop(store);
    let (mut told, mut right, mut less) = (0, 0, Vec::new());
    for file in files(whole.path()) {
        let len = std::fs::metadata(&file).unwrap().len();
        let name = file.strip_prefix(whole.path()).unwrap().to_owned();
        if name.to_string_lossy().contains("LOCK") || name.ends_with("lock") {
            continue;
        }
        for (at, cut) in [(len / 2, false), (5, false), (len.saturating_sub(9), false), (len / 2, true), (0, true)] {
            let folder = tempfile::tempdir().unwrap();
            copy_folder(whole.path(), folder.path());
            damage(&folder.path().join(&name), at, cut);
            let found = open_with(folder.path(), EmbeddedOptions::default()).and_then(|s| dump(&s, "tsdb"));
            match found {
                Ok(rows) => {
                    assert!(rows.iter().all(|r| want.contains(r)), "{name:?} at {at} cut {cut}: wrong data");
                    right += usize::from(rows.len() == want.len());
                    if rows.len() < want.len() {
                        less.push(format!("{} at {at} cut {cut}: {} of {} rows", name.display(), rows.len(), want.len()));
                    }
                }
                Err(fault) => {
                    assert!(fault.to_string().contains(&folder.path().display().to_string()), "{name:?}: {fault}");
                    told += 1;
                }
            }
        }
    }
    println!("{told} told, {right} without effect, {} with rows missing: {less:#?}", less.len());
    // The journal of small writes ends where its checksums do: what stands behind a damaged place is not seen.
    assert!(less.iter().all(|l| l.contains(".jnl")), "{less:#?}");
    assert!(told > 10);
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|e| e.unwrap().path()) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() { copy_folder(&entry, &target) } else { sparse_copy(&entry, &target) }
    }
}

/// The journal is a 64 MB file with a hole: its zeros at the end are not copied as bytes.
fn sparse_copy(from: &Path, to: &Path) {
    let bytes = std::fs::read(from).unwrap();
    let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    let mut file = std::fs::File::create(to).unwrap();
    file.write_all(&bytes[..used]).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

fn damage(file: &Path, at: u64, cut: bool) {
    if cut {
        return std::fs::File::options().write(true).open(file).unwrap().set_len(at).unwrap();
    }
    let mut bytes = std::fs::read(file).unwrap();
    if let Some(byte) = bytes.get_mut(at as usize) {
        *byte ^= 0x55;
        std::fs::remove_file(file).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}
