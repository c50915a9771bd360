//! From texts to settings: files, environment and flags are gathered as texts, then checked and resolved in one step.

use super::error::{ConfigError, Place, Problem, did_you_mean, distance};
use super::key::{Key, Origin, State, Value};
use super::properties;
use super::table::{KEYS, Settings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a file is looked for when none is named: the first that exists is read. OpenTSDB's list.
pub const SEARCH: [&str; 4] = ["opentsdb.conf", "/etc/opentsdb.conf", "/etc/opentsdb/opentsdb.conf", "/opt/opentsdb/opentsdb.conf"];

/// What every environment variable of a key begins with; the key follows in upper case, its dots as underscores.
pub const VARIABLE_PREFIX: &str = "TSDB_";

/// Defaults where no file was found: then nobody has decided who may connect, and how much may be asked.
pub const WITHOUT_FILE: [(&str, &str); 3] =
    [("tsd.network.bind", "127.0.0.1"), ("tsd.core.connections.limit", "4096"), ("tsd.query.timeout", "60000")];

/// Keys below these belong to plug-ins of the Java TSD: any of them is accepted and kept, unless it is nearly a key of the table.
pub const PLUGIN_PREFIXES: [&str; 11] = [
    "tsd.core.authentication.",
    "tsd.core.meta.cache.",
    "tsd.core.storage_exception_handler.",
    "tsd.http.rpc.",
    "tsd.plugin.",
    "tsd.rpc.",
    "tsd.rtpublisher.",
    "tsd.search.",
    "tsd.startup.",
    "tsd.timeseriesfilter.",
    "tsd.uidfilter.",
];

/// The environment variable of a key: `TSDB_TSD_NETWORK_PORT`.
pub fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// A text as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where.
    pub place: Place,
    /// The key; also keys that the table does not know.
    pub key: String,
    /// The text, without white space at its ends.
    pub text: String,
}

/// Something that the log says once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Worth knowing.
    Info(String),
    /// Something asked for does not happen.
    Warning(String),
}

/// What was set, where, and how it was spelt.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// For each key that was set: the text that counts.
    pub texts: BTreeMap<String, Text>,
    /// What the log should say about it.
    pub notices: Vec<Notice>,
}

/// Texts before they are checked, in the order in which later ones win.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    file: Option<PathBuf>,
    texts: Vec<Text>,
    problems: Vec<Problem>,
}

impl Raw {
    /// Reads a file. That it cannot be read, or not be understood, is a problem that [`Raw::resolve`] reports.
    pub fn file(&mut self, path: &Path) {
        match std::fs::read(path) {
            Ok(bytes) => self.bytes(path, &bytes),
            Err(error) => {
                let why = match error.kind() {
                    std::io::ErrorKind::NotFound => "No such file or directory".to_string(),
                    _ => error.to_string(),
                };
                self.problems.push(Problem::File { name: path.display().to_string(), why });
            }
        }
    }

    /// Reads the first file of OpenTSDB's list that exists.
    pub fn search(&mut self) {
        if let Some(path) = SEARCH.iter().map(Path::new).find(|path| path.exists()) {
            self.file(path);
        }
    }

    /// Takes the content of a file.
    pub fn bytes(&mut self, path: &Path, bytes: &[u8]) {
        self.file = Some(path.to_path_buf());
        let name: Arc<str> = path.display().to_string().into();
        match properties::parse(bytes) {
            Ok(entries) => {
                for entry in entries {
                    self.push(Place::File(name.clone(), entry.line), &entry.key, &entry.text);
                }
            }
            Err(error) => {
                self.problems.push(Problem::Syntax { place: Place::File(name, error.line), why: error.why.to_string() });
            }
        }
    }

    /// Takes those environment variables that begin with `TSDB_TSD_`.
    pub fn variables(&mut self, all: impl Iterator<Item = (String, String)>) {
        for (name, text) in all.filter(|(name, _)| name.starts_with("TSDB_TSD_")) {
            let known = KEYS.iter().find(|key| variable(key.name) == name);
            if let Some(key) = known {
                self.push(Place::Variable(name), key.name, &text);
            } else {
                let names: Vec<String> = KEYS.iter().map(|key| variable(key.name)).collect();
                let hint = did_you_mean(&name, names.iter().map(String::as_str));
                self.problems.push(Problem::UnknownKey { place: Place::Variable(name.clone()), key: name, hint });
            }
        }
    }

    /// Takes a flag of the command line, under the key that it sets.
    pub fn flag(&mut self, flag: &str, key: &str, text: &str) {
        self.push(Place::Flag(flag.to_string()), key, text);
    }

    fn push(&mut self, place: Place, key: &str, text: &str) {
        self.texts.push(Text { place, key: key.to_string(), text: text.trim().to_string() });
    }

