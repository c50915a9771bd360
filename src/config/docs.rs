//! The table as text for people: `docs/CONFIGURATION.md` and the keys of `tsdb help config`.

use super::key::{Key, Kind, Origin, State, Value};
use super::load::{PLUGIN_PREFIXES, SEARCH, WITHOUT_FILE, variable};
use super::table::KEYS;
use std::fmt::Write;

/// Sections by the beginning of keys; the first that fits counts.
const SECTIONS: [(&str, &[&str]); 10] = [
    ("Network and connections", &["tsd.network.", "tsd.core.connections.", "tsd.core.socket.", "tsd.mode", "tsd.no_diediedie"]),
    ("HTTP", &["tsd.http.", "tsd.ui."]),
    ("Storage", &["tsd.storage."]),
    ("Queries", &["tsd.query."]),
    ("Names and their ids", &["tsd.uid.", "tsd.core.uid.", "tsd.core.auto_create", "tsd.core.preload", "tsd.core.tag."]),
    ("Rollups", &["tsd.rollups.", "tsd.core.histograms."]),
    ("Meta data and trees", &["tsd.core.meta.", "tsd.core.tree."]),
    (
        "Plug-ins of the Java TSD",
        &[
            "tsd.core.authentication.",
            "tsd.core.plugin",
            "tsd.core.storage_exception",
            "tsd.uidfilter.",
            "tsd.addins.",
            "tsd.rpc.plugins",
            "tsd.rtpublisher.",
            "tsd.search.",
            "tsd.startup.",
            "tsd.timeseriesfilter.",
        ],
    ),
    ("The worker", &["tsd.worker."]),
    ("Process, log and the rest", &[""]),
];

/// The whole of `docs/CONFIGURATION.md`.
pub fn markdown() -> String {
    let mut out = introduction();
    for section in 0..SECTIONS.len() {
        let Some((title, _)) = SECTIONS.get(section) else { continue };
        let _ = write!(out, "\n## {title}\n\n| key | default | allowed | what it does |\n| --- | --- | --- | --- |\n");
        for key in KEYS.iter().filter(|key| section_of(key) == section) {
            let _ = writeln!(out, "| `{}` | {} | {} | {} |", key.name, default(key), allowed(key), cell(&does(key)));
        }
    }
    out
}

/// The same for a terminal.
pub fn terminal() -> String {
    let mut out = String::new();
    for (section, (title, _)) in SECTIONS.iter().enumerate() {
        let _ = write!(out, "\n{title}\n");
        for key in KEYS.iter().filter(|key| section_of(key) == section && !matches!(key.state, State::Ignored(_))) {
            let default = if key.default == Value::Text("") { String::new() } else { format!(" (default: {})", key.default) };
            let _ = writeln!(out, "  {}{default}\n      {}", key.name, does(key));
        }
    }
    out
}

fn introduction() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         This page is written by `tsdb docs configuration`; the table it comes from is `src/config/table.rs`.\n\n\
         Settings come from, later ones winning:\n\n",
    );
    let _ = writeln!(out, "1. the defaults below;");
    let files: Vec<String> = SEARCH.iter().map(|path| format!("`{path}`")).collect();
    let _ = writeln!(out, "2. one file: that of `--config=FILE`, else the first of {} that exists;", files.join(", "));
    let _ = writeln!(
        out,
        "3. the environment: the key in upper case, dots as underscores, after `TSDB_`, such as `{}`;",
        variable("tsd.network.port")
    );
    let _ = writeln!(out, "4. flags: OpenTSDB's (`--port=4243`), or any key (`--tsd.network.port=4243`).");
    out.push_str(
        "\nThe file is in the syntax of Java's `.properties`, so that an `opentsdb.conf` works as it is. A key below `tsd.` that is not \
         listed here, or a value that is not allowed, stops the start with the file, the line and what is allowed. Keys that do not begin \
         with `tsd.` (asynchbase's `hbase.*` for one) are accepted, shown by `/api/config`, and have no effect.",
    );
    let prefixes: Vec<String> = PLUGIN_PREFIXES.iter().map(|prefix| format!("`{prefix}*`")).collect();
    let _ = writeln!(out, " So are keys of plug-ins: {}.\n", prefixes.join(", "));
    let strict: Vec<String> = WITHOUT_FILE.iter().map(|(key, text)| format!("`{key} = {text}`")).collect();
    let _ = writeln!(out, "**Without any file** these defaults hold instead of those below: {}.\n", strict.join(", "));
    out.push_str(
        "Marks: **ours**: OpenTSDB 2.4 does not know the key. *No effect*: accepted and logged once. *Refused*: the TSD \
         does not start while it is switched on.\n",
    );
    out
}

fn section_of(key: &Key) -> usize {
    let fits = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.name.starts_with(prefix));
    SECTIONS.iter().position(|(_, prefixes)| fits(prefixes)).unwrap_or(SECTIONS.len() - 1)
}

fn does(key: &Key) -> String {
    let help = key.help.trim();
    let ours = if key.origin == Origin::Ours { " **ours**" } else { "" };
    match key.state {
        State::Works => format!("{help}{ours}"),
        State::Ignored(note) => format!("{help} *No effect*: {note}."),
        State::Refused(note) => format!("{help} *Refused*: {note}."),
    }
}

fn default(key: &Key) -> String {
    match key.default {
        Value::Text("") => String::new(),
        value => format!("`{value}`"),
    }
}

fn allowed(key: &Key) -> String {
    match key.kind {
        Kind::Bool => "true, false".into(),
        Kind::Int(low, i64::MAX) => format!("{low} or more"),
        Kind::Int(low, high) => format!("{low} to {high}"),
        Kind::Text => "text".into(),
        Kind::Hosts => "`host:port,...`".into(),
        Kind::Zone => "time zone".into(),
        Kind::Choice(_) => key.kind.allowed(),
    }
}

/// A cell of a table: no bare pipes.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
