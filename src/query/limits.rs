//! How much a sub query may read: the general limits, and those of metrics whose names match a pattern of a file.
//!
//! The file (`tsd.query.limits.overrides.config`) is OpenTSDB's: `[{"regex": "^sys\\.", "byteLimit": 0, "dataPointsLimit":
//! 1000000}, ...]`, 0 means no limit. A pattern may match anywhere in the name; the first that matches counts. The file is
//! read again while the TSD runs; one that cannot be read changes nothing and is logged.

use crate::point::java_regex;
use crate::point::json::{self, JsonError};
use fancy_regex::Regex;
use parking_lot::Mutex;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most bytes of the file: every query looks through its patterns.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What one sub query may read; 0: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Bytes of rows.
    pub bytes: u64,
    /// Points.
    pub points: u64,
}

/// Limits by the metric's name.
#[derive(Debug)]
pub struct Overrides {
    path: PathBuf,
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next_look: Instant,
    rules: Arc<Vec<Rule>>,
}

#[derive(Debug)]
struct Rule {
    regex: Regex,
    limit: Limit,
}

impl Overrides {
    /// Reads the file, and again every `interval`.
    pub fn new(path: PathBuf, interval: Duration) -> Overrides {
        let state = State { next_look: Instant::now(), rules: Arc::default() };
        let overrides = Overrides { path, interval, state: Mutex::new(state) };
        overrides.rules();
        overrides
    }

    /// The limit for a metric, if the file has one.
    pub fn of(&self, metric: &str) -> Option<Limit> {
        let matches = |rule: &&Rule| rule.regex.is_match(metric).unwrap_or(false);
        self.rules().iter().find(matches).map(|rule| rule.limit)
    }

    fn rules(&self) -> Arc<Vec<Rule>> {
        let mut state = self.state.lock();
        if Instant::now() >= state.next_look {
            state.next_look = Instant::now() + self.interval;
            match self.read() {
                Ok(rules) => state.rules = Arc::new(rules),
                Err(why) => tracing::warn!("tsd.query.limits.overrides.config = {}: {why}; nothing changes", self.path.display()),
            }
        }
        state.rules.clone()
    }

    fn read(&self) -> Result<Vec<Rule>, String> {
        let mut text = Vec::new();
        let file = std::fs::File::open(&self.path).map_err(|e| e.to_string())?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(|e| e.to_string())?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("more than {FILE_BYTES_MAX} bytes (FILE_BYTES_MAX)"));
        }
        parse(&text)
    }
}

fn parse(text: &[u8]) -> Result<Vec<Rule>, String> {
    if text.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let items = json::parse(text).and_then(|value| value.array("the file")).map_err(|e| e.0)?.unwrap_or_default();
    items.into_iter().enumerate().map(|(at, item)| rule(item).map_err(|why| format!("item {}: {why}", at + 1))).collect()
}

fn rule(item: json::Json) -> Result<Rule, String> {
    let (mut regex, mut limit) = (None, Limit::default());
    let number = |key: &str, value: json::Json| {
        let number = value.integer(key).map_err(|e: JsonError| e.0)?;
        u64::try_from(number).map_err(|_| format!("'{key}' must be 0 or greater"))
    };
    for (key, value) in item.object("an item").map_err(|e| e.0)? {
        match key.as_str() {
            "regex" => regex = value.text(&key).map_err(|e| e.0)?,
            "byteLimit" => limit.bytes = number(&key, value)?,
            "dataPointsLimit" => limit.points = number(&key, value)?,
            other => return Err(format!("unknown field '{other}'; known are regex, byteLimit, dataPointsLimit")),
        }
    }
    let text = regex.filter(|text| !text.is_empty()).ok_or("'regex' is missing")?;
    Ok(Rule { regex: java_regex::compile(&text).map_err(|e| format!("{text:?}: {e}"))?, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let check = |text: &str, want: Result<usize, &str>| {
            let got = parse(text.as_bytes()).map(|rules| rules.len());
            assert_eq!(got.as_ref().map_err(String::as_str), want.as_ref().map_err(|e| *e), "{text}");
        };
        check("", Ok(0));
        check("[]", Ok(0));
        check(r#"[{"regex":"^sys","byteLimit":1},{"regex":"cpu$","dataPointsLimit":"5"}]"#, Ok(2));
        check(r#"[{"byteLimit":1}]"#, Err("item 1: 'regex' is missing"));
        check(r#"[{"regex":"a","byteLimit":-1}]"#, Err("item 1: 'byteLimit' must be 0 or greater"));
        check(r#"[{"regex":"a","limit":1}]"#, Err("item 1: unknown field 'limit'; known are regex, byteLimit, dataPointsLimit"));
    }

    #[test]
    fn the_first_match_counts_and_the_file_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| std::fs::write(file.path(), text).unwrap();
        write(r#"[{"regex":"cpu","byteLimit":7},{"regex":"^sys","dataPointsLimit":9}]"#);
        let overrides = Overrides::new(file.path().into(), Duration::ZERO);
        assert_eq!(overrides.of("sys.cpu.user"), Some(Limit { bytes: 7, points: 0 }));
        assert_eq!(overrides.of("sys.mem"), Some(Limit { bytes: 0, points: 9 }));
        assert_eq!(overrides.of("app.sys"), None);
        write("not JSON");
        assert_eq!(overrides.of("sys.mem"), Some(Limit { bytes: 0, points: 9 }));
        write("[]");
        assert_eq!(overrides.of("sys.mem"), None);
    }
}