    /// Checks every text and applies them in order; reports all problems at once.
    pub fn resolve(self) -> Result<Settings, ConfigError> {
        let mut problems = self.problems;
        let mut settings = Settings::default();
        if self.file.is_none() {
            for (name, text) in WITHOUT_FILE {
                let value = find(name).and_then(|key| key.kind.read(text, key.default).ok());
                value.into_iter().for_each(|value| settings.put(name, value));
            }
        }
        let mut given = Given { file: self.file, ..Given::default() };
        for text in self.texts {
            match check(&text) {
                Ok(Some((key, value))) => settings.put(key.name, value),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
            let name = text.key.clone();
            let place = text.place.clone();
            if let Some(before) = given.texts.insert(name.clone(), text)
                && matches!((&before.place, &place), (Place::File(..), Place::File(..)))
            {
                given.notices.push(Notice::Warning(format!("{}: {name} is set again at {place}, which counts", before.place)));
            }
        }
        for text in given.texts.values() {
            match weigh(text, &settings) {
                Ok(notice) => given.notices.extend(notice),
                Err(problem) => problems.push(problem),
            }
        }
        settings.given = given;
        if problems.is_empty() { Ok(settings) } else { Err(ConfigError(problems)) }
    }
}

/// Settings from a named file (or the first of the search list), the environment, and flags as (flag, key, text).
pub fn load(file: Option<&Path>, flags: &[(String, String, String)]) -> Result<Settings, ConfigError> {
    let mut raw = Raw::default();
    match file {
        Some(path) => raw.file(path),
        None => raw.search(),
    }
    raw.variables(std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?))));
    for (flag, key, text) in flags {
        raw.flag(flag, key, text);
    }
    raw.resolve()
}

/// The key of the table with this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key and value of a text; `None` for keys that are none of ours (asynchbase's, plug-ins').
fn check(text: &Text) -> Result<Option<(&'static Key, Value<'_>)>, Problem> {
    let Some(key) = find(&text.key) else {
        let nearly = KEYS.iter().any(|key| distance(key.name, &text.key) <= 2);
        let foreign = !text.key.starts_with("tsd.") || PLUGIN_PREFIXES.iter().any(|prefix| text.key.starts_with(prefix));
        if foreign && !nearly {
            return Ok(None);
        }
        let hint = did_you_mean(&text.key, KEYS.iter().map(|key| key.name));
        return Err(Problem::UnknownKey { place: text.place.clone(), key: text.key.clone(), hint });
    };
    match key.kind.read(&text.text, key.default) {
        Ok(value) => Ok(Some((key, value))),
        Err(allowed) => {
            let (place, name, text) = (text.place.clone(), key.name.to_string(), text.text.clone());
            Err(Problem::BadValue { place, key: name, text, allowed })
        }
    }
}

/// What the log should say about a text that counts, or why the TSD must not start with it.
fn weigh(text: &Text, settings: &Settings) -> Result<Option<Notice>, Problem> {
    let Some(key) = find(&text.key) else {
        return Ok(Some(Notice::Info(format!("{}: {} means nothing here: it belongs to asynchbase or a plug-in", text.place, text.key))));
    };
    let on = settings.get(key.name).is_some_and(|value| State::switched_on(value, key.default));
    match key.state {
        State::Ignored(note) => Ok(Some(Notice::Info(format!("{}: {} has no effect here: {note}", text.place, key.name)))),
        State::Refused(why) if on => {
            Err(Problem::Refused { place: text.place.clone(), key: key.name.to_string(), text: text.text.clone(), why })
        }
        _ => Ok(None),
    }
}

impl Settings {
    /// Effective keys and texts as `/api/config` shows them, in order of the keys: those of OpenTSDB, and whatever else
    /// the file sets. Nothing is masked here.
    pub fn all(&self) -> Vec<(String, String)> {
        let mut all = BTreeMap::new();
        for key in KEYS {
            let Some(value) = self.get(key.name) else { continue };
            let given = self.given.texts.get(key.name);
            let shown = match key.origin {
                Origin::Java | Origin::JavaEmpty => true,
                Origin::JavaUnset => given.is_some() || value != key.default,
                Origin::Ours => given.is_some_and(|text| matches!(text.place, Place::File(..))),
            };
            if shown {
                all.insert(key.name.to_string(), self.text(key, value));
            }
        }
        let foreign = self.given.texts.values().filter(|text| find(&text.key).is_none());
        all.extend(foreign.map(|text| (text.key.clone(), text.text.clone())));
        all.into_iter().collect()
    }

    /// The text as it was given, if it still says what the value is.
    fn text(&self, key: &Key, value: Value<'_>) -> String {
        match self.given.texts.get(key.name) {
            Some(given) if key.kind.read(&given.text, key.default) == Ok(value) => given.text.clone(),
            None if key.origin == Origin::JavaEmpty && value == key.default => String::new(),
            _ => value.to_string(),
        }
    }

    /// Where the settings come from, for the first lines of the log: `./opentsdb.conf`, or that there is no file.
    pub fn origin(&self) -> String {
        match &self.given.file {
            Some(path) => format!("settings from {}", path.display()),
            None => format!("no configuration file (looked for {}): built-in defaults", SEARCH.join(", ")),
        }
    }
}
