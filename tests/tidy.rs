//! The house rules that can be counted: arrows between folders, sizes, banned calls, tests left out, dead links, machine paths.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Who may use whom: a folder of `src` and the folders it may name. `cli` and the crate root may use all; what is
/// [`FOR_ALL`] knows nobody, and anybody may count and look at the clock.
const ARROWS: [(&str, &[&str]); 21] = [
    ("clock", &[]),
    ("digest", &[]),
    ("point", &[]),
    ("config", &[]),
    ("stats", &[]),
    ("store", &[]),
    ("desk", &["store"]),
    ("codec", &["point"]),
    ("uid", &["store"]),
    ("write", &["point", "codec", "store", "uid"]),
    ("meta", &["point", "codec", "store", "uid"]),
    ("tree", &["point", "codec", "store", "uid", "meta"]),
    ("query", &["point", "codec", "store", "uid", "meta"]),
    ("catalog", &["point", "codec", "store", "uid", "meta", "query"]),
    ("publish", &["point", "codec", "uid", "write"]),
    ("plot", &["point", "codec", "query"]),
    ("logbook", &[]),
    ("ui", &["digest"]),
    (
        "tsd",
        &["catalog", "logbook", "publish", "config", "desk", "point", "codec", "store", "uid", "write", "meta", "tree", "query", "plot"],
    ),
    (
        "server",
        &[
            "config", "desk", "point", "codec", "store", "uid", "write", "meta", "tree", "query", "catalog", "plot", "ui", "publish",
            "tsd", "worker",
        ],
    ),
    ("worker", &["config", "digest", "point", "codec", "store", "uid", "write", "meta", "query", "desk", "tsd"]),
];

/// What everybody may use.
const FOR_ALL: [&str; 2] = ["stats", "clock"];

const FILE_LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 80;

/// Files that are one flat table by design.
const TABLES: [&str; 1] = ["src/config/table.rs"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(dir: &Path, ext: &str, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !["target", ".git", "golden", "node_modules"].contains(&path.file_name().and_then(|n| n.to_str()).unwrap_or_default()) {
                files(&path, ext, out);
            }
        } else if path.extension().is_some_and(|e| e == ext) {
            out.push(path);
        }
    }
}

fn rust_files(dir: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    files(&root().join(dir), "rs", &mut out);
    assert!(!out.is_empty() || dir == "benches");
    out.iter().map(|p| (p.strip_prefix(root()).unwrap().display().to_string(), std::fs::read_to_string(p).unwrap())).collect()
}

/// A file that only tests are compiled from.
fn is_test_file(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/") || path == "src/store/memory.rs" || path == "src/fuzz.rs"
}

/// The lines of a source without comments and without the items that are compiled for tests only, each with its number.
fn production(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut lines = text.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//"));
    while let Some((n, line)) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            out.push((n + 1, line));
            continue;
        }
        // By the indentation that rustfmt gives, the item ends with `;`, or with a brace as far in as it began.
        let indent = line.len() - line.trim_start().len();
        for (_, item) in lines.by_ref() {
            let ends = item.ends_with(';') || item.ends_with('}');
            if ends && item.len() - item.trim_start().len() == indent {
                break;
            }
        }
    }
    out
}

