//! Reading recorded cases, and comparing numbers.

use serde_json::Value;
use std::path::PathBuf;
use tsdb::worker::detect::NULL;

/// The cases of all files of a set whose names begin so: `read("skyline", "vectors-")`.
pub fn read(set: &str, prefix: &str) -> Vec<Value> {
    let root = std::env::var_os("TSDB_KIT").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), PathBuf::from);
    let folder = root.join("worker").join(set);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|f| f.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix)) && f.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let text = |f: &PathBuf| std::fs::read_to_string(f).unwrap_or_else(|e| panic!("{}: {e}", f.display()));
    let lines: Vec<String> = files.iter().flat_map(|f| text(f).lines().map(str::to_string).collect::<Vec<_>>()).collect();
    lines.iter().filter(|l| !l.trim().is_empty()).map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l}: {e}"))).collect()
}

/// A number; `"NaN"` and `"Infinity"` are texts, null is a point without a value.
pub fn number(value: &Value) -> f64 {
    match value {
        Value::Null => NULL,
        Value::String(text) => text.replace("Infinity", "inf").parse().unwrap_or_else(|e| panic!("{text}: {e}")),
        number => number.as_f64().unwrap_or_else(|| panic!("{number} is no number")),
    }
}

/// All of them.
pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// Equal to `tolerance` of the larger one, or of `scale` where that is more.
pub fn near(got: f64, want: f64, tolerance: f64, scale: f64) -> bool {
    got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= tolerance * got.abs().max(want.abs()).max(scale)
}

/// Fails with what was found, if anything was.
pub fn none(what: &str, cases: usize, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}: {} wrong in {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{what}: {cases} cases");
}