#[test]
fn arrows_between_folders() {
    let mut broken = Vec::new();
    for (path, text) in rust_files("src") {
        let folder = path.trim_start_matches("src/").split('/').next().unwrap().trim_end_matches(".rs").to_string();
        let Some((_, allowed)) = ARROWS.iter().find(|(f, _)| *f == folder) else { continue };
        if is_test_file(&path) {
            continue;
        }
        for (_, line) in production(&text) {
            for part in line.split("crate::").skip(1) {
                let target: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let known = ARROWS.iter().any(|(f, _)| *f == target) || target == "cli";
                let free = FOR_ALL.contains(&target.as_str()) || allowed.contains(&target.as_str());
                if known && target != folder && !free {
                    broken.push(format!("{path}: {folder} -> {target}: {}", line.trim()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "arrows that the house does not have:\n{}", broken.join("\n"));
}

#[test]
fn sizes_of_files_and_functions() {
    let mut long = Vec::new();
    for (path, text) in rust_files("src").into_iter().chain(rust_files("tests")) {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX && !TABLES.contains(&path.as_str()) {
            long.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        for (line, length, name) in functions(&text) {
            if length > FUNCTION_LINES_MAX {
                long.push(format!("{path}:{line}: {length} lines, at most {FUNCTION_LINES_MAX}: {name}"));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Line, length and signature of each function, by the indentation that rustfmt gives.
fn functions(text: &str) -> Vec<(usize, usize, String)> {
    let mut out = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for (i, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let words: Vec<&str> = trimmed.split_whitespace().take_while(|w| !w.starts_with("fn")).collect();
        let is_fn = trimmed.split_whitespace().nth(words.len()) == Some("fn")
            && words.iter().all(|w| w.starts_with("pub") || ["const", "async", "unsafe"].contains(w));
        if is_fn {
            open = Some((i + 1, indent, trimmed.chars().take(60).collect()));
        } else if let Some((start, at, name)) = &open
            && trimmed == "}"
            && indent == *at
        {
            out.push((*start, i + 2 - start, name.clone()));
            open = None;
        }
    }
    out
}

#[test]
fn banned_calls() {
    // The server never spawns a process (every remote code execution of OpenTSDB came from one); nothing panics on input.
    // `println!` panics where the reader has gone. What time it is, and what a time before 1970 is, only `src/clock.rs` says.
    let banned = ["process::Command", "Command::new(", "dbg!(", "static mut ", "println!(", "SystemTime::now(", "Timestamp::now("];
    let mut found = Vec::new();
    for (path, text) in rust_files("src").into_iter().filter(|(path, _)| !is_test_file(path) && path != "src/clock.rs") {
        for (n, line) in production(&text) {
            // clap's own `Command` describes a command line; it starts nothing.
            let clap = line.contains("clap::Command");
            for word in banned.iter().filter(|w| line.contains(**w) && !clap) {
                found.push(format!("{path}:{n}: {word}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together here, so that this file does not find itself.
    let marks = [["FIX", "ME"], ["XX", "X"], ["TO", "DO"], ["todo", "!("], ["unimplemented", "!("]].map(|halves| halves.concat());
    let found = places(&text_files(), &marks);
    assert!(found.is_empty(), "unfinished:\n{}", found.join("\n"));
}

#[test]
fn no_path_of_one_machine() {
    let paths = ["home", "root", "work", "Users"].map(|folder| format!("/{folder}/"));
    let found = places(&text_files(), &paths);
    assert!(found.is_empty(), "paths that only one machine has:\n{}", found.join("\n"));
}

/// Everything that people wrote here: no recordings, no lock file, nothing that is built or downloaded.
fn text_files() -> Vec<(String, String)> {
    let mut out = Vec::new();
    for top in ["src", "tests", "benches", "docs", "docker", "scripts"] {
        all_files(&root().join(top), &mut out);
    }
    out.extend(["README.md", "Cargo.toml", "create_table.sh"].map(|f| root().join(f)));
    let name = |p: &PathBuf| p.strip_prefix(root()).unwrap().display().to_string();
    out.iter().filter_map(|p| Some((name(p), std::fs::read_to_string(p).ok()?))).collect()
}

fn all_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if !path.is_dir() {
            out.push(path);
        } else if !path.ends_with("golden") && !path.ends_with("node_modules") {
            all_files(&path, out);
        }
    }
}

fn places(files: &[(String, String)], words: &[String]) -> Vec<String> {
    let lines = files.iter().flat_map(|(path, text)| text.lines().enumerate().map(move |(i, line)| (path, i + 1, line)));
    lines.filter(|(_, _, l)| words.iter().any(|w| l.contains(w.as_str()))).map(|(p, n, l)| format!("{p}:{n}: {}", l.trim())).collect()
}

#[test]
fn no_test_is_left_out() {
    let ignored = format!("#[{}", "ignore");
    let found: Vec<String> =
        rust_files("src").into_iter().chain(rust_files("tests")).filter(|(_, t)| t.contains(&ignored)).map(|(p, _)| p).collect();
    assert!(found.is_empty(), "tests that do not run: {found:?}");
}

#[test]
fn modules_say_what_they_are() {
    let silent: Vec<String> = rust_files("src").into_iter().filter(|(_, t)| !t.starts_with("//!")).map(|(p, _)| p).collect();
    assert!(silent.is_empty(), "files without a module comment: {silent:?}");
}

#[test]
fn links_of_documents_lead_somewhere() {
    let mut pages = Vec::new();
    files(&root(), "md", &mut pages);
    let mut dead = BTreeSet::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|t| t.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !page.parent().unwrap().join(target).exists() {
                dead.insert(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:?}");
}
